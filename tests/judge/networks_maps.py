"""Convolutional networks that torchvision lacks, written from their papers for zoo.py: each in its published size,
which the number of its parameters tells, and in a small one."""
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from networks_tokens import conv_bn, parameter


class GRN(nn.Module):
    """ConvNeXt V2's global response normalization, of [N, H, W, C]."""

    def __init__(self, c):
        super().__init__()
        self.gamma, self.beta = parameter(1, 1, 1, c), parameter(1, 1, 1, c)

    def forward(self, x):
        g = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        return self.gamma * (x * (g / (g.mean(-1, keepdim=True) + 1e-6))) + self.beta + x


class MapNorm(nn.LayerNorm):
    """LayerNorm over the channels of [N, C, H, W]."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.deep, self.norm = nn.Conv2d(c, c, 7, 1, 3, groups=c), nn.LayerNorm(c, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(c, 4 * c), nn.GELU(), GRN(4 * c), nn.Linear(4 * c, c))

    def forward(self, x):
        return x + self.mlp(self.norm(self.deep(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class ConvNeXtV2(nn.Module):
    """Woo et al. 2023, ConvNeXt V2."""

    def __init__(self, widths, depths, n_classes):
        super().__init__()
        layers, c = [nn.Conv2d(3, widths[0], 4, 4), MapNorm(widths[0], eps=1e-6)], widths[0]
        for i, (k, depth) in enumerate(zip(widths, depths)):
            layers += [MapNorm(c, eps=1e-6), nn.Conv2d(c, k, 2, 2)] if i else []
            layers += [ConvNeXtBlock(k) for _ in range(depth)]
            c = k
        self.body, self.norm, self.head = nn.Sequential(*layers), nn.LayerNorm(c, eps=1e-6), nn.Linear(c, n_classes)

    def forward(self, x):
        return self.head(self.norm(self.body(x).mean((2, 3))))


class ScaledConv(nn.Conv2d):
    """NFNet's weight standardisation (Brock et al. 2021, eq. 1): a gain for each output."""

    def __init__(self, c, k, size, stride=1, groups=1):
        super().__init__(c, k, size, stride, size // 2, groups=groups)
        self.gain = nn.Parameter(torch.rand(k, 1, 1, 1) * 0.4 + 0.8)

    def forward(self, x):
        w, n = self.weight, self.weight[0].numel()
        mean, var = w.mean((1, 2, 3), keepdim=True), w.var((1, 2, 3), keepdim=True, unbiased=False)
        w = (w - mean) * torch.rsqrt(torch.clamp(var * n, min=1e-4)) * self.gain
        return F.conv2d(x, w, self.bias, self.stride, self.padding, 1, self.groups)


def scaled_gelu(x):
    return F.gelu(x) * 1.7015043497085571


class NFBlock(nn.Module):
    """With the input's expected standard deviation `sigma`, alpha 0.2."""

    def __init__(self, c, k, stride, sigma, group):
        super().__init__()
        wide, few = k // 2, k // 2
        self.sigma, self.stride = sigma, stride
        self.short = ScaledConv(c, k, 1) if stride > 1 or c != k else None
        self.convs = nn.ModuleList([ScaledConv(c, wide, 1), ScaledConv(wide, wide, 3, stride, wide // group),
                                    ScaledConv(wide, wide, 3, 1, wide // group), ScaledConv(wide, k, 1)])
        self.squeeze = nn.Sequential(nn.Linear(k, few), nn.ReLU(), nn.Linear(few, k), nn.Sigmoid())
        self.gain = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        y = scaled_gelu(x) / self.sigma
        short = x
        if self.short is not None:
            short = self.short(F.avg_pool2d(y, 2, 2) if self.stride > 1 else y)
        y = self.convs[0](y)
        for conv in self.convs[1:]:
            y = conv(scaled_gelu(y))
        y = y * self.squeeze(y.mean((2, 3)))[:, :, None, None] * 2
        return short + y * self.gain * 0.2


class NFNet(nn.Module):
    """Brock et al. 2021, High-performance large-scale image recognition without normalization: F0."""

    def __init__(self, stem, widths, depths, group, n_classes):
        super().__init__()
        s, c, sigma = stem, widths[0] // 2, 1.0
        self.stem = nn.ModuleList([ScaledConv(a, b, 3, 2 if i in (0, 3) else 1)
                                   for i, (a, b) in enumerate(zip((3, s, 2 * s, 4 * s), (s, 2 * s, 4 * s, c)))])
        blocks = []
        for i, (k, depth) in enumerate(zip(widths, depths)):
            for j in range(depth):
                blocks.append(NFBlock(c, k, 2 if i and j == 0 else 1, sigma, group))
                sigma = ((1 if j == 0 else sigma ** 2) + 0.04) ** 0.5
                c = k
        self.blocks, self.last = nn.Sequential(*blocks), ScaledConv(c, 2 * c, 1)
        self.head = nn.Linear(2 * c, n_classes)

    def forward(self, x):
        for i, conv in enumerate(self.stem):
            x = conv(scaled_gelu(x) if i else x)
        return self.head(scaled_gelu(self.last(self.blocks(x))).mean((2, 3)))


class Ghost(nn.Module):
    """Half of the channels by a 1x1 convolution, the others of these by a depthwise one."""

    def __init__(self, c, k, act=None):
        super().__init__()
        self.k, half = k, (k + 1) // 2
        self.first, self.cheap = conv_bn(c, half, act=act), conv_bn(half, half, 3, 1, half, act)

    def forward(self, x):
        y = self.first(x)
        return torch.cat([y, self.cheap(y)], 1)[:, :self.k]


class GhostBlock(nn.Module):
    def __init__(self, c, wide, k, size, stride, squeezes):
        super().__init__()
        self.first, self.last = Ghost(c, wide, nn.ReLU), Ghost(wide, k)
        self.deep = conv_bn(wide, wide, size, 2, wide) if stride == 2 else nn.Identity()
        few = (wide // 4 + 2) // 4 * 4
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, few, 1), nn.ReLU(),
                                     nn.Conv2d(few, wide, 1), nn.Hardsigmoid()) if squeezes else None
        self.short = (nn.Identity() if stride == 1 and c == k else
                      nn.Sequential(conv_bn(c, c, size, stride, c), conv_bn(c, k)))

    def forward(self, x):
        y = self.deep(self.first(x))
        y = y * self.squeeze(y) if self.squeeze is not None else y
        return self.last(y) + self.short(x)


class GhostNet(nn.Module):
    """Han et al. 2020, GhostNet, table 7: (kernel, width, outputs, squeeze, stride)."""
    ROWS = ((3, 16, 16, 0, 1), (3, 48, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 1, 2), (5, 120, 40, 1, 1),
            (3, 240, 80, 0, 2), (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1), (3, 480, 112, 1, 1),
            (3, 672, 112, 1, 1), (5, 672, 160, 1, 2), (5, 960, 160, 0, 1), (5, 960, 160, 1, 1), (5, 960, 160, 0, 1),
            (5, 960, 160, 1, 1))

    def __init__(self, rows, last, n_classes):
        super().__init__()
        layers, c = [conv_bn(3, 16, 3, 2, act=nn.ReLU)], 16
        for size, wide, k, squeezes, stride in rows:
            layers.append(GhostBlock(c, wide, k, size, stride, squeezes))
            c = k
        self.body = nn.Sequential(*layers, conv_bn(c, wide, act=nn.ReLU), nn.AdaptiveAvgPool2d(1),
                                  nn.Conv2d(wide, last, 1), nn.ReLU(), nn.Flatten(), nn.Linear(last, n_classes))

    def forward(self, x):
        return self.body(x)


class RepBlock(nn.Module):
    """As it is trained: 3x3, 1x1 and nothing, each normalised, and summed."""

    def __init__(self, c, k, stride):
        super().__init__()
        self.wide, self.narrow = conv_bn(c, k, 3, stride), conv_bn(c, k, 1, stride)
        self.same = nn.BatchNorm2d(c) if stride == 1 and c == k else None

    def forward(self, x):
        y = self.wide(x) + self.narrow(x)
        return F.relu(y if self.same is None else y + self.same(x))


class RepVGG(nn.Module):
    """Ding et al. 2021, RepVGG."""

    def __init__(self, widths, depths, n_classes):
        super().__init__()
        layers, c = [], 3
        for k, depth in zip(widths, depths):
            layers += [RepBlock(c if j == 0 else k, k, 2 if j == 0 else 1) for j in range(depth)]
            c = k
        self.body, self.head = nn.Sequential(*layers), nn.Linear(c, n_classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


class Basic(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(conv_bn(c, c, 3, act=nn.ReLU), conv_bn(c, c, 3))

    def forward(self, x):
        return F.relu(x + self.body(x))


class Bottleneck(nn.Module):
    def __init__(self, c, few, ratio=4):
        super().__init__()
        k = ratio * few
        self.body = nn.Sequential(conv_bn(c, few, act=nn.ReLU), conv_bn(few, few, 3, act=nn.ReLU), conv_bn(few, k))
        self.short = conv_bn(c, k) if c != k else nn.Identity()

    def forward(self, x):
        return F.relu(self.short(x) + self.body(x))


class Exchange(nn.Module):
    """HRNet's module: four blocks at each resolution, then each gets the sum of all."""

    def __init__(self, widths, n_blocks):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(*[Basic(c) for _ in range(n_blocks)]) for c in widths])
        self.ways = nn.ModuleList([nn.ModuleList([self.way(widths, i, j) for j in range(len(widths))])
                                   for i in range(len(widths))])

    def way(self, widths, to, of):
        if to == of:
            return nn.Identity()
        if of > to:
            return nn.Sequential(conv_bn(widths[of], widths[to]), nn.Upsample(scale_factor=2 ** (of - to)))
        steps = [conv_bn(widths[of], widths[of], 3, 2, act=nn.ReLU) for _ in range(to - of - 1)]
        return nn.Sequential(*steps, conv_bn(widths[of], widths[to], 3, 2))

    def forward(self, xs):
        xs = [block(x) for block, x in zip(self.blocks, xs)]
        return [F.relu(sum(way(x) for way, x in zip(ways, xs))) for ways in self.ways]


class HRNet(nn.Module):
    """Wang et al. 2020, Deep high-resolution representation learning, appendix A: the network that classifies."""

    def __init__(self, c, modules, head, n_classes, n_blocks=4):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 64, 3, 2, act=nn.ReLU), conv_bn(64, 64, 3, 2, act=nn.ReLU),
                                  *[Bottleneck(256 if i else 64, 64) for i in range(n_blocks)])
        self.enter, self.stages, n = nn.ModuleList(), nn.ModuleList(), 1
        for stage, n_modules in enumerate(modules):
            widths = [c << i for i in range(n + 1)]
            same = conv_bn(256, c, 3, act=nn.ReLU) if stage == 0 else nn.Identity()
            self.enter.append(nn.ModuleList([same, conv_bn(256 if stage == 0 else c << (n - 1), c << n, 3, 2,
                                                           act=nn.ReLU)]))
            self.stages.append(nn.Sequential(*[Exchange(widths, n_blocks) for _ in range(n_modules)]))
            n += 1
        self.wide = nn.ModuleList([Bottleneck(c << i, few) for i, few in enumerate(head)])
        self.down = nn.ModuleList([nn.Sequential(nn.Conv2d(4 * a, 4 * b, 3, 2, 1), nn.BatchNorm2d(4 * b), nn.ReLU())
                                   for a, b in zip(head, head[1:])])
        self.last = nn.Sequential(nn.Conv2d(4 * head[-1], 8 * head[-1], 1), nn.BatchNorm2d(8 * head[-1]), nn.ReLU())
        self.head = nn.Linear(8 * head[-1], n_classes)

    def forward(self, x):
        xs = [self.stem(x)]
        for (same, down), stage in zip(self.enter, self.stages):
            xs = stage([same(xs[0])] + xs[1:] + [down(xs[-1])])
        xs = [wide(x) for wide, x in zip(self.wide, xs)]
        y = xs[0]
        for down, x in zip(self.down, xs[1:]):
            y = x + down(y)
        return self.head(self.last(y).mean((2, 3)))


class StandardConv(nn.Conv2d):
    """Weight standardisation (Qiao et al. 2019), as BiT has it: without a gain."""

    def forward(self, x):
        w = self.weight
        var, mean = torch.var_mean(w, (1, 2, 3), keepdim=True, unbiased=False)
        return F.conv2d(x, (w - mean) / torch.sqrt(var + 1e-10), self.bias, self.stride, self.padding, 1, self.groups)


class PreActivation(nn.Module):
    def __init__(self, c, k, stride, groups):
        super().__init__()
        few = k // 4
        self.norms = nn.ModuleList([nn.GroupNorm(groups, n) for n in (c, few, few)])
        self.convs = nn.ModuleList([StandardConv(c, few, 1, bias=False),
                                    StandardConv(few, few, 3, stride, 1, bias=False),
                                    StandardConv(few, k, 1, bias=False)])
        self.short = StandardConv(c, k, 1, stride, bias=False) if stride > 1 or c != k else None

    def forward(self, x):
        y = F.relu(self.norms[0](x))
        short = x if self.short is None else self.short(y)
        y = self.convs[0](y)
        for norm, conv in zip(self.norms[1:], self.convs[1:]):
            y = conv(F.relu(norm(y)))
        return short + y


class BiT(nn.Module):
    """Kolesnikov et al. 2020, Big Transfer: ResNet v2 with GroupNorm and weight standardisation."""

    def __init__(self, c, depths, groups, n_classes):
        super().__init__()
        self.stem = nn.Sequential(StandardConv(3, c, 7, 2, 3, bias=False), nn.ConstantPad2d(1, 0.),
                                  nn.MaxPool2d(3, 2))
        layers, k = [], 4 * c
        for i, depth in enumerate(depths):
            for j in range(depth):
                layers.append(PreActivation(c, k << i, 2 if i and j == 0 else 1, groups))
                c = k << i
        self.body, self.norm, self.head = nn.Sequential(*layers), nn.GroupNorm(groups, c), nn.Conv2d(c, n_classes, 1)

    def forward(self, x):
        y = F.relu(self.norm(self.body(self.stem(x))))
        return self.head(y.mean((2, 3), keepdim=True)).flatten(1)


class ECA(nn.Module):
    """Wang et al. 2020, ECA-Net: a convolution over the channels' means, of 3 or 5 of them (eq. 12)."""

    def __init__(self, c):
        super().__init__()
        size = 3 if c <= 128 else 5
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x):
        y = self.conv(x.mean((2, 3), keepdim=True).squeeze(-1).transpose(-1, -2)).transpose(-1, -2)
        return x * y.unsqueeze(-1).sigmoid().expand_as(x)


class CBAM(nn.Module):
    """Woo et al. 2018, CBAM: attention over channels, then over places."""

    def __init__(self, c):
        super().__init__()
        few = max(c // 16, 2)
        self.shared = nn.Sequential(nn.Flatten(), nn.Linear(c, few), nn.ReLU(), nn.Linear(few, c))
        self.places = nn.Sequential(nn.Conv2d(2, 1, 7, 1, 3, bias=False), nn.BatchNorm2d(1))

    def forward(self, x):
        of = self.shared(F.adaptive_avg_pool2d(x, 1)) + self.shared(F.adaptive_max_pool2d(x, 1))
        x = x * torch.sigmoid(of)[:, :, None, None].expand_as(x)
        two = torch.cat([x.max(1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)], 1)
        return x * torch.sigmoid(self.places(two))


def with_attention(module, depths, width=64, n_classes=1000):
    """ResNet of bottlenecks, with `module` before each sum."""
    net = torchvision.models.resnet.ResNet(torchvision.models.resnet.Bottleneck, depths, n_classes,
                                           width_per_group=width)
    for block in net.modules():
        if isinstance(block, torchvision.models.resnet.Bottleneck):
            block.bn3 = nn.Sequential(block.bn3, module(block.bn3.num_features))
    return net


# As in networks_tokens.py.
NETWORKS = {
    "convnextv2_atto": (lambda: ConvNeXtV2((40, 80, 160, 320), (2, 2, 6, 2), 1000), 224,
                        lambda: ConvNeXtV2((8, 16, 24, 32), (1, 1, 1, 1), 10), 64),
    "nfnet_f0": (lambda: NFNet(16, (256, 512, 1536, 1536), (1, 2, 6, 3), 128, 1000), 192,
                 lambda: NFNet(4, (16, 32, 48, 48), (1, 1, 2, 1), 8, 10), 64),
    "ghostnet": (lambda: GhostNet(GhostNet.ROWS, 1280, 1000), 224, lambda: GhostNet(GhostNet.ROWS[:6], 40, 10), 64),
    "repvgg_a0": (lambda: RepVGG((48, 48, 96, 192, 1280), (1, 2, 4, 14, 1), 1000), 224,
                  lambda: RepVGG((8, 8, 16, 24, 40), (1, 2, 2, 2, 1), 10), 64),
    "hrnet_w18": (lambda: HRNet(18, (1, 4, 3), (32, 64, 128, 256), 1000), 224,
                  lambda: HRNet(6, (1, 1, 1), (4, 6, 8, 10), 10, 1), 64),
    "bit_r50x1": (lambda: BiT(64, (3, 4, 6, 3), 32, 1000), 224, lambda: BiT(16, (1, 1, 2, 1), 4, 10), 64),
    "eca_resnet50": (lambda: with_attention(ECA, (3, 4, 6, 3)), 224,
                     lambda: with_attention(ECA, (1, 1, 1, 1), 4, 10), 64),
    "cbam_resnet50": (lambda: with_attention(CBAM, (3, 4, 6, 3)), 224,
                     lambda: with_attention(CBAM, (1, 1, 1, 1), 4, 10), 64),
}
