"""core/loc against OpenCV, PyTorch, numpy and the kit's reference boxes."""

import csv
import ctypes
import os
import sys

try:
    import cv2
    import numpy as np
    import torch
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

MODELS = ("squeezenet1_0", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192", "mobilenet_v2_1.0_224")
MIN_MAX, MAX = 0, 1  # cr_scaling
BILINEAR, NEAREST = 0, 1  # cr_upsampling


class Protocol(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 32),
        ("threshold", ctypes.c_double),
        ("connectivity", ctypes.c_int),
        ("upsampling", ctypes.c_int),
        ("iou", ctypes.c_double),
    ]


class Box(ctypes.Structure):
    _fields_ = [(side, ctypes.c_int32) for side in ("x0", "y0", "x1", "y1")]


class Region(ctypes.Structure):
    _fields_ = [(field, ctypes.c_double) for field in ("x0", "y0", "width", "height")]


class Workspace(ctypes.Structure):
    _fields_ = [("block", ctypes.c_void_p), ("block_bytes", ctypes.c_size_t)]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 480)]


lib = ctypes.CDLL(os.path.join(os.environ.get("BUILD", "build"), "tests", "libcamrank-serial.so"))
lib.cr_iou.restype = ctypes.c_double
lib.cr_iou.argtypes = (Box, Box)
lib.cr_iou_best.restype = ctypes.c_double
lib.cr_iou_best.argtypes = (Box, ctypes.POINTER(Box), ctypes.c_int)
workspace = Workspace()
failures = 0


def report(what, right, detail=""):
    global failures
    failures += not right
    print(f"{'ok    ' if right else 'FAILED'} {what}{': ' if detail else ''}{detail}")


def succeed(status, error):
    if status:
        sys.exit(f"FAILED status {status}: {error.message.decode()}")


def protocol_of(**changes):
    protocol, error = Protocol(), Error()
    succeed(lib.cr_protocol_find(b"cam-paper", ctypes.byref(protocol), ctypes.byref(error)), error)
    for field, value in changes.items():
        setattr(protocol, field, value)
    return protocol


def map_arguments(activation, scaling):
    activation = np.ascontiguousarray(activation, np.float32)
    height, width = activation.shape
    pointer = activation.ctypes.data_as(ctypes.c_void_p)
    return activation, (pointer, ctypes.c_int(width), ctypes.c_int(height), ctypes.c_int(scaling))


def box_of(activation, scaling, protocol, width, height):
    kept, arguments = map_arguments(activation, scaling)
    box, error, region = Box(), Error(), Region(0, 0, width, height)
    status = lib.cr_loc_box(*arguments, ctypes.byref(protocol), ctypes.byref(region), width, height,
                            ctypes.byref(box), ctypes.byref(workspace), ctypes.byref(error))
    succeed(status, error)
    return box.x0, box.y0, box.x1, box.y1


def upsample(activation, scaling, upsampling, region, width, height):
    kept, arguments = map_arguments(activation, scaling)
    out, error = np.full((height, width), -1, np.float32), Error()
    status = lib.cr_loc_upsample(*arguments, ctypes.c_int(upsampling),
                                 ctypes.byref(Region(*region)), width, height,
                                 out.ctypes.data_as(ctypes.c_void_p), ctypes.byref(workspace),
                                 ctypes.byref(error))
    succeed(status, error)
    return out


def judge_upsampling(random):
    worst = {"cv2 float64": 0, "cv2 float32": 0, "torch float64": 0, "torch nearest": 0,
             "torch in a region": 0}
    for _ in range(200):
        mh, mw = random.integers(1, 30, 2)
        height, width = (int(n) for n in random.integers(1, 260, 2))
        m = random.random((mh, mw)).astype(np.float32)
        m /= m.max()
        got = upsample(m, MAX, BILINEAR, (0, 0, width, height), width, height)
        d = m.astype(np.float64)
        t = torch.from_numpy(d)[None, None]

        def add(name, want, mine=got):
            worst[name] = max(worst[name], float(np.abs(want - mine).max()))

        # OpenCV and PyTorch in float32 place pixels with float32 coordinates: an error of
        # 2^-24 x 30 map columns times the largest slope, 1 per column.
        add("cv2 float64", cv2.resize(d, (width, height), interpolation=cv2.INTER_LINEAR))
        add("cv2 float32", cv2.resize(m, (width, height), interpolation=cv2.INTER_LINEAR))
        interpolate = torch.nn.functional.interpolate
        smooth = interpolate(t, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()
        add("torch float64", smooth)
        # Pixels exactly between two map columns or rows go either way in float32 coordinates.
        between = ((2 * np.arange(width) + 1) * mw % (2 * width) == 0)[None, :] | (
            (2 * np.arange(height) + 1) * mh % (2 * height) == 0)[:, None]
        nearest = interpolate(t, (height, width), mode="nearest-exact")[0, 0].numpy()
        mine = upsample(m, MAX, NEAREST, (0, 0, width, height), width, height)
        add("torch nearest", np.where(between, 0, nearest), np.where(between, 0, mine))
        # A region of whole pixels is the same picture with a margin of zeros.
        x, y = (int(n) for n in random.integers(0, 20, 2))
        add("torch in a region", np.pad(smooth, ((y, 7), (x, 5))),
            upsample(m, MAX, BILINEAR, (x, y, width, height), width + x + 5, height + y + 7))
    limits = {"cv2 float64": 4e-6, "cv2 float32": 4e-6}
    for name, difference in worst.items():
        report(f"upsampling equals {name}", difference <= limits.get(name, 1e-6),
               f"largest difference {difference:.1e} of 1")


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
            wrong += box_of(mask, MAX, protocol, width, height) != want
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
        wrong += box_of(m, MIN_MAX, protocol, width, height) != want
    report("boxes of smooth maps equal OpenCV's", wrong == 0 and compared > 200,
           f"{wrong} of {compared} differ")


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
        wrong += [lib.cr_iou(Box(*box), Box(*other)) for other in others] != want
        wrong += lib.cr_iou_best(Box(*box), (Box * 4)(*(Box(*o) for o in others)), 4) != max(want)
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
                    got = "%d %d %d %d" % box_of(activation, scaling, protocol, 227, 227)
                    if got != want:
                        different.append(f"{image} {column} {slot}: {got}, reference {want}")
        report(f"boxes of golden maps, {model}", n > 0 and not different,
               f"{len(different)} of {n} differ" + "".join("\n       " + d for d in different))


def judge_whole_image(kit):
    def lines(name):
        with open(os.path.join(kit, "ilsvrc-val", name)) as stream:
            return [line.split(",") for line in stream.read().split("\n") if line]

    boxes = {}
    for path, *sides in lines("localization.txt"):
        boxes.setdefault(path, []).append(Box(*map(int, sides)))
    sizes = lines("image_sizes.txt")
    right = 0
    for path, width, height in sizes:
        truth = boxes[path]
        whole = Box(0, 0, int(width) - 1, int(height) - 1)
        right += lib.cr_iou_best(whole, (Box * len(truth))(*truth), len(truth)) >= 0.5
    percent = 100 * right / len(sizes)
    report("GT-known of the whole image over 50,000 images", f"{percent:.3f}" == "40.702",
           f"{percent:.3f} %")


def main():
    random = np.random.default_rng(20160627)
    judge_upsampling(random)
    judge_components(random)
    judge_runs(random)
    judge_iou(random)
    kit = os.environ.get("CAMRANK_KIT", "")
    if kit and os.path.isdir(os.path.join(kit, "dev")):
        judge_kit_boxes(kit)
        judge_whole_image(kit)
    else:
        print("skipped: boxes of golden maps and the whole-image score (CAMRANK_KIT is not set or "
              "absent)")
    lib.cr_loc_workspace_fini(ctypes.byref(workspace))
    return failures > 0


sys.exit(main())
