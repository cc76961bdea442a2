"""Random small graphs against PyTorch, in double precision, logits and gradients: operators that compute, move,
reduce and join, over shapes of 1 to 6 dimensions whose first need not be the batch, in whatever order values
come to lie in memory. Which graphs depends on the seed alone.

usage: test_random.py [FIRST END]     from the top of the repo
"""
import math
import random
import sys

try:
    import numpy as np
    import torch
    from onnx import TensorProto, helper, numpy_helper
    from torch.nn import functional as F
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Graph, Net, Refused, load_double

N_GRAPHS = 1500
MOST = 2500  # elements of a value
IMAGES = [(3, 4, 6), (4, 2, 3), (6, 4, 4), (2, 3, 5), (8, 2, 2), (1, 4, 6), (4, 1, 6)]
steps = []


class Walk:
    """A graph as it grows: each step reads one of the last values."""

    def __init__(self, seed):
        self.random, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.shape = self.random.choice(IMAGES)
        image = torch.tensor(self.numbers.uniform(-1, 1, (1, *self.shape)).astype(np.float32)).double()
        self.x, self.values = image.requires_grad_(), []
        self.values.append(("x", self.x))
        self.nodes, self.constants = [], {}

    def constant(self, value):
        self.constants[f"c{len(self.constants)}"] = np.asarray(value)
        return f"c{len(self.constants) - 1}"

    def weights(self, *shape):
        """A constant, and what it is."""
        value = self.numbers.uniform(.5, 1.5, shape).astype(np.float32)
        return self.constant(value), torch.tensor(value).double()

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def add(self, op, inputs, value, **attributes):
        if value.numel() <= MOST:
            name = f"v{len(self.nodes)}"
            self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
            self.values.append((name, value))

    def axis(self, t):
        return self.random.randrange(t.dim())

    def step(self):
        name, t = self.random.choice(self.values[-3:])
        f, least, maps = self.random.choice(steps)
        if t.dim() >= least and (not maps or t.shape[0] == 1):
            f(self, name, t)

    def model(self):
        """Three logits of the last value, and the file."""
        name, value = self.values[-1]
        weights, w = self.weights(value.numel(), 3)
        nodes = [*self.nodes, helper.make_node("Reshape", [name, self.ints(1, -1)], ["row"]), helper.make_node("MatMul", ["row", weights], ["logits"])]
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *self.shape])],
                                  [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
                                  [numpy_helper.from_array(value, key) for key, value in self.constants.items()])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
        return value.reshape(1, -1) @ w, made.SerializeToString()


def step(least=0, maps=False):
    """A step that reads values of so many dimensions, or maps: those whose first dimension is 1."""
    return lambda f: steps.append((f, least, maps)) or f


def joined(w, name, t):
    """Another value that can be broadcast with this one."""
    other, u = w.random.choice(w.values)
    try:
        torch.broadcast_shapes(t.shape, u.shape)
    except RuntimeError:
        return name, t
    return other, u


@step()
def of_two(w, name, t):
    other, u = joined(w, name, t)
    op, f = w.random.choice([("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Max", torch.maximum), ("Min", torch.minimum)])
    a, b = w.random.choice([((name, t), (other, u)), ((other, u), (name, t))])
    w.add(op, [a[0], b[0]], f(a[1], b[1]))


@step()
def of_a_constant(w, name, t):
    shape = [w.random.choice([1, size]) for size in t.shape][w.random.randint(0, t.dim()):]
    constant, c = w.weights(*shape)
    op, f = w.random.choice([("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div)])
    if op != "Div" and w.random.random() < .3:
        w.add(op, [constant, name], f(c, t))
    else:
        w.add(op, [name, constant], f(t, c))


@step()
def chosen(w, name, t):
    other, u = joined(w, name, t)
    w.nodes.append(helper.make_node("Greater", [name, other], [f"truth{len(w.nodes)}"]))
    w.add("Where", [f"truth{len(w.nodes) - 1}", name, other], torch.where(t > u, t, u))


@step()
def function(w, name, t):
    w.add(*w.random.choice([("Sigmoid", [name], t.sigmoid()), ("Relu", [name], t.relu()), ("Sin", [name], t.sin()), ("Tanh", [name], t.tanh())]))


@step(1)
def transposed(w, name, t):
    perm = w.random.sample(range(t.dim()), t.dim())
    w.add("Transpose", [name], t.permute(perm), perm=perm)


@step()
def reshaped(w, name, t):
    left, dims = t.numel(), []
    while left > 1 and len(dims) < 4:
        dims.append(w.random.choice([d for d in range(1, left + 1) if left % d == 0]))
        left //= dims[-1]
    dims.append(left)
    w.random.shuffle(dims)
    dims = w.random.choice([dims, [1, *dims]])
    w.add("Reshape", [name, w.ints(*dims)], t.reshape(dims))


@step(1)
def reduced(w, name, t):
    axes = w.random.sample(range(t.dim()), w.random.randint(1, t.dim()))
    keep = w.random.choice([True, False])
    op, f = w.random.choice([("ReduceMean", torch.mean), ("ReduceSum", torch.sum), ("ReduceMax", torch.amax), ("ReduceMin", torch.amin),
                             ("ReduceLogSumExp", torch.logsumexp)])
    value = f(t, axes, keepdim=keep)
    w.add(op, [name, w.ints(*axes)], value, keepdims=int(keep))
    if keep and w.random.random() < .5:
        w.add("Sub", [name, w.values[-1][0]], t - value)


@step(1)
def along(w, name, t):
    axis = w.axis(t)
    n = w.random.randint(1, t.shape[axis])
    op, inputs, value, more = w.random.choice([
        ("Softmax", [], t.softmax(axis), {"axis": axis}), ("LogSoftmax", [], t.log_softmax(axis), {"axis": axis}),
        ("CumSum", [w.constant(np.int64(axis))], t.cumsum(axis), {}), ("TopK", [w.ints(n)], t.topk(n, axis)[0], {"axis": axis})])
    w.add(op, [name, *inputs], value, **more)


@step(1)
def normalized(w, name, t):
    axis = w.axis(t)
    (scale, s), (shift, b) = w.weights(*t.shape[axis:]), w.weights(*t.shape[axis:])
    w.add("LayerNormalization", [name, scale, shift], F.layer_norm(t, t.shape[axis:], s, b, .1), axis=axis, epsilon=.1)


@step(2, maps=True)
def of_channels(w, name, t):
    """PyTorch 1.13's own batch norm has a wrong gradient behind a transpose."""
    names, values = zip(*[w.weights(t.shape[1]) for _ in range(4)])
    scale, shift, mean, variance = [v.view(-1, *[1] * (t.dim() - 2)) for v in values]
    w.add("BatchNormalization", [name, *names], (t - mean) / (variance + .1).sqrt() * scale + shift, epsilon=.1)


@step(1)
def put_together(w, name, t):
    other, u = w.random.choice(w.values)
    axis = w.axis(t)
    if u.dim() != t.dim() or any(u.shape[d] != t.shape[d] for d in range(t.dim()) if d != axis):
        other, u = name, t
    w.add("Concat", [name, other], torch.cat([t, u], axis), axis=axis)


@step(1)
def taken(w, name, t):
    axis = w.axis(t)
    index = w.numbers.integers(0, t.shape[axis], w.random.choice([(), (2,), (2, 2)]))
    if t.dim() - 1 + index.ndim < 7:
        value = t.index_select(axis, torch.tensor(index.reshape(-1))).reshape([*t.shape[:axis], *index.shape, *t.shape[axis + 1:]])
        w.add("Gather", [name, w.constant(index)], value, axis=axis)


@step(1)
def cut(w, name, t):
    axis, by = w.axis(t), w.random.choice([1, 2])
    first = w.random.randrange(t.shape[axis])
    last = w.random.randint(first + 1, t.shape[axis])
    index = tuple(slice(first, last, by) if d == axis else slice(None) for d in range(t.dim()))
    w.add("Slice", [name, w.ints(first), w.ints(last), w.ints(axis), w.ints(by)], t[index])


@step(1)
def spread(w, name, t):
    sizes = [size if size > 1 else w.random.choice([1, 2, 3]) for size in t.shape]
    times = [w.random.choice([1, 1, 2]) for _ in t.shape]
    w.add(*w.random.choice([("Expand", [name, w.ints(*sizes)], t.expand(sizes)), ("Tile", [name, w.ints(*times)], t.repeat(times))]))


@step(1)
def padded(w, name, t):
    before, after = [[w.random.choice([0, 0, 1, 2]) for _ in t.shape] for _ in range(2)]
    pads = [pad for pair in zip(reversed(before), reversed(after)) for pad in pair]
    w.add("Pad", [name, w.ints(*before, *after), w.constant(np.float32(.5))], F.pad(t, pads, value=.5))


@step()
def of_other_dims(w, name, t):
    axis = w.random.randint(0, t.dim())
    ones = [d for d in range(t.dim()) if t.shape[d] == 1]
    if ones and w.random.random() < .5:
        w.add("Squeeze", [name, w.ints(ones[0])], t.squeeze(ones[0]))
    elif t.dim() < 6:
        w.add("Unsqueeze", [name, w.ints(axis)], t.unsqueeze(axis))


@step(2)
def product(w, name, t):
    other, u = w.random.choice(w.values)
    if u.dim() < 2 or u.shape[-2] != t.shape[-1] or math.prod(t.shape[:-1]) * u.shape[-1] > MOST:
        other, u = w.weights(t.shape[-1], w.random.randint(1, 4))
    try:
        value = t @ u
    except RuntimeError:  # the dimensions in front do not fit
        return
    w.add("MatMul", [name, other], value)


@step(3, maps=True)
def convolved(w, name, t):
    n = t.dim() - 2
    if n > 3:
        return
    sides = [min(size, w.random.choice([1, 2])) for size in t.shape[2:]]
    strides = [w.random.choice([1, 2]) for _ in sides]
    if w.random.random() < .5:
        weights, v = w.weights(w.random.randint(1, 4), t.shape[1], *sides)
        w.add("Conv", [name, weights], (F.conv1d, F.conv2d, F.conv3d)[n - 1](t, v, stride=strides), strides=strides)
    else:
        weights, v = w.weights(t.shape[1], w.random.randint(1, 3), *sides)
        w.add("ConvTranspose", [name, weights], (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1](t, v, stride=strides), strides=strides)


@step(3, maps=True)
def pooled(w, name, t):
    n = t.dim() - 2
    sides = [min(size, w.random.choice([1, 2])) for size in t.shape[2:]]
    if n > 3 or w.random.random() < .3:
        w.add("GlobalAveragePool", [name], t.mean(list(range(2, t.dim())), keepdim=True))
    elif w.random.random() < .5:
        w.add("MaxPool", [name], (F.max_pool1d, F.max_pool2d, F.max_pool3d)[n - 1](t, sides, 1), kernel_shape=sides)
    else:
        w.add("AveragePool", [name], (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[n - 1](t, sides, 1), kernel_shape=sides)


def run(seed, library):
    """How far logits and gradients are off, relative to the largest; beside another image."""
    w = Walk(seed)
    for _ in range(w.random.randint(3, 9)):
        w.step()
    logits, data = w.model()
    graph = Graph(data, lib=library)
    net = Net(graph, 2, [(graph.find("x"), True)], n_back=1)
    image = w.x.detach().numpy()
    got = net.forward(np.concatenate([-image, image]))[1]
    logits[0, 1].backward()
    net.backward(1, [[1]])
    off = []
    for ours, theirs in ((got, logits.detach().numpy()[0]), (net.gradients(0, 1)[0, 0], w.x.grad.numpy()[0])):
        off.append(np.abs(ours - theirs).max() / (np.abs(theirs).max() + 1e-3))
    return off, [node.op_type for node in w.nodes]


torch.manual_seed(1)
checks, double_lib = Checks(), load_double()
first, end = map(int, sys.argv[1:3]) if len(sys.argv) == 3 else (0, N_GRAPHS)
worst, wrong, refused = [0, 0], [], []
for seed in range(first, end):
    try:
        off, ops = run(seed, double_lib)
        worst = [max(pair) for pair in zip(worst, off)]
        # What is computed of constants when a model is loaded is float32.
        if not max(off) < 1e-6:
            wrong.append(f"{seed} ({', '.join(ops)}): logits {off[0]:.1e}, gradients {off[1]:.1e}")
    except Refused as reason:
        refused.append(f"{seed}: {reason}")
for text in wrong + refused:
    print(f"    failed: {text}")
checks(f"{end - first} random graphs", not wrong and not refused,
       f"logits within {worst[0]:.1e}, gradients {worst[1]:.1e}; {len(wrong)} wrong, {len(refused)} refused")
checks.done()
