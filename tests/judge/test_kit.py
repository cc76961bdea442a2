"""The kit's reference results, met exactly: every top-5 class, every hit, every count.

usage: test_kit.py [any] [avx2] [avx512]   with the kernels for these instruction sets, one after the
other; without arguments those that the program takes by itself

Runs the kit's jobs over 2 ranks and compares the HDF5 files with reference_<model>.csv and
golden_<model>.npz, which were made with other programs. Boxes may differ in at most 3 places of a
reference file: a map's pixel at the very threshold falls to either side by rounding.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from kit_wsol import differences
from localize import MAX, MIN_MAX

KIT = os.environ.get("CAMRANK_KIT", "")
CAMRANK = os.environ.get("CAMRANK", "build/camrank")
TOP = 5
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


def run(job, model, folder):
    path = os.path.join(folder, model + ".h5")
    sets = {"dataset.images": f"{KIT}/dev/images",
            "dataset.ground_truth": f"{KIT}/dev/ground_truth.csv",
            "dataset.synsets": f"{KIT}/dev/LOC_synset_mapping.txt",
            "models.0.file": f"{KIT}/models/{model}.onnx"}
    command = ["mpirun", "-q", "-n", "2", CAMRANK, "run", f"jobs/{job}.yaml", "--output", path]
    for key, value in sets.items():
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
    for (name, column, maps), row in zip(variants, report["rows"]):
        group = model[name]
        ours, theirs = group["maps"][()][at, :TOP], golden[maps]
        worst = (abs(ours - theirs).max((2, 3)) / np.ptp(theirs, (2, 3)).clip(1e-30)).max()
        check(f"{model_name} {name} maps", worst < 1e-4, f"{worst:.1e} of their range")
        compare_boxes(f"{model_name} {name}", group, reference, column, differing)
        for what, ours in zip(("loc1", "loc5", "gtk"), hits(model, group)):
            theirs = np.array([int(r[f"{column}_hit_{what}"]) for r in reference], bool)
            check(f"{model_name} {name} {what} of every image", (ours == theirs).all())
        wsol = differences(model_name, column, ids, group["maps"][()][:, TOP],
                           MIN_MAX if name == "cam" else MAX)
        # A map's last bits can move one image across one threshold.
        check(f"{model_name} {name} MaxBoxAcc counts of 3 IoU and 100 thresholds", max(wsol) <= 1,
              f"V1 and V2 differ by {wsol}")
        wrong = [500 - n for n in (cls1, cls5) + counts[column]]
        errors = [row[key] for key in ("top1_cls_error", "top5_cls_error", "top1_loc_error",
                                       "top5_loc_error", "gt_known_loc_error")]
        check(f"{model_name} {name} counts", errors == [100 * n / 500 for n in wrong] and
              row["images"] == 500, f"{[500 - n for n in wrong]}")
    check(f"{model_name} boxes", len(differing) <= 3, f"{len(differing)} differ")
    for line in differing:
        print("   ", line)


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
sys.exit(1 if failures else 0)
