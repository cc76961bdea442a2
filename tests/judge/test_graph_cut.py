"""The protocol backprop-paper, step by step: the maximum flow against SciPy's, colours against SciPy's
normal distributions, and boxes against the whole put together from NumPy and SciPy."""
import ctypes as ct
import sys
import time

try:
    import numpy as np
    import scipy.ndimage
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow
    from scipy.special import logsumexp
    from scipy.stats import multivariate_normal
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, lib
from localize import MAX, MIN_MAX, call, find_boxes, protocol_of

STEPS = ((1, 0), (0, 1), (1, 1), (-1, 1))
N_COLOURS, ROUNDS = 5, 5
report = Checks()


def max_flow(terminals, links):
    height, width = terminals.shape
    terminals, links = (np.ascontiguousarray(a, np.int32) for a in (terminals, links))
    sides, flow = np.zeros((height, width), np.uint8), ct.c_int64()
    call(lib.cr_max_flow, width, height, *(a.ctypes.data_as(ct.c_void_p) for a in (terminals, links, sides)),
         ct.byref(flow))
    return flow.value, sides.astype(bool)


def graph_of(terminals, links):
    """Pixels in raster order, then the source and the sink."""
    height, width = terminals.shape
    n, at = terminals.size, np.arange(terminals.size).reshape(terminals.shape)
    y, x = np.mgrid[:height, :width]
    edges = []
    for k, (dx, dy) in enumerate(STEPS):
        inside = (x + dx >= 0) & (x + dx < width) & (y + dy < height)
        a, b, c = at[inside], at[(y + dy)[inside], (x + dx)[inside]], links[..., k][inside]
        edges += [(a, b, c), (b, a, c)]
    t = terminals.ravel()
    edges += [(np.full(n, n)[t > 0], at.ravel()[t > 0], t[t > 0]), (at.ravel()[t < 0], np.full(n, n + 1)[t < 0], -t[t < 0])]
    rows, columns, values = (np.concatenate(part) for part in zip(*edges))
    graph = csr_matrix((values.astype(np.int32), (rows, columns)), (n + 2, n + 2))
    graph.eliminate_zeros()
    return graph


def scipy_cut(terminals, links):
    graph, n = graph_of(terminals, links), terminals.size
    result = maximum_flow(graph, n, n + 1)
    rest = graph - result.flow
    rest.eliminate_zeros()
    reached = np.zeros(n + 2, bool)
    reached[breadth_first_order(rest, n, return_predecessors=False)] = True
    return result.flow_value, reached[:n].reshape(terminals.shape)


def judge_flow(random):
    wrong = other = n = 0
    for trial in range(200):
        height, width = (int(size) for size in random.integers(1, 24, 2))
        scale = int(random.choice((3, 40, 5000)))
        terminals = random.integers(-scale, scale + 1, (height, width)) * random.integers(0, 2, (height, width))
        if trial % 3 == 0:  # a source and a sink far apart: all has to flow through the links
            terminals[:, 1:-1] = 0
        links = random.integers(0, scale + 1, (height, width, 4)) * (random.random((height, width, 4)) < .8)
        flow, sides = max_flow(terminals, links)
        want, want_sides = scipy_cut(terminals, links)
        wrong += flow != want
        other += (sides != want_sides).any()
        n += flow > 0
    report("the flow is SciPy's maximum_flow, in integers", wrong == 0 and n > 100, f"{wrong} of 200 differ")
    report("the cut is the smallest of the minimum cuts", other == 0, f"{other} of 200 differ")


def mixture(pixels):
    """Weights, means and covariances, by parting groups and then by expectation maximisation."""
    pixels = pixels.astype(np.float64)
    groups = [pixels]
    while len(groups) < N_COLOURS:
        systems = [np.linalg.eigh(np.cov(g.T, bias=True)) for g in groups]
        largest = [values[-1] for values, _ in systems]
        k = int(np.argmax(largest))
        if largest[k] <= 1e-6:
            break
        side = (groups[k] - groups[k].mean(0)) @ systems[k][1][:, -1] > 0
        groups[k:k + 1], more = [groups[k][~side]], groups[k][side]
        groups.append(more)
    weights = np.array([len(g) / len(pixels) for g in groups])
    means = [g.mean(0) for g in groups]
    covariances = [np.cov(g.T, bias=True) + np.eye(3) for g in groups]
    for _ in range(ROUNDS):
        logs = densities(pixels, weights, means, covariances)
        shares = np.exp(logs - logsumexp(logs, 0))
        for k, share in enumerate(shares):
            if share.sum() > 1e-9:
                weights[k] = share.mean()
                means[k] = share @ pixels / share.sum()
                away = pixels - means[k]
                covariances[k] = (share * away.T) @ away / share.sum() + np.eye(3)
    return weights, means, covariances


def densities(pixels, weights, means, covariances):
    return np.array([np.log(w) + np.atleast_1d(multivariate_normal(m, c).logpdf(pixels))
                     for w, m, c in zip(weights, means, covariances)])


def costs(model, pixels):
    return -logsumexp(densities(pixels.astype(np.float64), *model), 0)


class Colour(ct.Structure):
    _fields_ = [("weight", ct.c_double), ("mean", ct.c_double * 3), ("inverse", ct.c_double * 6),
                ("scale", ct.c_double)]


class Colours(ct.Structure):
    _fields_ = [("n", ct.c_int), ("of", Colour * N_COLOURS)]


lib.cr_colours_cost.restype = ct.c_double


def judge_colours(random):
    worst = 0
    for trial in range(20):
        n = int(random.integers(2, 900))
        centres = random.integers(0, 256, (int(random.integers(1, 7)), 3))
        pixels = centres[random.integers(0, len(centres), n)] + random.normal(0, 6, (n, 3)) * (trial % 4 > 0)
        pixels = np.ascontiguousarray(np.clip(pixels, 0, 255), np.uint8)
        colours = Colours()
        call(lib.cr_colours_fit, pixels.ctypes.data_as(ct.c_void_p), ct.c_size_t(n), ct.byref(colours))
        asked = random.integers(0, 256, (50, 3)).astype(np.uint8)
        got = [lib.cr_colours_cost(ct.byref(colours), (ct.c_uint8 * 3)(*(int(v) for v in p))) for p in asked]
        want = costs(mixture(pixels), asked)
        worst = max(worst, np.abs((got - want) / np.maximum(want, 1)).max())
    # Sums of squares of 255 lose eight digits where variances are small; what is far costs 10,000 and more.
    report("densities of colours are those of SciPy's normal distributions", worst < 1e-6,
           f"largest relative difference {worst:.1e}")


def expected_box(map_, picture):
    """Of a map as large as the picture."""
    height, width = map_.shape
    scaled = (map_.astype(np.float64) - map_.min()) / np.ptp(map_.astype(np.float64))
    high, low = np.percentile(scaled, (95, 30))
    above = scaled > high if (scaled > high).any() else scaled >= high
    below = ~above & (scaled <= low)
    if not below.any():
        return 0, 0, width - 1, height - 1
    thing, ground = mixture(picture[above]), mixture(picture[below])
    flat = picture.reshape(-1, 3)
    cost = np.clip(costs(ground, flat) - costs(thing, flat), -1000, 1000).reshape(map_.shape)
    cost[above], cost[below] = 1000, -1000
    colours, y, x = picture.astype(np.int64), *np.mgrid[:height, :width]
    squares, inside = np.zeros((height, width, 4)), np.zeros((height, width, 4), bool)
    for k, (dx, dy) in enumerate(STEPS):
        inside[..., k] = (x + dx >= 0) & (x + dx < width) & (y + dy < height)
        there = colours[np.minimum(y + dy, height - 1), np.clip(x + dx, 0, width - 1)]
        squares[..., k] = ((colours - there) ** 2).sum(2)
    mean = squares[inside].mean()
    beta = 1 / (2 * mean) if mean else 0
    links = np.where(inside, 50 * np.exp(-beta * squares) / [1, 1, 2 ** .5, 2 ** .5], 0)
    _, sides = scipy_cut(*(np.floor(1000 * a + .5).astype(np.int64) for a in (cost, links)))
    parts, _ = scipy.ndimage.label(sides, np.ones((3, 3)))
    rows, columns = scipy.ndimage.find_objects(parts)[np.argmax(np.bincount(parts.ravel())[1:])]
    return columns.start, rows.start, columns.stop - 1, rows.stop - 1


def scene(random, height, width):
    """A blob of some colours before others, and a map that has peaks on it."""
    y, x = np.mgrid[:height, :width]
    cx, cy, rx, ry = random.uniform(.2, .8) * width, random.uniform(.2, .8) * height, random.uniform(.1, .4) * width, random.uniform(.1, .4) * height
    blob = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
    picture = np.where(blob[..., None], random.integers(0, 256, 3), random.integers(0, 256, 3))
    picture = picture + random.normal(0, random.uniform(5, 40), picture.shape) + x[..., None] * random.uniform(-.5, .5)
    map_ = random.random((height, width)) ** 3 * (.3 + blob)
    return map_.astype(np.float32), np.clip(picture, 0, 255).astype(np.uint8), blob


def judge_boxes(random):
    protocol = protocol_of("backprop-paper")
    wrong = whole = 0
    for trial in range(40):
        height, width = (int(n) for n in random.integers(12, 56, 2))
        map_, picture, _ = scene(random, height, width)
        if trial % 8 == 0:
            map_[map_ < np.quantile(map_, .6)] = 0  # no pixel is below the 30th percentile
        if trial == 9:
            map_[map_ < np.quantile(map_, .99)] = 0
        want = expected_box(map_, picture)
        whole += want == (0, 0, width - 1, height - 1)
        wrong += find_boxes(map_, MAX if trial % 2 and map_.min() == 0 else MIN_MAX, protocol, width, height, picture=picture) != [want]
    report("boxes are those of the cut that SciPy finds", wrong == 0 and whole < 20, f"{wrong} of 40 differ, {whole} are the whole")
    map_, picture, _ = scene(random, 30, 40)
    (x0, y0, x1, y1), = find_boxes(map_, MIN_MAX, protocol, 40, 30, picture=picture)
    large = np.kron(map_, np.ones((3, 3), np.float32))
    want = [(3 * x0, 3 * y0, 3 * x1 + 2, 3 * y1 + 2)]
    protocol.upsampling = 1
    report("a box of a reduced picture has the pixels of the image",
           find_boxes(large, MIN_MAX, protocol, 120, 90, picture=picture) == want)
    flat = np.full((30, 40, 3), 90, np.uint8)
    report("a picture of one colour has a box", len(find_boxes(map_, MIN_MAX, protocol, 40, 30, picture=flat)) == 1)
    report("an empty map has that of the whole image",
           find_boxes(0 * map_, MIN_MAX, protocol, 40, 30, picture=picture) == [(0, 0, 39, 29)])


def tell_time(random):
    map_, picture, _ = scene(random, 168, 224)
    protocol = protocol_of("backprop-paper")
    spent = []
    for _ in range(5):
        begun = time.process_time()
        find_boxes(map_, MIN_MAX, protocol, 224, 168, picture=picture)
        spent.append(time.process_time() - begun)
    print(f"a picture of 224 x 168 takes {1000 * min(spent):.0f} ms")


judge_flow(np.random.default_rng(1))
judge_colours(np.random.default_rng(2))
judge_boxes(np.random.default_rng(3))
tell_time(np.random.default_rng(4))
report.done()
