/* number.c - conversion and byte order of numbers in files. HDF5 1.10 loses carries and writes beyond
 * its memory as it converts: no number is left to it. */
#include "camrank/number.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(__clang__)
#define HAS_F16C 1
#include <cpuid.h>
#include <immintrin.h>
#else
#define HAS_F16C 0
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read as on such a machine");

bool cr_number_is_known(cr_number of)
{
    return of.bytes == 2 || of.bytes == 4 || of.bytes == 8 ||
           (of.bytes == 1 && of.kind != CR_NUMBER_FLOAT);
}

static float float_of_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
    uint32_t bits = (exponent + 112) << 23 | fraction << 13;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
    } else if (exponent == 31) {
        bits = 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0); /* a quiet NaN */
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t half_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000;
    uint32_t size = bits & 0x7fffffff, half;
    if (size > 0x7f800000) { /* a quiet NaN */
        half = 0x7e00 | (size >> 13 & 0x3ff);
    } else if (size >= 0x477ff000) { /* from 65520 on */
        half = 0x7c00;
    } else if (size >= 0x38800000) { /* from 2^-14 on */
        half = (size + 0xfff + (size >> 13 & 1) - 0x38000000) >> 13;
    } else if (size > 0x33000000) { /* more than half of the least denormal */
        const uint32_t digits = (size & 0x7fffff) | 0x800000, shift = 126 - (size >> 23);
        const uint32_t rest = digits & ((1u << shift) - 1), middle = 1u << (shift - 1);
        half = digits >> shift;
        half += rest > middle || (rest == middle && (half & 1));
    } else {
        half = 0;
    }
    return (uint16_t)(sign | half);
}

#if HAS_F16C
static bool has_f16c(void)
{
    static int has = -1;
    if (has < 0) {
        unsigned a, b, c = 0, d;
        const char *wanted = getenv("CAMRANK_ISA");
        /* AVX: the system keeps the registers, too. */
        has = __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) &&
              !(wanted && strcmp(wanted, "any") == 0);
    }
    return has;
}

/* Eight at a time; the number of those that are done. */
__attribute__((target("avx,f16c"))) static size_t to_halves(const float *values, size_t n,
                                                            uint16_t *halves)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(halves + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}

__attribute__((target("avx,f16c"))) static size_t to_floats(const uint16_t *halves, size_t n,
                                                            float *values)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                         (const __m128i *)(const void *)(halves + i))));
    return i;
}
#else
static bool has_f16c(void)
{
    return false;
}

static size_t to_halves(const float *values, size_t n, uint16_t *halves)
{
    (void)values, (void)n, (void)halves;
    return 0;
}

static size_t to_floats(const uint16_t *halves, size_t n, float *values)
{
    (void)halves, (void)n, (void)values;
    return 0;
}
#endif

void cr_float16_from(const float *values, size_t n, uint16_t *halves)
{
    for (size_t i = has_f16c() ? to_halves(values, n, halves) : 0; i < n; i++)
        halves[i] = half_of_float(values[i]);
}

void cr_float16_to(const uint16_t *halves, size_t n, float *values)
{
    for (size_t i = has_f16c() ? to_floats(halves, n, values) : 0; i < n; i++)
        values[i] = float_of_half(halves[i]);
}

size_t cr_float16_beyond(const float *values, size_t n)
{
    size_t i = 0;
    while (i < n && !(isfinite(values[i]) && fabsf(values[i]) > CR_FLOAT16_MAX))
        i++;
    return i;
}

/* A number in a file, in the low bytes. */
static uint64_t bits_at(cr_number of, const uint8_t *at)
{
    uint64_t bits = 0;
    memcpy(&bits, at, (size_t)of.bytes);
    return of.big_endian ? __builtin_bswap64(bits) >> (64 - 8 * of.bytes) : bits;
}

static int64_t signed_of(cr_number of, uint64_t bits)
{
    const uint64_t sign = (uint64_t)1 << (8 * of.bytes - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float single_of(uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

static float float32_at(cr_number of, const uint8_t *at)
{
    const uint64_t bits = bits_at(of, at);
    if (of.kind == CR_NUMBER_SIGNED)
        return (float)signed_of(of, bits);
    if (of.kind == CR_NUMBER_UNSIGNED)
        return (float)bits;
    return of.bytes == 2   ? float_of_half((uint16_t)bits)
           : of.bytes == 4 ? single_of(bits)
                           : (float)double_of(bits);
}

void cr_number_to_float32(cr_number of, const void *numbers, size_t n, float *values)
{
    const uint8_t *at = numbers;
    if (of.kind == CR_NUMBER_FLOAT && of.bytes == 4 && !of.big_endian)
        memcpy(values, numbers, n * sizeof *values);
    else
        for (size_t i = 0; i < n; i++)
            values[i] = float32_at(of, at + i * (size_t)of.bytes);
}

double cr_number_to_float64(cr_number of, const void *number)
{
    const uint64_t bits = bits_at(of, number);
    if (of.kind == CR_NUMBER_SIGNED)
        return (double)signed_of(of, bits);
    if (of.kind == CR_NUMBER_UNSIGNED)
        return (double)bits;
    return of.bytes == 8 ? double_of(bits) : (double)float32_at(of, number);
}

bool cr_number_to_int(cr_number of, const void *number, int *value)
{
    const uint64_t bits = bits_at(of, number);
    const int64_t whole = of.kind == CR_NUMBER_SIGNED ? signed_of(of, bits)
                          : bits <= INT_MAX           ? (int64_t)bits
                                                      : INT64_MAX;
    if (of.kind == CR_NUMBER_FLOAT || whole < INT_MIN || whole > INT_MAX)
        return false;
    *value = (int)whole;
    return true;
}
