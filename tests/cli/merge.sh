#!/bin/bash
# Files of networks that were run apart become the file of one run over all of them; what does not
# belong together is refused.
. tests/cli/lib.sh
make_sample sample
cd "$work/sample" || exit 1
head -c 300 images/img_004.jpg >cut && mv cut images/img_004.jpg # a failed row, too

run_as() { # run_as NAME RANKS OPTIONS...: NAME.h5, its table in NAME.txt
    local name=$1 n=$2
    shift 2
    checks=$((checks + 1))
    ranks "$n" "$CAMRANK" run job.yaml -o "$name.h5" "$@" >"$name.txt" 2>"$work/err" ||
        fail "$name: exit $?: $(cat "$work/err")"
}

merge_as() { # merge_as NAME ARGUMENTS...
    checks=$((checks + 1))
    "$CAMRANK" merge "$@" >"$1.txt" 2>"$work/err" || fail "merge $*: exit $?: $(cat "$work/err")"
}

same() { # same A B: as files, and as tables
    check "$1 is $2" cmp "$1.h5" "$2.h5"
    check "$1 prints the table of $2" diff <(grep -v '^results: ' "$1.txt") \
        <(grep -v '^results: ' "$2.txt")
}

# The parts of a run, with every kind of maps.
run_as one 1 --part 1/2
run_as two 3 --part 2/2
cp one.h5 one.copy
for kind in all.float32 truth.float16 none.float32; do
    set=(--set "heatmaps={classes: ${kind%.*}, type: ${kind#*.}}")
    run_as whole 2 "${set[@]}" --force
    run_as a 1 "${set[@]}" --force --part 1/2
    run_as b 2 "${set[@]}" --force --part 2/2
    "$CAMRANK" merge merged.h5 a.h5 b.h5 --force >merged.txt 2>"$work/err" ||
        fail "$kind: $(cat "$work/err")"
    check "$kind: the same objects" compare_h5 whole.h5 merged.h5
    same merged whole
    contains merged.txt '^results: merged.h5$'
    contains "$work/err" '^camrank: 2 models of 2 files, 37 images$'
done
run_as whole 2 --force
check "a part holds its models only" "$PYTHON" -c '
import h5py
assert list(h5py.File("one.h5")["models"]) == ["gap"]
assert list(h5py.File("two.h5")["models"]) == ["fc"]
assert (h5py.File("whole.h5")["models/fc/done"][()] == 2).sum() == 1'

# The order is the one given; one file alone is copied.
merge_as other.h5 two.h5 one.h5
check "the order is the one given" diff <(grep -o '^\(gap\|fc\)  ' other.h5.txt | uniq | head -n 2) \
    <(printf "fc  \ngap  \n")
merge_as single.h5 one.h5
check "one file alone is copied" cmp one.h5 single.h5

# The picture of a part and of a merged file is that of the whole: fc sees a crop.
merge_as merged.h5 one.h5 two.h5 --force
for file in whole two merged; do
    "$CAMRANK" show $file.h5 img_007 --model fc -o $file.png || fail "show $file.h5"
done
check "the picture of a part" cmp whole.png two.png
check "the picture of a merged file" cmp whole.png merged.png

# A merge that was interrupted goes on; a finished one too; one that was not begun begins.
"$PYTHON" - <<'PYTHON' || fail "merged.h5 cannot be changed"
import h5py
with h5py.File("merged.h5", "r+") as f:
    f["models/fc/done"][20:] = 0
    f["models/fc/grad-cam/maps"][20:] = 77
    f["models/fc/top_class"][20:] = 3
    f["summary"][0] = f["summary"][1]
PYTHON
for i in 1 2; do
    "$CAMRANK" merge merged.h5 one.h5 two.h5 --resume >merged.txt 2>&1 || fail "--resume"
    check "a merge goes on to the same file" cmp whole.h5 merged.h5
done
merge_as begun.h5 one.h5 two.h5 --resume
check "--resume begins a merge" cmp whole.h5 begun.h5

# Jobs of several names and texts: each is kept.
sed 's/^name: sample/name: another/' job.yaml >another.yaml
"$CAMRANK" run another.yaml --part 2/2 --set models.1.name=dense -o dense.h5 >/dev/null 2>&1 ||
    fail "another job"
merge_as mixed.h5 one.h5 two.h5 dense.h5
contains mixed.h5.txt '^mixed: 37 images, '
contains mixed.h5.txt '^dense  *grad-cam '
check "the jobs of all files are kept" "$PYTHON" - <<'PYTHON'
import h5py
f = h5py.File("mixed.h5")
job = f.attrs["job"].decode()
assert f.attrs["overrides"].decode() == ""
parts = job.split("--- # job of ")[1:]
assert [p.split("\n")[0] for p in parts] == ["one.h5", "two.h5", "dense.h5"]
assert "\nname: another\n" in parts[2] and "\nname: sample\n" in parts[1]
assert parts[2].rstrip().endswith("# overrides: models.1.name=dense")
PYTHON

# What does not belong together, or is not whole. edit FILE: Python that changes a copy of two.h5.
edit() {
    cp two.h5 "$1"
    "$PYTHON" -c "
import h5py, numpy as np
with h5py.File('$1', 'r+') as f:
    $2" || fail "edit $1"
}
edit unfinished.h5 "f['models/fc/done'][5:9] = 0"
edit label.h5 "f['images/label'][7] = (f['images/label'][7] + 1) % 10"
edit box.h5 "f['ground_truth/boxes'][0, 2] += 1"
edit class.h5 "f['classes/wnid'][3] = b'n99999999'"
edit state.h5 "f['models/fc/done'][5] = 9"
edit iou.h5 "f['models/fc/grad-cam/cam-paper/iou'][0, 5] = 2"
edit beyond.h5 "f['models/fc/top_class'][5, 2] = 10"
edit level.h5 "f['models/fc/grad-cam/levels'][0, 5] = 64"
run_as threshold 1 --part 2/2 --set threshold=0.3
run_as batch 1 --part 2/2 --set batch=5
run_as few 1 --part 2/2 --limit 30
echo "not HDF5" >text.h5
refused() { # refused CODE LINE ARGUMENTS...
    local code=$1 line=$2
    shift 2
    expect "$code" "camrank: $line" "$CAMRANK" merge "$@"
    check "nothing is made" test ! -e out.h5 -a ! -e out.h5.part -a ! -e out.h5.lock
}
made='was made otherwise:'
refused 3 "unfinished.h5: is not finished: 4 of 37 images are missing under model fc; *" \
    out.h5 one.h5 unfinished.h5
refused 3 "threshold.h5: $made /protocols/cam-paper (modified): \`threshold\` is \`0.3\` in the file, \`0.2\` in one.h5" \
    out.h5 one.h5 threshold.h5
refused 3 "batch.h5: $made /: \`batch\` is \`5\` in the file, \`8\` in one.h5" out.h5 one.h5 batch.h5
refused 3 "few.h5: $made /images: \`number of images\` is \`30\` in the file, \`37\` in one.h5 *" \
    out.h5 one.h5 few.h5
refused 3 "label.h5: $made /images: image img_007: \`label\` is *" out.h5 one.h5 label.h5
refused 3 "box.h5: $made /images: image img_000: \`ground-truth box\` is *" out.h5 one.h5 box.h5
refused 3 "class.h5: $made /classes: \`wnid\` is \`n99999999\` in *" out.h5 one.h5 class.h5
refused 3 "whole.h5: holds a model gap, as one.h5 does; *" out.h5 one.h5 whole.h5
refused 3 "one.h5: holds a model gap, as one.h5 does; --rename one.h5:gap=NEW gives it another name" out.h5 one.h5 one.h5
refused 2 "--rename gap: must be OLD=NEW or FILE:OLD=NEW, *" out.h5 one.h5 two.h5 --rename gap
refused 2 "--rename gap=a/b: must be OLD=NEW or FILE:OLD=NEW, *" out.h5 one.h5 two.h5 --rename gap=a/b
refused 2 "--rename gap=baseline: must be OLD=NEW or FILE:OLD=NEW, *" out.h5 one.h5 two.h5 --rename gap=baseline
refused 2 "--rename vgg=x: no file holds a model vgg" out.h5 one.h5 two.h5 --rename vgg=x
refused 3 "two.h5: holds a model gap, as one.h5 does; *" out.h5 one.h5 two.h5 --rename fc=gap
cp one.h5 same.h5
check "renamed in the second file" "$CAMRANK" merge twice.h5 one.h5 same.h5 --rename gap=again
check "renamed by its file" "$CAMRANK" merge thrice.h5 one.h5 same.h5 two.h5 --rename one.h5:gap=first --rename fc=last
check "the models bear the new names, and are the same" "$PYTHON" - <<'END'
import h5py, numpy as np
with h5py.File("twice.h5") as f, h5py.File("thrice.h5") as g, h5py.File("one.h5") as one:
    assert sorted(f["models"]) == ["again", "gap"], list(f["models"])
    assert sorted(g["models"]) == ["first", "gap", "last"], list(g["models"])
    for model in f["models/again"], f["models/gap"], g["models/first"], g["models/gap"]:
        assert np.array_equal(model["top_logit"], one["models/gap/top_logit"], equal_nan=True)
        assert np.array_equal(model["cam/maps"], one["models/gap/cam/maps"], equal_nan=True)
    assert [m.decode() for m in sorted(set(f["summary"]["model"]))][0] == "again"
END
rm -f twice.h5* thrice.h5* same.h5*
refused 3 "state.h5: model fc, image img_005: 9 is no state" out.h5 one.h5 state.h5
refused 3 "beyond.h5: model fc, image img_005: 10 is no class" out.h5 one.h5 beyond.h5
expect 3 "camrank: beyond.h5: model fc, image img_005: 10 is no class" \
    "$CAMRANK" export beyond.h5 --format kaggle --model fc --method grad-cam -o beyond.csv
refused 3 "iou.h5: model fc, image img_000: 2 is no IoU" out.h5 one.h5 iou.h5
refused 3 "level.h5: model fc, image img_000: 64 is no set of bits of a level" out.h5 one.h5 level.h5
refused 3 "text.h5: not a readable HDF5 file: *" out.h5 one.h5 text.h5
refused 3 "none.h5: No such file or directory" out.h5 none.h5 one.h5
refused 3 "one.h5/out.h5: its folder cannot be made: Not a directory" one.h5/out.h5 one.h5 two.h5
refused 3 "other.h5: exists already; --resume continues it, --force replaces it" other.h5 one.h5 two.h5
refused 3 "other.h5: $made /: model fc is in the file, but not in the job" other.h5 one.h5 --resume
refused 2 "merge: one.h5 is to be made and to be merged (./one.h5): *" one.h5 ./one.h5 two.h5 --force
refused 2 "merge: the file to be made and those to be merged are needed; *" out.h5
refused 2 "merge: --force and --resume exclude each other" out.h5 one.h5 --force --resume
refused 2 "merge: option --fast is unknown or ambiguous; *" out.h5 one.h5 --fast
expect 2 'camrank: merge: works alone; start it without mpirun' \
    ranks 2 "$CAMRANK" merge out.h5 one.h5 two.h5
expect 2 'camrank: --part 3/2: must be K/N, such as 1/3 to 3/3' "$CAMRANK" run job.yaml --part 3/2
expect 2 'camrank: --part 1/3: has no model: the job has 2, so at most that many parts' \
    "$CAMRANK" run job.yaml --part 1/3
check "what is merged stays as it is" cmp one.h5 one.copy

# A full disk: the merge goes on when there is room.
checks=$((checks + 1))
echo "ulimit -f $(($(stat -c %s whole.h5) / 1024 - 1)); trap '' XFSZ; exec \"\$@\"" >limited.sh
timeout 300 mpirun -q -n 1 bash limited.sh "$CAMRANK" merge full.h5 one.h5 two.h5 >"$work/out" \
    2>"$work/err"
code=$?
[ "$code" = 4 ] || fail "full disk: exit $code, expected 4: $(cat "$work/err")"
contains "$work/err" '^camrank: full.h5: .*: File too large$'
"$CAMRANK" merge full.h5 one.h5 two.h5 --resume >"$work/out" 2>&1 || fail "$(cat "$work/out")"
check "a merge goes on after a full disk" cmp whole.h5 full.h5
finish
