/* Convolution in groups of few channels, where a product for each would fill no vector. Letters as in
 * kernels.h.
 *
 * Outputs are computed in blocks of CR_BLOCK, each of them from the inputs of its group. Where the
 * outputs of a group fill no block, groups are joined: C is then the inputs of a joined group, and the
 * weights from another group's inputs are 0. Weights are packed [K / CR_BLOCK][R][S / n][C][n]
 * [CR_BLOCK], n being the columns of the window that share what is read of the input. */
#include "isa.h"
#include "ways.h"
#include "window.h"

#define MOST_JOINED 4 /* groups: three in four weights are then 0 */

static int joined_groups(const cr_window *win)
{
    int joined = 1;
    while (joined < CR_BLOCK && joined * (win->k / win->groups) % CR_BLOCK)
        joined *= 2;
    return joined;
}

static int joined_channels(const cr_window *win)
{
    return joined_groups(win) * (win->c / win->groups);
}

static bool fits(const cr_window *win)
{
    int joined = joined_groups(win);
    bool depthwise = win->groups == win->c && win->groups == win->k;
    return win->groups > 1 && !depthwise && win->groups % joined == 0 && joined <= MOST_JOINED &&
           joined_channels(win) <= CR_BLOCK_INPUTS;
}

static size_t no_scratch(const cr_window *win)
{
    (void)win;
    return 0;
}

static size_t n_weights(const cr_window *win)
{
    return (size_t)(win->r * win->s * joined_channels(win)) * (size_t)win->k;
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    work[CR_WORK_BLOCKS] += (double)win->p * win->q * (double)n_weights(win);
}

/* Columns of the window that go over the input together. */
static int columns_at_once(const cr_window *win)
{
    return win->s == 3 && win->dilation_w == 1 && win->stride_w <= 2 ? 3 : 1;
}

/* Place of the weights of block b from channel c of its joined group at window position (r, s). */
static size_t place(const cr_window *win, int b, int r, int s, int c)
{
    int n = columns_at_once(win);
    size_t at = (size_t)((b * win->r + r) * (win->s / n) + s / n);
    at = at * (size_t)joined_channels(win) + (size_t)c;
    return (at * (size_t)n + (size_t)(s % n)) * CR_BLOCK;
}

static void pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    int cg = win->c / win->groups, kg = win->k / win->groups, joined = joined_groups(win);
    for (int k = 0; k < win->k; k++)
        for (int t = 0; t < win->r * win->s; t++)
            for (int c = 0; c < joined * cg; c++) {
                size_t at = place(win, k / CR_BLOCK, t / win->s, t % win->s, c);
                bool own = c / cg == k / kg % joined;
                packed[at + (size_t)(k % CR_BLOCK)] = own ? weight(context, k, c % cg, t) : 0;
            }
}

/* The first of the input channels that block b has. */
static int first_channel(const cr_window *win, int b)
{
    int joined_outputs = joined_groups(win) * (win->k / win->groups);
    return b * CR_BLOCK / joined_outputs * joined_channels(win);
}

static void forward(const cr_window *win, const cr_conv_pass *pass)
{
    cr_row p = cr_window_row(win, pass);
    const cr_real *x = pass->x, *add = pass->add;
    cr_real *y = pass->y;
    p.c = joined_channels(win);
    p.at_once = columns_at_once(win);
    for (int image = 0; image < pass->n; image++, x += (ptrdiff_t)win->h * win->w * p.column)
        for (int i = 0; i < win->p; i++, y += win->q * p.y_step) {
            cr_inside in = cr_window_inside(win, i, 0);
            p.r0 = in.r0, p.r1 = in.r1;
            for (int b = 0; b < win->k / CR_BLOCK; b++) {
                p.x = x + ((ptrdiff_t)in.y * win->w + in.x) * p.column + first_channel(win, b);
                p.weights = pass->weights + place(win, b, 0, 0, 0);
                p.bias = pass->bias + b * CR_BLOCK;
                p.add = add ? add + b * CR_BLOCK : NULL;
                p.y = y + b * CR_BLOCK;
                cr_loops()->grouped(&p);
            }
            add = add ? add + win->q * p.add_step : NULL;
        }
}

static void backward(const cr_window *win, const cr_conv_back *back)
{
    const cr_real *dy = back->dy;
    cr_real *dx = back->dx;
    for (int image = 0; image < back->n; image++, dx += (ptrdiff_t)win->h * win->w * win->c)
        for (int at = 0; at < win->p * win->q; at++, dy += win->k) {
            cr_inside in = cr_window_inside(win, at / win->q, at % win->q);
            for (int t = in.r0 * win->s; t < in.r1 * win->s; t++) {
                int r = t / win->s, s = t % win->s;
                if (s < in.s0 || s >= in.s1)
                    continue;
                ptrdiff_t pixel =
                    (ptrdiff_t)(in.y + r * win->dilation_h) * win->w + in.x + s * win->dilation_w;
                for (int b = 0; b < win->k / CR_BLOCK; b++) {
                    cr_real *to = dx + pixel * win->c + first_channel(win, b);
                    for (int c = 0; c < joined_channels(win); c++) {
                        const cr_real *weights = back->weights + place(win, b, r, s, c);
                        cr_real sum = 0;
                        for (int k = 0; k < CR_BLOCK; k++)
                            sum += dy[b * CR_BLOCK + k] * weights[k];
                        to[c] += sum;
                    }
                }
            }
        }
}

const cr_way cr_way_grouped = {.name = "grouped",
                               .by_rows = true,
                               .adds_in_place = true,
                               .fits = fits,
                               .work = work,
                               .weights = n_weights,
                               .scratch = no_scratch,
                               .pack = pack,
                               .forward = forward,
                               .backward = backward};
