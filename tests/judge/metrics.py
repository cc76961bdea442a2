"""The table of core/metric, called from Python: what a metric gives for a map, and what it adds up."""
import ctypes as ct

import numpy as np

import structs
from camrank import check, lib
from localize import LocMap, boxes_of, protocol_of, whole, workspace
from structs import (cr_error, cr_metric, cr_metric_given, cr_metric_image, cr_metric_map,
                     cr_metric_parameters, cr_metric_question)

TYPES = {structs.CR_METRIC_U8: np.uint8, structs.CR_METRIC_I32: np.int32,
         structs.CR_METRIC_F64: np.float64}
TABLE = (ct.POINTER(cr_metric) * structs.CR_METRIC_MAX).in_dll(lib, "cr_metrics")


def matrix(n_to, n_from):
    """Linear interpolation of n_from values to n_to, half-pixel centres, clamped."""
    at = np.clip((np.arange(n_to) + 0.5) * n_from / n_to - 0.5, 0, n_from - 1)
    left = np.minimum(at.astype(int), n_from - 1)
    right = np.minimum(left + 1, n_from - 1)
    out = np.zeros((n_to, n_from))
    np.add.at(out, (np.arange(n_to), left), 1 - (at - left))
    np.add.at(out, (np.arange(n_to), right), at - left)
    return out


class Metric:
    """A row of the table of those that score the map of the ground-truth class."""

    def __init__(self, name, **parameters):
        self.of = TABLE[lib.cr_metric_find(name.encode())].contents
        self.parameters = cr_metric_parameters()
        lib.cr_parameters_reset(self.of.parameters, ct.byref(self.parameters))
        for key, value in parameters.items():
            item, error = lib.cr_parameters_find(self.of.parameters, key.encode()), cr_error()
            check(lib.cr_parameter_set(ct.c_void_p(item), ct.byref(self.parameters),
                                       ct.c_double(value), ct.byref(error)), error)
        self.sums = np.zeros(self.of.n_sums, np.int64)

    def extents(self, column):
        own = structs.CR_METRIC_EXTENT_OWN
        return [self.of.extent(ct.addressof(self.parameters)) if n == own else n
                for n in column.extents if n]

    def score(self, activation, scaling, width, height, boxes, mask=None):
        """What the columns get. A mask is 1 on the object, 2 where pixels do not count, else 0."""
        scored, error = LocMap(activation, scaling, whole(width, height)), cr_error()
        truth = boxes_of(boxes)
        columns = []
        for j in range(self.of.n_columns):
            column = self.of.columns[j]
            empty = -1 if column.kind == structs.CR_METRIC_I32 else 0
            columns.append(np.full(self.extents(column), empty, TYPES[column.kind]))
        values = (ct.c_void_p * len(columns))(*(c.ctypes.data for c in columns))
        given = cr_metric_map(parameters=ct.addressof(self.parameters), map=ct.pointer(scored.map),
                              width=width, height=height, truth=truth, n_truth=len(boxes))
        if mask is not None:
            mask = np.ascontiguousarray(mask, np.uint8)
            given.mask, (given.mask_height, given.mask_width) = mask.ctypes.data, mask.shape
        check(self.of.score(ct.pointer(given), ct.cast(values, ct.POINTER(ct.c_void_p)),
                            ct.pointer(workspace), ct.pointer(error)), error)
        return columns

    def empty_columns(self):
        """What stands for nothing in each, as the file has it."""
        of = (self.of.columns[j] for j in range(self.of.n_columns))
        return [np.full(self.extents(c), np.nan if c.kind == structs.CR_METRIC_F64 else -1, TYPES[c.kind])
                for c in of]

    def question(self, x, values, score, seed=0, limits=(0, 1), segments=None):
        """Of a metric that asks, about input x [H][W][C] and map [H][W]: the question, where its columns' values
        go, and what must stay while it is asked. `limits` are what black and white are as values of the input."""
        x, values = (np.ascontiguousarray(of, np.float32) for of in (x, values))
        segments = None if segments is None else np.ascontiguousarray(segments, np.int32)
        (height, width, n_channels), by = x.shape, ct.addressof(self.parameters)
        scratch_of, columns = self.of.asking.contents.scratch, self.empty_columns()
        room = scratch_of(by, width, height, n_channels) if scratch_of else 0
        scratch = np.full(room // 8 + 9, np.nan)
        places = (ct.c_void_p * len(columns))(*(c.ctypes.data for c in columns))
        black, white = (np.full(n_channels, limit, np.float32) for limit in limits)
        return cr_metric_question(
            parameters=by, height=height, width=width, n_channels=n_channels, input=x.ctypes.data,
            black=black.ctypes.data, white=white.ctypes.data, map=values.ctypes.data, score=score, seed=seed,
            segments=segments.ctypes.data if segments is not None else None,
            scratch=(scratch.ctypes.data + 63) // 64 * 64, values=ct.cast(places, ct.POINTER(ct.c_void_p))), \
            columns, (x, values, scratch, places, black, white, segments)

    def n_passes(self, width, height):
        return self.of.asking.contents.n_passes(ct.addressof(self.parameters), width, height)

    def ask(self, x, values, network, seed=0, explain=None, limits=(0, 1), segments=None):
        """What the columns get from a network that gives a probability for an input, and a method that gives a
        map; and the changed inputs."""
        asking = self.of.asking.contents
        question, columns, _stays = self.question(x, values, network(np.ascontiguousarray(x, np.float32)), seed,
                                                  limits, segments)
        changed = np.full((self.n_passes(x.shape[1], x.shape[0]), *x.shape), np.nan, np.float32)
        if asking.begin:
            asking.begin(ct.pointer(question))
        for k, to in enumerate(changed):
            asking.fill(ct.pointer(question), k, to.ctypes.data)
            if asking.take_map:
                seen = np.ascontiguousarray(explain(to), np.float32)
                asking.take_map(ct.pointer(question), k, network(to), seen.ctypes.data)
            else:
                asking.take(ct.pointer(question), k, network(to))
        if asking.end:
            asking.end(ct.pointer(question))
        return columns, changed

    def add(self, columns, boxes, **changes):
        """Adds an image that is done to the sums; what a value of it is not, or None."""
        protocol, top_class = protocol_of(), np.zeros(5, np.int32)
        truth = boxes_of(boxes)
        members = dict(protocol=ct.pointer(protocol), localize=True, truth=truth,
                       n_truth=len(boxes), has_network=True, state=structs.CR_ROW_DONE,
                       model_state=structs.CR_ROW_DONE, top_class=top_class.ctypes.data)
        image = cr_metric_image(**{**members, **changes})
        values = (ct.c_void_p * len(columns))(*(c.ctypes.data for c in columns))
        given = cr_metric_given(parameters=ct.addressof(self.parameters),
                                columns=ct.cast(values, ct.POINTER(ct.c_void_p)))
        wrong = np.zeros(1)
        return self.of.add(ct.pointer(image), ct.pointer(given), self.sums.ctypes.data,
                           wrong.ctypes.data)

    def number(self, key):
        """Value, low, high, of the images added."""
        for k in range(self.of.n_numbers):
            if self.of.numbers[k].key == key.encode():
                of = self.of.numbers[k].count(self.sums.ctypes.data)
                return of.value, of.low, of.high
        raise KeyError(key)
