/* fill.h - metrics that a finished file lacks, from the maps that it keeps. */
#ifndef CAMRANK_DRIVER_FILL_H
#define CAMRANK_DRIVER_FILL_H

#include "session.h"

/* A cr_results_fill; `context` is the session whose plan the rows are of. Errors: CR_EINPUT naming the image
 * for a size or a map that cannot be; those of cr_score_maps. Local. */
cr_status cr_fill_metrics(void *context, const cr_results_plan *from, int model,
                          const cr_results_rows *rows, cr_error *err);

#endif
