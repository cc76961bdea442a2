#!/bin/bash
# `camrank plot`: the numbers of every figure are those of `camrank report` and `camrank compare`; what is written is
# of its format, and text in it is text.
. tests/cli/lib.sh
file=$work/some.h5
check "a run" "$CAMRANK" run jobs/demo/demo.yaml --limit 90 -o "$file" \
    --set 'protocols=[cam-paper, {name: gradcam-paper, as: low}]' --set 'methods=[cam, grad-cam]' --set 'metrics=[{name: insertion, steps: 5}, {name: deletion, steps: 5}]'
check "a run without curves" "$CAMRANK" run jobs/demo/demo.yaml --limit 9 -o "$work/few.h5"
expect 3 'camrank: the file has no curves: *' "$CAMRANK" plot "$work/few.h5" curves -o "$work/a.png"

expect 2 'camrank: plot: a results file, a kind and -o FILE are needed; *' "$CAMRANK" plot "$file" threshold
expect 2 'camrank: there is no figure "pie", but threshold, success, iou, *' "$CAMRANK" plot "$file" pie -o "$work/a.png"
expect 2 'camrank: *a.gif: a figure'"'"'s name must end in .png, .jpg, .pdf, .svg or .csv' "$CAMRANK" plot "$file" iou -o "$work/a.gif"
expect 2 'camrank: --width three: must be one or two' "$CAMRANK" plot "$file" iou -o "$work/a.png" --width three
expect 2 'camrank: --dpi 9999: must be 36 to 2400' "$CAMRANK" plot "$file" iou -o "$work/a.png" --dpi 9999
expect 2 'camrank: plot: --metric is of figures of a comparison, not of iou' "$CAMRANK" plot "$file" iou -o "$work/a.png" --metric mean_iou
expect 2 'camrank: --metric none: must be a number that camrank compare has; *' "$CAMRANK" plot "$file" forest -o "$work/a.png" --metric none
expect 2 'camrank: --metric top1_loc_error: images are right or wrong by it: *' "$CAMRANK" plot "$file" ranks -o "$work/a.png" --metric top1_loc_error
expect 3 'camrank: *some.h5: has no pointing_game: its job does not name the metric pointing-game' "$CAMRANK" plot "$file" forest -o "$work/a.png" --metric pointing_game
expect 3 'camrank: --model: there is no "x" in the file, but gap, gmp, fc, baseline' "$CAMRANK" plot "$file" iou -o "$work/a.png" --model x
expect 3 'camrank: there are no rows but baselines: nothing to draw' "$CAMRANK" plot "$file" iou -o "$work/a.png" --model baseline
expect 3 'camrank: *some.h5: one row alone: nothing to compare it with' "$CAMRANK" plot "$file" forest -o "$work/a.png" --model fc --protocol low
expect 0 '' "$CAMRANK" plot "$file" iou -o "$work/a.png"
expect 3 'camrank: *a.png: *' "$CAMRANK" plot "$file" iou -o "$work/a.png"
expect 0 '' "$CAMRANK" plot "$file" iou -o "$work/a.png" --force --width two --dpi 72
expect 0 '' "$CAMRANK" plot "$file" iou -o -
check "a PNG to standard output" grep -q PNG "$work/out"

"$CAMRANK" plot --help >"$work/help"
for kind in $("$CAMRANK" plot "$file" none -o a.png 2>&1 | sed 's/.*but //; s/,//g'); do
    contains "$work/help" "^  $kind  *[a-z]"
    contains docs/figures.md "^| .$kind. | "
done

expect 0 '' "$CAMRANK" plot "$file" classes -o "$work/classes.svg" --width two
check "no tick stands between two classes" sh -c '! grep -E ">[0-9]+\.[0-9]+<" "$1"' sh "$work/classes.svg"

check "every number is that of the table" "$PYTHON" - "$CAMRANK" "$file" "$work" <<'END'
import csv
import h5py
import json
import math
import numpy as np
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as xml

camrank, file, work = sys.argv[1:]


def run(*words):
    return subprocess.run([camrank, *words], check=True, capture_output=True).stdout


def data(kind, *options):
    path = f"{work}/data.csv"
    run("plot", file, kind, "-o", path, "--force", *options)
    with open(path, newline="") as lines:
        return list(csv.DictReader(lines))


def close(a, b):
    return math.isclose(float(a), float(b), rel_tol=1e-12, abs_tol=1e-9)


report = json.loads(run("report", file, "--format", "json"))
report["classes"] = json.loads(run("report", file, "--format", "json", "--by-class"))["classes"]
rows = {f"{r['model']}/{r['variant']}/{r['protocol']}": r for r in report["rows"] if r["model"] != "baseline"}
assert len(rows) == 10
classes = {(c["model"], c["variant"], c["protocol"], c["name"]): c for c in report["classes"]}

of = {}
for d in data("threshold"):
    of.setdefault(d["row"], {})[round(255 * float(d["threshold"]))] = d
assert sorted(of) == sorted(r for r in rows if r.endswith("cam-paper")), (list(of), list(rows))
for row, levels in of.items():
    assert len(levels) == 255
    for level, d in levels.items():
        assert close(d["error"], 100 - rows[row]["curve"][level]), (row, level)
        assert float(d["error_low"]) <= float(d["error"]) + 1e-9 and float(d["error"]) <= float(d["error_high"]) + 1e-9
    best = min(levels.values(), key=lambda d: float(d["error"]))
    assert close(best["error"], 100 - rows[row]["max_box_acc"])
    assert close(best["threshold"], rows[row]["max_box_acc_threshold"])

of = {}
for d in data("success"):
    of.setdefault(d["row"], {})[round(float(d["iou"]), 3)] = float(d["images_percent"])
for row, steps in of.items():
    assert len(steps) == 201 and steps[0] == 100
    assert close(steps[0.5], 100 - rows[row]["gt_known_loc_error"]), row
    area = sum(steps.values()) / 201 / 100
    assert abs(area - rows[row]["mean_iou"]) < 1 / 200, (row, area)

of = {}
for d in data("iou"):
    of.setdefault(d["row"], []).append((float(d["iou_from"]), float(d["images_percent"])))
for row, bins in of.items():
    assert len(bins) == 20 and close(sum(b for _, b in bins), 100)
    assert close(sum(b for start, b in bins if start >= 0.5 - 1e-9), 100 - rows[row]["gt_known_loc_error"]), row

for d in data("outcomes"):
    r = rows[d["row"]]
    assert int(d["images"]) == r["outcomes"][d["outcome"]]
    assert close(d["images_percent"], 100 * int(d["images"]) / r["localized"])

seen = 0
for d in data("classes"):
    c = classes[*d["row"].split("/"), d["class"]]
    assert close(d["error"], c["top1_loc_error"])
    seen += 1
assert seen == len(classes)

for kind in ("size", "objects"):
    wrong = {}
    for d in data(kind):
        if d["error"]:
            wrong[d["row"]] = wrong.get(d["row"], 0) + float(d["error"]) * int(d["images"]) / 100
    for row, n in wrong.items():
        assert close(100 * n / rows[row]["localized"], rows[row]["gt_known_loc_error"]), (kind, row)

for d in data("models"):
    assert close(d["top1_cls_error"], rows[d["row"]]["top1_cls_error"])
    assert close(d["top1_loc_error"], rows[d["row"]]["top1_loc_error"])
    # Against inspect, which prints three digits behind the point of millions and thousand millions.
    told = run("inspect", f"jobs/demo/{d['model']}.onnx").decode()
    parameters, flops = re.search(r"([0-9.]+) M parameters, ([0-9.]+) GFLOP", told).groups()
    assert f"{float(d['parameters']) * 1e-6:.3f}" == parameters and f"{float(d['flops']) * 1e-9:.3f}" == flops, d

compare = json.loads(run("compare", file, "--format", "json", "--resamples", "0"))
names = [f"{r['model']}/{r['method']}/{r['protocol']}" for r in compare["rows"]]
pairs = {f"{names[p['a']]} - {names[p['b']]}": p for p in compare["pairs"] if p["metric"] == "top1_loc_error"}
forest = data("forest", "--metric", "top1_loc_error")
assert len(forest) == len(pairs) == 45
for d in forest:
    p = pairs[d["pair"]]
    assert all(close(d[key], p[key]) for key in ("difference", "p_adjusted", "low", "high")), d
mean = next(m for m in compare["metrics"] if m["metric"] == "mean_iou")
assert {d["row"]: float(d["mean_rank"]) for d in data("ranks")} == dict(zip(names, mean["mean_ranks"]))

# The mean of each step, and the areas under the curves of images, which the table has the mean of.
with h5py.File(file) as f:
    for metric in "insertion", "deletion":
        for row in {d["row"] for d in data("curves")}:
            model, method = row.split("/")[:2]
            curves = f[f"models/{model}/{method}/{metric}/curve"][:]
            steps = [d for d in data("curves") if (d["row"], d["metric"]) == (row, metric)]
            mean, half = curves.mean(0), 1.96 * curves.std(0, ddof=1) / len(curves) ** .5
            for key, want in ("probability", mean), ("low", (mean - half).clip(0)), ("high", (mean + half).clip(None, 1)):
                assert np.allclose([float(d[key]) for d in steps], want, 0, 1e-7), (row, metric, key)

# SVG has its text as text, and PDF its fonts; a PNG is as wide as asked for.
for kind in "threshold success iou outcomes classes size objects models curves forest ranks".split():
    run("plot", file, kind, "-o", f"{work}/a.svg", "--force")
    root = xml.parse(f"{work}/a.svg").getroot()
    words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(words) > 8 and not list(root.iter("{http://www.w3.org/2000/svg}image")), kind
    assert root[0].text and root[1].text and root.get("role") == "img"
    if kind not in ("threshold", "classes"):
        continue
    run("plot", file, kind, "-o", f"{work}/a.pdf", "--force")
    assert b"DejaVu" in open(f"{work}/a.pdf", "rb").read() or b"/Font" in open(f"{work}/a.pdf", "rb").read()
    for width, mm in (("one", 88), ("two", 180)):
        run("plot", file, kind, "-o", f"{work}/a.png", "--force", "--width", width, "--dpi", "100")
        pixels = struct.unpack(">I", open(f"{work}/a.png", "rb").read()[16:20])[0]
        assert abs(pixels - mm / 25.4 * 100) <= 1
run("plot", file, "threshold", "-o", f"{work}/a.svg", "--force", "--protocol", "low")
text = open(f"{work}/a.svg").read()
for row, r in rows.items():
    if row.endswith("/low"):
        want = f"{row.rsplit('/', 1)[0]}: {100 - r['max_box_acc']:.2f} at {r['max_box_acc_threshold']:.2f}"
        assert re.search(f">{re.escape(want)}</text>", text), want
END
finish
