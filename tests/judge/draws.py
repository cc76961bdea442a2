"""The draws of a bootstrap by camrank, in numpy: SplitMix64 (Steele et al., OOPSLA 2014) and Lemire's numbers below n
(ACM TOMACS 29, 2019)."""
import numpy as np

from structs import CR_STAT_SEED

np.seterr(over="ignore")  # integers modulo 2^64


def mixed(z):
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return z ^ z >> np.uint64(31)


def draws(n, n_resamples, seed=CR_STAT_SEED):
    """How often each image is drawn in each resample."""
    counts = np.zeros((n_resamples, n), np.int64)
    start = mixed(np.array([seed], np.uint64))
    for r in range(n_resamples):
        state, drawn = mixed(start + np.uint64(r + 1)), 0
        while drawn < n:  # what falls below 2^32 mod n is drawn again
            steps = np.arange(1, n - drawn + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            product = (mixed(state + steps) >> np.uint64(32)) * np.uint64(n)
            state = state + steps[-1:]
            product = product[(product & np.uint64(0xFFFFFFFF)) >= np.uint64(2**32 % n)]
            np.add.at(counts[r], (product >> np.uint64(32)).astype(np.int64), 1)
            drawn += len(product)
    return counts
