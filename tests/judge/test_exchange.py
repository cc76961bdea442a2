#!/usr/bin/env python3
"""camrank export and camrank score on the demo, judged by numbers computed here from what they write.

usage: test_exchange.py     from the top of the repo; CAMRANK names the program
"""
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from camrank import Checks

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
JOB = "jobs/demo/demo.yaml"
LIMIT = 120
check = Checks()


def run(*arguments, ranks=1, code=0):
    command = (["mpirun", "-q", "-n", str(ranks)] if ranks > 1 else []) + [CAMRANK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != code:
        print(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        sys.exit(1)
    return done.stdout if code == 0 else done.stderr


def rows_of(path):
    rows = json.loads(run("report", path, "--format", "json"))["rows"]
    return {(r["model"], r["variant"], r["protocol"]): r for r in rows}


def iou(a, b):
    """Inclusive sides, as in the devkit."""
    w = min(a[2], b[2]) - max(a[0], b[0]) + 1
    h = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if w <= 0 or h <= 0:
        return 0.0
    def area(c):
        return (c[2] - c[0] + 1) * (c[3] - c[1] + 1)
    return w * h / (area(a) + area(b) - w * h)


def read_truth(classes):
    """id -> (class, boxes), of the first LIMIT images."""
    truth = {}
    with open("jobs/demo/ground_truth.csv", newline="") as file:
        for row in csv.DictReader(file):
            words = row["PredictionString"].split()
            boxes = np.array([words[k + 1:k + 5] for k in range(0, len(words), 5)], int)
            truth[row["ImageId"]] = classes.index(words[0]), boxes
    return dict(sorted(truth.items())[:LIMIT])


def close(a, b):
    return abs(a - b) < 1e-9


def error(right):
    return 100 * (1 - np.mean(right))


def judge_csv(path, truth, rows):
    lines = list(csv.DictReader(run("export", path, "--format", "csv").splitlines()))
    wrong = {"iou": 0, "hit": 0}
    table = {}
    for line in lines:
        label, boxes = truth[line["image"]]
        box = [int(line[k]) for k in ("x0", "y0", "x1", "y1")]
        best = max(iou(box, b) for b in boxes)
        hit = int(line["class"]) == label and best >= 0.5
        wrong["iou"] += abs(best - float(line["iou"])) > 1e-8 or int(line["label"]) != label
        wrong["hit"] += hit != (line["hit"] == "1")
        key = line["model"], line["method"], line["protocol"]
        table.setdefault(key, {}).setdefault(line["image"], {})[int(line["rank"])] = line
    check("csv: IoU, label and hit of every line", not any(wrong.values()), f"{len(lines)} lines, {wrong}")
    off = []
    for key, images in table.items():
        per = list(images.values())
        numbers = {
            "top1_cls_error": error([i[1]["class"] == i[1]["label"] for i in per]),
            "top1_loc_error": error([i[1]["hit"] == "1" for i in per]),
            "top5_loc_error": error([any(i[k]["hit"] == "1" for k in i if k) for i in per]),
            "gt_known_loc_error": error([i[0]["hit"] == "1" for i in per])}
        off += [(key, k) for k, v in numbers.items() if not close(v, rows[key][k])]
        off += [key] if len(per) != LIMIT else []
    networks = {k for k in rows if k[0] != "baseline"}
    check("csv: errors from its lines are the report's", not off and set(table) == networks, str(off))
    one = run("export", path, "--format", "csv", "--method", "cam", "--protocol", "kaggle")
    check("csv: one method under one protocol",
          {(r["method"], r["protocol"]) for r in csv.DictReader(one.splitlines())} ==
          {("cam", "kaggle")})
    scores = [float(i[k]["score"]) for k in (1, 2) for i in table["gap", "cam", "kaggle"].values()]
    with h5py.File(path) as file:
        logits = file["models/gap/top_logit"][:, :2].T.ravel()
    check("csv: scores are the logits", np.array_equal(np.float32(scores), logits))


def loc_errors(groups, truth, number):
    """Top-1 and top-5 localization error of lists of (label, box), in the order of the images."""
    top1, top5 = [], []
    for predictions, (label, boxes) in zip(groups, truth.values()):
        hits = [k == number[label] and max(iou(b, t) for t in boxes) >= 0.5 for k, b in predictions]
        top1.append(bool(hits) and hits[0])
        top5.append(any(hits[:5]))
    return error(top1), error(top5)


def split(words):
    numbers = [int(w) for w in words]
    return [(numbers[k], numbers[k + 1:k + 5]) for k in range(0, len(numbers), 5)]


def judge_challenges(path, truth, rows, classes, devkit):
    which = "--model", "gap", "--method", "cam", "--protocol", "kaggle"
    want = rows["gap", "cam", "kaggle"]["top1_loc_error"], rows["gap", "cam", "kaggle"]["top5_loc_error"]
    lines = list(csv.DictReader(run("export", path, "--format", "kaggle", *which).splitlines()))
    number = {c: sorted(classes).index(w) + 1 for c, w in enumerate(classes)}
    got = loc_errors([split(r["PredictionString"].split()) for r in lines], truth, number)
    check("kaggle: a row an image, its errors are the report's",
          [r["ImageId"] for r in lines] == list(truth) and np.allclose(got, want, atol=1e-9), str(got))
    lines = run("export", path, "--format", "devkit", *which).splitlines()
    number = {c: devkit[w] for c, w in enumerate(classes)}
    got = loc_errors([split(line.split()) for line in lines], truth, number)
    check("devkit: a line an image, its errors are the report's",
          len(lines) == LIMIT and np.allclose(got, want, atol=1e-9), str(got))


SCORES = "gt_known_loc_error", "mean_iou", "max_box_acc", "max_box_acc_v2", "max_box_acc_held_out"


def judge_scoring(path, folder, rows, sets):
    which = "--model", "gap", "--method", "cam"
    sets = (*sets, "--set", "name=again")
    run("export", path, "--format", "npy", *which, "-o", f"{folder}/npy")
    run("export", path, "--format", "npy", *which, "--raw", "-o", f"{folder}/raw")
    with h5py.File(path) as file:
        names = [n.decode() for n in file["images/file"]]
        raw = file["models/gap/cam/maps"][:, -1]
    maps = [np.load(f"{folder}/npy/{n}.npy") for n in names]
    check("npy: maps are what wsolevaluation's evaluator takes",
          all(m.dtype == np.float64 and m.shape == (224, 224) and m.min() == 0 and m.max() == 1
              for m in maps))
    check("npy: raw maps are the file's",
          all(np.array_equal(np.load(f"{folder}/raw/{n}.npy"), r) for n, r in zip(names, raw)))
    with h5py.File(f"{folder}/foreign.h5", "w") as file:
        file["a/maps"] = raw.astype("f8")
        file["a/big-endian"] = raw.astype(">f4")
        file["a/half"] = raw.astype("f2")
        # A value below float32's normal ones, from which HDF5's conversion would go wrong on.
        small = raw.astype("f8") * (1 - 2.0**-26)
        small[:, 0, 0] = 1e-41
        for kind in "<f8", ">f8":
            file[f"a/{kind}"] = small.astype(kind)
        file["a/<i2"] = np.int16(raw * 100)
        for kind in ">i2", "<i4", ">i8":
            file[f"a/{kind}"] = file["a/<i2"][:].astype(kind)
    want = rows["gap", "cam", "cam-paper"]
    for i, place in enumerate(("raw", "foreign.h5:a/maps", "foreign.h5:a/big-endian")):
        run("score", f"{folder}/{place}", JOB, "-o", f"{folder}/again{i}.h5", *sets)
        got = rows_of(f"{folder}/again{i}.h5")["again", "maps", "cam-paper"]
        check(f"scored again from {place}: the same numbers, and none of classes",
              all(got[k] == want[k] for k in SCORES) and got["top1_cls_error"] is None and
              got["top1_loc_error"] is None and got["top5_loc_error"] is None)
    for first, *others in ("<f8", ">f8"), ("<i2", ">i2", "<i4", ">i8"):
        found = []
        for kind in first, *others:
            run("score", f"{folder}/foreign.h5:a/{kind}", JOB, "-o", f"{folder}/kind.h5", "--force", *sets)
            with h5py.File(f"{folder}/kind.h5") as file:
                found.append((file["models/again/maps/cam-paper/boxes"][:],
                              file["models/again/maps/levels"][:]))
        check(f"scored again from {others}: the boxes of {first}",
              all(np.array_equal(a, b) for other in found[1:] for a, b in zip(other, found[0])))
    run("score", f"{folder}/foreign.h5:a/half", JOB, "-o", f"{folder}/half.h5", *sets)
    got = rows_of(f"{folder}/half.h5")["again", "maps", "cam-paper"]
    check("scored again from float16: nearly the same numbers",
          all(abs(got[k] - want[k]) < 1 for k in SCORES), str(got))
    run("score", f"{folder}/npy", JOB, "-o", f"{folder}/npy.h5", *sets)
    got = rows_of(f"{folder}/npy.h5")["again", "maps", "cam-paper"]
    check("scored again from 224 x 224: the same MaxBoxAcc",
          all(got[k] == want[k] for k in SCORES if k.startswith("max")))
    files = []
    for ranks in 1, 2, 3:
        out = f"{folder}/ranks{ranks}.h5"
        run("score", path, JOB, "-o", out, *sets, ranks=ranks)
        with open(out, "rb") as file:
            files.append(file.read())
    check("a results file scored again: the same bytes at 1, 2 and 3 ranks",
          files[0] == files[1] == files[2])
    again = rows_of(f"{folder}/ranks1.h5")
    check("a results file scored again: the same table",
          {k: v for k, v in again.items()} == rows)


def picture(path, folder, *arguments):
    run("show", path, "demo_val_00000001", "-o", f"{folder}/picture.png", "--force", *arguments)
    with open(f"{folder}/picture.png", "rb") as file:
        return file.read()


def same_files(a, b):
    names = sorted(os.listdir(a))
    return names == sorted(os.listdir(b)) and all(
        open(f"{a}/{n}", "rb").read() == open(f"{b}/{n}", "rb").read() for n in names)


def judge_kept_maps(path, folder, sets):
    """show and export on files that were scored, without those that they were scored from."""
    half, moved, again = f"{folder}/half-run.h5", f"{folder}/moved.h5", f"{folder}/kept.h5"
    run("run", JOB, "-o", half, *sets, "--set", "heatmaps.type=float16")
    for what, original in ("float32", path), ("float16", half):
        shutil.copy(original, moved)
        run("score", moved, JOB, "-o", again, "--force", *sets)
        os.remove(moved)
        with h5py.File(original) as a, h5py.File(again) as b:
            alike = [a[f"models/{m}/maps"][:].tobytes() == b[f"models/{m}/maps"][:].tobytes()
                     for m in ("gap/cam", "gap/grad-cam", "gmp/cam", "gmp/grad-cam", "fc/grad-cam")]
        for name, file in ("was", original), ("is", again):
            shutil.rmtree(f"{folder}/{name}", ignore_errors=True)
            run("export", file, "--format", "npy", "--model", "gmp", "--method", "cam", "-o",
                f"{folder}/{name}")
        check(f"a {what} file scored again has its maps, whatever becomes of the first",
              all(alike) and same_files(f"{folder}/was", f"{folder}/is") and
              picture(original, folder, "--rank", "2") == picture(again, folder, "--rank", "2"))
    run("score", path, JOB, "-o", again, "--force", *sets, "--set", "heatmaps.classes=none")
    said = run("show", again, "demo_val_00000001", "-o", f"{folder}/no.png", code=3)
    check("the job says which maps are kept", "holds no maps of gap, cam" in said, said)


def judge_without_network(folder, sets):
    """Maps of another program: what exists is shown, and nothing that nobody predicted."""
    foreign, again = f"{folder}/again0.h5", f"{folder}/twice.h5"
    run("export", foreign, "--format", "npy", "--raw", "-o", f"{folder}/raw-again")
    check("the maps are kept", same_files(f"{folder}/raw", f"{folder}/raw-again") and
          len(picture(foreign, folder)) > 1000)
    run("score", foreign, JOB, "-o", again, *sets, "--set", "name=again")
    with h5py.File(foreign) as a, h5py.File(again) as b:
        check("and can be scored again",
              all(np.array_equal(a[f"models/again/maps/{k}"][:], b[f"models/again/maps/{k}"][:])
                  for k in ("maps", "levels", "cam-paper/boxes")))
        hit = a["models/again/maps/kaggle/iou"][:, 5] >= 0.5
        label = a["images/label"][:]
    report = json.loads(run("report", foreign, "--by-class", "--format", "json"))
    row = next(r for r in report["rows"] if (r["model"], r["protocol"]) == ("again", "kaggle"))
    check("json: null for what was not predicted",
          row["images"] is None and row["outcomes"] is None and row["filter"] is None and
          row["localized"] == LIMIT and sum(row["gt_known_outcomes"].values()) == LIMIT)
    classes = [c for c in report["classes"] if c["protocol"] == "kaggle"]
    wrong = []
    for c, of in zip(np.unique(label), classes):
        n, right = int((label == c).sum()), int(hit[label == c].sum())
        if of["images"] is not None or of["outcomes"] is not None or of["localized"] != n or \
                of["gt_known_outcomes"]["right"] != right or \
                not close(of["gt_known_loc_error"], 100 * (1 - right / n)):
            wrong.append(of["class"])
    check("json: the classes' localization", len(classes) == len(np.unique(label)) and not wrong,
          str(wrong))
    lines = list(csv.DictReader(run("report", foreign, "--by-class", "--format", "csv").splitlines()))
    check("csv: empty for what was not predicted",
          len(lines) == 3 * len(classes) and
          all(li["images"] == li["top1_cls_error"] == li["outcome_right"] == "" and
              int(li["gt_known_outcome_right"]) >= 0 for li in lines))
    text = run("report", foreign)
    check("text: no classification, no filter, no outcome of a first prediction",
          "classification" not in text and "resize filter" not in text and
          not any(li.split()[:3] == ["again", "maps", "top-1"] for li in text.splitlines()), text)
    for form in "text", "markdown", "latex":
        text = run("report", foreign, "--by-class", "--format", form)
        names = [w.split("  ")[0] for w in text.splitlines() if "again" in w and "kaggle" in w]
        parts = sum(" name " in li and "method" in li for li in text.splitlines())  # of a table that is too wide
        check(f"{form}: a line a class", len(names) == len(classes) * parts and parts > 0 and "- " in text)
    lines = list(csv.DictReader(run("export", foreign, "--format", "csv").splitlines()))
    check("export csv: the ground truth's box alone, with no score",
          len(lines) == 3 * LIMIT and all(li["rank"] == "0" and li["score"] == "" for li in lines))
    for form in "kaggle", "devkit":
        said = run("export", foreign, "--format", form, "--protocol", "kaggle", code=3)
        check(f"export {form}: refused", "no class was predicted" in said, said.strip())
    said = run("show", foreign, "demo_val_00000001", "-o", f"{folder}/no.png", "--rank", "1", code=3)
    check("show --rank: refused", "no class was predicted" in said, said.strip())
    shutil.copytree(f"{folder}/raw", f"{folder}/sizes")
    with h5py.File(foreign) as file:
        names = [n.decode() for n in file["images/file"][:]]
    np.save(f"{folder}/sizes/{names[4]}.npy", np.eye(9))
    run("score", f"{folder}/sizes", JOB, "-o", f"{folder}/sizes.h5", *sets, "--set", "name=again")
    with h5py.File(f"{folder}/sizes.h5") as file:
        maps, done = file["models/again/maps/maps"][:], file["models/again/done"][:]
    said = run("show", f"{folder}/sizes.h5", names[4].split(".")[0], "-o", f"{folder}/no.png", code=3)
    check("a map of another size than the first is scored, and not kept",
          (done == 1).all() and list(np.flatnonzero(np.isnan(maps[:, 0, 0, 0]))) == [4] and
          "another size than the first" in said, said.strip())


def judge_empty_maps(path, folder, sets):
    """A map that says nothing, here one of a single value, gives the whole image: they are counted."""
    with h5py.File(path) as file:
        raw, label = file["models/gap/cam/maps"][:, -1], file["images/label"][:]
    empty = np.arange(LIMIT) % 9 == 4
    raw[empty] = -0.5
    raw[np.flatnonzero(empty)[::2]] = 0
    with h5py.File(f"{folder}/dark.h5", "w") as file:
        file["maps"] = raw
    for ranks in 1, 2:
        run("score", f"{folder}/dark.h5:maps", JOB, "-o", f"{folder}/dark{ranks}.h5", *sets, "--set",
            "name=again", ranks=ranks)
    with h5py.File(f"{folder}/dark1.h5") as a, h5py.File(f"{folder}/dark2.h5") as b:
        found = a["models/again/maps/empty"][:]
        boxes = a["models/again/maps/cam-paper/boxes"][:].reshape(LIMIT, -1, 4)[:, -1]
        size = a["images/size"][:] if "size" in a["images"] else a["models/again/size"][:]
        check("empty maps: in the file, at any number of ranks",
              np.array_equal(found[:, 5], empty) and not found[:, :5].any() and
              np.array_equal(found, b["models/again/maps/empty"][:]))
        check("empty maps: their box is the whole image",
              np.array_equal(boxes[empty], np.column_stack([0 * size, size - 1])[empty]))
    n = int(empty.sum())
    row = rows_of(f"{folder}/dark1.h5")["again", "maps", "cam-paper"]
    check("empty maps: json", row["gt_known_empty_maps"] == n and row["missing"] == 0, row)
    report = run("report", f"{folder}/dark1.h5", "--format", "csv").splitlines()
    row = next(r for r in csv.DictReader(report) if r["protocol"] == "cam-paper")
    check("empty maps: csv", row["gt_known_empty_maps"] == str(n), row)
    said = run("report", f"{folder}/dark1.h5")
    check("empty maps: a line where they are many",
          re.search(rf"^Empty maps, whose box is the whole image, are many: again maps {100 * n / LIMIT:.1f} %", said, re.M), said)
    classes = json.loads(run("report", f"{folder}/dark1.h5", "--by-class", "--format", "json"))["classes"]
    check("empty maps: by class",
          [c["gt_known_empty_maps"] for c in classes if c["protocol"] == "cam-paper"] ==
          [int(empty[label == c].sum()) for c in np.unique(label)])


def judge_refusals(path, folder, sets):
    raw = f"{folder}/raw"
    names = sorted(os.listdir(raw))
    os.remove(f"{raw}/{names[3]}")
    np.save(f"{raw}/{names[5][:-4]}", np.full((14, 14), np.nan))
    with open(f"{raw}/{names[7]}", "wb") as file:
        file.write(b"no map")
    run("score", raw, JOB, "-o", f"{folder}/failed.h5", *sets)
    report = json.loads(run("report", f"{folder}/failed.h5", "--format", "json"))
    reasons = {f["image"]: f["reason"] for f in report["failures"]}
    check("maps missing, not finite, damaged fail their images",
          len(reasons) == 3 and report["dataset"]["failed"] == 3, str(reasons))
    with h5py.File(f"{folder}/few.h5", "w") as file:
        file["maps"] = np.zeros((7, 4, 4))
        file["text"] = np.array([b"a"])
        file["link"] = h5py.ExternalLink(f"{folder}/other.h5", "maps")
        file.create_dataset("outside", (120, 4, 4), "f4", external=[(f"{folder}/pipe", 0, 7680)])
        layout = h5py.VirtualLayout((120, 4, 4), "f4")
        layout[:] = h5py.VirtualSource(f"{folder}/pipe", "maps", (120, 4, 4))
        file.create_virtual_dataset("virtual", layout)
        file["extended"] = np.zeros((120, 4, 4), np.longdouble)
        file.create_dataset("scaled", (120, 4, 4), "i4", scaleoffset=4)
        file.create_dataset("chunk", (120, 1024, 1024), "f4", chunks=(120, 1024, 1024))
    with h5py.File(f"{folder}/other.h5", "w") as file:
        file["maps"] = np.zeros((120, 4, 4))
    os.mkfifo(f"{folder}/pipe")
    os.mkfifo(f"{folder}/pipe.h5")
    for what, arguments, words in [
            ("too few maps", (f"{folder}/few.h5:maps", JOB), "7 maps for 120 images"),
            ("no maps", (f"{folder}/few.h5:text", JOB), "must have the shape"),
            ("no such dataset", (f"{folder}/few.h5:none", JOB), "dataset none"),
            ("a link to another file", (f"{folder}/few.h5:link", JOB), "dataset link"),
            ("data in another file", (f"{folder}/few.h5:outside", JOB), "lie in another file"),
            ("data from other files", (f"{folder}/few.h5:virtual", JOB), "lie in another file"),
            ("odd numbers", (f"{folder}/few.h5:extended", JOB), "must hold integers of 8 to 64"),
            ("a filter", (f"{folder}/few.h5:scaled", JOB), "scaleoffset (number 6), which cannot"),
            ("a large chunk", (f"{folder}/few.h5:chunk", JOB), "has chunks of 120 x 1024 x 1024"),
            ("a pipe", (f"{folder}/pipe.h5:maps", JOB), "pipe.h5: not a regular file"),
            ("no such place", (f"{folder}/none", JOB), "neither a folder"),
            ("another program's file", (f"{folder}/few.h5", JOB), "few.h5"),
            ("other images", (path, JOB, "--limit", "7"), "holds 120 images, the job 7")]:
        given = () if "--limit" in arguments else sets
        said = run("score", *arguments, "-o", f"{folder}/no.h5", *given, code=3)
        check(f"refused: {what}", words in said and said.count("\n") == 1, said.strip())
    views = f"{folder}/views.h5"
    shutil.copy(path, views)
    with h5py.File(views, "r+") as file:
        attributes = file["models/gap"].attrs
        text = bytes(attributes["input"]).decode().replace("squash", "short-side 256, crop ten")
        attributes.create("input", text.encode(), dtype=h5py.string_dtype("utf-8", len(text)))
    for command in (("score", views, JOB, "-o", f"{folder}/no.h5", *sets),
                    ("show", views, "demo_val_00000001", "-o", f"{folder}/no.png", "--model", "gap",
                     "--method", "cam", "--protocol", "cam-paper"),
                    ("export", views, "--format", "npy", "-o", f"{folder}/no", "--model", "gap",
                     "--method", "cam")):
        said = run(*command, code=3)
        check(f"refused: {command[0]} with other views than maps have",
              "maps of 1 views, but its input has 10" in said and said.count("\n") == 1, said.strip())
    shutil.copy(path, views)
    with h5py.File(views, "r+") as file:
        file["models/gap/size"][...] = 2**30
    said = run("export", views, "--format", "npy", "-o", f"{folder}/no", "--model", "gap",
               "--method", "cam", code=3)
    check("refused: images too large", "the limits are 1 to 65500 a side" in said, said.strip())
    said = run("export", path, "--format", "kaggle", code=2)
    check("refused: several methods in one submission", "--model must name one" in said, said.strip())
    said = run("export", path, "--format", "npy", "-o", "/proc/none", "--model", "fc", code=3)
    check("refused: a folder that cannot be made", "/proc/none" in said, said.strip())


def main():
    with open("jobs/demo/synsets.txt") as file:
        classes = [line.split()[0] for line in file]
    truth = read_truth(classes)
    with tempfile.TemporaryDirectory() as folder:
        devkit = {w: (3 * i + 4) % len(classes) + 1 for i, w in enumerate(classes)}
        with open(f"{folder}/devkit.txt", "w") as file:
            file.writelines(f"{i} {w}\n" for w, i in devkit.items())
        sets = ("--limit", str(LIMIT), "--set", "protocols=[cam-paper,kaggle,googlenet-gap-top5]",
                "--set", f"dataset.devkit_synsets={folder}/devkit.txt")
        path = f"{folder}/demo.h5"
        run("run", JOB, "-o", path, *sets, ranks=2)
        rows = rows_of(path)
        judge_csv(path, truth, rows)
        judge_challenges(path, truth, rows, classes, devkit)
        judge_scoring(path, folder, rows, sets)
        judge_kept_maps(path, folder, sets)
        judge_without_network(folder, sets)
        judge_empty_maps(path, folder, sets)
        judge_refusals(path, folder, sets)
    check.done()


main()
