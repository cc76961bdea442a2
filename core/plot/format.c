/* The formats of pictures. What is an image is drawn whole and then written; PDF and SVG are written while
 * they are drawn. */
#include "internal.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>

static cairo_status_t write_bytes(void *file, const unsigned char *bytes, unsigned n_bytes)
{
    return fwrite(bytes, 1, n_bytes, file) == n_bytes ? CAIRO_STATUS_SUCCESS
                                                      : CAIRO_STATUS_WRITE_ERROR;
}

static cairo_surface_t *begin_image(FILE *file, double width, double height)
{
    (void)file;
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
}

static cairo_surface_t *begin_pdf(FILE *file, double width, double height)
{
    return cairo_pdf_surface_create_for_stream(write_bytes, file, width, height);
}

static cairo_surface_t *begin_svg(FILE *file, double width, double height)
{
    return cairo_svg_surface_create_for_stream(write_bytes, file, width, height);
}

static cr_status end_png(cairo_surface_t *surface, FILE *file, int quality, cr_error *err)
{
    (void)quality;
    errno = 0;
    const cairo_status_t written = cairo_surface_write_to_png_stream(surface, write_bytes, file);
    if (written == CAIRO_STATUS_SUCCESS)
        return CR_OK;
    return cr_fail(err, CR_EIO, "%s",
                   written == CAIRO_STATUS_WRITE_ERROR ? strerror(errno)
                                                       : cairo_status_to_string(written));
}

typedef struct jpeg_failure {
    struct jpeg_error_mgr manager; /* first, so that the library's pointer is ours */
    jmp_buf back;
} jpeg_failure;

static void leave(j_common_ptr jpeg)
{
    longjmp(((jpeg_failure *)(void *)jpeg->err)->back, 1);
}

static cr_status end_jpg(cairo_surface_t *surface, FILE *file, int quality, cr_error *err)
{
    struct jpeg_compress_struct jpeg;
    jpeg_failure failure;
    const unsigned char *rows = cairo_image_surface_get_data(surface);
    const size_t pitch = (size_t)cairo_image_surface_get_stride(surface);
    const int width = cairo_image_surface_get_width(surface);
    const int height = cairo_image_surface_get_height(surface);
    JSAMPLE *row = cr_alloc((size_t)width, 3);
    if (!row)
        return cr_fail_memory(err, "a row of the picture", (size_t)width, 3);
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    errno = 0;
    jpeg_create_compress(&jpeg);
    if (setjmp(failure.back)) {
        const int reason = errno;
        jpeg_destroy_compress(&jpeg);
        free(row);
        return cr_fail(err, CR_EIO, "%s", reason ? strerror(reason) : "the JPEG cannot be written");
    }
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    if (quality >= CR_FIGURE_QUALITY) /* lines keep colour */
        jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint32_t pixel;
            memcpy(&pixel, rows + pitch * (size_t)y + 4 * (size_t)x, sizeof pixel);
            row[3 * x] = (JSAMPLE)(pixel >> 16);
            row[3 * x + 1] = (JSAMPLE)(pixel >> 8);
            row[3 * x + 2] = (JSAMPLE)pixel;
        }
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return CR_OK;
}

static bool is_jpg(const char *bytes, size_t n)
{
    return n >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
}

static bool is_pdf(const char *bytes, size_t n)
{
    return n >= 5 && memcmp(bytes, "%PDF-", 5) == 0;
}

static bool is_svg(const char *bytes, size_t n)
{
    return memmem(bytes, n, "<svg", 4) != NULL;
}

static const cr_figure_format formats[] = {
    {"png", NULL, cr_file_is_png, begin_image, end_png},
    {"jpg", "jpeg", is_jpg, begin_image, end_jpg},
    {"pdf", NULL, is_pdf, begin_pdf, NULL},
    {"svg", NULL, is_svg, begin_svg, NULL},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

const cr_figure_format *cr_figure_format_named(const char *name)
{
    for (int i = 0; i < N_FORMATS; i++)
        if (strcasecmp(formats[i].name, name) == 0 ||
            (formats[i].other && strcasecmp(formats[i].other, name) == 0))
            return &formats[i];
    return NULL;
}

cr_status cr_figure_format_find(const char *path, const cr_figure_format **format, cr_error *err)
{
    const char *dot = strrchr(cr_path_name(path), '.');
    *format = dot ? cr_figure_format_named(dot + 1) : NULL;
    return *format ? CR_OK
                   : cr_fail(err, CR_EUSAGE,
                             "%s: a picture's name must end in .png, .jpg, .pdf or .svg", path);
}

cr_file_kind *cr_figure_format_kind(const cr_figure_format *format)
{
    return format->kind;
}

cr_status cr_format_begin(const cr_figure_format *format, double width, double height, FILE *file,
                          cairo_surface_t **surface, cairo_t **cr, cr_error *err)
{
    errno = 0;
    *surface = format->begin(file, width, height);
    *cr = cairo_create(*surface);
    if (cairo_status(*cr) == CAIRO_STATUS_INVALID_SIZE)
        return cr_fail(err, CR_EINPUT, "a picture of %.0f x %.0f pixels is too large", width,
                       height);
    return CR_OK;
}

cr_status cr_format_end(const cr_figure_format *format, cairo_t *cr, int quality, FILE *file,
                        cr_error *err)
{
    cairo_surface_t *surface = cairo_get_target(cr);
    cairo_status_t drawn = cairo_status(cr);
    if (drawn == CAIRO_STATUS_SUCCESS && format->end)
        CR_OR_RETURN(format->end(surface, file, quality, err));
    cairo_surface_finish(surface);
    if (drawn == CAIRO_STATUS_SUCCESS)
        drawn = cairo_surface_status(surface);
    if (drawn == CAIRO_STATUS_SUCCESS)
        return CR_OK;
    return cr_fail(err, CR_EIO, "%s",
                   drawn == CAIRO_STATUS_WRITE_ERROR && errno ? strerror(errno)
                                                              : cairo_status_to_string(drawn));
}
