"""Runs that are told to stop, and two runs on one file. usage: stop.py FOLDER"""

import glob
import os
import re
import signal
import subprocess
import sys
import time

import h5py
import processes
from processes import N_IMAGES, Run, check, path, send, wait_until

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
    run = Run(n, file, codes=codes)
    if not run.begins():
        return
    time.sleep(0.1)
    start = time.monotonic()
    signal_them(run)
    code = run.wait(20)
    took = time.monotonic() - start
    kept = [open(code_file).read().strip() for code_file in sorted(glob.glob(codes + ".*"))]
    check(code == 75 and kept == ["75"] * n, f"{name}: exit {code}, ranks {kept}: {run.err()}")
    check(took < 10, f"{name}: {took} s to stop")
    done = n_done(name + ".h5")
    line = rf"camrank: stopped with {done} of {N_IMAGES} passes done; to go on: " \
           r"camrank run .*--resume"
    found = [text for text in run.err().splitlines() if "stopped" in text]
    check(len(found) == 1 and re.fullmatch(line, found[0]), f"{name}: {done} done: {run.err()}")
    check(0 < done < N_IMAGES, f"{name}: stopped with {done} done")
    check(not glob.glob(file + ".[lp]*"), f"{name}: {glob.glob(file + '.*')}")
    print(f"{name}: {done} images done, {took:.2f} s", flush=True)
    again = Run(n % 3 + 1, file, "--resume")
    check(again.wait() == 0 and f"{done} of {N_IMAGES} passes are done already" in again.err(),
          f"{name}: {again.err()}")
    same_as_whole(name + ".h5")


def often(run):
    for _ in range(20):
        for number in (USR1, TERM, INT):
            send(run.ranks(), number)
        time.sleep(0.01)


def mpirun_is_told_to_end():
    """It gives its ranks a second, kills them, and exits with a code of its own."""
    run = Run(3, path("mpirun.h5"))
    if not run.begins():
        return
    send([run.process.pid], TERM)
    code = run.wait(10)
    check(code not in (0, None), f"mpirun: exit {code}: {run.err()}")
    again = Run(2, run.file, "--resume")
    check(again.wait() == 0, f"mpirun: {again.err()}")
    same_as_whole("mpirun.h5")


def a_second_signal_ends_at_once():
    """Rank 1 stands still, so that rank 0 cannot finish."""
    run = Run(2, path("second.h5"))
    if not run.begins():
        return
    first, other = run.ranks()
    send([other], signal.SIGSTOP)
    for _ in range(3):
        send([first], INT)
        time.sleep(0.1)
    for number in (USR1, USR1):
        time.sleep(0.9)
        send([first], number)
    time.sleep(0.1)
    check(processes.is_rank(first), f"second: repeated signals end it: {run.err()}")
    start = time.monotonic()
    send([first], INT)
    check(wait_until(lambda: not processes.is_rank(first), 5), "second: it does not end")
    code = run.wait(20)
    check(code == 75 and time.monotonic() - start < 8, f"second: exit {code}: {run.err()}")
    again = Run(3, run.file, "--resume")
    check(again.wait() == 0, f"second: {again.err()}")
    same_as_whole("second.h5")


def a_second_run_is_refused():
    run = Run(2, path("two.h5"))
    if not run.begins():
        return
    ranks = run.ranks()
    send(ranks, signal.SIGSTOP)
    for n, option in ((1, "--resume"), (3, "--resume"), (2, "--force")):
        start = time.monotonic()
        second = Run(n, run.file, option)
        code = second.wait()
        words = f"two.h5: another run is writing it: process {ranks[0]} on "
        check(code == 3 and words in second.err(), f"two: exit {code}: {second.err()}")
        check(time.monotonic() - start < 8, "two: it waits")
    report = subprocess.run([processes.CAMRANK, "report", run.file], stdout=subprocess.PIPE,
                            check=False)
    check(report.returncode == 0, "two: a run's file can be read meanwhile")
    send(ranks, signal.SIGCONT)
    check(run.wait() == 0, f"two: the first run goes on: {run.err()}")
    same_as_whole("two.h5")


def a_rank_that_outlives_its_run_is_waited_for():
    run = Run(2, path("late.h5"))
    if not run.begins():
        return
    first, other = run.ranks()
    send([run.process.pid, other], signal.SIGSTOP)
    send([first], signal.SIGKILL)
    time.sleep(0.1)
    again = Run(2, run.file, "--resume")
    time.sleep(2)
    check(again.process.poll() is None and "already" not in again.err(),
          f"late: it does not wait: {again.err()}")
    send([run.process.pid, other], signal.SIGKILL)
    check(again.wait() == 0, f"late: {again.err()}")
    run.wait()
    same_as_whole("late.h5")


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
processes.finish()
