/* Operators of com.microsoft that ONNX Runtime's optimiser puts in the place of layers: normalisations with
 * the sum before them, products with what is around them, channels last. Each is made of ONNX's again. */
#include "compose.h"

static int input_of(const cr_node *node, int i)
{
    return i < node->n_inputs ? node->inputs[i] : -1;
}

/* The sum of x and the inputs of these places that are there. */
static cr_status add_inputs(cr_graph *graph, cr_node *node, const int *places, int n, int *x,
                            cr_error *err)
{
    for (int i = 0; i < n; i++)
        if (input_of(node, places[i]) >= 0)
            CR_OR_RETURN(cr_put_pair(graph, node, "Add", *x, input_of(node, places[i]), x, err));
    return CR_OK;
}

/* Of part 3 the sum itself, which the next layer adds to. */
static cr_status load_skip(cr_graph *graph, cr_node *node, const char *type, double epsilon,
                           const int *sums, int n_sums, int shift, cr_error *err)
{
    cr_attributes with = {0};
    int x = node->inputs[0];
    CR_OR_RETURN(cr_attribute_float(node, "epsilon", epsilon, &epsilon, err));
    CR_OR_RETURN(add_inputs(graph, node, sums, n_sums, &x, err));
    if (node->part == 3)
        return cr_node_become(graph, node, "Identity", &x, 1, NULL, err);
    const int inputs[] = {x, node->inputs[2], input_of(node, shift)};
    cr_attributes_float(&with, "epsilon", epsilon);
    cr_attributes_int(&with, "axis", -1);
    return cr_node_become(graph, node, type, inputs, shift > 0 && inputs[2] >= 0 ? 3 : 2,
                          cr_attributes_proto(&with), err);
}

static cr_status load_skip_layer_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_skip(graph, node, "LayerNormalization", 1e-12, (int[]){1, 4}, 2, 3, err);
}

static cr_status load_skip_rms_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_skip(graph, node, "RMSNormalization", 1e-5, (int[]){1, 3}, 2, -1, err);
}

static cr_status load_layer_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    return cr_node_become(graph, node, "LayerNormalization", node->inputs, node->n_inputs,
                          node->proto, err);
}

static cr_status load_rms_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    return cr_node_become(graph, node, "RMSNormalization", node->inputs, 2, node->proto, err);
}

/* Input i with its last two dimensions exchanged, if the attribute says so. */
static cr_status transpose_matrix(cr_graph *graph, cr_node *node, int i, const char *name, int *y,
                                  cr_error *err)
{
    cr_status status = CR_OK;
    const cr_value *in;
    int64_t wanted, perm[CR_MAX_DIMS];
    *y = node->inputs[i];
    CR_TRY(cr_attribute_int(node, name, 0, &wanted, err));
    if (!wanted)
        goto cleanup;
    CR_TRY(cr_node_value(graph, node, i, &in, err));
    const int n = in->shape.n_dims;
    if (n < 2)
        CR_TRY(cr_fail(err, CR_EINPUT, "input %d is no matrix", i + 1));
    for (int d = 0; d < n; d++)
        perm[d] = d < n - 2 ? d : 2 * n - 3 - d;
    CR_TRY(cr_put_transpose(graph, node, node->inputs[i], perm, n, y, err));

cleanup:
    return status;
}

static cr_status load_fused_matmul(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t batch_a, batch_b;
    double alpha;
    int ids[2], y;
    CR_OR_RETURN(cr_attribute_int(node, "transBatchA", 0, &batch_a, err));
    CR_OR_RETURN(cr_attribute_int(node, "transBatchB", 0, &batch_b, err));
    CR_OR_RETURN(cr_attribute_float(node, "alpha", 1, &alpha, err));
    if (batch_a || batch_b)
        return cr_fail(err, CR_EINPUT, "transBatchA and transBatchB are not supported");
    CR_OR_RETURN(transpose_matrix(graph, node, 0, "transA", &ids[0], err));
    CR_OR_RETURN(transpose_matrix(graph, node, 1, "transB", &ids[1], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "MatMul", ids, 2, NULL, &y, err));
    CR_OR_RETURN(cr_graph_add_real(graph, alpha, &ids[1], err));
    ids[0] = y;
    return cr_node_become(graph, node, "Mul", ids, 2, NULL, err);
}

/* A Gemm with its activation, whose parameters are attributes of the same node. */
static cr_status load_fused_gemm(cr_graph *graph, cr_node *node, cr_error *err)
{
    static const char *const known[] = {"Relu", "LeakyRelu", "Tanh", "Sigmoid", "HardSigmoid"};
    static const char *const names[][2] = {{"activation_alpha", "alpha"},
                                           {"activation_beta", "beta"}};
    cr_attributes with = {0};
    const char *activation;
    bool is_known = false;
    int y;
    CR_OR_RETURN(cr_attribute_string(graph, node, "activation", "", &activation, err));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || strcmp(known[i], activation) == 0;
    if (!is_known)
        return cr_fail(err, CR_EINPUT, "activation %.40s is not supported", activation);
    for (int i = 0; i < 2; i++) {
        double value;
        CR_OR_RETURN(cr_attribute_float(node, names[i][0], 0, &value, err));
        if (cr_attribute_find(node, names[i][0]))
            cr_attributes_float(&with, names[i][1], value);
    }
    CR_OR_RETURN(
        cr_node_insert(graph, node, "Gemm", node->inputs, node->n_inputs, node->proto, &y, err));
    return cr_node_become(graph, node, activation, &y, 1, cr_attributes_proto(&with), err);
}

/* Softmax of x and a bias over the last dimension, or all from an axis on. */
static cr_status load_bias_softmax(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_attributes with = {0};
    const cr_value *in;
    int64_t given;
    int axis, y;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", 1, &given, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &axis, err));
    if (axis != in->shape.n_dims - 1)
        return cr_fail(err, CR_EINPUT, "only the last axis is supported");
    CR_OR_RETURN(cr_put_pair(graph, node, "Add", node->inputs[0], node->inputs[1], &y, err));
    cr_attributes_int(&with, "axis", -1);
    return cr_node_become(graph, node, "Softmax", &y, 1, cr_attributes_proto(&with), err);
}

static cr_status load_bias_add(cr_graph *graph, cr_node *node, cr_error *err)
{
    int ids[2];
    CR_OR_RETURN(cr_put_pair(graph, node, "Add", node->inputs[0], node->inputs[1], &ids[0], err));
    ids[1] = node->inputs[2];
    return cr_node_become(graph, node, "Add", ids, 2, NULL, err);
}

/* x + bias in two halves: the first times the GELU of the second. */
static cr_status load_bias_split_gelu(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int x, ids[2];
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    const int half = in->shape.n_dims ? in->shape.dims[in->shape.n_dims - 1] / 2 : 0;
    const int64_t bounds[] = {0, half, 2 * (int64_t)half};
    CR_OR_RETURN(cr_put_pair(graph, node, "Add", node->inputs[0], node->inputs[1], &x, err));
    for (int i = 0; i < 2; i++) {
        int slice[4] = {x, -1, -1, -1};
        CR_OR_RETURN(cr_graph_add_ints(graph, &bounds[i], 1, &slice[1], err));
        CR_OR_RETURN(cr_graph_add_ints(graph, &bounds[i + 1], 1, &slice[2], err));
        CR_OR_RETURN(cr_graph_add_ints(graph, &(int64_t){-1}, 1, &slice[3], err));
        CR_OR_RETURN(cr_node_insert(graph, node, "Slice", slice, 4, NULL, &ids[i], err));
    }
    CR_OR_RETURN(cr_put(graph, node, "Gelu", ids[1], &ids[1], err));
    return cr_node_become(graph, node, "Mul", ids, 2, NULL, err);
}

static const int64_t to_first[] = {0, 3, 1, 2}, to_last[] = {0, 2, 3, 1};

/* The node becomes a Transpose back of what has its channels first. */
static cr_status become_last(cr_graph *graph, cr_node *node, int y, cr_error *err)
{
    cr_attributes with = {0};
    cr_attributes_ints(&with, "perm", to_last, 4);
    return cr_node_become(graph, node, "Transpose", &y, 1, cr_attributes_proto(&with), err);
}

/* A convolution of images [N, H, W, C]; its weights lie as those of a Conv. */
static cr_status load_nhwc_conv(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *shape;
    int ids[3] = {-1, node->inputs[1], input_of(node, 2)}, y;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &shape, err));
    CR_OR_RETURN(cr_put_transpose(graph, node, node->inputs[0], to_first, 4, &ids[0], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "Conv", ids, node->n_inputs, node->proto, &y, err));
    return become_last(graph, node, y, err);
}

/* Groups of channels of images whose channels lie last unless the attribute says otherwise, each channel
 * with its scale and shift; then SiLU, if the attribute says so. With a sum before it, as SkipGroupNorm. */
static cr_status load_group_norm(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_attributes with = {0};
    const cr_tensor *scale, *shift;
    int64_t groups, activation, last;
    double epsilon;
    int x = node->inputs[0], id;
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &scale, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &shift, err));
    CR_OR_RETURN(cr_attribute_int(node, "groups", 0, &groups, err));
    CR_OR_RETURN(cr_attribute_int(node, "activation", 0, &activation, err));
    CR_OR_RETURN(cr_attribute_int(node, "channels_last", 1, &last, err));
    CR_OR_RETURN(cr_attribute_float(node, "epsilon", 1e-5, &epsilon, err));
    CR_OR_RETURN(add_inputs(graph, node, (int[]){3, 4}, 2, &x, err));
    if (!scale || !shift || graph->values[x].constant || graph->values[x].shape.n_dims != 4)
        return cr_fail(err, CR_EINPUT, "its scale or shift is left out, or its input no map");
    if (node->part == 1) { /* the sum */
        return cr_node_become(graph, node, "Identity", &x, 1, NULL, err);
    }
    if (last)
        CR_OR_RETURN(cr_put_transpose(graph, node, x, to_first, 4, &x, err));
    /* One scale a group is what operator sets 18 to 20 have: those of channels come behind it. */
    const cr_shape of = graph->values[x].shape;
    float *one, *zero;
    int ids[3] = {x, -1, -1};
    const int64_t n = graph->opset >= 21 ? of.dims[1] : groups;
    if (n < 1 || n > of.dims[1])
        return cr_fail(err, CR_EINPUT, "its groups do not fit %d channels", of.dims[1]);
    CR_OR_RETURN(cr_put_reals(graph, 1, &n, &one, &ids[1], err));
    CR_OR_RETURN(cr_put_reals(graph, 1, &n, &zero, &ids[2], err));
    for (int64_t i = 0; i < n; i++) {
        one[i] = 1;
        zero[i] = 0;
    }
    cr_attributes_int(&with, "num_groups", groups);
    cr_attributes_float(&with, "epsilon", epsilon);
    CR_OR_RETURN(cr_node_insert(graph, node, "GroupNormalization", ids, 3,
                                cr_attributes_proto(&with), &x, err));
    const cr_tensor *const given[] = {scale, shift};
    for (int i = 0; i < 2; i++) {
        cr_tensor channels = *given[i];
        channels.n_dims = 3;
        channels.dims[0] = channels.n;
        channels.dims[1] = channels.dims[2] = 1;
        CR_OR_RETURN(cr_graph_add_constant(graph, NULL, &channels, &id, err));
        CR_OR_RETURN(cr_put_pair(graph, node, i ? "Add" : "Mul", x, id, &x, err));
    }
    if (activation)
        CR_OR_RETURN(cr_put(graph, node, "Swish", x, &x, err));
    return last ? become_last(graph, node, x, err)
                : cr_node_become(graph, node, "Identity", &x, 1, NULL, err);
}

#define LAYER_OP(symbol, name, least, most, part, loader)             \
    const cr_op symbol = {.type = name,                               \
                          .min_inputs = least,                        \
                          .max_inputs = most,                         \
                          .first_part = part,                         \
                          .n_parts = (part) + 1,                      \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = loader}

LAYER_OP(cr_op_microsoft_bias_add, "com.microsoft.BiasAdd", 3, 3, 0, load_bias_add);
LAYER_OP(cr_op_microsoft_bias_softmax, "com.microsoft.BiasSoftmax", 2, 2, 0, load_bias_softmax);
LAYER_OP(cr_op_microsoft_bias_split_gelu, "com.microsoft.BiasSplitGelu", 2, 2, 0,
         load_bias_split_gelu);
LAYER_OP(cr_op_microsoft_fused_gemm, "com.microsoft.FusedGemm", 2, 3, 0, load_fused_gemm);
LAYER_OP(cr_op_microsoft_fused_matmul, "com.microsoft.FusedMatMul", 2, 2, 0, load_fused_matmul);
LAYER_OP(cr_op_microsoft_group_norm, "com.microsoft.GroupNorm", 3, 3, 0, load_group_norm);
LAYER_OP(cr_op_microsoft_layer_normalization, "com.microsoft.LayerNormalization", 2, 3, 0,
         load_layer_norm);
LAYER_OP(cr_op_microsoft_nhwc_conv, "com.microsoft.NhwcConv", 2, 3, 0, load_nhwc_conv);
LAYER_OP(cr_op_microsoft_simplified_layer_normalization,
         "com.microsoft.SimplifiedLayerNormalization", 2, 2, 0, load_rms_norm);
LAYER_OP(cr_op_microsoft_skip_group_norm, "com.microsoft.SkipGroupNorm", 4, 5, 1, load_group_norm);
LAYER_OP(cr_op_microsoft_skip_layer_normalization, "com.microsoft.SkipLayerNormalization", 3, 5, 3,
         load_skip_layer_norm);
LAYER_OP(cr_op_microsoft_skip_simplified_layer_normalization,
         "com.microsoft.SkipSimplifiedLayerNormalization", 3, 4, 3, load_skip_rms_norm);

/* ONNX Runtime has it in ONNX's own domain. */
LAYER_OP(cr_op_simplified_layer_normalization, "SimplifiedLayerNormalization", 2, 2, 0,
         load_rms_norm);
