/* Attention of operator set 23: softmax(scale Q K' + mask) V for each head, made of MatMul, Softmax and
 * the like. */
#include "compose.h"

#include <math.h>

typedef struct heads {
    int64_t n_q, n_kv;
    bool rows; /* queries come as [N, T, heads size] */
} heads;

/* Input i as [N, heads, T, size]. */
static cr_status split_heads(cr_graph *graph, cr_node *node, int i, int64_t n_heads, int *y,
                             cr_error *err)
{
    const cr_value *in;
    CR_OR_RETURN(cr_node_value(graph, node, i, &in, err));
    const cr_shape s = in->shape;
    *y = node->inputs[i];
    if (s.n_dims == 4)
        return CR_OK;
    if (s.n_dims != 3 || n_heads < 1 || s.dims[2] % n_heads)
        return cr_fail(err, CR_EINPUT, "input %d does not fit %lld heads", i + 1,
                       (long long)n_heads);
    const int64_t apart[] = {s.dims[0], s.dims[1], n_heads, s.dims[2] / n_heads};
    CR_OR_RETURN(cr_put_ints(graph, node, "Reshape", *y, apart, 4, y, err));
    return cr_put_transpose(graph, node, *y, (int64_t[]){0, 2, 1, 3}, 4, y, err);
}

/* Keys or values of fewer heads than queries have: each serves several of these. */
static cr_status share_heads(cr_graph *graph, cr_node *node, int64_t n_q, int *x, cr_error *err)
{
    const cr_shape s = graph->values[*x].shape;
    if (s.dims[1] == n_q)
        return CR_OK;
    if (n_q % s.dims[1])
        return cr_fail(err, CR_EINPUT, "its %d heads do not fit %lld", s.dims[1], (long long)n_q);
    const int64_t apart[] = {s.dims[0], s.dims[1], 1, s.dims[2], s.dims[3]};
    const int64_t spread[] = {1, 1, n_q / s.dims[1], 1, 1};
    const int64_t joined[] = {s.dims[0], n_q, s.dims[2], s.dims[3]};
    CR_OR_RETURN(cr_put_ints(graph, node, "Reshape", *x, apart, 5, x, err));
    CR_OR_RETURN(cr_put_ints(graph, node, "Expand", *x, spread, 5, x, err));
    return cr_put_ints(graph, node, "Reshape", *x, joined, 4, x, err);
}

/* What the scores get added: the mask, of numbers or of truth. */
static cr_status add_mask(cr_graph *graph, cr_node *node, int *scores, cr_error *err)
{
    if (node->n_inputs < 4 || node->inputs[3] < 0)
        return CR_OK;
    const cr_value *mask = &graph->values[node->inputs[3]];
    const bool truth = mask->constant ? mask->tensor.ints != NULL : mask->whole != 0;
    int ids[3] = {*scores, node->inputs[3], -1};
    if (truth) {
        ids[0] = node->inputs[3];
        ids[1] = *scores;
        CR_OR_RETURN(cr_graph_add_real(graph, -INFINITY, &ids[2], err));
    }
    return cr_node_insert(graph, node, truth ? "Where" : "Add", ids, truth ? 3 : 2, NULL, scores,
                          err);
}

/* Which keys a query may look at, by their places. */
typedef struct sight {
    int64_t causal, left, right; /* -1: as far as there are keys */
} sight;

static cr_status add_order(cr_graph *graph, cr_node *node, const sight *see, int *scores,
                           cr_error *err)
{
    const cr_shape s = graph->values[*scores].shape;
    const int64_t dims[] = {s.dims[2], s.dims[3]};
    float *mask;
    int id;
    if (!see->causal && see->left < 0 && see->right < 0)
        return CR_OK;
    CR_OR_RETURN(cr_put_reals(graph, 2, dims, &mask, &id, err));
    for (int64_t i = 0; i < dims[0]; i++)
        for (int64_t j = 0; j < dims[1]; j++) {
            const bool seen = (!see->causal || j <= i) && (see->left < 0 || i - j <= see->left) &&
                              (see->right < 0 || j - i <= see->right);
            mask[i * dims[1] + j] = seen ? 0 : -INFINITY;
        }
    return cr_put_pair(graph, node, "Add", *scores, id, scores, err);
}

/* Scores, none of which gets larger than the cap. */
static cr_status add_cap(cr_graph *graph, cr_node *node, double cap, int *scores, cr_error *err)
{
    if (!(cap > 0))
        return CR_OK;
    CR_OR_RETURN(cr_put_number(graph, node, "Div", *scores, cap, scores, err));
    CR_OR_RETURN(cr_put(graph, node, "Tanh", *scores, scores, err));
    return cr_put_number(graph, node, "Mul", *scores, cap, scores, err);
}

static cr_status read_attributes(cr_graph *graph, cr_node *node, heads *h, sight *see,
                                 double *scale, double *cap, cr_error *err)
{
    CR_OR_RETURN(cr_attribute_int(node, "q_num_heads", 0, &h->n_q, err));
    CR_OR_RETURN(cr_attribute_int(node, "kv_num_heads", 0, &h->n_kv, err));
    CR_OR_RETURN(cr_attribute_int(node, "is_causal", 0, &see->causal, err));
    CR_OR_RETURN(cr_attribute_int(node, "left_window_size", -1, &see->left, err));
    CR_OR_RETURN(cr_attribute_int(node, "right_window_size", -1, &see->right, err));
    CR_OR_RETURN(cr_attribute_float(node, "scale", 0, scale, err));
    CR_OR_RETURN(cr_attribute_float(node, "softcap", 0, cap, err));
    h->rows = cr_node_has_dims(graph, node, 0, 3);
    for (int i = 4; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0)
            return cr_fail(
                err, CR_EINPUT,
                "keys and values of before are not supported; export the network without a cache");
    return CR_OK;
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    heads h;
    sight see;
    double scale, cap;
    int q[2], k, v, y[2];
    CR_OR_RETURN(read_attributes(graph, node, &h, &see, &scale, &cap, err));
    CR_OR_RETURN(split_heads(graph, node, 0, h.n_q, &q[0], err));
    CR_OR_RETURN(split_heads(graph, node, 1, h.n_kv, &k, err));
    CR_OR_RETURN(split_heads(graph, node, 2, h.n_kv, &v, err));
    const cr_shape s = graph->values[q[0]].shape;
    if (s.n_dims != 4 || graph->values[k].shape.n_dims != 4 || graph->values[v].shape.n_dims != 4)
        return cr_fail(err, CR_EINPUT, "its inputs have not 3 or 4 dimensions");
    CR_OR_RETURN(share_heads(graph, node, s.dims[1], &k, err));
    CR_OR_RETURN(share_heads(graph, node, s.dims[1], &v, err));
    CR_OR_RETURN(cr_graph_add_real(graph, scale != 0 ? scale : 1 / sqrt(s.dims[3]), &q[1], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "Mul", q, 2, NULL, &y[0], err));
    CR_OR_RETURN(cr_put_transpose(graph, node, k, (int64_t[]){0, 1, 3, 2}, 4, &y[1], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "MatMul", y, 2, NULL, &y[0], err));
    CR_OR_RETURN(add_cap(graph, node, cap, &y[0], err));
    CR_OR_RETURN(add_order(graph, node, &see, &y[0], err));
    CR_OR_RETURN(add_mask(graph, node, &y[0], err));
    CR_OR_RETURN(cr_put_softmax(graph, node, y[0], &y[0], err));
    y[1] = v;
    if (!h.rows)
        return cr_node_become(graph, node, "MatMul", y, 2, NULL, err);
    CR_OR_RETURN(cr_node_insert(graph, node, "MatMul", y, 2, NULL, &y[0], err));
    const cr_shape o = graph->values[y[0]].shape;
    CR_OR_RETURN(cr_put_transpose(graph, node, y[0], (int64_t[]){0, 2, 1, 3}, 4, &y[0], err));
    const int64_t joined[] = {o.dims[0], o.dims[2], (int64_t)o.dims[1] * o.dims[3]};
    CR_OR_RETURN(cr_graph_add_ints(graph, joined, 3, &y[1], err));
    return cr_node_become(graph, node, "Reshape", y, 2, NULL, err);
}

const cr_op cr_op_attention = {.type = "Attention",
                               .min_inputs = 3,
                               .max_inputs = 6,
                               .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                               .load = load};
