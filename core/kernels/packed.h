/* packed.h - products with a matrix that was laid out once: the weights of a layer.
 *
 * Letters of this file: M rows, N columns, D depth: c [M][N] = a [M][D] b [D][N]. A packed b is
 * made of panels of CR_PANEL columns, [D][CR_PANEL] each; the last is half as wide where that is
 * enough, and is filled up with zeros. The layout is the same for every instruction set. */
#ifndef CAMRANK_KERNELS_PACKED_H
#define CAMRANK_KERNELS_PACKED_H

#include "camrank/kernels.h"

#define CR_PANEL 32

/* Number of cr_real of a packed b. */
size_t cr_packed_size(int d, int n);

/* Place of element (k, j) of b. Places without one are to be 0. */
size_t cr_packed_at(int d, int n, int k, int j);

/* c [M][D] = a [M][N] b transposed + beta c, b [D][N] packed. */
void cr_packed_multiply_transposed(int m, int n, int d, const cr_real *a, int lda, const cr_real *b,
                                   cr_real beta, cr_real *c, int ldc);

typedef enum cr_start {
    CR_START_ZERO, /* c = clamp(a b) */
    CR_START_BIAS, /* c = clamp(a b + bias) */
    CR_START_C,    /* c = clamp(a b + c) */
} cr_start;

typedef struct cr_product {
    int m, n, d;
    const cr_real *a;
    ptrdiff_t lda;
    const cr_real *b; /* packed */
    cr_start start;
    const cr_real *bias; /* [N] for CR_START_BIAS */
    cr_clamp clamp;
    cr_real *c;
    ptrdiff_t ldc;
} cr_product;

/* Local, does not allocate. Each row of c depends on its own row of a only, in every bit. */
void cr_packed_multiply(const cr_product *product);

/* What packed.c asks of an instruction set: c [rows][width] (+)= a [rows][depth] b [depth][width],
 * width CR_PANEL or half of it. c starts from `start`, rows of which are start_step apart (0: one
 * row for all). */
typedef struct cr_panel {
    int rows, width, depth;
    const cr_real *a;
    ptrdiff_t lda;
    const cr_real *b;
    const cr_real *start;
    ptrdiff_t start_step;
    bool clamps;
    cr_clamp clamp;
    cr_real *c;
    ptrdiff_t ldc;
} cr_panel;
typedef void (*cr_panel_fn)(const cr_panel *panel);

/* That of the instruction set in use (isa.h). */
cr_panel_fn cr_panel_function(void);
void cr_panel_avx512(const cr_panel *panel);
void cr_panel_avx2(const cr_panel *panel);
void cr_panel_any(const cr_panel *panel);

#endif
