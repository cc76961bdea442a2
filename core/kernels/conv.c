/* Convolution. Letters as in kernels.h; T pixels of the output make a tile.
 *
 * Channels last makes a 1x1 convolution one GEMM, [N P Q][C] by [C][K]. Other windows are gathered
 * first: im2col copies, for each output pixel, R S runs of C/G values, and a tile of T pixels is
 * multiplied while it is in cache. Depthwise convolutions (C/G = K/G = 1) go directly. */
#include "camrank/kernels.h"

#include "multiversion.h"

#include <string.h>

/* A tile of gathered pixels is to stay in a second-level cache of 1 MiB beside the weights. */
#define TILE_VALUES ((size_t)128 * 1024)

static bool is_pointwise(const cr_window *win)
{
    return win->groups == 1 && win->r == 1 && win->s == 1 && win->stride_h == 1 &&
           win->stride_w == 1 && win->pad_top == 0 && win->pad_left == 0 && win->p == win->h &&
           win->q == win->w;
}

bool cr_conv_is_depthwise(const cr_window *win)
{
    return win->groups > 1 && win->groups == win->c && win->groups == win->k;
}

static size_t tile_pixels(const cr_window *win)
{
    size_t depth = (size_t)win->r * (size_t)win->s * (size_t)(win->c / win->groups);
    size_t pixels = TILE_VALUES / depth;
    return pixels < 64 ? 64 : pixels;
}

size_t cr_conv_scratch(const cr_window *win)
{
    if (is_pointwise(win) || cr_conv_is_depthwise(win))
        return 0;
    size_t depth = (size_t)win->r * (size_t)win->s * (size_t)(win->c / win->groups);
    return tile_pixels(win) * depth;
}

/* The window's rows and columns that lie inside the input for output pixel (i, j). */
typedef struct inside {
    int r0, r1, s0, s1;
    int y, x; /* input pixel under window position (0, 0); may be outside */
} inside;

static inline inside window_inside(const cr_window *win, int i, int j)
{
    inside in = {.y = i * win->stride_h - win->pad_top, .x = j * win->stride_w - win->pad_left};
    int dh = win->dilation_h, dw = win->dilation_w;
    in.r0 = in.y < 0 ? (-in.y + dh - 1) / dh : 0;
    in.s0 = in.x < 0 ? (-in.x + dw - 1) / dw : 0;
    in.r1 = win->h > in.y ? (win->h - in.y + dh - 1) / dh : 0;
    in.s1 = win->w > in.x ? (win->w - in.x + dw - 1) / dw : 0;
    if (in.r1 > win->r)
        in.r1 = win->r;
    if (in.s1 > win->s)
        in.s1 = win->s;
    return in;
}

/* col [T][R][S][C/G] from pixels first .. first + n - 1 of the output of all images. */
static void im2col(const cr_window *win, int group, size_t first, size_t n, const cr_real *x,
                   cr_real *col)
{
    int cg = win->c / win->groups;
    size_t run = (size_t)cg, pq = (size_t)win->p * (size_t)win->q;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)win->c;
    for (size_t t = first; t < first + n; t++) {
        const cr_real *image = x + t / pq * image_size + group * cg;
        int i = (int)(t % pq) / win->q, j = (int)(t % pq) % win->q;
        inside in = window_inside(win, i, j);
        for (int r = 0; r < win->r; r++) {
            const cr_real *row =
                image + ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x) * win->c;
            for (int s = 0; s < win->s; s++, col += run)
                if (r >= in.r0 && r < in.r1 && s >= in.s0 && s < in.s1)
                    memcpy(col, row + (ptrdiff_t)s * win->dilation_w * win->c, run * sizeof *col);
                else
                    memset(col, 0, run * sizeof *col);
        }
    }
}

/* The adjoint of im2col: adds col to dx. */
CR_MULTIVERSION
static void col2im(const cr_window *win, int group, size_t first, size_t n, const cr_real *col,
                   cr_real *dx)
{
    int cg = win->c / win->groups;
    size_t pq = (size_t)win->p * (size_t)win->q;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)win->c;
    for (size_t t = first; t < first + n; t++) {
        cr_real *image = dx + t / pq * image_size + group * cg;
        int i = (int)(t % pq) / win->q, j = (int)(t % pq) % win->q;
        inside in = window_inside(win, i, j);
        for (int r = in.r0; r < in.r1; r++)
            for (int s = in.s0; s < in.s1; s++) {
                const cr_real *from = col + (size_t)(r * win->s + s) * (size_t)cg;
                cr_real *to = image + ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x +
                                       s * win->dilation_w) *
                                          win->c;
                for (int c = 0; c < cg; c++)
                    to[c] += from[c];
            }
        col += (size_t)win->r * (size_t)win->s * (size_t)cg;
    }
}

CR_MULTIVERSION
static void fill_bias(size_t rows, int k, const cr_real *bias, cr_real *y)
{
    for (size_t t = 0; t < rows; t++, y += k)
        for (int c = 0; c < k; c++)
            y[c] = bias[c];
}

CR_MULTIVERSION
static void depthwise_forward(const cr_window *win, int n, const cr_real *x,
                              const cr_real *restrict weights, const cr_real *restrict bias,
                              cr_clamp clamp, cr_real *restrict y)
{
    int c_n = win->c;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)c_n;
    for (int b = 0; b < n; b++)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, y += c_n) {
                inside in = window_inside(win, i, j);
                for (int c = 0; c < c_n; c++)
                    y[c] = bias[c];
                for (int r = in.r0; r < in.r1; r++)
                    for (int s = in.s0; s < in.s1; s++) {
                        const cr_real *restrict from =
                            x + (size_t)b * image_size +
                            ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x +
                             s * win->dilation_w) *
                                c_n;
                        const cr_real *restrict wt =
                            weights + (size_t)(r * win->s + s) * (size_t)c_n;
                        for (int c = 0; c < c_n; c++)
                            y[c] += from[c] * wt[c];
                    }
                for (int c = 0; c < c_n; c++) {
                    cr_real v = y[c] < clamp.lo ? clamp.lo : y[c];
                    y[c] = v > clamp.hi ? clamp.hi : v;
                }
            }
}

CR_MULTIVERSION
static void depthwise_backward(const cr_window *win, int n, const cr_real *restrict dy,
                               const cr_real *restrict weights, cr_real *restrict dx)
{
    int c_n = win->c;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)c_n;
    for (int b = 0; b < n; b++)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, dy += c_n) {
                inside in = window_inside(win, i, j);
                for (int r = in.r0; r < in.r1; r++)
                    for (int s = in.s0; s < in.s1; s++) {
                        cr_real *restrict to = dx + (size_t)b * image_size +
                                               ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w +
                                                in.x + s * win->dilation_w) *
                                                   c_n;
                        const cr_real *restrict wt =
                            weights + (size_t)(r * win->s + s) * (size_t)c_n;
                        for (int c = 0; c < c_n; c++)
                            to[c] += dy[c] * wt[c];
                    }
            }
}

void cr_conv_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                     const cr_real *bias, cr_clamp clamp, cr_real *y, cr_real *scratch)
{
    if (cr_conv_is_depthwise(win)) {
        depthwise_forward(win, n, x, weights, bias, clamp, y);
        return;
    }
    bool pointwise = is_pointwise(win);
    int cg = win->c / win->groups, kg = win->k / win->groups;
    int depth = win->r * win->s * cg;
    size_t rows = (size_t)n * (size_t)win->p * (size_t)win->q, tile = tile_pixels(win);
    for (size_t first = 0; first < rows; first += tile) {
        size_t t = rows - first < tile ? rows - first : tile;
        cr_real *out = y + first * (size_t)win->k;
        fill_bias(t, win->k, bias, out);
        for (int g = 0; g < win->groups; g++) {
            const cr_real *in = x + first * (size_t)win->c;
            if (!pointwise) {
                im2col(win, g, first, t, x, scratch);
                in = scratch;
            }
            cr_gemm(false, false, (int)t, kg, depth, in, depth,
                    weights + (size_t)g * (size_t)depth * (size_t)kg, kg, 1, out + g * kg, win->k);
        }
        cr_clamp_forward(clamp, t * (size_t)win->k, out, out);
    }
}

void cr_conv_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *weights,
                      cr_real *dx, cr_real *scratch)
{
    if (cr_conv_is_depthwise(win)) {
        depthwise_backward(win, n, dy, weights, dx);
        return;
    }
    bool pointwise = is_pointwise(win);
    int cg = win->c / win->groups, kg = win->k / win->groups;
    int depth = win->r * win->s * cg;
    size_t rows = (size_t)n * (size_t)win->p * (size_t)win->q, tile = tile_pixels(win);
    for (size_t first = 0; first < rows; first += tile) {
        size_t t = rows - first < tile ? rows - first : tile;
        for (int g = 0; g < win->groups; g++) {
            const cr_real *from = dy + first * (size_t)win->k + g * kg;
            const cr_real *wt = weights + (size_t)g * (size_t)depth * (size_t)kg;
            if (pointwise) {
                cr_gemm(false, true, (int)t, depth, kg, from, win->k, wt, kg, 1,
                        dx + first * (size_t)win->c, win->c);
            } else {
                cr_gemm(false, true, (int)t, depth, kg, from, win->k, wt, kg, 0, scratch, depth);
                col2im(win, g, first, t, scratch, dx);
            }
        }
    }
}
