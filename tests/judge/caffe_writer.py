"""Caffe networks written by hand: the text of a .prototxt and the bytes of a .caffemodel, with random weights."""
import struct

import numpy as np

V1_TYPES = {"InnerProduct": "INNER_PRODUCT", "SoftmaxWithLoss": "SOFTMAX_LOSS"}


def _varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _field(number, content):
    """A field of bytes, text or a message."""
    content = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def blob_bytes(values, legacy=False, double=False, packed=True):
    values = np.asarray(values, np.float32)
    if legacy:  # four dimensions: num, channels, height, width
        dims = (1,) * (4 - values.ndim) + values.shape
        shape = b"".join(_varint(i + 1 << 3) + _varint(d) for i, d in enumerate(dims))
    else:
        shape = _field(7, _field(1, b"".join(map(_varint, values.shape))))
    if double:
        return shape + _field(8, values.astype("<f8").tobytes())
    if packed:
        return shape + _field(5, values.astype("<f4").tobytes())
    return shape + b"".join(_varint(5 << 3 | 5) + struct.pack("<f", v) for v in values.ravel())


class Network:
    """Layers are added in order; `layer` gives the name of its top back."""

    def __init__(self, shape, seed=0, name="data", old=False):
        self.rng, self.old = np.random.default_rng(seed), old
        self.head = (f'name: "drawn" # a comment\ninput: "{name}"\n' +
                     "".join(f"input_dim: {d}\n" for d in shape))
        self.layers, self.blobs = [], {}

    def random(self, *shape):
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 4
        return self.rng.standard_normal(shape).astype(np.float32) * np.float32((2 / fan) ** 0.5)

    def layer(self, kind, name, bottoms, params="", blobs=(), top=None, more=""):
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        tops = [top or name] if not isinstance(top, list) else top
        if self.old:
            kind = V1_TYPES.get(kind, kind.upper())
        quote = "" if self.old else '"'
        lines = [f'name: "{name}"', f"type: {quote}{kind}{quote}"]
        lines += [f'bottom: "{b}"' for b in bottoms] + [f'top: "{t}"' for t in tops]
        self.layers.append(("layers" if self.old else "layer") + " {\n  " +
                           "\n  ".join(lines + [params, more]) + "\n}\n")
        if blobs:
            self.blobs[name] = [np.asarray(b, np.float32) for b in blobs]
        return tops[0]

    def conv(self, name, bottom, n_in, n_out, kernel, params="", groups=1, bias=True):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        blobs = [self.random(n_out, n_in // groups, *kernel)] + [self.random(n_out)] * bias
        size = (f"kernel_size: {kernel[0]}" if kernel[0] == kernel[1] else
                f"kernel_h: {kernel[0]} kernel_w: {kernel[1]}")
        return self.layer("Convolution", name, bottom,
                          f"convolution_param {{ num_output: {n_out} {size} group: {groups} "
                          f"bias_term: {str(bias).lower()} {params} }}", blobs)

    def relu(self, name, blob):
        return self.layer("ReLU", name, blob, top=blob)

    def pool(self, name, bottom, kernel, stride=1, pad=0, how="MAX"):
        return self.layer("Pooling", name, bottom, f"pooling_param {{ pool: {how} kernel_size: {kernel} "
                                                   f"stride: {stride} pad: {pad} }}")

    def global_pool(self, name, bottom, how="AVE"):
        return self.layer("Pooling", name, bottom,
                          f"pooling_param {{ pool: {how} global_pooling: true }}")

    def dense(self, name, bottom, n_in, n_out):
        return self.layer("InnerProduct", name, bottom,
                          f"inner_product_param {{ num_output: {n_out} }}",
                          [self.random(n_out, n_in), self.random(n_out)])

    def text(self):
        return (self.head + "".join(self.layers)).encode()

    def model(self, **kind):
        """The .caffemodel; `kind` as of blob_bytes."""
        name, blobs, layer = (4, 6, 2) if self.old else (1, 7, 100)
        kind = {"legacy": self.old, **kind}
        return b"".join(_field(layer, _field(name, n) + b"".join(
            _field(blobs, blob_bytes(b, **kind)) for b in bs)) for n, bs in self.blobs.items())


def alexnet(size=227, n_classes=1000, gap=False, old=False):
    net = Network((10, 3, size, size), seed=1, old=old)
    lrn = "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }"
    x = net.relu("relu1", net.conv("conv1", "data", 3, 96, 11, "stride: 4"))
    x = net.layer("LRN", "norm1", net.pool("pool1", x, 3, 2), lrn)
    x = net.relu("relu2", net.conv("conv2", x, 96, 256, 5, "pad: 2", groups=2))
    x = net.layer("LRN", "norm2", net.pool("pool2", x, 3, 2), lrn)
    x = net.relu("relu3", net.conv("conv3", x, 256, 384, 3, "pad: 1"))
    x = net.relu("relu4", net.conv("conv4", x, 384, 384, 3, "pad: 1", groups=2))
    x = net.relu("relu5", net.conv("conv5", x, 384, 256, 3, "pad: 1", groups=2))
    if gap:
        return cam_head(net, x, 256, n_classes)
    x = net.pool("pool5", x, 3, 2)
    x = net.relu("relu6", net.dense("fc6", x, 9216, 512))
    x = net.layer("Dropout", "drop6", x, "dropout_param { dropout_ratio: 0.5 }", top=x)
    net.layer("Softmax", "prob", net.dense("fc8", x, 512, n_classes))
    return net


def cam_head(net, x, n_channels, n_classes):
    """What the CAM authors put behind a network: a convolution of 1024 units, the average, the classes."""
    x = net.relu("CAM_relu", net.conv("CAM_conv", x, n_channels, 1024, 3, "pad: 1", groups=2))
    x = net.global_pool("CAM_pool", x)
    net.layer("Softmax", "prob", net.dense("CAM_fc", x, 1024, n_classes))
    return net


def vgg16_gap(n_classes=1000):
    net, x, n = Network((10, 3, 224, 224), seed=2), "data", 3
    for block, (channels, depth) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], 1):
        for i in range(1, depth + 1):
            x = net.relu(f"relu{block}_{i}", net.conv(f"conv{block}_{i}", x, n, channels, 3, "pad: 1"))
            n = channels
        if block < 5:
            x = net.pool(f"pool{block}", x, 2, 2)
    return cam_head(net, x, 512, n_classes)


def googlenet(n_classes=1000, gap=False):
    net = Network((10, 3, 224, 224), seed=3)
    lrn = "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }"
    x = net.relu("conv1/relu_7x7", net.conv("conv1/7x7_s2", "data", 3, 64, 7, "pad: 3 stride: 2"))
    x = net.layer("LRN", "pool1/norm1", net.pool("pool1/3x3_s2", x, 3, 2), lrn)
    x = net.relu("conv2/relu_reduce", net.conv("conv2/3x3_reduce", x, 64, 64, 1))
    x = net.relu("conv2/relu_3x3", net.conv("conv2/3x3", x, 64, 192, 3, "pad: 1"))
    x = net.pool("pool2/3x3_s2", net.layer("LRN", "conv2/norm2", x, lrn), 3, 2)
    n = 192
    table = {"3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
             "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
             "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
             "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
             "5b": (384, 192, 384, 48, 128, 128)}
    for stage, (a, b1, b2, c1, c2, d) in table.items():
        if gap and stage == "5a":
            break
        if stage in ("4a", "5a"):
            x = net.pool(f"pool{int(stage[0]) - 1}/3x3_s2", x, 3, 2)

        def part(kind, bottom, n_in, n_out, kernel, pad=0, at=f"inception_{stage}"):
            top = net.conv(f"{at}/{kind}", bottom, n_in, n_out, kernel, f"pad: {pad}")
            return net.relu(f"{at}/relu_{kind}", top)

        parts = [part("1x1", x, n, a, 1),
                 part("3x3", part("3x3_reduce", x, n, b1, 1), b1, b2, 3, 1),
                 part("5x5", part("5x5_reduce", x, n, c1, 1), c1, c2, 5, 2),
                 part("pool_proj", net.pool(f"inception_{stage}/pool", x, 3, 1, 1), n, d, 1)]
        x, n = net.layer("Concat", f"inception_{stage}/output", parts), a + b2 + c2 + d
    if gap:
        return cam_head(net, x, n, n_classes)
    x = net.pool("pool5/7x7_s1", x, 7, 1, 0, "AVE")
    x = net.layer("Dropout", "pool5/drop_7x7_s1", x, top=x)
    net.layer("Softmax", "prob", net.dense("loss3/classifier", x, n, n_classes))
    return net
