/* How alike two pictures are: correlation of values and of ranks, structural similarity. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double cr_stat_correlation(const double *a, const double *b, size_t n)
{
    double mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        mean_a += a[i];
        mean_b += b[i];
    }
    mean_a /= (double)n;
    mean_b /= (double)n;
    for (size_t i = 0; i < n; i++) {
        const double x = a[i] - mean_a, y = b[i] - mean_b;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    const double r = ab / (sqrt(aa) * sqrt(bb)); /* NaN where either is constant */
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

/* Ordered as the values are; -0 is 0. */
static uint32_t key_of(float value)
{
    uint32_t bits;
    value += 0.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

cr_status cr_stat_ranks(const float *values, int n, double *ranks, cr_error *err)
{
    uint64_t *keys = cr_alloc((size_t)n * 2, sizeof *keys);
    if (!keys)
        return cr_fail_memory(err, "ranks", (size_t)n * 2, sizeof *keys);
    for (int i = 0; i < n; i++)
        keys[i] = (uint64_t)key_of(values[i]) << 32 | (uint32_t)i;
    cr_stat_sort(keys, keys + n, n);
    for (int i = 0, end; i < n; i = end) {
        for (end = i; end < n && keys[end] >> 32 == keys[i] >> 32;)
            end++;
        for (int j = i; j < end; j++)
            ranks[keys[j] & 0xffffffffu] = (i + 1 + end) / 2.0;
    }
    free(keys);
    return CR_OK;
}

enum { SIDE = 7, N_SUMS = 5 }; /* of x, y, x^2, y^2, x y */

static double range_of(const float *a, const float *b, size_t n)
{
    float least = a[0], most = a[0];
    for (size_t i = 0; i < n; i++) {
        least = fminf(least, fminf(a[i], b[i]));
        most = fmaxf(most, fmaxf(a[i], b[i]));
    }
    return (double)most - (double)least;
}

/* Over SIDE lines from `top` on: [N_SUMS][width]. */
static void sum_lines(const float *a, const float *b, int width, int top, double *sums)
{
    const size_t w = (size_t)width;
    memset(sums, 0, N_SUMS * w * sizeof *sums);
    for (size_t at = (size_t)top * w; at < (size_t)(top + SIDE) * w; at++) {
        const double x = (double)a[at], y = (double)b[at];
        double *to = sums + at % w;
        to[0] += x;
        to[w] += y;
        to[2 * w] += x * x;
        to[3 * w] += y * y;
        to[4 * w] += x * y;
    }
}

/* Of a window, from its means. */
static double similarity(const double mean[N_SUMS], double c1, double c2)
{
    const double n = SIDE * SIDE, sample = n / (n - 1);
    const double x = mean[0], y = mean[1];
    const double xx = sample * (mean[2] - x * x), yy = sample * (mean[3] - y * y);
    const double xy = sample * (mean[4] - x * y);
    return (2 * x * y + c1) * (2 * xy + c2) / ((x * x + y * y + c1) * (xx + yy + c2));
}

cr_status cr_stat_ssim(const float *a, const float *b, int width, int height, double *ssim,
                       cr_error *err)
{
    *ssim = NAN;
    if (width < SIDE || height < SIDE)
        return CR_OK;
    const size_t w = (size_t)width;
    const double range = range_of(a, b, w * (size_t)height);
    const double c1 = 1e-4 * range * range, c2 = 9e-4 * range * range;
    double *sums = cr_alloc(N_SUMS * w, sizeof *sums), total = 0;
    if (!sums)
        return cr_fail_memory(err, "a similarity", N_SUMS * w, sizeof *sums);
    for (int top = 0; top + SIDE <= height; top++) {
        sum_lines(a, b, width, top, sums);
        for (int left = 0; left + SIDE <= width; left++) {
            double mean[N_SUMS] = {0};
            for (size_t k = 0; k < N_SUMS; k++) {
                for (size_t x = 0; x < SIDE; x++)
                    mean[k] += sums[k * w + (size_t)left + x];
                mean[k] /= SIDE * SIDE;
            }
            total += similarity(mean, c1, c2);
        }
    }
    free(sums);
    *ssim = range > 0 ? total / ((double)(width - SIDE + 1) * (height - SIDE + 1)) : NAN;
    return CR_OK;
}
