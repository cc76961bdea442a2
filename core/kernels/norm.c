/* Statistics of rows, and layer normalisation by them. Channel k of a row goes into partial sum
 * k % PARTS, so that the order of a sum depends on the row's length alone. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"
#define ISA_LANES 4 /* every CPU has registers of that size */
#include "vector.h"

#include <math.h>

#define PARTS WIDE
#define SQRT(x) _Generic((cr_real){0}, double : sqrt, default : sqrtf)(x)

ISA_INLINE cr_real sum_of(cr_real part[PARTS])
{
    for (int half = PARTS / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            part[l] += part[l + half];
    return part[0];
}

ISA_INLINE cr_real mean_of(int c, const cr_real *x)
{
    wide sum = {0};
    cr_real part[PARTS];
    int k = 0;
    for (; k + PARTS <= c; k += PARTS)
        sum += LOAD(x + k);
    memcpy(part, &sum, sizeof sum);
    for (int l = 0; k < c; k++, l++)
        part[l] += x[k];
    return sum_of(part) / (cr_real)c;
}

/* Mean, and 1 / sqrt(variance + epsilon), of a row. */
ISA_INLINE void statistics(int c, cr_real epsilon, const cr_real *x, cr_real *mean,
                           cr_real *inverse)
{
    wide squares = {0};
    cr_real part[PARTS];
    int k = 0;
    *mean = mean_of(c, x);
    for (; k + PARTS <= c; k += PARTS) {
        wide d = LOAD(x + k) - *mean;
        squares += d * d;
    }
    memcpy(part, &squares, sizeof squares);
    for (int l = 0; k < c; k++, l++)
        part[l] += (x[k] - *mean) * (x[k] - *mean);
    *inverse = 1 / SQRT(sum_of(part) / (cr_real)c + epsilon);
}

CR_MULTIVERSION
void cr_row_mean_forward(size_t rows, int c, const cr_real *x, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += c)
        y[t] = mean_of(c, x);
}

CR_MULTIVERSION
void cr_row_mean_backward(size_t rows, int c, const cr_real *dy, cr_real *dx)
{
    for (size_t t = 0; t < rows; t++, dx += c) {
        cr_real each = dy[t] / (cr_real)c;
        for (int k = 0; k < c; k++)
            dx[k] += each;
    }
}

CR_MULTIVERSION
void cr_layer_norm_forward(size_t rows, int c, cr_real epsilon, const cr_real *x,
                           const cr_real *restrict scale, const cr_real *restrict shift, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, x += c, y += c) {
        cr_real mean, inverse;
        statistics(c, epsilon, x, &mean, &inverse);
#pragma GCC ivdep /* y may be x */
        for (int k = 0; k < c; k++)
            y[k] = (x[k] - mean) * inverse * scale[k] + shift[k];
    }
}

/* The means of g = dy scale and of g times the normalised row, which its gradient is to lose. */
ISA_INLINE void means_of_gradient(int c, const cr_real *x, cr_real mean, cr_real inverse,
                                  const cr_real *scale, const cr_real *dy, cr_real *of_g,
                                  cr_real *of_gx)
{
    wide sum = {0}, dot = {0};
    cr_real sums[PARTS], dots[PARTS];
    int k = 0;
    for (; k + PARTS <= c; k += PARTS) {
        wide g = LOAD(dy + k) * LOAD(scale + k);
        sum += g;
        dot += g * (LOAD(x + k) - mean) * inverse;
    }
    memcpy(sums, &sum, sizeof sum);
    memcpy(dots, &dot, sizeof dot);
    for (int l = 0; k < c; k++, l++) {
        cr_real g = dy[k] * scale[k];
        sums[l] += g;
        dots[l] += g * (x[k] - mean) * inverse;
    }
    *of_g = sum_of(sums) / (cr_real)c;
    *of_gx = sum_of(dots) / (cr_real)c;
}

CR_MULTIVERSION
void cr_layer_norm_backward(int n_images, int m, size_t rows, int c, cr_real epsilon,
                            const cr_real *x, const cr_real *restrict scale,
                            const cr_real *restrict dy, cr_real *restrict dx)
{
    for (int b = 0; b < n_images * m; b++) {
        const cr_real *row = x + (size_t)(b / m) * rows * (size_t)c;
        for (size_t t = 0; t < rows; t++, row += c, dy += c, dx += c) {
            cr_real mean, inverse, of_g, of_gx;
            statistics(c, epsilon, row, &mean, &inverse);
            means_of_gradient(c, row, mean, inverse, scale, dy, &of_g, &of_gx);
            for (int k = 0; k < c; k++)
                dx[k] += inverse * (dy[k] * scale[k] - of_g - (row[k] - mean) * inverse * of_gx);
        }
    }
}

/* The mean of tx, and that of tx times the normalised row. */
static void means_of_tangent(int c, const cr_real *x, cr_real mean, cr_real inverse,
                             const cr_real *tx, cr_real *of_tx, cr_real *of_txx)
{
    cr_real sum = 0, dot = 0;
    for (int k = 0; k < c; k++) {
        sum += tx[k];
        dot += tx[k] * (x[k] - mean) * inverse;
    }
    *of_tx = sum / (cr_real)c;
    *of_txx = dot / (cr_real)c;
}

void cr_layer_norm_tangent(size_t rows, int c, cr_real epsilon, const cr_real *x,
                           const cr_real *scale, const cr_real *tx, cr_real *ty)
{
    for (size_t t = 0; t < rows; t++, x += c, tx += c, ty += c) {
        cr_real mean, inverse, of_tx, of_txx;
        statistics(c, epsilon, x, &mean, &inverse);
        means_of_tangent(c, x, mean, inverse, tx, &of_tx, &of_txx);
        for (int k = 0; k < c; k++)
            ty[k] = inverse * (tx[k] - of_tx - (x[k] - mean) * inverse * of_txx) * scale[k];
    }
}

/* With z the normalised row, z' its tangent, g = dy scale and r = 1 / sqrt(variance + epsilon), whose
 * tangent is -r^2 mean(z tx), backward is r (g - mean(g) - z mean(g z)). */
void cr_layer_norm_curve(int m, size_t rows, int c, cr_real epsilon, const cr_real *x,
                         const cr_real *scale, const cr_real *tx, const cr_real *dy, cr_real *dx)
{
    for (size_t t = 0; t < (size_t)m * rows; t++, dy += c, dx += c) {
        const cr_real *row = x + t % rows * (size_t)c, *along = tx + t % rows * (size_t)c;
        cr_real mean, inverse, of_tx, of_txx, of_g, of_gz, of_gtz = 0;
        statistics(c, epsilon, row, &mean, &inverse);
        means_of_tangent(c, row, mean, inverse, along, &of_tx, &of_txx);
        means_of_gradient(c, row, mean, inverse, scale, dy, &of_g, &of_gz);
        for (int k = 0; k < c; k++) {
            cr_real z = (row[k] - mean) * inverse;
            of_gtz += dy[k] * scale[k] * inverse * (along[k] - of_tx - z * of_txx);
        }
        of_gtz /= (cr_real)c;
        for (int k = 0; k < c; k++) {
            cr_real z = (row[k] - mean) * inverse;
            cr_real tz = inverse * (along[k] - of_tx - z * of_txx);
            cr_real before = dy[k] * scale[k] - of_g - z * of_gz;
            dx[k] -= inverse * (inverse * of_txx * before + tz * of_gz + z * of_gtz);
        }
    }
}
