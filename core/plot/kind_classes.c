/* Errors class by class: all of them in order, and the worst and the best by their names. */
#include "kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 8 };

typedef struct class_error {
    double error;
    int class;
} class_error;

static int compare_errors(const void *x, const void *y)
{
    const class_error *a = x, *b = y;
    if (a->error < b->error || a->error > b->error)
        return a->error < b->error ? 1 : -1;
    return (a->class > b->class) - (a->class < b->class);
}

/* In percent; NaN of a class that has no image. */
static double error_of(const cr_plot_row *row, int class, bool of_truth)
{
    const cr_tally *tally = &row->of->classes[class];
    const int64_t right = of_truth ? tally->gt_known_right : tally->top1_loc_right;
    return tally->n_localized > 0 ? 100 - 100 * (double)right / (double)tally->n_localized : NAN;
}

/* The sorted curve of a row. Its classes are those of `order`, in its own order. */
static void add_curve(const cr_plot_data *data, int r, bool of_truth, const class_error *order,
                      int n, class_error *scratch, cr_chart *chart, cr_chart_panel *panel)
{
    const cr_plot_row *row = &data->rows[r];
    double *x = cr_arena_alloc(&chart->arena, 2 * (size_t)n, sizeof *x);
    if (!x) {
        chart->failed = true;
        return;
    }
    double *y = x + n;
    for (int i = 0; i < n; i++)
        scratch[i] = (class_error){error_of(row, order[i].class, of_truth), order[i].class};
    qsort(scratch, (size_t)n, sizeof *scratch, compare_errors);
    for (int i = 0; i < n; i++) {
        x[i] = i + 1;
        y[i] = scratch[i].error;
        cr_chart_add_datum(chart, row->label, cr_data_class_name(data->data, scratch[i].class),
                           i + 1, y[i], NAN, NAN);
    }
    const cr_plot_curve curve = {n, x, y, NULL, NULL, n < 20 ? 1 : n / 8};
    cr_plot_add_curve(chart, panel, r, data->n_rows, &curve, row->label);
    cr_chart_add_entry(chart, CR_MARK_LINE, cr_chart_series(r), row->label);
}

static void add_named(const cr_plot_data *data, bool of_truth, const class_error *order, int n,
                      cr_chart *chart)
{
    const bool all = n <= 2 * NAMED;
    const int n_named = all ? n : 2 * NAMED + 1;
    cr_chart_panel *panel = cr_chart_add_panel(chart, 11. * n_named + 4);
    cr_plot_percent_axis(&panel->x, "error of the class, %");
    cr_chart_set_rows(&panel->y, n_named);
    panel->y.title = all ? "classes, the worst first" : "the worst classes, and the best";
    for (int line = 0; line < n_named; line++) {
        if (!all && line == NAMED) {
            cr_chart_add_tick(chart, &panel->y, line,
                              cr_chart_text(chart, "(%d more)", n - 2 * NAMED));
            continue;
        }
        const int class = order[line <= NAMED || all ? line : n - n_named + line].class;
        cr_chart_add_tick(chart, &panel->y, line, cr_data_class_name(data->data, class));
        cr_chart_add_segment(chart, panel, (cr_chart_style){.colour = CR_COLOUR_GRID, .size = 0.5},
                             0, line, 100, line);
        for (int r = data->n_rows - 1; r >= 0; r--) {
            const double error = error_of(&data->rows[r], class, of_truth);
            cr_chart_add_point(
                chart, panel, cr_chart_series(r), error, line,
                cr_chart_text(chart, "%s, %s: %.2f %% of %lld images", data->rows[r].label,
                              cr_data_class_name(data->data, class), error,
                              (long long)data->rows[r].of->classes[class].n_localized));
        }
    }
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row", "class", "rank", "error", NULL, NULL};
    const int n_classes = data->data->n_classes;
    bool of_truth = false;
    int n = 0;
    class_error *order = cr_arena_alloc(&chart->arena, 2 * (size_t)n_classes, sizeof *order);
    if (!order)
        return cr_fail_memory(err, "classes", (size_t)n_classes, sizeof *order);
    for (int r = 0; r < data->n_rows; r++)
        of_truth = of_truth || !data->rows[r].of->has_network;
    for (int c = 0; c < n_classes; c++) {
        double sum = 0;
        for (int r = 0; r < data->n_rows; r++)
            sum += error_of(&data->rows[r], c, of_truth);
        if (!isnan(sum))
            order[n++] = (class_error){sum, c};
    }
    if (n == 0)
        return cr_fail(err, CR_EINPUT, "no class has images that count for localization");
    qsort(order, (size_t)n, sizeof *order, compare_errors);
    cr_chart_panel *panel = cr_chart_add_panel(chart, 110);
    cr_plot_percent_axis(&panel->y, of_truth ? "error of the ground-truth class's box, %"
                                             : "top-1 localization error, %");
    panel->x = (cr_chart_axis){.title = "classes, each row in its own order",
                               .low = n > 1 ? 1 : 0.5,
                               .high = n > 1 ? n : 1.5,
                               .whole = true};
    for (int r = 0; r < data->n_rows; r++)
        add_curve(data, r, of_truth, order, n, order + n_classes, chart, panel);
    add_named(data, of_truth, order, n, chart);
    if (data->n_rows > 1)
        cr_chart_add_note(chart, "Classes are in the order of their mean error over the rows.");
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_classes = {
    .name = "classes",
    .title = "Localization error by class",
    .summary = "the error class by class, sorted, with the worst and the best by name",
    .reading = "Above, each row's errors of all classes, sorted: a steep curve has classes that "
               "are easy and "
               "classes that are hard. Below, the worst and the best classes by their names.",
    .needs = CR_PLOT_NEEDS_CLASSES,
    .make = make,
};
