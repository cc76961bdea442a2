/* report.h - an error table, and its forms. All functions are Local; nothing is printed. */
#ifndef CAMRANK_REPORT_H
#define CAMRANK_REPORT_H

#include "camrank/base.h"
#include "camrank/results.h"

/* One variant of one model. Errors in percent, unrounded: 100 * wrong / counted; NaN where nothing
 * was counted. */
typedef struct cr_report_row {
    const char *model, *method, *layer, *protocol;
    char variant[2 * CR_NAME_BYTES]; /* "grad-cam" or "grad-cam@layer", as the job names it */
    int64_t n_images;                /* denominator of the classification errors */
    int64_t n_localized; /* denominator of the localization errors and of the mean IoU */
    double top1_cls_error, top5_cls_error;
    double top1_loc_error, top5_loc_error, gt_known_loc_error;
    double mean_iou; /* 0 to 1: of the ground-truth class's box with the best ground-truth box */
} cr_report_row;

typedef struct cr_report_failure {
    const char *model, *image;
    char reason[CR_REASON_BYTES];
} cr_report_failure;

/* Refers to the results it was made from, which must stay open. */
typedef struct cr_report {
    const char *job_name;
    int64_t n_images;  /* in the set */
    int64_t n_failed;  /* images that failed under at least one model */
    int64_t n_missing; /* images not computed under at least one model; not 0: a partial table */
    bool skip_failed;
    cr_protocol protocol;
    int n_rows;
    cr_report_row *rows;         /* owned */
    int n_failures;              /* the first CR_REPORT_MAX_FAILURES, by model and image */
    cr_report_failure *failures; /* owned */
} cr_report;

#define CR_REPORT_MAX_FAILURES 100

/* Makes the report of a file from its rows. *report is {0} on failure. */
cr_status cr_report_make(cr_results *results, cr_report *report, cr_error *err);

void cr_report_free(cr_report *report);

typedef enum cr_report_format {
    CR_REPORT_TEXT,
    CR_REPORT_CSV,
    CR_REPORT_JSON, /* schema camrank-report-1 */
    CR_REPORT_MARKDOWN,
    CR_REPORT_LATEX,
} cr_report_format;

/* The format named `text`, `csv`, `json`, `markdown` or `latex`; CR_EUSAGE naming these. */
cr_status cr_report_format_find(const char *name, cr_report_format *format, cr_error *err);

/* *text is zero-terminated and the caller's (free). Percentages are rounded to two decimals for
 * people (text, Markdown, LaTeX) and given in full to programs (CSV, JSON: 17 digits). */
cr_status cr_report_write(const cr_report *report, cr_report_format format, char **text,
                          cr_error *err);

/* The report's errors beside those that a paper publishes, with their differences, as plain text.
 * Rows are the paper's where model and method have the names of its table. *text as above.
 *   name  "cam2016" (Zhou et al., CVPR 2016, tables 1 and 2) or "gradcam2017" (Selvaraju et al., ICCV
 *         2017, table 1); CR_EUSAGE naming these */
cr_status cr_report_paper(const cr_report *report, const char *name, char **text, cr_error *err);

#endif
