/* resize.h - a part of a resized image, and the filters behind it. Private to core/image. */
#ifndef CAMRANK_IMAGE_RESIZE_H
#define CAMRANK_IMAGE_RESIZE_H

#include "camrank/image.h"

/* Of the image resized to full_width x full_height the pixels from (x0, y0), width x height of
 * them. The full size may be far beyond what could be allocated. */
typedef struct cr_window {
    int64_t full_width, full_height;
    int64_t x0, y0;
    int width, height;
} cr_window;

/* The pixels of cr_image_resize inside the window, at the cost of those alone. */
cr_status cr_image_resize_window(const cr_image *in, const cr_window *window, cr_filter filter,
                                 cr_image *out, cr_error *err);

/* One filter each: fills rgb [window height][window width][3]. The window lies inside the full
 * size and is not empty. Errors: CR_EINTERNAL (memory). */
cr_status cr_resize_pil_bilinear(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                 cr_error *err);
cr_status cr_resize_pil_bicubic(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                cr_error *err);
cr_status cr_resize_pil_nearest(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                cr_error *err);
cr_status cr_resize_opencv_linear(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                  cr_error *err);

#endif
