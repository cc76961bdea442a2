/* pairs_winograd.h - convolutions of bfloat16 of 3x3 with stride 1 by fewer multiplications, in float32: Winograd's
 * F(6x6, 3x3) (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, section 4).
 *
 * A point of 8 along a direction is the value of a polynomial at 0, A, -A, infinity, B, -B, C and -C, in this order:
 * the first n + 2 do for n pixels, where n is 2, 4 or 6. All three are exact in float, and so are their squares. */
#ifndef CAMRANK_KERNELS_PAIRS_WINOGRAD_H
#define CAMRANK_KERNELS_PAIRS_WINOGRAD_H

#include "pairs.h"

#define CR_SIX_A 1.0F
#define CR_SIX_B 0.5F
#define CR_SIX_C 1.5F
#define CR_SIX_ALONG 8
#define CR_SIX_LANES 16   /* channels are a multiple of these */
#define CR_SIX_COLUMNS 32 /* output channels of a panel */

/* A tile of pixels to its points, from its first `pixels` + 2 in each direction. Point (i, j) goes to
 * (8 i + j) point_step. */
typedef struct cr_six_pixels {
    int channels, pixels_h, pixels_w;
    const cr_bfloat16 *from[CR_SIX_ALONG][CR_SIX_ALONG]; /* NULL: there is no such pixel */
    cr_real *to;
    ptrdiff_t point_step;
} cr_six_pixels;

/* Products of `channels` <= CR_SIX_COLUMNS channels back to pixels, of which rows by columns are there; y = clamp(
 * value + bias + add), rounded, or reals, as it is. */
typedef struct cr_six_products {
    int channels, pixels_h, pixels_w, rows, columns;
    const cr_real *from;
    ptrdiff_t point_step;
    const cr_real *bias;    /* may be NULL */
    const cr_bfloat16 *add; /* may be NULL; may be y */
    ptrdiff_t add_row, add_column;
    cr_clamp clamp;
    cr_bfloat16 *y;
    cr_real *reals; /* NULL, or written in place of y */
    ptrdiff_t y_row, y_column;
} cr_six_products;

typedef struct cr_six_loops {
    void (*pixels)(const cr_six_pixels *tile);
    void (*products)(const cr_six_products *tile);
    /* Row i of the points of weights [channels][9][CR_SIX_COLUMNS]: [8][channels][CR_SIX_COLUMNS]. */
    void (*weights)(int channels, int i, const cr_bfloat16 *from, cr_real *to);
} cr_six_loops;

extern const cr_six_loops cr_six_avx512_bf16;

/* As those of kernels.h; scratch is counted in bfloat16, too. */
bool cr_six_fits(const cr_pairs *p);
size_t cr_six_weights(const cr_pairs *p);
size_t cr_six_scratch(const cr_pairs *p);
double cr_six_pass_bytes(const cr_pairs *p);
void cr_six_pack(const cr_pairs *p, cr_weight_fn weight, const void *context, cr_bfloat16 *packed);
void cr_six_convolve(const cr_pairs *p, const cr_pairs_pass *pass);

#endif
