#!/usr/bin/env python3
"""Make the second set of the sample: pictures with a word in them and pictures without, and a network that tells them apart.

    python3 jobs/demo/make_text.py             # text/ and text.onnx, some minutes on one core
    python3 jobs/demo/make_text.py --images    # only text/

As in section 4 of the CAM paper no place of a word takes part in the training: only whether there is one. Words and
what stands in their stead on the others (bars, rings, dots, a line) have the same inks, sizes, places and plates, so
that nothing but letters tells. Needs what make_demo.py needs, and is seeded as that is.
"""

import argparse
import pathlib
from collections import OrderedDict

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn

import make_demo
import render

N_EVAL, N_TRAIN, GROUNDS, EPOCHS = 40, 3000, 200, 18
EVAL_STREAM, TRAIN_STREAM = 10, 11
FOLDERS = ("no-text", "text")  # sorted, as the classes of the layout `folders` are
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def strokes(rng, has_text, w, h):
    """Ink 0..1 of a word, or of a pattern of its size: h x w."""
    ink = np.zeros((h, w), np.uint8)
    if has_text:
        word = "".join(rng.choice(list(LETTERS), int(rng.integers(3, 7))))
        font, thick = FONTS[rng.integers(len(FONTS))], int(rng.integers(1, 4))
        (long, tall), below = cv2.getTextSize(word, font, 1, thick)
        scale = min(0.9 * w / long, 0.8 * h / (tall + below))
        (long, tall), below = cv2.getTextSize(word, font, scale, thick)
        cv2.putText(ink, word, ((w - long) // 2, (h + tall - below // 2) // 2), font, scale, 255, thick, cv2.LINE_AA)
        return ink / 255.0
    n, thick, kind = int(rng.integers(3, 8)), int(rng.integers(1, 4)), int(rng.integers(4))
    for i in range(n):
        x = int((i + 0.5) * w / n)
        if kind == 0:
            cv2.line(ink, (x, h // 6), (x, h - h // 6), 255, thick, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(ink, (x, h // 2), max(2, min(w // (3 * n), h // 3)), 255, thick, cv2.LINE_AA)
        elif kind == 2:
            cv2.circle(ink, (x, h // 2), max(2, min(w // (4 * n), h // 4)), 255, -1, cv2.LINE_AA)
        else:
            end = (int((i + 1.5) * w / n), h // 5 if i % 2 else h - h // 5)
            cv2.line(ink, (x, h - h // 5 if i % 2 else h // 5), end, 255, thick, cv2.LINE_AA)
    return ink / 255.0


def picture(rng, grounds, has_text):
    """A piece of a ground of the first set with a word or a pattern on it, on a plate or not: h x w x 3 uint8."""
    img = grounds[rng.integers(len(grounds))]
    height, width = (int(rng.uniform(0.7, 1) * t) for t in img.shape[:2])
    y, x = (int(rng.integers(t - s + 1)) for t, s in zip(img.shape, (height, width)))
    img = img[y:y + height, x:x + width][:, ::rng.choice([-1, 1])]
    w = int(rng.uniform(0.45, 0.8) * width)
    h = int(np.clip(w * rng.uniform(0.28, 0.45), 16, 0.6 * height))
    ink = strokes(rng, has_text, w, h)
    plate = np.full((h, w), float(rng.random() < 0.6))
    at = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-15, 15), 1)
    at[:, 2] += rng.uniform(0, width - w), rng.uniform(0, height - h)
    ink, plate = (cv2.warpAffine(np.float32(a), at, (width, height)) for a in (ink, plate))
    dark = render.hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.05, 0.35))
    bright = render.hsv(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.75, 1))
    if rng.random() < 0.4:
        dark, bright = bright, dark
    img = render.mix(render.mix(img, bright, plate * 0.95), dark, np.clip(ink, 0, 1))
    img = cv2.GaussianBlur(img, (0, 0), rng.uniform(0.3, 0.8)) + rng.normal(0, 0.015, (height, width, 1))
    return (np.clip(img, 0, 1) * 255 + 0.5).astype(np.uint8)


def pictures(stream, n):
    """The first n pictures of a stream, with text and without in turn: yields (image, has text)."""
    streams = [np.random.default_rng([make_demo.SEED, stream, i]) for i in range(n + GROUNDS)]
    grounds = [render.ground(rng, 180, 210)[0] for rng in streams[n:]]
    for i in range(n):
        yield picture(streams[i], grounds, i % 2), i % 2


def write_images(out):
    for i, (img, has_text) in enumerate(pictures(EVAL_STREAM, N_EVAL)):
        folder = out / FOLDERS[has_text]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(img).save(folder / f"{FOLDERS[has_text]}_{i // 2 + 1:02d}.JPEG", quality=80, optimize=True)


def network():
    """A map of 28 x 28, as letters are small, and global average pooling."""
    return nn.Sequential(OrderedDict({
        **make_demo.unit(1, 3, 16, stride=2), "pool1": nn.MaxPool2d(2), **make_demo.unit(2, 16, 24),
        **make_demo.unit(3, 24, 32), **make_demo.unit(4, 32, 32), **make_demo.unit(5, 32, 32),
        "gap": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(32, 2)}))


def main():
    parser = argparse.ArgumentParser(description="Make the sample of pictures with and without text.")
    parser.add_argument("--images", action="store_true", help="only the images")
    out = pathlib.Path(__file__).parent
    args = parser.parse_args()
    torch.set_num_threads(1)
    write_images(out / "text")
    if args.images:
        return
    x = torch.empty(N_TRAIN, 3, make_demo.SIDE, make_demo.SIDE, dtype=torch.uint8)
    y = torch.arange(N_TRAIN) % 2
    for i, (img, _) in enumerate(pictures(TRAIN_STREAM, N_TRAIN)):
        x[i] = make_demo.squash(Image.fromarray(img))
    torch.manual_seed(make_demo.SEED)
    net = make_demo.train("text", x, y, network(), EPOCHS)
    files = [f for folder in FOLDERS for f in sorted((out / "text" / folder).iterdir())]
    seen = torch.stack([make_demo.squash(Image.open(f)) for f in files])
    with torch.no_grad():
        wrong = sum(FOLDERS[c] != f.parent.name for c, f in zip(net(make_demo.normalise(seen)).argmax(1), files))
    make_demo.export(net, out / "text.onnx")
    print(f"text: {wrong} of {len(files)} wrong")


if __name__ == "__main__":
    main()
