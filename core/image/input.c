/* From an image to the network's input: resized, cut into views, normalised by a table of the 256
 * levels. Places and rounding are torchvision's. */
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
    if (spec->crop != CR_CROP_CENTER && spec->crop != CR_CROP_TEN)
        return cr_fail(err, CR_EINPUT, "input.crop: unknown (%d)", (int)spec->crop);
    if (!cr_filter_name(spec->filter))
        return cr_fail(err, CR_EINPUT, "input.filter: unknown (%d)", (int)spec->filter);
    bool whole =
        spec->resize == CR_RESIZE_SQUASH && spec->crop == CR_CROP_CENTER && spec->short_side == 0;
    if (!whole && (spec->short_side < spec->width || spec->short_side < spec->height ||
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

int cr_input_n_views(const cr_input_spec *spec)
{
    return spec->crop == CR_CROP_TEN ? CR_MAX_VIEWS : 1;
}

/* One input: a part of the resized image, perhaps to be mirrored. */
typedef struct input_view {
    cr_window window;
    bool flip;
} input_view;

/* The size after resizing, with the crop at its top left. */
static cr_window resized_window(const cr_input_spec *spec, int width, int height)
{
    cr_window window = {spec->width, spec->height, 0, 0, spec->width, spec->height};
    if (spec->short_side == 0)
        return window;
    window.full_width = window.full_height = spec->short_side;
    if (spec->resize == CR_RESIZE_SHORT_SIDE) {
        bool wide = width > height;
        int64_t short_side = wide ? height : width;
        int64_t long_side = wide ? width : height;
        int64_t resized = (int64_t)((double)(spec->short_side * long_side) / (double)short_side);
        *(wide ? &window.full_width : &window.full_height) = resized;
    }
    return window;
}

static int place_views(const cr_input_spec *spec, int width, int height,
                       input_view views[CR_MAX_VIEWS])
{
    const cr_window window = resized_window(spec, width, height);
    const int64_t right = window.full_width - window.width;
    const int64_t bottom = window.full_height - window.height;
    /* rint rounds halves to even, as Python's round does. */
    const int64_t middle_x = (int64_t)rint((double)right / 2.0);
    const int64_t middle_y = (int64_t)rint((double)bottom / 2.0);
    const int64_t corners[][2] = {
        {0, 0}, {right, 0}, {0, bottom}, {right, bottom}, {middle_x, middle_y}};
    enum { N_CORNERS = sizeof corners / sizeof *corners, CENTER = N_CORNERS - 1 };
    const bool ten = spec->crop == CR_CROP_TEN;
    int n = 0;
    for (int flip = 0; flip <= ten; flip++)
        for (int i = ten ? 0 : CENTER; i < N_CORNERS; i++) {
            views[n] = (input_view){window, flip};
            /* A mirrored view is placed in the mirrored image. */
            views[n].window.x0 = flip ? right - corners[i][0] : corners[i][0];
            views[n++].window.y0 = corners[i][1];
        }
    return n;
}

void cr_input_views(const cr_input_spec *spec, int width, int height, cr_view *views)
{
    input_view placed[CR_MAX_VIEWS];
    const int n = place_views(spec, width, height, placed);
    for (int i = 0; i < n; i++) {
        const cr_window *window = &placed[i].window;
        double x_scale = (double)width / (double)window->full_width;
        double y_scale = (double)height / (double)window->full_height;
        views[i] = (cr_view){{(double)window->x0 * x_scale, (double)window->y0 * y_scale,
                              window->width * x_scale, window->height * y_scale},
                             placed[i].flip};
    }
}

/* Value of each pixel level, by the network's channel. */
typedef float level_table[3][256];

static void fill_levels(const cr_input_spec *spec, level_table levels)
{
    for (int c = 0; c < 3; c++)
        for (int pixel = 0; pixel < 256; pixel++)
            levels[c][pixel] =
                ((float)(pixel * spec->range / 255.0) - spec->mean[c]) / spec->std[c];
}

static void normalise(const cr_image *image, level_table levels, bool bgr, bool flip, float *out)
{
    const int red = bgr ? 2 : 0, blue = 2 - red, step = flip ? -3 : 3;
    const size_t pitch = (size_t)3 * (size_t)image->width;
    for (int y = 0; y < image->height; y++) {
        const uint8_t *p = image->rgb + (size_t)y * pitch + (flip ? pitch - 3 : 0);
        for (int x = 0; x < image->width; x++, p += step, out += 3) {
            out[red] = levels[red][p[0]];
            out[1] = levels[1][p[1]];
            out[blue] = levels[blue][p[2]];
        }
    }
}

cr_status cr_input_prepare(const cr_input_spec *spec, const cr_image *image, float *out,
                           cr_error *err)
{
    input_view views[CR_MAX_VIEWS];
    level_table levels;
    const int n = place_views(spec, image->width, image->height, views);
    fill_levels(spec, levels);
    for (int i = 0; i < n; i++) {
        cr_image cut;
        cr_status status = cr_image_resize_window(image, &views[i].window, spec->filter, &cut, err);
        if (status != CR_OK)
            return status;
        normalise(&cut, levels, spec->bgr, views[i].flip, out);
        out += (size_t)3 * (size_t)cut.width * (size_t)cut.height;
        cr_image_free(&cut);
    }
    return CR_OK;
}
