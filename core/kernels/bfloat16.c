/* Numbers in and out of bfloat16, in integer arithmetic: the same bits on any CPU. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"

#include <string.h>

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
void cr_bfloat16_load(size_t rows, size_t c, const cr_bfloat16 *restrict x, ptrdiff_t x_step,
                      cr_real *restrict y, ptrdiff_t y_step)
{
    join(&rows, &c, &x_step, &y_step);
    for (; rows-- > 0; x += x_step, y += y_step)
        for (size_t i = 0; i < c; i++)
            y[i] = value_of(x[i]);
}

CR_MULTIVERSION
void cr_bfloat16_store(size_t rows, size_t c, const cr_real *restrict x, ptrdiff_t x_step,
                       cr_bfloat16 *restrict y, ptrdiff_t y_step)
{
    join(&rows, &c, &x_step, &y_step);
    for (; rows-- > 0; x += x_step, y += y_step)
        for (size_t i = 0; i < c; i++)
            y[i] = rounded(x[i]);
}

CR_MULTIVERSION
void cr_bfloat16_round(size_t rows, size_t c, cr_real *x, ptrdiff_t x_step)
{
    ptrdiff_t same = x_step;
    join(&rows, &c, &x_step, &same);
    for (; rows-- > 0; x += x_step)
        for (size_t i = 0; i < c; i++)
            x[i] = value_of(rounded(x[i]));
}
