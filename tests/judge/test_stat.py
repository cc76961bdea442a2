#!/usr/bin/env python3
"""core/stat against SciPy and statsmodels on synthetic columns, and against what they and R packages say
of the kit's result columns (metrics/paired).

usage: test_stat.py          from the top of the repo
       test_stat.py null     the simulated null: 2,000 repetitions, as docs/comparing-reference.md has it
"""
import csv
import ctypes as ct
import json
import os
import sys

import numpy as np

from camrank import KIT, Checks, lib
from draws import draws
from structs import (CR_STAT_RESAMPLES, cr_stat_clusters, cr_stat_counts, cr_stat_sample,
                     cr_stat_test, cr_stat_wilcoxon_result)

try:
    from scipy import stats
    from statsmodels.stats import contingency_tables, inter_rater, multitest, proportion
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

check = Checks()
for name in ("normal", "normal_quantile", "chi_square_tail", "range_quantile", "kappa", "nemenyi",
             "images_needed"):
    getattr(lib, f"cr_stat_{name}").restype = ct.c_double
lib.cr_stat_count.restype = cr_stat_counts
lib.cr_stat_sample_size.restype, lib.cr_stat_differences.restype = ct.c_double, cr_stat_sample


def real(x):
    return ct.c_double(x)


def at(array):
    return ct.c_void_p(array.ctypes.data)


def pointers(columns):
    return (ct.c_void_p * len(columns))(*[c.ctypes.data for c in columns])


def rows(of, n=None):
    """Which rows are of one image: by their numbers from 0, int32; None: each of n is of its own."""
    return cr_stat_clusters(n_rows=n, n=n) if of is None else cr_stat_clusters(
        n_rows=len(of), n=int(of.max()) + 1, of=of.ctypes.data)


def n_of(counts):
    return real(counts.both + counts.only_a + counts.only_b + counts.neither)


def count(a, b):
    a, b = np.ascontiguousarray(a, np.uint8), np.ascontiguousarray(b, np.uint8)
    return lib.cr_stat_count(at(a), at(b), len(a))


def two(function, *arguments, error=False):
    one, other = ct.c_double(), ct.c_double()
    getattr(lib, f"cr_stat_{function}")(*arguments, ct.byref(one), ct.byref(other), *[None] * error)
    return one.value, other.value


def wilcoxon(a, b, of=None):
    a, b, result = np.ascontiguousarray(a, float), np.ascontiguousarray(b, float), cr_stat_wilcoxon_result()
    lib.cr_stat_wilcoxon(at(a), at(b), rows(of, len(a)), ct.byref(result), None)
    return result


def friedman(columns, of=None):
    columns = [np.ascontiguousarray(c, float) for c in columns]
    ranks, worth, test = np.zeros(len(columns)), ct.c_double(), cr_stat_test()
    lib.cr_stat_friedman(pointers(columns), len(columns), rows(of, len(columns[0])), at(ranks), ct.byref(worth),
                         ct.byref(test), None)
    return ranks, test


def cochran(columns, of=None):
    columns = [np.ascontiguousarray(c, np.uint8) for c in columns]
    test = cr_stat_test()
    lib.cr_stat_cochran(pointers(columns), len(columns), rows(of, len(columns[0])), ct.byref(test), None)
    return test


def adjusted(method, p):
    p = np.ascontiguousarray(p, float)
    out = np.empty_like(p)
    getattr(lib, f"cr_stat_{method}")(at(p), len(p), at(out), None)
    return out


def resample(columns, seed, n_resamples=CR_STAT_RESAMPLES, threads=2, of=None):
    columns = [np.ascontiguousarray(c, float) for c in columns]
    means = np.empty((len(columns), n_resamples))
    lib.cr_stat_resample(pointers(columns), len(columns), rows(of, len(columns[0])), ct.c_uint64(seed),
                         n_resamples, threads, at(means), None)
    return means


def bca(a, b, seed, n_resamples=CR_STAT_RESAMPLES, of=None):
    a, b = np.ascontiguousarray(a, float), np.ascontiguousarray(b, float)
    means = resample([a, b], seed, n_resamples, of=of)
    return two("bca", at(a), at(b), rows(of, len(a)), at(means[0]), at(means[1]), n_resamples, error=True)


def beyond(got, want, least=1e-300):
    """The largest relative difference; two that are not numbers are the same."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    apart = np.abs(got - want) / np.maximum(np.abs(want), least)
    apart = np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0, apart)
    return float(np.max(apart)) if np.all(np.isfinite(apart)) else np.inf


def agrees(what, got, want, tolerance, least=1e-300):
    apart = beyond(got, want, least)
    check(what, apart <= tolerance, f"{np.size(want)} within {apart:.1e}")


def judge_distributions():
    z = np.linspace(-37, 37, 371)
    agrees("normal distribution", [lib.cr_stat_normal(real(x)) for x in z], stats.norm.cdf(z), 1e-12)
    p = np.concatenate([10.0 ** -np.arange(1, 300, 7), np.linspace(0.01, 0.99, 99)])
    agrees("its quantiles", [lib.cr_stat_normal_quantile(real(x)) for x in p], stats.norm.ppf(p), 1e-12, 1e-3)
    df, x = np.meshgrid([1, 2, 3, 4, 9, 10, 57, 100, 255], [0.01, 0.7, 1, 5, 20, 93.5, 400, 1200])
    agrees("tails of chi-square",
           [lib.cr_stat_chi_square_tail(real(a), int(b)) for a, b in zip(x.flat, df.flat)],
           stats.chi2.sf(x, df).ravel(), 1e-10)
    cases = [(a, k) for a in (0.001, 0.01, 0.05, 0.1, 0.5) for k in (2, 3, 10, 30, 100)]
    # SciPy takes any df from 100,000 on for infinite.
    agrees("studentized range", [lib.cr_stat_range_quantile(real(a), k) for a, k in cases],
           [stats.studentized_range.ppf(1 - a, k, np.inf) for a, k in cases], 1e-8)


def mcnemar_of(b, c):
    smaller = stats.binom(b + c, 0.5)
    exact = stats.binomtest(min(b, c), b + c).pvalue if b + c else 1
    mid = 1 if b + c == 0 else 1 - smaller.pmf(b) / 2 if b == c else exact - smaller.pmf(min(b, c))
    return exact, mid


def judge_mcnemar():
    cases = [(b, c) for b in range(12) for c in range(12)] + \
        [(0, 1000), (480, 520), (500, 500), (9000, 9500), (10, 24000), (25000, 24999)]
    ours = [two("mcnemar", cr_stat_counts(both=3, only_a=b, only_b=c, neither=4)) for b, c in cases]
    wants = [mcnemar_of(b, c) for b, c in cases]
    for k, what in enumerate(("exact", "mid-p")):
        # SciPy's binomial distribution is good for about 1e-10 where there are 50,000 trials.
        few = [max(case) < 1000 for case in cases]
        agrees(f"McNemar, {what}", [o[k] for o, f in zip(ours, few) if f], [w[k] for w, f in zip(wants, few) if f],
               1e-12)
        agrees(f"McNemar, {what}, of many images", [o[k] for o, f in zip(ours, few) if not f],
               [w[k] for w, f in zip(wants, few) if not f], 1e-9)


def power_of_mcnemar(n, only_a, only_b, alpha):
    """Of the test (b - c)^2 / (b + c) > z^2, over all outcomes of n images."""
    z = stats.norm.ppf(1 - alpha / 2)
    m = np.arange(1, n + 1)[:, None]
    b = np.arange(0, n + 1)[None, :]
    rejected = (b <= m) & (np.abs(2 * b - m) > z * np.sqrt(m))
    return np.sum(stats.binom.pmf(m, n, only_a + only_b) *
                  np.sum(stats.binom.pmf(b, m, only_a / (only_a + only_b)) * rejected, axis=1, keepdims=True))


def judge_power():
    powers = []
    for only_a, only_b in (0.2, 0.15), (0.06, 0.03), (0.3, 0.2), (0.1, 0.15):
        n = lib.cr_stat_images_needed(real(only_a - only_b), real(only_a + only_b), real(0.05))
        powers.append(power_of_mcnemar(int(n), only_a, only_b, 0.05))
    # The formula is of the normal approximation, and the test of some hundred images is discrete.
    check("images needed give McNemar's test its power", all(abs(p - 0.8) < 0.015 for p in powers),
          " ".join(f"{p:.3f}" for p in powers))


def tables(rng):
    """Counts of two columns, with and without all that can be 0."""
    yield from ([both, a, b, neither] for both in (0, 1, 7) for a in (0, 2) for b in (0, 3) for neither in (0, 9)
                if both + a + b + neither)
    yield from rng.integers(0, 20000, (200, 4)).tolist()


def newcombe(both, a, b, neither):
    """Newcombe's method 10, written out from the paper."""
    n = both + a + b + neither

    def wilson(x):
        z = stats.norm.ppf(0.975)
        half = z * np.sqrt(z * z + 4 * x * (1 - x / n))
        return (2 * x + z * z - half) / (2 * (n + z * z)), (2 * x + z * z + half) / (2 * (n + z * z))
    (l1, u1), (l2, u2) = wilson(both + a), wilson(both + b)
    p1, p2 = (both + a) / n, (both + b) / n
    margins = (both + a) * (b + neither) * (both + b) * (a + neither)
    top = both * neither - a * b
    phi = 0 if margins == 0 else (max(top - n / 2, 0) if top > 0 else top) / np.sqrt(float(margins))
    low = np.sqrt((p1 - l1)**2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2)**2)
    high = np.sqrt((u1 - p1)**2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2)**2)
    return p1 - p2 - low, p1 - p2 + high


def judge_pairs_of_rights(rng):
    cases = list(tables(rng))
    counts = [cr_stat_counts(both=c[0], only_a=c[1], only_b=c[2], neither=c[3]) for c in cases]
    agrees("Newcombe's interval", [two("newcombe", c, n_of(c)) for c in counts], [newcombe(*c) for c in cases], 1e-9, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = [inter_rater.cohens_kappa(np.reshape(c, (2, 2)), return_results=False) for c in cases]
    agrees("Cohen's kappa", [lib.cr_stat_kappa(c) for c in counts], kappa, 1e-11, 1e-3)


def judge_values(rng):
    for what, a, b in [
            ("no ties", rng.random(300), rng.random(300)),
            ("zeros and ties", rng.integers(0, 4, 500) / 4, rng.integers(0, 4, 500) / 4),
            ("50,000 images", np.round(rng.random(50000), 3), np.round(rng.random(50000), 3)),
            ("one image not tied", np.array([0.5] * 20 + [1.0]), np.full(21, 0.5)),
            ("all of one difference", np.full(30, 1.0), np.full(30, 0.5))]:
        want, got = stats.wilcoxon(a, b, zero_method="pratt", mode="approx"), wilcoxon(a, b)
        agrees(f"Wilcoxon, {what}", [min(got.plus, got.minus), got.p], [want.statistic, want.pvalue], 1e-9)
    for what, columns in [("no ties", rng.random((4, 200))), ("ties", rng.integers(0, 3, (7, 400)) / 2.0)]:
        want, (ranks, got) = stats.friedmanchisquare(*columns), friedman(columns)
        agrees(f"Friedman, {what}", [got.statistic, got.p], want, 1e-9)
        agrees(f"mean ranks, {what}", ranks, stats.rankdata(-columns, axis=0).mean(axis=1), 1e-12)
    for k, n in (2, 50), (5, 300), (20, 1000):
        columns = rng.random((k, n)) < np.linspace(0.4, 0.6, k)[:, None]
        want, got = contingency_tables.cochrans_q(columns.T.astype(int)), cochran(columns)
        agrees(f"Cochran's Q of {k}", [got.statistic, got.p, got.df], [want.statistic, want.pvalue, want.df], 1e-9)
    agrees("Nemenyi", lib.cr_stat_nemenyi(real(0.05), 10, real(500)),
           stats.studentized_range.ppf(0.95, 10, np.inf) / np.sqrt(2) * np.sqrt(110 / 3000), 1e-8)


def judge_many(rng):
    for n in 1, 2, 12, 500:
        p = np.round(rng.random(n)**3, 3)
        for method, name in ("holm", "holm"), ("benjamini_hochberg", "fdr_bh"):
            agrees(f"{name} of {n}", adjusted(method, p), multitest.multipletests(p, method=name)[1], 1e-12)


def judge_bootstrap(rng):
    a = rng.beta(2, 3, 400)
    b = np.clip(a + rng.exponential(0.1, 400) - 0.08, 0, 1)
    means = resample([a, b], 1)
    check("bits at 1, 2, 3 threads", all(np.array_equal(means, resample([a, b], 1, threads=t)) for t in (1, 3)))
    # The standard deviation of 10,000 resampled means is known to 0.7 %.
    sd = a.std() / np.sqrt(400)
    check("resampled means have mean and spread of a sample's",
          abs(means[0].mean() - a.mean()) < 5 * sd / 100 and abs(means[0].std() / sd - 1) < 0.03)
    ours = np.array([bca(a, b, seed) for seed in range(5)])
    theirs = np.array([stats.bootstrap((a - b,), np.mean, n_resamples=9999, method="BCa", random_state=seed)
                       .confidence_interval for seed in range(5)])
    spread = theirs.max(axis=0) - theirs.min(axis=0)
    apart = np.abs(ours - theirs.mean(axis=0)).max(axis=0)
    check("BCa", np.all(apart <= 4 * spread), f"{apart} within 4 x {spread}")


def judge_kit(folder):
    with open(f"{folder}/inputs.csv") as file:
        columns = {k: np.array([float(row[k]) for row in csv.DictReader(open(file.name))])
                   for k in next(csv.reader(file))[1:]}
    with open(f"{folder}/python.json") as file:
        python = json.load(file)
    rows = list(csv.DictReader(open(f"{folder}/hits_R.csv")))
    ours = []
    for row in rows:
        counts = count(columns[f"{row['a']}:{row['measure']}"], columns[f"{row['b']}:{row['measure']}"])
        ours.append([counts.both, counts.only_a, counts.only_b, counts.neither, *two("mcnemar", counts),
                     *two("newcombe", counts, n_of(counts)), lib.cr_stat_kappa(counts)])
    ours = np.array(ours)

    def column(key):
        return np.array([float(row[key]) if row[key] not in ("NA", "") else np.nan for row in rows])
    agrees("kit: counts", ours[:, :4].T, [column(k) for k in ("both", "only_a", "only_b", "neither")], 0)
    none = column("only_a") + column("only_b") == 0
    agrees("kit: McNemar exact", ours[:, 4], column("mcnemar_exact_p"), 1e-12)
    agrees("kit: mid-p", ours[:, 5], np.where(none, 1, column("mcnemar_midp")), 1e-12)
    agrees("kit: Newcombe", ours[:, 6:8].T, [column("newcombe_low"), column("newcombe_upp")], 1e-9, 1)
    agrees("kit: kappa", ours[:, 8], [pair["kappa"] for pair in python["pairs_hits"]], 1e-9)
    for measure in "gtk", "loc1", "loc5":
        of = [i for i, row in enumerate(rows) if row["measure"] == measure]
        agrees(f"kit: Holm, BH of {measure}",
               [adjusted("holm", ours[of, 4]), adjusted("benjamini_hochberg", ours[of, 4])],
               [column("exact_holm")[of], column("exact_bh")[of]], 1e-12)
    for pair in python["pairs_iou"]:
        a, b = columns[f"{pair['a']}:iou"], columns[f"{pair['b']}:iou"]
        name, got = f"kit: {pair['a']} {pair['b']}", wilcoxon(a, b)
        if "wilcoxon_pratt" not in pair:
            check(f"{name}: equal", got.p == 1 and bca(a, b, 0) == (0, 0))
            continue
        want = pair["wilcoxon_pratt"]
        agrees(f"{name}: Wilcoxon", [min(got.plus, got.minus), got.p], [want["statistic"], want["p"]], 1e-9)
        want = pair["bootstrap_mean_diff_95"]["BCa"]
        apart = np.abs(np.array(bca(a, b, 0)) - want["mean"])
        check(f"{name}: BCa", np.all(apart <= 4 * np.array(want["spread"])), f"{apart}")
    for name, of in python["all_variants"].items():
        for measure in "gtk", "loc1", "loc5":
            got, want = cochran([columns[f"{v}:{measure}"] for v in of["variants"]]), of[f"cochran_q_{measure}"]
            agrees(f"kit: Cochran's Q, {name}, {measure}", [got.statistic, got.p], [want["statistic"], want["p"]],
                   1e-9)
        ranks, got = friedman([columns[f"{v}:iou"] for v in of["variants"]])
        agrees(f"kit: Friedman, {name}", [got.statistic, got.p],
               [of["friedman_iou"]["statistic"], of["friedman_iou"]["p"]], 1e-9)
        agrees(f"kit: mean ranks, {name}", ranks, list(of["mean_ranks_iou_1_is_best"].values()), 1e-12)
        k = len(of["variants"])
        agrees(f"kit: Nemenyi, {name}", [lib.cr_stat_nemenyi(real(a), k, real(500)) for a in (0.05, 0.1)],
               list(of["nemenyi_cd"].values()), 1e-6)


def judge_null():
    """Two columns of equal shares whose rights were shuffled within the image: no difference is true. And
    columns of a known difference, of which the intervals must know."""
    rng, n, repetitions = np.random.default_rng(17), 2000, 2000
    p_exact, p_mid, covered, covered_iou = [], [], 0, 0
    shares = np.array([0.42, 0.11, 0.11, 0.36])  # both, one, the other, neither
    true = np.array([0.42, 0.13, 0.10, 0.35])
    for _ in range(repetitions):
        counts = rng.multinomial(n, shares)
        swapped = rng.binomial(counts[1] + counts[2], 0.5)
        exact, mid = two("mcnemar", cr_stat_counts(both=counts[0], only_a=swapped,
                                                   only_b=counts[1] + counts[2] - swapped, neither=counts[3]))
        p_exact.append(exact)
        p_mid.append(mid)
        both, a, b, neither = rng.multinomial(n, true)
        low, high = two("newcombe", cr_stat_counts(both=both, only_a=a, only_b=b, neither=neither), real(n))
        covered += low <= true[1] - true[2] <= high
    for _ in range(repetitions):
        quality = rng.beta(2, 2, 200)  # of the image
        a, b = np.clip(quality[None] + rng.normal(0, 0.1, (2, 200)), -9, 9)
        b = b + rng.exponential(0.05, 200)  # of mean 0.05, skewed
        low, high = bca(a, b, int(rng.integers(1 << 30)), 1000)
        covered_iou += low <= -0.05 <= high
    share_exact, share_mid = np.mean(np.array(p_exact) < 0.05), np.mean(np.array(p_mid) < 0.05)
    check("null: exact below 0.05", share_exact <= 0.05, f"{100 * share_exact:.2f} %")
    check("null: mid-p below 0.05", 0.03 <= share_mid <= 0.055, f"{100 * share_mid:.2f} %")
    check("Newcombe's interval covers", 0.94 <= covered / repetitions <= 0.96, f"{100 * covered / repetitions:.2f} %")
    check("BCa covers", 0.94 <= covered_iou / repetitions <= 0.96, f"{100 * covered_iou / repetitions:.2f} %")


def images_of(rng, n):
    """n images of 1 to 5 rows: the number of each row's image."""
    return np.repeat(np.arange(n, dtype=np.int32), rng.integers(1, 6, n))


def judge_clustered_bootstrap(rng):
    """Draws of images, means that are ratios, and BCa with a jackknife over images, again in numpy."""
    for n in (2, 7, 60):
        of = images_of(rng, n)
        quality = rng.normal(0, 1, n)[of]
        a, b = quality + rng.normal(0, 1, len(of)), quality + rng.exponential(1, len(of))
        counts = draws(n, 500, 5)[:, of]
        want = np.array([(counts * column).sum(1) / counts.sum(1) for column in (a, b)])
        got = resample([a, b], 5, 500, of=of)
        agrees(f"resampled means, {n} images", got, want, 1e-9, 1e-3)
        at_once = resample([a, b], 5, 500, 1, of=of)
        check(f"the same by one thread, {n} images", np.array_equal(got, at_once))
        difference, means = a - b, got[0] - got[1]
        without = np.array([difference[of != g].mean() for g in range(n)])
        apart = without.mean() - without
        acceleration = (apart**3).sum() / (6 * (apart**2).sum()**1.5)
        mean = sum(difference) / len(of)
        below = (means < mean).mean() + (means == mean).mean() / 2
        bias = stats.norm.ppf(np.clip(below, 0.5 / 500, 1 - 0.5 / 500))
        z = bias + stats.norm.ppf([0.025, 0.975])
        ends = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
        agrees(f"BCa by images, {n}", bca(a, b, 5, 500, of), ends, 1e-9, 1e-3)
    a, b = rng.normal(0, 1, (2, 50))
    alone = np.arange(50, dtype=np.int32)
    check("images of one row: the same bits as rows", np.array_equal(resample([a, b], 5), resample([a, b], 5, of=alone))
          and bca(a, b, 5) == bca(a, b, 5, of=alone))


def sums(values, of):
    return np.bincount(of, values, of.max() + 1)


def rights(rng, of, share=0.5, alike=0.7):
    """Rows of an image are alike: with probability `alike` each is what its image is."""
    image = rng.random(of.max() + 1) < share
    return np.where(rng.random(len(of)) < alike, image[of], rng.random(len(of)) < share).astype(np.uint8)


def effective(values, of):
    """By the design effect, at most the rows there are."""
    images, n, mean = of.max() + 1, len(of), values.mean()
    of_images = (sums(values - mean, of)**2).sum() * images / (images - 1)
    return min(n, n * ((values - mean)**2).sum() / of_images)


def wilson(values, of):
    sample = cr_stat_sample()
    for image, value in zip(of.tolist(), values.tolist()):
        lib.cr_stat_sample_add(ct.byref(sample), image, int(value))
    return sample, two("sample_wilson", ct.byref(sample), real(1))


def mcnemar(a, b, of):
    return two("mcnemar_clusters", at(a), at(b), rows(of), error=True)


def judge_tests_of_images(rng):
    """Tests whose signs, or columns, change by images: SciPy's permutation test of all ways there are, statsmodels'
    Wilson of the effective number, and the papers' formulas."""
    for round in range(4):
        of = images_of(rng, 12)
        a, b = rights(rng, of, 0.7), rights(rng, of, 0.3 + 0.1 * round)
        apart = sums(a.astype(float) - b, of)
        if np.abs(apart).max() < 2:
            continue
        want = stats.permutation_test((apart, np.zeros(12)), lambda x, y, axis: np.sum(x - y, axis),
                                      permutation_type="samples", vectorized=True, n_resamples=np.inf)
        least = np.abs(want.null_distribution) >= abs(want.statistic) - 1e-9
        same = np.abs(np.abs(want.null_distribution) - abs(want.statistic)) < 1e-9
        agrees("McNemar by images, and mid-p", mcnemar(a, b, of), [least.mean(), least.mean() - same.mean() / 2], 1e-12)
        sample, got = wilson(a, of)
        agrees("effective rows", lib.cr_stat_sample_size(ct.byref(sample)), effective(a.astype(float), of), 1e-12)
        n = effective(a.astype(float), of)
        agrees("Wilson of them", got, proportion.proportion_confint(a.mean() * n, n, method="wilson"), 1e-9)
        x, y = rng.normal(0.3, 1, len(of)).round(1), rng.normal(0, 1, len(of)).round(1)
        signed = sums(np.sign(x - y) * stats.rankdata(np.abs(x - y)), of)  # Rosner, Glynn and Lee
        agrees("Wilcoxon by images", wilcoxon(x, y, of).z, signed.sum() / np.sqrt((signed**2).sum()), 1e-12)
    of = images_of(rng, 400)
    columns = np.array([rights(rng, of, share) for share in (0.5, 0.53, 0.6)])
    values = rng.normal(0, 1, (3, len(of))) + rng.normal(0, 1, (3, 400))[:, of]
    ranks = stats.rankdata(-values, axis=0)
    for what, scores, got in (("Cochran's Q", columns.astype(float), cochran(columns, of)),
                              ("Friedman", ranks, friedman(values, of)[1])):
        of_images = np.array([sums(row, of) for row in scores])
        apart = of_images - of_images.mean(0)
        agrees(what + " by images", got.statistic, 2 * (apart.sum(1)**2).sum() / (apart**2).sum(), 1e-9)
    a, b = columns[:2]
    apart = sums(a.astype(float) - b, of)  # Yang et al., 2010: what two columns are of
    agrees("Cochran's Q of two", cochran(columns[:2], of).statistic, apart.sum()**2 / (apart**2).sum(), 1e-9)
    agrees("McNemar by images near its approximation", mcnemar(a, b, of)[1],
           stats.chi2.sf(apart.sum()**2 / (apart**2).sum(), 1), 0.1)
    alone = np.arange(len(of), dtype=np.int32)
    check("McNemar, images of one row: the same bits", mcnemar(a, b, alone) == two("mcnemar", count(a, b)))


def judge_coverage(repetitions, least, most, most_by_rows):
    """Rows of an image that are alike: how often, in %, intervals by images and by rows hold the truth."""
    rng = np.random.default_rng(22)
    held = {what: [0, 0] for what in ("BCa", "Wilson", "Newcombe", "exact test")}
    for _ in range(repetitions):
        of = images_of(rng, 150)
        rowwise = np.arange(len(of), dtype=np.int32)
        a, b = rights(rng, of, 0.6), rights(rng, of, 0.6)
        x = rng.normal(0, 1, 150)[of] + rng.normal(0, 1, len(of))
        seed = int(rng.integers(1 << 30))
        for k, by in enumerate((of, rowwise)):
            low, high = bca(x, np.zeros(len(of)), seed, 500, by)
            held["BCa"][k] += low <= 0 <= high
            low, high = wilson(a, by)[1]
            held["Wilson"][k] += low <= 0.6 <= high
            size = lib.cr_stat_sample_size(ct.byref(lib.cr_stat_differences(at(a), at(b), rows(by))))
            low, high = two("newcombe", count(a, b), real(size))
            held["Newcombe"][k] += low <= 0 <= high
            held["exact test"][k] += mcnemar(a, b, by)[0] >= 0.05
    for what, counts in held.items():
        by_images, by_rows = 100 * np.array(counts) / repetitions
        check(f"{what}: 95 % by images, not by rows", least <= by_images <= most and by_rows < most_by_rows,
              f"{by_images:.1f} % and {by_rows:.1f} %")


def main():
    if sys.argv[1:] == ["null"]:
        judge_null()
        check.done()
    if sys.argv[1:] == ["coverage"]:
        judge_coverage(600, 92.5, 98, 88)
        check.done()
    rng = np.random.default_rng(17)
    judge_distributions()
    judge_mcnemar()
    judge_power()
    judge_pairs_of_rights(rng)
    judge_values(rng)
    judge_clustered_bootstrap(rng)
    judge_tests_of_images(rng)
    judge_coverage(30, 86, 100, 93)
    judge_many(rng)
    judge_bootstrap(rng)
    if os.path.isdir(f"{KIT}/metrics/paired"):
        judge_kit(f"{KIT}/metrics/paired")
    else:
        print("skipped: the kit's columns: CAMRANK_KIT names no folder with metrics/paired")
    check.done()


main()
