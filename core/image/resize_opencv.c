/* Resampling that equals OpenCV's INTER_LINEAR on 8 bits bit for bit: places in single precision,
 * coefficients rounded to 11 bits; across a row in whole numbers, then down with 4 bits less and
 * each product cut by 16 bits before the sum, which is what its vector and its scalar code share.
 * The mean of 2 x 2 that OpenCV takes at exactly half the size is the same number. */
#include "resize.h"

#include <math.h>
#include <stdlib.h>

#define COEFFICIENT_ONE 2048

/* The two inputs of an output along one axis and their coefficients. */
typedef struct pair {
    int first, second;
    int32_t a, b;
} pair;

/* Output `out` of in_size pixels resized to out_size, not clipped to the image. Scale and place go
 * through the same roundings as in OpenCV. */
static pair pair_at(int in_size, int64_t out_size, int64_t out)
{
    double scale = 1.0 / ((double)out_size / (double)in_size);
    float place = (float)(((double)out + 0.5) * scale - 0.5);
    float whole = floorf(place), part = place - whole;
    return (pair){(int)whole, (int)whole + 1, (int32_t)lrintf((1.0f - part) * COEFFICIENT_ONE),
                  (int32_t)lrintf(part * COEFFICIENT_ONE)};
}

static int clip(int i, int size)
{
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

/* The pairs of the window's columns, as offsets of bytes in a row. Past the edge there is but one
 * pixel, of the whole weight. */
static void fill_columns(pair *columns, int in_width, const cr_window *window)
{
    for (int x = 0; x < window->width; x++) {
        pair p = pair_at(in_width, window->full_width, window->x0 + x);
        if (p.first < 0 || p.second >= in_width)
            p = (pair){p.first, p.first, COEFFICIENT_ONE, 0};
        p.first = 3 * clip(p.first, in_width);
        p.second = 3 * clip(p.second, in_width);
        columns[x] = p;
    }
}

/* One row across: out [width][3], 15 bits. */
static void resize_row(const uint8_t *in, const pair *columns, int width, int32_t *out)
{
    for (int x = 0; x < width; x++, out += 3) {
        const uint8_t *first = in + columns[x].first, *second = in + columns[x].second;
        for (int c = 0; c < 3; c++)
            out[c] = (columns[x].a * first[c] + columns[x].b * second[c]) >> 4;
    }
}

cr_status cr_resize_opencv_linear(const cr_image *in, const cr_window *window, uint8_t *rgb,
                                  cr_error *err)
{
    cr_status status = CR_OK;
    size_t pitch = (size_t)3 * (size_t)window->width, in_pitch = (size_t)3 * (size_t)in->width;
    pair *columns = cr_alloc((size_t)window->width, sizeof *columns);
    int32_t *both = cr_alloc(2 * pitch, sizeof *both);
    if (!columns || !both) {
        status = cr_fail_memory(err, "resizing rows", 2 * pitch, sizeof *both);
        goto cleanup;
    }
    fill_columns(columns, in->width, window);
    int32_t *rows[2] = {both, both + pitch};
    int held[2] = {-1, -1}; /* which input row each is of */
    for (int y = 0; y < window->height; y++, rgb += pitch) {
        pair p = pair_at(in->height, window->full_height, window->y0 + y);
        int wanted[2] = {clip(p.first, in->height), clip(p.second, in->height)};
        if (wanted[0] == held[1]) { /* going down, the lower row becomes the upper one */
            int32_t *row = rows[0];
            rows[0] = rows[1];
            rows[1] = row;
            held[1] = held[0];
            held[0] = wanted[0];
        }
        for (int i = 0; i < 2; i++)
            if (held[i] != wanted[i]) {
                resize_row(in->rgb + in_pitch * (size_t)wanted[i], columns, window->width, rows[i]);
                held[i] = wanted[i];
            }
        const int32_t *upper = rows[0], *lower = rows[1];
        for (size_t i = 0; i < pitch; i++)
            rgb[i] = (uint8_t)(((p.a * upper[i] >> 16) + (p.b * lower[i] >> 16) + 2) >> 2);
    }

cleanup:
    free(columns);
    free(both);
    return status;
}
