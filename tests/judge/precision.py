"""What bfloat16 costs: the kit's four networks and the demo in both precisions, the table of docs/precision.md.

usage: precision.py [demo]   from the top of the repo; CAMRANK names the program, CAMRANK_KIT the kit. Exit 1 where a
                             bound is missed: 0.5 points of any error, 97 % of the boxes with IoU above 0.9
"""
import json
import os
import subprocess
import sys
import tempfile

KIT = os.environ.get("CAMRANK_KIT", "")
CAMRANK = os.environ.get("CAMRANK", "build/camrank")
POINTS, BOXES = .5, 97
ERRORS = [("top1_cls_error", "top-1 cls"), ("top5_cls_error", "top-5 cls"), ("top1_loc_error", "top-1 loc"),
          ("top5_loc_error", "top-5 loc"), ("gt_known_loc_error", "GT-known"), ("max_box_acc", "MaxBoxAcc")]
NETWORKS = [("kit-squeezenet", "squeezenet1_0"), ("kit-mobilenet_v1_0.5_160", "mobilenet_v1_0.5_160"),
            ("kit-mobilenet_v1_0.75_192", "mobilenet_v1_0.75_192"), ("kit-mobilenet_v2", "mobilenet_v2_1.0_224")]
METHODS = ["cam", "grad-cam"]


def run(folder, job, precision, options):
    out = f"{folder}/{precision}.h5"
    subprocess.run(["mpirun", "-q", "-n", "2", CAMRANK, "run", job, "-o", out, "--force", "--set", "methods=[cam, grad-cam]",
                    "--set", "defaults={precision: %s}" % precision, *options], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return out


def compare(files, model, method):
    done = subprocess.run([CAMRANK, "compare", *files, "--only", f"{model},{method}", "--alike", "--format", "json"],
                          capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def put(model, method, told, missed):
    """Two lines: what changed, and the differences, bfloat16 less float32."""
    alike = {a["alike"]: a for a in told["alike"]}
    n, shares = alike["same_top1"]["n"], {key: alike[key]["value"] for key in ("same_top1", "same_top5", "same_box")}
    flips = [f"{round((100 - shares[key]) * n / 100)} ({100 - shares[key]:.2f} %)" for key in ("same_top1", "same_top5")]
    changed = f"| {model} | {method} | {n} | {flips[0]} | {flips[1]} | {shares['same_box']:.2f} | {alike['box_iou']['value']:.4f} | " \
              f"{alike['correlation']['value']:.5f} | {alike['rank_correlation']['value']:.5f} | {alike['ssim']['value']:.5f} |"
    pairs, cells = {p["metric"]: p for p in told["pairs"]}, []
    for key, title in ERRORS:
        pair = pairs.get(key)
        if not pair or pair["difference"] is None:
            cells.append("-")
            continue
        cells.append(f"{0 - pair['difference']:+.2f} ({0 - pair['high']:+.2f}, {0 - pair['low']:+.2f})")
        if abs(pair["difference"]) > POINTS:
            missed.append(f"{model}, {method}: {title} changes by {0 - pair['difference']:+.2f} points")
    if shares["same_box"] < BOXES:
        missed.append(f"{model}, {method}: {shares['same_box']:.2f} % of the boxes have IoU above 0.9")
    return changed, f"| {model} | {method} | " + " | ".join(cells) + " |"


def main():
    missed, changed, differences = [], [], []
    jobs = [("jobs/demo/demo.yaml", ["gap", "gmp", "fc"], [])]
    if KIT and "demo" not in sys.argv:
        jobs += [(f"jobs/{job}.yaml", [model], ["--set", f"dataset.images={KIT}/dev/images", "--set",
                                               f"dataset.ground_truth={KIT}/dev/ground_truth.csv", "--set",
                                               f"dataset.synsets={KIT}/dev/LOC_synset_mapping.txt", "--set",
                                               f"models.0.file={KIT}/models/{model}.onnx"]) for job, model in NETWORKS]
    elif "demo" not in sys.argv:
        print("skipped: the kit's networks: CAMRANK_KIT names no folder")
    with tempfile.TemporaryDirectory() as folder:
        for job, models, options in jobs:
            files = [run(folder, job, precision, options) for precision in ("float32", "bfloat16")]
            for model in models:
                for method in METHODS:
                    told = compare(files, model, method)
                    if told:
                        one, other = put(model, method, told, missed)
                        changed.append(one)
                        differences.append(other)
    print(subprocess.run([CAMRANK, "--version"], capture_output=True, text=True).stdout.splitlines()[-1], end="\n\n")
    print("| network | method | images | top-1 flips | top-5 flips | boxes of IoU > 0.9, % | their mean IoU | correlation of maps | of ranks | SSIM |")
    print("|---|---|---|---|---|---|---|---|---|---|", *changed, sep="\n")
    print("\n| network | method | " + " | ".join(title for _, title in ERRORS) + " |")
    print("|---" * (2 + len(ERRORS)) + "|", *differences, sep="\n")
    print("\n" + ("\n".join(f"MISSED: {m}" for m in missed) or "all within the bounds"))
    return 1 if missed or len(changed) < 5 else 0


if __name__ == "__main__":
    sys.exit(main())
