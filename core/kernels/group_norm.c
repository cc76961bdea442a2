/* Normalisation of groups of channels by their own mean and variance over an image (Wu and He, Group
 * Normalization, 2018); of single channels that is instance normalisation. */
#include "camrank/kernels.h"

#include <math.h>

/* Element q of place t of group g. */
static size_t at(const cr_group_norm *p, int g, size_t t, int q)
{
    return (size_t)g * p->group_step + t * p->place_step + (size_t)q;
}

static size_t image_size(const cr_group_norm *p)
{
    return (size_t)p->groups * p->places * (size_t)p->members;
}

/* The scale's and shift's index of member q of group g at place t. */
static size_t channel(const cr_group_norm *p, int g, size_t t, int q)
{
    return p->scales == CR_SCALE_MEMBERS  ? (size_t)g * (size_t)p->members + (size_t)q
           : p->scales == CR_SCALE_PLACES ? (size_t)g * p->places + t
                                          : (size_t)g;
}

static void statistics(const cr_group_norm *p, int g, const cr_real *x, double *mean,
                       double *inverse)
{
    const double n = (double)p->places * p->members;
    double sum = 0, squares = 0;
    for (size_t t = 0; t < p->places; t++)
        for (int q = 0; q < p->members; q++)
            sum += (double)x[at(p, g, t, q)];
    *mean = sum / n;
    for (size_t t = 0; t < p->places; t++)
        for (int q = 0; q < p->members; q++) {
            const double d = (double)x[at(p, g, t, q)] - *mean;
            squares += d * d;
        }
    *inverse = 1 / sqrt(squares / n + (double)p->epsilon);
}

void cr_group_norm_forward(const cr_group_norm *p, int n, const cr_real *x, const cr_real *scale,
                           const cr_real *shift, cr_real *y)
{
    for (int i = 0; i < n; i++, x += image_size(p), y += image_size(p))
        for (int g = 0; g < p->groups; g++) {
            double mean, inverse;
            statistics(p, g, x, &mean, &inverse);
            for (size_t t = 0; t < p->places; t++)
                for (int q = 0; q < p->members; q++) {
                    const size_t c = channel(p, g, t, q);
                    const size_t e = at(p, g, t, q);
                    y[e] = (cr_real)(((double)x[e] - mean) * inverse * (double)scale[c] +
                                     (double)shift[c]);
                }
        }
}

/* With d = dy scale and z the normalised x: dx = (d - mean(d) - z mean(d z)) / deviation. */
void cr_group_norm_backward(const cr_group_norm *p, int n, int m, const cr_real *x,
                            const cr_real *scale, const cr_real *dy, cr_real *dx)
{
    const double size = (double)p->places * p->members;
    for (int b = 0; b < n * m; b++, dy += image_size(p), dx += image_size(p)) {
        const cr_real *from = x + (size_t)(b / m) * image_size(p);
        for (int g = 0; g < p->groups; g++) {
            double mean, inverse, sum = 0, product = 0;
            statistics(p, g, from, &mean, &inverse);
            for (size_t t = 0; t < p->places; t++)
                for (int q = 0; q < p->members; q++) {
                    const size_t e = at(p, g, t, q);
                    const double d = (double)dy[e] * (double)scale[channel(p, g, t, q)];
                    sum += d;
                    product += d * ((double)from[e] - mean) * inverse;
                }
            for (size_t t = 0; t < p->places; t++)
                for (int q = 0; q < p->members; q++) {
                    const size_t e = at(p, g, t, q);
                    const double d = (double)dy[e] * (double)scale[channel(p, g, t, q)];
                    const double z = ((double)from[e] - mean) * inverse;
                    dx[e] += (cr_real)((d - sum / size - z * product / size) * inverse);
                }
        }
    }
}

/* The mean of tx, and that of tx times the normalised x, of a group. */
static void means_of_tangent(const cr_group_norm *p, int g, const cr_real *x, double mean,
                             double inverse, const cr_real *tx, double *of_tx, double *of_txz)
{
    double sum = 0, product = 0;
    for (size_t t = 0; t < p->places; t++)
        for (int q = 0; q < p->members; q++) {
            const size_t e = at(p, g, t, q);
            sum += (double)tx[e];
            product += (double)tx[e] * ((double)x[e] - mean) * inverse;
        }
    *of_tx = sum / ((double)p->places * p->members);
    *of_txz = product / ((double)p->places * p->members);
}

void cr_group_norm_tangent(const cr_group_norm *p, int n, const cr_real *x, const cr_real *scale,
                           const cr_real *tx, cr_real *ty)
{
    const size_t size = image_size(p);
    for (int i = 0; i < n; i++, x += size, tx += size, ty += size)
        for (int g = 0; g < p->groups; g++) {
            double mean, inverse, of_tx, of_txz;
            statistics(p, g, x, &mean, &inverse);
            means_of_tangent(p, g, x, mean, inverse, tx, &of_tx, &of_txz);
            for (size_t t = 0; t < p->places; t++)
                for (int q = 0; q < p->members; q++) {
                    const size_t e = at(p, g, t, q);
                    const double z = ((double)x[e] - mean) * inverse;
                    ty[e] = (cr_real)(((double)tx[e] - of_tx - z * of_txz) * inverse *
                                      (double)scale[channel(p, g, t, q)]);
                }
        }
}

/* With tz the tangent of z and r = 1 / deviation, whose tangent is -r^2 mean(z tx): what r (d - mean(d) -
 * z mean(d z)) changes by. */
static void curve_group(const cr_group_norm *p, int g, const cr_real *x, const cr_real *scale,
                        const cr_real *tx, const cr_real *dy, cr_real *dx)
{
    const double size = (double)p->places * p->members;
    double mean, r, of_tx, of_txz, of_d = 0, of_dz = 0, of_dtz = 0;
    statistics(p, g, x, &mean, &r);
    means_of_tangent(p, g, x, mean, r, tx, &of_tx, &of_txz);
    for (size_t t = 0; t < p->places; t++)
        for (int q = 0; q < p->members; q++) {
            const size_t e = at(p, g, t, q);
            const double d = (double)dy[e] * (double)scale[channel(p, g, t, q)] / size;
            const double z = ((double)x[e] - mean) * r;
            of_d += d;
            of_dz += d * z;
            of_dtz += d * r * ((double)tx[e] - of_tx - z * of_txz);
        }
    for (size_t t = 0; t < p->places; t++)
        for (int q = 0; q < p->members; q++) {
            const size_t e = at(p, g, t, q);
            const double d = (double)dy[e] * (double)scale[channel(p, g, t, q)];
            const double z = ((double)x[e] - mean) * r;
            const double tz = r * ((double)tx[e] - of_tx - z * of_txz);
            dx[e] -= (cr_real)(r * (r * of_txz * (d - of_d - z * of_dz) + tz * of_dz + z * of_dtz));
        }
}

void cr_group_norm_curve(const cr_group_norm *p, int m, const cr_real *x, const cr_real *scale,
                         const cr_real *tx, const cr_real *dy, cr_real *dx)
{
    for (int i = 0; i < m; i++, dy += image_size(p), dx += image_size(p))
        for (int g = 0; g < p->groups; g++)
            curve_group(p, g, x, scale, tx, dy, dx);
}
