/* The most that one core does: independent multiply-adds in registers, in floating-point operations
 * a second. For bench.py. */
#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#define CLONES __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define CLONES
#endif
#include <time.h>

enum { SUMS = 12, LANES = 16, STEPS = 200000 };
typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

CLONES
static float multiply_add(float factor)
{
    vector sum[SUMS] = {{0}}, x = {0};
    x += factor;
    for (int s = 0; s < SUMS; s++)
        sum[s] += (float)s * factor;
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
        for (int s = 0; s < SUMS; s++)
            sum[s] = sum[s] * x + x;
    }
    float all = 0;
    for (int s = 0; s < SUMS; s++)
        all += sum[s][0];
    return all;
}

double fma_peak(double *unused)
{
    double best = 0;
    for (int i = 0; i < 20; i++) {
        double start = now();
        *unused = (double)multiply_add(0.5f);
        double rate = 2.0 * SUMS * LANES * STEPS / (now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
