"""Runs of two turns to which something happens when the networks have been read, and before the first
turn begins: they are held there by a standard error that takes nothing.

usage: turns.py FOLDER     of the sample, with whole.h5
"""

import fcntl
import filecmp
import os
import re
import shutil
import signal
import subprocess
import time

from processes import CAMRANK, check, finish, path

F_SETPIPE_SZ, PIPE_BYTES = 1031, 4096
RUN = [CAMRANK, "run", path("job.yaml"), "--limit", "20", "-o", path("f.h5")]


def run(what, happens):
    """Exit code and what the run says."""
    if os.path.exists(path("f.h5")):
        os.remove(path("f.h5"))
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE_BYTES)
    os.write(writer, PIPE_BYTES * b"\n")
    process = subprocess.Popen(RUN, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=writer)
    os.close(writer)
    while not os.path.exists(path("f.h5")) and process.poll() is None:
        time.sleep(0.01)
    check(process.poll() is None, f"{what}: ends before the first turn")
    happens(process)
    with os.fdopen(reader) as file:
        # Without libevent's lines, as in lib.sh.
        said = [line for line in file.read().splitlines()
                if line and not re.match(r"\[(warn|err)\] Epoll [A-Z]*\(", line)]
    return process.wait(), said


def goes_on(what):
    code = subprocess.run(RUN + ["--resume"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode
    check(code == 0 and filecmp.cmp(path("f.h5"), path("whole.h5"), shallow=False),
          f"{what}: goes on with exit {code} or to other bytes")


def other_network(_):
    shutil.copy(path("gap.onnx"), path("fc.onnx"))


def no_network(_):
    os.remove(path("fc.onnx"))


def stop(process):
    """Then nothing of the second turn is loaded: its network is not missed."""
    os.remove(path("fc.onnx"))
    process.send_signal(signal.SIGUSR1)


shutil.copy(path("fc.onnx"), path("kept.onnx"))
for happens, expected, line in [(other_network, 3, "fc.onnx: has changed since the run began"),
                                (no_network, 3, "fc.onnx: No such file or directory"),
                                (stop, 75, "stopped with 0 of 40 passes done")]:
    what = happens.__name__
    code, said = run(what, happens)
    check(code == expected and line in said[-1], f"{what}: exit {code}, {said}")
    shutil.copy(path("kept.onnx"), path("fc.onnx"))
    goes_on(what)
finish()
