"""Caffe networks against OpenCV's own reader of them: logits, and layers by their names."""
import sys

import numpy as np

import caffe_writer
from caffe_writer import Network
from camrank import Checks, Graph, Net, Refused

try:
    import cv2
except ImportError:
    print("skipped: no OpenCV for Python")
    sys.exit(77)

report, wrong = Checks(), []


def check(ok, what):
    if not ok:
        wrong.append(what)


def judge(net, x, layer):
    """What OpenCV computes of the images, at the layer with this name."""
    model = cv2.dnn.readNetFromCaffe(bytearray(net.text()), bytearray(net.model()))
    model.enableFusion(False)
    model.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    model.setInput(x)
    return model.forward(layer)


def close(a, b):
    """Within 1e-4 of the largest value, which is as far as sums in another order differ."""
    return a.shape == b.shape and np.abs(a - b).max() <= 1e-4 * max(1, np.abs(b).max())


def images(shape, n=1, seed=5):
    return np.random.default_rng(seed).standard_normal((n, *shape[1:])).astype(np.float32)


def check_network(what, net, logits, layers=()):
    """Logits, and activations of layers, of a network that OpenCV reads from the same bytes."""
    graph = Graph(net.text(), weights=net.model())
    shape = tuple(graph.lib.cr_graph_input_shape(graph.handle).dims[:4])
    x = images(shape)
    values = [graph.find(name) for name in layers]
    check(min(values, default=0) >= 0, f"{what}: layers by name {layers} {values}")
    ours = Net(graph, 1, [(v, False) for v in values])
    got, want = ours.forward(x), judge(net, x, logits).reshape(1, -1)
    check(close(got, want), f"{what}: logits differ by {np.abs(got - want).max():g}")
    for i, name in enumerate(layers):
        a, b = ours.activations(i, 1), judge(net, x, name)
        check(close(a, b), f"{what}: {name} differs: {a.shape} {b.shape}")
    return graph


def single(kind, params="", blobs=(), shape=(1, 6, 11, 14), bottoms=1, change=None, seed=0):
    """One layer behind a convolution, and all of its output into three classes."""
    net = Network(shape, seed)
    inputs = [net.conv(f"c{i}", "data", shape[1], shape[1], 3, "pad: 1") for i in range(bottoms)]
    if change:
        inputs = [change(net, i) for i in inputs]
    net.layer(kind, "tested", inputs, params, blobs)
    n = judge(net, images(shape), "tested").size
    net.dense("fc", "tested", n, 3)
    return net


def positive(net, blob):
    return net.layer("Power", blob + "+", net.layer("AbsVal", blob + "|", blob), "power_param { shift: 0.5 }")


def check_layers():
    rng = np.random.default_rng(9)

    def r(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    cases = [
        ("Convolution", 'convolution_param { num_output: 4 kernel_size: 3 dilation: 2 group: 2 }', [r(4, 3, 3, 3), r(4)]),
        ("Convolution", 'convolution_param { num_output: 4 kernel_h: 5 kernel_w: 2 pad_h: 2 pad_w: 1 stride_h: 1 '
         'stride_w: 3 bias_term: false }', [r(4, 6, 5, 2)]),
        ("Deconvolution", 'convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }', [r(6, 4, 4, 4), r(4)]),
        ("InnerProduct", "inner_product_param { num_output: 7 }", [r(7, 924), r(7)]),
        ("InnerProduct", "inner_product_param { num_output: 7 bias_term: false }", [r(7, 924)]),
        ("ReLU", "relu_param { negative_slope: 0.1 }", ()), ("PReLU", "", [r(6)]),
        ("ELU", "elu_param { alpha: 0.7 }", ()), ("Sigmoid", "", ()), ("TanH", "", ()), ("AbsVal", "", ()),
        ("BNLL", "", ()), ("Dropout", "", ()),
        ("Power", "power_param { power: 2 scale: 0.5 shift: 0.25 }", ()), ("Power", "power_param { shift: 3 }", ()),
        ("Power", "power_param { scale: 3 }", ()),
        ("BatchNorm", "batch_norm_param { eps: 0.001 }", [r(6), r(6) ** 2 + 1, [4]]),
        ("Scale", "scale_param { bias_term: true }", [r(6), r(6)]), ("Scale", "", [r(6)]),
        ("LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.5 }", ()),
        ("Softmax", "", ()), ("Flatten", "", ()),
        ("Flatten", "flatten_param { axis: 2 end_axis: -1 }", ()),
        ("Reshape", "reshape_param { shape { dim: 0 dim: 3 dim: -1 dim: 7 } }", ()),
        ("Pooling", "pooling_param { pool: AVE global_pooling: true }", ()),
        ("Pooling", "pooling_param { pool: MAX global_pooling: true }", ()),
    ]
    for how in ("MAX", "AVE"):
        for k, s, p in [(3, 2, 0), (3, 2, 1), (2, 2, 1), (5, 3, 2), (4, 3, 1), (3, 1, 1), (2, 3, 1)]:
            cases.append(("Pooling", f"pooling_param {{ pool: {how} kernel_size: {k} stride: {s} pad: {p} }}", ()))
        cases.append(("Pooling", f"pooling_param {{ pool: {how} kernel_h: 5 kernel_w: 2 stride_h: 2 stride_w: 1 "
                                 f"pad_h: 2 pad_w: 1 }}", ()))
    for kind, params, blobs in cases:
        for shape in ((1, 6, 11, 14), (1, 6, 14, 11)):
            if kind == "InnerProduct" or shape[2] == 11:
                check_single(kind, params, blobs, shape)
            elif kind in ("Pooling", "Convolution"):
                check_single(kind, params, blobs, shape)
    check_single("Eltwise", "eltwise_param { operation: SUM coeff: 1 coeff: -0.5 }", (), bottoms=2)
    for how in ("SUM", "PROD", "MAX"):
        check_single("Eltwise", f"eltwise_param {{ operation: {how} }}", (), bottoms=3)
    check_single("Concat", "", (), bottoms=3)
    check_single("Concat", "concat_param { axis: 2 }", (), bottoms=2)


def check_single(kind, params, blobs, shape=(1, 6, 11, 14), **more):
    what = f"{kind} {params} of {shape}"
    try:
        net = single(kind, params, blobs, shape, **more)
        check_network(what, net, "fc")
    except (Refused, cv2.error) as error:
        check(False, f"{what}: {error}")


def check_formulas():
    """What OpenCV 4.6 has not, or not as Caffe has it, by its formula."""
    def run(net):
        graph = Graph(net.text(), weights=net.model(), output="fc")
        value = graph.find("tested")
        ours = Net(graph, 1, [(value, False), (graph.find("c0"), False)])
        ours.forward(images((1, 6, 11, 14)))
        return ours.activations(0, 1).astype(float), ours.activations(1, 1).astype(float)

    def make(kind, params, blobs=(), n=924, change=None):
        net = Network((1, 6, 11, 14))
        x = net.conv("c0", "data", 6, 6, 3, "pad: 1")
        net.layer(kind, "tested", change(net, x) if change else x, params, blobs)
        net.dense("fc", "tested", n, 3)
        return net

    y, x = run(make("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 2 beta: 0.6 }"))
    padded = np.pad(x ** 2, ((0, 0), (0, 0), (1, 1), (1, 1)))
    mean = sum(padded[:, :, i:i + 11, j:j + 14] for i in range(3) for j in range(3)) / 9
    check(close(y, x * (1 + 2 * mean) ** -0.6), "LRN within channels")
    y, x = run(make("LRN", "lrn_param { local_size: 5 alpha: 2 beta: 0.6 k: 2 }"))
    padded = np.pad(x ** 2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    check(close(y, x * (2 + 2 / 5 * sum(padded[:, i:i + 6] for i in range(5))) ** -0.6), "LRN with k")
    y, x = run(make("Exp", "exp_param { base: 2 scale: 0.5 shift: 0.25 }"))
    check(close(y, 2 ** (0.25 + 0.5 * x)), "Exp")
    y, x = run(make("Log", "log_param { base: 10 scale: 2 shift: 1 }", change=positive))
    check(close(y, np.log10(1 + 2 * (abs(x) + 0.5))), "Log")
    y, x = run(make("Bias", "", [[1, 2, 3, 4, 5, 6]]))
    check(close(y, x + np.arange(1, 7).reshape(1, 6, 1, 1)), "Bias")
    y, x = run(make("Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 round_mode: FLOOR }", n=6 * 5 * 6))
    check(close(y, np.array([[[[x[0, c, 2 * i:2 * i + 3, 2 * j:2 * j + 3].max() for j in range(6)]
                                     for i in range(5)] for c in range(6)]])), "Pooling rounded down")
    net = Network((1, 6, 11, 14))
    net.layer("Slice", "parts", net.conv("c0", "data", 6, 6, 3, "pad: 1"), "slice_param { slice_point: 2 }",
              top=["a", "tested"])
    net.dense("fc", "tested", 4 * 154, 3)
    y, x = run(net)
    check(close(y, x[:, 2:]), "Slice")


def check_files():
    """Ways in which the same network is written."""
    net = caffe_writer.alexnet(67, 5, gap=True)
    x = images((1, 3, 67, 67))
    first = Net(Graph(net.text(), weights=net.model()), 1).forward(x)
    for kind in ({"legacy": True}, {"double": True}, {"packed": False}):
        again = Net(Graph(net.text(), weights=net.model(**kind)), 1).forward(x)
        check((first == again).all(), f"blobs written {kind}")
    old = caffe_writer.alexnet(67, 5, gap=True, old=True)
    again = Net(Graph(old.text(), weights=old.model()), 1).forward(x)
    check((first == again).all(), "V1 layers")
    check_network("V1 AlexNet-GAP", old, "CAM_fc", ["conv5", "relu5"])

    text = net.text().decode()
    start = text.index("layer")
    inputs = ('layer { name: "data" type: "Input" top: "data" input_param { shape: { dim: [2, 3, 67, 67] } } }\n',
              'input: "data" input_shape { dim: 1 dim: 3 dim: 67; dim: 67 }\n',
              'layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN } }\n'
              'layer { name: "d" type: "Data" top: "data" top: "label" transform_param { crop_size: 67 } '
              'include { phase: TEST } }\nlayer { name: "loss" type: "SoftmaxWithLoss" bottom: "CAM_fc" '
              'bottom: "label" top: "loss" exclude: { phase: TRAIN } }\nlayer < name: \'acc\' type: "Accuracy" '
              'bottom: "CAM_fc" bottom: "label" include { phase: TEST } >\n')
    for head in inputs:
        again = Net(Graph((head + text[start:]).encode(), weights=net.model()), 1).forward(x)
        check((first == again).all(), f"input {head[:40]}")


def check_refused():
    net = caffe_writer.alexnet(67, 5, gap=True)
    text, model = net.text().decode(), net.model()
    lacking = caffe_writer.alexnet(67, 5, gap=True)
    del lacking.blobs["conv3"]
    other = caffe_writer.alexnet(67, 5, gap=True)
    other.blobs["conv3"][0] = other.blobs["conv3"][0][:, :5]
    line = text[:text.index('name: "conv3"')].count("\n")
    cases = [
        (text, lacking.model(), f"line {line}: layer conv3 (Convolution): the .caffemodel has no weights"),
        (text, other.model(), "its blob 0 is [384, 5, 3, 3] in the .caffemodel, the network needs [384, 256, 3, 3]"),
        (text, b"", "weights weights: is no .caffemodel"), (text, b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (text, model[:-9], "is no .caffemodel, is damaged"),
        (text + "layer {", model, "the file ends inside a message"), (text + "}", model, "a name is missing"),
        (text + 'layer { name: "x', model, "a string does not end"), (text + "layer x", model, "a colon or { is missing"),
        (text + "a {" * 50, model, "messages nest too deep"),
        (text.replace("stride: 4", "stride: four"), model, "stride is no integer"),
        (text.replace("stride: 4", "stride: 0"), model, "stride is missing or out of range"),
        (text.replace('type: "LRN"', 'type: "Crop"'), model, "(Crop): this type is not supported"),
        (text.replace('bottom: "norm1"', 'bottom: "nothing"'), model, "its bottom nothing is not computed before it"),
        (text.replace("input_dim: 67", "input_dim: 3"), model, "its output would be empty"),
        (text.replace("group: 2", "group: 5"), model, "num_output or group does not fit"),
    ]
    for prototxt, weights, message in cases:
        try:
            Graph(prototxt.encode(), weights=weights)
            check(False, f"not refused: {message}")
        except Refused as refused:
            check(message in str(refused), f"{message}: {refused}")


def check_networks():
    graph = check_network("AlexNet", caffe_writer.alexnet(), "fc8", ["conv1", "relu1", "norm1", "pool2", "relu5", "pool5"])
    check("prob" in graph.lib.cr_graph_cut(graph.handle).decode(), "the Softmax is cut")
    for what, net in (("AlexNet-GAP", caffe_writer.alexnet(gap=True)), ("VGG16-GAP", caffe_writer.vgg16_gap()),
                      ("GoogLeNet-GAP", caffe_writer.googlenet(gap=True))):
        graph = check_network(what, net, "CAM_fc", ["CAM_conv", "CAM_relu"])
        check(graph.name(graph.head.feature) == "CAM_relu", f"{what}: CAM's layer")
    graph = check_network("GoogLeNet", caffe_writer.googlenet(), "loss3/classifier",
                          ["inception_4e/output", "inception_5b/output", "inception_3a/pool"])
    check(graph.name(graph.head.feature) == "inception_5b/output", "GoogLeNet: CAM's layer")


def main():
    for what, judged in (("layers, one at a time", check_layers), ("layers by their formulas", check_formulas),
                         ("ways to write a network", check_files), ("refused", check_refused),
                         ("five networks", check_networks)):
        wrong.clear()
        judged()
        report(what, not wrong, "; ".join(wrong))
    report.done()


main()
