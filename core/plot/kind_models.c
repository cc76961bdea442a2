/* Classification against localization: a point a row. */
#include "kinds.h"

#include <math.h>
#include <string.h>

#define RADIUS 3.2
#define MOST_RADIUS 7.0
#define LEAST_RADIUS 1.5

/* A range of percent around all values, with room. */
static void set_range(cr_chart_axis *axis, double least, double most)
{
    const double room = fmax(1, 0.12 * (most - least));
    axis->low = fmax(0, floor(least - room));
    axis->high = fmin(100, ceil(most + room));
}

/* The least and the most operations of networks, both NaN where one is not known. */
static void find_flops(const cr_plot_data *data, double *least, double *most)
{
    *least = INFINITY;
    *most = 0;
    for (int r = 0; r < data->n_rows; r++) {
        const double flops = data->rows[r].of->flops;
        *least = isnan(flops) || isnan(*least) ? NAN : fmin(*least, flops);
        *most = isnan(*least) ? NAN : fmax(*most, flops);
    }
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row",        "model", "top1_cls_error", "top1_loc_error",
                                          "parameters", "flops"};
    double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
    double least_flops, most_flops;
    int n = 0;
    find_flops(data, &least_flops, &most_flops);
    const bool sized = least_flops < most_flops;
    cr_chart_panel *panel = cr_chart_add_panel(chart, 160);
    for (int r = 0; r < data->n_rows; r++) {
        const cr_plot_row *row = &data->rows[r];
        const double x = cr_plot_number(row, "top1_cls_error").value;
        const double y = cr_plot_number(row, "top1_loc_error").value;
        if (isnan(x) || isnan(y))
            continue;
        n++;
        least[0] = fmin(least[0], x);
        most[0] = fmax(most[0], x);
        least[1] = fmin(least[1], y);
        most[1] = fmax(most[1], y);
    }
    if (n == 0)
        return cr_fail(err, CR_EINPUT, "no row has both classes and boxes: nothing to draw");
    panel->x.title = "top-1 classification error, %";
    panel->y.title = "top-1 localization error, %";
    set_range(&panel->x, least[0], most[0]);
    set_range(&panel->y, least[1], most[1]);
    for (int r = 0; r < data->n_rows; r++) {
        const cr_plot_row *row = &data->rows[r];
        cr_chart_style style = cr_chart_series(r), line = style;
        const cr_metric_value x = cr_plot_number(row, "top1_cls_error");
        const cr_metric_value y = cr_plot_number(row, "top1_loc_error");
        if (isnan(x.value) || isnan(y.value))
            continue;
        line.dash = 0;
        line.size = 0.6;
        line.opacity = 0.5;
        if (data->n_rows <= CR_PLOT_MOST_INTERVALS) {
            cr_chart_add_segment(chart, panel, line, fmax(x.low, panel->x.low), y.value,
                                 fmin(x.high, panel->x.high), y.value);
            cr_chart_add_segment(chart, panel, line, x.value, fmax(y.low, panel->y.low), x.value,
                                 fmin(y.high, panel->y.high));
        }
        style.size =
            sized ? fmax(LEAST_RADIUS, MOST_RADIUS * sqrt(row->of->flops / most_flops)) : RADIUS;
        style.opacity = 0.85;
        cr_chart_add_point(
            chart, panel, style, x.value, y.value,
            cr_chart_text(chart, "%s: %.2f %%, %.2f %%", row->label, x.value, y.value));
        style.size = RADIUS;
        cr_chart_add_entry(chart, CR_MARK_POINT, style, row->label);
        cr_chart_add_datum(chart, row->label, row->of->model, x.value, y.value, row->of->parameters,
                           row->of->flops);
    }
    if (sized)
        cr_chart_add_note(chart,
                          cr_chart_text(chart,
                                        "Areas are the operations of an image, %.3g to %.3g GFLOP, "
                                        "down to the smallest point that is drawn.",
                                        least_flops * 1e-9, most_flops * 1e-9));
    if (data->n_rows <= CR_PLOT_MOST_INTERVALS)
        cr_chart_add_note(chart, "Lines are 95 % intervals (Wilson), cut at the edge.");
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_models = {
    .name = "models",
    .title = "Classification against localization",
    .summary = "classification error against localization error, a point a row",
    .reading = "One point per row. Low is good on both axes; models on one level localize alike "
               "however well they "
               "classify.",
    .make = make,
};
