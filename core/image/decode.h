/* decode.h - the decoders behind cr_image_decode. Private to core/image. */
#ifndef CAMRANK_IMAGE_DECODE_H
#define CAMRANK_IMAGE_DECODE_H

#include "camrank/image.h"

/* Both as cr_image_decode, for bytes that begin like a JPEG or a PNG. */
cr_status cr_jpeg_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                         cr_image *image, cr_error *err);
cr_status cr_png_decode(const uint8_t *bytes, size_t n_bytes, const char *name, int max_mpixels,
                        cr_image *image, cr_error *err);

/* Checks the size that the file `name` claims and allocates its pixels. A large image is refused if
 * it `cannot_be`: the file is too short to hold it. */
cr_status cr_image_new(const char *name, uint32_t width, uint32_t height, int max_mpixels,
                       bool cannot_be, cr_image *image, cr_error *err);

#endif
