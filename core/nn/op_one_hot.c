/* OneHot: whether each index is the place along a new axis, as one of two values. */
#include "compose.h"

/* 0, 1, ... along the axis of n dimensions. */
static cr_status put_places(cr_graph *graph, int axis, int n, int64_t depth, int *id, cr_error *err)
{
    float *places;
    int64_t dims[CR_MAX_DIMS];
    for (int d = 0; d < n; d++)
        dims[d] = d == axis ? depth : 1;
    cr_status status = cr_put_reals(graph, n, dims, &places, id, err);
    for (int64_t i = 0; status == CR_OK && i < depth; i++)
        places[i] = (float)i;
    return status;
}

/* Of a row of [off, on]. */
static cr_status read_values(cr_graph *graph, const cr_node *node, double values[2], cr_error *err)
{
    const cr_tensor *tensor;
    cr_status status = cr_node_reals(graph, node, 2, &tensor, err);
    if (status != CR_OK)
        return status;
    if (!tensor || tensor->n != 2)
        return cr_fail(err, CR_EINPUT, "its values are not two");
    for (size_t i = 0; i < 2; i++)
        values[i] = (double)cr_tensor_real(tensor, i);
    return CR_OK;
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const cr_tensor *depth;
    double values[2] = {0, 1};
    int64_t given;
    int axis, x, y, ids[3];
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &depth, err));
    CR_OR_RETURN(read_values(graph, node, values, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", -1, &given, err));
    const int n = in->shape.n_dims + 1;
    const double n_places = depth && depth->n == 1 ? (double)cr_tensor_real(depth, 0) : 0;
    if (n > CR_MAX_DIMS || !(n_places >= 1) || n_places > 65536)
        return cr_fail(err, CR_EINPUT, "its depth is not one number, or out of range");
    CR_OR_RETURN(cr_node_axis(graph, given, n, &axis, err));
    CR_OR_RETURN(
        cr_put_ints(graph, node, "Unsqueeze", node->inputs[0], &(int64_t){axis}, 1, &x, err));
    CR_OR_RETURN(put_places(graph, axis, n, (int64_t)n_places, &ids[1], err));
    /* A negative index counts from the end, one beyond is nowhere. */
    CR_OR_RETURN(cr_put_number(graph, node, "Add", x, n_places, &y, err));
    CR_OR_RETURN(cr_put_number(graph, node, "Less", x, 0, &ids[0], err));
    CR_OR_RETURN(
        cr_node_insert(graph, node, "Where", (int[]){ids[0], y, x}, 3, NULL, &ids[0], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "Equal", ids, 2, NULL, &ids[0], err));
    CR_OR_RETURN(cr_graph_add_real(graph, values[1], &ids[1], err));
    CR_OR_RETURN(cr_graph_add_real(graph, values[0], &ids[2], err));
    return cr_node_become(graph, node, "Where", ids, 3, NULL, err);
}

const cr_op cr_op_one_hot = {.type = "OneHot",
                             .min_inputs = 3,
                             .max_inputs = 3,
                             .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                             .load = load};
