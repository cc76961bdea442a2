/* Expand, Tile and what spreads an input of another operator: each element several times. */
#include "move.h"

static cr_status load_spread(cr_graph *graph, cr_node *node, cr_error *err)
{
    return cr_spread_load(graph, node, node->wish, err);
}

/* The shape that is asked for and the input's own are spread over one another. */
static cr_status load_expand(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const cr_tensor *list;
    cr_given to = {0};
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &list, err));
    if (!list || list->n_dims != 1 || list->n > CR_MAX_DIMS)
        return cr_fail(err, CR_EINPUT, "its shape is no list of at most %d integers", CR_MAX_DIMS);
    const int n = (int)list->n > in->shape.n_dims ? (int)list->n : in->shape.n_dims;
    to.shape.n_dims = n;
    for (int d = 0; d < n; d++) {
        const int own = d - (n - in->shape.n_dims), asked = d - (n - (int)list->n);
        const int64_t have = own < 0 ? 1 : in->shape.dims[own];
        int64_t want = asked < 0 ? 1 : list->ints[asked];
        if (d == 0 && graph->declared_batch > 1 && want == graph->declared_batch)
            want = 1;
        if (want < 0 || want > CR_MAX_ELEMENTS || (want != have && want != 1 && have != 1))
            return cr_fail(err, CR_EINPUT, "its shape does not fit its input");
        to.shape.dims[d] = (int)(want == 1 ? have : want);
    }
    cr_usual_order(&to.shape, to.order);
    if (n == in->shape.n_dims)
        memcpy(to.order, in->order, sizeof to.order);
    return cr_spread_load(graph, node, &to, err);
}

static bool tile_source(const void *context, const int *at, int *from)
{
    const cr_shape *in = context;
    for (int d = 0; d < in->n_dims; d++)
        from[d] = at[d] % in->dims[d];
    return true;
}

static cr_status load_tile(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const cr_tensor *repeats;
    cr_move *move;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &repeats, err));
    const cr_shape own = in->shape;
    cr_shape out = own;
    if (!repeats || repeats->n != own.n_dims)
        return cr_fail(err, CR_EINPUT, "its repeats are no list of %d integers", own.n_dims);
    for (int d = 0; d < own.n_dims; d++) {
        const int64_t times = repeats->ints[d];
        int axis;
        if (times != 1)
            CR_OR_RETURN(cr_node_axis(graph, d, own.n_dims, &axis, err));
        if (times < 0 || (own.dims[d] && times > CR_MAX_ELEMENTS / own.dims[d]))
            return cr_fail(err, CR_EINPUT, "its repeats are out of range");
        out.dims[d] = (int)(own.dims[d] * times);
    }
    return cr_move_make(graph, node, in, &out, in->order, tile_source, &own, &move, err);
}

#define EXPAND_OP(symbol, name, n_inputs, loader)                                \
    const cr_op symbol = {.type = name,                                          \
                          .min_inputs = n_inputs,                                \
                          .max_inputs = n_inputs,                                \
                          .flags = CR_OP_MOVES | CR_OP_ANY_ORDER | CR_OP_LINEAR, \
                          .load = loader,                                        \
                          .forward = cr_move_forward,                            \
                          .backward = cr_move_backward}

EXPAND_OP(cr_op_spread, "spread", 1, load_spread);
EXPAND_OP(cr_op_expand, "Expand", 2, load_expand);
EXPAND_OP(cr_op_tile, "Tile", 2, load_tile);
