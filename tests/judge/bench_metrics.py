"""What metrics on the map alone cost beside a pass of SqueezeNet, and pixel-ap beside wsolevaluation's evaluator;
`make bench`.

One thread; seconds of the CPU, not of the clock. A map of SqueezeNet's 13 x 13 places and an image of 227 x 227 pixels.
wsolevaluation's share is what it does for a map without reading its mask: cv2.resize and two numpy.histogram.
"""
import sys
import time

try:
    import cv2
    import numpy as np
    import torch  # of the zoo
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Explainer, Graph, lib, method_spec
from localize import MAX
from metrics import Metric
from zoo import build, export

torch.set_num_threads(1)
ROUNDS, SIDE, BATCH = 300, 227, 16


def milliseconds(run, n):
    run()
    start = time.process_time()
    for _ in range(n):
        run()
    return 1000 * (time.process_time() - start) / n


def main():
    random = np.random.default_rng(0)
    values = np.abs(random.standard_normal((13, 13))).astype(np.float32)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[50:160, 40:180], mask[:20] = 1, 2
    net, size = build("squeezenet1_0")
    images = np.zeros((BATCH, 3, size, size), np.float32)
    graph = Graph(export(net, size, 13, True), "squeezenet1_0")
    explainer = Explainer(graph, [method_spec("random-cam")], BATCH, 1)
    explainer.net.forward(images)
    alone = milliseconds(lambda: lib.cr_net_forward(explainer.net.handle, BATCH), 5) / BATCH
    print(f"SqueezeNet: {alone:.1f} ms a pass")
    spent = {}
    for name in "pointing-game", "relevance", "map-shape", "pixel-ap":
        metric = Metric(name)
        spent[name] = milliseconds(lambda: metric.score(values, MAX, SIDE, SIDE, [(9, 9, 120, 130)], mask), ROUNDS)
        print(f"{name}: {spent[name]:.2f} ms a map, {100 * spent[name] / alone:.1f} % of a pass")
    edges, small = np.append(np.arange(0, 1, .001), [1, 2, 3]), cv2.resize(mask, (224, 224), interpolation=0)

    def theirs():
        scores = cv2.resize(values.astype(float), (224, 224), interpolation=cv2.INTER_CUBIC)
        scores = (scores - scores.min()) / (scores.max() - scores.min())
        return [np.histogram(scores[small == k], bins=edges)[0] for k in (0, 1)]
    other = milliseconds(theirs, ROUNDS)
    print(f"wsolevaluation: {other:.2f} ms a map, {other / spent['pixel-ap']:.1f} times as long")


main()
