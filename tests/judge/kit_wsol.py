"""The kit's reference counts of MaxBoxAcc, and those of maps through core/loc."""
import json
import os

import numpy as np

from camrank import KIT
from localize import BILINEAR, sweep


def metadata():
    """Of the 500 images by id: (width, height), and their boxes."""
    def lines(name):
        with open(os.path.join(KIT, "dev", "metadata", name)) as stream:
            return [line.split(",") for line in stream.read().split("\n") if line]

    def id_of(path):
        return os.path.splitext(os.path.basename(path))[0]

    boxes = {}
    for path, *box in lines("localization.txt"):
        boxes.setdefault(id_of(path), []).append(tuple(map(int, box)))
    return {id_of(path): ((int(w), int(h)), boxes[id_of(path)])
            for path, w, h in lines("image_sizes.txt")}


def reference(model):
    with open(os.path.join(KIT, "dev", f"wsol_reference_{model}.json")) as stream:
        return json.load(stream)


def best(model, method):
    """MaxBoxAcc and MaxBoxAccV2 in percent, at steps of 0.001."""
    known = reference(model)
    return (known[f"{method} 0.001 single"]["acc30_50_70"][1],
            known[f"{method} 0.001 multi"]["mean"])


def best_levels(model, method):
    """The grey levels at which the reference's MaxBoxAcc and MaxBoxAccV2 are best, of the three IoU each."""
    known = reference(model)
    return [[int(threshold * 255) for threshold in known[f"{method} 0.001 {kind}"]["best_thr"]]
            for kind in ("single", "multi")]


def count_differences(model, method, counts):
    """How counts of right images, [6 bits][255 levels], differ from the reference, summed over IoU and
    100 thresholds: MaxBoxAcc's, MaxBoxAccV2's."""
    curves = reference(model)["curves"]
    levels = [int(threshold * 255) for threshold in np.arange(0, 1, 0.01)]
    return tuple(int(abs(counts[rows, :][:, levels] - curves[f"{method} {kind}"]).sum())
                 for rows, kind in ((slice(0, 3), "single"), (slice(3, 6), "multi")))


def differences(model, method, ids, maps, scaling):
    """The same of maps of the ground-truth classes. The reference's maps are bilinear."""
    known, counts = metadata(), np.zeros((6, 255), int)
    for name, activation in zip(ids, maps):
        (width, height), truth = known[name]
        hits = sweep(activation, scaling, BILINEAR, width, height, truth)
        counts += hits >> np.arange(6)[:, None] & 1
    return count_differences(model, method, counts)
