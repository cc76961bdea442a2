/* compare_precisions.h - gives a comparison the mean average precision of its rows. Local. */
#ifndef CAMRANK_DRIVER_COMPARE_PRECISIONS_H
#define CAMRANK_DRIVER_COMPARE_PRECISIONS_H

#include "compare_files.h"

/* After the rows were read, before the comparison is finished: by the shared rows of those images that count under
 * all rows that have detections, and are computed under all. Errors: those of cr_results_detections and
 * cr_stat_resample_counts. */
cr_status cr_compare_files_precisions(cr_compare_files *files, cr_error *err);

#endif
