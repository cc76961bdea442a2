"""core/nn and core/method against PyTorch: logits, activations, gradients and Grad-CAM maps of a network
for each kind of head. zoo.py has logits and gradients of more."""
import io
import sys

try:
    import numpy as np
    import torch
    import torchvision
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Graph, Net, method_maps, of_range

checks = Checks()
torch.manual_seed(1)
torch.set_num_threads(2)


class Nin(nn.Module):
    """Network in network: one map for each class, averaged."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 24, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(24, 16, 1), nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(16, 32, 3, padding=1, groups=2),
            nn.ReLU(), nn.AvgPool2d(3, 2, 1), nn.Conv2d(32, 10, 1), nn.ReLU())

    def forward(self, x):
        return self.features(x).mean((2, 3))


class Gmp(nn.Module):
    """Global max pooling, with dilation, reflected padding and a channel gate on the way."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.ReflectionPad2d((1, 2, 2, 1)), nn.Conv2d(3, 16, (3, 5), dilation=(2, 1)), nn.ReLU6(),
            nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.Hardtanh())
        self.gate = nn.Conv2d(24, 24, 1)
        self.classifier = nn.Linear(24, 10)

    def forward(self, x):
        x = self.features(x)
        x = x * self.gate(nn.functional.adaptive_avg_pool2d(x, 1))
        return self.classifier(nn.functional.adaptive_max_pool2d(x, 1).flatten(1))


def small_classifier(model, hidden):
    """The fully connected layers with fewer units: 400 MB of random weights test nothing more."""
    linear = [m for m in model.classifier if isinstance(m, nn.Linear)]
    sizes = [linear[0].in_features] + [hidden] * (len(linear) - 1) + [50]
    at = 0
    for i, module in enumerate(model.classifier):
        if isinstance(module, nn.Linear):
            model.classifier[i] = nn.Linear(sizes[at], sizes[at + 1])
            at += 1
    return model


def torch_models():
    """One network for each kind of head, for their maps; logits and gradients of more are in zoo.py.

    name, model, input size, an early and the default target layer as PyTorch names them."""
    models = torchvision.models
    yield "alexnet", small_classifier(models.alexnet(), 256), 224, "features.4", "features.11"
    yield "resnet18", models.resnet18(), 224, "layer1", "layer4"
    yield "nin", Nin(), 61, "features.3", "features.9"
    yield "gmp", Gmp(), 40, "features.2", None


def randomise_statistics(model):
    """Statistics that a fold cannot get right by leaving them out."""
    has_any = False
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            has_any = True
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.7, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.4)
        if hasattr(module, "inplace"):
            module.inplace = False  # hooks keep the tensors
    return has_any


def export(model, x):
    buffer = io.BytesIO()
    # From operator set 11 on the exporter computes the pads of a Pad in a graph of its own.
    pads = any("Pad" in type(module).__name__ for module in model.modules())
    # PRESERVE keeps BatchNormalization as nodes of its own; the model is in evaluation mode.
    torch.onnx.export(model, x, buffer, opset_version=10 if pads else 13, do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE, input_names=["input"],
                      output_names=["logits"], dynamic_axes={"input": {0: "n"}})
    return buffer.getvalue()


def run_torch(model, x, layers):
    """Logits, and the activations of the layers, still in the autograd graph."""
    kept = {}
    hooks = [model.get_submodule(name).register_forward_hook(
        lambda module, args, out, name=name: kept.__setitem__(name, out)) for name in layers]
    logits = model(x)
    for hook in hooks:
        hook.remove()
    return logits, [kept[name] for name in layers]


def find_value(graph, x, wanted):
    """The value of the graph that computes what PyTorch's layer does."""
    wanted = wanted.detach().numpy()
    candidates = [layer.value for layer in graph.layers()
                  if list(layer.shape.dims[1:layer.shape.n_dims]) == list(wanted.shape[1:])]
    net = Net(graph, len(x), [(value, False) for value in candidates])
    net.forward(x)
    off = [of_range(net.activations(t, len(x)), wanted) for t in range(len(candidates))]
    best = int(np.argmin(off))
    return candidates[best], off[best]


def relative(got, want):
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def compare_layer(graph, x, logits, activation, classes):
    """Differences of the activations, of the gradients and of the Grad-CAM maps at one layer."""
    x = x.numpy()
    value, off = find_value(graph, x, activation)
    net = Net(graph, 4, [(value, True)], 2)
    net.forward(x)
    net.backward(0, classes)
    gradient = np.stack([torch.autograd.grad(
        sum(logits[i, classes[i, slot]] for i in range(2)), activation,
        retain_graph=True)[0].numpy() for slot in range(2)], 1)
    weights = gradient.mean((3, 4), keepdims=True)
    want = np.maximum((weights * activation.detach().numpy()[:, None]).sum(2), 0)
    got, _ = method_maps(graph, x, classes, f"grad-cam@{graph.name(value)}")
    return value, np.array([off, relative(net.gradients(0, 2), gradient), relative(got, want)])


def check_views():
    """Maps of several views of an image are those of the views as images of their own."""
    views, wrong, n_views = torch.rand(3 * 5, 3, 61, 61).numpy(), [], 5
    classes = np.array([[1, 7], [0, 3], [9, 9]])
    model = Nin().eval()
    graph = Graph(export(model, torch.zeros(2, 3, 61, 61)), "nin")
    early = graph.name(find_value(graph, torch.from_numpy(views),
                                  run_torch(model, torch.from_numpy(views), ["features.3"])[1][0])[0])
    for method in "cam", "grad-cam", f"grad-cam@{early}":
        alone, _ = method_maps(graph, views, classes.repeat(n_views, 0), method)
        together, _ = method_maps(graph, views, classes, method, n_views)
        alone = alone.reshape(3, n_views, *alone.shape[1:]).swapaxes(1, 2)
        if not np.array_equal(alone, together) or np.ptp(together) == 0:
            wrong.append(method)
    checks("maps of views", not wrong, str(wrong))


DRAWS = 10


def check_torch_model(name, model, size, early, last):
    has_norm = randomise_statistics(model)
    model.eval()
    graph = Graph(export(model, torch.zeros(2, 3, size, size)), name)
    operators = {layer.op.decode() for layer in graph.layers()}
    # Where an activation lies within rounding of 0, a ReLU passes its gradient in one program and
    # not in the other, which changes a gradient by up to some percent. Such an image is drawn
    # again; a program that is wrong is so for all images, or by more.
    for draw in range(1, DRAWS + 1):
        x = torch.randn(2, 3, size, size)
        logits, activations = run_torch(model, x, [early] + ([last] if last else []))
        classes = logits.topk(2).indices.numpy()
        logits_off = of_range(Net(graph, 2).forward(x.numpy()), logits.detach().numpy())
        compared = [compare_layer(graph, x, logits, a, classes) for a in activations]
        off = np.max([o for _, o in compared], 0)
        if logits_off > 1e-4 or not 1e-4 <= off.max() < 0.2:
            break
    right = logits_off < 1e-4 and off.max() < 1e-4
    right &= not has_norm or "BatchNormalization" in operators
    detail = (f"logits within {logits_off:.1e} of their range, activations {off[0]:.1e}, "
              f"gradients {off[1]:.1e}, Grad-CAM {off[2]:.1e}, images drawn {draw} times")
    if last:
        right &= graph.last_spatial() == compared[-1][0]
        detail += f", default layer {graph.name(graph.last_spatial())}"
    checks(f"torch {name}", right, detail)


for args in torch_models():
    check_torch_model(*args)
    if checks.failed:
        checks.done()  # each takes long where images are drawn again and again
check_views()
checks.done()
