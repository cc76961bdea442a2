#!/usr/bin/env python3
"""What camrank compare costs: a made-up file of 50,000 images and 20 rows, all pairs and all numbers, on one
core without the bootstrap and on two with it: time, and peak memory.

usage: bench_compare.py     from the top of the repo; CAMRANK names the program
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
N, MODELS = 50000, 10

def stretch(source, target, picks, rng, n):
    """A group again, with so many rows of each dataset: those of the picked images, one in five another's."""
    for key, value in source.attrs.items():
        target.attrs.create(key, value, dtype=source.attrs.get_id(key).dtype)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            stretch(item, target.create_group(name), np.where(rng.random(N) < 0.8, picks, rng.integers(0, n, N)),
                    rng, n)
        else:
            made = target.create_dataset(name, data=item[:][picks], dtype=item.dtype)
            for key, value in item.attrs.items():
                made.attrs[key] = value


def make(demo, path):
    rng = np.random.default_rng(17)
    with h5py.File(demo) as source, h5py.File(path, "w") as file:
        n = source["images/label"].shape[0]
        picks = rng.integers(0, n, N)
        for key in source.attrs:
            file.attrs.create(key, source.attrs[key], dtype=source.attrs.get_id(key).dtype)
        for name in "classes", "protocols":
            source.copy(name, file)
        stretch(source["images"], file.create_group("images"), picks, np.random.default_rng(0), n)
        images = file["images"]
        for name in "id", "file":
            ids = np.array([b"made_%08d" % i for i in range(N)], images[name].dtype)
            images[name][:] = ids
        counts = images["n_boxes"][:]
        images["first_box"][:] = np.concatenate([[0], np.cumsum(counts)[:-1]])
        boxes = source["ground_truth/boxes"][:]
        first = source["images/first_box"][:]
        made = np.concatenate([boxes[first[p]:first[p] + c] for p, c in zip(picks, counts)])
        truth = file.create_dataset("ground_truth/boxes", data=made)
        for key, value in source["ground_truth/boxes"].attrs.items():
            truth.attrs[key] = value
        model, = source["models"].values()
        for m in range(MODELS):
            group = file.create_group(f"models/m{m}")
            stretch(model, group, picks, rng, n)
            group.attrs["index"] = np.int32(m)
        summary = source["summary"][:]
        rows = np.tile(summary, MODELS)
        rows["model"] = np.repeat([b"m%d" % m for m in range(MODELS)], len(summary))
        target = file.create_dataset("summary", data=rows, dtype=summary.dtype)
        for key, value in source["summary"].attrs.items():
            target.attrs[key] = value


def measure(what, cores, *arguments):
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([CAMRANK, "compare", *arguments], stdout=subprocess.PIPE, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores]))
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what:44} {seconds:6.1f} s, {cpu:6.1f} s of CPU; peak of all so far {after.ru_maxrss / 1000:.0f} MB; "
          f"{len(done.stdout) / 1e6:.1f} MB out", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        demo, path = f"{folder}/demo.h5", f"{folder}/made.h5"
        subprocess.run([CAMRANK, "run", "jobs/demo/demo.yaml", "--set", "heatmaps.classes=none", "--set",
                        "models=[{name: gap, file: jobs/demo/gap.onnx, input: {size: [112, 112], resize: squash, "
                        "filter: pil-bilinear, channels: rgb, range: 1, mean: [0.5, 0.5, 0.5], "
                        "std: [0.25, 0.25, 0.25]}}]", "-o", demo], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        make(demo, path)
        print(f"{N} images, {2 * MODELS} rows, {MODELS * (2 * MODELS - 1)} pairs, "
              f"{os.path.getsize(path) / 1e6:.0f} MB")
        measure("three rows, --resamples 0, one core", 1, path, "--only", "m0,m1,cam", "--resamples", "0")
        measure("all pairs, --resamples 0, one core", 1, path, "--resamples", "0", "--format", "json")
        measure("all pairs, 10,000 resamples, two cores", 2, path, "--format", "json")
        measure("--flips 100 --by-class, one core", 1, path, "--resamples", "0", "--format", "json", "--flips", "100",
                "--by-class")


if __name__ == "__main__":
    sys.exit(main())
