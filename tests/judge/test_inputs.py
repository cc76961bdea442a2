"""Networks whose inputs are others than one colour image, and those of one output for two classes, against
PyTorch."""
import io
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import h5py
    import numpy as np
    import onnx
    from onnx import numpy_helper
    import torch
    from PIL import Image
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

import caffe_writer
from camrank import Checks, Graph, Net, Refused, lib, method_maps

warnings.filterwarnings("ignore")
torch.manual_seed(1)
CAMRANK = os.environ["CAMRANK"]
checks = Checks()
N_IMAGES, N_CLASSES, SIDE = 6, 4, 16


def export(net, inputs, **more):
    file = io.BytesIO()
    names = ["input", "question", "mask", "prior"][:len(inputs)]
    axes = {name: {0: "n"} for name in names[:3] + ["logits"]}
    torch.onnx.export(net.eval(), inputs, file, opset_version=17, input_names=names, output_names=["logits"],
                      dynamic_axes=axes, **more)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def refused(what, reason, make):
    try:
        make()
        checks(what, False, "was taken")
    except Refused as why:
        checks(what, reason in str(why), str(why))


class Asks(nn.Module):
    """What answers questions: words that are looked up, some of them left out, turned to by what is seen."""

    def __init__(self):
        super().__init__()
        self.seen, self.words = nn.Conv2d(3, 8, 3, 2, 1), nn.Embedding(20, 8)
        self.attends, self.last = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, N_CLASSES)

    def forward(self, x, question, mask, prior):
        places = self.seen(x).relu().flatten(2).transpose(1, 2)
        words = self.words(question) * mask[..., None].float()
        found = torch.softmax(places @ words.transpose(1, 2), 2) @ words
        return self.last((places * found).mean(1)) + prior


def images(folder):
    os.makedirs(f"{folder}/img")
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (N_IMAGES, SIDE, SIDE, 3), np.uint8)
    rows = ["image,label,x0,y0,x1,y1"]
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(f"{folder}/img/i{i:02}.png")
        rows.append(f"i{i:02},{i % N_CLASSES},1,1,9,9")
    with open(f"{folder}/gt.csv", "w") as file:
        file.write("\n".join(rows) + "\n")
    with open(f"{folder}/syn.txt", "w") as file:
        file.writelines(f"n{i + 1:08} c{i}\n" for i in range(N_CLASSES))
    return pixels


def run(folder, model, *options, command="run", methods="[grad-cam]", ranks=1):
    """A job of one model, whose keys behind `file` are given; the lines on standard error are the answer's."""
    with open(f"{folder}/j.yaml", "w") as file:
        file.write(f"""name: inputs
dataset: {{layout: csv, images: img, ground_truth: gt.csv, synsets: syn.txt}}
models: [{{name: m, file: m.onnx, {model}}}]
methods: {methods}
protocol: cam-paper
output: o.h5
""")
    start = ["mpirun", "-q", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run([*start, CAMRANK, command, f"{folder}/j.yaml", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    return done.returncode, done.stderr


def compare(what, folder, want):
    """The logits of all classes that the file has with those of PyTorch."""
    with h5py.File(f"{folder}/o.h5") as file:
        model = file["models/m"]
        classes, logits = model["top_class"][:], model["top_logit"][:]
    n = min(classes.shape[1], want.shape[1])
    off = np.abs(logits[:, :n] - np.take_along_axis(want, classes[:, :n], 1)).max() / np.ptp(want)
    checks(what, off < 1e-5, f"logits {off:.1e}")


PLAIN = f"input: {{size: [{SIDE}, {SIDE}], resize: squash, channels: rgb, range: 1, mean: [0, 0, 0], std: [1, 1, 1]}}"


def further_inputs(folder, pixels):
    net = Asks()
    question, mask = torch.tensor([[3, 7, 11, 2, 0]]), torch.tensor([[True, True, True, False, True]])
    prior = torch.randn(N_CLASSES)
    x = torch.rand(2, 3, SIDE, SIDE)
    data = export(net, (x, question.expand(2, 5), mask.expand(2, 5), prior))
    want = net(x, question.expand(2, 5), mask.expand(2, 5), prior).detach().numpy()
    arrays = {"question": npy(question.numpy().astype(np.int32)), "mask": npy(mask.numpy()),
              "prior": npy(prior.double().numpy())}
    off = np.abs(Net(Graph(data, inputs=arrays), 2).forward(x.numpy()) - want).max() / np.ptp(want)
    checks("three further inputs, of other widths than the network's", off < 1e-5, f"logits {off:.1e}")
    turned = npy(np.asfortranarray(np.tile(prior.numpy()[None], (1, 1)).T)[:, 0].astype(">f4"))
    off = np.abs(Net(Graph(data, inputs={**arrays, "prior": turned}), 2).forward(x.numpy()) - want).max()
    checks("the same in the other byte order", off < 1e-5 * np.ptp(want))

    for what, reason, name, array in [
            ("integers that float32 does not have", "integers are of 24 bits", "question",
             np.full((2, 5), 2**24 + 1)),
            ("too long", "for all images, (1, 5)", "mask", np.zeros((1, 6), bool)),
            ("no axis of images", "for all images, (1, 5)", "question", np.zeros(5, np.int64)),
            ("real numbers for words", "holds real numbers, the model wants int64", "question", np.zeros((1, 5))),
            ("integers for a mask", "holds integers, the model wants boolean", "mask", np.zeros((1, 5), int)),
            ("booleans for real numbers", "holds booleans, the model wants float32", "prior", np.zeros(4, bool)),
            ("no such input", "has no input ask that could be given; its inputs: input, question, mask, prior",
             "ask", np.zeros(4)),
            ("what is the image", "has no input", "input", np.zeros((1, 3, SIDE, SIDE)))]:
        refused(what, reason, lambda: Graph(data, inputs={**arrays, name: npy(array)}))
    refused("cut short", "bytes of values, must be",
            lambda: Graph(data, inputs={**arrays, "prior": arrays["prior"][:-1]}))
    refused("one is not given", "has several inputs (input, prior)",
            lambda: Graph(data, inputs={k: v for k, v in arrays.items() if k != "prior"}))

    with open(f"{folder}/m.onnx", "wb") as file:
        file.write(data)
    for name, array in arrays.items():
        with open(f"{folder}/{name}.npy", "wb") as file:
            file.write(array)
    given = "inputs: {question: question.npy, mask: mask.npy, prior: prior.npy}"
    code, said = run(folder, f"{given}, {PLAIN}", "--force")
    checks("a run", code == 0, said)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    want = net(x, question.expand(N_IMAGES, 5), mask.expand(N_IMAGES, 5), prior).detach().numpy()
    compare("its logits", folder, want)
    code, said = run(folder, f"{given}, {PLAIN}", "--resume")
    checks("it is resumed", code == 0, said)
    with open(f"{folder}/prior.npy", "wb") as file:
        file.write(npy(prior.numpy() + 1))
    code, said = run(folder, f"{given}, {PLAIN}", "--resume")
    checks("not with another array", code == 3 and "sha256" in said, said)
    code, said = run(folder, f"inputs: {{question: question.npy, mask: [1, 2]}}, {PLAIN}", "--force")
    checks("a list for a file", code == 3 and "mask must be the path of a .npy file" in said, said)
    code, said = run(folder, f"inputs: question.npy, {PLAIN}", "--force")
    checks("a file for the mapping", code == 3 and "must be a mapping of names of inputs" in said, said)
    code, said = run(folder, f"{given}, {PLAIN}", "--force", "--set", "models.0.inputs.prior=none.npy")
    checks("a file that is not there", code == 3 and "none.npy" in said, said)
    options = [f"--inputs={name}={folder}/{name}.npy" for name in arrays]
    for command in (["inspect", "--layers"], ["explain", f"{folder}/img/i00.png", "-o", f"{folder}/explained"],
                    ["init", "-o", f"{folder}/init.yaml", "--images", f"{folder}/img", "--ground-truth",
                     f"{folder}/gt.csv", "--synsets", f"{folder}/syn.txt"]):
        done = subprocess.run([CAMRANK, command[0], f"{folder}/m.onnx", *command[1:], *options], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        checks(f"{command[0]} --inputs", done.returncode == 0, done.stderr)
    done = subprocess.run([CAMRANK, "inspect", f"{folder}/m.onnx", "--inputs", "prior"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    checks("--inputs without a file", done.returncode == 2 and "must be NAME=FILE.npy" in done.stderr, done.stderr)


def rows_of(folder, variants=("grad-cam", "score-cam")):
    """What the file has of each image: logits, maps and a metric that asks the network again."""
    with h5py.File(f"{folder}/o.h5") as file:
        model = file["models/m"]
        order = np.argsort(model["top_class"][:][:, :N_CLASSES], 1)
        found = [np.take_along_axis(model["top_logit"][:][:, :N_CLASSES], order, 1)]
        for variant in variants:
            found += [model[variant]["maps"][:][:, -1], model[variant]["deletion"]["auc"][:]]
        return found, [reason.decode() for reason in model["reason"][:]]


def rows_of_images(folder, pixels):
    """An array with a row for each image: its images are those of jobs that give each row to all."""
    torch.manual_seed(4)
    net = Asks()
    question = torch.randint(0, 20, (N_IMAGES, 5))
    mask, prior = torch.rand(N_IMAGES, 5) < .7, torch.randn(N_CLASSES)
    mask[:, 0] = True
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    data = export(net, (x[:2], question[:2], mask[:2], prior))

    def put(**arrays):
        for name, array in arrays.items():
            np.save(f"{folder}/{name}.npy", array)

    with open(f"{folder}/m.onnx", "wb") as file:
        file.write(data)
    put(question=question.numpy(), mask=mask.numpy(), prior=prior.numpy())
    given = f"inputs: {{question: question.npy, mask: mask.npy, prior: prior.npy}}, {PLAIN}"
    both = "[grad-cam, score-cam]\nmetrics: [localization, deletion]"
    code, said = run(folder, given, "--force", methods=both)
    checks("a row for each image: a run", code == 0, said)
    compare("a row for each image: logits", folder, net(x, question, mask, prior).detach().numpy())
    whole, _ = rows_of(folder)
    for ranks, batch in ((3, 16), (2, 4)):
        code, said = run(folder, given, "--force", "--set", f"batch={batch}", methods=both, ranks=ranks)
        same = [np.array_equal(a, b) for a, b in zip(whole, rows_of(folder)[0])]
        checks(f"the same bits at {ranks} ranks, {batch} images at a time", code == 0 and all(same), said)
    code, said = run(folder, given, "--force", methods="[grad-cam]\nmetrics: [localization, deletion]")
    code, said = run(folder, given, "--resume", methods=both)
    same = [np.array_equal(a, b) for a, b in zip(whole, rows_of(folder)[0])]
    checks("the same bits where a method is added", code == 0 and all(same), said)
    for i in (1, 4):
        put(question=question[i:i + 1].numpy(), mask=mask[i:i + 1].numpy())
        run(folder, given, "--force", methods=both)
        off = [np.abs(a[i] - b[i]).max() / np.abs(a[i]).max() for a, b in zip(whole, rows_of(folder)[0])]
        checks(f"image {i} with its row given to all", max(off) < 1e-4, " ".join(f"{o:.1e}" for o in off))

    question[2, 1] = 20
    put(question=question.numpy(), mask=mask.numpy())
    run(folder, given, "--force", methods=both)
    odd, reasons = rows_of(folder)
    rest = np.arange(N_IMAGES) != 2
    same = [np.array_equal(a[rest], b[rest]) for a, b in zip(whole, odd)]
    checks("a word that there is not: its image alone fails",
           [bool(r) for r in reasons] == list(~rest) and "not finite" in reasons[2] and all(same), reasons[2])
    refused("two numbers of rows", "mask.npy has 3 rows, but question.npy has 6",
            lambda: Graph(data, inputs={"question": npy(question.numpy()), "mask": npy(mask[:3].numpy()),
                                        "prior": npy(prior.numpy())}))
    words = nn.Sequential()
    words.seen, words.words = nn.Conv2d(3, 8, 1), nn.Embedding(700, 8)
    words.forward = lambda x, question: words.seen(x).mean((2, 3)) * words.words(question).sum(1)
    asked = np.arange(650, 690, dtype=np.int64).reshape(8, 5)
    graph = Graph(export(words, (x[:2], torch.zeros(2, 5, dtype=torch.int64))), inputs={"question": npy(asked)})
    lib.cr_graph_use_precision(graph.handle, 1)
    net = Net(graph, 2)
    for image in 0, 1:
        lib.cr_net_set_row(net.handle, image, 6 + image)
    want = words(x[:2], torch.from_numpy(asked[6:])).detach().numpy()
    off = np.abs(net.forward(x[:2].numpy()) - want).max() / np.ptp(want)
    checks("numbers of words in bfloat16", off < .02, f"logits {off:.1e}")
    put(question=question[:4].numpy(), mask=mask[:4].numpy())
    code, said = run(folder, given, "--force")
    checks("rows for other images", code == 3 and "question.npy: has 4 rows, but the set has 6 images" in said and
           len(said.splitlines()) == 1, said)
    options = [f"--inputs={name}={folder}/{name}.npy" for name in ("question", "mask", "prior")]
    done = subprocess.run([CAMRANK, "explain", f"{folder}/m.onnx", f"{folder}/img/i00.png", "--force", "-o",
                           f"{folder}/explained", *options], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    checks("explain has no set", done.returncode == 3 and "a row for each image of a set" in done.stderr, done.stderr)


def mean_files(folder, pixels):
    """A mean image as Caffe writes it stands for its channels' means, as Caffe's Python Classifier takes them."""
    torch.manual_seed(5)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, N_CLASSES))
    with open(f"{folder}/m.onnx", "wb") as file:
        file.write(export(net, (torch.zeros(1, 3, SIDE, SIDE),)))
    image = np.random.default_rng(6).uniform(0, 255, (1, 3, 20, 24)).astype("f4")
    mean = image[0].mean((1, 2), dtype="f8")
    x = pixels[..., ::-1].transpose(0, 3, 1, 2) - mean.astype("f4")[:, None, None]
    want = net(torch.from_numpy(x.astype("f4"))).detach().numpy()
    of = (f"input: {{size: [{SIDE}, {SIDE}], resize: squash, channels: bgr, range: 255, std: [1, 1, 1], "
          "mean_file: mean.binaryproto}")
    said_of = []
    for kind in ({"legacy": True}, {}, {"double": True}, {"packed": False}):
        with open(f"{folder}/mean.binaryproto", "wb") as file:
            file.write(caffe_writer.blob_bytes(image, **kind))
        code, said = run(folder, of, "--force", ranks=2)
        compare(f"a mean image {kind}", folder, want)
        with h5py.File(f"{folder}/o.h5") as file:
            said_of.append(file["models/m"].attrs["input"])
    checks("the file says the same means", len(set(said_of)) == 1 and f"mean {mean[0]:.3f}"[:9] in said_of[0].decode(),
           said_of[0].decode())
    code, said = run(folder, of.replace("mean_file: mean.binaryproto", f"mean: {mean.tolist()}"), "--resume")
    checks("the same job with numbers goes on", code == 0, said)
    done = subprocess.run([CAMRANK, "explain", f"{folder}/m.onnx", f"{folder}/img/i00.png", "--force", "-o",
                           f"{folder}/explained", "--input", of[7:].replace("mean.b", f"{folder}/mean.b")], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    checks("explain with a mean image", done.returncode == 0, done.stderr)
    code, said = run(folder, of[:-1] + ", mean: 3}", "--force")
    checks("a mean and a file", code == 3 and 'mean_file: is given beside "mean"' in said, said)
    for what, data, why in (("cut short", caffe_writer.blob_bytes(image)[:-7], "is no mean image of Caffe, or is damaged"),
                            ("of one channel", caffe_writer.blob_bytes(image[:, :1]),
                             "is the mean of 1 channels, the input has 3"),
                            ("a network's weights", caffe_writer.alexnet(67, 5, gap=True).model(), "is no mean image"),
                            ("of two images", caffe_writer.blob_bytes(np.concatenate([image, image])),
                             "is no mean image of Caffe, of one [1, C, H, W]"),
                            ("with a pixel that is no number", caffe_writer.blob_bytes(image * np.nan), "has a pixel that is not finite"),
                            ("empty", b"", "is no mean image of Caffe")):
        with open(f"{folder}/mean.binaryproto", "wb") as file:
            file.write(data)
        code, said = run(folder, of, "--force")
        checks(f"a mean image {what}", code == 3 and f"{folder}/mean.binaryproto: {why}" in said and
               len(said.splitlines()) == 1, said)


class Grey(nn.Module):
    """Of the first of n channels."""

    def __init__(self, n_channels=1):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.last = nn.Conv2d(1, 6, 3, 2, 1), nn.Linear(6, N_CLASSES)
        if n_channels > 1:
            weight = torch.zeros(6, n_channels, 3, 3)
            weight[:, :1] = self.first.weight.detach()
            self.first = nn.Conv2d(n_channels, 6, 3, 2, 1)
            self.first.weight.data, self.first.bias.data = weight, Grey().first.bias.data

    def forward(self, x):
        return self.last(self.first(x).relu().mean((2, 3)))


def pixels_of(path, mode, mean, std):
    image = Image.open(path).convert(mode).resize((SIDE, SIDE), Image.BILINEAR)
    pixels = torch.from_numpy(np.asarray(image).reshape(SIDE, SIDE, -1).copy()).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(mean).reshape(-1, 1, 1)) / torch.tensor(std).reshape(-1, 1, 1)


def other_channels(folder):
    """Pictures in colour, of other sizes than the network's input, as JPEG and PNG, as Pillow converts them."""
    rng = np.random.default_rng(2)
    for i in range(N_IMAGES):
        small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture = small.resize((31 + i, 23), Image.BICUBIC)
        if i == 4:
            picture = picture.convert("P")
        if i == 5:
            picture = picture.convert("L")
        picture.save(f"{folder}/img/i{i:02}.png", "PNG" if i % 2 else "JPEG") if i != 4 else \
            picture.save(f"{folder}/img/i{i:02}.png")
    paths = [f"{folder}/img/i{i:02}.png" for i in range(N_IMAGES)]
    for mode, channels, mean, std in (("L", "grey", [.4], [.3]),
                                      ("RGBA", "rgba", [.4, .5, .6, .7], [.1, .2, .3, .4])):
        net = Grey() if mode == "L" else nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                                                       nn.Flatten(), nn.Linear(6, N_CLASSES))
        with open(f"{folder}/m.onnx", "wb") as file:
            file.write(export(net, (torch.zeros(1, len(mean), SIDE, SIDE),)))
        x = torch.stack([pixels_of(path, mode, mean, std) for path in paths])
        of = f"input: {{size: [{SIDE}, {SIDE}], resize: squash, channels: {channels}, range: 1, mean: %s, std: %s}}"
        code, said = run(folder, of % (mean, std), "--force", methods="[cam, grad-cam, saliency, occlusion, rise]")
        checks(f"a run of {channels}", code == 0 and not said.count("fail"), said)
        compare(f"logits of {channels}", folder, net(x).detach().numpy())
        if mode == "L":
            run(folder, of % (.4, .3), "--force")
            compare("mean and std as one number", folder, net(x).detach().numpy())
            with h5py.File(f"{folder}/o.h5") as file:
                text = file["models/m"].attrs["input"]
            checks("what the file says of it", b"grey, range 1, mean 0.4, std 0.3" in text, text.decode())
            code, said = run(folder, PLAIN, "--force")
            checks("colour for grey", code == 3 and "give the input with channels: grey" in said, said)
            code, said = run(folder, "input: {preset: torchvision, channels: grey}", "--force")
            checks("a preset's colours for grey", code == 3 and "mean: is missing" in said, said)
        code, said = run(folder, of % ([1, 2], std), "--force")
        checks(f"two numbers for {channels}", code == 3 and "must be one number" in said, said)
        for command in (["explain", paths[0], "-o", f"{folder}/explained", "--method", "saliency", "--force"],
                        ["init", "--force", "-o", f"{folder}/init.yaml", "--images", f"{folder}/img",
                         "--ground-truth", f"{folder}/gt.csv", "--synsets", f"{folder}/syn.txt"]):
            done = subprocess.run([CAMRANK, command[0], f"{folder}/m.onnx", *command[1:]], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            checks(f"{command[0]} of {channels}", done.returncode == 0, done.stderr)
    transparent = Image.open(paths[1]).convert("RGBA")
    transparent.putpixel((3, 3), (1, 2, 3, 4))
    transparent.save(paths[1])
    code, said = run(folder, of % (mean, std), "--force")
    with h5py.File(f"{folder}/o.h5") as file:
        reason = file["models/m/reason"][1].decode()
    checks("a transparent image fails", code == 0 and reason.startswith("img/i01.png: has transparent pixels") or
           reason.startswith("i01.png: has transparent pixels"), reason)


def pixel_methods():
    """A network of three or four channels that sees the first alone has the maps of that of one."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (2, 1, SIDE, SIDE)).astype("f4")
    one = Graph(export(Grey(), (torch.zeros(1, 1, SIDE, SIDE),)))
    for n in 3, 4:
        more = np.concatenate([x, np.zeros((2, n - 1, SIDE, SIDE), "f4")], 1)
        other = Graph(export(Grey(n), (torch.zeros(1, n, SIDE, SIDE),)))
        for method, parameters in {
                "saliency": {}, "input-x-gradient": {}, "guided-backprop": {}, "integrated-gradients": {"channels": "sum"},
                "occlusion": {"window": 5, "stride": 3}, "rise": {"masks": 200}, "score-cam": {}, "ablation-cam": {},
                "grad-cam": {}}.items():
            got, want = [method_maps(graph, inputs, [[0, 2], [1, 3]], method, **parameters)[0]
                         for graph, inputs in ((one, x), (other, more))]
            off = np.abs(got - want).max() / np.abs(want).max()
            checks(f"{method} of one channel and of {n}", off < 1e-4, f"{off:.1e}")
    (torch_x := torch.from_numpy(x)).requires_grad_()
    Grey()(torch_x)[:, 1].sum().backward()
    got = method_maps(one, x, [[1], [1]], "saliency")[0][:, 0]
    checks("saliency of one channel", np.allclose(got, torch_x.grad.abs().numpy()[:, 0], 1e-4, 1e-7))


class Two(nn.Module):
    """Of one logit, as BCEWithLogitsLoss wants it."""

    def __init__(self, end, sigmoid):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.last = nn.Conv2d(3, 6, 3, 2, 1), nn.Linear(6, 1)
        self.end, self.sigmoid = end, sigmoid

    def logit(self, x):
        self.map = self.first(x).relu()
        self.map.retain_grad() if self.map.requires_grad else None
        return self.last(self.map.mean((2, 3)))

    def forward(self, x):
        z = self.logit(x)
        return self.end(torch.sigmoid(z) if self.sigmoid else z)


def two_classes(folder, pixels):
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    with open(f"{folder}/syn.txt", "w") as file:
        file.write("n1 no\nn2 yes\n")
    with open(f"{folder}/gt.csv", "w") as file:
        file.write("image,label\n" + "".join(f"i{i:02},{i % 2}\n" for i in range(N_IMAGES)))
    for what, end, sigmoid in (("[N, 1]", lambda z: z, False), ("[N, 1] behind a sigmoid", lambda z: z, True),
                               ("[N]", lambda z: z.squeeze(1), False), ("[N, 1, 1]", lambda z: z[..., None], True)):
        net = Two(end, sigmoid)
        data = export(net, (x,))
        graph = Graph(data)
        layer = next(i.value for i in graph.layers() if i.op == b"Relu")
        ours = Net(graph, N_IMAGES, [(layer, True)], n_back=2)
        got, z = ours.forward(x.numpy()), net.logit(x)
        z.sum().backward()
        off = np.abs(got - z.detach().numpy() * [-.5, .5]).max() / np.ptp(z.detach().numpy())
        checks(f"one output {what}: -x/2 and x/2", off < 1e-5 and graph.n_classes == 2, f"{off:.1e}")
        chance = np.exp(got[:, 1]) / np.exp(got).sum(1)
        off = np.abs(chance - torch.sigmoid(z)[:, 0].detach().numpy()).max()
        checks(f"one output {what}: the softmax is the sigmoid", off < 1e-6, f"{off:.1e}")
        ours.backward(0, [[0, 1]] * ours.backward_images())
        n = ours.backward_images()
        slopes, want = ours.gradients(0, n), net.map.grad.numpy()[:n] / 2
        off = max(np.abs(slopes[:, 1] - want).max(), np.abs(slopes[:, 0] + want).max()) / np.abs(want).max()
        checks(f"one output {what}: gradients of both classes", off < 1e-5, f"{off:.1e}")
        maps, _ = method_maps(graph, x.numpy(), [[0, 1]] * N_IMAGES, "cam", relu=False)
        want = np.einsum("c,nchw->nhw", net.last.weight[0].detach().numpy(), net.map.detach().numpy()) / 2
        off = max(np.abs(maps[:, 1] - want).max(), np.abs(maps[:, 0] + want).max()) / np.abs(want).max()
        checks(f"one output {what}: CAM of both classes", off < 1e-5, f"{off:.1e}")
        with open(f"{folder}/m.onnx", "wb") as file:
            file.write(data)
        code, said = run(folder, PLAIN, "--force")
        checks(f"one output {what}: a run says it once", code == 0 and said.count("stands for two classes") == 1 and
               said.count("before Sigmoid") == sigmoid, said)
        done = subprocess.run([CAMRANK, "explain", f"{folder}/m.onnx", f"{folder}/img/i00.png", "--force", "-o",
                               f"{folder}/explained", "--input", PLAIN[7:]],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        p = 100 * float(torch.sigmoid(z)[0])
        checks(f"one output {what}: probabilities", f"{max(p, 100 - p):.2f} %" in done.stdout and
               done.stderr.count("stands for two classes") == 1, done.stdout + done.stderr)
    with open(f"{folder}/syn.txt", "a") as file:
        file.write("n3 perhaps\n")
    code, said = run(folder, PLAIN, "--force")
    checks("one output and three classes", code == 3 and "has one output, which stands for two classes" in said, said)


def half_weights(folder, pixels):
    """Weights of other types than float32 are said."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    net = Two(lambda z: z, False)
    model = onnx.load_from_string(export(net, (x,)))
    for kind, name, of in ((np.float16, "float16", onnx.TensorProto.FLOAT16), (np.float64, "float64", onnx.TensorProto.DOUBLE)):
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor).astype(kind)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        model.graph.input[0].type.tensor_type.elem_type = of
        with open(f"{folder}/m.onnx", "wb") as file:
            file.write(model.SerializeToString())
        with open(f"{folder}/syn.txt", "w") as file:
            file.write("n1 no\nn2 yes\n")
        code, said = run(folder, PLAIN, "--force")
        checks(f"weights in {name} are said once", code == 0 and said.count(f"its weights are {name}, and") == 1, said)


pixel_methods()
with tempfile.TemporaryDirectory() as work:
    pictures = images(work)
    further_inputs(work, pictures)
    rows_of_images(work, pictures)
    mean_files(work, pictures)
    other_channels(work)
with tempfile.TemporaryDirectory() as work:
    two_classes(work, images(work))
    half_weights(work, images(f"{work}/more"))
checks.done()
