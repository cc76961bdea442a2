"""Every classifier of torchvision and the further ones of networks_*.py, exported to ONNX, against PyTorch.

usage: zoo.py [--table FILE] [--opsets 11,13,17] [--gradients] all | small | small-further | cnns | further | NAME ...

Random weights, with normalisations shaken so that folding them is really tested. Logits must agree
within 1e-4 of their range, in a batch exported as dynamic and in one exported as fixed. With
--gradients, d logit / d activation at a layer of the first stage, one of the middle and the last
must agree with autograd within 1e-6 of the largest gradient, in double precision. --table writes the
rows of these networks into a Markdown table and leaves the others as they are.
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

from camrank import Checks, Graph, Net, Refused, all_rows, find_rows, lib, load_double, rows_of
import networks_maps
import networks_tokens

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
MOST_BYTES = 2e9  # of weights in one file, as protobuf ends at 2 GiB; regnet_y_128gf has 2.6 GB
# One of each family, the smallest: what `make test` runs.
SMALL = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5",
         "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5",
         "squeezenet1_1", "vgg11_bn", "inception_v3"]


def torchvisions(name):
    return lambda: torchvision.models.get_model(name, weights=None)


# Name: how it is made in its published size, with images of which size; and the same of a small one, or None where
# test_tokens.py has one.
TRANSFORMERS = {name: (torchvisions(name), 256 if "v2" in name else 224, None, 64)
                for name in ("vit_b_16", "vit_b_32", "swin_t", "swin_v2_t")}
TRANSFORMERS["maxvit_t"] = (torchvisions("maxvit_t"), 224, lambda: torchvision.models.MaxVit(
    (64, 64), 16, 4, [16, 32], [1, 1], 8, 0, num_classes=10), 64)
FURTHER = {**TRANSFORMERS, **networks_tokens.NETWORKS, **networks_maps.NETWORKS}
SMALL_ONE = "small "  # before the name
# What PyTorch 1.13 cannot write: the part of Swin-V2's bias that it sets to 0.
torch.onnx.register_custom_op_symbolic(
    "aten::zero", lambda g, x: g.op("Mul", x, g.op("Constant", value_t=torch.zeros(1))), 9)


def cnns():
    return [n for n in torchvision.models.list_models(module=torchvision.models)
            if not n.startswith(("vit_", "swin_", "maxvit"))]


def all_names():
    return cnns() + list(FURTHER)


def make(name):
    if name.startswith(SMALL_ONE):
        return FURTHER[name[len(SMALL_ONE):]][2:]
    if name in FURTHER:
        return FURTHER[name][:2]
    options = {}
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, "transform_input": True}
    return (lambda: torchvision.models.get_model(name, weights=None, **options),
            299 if name == "inception_v3" else 224)


def build(name):
    constructor, size = make(name)
    torch.manual_seed(1)
    net = constructor().eval()
    nn = torch.nn
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0, 0.1)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
        if isinstance(module, nn.Linear) and not module.weight.any():  # vit's head
            nn.init.normal_(module.weight, 0, 0.1)
    return net, size


def is_large(net):
    return 4 * sum(p.numel() for p in net.parameters()) > MOST_BYTES


def export_to(file, net, size, opset, dynamic, **options):
    axes = {"input": {0: "N"}, "logits": {0: "N"}} if dynamic else None
    sides = size if isinstance(size, tuple) else (size, size)
    torch.onnx.export(net, torch.zeros(1, 3, *sides), file, opset_version=opset,
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


def rows_like(output):
    """The ways to read a module's output as [N, rows, C]: maps have their channels first or last."""
    if output.dim() == 3:
        return [output]
    return [output.flatten(2).transpose(1, 2), output.flatten(1, 2)]


def outputs_of(net, x):
    """What modules without children give that could be a map, and the logits."""
    seen = []
    hooks = [m.register_forward_hook(lambda m, i, o: seen.append(o)) for m in net.modules()
             if not list(m.children()) and type(m) not in (torch.nn.Identity, torch.nn.Conv2d)]
    logits = net(x)
    for hook in hooks:
        hook.remove()
    return [o for o in seen if torch.is_tensor(o) and o.requires_grad and o.shape[0] == len(x) and
            (o.dim() == 3 and o.shape[1] > 1 or o.dim() == 4 and o.shape[2] > 1 and o.shape[1] > 1)], logits


def find_values(graph, x, activations):
    """The graph's values of this shape that hold these activations, [N, C, H, W]; None for one that is no map."""
    values = [(v, rows, list(graph.shape(v).dims[1:4])) for v, rows in all_rows(graph, x)]
    return [find_rows([(v, rows) for v, rows, dims in values if dims == list(a.shape[1:])],
                      a.reshape(*a.shape[:2], -1).swapaxes(1, 2)) for a in activations]


def find_layer(values, output):
    """The value, of all_rows, that a module gives, and the index of the reading in rows_like that it has."""
    for way, rows in enumerate(rows_like(output)):
        value = find_rows(values, rows.detach().numpy())
        if value is not None:
            return value, way
    return None


def three_layers(graph, x, outputs):
    """Of the first stage, of the middle and the last: (output, value, reading) of those nearest that are maps."""
    found, values = [], all_rows(graph, x)
    for at, step in ((len(outputs) // 6, 1), (len(outputs) // 2, 1), (len(outputs) - 1, -1)):
        for output in outputs[at::step]:
            layer = find_layer(values, output)
            if layer:
                found.append((output, *layer))
                break
    return found


class LaidOut(torch.autograd.Function):
    """Gives a gradient that lies as PyTorch's own do: of one with channels last, PyTorch 1.13's BatchNorm makes a
    wrong one, as finite differences show."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient.contiguous()


def export_as_it_is(net, size, opset):
    """With normalisations as nodes of their own, which are not folded in float32; in evaluation mode."""
    return export(net, size, opset, True, training=torch.onnx.TrainingMode.PRESERVE)


def worst_gradient(net, x, model):
    """The largest difference at three layers, of the largest gradient there, and how many of them
    the graph has. In double precision: in float32 an activation within rounding of 0 would pass its
    gradient on one side and not on the other."""
    double_lib = load_double()
    graph, net, x = Graph(model, "model", lib=double_lib), net.double(), x.double()
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda m, i, o: LaidOut.apply(o))
    outputs, logits = outputs_of(net, x)
    kept = three_layers(graph, x.numpy(), outputs)
    if not kept:
        return np.inf, 0
    ours = Net(graph, len(x), [(v, True) for _, v, _ in kept], n_back=1)
    ours.forward(x.numpy())
    worst = 0
    for i in range(len(x)):
        ours.backward(i, [[3 + i]])
        theirs = torch.autograd.grad(logits[i, 3 + i], [o for o, _, _ in kept], retain_graph=True)
        for t, (gradient, (_, value, way)) in enumerate(zip(theirs, kept)):
            expected = rows_like(gradient)[way][i].numpy()
            got = rows_of(double_lib.cr_net_gradients(ours.handle, t), 1, graph.map(value))[0]
            worst = max(worst, abs(got - expected).max() / abs(expected).max())
    return worst, len(kept)


def graphs(net, name, size, opsets):
    """In a batch exported as dynamic and in one exported as fixed, in each operator set."""
    large = is_large(net)
    for opset in opsets[-1:] if large else opsets:
        for dynamic in (True,) if large else (True, False):
            yield load(net, name, size, opset, dynamic)


def judge(name, opsets, gradients, checks):
    """Of a small one, in which the exporter takes most of the time, one model serves both."""
    net, size = build(name)
    small = name.startswith(SMALL_ONE)
    x = torch.randn(3, 3, size, size)
    with torch.no_grad():
        theirs = net(x).numpy()
    worst, graph = 0.0, None
    gradients = gradients and not is_large(net)  # in double precision that would take 20 GB
    model = export_as_it_is(net, size, opsets[-1]) if gradients or small else None
    try:
        for graph in [Graph(model, name)] if small else graphs(net, name, size, opsets):
            ours = Net(graph, len(x))
            worst = max(worst, abs(ours.forward(x.numpy()) - theirs).max() / np.ptp(theirs))
    except Refused as refusal:
        checks(name, False, str(refusal))
        return None
    start = time.perf_counter()
    ours.forward(x.numpy())
    seconds = time.perf_counter() - start
    detail = f"logits differ by {worst:.1e} of their range"
    ok = worst < 1e-4
    if gradients:
        gradient, n_layers = worst_gradient(net, x[:1], model)
        ok = ok and gradient < 1e-6 and n_layers == 3
        detail += f", gradients at {n_layers} layers by {gradient:.1e}"
    checks(name, ok, detail)
    layers = graph.layers()
    return (name, sum(p.numel() for p in net.parameters()) / 1e6,
            sum(l.flops for l in layers) / 1e9, worst, len(x) / seconds)


HEAD = f"""# Networks

Classifiers of torchvision {torchvision.__version__}, and further ones that are written from their papers in
`tests/judge/networks_maps.py` and `networks_tokens.py`, with random weights, exported by `torch.onnx.export`
and run on one core in float32, batch 3; made by `make zoo`. The difference is the largest of the logits,
of their range, against PyTorch; a multiply-add is two operations. Images/s are of one batch,
run once: they depend on what else the machine was doing.
"""
COLUMNS = """
| network | parameters, M | GFLOP | difference |
|---|---|---|---|
"""
COLUMNS_OF_CNNS = """
| network | parameters, M | GFLOP | difference | images/s |
|---|---|---|---|---|
"""
TITLES = ("CNNs of torchvision", "Transformers of torchvision, and further networks")


def rows_of_table(path):
    """The rows that a table has, by network."""
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return {line.split()[1]: line for line in file if line.startswith("| ")}


def write_table(path, rows):
    """Of networks that did not run now, what the file has is kept."""
    table = rows_of_table(path)
    for name, parameters, flops, worst, rate in rows:
        speed = "" if name in FURTHER else f" {rate:.1f} |"
        table[name] = f"| {name} | {parameters:.2f} | {flops:.2f} | {worst:.0e} |{speed}\n"
    with open(path, "w") as out:
        out.write(HEAD)
        for further, title in enumerate(TITLES):
            out.write(f"\n## {title}\n{COLUMNS if further else COLUMNS_OF_CNNS}")
            out.writelines(table[n] for n in all_names() if n in table and (n in FURTHER) == further)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table")
    parser.add_argument("--opsets", default="13")
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    names = {"all": all_names(), "small": SMALL, "cnns": cnns(), "further": list(FURTHER),
             "small-further": [SMALL_ONE + n for n in FURTHER if FURTHER[n][2]]}.get(options.names[0], options.names)
    checks = Checks()
    rows = [judge(n, [int(o) for o in options.opsets.split(",")], options.gradients, checks)
            for n in names]
    print(f"{len(names)} networks")
    if options.table:
        write_table(options.table, [r for r in rows if r])
    checks.done()


if __name__ == "__main__":
    main()
