/* Questions about a loaded graph. */
#include "relevance.h"

#include <stdlib.h>
#include <string.h>

int cr_graph_n_layers(const cr_graph *graph)
{
    return graph->n_nodes;
}

cr_graph_layer cr_graph_get_layer(const cr_graph *graph, int i)
{
    const cr_node *node = &graph->nodes[i];
    const cr_value *value = &graph->values[node->y];
    return (cr_graph_layer){
        .op = node->type,
        .output = value->name,
        .value = node->y,
        .shape = value->shape,
        .n_parameters = node->n_parameters,
        .flops = node->flops,
        .map = cr_graph_map(graph, node->y),
    };
}

bool cr_graph_rectifies(const cr_graph *graph)
{
    for (int i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].flags & CR_OP_CLAMP && cr_rectifies(graph->nodes[i].clamp) &&
            cr_graph_reaches_logits(graph, graph->nodes[i].y))
            return true;
    return false;
}

int cr_graph_input(const cr_graph *graph)
{
    return graph->input;
}

cr_shape cr_graph_input_shape(const cr_graph *graph)
{
    const cr_value *input = &graph->values[graph->input];
    const cr_shape in = input->shape;
    if (in.n_dims == 4 && !cr_value_is_usual(input)) /* [N, H, W, C] */
        return (cr_shape){4, {1, in.dims[3], in.dims[1], in.dims[2]}};
    return in;
}

int cr_graph_n_classes(const cr_graph *graph)
{
    return (int)cr_shape_size(&graph->values[graph->logits].shape);
}

int cr_graph_find(const cr_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_values; i++)
        if (!graph->values[i].constant && strcmp(graph->values[i].name, name) == 0)
            return i;
    for (int i = 0; i < graph->n_nodes; i++)
        if (strcmp(graph->nodes[i].name, name) == 0)
            return graph->nodes[i].y;
    return -1;
}

const char *cr_graph_value_name(const cr_graph *graph, int value)
{
    return graph->values[value].name;
}

cr_shape cr_graph_value_shape(const cr_graph *graph, int value)
{
    return graph->values[value].shape;
}

/* Values are numbered in an order of execution, so that one sweep back marks all that the logits
 * depend on. */
static bool *mark_reaching(const cr_graph *graph)
{
    bool *reaches = cr_alloc((size_t)graph->n_values, sizeof *reaches);
    if (!reaches)
        return NULL;
    reaches[graph->logits] = true;
    for (int i = graph->n_nodes - 1; i >= 0; i--)
        if (reaches[graph->nodes[i].y])
            for (int j = 0; j < graph->nodes[i].n_x; j++)
                reaches[graph->nodes[i].x[j]] = true;
    return reaches;
}

bool cr_graph_reaches_logits(const cr_graph *graph, int value)
{
    bool *reaches = mark_reaching(graph);
    bool result = reaches && reaches[value];
    free(reaches);
    return result;
}

static bool has_curvature(const cr_node *node)
{
    return node->flags & (CR_OP_ALIAS | CR_OP_LINEAR) || node->op->tangent;
}

/* Which nodes compute what lies between `value` and the logits; NULL when out of memory. */
static bool *mark_between(const cr_graph *graph, int value)
{
    bool *between = cr_alloc((size_t)graph->n_nodes, sizeof *between);
    bool *behind = cr_alloc((size_t)graph->n_values, sizeof *behind);
    bool *reaches = mark_reaching(graph);
    const bool whole = between && behind && reaches;
    if (whole)
        behind[value] = true;
    for (int i = 0; whole && i < graph->n_nodes; i++) {
        const cr_node *node = &graph->nodes[i];
        for (int j = 0; j < node->n_x; j++)
            between[i] = between[i] || (behind[node->x[j]] && reaches[node->y]);
        behind[node->y] = behind[node->y] || between[i];
    }
    free(behind);
    free(reaches);
    if (!whole) {
        free(between);
        return NULL;
    }
    return between;
}

const char *cr_graph_uncurved(const cr_graph *graph, int value)
{
    bool *between = mark_between(graph, value);
    const char *found = between ? NULL : "want of memory";
    for (int i = 0; between && !found && i < graph->n_nodes; i++)
        if (between[i] && !has_curvature(&graph->nodes[i]))
            found = graph->nodes[i].type;
    free(between);
    return found;
}

const char *cr_graph_irrelevant(const cr_graph *graph, int value, const cr_relevance *rules)
{
    bool *between = mark_between(graph, value);
    const char *found = between ? NULL : "want of memory";
    for (int i = 0; between && !found && i < graph->n_nodes; i++)
        if (between[i] &&
            !(rules->rescales ? cr_node_rescales(&graph->nodes[i])
                              : cr_node_passing(&graph->nodes[i]) != CR_PASSES_NOTHING))
            found = graph->nodes[i].type;
    free(between);
    return found;
}

int cr_first_with_weights(const cr_graph *graph)
{
    for (int i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op->linear)
            return i;
    return -1;
}

bool cr_graph_first_reads_input(const cr_graph *graph)
{
    const int i = cr_first_with_weights(graph);
    return i >= 0 && cr_graph_same_memory(graph, graph->nodes[i].x[0]) ==
                         cr_graph_same_memory(graph, graph->input);
}

double cr_graph_share_behind(const cr_graph *graph, int value)
{
    bool *between = mark_between(graph, value);
    double all = 0, behind = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        all += graph->nodes[i].flops;
        behind += !between || between[i] ? graph->nodes[i].flops : 0;
    }
    free(between);
    return all > 0 ? behind / all : 1;
}

void cr_graph_release_weights(cr_graph *graph)
{
    cr_arena_free(&graph->weights);
}
