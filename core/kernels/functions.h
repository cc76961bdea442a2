/* functions.h - exp and erf for loops that are to be vectorised, which the C library's are not. For
 * float, without branches; NaN stays NaN. The polynomials are minimax fits of relative error, found
 * by Lawson's iteration in double precision. */
#ifndef CAMRANK_KERNELS_FUNCTIONS_H
#define CAMRANK_KERNELS_FUNCTIONS_H

#include "camrank/kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(x) within 2e-7 of it, from CR_EXP_LEAST to CR_EXP_MOST. With n the integer next to x / ln 2,
 * exp(x) = 2^n exp(x - n ln 2). */
#define CR_EXP_LEAST (-87.3f)
#define CR_EXP_MOST 88.8f
static inline float cr_expf_inside(float x)
{
    const float round = 12583039; /* 1.5 2^23 + 127: adding it leaves n + 127 in the last bits */
    const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    float shifted = x * 1.44269504f + round, n = shifted - round;
    float r = x - n * ln2_high - n * ln2_low;
    float p = 0.00138368353f;
    p = p * r + 0.00837482419f;
    p = p * r + 0.0416682251f;
    p = p * r + 0.166664198f;
    p = p * r + 0.499999911f;
    p = p * r + 1;
    p = p * r + 1;
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* The same of any x; infinite from 88.4 on, and no less than 1e-38. */
static inline float cr_expf(float x)
{
    x = x > CR_EXP_MOST ? CR_EXP_MOST : x;
    x = x < CR_EXP_LEAST ? CR_EXP_LEAST : x;
    return cr_expf_inside(x);
}

/* exp(-x). The bounds are x's own: those of -x would not be a minimum and a maximum to the compiler. */
static inline float cr_exp_minusf(float x)
{
    x = x < -CR_EXP_MOST ? -CR_EXP_MOST : x;
    x = x > -CR_EXP_LEAST ? -CR_EXP_LEAST : x;
    return cr_expf_inside(-x);
}

static inline double cr_exp_minus(double x)
{
    return exp(-x);
}

/* erf(x), within 3e-7 of it and 7e-7 of its size: x P(s), where s goes from -1 to 1 as x^2 goes from 0
 * to 3.8^2. From there on P is a little too large, and what it gives is cut off at 1. */
static inline float cr_erff(float x)
{
    const float end = 3.8f;
    float s = x * x * (2 / (end * end)) - 1;
    s = s > 1 ? 1 : s;
    float p = 0.0010635972f;
    p = p * s - 0.0026811005f;
    p = p * s + 0.0022316682f;
    p = p * s - 0.0033435896f;
    p = p * s + 0.010122652f;
    p = p * s - 0.018282527f;
    p = p * s + 0.02658409f;
    p = p * s - 0.038967453f;
    p = p * s + 0.055091493f;
    p = p * s - 0.072508164f;
    p = p * s + 0.09082742f;
    p = p * s - 0.1111864f;
    p = p * s + 0.1377398f;
    p = p * s - 0.18564117f;
    p = p * s + 0.37210763f;
    p = fabsf(p * x);
    return copysignf(p > 1 ? 1 : p, x);
}

/* Those of cr_real: the C library's where that is double. */
#define CR_EXP(x) _Generic((cr_real){0}, double : exp, default : cr_expf)(x)
#define CR_EXP_MINUS(x) _Generic((cr_real){0}, double : cr_exp_minus, default : cr_exp_minusf)(x)
#define CR_ERF(x) _Generic((cr_real){0}, double : erf, default : cr_erff)(x)

static inline cr_real cr_sigmoid(cr_real x)
{
    return 1 / (1 + CR_EXP_MINUS(x));
}

/* The share of a normal distribution below x. */
static inline cr_real cr_normal(cr_real x)
{
    const cr_real sqrt_half = (cr_real)0.70710678118654752;
    return (cr_real)0.5 + (cr_real)0.5 * CR_ERF(x * sqrt_half);
}

#endif
