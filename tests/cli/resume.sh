#!/bin/bash
# A run that was stopped goes on, and gives the file of one that was not; everything else is refused.
. tests/cli/lib.sh
# The embedded sample: about two seconds of work, in 225 units.
job=$PWD/jobs/demo/demo.yaml
run=("$CAMRANK" run "$job" --set batch=4)

same_as_whole() { # same_as_whole NAME
    check "$1 is the uninterrupted file, bit by bit" compare_h5 "$work/whole.h5" "$work/$1.h5"
    check "$1 prints the same table" diff "$work/whole.txt" <(grep -v '^results: ' "$work/out")
    check "$1 leaves nothing behind" test ! -e "$work/$1.h5.lock" -a ! -e "$work/$1.h5.part"
}

# For a run that fails after it has said what it is about to do.
last_line() {
    "$@" 2>"$work/lines"
    local code=$?
    tail -n 1 "$work/lines" >&2
    return $code
}

# edit FILE PYTHON...: changes a results file, f.
edit() {
    local file=$1
    shift
    check "edit $file" "$PYTHON" -c "
import sys, h5py
with h5py.File(sys.argv[1], 'r+') as f:
    $*" "$file"
}

"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
checks=$((checks + 1))
ranks 1 "${run[@]}" -o "$work/whole.h5" >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
grep -v '^results: ' "$work/out" >"$work/whole.txt"

# resume NAME RANKS DONE OPTIONS...: goes on with NAME.h5, of which DONE images are done.
resume() {
    local name=$1 n=$2 done=$3
    shift 3
    checks=$((checks + 1))
    ranks "$n" "${run[@]}" -o "$work/$name.h5" --resume "$@" >"$work/out" 2>"$work/err" ||
        fail "$name: exit $?: $(cat "$work/err")"
    if [ "$done" = none ]; then
        ! grep -q 'done already' "$work/err" || fail "$name: there was nothing to go on with"
    else
        contains "$work/err" "^camrank: $done of 900 passes are done already$"
        contains "$work/err" "^camrank: $((900 - done)) passes in "
    fi
    same_as_whole "$name"
}

# No file yet; a finished one; one whose summary is missing.
resume new 2 none
resume new 3 900
edit "$work/new.h5" "f['summary'][0] = f['summary'][1]"
resume new 1 900

# Rows that are marked are kept, failed ones too; a chunk that is not whole is computed again. The
# garbage in rows that are not marked disappears; that in rows that are marked would not.
cp "$work/whole.h5" "$work/holes.h5"
edit "$work/holes.h5" "
    for name, first, last in (('gap', 0, 40), ('gmp', 101, 103), ('fc', 298, 300)):
        model = f['models'][name]
        model['done'][first:last] = 0
        columns = []
        model.visititems(lambda at, thing: columns.append(thing))
        for column in columns:
            if isinstance(column, h5py.Dataset) and column.dtype.kind in 'iuf' and \
                    not column.name.endswith('/done'):
                column[first:last] = 77"
# What is there is reported, and how much that is of each model.
checks=$((checks + 2))
"$CAMRANK" report "$work/holes.h5" >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
contains "$work/out" '^Partial: the numbers are of the images computed so far: gap 260, gmp 298, fc 298 of 300\.$'
"$CAMRANK" report "$work/holes.h5" --format csv >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
"$PYTHON" - "$work/out" <<'END' || fail "what is missing of each row"
import csv, sys
rows = {(r["model"], r["method"]): r["missing"] for r in csv.DictReader(open(sys.argv[1]))}
assert rows["gap", "cam"] == "40" and rows["fc", "grad-cam"] == "2", rows
END
cp "$work/holes.h5" "$work/kept.h5"
resume holes 3 856
edit "$work/kept.h5" "
    f['models/gap/done'][200] = 2
    f['models/gap/reason'][200] = b'marked by the test'
    f['models/gmp/top_logit'][60] = 5"
checks=$((checks + 1))
ranks 2 "${run[@]}" -o "$work/kept.h5" --resume >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
contains "$work/err" '^camrank: 856 of 900 passes are done already$'
check "rows that are marked are kept" "$PYTHON" - "$work/kept.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1], "r") as f:
    assert f["models/gap/done"][200] == 2 and f["models/gap/reason"][200] == b"marked by the test"
    assert (f["models/gmp/top_logit"][60] == 5).all()
    assert f["summary"]["failed"].tolist() == [1, 1, 0, 0, 0]
PYTHON

# Another job, model, protocol, image set or version: the first difference, by name. More of them is
# cli/extend.sh's.
# refused WORDS RANKS OPTIONS...: $edit, if set, changes the file first.
refused() {
    local words=$1 n=$2 code
    shift 2
    cp "$work/whole.h5" "$work/other.h5"
    [ -z "${edit:-}" ] || edit "$work/other.h5" "$edit"
    checks=$((checks + 1))
    ranks "$n" "${run[@]}" -o "$work/other.h5" --resume "$@" >"$work/out" 2>"$work/err"
    code=$?
    [ $code = 3 ] || fail "$words: exit $code, expected 3: $(cat "$work/err")"
    grep -qF "$work/other.h5: $words" "$work/err" || fail "expected $words: $(cat "$work/err")"
}
# What a job asks for is in the file.
checks=$((checks + 1))
asked=("$CAMRANK" run "$job" --limit 8 --set 'models.0.kernels=[gather, direct@/conv1/Conv]' -o "$work/asked.h5")
{ "${asked[@]}" && "${asked[@]}" --resume; } >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
contains "$work/err" "^camrank: 24 of 24 passes are done already$"

made='was made otherwise:'
refused "$made /: \`job_name\` is \`demo\` in the file, \`x\` now" 3 --set name=x
refused "$made /: \`batch\` is \`4\` in the file, \`5\` now" 1 --set batch=5
lacks='is in the file, but not in the job'
refused "$made /: protocol cam-paper $lacks" 1 --set threshold=0.3
refused "$made /: protocol cam-paper $lacks" 3 --set protocol=kaggle
edit="f['protocols/cam-paper'].attrs.modify('threshold', 0.3)" \
    refused "$made /protocols/cam-paper: \`threshold\` is \`0.3\` in the file, \`0.2\` now" 1
# What came later is missing in a file of an earlier version, which is read all the same.
edit="del f['protocols/cam-paper'].attrs['smooth']" \
    refused "$made /: \`batch\` is \`4\` in the file, \`5\` now" 1 --set batch=5
edit="del f['protocols/cam-paper'].attrs['iou']" \
    refused '/protocols/cam-paper: no attribute `iou`' 1
refused "$made /models/gap: \`kernels\` is \`\` in the file, \`gather\` now" 1 \
    --set 'models.0.kernels=[gather]'
refused "$made /: \`failed\` is \`wrong\` in the file, \`skip\` now" 1 --set dataset.failed=skip
refused "$made /: \`map_type\` is \`float32\` in the file, \`float16\` now" 1 \
    --set heatmaps.type=float16
refused "$made /images: \`number of images\` is \`300\` in the file, \`299\` now (dataset.limit, dataset.subset or --limit)" 1 --limit 299
refused "$made /: \`map_slots\` is \`all\` in the file, \`truth\` now (heatmaps.classes, or \`keep\` of the method)" 1 \
    --set heatmaps.classes=truth
refused "$made /models/gap/cam: \`map_slots\` is \`all\` in the file, \`none\` now (heatmaps.classes, or \`keep\` of the method)" 1 \
    --set 'methods=[{name: cam, keep: none}, grad-cam]'
refused "$made /models/gap: method cam $lacks" 1 --set 'methods=[grad-cam]'
refused "$made /: model gap $lacks" 1 --set models.0.name=other
sum=$(sha256sum <jobs/demo/gap.onnx) other=$(sha256sum <jobs/demo/gmp.onnx)
refused "$made /models/gap: \`sha256\` is \`${sum%% *}\` in the file, \`${other%% *}\` now" 1 \
    --set models.0.file=jobs/demo/gmp.onnx
edit="f.attrs.create('camrank_version', b'0.0.1', dtype=h5py.string_dtype('utf-8', 5))" \
    refused "$made /: \`camrank_version\` is \`0.0.1\` in the file, " 1
edit="f['images/label'][7] = (f['images/label'][7] + 1) % 10" refused "$made /images: image " 1
edit="f['ground_truth/boxes'][0, 2] += 1" refused "$made /images: image " 1
edit="del f['models/gap/done']" refused '/models/gap/done: ' 3
edit="del f['summary']" refused '/summary: ' 3
edit="
    values = f['models/gmp/cam/cam-paper/iou'][()]
    del f['models/gmp/cam/cam-paper/iou']
    f['models/gmp/cam/cam-paper'].create_dataset('iou', data=values, compression='gzip')" \
    refused 'has been repacked: it can be read, but not resumed' 1
edit="
    values = f['summary'][()]
    del f['summary']
    f.create_dataset('summary', data=values, chunks=True)" \
    refused 'has been repacked: it can be read, but not resumed' 1
echo 'stays' >"$work/elsewhere"
edit="
    values = f['summary'][()]
    del f['summary']
    f.create_dataset('summary', values.shape, values.dtype,
                     external=[('$work/elsewhere', 0, values.nbytes)])" \
    refused 'dataset /summary: its data lie in another file' 1
check "the other file stays" diff "$work/elsewhere" - <<<stays
echo 'not HDF5' >"$work/text.h5"
expect 3 '*text.h5: not a readable HDF5 file*' last_line \
    "${run[@]}" -o "$work/text.h5" --resume

# The order of the keys and comments do not matter.
sed '1s/.*/# another comment/; s/^protocol:/protocol:   /' "$job" >"$work/job.yaml"
for name in images gap.onnx gmp.onnx fc.onnx ground_truth.csv synsets.txt; do
    ln -s "$PWD/jobs/demo/$name" "$work/$name"
done
cp "$work/whole.h5" "$work/comment.h5"
check "a job that means the same goes on" ranks 1 "$CAMRANK" run "$work/job.yaml" --set batch=4 \
    -o "$work/comment.h5" --resume

# Not without being told.
cp "$work/whole.h5" "$work/mine.h5"
checks=$((checks + 1))
ranks 2 "${run[@]}" -o "$work/mine.h5" >"$work/out" 2>"$work/err"
[ $? = 3 ] || fail "an existing file is not refused"
contains "$work/err" 'mine.h5: exists already; --resume continues it, --force replaces it$'
check "it is untouched" cmp "$work/whole.h5" "$work/mine.h5"
expect 2 'camrank: run: --force and --resume exclude each other' "${run[@]}" --force --resume
finish
