"""Sets whose images have objects of several classes: rows of an image and a class, against this test's own reading
of the same files, down to the results of a run; each wrong file must give its place and reason."""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    from PIL import Image
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

from camrank import Checks, Refused
from image_set import Set, write

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
HERE = os.path.dirname(os.path.abspath(__file__))
report = Checks()
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


def expected(images):
    """What rows there are: id -> boxes."""
    rows = {}
    for name, (_, objects) in images.items():
        for of, box in objects:
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
    files = [os.path.basename(data.file(i)) for i in range(len(data.ids))]
    report("all rows of an image have its file", files == [row.split(":")[0] + ".jpg" for row in rows])
    data.close()
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
    places = np.arange(224)
    for i, row in enumerate(ids):
        name, of = row.split(":")
        mask = masks[name]
        at = mask[np.ix_(places * mask.shape[0] // 224, places * mask.shape[1] // 224)]
        wanted = (at == wnids.index(of) + 1).sum(), ((at != wnids.index(of) + 1) & (at != 255)).sum()
        if wanted != (object_[i], other[i]):
            report(f"{row}: pixels of its class's mask", False, f"{object_[i]}, {other[i]}, not {wanted}")
    report("masks were read", (object_ > 0).sum() > 10, str(object_))


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
        for judge in judge_voc, judge_mask_paths, judge_run:
            inside = f"{folder}/{judge.__name__}"
            os.makedirs(inside)
            judge(inside)
    report.done()


main()
