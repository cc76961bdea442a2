/* From bytes to an RGB image, by what they begin with, not by the file's name. The size in the
 * header is checked against the limit before pixels are allocated. */
#include "decode.h"

#include <stdlib.h>
#include <string.h>

/* A small image whose file lacks much is left to the decoder, and to its reason. */
#define SMALL_PIXELS ((size_t)1 << 22)

cr_status cr_image_check_size(const char *name, int64_t width, int64_t height, int max_mpixels,
                              cr_error *err)
{
    if (width < 1 || height < 1 || width > CR_IMAGE_MAX_SIDE || height > CR_IMAGE_MAX_SIDE)
        return cr_fail(err, CR_EINPUT, "%s: %lld x %lld pixels; the limits are 1 to %d a side",
                       name, (long long)width, (long long)height, CR_IMAGE_MAX_SIDE);
    if (width * height > (int64_t)max_mpixels * 1000000)
        return cr_fail(err, CR_EINPUT,
                       "%s: %lld x %lld pixels, more than the limit of %d million "
                       "(image_mpixels)",
                       name, (long long)width, (long long)height, max_mpixels);
    return CR_OK;
}

cr_status cr_image_new(const char *name, uint32_t width, uint32_t height, int max_mpixels,
                       bool cannot_be, cr_image *image, cr_error *err)
{
    cr_status status = cr_image_check_size(name, width, height, max_mpixels, err);
    if (status != CR_OK)
        return status;
    size_t n_pixels = (size_t)width * height;
    if (cannot_be && n_pixels > SMALL_PIXELS)
        return cr_fail(err, CR_EINPUT, "%s: the file is too short for its %u x %u pixels", name,
                       width, height);
    uint8_t *rgb = cr_alloc(n_pixels, 3);
    if (!rgb)
        return cr_fail_memory(err, name, n_pixels, 3);
    *image = (cr_image){.width = (int)width, .height = (int)height, .rgb = rgb};
    return CR_OK;
}

cr_status cr_image_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                          cr_image *image, cr_error *err)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    *image = (cr_image){0};
    if (n_bytes >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return cr_jpeg_decode(bytes, n_bytes, name, max_mpixels, image, err);
    if (n_bytes >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return cr_png_decode(bytes, n_bytes, name, max_mpixels, image, err);
    if (n_bytes == 0)
        return cr_fail(err, CR_EINPUT, "%s: the file is empty", name);
    return cr_fail(err, CR_EINPUT, "%s: neither a JPEG nor a PNG file", name);
}

cr_status cr_image_read(const char *path, cr_image *image, cr_error *err)
{
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    *image = (cr_image){0};
    cr_status status = cr_file_read(path, CR_IMAGE_MAX_FILE_BYTES, &bytes, &n_bytes, err);
    if (status == CR_OK)
        status = cr_image_decode(bytes, n_bytes, path, CR_IMAGE_DEFAULT_MPIXELS, image, err);
    free(bytes);
    return status;
}

void cr_image_free(cr_image *image)
{
    free(image->rgb);
    *image = (cr_image){0};
}
