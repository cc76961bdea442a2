#!/bin/bash
# slurm/camrank.sbatch on a real Slurm: by srun and by mpirun, and when the job is wrong.
. tests/cli/lib.sh
. tests/slurm/cluster.sh
script=$PWD/slurm/camrank.sbatch
cluster_start
make_sample sample
cd "$work/sample" || exit 1
export CAMRANK

ended() { # ended NAME HOW
    checks=$((checks + 1))
    [ "$job_end" = "$2" ] || fail "job $1 ended as $job_end, expected $2: $(cat "$work/$1.log")"
}

"$CAMRANK" run job.yaml -o "$work/alone.h5" >"$work/alone.txt" 2>&1 || fail "camrank run alone"
for launch in 'srun --mpi=pmix' mpirun; do
    name=${launch%% *}
    CAMRANK_LAUNCH=$launch submit $name "$script" job.yaml --output "$work/$name.h5"
    ended $name "COMPLETED 0:0"
    contains "$work/$name.log" "^camrank: job sample, 37 images x 2 models = 74 passes, 2 ranks$"
    contains "$work/$name.log" "^camrank: 74 passes in "
    contains "$work/$name.log" "^results: $work/$name.h5$"
    check "$name prints the table" diff <(grep -E '^(model|gap|fc) ' "$work/alone.txt") \
        <(grep -E '^(model|gap|fc) ' "$work/$name.log")
    check "$name gives the bits of a run alone" compare_h5 "$work/alone.h5" "$work/$name.h5"
done

# srun is what the script takes by itself; the lines of the script can be overridden.
submit three --ntasks=1 "$script" job.yaml --limit 3 --output "$work/three.h5"
ended three "COMPLETED 0:0"
contains "$work/three.log" "^camrank: job sample, 3 images x 2 models = 6 passes, 1 rank$"

submit wrong "$script" none.yaml
ended wrong "FAILED 3:0"
contains "$work/wrong.log" "^camrank: none.yaml: No such file or directory$"
checks=$((checks + 1))
[ "$(grep -c '^camrank: ' "$work/wrong.log")" = 1 ] || fail "more than one line of camrank"

# Slurm takes what camrank check suggests.
{ echo '#!/bin/bash' && "$CAMRANK" check job.yaml | sed -n 's/^ *#SBATCH/#SBATCH/p' &&
    echo 'echo "$SLURM_NTASKS tasks of $SLURM_MEM_PER_CPU MB"'; } >suggested.sh
submit suggested suggested.sh
ended suggested "COMPLETED 0:0"
[[ $show = *" TimeLimit=00:05:00 "* ]] || fail "the time is not that of the suggestion: $show"
contains "$work/suggested.log" "^1 tasks of [1-9][0-9]*00 MB$"

cluster_stop
check "no process of the cluster is left" test -z "$(cluster_processes)"
finish
