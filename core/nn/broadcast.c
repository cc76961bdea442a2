/* One shape and order in memory for all inputs of a node, as ONNX broadcasts: constants are given so,
 * activations that differ are spread by a move. */
#include "move.h"

static const cr_shape *shape_of(const cr_value *value, cr_shape *own)
{
    if (!value->constant)
        return &value->shape;
    own->n_dims = value->tensor.n_dims;
    for (int d = 0; d < own->n_dims; d++)
        own->dims[d] = (int)value->tensor.dims[d];
    return own;
}

/* Spreads *to over one more shape; false where they do not fit. */
static bool join(cr_shape *to, const cr_shape *shape)
{
    const int more = shape->n_dims - to->n_dims;
    if (more > 0) {
        memmove(to->dims + more, to->dims, (size_t)to->n_dims * sizeof *to->dims);
        for (int d = 0; d < more; d++)
            to->dims[d] = 1;
        to->n_dims = shape->n_dims;
    }
    for (int d = to->n_dims - shape->n_dims, own = 0; own < shape->n_dims; d++, own++) {
        if (to->dims[d] != 1 && shape->dims[own] != 1 && to->dims[d] != shape->dims[own])
            return false;
        to->dims[d] = to->dims[d] != 1 ? to->dims[d] : shape->dims[own];
    }
    return true;
}

static bool same_shape(const cr_shape *a, const cr_shape *b)
{
    return a->n_dims == b->n_dims &&
           memcmp(a->dims, b->dims, (size_t)a->n_dims * sizeof *a->dims) == 0;
}

/* Each dimension of the output is one of the input's, counted from the end, or has no counterpart. */
static bool spread_source(const void *context, const int *at, int *from)
{
    const cr_shape *const *shapes = context; /* of input and output */
    const int more = shapes[1]->n_dims - shapes[0]->n_dims;
    for (int d = 0; d < shapes[0]->n_dims; d++)
        from[d] = shapes[0]->dims[d] == 1 ? 0 : at[d + more];
    return true;
}

cr_status cr_spread_load(cr_graph *graph, cr_node *node, const cr_given *to, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_value *in;
    cr_move *move;
    CR_TRY(cr_node_value(graph, node, 0, &in, err));
    const cr_shape own = in->shape, *shapes[] = {&own, &to->shape};
    if (same_shape(&own, &to->shape) && cr_same_memory(&own, in->order, to->order)) {
        CR_TRY(cr_node_set_like(graph, node, in, err));
        node->flags |= CR_OP_ALIAS;
        goto cleanup;
    }
    CR_TRY(cr_move_make(graph, node, in, &to->shape, to->order, spread_source, shapes, &move, err));

cleanup:
    return status;
}

cr_status cr_node_broadcast(cr_graph *graph, cr_node *node, cr_given *all, cr_error *err)
{
    cr_shape own;
    int n_dims = 0;
    *all = (cr_given){0};
    for (int i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] < 0)
            return cr_fail(err, CR_EINPUT, "input %d is left out", i + 1);
        const int n = shape_of(&graph->values[node->inputs[i]], &own)->n_dims;
        n_dims = n > n_dims ? n : n_dims;
    }
    for (int i = 0; i < node->n_inputs; i++) {
        CR_OR_RETURN(cr_node_of_one(graph, node, i, n_dims, err));
        if (!join(&all->shape, shape_of(&graph->values[node->inputs[i]], &own)))
            return cr_fail(err, CR_EINPUT, "the shapes of its inputs do not fit");
    }
    cr_usual_order(&all->shape, all->order);
    for (int j = node->n_x - 1; j >= 0; j--) {
        const cr_value *value = &graph->values[node->x[j]];
        if (same_shape(&value->shape, &all->shape))
            memcpy(all->order, value->order, sizeof all->order);
    }
    for (int i = 0; i < node->n_inputs; i++) {
        const cr_value *value = &graph->values[node->inputs[i]];
        if (value->constant)
            CR_OR_RETURN(cr_node_give(graph, node, i, all, err));
        else if (!same_shape(&value->shape, &all->shape) ||
                 memcmp(value->order, all->order, (size_t)all->shape.n_dims * sizeof(int)) != 0)
            CR_OR_RETURN(cr_node_spread(graph, node, i, all, err));
    }
    return CR_OK;
}
