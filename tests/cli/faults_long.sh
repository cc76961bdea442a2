#!/bin/bash
# faults.sh, at every number of ranks.
export CAMRANK_FAULTS=all
. tests/cli/faults.sh
