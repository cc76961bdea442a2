"""Layers of transformers as targets, against PyTorch: tokens that are a rectangle behind class and register
tokens, and Swin's [N, H, W, C]. Which layers are maps, and of what size; the default; gradients in double
precision; Grad-CAM, Layer-CAM and HiResCAM at them, whose few lines are here: tokens reshaped to a map as
pytorch-grad-cam's documentation does."""
import io
import sys
import warnings

try:
    import numpy as np
    import torch
    import torchvision
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

import ctypes as ct

from camrank import (Checks, Explainer, Graph, Net, Refused, all_rows, check, find_rows, lib, load_double, method_maps,
                     method_spec, of_range, rows_of)
from structs import cr_error, cr_tokens

warnings.filterwarnings("ignore")
torch.manual_seed(1)
torch.set_num_threads(1)
checks = Checks()
double_lib = load_double()


class Attention(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(c), Attention(c, heads), nn.LayerNorm(c)
        self.mlp = nn.Sequential(nn.Linear(c, 2 * c), nn.GELU(), nn.Linear(2 * c, c))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """`n_tokens` before the places; the head reads the first, the mean of two (DeiT's distillation), or the
    mean of the places."""

    def __init__(self, n_tokens, head, c=24, heads=2):
        super().__init__()
        self.embed, self.head = nn.Conv2d(3, c, 8, 8), head
        self.tokens = nn.Parameter(torch.randn(1, n_tokens, c)) if n_tokens else None
        self.position = nn.Parameter(torch.randn(1, n_tokens + 4 * 6, c))
        self.blocks, self.norm = nn.Sequential(*[Block(c, heads) for _ in range(3)]), nn.LayerNorm(c)
        self.fc, self.fc2 = nn.Linear(c, 7), nn.Linear(c, 7)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        if self.tokens is not None:
            x = torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], 1)
        x = self.norm(self.blocks(x + self.position))
        if self.head == "two":
            return (self.fc(x[:, 0]) + self.fc2(x[:, 1])) / 2
        return self.fc(x[:, 0] if self.head == "first" else x.mean(1))


def shake(net):
    for module in net.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, .5, 1.5)
            nn.init.normal_(module.bias, 0, .2)
    return net.eval()


def export(net, x, opset=13):
    file = io.BytesIO()
    torch.onnx.export(net, x, file, opset_version=opset, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}})
    return file.getvalue()


def run(net, layer, x, c):
    """The logits, the output of a module and the gradient of logit c with respect to it."""
    seen = []
    hook = layer.register_forward_hook(lambda m, i, o: seen.append(o))
    logits = net(x)
    hook.remove()
    return logits, seen[0], torch.autograd.grad(logits[:, c].sum(), seen[0])[0]


def as_map(tokens, skip, height, width):
    """[N, T, C] or [N, H, W, C] as [N, C, H, W]."""
    tokens = tokens if tokens.ndim == 4 else tokens[:, skip:skip + height * width]
    return tokens.reshape(len(tokens), height, width, -1).permute(0, 3, 1, 2)


def cams(a, g):
    return {"grad-cam": (g.mean((2, 3), keepdim=True) * a).sum(1).relu(), "hires-cam": (g * a).sum(1).relu(),
            "layer-cam": (g.relu() * a).sum(1).relu()}


def judge(name, net, x, layer, size, skip, is_default, opsets=(13, 17)):
    """`layer` of the module tree is found by its activations; `size` is that of its map."""
    height, width = size
    c = 3
    for opset in opsets:
        try:
            graph = Graph(export(net, x, opset))
        except Refused as refused:
            checks(f"{name}, operator set {opset}", False, str(refused))
            return
        logits, a, g = run(net, layer, x, c)
        logits, rows = logits.detach().numpy(), a.detach().reshape(len(a), -1, a.shape[-1]).numpy()
        off = of_range(Net(graph, len(x)).forward(x.numpy()), logits)
        value = find_rows(all_rows(graph, x.numpy()), rows)
        if value is None:
            checks(f"{name}, operator set {opset}", False, f"logits {off:.1e}, the layer is no map")
            return
        m = graph.map(value)
        right = (m.height, m.width, m.skip) == (height, width, skip)
        default = graph.same_memory(graph.last_spatial()) == graph.same_memory(value)
        worst = 0
        a, g = as_map(a.detach(), skip, height, width), as_map(g, skip, height, width)
        for method, want in cams(a, g).items():
            for at in (f"{method}@{graph.name(value)}", method)[:1 + is_default]:
                maps, _ = method_maps(graph, x.numpy(), [[c, 1]] * len(x), at)
                worst = max(worst, of_range(maps[:, 0], want.numpy()))
        checks(f"{name}, operator set {opset}", off < 1e-5 and right and worst < 1e-4 and (default or not is_default),
               f"logits {off:.1e}, {m.height} x {m.width} behind {m.skip}, maps {worst:.1e}, "
               f"default {graph.name(graph.last_spatial())}")
    graph = Graph(export(net.double(), x.double(), opsets[-1]), lib=double_lib)
    value = find_rows(all_rows(graph, x.double().numpy()), rows)
    _, _, g = run(net, layer, x.double(), c)
    ours = Net(graph, len(x), [(value, True)], n_back=1)
    ours.forward(x.double().numpy())
    want, worst = g.reshape(rows.shape).numpy(), 0
    for i in range(len(x)):
        ours.backward(i, [[c]])
        got = rows_of(ours.lib.cr_net_gradients(ours.handle, 0), 1, graph.map(value))[0]
        worst = max(worst, np.abs(got - want[i]).max())
    worst /= np.abs(want).max()
    # Constants that PyTorch has in double precision, such as Swin-V2's position biases, are float32 here.
    checks(f"{name}, gradients", worst < 1e-5, f"{worst:.1e}")
    net.float()


X = torch.randn(2, 3, 32, 48)
for n_tokens, head in ((1, "first"), (2, "two"), (5, "first"), (0, "mean"), (1, "mean")):
    net = shake(ViT(n_tokens, head))
    name = f"ViT, {n_tokens} tokens, head of {head}"
    judge(f"{name}, last norm1", net, X, net.blocks[-1].norm1, (4, 6), n_tokens, head != "mean")
    judge(f"{name}, first block", net, X, net.blocks[0], (4, 6), n_tokens, False, (13,))
    if head == "mean":
        judge(f"{name}, norm", net, X, net.norm, (4, 6), n_tokens, True, (13,))

square = torch.randn(2, 3, 64, 64)
net = shake(torchvision.models.VisionTransformer(64, 16, 3, 2, 32, 64, num_classes=7))
nn.init.normal_(net.heads.head.weight)
judge("torchvision's ViT", net, square, net.encoder.layers[-1].ln_1, (4, 4), 1, True)
judge("torchvision's ViT, first block", net, square, net.encoder.layers[0], (4, 4), 1, False, (13,))
# What PyTorch 1.13 cannot write: the part of Swin-V2's bias that it sets to 0.
torch.onnx.register_custom_op_symbolic("aten::zero", lambda g, x: g.op("Mul", x, g.op("Constant", value_t=torch.zeros(1))), 9)
swin, wide = torchvision.models.swin_transformer, torch.randn(2, 3, 64, 96)
for name, block, merge in (("Swin", swin.SwinTransformerBlock, swin.PatchMerging),
                           ("Swin-V2", swin.SwinTransformerBlockV2, swin.PatchMergingV2)):
    net = shake(swin.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [4, 4], num_classes=7, block=block,
                                     downsample_layer=merge, stochastic_depth_prob=0))
    judge(f"{name}, last norm1", net, wide, net.features[-1][-1].norm1, (8, 12), 0, False)
    judge(f"{name}, norm", net, wide, net.norm, (8, 12), 0, True, (13,))
    judge(f"{name}, first stage", net, wide, net.features[1][1], (16, 24), 0, False, (13,))

# --- CAM where the head takes the mean or the sum of all tokens, however that is written
class Pools(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.embed, self.norm, self.fc, self.pool = nn.Conv2d(3, 12, 8, 8), nn.LayerNorm(12), nn.Linear(12, 7), pool
        self.pool1d = nn.AdaptiveAvgPool1d(1)

    def tokens(self, x):
        return torch.tanh(self.norm(self.embed(x).flatten(2).transpose(1, 2)))

    def forward(self, x):
        return self.fc(self.pool(self, self.tokens(x)))


for name, n, pool in (("AdaptiveAvgPool1d", 24, lambda net, t: net.pool1d(t.transpose(1, 2)).flatten(1)),
                      ("a mean after a transpose", 24, lambda net, t: t.transpose(1, 2).mean(2)),
                      ("a mean that keeps its axis", 24, lambda net, t: t.transpose(1, 2).mean(-1, True).squeeze(-1)),
                      ("a sum over the number of tokens", 24, lambda net, t: t.sum(1) / t.shape[1]),
                      ("a sum times a constant", 12, lambda net, t: t.sum(1) * (1 / 12)),
                      ("a sum", 1, lambda net, t: t.sum(1)),
                      ("a sum over places", 6, lambda net, t: t.transpose(1, 2).reshape(-1, 12, 4, 6).sum((2, 3)) / 6)):
    net = Pools(pool).eval()
    graph = Graph(export(net, X))
    maps, _ = method_maps(graph, X.numpy(), [[3, 1]] * 2, "cam", relu=False)
    want = torch.einsum("ntc,kc->nkt", net.tokens(X), net.fc.weight[[3, 1]]).detach().reshape(2, 2, 4, 6) * 24 / n
    checks(f"cam behind {name}", of_range(maps, want.numpy()) < 1e-5, f"{of_range(maps, want.numpy()):.1e}")

# --- a rectangle that the job gives, and one that no layer has
net = shake(ViT(1, "first"))
graph = Graph(export(net, X))
value, error = graph.last_spatial(), cr_error()
check(lib.cr_graph_use_tokens(graph.handle, ct.byref(cr_tokens(height=3, width=8, skip=1)), ct.byref(error)), error)
m, (_, a, g) = graph.map(value), run(net, net.blocks[-1].norm1, X, 3)
maps, _ = method_maps(graph, X.numpy(), [[3]] * 2, "grad-cam")
want = cams(as_map(a.detach(), 1, 3, 8), as_map(g, 1, 3, 8))["grad-cam"].numpy()
checks("tokens of a given rectangle", (m.height, m.width, m.skip) == (3, 8, 1) and of_range(maps[:, 0], want) < 1e-4)
refused = lib.cr_graph_use_tokens(graph.handle, ct.byref(cr_tokens(height=5, width=8, skip=1)), ct.byref(error))
checks("tokens that no layer has", refused and b"41 tokens" in error.message, error.message.decode())

# --- methods that pass again from the layer, and one that follows curvature, run behind a class token
graph = Graph(export(net, X))
(_, a, _), value = run(net, net.blocks[-1].norm1, X, 3), graph.last_spatial()
block, drops = net.blocks[-1], []


def without(k):
    """The logits with channel k of the places at 0, class token untouched."""
    changed = a.detach().clone()
    changed[:, 1:, k] = 0
    hook = block.norm1.register_forward_hook(lambda m, i, o: changed)
    logits = net(X)
    hook.remove()
    return logits.detach()


weights = torch.stack([1 - without(k)[:, 3] / net(X).detach()[:, 3] for k in range(a.shape[2])], 1)
want = (weights[:, :, None, None] * as_map(a.detach(), 1, 4, 6)).sum(1).relu()
maps, _ = method_maps(graph, X.numpy(), [[3]] * 2, "ablation-cam")
checks("ablation-cam behind a class token", of_range(maps[:, 0], want.numpy()) < 1e-4,
       f"{of_range(maps[:, 0], want.numpy()):.1e}")
for method in ("score-cam", "recipro-cam", "shapley-cam", "eigen-cam", "grad-cam++", "finer-cam", "fem"):
    try:
        maps, _ = method_maps(graph, X.numpy(), [[3]] * 2, method)
        checks(method, maps.shape[-2:] == (4, 6) and np.isfinite(maps).all())
    except Refused as refused:
        checks(method, False, str(refused))

# --- tokens, or a map whose channels lie last, that are averaged before a linear layer: CAM applies
class Averaged(nn.Module):
    def __init__(self, average):
        super().__init__()
        self.first, self.norm, self.last, self.average = nn.Conv2d(3, 8, 8, 8), nn.LayerNorm(8), nn.Linear(8, 5), average

    def forward(self, x):
        self.rows = self.norm(self.first(x).permute(0, 2, 3, 1))
        return self.last(self.average(self.rows))


for name, average in {"tokens": lambda rows: rows.flatten(1, 2).mean(1),
                      "tokens, dimensions kept": lambda rows: rows.flatten(1, 2).mean(1, keepdim=True).flatten(1),
                      "channels last": lambda rows: rows.mean((1, 2))}.items():
    net = Averaged(average).eval()
    graph = Graph(export(net, X))
    maps, logits = method_maps(graph, X.numpy(), [[1, 3]] * 2, "cam", relu=False)
    theirs = net(X).detach().numpy()
    want = torch.einsum("nhwc,kc->nkhw", net.rows, net.last.weight[[1, 3]]).detach().numpy()
    off = max(of_range(maps, want), of_range(logits, theirs))
    checks(f"CAM of {name} that are averaged", off < 1e-5, f"{off:.1e}")
    grad, _ = method_maps(graph, X.numpy(), [[1, 3]] * 2, "grad-cam", relu=False)
    checks(f"Grad-CAM of {name} that are averaged", of_range(grad * grad[0].size / 2, want) < 1e-5)
for name, average in {"some tokens": lambda rows: rows.flatten(1, 2)[:, 1:].mean(1),
                      "channels": lambda rows: rows.flatten(1, 2).mean(2)[:, :8]}.items():
    graph = Graph(export(Averaged(average).eval(), X))
    checks(f"CAM is not defined where {name} are averaged", graph.head.kind == 0)
checks.done()
