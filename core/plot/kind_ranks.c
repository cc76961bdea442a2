/* The critical-difference diagram (Demsar, JMLR 7, 2006, section 3.2.4): rows on a line of mean ranks, bars
 * over those that Nemenyi's test does not tell apart. Its units are points. */
#include "kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL 10.0 /* between names */
#define BAR 4.5    /* between bars */
#define SIDES 0.36 /* of the width, for names at either side */

typedef struct diagram {
    cr_chart *chart;
    cr_chart_panel *panel;
    double width, left, right; /* of the line of ranks */
    int k;                     /* rows */
    int first, last;           /* ranks at its ends */
} diagram;

static double place_of(const diagram *d, double rank)
{
    return d->left + (rank - d->first) / (d->last - d->first) * (d->right - d->left);
}

static void line(const diagram *d, double x0, double y0, double x1, double y1, double size)
{
    cr_chart_add_segment(d->chart, d->panel,
                         (cr_chart_style){.colour = CR_COLOUR_INK, .size = size}, x0, y0, x1, y1);
}

static void text(const diagram *d, double x, double y, int align, const char *what)
{
    cr_chart_add_text(d->chart, d->panel, (cr_chart_style){.colour = CR_COLOUR_INK, .align = align},
                      x, y, what);
}

/* Every so many ranks that their numbers have room. */
static void add_line(const diagram *d)
{
    int step = 1;
    while ((d->right - d->left) * step / (d->last - d->first) < 14)
        step++;
    line(d, d->left, 0, d->right, 0, 0.8);
    for (int rank = d->first; rank <= d->last; rank += step) {
        line(d, place_of(d, rank), 0, place_of(d, rank), -3, 0.6);
        text(d, place_of(d, rank), -8, 0, cr_chart_text(d->chart, "%d", rank));
    }
}

/* The longest runs of neighbours that are not told apart. Returns how many levels they take. */
static int add_bars(const diagram *d, const double *ranks, double difference)
{
    int n = 0, last = -1;
    for (int i = 0; i < d->k; i++) {
        int end = i;
        while (end + 1 < d->k && ranks[end + 1] - ranks[i] < difference)
            end++;
        if (end == i || end <= last)
            continue;
        last = end;
        line(d, place_of(d, ranks[i]) - 2, BAR * (1 + n), place_of(d, ranks[end]) + 2,
             BAR * (1 + n), 2.2);
        n++;
    }
    return n;
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row", NULL, "mean_rank", NULL, NULL, NULL};
    const cr_compare *compare = data->compare;
    const cr_compare_metric *metric = data->ranks;
    const int k = metric ? metric->n_having : 0;
    if (k < 2 || !metric->mean_ranks)
        return cr_fail(err, CR_EINPUT, "mean ranks are of two rows at least that have values");
    diagram d = {.chart = chart, .width = chart->width - 12, .k = k};
    double *ranks = cr_arena_alloc(&chart->arena, (size_t)k, sizeof *ranks);
    int *rows = cr_arena_alloc(&chart->arena, (size_t)k, sizeof *rows);
    if (!ranks || !rows)
        return cr_fail_memory(err, "ranks", (size_t)k, sizeof *ranks);
    for (int i = 0; i < k; i++) {
        const int row = metric->order[i];
        int at = i;
        for (; at > 0 && ranks[at - 1] > metric->mean_ranks[row]; at--) {
            ranks[at] = ranks[at - 1];
            rows[at] = rows[at - 1];
        }
        ranks[at] = metric->mean_ranks[row];
        rows[at] = row;
    }
    d.first = (int)floor(ranks[0]);
    d.last = (int)fmax(ceil(ranks[k - 1]), d.first + 1);
    d.left = SIDES * d.width;
    d.right = d.width - d.left;
    d.panel = cr_chart_add_panel(chart, 0);
    d.panel->x = (cr_chart_axis){.low = 0, .high = d.width, .hidden = true};
    d.panel->y = (cr_chart_axis){.hidden = true};
    add_line(&d);
    const double first = BAR * (add_bars(&d, ranks, metric->nemenyi) + 1) + LEVEL / 2;
    const int n_left = (k + 1) / 2;
    for (int i = 0; i < k; i++) {
        const bool left = i < n_left;
        const double y = first + LEVEL * (left ? i : k - 1 - i), x = place_of(&d, ranks[i]);
        const char *label = compare->rows[rows[i]].label;
        const char *value = cr_chart_text(chart, "%.2f", ranks[i]);
        const double room = d.left - cr_chart_text_width(value) - 14;
        const char *name = cr_chart_shorten(chart, label, room);
        line(&d, x, 0, x, y, 0.6);
        line(&d, x, y, left ? d.left - 4 : d.right + 4, y, 0.6);
        text(&d, left ? d.left - 4 : d.right + 4, y, left ? -1 : 1,
             cr_chart_text(chart, left ? "%s  %s" : "%2$s  %1$s", name, value));
        cr_chart_add_datum(chart, label, NULL, ranks[i], NAN, NAN, NAN);
    }
    d.panel->height = first + LEVEL * n_left + 26;
    d.panel->y.low = first + LEVEL * n_left;
    d.panel->y.high = -26;
    /* The length that is a difference, above the line. */
    const double length = metric->nemenyi / (d.last - d.first) * (d.right - d.left);
    const double shown = fmin(length, d.width);
    line(&d, d.left, -18, d.left + fmin(shown, d.width - d.left), -18, 1.4);
    cr_chart_add_note(
        chart, cr_chart_text(chart,
                             "Mean ranks by %s over %d images, 1 the best. Rows under one bar "
                             "are closer than the critical difference of Nemenyi's test, %.3g "
                             "(the line at the top), at alpha %g.",
                             cr_plot_metric_title(metric), metric->n, metric->nemenyi,
                             compare->options.alpha));
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_ranks = {
    .name = "ranks",
    .title = "Critical differences of mean ranks",
    .summary = "the critical-difference diagram of mean ranks",
    .reading = "Rows stand at their mean rank over the images, the best at the left. Rows that one "
               "bar joins "
               "cannot be told apart by Nemenyi's test.",
    .needs = CR_PLOT_NEEDS_COMPARE | CR_PLOT_NEEDS_RANKS,
    .make = make,
};
