"""How much of a map lies on the object, and how concentrated it is: against Quantus and Score-CAM on the kit's maps,
and against scikit-learn's definitions written out in numpy."""
import csv
import os
import sys

try:
    import numpy as np
    from scipy.stats import rankdata
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks
from localize import MAX, MIN_MAX
from metrics import Metric, matrix

FRAME = 227
report = Checks()


def scaled(values, scaling):
    values = values.astype(np.float64)
    if scaling == MIN_MAX:
        return (values - values.min()) / np.ptp(values)
    return values / values.max()


def upsampled(values, scaling, width, height):
    up = matrix(height, values.shape[0]) @ scaled(values, scaling) @ matrix(width, values.shape[1]).T
    return np.maximum(up.astype(np.float32), 0)


def mask_of(boxes, width, height):
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1 + 1, x0:x1 + 1] = True
    return mask


def relevance(up, mask):
    n = mask.sum()
    largest = np.argsort(-up.ravel(), kind="stable")[:n]
    ranks = rankdata(up.ravel())[mask.ravel()].sum()
    area = (ranks - n * (n + 1) / 2) / (n * (mask.size - n)) if n < mask.size else np.nan
    return up[mask].sum(dtype=float) / up.sum(dtype=float), mask.ravel()[largest].mean(), area


def shape(up):
    a = np.sort(up.ravel()).astype(float)
    p = a[a > 0] / a.sum()
    n = a.size
    return (((2 * np.arange(1, n + 1) - n - 1) * a).sum() / (n * (a + 1e-7 * a.max()).sum()), -(p * np.log(p)).sum(),
            (a / a.max() > 1e-5).mean())


def judge_made_up(random):
    worst = np.zeros(6)
    metrics = Metric("relevance"), Metric("map-shape")
    wanted = []
    for k in range(60):
        width, height = map(int, random.integers(20, 90, 2))
        values = random.standard_normal(random.integers(2, 15, 2)).astype(np.float32)
        if k % 3 == 0:  # many equal pixels
            values = np.round(values)
        corners = random.integers(0, (width, height), (random.integers(1, 4), 2, 2))
        boxes = [(*box.min(0), *box.max(0)) for box in corners]
        scaling = (MIN_MAX, MAX)[k % 2]
        up = upsampled(values, scaling, width, height)
        want = [*relevance(up, mask_of(boxes, width, height)), *shape(up)]
        got = [metric.score(values, scaling, width, height, boxes) for metric in metrics]
        for metric, columns in zip(metrics, got):
            assert metric.add(columns, boxes) is None
        got = [float(c[0]) for columns in got for c in columns]
        worst = np.maximum(worst, abs(np.subtract(got, want)))
        wanted.append(want)
    # Rounding moves equal pixels apart, and with them the ranks.
    report("made-up maps", (worst < [1e-6, .02, 2e-3, 1e-6, 1e-5, 1e-3]).all(), f"{worst}")
    keys = ("energy_pointing_game", "relevance_rank", "relevance_auc", "sparseness", "complexity",
            "effective_complexity")
    for k, key in enumerate(keys):
        value = metrics[k // 3].number(key)[0]
        mean = np.nanmean(np.array(wanted)[:, k])
        report(f"mean of {key}", abs(value - mean) < [1e-6, 1e-2, 1e-3, 1e-6, 1e-5, 1e-3][k], f"{value}, not {mean}")


def judge_largest(random):
    """The k largest pixels, of equal ones the first, of maps of eighths in which nothing is rounded."""
    same = True
    for k in range(40):
        width, height = map(int, random.integers(1, 50, 2))
        values = random.integers(0, 9, (height, width)).astype(np.float32) / 8
        values.flat[random.integers(values.size)] = 1
        boxes = [(*box.min(0), *box.max(0)) for box in random.integers(0, (width, height), (2, 2, 2))]
        n = int(random.integers(1, 2 * values.size))
        largest = np.argsort(-values.ravel(), kind="stable")[:n]
        want = mask_of(boxes, width, height).ravel()[largest].mean()
        same &= float(Metric("top-k-intersection", k=n).score(values, MAX, width, height, boxes)[0][0]) == want
    report("the k largest pixels", same)
    of, boxes = Metric("top-k-intersection"), [(0, 0, 9, 9)]
    empty, full = (of.score(np.ones((3, 3), np.float32), scaling, 10, 10, boxes) for scaling in (MIN_MAX, MAX))
    report("without a map, and of fewer than k pixels", np.isnan(empty[0][0]) and full[0][0] == 1, f"{empty} {full}")
    of.add(empty, boxes)            # as a wrong box
    of.add(full, boxes)
    of.add(full, boxes, state=2)    # failed: as the first
    of.add(full, [])                # nothing to compare with
    report("the share is a mean of images with boxes", list(of.sums) == [3, 2**40], str(of.sums))
    said = of.add([np.full(1, 1.5)], boxes)
    report("a share of 1.5 is refused", said == b"share", str(said))


def judge_exact(random):
    """Maps that are as large as the image, of eighths: many pixels are equal, and nothing is rounded."""
    off = np.zeros(6)
    for k in range(30):
        width, height = map(int, random.integers(1, 70, 2))
        values = random.integers(-2, 9, (height, width)).astype(np.float32) / 8
        values.flat[random.integers(values.size)] = 1
        boxes = [(*box.min(0), *box.max(0)) for box in random.integers(0, (width, height), (2, 2, 2))]
        up = np.maximum(values, 0)
        got = [float(c[0]) for name in ("relevance", "map-shape")
               for c in Metric(name).score(values, MAX, width, height, boxes)]
        want = [*relevance(up, mask_of(boxes, width, height)), *shape(up)]
        assert (np.isnan(got) == np.isnan(want)).all()
        off = np.fmax(off, abs(np.subtract(got, want)))
    report("maps without rounding", (off < [1e-15, 1e-15, 1e-15, 1e-13, 1e-11, 1e-15]).all(), f"{off}")


def judge_edges():
    boxes = [(0, 0, 29, 29)]
    flat, peak = np.ones((3, 3), np.float32), np.zeros((3, 3), np.float32)
    peak[1, 1] = 1
    of, shapes = Metric("relevance"), Metric("map-shape")
    empty = of.score(flat, MIN_MAX, 30, 30, boxes)
    report("an empty map has no values", np.isnan(empty).all() and
           np.isnan(shapes.score(flat, MIN_MAX, 30, 30, boxes)).all(), str(empty))
    whole = of.score(peak, MAX, 30, 30, boxes)
    report("boxes that are the whole image", whole[0] == 1 and whole[1] == 1 and np.isnan(whole[2]), str(whole))
    half = of.score(peak, MAX, 30, 30, [(0, 0, 14, 29)])
    report("half of a symmetric map", abs(half[0] - .5) < 1e-6 and abs(half[2] - .5) < 1e-6, str(half))
    of.add(empty, boxes)                    # as a wrong box: 0, 0; its area does not count
    of.add(whole, boxes)                    # its area does not count
    of.add(half, boxes, state=2)            # failed: as the first
    of.add(half, boxes, state=2, skip_failed=True)
    of.add(half, [])                        # nothing to compare with
    of.add(half, boxes, state=0)
    one = 2**40
    report("what counts", list(of.sums) == [3, one, one, 1, one // 2], str(of.sums))
    shapes.add([np.full(1, np.nan)] * 3, boxes)
    shapes.add(shapes.score(peak, MAX, 30, 30, boxes), boxes, state=2)
    report("shapes count where there is a map", list(shapes.sums) == [0] * 4, str(shapes.sums))
    for wrong in (-.1, .5, .5), (.5, 1.5, .5), (.5, np.nan, .5), (np.nan, .5, .5), (.5, .5, np.inf):
        said = of.add([np.full(1, v) for v in wrong], boxes)
        report(f"{wrong} is refused", said == b"share", str(said))
    for wrong in (.5, 21., .5), (.5, 2., np.nan), (-1., 2., .5):
        said = shapes.add([np.full(1, v) for v in wrong], boxes)
        report(f"{wrong} is refused", said == b"measure of a map's shape", str(said))


def judge_kit(network):
    truth = {}
    with open(os.path.join(KIT, "dev", "ground_truth.csv"), newline="") as stream:
        for row in csv.DictReader(stream):
            numbers = row["PredictionString"].split()
            truth[row["ImageId"]] = [tuple(map(int, numbers[k + 1:k + 5]))
                                     for k in range(0, len(numbers), 5)]
    golden = np.load(os.path.join(KIT, "metrics", f"localisation_{network}.npz"))
    # As the kit's README.md has them; Quantus sorts with another order of equal pixels.
    tolerances = {"quantus_mass": 1e-6, "quantus_rank": 2e-4, "quantus_rank_stablesort": 1e-4, "quantus_topk1000": 1e-3,
                  "quantus_auc": 1e-5 if network.startswith("mobilenet") else 1e-3,
                  "quantus_sparseness": 1e-6, "quantus_complexity": 1e-6,
                  "quantus_effective_complexity": 2.5 / FRAME**2, "scorecam_energy_firstbox": 2e-6}
    for method, scaling in ("cam", MIN_MAX), ("gradcam", MAX):
        off = dict.fromkeys(tolerances, 0.)
        for i, name in enumerate(golden["ids"]):
            boxes = truth[os.path.splitext(os.path.basename(str(name)))[0]]
            values = golden[f"raw_{method}"][i]
            mass, rank, area = (float(v[0]) for v in Metric("relevance").score(values, scaling, FRAME, FRAME, boxes))
            first = float(Metric("relevance").score(values, scaling, FRAME, FRAME, boxes[:1])[0][0])
            gini, entropy, effective = (float(v[0]) for v in
                                        Metric("map-shape").score(values, scaling, FRAME, FRAME, boxes))
            largest = float(Metric("top-k-intersection").score(values, scaling, FRAME, FRAME, boxes)[0][0])
            got = {"quantus_topk1000": largest, "quantus_mass": mass, "quantus_rank": rank, "quantus_rank_stablesort": rank, "quantus_auc": area,
                   "quantus_sparseness": gini, "quantus_complexity": entropy,
                   "quantus_effective_complexity": effective, "scorecam_energy_firstbox": first}
            for key, value in got.items():
                stem, _, end = key.partition("_stablesort")
                stored = f"{stem}_{method}{'_stablesort' if _ else ''}"
                if stored not in golden.files:
                    continue
                want = float(golden[stored][i])
                want /= FRAME**2 if key.endswith("effective_complexity") else 1
                if not np.isnan(want):
                    off[key] = max(off[key], abs(value - want))
        for key, worst in off.items():
            report(f"{network}, {method}: {key}", worst <= tolerances[key], f"{worst:.1e}")


def main():
    judge_made_up(np.random.default_rng(20200616))
    judge_exact(np.random.default_rng(31))
    judge_largest(np.random.default_rng(7))
    judge_edges()
    if os.path.isdir(os.path.join(KIT, "metrics")):
        for network in "squeezenet1_0", "mobilenet_v2_1.0_224":
            judge_kit(network)
    else:
        print("skipped: the peers' results (CAMRANK_KIT is not set or absent)")
    report.done()


main()
