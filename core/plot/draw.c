/* Where everything of a chart stands, and its drawing. A text is measured before it is placed, so that none
 * covers another. */
#include "canvas.h"
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN 5.0
#define LINE 9.5 /* of text */
#define TITLE_LINE 12.0
#define TICK 2.5
#define SAMPLE 18.0 /* of the legend */
#define GAP 4.0
#define MOST_LABEL 0.42 /* of the width, for names of rows */
enum { TEXT_BYTES = 256 };

/* Where the field of a panel is. */
typedef struct field {
    const cr_chart_panel *panel;
    double x, y, width, height;
    bool has_grid_x;
} field;

typedef struct drawing {
    const cr_chart *chart;
    cr_canvas *canvas;
    cairo_t *measure;
    double left; /* of all fields */
    double right;
    double *scratch; /* points of a mark */
} drawing;

cairo_t *cr_chart_new_measure(void)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_set_font_options(cr, options);
    cairo_font_options_destroy(options);
    cairo_surface_destroy(surface);
    return cr;
}

static double width_of(cairo_t *measure, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(measure, text, &extents);
    return extents.x_advance;
}

/* The first and the last characters of a text, as many as fit. */
double cr_chart_fit(cairo_t *measure, const char *text, double size, bool bold, double width,
                    char *out, size_t n_bytes)
{
    char whole[TEXT_BYTES];
    cr_set_font(measure, 1, bold);
    cairo_set_font_size(measure, size);
    cr_fit_text(measure, text, whole, sizeof whole, INFINITY);
    const size_t n = strlen(whole);
    size_t head = n / 2, tail = n / 2;
    snprintf(out, n_bytes, "%s", whole);
    double taken = width_of(measure, out);
    while (taken > width && (head > 0 || tail < n)) {
        if (head > 0 && head >= n - tail)
            head--;
        else
            tail++;
        while (head > 0 && ((unsigned char)whole[head] & 0xc0) == 0x80)
            head--;
        while (tail < n && ((unsigned char)whole[tail] & 0xc0) == 0x80)
            tail++;
        snprintf(out, n_bytes, "%.*s\xe2\x80\xa6%s", (int)head, whole, whole + tail);
        taken = width_of(measure, out);
    }
    return taken;
}

const char *cr_chart_shorten(cr_chart *chart, const char *text, double width)
{
    char out[TEXT_BYTES];
    cairo_t *measure = cr_chart_new_measure();
    cr_chart_fit(measure, text, CR_CHART_FONT, false, width, out, sizeof out);
    cairo_destroy(measure);
    return cr_chart_text(chart, "%s", out);
}

double cr_chart_text_width(const char *text)
{
    char out[TEXT_BYTES];
    cairo_t *measure = cr_chart_new_measure();
    const double width =
        cr_chart_fit(measure, text, CR_CHART_FONT, false, INFINITY, out, sizeof out);
    cairo_destroy(measure);
    return width;
}

/* A text whose baseline begins, ends or has its middle at (x, y). */
static void put_text(const drawing *d, const char *text, double x, double y, int align, double size,
                     bool bold, int colour, double most)
{
    char out[TEXT_BYTES];
    const double width = cr_chart_fit(d->measure, text, size, bold, most, out, sizeof out);
    if (!out[0])
        return;
    const cr_canvas_text as = {
        out, align < 0 ? x - width : align == 0 ? x - width / 2 : x, y, width, size, bold, colour};
    d->canvas->text(d->canvas, &as);
}

static void put_line(const drawing *d, double x0, double y0, double x1, double y1, int colour,
                     double width)
{
    d->canvas->shape(d->canvas, &(cr_shape){.n = 2,
                                            .x = (double[]){x0, x1},
                                            .y = (double[]){y0, y1},
                                            .fill = CR_COLOUR_NONE,
                                            .stroke = colour,
                                            .stroke_opacity = 1,
                                            .line_width = width});
}

static void put_marker(const drawing *d, const cr_chart_style *style, double x, double y)
{
    const double r = style->size > 0 ? style->size : CR_CHART_RADIUS;
    double px[4], py[4];
    static const double shapes[5][4][2] = {{{0}},
                                           {{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}},
                                           {{0, -1.2}, {1.1, 0.8}, {-1.1, 0.8}, {0, -1.2}},
                                           {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}},
                                           {{0, 1.2}, {-1.1, -0.8}, {1.1, -0.8}, {0, 1.2}}};
    const int marker = style->marker % 5;
    for (int i = 0; i < 4; i++) {
        px[i] = x + r * shapes[marker][i][0];
        py[i] = y + r * shapes[marker][i][1];
    }
    d->canvas->shape(d->canvas,
                     &(cr_shape){.n = marker == 0 ? 1 : 4,
                                 .x = px,
                                 .y = py,
                                 .radius = marker == 0 ? r : 0,
                                 .closed = true,
                                 .fill = style->hollow ? CR_COLOUR_PAPER : style->colour,
                                 .stroke = style->hollow ? style->colour : CR_COLOUR_PAPER,
                                 .fill_opacity = style->opacity > 0 ? style->opacity : 1,
                                 .stroke_opacity = 1,
                                 .line_width = style->hollow ? 0.8 : 0.4});
}

static double at(double value, const cr_chart_axis *axis, double from, double length)
{
    return from + (value - axis->low) / (axis->high - axis->low) * length;
}

/* A run of points without NaN, as a line or a polygon. */
static void put_points(const drawing *d, const cr_chart_mark *mark, int n, const double *x,
                       const double *y)
{
    const bool is_line = mark->kind == CR_MARK_LINE;
    const double opacity = mark->style.opacity > 0 ? mark->style.opacity : 1;
    d->canvas->shape(d->canvas, &(cr_shape){.n = n,
                                            .x = x,
                                            .y = y,
                                            .closed = !is_line,
                                            .fill = is_line ? CR_COLOUR_NONE : mark->style.colour,
                                            .stroke = is_line ? mark->style.colour : CR_COLOUR_NONE,
                                            .fill_opacity = opacity,
                                            .stroke_opacity = opacity,
                                            .line_width = mark->style.size > 0 ? mark->style.size
                                                                               : CR_CHART_LINE,
                                            .dash = mark->style.dash});
}

static void put_mark(const drawing *d, const field *f, const cr_chart_mark *mark)
{
    double *x = d->scratch, *y = d->scratch + 4 + mark->n;
    for (int i = 0; i < mark->n; i++) {
        x[i] = at(mark->x[i], &f->panel->x, f->x, f->width);
        y[i] = at(mark->y[i], &f->panel->y, f->y + f->height, -f->height);
    }
    if (mark->kind == CR_MARK_TEXT) {
        const int colour = mark->style.colour ? mark->style.colour : CR_COLOUR_INK;
        put_text(d, mark->text, x[0] + 3 * mark->style.align, y[0] + CR_CHART_FONT * 0.36,
                 mark->style.align, CR_CHART_FONT, false, colour, INFINITY);
        return;
    }
    if (mark->text)
        d->canvas->open(d->canvas, mark->text);
    if (mark->kind == CR_MARK_POINT) {
        for (int i = 0; i < mark->n; i++)
            if (isfinite(x[i]) && isfinite(y[i]))
                put_marker(d, &mark->style, x[i], y[i]);
    } else if (mark->kind == CR_MARK_BOX) {
        put_points(d, mark, 4, (double[]){x[0], x[1], x[1], x[0]},
                   (double[]){y[0], y[0], y[1], y[1]});
    } else {
        for (int start = 0, end; start < mark->n; start = end + 1) {
            for (end = start; end < mark->n && isfinite(x[end]) && isfinite(y[end]);)
                end++;
            if (end > start)
                put_points(d, mark, end - start, x + start, y + start);
        }
    }
    if (mark->text)
        d->canvas->close(d->canvas);
}

/* Ticks and grid of an axis, with its numbers; `across` of the x axis. */
static void put_axis(const drawing *d, const field *f, const cr_chart_axis *axis, bool across)
{
    double places[CR_CHART_TICKS];
    char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES];
    if (axis->hidden)
        return;
    const size_t n = axis->n_ticks ? axis->n_ticks
                                   : cr_chart_ticks(d->measure, axis, across ? f->width : f->height,
                                                    across, places, texts);
    const double bottom = f->y + f->height;
    for (size_t i = 0; i < n; i++) {
        const double value = axis->n_ticks ? axis->ticks[i].at : places[i];
        const char *text = axis->n_ticks ? axis->ticks[i].text : texts[i];
        if (across) {
            const double x = at(value, axis, f->x, f->width);
            if (!axis->no_grid)
                put_line(d, x, f->y, x, bottom, CR_COLOUR_GRID, 0.5);
            put_line(d, x, bottom, x, bottom + TICK, CR_COLOUR_INK, 0.5);
            put_text(d, text, x, bottom + TICK + CR_CHART_FONT, 0, CR_CHART_FONT, false,
                     CR_COLOUR_INK, INFINITY);
        } else {
            const double y = at(value, axis, bottom, -f->height);
            if (!axis->no_grid) {
                put_line(d, f->x, y, f->x + f->width, y, CR_COLOUR_GRID, 0.5);
                put_line(d, f->x - TICK, y, f->x, y, CR_COLOUR_INK, 0.5);
            }
            put_text(d, text, f->x - TICK - 2, y + CR_CHART_FONT * 0.36, -1, CR_CHART_FONT, false,
                     CR_COLOUR_INK, f->x - TICK - 2 - MARGIN);
        }
    }
    if (across)
        put_line(d, f->x, bottom, f->x + f->width, bottom, CR_COLOUR_INK, 0.6);
    else
        put_line(d, f->x, f->y, f->x, bottom, CR_COLOUR_INK, 0.6);
}

/* The widest number or name at a y axis. */
static double label_width(const drawing *d, const cr_chart_panel *panel)
{
    double places[CR_CHART_TICKS], widest = 0;
    char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES], out[TEXT_BYTES];
    const cr_chart_axis *axis = &panel->y;
    if (axis->hidden)
        return 0;
    const size_t n = axis->n_ticks
                         ? axis->n_ticks
                         : cr_chart_ticks(d->measure, axis, panel->height, false, places, texts);
    for (size_t i = 0; i < n; i++)
        widest =
            fmax(widest, cr_chart_fit(d->measure, axis->n_ticks ? axis->ticks[i].text : texts[i],
                                      CR_CHART_FONT, false, INFINITY, out, sizeof out));
    return fmin(widest, MOST_LABEL * d->chart->width) + TICK + 2;
}

/* Half of the last number of an x axis stands beyond its end. */
static double overhang(const drawing *d, const cr_chart_panel *panel)
{
    double places[CR_CHART_TICKS], most = 0;
    char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES], out[TEXT_BYTES];
    const cr_chart_axis *axis = &panel->x;
    if (axis->hidden)
        return 0;
    const size_t n =
        axis->n_ticks ? axis->n_ticks
                      : cr_chart_ticks(d->measure, axis, d->chart->width / 2, true, places, texts);
    for (size_t i = 0; i < n; i++)
        most = fmax(most, cr_chart_fit(d->measure, axis->n_ticks ? axis->ticks[i].text : texts[i],
                                       CR_CHART_FONT, false, INFINITY, out, sizeof out) /
                              2);
    return most;
}

/* How a text of several lines is set: `middle` 0 begins lines at the left, else they stand round it. */
typedef struct setting {
    double size, line, middle;
    bool bold;
    int colour;
} setting;

static const setting of_title = {CR_CHART_TITLE_FONT, TITLE_LINE, 0, true, CR_COLOUR_INK};
static const setting of_axis = {CR_CHART_FONT, LINE, 0, false, CR_COLOUR_INK};
static const setting of_note = {CR_CHART_FONT, LINE, 0, false, CR_COLOUR_MUTED};

/* A text over as many lines as it needs, broken at blanks, so that none is cut. Returns where it ends. */
static double put_wrapped(const drawing *d, const char *text, double y, const setting *as)
{
    char line[TEXT_BYTES], out[TEXT_BYTES];
    const double room = d->chart->width - 2 * MARGIN;
    while (*text) {
        size_t taken = 0;
        double width = room;
        for (size_t end = 0; end < sizeof line - 1;) {
            end += strcspn(text + end, " ");
            if (end >= sizeof line)
                break;
            snprintf(line, sizeof line, "%.*s", (int)end, text);
            const double wide =
                cr_chart_fit(d->measure, line, as->size, as->bold, INFINITY, out, sizeof out);
            if (taken > 0 && wide > room)
                break;
            taken = end;
            width = fmin(wide, room);
            if (!text[end])
                break;
            end++;
        }
        if (taken == 0)
            taken = strlen(text) < sizeof line ? strlen(text) : sizeof line - 1;
        snprintf(line, sizeof line, "%.*s", (int)taken, text);
        /* Round its middle, as far as the page lets it. */
        const double left = as->middle > 0 ? as->middle - width / 2 : MARGIN;
        put_text(d, line, fmax(MARGIN, fmin(left, MARGIN + room - width)), y + as->size, 1,
                 as->size, as->bold, as->colour, room);
        y += as->line;
        text += taken;
        while (*text == ' ')
            text++;
    }
    return y;
}

static double put_panel(const drawing *d, const cr_chart_panel *panel, double y)
{
    const double width = d->right - d->left;
    if (panel->y.title)
        y = put_wrapped(d, panel->y.title, y, &of_axis);
    y += 3;
    const field f = {panel, d->left, y, width, panel->height, false};
    put_axis(d, &f, &panel->x, true);
    put_axis(d, &f, &panel->y, false);
    for (size_t i = 0; i < panel->n_marks; i++)
        put_mark(d, &f, &panel->marks[i]);
    y += panel->height;
    if (!panel->x.hidden)
        y += TICK + LINE;
    if (panel->x.title) {
        setting centred = of_axis;
        centred.middle = d->left + width / 2;
        y = put_wrapped(d, panel->x.title, y + 1, &centred);
    }
    return y + 4;
}

static void put_sample(const drawing *d, const cr_chart_entry *entry, double x, double y)
{
    cr_chart_style style = entry->style;
    const cr_chart_mark mark = {.kind = entry->kind == CR_MARK_POINT ? CR_MARK_LINE : entry->kind,
                                .style = style};
    if (entry->kind == CR_MARK_BOX || entry->kind == CR_MARK_AREA)
        put_points(d, &mark, 4, (double[]){x + 8, x + SAMPLE, x + SAMPLE, x + 8},
                   (double[]){y - 3, y - 3, y + 3, y + 3});
    if (entry->kind == CR_MARK_LINE)
        put_points(d, &mark, 2, (double[]){x, x + SAMPLE}, (double[]){y, y});
    style.size = style.opacity = 0;
    if (entry->kind == CR_MARK_POINT || (entry->kind == CR_MARK_LINE && style.marker >= 0))
        put_marker(d, &style, entry->kind == CR_MARK_POINT ? x + SAMPLE - 4 : x + SAMPLE / 2, y);
}

/* In as many columns as fit, read downwards. */
static double put_legend(const drawing *d, double y)
{
    char out[TEXT_BYTES];
    const size_t n = d->chart->n_entries;
    const double room = d->chart->width - 2 * MARGIN;
    double widest = 0;
    for (size_t i = 0; i < n; i++)
        widest = fmax(widest, cr_chart_fit(d->measure, d->chart->entries[i].text, CR_CHART_FONT,
                                           false, room - SAMPLE - GAP, out, sizeof out));
    const double column = SAMPLE + GAP + widest + 2 * GAP;
    size_t n_columns = (size_t)fmax(1, floor((room + 2 * GAP) / column));
    n_columns = n_columns > n && n > 0 ? n : n_columns;
    const size_t n_lines = (n + n_columns - 1) / n_columns;
    for (size_t i = 0; i < n; i++) {
        const double x = MARGIN + (double)(i / n_lines) * column;
        const double middle = y + (double)(i % n_lines) * LINE + LINE / 2;
        put_sample(d, &d->chart->entries[i], x, middle);
        put_text(d, d->chart->entries[i].text, x + SAMPLE + GAP, middle + CR_CHART_FONT * 0.36, 1,
                 CR_CHART_FONT, false, CR_COLOUR_INK, room - SAMPLE - GAP);
    }
    return y + (n > 0 ? (double)n_lines * LINE + 2 : 0);
}

static int most_points(const cr_chart *chart)
{
    int most = 0;
    for (int p = 0; p < chart->n_panels; p++)
        for (size_t i = 0; i < chart->panels[p].n_marks; i++)
            most = chart->panels[p].marks[i].n > most ? chart->panels[p].marks[i].n : most;
    return most;
}

double cr_chart_draw(const cr_chart *chart, cr_canvas *canvas, double height)
{
    drawing d = {.chart = chart, .canvas = canvas, .measure = cr_chart_new_measure()};
    double y = MARGIN, over = 0;
    d.scratch = cr_alloc(2 * ((size_t)most_points(chart) + 4), sizeof *d.scratch);
    if (!d.scratch) {
        cairo_destroy(d.measure);
        return -1;
    }
    if (height > 0)
        canvas->shape(canvas, &(cr_shape){.n = 4,
                                          .x = (double[]){0, chart->width, chart->width, 0},
                                          .y = (double[]){0, 0, height, height},
                                          .closed = true,
                                          .fill = CR_COLOUR_PAPER,
                                          .fill_opacity = 1,
                                          .stroke = CR_COLOUR_NONE});
    for (int p = 0; p < chart->n_panels; p++) {
        d.left = fmax(d.left, label_width(&d, &chart->panels[p]));
        over = fmax(over, overhang(&d, &chart->panels[p]));
    }
    d.left = fmax(d.left, over) + MARGIN;
    d.right = chart->width - MARGIN - over;
    if (chart->title)
        y = put_wrapped(&d, chart->title, y, &of_title);
    if (chart->subtitle)
        y = put_wrapped(&d, chart->subtitle, y, &of_note) + 2;
    for (int p = 0; p < chart->n_panels; p++)
        y = put_panel(&d, &chart->panels[p], y);
    y = put_legend(&d, y);
    for (size_t i = 0; i < chart->n_notes; i++)
        y = put_wrapped(&d, chart->notes[i], y, &of_note);
    free(d.scratch);
    cairo_destroy(d.measure);
    return y + MARGIN;
}

/* --- A canvas that draws nothing ---------------------------------------------------------------- */

typedef struct watcher {
    cr_chart_see *see;
    void *context;
} watcher;

static void see_nothing(cr_canvas *canvas, const cr_shape *shape)
{
    (void)canvas;
    (void)shape;
}

static void see_text(cr_canvas *canvas, const cr_canvas_text *text)
{
    const watcher *w = canvas->to;
    if (w->see)
        w->see(w->context, text->text, text->x, text->y - 0.76 * text->size, text->width,
               text->size);
}

static void open_nothing(cr_canvas *canvas, const char *title)
{
    (void)canvas;
    (void)title;
}

static void close_nothing(cr_canvas *canvas)
{
    (void)canvas;
}

double cr_chart_measure(const cr_chart *chart, cr_chart_see *see, void *context)
{
    watcher w = {see, context};
    cr_canvas canvas = {see_nothing, see_text, open_nothing, close_nothing, &w};
    return cr_chart_draw(chart, &canvas, 0);
}
