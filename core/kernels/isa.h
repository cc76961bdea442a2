/* isa.h - which instruction set the kernels that are written for several of them use.
 *
 * It is the best of the CPU, or a lesser one that the environment variable CAMRANK_ISA names (any,
 * avx2, avx512); other values of it, and what the CPU lacks, are passed over. The variable is read
 * once. Results differ between instruction sets by rounding: fused multiply-adds round once. */
#ifndef CAMRANK_KERNELS_ISA_H
#define CAMRANK_KERNELS_ISA_H

typedef enum cr_isa { CR_ISA_ANY, CR_ISA_AVX2, CR_ISA_AVX512, CR_N_ISAS } cr_isa;

/* The best that this CPU has. */
cr_isa cr_isa_best(void);

/* The one in use, and its name in CAMRANK_ISA. */
cr_isa cr_isa_used(void);
const char *cr_isa_name(cr_isa isa);

/* For tests: use `isa`, no more than cr_isa_best(), from now on. */
void cr_isa_use(cr_isa isa);

#endif
