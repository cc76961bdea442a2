"""Models as users export them by mistake: each is refused in one line that names the node and says
what would help. None of them may load: what it computes would be something else."""
import io
import sys
import warnings

try:
    import onnx
    import torch
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

import caffe_writer
from camrank import Checks, Graph, Refused

X = torch.rand(2, 3, 32, 32)
checks = Checks()
torch.manual_seed(1)
warnings.filterwarnings("ignore")


class Network(nn.Module):
    """Convolution, something in the middle, average pooling, linear layer."""

    def __init__(self, middle=None):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)
        self.middle = middle or nn.ReLU()

    def forward(self, x):
        return self.last(self.middle(self.first(x)).mean((2, 3)))


class Recurrent(nn.Module):
    """Pixels in raster order, as a sequence."""

    def __init__(self, cell):
        super().__init__()
        self.first, self.cell = nn.Conv2d(3, 8, 3), cell(8, 8, batch_first=True)

    def forward(self, x):
        return self.cell(self.first(x).flatten(2).transpose(1, 2))[0][:, -1]


class Chosen(nn.Module):
    def forward(self, x):
        return x * torch.nonzero(x).sum()


class Auxiliary(Network):
    def forward(self, x):
        return super().forward(x), x.mean((2, 3))


class Masked(Network):
    def forward(self, x, mask):
        return super().forward(x * mask)


@torch.jit.script
def gather_list(x):
    parts = [x]
    for i in range(2):
        parts.append(x * i)
    return torch.stack(parts).sum(0)


@torch.jit.script
def choose_sign(x):
    if bool(x.sum() > 0):
        return x
    return -x


class Scripted(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def export(model, x=X, opset=13, names=("input",), **options):
    file = io.BytesIO()
    torch.onnx.export(model, x, file, opset_version=opset, input_names=list(names), **options)
    return file.getvalue()


def training(middle, opset=13):
    model = Network(middle).train()
    return export(model, opset=opset, training=torch.onnx.TrainingMode.TRAINING)


def quantised():
    engine = "fbgemm" if "fbgemm" in torch.backends.quantized.supported_engines else "qnnpack"
    torch.backends.quantized.engine = engine
    model = torch.ao.quantization.QuantWrapper(Network(nn.ReLU())).eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig(engine)
    torch.ao.quantization.prepare(model, inplace=True)
    model(X)
    return export(torch.ao.quantization.convert(model))


def edited(change, **options):
    model = onnx.load_from_string(export(Network().eval(), **options))
    change(model)
    return model.SerializeToString()


def as_of_onnx_runtime(model):
    model.graph.node[1].domain = "com.microsoft"
    model.opset_import.add(domain="com.microsoft", version=1)


def unknown_operator(model):
    model.graph.node[1].op_type = "Bernoulli"


def without_convolution(model):
    model.graph.node[0].op_type = "Sum"


def new_opset(model):
    model.opset_import[0].version = 28


def saved():
    file = io.BytesIO()
    torch.save(Network().state_dict(), file)
    return file.getvalue()


def refused(what, data, *words):
    """The message has all of the words."""
    try:
        Graph(data, "m.onnx")
        checks(what, False, "is loaded")
    except Refused as reason:
        text = str(reason)
        checks(what, text.startswith("m.onnx: ") and "\n" not in text and
               all(word in text for word in words), text)


Graph(export(Network().eval()), "m.onnx")  # the network itself is none to refuse
open_channels = {"input": {0: "N", 1: "C", 2: "H", 3: "W"}}
open_sides = {"input": {0: "N", 2: "H", 3: "W"}}
refused("quantised", quantised(), "(QuantizeLinear): ", "; export the float32 model")
for cell in (nn.LSTM, nn.GRU, nn.RNN):
    refused(f"recurrent {cell.__name__}", export(Recurrent(cell).eval()),
            f"node /cell/{cell.__name__} ({cell.__name__}): recurrent")
refused("sequence-valued", export(Network(Scripted(gather_list)).eval()), "(Loop): ",
        "; export the network itself, traced")
refused("control flow", export(Network(Scripted(choose_sign)).eval()), "(If): ",
        "; export the network itself, traced")
refused("size that depends on the image", export(Network(Chosen()).eval()), "(NonZero): ",
        "; export no more than the logits")
refused("open channels", edited(without_convolution, dynamic_axes=open_channels),
        "channels of its input input open; export")
refused("open sides without a size", export(Network().eval(), dynamic_axes=open_sides),
        "open: give a size")
for version in (9, 13, 17):
    refused(f"training mode, operator set {version}", training(nn.BatchNorm2d(8), version),
            "(BatchNormalization): is in training mode; export the model after .eval()")
refused("training mode with dropout", training(nn.Dropout()), "(Dropout): is in training mode; ")
refused("two outputs", export(Auxiliary().eval()), "has 2 outputs (", "; name the logits with `output:`")
refused("two inputs", export(Masked().eval(), (X, X), names=("input", "mask")),
        "several inputs (input, mask)")
refused("operator of ONNX Runtime", edited(as_of_onnx_runtime), "this operator of com.microsoft",
        "; export with those of ONNX alone")
refused("operator that we lack", edited(unknown_operator), "(Bernoulli): ", "docs/onnx.md")
refused("operator set 28", edited(new_opset), "operator set 28", "; export with opset_version=17")
refused("weights of torch.save", saved(), "a zip archive", "torch.onnx.export")
refused("weights of a Caffe network", caffe_writer.alexnet(67, 5, gap=True).model(),
        "the weights of a Caffe network; give `file: deploy.prototxt` and `weights: NET.caffemodel`")
refused("weights of an old Caffe network", caffe_writer.alexnet(67, 5, gap=True, old=True).model(),
        "the weights of a Caffe network; give ")
refused("cut", export(Network().eval())[:-100], "is damaged; export it, or copy it, again")
checks.done()
