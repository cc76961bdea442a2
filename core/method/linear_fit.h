/* linear_fit.h - least squares of scores on what parts of an input were seen. Private to core/method. */
#ifndef CAMRANK_METHOD_LINEAR_FIT_H
#define CAMRANK_METHOD_LINEAR_FIT_H

#include "camrank/blas.h"

/* Weighted sums over samples. */
typedef struct cr_fit {
    int n, n_scores;
    double weight;    /* of all samples */
    double *products; /* [n][n] of parts that were seen together: the lower half */
    double *seen;     /* [n] */
    double *by_part;  /* [n_scores][n] */
    double *scores;   /* [n_scores] */
    double *matrix;   /* [n][n], and */
    double *ones;     /* [n], for work */
} cr_fit;

/* Of n parts and n_scores scores of each sample; `room` are cr_fit_room doubles. */
void cr_fit_begin(cr_fit *fit, int n, int n_scores, double *room);
size_t cr_fit_room(int n, int n_scores);

/* A sample: whether each part was seen, [n], and its scores. */
void cr_fit_add(cr_fit *fit, const uint8_t *seen, double weight, const double *scores);

/* The coefficients [n_scores][n] of a linear model with an intercept, for which
 * sum weight (score - model)^2 + ridge sum coefficient^2 is least. False where a value is not finite. */
bool cr_fit_ridge(const cr_fit *fit, double ridge, double *coefficients);

/* Of one without an intercept, for which sum weight (score - model)^2 is least among those whose
 * coefficients sum to `sums` [n_scores]. */
bool cr_fit_with_sums(const cr_fit *fit, const double *sums, double *coefficients);

#endif
