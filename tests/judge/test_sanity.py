"""models.randomise against its recipe written out in numpy, put into ONNX files that are run beside; against
the kit's cascade, which Quantus judged; and `compare --alike` against SciPy and scikit-image.

usage: test_sanity.py [all]   from the top of the repo; five stages of SqueezeNet's cascade, or all of both networks
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
ALL = "all" in sys.argv
check = Checks()
DEMO = "jobs/demo"
SEED = 7
WITH_WEIGHTS = {"Conv", "Gemm", "MatMul", "BatchNormalization"}


def run(job, out, *options, ranks=1, code=0):
    replace = [] if "--resume" in options else ["--force"]
    command = ["mpirun", "-q", "-n", str(ranks), CAMRANK, "run", job, "-o", out, *replace, *options]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != code:
        print(f"{' '.join(command)}: exit {done.returncode}, not {code}: {done.stderr}")
        sys.exit(1)
    return h5py.File(out) if code == 0 else done.stderr


def mix(z):
    """The finisher of SplitMix64, of numpy's uint64."""
    z = z + np.uint64(0x9e3779b97f4a7c15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
    return z ^ z >> np.uint64(31)


def drawn(shape, fan_in, seed, layer, part):
    """Output i of SplitMix64 from state seed * 2^32 + 2 t (+ 1 of a bias), as the kit has it."""
    start = np.uint64((seed << 32) + 2 * layer + part)
    with np.errstate(over="ignore"):
        z = mix(start + np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15))
    u = (z >> np.uint64(40)).astype(float) / 2.0**24
    return ((2 * u - 1) / np.sqrt(fan_in)).astype(np.float32).reshape(shape)


def edit(source, path, first, last):
    """The model with its layers first to last, in the order of its nodes, drawn."""
    model = onnx.load(source)
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    layer, bias_of = -1, {}
    for node in model.graph.node:
        if node.op_type == "Add" and node.input[0] in bias_of:
            t, fan_in = bias_of[node.input[0]]
            if first <= t <= last:
                arrays[node.input[1]] = drawn(arrays[node.input[1]].shape, fan_in, SEED, t, 1)
        if node.op_type not in WITH_WEIGHTS:
            continue
        layer += 1
        w = arrays[node.input[1]]
        transposed = node.op_type == "MatMul" or \
            node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute)
        fan_in = w.shape[0] if transposed else w.size // w.shape[0]
        if node.op_type == "MatMul":
            bias_of[node.output[0]] = layer, fan_in
        if not first <= layer <= last:
            continue
        for part, name in enumerate(node.input[1:]):
            new = np.full_like(arrays[name], [1, 0, 0, 1][part]) if node.op_type == "BatchNormalization" else \
                drawn(arrays[name].shape, fan_in, SEED, layer, part)
            arrays[name] = new
    for i in model.graph.initializer:
        i.CopyFrom(numpy_helper.from_array(arrays[i.name], i.name))
    onnx.save(model, path)


def same(what, a, b):
    """Classes, logits and maps of two models, to the bit."""
    keys = ["top_class", "top_logit", "truth_logit", *[f"{v}/maps" for v in a if isinstance(a[v], h5py.Group)]]
    check(what, all(np.array_equal(a[k][()], b[k][()], equal_nan=True) for k in keys) and len(keys) > 3)


def made_network(path):
    """Conv, BatchNormalization, Relu, pooling, MatMul and Add."""
    numbers = np.random.default_rng(3)

    def weights(name, *shape):
        return numpy_helper.from_array(numbers.normal(0, 1, shape).astype(np.float32), name)

    nodes = [helper.make_node("Conv", ["input", "w0"], ["conv"], strides=[4, 4]),
             helper.make_node("BatchNormalization", ["conv", "scale", "shift", "mean", "variance"], ["norm"]),
             helper.make_node("Relu", ["norm"], ["features"]), helper.make_node("GlobalAveragePool", ["features"], ["pool"]),
             helper.make_node("Flatten", ["pool"], ["flat"]), helper.make_node("MatMul", ["flat", "w1"], ["product"]),
             helper.make_node("Add", ["product", "b1"], ["logits"])]
    arrays = [weights("w0", 6, 3, 3, 3), weights("scale", 6), weights("shift", 6), weights("mean", 6),
              numpy_helper.from_array(numbers.uniform(.5, 2, 6).astype(np.float32), "variance"),
              weights("w1", 6, 10), weights("b1", 10)]
    graph = helper.make_graph(nodes, "made", [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 112, 112])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])], arrays)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def judge_recipe(folder):
    """The rows of `randomise` beside those of edited files."""
    made = f"{folder}/made.onnx"
    made_network(made)
    cases = [(f"{DEMO}/gap.onnx", "cascading", ["/conv3/Conv_output_0", "logits"], 6),
             (f"{DEMO}/fc.onnx", "independent", ["/fc6/Gemm_output_0", "/conv1/Conv_output_0"], 7),
             (made, "cascading", [], 3), (made, "independent", [], 3)]
    places = {"/conv3/Conv_output_0": 2, "logits": 5, "/fc6/Gemm_output_0": 5, "/conv1/Conv_output_0": 0}
    for source, order, at, n in cases:
        rows = sorted((places[name] for name in at), reverse=True) if at else range(n - 1, -1, -1)
        models, names = [], []
        for k, layer in enumerate(rows):
            path = f"{folder}/edited{k}.onnx"
            edit(source, path, layer, n - 1 if order == "cascading" else layer)
            models.append("{name: edited%d, file: %s, input: *in}" % (k, path))
            names.append((f"net.{order}-{n - layer}", f"edited{k}"))
        randomise = "{layers: %s, seed: %d%s}" % (order, SEED, ", at: [%s]" % ", ".join(at) if at else "")
        text = open(f"{DEMO}/demo.yaml").read()
        head, tail = text[:text.index("models:")], text[text.index("methods:"):]
        preset = "{size: [112, 112], resize: squash, preset: torchvision}"
        job, here = f"{folder}/job.yaml", os.path.abspath(DEMO)
        with open(job, "w") as file:
            file.write(head.replace("images: images", f"images: {here}/images").replace("ground_truth: ", f"ground_truth: {here}/")
                       .replace("synsets: ", f"synsets: {here}/"))
            file.write("models:\n  - {name: net, file: %s, input: &in %s, randomise: %s}\n" % (os.path.abspath(source), preset, randomise))
            file.write("".join(f"  - {m}\n" for m in models) + tail)
        results = run(job, f"{folder}/a.h5", "--limit", "8")["models"]
        check(f"{os.path.basename(source)}, {order}: the rows are those of the recipe, and the trained one",
              set(results) == {"net", *[a for a, b in names], *[b for a, b in names]}, ", ".join(results))
        for random, edited in names:
            same(f"{os.path.basename(source)}: {random} is the edited file, {results[random].attrs['randomised'].decode()}",
                 results[random], results[edited])


def judge_logit(folder):
    """Maps of a random other class are those of that class."""
    options = ["--set", "models.0.randomise={logit: true, seed: %d}" % SEED, "--set", "heatmaps.classes=all"]
    file = run(f"{DEMO}/demo.yaml", f"{folder}/logit.h5", *options, "--limit", "60")
    trained, other = file["models/gap"], file["models/gap.logit"]
    check("classes and logits are the trained ones", np.array_equal(trained["top_class"][()], other["top_class"][()]))
    seen, wrong, drawn_classes = 0, 0, []
    for i, (name, label) in enumerate(zip(file["images/id"][()], file["images/label"][()])):
        with np.errstate(over="ignore"):
            of_image = np.uint64(int(hashlib.sha256(name).hexdigest()[:16], 16))
            z = mix(of_image ^ mix(np.uint64((SEED << 32) + int(label))))
        drawn_class = int((int(z) >> 32) * 9 >> 32)
        drawn_class += drawn_class >= label
        drawn_classes.append(drawn_class)
        slot, = np.nonzero(trained["top_class"][i] == drawn_class)
        if len(slot):
            seen += 1
            wrong += not np.array_equal(other["cam/maps"][i, 5], trained["cam/maps"][i, slot[0]])
    check("each map is that of the class drawn", seen > 20 and wrong == 0, f"{seen} of 60 seen, {wrong} wrong")
    check("no class stands for itself, and all are drawn",
          len(set(drawn_classes)) == 10 and not (np.array(drawn_classes) == file["images/label"][()]).any())


def judge_same_bits(folder):
    """At 1 and 3 ranks."""
    options = ["--set", "models.0.randomise={layers: cascading, logit: true}", "--limit", "24"]
    for ranks in 1, 3:
        run(f"{DEMO}/demo.yaml", f"{folder}/{ranks}.h5", *options, ranks=ranks)
    check("1 and 3 ranks write the same bytes", open(f"{folder}/1.h5", "rb").read() == open(f"{folder}/3.h5", "rb").read())
    message = run(f"{DEMO}/demo.yaml", f"{folder}/1.h5", "--resume", "--set", "models.0.randomise={layers: cascading, logit: true, seed: 1}",
                  "--limit", "24", code=3)
    check("resumed with another seed it is refused", "randomised" in message and message.count("\n") == 1, message.strip())
    message = run(f"{DEMO}/demo.yaml", f"{folder}/2.h5", "--set", "models.0.randomise={layers: cascading, at: [features]}", code=3)
    check("a layer without weights is named", "features is no layer with weights" in message, message.strip())


def judge_kit(folder, job, model):
    """Every stage of the kit's cascade: raw maps and logits."""
    golden = np.load(f"{KIT}/metrics/mprt_{model}.npz", allow_pickle=True)
    layers = [str(name) for name in golden["layers_top_down"]]
    stages = range(1, len(layers) + 1) if ALL else (1, 2, 8, 16, len(layers))
    at = ", ".join("logits" if layers[s - 1] == "classifier" else layers[s - 1] for s in stages)
    file = run(f"jobs/{job}.yaml", f"{folder}/kit.h5", "--limit", "10", "--set", f"dataset.images={KIT}/dev/images",
               "--set", f"dataset.ground_truth={KIT}/dev/ground_truth.csv", "--set", f"dataset.synsets={KIT}/dev/LOC_synset_mapping.txt",
               "--set", f"models.0.file={KIT}/models/{model}.onnx", "--set", "heatmaps.classes=truth", "--set", "methods=[cam, grad-cam]",
               "--set", "models.0.randomise={layers: cascading, seed: 42, at: [%s]}" % at, ranks=2)
    order = [[i.decode() for i in file["images/id"][()]].index(i) for i in golden["ids"]]
    for method in "cam", "grad-cam":
        worst = 0
        for stage in stages:
            ours = file[f"models/{model}.cascading-{stage}/{method}/maps"][:, -1].squeeze()[order]
            theirs = golden[f"raw_{method.replace('-', '')}"][stage]
            worst = max(worst, np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))
        check(f"{model}, {method}: maps of {len(stages)} stages are the kit's", worst < 1e-4, f"off by {worst:.2g} of the maximum")
    worst = max(np.abs(file[f"models/{model}.cascading-{s}/truth_logit"][()][order] - golden["logit"][s]).max() for s in stages)
    check(f"{model}: so are the logits", worst < 1e-4 * np.abs(golden["logit"]).max(), f"off by {worst:.2g}")
    return file, golden, stages, order


with tempfile.TemporaryDirectory() as folder:
    judge_recipe(folder)
    judge_logit(folder)
    judge_same_bits(folder)
    if os.path.isdir(KIT):
        for job, model in [("kit-squeezenet", "squeezenet1_0"), ("kit-mobilenet_v2", "mobilenet_v2_1.0_224")][:2 if ALL else 1]:
            judge_kit(folder, job, model)
    else:
        print("skipped: the kit's cascade: CAMRANK_KIT names no folder")
check.done()
