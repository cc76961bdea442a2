#!/bin/bash
# Every method from a job to the file, at any number of ranks; parameters, names, and maps of the image.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
"$PYTHON" tests/cli/make_sample.py "$work/sample" || fail "make_sample.py"
page=$PWD/docs/methods.md demo=$PWD/jobs/demo/demo.yaml
cd "$work/sample"

# The list, and the table of docs/methods.md.
expect 0 '' "$CAMRANK" methods
names=$(grep '^[a-z][a-z+-]*$' "$work/out" | grep -vx 'refine-cam\|rise\|is-cam\|ss-cam\|lime\|kernel-shap\|integrated-gradients\|smooth-grad\|var-grad\|expected-gradients\|gradient-shap' | paste -sd,)
expect 0 '' "$CAMRANK" methods grad-cam++ fem
contains "$work/out" "^    epsilon  *0 to 1 (0): "
check "two are listed" test "$(grep -c '^[a-z]' "$work/out")" = 2
expect 2 'camrank: unknown method "camm" (did you mean "cam"?); see camrank methods' "$CAMRANK" methods camm
expect 0 '' "$CAMRANK" methods --markdown
check "the table of docs/methods.md is the program's" \
    diff "$work/out" <(grep -F -x -f "$work/out" "$page")

# All of them, and some with parameters, on networks with every kind of head.
all="methods=[$names, grad-cam@conv1_relu, eigen-cam@conv1_relu, {name: grad-cam++, epsilon: 1e-6, as: pp}, {name: fem, k: 1}"
all+=", {name: refine-cam, layers: [conv1_relu, conv2_relu]}, {name: layer-cam, layers: [conv2_relu, conv1_relu], fuse: mean, fuse_at: input, as: mean}"
all+=", {name: rise, masks: 30, as: rise30}, {name: score-cam, layer: conv1_relu}, {name: is-cam, steps: 2, as: is2}, {name: smooth-grad, samples: 2, as: smooth}, {name: gradient-shap, samples: 2, as: shap}"
all+=", {name: ss-cam, samples: 2, as: ss}, {name: lime, samples: 20, superpixels: 9, as: lime20}, {name: kernel-shap, samples: 20, as: shap20}"
all+=", {name: saliency, keep: all, as: whole}, {name: cam, keep: truth, as: one}, {name: fem, keep: none, as: none}]"
run=("$CAMRANK" run job.yaml --set "$all")
for n in 1 2 3; do
    checks=$((checks + 1))
    ranks "$n" "${run[@]}" -o "all$n.h5" >"$work/out" 2>"$work/err" || fail "$n ranks: $(cat "$work/err")"
done
check "2 ranks write the same bytes" cmp all1.h5 all2.h5
check "3 ranks write the same bytes" cmp all1.h5 all3.h5
contains "$work/out" "^[a-z]* *fem (modified) "
contains "$work/err" "^camrank: 1073 passes in "
checks=$((checks + 1))
CAMRANK_TEST_UNIT_FLOPS=3e6 ranks 2 "${run[@]}" -o small.h5 >"$work/out" 2>"$work/err" ||
    fail "small units: $(cat "$work/err")"
check "units of fewer images write the same bytes" cmp all1.h5 small.h5

# The file says what was run, keeps a map of the image once, and of maps as large as the input, whose six
# would be larger than the images, the ground truth's.
check "parameters and maps in the file" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("all1.h5") as f:
    for model in f["models"].values():
        for name, group in model.items():
            if not isinstance(group, h5py.Group):
                continue
            of_image = group.attrs.get("of_image", 0)
            large = group.attrs["map_width"] == group.attrs["map_height"] == 32
            wanted = {"whole": 6, "one": 1, "none": 0}.get(name, 1 if large else 6)
            assert group.attrs.get("map_slots", 6) == wanted, name
            kept = group["maps"].shape[1] if wanted else 0
            assert kept == min(wanted, 1 if of_image else 6), (name, kept)
            assert of_image == (group.attrs["method"] in (b"eigen-cam", b"kpca-cam", b"fem")), name
            boxes = group["cam-paper/boxes"][...]
            assert not of_image or (boxes == boxes[:, -1:]).all(), name
        assert model["pp"].attrs["epsilon"] == 1e-6 and model["pp"].attrs["method"] == b"grad-cam++"
        fused = model["refine-cam@conv1_relu+conv2_relu"], model["mean"]
        assert [g.attrs["layer"] for g in fused] == [b"conv1_relu+conv2_relu", b"conv2_relu+conv1_relu"]
        assert [g.attrs["fuse"] for g in fused] == [b"product", b"mean"] and "fuse" not in model["pp"].attrs
        size = model["grad-cam@conv1_relu"]["maps"].shape[2:]
        assert fused[0]["maps"].shape[2:] == size and fused[1]["maps"].shape[2:] == (32, 32), size
        assert model["fem (modified)"].attrs["k"] == 1 and model["fem"].attrs["k"] == 2
        assert not np.array_equal(model["fem"]["maps"], model["fem (modified)"]["maps"])
END
expect 0 '' "$CAMRANK" check job.yaml --set "$all"
contains "$work/out" "^  pp  *at "
contains "$work/out" "^  rise30  *at input, maps 32 x 32, 31 passes an image$"
contains "$work/out" "^chunks   [0-9]* of [0-9]* images or fewer, for each network and each costly method: "

expect 3 'camrank: kpca-cam at /relu1/Relu_output_0 takes 81 MB, more than the limit of 50 MB (activations_mb)' \
    "$CAMRANK" check "$demo" --set 'methods=[kpca-cam@/relu1/Relu_output_0]' --set limits.activations_mb=50

# What is read back: a map of the image serves every slot; other parameters are another run.
image=$("$PYTHON" -c "import h5py; print(h5py.File('all1.h5')['images/id'][0].decode())")
expect 0 '' "$CAMRANK" show all1.h5 "$image" --model gap --method eigen-cam --rank 2 -o shown.png
expect 3 'camrank: all1.h5: of gap, saliency it holds maps of the ground-truth class alone (*' \
    "$CAMRANK" show all1.h5 "$image" --model gap --method saliency --rank 2 -o no.png
expect 0 '' "$CAMRANK" show all1.h5 "$image" --model gap --method saliency -o shown.png --force
expect 3 'camrank: all1.h5: holds no maps of gap, none (*' \
    "$CAMRANK" show all1.h5 "$image" --model gap --method none -o no.png
check "what has its maps is scored again" bash -c "\"$CAMRANK\" score all1.h5 job.yaml -o scored.h5 2>said"
contains said "^camrank: all1.h5: gap, saliency is left out: it keeps maps of the ground truth's class alone"
contains said "^camrank: all1.h5: gap, none is left out: it keeps no maps"
check "scored again, the boxes are the same" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("all1.h5") as a, h5py.File("scored.h5") as b:
    for m, v in (("gap", "eigen-cam"), ("gap", "layer-cam"), ("gap", "whole"), ("fc", "fem")):
        for column in "boxes", "iou":
            one, two = (f[f"models/{m}/{v}/cam-paper/{column}"][...] for f in (a, b))
            assert np.array_equal(one, two, equal_nan=column == "iou"), (m, v, column)
END
expect 3 'camrank: all1.h5: *: /models/gap/one: \`map_slots\` is \`truth\` in the file, \`all\` now (*' \
    "$CAMRANK" run job.yaml --set "${all/keep: truth/keep: all}" -o all1.h5 --resume
expect 3 'camrank: all1.h5: *: /models/gap/pp: \`epsilon\` is \`1e-06\` in the file, \`2e-06\` now' \
    "$CAMRANK" run job.yaml --set "${all/1e-6/2e-6}" -o all1.h5 --resume

# PyTorch's layers have a / in their names, and rows without a name of their own are called by them.
slashed='methods=[{name: rise, masks: 20}, occlusion, {name: layer-cam, layers: [/relu3/Relu_output_0, features]}'
slashed+=', {name: grad-cam++, layer: /relu3/Relu_output_0, epsilon: 1e-6}]'
run=("$CAMRANK" run "$demo" --limit 40 --set "$slashed")
for n in 1 2; do
    checks=$((checks + 1))
    ranks "$n" "${run[@]}" -o "slashed$n.h5" >"$work/out" 2>"$work/err" || fail "$n ranks: $(cat "$work/err")"
done
check "2 ranks write the same bytes" cmp slashed1.h5 slashed2.h5
for row in 'layer-cam@/relu3/Relu_output_0+features' 'grad-cam++@/relu3/Relu_output_0 (modified)'; do
    expect 0 '' "$CAMRANK" compare slashed1.h5 --against "gap/$row" --format json --metric mean_iou --resamples 0
    checks=$((checks + 1))
    grep -qF "\"method\": \"$row\"" "$work/out" || fail "compare has no row $row"
done
# What such a file lacks is added to it, as to any other.
ranks 2 "${run[@]}" --set methods='[occlusion, {name: layer-cam, layers: [/relu3/Relu_output_0, features]}]' \
    -o slashed3.h5 >"$work/out" 2>&1 || fail "two methods: $(cat "$work/out")"
ranks 2 "${run[@]}" -o slashed3.h5 --resume >"$work/out" 2>&1 || fail "two more: $(cat "$work/out")"
for f in 1 3; do
    expect 0 '' "$CAMRANK" report "slashed$f.h5" --format json
    cp "$work/out" "slashed$f.json"
done
check "the tables are the same" cmp slashed1.json slashed3.json
finish
