/* Convolution of few channels, such as those of an image: where a row of the window is short,
 * gathering it costs more than it saves. The input is copied once with its padding, and the rows of
 * the product are read from there, overlapping as they do. Weights are those of gather.h; the way
 * back is its as well. Letters as in kernels.h. */
#include "gather.h"
#include "packed.h"
#include "ways.h"

#include <string.h>

#define MOST_IN_A_ROW 64 /* S C: beyond, copying runs of that length costs little */
#define MOST_DEPTH 512   /* R S C: a panel of the weights is to stay in the first two caches */

static bool fits(const cr_window *win)
{
    return win->groups == 1 && win->dilation_w == 1 && win->r * win->s > 1 &&
           win->s * win->c <= MOST_IN_A_ROW && win->r * win->s * win->c <= MOST_DEPTH;
}

/* Extent of what all windows together reach. */
static int reach_h(const cr_window *win)
{
    return (win->p - 1) * win->stride_h + (win->r - 1) * win->dilation_h + 1;
}

static int reach_w(const cr_window *win)
{
    return (win->q - 1) * win->stride_w + win->s;
}

static size_t padded_size(const cr_window *win)
{
    return (size_t)reach_h(win) * (size_t)reach_w(win) * (size_t)win->c;
}

/* One image with its padding, less what no window reaches. */
static void pad(const cr_window *win, const cr_real *x, cr_real *padded)
{
    size_t row = (size_t)reach_w(win) * (size_t)win->c;
    size_t left = (size_t)win->pad_left * (size_t)win->c, width = (size_t)(win->w * win->c);
    left = left < row ? left : row;
    width = width < row - left ? width : row - left;
    for (int i = 0; i < reach_h(win); i++, padded += row) {
        int y = i - win->pad_top;
        if (y < 0 || y >= win->h) {
            memset(padded, 0, row * sizeof *padded);
            continue;
        }
        memset(padded, 0, left * sizeof *padded);
        memcpy(padded + left, x + (size_t)y * (size_t)(win->w * win->c), width * sizeof *padded);
        memset(padded + left + width, 0, (row - left - width) * sizeof *padded);
    }
}

static size_t scratch(const cr_window *win)
{
    size_t forth = padded_size(win), back = cr_gather_scratch(win);
    return forth > back ? forth : back;
}

static void forward(const cr_window *win, const cr_conv_pass *pass)
{
    const cr_real *x = pass->x, *add = pass->add;
    cr_real *y = pass->y;
    ptrdiff_t row = (ptrdiff_t)reach_w(win) * win->c, out_row = (ptrdiff_t)win->q * win->k;
    for (int b = 0; b < pass->n; b++, x += (ptrdiff_t)win->h * win->w * win->c) {
        pad(win, x, pass->scratch);
        for (int i = 0; i < win->p; i++, y += out_row, add = add ? add + out_row : NULL)
            cr_packed_multiply(&(cr_product){.m = win->q,
                                             .n = win->k,
                                             .d = win->r * win->s * win->c,
                                             .a = pass->scratch + i * win->stride_h * row,
                                             .lda = win->stride_w * win->c,
                                             .runs = win->r,
                                             .run_step = win->dilation_h * row,
                                             .b = pass->weights,
                                             .bias = pass->bias,
                                             .add = add,
                                             .add_step = win->k,
                                             .clamp = pass->clamp,
                                             .c = y,
                                             .ldc = win->k});
    }
}

const cr_way cr_way_direct = {.name = "direct",
                              .fits = fits,
                              .weights = cr_gather_weights,
                              .scratch = scratch,
                              .pack = cr_gather_pack,
                              .forward = forward,
                              .backward = cr_gather_conv_backward};
