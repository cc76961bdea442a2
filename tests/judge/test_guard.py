"""The lines that a run says about its own results: silent for networks that are right, of however few
classes, and where too few images tell nothing; there for networks that know nothing."""
import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
    from PIL import Image
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks

CAMRANK = os.environ["CAMRANK"]
checks = Checks()


def write_network(path, n_classes, knows, scales=False):
    """A convolution to the shade and a constant, average pooling, and the layer that tells shades apart."""
    # The largest of -(x - c)^2 + x^2 = 2 c x - c^2 is that of the nearest shade c.
    shades = (np.arange(n_classes) + 0.5) / n_classes
    first, last = np.zeros((2, 3, 1, 1)), np.zeros((n_classes, 2))
    first[0, 0], last[:, 0], bias = 1, 2 * shades, -shades**2
    if not knows:
        bias[0] = 5
    constants = {"first": first, "first_bias": np.array([0, 1]), "last": last, "last_bias": bias}
    nodes = [helper.make_node("Sub", ["input", "zero"], ["less"]), helper.make_node("Div", ["less", "white"], ["pixels"])]
    constants |= {"zero": np.zeros((1, 3, 1, 1)), "white": np.full((1, 3, 1, 1), 255)} if scales else {}
    nodes = (nodes if scales else []) + [
             helper.make_node("Conv", ["pixels" if scales else "input", "first", "first_bias"], ["map"]),
             helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
             helper.make_node("Flatten", ["mean"], ["row"]),
             helper.make_node("Gemm", ["row", "last", "last_bias"], ["logits"], transB=1)]
    shapes = {"input": ["n", 3, 8, 8], "logits": ["n", n_classes]}
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
              for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "guard", values[:1], values[1:],
                              [numpy_helper.from_array(array.astype(np.float32), name)
                               for name, array in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


def said(folder, n_classes, n_images, knows, wnids=None, scales=False, white=1, shift=0):
    """What a run says of a network whose classes are shades of grey. `knows`: it tells them apart; else it
    gives every image one class. Labels are `shift` beside it."""
    rng = np.random.default_rng(1)
    os.makedirs(f"{folder}/img", exist_ok=True)
    rows = ["image,label,x0,y0,x1,y1"]
    for i in range(n_images):
        shade = (i % n_classes + 0.5) * 256 / n_classes
        Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(f"{folder}/img/i{i:04}.png")
        rows.append(f"i{i:04},{(i + shift) % n_classes},{rng.integers(0, 4)},0,7,7")
    with open(f"{folder}/gt.csv", "w") as file:
        file.write("\n".join(rows) + "\n")
    with open(f"{folder}/syn.txt", "w") as file:
        file.writelines(f"n{wnids[i] if wnids else i + 1:08} c{i}\n" for i in range(n_classes))
    write_network(f"{folder}/m.onnx", n_classes, knows, scales)
    with open(f"{folder}/j.yaml", "w") as file:
        file.write(f"""name: guard
dataset: {{layout: csv, images: img, ground_truth: gt.csv, synsets: syn.txt}}
models: [{{name: m, file: m.onnx, input: {{size: [8, 8], resize: squash, channels: rgb, range: {white}, mean: [0, 0, 0], std: [1, 1, 1]}}}}]
methods: [cam]
protocol: cam-paper
output: o.h5
""")
    run = subprocess.run([CAMRANK, "run", f"{folder}/j.yaml", "--force"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, check=False)
    return run.returncode, [line for line in run.stderr.splitlines() if "model m:" in line]


def doubts(file):
    """What a report says of them: as JSON's lines, and in the rows of CSV, of the set and by class."""
    def told(*options):
        return subprocess.run([CAMRANK, "report", file, *options], stdout=subprocess.PIPE, text=True, check=True).stdout

    rows = [row for options in ((), ("--by-class",))
            for row in csv.DictReader(told("--format", "csv", *options).splitlines())]
    return json.loads(told("--format", "json"))["doubts"], {row["doubts"] for row in rows if row["model"] == "m"}


with tempfile.TemporaryDirectory() as work:
    for n_classes in (2, 3, 5, 10, 100):
        code, lines = said(f"{work}/right{n_classes}", n_classes, 200, True)
        checks(f"{n_classes} classes told apart", code == 0 and not lines, "; ".join(lines))
    for n_classes in (3, 5, 10, 100):
        code, lines = said(f"{work}/wrong{n_classes}", n_classes, 600, False)
        checks(f"{n_classes} classes not told apart", code == 0 and len(lines) == 1, "; ".join(lines))
    lines, cells = doubts(f"{work}/wrong5/o.h5")
    checks("CSV tells what makes rows doubtful", len(lines) == 1 and {f"model m: {cell}" for cell in cells} == set(lines),
           f"{lines} {cells}")
    checks("and of others nothing", doubts(f"{work}/right5/o.h5") == ([], {""}))
    code, lines = said(f"{work}/few", 5, 20, False)
    checks("20 images of 5 classes tell nothing", code == 0 and not lines, "; ".join(lines))
    # One that scales its pixels itself, with those that it wants and with others.
    code, lines = said(f"{work}/scales", 10, 200, True, scales=True, white=255)
    checks("a network that scales its pixels itself", code == 0 and not lines, "; ".join(lines))
    code, lines = said(f"{work}/twice", 10, 200, True, scales=True)
    checks("pixels that are scaled twice", code == 0 and len(lines) == 1 and
           lines[0].endswith("On top of them the network begins with x * 0.003922 + 0"), "; ".join(lines))
    for n_images, n_lines in ((12, 1), (9, 0)):
        code, lines = said(f"{work}/shift{n_images}", 12, n_images, True, shift=1)
        checks(f"none of {n_images} images right", code == 0 and len(lines) == n_lines and
               all(f"accuracy is 0.00 % over {n_images} images" in line for line in lines), "; ".join(lines))
    # The network's classes in the order of sorted wnids, the list in another.
    code, lines = said(f"{work}/order", 5, 200, True, [5, 1, 2, 3, 4])
    checks("a right network under its own list", code == 0 and not lines, "; ".join(lines))
checks.done()
