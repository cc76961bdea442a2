/* The class's probability while pixels come or go: the mean curves of the metrics insertion and deletion. */
#include "kinds.h"

#include <math.h>
#include <string.h>

/* The table's number, whose area is under the same curves. */
static const char *const numbers[CR_PLOT_N_CURVES] = {"insertion_auc", "deletion_auc"};
static const char *const titles[CR_PLOT_N_CURVES] = {"pixels inserted, %", "pixels deleted, %"};

/* Rows of one variant under several protocols are the same curve: the first is drawn. */
static bool is_drawn(const cr_plot_data *data, int r)
{
    return strcmp(data->rows[r].of->protocol, data->report->protocols[0].name) == 0 &&
           (data->rows[r].curves[CR_PLOT_INSERTION].n_images > 0 ||
            data->rows[r].curves[CR_PLOT_DELETION].n_images > 0);
}

static cr_status add_row(const cr_plot_data *data, int r, int kind, int n_rows, int place,
                         cr_chart *chart, cr_chart_panel *panel, cr_error *err)
{
    const cr_plot_row *row = &data->rows[r];
    const cr_plot_mean_curve *of = &row->curves[kind];
    const double n = (double)of->n_images;
    double *x = cr_arena_alloc(&chart->arena, 4 * (size_t)of->n_points, sizeof *x);
    if (!x)
        return cr_fail_memory(err, "a curve", 4 * (size_t)of->n_points, sizeof *x);
    double *y = x + of->n_points, *low = y + of->n_points, *high = low + of->n_points;
    for (int k = 0; k < of->n_points; k++) {
        x[k] = of->n_points > 1 ? 100. * k / (of->n_points - 1) : 0;
        y[k] = of->sum[k] / n;
        const double variance = of->squares[k] / n - y[k] * y[k];
        const double half = n > 1 ? 1.96 * sqrt(fmax(0, variance) / (n - 1)) : NAN;
        low[k] = fmax(0, y[k] - half);
        high[k] = fmin(1, y[k] + half);
        cr_chart_add_datum(chart, row->label, cr_plot_curve_metrics[kind], x[k], y[k], low[k],
                           high[k]);
    }
    const bool banded = n > 1 && n_rows <= CR_PLOT_MOST_INTERVALS;
    const cr_plot_curve curve = {
        of->n_points, x, y, banded ? low : NULL, banded ? high : NULL, of->n_points / 8 + 1};
    cr_plot_add_curve(chart, panel, place, n_rows, &curve, row->label);
    return CR_OK;
}

/* "gap/cam: insertion 0.8399, deletion 0.1335". */
static const char *name_row(const cr_plot_row *row, cr_chart *chart)
{
    const char *text = row->label;
    bool first = true;
    for (int kind = 0; kind < CR_PLOT_N_CURVES; kind++)
        if (row->curves[kind].n_images > 0) {
            text = cr_chart_text(chart, "%s%s %s %.4f", text, first ? ":" : ",",
                                 cr_plot_curve_metrics[kind],
                                 cr_plot_number(row, numbers[kind]).value);
            first = false;
        }
    return text;
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row",         "metric", "pixels_percent",
                                          "probability", "low",    "high"};
    int n_rows = 0;
    for (int r = 0; r < data->n_rows; r++)
        n_rows += is_drawn(data, r);
    if (n_rows == 0)
        return cr_fail(err, CR_EINPUT,
                       "the file has no curves: its job names neither the metric insertion nor "
                       "deletion, or no image is done");
    for (int kind = 0; kind < CR_PLOT_N_CURVES; kind++) {
        cr_chart_panel *panel = NULL;
        for (int r = 0, place = 0; r < data->n_rows; r++) {
            if (!is_drawn(data, r))
                continue;
            const int at = place++;
            if (data->rows[r].curves[kind].n_images == 0)
                continue;
            if (!panel) {
                panel = cr_chart_add_panel(chart, 120);
                panel->x = (cr_chart_axis){.title = titles[kind], .low = 0, .high = 100};
                panel->y = (cr_chart_axis){.title = "probability of the class", .high = 1};
            }
            CR_OR_RETURN(add_row(data, r, kind, n_rows, at, chart, panel, err));
        }
    }
    for (int r = 0, place = 0; r < data->n_rows; r++)
        if (is_drawn(data, r))
            cr_chart_add_entry(chart, CR_MARK_LINE, cr_chart_series(place++),
                               name_row(&data->rows[r], chart));
    cr_chart_add_note(chart,
                      "Means over the images; bands are 95 % intervals of the mean (normal). "
                      "The last step may have fewer pixels.");
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_curves = {
    .name = "curves",
    .title = "Insertion and deletion",
    .summary = "the class's probability while pixels come or go, the most important first",
    .reading = "One curve per row: the mean probability of the class while the pixels come, or go, "
               "those first where the map is largest. Insertion is good where it rises early, "
               "deletion where it falls early.",
    .needs = CR_PLOT_NEEDS_CURVES,
    .make = make,
};
