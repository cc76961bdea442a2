#!/bin/bash
# Signals: the chunk in hand is finished, exit 75, and the run goes on later. One run at a time.
. tests/cli/lib.sh
"$PYTHON" -c 'import h5py' 2>/dev/null || skip "h5py is missing"
make_fault
"$PYTHON" tests/cli/stop.py "$work"
