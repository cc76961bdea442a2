#!/bin/bash
# Metrics that a job names: the same bytes at any number of ranks, on a file that is there from its maps,
# and whatever a file has of them stands in its summary, in reports and in compare.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
"$PYTHON" tests/cli/make_sample.py "$work/sample" || fail "make_sample.py"
format=$PWD/docs/format.md
cd "$work/sample"
echo none >images/img_004.jpg # it fails

further=$("$CAMRANK" metrics | "$PYTHON" -c '
import re, sys
metrics = re.split("\n(?=[a-z])", sys.stdin.read())
print(", ".join(m.split("\n")[0] for m in metrics if "where a job names it" in m and "passes" not in m
                and "needs masks" not in m))')
check "there are further metrics" test -n "$further"
# Those that ask the network, with few steps.
asking=$("$CAMRANK" metrics | "$PYTHON" -c '
import re, sys
metrics = [m for m in re.split("\n(?=[a-z])", sys.stdin.read()) if "needs labels, passes" in m]
print(", ".join("{name: %s%s}" % (m.split("\n")[0], ", steps: 5" if re.search("^ +steps ", m, re.M) else "")
                for m in metrics))')
check "there are metrics that ask" test -n "$asking"
all="metrics=[$further, localization]"
both='methods=[cam, grad-cam, fem]'

# runs OUT OPTIONS...: from the start.
runs() {
    local out=$1
    shift
    check "run $out" "$CAMRANK" run job.yaml "$@" -o "$out"
}

runs plain.h5 --set "$both"
for n in 1 2 3; do
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run job.yaml --set "$both" --set "$all" -o "all$n.h5" >"$work/out" 2>"$work/err" ||
        fail "$n ranks: $(cat "$work/err")"
done
check "2 ranks write the same bytes" cmp all1.h5 all2.h5
check "3 ranks write the same bytes" cmp all1.h5 all3.h5

# Nothing else of the file is another, and the documentation names what was added.
cat >"$work/added.py" <<'END'
import sys
import h5py, numpy as np
document = open(sys.argv[1]).read()
with h5py.File(sys.argv[2]) as plain, h5py.File(sys.argv[3]) as full:
    names, more = [], []
    plain.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    full.visititems(lambda name, item: more.append(name) if isinstance(item, h5py.Dataset) else None)
    assert set(names) < set(more) and "metrics" not in plain
    for name in names:
        if name == "summary":
            fields = plain[name].dtype.names
            assert full[name].dtype.names[:len(fields)] == fields
            for key in full[name].dtype.names[len(fields):]:
                assert f"`{key}`" in document, key
            assert np.array_equal(plain[name][...], full[name][...][list(fields)]), name
        else:
            assert plain[name][...].tobytes() == full[name][...].tobytes(), name
    for name in set(more) - set(names):
        metric, column = name.split("/")[-2:]
        assert metric in full["metrics"], name
        assert f"| `{metric}` |" in document and f"`{column}`" in document, name
        item = full[name]
        assert item.attrs["description"] and item.shape[0] == full["images/id"].shape[0], name
        of = full[name].parent.parent
        done = (of if "done" in of else of.parent)["done"][...] == 1
        assert not done.all() and done.any()
        blank = item[...][~done]
        assert (np.isnan(blank) if item.dtype.kind == "f" else blank == -1).all(), name
        assert item.dtype.kind != "f" or np.isfinite(item[...]).any(), name
END
check "what metrics add to a file" "$PYTHON" "$work/added.py" "$format" plain.h5 all1.h5

# Those that ask the network: the same bytes at any number of ranks, in units of their own or not, and on a
# file that is there, whether it keeps the maps or not. A few passes are shared by the methods of a run.
few='metrics=[average-drop]'
for ask in "metrics=[$asking]" "$few"; do
    for n in 1 2 3; do
        checks=$((checks + 1))
        ranks "$n" "$CAMRANK" run job.yaml --set "$both" --set "$ask" --limit 9 -o "asked$n.h5" --force \
            >"$work/out" 2>"$work/err" || fail "$n ranks: $(cat "$work/err")"
    done
    check "2 ranks get the same answers" cmp asked1.h5 asked2.h5
    check "3 ranks get the same answers" cmp asked1.h5 asked3.h5
    check "one at a time gets the same answers" env CAMRANK_TEST_UNIT_FLOPS=1 \
        "$CAMRANK" run job.yaml --set "$both" --set "$ask" --limit 9 -o asked2.h5 --force
    check "their bytes" cmp asked1.h5 asked2.h5
    for classes in all none; do
        keep="heatmaps.classes=$classes"
        runs asked2.h5 --set "$both" --set "$ask" --limit 9 --set "$keep" --force
        runs bare.h5 --set "$both" --limit 9 --set "$keep" --force
        cp bare.h5 plain9.h5
        check "the file gets answers" "$CAMRANK" run job.yaml --set "$both" --set "$ask" --limit 9 \
            --set "$keep" -o bare.h5 --resume
        check "the bytes of one run, classes $classes" cmp bare.h5 asked2.h5
    done
    check "what they add" "$PYTHON" "$work/added.py" "$format" plain9.h5 asked2.h5
done
expect 0 '' "$CAMRANK" check job.yaml --set "$both" --set "$few"
contains "$work/out" 'cam at .* pass, and 1 pass an image for metrics$'
expect 0 '' "$CAMRANK" check job.yaml --set "$both" --set 'metrics=[{name: insertion, steps: 5}]'
contains "$work/out" 'cam at .*, 7 passes an image, 6 of them for metrics$'
# The method runs again for each changed input: on the way back too, or with passes of its own.
expect 0 '' "$CAMRANK" check job.yaml --set 'metrics=[{name: max-sensitivity, samples: 5}]' \
    --set 'methods=[cam, saliency, {name: rise, as: rise.few, masks: 20}]'
contains "$work/out" 'cam  *at .*, 6 passes an image, 5 of them for metrics$'
contains "$work/out" 'saliency  *at .*, 11 passes an image, 10 of them for metrics$'
contains "$work/out" 'rise.few  *at .*, 126 passes an image, 105 of them for metrics$'

# Counted again from the columns: /summary, CSV, JSON.
for form in csv json; do
    expect 0 '' "$CAMRANK" report all1.h5 --format $form
    cp "$work/out" "all.$form"
done
check "the pointing game is counted" "$PYTHON" - <<'END'
import csv, json
import h5py, numpy as np
rows = list(csv.DictReader(open("all.csv")))
entries = json.load(open("all.json"))["rows"]
with h5py.File("all1.h5") as f:
    tolerance = f["metrics/pointing-game"].attrs["tolerance"]
    first, n = f["images/first_box"][...], f["images/n_boxes"][...]
    boxes = f["ground_truth/boxes"][...]
    assert tolerance == 15
    for summary in f["summary"]:
        model, variant = summary["model"].decode(), summary["variant"].decode()
        points = f[f"models/{model}/{variant}/pointing-game/point"][...]
        near, exact, counted = 0, 0, 0
        for (x, y), a, k in zip(points.astype(float), first, n):
            if k == 0:
                continue
            counted += 1
            away = [np.hypot(max(b[0] - x, x - b[2], 0), max(b[1] - y, y - b[3], 0)) for b in boxes[a:a + k]]
            near += x >= 0 and min(away) < 15
            exact += x >= 0 and min(away) == 0
        assert exact > 0 and near >= exact and summary["pointing_game_images"] == counted
        for key, hits in ("pointing_game", near), ("pointing_game_exact", exact):
            assert summary[key] == 100 * hits / counted, (key, summary[key], hits, counted)
            for of in rows, entries:
                row = next(r for r in of if r["model"] == model and r["variant"] == variant)
                assert float(row[key]) == summary[key]
                assert float(row[key + "_low"]) <= summary[key] <= float(row[key + "_high"])
END

# extends NAME WHOLE OPTIONS...: NAME.h5, made without further metrics, gets them.
extends() {
    local name=$1 whole=$2
    shift 2
    runs "$name.h5" --set "$both" "$@"
    runs "$whole" --set "$both" --set "$all" "$@"
    checks=$((checks + 1))
    ranks 2 "$CAMRANK" run job.yaml --set "$both" --set "$all" "$@" -o "$name.h5" --resume >"$work/out" \
        2>"$work/err" || fail "$name: $(cat "$work/err")"
    check "$name: the bytes of one run" cmp "$name.h5" "$whole"
}

extends kept whole.h5
contains "$work/err" '; of 74 the maps that the file keeps are scored, without the network$'
extends truth truths.h5 --set heatmaps.classes=truth
contains "$work/err" '^camrank: 0 of 74 passes are done already, and 72 but for some methods; of 2 the maps '
extends none nones.h5 --set heatmaps.classes=none
contains "$work/err" '^camrank: 2 of 74 passes are done already, and 72 but for some methods$' # the image that failed
extends half halves.h5 --set heatmaps.type=float16
contains "$work/err" '^camrank: 2 of 74 passes are done already, and 72 but for some methods$' # the image that failed

# From the maps of a file, and of two files in one.
expect 0 '' "$CAMRANK" score plain.h5 job.yaml --set "$all" -o scored.h5
check "scored again, points are the same" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("all1.h5") as a, h5py.File("scored.h5") as b:
    name = "models/gap/cam/pointing-game/point"
    assert np.array_equal(a[name][...], b[name][...])
END
expect 0 'camrank: the metric average-drop is left out: it asks the network, *' \
    "$CAMRANK" score plain.h5 job.yaml --set "$few" -o unasked.h5
check "nothing is left of it" "$PYTHON" -c 'import h5py; assert "metrics" not in h5py.File("unasked.h5")'
expect 3 'camrank: the metric average-drop asks the network about one view of an image, and the input of * has 10' \
    "$CAMRANK" check job.yaml --set "$few" --set models.1.input.crop=ten
runs one.h5 --set "$both" --set "$all" --limit 9
"$PYTHON" - <<'END' || fail "another name"
text = open("job.yaml").read()
open("other.yaml", "w").write(text.replace("name: gap\n", "name: pag\n").replace("name: fc\n", "name: cf\n"))
END
check "run two.h5" "$CAMRANK" run other.yaml --set "$both" --set "$all" --limit 9 -o two.h5
expect 0 '*' "$CAMRANK" merge both.h5 one.h5 two.h5
contains "$work/out" '^pag  *cam .*[0-9]$'

# compare pairs their numbers, where all files have them.
expect 0 '' "$CAMRANK" compare all1.h5 --metric pointing_game --format json
contains "$work/out" 'pointing_game'
expect 0 '' "$CAMRANK" compare all1.h5 plain.h5 --only gap --format json
check "compare leaves out what a file has not" grep -q -v pointing_game "$work/out"
expect 3 'camrank: plain.h5: has no pointing_game: its job does not name the metric pointing-game' \
    "$CAMRANK" compare all1.h5 plain.h5 --metric pointing_game

# What is refused.
game='metrics=[{name: pointing-game, tolerance: '
refused() { # refused CODE LINE SET
    expect "$1" "camrank: --set *: $2" "$CAMRANK" check job.yaml --set "$3"
}
refused 2 'metrics?0?: unknown metric "pointing" (did you mean "pointing-game"?); known: localization, *' 'metrics=[pointing]'
refused 2 'metrics?1?: "pointing-game" is given twice' 'metrics=[pointing-game, pointing-game]'
refused 2 'metrics?0?: "pixel-ap" needs masks: dataset.masks' 'metrics=[pixel-ap]'
refused 2 'metrics?0?.tolerance: 0, must be 1 to 65500' "${game}0}]"
refused 2 'metrics?0?.tolerance: localization has no parameters here' 'metrics=[{name: localization, tolerance: 9}]'
refused 2 'protocols?0?.as: "pointing-game" is the name of a metric' \
    'protocols=[{name: cam-paper, as: pointing-game}]'
expect 3 'camrank: all1.h5: *: metric pointing-game is in the file, but not in the job' \
    "$CAMRANK" run job.yaml --set "$both" -o all1.h5 --resume
expect 3 'camrank: all1.h5: *: /metrics/pointing-game: `tolerance` is `15` in the file, `9` now' \
    "$CAMRANK" run job.yaml --set "$both" --set "${game}9}, ${further#pointing-game, }]" -o all1.h5 --resume
"$PYTHON" - <<'END' || fail "a wrong file"
import h5py
with h5py.File("all1.h5", "r+") as f:
    f["models/fc/fem/pointing-game/point"][3] = 65501
with h5py.File("all2.h5", "r+") as f:
    f.create_group("metrics/pixel-guess")
with h5py.File("all3.h5", "r+") as f:
    del f["metrics/pointing-game"].attrs["tolerance"]
END
expect 3 'camrank: all1.h5: model fc, image img_*: 65501 is no coordinate of a point' "$CAMRANK" report all1.h5
expect 3 'camrank: all2.h5: /metrics: holds one that this program does not know' "$CAMRANK" report all2.h5
expect 3 'camrank: all3.h5: /metrics/pointing-game: *tolerance*' "$CAMRANK" report all3.h5
finish
