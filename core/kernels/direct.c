/* Convolution of few channels, such as those of an image: where a row of the window is short,
 * gathering it costs more than it saves. The input is copied once with its padding, and the rows of
 * the product are read from there, overlapping as they do. Weights are those of gather.h; the way
 * back is its as well. Letters as in kernels.h. */
#include "gather.h"
#include "packed.h"
#include "ways.h"

#include <string.h>

static bool fits(const cr_window *win)
{
    return win->groups == 1 && win->dilation_w == 1 && win->r * win->s > 1;
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

/* n values of pixels of c channels. */
static void copy_pixels(cr_real *to, const cr_real *from, ptrdiff_t step, size_t c, size_t n)
{
    size_t run = step == (ptrdiff_t)c ? n : c;
    for (size_t done = 0; done < n; done += run, from += step)
        memcpy(to + done, from, run * sizeof *to);
}

/* One image with its padding, less what no window reaches. */
static void pad(const cr_window *win, const cr_real *x, ptrdiff_t x_step, cr_real *padded)
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
        copy_pixels(padded + left, x + y * win->w * x_step, x_step, (size_t)win->c, width);
        memset(padded + left + width, 0, (row - left - width) * sizeof *padded);
    }
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    cr_packed_work((double)win->p * win->q, win->q, win->r, win->k, win->r * win->s * win->c, work);
    work[CR_WORK_COPY] += (double)padded_size(win);
    work[CR_WORK_RUN] += reach_h(win);
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
    ptrdiff_t x_step = cr_step_of(pass->x_step, win->c), y_step = cr_step_of(pass->y_step, win->k);
    ptrdiff_t row = (ptrdiff_t)reach_w(win) * win->c, add_row = (ptrdiff_t)win->q * win->k;
    for (int b = 0; b < pass->n; b++, x += (ptrdiff_t)win->h * win->w * x_step) {
        pad(win, x, x_step, pass->scratch);
        for (int i = 0; i < win->p; i++, y += win->q * y_step, add = add ? add + add_row : NULL)
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
                                             .ldc = y_step});
    }
}

const cr_way cr_way_direct = {.name = "direct",
                              .by_rows = true,
                              .adds_in_place = true,
                              .fits = fits,
                              .work = work,
                              .weights = cr_gather_weights,
                              .scratch = scratch,
                              .pack = cr_gather_pack,
                              .forward = forward,
                              .backward = cr_gather_conv_backward};
