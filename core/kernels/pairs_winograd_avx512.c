/* The transforms of pairs_winograd.c, 16 channels at a time. */
#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512bf16,fma")
#pragma GCC optimize("O3")
#include "pairs_winograd.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define A CR_SIX_A
#define B CR_SIX_B
#define C CR_SIX_C
#define A2 (A * A)
#define B2 (B * B)
#define C2 (C * C)
#define ALONG CR_SIX_ALONG

INLINE __m512 wide_of(const cr_bfloat16 *from)
{
    const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

/* One direction of the pixels' transform: n + 2 values, `step` apart, to as many points. Weights are divided by what
 * all 8 points ask for: the fewer of 4 and 2 pixels are multiplied by what that is too much. */
INLINE void to_points(const int n, const __m512 *x, const int step, __m512 *v, const int v_step)
{
    const __m512 x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step];
    if (n == 2) {
        const float scale = (A2 - B2) * (A2 - C2);
        const __m512 even = x2 * scale, odd = x1 * (A * scale);
        v[0] = x2 * (B2 * C2) - x0 * (A2 * B2 * C2);
        v[v_step] = even + odd;
        v[2 * v_step] = even - odd;
        v[3 * v_step] = x3 - x1 * A2;
        return;
    }
    const __m512 x4 = x[4 * step], x5 = x[5 * step];
    if (n == 4) {
        const __m512 even_a = x4 * (A2 - C2) - x2 * (B2 * (A2 - C2));
        const __m512 odd_a = x3 * (A * (A2 - C2)) - x1 * (A * B2 * (A2 - C2));
        const __m512 even_b = x4 * (B2 - C2) - x2 * (A2 * (B2 - C2));
        const __m512 odd_b = x3 * (B * (B2 - C2)) - x1 * (B * A2 * (B2 - C2));
        v[0] = x2 * (C2 * (A2 + B2)) - x4 * C2 - x0 * (A2 * B2 * C2);
        v[v_step] = even_a + odd_a;
        v[2 * v_step] = even_a - odd_a;
        v[3 * v_step] = x5 - x3 * (A2 + B2) + x1 * (A2 * B2);
        v[4 * v_step] = even_b + odd_b;
        v[5 * v_step] = even_b - odd_b;
        return;
    }
    const __m512 x6 = x[6 * step], x7 = x[7 * step];
    const __m512 even_a = x6 - x4 * (B2 + C2) + x2 * (B2 * C2);
    const __m512 odd_a = A * (x5 - x3 * (B2 + C2) + x1 * (B2 * C2));
    const __m512 even_b = x6 - x4 * (A2 + C2) + x2 * (A2 * C2);
    const __m512 odd_b = B * (x5 - x3 * (A2 + C2) + x1 * (A2 * C2));
    const __m512 even_c = x6 - x4 * (A2 + B2) + x2 * (A2 * B2);
    const __m512 odd_c = C * (x5 - x3 * (A2 + B2) + x1 * (A2 * B2));
    const float s1 = A2 + B2 + C2, s2 = A2 * B2 + A2 * C2 + B2 * C2, s3 = A2 * B2 * C2;
    v[0] = x6 - x4 * s1 + x2 * s2 - x0 * s3;
    v[v_step] = even_a + odd_a;
    v[2 * v_step] = even_a - odd_a;
    v[3 * v_step] = x7 - x5 * s1 + x3 * s2 - x1 * s3;
    v[4 * v_step] = even_b + odd_b;
    v[5 * v_step] = even_b - odd_b;
    v[6 * v_step] = even_c + odd_c;
    v[7 * v_step] = even_c - odd_c;
}

/* One direction of the products' transform: n + 2 values, `step` apart, to n pixels. */
INLINE void to_pixels(const int n, const __m512 *m, const int step, __m512 *y, const int y_step)
{
    const __m512 sum_a = m[step] + m[2 * step], less_a = m[step] - m[2 * step];
    if (n == 2) {
        y[0] = m[0] + sum_a;
        y[y_step] = A * less_a + m[3 * step];
        return;
    }
    const __m512 sum_b = m[4 * step] + m[5 * step], less_b = m[4 * step] - m[5 * step];
    if (n == 4) {
        y[0] = m[0] + sum_a + sum_b;
        y[y_step] = A * less_a + B * less_b;
        y[2 * y_step] = A2 * sum_a + B2 * sum_b;
        y[3 * y_step] = A2 * A * less_a + B2 * B * less_b + m[3 * step];
        return;
    }
    const __m512 sum_c = m[6 * step] + m[7 * step], less_c = m[6 * step] - m[7 * step];
    y[0] = m[0] + sum_a + sum_b + sum_c;
    y[y_step] = A * less_a + B * less_b + C * less_c;
    y[2 * y_step] = A2 * sum_a + B2 * sum_b + C2 * sum_c;
    y[3 * y_step] = A2 * A * less_a + B2 * B * less_b + C2 * C * less_c;
    y[4 * y_step] = A2 * A2 * sum_a + B2 * B2 * sum_b + C2 * C2 * sum_c;
    y[5 * y_step] =
        A2 * A2 * A * less_a + B2 * B2 * B * less_b + C2 * C2 * C * less_c + m[3 * step];
}

INLINE void points_of(const cr_six_pixels *p, const int n_h, const int n_w)
{
    for (int c = 0; c < p->channels; c += CR_SIX_LANES) {
        __m512 v[ALONG][ALONG];
        for (int j = 0; j < n_w + 2; j++) {
            __m512 x[ALONG];
#pragma GCC unroll 8
            for (int i = 0; i < n_h + 2; i++)
                x[i] = p->from[i][j] ? wide_of(p->from[i][j] + c) : _mm512_setzero_ps();
            to_points(n_h, x, 1, &v[0][j], ALONG);
        }
        cr_real *to = p->to + c;
        for (int i = 0; i < n_h + 2; i++, to += ALONG * p->point_step) {
            __m512 points[ALONG];
            to_points(n_w, v[i], 1, points, 1);
#pragma GCC unroll 8
            for (int j = 0; j < n_w + 2; j++)
                _mm512_storeu_ps(to + j * p->point_step, points[j]);
        }
    }
}

INLINE void pixels_of(const cr_six_products *p, const int n_h, const int n_w)
{
    const __m512 lo = _mm512_set1_ps((float)p->clamp.lo);
    const __m512 hi = _mm512_set1_ps((float)p->clamp.hi);
    for (int k = 0; k < p->channels; k += CR_SIX_LANES) {
        __m512 half[6][ALONG];
        const cr_real *from = p->from + k;
        for (int j = 0; j < n_w + 2; j++) {
            __m512 m[ALONG];
#pragma GCC unroll 8
            for (int i = 0; i < n_h + 2; i++)
                m[i] = _mm512_loadu_ps(from + (i * ALONG + j) * p->point_step);
            to_pixels(n_h, m, 1, &half[0][j], ALONG);
        }
        const __m512 bias = p->bias ? _mm512_loadu_ps(p->bias + k) : _mm512_setzero_ps();
        for (int i = 0; i < p->rows; i++) {
            __m512 pixels[6];
            to_pixels(n_w, half[i], 1, pixels, 1);
            const ptrdiff_t row = i * p->y_row + k;
#pragma GCC unroll 6
            for (int j = 0; j < n_w; j++) {
                if (j >= p->columns)
                    break;
                __m512 sum = pixels[j] + bias;
                if (p->add)
                    sum += wide_of(p->add + i * p->add_row + j * p->add_column + k);
                sum = _mm512_min_ps(hi, _mm512_max_ps(lo, sum)); /* a NaN, the second, stays */
                const ptrdiff_t at = row + j * p->y_column;
                if (p->reals)
                    _mm512_storeu_ps(p->reals + at, sum);
                else
                    _mm256_storeu_si256((void *)(p->y + at), (__m256i)_mm512_cvtneps_pbh(sum));
            }
        }
    }
}

/* Calls `of` with the pixels of both directions as constants. */
#define EACH(of, p)                              \
    switch (8 * (p)->pixels_h + (p)->pixels_w) { \
        CASE(of, p, 6, 6)                        \
        CASE(of, p, 6, 4)                        \
        CASE(of, p, 6, 2)                        \
        CASE(of, p, 4, 6)                        \
        CASE(of, p, 4, 4)                        \
        CASE(of, p, 4, 2)                        \
        CASE(of, p, 2, 6)                        \
        CASE(of, p, 2, 4)                        \
        CASE(of, p, 2, 2)                        \
    }
#define CASE(of, p, h, w) \
    case 8 * h + w:       \
        of(p, h, w);      \
        break;

static void pixels(const cr_six_pixels *tile)
{
    EACH(points_of, tile)
}

static void products(const cr_six_products *tile){EACH(pixels_of, tile)}

/* The weights' polynomial at +x and -x, divided by the product of distances to the other points. */
INLINE
    void weights_at(const float x, const float norm, const __m512 g[3], __m512 *plus, __m512 *minus)
{
    const __m512 even = g[0] * (1 / norm) + g[2] * (x * x / norm), odd = g[1] * (x / norm);
    *plus = even + odd;
    *minus = even - odd;
}

#define NORM_0 (-A2 * B2 * C2)
#define NORM_A (2 * A2 * (A2 - B2) * (A2 - C2))
#define NORM_B (2 * B2 * (B2 - A2) * (B2 - C2))
#define NORM_C (2 * C2 * (C2 - A2) * (C2 - B2))

static void weights(int channels, int i, const cr_bfloat16 *from, cr_real *to)
{
    static const float at[ALONG] = {0, A, -A, 0, B, -B, C, -C};
    static const float norm[ALONG] = {NORM_0, NORM_A, NORM_A, 1, NORM_B, NORM_B, NORM_C, NORM_C};
    const float first = i == 3 ? 0 : 1 / norm[i], second = i == 3 ? 0 : at[i] / norm[i];
    const float third = i == 3 ? 1 : at[i] * at[i] / norm[i];
    const ptrdiff_t step = (ptrdiff_t)channels * CR_SIX_COLUMNS;
    for (int c = 0; c < channels; c++, from += 9 * CR_SIX_COLUMNS, to += CR_SIX_COLUMNS)
        for (int v = 0; v < CR_SIX_COLUMNS; v += CR_SIX_LANES) {
            __m512 g[3], u[ALONG];
#pragma GCC unroll 3
            for (int s = 0; s < 3; s++) {
                const cr_bfloat16 *row = from + s * CR_SIX_COLUMNS + v;
                g[s] = wide_of(row) * first + wide_of(row + 3 * CR_SIX_COLUMNS) * second +
                       wide_of(row + 6 * CR_SIX_COLUMNS) * third;
            }
            u[0] = g[0] * (1 / NORM_0);
            u[3] = g[2];
            weights_at(A, NORM_A, g, &u[1], &u[2]);
            weights_at(B, NORM_B, g, &u[4], &u[5]);
            weights_at(C, NORM_C, g, &u[6], &u[7]);
#pragma GCC unroll 8
            for (int j = 0; j < ALONG; j++)
                _mm512_storeu_ps(to + v + j * step, u[j]);
        }
}

const cr_six_loops cr_six_avx512_bf16 = {
    .pixels = pixels, .products = products, .weights = weights};
#endif
