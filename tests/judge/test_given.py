"""What a job gives beside its images: segmentations (`dataset.segments`) and images to compare with
(`dataset.baselines`), in files of every kind, against Pillow's nearest pixels and the methods' own maps of
these; and what is refused."""
import io
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import torch
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import hashlib

import numpy as np

from camrank import Checks, Explainer, Graph, lib, method_spec

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
SHORT, SIDE, MEAN, STD = 40, 33, .5, .25
SIZES = [(60, 45), (44, 70), (40, 40), (64, 41), (50, 80)]
checks = Checks()


def write_network(path):
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, padding=1, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(6, 9, 3, padding=1),
        torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(9 * ((SIDE + 1) // 2) ** 2, 4)).eval()
    out = io.BytesIO()
    torch.onnx.export(model, torch.zeros(1, 3, SIDE, SIDE), out, opset_version=13, input_names=["x"])
    with open(path, "wb") as file:
        file.write(out.getvalue())
    return Graph(out.getvalue(), "small")


def seen(image, filter):
    """As torchvision's Resize and CenterCrop."""
    width, height = image.size
    size = (SHORT, int(SHORT * height / width)) if width < height else (int(SHORT * width / height), SHORT)
    left, top = (round((n - SIDE) / 2) for n in size)
    return np.asarray(image.resize(size, filter).crop((left, top, left + SIDE, top + SIDE)))


def input_of(image):
    return ((seen(image, Image.BILINEAR) / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)


def numbered(labels):
    """From 0, in the order of first pixels."""
    names = list(dict.fromkeys(labels.ravel().tolist()))
    return np.vectorize(names.index)(labels)


def write_segments(folder, i, labels):
    """Each in another form; the last is as large as the network's input."""
    path = os.path.join(folder, f"image{i}")
    if i == 0:
        Image.fromarray(labels.astype(np.uint8)).save(path + ".png")
    elif i == 1:
        Image.fromarray((labels * 3000 + 256).astype(np.uint16)).save(path + ".png")
    elif i == 2:
        Image.fromarray(np.stack([labels, 0 * labels + 7, labels % 3], 2).astype(np.uint8)).save(path + ".png")
    elif i == 3:
        np.save(path + ".npy", np.asfortranarray(labels.astype(">i8") - 4))
    else:
        image = Image.fromarray(labels.astype(np.uint8), mode="P")
        image.putpalette([5] * 768)  # colours that do not tell them apart
        image.save(path + ".png")


def make(folder):
    random = np.random.default_rng(5)
    images, segments, baselines = (os.path.join(folder, name) for name in ("images", "segments", "baselines"))
    for path in images, segments, os.path.join(baselines, "more"):
        os.makedirs(path)
    inputs, given = [], []
    for i, (width, height) in enumerate(SIZES):
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        image.save(os.path.join(images, f"image{i}.png"))
        inputs.append(input_of(image))
        shape = (SIDE, SIDE) if i == 4 else (height, width)
        y, x = np.mgrid[:shape[0], :shape[1]]
        labels = (y * 5 // shape[0]) * 6 + x * (3 + i) // shape[1]
        write_segments(segments, i, labels)
        cut = labels if i == 4 else seen(Image.fromarray(labels.astype(np.uint8)), Image.NEAREST)
        given.append(numbered(cut))
    others = []
    for name in ("z.png", "b.png", "more/a.png", "c.png"):
        image = Image.fromarray(random.integers(0, 256, (50, 45, 3), dtype=np.uint8))
        image.save(os.path.join(baselines, name))
        others.append((name, input_of(image)))
    with open(os.path.join(folder, "synsets"), "w") as file:
        file.writelines(f"n{i:08} class {i}\n" for i in range(4))
    return np.array(inputs), np.array(given), np.array([x for _, x in sorted(others)])


METHODS = [("lime", dict(segments="given", samples=40)),
           ("kernel-shap", dict(segments="given", samples=40, score="logit")),
           ("expected-gradients", dict(baselines="images", samples=12)),
           ("gradient-shap", dict(baselines="images", samples=12, seed=3))]


def write_job(folder, metrics=""):
    methods = ", ".join("{name: %s, as: row%d, %s}" % (name, i, ", ".join(f"{k}: {v}" for k, v in form.items()))
                        for i, (name, form) in enumerate(METHODS))
    with open(os.path.join(folder, "job.yaml"), "w") as file:
        file.write(f"""name: given
dataset: {{layout: none, images: images, synsets: synsets, segments: segments, baselines: baselines}}
models:
- name: small
  file: small.onnx
  input: {{size: [{SIDE}, {SIDE}], resize: short-side, short_side: {SHORT}, channels: rgb, range: 1, mean: {MEAN}, std: {STD}}}
methods: [{methods}]
protocol: cam-paper
heatmaps: {{classes: all}}
batch: 2
output: out.h5
{metrics}
""")


def run(folder, ranks, *sets):
    launcher = ["mpirun", "-q", "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, CAMRANK, "run", os.path.join(folder, "job.yaml"), "-o",
               os.path.join(folder, f"out{ranks}.h5"), "--force"]
    for one in sets:
        command += ["--set", one]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def judge_maps(folder, graph, inputs, given, baselines):
    specs = [method_spec(name, **form) for name, form in METHODS]
    explainer = Explainer(graph, specs, len(inputs), 5)
    explainer.use_segments(given)
    explainer.use_baselines(baselines)
    done = run(folder, 2)
    checks("a job with both runs", done.returncode == 0, done.stderr if done.returncode else "")
    with h5py.File(os.path.join(folder, "out2.h5")) as file:
        model = file["models/small"]
        top = model["top_class"][:, :4]
        explainer.net.forward(inputs)
        seeds = [int(hashlib.sha256(f"image{i}".encode()).hexdigest()[:16], 16) for i in range(len(inputs))]
        wanted = explainer.maps(np.concatenate([top, top[:, :1]], 1), seeds=seeds)
        for i, (name, _) in enumerate(METHODS):
            got, want = model[f"row{i}/maps"][:, :4], wanted[i][:, :4, 0]
            off = np.abs(got - want).max() / np.abs(want).max()
            checks(f"{name}: maps of a run are those of what is given", got.shape == want.shape and off < 1e-5,
                   f"{off:.1e}")
        alone = run(folder, 1)
        with h5py.File(os.path.join(folder, "out1.h5")) as other:
            same = all(np.array_equal(model[f"row{i}/maps"], other[f"models/small/row{i}/maps"], equal_nan=True)
                       for i in range(len(METHODS)))
            checks("one rank gives the same bits", alone.returncode == 0 and same)


def refused(folder, what, text, *sets):
    done = run(folder, 1, *sets)
    lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("camrank: job given, ")]
    checks(f"refused: {what}", done.returncode in (2, 3) and len(lines) == 1 and text in lines[0],
           f"exit {done.returncode}: {done.stderr.strip()}")


def judge_resumed(folder):
    """What was given must be given again."""
    def resumes(*sets):
        command = [CAMRANK, "run", os.path.join(folder, "job.yaml"), "-o", os.path.join(folder, "out1.h5"), "--resume"]
        for one in sets:
            command += ["--set", one]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    checks("the same resumes", resumes().returncode == 0)
    os.symlink("segments", os.path.join(folder, "others"))
    done = resumes(f"dataset.segments={folder}/others")
    checks("other segments do not", done.returncode == 3 and "(dataset.segments)" in done.stderr, done.stderr)
    path = os.path.join(folder, "baselines", "z.png")
    with Image.open(path) as image:
        image.transpose(Image.ROTATE_180).save(path)
    done = resumes()
    checks("nor does another baseline", done.returncode == 3 and "(images of dataset.baselines)" in done.stderr, done.stderr)


def judge_refused(folder):
    for left, lacking in (("baselines", 'methods[0]: "segments: given" needs dataset.segments'),
                          ("segments", 'methods[2]: "baselines: images" needs dataset.baselines')):
        paths = ", ".join(f"{name}: {folder}/{name}" for name in ("images", "synsets", left))
        refused(folder, f"a job with {left} alone", lacking, f"dataset={{layout: none, {paths}}}")
    os.makedirs(os.path.join(folder, "empty"))
    refused(folder, "a folder of baselines without an image", "no image file in it", f"dataset.baselines={folder}/empty")
    refused(folder, "a folder that is not there", "no segmentation, ID.png or ID.npy, of 5 images", f"dataset.segments={folder}/nowhere")
    path = os.path.join(folder, "segments", "image3.npy")
    whole = np.load(path)
    for what, array, text in (("numbers that are not whole", whole.astype(float), "must have whole numbers of 32 bits"),
                              ("numbers beyond 32 bits", whole + 2**40, "must have whole numbers of 32 bits"),
                              ("another size", whole[1:], "63 x 40 pixels; must be as large as the image, 64 x 41"),
                              ("three dimensions", whole[None], "3 dimensions, must be 2"),
                              ("too many", np.arange(whole.size).reshape(whole.shape), "more than 1024 segments")):
        np.save(path, array if array.shape != (40, 64) else array[:, :63])
        refused(folder, what, text)
    with open(path, "wb") as file:
        file.write(b"no png")
    refused(folder, "what is no PNG", "image3.npy: damaged PNG")
    os.remove(path)
    refused(folder, "an image without a segmentation", "no segmentation, ID.png or ID.npy, of 1 image: image3")


lib.cr_blas_load(None)
with tempfile.TemporaryDirectory() as folder:
    graph = write_network(os.path.join(folder, "small.onnx"))
    made = make(folder)
    write_job(folder)
    judge_maps(folder, graph, *made)
    judge_resumed(folder)
    judge_refused(folder)
checks.done()
