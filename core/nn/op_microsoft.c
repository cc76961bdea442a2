/* Operators of com.microsoft that ONNX Runtime's optimiser puts in the place of ONNX's: convolutions with
 * their activation, GELU with its bias. Each is made of ONNX's again. */
#include "compose.h"

/* The activation of a FusedConv, with its parameters in the order that they have there. */
static cr_status become_activation(cr_graph *graph, cr_node *node, const char *type, int x,
                                   const Onnx__AttributeProto *list, cr_error *err)
{
    cr_attributes with = {0};
    const size_t n = list ? list->n_floats : 0;
    const bool clips = strcmp(type, "Clip") == 0;
    int inputs[3] = {x, -1, -1};
    for (size_t i = 0; i < n && i < 2; i++) {
        if (clips)
            CR_OR_RETURN(cr_graph_add_real(graph, (double)list->floats[i], &inputs[1 + i], err));
        else
            cr_attributes_float(&with, i ? "beta" : "alpha", (double)list->floats[i]);
    }
    return cr_node_become(graph, node, type, inputs, clips ? 3 : 1, cr_attributes_proto(&with),
                          err);
}

static cr_status load_fused_conv(cr_graph *graph, cr_node *node, cr_error *err)
{
    static const char *const known[] = {"",     "Relu",    "Clip",       "LeakyRelu",
                                        "Tanh", "Sigmoid", "HardSigmoid"};
    cr_status status = CR_OK;
    const char *activation;
    int y[2] = {-1, -1}, n_inputs = node->n_inputs < 3 ? node->n_inputs : 3;
    bool is_known = false;
    CR_TRY(cr_attribute_string(graph, node, "activation", "", &activation, err));
    const Onnx__AttributeProto *list = cr_attribute_find(node, "activation_params");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || strcmp(known[i], activation) == 0;
    if (!is_known)
        CR_TRY(cr_fail(err, CR_EINPUT, "activation %.40s is not supported", activation));
    const int sum = node->n_inputs > 3 ? node->inputs[3] : -1;
    CR_TRY(cr_node_insert(graph, node, "Conv", node->inputs, n_inputs, node->proto, &y[0], err));
    y[1] = sum;
    if (sum >= 0)
        CR_TRY(cr_node_insert(graph, node, "Add", y, 2, NULL, &y[0], err));
    if (activation[0])
        status = become_activation(graph, node, activation, y[0], list, err);
    else
        status = cr_node_become(graph, node, "Identity", y, 1, NULL, err);

cleanup:
    return status;
}

/* x, with the bias that may be the second input. */
static cr_status add_bias(cr_graph *graph, cr_node *node, int *x, cr_error *err)
{
    *x = node->inputs[0];
    if (node->n_inputs < 2 || node->inputs[1] < 0)
        return CR_OK;
    return cr_node_insert(graph, node, "Add", node->inputs, 2, NULL, x, err);
}

static cr_status load_gelu(cr_graph *graph, cr_node *node, cr_error *err)
{
    int x;
    cr_status status = add_bias(graph, node, &x, err);
    return status == CR_OK ? cr_node_become(graph, node, "Gelu", &x, 1, NULL, err) : status;
}

static cr_status load_fast_gelu(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_attributes with = {0};
    int x;
    cr_attributes_string(&with, "approximate", "tanh");
    cr_status status = add_bias(graph, node, &x, err);
    return status == CR_OK
               ? cr_node_become(graph, node, "Gelu", &x, 1, cr_attributes_proto(&with), err)
               : status;
}

static cr_status load_quick_gelu(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_attributes with = {0};
    double alpha;
    cr_status status = cr_attribute_float(node, "alpha", 1.702, &alpha, err);
    cr_attributes_float(&with, "alpha", alpha);
    return status == CR_OK ? cr_node_become(graph, node, "Swish", node->inputs, 1,
                                            cr_attributes_proto(&with), err)
                           : status;
}

#define MICROSOFT_OP(symbol, name, least, most, loader)               \
    const cr_op symbol = {.type = "com.microsoft." name,              \
                          .min_inputs = least,                        \
                          .max_inputs = most,                         \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = loader}

MICROSOFT_OP(cr_op_microsoft_bias_gelu, "BiasGelu", 2, 2, load_gelu);
MICROSOFT_OP(cr_op_microsoft_fast_gelu, "FastGelu", 1, 2, load_fast_gelu);
MICROSOFT_OP(cr_op_microsoft_fused_conv, "FusedConv", 2, 4, load_fused_conv);
MICROSOFT_OP(cr_op_microsoft_gelu, "Gelu", 1, 1, load_gelu);
MICROSOFT_OP(cr_op_microsoft_quick_gelu, "QuickGelu", 1, 1, load_quick_gelu);
