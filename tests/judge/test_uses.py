"""Grad-CAM's two further uses, a word of a caption and an answer to a question, and a regression, beside autograd:
scores that are no classes of the images, whose names stand in the place of classes."""
import io
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import h5py
    import numpy as np
    import torch
    from PIL import Image
    from torch import nn
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks

warnings.filterwarnings("ignore")
torch.manual_seed(3)
CAMRANK = os.environ["CAMRANK"]
checks = Checks()
N_IMAGES, SIDE, WORDS, ANSWERS = 3, 24, 13, 7


def seen():
    return nn.Sequential(nn.Conv2d(3, 10, 3, 2, 1), nn.ReLU(), nn.Conv2d(10, 12, 3, 1, 1), nn.ReLU())


class Caption(nn.Module):
    """The next word of a caption: what was written turns to places, and both say what comes (Xu et al. 2015)."""

    def __init__(self):
        super().__init__()
        self.seen, self.words = seen(), nn.Embedding(WORDS, 12)
        self.turns, self.says = nn.Linear(12, 12), nn.Linear(24, WORDS)

    def forward(self, x, written):
        places = self.seen(x).flatten(2).transpose(1, 2)
        state = torch.tanh(self.words(written).mean(1))
        weights = torch.softmax((places * self.turns(state)[:, None]).sum(2), 1)
        context = (weights[..., None] * places).sum(1)
        return self.says(torch.cat([context, state + torch.tanh(context)], 1))


class Answer(nn.Module):
    """An answer to a question: what is seen times what is asked (Lu et al. 2015, which the paper explains)."""

    def __init__(self):
        super().__init__()
        self.seen, self.words = seen(), nn.Embedding(WORDS, 16)
        self.image, self.question, self.last = nn.Linear(12 * 144, 20), nn.Linear(16, 20), nn.Linear(20, ANSWERS)

    def forward(self, x, question):
        asked = torch.tanh(self.question(self.words(question).sum(1)))
        return self.last(torch.tanh(self.image(self.seen(x).flatten(1))) * asked)


class Regression(nn.Module):
    """One number: an age, a count."""

    def __init__(self):
        super().__init__()
        self.seen, self.last = seen(), nn.Linear(12 * 144, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.seen(x)).flatten(1))


class Halves(nn.Module):
    """The two scores for which one output stands."""

    def __init__(self, net):
        super().__init__()
        self.net, self.seen = net, net.seen

    def forward(self, x):
        half = self.net(x) / 2
        return torch.cat([-half, half], 1)


def export(net, inputs, names, path):
    axes = {name: {0: "n"} for name in [*names, "scores"]}
    torch.onnx.export(net.eval(), inputs, path, opset_version=17, input_names=names, output_names=["scores"],
                      dynamic_axes=axes)


def grad_cam(net, inputs, index):
    """By autograd, before the ReLU: of `index` of each image's scores, or of the largest."""
    kept = []
    handle = net.seen.register_forward_hook(lambda *call: kept.append(call[2]))
    scores = net(*inputs)
    handle.remove()
    chosen = scores.argmax(1) if index is None else torch.full((len(scores),), index)
    gradient, = torch.autograd.grad(scores.gather(1, chosen[:, None]).sum(), kept[0])
    return scores.detach().numpy(), (gradient.mean((2, 3), True) * kept[0]).sum(1).detach().numpy()


def judge(what, net, given, n_scores, index):
    of_scores = Halves(net) if isinstance(net, Regression) else net
    names = ["input", *given]
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (N_IMAGES, SIDE, SIDE, 3), np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    rows = [torch.from_numpy(array).expand(N_IMAGES, -1) for array in given.values()]
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/img")
        for i, picture in enumerate(pixels):
            Image.fromarray(picture).save(f"{folder}/img/i{i}.png")
        with open(f"{folder}/names.txt", "w") as file:
            file.writelines(f"n{i:08} score {i}\n" for i in range(n_scores))
        with open(f"{folder}/index.csv", "w") as file:
            file.write("image,label\n" + "".join(f"i{i},{index}\n" for i in range(N_IMAGES)))
        for name, array in given.items():
            np.save(f"{folder}/{name}.npy", array)
        export(net, (x, *rows), names, f"{folder}/m.onnx")
        arrays = "inputs: {" + ", ".join(f"{name}: {name}.npy" for name in given) + "}, " if given else ""
        with open(f"{folder}/j.yaml", "w") as file:
            file.write(f"""name: uses
dataset: {{layout: csv, images: img, ground_truth: index.csv, synsets: names.txt}}
models: [{{name: m, file: m.onnx, {arrays}input: {{size: [{SIDE}, {SIDE}], resize: squash, channels: rgb, range: 1,
          mean: [0, 0, 0], std: [1, 1, 1]}}}}]
methods: [{{name: grad-cam, layer: /seen/seen.3/Relu_output_0, relu: false, as: raw}}]
protocol: cam-paper
output: o.h5
""")
        done = subprocess.run([CAMRANK, "run", f"{folder}/j.yaml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=300)
        checks(f"{what}: a run", done.returncode == 0, done.stderr)
        if done.returncode:
            return
        with h5py.File(f"{folder}/o.h5") as file:
            maps, top = file["models/m/raw/maps"][:], file["models/m/top_class"][:, 0]
            truth = file["models/m/truth_logit"][:]
    for kind, slot, at in (("the largest", 0, None), (f"number {index}", 5, index)):
        scores, want = grad_cam(of_scores, (x, *rows), at)
        off = (abs(maps[:, slot] - want).max((1, 2)) / abs(want).max((1, 2))).max()
        checks(f"{what}: {kind} of {n_scores} scores, its map by autograd", off < 2e-5, f"{off:.1e}")
    checks(f"{what}: the scores", (top == scores.argmax(1)).all() and
           abs(truth - scores[:, index]).max() < 1e-5 * max(np.ptp(scores), 1), f"{truth} {scores[:, index]}")


judge("a word of a caption", Caption(), {"written": np.array([[4, 1, 9]])}, WORDS, 5)
judge("an answer to a question", Answer(), {"question": np.array([[2, 8, 3, 11, 0]])}, ANSWERS, 4)
judge("a regression", Regression(), {}, 2, 1)
checks.done()
