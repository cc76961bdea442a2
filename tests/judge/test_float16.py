#!/usr/bin/env python3
"""Maps kept as float16 are those of a float32 run as NumPy rounds them, whatever the batch; values that
float16 has not fail their image.

usage: test_float16.py     from the top of the repo; CAMRANK names the program
"""
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from camrank import Checks

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
JOB = "jobs/demo/demo.yaml"
LIMIT = 60
check = Checks()


def run(*arguments):
    done = subprocess.run([CAMRANK, *arguments], capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        sys.exit(1)
    return done.stdout


def compute(job, path, kind, batch):
    run("run", job, "--limit", str(LIMIT), "--set", f"heatmaps.type={kind}", "--set",
        f"batch={batch}", "-o", path)


def maps_of(file):
    """(model, variant, maps) of every variant."""
    return [(m, v, group["maps"][:]) for m, model in file["models"].items()
            for v, group in model.items() if isinstance(group, h5py.Group)]


def judge_rounding(folder):
    wrong, small = [], 0
    for batch in 16, 7, 1:
        for kind in "float16", "float32":
            compute(JOB, f"{folder}/{kind}-{batch}.h5", kind, batch)
        with h5py.File(f"{folder}/float16-{batch}.h5") as half, \
                h5py.File(f"{folder}/float32-{batch}.h5") as single:
            for (m, v, a), (_, _, b) in zip(maps_of(half), maps_of(single)):
                small += int(((abs(b) > 0) & (abs(b) < 2.0**-14)).sum())
                if a.dtype != np.float16 or a.tobytes() != b.astype("f2").tobytes():
                    wrong.append((batch, m, v, int((a != b.astype("f2")).sum())))
    check("maps of a float16 run are a float32 run's, rounded by NumPy, at batches of 16, 7 and 1",
          not wrong and small > 0, f"{wrong}, {small} values below 2^-14")


def judge_range(folder):
    """Inputs so large that some maps are beyond 65504, and some are not."""
    with open(JOB) as file:
        text = file.read()
    for key in "images", "ground_truth", "synsets", "file":
        text = text.replace(f" {key}: ", f" {key}: {os.path.abspath('jobs/demo')}/")
    job = f"{folder}/large.yaml"
    with open(job, "w") as file:
        file.write(text.replace("std: [0.229, 0.224, 0.225]", "std: [3e-4, 3e-4, 3e-4]"))
    for kind in "float16", "float32":
        compute(job, f"{folder}/large-{kind}.h5", kind, 16)
    with h5py.File(f"{folder}/large-float16.h5") as half, \
            h5py.File(f"{folder}/large-float32.h5") as single:
        for m, model in single["models"].items():
            check(f"{m}: its images do not fail",
                  (half[f"models/{m}/done"][:] == 1).all() and (model["done"][:] == 1).all())
            for v, group in model.items():
                if not isinstance(group, h5py.Group):
                    continue
                most = abs(group["maps"][:]).reshape(LIMIT, -1).max(1)
                place = half[f"models/{m}/{v}"]
                failed, reasons = place["done"][:] == 2, place["reason"].asstr()[:]
                check(f"{m}, {v}: the maps beyond 65504 fail, and no other",
                      np.array_equal(failed, most > 65504) and (group["done"][:] == 1).all(),
                      f"{failed.sum()} of {LIMIT}, the largest value {most.max():g}")
                check(f"{m}, {v}: the reason names value, map and remedy",
                      all("beyond the 65504 of float16 (heatmaps.type: float32" in r and
                          "map of class d" in r for r in reasons[failed]), str(reasons[failed][:1]))
            check(f"{m}: no infinity is kept",
                  not any(np.isinf(maps).any() for _, _, maps in maps_of(half)))
    failed = json.loads(run("report", f"{folder}/large-float16.h5", "--format", "json"))
    check("some images fail, and some do not", 0 < failed["dataset"]["failed"] < LIMIT,
          str(failed["dataset"]))


def main():
    with tempfile.TemporaryDirectory() as folder:
        judge_rounding(folder)
        judge_range(folder)
    check.done()


main()
