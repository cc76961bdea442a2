#!/usr/bin/env python3
"""Counts the instructions of a fixed small job with callgrind, by room of the code.

usage: bench_count.py [--record]

Unlike times, the counts of one program with one compiler and the same libraries hardly change from
run to run and from machine to machine (callgrind emulates a CPU with AVX2, whatever runs it): a
change of more than 3 % against tests/bench_count.txt in a room of ours that matters exits 1. --record
writes that file anew.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

RECORD = "tests/bench_count.txt"
IMAGES = 16
MATTERS = 0.005  # share of all instructions below which a room is not judged
TOLERANCE = 1.03
LINE = re.compile(r"^\s*([\d,]+) \([ \d.]+%\)\s+(\S+?):.*?(?:\[(.*)\])?$")


def room(file, library):
    match = re.match(r"(?:\./)?((?:core/[a-z]+)|worker|driver)/", file)
    if match:
        return match.group(1)
    return re.sub(r"[-.\d_r]*\.so.*", "", os.path.basename(library or "")) or "other"


def count(camrank, folder):
    profile = f"{folder}/callgrind.out"
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", camrank, "run",
         "jobs/demo/demo.yaml", "--set", f"dataset.limit={IMAGES}", "-o", f"{folder}/count.h5"],
        capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{run.stdout}{run.stderr}")
    table = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", profile],
                           capture_output=True, text=True, check=True).stdout
    rooms = collections.Counter()
    for line in table.splitlines():
        match = LINE.match(line)
        if match and "PROGRAM TOTALS" not in line:
            rooms[room(match.group(2), match.group(3))] += int(match.group(1).replace(",", ""))
    return rooms


def main():
    camrank = os.environ.get("CAMRANK", "build/camrank")
    with tempfile.TemporaryDirectory() as folder:
        rooms = count(camrank, folder)
    total = sum(rooms.values())
    try:
        with open(RECORD) as file:
            recorded = {name: int(n) for name, n in
                        (line.split() for line in file if line[0] != "#")}
    except FileNotFoundError:
        recorded = {}
    worse = []
    print(f"instructions an image and model, in thousands; {IMAGES} images, 3 models\n\n"
          f"{'room':<14} {'now':>9} {'recorded':>9} {'ratio':>7}")
    for name, n in rooms.most_common():
        if n < MATTERS * total:
            break
        per = n / IMAGES / 3000
        before = recorded.get(name)
        print(f"{name:<14} {per:9.1f} {before / IMAGES / 3000 if before else 0:9.1f} "
              f"{n / before if before else 0:7.3f}")
        if before and n > TOLERANCE * before and ("/" in name or name in ("worker", "driver")):
            worse.append(name)
    if "--record" in sys.argv[1:]:
        with open(RECORD, "w") as file:
            file.write("# Instructions of the job of tests/judge/bench_count.py, by room; "
                       "make bench-count ARGS=--record\n")
            file.writelines(f"{name} {n}\n" for name, n in rooms.most_common()
                            if n >= MATTERS * total)
    elif worse:
        sys.exit(f"more than {100 * TOLERANCE - 100:.0f} % more: {', '.join(worse)}")


main()
