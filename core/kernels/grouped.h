/* grouped.h - convolution in many small groups, where a group alone would fill no vector. Arguments
 * as those of cr_conv_forward and cr_conv_backward; weights [R][S][C/G][K]. */
#ifndef CAMRANK_KERNELS_GROUPED_H
#define CAMRANK_KERNELS_GROUPED_H

#include "camrank/kernels.h"

bool cr_grouped_fits(const cr_window *win);
size_t cr_grouped_weights(const cr_window *win);
void cr_grouped_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                     cr_real *packed);
size_t cr_grouped_scratch(const cr_window *win);
void cr_grouped_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                        const cr_real *bias, const cr_real *add, cr_clamp clamp, cr_real *y,
                        cr_real *scratch);
void cr_grouped_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *weights,
                         cr_real *dx);

#endif
