"""Networks computed in bfloat16, beside PyTorch: logits and gradients.

usage: test_bfloat16.py [all]     with the kernels that the program takes, or CAMRANK_ISA names; `all` has
networks of more families

Ours and PyTorch's in bfloat16 are compared with PyTorch's float32, whose results neither has. The norm of our
errors must be within 1.1 times that of PyTorch's, which rounds more often (the logits, and sums apart from
convolutions); that of the logits' within 0.5 % of their range. Gradients are those with respect to the pixels.
"""
import ctypes as ct
import io
import sys
import warnings

import numpy as np

try:
    import torch
    import torchvision
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from camrank import Checks, Graph, Net, lib
from zoo import export

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
NETWORKS = ["fully connected", "resnet18", "mobilenet_v2", "squeezenet1_1"]
FURTHER = ["resnet50", "densenet121", "googlenet", "efficientnet_b0", "convnext_tiny",
           "regnet_y_400mf", "shufflenet_v2_x0_5"]
BATCH, SIZE, CLASS, BFLOAT16 = 4, 64, 7, 1
MOST = 0.005
check = Checks()


class Clamp(torch.nn.Module):
    """ReLU6, of which PyTorch 1.13 has no gradient in bfloat16."""

    def forward(self, x):
        return x.clamp(0, 6)


def replace_relu6(module):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.ReLU6):
            setattr(module, name, Clamp())
        replace_relu6(child)


def fully_connected():
    """Layers whose sides are no multiples of what is multiplied together."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 40, 8, stride=8), torch.nn.Flatten(), torch.nn.Linear(2560, 200), torch.nn.Linear(200, 72),
        torch.nn.Linear(72, 10)).eval()


def make(name):
    torch.manual_seed(1)
    if name == "fully connected":
        return fully_connected()
    net = torchvision.models.get_model(name, weights=None, **(
        {"transform_input": False, "aux_logits": False} if name == "googlenet" else {})).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low, high in ((module.running_mean, -.3, .3), (module.running_var, .5, 2),
                                      (module.weight.data, .5, 1.5), (module.bias.data, -.2, .2)):
                values.uniform_(low, high)
        if getattr(module, "inplace", False):
            module.inplace = False
    return net


def by_torch(net, x):
    """Logits and, of each image, the gradient of one with respect to the pixels."""
    x.requires_grad_(True)
    logits = net(x)
    gradient, = torch.autograd.grad(logits[:, CLASS].float().sum(), x)
    return logits.detach().float().numpy(), gradient.float().numpy()


def address(array):
    return array.ctypes.data_as(ct.c_void_p)


def is_rounded(values):
    return not (np.ascontiguousarray(values, np.float32).view(np.uint32) & 0xffff).any()


def norm(values):
    return np.sqrt((values.astype(np.float64)**2).sum())


def judge_rounding():
    """All upper halves of a float32, each with lower ones about a tie, and back."""
    low = np.array([0, 1, 0x7fff, 0x8000, 0x8001, 0xffff], np.uint32)
    bits = (np.arange(1 << 16, dtype=np.uint32)[:, None] << 16 | low).ravel()
    values = bits.view(np.float32)
    normal = abs(values) >= np.finfo(np.float32).tiny
    ours, back = np.empty(len(bits), np.uint16), np.empty(len(bits), np.float32)
    n, none = ct.c_size_t(len(bits)), ct.c_ssize_t(0)
    lib.cr_bfloat16_store(ct.c_size_t(1), n, address(values), none, address(ours), none)
    lib.cr_bfloat16_load(ct.c_size_t(1), n, address(ours), none, address(back), none)
    theirs = torch.from_numpy(values.copy()).to(torch.bfloat16).float().numpy()
    theirs[~normal & ~np.isnan(values)] = 0
    check("numbers are rounded as PyTorch does it, denormal ones to 0, and come back",
          np.array_equal(back, theirs, equal_nan=True) and np.isnan(values).sum() > 1000)


def judge(name):
    net = make(name)
    x = torch.tensor(np.random.default_rng(2).normal(size=(BATCH, 3, SIZE, SIZE)).astype("f4"))
    model = export(net, SIZE, 13, True)
    exact, exact_gradient = by_torch(net, x)
    replace_relu6(net)
    theirs, their_gradient = by_torch(net.to(torch.bfloat16), x.detach().to(torch.bfloat16))
    graph = Graph(model, name)
    lib.cr_graph_use_precision(graph.handle, BFLOAT16)
    pixels = x.detach().numpy()
    targets = [(graph.last_spatial(), True), (lib.cr_graph_input(graph.handle), True)]
    ours = Net(graph, BATCH, targets, 1)
    logits = ours.forward(pixels)
    gradient = []
    step = ours.backward_images()
    for first in range(0, BATCH, step):
        n = min(step, BATCH - first)
        ours.backward(first, np.full((n, 1), CLASS))
        gradient.append(ours.gradients(1, n)[:, 0])
    gradient = np.concatenate(gradient)
    kept = ours.activations(0, BATCH)
    check(f"{name}: activations and gradients that are read are rounded, logits are not",
          is_rounded(kept) and is_rounded(gradient) and not is_rounded(logits))
    for what, own, other, true, scale in (
            ("logits", logits, theirs, exact, np.ptp(exact) * np.sqrt(exact.size)),
            ("gradients", gradient, their_gradient, exact_gradient, norm(exact_gradient))):
        mine, their = norm(own - true) / scale, norm(other - true) / scale
        check(f"{name}: {what}", 0 < mine <= 1.1 * their and (what != "logits" or mine <= MOST),
              f"errors of {mine:.2e}, PyTorch's of {their:.2e}")
    plain = Net(graph, 1)
    alone = np.concatenate([plain.forward(image[None]) for image in pixels])
    check(f"{name}: the same logits without the target and image by image",
          alone.tobytes() == logits.tobytes())


def judge_ties():
    """Filters rounded at each place that there is for the tie, in float64: ours has the sum of the errors nearest to 0."""
    n_steps, most = 512, 0x4000
    lib.cr_bfloat16_tied.restype = ct.c_uint16
    lib.cr_bfloat16_tied.argtypes = [ct.c_float, ct.c_int]
    lib.cr_ties_add.argtypes = [ct.c_void_p, ct.c_float]
    least, same, moved = True, True, 0
    for n in (1, 2, 9, 32, 144, 1024):
        for seed in range(8):
            weights = np.random.default_rng([n, seed]).normal(0, .05, n).astype("f4")
            weights[n // 2] = .125
            ties = (ct.c_double * (1 + 2 * (n_steps + 1)))()
            for w in weights:
                lib.cr_ties_add(ct.byref(ties), w)
            tie = lib.cr_ties_find(ct.byref(ties))
            exact = weights.astype("f8")
            step = np.exp2(np.frexp(exact)[1] - 8.)
            at = np.arange(-n_steps, n_steps + 1) * (most // n_steps)
            theirs = np.floor(exact / step + .5 + at[:, None] / 65536) * step
            errors = abs((theirs - exact).sum(1))
            ours = np.array([lib.cr_bfloat16_tied(w, tie) for w in weights], np.uint32) << 16
            chosen = theirs[np.flatnonzero(at == tie)[0]]
            least &= abs((chosen - exact).sum()) <= errors.min() + 1e-12
            same &= np.array_equal(ours.view(np.float32), chosen.astype("f4")) and ours[n // 2] == 0x3e000000
            moved += tie != 0
    check("a filter's errors add up to as little as they can", least and moved > 15, f"{moved} ties of 48 moved")
    check("weights are rounded at the tie, and a bfloat16 is not", same)


class Sums(torch.nn.Module):
    """A layer that reads a third of each image, and a depthwise convolution that alone reads what it makes."""

    def __init__(self, size):
        super().__init__()
        nn = torch.nn
        self.thirds, self.layer = nn.Conv2d(3, 64, 1, bias=False), nn.Conv2d(64, 96, size, padding=size // 2)
        self.depthwise, self.head = nn.Conv2d(96, 96, 3, groups=96), nn.Linear(96, 8)
        self.thirds.weight.data[:] = 1 / 3

    def forward(self, x):
        sums = self.layer(self.thirds(x).relu())
        return sums, self.head(self.depthwise(sums).mean((2, 3)))


def judge_sums():
    """Of ones, a layer makes the sums of its weights: as a depthwise convolution alone reads them, they are not rounded, and
    their errors are far below those that weights rounded to the nearest make."""
    torch.manual_seed(5)
    for size in (1, 3):
        net, stream = Sums(size).eval(), io.BytesIO()
        torch.onnx.export(net, torch.ones(1, 3, 16, 16), stream, opset_version=13, input_names=["x"],
                          output_names=["sums", "logits"], dynamic_axes={name: {0: "n"} for name in ("x", "sums", "logits")})
        graph = Graph(stream.getvalue(), "sums", output="logits")
        lib.cr_graph_use_precision(graph.handle, BFLOAT16)
        weights, bias = net.layer.weight.detach(), net.layer.bias.detach().double()
        exact, nearest = ((w.double().sum((1, 2, 3)) + bias).numpy() for w in (weights, weights.to(torch.bfloat16)))
        usually = norm(nearest - exact)
        for isa in range(lib.cr_isa_best() + 1):
            lib.cr_isa_use(isa)
            ours = Net(graph, BATCH, [(graph.find("sums"), False)])
            ours.forward(np.ones((BATCH, 3, 16, 16), "f4"))
            own = ours.activations(0, BATCH)[0, :, 8, 8]
            error = norm(own - exact)
            check(f"sums of {size}x{size} weights by {ct.c_char_p(lib.cr_isa_name(isa)).value.decode()}",
                  error <= usually / 4 and not is_rounded(own), f"errors of {error:.1e}, {usually:.1e} by the nearest weights")
        lib.cr_isa_use(usual)


def judge_grouped():
    """One sum of rounded pixels, rounded once: PyTorch's with weights of float32, but near a tie."""
    torch.manual_seed(3)
    x = torch.randn(BATCH, 3, SIZE, SIZE).to(torch.bfloat16).float()
    for n_outputs, name in ((3, "depthwise"), (12, "grouped")):
        layer = torch.nn.Conv2d(3, n_outputs, 3, padding=1, groups=3)
        net = torch.nn.Sequential(layer, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                                  torch.nn.Linear(n_outputs, 8)).eval()
        graph = Graph(export(net, SIZE, 13, True), name)
        lib.cr_graph_use_precision(graph.handle, BFLOAT16)
        ours = Net(graph, BATCH, [(graph.last_spatial(), False)])
        ours.forward(x.numpy())
        with torch.no_grad():
            theirs = layer(x).to(torch.bfloat16).float().numpy()
        same = (ours.activations(0, BATCH) == theirs).mean()
        check(f"weights of a {name} convolution are not rounded", same >= .99, f"{same:.2%} of its map alike")


def judge_three_by_three():
    """A sum of products in another order, or Winograd's, rounded once: what float64 makes of the same numbers, but for
    half a step of bfloat16 and, of the largest sum of magnitudes, 64 times the rounding of float32. Small integers are
    exact, and so the first layer's outputs are known."""
    generator = torch.Generator().manual_seed(4)
    spread = torch.nn.Conv2d(3, 48, 1, bias=False)
    spread.weight.data = torch.randint(-1, 2, spread.weight.shape, generator=generator).float()
    for height, width, pad in ((7, 7, 1), (7, 18, 1), (8, 9, 1), (10, 11, 1), (6, 14, 0), (28, 13, 1)):
        layer = torch.nn.Conv2d(48, 80, 3, padding=pad)
        for values in layer.parameters():
            values.data = torch.randn(values.shape, generator=generator).to(torch.bfloat16).float()
        net = torch.nn.Sequential(spread, torch.nn.ReLU(), layer, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                                  torch.nn.Linear(80, 8)).eval()
        x = torch.randint(-4, 5, (BATCH, 3, height, width), generator=generator).float()
        with torch.no_grad():
            between = spread(x).relu().double()
            true = torch.nn.functional.conv2d(between, layer.weight.double(), layer.bias.double(), padding=pad).numpy()
            most = torch.nn.functional.conv2d(between, layer.weight.double().abs(), padding=pad).max().item()
        graph = Graph(export(net, (height, width), 13, True), "three_by_three")
        lib.cr_graph_use_precision(graph.handle, BFLOAT16)
        for isa in range(lib.cr_isa_best() + 1):
            lib.cr_isa_use(isa)
            ours = Net(graph, BATCH, [(graph.last_spatial(), False)])
            ours.forward(x.numpy())
            own = ours.activations(0, BATCH)
            beyond = abs(own - true) - np.exp2(np.frexp(true)[1] - 9)
            check(f"3x3 to {true.shape[2]}x{true.shape[3]} by {ct.c_char_p(lib.cr_isa_name(isa)).value.decode()}",
                  own.shape == true.shape and beyond.max() <= 64 * 2.**-24 * most,
                  f"{beyond.max() / most * 2**24:.1f} of 64")
        lib.cr_isa_use(usual)


class Gate(torch.nn.Module):
    """A map times a value of each channel, as squeeze-and-excitation has it, or plus another."""

    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def forward(self, x):
        return x * x.amax((2, 3), keepdim=True) if self.gate else x + torch.nn.functional.max_pool2d(x, 5, 1, 2)


class WithMap(torch.nn.Module):
    def __init__(self, layers, n_channels):
        super().__init__()
        self.layers, self.head = layers, torch.nn.Linear(n_channels, 8)

    def forward(self, x):
        x = self.layers(x)
        return x, self.head(x.mean((2, 3)))


class LastNorm(torch.nn.LayerNorm):
    """Over the channels of a map."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def judge_pieces():
    """Layers that compute in float32 between maps of bfloat16, a few rows at a time: as PyTorch computes the whole of the
    same rounded numbers, rounded once. Taking the largest changes no number, so that it is nothing before and behind."""
    nn, height, width, n_channels = torch.nn, 67, 61, 24
    torch.manual_seed(4)
    norm = nn.BatchNorm2d(n_channels)
    norm.running_mean.uniform_(-.3, .3)
    norm.running_var.uniform_(.5, 2)
    layers = {"depthwise convolution": nn.Conv2d(n_channels, n_channels, 3, padding=1, groups=n_channels),
              "strided depthwise convolution": nn.Conv2d(n_channels, n_channels, 5, 2, padding=2, groups=n_channels),
              "dilated depthwise convolution": nn.Conv2d(n_channels, n_channels, 3, padding=3, dilation=2, groups=n_channels),
              "grouped convolution": nn.Conv2d(n_channels, n_channels, 3, 2, padding=1, groups=3),
              "maximum": nn.MaxPool2d(3, 2, 1), "dilated maximum": nn.MaxPool2d(3, 1, 1, 2, ceil_mode=True),
              "mean": nn.AvgPool2d(3, 2, 1, ceil_mode=True), "mean without padding": nn.AvgPool2d(5, 3, 2, count_include_pad=False),
              "affine": nn.Sequential(norm, nn.ReLU()), "layer normalisation": LastNorm(n_channels),
              "gate": Gate(True), "sum": Gate(False), "SiLU": nn.SiLU(), "GELU": nn.GELU(), "Hardswish": nn.Hardswish(),
              "sigmoid": nn.Sigmoid()}
    x = torch.randn(BATCH, n_channels, height, width).to(torch.bfloat16).float()
    largest = nn.MaxPool2d(3, 1, 1)
    for name, layer in layers.items():
        stream, net = io.BytesIO(), WithMap(nn.Sequential(largest, layer, largest), n_channels).eval()
        torch.onnx.export(net, x[:1], stream, opset_version=13, input_names=["x"], output_names=["map", "logits"],
                          dynamic_axes={name: {0: "n"} for name in ("x", "map", "logits")})
        graph = Graph(stream.getvalue(), name, output="logits")
        lib.cr_graph_use_precision(graph.handle, BFLOAT16)
        ours = Net(graph, BATCH, [(graph.find("map"), False)])
        ours.forward(x.numpy())
        mine = ours.activations(0, BATCH)
        with torch.no_grad():
            theirs = largest(layer(largest(x)).to(torch.bfloat16).float()).numpy()
        same, apart = (mine == theirs).mean(), (abs(mine - theirs) / np.maximum(abs(theirs), 1e-3)).max()
        check(f"{name}, in pieces", mine.shape == theirs.shape and same >= .99 and apart <= 2.**-7,
              f"{same:.2%} alike, others {apart:.1e} apart")


lib.cr_isa_name.restype = ct.c_void_p
usual = lib.cr_isa_used()
judge_rounding()
judge_ties()
judge_sums()
judge_grouped()
judge_three_by_three()
judge_pieces()
for case in NETWORKS + (FURTHER if sys.argv[1:] == ["all"] else []):
    judge(case)
check.done()
