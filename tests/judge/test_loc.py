"""core/loc against OpenCV, PyTorch, numpy and the kit's reference boxes."""

import csv
import os
import sys

try:
    import cv2
    import numpy as np
    import scipy.ndimage
    from PIL import Image
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

try:
    import torch
except ImportError:
    torch = None

import structs
from camrank import KIT, Checks
from localize import (BICUBIC, BILINEAR, MAX, MIN_MAX, NEAREST, box_of, boxes_of, center_hits,
                      find_boxes, lib, protocol_of, upsample, whole_image_hits)

MODELS = ("squeezenet1_0", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192", "mobilenet_v2_1.0_224")
report = Checks()


def judge_upsampling(random):
    worst = {"cv2 float64": 0, "cv2 float32": 0}
    if torch is not None:
        worst.update({"torch float64": 0, "torch nearest": 0, "torch in a region": 0})
    for _ in range(200):
        mh, mw = random.integers(1, 30, 2)
        height, width = (int(n) for n in random.integers(1, 260, 2))
        m = random.random((mh, mw)).astype(np.float32)
        m /= m.max()
        got = upsample(m, MAX, BILINEAR, width, height)
        d = m.astype(np.float64)

        def add(name, want, mine=got):
            worst[name] = max(worst[name], float(np.abs(want - mine).max()))

        # OpenCV and PyTorch in float32 place pixels with float32 coordinates: an error of
        # 2^-24 x 30 map columns times the largest slope, 1 per column.
        add("cv2 float64", cv2.resize(d, (width, height), interpolation=cv2.INTER_LINEAR))
        add("cv2 float32", cv2.resize(m, (width, height), interpolation=cv2.INTER_LINEAR))
        if torch is None:
            continue
        interpolate, t = torch.nn.functional.interpolate, torch.from_numpy(d)[None, None]
        smooth = interpolate(t, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()
        add("torch float64", smooth)
        # Pixels exactly between two map columns or rows go either way in float32 coordinates.
        between = ((2 * np.arange(width) + 1) * mw % (2 * width) == 0)[None, :] | (
            (2 * np.arange(height) + 1) * mh % (2 * height) == 0)[:, None]
        nearest = interpolate(t, (height, width), mode="nearest-exact")[0, 0].numpy()
        mine = upsample(m, MAX, NEAREST, width, height)
        add("torch nearest", np.where(between, 0, nearest), np.where(between, 0, mine))
        # A region of whole pixels is the same picture with a margin of zeros.
        x, y = (int(n) for n in random.integers(0, 20, 2))
        add("torch in a region", np.pad(smooth, ((y, 7), (x, 5))),
            upsample(m, MAX, BILINEAR, width + x + 5, height + y + 7,
                     [(x, y, width, height, False)]))
    limits = {"cv2 float64": 4e-6, "cv2 float32": 4e-6}
    for name, difference in worst.items():
        report(f"upsampling equals {name}", difference <= limits.get(name, 1e-6),
               f"largest difference {difference:.1e} of 1")


def judge_views(random):
    """Merged views against pictures that PyTorch upsamples, mirrors and adds one by one."""
    worst, wrong = 0, 0
    for trial in range(100):
        n, (mh, mw) = int(random.integers(1, 11)), random.integers(1, 15, 2)
        height, width = (int(size) for size in random.integers(20, 200, 2))
        maps = random.normal(size=(n, mh, mw)).astype(np.float32)
        scaled = (maps.astype(np.float64) - maps.min()) / (np.ptp(maps.astype(np.float64)) or 1)
        want, views = np.zeros((height, width)), []
        for m in scaled:
            w, h = int(random.integers(1, width + 1)), int(random.integers(1, height + 1))
            x, y = int(random.integers(width - w + 1)), int(random.integers(height - h + 1))
            flip = bool(random.integers(2))
            picture = torch.nn.functional.interpolate(
                torch.from_numpy(m[None, None]), (h, w), mode="bilinear", align_corners=False)
            picture = picture[0, 0].numpy()
            want[y:y + h, x:x + w] += picture[:, ::-1] if flip else picture
            views.append((x, y, w, h, flip))
        got = upsample(maps, MIN_MAX, BILINEAR, width, height, views)
        worst = max(worst, np.abs(got - want).max())
        if want.max() > 0 and np.abs(want - 0.6 * want.max()).min() > 1e-9:
            box, _ = opencv_box(want >= 0.6 * want.max(), 8)
            wrong += find_boxes(maps, MIN_MAX, protocol_of(threshold=0.6), width, height,
                                views) != [box]
    report("merged views equal added pictures", worst < 1e-6, f"largest difference {worst:.1e} of 1")
    report("boxes of merged views equal OpenCV's", wrong == 0, f"{wrong} of 100 differ")


def judge_bicubic(random):
    """MATLAB's imresize is Pillow's bicubic of a picture that is mirrored at its edges."""
    worst = 0
    for _ in range(100):
        mh, mw = (int(n) for n in random.integers(1, 60, 2))
        height, width = (int(n) for n in random.integers(1, 200, 2))
        m = random.random((mh, mw)).astype(np.float32)
        m /= m.max()
        margin = 10 * max(1, mw // width + 1, mh // height + 1)
        mirrored = Image.fromarray(np.pad(m, margin, mode="symmetric"))
        want = mirrored.resize((width, height), Image.BICUBIC,
                               box=(margin, margin, margin + mw, margin + mh))
        got = upsample(m, MAX, BICUBIC, width, height)
        worst = max(worst, np.abs(got - np.asarray(want)).max())
    report("bicubic equals Pillow's", worst < 3e-6, f"largest difference {worst:.1e} of 1")


def opencv_box(mask, connectivity):
    """The largest component; of equal ones that whose first pixel comes first."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8),
                                                           connectivity=connectivity)
    areas = stats[1:, cv2.CC_STAT_AREA]
    equal = np.flatnonzero(areas == areas.max()) + 1
    best = min(equal, key=lambda label: int(np.argmax(labels.ravel() == label)))
    x, y, w, h = stats[best, :4]
    return (x, y, x + w - 1, y + h - 1), len(equal) > 1


def judge_components(random):
    for connectivity in (4, 8):
        wrong = ties = 0
        protocol = protocol_of(connectivity=connectivity, upsampling=NEAREST, threshold=0.5)
        for trial in range(600):
            height, width = (int(n) for n in random.integers(1, 12 if trial % 2 else 90, 2))
            mask = random.random((height, width)) < random.uniform(0.1, 0.9)
            mask.flat[random.integers(mask.size)] = True
            want, tie = opencv_box(mask, connectivity)
            wrong += find_boxes(mask, MAX, protocol, width, height) != [want]
            ties += tie
        report(f"largest component equals OpenCV's, {connectivity} neighbours", wrong == 0,
               f"{wrong} of 600 differ, {ties} had ties")


def judge_runs(random):
    """Boxes found by segments equal those of the whole upsampled map thresholded pixel by pixel."""
    wrong = compared = 0
    for _ in range(400):
        mh, mw = random.integers(1, 40, 2)
        height, width = (int(n) for n in random.integers(1, 300, 2))
        connectivity, threshold = int(random.choice((4, 8))), float(random.choice((0, .15, .5, .9)))
        m = (random.random((mh, mw)) ** 3).astype(np.float32)
        u = cv2.resize(m.astype(np.float64) - m.min(), (width, height),
                       interpolation=cv2.INTER_LINEAR)
        # What lies within OpenCV's rounding of the threshold may fall on either side.
        cut = threshold * u.max()
        if u.max() == 0 or threshold and (np.abs(u - cut) < 5e-6).any():
            continue
        want, _ = opencv_box(u >= cut - 1e-12, connectivity)
        compared += 1
        protocol = protocol_of(connectivity=connectivity, threshold=threshold)
        wrong += find_boxes(m, MIN_MAX, protocol, width, height) != [want]
    report("boxes of smooth maps equal OpenCV's", wrong == 0 and compared > 200,
           f"{wrong} of {compared} differ")


def judge_smoothing(random):
    """Boxes of maps that SciPy smooths, at percentiles that NumPy finds."""
    wrong = {"smoothed": 0, "at a percentile": 0, "smoothed, at a percentile": 0, "by a share of the side": 0}
    compared = dict.fromkeys(wrong, 0)
    for trial in range(240):
        mh, mw = random.integers(1, 30, 2)
        height, width = (int(n) for n in random.integers(1, 160, 2))
        m = (random.random((mh, mw)) ** 3).astype(np.float32)
        if m.max() == m.min():
            continue
        kind = list(wrong)[trial % 4]
        sigma = 0. if kind == "at a percentile" else float(random.choice((.1, .4, 2, 3.7, 20)))
        by_side = kind == "by a share of the side"
        if by_side:
            sigma = min(sigma / 100, .1)
        u = upsample_exactly(m, width, height)
        u = scipy.ndimage.gaussian_filter(u, sigma * (min(width, height) if by_side else 1)) if sigma else u
        threshold = float(random.choice((0, .2, .5, .77, .95, 1)))
        of_pixels = kind.endswith("percentile")
        cut = np.percentile(u, 100 * threshold) if of_pixels else threshold * u.max()
        # The pixels that define a percentile are as near as can be; others must not be.
        near = np.abs(u - cut) < 1e-9
        if near.sum() > (2 if of_pixels else threshold == 1):
            continue
        want, tie = opencv_box(u >= cut - (1e-12 if threshold in (0, 1) or of_pixels and near.any() else 0), 8)
        compared[kind] += 1
        protocol = protocol_of(threshold=threshold, smooth=sigma,
                               threshold_of=structs.CR_THRESHOLD_OF_PERCENTILE if of_pixels else 0,
                               smooth_unit=structs.CR_SMOOTH_UNIT_SIDE if by_side else 0)
        wrong[kind] += find_boxes(m, MIN_MAX, protocol, width, height) != [want]
    for kind, n in wrong.items():
        report(f"boxes of maps {kind} are those of SciPy and NumPy", n == 0 and compared[kind] > 25,
               f"{n} of {compared[kind]} differ")


def upsample_exactly(m, width, height):
    """Bilinear, in double precision: what OpenCV makes of doubles has coordinates of single precision."""
    def taps(n, size):
        at = np.clip((np.arange(size) + .5) * n / size - .5, 0, n - 1)
        low = at.astype(int)
        matrix = np.zeros((size, n))
        matrix[np.arange(size), low] += 1 - (at - low)
        matrix[np.arange(size), np.minimum(low + 1, n - 1)] += at - low
        return matrix
    d = m.astype(np.float64)
    d = (d - d.min()) / np.ptp(d)
    return taps(len(m), height) @ d @ taps(m.shape[1], width).T


def numpy_iou(a, b):
    frame = np.zeros((2, 80, 80), bool)
    for layer, (x0, y0, x1, y1) in zip(frame, (a, b)):
        layer[y0:y1 + 1, x0:x1 + 1] = True
    return frame.all(0).sum() / frame.any(0).sum()


def judge_iou(random):
    def random_box():
        (x0, x1), (y0, y1) = np.sort(random.integers(0, 80, (2, 2)), axis=1)
        return tuple(int(side) for side in (x0, y0, x1, y1))

    wrong = 0
    for _ in range(500):
        box, others = random_box(), [random_box() for _ in range(4)]
        want = [numpy_iou(box, other) for other in others]
        wrong += [lib.cr_iou(box_of(*box), box_of(*other)) for other in others] != want
        wrong += lib.cr_iou_best(box_of(*box), boxes_of(others), 4) != max(want)
    report("IoU equals counted pixels", wrong == 0, f"{wrong} of 1000 differ")


def judge_kit_boxes(kit):
    protocol = protocol_of()
    for model in MODELS:
        golden = np.load(os.path.join(kit, "dev", f"golden_{model}.npz"))
        with open(os.path.join(kit, "dev", f"reference_{model}.csv"), newline="") as stream:
            rows = {row["image_id"]: row for row in csv.DictReader(stream)}
        methods = [("cam", "cam", MIN_MAX), ("gcam", "gradcam", MAX), ("pre", "cam_pre_relu", MIN_MAX),
                   ("fire9", "gradcam_fire9", MAX)]
        n, different = 0, []
        for column, name, scaling in methods:
            if name not in golden:
                continue
            for i, image in enumerate(golden["image_ids"]):
                maps = [(f"top{k + 1}", golden[name][i, k]) for k in range(5)]
                if name + "_gt" in golden:
                    maps.append(("gt", golden[name + "_gt"][i]))
                for slot, activation in maps:
                    n += 1
                    want = rows[str(image)][f"{column}_box_{slot}"]
                    got = "%d %d %d %d" % find_boxes(activation, scaling, protocol, 227, 227)[0]
                    if got != want:
                        different.append(f"{image} {column} {slot}: {got}, reference {want}")
        report(f"boxes of golden maps, {model}", n > 0 and not different,
               f"{len(different)} of {n} differ" + "".join("\n       " + d for d in different))


def judge_baselines(kit):
    """The golden values of all 50,000 validation images."""
    def lines(name):
        with open(os.path.join(kit, "ilsvrc-val", name)) as stream:
            return [line.split(",") for line in stream.read().split("\n") if line]

    boxes = {}
    for path, *box in lines("localization.txt"):
        boxes.setdefault(path, []).append(tuple(map(int, box)))
    sizes = lines("image_sizes.txt")
    right, whole, center = 0, np.zeros(3, int), np.zeros((3, 56), int)
    for path, width, height in sizes:
        truth, width, height = boxes[path], int(width), int(height)
        box = box_of(0, 0, width - 1, height - 1)
        right += lib.cr_iou_best(box, boxes_of(truth), len(truth)) >= 0.5
        whole += whole_image_hits(width, height, truth) >> np.arange(3) & 1
        center += center_hits(width, height, truth) >> np.arange(3)[:, None] & 1
    n = len(sizes)
    report("GT-known of the whole image over 50,000 images", f"{100 * right / n:.3f}" == "40.702",
           f"{100 * right / n:.3f} %")
    got = [round(100 * hits / n, 3) for hits in whole]
    report("the same in the frame", got == [63.06, 41.108, 22.594], f"{got} %")
    best = 100 * center.max(1) / n
    got = [round(share, 2) for share in [*best, best.mean()]]
    report("best centred squares", got == [76.78, 54.02, 29.28, 53.36], f"{got} %")


def main():
    random = np.random.default_rng(20160627)
    judge_upsampling(random)
    if torch is None:
        print("skipped: views, nearest and regions against PyTorch, which is not installed")
    else:
        judge_views(random)
    judge_bicubic(random)
    judge_components(random)
    judge_runs(random)
    judge_smoothing(np.random.default_rng(4))
    judge_iou(random)
    if os.path.isdir(os.path.join(KIT, "dev")):
        judge_kit_boxes(KIT)
        judge_baselines(KIT)
    else:
        print("skipped: boxes of golden maps and the baselines (CAMRANK_KIT is not set or "
              "absent)")
    report.done()


main()
