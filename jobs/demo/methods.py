"""What every method scores on the embedded sample: prints the table of docs/methods.md, or writes it there.

usage: methods.py [--images N] [--write FILE] CAMRANK

Network gap, N images of the 300 (40), each method with its defaults but for numbers of samples that would take
hours. The same table on every run.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
END = "<!-- to here -->"
# What is changed, and what a method that has no default layers is given.
CHANGED = {"rise": {"masks": 200}, "lime": {"samples": 150}, "kernel-shap": {"samples": 150},
           "is-cam": {"steps": 2}, "ss-cam": {"samples": 1}, "smooth-grad": {"samples": 8}, "var-grad": {"samples": 8},
           "integrated-gradients": {"steps": 10}, "refine-cam": {"layers": "[/relu4/Relu_output_0, features]"}}
PROTOCOLS = "cam-paper, {name: cam-paper, smooth: 0.05, smooth_unit: side, as: smoothed}"


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def methods_of(camrank):
    """Name, and the forward passes that an image takes."""
    listed = re.split(r"\n(?=\S)", output_of(camrank, "methods").rstrip())
    for text in listed:
        if ":" in text.split("\n")[0]:
            continue  # parameters that all have
        cost = re.search(r"forward passes: (.*)", text)
        yield text.split("\n")[0], cost[1] if cost else "1"


def row_of(name):
    return f"{name}.changed" if name in CHANGED else name


def item_of(name):
    changed = [f"{k}: {v}" for k, v in CHANGED.get(name, {}).items()]
    return "{" + ", ".join([f"name: {name}", *([f"as: {row_of(name)}"] if changed else []), *changed]) + "}"


def job_of(names, protocols, metrics):
    """demo.yaml with these methods of its first network alone."""
    with open(os.path.join(HERE, "demo.yaml")) as job:
        text = job.read()
    items = "\n".join(f"  - {item_of(name)}" for name in names)
    text = re.sub(r"(  - name: gap\n(?:    .*\n)*)(?:  .*\n)*", r"\1", text)
    text = re.sub(r"methods: .*\nprotocol: .*", f"methods:\n{items}\nprotocols: [{protocols}]\nmetrics: {metrics}", text)
    return re.sub(r"(images|ground_truth|synsets|file): (\S+)", lambda m: f"{m[1]}: {os.path.join(HERE, m[2])}", text)


def rows_of(camrank, names, images, protocols=PROTOCOLS, metrics="[localization]"):
    with tempfile.TemporaryDirectory() as folder:
        path, job = os.path.join(folder, "methods.h5"), os.path.join(folder, "methods.yaml")
        with open(job, "w") as out:
            out.write(job_of(names, protocols, metrics))
        run = subprocess.run([camrank, "run", job, "--limit", str(images), "-o", path, "--set", "heatmaps.classes=none"],
                             capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(run.stderr)
        return json.loads(output_of(camrank, "report", path, "--model", "gap", "--format", "json"))["rows"]


def table(camrank, images):
    methods = dict(methods_of(camrank))
    found = {(row["variant"], row["protocol"]): row for row in rows_of(camrank, methods, images)}
    yield f"Errors and accuracies in %, of the first {images} images under the network `gap`."
    yield ""
    yield "| method | forward passes | GT-known error ↓ | the same, map smoothed ↓ | MaxBoxAccV2 ↑ |"
    yield "|---|---|---|---|---|"
    for name, cost in methods.items():
        rows = [found.get((row_of(name), protocol)) for protocol in ("cam-paper", "smoothed")]
        changed = ", ".join(f"`{k}: {v}`" for k, v in CHANGED.get(name, {}).items())
        cells = [f"{rows[0]['gt_known_loc_error']:.1f}", f"{rows[1]['gt_known_loc_error']:.1f}",
                 f"{rows[0]['max_box_acc_v2']:.1f}"] if rows[0] else ["does not apply"] * 3
        yield "| " + " | ".join([f"`{name}`" + (f" ({changed})" if changed else ""), cost, *cells]) + " |"


def write_into(path, script, text):
    """In the place of what a script of this folder has written into a page; without one, prints it."""
    if not path:
        print(text)
        return
    begin = f"<!-- made by jobs/demo/{script} -->"
    with open(path) as page:
        before, _, rest = page.read().partition(begin)
    _, _, after = rest.partition(END)
    with open(path, "w") as page:
        page.write(f"{before}{begin}\n\n{text}\n\n{END}{after}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("camrank")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--write", metavar="FILE")
    options = parser.parse_args()
    write_into(options.write, "methods.py", "\n".join(table(options.camrank, options.images)))


if __name__ == "__main__":
    main()
