#!/bin/bash
# Makes the small results file that fuzz_results.c changes. usage: sample.sh FILE
#
# From the top of the repo; BUILD as in the Makefile.
set -u
. tests/mpi.env
[ -e "$1" ] && [ "$1" -nt "${CAMRANK:-${BUILD:-build}/camrank}" ] && exit 0
"${CAMRANK:-${BUILD:-build}/camrank}" run jobs/demo/demo.yaml --limit 6 --set batch=4 \
    --set heatmaps.classes=truth --force -o "$1" >"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
rm -f "$1.log"
