"""Compares two results files bit by bit.

usage: compare_h5.py A.h5 B.h5 [--but-images ID,ID...]

Groups, datasets and attributes must be the same, in type, shape and bytes. With --but-images the
rows of these images are left out, and the summary and the text of the job with them.
Prints what differs; exit code 0 the same, 1 different, 77 skipped.
"""

import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def objects(file):
    found = {"/": file}
    file.visititems(lambda name, thing: found.__setitem__("/" + name, thing))
    return found


def attribute(thing, name):
    """Type, shape and bytes of an attribute."""
    raw = thing.attrs.get_id(name)
    values = np.asarray(thing.attrs[name])
    content = values.tolist() if values.dtype.kind == "O" else values.tobytes()
    return (raw.dtype, raw.shape, content)


def contents(dataset, rows):
    values = dataset[()]
    if rows is not None and dataset.name.startswith("/models/"):
        values = values[rows]
    return values.tobytes()


def differences(a, b, but):
    things_a, things_b = objects(a), objects(b)
    for name in sorted(things_a.keys() ^ things_b.keys()):
        yield f"{name}: only in one"
    rows = None
    if but:
        ids = [i.decode() for i in a["/images/id"][()]]
        rows = np.array([i not in but for i in ids])
        if rows.sum() != len(ids) - len(but):
            yield f"the files do not hold {but}"
    for name in sorted(things_a.keys() & things_b.keys()):
        one, two = things_a[name], things_b[name]
        if set(one.attrs) != set(two.attrs):
            yield f"{name}: attributes {sorted(set(one.attrs) ^ set(two.attrs))} only in one"
        for key in sorted(set(one.attrs) & set(two.attrs)):
            if but and key in ("job", "overrides", "folder", "failed"):
                continue
            if attribute(one, key) != attribute(two, key):
                yield f"{name}: attribute {key}: {one.attrs[key]!r} is not {two.attrs[key]!r}"
        if not isinstance(one, h5py.Dataset) or (but and name == "/summary"):
            continue
        if (one.dtype, one.shape) != (two.dtype, two.shape):
            yield f"{name}: {one.dtype} {one.shape} is not {two.dtype} {two.shape}"
        elif contents(one, rows) != contents(two, rows):
            yield f"{name}: other bytes"


def main():
    but = sys.argv[4].split(",") if len(sys.argv) > 4 else []
    with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "r") as b:
        found = list(differences(a, b, but))
        n_rows = sum(isinstance(thing, h5py.Dataset) for thing in objects(a).values())
    if n_rows == 0:
        found.append("there is no dataset")
    for line in found:
        print(line)
    sys.exit(bool(found))


main()
