"""Metrics that ask the network against the peers' values of the kit, through `camrank run`.

usage: test_asking.py [all]   two images under MobileNet; or 20, and SqueezeNet too
"""
import hashlib
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks, Explainer, Graph, method_spec
import structs
from metrics import Metric, matrix
from method_peers import caffe, centred, why_no_networks
from structs import cr_map_form

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
ALL = "all" in sys.argv
N = 20 if ALL else 2
NETWORKS = [("kit-mobilenet_v2", "mobilenet_v2_1.0_224", 224),
            ("kit-squeezenet", "squeezenet1_0", 227)][:2 if ALL else 1]
report = Checks()


def run(folder, job, model, out, metrics, methods="[cam, grad-cam]"):
    """The groups of the variants in the file of a run."""
    path = os.path.join(folder, out)
    sets = {"dataset.images": f"{KIT}/dev/images",
            "dataset.ground_truth": f"{KIT}/dev/ground_truth.csv",
            "dataset.synsets": f"{KIT}/dev/LOC_synset_mapping.txt",
            "models.0.file": f"{KIT}/models/{model}.onnx", "methods": methods, "metrics": metrics,
            "heatmaps.classes": "none"}
    command = ["mpirun", "-q", "-n", "2", CAMRANK, "run", f"jobs/{job}.yaml", "-o", path, "--force",
               "--limit", str(N)]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    file = h5py.File(path)
    return {name.replace("-", ""): group for name, group in file[f"models/{model}"].items()
            if isinstance(group, h5py.Group)}, file["summary"][...]


def near(what, ours, theirs, tolerance, relative=False):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    off = np.abs(ours - theirs) / (np.abs(theirs) + 1e-300 if relative else 1)
    report(what, ours.shape == theirs.shape and ours.size > 0 and off.max() <= tolerance,
           f"{ours.shape} off by {off.max():.2g}, tolerance {tolerance}")


def judge_drop(name, golden, groups, summary):
    for method in "cam", "gradcam":
        whole = groups[method]["average-drop/whole"][:, 0]
        masked = groups[method]["average-drop/masked"][:, 0]
        near(f"{name}: probability of the image", whole, golden["softmax_gt"][:N], 2e-5)
        near(f"{name}, {method}: seen through its map", masked, golden[f"pgc_after_{method}"][:N], 2e-5)
        row, = summary[summary["variant"] == (b"cam" if method == "cam" else b"grad-cam")]
        near(f"{name}, {method}: torch-cam's drop", row["average_drop"],
             golden[f"torchcam_drop_{method}"][:N].mean(), 5e-5)
        near(f"{name}, {method}: its increase", row["increase_in_confidence"],
             100 * golden[f"torchcam_increase_{method}"][:N].mean(), 1e-9)
        gain = np.maximum(masked - whole, 0) / (1 - whole + 1e-7)
        near(f"{name}, {method}: the gain by its formula", row["average_gain"], gain.mean(), 1e-10)


def judge_curves(name, golden, groups, key, names):
    """RISE's two curves, or torch-cam's. On SqueezeNet both methods give one order of the pixels."""
    for method in "cam", "gradcam":
        for metric, short in names.items():
            theirs = f"{key}_{short}curve_{method}"
            if theirs not in golden or not len(golden[theirs]):
                continue
            curve, n = groups[method][f"{metric}/curve"][...], min(N, len(golden[theirs]))
            length = golden[theirs].shape[1]
            near(f"{name}, {method}: curve {theirs}", curve[:n, :length], golden[theirs][:n], 1e-2)
            report(f"{name}, {method}: {theirs} is over at its end", np.isnan(curve[:, length:]).all())
            area = groups[method][f"{metric}/auc"][:, 0]
            near(f"{name}, {method}: area {key}_{short}", area[:n], golden[f"{key}_{short}_{method}"][:n],
                 1e-4 if key == "torchcam" else 1e-3)


def judge_road(name, golden, groups, summary):
    """pytorch-grad-cam's, without noise. On SqueezeNet ties leave nothing of some images, and how E is rounded
    decides on which side of a percentile some 300 pixels at the edge of a constant area lie: the kit
    interpolates in single precision."""
    ties = name.startswith("squeezenet")
    for method in "cam", "gradcam":
        n = min(N, len(golden[f"road_combined_{method}"]))
        for ours, short in ("most-relevant-first", "morf"), ("least-relevant-first", "lerf"):
            if f"road_after_{short}_{method}" in golden:
                near(f"{name}, {method}: ROAD's {short}", groups[method][f"road/{ours}"][:n],
                     golden[f"road_after_{short}_{method}"][:n], 3e-3 if ties else 1e-4)
        most, least = (groups[method][f"road/{x}-relevant-first"][...].mean(1) for x in ("most", "least"))
        near(f"{name}, {method}: ROAD combined", (least - most)[:n] / 2,
             golden[f"road_combined_{method}"][:n], 4e-4 if ties else 1e-4)
        row, = summary[summary["variant"] == (b"cam" if method == "cam" else b"grad-cam")]
        for key, value in (("combined", (least - most) / 2), ("most_relevant_first", most),
                           ("least_relevant_first", least)):
            near(f"{name}, {method}: mean of road_{key}", row[f"road_{key}"], value.mean(), 1e-11)


def judge_flipping(folder, job, model, side):
    """Quantus' PixelFlipping and Selectivity; x.E is no other order on SqueezeNet, so that cam alone is there."""
    golden = np.load(os.path.join(KIT, "metrics", f"faithfulness_{model}.npz"))
    flips, squares = golden["quantus_pixelflipping_cam"], golden["quantus_selectivity32_cam"]
    groups, summary = run(folder, job, model, "flipping.h5",
                          "[{name: pixel-flipping, steps: %d}, {name: region-perturbation, side: 32, "
                          "regions: %d}]" % (flips.shape[1], squares.shape[1]))
    n = min(N, len(flips))
    for method in "cam", "gradcam":
        if f"quantus_pixelflipping_{method}" not in golden:
            continue
        curve = groups[method]["pixel-flipping/curve"][...]
        near(f"{model}, {method}: PixelFlipping", curve[:n],
             golden[f"quantus_pixelflipping_{method}"][:n], 1e-3)
        regions = groups[method]["region-perturbation/curve"][...]
        near(f"{model}, {method}: Selectivity", regions[:n],
             golden[f"quantus_selectivity32_{method}"][:n], 1e-4)
        row, = summary[summary["variant"] == (b"cam" if method == "cam" else b"grad-cam")]
        near(f"{model}, {method}: area by numpy", row["pixel_flipping_auc"],
             np.trapz(curve, dx=1 / (curve.shape[1] - 1)).mean(), 1e-11)
        whole = groups[method]["region-perturbation/whole"][...]
        lost = np.hstack([np.zeros_like(whole), whole - regions]).mean()
        near(f"{model}, {method}: AOPC by numpy", row["region_perturbation_aopc"], lost, 1e-11)


def judge_noise(folder, job, model, side):
    """Noise changes little, the same at any time, and as much as its standard deviation says."""
    values = []
    for noise, seed in (0, 0), (.01, 0), (.01, 0), (.01, 1), (.1, 0):
        groups, _ = run(folder, job, model, "noise.h5", "[{name: road, percentiles: 1, noise: %g, seed: %d}]"
                        % (noise, seed), "[cam]")
        values.append(groups["cam"]["road/most-relevant-first"][...])
    report(f"{model}: noise is the same again", (values[1] == values[2]).all())
    report(f"{model}: another seed gives other noise", (values[1] != values[3]).all())
    little, much = (np.abs(v - values[0]).max() for v in (values[1], values[4]))
    report(f"{model}: noise changes a little", 0 < little < much, f"{little:.2g}, {much:.2g}")


def judge(folder, job, model, side):
    golden = np.load(os.path.join(KIT, "metrics", f"faithfulness_{model}.npz"))
    steps = (side * side + 8 * side - 1) // (8 * side)
    rise = f"steps: {steps}, step: {8 * side}"
    groups, summary = run(folder, job, model, f"{model}.h5", "[average-drop, road, {name: insertion, %s}, "
                          "{name: deletion, %s}]" % (rise, rise))
    judge_drop(model, golden, groups, summary)
    judge_road(model, golden, groups, summary)
    names = {"insertion": "ins", "deletion": "del"}
    judge_curves(model, golden, groups, "rise8", names)
    absolute, summary = run(folder, job, model, f"{model}.torch-cam.h5",
                            "[{name: average-drop, form: pytorch-grad-cam}, "
                            "{name: insertion, steps: 20, form: torch-cam, baseline: zero}, "
                            "{name: deletion, steps: 20, form: torch-cam}]")
    judge_curves(model, golden, absolute, "torchcam", names)
    for method, row in zip(("cam", "gradcam"), summary):
        near(f"{model}, {method}: pytorch-grad-cam's drop", row["average_drop"],
             golden[f"pgc_drop_{method}"][:N].mean(), 2e-5)


def judge_predicted(folder, job, model, side):
    """RISE as it is scores the predicted class."""
    golden = np.load(os.path.join(KIT, "metrics", f"faithfulness_{model}.npz"))
    images = [i for i in golden["rise8_top1_images"] if i < N]
    steps = (side * side + 8 * side - 1) // (8 * side)
    groups, _ = run(folder, job, model, "top1.h5", "[{name: deletion, class: top1, steps: %d, step: %d}]"
                    % (steps, 8 * side), "[cam]")
    near(f"{model}: deletion of the predicted class", groups["cam"]["deletion/auc"][images, 0],
         golden["rise8_del_top1_cam"][:len(images)], 1e-3)


AGAIN = {"cam": ("cam", {}), "grad-cam": ("grad-cam", {}), "layer-cam": ("layer-cam", {}),
         "rise.few": ("rise", {"masks": 20}), "saliency": ("saliency", {}), "random-cam": ("random-cam", {})}


class Again:
    """A method on inputs of a network, one image's at a time, for one class: its maps were judged by themselves."""

    def __init__(self, graph, method, parameters):
        self.explainer = Explainer(graph, [method_spec(method, **parameters)], 1, 1)
        form = cr_map_form.from_buffer(self.explainer.variants[0].spec.parameters)
        self.by_range = form.scaling == structs.CR_SCALING_MIN_MAX

    def __call__(self, x, label, seed):
        """The map of x [C][H][W] as large as x, and the class's probability."""
        logits = np.asarray(self.explainer.net.forward(x[None]), float).ravel()
        small = self.explainer.maps([[label]], seeds=[seed])[0][0, 0, 0].astype(float)
        small -= small.min() if self.by_range else 0
        small /= small.max() if small.max() > 0 else 1
        e = np.exp(logits - logits.max())
        height, width = x.shape[1:]
        return matrix(height, small.shape[0]) @ np.maximum(small, 0) @ matrix(width, small.shape[1]).T, \
            e[label] / e.sum()


def judge_again(folder, job, model, side):
    """Metrics that run the method again, of methods that only read, go back, and pass again: by captum's and
    aimagelab's formulas."""
    mean = np.array([104, 117, 123])
    prepare, limits = (centred, (-1, 1)) if side == 224 else (caffe, (-mean, 255 - mean))
    items = ", ".join("{name: %s%s}" % (method, "".join(f", {k}: {v}" for k, v in {**of, **({"as": name} if of else {})}.items()))
                      for name, (method, of) in AGAIN.items())
    groups, _ = run(folder, job, model, "again.h5", "[{name: adcc, class: truth}, {name: max-sensitivity, samples: 2}]",
                    f"[{items}]")
    with open(f"{KIT}/models/{model}.onnx", "rb") as file:
        graph = Graph(file.read(), model)
    with h5py.File(os.path.join(folder, "again.h5")) as file:
        ids, labels = (file[f"images/{key}"][:1] for key in ("id", "label"))
    image, label = ids[0].decode(), int(labels[0])
    seed = int(hashlib.sha256(ids[0]).hexdigest()[:16], 16)
    x = prepare(image, side).astype(np.float32)
    noise = Metric("max-sensitivity", samples=2)
    for name, (method, parameters) in AGAIN.items():
        again = Again(graph, method, parameters)
        values, whole = again(x.transpose(2, 0, 1), label, seed)
        seen, masked = again((x * values[..., None]).transpose(2, 0, 1), label, seed)
        of = groups[name.replace("-", "")]
        near(f"{model}, {name}: probabilities", [of["adcc/whole"][0, 0], of["adcc/masked"][0, 0]], [whole, masked],
             2e-5)
        near(f"{model}, {name}: coherency", of["adcc/coherency"][0, 0],
             (1 + np.corrcoef(values.ravel(), seen.ravel())[0, 1]) / 2,
             1e-3 if name == "saliency" else 1e-4)  # a rounding of x E closes some ReLUs
        near(f"{model}, {name}: complexity", of["adcc/complexity"][0, 0], values.mean(), 1e-5)
        _, changed = noise.ask(x, values, lambda x: 0., seed, lambda x: values, limits)
        moved = [np.linalg.norm(again(one.transpose(2, 0, 1), label, seed)[0] - values) / np.linalg.norm(values)
                 for one in changed]
        near(f"{model}, {name}: sensitivities", [of[f"max-sensitivity/{what}"][0, 0] for what in ("max", "mean")],
             [np.max(moved), np.mean(moved)], 1e-3 * np.max(moved) + 1e-5)


def main():
    if not os.path.isdir(os.path.join(KIT, "metrics")):
        print("skipped: the peers' results (CAMRANK_KIT is not set or absent)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        for network in NETWORKS:
            judge(folder, *network)
            judge_predicted(folder, *network)
            judge_flipping(folder, *network)
            if why_no_networks():
                print(f"skipped: methods that run again: {why_no_networks()}")
            else:
                judge_again(folder, *network)
            if ALL:
                judge_noise(folder, *network)
    report.done()


main()
