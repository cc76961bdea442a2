/* plot.h - the figures of a results file: what kinds there are, and what each is made from. A kind is one file
 * of core/plot and one row of its table. All functions are Local. */
#ifndef CAMRANK_PLOT_H
#define CAMRANK_PLOT_H

#include "camrank/chart.h"
#include "camrank/compare.h"
#include "camrank/data.h"
#include "camrank/report.h"

/* The metrics that keep a curve of each image, the probability of the class after each step. */
enum { CR_PLOT_INSERTION, CR_PLOT_DELETION, CR_PLOT_N_CURVES };
extern const char *const cr_plot_curve_metrics[CR_PLOT_N_CURVES]; /* their names */

/* Sums of such curves over the images that have one. */
typedef struct cr_plot_mean_curve {
    int n_points;
    int64_t n_images;
    double *sum, *squares; /* [n_points]; NULL: there is none */
} cr_plot_mean_curve;

/* A row of the error table that is no baseline. */
typedef struct cr_plot_row {
    const cr_report_row *of;
    const char *label; /* the parts of its name in which rows differ */
    /* [n_images], where images are needed: the best IoU of the ground-truth class's box, 0 of an image that
     * failed, NaN of one that does not count for localization; and whether it is right. */
    double *iou;
    uint8_t *right;
    /* The same: what became of the first prediction, or, without a network, of that box, a cr_outcome; and the
     * first class, -1: none. */
    uint8_t *outcome;
    int32_t *top_class;
    cr_plot_mean_curve
        curves[CR_PLOT_N_CURVES]; /* where curves are needed; the caller adds to them */
} cr_plot_row;

typedef struct cr_plot_data {
    const cr_report *report; /* by class where classes are needed */
    const cr_dataset *data;
    int n_rows;
    cr_plot_row *rows;
    const char *common; /* what all rows have in common: "protocol cam-paper" */
    /* [n_images], where sizes are needed: the share of the image that its largest object has, 0 to 1; NaN: not
     * known. */
    double *share;
    const cr_compare *compare;               /* where a comparison is needed */
    const cr_compare_metric *metric, *ranks; /* of it; `ranks` is of values, NULL: there is none */
} cr_plot_data;

/* What a kind needs to know beside the error table. */
enum {
    CR_PLOT_NEEDS_IMAGES = 1,
    CR_PLOT_NEEDS_SIZES = 2,
    CR_PLOT_NEEDS_CLASSES = 4,
    CR_PLOT_NEEDS_COMPARE =
        8, /* under a number that images are right or wrong by, or have values of */
    CR_PLOT_NEEDS_RANKS = 16, /* the same, of values */
    CR_PLOT_NEEDS_CURVES = 32,
};

typedef struct cr_plot_kind {
    const char *name;
    const char *title;   /* of the figure */
    const char *summary; /* what it shows, one line */
    const char *reading; /* how to read it, for those who do not know it; also its description */
    unsigned needs;
    /* Fills a chart that is empty. Errors: CR_EINPUT where there is nothing to show. */
    cr_status (*make)(const cr_plot_data *data, cr_chart *chart, cr_error *err);
} cr_plot_kind;

/* The table: NULL behind the last. */
extern const cr_plot_kind *const cr_plot_kinds[];

/* The kind of this name. Errors: CR_EUSAGE naming all. */
cr_status cr_plot_kind_find(const char *name, const cr_plot_kind **kind, cr_error *err);

/* Fills `rows` and `common` of the report's rows; *data is then the caller's (cr_plot_data_free), with
 * arrays of images where `needs` asks for them, NaN and 0. Errors: CR_EINPUT where no row is left;
 * CR_EINTERNAL (memory). */
cr_status cr_plot_data_init(const cr_report *report, const cr_dataset *set, unsigned needs,
                            cr_plot_data *data, cr_error *err);
void cr_plot_data_free(cr_plot_data *data);

/* Adds an image's curve, which ends before its first NaN or after `most` points, to a row's. False: no memory. */
bool cr_plot_add_image_curve(cr_plot_mean_curve *to, const double *curve, int most);

/* Makes a figure. *chart is the caller's (cr_chart_fini), also on failure. Errors: those of the kind;
 * CR_EINTERNAL (memory). */
cr_status cr_plot_make(const cr_plot_kind *kind, const cr_plot_data *data, double width,
                       cr_chart *chart, cr_error *err);

#endif
