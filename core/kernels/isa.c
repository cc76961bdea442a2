/* Which instruction set the inner loops use: chosen once, from the CPU and CAMRANK_ISA. */
#include "isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[CR_N_ISAS] = {"any", "avx2", "avx512"};
static int used = -1;

cr_isa cr_isa_best(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        return CR_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return CR_ISA_AVX2;
#endif
    return CR_ISA_ANY;
}

cr_isa cr_isa_used(void)
{
    if (used < 0) {
        const char *wanted = getenv("CAMRANK_ISA");
        cr_isa best = cr_isa_best();
        used = (int)best;
        for (int i = 0; wanted && i <= (int)best; i++)
            if (strcmp(wanted, names[i]) == 0)
                used = i;
    }
    return (cr_isa)used;
}

const cr_isa_loops *cr_loops(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    static const cr_isa_loops *const loops[] = {&cr_loops_any, &cr_loops_avx2, &cr_loops_avx512};
    return loops[cr_isa_used()];
#else
    return &cr_loops_any;
#endif
}

const char *cr_isa_name(cr_isa isa)
{
    return names[isa];
}

void cr_isa_use(cr_isa isa)
{
    used = (int)isa;
}

const char *cr_kernels_isa(void)
{
    return cr_isa_name(cr_isa_used());
}
