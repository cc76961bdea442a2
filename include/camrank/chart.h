/* chart.h - figures of numbers: curves, bars, points and intervals on axes, as PNG, JPEG, SVG or PDF, or
 * the numbers themselves as CSV.
 *
 * A chart is filled by cr_chart_... functions, which copy what they are given, and then drawn. Panels stand
 * below each other, the legend and the notes below them; the height follows. Lengths are points, 1/72 inch.
 * Text is text in SVG and PDF. All functions are Local. */
#ifndef CAMRANK_CHART_H
#define CAMRANK_CHART_H

#include "camrank/base.h"
#include "camrank/new_file.h"

#include <stdio.h>

/* Widths of one and of two columns of a paper, 88 and 180 mm. */
#define CR_CHART_ONE_COLUMN (88 / 25.4 * 72)
#define CR_CHART_TWO_COLUMNS (180 / 25.4 * 72)

/* Colours of the theme. Those of series are Okabe and Ito's (jfly.uni-koeln.de/color), repeated; each series
 * also has a dash and a marker of its own, so that it is known in grey. */
enum {
    CR_COLOUR_NONE = -1,
    CR_COLOUR_SERIES = 0,   /* and the 999 after it */
    CR_COLOUR_PARTS = 1000, /* of a whole, in an order in which neighbours differ in grey: 8 */
    CR_COLOUR_INK = 2000,   /* of text and axes */
    CR_COLOUR_MUTED,        /* of notes */
    CR_COLOUR_GRID,
    CR_COLOUR_PAPER,
};

typedef enum cr_chart_mark_kind {
    CR_MARK_LINE,  /* through its points; NaN breaks it */
    CR_MARK_AREA,  /* the polygon of its points */
    CR_MARK_BOX,   /* from its first point to its second */
    CR_MARK_POINT, /* a marker at each point */
    CR_MARK_TEXT,  /* beside its point */
} cr_chart_mark_kind;

typedef struct cr_chart_style {
    int colour;
    int dash;       /* 0: none; of 4 */
    int marker;     /* of 5 */
    double opacity; /* 0: all of it */
    double size;    /* width of a line, radius of a marker; 0: the theme's */
    int align;      /* of a text: 0 its middle is at its point, -1 its end, 1 its start */
    bool hollow;    /* markers are filled with the colour of the paper */
} cr_chart_style;

/* The style of series i >= 0. */
cr_chart_style cr_chart_series(int i);

typedef struct cr_chart_mark {
    cr_chart_mark_kind kind;
    cr_chart_style style;
    int n;
    double *x, *y;    /* [n] in units of the axes */
    const char *text; /* of CR_MARK_TEXT; of others what a pointer over it shows, or NULL */
} cr_chart_mark;

typedef struct cr_chart_tick {
    double at;
    const char *text;
} cr_chart_tick;

/* An axis from `low`, at the left or the bottom, to `high`, which may be less. Without ticks of its own it
 * gets round numbers, as many as there is room for. */
typedef struct cr_chart_axis {
    const char *title;
    double low, high;
    size_t n_ticks, capacity;
    cr_chart_tick *ticks;
    bool whole; /* counts or numbers things: no ticks between whole numbers */
    bool no_grid;
    bool hidden; /* neither line nor numbers */
} cr_chart_axis;

typedef struct cr_chart_panel {
    double height; /* of the field between the axes */
    cr_chart_axis x, y;
    size_t n_marks, capacity;
    cr_chart_mark *marks;
} cr_chart_panel;

typedef struct cr_chart_entry {
    const char *text;
    cr_chart_style style;
    cr_chart_mark_kind kind; /* CR_MARK_LINE has a marker on it, unless its style says -1 */
} cr_chart_entry;

/* What is drawn, in numbers: a line of the CSV. */
typedef struct cr_chart_datum {
    const char *series, *name;
    double x, y, low, high; /* NaN: none */
} cr_chart_datum;

enum { CR_CHART_PANELS = 4, CR_CHART_DATUM_COLUMNS = 6 };

typedef struct cr_chart {
    double width;
    const char *title, *subtitle; /* NULL: none */
    const char *description;      /* for those who cannot see it */
    int n_panels;
    cr_chart_panel panels[CR_CHART_PANELS];
    size_t n_entries, entries_capacity;
    cr_chart_entry *entries; /* the legend */
    size_t n_notes, notes_capacity;
    const char **notes; /* lines of small print, wrapped */
    /* The columns of the CSV, as cr_chart_datum has them; NULL: no such column. */
    const char *columns[CR_CHART_DATUM_COLUMNS];
    size_t n_data, data_capacity;
    cr_chart_datum *data;
    cr_arena arena;
    bool failed; /* out of memory */
} cr_chart;

/* An empty one; cr_chart_fini releases it. */
void cr_chart_init(cr_chart *chart, double width);
void cr_chart_fini(cr_chart *chart);

/* A text that lives as long as the chart; "" when out of memory. */
const char *cr_chart_text(cr_chart *chart, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One more panel, of at most CR_CHART_PANELS. */
cr_chart_panel *cr_chart_add_panel(cr_chart *chart, double height);

/* Adds a mark of n points, a box from (x0, y0) to (x1, y1), and a text at a point. `title` may be NULL. */
void cr_chart_add(cr_chart *chart, cr_chart_panel *panel, cr_chart_mark_kind kind,
                  cr_chart_style style, int n, const double *x, const double *y, const char *title);
void cr_chart_add_box(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x0,
                      double y0, double x1, double y1, const char *title);
void cr_chart_add_segment(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x0,
                          double y0, double x1, double y1);
void cr_chart_add_point(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x,
                        double y, const char *title);
void cr_chart_add_text(cr_chart *chart, cr_chart_panel *panel, cr_chart_style style, double x,
                       double y, const char *text);

/* Adds a tick, an entry of the legend, a note, a line of the CSV. Texts are copied. */
void cr_chart_add_tick(cr_chart *chart, cr_chart_axis *axis, double at, const char *text);
void cr_chart_add_entry(cr_chart *chart, cr_chart_mark_kind kind, cr_chart_style style,
                        const char *text);
void cr_chart_add_note(cr_chart *chart, const char *text);
void cr_chart_add_datum(cr_chart *chart, const char *series, const char *name, double x, double y,
                        double low, double high);

/* Rows with a name each, from the top down: the axis of n rows, of which row r is at r. */
void cr_chart_set_rows(cr_chart_axis *axis, int n);

/* How wide a text of marks is, in points. */
double cr_chart_text_width(const char *text);

/* A text without its middle, as far as it is wider than that. */
const char *cr_chart_shorten(cr_chart *chart, const char *text, double width);

/* Draws it to nothing, and tells where each text and each sample of the legend stands. Returns the height. */
typedef void cr_chart_see(void *context, const char *text, double x, double y, double width,
                          double height);
double cr_chart_measure(const cr_chart *chart, cr_chart_see *see, void *context);

/* A format: png, jpg, svg, pdf or csv. */
typedef struct cr_chart_format {
    const char *name, *other; /* endings, the second or NULL */
    cr_file_kind *kind;       /* whether a file begins as one of it */
    cr_status (*write)(const cr_chart *chart, double dots, FILE *out, cr_error *err);
} cr_chart_format;

/* The format that a path's ending asks for. Errors: CR_EUSAGE naming all. */
cr_status cr_chart_format_find(const char *path, const cr_chart_format **format, cr_error *err);

/* Writes a chart to `path`, or, of NULL, to standard output; `dots` an inch where it becomes pixels. Errors:
 * CR_EIO naming `path`; CR_EINTERNAL (memory); CR_EINPUT for one that is larger than the format holds. */
cr_status cr_chart_write(const char *path, const cr_chart_format *format, const cr_chart *chart,
                         double dots, cr_error *err);

/* As an element of a page, whose colours are the page's: `color`, and for the ground the classes `paper`, which is
 * filled with it, and `edge`, whose line has it. */
void cr_chart_put_svg(const cr_chart *chart, FILE *out);

/* A text where markup is read: < > & and quotes are written out, what is not UTF-8 becomes '?', and control
 * characters blanks. */
void cr_put_xml(FILE *out, const char *text);

#endif
