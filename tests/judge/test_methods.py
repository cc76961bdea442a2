"""core/method against formulas in numpy, against the kit's maps, which the peers' own programs made, and
what holds for every method of the table."""
import ctypes as ct
import sys

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from camrank import Checks, Explainer, Graph, Net, lib, load_double, method_spec, methods, run_method
from method_formulas import DEFAULTS, FORMULAS, finer_seed, formula, random_weights
from method_peers import SIGNED, error_of, networks, tolerance, why_no_networks
from structs import CR_NEEDS_ATTENTION as ATTENTION, CR_NEEDS_CURVATURE as CURVATURE, CR_NEEDS_GRADIENTS as GRADIENTS
from structs import CR_NEEDS_HEAD as HEAD, CR_NEEDS_PASSES as PASSES, CR_NEEDS_TAIL as TAIL

# Those of the input are in test_backprop.py, those of relevance in test_lrp.py, those that run the network again in test_passes.py.
NAMES = [method.name.decode() for method in methods() if not method.needs & (PASSES | TAIL) and
         not (method.of_input or method.join or method.relevance or method.needs & ATTENTION)]
TABLE = {method.name.decode(): method for method in methods()}
# Besides the defaults.
VARIANTS = [("grad-cam", dict(average="positive")), ("grad-cam", dict(average="absolute")),
            ("grad-cam++", dict(epsilon=1e-6)), ("grad-cam++", dict(alpha="square")),
            ("xgrad-cam", dict(epsilon=1e-2)), ("fem", dict(k=.5)), ("eigen-cam", dict(centre=False)),
            ("eigen-grad-cam", dict(centre=False)), ("seg-eigen-cam", dict(centre=False))]
ONE_PRODUCT = ("cam", "grad-cam")
# Channels, height and width: more places than channels and fewer, odd numbers, a single one.
SHAPES = [(7, 5, 3), (33, 14, 14), (512, 7, 7), (2048, 7, 7), (5, 1, 1), (1, 4, 4)]

checks = Checks()
rng = np.random.default_rng(5)


# --- a method by itself --------------------------------------------------------------------------

class Case:
    """A layer of this shape as a ReLU leaves it, or signed, and what three classes make of it."""

    def __init__(self, shape, signed=False, uniform=False):
        self.A = rng.standard_normal(shape).astype(np.float32)
        self.A = self.A if signed else np.maximum(self.A, 0)
        size = shape[:1] if uniform else shape
        self.g = (rng.standard_normal((3, *size)) / np.prod(shape[1:])).astype(np.float32)
        self.h = self.g[::-1] * 3
        self.head = rng.standard_normal((3, shape[0])).astype(np.float32)
        self.classes = np.array([4, 900, 17])

    def expanded(self, slot, curved=False):
        g = self.g[slot] - (self.h[slot] / 2 if curved else 0)
        return g if g.ndim == 3 else np.broadcast_to(g[:, None, None], self.A.shape)

    def maps(self, name, slots=(0, 1, 2), image_seed=9, **parameters):
        slots, needs = list(slots), TABLE[name].needs
        return run_method(method_spec(name, **parameters), self.A,
                          self.g[slots] if needs & GRADIENTS else None,
                          self.head[slots] if needs & HEAD else None, self.classes[slots], seed=image_seed,
                          curvature=self.h[slots] if needs & CURVATURE else None)

    def expected(self, name, **parameters):
        if name == "cam":
            return np.tensordot(self.head, self.A, 1)
        if name == "random-cam":
            p = {**DEFAULTS[name], **parameters}
            weights = [random_weights(9, int(c), len(self.A), p) for c in self.classes]
            return np.tensordot(weights, self.A, 1)
        slots = range(1 if TABLE[name].of_image else 3)
        curved = TABLE[name].needs & CURVATURE
        return np.stack([formula(name, self.A, self.expanded(slot, curved), **parameters)
                         for slot in slots])


def far(got, want):
    """The largest error, over the largest value of the map."""
    return (abs(got - want).max((1, 2)) / np.maximum(abs(want).max((1, 2)), 1e-30)).max()


def check_formulas():
    for signed, uniform in [(False, False), (True, False), (False, True), (True, True)]:
        worst = {}
        for shape in SHAPES:
            case = Case(shape, signed, uniform)
            for name, parameters in [(name, {}) for name in NAMES] + VARIANTS:
                want = case.expected(name, **parameters)
                off = 0 if abs(want).max() < 1e-12 and abs(case.maps(name, **parameters)).max() < 1e-6 \
                    else far(case.maps(name, **parameters), want)
                key = name + "".join(f" {k}={v}" for k, v in parameters.items())
                worst[key] = max(worst.get(key, 0), off)
        bad = {key: off for key, off in worst.items() if not off < 2e-5}
        print("\n".join(f"    {key:35} {off:.1e}" for key, off in worst.items()))
        checks(f"formulas, {'signed' if signed else 'positive'} activations, gradients "
               f"{'the same everywhere' if uniform else 'of each place'}", not bad,
               ", ".join(f"{k} {v:.1e}" for k, v in bad.items()) or f"within {max(worst.values()):.1e}")


def check_slots():
    """A class's bits are the same alone, among others, and wherever it stands; of the two methods that
    take all slots in one product, to rounding."""
    orders = [(0, 1, 2), (1, 0, 2, 2, 1, 0), (0, 2, 0, 2, 0, 1), (2, 2, 0, 1, 1, 0, 2, 0)]
    for name in NAMES:
        differ = []
        for shape in SHAPES:
            for uniform in (False, True):
                case = Case(shape, uniform=uniform)
                alone = [case.maps(name, [c])[0] for c in range(3)]
                for order in orders:
                    pairs = [(m, alone[c]) for m, c in zip(case.maps(name, order), order)]
                    if any(abs(m - a).max() > 1e-6 * abs(a).max() if name in ONE_PRODUCT else
                           m.tobytes() != a.tobytes() for m, a in pairs):
                        differ.append((shape, order))
        checks(f"{name}: the same in every slot", not differ, f"{differ}" if differ else "")


def check_scale():
    """A layer of twice the values, whose gradients are half, is the same layer to the classes."""
    for name in NAMES:
        case = Case((33, 14, 14), signed=True)
        want = case.maps(name) * (1 if TABLE[name].needs & GRADIENTS else 2)
        case.A, case.g, case.h = case.A * 2, case.g / 2, case.h / 2
        if name != "kpca-cam":  # its kernel has a scale
            off = far(case.maps(name), want)
            checks(f"{name}: of a layer that is scaled", off < 1e-5, f"{off:.1e}")


def check_empty():
    for name in NAMES:
        ok = True
        for shape in SHAPES:
            for uniform in (False, True):
                case = Case(shape, uniform=uniform)
                case.A[:] = 0
                ok &= not case.maps(name).any()
                case.g[:] = 0
                ok &= not case.maps(name).any()
                case = Case(shape, uniform=uniform)
                case.g[:] = 0
                ok &= np.isfinite(case.maps(name)).all()
        case = Case((33, 14, 14))
        case.A[3, 5, 5] = np.nan
        ok &= not np.isfinite(case.maps(name)).all((1, 2)).any()
        checks(f"{name}: zero of a layer of zeros, not finite of one with NaN", ok)


def check_random():
    weights, case = random_weights(9, 4, 20000, dict(seed=0)), Case((512, 7, 7))
    one, another = case.maps("random-cam")[:2]
    others = [another, case.maps("random-cam", image_seed=10)[0], case.maps("random-cam", seed=1)[0]]
    alike = max(abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) for other in others)
    checks("random-cam: uniform weights, others of each class, image and seed",
           abs(weights.mean()) < .02 and abs(weights.var() - 1 / 3) < .01 and alike < .8,
           f"correlation {alike:.2f}")


def check_seed():
    """What Finer-CAM follows back, of likely classes and of such as epsilon outweighs."""
    worst, method = 0, TABLE["finer-cam"]
    forms = [{}, dict(n=1, gamma=1), dict(weights="softmax"), dict(weights="softmax", n=5, epsilon=1e-9),
             dict(weights="softmax", gamma=1, epsilon=1e-3), dict(n=32)]
    for parameters in forms:
        for spread in (1, 5, 20):
            logits = (spread * rng.standard_normal(50)).astype(np.float32)
            logits[20:25] = logits[3] + np.float32([1, -1, 1, -1, 1]) / 64  # all as near
            for c in (3, 7, int(logits.argmax()), int(logits.argmin())):
                spec, seed = method_spec("finer-cam", **parameters), np.zeros(50, np.float32)
                method.seed(ct.addressof(spec.parameters), logits.ctypes.data, 50, c, seed.ctypes.data)
                p = {**DEFAULTS["finer-cam"], **parameters}
                want = finer_seed(logits.astype(np.float64), c, p)
                worst = max(worst, abs(seed - want).max() / abs(want).max())
    one = np.zeros(1, np.float32)
    spec = method_spec("finer-cam", weights="softmax")
    method.seed(ct.addressof(spec.parameters), one.ctypes.data, 1, 0, one.ctypes.data)
    checks("finer-cam: the target that is followed back", worst < 1e-6 and one[0] == 1, f"{worst:.1e}")


def check_eigenvector():
    worst = 0
    lib.cr_top_eigenvector_work.restype, lib.cr_top_eigenvector.restype = ct.c_size_t, ct.c_bool
    for n in (1, 2, 3, 49, 300):
        for x in (rng.standard_normal((n, n + 5)), np.zeros((n, 2)), -np.eye(n)):
            a = x @ x.T if x.shape != (n, n) else x.copy()
            work, value = np.empty(lib.cr_top_eigenvector_work(n)), ct.c_double()
            vector, lower = np.empty(n), np.tril(a)
            ok = lib.cr_top_eigenvector(n, *[v.ctypes.data_as(ct.c_void_p) for v in (lower, work)],
                                        ct.byref(value), vector.ctypes.data_as(ct.c_void_p))
            want = np.linalg.eigvalsh(a)[-1]
            off = max(abs(a @ vector - value.value * vector).max(), abs(value.value - want),
                      abs(vector @ vector - 1)) if ok else np.inf
            worst = max(worst, off / max(1, abs(want)))
    checks("the first eigenvector of a matrix", worst < 1e-12, f"{worst:.1e}")


# --- networks of the kit -------------------------------------------------------------------------

class Source:
    """Activations and gradients of a layer, from the network alone, in one of two precisions."""

    def __init__(self, network, layer, library):
        self.graph = network.graph if library is lib else Graph(network.graph.data, network.name,
                                                                lib=library)
        n, value = len(network.x), self.graph.find(network.value_name(layer))
        self.classes, self.net = network.classes, Net(self.graph, n, [(value, True)], 2)
        self.logits = self.net.forward(network.x)
        self.A = self.net.activations(0, n)
        self.of_class = self.followed(lambda logits, c: np.eye(len(logits))[c])

    def followed(self, seed):
        """Gradients [n, 2, K, h, w] of functions of the logits, given by theirs."""
        seeds = np.stack([[seed(logits.astype(np.float64), c) for c in classes]
                          for logits, classes in zip(self.logits, self.classes)])
        found, step = [], self.net.backward_images()
        for first in range(0, len(seeds), step):
            now = seeds[first:first + step]
            self.net.backward_seeded(first, now)
            found.append(self.net.gradients(0, len(now)))
        return np.concatenate(found)

    def maps(self, method, n, parameters):
        """Of the first n images."""
        p = {k: v for k, v in parameters.items() if k != "relu"}
        g, slots = self.of_class, range(1 if TABLE[method].of_image else 2)
        if method == "finer-cam":
            g = self.followed(lambda logits, c: finer_seed(logits, c, {**DEFAULTS[method], **p}))
        maps = np.stack([[formula(method, A, of_image[slot], **p) for slot in slots]
                         for A, of_image in zip(self.A[:n], g)])
        return np.maximum(maps, 0) if parameters.get("relu", True) else maps


def check_peers(network, double):
    """Three links: our map is what the formula gives of the same activations and gradients; the formula,
    computed in double precision throughout, is what the peer computed; and our map is that as well, but
    in images in which a ReLU or a pooling falls to the other side in single precision, or whose
    denominators are near zero. Of those there are few, but at the layer that has no ReLU."""
    references, n, bad = list(network.references()), len(network.x), []
    some = min(n, 6)
    print(f"    {'':45} ours/formula  formula/peer  ours/peer: median, largest")
    for layer in sorted({row[1] for row in references}):
        rows = [row for row in references if row[1] == layer]
        specs = [method_spec(f"{method}@{network.value_name(layer)}", **parameters)
                 for _, _, method, parameters, _ in rows]
        explainer = Explainer(network.graph, specs, n, 2)
        explainer.net.forward(network.x)
        maps = explainer.maps(network.classes)
        single, exact = [Source(network, layer, library) for library in (lib, double)]
        for (key, _, method, parameters, want), got in zip(rows, maps):
            got, links = got[:, :, 0], np.zeros(2)
            if lib.cr_method_find(method.encode()).contents.of_image:
                got = got[:, :1]
            want = want.reshape(got.shape)
            if method in FORMULAS:
                links = [error_of(key, got[:some], single.maps(method, some, parameters)).max(),
                         error_of(key, exact.maps(method, some, parameters), want[:some]).max()]
            off, most = error_of(key, got, want), tolerance(key, layer)
            few = .5 if layer == SIGNED else .125
            if not (links[0] < 2e-5 and links[1] < 1e-6 and (off > most).mean() <= few):
                bad.append(f"{key}@{layer}")
            print(f"    {key + '@' + layer:45} {links[0]:.1e}       {links[1]:.1e}       "
                  f"{np.median(off):.1e} {off.max():.1e}  {(off > most).sum()} of {n} off")
    checks(f"{network.name}: {len(references)} keys of the peers", references and not bad,
           ", ".join(bad))


def check_company(network):
    """Each variant's maps, bit for bit, alone and beside all others, one image and several."""
    layers = sorted({row[1] for row in network.references()})
    names = [(name, layer) for name in NAMES for layer in layers
             if not TABLE[name].needs & HEAD or network.is_pooled(layer)]
    specs = [method_spec(f"{name}@{network.value_name(layer)}") for name, layer in names]
    x, classes = network.x[:3], network.classes[:3]
    together = Explainer(network.graph, specs, 3, 2)
    together.net.forward(x)
    maps, differ = together.maps(classes, seeds=[5, 6, 7]), []
    for spec, label, among in zip(specs, names, maps):
        alone = Explainer(network.graph, [spec], 1, 2)
        for i in range(3):
            alone.net.forward(x[i:i + 1])
            if alone.maps(classes[i:i + 1], seeds=[5 + i])[0].tobytes() != among[i].tobytes():
                differ.append(label)
        if not np.isfinite(among).all() or np.ptp(among) == 0:
            differ.append(label + ("empty",))
        if not spec.method.contents.of_image and np.array_equal(among[:, 0], among[:, 1]):
            differ.append(label + ("of no class",))
    checks(f"{network.name}: {len(names)} variants, alone and together", not differ, f"{differ}")


def main():
    lib.cr_blas_load(None)
    checks("every row has a source and a formula", all(m.source and m.formula for m in methods()))
    check_formulas()
    check_slots()
    check_scale()
    check_empty()
    check_random()
    check_seed()
    check_eigenvector()
    if why_no_networks():
        print(f"skipped: the kit's networks, as {why_no_networks()}")
    else:
        double = load_double()
        for network in networks():
            check_peers(network, double)
            check_company(network)
    checks.done()


main()
