/* blas.h - OpenBLAS, loaded when it is first needed, not with the program: it reads its settings and
 * starts its threads as it is loaded, and where it gets no memory it tries again for ever. */
#ifndef CAMRANK_BLAS_H
#define CAMRANK_BLAS_H

#include "camrank/base.h"
#include "camrank/kernels.h"

/* Loads OpenBLAS for one thread, with the kernels of the CPU, and lets it take its memory; nothing where
 * that is done already. OPENBLAS_CORETYPE of the user stays. To be called before other threads are
 * started. Errors: CR_EINTERNAL where the library or its memory is not to be had. Local. */
cr_status cr_blas_load(cr_error *err);

/* What the loaded library says of itself: version, settings, kernels. Local. */
const char *cr_blas_config(void);

/* c [m][n] = a [m][k] b [k][n] + beta c, row-major with leading dimensions; `ta` and `tb` say that
 * a is stored [k][m], b [n][k]. After cr_blas_load. Local, cannot fail. */
void cr_gemm(bool ta, bool tb, int m, int n, int k, const cr_real *a, int lda, const cr_real *b,
             int ldb, cr_real beta, cr_real *c, int ldc);

/* a [n][n] = x x' of x [n][k] or, of `columns`, x' x of x [k][n]: its lower half. After cr_blas_load.
 * Local, cannot fail. */
void cr_gram(bool columns, int n, int k, const double *x, double *a);

/* The largest eigenvalue of a symmetric matrix a [n][n] and its eigenvector, of length 1 and of either
 * sign. The lower half is read, and overwritten. `work` are cr_top_eigenvector_work(n) doubles. False
 * where a value is not finite or LAPACK does not converge. After cr_blas_load. Local. */
bool cr_top_eigenvector(int n, double *a, double *work, double *value, double *vector);
size_t cr_top_eigenvector_work(int n);

/* Solves a x = b of a symmetric, positive definite matrix a [n][n] for n_right right-hand sides b
 * [n_right][n], which become x. The lower half is read, and overwritten. False where it is not positive
 * definite. After cr_blas_load. Local. */
bool cr_solve_positive(int n, double *a, int n_right, double *b);

#endif
