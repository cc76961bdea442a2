/* winograd.h - convolutions of 3x3 with stride 1 by fewer multiplications: Winograd's F(4x4, 3x3)
 * (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, section 4). */
#ifndef CAMRANK_KERNELS_WINOGRAD_H
#define CAMRANK_KERNELS_WINOGRAD_H

#include "camrank/kernels.h"

/* The polynomials are evaluated at 0, +-A, +-B and infinity. These leave half the rounding error of
 * the usual 1 and 2, and the products that they make are exact in float. */
#define CR_WINOGRAD_A 0.625
#define CR_WINOGRAD_B 1.5

/* Whether the convolution, and the one that takes its gradients back, goes this way: by shapes
 * only, so that results do not depend on batch, ranks or CPU. */
bool cr_winograd_fits(const cr_window *win);

/* The convolution that takes gradients of `win` back: of dy, with weights turned by 180 degrees
 * and channels exchanged. */
cr_window cr_winograd_back(const cr_window *win);

size_t cr_winograd_weights(const cr_window *win);
size_t cr_winograd_scratch(const cr_window *win);

/* Packs the weights for `win`, and for cr_winograd_back(win). */
void cr_winograd_pack(const cr_window *win, cr_weight_fn weight, const void *context,
                      cr_real *packed);
void cr_winograd_pack_back(const cr_window *win, cr_weight_fn weight, const void *context,
                           cr_real *packed);

/* As cr_conv_forward and cr_conv_backward. */
void cr_winograd_forward(const cr_window *win, int n, const cr_real *x, const cr_real *packed,
                         const cr_real *bias, const cr_real *add, cr_clamp clamp, cr_real *y,
                         cr_real *scratch);
void cr_winograd_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *packed,
                          cr_real *dx, cr_real *scratch);

#endif
