/* The table of figures, and what they are made from. */
#include "kinds.h"

#include "camrank/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const cr_plot_kind *const cr_plot_kinds[] = {&cr_plot_threshold, &cr_plot_success, &cr_plot_iou,
                                             &cr_plot_outcomes,  &cr_plot_classes, &cr_plot_size,
                                             &cr_plot_objects,   &cr_plot_models,  &cr_plot_curves,
                                             &cr_plot_forest,    &cr_plot_ranks,   NULL};

cr_status cr_plot_kind_find(const char *name, const cr_plot_kind **kind, cr_error *err)
{
    char known[300] = "";
    for (int k = 0; cr_plot_kinds[k]; k++) {
        if (strcmp(cr_plot_kinds[k]->name, name) == 0) {
            *kind = cr_plot_kinds[k];
            return CR_OK;
        }
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", k ? ", " : "",
                 cr_plot_kinds[k]->name);
    }
    return cr_fail(err, CR_EUSAGE, "there is no figure \"%.100s\", but %s", name, known);
}

/* --- Rows --------------------------------------------------------------------------------------- */

enum { MODEL, METHOD, PROTOCOL, PRECISION, N_PARTS };

static const char *part_of(const cr_report_row *row, int part)
{
    const char *const parts[N_PARTS] = {row->model, row->variant, row->protocol,
                                        row->precision[0] ? row->precision : "-"};
    return parts[part];
}

static bool is_half(const cr_report_row *row)
{
    return strcmp(row->precision, "bfloat16") == 0;
}

static const char *keep(char *text)
{
    return text ? text : "";
}

/* The parts that differ, with / between; of one row the first. */
static char *make_label(const cr_report_row *row, const bool shown[N_PARTS])
{
    char *text = NULL;
    size_t bytes;
    bool first = true;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    for (int part = 0; part < N_PARTS; part++)
        if (shown[part]) {
            fprintf(out, "%s%s", first ? "" : "/", part_of(row, part));
            first = false;
        }
    fclose(out);
    return text;
}

/* What they share; of precisions float32 goes without saying. */
static char *make_common(const cr_report_row *row, const bool shown[N_PARTS])
{
    static const char *const titles[] = {"model", "method", "protocol", "precision"};
    char *text = NULL;
    size_t bytes;
    bool first = true;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    for (int part = 0; part < N_PARTS; part++)
        if (!shown[part] && (part != PRECISION || is_half(row))) {
            fprintf(out, "%s%s %s", first ? "" : ", ", titles[part], part_of(row, part));
            first = false;
        }
    fclose(out);
    return text;
}

cr_status cr_plot_data_init(const cr_report *report, const cr_dataset *set, unsigned needs,
                            cr_plot_data *data, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_images = (size_t)set->n_images;
    bool shown[N_PARTS] = {false}, any = false, halves = false;
    const cr_report_row *first = NULL;
    *data = (cr_plot_data){.report = report, .data = set};
    data->rows = cr_alloc((size_t)report->n_rows, sizeof *data->rows);
    if (!data->rows)
        CR_TRY(cr_fail_memory(err, "rows", (size_t)report->n_rows, sizeof *data->rows));
    for (int r = 0; r < report->n_rows; r++) {
        const cr_report_row *row = &report->rows[r];
        if (row->is_baseline)
            continue;
        first = first ? first : row;
        for (int part = 0; part < N_PARTS; part++)
            shown[part] = shown[part] || strcmp(part_of(first, part), part_of(row, part)) != 0;
        halves = halves || is_half(row);
        data->rows[data->n_rows++] = (cr_plot_row){.of = row};
    }
    if (data->n_rows == 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "there are no rows but baselines: nothing to draw"));
    shown[PRECISION] = shown[PRECISION] && halves;
    for (int part = 0; part < N_PARTS; part++)
        any = any || shown[part];
    shown[METHOD] = shown[METHOD] || !any;
    data->common = keep(make_common(first, shown));
    for (int r = 0; r < data->n_rows; r++) {
        cr_plot_row *row = &data->rows[r];
        row->label = keep(make_label(row->of, shown));
        if (!(needs & CR_PLOT_NEEDS_IMAGES))
            continue;
        row->iou = cr_alloc(n_images, sizeof *row->iou);
        row->right = cr_alloc(n_images, 1);
        row->outcome = cr_alloc(n_images, 1);
        row->top_class = cr_alloc(n_images, sizeof *row->top_class);
        if (!row->iou || !row->right || !row->outcome || !row->top_class)
            CR_TRY(cr_fail_memory(err, "images", n_images, sizeof *row->iou));
        for (size_t i = 0; i < n_images; i++)
            row->iou[i] = NAN, row->top_class[i] = -1;
    }
    if (needs & CR_PLOT_NEEDS_SIZES) {
        data->share = cr_alloc(n_images, sizeof *data->share);
        if (!data->share)
            CR_TRY(cr_fail_memory(err, "images", n_images, sizeof *data->share));
        for (size_t i = 0; i < n_images; i++)
            data->share[i] = NAN;
    }

cleanup:
    if (status != CR_OK)
        cr_plot_data_free(data);
    return status;
}

static void drop(const char *text)
{
    if (text && text[0])
        free((char *)(uintptr_t)text);
}

void cr_plot_data_free(cr_plot_data *data)
{
    for (int r = 0; r < data->n_rows; r++) {
        drop(data->rows[r].label);
        free(data->rows[r].iou);
        free(data->rows[r].right);
        free(data->rows[r].outcome);
        free(data->rows[r].top_class);
        for (int k = 0; k < CR_PLOT_N_CURVES; k++) {
            free(data->rows[r].curves[k].sum);
            free(data->rows[r].curves[k].squares);
        }
    }
    drop(data->common);
    free(data->rows);
    free(data->share);
    *data = (cr_plot_data){0};
}

const char *const cr_plot_curve_metrics[CR_PLOT_N_CURVES] = {"insertion", "deletion"};

bool cr_plot_add_image_curve(cr_plot_mean_curve *to, const double *curve, int most)
{
    int n = 0;
    while (n < most && !isnan(curve[n]))
        n++;
    if (n == 0)
        return true;
    if (!to->sum) {
        to->sum = cr_alloc((size_t)n, sizeof *to->sum);
        to->squares = cr_alloc((size_t)n, sizeof *to->squares);
        to->n_points = n;
        if (!to->sum || !to->squares)
            return false;
    }
    if (n != to->n_points) /* of another size of input, or damaged: no mean of the same steps */
        return true;
    for (int k = 0; k < n; k++) {
        to->sum[k] += curve[k];
        to->squares[k] += curve[k] * curve[k];
    }
    to->n_images++;
    return true;
}

cr_status cr_plot_make(const cr_plot_kind *kind, const cr_plot_data *data, double width,
                       cr_chart *chart, cr_error *err)
{
    cr_chart_init(chart, width);
    chart->title = kind->title;
    chart->description = kind->reading;
    if (data->common[0])
        chart->subtitle = cr_chart_text(chart, "%s", data->common);
    const cr_status status = kind->make(data, chart, err);
    if (status != CR_OK)
        return status;
    return chart->failed ? cr_fail(err, CR_EINTERNAL, "out of memory: a figure") : CR_OK;
}

/* --- What kinds share --------------------------------------------------------------------------- */

void cr_plot_percent_axis(cr_chart_axis *axis, const char *title)
{
    axis->title = title;
    axis->low = 0;
    axis->high = 100;
}

cr_metric_value cr_plot_number(const cr_plot_row *row, const char *key)
{
    const int k = cr_metric_number_find(key);
    return k < 0 ? (cr_metric_value){NAN, NAN, NAN} : row->of->values[k];
}

void cr_plot_add_curve(cr_chart *chart, cr_chart_panel *panel, int row, int n_rows,
                       const cr_plot_curve *curve, const char *title)
{
    const size_t n = (size_t)curve->n;
    cr_chart_style style = cr_chart_series(row);
    if (curve->low) {
        double *x = cr_arena_alloc(&chart->arena, 4 * n, sizeof *x);
        if (!x) {
            chart->failed = true;
            return;
        }
        double *y = x + 2 * n;
        for (size_t i = 0; i < n; i++) {
            x[i] = x[2 * n - 1 - i] = curve->x[i];
            y[i] = curve->low[i];
            y[2 * n - 1 - i] = curve->high[i];
        }
        cr_chart_style band = style;
        band.opacity = n_rows > 6 ? 0.06 : 0.16;
        cr_chart_add(chart, panel, CR_MARK_AREA, band, (int)(2 * n), x, y, NULL);
    }
    style.size = n_rows > 12 ? 0.7 : 0;
    cr_chart_add(chart, panel, CR_MARK_LINE, style, curve->n, curve->x, curve->y, title);
    style.size = n_rows > 12 ? 1.5 : 0;
    for (int i = curve->marker_every ? (row * curve->marker_every / n_rows) : curve->n;
         i < curve->n; i += curve->marker_every)
        if (!isnan(curve->y[i]))
            cr_chart_add_point(chart, panel, style, curve->x[i], curve->y[i], NULL);
}

const char *cr_plot_metric_title(const cr_compare_metric *metric)
{
    const cr_metric_number *number = cr_metric_number_at(metric->number, NULL);
    return number->title ? number->title : number->key;
}

cr_status cr_plot_add_groups(const cr_plot_data *data, const cr_plot_groups *groups,
                             cr_chart *chart, cr_error *err)
{
    enum { MOST = 16 };
    int64_t counts[MOST] = {0};
    cr_chart_panel *panel = cr_chart_add_panel(chart, 130);
    cr_plot_percent_axis(&panel->y, "error of the ground-truth class's box, %");
    panel->x = (cr_chart_axis){
        .title = groups->title, .low = -0.5, .high = groups->n - 0.5, .no_grid = true};
    for (int r = 0; r < data->n_rows; r++) {
        const cr_plot_row *row = &data->rows[r];
        int64_t n[MOST] = {0}, wrong[MOST] = {0};
        double x[MOST], y[MOST];
        const double shift = data->n_rows > 1 ? 0.5 * (r / (data->n_rows - 1.0) - 0.5) : 0;
        cr_chart_style style = cr_chart_series(r);
        for (int i = 0; i < data->data->n_images; i++) {
            const int g = isnan(row->iou[i]) ? -1 : groups->group_of(data, i);
            if (g < 0)
                continue;
            n[g]++;
            wrong[g] += !row->right[i];
        }
        for (int g = 0; g < groups->n; g++) {
            cr_chart_style whisker = style;
            double low, high;
            cr_stat_wilson(wrong[g], n[g], 100, &low, &high);
            counts[g] = n[g] > counts[g] ? n[g] : counts[g];
            x[g] = g + shift;
            y[g] = n[g] > 0 ? 100 * (double)wrong[g] / (double)n[g] : NAN;
            cr_chart_add_datum(chart, row->label, groups->names[g], (double)n[g], y[g], low, high);
            whisker.dash = 0;
            whisker.size = 0.7;
            whisker.opacity = 0.6;
            if (n[g] > 0 && data->n_rows <= CR_PLOT_MOST_INTERVALS)
                cr_chart_add_segment(chart, panel, whisker, x[g], low, x[g], high);
        }
        style.size = data->n_rows > 12 ? 0.5 : 0.8;
        cr_chart_add(chart, panel, CR_MARK_LINE, style, groups->n, x, y, row->label);
        style.size = data->n_rows > 12 ? 1.5 : 0;
        cr_chart_add(chart, panel, CR_MARK_POINT, style, groups->n, x, y, row->label);
        cr_chart_add_entry(chart, CR_MARK_LINE, style, row->label);
    }
    int64_t all = 0;
    for (int g = 0; g < groups->n; g++) {
        cr_chart_add_tick(chart, &panel->x, g, groups->names[g]);
        all += counts[g];
    }
    if (all == 0)
        return cr_fail(err, CR_EINPUT, "no image counts for localization: nothing to draw");
    const char *note = "Images: ";
    for (int g = 0; g < groups->n; g++)
        note = cr_chart_text(chart, "%s%s%s: %lld", note, g ? ", " : "", groups->names[g],
                             (long long)counts[g]);
    cr_chart_add_note(chart, cr_chart_text(chart, "%s.%s", note,
                                           data->n_rows <= CR_PLOT_MOST_INTERVALS
                                               ? " Upright lines are 95 % intervals (Wilson)."
                                               : ""));
    const char *columns[] = {"row", groups->column, "images", "error", "error_low", "error_high"};
    memcpy(chart->columns, columns, sizeof columns);
    return CR_OK;
}
