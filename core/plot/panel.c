/* A panel of a figure: the image, or half of it and half a map, the contour of a level, and boxes, whose
 * labels stay on the panel and off each other where there is room. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_PAD 3.0
#define BOX_LINE 2.0
#define CONTOUR_LINE 1.0

/* The panel that is being drawn, and the plates of the labels that stand on it already. */
typedef struct drawing {
    cairo_t *cr;
    double scale;
    cr_rectangle place;
    cr_rectangle *plates;
    int n_plates;
} drawing;

/* Whether the network looked at the pixel's centre. */
static bool is_seen(const cr_figure_panel *panel, int x, int y)
{
    for (int i = 0; i < panel->n_views; i++) {
        const cr_region *r = &panel->views[i].region;
        if (x + 0.5 >= r->x0 && x + 0.5 < r->x0 + r->width && y + 0.5 >= r->y0 &&
            y + 0.5 < r->y0 + r->height)
            return true;
    }
    return panel->n_views == 0;
}

/* The image, or the map over it, as a cairo surface of its own size. */
static cairo_surface_t *paint(const cr_figure_panel *panel)
{
    const cr_image *image = panel->image;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, image->width, image->height);
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
        return surface;
    cairo_surface_flush(surface);
    unsigned char *rows = cairo_image_surface_get_data(surface);
    const size_t pitch = (size_t)cairo_image_surface_get_stride(surface);
    const uint8_t *rgb = image->rgb;
    const float *map = panel->map;
    const cr_overlay *overlay = panel->overlay ? panel->overlay : cr_overlays;
    for (int y = 0; y < image->height; y++) {
        unsigned char *row = rows + pitch * (size_t)y;
        for (int x = 0; x < image->width; x++, rgb += 3, row += 4) {
            uint8_t out[3] = {rgb[0], rgb[1], rgb[2]};
            const float m = map ? *map++ : 0;
            if (map && is_seen(panel, x, y))
                overlay->paint((uint8_t)(m > 0 ? m < 1 ? m * 255 : 255 : 0), rgb, out);
            const uint32_t pixel = (uint32_t)out[0] << 16 | (uint32_t)out[1] << 8 | out[2];
            memcpy(row, &pixel, sizeof pixel);
        }
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static void draw_image(const drawing *d, const cr_figure_panel *panel)
{
    cairo_surface_t *surface = paint(panel);
    cairo_save(d->cr);
    cairo_translate(d->cr, d->place.x, d->place.y);
    cairo_scale(d->cr, d->scale, d->scale);
    cairo_set_source_surface(d->cr, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(d->cr),
                             d->scale < 1 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_paint(d->cr);
    cairo_restore(d->cr);
    cairo_surface_destroy(surface);
}

static bool is_in(const cr_figure_panel *panel, int x, int y)
{
    const cr_image *image = panel->image;
    return x >= 0 && y >= 0 && x < image->width && y < image->height &&
           (double)panel->map[(size_t)y * (size_t)image->width + (size_t)x] >= panel->level;
}

/* Along the edges between pixels of which one is in: runs of such edges, first those between the rows,
 * then those between the columns. At the edge of the image there is none. */
static void draw_contour(const drawing *d, const cr_figure_panel *panel)
{
    const int width = panel->image->width, height = panel->image->height;
    if (!panel->map || !(panel->level > 0))
        return;
    cairo_save(d->cr);
    cairo_translate(d->cr, d->place.x, d->place.y);
    cairo_scale(d->cr, d->scale, d->scale);
    for (int across = 0; across < 2; across++) {
        const int n_lines = across ? width : height, n = across ? height : width;
        for (int line = 1; line < n_lines; line++)
            for (int at = 0, start = 0; at <= n; at++) {
                const bool edge =
                    at < n && (across ? is_in(panel, line - 1, at) != is_in(panel, line, at)
                                      : is_in(panel, at, line - 1) != is_in(panel, at, line));
                if (!edge && start < at) {
                    cairo_move_to(d->cr, across ? line : start, across ? start : line);
                    cairo_line_to(d->cr, across ? line : at, across ? at : line);
                }
                start = edge ? start : at + 1;
            }
    }
    cairo_restore(d->cr);
    cairo_set_line_cap(d->cr, CAIRO_LINE_CAP_SQUARE);
    cr_stroke(d->cr, &cr_figure_contour, CONTOUR_LINE);
    cairo_new_path(d->cr);
    cairo_set_line_cap(d->cr, CAIRO_LINE_CAP_BUTT);
}

/* The least rectangle round all views. */
static void draw_seen(const drawing *d, const cr_figure_panel *panel)
{
    double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
    for (int i = 0; i < panel->n_views; i++) {
        const cr_region *r = &panel->views[i].region;
        left = fmin(left, r->x0);
        top = fmin(top, r->y0);
        right = fmax(right, r->x0 + r->width);
        bottom = fmax(bottom, r->y0 + r->height);
    }
    if (panel->n_views == 0)
        return;
    cairo_rectangle(d->cr, d->place.x + left * d->scale, d->place.y + top * d->scale,
                    (right - left) * d->scale, (bottom - top) * d->scale);
    cr_stroke(d->cr, &cr_figure_seen, CONTOUR_LINE);
    cairo_new_path(d->cr);
}

static cr_rectangle place_of(const drawing *d, const cr_box *box)
{
    return (cr_rectangle){d->place.x + box->x0 * d->scale, d->place.y + box->y0 * d->scale,
                          ((double)box->x1 - box->x0 + 1) * d->scale,
                          ((double)box->y1 - box->y0 + 1) * d->scale};
}

static void draw_box(const drawing *d, const cr_figure_box *b)
{
    /* The line lies inside the box, so that it stays visible along the edge of the image. */
    const cr_rectangle r = place_of(d, &b->box);
    cairo_rectangle(d->cr, r.x + BOX_LINE / 2, r.y + BOX_LINE / 2, fmax(r.width - BOX_LINE, 0),
                    fmax(r.height - BOX_LINE, 0));
    cr_stroke(d->cr, &b->line, BOX_LINE);
    cairo_new_path(d->cr);
}

static bool is_free(const drawing *d, const cr_rectangle *r)
{
    if (r->y < d->place.y || r->y + r->height > d->place.y + d->place.height)
        return false;
    for (int i = 0; i < d->n_plates; i++) {
        const cr_rectangle *p = &d->plates[i];
        if (r->x < p->x + p->width && p->x < r->x + r->width && r->y < p->y + p->height &&
            p->y < r->y + r->height)
            return false;
    }
    return true;
}

/* Above the box, else inside at its top, else below, else inside at its bottom: the first place
 * that is on the panel and free. */
static void draw_label(drawing *d, const cr_figure_box *b)
{
    char text[256];
    cairo_font_extents_t font;
    const cr_rectangle r = place_of(d, &b->box);
    cairo_font_extents(d->cr, &font);
    const double width =
        cr_fit_text(d->cr, b->label, text, sizeof text, d->place.width - 2 * LABEL_PAD);
    cr_rectangle plate = {r.x, 0, width + 2 * LABEL_PAD, font.ascent + font.descent + 2};
    plate.x = fmax(fmin(plate.x, d->place.x + d->place.width - plate.width), d->place.x);
    const double places[] = {r.y - plate.height, r.y, r.y + r.height,
                             r.y + r.height - plate.height};
    const double top = d->place.y, bottom = d->place.y + d->place.height - plate.height;
    plate.y = fmax(fmin(places[0], bottom), top);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const cr_rectangle wanted = {plate.x, places[i], plate.width, plate.height};
        if (is_free(d, &wanted)) {
            plate = wanted;
            break;
        }
    }
    cairo_set_source_rgba(d->cr, 0, 0, 0, 0.75);
    cairo_rectangle(d->cr, plate.x, plate.y, plate.width, plate.height);
    cairo_fill(d->cr);
    cairo_set_source_rgb(d->cr, 1, 1, 1);
    cairo_move_to(d->cr, plate.x + LABEL_PAD, plate.y + 1 + font.ascent);
    cairo_show_text(d->cr, text);
    d->plates[d->n_plates++] = plate;
}

cr_status cr_draw_panel(cairo_t *cr, const cr_figure_panel *panel, double x, double y, double scale,
                        cr_error *err)
{
    drawing d = {.cr = cr,
                 .scale = scale,
                 .place = {x, y, fmax(round(panel->image->width * scale), 1),
                           fmax(round(panel->image->height * scale), 1)}};
    d.plates = cr_alloc((size_t)panel->n_boxes, sizeof *d.plates);
    if (!d.plates)
        return cr_fail_memory(err, "labels", (size_t)panel->n_boxes, sizeof *d.plates);
    cairo_save(cr);
    cairo_rectangle(cr, d.place.x, d.place.y, d.place.width, d.place.height);
    cairo_clip(cr);
    draw_image(&d, panel);
    draw_seen(&d, panel);
    draw_contour(&d, panel);
    for (int i = 0; i < panel->n_boxes; i++)
        draw_box(&d, &panel->boxes[i]);
    cr_set_font(cr, CR_FONT_TEXT, false);
    for (int i = 0; i < panel->n_boxes; i++)
        if (panel->boxes[i].label)
            draw_label(&d, &panel->boxes[i]);
    cairo_restore(cr);
    free(d.plates);
    return CR_OK;
}
