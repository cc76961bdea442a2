"""Milliseconds a map for MaxBoxAcc and MaxBoxAccV2: camrank's sweep, beside OpenCV's contours at each
of 1,000 thresholds as wsolevaluation finds them; and for a box of backprop-paper.

usage: bench_loc.py [ROUNDS]      (5)

Both get the same maps in turn, one thread each: networks' maps where the kit is there, made-up ones
otherwise. Times are processor times, which a busy machine changes little. The sweep's includes the
resizing and the hits of both metrics; OpenCV's does not. Boxes of backprop-paper are those of noisy edges of the
kit's photographs.
"""
import glob
import os
import statistics
import sys
import time

import cv2
import numpy as np

from camrank import KIT
from localize import BILINEAR, MIN_MAX, find_boxes, protocol_of, score_map, sweep

MODELS = ("squeezenet1_0", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192", "mobilenet_v2_1.0_224")
TRUTH = [(30, 40, 180, 190)]


def some_maps():
    if os.path.isdir(os.path.join(KIT, "dev")):
        return [m for model in MODELS
                for m in np.load(os.path.join(KIT, "dev", f"golden_{model}.npz"))["cam_gt"][:10]]
    random = np.random.default_rng(1)
    return [random.random((side, side)).astype(np.float32) for side in (7, 7, 14, 14, 15) * 8]


def by_opencv(grey):
    for threshold in np.arange(0, 1, 0.001):
        mask = cv2.threshold(grey, int(threshold * 255), 255, cv2.THRESH_BINARY)[1]
        contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
        if contours:
            cv2.boundingRect(max(contours, key=cv2.contourArea))


def milliseconds(function, items):
    start = time.process_time()
    for item in items:
        function(item)
    return 1000 * (time.process_time() - start) / len(items)


def tell_graph_cut(rounds, side):
    """The least of the rounds of each photograph: what is more is another's."""
    protocol, random, spent = protocol_of("backprop-paper"), np.random.default_rng(7), []
    for path in sorted(glob.glob(os.path.join(KIT, "dev", "images", "**", "*.JPEG"), recursive=True))[:40]:
        picture = cv2.resize(cv2.imread(path), (side, side), interpolation=cv2.INTER_AREA)
        grey = picture.mean(2)
        edges = np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))
        map_ = (edges * random.random(grey.shape)**2).astype(np.float32)
        spent.append(min(milliseconds(
            lambda m: find_boxes(m, MIN_MAX, protocol, side, side, picture=picture), [map_])
            for _ in range(rounds)))
    if spent:
        print(f"camrank, backprop-paper    {statistics.median(spent):8.2f} ms a photograph of {side} x {side}, "
              f"{max(spent):.2f} at most, of {len(spent)}")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cv2.setNumThreads(1)
    maps = some_maps()
    greys = [score_map(m, MIN_MAX, BILINEAR)[1] for m in maps]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(milliseconds(lambda m: sweep(m, MIN_MAX, BILINEAR, 224, 224, TRUTH), maps))
        theirs.append(milliseconds(by_opencv, greys))
    ratio = statistics.median(b / a for a, b in zip(ours, theirs))
    print(f"{len(maps)} maps, {rounds} rounds, medians:")
    print(f"camrank, all thresholds    {statistics.median(ours):8.2f} ms a map")
    print(f"OpenCV, 1,000 thresholds   {statistics.median(theirs):8.2f} ms a map")
    print(f"ratio                      {ratio:8.1f}")
    for side in (224, 256):
        tell_graph_cut(rounds, side)


main()
