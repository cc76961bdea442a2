"""The kit's reference results, met exactly: every top-5 class, every hit, every count.

usage: test_kit.py [any] [avx2] [avx512]   with the kernels for these instruction sets, one after the
other; without arguments those that the program takes by itself

Runs the kit's jobs over 2 ranks and compares the HDF5 files with reference_<model>.csv and
golden_<model>.npz, which were made with other programs. Boxes may differ in at most 3 places of a
reference file: a map's pixel at the very threshold falls to either side by rounding.
"""
import collections
import csv
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from kit_wsol import best, best_levels, count_differences
from outcomes import outcome

KIT = os.environ.get("CAMRANK_KIT", "")
CAMRANK = os.environ.get("CAMRANK", "build/camrank")
TOP = 5
PROTOCOLS = "protocols=[kaggle, cam-paper, {name: gradcam-paper, as: low}, googlenet-gap-top5, wsol-v2]"
# job, model, and of each variant: its name in our file, in the CSV, in the golden maps
CASES = [
    ("kit-squeezenet", "squeezenet1_0",
     [("cam", "cam", "cam"), ("grad-cam", "gcam", "gradcam"),
      ("grad-cam@fire9:concat", "fire9", "gradcam_fire9")]),
    ("kit-mobilenet_v1_0.5_160", "mobilenet_v1_0.5_160",
     [("cam", "cam", "cam"), ("grad-cam", "gcam", "gradcam")]),
    ("kit-mobilenet_v1_0.75_192", "mobilenet_v1_0.75_192",
     [("cam", "cam", "cam"), ("grad-cam", "gcam", "gradcam")]),
    ("kit-mobilenet_v2", "mobilenet_v2_1.0_224",
     [("cam", "cam", "cam"), ("grad-cam", "gcam", "gradcam")]),
]
# cls1, cls5, and of each variant loc1, loc5, gtk: the table of the kit's README
COUNTS = {
    "squeezenet1_0": (350, 454, {"cam": (183, 232, 251), "gcam": (183, 232, 251),
                                 "fire9": (199, 256, 276)}),
    "mobilenet_v1_0.5_160": (325, 437, {"cam": (181, 237, 259), "gcam": (178, 233, 255)}),
    "mobilenet_v1_0.75_192": (371, 457, {"cam": (202, 249, 262), "gcam": (196, 245, 258)}),
    "mobilenet_v2_1.0_224": (386, 462, {"cam": (233, 278, 291), "gcam": (235, 281, 296)}),
}

failures = 0


def check(what, ok, detail=""):
    global failures
    failures += not ok
    print(f"{'ok' if ok else 'FAILED'}: {what}{': ' if detail else ''}{detail}")


def run(job, model, folder, ranks=2, more=()):
    path = os.path.join(folder, f"{model}.{ranks}{'.held' if more else ''}.h5")
    sets = {"dataset.images": f"{KIT}/dev/images",
            "dataset.ground_truth": f"{KIT}/dev/ground_truth.csv",
            "dataset.synsets": f"{KIT}/dev/LOC_synset_mapping.txt",
            "models.0.file": f"{KIT}/models/{model}.onnx"}
    command = ["mpirun", "-q", "-n", str(ranks), CAMRANK, "run", f"jobs/{job}.yaml", "--output",
               path, "--set", PROTOCOLS]
    for key, value in [*sets.items(), *more]:
        command += ["--set", f"{key}={value}"]
    done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True)
    check(f"{model} draws no warning", "camrank: model" not in done.stderr)
    return path


def box(text):
    return [int(v) for v in text.split()]


def compare_boxes(name, group, reference, column, differing):
    """Boxes, IoU and hits of one variant; appends the places where a box differs."""
    ours, iou = group["boxes"][()], group["iou"][()]
    slots = [f"{column}_box_top{k + 1}" for k in range(TOP)] + [f"{column}_box_gt"]
    worst = 0.0
    for i, row in enumerate(reference):
        same = True
        for slot, key in enumerate(slots):
            if list(ours[i, slot]) != box(row[key]):
                same = False
                differing.append(f"{row['image_id']} {key}: {ours[i, slot]} for {row[key]}")
        if same:
            worst = max(worst, abs(iou[i, 0] - float(row[f"{column}_iou_top1"])),
                        abs(iou[i, TOP] - float(row[f"{column}_iou_gt"])))
    check(f"{name} IoU", worst < 1e-6, f"largest difference {worst:.1e}, printed to 6 digits")


def hits(model, group):
    """loc1, loc5 and gtk of each image, from the columns of the file."""
    label = model.file["images/label"][()]
    right = model["top_class"][()] == label[:, None]
    hit = group["iou"][()] >= 0.5
    return right[:, 0] & hit[:, 0], (right & hit[:, :TOP]).any(1), hit[:, TOP]


def compare_outcomes(name, file, model, found, row):
    label, boxes, iou = file["images/label"][()], found["boxes"][()], found["iou"][()]
    first, n = file["images/first_box"][()], file["images/n_boxes"][()]
    truth, top = file["ground_truth/boxes"][()], model["top_class"][()]
    for key, slot in (("outcomes", 0), ("gt_known_outcomes", TOP)):
        ours = collections.Counter(
            outcome(slot == TOP or top[i, 0] == label[i], iou[i, slot], 0.5, boxes[i, slot],
                    truth[first[i]:first[i] + n[i]]) for i in range(len(label)))
        check(f"{name} {key}", {k: v for k, v in row[key].items() if v} == ours, str(dict(ours)))


def compare_sweep(name, model_name, column, group, row):
    hits = group["levels"][()][:, None] >> np.arange(6)[:, None] & 1
    differ = count_differences(model_name, column, hits.sum(0, dtype=int))
    # A map's last bits can move one image across one threshold.
    check(f"{name} MaxBoxAcc counts of 3 IoU and 100 thresholds", max(differ) <= 1,
          f"V1 and V2 differ by {differ}")
    wanted = best(model_name, column)
    check(f"{name} MaxBoxAcc and V2", row["max_box_acc"] == wanted[0] and
          abs(row["max_box_acc_v2"] - wanted[1]) < 1e-9 and row["max_box_acc_images"] == 500,
          f"{row['max_box_acc']} and {row['max_box_acc_v2']}, reference {wanted}")


def compare_held(folder):
    """Every fifth image at the thresholds that are best over all 500, which wsolevaluation found too."""
    job, model_name, variants = CASES[0]
    held = run(job, model_name, folder, more=[("threshold_from", os.path.join(folder, f"{model_name}.2.h5")),
                                              ("dataset.subset", "{stride: 5}")])
    report = json.loads(subprocess.run([CAMRANK, "report", held, "--format", "json"], check=True,
                                       capture_output=True).stdout)
    with h5py.File(held, "r") as file:
        for ours, column, _ in variants:
            row = next(r for r in report["rows"] if r["variant"] == ours.replace(":", "/"))
            hits = file["models"][model_name][ours]["levels"][()][:, None] >> np.arange(6)[:, None] & 1
            single, multi = best_levels(model_name, column)
            wanted = (100 * hits[:, 1, single[1]].mean(),
                      np.mean([100 * hits[:, 3 + k, level].mean() for k, level in enumerate(multi)]))
            found = row["max_box_acc_held_out"], row["max_box_acc_v2_held_out"]
            check(f"{model_name} {ours} at the thresholds of all images", len(hits) == 100 and
                  np.abs(np.subtract(found, wanted)).max() < 1e-9, f"{found}, wanted {wanted}")


def compare(path, model_name, variants):
    reference = list(csv.DictReader(open(f"{KIT}/dev/reference_{model_name}.csv")))
    golden = np.load(f"{KIT}/dev/golden_{model_name}.npz")
    report = json.loads(subprocess.run([CAMRANK, "report", path, "--format", "json"], check=True,
                                       capture_output=True).stdout)
    file = h5py.File(path, "r")
    model = file["models"][model_name]
    ids = [i.decode() for i in file["images/id"][()]]
    check(f"{model_name} images", ids == [r["image_id"] for r in reference] and
          report["schema"] == "camrank-report-1" and
          report["dataset"] == {**report["dataset"], "images": 500, "failed": 0})
    top = np.array([[int(r[f"top{k + 1}_class"]) for k in range(TOP)] for r in reference])
    logits = np.array([[float(r[f"top{k + 1}_logit"]) for k in range(TOP)] for r in reference])
    check(f"{model_name} top-5 classes", (model["top_class"][()] == top).all())
    difference = max(abs(model["top_logit"][()] - logits).max(),
                     abs(model["truth_logit"][()] -
                         [float(r["gt_logit"]) for r in reference]).max())
    check(f"{model_name} logits", difference < 2e-4, f"largest difference {difference:.1e}")
    at = [ids.index(i) for i in golden["image_ids"]]
    cls1, cls5, counts = COUNTS[model_name]
    differing = []
    check(f"{model_name} rows", len(report["rows"]) == 4 * (len(variants) + 2))
    rows = [row for row in report["rows"] if row["protocol"] == "cam-paper"]
    for (name, column, maps), row in zip(variants, rows):
        group, found = model[name], model[name]["cam-paper"]
        ours, theirs = group["maps"][()][at, :TOP], golden[maps]
        worst = (abs(ours - theirs).max((2, 3)) / np.ptp(theirs, (2, 3)).clip(1e-30)).max()
        check(f"{model_name} {name} maps", worst < 1e-4, f"{worst:.1e} of their range")
        compare_boxes(f"{model_name} {name}", found, reference, column, differing)
        for what, ours in zip(("loc1", "loc5", "gtk"), hits(model, found)):
            theirs = np.array([int(r[f"{column}_hit_{what}"]) for r in reference], bool)
            check(f"{model_name} {name} {what} of every image", (ours == theirs).all())
        compare_sweep(f"{model_name} {name}", model_name, column, group, row)
        compare_outcomes(f"{model_name} {name}", file, model, found, row)
        wrong = [500 - n for n in (cls1, cls5) + counts[column]]
        errors = [row[key] for key in ("top1_cls_error", "top5_cls_error", "top1_loc_error",
                                       "top5_loc_error", "gt_known_loc_error")]
        check(f"{model_name} {name} counts", errors == [100 * n / 500 for n in wrong] and
              row["images"] == 500, f"{[500 - n for n in wrong]}")
    check(f"{model_name} boxes", len(differing) <= 3, f"{len(differing)} differ")
    for line in differing:
        print("   ", line)


def compare_ranks(folder):
    job, model, _ = CASES[0]
    with open(os.path.join(folder, f"{model}.2.h5"), "rb") as stream:
        wanted = stream.read()
    for ranks in (1, 3):
        with open(run(job, model, folder, ranks), "rb") as stream:
            check(f"{model} at {ranks} ranks is the file of 2 ranks", stream.read() == wanted)


if not os.path.isdir(KIT):
    print("skipped: CAMRANK_KIT names no folder")
    sys.exit(77)
for isa in sys.argv[1:] or [None]:
    if isa:
        print(f"{isa}:")
        os.environ["CAMRANK_ISA"] = isa
    with tempfile.TemporaryDirectory() as scratch:
        for job_name, network, rows in CASES:
            compare(run(job_name, network, scratch), network, rows)
        if not isa:
            compare_ranks(scratch)
            compare_held(scratch)
sys.exit(1 if failures else 0)
