/* Convolution in many small groups, where a group alone would fill no vector. Letters as in
 * kernels.h; packed weights [R][S][C/G][K].
 *
 * A pixel of C channels is spread into C/G pixels of K: the i-th has, in the place of each output
 * channel, the i-th input channel of its group. Seen so the convolution is a depthwise one, with
 * a window of R by S C/G, and all channels are computed together. A strip of the padded input is
 * spread at a time, which is to stay in a second-level cache. */
#include "isa.h"
#include "multiversion.h"
#include "ways.h"
#include "window.h"

#include <string.h>

#define MOST_CHANNELS 16 /* of a group: with more, a product for each group is faster */
#define STRIP 8          /* rows of the output */

static int group_channels(const cr_window *win)
{
    return win->c / win->groups;
}

/* Columns that all windows together reach. */
static int reach_w(const cr_window *win)
{
    return (win->q - 1) * win->stride_w + win->s;
}

static int strip_rows(const cr_window *win)
{
    return (STRIP - 1) * win->stride_h + (win->r - 1) * win->dilation_h + 1;
}

static bool fits(const cr_window *win)
{
    int cg = group_channels(win), kg = win->k / win->groups;
    return win->groups > 1 && (cg > 1 || kg > 1) && cg <= MOST_CHANNELS && kg <= MOST_CHANNELS &&
           win->dilation_w == 1;
}

static size_t n_weights(const cr_window *win)
{
    return (size_t)(win->r * win->s * group_channels(win)) * (size_t)win->k;
}

static void pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    for (int t = 0; t < win->r * win->s; t++)
        for (int c = 0; c < group_channels(win); c++)
            for (int k = 0; k < win->k; k++)
                *packed++ = weight(context, k, c, t);
}

static size_t spread_row_size(const cr_window *win)
{
    return (size_t)reach_w(win) * (size_t)group_channels(win) * (size_t)win->k;
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    double strips = (double)win->p / STRIP;
    work[CR_WORK_LANES] += (double)win->p * win->q * (double)n_weights(win);
    work[CR_WORK_SPREAD] += strips * strip_rows(win) * (double)spread_row_size(win);
}

static size_t scratch(const cr_window *win)
{
    return (size_t)strip_rows(win) * spread_row_size(win);
}

/* to [C/G][K] from x [C]; kg is a constant where this is inlined with one. */
static inline __attribute__((always_inline)) void
spread_to(int groups, int cg, const int kg, const cr_real *restrict x, cr_real *restrict to)
{
    for (int c = 0; c < cg; c++)
        for (int g = 0; g < groups; g++, to += kg)
            for (int k = 0; k < kg; k++)
                to[k] = x[g * cg + c];
}

CR_MULTIVERSION
static void spread_pixels(const cr_window *win, int n, const cr_real *x, ptrdiff_t x_step,
                          cr_real *to)
{
    int cg = group_channels(win), kg = win->k / win->groups;
    for (int j = 0; j < n; j++, x += x_step, to += cg * win->k)
        switch (kg) {
        case 4:
            spread_to(win->groups, cg, 4, x, to);
            break;
        case 8:
            spread_to(win->groups, cg, 8, x, to);
            break;
        case 16:
            spread_to(win->groups, cg, 16, x, to);
            break;
        default:
            spread_to(win->groups, cg, kg, x, to);
        }
}

/* Row y of the input, padding included, from the first column that a window reaches. */
static void spread_row(const cr_window *win, const cr_real *x, ptrdiff_t x_step, int y, cr_real *to)
{
    size_t pixel = (size_t)(group_channels(win) * win->k);
    int left = win->pad_left, reach = reach_w(win);
    int n = y < 0 || y >= win->h ? 0 : win->w < reach - left ? win->w : reach - left;
    left = n > 0 ? left : 0;
    n = n > 0 ? n : 0;
    memset(to, 0, (size_t)left * pixel * sizeof *to);
    if (n)
        spread_pixels(win, n, x + (ptrdiff_t)y * win->w * x_step, x_step,
                      to + (size_t)left * pixel);
    memset(to + (size_t)(left + n) * pixel, 0, (size_t)(reach - left - n) * pixel * sizeof *to);
}

static void forward(const cr_window *win, const cr_conv_pass *pass)
{
    ptrdiff_t x_step = cr_step_of(pass->x_step, win->c), y_step = cr_step_of(pass->y_step, win->k);
    const cr_real *x = pass->x;
    ptrdiff_t pixel = (ptrdiff_t)group_channels(win) * win->k;
    ptrdiff_t row = (ptrdiff_t)spread_row_size(win);
    cr_depthwise_pixels p = {.c = win->k,
                             .r1 = win->r,
                             .s1 = win->s * group_channels(win),
                             .s = win->s * group_channels(win),
                             .step = win->stride_w * pixel,
                             .row = win->dilation_h * row,
                             .column = win->k,
                             .weights = pass->weights,
                             .bias = pass->bias,
                             .add = pass->add,
                             .clamp = pass->clamp,
                             .y = pass->y,
                             .y_step = y_step};
    for (int b = 0; b < pass->n; b++, x += (ptrdiff_t)win->h * win->w * x_step)
        for (int i = 0; i < win->p; i++) {
            int at = i % STRIP, n_rows = win->p - i < STRIP ? win->p - i : STRIP;
            int spread = (n_rows - 1) * win->stride_h + (win->r - 1) * win->dilation_h + 1;
            for (int t = 0; at == 0 && t < spread; t++)
                spread_row(win, x, x_step, i * win->stride_h - win->pad_top + t,
                           pass->scratch + t * row);
            for (int j = 0; j < win->q; j += p.pixels) {
                p.pixels = j + CR_DEPTHWISE_PIXELS <= win->q ? CR_DEPTHWISE_PIXELS : 1;
                p.x = pass->scratch + at * win->stride_h * row + j * p.step;
                cr_loops()->depthwise(&p);
                p.y += p.pixels * y_step;
                p.add = p.add ? p.add + p.pixels * win->k : NULL;
            }
        }
}

static void backward(const cr_window *win, const cr_conv_back *back)
{
    const cr_real *dy = back->dy;
    cr_real *dx = back->dx;
    int cg = group_channels(win), kg = win->k / win->groups;
    for (int b = 0; b < back->n; b++, dx += (ptrdiff_t)win->h * win->w * win->c)
        for (int at = 0; at < win->p * win->q; at++, dy += win->k) {
            cr_inside in = cr_window_inside(win, at / win->q, at % win->q);
            for (int r = in.r0; r < in.r1; r++)
                for (int s = in.s0; s < in.s1; s++) {
                    cr_real *to =
                        dx + ((ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x + s) * win->c;
                    for (int c = 0; c < win->c; c++) {
                        int first = c / cg * kg;
                        const cr_real *weight =
                            back->weights + (ptrdiff_t)((r * win->s + s) * cg + c % cg) * win->k +
                            first;
                        cr_real sum = 0;
                        for (int k = 0; k < kg; k++)
                            sum += dy[first + k] * weight[k];
                        to[c] += sum;
                    }
                }
        }
}

const cr_way cr_way_grouped = {.name = "grouped",
                               .fits = fits,
                               .work = work,
                               .weights = n_weights,
                               .scratch = scratch,
                               .pack = pack,
                               .forward = forward,
                               .backward = backward};
