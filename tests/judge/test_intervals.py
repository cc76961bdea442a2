#!/usr/bin/env python3
"""The intervals that a report gives by resampling images, of a real run: counted again with numpy from what the
file has of each image, bit for bit, and beside SciPy's bootstrap, whose draws are others."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from camrank import Checks
from draws import draws
from structs import CR_REPORT_RESAMPLES

try:
    import h5py
    from scipy import stats
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

check = Checks()
CAMRANK = os.environ["CAMRANK"]


def interval(values):
    return np.quantile(values[~np.isnan(values)], [0.025, 0.975])


def mean_iou(iou, counts):
    """`iou` NaN where the image does not count."""
    there = ~np.isnan(iou)
    sums = np.array([int(round(v * 2**40)) for v in np.where(there, iou, 0)], object)
    parts = counts.astype(object) @ sums
    return np.array([float(s) * 2.0**-40 / n if n else np.nan for s, n in zip(parts, counts @ there)])


def accuracies(levels, counts):
    """MaxBoxAcc and MaxBoxAccV2 of each resample; `levels` [image][level], of images that count."""
    bits = [100 * (counts @ (levels >> bit & 1).astype(np.int64)).max(1) / counts.sum(1) for bit in range(6)]
    return bits[1], (bits[3] + bits[4] + bits[5]) / 3


def best_level(levels, bit):
    return int((levels >> bit & 1).sum(0).argmax())


def report(path, *options, cpus=None):
    command = [CAMRANK, "report", path, "--format", "json", *options]
    run = subprocess.run(["taskset", "-c", cpus, *command] if cpus else command, check=True, capture_output=True)
    return json.loads(run.stdout)["rows"]


def theirs(values, statistic):
    """SciPy's interval, and how far it is from another of its own."""
    ends = np.array([stats.bootstrap((values,), statistic, n_resamples=1000, method="percentile", vectorized=False,
                                     random_state=seed).confidence_interval for seed in range(3)])
    return ends.mean(0), np.ptp(ends, axis=0)


with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/some.h5"
    run = subprocess.run([CAMRANK, "run", "jobs/demo/demo.yaml", "-o", path, "--limit", "120", "--set",
                          "metrics=[relevance]", "--set", "protocols=[cam-paper, gradcam-paper]"], capture_output=True)
    check("a run", run.returncode == 0, run.stderr.decode())
    rows = report(path)
    check("the same bits with one CPU", report(path, cpus=str(min(os.sched_getaffinity(0)))) == rows)
    check("the same bits of a row alone", report(path, "--model", "gmp", "--protocol", "gradcam-paper") ==
          [r for r in rows if (r["model"], r["protocol"]) == ("gmp", "gradcam-paper")])
    with h5py.File(path) as f:
        counts = draws(len(f["images/id"]), CR_REPORT_RESAMPLES)
        check("each image is drawn once in the mean", abs(counts.mean() - 1) < 1e-12 and counts.std() > 0.9)
        for row in rows[:10]:
            name = f"{row['model']} {row['variant']} {row['protocol']}"
            group = f[f"models/{row['model']}/{row['variant']}"]
            iou, levels = group[f"{row['protocol']}/iou"][:, 5], group["levels"][:]
            sums = mean_iou(iou, counts)
            for key, values in (("mean_iou", sums), *zip(("max_box_acc", "max_box_acc_v2"), accuracies(levels, counts))):
                ours = [row[key + "_low"], row[key + "_high"]]
                check(f"{name}: {key}", ours == interval(values).tolist(), f"{ours} {interval(values)}")
                check(f"{name}: {key} lies in it", ours[0] < row[key] < ours[1])
            check(f"{name}: thresholds", [row["max_box_acc_threshold"]] +
                  [row[f"max_box_acc_v2_threshold_{t}"] for t in (30, 50, 70)] ==
                  [best_level(levels, bit) / 255 for bit in (1, 3, 4, 5)])
            check(f"{name}: relevance has one", row["relevance_rank_low"] < row["relevance_rank"] < row["relevance_rank_high"])
            low, high = row["mean_iou_low"], row["mean_iou_high"]
            scipy, spread = theirs(iou, np.mean)
            check(f"{name}: SciPy", np.all(np.abs(scipy - [low, high]) < 4 * spread + 0.002), f"{scipy} {low} {high}")
    whole = [r for r in rows if r["variant"] == "whole-image"]
    check("whole-image has intervals", all(r["mean_iou_low"] < r["mean_iou"] < r["mean_iou_high"] for r in whole))
    center = [r for r in rows if r["variant"] == "center-box"]
    check("center-box has one of MaxBoxAcc alone", all(r["mean_iou_low"] is None and
                                                       r["max_box_acc_low"] < r["max_box_acc"] for r in center))
check.done()
