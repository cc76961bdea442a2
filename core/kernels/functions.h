/* functions.h - exp and erf for loops that are to be vectorised, which the C library's are not. For
 * float, without branches; NaN stays NaN. The polynomials are minimax fits of relative error, found
 * by Lawson's iteration in double precision. */
#ifndef CAMRANK_KERNELS_FUNCTIONS_H
#define CAMRANK_KERNELS_FUNCTIONS_H

#include "camrank/kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(x), within 2e-7 of it; infinite from 88.4 on, and no less than 1e-38. With n the integer next
 * to x / ln 2, exp(x) = 2^n exp(x - n ln 2). */
static inline float cr_expf(float x)
{
    const float round = 12582912; /* 1.5 2^23: adding it leaves n in the last bits */
    const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    x = x > 88.8f ? 88.8f : x;
    x = x < -87.3f ? -87.3f : x;
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
    bits = (bits << 23) + (127u << 23);
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* erf(x), within 2e-7 of it: x P(x^2) below 1, 1 - exp(-x Q(x)) above. */
static inline float cr_erff(float x)
{
    float square = x * x, t = fabsf(x);
    t = t > 4 ? 4 : t; /* erf(4) is 1 */
    float p = 7.85387747e-05f;
    p = p * square - 0.000801019894f;
    p = p * square + 0.00518832821f;
    p = p * square - 0.0268538129f;
    p = p * square + 0.112835854f;
    p = p * square - 0.37612626f;
    p = p * square + 1.12837911f;
    float q = -0.000210642553f;
    q = q * t + 0.00318694138f;
    q = q * t - 0.0227984469f;
    q = q * t + 0.105116114f;
    q = q * t + 0.635831475f;
    q = q * t + 1.12848008f;
    float beyond = copysignf(1 - cr_expf(-t * q), x), near = x * p;
    return t > 1 ? beyond : near;
}

/* Those of cr_real: the C library's where that is double. */
#define CR_EXP(x) _Generic((cr_real){0}, double : exp, default : cr_expf)(x)
#define CR_ERF(x) _Generic((cr_real){0}, double : erf, default : cr_erff)(x)

static inline cr_real cr_sigmoid(cr_real x)
{
    return 1 / (1 + CR_EXP(-x));
}

/* The share of a normal distribution below x. */
static inline cr_real cr_normal(cr_real x)
{
    const cr_real sqrt_half = (cr_real)0.70710678118654752;
    return (cr_real)0.5 + (cr_real)0.5 * CR_ERF(x * sqrt_half);
}

#endif
