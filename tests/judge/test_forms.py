"""Networks in the families that people export, against PyTorch: each an activation, a normalization, a form
of attention, a head between a convolution and a linear layer. Logits in float32, gradients at the layer
behind the convolution in double precision."""
import io
import sys
import warnings

try:
    import numpy as np
    import torch
    from onnx import TensorProto, helper, numpy_helper
    from torch import nn
    from torch.nn import functional as F
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Graph, Net, Refused, lib, load_double

warnings.filterwarnings("ignore")
torch.manual_seed(1)
checks = Checks()
double_lib = load_double()
X = torch.randn(2, 3, 12, 16)


class On(nn.Module):
    """A function of its modules and of x."""

    def __init__(self, f, **modules):
        super().__init__()
        self.f = f
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.f(self, x)


class Form(nn.Module):
    """[N, 8, 6, 8] -> the form -> 5 logits; what comes of the form may have any shape."""

    def __init__(self, form):
        super().__init__()
        self.first, self.form = nn.Conv2d(3, 8, 3, 2, 1), form
        with torch.no_grad():
            self.last = nn.Linear(form(torch.zeros(1, 8, 6, 8)).numel(), 5)

    def forward(self, x):
        self.map = self.first(x)
        if self.map.requires_grad:
            self.map.retain_grad()
        return self.last(self.form(self.map).flatten(1))


def export(net, x, opset):
    file = io.BytesIO()
    torch.onnx.export(net, x, file, opset_version=opset, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}})
    return file.getvalue()


def gradients(net, data, x):
    """d logit 2 / d map of both images, ours and theirs, of the largest of theirs."""
    graph = Graph(data, lib=double_lib)
    value = next(l.value for l in graph.layers() if l.op == b"Conv")
    ours = Net(graph, len(x), [(value, True)], n_back=1)
    ours.forward(x.detach().numpy())
    net(x)[:, 2].sum().backward()
    theirs, worst = net.map.grad.numpy(), 0
    for i in range(len(x)):
        ours.backward(i, [[2]])
        worst = max(worst, np.abs(ours.gradients(0, 1)[0, 0] - theirs[i]).max())
    return worst / np.abs(theirs).max()


def check(name, form, opsets=(13, 17), gradient=True):
    net = Form(form).eval()
    try:
        for opset in opsets:
            data = export(net, X, opset)
            got, want = Net(Graph(data), len(X)).forward(X.numpy()), net(X).detach().numpy()
            off = np.abs(got - want).max() / np.ptp(want)
            checks(f"{name}, operator set {opset}", off < 1e-5, f"logits {off:.1e}")
        if gradient:
            off = gradients(net.double(), export(net, X.double(), opsets[-1]), X.double())
            checks(f"{name}, gradients", off < 1e-6, f"{off:.1e}")
    except Refused as refused:
        checks(name, False, str(refused))


# --- activations
for module in (nn.CELU(.7), nn.ELU(.7), nn.GELU(), nn.GELU("tanh"),
               nn.Hardshrink(.2), nn.Hardsigmoid(), nn.Hardswish(), nn.Hardtanh(), nn.LeakyReLU(.1), nn.LogSigmoid(),
               nn.Mish(), nn.PReLU(8), nn.PReLU(), nn.ReLU6(), nn.SELU(), nn.SiLU(), nn.Softplus(), nn.Softshrink(.2),
               nn.Softsign(), nn.Tanh(), nn.Tanhshrink(), nn.Threshold(0., 0.), nn.GLU(1), nn.Softmin(1), nn.Softmax2d(),
               nn.LogSoftmax(2), nn.Softmax(3)):
    check(str(module), module)
for name, f in {
    "exp, log, square": lambda s, x: torch.log(torch.exp(x) + x.square() + 1),
    "sin, cos": lambda s, x: torch.sin(x) * torch.cos(x),
    "maximum, minimum of two": lambda s, x: torch.maximum(x, x.flip(1)) + torch.minimum(x, x.roll(2, 3)),
    "where": lambda s, x: torch.where(x > x.mean(1, keepdim=True), x, -x),
    "masked fill": lambda s, x: x.masked_fill(x < -0.3, -0.3),
    "clamp by a tensor": lambda s, x: torch.min(x, x.amax((2, 3), keepdim=True) / 2),
    "reciprocal, rsqrt": lambda s, x: torch.rsqrt(1 + x * x) + 1 / (2 + x.abs()),
    "power of a tensor": lambda s, x: (1.5 + x.sigmoid()) ** x,
    "sign, abs": lambda s, x: x.sign() * x.abs().sqrt(),
    "floor, ceil, round": lambda s, x: (x * 3).floor() * x + (x * 3).ceil() * x + (x * 3).round(),
    "logical": lambda s, x: ((x > 0) & (x < 1) | ~(x > -1)).float() * x,
    "log of a sum of exp": lambda s, x: torch.logsumexp(x, 1),
    "a constant minus, over": lambda s, x: 1 - 2 / (3 + x.sigmoid()),
}.items():
    check(name, On(f))

# --- normalizations
for module in (nn.GroupNorm(2, 8), nn.GroupNorm(8, 8), nn.GroupNorm(1, 8), nn.InstanceNorm2d(8, affine=True),
               nn.InstanceNorm2d(8), nn.LayerNorm([8, 6, 8]), nn.LayerNorm([6, 8]), nn.LayerNorm(8)):
    for parameter in module.parameters():
        nn.init.uniform_(parameter, .5, 1.5)
    check(str(module), module)
for name, f in {
    "RMS norm": lambda s, x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6),
    "L2 norm": lambda s, x: F.normalize(x, dim=1),
    "L1 norm": lambda s, x: F.normalize(x, p=1, dim=2),
    "standard deviation": lambda s, x: (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + .1),
    "global response norm (ConvNeXt-V2)": lambda s, x: x * (x.norm(dim=(2, 3), keepdim=True) /
                                                            (x.norm(dim=(2, 3), keepdim=True).mean(1, keepdim=True) + 1e-6)),
}.items():
    check(name, On(f))

# --- reductions and poolings
for name, f in {
    "mean over channels": lambda s, x: x.mean(1),
    "max over channels, rows": lambda s, x: x.amax(1) + x.amax(2).mean(1, keepdim=True),
    "sum over places": lambda s, x: x.sum((2, 3)), "product": lambda s, x: (1 + x / 4).prod(3),
    "generalised mean pooling": lambda s, x: x.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3),
    "mean and max": lambda s, x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1),
}.items():
    check(name, On(f))

for name, module in {
    "transposed convolution": nn.ConvTranspose2d(8, 6, 3, 2, 1, 1), "of groups": nn.ConvTranspose2d(8, 6, 3, (2, 3), (1, 0), (1, 2), 2),
    "dilated": nn.ConvTranspose2d(8, 4, (3, 2), dilation=(2, 1)), "depthwise": nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=8),
}.items():
    check(f"transposed convolution {name}", nn.Sequential(module, nn.BatchNorm2d(module.out_channels), nn.ReLU()))
check("transposed convolution of a sequence", On(lambda s, x: s.c(x.flatten(2)), c=nn.ConvTranspose1d(8, 4, 3, 2, 1, 1)))
volume = lambda x: x.view(-1, 4, 2, 6, 8)
check("volumes", On(lambda s, x: s.d(F.relu(s.b(s.c(volume(x))))), c=nn.Conv3d(4, 6, (2, 3, 3), (1, 2, 1), (1, 1, 0), (1, 1, 2), 2),
                    b=nn.BatchNorm3d(6), d=nn.ConvTranspose3d(6, 4, 2, 2, 1, 1)))
check("poolings of volumes", On(lambda s, x: torch.cat([F.max_pool3d(volume(x), (2, 3, 2), (1, 2, 2), (1, 1, 0), 1, True),
                                                        F.avg_pool3d(volume(x), (2, 3, 2), (1, 2, 2), (1, 1, 0), True, False)], 1)))
check("adaptive pooling of volumes", On(lambda s, x: F.adaptive_avg_pool3d(volume(x), 1) * F.adaptive_max_pool3d(volume(x), 1)))
check("L2 pooling", On(lambda s, x: F.lp_pool2d(x.abs(), 2, (3, 2), 2)))

def assign(x):
    y = x * 2
    y[:, 1, 2:4] = x[:, 0, 1:3]
    y[:, :, 0] += 3
    return y


# --- moving
for name, f in {
    "channel shuffle": lambda s, x: x.view(-1, 2, 4, 6, 8).transpose(1, 2).reshape(-1, 8, 6, 8),
    "pixel shuffle": lambda s, x: F.pixel_shuffle(x, 2), "pixel unshuffle": lambda s, x: F.pixel_unshuffle(x, 2),
    "split, cat": lambda s, x: torch.cat([a * (k + 1) for k, a in enumerate(x.split([2, 3, 3], 1))], 1),
    "chunk, cat": lambda s, x: torch.cat([a.sin() for a in x.chunk(2, 3)], 2),
    "stack": lambda s, x: torch.stack([x, x * 2, x.sin()], 2), "roll": lambda s, x: x.roll((1, -3), (2, 3)),
    "roll by nothing": lambda s, x: x.roll((0, 2), (2, 3)),
    "flip": lambda s, x: x.flip(3), "slices": lambda s, x: x[:, 1:, ::2, 3:-1],
    "gather": lambda s, x: x[:, [0, 3, 3]] * 2, "repeat, expand": lambda s, x: x.repeat(1, 2, 1, 1) + x[:, :1].expand(-1, 16, -1, -1),
    "patches of windows": lambda s, x: x.view(-1, 8, 2, 3, 2, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, 96),
    "pads": lambda s, x: F.pad(F.pad(x, (1, 2, 0, 1)), (2, 1, 1, 1), mode="reflect"),
    "pad of the edge": lambda s, x: F.pad(x, (2, 1, 1, 1), mode="replicate"),
    "assignment to a part": lambda s, x: assign(x), "gather along channels": lambda s, x: x.gather(1, torch.tensor([0, 3, 1]).view(1, 3, 1, 1).expand(x.shape[0], -1, 6, 8)),
    "running sums": lambda s, x: x.cumsum(2), "the largest": lambda s, x: x.topk(3, 1)[0] + x.flatten(2).topk(20, 2, False)[0].mean(2)[:, :3, None, None],
    "broadcast of any shape": lambda s, x: x[:, :, :, :1] * x[:, :1] + x[:, 1:2, 2:3],
}.items():
    check(name, On(f))


# --- other sizes
for mode, corners in (("nearest", None), ("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True)):
    for size in ((12, 16), (9, 5), (3, 13)):
        check(f"resized to {size} {mode} {corners}",
              On(lambda s, x, size=size, mode=mode, corners=corners: F.interpolate(x, size, mode=mode, align_corners=corners)))
    check(f"twice the size {mode} {corners}",
          On(lambda s, x, mode=mode, corners=corners: F.interpolate(x, scale_factor=2, mode=mode, align_corners=corners)))


# --- products and attention
def attention(s, x):
    """[N, T, C] by a linear layer for query, key and value at once, as in timm and torchvision."""
    n, c, h, w = x.shape
    t = x.flatten(2).transpose(1, 2)
    q, k, v = s.qkv(t).reshape(n, h * w, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
    a = (q @ k.transpose(-2, -1) * 4 ** -.5 + s.bias).softmax(-1)
    return s.out((a @ v).transpose(1, 2).reshape(n, h * w, c))


class Bias(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.table = nn.Parameter(torch.randn(*shape))

    def forward(self, x):
        return self.table


qkv = On(attention, qkv=nn.Linear(8, 24), out=nn.Linear(8, 8))
qkv.bias = nn.Parameter(torch.randn(2, 48, 48))
check("attention with a bias", qkv)
check("attention without one", On(lambda s, x: s.m(s.t(x), s.t(x), s.t(x), need_weights=False)[0],
                                  t=On(lambda s, x: x.flatten(2).transpose(1, 2)), m=nn.MultiheadAttention(8, 2, batch_first=True)), gradient=False)
check("attention, sequence first", On(lambda s, x: s.m(s.t(x), s.t(x), s.t(x), need_weights=False)[0].transpose(0, 1),
                                      t=On(lambda s, x: x.flatten(2).permute(2, 0, 1)), m=nn.MultiheadAttention(8, 2)), gradient=False)
check("a transformer's layer", On(lambda s, x: s.m(x.flatten(2).transpose(1, 2)), m=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu", norm_first=True)), gradient=False)
tokens = On(lambda s, x: (torch.cat([s.c.expand(x.shape[0], -1, -1), x.flatten(2).transpose(1, 2)], 1) + s.p).softmax(1))
tokens.c, tokens.p = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 49, 8))
check("class token and positions", tokens)
check("Gram matrix", On(lambda s, x: x.flatten(2) @ x.flatten(2).transpose(1, 2)))
check("bmm", On(lambda s, x: torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2) @ x[:, 0].flatten(1)[:, None, :].repeat(1, 8, 1))))
for equation in ("nchw,nchv->ncwv", "nchw,nchw->nc", "nchw,ndhw->ncd", "nchw->nwc", "nchw,nc->nhw", "nchw,nchw->nchw",
                 "...hw,...vw->...hv", "nchw,nc,nchw->nw", "nc...->nc"):
    check(f"einsum {equation}", On(lambda s, x, e=equation: torch.einsum(
        e, *[x[:, :, 0, 0] if part == "nc" else x for part in e.split("->")[0].split(",")])))
check("einsum of a diagonal", On(lambda s, x: torch.einsum("ncc->nc", x.flatten(2)[:, :, :8])), opsets=(13,))
check("a diagonal", On(lambda s, x: torch.diagonal(x, dim1=1, dim2=3)), opsets=(13,))
vectors = On(lambda s, x: (x @ s.v) * (s.u @ x)[:, :, :6])
vectors.v, vectors.u = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(6))
check("products with vectors", vectors)
check("one of all", On(lambda s, x: F.one_hot(x.argmax(1), 8).permute(0, 3, 1, 2) * x))
check("lower triangle", On(lambda s, x: x.tril() + x.triu(2)), opsets=(14,))
check("products", On(lambda s, x: torch.matmul(x, x.transpose(2, 3))))
check("linear over rows of one", On(lambda s, x: s.l(x.reshape(-1, 24, 16, 1)), l=nn.Linear(1, 3)))
check("linear over rows of one that lie anywhere", On(lambda s, x: s.l(x.reshape(-1, 24, 16, 1)).permute(0, 2, 1, 3).flatten(2), l=nn.Linear(1, 3)))
check("linear over rows", On(lambda s, x: s.l(x), l=nn.Linear(8, 6)))
check("an MLP mixer", On(lambda s, x: s.m(x.flatten(2)).transpose(1, 2) + s.c(x.flatten(2).transpose(1, 2)), m=nn.Linear(48, 48), c=nn.Linear(8, 8)))
check("squeeze and excite", On(lambda s, x: x * s.b(F.silu(s.a(x.mean((2, 3), keepdim=True)))).sigmoid(), a=nn.Conv2d(8, 4, 1), b=nn.Conv2d(4, 8, 1)))
check("efficient channel attention", On(lambda s, x: x * s.c(x.mean((2, 3))[:, None]).sigmoid().transpose(1, 2)[..., None],
                                         c=nn.Conv1d(1, 1, 3, padding=1)))
check("sequences", On(lambda s, x: s.b(s.c(F.max_pool1d(F.avg_pool1d(x.flatten(2), 3, 1, 1), 2, 2))),
                      c=nn.Conv1d(8, 6, 3, 2, 2, 2, 2), b=nn.BatchNorm1d(6)))
for mode in ("bilinear", "nearest", "bicubic"):
    for border in ("zeros", "border", "reflection"):
        for corners in (True, False):
            check(f"spatial transformer {mode} {border} {corners}",
                  On(lambda s, x, m=mode, b=border, a=corners: F.grid_sample(x, s.l(x.mean((2, 3))).view(-1, 5, 7, 2) * 2, m, b, a), l=nn.Linear(8, 70)),
                  opsets=(16,))
check("pooled sequences", On(lambda s, x: F.adaptive_max_pool1d(x.flatten(2), 1) + F.adaptive_avg_pool1d(x.flatten(2), 1)))
check("spatial attention (CBAM)", On(lambda s, x: x * s.c(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid(), c=nn.Conv2d(2, 1, 3, padding=1)))


# --- what this PyTorch does not write: operators of later sets and of ONNX Runtime's optimiser, images whose
# channels lie last
def written(name, nodes, want, constants=(), opset=23, dims=("n", 3, 12, 16), kind=TensorProto.FLOAT):
    """Nodes from x to y, and what they should do to it; the gradient is that of the input."""
    row = [helper.make_node("Flatten", ["y"], ["row"]), helper.make_node("Gemm", ["row", "weights"], ["logits"])]
    n = want(X).flatten(1).shape[1]
    weights = torch.randn(n, 5)
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants]
    graph = helper.make_graph([*nodes, *row], "g", [helper.make_tensor_value_info("x", kind, dims)],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
                              [*tensors, numpy_helper.from_array(weights.numpy(), "weights")])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
                             ).SerializeToString()
    x = (X.abs() * 50).round().requires_grad_() if kind == TensorProto.UINT8 else X.clone().requires_grad_()
    theirs = want(x).flatten(1) @ weights
    theirs[:, 2].sum().backward()
    try:
        graph = Graph(data)
        got = Net(graph, len(X)).forward(x.detach().numpy())
        off = np.abs(got - theirs.detach().numpy()).max() / np.ptp(theirs.detach().numpy())
        ours = Net(Graph(data, lib=double_lib), len(X), [(graph.find("x"), True)], n_back=1)
        ours.forward(x.detach().numpy())
        worst = 0
        for i in range(len(X)):
            ours.backward(i, [[2]])
            back = ours.gradients(0, 1)[0, 0]
            if dims[-1] == 3:  # it lies in memory as that says
                back = back.transpose(1, 2, 0).reshape(dims[1:]).transpose(2, 0, 1)
            worst = max(worst, np.abs(back - x.grad[i].numpy()).max() / np.abs(x.grad[i].numpy()).max())
        checks(name, off < 1e-5 and worst < 1e-5, f"logits {off:.1e}, gradients {worst:.1e}")
    except Refused as refused:
        checks(name, False, str(refused))


node = helper.make_node
written("Gelu", [node("Gelu", ["x"], ["y"])], F.gelu)
written("Gelu by tanh", [node("Gelu", ["x"], ["y"], approximate="tanh")], lambda x: F.gelu(x, approximate="tanh"))
written("Mish", [node("Mish", ["x"], ["y"])], F.mish)
written("Swish", [node("Swish", ["x"], ["y"], alpha=1.5)], lambda x: x * torch.sigmoid(1.5 * x))
written("RMSNormalization", [node("RMSNormalization", ["x", "s"], ["y"], axis=2, epsilon=.01)],
        lambda x: x * torch.rsqrt(x.pow(2).mean((2, 3), keepdim=True) + .01) * 1.5, [("s", np.full((12, 16), 1.5, np.float32))])
scale, shift = np.float32([.5, 2, 3]), np.float32([1, 0, -1])
written("GroupNormalization 21", [node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=1)],
        lambda x: F.group_norm(x, 1, torch.tensor(scale), torch.tensor(shift)), [("s", scale), ("b", shift)])
written("GroupNormalization 21 of sequences", [node("Reshape", ["x", "l"], ["r"]), node("GroupNormalization", ["r", "s", "b"], ["y"], num_groups=2)],
        lambda x: F.group_norm(x.reshape(2, 6, 96), 2, torch.arange(6.), torch.arange(6.).sin()),
        [("l", np.array([0, 6, 96])), ("s", np.arange(6, dtype=np.float32)), ("b", np.sin(np.arange(6, dtype=np.float32)))])
written("GroupNormalization 18", [node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=3)],
        lambda x: F.group_norm(x, 3, torch.tensor(scale), torch.tensor(shift)), [("s", scale), ("b", shift)], opset=18)
written("LayerNormalization, outputs that nobody reads", [node("LayerNormalization", ["x", "s"], ["y", "m", "d"], axis=3)],
        lambda x: F.layer_norm(x, (16,)), [("s", np.ones(16, np.float32))])


def attend(q, k, v, scale=None, mask=None):
    scores = q @ k.transpose(-2, -1) * (scale or q.shape[-1] ** -.5)
    return (scores if mask is None else scores + mask).softmax(-1) @ v


def apart(x, n):
    return x.unflatten(2, (n, -1)).transpose(1, 2) if hasattr(x, "unflatten") else x


causal = torch.full((12, 12), float("-inf")).triu(1)
truth = np.random.default_rng(1).random((12, 12)) < .8
truth[:, 0] = True
written("Attention", [node("Attention", ["x", "x", "x"], ["y"])], lambda x: attend(x, x, x))
written("Attention, causal and scaled", [node("Attention", ["x", "x", "x"], ["y"], is_causal=1, scale=.3)],
        lambda x: attend(x, x, x, .3, causal))
written("Attention with a mask of truth", [node("Attention", ["x", "x", "x", "m"], ["y"])],
        lambda x: attend(x, x, x, None, torch.where(torch.tensor(truth), 0., float("-inf"))), [("m", truth)])
written("Attention of rows, heads shared", [node("Reshape", ["x", "s"], ["q"]), node("Slice", ["q", "a", "b", "c"], ["k"]),
                                            node("Attention", ["q", "k", "k"], ["y"], q_num_heads=4, kv_num_heads=2)],
        lambda x: attend(apart(x.reshape(2, 36, 16), 4), *[apart(x.reshape(2, 36, 16)[:, :, :8], 2).repeat_interleave(2, 1)] * 2
                         ).transpose(1, 2).flatten(2),
        [("s", np.array([0, 36, 16])), ("a", np.array([0])), ("b", np.array([8])), ("c", np.array([2]))])
conv, bias = np.random.default_rng(2).standard_normal((3, 3, 3, 3)).astype(np.float32), np.float32([.1, .2, .3])
for activation, values, f in (("Relu", [], F.relu), ("LeakyRelu", [.2], lambda x: F.leaky_relu(x, .2)), ("Tanh", [], torch.tanh),
                              ("Clip", [-.5, .7], lambda x: x.clamp(-.5, .7)), ("HardSigmoid", [.3, .4], lambda x: (.3 * x + .4).clamp(0, 1))):
    more = {"activation_params": values} if values else {}
    written(f"FusedConv {activation}", [node("FusedConv", ["x", "w", "b", "x"], ["y"], domain="com.microsoft", activation=activation,
                                             pads=[1, 1, 1, 1], **more)],
            lambda x, f=f: f(F.conv2d(x, torch.tensor(conv), torch.tensor(bias), padding=1) + x), [("w", conv), ("b", bias)])
written("com.microsoft's Gelu", [node("Gelu", ["x"], ["y"], domain="com.microsoft")], F.gelu)
written("com.microsoft's BiasGelu", [node("BiasGelu", ["x", "b"], ["y"], domain="com.microsoft")],
        lambda x: F.gelu(x + 1.5), [("b", np.full(16, 1.5, np.float32))])
written("com.microsoft's FastGelu", [node("FastGelu", ["x"], ["y"], domain="com.microsoft")], lambda x: F.gelu(x, approximate="tanh"))
written("com.microsoft's QuickGelu", [node("QuickGelu", ["x"], ["y"], domain="com.microsoft")], lambda x: x * torch.sigmoid(1.702 * x))
written("a split as a sequence", [node("SplitToSequence", ["x", "n"], ["s"], axis=2), node("SequenceAt", ["s", "last"], ["a"]),
                                  node("SequenceAt", ["s", "one"], ["b"]), node("Concat", ["a", "b"], ["y"], axis=2)],
        lambda x: torch.cat([x[:, :, 10:], x[:, :, 5:10]], 2), [("n", np.int64(5)), ("last", np.int64(-1)), ("one", np.int64(1))], opset=18)
written("parts of a sequence", [node("SplitToSequence", ["x", "n"], ["s"], axis=3), node("SequenceAt", ["s", "one"], ["y"])],
        lambda x: x[..., 5:9], [("n", np.array([5, 4, 7])), ("one", np.int64(1))], opset=13)
written("a stack of a sequence", [node("SplitToSequence", ["x"], ["s"], axis=1, keepdims=0), node("SequenceAt", ["s", "one"], ["a"]),
                                  node("SequenceConstruct", ["a", "a"], ["t"]), node("Sin", ["a"], ["b"]), node("SequenceInsert", ["t", "b", "one"], ["u"]),
                                  node("SequenceLength", ["u"], ["l"]), node("Cast", ["l"], ["r"], to=1),
                                  node("ConcatFromSequence", ["u"], ["c"], axis=-1, new_axis=1), node("Mul", ["c", "r"], ["y"])],
        lambda x: 3 * torch.stack([x[:, 1], x[:, 1].sin(), x[:, 1]], -1), [("one", np.int64(1))], opset=13)
token, places = np.random.default_rng(6).uniform(-1, 1, (1, 1, 12, 16)).astype(np.float32), np.random.default_rng(7).uniform(-1, 1, (1, 4, 12, 16)).astype(np.float32)
written("constants of a fixed batch", [node("Concat", ["c", "x"], ["t"], axis=1), node("Add", ["t", "p"], ["y"])],
        lambda x: torch.cat([torch.tensor(token).repeat(2, 1, 1, 1), x], 1) + torch.tensor(places),
        [("c", token.repeat(2, 0)), ("p", places.repeat(2, 0))], dims=(2, 3, 12, 16))
angles = [("c", np.cos(np.random.default_rng(8).random((1, 12, 6))).astype(np.float32)), ("s", np.sin(np.random.default_rng(8).random((1, 12, 6))).astype(np.float32)),
          ("i", np.arange(12)[None, ::-1].copy()), ("l", np.array([0, 12, 48])), ("f", angles_at := np.random.default_rng(9).random((12, 8)).astype(np.float32))]
cosine, sine = torch.tensor(angles[0][1])[0], torch.tensor(angles[1][1])[0]


def turned(a, b, c, s):
    return a * c - b * s, b * c + a * s


def rotary_of_part(x):
    a, b = turned(x[..., 0:12:2], x[..., 1:12:2], cosine, sine)
    return torch.cat([torch.stack([a, b], -1).flatten(-2), x[..., 12:]], -1)


def rotary_of_rows(x):
    f, apart = torch.tensor(angles_at).flip(0)[:, None], x.reshape(2, 12, 3, 16)
    return torch.cat(turned(apart[..., :8], apart[..., 8:], f, f), -1).flatten(2)


written("RotaryEmbedding of a part, interleaved", [node("RotaryEmbedding", ["x", "c", "s"], ["y"], rotary_embedding_dim=12, interleaved=1)], rotary_of_part, angles)
written("RotaryEmbedding of rows at positions", [node("Reshape", ["x", "l"], ["r"]), node("RotaryEmbedding", ["r", "f", "f", "i"], ["y"], num_heads=3)],
        rotary_of_rows, angles)
sizes = [("z", np.array([1, 3, 5, 7]))]
for mode, more in (("linear", {}), ("cubic", {"cubic_coeff_a": -.5})):
    written(f"Resize {mode} without aliasing", [node("Resize", ["x", "", "", "z"], ["y"], mode=mode, antialias=1, exclude_outside=1, **more)],
            lambda x, mode="bi" + mode: F.interpolate(x, (5, 7), mode=mode, antialias=True), sizes, opset=19)
written("Resize that keeps its aspect", [node("Resize", ["x", "", "", "z"], ["y"], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_smaller")],
        lambda x: F.interpolate(x, (18, 24), mode="bilinear"), [("z", np.array([7, 24]))], opset=19)
written("Resize of a region", [node("Resize", ["x", "r", "", "z"], ["y"], mode="linear", coordinate_transformation_mode="tf_crop_and_resize")],
        lambda x: F.interpolate(x[:, :, 2:8, 3:14], (4, 6), mode="bilinear", align_corners=True),
        [("r", np.float32([0, 0, 2 / 11, 3 / 15, 1, 1, 7 / 11, 13 / 15])), ("z", np.array([1, 3, 4, 6]))], opset=13)

# ONNX Runtime's layers, on rows of 16 (as x has them) and of images whose channels lie last
random = np.random.default_rng(5)
new = lambda *shape: random.uniform(-1, 1, shape).astype(np.float32)
t = torch.tensor


def microsoft(op, inputs, want, constants=(), outputs=("y",), also=(), more="", **attributes):
    written(f"com.microsoft's {op}{more}", [node(op, inputs, outputs, domain="com.microsoft", **attributes), *also], want, constants, opset=18)


norm = [("g", new(16)), ("b", new(16)), ("k", new(16)), ("s", new(1, 1, 1, 16))]
g, b, k, s = [t(value) for _, value in norm]
microsoft("SkipLayerNormalization", ["x", "x", "g", "b", "k"], lambda x: F.layer_norm(2 * x + k, (16,), g, b, .1), norm, epsilon=.1)
microsoft("SkipLayerNormalization", ["x", "x", "g", "b"], lambda x: F.layer_norm(2 * x, (16,), g, b, 1e-3) + 2 * x, norm,
          ["n", "", "", "sum"], [node("Add", ["n", "sum"], ["y"])], " and its sum", epsilon=1e-3)
rms = lambda x, scale, epsilon=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * scale
microsoft("SkipSimplifiedLayerNormalization", ["x", "x", "g", "k"], lambda x: rms(2 * x + k, g), norm)
microsoft("SimplifiedLayerNormalization", ["x", "g"], lambda x: rms(x, g, .01), norm, epsilon=.01)
written("SimplifiedLayerNormalization", [node("SimplifiedLayerNormalization", ["x", "g"], ["y"], axis=-1)], lambda x: rms(x, g), norm, opset=17)
microsoft("LayerNormalization", ["x", "g", "b"], lambda x: F.layer_norm(x, (16,), g, b), norm, axis=-1)
microsoft("BiasAdd", ["x", "k", "x"], lambda x: 2 * x + k, norm)
microsoft("BiasSplitGelu", ["x", "k"], lambda x: (x + k)[..., :8] * F.gelu((x + k)[..., 8:]), norm)
microsoft("BiasSoftmax", ["x", "s"], lambda x: (x + s).softmax(3), norm, axis=3, is_inner_broadcast=0)
microsoft("FusedMatMul", ["x", "x"], lambda x: .3 * x @ x.transpose(2, 3), transB=1, alpha=.3)
microsoft("FusedMatMul", ["x", "w"], lambda x: -2 * x.transpose(2, 3) @ t(weights), [("w", weights := new(12, 5))], more=" of weights", transA=1, alpha=-2.)
written("com.microsoft's FusedGemm", [node("Flatten", ["x"], ["f"]), node("FusedGemm", ["f", "w", "b"], ["y"], domain="com.microsoft", transB=1,
                                                                            alpha=.5, activation="LeakyRelu", activation_alpha=.2)],
        lambda x: F.leaky_relu(.5 * x.flatten(1) @ t(matrix).T + t(bias5), .2), [("w", matrix := new(5, 576)), ("b", bias5 := new(5))], opset=17)
for opset in (18, 21):
    written(f"com.microsoft's GroupNorm, operator set {opset}",
            [node("Reshape", ["x", "l"], ["r"]), node("GroupNorm", ["r", "g", "b"], ["y"], domain="com.microsoft", groups=4, activation=1, epsilon=.1)],
            lambda x: F.silu(F.group_norm(x.reshape(2, 6, 6, 16).permute(0, 3, 1, 2), 4, g, b, .1)).permute(0, 2, 3, 1),
            [*norm, ("l", np.array([0, 6, 6, 16]))], opset=opset)
written("com.microsoft's NhwcConv", [node("Transpose", ["x"], ["l"], perm=[0, 2, 3, 1]), node("NhwcConv", ["l", "w", "b"], ["y"], domain="com.microsoft", strides=[2, 1])],
        lambda x: F.conv2d(x, t(conv), t(bias), (2, 1)).permute(0, 2, 3, 1), [("w", conv), ("b", bias)])
rows = node("Reshape", ["x", "l"], ["r"])
heads = lambda x: x.unflatten(2, (2, -1)).transpose(1, 2) if hasattr(x, "unflatten") else x
joined = lambda x: x.transpose(1, 2).flatten(2)
constants = [("l", np.array([0, 36, 16])), ("w", new(16, 24)), ("b", new(24)), ("m", new(1, 2, 36, 36)), ("c", new(48))]
w, b24, m, c = [t(value) for _, value in constants[1:]]


def packed(x, mask=None, scale=None):
    q, k, v = (x.reshape(2, 36, 16) @ w + b24).split(8, 2)
    return joined(attend(heads(q), heads(k), heads(v), scale, mask))


def apart_by_bias(x):
    q, k, v = [x.reshape(2, 36, 16) + part for part in c.split(16)]
    return joined(attend(heads(q), heads(k), heads(v)))


written("com.microsoft's Attention", [rows, node("Attention", ["r", "w", "b", "", "", "m"], ["y"], domain="com.microsoft", num_heads=2)],
        lambda x: packed(x, m), constants, opset=17)
written("com.microsoft's Attention, causal", [rows, node("Attention", ["r", "w", "b"], ["y"], domain="com.microsoft", num_heads=2, unidirectional=1, scale=.2)],
        lambda x: packed(x, torch.full((36, 36), float("-inf")).triu(1), .2), constants, opset=17)
written("com.microsoft's MultiHeadAttention", [rows, node("MultiHeadAttention", ["r", "r", "r", "c"], ["y"], domain="com.microsoft", num_heads=2)],
        apart_by_bias, constants, opset=17)
written("Attention with a cap", [node("Attention", ["x", "x", "x", "m"], ["y"], softcap=1.5)],
        lambda x: (1.5 * (x @ x.transpose(2, 3) / 4 / 1.5).tanh() + causal).softmax(-1) @ x, [("m", causal.numpy())], opset=24)
written("Attention in windows", [node("Attention", ["x", "x", "x"], ["y"], left_window_size=2, right_window_size=1)],
        lambda x: attend(x, x, x, None, torch.full((12, 12), float("-inf")).triu(2) + torch.full((12, 12), float("-inf")).tril(-3)), opset=25)
to_maps = node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])
strided = node("Conv", ["t", "w", "b"], ["y"], strides=[2, 2], auto_pad="SAME_UPPER")
same = lambda x: F.conv2d(F.pad(x, (0, 1, 0, 1)), torch.tensor(conv), torch.tensor(bias), 2)
X = torch.randn(2, 3, 32, 48)
written("channels last", [to_maps, strided], same, [("w", conv), ("b", bias)], dims=("n", 32, 48, 3))
written("channels last, bytes", [node("Cast", ["x"], ["r"], to=1), node("Mul", ["r", "k"], ["m"]),
                                 node("Transpose", ["m"], ["t"], perm=[0, 3, 1, 2]), strided],
        lambda x: same(x / 64), [("w", conv), ("b", bias), ("k", np.float32(1 / 64))], dims=("n", 32, 48, 3), kind=TensorProto.UINT8)
checks.done()
