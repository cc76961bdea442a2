#!/bin/bash
# Four ranks of one node hold the weights once. NETWORK says whose.
. tests/cli/lib.sh
[ "${CAMRANK_TEST_ASAN:-}" = 1 ] && skip "AddressSanitizer takes memory of its own"
make_sample sample
make_fault
"$PYTHON" tests/cli/memory.py "$work" "${NETWORK:-made}"
