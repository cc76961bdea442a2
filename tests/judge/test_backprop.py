"""Gradients at the input, by each rule: against PyTorch, whose ReLUs are given the rule by hooks, and against
what captum made of the kit's networks."""
import ctypes as ct
import io
import sys

try:
    import torch
    from scipy.ndimage import gaussian_filter
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import numpy as np

from camrank import Checks, Explainer, Graph, Net, Refused, lib, load_double, method_spec, methods
from method_formulas import normals, splitmix
from method_peers import networks, why_no_networks
from structs import CR_NEEDS_PASSES as PASSES, CR_RULE_DECONV, CR_RULE_GUIDED, CR_RULE_PLAIN

HEIGHT, WIDTH = 23, 30
CLASSES = np.array([[0, 4, 2], [2, 2, 6], [6, 1, 1]])

checks = Checks()
torch.manual_seed(6)


class Small(torch.nn.Module):
    """A ReLU by itself, one behind a sum, one that ends (ReLU6) and one behind a linear layer."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 6, 3, padding=1)
        self.second = torch.nn.Conv2d(6, 6, 3, padding=1)
        self.third = torch.nn.Conv2d(6, 9, 3, stride=2)
        self.hidden = torch.nn.Linear(9 * 11 * 14, 20)
        self.head = torch.nn.Linear(20, 7)
        self.rectify = lambda x, end: torch.clamp(x, 0, end)

    def forward(self, x):
        x = self.rectify(self.first(x), None)
        x = self.rectify(x + self.second(x), None)
        x = self.rectify(4 * self.third(x), 1.)
        return self.head(self.rectify(self.hidden(x.flatten(1)), None))


class Ruled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, end, rule):
        ctx.save_for_backward(x)
        ctx.end, ctx.rule = end, rule
        return x.clamp(0, end)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        keeps = torch.ones_like(x) if ctx.end is None else (x < ctx.end).to(x)
        if ctx.rule != "deconv":
            keeps = keeps * (x > 0)
        return (g if ctx.rule == "plain" else g.clamp(min=0)) * keeps, None, None


def gradients(model, x, classes, rule):
    model.rectify = lambda x, end: Ruled.apply(x, end, rule)
    x = x.clone().requires_grad_()
    logits = model(x)
    return torch.stack([torch.autograd.grad(logits[range(len(x)), classes[:, slot]].sum(), x,
                                            retain_graph=True)[0]
                        for slot in range(classes.shape[1])], 1)


def reduced(values, absolute, channels):
    """[N, slots, 3, H, W] to [N, slots, H, W]."""
    values = np.abs(values) if absolute else values
    return {"maximum": values.max, "sum": values.sum, "mean": values.mean}[channels](-3)


RULES = {"saliency": "plain", "input-x-gradient": "plain", "guided-backprop": "guided",
         "deconvnet": "deconv"}
IN_C = {"plain": CR_RULE_PLAIN, "guided": CR_RULE_GUIDED, "deconv": CR_RULE_DECONV}
DEFAULTS = {name: (True, "maximum") for name in RULES} | {"input-x-gradient": (False, "sum")}


def exported(model):
    out = io.BytesIO()
    torch.onnx.export(model, torch.zeros(1, 3, HEIGHT, WIDTH), out, opset_version=13, input_names=["x"])
    return Graph(out.getvalue(), "small")


def check_torch(model, graph, x):
    forms = [{}, dict(absolute=False, channels="sum"), dict(absolute=True, channels="mean"),
             dict(absolute=False, channels="maximum")]
    cases = [(name, form) for name in RULES for form in forms]
    layer = [node.output.decode() for node in graph.layers()][2]
    explainer = Explainer(graph, [method_spec(name, relu=False, **form) for name, form in cases] +
                          [method_spec(f"grad-cam@{layer}", relu=False)], 3, 3)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    explainer.net.forward(x)
    maps = explainer.maps(CLASSES)
    model.double()
    for (name, form), got in zip(cases, maps):
        values = gradients(model, torch.tensor(x).double(), CLASSES, RULES[name]).numpy()
        if name == "input-x-gradient":
            values = values * x[:, None]
        absolute, channels = DEFAULTS[name]
        want = reduced(values, form.get("absolute", absolute), form.get("channels", channels))
        off = abs(got[:, :, 0] - want).max() / abs(want).max()
        checks(f"{name} {form}", off < 1e-5, f"{off:.1e}")
    alone = Explainer(graph, [method_spec(f"grad-cam@{layer}", relu=False)], 3, 3)
    alone.net.forward(x)
    checks("grad-cam beside them has its bits", np.array_equal(alone.maps(CLASSES)[0], maps[-1]))


# --- means over changed inputs -------------------------------------------------------------------

def nodes(rule, n):
    k = np.arange(n)
    if rule == "trapezoid":
        return k / (n - 1), np.where((k == 0) | (k == n - 1), .5, 1) / (n - 1)
    if rule == "gauss-legendre":
        at, weights = np.polynomial.legendre.leggauss(n)
        return (at + 1) / 2, weights / 2
    return (k + (1 if rule == "right" else .5)) / n, np.full(n, 1 / n)


def baseline_of(x, reference="value", baseline=0., blur=10., black=0.):
    """As large as x, [3, H, W]; the blurring is SciPy's."""
    return {"value": lambda: np.full(x.shape, baseline),
            "black": lambda: np.broadcast_to(np.reshape(black, (-1, 1, 1)), x.shape).astype(np.float64),
            "mean": lambda: np.broadcast_to(x.mean((1, 2), keepdims=True), x.shape),
            "blurred": lambda: gaussian_filter(x, (0, blur, blur), mode="nearest")}[reference]()


def integrated(gradient, x, steps=50, rule="right", **of):
    at, weights = nodes(rule, steps)
    baseline = baseline_of(x, black=LIMITS[0], **of)
    return (x - baseline) * sum(w * gradient(baseline + t * (x - baseline)) for t, w in zip(at, weights))


def noise(image_seed, seed, k, shape):
    key = splitmix(splitmix(image_seed ^ splitmix(seed)) ^ k)
    return normals(key, int(np.prod(shape))).reshape(shape)


def smooth(gradient, x, image_seed, samples=50, sigma=.15, of="gradient", moment="mean", seed=0, steps=10, **path):
    found = []
    for k in range(samples):
        # Noise is numbered as pixels lie in memory, channels last.
        of_k = noise(image_seed, seed, k, (*x.shape[1:], 3)).transpose(2, 0, 1)
        noisy = x + sigma * np.ptp(x) * of_k
        if of == "integrated-gradients":  # from where the path of the input without noise begins
            base = baseline_of(x, black=LIMITS[0], **path)
            found.append((noisy - base) * sum(gradient(base + (t + 1) / steps * (noisy - base)) for t in range(steps)) / steps)
        else:
            g = gradient(noisy)
            found.append(g * noisy if of == "input-x-gradient" else g)
    found = np.stack(found)
    return {"mean": found.mean, "square": (found**2).mean, "variance": found.var}[moment](0)


LIMITS = (-2., 2., -3.), (1., -1., 3.)  # of a channel that is inverted, too
BASELINES = np.random.default_rng(8).standard_normal((4, 3, HEIGHT, WIDTH)).astype(np.float32)


def expected(gradient, x, image_seed, samples=50, baselines="constant", baseline=0., sigma=0., seed=0):
    """The mean over places on paths, each from a baseline of its own, of difference times gradient."""
    def uniform(key, numbers):
        return np.array([splitmix(key ^ int(i)) >> 11 for i in np.ravel(numbers)]).reshape(np.shape(numbers)) / 2.**53

    total, black, white = 0, *(np.array(v)[:, None, None] for v in LIMITS)
    for k in range(samples):
        key = splitmix(splitmix(image_seed ^ splitmix(seed)) ^ k)
        numbers = np.arange(x.size).reshape(*x.shape[1:], 3).transpose(2, 0, 1)
        share = uniform(splitmix(key), 2 + numbers if baselines == "noise" else np.ones(x.shape))
        base = black + share * (white - black)
        if baselines == "constant":
            base = np.full(x.shape, baseline)
        elif baselines == "images":
            base = BASELINES[int(share.flat[0] * len(BASELINES))].astype(np.float64)
        noisy = x + sigma * np.ptp(x) * (noise(image_seed, seed, k, (*x.shape[1:], 3)).transpose(2, 0, 1) if sigma else 0)
        total = total + (noisy - base) * gradient(base + uniform(splitmix(key), 0) * (noisy - base))
    return total / samples


def check_changed(model, graph, x):
    seeds = [5, 6, 2**63 + 7]
    cases = [("integrated-gradients", form) for form in (
        dict(), dict(rule="middle", steps=7), dict(rule="trapezoid", steps=9, baseline=-.5),
        dict(rule="gauss-legendre", steps=6), dict(rule="gauss-legendre", steps=50), dict(reference="black", steps=5),
        dict(reference="mean", steps=5), dict(reference="blurred", steps=5), dict(reference="blurred", blur=1.3, steps=4))]
    cases += [("smooth-grad", form) for form in (
        dict(samples=4), dict(samples=3, seed=4, sigma=.3, of="input-x-gradient"),
        dict(samples=5, moment="square"), dict(samples=3, of="guided-backprop"),
        dict(samples=3, of="deconvnet"), dict(samples=3, of="integrated-gradients", steps=4),
        dict(samples=2, of="integrated-gradients", reference="blurred", blur=2, steps=3))]
    cases += [("var-grad", dict(samples=6)), ("var-grad", dict(samples=4, of="integrated-gradients", steps=2, baseline=.5))]
    cases += [("expected-gradients", dict(samples=4)), ("expected-gradients", dict(samples=3, baselines="grey", seed=5)),
              ("gradient-shap", dict(samples=3, sigma=.1, baseline=-.5)),
              ("gradient-shap", dict(samples=2, baselines="noise", sigma=.2)),
              ("expected-gradients", dict(samples=9, baselines="images")),
              ("gradient-shap", dict(samples=5, baselines="images", sigma=.1, seed=2))]
    specs = [method_spec(name, relu=False, **form) for name, form in cases]
    explainer = Explainer(graph, specs + [method_spec("saliency")], 3, 3)
    explainer.memory[1][:] = 255
    lib.cr_explainer_use_limits(explainer.handle, 3, *[(ct.c_double * 3)(*v) for v in LIMITS])
    explainer.use_baselines(BASELINES)
    explainer.net.forward(x)
    maps = explainer.maps(CLASSES, seeds=seeds)
    for (name, form), got in zip(cases, maps):
        for i in range(3):
            def gradient(changed):
                return gradients(model, torch.tensor(changed[None]).double(), CLASSES[i:i + 1],
                                 RULES.get(form.get("of"), "plain"))[0].numpy()
            image = x[i].astype(np.float64)
            if name == "integrated-gradients":
                want = reduced(integrated(gradient, image, **form), False, "sum")
            elif name in ("expected-gradients", "gradient-shap"):
                form = (dict(baselines="noise") if name == "expected-gradients" else {}) | form
                want = reduced(expected(gradient, image, seeds[i], **form), False, "sum")
            else:
                moment = dict(moment="variance") if name == "var-grad" else {}
                want = reduced(smooth(gradient, image, seeds[i], **moment, **form), True, "maximum")
            # The side of a ReLU that is near 0 in single precision may be the other one.
            off = abs(got[i, :, 0] - want) / abs(want).max()
            checks(f"{name} {form} {i}", np.median(off) < 1e-5 and (off > 1e-4).mean() < .02,
                   f"median {np.median(off):.1e}, largest {off.max():.1e}")


def guided_grad_cam(model, x, classes, layer, enlarge, form):
    """Of a layer of the model, before `enlarge`d by PyTorch."""
    kept, held = {}, layer.register_forward_hook(lambda _, __, out: kept.update(A=out))
    model.rectify = lambda x, end: Ruled.apply(x, end, "plain")
    logits = model(x)
    held.remove()
    cams = []
    for slot in range(classes.shape[1]):
        g, = torch.autograd.grad(logits[range(len(x)), classes[:, slot]].sum(), kept["A"], retain_graph=True)
        cams.append((g.mean((2, 3), keepdim=True) * kept["A"]).sum(1))
    how = dict(mode=enlarge) if enlarge == "nearest" else dict(mode=enlarge, align_corners=False)
    cam = torch.nn.functional.interpolate(torch.stack(cams, 1).relu(), x.shape[2:], **how)
    guided = gradients(model, x, classes, "guided") * cam[:, :, None]
    return reduced(guided.detach().numpy(), *form)


def check_guided_grad_cam(model, graph, x):
    layer = [node.output.decode() for node in graph.layers() if node.op == b"Conv"][2]
    cases = [("bilinear", (True, "maximum")), ("nearest", (False, "sum")), ("bilinear", (False, "mean"))]
    specs = [method_spec(f"guided-grad-cam@{layer}", relu=False, enlarge=enlarge, absolute=absolute, channels=channels)
             for enlarge, (absolute, channels) in cases]
    explainer = Explainer(graph, specs + [method_spec(f"guided-grad-cam@{layer}"), method_spec("saliency")], 3, 3)
    explainer.memory[1][:] = 255
    explainer.net.forward(x)
    maps = explainer.maps(CLASSES)
    for (enlarge, form), got in zip(cases, maps):
        want = guided_grad_cam(model, torch.tensor(x).double(), CLASSES, model.third, enlarge, form)
        off = abs(got[:, :, 0] - want).max() / abs(want).max()
        checks(f"guided-grad-cam {enlarge} {form}", off < 1e-5, f"{off:.1e}")
    checks("guided-grad-cam by default", np.array_equal(maps[3], maps[0]))
    try:
        Explainer(graph, [method_spec(f"guided-grad-cam@{layer}+{layer}")], 1, 1)
        checks("guided-grad-cam of two layers is refused", False)
    except Refused as error:
        checks("guided-grad-cam of two layers is refused", "one layer" in str(error), str(error))


def full_grad(model, x, c, rescale, align_corners, epsilon):
    """Of one image: what the biases of its convolutions and the input contribute."""
    def sum_of(values):
        values = abs(values)
        over = (1, 2, 3) if rescale == "layer" else (2, 3)
        values = values - values.amin(over, keepdim=True)
        values = values / (values.amax(over, keepdim=True) + epsilon)
        return torch.nn.functional.interpolate(values.sum(1, keepdim=True), x.shape[2:], mode="bilinear",
                                               align_corners=align_corners)[0, 0]

    kept = []
    convs = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    held = [conv.register_forward_hook(lambda module, _, out: kept.append((module.bias, out))) for conv in convs]
    model.rectify = lambda x, end: Ruled.apply(x, end, "plain")
    x = x.clone().requires_grad_()
    logit = model(x)[0, c]
    for handle in held:
        handle.remove()
    of_x, *gs = torch.autograd.grad(logit, [x] + [out for _, out in kept])
    total = sum_of(of_x * x)
    for (bias, _), g in zip(kept, gs):
        total = total + sum_of(g * bias[:, None, None])
    return total.detach().numpy()


def check_full_grad(model, graph, x):
    cases = [dict(), dict(rescale="channel", align_corners=False, epsilon=1e-7), dict(epsilon=0)]
    explainer = Explainer(graph, [method_spec("full-grad", **form) for form in cases], 3, 3)
    explainer.memory[1][:] = 255
    explainer.net.forward(x)
    for form, got in zip(cases, explainer.maps(CLASSES)):
        p = dict(rescale="layer", align_corners=True, epsilon=1e-6) | form
        want = np.stack([[full_grad(model, torch.tensor(x[i:i + 1]).double(), c, **p) for c in CLASSES[i]]
                         for i in range(3)])
        off = abs(got[:, :, 0] - want).max() / want.max()
        checks(f"full-grad {form}", off < 1e-5, f"{off:.1e}")


def check_company(graph, x):
    """Bits, alone and beside the others, one image and several."""
    names = [m.name.decode() for m in methods() if m.of_input and not m.needs & PASSES]
    checks("every such method is known here", sorted(names) == sorted([*RULES, "full-grad"]), str(names))
    specs = [method_spec(name) for name in names]
    together = Explainer(graph, specs, 3, 3)
    together.net.forward(x)
    maps, differ = together.maps(CLASSES), []
    for spec, name, among in zip(specs, names, maps):
        alone = Explainer(graph, [spec], 1, 3)
        for i in range(3):
            alone.net.forward(x[i:i + 1])
            got = alone.maps(CLASSES[i:i + 1])[0][0]
            if abs(got - among[i]).max() > 2e-6 * abs(got).max():
                differ.append(name)
        if not np.isfinite(among).all() or np.ptp(among) == 0:
            differ.append(f"{name} is empty")
    checks("alone and together", not differ, f"{differ}")


class Mixed(Small):
    """A SiLU and a GELU before the ReLUs."""

    def forward(self, x):
        x = torch.nn.functional.silu(self.first(x))
        x = torch.nn.functional.gelu(x + self.second(x))
        x = self.rectify(4 * self.third(x), 1.)
        return self.head(self.rectify(self.hidden(x.flatten(1)), None))


def check_mixed(x):
    """Other functions keep their gradient, beside ReLUs that have the rule."""
    model = Mixed().eval()
    names = "guided-backprop", "deconvnet"
    specs = [method_spec(name, relu=False, absolute=False, channels="sum") for name in names]
    explainer = Explainer(exported(model), specs, 3, 3)
    explainer.net.forward(x)
    model.double()
    for name, got in zip(names, explainer.maps(CLASSES)):
        values = gradients(model, torch.tensor(x).double(), CLASSES, RULES[name]).numpy()
        want = reduced(values, False, "sum")
        off = abs(got[:, :, 0] - want).max() / abs(want).max()
        checks(f"{name} beside SiLU and GELU", off < 1e-5, f"{off:.1e}")


def check_refused():
    for function in torch.nn.Sigmoid(), torch.nn.SiLU(), torch.nn.GELU():
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), function, torch.nn.Flatten(),
                                    torch.nn.Linear(4 * (HEIGHT - 2) * (WIDTH - 2), 7))
        graph = exported(model)
        for name, form in [("guided-backprop", {}), ("deconvnet", {}), ("guided-grad-cam", {}),
                           ("smooth-grad", dict(of="guided-backprop"))]:
            what = f"{name} {form} of {type(function).__name__} alone is refused"
            try:
                Explainer(graph, [method_spec(name, **form)], 1, 1)
                checks(what, False)
            except Refused as error:
                checks(what, "no ReLU" in str(error), str(error))


KEYS = {"captum.Saliency": "saliency", "captum.InputXGradient": "input-x-gradient",
        "captum.GuidedBackprop": "guided-backprop", "captum.Deconvolution": "deconvnet"}


def exact(graph, x, classes, rule):
    """Gradients [n, slots, 3, H, W] in double precision."""
    net = Net(graph, 1, [(graph.find("input"), True)], classes.shape[1])
    found = []
    for image, wanted in zip(x, classes):
        net.forward(image[None])
        net.backward_seeded(0, np.eye(graph.n_classes)[wanted][None], rule)
        found.append(net.gradients(0, 1)[0])
    return np.stack(found)


def check_peers(network, double):
    """In double precision every value is the peer's, where that computed so; the kit rounds to 16 bits. In
    single precision a ReLU or a pooling falls to the other side here and there, and a patch of the input
    with it."""
    doubles = [str(key).split()[0] for key in network.golden["computed_in"] if str(key).endswith("f64")]
    golden, step = network.golden, 3 if network.name == "smallfc_64" else 7
    sampled = (..., slice(step // 2, None, step), slice(step // 2, None, step))
    explainer = Explainer(network.graph, [method_spec(name, relu=False) for name in KEYS.values()], 4, 2)
    explainer.net.forward(network.x[:3])
    maps = explainer.maps(network.classes[:3])
    graph = Graph(network.graph.data, network.name, lib=double)
    for (key, name), got in zip(KEYS.items(), maps):
        if f"{key}@input.grid" not in golden.files:
            continue
        want = golden[f"{key}@input.grid"].astype(np.float64)
        n = len(want)
        values = exact(graph, network.x[:1], network.classes[:1], IN_C[RULES[name]])
        values = values * network.x[:1, None] if name == "input-x-gradient" else values
        values = np.abs(values) if name == "saliency" else values
        link = abs(values[sampled] - want[:1]).max() / max(abs(want[:1]).max(), 1e-30)
        want = reduced(want, *DEFAULTS[name])
        off = abs(got[:n, :, 0][sampled] - want) / np.maximum(abs(want).max((2, 3), keepdims=True), 1e-30)
        right = link < (2e-5 if f"{key}@input" in doubles else .1)
        checks(f"{network.name} {key}", right and np.median(off) < 1e-5 and off.max() < .1,
               f"in double precision {link:.1e}; in single: median {np.median(off):.1e}, above 1e-4 "
               f"{(off > 1e-4).mean():.2%}, largest {off.max():.1e}")


def check_full(network):
    key, step = "pgc.FullGrad@input.grid", 3 if network.name == "smallfc_64" else 7
    want = network.golden[key].astype(np.float64)[:2, :, 0]
    spec = method_spec("full-grad", rescale="channel", align_corners=False, epsilon=1e-7)
    explainer = Explainer(network.graph, [spec], 2, 2)
    explainer.net.forward(network.x[:2])
    got = explainer.maps(network.classes[:2])[0][:, :, 0, step // 2::step, step // 2::step]
    off = abs(got - want) / abs(want).max((2, 3), keepdims=True)
    checks(f"{network.name} {key}", off.max() < 2e-4, f"largest {off.max():.1e}")


def check_guided(network):
    """captum's Guided Grad-CAM at the first layer that the kit's README lists, which enlarges to the nearest."""
    key, step = "captum.GuidedGradCam@input.grid", 3 if network.name == "smallfc_64" else 7
    layer = {"smallfc_64": "conv4/relu", "squeezenet1_0": "conv_final/relu", "mobilenet_v2_1.0_224": "Conv_1/relu6",
             "resnet18_seed0": "layer4"}[network.name]
    want = reduced(network.golden[key].astype(np.float64), False, "sum")
    spec = method_spec(f"guided-grad-cam@{network.value_name(layer)}", relu=False, absolute=False, channels="sum",
                       enlarge="nearest")
    explainer = Explainer(network.graph, [spec], 4, 2)
    explainer.net.forward(network.x[:len(want)])
    got = explainer.maps(network.classes[:len(want)])[0][:, :, 0, step // 2::step, step // 2::step]
    off = abs(got - want) / np.maximum(abs(want).max((2, 3), keepdims=True), 1e-30)
    checks(f"{network.name} {key}", np.median(off) < 1e-5 and (off > 1e-4).mean() < .01 and off.max() < .1,
           f"median {np.median(off):.1e}, above 1e-4 {(off > 1e-4).mean():.2%}, largest {off.max():.1e}")


def check_path(network):
    """captum's integrated gradients of one image. At each of 50 inputs some ReLU or pooling falls to the other
    side in single precision; where few do (the first two networks), 99 % of the pixels are within 1e-4."""
    key, step = "captum.IntegratedGradients_gl50@input.grid", 3 if network.name == "smallfc_64" else 7
    if key not in network.golden.files:
        return
    few = network.name in ("smallfc_64", "squeezenet1_0")
    want = reduced(network.golden[key][:1].astype(np.float64), False, "sum")
    spec = method_spec("integrated-gradients", relu=False, rule="gauss-legendre")
    explainer = Explainer(network.graph, [spec], 16, 2)
    explainer.net.forward(network.x[:1])
    got = explainer.maps(network.classes[:1])[0][:, :, 0, step // 2::step, step // 2::step]
    off = abs(got - want) / abs(want).max((2, 3), keepdims=True)
    checks(f"{network.name} {key}", np.median(off) < 5e-5 and (off > 1e-4).mean() < (.01 if few else .3) and off.max() < .02,
           f"median {np.median(off):.1e}, above 1e-4 {(off > 1e-4).mean():.2%}, largest {off.max():.1e}")


def main():
    lib.cr_blas_load(None)
    model = Small().eval()
    graph = exported(model)
    x = np.random.default_rng(2).standard_normal((3, 3, HEIGHT, WIDTH)).astype(np.float32)
    check_torch(model, graph, x)
    check_changed(model, graph, x)
    check_guided_grad_cam(model, graph, x)
    check_full_grad(model, graph, x)
    check_company(graph, x)
    check_mixed(x)
    check_refused()
    if why_no_networks():
        print(f"skipped: the kit's networks, as {why_no_networks()}")
    else:
        double = load_double()
        for network in networks():
            check_peers(network, double)
            check_guided(network)
            check_full(network)
            check_path(network)
    checks.done()


if __name__ == "__main__":
    main()
