/* Attention and MultiHeadAttention of com.microsoft, made of ONNX's Attention: with the products that give
 * queries, keys and values, or with their biases. */
#include "compose.h"

static int input_of(const cr_node *node, int i)
{
    return i < node->n_inputs ? node->inputs[i] : -1;
}

static cr_status refuse_inputs(const cr_node *node, const int *places, int n, cr_error *err)
{
    for (int i = 0; i < n; i++)
        if (input_of(node, places[i]) >= 0)
            return cr_fail(err, CR_EINPUT,
                           "its input %d (a mask or keys of before) is not supported",
                           places[i] + 1);
    return CR_OK;
}

/* The node becomes the Attention of q, k and v [N, T, heads size] with what is added to the scores. */
static cr_status become(cr_graph *graph, cr_node *node, const int qkv[3], int mask, cr_error *err)
{
    cr_attributes with = {0};
    int64_t heads, causal;
    double scale;
    const int inputs[] = {qkv[0], qkv[1], qkv[2], mask};
    CR_OR_RETURN(cr_attribute_int(node, "num_heads", 0, &heads, err));
    CR_OR_RETURN(cr_attribute_int(node, "unidirectional", 0, &causal, err));
    CR_OR_RETURN(cr_attribute_float(node, "scale", 0, &scale, err));
    cr_attributes_int(&with, "q_num_heads", heads);
    cr_attributes_int(&with, "kv_num_heads", heads);
    cr_attributes_int(&with, "is_causal", causal);
    if (scale != 0)
        cr_attributes_float(&with, "scale", scale);
    return cr_node_become(graph, node, "Attention", inputs, mask < 0 ? 3 : 4,
                          cr_attributes_proto(&with), err);
}

/* The columns that are queries, keys and values: as they are listed, or a third each. */
static cr_status read_sizes(const cr_node *node, int all, int64_t sizes[3], cr_error *err)
{
    bool present;
    sizes[0] = sizes[1] = sizes[2] = all / 3;
    cr_status status = cr_attribute_ints(node, "qkv_hidden_sizes", 3, sizes, &present, err);
    if (status != CR_OK)
        return status;
    int64_t left = all;
    bool fits = true;
    for (int i = 0; fits && i < 3; i++) {
        fits = sizes[i] >= 1 && sizes[i] <= left;
        left -= sizes[i];
    }
    return fits && left == 0
               ? CR_OK
               : cr_fail(err, CR_EINPUT, "its %d columns are not queries, keys and values", all);
}

static cr_status load_attention(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *in;
    int64_t sizes[3], rotary, from = 0;
    int x, qkv[3];
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 3, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "do_rotary", 0, &rotary, err));
    CR_OR_RETURN(refuse_inputs(node, (int[]){3, 4, 6}, 3, err));
    if (rotary)
        return cr_fail(err, CR_EINPUT, "do_rotary is not supported");
    CR_OR_RETURN(cr_put_pair(graph, node, "MatMul", node->inputs[0], node->inputs[1], &x, err));
    if (input_of(node, 2) >= 0)
        CR_OR_RETURN(cr_put_pair(graph, node, "Add", x, node->inputs[2], &x, err));
    CR_OR_RETURN(read_sizes(node, graph->values[x].shape.dims[2], sizes, err));
    for (int i = 0; i < 3; i++) {
        int slice[4] = {x, -1, -1, -1};
        CR_OR_RETURN(cr_graph_add_ints(graph, &from, 1, &slice[1], err));
        from += sizes[i];
        CR_OR_RETURN(cr_graph_add_ints(graph, &from, 1, &slice[2], err));
        CR_OR_RETURN(cr_graph_add_ints(graph, &(int64_t){2}, 1, &slice[3], err));
        CR_OR_RETURN(cr_node_insert(graph, node, "Slice", slice, 4, NULL, &qkv[i], err));
    }
    return become(graph, node, qkv, input_of(node, 5), err);
}

/* Adds to x [N, T, n] its part of the bias, whose values from *at on it is. */
static cr_status add_bias(cr_graph *graph, cr_node *node, const cr_tensor *bias, int64_t *at,
                          int *x, cr_error *err)
{
    const cr_shape *shape = &graph->values[*x].shape;
    const int64_t n = shape->n_dims == 3 ? shape->dims[2] : bias->n + 1;
    cr_tensor part = *bias;
    int id;
    if (n > bias->n - *at)
        return cr_fail(err, CR_EINPUT, "its bias does not fit");
    part.n_dims = 1;
    part.dims[0] = part.n = n;
    part.reals += (size_t)*at * bias->step;
    *at += n;
    CR_OR_RETURN(cr_graph_add_constant(graph, NULL, &part, &id, err));
    return cr_put_pair(graph, node, "Add", *x, id, x, err);
}

static cr_status load_multi_head(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *value;
    const cr_tensor *bias;
    int64_t at = 0;
    int qkv[3];
    CR_OR_RETURN(refuse_inputs(node, (int[]){4, 6, 7, 8, 9}, 5, err));
    for (int i = 0; i < 3; i++) {
        if (input_of(node, i) < 0)
            return cr_fail(err, CR_EINPUT, "queries, keys and values in one are not supported");
        CR_OR_RETURN(cr_node_value(graph, node, i, &value, err));
    }
    CR_OR_RETURN(cr_node_reals(graph, node, 3, &bias, err));
    for (int i = 0; i < 3; i++) {
        qkv[i] = node->inputs[i];
        if (bias)
            CR_OR_RETURN(add_bias(graph, node, bias, &at, &qkv[i], err));
    }
    return become(graph, node, qkv, input_of(node, 5), err);
}

#define ATTENTION_OP(symbol, name, least, most, loader)               \
    const cr_op symbol = {.type = "com.microsoft." name,              \
                          .min_inputs = least,                        \
                          .max_inputs = most,                         \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = loader}

ATTENTION_OP(cr_op_microsoft_attention, "Attention", 2, 7, load_attention);
ATTENTION_OP(cr_op_microsoft_multi_head_attention, "MultiHeadAttention", 1, 10, load_multi_head);
