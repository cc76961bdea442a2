"""Forward passes a second beside PyTorch's, in one run; `make bench`.

usage: bench.py [--seconds S] [--batch N] [--rounds R] [--table FILE] [NAME ...]

Each network of torchvision (random weights, float32, 224x224) runs on one thread as camrank, as
PyTorch eager and as PyTorch frozen and optimised for inference, in turns, so that a disturbance of
the machine meets all three. Medians over the rounds; the ratio is that of camrank to the better of
PyTorch's two in the same round, again the median, with the smallest and the largest. Results are
compared: a fast wrong answer fails.
"""
import argparse
import os
import platform
import sys
import time

# As the program itself does (driver/blas.c), before the library loads.
os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
try:
    import numpy as np
    import torch
    import torchvision
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Graph, Net, lib
from zoo import build, export

NAMES = ["vgg16", "resnet18", "resnet50", "googlenet", "squeezenet1_0", "mobilenet_v2", "alexnet"]


def seconds_of(run, at_least):
    """Seconds of one call, the mean of as many as take `at_least` seconds."""
    start, n = time.perf_counter(), 0
    while n == 0 or time.perf_counter() - start < at_least:
        run()
        n += 1
    return (time.perf_counter() - start) / n


def ours(net):
    """Runs the network on what its input holds; that is overwritten, which changes no time."""
    return lambda: lib.cr_net_forward(net.handle, net.batch)


def measure(name, batch, rounds, at_least):
    model, size = build(name)
    x = torch.randn(batch, 3, size, size)
    net = Net(Graph(export(model, size, 13, True), name), batch)
    with torch.no_grad():
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
        want = model(x).numpy()
        off = abs(net.forward(x.numpy()) - want).max() / np.ptp(want)
        if off > 1e-4:
            sys.exit(f"{name}: logits differ by {off:.1e} of their range")
        runs = [ours(net), lambda: model(x), lambda: frozen(x)]
        for run in runs:
            run()
            run()
        rates = np.array([[batch / seconds_of(run, at_least) for run in runs]
                          for _ in range(rounds)])
    ratios = rates[:, 0] / rates[:, 1:].max(1)
    return (name, *np.median(rates, 0), np.median(ratios), ratios.min(), ratios.max())


def cpu_name():
    with open("/proc/cpuinfo") as info:
        lines = dict(line.split(":", 1) for line in info if ":" in line)
    values = {key.strip(): value.strip() for key, value in lines.items()}
    widest = next((i for i in ("avx512f", "avx2") if i in values.get("flags", "").split()), "")
    return f"{values.get('model name', platform.machine())}, {widest}".rstrip(", ")


def write_table(path, batch, rows):
    with open(path, "w") as out:
        out.write("# Performance\n\nImages a second through torchvision's networks at 224x224 in "
                  f"float32 on one core, batch {batch}; made by `make bench`,\nwhich runs the three "
                  "in turns and takes medians. The ratio is camrank's rate to the better of "
                  "PyTorch's two.\n\n"
                  f"{cpu_name()}, {os.cpu_count()} CPUs; PyTorch {torch.__version__}, torchvision "
                  f"{torchvision.__version__}.\n\n"
                  "| network | camrank | PyTorch eager | PyTorch frozen, optimised | ratio | "
                  "least | most |\n|---|---|---|---|---|---|---|\n")
        for row in rows:
            out.write("| {} | {:.1f} | {:.1f} | {:.1f} | {:.2f} | {:.2f} | {:.2f} |\n"
                      .format(*row))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2, help="of one run in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--table")
    parser.add_argument("names", nargs="*", default=NAMES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lib.openblas_set_num_threads(1)
    print("network           camrank    eager   frozen    ratio", flush=True)
    rows = []
    for name in options.names:
        rows.append(measure(name, options.batch, options.rounds, options.seconds))
        print("{:16} {:8.1f} {:8.1f} {:8.1f} {:8.2f} ({:.2f} to {:.2f})".format(*rows[-1]),
              flush=True)
    if options.table:
        write_table(options.table, options.batch, rows)


if __name__ == "__main__":
    main()
