/* multiversion.h - CR_MULTIVERSION compiles a function for several instruction sets; the loader picks
 * by CPUID. C11 mode does not contract a * b + c, and nothing here reassociates sums, so that all
 * versions give the same bits. Nobody asks for floating-point exceptions, which would keep choices between
 * two values from being vectors. */
#ifndef CAMRANK_MULTIVERSION_H
#define CAMRANK_MULTIVERSION_H

/* The resolvers run before a sanitizer's runtime is up. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define CR_MULTIVERSION                                                                       \
    __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3", "no-trapping-" \
                                                                               "math")))
#else
#define CR_MULTIVERSION
#endif

/* For what its loops call: compiled for other instructions, a function stays a call unless it must not. */
#define CR_INLINE static inline __attribute__((always_inline))

#endif
