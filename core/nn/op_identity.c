/* Operators that do nothing at inference: Identity, Dropout. */
#include "graph.h"

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    cr_status status = cr_node_value(graph, node, 0, &in, err);
    return status == CR_OK ? cr_node_set_like(graph, node, in, err) : status;
}

/* Whether input i is a constant 0, or false. */
static bool is_zero(const cr_graph *graph, const cr_node *node, int i)
{
    const cr_value *value =
        i < node->n_inputs && node->inputs[i] >= 0 ? &graph->values[node->inputs[i]] : NULL;
    const cr_tensor *tensor = value && value->constant ? &value->tensor : NULL;
    return tensor && tensor->n == 1 && (tensor->reals || tensor->ints) &&
           (tensor->ints ? tensor->ints[0] == 0 : cr_tensor_real(tensor, 0) == 0);
}

/* The ratio, a constant, changes nothing; what would is the third input, training mode, if the ratio is
 * not 0. */
static cr_status load_dropout(cr_graph *graph, cr_node *node, cr_error *err)
{
    const bool trains = node->n_inputs > 2 && node->inputs[2] >= 0 && !is_zero(graph, node, 2) &&
                        !is_zero(graph, node, 1);
    if (trains)
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
