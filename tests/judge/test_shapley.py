"""shapley-cam and the products of Hessians that it needs: against the kit's maps, which pytorch-grad-cam
made, and against PyTorch's own second derivatives. With `all`, of more networks."""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torchvision
    from PIL import Image
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

import zoo
from camrank import KIT, Checks, Explainer, Graph, Net, load_double, method_spec

checks = Checks()
torch.set_num_threads(2)


def errors(got, want):
    """Of each image the largest error of its maps [n, slots, h, w] over their largest value."""
    largest = np.maximum(abs(want).max((2, 3)), 1e-30)
    return (abs(got.astype(np.float64) - want).max((2, 3)) / largest).max(1)


# --- the kit -------------------------------------------------------------------------------------

# Network, the model's file, input size, layers. Of resnet18 the layers are the last ReLUs with so many
# channels, whatever the exporter calls them.
KIT_NETWORKS = [
    ("smallfc_64", "methods/smallfc_64.onnx", 64, ["conv4/relu", "conv2/relu"]),
    ("squeezenet1_0", "models/squeezenet1_0.onnx", 227, ["conv_final/relu", "fire9/concat"]),
    ("mobilenet_v2_1.0_224", "models/mobilenet_v2_1.0_224.onnx", 224,
     ["Conv_1/relu6", "expanded_conv_12/add"]),
    ("resnet18_seed0", None, 224, ["layer4", "layer3"])]
STAGES = {"layer4": 512, "layer3": 256}
# The kit's README.md: of the largest value of a map.
TOLERANCE = {"rest": 5e-5, "logit": 2e-5}


def kit_image(image_id, network, size):
    image = Image.open(f"{KIT}/dev/images/{image_id}.JPEG").convert("RGB")
    pixels = np.asarray(image.resize((size, size), Image.BILINEAR), np.float64)
    if network.startswith("squeezenet"):
        pixels = pixels[:, :, ::-1] - [104, 117, 123]
    elif network.startswith("resnet"):
        pixels = (pixels / 255 - [.485, .456, .406]) / [.229, .224, .225]
    else:
        pixels = pixels / 127.5 - 1
    return pixels.transpose(2, 0, 1)


def kit_model(path):
    if path:
        with open(f"{KIT}/{path}", "rb") as file:
            return file.read()
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "resnet18.onnx")
        subprocess.run([sys.executable, f"{KIT}/methods/make_resnet18.py", out], check=True,
                       capture_output=True)
        with open(out, "rb") as file:
            return file.read()


def kit_layer(graph, layer):
    if layer not in STAGES:
        return layer
    return [node.output.decode() for node in graph.layers()
            if node.op == b"Relu" and node.shape.dims[1] == STAGES[layer]][-1]


def exact_maps(graph, x, classes, layer):
    """The maps of target rest in double precision, [n, slots, h, w]."""
    ours = Net(graph, len(x), [(graph.find(layer), True, True)], 2)
    logits, weights = ours.forward(x), []
    for first in range(0, len(x), ours.backward_images()):
        some = slice(first, min(first + ours.backward_images(), len(x)))
        n = some.stop - some.start
        changes = ours.tangent(0, first, n)
        ours.backward_curved(0, first, seeds_of_rest(logits[some], changes, classes[some]))
        both = ours.curvature(0, n).mean((4, 5))
        weights.append(both[:, 0] - both[:, 1] / 2)
    return np.einsum("nsc,nchw->nshw", np.concatenate(weights), ours.activations(0, len(x)))


def check_kit(name, path, size, layers):
    golden, model = np.load(f"{KIT}/methods/{name}.npz"), kit_model(path)
    graph, exact = Graph(model, name), Graph(model, name, lib=load_double())
    x = np.stack([kit_image(i, name, size) for i in golden["image_ids"]])
    values = [kit_layer(graph, layer) for layer in layers]
    methods = [("grad-cam", {})] + [("shapley-cam", {"target": target}) for target in TOLERANCE]
    explainer = Explainer(graph, [method_spec(f"{method}@{value}", relu=False, **parameters)
                                  for value in values for method, parameters in methods], len(x), 2)
    explainer.net.forward(x)
    maps = [m[:, :, 0] for m in explainer.maps(golden["classes"])]
    for at, layer in enumerate(layers):
        gradcam, ours = maps[3 * at], dict(zip(TOLERANCE, maps[3 * at + 1:]))
        # Where a ReLU's input is within rounding of 0, its side may be another one: Grad-CAM is off then.
        flips = errors(gradcam, golden[f"pgc.GradCAM@{layer}"])
        for target, key in ("rest", "ReST"), ("logit", "logit"):
            # Where the logit's Hessian is 0 the peer does not run, and the map is Grad-CAM's.
            known = f"pgc.ShapleyCAM_{key}@{layer}" in golden.files
            want = golden[f"pgc.ShapleyCAM_{key}@{layer}"] if known else gradcam
            off = errors(ours[target][:len(want)], want)
            flipped = (off > TOLERANCE[target]) & (off < 2 * flips[:len(want)])
            right = (flipped | (off < TOLERANCE[target])).all() and flipped.mean() < .5
            checks(f"kit {name} {layer} {target}", right,
                   f"{len(want)} images, median {np.median(off):.1e}, largest {off.max():.1e} of "
                   f"{'pytorch-grad-cam' if known else 'our Grad-CAM'}, {flipped.sum()} flipped")
        off = errors(exact_maps(exact, x[:4], golden["classes"][:4], values[at]),
                     golden[f"pgc.ShapleyCAM_ReST@{layer}"][:4])
        checks(f"kit {name} {layer} rest, in double precision", off.max() < 1e-6, f"{off.max():.1e}")


# --- PyTorch -------------------------------------------------------------------------------------

def rest(logits, c):
    return logits[:, c] + torch.log_softmax(logits, 1)[:, c]


def logit(logits, c):
    return logits[:, c]


TARGETS = {"rest": rest, "logit": logit}


def second_derivatives(net, x, pick, target, c):
    """Activations at the layers that `pick` gives with the logits, the gradients of the target there
    and the products of its Hessians with the activations."""
    maps, logits = pick(net, x)
    value = TARGETS[target](logits, c).sum()
    results = []
    for a in maps:
        g, = torch.autograd.grad(value, a, create_graph=True)
        product = None
        if g.requires_grad:
            product, = torch.autograd.grad(g, a, a.detach(), retain_graph=True, allow_unused=True)
        product = torch.zeros_like(a) if product is None else product
        results.append([t.detach().numpy() for t in (a, g, product)])
    return results


def seeds_of_rest(logits, changes, classes):
    """[n][2][slots][n_classes]: the gradient by the logits of the target of each class [n][slots], and how
    it changes along J A."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    bend = p * ((p * changes).sum(1, keepdims=True) - changes)
    slope = 2 * np.eye(p.shape[1])[classes] - p[:, None]
    return np.stack([slope, np.broadcast_to(bend[:, None], slope.shape)], 1)


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


def check_product(name, net, size, pick):
    """The engine itself, in double precision: one network with several targets, and each alone."""
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    x, n, c = torch.randn(2, 3, size, size).double(), 2, 3
    model = zoo.export(net.float(), size, 13, True, training=torch.onnx.TrainingMode.PRESERVE)
    graph = Graph(model, name, lib=load_double())
    for module in net.modules():
        if isinstance(module, nn.Hardsigmoid):
            module.forward = lambda v: nn.functional.relu6(v + 3) / 6  # which has two derivatives
    net.double()
    theirs = second_derivatives(net, x, pick, "rest", c)
    values = zoo.find_values(graph, x.numpy(), [a for a, _, _ in theirs])
    kept = [t for t, value in enumerate(values) if value is not None]
    every = Net(graph, n, [(values[t], True, True) for t in kept], 1)
    worst, smallest = 0, np.inf
    for at, t in enumerate(kept):
        alone = Net(graph, n, [(values[t], True, True)], 1)
        got = []
        for ours, target in (every, at), (alone, 0):
            logits = ours.forward(x.numpy())
            changes = ours.tangent(target, 0, n)
            ours.backward_curved(target, 0, seeds_of_rest(logits, changes, [[c]] * n))
            got.append(ours.curvature(target, n)[:, :, 0])
        for i, want in enumerate(theirs[t][1:]):
            worst = max([worst] + [abs(ours[:, i] - want).max() / abs(want).max() for ours in got])
        smallest = min(smallest, abs(theirs[t][2]).max() / abs(theirs[t][1]).max())
    checks(f"torch {name}", worst < 1e-6 and len(kept) == len(theirs) and smallest > 0,
           f"gradients and products at {len(kept)} layers within {worst:.1e}, products from "
           f"{smallest:.0e} of the gradients")


class Odd(nn.Module):
    """Operators that few classifiers have, and a target layer inside a branch."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.SiLU())
        self.branch = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1), nn.GELU())
        self.gate = nn.Sequential(nn.Conv2d(12, 1, 1), nn.Sigmoid())
        self.last = nn.Sequential(nn.Conv2d(24, 8, 3, 2, 1), nn.Hardswish())
        self.classifier = nn.Linear(16, 10)

    def forward(self, x):
        x = self.first(x)
        y = self.branch(x) * self.gate(x) - 0.3 * x
        rows = (y ** 2).permute(0, 2, 3, 1).mean(3, keepdim=True)
        z = x / (torch.sqrt(rows.permute(0, 3, 1, 2)) + 1) + torch.erf(y) * x.softmax(1)
        z = self.last(torch.cat([z, y.pow(3)], 1))
        z = torch.cat([z.mean((2, 3)), nn.functional.adaptive_max_pool2d(z, 1).flatten(1)], 1)
        z = self.classifier(z / (1 + z * z))
        return z + torch.log_softmax(z, 1)


def small_convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    return ConvNeXt([CNBlockConfig(24, 40, 2), CNBlockConfig(40, None, 1)], layer_scale=.5).eval()


def pick_odd(net, x):
    kept = []
    hooks = [module.register_forward_hook(lambda m, i, o: kept.append(o))
             for module in (net.first, net.branch, net.last)]
    logits = net(x)
    for hook in hooks:
        hook.remove()
    return kept, logits


def check_maps():
    """The method on a network that bends everywhere: maps against the formula, alone and together."""
    torch.manual_seed(4)
    net = Odd().eval()
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    x, classes = torch.randn(4, 3, 40, 40), [1, 7]
    graph = Graph(zoo.export(net, 40, 13, True), "odd")
    net.double()
    first = second_derivatives(net, x.double(), pick_odd, "rest", 0)
    values = zoo.find_values(graph, x.numpy(), [a for a, _, _ in first])
    asked = [(graph.name(value), target) for value in values for target in TARGETS]
    specs = [method_spec(f"shapley-cam@{layer}", target=target, relu=False)
             for layer, target in asked]
    explainer = Explainer(graph, specs, 4, 2)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    explainer.net.forward(x.numpy())
    maps = explainer.maps([classes] * 4)
    for v, (layer, target) in enumerate(asked):
        want = []
        for c in classes:
            a, g, product = second_derivatives(net, x.double(), pick_odd, target, c)[v // 2]
            want.append((a * (g - product / 2).mean((2, 3), keepdims=True)).sum(1))
        alone = Explainer(graph, specs[v:v + 1], 4, 2)
        alone.net.forward(x.numpy())
        off = errors(maps[v][:, :, 0], np.stack(want, 1)).max()
        same = np.array_equal(alone.maps([classes] * 4)[0], maps[v])
        checks(f"shapley-cam, target {target}, {layer}", off < 2e-5 and same,
               f"within {off:.1e}{'' if same else ', not the same alone'}")


torch.manual_seed(3)
check_product("odd", Odd().eval(), 40, pick_odd)
check_maps()
check_product("convnext", small_convnext(), 64, three_layers)
everything = sys.argv[1:] == ["all"]
for name in ["mobilenet_v3_small"] + ["efficientnet_b0", "shufflenet_v2_x0_5"] * everything:
    check_product(name, zoo.build(name)[0], 64, three_layers)
if os.path.isdir(f"{KIT}/methods"):
    for network in KIT_NETWORKS if everything else KIT_NETWORKS[:2]:
        check_kit(*network)
else:
    print("skipped: the kit, CAMRANK_KIT names no folder with methods")
checks.done()
