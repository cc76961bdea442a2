"""core/loc, called from Python: maps as numpy arrays, boxes as tuples of four numbers."""
import ctypes as ct

import numpy as np

from camrank import Error, check, lib

MIN_MAX, MAX = 0, 1  # cr_scaling
BILINEAR, NEAREST, BICUBIC = 0, 1, 2  # cr_upsampling


class Protocol(ct.Structure):
    _fields_ = [("name", ct.c_char * 32), ("upsampling", ct.c_int), ("boxes", ct.c_int),
                ("threshold", ct.c_double), ("loose", ct.c_double), ("connectivity", ct.c_int),
                ("n_boxes", ct.c_int), ("predictions", ct.c_int), ("exclude", ct.c_bool),
                ("iou", ct.c_double)]


class Box(ct.Structure):
    _fields_ = [(side, ct.c_int32) for side in ("x0", "y0", "x1", "y1")]


class View(ct.Structure):
    """x0, y0, width, height of the region; whether the network saw it mirrored."""
    _fields_ = [(field, ct.c_double) for field in ("x0", "y0", "width", "height")] + [
        ("flip", ct.c_bool)]


class Map(ct.Structure):
    _fields_ = [("maps", ct.c_void_p), ("width", ct.c_int), ("height", ct.c_int),
                ("scaling", ct.c_int), ("n_views", ct.c_int), ("views", ct.POINTER(View))]


class Workspace(ct.Structure):
    _fields_ = [("parts", ct.c_size_t * 32)]


lib.cr_iou.restype = ct.c_double
lib.cr_iou.argtypes = (Box, Box)
lib.cr_iou_best.restype = ct.c_double
lib.cr_iou_best.argtypes = (Box, ct.POINTER(Box), ct.c_int)
workspace = Workspace()


def call(function, *arguments):
    error = Error()
    check(function(*arguments, ct.byref(workspace), ct.byref(error)), error)


def protocol_of(name="cam-paper", **changes):
    protocol, error = Protocol(), Error()
    check(lib.cr_protocol_find(name.encode(), ct.byref(protocol), ct.byref(error)), error)
    for field, value in changes.items():
        setattr(protocol, field, value)
    return protocol


def boxes_of(coordinates):
    return (Box * len(coordinates))(*(Box(*map(int, c)) for c in coordinates))


def sides(box):
    return box.x0, box.y0, box.x1, box.y1


class LocMap:
    """A cr_loc_map and what it refers to. `activation` is [H, W], or [views, H, W] with `views`."""

    def __init__(self, activation, scaling, views):
        self.values = np.ascontiguousarray(activation, np.float32)
        self.views = (View * len(views))(*(View(*view) for view in views))
        height, width = self.values.shape[-2:]
        self.map = Map(self.values.ctypes.data, width, height, scaling, len(views), self.views)

    @property
    def pointer(self):
        return ct.byref(self.map)


def whole(width, height):
    return [(0, 0, width, height, False)]


def find_boxes(activation, scaling, protocol, width, height, views=None):
    m = LocMap(activation, scaling, views or whole(width, height))
    boxes = (Box * protocol.n_boxes)()
    call(lib.cr_loc_boxes, m.pointer, ct.byref(protocol), width, height, boxes)
    return [sides(box) for box in boxes]


def upsample(activation, scaling, upsampling, width, height, views=None):
    m = LocMap(activation, scaling, views or whole(width, height))
    out = np.full((height, width), -1, np.float32)
    call(lib.cr_loc_upsample, m.pointer, upsampling, width, height, out.ctypes.data_as(ct.c_void_p))
    return out


def score_map(activation, scaling, upsampling, width=224, height=224, views=None):
    """[224, 224] from 0 to 1, and the same in grey values."""
    m = LocMap(activation, scaling, views or whole(width, height))
    scores = np.zeros((224, 224), np.float32)
    call(lib.cr_loc_score_map, m.pointer, upsampling, width, height,
         scores.ctypes.data_as(ct.c_void_p))
    return scores, (scores.astype(np.float64) * 255).astype(np.uint8)


def sweep(activation, scaling, upsampling, width, height, truth, views=None):
    """[255] bits: 0 to 2 the largest contour, 3 to 5 any."""
    m = LocMap(activation, scaling, views or whole(width, height))
    hits = np.zeros(255, np.uint8)
    call(lib.cr_loc_sweep, m.pointer, upsampling, width, height, boxes_of(truth), len(truth),
         hits.ctypes.data_as(ct.c_void_p))
    return hits


def contours(activation, scaling, upsampling, level, width=224, height=224, views=None):
    """The boxes of all contours at a level, that of the largest first."""
    m = LocMap(activation, scaling, views or whole(width, height))
    boxes, n = (Box * 60000)(), ct.c_int()
    call(lib.cr_loc_contours, m.pointer, upsampling, width, height, level, boxes, len(boxes),
         ct.byref(n))
    return [sides(box) for box in boxes[:n.value]]


def whole_image_hits(width, height, truth):
    hits = ct.c_uint8()
    lib.cr_loc_whole_image_hits(width, height, boxes_of(truth), len(truth), ct.byref(hits))
    return hits.value


def center_hits(width, height, truth):
    hits = (ct.c_uint8 * 56)()
    lib.cr_loc_center_hits(width, height, boxes_of(truth), len(truth), hits)
    return np.frombuffer(hits, np.uint8)
