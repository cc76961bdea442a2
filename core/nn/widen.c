/* Convolutions and poolings of sequences [1, C, L]: those of maps of height 1, between an Unsqueeze and a
 * Squeeze. Poolings of volumes [1, C, D, H, W]: over height and width of maps of C D channels, then over
 * the depth of maps of height D and width H W. */
#include "graph.h"

#define NONE (-1)

/* Attributes that list something of each dimension: `none` of one over which there is no window. */
static const struct {
    const char *name;
    int n; /* ends of a dimension that it speaks of */
    int64_t none;
} lists[] = {{"kernel_shape", 1, 1}, {"strides", 1, 1}, {"dilations", 1, 1}, {"pads", 2, 0}};

enum { N_LISTS = sizeof lists / sizeof *lists };

/* The node's attributes as those of an operator on maps. */
typedef struct wide {
    Onnx__NodeProto proto;
    Onnx__AttributeProto made[N_LISTS];
    int64_t ints[N_LISTS][4];
} wide;

/* Of a node over n dimensions, `height` and `width` of which are those of the maps. */
static cr_status widen_attributes(cr_graph *graph, const cr_node *node, int n, int height,
                                  int width, wide *w, cr_error *err)
{
    const Onnx__NodeProto *from = node->proto;
    w->proto = *from;
    w->proto.attribute =
        cr_arena_alloc(&graph->arena, from->n_attribute, sizeof *w->proto.attribute);
    if (!w->proto.attribute)
        return cr_fail_memory(err, "a node", from->n_attribute, sizeof *w->proto.attribute);
    for (size_t i = 0; i < from->n_attribute; i++) {
        Onnx__AttributeProto *own = w->proto.attribute[i] = from->attribute[i];
        for (int l = 0; l < N_LISTS; l++) {
            if (!own->name || strcmp(own->name, lists[l].name) != 0)
                continue;
            if (own->n_ints != (size_t)(n * lists[l].n))
                return cr_fail(err, CR_EINPUT, "attribute %s has %zu values, %d are needed",
                               lists[l].name, own->n_ints, n * lists[l].n);
            for (int k = 0; k < lists[l].n; k++) {
                w->ints[l][2 * k] = height == NONE ? lists[l].none : own->ints[k * n + height];
                w->ints[l][2 * k + 1] = width == NONE ? lists[l].none : own->ints[k * n + width];
            }
            w->made[l] = *own;
            w->made[l].n_ints = 2 * (size_t)lists[l].n;
            w->made[l].ints = w->ints[l];
            w->proto.attribute[i] = &w->made[l];
        }
    }
    return CR_OK;
}

/* [K, C, R] as [K, C, 1, R]. */
static cr_status widen_weights(cr_graph *graph, cr_node *node, int *id, cr_error *err)
{
    const cr_tensor *weights;
    cr_status status = cr_node_reals(graph, node, 1, &weights, err);
    if (status != CR_OK)
        return status;
    if (!weights || weights->n_dims != 3)
        return cr_fail(err, CR_EINPUT, "its weights do not fit an input of 3 dimensions");
    cr_tensor of_map = *weights;
    of_map.n_dims = 4;
    of_map.dims[3] = of_map.dims[2];
    of_map.dims[2] = 1;
    return cr_graph_add_constant(graph, NULL, &of_map, id, err);
}

cr_status cr_widen_load(cr_graph *graph, cr_node *node, cr_error *err)
{
    wide w = {.proto = ONNX__NODE_PROTO__INIT};
    int inputs[3] = {-1, -1, -1}, axis = -1, squeezed[2];
    CR_OR_RETURN(widen_attributes(graph, node, 1, NONE, 0, &w, err));
    CR_OR_RETURN(cr_graph_add_ints(graph, &(int64_t){2}, 1, &axis, err));
    CR_OR_RETURN(cr_node_insert(graph, node, "Unsqueeze", (int[]){node->inputs[0], axis}, 2, NULL,
                                &inputs[0], err));
    if (node->n_inputs > 1)
        CR_OR_RETURN(widen_weights(graph, node, &inputs[1], err));
    if (node->n_inputs > 2)
        inputs[2] = node->inputs[2];
    CR_OR_RETURN(cr_node_insert(graph, node, node->type, inputs, node->n_inputs, &w.proto,
                                &squeezed[0], err));
    squeezed[1] = axis;
    return cr_node_become(graph, node, "Squeeze", squeezed, 2, NULL, err);
}

/* The pooling of x, given this shape, over two of the dimensions. */
static cr_status pool_as(cr_graph *graph, const cr_node *node, const int64_t shape[4], int height,
                         int width, int *x, cr_error *err)
{
    wide w = {.proto = ONNX__NODE_PROTO__INIT};
    int ids[2] = {*x, 0};
    CR_OR_RETURN(widen_attributes(graph, node, 3, height, width, &w, err));
    CR_OR_RETURN(cr_graph_add_ints(graph, shape, 4, &ids[1], err));
    CR_OR_RETURN(cr_node_insert(graph, node, "Reshape", ids, 2, NULL, x, err));
    return cr_node_insert(graph, node, node->type, x, 1, &w.proto, x, err);
}

cr_status cr_flatten_load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int ids[2];
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    const int *from = in->shape.dims;
    const int64_t c = from[1], d = from[2], h = from[3], w = from[4];
    if (from[0] != 1 || c * d > CR_MAX_ELEMENTS || h * w > CR_MAX_ELEMENTS)
        return cr_fail(err, CR_EINPUT, "its input is no volume of one image, or too large");
    ids[0] = node->inputs[0];
    CR_OR_RETURN(pool_as(graph, node, (int64_t[]){1, c * d, h, w}, 1, 2, &ids[0], err));
    const int p = graph->values[ids[0]].shape.dims[2], q = graph->values[ids[0]].shape.dims[3];
    CR_OR_RETURN(pool_as(graph, node, (int64_t[]){1, c, d, (int64_t)p * q}, 0, NONE, &ids[0], err));
    const int64_t out[] = {1, c, graph->values[ids[0]].shape.dims[2], p, q};
    CR_OR_RETURN(cr_graph_add_ints(graph, out, 5, &ids[1], err));
    return cr_node_become(graph, node, "Reshape", ids, 2, NULL, err);
}
