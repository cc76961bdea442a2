"""What six gradient methods cost together, beside one of them and beside pytorch-grad-cam; `make bench`.

usage: bench_methods.py [--rounds R] [--append FILE]

ResNet-50 (random weights, float32, 224x224), six classes of each image, on one thread: grad-cam alone and six
methods together, at the last layer and at one in the middle, in turns. pytorch-grad-cam's own program runs
where PYTORCH_GRAD_CAM names a folder with its source, and what that imports is installed: it runs each method
anew for each class.
"""
import argparse
import os
import sys
import warnings

try:
    import numpy as np
    import torch
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

import ctypes as ct

from bench import cpu_name, seconds_of
from camrank import Explainer, Graph, lib, method_spec
from zoo import build, export

warnings.filterwarnings("ignore")
# Ours, and pytorch-grad-cam's name.
METHODS = {"grad-cam": "GradCAM", "grad-cam++": "GradCAMPlusPlus", "xgrad-cam": "XGradCAM",
           "hires-cam": "HiResCAM", "layer-cam": "LayerCAM",
           "grad-cam-elementwise": "GradCAMElementWise"}
CLASSES, BATCH, GOAL = [7, 100, 200, 300, 400, 500], 16, 1.10


class Ours:
    """A forward pass and the maps of some methods at a layer; images a call: BATCH."""

    def __init__(self, graph, names, layer, images):
        self.explainer = Explainer(graph, [method_spec(name + layer) for name in names], BATCH,
                                   len(CLASSES))
        self.classes = np.tile(np.int32(CLASSES), (BATCH, 1))
        self.seeds = np.zeros(BATCH, np.uint64)
        self.maps = [np.zeros((BATCH, len(CLASSES), v.height, v.width), np.float32)
                     for v in self.explainer.variants]
        self.images, self.n = images, BATCH
        self.pointers = (ct.c_void_p * len(names))(*[m.ctypes.data for m in self.maps])
        self.explainer.net.forward(images)

    def __call__(self):
        lib.cr_net_forward(self.explainer.net.handle, BATCH)
        lib.cr_explainer_run(self.explainer.handle, BATCH, 1,
                             self.classes.ctypes.data_as(ct.c_void_p),
                             self.seeds.ctypes.data_as(ct.c_void_p), self.pointers)


class Theirs:
    """pytorch-grad-cam's six methods, one class after the other; one image a call."""

    def __init__(self, model, module, images):
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
        self.x, self.n = torch.from_numpy(images[:1]), 1
        self.cams = [getattr(pytorch_grad_cam, name)(model, [module]) for name in METHODS.values()]
        self.targets = [[ClassifierOutputTarget(c)] for c in CLASSES]

    def __call__(self):
        for cam in self.cams:
            for target in self.targets:
                cam(self.x, target)


def theirs(model, module, images):
    folder = os.environ.get("PYTORCH_GRAD_CAM")
    if not folder:
        print("skipped: pytorch-grad-cam, as PYTORCH_GRAD_CAM names no folder")
        return None
    sys.path.insert(0, folder)
    try:
        return Theirs(model, module, images)
    except ImportError as problem:
        print(f"skipped: pytorch-grad-cam: {problem}")
        return None


def measure(rounds):
    model, size = build("resnet50")
    images = np.random.default_rng(1).normal(size=(BATCH, 3, size, size)).astype(np.float32)
    graph = Graph(export(model, size, 13, True), "resnet50")
    middle = [node.output.decode() for node in graph.layers()
              if node.op == b"Relu" and node.shape.dims[1] == 1024][-1]
    for where, layer, module in (("last", "", model.layer4), ("middle", f"@{middle}", model.layer3)):
        runs = [Ours(graph, ["grad-cam"], layer, images), Ours(graph, list(METHODS), layer, images)]
        other = theirs(model, module, images)
        runs += [other] if other else []
        for run in runs:
            run()
        # Seconds an image, [rounds][runs].
        times = np.array([[seconds_of(run, 1) / run.n for run in runs] for _ in range(rounds)])
        yield where, times


def lines(rows):
    yield "\n## Several methods\n"
    yield ("Seconds an image of ResNet-50, its forward pass included, for maps of six classes: grad-cam "
           f"alone, six gradient\nmethods together ({', '.join(METHODS)}), and "
           "the same six by\npytorch-grad-cam's own program, which runs each anew for each class. Medians "
           f"of rounds in turns, batch {BATCH}\n(pytorch-grad-cam: 1); ratios of one round, their median, "
           f"smallest and largest.\n{cpu_name()}; PyTorch {torch.__version__}; load average "
           f"{os.getloadavg()[0]:.1f} at the end.\n")
    yield ("| layer | grad-cam | six methods | ratio | goal | pytorch-grad-cam | ratio |\n"
           "|---|---|---|---|---|---|---|")
    for where, times in rows:
        cells = [where, *(f"{t:.4f}" for t in np.median(times[:, :2], 0))]
        ratios = times[:, 1] / times[:, 0]
        cells += [f"{np.median(ratios):.3f} ({ratios.min():.3f} to {ratios.max():.3f})", f"{GOAL:.2f}"]
        if times.shape[1] > 2:
            ratios = times[:, 2] / times[:, 1]
            cells += [f"{np.median(times[:, 2]):.2f}",
                      f"{np.median(ratios):.0f} ({ratios.min():.0f} to {ratios.max():.0f})"]
        else:
            cells += ["not run", ""]
        yield "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lib.cr_blas_load(None)
    text = "\n".join(lines(list(measure(options.rounds))))
    print(text)
    if options.append:
        with open(options.append, "a") as out:
            out.write(text + "\n")


main()
