"""SLIC, LIME and Kernel SHAP: superpixels against the same steps in numpy and against scikit-image's, the
solver against scikit-learn's coefficients as captum has them, and maps against PyTorch's network."""
import ctypes as ct
import itertools
import math
import sys

try:
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import numpy as np
import scipy.ndimage

from camrank import Checks, Explainer, lib, method_spec
from method_formulas import splitmix
from method_peers import networks, why_no_networks
from test_passes import CLASSES, HEIGHT, SEEDS, WIDTH, exported, scores, torch_network

checks = Checks()
lib.cr_superpixels_work.restype = lib.cr_fit_room.restype = ct.c_size_t
lib.cr_fit_ridge.restype = ct.c_bool


# --- superpixels ---------------------------------------------------------------------------------

def superpixels(x, n, compactness):
    height, width, n_channels = x.shape
    x, labels = np.ascontiguousarray(x, np.float32), np.zeros((height, width), np.int32)
    work = np.full(lib.cr_superpixels_work(ct.c_size_t(height * width), n), np.nan)
    found = lib.cr_superpixels(x.ctypes.data_as(ct.c_void_p), height, width, n_channels, n, ct.c_double(compactness),
                               work.ctypes.data_as(ct.c_void_p), labels.ctypes.data_as(ct.c_void_p))
    most = lib.cr_superpixels_most(ct.c_size_t(height * width), n)
    assert labels.min() == 0 and labels.max() == found - 1 and found <= most, (found, most)
    return labels


def slic(x, n, compactness):
    """By the steps of passes.h."""
    height, width, n_channels = x.shape
    x = x.astype(np.float32).astype(np.float64)
    step = math.sqrt(height * width / n)
    c = (x - x.min()) * (100 / np.ptp(x)) if np.ptp(x) else 0 * x
    rows, columns = (max(1, int(side / step + .5)) for side in (height, width))
    centres = []
    for i, j in itertools.product(range(rows), range(columns)):
        y, left = int((i + .5) * height / rows), int((j + .5) * width / columns)
        centres.append([*c[y, left], left, y])
    centres = np.array(centres)
    ys, xs = np.mgrid[:height, :width]
    clusters = np.full((height, width), -1)
    for _ in range(10):
        nearest = np.full((height, width), np.inf)
        for k, (*colour, cx, cy) in enumerate(centres):
            away = compactness ** 2 / step ** 2 * ((xs - cx) ** 2 + (ys - cy) ** 2)
            for i in range(n_channels):
                away = away + (c[..., i] - colour[i]) ** 2
            mine = (abs(xs - cx) <= step) & (abs(ys - cy) <= step) & (away < nearest)
            nearest[mine], clusters[mine] = away[mine], k
        flat = clusters.ravel()
        inside = flat >= 0
        number = np.bincount(flat[inside], minlength=len(centres))
        for i, values in enumerate([*(c[..., i] for i in range(n_channels)), xs, ys]):
            total = np.bincount(flat[inside], values.ravel()[inside], len(centres))
            centres[:, i] = np.where(number, total / np.maximum(number, 1), centres[:, i])
    parts = np.zeros((height, width), int)
    for k in np.unique(clusters):
        of_cluster, count = scipy.ndimage.label(clusters == k)
        parts += np.where(of_cluster, of_cluster + parts.max(), 0)
    labels, n_labels = np.full((height, width), -1), 0
    first = {}
    for at, part in enumerate(parts.ravel()):
        first.setdefault(part, at)
    sizes = np.bincount(parts.ravel())
    for part, at in first.items():
        y, left = divmod(at, width)
        beside = labels[y, left - 1] if left else labels[y - 1, left] if y else -1
        small = sizes[part] < int(height * width / (4 * n)) and beside >= 0
        labels[parts == part] = beside if small else n_labels
        n_labels += not small
    return labels


def blobs(random, height, width, n_channels=3):
    x = scipy.ndimage.gaussian_filter(random.normal(size=(height, width, n_channels)), (3, 3, 0))
    return np.round(x / abs(x).max() * 20) / 7


def judge_slic(random):
    differ = worst = 0
    cases = [(16, 16, 4), (23, 30, 9), (40, 31, 25), (9, 70, 6), (3, 50, 12), (64, 64, 50), (5, 4, 20), (1, 1, 2)]
    for height, width, n in cases:
        for compactness in (.5, 10, 60):
            x = blobs(random, height, width, (1, 3, 4)[width % 3])
            want = slic(x, n, compactness)
            share = (superpixels(x, n, compactness) != want).mean()
            differ += share > 0
            worst = max(worst, share)
    checks("superpixels are those of the same steps in numpy", differ == 0, f"{differ} of {3 * len(cases)} differ, "
           f"at most in {100 * worst:.1f} % of the pixels")
    flat = superpixels(np.ones((30, 40, 3)), 12, 10)
    checks("those of one colour are the cells of a grid", len(np.unique(flat)) == 12 and
           80 < np.bincount(flat.ravel()).min() and np.bincount(flat.ravel()).max() < 125, f"{np.bincount(flat.ravel())}")


def edges(labels):
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    return edge


def recall(labels, of):
    return scipy.ndimage.binary_dilation(edges(labels), np.ones((5, 5)))[edges(of)].mean()


def judge_scikit_image(network):
    """Boundary recall within two pixels of what scikit-image's SLIC finds, beside that of a plain grid."""
    stored = network.golden["lime.segmentation"]
    got, grid = [], []
    for image, want in zip(network.x, stored):
        n = len(np.unique(want))
        got.append(recall(superpixels(np.moveaxis(image, 0, -1), n, 10), want))
        grid.append(recall(superpixels(np.zeros((*want.shape, 3)), n, 10), want))
    checks(f"{network.name}: boundaries of scikit-image's superpixels are found",
           np.mean(got) > np.mean(grid) + .1 and np.mean(got) > .6,
           f"{np.mean(got):.2f} of them, by a grid {np.mean(grid):.2f}")


# --- the solver ----------------------------------------------------------------------------------

def fit(masks, weights, values, ridge):
    """[samples][parts], [samples], [samples][scores]."""
    n, n_scores = masks.shape[1], values.shape[1]
    room, state = np.zeros(lib.cr_fit_room(n, n_scores)), (ct.c_byte * 128)()
    lib.cr_fit_begin(state, n, n_scores, room.ctypes.data_as(ct.c_void_p))
    for mask, weight, value in zip(masks.astype(np.uint8), weights, values.astype(np.float64)):
        mask, value = np.ascontiguousarray(mask), np.ascontiguousarray(value)
        lib.cr_fit_add(state, mask.ctypes.data_as(ct.c_void_p), ct.c_double(weight),
                       value.ctypes.data_as(ct.c_void_p))
    coefficients = np.zeros((n_scores, n))
    assert lib.cr_fit_ridge(state, ct.c_double(ridge), coefficients.ctypes.data_as(ct.c_void_p))
    return coefficients


def judge_captum(network):
    golden = network.golden
    for key, ridge in (("captum.Lime_ridge1@segments", 1), ("captum.Lime_ols@segments", 0)):
        worst = 0
        for image, labels, masks, of, want in zip(network.x, golden["lime.segmentation"], golden["lime.masks"],
                                                  golden["lime.scores"], golden[key]):
            image = image.astype(np.float64)
            n = (~np.isnan(want[0])).sum()
            masks = masks[:, :n]
            squares = np.bincount(labels.ravel(), (image ** 2).sum(0).ravel(), n)
            away = 1 - np.sqrt(masks @ squares / squares.sum())
            got = fit(masks, np.exp(-away ** 2 / 2), of.T, ridge)
            worst = max(worst, (abs(got - want[:, :n]).max(1) / abs(want[:, :n]).max(1)).max())
        checks(f"{network.name}: {key}", worst < 5e-5, f"{worst:.1e}")


# --- maps ----------------------------------------------------------------------------------------

def hidden_by(x, labels, hide, baseline):
    """The input [3][H][W] where all superpixels are hidden."""
    if hide == "baseline":
        return np.full_like(x, baseline)
    n = np.bincount(labels.ravel())
    return np.array([(np.bincount(labels.ravel(), c.ravel()) / n)[labels] for c in x])


def bits(image_seed, seed, k, n):
    key = splitmix(splitmix(image_seed ^ splitmix(seed)) ^ k)
    return [splitmix(key ^ i) for i in range(n + 1)]


def shapley_mask(drawn):
    n = len(drawn) - 1
    weights = np.array([1 / (size * (n - size)) for size in range(1, n)])
    ends = np.cumsum(weights / weights.sum())[:-1]
    left = 1 + int(np.searchsorted(ends, (drawn[-1] >> 11) / 2.**53, "right"))
    mask = np.zeros(n)
    for i in range(n):
        mask[i] = (drawn[i] >> 11) / 2.**53 * (n - i) < left
        left -= int(mask[i])
    return mask


def explained(model, x, classes, image_seed, method, superpixels=50, compactness=10, samples=1000, hide="mean",
              baseline=0, score="probability", seed=0, kernel_width=.25, distance="segments", ridge=1,
              segments="slic", given=None):
    labels = given if segments == "given" else slic(np.moveaxis(x, 0, -1), superpixels, compactness)
    n, x = labels.max() + 1, x.astype(np.float64)
    hidden = hidden_by(x, labels, hide, baseline)
    drawn = [bits(image_seed, seed, k, n) for k in range(samples + 1)]
    if method == "lime":
        masks = np.array([np.ones(n)] + [[b >> 63 for b in d[:n]] for d in drawn[:samples]])
    else:
        masks = np.array([np.ones(n), np.zeros(n)] + [shapley_mask(d) for d in drawn[1:]])
    seen = np.where(masks[:, labels][:, None] > 0, x, hidden)
    with torch.no_grad():
        values = scores(model(torch.tensor(seen)), score)[:, classes].numpy()
    if method == "kernel-shap":
        # The last coefficient is what the others leave of the sum.
        rises = values[2:] - values[1]
        total = values[0] - values[1]
        free, *_ = np.linalg.lstsq(masks[2:, :-1] - masks[2:, -1:], rises - masks[2:, -1:] * total, rcond=None)
        coefficients = np.vstack([free, total - free.sum(0)])
    else:
        a, b = (np.ones((1, n)), masks) if distance == "segments" else (x.reshape(1, -1), seen.reshape(len(seen), -1))
        norms = np.linalg.norm(a) * np.linalg.norm(b, axis=1)
        away = 1 - np.where(norms > 0, (b @ a[0]) / np.maximum(norms, 1e-300), 0)
        root = np.exp(-away ** 2 / (2 * kernel_width ** 2)) ** .5
        design = np.vstack([np.hstack([masks, np.ones((len(masks), 1))]) * root[:, None],
                            np.hstack([ridge ** .5 * np.eye(n), np.zeros((n, 1))])])
        coefficients = np.linalg.lstsq(design, np.vstack([values * root[:, None], np.zeros((n, len(classes)))]),
                                       rcond=None)[0][:n]
    return coefficients.T[:, labels]


FORMS = [("lime", dict(superpixels=9, samples=60)),
         ("lime", dict(superpixels=20, samples=90, hide="baseline", baseline=.3, score="logit", distance="input",
                       kernel_width=1, seed=3, compactness=2)),
         ("lime", dict(superpixels=6, samples=80, ridge=0, score="logit")),
         ("kernel-shap", dict(superpixels=9, samples=80)),
         ("kernel-shap", dict(superpixels=6, samples=50, hide="baseline", score="logit", seed=9)),
         ("lime", dict(samples=90, segments="given")),
         ("kernel-shap", dict(samples=70, segments="given", hide="baseline", score="logit", seed=2))]
# No two are of one number of segments, and none is a superpixel.
GIVEN = np.array([(np.arange(HEIGHT)[:, None] // 5 + np.arange(WIDTH) // 9) % n for n in (5, 7, 2)])


def judge_maps(random):
    model = torch_network()
    graph = exported(model)
    x = np.array([np.moveaxis(blobs(random, HEIGHT, WIDTH), -1, 0) for _ in SEEDS]).astype(np.float32)
    specs = [method_spec(name, relu=False, **form) for name, form in FORMS]
    many = method_spec("kernel-shap", relu=False, superpixels=6, samples=4000, score="logit")
    explainer = Explainer(graph, [*specs, many], len(x), 3)
    explainer.memory[1][:] = 255  # what is used before it is written gives NaN
    explainer.use_segments(GIVEN)
    explainer.net.forward(x)
    *maps, shapley = explainer.maps(CLASSES, seeds=SEEDS)
    for (name, form), got in zip(FORMS, maps):
        worst = 0
        for i, image in enumerate(x):
            want = explained(model, image, CLASSES[i], SEEDS[i], name, given=GIVEN[i], **form)
            worst = max(worst, abs(got[i, :, 0] - want).max() / abs(want).max())
        checks(f"{name} {form}", worst < 1e-4, f"{worst:.1e}")
    judge_shapley(model, x[0], CLASSES[0], shapley[0, :, 0])


def judge_shapley(model, x, classes, got):
    """Shapley's values by their definition: the mean over all orders in which superpixels are seen."""
    labels = slic(np.moveaxis(x, 0, -1), 6, 10)
    n, hidden = labels.max() + 1, hidden_by(x, labels, "mean", 0)
    masks = np.array(list(itertools.product((0, 1), repeat=n)))
    with torch.no_grad():
        values = model(torch.tensor(np.where(masks[:, labels][:, None] > 0, x, hidden)).double())[:, classes].numpy()
    place = 2 ** np.arange(n)[::-1]
    want = np.zeros((n, len(classes)))
    for i in range(n):
        for mask, value in zip(masks, values):
            size = mask.sum()
            if not mask[i]:
                share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                want[i] += share * (values[mask @ place + place[i]] - value)
    off = abs(got - want.T[:, labels]).max() / abs(want).max()
    checks(f"kernel-shap nears Shapley's values of {n} superpixels", off < .05, f"{off:.3f}")


lib.cr_blas_load(None)
judge_slic(np.random.default_rng(1))
judge_maps(np.random.default_rng(5))
if why_no_networks():
    print(f"skipped: the kit's networks, as {why_no_networks()}")
else:
    for each in networks():
        if "lime.segmentation" in each.golden.files:
            judge_scikit_image(each)
            judge_captum(each)
checks.done()
