/* Attention of operator set 23: softmax(scale Q K' + mask) V for each head, made of MatMul, Softmax and
 * the like. */
#include "graph.h"

#include <math.h>

typedef struct heads {
    int64_t n_q, n_kv;
    bool rows; /* queries come as [N, T, heads size] */
} heads;

static cr_status with_ints(cr_graph *graph, const cr_node *node, const char *type, int x,
                           const int64_t *ints, int n, int *y, cr_error *err)
{
    int ids[] = {x, 0};
    cr_status status = cr_graph_add_ints(graph, ints, n, &ids[1], err);
    return status == CR_OK ? cr_node_insert(graph, node, type, ids, 2, NULL, y, err) : status;
}

static cr_status transpose(cr_graph *graph, const cr_node *node, int x, const int64_t *perm, int *y,
                           cr_error *err)
{
    static char name[] = "perm";
    int64_t ints[4];
    Onnx__AttributeProto list = ONNX__ATTRIBUTE_PROTO__INIT, *attributes[] = {&list};
    Onnx__NodeProto proto = ONNX__NODE_PROTO__INIT;
    memcpy(ints, perm, sizeof ints);
    list.name = name;
    list.n_ints = 4;
    list.ints = ints;
    proto.n_attribute = 1;
    proto.attribute = attributes;
    return cr_node_insert(graph, node, "Transpose", &x, 1, &proto, y, err);
}

/* Input i as [N, heads, T, size]. */
static cr_status split_heads(cr_graph *graph, cr_node *node, int i, int64_t n_heads, int *y,
                             cr_error *err)
{
    cr_status status = CR_OK;
    const cr_value *in;
    CR_TRY(cr_node_value(graph, node, i, &in, err));
    const cr_shape s = in->shape;
    *y = node->inputs[i];
    if (s.n_dims == 4)
        return CR_OK;
    if (s.n_dims != 3 || n_heads < 1 || s.dims[2] % n_heads)
        CR_TRY(
            cr_fail(err, CR_EINPUT, "input %d does not fit %lld heads", i + 1, (long long)n_heads));
    const int64_t apart[] = {s.dims[0], s.dims[1], n_heads, s.dims[2] / n_heads};
    CR_TRY(with_ints(graph, node, "Reshape", *y, apart, 4, y, err));
    CR_TRY(transpose(graph, node, *y, (int64_t[]){0, 2, 1, 3}, y, err));

cleanup:
    return status;
}

/* Keys or values of fewer heads than queries have: each serves several of these. */
static cr_status share_heads(cr_graph *graph, cr_node *node, int64_t n_q, int *x, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape s = graph->values[*x].shape;
    if (s.dims[1] == n_q)
        return CR_OK;
    if (n_q % s.dims[1])
        CR_TRY(cr_fail(err, CR_EINPUT, "its %d heads do not fit %lld", s.dims[1], (long long)n_q));
    const int64_t apart[] = {s.dims[0], s.dims[1], 1, s.dims[2], s.dims[3]};
    const int64_t spread[] = {1, 1, n_q / s.dims[1], 1, 1};
    const int64_t joined[] = {s.dims[0], n_q, s.dims[2], s.dims[3]};
    CR_TRY(with_ints(graph, node, "Reshape", *x, apart, 5, x, err));
    CR_TRY(with_ints(graph, node, "Expand", *x, spread, 5, x, err));
    CR_TRY(with_ints(graph, node, "Reshape", *x, joined, 4, x, err));

cleanup:
    return status;
}

/* What the scores get added: the mask, of numbers or of truth. */
static cr_status add_mask(cr_graph *graph, cr_node *node, int *scores, cr_error *err)
{
    cr_status status = CR_OK;
    if (node->n_inputs < 4 || node->inputs[3] < 0)
        return CR_OK;
    const cr_value *mask = &graph->values[node->inputs[3]];
    const bool truth = mask->constant ? mask->tensor.ints != NULL : mask->whole != 0;
    int ids[3] = {*scores, node->inputs[3], -1};
    if (truth) {
        ids[0] = node->inputs[3];
        ids[1] = *scores;
        CR_TRY(cr_graph_add_real(graph, -INFINITY, &ids[2], err));
    }
    CR_TRY(cr_node_insert(graph, node, truth ? "Where" : "Add", ids, truth ? 3 : 2, NULL, scores,
                          err));

cleanup:
    return status;
}

/* Keys behind a query's own place do not count. */
static cr_status add_order(cr_graph *graph, cr_node *node, int *scores, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape s = graph->values[*scores].shape;
    const size_t rows = (size_t)s.dims[2], columns = (size_t)s.dims[3];
    int ids[2] = {*scores, -1};
    CR_TRY(cr_constant_take(graph, rows * columns, err));
    float *mask = cr_arena_alloc(&graph->weights, rows * columns, sizeof *mask);
    if (!mask)
        CR_TRY(cr_fail_memory(err, "a mask", rows * columns, sizeof *mask));
    for (size_t i = 0; i < rows * columns; i++)
        mask[i] = i % columns > i / columns ? -INFINITY : 0;
    CR_TRY(cr_graph_add_constant(graph, NULL,
                                 &(cr_tensor){.n_dims = 2,
                                              .dims = {(int64_t)rows, (int64_t)columns},
                                              .n = (int64_t)(rows * columns),
                                              .data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                                              .step = sizeof *mask,
                                              .reals = (const uint8_t *)mask},
                                 &ids[1], err));
    CR_TRY(cr_node_insert(graph, node, "Add", ids, 2, NULL, scores, err));

cleanup:
    return status;
}

static cr_status softmax(cr_graph *graph, cr_node *node, int *scores, cr_error *err)
{
    static char name[] = "axis";
    Onnx__AttributeProto last = ONNX__ATTRIBUTE_PROTO__INIT, *attributes[] = {&last};
    Onnx__NodeProto proto = ONNX__NODE_PROTO__INIT;
    last.name = name;
    last.has_i = true;
    last.i = -1;
    proto.n_attribute = 1;
    proto.attribute = attributes;
    return cr_node_insert(graph, node, "Softmax", scores, 1, &proto, scores, err);
}

static cr_status read_attributes(cr_graph *graph, cr_node *node, heads *h, int64_t *causal,
                                 double *scale, cr_error *err)
{
    cr_status status = CR_OK;
    double cap;
    CR_TRY(cr_attribute_int(node, "q_num_heads", 0, &h->n_q, err));
    CR_TRY(cr_attribute_int(node, "kv_num_heads", 0, &h->n_kv, err));
    CR_TRY(cr_attribute_int(node, "is_causal", 0, causal, err));
    CR_TRY(cr_attribute_float(node, "scale", 0, scale, err));
    CR_TRY(cr_attribute_float(node, "softcap", 0, &cap, err));
    h->rows = cr_node_has_dims(graph, node, 0, 3);
    for (int i = 4; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0)
            CR_TRY(cr_fail(err, CR_EINPUT, "keys and values of before are not supported"));
    if (cap != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "softcap is not supported"));

cleanup:
    return status;
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    heads h;
    int64_t causal;
    double scale;
    int q[2], k, v, y[2];
    CR_TRY(read_attributes(graph, node, &h, &causal, &scale, err));
    CR_TRY(split_heads(graph, node, 0, h.n_q, &q[0], err));
    CR_TRY(split_heads(graph, node, 1, h.n_kv, &k, err));
    CR_TRY(split_heads(graph, node, 2, h.n_kv, &v, err));
    const cr_shape s = graph->values[q[0]].shape;
    if (s.n_dims != 4 || graph->values[k].shape.n_dims != 4 || graph->values[v].shape.n_dims != 4)
        CR_TRY(cr_fail(err, CR_EINPUT, "its inputs have not 3 or 4 dimensions"));
    CR_TRY(share_heads(graph, node, s.dims[1], &k, err));
    CR_TRY(share_heads(graph, node, s.dims[1], &v, err));
    CR_TRY(cr_graph_add_real(graph, scale != 0 ? scale : 1 / sqrt(s.dims[3]), &q[1], err));
    CR_TRY(cr_node_insert(graph, node, "Mul", q, 2, NULL, &y[0], err));
    CR_TRY(transpose(graph, node, k, (int64_t[]){0, 1, 3, 2}, &y[1], err));
    CR_TRY(cr_node_insert(graph, node, "MatMul", y, 2, NULL, &y[0], err));
    if (causal)
        CR_TRY(add_order(graph, node, &y[0], err));
    CR_TRY(add_mask(graph, node, &y[0], err));
    CR_TRY(softmax(graph, node, &y[0], err));
    y[1] = v;
    if (!h.rows) {
        status = cr_node_become(graph, node, "MatMul", y, 2, NULL, err);
        goto cleanup;
    }
    CR_TRY(cr_node_insert(graph, node, "MatMul", y, 2, NULL, &y[0], err));
    const cr_shape o = graph->values[y[0]].shape;
    CR_TRY(transpose(graph, node, y[0], (int64_t[]){0, 2, 1, 3}, &y[0], err));
    const int64_t joined[] = {o.dims[0], o.dims[2], (int64_t)o.dims[1] * o.dims[3]};
    CR_TRY(cr_graph_add_ints(graph, joined, 3, &y[1], err));
    CR_TRY(cr_node_become(graph, node, "Reshape", y, 2, NULL, err));

cleanup:
    return status;
}

const cr_op cr_op_attention = {.type = "Attention",
                               .min_inputs = 3,
                               .max_inputs = 6,
                               .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                               .load = load};
