"""The results file seen by readers that camrank does not share a line with: h5py and numpy.

The file is made by `test_results write`; the formulas of its content are those of
tests/mpi/made_up.h.
Prints one line a group; exit code 0 passed, 1 failed, 77 skipped.
"""

import hashlib
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "tests", "mpi", "test_results")
N, CLASSES, H, W, SLOTS, TOP = 37, 7, 3, 5, 6, 5
MODELS = ["zebra-net", "alpha_net.2"]
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
                          env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def is_failed(m):
    i = np.arange(N)
    return (i == 9) | ((m == 1) & (i == 20))


def is_localized():
    return np.arange(N) % 11 != 5


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


def expected_variant(m, v):
    i, s, y, x = np.ogrid[:N, :SLOTS, :VIEWS[v] * H, :W]
    maps = ((i * 31 + s * 17 + y * 5 + x * 3 + v * 2 + m) % 97).astype("<f4") / np.float32(97)
    i, s = i[:, :, 0, 0], s[:, :, 0, 0]
    iou = (i * 7 + s * 5 + v * 3 + m) % 16 / 15.0
    boxes = np.stack([i + 0 * s, s + 0 * i, i + 10 + v + 0 * s, s + 20 + 0 * i], -1).astype("<i4")
    bad = is_failed(m)
    maps[bad], iou[bad], boxes[bad] = np.nan, np.nan, -1
    iou[~is_localized()] = np.nan
    if VIEWS[v] > 1:
        maps = maps.reshape(N, SLOTS, VIEWS[v], H, W)
    return {"maps": maps, "iou": iou, "boxes": boxes}


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and \
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def judge_attributes(path):
    with h5py.File(path) as f:
        for name, value in {
                "schema": b"camrank-results-1", "job_name": b"made-up", "overrides": b"",
                "job": b"name: made-up\nprotocol: cam-paper\n", "libraries": b"none 1.0",
                "protocol": b"cam-paper", "threshold": 0.2, "connectivity": 8, "iou": 0.5,
                "upsampling": b"bilinear", "failed": b"wrong", "batch": 4, "map_slots": 6,
                "map_type": b"float32"}.items():
            check(f.attrs[name] == value, f"attribute {name}: {f.attrs[name]!r}")
        check(f.attrs["camrank_version"] and b"5: the ground-truth" in f.attrs["slots"], "root")
        check(f["images"].attrs["folder"] == b"/pictures", "images.folder")
        check(sorted(f["models"]) == sorted(MODELS), "models")
        for m, model in enumerate(MODELS):
            attributes = f["models"][model].attrs
            check(attributes["index"] == m and attributes["file"].decode() == f"models/{model}.onnx"
                  and attributes["sha256"].decode() == hashlib.sha256(model.encode()).hexdigest()
                  and attributes["input"] == b"224x224 squash", f"attributes of {model}")
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
    n_boxes = np.where(is_localized(), 1 + i % 3, 0)
    with h5py.File(path) as f:
        check(f["classes/wnid"][:].tolist() == [b"n%08d" % (c * 100) for c in range(CLASSES)],
              "classes/wnid")
        check(f["classes/name"].asstr()[:].tolist() ==
              ["" if c == 3 else f"caf\u00e9 {c}" for c in range(CLASSES)], "classes/name")
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


def tally(f, model, variant, skip_failed):
    """The devkit's errors in percent, image by image, from what the file holds."""
    group, iou = f["models"][model], f["models"][model][variant]["iou"][:]
    done, top, label = group["done"][:], group["top_class"][:], f["images/label"][:]
    localize, threshold = f["images/localize"][:] == 1, f.attrs["iou"]
    counted = (done == 1) if skip_failed else (done != 0)
    right = {name: np.zeros(len(done), bool) for name in
             ("top1_cls", "top5_cls", "top1_loc", "top5_loc", "gt_known_loc")}
    for i in np.flatnonzero(done == 1):
        errors = [max(top[i, k] != label[i], not iou[i, k] >= threshold) for k in range(TOP)]
        right["top1_cls"][i], right["top5_cls"][i] = top[i, 0] == label[i], label[i] in top[i]
        if localize[i]:
            right["top1_loc"][i], right["top5_loc"][i] = not errors[0], not min(errors)
            right["gt_known_loc"][i] = iou[i, 5] >= threshold
    wanted = {"images": counted.sum(), "localized": (counted & localize).sum(),
              "failed": (done == 2).sum(), "missing": (done == 0).sum()}
    for name, hits in right.items():
        n = wanted["localized" if "loc" in name else "images"]
        wanted[name + "_right"] = hits.sum()
        wanted[name + "_error"] = 100 * (1 - hits.sum() / n)
    wanted["mean_iou"] = np.where((done == 1) & localize, iou[:, 5], 0).sum() / wanted["localized"]
    return wanted


def judge_summary(path, skip_failed):
    with h5py.File(path) as f:
        summary = f["summary"][:]
        check([(row["model"].decode(), row["variant"].decode().replace("/", ":"))
               for row in summary] == [(model, variant) for _, model, _, variant in GROUPS],
              "summary: names in the job's order")
        for row, (_, model, _, variant) in zip(summary, GROUPS):
            for name, wanted in tally(f, model, variant, skip_failed).items():
                # Both are sums of at most N rounded terms.
                check(abs(row[name] - wanted) <= 1e-10 * max(1, abs(wanted)),
                      f"summary: {model} {variant} {name}: {row[name]} and {wanted}")


def judge_float16(path):
    with h5py.File(path) as f:
        check(f.attrs["map_type"] == b"float16" and f.attrs["map_slots"] == 1, "float16: attributes")
        written = 30
        for m, model, v, variant in GROUPS:
            maps = f["models"][model][variant]["maps"]
            wanted = expected_variant(m, v)["maps"][:written, 5:]
            check(maps.dtype == np.float16 and maps.shape == (N, *wanted.shape[1:]),
                  "float16: type and shape")
            # Half a unit in the last of 11 bits; numpy rounds ties to even, HDF5 away from zero.
            check(np.allclose(maps[:written], wanted, rtol=2.0**-11, atol=0, equal_nan=True),
                  "float16: values")
            check((f["models"][model]["done"][written:] == 0).all(), "float16: not done")
            check(np.isnan(f["models"][model][variant]["iou"][written:]).all(), "float16: fill")


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
    check(len(first) == 10 + 2 * 6 + 4 * 3, f"{len(first)} datasets")
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
        subprocess.run(["h5repack", "-f", "GZIP=6", path, small], check=True, timeout=60)
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
