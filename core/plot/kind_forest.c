/* Differences of pairs of rows with their intervals. */
#include "kinds.h"

#include <math.h>
#include <string.h>

enum { MOST_PAIRS = 45 };

/* Of too many pairs those with the best row. */
static bool is_drawn(const cr_compare *compare, const cr_compare_metric *metric,
                     const cr_compare_pair *pair)
{
    const int best = metric->order[0];
    return !isnan(pair->difference) &&
           (compare->n_pairs <= MOST_PAIRS || pair->a == best || pair->b == best);
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"pair", NULL, "difference", "p_adjusted", "low", "high"};
    const cr_compare *compare = data->compare;
    const cr_compare_metric *metric = data->metric;
    double least = 0, most = 0;
    int n = 0, line = 0;
    for (int p = 0; p < compare->n_pairs; p++) {
        const cr_compare_pair *pair = &metric->pairs[p];
        if (!is_drawn(compare, metric, pair))
            continue;
        n++;
        least = fmin(least, isnan(pair->low) ? pair->difference : pair->low);
        most = fmax(most, isnan(pair->high) ? pair->difference : pair->high);
    }
    if (n == 0)
        return cr_fail(err, CR_EINPUT, "a forest plot is of two rows at least: there is no pair");
    cr_chart_panel *panel = cr_chart_add_panel(chart, 11. * n + 6);
    const double room = fmax((most - least) * 0.05, 1e-6);
    const cr_metric_number *number = cr_metric_number_at(metric->number, NULL);
    panel->x = (cr_chart_axis){.title = cr_chart_text(chart, "difference of %s%s",
                                                      cr_plot_metric_title(metric),
                                                      number->unit[0] ? ", percentage points" : ""),
                               .low = least - room,
                               .high = most + room};
    cr_chart_set_rows(&panel->y, n);
    cr_chart_add_segment(chart, panel, (cr_chart_style){.colour = CR_COLOUR_INK, .size = 0.7}, 0,
                         -0.5, 0, n - 0.5);
    for (int p = 0; p < compare->n_pairs; p++) {
        const cr_compare_pair *pair = &metric->pairs[p];
        if (!is_drawn(compare, metric, pair))
            continue;
        cr_chart_style style = {.colour = CR_COLOUR_SERIES, .marker = 1};
        const char *label = cr_chart_text(chart, "%s - %s", compare->rows[pair->a].label,
                                          compare->rows[pair->b].label);
        cr_chart_add_tick(chart, &panel->y, line, label);
        if (!isnan(pair->low))
            cr_chart_add_segment(chart, panel, style, pair->low, line, pair->high, line);
        style.hollow = !(pair->p_adjusted < compare->options.alpha);
        cr_chart_add_point(chart, panel, style, pair->difference, line,
                           cr_chart_text(chart, "%s: %.4g (%.4g to %.4g), p %.3g", label,
                                         pair->difference, pair->low, pair->high,
                                         pair->p_adjusted));
        cr_chart_add_datum(chart, label, NULL, pair->difference, pair->p_adjusted, pair->low,
                           pair->high);
        line++;
    }
    cr_chart_add_note(
        chart,
        cr_chart_text(chart,
                      "%s is better. Filled: a difference, p < %g after Holm's "
                      "correction over all pairs. Lines are 95 %% intervals.%s",
                      number->better == CR_METRIC_DOWN ? "Left of 0 the first"
                                                       : "Right of 0 the first",
                      compare->options.alpha,
                      n < compare->n_pairs ? " Only pairs with the best row are shown." : ""));
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_forest = {
    .name = "forest",
    .title = "Differences between rows",
    .summary = "differences of pairs of rows with their intervals, as camrank compare has them",
    .reading =
        "A line a pair: the first row's value minus the second's, on the same images, and its 95 % "
        "interval. An interval that does not reach 0, with a filled point, is a difference.",
    .needs = CR_PLOT_NEEDS_COMPARE,
    .make = make,
};
