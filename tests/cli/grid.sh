#!/bin/bash
# `camrank show --grid`: images by rows, methods, classes or models by columns; and the images that it picks.
. tests/cli/lib.sh
file=$work/some.h5
check "a run" "$CAMRANK" run jobs/demo/demo.yaml --limit 80 -o "$file"
show() { "$CAMRANK" show "$file" "$@"; }

expect 2 'camrank: --grid rows: must be methods, classes or models' show --grid rows -o "$work/a.png"
expect 2 'camrank: --pick some: must be worst, best, random, flipped, largest or smallest' show --grid methods --pick some -o "$work/a.png"
expect 2 'camrank: show: --grid needs either images by their ids or --pick' show --grid methods -o "$work/a.png"
expect 2 'camrank: show: --pick is of a picture with --grid' show demo_val_00000001 --pick worst -o "$work/a.png"
expect 2 'camrank: show: a grid has at most 100 images' show --grid methods --pick best --count 101 -o "$work/a.png"
expect 2 'camrank: --overlay red: must be one of jet, mix, viridis, turbo, dim, grey' show demo_val_00000001 --overlay red -o "$work/a.png"
expect 2 'camrank: --outcome good: must be one of right, wrong_class, *' show --grid methods --pick best --outcome good -o "$work/a.png"
expect 3 'camrank: --class: there is no class "brick kil" (did you mean "brick kiln"[?])' show --grid methods --pick best --class "brick kil" -o "$work/a.png"
expect 3 'camrank: --against: there is no row "gap/none", which is MODEL/METHOD' show --grid methods --pick flipped --against gap/none -o "$work/a.png"
expect 3 'camrank: *some.h5: holds no image demo_val_0000000 (did you mean "demo_val_0000000?"*' show demo_val_0000000 --grid methods -o "$work/a.png"
expect 3 'camrank: *some.h5: no image is such a one' show --grid methods --pick best --outcome failed -o "$work/a.png"

for grid in methods models classes; do
    expect 0 '' show demo_val_00000001 demo_val_00000002 --grid $grid --model gap --method grad-cam -o "$work/$grid.png"
done
for overlay in jet mix viridis turbo dim grey; do
    expect 0 '' show demo_val_00000001 --overlay $overlay -o "$work/$overlay.png"
done
check "overlays differ" [ "$(cat "$work"/{jet,mix,viridis,turbo,dim,grey}.png | wc -c)" -gt 0 ]
check "and are pictures of their own" [ "$(sha256sum "$work"/{jet,mix,viridis,turbo,dim,grey}.png | cut -d' ' -f1 | sort -u | wc -l)" = 6 ]

check "images are picked by what the file says of them" "$PYTHON" - "$CAMRANK" "$file" "$work" <<'END'
import subprocess
import sys

import h5py
import numpy as np

camrank, file, work = sys.argv[1:]
with h5py.File(file) as f:
    ids = [i.decode() for i in f["images/id"][:]] if "id" in f["images"] else None
    names = []
    f.visit(names.append)
    iou = {m: f[next(n for n in names if n.startswith(f"models/{m}/") and "grad-cam" in n and n.endswith("cam-paper/iou"))][:]
           for m in ("gap", "gmp")}
truth = {m: v.reshape(len(v), 6, -1)[:, 5, 0] for m, v in iou.items()}


def picture(*options):
    subprocess.run([camrank, "show", file, *options, "--grid", "methods", "--model", "gap", "--method", "grad-cam",
                    "-o", f"{work}/p.png", "--force"], check=True)
    return open(f"{work}/p.png", "rb").read()


order = np.argsort(truth["gap"], kind="stable")
assert picture("--pick", "worst", "--count", "2") == picture(*(ids[i] for i in order[:2]), "--truth")
assert picture("--pick", "best", "--count", "2") == picture(*(ids[i] for i in order[::-1][:2]), "--truth")
right = {m: v >= 0.5 for m, v in truth.items()}
by = np.where(right["gap"] != right["gmp"], -np.abs(truth["gap"] - truth["gmp"]), np.inf)
first = np.argsort(by, kind="stable")[:2]
assert picture("--pick", "flipped", "--against", "gmp/grad-cam", "--count", "2") == picture(*(ids[i] for i in first), "--truth")
some = picture("--pick", "random", "--count", "2")
assert some == picture("--pick", "random", "--count", "2", "--seed", "1") != picture("--pick", "random", "--count", "2", "--seed", "2")
END

check "viridis and turbo are those of OpenCV, to 1 of 255" "$PYTHON" - "$PWD/${BUILD:-build}/tests/libcamrank-serial.so" <<'END'
import ctypes
import sys

import cv2
import numpy as np

colour = ctypes.CFUNCTYPE(None, ctypes.c_uint8, ctypes.POINTER(ctypes.c_uint8))


class Overlay(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("summary", ctypes.c_char_p), ("paint", ctypes.c_void_p), ("colour", colour)]


overlays = {o.name.decode(): o for o in (Overlay * 6).in_dll(ctypes.CDLL(sys.argv[1]), "cr_overlays")}
for name, their in (("jet", cv2.COLORMAP_JET), ("viridis", cv2.COLORMAP_VIRIDIS), ("turbo", cv2.COLORMAP_TURBO)):
    want = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], their)[:, 0, ::-1].astype(int)
    out = (ctypes.c_uint8 * 3)()
    for value in range(256):
        overlays[name].colour(value, out)
        assert np.abs(np.array(out[:], int) - want[value]).max() <= (name != "jet"), (name, value, out[:], want[value])
END
finish
