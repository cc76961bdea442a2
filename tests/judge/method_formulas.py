"""The methods' formulas once more, in numpy and double precision, from activations and gradients.

A is [K, h, w]; g, the gradient of what a method follows back with respect to A, is as large; p are the
method's parameters by name. A formula gives the map [h, w] before the ReLU.
"""
import numpy as np


def weighted(weights, A):
    return np.tensordot(weights, A, 1)


def divided(above, below):
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def sums(x):
    return x.sum((1, 2), keepdims=True)


def grad_cam(A, g, p):
    averaged = {"gradients": g, "positive": np.maximum(g, 0), "absolute": abs(g)}
    return weighted(averaged[p["average"]].mean((1, 2)), A)


def grad_cam_plus_plus(A, g, p):
    alpha = g**2
    if p["alpha"] == "quotient":
        alpha = divided(alpha, 2 * g**2 + sums(A) * g**3 + p["epsilon"])
    return weighted((alpha * np.maximum(g, 0)).sum((1, 2)), A)


def xgrad_cam(A, g, p):
    return weighted(divided(sums(g * A), sums(A) + p["epsilon"])[:, 0, 0], A)


def projected(x, p):
    """On the first right singular vector; the value of the largest magnitude is positive."""
    rows = x.reshape(len(x), -1).T
    rows = rows - rows.mean(0) * p["centre"]
    onto = rows @ np.linalg.svd(rows, full_matrices=False)[2][0]
    return (onto * (-1 if onto[np.argmax(abs(onto))] < 0 else 1)).reshape(x.shape[1:])


def kpca_cam(A, g, p):
    rows = A.reshape(len(A), -1).T
    rows = rows - rows.mean(0)
    kernel = np.tanh(rows @ rows.T / len(A) + 1)
    away = np.eye(len(kernel)) - 1 / len(kernel)
    values, vectors = np.linalg.eigh(away @ kernel @ away)
    first = vectors[:, -1] * np.sqrt(max(values[-1], 0))
    return (first * (-1 if first[np.argmax(abs(first))] < 0 else 1)).reshape(A.shape[1:])


def fem(A, g, p):
    mean, deviation = A.mean((1, 2), keepdims=True), A.std((1, 2), keepdims=True)
    return weighted((A > mean + p["k"] * deviation).mean((1, 2)), A)


def finer_target(logits, nearest, c, p):
    """What Finer-CAM follows back, of logits [..., classes]."""
    differences = logits[..., c, None] - p["gamma"] * logits[..., nearest]
    if p["weights"] == "uniform":
        return differences.mean(-1)
    powers = np.exp(logits - logits.real.max())
    chosen = powers[..., nearest] / powers.sum(-1, keepdims=True)
    return (chosen * differences).sum(-1) / (chosen.sum(-1) + p["epsilon"])


def finer_seed(logits, c, p):
    """Its gradient, by the complex step: exact to rounding."""
    order = np.argsort(abs(logits - logits[c]), kind="stable")
    nearest, step = order[order != c][:p["n"]], 1e-30
    return finer_target(logits + 1j * step * np.eye(len(logits)), nearest, c, p).imag / step


def splitmix(z):
    full = 2**64 - 1
    z = (z + 0x9E3779B97F4A7C15) & full
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & full
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & full
    return z ^ z >> 31


def normals(key, n):
    """Normal numbers 0 .. n - 1 of a key, by Box and Muller."""
    u, v = (np.array([(splitmix(key ^ (2 * i + odd)) >> 11) + 1 - odd for i in range(n)]) / 2.**53
            for odd in (0, 1))
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def random_weights(image_seed, c, n, p):
    of_class = splitmix(splitmix(image_seed ^ splitmix(p["seed"])) ^ c)
    return np.array([splitmix(of_class ^ k) >> 40 for k in range(n)]) / 2**23 - 1


FORMULAS = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "refine-cam": grad_cam_plus_plus,  # at one layer
    "xgrad-cam": xgrad_cam,
    "hires-cam": lambda A, g, p: (g * A).sum(0),
    "layer-cam": lambda A, g, p: (np.maximum(g, 0) * A).sum(0),
    "grad-cam-elementwise": lambda A, g, p: np.maximum(g * A, 0).sum(0),
    "finer-cam": lambda A, g, p: weighted(g.mean((1, 2)), A),
    "shapley-cam": lambda A, g, p: weighted(g.mean((1, 2)), A),  # g less half the curvature
    "eigen-cam": lambda A, g, p: projected(A, p),
    "eigen-grad-cam": lambda A, g, p: projected(g * A, p),
    "seg-eigen-cam": lambda A, g, p: projected(abs(g) * A, p),
    "kpca-cam": kpca_cam,
    "fem": fem,
}
DEFAULTS = {
    "grad-cam": dict(average="gradients"), "grad-cam++": dict(alpha="quotient", epsilon=0),
    "refine-cam": dict(alpha="quotient", epsilon=0),
    "xgrad-cam": dict(epsilon=0), "eigen-cam": dict(centre=True), "eigen-grad-cam": dict(centre=True),
    "seg-eigen-cam": dict(centre=True), "fem": dict(k=2), "random-cam": dict(seed=0),
    "finer-cam": dict(weights="uniform", n=3, gamma=.6, epsilon=0),
}


def formula(method, A, g, **parameters):
    """In double precision, with the defaults of what is not given."""
    g = None if g is None else g.astype(np.float64)
    return FORMULAS[method](A.astype(np.float64), g, {**DEFAULTS.get(method, {}), **parameters})
