/* Softmax, its logarithm and Hardmax over the dimensions that lie last in memory. */
#include "graph.h"

#include <math.h>

typedef struct softmax {
    size_t rows; /* of one image: H W of a map */
    int c;
} softmax;

/* The axis, or up to operator set 12 all from it on, come to lie last in memory. */
static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    softmax *p;
    int64_t given;
    int axis, order[CR_MAX_DIMS] = {0}, n = 0, c = 1;
    const bool flattens = graph->opset < 13;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", flattens ? 1 : -1, &given, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &axis, err));
    for (int i = 0; i < in->shape.n_dims; i++)
        if (flattens ? in->order[i] < axis : in->order[i] != axis)
            order[n++] = in->order[i];
    for (int d = axis; d < (flattens ? in->shape.n_dims : axis + 1); d++) {
        order[n++] = d;
        c *= in->shape.dims[d];
    }
    if (!cr_same_memory(&in->shape, in->order, order))
        CR_OR_RETURN(cr_node_arrange(graph, node, 0, order, err));
    in = &graph->values[node->inputs[0]];
    if (c == 0)
        return cr_fail(err, CR_EINPUT, "it is of nothing");
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->c = c;
    p->rows = cr_shape_size(&in->shape) / (size_t)c;
    node->flops = 3.0 * (double)cr_shape_size(&in->shape);
    return cr_node_set_like(graph, node, in, err);
}

static void forward(const cr_run *run)
{
    const softmax *p = run->node->params;
    cr_softmax_forward((size_t)run->n * p->rows, p->c, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    const softmax *p = run->node->params;
    cr_softmax_backward(run->n, run->m, p->rows, p->c, run->y, run->dy, run->dx[0]);
}

static void tangent(const cr_run *run)
{
    const softmax *p = run->node->params;
    cr_softmax_tangent((size_t)run->n * p->rows, p->c, run->y, run->tx[0], run->ty);
}

static void curve(const cr_run *run)
{
    const softmax *p = run->node->params;
    cr_softmax_curve(run->m, p->rows, p->c, run->y, run->ty, run->dy, run->dx[0]);
}

static void log_forward(const cr_run *run)
{
    const softmax *p = run->node->params;
    const cr_real *x = run->x[0];
    cr_real *y = run->y;
    for (size_t row = 0; row < (size_t)run->n * p->rows; row++, x += p->c, y += p->c) {
        double largest = (double)x[0], sum = 0;
        for (int c = 1; c < p->c; c++)
            largest = fmax(largest, (double)x[c]);
        for (int c = 0; c < p->c; c++)
            sum += exp((double)x[c] - largest);
        for (int c = 0; c < p->c; c++)
            y[c] = (cr_real)((double)x[c] - largest - log(sum));
    }
}

static void log_backward(const cr_run *run)
{
    const softmax *p = run->node->params;
    const cr_real *dy = run->dy;
    cr_real *dx = run->dx[0];
    for (int i = 0; i < run->n; i++)
        for (size_t row = 0; row < (size_t)run->m * p->rows; row++, dy += p->c, dx += p->c) {
            const cr_real *y = run->y + ((size_t)i * p->rows + row % p->rows) * (size_t)p->c;
            double sum = 0;
            for (int c = 0; c < p->c; c++)
                sum += (double)dy[c];
            for (int c = 0; c < p->c; c++)
                dx[c] += (cr_real)((double)dy[c] - exp((double)y[c]) * sum);
        }
}

static void log_tangent(const cr_run *run)
{
    const softmax *p = run->node->params;
    const cr_real *y = run->y, *tx = run->tx[0];
    cr_real *ty = run->ty;
    for (size_t row = 0; row < (size_t)run->n * p->rows; row++, y += p->c, tx += p->c, ty += p->c) {
        double mean = 0;
        for (int c = 0; c < p->c; c++)
            mean += exp((double)y[c]) * (double)tx[c];
        for (int c = 0; c < p->c; c++)
            ty[c] = (cr_real)((double)tx[c] - mean);
    }
}

static void log_curve(const cr_run *run)
{
    const softmax *p = run->node->params;
    const cr_real *dy = run->dy;
    cr_real *dx = run->dx[0];
    for (size_t row = 0; row < (size_t)run->m * p->rows; row++, dy += p->c, dx += p->c) {
        const size_t at = row % p->rows * (size_t)p->c;
        double sum = 0;
        for (int c = 0; c < p->c; c++)
            sum += (double)dy[c];
        for (int c = 0; c < p->c; c++)
            dx[c] -= (cr_real)(exp((double)run->y[at + (size_t)c]) *
                               (double)run->ty[at + (size_t)c] * sum);
    }
}

/* 1 where the largest is first, else 0. */
static void hard_forward(const cr_run *run)
{
    const softmax *p = run->node->params;
    const cr_real *x = run->x[0];
    cr_real *y = run->y;
    for (size_t row = 0; row < (size_t)run->n * p->rows; row++, x += p->c, y += p->c) {
        int best = 0;
        for (int c = 1; c < p->c; c++)
            best = x[c] > x[best] ? c : best;
        for (int c = 0; c < p->c; c++)
            y[c] = c == best;
    }
}

static void hard_backward(const cr_run *run)
{
    (void)run;
}

static void hard_tangent(const cr_run *run)
{
    const softmax *p = run->node->params;
    memset(run->ty, 0, (size_t)run->n * p->rows * (size_t)p->c * sizeof *run->ty);
}

const cr_op cr_op_hardmax = {.type = "Hardmax",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .flags = CR_OP_ANY_ORDER,
                             .load = load,
                             .forward = hard_forward,
                             .backward = hard_backward,
                             .tangent = hard_tangent};

const cr_op cr_op_log_softmax = {.type = "LogSoftmax",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .flags = CR_OP_NEEDS_Y | CR_OP_ANY_ORDER,
                                 .load = load,
                                 .forward = log_forward,
                                 .backward = log_backward,
                                 .tangent = log_tangent,
                                 .curve = log_curve};

const cr_op cr_op_softmax = {.type = "Softmax",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .flags = CR_OP_NEEDS_Y | CR_OP_ANY_ORDER,
                             .load = load,
                             .forward = forward,
                             .backward = backward,
                             .tangent = tangent,
                             .curve = curve};
