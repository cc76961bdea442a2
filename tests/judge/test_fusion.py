"""Maps of several layers as one: against PyTorch's interpolation of the maps at each layer, fused as the
programs that others use fuse them."""
import os
import sys
import tempfile

try:
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import numpy as np

from camrank import Checks, Explainer, Graph, lib, method_spec, methods
from structs import CR_NEEDS_ATTENTION as ATTENTION, CR_NEEDS_HEAD as HEAD

N, SIDE, CLASSES = 3, 48, np.array([[0, 4], [2, 2], [6, 1]])
LAYERS = ["a", "b", "c"]  # 48, 24 x 22 and 6 x 5 places

checks = Checks()
torch.manual_seed(3)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = torch.nn.ModuleList([
            torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.Conv2d(5, 8, (3, 7), 2, (1, 1)),
            torch.nn.Conv2d(8, 12, 3, 4)])
        self.head = torch.nn.Linear(12, 7)

    def forward(self, x):
        values = []
        for stage in self.stages:
            x = torch.relu(stage(x))
            values.append(x)
        return self.head(x.mean((2, 3))), *values


def network():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        torch.onnx.export(Net().eval(), torch.zeros(1, 3, SIDE, SIDE), path, opset_version=13,
                          output_names=["logits", *LAYERS])
        with open(path, "rb") as file:
            return Graph(file.read(), "net", output="logits")


def scaled(maps, by_minimum):
    maps = maps - maps.amin((2, 3), keepdim=True) if by_minimum else maps
    most = maps.amax((2, 3), keepdim=True)
    return torch.where(most > 0, maps / most, torch.zeros_like(maps))


def fused(of_layers, size, by_minimum, fuse="maximum", gamma=0):
    """[N, slots, H, W] of each layer."""
    maps = [scaled(torch.tensor(maps).double(), by_minimum) for maps in of_layers]
    maps = [torch.tanh(gamma * m) if gamma else m for m in maps]
    maps = torch.stack([F.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps])
    return (maps.amax(0) if fuse == "maximum" else maps.mean(0) if fuse == "mean" else
            maps.prod(0)).numpy()


def run(graph, specs, x, slots=2, classes=CLASSES):
    explainer = Explainer(graph, specs, len(x), slots)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    explainer.net.forward(x)
    return explainer, explainer.maps(classes)


def spec_of(name, layers, **parameters):
    return method_spec(f"{name}@{'+'.join(layers)}", **parameters)


def check_forms(graph, x):
    """Each form, of a method whose maps start at 0 and of one whose maps do not."""
    cases = [(layers, form) for layers in (["b", "c"], ["a", "b", "c"], ["c", "b"])
             for form in (dict(), dict(fuse="mean"), dict(fuse="product"), dict(fuse_gamma=2),
                          dict(fuse="mean", fuse_at="input"), dict(fuse="product", fuse_gamma=.5))]
    for name, by_minimum in ("grad-cam", False), ("layer-cam", True), ("random-cam", True):
        scaling = dict(scaling="min-max" if by_minimum else "max")
        specs = [spec_of(name, layers, **form, **scaling) for layers, form in cases]
        specs += [spec_of(name, [layer], **scaling) for layer in LAYERS]
        explainer, maps = run(graph, specs, x)
        single = dict(zip(LAYERS, (m[:, :, 0] for m in maps[len(cases):])))
        worst = 0
        for (layers, form), got in zip(cases, maps):
            size = (SIDE, SIDE) if "fuse_at" in form else \
                tuple(np.max([single[layer].shape[2:] for layer in layers], 0))
            want = fused([single[layer] for layer in layers], size, by_minimum,
                         form.get("fuse", "maximum"), form.get("fuse_gamma", 0))
            worst = max(worst, abs(got[:, :, 0] - want).max() if got[:, :, 0].shape == want.shape
                        else np.inf)
        checks(f"{name}: {len(cases)} forms", worst < 1e-6, f"{worst:.1e}")


def check_refine(graph, x):
    """RefineCAM is the product of Grad-CAM++, each from its minimum to its maximum."""
    specs = [spec_of("refine-cam", LAYERS), spec_of("refine-cam", LAYERS, fuse="mean"),
             *[spec_of("grad-cam++", [layer]) for layer in LAYERS]]
    maps = [m[:, :, 0] for m in run(graph, specs, x)[1]]
    for got, fuse in zip(maps, ("product", "mean")):
        off = abs(got - fused(maps[2:], (SIDE, SIDE), True, fuse)).max()
        checks(f"refine-cam, {fuse}", off < 1e-6 and np.ptp(got) > 0, f"{off:.1e}")


def check_company(graph, x):
    """Every method's bits, alone and beside all others, one image and several."""
    specs = [spec_of(m.name.decode(), ["b", "c"]) for m in methods()
             if not m.needs & HEAD and not m.of_input and not m.join
             and not m.needs & ATTENTION]
    specs += [spec_of("grad-cam", [layer]) for layer in LAYERS]
    together, differ = run(graph, specs, x)[1], []
    for spec, among in zip(specs, together):
        for i in range(N):
            alone = Explainer(graph, [spec], 1, 2)
            alone.net.forward(x[i:i + 1])
            if alone.maps(CLASSES[i:i + 1], seeds=[i])[0].tobytes() != among[i].tobytes():
                differ.append(spec.method.contents.name.decode())
        if not np.isfinite(among).all():
            differ.append("not finite: " + spec.method.contents.name.decode())
    checks(f"{len(specs)} variants, alone and together", not differ, f"{differ}")


def check_views(graph, x):
    """Views of an image are fused one by one."""
    spec = [spec_of("layer-cam", ["a", "c"])]
    explainer = Explainer(graph, spec, N, 1)
    explainer.net.forward(x)
    views = explainer.maps([[5]], views=N)[0]
    single = explainer.maps([[5]] * N)[0]
    off = abs(views[0, 0] - single[:, 0, 0]).max()
    checks("views", off < 1e-6, f"{off:.1e}")


def check_not_finite(graph, x):
    x = x.copy()
    x[1, 0, 5, 5] = np.nan
    maps = run(graph, [spec_of("grad-cam", ["a", "c"])], x)[1][0]
    checks("a map that is not finite stays so, of its image alone",
           np.isnan(maps[1]).all() and np.isfinite(maps[[0, 2]]).all())


def main():
    lib.cr_blas_load(None)
    graph = network()
    x = np.random.default_rng(1).standard_normal((N, 3, SIDE, SIDE)).astype(np.float32)
    check_forms(graph, x)
    check_refine(graph, x)
    check_company(graph, x)
    check_views(graph, x)
    check_not_finite(graph, x)
    checks.done()


main()
