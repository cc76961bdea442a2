"""Methods that ask the network again: against the same loops over PyTorch's network, and against what the
peers' own programs made of the kit's networks."""
import io
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import numpy as np

from camrank import Checks, Explainer, Graph, lib, method_spec, methods
from method_formulas import normals, splitmix
from method_peers import networks, why_no_networks
from structs import CR_NEEDS_PASSES as PASSES, CR_NEEDS_TAIL as TAIL

HEIGHT, WIDTH, SEEDS = 23, 30, [5, 6, 2**63 + 7]
CLASSES = np.array([[0, 4, 2], [2, 2, 6], [6, 1, 1]])
FEW = {"integrated-gradients": dict(steps=3)} | {name: dict(samples=3) for name in (
    "smooth-grad", "var-grad", "expected-gradients", "gradient-shap")}
FEW |= dict(rise=dict(masks=37, grid=4, probability=.3), occlusion=dict(window=9, stride=5))
FEW |= {name: dict(superpixels=9, samples=40) for name in ("lime", "kernel-shap")}
FEW |= {"ss-cam": dict(samples=3)}

checks = Checks()
torch.manual_seed(4)


# --- PyTorch -------------------------------------------------------------------------------------

def torch_network():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 9, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(9 * (HEIGHT // 2) * (WIDTH // 2), 7)).double().eval()


def exported(model):
    out = io.BytesIO()
    torch.onnx.export(model.float(), torch.zeros(1, 3, HEIGHT, WIDTH), out, opset_version=13,
                      input_names=["x"])
    model.double()
    return Graph(out.getvalue(), "small")


def scores(logits, kind):
    return logits.softmax(1) if kind == "probability" else logits


def occlusion(model, x, classes, window=32, stride=16, baseline=0, score="probability"):
    total, n = torch.zeros(len(classes), HEIGHT, WIDTH).double(), torch.zeros(HEIGHT, WIDTH)
    whole = scores(model(x[None]), score)[0, classes]

    def starts(side):
        return range(0, max(side - window, 0) + stride, stride) if side > window else [0]

    for y in starts(HEIGHT):
        for left in starts(WIDTH):
            covered = x.clone()
            covered[:, y:y + window, left:left + window] = baseline
            fall = whole - scores(model(covered[None]), score)[0, classes]
            total[:, y:y + window, left:left + window] += fall[:, None, None]
            n[y:y + window, left:left + window] += 1
    return total / n.clamp(min=1)


def mirrored(i, n):
    return np.where(i < 0, -i, np.where(i >= n, 2 * (n - 1) - i, i)) if n > 1 else 0 * i


def rise_mask(grid, offset, height, width):
    """As RISE's own program: the grid enlarged to one cell more than it has, and cut out at an offset."""
    mask, s = np.asarray(grid, np.float64), len(grid)
    for axis, n, start in zip((0, 1), (height, width), offset):
        cell = -(-n // s)
        at = (np.arange(n) + start + .5) * s / ((s + 1) * cell) - .5
        low = np.floor(at).astype(int)
        weight = (at - low)[:, None] if axis == 0 else at - low
        a, b = (np.take(mask, mirrored(i, s), axis) for i in (low, low + 1))
        mask = a + weight * (b - a)
    return mask


def rise_masks(image_seed, n, s, probability, seed, height, width):
    key_of_image = splitmix(image_seed ^ splitmix(seed))
    for k in range(n):
        key = splitmix(key_of_image ^ k)
        bits = [splitmix(key ^ i) for i in range(s * s + 2)]
        grid = (np.array([b >> 11 for b in bits[:-2]]) / 2.**53 < probability).reshape(s, s)
        yield rise_mask(grid, (bits[-2] % -(-height // s), bits[-1] % -(-width // s)), height, width)


def rise(model, x, classes, image_seed, masks=4000, grid=7, probability=.5, seed=0, score="probability"):
    total = torch.zeros(len(classes), HEIGHT, WIDTH).double()
    for mask in rise_masks(image_seed, masks, grid, probability, seed, HEIGHT, WIDTH):
        mask = torch.tensor(mask)
        total += scores(model((x * mask)[None]), score)[0, classes][:, None, None] * mask
    return total / masks / probability


def score_cam(model, x, classes, A, weights="softmax", score="logit", normalize="after",
              align_corners=False, steps=1, samples=0, sigma=2, seed=0, image_seed=0):
    def stretched(m):
        low, high = m.amin((1, 2), True), m.amax((1, 2), True)
        return torch.where(high > low, (m - low) / (high - low), torch.zeros_like(m))

    masks = stretched(A) if normalize == "before" else A
    masks = F.interpolate(masks[None], x.shape[1:], mode="bilinear", align_corners=align_corners)[0]
    masks = stretched(masks) if normalize == "after" else masks
    def noise(sample):
        key = splitmix(image_seed ^ splitmix(seed))
        of_channels = [normals(splitmix(key ^ (k * samples + sample)), x[0].numel()) for k in range(len(A))]
        return sigma * torch.tensor(np.array(of_channels)).reshape(masks.shape)

    seen = [masks + noise(i) for i in range(samples)] or [masks * (i + 1) / steps for i in range(steps)]
    of_channels = sum(scores(model(x * m[:, None]), score)[:, classes].T for m in seen) / len(seen)
    if weights == "softmax":
        of_channels = of_channels.softmax(1)
    elif weights == "increase":
        of_channels = of_channels - scores(model(torch.zeros_like(x)[None]), score)[0, classes][:, None]
    return torch.einsum("sk,khw->shw", of_channels, A)


class Crossed(torch.nn.Module):
    """Behind `inner` a sum and a concatenation read what does not depend on it."""

    def __init__(self, head):
        super().__init__()
        conv = torch.nn.Conv2d
        self.stem, self.inner, self.other = conv(3, 6, 3, padding=1), conv(6, 6, 3, padding=1), conv(6, 4, 1)
        self.last = conv(10, 8, 3, padding=1)
        self.head = head

    def forward(self, x):
        stem = self.stem(x).relu()
        other = self.other(stem).relu()
        inner = (self.inner(stem).relu() + stem).relu()
        last = self.last(torch.cat([other, inner], 1)).relu()
        return self.head(last)


def crossed(averaged):
    nn = torch.nn
    size = (HEIGHT // 4) * (WIDTH // 4)
    return Crossed(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7)) if averaged else
                   nn.Sequential(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(8 * size, 7))).double().eval()


def with_layer(model, module, x, hook):
    handle = module.register_forward_hook(lambda *call: hook(call[2]))
    logits = model(x[None])
    handle.remove()
    return logits


def layer_of(model, module, x):
    kept = []
    logits = with_layer(model, module, x, lambda out: kept.append(out.relu()))
    return kept[0][0], logits


def recipro_cam(model, module, x, classes, gaussian=True, score="probability"):
    A, _ = layer_of(model, module, x)
    maps = torch.zeros(len(classes), *A.shape[1:]).double()
    window = np.outer([1, 2, 1], [1, 2, 1]) / 16 if gaussian else np.ones((1, 1))
    reach = len(window) // 2
    for i in range(A.shape[1]):
        for j in range(A.shape[2]):
            seen = np.zeros((A.shape[1] + 2, A.shape[2] + 2))
            seen[i + 1 - reach:i + 2 + reach, j + 1 - reach:j + 2 + reach] = window
            changed = A * torch.tensor(seen[1:-1, 1:-1])
            maps[:, i, j] = scores(with_layer(model, module, x, lambda out: changed[None]), score)[0, classes]
    return maps


def ablation_cam(model, module, x, classes, baseline="zero", weights="share"):
    A, logits = layer_of(model, module, x)
    logits = logits[0, classes]
    value = A.min().item() - 1e7 if baseline == "below" and A.min() != 0 else 0
    losses = []
    for k in range(len(A)):
        changed = A[None].clone()
        changed[0, k] = value
        losses.append(logits - with_layer(model, module, x, lambda out: changed)[0, classes])
    w = torch.stack(losses, 1)
    return torch.einsum("sk,khw->shw", w / logits[:, None] if weights == "share" else w, A)


TAILS = {"ablation-cam": (ablation_cam, [dict(), dict(weights="difference"), dict(baseline="below")]),
         "recipro-cam": (recipro_cam, [dict(), dict(gaussian=False, score="logit")])}


def check_tails(x):
    for averaged in False, True:
        model = crossed(averaged)
        graph = exported(model)
        relus = [node.output.decode() for node in graph.layers() if node.op == b"Relu"]
        # In the order of the export: of the stem, of `other`, of `inner` twice, the last.
        for module, layer in ((model.stem, relus[0]), (model.inner, relus[2]), (model.last, relus[-1])):
            for name, parameters in ((name, form) for name in TAILS for form in TAILS[name][1]):
                spec = method_spec(f"{name}@{layer}", relu=False, **parameters)
                explainer = Explainer(graph, [spec, method_spec("rise", **FEW["rise"])], len(x), 3)
                explainer.memory[1][:] = 255
                explainer.net.forward(x)
                got, worst = explainer.maps(CLASSES, seeds=SEEDS)[0], 0
                for i, of_image in enumerate(torch.tensor(x).double()):
                    with torch.no_grad():
                        want = TAILS[name][0](model, module, of_image, CLASSES[i], **parameters).numpy()
                    worst = max(worst, abs(got[i, :, 0] - want).max() / abs(want).max())
                checks(f"{name}@{layer} {parameters} averaged {averaged}", worst < 2e-5, f"{worst:.1e}")


def check_torch(model, graph, x):
    cases = [("occlusion", FEW["occlusion"]), ("occlusion", dict(window=40, score="logit")),
             ("occlusion", dict(window=7, stride=3, baseline=-.5, score="logit")),
             ("occlusion", dict(window=2, stride=6)), ("rise", FEW["rise"]),
             ("rise", dict(masks=20, seed=3, score="logit")), ("rise", dict(masks=5, grid=1)),
             *[("score-cam", dict(form, weights=weights))
               for weights in ("softmax", "score", "increase")
               for form in (dict(), dict(normalize="before"), dict(align_corners=True),
                            dict(score="probability"))],
             ("ss-cam", dict(samples=3)), ("ss-cam", dict(samples=2, sigma=.5, seed=4, align_corners=True)),
             ("is-cam", dict()), ("is-cam", dict(steps=3, weights="increase", score="probability"))]
    layer = [node.output.decode() for node in graph.layers() if node.op == b"Relu"][0]
    specs = [method_spec(f"{name}@{layer}" if name.endswith("-cam") else name, relu=False, **parameters)
             for name, parameters in cases]
    explainer = Explainer(graph, specs, len(x), 3)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    explainer.net.forward(x)
    maps = explainer.maps(CLASSES, seeds=SEEDS)
    for (name, parameters), got in zip(cases, maps):
        worst = 0
        for i, of_image in enumerate(torch.tensor(x).double()):
            with torch.no_grad():
                want = occlusion(model, of_image, CLASSES[i], **parameters) if name == "occlusion" else \
                    rise(model, of_image, CLASSES[i], SEEDS[i], **parameters) if name == "rise" else \
                    score_cam(model, of_image, CLASSES[i], model[:2](of_image[None])[0],
                              **dict(dict(steps=10) if name == "is-cam" else
                                     dict(image_seed=SEEDS[i]) if name == "ss-cam" else {}, **parameters))
            want = want.numpy()
            worst = max(worst, abs(got[i, :, 0] - want).max() / abs(want).max())
        checks(f"{name} {parameters}", worst < 2e-5, f"{worst:.1e}")


def check_company(graph, x):
    """Bits, alone and beside gradient methods, one image and several."""
    layer = [node.output.decode() for node in graph.layers() if node.op == b"Relu"][0]
    names = [m.name.decode() for m in methods() if m.needs & (PASSES | TAIL)]
    specs = [method_spec(name, **FEW.get(name, {})) for name in names] + [
        method_spec(f"score-cam@{layer}"), method_spec(f"ablation-cam@{layer}"), method_spec(f"grad-cam@{layer}"), method_spec("layer-cam")]
    together = Explainer(graph, specs, 3, 3)
    together.net.forward(x)
    maps, differ = together.maps(CLASSES, seeds=SEEDS), []
    for spec, among in zip(specs, maps):
        alone = Explainer(graph, [spec], 2, 3)
        for i in range(3):
            alone.net.forward(x[i:i + 1])
            if alone.maps(CLASSES[i:i + 1], seeds=SEEDS[i:i + 1])[0].tobytes() != among[i].tobytes():
                differ.append(spec.method.contents.name.decode())
        if not np.isfinite(among).all() or np.ptp(among) == 0:
            differ.append("empty: " + spec.method.contents.name.decode())
    checks(f"{', '.join(names)}: alone and together", not differ, f"{differ}")


# --- the kit -------------------------------------------------------------------------------------

SCORE_CAM = {"pgc": dict(align_corners=True), "torchcam": dict(normalize="before")}


def check_peers(network):
    golden = network.golden
    for name in golden.files:
        peer, _, rest = name.partition(".")
        method, _, layer = rest.partition("@")
        parameters = dict(relu=peer != "pgc")
        if peer in SCORE_CAM and method == "ScoreCAM":
            spec = method_spec(f"score-cam@{network.value_name(layer)}", **parameters, **SCORE_CAM[peer])
        elif name.startswith("pgc.AblationCAM@"):
            spec = method_spec(f"ablation-cam@{network.value_name(layer)}", baseline="below", **parameters)
        elif name == "captum.Occlusion@input.full":
            window = 16 if network.name == "smallfc_64" else 32
            spec = method_spec("occlusion", relu=False, window=window, stride=window // 2, score="logit")
        else:
            continue
        # One image of each: others take minutes.
        want = golden[name][:1]
        explainer = Explainer(network.graph, [spec], 8, 2)
        explainer.net.forward(network.x[:1])
        got = explainer.maps(network.classes[:1])[0][:, :, 0]
        off = (abs(got - want).max((2, 3)) / abs(want).max((2, 3))).max()
        # Weights that are differences of logits, 0.01 of which 1e-6 is float32's rounding.
        most = 3e-4 if name == "pgc.AblationCAM@layer3" else 5e-5
        checks(f"{network.name} {name}", off < most, f"{off:.1e}")


def check_rise(network):
    """RISE with the kit's random grids, by our network and the test's masks, which are those of the kit."""
    golden = network.golden
    grids = np.unpackbits(golden["rise.grids"]).reshape(200, 8, 8)
    size = network.x.shape[2]
    masks = [rise_mask(grid, offset, size, size) for grid, offset in zip(grids, golden["rise.offsets"])]
    off = abs(masks[0] - golden["rise.mask0"]).max()
    checks(f"{network.name}: RISE's first mask", off < 1e-6, f"{off:.1e}")


def main():
    lib.cr_blas_load(None)
    model = torch_network()
    graph = exported(model)
    x = np.random.default_rng(2).standard_normal((3, 3, HEIGHT, WIDTH)).astype(np.float32)
    check_torch(model, graph, x)
    check_company(graph, x)
    check_tails(x)
    if why_no_networks():
        print(f"skipped: the kit's networks, as {why_no_networks()}")
    else:
        for network in networks():
            check_peers(network)
            check_rise(network)
    checks.done()


if __name__ == "__main__":
    main()
