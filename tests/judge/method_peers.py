"""The kit's maps, which the peers' own programs made, and the parameters that reach each peer's form."""
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec

import numpy as np

from camrank import KIT, Graph

# Key of the kit, method, parameters. pytorch-grad-cam's raw maps are without its max(0, .).
RAW = dict(relu=False)
FORMS = {
    "pgc.GradCAM": ("grad-cam", RAW),
    "pgc.GradCAMPlusPlus": ("grad-cam++", dict(RAW, epsilon=1e-6)),
    "pgc.XGradCAM": ("xgrad-cam", dict(RAW, epsilon=1e-7)),
    "pgc.HiResCAM": ("hires-cam", RAW),
    "pgc.GradCAMElementWise": ("grad-cam-elementwise", RAW),
    "pgc.LayerCAM": ("layer-cam", RAW),
    "pgc.EigenCAM": ("eigen-cam", RAW),
    "pgc.EigenGradCAM": ("eigen-grad-cam", RAW),
    "pgc.SegEigenCAM": ("seg-eigen-cam", RAW),
    "pgc.KPCA_CAM": ("kpca-cam", RAW),
    "pgc.FEM": ("fem", RAW),
    "pgc.FinerCAM": ("finer-cam", dict(RAW, weights="softmax", gamma=1, epsilon=1e-9)),
    "torchcam.CAM": ("cam", {}),
    "torchcam.GradCAM": ("grad-cam", {}),
    "torchcam.GradCAMpp": ("grad-cam++", dict(alpha="square")),
    "torchcam.XGradCAM": ("xgrad-cam", dict(epsilon=1e-8)),
    "torchcam.LayerCAM": ("layer-cam", {}),
    "torchcam.FinerCAM": ("finer-cam", {}),
}
UP_TO_SIGN = ("pgc.EigenCAM", "pgc.EigenGradCAM")
# torch-cam multiplies this layer by the weights of the one behind it.
NOT_OURS = ("torchcam.CAM@fire9/concat",)
SIGNED = "expanded_conv_12/add"


def tolerance(key, layer):
    """Of an error over the largest absolute value of a map: those of the kit's README.md."""
    if layer == SIGNED and key in ("pgc.GradCAMPlusPlus", "pgc.FinerCAM"):
        return 1e-2  # denominators near zero
    if layer == SIGNED and "XGradCAM" in key:
        return 2e-4
    return 5e-5 if key == "pgc.KPCA_CAM" else 2e-5


def pixels(image_id, size):
    from PIL import Image
    image = Image.open(f"{KIT}/dev/images/{image_id}.JPEG").convert("RGB")
    return np.asarray(image.resize((size, size), Image.BILINEAR), np.float64)


def centred(image_id, size):
    return pixels(image_id, size) / 127.5 - 1


def caffe(image_id, size):
    return pixels(image_id, size)[:, :, ::-1] - [104, 117, 123]


def torchvision_input(image_id, size):
    return (pixels(image_id, size) / 255 - [.485, .456, .406]) / [.229, .224, .225]


class Network:
    """A network of the kit with what the peers computed of it."""

    def __init__(self, name, data, size, prepare):
        self.name, self.golden = name, np.load(f"{KIT}/methods/{name}.npz", allow_pickle=True)
        self.graph, self.classes = Graph(data, name), self.golden["classes"]
        self.x = np.stack([prepare(image_id, size).transpose(2, 0, 1)
                           for image_id in self.golden["image_ids"]])

    def value_name(self, layer):
        """What the graph calls a layer. torchvision's stages have the name of their last ReLU."""
        channels = {"layer3": 256, "layer4": 512}.get(layer)
        found = [node.output.decode() for node in self.graph.layers()
                 if node.op == b"Relu" and node.shape.dims[1] == channels]
        return found[-1] if channels else layer

    def is_pooled(self, layer):
        return self.graph.find(self.value_name(layer)) == self.graph.head.feature

    def references(self):
        """Key, layer, method, parameters and map of each key that a method of ours makes."""
        for name in self.golden.files:
            key, _, layer = name.partition("@")
            if key in FORMS and name not in NOT_OURS and layer != "input":
                yield key, layer, *FORMS[key], self.golden[name]


def why_no_networks():
    """"" where the kit's networks can be had."""
    return "CAMRANK_KIT names no folder" if not os.path.isdir(f"{KIT}/methods") else \
        "" if find_spec("PIL") else "Pillow is not installed"


def networks():
    """Two networks, one without pooling and one with residual sums and signed layers; after `all` on the
    command line all four, the last only where torchvision can make it."""
    whole = "all" in sys.argv[1:]
    files = [("smallfc_64", "methods/smallfc_64", 64, centred, True),
             ("squeezenet1_0", "models/squeezenet1_0", 227, caffe, whole),
             ("mobilenet_v2_1.0_224", "models/mobilenet_v2_1.0_224", 224, centred, True)]
    for name, path, size, prepare, wanted in files:
        if wanted:
            with open(f"{KIT}/{path}.onnx", "rb") as file:
                yield Network(name, file.read(), size, prepare)
    if not whole:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([sys.executable, f"{KIT}/methods/make_resnet18.py",
                               f"{folder}/resnet18.onnx"], capture_output=True, text=True)
        if made.returncode:
            print(f"skipped: resnet18_seed0: {made.stderr.strip().splitlines()[-1]}")
            return
        with open(os.path.join(folder, "resnet18.onnx"), "rb") as file:
            yield Network("resnet18_seed0", file.read(), 224, torchvision_input)


def error_of(key, got, want):
    """Of each image the largest error of its maps [n, slots, h, w] over their largest absolute value."""
    got, want = got.astype(np.float64), want.astype(np.float64)
    if key in UP_TO_SIGN:
        got = got * np.where((got * want).sum((2, 3), keepdims=True) < 0, -1, 1)
    largest = np.maximum(abs(want).max((2, 3)), 1e-30)
    return (abs(got - want).max((2, 3)) / largest).max(1)
