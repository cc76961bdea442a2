"""Makes large.onnx beside gap.onnx of the sample: the same network behind two layers that change
nothing, 2.2 GB of external data. usage: external_large.py FOLDER

The layers are identities of 16384 channels between the pooling and the logits; their file has holes
where they are zero, so it takes little of the disk.
"""

import os
import sys

import numpy as np
import onnx
from onnx import helper
from onnx.external_data_helper import set_external_data

WIDTH = 16384

os.chdir(sys.argv[1])
model = onnx.load("gap.onnx")
graph = model.graph
logits = next(node for node in graph.node if node.op_type == "Gemm")
weights = next(tensor for tensor in graph.initializer if tensor.name == logits.input[1])
n_channels = weights.dims[1]

at = 0
with open("large.data", "wb") as file:
    def add(name, shape, values):
        """`values` are (position, value)."""
        global at
        tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
        n_bytes = 4 * int(np.prod(shape))
        tensor.raw_data = b"\0"
        set_external_data(tensor, "large.data", offset=at, length=n_bytes)
        tensor.ClearField("raw_data")
        for position, value in values:
            file.seek(at + 4 * position)
            file.write(np.float32(value).tobytes())
        graph.initializer.append(tensor)
        at += n_bytes

    diagonal = [(k * (WIDTH + 1), 1) for k in range(WIDTH)]
    add("widen", [WIDTH, n_channels], [(k * (n_channels + 1), 1) for k in range(n_channels)])
    add("same1", [WIDTH, WIDTH], diagonal)
    add("same2", [WIDTH, WIDTH], diagonal)
    add("narrow", [n_channels, WIDTH], [(k * (WIDTH + 1), 1) for k in range(n_channels)])
    file.truncate(at)
assert at > 1 << 31

last = logits.input[0]
names = ["widen", "same1", "same2", "narrow"]
position = list(graph.node).index(logits)
for i, name in enumerate(names):
    graph.node.insert(position + i, helper.make_node("Gemm", [last, name], [name + ".y"], name,
                                                     transB=1))
    last = name + ".y"
graph.node[position + len(names)].input[0] = last
onnx.save(model, "large.onnx")
