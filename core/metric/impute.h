/* impute.h - pixels of an image from those around them. Private to core/metric. */
#ifndef CAMRANK_METRIC_IMPUTE_H
#define CAMRANK_METRIC_IMPUTE_H

#include "camrank/kernels.h"

/* Gives every pixel that is missing the weighted mean of its neighbours, missing ones too: 1/6 for those beside
 * it, 1/12 for the diagonal ones, those outside the image left out (Rong et al., ICML 2022, appendix, noisy
 * linear imputation without the noise). That is one sparse system, solved to nine digits. Where all are missing
 * they become 0.
 *   keeps    [height][width] whether a pixel is there
 *   image    [height][width][n_channels]
 *   scratch  cr_impute_bytes, at a multiple of 64 */
void cr_impute(int width, int height, int n_channels, const bool *keeps, cr_real *image,
               void *scratch);

size_t cr_impute_bytes(int width, int height);

/* Operations of a network that take about as long as most of the image being imputed. */
double cr_impute_work(int width, int height);

#endif
