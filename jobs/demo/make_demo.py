#!/usr/bin/env python3
"""Make the embedded sample: evaluation images with boxes, and three networks that never saw a box.

    python3 jobs/demo/make_demo.py             # everything, half an hour on one core
    python3 jobs/demo/make_demo.py --images    # only images/, ground_truth.csv, labels.csv and synsets.txt
    python3 jobs/demo/make_demo.py --train gap # only gap.onnx

The three networks share a trunk, a training set and a schedule, and differ in the head alone:
global average pooling (the CAM paper's GAP), global max pooling (its GMP), and fully connected
layers, to which CAM does not apply and Grad-CAM does. They are trained from class labels; boxes are
written for the evaluation images and read by nothing here. The last epoch is the one kept, and
the evaluation images choose nothing: their error is printed once, at the end.

Needs Debian's python3-torch, python3-onnx, python3-opencv, python3-pil and python3-numpy.
Everything is seeded and runs on one thread, so the same versions on the same kind of CPU give the
same files.
"""

import argparse
import csv
import pathlib
import time
from collections import OrderedDict

import numpy as np
import onnx
import torch
from PIL import Image
from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

import render

SIDE = 112  # input side: with three halvings the last map is 14 x 14, as in the CAM paper
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
N_EVAL, N_TRAIN = 300, 8000
EPOCHS, BATCH, PEAK_LR, DECAY = 16, 50, 4e-3, 2e-2
SEED = 2016  # the year of the CAM paper
EVAL_STREAM, TRAIN_STREAM = 0, 1  # separate streams of scenes: no training scene is evaluated


def scenes(stream, n):
    """The first n scenes of a stream, classes in turn: yields (image, boxes, labels, class)."""
    for i in range(n):
        kind = i % len(render.KINDS)
        img, boxes, labels = render.scene(np.random.default_rng([SEED, stream, i]), kind)
        yield img, boxes, labels, kind


# -------------------------------------------------------------------------------------- images

def write_images(out):
    """images/*.JPEG, ground_truth.csv (Kaggle's LOC_val_solution), labels.csv (of the scenes) and synsets.txt."""
    folder = out / "images"
    folder.mkdir(exist_ok=True)
    # A fixed shuffle, so that a class is no function of the image's number.
    place = np.random.default_rng([SEED, 2]).permutation(N_EVAL)
    rows, of_scenes = {}, {}
    for n, (img, boxes, labels, kind) in zip(place, scenes(EVAL_STREAM, N_EVAL)):
        name = f"demo_val_{n + 1:08d}"
        Image.fromarray(img).save(folder / f"{name}.JPEG", quality=85, optimize=True)
        of_scenes[name] = labels
        rows[name] = "".join(f"{render.WNIDS[kind]} {a} {b} {c} {d} " for a, b, c, d in boxes)
    with open(out / "ground_truth.csv", "w", newline="") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(["ImageId", "PredictionString"])
        table.writerows(sorted(rows.items()))
    with open(out / "labels.csv", "w", newline="") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(["image", "attribute"])
        table.writerows((name, label) for name, labels in sorted(of_scenes.items()) for label in labels)
    with open(out / "synsets.txt", "w") as f:
        f.writelines(f"{w} {k}\n" for w, k in zip(render.WNIDS, render.KINDS))


def squash(img):
    """The networks' view of an image: the whole of it, aspect not kept, 8 bits, channels first."""
    small = img.resize((SIDE, SIDE), Image.BILINEAR)
    return torch.from_numpy(np.asarray(small).transpose(2, 0, 1).copy())


def training_set():
    """(N x 3 x SIDE x SIDE uint8, N labels): rendered, squashed, kept in memory."""
    x = torch.empty(N_TRAIN, 3, SIDE, SIDE, dtype=torch.uint8)
    y = torch.empty(N_TRAIN, dtype=torch.long)
    for i, (img, _, _, kind) in enumerate(scenes(TRAIN_STREAM, N_TRAIN)):  # the boxes are dropped here
        x[i], y[i] = squash(Image.fromarray(img)), kind
    return x, y


def evaluation_set(out):
    """The committed JPEGs and their labels, read back from the files as any user would."""
    with open(out / "ground_truth.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    x = [squash(Image.open(out / "images" / f"{r['ImageId']}.JPEG")) for r in rows]
    y = [render.WNIDS.index(r["PredictionString"].split()[0]) for r in rows]
    return torch.stack(x), torch.tensor(y)


# ------------------------------------------------------------------------------------ networks

def unit(i, n_in, n_out, stride=1):
    """Layer i of the trunk. Named layers give the ONNX nodes readable names (/conv1/Conv)."""
    conv = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)  # batch norm has the bias
    return {f"conv{i}": conv, f"bn{i}": nn.BatchNorm2d(n_out), f"relu{i}": nn.ReLU()}


def network(head):
    """The common trunk (3 x 112 x 112 to 96 x 14 x 14, last a ReLU) and one of the three heads."""
    n = len(render.KINDS)
    trunk = {**unit(1, 3, 16, stride=2), "pool1": nn.MaxPool2d(2),
             **unit(2, 16, 32), **unit(3, 32, 48), "pool3": nn.MaxPool2d(2),
             **unit(4, 48, 96), **unit(5, 96, 96)}
    heads = {
        "gap": {"gap": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(96, n)},
        "gmp": {"gmp": nn.AdaptiveMaxPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(96, n)},
        # As in AlexNet: overlapping pooling (to 3 x 3), then layers that know the place.
        # Without bn6 the head does not leave chance level; export() folds it away.
        "fc": {"pool5": nn.MaxPool2d(6, 4), "flatten": nn.Flatten(), "fc6": nn.Linear(96 * 9, 64),
               "bn6": nn.BatchNorm1d(64), "relu6": nn.ReLU(), "fc7": nn.Linear(64, n)},
    }
    return nn.Sequential(OrderedDict({**trunk, **heads[head]}))


def normalise(x):
    shape = (1, 3, 1, 1)
    return (x.float() / 255 - torch.tensor(MEAN).view(shape)) / torch.tensor(STD).view(shape)


def augment(x):
    """Mirror at random, left-right and top-bottom, and scale the brightness of each image.

    The objects lie at any angle anyway, so that a mirror image is as likely as the original.
    """
    flip = torch.rand(2, len(x), 1, 1, 1) < 0.5
    x = torch.where(flip[0], x.flip(3), x)
    x = torch.where(flip[1], x.flip(2), x)
    return (x.float() * (0.8 + 0.4 * torch.rand(len(x), 1, 1, 1))).clamp(max=255)


def train(head, x, y, net=None, epochs=EPOCHS):
    """Train one network from class labels, of the three by default; returns it in evaluation mode."""
    torch.manual_seed(SEED)
    net = (net or network(head)).to(memory_format=torch.channels_last)
    steps = epochs * (len(x) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_LR, weight_decay=DECAY)
    # One rise and one long fall of the rate: the last epoch is the best guess without selection.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LR, steps, pct_start=0.2)
    start = time.time()
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(BATCH):
            view = normalise(augment(x[batch])).contiguous(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(net(view), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"{head}: epoch {epoch + 1}/{epochs}, training loss {total / len(x):.3f}, "
              f"{time.time() - start:.0f} s", flush=True)
    return net.eval()


def export(net, path):
    """Write net as ONNX and check it; its last spatial activation is named `features`."""
    net = net.to(memory_format=torch.contiguous_format)
    if hasattr(net, "bn6"):
        net.fc6 = fuse_linear_bn_eval(net.fc6, net.bn6)
        del net.bn6
    torch.onnx.export(net, torch.zeros(1, 3, SIDE, SIDE), str(path), opset_version=13,
                      input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}})
    model = onnx.load(str(path))
    for node in model.graph.node:
        # PyTorch folds bn5 into conv5 and writes the global maximum as a MaxPool of the map's size.
        if node.name == "/relu5/Relu":
            old = node.output[0]
        if node.name == "/gmp/MaxPool":
            node.name, node.op_type = "/gmp/GlobalMaxPool", "GlobalMaxPool"
            del node.attribute[:]
    for node in model.graph.node:
        node.input[:] = ["features" if v == old else v for v in node.input]
        node.output[:] = ["features" if v == old else v for v in node.output]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


# ---------------------------------------------------------------------------------------- main

def main():
    parser = argparse.ArgumentParser(description="Make camrank's embedded sample.")
    parser.add_argument("--images", action="store_true", help="only the images, boxes, labels and synsets")
    parser.add_argument("--train", nargs="+", metavar="HEAD", choices=["gap", "gmp", "fc"],
                        help="only these networks (gap, gmp, fc); the images must be there")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent,
                        help="folder to write to (default: this script's)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # sums in one order, hence the same weights every time
    if args.images or not args.train:
        write_images(args.out)
    if args.images:
        return
    x_eval, y_eval = evaluation_set(args.out)  # first: it fails early where files are missing
    x, y = training_set()
    for head in args.train or ["gap", "gmp", "fc"]:
        net = train(head, x, y)
        with torch.no_grad():
            wrong = (net(normalise(x_eval)).argmax(1) != y_eval).sum().item()
        export(net, args.out / f"{head}.onnx")
        print(f"{head}: top-1 classification error {100 * wrong / len(y_eval):.1f} % "
              f"({wrong} of {len(y_eval)})", flush=True)


if __name__ == "__main__":
    main()
