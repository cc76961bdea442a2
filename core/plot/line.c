/* Lines that are seen on every ground: the colour lies on white, and that on black. */
#include "internal.h"

const cr_figure_line cr_figure_contour = {.colour = {1, 1, 1}};
const cr_figure_line cr_figure_seen = {.colour = {0.3, 0.3, 0.3}, .dashed = true};

void cr_stroke(cairo_t *cr, const cr_figure_line *line, double line_width)
{
    const double dashes[] = {4 * line_width, 2.5 * line_width};
    cairo_save(cr);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_MITER);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.8);
    cairo_set_line_width(cr, line_width + 2);
    cairo_stroke_preserve(cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_set_line_width(cr, line_width);
    if (line->dashed) {
        cairo_stroke_preserve(cr);
        cairo_set_dash(cr, dashes, 2, 0);
    }
    cairo_set_source_rgb(cr, line->colour[0], line->colour[1], line->colour[2]);
    cairo_stroke_preserve(cr);
    cairo_restore(cr);
}
