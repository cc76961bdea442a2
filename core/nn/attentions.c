/* Attention among tokens, as methods look for it: the outputs of Softmax that have a row and a column for
 * each token of a map. */
#include "graph.h"

/* From one element of dimension d to the next, in memory. */
static size_t step_of(const cr_value *value, int d)
{
    size_t step = 1;
    for (int i = value->shape.n_dims - 1; i >= 0 && value->order[i] != d; i--)
        step *= (size_t)value->shape.dims[value->order[i]];
    return step;
}

/* The tokens before the places, where T tokens are those of a map of this size; -1: they are not. */
static int find_skip(const cr_graph *graph, const cr_map *map, int n_tokens)
{
    for (int v = 0; v < graph->n_values; v++) {
        const cr_map m = cr_graph_map(graph, v);
        if (m.height == map->height && m.width == map->width && m.rows == n_tokens)
            return m.skip;
    }
    return -1;
}

/* Rows of queries and columns of keys, for each head; false where it is no such value. */
static bool read(const cr_graph *graph, const cr_map *map, const cr_node *node, cr_attention *found)
{
    const cr_value *value = &graph->values[node->y];
    const int n = value->shape.n_dims, *dims = value->shape.dims;
    if (node->op != cr_op_find("Softmax") || n < 3 || dims[n - 1] != dims[n - 2])
        return false;
    *found = (cr_attention){.value = node->y,
                            .n_heads = 1,
                            .n_tokens = dims[n - 1],
                            .size = cr_shape_size(&value->shape)};
    for (int d = 0; d < n - 2; d++)
        if (dims[d] > 1) {
            if (found->n_heads > 1)
                return false;
            found->n_heads = dims[d];
            found->head_step = step_of(value, d);
        }
    found->query_step = step_of(value, n - 2);
    found->skip = find_skip(graph, map, found->n_tokens);
    return step_of(value, n - 1) == 1 && found->skip >= 0 &&
           cr_graph_reaches_logits(graph, node->y);
}

int cr_graph_attentions(const cr_graph *graph, const cr_map *map, cr_attention *attentions, int max)
{
    int n = 0;
    cr_attention found;
    for (int i = 0; i < graph->n_nodes; i++)
        if (read(graph, map, &graph->nodes[i], &found)) {
            if (n < max)
                attentions[n] = found;
            n++;
        }
    return n;
}
