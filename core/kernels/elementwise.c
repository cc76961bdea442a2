/* Kernels that treat each value, or each row of channels, by itself. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"
#include "isa.h"

CR_MULTIVERSION
void cr_clamp_forward(cr_clamp clamp, size_t n, const cr_real *x, cr_real *y)
{
#pragma GCC ivdep /* y may be x */
    for (size_t i = 0; i < n; i++) {
        cr_real v = x[i] < clamp.lo ? clamp.lo : x[i];
        y[i] = v > clamp.hi ? clamp.hi : v;
    }
}

CR_MULTIVERSION
void cr_clamp_mask(cr_clamp clamp, size_t n_images, int m, size_t rows, size_t c, const cr_real *y,
                   ptrdiff_t y_step, cr_real *dy)
{
    y_step = y_step ? y_step : (ptrdiff_t)c;
    for (size_t b = 0; b < n_images * (size_t)m; b++)
        for (size_t t = 0; t < rows; t++, dy += c) {
            const cr_real *restrict out = y + (ptrdiff_t)(b / (size_t)m * rows + t) * y_step;
            cr_real *restrict to = dy;
            for (size_t i = 0; i < c; i++)
                to[i] = out[i] > clamp.lo && out[i] < clamp.hi ? to[i] : 0;
        }
}

CR_MULTIVERSION
void cr_affine_forward(size_t rows, int c, const cr_real *x, ptrdiff_t x_step,
                       const cr_real *restrict scale, const cr_real *restrict shift, cr_clamp clamp,
                       cr_real *y, ptrdiff_t y_step)
{
    x_step = cr_step_of(x_step, c);
    y_step = cr_step_of(y_step, c);
    for (size_t t = 0; t < rows; t++, x += x_step, y += y_step)
#pragma GCC ivdep /* y may be x */
        for (int k = 0; k < c; k++) {
            cr_real v = x[k] * scale[k] + shift[k];
            v = v < clamp.lo ? clamp.lo : v;
            y[k] = v > clamp.hi ? clamp.hi : v;
        }
}

CR_MULTIVERSION
void cr_affine_backward(size_t rows, int c, const cr_real *restrict scale,
                        const cr_real *restrict dy, cr_real *restrict dx)
{
    for (size_t t = 0; t < rows; t++, dy += c, dx += c)
        for (int k = 0; k < c; k++)
            dx[k] += dy[k] * scale[k];
}

/* Runs from this length on are copied as such. */
#define LEAST_RUN 4

CR_MULTIVERSION
void cr_gather_forward(int n, size_t n_in, size_t n_out, size_t run, const int *index, cr_real fill,
                       const cr_real *x, cr_real *y)
{
    for (int b = 0; b < n; b++, x += n_in, y += n_out) {
        for (size_t i = 0; run < LEAST_RUN && i < n_out; i++)
            y[i] = index[i] >= 0 ? x[index[i]] : fill;
        for (size_t i = 0; run >= LEAST_RUN && i < n_out; i += run) {
            const cr_real *restrict from = x + index[i];
            cr_real *restrict to = y + i;
            for (size_t j = 0; index[i] >= 0 && j < run; j++)
                to[j] = from[j];
            for (size_t j = 0; index[i] < 0 && j < run; j++)
                to[j] = fill;
        }
    }
}

CR_MULTIVERSION
void cr_gather_backward(int n, size_t n_in, size_t n_out, size_t run, const int *index,
                        const cr_real *dy, cr_real *dx)
{
    for (int b = 0; b < n; b++, dy += n_out, dx += n_in) {
        for (size_t i = 0; run < LEAST_RUN && i < n_out; i++)
            if (index[i] >= 0)
                dx[index[i]] += dy[i];
        for (size_t i = 0; run >= LEAST_RUN && i < n_out; i += run) {
            const cr_real *restrict from = dy + i;
            cr_real *restrict to = dx + index[i];
            for (size_t j = 0; index[i] >= 0 && j < run; j++)
                to[j] += from[j];
        }
    }
}

void cr_softmax_forward(size_t rows, int c, const cr_real *x, cr_real *y)
{
    cr_loops()->softmax(rows, c, x, y);
}

void cr_softmax_backward(int n, int m, size_t rows, int c, const cr_real *y, const cr_real *dy,
                         cr_real *dx)
{
    for (int b = 0; b < n * m; b++)
        for (size_t t = 0; t < rows; t++, dy += c, dx += c) {
            const cr_real *out = y + ((size_t)(b / m) * rows + t) * (size_t)c;
            cr_real dot = 0;
            for (int k = 0; k < c; k++)
                dot += dy[k] * out[k];
            for (int k = 0; k < c; k++)
                dx[k] += out[k] * (dy[k] - dot);
        }
}

void cr_softmax_tangent(size_t rows, int c, const cr_real *y, const cr_real *tx, cr_real *ty)
{
    for (size_t t = 0; t < rows; t++, y += c, tx += c, ty += c) {
        cr_real dot = 0;
        for (int k = 0; k < c; k++)
            dot += tx[k] * y[k];
        for (int k = 0; k < c; k++)
            ty[k] = y[k] * (tx[k] - dot);
    }
}

void cr_softmax_curve(int m, size_t rows, int c, const cr_real *y, const cr_real *ty,
                      const cr_real *dy, cr_real *dx)
{
    for (size_t t = 0; t < (size_t)m * rows; t++, dy += c, dx += c) {
        const cr_real *out = y + t % rows * (size_t)c, *change = ty + t % rows * (size_t)c;
        cr_real dot = 0, dot_change = 0;
        for (int k = 0; k < c; k++) {
            dot += dy[k] * out[k];
            dot_change += dy[k] * change[k];
        }
        for (int k = 0; k < c; k++)
            dx[k] += change[k] * (dy[k] - dot) - out[k] * dot_change;
    }
}
