/* Convolution of one pixel with nothing around it: the input itself is the matrix of the product, and
 * so is the gradient's. Weights are those of gather.h. Letters as in kernels.h. */
#include "gather.h"
#include "packed.h"
#include "ways.h"

static bool fits(const cr_window *win)
{
    return win->groups == 1 && win->r == 1 && win->s == 1 && win->stride_h == 1 &&
           win->stride_w == 1 && win->pad_top == 0 && win->pad_left == 0 && win->p == win->h &&
           win->q == win->w;
}

static void work(const cr_window *win, double work[CR_N_WORKS])
{
    cr_packed_work((double)win->p * win->q, (int)cr_gather_block(win), 1, win->k, win->c, work);
}

static size_t no_scratch(const cr_window *win)
{
    (void)win;
    return 0;
}

static void forward(const cr_window *win, const cr_conv_pass *pass)
{
    size_t rows = (size_t)pass->n * (size_t)win->p * (size_t)win->q, block = cr_gather_block(win);
    ptrdiff_t x_step = cr_step_of(pass->x_step, win->c), y_step = cr_step_of(pass->y_step, win->k);
    for (size_t first = 0; first < rows; first += block) {
        cr_packed_multiply(
            &(cr_product){.m = (int)(rows - first < block ? rows - first : block),
                          .n = win->k,
                          .d = win->c,
                          .a = pass->x + (ptrdiff_t)first * x_step,
                          .lda = x_step,
                          .b = pass->weights,
                          .bias = pass->bias,
                          .add = pass->add ? pass->add + first * (size_t)win->k : NULL,
                          .add_step = win->k,
                          .clamp = pass->clamp,
                          .c = pass->y + (ptrdiff_t)first * y_step,
                          .ldc = y_step});
    }
}

static void backward(const cr_window *win, const cr_conv_back *back)
{
    size_t rows = (size_t)back->n * (size_t)win->p * (size_t)win->q, block = cr_gather_block(win);
    for (size_t first = 0; first < rows; first += block)
        cr_packed_multiply_transposed((int)(rows - first < block ? rows - first : block), win->k,
                                      win->c, back->dy + first * (size_t)win->k, win->k,
                                      back->weights, 1, back->dx + first * (size_t)win->c, win->c);
}

const cr_way cr_way_pointwise = {.name = "pointwise",
                                 .adds_in_place = true,
                                 .fits = fits,
                                 .work = work,
                                 .weights = cr_gather_weights,
                                 .scratch = no_scratch,
                                 .pack = cr_gather_pack,
                                 .forward = forward,
                                 .backward = backward};
