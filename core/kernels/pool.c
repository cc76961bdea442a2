/* Pooling. Letters as in kernels.h. Inner loops run over the channels. */
#include "camrank/kernels.h"

#include "camrank/multiversion.h"
#include "window.h"

#include <math.h>

/* First and one-past-last index of a window's rows (or columns) that are inside [0, limit). */
static inline void clip_window(int start, int step, int count, int limit, int *first, int *last)
{
    *first = start < 0 ? (-start + step - 1) / step : 0;
    *last = limit > start ? (limit - start + step - 1) / step : 0;
    if (*last > count)
        *last = count;
}

/* A NaN wins, and is seen by whoever reads the logits. */
static inline cr_real larger(cr_real x, cr_real y)
{
    return x > y || x != x ? x : y;
}

#define INLINE static inline __attribute__((always_inline))

/* `mean`, and n where it is one, are constants wherever these are inlined. */
INLINE cr_real joined(const bool mean, cr_real value, cr_real so_far)
{
    return mean ? so_far + value : larger(value, so_far);
}

/* Of n pixels, channel by channel: results stay in registers, and are written once. Pairs are asked
 * for a NaN: that takes fewer operations than each comparison's seeing to it. */
INLINE void join_pixels(const bool mean, const int n, const cr_real *const *pixels, int c_n,
                        cr_real weight, cr_real *restrict y)
{
    for (int c = 0; c < c_n; c++) {
        cr_real value = pixels[0][c];
        bool nan = value != value;
#pragma GCC unroll 9
        for (int t = 1; t < n; t++) {
            cr_real next = pixels[t][c];
            value = mean ? value + next : next > value ? next : value;
            if (t % 2 == 0)
                nan |= isunordered(pixels[t - 1][c], next);
            else if (t == n - 1)
                nan |= next != next;
        }
        y[c] = mean ? value * weight : nan ? (cr_real)NAN : value;
    }
}

/* What of a window lies inside the input: `rows` by `columns` pixels from x on. */
INLINE void pool_pixel(const bool mean, const cr_real *x, int rows, ptrdiff_t row, int columns,
                       ptrdiff_t column, int c_n, cr_real weight, cr_real *restrict y)
{
    const cr_real *pixels[9];
    bool few = rows > 0 && columns > 0 && rows <= 3 && columns <= 3;
    int n = few ? rows * columns : 0;
    for (int t = 0; t < n; t++)
        pixels[t] = x + t / columns * row + t % columns * column;
    switch (n) {
    case 4:
        join_pixels(mean, 4, pixels, c_n, weight, y);
        return;
    case 6:
        join_pixels(mean, 6, pixels, c_n, weight, y);
        return;
    case 9:
        join_pixels(mean, 9, pixels, c_n, weight, y);
        return;
    }
    for (int c = 0; c < c_n; c++)
        y[c] = mean ? 0 : -(cr_real)INFINITY;
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < columns; s++) {
            const cr_real *restrict from = x + r * row + s * column;
            for (int c = 0; c < c_n; c++)
                y[c] = joined(mean, from[c], y[c]);
        }
    for (int c = 0; mean && c < c_n; c++)
        y[c] *= weight;
}

/* 1 over the number of pixels that output pixel (i, j) is the mean of. */
static cr_real mean_weight(const cr_avgpool *pool, int i, int j)
{
    const cr_window *win = &pool->win;
    int y0 = i * win->stride_h - win->pad_top, x0 = j * win->stride_w - win->pad_left;
    int top = pool->count_padding ? -win->pad_top : 0;
    int left = pool->count_padding ? -win->pad_left : 0;
    int bottom = win->h + (pool->count_padding ? pool->pad_bottom : 0);
    int right = win->w + (pool->count_padding ? pool->pad_right : 0);
    int r0, r1, s0, s1;
    clip_window(y0 - top, win->dilation_h, win->r, bottom - top, &r0, &r1);
    clip_window(x0 - left, win->dilation_w, win->s, right - left, &s0, &s1);
    return r1 > r0 && s1 > s0 ? (cr_real)1 / (cr_real)((ptrdiff_t)(r1 - r0) * (s1 - s0)) : 0;
}

INLINE void pool_all(const bool mean, const cr_avgpool *pool, int n, const cr_real *x,
                     ptrdiff_t x_step, cr_real *y, ptrdiff_t y_step)
{
    const cr_window *win = &pool->win;
    x_step = cr_step_of(x_step, win->c);
    y_step = cr_step_of(y_step, win->c);
    ptrdiff_t row = (ptrdiff_t)win->dilation_h * win->w * x_step, column = win->dilation_w * x_step;
    for (int b = 0; b < n; b++, x += (ptrdiff_t)win->h * win->w * x_step)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, y += y_step) {
                cr_inside in = cr_window_inside(win, i, j);
                const cr_real *corner = x + ((ptrdiff_t)in.y * win->w + in.x) * x_step;
                pool_pixel(mean, corner + in.r0 * row + in.s0 * column, in.r1 - in.r0, row,
                           in.s1 - in.s0, column, win->c, mean ? mean_weight(pool, i, j) : 1, y);
            }
}

CR_MULTIVERSION
void cr_maxpool_forward(const cr_window *win, int n, const cr_real *x, ptrdiff_t x_step, cr_real *y,
                        ptrdiff_t y_step)
{
    pool_all(false, &(cr_avgpool){.win = *win}, n, x, x_step, y, y_step);
}

CR_MULTIVERSION
void cr_avgpool_forward(const cr_avgpool *pool, int n, const cr_real *x, ptrdiff_t x_step,
                        cr_real *y, ptrdiff_t y_step)
{
    pool_all(true, pool, n, x, x_step, y, y_step);
}

/* The pixel whose channel, at `image`, is the maximum of the window; -1 of an empty one. */
INLINE ptrdiff_t winner(const cr_window *win, const cr_inside *in, const cr_real *image,
                        ptrdiff_t x_step)
{
    ptrdiff_t best = -1;
    for (int r = in->r0; r < in->r1; r++)
        for (int s = in->s0; s < in->s1; s++) {
            ptrdiff_t at =
                (ptrdiff_t)(in->y + r * win->dilation_h) * win->w + in->x + s * win->dilation_w;
            if (best < 0 || image[at * x_step] > image[best * x_step])
                best = at;
        }
    return best;
}

void cr_maxpool_backward(const cr_window *win, int n, int m, const cr_real *x, ptrdiff_t x_step,
                         const cr_real *dy, cr_real *dx)
{
    int c_n = win->c;
    ptrdiff_t pixels = (ptrdiff_t)win->h * win->w;
    x_step = cr_step_of(x_step, c_n);
    for (int b = 0; b < n * m; b++, dx += pixels * c_n) {
        const cr_real *image = x + b / m * pixels * x_step;
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, dy += c_n) {
                const cr_inside in = cr_window_inside(win, i, j);
                for (int c = 0; c < c_n; c++) {
                    ptrdiff_t best = winner(win, &in, image + c, x_step);
                    if (best >= 0)
                        dx[best * c_n + c] += dy[c];
                }
            }
    }
}

void cr_maxpool_tangent(const cr_window *win, int n, const cr_real *x, ptrdiff_t x_step,
                        const cr_real *tx, cr_real *ty)
{
    int c_n = win->c;
    ptrdiff_t pixels = (ptrdiff_t)win->h * win->w;
    x_step = cr_step_of(x_step, c_n);
    for (int b = 0; b < n; b++, x += pixels * x_step, tx += pixels * c_n)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++) {
                const cr_inside in = cr_window_inside(win, i, j);
                for (int c = 0; c < c_n; c++) {
                    ptrdiff_t best = winner(win, &in, x + c, x_step);
                    *ty++ = best >= 0 ? tx[best * c_n + c] : 0;
                }
            }
}

CR_MULTIVERSION
void cr_avgpool_backward(const cr_avgpool *pool, int n, const cr_real *restrict dy, cr_real *dx)
{
    const cr_window *win = &pool->win;
    int c_n = win->c;
    for (int b = 0; b < n; b++, dx += (size_t)win->h * (size_t)win->w * (size_t)c_n)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, dy += c_n) {
                int y0 = i * win->stride_h - win->pad_top, x0 = j * win->stride_w - win->pad_left;
                int r0, r1, s0, s1;
                clip_window(y0, win->dilation_h, win->r, win->h, &r0, &r1);
                clip_window(x0, win->dilation_w, win->s, win->w, &s0, &s1);
                cr_real weight = mean_weight(pool, i, j);
                for (int r = r0; r < r1; r++)
                    for (int s = s0; s < s1; s++) {
                        cr_real *restrict to =
                            dx + ((ptrdiff_t)(y0 + r * win->dilation_h) * win->w + x0 +
                                  s * win->dilation_w) *
                                     c_n;
                        for (int c = 0; c < c_n; c++)
                            to[c] += dy[c] * weight;
                    }
            }
}

CR_MULTIVERSION
void cr_global_mean_forward(int n, int hw, int c, const cr_real *x, cr_real *restrict y)
{
    for (int b = 0; b < n; b++, y += c) {
        for (int k = 0; k < c; k++)
            y[k] = 0;
        for (int t = 0; t < hw; t++, x += c)
            for (int k = 0; k < c; k++)
                y[k] += x[k];
        for (int k = 0; k < c; k++)
            y[k] /= (cr_real)hw;
    }
}

CR_MULTIVERSION
void cr_global_mean_backward(int n, int hw, int c, const cr_real *restrict dy, cr_real *restrict dx)
{
    for (int b = 0; b < n; b++, dy += c)
        for (int t = 0; t < hw; t++, dx += c)
            for (int k = 0; k < c; k++)
                dx[k] += dy[k] / (cr_real)hw;
}

CR_MULTIVERSION
void cr_global_max_forward(int n, int hw, int c, const cr_real *x, cr_real *restrict y)
{
    for (int b = 0; b < n; b++, y += c) {
        for (int k = 0; k < c; k++)
            y[k] = -(cr_real)INFINITY;
        for (int t = 0; t < hw; t++, x += c)
            for (int k = 0; k < c; k++)
                y[k] = larger(x[k], y[k]);
    }
}

/* Where the maximum of channel k is. */
INLINE size_t global_winner(const cr_real *image, size_t size, size_t c, size_t k)
{
    size_t best = k;
    for (size_t at = best + c; at < size; at += c)
        if (image[at] > image[best])
            best = at;
    return best;
}

void cr_global_max_backward(int n, int m, int hw, int c, const cr_real *x, const cr_real *dy,
                            cr_real *dx)
{
    size_t image_size = (size_t)hw * (size_t)c;
    for (int b = 0; b < n * m; b++, dy += c, dx += image_size) {
        const cr_real *image = x + (size_t)(b / m) * image_size;
        for (int k = 0; k < c; k++)
            dx[global_winner(image, image_size, (size_t)c, (size_t)k)] += dy[k];
    }
}

void cr_global_max_tangent(int n, int hw, int c, const cr_real *x, const cr_real *tx, cr_real *ty)
{
    size_t image_size = (size_t)hw * (size_t)c;
    for (int b = 0; b < n; b++, x += image_size, tx += image_size, ty += c)
        for (int k = 0; k < c; k++)
            ty[k] = tx[global_winner(x, image_size, (size_t)c, (size_t)k)];
}
