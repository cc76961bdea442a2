/* compare_rows.h - the rows of results files that are compared, as options name them. Local. */
#ifndef CAMRANK_DRIVER_COMPARE_ROWS_H
#define CAMRANK_DRIVER_COMPARE_ROWS_H

#include "camrank/compare.h"
#include "camrank/results.h"

/* An open file. */
typedef struct cr_compare_file {
    const char *path;
    cr_results *results;
    cr_elsewhere *from; /* where its job's thresholds are from; NULL: nowhere */
} cr_compare_file;

/* Where a row is. */
typedef struct cr_compare_place {
    int file, model, row, protocol; /* model -1: the baseline `row` */
    char method[2 * CR_NAME_BYTES]; /* the row's name */
} cr_compare_place;

/* Lists the rows of n files in their order, or, with `only`, a list of names with commas between them,
 * those that it chooses: names of models choose among models, of methods among methods, of protocols among
 * protocols. Baselines are among them where `only` names their model or them, or `against` names them (either
 * may be NULL). *places and *rows are [*n_rows], the caller's (free); rows refer to places and files. Errors:
 * CR_EINPUT for a name that no file holds, listing those that there are, and naming the first difference of
 * two protocols of one name; CR_EINTERNAL (memory). */
cr_status cr_compare_list_rows(const cr_compare_file *files, int n, const char *only,
                               const char *against, cr_compare_place **places,
                               cr_compare_row **rows, int *n_rows, cr_error *err);

/* The row that `name` names: MODEL/METHOD/PROTOCOL, or so much of it that no other is meant, with FILE: in
 * front where files have rows of one name. Errors: CR_EINPUT where none is, listing
 * those that there are, CR_EUSAGE where several are. */
cr_status cr_compare_find_row(const cr_compare_row *rows, int n_rows, const char *name, int *row,
                              cr_error *err);

#endif
