#!/bin/bash
# Models with external data are the same models; what is wrong with their files is one line on all
# ranks, before memory is taken.
. tests/cli/lib.sh
make_sample sample
"$PYTHON" tests/cli/external.py "$work/sample" || exit 1
cd "$work/sample" || exit 1
job="job.yaml --set models.0.file=one.onnx --set models.1.file=many/many.onnx"

# run_as NAME RANKS ARGUMENTS...: a run into NAME.h5, its errors in NAME.csv.
run_as() {
    local name=$1 n=$2
    shift 2
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run "$@" -o "$name.h5" >"$work/out" 2>"$work/err" ||
        fail "$name: exit $?: $(cat "$work/err")"
    "$CAMRANK" report "$name.h5" --format csv >"$name.csv"
}

run_as inside 1 job.yaml
# shellcheck disable=SC2086 # a command line
for n in 1 2 4; do
    run_as "outside$n" $n $job
    check "the errors of outside$n" diff inside.csv "outside$n.csv"
done
# Two nodes of two ranks, that have to be told over the network.
# shellcheck disable=SC2086
CAMRANK_NODE_RANKS=2 run_as nodes 4 $job
check "the errors over two nodes" diff inside.csv nodes.csv
check "over two nodes the file is the same" compare_h5 outside1.h5 nodes.h5
check "maps, boxes and logits are those of the models without external data" "$PYTHON" - <<'PYTHON'
import h5py
import numpy as np
with h5py.File("inside.h5") as a, h5py.File("outside4.h5") as b:
    names = []
    a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    names = [name for name in names if name.startswith("models/")]
    assert len(names) > 10
    for name in names:
        assert a[name][()].tobytes() == b[name][()].tobytes(), name
PYTHON
# As docs/format.md says it can be made.
check "the sum is of the model and its files" "$PYTHON" - "$(sha256sum one.onnx one.data |
    cut -d ' ' -f 1 | sha256sum | cut -d ' ' -f 1)" <<'PYTHON'
import sys
import h5py
with h5py.File("outside1.h5") as f:
    sums = [f[f"models/{name}"].attrs["sha256"] for name in ("gap", "fc")]
assert sums[0] == sys.argv[1].encode() and sums[1] != sums[0], (sums, sys.argv[1])
PYTHON
check "inspect reads external data" "$CAMRANK" inspect many/many.onnx
"$CAMRANK" inspect one.onnx | tail -n +2 >one.txt
"$CAMRANK" inspect gap.onnx | tail -n +2 >gap.txt
check "inspect prints the same of both" diff one.txt gap.txt

# refused LINE MODEL: a run with this model and inspect, at 1, 2 and 4 ranks.
refused() {
    local n
    expect 3 "camrank: $1" "$CAMRANK" inspect "$2"
    for n in 1 2 4; do
        run_into "$work/$n" ranks $n "$CAMRANK" run job.yaml -o refused.h5 --set "models.0.file=$2"
        judge "$work/$n" 3 "camrank: $1" "$2 at $n ranks"
    done
    [ ! -e refused.h5 ] || fail "$2: leaves a results file"
}

outside="which is no path inside the model's folder"
refused '*above.onnx: tensor conv1.w has its data in "../one.data", '"$outside" above.onnx
refused '*absolute.onnx: tensor conv1.w has its data in "/*/one.data", '"$outside" absolute.onnx
refused '*long.onnx: tensor conv1.w holds 4000 bytes, its shape needs 864' long.onnx
cp one.data whole.data
truncate -s -1 one.data
refused '*/one.data: has 8903 bytes, but *one.onnx uses 8904 of it: it is cut off, or *' one.onnx
rm one.data
refused '*/one.data: No such file or directory' one.onnx
mkdir one.data
refused '*/one.data: not a regular file' one.onnx
rmdir one.data
mkfifo one.data
refused '*/one.data: not a regular file' one.onnx
rm one.data
ln -s whole.data one.data
check "a symbolic link is followed" "$CAMRANK" inspect one.onnx

# A file that is longer than what is used is fine, and the rest does not count.
rm one.data
{ cat whole.data && head -c 100000 /dev/zero; } >one.data
# shellcheck disable=SC2086
run_as longer 2 $job
check "the rest of a longer file does not count" compare_h5 outside1.h5 longer.h5
finish
