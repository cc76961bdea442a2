/* OpenBLAS by dlopen. Ranks are the parallelism, so it gets one thread; more would also make sums
 * depend on their number. */
#include "camrank/blas.h"

#include "openblas.h" /* made by the Makefile: CR_OPENBLAS, the library's name */

#include <cblas.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* OpenBLAS takes one buffer of 128 MiB at the first product, and asks again and again until it gets it. */
#define BUFFER_BYTES ((size_t)136 << 20)

#define GEMM(of) _Generic((cr_real){0}, double : of##dgemm, default : of##sgemm)

static struct {
    void *library;
    char *(*config)(void), *(*core_name)(void);
    void (*set_threads)(int);
    __typeof__(GEMM(&cblas_)) gemm;
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
           find(sizeof(cr_real) == sizeof(double) ? "cblas_dgemm" : "cblas_sgemm", &blas.gemm);
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
