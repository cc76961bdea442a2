/* internal.h - what the files of core/stat share. */
#ifndef CAMRANK_STAT_INTERNAL_H
#define CAMRANK_STAT_INTERNAL_H

#include "camrank/stat.h"

/* The 97.5 % quantile of the standard normal distribution. */
#define CR_STAT_Z 1.959963984540054

/* Wilson's interval of a share p of n > 0, times `whole`. */
void cr_stat_wilson_of(double p, double n, double whole, double *low, double *high);

/* Sorts n >= 0 keys, which are taken apart byte by byte; `spare` is [n]. */
void cr_stat_sort(uint64_t *keys, uint64_t *spare, int n);

/* A key that is ordered as finite doubles are, and back. */
uint64_t cr_stat_key(double value);
double cr_stat_value(uint64_t key);

/* Of n >= 1 sorted keys, interpolated as numpy.quantile does by default. */
double cr_stat_quantile(const uint64_t *keys, int n, double share);

/* What is drawn: clusters, or runs. */
enum { CR_STAT_CLUSTERS = 0, CR_STAT_RUNS_A = 1, CR_STAT_RUNS_B = 2 };

/* The state from which a resample's numbers are drawn: SplitMix64 (Steele et al., OOPSLA 2014), output i of
 * which is a function of the state and i alone. */
uint64_t cr_stat_start(uint64_t seed, uint64_t stream, int resample);

/* A number below n, all alike, from the high 32 bits (Lemire, ACM TOMACS 29, 2019). */
uint32_t cr_stat_draw(uint64_t *state, uint32_t n);

#endif
