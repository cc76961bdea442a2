/* MaxPool, AveragePool, and the global poolings, to which a mean over H and W belongs. */
#include "graph.h"

#include <string.h>

static cr_status load_window(cr_graph *graph, cr_node *node, cr_avgpool *p, cr_error *err)
{
    const cr_shape *in;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_OR_RETURN(
        cr_window_load(graph, node, in, true, &p->win, &p->pad_bottom, &p->pad_right, err));
    p->win.k = p->win.c;
    p->win.groups = 1;
    node->flops = (double)p->win.p * p->win.q * p->win.c * p->win.r * p->win.s;
    return cr_node_set_shape(graph, node, &(cr_shape){4, {1, p->win.c, p->win.p, p->win.q}}, err);
}

static cr_status load_max(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_avgpool *p;
    if (cr_node_has_dims(graph, node, 0, 3))
        return cr_widen_load(graph, node, err);
    if (cr_node_has_dims(graph, node, 0, 5))
        return cr_flatten_load(graph, node, err);
    cr_status status = cr_node_params(graph, node, sizeof *p, (void **)&p, err);
    return status == CR_OK ? load_window(graph, node, p, err) : status;
}

static cr_status load_average(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_avgpool *p;
    int64_t count;
    if (cr_node_has_dims(graph, node, 0, 3))
        return cr_widen_load(graph, node, err);
    if (cr_node_has_dims(graph, node, 0, 5))
        return cr_flatten_load(graph, node, err);
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_attribute_int(node, "count_include_pad", 0, &count, err));
    p->count_padding = count != 0;
    return load_window(graph, node, p, err);
}

static void max_forward(const cr_run *run)
{
    const cr_avgpool *p = run->node->params;
    cr_maxpool_forward(&p->win, run->n, run->x[0], run->x_step[0], run->y, run->y_step);
}

static void max_rows(const cr_run *run, int first, int n)
{
    const cr_avgpool *p = run->node->params;
    const cr_window win = cr_window_rows(&p->win, first, n, &(int){0});
    cr_maxpool_forward(&win, run->n, run->x[0], run->x_step[0], run->y, run->y_step);
}

static cr_cut cut(const cr_node *node, int first, int n)
{
    return cr_cut_window(&((const cr_avgpool *)node->params)->win, first, n);
}

static void max_backward(const cr_run *run)
{
    const cr_avgpool *p = run->node->params;
    cr_maxpool_backward(&p->win, run->n, run->m, run->x[0], run->x_step[0], run->dy, run->dx[0]);
}

static void max_tangent(const cr_run *run)
{
    const cr_avgpool *p = run->node->params;
    cr_maxpool_tangent(&p->win, run->n, run->x[0], run->x_step[0], run->tx[0], run->ty);
}

static void average_forward(const cr_run *run)
{
    const cr_avgpool *p = run->node->params;
    cr_avgpool_forward(p, run->n, run->x[0], run->x_step[0], run->y, run->y_step);
}

static void average_rows(const cr_run *run, int first, int n)
{
    int x_first;
    cr_avgpool p = *(const cr_avgpool *)run->node->params;
    const int bottom = p.win.h + p.pad_bottom;
    p.win = cr_window_rows(&p.win, first, n, &x_first);
    p.pad_bottom = bottom - x_first - p.win.h;
    cr_avgpool_forward(&p, run->n, run->x[0], run->x_step[0], run->y, run->y_step);
}

static void average_backward(const cr_run *run)
{
    cr_avgpool_backward(run->node->params, run->n * run->m, run->dy, run->dx[0]);
}

typedef struct global {
    int hw, c;
} global;

static cr_status load_global_to(cr_graph *graph, cr_node *node, bool keep_dims, cr_error *err)
{
    const cr_shape *in;
    global *p;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->hw = cr_shape_h(in) * cr_shape_w(in);
    p->c = cr_shape_c(in);
    node->flops = (double)p->hw * p->c;
    cr_shape out = {keep_dims ? 4 : 2, {1, p->c, 1, 1}};
    return cr_node_set_shape(graph, node, &out, err);
}

/* Over all dimensions behind the channels; of other than maps as a reduction. */
static cr_status load_global(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t axes[CR_MAX_DIMS];
    int n = 0, ids[2] = {node->inputs[0], -1};
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    if (in->shape.n_dims == 4 || in->shape.n_dims < 3)
        return load_global_to(graph, node, true, err);
    const bool mean = strcmp(node->type, "GlobalAveragePool") == 0;
    for (int d = 2; d < in->shape.n_dims; d++)
        axes[n++] = d;
    ids[0] = node->inputs[0];
    CR_OR_RETURN(cr_graph_add_ints(graph, axes, n, &ids[1], err));
    return cr_node_become(graph, node, mean ? "ReduceMean" : "ReduceMax", ids, 2, NULL, err);
}

/* Over height and width, or over the last dimension, by kernels of their own; any other by that of
 * reductions. The axes are an attribute or, from operator set 18, an input. */
static cr_status load_mean(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t keep_dims;
    const cr_value *in;
    const int64_t *axes;
    int64_t n_axes;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_list(graph, node, 1, "axes", &axes, &n_axes, err));
    CR_OR_RETURN(cr_attribute_int(node, "keepdims", 1, &keep_dims, err));
    int n = in->shape.n_dims;
    const bool last_lies_last =
        n > 0 && (cr_value_last_dim(in) == n - 1 || in->shape.dims[n - 1] == 1);
    if (n_axes == 1 && (axes[0] == -1 || axes[0] == n - 1) && keep_dims && last_lies_last &&
        in->shape.dims[n - 1] > 0)
        return cr_row_mean_load(graph, node, err);
    bool height_and_width =
        n_axes == 2 && n == 4 && in->shape.dims[0] == 1 && cr_value_is_usual(in);
    for (int i = 0, seen = 0; height_and_width && i < 2; i++) {
        int64_t axis = axes[i] + (axes[i] < 0 ? n : 0);
        height_and_width = (axis == 2 || axis == 3) && axis != seen;
        seen = (int)axis;
    }
    if (!height_and_width)
        return cr_mean_load(graph, node, err);
    return load_global_to(graph, node, keep_dims != 0, err);
}

static void global_mean_forward(const cr_run *run)
{
    const global *p = run->node->params;
    cr_global_mean_forward(run->n, p->hw, p->c, run->x[0], run->y);
}

static void global_mean_backward(const cr_run *run)
{
    const global *p = run->node->params;
    cr_global_mean_backward(run->n * run->m, p->hw, p->c, run->dy, run->dx[0]);
}

static void global_max_forward(const cr_run *run)
{
    const global *p = run->node->params;
    cr_global_max_forward(run->n, p->hw, p->c, run->x[0], run->y);
}

static void global_max_backward(const cr_run *run)
{
    const global *p = run->node->params;
    cr_global_max_backward(run->n, run->m, p->hw, p->c, run->x[0], run->dy, run->dx[0]);
}

static void global_max_tangent(const cr_run *run)
{
    const global *p = run->node->params;
    cr_global_max_tangent(run->n, p->hw, p->c, run->x[0], run->tx[0], run->ty);
}

const cr_op cr_op_max_pool = {.type = "MaxPool",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .flags = CR_OP_POOLS | CR_OP_NEEDS_X | CR_OP_READS_STEPS |
                                       CR_OP_WRITES_STEPS,
                              .load = load_max,
                              .forward = max_forward,
                              .backward = max_backward,
                              .cut = cut,
                              .forward_rows = max_rows,
                              .tangent = max_tangent};

const cr_op cr_op_average_pool = {.type = "AveragePool",
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .flags = CR_OP_POOLS | CR_OP_READS_STEPS | CR_OP_WRITES_STEPS |
                                           CR_OP_LINEAR,
                                  .load = load_average,
                                  .forward = average_forward,
                                  .backward = average_backward,
                                  .cut = cut,
                                  .forward_rows = average_rows};

const cr_op cr_op_global_average_pool = {.type = "GlobalAveragePool",
                                         .min_inputs = 1,
                                         .max_inputs = 1,
                                         .flags = CR_OP_POOLS | CR_OP_LINEAR,
                                         .load = load_global,
                                         .forward = global_mean_forward,
                                         .backward = global_mean_backward};

const cr_op cr_op_global_max_pool = {.type = "GlobalMaxPool",
                                     .min_inputs = 1,
                                     .max_inputs = 1,
                                     .flags = CR_OP_POOLS | CR_OP_NEEDS_X,
                                     .load = load_global,
                                     .forward = global_max_forward,
                                     .backward = global_max_backward,
                                     .tangent = global_max_tangent};

const cr_op cr_op_reduce_mean = {.type = "ReduceMean",
                                 .min_inputs = 1,
                                 .max_inputs = 2,
                                 .flags = CR_OP_POOLS | CR_OP_ANY_ORDER | CR_OP_LINEAR,
                                 .load = load_mean,
                                 .forward = global_mean_forward,
                                 .backward = global_mean_backward};
