/* winograd.h - convolutions of 3x3 with stride 1 by fewer multiplications: Winograd's F(4x4, 3x3)
 * (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, section 4). */
#ifndef CAMRANK_KERNELS_WINOGRAD_H
#define CAMRANK_KERNELS_WINOGRAD_H

/* The polynomials are evaluated at 0, A, -A, infinity, B and -B, in this order: the first n + 2 of them
 * do for n pixels, where n is 1 to 4. These A and B leave half the rounding error of the usual 1 and
 * 2, and the products that they make are exact in float. */
#define CR_WINOGRAD_A 0.625
#define CR_WINOGRAD_B 1.5
#define CR_WINOGRAD_ALONG 6 /* points of a direction */

#endif
