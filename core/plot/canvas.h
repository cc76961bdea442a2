/* canvas.h - what charts are drawn on. Private to core/plot. Lengths are points; y grows downwards. */
#ifndef CAMRANK_PLOT_CANVAS_H
#define CAMRANK_PLOT_CANVAS_H

#include "camrank/chart.h"

#include <cairo.h>

/* A path in one paint. Colours are CR_COLOUR_...; CR_COLOUR_NONE: not filled, or no line. */
typedef struct cr_shape {
    int n;
    const double *x, *y; /* [n] */
    bool closed;
    double radius; /* not 0: circles at the points instead */
    int fill, stroke;
    double fill_opacity, stroke_opacity, line_width;
    int dash;
} cr_shape;

typedef struct cr_canvas_text {
    const char *text; /* printable */
    double x, y;      /* of its baseline, at its left */
    double width;     /* that it takes */
    double size;
    bool bold;
    int colour;
} cr_canvas_text;

typedef struct cr_canvas cr_canvas;
struct cr_canvas {
    void (*shape)(cr_canvas *canvas, const cr_shape *shape);
    void (*text)(cr_canvas *canvas, const cr_canvas_text *text);
    /* Shapes until `close` are of something that is called so. */
    void (*open)(cr_canvas *canvas, const char *title);
    void (*close)(cr_canvas *canvas);
    void *to;
};

/* RGB, 0 to 1, of a colour. */
const double *cr_theme_colour(int colour);

/* Lengths of dashes and gaps of a line; none for 0. */
enum { CR_DASHES = 4 };
const double *cr_theme_dash(int dash, int *n);

/* canvas_cairo.c, canvas_svg.c */
cr_canvas cr_canvas_of_cairo(cairo_t *cr);
cr_canvas cr_canvas_of_svg(FILE *out);

/* Sizes of the theme. */
#define CR_CHART_FONT 7.0
#define CR_CHART_TITLE_FONT 8.0
#define CR_CHART_LINE 1.1
#define CR_CHART_RADIUS 2.2

/* layout.c: a context that measures text as charts have it. */
cairo_t *cr_chart_new_measure(void);

/* A text as it fits a width: what is too long loses its middle. Returns its width. */
double cr_chart_fit(cairo_t *measure, const char *text, double size, bool bold, double width,
                    char *out, size_t n_bytes);

/* axis.c: the ticks of an axis of this length, [CR_CHART_TICKS] where it has none of its own; texts are
 * in `texts`. Returns their number. */
enum { CR_CHART_TICKS = 32, CR_CHART_TICK_BYTES = 16 };
size_t cr_chart_ticks(cairo_t *measure, const cr_chart_axis *axis, double length, bool across,
                      double at[CR_CHART_TICKS], char texts[CR_CHART_TICKS][CR_CHART_TICK_BYTES]);

/* draw.c: all of it, with the ground if `ground`. Returns the height. */
double cr_chart_draw(const cr_chart *chart, cr_canvas *canvas, double height);

#endif
