"""One rank against two, and the whole pipeline against the network alone. usage: bench.py [PAIRS]

Photographs of 500 x 375 from the kit (CAMRANK_KIT), SqueezeNet of the kit and torchvision's
ResNet-50 with random weights. Runs are interleaved, medians are printed. One rank gets one CPU: on a
free second one it would decode there, which two ranks cannot. On a machine that others
use two ranks get no two cores, so there is a second ratio: of the CPU seconds that one and two ranks
take for the same images, those of a run of one chunk a rank taken off, twice. It is what two
free cores would give, but for waiting: 2 if neither rank makes the other slower.

The pipeline is measured twice, the second time with a storage that takes 5 ms longer for each image
(tests/cli/fault.c): what a rank sleeps counts there like what it computes.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import warnings

BUILD = os.environ.get("BUILD", "build")
KIT = os.environ.get("CAMRANK_KIT", "")
# Input, goal of the pipeline in percent, images of it, and images of a run of one or two ranks. Those
# are many, since the rank that is done first waits for up to a chunk of 16.
NETWORKS = {
    "squeezenet": ("{size: [227, 227], resize: squash, channels: bgr, range: 255, "
                   "mean: [104, 117, 123], std: [1, 1, 1]}", 75, 384, 1536),
    "resnet50": ("{size: [224, 224], resize: short-side, short_side: 256, crop: center, "
                 "channels: rgb, range: 1, mean: [0.485, 0.456, 0.406], "
                 "std: [0.229, 0.224, 0.225]}", 90, 128, 1024),
}
JOB = """name: {name}
dataset: {{layout: csv, images: images, ground_truth: truth.csv, synsets: {synsets}}}
models: [{{name: {name}, file: {name}.onnx, input: {input}}}]
methods: [cam, grad-cam]
protocol: cam-paper
output: {name}.h5
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def make_jobs(folder):
    import torch
    import torchvision
    from PIL import Image
    warnings.filterwarnings("ignore")
    torch.manual_seed(1)
    net = torchvision.models.resnet50(weights=None).eval()
    torch.onnx.export(net, torch.zeros(1, 3, 224, 224), os.path.join(folder, "resnet50.onnx"),
                      opset_version=13, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}})
    os.symlink(f"{KIT}/models/squeezenet1_0.onnx", os.path.join(folder, "squeezenet.onnx"))
    photos = [name for name in sorted(os.listdir(f"{KIT}/photos")) if name.endswith(".JPEG") and
              Image.open(f"{KIT}/photos/{name}").size == (500, 375)]
    os.mkdir(os.path.join(folder, "images"))
    with open(os.path.join(folder, "truth.csv"), "w") as truth:
        truth.write("image,label,x0,y0,x1,y1\n")
        for i in range(max(n for *_, n in NETWORKS.values())):
            photo = photos[i % len(photos)]
            os.symlink(f"{KIT}/photos/{photo}", os.path.join(folder, "images", f"{i:04}.JPEG"))
            truth.write(f"{i:04},{photo.split('_')[0]},0,0,499,374\n")
    for name, (how, *_) in NETWORKS.items():
        with open(os.path.join(folder, name + ".yaml"), "w") as job:
            job.write(JOB.format(name=name, input=how,
                                 synsets=f"{KIT}/dev/LOC_synset_mapping.txt"))


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_slow_storage(folder):
    """The environment in which every image takes 5 ms longer to be read."""
    library = os.path.join(folder, "fault.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-O1", "tests/cli/fault.c", "-o",
                    library, "-ldl"], check=True)
    photos = os.path.realpath(f"{KIT}/photos")
    return {"LD_PRELOAD": library, "CAMRANK_STORAGE_FAULT": f"read:1:slow:{photos}/"}


def measured_unit(folder, name, storage):
    command = [f"{BUILD}/tests/scale/unit", f"{folder}/{name}.yaml", "-o", f"{folder}/unit.h5",
               "--limit", str(NETWORKS[name][2])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600,
                          env=dict(os.environ, **storage))
    return json.loads(done.stdout)


def run(folder, name, n_ranks, n_images):
    """Images a second, and CPU seconds, of a whole run."""
    before = cpu_s()
    command = [f"{BUILD}/camrank", "run", f"{folder}/{name}.yaml", "--force",
               "--limit", str(n_images)]
    if n_ranks > 1:
        command = ["mpirun", "-q", "-n", str(n_ranks), *command]
    else:
        command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
    done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, timeout=600)
    rate = re.search(r"(?:images|passes) in [\d.]+ s, ([\d.]+) (?:images|passes)/s", done.stderr)
    return float(rate.group(1)), cpu_s() - before


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main():
    n_pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if not os.path.isdir(f"{KIT}/photos"):
        skip("CAMRANK_KIT names no kit with photos")
    with tempfile.TemporaryDirectory() as folder:
        try:
            make_jobs(folder)
        except ImportError as missing:
            skip(missing)
        print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}; "
              f"medians of {n_pairs}, lowest and highest\n")
        storages = {"": {}, "slow": make_slow_storage(folder)}
        units = {(name, storage): [] for name in NETWORKS for storage in storages}
        for _ in range(n_pairs):
            for (name, storage), found in units.items():
                found.append(measured_unit(folder, name, storages[storage]))
        for found in units.values():
            print(json.dumps(found[-1]))
        print("\npipeline: JPEG file in memory to HDF5 row, in percent of the forward pass alone, "
              "by CPU seconds; its parts in ms an image; where reading takes 5 ms longer, and what "
              "of these is waited for")
        for name, (_, goal, *_) in NETWORKS.items():
            found, slow = units[name, ""], units[name, "slow"]
            parts = {part: statistics.median(1000 * u[part] / u["batch"] for u in found)
                     for part in ("forward_s", "decode_s", "boxes_s", "write_s")}
            share = [100 * u["forward_s"] / u["unit_s"] for u in found]
            print(f"  {name}: {spread(share)} %, goal {goal}; " +
                  ", ".join(f"{part[:-2]} {ms:.2f}" for part, ms in parts.items()))
            share = [100 * u["forward_s"] / (u["unit_s"] + u["blocked_s"]) for u in slow]
            waits = [1000 * u["blocked_s"] / u["batch"] for u in slow]
            print(f"    5 ms longer: {spread(share)} %; waits {spread(waits)} ms")
        print("\nscaling: two ranks in times of one, by the clock; by CPU seconds")
        for name, (*_, n_images) in NETWORKS.items():
            wall, cpu = [], []
            for _ in range(n_pairs):
                (rate_1, cpu_1), (rate_2, cpu_2) = (run(folder, name, n, n_images) for n in (1, 2))
                start_1, start_2 = (run(folder, name, n, 16 * n)[1] for n in (1, 2))
                wall.append(rate_2 / rate_1)
                cpu.append(2 * (cpu_1 - start_1) / (n_images - 16) /
                           ((cpu_2 - start_2) / (n_images - 32)))
            print(f"  {name}: {spread(wall)}, goal 1.9; {spread(cpu)}")
        print(f"load average afterwards {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
