#include "blas.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cr_blas_mend(char **argv)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (getenv("OPENBLAS_CORETYPE") || !__builtin_cpu_supports("avx512f") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl"))
        return;
    const char *old[] = {"Haswell", "Sandybridge", "Nehalem", "Zen", "Prescott", "Core2"};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (strcmp(openblas_get_corename(), old[i]) == 0) {
            setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
            execv("/proc/self/exe", argv); /* should it fail, we go on with what there is */
            return;
        }
#else
    (void)argv;
#endif
}
