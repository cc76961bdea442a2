"""Writes seeds for the fuzz targets, one folder a target, and a dictionary for those that read text.

usage: seeds.py FOLDER     small inputs, good and nearly good, made here; with CAMRANK_KIT some of its
                           files too. Exit code 77 where a package is missing.
"""

import gzip
import io
import os
import struct
import sys
import tarfile
import zlib

try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
    from onnx.external_data_helper import set_external_data
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "judge"))
from caffe_writer import Network

OUT = sys.argv[1]
SPLIT = b"\x1e"
WNIDS = ("n01440764", "n01443537")


def put(target, name, data):
    folder = os.path.join(OUT, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def dictionary(target, words):
    with open(os.path.join(OUT, target + ".dict"), "w") as f:
        for word in words:
            f.write('"' + "".join(c if c.isascii() and c.isalnum() else f"\\x{ord(c):02x}" for c in word) + '"\n')


def kit(*path):
    folder = os.environ.get("CAMRANK_KIT")
    return os.path.join(folder, *path) if folder else ""


def caffe():
    """A description, a zero byte, the weights."""
    for old in (False, True):
        net = Network((1, 3, 9, 8), old=old)
        x = net.relu("relu", net.conv("conv", "data", 3, 4, 3, "pad: 1 stride: 2"))
        if not old:
            x = net.layer("BatchNorm", "bn", x, "", [[0] * 4, [1] * 4, [1]])
            x = net.layer("Scale", "scale", x, "scale_param { bias_term: true }", [[1] * 4, [0] * 4], top=x)
            net.layer("Slice", "slice", x, "slice_param { slice_point: 1 }", top=["a", "b"])
            x = net.layer("Concat", "both", ["b", "a"])
            x = net.layer("Reshape", "reshape", x, "reshape_param { shape { dim: 0 dim: 4 dim: -1 dim: 4 } }")
        x = net.layer("Eltwise", "sum", [x, x], "" if old else "eltwise_param { coeff: 1 coeff: -2 }")
        x = net.layer("LRN", "lrn", net.pool("pool", x, 3, 2, 1, "AVE"), "lrn_param { norm_region: WITHIN_CHANNEL }")
        net.dense("fc", net.global_pool("gap", x), 4, 3)
        put("caffe", "old" if old else "new", net.text() + b"\0" + net.model())
    dictionary("caffe", ["layer {", "type:", "bottom:", "top:", "dim:", "axis:", "pad:", "stride:", "include { phase: TRAIN }"])


JOB = """\
name: seed
dataset:
  layout: kaggle
  images: images
  ground_truth: truth.csv
  synsets: synsets.txt
  subset: {classes: [n01440764], stride: 2}
  limit: 5
models:
  - name: one
    file: one.onnx
    layer: conv
    kernels: [gather, winograd@conv]
    input: {size: [32, 32], resize: short-side, short_side: 36, crop: center, filter: pil-bicubic,
            channels: bgr, range: 255, mean: [120, 120.5, 1e2], std: [60, 60, 60]}
methods: [cam, grad-cam, grad-cam@conv]
protocol: cam-paper
threshold: 0.3
heatmaps: {classes: truth, type: float16}
batch: 8
output: seed.h5
"""


def jobs():
    put("job", "whole", JOB)
    put("job", "sets", JOB.encode() + SPLIT + b"batch=4" + SPLIT + b"methods=[cam]" + SPLIT +
        b"models.0.input.size=[8, 8]")
    put("job", "devkit", JOB.replace("kaggle", "devkit").replace(
        "synsets:", "devkit_synsets: meta.mat\n  boxes: b\n  synsets:"))
    put("job", "alias", JOB.replace("name: seed", "name: &a seed").replace("output: seed.h5",
                                                                           "output: *a"))
    put("job", "deep", "name: " + "[" * 5000)
    put("job", "twice", JOB + JOB)
    put("job", "documents", JOB + "---\n" + JOB)
    dictionary("job", sorted(set(JOB.replace(":", " ").replace("[", " ").split())) +
               ["&a", "*a", "!!str", "<<", "---", "...", "|", ">", "wsol", "cub", "csv", "skip",
                "squash", "opencv-linear", "exclude", "failed", "connectivity", "upsampling",
                "iou", "nearest", "all", "none", ".nan", ".inf", "0x10", "1e309"])


def model(nodes, weights, shape, output):
    def info(name, *dims):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims)

    rng = np.random.default_rng(1)
    tensors = []
    for name, value in weights.items():
        if isinstance(value, tuple):
            value = rng.standard_normal(value).astype(np.float32)
        tensors.append(numpy_helper.from_array(np.asarray(value), name))
    graph = helper.make_graph([helper.make_node(op, ins.split(), [out], out, **attributes)
                               for op, ins, out, attributes in nodes], "seed",
                              [info("x", *shape)], [info(output, "N", "K")], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 7
    return made.SerializeToString()


def networks():
    ints = lambda *values: np.array(values, np.int64)
    put("onnx", "convolutions", model([
        ("Conv", "x w b", "c", {"strides": [2, 1], "pads": [0, 1, 1, 0], "auto_pad": "NOTSET"}),
        ("BatchNormalization", "c g h m v", "n", {"epsilon": 0.1}),
        ("Clip", "n low high", "k", {}), ("Conv", "k d", "e", {"group": 4}), ("Relu", "e", "r", {}),
        ("MaxPool", "r", "p", {"kernel_shape": [2, 2], "ceil_mode": 1}),
        ("AveragePool", "p", "a", {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}),
        ("Concat", "a a", "cat", {"axis": 1}), ("Add", "cat cat", "s", {}),
        ("GlobalAveragePool", "s", "q", {}), ("Flatten", "q", "f", {"axis": 1}),
        ("Gemm", "f u", "logits", {"transB": 1, "alpha": 0.5})],
        {"w": (4, 3, 3, 3), "b": (4,), "g": (4,), "h": (4,), "m": (4,),
         "v": np.ones(4, np.float32), "low": np.float32(-1), "high": np.float32(6),
         "d": (4, 1, 2, 2), "u": (5, 8)}, ["N", 3, 9, 8], "logits"))
    put("onnx", "shapes", model([
        ("Shape", "x", "sh", {}), ("Gather", "sh i", "hw", {"axis": 0}),
        ("Slice", "hw from to", "cut", {}), ("Concat", "bc cut", "groups", {"axis": 0}),
        ("Reshape", "x groups", "split", {}), ("Transpose", "split", "swap", {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", "swap back", "y", {}), ("Transpose", "y", "last", {"perm": [0, 2, 3, 1]}),
        ("ReduceMean", "last", "mean", {"axes": [-1], "keepdims": 1}),
        ("Sub", "last mean", "cd", {}), ("Pow", "cd two", "sq", {}), ("Sqrt", "sq", "rt", {}),
        ("Erf", "rt", "erf", {}), ("Transpose", "erf", "z", {"perm": [0, 3, 1, 2]}),
        ("Unsqueeze", "z ax", "wide", {}), ("Squeeze", "wide ax", "thin", {}),
        ("Pad", "thin pads fill", "pad", {"mode": "constant"}), ("HardSwish", "pad", "hs", {}),
        ("Sigmoid", "hs", "si", {}), ("Mul", "si hs", "mu", {}), ("Cast", "mu", "ca", {"to": 1}),
        ("ReduceMean", "ca", "gap", {"axes": [2, 3], "keepdims": 0}),
        ("MatMul", "gap u", "mm", {}), ("Softmax", "mm", "logits", {"axis": 1})],
        {"i": ints(0, 2, 3), "from": ints(1), "to": ints(3), "bc": ints(1, 2, 2),
         "back": ints(0, 4, 4, 5), "two": np.float32(2), "ax": ints(2), "fill": np.float32(0.5),
         "pads": ints(0, 0, 1, 1, 0, 0, 1, 1), "u": (4, 3)}, [1, 4, 4, 5], "logits"))
    put("onnx", "attention", model([
        ("Reshape", "x rows", "t", {}), ("MatMul", "t w", "qkv", {}), ("Reshape", "qkv heads", "h", {}),
        ("Transpose", "h", "p", {"perm": [2, 0, 3, 1, 4]}), ("Gather", "p zero", "q", {"axis": 0}),
        ("Gather", "p one", "k", {"axis": 0}), ("Transpose", "k", "kt", {"perm": [0, 1, 3, 2]}),
        ("MatMul", "q kt", "s", {}), ("Add", "s bias", "b", {}), ("Softmax", "b", "a", {"axis": -1}),
        ("MatMul", "a q", "o", {}), ("Einsum", "o q", "e", {"equation": "nhtc,nhsc->nts"}),
        ("ReduceMax", "e", "r", {"axes": [2], "keepdims": 0}), ("Gemm", "r u", "logits", {})],
        {"rows": ints(0, 6, 4), "w": (4, 12), "heads": ints(1, 6, 3, 2, 2), "zero": np.int64(0),
         "one": np.int64(1), "bias": (2, 6, 6), "u": (6, 5)}, ["N", 4, 2, 3], "logits"))
    put("onnx", "functions", model([
        ("Tanh", "x", "a", {}), ("LeakyRelu", "a", "b", {"alpha": 0.2}), ("Max", "b a x", "c", {}),
        ("Greater", "c zero", "g", {}), ("Where", "g c slope", "d", {}), ("PRelu", "d slope", "e", {}),
        ("LRN", "e", "f", {"size": 3}), ("InstanceNormalization", "f s o", "h", {}),
        ("Resize", "h none none sizes", "i", {"mode": "linear"}), ("Pow", "i i", "j", {}),
        ("DepthToSpace", "j", "k", {"blocksize": 2}), ("Expand", "k shape", "l", {}),
        ("ReduceL2", "l", "m", {"axes": [1, 3], "keepdims": 1}), ("Div", "l m", "n", {}),
        ("Trilu", "n", "q", {}), ("Tile", "q times", "r", {}), ("Flatten", "r", "logits", {})],
        {"zero": np.float32(0), "slope": (4, 1, 1), "s": (4,), "o": (4,), "none": np.zeros(0, np.float32),
         "sizes": ints(1, 4, 5, 3), "shape": ints(1, 2, 1, 1), "times": ints(1, 1, 2, 1)},
        ["N", 4, 3, 4], "logits"))
    put("onnx", "constants", model([
        ("ConstantOfShape", "shape", "w0", {}), ("Cast", "w0", "w1", {"to": 7}), ("Add", "w1 one", "w2", {}),
        ("Cast", "w2", "w3", {"to": 1}), ("DequantizeLinear", "bytes scale zero", "w4", {}),
        ("Concat", "w3 w4", "w5", {"axis": 0}), ("Conv", "x w5", "c", {}), ("Shape", "c", "n", {}),
        ("Range", "zero64 four one64", "i", {}), ("Gather", "n i", "m", {}), ("ReduceProd", "m", "p", {"keepdims": 1}),
        ("Concat", "one64s p", "flat", {"axis": 0}), ("Reshape", "c flat", "logits", {})],
        {"shape": ints(2, 3, 1, 1), "one": np.int64(1), "bytes": np.ones((1, 3, 1, 1), np.int8),
         "scale": np.float32(0.5), "zero": np.int8(1), "zero64": np.int64(0), "four": np.int64(4),
         "one64": np.int64(1), "one64s": ints(1)}, ["N", 3, 2, 2], "logits"))
    put("onnx", "volumes", model([
        ("Reshape", "x deep", "v", {}), ("Conv", "v w b", "c", {"strides": [1, 2, 1], "pads": [1, 0, 1, 0, 1, 1], "group": 2}),
        ("MaxPool", "c", "p", {"kernel_shape": [2, 1, 2], "ceil_mode": 1}), ("AveragePool", "p", "a", {"kernel_shape": [1, 2, 2]}),
        ("ConvTranspose", "a t", "d", {"strides": [1, 2, 2], "output_padding": [0, 1, 0], "dilations": [2, 1, 1]}),
        ("Reshape", "d flat", "m", {}), ("ConvTranspose", "m u", "e", {"output_shape": [9, 5], "auto_pad": "SAME_LOWER"}),
        ("LpPool", "e", "l", {"kernel_shape": [2, 3], "p": 3}), ("LpNormalization", "l", "n", {"axis": 1, "p": 1}),
        ("GlobalLpPool", "n", "g", {"p": 2}), ("Flatten", "g", "logits", {})],
        {"deep": ints(0, 2, 2, 4, 3), "w": (4, 1, 2, 2, 2), "b": (4,), "t": (4, 2, 1, 2, 2), "flat": ints(0, 2, -1, 4),
         "u": (2, 3, 2, 2)}, ["N", 4, 4, 3], "logits"))
    put("onnx", "places", model([
        ("GatherElements", "x i", "a", {"axis": 2}), ("GatherND", "a j", "b", {"batch_dims": 1}), ("CumSum", "b one", "c", {"reverse": 1}),
        ("ScatterElements", "c k c", "d", {"axis": 1}), ("ScatterND", "d m u", "e", {"reduction": "add"}),
        ("TopK", "e two", "f", {"axis": 1, "largest": 0}), ("ArgMax", "f", "g", {"axis": 2, "keepdims": 0, "select_last_index": 1}),
        ("OneHot", "g four values", "h", {"axis": 1}), ("Shape", "f", "s", {}), ("ConstantOfShape", "s", "z", {}),
        ("Einsum", "f h f", "o", {"equation": "n...c,ncd,n...c->ndc"}), ("Hardmax", "o", "q", {"axis": 2}),
        ("CenterCropPad", "q r", "t", {"axes": [1, 2]}), ("MatMul", "t v", "y", {}), ("EyeLike", "y", "eye", {"k": 1}),
        ("Add", "y eye", "w", {}), ("IsInf", "w", "inf", {"detect_negative": 0}), ("Where", "inf y w", "logits", {})],
        {"i": np.zeros((1, 3, 2, 4), np.int64), "j": ints(0, 1, 2, 0).reshape(1, 2, 2), "one": np.int64(2), "k": ints(*[1] * 8).reshape(1, 2, 4),
         "m": ints(0, 1, 0, 1).reshape(2, 2), "u": (2, 4), "two": ints(2), "four": np.int64(4), "values": np.float32([0, 1]),
         "r": ints(3, 6), "v": (6,)}, ["N", 3, 3, 4], "logits"))
    put("onnx", "open", model([("Relu", "x", "y", {}), ("Flatten", "y", "z", {})], {},
                              ["N", 3, "H", "W"], "z"))
    put("onnx", "large", model([("Concat", "x " * 60, "y", {"axis": 1}),
                                ("GlobalMaxPool", "y", "z", {}), ("Flatten", "z", "q", {})], {},
                               ["N", 64, 4000, 4000], "q"))
    outside = onnx.load_model_from_string(model(
        [("Flatten", "x", "f", {}), ("Gemm", "f u", "logits", {})], {"u": (6, 5)},
        ["N", 6, 1, 1], "logits"))
    set_external_data(outside.graph.initializer[0], "down/u.bin", offset=3, length=120)
    outside.graph.initializer[0].ClearField("raw_data")
    put("onnx", "external", outside.SerializeToString())
    dictionary("onnx", ["location", "offset", "length", "../", "Conv", "Gemm", "MatMul", "Relu", "Clip", "Sigmoid", "HardSigmoid",
                        "HardSwish", "Erf", "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "MaxPool",
                        "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean",
                        "BatchNormalization", "LayerNormalization", "Concat", "Flatten", "Reshape",
                        "Transpose", "Pad", "Slice", "Gather", "Shape", "Cast", "Squeeze",
                        "Unsqueeze", "Constant", "Identity", "Dropout", "Softmax", "axis", "axes",
                        "perm", "pads", "strides", "dilations", "group", "kernel_shape", "auto_pad",
                        "Tanh", "LeakyRelu", "PRelu", "Where", "Greater", "Equal", "Expand", "Tile", "Split",
                        "ReduceSum", "ReduceProd", "Einsum", "equation", "Resize", "sizes", "scales", "mode",
                        "LRN", "GroupNormalization", "InstanceNormalization", "ConstantOfShape", "Range",
                        "ScatterND", "NonZero", "DequantizeLinear", "QuantizeLinear", "If", "then_branch",
                        "else_branch", "Attention", "Trilu", "DepthToSpace", "SpaceToDepth", "com.microsoft",
                        "FusedConv", "activation", "ConvTranspose", "output_shape", "output_padding", "LpPool", "GlobalLpPool", "GatherElements",
                        "GatherND", "batch_dims", "CumSum", "exclusive", "ScatterElements", "reduction", "TopK", "largest", "ArgMin", "OneHot",
                        "CenterCropPad", "EyeLike", "Hardmax", "SkipLayerNormalization", "MultiHeadAttention", "num_heads", "FusedMatMul",
                        "GroupNorm", "groups", "channels_last", "BiasSplitGelu", "qkv_hidden_sizes", "softcap", "left_window_size", "SAME_UPPER", "VALID", "keepdims", "count_include_pad", "epsilon", "value"])


def saved(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width, height, data, depth=8, kind=2):
    """A PNG of any claimed size."""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind,
                                                              0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def resized(jpeg, width, height):
    """The same JPEG, claiming another size."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        at = jpeg.find(marker)
        if at >= 0:
            return jpeg[:at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9:]
    raise ValueError("no frame")


def images():
    rng = np.random.default_rng(2)
    rgb = Image.fromarray(rng.integers(0, 255, (13, 17, 3)).astype(np.uint8))
    how = b"\x07\x08\x03\x09"
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            put("image", f"jpeg-{mode}-{progressive}",
                saved(rgb.convert(mode), "JPEG", quality=50, progressive=progressive) + how)
    put("image", "jpeg-420", saved(rgb, "JPEG", quality=30, subsampling=2) + b"\x01\x0f\0\2")
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        picture = rgb.convert("L") if mode == "I;16" else rgb
        put("image", "png-" + mode.replace(";", ""), saved(picture.convert(mode), "PNG") + how)
    put("image", "png-cut", png_of(100, 100, b"\0" * 5000) + how)
    put("image", "png-short-claims-much", png_of(16000, 16000, b"\0" * 100) + how)
    small = saved(rgb, "JPEG", quality=1)
    put("image", "jpeg-claims-much", resized(small, 16000, 16000) + how)
    put("image", "jpeg-progressive-claims-much",
        resized(saved(rgb, "JPEG", quality=1, progressive=True), 65000, 4000) + how)
    put("image", "jpeg-strip", resized(small, 65500, 1) + how)
    if os.path.isdir(kit("dev", "images")):
        name = sorted(os.listdir(kit("dev", "images")))[0]
        with open(kit("dev", "images", name), "rb") as f:
            put("image", "kit", f.read() + how)


def xml(name="n01440764", box="1 2 30 40", size="50 60", head="", inside=""):
    side = box.split()
    width, height = size.split()
    return (f"{head}<annotation><folder>val</folder><filename>a</filename><size>"
            f"<width>{width}</width><height>{height}</height><depth>3</depth></size>"
            f"<object><name>{name}</name>{inside}<bndbox><xmin>{side[0]}</xmin>"
            f"<ymin>{side[1]}</ymin><xmax>{side[2]}</xmax><ymax>{side[3]}</ymax></bndbox></object>"
            "</annotation>")


LAUGHS = ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">' +
          "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)) + "]>")

COCO = ('{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 8}], "categories": [{"id": 3, "name": "dog"}],'
        ' "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 1.5, 3, 4], "iscrowd": 0, "segmentation": '
        '[[1, 1, 7.5, 1, 4, 6]]}, {"image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 2], "iscrowd": 1, "segmentation": '
        '{"size": [8, 9], "counts": [10, 3, 59]}}, {"image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 2], '
        '"segmentation": {"size": [8, 9], "counts": ":3k1"}}]}')


def annotations():
    put("xml", "whole", xml())
    put("xml", "two", xml(inside="<pose>x</pose></object><object><name>n01440764</name>"))
    put("xml", "laughs", xml(name="&a9;", head=LAUGHS))
    put("xml", "external", xml(name="&e;", head='<!DOCTYPE annotation [<!ENTITY e SYSTEM '
                               '"file:///etc/passwd">]>'))
    put("xml", "remote", xml(head='<!DOCTYPE annotation SYSTEM "http://127.0.0.1:1/a.dtd">'))
    put("xml", "parameter", xml(head='<!DOCTYPE a [<!ENTITY % p SYSTEM "/etc/passwd"> %p;]>'))
    put("xml", "include", '<annotation xmlns:xi="http://www.w3.org/2001/XInclude">'
        '<xi:include href="/etc/passwd" parse="text"/></annotation>')
    put("xml", "deep", "<annotation>" * 40000)
    put("xml", "latin1", '<?xml version="1.0" encoding="ISO-8859-1"?>'.encode() +
        xml(name="n\xe9").encode("latin-1"))
    put("xml", "utf16", xml().encode("utf-16"))
    put("xml", "cdata", xml(name="<![CDATA[n01440764]]>"))
    dictionary("xml", ["<annotation>", "</annotation>", "<object>", "</object>", "<bndbox>",
                       "</bndbox>", "<name>", "</name>", "<size>", "<width>", "<xmin>", "<ymax/>",
                       "<!DOCTYPE", "<!ENTITY", "SYSTEM", "<![CDATA[", "]]>", "&lt;", "&#0;",
                       "n01440764", "xmlns", "encoding", "UTF-16"])
    put("coco", "whole", COCO)
    put("coco", "deep", "[" * 40000)
    put("coco", "escapes", COCO.replace('"dog"', '"\\ud83d\\ude00\\n\\u00e9"'))
    dictionary("coco", ["images", "annotations", "categories", "segmentation", "counts", "size", "iscrowd", "bbox",
                        "image_id", "category_id", "file_name", "width", "height", "null", "true", "[[", "1e9"])


def tables():
    synsets = "".join(f"{wnid} fish, {i}\n" for i, wnid in enumerate(WNIDS))
    devkit = "1 n01440764\n2 n01443537\n"
    kaggle = ("ImageId,PredictionString\na_00000002,n01440764 1 2 3 4 n01440764 5 6 7 8 \r\n"
              '"a_00000001",n01443537 0 0 9 9\n')
    plain = "image,label,x0,y0,x1,y1\nb,n01440764,1,2,3,4\nc,1,0,0,9,9\nb,0,1,1,1,1\n"
    wsol = ("val/a.JPEG\nval/b.JPEG", "val/a.JPEG,0\nval/b.JPEG,1", "val/a.JPEG,50,60\nval/b.JPEG,9,9",
            "val/a.JPEG,1,2,3,4\nval/b.JPEG,0,0,8,8\nval/b.JPEG,1,1,2,2", synsets)
    cub = ("1 001.A/a.jpg\n2 002.B/b.jpg", "1 1\n2 2", "1 1.0 2.0 30.5 40\n2 0 0 5 5", "1 0\n2 1",
           "1 001.A\n2 002.B")
    join = lambda *parts: SPLIT.join(part.encode() for part in parts)
    put("tables", "kaggle", b"\0" + join(kaggle, synsets, devkit, "1"))
    put("tables", "kaggle-ids", b"\0" + join(kaggle, synsets, "", "a_00000002"))
    put("tables", "plain", b"\1" + join(plain, synsets, "b\nc", "c"))
    put("tables", "wsol", b"\2" + join(*wsol))
    put("tables", "cub", b"\3" + join(*cub))
    put("tables", "devkit", b"\4" + join("1\n", synsets, devkit, xml()))
    lists = ("dog/a.png\ndog/b.png", "dog/a.png,0\ndog/b.png,0", "dog/a.png,50,60\ndog/b.png,9,9",
             "dog/a.png,a.png,b.png\ndog/a.png,b.png,\ndog/b.png,b.png,")
    shares = ("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,"
              "IsInside\n" + "".join(f"{row},0.1,0.5,0.25,1,0,0,{group},0,0\n" for row, group in
                                    (("a,xclick,/m/01,1", 0), ("a,xclick,/m/02,1", 0), ("b,activemil,/m/01,1", 1))))
    put("tables", "lists", b"\5" + join(*lists, "n1 dog\n", "dog/b"))
    put("tables", "lists-folders", b"\5" + join(*lists))
    put("tables", "shares", b"\6" + join(shares, "LabelName,DisplayName\n/m/01,Dog\n/m/02,Cat\n", "a:02", "a:01\na:02"))
    put("tables", "shares-alone", b"\6" + join(shares))
    put("tables", "latin1", b"\0" + join(kaggle, synsets).replace(b"fish", b"fi\xe9sh"))
    put("tables", "quotes", b"\0" + join('ImageId,PredictionString\n"a""b","n01440764 1 2 3 4"\n"x',
                                         synsets))
    put("tables", "long", b"\1" + join("image,label,x0,y0,x1,y1\n" + "a" * 70000 + ",0,1,1,2,2\n",
                                       synsets))
    dictionary("tables", ["ImageId,PredictionString", "image,label,x0,y0,x1,y1", "n01440764",
                          "n01443537", "val/a.JPEG", "001.A", "65500", "65501", "2147483648", "-1",
                          "0.5", "1e9", "\x1e", "\r\n", "\xef\xbb\xbf", "a_00000001",
                          "dog/a.png", "/m/01", "0.999999", "IsGroupOf"])


def tar_of(members, kind=tarfile.USTAR_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=kind) as tar:
        for name, body, change in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            for key, value in change.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(body) if info.isreg() else None)
    return data.getvalue()


def tars():
    two = [("a.JPEG", b"x" * 600, {}), ("n01440764/b.png", b"y", {}), ("a.xml", xml().encode(), {})]
    put("tar", "ustar", tar_of(two))
    put("tar", "gnu", tar_of(two + [("d/" * 80 + "long.jpg", b"z", {})], tarfile.GNU_FORMAT))
    put("tar", "pax", tar_of(two + [("\u00e9.jpg", b"z", {"pax_headers": {"size": "1"}})],
                             tarfile.PAX_FORMAT))
    put("tar", "outside", tar_of([("../../out.JPEG", b"x", {}), ("/abs.png", b"y", {}),
                                  ("../up.xml", b"<annotation/>", {})]))
    put("tar", "links", tar_of([("l.jpg", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})]))
    put("tar", "device", tar_of([("d.jpg", b"", {"type": tarfile.CHRTYPE})]))
    put("tar", "gzip", gzip.compress(tar_of(two), mtime=0))
    put("tar", "bomb", gzip.compress(tar_of([("a.xml", b" " * 3000000, {})]), mtime=0))
    whole = tar_of(two)
    # Sizes in base 256, as GNU writes large ones: 2^62, and a negative one.
    for name, size in (("huge", b"\x80\0\0\0\x40" + b"\0" * 7), ("negative", b"\xff" * 12)):
        put("tar", name, whole[:124] + size + whole[136:])
    put("tar", "cut", whole[:900])


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def array(of_class, name, shape, *parts):
    head = element(6, struct.pack("<II", of_class, 0)) + element(5, struct.pack("<2i", *shape))
    return element(14, head + element(1, name) + b"".join(parts))


def mat():
    fields = (b"ILSVRC2012_ID", b"WNID", b"words")
    items = b""
    for i, wnid in enumerate(WNIDS):
        items += array(6, b"", (1, 1), element(9, struct.pack("<d", i + 1)))
        items += array(4, b"", (1, 9), element(4, wnid.encode("utf-16-le")))
        items += array(4, b"", (1, 4), element(16, b"fish"))
    body = array(2, b"synsets", (len(WNIDS), 1), struct.pack("<HHI", 5, 4, 16),
                 element(1, b"".join(field.ljust(16, b"\0") for field in fields)), items)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    packed = zlib.compress(body)
    put("mat", "plain", head + body)
    put("mat", "compressed", head + struct.pack("<II", 15, len(packed)) + packed)
    bomb = zlib.compress(b"\0" * (1 << 27))
    put("mat", "bomb", head + struct.pack("<II", 15, len(bomb)) + bomb)
    put("mat", "many-fields", head + body.replace(struct.pack("<HHI", 5, 4, 16),
                                                  struct.pack("<HHI", 5, 4, 1)))
    put("mat", "many-items", head + array(2, b"synsets", (2**31 - 1, 1), struct.pack("<HHI", 5, 4, 16)))


def maps():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    for kind in ("<f2", "<f4", "<f8", "|u1", ">f4", "<i8", "O"):
        data = io.BytesIO()
        np.save(data, values.astype(kind))
        put("npy", "type-" + kind.strip("<>|") + str(kind[0] == ">"), data.getvalue())
    for name, array in (("fortran", np.asfortranarray(values)), ("leading", values[None, None]),
                        ("flat", values.ravel()), ("empty", values[:0])):
        data = io.BytesIO()
        np.save(data, array)
        put("npy", name, data.getvalue())
    for version in ((2, 0), (3, 0)):
        data = io.BytesIO()
        np.lib.format.write_array(data, values, version)
        put("npy", f"version-{version[0]}", data.getvalue())
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (16384, 16384), }"
    put("npy", "claims-much", b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + b"\0" * 64)
    dictionary("npy", ["descr", "fortran_order", "shape", "True", "False", "<f4", "<f8", "|u1",
                       "16384", "16385", "18446744073709551616", "\x93NUMPY", "(1, 3, 4)"])


def results():
    """Lists of changes: place, another place, what, and bytes for it (fuzz_results.c)."""
    rng = np.random.default_rng(3)
    put("results", "none", b"")
    for i in range(200):
        put("results", f"{i:03d}", struct.pack("<HHB", i, int(rng.integers(0, 500)), i % 16) +
            rng.bytes(12))


def foreign():
    """What is under the name, type, shape, storage, filters, values (fuzz_maps.c)."""
    values = np.linspace(-1, 1, 24, dtype=np.float32).tobytes()
    shape = b"\x0f\x06\x05"  # 4 maps of 5 x 6
    put("maps", "plain", b"\x0f\0" + shape + b"\0\0" + values)
    put("maps", "linked", b"\2\0" + shape + b"\0\0" + values)
    for i in range(2):
        put("maps", f"no-dataset-{i}", bytes([i]))
    for i in range(1, 7):
        put("maps", f"type-{i}", bytes([15, i]) + bytes({5: 9, 6: 4}.get(i, 0)) + shape + b"\0\0" + values)
    for i in range(8):
        put("maps", f"other-{i}", bytes([15, 7, i]) + shape + b"\0\0" + values)
    for i in range(7):
        put("maps", f"shape-{i}", bytes([15, 0, i]) + b"\3" + b"\0\1\2\0" * 3 + b"\0\0" + values)
    for i in range(1, 5):
        put("maps", f"storage-{i}", b"\x0f\0" + shape + bytes([i, 0]) + values)
    put("maps", "late-and-large", b"\x0f\0\6" + b"\0\x10\0\0" * 2 + b"\0\0")
    put("maps", "large-chunk", b"\x0f\1\6" + b"\0\x10\0\0" * 2 + b"\5\0" + b"\4\0\0\0" +
        b"\0\x10\0\0" * 2)
    for i in range(5):
        put("maps", f"filter-{i}", b"\x0f\0" + shape + bytes([6, 1 << i, 2, 3, 4]) + values)


for make in (jobs, networks, caffe, images, annotations, tables, tars, mat, maps, results, foreign):
    make()
