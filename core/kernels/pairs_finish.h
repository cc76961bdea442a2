/* pairs_finish.h - the end of a convolution in bfloat16, and weights that are turned, for CPUs that have
 * AVX512_BF16. */
#include "pairs.h"

#include <immintrin.h>

/* Up to 16 channels of all rows, from channel v on. */
typedef struct cr_finish_lanes {
    __mmask16 some;
    __m512 bias, lo, hi;
    const cr_bfloat16 *add; /* may be NULL */
    cr_bfloat16 *y;
    cr_real *reals; /* may be NULL */
} cr_finish_lanes;

static inline __attribute__((always_inline)) cr_finish_lanes finish_lanes(const cr_pairs_finish *p,
                                                                          int v)
{
    const __mmask16 some = (__mmask16)(p->n - v < 16 ? (1u << (p->n - v)) - 1 : 0xffff);
    return (cr_finish_lanes){.some = some,
                             .bias = p->bias ? _mm512_maskz_loadu_ps(some, p->bias + v)
                                             : _mm512_setzero_ps(),
                             .lo = _mm512_set1_ps((float)p->clamp.lo),
                             .hi = _mm512_set1_ps((float)p->clamp.hi),
                             .add = p->add ? p->add + v : NULL,
                             .y = p->reals ? NULL : p->y + v,
                             .reals = p->reals ? p->reals + v : NULL};
}

static inline __attribute__((always_inline)) void
finish_row(const cr_pairs_finish *p, const cr_finish_lanes *lanes, ptrdiff_t row, __m512 sum)
{
    sum = _mm512_add_ps(sum, lanes->bias);
    if (lanes->add) {
        const __m512i wide = _mm512_cvtepu16_epi32(
            _mm256_maskz_loadu_epi16(lanes->some, lanes->add + row * p->add_step));
        sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
    }
    sum = _mm512_min_ps(lanes->hi, _mm512_max_ps(lanes->lo, sum)); /* a NaN, the second, stays */
    if (lanes->reals)
        _mm512_mask_storeu_ps(lanes->reals + row * p->y_step, lanes->some, sum);
    else
        _mm256_mask_storeu_epi16(lanes->y + row * p->y_step, lanes->some,
                                 (__m256i)_mm512_cvtneps_pbh(sum));
}

/* Rows of a whole panel, rounded. */
static void finish_lines(const cr_pairs_finish *p)
{
    const cr_finish_lanes low = finish_lanes(p, 0), high = finish_lanes(p, 16);
    for (ptrdiff_t i = 0; i < p->rows; i++) {
        const float *c = p->c + i * CR_PAIRS_COLUMNS;
        __m512 sum[2] = {_mm512_add_ps(_mm512_loadu_ps(c), low.bias),
                         _mm512_add_ps(_mm512_loadu_ps(c + 16), high.bias)};
        if (p->add) {
            const __m512i add = _mm512_loadu_si512(p->add + i * p->add_step);
            const __m512i first = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(add));
            const __m512i last = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(add, 1));
            sum[0] = _mm512_add_ps(sum[0], _mm512_castsi512_ps(_mm512_slli_epi32(first, 16)));
            sum[1] = _mm512_add_ps(sum[1], _mm512_castsi512_ps(_mm512_slli_epi32(last, 16)));
        }
        for (int v = 0; v < 2; v++)
            sum[v] = _mm512_min_ps(low.hi, _mm512_max_ps(low.lo, sum[v]));
        _mm512_storeu_si512(p->y + i * p->y_step, (__m512i)_mm512_cvtne2ps_pbh(sum[1], sum[0]));
    }
}

static void finish(const cr_pairs_finish *p)
{
    if (p->n == CR_PAIRS_COLUMNS && !p->reals) {
        finish_lines(p);
        return;
    }
    for (int v = 0; v < p->n; v += 16) {
        const cr_finish_lanes lanes = finish_lanes(p, v);
        for (int i = 0; i < p->rows; i++)
            finish_row(p, &lanes, i, _mm512_loadu_ps(p->c + i * CR_PAIRS_COLUMNS + v));
    }
}

/* 16 channels by 8 pairs of the depth to 16 of the depth by 8 pairs of channels: two by two values are exchanged, then
 * what these make up is a square of 8. */
static inline __attribute__((always_inline)) void turn_square(const cr_bfloat16 *from,
                                                              cr_bfloat16 *to)
{
    const __m512i within =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
    __m512i row[8];
    for (int i = 0; i < 8; i++)
        row[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(from + i * 32), within);
    for (int odd = 0; odd < 2; odd++) {
        __m512i two[4];
        for (int i = 0; i < 4; i++)
            two[i] = odd ? _mm512_unpackhi_epi64(row[2 * i], row[2 * i + 1])
                         : _mm512_unpacklo_epi64(row[2 * i], row[2 * i + 1]);
        const __m512i a = _mm512_shuffle_i64x2(two[0], two[1], 0x44);
        const __m512i b = _mm512_shuffle_i64x2(two[0], two[1], 0xee);
        const __m512i c = _mm512_shuffle_i64x2(two[2], two[3], 0x44);
        const __m512i d = _mm512_shuffle_i64x2(two[2], two[3], 0xee);
        _mm512_storeu_si512(to + odd * 32, _mm512_shuffle_i64x2(a, c, 0x88));
        _mm512_storeu_si512(to + (2 + odd) * 32, _mm512_shuffle_i64x2(a, c, 0xdd));
        _mm512_storeu_si512(to + (4 + odd) * 32, _mm512_shuffle_i64x2(b, d, 0x88));
        _mm512_storeu_si512(to + (6 + odd) * 32, _mm512_shuffle_i64x2(b, d, 0xdd));
    }
}

static void turn(const cr_bfloat16 *from, cr_bfloat16 *to)
{
    enum { HALF_CHUNK = CR_PAIRS_CHUNK * 16, SQUARE = 8 * 32 };
    for (int n = 0; n < 2; n++)
        for (int d = 0; d < 2; d++)
            turn_square(from + n * HALF_CHUNK + d * SQUARE, to + d * HALF_CHUNK + n * SQUARE);
}
