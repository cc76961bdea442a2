"""Metrics that hide random parts, superpixels or steps of the input, add noise to it or make a map of it again, by
a made-up network: how they change it against what they promise, and what they make of it against SciPy and the
formulas of the papers. Whole runs are in test_asking.py and cli/metrics.sh."""
import math
import sys

try:
    import numpy as np
    import scipy.stats
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks
from metrics import Metric

report = Checks()
HEIGHT, WIDTH, CHANNELS = 24, 30, 3
random = np.random.default_rng(5)
WEIGHTS = random.standard_normal((HEIGHT, WIDTH, CHANNELS)) / 20
X = random.standard_normal((HEIGHT, WIDTH, CHANNELS)).astype(np.float32) + 1
X[4:9, 7:20] += 2
E = np.abs(random.standard_normal((HEIGHT, WIDTH))).astype(np.float32)
E /= E.max()
E[:4] = 0  # ties


def network(x):
    return 1 / (1 + math.exp(-float((WEIGHTS * np.tanh(x)).sum())))


def near(what, ours, theirs, tolerance=1e-12):
    off = np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).max()
    report(what, off <= tolerance, f"off by {off:.2g}")


def losses(changed):
    return np.array([network(X) - network(x) for x in changed])


def number(metric, columns, key):
    assert metric.add(columns, []) is None
    return metric.number(key)[0]


def judge_values():
    metric = Metric("faithfulness-correlation", samples=60, subset=300)
    (value,), changed = metric.ask(X, E, network, seed=9)
    hidden, is_smallest = changed != X, X == X.min()  # of which nobody sees whether it is hidden
    counts = hidden.sum((1, 2, 3))
    report("so many values are hidden, by the smallest", is_smallest.sum() == 1 and (counts >= 299).all()
           and counts.max() == 300 and (changed[hidden] == X.min()).all(), str(counts))
    share = hidden.mean(0)
    expected, spread = 300 / X.size, math.sqrt(300 / X.size / 60)
    report("all values are hidden as often", abs(share.mean() - expected) < 1 / X.size
           and share.max() < expected + 6 * spread, f"{share.max():.3f}")
    sums = (hidden * E[..., None].astype(float)).sum((1, 2, 3))
    near("Pearson's by SciPy", value[0], scipy.stats.pearsonr(sums, losses(changed))[0])
    near("the number is the mean", number(metric, [value], "faithfulness_correlation"), value[0])
    again, same = metric.ask(X, E, network, seed=9)
    report("the same again, another with another seed", (same == changed).all() and again[0] == value
           and not (metric.ask(X, E, network, seed=8)[1] == changed).all()
           and not (Metric("faithfulness-correlation", samples=60, subset=300, seed=1)
                    .ask(X, E, network, seed=9)[1] == changed).all())
    (flat,), _ = metric.ask(X, np.ones_like(E), network)
    report("a map that is the same everywhere has no correlation", flat[0] == 0, str(flat))
    x, e = X[:6, :7], E[4:10, :7]
    (value,), changed = Metric("faithfulness-correlation", samples=60).ask(x, e, lambda of: network(np.pad(
        of, ((0, HEIGHT - 6), (0, WIDTH - 7), (0, 0)))))
    counts = (changed != x).sum((1, 2, 3))
    report("of an input of fewer values than a subset half are hidden", (counts >= x.size // 2 - 1).all()
           and counts.max() == x.size // 2 and value[0] != 0, f"{counts.max()} of {x.size}, {value}")


def judge_pixels():
    metric = Metric("sensitivity-n", samples=40, sizes=5)
    (values,), changed = metric.ask(X, E, network)
    hidden = (changed != X).any(3)
    report("pixels become 0 in all channels", (changed[hidden] == 0).all())
    sizes = np.round((.8 * HEIGHT * WIDTH) ** (np.arange(5) / 4))
    near("so many pixels are hidden", hidden.sum((1, 2)), sizes.repeat(40), 0)
    sums, lost = (hidden * E.astype(float)).sum((1, 2)).reshape(5, 40), losses(changed).reshape(5, 40)
    expected = [scipy.stats.pearsonr(a, b)[0] for a, b in zip(sums, lost)]
    near("Pearson's of each size by SciPy", values, expected)
    near("the number is the mean over the sizes", number(metric, [values], "sensitivity_n"), np.mean(expected))


def judge_squares():
    metric = Metric("infidelity", samples=400, largest=50)
    (value,), changed = metric.ask(X, E, network)
    hidden = (changed != X).any(3)
    sides = []
    for one in hidden:
        rows, columns = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
        sides.append(len(rows))
        if not (len(rows) == len(columns) and one[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].all()
                and one.sum() == len(rows) ** 2):
            report("a square is hidden", False, str(one.astype(int)))
    expected = np.array([(WIDTH - s + 1) * (HEIGHT - s + 1) for s in range(1, 13)], float)
    p = scipy.stats.chisquare(np.bincount(sides, minlength=13)[1:], expected * 400 / expected.sum()).pvalue
    report("sides as often as there are squares of them", p > 1e-4, f"p = {p:.2g}")
    # chihkuanyeh/saliency_evaluation, get_exp_infid
    exp_sum, pdt_diff = (hidden * E.astype(float)).sum((1, 2)), losses(changed)
    exp_sum *= np.mean(pdt_diff * exp_sum) / np.mean(exp_sum * exp_sum)
    near("infidelity by its authors' formula", value[0], np.mean(np.square(pdt_diff - exp_sum)))
    (flat,), _ = metric.ask(X, 0 * E, network)
    near("an empty map explains nothing of the losses", flat[0], np.mean(pdt_diff ** 2))


def judge_superpixels():
    metric = Metric("irof", superpixels=12)
    (curve, whole), changed = metric.ask(X, E, network)
    n = np.isfinite(curve).sum()
    report("there are superpixels", 5 < n <= 12, str(n))
    mean, left, means = X.astype(float).mean((0, 1)).astype(np.float32), X, []
    for x in changed[:n]:
        now = (x != left).any(2)
        means.append(E[now].astype(float).mean())
        if not (x[now] == mean).all():
            report("superpixels become the mean colour", False)
        left = x
    report("those first where the map is largest", means == sorted(means, reverse=True), str(means))
    near("probabilities", curve[:n], [network(x) for x in changed[:n]], 0)
    points = np.append(1, curve[:n] / (whole[0] + 1e-7))
    near("the area over the curve", number(metric, [curve, whole], "irof"), 1 - np.trapz(points) / n, 1e-7)
    all_of = Metric("irof", superpixels=40)
    (curve, _), changed = all_of.ask(X, E, network)
    n = np.isfinite(curve).sum()
    report("in the end all is the mean colour", n == 40 or (changed[n - 1] == mean).all(), str(n))
    given = (np.add.outer(np.arange(X.shape[0]) // 3, np.arange(X.shape[1]) // 4)) % 5
    (curve, _), changed = Metric("irof", segments=1, superpixels=4).ask(X, E, network, segments=given)
    order = sorted(range(5), key=lambda k: -E[given == k].astype(float).mean())
    wanted = [np.where(np.isin(given, order[:k + 1])[..., None], mean, X) for k in range(4)]
    report("segments that are given go in that order, as many as are asked for", np.array_equal(changed, wanted))


def judge_steps():
    (values,), changed = Metric("monotonicity-correlation", steps=16).ask(X, E, network)
    hidden = (changed != X).any(3)
    report("each pixel goes once", (hidden.sum(0) == 1).all())
    largest = [E[one].max() for one in hidden]
    smallest = [E[one].min() for one in hidden]
    report("those first where the map is smallest", all(a <= b for a, b in zip(largest, smallest[1:])))
    sums = (hidden * E.astype(float)).sum((1, 2))
    near("Spearman's by SciPy", values[0], scipy.stats.spearmanr(sums, losses(changed) ** 2)[0])
    metric = Metric("monotonicity", steps=16)
    rises, falls = (metric.ask(X, sign * E + (sign < 0), lambda x: float(np.count_nonzero(x)) / X.size)[0]
                    for sign in (1, -1))
    near("more and more pixels come", rises[0], np.round(np.arange(17) * X.size / 16 / 3) * 3 / X.size, 1e-6)
    (curve,), changed = metric.ask(X, E, network)
    near("the last is the image", changed[-1], X, 0)
    near("the first is nothing", changed[0], 0 * X, 0)
    for columns in rises, falls, [curve]:
        assert metric.add(columns, []) is None
    steps = np.mean([1, 1, np.mean(np.diff(curve) >= 0)])
    near("images that never fall (AIX360)", metric.number("monotonicity")[0],
         100 * np.mean([1, 1, np.all(np.diff(curve) >= 0)]))
    near("steps that do not fall", metric.number("monotone_steps")[0], steps)


def seen(x):
    """Made-up, as a method's map."""
    values = np.abs(np.tanh(x) * WEIGHTS).sum(2)
    return (values / values.max()).astype(np.float32)


def judge_noise():
    metric, limits = Metric("max-sensitivity", samples=200, radius=.05), (-1.5, 2.5)
    (most, mean), changed = metric.ask(X, E, network, 9, seen, limits)
    noise = (changed.astype(float) - X) / (.05 * 4)
    report("noise is within the radius", np.abs(noise).max() <= 1 + 1e-5, f"{np.abs(noise).max():.6f}")
    p = scipy.stats.kstest(noise.ravel()[::7], "uniform", (-1, 2)).pvalue
    report("it is uniform", p > 1e-4, f"p = {p:.2g}")
    r = np.abs(np.corrcoef(noise.reshape(200, -1)[:, :300]) - np.eye(200)).max()
    report("and another each time", r < 6 / math.sqrt(300), f"{r:.2g}")
    # captum's sensitivity_max, Quantus' MaxSensitivity and AvgSensitivity, of one image
    moved = [np.linalg.norm(seen(x).astype(float) - E) / np.linalg.norm(E.astype(float)) for x in changed]
    near("the largest by NumPy", most[0], np.max(moved))
    near("the mean by NumPy", mean[0], np.mean(moved))
    again, same = metric.ask(X, E, network, 9, seen, limits)
    report("the same again, another with another seed", (same == changed).all() and again[0] == most
           and not (metric.ask(X, E, network, 8, seen, limits)[1] == changed).all()
           and not (Metric("max-sensitivity", samples=200, radius=.05, seed=1)
                    .ask(X, E, network, 9, seen, limits)[1] == changed).all())
    (empty, _), changed = metric.ask(X, 0 * E, network, 9, seen, limits)
    near("from an empty map it is not divided (captum)", empty[0],
         max(np.linalg.norm(seen(x).astype(float)) for x in changed))
    moved, _ = Metric("max-sensitivity").ask(X, E, network, 9, lambda x: -1e9 * seen(x), limits)
    report("more than 65536 counts as that", moved[0][0] == moved[1][0] == 65536 and metric.add(moved, []) is None)
    metric = Metric("max-sensitivity", samples=200, radius=.05)
    assert metric.add([most, mean], []) is None and metric.add([3 * most, mean], []) is None
    # Sums are of multiples of 2^-24.
    near("the number is the mean of the largest", metric.number("max_sensitivity")[0], 2 * most[0], 6e-8)
    near("and that of the means", metric.number("avg_sensitivity")[0], mean[0], 6e-8)


def judge_imputed():
    """ROAD's noise: seeded, normal, of that deviation, and of imputed pixels alone."""
    def changed_by(seed=0, image=9, noise=.02):
        return Metric("road", percentiles=4, noise=noise, seed=seed).ask(X, E, network, image)[1].astype(float)

    plain, noisy = changed_by(noise=0), changed_by()
    added, imputed = (noisy - plain) / .02, (plain != X).any(3)
    report("pixels are kept and imputed", .3 < imputed.mean() < .7, f"{imputed.mean():.2f}")
    report("those that are kept get no noise", (added[~imputed] == 0).all())
    values = added[imputed]
    p = scipy.stats.kstest(values.ravel(), "norm").pvalue
    report("noise is normal, of the deviation that is asked for", p > 1e-4, f"p = {p:.2g}, {values.std():.4f}")
    r = np.abs(np.corrcoef(values.T) - np.eye(CHANNELS)).max()
    report("another in each channel", r < 6 / math.sqrt(len(values)), f"{r:.2g}")
    r = np.corrcoef(added[0][imputed[0] & imputed[1]].ravel(), added[1][imputed[0] & imputed[1]].ravel())[0, 1]
    report("and in each changed input", abs(r) < 6 / math.sqrt((imputed[0] & imputed[1]).sum()), f"{r:.2g}")
    report("the same again, another with another seed", (changed_by() == noisy).all()
           and not (changed_by(seed=1) == noisy).all() and not (changed_by(image=8) == noisy).all())


def judge_adcc():
    metric, values = Metric("adcc"), []
    for x in X, X + .3, np.tanh(X):
        columns, (masked,) = metric.ask(x, E, network, explain=seen)
        whole, after, coherency, complexity = (float(c[0]) for c in columns)
        near("the image is seen through its map", masked, x * E[..., None], 0)
        near("probabilities", [whole, after], [network(x.astype(np.float32)), network(masked)], 0)
        # aimagelab/ADCC; 1e-7 as in average-drop
        r = scipy.stats.pearsonr(E.ravel().astype(float), seen(masked).ravel().astype(float))[0]
        near("coherency by SciPy", coherency, (r + 1) / 2)
        near("complexity", complexity, np.abs(E.astype(float)).sum() / E.size)
        drop = max(0, whole - after) / (whole + 1e-7)
        values.append([3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop)), coherency, complexity, drop])
        assert metric.add(columns, []) is None
    for k, key in enumerate(("adcc", "adcc_coherency", "adcc_complexity", "adcc_drop")):
        near(f"the mean of {key}", metric.number(key)[0], np.mean(values, 0)[k])
    below = np.where(E > .5, E, -3 * E)
    columns, _ = Metric("adcc").ask(X, below, network, explain=seen)
    near("what is below 0 takes nothing", columns[3][0], np.maximum(below.astype(float), 0).mean())
    assert Metric("adcc").add(columns, []) is None
    for what, e in ("an empty map", 0 * E), ("a map that is the same everywhere", 0 * E + 1):
        columns, _ = metric.ask(X, e, network, explain=lambda x: E)
        one = Metric("adcc")
        assert one.add(columns, []) is None
        report(f"{what} is not coherent, and worth nothing", columns[2][0] == 0 and one.number("adcc")[0] == 0)


def judge_refused():
    for name, wrong, what in (("faithfulness-correlation", 1.5, "correlation"),
                              ("max-sensitivity", -.1, "norm of a difference of maps"),
                              ("adcc", 1.1, "mean of a map"), ("infidelity", -.1, "mean square of differences of probabilities"),
                              ("irof", 2, "probability"), ("monotonicity", -1, "probability"),
                              ("monotonicity-correlation", -2, "correlation"), ("sensitivity-n", 9, "correlation")):
        metric = Metric(name)
        columns = [np.full_like(c, .5) for c in metric.empty_columns()]
        assert metric.add(metric.empty_columns(), []) is None and metric.sums.sum() == 0
        assert metric.add(columns, []) is None and metric.sums[0] == 1
        columns[-1][0] = wrong
        report(f"{name} refuses what cannot be", metric.add(columns, []) == what.encode()
               or metric.add(columns, []) == what)


judge_values()
judge_pixels()
judge_squares()
judge_superpixels()
judge_steps()
judge_noise()
judge_imputed()
judge_adcc()
judge_refused()
report.done()
