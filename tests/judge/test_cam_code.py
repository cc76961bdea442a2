"""The protocols cam-code against OpenCV and Pillow, put together step by step as the CAM authors'
programs do (mergeTenCrop.m, dt_box.cpp, dt.c, generate_bbox.m)."""
import ctypes as ct
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

import structs
from camrank import KIT, Checks
from localize import MIN_MAX, find_boxes, lib, protocol_of
from structs import cr_prediction

SQUARE, LEVELS, MARGIN = 256, (100, 110), 5
report = Checks()


def imresize(picture, width, height):
    """MATLAB's: Pillow's bicubic, with the picture mirrored at its edges."""
    h, w = picture.shape
    margin = 3 * max(1, -(-w // width), -(-h // height))
    mirrored = np.pad(picture.astype(np.float32), margin, mode="symmetric")
    return np.asarray(Image.fromarray(mirrored).resize(
        (width, height), Image.BICUBIC, box=(margin, margin, margin + w, margin + h)), np.float64)


def merge(maps, places):
    square = np.zeros((SQUARE, SQUARE))
    for m, (x, y, size, flip) in zip(maps, places):
        crop = imresize(m, size, size)
        square[y:y + size, x:x + size] += np.abs(crop[:, ::-1] if flip else crop)
    return square


def erode(mask):
    if mask.all() or not mask.any():
        return mask
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.sqrt(np.round(distance.astype(np.float64) ** 2))  # squares are whole numbers
    return np.floor(distance * (255 / distance.max()) + 0.5) > 10


def limit(value, low, high):
    return low if value < low else high if value > high else value


def rectangles(grey, first):
    height, width = grey.shape
    found = []
    for k, level in enumerate((first, *LEVELS)):
        mask = erode(grey > level).astype(np.uint8)
        contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for j, contour in enumerate(contours):
            x, y, w, h = cv2.boundingRect(contour)
            hole, (first_x, first_y) = tree[0][j][3] >= 0, contour[0][0]
            rectangle = (limit(x, 0, width - MARGIN), limit(y, 0, height - MARGIN),
                         limit(w, 0, width - x - MARGIN), limit(h, 0, height - y - MARGIN))
            found.append((-rectangle[2] * rectangle[3], k, hole, first_y, first_x, rectangle))
    return [entry[-1] for entry in sorted(found)]


def big_overlap(a, b):
    def shared(at, extent):
        return max(0, min(a[at] + a[extent], b[at] + b[extent]) - max(a[at], b[at]))

    return shared(0, 2) * shared(1, 3) > int(max(a[2] * a[3], b[2] * b[3]) * 0.5)


def merged(found):
    i = 0
    while i < len(found):
        j = i + 1
        while j < len(found):
            if big_overlap(found[i], found[j]):
                del found[j]
            j += 1  # past the one that has moved up, as theirs
        i += 1
    return [(min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)) for x, y, w, h in found]


def grey_of(heat):
    return np.floor(np.clip(255 * heat, 0, 255) + 0.5).astype(np.uint8)


def expected(maps, places, width, height, sigma=0, percentile=None):
    heat = imresize(merge(maps, places), width, height)
    heat = scipy.ndimage.gaussian_filter(heat, sigma) if sigma else heat
    heat /= heat.max()
    first = 20 if percentile is None else int(grey_of(np.percentile(heat, percentile)))
    return merged(rectangles(grey_of(heat), first))[:2]


def ten_crop(size):
    """Places in the square: corners, centre; then all mirrored."""
    far = SQUARE - size
    corners = [(x, y) for x in (0, far) for y in (0, far)] + [(far // 2, far // 2)]
    return [(x, y, size, flip) for flip in (False, True) for x, y in corners]


def views_of(places, width, height):
    return [(x * width / SQUARE, y * height / SQUARE, size * width / SQUARE, size * height / SQUARE,
             flip) for x, y, size, flip in places]


def activations(random, n, side):
    """One object or several, seen a little differently in each view."""
    y, x = np.mgrid[:side, :side]
    maps = np.zeros((n, side, side))
    for _ in range(random.integers(1, 5)):
        cx, cy = random.uniform(0, side, 2)
        wide, strength = random.uniform(0.5, side / 3), random.uniform(-0.3, 1)
        for m in maps:
            m += strength * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / wide ** 2)
    return (maps + random.normal(scale=0.1, size=maps.shape)).astype(np.float32)


def judge_boxes(random):
    two = protocol_of("cam-code-2")
    wrong = moved = 0
    for trial in range(300):
        places = ten_crop(224 if trial % 2 else 227) if trial % 3 else [(0, 0, SQUARE, False)]
        width, height = (int(n) for n in random.integers(60, 420, 2))
        maps = activations(random, len(places), int(random.integers(4, 16)))
        want = expected(maps, places, width, height)
        views = views_of(places, width, height)
        got = find_boxes(maps, MIN_MAX, two, width, height, views)
        wrong += got != want
        moved += find_boxes(maps, MIN_MAX, protocol_of("cam-code"), width, height, views) != got[:1]
    report("both boxes of maps of one and of ten views", wrong == 0,
           f"{wrong} of 300 differ")
    report("the first box alone is the same", moved == 0, f"{moved} of 300 differ")
    two.smooth, two.threshold_of, two.threshold = 5, structs.CR_THRESHOLD_OF_PERCENTILE, .7
    wrong = 0
    for trial in range(60):
        width, height = (int(n) for n in random.integers(60, 300, 2))
        maps = activations(random, 1, int(random.integers(4, 16)))
        places = [(0, 0, SQUARE, False)]
        wrong += (find_boxes(maps, MIN_MAX, two, width, height, views_of(places, width, height))
                  != expected(maps, places, width, height, 5, 70))
    report("both boxes of maps that SciPy smooths, from a percentile on", wrong == 0,
           f"{wrong} of 60 differ")


def judge_kit():
    """Maps of trained networks, at many sizes."""
    wrong = n = 0
    two = protocol_of("cam-code-combined")
    for model in ("squeezenet1_0", "mobilenet_v2_1.0_224"):
        golden = np.load(os.path.join(KIT, "dev", f"golden_{model}.npz"))
        for i, m in enumerate(golden["cam"].reshape(-1, *golden["cam"].shape[2:])):
            width, height = (500, 375) if i % 2 else (227, 300 + i)
            want = expected([m], [(0, 0, SQUARE, False)], width, height)
            wrong += find_boxes(m, MIN_MAX, two, width, height) != want
            n += 1
    report("boxes of golden maps", wrong == 0, f"{wrong} of {n} differ")


def judge_predictions():
    """(slot, box) in the order of ILSVRC_evaluate_bbox.m, and of the paper's heuristic."""
    want = {"cam-paper": [(s, 0) for s in range(5)],
            "cam-code": [(s, 0) for s in range(5)],
            "cam-code-2": [(s, 1) for s in range(5)],
            "cam-code-combined": [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)],
            "googlenet-gap-top5": [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)]}
    for name, pairs in want.items():
        found = (cr_prediction * 5)()
        n = lib.cr_protocol_predictions(ct.byref(protocol_of(name)), found)
        report(f"predictions of {name}", [(p.slot, p.box) for p in found[:n]] == pairs)


def main():
    judge_boxes(np.random.default_rng(20160419))
    judge_predictions()
    if os.path.isdir(os.path.join(KIT, "dev")):
        judge_kit()
    else:
        print("skipped: boxes of golden maps (CAMRANK_KIT is not set or absent)")
    report.done()


main()
