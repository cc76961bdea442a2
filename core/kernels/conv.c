/* Convolution. Letters as in kernels.h; T pixels of the output make a tile.
 *
 * Channels last makes a 1x1 convolution one GEMM, [N P Q][C] by [C][K]. Other windows are gathered
 * first: im2col copies, for each output pixel, R S runs of C/G values, and a tile of T pixels is
 * multiplied while it is in cache. Depthwise convolutions (C/G = K/G = 1) go directly. */
#include "camrank/kernels.h"

#include "depthwise.h"
#include "multiversion.h"
#include "packed.h"
#include "window.h"
#include "winograd.h"

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

/* Values that one output pixel is made of, within its group. */
static int depth_of(const cr_window *win)
{
    return win->r * win->s * (win->c / win->groups);
}

static size_t tile_pixels(const cr_window *win)
{
    size_t pixels = TILE_VALUES / (size_t)depth_of(win);
    return pixels < 112 ? 112 : pixels;
}

size_t cr_conv_scratch(const cr_window *win)
{
    if (is_pointwise(win) || cr_conv_is_depthwise(win))
        return 0;
    if (cr_winograd_fits(win)) {
        cr_window back = cr_winograd_back(win);
        size_t forward = cr_winograd_scratch(win), backward = cr_winograd_scratch(&back);
        return forward > backward ? forward : backward;
    }
    return tile_pixels(win) * (size_t)depth_of(win);
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
        cr_inside in = cr_window_inside(win, i, j);
        for (int r = 0; r < win->r; r++) {
            const cr_real *row =
                image + ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x) * win->c;
            if (win->groups == 1 && win->dilation_w == 1 && r >= in.r0 && r < in.r1 &&
                in.s0 < in.s1) {
                /* The pixels of a row of the window lie side by side. */
                size_t before = (size_t)in.s0 * run, n_inside = (size_t)(in.s1 - in.s0) * run;
                size_t row_size = (size_t)win->s * run;
                memset(col, 0, before * sizeof *col);
                memcpy(col + before, row + before, n_inside * sizeof *col);
                memset(col + before + n_inside, 0, (row_size - before - n_inside) * sizeof *col);
                col += row_size;
                continue;
            }
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
        cr_inside in = cr_window_inside(win, i, j);
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

size_t cr_conv_weights(const cr_window *win)
{
    if (cr_conv_is_depthwise(win))
        return (size_t)win->r * (size_t)win->s * (size_t)win->c;
    if (cr_winograd_fits(win))
        return cr_winograd_weights(win);
    return (size_t)win->groups * cr_packed_size(depth_of(win), win->k / win->groups);
}

void cr_conv_pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    int cg = win->c / win->groups, kg = win->k / win->groups, rs = win->r * win->s;
    if (cr_winograd_fits(win)) {
        cr_winograd_pack(win, weight, context, packed);
        return;
    }
    if (cr_conv_is_depthwise(win)) {
        for (int t = 0; t < rs; t++)
            for (int k = 0; k < win->k; k++)
                *packed++ = weight(context, k, 0, t);
        return;
    }
    size_t size = cr_packed_size(depth_of(win), kg);
    memset(packed, 0, (size_t)win->groups * size * sizeof *packed);
    for (int k = 0; k < win->k; k++)
        for (int t = 0; t < rs; t++)
            for (int c = 0; c < cg; c++)
                packed[(size_t)(k / kg) * size + cr_packed_at(depth_of(win), kg, t * cg + c,
                                                              k % kg)] = weight(context, k, c, t);
}

size_t cr_conv_weights_back(const cr_window *win)
{
    cr_window back = cr_winograd_back(win);
    return cr_winograd_fits(win) ? cr_winograd_weights(&back) : 0;
}

typedef struct turned {
    cr_weight_fn weight;
    const void *context;
} turned;

static cr_real turned_weight(const void *context, int k, int c, int t)
{
    const turned *p = context;
    return p->weight(p->context, c, k, 8 - t);
}

void cr_conv_pack_back(const cr_window *win, cr_weight_fn weight, const void *context,
                       cr_real *packed)
{
    cr_window back = cr_winograd_back(win);
    if (cr_winograd_fits(win))
        cr_winograd_pack(&back, turned_weight, &(turned){weight, context}, packed);
}

void cr_conv_forward(const cr_window *win, int n, const cr_real *x, const cr_real *weights,
                     const cr_real *bias, cr_clamp clamp, cr_real *y, cr_real *scratch)
{
    if (cr_conv_is_depthwise(win)) {
        cr_depthwise_forward(win, n, x, weights, bias, clamp, y);
        return;
    }
    if (cr_winograd_fits(win)) {
        cr_winograd_run(win, n, x, weights, bias, clamp, y, scratch);
        return;
    }
    bool pointwise = is_pointwise(win);
    int kg = win->k / win->groups, depth = depth_of(win);
    size_t rows = (size_t)n * (size_t)win->p * (size_t)win->q, tile = tile_pixels(win);
    for (size_t first = 0; first < rows; first += tile) {
        size_t t = rows - first < tile ? rows - first : tile;
        for (int g = 0; g < win->groups; g++) {
            if (!pointwise)
                im2col(win, g, first, t, x, scratch);
            cr_packed_multiply(&(cr_product){.m = (int)t,
                                             .n = kg,
                                             .d = depth,
                                             .a = pointwise ? x + first * (size_t)win->c : scratch,
                                             .lda = depth,
                                             .b = weights + (size_t)g * cr_packed_size(depth, kg),
                                             .start = CR_START_BIAS,
                                             .bias = bias + g * kg,
                                             .clamp = clamp,
                                             .c = y + first * (size_t)win->k + g * kg,
                                             .ldc = win->k});
        }
    }
}

void cr_conv_backward(const cr_window *win, int n, const cr_real *dy, const cr_real *weights,
                      const cr_real *weights_back, cr_real *dx, cr_real *scratch)
{
    if (cr_conv_is_depthwise(win)) {
        cr_depthwise_backward(win, n, dy, weights, dx);
        return;
    }
    if (cr_winograd_fits(win)) {
        cr_window back = cr_winograd_back(win);
        cr_winograd_run(&back, n, dy, weights_back, NULL, CR_NO_CLAMP, dx, scratch);
        return;
    }
    bool pointwise = is_pointwise(win);
    int kg = win->k / win->groups, depth = depth_of(win);
    size_t rows = (size_t)n * (size_t)win->p * (size_t)win->q, tile = tile_pixels(win);
    for (size_t first = 0; first < rows; first += tile) {
        size_t t = rows - first < tile ? rows - first : tile;
        for (int g = 0; g < win->groups; g++) {
            const cr_real *from = dy + first * (size_t)win->k + g * kg;
            const cr_real *wt = weights + (size_t)g * cr_packed_size(depth, kg);
            if (pointwise) {
                cr_packed_multiply_transposed((int)t, kg, depth, from, win->k, wt, 1,
                                              dx + first * (size_t)win->c, win->c);
            } else {
                cr_packed_multiply_transposed((int)t, kg, depth, from, win->k, wt, 0, scratch,
                                              depth);
                col2im(win, g, first, t, scratch, dx);
            }
        }
    }
}
