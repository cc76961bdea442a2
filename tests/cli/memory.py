"""What four ranks on one node take together: the weights once, whatever the number of ranks, and of
several networks only those that are held at a time.

usage: memory.py FOLDER made|vgg16     FOLDER/sample is the sample of make_sample.py; fault.so is there

The promise: weights, as the file has them, + 4 x (activations + 150 MB), at any moment, loading
included. What is summed over the ranks is PSS (/proc/PID/smaps_rollup): a page that several processes
share counts once.
"""

import glob
import os
import re
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import helper, numpy_helper
import processes
from processes import CAMRANK, check, path

RANKS, OTHER_MB = 4, 150
HALF_MB = 560  # VGG-16 in bfloat16, once its file is read
N_SMALL, SMALL = 6, 3000  # networks of a job, and their width

JOB = """\
name: memory
dataset:
  layout: kaggle
  images: sample/images
  ground_truth: sample/ground_truth.csv
  synsets: synsets.txt
  limit: 8
models:
{models}
methods: [grad-cam]
protocol: cam-paper
batch: 2
output: memory.h5
"""

MODEL = """\
  - name: {name}
    file: {name}.onnx
    input: {{size: [{side}, {side}], resize: squash, filter: pil-bilinear, channels: rgb, \
range: 1, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}}
"""


def write_job(names, side, more=""):
    models = "".join(MODEL.format(name=name, side=side) for name in names)
    with open(path("job.yaml"), "w") as file:
        file.write(JOB.format(models=models) + more)


def make_network(width, name="net", seed=1):
    """A small convolution and fully connected layers with 4 width^2 bytes of weights."""
    rng = np.random.default_rng(seed)
    weights = {"conv.w": (8, 3, 3, 3), "w1": (width, 8), "w2": (width, width), "w3": (10, width)}
    tensors = [numpy_helper.from_array(
        rng.standard_normal(shape, np.float32) / np.float32(shape[-1] ** 0.5), name)
        for name, shape in weights.items()]
    nodes = [helper.make_node("Conv", ["x", "conv.w"], ["conv"], strides=[2, 2]),
             helper.make_node("Relu", ["conv"], ["relu"]),
             helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
             helper.make_node("Flatten", ["pool"], ["f0"])]
    nodes += [helper.make_node("Gemm", [f"f{i}", f"w{i + 1}"], [f"f{i + 1}"], transB=1)
              for i in range(3)]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", 1, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("f3", 1, ["N", 10])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]),
              path(name + ".onnx"))


def export_vgg16():
    """In a process of its own: PyTorch's memory is not to be there when camrank runs."""
    code = ("import sys, torch, torchvision\n"
            "net = torchvision.models.vgg16(weights=None).eval()\n"
            "torch.onnx.export(net, torch.zeros(1, 3, 224, 224), sys.argv[1], opset_version=13,\n"
            "                  do_constant_folding=False, dynamic_axes={'input': {0: 'N'}},\n"
            "                  input_names=['input'], output_names=['logits'])\n")
    subprocess.run([sys.executable, "-c", code, path("net.onnx")], check=True,
                   stdout=subprocess.DEVNULL)


def pss(pid):
    """Bytes; 0 once the process has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return 1024 * int(re.search(r"^Pss:\s*(\d+)", file.read(), re.M).group(1))
    except (OSError, AttributeError):
        return 0


def run(name, prefix=""):
    """What the run prints of memory, and the largest sum of PSS that was seen, in MB."""
    # The first rank that reads an image stands still until a sum has been seen: all have the weights
    # by then.
    held = path(name + ".held")
    with open(held, "w"):
        pass
    fault = f"CAMRANK_STORAGE_FAULT=read:1:held:{os.path.realpath(path('sample/images'))} " \
            f"CAMRANK_STORAGE_HELD={held} LD_PRELOAD={path('fault.so')}"
    command = f"{prefix}exec mpirun -q -n {RANKS} env {fault} {CAMRANK} run {path('job.yaml')} " \
              f"-o {path(name)}"
    with open(path(name + ".err"), "w") as err:
        process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=err)
    most = 0
    while process.poll() is None:
        is_held = os.path.exists(held) and glob.glob(held + ".*")
        ranks = [pid for pid in processes.descendants(process.pid) if processes.is_rank(pid)]
        most = max(most, sum(map(pss, ranks)) / 1e6)
        if is_held:
            os.remove(held)
        time.sleep(0.05)
    with open(path(name + ".err")) as file:
        said = file.read()
    check(process.returncode == 0, f"{name}: exit {process.returncode}: {said}")
    number = r"([0-9.]+) MB"
    found = re.search(f"^camrank: memory: weights {number} a (node|rank), activations {number} a "
                      f"rank; peak RSS {number} a rank, PSS {number} a node$", said, re.M)
    if not check(found, f"{name}: no line about memory: {said}"):
        processes.finish()
    weights, of, arena, peak, at_end = found.groups()
    print(f"{name}: {found.group(0)}; seen: PSS {most:.1f} MB", flush=True)
    return float(weights), of, float(arena), float(peak), float(at_end), most, said


def main():
    side = 224 if sys.argv[2] == "vgg16" else 32
    export_vgg16() if sys.argv[2] == "vgg16" else make_network(7700)
    with open(path("sample/synsets.txt"), encoding="utf-8") as file:
        synsets = file.readlines()[:10]
    if sys.argv[2] == "vgg16":
        synsets += [f"n{20000000 + k:08d} other\n" for k in range(990)]
    with open(path("synsets.txt"), "w", encoding="utf-8") as file:
        file.writelines(synsets)
    write_job(["net"], side)
    of_file = os.path.getsize(path("net.onnx")) / 1e6

    weights, of, arena, peak, at_end, most, _ = run("shared.h5")
    bound = of_file + RANKS * (arena + OTHER_MB)
    print(f"weights {weights} MB (file {of_file:.1f} MB), bound {bound:.1f} MB", flush=True)
    check(of == "node" and weights >= of_file * 0.99, f"weights {weights} MB a {of}")
    check(weights < at_end <= bound, f"PSS {at_end} MB at the end, at most {bound}")
    check(weights < most <= bound, f"PSS {most} MB at some moment, at most {bound}")
    check(weights < peak < weights + of_file + arena + OTHER_MB, f"peak RSS {peak} MB")
    if sys.argv[2] == "vgg16":
        write_job(["net"], side, "defaults: {precision: bfloat16}\n")
        weights, of, _, _, at_end, *_ = run("half.h5")
        check(of == "node" and weights < 0.6 * of_file, f"bfloat16: weights {weights} MB a {of}")
        check(weights < at_end <= HALF_MB, f"bfloat16: PSS {at_end} MB at the end")
        return
    # Without sharing the same run breaks the bound: the measurement can tell.
    *_, of, _, _, at_end, most, said = run("private.h5", "ulimit -f 100000; ")
    check(of == "rank" and "camrank: the ranks of a node do not share weights: "
          "rank 0: the limit on file sizes (ulimit -f) is below" in said, f"private: {said}")
    compare("shared.h5", "private.h5")
    check(at_end > bound and most > bound, f"private: PSS {at_end} MB, {most} MB seen")
    several()


def compare(one, other):
    compared = subprocess.run([sys.executable, "tests/cli/compare_h5.py", path(one), path(other)],
                              stdout=subprocess.PIPE, text=True, check=False)
    check(compared.returncode == 0, f"{other}: {compared.stdout}")


def several():
    """Networks held all at once, and one at a time."""
    each = 4e-6 * SMALL ** 2
    names = [f"small{i}" for i in range(N_SMALL)]
    for i, name in enumerate(names):
        make_network(SMALL, name, i)
    write_job(names[:1], 32)
    *_, arena, _, _, _, _ = run("one.h5")
    write_job(names, 32)
    held, _, held_arena, held_peak, *_ = run("held.h5", "export CAMRANK_TEST_TURN_MB=1000; ")
    weights, _, _, peak, at_end, *_ = run("turns.h5", "export CAMRANK_TEST_TURN_MB=1; ")
    check(held_arena == arena, f"activations {held_arena} MB, of one network {arena} MB")
    check(held >= N_SMALL * each, f"held at once: weights {held} MB")
    check(each <= weights < 1.1 * each, f"one at a time: weights {weights} MB")
    # A network that is loaded lies in memory twice: its file, and what of it is packed.
    check(held_peak - peak >= (N_SMALL - 3) * each,
          f"peak RSS {held_peak} MB, one at a time {peak} MB")
    compare("held.h5", "turns.h5")
    # Of the others' weights all but what --mem-per-cpu is rounded to, in MiB, with its quarter more.
    less = asked_for(1000) - asked_for(1)
    check(abs(less - 1.25 * (N_SMALL - 1) * each * 1e6 / 2 ** 20) <= 100,
          f"--mem-per-cpu is {less} MiB less one at a time")


def asked_for(turn_mb):
    """What `camrank check` asks Slurm for, in MiB a rank."""
    said = subprocess.run([CAMRANK, "check", path("job.yaml")], stdout=subprocess.PIPE, text=True,
                          check=True, env=dict(os.environ, CAMRANK_TEST_TURN_MB=str(turn_mb)))
    return int(re.search(r"--mem-per-cpu=(\d+)M", said.stdout).group(1))


main()
processes.finish()
