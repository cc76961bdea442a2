/* compare_files.h - a comparison of the rows of open results files. All functions are Local. */
#ifndef CAMRANK_DRIVER_COMPARE_FILES_H
#define CAMRANK_DRIVER_COMPARE_FILES_H

#include "compare_rows.h"

/* Everything that is open or allocated. Initialise with {0}. */
typedef struct cr_compare_files {
    int n_files;
    cr_compare_file *files;
    cr_compare_set *sets;
    int32_t *shared;
    int n_shared;
    cr_compare_place *places;
    cr_compare_row *rows;
    int n_rows;
    cr_compare compare;
} cr_compare_files;

/* Opens n files; paths stay the caller's. Errors: those of cr_results_open; CR_EINTERNAL (memory). */
cr_status cr_compare_files_open(const char *const *paths, int n, cr_compare_files *files,
                                cr_error *err);

/* Whether all files have a metric, by its place in cr_metrics; else *without is the first that has not. */
bool cr_compare_files_have(const cr_compare_files *files, int metric, int *without);

/* Matches the images, begins the comparison of `rows`, reads them and makes all figures. Errors: those of
 * cr_compare_match, cr_compare_begin, cr_results_visit_images and cr_compare_finish. */
cr_status cr_compare_files_run(cr_compare_files *files, const cr_compare_options *options,
                               cr_error *err);

void cr_compare_files_close(cr_compare_files *files);

#endif
