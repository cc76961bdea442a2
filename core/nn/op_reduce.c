/* Reductions over any axes: these come to lie last in memory, and each row of them becomes a number. */
#include "graph.h"

typedef struct reduction {
    cr_reduce_op op;
    size_t rows;
    int c;
} reduction;

static bool is_place(cr_reduce_op op)
{
    return op == CR_REDUCE_ARG_MAX || op == CR_REDUCE_ARG_MIN;
}

/* Which axes: a list, an attribute or an input; without any all of them, or none. Of a place there is one. */
static cr_status read_axes(const cr_graph *graph, const cr_node *node, cr_reduce_op op, int n_dims,
                           bool reduced[CR_MAX_DIMS], cr_error *err)
{
    cr_status status = CR_OK;
    const int64_t *axes;
    int64_t n, none, one;
    if (is_place(op)) {
        int axis;
        CR_TRY(cr_attribute_int(node, "axis", 0, &one, err));
        CR_TRY(cr_node_axis(graph, one, n_dims, &axis, err));
        reduced[axis] = true;
        goto cleanup;
    }
    CR_TRY(cr_node_list(graph, node, 1, "axes", &axes, &n, err));
    CR_TRY(cr_attribute_int(node, "noop_with_empty_axes", 0, &none, err));
    for (int64_t i = 0; i < (n ? n : none ? 0 : n_dims); i++) {
        int axis;
        CR_TRY(cr_node_axis(graph, n ? axes[i] : i, n_dims, &axis, err));
        reduced[axis] = true;
    }

cleanup:
    return status;
}

/* The order of the input with the reduced dimensions last; that of the output without them. */
static void split_order(const cr_value *in, const bool *reduced, int order[CR_MAX_DIMS],
                        int kept[CR_MAX_DIMS], int *n_kept)
{
    int n = 0, names[CR_MAX_DIMS] = {0};
    *n_kept = 0;
    for (int d = 0, name = 0; d < in->shape.n_dims; d++) {
        names[d] = name;
        name += !reduced[d];
    }
    for (int last = 0; last < 2; last++)
        for (int i = 0; i < in->shape.n_dims; i++) {
            if (reduced[in->order[i]] != last)
                continue;
            order[n++] = in->order[i];
            if (!last)
                kept[(*n_kept)++] = names[in->order[i]];
        }
}

static cr_status load_row(cr_graph *graph, cr_node *node, cr_reduce_op op, cr_error *err)
{
    const cr_value *in;
    reduction *p;
    int64_t keep, last;
    bool reduced[CR_MAX_DIMS] = {false};
    int order[CR_MAX_DIMS] = {0}, kept[CR_MAX_DIMS] = {0}, n_kept;
    cr_shape out = {0};
    size_t c = 1;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "keepdims", 1, &keep, err));
    CR_OR_RETURN(read_axes(graph, node, op, in->shape.n_dims, reduced, err));
    split_order(in, reduced, order, kept, &n_kept);
    CR_OR_RETURN(cr_node_arrange(graph, node, 0, order, err));
    in = &graph->values[node->inputs[0]];
    for (int d = 0; d < in->shape.n_dims; d++) {
        c *= reduced[d] ? (size_t)in->shape.dims[d] : 1;
        if (keep || !reduced[d])
            out.dims[out.n_dims++] = reduced[d] ? 1 : in->shape.dims[d];
    }
    if (c == 0)
        return cr_fail(err, CR_EINPUT, "it reduces nothing");
    CR_OR_RETURN(cr_attribute_int(node, "select_last_index", 0, &last, err));
    if (is_place(op) && last)
        op = op == CR_REDUCE_ARG_MAX ? CR_REDUCE_LAST_ARG_MAX : CR_REDUCE_LAST_ARG_MIN;
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    *p = (reduction){op, cr_shape_size(&in->shape) / c, (int)c};
    node->flops = 2.0 * (double)cr_shape_size(&in->shape);
    CR_OR_RETURN(cr_node_set_shape(graph, node, &out, err));
    cr_value *y = &graph->values[node->y];
    const int *lies = keep ? order : kept;
    if (!cr_same_memory(&out, y->order, lies))
        memcpy(y->order, lies, (size_t)out.n_dims * sizeof *lies);
    return CR_OK;
}

static void forward(const cr_run *run)
{
    const reduction *p = run->node->params;
    cr_reduce_forward(p->op, (size_t)run->n * p->rows, p->c, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    const reduction *p = run->node->params;
    cr_reduce_backward(p->op, run->n, run->m, p->rows, p->c, run->x[0], run->y, run->dy,
                       run->dx[0]);
}

static void tangent(const cr_run *run)
{
    const reduction *p = run->node->params;
    cr_reduce_tangent(p->op, (size_t)run->n * p->rows, p->c, run->x[0], run->y, run->tx[0],
                      run->ty);
}

static void curve(const cr_run *run)
{
    const reduction *p = run->node->params;
    cr_reduce_curve(p->op, run->m, p->rows, p->c, run->x[0], run->y, run->tx[0], run->ty, run->dy,
                    run->dx[0]);
}

#define LINEAR CR_OP_LINEAR
#define PIECES CR_OP_NEEDS_X
#define CURVED (CR_OP_NEEDS_X | CR_OP_NEEDS_Y)

#define ROW(symbol, name, op, kind)                                               \
    static cr_status load_##symbol(cr_graph *graph, cr_node *node, cr_error *err) \
    {                                                                             \
        return load_row(graph, node, op, err);                                    \
    }                                                                             \
    const cr_op cr_op_##symbol = {.type = name,                                   \
                                  .min_inputs = 1,                                \
                                  .max_inputs = 2,                                \
                                  .flags = CR_OP_ANY_ORDER | (kind),              \
                                  .load = load_##symbol,                          \
                                  .forward = forward,                             \
                                  .backward = backward,                           \
                                  .tangent = (kind) == LINEAR ? NULL : tangent,   \
                                  .curve = (kind) == CURVED ? curve : NULL}

ROW(arg_max, "ArgMax", CR_REDUCE_ARG_MAX, PIECES);
ROW(arg_min, "ArgMin", CR_REDUCE_ARG_MIN, PIECES);
ROW(reduce_l1, "ReduceL1", CR_REDUCE_L1, PIECES);
ROW(reduce_l2, "ReduceL2", CR_REDUCE_L2, CURVED);
ROW(reduce_log_sum, "ReduceLogSum", CR_REDUCE_LOG_SUM, CURVED);
ROW(reduce_log_sum_exp, "ReduceLogSumExp", CR_REDUCE_LOG_SUM_EXP, CURVED);
ROW(reduce_max, "ReduceMax", CR_REDUCE_MAX, PIECES);
ROW(reduce_min, "ReduceMin", CR_REDUCE_MIN, PIECES);
ROW(reduce_prod, "ReduceProd", CR_REDUCE_PROD, CURVED);
ROW(reduce_sum, "ReduceSum", CR_REDUCE_SUM, LINEAR);
ROW(reduce_sum_square, "ReduceSumSquare", CR_REDUCE_SUM_SQUARE, CURVED);

static const cr_op mean_op = {.type = "ReduceMean",
                              .flags = CR_OP_ANY_ORDER | CR_OP_LINEAR,
                              .forward = forward,
                              .backward = backward};

cr_status cr_mean_load(cr_graph *graph, cr_node *node, cr_error *err)
{
    node->op = &mean_op;
    node->flags = mean_op.flags;
    return load_row(graph, node, CR_REDUCE_MEAN, err);
}
