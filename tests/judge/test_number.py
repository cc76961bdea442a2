#!/usr/bin/env python3
"""core/base/number.c against NumPy, with the CPU's own conversion of float16 and without."""
import ctypes as ct
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from camrank import Checks, lib
from structs import CR_NUMBER_FLOAT, CR_NUMBER_SIGNED, CR_NUMBER_UNSIGNED, cr_number

check = Checks()
KINDS = {"i": CR_NUMBER_SIGNED, "u": CR_NUMBER_UNSIGNED, "f": CR_NUMBER_FLOAT}
FORMATS = [order + kind for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4",
                                     "f8") for order in "<>"]


lib.cr_number_to_float64.restype = ct.c_double
lib.cr_number_to_int.restype = ct.c_bool
lib.cr_float16_beyond.restype = ct.c_size_t


def number(dtype):
    return cr_number(kind=KINDS[dtype[1]], bytes=int(dtype[2]), big_endian=dtype[0] == ">")


def pointer(array):
    return array.ctypes.data_as(ct.c_void_p)


def to_half(values):
    """Of odd places and lengths, too: what is left over of eight goes another way."""
    out = np.empty(len(values), "f2")
    lib.cr_float16_from(pointer(values), ct.c_size_t(len(values)), pointer(out))
    return out


def to_single(halves):
    out = np.empty(len(halves), "f4")
    lib.cr_float16_to(pointer(halves), ct.c_size_t(len(halves)), pointer(out))
    return out


def same(a, b):
    """Bit for bit, but that every NaN is like another."""
    bits = {2: "u2", 4: "u4", 8: "u8"}[a.dtype.itemsize]
    return a.dtype == b.dtype and bool(np.all((a.view(bits) == b.view(bits)) |
                                              (np.isnan(a) & np.isnan(b))))


def judge_halves():
    halves = np.arange(1 << 16, dtype="u2").view("f2")
    singles = halves.astype("f4")
    check("every float16 to float32", same(to_single(halves), singles))
    check("and back", same(to_half(singles), halves))
    rng = np.random.default_rng(1)
    with np.errstate(over="ignore"):
        for what, values in [
                ("a million float32 of any bits", rng.integers(0, 1 << 32, 1000003, "u4").view("f4")),
                ("a million within float16's range",
                 np.float32(rng.uniform(-17, 17, 1000003) * 2.0 ** rng.integers(-32, 12, 1000003))),
                ("a million that float16 has as denormals or not at all",
                 np.float32(rng.uniform(-1, 1, 1000003) * 2.0**-14)),
                ("half a float32 denormal's range",
                 rng.integers(0, 1 << 23, 1000003, "u4").view("f4"))]:
            check(what, same(to_half(values), values.astype("f2")))
        middle = (singles[:0x7bff] + singles[1:0x7c00]) / 2
        near = np.concatenate([middle, np.nextafter(middle, np.float32(0)),
                               np.nextafter(middle, np.float32(np.inf))])
        check("halfway between every two, and beside it", same(to_half(near), near.astype("f2")))
        ends = np.float32([1e-5, 15.9992, 65504, 65519.99, 65520, 1e38, np.inf, np.nan, 0, -0.0])
        check("after a value that becomes a denormal, and at the ends",
              same(to_half(ends), ends.astype("f2")) and to_half(ends)[1] == 16)
    check("the first beyond the range", lib.cr_float16_beyond(pointer(ends), ct.c_size_t(10)) == 3 and
          lib.cr_float16_beyond(pointer(ends), ct.c_size_t(3)) == 3)


def some_of(dtype, rng):
    if dtype[1] == "f":
        bits = rng.integers(0, 1 << 8 * int(dtype[2]), 100003, "u" + dtype[2], False)
        return np.concatenate([bits.view("f" + dtype[2]), np.float64([1e-41, 1 - 2.0**-26, 0.3]).astype(
            "f" + dtype[2])]).astype(dtype)
    limits = np.iinfo(dtype)
    values = rng.integers(limits.min, limits.max, 100003, dtype[1:], True)
    values[:3] = limits.min, limits.max, 1
    values[3:50000] >>= values.dtype.type(4 * values.dtype.itemsize)
    return values.astype(dtype)


def judge_formats():
    rng = np.random.default_rng(2)
    wrong = []
    with np.errstate(over="ignore", invalid="ignore"):
        for dtype in FORMATS:
            values, of = some_of(dtype, rng), number(dtype)
            out = np.empty(len(values), "f4")
            lib.cr_number_to_float32(of, pointer(values), ct.c_size_t(len(values)), pointer(out))
            if not same(out, values.astype("f4")):
                wrong.append(f"{dtype} to float32")
            packed = np.frombuffer(b"x" + values.tobytes(), "u1")  # of odd alignment
            lib.cr_number_to_float32(of, pointer(packed[1:]), ct.c_size_t(len(values)), pointer(out))
            if not same(out, values.astype("f4")):
                wrong.append(f"{dtype} to float32, unaligned")
            for one in values[:1000]:
                place, whole = np.array([one], dtype), ct.c_int(-7)
                wide = np.array([lib.cr_number_to_float64(of, pointer(place))])
                fits = dtype[1] != "f" and -2**31 <= int(one) < 2**31
                got = lib.cr_number_to_int(of, pointer(place), ct.byref(whole))
                if not same(wide, place.astype("f8")):
                    wrong.append(f"{dtype} {one} to float64")
                if got != fits or whole.value != (int(one) if fits else -7):
                    wrong.append(f"{dtype} {one} to int")
    check(f"{len(FORMATS)} formats in both byte orders", not wrong, str(wrong[:3]))


def main():
    judge_halves()
    judge_formats()
    if os.environ.get("CAMRANK_ISA") != "any":
        plain = subprocess.run([sys.executable, os.path.abspath(__file__)],
                               env={**os.environ, "CAMRANK_ISA": "any"}, check=False)
        check("the same without the CPU's own conversion", plain.returncode == 0)
    check.done()


main()
