/* PNG as Pillow converts it to RGB, on libpng: palettes, 16 bits of grey, alpha dropped. A file too
 * small for its size is refused before its pixels are allocated. */
#include "decode.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

typedef struct decoder {
    png_structp png;
    png_infop info;
    const uint8_t *next;
    size_t n_left;
    char reason[128];
} decoder;

_Noreturn static void on_error(png_structp png, png_const_charp reason)
{
    decoder *d = png_get_error_ptr(png);
    snprintf(d->reason, sizeof d->reason, "%s", reason);
    png_longjmp(png, 1);
}

/* Warnings concern ancillary chunks, which do not touch the pixels. */
static void on_warning(png_structp png, png_const_charp reason)
{
    (void)png;
    (void)reason;
}

static void on_read(png_structp png, png_bytep out, size_t n_bytes)
{
    decoder *d = png_get_io_ptr(png);
    if (n_bytes > d->n_left)
        png_error(png, "the file is cut short");
    memcpy(out, d->next, n_bytes);
    d->next += n_bytes;
    d->n_left -= n_bytes;
}

/* The bytes a pixel has as read: an index, a grey value, a big-endian grey value, or RGB. */
typedef enum layout { LAYOUT_INDEX, LAYOUT_GREY, LAYOUT_GREY16, LAYOUT_RGB } layout;

static size_t layout_bytes(layout l)
{
    return l == LAYOUT_RGB ? 3 : l == LAYOUT_GREY16 ? 2 : 1;
}

/* Asks libpng for one of the layouts: alpha and all but the high byte are dropped. Only grey
 * without alpha keeps its 16 bits, because of what Pillow makes of them. */
static layout choose_layout(png_structp png, png_infop info)
{
    int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_packing(png);
        return LAYOUT_INDEX;
    }
    if (type == PNG_COLOR_TYPE_GRAY && depth == 16)
        return LAYOUT_GREY16;
    if (depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16)
        png_set_strip_16(png);
    if (type & PNG_COLOR_MASK_ALPHA)
        png_set_strip_alpha(png);
    return type & PNG_COLOR_MASK_COLOR ? LAYOUT_RGB : LAYOUT_GREY;
}

/* colours[i] for index i; an index past the palette is a grey level, as in Pillow. */
static void read_palette(const decoder *d, uint8_t colours[256][3])
{
    png_colorp palette = NULL;
    int n_colours = 0;
    png_get_PLTE(d->png, d->info, &palette, &n_colours);
    for (int i = 0; i < 256; i++) {
        bool known = i < n_colours;
        colours[i][0] = known ? palette[i].red : (uint8_t)i;
        colours[i][1] = known ? palette[i].green : (uint8_t)i;
        colours[i][2] = known ? palette[i].blue : (uint8_t)i;
    }
}

/* Widens a row to RGB in place, from its end, since no pixel shrinks. */
static void expand_row(uint8_t *row, int width, layout l, const uint8_t colours[256][3])
{
    for (int x = width; x-- > 0;) {
        uint8_t *rgb = row + (size_t)3 * (size_t)x;
        if (l == LAYOUT_INDEX) {
            memcpy(rgb, colours[row[x]], 3);
        } else if (l == LAYOUT_GREY) {
            memset(rgb, row[x], 3);
        } else {
            /* Pillow's way from 16 bits of grey to RGB: clipped at 255, not scaled. */
            const uint8_t *value = row + (size_t)2 * (size_t)x;
            memset(rgb, value[0] ? 255 : value[1], 3);
        }
    }
}

/* What the pixels of a row hold. */
static void number_row(const uint8_t *row, int width, layout l, int32_t *to)
{
    for (int x = 0; x < width; x++, row += layout_bytes(l))
        to[x] = l == LAYOUT_RGB      ? row[0] << 16 | row[1] << 8 | row[2]
                : l == LAYOUT_GREY16 ? row[0] << 8 | row[1]
                                     : row[0];
}

/* Deflate writes at least a byte for 1032, two bits for 258. */
static bool is_too_short(png_structp png, png_infop info, size_t n_bytes)
{
    const size_t packed = png_get_rowbytes(png, info) * png_get_image_height(png, info);
    return packed / 1032 > n_bytes;
}

/* The rows as they come, at the places of rows of RGB. */
static cr_status decode_rows(decoder *d, const char *name, int max_mpixels, cr_image *image,
                             layout *as, cr_error *err)
{
    png_structp png = d->png;
    const size_t n_bytes = d->n_left;
    png_read_info(png, d->info);
    cr_status status =
        cr_image_new(name, png_get_image_width(png, d->info), png_get_image_height(png, d->info),
                     max_mpixels, is_too_short(png, d->info, n_bytes), image, err);
    if (status != CR_OK)
        return status;
    image->transparent = png_get_color_type(png, d->info) & PNG_COLOR_MASK_ALPHA ||
                         png_get_valid(png, d->info, PNG_INFO_tRNS);
    *as = choose_layout(png, d->info);
    int n_passes = png_set_interlace_handling(png);
    png_read_update_info(png, d->info);
    size_t pitch = (size_t)3 * (size_t)image->width;
    if (png_get_rowbytes(png, d->info) != layout_bytes(*as) * (size_t)image->width)
        return cr_fail(err, CR_EINTERNAL, "%s: a PNG layout that was not foreseen", name);

    for (int pass = 0; pass < n_passes; pass++)
        for (int y = 0; y < image->height; y++)
            png_read_row(png, image->rgb + pitch * (size_t)y, NULL);
    return CR_OK;
}

static cr_status decode_image(decoder *d, const char *name, int max_mpixels, cr_image *image,
                              cr_error *err)
{
    uint8_t colours[256][3];
    layout l;
    CR_OR_RETURN(decode_rows(d, name, max_mpixels, image, &l, err));
    read_palette(d, colours);
    for (int y = 0; y < image->height && l != LAYOUT_RGB; y++)
        expand_row(image->rgb + (size_t)3 * (size_t)image->width * (size_t)y, image->width, l,
                   (const uint8_t(*)[3])colours);
    return CR_OK;
}

static cr_status decode_labels(decoder *d, const char *name, int max_mpixels, cr_image *image,
                               cr_labels *labels, cr_error *err)
{
    layout l;
    CR_OR_RETURN(decode_rows(d, name, max_mpixels, image, &l, err));
    const size_t width = (size_t)image->width, height = (size_t)image->height;
    *labels =
        (cr_labels){image->width, image->height, cr_alloc(width * height, sizeof *labels->values)};
    if (!labels->values)
        return cr_fail_memory(err, name, width * height, sizeof *labels->values);
    for (size_t y = 0; y < height; y++)
        number_row(image->rgb + 3 * width * y, image->width, l, labels->values + width * y);
    return CR_OK;
}

/* Into the image, or, where there are any, the labels. */
static cr_status decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                        cr_image *image, cr_labels *labels, cr_error *err)
{
    cr_status status;
    decoder d = {.next = bytes, .n_left = n_bytes};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
    if (d.png)
        d.info = png_create_info_struct(d.png);
    if (!d.info) {
        status = cr_fail_memory(err, name, 1, n_bytes);
    } else if (setjmp(png_jmpbuf(d.png)) == 0) {
        png_set_read_fn(d.png, &d, on_read);
        status = labels ? decode_labels(&d, name, max_mpixels, image, labels, err)
                        : decode_image(&d, name, max_mpixels, image, err);
    } else {
        status = cr_fail(err, CR_EINPUT, "%s: damaged PNG: %s", name, d.reason);
    }
    png_destroy_read_struct(&d.png, &d.info, NULL);
    if (status != CR_OK)
        cr_image_free(image);
    return status;
}

cr_status cr_png_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                        cr_image *image, cr_error *err)
{
    return decode(bytes, n_bytes, name, max_mpixels, image, NULL, err);
}

cr_status cr_labels_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                           cr_labels *labels, cr_error *err)
{
    cr_image rows = {0};
    *labels = (cr_labels){0};
    const cr_status status = decode(bytes, n_bytes, name, max_mpixels, &rows, labels, err);
    cr_image_free(&rows);
    return status;
}
