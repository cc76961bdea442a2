/* RotaryEmbedding (J. Su et al., RoFormer, 2021): pairs of a head's elements turned by angles that depend on the
 * place, made of slices, products and sums. */
#include "compose.h"

typedef struct rotary {
    int n_dims, axis; /* of the input; the axis of the heads where they are apart */
    int64_t size, turned, interleaved;
} rotary;

/* Elements from `from` up to `to` of the last dimension, each `step`-th. */
static cr_status put_slice(cr_graph *graph, const cr_node *node, int x, int64_t from, int64_t to,
                           int64_t step, int *y, cr_error *err)
{
    int ids[5] = {x, -1, -1, -1, -1};
    CR_OR_RETURN(cr_graph_add_ints(graph, &from, 1, &ids[1], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, &to, 1, &ids[2], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, &(int64_t){-1}, 1, &ids[3], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, &step, 1, &ids[4], err));
    return cr_node_insert(graph, node, "Slice", ids, 5, NULL, y, err);
}

static cr_status put_joined(cr_graph *graph, const cr_node *node, int a, int b, int *y,
                            cr_error *err)
{
    cr_attributes along = {0};
    cr_attributes_int(&along, "axis", -1);
    return cr_node_insert(graph, node, "Concat", (int[]){a, b}, 2, cr_attributes_proto(&along), y,
                          err);
}

/* Cosines or sines of all places [.., T, turned / 2], or those that the positions name, for all heads. */
static cr_status put_angles(cr_graph *graph, cr_node *node, int i, const rotary *r, int *y,
                            cr_error *err)
{
    const cr_value *value;
    *y = node->inputs[i];
    if (node->n_inputs > 3 && node->inputs[3] >= 0)
        CR_OR_RETURN(cr_put_pair(graph, node, "Gather", *y, node->inputs[3], y, err));
    node->inputs[i] = *y;
    cr_node_connect(graph, node);
    CR_OR_RETURN(cr_node_value(graph, node, i, &value, err));
    const cr_shape *shape = &value->shape;
    if (shape->n_dims != 3 || shape->dims[2] * 2 != r->turned)
        return cr_fail(err, CR_EINPUT, "its input %d does not fit %lld elements", i + 1,
                       (long long)r->turned);
    const int64_t axis = r->axis;
    return cr_put_ints(graph, node, "Unsqueeze", node->inputs[i], &axis, 1, y, err);
}

/* The input with its heads apart, [N, heads, T, size] or, of rows, [N, T, heads, size]. */
static cr_status read_input(cr_graph *graph, cr_node *node, rotary *r, int *x, cr_error *err)
{
    const cr_value *in;
    int64_t heads;
    CR_OR_RETURN(cr_attribute_int(node, "num_heads", 0, &heads, err));
    CR_OR_RETURN(cr_attribute_int(node, "interleaved", 0, &r->interleaved, err));
    CR_OR_RETURN(cr_attribute_int(node, "rotary_embedding_dim", 0, &r->turned, err));
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    const cr_shape s = in->shape;
    const bool rows = s.n_dims == 3 && heads > 0 && s.dims[2] % heads == 0;
    if (!rows && s.n_dims != 4)
        return cr_fail(err, CR_EINPUT, "its input does not fit %lld heads", (long long)heads);
    r->n_dims = s.n_dims;
    r->axis = rows ? 2 : 1;
    r->size = rows ? s.dims[2] / heads : s.dims[3];
    r->turned = r->turned ? r->turned : r->size;
    if (r->turned < 2 || r->turned > r->size || r->turned % 2)
        return cr_fail(err, CR_EINPUT, "rotary_embedding_dim is out of range");
    *x = node->inputs[0];
    if (rows)
        CR_OR_RETURN(
            cr_put_ints(graph, node, "Reshape", *x, (int64_t[]){0, 0, heads, r->size}, 4, x, err));
    return CR_OK;
}

/* Of pairs (a, b): (a cos - b sin, b cos + a sin). */
static cr_status turn(cr_graph *graph, const cr_node *node, const int pair[2], int cosine, int sine,
                      int turned[2], cr_error *err)
{
    for (int i = 0; i < 2; i++) {
        int own, other;
        CR_OR_RETURN(cr_put_pair(graph, node, "Mul", pair[i], cosine, &own, err));
        CR_OR_RETURN(cr_put_pair(graph, node, "Mul", pair[1 - i], sine, &other, err));
        CR_OR_RETURN(cr_put_pair(graph, node, i ? "Add" : "Sub", own, other, &turned[i], err));
    }
    return CR_OK;
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    rotary r;
    int x, y, rest, cosine, sine, pair[2], turned[2], ids[2];
    CR_OR_RETURN(read_input(graph, node, &r, &x, err));
    CR_OR_RETURN(put_angles(graph, node, 1, &r, &cosine, err));
    CR_OR_RETURN(put_angles(graph, node, 2, &r, &sine, err));
    const int64_t half = r.turned / 2, step = r.interleaved ? 2 : 1;
    for (int i = 0; i < 2; i++)
        CR_OR_RETURN(put_slice(graph, node, x, r.interleaved ? i : i * half,
                               r.interleaved || i ? r.turned : half, step, &pair[i], err));
    CR_OR_RETURN(turn(graph, node, pair, cosine, sine, turned, err));
    if (r.interleaved) /* side by side again */
        for (int i = 0; i < 2; i++)
            CR_OR_RETURN(cr_put_ints(graph, node, "Unsqueeze", turned[i], &(int64_t){-1}, 1,
                                     &turned[i], err));
    CR_OR_RETURN(put_joined(graph, node, turned[0], turned[1], &y, err));
    const cr_shape apart = graph->values[x].shape;
    if (r.interleaved)
        CR_OR_RETURN(cr_put_ints(graph, node, "Reshape", y,
                                 (int64_t[]){apart.dims[0], apart.dims[1], apart.dims[2], r.turned},
                                 4, &y, err));
    if (r.turned < r.size) {
        CR_OR_RETURN(put_slice(graph, node, x, r.turned, r.size, 1, &rest, err));
        CR_OR_RETURN(put_joined(graph, node, y, rest, &y, err));
    }
    ids[0] = y;
    if (r.n_dims == 3)
        CR_OR_RETURN(cr_graph_add_ints(graph, (int64_t[]){0, 0, -1}, 3, &ids[1], err));
    return cr_node_become(graph, node, r.n_dims == 3 ? "Reshape" : "Identity", ids,
                          r.n_dims == 3 ? 2 : 1, NULL, err);
}

const cr_op cr_op_rotary_embedding = {.type = "RotaryEmbedding",
                                      .min_inputs = 3,
                                      .max_inputs = 4,
                                      .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER,
                                      .load = load};
