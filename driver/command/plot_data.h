/* plot_data.h - what figures are made from, read from a results file. All functions are Local. */
#ifndef CAMRANK_DRIVER_PLOT_DATA_H
#define CAMRANK_DRIVER_PLOT_DATA_H

#include "camrank/plot.h"
#include "camrank/results.h"
#include "compare_files.h"

/* Where a row of the error table is in the file. */
typedef struct cr_row_place {
    int model, variant, protocol;
} cr_row_place;
cr_row_place cr_row_place_of(const cr_results_plan *plan, const cr_report_row *row);

/* Everything. Initialise with {0}. */
typedef struct cr_plot_file {
    cr_results *results;
    cr_report report;
    cr_plot_data data;
    cr_compare_files compared;
} cr_plot_file;

/* Opens a file and reads what the kinds `needs` need of the rows that `options` ask for; the comparison is
 * under the number `metric`, or, of NULL, the one that camrank compare orders rows by, and of ranks the mean
 * IoU. Errors: those of cr_results_report and cr_compare_files_run; CR_EUSAGE for
 * a number that is none. cr_plot_file_close releases it, also after an error. */
cr_status cr_plot_file_open(const char *path, const cr_report_options *options, unsigned needs,
                            const char *metric, cr_plot_file *file, cr_error *err);

/* The comparison alone, of a file that was opened without. */
cr_status cr_plot_file_compare(const char *path, const char *metric, cr_plot_file *file,
                               cr_error *err);

void cr_plot_file_close(cr_plot_file *file);

#endif
