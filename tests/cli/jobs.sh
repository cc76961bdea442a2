#!/bin/bash
# Jobs written short: what models share, methods that a network goes without, paths of the environment,
# folders that are not there yet.
. tests/cli/lib.sh
make_sample sample
cd "$work/sample" || exit 1

sed -n '/^models:/q; p' job.yaml >short.yaml
cat >>short.yaml <<'END'
defaults:
  input: &in {preset: tensorflow, size: [32, 32], std: [0.25, 0.25, 0.25]}
models:
  - &first {name: gap, file: gap.onnx}
  - {<<: *first, name: fc, file: fc.onnx, input: {resize: short-side, short_side: 36, channels: bgr,
     range: 255, mean: [120, 120, 120], std: [60, 60, 60]}}
END
sed -n '/^methods:/,$p' job.yaml >>short.yaml
check "the job" "$CAMRANK" run job.yaml -o job.h5
check "the same, written short" "$CAMRANK" run short.yaml -o short.h5
compare_h5 job.h5 short.h5 >differences
expect 1 '' grep -v '^/: attribute job: ' differences

# gap has no layer pool1, and goes without.
for n in 1 2; do
    run_into "$work/$n" ranks $n "$CAMRANK" run job.yaml --set 'methods=[grad-cam, grad-cam@pool1]' -o "own$n.h5"
    checks=$((checks + 1))
    [ "$(cat "$work/$n/code")" = 0 ] || fail "$n ranks: $(cat "$work/$n/err")"
    contains "$work/$n/err" 'model gap goes without grad-cam@pool1: no layer is named "pool1"'
done
check "2 ranks write the same bytes" cmp own1.h5 own2.h5
check "methods of one network" "$CAMRANK" run job.yaml --set 'models.0.methods=[eigen-cam, grad-cam@conv2]' -o one.h5
check "each network has its methods" "$PYTHON" - <<'END'
import h5py
def found(path):
    with h5py.File(path) as f:
        return {name: sorted(k for k, v in m.items() if isinstance(v, h5py.Group))
                for name, m in f["models"].items()}
own = found("own1.h5")
assert own["gap"] == ["grad-cam"] and own["fc"] == ["grad-cam", "grad-cam@pool1"], own
one = found("one.h5")
assert one["gap"] == ["eigen-cam", "grad-cam@conv2"], one
assert one["fc"] == ["grad-cam", "grad-cam@conv1"], one
END
check "to go on" "$CAMRANK" run job.yaml --set 'models.0.methods=[eigen-cam, grad-cam@conv2]' -o one.h5 --resume
expect 0 '' "$CAMRANK" check job.yaml --set 'methods=[grad-cam, grad-cam@pool1]'
contains "$work/out" '^  without  grad-cam@pool1: no layer is named "pool1"'

# What the environment has, and folders that are made.
check "-o makes folders" "$CAMRANK" run job.yaml -o here/and/there.h5 --limit 4
mkdir else
check "--set output is relative to the same place" bash -c "cd else && timeout 300 '$CAMRANK' run ../job.yaml \
    --set output=here/and/there.h5 --set dataset.synsets=../synsets.txt --limit 4"
for made in here/and/there.h5 else/here/and/there.h5; do
    [ -f $made ] || fail "no $made, but $(find . -name there.h5)"
done
sed 's|^output:.*|output: $CR_PLACE/to/${CR_NAME}.h5|; s|images: images|images: $CR_SAMPLE/images|
     s|ground_truth: g|ground_truth: ~/g|' job.yaml >places.yaml
export CR_PLACE=$PWD/made CR_NAME=of HOME=$PWD
expect 3 'camrank: places.yaml:4: dataset.images: $CR_SAMPLE is not set in the environment*' \
    "$CAMRANK" check places.yaml
export CR_SAMPLE=$PWD
check "paths of the environment" ranks 2 "$CAMRANK" run places.yaml --limit 4
[ -f made/to/of.h5 ] || fail "no made/to/of.h5"
# All ranks write the file of rank 0, whatever their own environment says.
check "paths of ranks that differ" timeout 300 mpirun -q -n 1 -x CR_NAME=a "$CAMRANK" run places.yaml \
    --limit 4 : -n 1 -x CR_NAME=b "$CAMRANK" run places.yaml --limit 4
[ -f made/to/a.h5 ] && [ ! -e made/to/b.h5 ] || fail "not the file of rank 0: $(ls made/to)"
expect 0 '' "$CAMRANK" check job.yaml -o not/yet/x.h5 --limit 4
[ ! -e not ] || fail "check makes folders"
expect 0 '' "$CAMRANK" export here/and/there.h5 --format csv -o not/yet/x.csv
[ -f not/yet/x.csv ] || fail "export makes no folders"
finish
