#!/bin/bash
# kill.sh, many times.
export KILLS=200
. tests/cli/kill.sh
