/* How a chart is filled. What is given is copied, and running out of memory is noted in the chart. */
#include "canvas.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cr_chart_init(cr_chart *chart, double width)
{
    *chart = (cr_chart){.width = width};
}

void cr_chart_fini(cr_chart *chart)
{
    for (int p = 0; p < chart->n_panels; p++) {
        free(chart->panels[p].marks);
        free(chart->panels[p].x.ticks);
        free(chart->panels[p].y.ticks);
    }
    free(chart->entries);
    free(chart->notes);
    free(chart->data);
    cr_arena_free(&chart->arena);
    *chart = (cr_chart){0};
}

const char *cr_chart_text(cr_chart *chart, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int n = vsnprintf(NULL, 0, format, arguments);
    char *text = n < 0 ? NULL : cr_arena_alloc(&chart->arena, (size_t)n + 1, 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(arguments);
    chart->failed = chart->failed || !text;
    return text ? text : "";
}

static const char *copy(cr_chart *chart, const char *text)
{
    return text ? cr_chart_text(chart, "%s", text) : NULL;
}

/* Room for one more item; false when out of memory. */
static bool reserve(cr_chart *chart, void *items, size_t n, size_t *capacity, size_t bytes)
{
    if (!chart->failed && cr_reserve(items, n, capacity, bytes, NULL) != CR_OK)
        chart->failed = true;
    return !chart->failed;
}

cr_chart_panel *cr_chart_add_panel(cr_chart *chart, double height)
{
    cr_chart_panel *panel = &chart->panels[chart->n_panels++];
    *panel = (cr_chart_panel){.height = height};
    return panel;
}

void cr_chart_add(cr_chart *chart, cr_chart_panel *panel, cr_chart_mark_kind kind,
                  cr_chart_style style, int n, const double *x, const double *y, const char *title)
{
    double *places = cr_arena_alloc(&chart->arena, 2 * (size_t)n, sizeof *places);
    if (!places)
        chart->failed = true;
    if (!reserve(chart, &panel->marks, panel->n_marks, &panel->capacity, sizeof *panel->marks))
        return;
    memcpy(places, x, (size_t)n * sizeof *x);
    memcpy(places + n, y, (size_t)n * sizeof *y);
    panel->marks[panel->n_marks++] =
        (cr_chart_mark){kind, style, n, places, places + n, copy(chart, title)};
}

void cr_chart_add_box(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x0,
                      double y0, double x1, double y1, const char *title)
{
    cr_chart_add(chart, panel, CR_MARK_BOX, style, 2, (double[]){x0, x1}, (double[]){y0, y1},
                 title);
}

void cr_chart_add_segment(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x0,
                          double y0, double x1, double y1)
{
    cr_chart_add(chart, panel, CR_MARK_LINE, style, 2, (double[]){x0, x1}, (double[]){y0, y1},
                 NULL);
}

void cr_chart_add_point(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x,
                        double y, const char *title)
{
    cr_chart_add(chart, panel, CR_MARK_POINT, style, 1, &x, &y, title);
}

void cr_chart_add_text(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x,
                       double y, const char *text)
{
    cr_chart_add(chart, panel, CR_MARK_TEXT, style, 1, &x, &y, text);
}

void cr_chart_add_tick(cr_chart *chart, cr_chart_axis *axis, double at, const char *text)
{
    if (reserve(chart, &axis->ticks, axis->n_ticks, &axis->capacity, sizeof *axis->ticks))
        axis->ticks[axis->n_ticks++] = (cr_chart_tick){at, copy(chart, text)};
}

void cr_chart_add_entry(cr_chart *chart, cr_chart_mark_kind kind, cr_chart_style style,
                        const char *text)
{
    if (reserve(chart, &chart->entries, chart->n_entries, &chart->entries_capacity,
                sizeof *chart->entries))
        chart->entries[chart->n_entries++] = (cr_chart_entry){copy(chart, text), style, kind};
}

void cr_chart_add_note(cr_chart *chart, const char *text)
{
    if (reserve(chart, &chart->notes, chart->n_notes, &chart->notes_capacity, sizeof *chart->notes))
        chart->notes[chart->n_notes++] = copy(chart, text);
}

void cr_chart_add_datum(cr_chart *chart, const char *series, const char *name, double x, double y,
                        double low, double high)
{
    if (reserve(chart, &chart->data, chart->n_data, &chart->data_capacity, sizeof *chart->data))
        chart->data[chart->n_data++] =
            (cr_chart_datum){copy(chart, series), copy(chart, name), x, y, low, high};
}

void cr_chart_set_rows(cr_chart_axis *axis, int n)
{
    axis->low = n - 0.5;
    axis->high = -0.5;
    axis->no_grid = true;
}
