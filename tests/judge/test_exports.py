"""Networks in the forms that exporters give them, against PyTorch: what stands behind the logits is cut,
heads that are linear in a pooling have a CAM, and operator sets up to 25 mean what they should."""
import io
import re
import sys
import warnings

try:
    import numpy as np
    import onnx
    import torch
    from onnx import TensorProto, helper, numpy_helper
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Graph, Net, Refused, lib, method_maps

warnings.filterwarnings("ignore")
torch.manual_seed(1)
checks = Checks()
X = torch.rand(3, 3, 16, 16)


class Body(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 2, 1), nn.ReLU())
        self.head = head

    def forward(self, x):
        return self.head(self.body(x))


class On(nn.Module):
    def __init__(self, f, **modules):
        super().__init__()
        self.f = f
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.f(self, x)


def gap(x):
    return x.mean((2, 3))


def export(net):
    file = io.BytesIO()
    torch.onnx.export(net, X, file, opset_version=13, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}})
    return onnx.load_from_string(file.getvalue())


def logits_of(model, output=""):
    graph = Graph(model.SerializeToString(), output=output)
    return Net(graph, len(X)).forward(X.numpy()), graph


def close(a, b):
    return np.abs(a - b).max() <= 1e-5 * max(1, np.abs(b).max())


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.array(values, dtype), name)


def with_tail(model, tail, constants=()):
    """`tail`: nodes (operator, further inputs, attributes), each behind the one before."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.graph.initializer.extend(constants)
    before = "logits"
    for i, (operator, inputs, attributes) in enumerate(tail):
        model.graph.node.append(helper.make_node(operator, [before, *inputs], [f"t{i}"], **attributes))
        before = f"t{i}"
    model.graph.output[0].name = before
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    return model


plain = Body(On(lambda s, x: s.l(gap(x)), l=nn.Linear(6, 5))).eval()
model, want = export(plain), plain(X).detach().numpy()
softmax = ("Softmax", (), {"axis": 1})
constants = [constant("half", 0.5), constant("low", 1e-7), constant("high", 1 - 1e-7),
             constant("per_class", [1, 2, 3, 4, 5]), constant("shape", [-1, 5], np.int64),
             constant("row", [-1, 1, 5], np.int64), constant("axis2", [2], np.int64),
             constant("from", [1], np.int64), constant("to", [5], np.int64),
             constant("axis1", [1], np.int64), constant("minus", -1),
             constant("one", 1), constant("two", [2], np.int64), constant("map", [-1, 5, 1, 1], np.int64)]
tails = {
    "softmax": [softmax],
    "softmax, identity": [softmax, ("Identity", (), {})],
    "softmax, reshape": [softmax, ("Reshape", ("shape",), {})],
    "softmax, flatten": [softmax, ("Flatten", (), {"axis": 1})],
    "softmax, unsqueeze, squeeze": [softmax, ("Unsqueeze", ("axis2",), {}), ("Squeeze", ("axis2",), {})],
    "softmax, cast": [softmax, ("Cast", (), {"to": TensorProto.FLOAT})],
    "softmax, dropout": [softmax, ("Dropout", (), {})],
    "softmax, scale": [softmax, ("Mul", ("half",), {})],
    "softmax, clip": [softmax, ("Clip", ("low", "high"), {})],
    "softmax, clip, scale, identity": [softmax, ("Clip", ("low", "high"), {}), ("Mul", ("half",), {}),
                                       ("Identity", (), {})],
    "softmax, clip from below": [softmax, ("Clip", ("low",), {})],
    "softmax, relu": [softmax, ("Relu", (), {})],
    "softmax of maps of one pixel, pooling": [("Reshape", ("map",), {}), softmax, ("GlobalAveragePool", (), {}),
                                              ("Flatten", (), {})],
    "softmax twice": [softmax, ("Identity", (), {}), softmax],
    "row, softmax over it": [("Reshape", ("row",), {}), ("Softmax", (), {"axis": -1}), ("Reshape", ("shape",), {})],
    "log-softmax": [("LogSoftmax", (), {"axis": 1})],
    "log-softmax, identity": [("LogSoftmax", (), {"axis": -1}), ("Identity", (), {})],
    "sigmoid": [("Sigmoid", (), {})],
    "sigmoid, identity": [("Sigmoid", (), {}), ("Identity", (), {})],
    "probit": [("Erf", (), {}), ("Add", ("one",), {}), ("Mul", ("half",), {})],
    "hard sigmoid": [("HardSigmoid", (), {})],
    "clip": [("Clip", ("low", "high"), {})],
    "hardmax": [("Hardmax", (), {"axis": 1})],
    "the first class": [softmax, ("ArgMax", (), {"axis": 1})],
    "the first class as another type": [("ArgMax", (), {"axis": 1, "keepdims": 0}), ("Cast", (), {"to": TensorProto.INT32})],
    "the first two classes": [softmax, ("TopK", ("two",), {"axis": 1})],
    "logarithm of a softmax": [softmax, ("Log", (), {})],
}
for name, tail in tails.items():
    got, graph = logits_of(with_tail(model, tail, constants))
    cut = lib.cr_graph_cut(graph.handle).decode()
    maps, _ = method_maps(graph, X.numpy(), np.zeros((3, 1)), "cam")
    checks(f"{name} is cut", close(got, want) and cut != "", cut)
for subtracts in (False, True):
    twice = with_tail(model, [("Identity", (), {})], constants)
    by_hand = [helper.make_node("Exp", ["s" if subtracts else "logits"], ["e"]), helper.make_node("ReduceSum", ["e", "axis1"], ["z"]),
               helper.make_node("Div", ["e", "z"], ["p"])]
    largest = [helper.make_node("ReduceMax", ["logits"], ["m"], axes=[1]), helper.make_node("Sub", ["logits", "m"], ["s"])]
    twice.graph.node.extend(subtracts * largest + by_hand)
    twice.graph.output[0].name = "p"
    got, graph = logits_of(twice)
    checks(f"a softmax by hand is cut, of a difference: {subtracts}", close(got, want))
got, graph = logits_of(with_tail(model, [("Mul", ("half",), {}), softmax], constants))
checks("a temperature stays with the logits", close(got, want / 2))
got, graph = logits_of(with_tail(model, [softmax, ("Slice", ("from", "to", "axis1"), {})], constants))
checks("a slice of the classes behind a softmax stays", close(got, want[:, 1:]))
maps, _ = method_maps(graph, X.numpy(), np.full((3, 1), 2), "cam")
means = maps[:, 0].mean((1, 2))
checks("and has a CAM", close(means[1:] - means[0], got[1:, 2] - got[0, 2]))
try:
    twice = with_tail(model, [softmax], constants)
    twice.graph.node.extend([helper.make_node("Sigmoid", ["logits"], ["s"]),
                             helper.make_node("Add", ["t0", "s"], ["sum"]),
                             helper.make_node("Mul", ["sum", "half"], ["mean"])])
    twice.graph.output[0].name = "mean"
    logits_of(twice)
    checks("the mean of two kinds of probabilities is refused", False)
except Refused as refused:
    checks("the mean of two kinds of probabilities is refused",
           "mean is computed from probabilities" in str(refused) and "`output:`" in str(refused), str(refused))
got, graph = logits_of(twice, "logits")
checks("but for the scores in it", close(got, want) and lib.cr_graph_cut(graph.handle) == b"")
got, graph = logits_of(twice, "t0")
checks("or an output of the model that is named", close(got, want))
try:
    logits_of(model, "nothing")
    checks("an output that there is not is refused", False)
except Refused as refused:
    checks("an output that there is not is refused", "nothing is not computed" in str(refused))
got, _ = logits_of(with_tail(model, [("Mul", ("minus",), {})], constants))
checks("a scale alone is the network's own", close(got, -want))
got, graph = logits_of(with_tail(model, [("Relu", (), {})], constants))
checks("so is a bound from below alone", close(got, np.maximum(want, 0)) and lib.cr_graph_cut(graph.handle) == b"")
for name, tail in {
    "weighted by class": [softmax, ("Mul", ("per_class",), {})],
    "times -1": [softmax, ("Mul", ("minus",), {})],
    "summed": [softmax, ("Add", ("t0",), {})],
    "whose root is taken": [softmax, ("Sqrt", (), {})],
    "whose logarithm is weighted": [("LogSoftmax", (), {"axis": 1}), ("Mul", ("per_class",), {})],
}.items():
    try:
        logits_of(with_tail(model, tail, constants))
        checks(f"probabilities {name} are refused", False)
    except Refused as refused:
        checks(f"probabilities {name} are refused", "is computed from probabilities" in str(refused) and
               "`output:`" in str(refused), str(refused))


def batch_norm(n):
    layer = nn.BatchNorm1d(n)
    layer.running_mean.uniform_(-1, 1)
    layer.running_var.uniform_(0.5, 2)
    return layer


heads = {
    "batch norm before": On(lambda s, x: s.l(s.b(gap(x))), b=batch_norm(6), l=nn.Linear(6, 5)),
    "batch norm behind": On(lambda s, x: s.b(s.l(gap(x))), b=batch_norm(5), l=nn.Linear(6, 5)),
    "two linears": On(lambda s, x: s.m(s.l(gap(x))), l=nn.Linear(6, 8), m=nn.Linear(8, 5)),
    "two 1x1 convolutions": On(lambda s, x: s.m(s.l(gap(x)[:, :, None, None])).flatten(1),
                               l=nn.Conv2d(6, 8, 1), m=nn.Conv2d(8, 5, 1)),
    "shifted and scaled": On(lambda s, x: s.l((gap(x) - 0.3) / 1.7), l=nn.Linear(6, 5)),
    "scaled class maps": On(lambda s, x: -2.5 * gap(s.l(x)) + 0.3, l=nn.Conv2d(6, 5, 1)),
    "skip in the head": On(lambda s, x: s.m(gap(x) + s.l(gap(x))), l=nn.Linear(6, 6), m=nn.Linear(6, 5)),
    "classes of a larger head": On(lambda s, x: s.l(gap(x))[:, 2:], l=nn.Linear(6, 7)),
    "1x1 convolution of groups": On(lambda s, x: s.m(s.l(gap(x)[:, :, None, None]).flatten(1)), l=nn.Conv2d(6, 9, 1, groups=3),
                                    m=nn.Linear(9, 5)),
    "a factor for each channel": On(lambda s, x: s.l(s.d(gap(x)[:, :, None, None]).flatten(1)),
                                    d=nn.Conv2d(6, 6, 1, groups=6), l=nn.Linear(6, 5)),
    "map of 1x1": On(lambda s, x: s.l(s.a(s.c(x).relu()).flatten(1)), c=nn.Conv2d(6, 6, 4), a=nn.AdaptiveAvgPool2d(1),
                     l=nn.Linear(6, 5)),
}
for name, head in heads.items():
    net = Body(head).eval()
    got, graph = logits_of(export(net))
    classes = np.tile(np.arange(5), (3, 1))
    maps, _ = method_maps(graph, X.numpy(), classes, "cam")
    means = maps.mean((2, 3))
    checks(f"CAM of a head: {name}", close(got, net(X).detach().numpy()) and
           close(means[1:] - means[0], got[1:] - got[0]))
several = Body(On(lambda s, x: s.l(torch.cat([gap(x), gap(s.c(x).relu())], 1)), c=nn.Conv2d(6, 6, 1), l=nn.Linear(12, 5)))
for name, head, why in [("several layers", several, "poolings of several layers"),
                        ("two poolings", Body(On(lambda s, x: s.l(torch.cat([gap(x), nn.functional.adaptive_max_pool2d(x, 1).flatten(1)], 1)),
                                                 l=nn.Linear(12, 5))), "an average and a maximum pooling")]:
    try:
        method_maps(logits_of(export(head.eval()))[1], X.numpy(), np.zeros((3, 1)), "cam")
        checks(f"CAM of {name} is refused", False)
    except Refused as refused:
        named = re.search(r"layers \((.*), (.*)\)", str(refused))
        checks(f"CAM of {name} is refused", why in str(refused) and (not named or named[1] != named[2]),
               str(refused))


def as_dynamo(model, opset):
    """What PyTorch 2.9 and later write: axes as inputs, lists as attributes of constants, functions
    that nothing calls, metadata."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.opset_import[0].version = opset
    model.ir_version = 10
    model.opset_import.append(helper.make_opsetid("pkg.onnxscript.torch_lib.common", 1))
    unused = model.functions.add()
    unused.name, unused.domain = "Rank", "pkg.onnxscript.torch_lib.common"
    unused.input.append("input")
    unused.output.append("r")
    unused.node.append(helper.make_node("Size", ["input"], ["r"]))
    helper.set_model_props(model, {"pkg.torch.export": "1"})
    nodes = [helper.make_node("Constant", [], ["our_pads"], value_ints=[1, 2, 0, 1]),
             helper.make_node("Constant", [], ["our_axes"], value_ints=[3, -2]),
             helper.make_node("Pad", ["input", "our_pads", "", "our_axes"], ["our_input"])]
    for node in model.graph.node:
        axes = [a for a in node.attribute if a.name == "axes"]
        if node.op_type == "Split":
            del node.input[1:]
            node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
        if node.op_type == "ReduceMean" and axes:
            name = node.output[0] + "_axes"
            nodes.append(helper.make_node("Constant", [], [name], value_ints=list(axes[0].ints)))
            node.attribute.remove(axes[0])
            node.input.append(name)
        node.input[:] = ["our_input" if name == "input" else name for name in node.input]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


want = plain(nn.functional.pad(X, (1, 0, 2, 1))).detach().numpy()
for opset in range(18, 26):
    got, _ = logits_of(as_dynamo(model, opset))
    checks(f"operator set {opset}", close(got, want))


class Shuffled(nn.Module):
    """Channels apart and together again, as in ShuffleNet; of one part only a part is used."""

    def __init__(self, parts):
        super().__init__()
        self.parts, self.last = parts, nn.Linear(6, 5)

    def forward(self, x):
        a, b, c = self.parts(x)
        return self.last(gap(torch.cat([c.relu(), a[:, :1] * 2, b, a[:, 1:]], 1)))


for name, parts in (("equal", lambda x: x.split(2, 1)), ("listed", lambda x: x.split([3, 1, 2], 1))):
    net = Body(Shuffled(parts)).eval()
    model = export(net)
    got, _ = logits_of(model)
    checks(f"a split into {name} parts", any(node.op_type == "Split" for node in model.graph.node) and
           close(got, net(X).detach().numpy()))
    if name == "equal":
        padded = net(nn.functional.pad(X, (1, 0, 2, 1))).detach().numpy()
        got, _ = logits_of(as_dynamo(model, 18))
        checks("and from operator set 18", close(got, padded))
uneven = Body(On(lambda s, x: s.l(torch.cat([gap(part) * (k + 1) for k, part in enumerate(x.split([2, 2, 2], 1))], 1)),
                 l=nn.Linear(6, 5))).eval()
model = export(uneven)
split = next(node for node in model.graph.node if node.op_type == "Split")
del split.output[2:]
try:
    logits_of(model)
    checks("parts that are not all are refused", False)
except Refused as refused:
    checks("parts that are not all are refused", "its 2 parts do not fit 6 elements" in str(refused), str(refused))
checks.done()
