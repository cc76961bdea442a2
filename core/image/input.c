/* From an image to the network's input: resized, cut into views, normalised by a table of the 256
 * levels. Places and rounding are torchvision's. */
#include "resize.h"

#include <math.h>
#include <string.h>

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
    if (!cr_channels_name(spec->channels))
        return cr_fail(err, CR_EINPUT, "input.channels: unknown (%d)", (int)spec->channels);
    if (spec->range != 1 && spec->range != 255)
        return cr_fail(err, CR_EINPUT, "input.range: %g, must be 1 or 255", spec->range);
    for (int c = 0; c < cr_channels_count(spec->channels); c++) {
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

const char *cr_channels_name(cr_channels channels)
{
#define NAME(value, name, n) [value] = (name),
    static const char *const names[] = {CR_CHANNELS_LIST(NAME)};
#undef NAME
    return (size_t)channels < sizeof names / sizeof *names ? names[channels] : NULL;
}

int cr_channels_count(cr_channels channels)
{
#define COUNT(value, name, n) [value] = (n),
    static const int counts[] = {CR_CHANNELS_LIST(COUNT)};
#undef COUNT
    return (size_t)channels < sizeof counts / sizeof *counts ? counts[channels] : 0;
}

size_t cr_input_size(const cr_input_spec *spec)
{
    return (size_t)cr_input_n_views(spec) * (size_t)cr_channels_count(spec->channels) *
           (size_t)spec->width * (size_t)spec->height;
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
typedef float level_table[CR_MAX_CHANNELS][256];

static void fill_levels(const cr_input_spec *spec, level_table levels)
{
    for (int c = 0; c < cr_channels_count(spec->channels); c++)
        for (int pixel = 0; pixel < 256; pixel++)
            levels[c][pixel] =
                ((float)(pixel * spec->range / 255.0) - spec->mean[c]) / spec->std[c];
}

void cr_input_limits(const cr_input_spec *spec, double black[CR_MAX_CHANNELS],
                     double white[CR_MAX_CHANNELS])
{
    level_table levels;
    fill_levels(spec, levels);
    for (int c = 0; c < cr_channels_count(spec->channels); c++) {
        black[c] = (double)levels[c][0];
        white[c] = (double)levels[c][255];
    }
}

/* Which of the pixel's three bytes a channel is; of alpha none. */
enum { OPAQUE = 3 };
static const int sources[][CR_MAX_CHANNELS] = {
    [CR_RGB] = {0, 1, 2}, [CR_BGR] = {2, 1, 0}, [CR_GREY] = {0}, [CR_RGBA] = {0, 1, 2, OPAQUE}};

static void normalise_three(const cr_image *image, level_table levels, bool bgr, bool flip,
                            float *out)
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

static void normalise(const cr_image *image, level_table levels, cr_channels channels, bool flip,
                      float *out)
{
    const int n = cr_channels_count(channels), step = flip ? -3 : 3;
    const size_t pitch = (size_t)3 * (size_t)image->width;
    if (n == 3) {
        normalise_three(image, levels, channels == CR_BGR, flip, out);
        return;
    }
    for (int y = 0; y < image->height; y++) {
        const uint8_t *p = image->rgb + (size_t)y * pitch + (flip ? pitch - 3 : 0);
        for (int x = 0; x < image->width; x++, p += step, out += n)
            for (int c = 0; c < n; c++) {
                const int source = sources[channels][c];
                out[c] = levels[c][source == OPAQUE ? 255 : p[source]];
            }
    }
}

/* A copy in grey, of three equal channels, which resizing leaves equal. */
static cr_status make_grey(const cr_image *image, cr_image *grey, cr_error *err)
{
    const size_t n = (size_t)image->width * (size_t)image->height;
    *grey = *image;
    grey->rgb = cr_alloc(n, 3);
    if (!grey->rgb)
        return cr_fail_memory(err, "a grey image", n, 3);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = image->rgb + 3 * i;
        const uint32_t luma = 19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 0x8000u;
        memset(grey->rgb + 3 * i, (int)(luma >> 16), 3);
    }
    return CR_OK;
}

static cr_status prepare(const cr_input_spec *spec, const cr_image *image, float *out,
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
        normalise(&cut, levels, spec->channels, views[i].flip, out);
        out += cr_input_size(spec) / (size_t)n;
        cr_image_free(&cut);
    }
    return CR_OK;
}

cr_status cr_input_prepare(const cr_input_spec *spec, const cr_image *image, float *out,
                           cr_error *err)
{
    cr_image grey;
    if (spec->channels == CR_RGBA && image->transparent)
        return cr_fail(err, CR_EINPUT,
                       "has transparent pixels, and `channels: rgba` is for images without any");
    if (spec->channels != CR_GREY)
        return prepare(spec, image, out, err);
    CR_OR_RETURN(make_grey(image, &grey, err));
    const cr_status status = prepare(spec, &grey, out, err);
    cr_image_free(&grey);
    return status;
}
