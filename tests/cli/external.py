"""Models with external data for external.sh. usage: external.py FOLDER

Writes one.onnx and many.onnx beside gap.onnx and fc.onnx of the sample: the same networks, saved by
the ONNX project's own library with the tensors of gap in one file, and each of fc in its own; and
models whose places are wrong: above.onnx, absolute.onnx, long.onnx.
"""

import os
import sys

import onnx
from onnx.external_data_helper import set_external_data


def save(name, source, location):
    model = onnx.load(source)
    onnx.save_model(model, name, save_as_external_data=True, all_tensors_to_one_file=bool(location),
                    location=location, size_threshold=0)


def misplace(name, location, length=None):
    model = onnx.load("gap.onnx")
    tensor = model.graph.initializer[0]
    set_external_data(tensor, location, length=length)
    tensor.ClearField("raw_data")
    onnx.save(model, name)


os.chdir(sys.argv[1])
os.mkdir("many")
save("one.onnx", "gap.onnx", "one.data")
save("many/many.onnx", "fc.onnx", None)
misplace("above.onnx", "../one.data")
misplace("absolute.onnx", os.path.abspath("one.data"))
misplace("long.onnx", "one.data", length=4000)
