"""What methods and metrics cost that ask the network again, beside the network alone and beside pytorch-grad-cam's
loops; `make bench`.

usage: bench_passes.py [--rounds R] [--append FILE] [NETWORK ...]

Random weights, float32, one class, one thread; seconds of the CPU, not of the clock, in turns. The rate of passes of
rise, occlusion and score-cam, and of insertion and deletion with 224 steps, is set beside that of the forward pass
alone. Of pytorch-grad-cam's AblationCAM and
ScoreCAM one batch of its loop is run in PyTorch, and multiplied: all of its batches are alike.
"""
import argparse
import ctypes as ct
import os
import sys
import time
import warnings

try:
    import numpy as np
    import torch
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from bench import cpu_name
from camrank import Explainer, Graph, lib, method_spec
from metrics import Metric
from structs import cr_passes
from zoo import build, export

warnings.filterwarnings("ignore")
BATCH, THEIRS = 16, 16  # THEIRS: ScoreCAM's batch; AblationCAM's is 32
GOALS = {"vgg16": (20, 2.5), "resnet50": (None, 1.2)}
CURVES = "insertion", "deletion"
CURVES_OF = [*GOALS, "squeezenet1_0", "mobilenet_v2"]  # the lighter a network, the more all else weighs
lib.cr_explainer_passes.restype = cr_passes
# The module whose output is the last layer.
LAST = {"vgg16": lambda net: net.features[29], "resnet50": lambda net: net.layer4}


def cpu_seconds(run):
    start = time.process_time()
    run()
    return time.process_time() - start


class Ours:
    """Maps of one method for one image, whose first pass has run."""

    def __init__(self, graph, spec, image):
        self.explainer, self.image = Explainer(graph, [spec], BATCH, 1), image
        variant = self.explainer.variants[0]
        self.map = np.zeros((1, 1, variant.height, variant.width), np.float32)
        self.classes, self.seeds = np.zeros((1, 1), np.int32), np.zeros(1, np.uint64)

    def __call__(self):
        self.explainer.net.forward(self.image)
        lib.cr_explainer_run(self.explainer.handle, 1, 1, self.classes.ctypes.data_as(ct.c_void_p),
                             self.seeds.ctypes.data_as(ct.c_void_p),
                             (ct.c_void_p * 1)(self.map.ctypes.data))


class Curve:
    """A metric for a map and an image, as the worker asks it, but for the probabilities, which cost nothing."""

    def __init__(self, graph, name, image):
        self.explainer, metric = Explainer(graph, [method_spec("random-cam")], BATCH, 1), Metric(name)
        side = image.shape[2]
        place = np.linspace(-1, 1, side)
        values = np.exp(-place ** 2 - place[:, None] ** 2)
        self.asking = metric.of.asking.contents
        self.question, *self.stays = metric.question(image[0].transpose(1, 2, 0), values, .5)
        self.stays.append(metric)
        self.n = metric.n_passes(side, side)
        self.passes = lib.cr_explainer_passes(self.explainer.handle, ct.c_void_p(self.question.input), 0)
        take = ct.CFUNCTYPE(None, ct.c_void_p, ct.c_int, ct.c_void_p)
        self.take = take(lambda _, k, logits: self.asking.take(ct.pointer(self.question), k, .5))

    def __call__(self):
        self.asking.begin(ct.pointer(self.question))
        lib.cr_passes_run(ct.byref(self.passes), self.n, self.asking.fill, self.take, ct.byref(self.question))
        self.asking.end(ct.pointer(self.question))


def forward_of(graph, images):
    """A pass of BATCH images alone."""
    explainer = Explainer(graph, [method_spec("random-cam")], BATCH, 1)
    explainer.net.forward(images)
    return lambda: lib.cr_net_forward(explainer.net.handle, BATCH)


def score_cam_batch(net, images):
    """One batch of pytorch-grad-cam's ScoreCAM: masks from 14 x 14, of so many channels, and their scores."""
    channels = torch.rand(1, THEIRS, 14, 14)
    image = torch.from_numpy(images[:1])

    def run():
        with torch.no_grad():
            large = torch.nn.UpsamplingBilinear2d(size=image.shape[-2:])(channels)
            low, high = large.amin((2, 3), True), large.amax((2, 3), True)
            masked = image[:, None] * ((large - low) / (high - low + 1e-8))[:, :, None]
            [float(scores[0]) for scores in net(masked[0])]
    return run


def ablation_cam_batch(net, module, images):
    """One batch of pytorch-grad-cam's AblationCAM: the whole network, of which a channel each is removed."""
    image = torch.from_numpy(images[:1]).repeat(THEIRS, 1, 1, 1)

    def remove(_module, _inputs, output):
        for i in range(len(output)):
            output[i, i] = 0 if output.min() == 0 else output.min() - 1e7
        return output

    def run():
        handle = module.register_forward_hook(remove)
        with torch.no_grad():
            [float(scores[0]) for scores in net(image)]
        handle.remove()
    return run


def measure(name, rounds):
    """Rows: what, the median of the ratio, its least and most, and the goal."""
    net, size = build(name)
    images = np.random.default_rng(1).normal(size=(BATCH, 3, size, size)).astype(np.float32)
    graph = Graph(export(net, size, 13, True), name)
    few = min((node for node in graph.layers() if node.op == b"Relu"), key=lambda node: node.shape.dims[1])
    layer, n_few = few.output.decode(), few.shape.dims[1]
    forward = forward_of(graph, images)
    ours = {"rise": (method_spec("rise", masks=63), 64), "occlusion": (method_spec("occlusion", stride=28), 65),
            "score-cam": (method_spec(f"score-cam@{layer}"), n_few + 1)}
    runs = {what: Ours(graph, spec, images[:1]) for what, (spec, _) in ours.items()}
    scores, rates = score_cam_batch(net, images), {what: [] for what in runs}
    beside = []
    for _ in range(rounds):
        alone = cpu_seconds(forward) / BATCH
        theirs = cpu_seconds(scores) / THEIRS
        for what, run in runs.items():
            rates[what].append(alone / (cpu_seconds(run) / ours[what][1]))
        beside.append(theirs / (alone / rates["score-cam"][-1]))
    for what, values in rates.items():
        yield f"{what}: its rate of passes over the forward pass's", values, .95
    yield "ScoreCAM's time of a pass over score-cam's", beside, GOALS[name][1]
    if GOALS[name][0]:
        last = Ours(graph, method_spec("ablation-cam"), images[:1])
        n = last.explainer.variants[0].layers[0].map.n_channels
        batch, ratios = ablation_cam_batch(net, LAST[name](net), images), []
        for _ in range(rounds):
            theirs = cpu_seconds(batch) / THEIRS * n
            ratios.append(theirs / cpu_seconds(last))
        yield f"AblationCAM's time over ablation-cam's, {n} channels of the last layer", ratios, GOALS[name][0]


def measure_curves(name, rounds):
    """The same of metrics."""
    net, size = build(name)
    images = np.random.default_rng(1).normal(size=(BATCH, 3, size, size)).astype(np.float32)
    graph = Graph(export(net, size, 13, True), name)
    forward = forward_of(graph, images)
    runs, rates = {what: Curve(graph, what, images[:1]) for what in CURVES}, {what: [] for what in CURVES}
    for _ in range(rounds):
        for what, run in runs.items():
            before = cpu_seconds(lambda: [forward() for _ in range(7)]) / (7 * BATCH)
            spent = cpu_seconds(run) / run.n
            after = cpu_seconds(lambda: [forward() for _ in range(7)]) / (7 * BATCH)
            rates[what].append((before + after) / 2 / spent)
    for what, values in rates.items():
        yield f"{what}, 224 steps: its rate of passes over the forward pass's", values, .95


def lines(names, rounds):
    yield "\n## Methods and metrics that ask the network again\n"
    yield (f"Ratios of CPU seconds, medians of {rounds} rounds in turns (smallest to largest); one image, batch {BATCH}. "
           "Of pytorch-grad-cam's loops\none batch is run in PyTorch and multiplied. "
           f"{cpu_name()}; PyTorch {torch.__version__}; load average {os.getloadavg()[0]:.1f} at the end.\n")
    yield "| network | ratio | measured | goal |\n|---|---|---|---|"
    measured = [(name, of) for name in names if name in GOALS for of in measure(name, rounds)]
    measured += [(name, of) for name in names if name in CURVES_OF for of in measure_curves(name, rounds)]
    for name, (what, values, goal) in measured:
        yield f"| {name} | {what} | {np.median(values):.2f} ({min(values):.2f} to {max(values):.2f}) | {goal} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=CURVES_OF)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lib.cr_blas_load(None)
    text = "\n".join(lines(options.networks, options.rounds))
    print(text)
    if options.append:
        with open(options.append, "a") as out:
            out.write(text + "\n")


main()
