"""The simulation against what it simulates: runs of driver/dispatch.c whose ranks sleep.

Sleeping ranks need no cores, so that 8 of them run on two. The simulation is given the time that a
unit really took, for sleepers are woken late on a busy machine, and storage that takes none. A run
takes from 6 % less than its simulation, which nothing explains but the simulation, to 25 % more:
with three times as many programs as cores beside it, ranks hear of their next unit up to 20 % late.
A slow rank does as many units as it is said to, give or take one. A run that something disturbs even
more is repeated, for HANG seconds.
"""

import json
import math
import os
import subprocess
import sys
import time

import simulate
from simulate import Cluster, Policy, Storage, Unit

PLAY = os.path.join(os.environ.get("BUILD", "build"), "tests/scale/play")
DECODE_MS, LAYERS, LAYER_MS, BOXES_MS = 60, 8, 20, 12
HANG = 300
failures = checks = 0


def check(holds, what):
    global failures, checks
    checks += 1
    failures += not holds
    print(f"{'ok' if holds else 'FAILED'}: {what}", flush=True)


def play(n_ranks, n_units, slow, drives):
    command = [PLAY, *map(str, (n_units, DECODE_MS, LAYERS, LAYER_MS, BOXES_MS, slow))]
    if n_ranks > 1:
        command = ["mpirun", "-q", "-n", str(n_ranks), *command]
    env = dict(os.environ, CAMRANK_TEST_DRIVES_FROM="2" if drives else "1000000")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=HANG,
                          env=env)
    return json.loads(done.stdout)


def simulated(n_ranks, n_units, slow, drives, unit_s):
    ms = unit_s / (DECODE_MS + LAYERS * LAYER_MS + BOXES_MS)
    unit = Unit(DECODE_MS * ms, (LAYER_MS * ms,) * LAYERS, BOXES_MS * ms)
    free = Storage(operations=math.inf, bandwidth=math.inf, delay_s=0)
    run = simulate.Run(n_ranks, [unit] * n_units, Cluster(noise=0, storage=free),
                       Policy(drives_from=2 if drives else math.inf), seed=1)
    run.factor[-1] = slow  # the rank that is slow in play.c
    return run.run()


def compare(n_ranks, n_units, slow, drives):
    what = f"{n_ranks} ranks, {n_units} units" + \
           (f", the last rank {slow} times slower" if slow > 1 else "") + \
           (", rank 0 only drives" if drives else "")
    ratios, is_near, end = [], False, time.monotonic() + HANG
    while not is_near and (not ratios or time.monotonic() < end):
        got = play(n_ranks, n_units, slow, drives)
        expected = simulated(n_ranks, n_units, slow, drives, got["unit_s"])
        ratios.append(got["seconds"] / expected.makespan_s)
        is_near = 0.94 <= ratios[-1] <= 1.25 and \
            (slow == 1 or abs(got["units"][-1] - expected.units[-1]) <= 1)
    check(is_near, f"{what}: {expected.makespan_s:.2f} s, real over simulated "
          + ", ".join(f"{ratio:.3f}" for ratio in ratios)
          + f", units of the last rank {got['units'][-1]}, {expected.units[-1]}")
    check(sum(got["units"]) == n_units == sum(expected.units), f"{what}: each unit once")
    if drives:
        check(got["units"][0] == expected.units[0] == 0, f"{what}: none for rank 0")


for case in ((1, 8, 1, False), (2, 20, 1, False), (3, 30, 1, False), (4, 40, 1, False),
             (4, 39, 4, False), (4, 20, 4, False), (8, 80, 1, False),
             (4, 30, 1, True), (4, 28, 4, True), (8, 63, 4, True)):
    compare(*case)
    if failures:
        break
print(f"{checks} checks, {failures} failures")
sys.exit(bool(failures) or checks == 0)
