"""make_models.py GAP.onnx N_CLASSES: networks of other forms, beside it: vit.onnx, random; and the given one as
plain.onnx, with channels last (last.onnx), of bytes (bytes.onnx), and with a second output (two.onnx)."""
import sys
import warnings

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.norm2, self.attn = nn.LayerNorm(c), nn.LayerNorm(c), nn.MultiheadAttention(c, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(c, 2 * c), nn.GELU(), nn.Linear(2 * c, c))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, n_classes, c=16):
        super().__init__()
        self.embed, self.tokens = nn.Conv2d(3, c, 8, 8), nn.Parameter(torch.randn(1, 2, c))
        self.blocks, self.head = nn.Sequential(Block(c), Block(c)), nn.Linear(c, n_classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        return self.head(self.blocks(torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], 1))[:, 0])


torch.onnx.export(ViT(int(sys.argv[2])).train(), torch.zeros(1, 3, 32, 32), "vit.onnx", opset_version=13,
                  training=torch.onnx.TrainingMode.PRESERVE, input_names=["input"], output_names=["logits"],
                  dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}})


def variant(path, kind=TensorProto.FLOAT, last=False, second=False):
    """The given network behind a division of pixels by 255."""
    model = onnx.load(sys.argv[1])
    graph, first = model.graph, model.graph.input[0].name
    nodes, at = [], "pixels"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [at], ["cast"], to=TensorProto.FLOAT))
        at = "cast"
    if last:
        nodes.append(helper.make_node("Transpose", [at], ["first"], perm=[0, 3, 1, 2]))
        at = "first"
    nodes.append(helper.make_node("Div", [at, "most"], [first]))
    graph.initializer.append(helper.make_tensor("most", TensorProto.FLOAT, [], [255.0]))
    body = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes + body)
    size = ["n", 32, 32, 3] if last else ["n", 3, 32, 32]
    graph.input.append(helper.make_tensor_value_info("pixels", kind, size))
    if second:
        features = next(node.output[0] for node in body if node.op_type == "Relu")
        graph.node.append(helper.make_node("Identity", [features], ["features"]))
        graph.output.insert(0, helper.make_tensor_value_info("features", TensorProto.FLOAT, None))
    onnx.save(model, path)


variant("plain.onnx")
variant("last.onnx", last=True)
variant("bytes.onnx", TensorProto.UINT8, last=True)
variant("two.onnx", second=True)
