"""core/nn and core/method against PyTorch, the ONNX node tests and the kit's golden values.

usage: test_nn.py [--table FILE]     from the top of the repo

--table runs the ONNX node tests alone and writes their Markdown table.
"""
import collections
import glob
import io
import os
import re
import sys

try:
    import numpy as np
    import onnx
    import torch
    import torchvision
    from onnx import helper, numpy_helper
    from PIL import Image
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks, Graph, Net, Refused, method_maps

NODE_TESTS = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "node")
with open("core/nn/ops.c") as source:
    ROWS = re.findall(r"X\((\w+)\)", source.read())  # as ONNX writes them, but for case and _
OPERATORS = {row.replace("_", "") for row in ROWS}

ELEMENTWISE = """Add Clip Div Dropout Erf HardSigmoid HardSwish Identity Mul Pow Relu Sigmoid Sqrt
    Sub""".split()

checks = Checks()
torch.manual_seed(1)
torch.set_num_threads(2)


# --- the kit -------------------------------------------------------------------------------------

KIT_MODELS = {"squeezenet1_0": 227, "mobilenet_v1_0.5_160": 160, "mobilenet_v1_0.75_192": 192,
              "mobilenet_v2_1.0_224": 224}


def kit_image(image_id, model, size):
    image = Image.open(f"{KIT}/dev/images/{image_id}.JPEG").convert("RGB")
    pixels = np.asarray(image.resize((size, size), Image.BILINEAR), np.float32)
    if model.startswith("squeezenet"):
        pixels = pixels[:, :, ::-1] - np.array([104, 117, 123], np.float32)
    else:
        pixels = pixels / np.float32(127.5) - 1
    return pixels.transpose(2, 0, 1)


def of_range(got, want):
    return np.abs(got - want).max() / (want.max() - want.min())


def of_range_but_flips(got, want):
    """The same where the gradient comes through ReLUs: an activation within rounding of 0 passes it
    in one program and not in the other (see check_torch_model). One image in eight may be off by up
    to half a percent; one that is wrong is so everywhere."""
    off = np.abs(got - want).reshape(len(got), -1).max(1) / (want.max() - want.min())
    return np.sort(off)[-1 - len(off) // 8] if off.max() < 5e-3 else off.max()


def check_kit_model(model, size):
    golden = np.load(f"{KIT}/dev/golden_{model}.npz")
    x = np.stack([kit_image(i, model, size) for i in golden["image_ids"]])
    with open(f"{KIT}/models/{model}.onnx", "rb") as file:
        graph = Graph(file.read(), model)
    labels = golden["labels"].reshape(-1, 1)
    worst = np.abs(Net(graph, len(x)).forward(x) - golden["logits"]).max()
    maps = [("cam", "cam", golden["top5"]), ("gradcam", "grad-cam", golden["top5"]),
            ("gradcam_fire9", "grad-cam@fire9/concat", golden["top5"]),
            ("gradcam_fire8", "grad-cam@fire8/concat", golden["top5"]),
            ("cam_gt", "cam", labels), ("gradcam_gt", "grad-cam", labels)]
    found = {}
    for key, method, classes in maps:
        if key in golden.files:
            got = method_maps(graph, x, classes, method)[0]
            compare = of_range_but_flips if key == "gradcam_fire8" else of_range
            found[key] = compare(got, golden[key].reshape(got.shape))
    checks(f"kit {model}", worst < 2e-4 and max(found.values()) < 1e-4,
           f"logits within {worst:.1e}, " + ", ".join(f"{k} {v:.1e}" for k, v in found.items()))


# --- PyTorch -------------------------------------------------------------------------------------

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
            wrong.append((method, layer))
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


# --- the ONNX node tests -------------------------------------------------------------------------

def load_tensor(path):
    with open(path, "rb") as file:
        data = file.read()
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def set_dims(info, shape):
    del info.type.tensor_type.shape.dim[:]
    for size in shape:
        info.type.tensor_type.shape.dim.add().dim_value = size


def as_row(inputs, want, graph):
    """Inputs of 1 dimension are no image; value by value they may as well be one row."""
    shape = inputs[0].shape
    inputs = [i.reshape(1, -1) if i.shape == shape else i for i in inputs]
    set_dims(graph.input[0], inputs[0].shape)
    return inputs, want.reshape(1, -1)


def reshaped(inputs, graph):
    """Inputs of 3 or 5 dimensions go in as rows and are given their shape by a Reshape."""
    shape = inputs[0].shape
    rows = inputs[0].reshape(len(inputs[0]), -1)
    set_dims(graph.input[0], rows.shape)
    graph.initializer.append(numpy_helper.from_array(np.array((0,) + shape[1:]), "our_shape"))
    graph.node.insert(0, helper.make_node("Reshape", [graph.input[0].name, "our_shape"],
                                          ["our_input"]))
    graph.node[1].input[0] = "our_input"
    return [rows] + inputs[1:]


def run_node_test(folder):
    """What of our values differs from the expected output; Refused where it is not for us."""
    model = onnx.load(f"{folder}/model.onnx")
    graph = model.graph
    node = onnx.NodeProto.FromString(graph.node[0].SerializeToString())
    sets = f"{folder}/test_data_set_0"
    if not all(info.type.HasField("tensor_type") for info in graph.input):
        raise Refused("an input is no tensor")
    inputs = [load_tensor(f"{sets}/input_{i}.pb") for i in range(len(graph.input))]
    want = load_tensor(f"{sets}/output_0.pb")
    # These came with an earlier operator set and have not changed since.
    if node.op_type.startswith("Global") or node.op_type == "HardSigmoid":
        model.opset_import[0].version = 7
    # Where a pad takes its values from is the same for integers.
    if node.op_type == "Pad":
        inputs[0] = inputs[0].astype(np.float32)
        graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    if node.op_type in ELEMENTWISE and inputs[0].ndim == 1:
        inputs, want = as_row(inputs, want, graph)
    elif inputs[0].ndim in (3, 5) and inputs[0].dtype == np.float32 and inputs[0].size:
        inputs = reshaped(inputs, graph)
    # One image goes in: every other input becomes a constant of the model.
    for info, value in list(zip(graph.input, inputs))[1:]:
        graph.initializer.append(numpy_helper.from_array(value, info.name))
        graph.input.remove(info)
    del graph.output[:]
    # Twice the output: an operator that bounds scores would be cut off as no part of the logits; of
    # probabilities by a layer of weights, since nothing simpler makes scores of them.
    if node.op_type in ("Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid"):
        twice = 2 * np.eye(want[0].size, dtype=np.float32)
        graph.initializer.append(numpy_helper.from_array(twice, "our_weights"))
        graph.node.append(helper.make_node("Flatten", [node.output[0]], ["our_row"]))
        graph.node.append(helper.make_node("Gemm", ["our_row", "our_weights"], ["logits"]))
    else:
        graph.node.append(helper.make_node("Add", [node.output[0]] * 2, ["our_sum"]))
        graph.node.append(helper.make_node("Flatten", ["our_sum"], ["logits"]))
    graph.output.append(helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, None))
    ours = Graph(model.SerializeToString(), "model")
    shape = ours.shape(ours.find(node.output[0]))
    if list(shape.dims[1:shape.n_dims]) != list(want.shape[1:]):
        return f"shape {list(shape.dims[1:shape.n_dims])}, not {list(want.shape[1:])}"
    # The logits are the elements in ONNX's order, whatever the order in memory.
    got = Net(ours, len(inputs[0])).forward(inputs[0]).reshape(want.shape) / 2
    off = np.abs(got - want).max()
    # The suite's own tolerance: 1e-7 + 1e-3 |want|.
    return "" if np.all(np.abs(got - want) <= 1e-7 + 1e-3 * np.abs(want)) else f"off by {off:.1e}"


def run_node_tests():
    """For each operator of ours: how many passed, the reasons of refusals, the failures."""
    results = {}
    for folder in sorted(glob.glob(f"{NODE_TESTS}/test_*")):
        nodes = onnx.load(f"{folder}/model.onnx").graph.node
        if len(nodes) != 1 or nodes[0].op_type.lower() not in OPERATORS:
            continue
        passed, refused, failed = results.setdefault(nodes[0].op_type,
                                                     ([], collections.Counter(), []))
        try:
            problem = run_node_test(folder)
            (failed if problem else passed).append(f"{os.path.basename(folder)} {problem}")
        except Refused as reason:
            refused[str(reason).split("): ")[-1].removeprefix("model: ")] += 1
    return results


def check_node_tests(table):
    results = run_node_tests()
    n_passed = sum(len(passed) for passed, _, _ in results.values())
    n_refused = sum(sum(refused.values()) for _, refused, _ in results.values())
    failures = [failure for _, _, failed in results.values() for failure in failed]
    checks("ONNX node tests", not failures and n_passed >= 100,
           f"{n_passed} passed, {n_refused} refused, {len(failures)} failed")
    for failure in failures:
        print(f"    failed: {failure}")
    if table:
        write_table(table, results, n_passed, n_refused)


def write_table(path, results, n_passed, n_refused):
    with open(path, "w") as out:
        out.write(
            "# Operators\n\nThe operators that camrank accepts, in operator sets 7 to 25, and the "
            f"ONNX project's own node tests\nof them (onnx {onnx.__version__}): {n_passed} pass, "
            f"{n_refused} are refused when the model is loaded, none is run\nwrong. Made by "
            "`tests/judge/test_nn.py --table docs/onnx.md`.\n\nOur domain is float32 images "
            "[N, C, H, W] or rows [N, K], one input, batch first, and weights that are\nconstants: "
            "the tests' other inputs are made constants. An input of 3 or 5\ndimensions comes out of a Reshape. Operators of shapes (Shape, Gather, "
            "Concat, ...)\nare computed when the model is loaded.\n\n"
            "| operator | passed | refused | why |\n|---|---|---|---|\n")
        for op, (passed, refused, _) in sorted(results.items()):
            why = "; ".join(f"{reason} ({n})" for reason, n in sorted(refused.items()))
            out.write(f"| {op} | {len(passed)} | {sum(refused.values())} | "
                      f"{why.replace('|', chr(92) + '|')} |\n")


table = sys.argv[2] if sys.argv[1:2] == ["--table"] and len(sys.argv) == 3 else ""
if table:
    check_node_tests(table)
    checks.done()
for args in torch_models():
    check_torch_model(*args)
    if checks.failed:
        checks.done()  # each takes long where images are drawn again and again
check_views()
if os.path.isdir(NODE_TESTS):
    check_node_tests("")
else:
    print(f"skipped: the ONNX node tests are not in {NODE_TESTS}")
if os.path.isdir(KIT):
    for item in KIT_MODELS.items():
        check_kit_model(*item)
else:
    print("skipped: the kit, CAMRANK_KIT names no folder")
checks.done()
