#!/bin/bash
# No input that is kept does harm: the seeds of the fuzz targets, and what fuzzing has found
# (tests/fixtures/fuzz), without libFuzzer. usage: as tests/run does
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CAMRANK_FUZZ_RESULTS=$work/results.h5
"$PYTHON" tests/fuzz/seeds.py "$work/seeds" || exit $?
tests/fuzz/sample.sh "$CAMRANK_FUZZ_RESULTS" || exit 1
failed=0 targets=0
for program in "$BUILD"/tests/fuzz/fuzz_*; do
    [ -x "$program" ] || continue
    name=${program##*/fuzz_} targets=$((targets + 1))
    mapfile -t inputs < <(find "$work/seeds/$name" "tests/fixtures/fuzz/$name" -type f 2>/dev/null | sort)
    if ! timeout 300 "$program" "${inputs[@]}" >"$work/log" 2>&1; then
        failed=$((failed + 1))
        echo "failed: $name" && tail -n 20 "$work/log"
    fi
done
echo "$targets targets, $failed failures"
[ $targets -gt 0 ] && [ $failed = 0 ]
