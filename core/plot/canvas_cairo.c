/* A chart on a surface of cairo: images, and PDF. */
#include "canvas.h"
#include "internal.h"

#include <math.h>

static void set_colour(cairo_t *cr, int colour, double opacity)
{
    const double *rgb = cr_theme_colour(colour);
    cairo_set_source_rgba(cr, rgb[0], rgb[1], rgb[2], opacity);
}

static void make_path(cairo_t *cr, const cr_shape *shape)
{
    cairo_new_path(cr);
    for (int i = 0; i < shape->n; i++) {
        if (shape->radius > 0) {
            cairo_new_sub_path(cr);
            cairo_arc(cr, shape->x[i], shape->y[i], shape->radius, 0, 2 * M_PI);
        } else if (i == 0) {
            cairo_move_to(cr, shape->x[i], shape->y[i]);
        } else {
            cairo_line_to(cr, shape->x[i], shape->y[i]);
        }
    }
    if (shape->closed)
        cairo_close_path(cr);
}

static void draw_shape(cr_canvas *canvas, const cr_shape *shape)
{
    cairo_t *cr = canvas->to;
    int n;
    make_path(cr, shape);
    if (shape->fill != CR_COLOUR_NONE) {
        set_colour(cr, shape->fill, shape->fill_opacity);
        cairo_fill_preserve(cr);
    }
    if (shape->stroke != CR_COLOUR_NONE) {
        const double *dashes = cr_theme_dash(shape->dash, &n);
        set_colour(cr, shape->stroke, shape->stroke_opacity);
        cairo_set_dash(cr, dashes, n, 0);
        cairo_set_line_width(cr, shape->line_width);
        cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
        cairo_stroke_preserve(cr);
    }
    cairo_new_path(cr);
}

static void draw_text(cr_canvas *canvas, const cr_canvas_text *text)
{
    cairo_t *cr = canvas->to;
    cr_set_font(cr, 1, text->bold);
    cairo_set_font_size(cr, text->size);
    set_colour(cr, text->colour, 1);
    cairo_move_to(cr, text->x, text->y);
    cairo_show_text(cr, text->text);
    cairo_new_path(cr);
}

static void pass(cr_canvas *canvas, const char *title)
{
    (void)canvas;
    (void)title;
}

static void end(cr_canvas *canvas)
{
    (void)canvas;
}

cr_canvas cr_canvas_of_cairo(cairo_t *cr)
{
    return (cr_canvas){draw_shape, draw_text, pass, end, cr};
}
