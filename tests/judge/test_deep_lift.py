"""DeepLIFT's rescale rule against PyTorch, whose bent functions are given the slope between an image and its
reference by autograd functions; and whether the parts add up to the difference of the logits."""
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
from scipy.ndimage import gaussian_filter

from camrank import Checks, Explainer, Graph, Refused, lib, method_spec

SIDE, CLASSES = 24, np.array([[0, 4, 2], [5, 2, 1]])
checks = Checks()
torch.manual_seed(9)


class Bent(torch.autograd.Function):
    """Of an image and its reference, a batch of two."""

    @staticmethod
    def forward(ctx, x, f):
        ctx.f = f
        ctx.save_for_backward(x)
        return f(x)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = ctx.f(x)
            own, = torch.autograd.grad(y, x, g)
        d, dy = x[:1] - x[1:], y[:1] - y[1:]
        return torch.where(abs(d) < 1e-10, own, g * dy / d).detach(), None


class Largest(torch.autograd.Function):
    """The maximum over 2 x 2, as captum shares it out."""

    @staticmethod
    def forward(ctx, x):
        y, at = F.max_pool2d(x, 2, return_indices=True)
        ctx.save_for_backward(x, y, at)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y, at = ctx.saved_tensors
        most = y.amax(0, keepdim=True)
        both = F.max_unpool2d(torch.cat([g[:1] * (most - y[1:]), g[:1] * (y[:1] - most)]), at, 2).sum(0, keepdim=True)
        d = x[:1] - x[1:]
        own = F.max_unpool2d(g[:1], at[:1], 2)
        return torch.cat([torch.where(abs(d) < 1e-10, own, both / d), torch.zeros_like(d)])


class Small(torch.nn.Module):
    """ReLUs behind a convolution, a sum, BatchNormalization and a pooling, ReLU6, functions that are no clamps, and
    both poolings side by side."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 8, 3, padding=1)
        self.third, self.norm = torch.nn.Conv2d(16, 10, 3, stride=2, padding=1), torch.nn.BatchNorm2d(10)
        self.hidden, self.head = torch.nn.Linear(10, 9), torch.nn.Linear(9, 6)
        self.norm.running_mean.normal_(0, .1)
        self.bent = lambda f, x: f(x)
        self.pool = lambda x: F.max_pool2d(x, 2)

    def forward(self, x):
        a = self.bent(torch.relu, self.first(x))
        a = self.bent(torch.relu, a + self.second(a))
        b = torch.cat([self.bent(torch.relu, self.pool(a - .5)), F.avg_pool2d(self.bent(F.elu, a - 1), 2)], 1)
        c = self.bent(lambda x: x.clamp(0, 1), self.norm(self.third(b)))
        return self.head(self.bent(torch.tanh, self.hidden(c.mean((2, 3)))))


BLACK, WHITE = (-2., 2., -3.), (1., -1., 3.)  # of a channel that is inverted, too


def reference_of(x, reference="value", baseline=0., blur=10, **_):
    return {"value": torch.full_like(x, baseline),
            "black": torch.tensor(BLACK).double()[:, None, None].expand_as(x),
            "mean": x.mean((1, 2), keepdim=True).expand_as(x),
            "blurred": torch.tensor(gaussian_filter(x.numpy(), (0, blur, blur), mode="nearest"))}[reference]


def multipliers(model, x, baseline, c):
    model.bent, model.pool = lambda f, x: Bent.apply(x, f), Largest.apply
    pair = torch.stack([x, baseline]).requires_grad_()
    return torch.autograd.grad(model(pair)[0, c], pair)[0][0]


def exported(model):
    out = io.BytesIO()
    torch.onnx.export(model, torch.zeros(1, 3, SIDE, SIDE), out, opset_version=13, input_names=["x"])
    return Graph(out.getvalue(), "small")


def reduced(values, absolute, channels):
    values = abs(values) if absolute else values
    return {"maximum": values.max, "sum": values.sum, "mean": values.mean}[channels](-3)


def main():
    lib.cr_blas_load(None)
    x = np.random.default_rng(4).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
    x[0, :, :4] = 0  # no different from the reference
    model = Small().eval()
    graph = exported(model)
    forms = [dict(), dict(baseline=-.5), dict(absolute=True, channels="maximum"), dict(reference="mean"),
             dict(reference="black"), dict(reference="blurred"), dict(reference="blurred", blur=1.5)]
    specs = [method_spec("deep-lift", relu=False, **form) for form in forms]
    explainer = Explainer(graph, specs + [method_spec("grad-cam"), method_spec("input-x-gradient")], 2, 3)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    lib.cr_explainer_use_limits(explainer.handle, 3, (ct.c_double * 3)(*BLACK), (ct.c_double * 3)(*WHITE))
    logits = explainer.net.forward(x)
    maps = explainer.maps(CLASSES)
    alone = Explainer(graph, [specs[1]], 1, 3)
    model.double()
    for form, got in zip(forms, maps):
        p = dict(absolute=False, channels="sum") | {k: v for k, v in form.items() if k in ("absolute", "channels")}
        pairs = [(image, reference_of(image, **form)) for image in torch.tensor(x).double()]
        want = np.stack([[reduced((multipliers(model, image, base, c) * (image - base)).numpy(), **p) for c in of_image]
                         for (image, base), of_image in zip(pairs, CLASSES)])
        off = abs(got[:, :, 0] - want).max((2, 3)) / abs(want).max((2, 3))
        checks(f"deep-lift {form}", off.max() < 1e-4, f"{off.max():.1e}")
    references = [alone.net.forward(np.full_like(x[:1], b)) for b in (0, -.5)]
    for reference, got in zip(references, maps):
        change = np.take_along_axis(logits - reference, CLASSES, 1)
        off = abs(got.sum((2, 3, 4)) - change).max() / abs(change).max()
        checks("the parts add up to the logits' difference", off < 1e-4, f"{off:.1e}")
    same = []
    for i in range(2):
        alone.net.forward(x[i:i + 1])
        same.append(alone.maps(CLASSES[i:i + 1])[0][0].tobytes() == maps[1][i].tobytes())
    checks("alone and together", all(same))
    gated = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten(), torch.nn.Linear(8 * 22 * 22, 6),
                                torch.nn.Softmax(1), torch.nn.Linear(6, 6))
    try:
        Explainer(exported(gated), [method_spec("deep-lift")], 1, 1)
        checks("deep-lift through a Softmax is refused", False)
    except Refused as error:
        checks("deep-lift through a Softmax is refused", "multipliers through Softmax" in str(error), str(error))
    checks.done()


main()
