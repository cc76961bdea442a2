#!/bin/bash
# What a user types: help, version, check, inspect, report in every format, show, the options of
# run, and the installed program.
. tests/cli/lib.sh
make_sample sample
repo=$PWD
cd "$work/sample" || exit 1

# Help and version.
expect 0 '' "$CAMRANK" --help
cp "$work/out" "$work/help"
for asked in -h help; do
    expect 0 '' "$CAMRANK" $asked
    check "$asked is --help" cmp "$work/out" "$work/help"
done
expect 0 '' "$CAMRANK" show --help
cp "$work/out" "$work/help"
for asked in 'show -h' 'help show'; do
    # shellcheck disable=SC2086 # two words
    expect 0 '' "$CAMRANK" $asked
    check "$asked is show --help" cmp "$work/out" "$work/help"
done
expect 0 '' "$CAMRANK" --version
cp "$work/out" "$work/help"
expect 0 '' "$CAMRANK" -V
check "-V is --version" cmp "$work/out" "$work/help"
expect 0 '' "$CAMRANK" --help
for command in run check report show inspect merge; do
    contains "$work/out" "^  $command  *[a-z]"
done
contains "$work/out" "^   0  done$"
contains "$work/out" "^  75  stopped early"
for command in run check report show inspect merge; do
    expect 0 '' "$CAMRANK" $command --help
    contains "$work/out" "^usage: camrank $command "
done
# stands_in PAGE: the table printed, whose second line others have too.
stands_in() {
    sed 2d "$work/out" >"$work/table"
    check "the table of docs/$1 is the program's" \
        diff "$work/table" <(grep -F -x -f "$work/table" "$repo/docs/$1")
}
expect 0 '' "$CAMRANK" metrics max-box-acc
contains "$work/out" '^    max_box_acc  *percent, better up, with its 95 % interval$'
expect 2 'camrank: unknown metric "boxes"; known: localization, max-box-acc*' "$CAMRANK" metrics boxes
expect 0 '' "$CAMRANK" metrics localization
contains "$work/out" '^    threshold  *0 to 1 (0.2): '
expect 0 '' "$CAMRANK" metrics --markdown
stands_in metrics.md

expect 0 '' "$CAMRANK" layouts
contains "$work/out" "^devkit$"
expect 2 'camrank: layouts: takes no "kaggle"' "$CAMRANK" layouts kaggle
expect 0 '' "$CAMRANK" layouts --markdown
stands_in jobs.md
expect 0 '' "$CAMRANK" inputs
contains "$work/out" "^torchvision-bicubic$"
expect 2 'camrank: inputs: takes no "caffe"' "$CAMRANK" inputs caffe
expect 0 '' "$CAMRANK" inputs --markdown
stands_in jobs.md

# Commands without MPI work once, however many processes a launcher starts.
"$CAMRANK" layouts >"$work/once" 2>&1
expect 0 'camrank: layouts works in one process; of the 3 that were started the others stay idle' \
    ranks 3 "$CAMRANK" layouts
check "a list is printed once" cmp "$work/out" "$work/once"
expect 0 '' ranks 2 "$CAMRANK" --version
check "one version" test "$(grep -c '^camrank ' "$work/out")" = 1
expect 0 '' ranks 2 "$CAMRANK" report --help
check "one help" test "$(grep -c '^usage: ' "$work/out")" = 1
run_into "$work" ranks 2 "$CAMRANK" report none.h5
check "exit code of a mistake" test "$(cat "$work/code")" = 3
check "which is told once" test "$(grep -c 'none.h5: No such file' "$work/err")" = 1

expect 0 '' "$CAMRANK" --version
contains "$work/out" "^camrank [0-9]*\.[0-9]*\.[0-9]*$"
contains "$work/out" "HDF5 [0-9.]*; .*OpenBLAS"

# check: the plan, and nothing else.
find . | sort >"$work/files"
for n in 1 2; do
    expect 0 '' ranks $n "$CAMRANK" check job.yaml
    contains "$work/out" "^job sample: valid$"
    contains "$work/out" "^images   37 of 10 classes, 47 boxes, from /"
    contains "$work/out" "^  grad-cam@conv1 at conv1, maps 16 x 16, backward pass$"
    contains "$work/out" "^  grad-cam  *at conv2_relu, maps 8 x 8, no backward pass$"
    contains "$work/out" "^  without  cam: "
    contains "$work/out" "^output   ./sample.h5, [0-9.]* MB$"
    contains "$work/out" "^memory   weights [0-9.]* MB a node, activations [0-9.]* MB and images read ahead [0-9.]* MB a rank; peak RSS of this check [0-9.]* MB a rank$"
    contains "$work/out" "^A suggestion for Slurm, for CPUs like this one: 4 images under 2 of 2 models,$"
    contains "$work/out" "^  #SBATCH --ntasks=1$"
    contains "$work/out" "^  #SBATCH --mem-per-cpu=[1-9][0-9]*00M$"
    contains "$work/out" "^  #SBATCH --time=00:05:00$"
done
check "check writes nothing" diff "$work/files" <(find . | sort)

# inspect: every layer, and the targets.
expect 0 '' "$CAMRANK" inspect gap.onnx
contains "$work/out" "^gap.onnx: input 3 x 32 x 32, 10 classes$"
contains "$work/out" "^conv1  *Conv  *8 x 16 x 16  *224 .* yes$"
contains "$work/out" "^conv2_relu  *Relu .* default$"
contains "$work/out" "^logits  *Gemm  *10  *250 "
contains "$work/out" "^head: global average pooling, linear layer: CAM applies$"
expect 0 '' "$CAMRANK" inspect fc.onnx
contains "$work/out" "^head: .*all methods but CAM apply$"

# inspect --plan: what is run, by which kernel.
expect 0 '' "$CAMRANK" inspect gap.onnx --plan
contains "$work/out" "^conv1  *Conv  *[a-z]*  *8 x 16 x 16 "
contains "$work/out" "ms an image in batches of 16"
contains "$work/out" "^conv1  .*[a-z]\* [0-9.]* ([0-9.]*)"
contains "$work/out" "^[0-9]* of [0-9]* convolutions took more than 10 % longer than by another kernel; "
expect 0 '' "$CAMRANK" inspect gap.onnx --plan --kernel gather
contains "$work/out" "^conv1  *Conv  *gather  *8 x 16 x 16 "
contains "$work/out" "^conv1  .* gather\* [0-9.]* ([0-9.]*)"
expect 3 'camrank: no convolution is named "conv7"' "$CAMRANK" inspect gap.onnx --plan --kernel gather@conv7

# inspect --layers: the targets alone.
expect 0 '' "$CAMRANK" inspect gap.onnx --layers
contains "$work/out" "^conv1  *Conv  *16 x 16  *8$"
contains "$work/out" "^conv2_relu  *Relu  *8 x 8  *24$"
contains "$work/out" "^default of cam: conv2_relu$"
contains "$work/out" "^default of all other methods: conv2_relu$"
check "no other layer is listed" test "$(grep -c '[0-9] x [0-9]' "$work/out")" = \
    "$("$CAMRANK" inspect gap.onnx | grep -c -e ' yes$' -e ' default$')"
check "nor a layer that is no map" diff <(grep -e logits -e pool "$work/out") /dev/null
expect 0 '' "$CAMRANK" inspect fc.onnx --layers
contains "$work/out" "^cam does not apply: its logits are no linear function of a global pooling$"
contains "$work/out" "^default of all other methods: conv2_relu$"

# run: where the file goes, and what the options change.
run_into "$work" ranks 2 "$CAMRANK" run job.yaml
contains "$work/out" "^results: ./sample.h5$"
contains "$work/err" "^camrank: job sample, 37 images x 2 models = 74 passes, 2 ranks$"
contains "$work/err" "^camrank: model fc goes without cam: "
cp "$work/out" "$work/table.txt"
expect 3 'camrank: ./sample.h5: exists already; --resume continues it, --force replaces it' "$CAMRANK" run job.yaml
contains <("$CAMRANK" check job.yaml) "^output   ./sample.h5, .*; exists: a run needs --resume or --force$"
(cd / && "$CAMRANK" run "$work/sample/job.yaml" --limit 5 -o "$work/five.h5" \
    --set 'methods=[grad-cam@conv1]' --set protocol=cam-paper --set threshold=0.5 \
    --set models.0.name=first >"$work/out" 2>&1) || fail "run with options: $(cat "$work/out")"
contains "$work/out" "^results: $work/five.h5$"
contains "$work/out" "protocol cam-paper (modified) (threshold 50 %"
"$CAMRANK" run job.yaml --output "$work/five.h5" --force --limit 5 --set threshold=0.5 \
    --set models.0.name=first --set "methods=[grad-cam, grad-cam@conv1]" >"$work/out" 2>&1 ||
    fail "run --force: $(cat "$work/out")"

# report: five forms of the same numbers.
export COLUMNS=300 # as one part
"$CAMRANK" report sample.h5 >"$work/text" || fail "report"
check "report prints the table of the run" diff <(COLUMNS=120 "$CAMRANK" report sample.h5) <(sed '$d' "$work/table.txt" | sed '$d')
for format in text csv json markdown latex; do
    "$CAMRANK" report sample.h5 --format $format >"$work/$format" 2>&1 || fail "report $format"
done
for format in text csv json markdown latex; do
    "$CAMRANK" report sample.h5 --by-class --format $format >"$work/class.$format" 2>&1 ||
        fail "report --by-class $format"
done
expect 2 'camrank: report: --paper is printed as text only, of all classes and columns' \
    "$CAMRANK" report sample.h5 --by-class --paper cam2016
check "--format text is the default" diff "$work/text" <("$CAMRANK" report sample.h5)
check "the formats are well formed and agree" "$PYTHON" - "$work" "$work/five.h5" <<'PYTHON'
import csv
import json
import re
import sys
import h5py

work = sys.argv[1]
KEYS = ["top1_cls_error", "top5_cls_error", "top1_loc_error", "top5_loc_error",
        "gt_known_loc_error", "mean_iou"]
report = json.load(open(f"{work}/json"))
assert report["schema"] == "camrank-report-1"
assert (report["dataset"]["images"], report["dataset"]["failed"]) == (37, 0)
rows = report["rows"]
names = [("gap", "cam", "conv2_relu"), ("gap", "grad-cam", "conv2_relu"),
         ("gap", "grad-cam", "conv1"), ("fc", "grad-cam", "conv2_relu"),
         ("fc", "grad-cam", "conv1")]
names += [("baseline", "whole-image", ""), ("baseline", "center-box", "")]
assert [(r["model"], r["method"], r["layer"]) for r in rows] == names
for row in rows[-2:]:
    assert row["top1_cls_error"] is row["top5_loc_error"] is row["outcomes"] is row["max_box_acc_threshold"] is None
    assert max(row["curve"]) == row["max_box_acc"]
assert rows[-2]["curve"] == 255 * [rows[-2]["max_box_acc"]] and rows[-2]["curve_by"] == "threshold"
assert len(rows[-1]["curve"]) == 56 and rows[-1]["curve_by"] == "side"
for row in rows[-2:]:
    assert row["images"] == 37 and 0 < row["max_box_acc_v2"] < 100
assert 0 < rows[-2]["gt_known_loc_error"] < 100 and rows[-1]["gt_known_loc_error"] is None
for row in rows[:-2]:
    assert row["protocol"] == "cam-paper" and row["images"] == 37
    assert all(isinstance(row[k], float) for k in KEYS)
    assert all(0 <= row[k] <= 100 for k in KEYS) and 0 < row["mean_iou"] < 1
    assert len(row["curve"]) == 255 and max(row["curve"]) == row["max_box_acc"]
    assert row["curve_by"] == "threshold"
    assert row["max_box_acc_threshold"] == row["curve"].index(row["max_box_acc"]) / 255
    assert (row["filter"], row["exclude"], row["iou"]) == ("pil-bilinear", 0, 0.5)
    for key in KEYS[:-1]:
        assert row[key + "_low"] <= row[key] <= row[key + "_high"], row
    assert row["top5_loc_error"] <= row["top1_loc_error"] >= row["top1_cls_error"]

table = list(csv.DictReader(open(f"{work}/csv")))
assert len(table) == len(rows)
for a, b in zip(table, rows):
    assert a["model"] == b["model"] and int(a["images"]) == 37
    assert all((a[k] == "" and b[k] is None) or float(a[k]) == b[k]
               for k in b if isinstance(b[k], float)), (a, b)
    assert all(a["outcome_" + k] == str(n) for k, n in (b["outcomes"] or {}).items())


def rounded(row):
    """Numbers and what stands below them."""
    cells = [("-",) if row[k] is None else
             (f"{row[k]:.{n}f}", f"{row[k + '_low']:.{n - 1}f}-{row[k + '_high']:.{n - 1}f}")
             for k, n in [(k, 4 if k == "mean_iou" else 2) for k in KEYS + ["max_box_acc", "max_box_acc_v2"]]]
    cells[-2] += (f"held {row['max_box_acc_held_out']:.2f}",)
    if row["max_box_acc_threshold"] is not None:
        cells[-2] += (f"at {row['max_box_acc_threshold']:.3f}",)
    cells[-1] += (f"held {row['max_box_acc_v2_held_out']:.2f}",)
    return cells


def below(row):
    """The lines below a row's."""
    cells = rounded(row)
    return [[c[k] for c in cells if len(c) > k] for k in range(1, max(map(len, cells)))]


lines = [line for line in open(f"{work}/markdown") if line.startswith("|")]
assert len(lines) == 2 + len(rows) and all(len(re.split(r"(?<!\\)\|", l)) == 12 for l in lines)
for line, row in zip(lines[2:], rows):
    assert [c.strip() for c in line.split("|")[3:11]] == [
        c[0] + (f" ({', '.join(c[1:])})" if c[1:] else "") for c in rounded(row)], line

latex = open(f"{work}/latex").read()
parts = latex.split(r"\begin{tabular}")[1:]
assert len(parts) == latex.count(r"\end{tabular}") > 1 and r"\toprule" in parts[0]
cells = {}  # of each line of each part: its names and numbers, and what stands below
for part in parts:
    assert not re.search(r"(?<!\\)[_#]", part.split(r"\midrule")[1].split(r"\bottomrule")[0])
    lines = [[re.sub(r"\\textbf\{(.*)\}|\{\\scriptsize (.*)\}", r"\1\2", c.strip().removesuffix("\\\\").strip())
              for c in l.split(" & ")]
             for l in part.split(r"\midrule")[1].splitlines() if " & " in l]
    row = -1
    for line in lines:
        row += line[0] != ""
        cells.setdefault(row, []).append(line)
for row, lines in zip(rows, cells.values()):
    numbers = [c for l in lines if l[0] for c in l[2:]]
    assert numbers == [c[0].replace("-", "--") for c in rounded(row)], numbers
    assert sorted(c for l in lines if not l[0] for c in l if c) == sorted(
        re.sub(r"(?<=\d)-", "--", c) for b in below(row) for c in b)
for key, best in (("mean_iou", max), ("top1_loc_error", min)):
    value = best(r[key] for r in rows if r[key] is not None)
    assert r"\textbf{%.*f}" % (4 if key == "mean_iou" else 2, value) in latex

main, why = open(f"{work}/text").read().split("\n\n")[1:3]
lines = iter(main.splitlines()[1:])
for row in rows:
    assert next(lines).split()[2:] == [c[0] for c in rounded(row)], row
    for wanted in below(row):
        assert next(lines).split() == " ".join(wanted).split(), wanted
assert not list(lines)
arrows = dict(re.findall(r"(\S+|mean IoU|top-. .{3})([↑↓])", main.splitlines()[0]))
assert arrows == {"top-1 cls": "↓", "top-5 cls": "↓", "top-1 loc": "↓", "top-5 loc": "↓", "GT-known": "↓",
                  "mean IoU": "↑", "MaxBoxAcc": "↑", "MaxBoxAccV2": "↑"}, arrows
assert [l.split()[3:] for l in why.splitlines() if " top-1 " in l] == [
    [str(n) for n in (*r["outcomes"].values(), r["top1_empty_maps"])] for r in rows[:-2]]

by_class = [json.load(open(f"{work}/class.json"))["classes"],
            list(csv.DictReader(open(f"{work}/class.csv")))]
assert len(by_class[0]) == len(by_class[1]) == 10 * 5
for row in rows[:-2]:
    for keys in by_class:
        own = [c for c in keys if (c["model"], c["variant"]) == (row["model"], row["variant"])]
        assert len(own) == 10 and sum(int(c["images"]) for c in own) == 37
        wrong = sum(float(c["top1_loc_error"]) * int(c["localized"]) for c in own) / 37
        assert abs(wrong - row["top1_loc_error"]) < 1e-9
    for key, n in row["outcomes"].items():
        assert sum(c["outcomes"][key] for c in by_class[0] if (c["model"], c["variant"]) ==
                   (row["model"], row["variant"])) == n
for format in ("text", "markdown", "latex"):
    text = open(f"{work}/class.{format}").read()
    assert len(re.findall(r"[a-z]\d{8}", text)) == 10 * 5 * max(1, len(re.findall(r"\\begin{(?:tabular|longtable)}", text)))
    assert "MaxBoxAcc" not in text

with h5py.File(sys.argv[2]) as f:
    assert list(f["models"]) == ["fc", "first"] and len(f["images/id"]) == 5
    assert sorted(k for k, v in f["models/first"].items() if isinstance(v, h5py.Group)) == [
        "grad-cam", "grad-cam@conv1"]
    assert f["protocols/cam-paper (modified)"].attrs["threshold"] == 0.5 and b"dataset.limit=5" in bytes(f.attrs["overrides"])
PYTHON
if command -v pdflatex >/dev/null; then
    { echo '\documentclass{article}\usepackage{booktabs}\begin{document}'; cat "$work/latex"; echo '\end{document}'; } \
        >"$work/table.tex"
    check "LaTeX takes the table" pdflatex -interaction=batchmode -output-directory "$work" \
        "$work/table.tex"
fi

check "/summary has the numbers of the report, and docs/format.md tells of all" "$PYTHON" - \
    "$work/json" "$cli/../../docs/format.md" <<'PYTHON'
import json
import sys
import h5py

rows = json.load(open(sys.argv[1]))["rows"]
docs = open(sys.argv[2]).read()
with h5py.File("sample.h5") as f:
    summary = f["summary"][:]
numbers = {k for k in summary.dtype.names if summary.dtype[k].kind == "f"}
for stored, row in zip(summary, rows):
    told = {k for k, value in row.items() if isinstance(value, float)} - {"threshold", "iou", "parameters", "flops"}
    told = {k for k in told if "_threshold" not in k}
    assert {k for k in told if not k.endswith(("_low", "_high"))} == numbers
    assert all(stored[k] == row[k] for k in numbers), (stored, row)
assert all(f"`{k}`" in docs for k in summary.dtype.names)
PYTHON

# Several protocols stand side by side; a metric alone has a table of its own; so have baselines.
"$CAMRANK" run job.yaml -o "$work/several.h5" --limit 9 --set 'protocols=[cam-paper, {name: kaggle, as: k}]' \
    >"$work/out" 2>&1 || fail "several protocols: $(cat "$work/out")"
contains "$work/out" "^  *cam-paper  *k$"
contains "$work/out" "^model .*  top-1 loc.* .* mean IoU.*  *top-1 loc. .* mean IoU.*  *MaxBoxAcc.  *MaxBoxAccV2.$"
contains "$work/out" "^protocol k (threshold 20 %.*): localization over 9 images, no blacklist$"
"$CAMRANK" run job.yaml -o "$work/metric.h5" --limit 9 --set protocol=wsol-v1 >"$work/out" 2>&1 ||
    fail "wsol-v1: $(cat "$work/out")"
contains "$work/out" "^model  *method  *top-1 cls↓  *top-5 cls↓  *MaxBoxAcc↑$"
check "baselines alone are those of a run" "$PYTHON" - "$CAMRANK" "$work" <<'PYTHON'
import csv
import json
import os
import subprocess
import sys

camrank, work = sys.argv[1:]
rows = {}
ids, labels, sizes, boxes = [], [], [], []
from PIL import Image
files = {os.path.splitext(name)[0]: name for name in os.listdir("images")}
classes = [line.split()[0] for line in open("synsets.txt")]
for row in csv.DictReader(open("ground_truth.csv")):
    words = row["PredictionString"].split()
    name = row["ImageId"] + ".JPEG"
    width, height = Image.open("images/" + files[row["ImageId"]]).size
    ids.append(name)
    labels.append(f"{name},{classes.index(words[0])}")
    sizes.append(f"{name},{width},{height}")
    boxes += [",".join([name] + words[i + 1:i + 5]) for i in range(0, len(words), 5)]
os.mkdir(f"{work}/meta")
for name, lines in (("image_ids", ids), ("class_labels", labels), ("image_sizes", sizes),
                    ("localization", boxes)):
    open(f"{work}/meta/{name}.txt", "w").write("\n".join(lines))
subprocess.run([camrank, "run", "job.yaml", "-o", f"{work}/alone.h5", "--set", "models=[]", "--set",
                "dataset.images=none", "--set", "dataset.layout=wsol", "--set",
                f"dataset.ground_truth={work}/meta"], check=True, capture_output=True)
for name in ("sample.h5", f"{work}/alone.h5"):
    rows[name] = [r for r in json.loads(subprocess.run(
        [camrank, "report", name, "--format", "json"], check=True,
        capture_output=True).stdout)["rows"] if r["model"] == "baseline"]
assert rows["sample.h5"] == rows[f"{work}/alone.h5"] and len(rows["sample.h5"]) == 2, rows
PYTHON

# show: a picture with the boxes of the file in their places.
expect 0 '' "$CAMRANK" show sample.h5 img_004 -o "$work/a.png"
expect 0 '' "$CAMRANK" show sample.h5 img_004.jpg -o "$work/b.png" --model fc \
    --method grad-cam@conv1 --truth
expect 0 '' "$CAMRANK" show "$work/five.h5" img_000 --output "$work/c.png" --rank 3
mv images moved
expect 3 'camrank: the image is needed for the picture (--images gives its folder or tar): *' \
    "$CAMRANK" show sample.h5 img_004 -o "$work/d.png"
expect 0 '' "$CAMRANK" show sample.h5 img_004 -o "$work/d.png" --images moved
mv moved images
check "a moved image gives the same picture" cmp "$work/a.png" "$work/d.png"
expect 3 'camrank: sample.h5: holds no image img_04 (did you mean "img_00*"?), but 37, img_000 to img_036' \
    "$CAMRANK" show sample.h5 img_04 -o x.png
expect 3 'camrank: sample.h5: holds no model x, but gap, fc' "$CAMRANK" show sample.h5 img_004 -o x.png --model x
expect 3 'camrank: sample.h5: holds no protocol x, but cam-paper' \
    "$CAMRANK" show sample.h5 img_004 -o x.png --protocol x
expect 3 'camrank: sample.h5: model fc holds no method cam, but grad-cam, grad-cam@conv1' \
    "$CAMRANK" show sample.h5 img_004 -o x.png --model fc --method cam
expect 3 'camrank: sample.h5/x.png: Not a directory' \
    "$CAMRANK" show sample.h5 img_004 -o sample.h5/x.png
for kind in jpg pdf svg; do
    expect 0 '' "$CAMRANK" show sample.h5 img_004 -o "$work/a.$kind"
    expect 3 "camrank: $work/a.$kind: exists already; --force replaces it" \
        "$CAMRANK" show sample.h5 img_004 -o "$work/a.$kind"
    expect 0 '' "$CAMRANK" show sample.h5 img_004 -o "$work/a.$kind" --force
done
expect 0 'camrank: sample.h5: image img_002: an empty map: scaling leaves nothing of it, *' \
    "$CAMRANK" show sample.h5 img_002 --truth --method grad-cam -o "$work/empty.png"
check "a run that keeps maps of one method" "$CAMRANK" run job.yaml --set 'methods=[{name: grad-cam, keep: none}, cam]' -o keep.h5
expect 0 '' "$CAMRANK" show keep.h5 img_004 -o "$work/keep.png"
check "a picture of the first method that keeps its maps" cmp "$work/a.png" "$work/keep.png"
expect 3 'camrank: keep.h5: holds no maps of gap, grad-cam *' "$CAMRANK" show keep.h5 img_004 --method grad-cam -o x.png
expect 3 'camrank: keep.h5: holds no maps of fc, grad-cam *' "$CAMRANK" show keep.h5 img_004 --model fc -o x.png
expect 0 '' "$CAMRANK" show sample.h5 img_004 -o -
check "standard output has the same picture" cmp "$work/out" "$work/a.png"
expect 2 'camrank: a.gif: a picture*s name must end in .png, .jpg, .pdf or .svg' \
    "$CAMRANK" show sample.h5 img_004 -o a.gif
check "the pictures hold the boxes" "$PYTHON" - "$work" sample.h5 <<'PYTHON'
import sys
import h5py
import numpy as np
from PIL import Image

GREEN, RED = (26, 230, 26), (255, 26, 26)


def near(pixels, x, y, colour):
    """The colour, within 8 pixels of (x, y), as lines may be dashed."""
    x, y = int(round(x)), int(round(y))
    patch = pixels[max(y - 8, 0):y + 9, max(x - 8, 0):x + 9].reshape(-1, 3).astype(int)
    return (abs(patch - colour).max(axis=1) < 8).any()


def outline(pixels, box, scale, colour):
    """The lower corners and the middles of left, right and lower side; labels hide the top."""
    x0, y0, x1, y1 = (v * scale for v in (box[0], box[1], box[2] + 1, box[3] + 1))
    points = [(x0, (y0 + y1) / 2), (x1 - 1, (y0 + y1) / 2), ((x0 + x1) / 2, y1 - 1),
              (x0, y1 - 1), (x1 - 1, y1 - 1)]
    return sum(near(pixels, 10 + x, 54 + y, colour) for x, y in points)


with h5py.File(sys.argv[2]) as f:
    at = [i.decode() for i in f["images/id"][()]].index("img_004")
    width, height = (int(v) for v in f["models/gap/size"][at])
    scale = -(-300 // max(width, height))
    first, n = f["images/first_box"][at], f["images/n_boxes"][at]
    for name, variant, slot in (("a", "gap/cam", 0), ("b", "fc/grad-cam@conv1", 5)):
        picture = Image.open(f"{sys.argv[1]}/{name}.png")
        pixels = np.asarray(picture.convert("RGB"))
        assert picture.format == "PNG"
        least = 2 * (width * scale + 10) + 10, height * scale + 54 + 10
        assert all(0 < side - low < 60 for side, low in zip(picture.size, least)), picture.size
        assert outline(pixels, f[f"models/{variant}/cam-paper/boxes"][at, slot].tolist(), scale, RED) >= 4
        found = [outline(pixels, box.tolist(), scale, GREEN)
                 for box in f["ground_truth/boxes"][first:first + n]]
        assert n == 2 and sum(found) >= 6, found
PYTHON

# The installed program.
cd "$repo" || exit 1
check "make install" env -u MAKEFLAGS -u MAKELEVEL make -s BUILD="$BUILD" install \
    DESTDIR="$work/root" PREFIX=/opt/camrank
expect 0 '' "$work/root/opt/camrank/bin/camrank" --version
expect 0 '' "$work/root/opt/camrank/bin/camrank" check "$work/sample/job.yaml"
check "the installed module opens a file" env PYTHONPATH="$work/root/opt/camrank/share/camrank/python" "$PYTHON" -c \
    'import camrank, sys; assert camrank.open(sys.argv[1]).rows[0] == ("gap", "cam")' "$work/sample/sample.h5"
check "make uninstall" env -u MAKEFLAGS -u MAKELEVEL make -s BUILD="$BUILD" uninstall \
    DESTDIR="$work/root" PREFIX=/opt/camrank
[ -e "$work/root/opt/camrank/bin/camrank" ] && fail "make uninstall leaves the program"
check "make uninstall leaves no file" test -z "$(find "$work/root" -type f -not -path '*/__pycache__/*')"
finish
