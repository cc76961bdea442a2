"""camrank's serial modules, called from Python: what the judge tests have in common.

A judge test compares our C functions with a library that nobody here wrote. It prints one line for
each group of checks and exits 0 (passed), 1 (failed) or 77 (skipped, saying why).
"""
import ctypes as ct
import os
import sys
from itertools import takewhile

import numpy as np

from structs import (cr_error, cr_graph_layer, cr_head, cr_map, cr_method, cr_method_run,
                     cr_method_spec, cr_net_target, cr_nn_files, cr_nn_input, cr_nn_inputs, cr_parameters, cr_shape, cr_variant)

BUILD = os.environ.get("BUILD", "build")
NO_LIMIT = 2**31 - 1
KIT = os.environ.get("CAMRANK_KIT", "")


def _load(path, real):
    library = ct.CDLL(os.path.join(BUILD, path, "tests", "libcamrank-serial.so"))
    library.real = real
    library.cr_graph_get_layer.restype = cr_graph_layer
    library.cr_graph_input_shape.restype = cr_shape
    library.cr_graph_value_shape.restype = cr_shape
    library.cr_graph_value_name.restype = ct.c_char_p
    library.cr_graph_map.restype = cr_map
    library.cr_graph_head.restype = cr_head
    library.cr_graph_cut.restype = ct.c_char_p
    library.cr_graph_is_binary.restype = ct.c_bool
    for name in ("cr_net_input", "cr_net_logits", "cr_net_activations", "cr_net_gradients",
                 "cr_net_tangent"):
        getattr(library, name).restype = ct.POINTER(ct.c_float if real == np.float32
                                                    else ct.c_double)
    library.cr_net_weight_bytes.restype = ct.c_size_t
    library.cr_net_arena_bytes.restype = ct.c_size_t
    return library


# tests/run names the folder of one with tiles in software.
lib = _load(os.environ.get("CAMRANK_TEST_ENGINE", ""), np.float32)
lib.cr_explainer_net.restype = ct.c_void_p
lib.cr_explainer_weight_bytes.restype = lib.cr_explainer_arena_bytes.restype = ct.c_size_t
lib.cr_method_find.restype = ct.POINTER(cr_method)
lib.cr_method_plain.restype = cr_method_spec
lib.cr_parameters_find.restype = ct.c_void_p


def load_double():
    """The network engine alone, computing in double precision."""
    return _load("double", np.float64)


class Refused(Exception):
    """A camrank function failed; the text is its error message."""


def check(status, error):
    if status:
        raise Refused(error.message.decode())


def to_ours(array, real):
    """[N, C, H, W] or [N, K] as PyTorch has it -> our order in memory."""
    array = np.asarray(array, real)
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1) if array.ndim == 4 else array)


def array_at(address, shape, kind):
    """A copy of the numbers there."""
    dtype = np.dtype(kind)
    return np.frombuffer(ct.string_at(address, int(np.prod(shape)) * dtype.itemsize), dtype).reshape(
        shape).copy()


def from_ours(pointer, n, shape):
    """n images (or gradients) of a value of `shape`, back in PyTorch's order."""
    dims = list(shape.dims[1:shape.n_dims])
    if shape.n_dims == 4:
        c, h, w = dims
        flat = np.ctypeslib.as_array(pointer, (n, h, w, c))
        return flat.transpose(0, 3, 1, 2).copy()
    return np.ctypeslib.as_array(pointer, (n, *dims)).copy()


def memory_for(library, kind, handle):
    """Weights, packed, and an arena for a net or a cam; to be kept as long as it."""
    def call(name, *arguments):
        return getattr(library, f"cr_{kind}_{name}")(handle, *arguments)

    rooms = [np.empty(call(f"{what}_bytes") + 64, np.uint8) for what in ("weight", "arena")]
    weights, arena = [ct.c_void_p(room.ctypes.data + -room.ctypes.data % 64) for room in rooms]
    call("pack", weights, None, None)
    call("use", weights)
    call("use_arena", arena)
    return rooms


class Graph:
    """`folder` is where the model's external data are, if it has any; `weights` are the bytes of the file that has
    them, of a format that has such; `inputs` those of the arrays that inputs beside the image are, by name."""

    def __init__(self, data, name="model", width=0, height=0, lib=lib, folder=None, output="",
                 weights=None, inputs=None):
        self.lib, self.handle = lib, ct.c_void_p()
        self.data, self.parts = data, []  # weights are read where they lie
        error, files = cr_error(), cr_nn_files()
        inputs = inputs or {}
        texts = [(ct.create_string_buffer(key.encode()), ct.create_string_buffer(f"{key}.npy".encode()))
                 for key in inputs]
        items = (cr_nn_input * max(1, len(inputs)))(
            *[cr_nn_input(name=ct.addressof(key), path=ct.addressof(path)) for key, path in texts])
        check(self.lib.cr_nn_files_find(data, ct.c_size_t(len(data)), name.encode(),
                                        b"" if weights is None else b"weights",
                                        ct.byref(cr_nn_inputs(n=len(inputs), items=items)),
                                        ct.byref(files), ct.byref(error)), error)
        for i, array in enumerate(inputs.values(), files.n - len(inputs)):
            self.parts.append(np.frombuffer(array, np.uint8))
            files.files[i].n_bytes = len(array)
            files.files[i].bytes = self.parts[-1].ctypes.data
        if weights is not None:
            self.parts.append(np.frombuffer(weights, np.uint8))
            files.files[0].n_bytes = len(weights)
            files.files[0].bytes = self.parts[0].ctypes.data
        for i in range(files.n if folder else 0):
            with open(os.path.join(folder, ct.string_at(files.files[i].location).decode()), "rb") as file:
                self.parts.append(np.frombuffer(file.read(files.files[i].n_bytes), np.uint8))
            files.files[i].bytes = self.parts[i].ctypes.data
        status = self.lib.cr_graph_load(data, ct.c_size_t(len(data)), ct.byref(files),
                                        name.encode(), output.encode(), width, height, ct.byref(self.handle),
                                        ct.byref(error))
        self.lib.cr_nn_files_free(ct.byref(files))
        check(status, error)
        self.head = self.lib.cr_graph_head(self.handle)
        self.n_classes = self.lib.cr_graph_n_classes(self.handle)

    def __del__(self):
        if self.handle:
            self.lib.cr_graph_free(self.handle)

    def layers(self):
        return [self.lib.cr_graph_get_layer(self.handle, i)
                for i in range(self.lib.cr_graph_n_layers(self.handle))]

    def find(self, name):
        return self.lib.cr_graph_find(self.handle, name.encode())

    def shape(self, value):
        return self.lib.cr_graph_value_shape(self.handle, value)

    def name(self, value):
        return self.lib.cr_graph_value_name(self.handle, value).decode()

    def map(self, value):
        return self.lib.cr_graph_map(self.handle, value)

    def same_memory(self, value):
        return self.lib.cr_graph_same_memory(self.handle, value)

    def last_spatial(self):
        return self.lib.cr_graph_last_spatial(self.handle)


class Net:
    """A compiled graph; `targets` are (value, wants gradient) or (..., wants curvature)."""

    def __init__(self, graph, batch, targets=(), n_back=0, handle=None):
        self.graph, self.batch, self.n_back = graph, batch, n_back
        self.targets = list(targets)
        self.lib, self.owned = graph.lib, not handle
        self.handle = handle or ct.c_void_p()
        if handle:
            return
        error = cr_error()
        array = (cr_net_target * max(1, len(self.targets)))(
            *[cr_net_target(value=v, gradient=g, curvature=any(c))
              for v, g, *c in self.targets])
        check(self.lib.cr_net_new(graph.handle, batch, array, len(self.targets), n_back, NO_LIMIT,
                             ct.byref(self.handle), ct.byref(error)), error)
        self.memory = memory_for(self.lib, "net", self.handle)

    def __del__(self):
        if self.owned and self.handle:
            self.lib.cr_net_free(self.handle)

    def forward(self, x):
        data = to_ours(x, self.lib.real)
        ct.memmove(self.lib.cr_net_input(self.handle), data.ctypes.data, data.nbytes)
        self.lib.cr_net_forward(self.handle, len(data))
        return np.ctypeslib.as_array(self.lib.cr_net_logits(self.handle),
                                     (len(data), self.graph.n_classes)).copy()

    def activations(self, target, n):
        return from_ours(self.lib.cr_net_activations(self.handle, target), n,
                         self.graph.shape(self.targets[target][0]))

    def backward(self, first, classes):
        """classes [n][n_back] of images first ...; gradients by gradients(t, n)."""
        classes = np.ascontiguousarray(classes, np.int32)
        self.lib.cr_net_backward(self.handle, first, len(classes), classes.ctypes.data_as(ct.c_void_p))

    def backward_seeded(self, first, seeds, rule=0):
        """The same of functions of the logits, given by their gradients [n][n_back][n_classes]."""
        seeds = np.ascontiguousarray(seeds, self.lib.real)
        self.lib.cr_net_backward_seeded(self.handle, rule, first, len(seeds),
                                        seeds.ctypes.data_as(ct.c_void_p))

    def tangent(self, target, first, n):
        """How the logits [n, n_classes] of images first ... change along the target's activations."""
        return np.ctypeslib.as_array(self.lib.cr_net_tangent(self.handle, target, first, n),
                                     (n, self.graph.n_classes)).copy()

    def backward_curved(self, target, first, seeds):
        """seeds [n][2][n_back][n_classes] behind `tangent` of the same images; by curvature(target, n)
        gradients and how they change."""
        seeds = np.ascontiguousarray(seeds, self.lib.real)
        self.lib.cr_net_backward_curved(self.handle, target, first, len(seeds),
                                        seeds.ctypes.data_as(ct.c_void_p))

    def curvature(self, target, n):
        shape = self.graph.shape(self.targets[target][0])
        flat = from_ours(self.lib.cr_net_gradients(self.handle, target), 2 * n * self.n_back, shape)
        return flat.reshape(n, 2, self.n_back, *flat.shape[1:])

    def gradients(self, target, n):
        shape = self.graph.shape(self.targets[target][0])
        flat = from_ours(self.lib.cr_net_gradients(self.handle, target), n * self.n_back, shape)
        return flat.reshape(n, self.n_back, *flat.shape[1:])

    def backward_images(self):
        return self.lib.cr_net_backward_images(self.handle)


def method_spec(text, **parameters):
    """What a job writes as METHOD, METHOD@LAYER or METHOD@LAYER+LAYER, with parameters."""
    name, _, layers = text.partition("@")
    method = lib.cr_method_find(name.encode())
    if not method:
        raise Refused(f"no method is called {name}")
    spec, error = lib.cr_method_plain(method), cr_error()
    names = layers.split("+") if layers else []
    spec.n_layers = len(names)
    for i, layer in enumerate(names):
        spec.layers[i].value = layer.encode()
    fusion = cr_parameters.in_dll(lib, "cr_fusion_parameters")
    for key, value in parameters.items():
        table, of = (fusion, spec.fusion) if key.startswith("fuse") else \
            (method.contents.parameters, spec.parameters)
        parameter = ct.c_void_p(lib.cr_parameters_find(table, key.encode()))
        text = str(value).lower() if isinstance(value, bool) else str(value)
        check(lib.cr_parameter_read(parameter, ct.byref(of), text.encode(), ct.byref(error)), error)
    return spec


def run_method(spec, activations, gradients=None, head=None, classes=(0,), channels=None, seed=0,
               curvature=None):
    """A method by itself: activations [C, H, W]; gradients and curvature [slots, C, H, W] or, where they
    are the same at every place, [slots, C]; head [slots, C]. Maps [slots or 1, H, W] before the ReLU."""
    method, arrays = spec.method.contents, {}

    def put(name, value, kind=np.float32):
        if value is not None:
            value = np.asarray(value)
            value = np.moveaxis(value, -3, -1) if value.ndim > 2 else value
            arrays[name] = np.ascontiguousarray(value, kind)
        return arrays[name].ctypes.data if name in arrays else None

    c, h, w = activations.shape
    slots = 1 if method.of_image else len(classes)
    maps = np.full((slots, h, w), np.nan, np.float32)
    parameters = ct.addressof(spec.parameters)
    size = method.scratch(parameters, h * w, c, len(classes)) if method.scratch else 0
    scratch = np.full(size + 16, np.nan, np.float32)
    run = cr_method_run(parameters=parameters, height=h, width=w, n_channels=c, n_slots=len(classes),
                        activations=put("activations", activations),
                        gradients=put("gradients", gradients),
                        uniform=gradients is not None and np.ndim(gradients) == 2,
                        curvature=put("curvature", curvature),
                        head=put("head", head), channels=put("channels", channels, np.int32),
                        classes=put("classes", classes, np.int32), seed=seed,
                        scratch=scratch.ctypes.data + -scratch.ctypes.data % 64,
                        maps=maps.ctypes.data)
    method.run(ct.byref(run))
    return maps


def resolve(graph, spec):
    error, variant = cr_error(), cr_variant()
    check(lib.cr_variant_resolve(graph.handle, ct.byref(graph.head), ct.byref(spec), b"",
                                 ct.byref(variant), ct.byref(error)), error)
    if variant.why_not:
        raise Refused(variant.why_not.decode())
    return variant


def methods():
    """All rows of the table."""
    rows = (ct.POINTER(cr_method) * 100).in_dll(lib, "cr_methods")
    return [row.contents for row in takewhile(bool, rows)]


class Explainer:
    """Variants of a graph, for n inputs at a time and maps of `slots` classes of each."""

    def __init__(self, graph, specs, n, slots):
        self.handle, self.slots, error = ct.c_void_p(), slots, cr_error()
        self.variants = [resolve(graph, spec) for spec in specs]
        check(lib.cr_explainer_new(graph.handle, ct.byref(graph.head),
                                   (cr_variant * len(specs))(*self.variants), len(specs), n, slots,
                                   NO_LIMIT, ct.byref(self.handle), ct.byref(error)), error)
        self.memory = memory_for(lib, "explainer", self.handle)
        self.net = Net(graph, n, handle=ct.c_void_p(lib.cr_explainer_net(self.handle)))

    def __del__(self):
        if self.handle:
            lib.cr_explainer_free(self.handle)

    def use_segments(self, segments):
        """[N, H, W] of the inputs."""
        self.segments = np.ascontiguousarray(segments, np.int32)
        lib.cr_explainer_use_segments(self.handle, self.segments.ctypes.data_as(ct.c_void_p), False)

    def use_baselines(self, baselines):
        """[n, C, H, W]"""
        self.baselines = np.ascontiguousarray(np.moveaxis(baselines, 1, -1), np.float32)
        lib.cr_explainer_use_baselines(self.handle, self.baselines.ctypes.data_as(ct.c_void_p), len(baselines))

    def maps(self, classes, views=1, seeds=None):
        """Of each variant, of the inputs that `net` ran last: [N, slots, views, H, W]."""
        classes = np.ascontiguousarray(classes, np.int32)
        seeds = np.ascontiguousarray(np.arange(len(classes)) if seeds is None else seeds, np.uint64)
        maps = [np.full((len(classes), self.slots, views, v.height, v.width), np.nan, np.float32)
                for v in self.variants]
        pointers = (ct.c_void_p * len(maps))(*[m.ctypes.data for m in maps])
        lib.cr_explainer_run(self.handle, len(classes), views,
                             classes.ctypes.data_as(ct.c_void_p),
                             seeds.ctypes.data_as(ct.c_void_p), pointers)
        return maps


def method_maps(graph, x, classes, method, views=1, **parameters):
    """Maps [N, slots, H, W] of a method (METHOD or METHOD@LAYER), and the logits of x
    [N * views, ...]. With several views of each image: maps [N, slots, views, H, W]."""
    slots = np.shape(classes)[1]
    explainer = Explainer(graph, [method_spec(method, **parameters)], len(x), slots)
    logits = explainer.net.forward(x)
    maps = explainer.maps(classes, views)[0]
    return maps[:, :, 0] if views == 1 else maps, logits


def rows_of(pointer, n, m):
    """n images of a layer whose map is m, as [n, rows, channels]: with tokens before the places."""
    return np.ctypeslib.as_array(pointer, (n, m.rows, m.n_channels)).copy()


def all_rows(graph, x):
    """Of each value that is a map: (value, what it holds, as rows_of)."""
    maps = [(l.value, graph.map(l.value)) for l in graph.layers()]
    maps = [(v, m) for v, m in maps if m.height]
    net = Net(graph, len(x), [(v, False) for v, _ in maps])
    net.forward(x)
    return [(v, rows_of(net.lib.cr_net_activations(net.handle, t), len(x), m)) for t, (v, m) in enumerate(maps)]


def find_rows(values, wanted):
    """The value, of all_rows, of these activations, [N, rows, C]; None if none is near."""
    off = [(np.abs(rows - wanted).max(), v) for v, rows in values if rows.shape == wanted.shape]
    least = min(off, default=(np.inf, None))
    return least[1] if least[0] < 1e-3 * np.abs(wanted).max() else None


def of_range(got, want):
    return np.abs(got - want).max() / (want.max() - want.min())


class Checks:
    """Counts groups of checks; `done` ends the program."""

    def __init__(self):
        self.failed = 0

    def __call__(self, what, ok, detail=""):
        print(f"{'ok' if ok else 'FAILED'}: {what}{': ' if detail else ''}{detail}")
        self.failed += not ok

    def done(self):
        sys.exit(1 if self.failed else 0)


def kit_or_skip():
    if not os.path.isdir(KIT):
        print("skipped: CAMRANK_KIT names no folder")
        sys.exit(77)
    return KIT
