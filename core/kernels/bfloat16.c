/* Numbers in and out of bfloat16, in integer arithmetic or by the CPU's instruction for it: the same bits on any. */
#include "camrank/multiversion.h"
#include "isa.h"

#include <string.h>
#if defined(__x86_64__) && !defined(__clang__)
#include <immintrin.h>
#endif

static inline __attribute__((always_inline)) cr_bfloat16 rounded(cr_real x)
{
    const float value = (float)x;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t exponent = bits & 0x7f800000, even = bits >> 16 & 1;
    uint32_t result = (bits + 0x7fff + even) >> 16;
    result = exponent == 0 ? bits >> 16 & 0x8000 : result;
    result = exponent == 0x7f800000 && (bits & 0x7fffff) ? bits >> 16 | 0x40 : result;
    return (cr_bfloat16)result;
}

static inline __attribute__((always_inline)) cr_real value_of(cr_bfloat16 x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (cr_real)value;
}

cr_real cr_bfloat16_value(cr_bfloat16 x)
{
    return value_of(x);
}

cr_bfloat16 cr_bfloat16_of(cr_real x)
{
    return rounded(x);
}

/* Rows that lie side by side are one. */
static void join(size_t *rows, size_t *c, ptrdiff_t *x_step, ptrdiff_t *y_step)
{
    *x_step = *x_step ? *x_step : (ptrdiff_t)*c;
    *y_step = *y_step ? *y_step : (ptrdiff_t)*c;
    if (*x_step == (ptrdiff_t)*c && *y_step == (ptrdiff_t)*c) {
        *c *= *rows;
        *rows = 1;
    }
}

CR_MULTIVERSION
static void load_run(size_t n, const cr_bfloat16 *restrict x, cr_real *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = value_of(x[i]);
}

CR_MULTIVERSION
static void store_run(size_t n, const cr_real *restrict x, cr_bfloat16 *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = rounded(x[i]);
}

CR_MULTIVERSION
static void round_run(size_t n, cr_real *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = value_of(rounded(x[i]));
}

#if defined(__x86_64__) && !defined(__clang__)
#define BY_INSTRUCTION \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512bf16"), optimize("O3")))

static inline __attribute__((always_inline)) __mmask16 up_to(size_t n)
{
    return (__mmask16)(n < 16 ? (1u << n) - 1 : 0xffff);
}

BY_INSTRUCTION
static void load_by_instruction(size_t n, const cr_bfloat16 *x, void *y)
{
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 some = up_to(n - i);
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, x + i));
        _mm512_mask_storeu_epi32((float *)y + i, some, _mm512_slli_epi32(wide, 16));
    }
}

BY_INSTRUCTION
static void store_by_instruction(size_t n, const void *x, cr_bfloat16 *y)
{
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 some = up_to(n - i);
        const __m512 values = _mm512_maskz_loadu_ps(some, (const float *)x + i);
        _mm256_mask_storeu_epi16(y + i, some, (__m256i)_mm512_cvtneps_pbh(values));
    }
}

static bool by_instruction(void)
{
    return sizeof(cr_real) == sizeof(float) && cr_isa_used() >= CR_ISA_AVX512_BF16;
}
#else
#define load_by_instruction load_run
#define store_by_instruction store_run
#define by_instruction() false
#endif

void cr_bfloat16_load(size_t rows, size_t c, const cr_bfloat16 *restrict x, ptrdiff_t x_step,
                      cr_real *restrict y, ptrdiff_t y_step)
{
    const bool quick = by_instruction();
    join(&rows, &c, &x_step, &y_step);
    for (; rows-- > 0; x += x_step, y += y_step)
        if (quick)
            load_by_instruction(c, x, y);
        else
            load_run(c, x, y);
}

void cr_bfloat16_store(size_t rows, size_t c, const cr_real *restrict x, ptrdiff_t x_step,
                       cr_bfloat16 *restrict y, ptrdiff_t y_step)
{
    const bool quick = by_instruction();
    join(&rows, &c, &x_step, &y_step);
    for (; rows-- > 0; x += x_step, y += y_step)
        if (quick)
            store_by_instruction(c, x, y);
        else
            store_run(c, x, y);
}

void cr_bfloat16_round(size_t rows, size_t c, cr_real *x, ptrdiff_t x_step)
{
    ptrdiff_t same = x_step;
    join(&rows, &c, &x_step, &same);
    for (; rows-- > 0; x += x_step)
        round_run(c, x);
}
