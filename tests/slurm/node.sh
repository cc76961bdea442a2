#!/bin/bash
# A node dies in the middle of a job: Slurm gives the job to the other node, where it goes on and ends
# with the file of a run that was never interrupted.
. tests/cli/lib.sh
. tests/slurm/cluster.sh
script=$PWD/slurm/camrank.sbatch demo=$PWD/jobs/demo
cluster_start 2
export CAMRANK

# The sample four times over, so that there is time to die.
mkdir "$work/demo" "$work/demo/images"
for copy in a b c d; do
    for image in "$demo"/images/*; do
        ln -s "$image" "$work/demo/images/${copy}_${image##*/}"
    done
done
ln -s "$demo"/*.onnx "$demo/synsets.txt" "$demo/demo.yaml" "$work/demo"
awk 'NR == 1 { print; next } { print "a_" $0 "\nb_" $0 "\nc_" $0 "\nd_" $0 }' \
    "$demo/ground_truth.csv" >"$work/demo/ground_truth.csv"
run=("$work/demo/demo.yaml" --set batch=4)
check "camrank run alone" "$CAMRANK" run "${run[@]}" -o "$work/alone.h5"
cp "$work/check" "$work/alone.txt"

host_of() { # host_of JOB: the node it runs on
    with_slurm scontrol -o show job "$1" | sed -n 's/.* BatchHost=\([^ ]*\) .*/\1/p'
}

log=$work/node.log
id=$(with_slurm sbatch --parsable --nodes=1 --output="$log" "$script" "${run[@]}" \
    -o "$work/node.h5" 2>&1)
for i in $(seq 600); do
    [ -e "$work/node.h5" ] && break
    sleep 0.05
done
first=$(host_of "$id")
sleep 0.5
node_dies "$first"
echo "$first died"
wait_for "$id" 150
second=$(host_of "$id")
checks=$((checks + 3))
[ "$job_end" = "COMPLETED 0:0" ] || fail "$show: $(cat "$log")"
[[ $show = *Restarts=1* ]] || fail "it was not requeued once: $show"
[ -n "$first" ] && [ -n "$second" ] && [ "$first" != "$second" ] ||
    fail "it ran on \"$first\", then on \"$second\""
contains "$log" '^camrank: [0-9]* of 3600 passes are done already$'
checks=$((checks + 1))
grep -q '^camrank: 3600 of 3600 passes are done already$' "$log" && fail "it had ended before"
grep 'done already$' "$log"
check "the table is that of a run alone" diff <(grep -E '^(model|gap|gmp|fc) ' "$work/alone.txt") \
    <(grep -E '^(model|gap|gmp|fc) ' "$log")
check "the file is that of a run alone" compare_h5 "$work/alone.h5" "$work/node.h5"
check "nothing is left behind" test ! -e "$work/node.h5.lock" -a ! -e "$work/node.h5.part"
cluster_stop
finish
