"""Every CNN classifier of torchvision, exported to ONNX, against PyTorch.

usage: zoo.py [--table FILE] [--opsets 11,13,17] [--gradients] all | small | NAME ...

Random weights, with normalisations shaken so that folding them is really tested. Logits must agree
within 1e-4 of their range, in a batch exported as dynamic and in one exported as fixed. With
--gradients, d logit / d activation at a layer of the first stage, one of the middle and the last
must agree with autograd within 1e-6 of the largest gradient, in double precision. --table writes the
Markdown table.
"""
import argparse
import io
import os
import sys
import tempfile
import time
import warnings

import numpy as np

try:
    import torch
    import torchvision
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from camrank import Checks, Graph, Net, Refused, lib, load_double

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
NOT_CNN = ("vit_", "swin_", "maxvit")
MOST_BYTES = 2e9  # of weights in one file, as protobuf ends at 2 GiB; regnet_y_128gf has 2.6 GB
# One of each family, the smallest: what `make test` runs.
SMALL = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5",
         "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5",
         "squeezenet1_1", "vgg11_bn", "inception_v3"]


def all_names():
    return [n for n in torchvision.models.list_models(module=torchvision.models)
            if not n.startswith(NOT_CNN)]


def build(name):
    options = {}
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, "transform_input": True}
    torch.manual_seed(1)
    net = torchvision.models.get_model(name, weights=None, **options).eval()
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.LayerNorm)):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, 0, 0.1)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return net, 299 if name == "inception_v3" else 224


def is_large(net):
    return 4 * sum(p.numel() for p in net.parameters()) > MOST_BYTES


def export_to(file, net, size, opset, dynamic, **options):
    axes = {"input": {0: "N"}, "logits": {0: "N"}} if dynamic else None
    torch.onnx.export(net, torch.zeros(1, 3, size, size), file, opset_version=opset,
                      input_names=["input"], output_names=["logits"], dynamic_axes=axes, **options)


def export(net, size, opset, dynamic, **options):
    data = io.BytesIO()
    export_to(data, net, size, opset, dynamic, **options)
    return data.getvalue()


def load(net, name, size, opset, dynamic):
    """The graph of a network; PyTorch writes a large one as a file and many with external data."""
    if not is_large(net):
        return Graph(export(net, size, opset, dynamic), name)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        export_to(path, net, size, opset, dynamic)
        with open(path, "rb") as file:
            return Graph(file.read(), name, folder=folder)


def three_layers(net, x):
    """Outputs of three modules, with gradients kept, and the logits."""
    seen = []
    hooks = [m.register_forward_hook(lambda m, i, o: seen.append(o)) for m in net.modules()
             if not list(m.children()) and not isinstance(m, (torch.nn.Identity, torch.nn.Conv2d))]
    logits = net(x)
    for hook in hooks:
        hook.remove()
    maps = [o for o in seen if torch.is_tensor(o) and o.dim() == 4 and o.requires_grad and
            o.shape[2] * o.shape[3] > 1 and o.shape[2] == o.shape[3] and o.shape[1] > 4]
    return [maps[len(maps) // 6], maps[len(maps) // 2], maps[-1]], logits


def find_values(graph, x, activations):
    """The graph's values that hold these activations, by their content."""
    layers = [l for l in graph.layers() if l.map.height]
    found = []
    for wanted in activations:
        like = [l.value for l in layers if list(l.shape.dims[1:4]) == list(wanted.shape[1:])]
        net = Net(graph, len(x), [(v, False) for v in like])
        net.forward(x)
        distance = [abs(net.activations(t, len(x)) - wanted).max() for t in range(len(like))]
        found.append(like[int(np.argmin(distance))] if distance and
                     min(distance) < 1e-3 * abs(wanted).max() else None)
    return found


def worst_gradient(net, x, opset, size):
    """The largest difference at three layers, of the largest gradient there, and how many of them
    the graph has. In double precision: in float32 an activation within rounding of 0 would pass its
    gradient on one side and not on the other."""
    # PRESERVE: normalisations are not folded in float32; the model is in evaluation mode.
    model = export(net, size, opset, True, training=torch.onnx.TrainingMode.PRESERVE)
    double_lib = load_double()
    graph, net, x = Graph(model, "model", lib=double_lib), net.double(), x.double()
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    maps, logits = three_layers(net, x)
    values = find_values(graph, x.numpy(), [m.detach().numpy() for m in maps])
    kept = [(m, v) for m, v in zip(maps, values) if v is not None]
    ours = Net(graph, len(x), [(v, True) for _, v in kept], n_back=1)
    ours.forward(x.numpy())
    worst = 0
    for i in range(len(x)):
        ours.backward(i, [[3 + i]])
        theirs = torch.autograd.grad(logits[i, 3 + i], [m for m, _ in kept], retain_graph=True)
        for t, gradient in enumerate(theirs):
            expected = gradient[i].numpy()
            worst = max(worst, abs(ours.gradients(t, 1)[0, 0] - expected).max() /
                        abs(expected).max())
    return worst, len(kept)


def judge(name, opsets, gradients, checks):
    net, size = build(name)
    large = is_large(net)
    x = torch.randn(3, 3, size, size)
    with torch.no_grad():
        theirs = net(x).numpy()
    worst, graph = 0.0, None
    for opset in opsets[-1:] if large else opsets:
        for dynamic in (True,) if large else (True, False):
            try:
                graph = load(net, name, size, opset, dynamic)
            except Refused as refusal:
                checks(f"{name} opset {opset}", False, str(refusal))
                return None
            ours = Net(graph, len(x))
            worst = max(worst, abs(ours.forward(x.numpy()) - theirs).max() / np.ptp(theirs))
    start = time.perf_counter()
    ours.forward(x.numpy())
    seconds = time.perf_counter() - start
    detail = f"logits differ by {worst:.1e} of their range"
    ok = worst < 1e-4
    if gradients and not large:  # in double precision that would take 20 GB
        gradient, n_layers = worst_gradient(net, x[:1], opsets[-1], size)
        ok = ok and gradient < 1e-6 and n_layers == 3
        detail += f", gradients at {n_layers} layers by {gradient:.1e}"
    checks(name, ok, detail)
    layers = graph.layers()
    return (name, sum(p.numel() for p in net.parameters()) / 1e6,
            sum(l.flops for l in layers) / 1e9, worst, len(x) / seconds)


def write_table(path, rows):
    with open(path, "w") as out:
        out.write("# Networks\n\nThe CNN classifiers of torchvision " + torchvision.__version__ +
                  " with random weights, exported by `torch.onnx.export`\nand run on one core in "
                  "float32, batch 3; made by `make zoo`. The difference is the largest of the "
                  "logits,\nof their range, against PyTorch; a multiply-add is two operations. "
                  "Images/s are of one batch,\nrun once: they depend on what else the machine was "
                  "doing.\n\n"
                  "| network | parameters, M | GFLOP | difference | images/s |\n"
                  "|---|---|---|---|---|\n")
        for name, parameters, flops, worst, rate in rows:
            out.write(f"| {name} | {parameters:.2f} | {flops:.2f} | {worst:.0e} | {rate:.1f} |\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table")
    parser.add_argument("--opsets", default="13")
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    names = {"all": all_names(), "small": SMALL}.get(options.names[0], options.names)
    checks = Checks()
    rows = [judge(n, [int(o) for o in options.opsets.split(",")], options.gradients, checks)
            for n in names]
    print(f"{len(names)} networks")
    if options.table:
        write_table(options.table, [r for r in rows if r])
    checks.done()


if __name__ == "__main__":
    main()
