/* internal.h - what the files of core/stat share. */
#ifndef CAMRANK_STAT_INTERNAL_H
#define CAMRANK_STAT_INTERNAL_H

#include "camrank/stat.h"

/* The 97.5 % quantile of the standard normal distribution. */
#define CR_STAT_Z 1.959963984540054

/* Sorts n >= 0 keys, which are taken apart byte by byte; `spare` is [n]. */
void cr_stat_sort(uint64_t *keys, uint64_t *spare, int n);

/* A key that is ordered as finite doubles are, and back. */
uint64_t cr_stat_key(double value);
double cr_stat_value(uint64_t key);

#endif
