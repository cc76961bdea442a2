"""Runs of the embedded sample as processes to be signalled, for stop.py and kill.py.

Nothing here depends on how fast the machine is: a run that is held does not end before it is let go
on, and what has not happened after HANG seconds never will.
"""

import glob
import os
import signal
import subprocess
import sys
import time

CAMRANK, WORK = os.environ["CAMRANK"], sys.argv[1]
JOB = os.path.abspath("jobs/demo/demo.yaml")
N_IMAGES = 3 * 300  # images x models
HANG = 300
# Of 900 reads a rank of four comes to its 200th, and has done the work of most by then.
FAULT = f"read:200:held:{os.path.abspath('jobs/demo/images')}"
failures = checks = 0


def check(holds, what):
    global failures, checks
    checks += 1
    if not holds:
        failures += 1
        print(f"failed: {what}", flush=True)
    return holds


def finish():
    print(f"{checks} checks, {failures} failures")
    sys.exit(bool(failures) or checks == 0)


def path(name):
    return os.path.join(WORK, name)


def parents():
    """Process id: parent, for all that are alive."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(name)] = int(parent)
    return found


def started(pid):
    """In ticks since the machine was; None where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def descendants(pid):
    """The process and all that it has started, directly or not."""
    tree, family = parents(), [pid]
    for member in family:
        family += [child for child, parent in tree.items() if parent == member]
    return [member for member in family if member in tree]


def is_rank(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe") == os.path.realpath(CAMRANK)
    except OSError:
        return False


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def wait_until(condition, seconds=HANG):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


class Run:
    """`camrank run JOB -o FILE` over n ranks. With `codes`, each rank's exit code is kept; with
    `held`, a fault of fault.c, a rank stands still in the middle of the work until `go_on`."""

    def __init__(self, n, file, *options, codes=None, held=None):
        self.file, self.n, self.held = file, n, file + ".held"
        command = [CAMRANK, "run", JOB, "--set", "batch=4", "-o", file, *options]
        if held:
            with open(self.held, "w"):
                pass
            asan = os.environ.get("ASAN_OPTIONS", "")
            command = ["env", f"CAMRANK_STORAGE_FAULT={held}", f"CAMRANK_STORAGE_HELD={self.held}",
                       f"ASAN_OPTIONS={asan}:verify_asan_link_order=0",
                       f"LD_PRELOAD={path('fault.so')}", *command]
        if codes:
            # mpirun ends the others soon after the first that fails: they wait for each other.
            keep = 'trap "" USR1 TERM INT; "$@"; code=$?; own=$OMPI_COMM_WORLD_RANK; ' \
                   'echo $code >"$0-$own" && mv "$0-$own" "$0.$own"; ' \
                   f'until [ "$(ls "$0".* | wc -l)" = {n} ]; do sleep 0.1; done; exit $code'
            command = ["sh", "-c", keep, codes, *command]
        if n > 1:
            command = ["mpirun", "-q", "-n", str(n), *command]
        self.err_path = f"{file}.{time.monotonic_ns()}.err"
        with open(self.err_path, "w") as err, open(file + ".out", "w") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, start_new_session=True)
        self.seen = {}  # process id: when it started, for an id may be used again

    def ranks(self):
        """Process ids of the ranks, lowest rank first: mpirun starts them in this order."""
        return sorted(pid for pid in self.everybody() if is_rank(pid))

    def everybody(self):
        """All processes of the run that are alive, also those that have lost their parent."""
        for pid in descendants(self.process.pid):
            self.seen.setdefault(pid, started(pid))
        return [pid for pid, when in self.seen.items() if when and started(pid) == when]

    def is_there(self):
        return os.path.exists(self.file)

    def begins(self):
        """Waits until a rank is held; where that is rank 0, the others have soon nothing to do."""
        def is_held():
            return glob.glob(self.held + ".*") and len(self.ranks()) == self.n

        wait_until(lambda: is_held() or self.process.poll() is not None)
        ok = self.process.poll() is None and is_held()
        if not ok:
            send(self.everybody(), signal.SIGKILL)
        return check(ok, f"{self.file}: no rank comes to the middle: {self.err()}")

    def go_on(self):
        os.remove(self.held)

    def wait(self, seconds=HANG):
        """The exit code, None for a hang; none of the processes lives on."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        if not wait_until(lambda: not self.everybody(), HANG if code is not None else 0):
            send(self.everybody(), signal.SIGKILL)
            check(False, f"{self.file}: processes live on after the run: {self.err()}")
            self.process.wait()
        return code

    def err(self):
        with open(self.err_path) as f:
            return f.read()
