/* A step of a net in bfloat16. Operators compute in float32: what they read is converted before, and what they
 * write is rounded behind them. */
#include "relevance.h"

#include <string.h>

/* Scratch that is left. */
static cr_real *take(cr_real **left, size_t n)
{
    cr_real *taken = *left;
    *left += cr_whole_lines(n);
    return taken;
}

/* The place of image `first` of a value. */
static void *place(const cr_net *net, size_t at, bool half, size_t elements)
{
    if (at == CR_NOWHERE)
        return NULL;
    return half ? (void *)((cr_bfloat16 *)(void *)net->arena + at + elements)
                : (void *)(net->arena + at + elements);
}

/* n images of input j as float32: *step becomes that of what is read. */
static const cr_real *read_x(const cr_net *net, const cr_step *step, int j, int first, size_t n,
                             cr_real **left, ptrdiff_t *x_step)
{
    const void *x = place(net, step->x[j], step->x_half[j], (size_t)first * step->x_stride[j]);
    *x_step = step->x_step[j];
    if (!x || !step->x_half[j])
        return x;
    const size_t size = step->x_size[j], row = step->x_row[j];
    cr_real *reals = take(left, n * size);
    cr_bfloat16_load(n * size / row, row, x, *x_step, reals, 0);
    *x_step = 0;
    return reals;
}

void cr_bfloat16_forward(const cr_net *net, const cr_step *step, int first, int n)
{
    const cr_real *x[CR_MAX_ACTIVATIONS];
    ptrdiff_t x_step[CR_MAX_ACTIVATIONS];
    const size_t images = (size_t)n, row = step->y_row, rows = images * step->y_size / row;
    cr_real *scratch = cr_net_at(net, step->scratch), *left = scratch + step->converts;
    if (step->in_place)
        return;
    for (int j = 0; j < step->node.n_x; j++)
        x[j] = read_x(net, step, j, first, images, &left, &x_step[j]);
    void *y = place(net, step->y, step->y_half, (size_t)first * step->y_stride);
    cr_run run = {.node = &step->node,
                  .n = n,
                  .m = 1,
                  .adds = step->adds,
                  .rows = net->rows + first,
                  .x = x,
                  .x_step = x_step,
                  .y = step->y_half ? take(&left, images * step->y_size) : y,
                  .y_step = step->y_half ? 0 : step->y_step,
                  .weights = step->weights,
                  .scratch = scratch};
    step->node.op->forward(&run);
    if (cr_clamps(step->node.clamp) && !(step->node.flags & CR_OP_CLAMPS))
        cr_clamp_forward(step->node.clamp, images * step->y_size, run.y, run.y);
    if (step->y_half)
        cr_bfloat16_store(rows, row, run.y, 0, y, step->y_step);
    else if (!step->y_exact)
        cr_bfloat16_round(rows, row, run.y, run.y_step);
}

/* The gradient of input j, of which nothing has been written in this step, in float32 to be added to. */
static cr_real *begin_dx(const cr_net *net, const cr_step *step, int j, size_t n, cr_real **left)
{
    void *dx = place(net, step->dx[j], step->dx_half[j], 0);
    cr_real *reals = !dx ? NULL : step->dx_half[j] ? take(left, n) : dx;
    if (dx && step->dx_first[j])
        memset(reals, 0, n * sizeof *reals);
    else if (dx && step->dx_half[j])
        cr_bfloat16_load(1, n, dx, 0, reals, 0);
    return reals;
}

static void end_dx(const cr_net *net, const cr_step *step, int j, size_t n, cr_real *reals)
{
    if (step->dx_half[j])
        cr_bfloat16_store(1, n, reals, 0, place(net, step->dx[j], true, 0), 0);
    else
        cr_bfloat16_round(1, n, reals, 0);
}

/* The input before j with the same gradient; j where there is none. */
static int same_dx(const cr_step *step, int j)
{
    int k = 0;
    while (step->dx[k] != step->dx[j])
        k++;
    return k;
}

void cr_bfloat16_backward(const cr_net *net, const cr_step *step, cr_rule rule, int first, int n,
                          int m)
{
    const cr_real *x[CR_MAX_ACTIVATIONS];
    cr_real *dx[CR_MAX_ACTIVATIONS];
    ptrdiff_t x_step[CR_MAX_ACTIVATIONS];
    const int n_x = step->node.n_x;
    const size_t images = (size_t)n, rows = images * (size_t)m, size = rows * step->y_size;
    cr_real *scratch = cr_net_at(net, step->scratch_back), *left = scratch + step->converts;
    const void *y = place(net, step->y, step->y_half, (size_t)first * step->y_stride);
    const void *dy = place(net, step->dy, step->dy_half, 0);
    cr_run run = {.node = &step->node,
                  .n = n,
                  .m = m,
                  .adds = step->adds,
                  .x = x,
                  .x_step = x_step,
                  .y = step->y_half ? take(&left, images * step->y_size) : (void *)(size_t)y,
                  .y_step = step->y_half ? 0 : step->y_step,
                  .dy = take(&left, size),
                  .dx = dx,
                  .weights = step->weights,
                  .weights_back = step->weights_back,
                  .scratch = scratch};
    if (step->y_half)
        cr_bfloat16_load(images * step->y_size / step->y_row, step->y_row, y, step->y_step, run.y,
                         0);
    if (step->dy_half)
        cr_bfloat16_load(1, size, dy, 0, run.dy, 0);
    else
        memcpy(run.dy, dy, size * sizeof *run.dy);
    cr_step_mask(step, rule, n, m, run.y, run.y_step, run.dy);
    cr_step_show_bias(net, step, &run);
    for (int j = 0; j < n_x; j++) {
        x[j] = read_x(net, step, j, first, images, &left, &x_step[j]);
        dx[j] = same_dx(step, j) < j ? dx[same_dx(step, j)]
                                     : begin_dx(net, step, j, rows * step->x_size[j], &left);
    }
    cr_real *added = step->adds ? dx[n_x - 1] : NULL;
    for (size_t i = 0; added && i < size; i++)
        added[i] += run.dy[i];
    step->node.op->backward(&run);
    for (int j = 0; j < n_x; j++)
        if (dx[j] && same_dx(step, j) == j)
            end_dx(net, step, j, rows * step->x_size[j], dx[j]);
}
