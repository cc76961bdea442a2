"""What `camrank patterns` writes, counted again from the maps of the results file; and its page in a browser.
usage: patterns.py numbers RESULTS.h5 FOLDER ATTRIBUTES.csv truth|predicted COUNT SHARE
       patterns.py page PAGE.html [FOLDER for screenshots]"""
import csv
import math
import sys


def numbers(results, folder, attributes, by, count, share):
    import h5py
    import numpy as np
    from scipy.stats import binomtest

    with h5py.File(results) as file:
        row = file["models/gap/cam"]
        slot = 0 if by == "predicted" else -1
        maps = row["maps"][:, slot].astype(np.float64)
        boxes = row["cam-paper/boxes"][:, slot].reshape(len(maps), 4)
        classes = file["models/gap/top_class"][:, 0] if by == "predicted" else file["images/label"][:]
        ids = [i.decode() for i in file["images/id"][:]]
        wnids = [w.decode() for w in file["classes/wnid"][:]]
    low = maps.min((1, 2), keepdims=True)
    scaled = (maps - low) / np.maximum(np.ptp(maps, (1, 2))[:, None, None], 1e-300)
    most = maps.max((1, 2)).astype(np.float32)
    got = list(csv.DictReader(open(f"{folder}/regions.csv", newline="")))
    have = {}
    for image, attribute in list(csv.reader(open(attributes, newline="")))[1:]:
        if image in ids:
            have.setdefault(attribute, set()).add(ids.index(image))
    labels, want_labels = list(csv.DictReader(open(f"{folder}/labels.csv", newline=""))), 0
    want = []
    for c in range(len(wnids)):
        of = np.flatnonzero(classes == c)
        if not len(of):
            continue
        of = of[np.lexsort((of, -most[of]))]
        for rank, i in enumerate(of[:count]):
            want.append([wnids[c], str(rank + 1), ids[i], most[i], *boxes[i]])
        mean = np.load(f"{folder}/mean/{c}.npy")
        assert abs(mean - scaled[of].mean(0)).max() < 1e-6, c
        high = set(of[:math.ceil(share * len(of))])
        lows = []
        for line in labels:
            if line["class"] != wnids[c]:
                continue
            a = have[line["attribute"]] & set(of)
            interval = binomtest(len(a & high), len(a)).proportion_ci(method="wilson")
            base = len(high) / len(of)
            # -infinity is 0 of them.
            for key, part in ("bits", len(a & high) / len(a)), ("low", interval.low), ("high", interval.high):
                value = float(line[key])
                assert abs(2 ** value - part / base) < 1e-9, (line, key, part / base)
            assert [int(line[k]) for k in ("images", "images_high", "class_images", "class_high")] == \
                [len(a), len(a & high), len(of), len(high)]
            lows.append(float(line["low"]))
        assert lows == sorted(lows, reverse=True) and len(lows) == sum(bool(a & set(of)) for a in have.values())
        want_labels += len(lows)
    assert want_labels == len(labels) > 10
    assert len(got) == len(want) > 20
    for line, (wnid, rank, image, value, *box) in zip(got, want):
        assert [line["class"], line["rank"], line["image"]] == [wnid, rank, image], (line, wnid, rank, image)
        assert np.float32(line["value"]) == value, line
        assert [int(line[k]) for k in ("x0", "y0", "x1", "y1")] == list(box), line


def page(path, shots=""):
    from browser import Browser

    with Browser(shots) as browser:
        browser.open(path)
        browser.shot("patterns")
        assert browser.run("return document.title") == "demo - camrank"
        names = browser.column("class-table", "class")
        assert '<script>document.title = "taken"</script>' in names
        browser.press("class-table", "strongest")
        values = [float(v) for v in browser.column("class-table", "strongest")]
        assert values == sorted(values) and len(values) > 3
        everything = browser.visible()
        browser.pick("kind", "mean map")
        assert len(browser.visible()) == len(names)
        browser.pick("class", names[1])
        assert browser.visible() == [i for i in everything if i["kind"] == "mean map" and i["class"] == names[1]]
        browser.pick("kind", "")
        browser.pick("class", "")
        assert browser.run("return document.getElementById('shown').textContent") == \
            f"{len(everything)} of {len(everything)} pictures"
        assert browser.run("return [...document.querySelectorAll('.gallery li')].every(l => l.querySelector('img')"
                           " && l.querySelector('img').naturalWidth > 0 && l.querySelector('img').alt)")
        browser.run("document.querySelector('.gallery button').click()")
        assert browser.run("return document.querySelector('dialog').open")
        browser.key("escape")
        browser.search("label-table", "<b>bold")
        assert set(browser.column("label-table", "label")) == {"<b>bold</b>"}
        assert browser.run("return document.querySelectorAll('b').length") == 0
        assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert browser.errors() == []


if sys.argv[1] == "numbers":
    numbers(*sys.argv[2:6], int(sys.argv[6]), float(sys.argv[7]))
else:
    page(*sys.argv[2:])
