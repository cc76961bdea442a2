"""20,000 images over 2 ranks: neither memory nor descriptors grow. usage: soak.py FOLDER IMAGES

The kit's 500 images, again and again under other names. What a rank holds after the first minute (or
fifth of the run, if that is less) is what it holds at the end.
"""

import os
import subprocess
import sys
import time

from processes import CAMRANK, check, finish, is_rank, descendants, path

KIT, N_IMAGES = os.environ["CAMRANK_KIT"], int(sys.argv[2])
MAX_GROWTH = 5 << 20
JOB = """\
name: soak
dataset: {{layout: kaggle, images: images, ground_truth: truth.csv, synsets: {kit}/dev/LOC_synset_mapping.txt}}
models:
  - name: mobilenet
    file: {kit}/models/mobilenet_v1_0.5_160.onnx
    input: {{size: [160, 160], resize: squash, filter: pil-bilinear, channels: rgb, range: 255,
            mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5]}}
methods: [cam]
protocol: cam-paper
heatmaps: {{classes: none}}
output: soak.h5
"""


def make_set():
    os.mkdir(path("images"))
    with open(f"{KIT}/dev/ground_truth.csv") as f:
        header, *rows = f.read().splitlines()
    files = {os.path.splitext(name)[0]: name for name in os.listdir(f"{KIT}/dev/images")}
    with open(path("truth.csv"), "w") as out:
        out.write(header + "\n")
        for i in range(N_IMAGES):
            image, boxes = rows[i % len(rows)].split(",", 1)
            stem, ending = os.path.splitext(files[os.path.splitext(image)[0]])
            os.symlink(f"{KIT}/dev/images/{stem}{ending}", path(f"images/{stem}_{i:05d}{ending}"))
            out.write(f"{stem}_{i:05d},{boxes}\n")
    with open(path("job.yaml"), "w") as out:
        out.write(JOB.format(kit=KIT))


def state(pid):
    """Bytes that are resident, and descriptors; None when the process has ended."""
    try:
        with open(f"/proc/{pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE"), len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def main():
    make_set()
    with open(path("err"), "w") as err:
        run = subprocess.Popen(["mpirun", "-q", "-n", "2", CAMRANK, "run", path("job.yaml")],
                               stdin=subprocess.DEVNULL, stdout=err, stderr=err)
    start, seen = time.monotonic(), {}
    while run.poll() is None:
        for pid in filter(is_rank, descendants(run.pid)):
            now = state(pid)
            if now:
                seen.setdefault(pid, []).append((time.monotonic() - start, *now))
        time.sleep(1)
    seconds = time.monotonic() - start
    with open(path("err")) as f:
        check(run.returncode == 0, f"the run: exit {run.returncode}: {f.read()[-2000:]}")
    check(len(seen) == 2, f"{len(seen)} ranks were seen")
    settled = min(60, seconds / 5)
    for pid, states in seen.items():
        # The last seconds are those of closing the file, and of the table.
        working = [s for s in states if settled <= s[0] < seconds - 5]
        check(len(working) > 10, f"rank {pid} was seen {len(working)} times")
        growth = max(s[1] for s in working) - working[0][1]
        descriptors = sorted({s[2] for s in working})
        print(f"rank {pid}: {working[0][1] >> 20} MB after {settled:.0f} s, grows by {growth >> 10} "
              f"kB in {seconds - settled:.0f} s; {descriptors} descriptors")
        check(growth < MAX_GROWTH, f"rank {pid} grows by {growth} bytes")
        # A file that is being read at the moment is one more.
        check(descriptors[-1] - descriptors[0] <= 1, f"rank {pid}: descriptors {descriptors}")
    print(f"{N_IMAGES} images in {seconds:.0f} s")
    finish()


main()
