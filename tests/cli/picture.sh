#!/bin/bash
# A protocol that looks at the image: the same bytes at any number of ranks, and the same boxes where only
# the maps are there; an image that cannot be read again fails by itself.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
"$PYTHON" tests/cli/make_sample.py "$work/sample" || fail "make_sample.py"
cd "$work/sample"
both='protocols=[kaggle, backprop-paper]'
few=(--limit 7 --set 'methods=[grad-cam]')
for n in 1 3; do
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run job.yaml "${few[@]}" --set "$both" -o "at$n.h5" >"$work/out" 2>"$work/err" ||
        fail "$n ranks: $(cat "$work/err")"
done
check "3 ranks write the same bytes" cmp at1.h5 at3.h5
contains "$work/out" "^protocol backprop-paper (graph cut, seeds at 95 % of the pixels, and 30 %, 8-connected"
check "without it" "$CAMRANK" run job.yaml "${few[@]}" --set protocol=kaggle -o kept.h5
check "score" "$CAMRANK" score kept.h5 job.yaml "${few[@]}" --set "$both" -o scored.h5
expect 3 'camrank: protocol backprop-paper looks at the images: the job must name their folder' \
    "$CAMRANK" score kept.h5 job.yaml --limit 7 --set dataset.images=none --set 'models=[]' --set 'protocols=[backprop-paper]' -o none.h5
gone=$("$PYTHON" -c 'import h5py; print(h5py.File("at1.h5")["images/file"][3].decode())')
mv "images/$gone" gone
echo none >"images/$gone"
check "from what is kept" "$CAMRANK" run job.yaml "${few[@]}" --set "$both" -o kept.h5 --resume
check "the boxes are the same" "$PYTHON" - <<'END'
import h5py, numpy as np
at1, kept, scored = (h5py.File(f"{name}.h5") for name in ("at1", "kept", "scored"))
for model in at1["models"]:
    boxes = [f[f"models/{model}/grad-cam/backprop-paper/boxes"][:] for f in (at1, kept, scored)]
    assert len(np.unique(boxes[0][:, 5], axis=0)) > 3, boxes[0][:, 5]
    assert (boxes[0] == boxes[2]).all() and (np.delete(boxes[0], 3, 0) == np.delete(boxes[1], 3, 0)).all()
    variant = kept[f"models/{model}/grad-cam"]
    assert (boxes[1][3] == -1).all() and variant["done"][3] == 2 and b"JPEG" in variant["reason"][3], variant["reason"][3]
END
finish
