/* The pixels of objects that are given as polygons or as runs, as pycocotools draws them. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Places are those of the columns one behind the other, from the left, each from the top. */
typedef struct drawing {
    int width, height;
    uint8_t *turns; /* [width * height + 1] whether the object begins or ends at a place */
} drawing;

/* Where an edge of the outline passes from one column of fifths of a pixel to the next, in the middle of a column of
 * pixels, the object begins or ends below. */
static void turn(const drawing *to, int x, int y, int x_before, int y_before)
{
    const int top = y < y_before ? y : y_before;
    if (x == x_before)
        return;
    const double column = ((x < x_before ? x : x - 1) + .5) / CR_OUTLINE_SCALE - .5;
    if (floor(column) != column || column < 0 || column > to->width - 1)
        return;
    const double row = ceil(fmin(fmax((top + .5) / CR_OUTLINE_SCALE - .5, 0), to->height));
    to->turns[(size_t)column * (size_t)to->height + (size_t)row] ^= 1;
}

/* The points of an edge, in the order from its first end. `last` is the point before, and then its last. */
static void draw_edge(const drawing *to, const int32_t from[2], const int32_t end[2], int last[2])
{
    const int dx = abs(end[0] - from[0]), dy = abs(end[1] - from[1]);
    const bool wide = dx >= dy;
    const bool flip = wide ? from[0] > end[0] : from[1] > end[1];
    const int32_t *a = flip ? end : from, *b = flip ? from : end;
    const int n = wide ? dx : dy;
    const double slope = n == 0 ? 0
                         : wide ? (double)(b[1] - a[1]) / dx
                                : (double)(b[0] - a[0]) / dy;
    for (int d = 0; d <= n; d++) {
        const int t = flip ? n - d : d;
        const int x = wide ? a[0] + t : (int)(a[0] + slope * t + .5);
        const int y = wide ? (int)(a[1] + slope * t + .5) : a[1] + t;
        turn(to, x, y, last[0], last[1]);
        last[0] = x;
        last[1] = y;
    }
}

static void draw_polygon(const drawing *to, const int32_t *values, int n)
{
    int last[2] = {values[0], values[1]};
    for (int i = 0; i < n; i += 2)
        draw_edge(to, values + i, values + (i + 2 < n ? i + 2 : 0), last);
}

static void draw_runs(const drawing *to, const int32_t *values, int n)
{
    size_t place = 0;
    for (int i = 0; i + 1 < n; i++) {
        place += (size_t)values[i];
        to->turns[place] ^= 1;
    }
}

cr_status cr_outlines_draw(const int32_t *outlines, int64_t n, int width, int height, uint8_t *mask,
                           cr_error *err)
{
    const size_t n_pixels = (size_t)width * (size_t)height;
    const drawing to = {width, height, cr_alloc(n_pixels + 1, 1)};
    if (!to.turns)
        return cr_fail_memory(err, "a mask", n_pixels, 1);
    memset(mask, 0, n_pixels);
    for (int64_t at = 0; at < n; at += 2 + outlines[at + 1]) {
        const int kind = outlines[at] & ~CR_OUTLINE_IGNORED, n_values = outlines[at + 1];
        memset(to.turns, 0, n_pixels + 1);
        (kind == CR_OUTLINE_POLYGON ? draw_polygon : draw_runs)(&to, outlines + at + 2, n_values);
        bool inside = false;
        for (size_t i = 0; i < n_pixels; i++) {
            uint8_t *pixel = &mask[i % (size_t)height * (size_t)width + i / (size_t)height];
            inside ^= to.turns[i];
            if (inside)
                *pixel = kind == outlines[at] || *pixel == 1 ? 1 : 2;
        }
    }
    free(to.turns);
    return CR_OK;
}
