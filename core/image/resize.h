/* resize.h - a part of a resized image. Private to core/image. */
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

#endif
