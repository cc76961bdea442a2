/* reduce.h - from the rows of all ranks to the summary. */
#ifndef CAMRANK_DRIVER_REDUCE_H
#define CAMRANK_DRIVER_REDUCE_H

#include "camrank/results.h"

/* Counts all images, each rank its share of the rows, and writes the summary table. For a file that is
 * being written and was flushed. Collective. */
cr_status cr_reduce(const cr_par *par, cr_results *results, cr_error *err);

#endif
