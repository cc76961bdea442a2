/* number.h - numbers in the formats that files hold them in, and float16. The bits that come out are
 * the same on every machine. All functions are Local. */
#ifndef CAMRANK_NUMBER_H
#define CAMRANK_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cr_number_kind {
    CR_NUMBER_SIGNED,
    CR_NUMBER_UNSIGNED,
    CR_NUMBER_FLOAT
} cr_number_kind;

/* An integer of 1, 2, 4 or 8 bytes in two's complement, or an IEEE 754 binary16, binary32 or
 * binary64. */
typedef struct cr_number {
    cr_number_kind kind;
    int bytes;
    bool big_endian;
} cr_number;

/* Whether it is one of those. */
bool cr_number_is_known(cr_number of);

/* n packed numbers, of any alignment, as float32: rounded once, to nearest even; beyond its range
 * infinite. */
void cr_number_to_float32(cr_number of, const void *numbers, size_t n, float *values);

/* One number as float64; an integer of 8 bytes is rounded to nearest even. */
double cr_number_to_float64(cr_number of, const void *number);

/* One integer; false, leaving *value alone, where it does not fit. */
bool cr_number_to_int(cr_number of, const void *number, int *value);

/* The largest float16. */
#define CR_FLOAT16_MAX 65504.0f

/* The first of n values that is finite and beyond +-CR_FLOAT16_MAX; n if none is. */
size_t cr_float16_beyond(const float *values, size_t n);

/* n values as float16 in the machine's byte order, rounded to nearest even, with denormals; from 65520
 * on infinite, NaN stays NaN. With the conversion instructions of the CPU (F16C) unless the
 * environment variable CAMRANK_ISA is `any`; the bits are the same. */
void cr_float16_from(const float *values, size_t n, uint16_t *halves);

/* Back, which is exact. */
void cr_float16_to(const uint16_t *halves, size_t n, float *values);

#endif
