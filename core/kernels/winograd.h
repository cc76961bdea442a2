/* winograd.h - convolutions of 3x3 with stride 1 by fewer multiplications: Winograd's F(4x4, 3x3)
 * (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, section 4). */
#ifndef CAMRANK_KERNELS_WINOGRAD_H
#define CAMRANK_KERNELS_WINOGRAD_H

#include "camrank/kernels.h"

/* Whether the convolution, and the one that takes its gradients back, goes this way: by shapes
 * only, so that results do not depend on batch, ranks or CPU. */
bool cr_winograd_fits(const cr_window *win);

/* The convolution that takes gradients of `win` back: of dy, with weights turned by 180 degrees
 * and channels exchanged. */
cr_window cr_winograd_back(const cr_window *win);

size_t cr_winograd_weights(const cr_window *win);
size_t cr_winograd_scratch(const cr_window *win);

/* Packs the weights for `win`. */
void cr_winograd_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                      cr_real *packed);

/* y = clamp(x * weights + bias); where bias is NULL, y += x * weights. */
void cr_winograd_run(const cr_window *win, int n, const cr_real *x, const cr_real *packed,
                     const cr_real *bias, cr_clamp clamp, cr_real *y, cr_real *scratch);

#endif
