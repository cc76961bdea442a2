/* What explains a figure: the colours of the values, and what lines are. */
#include "internal.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 256, TICK = 4, SAMPLE = 26, GAP = 6, LINE_HEIGHT = 20 };

static void draw_tick(cairo_t *cr, const cr_rectangle *place, double value)
{
    char text[16];
    const double y = place->y + place->height * (1 - value);
    cairo_font_extents_t font;
    cairo_font_extents(cr, &font);
    cairo_rectangle(cr, place->x + place->width, y - 0.5, TICK, 1);
    cairo_fill(cr);
    snprintf(text, sizeof text, "%.3g", value);
    const double baseline =
        fmin(fmax(y + font.ascent / 2 - 1, place->y + font.ascent - 2), place->y + place->height);
    cairo_move_to(cr, place->x + place->width + TICK + 2, baseline);
    cairo_show_text(cr, text);
}

void cr_draw_bar(cairo_t *cr, const cr_rectangle *place, const cr_overlay *overlay, double level)
{
    const double step = place->height / STEPS;
    for (int i = 0; i < STEPS; i++) {
        uint8_t rgb[3];
        overlay->colour((uint8_t)i, rgb);
        cairo_set_source_rgb(cr, rgb[0] / 255., rgb[1] / 255., rgb[2] / 255.);
        /* Each reaches to the top under those that follow, so that no gap shows between them. */
        cairo_rectangle(cr, place->x, place->y, place->width, place->height - i * step);
        cairo_fill(cr);
    }
    cr_set_font(cr, CR_FONT_SMALL, false);
    cairo_set_source_rgb(cr, 0, 0, 0);
    draw_tick(cr, place, 0);
    draw_tick(cr, place, 1);
    if (level > 0) {
        const double y = place->y + place->height * (1 - level);
        draw_tick(cr, place, level);
        cairo_move_to(cr, place->x, y);
        cairo_line_to(cr, place->x + place->width, y);
        cr_stroke(cr, &cr_figure_contour, 1);
        cairo_new_path(cr);
    }
}

double cr_draw_legend(cairo_t *cr, const cr_figure *figure, double x, double y, double width)
{
    char text[256];
    double at = x, line = 0;
    cr_set_font(cr, CR_FONT_SMALL, false);
    for (int i = 0; i < figure->n_entries; i++) {
        const cr_figure_entry *entry = &figure->entries[i];
        const double needed = SAMPLE + GAP;
        const double taken = cr_fit_text(cr, entry->text, text, sizeof text, width - needed);
        if (at > x && at + needed + taken > x + width) {
            at = x;
            line++;
        }
        if (y >= 0) {
            const double top = y + line * LINE_HEIGHT;
            cairo_move_to(cr, at + 2, top + LINE_HEIGHT / 2.);
            cairo_line_to(cr, at + SAMPLE, top + LINE_HEIGHT / 2.);
            cr_stroke(cr, &entry->line, 2);
            cairo_new_path(cr);
            cairo_set_source_rgb(cr, 0, 0, 0);
            cairo_move_to(cr, at + SAMPLE + GAP, top + LINE_HEIGHT / 2. + 4);
            cairo_show_text(cr, text);
        }
        at += needed + taken + 3 * GAP;
    }
    return figure->n_entries ? (line + 1) * LINE_HEIGHT : 0;
}
