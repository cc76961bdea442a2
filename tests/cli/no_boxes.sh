#!/bin/bash
# Ground truth without boxes, or without labels too: everything that needs none is what it is with them, and
# what needs them is absent, nowhere 0 and nowhere made up.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
make_sample sample
cd "$work/sample" || exit 1
tail -n +2 ground_truth.csv | while IFS=', ' read -r id wnid rest; do
    mkdir -p "folders/$wnid" && cp images/"$id".* "folders/$wnid"
done
folders='dataset={layout: folders, images: folders, synsets: synsets.txt}'

expect 0 '' "$CAMRANK" check job.yaml --set "$folders"
contains "$work/out" '^images *37 of 10 classes, 0 boxes, '
for n in 1 2 3; do
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run job.yaml --set "$folders" -o "$n.h5" >"$work/out" 2>"$work/err" ||
        fail "$n ranks: $(cat "$work/err")"
done
check "2 ranks write the same bytes" cmp 1.h5 2.h5
check "3 ranks write the same bytes" cmp 1.h5 3.h5
check "a run with boxes" "$CAMRANK" run job.yaml -o boxes.h5
check "resumed, nothing is left to do" "$CAMRANK" run job.yaml --set "$folders" -o 2.h5 --resume
check "resumed, it is the same" cmp 1.h5 2.h5

check "the file has what needs no boxes, and nothing else" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("1.h5") as none, h5py.File("boxes.h5") as boxes:
    assert none["ground_truth/boxes"].shape == (0, 4) and not none["images/n_boxes"][...].any()
    seen = 0
    def visit(name, dataset):
        global seen
        if not isinstance(dataset, h5py.Dataset) or name.split("/")[0] not in ("models", "images"):
            return
        have, other = dataset[...], boxes[name][...]
        assert not name.endswith(("/iou", "/levels")), name
        if name.split("/")[-1] not in ("file", "first_box", "n_boxes"):
            assert have.tobytes() == other.tobytes(), name
            seen += 1
    none.visititems(visit)
    assert seen > 30, seen
    absent = set()
    boxes.visititems(lambda name, thing: absent.add(name.split("/")[-1]) if name not in none else None)
    assert absent == {"iou", "levels"}, absent
END

for form in csv json; do
    expect 0 '' "$CAMRANK" report 1.h5 --format $form
    cp "$work/out" "none.$form"
    expect 0 '' "$CAMRANK" report 1.h5 --format $form --by-class
    cp "$work/out" "classes.$form"
    expect 0 '' "$CAMRANK" report boxes.h5 --format $form
    cp "$work/out" "boxes.$form"
done
check "the report has the classes' errors and nothing else" "$PYTHON" - <<'END'
import csv, json
none, boxes = (list(csv.DictReader(open(f"{f}.csv"))) for f in ("none", "boxes"))
assert len(none) == len(boxes) - 2 == 5
kept = ("model", "method", "layer", "variant", "protocol", "top1_cls_error", "top5_cls_error",
        "top1_cls_error_low", "top1_cls_error_high", "top5_cls_error_low", "top5_cls_error_high",
        "threshold", "iou", "filter", "input", "missing", "exclude", "precision", "parameters", "flops", "doubts")
for a, b in zip(none, boxes):
    for key in a:
        if key in kept:
            assert a[key] == b[key], (key, a[key])
        elif key in ("images", "localized", "max_box_acc_images"):
            assert a[key] == (b[key] if key == "images" else "0"), (key, a)
        else:
            assert a[key] in ("", "0") and (a[key] == "" or key.startswith(("top1_", "gt_known_"))), key
            assert "empty" not in key and "error" not in key or a[key] == "", key
for row in csv.DictReader(open("classes.csv")):
    assert row["localized"] == "0" and row["gt_known_loc_error"] == "" and row["top1_cls_error"] != ""
for row in json.load(open("none.json"))["rows"]:
    for key in "top1_loc_error", "gt_known_loc_error", "mean_iou", "max_box_acc", "gt_known_empty_maps":
        assert row[key] is None, (key, row[key])
END
expect 0 '' "$CAMRANK" report 1.h5
contains "$work/out" '^model *method *top-1 cls↓ *top-5 cls↓$'
contains "$work/out" '^gap *cam  *[0-9.]*  *[0-9.]*$'
checks=$((checks + 1))
grep -q -e outcome -e baseline -e MaxBoxAcc -e protocol "$work/out" && fail "what needs boxes: $(cat "$work/out")"

# Labels alone in the other layouts, and none at all.
check "the same labels in other layouts" "$PYTHON" - <<'END'
import csv, os
rows = list(csv.DictReader(open("ground_truth.csv")))
wnids = [line.split()[0] for line in open("synsets.txt", encoding="utf-8")]
labels = {r["ImageId"]: r["PredictionString"].split()[0] for r in rows}
def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "w").write(text)
write("l/kaggle.csv", "ImageId,PredictionString\n" + "".join(f"{i},{w}\n" for i, w in labels.items()))
write("n/kaggle.csv", "ImageId,PredictionString\n" + "".join(f"{i},\n" for i in labels))
write("l/csv.csv", "image,label\n" + "".join(f"{i},{wnids.index(w)}\n" for i, w in labels.items()))
write("n/csv.csv", "image\n" + "".join(f"{i}\n" for i in labels))
write("l/csv6.csv", "image,label,x0,y0,x1,y1\n" + "".join(f"{i},{w},,,,\n" for i, w in labels.items()))
for where in "l", "n":
    write(f"{where}/wsol/image_ids.txt", "".join(f"{i}.png\n" for i in labels))
    for i, w in labels.items():
        name = f"<object><name>{w}</name></object>" if where == "l" else ""
        write(f"{where}/xml/{i}.xml", f"<annotation>{name}</annotation>")
    write(f"{where}/cub/images.txt", "".join(f"{k} x/{i}.png\n" for k, i in enumerate(labels, 1)))
    write(f"{where}/cub/train_test_split.txt", "".join(f"{k} 0\n" for k in range(1, len(labels) + 1)))
    write(f"{where}/cub/classes.txt", "".join(f"{k} {w}\n" for k, w in enumerate(wnids, 1)))
write("l/wsol/class_labels.txt", "".join(f"{i}.png,{wnids.index(w)}\n" for i, w in labels.items()))
write("l/cub/image_class_labels.txt", "".join(f"{k} {wnids.index(w) + 1}\n" for k, w in enumerate(labels.values(), 1)))
write("l/devkit.txt", "".join(f"{wnids.index(labels[i]) + 1}\n" for i in sorted(labels)))
write("ids.txt", "".join(f"{k} {w}\n" for k, w in enumerate(wnids, 1)))
END
# like FILE LAYOUT GROUND_TRUTH [KEYS]: but for what names the source, the results are those of FILE.
like() {
    local file=$1 layout=$2 truth=$3 keys=${4-, synsets: synsets.txt}
    check "$layout $truth" "$CAMRANK" run job.yaml --force -o like.h5 \
        --set "dataset={layout: $layout, images: images, ground_truth: $truth$keys}"
    compare_h5 "$file" like.h5 | grep -v -e 'attribute overrides' -e 'attribute folder' -e '/classes/devkit_id: ' \
        -e '/classes/name: ' -e '/images/file: ' -e '/images/id: ' >differences
    checks=$((checks + 1))
    [ ! -s differences ] || fail "$layout $truth: $(head -n 5 differences)"
}
like 1.h5 kaggle l/kaggle.csv
like 1.h5 csv l/csv.csv
like 1.h5 csv l/csv6.csv
like 1.h5 wsol l/wsol
like 1.h5 xml l/xml
like 1.h5 cub l/cub ''
like 1.h5 devkit l/devkit.txt ', synsets: synsets.txt, devkit_synsets: ids.txt'
check "without labels" "$CAMRANK" run job.yaml --set 'dataset={layout: none, images: images, synsets: synsets.txt}' -o n.h5
like n.h5 kaggle n/kaggle.csv
like n.h5 csv n/csv.csv
like n.h5 wsol n/wsol
like n.h5 xml n/xml
like n.h5 cub n/cub ''
expect 3 'camrank: ./l/devkit.txt: without `boxes` the images are needed, whose labels these are' "$CAMRANK" check job.yaml \
    --set 'dataset={layout: devkit, images: none, ground_truth: l/devkit.txt, synsets: synsets.txt, devkit_synsets: ids.txt}' \
    --set 'models=[]'
expect 3 'camrank: ./n/kaggle.csv: no labels, so that maps of the ground-truth class (truth) cannot be kept' \
    "$CAMRANK" check job.yaml --set dataset.ground_truth=n/kaggle.csv --set 'heatmaps={classes: truth}'

# Predictions are the same; what they hit is not said.
for file in 1 boxes; do
    expect 0 '' "$CAMRANK" export $file.h5 --format kaggle --model gap --method cam
    cp "$work/out" $file.kaggle
done
check "the same submission" cmp 1.kaggle boxes.kaggle
expect 0 '' "$CAMRANK" export 1.h5 --format csv
check "no line of export tells IoU or hit" test "$(grep -vc ',,,float32$' "$work/out")" = 1
image=$("$PYTHON" -c "import h5py; print(h5py.File('1.h5')['images/id'][3].decode())")
expect 0 '' "$CAMRANK" show 1.h5 "$image" --truth -o shown.png
check "a picture" test -s shown.png
check "merge" "$CAMRANK" merge merged.h5 1.h5

# What cannot do without boxes.
expect 3 'camrank: ./folders: no boxes, which the baselines need: give a model' \
    "$CAMRANK" run job.yaml --set "$folders" --set 'models=[]' -o base.h5
expect 2 'camrank: --set dataset.images=none: dataset.images: none is not for layout folders' \
    "$CAMRANK" check job.yaml --set "$folders" --set dataset.images=none
expect 2 'camrank: --set dataset.exclude=x: dataset.exclude: not for layout folders, only for kaggle, *' \
    "$CAMRANK" check job.yaml --set "$folders" --set dataset.exclude=x

# Without labels: the top five are what they are, and there is no ground-truth class.
none='dataset={layout: none, images: images, synsets: synsets.txt}'
methods='methods=[cam, grad-cam, eigen-cam]'
for n in 1 2; do
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run job.yaml --set "$none" --set "$methods" -o "none$n.h5" >"$work/out" 2>"$work/err" ||
        fail "$n ranks: $(cat "$work/err")"
done
check "2 ranks write the same bytes" cmp none1.h5 none2.h5
checks=$((checks + 1))
grep -q -e '%' -e cls -e baseline "$work/out" && fail "a number without labels: $(cat "$work/out")"
check "a run with labels" "$CAMRANK" run job.yaml --set "$methods" -o labels.h5
check "the file has what needs no labels" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("none1.h5") as none, h5py.File("labels.h5") as labels:
    assert (none["images/label"][...] == -1).all() and not none["images/n_boxes"][...].any()
    of_slots = 0
    for name, model in none["models"].items():
        other = labels["models"][name]
        assert "truth_logit" not in model and "truth_logit" in other
        for column in "done", "size", "top_class", "top_logit":
            assert np.array_equal(model[column], other[column]), (name, column)
        for method, variant in model.items():
            if not isinstance(variant, h5py.Group):
                continue
            maps, wanted = variant["maps"][...], other[method]["maps"][...]
            boxes, box = variant["cam-paper/boxes"][...], other[method]["cam-paper/boxes"][...]
            assert np.array_equal(boxes[:, :5], box[:, :5]) and (boxes[:, 5] == -1).all(), method
            assert "iou" not in variant["cam-paper"] and "levels" not in variant
            if variant.attrs.get("of_image", 0):
                assert np.array_equal(maps, wanted), method
            else:
                assert np.array_equal(maps[:, :5], wanted[:, :5]) and np.isnan(maps[:, 5]).all(), method
                of_slots += 1
    assert of_slots == 3, of_slots
END
expect 0 '' "$CAMRANK" report none1.h5 --format csv
check "no number in the report" "$PYTHON" - "$work/out" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 5
for row in rows:
    assert not any(v for k, v in row.items() if k.endswith(("_error", "_iou", "_low", "_high", "_maps")) or
                   k in ("max_box_acc", "max_box_acc_v2")), row
    assert row["images"] == row["localized"] == "0", row
END
expect 0 '' "$CAMRANK" report none1.h5 --by-class --format csv
check "no class in the report" test "$(wc -l <"$work/out")" = 1
expect 0 '' "$CAMRANK" export none1.h5 --format csv
check "no label in the export" "$PYTHON" - "$work/out" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 37 * 5 * 5, len(rows)
assert all(r["label"] == r["iou"] == r["hit"] == "" and r["rank"] in "12345" for r in rows)
END
expect 0 '' "$CAMRANK" show none1.h5 img_003 --model gap --method cam --rank 2 -o none.png
expect 3 'camrank: none1.h5: image img_003: the ground truth has no labels, so there is no map of its class' \
    "$CAMRANK" show none1.h5 img_003 --model gap --method cam --truth -o truth.png
expect 3 'camrank: none1.h5: image img_000: the ground truth has no labels, so there is no map of its class' \
    "$CAMRANK" export none1.h5 --format npy --model gap --method cam -o npy
check "merge" "$CAMRANK" merge merged_none.h5 none1.h5
check "a protocol more" "$CAMRANK" run job.yaml --set "$none" --set "$methods" \
    --set 'protocols=[cam-paper, kaggle]' -o none1.h5 --resume
check "a run with it" "$CAMRANK" run job.yaml --set "$none" --set "$methods" \
    --set 'protocols=[cam-paper, kaggle]' -o none3.h5
check "they are the same" cmp none1.h5 none3.h5
check "scored" "$CAMRANK" score none2.h5 job.yaml --set "$none" -o scored.h5
expect 2 'camrank: --set heatmaps={classes: truth}: heatmaps.classes: truth is not for layout none, which has no labels' \
    "$CAMRANK" check job.yaml --set "$none" --set 'heatmaps={classes: truth}'
expect 3 'camrank: ./images: no labels, of whose classes another program*s maps are' \
    "$CAMRANK" score images job.yaml --set "$none" -o maps.h5
expect 3 'camrank: dataset.subset: no image of ./images is in it' \
    "$CAMRANK" check job.yaml --set "$none" --set 'dataset.subset={classes: [n00001000]}'

# Networks without methods: their classes alone, and later the rest.
classes='methods=[]'
for n in 1 2; do
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run job.yaml --set "$classes" -o "classes$n.h5" >"$work/out" 2>"$work/err" ||
        fail "$n ranks: $(cat "$work/err")"
done
check "2 ranks write the same bytes" cmp classes1.h5 classes2.h5
contains "$work/out" '^model *method *top-1 cls↓ *top-5 cls↓$'
contains "$work/out" '^gap *-  *[0-9.]*  *[0-9.]*$'
checks=$((checks + 1))
grep -q -e outcome -e baseline -e MaxBoxAcc -e protocol "$work/out" && fail "what needs maps: $(cat "$work/out")"
expect 0 '' "$CAMRANK" export classes1.h5 --format csv --model gap
check "five classes an image, without a box" test "$(tail -n +2 "$work/out" | grep -c '^[^,]*,[0-9]*,gap,,,[1-5],[0-9]*,[-0-9.e]*,,,,,,,float32$')" = $((37 * 5))
expect 3 'camrank: classes1.h5: model gap holds no method at all' "$CAMRANK" export classes1.h5 --format kaggle --model gap
expect 0 '' "$CAMRANK" report classes1.h5 --format csv
cp "$work/out" classes1.csv
expect 0 '' "$CAMRANK" report classes1.h5 --by-class --format csv
cp "$work/out" by_class.csv
check "classes are what they are beside maps" "$PYTHON" - <<'END'
import csv, h5py, numpy as np
def rows(name):
    return list(csv.DictReader(open(name)))
alone, boxes = rows("classes1.csv"), {r["model"]: r for r in rows("boxes.csv")}
assert [r["model"] for r in alone] == ["gap", "fc"]
for row in alone:
    assert row["method"] == row["variant"] == "" and row["images"] == "37" and row["localized"] == "0", row
    for key, value in row.items():
        if key.startswith(("top1_cls", "top5_cls")) or key == "input":
            assert value == boxes[row["model"]][key], (key, value)
        elif "loc" in key and key != "localized" or "iou" in key and key != "iou" or "box" in key and "images" not in key:
            assert value == "", (key, value)
assert all(r["localized"] == "0" and r["top1_loc_error"] == "" for r in rows("by_class.csv"))
with h5py.File("classes1.h5") as f, h5py.File("boxes.h5") as g:
    for name, model in f["models"].items():
        assert not any(isinstance(x, h5py.Group) for x in model.values())
        for column in model:
            assert model[column][...].tobytes() == g["models"][name][column][...].tobytes(), column
    summary = f["summary"][...]
    assert summary["variant"].tolist() == [b"", b""] and (summary["images"] == 37).all()
    assert np.isnan(summary["mean_iou"]).all() and (summary["gt_known_empty_maps"] == -1).all()
END
cp classes1.h5 grown.h5
check "methods are added" "$CAMRANK" run job.yaml -o grown.h5 --resume
check "as if they had been there" cmp grown.h5 boxes.h5
check "merge" "$CAMRANK" merge merged_classes.h5 classes1.h5
expect 0 '' "$CAMRANK" check job.yaml --set 'models.1.methods=[]'
contains "$work/out" '^  classes alone, no maps$'
check "one network without" "$CAMRANK" run job.yaml --set 'models.1.methods=[]' -o some.h5
expect 0 '' "$CAMRANK" report some.h5
contains "$work/out" '^fc *-  *[0-9.]*  *[0-9.]*[ -]*$'
contains "$work/out" ': localization over 37 images'
expect 0 '' "$CAMRANK" compare classes1.h5
contains "$work/out" '^row  top-1 cls  top-5 cls$'
expect 3 'camrank: classes1.h5: holds no maps of the classes of gap' "$CAMRANK" score classes1.h5 job.yaml -o no.h5
expect 3 'camrank: classes1.h5: model gap holds no method at all' "$CAMRANK" show classes1.h5 img_003 -o no.png
finish
