"""Sets whose images have objects of several classes: rows of an image and a class, against this test's own reading
of the same files, down to the results of a run; each wrong file must give its place and reason."""
import csv
import ctypes as ct
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import cv2
    import h5py
    import numpy as np
    from PIL import Image
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Refused, check, lib
from image_set import Set, write
from structs import (CR_REPORT_RESAMPLES, CR_STAT_SEED, cr_detection, cr_detections, cr_error, cr_layout,
                     cr_mean_precision, cr_objects)

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
HERE = os.path.dirname(os.path.abspath(__file__))
report = Checks()
# Polygons, and their pixels by pycocotools (cocodataset/cocoapi, commit 8c9bcc3): width, height, x and y, runs as it
# compresses them, area.
POLYGONS = [
    (71, 58, (64.98, 31.51, 74.91, 37.48, 6.21, 10.04, 33.67, 17.43, 50.42, -0.04, 48.43, 22.55),
     '_b01i10k10UN0010O00010O01O00010O001O01O01O010O00001N1O2N1O1O2N1O2N1O1O2N1O2N1O1OLPOAn05]OK'
     'Z10O01O010O010O00100O010O0010O010O01O10O010lN', 336),
    (36, 65, (34.59, 37.89, 29.73, 53.5, 25.23, 58.39, 14.09, 54.36, -1.07, 50.67, -2.6, 22.58, 29.14, 9.15),
     'e0n0S10O101O0O100O2O000O101N100O2O000O2O0O101N10001N100O01O003M6H8H9G8G9Ho0', 1268),
    (77, 59, (48.72, 3.97, 66.11, 62.33, 16.87, 69.75, 1.86, 24.9, 9.47, 34.38, 63.09, 16.14, 1.32, 30.58, 13.48,
               4.53),
     'i21f10[N1f1O13ZNO^14aNOY14hNNS14nNNm04TONg04ZONa03@0;2E152J22ON30M030L050K050K050KO60J16OJ'
     '16OJ070I070H18OH090G090G090F0;0E0;0E0;0EO<1DO<1C0=0CO>1BO>1BO>1AO`01@O`01@Na02_ONa02^OOb01'
     '^ONc02]ONc02]ONc02]OMd03[ONe02[ONe02[OMf03ZOMf05WOLi08SOGn0<oNDQ1?lNAT1a0jN_OV1a0jNBS1>mNE'
     'P1g0LCTONi02WO1f0f0L3M4L3M3M4L[d0', 2534),
    (61, 57, (52.22, 44.34, 41.36, 59.42, 23.59, 48.94, 7.01, 53.36, 19.02, 8.39, 51.6, 21.0),
     'R>2d13L4L3M4M3L4L3M4M3L4L30100001N100010O10O01O010O10O01O010O010O0001O00001N1O2N1N2O2M2O2N'
     '1N^?', 1500),
    (76, 57, (0.14, 35.78, 0.14, 35.78, 1.11, 23.35, 39.79, 0.92, 79.31, 18.2),
     'P14\\1810O1O100O010O100O00100O100O00100O10O0100O1O10O0100O1O010O100O10O01O100O010O1001O0O2O'
     '00001N101O001O0O101O001N101O001O0O101O001N101O00001N101O001N1000@', 1253),
    (79, 31, (78.36, 9.64, 79.67, 72.64, 66.9, 37.8),
     'gT22k02M3N2M3N2M3N23M', 100),
    (39, 33, (27.48, 18.26, 17.58, 32.51, 11.97, 18.9, 0.46, 12.48, 7.61, 7.7, 16.98, -2.24, 27.33, 13.05, 38.49,
               9.06),
     ']11o02N101N1O2O0O2N2N1O2N2N4L3M3N3M2NO3M2M3N3L3N3L3N3L3N1O0010O01O1O001O10O0i0', 441),
    (68, 57, (17.86, 48.59, 15.31, 35.84, 53.72, 24.92),
     'cm07b15K1OO010O1O010O1O10O0100O1O010O1O010O1O10O01O10O01O100O00100O00100Oi10Vh0', 257),
    (32, 73, (61.63, 46.49, 72.77, 26.18, 40.66, 43.92, 64.02, 8.49),
     'PY2', 0),
    (33, 69, (22.99, 38.26, 6.66, 46.6, 19.87, 20.17, 23.81, 6.6, 25.12, 23.05),
     '``01R22N1O2N1O2N1O2N1O1O2N1O2M2M4M2N0:BPa0', 244),
]
random = np.random.default_rng(3)


def refused(what, place, reason, layout, **paths):
    try:
        Set(layout, **paths).close()
        report(what, False, "was read")
    except Refused as why:
        report(what, str(why).startswith(place + ": ") and reason in str(why), str(why))


def voc_palette():
    """Of the devkit's VOClabelcolormap.m."""
    palette = np.zeros((256, 3), int)
    for i in range(256):
        k, colour = i, [0, 0, 0]
        for j in range(8):
            for c in range(3):
                colour[c] |= (k >> c & 1) << (7 - j)
            k >>= 3
        palette[i] = colour
    return palette


def objects_of(classes, n_images=12):
    """For each image its size, and objects: class, box as pixels from 0 with inclusive sides."""
    images = {}
    for i in range(n_images):
        width, height = map(int, random.integers(40, 90, 2))
        objects = []
        for _ in range(random.integers(1, 5)):
            x = np.sort(random.choice(width, 2, False))
            y = np.sort(random.choice(height, 2, False))
            objects.append((str(random.choice(classes)), (int(x[0]), int(y[0]), int(x[1]), int(y[1]))))
        images[f"{2007 + i % 3}_{i:06d}"] = (width, height), objects
    return images


def voc_xml(name, size, objects):
    parts = "".join("<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax>"
                    "</bndbox></part>" for _ in range(1))
    body = "".join(
        f"<object><name>{of}</name><pose>Left</pose><difficult>{k % 2}</difficult><bndbox><xmin>{x0 + 1}</xmin>"
        f"<ymin>{y0 + 1}.{k}</ymin><xmax>{x1 + 1}</xmax><ymax>{y1 + 1}</ymax></bndbox>{parts}</object>\n"
        for k, (of, (x0, y0, x1, y1)) in enumerate(objects))
    return (f"<annotation><folder>VOC2007</folder><filename>{name}.jpg</filename><size><width>{size[0]}</width>"
            f"<height>{size[1]}</height><depth>3</depth></size>\n{body}</annotation>\n")


def expected(images, has_difficult=True):
    """What rows there are: id -> boxes, of which those that voc_xml calls difficult are last."""
    rows = {}
    for name, (_, objects) in images.items():
        for of, box in objects[::2] + objects[1::2] if has_difficult else objects:
            rows.setdefault(f"{name}:{of}", []).append(box)
    return dict(sorted(rows.items(), key=lambda row: row[0].encode()))


def compare(what, data, rows, classes):
    report(f"{what}: rows", data.ids == list(rows), f"{data.ids[:3]} ..., {list(rows)[:3]} ...")
    report(f"{what}: classes", data.wnids == classes)
    labels = [classes.index(row.split(":")[1]) for row in rows]
    report(f"{what}: labels", data.images["label"].tolist() == labels)
    boxes = [[tuple(int(v) for v in data.boxes[b]) for b in range(i["first_box"], i["first_box"] + i["n_boxes"])]
             for i in data.images]
    report(f"{what}: boxes", boxes == list(rows.values()), f"{boxes[:2]} ...")


def judge_voc(folder):
    classes = ("aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
               "pottedplant sheep sofa train tvmonitor").split()
    images = objects_of(classes[:6] + classes[-2:])
    for name in "Annotations", "JPEGImages":
        os.makedirs(f"{folder}/{name}")
    for name, (size, objects) in images.items():
        write(f"{folder}/Annotations/{name}.xml", voc_xml(name, size, objects))
        Image.new("RGB", size, (90, 100, 110)).save(f"{folder}/JPEGImages/{name}.jpg")
    write(f"{folder}/Annotations/2009_000099.xml", voc_xml("2009_000099", (50, 50), []))
    rows = expected(images)
    paths = {"ground_truth": f"{folder}/Annotations", "images": f"{folder}/JPEGImages"}
    data = Set("voc", **paths)
    compare("voc", data, rows, classes)
    report("how many boxes are difficult", data.images["n_difficult"].tolist() == [
        sum(f"{name}:{of}" == row for name, (_, objects) in images.items() for of, _ in objects[1::2]) for row in rows])
    files = [os.path.basename(data.file(i)) for i in range(len(data.ids))]
    report("all rows of an image have its file", files == [row.split(":")[0] + ".jpg" for row in rows])
    data.close()
    with_others = ["zebra", *classes[::-1], "zoo"]
    ordered = Set("voc", synsets=write(f"{folder}/synsets", "".join(f"{name}\n" for name in with_others)), **paths)
    report("a class of VOC has its number in masks in any order of the list", ordered.images["mask"].tolist() ==
           [classes.index(row.split(":")[1]) + 1 for row in rows])
    ordered.close()
    os.makedirs(f"{folder}/other")
    write(f"{folder}/other/a.xml", voc_xml("a", (50, 50), [("n1", (1, 2, 3, 4)), ("zoo", (1, 2, 3, 4))]))
    ordered = Set("voc", ground_truth=f"{folder}/other", synsets=write(f"{folder}/synsets", "cat\nzoo\nn1 dog\n"))
    report("any other class has that of its line", ordered.images["mask"].tolist() == [3, 2])
    ordered.close()
    listed = [list(images)[2], next(iter(rows)), list(images)[7]]
    some = Set("voc", subset_list=write(f"{folder}/list", "".join(f"{i}\n" for i in listed)),
               exclude=write(f"{folder}/exclude", listed[2] + "\n"), **paths)
    of = [row for row in rows if row in listed or row.split(":")[0] in listed]
    report("a list names all rows of an image, or one", some.ids == of, str(some.ids))
    report("and so does that of the excluded", some.images["localize"].tolist() ==
           [int(not row.startswith(listed[2])) for row in of])
    some.close()
    twice = next(row for row in rows if row.startswith(listed[0]))
    refused("a row that is listed twice", f"{folder}/list:2", "was on line 1 already", "voc", **paths,
            subset_list=write(f"{folder}/list", f"{listed[0]}\n{twice}\n"))
    bad = {"xmin of 70000": ("<xmin>", "<xmin>9e9", "must be a number from 0 to"),
           "a class of another set": (">bus<", ">zebra<", "class 'zebra' is not in the synset list"),
           "difficult as a word": ("<difficult>0", "<difficult>no", "difficult is 'no', must be 0 or 1"),
           "a box without a class": ("<name>bus</name>", "", "has no name")}
    for what, (old, new, reason) in bad.items():
        os.makedirs(f"{folder}/bad", exist_ok=True)
        text = voc_xml("a", (50, 50), [("bus", (1, 2, 3, 4))])
        write(f"{folder}/bad/a.xml", text.replace(old, new, 1))
        refused(what, f"{folder}/bad/a.xml:2", reason, "voc", ground_truth=f"{folder}/bad")


def sample_masks(folder, images, wnids):
    """Palette masks of the sample's images, and in each what is not said; image -> entries."""
    os.makedirs(f"{folder}/masks")
    entries = {}
    for k, (name, (size, objects)) in enumerate(images.items()):
        mask = np.zeros(size[::-1], np.uint8)
        for of, (x0, y0, x1, y1) in objects:
            mask[y0:y1 + 1, x0:x1 + 1] = 255
            mask[y0 + 1:y1, x0 + 1:x1] = wnids.index(of) + 1
        picture = Image.fromarray(mask, "P")
        picture.putpalette(voc_palette().astype(np.uint8).tobytes())
        (Image.fromarray(mask) if k % 3 == 0 else picture).save(f"{folder}/masks/{name}.png")
        entries[name] = mask
    return entries


def outlines(data, i):
    """The pixels of row i: 1, or 2 where they do not count."""
    image, error = data.images[i], cr_error()
    mask = np.full((image["height"], image["width"]), 9, np.uint8)
    at = data.data.outlines + 4 * int(image["first_outline"])
    check(lib.cr_outlines_draw(ct.c_void_p(at), ct.c_int64(int(image["n_outlines"])), int(image["width"]),
                               int(image["height"]), mask.ctypes.data_as(ct.c_void_p), ct.byref(error)), error)
    return mask


def runs_of(mask):
    """Lengths of runs, column by column."""
    flat = np.concatenate([[0], mask.T.ravel(), [2]])
    ends = np.flatnonzero(np.diff(flat)) if not mask[0, 0] else np.concatenate([[0], np.flatnonzero(np.diff(flat))])
    return np.diff(np.concatenate([[0], ends])).tolist()


def coco_set():
    """Each polygon as an image: itself, the runs of its pixels, and two crowds, one of a class that has no other."""
    images, objects = [], []
    for k, (width, height, xy, packed, _) in enumerate(POLYGONS):
        images.append({"id": 900 - k, "license": 3, "file_name": f"x/\u00e9_{k}.jpg", "width": width, "height": height})
        crowd = np.zeros((height, width), int)
        crowd[height // 2:, 3:9] = 1
        box = [3, height // 2, 6, height - height // 2]
        for category, of, is_crowd, where in (
                (7, [list(xy)], 0, [1.5, 2, 10.2, 7]), (2, {"counts": packed, "size": [height, width]}, 0, [0, 0, 4, 4]),
                (7, [[5, 5, 9, 5, 9, 9.]], 0, [5, 5, 4, 4]),
                (90, {"size": [height, width], "counts": runs_of(crowd)}, 1, box),
                (2, {"size": [height, width], "counts": runs_of(crowd)}, 1, box)):
            objects.append({"segmentation": of, "area": 1e1, "iscrowd": is_crowd, "image_id": 900 - k, "bbox": where,
                            "category_id": category, "id": len(objects), "note": None, "more": [{}, [], True, "\\\""]})
    return {"info": {"year": 2017}, "annotations": objects, "images": images,
            "categories": [{"id": i, "name": n, "supercategory": "any"} for i, n in
                           ((90, "hair drier"), (7, "traffic light"), (2, "bicycle"))]}


def judge_coco(folder):
    content = coco_set()
    path = write(f"{folder}/instances.json", json.dumps(content))
    data = Set("coco", ground_truth=path)
    rows = {}
    for k, (width, height, *_) in enumerate(POLYGONS):
        rows[f"\u00e9_{k}:traffic light"] = [(1, 2, min(11, width - 1), 8), (5, 5, 8, 8)]
        rows[f"\u00e9_{k}:bicycle"] = [(0, 0, 3, 3)]
    rows = dict(sorted(rows.items(), key=lambda row: row[0].encode()))
    compare("coco", data, rows, ["bicycle", "traffic light", "hair drier"])
    for i, row in enumerate(data.ids):
        name, of = row.split(":")
        width, height, xy, _, area = POLYGONS[int(name[2:])]
        mask = outlines(data, i)
        if of == "bicycle":
            crowd = np.zeros_like(mask)
            crowd[height // 2:, 3:9] = 2
            area_ok = (mask == 1).sum() == area and ((mask == 2) == ((crowd == 2) & (mask != 1))).all()
            report(f"{row}: as many pixels as pycocotools has, and a crowd", area_ok, f"{(mask == 1).sum()}, {area}")
            of_runs = mask == 1
        else:
            small = np.zeros_like(mask)
            small[5:9, 5:9] = np.triu(np.ones((4, 4)))
            report(f"{row}: the polygon has the pixels of its runs", ((mask == 1) | (small == 1))[of_runs].all()
                   and not ((mask == 1) & ~of_runs & (small == 0)).any() and not (mask == 2).any())
    data.close()
    judge_coco_oddities(folder)
    listed = ["hair_drier", "traffic_light", "bicycle"]
    named = Set("coco", ground_truth=path, synsets=write(f"{folder}/synsets", "\n".join(listed)))
    rows = {row.replace(" ", "_"): boxes for row, boxes in rows.items()}
    compare("coco, by a list with _ for each blank", named, dict(sorted(rows.items(), key=lambda row: row[0].encode())), listed)
    named.close()
    refused("a category that the list has not", path, "is not in the synset list", "coco", ground_truth=path,
            synsets=write(f"{folder}/synsets", "hair_drier\nbicycle\n"))
    whole = json.dumps(content)
    wrong = {
        "cut short": (whole[:-30], "cut short"), "something behind the end": (whole + "x", "behind the end"),
        "an object in place of a list": (whole.replace('"image_id": 900', '"image_id": {}', 1), "a number must"),
        "an image that is not there": (whole.replace('"image_id": 900', '"image_id": 5', 1), "is of the image 5"),
        "a category that is not there": (whole.replace('"category_id": 7', '"category_id": 8', 1), "category 8"),
        "no bbox": (whole.replace('"bbox"', '"box"', 1), "has no bbox"),
        "three numbers of a bbox": (whole.replace("[1.5, 2, ", "[2, ", 1), "has no bbox"),
        "half a point": (whole.replace("[[5, 5, ", "[[5, ", 1), "a polygon has x and y"),
        "a point far away": (whole.replace("[[5, 5, ", "[[5, 5e9, ", 1), "beyond all images"),
        "runs of another size": (whole.replace('"counts": "', '"counts": "1', 1), "do not fill its size"),
        "runs of another image": (whole.replace('"width": 71', '"width": 72', 1), "has runs of 71 x 58"),
        "a name without a file": (whole.replace('"file_name"', '"name"', 1), "has no id, file_name"),
        "an id twice": (whole.replace('"id": 899', '"id": 900', 1), "two images have the id 900"),
        "half a surrogate": (whole.replace("x/", "\\ud800", 1), "half of a surrogate pair"),
        "no annotations": (whole.replace('"annotations"', '"notes"', 1), "has no images, annotations or categories")}
    for what, (text, reason) in wrong.items():
        path = write(f"{folder}/bad.json", text)
        try:
            Set("coco", ground_truth=path).close()
            report(what, False, "was read")
        except Refused as why:
            report(what, str(why).startswith(path + ": ") and reason in str(why), str(why))


def judge_coco_oddities(folder):
    """Objects as COCO does not say that they should be, each in an image of 20 x 10 pixels that has a square too."""
    square, corner = [[4, 2, 8, 2, 8, 6, 4, 6]], [12, 3, 5, 4]
    others = {  # its bbox, is it a crowd, its segmentation; the row's boxes, and which pixels do not count
        "a": (corner, 1, [[12, 3, 17, 3, 17, 7, 12, 7]], [], (12, 3, 17, 7)),
        "b": (corner, 1, None, [], (12, 3, 17, 7)),
        "c": (corner, 0, [], [(12, 3, 16, 6)], (12, 3, 17, 7)),
        "d": ([6, 4, 30, 30], 0, None, [(6, 4, 19, 9)], (6, 4, 20, 10)),
        "e": ([30, 3, 5, 5], 0, [[1, 1, 1, 2, 1, 1]], [(20, 3, 20, 7)], None),
        "f": ([-9, 3, 9, 5], 0, [[1, 1, 1, 2, 1, 1]], [(20, 3, 20, 7)], None),
        "g": ([2.5, 3.5, 3, 0], 0, [[1, 1, 1, 2, 1, 1]], [(2, 10, 5, 10)], None)}
    objects = []
    for k, (box, crowd, of, *_) in enumerate(others.values()):
        objects += [{"image_id": k, "category_id": 1, "bbox": [4, 2, 4, 4], "iscrowd": 0, "segmentation": square},
                    {"image_id": k, "category_id": 1, "bbox": box, "iscrowd": crowd, "segmentation": of},
                    {"image_id": k, "category_id": 2, "bbox": [0, 0, 1, 1], "iscrowd": 0},
                    {"image_id": k, "category_id": 2, "bbox": box, "iscrowd": 1, "segmentation": square}]
    images = [{"id": k, "file_name": f"{name}.jpg", "width": 20, "height": 10} for k, name in enumerate(others)]
    images += [{"id": k, "file_name": f"{k}.jpg", "width": 20, "height": 10} for k in range(100, 130)]
    objects += [{"image_id": k, "category_id": 1, "bbox": [4, 2, 4, 4]} for k in range(100, 130)]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]}
    data = Set("coco", ground_truth=write(f"{folder}/odd.json", json.dumps(content)))
    for i, row in enumerate(data.ids):
        name, of = row.split(":")
        image = data.images[i]
        if of == "y" or name not in others:
            report(f"{row} has no mask", image["n_outlines"] == 0)
            continue
        _, _, _, boxes, ignored = others[name]
        first = image["first_box"]
        own = [tuple(int(v) for v in data.boxes[b]) for b in range(first, first + image["n_boxes"])]
        report(f"{row}: boxes", own == [(4, 2, 7, 5)] + boxes, str(own))
        wanted = np.zeros((10, 20), np.uint8)
        if ignored:
            wanted[ignored[1]:ignored[3], ignored[0]:ignored[2]] = 2
        wanted[2:6, 4:8] = 1
        report(f"{row}: mask", (outlines(data, i) == wanted).all())
        error = cr_error()
        fails = lib.cr_data_check_size(ct.byref(data.data), i, 20, 10, ct.byref(error)) != 0
        report(f"{row}: {'fails' if name in 'efg' else 'does not fail'}", fails == (name in "efg"))
    data.close()
    for part, missing in ("images", "image 0"), ("categories", "category 1"):
        refused(f"no {part}", f"{folder}/odd.json", f"annotation 1 is of the {missing}", "coco",
                synsets=write(f"{folder}/odd_synsets", "x\ny\n"),
                ground_truth=write(f"{folder}/odd.json", json.dumps({**content, part: []})))


def judge_by_class(file, rows):
    """The means over the classes, counted again from points and from the boxes of another metric."""
    points = file["models/gap/grad-cam/pointing-game/point"][...].astype(float)
    protocol, = file["protocols"]
    iou = file[f"models/gap/grad-cam/{protocol}/iou"][:, 5]
    own = file[f"models/gap/grad-cam/{protocol}/corloc/iou"][:, 0]
    report("corloc's boxes are those of localization", (own == iou).all() and len(own) == len(rows))
    hits, right = {}, {}
    for (x, y), best, (row, boxes) in zip(points, iou, rows.items()):
        away = min(np.hypot(max(b[0] - x, x - b[2], 0), max(b[1] - y, y - b[3], 0)) for b in boxes)
        hits.setdefault(row.split(":")[1], []).append(x >= 0 and away < 15)
        right.setdefault(row.split(":")[1], []).append(best >= .15)
    summary, = (s for s in file["summary"] if s["model"] == b"gap")
    for key, of in ("pointing_game_by_class", hits), ("corloc", right):
        wanted = 100 * np.mean([np.mean(values) for values in of.values()])
        report(f"{key} is the mean over classes", abs(summary[key] - wanted) < 1e-9 and 0 < wanted < 100,
               f"{summary[key]}, not {wanted}")
    report("which is another than over rows", summary["pointing_game_by_class"] != summary["pointing_game"])


def overlap(a, b):
    sides = [min(a[2 + k], b[2 + k]) - max(a[k], b[k]) + 1 for k in (0, 1)]
    shared = max(sides[0], 0) * max(sides[1], 0)
    return shared / (sum((c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)) - shared)


def class_precisions(detections, images, iou):
    """VOC's two of each class that has objects, in percent, by NumPy's sums and the largest precision from a recall on;
    class -> [(score, image, box)], in the order of images. py-faster-rcnn's voc_eval.py has given the same, to 1e-9."""
    of_classes = {}
    for of in sorted({of for _, objects in images.values() for of, _ in objects[::2]}):
        n_objects = sum(name == of for _, objects in images.values() for name, _ in objects[::2])
        right = []  # in the order of scores, ties in that of images
        for score, image, box in sorted(detections.get(of, []), key=lambda d: -d[0]):
            objects = images[image][1]
            overlaps = [(overlap(box, b), k % 2) for k, (name, b) in enumerate(objects) if name == of]
            best, is_difficult = max(overlaps, default=(0, 0), key=lambda o: o[0])
            if best < iou or not is_difficult:
                right.append(best >= iou)
        of_classes[of] = 100 * np.array(precisions(right, n_objects)) if right else np.zeros(2)
    return of_classes


def repeated(counts, names, detections, images):
    """The set in which each image stands as often as it was drawn, under names of its own."""
    again = {name: [f"{name}#{k}" for k in range(counts[i])] for i, name in enumerate(names)}
    return ({of: [(score, copy, box) for score, name, box in some for copy in again[name]]
             for of, some in detections.items()},
            {copy: images[name] for name in names for copy in again[name]})


def precisions(right, n_objects):
    """Of one class: the mean of 11 points, and the area."""
    recall = np.cumsum(right) / n_objects
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    largest = [precision[recall >= r].max(initial=0) for r in recall]
    return (np.mean([precision[recall >= t].max(initial=0) for t in np.arange(11) / 10]),
            np.sum(np.diff(recall, prepend=0) * largest))


def judge_precisions(_):
    """Many detections at random, some of equal scores, of classes with few objects, many and none; images as they are,
    and some several times, others not at all."""
    function = lib.cr_metric_mean_precision
    function.restype = cr_mean_precision
    for n_classes, n in (1, 0), (1, 1), (1, 40), (3, 200), (20, 3000):
        objects = random.integers(0, 2 * n // n_classes + 2, n_classes)
        objects[0] = max(10, n)
        objects = [(of, int(random.integers(n or 1)), 1) for of in range(n_classes) for _ in range(objects[of])]
        there = {one[:2] for one in objects}
        lists = [(int(random.integers(n_classes)), -random.integers(0, 99) / 7, k) for k in range(n)]
        lists = [(*one, (one[0], one[2]) in there and random.random() < .8) for one in lists]
        items, held = (cr_detection * n)(), (cr_objects * len(objects))()
        for k, (of, less, image, right) in zip(random.permutation(n), lists):
            items[k] = cr_detection(class_=of, score=-less, image=image, right=right)
        for k, (of, image, count) in zip(random.permutation(len(objects)), objects):
            held[k] = cr_objects(class_=of, image=image, n=count)
        some = cr_detections(n=n, n_classes=n_classes, n_images=n or 1, n_objects=len(objects),
                             items=ct.cast(items, ct.POINTER(cr_detection)),
                             objects=ct.cast(held, ct.POINTER(cr_objects)))
        lib.cr_detections_sort(ct.byref(some))
        for times in (np.ones(n or 1, np.uint16), random.integers(0, 5, n or 1).astype(np.uint16)):
            wanted = np.full((n_classes, 2), np.nan)
            for of in range(n_classes):
                count = sum(int(times[image]) for c, image, _ in objects if c == of)
                hits = [right for c, _, image, right in sorted(lists) if c == of for _ in range(times[image])]
                if count:
                    wanted[of] = 100 * np.array(precisions(hits, count)) if hits else 0
            by_class = (cr_mean_precision * n_classes)()
            given = None if (times == 1).all() else times.ctypes.data_as(ct.c_void_p)
            found = function(ct.byref(some), given, by_class)
            means = np.nanmean(wanted, 0) if not np.isnan(wanted).all() else [np.nan] * 2
            what = f"{n} detections of {n_classes} classes, images {'as they are' if given is None else 'repeated'}"
            report(what, np.allclose((found.eleven_points, found.area), means, rtol=0, atol=1e-9, equal_nan=True), str(means))
            report(f"{what}: each class", np.allclose([(c.eleven_points, c.area) for c in by_class], wanted, rtol=0,
                                                      atol=1e-9, equal_nan=True))


def made_report(out, *options):
    made = subprocess.run([CAMRANK, "report", out, "--format", "json", *options], check=True, stdout=subprocess.PIPE,
                          text=True)
    return json.loads(made.stdout)


def judge_mean_precision(out, images, wnids, iou):
    """Of the sample's networks, each over all images at once, class by class, with images drawn anew, and compared."""
    rows, found_by = [row for row in made_report(out)["rows"] if row["model"] != "baseline"], {}
    classes = made_report(out, "--by-class", "--columns", "map,map_voc07")["classes"]
    with h5py.File(out) as file:
        ids = [i.decode().split(":")[0] for i in file["images/id"][...]]
        protocol, = file["protocols"]
        for row in rows:
            model = file["models"][row["model"]]
            boxes = model[f"grad-cam/{protocol}/boxes"][...]
            scores = model["top_logit"][...].astype(float) - model["log_sum"][...].astype(float)[:, None]
            detections = {}
            for i, name in enumerate(ids):
                for slot, of in enumerate(model["top_class"][i] if name != ids[i - 1] or i == 0 else []):
                    detections.setdefault(wnids[of], []).append((scores[i, slot], name, boxes[i, slot].tolist()))
            found_by[row["model"]] = detections
            by_class = class_precisions(detections, images, iou)
            wanted = np.mean(list(by_class.values()), 0)
            found = row["map_voc07"], row["map"]
            report(f"{row['model']}: mean average precision, of VOC 2007 and of 2010",
                   np.allclose(found, wanted, rtol=0, atol=1e-9) and 0 < wanted[1] < wanted[0] < 100, f"{found}, {wanted}")
            lines = {line["class"]: line for line in classes if line["model"] == row["model"]}
            report(f"{row['model']}: of each class", all(
                np.allclose((line["map_voc07"], line["map"]), by_class[of], rtol=0, atol=1e-9) if of in by_class else
                line["map"] is None for of, line in lines.items()), str(lines))
            report("and of all that have objects", set(by_class) <= set(lines))
            if row is rows[0]:
                judge_resamples(row, lines, sorted(set(ids)), detections, images, iou)
    names = sorted(set(ids))
    judge_compared(out, found_by, names, images, iou)
    # One image is not computed under a row; another has one row that is, which is enough for its predictions.
    with h5py.File(shutil.copy(out, f"{out}.part"), "r+") as file:
        several = next(name for name in names if ids.count(name) > 1 and name != names[2])
        file["models/gap/done"][[i for i, name in enumerate(ids) if name == names[2]]] = 0
        file["models/gap/done"][ids.index(several)] = 0
    del names[2]
    some = {model: {of: [one for one in boxes if one[1] in names] for of, boxes in detections.items()}
            for model, detections in found_by.items()}
    judge_compared(f"{out}.part", some, names, {name: images[name] for name in names}, iou)
    return rows


def judge_compared(out, found_by, names, images, iou):
    """Differences of two networks and their intervals and p, from the same sets of repeated images for both."""
    n, keys = 200, ("map_voc07", "map")
    counts, resampled = np.zeros(len(names), np.uint16), {model: [] for model in found_by}
    for r in range(n):
        lib.cr_stat_count_draws(ct.c_uint64(CR_STAT_SEED), r, len(names), counts.ctypes.data_as(ct.c_void_p))
        for model, detections in found_by.items():
            of = class_precisions(*repeated(counts, names, detections, images), iou)
            resampled[model].append(np.mean(list(of.values()), 0))
    whole = {model: np.mean(list(class_precisions(of, images, iou).values()), 0) for model, of in found_by.items()}
    made = made_compare(out, "--resamples", str(n))
    for k, key in enumerate(keys):
        pairs, wanted = [pair for pair in made["pairs"] if pair["metric"] == key], []
        for pair in pairs:
            a, b = (made["rows"][pair[side]]["model"] for side in "ab")
            apart = np.array(resampled[a])[:, k] - np.array(resampled[b])[:, k]
            p = min(1, 2 * (1 + min((apart <= 0).sum(), (apart >= 0).sum())) / (n + 1))
            wanted.append([whole[a][k] - whole[b][k], *np.quantile(apart, [.025, .975]), p])
        found = [[pair[of] for of in ("difference", "low", "high", "p_bootstrap")] for pair in pairs]
        report(f"{key}: differences, their intervals and p", len(pairs) == len(whole) * (len(whole) - 1) // 2 and
               np.allclose(found, wanted, rtol=0, atol=1e-9), f"{found}, {wanted}")
        order = np.argsort([line[3] for line in wanted], kind="stable")
        steps = np.array([line[3] for line in wanted])[order] * np.arange(len(order), 0, -1)
        report(f"{key}: Holm", np.allclose([pairs[i]["p_adjusted"] for i in order],
                                           np.minimum(1, np.maximum.accumulate(steps)), rtol=0, atol=1e-12), str(pairs))
        report(f"{key}: of all images", {pair["n"] for pair in pairs} == {len(names)}, str(pairs))
        alone = made_compare(out, "--resamples", "0", "--metric", key)
        report(f"{key}: without a bootstrap no p", all(
            pair["difference"] is not None and pair["low"] is pair["p_bootstrap"] is None for pair in alone["pairs"]) and
            "letters" not in alone["metrics"][0], str(alone))
    lines = list(csv.DictReader(run_compare(out, "--resamples", str(n), "--format", "csv").splitlines()))
    report("CSV has the same", [float(line["p_bootstrap"]) for line in lines if line["metric"] == "map"] ==
           [pair["p_bootstrap"] for pair in made["pairs"] if pair["metric"] == "map"], str(lines[:1]))


def run_compare(out, *options):
    return subprocess.run([CAMRANK, "compare", out, "--only", "grad-cam", *options], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def made_compare(out, *options):
    return json.loads(run_compare(out, "--format", "json", *options))


def judge_resamples(row, lines, names, detections, images, iou):
    """The ends of all intervals, from sets in which images stand as often as they were drawn."""
    counts, means, of_classes = np.zeros(len(names), np.uint16), [], {}
    for r in range(CR_REPORT_RESAMPLES):
        lib.cr_stat_count_draws(ct.c_uint64(CR_STAT_SEED), r, len(names), counts.ctypes.data_as(ct.c_void_p))
        by_class = class_precisions(*repeated(counts, names, detections, images), iou)
        means.append(np.mean(list(by_class.values()), 0))
        for of, values in by_class.items():
            of_classes.setdefault(of, []).append(values)
    n_whole = sum(len(values) == CR_REPORT_RESAMPLES for values in of_classes.values())
    report("some classes are not in all resamples", n_whole < len(of_classes), str(n_whole))
    for what, line, values in (("mean", row, means), *((of, lines[of], v) for of, v in of_classes.items())):
        found = np.array([[line[f"{key}_{end}"] for key in ("map_voc07", "map")] for end in ("low", "high")])
        wanted = np.quantile(values, [.025, .975], axis=0)
        report(f"{what}: its interval", np.allclose(found, wanted, rtol=0, atol=1e-9), f"{found}, {wanted}")


def judge_run(folder):
    """VOC's layout with the sample's ten classes and networks, to the end."""
    subprocess.run([sys.executable, os.path.join(HERE, "..", "cli", "make_sample.py"), f"{folder}/sample"], check=True)
    with open(f"{folder}/sample/synsets.txt", encoding="utf-8") as file:
        wnids = [line.split()[0] for line in file]
    images = objects_of(wnids)
    for name in "Annotations", "JPEGImages":
        os.makedirs(f"{folder}/{name}")
    for name, (size, objects) in images.items():
        write(f"{folder}/Annotations/{name}.xml", voc_xml(name, size, objects))
        Image.fromarray(random.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(
            f"{folder}/JPEGImages/{name}.jpg")
    masks = sample_masks(folder, images, wnids)
    sets = {"dataset.layout": "voc", "dataset.ground_truth": f"{folder}/Annotations",
            "dataset.images": f"{folder}/JPEGImages", "dataset.masks": f"{folder}/masks",
            "iou": "0.15", "metrics": "[pixel-ap, pointing-game, corloc]", "methods": "[grad-cam]"}
    outs = []
    for n in "1", "2":
        outs.append(f"{folder}/out{n}.h5")
        command = ["mpirun", "-q", "-n", n, CAMRANK, "run", f"{folder}/sample/job.yaml", "-o", outs[-1]]
        for key, value in sets.items():
            command += ["--set", f"{key}={value}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open(outs[0], "rb") as a, open(outs[1], "rb") as b:
        report("the same bytes at two ranks", a.read() == b.read())
    judge_mean_precision(outs[0], images, wnids, .15)
    command[command.index(outs[1])] = outs[1] = f"{folder}/third.h5"
    subprocess.run([*command, "--set", "dataset.subset.stride=3"], check=True, stdout=subprocess.DEVNULL)
    made = made_compare(outs[0], outs[1], "--metric", "map", "--only", "grad-cam,gap")
    figures = [made["pairs"][0][key] for key in ("difference", "low", "high", "p_bootstrap")]
    report("a file of every third row gives what those rows do in the whole", figures == [0, 0, 0, 1] and
           0 < made["rows"][0]["values"]["map"] < 100 and made["files"][0]["left_out"] > 9, str(made))
    with h5py.File(outs[0]) as file:
        ids = [i.decode() for i in file["images/id"][...]]
        report("the file has a row an image and class", ids == list(expected(images)), str(ids[:3]))
        object_, other = (file[f"models/gap/grad-cam/pixel-ap/{c}"][...].sum(1) for c in ("object", "other"))
        logits = file["models/gap/truth_logit"][...]
        top = file["models/gap/top_class"][...]
        report("one image, the same predictions", all(
            (top[i] == top[i - 1]).all() for i in range(1, len(ids)) if ids[i][:11] == ids[i - 1][:11]))
        report("and another class's logit", len(set(logits.tolist())) == len(ids))
        judge_by_class(file, expected(images))
    n_without = 0
    for i, row in enumerate(ids):
        name, of = row.split(":")
        mask = masks[name]
        at = cv2.resize(np.asarray(mask, np.uint8), (224, 224), interpolation=cv2.INTER_NEAREST)
        wanted = (at == wnids.index(of) + 1).sum(), ((at != wnids.index(of) + 1) & (at != 255)).sum()
        if not (mask == wnids.index(of) + 1).any():
            n_without += 1
            report(f"{row}: a mask without its class does not count", object_[i] < 0 and other[i] < 0)
        elif wanted != (object_[i], other[i]):
            report(f"{row}: pixels of its class's mask", False, f"{object_[i]}, {other[i]}, not {wanted}")
    report("masks were read, and some are without their class", (object_ > 0).sum() > 10 and n_without > 0,
           str(object_))
    judge_exports(folder, outs[0], ids)
    # Two rows of one image have a map each, by their ids, and score as in the run.
    subprocess.run([CAMRANK, "export", outs[0], "--format", "npy", "--model", "gap", "-o", f"{folder}/maps"], check=True)
    maps = os.listdir(f"{folder}/maps")
    report("a map for each row", len(maps) == len(ids) and all(
        f"{a}.npy" in maps for a, b in zip(ids, ids[1:]) if a.split(":")[0] == b.split(":")[0]), f"{sorted(maps)}, of {ids}")


CSV_HEADER = ("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,"
              "IsInside")


def judge_openimages(folder):
    """OpenImages' own boxes, shares of images whose sizes are in their files, and its list of classes."""
    classes = ["0cdn1", "01226z", "04ctx"]
    images = objects_of(classes)
    lines, groups = [CSV_HEADER], [(0, 0), (3, 1)]
    for k, (name, (size, objects)) in enumerate(images.items()):
        # A PNG, a JPEG, and one whose frame lies behind a long segment.
        picture = Image.fromarray(random.integers(0, 255, (*size[::-1], 3), dtype=np.uint8))
        os.makedirs(f"{folder}/images", exist_ok=True)
        picture.save(f"{folder}/images/{name}.{'png' if k % 3 == 0 else 'jpg'}",
                     **({"comment": b"x" * 60000, "progressive": True} if k % 3 == 1 else {}))
        for j, (of, (x0, y0, x1, y1)) in enumerate(objects):
            share = (x0 / size[0], (x1 + 1) / size[0], y0 / size[1], (y1 + 1) / size[1])
            lines.append(f"{name},xclick,/m/{of},1,{','.join(f'{s:.6f}' for s in share)},0,0,"
                         f"{int((k, j) in groups)},0,0")
    for k, j in groups:
        list(images.values())[k][1][j:j + 1] = [None] if j < len(list(images.values())[k][1]) else []
    images = {name: (size, [one for one in objects if one]) for name, (size, objects) in images.items()}
    truth = write(f"{folder}/validation-annotations-bbox.csv", "\n".join(lines) + "\n")
    names = write(f"{folder}/class-descriptions-boxable.csv", "".join(f"/m/{c},The {c}\n" for c in classes))
    data = Set("openimages", ground_truth=truth, images=f"{folder}/images", synsets=names)
    compare("openimages", data, expected(images, False), classes)
    report("openimages: sizes are the files'", all(
        (i["width"], i["height"]) == images[row.split(":")[0]][0] for i, row in zip(data.images, data.ids)))
    data.close()
    data = Set("openimages", ground_truth=truth, images=f"{folder}/images")
    report("without a list classes are the labels, sorted", data.wnids == sorted(classes), str(data.wnids))
    data.close()
    refused("boxes without images", truth, "dataset.images must be given", "openimages", ground_truth=truth)
    row = lines[1].split(",")
    for what, column, value, reason in (("a side of 1.5", 5, "1.5", "XMax is '1.5', must be a number from 0 to 1"),
                                        ("no number", 6, "", "YMin is ''"), ("an empty box", 4, row[5], "is empty"),
                                        ("no label", 2, "/", "no label"),
                                        ("another class", 2, "/m/x", "label 'x' is not in the synset list")):
        bad = write(f"{folder}/bad.csv", CSV_HEADER + "\n" + ",".join([*row[:column], value, *row[column + 1:]]) + "\n")
        refused(what, f"{bad}:2", reason, "openimages", ground_truth=bad, images=f"{folder}/images", synsets=names)
    with open(f"{folder}/images/{row[0]}.png", "wb") as file:
        file.write(b"\xff\xd8\xff\xe0\x00")
    refused("a file without a size", f"{folder}/images/{row[0]}.png", "says its size", "openimages",
            ground_truth=truth, images=f"{folder}/images", synsets=names)


SEGMENTS_HEADER = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"


def object_masks(folder, images):
    """A PNG an object, of a size that is not the image's: OpenImages' lines of them, and each row's pixels of
    224 x 224 by cv2.resize, as wsolevaluation takes them: each mask by itself, then all of the row."""
    lines, pixels = [SEGMENTS_HEADER], {}
    os.makedirs(f"{folder}/masks")
    for name, (size, objects) in images.items():
        for j, (of, (x0, y0, x1, y1)) in enumerate(objects):
            path = f"{name}_m{of}_{j}.png"
            mask = 255 * (random.random(random.integers(3, 400, 2)) < .2).astype(np.uint8)
            Image.fromarray(mask).convert("1").save(f"{folder}/masks/{path}")
            share = (x0 / size[0], (x1 + 1) / size[0], y0 / size[1], (y1 + 1) / size[1])
            lines.append(f"{path},{name},/m/{of},{j},{','.join(f'{s:.6f}' for s in share)},0.8,0.5 0.25 1;0.1 0.2 0")
            resized = cv2.resize(np.float32(mask), (224, 224), interpolation=cv2.INTER_NEAREST) > .5
            pixels[f"{name}:{of}"] = pixels.get(f"{name}:{of}", False) | resized
    return lines, pixels


def judge_segments(folder):
    """OpenImages' own masks, down to the pixels that a run counts."""
    subprocess.run([sys.executable, os.path.join(HERE, "..", "cli", "make_sample.py"), f"{folder}/sample"], check=True)
    with open(f"{folder}/sample/synsets.txt", encoding="utf-8") as file:
        classes = [line.split()[0] for line in file]
    images = objects_of(classes)
    os.makedirs(f"{folder}/images")
    for name, (size, _) in images.items():
        Image.fromarray(random.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(f"{folder}/images/{name}.jpg")
    lines, pixels = object_masks(folder, images)
    sets = {"layout": "openimages", "images": f"{folder}/images", "masks": f"{folder}/masks",
            "ground_truth": write(f"{folder}/validation-annotations-object-segmentation.csv", "\n".join(lines) + "\n"),
            "synsets": write(f"{folder}/classes.csv", "".join(f"/m/{c},The {c}\n" for c in classes))}
    data = Set(**sets)
    compare("masks of objects", data, expected(images, False), classes)
    report("each row has a mask", data.images["has_mask"].all())
    data.close()
    guess = lib.cr_layout_guess
    guess.restype = ct.POINTER(cr_layout)
    found = guess(sets["ground_truth"].encode(), sets["images"].encode())
    report("the layout is guessed", found.contents.name == b"openimages")
    quoted = write(f"{folder}/quoted.csv", "\ufeff" + "".join(
        ",".join(f'"{field}"' for field in line.split(",")) + "\r\n" for line in lines))
    report("and of fields in quotes", guess(quoted.encode(), None).contents.name == b"openimages")
    data = Set(**{**sets, "ground_truth": quoted})
    compare("fields in quotes", data, expected(images, False), classes)
    data.close()
    command = [CAMRANK, "run", f"{folder}/sample/job.yaml", "-o", f"{folder}/out.h5"]
    for key, value in [*((f"dataset.{key}", value) for key, value in sets.items()), ("metrics", "[pixel-ap]"),
                       ("methods", "[grad-cam]")]:
        command += ["--set", f"{key}={value}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with h5py.File(f"{folder}/out.h5") as file:
        ids = [i.decode() for i in file["images/id"][...]]
        object_, other = (file[f"models/gap/grad-cam/pixel-ap/{c}"][...].sum(1) for c in ("object", "other"))
    wanted = [int(pixels[row].sum()) for row in ids]
    report("pixels of the masks of each row", object_.tolist() == wanted, f"{object_.tolist()}, not {wanted}")
    report("and all others", (object_ + other == 224 * 224).all())
    name, row = lines[1].split(",", 1)
    for what, line, reason in (("no mask", f",{row}", "no mask"),
                               ("a side of -1", ",".join([name, *row.split(",")[:3], "-1", *row.split(",")[4:]]),
                                "BoxXMin is '-1', must be a number from 0 to 1")):
        bad = write(f"{folder}/bad.csv", f"{SEGMENTS_HEADER}\n{line}\n")
        refused(what, f"{bad}:2", reason, **{**sets, "ground_truth": bad})
    os.remove(f"{folder}/masks/{name}")
    refused("a mask that is not there", f"{folder}/masks/{name}", "No such file", **sets)


def judge_named_masks(folder):
    """Masks that wsolevaluation's lists name must be there, of the chosen images."""
    for name in "a.png", "b.png":
        for root in "images", "masks":
            os.makedirs(f"{folder}/{root}", exist_ok=True)
            Image.new("L", (9, 9), 255).save(f"{folder}/{root}/{name}")
    write(f"{folder}/image_ids.txt", "a.png\nb.png\n")
    write(f"{folder}/class_labels.txt", "a.png,0\nb.png,0\n")
    write(f"{folder}/localization.txt", "a.png,a.png,\nb.png,b.png,\nb.png,c.png,\n")
    paths = {"images": f"{folder}/images", "masks": f"{folder}/masks", "ground_truth": folder,
             "synsets": write(f"{folder}/synsets", "n1 one\n")}
    refused("a mask that is named and not there", f"{folder}/masks/c.png",
            "No such file or directory; the ground truth names it as a mask of 'b'", "openimages", **paths)
    data = Set("openimages", subset_list=write(f"{folder}/list", "a\n"), **paths)
    report("nor need it be, of an image that is not chosen", data.images["has_mask"].tolist() == [1], str(data.images))
    data.close()
    os.rename(f"{folder}/masks/a.png", f"{folder}/masks/c.png")
    refused("the mask of another image", f"{folder}/masks/a.png", "No such file", "openimages", **paths)


def judge_exports(folder, out, rows):
    """Forms of a line an image, and labels of images, of which each has several rows."""
    images = sorted({row.split(":")[0] for row in rows})
    lines = subprocess.run([CAMRANK, "export", out, "--format", "kaggle", "--model", "gap"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()[1:]
    report("a submission has a line an image", [line.split(",")[0] for line in lines] == images, str(lines[:3]))
    labels = write(f"{folder}/labels.csv", "image,attribute\n" + f"{images[0]},of all\n{rows[-1]},of one\nnone,x\n")
    write(f"{folder}/other.csv", "image,attribute\n" + f"{images[0]}:,x\n{images[0][:-1]},x\n")
    for name in "labels", "other":
        made = subprocess.run([CAMRANK, "patterns", out, "--model", "gap", "--attributes", f"{folder}/{name}.csv", "-o",
                               f"{folder}/{name}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        report(f"{name}: labels are of all rows of an image, or of one", made.returncode == (0 if name == "labels" else 3) and
               (name == "labels" or "no row is of an image" in made.stderr), made.stderr)
    with open(f"{folder}/labels/labels.csv", encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    n = sum(int(line["images"]) for line in found if line["attribute"] == "of all")
    report("a label of an image counts in each of its classes",
           n == sum(row.split(":")[0] == images[0] for row in rows), f"{found}, {rows[:3]}")


def judge_mask_paths(folder):
    """Masks by the paths of the images' files, as CUB's segmentations lie."""
    for name, path in ("a", "x/a.png"), ("b", "y/b.png"), ("c", "c.png"):
        for root in "images", "masks":
            at = f"{folder}/{root}/{path if root == 'masks' or name == 'c' else path.replace('png', 'jpg')}"
            os.makedirs(os.path.dirname(at), exist_ok=True)
            if (root, name) != ("masks", "b"):
                Image.new("RGB", (9, 9), "white").save(at)
    data = Set("csv", images=f"{folder}/images", masks=f"{folder}/masks",
               synsets=write(f"{folder}/synsets", "n1 one\n"),
               ground_truth=write(f"{folder}/truth", "image,label\na,0\nb,0\nc,0\n"))
    report("masks lie as files do, or flat", data.images["has_mask"].tolist() == [1, 0, 1])


def main():
    with tempfile.TemporaryDirectory() as folder:
        for judge in (judge_voc, judge_coco, judge_openimages, judge_segments, judge_named_masks, judge_mask_paths,
                      judge_run, judge_precisions):
            inside = f"{folder}/{judge.__name__}"
            os.makedirs(inside)
            judge(inside)
    report.done()


main()
