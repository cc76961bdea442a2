"""The results file seen by readers that camrank does not share a line with: h5py and numpy.

The file is made by `test_results write`; the formulas of its content are those of
tests/mpi/made_up.h.
Prints one line a group; exit code 0 passed, 1 failed, 77 skipped.
"""

import collections
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from outcomes import outcome

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "tests", "mpi", "test_results")
N, CLASSES, H, W, SLOTS, TOP = 37, 7, 3, 5, 6, 5
LEVELS = 255
MODELS = ["zebra-net", "alpha_net.2"]
# Boxes a class, honours the exclude list, IoU, predictions as (slot, box).
PROTOCOLS = {"cam-paper": (1, True, 0.5, [(k, 0) for k in range(5)]),
             "googlenet-gap-top5": (2, False, 0.7, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)])}
THRESHOLDS = [0.2, 100 / 255]  # of CR_PROTOCOL_LIST
VARIANTS = ["grad-cam@features:conv9", "cam"]
VIEWS = [1, 4]
GROUPS = [(m, model, v, variant) for m, model in enumerate(MODELS)
          for v, variant in enumerate(VARIANTS)]

FAILED_CHECKS = []


def check(holds, what):
    if not holds:
        FAILED_CHECKS.append(what)
        print(f"failed: {what}")


def run(ranks, *args):
    """Runs the test program; returns its exit code and output."""
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_hwloc_base_binding_policy="none")
    done = subprocess.run(["mpirun", "-q", "--oversubscribe", "-n", str(ranks), PROGRAM, *args],
                          env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def is_failed(m):
    i = np.arange(N)
    return (i == 9) | ((m == 1) & (i == 20))


def is_localized():
    return np.arange(N) % 11 != 5


def count_boxes():
    i = np.arange(N)
    return np.where(i == 16, 0, 1 + i % 3)


def expected_rows(m):
    i = np.arange(N)[:, None]
    k = np.arange(TOP)
    rows = {
        "size": np.concatenate([100 + i, 200 + i], axis=1).astype("<i4"),
        "top_class": ((i * 3 + m + k) % CLASSES).astype("<i4"),
        "top_logit": (8 - k + m + i / 64).astype("<f4"),
        "truth_logit": (8 - 9 + m + i[:, 0] / 64).astype("<f4"),
    }
    bad = is_failed(m)
    for name, blank in ("size", 0), ("top_class", -1), ("top_logit", np.nan), ("truth_logit", np.nan):
        rows[name][bad] = blank
    rows["done"] = np.where(bad, 2, 1).astype("u1")
    rows["reason"] = np.where(bad, b'no image, "truly"', b"").astype("S200")
    return rows


def expected_variant(m, v, kept=SLOTS):
    i, s, y, x = np.ogrid[:N, :SLOTS, :VIEWS[v] * H, :W]
    maps = ((i * 31 + s * 17 + y * 5 + x * 3 + v * 2 + m) % 97).astype("<f4") / np.float32(97)
    i, level = np.ogrid[:N, :LEVELS]
    levels = ((i * 11 + level * (v + 3) + m) % 64).astype("u1")
    i, s = np.ogrid[:N, :SLOTS]
    empty = ((i * 5 + s * 3 + m + v) % 7 == 0).astype("u1")
    bad = is_failed(m)
    maps[bad], levels[bad], levels[count_boxes() == 0], empty[bad] = np.nan, 0, 0, 0
    if VIEWS[v] > 1:
        maps = maps.reshape(N, SLOTS, VIEWS[v], H, W)
    if m == 1 and v == 0 and kept == SLOTS:  # which keeps fewer than the others
        maps = maps[:, 5:]
    return {"maps": maps, "levels": levels, "empty": empty,
            "done": np.where(bad, 2, 1).astype("u1"),
            "reason": np.where(bad, b"no map", b"").astype("S200")}


def expected_protocol(m, v, p):
    i, s, b = np.ogrid[:N, :SLOTS, :p + 1]
    iou = (i * 7 + s * 5 + v * 3 + m + p * 2 + b * 9) % 16 / 15.0
    sides = (i % 3 + p * 9, i + s - 2, i % 3 + 10 + v + p * 5 + b, i + s + 3 * (i % 7) + b * 9)
    boxes = np.stack([side + 0 * iou.astype(int) for side in sides], -1).astype("<i4")
    none = (b == 1) & ((i + s) % 7 == 0)
    boxes[none], iou[none] = -1, 0
    bad = is_failed(m)
    iou[bad], boxes[bad], iou[count_boxes() == 0] = np.nan, -1, np.nan
    if p == 0:
        iou, boxes = iou[:, :, 0], boxes[:, :, 0]
    return {"iou": iou, "boxes": boxes}


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and \
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def judge_attributes(path):
    with h5py.File(path) as f:
        for name, value in {
                "schema": b"camrank-results-2", "job_name": b"made-up", "overrides": b"",
                "job": b"name: made-up\nprotocol: cam-paper\n", "libraries": b"none 1.0",
                "table": b"protocols wsol-v2", "failed": b"wrong", "batch": 4, "map_slots": 6,
                "map_type": b"float32"}.items():
            check(f.attrs[name] == value, f"attribute {name}: {f.attrs[name]!r}")
        check(f.attrs["camrank_version"] and b"5: the ground-truth" in f.attrs["slots"], "root")
        check(f["images"].attrs["folder"] == b"/pictures", "images.folder")
        check(sorted(f["models"]) == sorted(MODELS), "models")
        for p, (name, (n_boxes, exclude, iou, _)) in enumerate(PROTOCOLS.items()):
            wanted = {"index": p, "threshold": THRESHOLDS[p], "loose": [0, 20 / 255][p], "connectivity": 8,
                      "upsampling": b"bilinear", "boxes": [b"largest", b"tight-loose"][p],
                      "n_boxes": n_boxes, "predictions": [b"plain", b"tight-loose"][p],
                      "exclude": int(exclude), "iou": iou, "threshold_of": b"maximum", "smooth": 0,
                      "smooth_unit": b"pixel"}
            check(dict(f["protocols"][name].attrs) == wanted, f"attributes of protocol {name}")
        for m, model in enumerate(MODELS):
            attributes = f["models"][model].attrs
            check(attributes["index"] == m and attributes["file"].decode() == f"models/{model}.onnx"
                  and attributes["sha256"].decode() == hashlib.sha256(model.encode()).hexdigest()
                  and attributes["input"] == b"224x224 squash" and attributes["filter"] == b"none", f"attributes of {model}")
        for m, model, v, variant in GROUPS:
            attributes = f["models"][model][variant].attrs
            check([attributes[name] for name in
                   ("index", "method", "layer", "layer_given", "scaling", "map_width", "map_height",
                    "views")]
                  == [v, [b"grad-cam", b"cam"][v], [b"features/conv9", b"features/last"][v],
                      1 - v, [b"max", b"min-max"][v], W, H, VIEWS[v]], f"attributes of {model}/{variant}")

        def described(name, item):
            if isinstance(item, h5py.Dataset):
                check(len(item.attrs["description"]) > 0, f"{name} has a description")
                check(item.chunks is None and item.compression is None, f"{name} is contiguous")
                check(item.id.get_create_plist().get_alloc_time() == h5py.h5d.ALLOC_TIME_EARLY,
                      f"{name} is allocated early")
        f.visititems(described)


def judge_set(path):
    i = np.arange(N)
    n_boxes = count_boxes()
    with h5py.File(path) as f:
        check(f["classes/wnid"][:].tolist() == [b"n%08d" % (c * 100) for c in range(CLASSES)],
              "classes/wnid")
        check(f["classes/name"].asstr()[:].tolist() ==
              ["" if c == 3 else f"caf\u00e9 {c}" for c in range(CLASSES)], "classes/name")
        check(same(f["classes/devkit_id"], 3 * np.arange(CLASSES, dtype="<i4")), "devkit_id")
        check("size" not in f["images"], "images/size beside those of models")
        check(f["images/id"][:].tolist() == [b"val_%05d" % k for k in i], "images/id")
        check(f["images/file"].asstr()[:].tolist() ==
              [f"val_{k:05d}.{'JPEG' if k % 2 else 'png'}" for k in i], "images/file")
        check(same(f["images/label"], (i % CLASSES).astype("<i4")), "images/label")
        check(same(f["images/localize"], is_localized().astype("u1")), "images/localize")
        check(same(f["images/n_boxes"], n_boxes.astype("<i4")), "images/n_boxes")
        check(same(f["images/first_box"], (np.cumsum(n_boxes) - n_boxes).astype("<i4")),
              "images/first_box")
        boxes = [(b, k, b + 9, k + 19) for k in i for b in range(n_boxes[k])]
        check(same(f["ground_truth/boxes"], np.array(boxes, "<i4")), "ground_truth/boxes")


def judge_rows(path):
    with h5py.File(path) as f:
        for m, model in enumerate(MODELS):
            for name, wanted in expected_rows(m).items():
                check(same(f["models"][model][name], wanted), f"{model}/{name}")
            # The bytes themselves: whatever stood behind a text in memory stays out of the file.
            with open(path, "rb") as raw:
                raw.seek(f["models"][model]["reason"].id.get_offset())
                wanted = expected_rows(m)["reason"].tobytes()
                check(raw.read(len(wanted)) == wanted, f"{model}/reason is padded with zeros")
        for m, model, v, variant in GROUPS:
            for name, wanted in expected_variant(m, v).items():
                check(same(f["models"][model][variant][name], wanted), f"{model}/{variant}/{name}")
            for p, protocol in enumerate(PROTOCOLS):
                for name, wanted in expected_protocol(m, v, p).items():
                    check(same(f["models"][model][variant][protocol][name], wanted),
                          f"{model}/{variant}/{protocol}/{name}")


def tally(f, model, variant, protocol, skip_failed):
    """The devkit's errors in percent, image by image, from what the file holds."""
    n_boxes, exclude, threshold, predictions = PROTOCOLS[protocol]
    group, found = f["models"][model], f["models"][model][variant][protocol]
    done, top, label = group["done"][:], group["top_class"][:], f["images/label"][:]
    iou = found["iou"][:].reshape(N, SLOTS, n_boxes)
    boxes = found["boxes"][:].reshape(N, SLOTS, n_boxes, 4)
    first, n_truth = f["images/first_box"][:], f["images/n_boxes"][:]
    localize = (n_truth > 0) & (f["images/localize"][:] == 1 if exclude else True)
    counted = (done == 1) if skip_failed else (done != 0)
    right = {name: np.zeros(len(done), bool) for name in
             ("top1_cls", "top5_cls", "top1_loc", "top5_loc", "gt_known_loc")}
    outcomes = {"outcomes": collections.Counter(), "gt_known_outcomes": collections.Counter()}
    for i in np.flatnonzero(counted & localize & (done == 2)):
        outcomes["outcomes"]["failed"] += 1
        outcomes["gt_known_outcomes"]["failed"] += 1
    for i in np.flatnonzero(done == 1):
        errors = [max(top[i, k] != label[i], not iou[i, k, b] >= threshold)
                  for k, b in predictions]
        right["top1_cls"][i], right["top5_cls"][i] = top[i, 0] == label[i], label[i] in top[i]
        if localize[i]:
            right["top1_loc"][i], right["top5_loc"][i] = not errors[0], not min(errors)
            right["gt_known_loc"][i] = iou[i, 5, 0] >= threshold
            truth = f["ground_truth/boxes"][first[i]:first[i] + n_truth[i]]
            for name, slot in (("outcomes", 0), ("gt_known_outcomes", 5)):
                outcomes[name][outcome(slot == 5 or top[i, 0] == label[i], iou[i, slot, 0],
                                       threshold, boxes[i, slot, 0], truth)] += 1
    wanted = {"images": counted.sum(), "localized": (counted & localize).sum(),
              "failed": (done == 2).sum(), "missing": (done == 0).sum()}
    for name, hits in right.items():
        n = wanted["localized" if "loc" in name else "images"]
        wanted[name + "_right"] = hits.sum()
        wanted[name + "_error"] = 100 * (1 - hits.sum() / n)
    empty = f["models"][model][variant]["empty"][:].astype(bool)
    wanted["top1_empty_maps"] = empty[(done == 1) & localize, 0].sum()
    wanted["gt_known_empty_maps"] = empty[(done == 1) & localize, 5].sum()
    known = np.where((done == 1) & localize, iou[:, 5, 0], 0)
    wanted["mean_iou"] = known.sum() / wanted["localized"]
    return wanted, outcomes


def sweep(f, model, variant, skip_failed):
    """MaxBoxAcc and MaxBoxAccV2, the threshold chosen on all images, and on the part held out."""
    done, levels = f["models"][model]["done"][:], f["models"][model][variant]["levels"][:]
    counted = (f["images/n_boxes"][:] > 0) & ((done == 1) if skip_failed else (done != 0))
    hits = (levels[:, :, None] >> np.arange(6) & 1).astype(bool) & (done == 1)[:, None, None]
    held = np.array([int(hashlib.sha256(i).hexdigest()[:8], 16) % 5 == 0
                     for i in f["images/id"][:].tolist()])

    def share(rows, level, bit):
        return 100 * hits[rows, level, bit].sum() / rows.sum()

    best = [max(share(counted, t, bit) for t in range(LEVELS)) for bit in range(6)]
    chosen = [hits[counted & held, :, bit].sum(0).argmax() for bit in range(6)]
    scored = [share(counted & ~held, chosen[bit], bit) for bit in range(6)]
    return {"max_box_acc": best[1], "max_box_acc_v2": sum(best[3:]) / 3,
            "max_box_acc_held_out": scored[1], "max_box_acc_v2_held_out": sum(scored[3:]) / 3}, \
        [share(counted, t, 1) for t in range(LEVELS)]


def wilson(wrong, n):
    """The two shares at which the one measured is 97.5 % of a normal distribution away: the roots of
    (p - x)^2 = z^2 x (1 - x) / n, by bisection in fractions."""
    z2, p = Fraction(1959963984540054, 10**15)**2, Fraction(wrong, n)

    def root(inside, outside):
        for _ in range(60):
            middle = (inside + outside) / 2
            if (p - middle)**2 <= z2 * middle * (1 - middle) / n:
                inside = middle
            else:
                outside = middle
        return float(100 * inside)
    return root(p, Fraction(0)), root(p, Fraction(1))


def close(a, b):
    # Sums of at most N rounded terms.
    return abs(a - b) <= 1e-10 * max(1, abs(b))


def judge_summary(path, skip_failed):
    report = json.loads(subprocess.run([CAMRANK, "report", path, "--format", "json"], check=True,
                                       capture_output=True).stdout)
    rows = [(model, variant, protocol) for _, model, _, variant in GROUPS for protocol in PROTOCOLS]
    with h5py.File(path) as f:
        summary = f["summary"][:]
        check([(row["model"].decode(), row["variant"].decode().replace("/", ":"),
                row["protocol"].decode()) for row in summary] == rows,
              "summary: names in the job's order")
        for row, told, place in zip(summary, report["rows"], rows):
            wanted, outcomes = tally(f, *place, skip_failed)
            scores, curve = sweep(f, *place[:2], skip_failed)
            for name, value in {**wanted, **scores}.items():
                check(close(row[name], value), f"summary: {place} {name}: {row[name]}, {value}")
                if name in told:
                    check(close(told[name], value), f"report: {place} {name}: {told[name]}, {value}")
            for name, value in outcomes.items():
                check({k: n for k, n in told[name].items() if n} == value, f"{place} {name}")
            for name in ("top1_cls", "top5_cls", "top1_loc", "top5_loc", "gt_known_loc"):
                n = int(wanted["localized" if "loc" in name else "images"])
                low, high = wilson(n - int(wanted[name + "_right"]), n)
                check(close(told[name + "_error_low"], low) and close(told[name + "_error_high"], high),
                      f"{place} {name} interval: {low} {high}")
            check(all(close(a, b) for a, b in zip(told["curve"], curve)) and
                  len(told["curve"]) == LEVELS, f"{place} curve")
            n_boxes, exclude, iou, _ = PROTOCOLS[place[2]]
            check((told["protocol"], told["iou"], told["threshold"], told["filter"],
                   told["exclude"]) ==
                  (place[2], iou, THRESHOLDS[list(PROTOCOLS).index(place[2])], "none",
                   3 if exclude else 0),
                  f"{place} parameters")


def judge_float16(path):
    with h5py.File(path) as f:
        check(f.attrs["map_type"] == b"float16" and f.attrs["map_slots"] == 1, "float16: attributes")
        written = 30
        for m, model, v, variant in GROUPS:
            maps = f["models"][model][variant]["maps"]
            wanted = expected_variant(m, v, 1)["maps"][:written, 5:]
            check(maps.dtype == np.float16 and maps.shape == (N, *wanted.shape[1:]),
                  "float16: type and shape")
            # Half a unit in the last of 11 bits; numpy rounds ties to even, HDF5 away from zero.
            check(np.allclose(maps[:written], wanted, rtol=2.0**-11, atol=0, equal_nan=True),
                  "float16: values")
            check((f["models"][model]["done"][written:] == 0).all(), "float16: not done")
            check(np.isnan(f["models"][model][variant]["cam-paper/iou"][written:]).all(),
                  "float16: fill")


def digests(path):
    found = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: found.update(
            {name: hashlib.sha256(item[()].tobytes()).hexdigest()})
            if isinstance(item, h5py.Dataset) else None)
    return found


def judge_ranks(folder):
    files = [os.path.join(folder, f"ranks{n}.h5") for n in (1, 2, 3, 4)]
    for n, path in enumerate(files, 1):
        code, output = run(n, "write", path)
        check(code == 0, f"{n} ranks: exit code {code}: {output}")
    first = digests(files[0])
    check(len(first) == 11 + 2 * 6 + 4 * (5 + 2 * 2), f"{len(first)} datasets")
    for path in files[1:]:
        check(digests(path) == first, f"{os.path.basename(path)}: other bytes than with 1 rank")


def judge_killed(folder):
    path = os.path.join(folder, "killed.h5")
    code, _ = run(2, "die", path)
    check(code != 0, "killed: mpirun notices")
    with h5py.File(path) as f:
        for m, model in enumerate(MODELS):
            done = f["models"][model]["done"][:]
            check((done[:N // 2] > 0).all() and (done[N // 2:] == 0).all(), "killed: done flags")
            for name, wanted in expected_rows(m).items():
                check(same(f["models"][model][name][:N // 2], wanted[:N // 2]), f"killed: {name}")
    code, output = run(1, "check", path)
    check(code == 0 and f"{2 * (N // 2)} rows" in output, f"killed: {output}")


def judge_repacked(folder, path):
    """Compressed afterwards, as docs/format.md proposes, the file is still one."""
    small = os.path.join(folder, "repacked.h5")
    try:
        subprocess.run(["h5repack", "-f", "GZIP=6", path, small], check=True, timeout=300)
    except FileNotFoundError:
        print("skipped: no h5repack")
        return
    code, output = run(1, "check", small)
    check(code == 0 and f"{2 * N} rows" in output, f"repacked: {output}")


def main():
    if not os.path.exists(PROGRAM):
        print(f"skipped: no {PROGRAM}")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        whole, half = os.path.join(folder, "ranks1.h5"), os.path.join(folder, "half.h5")
        groups = [
            ("same bytes at 1, 2, 3 and 4 ranks", lambda: judge_ranks(folder)),
            ("attributes and storage", lambda: judge_attributes(whole)),
            ("image set", lambda: judge_set(whole)),
            ("rows", lambda: judge_rows(whole)),
            ("summary", lambda: judge_summary(whole, False)),
            ("float16, one map, failures left out, unfinished",
             lambda: (check(run(2, "write16", half)[0] == 0, "write16"), judge_float16(half),
                      judge_summary(half, True))),
            ("writer killed", lambda: judge_killed(folder)),
            ("compressed afterwards", lambda: judge_repacked(folder, whole)),
        ]
        for name, judge in groups:
            before = len(FAILED_CHECKS)
            judge()
            print(f"{'ok' if len(FAILED_CHECKS) == before else 'FAILED'}: {name}")
    return 1 if FAILED_CHECKS else 0


if __name__ == "__main__":
    sys.exit(main())
