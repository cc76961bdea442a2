/* Convolutions and poolings of sequences [1, C, L]: those of maps of height 1, between an Unsqueeze and a
 * Squeeze. */
#include "graph.h"

/* Lists of an attribute along the length alone, and what they are of a map: `along_height` in front of each
 * half. */
static const struct {
    const char *name;
    int n; /* ends of the length that it speaks of */
    int64_t along_height;
} lists[] = {{"kernel_shape", 1, 1}, {"strides", 1, 1}, {"dilations", 1, 1}, {"pads", 2, 0}};

enum { N_LISTS = sizeof lists / sizeof *lists };

/* The node's attributes as those of an operator on maps. */
typedef struct wide {
    Onnx__NodeProto proto;
    Onnx__AttributeProto made[N_LISTS];
    int64_t ints[N_LISTS][4];
} wide;

static cr_status widen_attributes(cr_graph *graph, const cr_node *node, wide *w, cr_error *err)
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
            if (own->n_ints != (size_t)lists[l].n)
                return cr_fail(err, CR_EINPUT, "attribute %s has %zu values, %d are needed",
                               lists[l].name, own->n_ints, lists[l].n);
            for (int k = 0; k < lists[l].n; k++) {
                w->ints[l][2 * k] = lists[l].along_height;
                w->ints[l][2 * k + 1] = own->ints[k];
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
    cr_status status = CR_OK;
    wide w = {.proto = ONNX__NODE_PROTO__INIT};
    int inputs[3] = {-1, -1, -1}, axis, squeezed[2];
    CR_TRY(widen_attributes(graph, node, &w, err));
    CR_TRY(cr_graph_add_ints(graph, &(int64_t){2}, 1, &axis, err));
    CR_TRY(cr_node_insert(graph, node, "Unsqueeze", (int[]){node->inputs[0], axis}, 2, NULL,
                          &inputs[0], err));
    if (node->n_inputs > 1)
        CR_TRY(widen_weights(graph, node, &inputs[1], err));
    if (node->n_inputs > 2)
        inputs[2] = node->inputs[2];
    CR_TRY(cr_node_insert(graph, node, node->type, inputs, node->n_inputs, &w.proto, &squeezed[0],
                          err));
    squeezed[1] = axis;
    CR_TRY(cr_node_become(graph, node, "Squeeze", squeezed, 2, NULL, err));

cleanup:
    return status;
}
