/* Filters by name, and a part of a resized image, handed to Pillow's or OpenCV's arithmetic. */
#include "resize.h"

#include <stdlib.h>

const char *cr_filter_name(cr_filter filter)
{
    switch (filter) {
#define FILTER_CASE(value, name) \
    case value:                  \
        return name;
        CR_FILTER_LIST(FILTER_CASE)
#undef FILTER_CASE
    }
    return NULL;
}

static cr_status fill_window(const cr_image *in, const cr_window *window, cr_filter filter,
                             uint8_t *rgb, cr_error *err)
{
    switch (filter) {
    case CR_FILTER_PIL_BILINEAR:
        return cr_resize_pil_bilinear(in, window, rgb, err);
    case CR_FILTER_PIL_BICUBIC:
        return cr_resize_pil_bicubic(in, window, rgb, err);
    case CR_FILTER_PIL_NEAREST:
        return cr_resize_pil_nearest(in, window, rgb, err);
    case CR_FILTER_OPENCV_LINEAR:
        return cr_resize_opencv_linear(in, window, rgb, err);
    }
    return cr_fail(err, CR_EINTERNAL, "image resizing: unknown filter (%d)", (int)filter);
}

cr_status cr_image_resize_window(const cr_image *in, const cr_window *window, cr_filter filter,
                                 cr_image *out, cr_error *err)
{
    int width = window->width, height = window->height;
    *out = (cr_image){0};
    if (width < 1 || height < 1 || window->x0 < 0 || window->y0 < 0 ||
        window->x0 + width > window->full_width || window->y0 + height > window->full_height)
        return cr_fail(err, CR_EINTERNAL, "image resizing: a window of %d x %d pixels", width,
                       height);
    size_t pitch = (size_t)3 * (size_t)width;
    uint8_t *rgb = cr_alloc((size_t)height, pitch);
    if (!rgb)
        return cr_fail_memory(err, "a resized image", (size_t)height, pitch);
    cr_status status = fill_window(in, window, filter, rgb, err);
    if (status == CR_OK)
        *out = (cr_image){.width = width, .height = height, .rgb = rgb};
    else
        free(rgb);
    return status;
}

cr_status cr_image_resize(const cr_image *in, int width, int height, cr_filter filter,
                          cr_image *out, cr_error *err)
{
    cr_window whole = {width, height, 0, 0, width, height};
    return cr_image_resize_window(in, &whole, filter, out, err);
}
