#!/bin/bash
# Networks whose weights are not all held at once, as docs/scaling.md says: two turns of one network.
. tests/cli/lib.sh
make_sample sample
cd "$work/sample" || exit 1
run=("$CAMRANK" run job.yaml --limit 20)
check "all networks at once" "${run[@]}" -o whole.h5
"$CAMRANK" check job.yaml >"$work/at_once" 2>&1
export CAMRANK_TEST_TURN_MB=0.001
"$CAMRANK" check job.yaml >"$work/in_turns" 2>&1
checks=$((checks + 1))
! grep -q turns "$work/at_once" || fail "more than one turn: $(cat "$work/at_once")"
contains "$work/in_turns" 'weights of all networks would take 0.1 MB: they are held in 2 turns$'

# same WHAT COMMAND...: which gives the bytes of whole.h5.
same() {
    local what=$1
    shift
    check "$what" "$@" -o f.h5 --force
    check "$what: the same bytes" cmp whole.h5 f.h5
}

for n in 1 2 3 4; do
    same "turns of $n ranks" ranks $n "${run[@]}"
done
CAMRANK_TEST_ORDER=reverse same "the last unit first" ranks 2 "${run[@]}"
CAMRANK_TEST_DRIVES_FROM=2 same "rank 0 only drives" ranks 3 "${run[@]}"
CAMRANK_NODE_RANKS=1 same "each rank has weights of its own" ranks 2 "${run[@]}"

# Of one network all is done, of the other a part.
for done in gap fc; do
    cp whole.h5 f.h5
    "$PYTHON" -c '
import h5py, sys
with h5py.File("f.h5", "r+") as f:
    f["models/" + sys.argv[1] + "/done"][8:] = 0' $done || fail "f.h5"
    check "$done goes on" ranks 2 "${run[@]}" -o f.h5 --resume
    check "$done goes on: the same bytes" cmp whole.h5 f.h5
done

# In the second turn a rank fails: while the network is loaded, while it runs. Each network agrees
# once when it is read, and once when its weights are packed; three chunks are the first turn.
for fault in 2:read_network:1:5:3 2:read_network:0:5:3 4:place_weights:3:5:2 1:place_weights:0:5:2 \
    2:work_turn:1:5:2 1:do_unit:0:5:4; do
    rm -f f.h5
    export CAMRANK_FAULT=${fault#*:}
    run_into "$work" ranks "${fault%%:*}" "${run[@]}" -o f.h5
    unset CAMRANK_FAULT
    checks=$((checks + 1))
    [ "$(cat "$work/code")" = 5 ] && [ "$(grep -c 'fails, as CAMRANK_FAULT asks$' "$work/err")" = 1 ] ||
        fail "$fault: exit $(cat "$work/code"): $(cat "$work/err")"
    check "after $fault" ranks 2 "${run[@]}" -o f.h5 --resume
    check "after $fault: the same bytes" cmp whole.h5 f.h5
done
check "networks that change, a stop" "$PYTHON" "$cli/turns.py" "$work/sample"
finish
