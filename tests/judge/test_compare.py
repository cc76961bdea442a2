#!/usr/bin/env python3
"""camrank compare, judged by columns that h5py reads and by SciPy; and what it refuses.

usage: test_compare.py     from the top of the repo; CAMRANK names the program
"""
import csv
import hashlib
import io
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
from outcomes import outcome

try:
    from scipy import stats
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
check = Checks()
ERRORS = ["top1_cls_error", "top5_cls_error", "top1_loc_error", "top5_loc_error", "gt_known_loc_error"]
KEYS = [*ERRORS, "mean_iou", "max_box_acc", "max_box_acc_held_out"]


def run(*arguments, code=0):
    done = subprocess.run([CAMRANK, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != code:
        print(f"{' '.join(map(str, arguments))}: exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        sys.exit(1)
    return done.stdout if code == 0 else done.stderr


def compare(*arguments):
    return json.loads(run("compare", *arguments, "--format", "json"))


class File:
    """Columns of one file by the rules of docs/format.md, for protocols of one box a class."""

    def __init__(self, path):
        self.file = h5py.File(path)
        images = self.file["images"]
        self.ids = [i.decode() for i in images["id"][:]]
        self.label = images["label"][:]
        self.part = np.array([int(hashlib.sha256(i.encode()).hexdigest()[:8], 16) % 5 != 0 for i in self.ids])

    def columns(self, model, method, protocol, keep):
        """Of the images `keep`: rights or values by metric, with the images that count."""
        of = self.file["models"][model]
        top = of["top_class"][:][keep]
        label = self.label[keep]
        group = of[method.replace("/", ":")]
        iou = np.nan_to_num(group[protocol]["iou"][:][keep])
        rules = self.file["protocols"][protocol].attrs
        counts = (self.file["images/localize"][:][keep] == 1) | (rules["exclude"] == 0)
        right = (top == label[:, None])
        hit = iou >= rules["iou"]
        every = np.ones(len(keep), bool)
        columns = {"top1_cls_error": (right[:, 0], every), "top5_cls_error": (right.any(1), every),
                   "top1_loc_error": (right[:, 0] & hit[:, 0], counts),
                   "top5_loc_error": ((right & hit[:, :5]).any(1), counts),
                   "gt_known_loc_error": (hit[:, 5], counts), "mean_iou": (iou[:, 5], counts)}
        hits = (group["levels"][:][keep] >> 1 & 1).astype(bool)
        part = self.part[keep]
        columns["max_box_acc"] = hits[:, hits.sum(0).argmax()], every
        columns["max_box_acc_held_out"] = hits[:, hits[~part].sum(0).argmax()], part
        return columns


def mcnemar(b, c):
    """As in test_stat.py."""
    if b + c == 0:
        return 1, 1
    half = stats.binom(b + c, 0.5)
    exact = stats.binomtest(min(b, c), b + c).pvalue
    return exact, 1 - half.pmf(b) / 2 if b == c else exact - half.pmf(min(b, c))


def holm(p):
    p = np.array(p)
    order = np.argsort(p, kind="stable")
    out = np.empty(len(p))
    out[order] = np.minimum(1, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return out


def needed(a, b, alpha):
    """The formula of stat.h: as many images show such a difference at alpha with power 0.8."""
    apart = a.astype(float) - b
    difference, square = apart.mean(), (apart ** 2).mean()
    if not difference:
        return None
    roots = stats.norm.ppf(1 - alpha / 2) * square ** 0.5, stats.norm.ppf(0.8) * (square - difference ** 2) ** 0.5
    return np.ceil((sum(roots) / difference) ** 2)


def near(a, b):
    return (a is None and b is None) or abs(a - b) <= 1e-9 * max(1, abs(b))


def judge_pairs(what, result, files, kept):
    """files: by path, kept: by path, the images that are shared, in one order."""
    rows, wrong, adjusted = result["rows"], [], {}
    columns = [files[r["file"]].columns(r["model"], r["method"], r["protocol"], kept[r["file"]]) for r in rows]
    for key in KEYS:
        counts = np.logical_and.reduce([c[key][1] for c in columns])
        for row, c in zip(rows, columns):
            mean = c[key][0][counts].mean()
            want = mean if key == "mean_iou" else 100 * (1 - mean) if key in ERRORS else 100 * mean
            if not near(row["values"][key], want):
                wrong.append((key, row["values"][key], want))
        for pair in (p for p in result["pairs"] if p["metric"] == key):
            a, b = columns[pair["a"]][key][0][counts], columns[pair["b"]][key][0][counts]
            wants = {"n": counts.sum(),
                     "difference": rows[pair["a"]]["values"][key] - rows[pair["b"]]["values"][key]}
            if key == "mean_iou":
                wants["p_wilcoxon"] = stats.wilcoxon(a, b, zero_method="pratt", mode="approx").pvalue \
                    if (a != b).any() else 1
                wants.update(p_exact=None, p_mid=None, kappa=None)
            else:
                cells = {"both": (a & b).sum(), "only_a": (a & ~b).sum(), "only_b": (b & ~a).sum(),
                         "neither": (~a & ~b).sum()}
                wants.update(cells, **dict(zip(("p_exact", "p_mid"), mcnemar(cells["only_a"], cells["only_b"]))))
            wrong += [(key, k, pair[k], w) for k, w in wants.items() if not near(pair[k], w)]
            want = needed(a, b, 0.05 / sum(p["metric"] == key for p in result["pairs"]))
            if not (near(pair["images_needed"], want) or key == "mean_iou" and  # of means in units of 2^-40
                    abs(pair["images_needed"] - want) <= max(1, 1e-6 * want)):
                wrong.append((key, "images_needed", pair["images_needed"], want))
            if not pair["low"] <= pair["difference"] <= pair["high"]:
                wrong.append((key, "interval", pair))
            adjusted.setdefault(key, []).append((pair["p_adjusted"],
                                                 pair["p_wilcoxon" if key == "mean_iou" else "p_exact"]))
        got, p = zip(*adjusted[key])
        wrong += [(key, "Holm", g, w) for g, w in zip(got, holm(p)) if not near(g, w)]
        metric = next(m for m in result["metrics"] if m["metric"] == key)
        if len(rows) > 2 and key == "mean_iou":
            want = stats.friedmanchisquare(*[c[key][0][counts] for c in columns])
            wrong += [(key, "Friedman")] * (not near(metric["friedman"], want.statistic))
    check(what, not wrong, f"{len(result['pairs'])} pairs{wrong[:3] or ''}")


def judge_letters(result):
    """Rows share a letter if and only if their difference is not significant."""
    wrong = 0
    for metric in result["metrics"]:
        for pair in (p for p in result["pairs"] if p["metric"] == metric["metric"]):
            a, b = (set(metric["letters"][pair[k]]) for k in "ab")
            wrong += bool(a & b) == (pair["p_adjusted"] < result["alpha"])
    check("rows share a letter where they cannot be told apart", wrong == 0)


def judge_forms(path):
    result = compare(path)
    lines = list(csv.DictReader(io.StringIO(run("compare", path, "--format", "csv"))))
    same = len(lines) == len(result["pairs"])
    for line, pair in zip(lines, result["pairs"]):
        for key in ("difference", "low", "high", "p_exact", "p_mid", "p_wilcoxon", "p_adjusted", "kappa",
                    "images_needed", "both", "only_a", "only_b", "neither"):
            want = pair.get(key)
            same = same and (line[key] == "" if want is None else float(line[key]) == want)
        same = same and line["model_a"] == result["rows"][pair["a"]]["model"]
    check("CSV has the numbers of JSON", same)
    report = {(r["model"], r["variant"], r["protocol"]): r
              for r in json.loads(run("report", path, "--format", "json"))["rows"]}
    check("values are those of the report, to the bit",
          all(row["values"][k] == report[row["model"], row["method"], row["protocol"]][k]
              for row in result["rows"] for k in KEYS))
    one = compare(path, "--only", "gap,cam,grad-cam", "--resamples", "1000")
    other = compare(path, "--only", "gap,cam,grad-cam", "--resamples", "1000")
    check("the bootstrap is the same in every run", one == other)
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    alone = compare(path, "--only", "gap,cam,grad-cam", "--resamples", "1000")
    os.sched_setaffinity(0, cpus)
    check("and on one CPU", one == alone)
    none = compare(path, "--resamples", "0", "--metric", "mean_iou")
    check("--resamples 0 gives no interval", all(p["low"] is None and p["p_wilcoxon"] <= 1 for p in none["pairs"]))
    against = compare(path, "--against", "gap/cam", "--metric", "top1_loc_error")
    at = next(i for i, r in enumerate(against["rows"]) if (r["model"], r["method"]) == ("gap", "cam"))
    check("--against pairs each row with one", against["against"] == at and
          [(p["a"], p["b"]) for p in against["pairs"]] == [(r, at) for r in range(5) if r != at])
    text = run("compare", path, "--only", "grad-cam")
    tables = [line for line in text.splitlines() if line.count("  ") > 4]
    check("tables of three rows fit 100 columns", len(tables) >= 3 * 9 and max(map(len, tables)) <= 100)
    check("each comparison ends with a sentence", text.count("top-1 loc: ") == 3 and
          "\ntop-1 loc: A is better by 15.67 points (9.38 to 21.76, of this pair alone); p < 0.001 (Holm; <0.001 alone).\n" in text)


def benjamini_hochberg(p):
    p = np.array(p)
    order = np.argsort(-p, kind="stable")
    out = np.empty(len(p))
    out[order] = np.minimum(1, np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1)))
    return out


def judge_classes(path):
    file = File(path)
    columns = [file.columns("gap", method, "cam-paper", np.arange(300)) for method in ("cam", "grad-cam")]
    for key in "top1_loc_error", "max_box_acc", "mean_iou":
        result = compare(path, "--only", "gap", "--by-class", "--metric", key)
        (a, counts), (b, _) = (c[key] for c in columns)
        wants = {}
        for label in np.unique(file.label[counts]):
            x, y = a[counts & (file.label == label)], b[counts & (file.label == label)]
            scale = {"top1_loc_error": -100, "max_box_acc": 100, "mean_iou": 1}[key]
            p = stats.wilcoxon(x, y, zero_method="pratt", mode="approx").pvalue if key == "mean_iou" else \
                mcnemar((x & ~y).sum(), (y & ~x).sum())[0]
            wants[wnid_of(file.file, label)] = len(x), scale * (x.mean() - y.mean()), p
        corrected = dict(zip(wants, benjamini_hochberg([w[2] for w in wants.values()])))
        got = result["classes"]
        same = all(c["n"] == wants[c["class"]][0] and near(c["difference"], wants[c["class"]][1]) and
                   near(c["p_wilcoxon" if key == "mean_iou" else "p_exact"], wants[c["class"]][2]) and
                   near(c["p_adjusted"], corrected[c["class"]]) for c in got)
        order = [c["difference"] for c in got]
        check(f"--by-class, {key}", same and len(got) == len(wants) == 10 and order == sorted(order))
    lines = list(csv.DictReader(io.StringIO(run("compare", path, "--only", "gap", "--by-class", "--metric", "mean_iou",
                                                "--format", "csv"))))
    check("--by-class as CSV", [(r["class"], float(r["p_adjusted"])) for r in lines] ==
          [(c["class"], c["p_adjusted"]) for c in got])


def judge_one_image_a_class(path, folder):
    """Three images, each of a class of its own: nothing can be shown, and nothing is divided by."""
    one = f"{folder}/three.h5"
    with h5py.File(path) as file:
        labels, ids = file["images/label"][:], file["images/id"][:]
    with open(f"{folder}/three.txt", "w") as out:
        for label in range(3):
            out.write(ids[np.flatnonzero(labels == label)[0]].decode() + "\n")
    run("run", "jobs/demo/demo.yaml", "--set", f"dataset.subset.list={folder}/three.txt", "-o", one)
    result = compare(one, "--by-class", "--flips", "2")
    check("classes of one image", len(result["classes"]) == 10 * 3 and
          all(c["n"] == 1 and c["p_exact"] == 1 and c["p_adjusted"] == 1 for c in result["classes"]) and
          all((p["p_adjusted"] or 1) > 0.05 for p in result["pairs"]))


def judge_flips(path):
    """Outcomes and IoUs counted again, of both kinds."""
    file = File(path)
    images, boxes = file.file["images"], file.file["ground_truth/boxes"][:]
    truths = [boxes[f:f + n] for f, n in zip(images["first_box"][:], images["n_boxes"][:])]
    for key, of, slot in ("top1_loc_error", "top1", 0), ("gt_known_loc_error", "gt_known", 5):
        seen = []
        for method in "cam", "grad-cam":
            group = file.file["models/gap"][method]["cam-paper"]
            right = np.ones(300, bool) if slot else file.file["models/gap/top_class"][:, 0] == file.label
            iou = group["iou"][:, slot]
            seen.append([(outcome(r, v, 0.5, box, truth), v if r else 0)
                         for r, v, box, truth in zip(right, iou, group["boxes"][:, slot], truths)])
        result = compare(path, "--only", "gap", "--flips", "7", "--metric", key)["flips"][0]
        table = {}
        for (a, _), (b, _) in zip(*seen):
            table[a, b] = table.get((a, b), 0) + 1
        got = {(a, b): n for a, to in result["outcomes"].items() for b, n in to.items() if n}
        change = np.array([b[1] - a[1] for a, b in zip(*seen)])
        lists = {"better": np.argsort(-change, kind="stable")[:7], "worse": np.argsort(change, kind="stable")[:7]}
        same = all([(f["image"], f["a"], f["b"], f["iou_a"], f["iou_b"]) for f in result[side]] ==
                   [(file.ids[i], seen[0][i][0], seen[1][i][0], seen[0][i][1], seen[1][i][1]) for i in at]
                   for side, at in lists.items())
        check(f"--flips, {of}", result["of"] == of and result["n"] == 300 and got == table and same)
    lines = list(csv.DictReader(io.StringIO(run("compare", path, "--only", "gap", "--flips", "7", "--metric", key,
                                                "--format", "csv"))))
    check("--flips as CSV", [r["image"] for r in lines] ==
          [f["image"] for side in ("better", "worse") for f in result[side]])


def resampled(a, b, rng, n=2000):
    """95 % interval of mean(a) - mean(b), a and b [runs, images], over images and runs drawn anew."""
    images = rng.integers(0, a.shape[1], (n, a.shape[1]))
    drawn = []
    for runs in a, b:
        means = np.stack([run[images].mean(1) for run in runs])
        picks = rng.integers(0, len(runs), (n, len(runs)))
        drawn.append(np.take_along_axis(means.T, picks, axis=1).mean(1))
    return np.quantile(drawn[0] - drawn[1], [0.025, 0.975])


def judge_groups(path):
    keys = ["top1_loc_error", "mean_iou", "max_box_acc"]
    result = compare(path, "--group", "g*", *sum((["--metric", k] for k in keys), []))
    rows, variants = result["rows"], result["variants"]
    names = [f"{r['model']}/{r['method']}" for r in rows]
    check("--group: runs of each variant", [[v["name"], [names[r] for r in v["rows"]]] for v in variants] ==
          [["g*/cam", ["gap/cam", "gmp/cam"]], ["g*/grad-cam", ["gap/grad-cam", "gmp/grad-cam"]],
           ["fc/grad-cam", ["fc/grad-cam"]]])
    wrong, far, file, rng = [], [], File(path), np.random.default_rng(3)
    columns = [file.columns(r["model"], r["method"], r["protocol"], np.arange(300)) for r in rows]
    for key in keys:
        for v in variants:
            values = np.array([rows[r]["values"][key] for r in v["rows"]])
            wants = {"mean": values.mean(), "deviation": values.std(ddof=1) if len(values) > 1 else None,
                     "least": values.min(), "most": values.max()}
            wrong += [(key, k) for k, w in wants.items() if not near(v["values"][key][k], w)]
        units = [{"top1_loc_error": 100 * (1 - c[key][0]), "mean_iou": c[key][0]}.get(key, 100 * c[key][0])
                 for c in columns]
        for pair in (p for p in result["variant_pairs"] if p["metric"] == key):
            a, b = (variants[pair[k]] for k in "ab")
            if not near(pair["difference"], a["values"][key]["mean"] - b["values"][key]["mean"]):
                wrong.append((key, pair))
            theirs = np.array([resampled(*(np.stack([units[r] for r in v["rows"]]) for v in (a, b)), rng)
                               for _ in range(5)])
            spread = theirs.max(0) - theirs.min(0)
            apart = np.abs(np.array([pair["low"], pair["high"]]) - theirs.mean(0))
            far += [(key, pair["a"], pair["b"], apart, spread)] * bool((apart > 4 * np.maximum(
                spread, 1e-3 * abs(theirs).max())).any())
    check("mean, deviation and range", not wrong, str(wrong[:2] or ""))
    check("intervals over images and runs", not far and len(result["variant_pairs"]) == 9, str(far[:2] or ""))
    lines = list(csv.DictReader(io.StringIO(run("compare", path, "--group", "g*", "--metric", keys[0], "--format",
                                                "csv"))))
    check("--group as CSV", [(r["variant_a"], float(r["low"])) for r in lines] ==
          [(variants[p["a"]]["name"], p["low"]) for p in result["variant_pairs"] if p["metric"] == keys[0]])
    whole = compare(path, "--group", "*/cam/*", "--metric", "mean_iou")["variants"]
    check("a group with / is of rows", [len(v["rows"]) for v in whole] == [2, 1, 1, 1] and
          whole[0]["name"] == "*/cam/*")


def judge_docs(path):
    """What the pages show is what the program prints, but for the numbers."""
    def shape(line):
        return re.sub(r"[<-]?\d[\d.e-]*", "#", re.sub(" +", " ", line.strip()))

    three = ("--metric", "top1_loc_error", "--metric", "gt_known_loc_error", "--metric", "mean_iou")
    printed = [run("compare", path, "--only", "grad-cam"),
               run("compare", path, "--only", "grad-cam", *three, "--format", "latex"),
               run("compare", path, "--only", "gap", "--metric", "top1_loc_error", "--by-class", "--flips", "2"),
               run("compare", path, "--only", "gap,gmp,cam", "--alike")]
    known = {shape(line.replace(path, "build/demo.h5")) for line in "\n".join(printed).splitlines()}
    shown = [line for page in ("docs/comparing.md", "docs/comparing-reference.md")
             for block in re.findall(r"^```\w*\n(.*?)^```", open(page).read(), re.M | re.S)
             for line in block.splitlines() if line != "..." and not line.startswith("demo_val")]
    strange = [line for line in shown if shape(line) not in known]
    check("the pages show what is printed", not strange and len(shown) > 40, str(strange[:3] or f"{len(shown)} lines"))


def judge_itself(path):
    result = compare(path, path, "--only", "gap,cam")
    check("a file and itself: nothing differs",
          all(p["difference"] == 0 and p["p_adjusted"] == 1 for p in result["pairs"]) and len(result["rows"]) == 2)
    check("and it says so", "top-1 loc: A and B are equal on every image.\n" in run("compare", path, path, "--only", "gap,cam"))


def judge_baselines(path):
    reported = {r["variant"]: r for r in json.loads(run("report", path, "--format", "json"))["rows"]}
    result = compare(path, "--only", "gap,cam,baseline")
    names = [r["method"] for r in result["rows"]]
    check("baselines are rows where they are named", names == ["cam", "whole-image", "center-box"] and
          len(compare(path)["rows"]) == 5, f"{names}")
    for row in result["rows"][1:]:
        for number, value in row["values"].items():
            want = reported[row["method"]][number]
            check(f"{row['method']}: {number}", value is None if want is None else abs(value - want) < 1e-9, f"{value}, {want}")
    with h5py.File(path) as file:
        hits = file["models/gap/cam/cam-paper/iou"][:, 5] >= 0.5
        images, boxes = file["images"], file["ground_truth/boxes"][:]
        first, n = images["first_box"][:], images["n_boxes"][:]
        whole = []
        for i, (w, h) in enumerate(file["models/gap/size"][:]):
            of = boxes[first[i]:first[i] + n[i]]
            whole.append(((of[:, 2] - of[:, 0] + 1) * (of[:, 3] - of[:, 1] + 1)).max() / (w * h) >= 0.5)
    whole = np.array(whole)
    pair = next(p for p in result["pairs"] if p["metric"] == "gt_known_loc_error" and p["b"] == 1)
    check("and their pairs are of their images", (pair["only_a"], pair["only_b"]) ==
          (int((hits & ~whole).sum()), int((whole & ~hits).sum())), f"{pair}")
    against = compare(path, "--against", "baseline/whole-image", "--metric", "mean_iou")
    check("against one", len(against["rows"]) == 6 and all(p["b"] == 5 for p in against["pairs"]))


def change(path, to, function):
    shutil.copy(path, to)
    with h5py.File(to, "r+") as file:
        function(file)
    return to


def set_at(name, at, value):
    def function(file):
        file[name][at] = value
    return function


def judge_several(path, folder):
    """A file of every second image, and one that is not finished."""
    half = f"{folder}/half.h5"
    run("run", "jobs/demo/demo.yaml", "--set", "dataset.subset.stride=2", "--set", "batch=7", "-o", half)

    def unfinish(file):
        file["models/gap/cam/done"][40:50] = 0
        file["models/gmp/done"][45:60] = 0
    part = change(path, f"{folder}/part.h5", unfinish)
    result = compare(path, half, part, "--only", "gap,gmp,cam")
    files = {f: File(f) for f in (path, half, part)}
    shared = [i for i, name in enumerate(files[path].ids) if name in files[half].ids and not 40 <= i < 60]
    kept = {f: np.array([files[f].ids.index(files[path].ids[i]) for i in shared]) for f in files}
    check("images that all have", result["images"] == len(shared) == 140 and
          [f["left_out"] for f in result["files"]] == [150, 0, 150] and
          [r["missing"] for r in result["rows"]] == [0, 0, 0, 0, 5, 7], f"{result['images']}")
    judge_pairs("three files, one of other images, one not finished", result, files, kept)
    text = run("compare", path, half, part, "--only", "gap,gmp,cam")
    check("and a line says so", f"Left out, as not all files have them: 150 of {path}, 0 of {half}, " in text and
          "\nNot finished: " in text and "lacks 7 of 150 images; the figures are of those that all rows have" in text)
    long = f"{folder}/a_name_that_makes_a_table_of_rows_wide.h5"
    os.link(half, long)
    text = run("compare", path, long, "--only", "gap,grad-cam")
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("row "))
    check("rows of long names are numbered in front of the table",
          lines[head - 3].startswith("  1  ") and lines[head - 2].startswith("  2  ") and
          "a_name_that_makes" in lines[head - 3] + lines[head - 2] and
          lines[head + 1].startswith("  1 ") and max(map(len, lines[head:head + 3])) <= 100)
    skipped = change(path, f"{folder}/failed.h5", set_at("models/gap/cam/done", slice(0, 9), 2))
    result = compare(skipped, "--only", "gap")
    check("images that failed count as wrong", next(
        p for p in result["pairs"] if p["metric"] == "gt_known_loc_error")["n"] == 300)


def judge_without_network(path, folder):
    """Maps of a program that predicts nothing have no errors of predictions; what they have is compared."""
    maps = f"{folder}/maps"
    run("export", path, "--format", "npy", "--raw", "--model", "gap", "--method", "cam", "-o", maps)
    scored = f"{folder}/scored.h5"
    run("score", maps, "jobs/demo/demo.yaml", "-o", scored)
    result = compare(path, scored, "--only", "cam-paper", "--flips", "2")
    at = next(i for i, r in enumerate(result["rows"]) if r["file"] == scored)
    other = next(i for i, r in enumerate(result["rows"]) if (r["model"], r["method"]) == ("gap", "cam"))
    values = result["rows"][at]["values"]
    check("no predictions, no errors of them", all(values[k] is None for k in KEYS[:4]) and
          all(p["difference"] is None and p["p_adjusted"] is None and p["both"] is None
              for p in result["pairs"] if at in (p["a"], p["b"]) and p["metric"] in KEYS[:4]))
    check("the others have theirs", all(result["rows"][other]["values"][k] is not None for k in KEYS))
    same = [p for p in result["pairs"] if (p["a"], p["b"]) == (other, at) and p["metric"] in KEYS[4:]]
    check("the same maps are equal", len(same) == 4 and all(p["difference"] == 0 and p["p_adjusted"] == 1
                                                             for p in same))
    kinds = {f["of"] for f in result["flips"] if at in (f["a"], f["b"])}
    check("what became of their images is by the ground-truth class's box", kinds == {"gt_known"})
    alone = run("compare", path, scored, "--only", "gap,demo,cam,maps", "--against", "demo/maps")
    check("and is said so", "\ntop-1 loc: there is nothing to compare.\n" in alone)


def judge_refusals(path, folder):
    def refused(what, message, *arguments, code=3):
        said = run("compare", *arguments, code=code)
        check(what, said == f"camrank: {message}\n", said.strip()[:160])

    other = change(path, f"{folder}/label.h5", set_at("images/label", 3, 0))
    refused("another label is refused", f"{other}: image demo_val_00000004 is of class {wnid(other, 3)}, in {path} "
            f"of {wnid(path, 3)}", path, other)
    with h5py.File(path) as file:
        image = np.searchsorted(file["images/first_box"][:], 7, side="right") - 1
        name, box = file["images/id"][image].decode(), file["ground_truth/boxes"][7]
    other = change(path, f"{folder}/box.h5", set_at("ground_truth/boxes", (7, 2), box[2] + 1))
    sides = "{} {} {} {}".format
    refused("other boxes are refused", f"{other}: image {name} has a ground-truth box "
            f"{sides(*(box + [0, 0, 1, 0]))}, in {path} {sides(*box)}", path, other)

    def threshold(file):
        file["protocols/cam-paper"].attrs["threshold"] = 0.25
    other = change(path, f"{folder}/protocol.h5", threshold)
    refused("another protocol is refused", f"{other}: protocol cam-paper has threshold 0.25, in {path} 0.2",
            path, other)
    only = "--only", "gap,cam"
    refused("one row alone", f"{path}: one row alone: nothing to compare it with", path, *only)
    refused("a name that is none", '--only: there is no model, method or protocol "gab", but gap, gmp, fc, baseline, '
            "cam, grad-cam, whole-image, center-box, cam-paper", path, path, "--only", "gap,gab")
    rows = ("gap/cam", "gap/grad-cam", "gmp/cam", "gmp/grad-cam", "fc/grad-cam")
    refused("a row that is none", "--against gab: there is no such row, but " + ", ".join(
        f"{row}/cam-paper" for row in rows), path, path, "--against", "gab")
    refused("a row that is several", "--against gap: may be 2 rows: MODEL/METHOD/PROTOCOL names one, with FILE: in "
            "front where files have the same", path, "--against", "gap", code=2)
    known = re.findall(r"^    (\w+) +(?:percent|0 to 1), better", run("metrics"), re.MULTILINE)
    known.remove("max_box_acc_v2"), known.remove("max_box_acc_v2_held_out")  # of no single image
    check("numbers that compare knows", set(KEYS) <= set(known), str(known))
    refused("a number that is none", "--metric top1_lok_error: is no number of a single image (did you mean "
            '"top1_loc_error"?); see camrank metrics', path, "--metric", "top1_lok_error", code=2)
    refused("two tables in one CSV", "compare: --format csv is one table: of --by-class, of --flips or of --alike", path,
            "--by-class", "--flips", "3", "--format", "csv", code=2)
    refused("a group of none", "--group x*: no row is called so, but gap/cam/cam-paper, gap/grad-cam/cam-paper, "
            "gmp/cam/cam-paper, gmp/grad-cam/cam-paper, fc/grad-cam/cam-paper", path, "--group", "x*")
    refused("a row of two groups", "--group g* and --group */cam/* both take gap/cam", path, "--group", "g*",
            "--group", "*/cam/*", code=2)
    for option in ("--by-class",), ("--flips", "2"), ("--against", "gap/cam"):
        refused(f"--group with {option[0]}", "compare: --group is of variants: without --against, --by-class, "
                "--flips and --alike", path, "--group", "g*", *option, code=2)
    for alpha in "0", "1", "x", "nan":
        refused(f"--alpha {alpha}", f"--alpha {alpha}: must be a number between 0 and 1", path, "--alpha", alpha,
                code=2)

    def schema(file):
        file.attrs["schema"] = np.bytes_(b"camrank-results-9")
    foreign = f"{folder}/text.h5"
    with open(foreign, "w") as file:
        file.write("no HDF5")
    damaged = change(path, f"{folder}/damaged.h5", set_at("models/gap/cam/cam-paper/iou", (3, 5), 7))
    for what, bad in ("foreign", foreign), ("of another version", change(path, f"{folder}/v.h5", schema)), \
            ("damaged", damaged):
        check(f"a file that is {what} is refused as by report",
              run("compare", path, bad, code=3) == run("report", bad, code=3))
    out = f"{folder}/out.json"
    run("compare", path, "--format", "json", "-o", out)
    check("-o writes what is printed", open(out).read() == run("compare", path, "--format", "json"))
    refused("-o replaces nothing by itself", f"{out}: exists already; --force replaces it", path, "--format", "json",
            "-o", out)
    run("compare", path, "--format", "json", "-o", out, "--force", "--alpha", "0.01")
    check("but with --force", json.load(open(out))["alpha"] == 0.01)
    refused("nor what is of another format", f"{out}: exists and is a file of another kind; it is not replaced", path,
            "-o", out, "--force")
    for form, detail in ("text", ()), ("csv", ()), ("csv", ("--by-class",)), ("csv", ("--flips", "3")), \
            ("markdown", ("--by-class",)), ("latex", ("--flips", "3")), ("csv", ("--group", "g*")):
        for more in (), ("--force",):
            run("compare", path, "--format", form, *detail, "-o", f"{folder}/out{len(''.join(detail))}.{form}", *more)


def wnid_of(file, label):
    return file["classes/wnid"][label].decode()


def wnid(path, i):
    with h5py.File(path) as file:
        return wnid_of(file, file["images/label"][i])


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/demo.h5"
        run("run", "jobs/demo/demo.yaml", "--set", "protocols=[cam-paper, kaggle]", "-o", path)
        result = compare(path)
        judge_pairs("a file's rows", result, {path: File(path)}, {path: np.arange(300)})
        judge_letters(result)
        path = f"{folder}/one.h5"
        run("run", "jobs/demo/demo.yaml", "-o", path)
        judge_forms(path)
        judge_classes(path)
        judge_one_image_a_class(path, folder)
        judge_flips(path)
        judge_groups(path)
        judge_docs(path)
        judge_itself(path)
        judge_several(path, folder)
        judge_without_network(path, folder)
        judge_baselines(path)
        judge_refusals(path, folder)
    check.done()


main()
