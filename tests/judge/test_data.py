"""Image sets against what nobody here wrote: the kit's layouts, Python's tarfile, and wrong files.

All 50,000 validation images in four layouts; the 500 of the dev set in every layout, in a folder and
in a tar, down to the results files; each wrong file must give file, line and reason.
"""
import csv
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import h5py
import numpy as np

from camrank import KIT, Refused
from image_set import Set, add_bytes, annotation, lines, read_meta, same, write, wsol_table

CAMRANK = os.environ.get("CAMRANK", "build/camrank")
failures = 0


def check(what, ok, detail=""):
    global failures
    failures += not ok
    print(f"{'ok' if ok else 'FAILED'}: {what}{': ' if detail else ''}{detail}")


def refused(what, place, reason, layout, **paths):
    """Must be refused, with `place` at the front of the message and `reason` in it."""
    try:
        Set(layout, **paths).close()
        check(what, False, "was read")
    except Refused as why:
        text = str(why)
        check(what, text.startswith(place + ": ") and reason in text and "\n" not in text, text)


def validation_set(folder):
    """All 50,000 images in four layouts and as a .tgz of XML made from wsolevaluation's files."""
    val = f"{KIT}/ilsvrc-val"
    synsets = f"{val}/LOC_synset_mapping.txt"
    table = wsol_table(val)
    wnids = [line.split()[0] for line in lines(synsets)]
    meta = read_meta(f"{val}/meta.mat")
    devkit_synsets = write(f"{folder}/devkit.txt", "".join(f"{i} {w} x\n" for i, w in meta))
    tgz = f"{folder}/bbox_val.tgz"
    with tarfile.open(tgz, "w:gz", compresslevel=1) as tar:
        for name, (size, label, boxes) in table.items():
            add_bytes(tar, f"val/{name}.xml", annotation(name, size, wnids[label], boxes))
    plain = f"{folder}/plain.csv"
    with open(plain, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow("image label x0 y0 x1 y1".split())
        # Boxes of one image lie far apart: the first of all images, then the second ...
        for k in range(20):
            for name, (_, label, boxes) in table.items():
                if k < len(boxes):
                    rows.writerow([name + ".JPEG", label, *boxes[k]])
    kaggle = Set("kaggle", ground_truth=f"{val}/LOC_val_solution.csv", synsets=synsets)
    others = {
        "wsol": Set("wsol", ground_truth=val, synsets=synsets),
        "xml .tgz": Set("xml", ground_truth=tgz, synsets=synsets),
        "devkit": Set("devkit", ground_truth=f"{val}/ILSVRC2012_validation_ground_truth.txt",
                      boxes=tgz, synsets=synsets, devkit_synsets=f"{val}/meta.mat"),
        "csv": Set("csv", ground_truth=plain, synsets=synsets)}
    n = kaggle.images["n_boxes"]
    check("validation set", (len(n), n.sum(), (n > 1).sum(), n.max()) == (50000, 80477, 11715, 20))
    check("validation set: labels of images 1 to 3",
          list(kaggle.images["label"][:3]) == [65, 970, 230])
    for name, other in others.items():
        check(f"validation set: {name} is kaggle", same(kaggle, other))
    ids = dict(meta)
    devkit = lines(f"{val}/ILSVRC2012_validation_ground_truth.txt")
    check("validation set: devkit ids",
          [ids[int(i)] for i in devkit] == [wnids[c] for c in others["devkit"].images["label"]] and
          [ids[i] for i in others["devkit"].classes["devkit"]] == wnids)
    # protocols.md, section 5: the whole image as the box, with the sizes and boxes as we read them.
    wsol = others["wsol"]
    width = wsol.images["width"].repeat(n).astype(float)
    height = wsol.images["height"].repeat(n).astype(float)
    x0, y0, x1, y1 = wsol.boxes.T
    inside = (np.minimum(x1, width - 1) - x0 + 1) * (np.minimum(y1, height - 1) - y0 + 1)
    union = width * height + (x1 - x0 + 1.) * (y1 - y0 + 1) - inside
    hit = np.logical_or.reduceat(2 * inside >= union, wsol.images["first_box"])
    check("validation set: whole-image GT-known", round(100 * hit.mean(), 3) == 40.702,
          f"{100 * hit.mean():.3f} %")
    # Subsets and the blacklist's form of an exclude list.
    some = Set("kaggle", ground_truth=f"{val}/LOC_val_solution.csv", synsets=synsets,
               subset_stride=7, limit=100, exclude=write(f"{folder}/black.txt", "8\n1\n50000\n\n"),
               subset_list=write(f"{folder}/list.txt", "\n".join(kaggle.ids[:1000]) + "\n"))
    check("subset: list, stride and count; blacklist by number",
          some.ids == kaggle.ids[:1000:7][:100] and some.data.n_excluded == 2 and
          list(np.flatnonzero(some.images["localize"] == 0)) == [0, 1])
    two = Set("kaggle", subset_classes=[wnids[65], wnids[3]], synsets=synsets,
              ground_truth=f"{val}/LOC_val_solution.csv")
    check("subset: classes", two.ids == [i for i, c in zip(kaggle.ids, kaggle.images["label"])
                                         if c in (65, 3)] and len(two.ids) == 100)
    wrong_validation(folder, val, synsets, devkit_synsets, tgz, table, wnids)
    for data in (kaggle, some, two, *others.values()):
        data.close()


def damaged_meta(folder, val, synsets):
    """The devkit's table, cut short and with wrong bytes: the right ids or a refusal."""
    with open(f"{val}/meta.mat", "rb") as file:
        whole = file.read()
    path, read, wrong = f"{folder}/meta.mat", 0, []
    paths = {"ground_truth": f"{KIT}/dev/metadata", "synsets": synsets, "devkit_synsets": path}
    right = Set("wsol", **{**paths, "devkit_synsets": f"{val}/meta.mat"}).classes["devkit"]
    for k in range(40):
        at = 124 + (len(whole) - 124) * k // 40
        for damaged in whole[:at], whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1:]:
            with open(path, "wb") as file:
                file.write(damaged)
            try:
                read += 1
                if (Set("wsol", **paths).classes["devkit"] != right).any():
                    wrong.append(at)
            except Refused as why:
                read -= 1
                if not str(why).startswith(f"{path}: "):
                    wrong.append(str(why))
    check("meta.mat damaged in 80 ways", not wrong and read < 8, f"{read} harmless, wrong {wrong}")


def wrong_validation(folder, val, synsets, devkit_synsets, tgz, table, wnids):
    """One bad line in the middle of 50,000, in every layout."""
    rows = lines(f"{val}/LOC_val_solution.csv")
    bad = write(f"{folder}/bad.csv", "\n".join(rows[:25000] + [rows[25000].replace(" ", " -", 1)] +
                                               rows[25001:]) + "\n")
    refused("kaggle with a bad line", f"{bad}:25001", "must be a whole number", "kaggle",
            ground_truth=bad, synsets=synsets)
    names = ("image_ids.txt", "class_labels.txt", "image_sizes.txt", "localization.txt")
    for name, replace, line, reason in (
            ("image_ids.txt", lambda r: r[:24999] + [r[7]] + r[25000:], 25000, "line 8 already"),
            ("class_labels.txt", lambda r: r[:24999] + [r[24999].split(",")[0] + ",1000"] +
             r[25000:], 25000, "devkit ids"),
            ("image_sizes.txt", lambda r: r[:24999] + [r[24999] + ",3"] + r[25000:], 25000,
             "4 columns"),
            ("localization.txt", lambda r: r[:39999] + ["val/x.JPEG,1,1,2,2"] + r[39999:], 40000,
             "image 'val/x.JPEG' is not in image_ids.txt")):
        wrong = f"{folder}/wsol"
        os.makedirs(wrong, exist_ok=True)
        for other in names:
            shutil.copyfile(f"{val}/{other}", f"{wrong}/{other}")
        write(f"{wrong}/{name}", "\n".join(replace(lines(f"{val}/{name}"))))
        refused(f"wsol with a bad {name}", f"{wrong}/{name}:{line}", reason, "wsol",
                ground_truth=wrong, synsets=synsets)
    reverse = write(f"{folder}/reverse.txt", "\n".join(reversed(lines(synsets))))
    refused("wsol with unsorted synsets", f"{reverse}: class_labels.txt numbers the classes by "
            "sorted wnids, but this list is not sorted", wnids[999], "wsol", ground_truth=val,
            synsets=reverse)
    devkit = lines(f"{val}/ILSVRC2012_validation_ground_truth.txt")
    for what, list_, line, reason in (
            ("a bad line", devkit[:24999] + ["1001"] + devkit[25000:], 25000, "no devkit id"),
            ("another class", devkit[:24999] + [str(int(devkit[24999]) % 1000 + 1)] +
             devkit[25000:], 25000, "another order of classes"),
            ("the order of sorted wnids", [str(c + 1) for _, c, _ in table.values()], 1,
             "another order of classes")):
        bad = write(f"{folder}/bad.txt", "\n".join(list_) + "\n")
        refused(f"devkit with {what}", f"{bad}:{line}", reason, "devkit", ground_truth=bad,
                synsets=synsets, devkit_synsets=devkit_synsets, boxes=tgz)
    damaged_meta(folder, val, synsets)
    cut = f"{folder}/cut.tgz"
    with open(tgz, "rb") as whole, open(cut, "wb") as part:
        part.write(whole.read()[:os.path.getsize(tgz) // 2])
    refused("truncated .tgz of XML", cut, "at or behind member 'val/ILSVRC2012_val_", "xml",
            ground_truth=cut, synsets=synsets)


def wrong_xml(folder):
    synsets = write(f"{folder}/synsets.txt", "n01 a\nn02 b\n")
    good = annotation("x", (50, 40), "n01", [(1, 2, 3, 4), (0, 0, 49, 39)]).decode()
    xml = f"{folder}/xml"
    os.makedirs(xml, exist_ok=True)
    box = "<bndbox><xmin>0</xmin><ymin>0</ymin><xmax>49</xmax><ymax>39</ymax></bndbox>"
    for what, text, line, reason in (
            ("a missing box", good.replace(box, ""), 4, "object 2 has no bndbox"),
            ("a missing side", good.replace("<ymax>4</ymax>", ""), 3, "object 1 has no ymax"),
            ("no name", good.replace("<name>n01</name>", "", 1), 3, "object 1 has no name"),
            ("two boxes", good.replace(box, box + box), 4, "object 2 has two bndbox"),
            ("a side that is no number", good.replace(">49<", ">4 9<"), 4, "xmax is '4 9'"),
            ("an empty box", good.replace(">49<", ">0<").replace("<xmin>0", "<xmin>1"), 4,
             "object 2 is empty"),
            ("an unknown class", good.replace("n01", "n07"), 3, "'n07' is not in the synset list"),
            ("two classes", good[::-1].replace("10n", "20n", 1)[::-1], 4, "two classes"),
            ("no end", good[:-20], 4, "expected"),
            ("an entity", "<!DOCTYPE annotation [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>\n" +
             good.replace(">49<", ">&a;<"), 1, "a DOCTYPE"),
            ("another root", "<html/>", 1, "must be <annotation>"),
            ("nothing", "", 1, "")):
        write(f"{xml}/x.xml", text)
        refused(f"XML with {what}", f"{xml}/x.xml:{line}", reason, "xml", ground_truth=xml,
                synsets=synsets)
        with tarfile.open(f"{folder}/x.tar.xz", "w:xz") as tar:
            tar.add(f"{xml}/x.xml", "a/x.xml")
        refused("the same in a .tar.xz", f"{folder}/x.tar.xz/a/x.xml:{line}", reason, "xml",
                ground_truth=f"{folder}/x.tar.xz", synsets=synsets)
    write(f"{xml}/x.xml", good.replace(">49<", ">50<"))
    refused("XML with a box outside", xml, "boxes reach beyond their image in 1 of 1 images looked at, "
            "first in x, 50 x 40 pixels, box 0 0 50 39", "xml", ground_truth=xml, synsets=synsets)
    write(f"{xml}/x.xml", good)
    data = Set("xml", ground_truth=xml, synsets=synsets)
    check("XML that is right", data.boxes.tolist() == [[1, 2, 3, 4], [0, 0, 49, 39]])
    data.close()
    with tarfile.open(f"{folder}/two.tar", "w") as tar:
        tar.add(f"{xml}/x.xml", "a/x.xml")
        tar.add(f"{xml}/x.xml", "a/x.xml")
    refused("an image annotated twice", f"{folder}/two.tar", "image 'x' is there twice", "xml",
            ground_truth=f"{folder}/two.tar", synsets=synsets)
    latin = write(f"{folder}/latin.csv", 'image,label,x0,y0,x1,y1\n"a","n01",0,0,1,1\n'
                  '"caf\xe9, gro\xdf.jpg","n01",0,0,1,1\n', "latin-1")
    refused("CSV in Latin-1 with quotes", f"{latin}:3", "not UTF-8 (Latin-1?)", "csv",
            ground_truth=latin, synsets=synsets)
    for what, row, reason in (
            ("another label", "a,n02,0,0,1,1", "had another label on line 2"),
            ("an index too large", "b,2,0,0,1,1", "devkit ids"),
            ("an unknown class", "b,n07,0,0,1,1", "'n07' is neither a wnid of the synset list "),
            ("a missing column", "b,n01,0,0,1", "5 columns, must be image,label,x0,y0,x1,y1"),
            ("a broken box", "b,n01,0,0,1,y", "y1 is 'y'"),
            ("a quote", 'b,n01,0,0,"1,1', "a quote that is never closed")):
        bad = write(f"{folder}/bad.csv", f"image,label,x0,y0,x1,y1\na,n01,0,0,1,1\n{row}\n")
        refused(f"CSV with {what}", f"{bad}:3", reason, "csv", ground_truth=bad, synsets=synsets)


def wrong_tars(folder):
    """Tars of images: what cannot be read in place is refused, what can is read byte by byte."""
    synsets = write(f"{folder}/synsets.txt", "n01 a\nn02 b\n")
    truth = write(f"{folder}/t.csv", "image,label,x0,y0,x1,y1\na,n01,0,0,1,1\nb,n02,0,0,1,1\n")
    source = {"ground_truth": truth, "synsets": synsets}
    content = {"a": b"A" * 700, "b": b"B" * 512}
    deep = "n02/" + 40 * "long/" + "b.PNG"

    def make(name, mode="w", second="n02/b.PNG", format_=tarfile.PAX_FORMAT, change=None):
        path = f"{folder}/{name}"
        with tarfile.open(path, mode, format=format_) as tar:
            tar.addfile(tarfile.TarInfo("../../etc/passwd"))
            add_bytes(tar, "n01/a.JPEG", content["a"])
            add_bytes(tar, "n01/._a.JPEG", b"resource fork")
            if change:
                change(tar)
            add_bytes(tar, second, content["b"])
        return path
    for format_ in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for second in ("n02/b.PNG", "./n02/b.PNG") + ((deep,) if format_ else ()):
            data = Set("csv", images=make("good.tar", second=second, format_=format_), **source)
            check(f"tar, format {format_}, {second[:12]}",
                  [data.read(0), data.read(1)] == [content["a"], content["b"]])
            data.close()
    good = make("good.tar")
    whole = open(good, "rb").read()
    b = whole.index(b"B" * 512)

    def cut(n):
        with open(f"{folder}/cut.tar", "wb") as file:
            file.write(whole[:n])
        return f"{folder}/cut.tar"
    refused("tar cut in a member", f"{folder}/cut.tar", "cut short in member 'n02/b.PNG'", "csv",
            images=cut(b + 100), **source)
    refused("tar cut behind a member", f"{folder}/cut.tar",
            "cut short behind member 'n02/b.PNG': the end mark is missing", "csv",
            images=cut(b + 512), **source)
    refused("tar cut in a header", f"{folder}/cut.tar", "member 'n01/._a.JPEG'", "csv",
            images=cut(b - 300), **source)
    refused("compressed tar", f"{folder}/good.tar.gz", "compressed with gzip", "csv",
            images=make("good.tar.gz", "w:gz"), **source)
    refused("no tar", truth, "no tar", "csv", images=truth, **source)

    def link(tar):
        info = tarfile.TarInfo("n01/c.JPEG")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    refused("tar with a link", f"{folder}/link.tar", "'n01/c.JPEG' is a link", "csv",
            images=make("link.tar", change=link), **source)
    refused("tar with one image twice", f"{folder}/twice.tar",
            "'n01/a.JPEG' and 'n02/a.jpg' are the same image id", "csv",
            images=make("twice.tar", change=lambda tar: add_bytes(tar, "n02/a.jpg", b"x")),
            **source)
    refused("images in folders of other classes", good.replace("good", "other"),
            "2 of 2 images lie in the folder of another class than their label, the first is 'a' "
            "in n01 with label n02", "csv", images=shutil.copyfile(good, f"{folder}/other.tar"),
            synsets=synsets, ground_truth=write(f"{folder}/other.csv", open(truth).read().replace(
                "n01", "x").replace("n02", "n01").replace("x,0", "n02,0").replace("imagex", "")))
    more = Set("csv", images=make("more.tar", change=lambda tar: [
        add_bytes(tar, f"n01/{c}.png", b"x") for c in "zyxw"]), **source)
    check("files that the ground truth does not name",
          (more.data.n_unlisted_files, more.data.unlisted) == (4, b"w, x, y, ..."))
    os.truncate(f"{folder}/more.tar", 2000)
    try:
        more.read(1)
        check("tar cut after it was indexed", False, "was read")
    except Refused as why:
        check("tar cut after it was indexed", f"{folder}/more.tar/n02/b.PNG" in str(why), str(why))
    more.close()


def cub_set(folder):
    """CUB-200-2011's files in small; the boxes are the first two of its test part as wsolevaluation
    publishes them (60,27,385,331 and 14,112,402,298)."""
    root = f"{folder}/CUB"
    for bird in ("001.Black_footed_Albatross", "002.Laysan_Albatross"):
        os.makedirs(f"{root}/images/{bird}")
    files = ["001.Black_footed_Albatross/B_0046_18.jpg", "001.Black_footed_Albatross/B_0009_34.jpg",
             "002.Laysan_Albatross/L_0002_55.jpg"]
    for name in files:
        write(f"{root}/images/{name}", "")
    tables = {"images.txt": files, "image_class_labels.txt": [1, 1, 2], "train_test_split.txt":
              [0, 1, 0], "classes.txt": ["001.Black_footed_Albatross", "002.Laysan_Albatross"],
              "bounding_boxes.txt": ["60.0 27.0 325.0 304.0", "139.0 30.0 153.0 264.0",
                                     "14.0 112.0 388.0 186.0"]}

    def write_all(**change):
        for name, column in {**tables, **{k + ".txt": v for k, v in change.items()}}.items():
            write(f"{root}/{name}", "".join(f"{i + 1} {v}\n" for i, v in enumerate(column)))
    paths = {"ground_truth": root, "images": f"{root}/images"}
    write_all()
    data = Set("cub", **paths)
    check("CUB", data.ids == ["B_0046_18", "L_0002_55"] and data.wnids == tables["classes.txt"] and
          data.images["label"].tolist() == [0, 1] and
          data.boxes.tolist() == [[60, 27, 385, 331], [14, 112, 402, 298]] and
          data.data.n_unlisted_files == 1)
    data.close()
    for name, column, line, reason in (
            ("bounding_boxes", ["1 2 3 4", "1 2 3", "1 2 3 4"], 2, "4 words, must be 5"),
            ("bounding_boxes", ["1 2 3 4", "1 2 0.5 4", "1 2 3 4"], 2, "width is '0.5'"),
            ("image_class_labels", [1, 2, 3], 3, "class '3', must be 1 to 2"),
            ("train_test_split", [0, 2, 0], 2, "must be 0 (test) or 1 (training)"),
            ("train_test_split", [0, 1, 0, 0], 4, "image 4 is not in images.txt"),
            ("images", [files[0], files[1], files[0]], 3, "was on line 1 already")):
        write_all(**{name: column})
        refused(f"CUB with a bad {name}.txt", f"{root}/{name}.txt:{line}", reason, "cub", **paths)
    write_all(image_class_labels=[1, 2])
    refused("CUB with an image without class", f"{root}/image_class_labels.txt",
            "image 3 is missing", "cub", **paths)


def class_folders(folder):
    """Class folders, with and without a synset list, in a folder and in a tar, against ImageFolder."""
    try:
        from torchvision.datasets import ImageFolder
    except ImportError as missing:
        return print(f"skipped: class folders: {missing}")
    root = f"{folder}/set"
    for name in ("b/1.png", "b/2.JPEG", "a b/1.jpg", "\u00e9/10.png", "Z/1.png", "Z/x.y.png"):
        os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
        write(f"{root}/{name}", name)
    judge = ImageFolder(root, loader=lambda path: path)
    wanted = {os.path.splitext(os.path.relpath(path, root))[0]: label for path, label in judge.samples}
    tar = f"{folder}/set.tar"
    with tarfile.open(tar, "w") as out:
        out.add(root, "val")
    for images, prefix in ((root, ""), (tar, "val/")):
        data = Set("folders", images=images)
        check(f"class folders of {os.path.basename(images)}", data.wnids == judge.classes and
              dict(zip(data.ids, data.images["label"])) == {prefix + k: v for k, v in wanted.items()} and
              not data.images["n_boxes"].any() and data.images["localize"].all() and
              all(data.read(i).decode().startswith(name[len(prefix):])
                  for i, name in enumerate(data.ids)))
        data.close()
    order = ["z", "b", "Z", "\u00e9", "a"]
    listed = {c: i for i, c in enumerate(order)}
    synsets = write(f"{folder}/synsets.txt", "".join(f"{c} name\n" for c in order))
    refused("a folder that is no class", root, "the folder 'a b' is not in the synset list", "folders",
            images=root, synsets=synsets)
    os.rename(f"{root}/a b", f"{root}/a")
    data = Set("folders", images=root, synsets=synsets)
    check("class folders by a synset list", data.wnids == order and all(
        label == listed[name.split("/")[0]] for name, label in zip(data.ids, data.images["label"])))
    data.close()
    write(f"{root}/b/2.png", "")
    refused("one image in two files", root, "image 'b/2' is there twice", "folders", images=root)
    os.remove(f"{root}/b/2.png")
    write(f"{root}/top.png", "")
    refused("an image in no folder", root, "image 'top.png' lies in no class folder", "folders",
            images=root)
    os.makedirs(f"{folder}/empty/a")
    refused("no image at all", f"{folder}/empty", "no image file in it", "folders",
            images=f"{folder}/empty")


def run(folder, name, sets, code=0):
    output = f"{folder}/{name}.h5"
    model = "mobilenet_v1_0.5_160"
    sets = {"dataset.synsets": f"{KIT}/dev/LOC_synset_mapping.txt",
            "models.0.file": f"{KIT}/models/{model}.onnx", "dataset.limit": 60, **sets}
    command = [CAMRANK, "run", f"jobs/kit-{model}.yaml", "--output", output]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    if name.endswith("2"):
        command = ["mpirun", "-q", "-n", "2"] + command
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != code:
        check(name, False, done.stderr)
    return output, done.stderr


def content(path):
    """Every dataset, and every attribute but those that say where the image set came from."""
    found = {}

    def visit(name, thing):
        for key, value in thing.attrs.items():
            if (name, key) != ("images", "folder"):
                found[f"{name}@{key}"] = np.asarray(value).tolist()
        # Of all layouts only `devkit` knows the devkit's ids.
        if isinstance(thing, h5py.Dataset) and name not in ("images/file", "classes/devkit_id"):
            found[name] = (thing.dtype, thing.shape, thing[()].tobytes())
    with h5py.File(path, "r") as file:
        file.visititems(visit)
        rows = [m["done"][()] for m in file["models"].values()]
        assert len(rows) == 1 and len(rows[0]) == 60 and (rows[0] == 1).all(), rows
        files = [name.decode() for name in file["images/file"][()]]
    return found, files


def dev_set(folder):
    """The kit's 500 images in every layout, and the results of 60 of them."""
    dev, val = f"{KIT}/dev", f"{KIT}/ilsvrc-val"
    synsets = f"{dev}/LOC_synset_mapping.txt"
    truth = {r["ImageId"]: r["PredictionString"].split()
             for r in csv.DictReader(open(f"{dev}/ground_truth.csv"))}
    plain = f"{folder}/dev.csv"
    with open(plain, "w", newline="") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        rows.writerow("image label x0 y0 x1 y1".split())
        for name, words in truth.items():
            rows.writerows([name, *words[i:i + 5]] for i in range(0, len(words), 5))
    devkit_synsets = write(f"{folder}/devkit.txt", "".join(
        f"{i} {w}\n" for i, w in read_meta(f"{val}/meta.mat")))
    flat, classes = f"{folder}/flat.tar", f"{folder}/classes.tar"
    with tarfile.open(flat, "w") as a, tarfile.open(classes, "w") as b:
        for name, words in truth.items():
            a.add(f"{dev}/images/{name}.JPEG", f"{name}.JPEG")
            b.add(f"{dev}/images/{name}.JPEG", f"val/{words[0]}/{name}.JPEG")
    os.makedirs(f"{folder}/by-class")
    with tarfile.open(classes) as tar:
        tar.extractall(f"{folder}/by-class")
    xml = f"{dev}/annotations"
    ways = {
        "kaggle": {"ground_truth": f"{dev}/ground_truth.csv"},
        "xml": {"layout": "xml", "ground_truth": xml},
        "wsol": {"layout": "wsol", "ground_truth": f"{dev}/metadata"},
        "csv": {"layout": "csv", "ground_truth": plain},
        "devkit": {"layout": "devkit", "boxes": xml, "devkit_synsets": devkit_synsets,
                   "ground_truth": f"{val}/ILSVRC2012_validation_ground_truth.txt"},
        "tar2": {"ground_truth": f"{dev}/ground_truth.csv", "images": flat},
        "tar of class folders": {"ground_truth": f"{dev}/ground_truth.csv", "images": classes},
        "class folders": {"ground_truth": f"{dev}/ground_truth.csv",
                          "images": f"{folder}/by-class"},
    }
    first = None
    for name, way in ways.items():
        way = {"images": f"{dev}/images", "layout": "kaggle", **way}
        data = Set(**way, synsets=synsets)
        first = first or data
        check(f"dev set: {name} is kaggle", same(first, data) and len(data.ids) == 500 and
              len(data.boxes) == 749)
        check(f"dev set: {name}: files", all(
            data.read(i) == open(f"{dev}/images/{data.ids[i]}.JPEG", "rb").read()
            for i in range(0, 500, 7)))
    results = {name: content(run(folder, name, {
        f"dataset.{k}": v for k, v in {"images": f"{dev}/images", "layout": "kaggle",
                                       **way}.items()})[0]) for name, way in ways.items()}
    for name, (found, files) in results.items():
        here = [k for k in found if found[k] != results["kaggle"][0].get(k)]
        check(f"results: {name} is kaggle", not here and len(found) > 20, ", ".join(here))
        folders = "classes" in name or "class " in name
        check(f"results: {name}: files", all(
            f.startswith("val/n") if folders else "/" not in f for f in files))
    shown = subprocess.run([CAMRANK, "show", f"{folder}/tar of class folders.h5", first.ids[0],
                            "-o", f"{folder}/shown.png"], capture_output=True, text=True)
    check("show: an image of a tar", shown.returncode == 0 and
          os.path.getsize(f"{folder}/shown.png") > 10000, shown.stderr)
    guards(folder, dev, devkit_synsets, first, xml)


def guards(folder, dev, devkit_synsets, data, xml):
    """Sizes that do not fit fail their image; a wrong order of classes ends the run."""
    wrong = f"{folder}/wrong-sizes"
    shutil.copytree(xml, wrong)
    os.chmod(wrong, 0o700)
    path = f"{wrong}/{data.ids[3]}.xml"
    os.chmod(path, 0o600)
    write(path, open(path).read().replace("<width>227<", "<width>228<"))
    images = {"dataset.images": f"{dev}/images"}
    output, _ = run(folder, "sizes", {**images, "dataset.layout": "xml",
                                      "dataset.ground_truth": wrong})
    with h5py.File(output) as file:
        model, = file["models"].values()
        reason = model["reason"][3].decode()
        check("size other than annotated", model["done"][()].tolist().count(2) == 1 and reason ==
              f"{data.ids[3]}.JPEG: 227 x 227 pixels, but annotated with 228 x 227", reason)
    # The same images, labelled with indices that are devkit ids less one.
    ids = dict((w, int(i)) for i, w in map(str.split, lines(devkit_synsets)))
    plain = f"{folder}/devkit-order.csv"
    with open(plain, "w") as file:
        file.write("image,label,x0,y0,x1,y1\n")
        for name, label in zip(data.ids, data.images["label"]):
            file.write(f"{name},{ids[data.wnids[label]] - 1},0,0,9,9\n")
    sets = {**images, "dataset.layout": "csv", "dataset.ground_truth": plain,
            "dataset.limit": 120}
    for name in ("order", "order2"):
        _, error = run(folder, name, {**sets, "dataset.devkit_synsets": devkit_synsets}, 3)
        last = error.strip().splitlines()[-1]
        check("labels in another order of classes", "the order of classes is wrong" in last and
              "with the labels in the order of devkit ids" in last, last)
    # Nobody who reads the table of a refused run misses that.
    line = last.removeprefix("camrank: ")
    for form in "text", "markdown", "latex", "html", "json":
        told = subprocess.run([CAMRANK, "report", f"{folder}/order.h5", "--format", form],
                              capture_output=True, text=True, timeout=300).stdout
        plain = told.replace("\\%", "%").replace("\\_", "_").replace("\\", "").replace("&#39;", "'").replace("&apos;", "'")
        check(f"{form} tells of the order", line in plain, plain[:300])
    _, error = run(folder, "unknown", sets)
    check("near chance without devkit ids", error.count("near chance") == 1, error.strip()[-200:])
    by_id = sorted((i, w) for w, i in ids.items() if w in set(data.wnids))
    order = write(f"{folder}/devkit-synsets.txt", "".join(f"{w} x\n" for _, w in by_id))
    _, error = run(folder, "network", {**images, "dataset.synsets": order, "dataset.limit": 120,
                                       "dataset.ground_truth": f"{dev}/ground_truth.csv"}, 3)
    check("synsets in another order than the network",
          "with the network's classes in the order of sorted wnids" in error,
          error.strip().splitlines()[-1])


def main():
    parts = [cub_set, class_folders, wrong_xml, wrong_tars]
    if os.access(KIT, os.R_OK) and KIT:
        parts += [validation_set, dev_set]
    else:
        print("skipped: what needs the kit; CAMRANK_KIT is not set, or names no folder")
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            part(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
