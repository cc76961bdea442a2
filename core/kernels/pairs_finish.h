/* pairs_finish.h - the end of a convolution in bfloat16, for CPUs that have AVX512_BF16. */
#include "pairs.h"

#include <immintrin.h>

/* Up to 16 channels of all rows, from channel v on. */
typedef struct cr_finish_lanes {
    __mmask16 some;
    __m512 bias, lo, hi;
    const cr_bfloat16 *add; /* may be NULL */
    cr_bfloat16 *y;
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
                             .y = p->y + v};
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
    _mm256_mask_storeu_epi16(lanes->y + row * p->y_step, lanes->some,
                             (__m256i)_mm512_cvtneps_pbh(sum));
}

static void finish(const cr_pairs_finish *p)
{
    for (int v = 0; v < p->n; v += 16) {
        const cr_finish_lanes lanes = finish_lanes(p, v);
        for (int i = 0; i < p->rows; i++)
            finish_row(p, &lanes, i, _mm512_loadu_ps(p->c + i * CR_PAIRS_COLUMNS + v));
    }
}
