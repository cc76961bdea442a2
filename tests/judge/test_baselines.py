"""The baselines over all 50,000 ILSVRC validation images, with no network and no image: the published
values, and everything once more in numpy."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from camrank import KIT, Checks, kit_or_skip

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
JOB = """name: baselines
dataset: {{layout: {layout}, images: none, ground_truth: {kit}/ilsvrc-val{file},
          synsets: {kit}/ilsvrc-val/LOC_synset_mapping.txt}}
models: []
protocols: [cam-paper, {{name: cam-paper, iou: 0.7, as: strict}}]
output: baselines.h5
"""
SIDE = 224


def lines(name):
    with open(f"{KIT}/ilsvrc-val/{name}.txt") as stream:
        return [line.split(",") for line in stream.read().split("\n") if line]


def run(folder, ranks=1, layout="wsol", file=""):
    path = os.path.join(folder, "job.yaml")
    with open(path, "w") as stream:
        stream.write(JOB.format(kit=KIT, layout=layout, file=file))
    done = subprocess.run(["mpirun", "-q", "-n", str(ranks), CAMRANK, "run", path, "-o",
                           f"{folder}/baselines.{ranks}.h5"],
                          capture_output=True, text=True, timeout=300)
    # Without libevent's lines, as in tests/cli/lib.sh.
    done.stderr = re.sub(r"^\[(?:warn|err)\] Epoll [A-Z]*\(.*\n", "", done.stderr, flags=re.M)
    return done


def best_iou(boxes, truth, first):
    """Of one box an image with the ground-truth boxes, row by row; sides inclusive."""
    low, high = np.maximum(boxes[:, :2], truth[:, :2]), np.minimum(boxes[:, 2:], truth[:, 2:])
    shared = (high - low + 1).clip(0).prod(1)

    def area(b):
        return (b[:, 2:] - b[:, :2] + 1).prod(1)
    return np.maximum.reduceat(shared / (area(boxes) + area(truth) - shared), first)


def main():
    kit_or_skip()
    check = Checks()
    sizes = {path: (int(w), int(h)) for path, w, h in lines("image_sizes")}
    rows = sorted([path, [int(side) for side in box]] for path, *box in lines("localization"))
    owner = np.array([row[0] for row in rows])
    truth = np.array([row[1] for row in rows])
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    size = np.array([sizes[path] for path in owner])
    whole = np.c_[0 * size, size - 1]
    iou = best_iou(whole, truth, first)
    scaled = (truth * SIDE / np.tile(size, 2)).astype(int)
    frame = best_iou(np.tile([0, 0, SIDE - 1, SIDE - 1], (len(truth), 1)), scaled, first)
    # Boxes as wsolevaluation makes them: x, y, x + width, y + height, clipped.
    center = [best_iou(np.tile([a, a] + 2 * [min(SIDE - a, SIDE - 1)], (len(truth), 1)), scaled,
                       first) for a in range(110, -1, -2)]

    def percent(hits):
        return 100 * np.count_nonzero(hits) / len(first)

    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        done = run(folder)
        took = time.monotonic() - start
        check("baselines run without images and networks", done.returncode == 0,
              done.stderr.strip().split("\n")[-1])
        print(f"       {len(first)} images in {took:.1f} s")
        report = json.loads(subprocess.run(
            [CAMRANK, "report", f"{folder}/baselines.1.h5", "--format", "json"], check=True,
            capture_output=True).stdout)
        row = {(r["method"], r["protocol"]): r for r in report["rows"]}
        check("four rows over 50,000 images", len(report["rows"]) == 4 and
              all(r["model"] == "baseline" and r["images"] == r["localized"] == 50000
                  for r in report["rows"]))
        box, square = row["whole-image", "cam-paper"], row["center-box", "cam-paper"]
        check("GT-known of the whole image is 40.702 %",
              f"{100 - box['gt_known_loc_error']:.3f}" == "40.702")
        check("MaxBoxAcc of the whole image is 41.108 %", f"{box['max_box_acc']:.3f}" == "41.108")
        check("MaxBoxAccV2 is the mean of 63.06, 41.108 and 22.594 %",
              abs(box["max_box_acc_v2"] - (63.06 + 41.108 + 22.594) / 3) < 5e-3)
        check("the best centred square has 54.02 and 53.36 %",
              (f"{square['max_box_acc']:.2f}", f"{square['max_box_acc_v2']:.2f}") ==
              ("54.02", "53.36"))
        differ = [(a, b) for a, b in (
            (100 - box["gt_known_loc_error"], percent(iou >= 0.5)),
            (100 - row["whole-image", "strict"]["gt_known_loc_error"], percent(iou >= 0.7)),
            (box["mean_iou"], iou.mean()),
            (box["max_box_acc"], percent(frame >= 0.5)),
            (box["max_box_acc_v2"], sum(percent(frame >= t) for t in (0.3, 0.5, 0.7)) / 3),
            (square["max_box_acc"], max(percent(c >= 0.5) for c in center)),
            (square["max_box_acc_v2"],
             sum(max(percent(c >= t) for c in center) for t in (0.3, 0.5, 0.7)) / 3))
            if abs(a - b) > 1e-9]
        check("all as in numpy", not differ, str(differ))
        with open(f"{folder}/baselines.1.h5", "rb") as stream:
            wanted = stream.read()
        for ranks in (2, 3):
            run(folder, ranks)
            with open(f"{folder}/baselines.{ranks}.h5", "rb") as stream:
                check(f"the file of {ranks} ranks is that of one", stream.read() == wanted)
        done = run(folder, 4, "kaggle", "/LOC_val_solution.csv")
        check("kaggle's ground truth, which has no sizes, is refused in one line",
              done.returncode == 3 and done.stderr.count("\n") == 1 and
              "LOC_val_solution.csv: the baselines need the sizes" in done.stderr, done.stderr)
    check.done()


main()
