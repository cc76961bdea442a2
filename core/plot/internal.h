/* internal.h - the steps of cr_figure_write, on cairo. Private to core/plot. All lengths are pixels of the
 * figure. */
#ifndef CAMRANK_PLOT_INTERNAL_H
#define CAMRANK_PLOT_INTERNAL_H

#include "camrank/figure.h"

#include <cairo.h>

typedef struct cr_rectangle {
    double x, y, width, height;
} cr_rectangle;

/* format.c */
struct cr_figure_format {
    const char *name, *other; /* endings, the second or NULL */
    cr_file_kind *kind;
    /* A surface that is drawn to; bytes of one that is no image go to `file`. */
    cairo_surface_t *(*begin)(FILE *file, double width, double height);
    /* Writes an image to the file, a JPEG of this quality; NULL where all is written already. */
    cr_status (*end)(cairo_surface_t *surface, FILE *file, int quality, cr_error *err);
};

/* A surface of the format, pixels wide and high, and what draws on it: the caller's to destroy, also after an
 * error. Errors: CR_EINPUT where it is too large. */
cr_status cr_format_begin(const cr_figure_format *format, double width, double height, FILE *file,
                          cairo_surface_t **surface, cairo_t **cr, cr_error *err);

/* Writes what was drawn to the file. Errors: CR_EIO, and those of `end`. */
cr_status cr_format_end(const cr_figure_format *format, cairo_t *cr, int quality, FILE *file,
                        cr_error *err);

/* text.c */

/* Draws a text, shortened to `width`, its baseline from (x, y). Returns how wide it is. */
double cr_draw_text(cairo_t *cr, const char *text, double x, double y, double width);

/* How wide a text is, at most `width`, and what of it is drawn, in `out` of n_bytes. */
double cr_fit_text(cairo_t *cr, const char *text, char *out, size_t n_bytes, double width);

enum { CR_FONT_TITLE = 15, CR_FONT_TEXT = 13, CR_FONT_SMALL = 12 };
void cr_set_font(cairo_t *cr, int size, bool bold);

/* line.c: strokes the path that is there, which stays. `line_width` is of the colour alone. */
void cr_stroke(cairo_t *cr, const cr_figure_line *line, double line_width);

/* panel.c: draws a panel with the corner (x, y), `scale` times as large as its image. Errors:
 * CR_EINTERNAL (memory). */
cr_status cr_draw_panel(cairo_t *cr, const cr_figure_panel *panel, double x, double y, double scale,
                        cr_error *err);

/* key.c: the colour bar at a place, and the legend from (x, y) on, in lines of `width`; with y below 0 it
 * is only measured. Returns its height. */
void cr_draw_bar(cairo_t *cr, const cr_rectangle *place, const cr_overlay *overlay, double level);
double cr_draw_legend(cairo_t *cr, const cr_figure *figure, double x, double y, double width);

#endif
