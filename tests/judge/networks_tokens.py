"""Networks with attention that torchvision lacks, written from their papers for zoo.py: each in its published
size, which the number of its parameters tells, and in a small one."""
import torch
from torch import nn
from torch.nn import functional as F


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape) * 0.2)


class Scale(nn.Module):
    """LayerScale (Touvron et al. 2021, Going deeper with image transformers, eq. 4): a factor for each channel."""

    def __init__(self, *shape):
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(*shape) * 0.4 + 0.1)

    def forward(self, x):
        return x * self.gamma


def conv_bn(c, k, size=1, stride=1, groups=1, act=None):
    layers = [nn.Conv2d(c, k, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(k)]
    return nn.Sequential(*layers + ([act()] if act else []))


def mlp(c, ratio, act=nn.GELU):
    return nn.Sequential(nn.Linear(c, ratio * c), act(), nn.Linear(ratio * c, c))


class Attention(nn.Module):
    """`talks`: heads are mixed before and after the softmax (CaiT)."""

    def __init__(self, c, heads, talks=False):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.before, self.after = (nn.Linear(heads, heads), nn.Linear(heads, heads)) if talks else (None, None)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5
        if self.before is not None:
            a = self.after(self.before(a.permute(0, 2, 3, 1)).softmax(-2)).permute(0, 3, 1, 2)
        else:
            a = a.softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    def __init__(self, c, heads, ratio=4, scale=False, talks=False, act=nn.GELU):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(c), Attention(c, heads, talks), nn.LayerNorm(c)
        self.mlp = mlp(c, ratio, act)
        self.ls1, self.ls2 = (Scale(c), Scale(c)) if scale else (nn.Identity(), nn.Identity())

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class DeiT(nn.Module):
    """Touvron et al. 2021, Training data-efficient image transformers: a class and a distillation token, each
    with a head, whose mean is the answer."""

    def __init__(self, size, c, depth, heads, n_classes, patch=16):
        super().__init__()
        self.embed = nn.Conv2d(3, c, patch, patch)
        self.token, self.teacher = parameter(1, 1, c), parameter(1, 1, c)
        self.position = parameter(1, 2 + (size // patch) ** 2, c)
        self.blocks, self.norm = nn.Sequential(*[Block(c, heads) for _ in range(depth)]), nn.LayerNorm(c)
        self.head, self.head_dist = nn.Linear(c, n_classes), nn.Linear(c, n_classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        n = x.shape[0]
        x = torch.cat([self.token.expand(n, -1, -1), self.teacher.expand(n, -1, -1), x], 1)
        x = self.norm(self.blocks(x + self.position))
        return (self.head(x[:, 0]) + self.head_dist(x[:, 1])) / 2


class Registers(nn.Module):
    """Darcet et al. 2024, Vision transformers need registers: as in DINOv2, whose positions are added before the
    registers come behind the class token; the head reads that."""

    def __init__(self, size, c, depth, heads, n_classes, patch=14, registers=4):
        super().__init__()
        self.embed, self.token = nn.Conv2d(3, c, patch, patch), parameter(1, 1, c)
        self.registers, self.position = parameter(1, registers, c), parameter(1, 1 + (size // patch) ** 2, c)
        self.blocks = nn.Sequential(*[Block(c, heads, scale=True) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(c), nn.Linear(c, n_classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        n = x.shape[0]
        x = torch.cat([self.token.expand(n, -1, -1), x], 1) + self.position
        x = torch.cat([x[:, :1], self.registers.expand(n, -1, -1), x[:, 1:]], 1)
        return self.head(self.norm(self.blocks(x))[:, 0])


class ClassAttention(nn.Module):
    """CaiT's last layers: the class token alone looks, at itself and at the places."""

    def __init__(self, c, heads):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(c), nn.LayerNorm(c)
        self.q, self.k, self.v, self.proj = (nn.Linear(c, c) for _ in range(4))
        self.mlp, self.ls1, self.ls2 = mlp(c, 4), Scale(c), Scale(c)

    def forward(self, token, x):
        n, _, c = x.shape
        u = self.norm1(torch.cat([token, x], 1))
        q, k, v = (f(y).reshape(n, -1, self.heads, c // self.heads).transpose(1, 2)
                   for f, y in ((self.q, u[:, :1]), (self.k, u), (self.v, u)))
        a = (q * (c // self.heads) ** -0.5 @ k.transpose(-2, -1)).softmax(-1)
        token = token + self.ls1(self.proj((a @ v).transpose(1, 2).reshape(n, 1, c)))
        return token + self.ls2(self.mlp(self.norm2(token)))


class CaiT(nn.Module):
    """Touvron et al. 2021, Going deeper with image transformers."""

    def __init__(self, size, c, depth, heads, n_classes, patch=16):
        super().__init__()
        self.embed, self.position = nn.Conv2d(3, c, patch, patch), parameter(1, (size // patch) ** 2, c)
        self.blocks = nn.Sequential(*[Block(c, heads, scale=True, talks=True) for _ in range(depth)])
        self.token, self.last = parameter(1, 1, c), nn.ModuleList([ClassAttention(c, heads) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(c), nn.Linear(c, n_classes)

    def forward(self, x):
        x = self.blocks(self.embed(x).flatten(2).transpose(1, 2) + self.position)
        token = self.token.expand(x.shape[0], -1, -1)
        for layer in self.last:
            token = layer(token, x)
        return self.head(self.norm(torch.cat([token, x], 1))[:, 0])


class Reduced(nn.Module):
    """PVT-v2's block: keys and values of a map that a convolution has made smaller, a depthwise convolution
    between the linear layers."""

    def __init__(self, c, heads, ratio, reduction):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(c), nn.LayerNorm(c)
        self.q, self.kv, self.proj = nn.Linear(c, c), nn.Linear(c, 2 * c), nn.Linear(c, c)
        self.reduce = nn.Conv2d(c, c, reduction, reduction) if reduction > 1 else None
        self.norm = nn.LayerNorm(c) if reduction > 1 else None
        self.fc1, self.fc2 = nn.Linear(c, ratio * c), nn.Linear(ratio * c, c)
        self.between = nn.Conv2d(ratio * c, ratio * c, 3, 1, 1, groups=ratio * c)

    def attend(self, x, h, w):
        n, t, c = x.shape
        d = c // self.heads
        q, y = self.q(x).reshape(n, t, self.heads, d).transpose(1, 2), x
        if self.reduce is not None:
            y = self.norm(self.reduce(x.transpose(1, 2).reshape(n, c, h, w)).flatten(2).transpose(1, 2))
        k, v = self.kv(y).reshape(n, -1, 2, self.heads, d).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q @ k.transpose(-2, -1) * d ** -0.5).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, c))

    def forward(self, x, h, w):
        n, t, _ = x.shape
        x = x + self.attend(self.norm1(x), h, w)
        y = self.fc1(self.norm2(x))
        y = self.between(y.transpose(1, 2).reshape(n, -1, h, w)).flatten(2).transpose(1, 2)
        return x + self.fc2(F.gelu(y))


class PVT(nn.Module):
    """Wang et al. 2022, PVT v2: patches that overlap."""

    def __init__(self, widths, depths, heads, n_classes):
        super().__init__()
        self.stages, c = nn.ModuleList(), 3
        for i, (k, depth, n_heads) in enumerate(zip(widths, depths, heads)):
            embed = nn.Conv2d(c, k, 3 if i else 7, 2 if i else 4, 1 if i else 3)
            blocks = [Reduced(k, n_heads, (8, 8, 4, 4)[i], (8, 4, 2, 1)[i]) for _ in range(depth)]
            self.stages.append(nn.ModuleList([embed, nn.LayerNorm(k), nn.ModuleList(blocks), nn.LayerNorm(k)]))
            c = k
        self.head = nn.Linear(c, n_classes)

    def forward(self, x):
        for embed, first, blocks, last in self.stages:
            x = embed(x)
            n, c, h, w = x.shape
            y = first(x.flatten(2).transpose(1, 2))
            for block in blocks:
                y = block(y, h, w)
            x = last(y).reshape(n, h, w, c).permute(0, 3, 1, 2)
        return self.head(x.flatten(2).mean(2))


class MBConv(nn.Module):
    """CoAtNet's, with its normalization before it."""

    def __init__(self, c, k, stride):
        super().__init__()
        wide, few = 4 * c if stride == 2 else 4 * k, k // 4
        self.short = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(c, k, 1)) if stride == 2 else nn.Identity()
        self.norm = nn.BatchNorm2d(c)
        self.expand, self.deep = conv_bn(c, wide, 1, act=nn.GELU), conv_bn(wide, wide, 3, stride, wide, nn.GELU)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, few, 1), nn.GELU(),
                                     nn.Conv2d(few, wide, 1), nn.Sigmoid())
        self.last = nn.Conv2d(wide, k, 1)

    def forward(self, x):
        y = self.deep(self.expand(self.norm(x)))
        return self.short(x) + self.last(y * self.squeeze(y))


class Relative(nn.Module):
    """CoAtNet's block of attention, eq. 3: scores get a bias by how far places are from one another."""

    def __init__(self, c, k, size, stride, head=32):
        super().__init__()
        self.pool = nn.MaxPool2d(2) if stride == 2 else nn.Identity()
        self.short = nn.Conv2d(c, k, 1) if stride == 2 else nn.Identity()
        self.heads, self.norm1, self.norm2 = k // head, nn.LayerNorm(c), nn.LayerNorm(k)
        self.qkv, self.proj, self.mlp = nn.Linear(c, 3 * k), nn.Linear(k, k), mlp(k, 4)
        self.bias = parameter(self.heads, (2 * size - 1) ** 2)
        y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        y, x = (v.flatten()[:, None] - v.flatten()[None] + size - 1 for v in (y, x))
        self.register_buffer("places", (y * (2 * size - 1) + x).flatten())

    def forward(self, x):
        short = self.short(self.pool(x))
        y = self.norm1(self.pool(x).permute(0, 2, 3, 1))
        n, h, w, _ = y.shape
        q, k, v = self.qkv(y.flatten(1, 2)).reshape(n, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.bias[:, self.places].reshape(1, self.heads, h * w, h * w)
        a = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5 + bias).softmax(-1)
        y = self.proj((a @ v).transpose(1, 2).reshape(n, h, w, -1))
        y = short.permute(0, 2, 3, 1) + y
        return (y + self.mlp(self.norm2(y))).permute(0, 3, 1, 2)


class CoAtNet(nn.Module):
    """Dai et al. 2021, CoAtNet: two stages of convolutions, two of attention."""

    def __init__(self, size, widths, depths, n_classes):
        super().__init__()
        c = widths[0]
        self.stem = nn.Sequential(conv_bn(3, c, 3, 2, act=nn.GELU), nn.Conv2d(c, c, 3, 1, 1))
        layers = []
        for i, (k, depth) in enumerate(zip(widths[1:], depths)):
            for j in range(depth):
                stride = 2 if j == 0 else 1
                layers.append(MBConv(c, k, stride) if i < 2 else Relative(c, k, size >> (i + 2), stride))
                c = k
        self.stages, self.norm, self.head = nn.Sequential(*layers), nn.LayerNorm(c), nn.Linear(c, n_classes)

    def forward(self, x):
        return self.head(self.norm(self.stages(self.stem(x)).mean((2, 3))))


class Inverted(nn.Module):
    def __init__(self, c, k, stride, ratio=2):
        super().__init__()
        self.adds = stride == 1 and c == k
        self.body = nn.Sequential(conv_bn(c, ratio * c, act=nn.SiLU),
                                  conv_bn(ratio * c, ratio * c, 3, stride, ratio * c, nn.SiLU), conv_bn(ratio * c, k))

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class Unfolded(nn.Module):
    """MobileViT's block: attention among the pixels that have the same place in patches of 2 x 2."""

    def __init__(self, c, d, depth):
        super().__init__()
        self.local = nn.Sequential(conv_bn(c, c, 3, act=nn.SiLU), nn.Conv2d(c, d, 1, bias=False))
        self.blocks = nn.Sequential(*[Block(d, 4, 2, act=nn.SiLU) for _ in range(depth)], nn.LayerNorm(d))
        self.back, self.fuse = conv_bn(d, c, act=nn.SiLU), conv_bn(2 * c, c, 3, act=nn.SiLU)

    def forward(self, x):
        y = self.local(x)
        n, d, h, w = y.shape
        y = y.reshape(n * d * (h // 2), 2, w // 2, 2).transpose(1, 2).reshape(n, d, h * w // 4, 4)
        y = self.blocks(y.transpose(1, 3).reshape(n * 4, h * w // 4, d))
        y = y.reshape(n, 4, h * w // 4, d).transpose(1, 3)
        y = y.reshape(n * d * (h // 2), w // 2, 2, 2).transpose(1, 2).reshape(n, d, h, w)
        return self.fuse(torch.cat([x, self.back(y)], 1))


class MobileViT(nn.Module):
    """Mehta and Rastegari 2022, MobileViT."""

    def __init__(self, channels, widths, depths, last, n_classes):
        super().__init__()
        a, b, c3, c4, c5 = channels
        layers = [conv_bn(3, 16, 3, 2, act=nn.SiLU), Inverted(16, a, 1), Inverted(a, b, 2), Inverted(b, b, 1),
                  Inverted(b, b, 1)]
        for c, k, d, depth in zip((b, c3, c4), (c3, c4, c5), widths, depths):
            layers += [Inverted(c, k, 2), Unfolded(k, d, depth)]
        self.body = nn.Sequential(*layers, conv_bn(c5, last, act=nn.SiLU))
        self.head = nn.Linear(last, n_classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


class Pooling(nn.Module):
    """EfficientFormer's MB4D: the mean around a place less the place, then two 1x1 convolutions."""

    def __init__(self, c):
        super().__init__()
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.mlp = nn.Sequential(conv_bn(c, 4 * c, act=nn.GELU), conv_bn(4 * c, c))
        for conv in (self.mlp[0], self.mlp[1]):
            conv[0].bias = nn.Parameter(torch.zeros(conv[0].out_channels))
        self.ls1, self.ls2 = Scale(c, 1, 1), Scale(c, 1, 1)

    def forward(self, x):
        x = x + self.ls1(self.pool(x) - x)
        return x + self.ls2(self.mlp(x))


class Biased(nn.Module):
    """EfficientFormer's MB3D: keys of 32 values, values of 128, a bias by the distance of places."""

    def __init__(self, c, size, heads, key=32):
        super().__init__()
        self.heads, self.key, self.norm1, self.norm2 = heads, key, nn.LayerNorm(c), nn.LayerNorm(c)
        self.qkv, self.proj = nn.Linear(c, heads * 6 * key), nn.Linear(heads * 4 * key, c)
        self.mlp, self.ls1, self.ls2 = mlp(c, 4), Scale(c), Scale(c)
        at = [(y, x) for y in range(size) for x in range(size)]
        self.bias = parameter(heads, size * size)
        self.register_buffer("places", torch.tensor([[abs(a[0] - b[0]) * size + abs(a[1] - b[1]) for b in at]
                                                     for a in at]))

    def attend(self, x):
        n, t, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, t, self.heads, -1).transpose(1, 2).split(
            [self.key, self.key, 4 * self.key], -1)
        a = (q @ k.transpose(-2, -1) * self.key ** -0.5 + self.bias[:, self.places]).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(n, t, -1))

    def forward(self, x):
        x = x + self.ls1(self.attend(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class EfficientFormer(nn.Module):
    """Li et al. 2022, EfficientFormer: maps up to the last block, then tokens; the mean of two heads."""

    def __init__(self, size, widths, depths, heads, n_classes):
        super().__init__()
        c = widths[0]
        layers = [nn.Conv2d(3, c // 2, 3, 2, 1), nn.BatchNorm2d(c // 2), nn.ReLU(), nn.Conv2d(c // 2, c, 3, 2, 1),
                  nn.BatchNorm2d(c), nn.ReLU()]
        for i, (k, depth) in enumerate(zip(widths, depths)):
            layers += [nn.Conv2d(c, k, 3, 2, 1), nn.BatchNorm2d(k)] if i else []
            layers += [Pooling(k) for _ in range(depth - (i == 3))]
            c = k
        self.maps, self.tokens = nn.Sequential(*layers), Biased(c, size // 32, heads)
        self.norm, self.head, self.head_dist = nn.LayerNorm(c), nn.Linear(c, n_classes), nn.Linear(c, n_classes)

    def forward(self, x):
        x = self.norm(self.tokens(self.maps(x).flatten(2).transpose(1, 2))).mean(1)
        return (self.head(x) + self.head_dist(x)) / 2


# Name: how it is made in its published size, with images of which size; and the same of the small one.
NETWORKS = {
    "deit_tiny_distilled": (lambda: DeiT(224, 192, 12, 3, 1000), 224, lambda: DeiT(64, 32, 2, 2, 10), 64),
    "vit_small_registers": (lambda: Registers(224, 384, 12, 6, 1000), 224, lambda: Registers(56, 32, 2, 2, 10), 56),
    "cait_xxs24": (lambda: CaiT(224, 192, 24, 4, 1000), 224, lambda: CaiT(64, 32, 2, 4, 10), 64),
    "pvt_v2_b0": (lambda: PVT((32, 64, 160, 256), (2, 2, 2, 2), (1, 2, 5, 8), 1000), 224,
                  lambda: PVT((8, 16, 20, 32), (1, 1, 1, 1), (1, 2, 5, 8), 10), 64),
    "coatnet_0": (lambda: CoAtNet(224, (64, 96, 192, 384, 768), (2, 3, 5, 2), 1000), 224,
                  lambda: CoAtNet(64, (8, 16, 24, 32, 64), (1, 2, 2, 1), 10), 64),
    "mobilevit_xxs": (lambda: MobileViT((16, 24, 48, 64, 80), (64, 80, 96), (2, 4, 3), 320, 1000), 256,
                      lambda: MobileViT((8, 8, 12, 16, 20), (16, 16, 24), (1, 1, 1), 32, 10), 64),
    "efficientformer_l1": (lambda: EfficientFormer(224, (48, 96, 224, 448), (3, 2, 6, 4), 8, 1000), 224,
                           lambda: EfficientFormer(64, (8, 12, 16, 24), (1, 1, 1, 2), 2, 10), 64),
}
