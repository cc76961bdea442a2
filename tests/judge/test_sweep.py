"""MaxBoxAcc of core/loc against OpenCV, contour by contour, and against the kit's reference counts."""
import csv
import os
import sys

try:
    import cv2
    import numpy as np
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks, Graph, Net
from kit_wsol import differences
from localize import BICUBIC, BILINEAR, MIN_MAX, contours, score_map, sweep

MODELS = ("squeezenet1_0", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192", "mobilenet_v2_1.0_224")
FRAME = 224
OPENCV = {BILINEAR: cv2.INTER_LINEAR, BICUBIC: cv2.INTER_CUBIC}
report = Checks()


def opencv_score_map(activation, upsampling):
    scores = cv2.resize(activation.astype(np.float64), (FRAME, FRAME),
                        interpolation=OPENCV[upsampling])
    scores -= scores.min()
    if scores.max() > 0:
        scores /= scores.max()
    return (scores * 255).astype(np.uint8)


def opencv_boxes(grey, level):
    """Boxes of all contours, and that of the largest, as wsolevaluation finds them."""
    mask = cv2.threshold(grey, level, 255, cv2.THRESH_BINARY)[1]
    found = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not found:
        return [(0, 0, 0, 0)], (0, 0, 0, 0)

    def box(contour):
        x, y, w, h = cv2.boundingRect(contour)
        return x, y, min(x + w, FRAME - 1), min(y + h, FRAME - 1)

    return [box(contour) for contour in found], box(max(found, key=cv2.contourArea))


def opencv_hits(grey, truth):
    truth, hits = np.array(truth), np.zeros(255, np.uint8)
    for level in range(255):
        every, largest = opencv_boxes(grey, level)
        for shift, boxes in ((0, [largest]), (3, every)):
            a = np.array(boxes)[:, None]
            shared = np.maximum(0, np.minimum(a[..., 2:], truth[:, 2:])
                                - np.maximum(a[..., :2], truth[:, :2]) + 1).prod(-1)
            area = (a[..., 2:] - a[..., :2] + 1).prod(-1) + (truth[:, 2:] - truth[:, :2] + 1).prod(-1)
            best = (shared / (area - shared)).max()
            hits[level] |= ((best >= 0.3) | (best >= 0.5) << 1 | (best >= 0.7) << 2) << shift
    return hits


def textures(random, n):
    """Pictures of every kind of trouble: plateaus, rings, lines, single pixels, edges."""
    y, x = np.mgrid[:FRAME, :FRAME].astype(np.float32)
    for i in range(n):
        kind = i % 8
        noise = random.random((FRAME, FRAME)).astype(np.float32)
        if kind == 0:  # as networks give them
            yield random.random(random.integers(1, 30, 2)).astype(np.float32)
        elif kind == 1:  # rough, and rougher
            yield cv2.GaussianBlur(noise, (0, 0), random.uniform(0.5, 6))
        elif kind == 2:  # noise of few levels
            yield np.floor(noise * random.integers(2, 9))
        elif kind == 3:  # rings, plateaus inside
            wave = np.sin(np.hypot(x - random.integers(FRAME), y - random.integers(FRAME)) / 9)
            yield np.round(wave * random.integers(1, 40)) + (noise > 0.999)
        elif kind == 4:  # thin lines and single pixels, many of them of one area
            picture = np.zeros_like(noise)
            for _ in range(random.integers(1, 80)):
                a, b = random.integers(0, FRAME, (2, 2)).tolist()
                cv2.line(picture, a, b if random.random() < 0.5 else a, int(random.integers(1, 5)))
            yield picture
        elif kind == 5:  # squares in squares, some of equal size, some at the edge
            picture = np.zeros_like(noise)
            for _ in range(random.integers(1, 60)):
                (left, top), size = random.integers(-9, FRAME, 2), random.integers(1, 40)
                picture[max(0, top):top + size, max(0, left):left + size] += random.integers(-2, 4)
            yield picture
        elif kind == 6:  # diamonds: rings of diagonals, whose holes enclose as much as they do
            picture = np.zeros_like(noise)
            for _ in range(random.integers(1, 40)):
                cx, cy, r = random.integers(0, FRAME, 2).tolist() + [random.integers(0, 9)]
                picture[np.abs(x - cx) + np.abs(y - cy) == r] = random.integers(1, 4)
                picture[cy, cx:cx + 12] = random.integers(0, 4)
            yield picture
        else:  # a slope with holes in it
            yield x * random.integers(-3, 4) + y * random.integers(-3, 4) + 90 * (noise > 0.99)


def judge_score_maps(random):
    for upsampling, name in ((BILINEAR, "INTER_LINEAR"), (BICUBIC, "INTER_CUBIC")):
        different = 0
        for _ in range(300):
            m = random.normal(size=random.integers(1, 60, 2)).astype(np.float32)
            different += (score_map(m, MIN_MAX, upsampling)[1]
                          != opencv_score_map(m, upsampling)).sum()
        report(f"score maps equal those of {name}", different == 0,
               f"{different} of {300 * FRAME * FRAME} pixels differ")


def judge_views(random):
    """Score maps of several views, resized, mirrored and added by OpenCV and numpy."""
    different = 0
    for trial in range(100):
        width, height = (int(n) for n in random.integers(50, 500, 2))
        maps = random.normal(size=(int(random.integers(1, 11)), 7, 9)).astype(np.float32)
        frame, views = np.zeros((FRAME, FRAME)), []
        for m in maps:
            (x0, x1), (y0, y1) = (np.sort(random.choice(n + 1, 2, replace=False)).tolist()
                                  for n in (width, height))
            left, right = (int(x * FRAME / width + 0.5) for x in (x0, x1))
            top, bottom = (int(y * FRAME / height + 0.5) for y in (y0, y1))
            flip = bool(random.integers(2))
            views.append((x0, y0, x1 - x0, y1 - y0, flip))
            if right == left or bottom == top:
                continue
            part = cv2.resize(m.astype(np.float64) - maps.min(), (right - left, bottom - top),
                              interpolation=cv2.INTER_CUBIC)
            frame[top:bottom, left:right] += part[:, ::-1] if flip else part
        want = (frame - frame.min()) / np.ptp(frame)
        got = score_map(maps, MIN_MAX, BICUBIC, width, height, views)[0]
        different += np.abs(got - want).max() > 1e-6
    report("score maps of views equal added pictures", different == 0, f"{different} of 100 differ")


def judge_contours(random):
    wrong_any = wrong_largest = compared = 0
    for m in textures(random, 160):
        grey = score_map(m, MIN_MAX, BILINEAR)[1]
        for level in random.choice(255, 6, replace=False).tolist():
            every, largest = opencv_boxes(grey, level)
            got = contours(m, MIN_MAX, BILINEAR, level)
            wrong_any += sorted(got) != sorted(every)
            wrong_largest += got[0] != largest
            compared += 1
    report("boxes of all contours equal OpenCV's", wrong_any == 0, f"{wrong_any} of {compared} differ")
    report("boxes of the largest contour equal OpenCV's", wrong_largest == 0,
           f"{wrong_largest} of {compared} differ")


def judge_hits(random):
    wrong = 0
    for m in textures(random, 48):
        corners = np.sort(random.integers(0, FRAME, (int(random.integers(1, 5)), 2, 2)), axis=1)
        truth = [tuple(box.ravel().tolist()) for box in corners]
        want = opencv_hits(score_map(m, MIN_MAX, BILINEAR)[1], truth)
        wrong += (sweep(m, MIN_MAX, BILINEAR, FRAME, FRAME, truth) != want).sum()
    report("hits at all levels equal OpenCV's", wrong == 0, f"{wrong} of {48 * 255} levels differ")


def judge_golden_score_maps():
    """Made from maps in double precision, of which the kit keeps single: a pixel may fall over."""
    for model in MODELS:
        golden = np.load(os.path.join(KIT, "dev", f"golden_{model}.npz"))
        off = [score_map(m, MIN_MAX, BILINEAR)[1].astype(int) - want
               for m, want in zip(golden["cam_gt"], golden["score224_cam_gt_u8"])]
        different = np.count_nonzero(off)
        report(f"golden score maps, {model}", different <= 10 and np.abs(off).max() <= 1,
               f"{different} of {np.size(off)} pixels differ, by {np.abs(off).max()}")


def judge_counts_before_relu():
    """SqueezeNet's maps before their last ReLU, which no job gives: the kit's method `pre`."""
    with open(os.path.join(KIT, "models", "squeezenet1_0.onnx"), "rb") as stream:
        graph = Graph(stream.read(), width=227, height=227)
    layers = graph.layers()
    before = next(a.value for a, b in zip(layers, layers[1:]) if b.value == graph.head.feature)
    net = Net(graph, 10, [(before, False)])
    with open(os.path.join(KIT, "dev", "reference_squeezenet1_0.csv"), newline="") as stream:
        labels = {row["image_id"]: int(row["label"]) for row in csv.DictReader(stream)}
    ids, maps = sorted(labels), []
    for first in range(0, len(ids), 10):
        chunk = ids[first:first + 10]
        images = [cv2.imread(os.path.join(KIT, "dev", "images", i + ".JPEG")) for i in chunk]
        net.forward((np.array(images, np.float32) - (104, 117, 123)).transpose(0, 3, 1, 2))
        found = net.activations(0, len(chunk))
        maps += [found[k, labels[i]] for k, i in enumerate(chunk)]
    off = differences("squeezenet1_0", "pre", ids, maps, MIN_MAX)
    report("MaxBoxAcc counts of maps before the ReLU", off == (0, 0), f"V1 and V2 differ by {off}")


def main():
    random = np.random.default_rng(20200613)
    judge_score_maps(random)
    judge_views(random)
    judge_contours(random)
    judge_hits(random)
    if os.path.isdir(os.path.join(KIT, "dev")):
        judge_golden_score_maps()
        judge_counts_before_relu()
    else:
        print("skipped: the kit's score maps and counts (CAMRANK_KIT is not set or absent)")
    report.done()


main()
