#!/bin/bash
# The page of a run like ILSVRC's, 50,000 images of 1,000 classes under 10 rows: below 5 MB, and a browser opens, sorts,
# searches and filters it. How long things take is printed, and decides nothing. IMAGES is another number of images.
. tests/cli/lib.sh
images=${IMAGES:-50000}
"$PYTHON" -c 'import onnx' 2>/dev/null || skip "python3-onnx is missing"
check "the set" "$PYTHON" "$cli/page_large.py" make "$images" "$work"
run_into "$work" timeout 3000 mpirun -q -n 2 "$CAMRANK" run "$work/job.yaml"
[ "$(cat "$work/code")" = 0 ] || { fail "a run: $(tail -n 3 "$work/err")" && finish; }
"$PYTHON" "$cli/page_large.py" look "$images" "$work" "$CAMRANK" >"$work/looked" 2>&1
code=$?
cat "$work/looked"
check "the page" [ $code = 0 ]
finish
