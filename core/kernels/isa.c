/* Which instruction set the inner loops use: chosen once, from the CPU and CAMRANK_ISA. */
#include "isa.h"
#include "pairs.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const names[CR_N_ISAS] = {"any", "avx2", "avx512", "avx512-bf16", "amx"};
static int used = -1;

#if defined(__x86_64__) && !defined(__clang__)
/* Linux wants to be asked for room for the tiles, once a process; this is ARCH_REQ_XCOMP_PERM for XTILEDATA. */
static bool tiles_are_permitted(void)
{
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    static int permitted = -1;
    if (permitted < 0)
        permitted = syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
    return permitted;
}
#endif

cr_isa cr_isa_best(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    const bool pairs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512bf16");
    if (pairs && __builtin_cpu_supports("amx-bf16") && tiles_are_permitted())
        return CR_ISA_AMX;
    if (pairs)
        return CR_ISA_AVX512_BF16;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        return CR_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return CR_ISA_AVX2;
#endif
    return CR_ISA_ANY;
}

/* Intel's CPUs begin a vdpbf16ps every second cycle and two float32 multiply-adds a cycle, so that pairs have half
 * the peak (measured on Sapphire Rapids); AMD's (Zen 4) begin as many of one as of the other. */
cr_isa cr_isa_usual(cr_isa best)
{
#if defined(__x86_64__) && !defined(__clang__)
    if (best == CR_ISA_AVX512_BF16 && !__builtin_cpu_is("amd"))
        return CR_ISA_AVX512;
#endif
    return best;
}

cr_isa cr_isa_used(void)
{
    if (used < 0) {
        const char *wanted = getenv("CAMRANK_ISA");
        cr_isa best = cr_isa_best();
        used = (int)cr_isa_usual(best);
        for (int i = 0; wanted && i <= (int)best; i++)
            if (strcmp(wanted, names[i]) == 0)
                used = i;
    }
    return (cr_isa)used;
}

const cr_isa_loops *cr_loops(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    static const cr_isa_loops *const loops[] = {&cr_loops_any, &cr_loops_avx2, &cr_loops_avx512,
                                                &cr_loops_avx512, &cr_loops_avx512};
    return loops[cr_isa_used()];
#else
    return &cr_loops_any;
#endif
}

const cr_pairs_loops *cr_pairs_loops_used(void)
{
#if defined(__x86_64__) && !defined(__clang__)
    static const cr_pairs_loops *const loops[CR_N_ISAS] = {
        [CR_ISA_AVX512_BF16] = &cr_pairs_avx512_bf16, [CR_ISA_AMX] = &cr_pairs_amx};
    return sizeof(cr_real) == sizeof(float) ? loops[cr_isa_used()] : NULL;
#else
    return NULL;
#endif
}

double cr_pairs_speed(void)
{
    return cr_isa_used() == CR_ISA_AMX ? 8 : 2;
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

cr_status cr_kernels_check_isa(cr_error *err)
{
    const char *wanted = getenv("CAMRANK_ISA");
    const cr_isa best = cr_isa_best();
    if (!wanted || !wanted[0])
        return CR_OK;
    for (int i = 0; i < CR_N_ISAS; i++)
        if (strcmp(wanted, names[i]) == 0)
            return i <= (int)best ? CR_OK
                                  : cr_fail(err, CR_EUSAGE,
                                            "CAMRANK_ISA=%s: this CPU has %s at most; unset it, or "
                                            "name what the CPU has",
                                            wanted, names[best]);
    return cr_fail(err, CR_EUSAGE, "CAMRANK_ISA=%s: must be any, avx2, avx512, avx512-bf16 or amx",
                   wanted);
}
