#!/bin/bash
# An image that is none fails alone: it is named, counted as the job says, and leaves the rows of
# the images beside it as they are.
. tests/cli/lib.sh
make_sample sample
cp -r "$work/sample" "$work/damaged"
cd "$work/damaged" || exit 1
good_file() { cat "$work/sample/images/$1"; }

# Two in the second chunk of eight, two in the third; four ways not to be an image.
: >images/img_010.jpg
echo "no image" >images/img_012.JPEG
good_file img_020.png | head -c 3000 >images/img_020.png
good_file img_021.JPEG | head -c 1200 >images/img_021.JPEG
bad=img_010,img_012,img_020,img_021

expect_run() { # expect_run RANKS JOB OUTPUT OPTIONS...
    local n=$1 job=$2 output=$3
    shift 3
    run_into "$work" ranks "$n" "$CAMRANK" run "$job" -o "$output" "$@"
    checks=$((checks + 1))
    [ "$(cat "$work/code")" = 0 ] ||
        fail "$job $* at $n ranks: exit $(cat "$work/code"): $(cat "$work/err")"
}

expect_run 1 ../sample/job.yaml "$work/good.h5"
expect_run 1 job.yaml "$work/one.h5"
cp "$work/out" "$work/table.txt"
expect_run 3 job.yaml "$work/three.h5"
expect_run 2 job.yaml "$work/skip.h5" --set dataset.failed=skip
check "3 ranks are 1 rank" compare_h5 "$work/one.h5" "$work/three.h5"
check "the other images have their own bits" \
    compare_h5 "$work/good.h5" "$work/one.h5" --but-images $bad
check "dataset.failed changes no row" compare_h5 "$work/good.h5" "$work/skip.h5" --but-images $bad

# The table names them, with the file and the reason.
contains "$work/table.txt" "^4 images failed and are counted as wrong:$"
contains "$work/table.txt" "^  img_010 (gap): img_010.jpg: ."
contains "$work/table.txt" "^  img_012 (gap): img_012.JPEG: ."
"$CAMRANK" report "$work/skip.h5" >"$work/table.txt"
contains "$work/table.txt" "^4 images failed and are left out:$"
contains "$work/table.txt" "localization over 33 images, no blacklist$"
contains "$work/table.txt" "; classification over 33 images.$"

check "rows, reports and counts agree" "$PYTHON" - "$CAMRANK" "$work" $bad <<'PYTHON'
import json
import subprocess
import sys
import h5py
import numpy as np

camrank, work, bad = sys.argv[1], sys.argv[2], sys.argv[3].split(",")


def rows_are_blank(f, i):
    for model in f["models"].values():
        assert model["done"][i] == 2 and (model["size"][i] == 0).all()
        assert model["reason"][i].decode().startswith(f["images/file"][i].decode() + ": ")
        assert (model["top_class"][i] == -1).all() and np.isnan(model["truth_logit"][i])
        for variant in (v for v in model.values() if isinstance(v, h5py.Group)):
            assert np.isnan(variant["maps"][i]).all() and (variant["levels"][i] == 0).all()
            found = variant["cam-paper"]
            assert np.isnan(found["iou"][i]).all() and (found["boxes"][i] == -1).all()


def error(right, n):
    return 100 * (n - right) / n


for name, n in (("one", 37), ("skip", 33)):
    report = json.loads(subprocess.run([camrank, "report", f"{work}/{name}.h5", "--format", "json"],
                                       check=True, capture_output=True).stdout)
    assert report["dataset"]["images"] == 37 and report["dataset"]["failed"] == 4
    named = [(f["model"], f["image"]) for f in report["failures"]]
    assert named == [(m, i) for m in ("gap", "fc") for i in bad], named
    with h5py.File(f"{work}/{name}.h5") as f:
        ids = [i.decode() for i in f["images/id"][()]]
        for i in bad:
            rows_are_blank(f, ids.index(i))
        label, rows = f["images/label"][()], iter(report["rows"])
        for m in ("gap", "fc"):
            top = f[f"models/{m}/top_class"][()]
            assert ((top == -1).all(axis=1) == [i in bad for i in ids]).all()
            for v in ["cam", "grad-cam", "grad-cam@conv1"][m == "fc":]:
                row, iou = next(rows), f[f"models/{m}/{v}/cam-paper/iou"][()]
                known = (iou[:, 5] >= 0.5).sum()
                first = ((top[:, 0] == label) & (iou[:, 0] >= 0.5)).sum()
                assert (row["model"], row["variant"], row["images"]) == (m, v, n), row
                assert row["top1_cls_error"] == error((top[:, 0] == label).sum(), n), row
                assert row["top5_cls_error"] == error((top == label[:, None]).any(1).sum(), n), row
                assert row["top1_loc_error"] == error(first, n), row
                assert row["gt_known_loc_error"] == error(known, n), row
                assert row["outcomes"]["failed"] == n - 33 == row["gt_known_outcomes"]["failed"]
                assert sum(row["outcomes"].values()) == n == row["max_box_acc_images"], row
PYTHON

for image in ${bad//,/ }; do
    expect 3 "camrank: *one.h5: image $image failed: $image.*: *" \
        "$CAMRANK" show "$work/one.h5" $image -o "$work/x.png"
done
[ -e "$work/x.png" ] && fail "show of a failed image leaves a picture"

# So does one beyond the limit, which show has too.
cd "$work/sample" || exit 1
"$PYTHON" -c 'from PIL import Image; Image.new("RGB", (1001, 1000)).save("images/img_020.png")'
beyond='img_020.png: 1001 x 1000 pixels, more than the limit of 1 million (image_mpixels)'
expect_run 1 job.yaml "$work/beyond.h5" --set limits.image_mpixels=1
contains "$work/out" "^  img_020 (gap): $beyond$"
expect_run 1 job.yaml "$work/within.h5"
show=("$CAMRANK" show "$work/within.h5" img_020 -o "$work/y.png")
check "show within the limit" "${show[@]}"
expect 3 "camrank: the image is needed for the picture *$beyond" "${show[@]}" --image-mpixels 1
expect 2 'camrank: --image-mpixels 0: must be a whole number of at least 1' \
    "${show[@]}" --image-mpixels 0

# And one whose logits overflow: here about half of them.
"$PYTHON" - <<'PYTHON' || fail "overflow.onnx"
import onnx
from onnx import numpy_helper

model = onnx.load("gap.onnx")
for tensor in model.graph.initializer:
    scale = {"conv1.w": 1e30, "conv1.b": 0, "conv2.b": 0, "logits.w": 1e10}.get(tensor.name, 1)
    values = numpy_helper.to_array(tensor)
    if tensor.name == "conv1.w":
        values = abs(values)
    tensor.CopyFrom(numpy_helper.from_array((values * scale).astype(values.dtype), tensor.name))
onnx.save(model, "overflow.onnx")
PYTHON
expect_run 2 job.yaml "$work/overflow.h5" --set models.0.file=overflow.onnx
contains "$work/out" "^[1-3][0-9] images failed and are counted as wrong:$"
contains "$work/out" "^  img_0.. (gap): a logit is not finite$"
check "no table holds what is not finite" "$PYTHON" - "$CAMRANK" "$work/overflow.h5" <<'PYTHON'
import json
import re
import subprocess
import sys


def report(form):
    return subprocess.run([sys.argv[1], "report", sys.argv[2], "--format", form], check=True,
                          capture_output=True, text=True).stdout


whole = json.loads(report("json"), parse_constant=lambda word: sys.exit(word))
failed = [r["outcomes"]["failed"] for r in whole["rows"] if r["model"] == "gap"]
assert failed == [len(whole["failures"])] * 3 and 0 < failed[0] < 37, failed
assert {f["reason"] for f in whole["failures"]} == {"a logit is not finite"}
for form in ("text", "csv", "markdown", "latex"):
    assert not re.search(r"\b(nan|inf)\b", report(form), re.IGNORECASE), form
PYTHON

# As if all had been resized to a quarter after they were annotated: no command scores that.
timeout 30 "$CAMRANK" export "$work/within.h5" --format npy --model gap --method cam -o maps >"$work/out"
"$PYTHON" - <<'PYTHON'
import os
from PIL import Image

os.mkdir("wsol")
with open("ground_truth.csv") as f:
    rows = [line.strip().split(",") for line in f][1:]
sets = {name: open("wsol/" + name + ".txt", "w")
        for name in ("image_ids", "class_labels", "image_sizes", "localization")}
with open("synsets.txt") as f:
    classes = [line.split()[0] for line in f]
files = {os.path.splitext(name)[0]: name for name in os.listdir("images")}
resized = open("resized.csv", "w")
print("ImageId,PredictionString", file=resized)
for i, text in rows:
    words = text.split()
    width, height = Image.open("images/" + files[i]).size
    for name, value in (("image_ids", ""), ("class_labels", f",{classes.index(words[0])}"),
                        ("image_sizes", f",{4 * width},{4 * height}")):
        print(files[i] + value, file=sets[name])
    boxes = [[str(4 * int(v)) for v in words[b + 1:b + 5]] for b in range(0, len(words), 5)]
    for box in boxes:
        print(",".join([files[i], *box]), file=sets["localization"])
    print(i + "," + " ".join(" ".join([words[0], *box]) for box in boxes), file=resized)
PYTHON
for command in "run job.yaml" "check job.yaml" "score maps job.yaml" "score $work/within.h5 job.yaml"; do
    to=(-o "$work/resized.h5" --set dataset.ground_truth=resized.csv)
    expect 3 "camrank: *resized.csv: boxes reach beyond their image in * of 32 images looked at, first in img_*" \
        "$CAMRANK" $command "${to[@]}"
    to=(-o "$work/resized.h5" --set dataset.ground_truth=wsol --set dataset.layout=wsol)
    expect 3 "camrank: *wsol: 32 of 32 images looked at have another size than is annotated, first img_*" \
        "$CAMRANK" $command "${to[@]}"
done

# A set of nothing else is no reason to stop.
cd "$work/damaged" || exit 1
for file in images/*; do : >"$file"; done
expect_run 2 job.yaml "$work/none.h5"
contains "$work/out" "^37 images failed and are counted as wrong:$"
expect_run 2 job.yaml "$work/none_left.h5" --set dataset.failed=skip
contains "$work/out" "classification over 0 images"
finish
