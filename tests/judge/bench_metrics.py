"""What metrics on the map alone cost beside a pass of SqueezeNet, and pixel-ap beside wsolevaluation's evaluator;
`make bench`.

One thread; seconds of the CPU, not of the clock. Maps of SqueezeNet's 13 x 13 places and images of 227 x 227 pixels. Each
map is scored by one metric after the other, as in a run, where the pixels that one made serve the next.
wsolevaluation's share is what it does for a map without reading its mask: cv2.resize and two numpy.histogram. With the
kit also what the four add to a run of SqueezeNet over its images: decoding, forward pass, maps, boxes and masks of the
objects' boxes included; the runs with and without them take turns.
"""
import ctypes as ct
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time

try:
    import cv2
    import numpy as np
    import torch  # of the zoo
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import KIT, Explainer, Graph, lib, method_spec
from localize import MAX, LocMap, boxes_of, whole, workspace
from metrics import Metric
from structs import cr_error, cr_metric_map
from zoo import build, export

torch.set_num_threads(1)
ROUNDS, TURNS, SIDE, BATCH, IMAGES, RUNS = 300, 15, 227, 16, 500, 5
METRICS = "pointing-game", "relevance", "map-shape", "pixel-ap"
CAMRANK = os.environ.get("CAMRANK", "build/camrank")


def milliseconds(run, n):
    run()
    start = time.process_time()
    for _ in range(n):
        run()
    return 1000 * (time.process_time() - start) / n


def scoring(name, values, mask):
    """A call of the metric alone, its arguments made before."""
    metric, error = Metric(name), cr_error()
    scored = LocMap(values, MAX, whole(SIDE, SIDE))
    columns = metric.empty_columns()
    given = cr_metric_map(parameters=ct.addressof(metric.parameters), map=ct.pointer(scored.map), width=SIDE,
                          height=SIDE, truth=boxes_of([(9, 9, 120, 130)]), n_truth=1)
    given.mask, (given.mask_height, given.mask_width) = mask.ctypes.data, mask.shape
    to = (ct.c_void_p * len(columns))(*(column.ctypes.data for column in columns))
    arguments = [ct.pointer(given), ct.cast(to, ct.POINTER(ct.c_void_p)), ct.pointer(workspace), ct.pointer(error)]
    keep = metric, scored, columns, to, given
    return lambda: keep and metric.of.score(*arguments)


def scoring_all(calls):
    """Milliseconds that each metric takes a map, of maps by turns."""
    spent = dict.fromkeys(METRICS, 0.)
    for _ in range(ROUNDS):
        for of_map in calls:
            for name in METRICS:
                start = time.process_time()
                of_map[name]()
                spent[name] += 1000 * (time.process_time() - start) / ROUNDS / len(calls)
    return spent


def share_of_a_run():
    """Seconds that runs without and with the metrics take, in turns."""
    spent = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/masks")
        with open(f"{KIT}/dev/ground_truth.csv", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                words = row["PredictionString"].split()
                mask = np.zeros((SIDE, SIDE), np.uint8)
                for i in range(1, len(words), 5):
                    x0, y0, x1, y1 = map(int, words[i:i + 4])
                    mask[y0:y1 + 1, x0:x1 + 1] = 255
                cv2.imwrite(f"{folder}/masks/{row['ImageId']}.png", mask)
        for turn in range(2 * RUNS):
            wanted, before = turn % 2 == 1, resource.getrusage(resource.RUSAGE_CHILDREN)
            of_kit = {"images": "images", "ground_truth": "ground_truth.csv", "synsets": "LOC_synset_mapping.txt"}
            paths = {f"dataset.{key}": f"{KIT}/dev/{name}" for key, name in of_kit.items()}
            paths["models.0.file"] = f"{KIT}/models/squeezenet1_0.onnx"
            more = [word for key, path in paths.items() for word in ("--set", f"{key}={path}")]
            more += ["--set", f"metrics=[{', '.join(METRICS)}]"] if wanted else []
            subprocess.run([CAMRANK, "run", "jobs/kit-squeezenet.yaml", "-o", f"{folder}/{turn}.h5", "--set",
                            f"dataset.limit={IMAGES}", "--set", "methods=[cam]", "--set", f"dataset.masks={folder}/masks",
                            *more],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent[wanted].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    ratios = sorted(100 * (b / a - 1) for a, b in zip(spent[False], spent[True]))
    least = {wanted: 1000 * min(seconds) / IMAGES for wanted, seconds in spent.items()}  # what disturbs only adds
    print(f"a run of {IMAGES} images: {least[False]:.1f} ms an image, with all four {least[True]:.1f}, "
          f"{100 * (least[True] / least[False] - 1):.1f} % more, the least of {RUNS} runs each; "
          f"the pairs {ratios[0]:.1f} to {ratios[-1]:.1f} % more")


def main():
    random = np.random.default_rng(0)
    maps = np.abs(random.standard_normal((2, 13, 13))).astype(np.float32)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[50:160, 40:180], mask[:20] = 1, 2
    net, size = build("squeezenet1_0")
    images = np.zeros((BATCH, 3, size, size), np.float32)
    graph = Graph(export(net, size, 13, True), "squeezenet1_0")
    explainer = Explainer(graph, [method_spec("random-cam")], BATCH, 1)
    explainer.net.forward(images)
    alone = milliseconds(lambda: lib.cr_net_forward(explainer.net.handle, BATCH), 5) / BATCH
    print(f"SqueezeNet: {alone:.1f} ms a pass")
    calls = [{name: scoring(name, values, mask) for name in METRICS} for values in maps]
    turns = [scoring_all(calls) for _ in range(TURNS)]
    spent = {name: np.median([turn[name] for turn in turns]) for name in METRICS}
    spent["all four"] = np.median([sum(turn.values()) for turn in turns])
    for name, milli in spent.items():
        print(f"{name}: {milli:.3f} ms a map, {100 * milli / alone:.1f} % of a pass")
    edges, small = np.append(np.arange(0, 1, .001), [1, 2, 3]), cv2.resize(mask, (224, 224), interpolation=0)

    def theirs():
        scores = cv2.resize(maps[0].astype(float), (224, 224), interpolation=cv2.INTER_CUBIC)
        scores = (scores - scores.min()) / (scores.max() - scores.min())
        return [np.histogram(scores[small == k], bins=edges)[0] for k in (0, 1)]
    turns = [(milliseconds(theirs, ROUNDS // TURNS), milliseconds(calls[0]["pixel-ap"], ROUNDS)) for _ in range(TURNS)]
    times = sorted(other / ours for other, ours in turns)
    print(f"wsolevaluation: {np.median(turns, 0)[0]:.2f} ms a map, pixel-ap {np.median(turns, 0)[1]:.3f}, "
          f"{times[TURNS // 2]:.1f} times as long ({times[0]:.1f} to {times[-1]:.1f})")
    if os.path.isdir(KIT):
        share_of_a_run()


main()
