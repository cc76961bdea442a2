#!/bin/bash
# slurm/variants.sbatch: an array over the networks of a job, merged into the file of one run, also
# when a task had to go back into the queue; and what becomes of it when a task fails.
. tests/cli/lib.sh
. tests/slurm/cluster.sh
script=$PWD/slurm/variants.sbatch job=$PWD/jobs/demo/demo.yaml
cluster_start 2
cd "$work" || exit 1
check "camrank run alone" "$CAMRANK" run "$job" --set batch=4 -o whole.h5
cp check whole.txt

# The first go of each part stops before it has done anything, that of the last when the others have
# gone on: it may not take them with it, and its job id is that of the array.
cat >camrank <<END
#!/bin/bash
part=\$(sed -n 's,.*--part \([1-3]\)/3.*,\1,p' <<<"\$*")
if [ "\$1" = run ] && [ -n "\$part" ] && [ -z "\${SLURM_RESTART_COUNT:-}" ]; then
    case "\$*" in *broken*) [ "\$part" = 2 ] && echo "camrank: broken" >&2 && exit 3 || exit 75 ;; esac
    for other in 1 2; do
        until [ "\$part" != 3 ] || [ -e again\$other.\$SLURM_ARRAY_JOB_ID ]; do sleep 0.2; done
    done
    exit 75
fi
[ -z "\$part" ] || touch again\$part.\${SLURM_ARRAY_JOB_ID:-}
exec '$CAMRANK' "\$@"
END
chmod +x camrank
export CAMRANK=$PWD/camrank

# start PARTS ARGUMENTS...: the ids are then in $array and $merge.
start() {
    local parts=$1
    shift
    checks=$((checks + 1))
    CAMRANK_PARTS=$parts with_slurm bash "$script" "$@" >said 2>&1 || fail "$*: $(cat said)"
    array=$(sed -n 's/^variants.sbatch: array \([0-9]*\) computes, job [0-9]* merges$/\1/p' said)
    merge=$(sed -n 's/^variants.sbatch: array [0-9]* computes, job \([0-9]*\) merges$/\1/p' said)
}

ended() { # ended WHAT HOW
    checks=$((checks + 1))
    [ "$job_end" = "$2" ] || fail "$1 ended as $job_end, expected $2: $(tail -n 5 camrank-*.log)"
}

start 3 "$job" all.h5 --set batch=4
wait_for "$merge"
ended "the merge" "COMPLETED 0:0"
log=camrank-merge-$merge.log
contains "$log" '^camrank: 3 models of 3 files, 300 images$'
contains "$log" '^results: all.h5$'
check "the table is that of one run" diff <(grep -E '^(model|gap|gmp|fc) ' whole.txt) \
    <(grep -E '^(model|gap|gmp|fc) ' "$log")
check "the merged file is that of one run" compare_h5 whole.h5 all.h5
for part in 1 2 3; do
    log=camrank-$array-$part.log
    contains "$log" '^camrank: job demo, 300 images, 1 model, 2 ranks$'
    contains "$log" "^results: all.$part.h5$"
    goes=$(grep -E '^variants.sbatch: |^camrank: job |done already$' "$log")
    check "part $part goes twice: $goes" test "$goes" = \
        'variants.sbatch: back into the queue after go 1
camrank: job demo, 300 images, 1 model, 2 ranks'
done

# The same command again computes nothing, and ends with the same file.
start 3 "$job" all.h5 --set batch=4
wait_for "$merge"
ended "the merge, once more" "COMPLETED 0:0"
contains "camrank-$array-3.log" '^camrank: 300 of 300 images are done already$'
check "the merged file stays" compare_h5 whole.h5 all.h5

for part in 1 2 3; do
    contains said "^variants.sbatch: task $part: [a-z]*$"
done

# A task that fails: nothing is merged, and the logs say what goes on.
start 3 "$job" broken.h5 --limit 3
wait_for "$merge"
ended "the merge of a failed array" "FAILED 3:0"
contains "camrank-$array-2.log" '^variants.sbatch: task 2 of 3 ended with exit code 3; once what is named above'
contains "camrank-merge-$merge.log" "to go on: CAMRANK_PARTS=3 bash .*variants.sbatch $job broken.h5 --limit 3$"
check "nothing is merged" test ! -e broken.h5

# What could not run is not submitted.
checks=$((checks + 1))
CAMRANK_PARTS=4 with_slurm bash "$script" "$job" four.h5 --limit 3 >said 2>&1
[ $? = 3 ] || fail "four parts of three networks: $(cat said)"
contains said '^camrank: --part 1/4: has no model: the job has 3, '
contains said '^variants.sbatch: task 1 of 4 could not run; nothing was submitted$'

checks=$((checks + 1))
bash "$script" "$job" >said 2>&1
[ "$? $(cat said)" = "2 usage: bash slurm/variants.sbatch JOB.yaml OUT.h5 [options of camrank run]" ] ||
    fail "one argument: $(cat said)"
cluster_stop
finish
