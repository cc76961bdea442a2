/* gather.h - convolution as one product: a row for each output pixel, of the values under its
 * window. For any window and groups; arguments as those of cr_conv_forward and cr_conv_backward.
 * Weights are packed as packed.h has them, a matrix for each group, its depth in the order
 * [R][S][C/G]. */
#ifndef CAMRANK_KERNELS_GATHER_H
#define CAMRANK_KERNELS_GATHER_H

#include "camrank/kernels.h"

size_t cr_gather_weights(const cr_window *win);
void cr_gather_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                    cr_real *packed);

/* Of the way back; the way forth needs none. */
size_t cr_gather_scratch(const cr_window *win);

void cr_gather_conv_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                            const cr_real *bias, const cr_real *add, cr_clamp clamp, cr_real *y);
void cr_gather_conv_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *weights,
                             cr_real *dx, cr_real *scratch);

#endif
