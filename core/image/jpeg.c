/* JPEG as Pillow reads it, on libjpeg: damage that it steps over, CMYK, a missing end mark. A file
 * that is cut short, too small for its size or of countless scans is refused. */
#include "decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* Real progressive files have about ten. Each scan costs a pass over all coefficients, so that a
 * small hostile file with thousands of empty scans would hold a rank for hours. */
#define MAX_SCANS 500

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    char reason[JMSG_LENGTH_MAX];
    uint8_t *cmyk; /* one row, four-channel files only */
} decoder;

_Noreturn static void escape(decoder *d, const char *reason)
{
    if (reason)
        snprintf(d->reason, sizeof d->reason, "%s", reason);
    longjmp(d->escape, 1);
}

_Noreturn static void on_error(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    jpeg->err->format_message(jpeg, d->reason);
    escape(d, NULL);
}

/* Warnings concern damage that libjpeg can step over, and Pillow lets them pass too. */
static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    if (d->jpeg.input_scan_number > MAX_SCANS)
        escape(d, "more scans than any real file has");
}

static void source_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* The whole file is in the buffer from the start: asking for more means that the file is cut short.
 * "Suspend" is the answer that Pillow gives, and leaves a file alone that lacks only its end
 * marker; libjpeg's own memory source would invent the missing part with a warning. */
static boolean source_fill(j_decompress_ptr jpeg)
{
    (void)jpeg;
    return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long n)
{
    struct jpeg_source_mgr *source = jpeg->src;
    size_t skipped = n < 0 ? 0 : (size_t)n;
    if (skipped > source->bytes_in_buffer)
        skipped = source->bytes_in_buffer;
    source->next_input_byte += skipped;
    source->bytes_in_buffer -= skipped;
}

static void setup(decoder *d, const uint8_t *bytes, size_t n_bytes)
{
    d->jpeg.client_data = d;
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    jpeg_create_decompress(&d->jpeg);
    d->source = (struct jpeg_source_mgr){
        .next_input_byte = bytes,
        .bytes_in_buffer = n_bytes,
        .init_source = source_nothing,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    d->jpeg.src = &d->source;
    d->progress.progress_monitor = on_progress;
    d->jpeg.progress = &d->progress;
}

/* Rounded a * b / 255. */
static unsigned mul_255(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Four-channel files hold inverted ink, whether an Adobe marker says so or not: Pillow's reading.
 * So cmyk[3] is the paper left white by black ink. */
static void rgb_from_cmyk(const uint8_t *cmyk, int width, uint8_t *rgb)
{
    for (int x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(cmyk[3] - mul_255(255u - cmyk[c], cmyk[3]));
}

/* Whether the file has less than a bit for each block of 8 x 8 values: then it is damaged, or made to
 * claim memory. (Arithmetic coding could do with less, for an image of one colour.) */
static bool is_too_short(const struct jpeg_decompress_struct *jpeg, size_t n_bytes)
{
    size_t n_blocks = 0;
    for (int c = 0; c < jpeg->num_components; c++)
        n_blocks +=
            (size_t)jpeg->comp_info[c].width_in_blocks * jpeg->comp_info[c].height_in_blocks;
    return n_blocks / 8 > n_bytes;
}

static cr_status decode(decoder *d, size_t n_bytes, const char *name, int max_mpixels,
                        cr_image *image, cr_error *err)
{
    static const char *const cut_short = "the file is cut short";
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    if (jpeg_read_header(jpeg, TRUE) == JPEG_SUSPENDED)
        escape(d, cut_short);
    bool four = jpeg->num_components == 4;
    jpeg->out_color_space = four ? JCS_CMYK : JCS_RGB;
    cr_status status = cr_image_new(name, jpeg->image_width, jpeg->image_height, max_mpixels,
                                    is_too_short(jpeg, n_bytes), image, err);
    if (status != CR_OK)
        return status;
    if (four) {
        d->cmyk = cr_alloc(jpeg->image_width, 4);
        if (!d->cmyk)
            return cr_fail_memory(err, name, jpeg->image_width, 4);
    }
    if (!jpeg_start_decompress(jpeg))
        escape(d, cut_short);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb = image->rgb + (size_t)3 * jpeg->output_scanline * jpeg->image_width;
        uint8_t *row = four ? d->cmyk : rgb;
        if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
            escape(d, cut_short);
        if (four)
            rgb_from_cmyk(row, image->width, rgb);
    }
    /* On to the end mark: an error on the way counts, as for Pillow, but not that there is none. */
    (void)jpeg_finish_decompress(jpeg);
    return CR_OK;
}

cr_status cr_jpeg_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                         cr_image *image, cr_error *err)
{
    cr_status status;
    decoder d;
    memset(&d, 0, sizeof d);
    if (setjmp(d.escape) == 0) {
        setup(&d, bytes, n_bytes);
        status = decode(&d, n_bytes, name, max_mpixels, image, err);
    } else {
        status = cr_fail(err, CR_EINPUT, "%s: damaged JPEG: %s", name, d.reason);
    }
    jpeg_destroy_decompress(&d.jpeg);
    free(d.cmyk);
    if (status != CR_OK)
        cr_image_free(image);
    return status;
}
