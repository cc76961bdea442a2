/* Depthwise convolution. Letters as in kernels.h; packed weights [R][S][C]. */
#include "camrank/multiversion.h"
#include "isa.h"
#include "ways.h"
#include "window.h"

static bool fits(const cr_window *win)
{
    return win->groups > 1 && win->groups == win->c && win->groups == win->k;
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    work[CR_WORK_LANES] += (double)win->p * win->q * win->r * win->s * win->c;
}

static size_t no_scratch(const cr_window *win)
{
    (void)win;
    return 0;
}

static size_t n_weights(const cr_window *win)
{
    return (size_t)win->r * (size_t)win->s * (size_t)win->c;
}

static void pack(const cr_window *win, cr_weight_fn weight, const void *context, cr_real *packed)
{
    for (int t = 0; t < win->r * win->s; t++)
        for (int k = 0; k < win->k; k++)
            *packed++ = weight(context, k, 0, t);
}

static void forward(const cr_window *win, const cr_conv_pass *pass)
{
    cr_row p = cr_window_row(win, pass);
    const cr_real *x = pass->x;
    for (int b = 0; b < pass->n; b++, x += (ptrdiff_t)win->h * win->w * p.column)
        for (int i = 0; i < win->p; i++, p.y += win->q * p.y_step) {
            cr_inside in = cr_window_inside(win, i, 0);
            p.r0 = in.r0, p.r1 = in.r1;
            p.x = x + ((ptrdiff_t)in.y * win->w + in.x) * p.column;
            cr_loops()->depthwise(&p);
            p.add = p.add ? p.add + win->q * p.add_step : NULL;
        }
}

CR_MULTIVERSION
static void add_back(const cr_window *win, int n, const cr_real *restrict dy,
                     const cr_real *restrict weights, cr_real *restrict dx)
{
    int c_n = win->c;
    size_t image_size = (size_t)win->h * (size_t)win->w * (size_t)c_n;
    for (int b = 0; b < n; b++)
        for (int i = 0; i < win->p; i++)
            for (int j = 0; j < win->q; j++, dy += c_n) {
                cr_inside in = cr_window_inside(win, i, j);
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

static void backward(const cr_window *win, const cr_conv_back *back)
{
    add_back(win, back->n, back->dy, back->weights, back->dx);
}

const cr_way cr_way_depthwise = {.name = "depthwise",
                                 .by_rows = true,
                                 .fits = fits,
                                 .work = work,
                                 .weights = n_weights,
                                 .scratch = no_scratch,
                                 .pack = pack,
                                 .forward = forward,
                                 .backward = backward};
