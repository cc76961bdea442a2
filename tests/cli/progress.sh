#!/bin/bash
# How far a run is: a bar of one line on a terminal, also behind mpirun, no wider than it; and what it says of
# cores that have nothing to do.
. tests/cli/lib.sh
make_sample sample
cd "$work/sample" || exit 1

for n in 1 2; do
    for width in 100 60 30; do
        start=("$CAMRANK")
        [ $n = 1 ] || start=(mpirun -q -n $n "$CAMRANK")
        timeout 300 "$PYTHON" "$cli/progress.py" $width "${start[@]}" run job.yaml --force >"$work/seen" 2>&1 ||
            fail "$n ranks: $(cat "$work/seen")"
        check "a bar at $n ranks, $width columns" "$PYTHON" - "$work/seen" $width <<'END'
import re, sys
seen, width = open(sys.argv[1], "rb").read().decode(), int(sys.argv[2])
drawn = re.findall(r"\r([^\r\n]*)\x1b\[K", seen)
assert drawn and drawn[-1] == "", seen[:300]  # the last one takes it away
bars = [d for d in drawn if d]
assert bars and all("of 74 passes" in d or width < 40 for d in bars), bars
assert all(len(d) < width for d in bars), bars
assert all(d.startswith("[") == (width > 50) for d in bars), bars
before = seen.split("\r" + bars[0])[0]
assert before.endswith("\n") and seen.count("\n[") == 0
END
    done
    run_into "$work" ranks $n "$CAMRANK" run job.yaml --force
    checks=$((checks + 1))
    grep -q $'\r\\|\x1b' "$work/err" && fail "a bar in a file: $(cat -A "$work/err")"
done

# More idle cores than ranks: a line, which names no more ranks than there is work for.
idle() { # idle CORES RANKS LINE, which is empty for none
    CAMRANK_TEST_CORES=$1 run_into "$work" ranks "$2" "$CAMRANK" run job.yaml --force
    if [ -n "$3" ]; then
        contains "$work/err" "^camrank: $3\$"
    else
        checks=$((checks + 1))
        grep -q 'nothing to do' "$work/err" && fail "$1 cores, $2 ranks: $(cat "$work/err")"
    fi
}
idle 4 1 '3 of 4 cores here have nothing to do: mpirun -n 4 camrank run ... takes them'
idle 64 2 '62 of 64 cores here have nothing to do: mpirun -n 10 camrank run ... takes them'
idle 2 1 ''
idle 4 2 ''
idle 0 1 ''
finish
