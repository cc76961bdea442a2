/* How many images reach an IoU, for all IoU. The area under it is the mean IoU. */
#include "kinds.h"

#include <math.h>
#include <string.h>

enum { STEPS = 200 };

static cr_status make(const cr_plot_data *data, cr_chart *chart, cr_error *err)
{
    static const char *const columns[] = {"row", NULL, "iou", "images_percent", NULL, NULL};
    int drawn = 0;
    cr_chart_panel *panel = cr_chart_add_panel(chart, 140);
    panel->x = (cr_chart_axis){.title = "IoU that counts as right", .low = 0, .high = 1};
    cr_plot_percent_axis(&panel->y, "images whose box is right, %");
    for (int r = 0; r < data->n_rows; r++) {
        const cr_plot_row *row = &data->rows[r];
        int64_t reached[STEPS + 1] = {0}, n = 0;
        double x[STEPS + 1], y[STEPS + 1];
        for (int i = 0; i < data->data->n_images; i++) {
            if (isnan(row->iou[i]))
                continue;
            n++;
            for (int s = 0; s <= STEPS && row->iou[i] >= s / (double)STEPS; s++)
                reached[s]++;
        }
        for (int s = 0; s <= STEPS; s++) {
            x[s] = s / (double)STEPS;
            y[s] = n > 0 ? 100 * (double)reached[s] / (double)n : NAN;
            if (n > 0)
                cr_chart_add_datum(chart, row->label, NULL, x[s], y[s], NAN, NAN);
        }
        if (n == 0)
            continue;
        const char *title = cr_chart_text(chart, "%s: area %.4f", row->label,
                                          cr_plot_number(row, "mean_iou").value);
        const cr_plot_curve curve = {STEPS + 1, x, y, NULL, NULL, 25};
        cr_plot_add_curve(chart, panel, r, data->n_rows, &curve, title);
        cr_chart_add_entry(chart, CR_MARK_LINE, cr_chart_series(r), title);
        drawn++;
    }
    if (drawn == 0)
        return cr_fail(err, CR_EINPUT, "no image counts for localization: nothing to draw");
    cr_chart_add_note(chart, "The area under a curve is the mean IoU.");
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}

const cr_plot_kind cr_plot_success = {
    .name = "success",
    .title = "Success against IoU",
    .summary = "the share of images that reach an IoU, from 0 to 1, and the area under it",
    .reading =
        "One curve per row: of how many images the ground-truth class's box has at least this IoU "
        "with an object. High is good; the area under the curve is the mean IoU.",
    .needs = CR_PLOT_NEEDS_IMAGES,
    .make = make,
};
