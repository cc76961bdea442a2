/* Samples of a map at places that a grid names (M. Jaderberg et al., Spatial Transformer Networks, NIPS 2015),
 * as ONNX's GridSample and PyTorch's grid_sample have it. */
#include "camrank/kernels.h"

#include <math.h>

#define CUBIC (-0.75)

/* The pixels along one side that a sample is made of, -1 where there is none; their weights and how these
 * change, once and twice, with the grid's coordinate. */
typedef struct taps {
    int n, at[4];
    double weight[4], slope[4], bend[4];
} taps;

/* Mirrored at the ends of [low, high]; *sign is how it moves. */
static double reflect(double at, double low, double high, double *sign)
{
    const double span = high - low;
    if (!(span > 0)) {
        *sign = 0;
        return low;
    }
    const double beyond = fmod(fabs(at - low), 2 * span);
    *sign = (at < low ? -1 : 1) * (beyond > span ? -1 : 1);
    return low + (beyond > span ? 2 * span - beyond : beyond);
}

static double inside(const cr_sample *p, double at, int size, double *sign)
{
    const double edge = p->corners ? 0 : 0.5;
    *sign = 1;
    if (p->border == CR_SAMPLE_ZEROS)
        return at;
    if (p->border == CR_SAMPLE_REFLECT)
        at = reflect(at, -edge, size - 1 + edge, sign);
    if (at <= 0 || at >= size - 1)
        *sign = 0;
    return fmin(fmax(at, 0), size - 1);
}

/* Keys' cubic convolution and its derivatives at a distance. */
static void cubic(double x, double *value, double *slope, double *bend)
{
    const double a = CUBIC, d = fabs(x), sign = x < 0 ? -1 : 1;
    if (d <= 1) {
        *value = ((a + 2) * d - (a + 3)) * d * d + 1;
        *slope = sign * (3 * (a + 2) * d - 2 * (a + 3)) * d;
        *bend = 6 * (a + 2) * d - 2 * (a + 3);
    } else {
        *value = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
        *slope = sign * ((3 * a * d - 10 * a) * d + 8 * a);
        *bend = 6 * a * d - 10 * a;
    }
}

/* A whole place as a pixel of `size`. */
static int pixel(const cr_sample *p, double at, int size)
{
    double sign;
    if (p->mode == CR_SAMPLE_CUBIC)
        at = inside(p, at, size, &sign);
    return at >= 0 && at <= size - 1 ? (int)at : -1;
}

static taps find_taps(const cr_sample *p, double grid, int size)
{
    taps t = {.n = 1, .weight = {1}};
    const double rate = p->corners ? (size - 1) / 2.0 : size / 2.0;
    double place = (grid + 1) * rate - (p->corners ? 0 : 0.5), sign = 1;
    if (p->mode != CR_SAMPLE_CUBIC)
        place = inside(p, place, size, &sign);
    if (!(fabs(place) < 1e9)) /* nowhere, or no number: neither is a pixel */
        place = -1e9;
    const double first = floor(place), part = place - first;
    switch (p->mode) {
    case CR_SAMPLE_NEAREST:
        t.at[0] = pixel(p, rint(place), size);
        break;
    case CR_SAMPLE_LINEAR:
        t = (taps){.n = 2, .weight = {1 - part, part}, .slope = {-rate * sign, rate * sign}};
        for (int i = 0; i < 2; i++)
            t.at[i] = pixel(p, first + i, size);
        break;
    case CR_SAMPLE_CUBIC:
        t.n = 4;
        for (int i = 0; i < 4; i++) {
            cubic(part - (i - 1), &t.weight[i], &t.slope[i], &t.bend[i]);
            t.slope[i] *= rate;
            t.bend[i] *= rate * rate;
            t.at[i] = pixel(p, first + i - 1, size);
        }
        break;
    }
    return t;
}

static size_t map_size(const cr_sample *p)
{
    return (size_t)p->h * (size_t)p->w * (size_t)p->c;
}

/* Where the channels of the pixel under taps i and j begin. */
static size_t place_of(const cr_sample *p, const taps *y, int i, const taps *x, int j)
{
    return ((size_t)y->at[i] * (size_t)p->w + (size_t)x->at[j]) * (size_t)p->c;
}

#define EACH_PIXEL(ty, tx, i, j)         \
    for (int i = 0; i < (ty).n; i++)     \
        for (int j = 0; j < (tx).n; j++) \
            if ((ty).at[i] >= 0 && (tx).at[j] >= 0)

void cr_sample_forward(const cr_sample *p, int n, const cr_real *x, const cr_real *grid, cr_real *y)
{
    for (int image = 0; image < n; image++, x += map_size(p))
        for (int s = 0; s < p->samples; s++, grid += 2, y += p->c) {
            const taps across = find_taps(p, (double)grid[0], p->w);
            const taps down = find_taps(p, (double)grid[1], p->h);
            for (int c = 0; c < p->c; c++)
                y[c] = 0;
            EACH_PIXEL(down, across, i, j)
            for (int c = 0; c < p->c; c++)
                y[c] += (cr_real)(down.weight[i] * across.weight[j]) *
                        x[place_of(p, &down, i, &across, j) + (size_t)c];
        }
}

void cr_sample_backward(const cr_sample *p, int n, int m, const cr_real *x, const cr_real *grid,
                        const cr_real *dy, cr_real *dx, cr_real *dgrid)
{
    for (int b = 0; b < n * m; b++) {
        const cr_real *map = x + (size_t)(b / m) * map_size(p);
        const cr_real *places = grid + (size_t)(b / m) * 2 * (size_t)p->samples;
        for (int s = 0; s < p->samples; s++, places += 2, dy += p->c) {
            const taps across = find_taps(p, (double)places[0], p->w);
            const taps down = find_taps(p, (double)places[1], p->h);
            double along[2] = {0, 0};
            EACH_PIXEL(down, across, i, j)
            {
                const size_t at = place_of(p, &down, i, &across, j);
                double dot = 0;
                for (int c = 0; c < p->c; c++) {
                    dot += (double)dy[c] * (double)map[at + (size_t)c];
                    if (dx)
                        dx[(size_t)b * map_size(p) + at + (size_t)c] +=
                            (cr_real)(down.weight[i] * across.weight[j]) * dy[c];
                }
                along[0] += dot * down.weight[i] * across.slope[j];
                along[1] += dot * down.slope[i] * across.weight[j];
            }
            for (int k = 0; dgrid && k < 2; k++)
                dgrid[((size_t)b * (size_t)p->samples + (size_t)s) * 2 + (size_t)k] +=
                    (cr_real)along[k];
        }
    }
}

void cr_sample_tangent(const cr_sample *p, int n, const cr_real *x, const cr_real *grid,
                       const cr_real *tx, const cr_real *tgrid, cr_real *ty)
{
    for (int image = 0; image < n; image++, x += map_size(p), tx += map_size(p))
        for (int s = 0; s < p->samples; s++, grid += 2, tgrid += 2, ty += p->c) {
            const taps across = find_taps(p, (double)grid[0], p->w);
            const taps down = find_taps(p, (double)grid[1], p->h);
            for (int c = 0; c < p->c; c++)
                ty[c] = 0;
            EACH_PIXEL(down, across, i, j)
            {
                const size_t at = place_of(p, &down, i, &across, j);
                const double weight = down.weight[i] * across.weight[j];
                const double change = down.weight[i] * across.slope[j] * (double)tgrid[0] +
                                      down.slope[i] * across.weight[j] * (double)tgrid[1];
                for (int c = 0; c < p->c; c++)
                    ty[c] += (cr_real)(weight * (double)tx[at + (size_t)c] +
                                       change * (double)x[at + (size_t)c]);
            }
        }
}

void cr_sample_curve(const cr_sample *p, int m, const cr_real *x, const cr_real *grid,
                     const cr_real *tx, const cr_real *tgrid, const cr_real *dy, cr_real *dx,
                     cr_real *dgrid)
{
    for (size_t t = 0; t < (size_t)m * (size_t)p->samples; t++, dy += p->c) {
        const size_t s = t % (size_t)p->samples;
        const double gx = (double)tgrid[2 * s], gy = (double)tgrid[2 * s + 1];
        const taps across = find_taps(p, (double)grid[2 * s], p->w);
        const taps down = find_taps(p, (double)grid[2 * s + 1], p->h);
        double along[2] = {0, 0};
        EACH_PIXEL(down, across, i, j)
        {
            const size_t at = place_of(p, &down, i, &across, j);
            const double both = down.slope[i] * across.slope[j];
            const double change =
                down.weight[i] * across.slope[j] * gx + down.slope[i] * across.weight[j] * gy;
            double dot = 0, moved = 0;
            for (int c = 0; c < p->c; c++) {
                dot += (double)dy[c] * (double)x[at + (size_t)c];
                moved += (double)dy[c] * (double)tx[at + (size_t)c];
                if (dx)
                    dx[t / (size_t)p->samples * map_size(p) + at + (size_t)c] +=
                        (cr_real)(change * (double)dy[c]);
            }
            along[0] += dot * (down.weight[i] * across.bend[j] * gx + both * gy) +
                        moved * down.weight[i] * across.slope[j];
            along[1] += dot * (down.bend[i] * across.weight[j] * gy + both * gx) +
                        moved * down.slope[i] * across.weight[j];
        }
        for (size_t k = 0; dgrid && k < 2; k++)
            dgrid[2 * t + k] += (cr_real)along[k];
    }
}
