#!/bin/bash
# A long run holds no more at its end than at its beginning. IMAGES says how long.
. tests/cli/lib.sh
[ -d "${CAMRANK_KIT:-}" ] || skip "CAMRANK_KIT is not set, or names no folder"
"$PYTHON" tests/cli/soak.py "$work" "${IMAGES:-20000}"
