/* The error at every threshold, from the counts of the metric max-box-acc. */
#include "kinds.h"

#include "camrank/stat.h"

#include <math.h>
#include <string.h>

/* Rows of one variant under several protocols are the same curve: the first is drawn. */
static bool is_drawn(const cr_plot_data *data, int r)
{
    return strcmp(data->rows[r].of->protocol, data->report->protocols[0].name) == 0;
}

static void add_row(const cr_plot_data *data, int r, int n_rows, int place, cr_chart *chart,
                    cr_chart_panel *panel)
{
    const cr_plot_row *row = &data->rows[r];
    double x[CR_SWEEP_LEVELS], y[CR_SWEEP_LEVELS], low[CR_SWEEP_LEVELS], high[CR_SWEEP_LEVELS];
    for (int level = 0; level < CR_SWEEP_LEVELS; level++) {
        x[level] = (double)level / CR_SWEEP_LEVELS;
        y[level] = 100 - row->of->curve[level];
        cr_stat_wilson(llround((double)row->of->n_swept * y[level] / 100), row->of->n_swept, 100,
                       &low[level], &high[level]);
        cr_chart_add_datum(chart, row->label, NULL, x[level], y[level], low[level], high[level]);
    }
    const cr_plot_curve curve = {CR_SWEEP_LEVELS, x, y, low, high, 40};
    const cr_metric_value best = cr_plot_number(row, "max_box_acc");
    const cr_metric_value at = cr_plot_number(row, "max_box_acc_threshold");
    const char *title = row->label;
    if (!isnan(at.value))
        title = cr_chart_text(chart, "%s: %.2f at %.2f", row->label, 100 - best.value, at.value);
    cr_plot_add_curve(chart, panel, place, n_rows, &curve, title);
    cr_chart_style style = cr_chart_series(place);
    cr_chart_add_entry(chart, CR_MARK_LINE, style, title);
    style.hollow = true;
    style.size = 3.2;
    if (!isnan(at.value))
        cr_chart_add_point(chart, panel, style, at.value, 100 - best.value, title);
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row",   NULL,        "threshold",
                                          "error", "error_low", "error_high"};
    int n_rows = 0, place = 0;
    for (int r = 0; r < data->n_rows; r++)
        n_rows += is_drawn(data, r) && data->rows[r].of->n_swept > 0;
    if (n_rows == 0)
        return cr_fail(err, CR_EINPUT,
                       "no image has a ground-truth box: there are no boxes to be right");
    cr_chart_panel *panel = cr_chart_add_panel(chart, 140);
    panel->x =
        (cr_chart_axis){.title = "threshold, as a share of the map's maximum", .low = 0, .high = 1};
    cr_plot_percent_axis(&panel->y, "error of the ground-truth class's box at IoU 0.5, %");
    for (int r = 0; r < data->n_rows; r++)
        if (is_drawn(data, r) && data->rows[r].of->n_swept > 0)
            add_row(data, r, n_rows, place++, chart, panel);
    cr_chart_add_note(chart,
                      "Hollow: the best threshold, where the error is 100 - MaxBoxAcc. Bands: 95 % "
                      "intervals (Wilson).");
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_threshold = {
    .name = "threshold",
    .title = "Localization error against the threshold",
    .summary = "the error at every threshold of the map, a curve a row, with its best point",
    .reading =
        "One curve per row: the share of images whose box is wrong when everything above the "
        "threshold is taken for the object. Low is good; a flat curve depends little on the "
        "threshold.",
    .make = make,
};
