/* gather.h - what the ways of convolving by products have in common: weights packed as packed.h has
 * them, a matrix for each group, its depth in the order [R][S][C/G]; and the way back, which is any
 * window's. */
#ifndef CAMRANK_KERNELS_GATHER_H
#define CAMRANK_KERNELS_GATHER_H

#include "camrank/kernels.h"

/* Rows of a product, output pixels, that are multiplied together. */
size_t cr_gather_block(const cr_window *win);

size_t cr_gather_weights(const cr_window *win);
void cr_gather_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                    cr_real *packed);

/* Scratch of the way back; the way forth needs none. */
size_t cr_gather_scratch(const cr_window *win);
void cr_gather_conv_backward(const cr_window *win, const cr_conv_back *back);

#endif
