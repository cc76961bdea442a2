/* What became of the images, as shares of a bar. */
#include "kinds.h"

#include <math.h>
#include <string.h>

/* The outcomes of the first prediction, or, without a network, of the ground-truth class's box. */
static const int64_t *outcomes_of(const cr_plot_row *row, bool of_truth)
{
    return of_truth ? row->of->gt_known_outcomes : row->of->top1_outcomes;
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row", "outcome", "images", "images_percent", NULL, NULL};
    bool of_truth = false, seen[CR_N_OUTCOMES] = {false}, any = false;
    for (int r = 0; r < data->n_rows; r++)
        of_truth = of_truth || !data->rows[r].of->has_network;
    cr_chart_panel *panel = cr_chart_add_panel(chart, CR_PLOT_ROW * data->n_rows + 4);
    cr_plot_percent_axis(&panel->x, "images, %");
    cr_chart_set_rows(&panel->y, data->n_rows);
    for (int r = 0; r < data->n_rows; r++) {
        const cr_plot_row *row = &data->rows[r];
        const int64_t *counts = outcomes_of(row, of_truth);
        double from = 0;
        cr_chart_add_tick(chart, &panel->y, r, row->label);
        for (int o = 0; o < CR_N_OUTCOMES && row->of->n_localized > 0; o++) {
            const double share = 100 * (double)counts[o] / (double)row->of->n_localized;
            cr_chart_add_datum(chart, row->label, cr_outcome_keys[o], (double)counts[o], share, NAN,
                               NAN);
            if (counts[o] == 0)
                continue;
            seen[o] = any = true;
            cr_chart_add_box(
                chart, panel, (cr_chart_style){.colour = CR_COLOUR_PARTS + o}, from, r - 0.4,
                from + share, r + 0.4,
                cr_chart_text(chart, "%s, %s: %.2f %%", row->label, cr_outcome_titles[o], share));
            if (from > 0)
                cr_chart_add_segment(chart, panel,
                                     (cr_chart_style){.colour = CR_COLOUR_PAPER, .size = 0.8}, from,
                                     r - 0.4, from, r + 0.4);
            from += share;
        }
    }
    if (!any)
        return cr_fail(err, CR_EINPUT, "no image counts for localization: nothing to draw");
    for (int o = 0; o < CR_N_OUTCOMES; o++)
        if (seen[o])
            cr_chart_add_entry(chart, CR_MARK_BOX, (cr_chart_style){.colour = CR_COLOUR_PARTS + o},
                               cr_outcome_titles[o]);
    cr_chart_add_note(chart, of_truth ? "What the box of the ground-truth class is."
                                      : "What the first prediction is.");
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_outcomes = {
    .name = "outcomes",
    .title = "What becomes of the images",
    .summary = "outcomes as stacked bars: right, wrong class, part, too large, ...",
    .reading = "One bar per row, all of its images: those that are right, and why the others are "
               "wrong. Part: the "
               "box is inside the object; too large: it holds the object and more; shifted: beside "
               "it; merged: it holds several objects.",
    .make = make,
};
