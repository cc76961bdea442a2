/* Histograms of IoU, one above the other. */
#include "kinds.h"

#include <math.h>
#include <string.h>

enum { BINS = 20 };

static int bin_of(double iou)
{
    /* Not iou * BINS: what is an edge is in the bin that begins there. */
    int b = 0;
    while (b < BINS - 1 && iou >= (b + 1) / (double)BINS)
        b++;
    return b;
}

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row", NULL, "iou_from", "images_percent", NULL, NULL};
    double most = 0;
    const size_t n_rows = (size_t)data->n_rows;
    double(*shares)[BINS] = cr_arena_alloc(&chart->arena, n_rows, sizeof *shares);
    if (!shares)
        return cr_fail_memory(err, "a figure", n_rows, sizeof *shares);
    for (int r = 0; r < data->n_rows; r++) {
        int64_t n = 0;
        for (int i = 0; i < data->data->n_images; i++)
            if (!isnan(data->rows[r].iou[i])) {
                shares[r][bin_of(data->rows[r].iou[i])]++;
                n++;
            }
        for (int b = 0; b < BINS && n > 0; b++) {
            shares[r][b] *= 100. / (double)n;
            most = fmax(most, shares[r][b]);
            cr_chart_add_datum(chart, data->rows[r].label, NULL, b / (double)BINS, shares[r][b],
                               NAN, NAN);
        }
    }
    if (!(most > 0))
        return cr_fail(err, CR_EINPUT, "no image counts for localization: nothing to draw");
    const double height = data->n_rows <= 3 ? 48 : 24;
    cr_chart_panel *panel = cr_chart_add_panel(chart, height * data->n_rows);
    panel->x = (cr_chart_axis){.title = "IoU of the ground-truth class's box", .low = 0, .high = 1};
    cr_chart_set_rows(&panel->y, data->n_rows);
    for (int r = 0; r < data->n_rows; r++) {
        const cr_plot_row *row = &data->rows[r];
        const double base = r + 0.5;
        cr_chart_style style = {.colour = CR_COLOUR_SERIES};
        cr_chart_add_tick(chart, &panel->y, r, row->label);
        for (int b = 0; b < BINS; b++)
            if (shares[r][b] > 0)
                cr_chart_add_box(chart, panel, style, b / (double)BINS + 0.002, base,
                                 (b + 1) / (double)BINS - 0.002, base - 0.92 * shares[r][b] / most,
                                 cr_chart_text(chart, "%s, IoU %.2f to %.2f: %.2f %% of the images",
                                               row->label, b / (double)BINS, (b + 1) / (double)BINS,
                                               shares[r][b]));
        cr_chart_add_segment(chart, panel, (cr_chart_style){.colour = CR_COLOUR_GRID, .size = 0.5},
                             0, base, 1, base);
        cr_chart_add_segment(chart, panel,
                             (cr_chart_style){.colour = CR_COLOUR_INK, .size = 0.7, .dash = 2},
                             row->of->iou, base, row->of->iou, base - 0.95);
    }
    cr_chart_add_note(chart,
                      cr_chart_text(chart,
                                    "The highest bar is %.1f %% of the images. Dotted: the IoU "
                                    "from which a box is right.",
                                    most));
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_iou = {
    .name = "iou",
    .title = "How well boxes fit",
    .summary = "histograms of IoU, one a row",
    .reading = "A histogram a row: how many images have a box of the ground-truth class with this "
               "IoU. What "
               "stands at 0 missed the object; what stands right of the dotted line is right.",
    .needs = CR_PLOT_NEEDS_IMAGES,
    .make = make,
};
