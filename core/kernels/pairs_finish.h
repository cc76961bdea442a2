/* pairs_finish.h - the end of a convolution in bfloat16, for CPUs that have AVX512_BF16. */
#include "pairs.h"

#include <immintrin.h>

static void finish(const cr_pairs_finish *p)
{
    const __m512 lo = _mm512_set1_ps((float)p->clamp.lo);
    const __m512 hi = _mm512_set1_ps((float)p->clamp.hi);
    for (int v = 0; v < p->n; v += 16) {
        const __mmask16 some = (__mmask16)(p->n - v < 16 ? (1u << (p->n - v)) - 1 : 0xffff);
        const __m512 bias =
            p->bias ? _mm512_maskz_loadu_ps(some, p->bias + v) : _mm512_setzero_ps();
        const cr_bfloat16 *add = p->add ? p->add + v : NULL;
        cr_bfloat16 *y = p->y + v;
        for (int i = 0; i < p->rows; i++, y += p->y_step) {
            __m512 sum = _mm512_add_ps(_mm512_loadu_ps(p->c + i * CR_PAIRS_COLUMNS + v), bias);
            if (add) {
                const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, add));
                sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
                add += p->add_step;
            }
            sum = _mm512_min_ps(hi, _mm512_max_ps(lo, sum)); /* a NaN, the second, stays */
            _mm256_mask_storeu_epi16(y, some, (__m256i)_mm512_cvtneps_pbh(sum));
        }
    }
}
