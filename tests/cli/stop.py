"""Runs that are told to stop, and two runs on one file. usage: stop.py FOLDER

FOLDER holds fault.so: the runs are held in the middle while they get their signals.
"""

import glob
import os
import re
import signal
import subprocess
import sys
import time

import h5py
import processes
from processes import FAULT, N_IMAGES, Run, check, path, send, wait_until

STOP_AGAIN_S = 1.5  # CR_STOP_AGAIN_S of driver/stop.h
USR1, TERM, INT = signal.SIGUSR1, signal.SIGTERM, signal.SIGINT


def whole():
    run = Run(1, path("whole.h5"))
    check(run.wait() == 0, f"whole: {run.err()}")


def same_as_whole(name):
    compared = subprocess.run([sys.executable, "tests/cli/compare_h5.py", path("whole.h5"),
                               path(name)], stdout=subprocess.PIPE, text=True, check=False)
    check(compared.returncode == 0, f"{name}: {compared.stdout}")


def n_done(name):
    with h5py.File(path(name), "r") as f:
        return sum(int((model["done"][()] > 0).sum()) for model in f["models"].values())


def stops(name, n, signal_them):
    """signal_them(run) makes the run stop: 75 on every rank, one line, and resuming gives all."""
    file, codes = path(name + ".h5"), path(name + ".code")
    run = Run(n, file, codes=codes, held=FAULT)
    if not run.begins():
        return
    signal_them(run)
    run.go_on()
    code = run.wait()
    kept = [open(code_file).read().strip() for code_file in sorted(glob.glob(codes + ".*"))]
    check(code == 75 and kept == ["75"] * n, f"{name}: exit {code}, ranks {kept}: {run.err()}")
    done = n_done(name + ".h5")
    line = rf"camrank: stopped with {done} of {N_IMAGES} passes done; to go on: " + \
           (rf"mpirun -n {n} " if n > 1 else "") + r"camrank run .*--resume"
    found = [text for text in run.err().splitlines() if "stopped" in text]
    check(len(found) == 1 and re.fullmatch(line, found[0]), f"{name}: {done} done: {run.err()}")
    check(0 < done < N_IMAGES, f"{name}: stopped with {done} done")
    check(not glob.glob(file + ".[lp]*"), f"{name}: {glob.glob(file + '.*')}")
    print(f"{name}: {done} images done", flush=True)
    again = Run(n % 3 + 1, file, "--resume")
    check(again.wait() == 0 and f"{done} of {N_IMAGES} passes are done already" in again.err(),
          f"{name}: {again.err()}")
    same_as_whole(name + ".h5")


def all_at_once(pids):
    """So that none is taken for a later one, which ends a rank at once."""
    for number in (signal.SIGSTOP, USR1, TERM, INT, signal.SIGCONT):
        send(pids, number)


def often(run):
    ranks = run.ranks()
    all_at_once(ranks)
    for _ in range(20):
        send(ranks, USR1)
        time.sleep(0.01)


def mpirun_is_told_to_end():
    """It gives its ranks a second, kills them, and exits with a code of its own."""
    run = Run(3, path("mpirun.h5"), held=FAULT)
    if not run.begins():
        return
    send([run.process.pid], TERM)
    code = run.wait()
    check(code not in (0, None), f"mpirun: exit {code}: {run.err()}")
    again = Run(2, run.file, "--resume")
    check(again.wait() == 0, f"mpirun: {again.err()}")
    same_as_whole("mpirun.h5")


def has_pending(pid):
    """Whether the process has yet to take a signal that was sent to it."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return any(line.startswith("ShdPnd:") and int(line.split()[1], 16) for line in f)
    except OSError:
        return False


def a_second_signal_ends_at_once():
    """But not those that come with the first, as a launcher may send them, and never SIGUSR1."""
    run = Run(2, path("second.h5"), held=FAULT)
    if not run.begins():
        return
    first = run.ranks()[0]
    start = time.monotonic()
    all_at_once([first])
    check(wait_until(lambda: not has_pending(first)), "second: it takes no signals")
    time.sleep(STOP_AGAIN_S + 0.7)
    send([first], USR1)
    check(wait_until(lambda: not has_pending(first)), "second: it takes no other signal")
    check(processes.is_rank(first), f"second: repeated signals end it: {run.err()}")
    # The first signal may have come late.
    check(wait_until(lambda: send([first], INT) or not processes.is_rank(first)),
          "second: it does not end")
    check(time.monotonic() - start >= STOP_AGAIN_S, "second: it ends before the time")
    code = run.wait()
    check(code == 75, f"second: exit {code}: {run.err()}")
    again = Run(3, run.file, "--resume")
    check(again.wait() == 0, f"second: {again.err()}")
    same_as_whole("second.h5")


def a_second_run_is_refused():
    run = Run(2, path("two.h5"), held=FAULT)
    if not run.begins():
        return
    ranks = run.ranks()
    send(ranks, signal.SIGSTOP)
    for n, option in ((1, "--resume"), (3, "--resume"), (2, "--force")):
        second = Run(n, run.file, option)
        code = second.wait()
        words = f"two.h5: another run is writing it: process {ranks[0]} on "
        check(code == 3 and words in second.err(), f"two: exit {code}: {second.err()}")
    report = subprocess.run([processes.CAMRANK, "report", run.file], stdout=subprocess.PIPE,
                            check=False)
    check(report.returncode == 0, "two: a run's file can be read meanwhile")
    send(ranks, signal.SIGCONT)
    run.go_on()
    check(run.wait() == 0, f"two: the first run goes on: {run.err()}")
    same_as_whole("two.h5")


def has_open(pid, file):
    try:
        return any(os.path.realpath(fd) == file for fd in glob.glob(f"/proc/{pid}/fd/*"))
    except OSError:
        return False


def a_rank_that_outlives_its_run_is_waited_for():
    run = Run(2, path("late.h5"), held=FAULT)
    if not run.begins():
        return
    first, other = run.ranks()
    send([run.process.pid, other], signal.SIGSTOP)
    send([first], signal.SIGKILL)
    wait_until(lambda: not processes.is_rank(first))
    with open(run.file + ".lock") as f:
        owner = f.read()
    again = Run(2, run.file, "--resume")
    wait_until(lambda: any(has_open(pid, run.file + ".lock") for pid in again.ranks()))
    # Having waited for too short a time, the test could only pass wrongly.
    time.sleep(1)
    with open(run.file + ".lock") as f:
        check(f.read() == owner, "late: it takes the file while a rank has it")
    check(again.process.poll() is None and "already" not in again.err(),
          f"late: it does not wait: {again.err()}")
    send([run.process.pid, other], signal.SIGKILL)
    check(again.wait() == 0, f"late: {again.err()}")
    run.wait()
    same_as_whole("late.h5")


LONG = ["--set", "methods=[grad-cam, {name: rise, masks: 1000000, as: long}]"]


def n_done_so_far(name):
    try:
        return n_done(name)
    except (OSError, KeyError):
        return 0


def a_unit_of_many_passes_is_not_waited_for():
    """What needs one pass is done first; then each image takes a million."""
    for n, who in ((1, slice(None)), (2, slice(1)), (3, slice(2, 3))):
        name = f"long{n}.h5"
        run = Run(n, path(name), *LONG)
        check(wait_until(lambda: n_done_so_far(name) == N_IMAGES), f"{name}: {run.err()}")
        send(run.ranks()[who], USR1)
        code = run.wait()
        check(code == 75, f"{name}: exit {code}: {run.err()}")
        check(f"stopped with {N_IMAGES} of {2 * N_IMAGES} passes done" in run.err(),
              f"{name}: {run.err()}")
        with h5py.File(path(name), "r") as f:
            check(not any(model["long/done"][()].any() for model in f["models"].values()),
                  f"{name}: something is marked done")


whole()
stops("alone", 1, lambda run: send(run.ranks(), INT))
stops("forwarded", 3, lambda run: send([run.process.pid], USR1))
stops("first", 3, lambda run: send(run.ranks()[:1], TERM))
stops("last", 3, lambda run: send(run.ranks()[-1:], USR1))
stops("often", 2, often)
mpirun_is_told_to_end()
a_second_signal_ends_at_once()
a_second_run_is_refused()
a_rank_that_outlives_its_run_is_waited_for()
a_unit_of_many_passes_is_not_waited_for()
processes.finish()
