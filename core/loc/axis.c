/* Along one axis, the map positions of a pixel and their weights: nearest, bilinear and bicubic,
 * with pixel centres at half. */
#include "axis.h"

#include <math.h>

bool cr_axis_covers(const cr_axis *axis, int i)
{
    double centre = i + 0.5 - axis->start;
    return centre >= 0 && centre < axis->extent;
}

cr_axis_point cr_axis_locate(const cr_axis *axis, int i)
{
    if (!cr_axis_covers(axis, i))
        return (cr_axis_point){-1, -1, 0};
    bool nearest = axis->upsampling == CR_UPSAMPLING_NEAREST;
    double place = (i + 0.5 - axis->start) * axis->n / axis->extent;
    if (!nearest)
        place -= 0.5;
    place = fmin(fmax(place, 0), axis->n - 1 + (nearest ? 0.5 : 0));
    int low = (int)place;
    if (nearest)
        return (cr_axis_point){low, low, 0};
    return (cr_axis_point){low, low + 1 < axis->n ? low + 1 : low, place - low};
}

/* Keys' cubic convolution kernel with a = -1/2. */
static double cubic(double x)
{
    x = fabs(x);
    if (x <= 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* Positions beyond the ends are those mirrored at the ends, the ends included twice. */
static int mirrored(int64_t at, int n)
{
    at %= 2 * (int64_t)n;
    if (at < 0)
        at += 2 * (int64_t)n;
    return (int)(at < n ? at : 2 * (int64_t)n - 1 - at);
}

/* Map positions a pixel, where that is more than one: the kernel is stretched as much. */
static double stretch(const cr_axis *axis)
{
    return fmax(1, axis->n / axis->extent);
}

size_t cr_axis_max_taps(const cr_axis *axis)
{
    return axis->upsampling == CR_UPSAMPLING_BICUBIC ? (size_t)(4 * stretch(axis)) + 2 : 2;
}

int cr_axis_taps(const cr_axis *axis, int i, cr_tap *taps)
{
    if (axis->upsampling != CR_UPSAMPLING_BICUBIC) {
        cr_axis_point p = cr_axis_locate(axis, i);
        taps[0] = (cr_tap){p.low, 1 - p.weight};
        taps[1] = (cr_tap){p.high, p.weight};
        return p.low < 0 ? 0 : 1 + (p.weight > 0);
    }
    if (!cr_axis_covers(axis, i))
        return 0;
    int n = 0;
    double wide = stretch(axis), sum = 0;
    double place = (i + 0.5 - axis->start) * axis->n / axis->extent - 0.5;
    int64_t last = (int64_t)floor(place + 2 * wide);
    for (int64_t at = (int64_t)ceil(place - 2 * wide); at <= last; at++) {
        double weight = cubic((place - (double)at) / wide);
        taps[n++] = (cr_tap){mirrored(at, axis->n), weight};
        sum += weight;
    }
    for (int k = 0; k < n; k++)
        taps[k].weight /= sum;
    return n;
}
