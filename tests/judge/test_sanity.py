"""models.randomise against its recipe written out in numpy, put into ONNX files that are run beside; against
the kit's cascade, which Quantus judged; and `compare --alike` against SciPy, scikit-image's formula and the same kit.

usage: test_sanity.py [all]   from the top of the repo; five stages of SqueezeNet's cascade, or all of both networks
"""
import ctypes as ct
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
    from scipy import ndimage, stats
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks, lib

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
    judge_kit_alike(f"{folder}/kit.h5", model, golden, stages)


def judge_kit_alike(path, model, golden, stages):
    """Quantus' Spearman and scikit-image's SSIM of the trained map beside each stage's, means over the images."""
    for method in "cam", "grad-cam":
        pairs = alike(path, "--only", method, "--against", model)
        for key, name, tolerance in ("rank_correlation", "mprt_spearman", 2e-3), ("ssim", "ssim", 1e-4):
            theirs, worst = golden[f"{name}_{method.replace('-', '')}"], 0
            of_stage = dict(zip(golden["ssim_stages"], theirs)) if key == "ssim" else dict(enumerate(theirs))
            seen = [s for s in stages if s in of_stage]
            for stage in seen:
                ours, values = pairs[f"{model}.cascading-{stage}"][key], of_stage[stage]
                values = values[~np.isnan(values)]
                worst = max(worst, abs(ours["value"] - values.mean())) if ours["n"] == len(values) else np.inf
            check(f"{model}, {method}: {key} of {len(seen)} stages is the kit's", worst < tolerance and seen, f"off by {worst:.2g}")


def alike(path, *options):
    """By the model of the first row and number."""
    text = subprocess.run([CAMRANK, "compare", path, "--alike", "--resamples", "1000", "--format", "json", *options],
                          check=True, capture_output=True, text=True).stdout
    told, pairs = json.loads(text), {}
    for one in told["alike"]:
        pairs.setdefault(told["rows"][one["a"]]["model"], {})[one["alike"]] = one
    return pairs


def at(array):
    return array.ctypes.data_as(ct.c_void_p)


def ssim(a, b):
    """scikit-image 0.19's structural_similarity with its defaults."""
    a, b = a.astype(float), b.astype(float)
    size = max(a.max(), b.max()) - min(a.min(), b.min())
    x, y, xx, yy, xy = (ndimage.uniform_filter(f, 7) for f in (a, b, a * a, b * b, a * b))
    sample, c1, c2 = 49 / 48, (.01 * size) ** 2, (.03 * size) ** 2
    vx, vy, vxy = sample * (xx - x * x), sample * (yy - y * y), sample * (xy - x * y)
    of = (2 * x * y + c1) * (2 * vxy + c2) / ((x ** 2 + y ** 2 + c1) * (vx + vy + c2))
    return of[3:-3, 3:-3].mean()


def judge_formulas():
    """The figures by themselves, of pictures with and without ties."""
    numbers = np.random.default_rng(11)
    lib.cr_stat_correlation.restype = ct.c_double
    worst = np.zeros(3)
    for k in range(20):
        h, w = numbers.integers(7, 40, 2)
        a = numbers.normal(0, 1, (h, w)).astype(np.float32)
        b = (a * numbers.uniform(-1, 1) + numbers.normal(0, 1, (h, w))).astype(np.float32)
        if k % 2:
            a, b = np.round(a), np.maximum(b, 0)
        ours, ranks, similarity = [x.astype(float).ravel() for x in (a, b)], [np.empty(h * w) for _ in range(2)], ct.c_double()
        for values, to in zip((a, b), ranks):
            lib.cr_stat_ranks(at(values), int(h * w), at(to), None)
        lib.cr_stat_ssim(at(a), at(b), int(w), int(h), ct.byref(similarity), None)
        n = ct.c_size_t(h * w)
        worst = np.maximum(worst, [abs(lib.cr_stat_correlation(at(ours[0]), at(ours[1]), n) - stats.pearsonr(*ours)[0]),
                                   abs(lib.cr_stat_correlation(at(ranks[0]), at(ranks[1]), n) - stats.spearmanr(*ours)[0]),
                                   abs(similarity.value - ssim(a, b))])
    check("correlation, rank correlation, SSIM are SciPy's", (worst < 1e-12).all(), f"off by {worst}")
    flat = np.ones(49)
    check("of a constant picture there is none", np.isnan(lib.cr_stat_correlation(at(flat), at(flat), ct.c_size_t(49))))


def enlarged(maps, side):
    """Raw cam maps scaled from minimum to maximum, bilinear by half-pixel centres to side x side."""
    h, w = maps.shape
    maps = maps.astype(float)
    maps = (maps - maps.min()) / (maps.max() - maps.min())
    ys, xs = ((np.arange(side) + .5) * n / side - .5 for n in (h, w))
    return ndimage.map_coordinates(maps, np.meshgrid(ys, xs, indexing="ij"), order=1, mode="nearest").astype(np.float32)


def iou(a, b):
    inside = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + 1, 0).prod()
    return inside / ((a[2:] - a[:2] + 1).prod() + (b[2:] - b[:2] + 1).prod() - inside)


def judge_alike(folder):
    """Two networks' rows of the demo, from what h5py reads; a file that keeps no maps has the rest."""
    path = f"{folder}/alike.h5"
    file = run(f"{DEMO}/demo.yaml", path, "--limit", "40")
    pair = alike(path, "--only", "cam", "--against", "gmp")["gap"]
    rows = [file[f"models/{name}"] for name in ("gap", "gmp")]
    top = [row["top_class"][()] for row in rows]
    boxes = [row["cam/cam-paper/boxes"][()].reshape(40, 6, -1)[:, 5, :4] for row in rows]
    maps = [[enlarged(m, 112) for m in row["cam/maps"][:, 5].squeeze()] for row in rows]
    ious = np.array([iou(a, b) for a, b in zip(*boxes)])
    want = {"same_top1": 100 * (top[0][:, 0] == top[1][:, 0]).mean(),
            "same_top5": 100 * np.mean([set(a) == set(b) for a, b in zip(*top)]),
            "same_box": 100 * (ious > .9).mean(), "box_iou": ious.mean(),
            "correlation": np.mean([stats.pearsonr(a.ravel(), b.ravel())[0] for a, b in zip(*maps)]),
            "rank_correlation": np.mean([stats.spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(*maps)]),
            "ssim": np.mean([ssim(a, b) for a, b in zip(*maps)])}
    for key, value in want.items():
        check(f"{key} is that of columns read with h5py", pair[key]["n"] == 40 and abs(pair[key]["value"] - value) < 1e-5,
              f"{pair[key]['value']:.6g}, {value:.6g}")
        check(f"{key} lies in its interval", pair[key]["low"] <= pair[key]["value"] <= pair[key]["high"] and
              pair[key]["low"] < pair[key]["high"])
    # Of an input that is cropped, only what the networks see: outside of it all maps are alike.
    crop = "{size: [112, 112], resize: short-side, short_side: 128, crop: center, channels: rgb, range: 1, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}"
    cropped = run(f"{DEMO}/demo.yaml", f"{folder}/cropped.h5", "--limit", "12", *(w for m in range(3) for w in ("--set", f"models.{m}.input={crop}")))
    seen = [[enlarged(m, 112) for m in cropped[f"models/{name}/cam/maps"][:, 5].squeeze()] for name in ("gap", "gmp")]
    value = alike(f"{folder}/cropped.h5", "--only", "cam", "--against", "gmp")["gap"]["correlation"]["value"]
    want = np.mean([stats.pearsonr(a.ravel(), b.ravel())[0] for a, b in zip(*seen)])
    check("of a cropped input the correlation is that of the crop", abs(value - want) < 1e-5, f"{value:.6g}, {want:.6g}")
    bootstrap = stats.bootstrap((ious,), np.mean, n_resamples=9999, random_state=1, method="BCa").confidence_interval
    off = max(abs(pair["box_iou"]["low"] - bootstrap.low), abs(pair["box_iou"]["high"] - bootstrap.high))
    check("the interval is near SciPy's BCa", off < .15 * (bootstrap.high - bootstrap.low), f"off by {off:.2g}")
    # Without labels, of the first class, though no image counts under any number.
    images = f"dataset={{layout: none, images: {DEMO}/images, synsets: {DEMO}/synsets.txt}}"
    bare = run(f"{DEMO}/demo.yaml", f"{folder}/bare.h5", "--limit", "12", "--set", images)
    seen = [[enlarged(m, 112) for m in bare[f"models/{name}/cam/maps"][:, 0].squeeze()] for name in ("gap", "gmp")]
    value = alike(f"{folder}/bare.h5", "--only", "cam", "--against", "gmp")["gap"]["correlation"]["value"]
    want = np.mean([stats.pearsonr(a.ravel(), b.ravel())[0] for a, b in zip(*seen)])
    check("without labels the correlation is that of the first class's maps", abs(value - want) < 1e-5,
          f"{value:.6g}, {want:.6g}")
    run(f"{DEMO}/demo.yaml", path, "--limit", "40", "--set", "heatmaps.classes=none")
    pair = alike(path, "--only", "cam", "--against", "gmp")["gap"]
    check("without maps there are no figures of maps, but all others",
          all((pair[key]["n"] == 0) == (key in ("correlation", "rank_correlation", "ssim")) for key in pair))


with tempfile.TemporaryDirectory() as folder:
    judge_formulas()
    judge_alike(folder)
    judge_recipe(folder)
    judge_logit(folder)
    judge_same_bits(folder)
    if os.path.isdir(KIT):
        for job, model in [("kit-squeezenet", "squeezenet1_0"), ("kit-mobilenet_v2", "mobilenet_v2_1.0_224")][:2 if ALL else 1]:
            judge_kit(folder, job, model)
    else:
        print("skipped: the kit's cascade: CAMRANK_KIT names no folder")
check.done()
