/* winograd.h - convolutions of 3x3 with stride 1 by fewer multiplications: Winograd's F(4x4, 3x3)
 * (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, section 4). */
#ifndef CAMRANK_KERNELS_WINOGRAD_H
#define CAMRANK_KERNELS_WINOGRAD_H

/* The polynomials are evaluated at 0, +-A, +-B and infinity. These leave half the rounding error of
 * the usual 1 and 2, and the products that they make are exact in float. */
#define CR_WINOGRAD_A 0.625
#define CR_WINOGRAD_B 1.5

#endif
