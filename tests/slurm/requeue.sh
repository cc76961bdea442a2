#!/bin/bash
# A job that Slurm warns stops, goes back into the queue, goes on and ends with the right file.
. tests/cli/lib.sh
. tests/slurm/cluster.sh
script=$PWD/slurm/camrank.sbatch job=$PWD/jobs/demo/demo.yaml
cluster_start
check "camrank run alone" "$CAMRANK" run "$job" --set batch=4 -o "$work/alone.h5"
hold_runs
for launch in 'srun --mpi=pmix' mpirun; do
    name=${launch%% *}
    rm -f "$told" "$held".*
    touch "$held"
    id=$(CAMRANK_LAUNCH=$launch with_slurm sbatch --parsable --output="$work/$name.log" "$script" \
        "$job" --set batch=4 -o "$work/$name.h5" 2>&1)
    wait_for_file "$held.*"
    with_slurm scancel -s USR1 -b "$id"
    wait_for_file "$told"
    rm "$held"
    # Slurm waits before it starts a job again: until the credentials have expired.
    wait_for "$id"
    checks=$((checks + 2))
    [ "$job_end" = "COMPLETED 0:0" ] || fail "$name: $show: $(cat "$work/$name.log")"
    [[ $show = *Restarts=1* ]] || fail "$name: it was not requeued once: $(cat "$work/$name.log")"
    contains "$work/$name.log" '^camrank: stopped with [0-9]* of 900 passes done; to go on: '
    contains "$work/$name.log" '^camrank.sbatch: back into the queue after go 1$'
    contains "$work/$name.log" '^camrank: [1-9][0-9]* of 900 passes are done already$'
    contains "$work/$name.log" "^results: $work/$name.h5$"
    check "$name gives the bits of a run alone" compare_h5 "$work/alone.h5" "$work/$name.h5"
done
cluster_stop
finish
