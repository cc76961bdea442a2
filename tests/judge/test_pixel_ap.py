"""PxAP against wsolevaluation's on the kit's masks, and PIoU and the best mask IoU against numpy."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import cv2
    import h5py
    import numpy as np
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Checks
from localize import MAX, MIN_MAX
from metrics import Metric

FOLDER = os.path.join(KIT, "metrics", "pxap")
CAMRANK = os.environ.get("CAMRANK", "build/camrank")
FRAME, SIDE = 224, 227
report = Checks()


def kit_masks():
    """By the id of the image: 1 on any of its objects, 2 where that is not and pixels do not count."""
    root, masks = os.path.join(FOLDER, "masks", "OpenImages"), {}
    ignored = {}
    with open(os.path.join(FOLDER, "metadata", "OpenImages", "val", "localization.txt")) as stream:
        for line in stream.read().split():
            image, of_object, of_ignored = line.split(",")
            name = os.path.splitext(os.path.basename(image))[0]
            one = cv2.imread(os.path.join(root, of_object), 0) > 127
            masks[name] = masks.get(name, False) | one
            if of_ignored:
                ignored[name] = cv2.imread(os.path.join(root, of_ignored), 0) > 127
    return {name: np.where(mask, 1, np.where(ignored[name], 2, 0)).astype(np.uint8)
            for name, mask in masks.items()}


def areas(true, other):
    """PxAP in percent, and the best intersection over union, from histograms."""
    tp, fp = np.cumsum(true[::-1]), np.cumsum(other[::-1])
    some = tp + fp > 0
    recall = np.diff(np.concatenate([[0], tp])) / tp[-1]
    return (100 * (tp / np.maximum(tp + fp, 1) * recall)[some].sum(),
            (tp / np.maximum(tp[-1] + fp, 1)).max())


def judge_maps(masks, golden, percent, network, method, upsampling, step):
    key, thresholds = f"{network}/{method}/{upsampling}/{step}", round(1 / step)
    metric = Metric("pixel-ap", thresholds=thresholds, upsampling=upsampling == "bilinear")
    of_images, single = [], []
    for name, raw in zip(golden["image"], golden[f"{network}/{method}:raw"]):
        name = os.path.splitext(os.path.basename(str(name)))[0]
        columns = metric.score(raw, (MIN_MAX, MAX)[method == "gradcam"], SIDE, SIDE, [], masks[name])
        assert metric.add(columns, []) is None
        single.append(areas(*columns))
        of_images.append(columns)
    true, other = np.sum(of_images, axis=0, dtype=np.int64)
    value, iou = areas(true, other)
    report(f"{key}: PxAP", abs(metric.number("pxap")[0] - percent[key]) < 1e-3,
           f"{metric.number('pxap')[0]:.6f}, not {percent[key]:.6f}")
    for ours, kind in (true, "true"), (other, "false"):
        if f"{key}:gt_{kind}_hist" in golden:
            off = np.abs(ours - golden[f"{key}:gt_{kind}_hist"][:thresholds + 1])
            # The kit's bicubic maps are cv2.resize's, as ours; its bilinear ones round in another order.
            report(f"{key}: {kind} pixels", off.sum() <= (0 if upsampling == "bicubic" else 40),
                   f"{off.sum()} are in another bin")
    report(f"{key}: PIoU", abs(metric.number("piou")[0] - iou) < 1e-12, str(metric.number("piou")[0]))
    best = np.mean([one[1] for one in single])
    report(f"{key}: best mask IoU", abs(metric.number("best_mask_iou")[0] - best) < 1e-9, str(best))
    if upsampling == "bicubic" and step == .001:
        off = np.abs([one[0] for one in single] - golden[f"{network}/{method}:per_image_pxap_bicubic_0.001"])
        report(f"{key}: PxAP of each image", off.max() < 5e-3, f"off by {off.max():.2g}")


def judge_bins():
    """Every value lies in the bin of numpy.histogram, but for those at an edge, which rounding moves."""
    random = np.random.default_rng(1)
    for thresholds in 1, 3, 7, 100, 1000:
        metric = Metric("pixel-ap", thresholds=thresholds, upsampling=1)
        for side in 2, 5, 224:
            raw = random.random((side, side)).astype(np.float32)
            columns = metric.score(raw, MIN_MAX, FRAME, FRAME, [], np.ones((3, 3)))
            up = cv2.resize(raw.astype(float), (FRAME, FRAME), interpolation=cv2.INTER_LINEAR)
            scores = (up - up.min()) / (up.max() - up.min())
            edges = np.append(np.arange(thresholds) * (1 / thresholds), [1, 2])
            off = np.abs(np.histogram(scores, edges)[0] - columns[0]).sum()
            report(f"{thresholds} thresholds, {side} x {side}", off <= 40 and columns[1].sum() == 0 and
                   columns[0][-1] >= 1, f"{off} pixels in another bin")
    nothing = Metric("pixel-ap").score(np.eye(3), MAX, 9, 9, [])
    report("without a mask there is nothing", all((column == -1).all() for column in nothing))
    for wrong in -2, FRAME * FRAME + 1:
        metric, column = Metric("pixel-ap", thresholds=1), np.array([0, wrong], np.int32)
        said = metric.add([np.zeros(2, np.int32), column], [])
        report(f"{wrong} pixels are refused", said == b"number of pixels", str(said))


def judge_run(masks, percent):
    """From a folder of masks, by `camrank run` and by `camrank score`."""
    model = "squeezenet1_0"
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/masks")
        for name, mask in masks.items():
            cv2.imwrite(f"{folder}/masks/{name}.png", (mask == 1) * np.uint8(255))
            if (mask == 2).any():
                cv2.imwrite(f"{folder}/masks/{name}_ignore.png", (mask == 2) * np.uint8(1))
        with open(f"{folder}/list.txt", "w") as stream:
            stream.write("".join(f"{name}\n" for name in masks))
        sets = {"dataset.images": f"{KIT}/dev/images", "dataset.masks": f"{folder}/masks",
                "dataset.ground_truth": f"{KIT}/dev/ground_truth.csv",
                "dataset.synsets": f"{KIT}/dev/LOC_synset_mapping.txt",
                "dataset.subset.list": f"{folder}/list.txt", "models.0.file": f"{KIT}/models/{model}.onnx",
                "methods": "[cam]", "metrics": "[pixel-ap]"}
        options = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
        job = "jobs/kit-squeezenet.yaml"
        subprocess.run(["mpirun", "-q", "-n", "2", CAMRANK, "run", job, "-o", f"{folder}/run.h5", *options],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([CAMRANK, "score", f"{folder}/run.h5", job, "-o", f"{folder}/scored.h5", *options],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in "run", "scored":
            with h5py.File(f"{folder}/{name}.h5") as file:
                row = file["summary"][0]
                off = abs(row["pxap"] - percent[f"{model}/cam/bicubic/0.001"])
                report(f"{name}: PxAP of 40 images", row["pixel_ap_images"] == 40 and off < 5e-3,
                       f"{row['pxap']:.6f}, off by {off:.2g}")
        os.remove(f"{folder}/masks/{sorted(masks)[0]}.png")
        shown = subprocess.run([CAMRANK, "check", job, *options], stdout=subprocess.PIPE, text=True)
        report("check counts masks", "masks    of 39 images, from " in shown.stdout, shown.stdout[:200])
        with open(f"{folder}/masks/{sorted(masks)[1]}.png", "w") as stream:
            stream.write("no picture")
        broken = subprocess.run([CAMRANK, "run", job, "-o", f"{folder}/broken.h5", *options],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        report("a mask that is none is named", broken.returncode == 3 and
               f"{sorted(masks)[1]}.png" in broken.stderr, broken.stderr)
        shutil.rmtree(f"{folder}/masks")
        os.makedirs(f"{folder}/masks")
        nothing = subprocess.run([CAMRANK, "check", job, *options], stderr=subprocess.PIPE, text=True)
        report("a folder without masks is refused", nothing.returncode == 3 and
               "has no mask of any image" in nothing.stderr, nothing.stderr)


def of_other_sizes(masks, folder):
    """The masks by turns as they are, or larger by a whole number along each side, which leaves every nearest pixel."""
    names = [os.path.relpath(os.path.join(root, name), masks) for root, _, found in os.walk(masks) for name in found]
    for k, name in enumerate(sorted(names)):
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        mask = cv2.imread(f"{masks}/{name}", cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(f"{folder}/{name}", mask.repeat(1 + k % 3, 0).repeat(1 + k % 2, 1))
    return folder


def judge_lists(percent):
    """From wsolevaluation's own lists of masks, several of an image and one of what does not count."""
    model = "squeezenet1_0"
    with tempfile.TemporaryDirectory() as folder:
        sets = {"dataset.layout": "openimages", "dataset.images": f"{KIT}/dev/images",
                "dataset.masks": of_other_sizes(f"{FOLDER}/masks/OpenImages", f"{folder}/masks"),
                "dataset.ground_truth": f"{FOLDER}/metadata/OpenImages/val",
                "dataset.synsets": f"{KIT}/dev/LOC_synset_mapping.txt", "models.0.file": f"{KIT}/models/{model}.onnx",
                "methods": "[cam]", "metrics": "[pixel-ap]"}
        lists = f"{folder}/lists"
        shutil.copytree(sets["dataset.ground_truth"], lists)
        os.remove(f"{lists}/image_sizes.txt")  # of the resized images
        sets["dataset.ground_truth"] = lists
        options = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
        job = "jobs/kit-squeezenet.yaml"
        subprocess.run(["mpirun", "-q", "-n", "2", CAMRANK, "run", job, "-o", f"{folder}/run.h5", *options],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with h5py.File(f"{folder}/run.h5") as file:
            row = file["summary"][0]
            off = abs(row["pxap"] - percent[f"{model}/cam/bicubic/0.001"])
            report("layout openimages: PxAP of 40 images", row["pixel_ap_images"] == 40 and off < 5e-3,
                   f"{row['pxap']:.6f}, off by {off:.2g}")
            report("and no numbers of boxes", "max_box_acc" not in row.dtype.names or np.isnan(row["max_box_acc"]))
        path = f"{lists}/localization.txt"
        with open(path) as stream:
            lines = stream.read().splitlines()
        for wrong, said in ((lines[0], "has a mask of what does not count already"),
                            (lines[0].split(",")[0] + ",,", "no mask"),
                            ("none.jpg,a.png,", "is not in image_ids.txt"), ("a,b", "2 columns, must be")):
            with open(path, "w") as stream:
                stream.write("\n".join([*lines, wrong]))
            refused = subprocess.run([CAMRANK, "check", job, *options], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
            report(f"refused: {said}", refused.returncode == 3 and said in refused.stderr and
                   f"localization.txt:{len(lines) + 1}: " in refused.stderr, refused.stderr)


def main():
    judge_bins()
    if not os.path.isdir(FOLDER):
        print("skipped: wsolevaluation's results (CAMRANK_KIT is not set or absent)")
        report.done()
        return
    masks = kit_masks()
    golden = np.load(os.path.join(FOLDER, "pxap.npz"))
    with open(os.path.join(FOLDER, "pxap.json")) as stream:
        percent = json.load(stream)["pxap_percent"]
    for network in "squeezenet1_0", "mobilenet_v2_1.0_224":
        for method in "cam", "gradcam":
            for upsampling in "bicubic", "bilinear":
                for step in .001, .01:
                    judge_maps(masks, golden, percent, network, method, upsampling, step)
    judge_run(masks, percent)
    judge_lists(percent)
    report.done()


main()
