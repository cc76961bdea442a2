/* A step of a net in bfloat16. Operators that are not native compute in float32: what they read is converted before,
 * and what they write is rounded behind them. */
#include "relevance.h"

#include <string.h>

/* Scratch that is left. */
static cr_real *take(cr_real **left, size_t n)
{
    cr_real *taken = *left;
    *left += cr_whole_lines(n);
    return taken;
}

static cr_bfloat16 *take_pairs(cr_real **left, size_t n)
{
    return (void *)take(left, (n * sizeof(cr_bfloat16) + sizeof(cr_real) - 1) / sizeof(cr_real));
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

/* The same as bfloat16, of a native step. */
static const cr_bfloat16 *read_pairs(const cr_net *net, const cr_step *step, int j, int first,
                                     size_t n, cr_real **left, ptrdiff_t *x_step)
{
    const void *x = place(net, step->x[j], step->x_half[j], (size_t)first * step->x_stride[j]);
    *x_step = step->x_step[j];
    if (step->x_half[j])
        return x;
    const size_t size = step->x_size[j], row = step->x_row[j];
    cr_bfloat16 *pairs = take_pairs(left, n * size);
    cr_bfloat16_store(n * size / row, row, x, *x_step, pairs, 0);
    *x_step = 0;
    return pairs;
}

static void native_forward(const cr_net *net, const cr_step *step, int first, int n)
{
    const cr_native *native = &step->native;
    const size_t images = (size_t)n, row = step->y_row;
    cr_real *scratch = cr_net_at(net, step->scratch), *left = scratch + step->converts;
    void *y = place(net, step->y, step->y_half, (size_t)first * step->y_stride);
    const bool passes = !step->y_half && !step->y_exact; /* is rounded, and stored as float32 */
    cr_bfloat16 *rounded = passes ? take_pairs(&left, images * step->y_size) : y;
    ptrdiff_t none;
    cr_pairs_pass pass = {.n = n * native->n,
                          .weights = native->weights,
                          .bias = native->bias,
                          .clamp = step->node.clamp,
                          .y = rounded,
                          .reals = step->y_half || passes ? NULL : y,
                          .y_step = passes ? 0 : step->y_step,
                          .scratch = (cr_bfloat16 *)(void *)scratch};
    pass.x = read_pairs(net, step, 0, first, images, &left, &pass.x_step);
    pass.add = step->adds ? read_pairs(net, step, 1, first, images, &left, &none) : NULL;
    cr_pairs_convolve(&native->forth, &pass);
    if (passes)
        cr_bfloat16_load(images * step->y_size / row, row, rounded, 0, y, step->y_step);
}

/* Runs forward what of the output is n elements at y, by `forward`, or else by pieces that begin at row `first`. */
static void compute(const cr_step *step, cr_run *run, int first, int n_rows, size_t n, void *y,
                    cr_real *left)
{
    const size_t row = step->y_row < n ? step->y_row : n;
    run->y = step->y_half ? take(&left, n) : y;
    run->y_step = step->y_half ? 0 : step->y_step;
    if (n_rows > 0)
        step->node.op->forward_rows(run, first, n_rows);
    else
        step->node.op->forward(run);
    if (cr_clamps(step->node.clamp) && !(step->node.flags & CR_OP_CLAMPS))
        cr_clamp_forward(step->node.clamp, n, run->y, run->y);
    if (step->y_half)
        cr_bfloat16_store(n / row, row, run->y, 0, y, step->y_step);
    else if (!step->y_exact)
        cr_bfloat16_round(n / row, row, run->y, run->y_step);
}

/* The place of an element of image `first` of a value, the n-th from its first one on. */
static void *place_in(const cr_net *net, size_t at, bool half, size_t first, size_t n, size_t row,
                      ptrdiff_t step)
{
    return place(net, at, half, first + (step ? n / row * (size_t)step : n));
}

/* What a piece needs of input j of image i of those from `first` on: n of its `rows` rows, as read_x has it. */
static const cr_real *read_rows(const cr_net *net, const cr_step *step, int j, size_t first,
                                size_t i, int rows, int from, int n, cr_real **left,
                                ptrdiff_t *x_step)
{
    const size_t size = step->x_size[j] / (size_t)rows, all = size * (size_t)n;
    const size_t row = step->x_row[j] < all ? step->x_row[j] : all;
    const void *x =
        place_in(net, step->x[j], step->x_half[j], first * step->x_stride[j],
                 i * step->x_size[j] + size * (size_t)from, step->x_row[j], step->x_step[j]);
    *x_step = step->x_step[j];
    if (!step->x_half[j])
        return x;
    cr_real *reals = take(left, all);
    if (all > 0)
        cr_bfloat16_load(all / row, row, x, *x_step, reals, 0);
    *x_step = 0;
    return reals;
}

/* Image i of those from image `first` on. */
static void forward_in_pieces(const cr_net *net, const cr_step *step, size_t first, size_t i)
{
    const cr_real *x[CR_MAX_ACTIVATIONS];
    ptrdiff_t x_step[CR_MAX_ACTIVATIONS];
    const int rows = step->pieces.rows, n_own = step->node.n_x - step->adds;
    const size_t size = step->y_size / (size_t)rows;
    cr_run run = {.node = &step->node,
                  .n = 1,
                  .m = 1,
                  .adds = step->adds,
                  .x = x,
                  .x_step = x_step,
                  .weights = step->weights,
                  .scratch = cr_net_at(net, step->scratch)};
    for (int at = 0, n; at < rows; at += n) {
        n = rows - at < step->pieces.at_once ? rows - at : step->pieces.at_once;
        cr_real *left = run.scratch + step->converts;
        const cr_cut cut = step->node.op->cut(&step->node, at, n);
        for (int j = 0; j < n_own; j++)
            x[j] = read_rows(net, step, j, first, i, cut.x_rows[j], cut.first[j], cut.n[j], &left,
                             &x_step[j]);
        if (step->adds)
            x[n_own] = read_rows(net, step, n_own, first, i, rows, at, n, &left, &x_step[n_own]);
        void *y = place_in(net, step->y, step->y_half, first * step->y_stride,
                           i * step->y_size + (size_t)at * size, step->y_row, step->y_step);
        compute(step, &run, at, n, (size_t)n * size, y, left);
    }
}

void cr_bfloat16_forward(const cr_net *net, const cr_step *step, int first, int n)
{
    const cr_real *x[CR_MAX_ACTIVATIONS];
    ptrdiff_t x_step[CR_MAX_ACTIVATIONS];
    const size_t images = (size_t)n;
    cr_real *scratch = cr_net_at(net, step->scratch), *left = scratch + step->converts;
    if (step->native.runs) {
        native_forward(net, step, first, n);
        return;
    }
    for (size_t i = 0; step->pieces.rows && i < images; i++)
        forward_in_pieces(net, step, (size_t)first, i);
    if (step->in_place || step->pieces.rows)
        return;
    for (int j = 0; j < step->node.n_x; j++)
        x[j] = read_x(net, step, j, first, images, &left, &x_step[j]);
    cr_run run = {.node = &step->node,
                  .n = n,
                  .m = 1,
                  .adds = step->adds,
                  .rows = net->rows + first,
                  .x = x,
                  .x_step = x_step,
                  .weights = step->weights,
                  .scratch = scratch};
    void *y = place(net, step->y, step->y_half, (size_t)first * step->y_stride);
    compute(step, &run, 0, 0, images * step->y_size, y, left);
}

/* The gradient of input j in float32, to be added to; 0 where it begins. */
static cr_real *begin_dx(const cr_net *net, const cr_step *step, int j, bool begins, size_t n,
                         cr_real **left)
{
    void *dx = place(net, step->dx[j], step->dx_half[j], 0);
    cr_real *reals = !dx ? NULL : step->dx_half[j] ? take(left, n) : dx;
    if (dx && begins)
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

/* Whether nothing has been added to the gradient of input j before the operator's backward: what a step adds has
 * come by then. */
static bool begins(const cr_step *step, int j)
{
    const int added = step->node.n_x - 1;
    return step->dx_first[j] && !(step->adds && step->dx[added] == step->dx[j]);
}

/* Adds dy to the gradient of input j, which is what the step adds. */
static void add_to_dx(const cr_net *net, const cr_step *step, int j, const cr_real *dy, size_t rows,
                      cr_real *left)
{
    const size_t n = rows * step->x_size[j];
    cr_real *dx = begin_dx(net, step, j, step->dx_first[j], n, &left);
    for (size_t i = 0; dx && i < n; i++)
        dx[i] += dy[i];
    if (dx)
        end_dx(net, step, j, n, dx);
}

/* Adds to the gradient of a native step's input; dy is masked. */
static void native_backward(const cr_net *net, const cr_step *step, const cr_run *run, bool begins,
                            cr_real **left)
{
    const cr_native *native = &step->native;
    const size_t rows = (size_t)run->n * (size_t)run->m, size = rows * step->x_size[0];
    void *dx = place(net, step->dx[0], step->dx_half[0], 0);
    if (!dx)
        return;
    cr_bfloat16 *dy = take_pairs(left, rows * step->y_size);
    cr_bfloat16 *sum = step->dx_half[0] ? dx : take_pairs(left, size);
    cr_bfloat16_store(1, rows * step->y_size, run->dy, 0, dy, 0);
    if (!begins && !step->dx_half[0])
        cr_bfloat16_store(1, size, dx, 0, sum, 0);
    cr_pairs_convolve(&native->back, &(cr_pairs_pass){.n = (int)rows * native->n,
                                                      .x = dy,
                                                      .weights = native->weights_back,
                                                      .add = begins ? NULL : sum,
                                                      .clamp = CR_NO_CLAMP,
                                                      .y = sum,
                                                      .scratch = (void *)run->scratch});
    if (!step->dx_half[0])
        cr_bfloat16_load(1, size, sum, 0, dx, 0);
}

void cr_bfloat16_backward(const cr_net *net, const cr_step *step, cr_rule rule, int first, int n,
                          int m)
{
    const cr_real *x[CR_MAX_ACTIVATIONS];
    cr_real *dx[CR_MAX_ACTIVATIONS];
    ptrdiff_t x_step[CR_MAX_ACTIVATIONS];
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
    const int n_own = step->node.n_x - step->adds;
    if (step->adds)
        dx[n_own] = NULL;
    if (step->adds)
        add_to_dx(net, step, n_own, run.dy, rows, left);
    if (step->native.runs) {
        native_backward(net, step, &run, begins(step, 0), &left);
        return;
    }
    for (int j = 0; j < n_own; j++) {
        x[j] = read_x(net, step, j, first, images, &left, &x_step[j]);
        dx[j] = same_dx(step, j) < j
                    ? dx[same_dx(step, j)]
                    : begin_dx(net, step, j, begins(step, j), rows * step->x_size[j], &left);
    }
    step->node.op->backward(&run);
    for (int j = 0; j < n_own; j++)
        if (dx[j] && same_dx(step, j) == j)
            end_dx(net, step, j, rows * step->x_size[j], dx[j]);
}
