"""Images a second in bfloat16 and float32 beside PyTorch in bfloat16 and ONNX Runtime in float32; `make bench`.

usage: bench_peers.py [--seconds S] [--rounds R] [--append FILE] [NAME ...]

Networks of torchvision at 224x224 on one thread, each contender in the batch that it is fastest with. They take turns,
and a ratio is of one round. ONNX Runtime is the npm package that tests/peers pins, in build/peers/node_modules
(`make bench` puts it there); PyTorch has its channels last. Logits are compared: a fast wrong answer fails.
"""
import argparse
import ctypes as ct
import json
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import torch
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from bench import cpu_name, seconds_of, usual_seconds_of
from camrank import BUILD, Graph, Net, lib
from structs import CR_BFLOAT16, CR_FLOAT32
from zoo import build, export_to

warnings.filterwarnings("ignore")
# The ratios that we aim at: bfloat16 to PyTorch's bfloat16 and to ONNX Runtime, float32 to ONNX Runtime.
GOALS = {"resnet50": (1.2, 2.1, 1.25), "resnet18": (1.5, 2.9, 1.25), "vgg16": (1.8, 3.2, 1.25), "mobilenet_v2": (1.2, 1.6, 1.25),
         "squeezenet1_0": (1.2, 1.6, 1.25), "googlenet": (1.2, 1.6, 1.25), "densenet121": (1.2, 1.6, 1.25),
         "efficientnet_b0": (1.2, 1.6, 1.25), "convnext_tiny": (1.2, 1.6, 1.25),
         "regnet_y_400mf": (None, None, 1.25), "alexnet": (None, None, 1.25)}
BATCHES = (1, 4, 16)
SIZE = 224


class Ours:
    def __init__(self, data, precision, images):
        self.graph, self.images = Graph(data), images
        lib.cr_graph_use_precision(self.graph.handle, precision)

    def take(self, batch):
        self.net, self.batch = Net(self.graph, batch), batch
        return self.net.forward(self.images[:batch])[0]

    def usual(self, at_least):
        return usual_seconds_of(self.run, at_least)

    def seconds(self, at_least):
        return seconds_of(self.run, at_least)

    def run(self):
        images = self.images[:self.batch]  # anew: their place is used again in a pass
        ct.memmove(lib.cr_net_input(self.net.handle), images.ctypes.data, images.nbytes)
        lib.cr_net_forward(self.net.handle, self.batch)


class Torch(Ours):
    def __init__(self, model, images):
        self.model = model.to(memory_format=torch.channels_last).bfloat16()
        self.images = images

    def take(self, batch):
        self.x = torch.from_numpy(self.images[:batch]).to(memory_format=torch.channels_last).bfloat16()
        return self.run()[0].float().numpy()

    def run(self):
        with torch.no_grad():
            return self.model(self.x)


class OnnxRuntime:
    def __init__(self, path, images, folder):
        modules = os.path.join(os.path.abspath(BUILD), "peers", "node_modules")
        if not os.path.isdir(modules):
            print(f"skipped: ONNX Runtime is not in {modules}")
            sys.exit(77)
        self.path, self.images, self.input = path, images, f"{folder}/input"
        self.node = subprocess.Popen(["node", "tests/peers/onnx_runtime.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, env={**os.environ, "NODE_PATH": modules})

    def ask(self, **what):
        self.node.stdin.write(json.dumps(what) + "\n")
        self.node.stdin.flush()
        return json.loads(self.node.stdout.readline())

    def take(self, batch):
        self.images[:batch].tofile(self.input)
        return np.array(self.ask(model=self.path, batch=batch, size=SIZE, input=self.input)["logits"])

    def usual(self, at_least):
        return sorted(self.seconds(at_least / 2) for _ in range(3))[1]

    def seconds(self, at_least):
        return self.ask(seconds=at_least)["seconds"]

    def close(self):
        self.node.stdin.close()
        self.node.wait()


def take_best(contender, at_least):
    rates = {}
    for batch in BATCHES:
        contender.take(batch)
        rates[batch] = batch / contender.usual(at_least)
    batch = max(rates, key=rates.get)
    return batch, contender.take(batch)


def measure(name, rounds, at_least, folder):
    images = np.random.default_rng(2).normal(0, 1, (BATCHES[-1], 3, SIZE, SIZE)).astype(np.float32)
    path, (model, _) = f"{folder}/{name}.onnx", build(name)
    export_to(path, model, SIZE, 17, True)
    with open(path, "rb") as file:
        data = file.read()
    runtime = OnnxRuntime(path, images, folder)
    contenders = [Ours(data, CR_BFLOAT16, images), Ours(data, CR_FLOAT32, images), Torch(model, images), runtime]
    best = [take_best(c, at_least) for c in contenders]
    want = best[3][1]
    for (_, logits), what, most in zip(best, ("bfloat16", "float32", "PyTorch's bfloat16"), (.2, 1e-3, .2)):
        off = np.abs(logits - want).max() / np.ptp(want)
        if off > most:
            sys.exit(f"{name}: {what} differs by {off:.1e} of the logits' range")
    batches = [batch for batch, _ in best]
    rates = np.array([[b / c.seconds(at_least) for b, c in zip(batches, contenders)] for _ in range(rounds)])
    runtime.close()
    ratios = np.stack([rates[:, 0] / rates[:, 2], rates[:, 0] / rates[:, 3], rates[:, 1] / rates[:, 3]], 1)
    cells = [name] + [f"{r:.1f} ({b})" for r, b in zip(np.median(rates, 0), batches)]
    cells += [f"{np.median(ratios[:, k]):.2f}" + (f" ({goal:g})" if goal else "")
              for k, goal in enumerate(GOALS.get(name, (None,) * 3))]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1, help="of one run in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--append")
    parser.add_argument("names", nargs="*", default=list(GOALS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    lib.cr_blas_load(None)
    load, rows = [os.getloadavg()[0]], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names:
            rows.append(measure(name, options.rounds, options.seconds, folder))
            print(rows[-1], flush=True)
    load.append(os.getloadavg()[0])
    lib.cr_kernels_isa.restype = lib.cr_precision_isa.restype = ct.c_char_p
    by = lib.cr_precision_isa(CR_BFLOAT16).decode() or "float32 of rounded numbers"
    text = "\n".join([
        "\n## In bfloat16, and beside ONNX Runtime\n",
        "Images a second forward, on one core (in brackets the batch), and medians of the ratios of a round (in brackets the goal).",
        "ONNX Runtime is onnxruntime-node 1.30.0 in float32; PyTorch is in bfloat16, channels last.\n",
        f"{cpu_name()}; bfloat16 by {by}, float32 by {lib.cr_kernels_isa().decode()}; PyTorch {torch.__version__}. Seconds are of the processor;",
        f"load average of the machine {load[0]:.1f} before, {load[1]:.1f} after.\n",
        "| network | bfloat16 | float32 | PyTorch bfloat16 | ONNX Runtime float32 | bfloat16 / PyTorch | bfloat16 / ONNX Runtime | float32 / ONNX Runtime |",
        "|---|---|---|---|---|---|---|---|", *rows])
    print(text)
    if options.append:
        with open(options.append, "a") as out:
            out.write(text + "\n")


if __name__ == "__main__":
    main()
