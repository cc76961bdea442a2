/* figure.h - pictures for people: images, maps over them and boxes, in rows and columns, as PNG, JPEG,
 * PDF or SVG.
 *
 * All functions are Local. */
#ifndef CAMRANK_FIGURE_H
#define CAMRANK_FIGURE_H

#include "camrank/geometry.h"
#include "camrank/image.h"
#include "camrank/new_file.h"

#include <stdio.h>

/* How a line is drawn: in a colour, RGB, 0 to 1, between a white and a black line, so that it is seen on
 * every ground. */
typedef struct cr_figure_line {
    double colour[3];
    bool dashed;
} cr_figure_line;

/* One box of a panel. `label` is drawn above it, or where there is room (NULL: none). */
typedef struct cr_figure_box {
    cr_box box;
    cr_figure_line line;
    const char *label;
} cr_figure_box;

/* How a map is laid over an image: what becomes of a pixel where the map is value / 255, and the colour by which
 * the bar tells that value. */
typedef struct cr_overlay {
    const char *name, *summary;
    void (*paint)(uint8_t value, const uint8_t image[3], uint8_t out[3]);
    void (*colour)(uint8_t value, uint8_t rgb[3]);
} cr_overlay;

/* All of them, the default first; a NULL name ends them. */
extern const cr_overlay cr_overlays[];

/* The overlay of this name; CR_EUSAGE naming all. */
cr_status cr_overlay_find(const char *name, const cr_overlay **overlay, cr_error *err);

/* An image, or the image under a map, where the network looked; elsewhere the image alone, and a line
 * between. */
typedef struct cr_figure_panel {
    const char *caption;   /* above it; NULL: none */
    const cr_image *image; /* NULL: the panel stays empty */
    const float *map;      /* [image height][image width], 0 to 1 (clipped; NaN is 0); NULL: none */
    const cr_overlay *overlay; /* NULL: the first */
    int n_views;               /* 0: the network looked at the whole image */
    const cr_view *views;      /* [n_views] the parts at which it looked */
    double level; /* round the pixels of the map from there on, a contour is drawn; 0: none */
    int n_boxes;
    const cr_figure_box *boxes; /* [n_boxes] */
} cr_figure_panel;

/* An entry below the panels: a line and what it is. */
typedef struct cr_figure_entry {
    cr_figure_line line;
    const char *text;
} cr_figure_entry;

/* Of contours, and round what the network saw, for a legend. */
extern const cr_figure_line cr_figure_contour, cr_figure_seen;

typedef struct cr_figure {
    int n_titles;
    const char *const *titles; /* [n_titles] lines above all */
    int n_rows, n_columns;
    const cr_figure_panel *panels; /* [n_rows][n_columns] */
    /* Pixels of the longer side of each image. 0: as it is, but one with no side of 300 pixels is
     * enlarged by the least whole factor that gives one, and one with a side above 1200 reduced to
     * that. */
    int side;
    bool bar; /* beside the panels, the colours of the values from 0 to the map's maximum */
    const cr_overlay *overlay; /* of these colours; NULL: the first */
    double level;              /* marked on it; 0: none */
    bool bare;                 /* without margins */
    int quality;               /* of a JPEG, 1 to 100; 0: CR_FIGURE_QUALITY */
    int n_entries;
    const cr_figure_entry *entries; /* [n_entries] the legend */
} cr_figure;

enum { CR_FIGURE_QUALITY = 92 };

/* Pixels of the figure: the margin round everything and between panels; lines of the title and captions.
 * A panel's corner is the image's. Rows and columns are as wide and high as their largest panel. */
#define CR_FIGURE_MARGIN 10
#define CR_FIGURE_TITLE 22
#define CR_FIGURE_CAPTION 20

/* The kind of file that a path's ending asks for. */
typedef struct cr_figure_format cr_figure_format;

/* The format of `path`, told by its ending: .png, .jpg, .jpeg, .pdf or .svg, in any case. Errors:
 * CR_EUSAGE naming these. */
cr_status cr_figure_format_find(const char *path, const cr_figure_format **format, cr_error *err);

/* The format by its own name, `png`, `jpg`, `pdf` or `svg`; NULL. */
const cr_figure_format *cr_figure_format_named(const char *name);

/* Whether a file is one of this format. */
cr_file_kind *cr_figure_format_kind(const cr_figure_format *format);

/* Draws a figure to an open file, or to `path`, or, of NULL, to standard output. Texts that are too long end in an ellipsis;
 * bytes that are not UTF-8 are drawn as '?'. Errors: CR_EIO naming `path`, whose file may then be
 * incomplete; CR_EINTERNAL (memory); CR_EINPUT for a figure that is larger than the format holds. */
cr_status cr_figure_put(FILE *out, const cr_figure_format *format, const cr_figure *figure,
                        cr_error *err);
cr_status cr_figure_write(const char *path, const cr_figure_format *format, const cr_figure *figure,
                          cr_error *err);

#endif
