"""Images a second beside PyTorch's, forward and with Grad-CAM, in one run; `make bench`.

usage: bench.py [--seconds S] [--rounds R] [--table FILE] [NAME ...]

Each network of torchvision (random weights, float32, 224x224) runs on one thread as camrank and as
PyTorch, eager and frozen and optimised for inference, each in the batch that it is fastest with. They
take turns, so that a disturbance of the machine meets all; the ratio is that of camrank to the better
of PyTorch's two in the same round. Grad-CAM is for one class at the last spatial layer, of transformers at the norm
before the last attention, PyTorch's as pytorch-grad-cam has it: a forward pass that keeps all, a backward pass of the whole network, and the
weighted sum. Results are compared: a fast wrong answer fails.
"""
import argparse
import ctypes as ct
import os
import platform
import sys
import time
import warnings

try:
    import numpy as np
    import torch
    import torchvision
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import BUILD, Explainer, Graph, Net, all_rows, lib, method_spec
from zoo import build, export, find_layer

warnings.filterwarnings("ignore")
# The ratios that we aim at: forward, Grad-CAM.
GOALS = {"vgg16": (2.6, 8), "resnet18": (1.8, 6), "resnet50": (1.4, 5), "googlenet": (1.5, 5),
         "squeezenet1_0": (1.8, 5), "mobilenet_v2": (1.4, 5), "alexnet": (1.2, 4),
         "densenet121": (1.2, 4), "efficientnet_b0": (1.2, 4), "convnext_tiny": (1.2, 4),
         "regnet_y_400mf": (1.2, 4), "vit_b_16": (1.2, 3), "swin_t": (1.2, 3)}
BATCHES = (1, 4, 16)


def seconds_of(run, at_least):
    """Seconds of one call, the mean of as many as take `at_least` seconds: of the processor, which other programs
    lengthen less than those of the clock."""
    start, n = time.process_time(), 0
    while n == 0 or time.process_time() - start < at_least:
        run()
        n += 1
    return (time.process_time() - start) / n


def usual_seconds_of(run, at_least):
    """Seconds of one call, the median of three means, each of calls that take half of `at_least`. (The
    fastest call alone would favour small batches, whose calls are many.)"""
    run()
    return sorted(seconds_of(run, at_least / 2) for _ in range(3))[1]


class Contender:
    """`make(batch)` gives a function that runs a batch; the fastest batch is kept."""

    def __init__(self, make, at_least):
        rates = {}
        for batch in BATCHES:  # one after the other: a network may take a gigabyte
            run = make(batch)
            rates[batch] = batch / usual_seconds_of(run, at_least)
            del run
        self.batch = max(rates, key=rates.get)
        self.run = make(self.batch)

    def rate(self, at_least):
        return self.batch / seconds_of(self.run, at_least)


def camrank_forward(graph, images):
    """The input is overwritten by the pass, which changes no time."""
    def make(batch):
        net = Net(graph, batch)
        net.forward(images[:batch])
        return lambda: lib.cr_net_forward(net.handle, batch)
    return make


def torch_forward(model, images, frozen):
    def make(batch):
        x = torch.from_numpy(images[:batch])
        with torch.no_grad():
            run = (torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
                   if frozen else model)

        def forward():
            with torch.no_grad():
                return run(x)
        forward()
        return forward
    return make


class GradCam:
    """camrank's Grad-CAM of one class at a layer; "" is the default."""

    def __init__(self, graph, batch, layer):
        spec = method_spec(f"grad-cam@{layer}" if layer else "grad-cam")
        self.explainer = Explainer(graph, [spec], batch, 1)
        self.net, self.batch = self.explainer.net, batch
        variant = self.explainer.variants[0]
        self.classes = np.full((batch, 1), 7, np.int32)
        self.seeds = np.zeros(batch, np.uint64)
        self.maps = np.zeros((batch, 1, variant.height, variant.width), np.float32)

    def run(self):
        lib.cr_net_forward(self.net.handle, self.batch)
        self.run_cam()

    def run_cam(self):
        lib.cr_explainer_run(self.explainer.handle, self.batch, 1,
                             self.classes.ctypes.data_as(ct.c_void_p),
                             self.seeds.ctypes.data_as(ct.c_void_p),
                             (ct.c_void_p * 1)(self.maps.ctypes.data))


def camrank_cam(graph, layer, images):
    def make(batch):
        cam = GradCam(graph, batch, layer)
        cam.net.forward(images[:batch])
        return cam.run
    return make


def as_map(output, size):
    """[N, C, H, W] of that, of [N, H, W, C], or of tokens with others before the places; None of none of these."""
    if output.dim() == 4 and output.shape[2:] == size:
        return output
    if output.dim() == 4 and output.shape[1:3] == size:
        return output.permute(0, 3, 1, 2)
    n_places = size[0] * size[1]
    if output.dim() != 3 or not 0 <= output.shape[1] - n_places < 8:
        return None
    return output[:, -n_places:].transpose(1, 2).unflatten(2, size)


def torch_cam_maps(model, layer, size, x):
    """pytorch-grad-cam's way, without its upsampling."""
    kept = []
    hook = layer.register_forward_hook(lambda module, i, out: kept.append(out))
    logits = model(x)
    hook.remove()
    activations = kept[-1]
    activations.retain_grad()
    model.zero_grad()
    logits[:, 7].sum().backward()
    weights = as_map(activations.grad, size).mean((2, 3), keepdim=True)
    return torch.relu((weights * as_map(activations, size)).sum(1)).detach().numpy()


def torch_cam(model, layer, size, images):
    def make(batch):
        x = torch.from_numpy(images[:batch])
        return lambda: torch_cam_maps(model, layer, size, x)
    return make


def find_module(model, graph, images):
    """The module whose output is camrank's default layer, "", and the map's size. Where that is no module's,
    such as a ReLU that is a function, the last module with a map and the name that camrank has for it. Maps
    must agree."""
    x, best, distance = torch.from_numpy(images[:1]), None, np.inf
    cam = GradCam(graph, 1, "")
    cam.net.forward(images[:1])
    cam.run_cam()
    size, outputs = cam.maps.shape[2:], {}
    hooks = [m.register_forward_hook(lambda m, i, out: outputs.update({m: out}))
             for m in model.modules()]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    maps = [m for m, out in outputs.items() if torch.is_tensor(out) and as_map(out, size) is not None]
    last = maps[-1]
    for module in reversed(maps[-20:]):
        off = abs(torch_cam_maps(model, module, size, x) - cam.maps[:, 0]).max() / np.ptp(cam.maps)
        if off < distance:
            best, distance = module, off
        if distance < 1e-3:
            break
    if distance < 1e-3:
        return best, "", size
    value, _ = find_layer(all_rows(graph, images[:1]), outputs[last])
    cam = GradCam(graph, 1, graph.name(value))
    cam.net.forward(images[:1])
    cam.run_cam()
    off = abs(torch_cam_maps(model, last, size, x) - cam.maps[:, 0]).max() / np.ptp(cam.maps)
    if off > 1e-3:
        sys.exit(f"Grad-CAM at {graph.name(value)} differs by {off:.1e} of its range")
    return last, graph.name(value), size


def races(contenders, rounds, at_least):
    """Rates [rounds][contenders], in turns, after a round that does not count."""
    for contender in contenders:
        contender.run()
    return np.array([[c.rate(at_least) for c in contenders] for _ in range(rounds)])


def measure(name, rounds, at_least):
    model, size = build(name)
    images = np.random.default_rng(1).normal(size=(max(BATCHES), 3, size, size))
    images = images.astype(np.float32)
    graph = Graph(export(model, size, 13, True), name)
    with torch.no_grad():
        want = model(torch.from_numpy(images[:2])).numpy()
    off = abs(Net(graph, 2).forward(images[:2]) - want).max() / np.ptp(want)
    if off > 1e-4:
        sys.exit(f"{name}: logits differ by {off:.1e} of their range")
    forward = [Contender(make, at_least) for make in
               (camrank_forward(graph, images), torch_forward(model, images, False),
                torch_forward(model, images, True))]
    rates = races(forward, rounds, at_least)
    row = {"name": name, "flops": sum(layer.flops for layer in graph.layers()),
           "forward": (np.median(rates, 0), rates[:, 0] / rates[:, 1:].max(1),
                       [c.batch for c in forward])}
    del forward
    layer, name_of_layer, size_of_map = find_module(model, graph, images)
    cams = [Contender(make, at_least) for make in
            (camrank_cam(graph, name_of_layer, images), torch_cam(model, layer, size_of_map, images))]
    rates = races(cams, rounds, at_least)
    row["cam"] = (np.median(rates, 0), rates[:, 0] / rates[:, 1], [c.batch for c in cams])
    return row


def fma_peak():
    library = ct.CDLL(os.path.join(BUILD, "tests", "libfma-peak.so"))
    library.fma_peak.restype = ct.c_double
    return library.fma_peak(ct.byref(ct.c_double()))


def lines(rows, what, peak):
    """The rows of one table, as Markdown."""
    for row in rows:
        rates, ratios, batches = row[what]
        cells = [row["name"]] + [f"{rate:.1f} ({batch})" for rate, batch in zip(rates, batches)]
        goal = GOALS.get(row["name"], (np.nan, np.nan))[what == "cam"]
        cells += [f"{np.median(ratios):.2f}", f"{ratios.min():.2f} to {ratios.max():.2f}",
                  f"{goal:g}"]
        if what == "forward":
            cells.append(f"{100 * row['flops'] * rates[0] / peak:.0f} %")
        yield "| " + " | ".join(cells) + " |"


def cpu_name():
    with open("/proc/cpuinfo") as info:
        found = dict(line.split(":", 1) for line in info if ":" in line)
    values = {key.strip(): value.strip() for key, value in found.items()}
    widest = next((i for i in ("avx512f", "avx2") if i in values.get("flags", "").split()), "")
    return f"{values.get('model name', platform.machine())}, {widest}".rstrip(", ")


def report(rows, peak, load):
    yield "# Performance\n"
    yield ("Images a second through torchvision's networks at 224x224 in float32 on one core, made "
           "by `make bench`.\ncamrank and PyTorch take turns in one run, each in the batch that it "
           "is fastest with (in brackets). Rates\nare medians; the ratio is that of one round, its "
           "median, smallest and largest. Goals are what we aim at.\n")
    yield (f"{cpu_name()}, {os.cpu_count()} CPUs; PyTorch {torch.__version__}, torchvision "
           f"{torchvision.__version__}.\nLoad average of the machine: {load[0]:.1f} before, "
           f"{load[1]:.1f} after; 1 is this run alone, and with more the ratios\nvary more than "
           "they should.\n")
    yield (f"## Forward\n\nThe share of the peak, {peak * 1e-9:.0f} GFLOP/s of multiply-adds in "
           "registers measured in the same run, counts the\noperations of direct convolution: "
           "Winograd's algorithm needs fewer, so that it can pass 100 %.\n")
    yield ("| network | camrank | PyTorch eager | PyTorch frozen, optimised | ratio | spread | goal "
           "| of peak |\n|---|---|---|---|---|---|---|---|")
    yield from lines(rows, "forward", peak)
    yield ("\n## Grad-CAM\n\nOf one class at the last spatial layer, of transformers at the norm before the "
           "last attention. PyTorch's\nis a backward pass through the whole network, as pytorch-grad-cam makes "
           "it; camrank goes back to the\nlayer and no further, and behind global average pooling not at "
           "all.\n")
    yield ("| network | camrank | PyTorch | ratio | spread | goal |\n|---|---|---|---|---|---|")
    yield from lines(rows, "cam", peak)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1, help="of one run in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--table")
    parser.add_argument("names", nargs="*", default=list(GOALS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    lib.cr_blas_load(None)
    load, rows = [os.getloadavg()[0]], []
    peak = fma_peak()
    for name in options.names:
        rows.append(measure(name, options.rounds, options.seconds))
        for what in ("forward", "cam"):
            print(f"{what:8}", *lines(rows[-1:], what, peak), flush=True)
    load.append(os.getloadavg()[0])
    text = "\n".join(report(rows, peak, load))
    print("\n" + text)
    if options.table:
        with open(options.table, "w") as out:
            out.write(text + "\n")


if __name__ == "__main__":
    main()
