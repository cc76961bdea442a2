/* The picture of `camrank show`, drawn with cairo: the image, and beside it the map over it, with
 * boxes, whose labels stay on the panel and off each other where there is room. */
#include "camrank/image.h"

#include <cairo.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All in pixels of the figure. */
#define MARGIN 10.0
#define TITLE_HEIGHT 30.0
#define TITLE_FONT 16.0
#define LABEL_FONT 13.0
#define LABEL_PAD 3.0
#define LINE 2.0
#define SMALL_SIDE 300 /* an image with no longer side is enlarged by a whole factor */
#define LARGE_SIDE 1200

typedef struct rectangle {
    double x, y, width, height;
} rectangle;

/* The panel that is being drawn, and the plates of the labels that stand on it already. */
typedef struct figure {
    cairo_t *cr;
    double scale;
    rectangle panel;
    rectangle *plates;
    int n_plates;
} figure;

static double figure_scale(const cr_image *image)
{
    int longer = image->width > image->height ? image->width : image->height;
    if (longer < SMALL_SIDE)
        return (SMALL_SIDE + longer - 1) / longer;
    return longer > LARGE_SIDE ? LARGE_SIDE / (double)longer : 1.0;
}

#define ELLIPSIS "\xe2\x80\xa6"

/* Copies what can be drawn, with room left for an ellipsis: cairo refuses a whole figure for one
 * byte that is not UTF-8. */
static void printable(const char *text, char *out, size_t out_bytes)
{
    size_t used = 0;
    while (*text) {
        size_t n = cr_utf8_bytes(text, strlen(text)), take = n ? n : 1;
        if (used + take + sizeof ELLIPSIS > out_bytes)
            break;
        memcpy(out + used, text, take);
        if (n == 0 || (unsigned char)*text < ' ')
            out[used] = n ? ' ' : '?';
        used += take;
        text += take;
    }
    out[used] = 0;
}

/* Shortens the text until it is at most `width` wide in the current font. Returns its width. */
static double fit_text(cairo_t *cr, char *text, size_t text_bytes, double width)
{
    cairo_text_extents_t extents;
    size_t n = strlen(text);
    for (;;) {
        cairo_text_extents(cr, text, &extents);
        if (extents.x_advance <= width || n == 0)
            return extents.x_advance;
        do
            n--;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80);
        snprintf(text + n, text_bytes - n, "%s", n ? ELLIPSIS : "");
    }
}

/* The image, or half of it and half the map in colours, as a cairo surface of its own size. */
static cairo_surface_t *paint_panel(const cr_image *image, const float *map)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, image->width, image->height);
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
        return surface;
    cairo_surface_flush(surface);
    unsigned char *rows = cairo_image_surface_get_data(surface);
    size_t pitch = (size_t)cairo_image_surface_get_stride(surface);
    const uint8_t *rgb = image->rgb;
    for (int y = 0; y < image->height; y++) {
        unsigned char *row = rows + pitch * (size_t)y;
        for (int x = 0; x < image->width; x++, rgb += 3, row += 4) {
            uint32_t r = rgb[0], g = rgb[1], b = rgb[2];
            if (map) {
                float m = *map++;
                uint8_t jet[3];
                cr_jet((uint8_t)(m > 0 ? m < 1 ? m * 255 : 255 : 0), jet);
                r = (r + jet[0] + 1) / 2;
                g = (g + jet[1] + 1) / 2;
                b = (b + jet[2] + 1) / 2;
            }
            uint32_t pixel = r << 16 | g << 8 | b;
            memcpy(row, &pixel, sizeof pixel);
        }
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static void draw_panel(const figure *f, const cr_image *image, const float *map)
{
    cairo_surface_t *surface = paint_panel(image, map);
    cairo_save(f->cr);
    cairo_rectangle(f->cr, f->panel.x, f->panel.y, f->panel.width, f->panel.height);
    cairo_clip(f->cr);
    cairo_translate(f->cr, f->panel.x, f->panel.y);
    cairo_scale(f->cr, f->scale, f->scale);
    cairo_set_source_surface(f->cr, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(f->cr),
                             f->scale < 1 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_paint(f->cr);
    cairo_restore(f->cr);
    cairo_surface_destroy(surface);
}

static rectangle box_on_panel(const figure *f, const cr_box *box)
{
    return (rectangle){f->panel.x + box->x0 * f->scale, f->panel.y + box->y0 * f->scale,
                       ((double)box->x1 - box->x0 + 1) * f->scale,
                       ((double)box->y1 - box->y0 + 1) * f->scale};
}

static void draw_outline(const figure *f, const cr_figure_box *b)
{
    /* The line lies inside the box, so that it stays visible along the edge of the image. */
    rectangle r = box_on_panel(f, &b->box);
    cairo_save(f->cr);
    cairo_rectangle(f->cr, f->panel.x, f->panel.y, f->panel.width, f->panel.height);
    cairo_clip(f->cr);
    cairo_rectangle(f->cr, r.x + LINE / 2, r.y + LINE / 2, fmax(r.width - LINE, 0),
                    fmax(r.height - LINE, 0));
    cairo_set_source_rgba(f->cr, 0, 0, 0, 0.6);
    cairo_set_line_width(f->cr, LINE + 2);
    cairo_stroke_preserve(f->cr);
    cairo_set_source_rgb(f->cr, b->colour[0], b->colour[1], b->colour[2]);
    cairo_set_line_width(f->cr, LINE);
    cairo_stroke(f->cr);
    cairo_restore(f->cr);
}

static bool is_free(const figure *f, const rectangle *r)
{
    if (r->y < f->panel.y || r->y + r->height > f->panel.y + f->panel.height)
        return false;
    for (int i = 0; i < f->n_plates; i++) {
        const rectangle *p = &f->plates[i];
        if (r->x < p->x + p->width && p->x < r->x + r->width && r->y < p->y + p->height &&
            p->y < r->y + r->height)
            return false;
    }
    return true;
}

/* Above the box, else inside at its top, else below, else inside at its bottom: the first place
 * that is on the panel and free. */
static void draw_label(figure *f, const cr_figure_box *b)
{
    char text[256];
    cairo_font_extents_t font;
    rectangle r = box_on_panel(f, &b->box);
    cairo_font_extents(f->cr, &font);
    printable(b->label, text, sizeof text);
    double width = fit_text(f->cr, text, sizeof text, f->panel.width - 2 * LABEL_PAD);
    rectangle plate = {r.x, 0, width + 2 * LABEL_PAD, font.ascent + font.descent + 2};
    plate.x = fmax(fmin(plate.x, f->panel.x + f->panel.width - plate.width), f->panel.x);
    double places[] = {r.y - plate.height, r.y, r.y + r.height, r.y + r.height - plate.height};
    double top = f->panel.y, bottom = f->panel.y + f->panel.height - plate.height;
    plate.y = fmax(fmin(places[0], bottom), top);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        rectangle wanted = {plate.x, places[i], plate.width, plate.height};
        if (is_free(f, &wanted)) {
            plate = wanted;
            break;
        }
    }
    cairo_set_source_rgba(f->cr, 0, 0, 0, 0.75);
    cairo_rectangle(f->cr, plate.x, plate.y, plate.width, plate.height);
    cairo_fill(f->cr);
    cairo_set_source_rgb(f->cr, b->colour[0], b->colour[1], b->colour[2]);
    cairo_move_to(f->cr, plate.x + LABEL_PAD, plate.y + 1 + font.ascent);
    cairo_show_text(f->cr, text);
    f->plates[f->n_plates++] = plate;
}

static void draw_title(cairo_t *cr, const char *title, double width)
{
    char text[512];
    printable(title, text, sizeof text);
    cairo_select_font_face(cr, "sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cr, TITLE_FONT);
    fit_text(cr, text, sizeof text, width - 2 * MARGIN);
    cairo_set_source_rgb(cr, 0, 0, 0);
    cairo_move_to(cr, MARGIN, MARGIN + TITLE_FONT);
    cairo_show_text(cr, text);
}

static cairo_status_t write_bytes(void *file, const unsigned char *bytes, unsigned n_bytes)
{
    return fwrite(bytes, 1, n_bytes, file) == n_bytes ? CAIRO_STATUS_SUCCESS
                                                      : CAIRO_STATUS_WRITE_ERROR;
}

static cr_status write_png(const char *path, cairo_surface_t *surface, cr_error *err)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return cr_fail(err, CR_EIO, "%s: %s", path, strerror(errno));
    cairo_status_t written = cairo_surface_write_to_png_stream(surface, write_bytes, file);
    int reason = errno;
    if (fclose(file) != 0 && written == CAIRO_STATUS_SUCCESS) {
        written = CAIRO_STATUS_WRITE_ERROR;
        reason = errno;
    }
    if (written == CAIRO_STATUS_SUCCESS)
        return CR_OK;
    return cr_fail(err, CR_EIO, "%s: %s", path,
                   written == CAIRO_STATUS_WRITE_ERROR ? strerror(reason)
                                                       : cairo_status_to_string(written));
}

cr_status cr_figure_write(const char *path, const cr_image *image, const float *map,
                          const cr_figure_box *boxes, int n_boxes, const char *title, cr_error *err)
{
    cr_status status = CR_OK;
    figure f = {.scale = figure_scale(image)};
    double side = fmax(round(image->width * f.scale), 1);
    f.panel =
        (rectangle){MARGIN, MARGIN + TITLE_HEIGHT, side, fmax(round(image->height * f.scale), 1)};
    int n_panels = map ? 2 : 1;
    double width = n_panels * (side + MARGIN) + MARGIN;
    double height = f.panel.y + f.panel.height + MARGIN;

    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    f.cr = cairo_create(surface);
    f.plates = cr_alloc((size_t)n_boxes, sizeof *f.plates);
    if (!f.plates) {
        status = cr_fail_memory(err, path, (size_t)n_boxes, sizeof *f.plates);
        goto cleanup;
    }
    cairo_set_source_rgb(f.cr, 1, 1, 1);
    cairo_paint(f.cr);
    draw_title(f.cr, title, width);
    cairo_select_font_face(f.cr, "sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(f.cr, LABEL_FONT);
    for (int panel = 0; panel < n_panels; panel++) {
        f.n_plates = 0;
        draw_panel(&f, image, panel == 1 ? map : NULL);
        for (int i = 0; i < n_boxes; i++)
            draw_outline(&f, &boxes[i]);
        for (int i = 0; i < n_boxes; i++)
            if (boxes[i].label)
                draw_label(&f, &boxes[i]);
        f.panel.x += side + MARGIN;
    }
    if (cairo_status(f.cr) != CAIRO_STATUS_SUCCESS) {
        status = cr_fail(err, CR_EIO, "%s: %s", path, cairo_status_to_string(cairo_status(f.cr)));
        goto cleanup;
    }
    status = write_png(path, surface, err);

cleanup:
    free(f.plates);
    cairo_destroy(f.cr);
    cairo_surface_destroy(surface);
    return status;
}
