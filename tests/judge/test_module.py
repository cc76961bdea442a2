#!/usr/bin/env python3
"""python/camrank.py on the demo, of either schema: its tables against what the program itself reports."""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from camrank import Checks

try:
    import h5py
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CAMRANK = os.environ["CAMRANK"]
check = Checks()


def module(without_pandas=False):
    """Our module, whose name is that of the tests' own."""
    hidden = sys.modules.get("pandas")
    if without_pandas:
        sys.modules["pandas"] = None
    spec = importlib.util.spec_from_file_location("camrank_results", "python/camrank.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    if without_pandas:
        del sys.modules["pandas"]
        if hidden:
            sys.modules["pandas"] = hidden
    return made


def percent(wrong, counts):
    return 100 * np.asarray(wrong)[counts].sum() / counts.sum()


def judge_file(camrank, path, what):
    rows = json.loads(subprocess.run([CAMRANK, "report", path, "--format", "json"], check=True,
                                     capture_output=True).stdout)["rows"]
    with camrank.open(path) as f, h5py.File(path) as h5:
        names = [(r["model"], r["variant"]) for r in rows if r["model"] != "baseline"]
        check(f"{what}: rows", f.rows == list(dict.fromkeys(names)), f"{f.rows}")
        summary = f.summary()
        for i, row in enumerate(r for r in rows if r["model"] != "baseline"):
            at = row["model"], row["variant"]
            of = f.images(*at, row["protocol"])
            counts, seen = np.asarray(of["localized"]) & (np.asarray(of["state"]) > 0), np.asarray(of["state"]) > 0
            ours = {"top1_cls_error": percent(~np.asarray(of["class_right"]), seen),
                    "top1_loc_error": percent(~np.asarray(of["top1_right"]), counts),
                    "gt_known_loc_error": percent(~np.asarray(of["gt_known_right"]), counts),
                    "mean_iou": np.nan_to_num(np.asarray(of["iou"]))[counts].mean()}
            check(f"{what}: {'/'.join(at)} {row['protocol']}",
                  all(abs(row[k] - v) < 1e-9 for k, v in ours.items()), f"{ours}")
            check(f"{what}: {'/'.join(at)}: curve", np.allclose(f.curve(*at), row["curve"], atol=1e-9))
            check(f"{what}: {'/'.join(at)}: summary", summary["variant"][i] == row["variant"] and
                  summary["mean_iou"][i] == row["mean_iou"])
            own = h5[f.row(*at).name]
            check(f"{what}: maps and boxes",
                  np.array_equal(f.maps(*at, 3), own["maps"][3]) and
                  np.array_equal(f.boxes(*at, row["protocol"]), own[row["protocol"]]["boxes"][:, 5]))
        pairs = f.pairs(("gap", "cam"), ("fc", "grad-cam"))
        a, b = f.images("gap", "cam"), f.images("fc", "grad-cam")
        both = (np.asarray(a["state"]) > 0) & (np.asarray(b["state"]) > 0)
        check(f"{what}: pairs", list(pairs["id"]) == list(f.ids[both]) and
              np.array_equal(pairs["iou_a"], np.asarray(a["iou"])[both], equal_nan=True) and
              np.array_equal(pairs["gt_known_right_b"], np.asarray(b["gt_known_right"])[both]))
        first, n = h5["images/first_box"][5], h5["images/n_boxes"][5]
        check(f"{what}: truth", np.array_equal(f.truth(5), h5["ground_truth/boxes"][first:first + n]))
        for call in (lambda: f.images("gap", "gradcam"), lambda: f.images("gap", "cam", "none")):
            try:
                call()
                check(f"{what}: what is not there is refused", False)
            except KeyError as error:
                check(f"{what}: what is not there is refused", "but" in str(error), str(error))


camrank = module()
with tempfile.TemporaryDirectory() as folder:
    path, old = f"{folder}/demo.h5", f"{folder}/old.h5"
    run = subprocess.run([CAMRANK, "run", "jobs/demo/demo.yaml", "-o", path, "--limit", "60", "--set",
                          "protocols=[cam-paper, cam-code-2]", "--set",
                          "methods=[cam, grad-cam, grad-cam@/relu4/Relu_output_0]"], capture_output=True)
    check("a run", run.returncode == 0, run.stderr.decode())
    judge_file(camrank, path, "schema 2")
    judge_file(module(without_pandas=True), path, "without pandas")
    subprocess.run(["cp", path, old], check=True)
    with h5py.File(old, "r+") as h5:  # as an earlier version wrote it
        h5.attrs.modify("schema", np.bytes_(b"camrank-results-1"))
        for model in h5["models"].values():
            for row in [g for g in model.values() if isinstance(g, h5py.Group)]:
                del row["done"], row["reason"]
    judge_file(camrank, old, "schema 1")
    alone = f"{folder}/alone.h5"
    run = subprocess.run([CAMRANK, "run", "jobs/demo/demo.yaml", "-o", alone, "--limit", "60", "--set",
                          "models.1.methods=[]"], capture_output=True)
    check("a run with classes alone", run.returncode == 0, run.stderr.decode())
    with camrank.open(alone) as f, camrank.open(path) as whole:
        a, b = f.images("gmp"), whole.images("gmp", "cam")
        check("a row of classes alone", ("gmp", "") in f.rows and ("gmp", "cam") not in f.rows and
              "iou" not in a and all(np.array_equal(a[k], b[k]) for k in ("id", "label", "top1", "class_right")))
        check("its summary", list(f.summary()["variant"]).count("") == 1)
        try:
            f.maps("gmp", "", 0)
            check("it has no maps", False)
        except KeyError as error:
            check("it has no maps", "classes alone" in str(error), str(error))
    with h5py.File(f"{folder}/other.h5", "w") as h5:
        h5["a"] = 1
    try:
        camrank.open(f"{folder}/other.h5")
        check("another file is refused", False)
    except ValueError as error:
        check("another file is refused", "no results file of camrank" in str(error))
check.done()
