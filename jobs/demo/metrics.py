"""All methods by all metrics on the embedded sample: prints the tables of docs/metrics.md, or writes them there.

usage: metrics.py [--images N] [--write FILE] CAMRANK

Network gap, N images of the 300 (24), which have boxes and no masks. Methods as in methods.py; metrics with their
defaults but for numbers of steps and samples that would take hours. The same tables on every run.
"""
import argparse
import re
import textwrap

from methods import item_of, methods_of, output_of, row_of, rows_of, write_into

# Numbers by tables: keys, titles, and which way is better, which `camrank metrics` says.
TABLES = {
    "Where the map lies": ("gt_known_loc_error", "max_box_acc_v2", "corloc", "pointing_game", "pointing_game_exact",
                           "energy_pointing_game", "relevance_rank", "relevance_auc", "top_k_intersection"),
    "How it is shaped, how it moves": ("sparseness", "complexity", "effective_complexity", "max_sensitivity",
                                       "avg_sensitivity", "adcc", "adcc_coherency", "adcc_complexity"),
    "What the network says where the map is kept or hidden": (
        "average_drop", "increase_in_confidence", "average_gain", "insertion_auc", "deletion_auc", "road_combined",
        "pixel_flipping_auc", "region_perturbation_aopc", "irof"),
    "Whether it says how much": ("faithfulness_correlation", "sensitivity_n", "infidelity", "monotonicity",
                                 "monotone_steps", "monotonicity_correlation")}
CHANGED = {"insertion": {"steps": 56}, "deletion": {"steps": 56}, "pixel-flipping": {"steps": 50},
           "region-perturbation": {"regions": 50}, "faithfulness-correlation": {"samples": 50},
           "sensitivity-n": {"samples": 25, "sizes": 4}, "infidelity": {"samples": 50},
           "max-sensitivity": {"samples": 3}}
CONTROL = "random-cam"


def metrics_of(camrank):
    """Name, and of its numbers +1 where up is better, else -1, and the title."""
    for text in re.split(r"\n(?=\S)", output_of(camrank, "metrics").rstrip()):
        if "needs masks" not in text:
            yield text.split("\n")[0], {
                key: (1 if way == "up" else -1, f"`{key}`{' %' if of == 'percent' else ''} {'↑' if way == 'up' else '↓'}")
                for key, of, way in re.findall(r"^    (\w+) +(.*?), better (up|down)", text, re.MULTILINE)}


def job_items(metrics):
    return "[" + ", ".join("{" + ", ".join([f"name: {name}", *(f"{k}: {v}" for k, v in CHANGED.get(name, {}).items())])
                           + "}" for name in metrics) + "]"


def shown(value):
    return "" if value is None else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def ranks_of(values):
    """From 1, of equal values the mean."""
    return [(sum(v < value for v in values) + sum(v <= value for v in values) + 1) / 2 for value in values]


def correlation_of(a, b):
    """Spearman's; 0 where either is the same for all."""
    a, b = ranks_of(a), ranks_of(b)
    a, b = ([x - sum(of) / len(of) for x in of] for of in (a, b))
    squares = sum(x * x for x in a) * sum(y * y for y in b)
    return sum(x * y for x, y in zip(a, b)) / squares ** .5 if squares else 0


def table_of(rows, keys, numbers):
    yield "| method | " + " | ".join(numbers[key][1] for key in keys) + " |"
    yield "|" + "---|" * (len(keys) + 1)
    for name, row in rows.items():
        yield f"| `{name}` | " + " | ".join(shown(row[key]) for key in keys) + " |"


def summary_of(rows, keys, numbers):
    """Of each number the best method, and what a map that knows nothing gets."""
    yield ("| number | best method | its value | random-cam's | methods that are better than random-cam "
           "| Spearman's r with `gt_known_loc_error` |")
    yield "|---|---|--:|--:|--:|--:|"
    errors = [row["gt_known_loc_error"] for row in rows.values()]
    for key in keys:
        way, title = numbers[key]
        good = {name: way * row[key] for name, row in rows.items()}
        best = max(good, key=good.get)
        name_of_best = f"`{best}`" if good[best] > min(good.values()) else "all the same"
        others = len(good) - 1
        better = sum(value > good[CONTROL] for name, value in good.items() if name != CONTROL)
        r = correlation_of(list(good.values()), [-error for error in errors])
        yield (f"| {title} | {name_of_best} | {shown(rows[best][key])} | {shown(rows[CONTROL][key])} "
               f"| {better} of {others} | {r:.2f} |")


def tables(camrank, images):
    metrics = dict(metrics_of(camrank))
    numbers = {key: of for metric in metrics.values() for key, of in metric.items()}
    methods = [name for name, _ in methods_of(camrank)]
    of_row = {row_of(name): name for name in methods}
    found = rows_of(camrank, methods, images, "cam-paper", job_items(metrics))
    rows = {of_row[row["variant"]]: row for row in found if row["variant"] in of_row}
    baselines = {row["variant"]: row for row in found if row["model"] == "baseline"}
    changed = "; ".join(f"`{name}` ({', '.join(f'`{k}: {v}`' for k, v in of.items())})" for name, of in CHANGED.items())
    changed_methods = ", ".join(f"`{item_of(name)}`" for name in methods if name in rows and row_of(name) != name)
    yield textwrap.fill(f"The first {images} images under the network `gap`, of the ground-truth class where a metric does "
                        f"not say otherwise, protocol `cam-paper`. Fewer steps or samples than by default: {changed}. "
                        f"Methods that would take hours have fewer, too: {changed_methods}.", 125,
                        break_on_hyphens=False)
    yield "\n### What each number tells apart\n"
    yield from summary_of(rows, [key for keys in TABLES.values() for key in keys], numbers)
    for title, keys in TABLES.items():
        yield f"\n### {title}\n"
        yield from table_of({**rows, **baselines} if "gt_known_loc_error" in keys else rows, keys, numbers)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("camrank")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--write", metavar="FILE")
    options = parser.parse_args()
    write_into(options.write, "metrics.py", "\n".join(tables(options.camrank, options.images)))


main()
