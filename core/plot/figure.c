/* A figure as a whole: titles, panels in rows and columns, the colour bar, the legend. */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_SIDE 300 /* an image with no longer side is enlarged by a whole factor */
#define LARGE_SIDE 1200
#define BAR_WIDTH 14
#define BAR_ROOM 40 /* for its numbers */
#define BAR_HEIGHT 300

static double panel_scale(const cr_figure *figure, const cr_image *image)
{
    const int longer = image->width > image->height ? image->width : image->height;
    if (figure->side)
        return figure->side / (double)longer;
    if (longer < SMALL_SIDE)
        return (SMALL_SIDE + longer - 1) / longer;
    return longer > LARGE_SIDE ? LARGE_SIDE / (double)longer : 1.0;
}

/* Where rows and columns begin, one more than there are of each: the last is the end. */
typedef struct layout {
    double *x, *y; /* of the panels' corners; y behind the caption */
    double width, height, legend_y;
} layout;

static bool has_captions(const cr_figure *figure, int row)
{
    for (int c = 0; c < figure->n_columns; c++)
        if (figure->panels[row * figure->n_columns + c].caption)
            return true;
    return false;
}

static void lay_out(cairo_t *measure, const cr_figure *figure, layout *l)
{
    const double above = figure->n_titles * CR_FIGURE_TITLE;
    const double margin = figure->bare ? 0 : CR_FIGURE_MARGIN;
    l->x[0] = margin;
    l->y[0] = margin + above;
    for (int c = 0; c < figure->n_columns; c++) {
        double widest = 1;
        for (int r = 0; r < figure->n_rows; r++) {
            const cr_image *image = figure->panels[r * figure->n_columns + c].image;
            if (image)
                widest = fmax(widest, round(image->width * panel_scale(figure, image)));
        }
        l->x[c + 1] = l->x[c] + widest + margin;
    }
    for (int r = 0; r < figure->n_rows; r++) {
        double highest = 1;
        for (int c = 0; c < figure->n_columns; c++) {
            const cr_image *image = figure->panels[r * figure->n_columns + c].image;
            if (image)
                highest = fmax(highest, round(image->height * panel_scale(figure, image)));
        }
        l->y[r] += has_captions(figure, r) ? CR_FIGURE_CAPTION : 0;
        l->y[r + 1] = l->y[r] + highest + margin;
    }
    l->width = l->x[figure->n_columns] + (figure->bar ? BAR_WIDTH + BAR_ROOM : 0);
    l->legend_y = l->y[figure->n_rows] - CR_FIGURE_MARGIN / 2.;
    const double legend = cr_draw_legend(measure, figure, 0, -1, l->width - 2 * CR_FIGURE_MARGIN);
    l->height = l->y[figure->n_rows] + legend;
}

static cr_status draw(cairo_t *cr, const cr_figure *figure, const layout *l, cr_error *err)
{
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    for (int i = 0; i < figure->n_titles; i++) {
        cr_set_font(cr, i == 0 ? CR_FONT_TITLE : CR_FONT_TEXT, i == 0);
        cairo_set_source_rgb(cr, 0, 0, 0);
        cr_draw_text(cr, figure->titles[i], CR_FIGURE_MARGIN,
                     CR_FIGURE_MARGIN + i * CR_FIGURE_TITLE + CR_FONT_TITLE,
                     l->width - 2 * CR_FIGURE_MARGIN);
    }
    for (int r = 0; r < figure->n_rows; r++)
        for (int c = 0; c < figure->n_columns; c++) {
            const cr_figure_panel *panel = &figure->panels[r * figure->n_columns + c];
            cr_set_font(cr, CR_FONT_TEXT, false);
            cairo_set_source_rgb(cr, 0, 0, 0);
            if (panel->caption)
                cr_draw_text(cr, panel->caption, l->x[c], l->y[r] - 6,
                             l->x[c + 1] - l->x[c] - CR_FIGURE_MARGIN);
            if (panel->image)
                CR_OR_RETURN(cr_draw_panel(cr, panel, l->x[c], l->y[r],
                                           panel_scale(figure, panel->image), err));
        }
    if (figure->bar) {
        const double room = l->y[1] - l->y[0] - CR_FIGURE_MARGIN;
        const cr_rectangle bar = {l->x[figure->n_columns], l->y[0], BAR_WIDTH,
                                  fmin(room, BAR_HEIGHT)};
        cr_draw_bar(cr, &bar, figure->overlay ? figure->overlay : cr_overlays, figure->level);
    }
    cr_draw_legend(cr, figure, CR_FIGURE_MARGIN, l->legend_y, l->width - 2 * CR_FIGURE_MARGIN);
    return CR_OK;
}

/* Widths of texts are known before there is a surface of the right size. */
static cairo_t *new_measure(void)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    cairo_surface_destroy(surface);
    return cr;
}

static cr_status draw_to(FILE *file, const cr_figure_format *format, const cr_figure *figure,
                         const layout *l, cr_error *err)
{
    cr_status status = CR_OK;
    cairo_surface_t *surface;
    cairo_t *cr;
    CR_TRY(cr_format_begin(format, l->width, l->height, file, &surface, &cr, err));
    CR_TRY(draw(cr, figure, l, err));
    status =
        cr_format_end(format, cr, figure->quality ? figure->quality : CR_FIGURE_QUALITY, file, err);

cleanup:
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return status;
}

cr_status cr_figure_put(FILE *out, const cr_figure_format *format, const cr_figure *figure,
                        cr_error *err)
{
    cr_status status = CR_OK;
    cairo_t *measure = new_measure();
    const size_t n_columns = (size_t)figure->n_columns + 1, n_rows = (size_t)figure->n_rows + 1;
    layout l = {.x = cr_alloc(n_columns, sizeof *l.x), .y = cr_alloc(n_rows, sizeof *l.y)};
    if (!l.x || !l.y)
        CR_TRY(cr_fail_memory(err, "a picture", n_columns + n_rows, sizeof *l.x));
    lay_out(measure, figure, &l);
    status = draw_to(out, format, figure, &l, err);
    if (status == CR_OK && fflush(out) != 0)
        status = cr_fail(err, CR_EIO, "%s", strerror(errno));

cleanup:
    cairo_destroy(measure);
    free(l.x);
    free(l.y);
    return status;
}

cr_status cr_figure_write(const char *path, const cr_figure_format *format, const cr_figure *figure,
                          cr_error *err)
{
    const char *name = path ? path : "standard output";
    FILE *file = path ? fopen(path, "wbe") : stdout;
    if (!file)
        return cr_fail(err, CR_EIO, "%s: %s", name, strerror(errno));
    cr_status status = cr_figure_put(file, format, figure, err);
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", name);
    if (path && fclose(file) != 0 && status == CR_OK)
        status = cr_fail(err, CR_EIO, "%s: %s", name, strerror(errno));
    return status;
}
