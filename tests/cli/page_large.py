"""Makes a set of many images with 1,000 classes, two networks and a job; looks at the page of its results.
usage: page_large.py make IMAGES FOLDER | look IMAGES FOLDER CAMRANK"""
import csv
import os
import resource
import shutil
import subprocess
import sys
import time

CLASSES, ROWS = 1000, 10
METHODS = ["cam", "grad-cam", "grad-cam++", "layer-cam", "xgrad-cam"]

JOB = """name: large
dataset: {layout: kaggle, images: images, ground_truth: truth.csv, synsets: synsets.txt}
models:
  - {name: first, file: first.onnx, input: &input {size: [48, 48], resize: squash, filter: pil-bilinear, channels: rgb,
     range: 1, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}}
  - {name: second, file: second.onnx, input: *input}
methods: [%s]
protocol: cam-paper
heatmaps: {classes: truth}
output: large.h5
"""


def make_network(path, seed):
    """Convolution, ReLU, global average, 1,000 classes: its numbers mean nothing, and it is quick."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    random = np.random.default_rng(seed)
    weights = {"w": random.normal(0, .2, (16, 3, 3, 3)), "v": random.normal(0, 1, (CLASSES, 16)), "b": np.zeros(CLASSES)}
    nodes = [helper.make_node("Conv", ["input", "w"], ["c"], strides=[4, 4], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
             helper.make_node("Relu", ["c"], ["r"]), helper.make_node("GlobalAveragePool", ["r"], ["g"]),
             helper.make_node("Flatten", ["g"], ["f"]), helper.make_node("Gemm", ["f", "v", "b"], ["logits"], transB=1)]
    graph = helper.make_graph(
        nodes, "large", [helper.make_tensor_value_info("input", 1, ["N", 3, 48, 48])],
        [helper.make_tensor_value_info("logits", 1, ["N", CLASSES])],
        [numpy_helper.from_array(value.astype("float32"), name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


def make(n, folder):
    """The sample's images under as many names as there are to be, each the box of its own."""
    with open("jobs/demo/ground_truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    os.mkdir(f"{folder}/images")
    for row in rows:
        shutil.copy(f"jobs/demo/images/{row['ImageId']}.JPEG", folder)
    with open(f"{folder}/truth.csv", "w") as file:
        file.write("ImageId,PredictionString\n")
        for i in range(n):
            row, wnid = rows[i % len(rows)], f"n{10000000 + 7919 * i % CLASSES}"
            name = f"ILSVRC2012_val_{i + 1:08d}"
            os.symlink(f"../{row['ImageId']}.JPEG", f"{folder}/images/{name}.JPEG")
            words = row["PredictionString"].split()
            boxes = " ".join(f"{wnid} {' '.join(words[k + 1:k + 5])}" for k in range(0, len(words), 5))
            file.write(f"{name},{boxes}\n")
    with open(f"{folder}/synsets.txt", "w") as file:
        file.writelines(f"n{10000000 + c} class {c}, also known as the {c}th of a thousand\n" for c in range(CLASSES))
    for seed, name in enumerate(("first", "second")):
        make_network(f"{folder}/{name}.onnx", seed)
    with open(f"{folder}/job.yaml", "w") as file:
        file.write(JOB % ", ".join(METHODS))


def timed(browser, script):
    """Milliseconds until the script has run and the page is laid out again."""
    return browser.run(f"const start = performance.now(); {script}; document.body.offsetHeight;"
                       "return performance.now() - start")


def look(n, folder, camrank):
    page, start = f"{folder}/large.html", time.monotonic()
    subprocess.run([camrank, "report", f"{folder}/large.h5", "--format", "html", "-o", page], check=True)
    seconds, usage = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    size = os.path.getsize(page)
    print(f"{n} images, {ROWS} rows: page of {size / 1e6:.2f} MB, written in {seconds:.1f} s "
          f"({usage.ru_utime + usage.ru_stime:.1f} s of CPU), {usage.ru_maxrss / 1e3:.0f} MB at most; "
          f"load {os.getloadavg()[0]:.1f}")
    assert size < 5_000_000
    if not shutil.which("chromedriver") or not shutil.which("chromium"):
        print("skipped: no chromium with its driver, so the page is not tried in a browser")
        return
    from browser import Browser

    with Browser() as browser:
        browser.open(page)
        loaded = browser.run("""const n = performance.getEntriesByType('navigation')[0];
            return [n.domInteractive, n.loadEventEnd]""")
        print(f"in the browser: interactive after {loaded[0]:.0f} ms, loaded after {loaded[1]:.0f} ms")
        assert len(browser.column("error-table", "model")) == ROWS + 2
        errors = browser.column("class-table", "first/cam")
        assert len(errors) == min(n, CLASSES)
        press = "[...document.querySelectorAll('#class-table th button')][%d].click()"
        sort = timed(browser, press % 3)
        assert browser.column("class-table", "first/cam") == sorted(errors, key=float)
        by_name = timed(browser, press % 0)
        search = timed(browser, """const i = document.querySelector('input[data-table=class-table]');
            i.value = 'class 99'; i.dispatchEvent(new Event('input'))""")
        found = browser.column("class-table", "class")
        assert found and all("class 99" in name for name in found)
        pick = timed(browser, """const s = document.querySelector('[data-filter=why]'); s.value = 'worst';
            s.dispatchEvent(new Event('change'))""")
        shown = browser.visible()
        assert shown and all(picture["why"] == "worst" for picture in shown)
        print(f"sorting {len(errors)} classes by a number {sort:.0f} ms, by name {by_name:.0f} ms, searching "
              f"{search:.0f} ms, filtering pictures {pick:.0f} ms")
        assert browser.errors() == []


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]), sys.argv[3])
    else:
        look(int(sys.argv[2]), *sys.argv[3:])
