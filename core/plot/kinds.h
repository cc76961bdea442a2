/* kinds.h - the kinds of figures, and what they share. Private to core/plot. */
#ifndef CAMRANK_PLOT_KINDS_H
#define CAMRANK_PLOT_KINDS_H

#include "camrank/plot.h"

extern const cr_plot_kind cr_plot_threshold, cr_plot_success, cr_plot_iou, cr_plot_outcomes,
    cr_plot_classes, cr_plot_size, cr_plot_objects, cr_plot_models, cr_plot_curves, cr_plot_forest,
    cr_plot_ranks;

/* An axis of percent, from 0 to 100. */
void cr_plot_percent_axis(cr_chart_axis *axis, const char *title);

/* The value of a row's number by its key, and its interval; NaN where it has none. */
cr_metric_value cr_plot_number(const cr_plot_row *row, const char *key);

/* Points of a row that are joined, with the area between `low` and `high` behind them (NULL: none) and a
 * marker every so many points. */
typedef struct cr_plot_curve {
    int n;
    const double *x, *y, *low, *high; /* [n] */
    int marker_every;                 /* 0: none */
} cr_plot_curve;
void cr_plot_add_curve(cr_chart *chart, cr_chart_panel *panel, int row, int n_rows,
                       const cr_plot_curve *curve, const char *title);

/* Errors of images in groups, such as of their size: a curve a row, with an interval. `group_of` returns
 * the group of an image, or -1. */
typedef struct cr_plot_groups {
    int n;
    const char *const *names; /* [n] */
    const char *title;        /* of the axis */
    const char *column;       /* of the CSV */
    int (*group_of)(const cr_plot_data *data, int image);
} cr_plot_groups;
cr_status cr_plot_add_groups(const cr_plot_data *data, const cr_plot_groups *groups,
                             cr_chart *chart, cr_error *err);

/* What a comparison is of, for people: "top-1 loc error". */
const char *cr_plot_metric_title(const cr_compare_metric *metric);

/* With more rows intervals would hide each other, and are left out. */
enum { CR_PLOT_MOST_INTERVALS = 12 };

/* Height of a row of a figure that has a line a row. */
#define CR_PLOT_ROW 13.0

#endif
