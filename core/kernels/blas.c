/* OpenBLAS by dlopen. Ranks are the parallelism, so it gets one thread; more would also make sums
 * depend on their number. */
#include "camrank/blas.h"

#include "openblas.h" /* made by the Makefile: CR_OPENBLAS, the library's name */

#include <cblas.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* OpenBLAS takes one buffer of 128 MiB at the first product, and asks again and again until it gets it. */
#define BUFFER_BYTES ((size_t)136 << 20)

#define GEMM(of) _Generic((cr_real){0}, double : of##dgemm, default : of##sgemm)

/* LAPACK's, in Fortran: everything by address, and the lengths of the strings behind. */
typedef void (*eigen_fn)(const char *job, const char *range, const char *half, const int *n,
                         double *a, const int *lda, const double *low, const double *high,
                         const int *first, const int *last, const double *tolerance, int *found,
                         double *values, double *vectors, const int *ldv, int *support,
                         double *work, const int *n_work, int *integers, const int *n_integers,
                         int *info, size_t job_length, size_t range_length, size_t half_length);

typedef void (*solve_fn)(const char *half, const int *n, const int *n_right, double *a,
                         const int *lda, double *b, const int *ldb, int *info, size_t half_length);

static struct {
    void *library;
    char *(*config)(void), *(*core_name)(void);
    void (*set_threads)(int);
    __typeof__(GEMM(&cblas_)) gemm;
    __typeof__(&cblas_dsyrk) dsyrk;
    eigen_fn dsyevr;
    solve_fn dposv;
} blas;

static bool find(const char *name, void *function)
{
    void *found = dlsym(blas.library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool open_library(void)
{
    blas.library = dlopen(CR_OPENBLAS, RTLD_NOW | RTLD_LOCAL);
    return blas.library && find("openblas_get_config", &blas.config) &&
           find("openblas_get_corename", &blas.core_name) &&
           find("openblas_set_num_threads", &blas.set_threads) &&
           find(sizeof(cr_real) == sizeof(double) ? "cblas_dgemm" : "cblas_sgemm", &blas.gemm) &&
           find("cblas_dsyrk", &blas.dsyrk) && find("dsyevr_", &blas.dsyevr) &&
           find("dposv_", &blas.dposv);
}

/* Whether it has chosen kernels of older CPUs than this one, as versions do that do not know it. */
static bool chose_old_kernels(void)
{
#if defined(__x86_64__)
    static const char *const old[] = {"Haswell", "Sandybridge", "Nehalem",
                                      "Zen",     "Prescott",    "Core2"};
    __builtin_cpu_init();
    if (getenv("OPENBLAS_CORETYPE") || !__builtin_cpu_supports("avx512f") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl"))
        return false;
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (strcmp(blas.core_name(), old[i]) == 0)
            return true;
#endif
    return false;
}

/* A first product, of a size that is not too small for the buffer. */
static void take_buffer(void)
{
    enum { N = 128 };
    static cr_real zeros[N * N], product[N * N];
    cr_gemm(false, false, N, N, N, zeros, N, zeros, N, 0, product, N);
}

cr_status cr_blas_load(cr_error *err)
{
    static bool loaded;
    if (loaded)
        return CR_OK;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    bool ok = cr_memory_is_there(BUFFER_BYTES) && open_library();
    if (ok && chose_old_kernels()) {
        dlclose(blas.library);
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
        ok = open_library();
    }
    if (!ok && cr_memory_is_there(BUFFER_BYTES))
        return cr_fail(err, CR_EINTERNAL, "OpenBLAS cannot be loaded: %.300s", dlerror());
    if (!ok || !cr_memory_is_there(BUFFER_BYTES))
        return cr_fail(err, CR_EINTERNAL,
                       "out of memory: OpenBLAS needs %zu MB of address space; see `ulimit -v`",
                       BUFFER_BYTES / 1000000);
    blas.set_threads(1); /* of a library that another program has loaded */
    take_buffer();
    loaded = true;
    return CR_OK;
}

const char *cr_blas_config(void)
{
    return blas.config();
}

void cr_gemm(bool ta, bool tb, int m, int n, int k, const cr_real *a, int lda, const cr_real *b,
             int ldb, cr_real beta, cr_real *c, int ldc)
{
    blas.gemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,
              k, (cr_real)1, a, lda, b, ldb, beta, c, ldc);
}

void cr_gram(bool columns, int n, int k, const double *x, double *a)
{
    blas.dsyrk(CblasRowMajor, CblasLower, columns ? CblasTrans : CblasNoTrans, n, k, 1, x,
               columns ? n : k, 0, a, n);
}

/* Parts of the work, in doubles a row: all eigenvalues, what dsyevr wants, and its integers. */
enum { VALUES = 1, REALS = 38, INTEGERS = 10 };

size_t cr_top_eigenvector_work(int n)
{
    return (size_t)n * (VALUES + REALS + (INTEGERS * sizeof(int) + 7) / sizeof(double));
}

bool cr_top_eigenvector(int n, double *a, double *work, double *value, double *vector)
{
    const double none = 0;
    const int n_reals = REALS * n, n_integers = INTEGERS * n;
    double *reals = work + n;
    int found, support[2], info;
    for (int i = 0; i < n; i++) /* no other value is larger than all of these */
        if (!isfinite(a[(size_t)i * (size_t)n + (size_t)i]))
            return false;
    /* What is the lower half by rows is the upper one by columns, as Fortran has it. */
    blas.dsyevr("V", "I", "U", &n, a, &n, &none, &none, &n, &n, &none, &found, work, vector, &n,
                support, reals, &n_reals, (int *)(void *)(reals + n_reals), &n_integers, &info, 1,
                1, 1);
    *value = work[0];
    return info == 0 && found == 1;
}

bool cr_solve_positive(int n, double *a, int n_right, double *b)
{
    int info;
    blas.dposv("U", &n, &n_right, a, &n, b, &n, &info, 1);
    return info == 0;
}
