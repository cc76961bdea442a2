/* depthwise.h - convolutions of one input and one output channel in each group. Arguments as those
 * of cr_conv_forward and cr_conv_backward; weights [R][S][C]. */
#ifndef CAMRANK_KERNELS_DEPTHWISE_H
#define CAMRANK_KERNELS_DEPTHWISE_H

#include "camrank/kernels.h"

size_t cr_depthwise_weights(const cr_window *win);
void cr_depthwise_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                       cr_real *packed);

void cr_depthwise_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                          const cr_real *bias, const cr_real *add, cr_clamp clamp, cr_real *y);
void cr_depthwise_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *weights,
                           cr_real *dx);

#endif
