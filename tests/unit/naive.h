/* naive.h - what tests of kernels have in common: random arrays, and the bound on rounding.
 *
 * A float sum of n products is off by at most about n 2^-24 times the sum of their magnitudes
 * (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), in any order of summation:
 * that sum comes out of each reference beside the value and scales the bound. */
#ifndef CAMRANK_TEST_NAIVE_H
#define CAMRANK_TEST_NAIVE_H

#include "camrank/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define EPSILON 0x1p-24

typedef struct reference {
    double value, magnitude;
} reference;

/* Blocks of their own, so that AddressSanitizer sees a kernel leave one. */
static void *blocks[256];
static int n_blocks;

static inline int free_blocks(void **state)
{
    (void)state;
    while (n_blocks)
        free(blocks[--n_blocks]);
    return 0;
}

static inline void *zeros(size_t n, size_t item_bytes)
{
    assert_true(n_blocks < 256);
    return blocks[n_blocks++] = calloc(n ? n : 1, item_bytes);
}

static inline float *randoms(size_t n, uint32_t seed)
{
    float *values = zeros(n, sizeof *values);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
    return values;
}

static inline void assert_near(const float *got, const reference *want, size_t n, size_t terms)
{
    for (size_t i = 0; i < n; i++) {
        double bound = (double)(terms + 2) * EPSILON * want[i].magnitude;
        if (!(fabs((double)got[i] - want[i].value) <= bound))
            fail_msg("element %zu of %zu: %.9g, not %.9g", i, n, (double)got[i], want[i].value);
    }
}

static inline void add_term(reference *sum, double term)
{
    sum->value += term;
    sum->magnitude += fabs(term);
}

#define TEST(function) cmocka_unit_test_teardown(function, free_blocks)

#endif
