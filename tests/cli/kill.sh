#!/bin/bash
# SIGKILL at random moments: nothing is lost. KILLS says how many.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
make_fault
"$PYTHON" tests/cli/kill.py "$work" "${KILLS:-8}"
