/* Operators that do nothing at inference: Identity, Dropout, a Cast of float32 to float32. */
#include "graph.h"

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    cr_status status = cr_node_value(graph, node, 0, &in, err);
    return status == CR_OK ? cr_node_set_like(graph, node, in, err) : status;
}

/* The ratio, a constant, changes nothing; what would is the third input, training mode. */
static cr_status load_dropout(cr_graph *graph, cr_node *node, cr_error *err)
{
    if (node->n_inputs > 2 && node->inputs[2] >= 0)
        return cr_fail(err, CR_EINPUT, "is in training mode; export the model after .eval()");
    const cr_tensor *ratio;
    cr_status status = cr_node_reals(graph, node, 1, &ratio, err);
    return status == CR_OK ? load(graph, node, err) : status;
}

const cr_op cr_op_identity = {.type = "Identity",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .flags = CR_OP_ALIAS | CR_OP_MOVES | CR_OP_ANY_ORDER,
                              .load = load};

const cr_op cr_op_dropout = {.type = "Dropout",
                             .min_inputs = 1,
                             .max_inputs = 3,
                             .flags = CR_OP_ALIAS | CR_OP_MOVES | CR_OP_ANY_ORDER,
                             .load = load_dropout};

static cr_status load_cast(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t to;
    cr_status status = cr_attribute_int(node, "to", 0, &to, err);
    if (status == CR_OK && to != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        status = cr_fail(err, CR_EINPUT, "activations can only be float32; export the model so");
    return status == CR_OK ? load(graph, node, err) : status;
}

const cr_op cr_op_cast = {.type = "Cast",
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .flags = CR_OP_ALIAS | CR_OP_MOVES | CR_OP_ANY_ORDER,
                          .load = load_cast};
