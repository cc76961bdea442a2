#!/bin/bash
# The results are the same bits at any number of ranks and in any order of the chunks.
. tests/cli/lib.sh
make_sample sample

# run_as NAME RANKS OPTIONS...: a run into NAME.h5, its table in NAME.txt, its JSON in NAME.json.
# The file's name is not part of the content.
run_as() {
    local name=$1 n=$2
    shift 2
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run "$work/sample/job.yaml" -o "$work/$name.h5" "$@" \
        >"$work/out" 2>"$work/err" || fail "$name: exit $?: $(cat "$work/err")"
    grep -v '^results: ' "$work/out" >"$work/$name.txt"
    "$CAMRANK" report "$work/$name.h5" --format json >"$work/$name.json"
}

same_as() { # same_as NAME REFERENCE
    check "$1 is $2, bit by bit" compare_h5 "$work/$2.h5" "$work/$1.h5"
    check "$1 prints the table of $2" diff "$work/$2.txt" "$work/$1.txt"
    check "$1 gives the JSON of $2" diff "$work/$2.json" "$work/$1.json"
}

# Every row must have been computed: two empty files would be the same, too.
all_done() { # all_done NAME IMAGES
    check "$1: all $2 rows are done, and maps and boxes are not constant" "$PYTHON" - "$work/$1.h5" "$2" <<'PYTHON'
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1], "r") as f:
    for model in f["models"].values():
        assert (model["done"][()] == 1).all() and len(model["done"]) == int(sys.argv[2])
        for variant in (v for v in model.values() if isinstance(v, h5py.Group)):
            maps, boxes = variant["maps"][()], variant["cam-paper/boxes"][()]
            assert np.isfinite(maps).all() and maps.std() > 0
            assert len(np.unique(boxes.reshape(-1, boxes[0].size), axis=0)) > len(boxes) // 2
PYTHON
}

# 37 images in chunks of 8: the last one is partial.
run_as one 1
all_done one 37
for n in 2 3 4; do
    run_as "ranks$n" $n
    same_as "ranks$n" one
done
export CAMRANK_TEST_ORDER=reverse
for n in 1 3; do
    run_as "reverse$n" $n
    same_as "reverse$n" one
done
unset CAMRANK_TEST_ORDER
# Rank 0 hands out and does not work, as among many ranks.
export CAMRANK_TEST_DRIVES_FROM=2
for n in 2 4; do
    run_as "drives$n" $n
    same_as "drives$n" one
done
unset CAMRANK_TEST_DRIVES_FROM

# A rank of one CPU only reads ahead, one of two decodes, too.
cpus=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
check "the test is bound to one CPU" taskset -pc "${cpus%%[-,]*}" $$
for n in 1 2; do
    run_as "bound$n" $n
    same_as "bound$n" one
done
check "and to all again" taskset -pc "$cpus" $$

# One image a chunk.
run_as single1 1 --set batch=1 --limit 7
run_as single4 4 --set batch=1 --limit 7
all_done single1 7
same_as single4 single1

# One chunk larger than the set, under two models: two ranks of four have no work.
run_as whole1 1 --set batch=64
run_as whole4 4 --set batch=64
all_done whole1 37
same_as whole4 whole1

# Several protocols, one of them with two boxes.
protocols='protocols=[cam-paper, {name: gradcam-paper, as: low}, kaggle, googlenet-gap-top5, wsol-v1]'
run_as several1 1 --set "$protocols"
for n in 2 3; do
    run_as several$n $n --set "$protocols"
    same_as several$n several1
done
check "a protocol has the boxes it has alone" "$PYTHON" - "$work/one.h5" "$work/several1.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1]) as one, h5py.File(sys.argv[2]) as several:
    assert list(several["models/fc/grad-cam"]) == [
        "cam-paper", "done", "empty", "googlenet-gap-top5", "kaggle", "levels", "low", "maps", "reason"]
    for name in ("boxes", "iou"):
        a, b = (f[f"models/gap/cam/cam-paper/{name}"][()] for f in (one, several))
        assert (a == b).all()
    assert several["models/gap/cam/googlenet-gap-top5/boxes"].shape == (37, 6, 2, 4)
    assert (one["models/gap/cam/levels"][()] == several["models/gap/cam/levels"][()]).all()
PYTHON

# Half precision, some maps only.
run_as half1 1 --set heatmaps.type=float16 --set heatmaps.classes=truth
run_as half3 3 --set heatmaps.type=float16 --set heatmaps.classes=truth
same_as half3 half1

# The comparison itself must see one bit.
cp "$work/one.h5" "$work/bit.h5"
check "a bit is flipped" "$PYTHON" - "$work/bit.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1], "r+") as f:
    maps = f["models/fc/grad-cam/maps"]
    values = maps[()]
    values.reshape(-1).view("u4")[1234] ^= 1
    maps[...] = values
PYTHON
checks=$((checks + 1))
compare_h5 "$work/one.h5" "$work/bit.h5" >"$work/out" && fail "compare_h5.py misses a flipped bit"
contains "$work/out" "^/models/fc/grad-cam/maps: other bytes$"
finish
