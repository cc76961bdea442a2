#!/bin/bash
# A node dies in the middle of a job: Slurm gives the job to the other node, where it goes on and ends
# with the file of a run that was never interrupted.
. tests/cli/lib.sh
. tests/slurm/cluster.sh
script=$PWD/slurm/camrank.sbatch
cluster_start 2
run=("$PWD/jobs/demo/demo.yaml" --set batch=4)
check "camrank run alone" "$CAMRANK" run "${run[@]}" -o "$work/alone.h5"
cp "$work/check" "$work/alone.txt"
hold_runs

host_of() { # host_of JOB: the node it runs on
    with_slurm scontrol -o show job "$1" | sed -n 's/.* BatchHost=\([^ ]*\) .*/\1/p'
}

log=$work/node.log
touch "$held"
id=$(with_slurm sbatch --parsable --nodes=1 --output="$log" "$script" "${run[@]}" \
    -o "$work/node.h5" 2>&1)
wait_for_file "$held.*"
first=$(host_of "$id")
node_dies "$first"
echo "$first died"
rm "$held"
wait_for "$id"
second=$(host_of "$id")
checks=$((checks + 3))
[ "$job_end" = "COMPLETED 0:0" ] || fail "$show: $(cat "$log")"
[[ $show = *Restarts=1* ]] || fail "it was not requeued once: $show"
[ -n "$first" ] && [ -n "$second" ] && [ "$first" != "$second" ] ||
    fail "it ran on \"$first\", then on \"$second\""
contains "$log" '^camrank: [1-9][0-9]* of 900 passes are done already$'
checks=$((checks + 1))
grep -q '^camrank: 900 of 900 passes are done already$' "$log" && fail "it had ended before"
grep 'done already$' "$log"
check "the table is that of a run alone" diff <(grep -E '^(model|gap|gmp|fc) ' "$work/alone.txt") \
    <(grep -E '^(model|gap|gmp|fc) ' "$log")
check "the file is that of a run alone" compare_h5 "$work/alone.h5" "$work/node.h5"
check "nothing is left behind" test ! -e "$work/node.h5.lock" -a ! -e "$work/node.h5.part"
cluster_stop
finish
