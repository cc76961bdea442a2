"""The pointing game against TorchRay's on the kit's maps, and against its rule written out in numpy."""
import csv
import os
import sys

try:
    import numpy as np
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks
from localize import MAX, MIN_MAX
from metrics import Metric, matrix

FRAME = 227
report = Checks()


def torchray_hits(point, boxes, width, height, tolerance):
    """Whether any pixel of the mask has a squared distance below tolerance^2."""
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1 + 1, x0:x1 + 1] = True
    y, x = np.mgrid[:height, :width]
    return bool((mask & ((x - point[0]) ** 2 + (y - point[1]) ** 2 < tolerance ** 2)).any())


def judge_made_up(random):
    """Maps of all shapes: the point, which is one of those that are largest but for rounding, and both
    numbers, by TorchRay's rule. At the edges, where interpolation is clamped, many are equal."""
    off, single, n = [], 0, 200
    hits = {"pointing_game": 0, "pointing_game_exact": 0}
    metric = Metric("pointing-game", tolerance=9)
    for k in range(n):
        width, height = map(int, random.integers(20, 90, 2))
        values = random.standard_normal(random.integers(2, 15, 2)).astype(np.float32)
        corners = random.integers(0, (width, height), (random.integers(1, 4), 2, 2))
        boxes = [(*box.min(0), *box.max(0)) for box in corners]
        up = matrix(height, values.shape[0]) @ values @ matrix(width, values.shape[1]).T
        largest = np.argwhere(up >= up.max() - 1e-6 * np.ptp(up))[:, ::-1]
        point, = metric.score(values, (MIN_MAX, MAX)[k % 2], width, height, boxes)
        off += [] if (largest == point).all(1).any() else [k]
        single += len(largest) == 1
        assert metric.add([point], boxes) is None
        hits["pointing_game"] += torchray_hits(point, boxes, width, height, 9)
        hits["pointing_game_exact"] += torchray_hits(point, boxes, width, height, 1)
    report("points of made-up maps", single > 50 and not off,
           f"of {n}, {single} with one largest pixel, these are elsewhere: {off}")
    for key, count in hits.items():
        value, low, high = metric.number(key)
        report(f"{key} by TorchRay's rule", value == 100 * count / n and low < value < high,
               f"{value} %, not {100 * count / n} %")


def judge_edges():
    """Maps without a point, images that do not count, and what a file cannot hold."""
    flat, peak = np.ones((3, 3), np.float32), np.zeros((3, 3), np.float32)
    peak[1, 1] = 1
    boxes = [(0, 0, 29, 29)]
    metric = Metric("pointing-game")
    nowhere, = metric.score(flat, MIN_MAX, 30, 30, boxes)
    middle, = metric.score(peak, MAX, 31, 31, boxes)
    report("an empty map points nowhere", tuple(nowhere) == (-1, -1), str(nowhere))
    first, = metric.score(np.array([[1, 1, 0]], np.float32), MAX, 9, 5, boxes)
    report("of equal pixels the first", tuple(first) == (0, 0), str(first))
    metric.add([nowhere], boxes)
    metric.add([middle], boxes, localize=False)  # the exclude list is of classes, not of maps
    metric.add([middle], [], state=1)
    metric.add([middle], boxes, state=2)
    metric.add([middle], boxes, state=2, skip_failed=True)
    metric.add([middle], boxes, state=0)
    report("what counts", list(metric.sums[:3]) == [3, 1, 1], str(metric.sums[:3]))
    near = Metric("pointing-game", tolerance=5)
    for x, y in (9, 15), (6, 15), (5, 15), (22, 23), (23, 23), (15, 10):  # 1, 4, 5, 3.6, 4.2, 0 off
        assert near.add([np.array([x, y], np.int32)], [(10, 10, 20, 20)]) is None
    report("a hit is nearer than the tolerance", list(near.sums[:3]) == [6, 5, 1], str(near.sums[:3]))
    for x, y in (-2, 3), (3, 65501), (2**31 - 1, -2**31):
        wrong = metric.add([np.array([x, y], np.int32)], boxes)
        report(f"the point {x}, {y} is refused", wrong == b"coordinate of a point", str(wrong))


def judge_kit(network):
    truth = {}
    with open(os.path.join(KIT, "dev", "ground_truth.csv"), newline="") as stream:
        for row in csv.DictReader(stream):
            numbers = row["PredictionString"].split()
            truth[row["ImageId"]] = [tuple(map(int, numbers[k + 1:k + 5]))
                                     for k in range(0, len(numbers), 5)]
    golden = np.load(os.path.join(KIT, "metrics", f"localisation_{network}.npz"))
    for method, scaling in ("cam", MIN_MAX), ("gradcam", MAX):
        off = []
        metric = Metric("pointing-game")
        for i, name in enumerate(golden["ids"]):
            boxes = truth[os.path.splitext(os.path.basename(str(name)))[0]]
            point, = metric.score(golden[f"raw_{method}"][i], scaling, FRAME, FRAME, boxes)
            before = metric.sums[:3].copy()
            assert metric.add([point], boxes) is None
            wanted = [golden[f"torchray_tol{t}_{method}"][i] > 0 for t in (15, 1)]
            if tuple(point) != tuple(golden[f"point_xy_{method}"][i]) or \
                    list(metric.sums[:3] - before) != [1, *wanted]:
                off.append(str(name))
        report(f"{network}, {method}: points and hits of TorchRay", not off, str(off))


def main():
    judge_made_up(np.random.default_rng(20160613))
    judge_edges()
    if os.path.isdir(os.path.join(KIT, "metrics")):
        for network in "squeezenet1_0", "mobilenet_v2_1.0_224":
            judge_kit(network)
    else:
        print("skipped: TorchRay's results (CAMRANK_KIT is not set or absent)")
    report.done()


main()
