/* packed.h - products with a matrix that was laid out once: the weights of a layer.
 *
 * Letters of this file: M rows, N columns, D depth: c [M][N] = a [M][D] b [D][N]. A packed b is
 * made of panels of CR_PANEL columns, [D][CR_PANEL] each; the last is as wide as it needs to be in
 * steps of CR_PANEL_STEP, and is filled up with zeros. The layout is the same for every instruction set. */
#ifndef CAMRANK_KERNELS_PACKED_H
#define CAMRANK_KERNELS_PACKED_H

#include "camrank/kernels.h"

#define CR_PANEL 32
#define CR_PANEL_STEP 8

/* Number of cr_real of a packed b. */
size_t cr_packed_size(int d, int n);

/* Place of element (k, j) of b. Places without one are to be 0. */
size_t cr_packed_at(int d, int n, int k, int j);

/* c [M][D] = a [M][N] b transposed + beta c, b [D][N] packed. */
void cr_packed_multiply_transposed(int m, int n, int d, const cr_real *a, int lda, const cr_real *b,
                                   cr_real beta, cr_real *c, int ldc);

/* Adds the work of products of `m` rows in all, `rows` of them in a call, each in as many runs as
 * cr_product has. */
void cr_packed_work(double m, int rows, int runs, int n, int d, double work[CR_N_WORKS]);

/* Writes what stands in columns k .. k + depth - 1 of rows first .. first + rows - 1 of a matrix
 * that nobody holds as a whole to `to`, rows of which are `step` apart. */
typedef void (*cr_fill_fn)(const void *context, size_t first, int rows, int k, int depth,
                           cr_real *to, ptrdiff_t step);

typedef struct cr_product {
    int m, n, d;      /* m may be 0 */
    const cr_real *a; /* row i is at a + i lda: `runs` runs of D / runs values, run_step apart */
    ptrdiff_t lda;
    int runs; /* 0: one */
    ptrdiff_t run_step;
    cr_fill_fn fill; /* if not NULL, gives a in place of the above: rows fill_first + i */
    const void *context;
    size_t fill_first;
    const cr_real *b;    /* packed */
    const cr_real *bias; /* [N] added to each row; may be NULL */
    const cr_real *add;  /* [M][N], rows add_step apart, added; may be c; may be NULL */
    ptrdiff_t add_step;
    cr_clamp clamp;
    cr_real *c;
    ptrdiff_t ldc;
} cr_product;

/* c = clamp(a b + bias + add). Local, does not allocate. Each row of c depends on its own rows of a
 * and add only, in every bit. */
void cr_packed_multiply(const cr_product *product);

#endif
