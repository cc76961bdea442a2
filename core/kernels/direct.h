/* direct.h - convolution of few channels, such as those of an image: where a row of the window is
 * short, gathering it costs more than it saves. The input is copied once with its padding, and the
 * rows of the product are read from there, overlapping as they do. Weights are those of gather.h;
 * the way back is its as well. */
#ifndef CAMRANK_KERNELS_DIRECT_H
#define CAMRANK_KERNELS_DIRECT_H

#include "camrank/kernels.h"

bool cr_direct_fits(const cr_window *win);
size_t cr_direct_scratch(const cr_window *win);
void cr_direct_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                       const cr_real *bias, const cr_real *add, cr_clamp clamp, cr_real *y,
                       cr_real *scratch);

#endif
