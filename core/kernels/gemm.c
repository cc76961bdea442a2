#include "camrank/kernels.h"

#include <cblas.h>

void cr_gemm(bool ta, bool tb, int m, int n, int k, const cr_real *a, int lda, const cr_real *b,
             int ldb, cr_real beta, cr_real *c, int ldc)
{
    _Generic((cr_real){0}, double
             : cblas_dgemm, default
             : cblas_sgemm)(CblasRowMajor, ta ? CblasTrans : CblasNoTrans,
                            tb ? CblasTrans : CblasNoTrans, m, n, k, (cr_real)1, a, lda, b, ldb,
                            beta, c, ldc);
}
