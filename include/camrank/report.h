/* report.h - an error table, and its forms. All functions are Local; nothing is printed. */
#ifndef CAMRANK_REPORT_H
#define CAMRANK_REPORT_H

#include "camrank/base.h"
#include "camrank/data.h"
#include "camrank/loc.h"
#include "camrank/metric.h"
#include "camrank/new_file.h"

#include <stdio.h>

/* The numbers of the metric `mean-ap`, of all classes or of one. */
typedef struct cr_report_ap {
    cr_metric_value eleven_points, area;
} cr_report_ap;

/* One variant of one model under one protocol; a model's classes alone, without method; or a baseline. */
typedef struct cr_report_row {
    const char *model, *method, *layer, *protocol;
    const char *filter;       /* resize filter of the network's input; "" for none */
    const char *precision;    /* of the network's numbers; "" for none */
    double parameters, flops; /* of the network, as cr_results_model has them; NaN: not known */
    const char *input;        /* how images are prepared for it, as the file has it; "" for none */
    char variant[2 * CR_NAME_BYTES]; /* METHOD or METHOD@LAYER, as the job names it */
    bool is_baseline;                /* see below */
    bool has_network; /* classes were predicted; else, but of a baseline, n_images says nothing */
    int64_t n_images; /* denominator of the classification errors */
    int64_t n_localized; /* denominator of the localization errors, outcomes and mean IoU */
    int64_t n_swept;     /* denominator of MaxBoxAcc */
    int64_t n_missing;   /* images that are not computed yet */
    /* Of n_localized: images whose map of the first class, or of the ground-truth class, is empty; -1 where
     * the file does not say, or for a baseline. */
    int64_t top1_empty, gt_known_empty;
    int64_t n_excluded; /* images that the exclude list keeps from localization here */
    double threshold;   /* of the protocol, 0 to 1; NaN for a baseline */
    double iou;         /* of the protocol: a box is right from here on */
    cr_metric_value
        values[CR_METRIC_MAX_NUMBERS]; /* by the place of cr_metric_number_at, unrounded */
    /* Right at IoU 0.5, in percent, as in wsol-v1: by level; of the baseline `center-box` by the side of its
     * box, CR_CENTER_BOXES of them. NaN where nothing was counted. */
    int n_curve;
    double curve[CR_SWEEP_LEVELS];
    /* By cr_outcome; all 0 where there are none: those of top-1 without a network. */
    int64_t top1_outcomes[CR_N_OUTCOMES], gt_known_outcomes[CR_N_OUTCOMES];
    const cr_tally
        *classes; /* [n_classes of the set] of a report by class, but of baselines; else NULL */
    const cr_report_ap *precisions; /* the same, where the report has `mean-ap` */
} cr_report_row;

/* What a report is to be of. Lists of names have commas between them; NULL: all there are. */
typedef struct cr_report_options {
    bool by_class;
    const char *models, *methods, *protocols; /* as the table names them, baselines too */
    const char *columns; /* keys of numbers, in the order in which they are wanted */
    const char *sort;    /* the key of a number: the best first; NULL: in the order of the job */
    int n_threads;       /* for intervals; 0: one */
    /* A results file, NULL for none: the held-out numbers are of all images, at the best thresholds of its row of the
     * same name, in place of those of a fifth of the images. */
    const char *threshold_from;
    int worst; /* by class: so many of each row, the worst first by `sort`; 0: all */
} cr_report_options;

/* Baselines come last, model "baseline", and need neither networks nor images, but the images' sizes:
 * those annotated, else those decoded in the run. Images without either count only where they failed
 * and failed images count as wrong.
 *   whole-image  the box of the whole image. GT-known, mean IoU and outcomes in the original image,
 *                under each protocol's IoU and exclusion; MaxBoxAcc in the 224 x 224 frame
 *   center-box   the best of the centred squares of side 4, 8, ..., 224 in the 224 x 224 frame in
 *                place of the best threshold: MaxBoxAcc alone */

typedef struct cr_report_failure {
    const char *model, *image;
    char reason[CR_REASON_BYTES];
} cr_report_failure;

/* A line of a report by class. */
typedef struct cr_report_class {
    int row, class;
} cr_report_class;

/* Refers to the results it was made from (cr_results_report), which must stay open. */
typedef struct cr_report {
    const char *job_name;
    int64_t n_images;   /* in the set */
    int64_t n_excluded; /* on the exclude list */
    int64_t n_failed;   /* images that failed under at least one model */
    int64_t n_missing;  /* images not computed under at least one model; not 0: a partial table */
    bool skip_failed;
    bool has_empty;                        /* the file says which maps are empty */
    bool show_protocols, show_v1, show_v2; /* in tables for people, as the plan says */
    bool
        has_metric[CR_METRIC_MAX]; /* by place in cr_metrics: those beside the ones in every file */
    int n_protocols;
    cr_protocol *protocols; /* owned */
    int n_columns;          /* numbers that are asked for; 0: those of the plan */
    int columns[CR_METRIC_MAX_NUMBERS];
    int n_rows;                 /* a multiple of n_protocols: those of a variant stand together */
    cr_report_row *rows;        /* owned */
    const char *threshold_from; /* of the options, or else of the plan; NULL: neither */
    /* What makes the results doubtful, a line each, as `model M: the order of classes is wrong: ...`; NULL: not
     * asked; the caller's. Above every table for people, and in JSON. */
    const char *doubts;
    int n_failures;              /* the first CR_REPORT_MAX_FAILURES, by model and image */
    cr_report_failure *failures; /* owned */
    const cr_dataset *data;      /* whose classes the next are */
    cr_tally *classes;           /* owned; what rows of a report by class refer to; else NULL */
    cr_report_ap *precisions;    /* owned, likewise */
    int n_lines;                /* of a report by class: the classes of each row that have images */
    cr_report_class *lines;     /* owned */
    int worst, worst_by;        /* lines are at most so many of each row, by this number; 0: all */
    bool one_column;            /* LaTeX fits one column of a page that has two; else both */
    int width;                  /* characters of a line of text; 0: as many as there are */
    const struct cr_page *page; /* HTML: what it shows beside the tables (page.h); NULL: nothing */
} cr_report;

/* The name of the model in rows of baselines, which have none; no model of a job is called so. */
#define CR_BASELINE_MODEL "baseline"

#define CR_REPORT_MAX_FAILURES 100
enum { CR_REPORT_RESAMPLES = 1000 }; /* behind the intervals of CR_METRIC_BOOTSTRAP */

/* Fills the counts, numbers and outcomes of a row from the metrics' sums, [CR_METRIC_MAX] by place in
 * cr_metrics: NULL where there are none, but of `localization`. */
void cr_report_fill(const int64_t *const *sums, cr_report_row *row);

/* Those of the metric `mean-ap`. */
void cr_report_fill_precisions(const cr_report_ap *of, cr_report_row *row);

/* And of empty maps, where the file has them. */
void cr_report_fill_empty(const cr_report *report, const cr_tally *tally, cr_report_row *row);

void cr_report_free(cr_report *report);

/* Whether a name is one of a list of the options. */
bool cr_report_takes(const char *names, const char *name);

/* Whether all names of a list are known; CR_EINPUT naming the option, the first that is not, and those
 * that are. */
cr_status cr_report_check_names(const char *option, const char *names, const char *const *known,
                                int n_known, cr_error *err);

/* The same of a list whose names may be short: METHOD@PART of the only METHOD@LAYER whose layer begins or ends
 * with PART, as in grad-cam@layer3. *full has the names as they are known, the caller's (free); NULL for no
 * list. Errors: those above; CR_EUSAGE where several are meant; CR_EINTERNAL (memory). */
cr_status cr_report_full_names(const char *option, const char *names, const char *const *known,
                               int n_known, char **full, cr_error *err);

/* Puts the rows of a report in order, and lists columns and classes. Errors: CR_EUSAGE for a key that is
 * none; CR_EINPUT for one of a metric that the report has not; CR_EINTERNAL (memory). */
cr_status cr_report_arrange(cr_report *report, const cr_report_options *options, cr_error *err);

/* The formats, the default first: each is a file of core/report and a row here. */
#define CR_REPORT_FORMATS(X, between) \
    X(text, )                         \
    X(csv, between)                   \
    X(json, between)                  \
    X(markdown, between)              \
    X(latex, between)                 \
    X(html, between)
#define CR_REPORT_FORMAT_NAME(name, before) before #name
#define CR_REPORT_FORMAT_NAMES(between) CR_REPORT_FORMATS(CR_REPORT_FORMAT_NAME, between)

typedef struct cr_report_format {
    const char *name;
    /* To a memory stream, whose errors the caller finds. False when out of memory. */
    bool (*write)(const cr_report *report, FILE *out);
    cr_file_kind
        *kind;     /* whether a file begins as one that is written in it; NULL: nobody can tell */
    bool has_page; /* it shows a cr_page */
} cr_report_format;

extern const cr_report_format cr_report_formats[]; /* a NULL name ends them */

/* The format of this name; CR_EUSAGE naming all. */
cr_status cr_report_format_find(const char *name, const cr_report_format **format, cr_error *err);

/* The tables for people have a line a variant, with a group of columns a protocol; CSV and JSON a row a
 * variant and protocol. Of a report by class the lines are of each ground-truth class that has images,
 * under each variant and protocol, without baselines; in JSON they are beside the rows, as `classes`.
 * What does not exist, as all that is about predictions where there was no network, is `-` for people,
 * null in JSON, empty in CSV. HTML is one page with all of it, figures, classes and pictures.
 *
 * *text is zero-terminated and the caller's (free). Percentages are rounded to two decimals for
 * people (text, Markdown, LaTeX) and given in full to programs (CSV, JSON of schema
 * camrank-report-1: 17 digits). */
cr_status cr_report_write(const cr_report *report, const cr_report_format *format, char **text,
                          cr_error *err);

/* The report's errors beside those that a paper publishes, with their differences, as plain text.
 * Rows are the paper's where model and method have the names of its table. *text as above.
 *   name  "cam2016" (Zhou et al., CVPR 2016, tables 1 and 2) or "gradcam2017" (Selvaraju et al., ICCV
 *         2017, table 1); CR_EUSAGE naming these */
cr_status cr_report_paper(const cr_report *report, const char *name, char **text, cr_error *err);

#endif
