"""The figures of docs/scaling.md: simulated runs over 10 to 10,000 ranks.

usage: scaling.py DOCS     writes DOCS/scaling.png, and the tables into DOCS/scaling.md

Seeded: the same output on every machine. CALIBRATION is what `make bench-scaling` printed on the
machine that the page describes.
"""

import dataclasses
import math
import os
import re
import sys

from simulate import Cluster, Policy, Storage, Unit, reduction_s, simulate

N_IMAGES, N_MODELS, N_VARIANTS = 50_000, 20, 2
RANKS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)

# Seconds of one core for one image; layers of equal length, as few as if all took what the longest does.
CALIBRATION = {
    "resnet50": {"forward_s": 0.0649, "layers": 60, "decode_s": 0.0018, "boxes_s": 0.0013},
    "squeezenet": {"forward_s": 0.0133, "layers": 44, "decode_s": 0.0020, "boxes_s": 0.0021},
}

BEFORE = Policy(drives_from=math.inf, dearest_first=False, share_rows=1, reads_ahead=False)
SLOW_RANKS = Cluster(slow_share=0.02, slow_factor=3)
FOLDER = Cluster(storage=Storage(opens=50_000))
LARGE = Cluster(storage=Storage(servers=64))
ONE_SERVER = Cluster(storage=Storage(servers=1))
SLOW_SERVER = Cluster(storage=Storage(slow_factor=5))


def unit(network, batch=16, times=1.0):
    c = CALIBRATION[network]
    layer_s = times * batch * c["forward_s"] / c["layers"]
    return Unit(batch * c["decode_s"], (layer_s,) * c["layers"], batch * c["boxes_s"], images=batch,
                row_bytes=2_500 * batch)


def job(network, batch=16, spread=0.0):
    """Units of all models; with `spread`, from 1 - spread to 1 + spread times as dear, the dearest
    last."""
    n_chunks = -(-N_IMAGES // batch)
    return [unit(network, batch, 1 + spread * (2 * m / (N_MODELS - 1) - 1))
            for m in range(N_MODELS) for _ in range(n_chunks)]


def efficiency(n_ranks, units, cluster=Cluster(), policy=Policy()):
    """In percent, the counting at the end included; and the run itself."""
    run = simulate(n_ranks, units, cluster, policy)
    end_s = reduction_s(n_ranks, N_IMAGES, N_MODELS, N_VARIANTS, cluster, policy)
    return 100 * run.ideal_s / (run.makespan_s + end_s), run, end_s


SCENARIOS = {
    "ResNet-50, all ranks and servers equal": (job("resnet50"), Cluster()),
    "the same, 64 storage servers": (job("resnet50"), LARGE),
    "the same, 64 storage servers, `batch: 8`": (job("resnet50", 8), LARGE),
    "2 % of the ranks 3 times slower": (job("resnet50"), SLOW_RANKS),
    "networks from 0.2 to 1.8 times ResNet-50": (job("resnet50", 16, 0.8), Cluster()),
    "these, 2 % of the ranks 3 times slower": (job("resnet50", 16, 0.8), SLOW_RANKS),
    "SqueezeNet, all equal": (job("squeezenet"), Cluster()),
    "one storage server of 16 is 5 times slower": (job("resnet50"), SLOW_SERVER),
    "images in a folder: 50,000 opens a second": (job("resnet50"), FOLDER),
    "all files on one storage server": (job("resnet50"), ONE_SERVER),
}


def table_of_scenarios(now):
    shown = (10, 100, 1000, 10_000)
    yield "| efficiency in %, ranks: | " + " | ".join(f"{n:,}" for n in shown) + " |"
    yield "|---|" + "---|" * len(shown)
    for name, values in now.items():
        yield f"| {name} | " + " | ".join(f"{values[n][0]:.1f}" for n in shown) + " |"


def table_of_policies(now):
    """What each of the four rules of the driver is worth."""
    rules = {
        "no rule": BEFORE,
        "counting in runs of 4096 rows": dataclasses.replace(BEFORE, share_rows=4096),
        "and dearest network first": dataclasses.replace(BEFORE, share_rows=4096,
                                                         dearest_first=True),
        "and rank 0 only drives from 512 ranks on": Policy(plenty=math.inf, reads_ahead=False),
        "and images are read ahead: what camrank does": Policy(),
    }
    name = "these, 2 % of the ranks 3 times slower"
    units, cluster = SCENARIOS[name]
    yield "| efficiency in %, ranks: | 1,000 | 10,000 |"
    yield "|---|---|---|"
    for rule, policy in rules.items():
        found = [efficiency(n, units, cluster, policy)[0] for n in (1000, 10_000)]
        yield f"| {rule} | " + " | ".join(f"{value:.1f}" for value in found) + " |"


def table_of_rank_0():
    """How short units may be before rank 0 cannot answer in time; the storage is left out."""
    free = Cluster(storage=Storage(operations=math.inf, bandwidth=math.inf, delay_s=0))
    lengths = (2.0, 0.5, 0.2, 0.1, 0.05, 0.02)
    yield "| seconds a unit | " + " | ".join(f"{s:g}" for s in lengths) + " |"
    yield "|---|" + "---|" * len(lengths)
    for n in (1000, 5000, 10_000):
        cells = []
        for seconds in lengths:
            one = Unit(0.1 * seconds, (0.8 * seconds / 40,) * 40, 0.1 * seconds)
            run = simulate(n, [one] * (n * 20), free)
            cells.append(f"{100 * run.efficiency:.0f} ({100 * run.answering:.0f})")
        yield f"| {n:,} ranks | " + " | ".join(cells) + " |"


def table_at_10000(now):
    yield "| at 10,000 ranks | run, s | counting, s | ideal, s | efficiency, % | rank 0 answers, % |"
    yield "|---|---|---|---|---|---|"
    for name, values in now.items():
        share, run, end_s = values[10_000]
        yield (f"| {name} | {run.makespan_s:.2f} | {end_s:.2f} | {run.ideal_s:.2f} | {share:.1f} | "
               f"{100 * run.answering:.0f} |")


def draw(now, before, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pyplot.rcParams.update({"font.size": 8, "svg.hashsalt": "camrank"})
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), sharey=True, dpi=100)
    groups = (("ranks and networks", list(now)[:6]), ("storage, and a quick network",
                                                      list(now)[:1] + list(now)[6:]))
    for axis, (title, names) in zip(axes, groups):
        for name in names:
            line, = axis.plot(RANKS, [now[name][n][0] for n in RANKS], marker=".", lw=1.2,
                              label=name.replace("`", ""))
            if name in before:
                axis.plot(RANKS, [before[name][n][0] for n in RANKS], ls=":", lw=1,
                          color=line.get_color())
        axis.set(xscale="log", xlabel="ranks", title=title, ylim=(0, 102))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=6.5, loc="lower left")
    axes[0].set_ylabel("efficiency, %")
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})


def put(text, name, lines):
    """Replaces what stands between the marks of a table."""
    marks = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    table = "\n".join(lines) + "\n"
    found, n = re.subn(re.escape(marks[0]) + ".*?" + re.escape(marks[1]),
                       lambda _: marks[0] + table + marks[1], text, flags=re.DOTALL)
    if n != 1:
        sys.exit(f"scaling.py: the page has no place for the table \"{name}\"")
    return found


def main():
    docs = sys.argv[1]
    now = {name: {n: efficiency(n, *args) for n in RANKS} for name, args in SCENARIOS.items()}
    before = {name: {n: efficiency(n, *SCENARIOS[name], BEFORE) for n in RANKS}
              for name in list(SCENARIOS)[4:6]}
    page = os.path.join(docs, "scaling.md")
    with open(page) as f:
        text = f.read()
    text = put(text, "scenarios", table_of_scenarios(now))
    text = put(text, "10,000 ranks", table_at_10000(now))
    text = put(text, "rules", table_of_policies(now))
    text = put(text, "rank 0", table_of_rank_0())
    with open(page, "w") as f:
        f.write(text)
    draw(now, before, os.path.join(docs, "scaling.png"))


main()
