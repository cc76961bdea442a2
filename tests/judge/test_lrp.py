"""Layer-wise relevance propagation: against the rules once more in PyTorch and double precision, whether it
conserves, and against what zennit and captum made of the kit's networks."""
import ctypes as ct
import io
import sys

try:
    import torch
    from torch.nn import functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import numpy as np

from camrank import Checks, Explainer, Graph, Refused, lib, method_spec
from method_peers import networks, why_no_networks

SIDE, CLASSES = 24, np.array([[0, 4, 2], [5, 2, 1]])
LOW, HIGH = (-2., -3., -2.5), (3., 2., 2.5)

checks = Checks()
torch.manual_seed(8)


class Small(torch.nn.Module):
    """A depthwise convolution with BatchNormalization, a sum of two branches that keeps its sign, a concatenation of
    both poolings, a mean and two fully connected layers."""

    def __init__(self, bias=True):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1, bias=bias)
        self.deep = torch.nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=bias)
        self.norm = torch.nn.BatchNorm2d(8)
        self.point = torch.nn.Conv2d(8, 6, 1, bias=bias)
        self.side = torch.nn.Conv2d(8, 6, 3, padding=1, bias=bias)
        self.last = torch.nn.Conv2d(12, 10, 3, stride=2, padding=1, bias=bias)
        self.hidden = torch.nn.Linear(10, 9, bias=bias)
        self.head = torch.nn.Linear(9, 6, bias=bias)
        self.norm.running_mean.normal_(0, .1 if bias else 0)
        self.norm.running_var.uniform_(.5, 2)
        if bias:
            self.norm.bias.data.normal_(0, .2)

    def forward(self, x):
        a = self.first(x).relu()
        b = self.norm(self.deep(a)).clamp(0, 6)
        c = self.point(b) + self.side(a)
        d = torch.cat([F.max_pool2d(c, 2), F.avg_pool2d(c, 2)], 1)
        e = self.last(d).relu()
        return self.head(self.hidden(e.mean((2, 3))).relu())


def stable(z, epsilon):
    return z + torch.where(z < 0, -epsilon, epsilon)


def back(f, x, s):
    """What of s comes back to x through f, a linear function."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(f(x), x, s)[0]


def by_parts(f, x, r, epsilon):
    return x * back(f, x, r / stable(f(x), epsilon))


def through(f, weight, bias, x, r, rule, p, low=None, high=None):
    """The relevance of x, by a rule, through f(x, weight, bias), a convolution or a product."""
    bias = torch.zeros(len(weight), dtype=x.dtype) if bias is None else bias
    none, w = torch.zeros_like(bias), weight
    up, down = w.clamp(min=0), w.clamp(max=0)

    def to(x, w, s):
        return x * back(lambda x: f(x, w, none), x, s)

    if rule == "epsilon":
        return to(x, w, r / stable(f(x, w, bias), p["epsilon"]))
    if rule == "flat":
        ones = torch.ones_like(x)
        return to(ones, torch.ones_like(w), r / stable(f(ones, torch.ones_like(w), none), p["stabilizer"]))
    if rule == "z-box":
        terms = (x, w, bias, 1), (low, up, bias.clamp(min=0), -1), (high, down, bias.clamp(max=0), -1)
        s = r / stable(sum(sign * f(x, w, b) for x, w, b, sign in terms), p["stabilizer"])
        return sum(sign * to(x, w, s) for x, w, _, sign in terms)
    plus, minus = x.clamp(min=0), x.clamp(max=0)
    if rule == "gamma":
        g, z = p["gamma"], f(x, w, bias)
        up, down = w + g * up, w + g * down
        b_up, b_down = bias + g * bias.clamp(min=0), bias + g * bias.clamp(max=0)
        shares = (z > 0).to(x), (z < 0).to(x)
    else:
        b_up, b_down = bias.clamp(min=0), bias.clamp(max=0)
        shares = p["alpha"], 1 - p["alpha"]
    s = shares[0] * r / stable(f(plus, up, b_up) + f(minus, down, none), p["stabilizer"])
    t = shares[1] * r / stable(f(plus, down, b_down) + f(minus, up, none), p["stabilizer"])
    return to(plus, up, s) + to(minus, down, s) + to(plus, down, t) + to(minus, up, t)


COMPOSITES = {  # of convolutions, of fully connected layers, of the first
    "epsilon-plus": ("alpha-beta", "epsilon", None), "epsilon-alpha2-beta1": ("alpha-beta", "epsilon", None),
    "epsilon-gamma-box": ("gamma", "epsilon", "z-box"), "epsilon": ("epsilon", "epsilon", None),
    "gamma": ("gamma", "gamma", None), "z-plus": ("alpha-beta", "alpha-beta", None),
    "alpha-beta": ("alpha-beta", "alpha-beta", None), "flat": ("flat", "flat", None)}
ALPHA = {"epsilon-alpha2-beta1": 2, "alpha-beta": 2}


def relevances(model, x, c, composite, first="composite", start="logit", **p):
    """Of one image, at the input, behind the sum and behind the last convolution."""
    p = dict(epsilon=1e-6, stabilizer=1e-6, gamma=.25, alpha=ALPHA.get(composite, 1)) | p
    conv, dense, box = COMPOSITES[composite]
    rule = first if first != "composite" else box or conv
    m = model
    scale = m.norm.weight / (m.norm.running_var + m.norm.eps).sqrt()
    deep = m.deep.weight * scale[:, None, None, None]
    deep_bias = m.norm.bias - m.norm.running_mean * scale + (0 if m.deep.bias is None else m.deep.bias * scale)

    def convolution(groups=1, stride=1, padding=1):
        return lambda x, w, b: F.conv2d(x, w, b, stride, padding, 1, groups)

    limits = [torch.tensor(v, dtype=x.dtype)[None, :, None, None].expand_as(x) for v in (LOW, HIGH)]
    a = m.first(x).relu()
    b = m.norm(m.deep(a)).clamp(0, 6)
    one, other = m.point(b), m.side(a)
    c_ = one + other
    pooled = F.max_pool2d(c_, 2), F.avg_pool2d(c_, 2)
    d = torch.cat(pooled, 1)
    e = m.last(d).relu()
    mean = e.mean((2, 3))
    h = m.hidden(mean).relu()
    logits = m.head(h)
    r = torch.zeros_like(logits)
    r[0, c] = logits[0, c] if start == "logit" else 1
    r = through(F.linear, m.head.weight, m.head.bias, h, r, dense, p)
    r = through(F.linear, m.hidden.weight, m.hidden.bias, mean, r, dense, p)
    at_e = r = by_parts(lambda e: e.mean((2, 3)), e, r, p["stabilizer"])
    r = through(convolution(stride=2), m.last.weight, m.last.bias, d, r, conv, p)
    r = back(lambda c: F.max_pool2d(c, 2), c_, r[:, :6]) + \
        by_parts(lambda c: F.avg_pool2d(c, 2), c_, r[:, 6:], p["stabilizer"])
    at_c = r
    s = r / stable(c_, p["stabilizer"])
    of_b = through(convolution(padding=0), m.point.weight, m.point.bias, b, one * s, conv, p)
    of_a = through(convolution(), m.side.weight, m.side.bias, a, other * s, conv, p)
    of_a = of_a + through(convolution(8), deep, deep_bias, a, of_b, conv, p)
    of_x = through(convolution(), m.first.weight, m.first.bias, x, of_a, rule, p, *limits)
    return [v.detach().numpy()[0].sum(0) for v in (of_x, at_c, at_e)]


def exported(model):
    out = io.BytesIO()
    torch.onnx.export(model, torch.zeros(1, 3, SIDE, SIDE), out, opset_version=13, input_names=["x"],
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    return Graph(out.getvalue(), "small")


def use_limits(explainer, low, high):
    lib.cr_explainer_use_limits(explainer.handle, 3, (ct.c_double * 3)(*low), (ct.c_double * 3)(*high))


def relus_of(graph):
    return [node.output.decode() for node in graph.layers() if node.op == b"Relu"][:2]


def layers_of(graph):
    """The sum, and the ReLU behind the last convolution."""
    nodes = [node for node in graph.layers()]
    maps = [node.output.decode() for node in nodes if node.op == b"Add"]
    return maps[0], [node.output.decode() for node in nodes if node.op == b"Relu" and node.shape.n_dims == 4][-1]


def check_torch(model, graph, x):
    cases = [(name, {}) for name in COMPOSITES]
    cases += [("epsilon-plus", dict(first="flat")), ("epsilon-alpha2-beta1", dict(first="z-box")),
              ("epsilon", dict(start="one", epsilon=.1, stabilizer=1e-3)), ("gamma", dict(gamma=2)),
              ("alpha-beta", dict(alpha=3))]
    places = ["", *["@" + layer for layer in layers_of(graph)]]
    specs = [method_spec(f"lrp{place}", relu=False, composite=name,
                         **{"from" if k == "start" else k: v for k, v in form.items()})
             for name, form in cases for place in places]
    explainer = Explainer(graph, specs, 2, 3)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    use_limits(explainer, LOW, HIGH)
    explainer.net.forward(x)
    maps = iter(explainer.maps(CLASSES))
    model.double()
    for name, form in cases:
        want = [[relevances(model, torch.tensor(x[i:i + 1]).double(), c, name, **form) for c in CLASSES[i]]
                for i in range(2)]
        off = []
        for k in range(3):
            wanted, got = np.array([[w[k] for w in of_image] for of_image in want]), next(maps)[:, :, 0]
            off.append((abs(got - wanted) / abs(wanted).max((2, 3), keepdims=True)).max())
        most = 2e-3 if name == "epsilon" and not form else 1e-4  # sums near 0 are divided by
        checks(f"lrp {name} {form}", max(off) < most, " ".join(f"{o:.1e}" for o in off))
    check_company(graph, x, specs, explainer.maps(CLASSES))


def check_company(graph, x, specs, maps):
    differ = []
    for spec, among in list(zip(specs, maps))[::5]:
        alone = Explainer(graph, [spec, method_spec("grad-cam")], 1, 3)
        use_limits(alone, LOW, HIGH)
        for i in range(2):
            alone.net.forward(x[i:i + 1])
            if abs(alone.maps(CLASSES[i:i + 1])[0][0] - among[i]).max() > 2e-6 * abs(among[i]).max():
                differ.append(spec.layers[0].value)
    checks("lrp alone and together", not differ, f"{differ}")


class Plain(torch.nn.Module):
    """Nothing that shares by parts, and of every output both positive and negative contributions."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(3, 12, 3, bias=False), torch.nn.Conv2d(12, 12, 3, stride=2, bias=False)
        self.hidden, self.head = torch.nn.Linear(300, 40, bias=False), torch.nn.Linear(40, 6, bias=False)

    def forward(self, x):
        x = F.max_pool2d(self.second(self.first(x).relu()).relu(), 2)
        return self.head(self.hidden(x.flatten(1)).relu())


# At how many of three places, the last first. Z-plus and alpha-beta lose where there is nothing positive, or negative,
# to share among, as behind a sum of both signs; flat where a mean, which shares by parts, is 0.
CONSERVES = [(lambda: Small(bias=False), {"epsilon-plus": 2, "epsilon-alpha2-beta1": 2, "epsilon-gamma-box": 3,
                                          "epsilon": 3, "gamma": 3}),
             (Plain, dict.fromkeys(("flat", "z-plus", "alpha-beta", "epsilon-plus", "epsilon-alpha2-beta1", "gamma"), 3))]


def check_conserves(x):
    """Without biases nothing is lost on the way: at each layer the sum of relevance is the logit, where the rule
    conserves."""
    for make, rules in CONSERVES:
        model = make().eval()
        graph = exported(model)
        places = ["", *["@" + layer for layer in (relus_of(graph) if make is Plain else layers_of(graph))]]
        specs = [method_spec(f"lrp{place}", relu=False, composite=name, epsilon=1e-9, stabilizer=1e-9,
                             first="flat" if name == "gamma" else "composite") for name in rules for place in places]
        explainer = Explainer(graph, specs, 2, 3)
        use_limits(explainer, LOW, HIGH)
        logits = np.take_along_axis(explainer.net.forward(x), CLASSES, 1)
        maps = explainer.maps(CLASSES)
        for (name, n), k in zip(rules.items(), range(0, len(maps), 3)):
            off = [(abs(m.sum((2, 3, 4)) - logits) / abs(m).sum((2, 3, 4))).max() for m in maps[k:k + 3]]
            checks(f"lrp {name} conserves in {type(model).__name__}", max(off[3 - n:]) < 1e-4,
                   " ".join(f"{o:.1e}" for o in off))


class Gated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = torch.nn.Conv2d(3, 8, 3), torch.nn.Linear(8, 6)

    def forward(self, x):
        x = self.conv(x)
        return self.head((x * x.sigmoid()).mean((2, 3)))


class Centred(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.small = Small()

    def forward(self, x):
        return self.small((x - 5) / 3)


def check_refused():
    for model, form, why in [(Gated(), {}, "through Mul"), (Centred(), dict(first="z-box"), "reads the input itself")]:
        try:
            Explainer(exported(model.eval()), [method_spec("lrp", **form)], 1, 1)
            checks(f"lrp of {type(model).__name__} is refused", False)
        except Refused as error:
            checks(f"lrp of {type(model).__name__} is refused", why in str(error), str(error))


KEYS = {"zennit.EpsilonPlus": dict(composite="epsilon-plus"),
        "zennit.EpsilonAlpha2Beta1": dict(composite="epsilon-alpha2-beta1"),
        "zennit.EpsilonGammaBox": dict(composite="epsilon-gamma-box"),
        "zennit.EpsilonAll1e-9": dict(composite="epsilon", epsilon=1e-9, stabilizer=1e-9),
        "captum.LRP_eps1e-9": dict(composite="epsilon", epsilon=1e-9, stabilizer=1e-9)}
CENTRED, MEAN, STD = (-np.ones(3), np.ones(3)), np.array([.485, .456, .406]), np.array([.229, .224, .225])
LIMITS = {"smallfc_64": CENTRED, "mobilenet_v2_1.0_224": CENTRED,
          "squeezenet1_0": (-np.array([104, 117, 123]), 255 - np.array([104, 117, 123])),
          "resnet18_seed0": (-MEAN / STD, (1 - MEAN) / STD)}


def check_peers(network):
    """By the epsilon rule a sum near 0 is divided by, so that more pixels follow rounding."""
    keys = [key for key in KEYS if f"{key}@input.grid" in network.golden.files]
    specs = [method_spec("lrp", relu=False, **{"from": "logit" if key.startswith("captum") else "one"}, **KEYS[key])
             for key in keys]
    explainer = Explainer(network.graph, specs, 2, 2)
    use_limits(explainer, *LIMITS[network.name])
    explainer.net.forward(network.x[:2])
    step = 3 if network.name == "smallfc_64" else 7
    for key, got in zip(keys, explainer.maps(network.classes[:2])):
        want = network.golden[f"{key}@input.grid"][:2].astype(np.float64).sum(2)
        off = abs(got[:, :, 0][..., step // 2::step, step // 2::step] - want) / abs(want).max((2, 3), keepdims=True)
        few, middle = (.01, 1e-6) if "1e-9" not in key else (.15, 5e-5)
        checks(f"{network.name} {key}", np.median(off) < middle and (off > 1e-4).mean() < few and off.max() < .1,
               f"median {np.median(off):.1e}, above 1e-4 {(off > 1e-4).mean():.2%}, largest {off.max():.1e}")


def main():
    lib.cr_blas_load(None)
    x = np.random.default_rng(4).standard_normal((2, 3, SIDE, SIDE)).clip(-2, 2).astype(np.float32)
    model = Small().eval()
    check_torch(model, exported(model), x)
    check_conserves(x)
    check_refused()
    if why_no_networks():
        print(f"skipped: the kit's networks, as {why_no_networks()}")
    else:
        for network in networks():
            check_peers(network)
    checks.done()


main()
