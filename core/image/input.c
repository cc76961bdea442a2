#include "resize.h"

#include <math.h>

cr_status cr_input_check(const cr_input_spec *spec, cr_error *err)
{
    if (spec->width < 1 || spec->height < 1 || spec->width > CR_IMAGE_MAX_SIDE ||
        spec->height > CR_IMAGE_MAX_SIDE)
        return cr_fail(err, CR_EINPUT, "input.size: %d x %d, must be 1 to %d a side", spec->width,
                       spec->height, CR_IMAGE_MAX_SIDE);
    if (spec->resize != CR_RESIZE_SQUASH && spec->resize != CR_RESIZE_SHORT_SIDE)
        return cr_fail(err, CR_EINPUT, "input.resize: unknown (%d)", (int)spec->resize);
    if (!cr_filter_name(spec->filter))
        return cr_fail(err, CR_EINPUT, "input.filter: unknown (%d)", (int)spec->filter);
    if (spec->resize == CR_RESIZE_SHORT_SIDE &&
        (spec->short_side < spec->width || spec->short_side < spec->height ||
         spec->short_side > CR_IMAGE_MAX_SIDE))
        return cr_fail(err, CR_EINPUT,
                       "input.short_side: %d, must be at least the input's %d x %d and at most %d",
                       spec->short_side, spec->width, spec->height, CR_IMAGE_MAX_SIDE);
    if (spec->range != 1 && spec->range != 255)
        return cr_fail(err, CR_EINPUT, "input.range: %g, must be 1 or 255", spec->range);
    for (int c = 0; c < 3; c++) {
        if (!isfinite(spec->mean[c]))
            return cr_fail(err, CR_EINPUT, "input.mean: value %d is not finite", c + 1);
        if (!isfinite(spec->std[c]) || spec->std[c] <= 0)
            return cr_fail(err, CR_EINPUT, "input.std: value %d is %g, must be above 0", c + 1,
                           (double)spec->std[c]);
    }
    return CR_OK;
}

/* The size after resizing and the place of the crop in it. */
static cr_window crop_window(const cr_input_spec *spec, const cr_image *image)
{
    cr_window window = {spec->width, spec->height, 0, 0, spec->width, spec->height};
    if (spec->resize == CR_RESIZE_SHORT_SIDE) {
        bool wide = image->width > image->height;
        int64_t short_side = wide ? image->height : image->width;
        int64_t long_side = wide ? image->width : image->height;
        int64_t resized = (int64_t)((double)(spec->short_side * long_side) / (double)short_side);
        window.full_width = wide ? resized : spec->short_side;
        window.full_height = wide ? spec->short_side : resized;
        /* rint rounds halves to even, as Python's round does. */
        window.x0 = (int64_t)rint((double)(window.full_width - spec->width) / 2.0);
        window.y0 = (int64_t)rint((double)(window.full_height - spec->height) / 2.0);
    }
    return window;
}

cr_status cr_input_prepare(const cr_input_spec *spec, const cr_image *image, float *out,
                           cr_region *region, cr_error *err)
{
    cr_image resized;
    cr_window window = crop_window(spec, image);
    cr_status status = cr_image_resize_window(image, &window, spec->filter, &resized, err);
    if (status != CR_OK)
        return status;

    float value[3][256]; /* by the network's channel */
    for (int c = 0; c < 3; c++)
        for (int pixel = 0; pixel < 256; pixel++)
            value[c][pixel] = ((float)(pixel * spec->range / 255.0) - spec->mean[c]) / spec->std[c];
    size_t n_pixels = (size_t)resized.width * (size_t)resized.height;
    int red = spec->bgr ? 2 : 0, blue = 2 - red;
    for (const uint8_t *p = resized.rgb, *end = p + 3 * n_pixels; p < end; p += 3, out += 3) {
        out[red] = value[red][p[0]];
        out[1] = value[1][p[1]];
        out[blue] = value[blue][p[2]];
    }
    cr_image_free(&resized);

    double x_scale = (double)image->width / (double)window.full_width;
    double y_scale = (double)image->height / (double)window.full_height;
    *region = (cr_region){(double)window.x0 * x_scale, (double)window.y0 * y_scale,
                          window.width * x_scale, window.height * y_scale};
    return CR_OK;
}
