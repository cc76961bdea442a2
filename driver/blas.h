/* blas.h - the right OpenBLAS kernels. Local. */
#ifndef CAMRANK_DRIVER_BLAS_H
#define CAMRANK_DRIVER_BLAS_H

/* OpenBLAS of some distributions takes its Haswell kernels on processors that have AVX-512, and
 * runs at two thirds of its speed. It chooses when it is loaded, so where that happened the program
 * sets OPENBLAS_CORETYPE and starts itself anew; then this call does not return. A setting of the
 * user's is left alone. To be called before MPI_Init. */
void cr_blas_mend(char **argv);

#endif
