"""Image sets for the tests in Python: cr_data_read through ctypes, and files to read from.

The readers of wsolevaluation's files and of the devkit's meta.mat here are the tests' own.
"""
import csv
import ctypes as ct
import io
import os
import struct
import tarfile
import zlib

import numpy as np

from camrank import array_at, check as raise_refused, lib
from structs import (cr_box, cr_data_class, cr_data_image, cr_data_source, cr_dataset, cr_error,
                     cr_layout)

FREE = ct.CDLL(None).free
FREE.argtypes = [ct.c_void_p]
FREE.restype = None
FIND = lib.cr_layout_find
FIND.restype = ct.POINTER(cr_layout)


class Set:
    """What cr_data_read gives, as numpy arrays and lists."""

    def __init__(self, layout, subset_classes=(), **paths):
        error, self.data = cr_error(), cr_dataset()
        classes = (ct.c_char_p * max(1, len(subset_classes)))(*[c.encode() for c in subset_classes])
        source = cr_data_source(layout=FIND(layout.encode()),
                                subset_classes=classes, n_subset_classes=len(subset_classes),
                                **{k: v.encode() if isinstance(v, str) else v
                                   for k, v in paths.items()})
        raise_refused(lib.cr_data_read(ct.byref(source), ct.byref(self.data), ct.byref(error)),
                      error)
        raise_refused(lib.cr_data_open(ct.byref(self.data), ct.byref(error)), error)
        d = self.data
        self.images = array_at(d.images, d.n_images, cr_data_image)
        boxes = array_at(d.boxes, d.n_boxes, cr_box)
        self.boxes = np.stack([boxes[side] for side in ("x0", "y0", "x1", "y1")], 1)
        self.classes = array_at(d.classes, d.n_classes, cr_data_class)
        text = ct.string_at(d.text, d.text_bytes)
        self.text = text
        self.ids = [text[i:text.index(b"\0", i)].decode() for i in self.images["id"]]
        self.wnids = [text[i:text.index(b"\0", i)].decode() for i in self.classes["wnid"]]

    def file(self, i):
        start = self.images["file"][i]
        return self.text[start:self.text.index(b"\0", start)].decode()

    def read(self, i):
        error, pointer, n = cr_error(), ct.c_void_p(), ct.c_size_t()
        raise_refused(lib.cr_data_image_read(ct.byref(self.data), i, ct.byref(pointer),
                                             ct.byref(n), ct.byref(error)), error)
        content = ct.string_at(pointer, n.value)
        FREE(pointer)
        return content

    def close(self):
        lib.cr_data_free(ct.byref(self.data))


def same(a, b):
    return (a.ids == b.ids and (a.images["label"] == b.images["label"]).all() and
            (a.images["n_boxes"] == b.images["n_boxes"]).all() and
            (a.images["localize"] == b.images["localize"]).all() and
            a.boxes.tobytes() == b.boxes.tobytes() and a.wnids == b.wnids)


def read_meta(path):
    """ILSVRC2012_ID and WNID of the devkit's meta.mat (MATLAB 5: one struct array, 1860 x 1)."""
    data = open(path, "rb").read()[128:]
    kind, n = struct.unpack_from("<II", data)
    assert kind == 15
    data = zlib.decompress(data[8:8 + n])

    def elements(block):
        at = 0
        while at < len(block):
            kind, n = struct.unpack_from("<II", block, at)
            if kind >> 16:
                yield kind & 0xffff, block[at + 4:at + 4 + (kind >> 16)]
                at += 8
            else:
                yield kind, block[at + 8:at + 8 + n]
                at += 8 + (n + 7) // 8 * 8
    (_, matrix), = elements(data)
    parts = list(elements(matrix))
    width = struct.unpack("<I", parts[3][1])[0]
    names = [parts[4][1][i:i + width].split(b"\0")[0].decode()
             for i in range(0, len(parts[4][1]), width)]
    cells = [list(elements(content))[3] for _, content in parts[5:]]
    table = []
    for i in range(0, len(cells), len(names)):
        row = dict(zip(names, cells[i:i + len(names)]))
        kind, raw = row["ILSVRC2012_ID"]
        wnid = row["WNID"][1]
        table.append((int.from_bytes(raw[:2], "little") if kind != 9 else int(
            struct.unpack("<d", raw)[0]), (wnid[::2] if wnid[1:2] == b"\0" else wnid).decode()))
    return table


def annotation(name, size, wnid, boxes):
    objects = "".join(
        f"<object><name>{wnid}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
        f"<ymax>{y1}</ymax></bndbox></object>\n" for x0, y0, x1, y1 in boxes)
    return (f"<annotation>\n<filename>{name}</filename><size><width>{size[0]}</width><height>"
            f"{size[1]}</height><depth>3</depth></size>\n{objects}</annotation>\n").encode()


def add_bytes(tar, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def lines(path):
    with open(path) as file:
        return file.read().splitlines()


def write(path, text, encoding="utf-8"):
    with open(path, "w", encoding=encoding, newline="") as file:
        file.write(text)
    return path


def wsol_table(folder):
    """id -> (size, label, boxes), from the four files, by Python's csv."""
    def rows(name):
        return csv.reader(open(f"{folder}/{name}"))
    stem = {i[0]: os.path.splitext(os.path.basename(i[0]))[0] for i in rows("image_ids.txt")}
    table = {s: [None, None, []] for s in stem.values()}
    for i, w, h in rows("image_sizes.txt"):
        table[stem[i]][0] = (int(w), int(h))
    for i, label in rows("class_labels.txt"):
        table[stem[i]][1] = int(label)
    for i, *box in rows("localization.txt"):
        table[stem[i]][2].append(tuple(map(int, box)))
    return table
