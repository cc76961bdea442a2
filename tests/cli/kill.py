"""Kills runs with SIGKILL at random moments and goes on with the file. usage: kill.py FOLDER KILLS

FOLDER holds fault.so. A trial starts a run, kills it, perhaps kills the run that goes on with it,
and so on; the run that is left to end must give the uninterrupted file. The first kill hits a run
that is held in the middle of its work, so that on no machine all come too early or too late.
CAMRANK_TEST_SEED repeats a series of kills, up to what the machine does in the meantime.
"""

import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import processes
from processes import FAULT, N_IMAGES, Run, check, path, send, wait_until


def rows(file, want_done):
    """By model and column: all values, and which rows are done."""
    with h5py.File(file, "r") as f:
        for name, model in f["models"].items():
            done = model["done"][()]
            want_done.append(done > 0)
            for variant in [model] + [v for v in model.values() if isinstance(v, h5py.Group)]:
                for column in (c for c in variant.values() if isinstance(c, h5py.Dataset)):
                    yield name, column.name, done > 0, column[()]


def what_is_done_is_right(file, reference):
    """Opens with h5py; each row that is marked holds the bytes of the uninterrupted run."""
    marks, wrong = [], []
    for _, column, done, values in rows(file, marks):
        if values[done].tobytes() != reference[column][done].tobytes():
            wrong.append(column)
    check(not wrong, f"{file}: rows are marked and wrong: {wrong}")
    return int(np.sum(marks))


def kill(run, rng, ranks, moment):
    how = rng.choice(["rank", "mpirun", "ranks", "all"])
    victims = {"rank": ranks[int(rng.random() * len(ranks)):][:1], "mpirun": [run.process.pid],
               "ranks": ranks, "all": run.everybody()}[how]
    hit = run.process.poll() is None and len(ranks) > 0
    if hit:
        send(victims, signal.SIGKILL)
    code = run.wait()
    check(code is not None, f"{run.file}: a hang after {how} was killed: {run.err()}")
    return f"{how} of {run.n} {moment}" if hit else "too late", hit and code != 0


def kill_in_the_middle(file, rng):
    run = Run(rng.randint(1, 4), file, held=FAULT)
    run.begins()
    return run, *kill(run, rng, run.ranks(), "in the middle")


def kill_at_a_random_moment(file, rng, seconds):
    """Between the start of the file's creation and a bit after the end; one in four while it is
    being created."""
    run = Run(rng.randint(1, 4), file, "--resume")
    moment = rng.uniform(0, rng.choice([0.04, seconds, seconds, seconds]))
    # Known beforehand: looking for processes takes longer than creating a file.
    ranks = []
    while not os.path.exists(run.file + ".lock") and run.process.poll() is None:
        ranks = run.ranks()
    start = time.monotonic()
    if len(ranks) < run.n:
        ranks = run.ranks()
    time.sleep(max(0, start + moment - time.monotonic()))
    return run, *kill(run, rng, ranks, f"at {moment:.3f} s")


def main():
    n_kills, seed = int(sys.argv[2]), int(os.environ.get("CAMRANK_TEST_SEED", time.time_ns() % 10**6))
    rng = random.Random(seed)
    print(f"seed {seed}: CAMRANK_TEST_SEED={seed} repeats it", flush=True)
    whole = Run(1, path("whole.h5"))
    wait_until(lambda: os.path.exists(path("whole.h5.lock")) or whole.process.poll() is not None)
    start = time.monotonic()
    check(whole.wait() == 0, f"whole: {whole.err()}")
    seconds = 1.1 * (time.monotonic() - start)
    reference = {column: values for _, column, _, values in rows(path("whole.h5"), [])}

    killed = trial = before = partial = 0
    while killed < n_kills and not processes.failures:
        trial += 1
        file, story = path(f"trial{trial}.h5"), []
        while True:
            run, how, hit = kill_in_the_middle(file, rng) if killed == 0 else \
                kill_at_a_random_moment(file, rng, seconds)
            killed += hit
            done = 0
            if run.is_there():
                done = what_is_done_is_right(file, reference)
            else:
                before += hit
            partial += 0 < done < N_IMAGES
            story.append(f"{how}: {done}")
            if done == N_IMAGES or killed >= n_kills or rng.random() < 0.5:
                break
        last = Run(rng.randint(1, 4), file, "--resume")
        check(last.wait() == 0, f"{story}: {last.err()}")
        compared = subprocess.run([sys.executable, "tests/cli/compare_h5.py", path("whole.h5"),
                                   file], stdout=subprocess.PIPE, text=True, check=False)
        check(compared.returncode == 0, f"{story}: {compared.stdout}")
        left = [name for name in os.listdir(processes.WORK)
                if name.startswith(f"trial{trial}.h5.") and name.endswith(("lock", "part"))]
        check(not left, f"{story}: leaves {left}")
        print(f"trial {trial}: " + "; ".join(story), flush=True)
        os.remove(file)
    print(f"{killed} kills: {before} before there was a file, {partial} with part of it done")
    check(partial > 0, "no kill hit a run at work")
    processes.finish()


main()
