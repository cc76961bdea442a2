/* Smoothing as scipy.ndimage.gaussian_filter does it, and percentiles as numpy.percentile. */
#include "dense.h"

#include "camrank/multiversion.h"

#include <math.h>
#include <string.h>

/* The Gaussian ends at so many sigma. */
#define CUT_OFF 4

bool cr_dense_is_needed(const cr_protocol *protocol)
{
    return protocol->smooth > 0 || protocol->threshold_of != CR_THRESHOLD_OF_MAXIMUM;
}

static double sigma_of(const cr_protocol *protocol, int width, int height)
{
    const double side = width < height ? width : height;
    return protocol->smooth * (protocol->smooth_unit == CR_SMOOTH_UNIT_SIDE ? side : 1);
}

/* Place i of n samples that are mirrored at their ends, the ends included twice. */
static int mirrored(int i, int n)
{
    const int period = 2 * n, at = ((i % period) + period) % period;
    return at < n ? at : period - 1 - at;
}

/* [reach + 1] from the centre on; all of them sum to 1. */
static void make_weights(double sigma, int reach, double *weights)
{
    double sum = 1;
    weights[0] = 1;
    for (int k = 1; k <= reach; k++) {
        weights[k] = exp(-.5 * k * k / (sigma * sigma));
        sum += 2 * weights[k];
    }
    for (int k = 0; k <= reach; k++)
        weights[k] /= sum;
}

CR_MULTIVERSION
static void add_rows(int n, double weight, const double *a, const double *b, double *restrict to)
{
    for (int i = 0; i < n; i++)
        to[i] += weight * (a[i] + b[i]);
}

/* A line of n values with `reach` more at both ends; so that outputs are sums of shifted lines. */
static void blur_line(int n, const double *line, int reach, const double *weights, double *to)
{
    for (int i = 0; i < n; i++)
        to[i] = weights[0] * line[reach + i];
    for (int k = 1; k <= reach; k++)
        add_rows(n, weights[k], line + reach - k, line + reach + k, to);
}

/* Down the columns into `other`, then along the rows back. */
static void blur(int width, int height, int reach, const double *weights, double *values,
                 double *other, double *line)
{
    const size_t w = (size_t)width;
    for (int y = 0; y < height; y++) {
        double *to = other + (size_t)y * w;
        for (int x = 0; x < width; x++)
            to[x] = weights[0] * values[(size_t)y * w + (size_t)x];
        for (int k = 1; k <= reach; k++)
            add_rows(width, weights[k], values + (size_t)mirrored(y - k, height) * w,
                     values + (size_t)mirrored(y + k, height) * w, to);
    }
    for (int y = 0; y < height; y++) {
        const double *row = other + (size_t)y * w;
        for (int i = -reach; i < width + reach; i++)
            line[i + reach] = row[mirrored(i, width)];
        blur_line(width, line, reach, weights, values + (size_t)y * w);
    }
}

cr_status cr_dense_make(cr_sampler *s, const cr_protocol *protocol, double **values,
                        cr_loc_workspace *workspace, cr_error *err)
{
    const size_t width = (size_t)s->width, n = width * (size_t)s->height;
    const double sigma = sigma_of(protocol, s->width, s->height);
    const int reach = (int)(CUT_OFF * sigma + .5);
    *values = cr_loc_room(workspace, CR_PART_DENSE, n, sizeof **values, err);
    double *other =
        cr_loc_room(workspace, CR_PART_BLUR, n + width + 3 * (size_t)reach + 1, sizeof *other, err);
    if (!*values || !other)
        return CR_EINTERNAL;
    for (int y = 0; y < s->height; y++) {
        cr_sampler_line(s, y);
        memcpy(*values + (size_t)y * width, s->line, width * sizeof *s->line);
    }
    if (reach == 0)
        return CR_OK;
    double *weights = other + n, *line = weights + reach + 1;
    make_weights(sigma, reach, weights);
    blur(s->width, s->height, reach, weights, *values, other, line);
    return CR_OK;
}

/* Moves value k of the sorted ones to place k: none before it is larger, none behind it smaller. */
static void select(double *values, size_t n, size_t k)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1;
    while (low < high) {
        const double pivot = values[low + (high - low) / 2];
        ptrdiff_t i = low - 1, j = high + 1;
        for (;;) {
            do
                i++;
            while (values[i] < pivot);
            do
                j--;
            while (values[j] > pivot);
            if (i >= j)
                break;
            const double swap = values[i];
            values[i] = values[j];
            values[j] = swap;
        }
        /* None up to j is above the pivot, none behind it below. */
        if ((ptrdiff_t)k <= j)
            high = j;
        else
            low = j + 1;
    }
}

static double percentile(double *values, size_t n, double share)
{
    const double place = share * (double)(n - 1);
    const size_t below = (size_t)place;
    const double part = place - (double)below;
    select(values, n, below);
    const double low = values[below];
    double high = low;
    for (size_t i = below + 1; i < n; i++)
        high = i == below + 1 || values[i] < high ? values[i] : high;
    return part < .5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

cr_status cr_dense_threshold(const cr_protocol *protocol, double share, const double *values,
                             size_t n, double *threshold, cr_loc_workspace *workspace,
                             cr_error *err)
{
    double most = values[0];
    for (size_t i = 1; i < n; i++)
        most = values[i] > most ? values[i] : most;
    *threshold = share * most;
    if (protocol->threshold_of == CR_THRESHOLD_OF_MAXIMUM)
        return CR_OK;
    double *copy = cr_loc_room(workspace, CR_PART_BLUR, n, sizeof *copy, err);
    if (!copy)
        return CR_EINTERNAL;
    memcpy(copy, values, n * sizeof *copy);
    *threshold = percentile(copy, n, share);
    return CR_OK;
}
