/* vector.h - what the *_loops.h have in common. An isa_*.c defines, before it includes them:
 *
 *   ISA_LANES       values of a vector register
 *   ISA_ROWS        rows of a tile of panel_loops.h: its 2 ISA_ROWS sums, two vectors of b and a
 *                   value of a spread over a vector are to fit the registers
 *   ISA_EACH_ROW(X) X(1) X(2) ... X(ISA_ROWS)
 *   ISA_VECTORS     of depthwise_loops.h: as many sums for each of 7 pixels, and the weights of a row
 *                   of its window, are to fit the registers
 *   ISA_PIXELS      of grouped_loops.h: sums of a block for as many pixels, likewise */
#ifndef CAMRANK_KERNELS_VECTOR_H
#define CAMRANK_KERNELS_VECTOR_H

#include "isa.h"

#include <stdint.h>
#include <string.h>

#define ISA_INLINE static inline __attribute__((always_inline))

/* Of 16 values, in as many registers as that takes. */
#define WIDE 16
typedef cr_real wide __attribute__((vector_size(WIDE * sizeof(cr_real))));
typedef cr_real loose_wide
    __attribute__((vector_size(WIDE * sizeof(cr_real)), aligned(sizeof(cr_real)), may_alias));

/* Of a register. */
typedef cr_real vector __attribute__((vector_size(ISA_LANES * sizeof(cr_real))));
typedef cr_real loose_vector
    __attribute__((vector_size(ISA_LANES * sizeof(cr_real)), aligned(sizeof(cr_real)), may_alias));

/* Vectors go in and out by address: registers of 64 bytes are passed by value only where the
 * instruction set has them. */
#define LOAD(from) (*(const loose_wide *)(from))
#define VECTOR(from) (*(const loose_vector *)(from))

/* The first n values, the others 0. */
ISA_INLINE void load_some(const cr_real *from, int n, wide *v)
{
    *v = (wide){0};
    memcpy(v, from, (size_t)n * sizeof *from);
}

/* In place, which may be a register's copy: the compiler sees through it. A NaN stays NaN. */
ISA_INLINE void clamp_values(cr_clamp clamp, const int n, cr_real *y)
{
#pragma GCC unroll 1 /* else it is taken apart into single values before it is vectorised */
    for (int i = 0; i < n; i++) {
        cr_real v = y[i] < clamp.lo ? clamp.lo : y[i];
        y[i] = v > clamp.hi ? clamp.hi : v;
    }
}

ISA_INLINE void store_clamped(cr_clamp clamp, const wide *v, cr_real *y)
{
    *(loose_wide *)y = *v;
    clamp_values(clamp, WIDE, y);
}

ISA_INLINE void store_some_clamped(cr_clamp clamp, const wide *v, int n, cr_real *y)
{
    memcpy(y, v, (size_t)n * sizeof *y);
    for (int i = 0; i < n; i++)
        clamp_values(clamp, 1, y + i);
}

#endif
