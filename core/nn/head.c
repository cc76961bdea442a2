/* How the logits come from the last feature map: what decides whether CAM applies. */
#include "graph.h"

#include <string.h>

/* The value that an output only passes on: through Identity, Dropout, Flatten and the like. */
static int behind_aliases(const cr_graph *graph, int value)
{
    for (;;) {
        int node = graph->values[value].producer;
        if (node < 0 || !(graph->nodes[node].flags & CR_OP_ALIAS))
            return value;
        value = graph->nodes[node].x[0];
    }
}

/* The same, but no further than the channels are the same ones: a Reshape or Transpose may give
 * them other names. */
static int map_behind_aliases(const cr_graph *graph, int value)
{
    for (;;) {
        int node = graph->values[value].producer;
        if (node < 0 || !(graph->nodes[node].flags & CR_OP_ALIAS))
            return value;
        const cr_value *to = &graph->values[value], *from = &graph->values[graph->nodes[node].x[0]];
        if (memcmp(&to->shape, &from->shape, sizeof to->shape) != 0 ||
            memcmp(to->order, from->order, sizeof to->order) != 0)
            return value;
        value = graph->nodes[node].x[0];
    }
}

static const cr_node *producer(const cr_graph *graph, int value)
{
    int node = graph->values[value].producer;
    return node < 0 ? NULL : &graph->nodes[node];
}

static bool is(const cr_node *node, const char *type)
{
    return node && strcmp(node->type, type) == 0;
}

/* A pooling over the whole map, whatever operator it is written with. */
static bool pools_all(const cr_graph *graph, const cr_node *node, bool *mean)
{
    if (!node || !(node->flags & CR_OP_POOLS))
        return false;
    const cr_shape *in = &graph->values[node->x[0]].shape;
    const cr_shape *out = &graph->values[node->y].shape;
    *mean = !is(node, "GlobalMaxPool") && !is(node, "MaxPool");
    if (cr_shape_h(out) * cr_shape_w(out) != 1 || cr_shape_h(in) * cr_shape_w(in) == 1)
        return false;
    if (!is(node, "AveragePool") && !is(node, "MaxPool"))
        return true;
    const cr_avgpool *pool = node->params; /* of a window: it must be the whole map, unpadded */
    const cr_window *win = &pool->win;
    return win->r == win->h && win->s == win->w && win->dilation_h == 1 && win->dilation_w == 1 &&
           win->pad_top + win->pad_left + pool->pad_bottom + pool->pad_right == 0;
}

/* A linear layer from all that it is given, one pixel: [K] = W [C] + b. */
static bool is_linear(const cr_graph *graph, const cr_node *node)
{
    if (!is(node, "Gemm") && !is(node, "MatMul") && !is(node, "Conv"))
        return false;
    if (is(node, "Conv")) {
        const cr_window *win = &cr_conv_of(node)->win;
        if (win->r * win->s * win->p * win->q != 1 || win->groups != 1)
            return false;
    }
    size_t c = cr_shape_size(&graph->values[node->x[0]].shape);
    size_t k = cr_shape_size(&graph->values[node->y].shape);
    return node->flops == 2 * (double)c * (double)k;
}

cr_head cr_graph_head(const cr_graph *graph)
{
    cr_head head = {.kind = CR_HEAD_OTHER, .feature = -1, .linear = -1};
    bool mean;
    int value = behind_aliases(graph, graph->logits);
    const cr_node *node = producer(graph, value), *linear = NULL;
    /* MatMul's bias is an Add with a constant: it moves no map, so CAM passes over it. */
    if (is(node, "Add") && node->n_x == 1) {
        value = behind_aliases(graph, node->x[0]);
        node = producer(graph, value);
    }
    if (is_linear(graph, node)) {
        linear = node;
        value = behind_aliases(graph, node->x[0]);
        node = producer(graph, value);
    }
    if (!pools_all(graph, node, &mean))
        return head;
    head.feature = map_behind_aliases(graph, node->x[0]);
    head.n_channels = cr_shape_c(&graph->values[head.feature].shape);
    head.n_classes = cr_graph_n_classes(graph);
    if (linear) {
        head.kind = mean ? CR_HEAD_GAP_LINEAR : CR_HEAD_GMP_LINEAR;
        head.linear = (int)(linear - graph->nodes);
    } else
        head.kind = mean ? CR_HEAD_GAP_MAPS : CR_HEAD_GMP_MAPS;
    return head;
}

void cr_graph_head_weights(const cr_graph *graph, const cr_head *head, float *weights)
{
    const cr_node *linear = &graph->nodes[head->linear];
    for (int k = 0; k < head->n_classes; k++)
        for (int c = 0; c < head->n_channels; c++)
            *weights++ = (float)linear->op->weight(linear, k, c);
}
