#!/bin/bash
# Where memory or processes are short, a run ends with one line and exit code 5, or does its work:
# never a hang, alone or on one rank of two.
. tests/cli/lib.sh
[ -n "${CAMRANK_TEST_ASAN:-}" ] && skip "AddressSanitizer reserves more address space than any limit"
make_sample sample
cd "$work/sample" || exit 1

# limited KB COMMAND...: with so much address space.
limited() {
    (ulimit -v "$1" && shift && exec "$@")
}
cat >rank.sh <<R
#!/bin/bash
[ "\$OMPI_COMM_WORLD_RANK" = 1 ] && ulimit -v \$LIMIT
exec "$CAMRANK" run job.yaml --output pair.h5 --force
R
chmod +x rank.sh

# ended FOLDER WHAT: exit code 5 and a line, which is the only one or, where memory ends later, the last; or 0.
ended() {
    [ "$(cat "$1/code")" = 0 ] && checks=$((checks + 1)) && return
    tail -n 1 "$1/err" >"$1/last" && mv "$1/last" "$1/err"
    judge "$1" 5 'camrank: *out of memory*' "$2"
}

expect 0 '' limited 150000 timeout 300 "$CAMRANK" --help
expect 0 '' limited 150000 timeout 300 "$CAMRANK" run --help
for kb in 100000 150000 200000 250000 300000 400000 500000 700000; do
    run_into "$work/alone" limited $kb timeout 300 "$CAMRANK" run job.yaml --output alone.h5 --force
    ended "$work/alone" "alone with $kb kB"
    LIMIT=$kb run_into "$work/pair" timeout 300 mpirun -q -n 2 ./rank.sh
    ended "$work/pair" "rank 1 with $kb kB"
done
[ "$(cat "$work/pair/code")" = 0 ] || fail "700 MB are not enough: $(cat "$work/pair/err")"

# OpenBLAS starts no threads of its own, before main or later: what reads ahead is one, MPI's are two.
OPENBLAS_NUM_THREADS=32 "$CAMRANK" run job.yaml --output threads.h5 --force >"$work/out" 2>"$work/err" &
most=0
while [ -d /proc/$! ]; do
    n=$(ls /proc/$!/task 2>/dev/null | wc -l)
    [ "$n" -gt "$most" ] && most=$n
done
wait $!
checks=$((checks + 1))
[ "$most" -le 8 ] || fail "a rank has $most threads"
finish
