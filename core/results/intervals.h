/* intervals.h - intervals of a report's numbers from images that are drawn anew. All functions are Local. */
#ifndef CAMRANK_RESULTS_INTERVALS_H
#define CAMRANK_RESULTS_INTERVALS_H

#include "internal.h"

/* What each image adds to the sums of one variant, or of a baseline. */
typedef struct cr_intervals {
    const cr_results_plan *plan;
    int32_t *images; /* [n_images of the set] which rows are of one image */
    struct cr_stat_sums *sums;
    /* [n_protocols of the plan][numbers of all metrics] of those that come with Wilson's interval, which is of rows
     * one by one; NULL where each image has one row. */
    struct cr_stat_sample *shares;
    cr_status status; /* of cr_intervals_see */
    cr_error err;
} cr_intervals;

/* Errors: CR_EINTERNAL (memory). */
cr_status cr_intervals_init(const cr_results_plan *plan, const cr_dataset *data,
                            cr_intervals *intervals, cr_error *err);
void cr_intervals_fini(cr_intervals *intervals);

/* A cr_results_visit_sums, whose context is the intervals. */
void cr_intervals_see(void *context, int metric, int protocol, int image, const int64_t *sums);

/* Fills the intervals of those numbers of the rows of a variant, or baseline, that want one: over all images
 * of the set, each with all its rows, CR_REPORT_RESAMPLES times, by seed CR_STAT_SEED. Where a number does not exist it has none.
 *   rows  [n_protocols of the report]
 * In a set of pairs shares get Wilson's interval anew, by cr_stat_sample_wilson. Errors: CR_EINTERNAL (memory, or no
 * thread). */
cr_status cr_intervals_fill(const cr_intervals *intervals, const cr_report *report, int n_threads,
                            cr_report_row *rows, cr_error *err);

#endif
