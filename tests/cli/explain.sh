#!/bin/bash
# camrank explain and camrank init: a network and photographs, and what is guessed of its input.
. tests/cli/lib.sh
make_sample sample
cd "$work/sample" || exit 1
input='{size: [32, 32], resize: squash, filter: pil-bilinear, channels: rgb, range: 1, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}'

# The same numbers and maps as a run of a job.
check "a run" "$CAMRANK" run job.yaml -o run.h5
run_into "$work" "$CAMRANK" explain gap.onnx images/ --input "$input" --method cam --method grad-cam@conv1 --synsets synsets.txt -o explained
cp "$work/out" explained.txt
judge "$work" 0 'camrank: input {size: \[32, 32\], resize: squash, *' "explain"
check "paths have one slash" test "$(grep -c '//' explained.txt)" = 0
check "as in the run" "$PYTHON" - "$CAMRANK" <<'END'
import math, re, subprocess, sys
import h5py, numpy as np
from PIL import Image
camrank = sys.argv[1]
found, names = {}, [line.rstrip("\n").split(" ", 1)[1] for line in open("synsets.txt", encoding="utf-8")]
for line in open("explained.txt", encoding="utf-8"):
    if not line.startswith(" "):
        image = line.strip().split("/")[-1].rsplit(".", 1)[0]
        found[image] = []
        continue
    rank, p, class_index, name = re.fullmatch(r"  (\d)  +([\d.]+) %  (\d+)  (.*)\n", line).groups()
    assert int(rank) == len(found[image]) + 1 and name == names[int(class_index)], line
    found[image].append((int(class_index), float(p) / 100))
with h5py.File("run.h5") as f:
    ids = [i.decode() for i in f["images/id"]]
    assert sorted(found) == ids and len(ids) == 37
    for i, image in enumerate(ids):
        top, logits = f["models/gap/top_class"][i], f["models/gap/top_logit"][i].astype(float)
        assert [c for c, _ in found[image]] == top.tolist(), image
        p = [p for _, p in found[image]]
        assert p[0] <= 1 and sum(p) <= 1.0005
        softmax = np.exp(logits - f["models/gap/log_sum"][i])
        assert np.abs(softmax - p).max() < 1e-4, (image, p, softmax)
        for k in range(1, 5): # the sum over all classes cancels
            wanted = p[0] * math.exp(logits[k] - logits[0])
            assert abs(p[k] - wanted) < 1.1e-4, (image, p, logits)
# Pixels of the panel with the map, beside those of `show`, which draws boxes and a contour over it.
def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)
for image, method, column in (("img_001", "cam", 1), ("img_005", "grad-cam@conv1", 2)):
    subprocess.run([camrank, "show", "run.h5", image, "--model", "gap", "--method", method, "-o", "show.png",
                    "--force"], check=True)
    show, explained = pixels("show.png"), pixels(f"explained/{image}.png")
    with h5py.File("run.h5") as f:
        w, h = f["models/gap/size"][ids.index(image)]
    scale = -(-300 // max(w, h))
    w, h = w * scale, h * scale
    ours = explained[-h - 10:-10, 10 + column * (w + 10):][:, :w]
    theirs = show[54:54 + h, 10 + w + 10:][:, :w]
    same = (ours == theirs).all(axis=2).mean()
    assert same > 0.6, (image, same)
    other = explained[-h - 10:-10, 10 + (3 - column) * (w + 10):][:, :w]
    assert (other == theirs).all(axis=2).mean() < same - 0.2, image
sheet = pixels("explained/sheet.png")
assert sheet.shape[0] > 300 and sheet.shape[1] > 300
END
[ "$(find explained -type f | wc -l)" = 38 ] || fail "pictures: $(ls explained)"
run_into "$work" "$CAMRANK" explain gap.onnx images/img_000.JPEG --input "$input"
[ "$(cat "$work/code")" = 3 ] || fail "a picture that is there: exit $(cat "$work/code")"
contains "$work/err" '^camrank: explained/img_000.png: exists already; --force replaces it$'
run_into "$work" "$CAMRANK" explain gap.onnx images/img_000.JPEG --input "$input" --force --format pdf -o "$work/pdf" --class 3
contains "$work/out" '^  1  '
cmp -s <(head -c 5 "$work/pdf/img_000.pdf") <(printf %%PDF-) || fail "no PDF: $(ls "$work/pdf")"

# What is wrong is said of the option.
for wrong in "2|--input caffee: must be a preset (torchvision, *|--input caffee" \
    "2|--input {range: 3}: 3, must be 1 or 255*|--input {range:~3}" \
    "2|--method: unknown method \"gradcam\" (did you mean \"grad-cam\"?); see camrank methods|--method gradcam" \
    "3|gap.onnx: no method that is asked for applies: grad-cam@nowhere: no layer is named \"nowhere\"*|--method grad-cam@nowhere" \
    "3|short.txt: 2 classes, but the network has 10|--synsets short.txt" \
    "2|--class 10: the network has classes 0 to 9|--class 10" \
    "2|--format gif: must be png, jpg, pdf or svg|--format gif"; do
    IFS='|' read -r code line words <<<"$wrong"
    read -ra words <<<"$words"
    printf 'a\nb\n' >short.txt
    "$CAMRANK" explain gap.onnx images/img_000.JPEG -o wrong "${words[@]//\~/ }" >/dev/null 2>"$work/err"
    got=$?
    checks=$((checks + 1))
    # shellcheck disable=SC2053 # a pattern
    [ "$got" = "$code" ] && [[ $(tail -n 1 "$work/err") == "camrank: "${line%\**}* ]] ||
        fail "${words[*]}: exit $got, $(tail -n 1 "$work/err")"
done
expect 2 'camrank: explain: a network and images, *' "$CAMRANK" explain gap.onnx
# What can be refused is refused before the network runs.
for wrong in "3|none.jpg: No such file or directory|gap.onnx images/img_001.jpg none.jpg" \
    "3|job.yaml: is a job, not a network: give the model that it names (models.file), *|job.yaml images/img_001.jpg" \
    "2|--class 99: the network has classes 0 to 9|gap.onnx images/img_001.jpg --class 99" \
    "3|explained/img_001.png: exists already; --force replaces it|gap.onnx images/img_001.jpg" \
    "3|job.yaml/x/img_001.png: cannot be written: Not a directory|gap.onnx images/img_001.jpg -o job.yaml/x"; do
    IFS='|' read -r code line words <<<"$wrong"
    read -ra words <<<"$words"
    expect "$code" "camrank: $line" "$CAMRANK" explain "${words[@]}"
    check "nothing was run" test ! -s "$work/out"
done
expect 3 'camrank: job.yaml/x/new.yaml: cannot be written: Not a directory' "$CAMRANK" init gap.onnx -o job.yaml/x/new.yaml
expect 3 'camrank: job.yaml: is a job, not a network: *' "$CAMRANK" init job.yaml
"$PYTHON" - <<'END' || fail "a softmax"
import onnx
from onnx import helper
model = onnx.load("gap.onnx")
model.graph.node.append(helper.make_node("Softmax", ["logits"], ["p"], axis=1))
model.graph.output[0].name = "p"
onnx.save(model, "softmax.onnx")
END
run_into "$work" "$CAMRANK" explain softmax.onnx images/img_001.jpg --input "{resize: squash}" -o softmax
contains "$work/err" '^camrank: its logits are those before .*Softmax'
cp job.yaml images/broken.jpg
run_into "$work" "$CAMRANK" explain gap.onnx images/broken.jpg images/img_001.jpg images/img_002.png --input "$input" -o some
[ "$(cat "$work/code")" = 3 ] || fail "a broken image: exit $(cat "$work/code")"
contains "$work/err" '^camrank: images/broken.jpg: '
contains "$work/err" '^camrank: 1 of 3 images could not be explained$'
[ -f some/img_002.png ] && [ -f some/sheet.png ] || fail "the others are not explained: $(ls some)"
rm images/broken.jpg

# What the network gives away of its input, and names that it has.
"$PYTHON" - <<'END' || fail "no network that scales its input"
import numpy as np, onnx
from onnx import helper, numpy_helper
def wrap(path, steps, producer="", names=None):
    model = onnx.load("gap.onnx")
    graph, last, nodes = model.graph, "input", []
    for i, (op, values) in enumerate(steps):
        graph.initializer.append(numpy_helper.from_array(
            np.array(values, np.float32).reshape(1, -1, 1, 1), f"c{i}"))
        nodes.append(helper.make_node(op, [last, f"c{i}"], [f"scaled{i}"]))
        last = f"scaled{i}"
    for node in graph.node:
        if node.input[0] == "input":
            node.input[0] = last
    for node in reversed(nodes):
        graph.node.insert(0, node)
    model.producer_name = producer
    if names:
        helper.set_model_props(model, {"names": names})
    onnx.save(model, path)
wrap("bytes.onnx", [("Div", [255]), ("Sub", [.485, .456, .406]), ("Div", [.229, .224, .225])], "pytorch",
     "{" + ", ".join(f"{i}: 'thing {i}'" for i in range(9)) + ', 9: "the 9th\'s"}')
wrap("unit.onnx", [("Sub", [.485, .456, .406]), ("Div", [.229, .224, .225])], "pytorch")
wrap("bgr.onnx", [("Sub", [104, 117, 123])], "caffe")
wrap("keras.onnx", [], "tf2onnx")
END
size='size: \[32, 32\]'
while IFS='|' read -r file line; do
    run_into "$work" "$CAMRANK" explain "$file" images/img_001.jpg -o "$work/$file.d"
    contains "$work/err" "^camrank: input {$size, $line}\$"
    contains "$work/err" '^camrank: this is a guess'
done <<'END'
bytes.onnx|resize: short-side, short_side: 37, crop: center, filter: pil-bilinear, channels: rgb, range: 255, mean: \[0, 0, 0\], std: \[1, 1, 1\]
unit.onnx|resize: short-side, short_side: 37, crop: center, filter: pil-bilinear, channels: rgb, range: 1, mean: \[0, 0, 0\], std: \[1, 1, 1\]
bgr.onnx|resize: squash, short_side: 256, crop: center, filter: opencv-linear, channels: bgr, range: 255, mean: \[0, 0, 0\], std: \[1, 1, 1\]
keras.onnx|resize: squash, filter: pil-bilinear, channels: rgb, range: 1, mean: \[0.5, 0.5, 0.5\], std: \[0.5, 0.5, 0.5\]
END
"$CAMRANK" explain bytes.onnx images/img_001.jpg -o named >named.txt 2>/dev/null
checks=$((checks + 1))
grep -qE '^  1 .* %  ([0-8])  thing \1$|the 9th' named.txt || fail "names of the model: $(cat named.txt)"

# A photograph is never replaced, whatever folder it lies in; pictures have names of their own.
mkdir -p in/a in/b shown && cp images/img_001.jpg in/a/one.jpg && cp images/img_001.jpg in/b/one.jpg
"$PYTHON" -c 'from PIL import Image; Image.open("images/img_001.jpg").save("shown/one.png")' ||
    fail "a photograph as PNG"
cp shown/one.png photograph.png
checks=$((checks + 1))
"$CAMRANK" explain gap.onnx shown/one.png -o shown --force >"$work/out" 2>"$work/err"
[ $? = 3 ] || fail "a photograph in the folder of the pictures: $(cat "$work/err")"
contains "$work/err" '^camrank: shown/one.png: is read by this command (shown/one.png); name another file to write$'
check "the photograph is what it was" cmp shown/one.png photograph.png
cp in/a/one.jpg in/one-2.jpg
check "three images, two of one name" "$CAMRANK" explain gap.onnx in/a/one.jpg in/b/one.jpg in/one-2.jpg -o three
check "three pictures and the sheet" test "$(ls three | tr '\n' ' ')" = "one-2-2.png one-2.png one.png sheet.png "
run_into "$work" ranks 2 "$CAMRANK" explain gap.onnx in/a/one.jpg -o two
contains "$work/err" '^camrank: explain works in one process; of the 2 that were started one stays idle$'
check "one image, once" test "$(grep -c '^in/a/one.jpg$' "$work/out")" = 1
"$CAMRANK" explain gap.onnx images/img_002.png images/img_001.jpg --input "$input" --class 4 -o empty >"$work/out" 2>"$work/err"
check "the empty map of one image" test "$(grep -c 'an empty map' "$work/err")" = 1
contains "$work/err" '^camrank: images/img_002.png: grad-cam: an empty map$'

# init: a job that is valid as it is, and the same of each rank.
for n in 1 2; do
    run_into "$work/$n" ranks $n "$CAMRANK" init gap.onnx --images images --ground-truth ground_truth.csv \
        --synsets synsets.txt -o "jobs$n/new.yaml"
    judge "$work/$n" 0 'camrank: wrote jobs*/new.yaml' "init at $n ranks"
    contains "$work/$n/out" '^job new: valid$'
    contains "jobs$n/new.yaml" '^  layout: kaggle '
    contains "jobs$n/new.yaml" 'a guess: as of the preset torchvision'
done
check "it runs" "$CAMRANK" run jobs1/new.yaml
[ -f jobs1/new.h5 ] || fail "no jobs1/new.h5"
expect 3 'camrank: jobs1/new.yaml: exists already; --force replaces it' "$CAMRANK" init gap.onnx -o jobs1/new.yaml
run_into "$work" "$CAMRANK" init bytes.onnx --images images -o nolabels/new.yaml
judge "$work" 0 'camrank: wrote nolabels/new.yaml and nolabels/new-classes.txt' "init without ground truth"
contains nolabels/new.yaml '^  layout: none '
contains nolabels/new-classes.txt "^3 thing 3$"
check "it runs, too" "$CAMRANK" run nolabels/new.yaml
expect 0 'camrank: wrote gap.yaml*' "$CAMRANK" init gap.onnx
contains "$work/out" 'fill in dataset.images, then: camrank check gap.yaml'
contains gap.yaml 'FILL IN'
mkdir -p classes/a classes/b && cp images/img_001.jpg classes/a && cp images/img_002.png classes/b
run_into "$work" "$CAMRANK" init gap.onnx --images classes -o folders.yaml
contains folders.yaml '^  layout: folders '
contains "$work/err" '^camrank: the job is written, but not valid yet: .*it has 10 outputs, the synset list 2 classes'
finish
