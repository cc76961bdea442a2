"""Results files of camrank in Python: tables of images, maps, boxes, the summary, pairs of rows.

    import camrank
    f = camrank.open("resnet18.h5")
    f.rows                                  # the names of the rows: (model, method)
    f.images("resnet18", "cam")             # a table, a line an image
    f.maps("resnet18", "cam", 7)            # the maps of image 7: [slot][h][w]

h5py and numpy are needed. Tables are pandas.DataFrames where pandas is there, else dicts of arrays. The layout of
the file is docs/format.md's; both schemas are read. Nothing is written, and nothing is kept in memory but what is
asked for.
"""
import h5py
import numpy as np

try:
    import pandas
except ImportError:
    pandas = None

SCHEMAS = "camrank-results-1", "camrank-results-2"
TRUTH = 5  # the slot of the ground-truth class; 0 to 4 are the network's first five


def open(path):
    """The results file `path`, finished or not. ValueError where it is none; OSError as from h5py."""
    return File(path)


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _texts(dataset):
    return np.array([_text(v) for v in dataset[:]], object)


def _table(columns):
    return pandas.DataFrame(columns) if pandas else columns


class File:
    """A results file; closes with `close`, or at the end of a `with`."""

    def __init__(self, path):
        self.h5 = h5py.File(path, "r")
        self.schema = _text(self.h5.attrs.get("schema", ""))
        if self.schema not in SCHEMAS:
            self.h5.close()
            raise ValueError(f"{path}: no results file of camrank: its schema is {self.schema!r}")
        self.protocols = self._by_index(self.h5["protocols"])
        self.models = self._by_index(self.h5["models"]) if "models" in self.h5 else []
        self._groups = {}  # of each row, by its name, and as the file calls it; None of classes alone
        for model in self.models:
            group = self.h5["models"][model]
            methods = self._by_index(group)
            for method in methods:
                self._groups[model, self._name(group[method], method)] = group[method]
            if not methods:
                self._groups[model, ""] = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<camrank results: {len(self.ids)} images, rows {', '.join('/'.join(r) for r in self.rows)}>"

    def close(self):
        self.h5.close()

    @staticmethod
    def _by_index(group):
        names = [n for n, g in group.items() if isinstance(g, h5py.Group) and "index" in g.attrs]
        return sorted(names, key=lambda n: int(group[n].attrs["index"]))

    @staticmethod
    def _name(group, name):
        """A group's name has ':' for every '/' of the layers in it."""
        if "as" in group.attrs:
            return _text(group.attrs["as"])
        layer = _text(group.attrs.get("layer", ""))
        return name.replace("@" + layer.replace("/", ":"), "@" + layer) if layer else name

    @property
    def rows(self):
        """The names of the rows, in the order of the job: (model, method); method is "" of classes alone."""
        return list(self._groups)

    @property
    def ids(self):
        """The ids of the images; image i is line i of every table."""
        return _texts(self.h5["images/id"])

    @property
    def classes(self):
        """A table of the classes: wnid and name."""
        return _table({k: _texts(self.h5[f"classes/{k}"]) for k in ("wnid", "name")})

    def row(self, model, method):
        """The HDF5 group of a row. KeyError naming those that there are, or where it is of classes alone."""
        self._check(model, method)
        if self._groups[model, method] is None:
            raise KeyError(f"{model} has no method: there are its classes alone")
        return self._groups[model, method]

    def _check(self, model, method):
        if (model, method) not in self._groups:
            raise KeyError(f"no row {model}/{method}, but {', '.join('/'.join(r) for r in self._groups)}")

    def _protocol(self, protocol):
        protocol = self.protocols[0] if protocol is None else protocol
        if protocol not in self.protocols:
            raise KeyError(f"no protocol {protocol}, but {', '.join(self.protocols)}")
        return protocol

    def done(self, model, method):
        """State of each image: 0 not computed yet, 1 done, 2 failed."""
        whole = self.h5["models"][model]["done"][:]
        self._check(model, method)
        row = self._groups[model, method]
        if row is None:
            return whole
        own = row["done"][:] if "done" in row else whole  # schema 1: a map that failed failed its image
        return np.where(whole == 1, np.where(own == 3, 0, own), whole)

    def _iou(self, row, protocol, slot):
        """IoU of each image's box of a slot: [n_boxes][image]; NaN where the file has none."""
        group = row[protocol]
        n = len(self.h5["images/id"])
        if "iou" not in group:
            return np.full((1, n), np.nan)
        iou = group["iou"][:, slot]
        return iou[None] if iou.ndim == 1 else iou.T

    def _first_box(self, protocol):
        """Which of its boxes the first prediction takes: 1 of `second`, else 0."""
        return int(_text(self.h5["protocols"][protocol].attrs["predictions"]) == "second")

    def images(self, model, method="", protocol=None):
        """A table with a line an image, under the first protocol where none is named: id, label and top1 (rows of
        `classes`, -1 for none), state, whether it counts for localization, the IoU of the first prediction's box
        and of the ground-truth class's, and whether the class, the box of the first prediction and GT-known are
        right. Of an image that failed, or is not computed, IoUs are NaN and nothing is right. A row of classes alone
        has no columns of boxes."""
        self._check(model, method)
        protocol, row = self._protocol(protocol), self._groups[model, method]
        attrs, images = self.h5["protocols"][protocol].attrs, self.h5["images"]
        label, done = images["label"][:], self.done(model, method)
        top = self.h5["models"][model]["top_class"][:, 0]
        right = (top == label) & (label >= 0) & (self.h5["models"][model]["done"][:] == 1)
        if row is None:
            return _table({"id": self.ids, "label": label, "top1": top, "state": done, "class_right": right})
        counts = images["n_boxes"][:] > 0
        if attrs["exclude"]:
            counts &= images["localize"][:] == 1
        box = self._first_box(protocol)
        top_iou, truth_iou = (np.where(done == 1, self._iou(row, protocol, slot)[box], np.nan) for slot in (0, TRUTH))
        least = float(attrs["iou"])
        return _table({"id": self.ids, "label": label, "top1": top, "state": done, "localized": counts,
                       "top1_iou": top_iou, "iou": truth_iou, "class_right": right,
                       "top1_right": right & (top_iou >= least) & counts, "gt_known_right": (truth_iou >= least) & counts})

    def maps(self, model, method, image=slice(None)):
        """The raw maps of an image, [slot][h][w], or of several (a slice), as the file keeps them: of all six slots,
        or of the ground-truth class alone. KeyError where it keeps none."""
        row = self.row(model, method)
        if "maps" not in row:
            raise KeyError(f"the file keeps no maps of {model}/{method}")
        return row["maps"][image]

    def boxes(self, model, method, protocol=None, slot=TRUTH):
        """The predicted boxes of a slot, [image][4]: x0, y0, x1, y1 in pixels, inclusive; -1 where there is none.
        [image][2][4] under a protocol that has two."""
        return self.row(model, method)[self._protocol(protocol)]["boxes"][:, slot]

    def truth(self, image):
        """The ground-truth boxes of an image, [box][4]."""
        first, n = (int(self.h5["images"][k][image]) for k in ("first_box", "n_boxes"))
        return self.h5["ground_truth/boxes"][first:first + n]

    def curve(self, model, method, any_contour=False, iou=0.5):
        """What MaxBoxAcc is the best of: percent of the images with boxes that are right at each of the 255 thresholds
        t / 255; with any contour's box as in MaxBoxAccV2. Images that failed count as wrong, or not at all where
        the job says so."""
        bit = {0.3: 0, 0.5: 1, 0.7: 2}[iou] + 3 * any_contour
        done = self.done(model, method)
        failed_counts = _text(self.h5.attrs["failed"]) == "wrong"
        counts = (self.h5["images/n_boxes"][:] > 0) & ((done == 1) | ((done == 2) & failed_counts))
        row = self.row(model, method)
        if "levels" not in row or not counts.any():
            return np.full(255, np.nan)
        hits = (row["levels"][:] >> bit & 1) * (done == 1)[:, None]
        return 100 * hits[counts].mean(0)

    def summary(self):
        """The error table that the run wrote at its end, as docs/format.md describes /summary."""
        stored = self.h5["summary"][:]
        return _table({k: np.array([_text(v) for v in stored[k]], object) if stored.dtype[k].kind == "S" else stored[k]
                       for k in stored.dtype.names})

    def pairs(self, a, b, protocol=None):
        """Two rows, (model, method), image by image: a table of the images that are done, or failed, under both, with
        the columns of `images` that differ, `_a` and `_b` behind their names."""
        one, other = (self.images(*row, protocol) for row in (a, b))
        both = (np.asarray(one["state"]) > 0) & (np.asarray(other["state"]) > 0)
        columns = {k: np.asarray(one[k])[both] for k in ("id", "label", "localized")}
        for key in ("top1", "top1_iou", "iou", "class_right", "top1_right", "gt_known_right"):
            columns[key + "_a"], columns[key + "_b"] = np.asarray(one[key])[both], np.asarray(other[key])[both]
        return _table(columns)
