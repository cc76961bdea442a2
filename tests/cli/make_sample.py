"""Makes a small image set with two networks, for the tests of the command line.

usage: make_sample.py FOLDER     job.yaml, images/, ground_truth.csv, synsets.txt, gap.onnx, fc.onnx

Weights are random, so the errors mean nothing; but classes, maps and boxes differ from image to
image. The same on every machine. Exit code 77 where a package is missing.
"""

import os
import sys

try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

N_IMAGES, N_CLASSES, SIDE = 37, 10, 32
NAMES = ["apple", "boat", "chair", "drum", "egg", "fern", "gate", "hat", "ink & \"pen\"", "ém_%$#"]

JOB = """\
name: sample
dataset:
  layout: kaggle
  images: images
  ground_truth: ground_truth.csv
  synsets: synsets.txt
models:
  - name: gap
    file: gap.onnx
    input: {size: [32, 32], resize: squash, filter: pil-bilinear, channels: rgb, range: 1, \
mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
  - name: fc
    file: fc.onnx
    input: {size: [32, 32], resize: short-side, short_side: 36, crop: center, \
filter: pil-bilinear, channels: bgr, range: 255, mean: [120, 120, 120], std: [60, 60, 60]}
methods: [cam, grad-cam, grad-cam@conv1]
protocol: cam-paper
batch: 8
output: sample.h5
"""


def wnid(k):
    return f"n{1000 + 37 * k:08d}"


def picture(rng, k):
    """A noisy ground with a filled box of the class's colour; returns pixels and the box."""
    width, height = (int(v) for v in rng.integers(40, 120, 2))
    pixels = rng.integers(60, 140, (height, width, 3))
    w, h = int(rng.integers(15, width - 5)), int(rng.integers(15, height - 5))
    x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
    colour = 255 * np.array([k % 2, k // 2 % 2, k // 4 % 2])
    pixels[y:y + h, x:x + w] = (2 * colour + pixels[y:y + h, x:x + w]) // 3
    return pixels.astype(np.uint8), (x, y, x + w - 1, y + h - 1)


def write_images(folder, rng):
    os.makedirs(os.path.join(folder, "images"))
    rows = []
    for i in range(N_IMAGES):
        k = i * 7 % N_CLASSES
        pixels, box = picture(rng, k)
        name, kind = f"img_{i:03d}", ("JPEG", "jpg", "png")[i % 3]
        image = Image.fromarray(pixels)
        if i % 10 == 4:
            image = image.convert("L")
        options = {} if kind == "png" else {"quality": 90, "progressive": i % 2 == 1}
        image.save(os.path.join(folder, "images", f"{name}.{kind}"),
                   "PNG" if kind == "png" else "JPEG", **options)
        boxes = [box] if i % 4 else [box, (0, 0, 19, 14)]
        rows.append(f"{name}," + "".join(f"{wnid(k)} {a} {b} {c} {d} " for a, b, c, d in boxes))
    rng.shuffle(rows)
    with open(os.path.join(folder, "ground_truth.csv"), "w") as f:
        f.write("ImageId,PredictionString\n" + "\n".join(rows) + "\n")
    with open(os.path.join(folder, "synsets.txt"), "w", encoding="utf-8") as f:
        f.writelines(f"{wnid(k)} {name}\n" for k, name in enumerate(NAMES))


class Builder:
    """Nodes and random weights of one network; a node's output bears its name."""

    def __init__(self, rng):
        self.rng, self.nodes, self.weights, self.last = rng, [], [], "input"

    def weight(self, name, *shape):
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.1
        values = (self.rng.standard_normal(shape) * scale).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, name, *weights, **attributes):
        self.nodes.append(helper.make_node(op, [self.last, *weights], [name], name, **attributes))
        self.last = name

    def conv(self, name, n_in, n_out, stride):
        self.node("Conv", name, self.weight(name + ".w", n_out, n_in, 3, 3),
                  self.weight(name + ".b", n_out), strides=[stride, stride], pads=[1, 1, 1, 1])
        self.node("Relu", name + "_relu")

    def gemm(self, name, n_in, n_out):
        self.node("Gemm", name, self.weight(name + ".w", n_out, n_in),
                  self.weight(name + ".b", n_out), transB=1)

    def save(self, path):
        def info(name, *shape):
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape])

        graph = helper.make_graph(self.nodes, "sample", [info("input", 3, SIDE, SIDE)],
                                  [info(self.last, N_CLASSES)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
        model.ir_version = 6
        onnx.save(model, path)


def write_networks(folder, rng):
    gap = Builder(rng)
    gap.conv("conv1", 3, 8, 2)
    gap.conv("conv2", 8, 24, 2)
    gap.node("GlobalAveragePool", "pool")
    gap.node("Flatten", "flat")
    gap.gemm("logits", 24, N_CLASSES)
    gap.save(os.path.join(folder, "gap.onnx"))

    fc = Builder(rng)
    fc.conv("conv1", 3, 8, 2)
    fc.node("MaxPool", "pool1", kernel_shape=[2, 2], strides=[2, 2])
    fc.conv("conv2", 8, 16, 1)
    fc.node("Flatten", "flat")
    fc.gemm("hidden", 16 * 8 * 8, 32)
    fc.node("Relu", "hidden_relu")
    fc.gemm("logits", 32, N_CLASSES)
    fc.save(os.path.join(folder, "fc.onnx"))


def main():
    folder, rng = sys.argv[1], np.random.default_rng(20161)
    write_images(folder, rng)
    write_networks(folder, rng)
    with open(os.path.join(folder, "job.yaml"), "w") as f:
        f.write(JOB)


main()
