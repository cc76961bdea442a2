#!/bin/bash
# The precision of a network: where a job gives it, and everywhere that it is named, refused and told apart.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"

demo="jobs/demo/demo.yaml --limit 12"
mixed=(--set models.1.precision=bfloat16)
check "float32" "$CAMRANK" run $demo -o "$work/float32.h5"
check "one of three in bfloat16" "$CAMRANK" run $demo "${mixed[@]}" -o "$work/mixed.h5"
check "all, by defaults" "$CAMRANK" run $demo --set 'defaults={precision: bfloat16}' -o "$work/bfloat16.h5"
"$CAMRANK" --version >"$work/version.txt"

"$PYTHON" - "$work" <<'END' || fail "attributes, or values"
import sys
import h5py
import numpy as np
work = sys.argv[1]
one, mixed, all16 = (h5py.File(f"{work}/{name}.h5")["models"] for name in ("float32", "mixed", "bfloat16"))
precision = lambda models: [models[name].attrs["precision"].decode() for name in ("gap", "gmp", "fc")]
assert precision(one) == ["float32"] * 3, precision(one)
assert precision(mixed) == ["float32", "bfloat16", "float32"], precision(mixed)
assert precision(all16) == ["bfloat16"] * 3, precision(all16)
for key in "top_class", "top_logit", "grad-cam/maps":
    assert np.array_equal(one["gap"][key][()], mixed["gap"][key][()]), key
    assert np.array_equal(all16["gmp"][key][()], mixed["gmp"][key][()]), key
for name, models in ("float32", one), ("mixed", mixed), ("bfloat16", all16):
    rows = h5py.File(f"{work}/{name}.h5")["summary"][()]
    assert all(row["precision"] == models[row["model"].decode()].attrs["precision"] for row in rows) and len(rows) > 3, name
libraries = lambda name: h5py.File(f"{work}/{name}.h5").attrs["libraries"].decode()
version = open(f"{work}/version.txt").read().splitlines()
by32, by16 = [words.split()[-1] if " by " in words else "" for words in version[-1].split(", ")]
assert version[1] == libraries("float32") and libraries("float32").endswith(f"; kernels {by32}"), libraries("float32")
for name in "mixed", "bfloat16":
    assert libraries(name).endswith(f"; kernels {by16 or by32}"), libraries(name)
a, b = one["gmp/top_logit"][()], mixed["gmp/top_logit"][()]
assert (a != b).any() and np.abs(a - b).max() < .05 * np.abs(a).max()
END

# --- tables: in CSV and JSON always, for people where a row is not of float32
"$CAMRANK" report "$work/float32.h5" >"$work/plain.txt"
! grep -q precision "$work/plain.txt" || fail "a table of float32 alone names it"
"$CAMRANK" report "$work/mixed.h5" >"$work/mixed.txt"
contains "$work/mixed.txt" '^model  *method  *precision '
contains "$work/mixed.txt" '^gmp  *cam  *bfloat16 '
contains "$work/mixed.txt" '^fc  *grad-cam  *float32 '
contains "$work/mixed.txt" '^model  *method  *outcome of  *.*precision '
contains "$work/mixed.txt" '^gmp  *cam  *top-1  *.*bfloat16 '
for file in float32 mixed bfloat16; do
    "$CAMRANK" plot "$work/$file.h5" models -o "$work/$file.svg" >"$work/plot.txt"
done
! grep -q float32 "$work/float32.svg" || fail "a figure of float32 alone names it"
contains "$work/mixed.svg" 'gmp/cam.*/bfloat16'
contains "$work/mixed.svg" 'fc/grad-cam.*/float32'
contains "$work/bfloat16.svg" 'precision bfloat16'
"$CAMRANK" export "$work/mixed.h5" --format csv >"$work/mixed.csv"
for format in text markdown latex; do
    "$CAMRANK" report "$work/mixed.h5" --by-class --format $format >"$work/class.txt"
    contains "$work/class.txt" precision
    contains "$work/class.txt" bfloat16
done
"$CAMRANK" report "$work/float32.h5" --format html >"$work/plain.html"
contains "$work/plain.html" '>precision<'
"$PYTHON" - "$CAMRANK" "$work" <<'END' || fail "CSV or JSON"
import csv, io, json, subprocess, sys
camrank, work = sys.argv[1:]
def run(*arguments):
    return subprocess.run([camrank, *arguments], check=True, capture_output=True, text=True).stdout
for options in [], ["--by-class"]:
    rows = list(csv.DictReader(io.StringIO(run("report", f"{work}/mixed.h5", "--format", "csv", *options))))
    assert {(r["model"], r["precision"]) for r in rows} >= {("gap", "float32"), ("gmp", "bfloat16"), ("fc", "float32")}
    told = json.loads(run("report", f"{work}/mixed.h5", "--format", "json", *options))
    rows = told["classes" if options else "rows"]
    assert {r["precision"] for r in rows if r["model"] == "gmp"} == {"bfloat16"}
    assert {r["precision"] for r in rows if r["model"] == "fc"} == {"float32"}
    assert options or {r["precision"] for r in rows if r["model"] == "baseline"} == {None}
lines = list(csv.DictReader(open(f"{work}/mixed.csv")))
assert {(l["model"], l["precision"]) for l in lines} == {("gap", "float32"), ("gmp", "bfloat16"), ("fc", "float32")}
pair = [f"{work}/float32.h5", f"{work}/mixed.h5", "--only", "gmp,cam"]
line, = csv.DictReader(io.StringIO(run("compare", *pair, "--format", "csv", "--metric", "mean_iou")))
assert (line["precision_a"], line["precision_b"]) == ("float32", "bfloat16")
assert [r["precision"] for r in json.loads(run("compare", *pair, "--format", "json"))["rows"]] == ["float32", "bfloat16"]
assert "mixed.h5:gmp (bfloat16)" in run("compare", *pair)
END

# --- files: another precision is another run; one without the attribute is of float32
expect 3 "camrank: *mixed.h5: *gmp*precision* is *bfloat16* in the file, *float32* now" \
    "$CAMRANK" run $demo -o "$work/mixed.h5" --resume
cp "$work/float32.h5" "$work/old.h5"
"$PYTHON" -c 'import h5py, sys
models = h5py.File(sys.argv[1], "r+")["models"]
for name in models: del models[name].attrs["precision"]
summary, description = models.parent["summary"][()], models.parent["summary"].attrs["description"]
del models.parent["summary"]
kept = [name for name in summary.dtype.names if name != "precision"]
rows = summary[kept].astype([(name, summary.dtype[name]) for name in kept])
models.parent.create_dataset("summary", data=rows).attrs["description"] = description' "$work/old.h5"
check "an old file is of float32" "$CAMRANK" run $demo -o "$work/old.h5" --resume
"$PYTHON" -c 'import h5py, sys
h5py.File(sys.argv[1], "r+")["models/gap"].attrs["precision"] = "float8"' "$work/old.h5"
expect 3 "camrank: *old.h5: *precision*" "$CAMRANK" report "$work/old.h5"
expect 3 "camrank: *bfloat16.h5: holds a model gap, as *" "$CAMRANK" merge "$work/merged.h5" "$work/mixed.h5" "$work/bfloat16.h5"
check "under other names they are merged" "$CAMRANK" merge "$work/merged.h5" "$work/float32.h5" "$work/bfloat16.h5" \
    --rename "$work/bfloat16.h5:gap=gap16" --rename "$work/bfloat16.h5:gmp=gmp16" --rename "$work/bfloat16.h5:fc=fc16"
"$CAMRANK" report "$work/merged.h5" >"$work/merged.txt"
contains "$work/merged.txt" '^gap  *cam  *float32 '
contains "$work/merged.txt" '^gap16  *cam  *bfloat16 '

# --- what says it before a run, and what is refused
"$CAMRANK" check $demo "${mixed[@]}" >"$work/plan.txt"
[ "$(grep -c '^  precision float32$' "$work/plan.txt")" = 2 ] || fail "the plan"
contains "$work/plan.txt" '^  precision bfloat16'
contains "$work/version.txt" '^precisions: float32 by [a-z0-9-]*, bfloat16 '
expect 2 "camrank: --set models.0.precision=float16: models*precision: must be float32 or bfloat16, not *" \
    "$CAMRANK" check $demo --set models.0.precision=float16
expect 2 "camrank: --precision float16: must be float32 or bfloat16" \
    "$CAMRANK" inspect jobs/demo/gap.onnx --plan --precision float16
"$CAMRANK" inspect jobs/demo/gap.onnx --plan --precision bfloat16 >"$work/plan.txt"
contains "$work/plan.txt" 'GFLOP/s; bfloat16, kernels for '
check "explain" "$CAMRANK" explain jobs/demo/gap.onnx jobs/demo/images/demo_val_00000001.JPEG --precision bfloat16 \
    -o "$work/explained"
finish
