"""One run of the whole: 50,000 JPEGs in a tar, ResNet-50, five methods, two ranks. usage: whole.py [IMAGES [PRECISION]]

The kit's photographs (CAMRANK_KIT) in their own sizes, again and again; ResNet-50 of torchvision with random weights.
Half a minute of the pure forward pass runs before and after (build/tests/scale/unit). The share by the clock is what two
ranks make of twice its rate. The share by CPU seconds is the same where others use the machine.
What 1,000 ranks make of it is simulated (simulate.py).
"""
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings

from bench import BUILD, KIT, NETWORKS, cpu_s, skip
from simulate import Cluster, Policy, Unit, reduction_s, simulate

METHODS = "cam, grad-cam, grad-cam++, xgrad-cam, layer-cam"
JOB = """name: whole
dataset: {{layout: csv, images: {images}, ground_truth: truth.csv, synsets: {synsets}}}
models: [{{name: resnet50, file: resnet50.onnx, precision: {precision}, input: {input}}}]
methods: [{methods}]
protocol: cam-paper
output: {name}.h5
"""


def make_set(folder, n):
    photos = sorted(os.listdir(f"{KIT}/photos"))
    with tarfile.open(f"{folder}/images.tar", "w") as tar, open(f"{folder}/truth.csv", "w") as truth:
        truth.write("image,label,x0,y0,x1,y1\n")
        for i in range(n):
            photo = photos[i % len(photos)]
            tar.add(f"{KIT}/photos/{photo}", f"{i:05}.JPEG")
            truth.write(f"{i:05},{photo.split('_')[0]},10,10,80,80\n")
    return os.path.getsize(f"{folder}/images.tar")


def make_network(folder):
    import torch
    import torchvision
    warnings.filterwarnings("ignore")
    torch.manual_seed(1)
    net = torchvision.models.resnet50(weights=None).eval()
    torch.onnx.export(net, torch.zeros(1, 3, 224, 224), f"{folder}/resnet50.onnx", opset_version=13,
                      input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}})


def unit_of(folder):
    """Medians of one rank over 512 images, with nothing else of ours running."""
    done = subprocess.run([f"{BUILD}/tests/scale/unit", f"{folder}/whole.yaml", "-o", f"{folder}/unit.h5", "--limit", "512"],
                          check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def on_1000_ranks(unit, n, row_bytes, batch):
    """Seconds from the first unit to the table, and the efficiency in percent."""
    layers, per_image = 60, batch / unit["batch"]
    one = Unit(per_image * unit["decode_s"], (per_image * unit["forward_s"] / layers,) * layers, per_image * unit["boxes_s"],
               images=batch, row_bytes=int(row_bytes * batch))
    units = [one] * -(-n // batch)
    took = simulate(1000, units, Cluster(), Policy())
    end_s = reduction_s(1000, n, 1, len(METHODS.split(",")), Cluster(), Policy())
    return took.makespan_s + end_s, 100 * took.ideal_s / (took.makespan_s + end_s)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    precision = sys.argv[2] if len(sys.argv) > 2 else "float32"
    if not os.path.isdir(f"{KIT}/photos"):
        skip("CAMRANK_KIT names no kit with photos")
    with tempfile.TemporaryDirectory() as folder:
        try:
            make_network(folder)
        except ImportError as missing:
            skip(missing)
        tar_bytes = make_set(folder, n)
        with open(f"{folder}/whole.yaml", "w") as job:
            job.write(JOB.format(images="images.tar", synsets=f"{KIT}/dev/LOC_synset_mapping.txt", precision=precision,
                                 input=NETWORKS["resnet50"][0], methods=METHODS, name="whole"))
        load = os.getloadavg()[0]
        units = [unit_of(folder)]
        before, start = cpu_s(), time.monotonic()
        done = subprocess.run(["mpirun", "-q", "-n", "2", f"{BUILD}/camrank", "run", f"{folder}/whole.yaml"], check=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wall, cpu = time.monotonic() - start, cpu_s() - before
        units.append(unit_of(folder))
        written = os.path.getsize(f"{folder}/whole.h5")
        forward = sum(u["forward_s"] / u["batch"] for u in units) / 2
        said = re.search(r"(peak RSS .*)", done.stderr)
        print(f"{n} images, {tar_bytes / 1e9:.2f} GB, {precision}, {METHODS}; load average {load:.1f} before, "
              f"{os.getloadavg()[0]:.1f} after")
        print(f"{wall:.0f} s by the clock, {n / wall:.1f} images/s, {cpu:.0f} CPU seconds")
        print(f"the forward pass alone: {1000 * forward:.1f} CPU ms an image; its share {100 * forward * n / 2 / wall:.1f} % by "
              f"the clock, {100 * forward * n / cpu:.1f} % by CPU seconds")
        print(f"{said.group(1)}; written {written / 1e6:.0f} MB, {written / n:.0f} bytes an image")
        for u in units:
            print(json.dumps({k: v for k, v in u.items() if isinstance(v, (int, float))}))
        for batch in (16, 8, 4):
            took, share = on_1000_ranks(units[0], n, written / n, batch)
            print(f"1,000 ranks, chunks of {batch}, simulated: {took:.1f} s, efficiency {share:.1f} %")


main()
