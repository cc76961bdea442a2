"""core/method: every method against the kit's maps, which the peers' own programs made."""
import sys

try:
    import numpy as np
    import PIL  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from camrank import Checks, Explainer, kit_or_skip, method_spec
from method_peers import error_of, networks, tolerance

checks = Checks()


def check_peers(network):
    references = list(network.references())
    worst = {}
    for layer in sorted({row[1] for row in references}):
        rows = [row for row in references if row[1] == layer]
        specs = [method_spec(f"{method}@{network.value_name(layer)}", **parameters)
                 for _, _, method, parameters, _ in rows]
        explainer = Explainer(network.graph, specs, len(network.x), 2)
        logits = explainer.net.forward(network.x)
        off = np.abs(logits - network.golden["logits"]).max()
        maps = explainer.maps(network.classes)
        for (key, _, _, _, want), got in zip(rows, maps):
            error = error_of(key, got[:len(want), :, 0], want)
            worst[f"{key}@{layer}"] = error, tolerance(key, layer)
    bad = {key: error for key, (error, most) in worst.items() if not error <= most}
    print("\n".join(f"    {key:45} {error:.1e}" for key, (error, _) in sorted(worst.items())))
    checks(f"{network.name}: {len(worst)} keys of the peers", worst and not bad,
           f"logits within {off:.1e}; " + ", ".join(f"{k} {e:.1e}" for k, e in bad.items()))


def main():
    kit_or_skip()
    for network in networks():
        check_peers(network)
    checks.done()


main()
