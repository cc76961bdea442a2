#!/usr/bin/env python3
"""core/data/npy.c against NumPy: types, orders, shapes, damage."""
import ctypes as ct
import os
import random
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from camrank import Checks, Refused, array_at, check as raise_refused, lib
from image_set import FREE
from structs import cr_error, cr_npy_map

check = Checks()
WHOLE = [f"{order}{kind}{n}" for kind in "iu" for n in (1, 2, 4, 8)
         for order in ("<", ">")]


def read(path):
    error, out = cr_error(), cr_npy_map()
    raise_refused(lib.cr_npy_read(path.encode(), ct.byref(out), ct.byref(error)), error)
    values = array_at(out.values, (out.height, out.width), np.float32)
    FREE(out.values)
    return values


def refused(what, path, reason):
    try:
        read(path)
        check(what, False, "was read")
    except Refused as why:
        check(what, str(why).startswith(path + ": ") and reason in str(why), str(why))


def main():
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path, wrong = f"{folder}/a.npy", 0
        for k in range(400):
            h, w = rng.integers(1, 70, 2)
            a = rng.normal(0, 10.0 ** rng.integers(-9, 6), (h, w))
            if k % 4:
                a = a.astype(rng.choice(["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"]))
                a.flat[0] = [np.inf, np.nan, -0.0][k % 4 - 1]
            else:
                whole = np.dtype(rng.choice(WHOLE))
                limits = np.iinfo(whole)
                a = rng.integers(limits.min, limits.max, (h, w), whole.newbyteorder("="), True)
                a = a.astype(whole)
            if k % 3 == 0:
                a = np.asfortranarray(a)
            if k % 5 == 0:
                a = a[None]
            with open(path, "wb") as file:
                np.lib.format.write_array(file, a, version=(1 + k % 3, 0))
            wrong += not np.array_equal(read(path), a.reshape(h, w).astype("f4"), equal_nan=True)
        check("400 maps of every type and both orders, as numpy writes them", not wrong)
        a = rng.normal(0, 1, (224, 199)).astype("f4")
        for dtype in "f8", "f4":
            error = cr_error()
            raise_refused(lib.cr_npy_write(path.encode(), a.ctypes.data_as(ct.c_void_p), 199, 224,
                                           ct.c_bool(dtype == "f8"), ct.byref(error)), error)
            check(f"numpy.load reads what we write as {dtype}",
                  np.array_equal(np.load(path), a) and np.load(path).dtype == np.dtype(dtype))

        for what, array, reason in [
                ("three planes", np.zeros((3, 2, 2), "f4"), "its shape must be"),
                ("one dimension", np.zeros(7, "f4"), "its shape must be"),
                ("no values", np.zeros((0, 4), "f4"), "its shape must be"),
                ("too wide", np.zeros((1, 16385), "u1"), "its shape must be"),
                ("flags", np.zeros((2, 2), bool), "not booleans"),
                ("extended", np.zeros((2, 2), np.longdouble), "its type must be"),
                ("text", np.zeros((2, 2), "S4"), "its type must be"),
                ("complex", np.zeros((2, 2), "c8"), "its type must be")]:
            np.save(path, array)
            refused(what, path, reason)
        np.save(path, a)
        with open(path, "rb") as file:
            whole = bytearray(file.read())
        random.seed(1)
        for n in 0, 5, 11, 40, 127, 128, len(whole) - 1:
            with open(path, "wb") as file:
                file.write(whole[:n])
            refused(f"cut to {n} bytes", path, "")
        read_ones = 0
        for _ in range(2000):
            damaged = whole[:]
            for _ in range(random.randrange(1, 4)):
                damaged[random.randrange(128)] = random.randrange(256)
            with open(path, "wb") as file:
                file.write(damaged)
            try:
                read_ones += read(path).size == a.size
            except Refused:
                pass
        check("2000 damaged headers end in a map or a refusal", True, f"{read_ones} read")
        refused("no such file", f"{folder}/none.npy", "No such file")
    check.done()


main()
