"""The rates of core/kernels/conv.c, and how well they choose: every way of convolving, timed.

usage: CAMRANK_ISA=avx512 OPENBLAS_NUM_THREADS=1 ways.py [--rounds R] [--rates] [NAME ...]

For each distinct convolution of networks of torchvision (bench.py's, unless some are named) every
way that fits takes its turn, R times; the shortest time of each counts, of the processor and not of
the clock on the wall, so that other programs disturb little. Prints the convolutions for which the
fastest way is not the one chosen, and what that costs. --rates fits the nanoseconds of each kind of
work to the times, and prints them as a row of the table.
"""
import argparse
import ctypes as ct
import math
import time

import numpy as np

from bench import GOALS
from camrank import Graph, Net, lib
from structs import (CR_N_WORKS, CR_WORK_CALL, CR_WORK_MOVE, cr_clamp, cr_conv_pass, cr_net_layer,
                     cr_way)
from zoo import build, export

BATCH = 4
AT_LEAST = 2e-4  # seconds of a measurement
HOPELESS, WORSE = 4, 1.04  # times the fastest


lib.cr_net_get_layer.restype = cr_net_layer
lib.cr_kernels_isa.restype = ct.c_char_p
lib.cr_way_cost.restype = ct.c_double


def all_ways():
    table = (ct.POINTER(cr_way) * 16).in_dll(lib, "cr_ways")
    return [table[i] for i in range(next(i for i in range(16) if not table[i]))]


def distinct_windows(names):
    """Conv structures by their bytes, each with the number of times that the networks have it."""
    found, kept = {}, []
    for name in names:
        module, size = build(name)
        graph = Graph(export(module, size, 13, False), name)
        net = Net(graph, 1)
        kept.append((graph, net))
        for i in range(lib.cr_net_n_layers(net.handle)):
            layer = lib.cr_net_get_layer(net.handle, i)
            if layer.conv:
                key = bytes(layer.conv.contents.win)
                found.setdefault(key, [layer.conv.contents, 0, name])[1] += 1
    return list(found.values()), kept


def runner(way, win, arrays):
    """A function that computes the convolution once."""
    def room(n, seed=1):
        arrays.append(np.random.default_rng(seed).random(n + 16, np.float32))
        return arrays[-1].ctypes.data + -arrays[-1].ctypes.data % 64
    x, bias = room(BATCH * win.h * win.w * win.c), room(win.k)
    y = room(BATCH * win.p * win.q * win.k)
    work = cr_conv_pass(n=BATCH, x=x, weights=room(way.weights(win)), bias=bias, y=y,
                        clamp=cr_clamp(lo=0, hi=math.inf), scratch=room(way.scratch(win)))
    return lambda: way.forward(win, work)


def seconds_of(run):
    start, n = time.thread_time(), 0
    while True:
        run()
        n += 1
        taken = time.thread_time() - start
        if taken >= AT_LEAST:
            return taken / n / BATCH


def work_of(way, win):
    work = (ct.c_double * CR_N_WORKS)()
    way.work(win, work)
    work[CR_WORK_MOVE] = win.h * win.w * win.c + win.p * win.q * win.k
    work[CR_WORK_CALL] = 1
    return np.array(work)


def time_ways(win, ways, rounds):
    """Seconds for one image of each way that fits, by the way's name."""
    arrays, best = [], {}
    runs = {way.contents.name.decode(): runner(way.contents, win, arrays)
            for way in ways if way.contents.fits(win)}
    for i in range(rounds):
        for name, run in runs.items():
            best[name] = min(best.get(name, math.inf), seconds_of(run))
    return best


def equations(works, seconds):
    """What is to hold for one convolution, as rows of work and what they come to, both in units of
    the fastest way: of each way, and of its difference from the fastest, by which one is chosen.
    What is hopeless need not be right."""
    fastest = min(seconds, key=seconds.get)
    unit = seconds[fastest]
    for name, taken in seconds.items():
        if taken < HOPELESS * unit:
            yield works[name] / taken, 1
            if name != fastest:
                yield (works[name] - works[fastest]) / unit, taken / unit - 1


def fit(rows, wanted):
    """The rates, none negative, of least squares: kinds whose rate would be are left out in turn."""
    rows, wanted = np.array(rows), np.array(wanted)
    used = [kind for kind in range(CR_N_WORKS) if rows[:, kind].any()]
    while True:
        found = np.linalg.lstsq(rows[:, used], wanted, rcond=None)[0]
        if (found >= 0).all():
            break
        used.pop(int(np.argmin(found)))
    rates = np.zeros(CR_N_WORKS)
    rates[used] = found
    return rates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(GOALS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rates", action="store_true")
    options = parser.parse_args()
    ways = all_ways()
    windows, _kept = distinct_windows(options.names)
    equations_of_all, estimates, lost, total = [], [], 0, 0
    for conv, count, network in windows:
        win, chosen = conv.win, conv.way.contents.name.decode()
        best = time_ways(win, ways, options.rounds)
        by_name = {way.contents.name.decode(): way for way in ways}
        works = {name: work_of(by_name[name].contents, win) for name in best}
        equations_of_all += equations(works, best)
        fastest = min(best, key=best.get)
        estimates.append(lib.cr_way_cost(by_name[chosen], ct.byref(win)) / best[chosen])
        total += count * best[chosen]
        lost += count * (best[chosen] - best[fastest])
        if best[chosen] > WORSE * best[fastest]:
            print(f"{network}: {win.r}x{win.s}/{win.stride_h} of {win.h}x{win.w}x{win.c} to "
                  f"{win.k}, {win.groups} groups, {count} times: {chosen} "
                  f"{1e6 * best[chosen]:.1f} us, {fastest} {1e6 * best[fastest]:.1f}")
    isa = lib.cr_kernels_isa().decode()
    print(f"{isa}: {len(windows)} convolutions; {1e3 * total:.1f} ms an image of each network, "
          f"{1e3 * lost:.2f} more than with the fastest ways ({100 * lost / total:.2f} %); "
          f"estimates are {np.median(estimates):.2f} of what is measured, "
          f"{np.quantile(estimates, .1):.2f} to {np.quantile(estimates, .9):.2f}")
    if options.rates:
        rates = fit(*zip(*equations_of_all))
        print(f"    [CR_ISA_{isa.upper()}] = {{" + ", ".join(f"{1e9 * r:.3g}" for r in rates) + "},")


if __name__ == "__main__":
    main()
