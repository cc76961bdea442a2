"""core/nn and core/method against the ONNX node tests and the kit's golden values; test_torch.py has
PyTorch's.

usage: test_nn.py [--table FILE] [--tests FOLDER --release VERSION]     from the top of the repo

--table runs the ONNX node tests alone and writes their Markdown table. --tests takes those of another release than the
onnx that is installed: a folder of test_*, onnx/backend/test/data/node of that release's repository.
"""
import argparse
import collections
import glob
import os
import re
import sys

try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
    from PIL import Image
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks, Graph, Net, Refused, lib, method_maps, of_range

parser = argparse.ArgumentParser()
parser.add_argument("--table")
parser.add_argument("--tests", default=os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "node"))
parser.add_argument("--release", default=onnx.__version__)
OPTIONS = parser.parse_args()
NODE_TESTS = OPTIONS.tests
with open("core/nn/ops.c") as source:
    ROWS = re.findall(r"X\((\w+) ?\)", source.read())  # as ONNX writes them, but for case and _
OPERATORS = {row.replace("_", "") for row in ROWS}

MOVES = """And CenterCropPad Concat GatherElements GatherND Scatter ScatterElements ScatterND DepthToSpace SpaceToDepth Trilu Equal Expand Flatten Gather Identity Not Or Pad Reshape Slice Split Squeeze Tile
    Transpose Unsqueeze Where Xor""".split()

checks = Checks()


# --- the kit -------------------------------------------------------------------------------------

KIT_MODELS = {"squeezenet1_0": 227, "mobilenet_v1_0.5_160": 160, "mobilenet_v1_0.75_192": 192,
              "mobilenet_v2_1.0_224": 224}


def kit_image(image_id, model, size):
    image = Image.open(f"{KIT}/dev/images/{image_id}.JPEG").convert("RGB")
    pixels = np.asarray(image.resize((size, size), Image.BILINEAR), np.float32)
    if model.startswith("squeezenet"):
        pixels = pixels[:, :, ::-1] - np.array([104, 117, 123], np.float32)
    else:
        pixels = pixels / np.float32(127.5) - 1
    return pixels.transpose(2, 0, 1)


def of_range_but_flips(got, want):
    """The same where the gradient comes through ReLUs: an activation within rounding of 0 passes it
    in one program and not in the other (see test_torch.py). One image in eight may be off by up
    to half a percent; one that is wrong is so everywhere."""
    off = np.abs(got - want).reshape(len(got), -1).max(1) / (want.max() - want.min())
    return np.sort(off)[-1 - len(off) // 8] if off.max() < 5e-3 else off.max()


def check_kit_model(model, size):
    golden = np.load(f"{KIT}/dev/golden_{model}.npz")
    x = np.stack([kit_image(i, model, size) for i in golden["image_ids"]])
    with open(f"{KIT}/models/{model}.onnx", "rb") as file:
        graph = Graph(file.read(), model)
    labels = golden["labels"].reshape(-1, 1)
    worst = np.abs(Net(graph, len(x)).forward(x) - golden["logits"]).max()
    maps = [("cam", "cam", golden["top5"]), ("gradcam", "grad-cam", golden["top5"]),
            ("gradcam_fire9", "grad-cam@fire9/concat", golden["top5"]),
            ("gradcam_fire8", "grad-cam@fire8/concat", golden["top5"]),
            ("cam_gt", "cam", labels), ("gradcam_gt", "grad-cam", labels)]
    found = {}
    for key, method, classes in maps:
        if key in golden.files:
            got = method_maps(graph, x, classes, method)[0]
            compare = of_range_but_flips if key == "gradcam_fire8" else of_range
            found[key] = compare(got, golden[key].reshape(got.shape))
    checks(f"kit {model}", worst < 2e-4 and max(found.values()) < 1e-4,
           f"logits within {worst:.1e}, " + ", ".join(f"{k} {v:.1e}" for k, v in found.items()))


# --- the ONNX node tests -------------------------------------------------------------------------

def load_tensor(path):
    with open(path, "rb") as file:
        tensor = onnx.TensorProto.FromString(file.read())
    if tensor.data_type > onnx.TensorProto.BFLOAT16:
        raise Refused("of numbers of 8 bits or fewer, which no image has")
    return numpy_helper.to_array(tensor)


def as_float(array, info):
    """onnx 1.12 stores a bfloat16 as the upper half of a float32."""
    if info.type.tensor_type.elem_type != onnx.TensorProto.BFLOAT16 or array.dtype != np.uint16:
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)


def set_dims(info, shape):
    del info.type.tensor_type.shape.dim[:]
    for size in shape:
        info.type.tensor_type.shape.dim.add().dim_value = size


def reshaped(inputs, graph):
    """The first input goes in as one row, one image, and is given its shape by a Reshape."""
    shape = inputs[0].shape
    row = inputs[0].reshape(1, -1)
    set_dims(graph.input[0], row.shape)
    graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), "our_shape"))
    graph.node.insert(0, helper.make_node("Reshape", [graph.input[0].name, "our_shape"], ["our_input"]))
    graph.node[1].input[0] = "our_input"
    return [row] + inputs[1:]


def computed(inputs, graph, size):
    """All inputs are constants, and what is computed of them is added to an image of zeros."""
    node = graph.node[0]
    for info, value in zip(graph.input, inputs):
        graph.initializer.append(numpy_helper.from_array(value, info.name))
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("our_input", onnx.TensorProto.FLOAT, [1, size]))
    graph.node.extend([helper.make_node("Cast", [node.output[0]], ["our_reals"], to=1),
                       helper.make_node("Reshape", ["our_reals", "our_row"], ["our_constant"]),
                       helper.make_node("Add", ["our_input", "our_constant"], ["logits"])])
    return [np.zeros((1, size), np.float32)]


def add_tail(graph, node, size):
    """Twice the output: an operator that bounds scores would be cut off as no part of the logits; of
    probabilities by a layer of weights, since nothing simpler makes scores of them."""
    if node.op_type in ("Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid"):
        graph.initializer.append(numpy_helper.from_array(2 * np.eye(size, dtype=np.float32), "our_weights"))
        graph.node.append(helper.make_node("Reshape", [node.output[0], "our_row"], ["our_scores"]))
        graph.node.append(helper.make_node("Gemm", ["our_scores", "our_weights"], ["logits"]))
    else:
        graph.node.append(helper.make_node("Cast", [node.output[0]], ["our_reals"], to=1))
        graph.node.append(helper.make_node("Add", ["our_reals"] * 2, ["our_sum"]))
        graph.node.append(helper.make_node("Reshape", ["our_sum", "our_row"], ["logits"]))


def run_node_test(folder, way):
    """What of our values differs from the expected output; Refused where it is not for us. The ways: the
    first input `as it is`, an image or a batch of such; given its shape in the graph; all constant."""
    model = onnx.load(f"{folder}/model.onnx")
    graph = model.graph
    node = onnx.NodeProto.FromString(graph.node[0].SerializeToString())
    sets = f"{folder}/test_data_set_0"
    if not all(info.type.HasField("tensor_type") for info in list(graph.input) + list(graph.output)):
        raise Refused("an input is no tensor")
    inputs = [as_float(load_tensor(f"{sets}/input_{i}.pb"), info) for i, info in enumerate(graph.input)]
    want = as_float(load_tensor(f"{sets}/output_0.pb"), graph.output[0])
    if not inputs or want.size == 0 or want.dtype.kind not in "fiub" or inputs[0].dtype.kind not in "fiub":
        raise Refused("nothing that could be an image, or come of one")
    # What came with an earlier operator set has not changed since.
    model.opset_import[0].version = max(7, model.opset_import[0].version)
    # Where an element comes from, and truth, are the same for reals.
    if node.op_type in MOVES and way != "computed":
        inputs[0] = inputs[0].astype(np.float32)
        graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    if way == "computed":
        inputs = computed(inputs, graph, want.size)
    elif way == "reshaped":
        inputs = reshaped(inputs, graph)
    batch = len(inputs[0]) if way == "as it is" and inputs[0].ndim else 1
    graph.initializer.append(numpy_helper.from_array(np.array([batch, -1]), "our_row"))
    # One image goes in: every other input becomes a constant of the model.
    for info, value in list(zip(graph.input, inputs))[1:]:
        graph.initializer.append(numpy_helper.from_array(value, info.name))
        graph.input.remove(info)
    del graph.output[:]
    if way != "computed":
        add_tail(graph, node, want.size // batch)
    graph.output.append(helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, None))
    ours = Graph(model.SerializeToString(), "model")
    value = -1 if way == "computed" else ours.find(node.output[0])
    shape = ours.shape(value)
    dims = list(shape.dims[way == "as it is":shape.n_dims])
    if value >= 0 and dims != list(want.shape[way == "as it is":]):
        return f"shape {dims}, not {list(want.shape)}"
    # The logits are the elements in ONNX's order, whatever the order in memory.
    logits = Net(ours, batch).forward(inputs[0])
    if lib.cr_graph_is_binary(ours.handle):  # -x / 2 and x / 2
        logits = 2 * logits[:, 1:]
    got = logits.reshape(want.shape) / (1 if way == "computed" else 2)
    # The suite's own tolerance: 1e-7 + 1e-3 |want|. What is bfloat16 there is cut to 8 bits, with us
    # there are 24; whole numbers beyond 2^24 are rounded.
    want = want.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of two infinities
        off = np.abs(got - want).max()
    part = 2**-7 if "BFLOAT16" in folder else 1e-3
    return "" if np.allclose(got, want, part, 1e-7, equal_nan=True) else f"off by {off:.1e}"


WAYS = ("as it is", "reshaped", "computed")


def run_node_tests():
    """For each operator of ours: which passed as activations and as constants, the reasons of refusals,
    the failures."""
    results = {}
    for folder in sorted(glob.glob(f"{NODE_TESTS}/test_*")):
        nodes = onnx.load(f"{folder}/model.onnx").graph.node
        if len(nodes) != 1 or nodes[0].op_type.lower() not in OPERATORS:
            continue
        runs, constants, refused, failed = results.setdefault(nodes[0].op_type,
                                                              ([], [], collections.Counter(), []))
        why, name = "", os.path.basename(folder)
        for way in WAYS:
            if way == "reshaped" and name in runs:
                continue
            try:
                problem = run_node_test(folder, way)
                if problem:
                    failed.append(f"{name} {way}: {problem}")
                else:
                    (constants if way == "computed" else runs).append(name)
            except Refused as reason:
                why = why if way == "computed" and why else str(reason).split("): ")[-1].removeprefix("model: ")
        if name not in runs and why:
            refused[why] += 1
    return results


def check_node_tests(table):
    results = run_node_tests()
    n_run, n_computed, n_refused = [sum(len(row[i]) if i < 2 else sum(row[i].values()) for row in results.values())
                                    for i in range(3)]
    failures = [failure for row in results.values() for failure in row[3]]
    checks("ONNX node tests", not failures and n_run >= 300 and n_computed >= 400,
           f"{n_run} run, {n_computed} are computed, {n_refused} do not run, {len(failures)} failed")
    for failure in failures:
        print(f"    failed: {failure}")
    if table:
        write_table(table, results, n_run, n_computed, n_refused)


def names_of(rows):
    """Rows of ops.c as ONNX writes them: the names stand in the sources of the operators."""
    texts = {}
    for source in glob.glob("core/nn/op_*.c"):
        with open(source) as file:
            for text in re.findall(r'"((?:com\.microsoft\.)?[A-Z]\w+)"', file.read()):
                texts[text.split(".")[-1].lower()] = text.split(".")[-1]
    names = []
    for row in rows:
        own = row.removeprefix("microsoft_")
        names.append(("com.microsoft." if own != row else "") + texts[own.replace("_", "")])
    return names


def write_table(path, results, n_run, n_computed, n_refused):
    with open(path, "w") as out:
        out.write(
            "# Operators\n\nThe operators that camrank accepts, in operator sets 7 to 27, and the "
            f"ONNX project's own node tests\nof them (onnx {OPTIONS.release}): {n_run} pass with an image "
            f"for their first input, {n_computed} with all inputs\nconstant, which are computed when the model "
            f"is loaded, {n_refused} are refused with an image, none is\nrun wrong. Made by "
            "`tests/judge/test_nn.py --table docs/onnx.md --tests FOLDER`.\n\nAn image is of float32, [N, C, H, W], "
            "[N, H, W, C] or rows [N, K], one input, batch first; the tests' other\ninputs are made constants, "
            "of any type (float16, bfloat16, float64 become float32). Any other shape, up to 7\ndimensions, comes "
            "out of a Reshape. Operators that are not in the ONNX project's tests of that version have\ntests "
            "of ours: `tests/unit/gradient_cases.h`, `tests/judge/test_forms.py`.\n\n"
            "| operator | with an image | constant | refused with an image | why |\n|---|---|---|---|---|\n")
        for op, (runs, constants, refused, _) in sorted(results.items()):
            why = "; ".join(f"{reason} ({n})" for reason, n in sorted(refused.items()))
            out.write(f"| {op} | {len(runs)} | {len(constants)} | {sum(refused.values())} | "
                      f"{why.replace('|', chr(92) + '|')} |\n")
        others = names_of(row for row in ROWS if row.replace("_", "") not in {op.lower() for op in results})
        out.write("\nAccepted, too, and tested by us alone:\n\n")
        line = ""
        for name in sorted(others):
            if len(line) + len(name) > 110:
                out.write(line.rstrip() + "\n")
                line = ""
            line += name + (".\n" if name == max(others) else ", ")
        out.write(line)
        out.write("\nSequences of tensors are accepted where it is known at load of which tensors one consists, "
                  "an If where its\ncondition is, and constants whatever they are computed with that is in these "
                  "lists: also ConstantOfShape,\nEyeLike, NonZero, Range, Shape, Size, QuantizeLinear and "
                  "DequantizeLinear.\n")


if OPTIONS.table:
    check_node_tests(OPTIONS.table)
    checks.done()
if os.path.isdir(NODE_TESTS):
    check_node_tests("")
else:
    print(f"skipped: the ONNX node tests are not in {NODE_TESTS}")
if os.path.isdir(KIT):
    for item in KIT_MODELS.items():
        check_kit_model(*item)
else:
    print("skipped: the kit, CAMRANK_KIT names no folder")
checks.done()
