#!/bin/bash
# What `camrank report` shows: rows, columns, order and classes as asked for, in every form the same, and text
# that fits the screen.
. tests/cli/lib.sh
file=$work/some.h5
check "a run" "$CAMRANK" run jobs/demo/demo.yaml --limit 60 -o "$file" \
    --set 'protocols=[cam-paper, {name: gradcam-paper, as: low}]' \
    --set 'metrics=[pointing-game, relevance, top-k-intersection, map-shape]' \
    --set 'methods=[cam, grad-cam, grad-cam@/relu4/Relu_output_0]'

expect 3 'camrank: --model: there is no "gip" in the file, but gap, gmp, fc, baseline' "$CAMRANK" report "$file" --model gap,gip
expect 3 'camrank: --method: there is no "cma" in the file, but cam, *, whole-image, center-box' "$CAMRANK" report "$file" --method cma
for short in grad-cam@relu4 grad-cam@Relu_output_0 grad-cam@/relu4; do
    expect 0 '' "$CAMRANK" report "$file" --method $short --format csv --model gap
    check "$short is short for one row" test "$(cut -d, -f4 "$work/out" | tail -n +2 | sort -u)" = '"grad-cam@/relu4/Relu_output_0"'
done
# Elsewhere, too.
expect 0 '' "$CAMRANK" export "$file" --format csv --model gap --protocol low --method grad-cam@relu4
check "export: grad-cam@relu4" test "$(cut -d, -f4 "$work/out" | tail -n +2 | sort -u)" = grad-cam@/relu4/Relu_output_0
expect 0 '' "$CAMRANK" show "$file" demo_val_00000001 --method grad-cam@relu4 -o "$work/short.png"
expect 0 '' "$CAMRANK" compare "$file" --only gap,low,cam,grad-cam@relu4
contains "$work/out" 'grad-cam@/relu4/Relu_output_0'
expect 3 'camrank: --method: there is no "grad-cam@relu" in the file, but *' "$CAMRANK" report "$file" --method grad-cam@relu
expect 3 'camrank: --protocol: there is no "kaggle" in the file, but cam-paper, low' "$CAMRANK" report "$file" --protocol kaggle
expect 3 'camrank: no row has such a model and such a method' "$CAMRANK" report "$file" --model baseline --method cam
expect 2 'camrank: --columns: "iou" must be one of top1_cls_error, *' "$CAMRANK" report "$file" --columns iou
expect 2 'camrank: --columns: mean_iou is named twice' "$CAMRANK" report "$file" --columns mean_iou,mean_iou
expect 2 'camrank: --sort: "mean" must be one of top1_cls_error, *' "$CAMRANK" report "$file" --sort mean
expect 2 'camrank: --sort: max_box_acc is not counted class by class' "$CAMRANK" report "$file" --sort max_box_acc --worst 2
check "a run without further metrics" "$CAMRANK" run jobs/demo/demo.yaml --limit 9 -o "$work/few.h5"
expect 3 'camrank: --sort: the file has no pointing_game: its job does not name the metric pointing-game' \
    "$CAMRANK" report "$work/few.h5" --sort pointing_game
expect 2 'camrank: --worst 0: must be a whole number of at least 1' "$CAMRANK" report "$file" --worst 0

check "rows, columns and order are those asked for" "$PYTHON" - "$CAMRANK" "$file" <<'END'
import csv
import io
import json
import math
import subprocess
import sys

camrank, file = sys.argv[1:]


def report(form, *options):
    return subprocess.run([camrank, "report", file, "--format", form, *options], check=True,
                          capture_output=True, text=True).stdout


def rows(*options):
    return json.loads(report("json", *options))["rows"]


def table(*options):
    return list(csv.DictReader(io.StringIO(report("csv", *options))))


whole, lines = rows(), table()
assert len(whole) == len(lines) == 2 * (8 + 2) and len({r["variant"] for r in whole}) == 5
chosen = {"model": ["gap", "baseline"], "method": ["cam", "grad-cam", "whole-image"], "protocol": ["low"]}
for options in ([], ["model"], ["method"], ["protocol"], ["model", "method"], list(chosen)):
    given = [word for o in options for word in (f"--{o}", ",".join(chosen[o]))]
    keys = {"model": "model", "method": "variant", "protocol": "protocol"}
    want = [i for i, r in enumerate(whole) if all(r[keys[o]] in chosen[o] for o in options)]
    assert rows(*given) == [whole[i] for i in want] and want, options
    assert table(*given) == [lines[i] for i in want], options

for key, best_first in (("mean_iou", -1), ("top1_loc_error", 1), ("max_box_acc", -1)):
    order = [r[key] for r in rows("--sort", key)][::2]
    there = [v for v in order if v is not None]
    assert there == sorted(there, key=lambda v: best_first * v), key
    assert order[:len(there)] == there and len(set(there)) > 2, key
    assert sorted(map(str, rows("--sort", key))) == sorted(map(str, whole)), key

head = list(table("--columns", "mean_iou,top1_loc_error")[0])
assert [k for k in head if k in ("mean_iou", "top1_loc_error", "top1_loc_error_low", "top5_loc_error", "max_box_acc")
        ] == ["mean_iou", "top1_loc_error", "top1_loc_error_low"], head
text = report("text", "--columns", "max_box_acc_held_out,mean_iou", "--protocol", "low").split("\n\n")
assert len(text) == 2 and text[1].split("\n")[0].split() == ["model", "method", "MaxBoxAcc", "held↑", "mean", "IoU↑"], text
assert [float(l.split()[-1]) for l in text[1].split("\n")[1:] if len(l.split()) > 2 and l.split()[-1] != "-"
        ] == [round(r["mean_iou"], 4) for r in whole[1::2] if r["mean_iou"] is not None]

classes = json.loads(report("json", "--by-class"))["classes"]


def of(row, some):
    return [c for c in some if all(c[k] == row[k] for k in ("model", "variant", "protocol"))]


for key, options, worst in (("top1_loc_error", [], 1), ("mean_iou", ["--sort", "mean_iou"], -1)):
    some = json.loads(report("json", "--worst", "3", *options))["classes"]
    assert len(some) == 16 * 3
    for row in whole[:-4]:
        want = sorted(of(row, classes), key=lambda c: -worst * c[key])[:3]
        assert of(row, some) == want, (key, row["model"], row["variant"])
best = json.loads(report("json", "--by-class", "--sort", "mean_iou"))["classes"]
for row in whole[:-4]:
    assert of(row, best) == sorted(of(row, classes), key=lambda c: -c["mean_iou"])
assert "Of each row the 1 class with the most top-1 loc" in report("text", "--worst", "1").replace("↓", "")
END

check "docs/format.md has every name of CSV and JSON, and no other" "$PYTHON" - "$CAMRANK" "$file" docs/format.md <<'END'
import csv
import io
import json
import re
import subprocess
import sys

camrank, file, page = sys.argv[1:]


def report(*options):
    return subprocess.run([camrank, "report", file, *options], check=True, capture_output=True, text=True).stdout


section = open(page).read().split("## CSV and JSON of `camrank report`")[1].split("\n## ")[0]
told = {True: [set(), set()], False: [set(), set()]}  # by class: of CSV, of JSON
for line in section.splitlines():
    if not line.startswith("| `"):
        continue
    names, where = line.split(" | ")[0].lstrip("| "), line.split(" | ")[1]
    for by_class in (False, True):
        if ("not by class" in where) if by_class else ("by class" in where and "not by" not in where):
            continue
        for k, form in enumerate(("CSV", "JSON")):
            if "both" in where or form in where:
                told[by_class][k] |= set(re.findall("`([a-z0-9_]+)`", names))
further = set(re.findall("`([a-z0-9_]+)`", [l for l in section.splitlines() if "`pointing_game`" in l][0].split(" | ")[0]))
for by_class in (False, True):
    options = ["--by-class"] if by_class else []
    head = set(next(csv.reader(io.StringIO(report("--format", "csv", *options)))))
    whole = json.loads(report("--format", "json", *options))
    names = set().union(*whole["classes" if by_class else "rows"])
    more = {n for n in head | names if n.removesuffix("_low").removesuffix("_high") in further}
    assert {"pointing_game_low", "relevance_auc_low", "complexity_high"} <= more or by_class, more
    absent = {f"{name}{end}" for name in ("map_voc07", "map") for end in ("", "_low", "_high")}  # of several classes
    absent |= {"max_box_acc_images"} if by_class else set()
    for got, want in ((head, told[by_class][0]), (names, told[by_class][1])):
        assert got - more == want - further - absent, (by_class, (got - more) ^ (want - further - absent))
    assert by_class or further <= more, further - more
outcomes = whole["rows"][0]["outcomes"]
assert all(f"`{name}`" in section for name in (*whole, *whole["dataset"], *outcomes)), section
END

check "text fits the screen, and nothing is lost" "$PYTHON" - "$CAMRANK" "$file" <<'END'
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

camrank, file = sys.argv[1:]


def text(columns, *options):
    return subprocess.run([camrank, "report", file, *options], check=True, capture_output=True, text=True,
                          env={**os.environ, "COLUMNS": columns}).stdout


def tables(of):
    """The tables of a report, without the notes above them."""
    return of.split("\n\n", 1)[1].split("\n")


def numbers(lines):
    return sorted(re.findall(r"(?<=\s)-?\d+\.\d+(?:-\d+\.\d+)?(?=\s|$)", "\n".join(lines)))


for options in ([], ["--by-class"], ["--worst", "2"], ["--sort", "mean_iou"]):
    whole = tables(text("1000", *options))
    assert max(map(len, whole)) > 120
    for columns in ("60", "72", "80", "100", "120", "150"):
        lines = tables(text(columns, *options))
        assert max(map(len, lines)) <= int(columns), (columns, max(lines, key=len))
        assert numbers(lines) == numbers(whole), columns
    assert text("", *options) == text("120", *options) == text("none", *options)
    assert text("1", *options) == text("60", *options)

# On a terminal it is as wide as that.
main, other = pty.openpty()
fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 77, 0, 0))
process = subprocess.Popen([camrank, "report", file], stdout=other, env={**os.environ, "COLUMNS": "500"})
os.close(other)
seen = b""
try:
    while piece := os.read(main, 65536):
        seen += piece
except OSError:
    pass
assert process.wait() == 0 and seen.decode().replace("\r\n", "\n") == text("77")
END
# Thresholds chosen on another set: counted from the levels of both files.
check "the first half of a set" "$CAMRANK" run jobs/demo/demo.yaml --limit 60 -o "$work/chosen.h5"
check "another part" "$CAMRANK" run jobs/demo/demo.yaml --set 'dataset.subset={stride: 5}' -o "$work/scored.h5"
expect 3 'camrank: --threshold-from: *few.h5: holds no row gap/grad-cam@/relu4/Relu_output_0' \
    "$CAMRANK" report "$file" --threshold-from "$work/few.h5"
expect 3 'camrank: --threshold-from: none.h5: No such file or directory' "$CAMRANK" report "$file" --threshold-from none.h5
expect 0 '' "$CAMRANK" report "$work/scored.h5" --threshold-from "$work/chosen.h5"
contains "$work/out" "held: at the one best in $work/chosen.h5, over all of them.$"
expect 0 '' "$CAMRANK" report "$work/scored.h5" --threshold-from "$work/chosen.h5" --format json -o "$work/held.json"
check "held is at the other set's thresholds" "$PYTHON" - "$work" <<'END'
import json
import sys

import h5py
import numpy as np

work = sys.argv[1]
rows = json.load(open(f"{work}/held.json"))["rows"]
with h5py.File(f"{work}/chosen.h5") as chosen, h5py.File(f"{work}/scored.h5") as scored:
    for row in rows[:-2]:
        levels = [f[f"models/{row['model']}/{row['method']}/levels"][:] for f in (chosen, scored)]
        shares = []
        for bit in (1, 3, 4, 5):
            there, here = ((of >> bit & 1).mean(0) * 100 for of in levels)
            shares.append(here[there.argmax()])
        assert np.isclose(row["max_box_acc_held_out"], shares[0]), row["model"]
        assert np.isclose(row["max_box_acc_v2_held_out"], np.mean(shares[1:])), row["model"]
assert [r["variant"] for r in rows[-2:]] == ["whole-image", "center-box"]
assert all(r["max_box_acc_held_out"] <= r["max_box_acc"] for r in rows)
END
# The same by the job's own key, which every command then follows.
expect 3 'camrank: threshold_from: *chosen.h5: holds no row gap/hires-cam' "$CAMRANK" check jobs/demo/demo.yaml \
    --set "threshold_from=$work/chosen.h5" --set 'methods=[hires-cam]'
sample=$PWD/jobs/demo
check "a set without boxes" "$CAMRANK" run jobs/demo/demo.yaml --limit 5 -o "$work/none.h5" \
    --set "dataset={layout: none, images: $sample/images, synsets: $sample/synsets.txt}"
expect 3 'camrank: threshold_from: *none.h5: has no boxes that thresholds could be chosen by' \
    "$CAMRANK" check jobs/demo/demo.yaml --set "threshold_from=$work/none.h5"
check "thresholds by the job" "$CAMRANK" run jobs/demo/demo.yaml --set 'dataset.subset={stride: 5}' \
    --set "threshold_from=$work/chosen.h5" -o "$work/with.h5"
expect 0 '' "$CAMRANK" report "$work/with.h5"
contains "$work/out" "held: at the one best in $work/chosen.h5, over all of them.$"
expect 0 '' "$CAMRANK" report "$work/with.h5" --format json -o "$work/with.json"
expect 0 '' "$CAMRANK" compare "$work/with.h5" --metric max_box_acc_held_out --format json -o "$work/pairs.json"
check "report and compare follow the job" "$PYTHON" - "$work" <<'END'
import json
import sys

work = sys.argv[1]
by_option, by_job = (json.load(open(f"{work}/{name}.json"))["rows"] for name in ("held", "with"))
assert by_option == by_job and any(r["max_box_acc_held_out"] != r["max_box_acc"] for r in by_job)
pairs = json.load(open(f"{work}/pairs.json"))
values = {}
for row in pairs["rows"]:
    values[row["model"], row["method"]] = row["values"]["max_box_acc_held_out"]
assert len(values) == len(by_job) - 2 > 3
for row in by_job[:-2]:
    assert abs(values[row["model"], row["variant"]] - row["max_box_acc_held_out"]) < 1e-9, row
END
expect 3 'camrank: *with.h5: was made otherwise: *threshold_from*' "$CAMRANK" run jobs/demo/demo.yaml \
    --set 'dataset.subset={stride: 5}' -o "$work/with.h5" --resume
check "another set in its place" "$CAMRANK" run jobs/demo/demo.yaml --limit 40 -o "$work/chosen.h5" --force
expect 3 'camrank: threshold_from: *chosen.h5: is not as it was in the run: *' "$CAMRANK" report "$work/with.h5"
finish
