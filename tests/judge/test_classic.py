"""Nine classic networks as the ONNX project tests with them (the kit's onnx-light): as they are, with all
weights made by ConstantOfShape, they load; with real weights their logits are ONNX Runtime's."""
import glob
import os
import sys
import tempfile

try:
    import numpy as np
    import onnx  # noqa: F401 - materialise.py needs it
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Graph, Net, kit_or_skip, lib

FOLDER = os.path.join(kit_or_skip(), "onnx-light")
sys.path.insert(0, FOLDER)
sys.dont_write_bytecode = True
import materialise  # noqa: E402

checks = Checks()
expected = np.load(f"{FOLDER}/expected.npz")


def read(path):
    with open(path, "rb") as file:
        return file.read()


for path in sorted(glob.glob(f"{FOLDER}/light_*.onnx")):
    name = os.path.basename(path)[len("light_"):-len(".onnx")]
    graph = Graph(read(path), name)
    checks(f"{name} as it is", graph.n_classes == 1000)
    with tempfile.TemporaryDirectory() as folder:
        materialise.materialise(path, f"{folder}/m.onnx")
        graph = Graph(read(f"{folder}/m.onnx"), name)
    shape = lib.cr_graph_input_shape(graph.handle)
    want = expected[name].reshape(1, -1)
    got = Net(graph, 1).forward(materialise.input(list(shape.dims[:4])))
    off = np.abs(got - want).max() / np.ptp(want)
    checks(name, off < 1e-5, f"logits differ by {off:.1e} of their range")
checks.done()
