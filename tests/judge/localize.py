"""core/loc, called from Python: maps as numpy arrays, boxes as tuples of four numbers."""
import ctypes as ct

import numpy as np

import structs
from camrank import check, lib
from structs import (cr_box, cr_error, cr_loc_map, cr_loc_picture, cr_loc_workspace, cr_protocol,
                     cr_region, cr_view)

MIN_MAX, MAX = structs.CR_SCALING_MIN_MAX, structs.CR_SCALING_MAX
BILINEAR, NEAREST, BICUBIC = (structs.CR_UPSAMPLING_BILINEAR, structs.CR_UPSAMPLING_NEAREST,
                              structs.CR_UPSAMPLING_BICUBIC)

lib.cr_iou.restype = ct.c_double
lib.cr_iou.argtypes = (cr_box, cr_box)
lib.cr_iou_best.restype = ct.c_double
lib.cr_iou_best.argtypes = (cr_box, ct.POINTER(cr_box), ct.c_int)
workspace = cr_loc_workspace()


def call(function, *arguments):
    error = cr_error()
    check(function(*arguments, ct.byref(workspace), ct.byref(error)), error)


def protocol_of(name="cam-paper", **changes):
    protocol, error = cr_protocol(), cr_error()
    check(lib.cr_protocol_find(name.encode(), ct.byref(protocol), ct.byref(error)), error)
    for field, value in changes.items():
        setattr(protocol, field, value)
    return protocol


def box_of(x0, y0, x1, y1):
    return cr_box(x0=int(x0), y0=int(y0), x1=int(x1), y1=int(y1))


def boxes_of(coordinates):
    return (cr_box * len(coordinates))(*(box_of(*c) for c in coordinates))


def view_of(x0, y0, width, height, flip):
    """x0, y0, width, height of the region; whether the network saw it mirrored."""
    return cr_view(region=cr_region(x0=x0, y0=y0, width=width, height=height), flip=flip)


def sides(box):
    return box.x0, box.y0, box.x1, box.y1


class LocMap:
    """A cr_loc_map and what it refers to. `activation` is [H, W], or [views, H, W] with `views`."""

    def __init__(self, activation, scaling, views):
        self.values = np.ascontiguousarray(activation, np.float32)
        self.views = (cr_view * len(views))(*(view_of(*view) for view in views))
        height, width = self.values.shape[-2:]
        self.map = cr_loc_map(maps=self.values.ctypes.data, width=width, height=height,
                              scaling=scaling, n_views=len(views), views=self.views)

    @property
    def pointer(self):
        return ct.byref(self.map)


def whole(width, height):
    return [(0, 0, width, height, False)]


def find_boxes(activation, scaling, protocol, width, height, views=None, picture=None):
    """`picture` is [h, w, 3] bytes, for protocols that look at it."""
    m = LocMap(activation, scaling, views or whole(width, height))
    boxes, seen = (cr_box * protocol.n_boxes)(), None
    if picture is not None:
        seen = cr_loc_picture(width=picture.shape[1], height=picture.shape[0], rgb=picture.ctypes.data)
        seen = ct.byref(seen)
    call(lib.cr_loc_boxes, m.pointer, ct.byref(protocol), width, height, seen, boxes)
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
    boxes, n = (cr_box * 60000)(), ct.c_int()
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
