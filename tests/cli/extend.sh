#!/bin/bash
# More methods, networks or protocols on a file that is there: the file of one run over all of them, bit
# by bit, in which only what was missing is computed; and what is refused.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
"$PYTHON" tests/cli/make_sample.py "$work/sample" || fail "make_sample.py"
cd "$work/sample"

few='methods=[cam, grad-cam]'
more='methods=[fem, grad-cam, cam, layer-cam@conv1_relu, {name: rise, masks: 9, as: rise9}, {name: grad-cam++, epsilon: 1e-6, as: pp}]'
protocols='protocols=[kaggle, cam-paper, wsol-v2]'

# runs JOB OPTIONS...: from the start.
runs() {
    check "run $*" "$CAMRANK" run "$@"
}

runs job.yaml --set "$more" -o whole.h5

# extends NAME WHOLE OPTIONS...: goes on with NAME.h5, which becomes WHOLE.
extends() {
    local name=$1 whole=$2
    shift 2
    checks=$((checks + 1))
    ranks 2 "$CAMRANK" run job.yaml "$@" -o "$name.h5" --resume >"$work/out" 2>"$work/err" ||
        fail "$name: exit $?: $(cat "$work/err")"
    check "$name is the file of one run" cmp "$name.h5" "$whole"
    check "$name leaves nothing behind" test ! -e "$name.h5.part" -a ! -e "$name.h5.lock"
}

# Methods, in another order; a row's maps are not computed again: what is changed there stays.
runs job.yaml --set "$few" -o few.h5
cp few.h5 marked.h5
extends few whole.h5 --set "$more"
contains "$work/err" '^camrank: 0 of 148 passes are done already, and 74 but for some methods$'
"$PYTHON" - <<'END' || fail "marking"
import h5py
with h5py.File("marked.h5", "r+") as f:
    f["models/gap/cam/maps"][3] += 1
END
checks=$((checks + 1))
ranks 2 "$CAMRANK" run job.yaml --set "$more" -o marked.h5 --resume >"$work/out" 2>"$work/err" ||
    fail "marked: $(cat "$work/err")"
check "what was there is copied" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("marked.h5") as a, h5py.File("whole.h5") as b:
    for model in "gap", "fc":
        for name, group in b[f"models/{model}"].items():
            if isinstance(group, h5py.Group):
                off = np.abs(a[f"models/{model}/{name}/maps"][...] - group["maps"][...])
                at = np.unique(np.nonzero(off)[0])
                assert list(at) == ([3] if (model, name) == ("gap", "cam") else []), (model, name, at)
END

# A network, a protocol, and all of it at once, on an unfinished file too.
"$PYTHON" - <<'END' || fail "one network"
with open("job.yaml") as job, open("one.yaml", "w") as one:
    text = job.read()
    one.write(text[:text.index("  - name: fc")] + text[text.index("methods:"):])
END
runs one.yaml --set "$few" -o one.h5
cp one.h5 unfinished.h5
extends one whole.h5 --set "$more"
"$PYTHON" - <<'END' || fail "unfinishing"
import h5py
with h5py.File("unfinished.h5", "r+") as f:
    f["models/gap/cam/done"][8:16] = 0
    f["models/gap/done"][20] = 0
END
extends unfinished whole.h5 --set "$more"
runs job.yaml --set "$protocols" -o protocols.h5
runs job.yaml -o protocol.h5
cp protocol.h5 marked.h5
extends protocol protocols.h5 --set "$protocols"
kept='of 74 the maps that the file keeps are scored, without the network'
contains "$work/err" "^camrank: 0 of 74 passes are done already; $kept\$"
extends protocol protocols.h5 --set "$protocols"

# The network is not run for it: with other maps in the file, from a network that is not there, these stay
# and are scored, as `camrank score` does it. An image and a method that have failed stay failed.
mark() {
    "$PYTHON" - "$1" <<'END' || fail "marking"
import h5py, numpy as np, sys
rng = np.random.default_rng(5)
with h5py.File(sys.argv[1], "r+") as f:
    for model in f["models"].values():
        for variant in model.values():
            if isinstance(variant, h5py.Group):
                variant["maps"][...] = rng.random(variant["maps"].shape, np.float32)
END
}
mark marked.h5
check "scored" "$CAMRANK" score marked.h5 job.yaml --set "$protocols" -o scored.h5
checks=$((checks + 1))
ranks 3 "$CAMRANK" run job.yaml --set "$protocols" -o marked.h5 --resume >"$work/out" 2>"$work/err" ||
    fail "marked: $(cat "$work/err")"
contains "$work/err" "$kept"
same_maps_and_values() {
    "$PYTHON" - "$1" "$2" <<'END'
import h5py, sys
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2]) as b:
    names = []
    b["models"].visititems(lambda name, what: names.append(name) if isinstance(what, h5py.Dataset) else None)
    assert sum(n.endswith(("kaggle/iou", "cam-paper/boxes", "levels", "maps")) for n in names) == 20, names
    for name in names:
        assert a["models"][name][...].tobytes() == b["models"][name][...].tobytes(), name
END
}
check "the maps in the file were scored" same_maps_and_values marked.h5 scored.h5

# Stopped while it scores: rows that wait to be scored are missing to readers, and are scored at last.
cp protocols.h5 stopped.h5
"$PYTHON" - <<'END' || fail "stopping"
import h5py
with h5py.File("stopped.h5", "r+") as f:
    variant = f["models/gap/cam"]
    variant["done"][8:16] = 3
    for name in "kaggle/boxes", "kaggle/iou", "levels", "empty":
        variant[name][8:16] = 0
END
expect 0 '' "$CAMRANK" report stopped.h5
contains "$work/out" '^Partial: '
extends stopped protocols.h5 --set "$protocols"
contains "$work/err" '^camrank: 66 of 74 passes are done already; of 8 the maps that '

# Not finished: what the file does not have is computed, and what it has is scored.
runs job.yaml -o part.h5
"$PYTHON" - <<'END' || fail "unfinishing"
import h5py
with h5py.File("part.h5", "r+") as f:
    f["models/gap/grad-cam/done"][9] = 0
    f["models/fc/done"][20] = 0
END
extends part protocols.h5 --set "$protocols"
contains "$work/err" '^camrank: 0 of 74 passes are done already, and 1 but for some methods; of 72 the maps '
# With methods as well: only these need the network.
runs job.yaml --set "$few" -o both.h5
runs job.yaml --set "$more" --set "$protocols" -o whole_both.h5
extends both whole_both.h5 --set "$more" --set "$protocols"
contains "$work/err" '^camrank: 0 of 148 passes are done already, and 74 but for some methods$'
# Where not all is kept as it was computed, the network is run.
for maps in 'classes: truth' 'type: float16'; do
    name=${maps#*: }
    runs job.yaml --set "heatmaps={$maps}" -o "$name.h5"
    runs job.yaml --set "heatmaps={$maps}" --set "$protocols" -o "whole_$name.h5"
    extends "$name" "whole_$name.h5" --set "heatmaps={$maps}" --set "$protocols"
    contains "$work/err" '^camrank: 0 of 74 passes are done already, and 74 but for some methods$'
done

# A file of schema 1 is read by every command, and goes on as one of schema 2. An image fails.
echo none >images/img_004.jpg
runs job.yaml -o new.h5
runs job.yaml -o failed.h5
runs job.yaml --set "$protocols" -o failed_whole.h5
for name in failed failed_whole; do
    "$PYTHON" - $name.h5 <<'END' || fail "failing"
import h5py, numpy as np, sys
with h5py.File(sys.argv[1], "r+") as f:
    variant = f["models/fc/grad-cam"]
    variant["done"][9], variant["reason"][9] = 2, b"a reason of its own"
    blank = {"maps": np.nan, "iou": np.nan, "boxes": -1, "levels": 0, "empty": 0}
    variant.visititems(lambda name, what: what.write_direct(np.full_like(what[9:10], blank[
        name.split("/")[-1]]), dest_sel=np.s_[9:10]) if name.split("/")[-1] in blank else None)
END
done
check "with failures" "$CAMRANK" run job.yaml --set "$protocols" -o failed.h5 --resume
check "what has failed stays so" same_maps_and_values failed.h5 failed_whole.h5
"$PYTHON" - <<'END' || fail "schema 1"
import h5py, numpy as np, shutil
shutil.copy("new.h5", "old.h5")
with h5py.File("old.h5", "r+") as old:
    schema = h5py.h5a.open(old.id, b"schema")
    schema.write(np.array(b"camrank-results-1", schema.dtype))
    for model in old["models"].values():
        for variant in model.values():
            if isinstance(variant, h5py.Group):
                del variant["done"], variant["reason"]
END
for command in "report" "export --format csv" "report --format json --by-class"; do
    read -ra words <<<"$command"
    expect 0 '' "$CAMRANK" "${words[0]}" old.h5 "${words[@]:1}"
    sed 's/old\.h5/new.h5/g' "$work/out" >"$work/old"
    expect 0 '' "$CAMRANK" "${words[0]}" new.h5 "${words[@]:1}"
    check "$command of schema 1" diff "$work/old" "$work/out"
done
expect 0 '' "$CAMRANK" score old.h5 job.yaml -o scored_old.h5
check "merged, it is one of schema 2" "$CAMRANK" merge merged.h5 old.h5
check "with the rows that it had" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("merged.h5") as merged, h5py.File("new.h5") as new:
    assert merged.attrs["schema"] == new.attrs["schema"] == b"camrank-results-2"
    for name in "done", "reason", "maps", "cam-paper/iou":
        one, two = (f[f"models/fc/grad-cam/{name}"][...] for f in (merged, new))
        assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f"), name
END
extends old new.h5

# What the job does not have is not thrown away, and what differs is another run.
expect 3 'camrank: whole.h5: *: /models/gap: method fem is in the file, but not in the job' \
    "$CAMRANK" run job.yaml --set "$few" -o whole.h5 --resume
expect 3 'camrank: whole.h5: *: model fc is in the file, but not in the job' \
    "$CAMRANK" run one.yaml --set "$more" -o whole.h5 --resume
expect 3 'camrank: protocols.h5: *: protocol kaggle is in the file, but not in the job' \
    "$CAMRANK" run job.yaml -o protocols.h5 --resume
expect 3 'camrank: whole.h5: *: /models/gap/pp: `epsilon` is `1e-06` in the file, `2e-06` now' \
    "$CAMRANK" run job.yaml --set "${more/1e-6/2e-6}" -o whole.h5 --resume
finish
