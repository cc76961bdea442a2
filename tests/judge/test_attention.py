"""Methods made of attention, against PyTorch: the weights of every block and their gradients are kept there by
hand, and the products of whole matrices are here in a few lines."""
import io
import sys
import warnings

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Explainer, Graph, Refused, lib, method_spec, methods
from structs import CR_NEEDS_ATTENTION as ATTENTION

warnings.filterwarnings("ignore")
torch.manual_seed(3)
torch.set_num_threads(1)
HEIGHT, WIDTH, CLASSES = 4, 6, np.array([[3, 1], [0, 6]])
checks = Checks()


class Block(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.mlp = nn.Sequential(nn.Linear(c, 2 * c), nn.GELU(), nn.Linear(2 * c, c))

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        self.kept = a = (3 * q @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.proj((a @ v).transpose(1, 2).reshape(n, t, c))
        self.end = x + self.mlp(self.norm2(x))
        return self.end


class ViT(nn.Module):
    """`n_tokens` before the places. The head reads the first, or the mean of the places; or it is TS-CAM's, a
    convolution over the places whose maps of the classes are averaged."""

    def __init__(self, n_tokens, head, c=24, heads=3):
        super().__init__()
        self.embed, self.head, self.n_tokens = nn.Conv2d(3, c, 8, 8), head, n_tokens
        self.tokens = nn.Parameter(torch.randn(1, n_tokens, c)) if n_tokens else None
        self.position = nn.Parameter(torch.randn(1, n_tokens + HEIGHT * WIDTH, c))
        self.blocks, self.norm = nn.Sequential(*[Block(c, heads) for _ in range(4)]), nn.LayerNorm(c)
        self.fc, self.conv = nn.Linear(c, 7), nn.Conv2d(c, 7, 3, padding=1)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        if self.n_tokens:
            x = torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], 1)
        return self.logits(self.blocks(x + self.position))

    def logits(self, x):
        x = self.norm(x)
        if self.head == "maps":
            x = x[:, self.n_tokens:].transpose(1, 2).reshape(x.shape[0], -1, HEIGHT, WIDTH)
            self.maps = self.conv(x)
            return self.maps.mean((2, 3))
        return self.fc(x[:, 0] if self.head == "first" else x.mean(1))


def exported(net, x, opset=13):
    file = io.BytesIO()
    torch.onnx.export(net, x, file, opset_version=opset, input_names=["input"], dynamic_axes={"input": {0: "n"}})
    return Graph(file.getvalue())


def explained(graph, x, specs):
    explainer = Explainer(graph, specs, len(x), CLASSES.shape[1])
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    explainer.net.forward(x.numpy())
    return [m[:, :, 0] for m in explainer.maps(CLASSES)]


def attentions(net, x, classes=None):
    """Of one image [blocks, heads, T, T], and their gradients [slots, ...]."""
    logits, kept = net(x[None].double())[0], [block.kept for block in net.blocks]
    grads = [torch.stack(torch.autograd.grad(logits[c], kept, retain_graph=True)) for c in classes] if \
        classes is not None else None
    return torch.stack(kept)[:, 0].detach(), grads and torch.stack(grads)[:, :, 0]


def product(matrices):
    """The last block first."""
    result = torch.eye(matrices.shape[-1], dtype=matrices.dtype)
    for m in matrices:
        result = m @ result
    return result


def picked(matrix, net, query):
    row = matrix[0] if query == "token" and net.n_tokens else matrix[net.n_tokens:].mean(0)
    return row[net.n_tokens:].reshape(HEIGHT, WIDTH).numpy()


def joined(a, heads):
    return {"mean": a.mean(1), "maximum": a.amax(1), "minimum": a.amin(1)}[heads]


def legrad(net, x, classes, pool="mean", block=0):
    net(x[None].double())
    maps = []
    for c in classes:
        relevance = []
        for of in net.blocks[max(block - 1, 0):]:
            tokens = of.end.mean(1, keepdim=True).expand_as(of.end) if pool == "mean" else of.end
            grad = torch.autograd.grad(net.logits(tokens)[0, c], of.kept, retain_graph=True)[0]
            relevance.append(grad.clamp(min=0).mean((0, 1, 2)))
        maps.append(torch.stack(relevance).mean(0)[net.n_tokens:].reshape(HEIGHT, WIDTH).numpy())
    return maps


def wanted(name, net, x, classes, heads="mean", query="token", block=0, **others):
    if name == "legrad":
        return legrad(net, x, classes, block=block, **others)
    a, g = attentions(net, x, classes if name == "attention-relevance" else None)
    eye = torch.eye(a.shape[-1], dtype=a.dtype)
    if name == "raw-attention":
        return [picked(joined(a, heads)[block - 1], net, query)] * len(classes)
    first = max(block - 1, 0)
    if name == "attention-rollout":
        m = joined(a, heads) + eye
        return [picked(product((m / m.sum(-1, keepdim=True))[first:]), net, query)] * len(classes)
    return [picked(product(((of_class * a).clamp(min=0).mean(1) + eye)[first:]), net, query) for of_class in g]


CASES = [("raw-attention", form) for form in (dict(), dict(heads="maximum"), dict(block=2, heads="minimum"),
                                              dict(block=1, query="places"))]
CASES += [("attention-rollout", form) for form in (dict(), dict(heads="minimum"), dict(heads="maximum", block=3),
                                                   dict(query="places"))]
CASES += [("attention-relevance", form) for form in (dict(), dict(block=2), dict(query="places"))]
CASES += [("legrad", form) for form in (dict(), dict(pool="head"), dict(block=3))]
X = torch.randn(2, 3, 8 * HEIGHT, 8 * WIDTH)


def check_torch(net, name, opset):
    graph = exported(net, X, opset)
    maps = explained(graph, X, [method_spec(method, **form) for method, form in CASES] + [method_spec("grad-cam"), method_spec("attention-relevance")])
    alone = explained(graph, X, [method_spec("grad-cam"), method_spec("attention-relevance")])
    net.double()
    worst, bad = 0, []
    for (method, form), got in zip(CASES, maps):
        want = np.stack([wanted(method, net, x, classes, **form) for x, classes in zip(X, CLASSES)])
        off = (abs(got - want) / abs(want).max((2, 3), keepdims=True)).max()
        worst = max(worst, off)
        if not off < 2e-5:
            bad.append(f"{method} {form} {off:.1e}")
    net.float()
    checks(f"{name}, operator set {opset}", not bad, ", ".join(bad) or f"{len(CASES)} forms, {worst:.1e}")
    checks(f"{name}: others beside them have their bits", all(map(np.array_equal, maps[-2:], alone)))


def check_ts_cam():
    net = ViT(1, "maps").eval()
    got = explained(exported(net, X), X, [method_spec("ts-cam")])[0]
    net.double()
    want = []
    for x, classes in zip(X, CLASSES):
        a, _ = attentions(net, x)
        of_token = a.mean(1).sum(0)[0, 1:].reshape(HEIGHT, WIDTH)
        want.append((net.maps[0].detach() * of_token)[classes].numpy())
    off = (abs(got - np.stack(want)) / abs(np.stack(want)).max((2, 3), keepdims=True)).max()
    checks("ts-cam", off < 2e-5, f"{off:.1e}")


def check_refused(graph):
    names = [m.name.decode() for m in methods() if m.needs & ATTENTION]
    checks("every such method is known here", sorted(names) == sorted({name for name, _ in CASES} | {"ts-cam"}))
    cnn = exported(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7)), X)
    cases = [(cnn, method_spec(name), "no attention") for name in names]
    cases += [(graph, method_spec(name, block=5), "4 blocks") for name in names if name != "ts-cam"]
    for of, spec, why in cases:
        try:
            Explainer(of, [spec], 1, 1)
            checks(f"{spec.method.contents.name.decode()} is refused", False)
        except Refused as error:
            checks(f"{spec.method.contents.name.decode()} is refused", why in str(error), str(error))


lib.cr_blas_load(None)
for n_tokens, head in ((1, "first"), (5, "first"), (0, "mean")):
    check_torch(ViT(n_tokens, head).eval(), f"ViT, {n_tokens} tokens, head of {head}", 13 if n_tokens else 17)
check_ts_cam()
check_refused(exported(ViT(1, "first").eval(), X))
checks.done()
