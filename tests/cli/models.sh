#!/bin/bash
# Networks of other forms than an exported CNN, through whole runs: a vision transformer, channels last, an
# input of bytes, several outputs.
. tests/cli/lib.sh
"$PYTHON" -c 'import torch, onnx' 2>/dev/null || { echo "skipped: no module torch or onnx"; exit 77; }
make_sample sample
cd "$work/sample" || exit 1

"$PYTHON" "$cli/make_models.py" gap.onnx "$(wc -l <synsets.txt)" || fail "make_models.py"

# --- a transformer: its default layer, a layer by name, and a rectangle that the job gives
vit='models=[{name: vit, file: vit.onnx, input: {size: [32, 32], resize: squash, channels: rgb, range: 1, mean: [0, 0, 0], std: [1, 1, 1]}}]'
default=$("$CAMRANK" inspect vit.onnx --layers | sed -n 's/^default of all other methods: //p')
[ "$default" = /blocks/blocks.1/norm1/Add_1_output_0 ] || fail "the default is $default"
"$CAMRANK" inspect vit.onnx --layers | grep -q "^$default .* 4 x 4 .* behind 2 tokens$" || fail "no map of 4 x 4"
check "a transformer" timeout 300 "$CAMRANK" run job.yaml --set "$vit" \
    --set "methods=[grad-cam, layer-cam, ablation-cam, grad-cam@$default]" --output vit.h5
"$PYTHON" - <<'END' || fail "maps of a transformer"
import h5py, numpy
models = h5py.File("vit.h5")["models/vit"]
maps = {name: group["maps"][:] for name, group in models.items() if isinstance(group, h5py.Group) and "maps" in group}
assert maps and all(m.shape[-2:] == (4, 4) for m in maps.values()), {n: m.shape for n, m in maps.items()}
named = [m for n, m in maps.items() if n.startswith("grad-cam")]
assert len(named) == 2 and numpy.array_equal(*named) and named[0].any()
END
check "another rectangle" timeout 300 "$CAMRANK" run job.yaml --set "$vit" --set "methods=[grad-cam]" \
    --set "models.0.tokens={height: 2, width: 8, skip: 2}" --output wide.h5
"$PYTHON" -c 'import h5py
model = h5py.File("wide.h5")["models/vit"]
assert model["grad-cam/maps"].shape[-2:] == (2, 8) and model.attrs["tokens"] == b"2 x 8 behind 2"' || fail "its maps"
expect 3 "camrank: *wide.h5: *tokens*" timeout 300 "$CAMRANK" run job.yaml --set "$vit" \
    --set "methods=[grad-cam]" --output wide.h5 --resume
expect 3 "camrank: *vit.onnx: no layer is of 51 tokens, *" timeout 300 "$CAMRANK" run job.yaml --set "$vit" \
    --set "models.0.tokens={height: 7, width: 7, skip: 2}" --output no.h5
expect 2 "camrank: *models*tokens: height and width must be 1 to 4096*" "$CAMRANK" run job.yaml --set "$vit" \
    --set "models.0.tokens={height: 0, width: 7}" --output no.h5

# --- channels last, and bytes: what gap computes of the same pixels
pixels='input: {size: [32, 32], resize: squash, channels: rgb, range: 255, mean: [0, 0, 0], std: [1, 1, 1]}'
for form in plain last bytes two; do
    check "$form" timeout 300 "$CAMRANK" run job.yaml --output $form.h5 --set 'methods=[cam, grad-cam, saliency]' \
        --set "models=[{name: m, file: $form.onnx, $pixels}]"
    cp "$work/check" $form.err
done
"$PYTHON" - <<'END' || fail "other forms of a network"
import h5py, numpy
plain = h5py.File("plain.h5")["models/m"]
found = []
plain.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
assert any("maps" in name for name in found), found
for form in ("last", "bytes", "two"):
    other = h5py.File(f"{form}.h5")["models/m"]
    for name in found:
        a, b = plain[name][:], other[name][:]
        close = numpy.allclose(a, b, 1e-3, 1e-5) if a.dtype.kind == "f" else (a == b).all()
        assert a.shape == b.shape and close, (form, name)
END
contains two.err '^camrank: model m: its output is logits, of 2: features, logits$'
"$CAMRANK" inspect two.onnx | grep -q "^output: logits, of 2: features, logits$" || fail "inspect does not say which output"
finish
