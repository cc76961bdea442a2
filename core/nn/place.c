/* Concatenation without copying: where the values of a plan lie.
 *
 * A value may lie inside the pixels of another: its channels are then some of that one's, and from
 * one pixel to the next it is as far as there. The inputs of a Concat are placed in its output, so that
 * their producers write them there. A Concat whose inputs lie side by side in another's output
 * already, as all but the last in a block of DenseNet, is placed where they are.
 *
 * That needs a producer and readers which can step over the other channels, and a map that nobody
 * outside wants: what does not fit is copied by the Concat as ever. */
#include "compile.h"

/* Whether the operator at node i keeps to the steps of what it writes. */
static bool writes_steps(const cr_compiler *c, int i)
{
    const cr_node *node = &c->graph->nodes[i];
    return node->flags & CR_OP_WRITES_STEPS &&
           (node->flags & CR_OP_CLAMPS || !cr_clamps(c->clamp[i]));
}

/* A map whose pixels in memory are its channels. */
static bool has_pixels(const cr_value *value)
{
    return value->shape.n_dims == 4 && cr_value_is_usual(value) &&
           cr_value_last(value) == cr_shape_c(&value->shape);
}

static int channels(const cr_compiler *c, int v)
{
    return cr_shape_c(&c->graph->values[v].shape);
}

/* Which values may have a step other than their channels. */
static void find_steps(const cr_compiler *c, bool *steps)
{
    const cr_graph *graph = c->graph;
    for (int i = 0; i < graph->n_nodes; i++) {
        int y = graph->nodes[i].y;
        steps[y] =
            c->live[i] && writes_steps(c, i) && !c->wanted[y] && has_pixels(&graph->values[y]);
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const cr_node *node = &graph->nodes[i];
        for (int j = 0; c->live[i] && j < node->n_x; j++) {
            int x = c->root[node->x[j]];
            steps[x] = steps[x] && node->flags & CR_OP_READS_STEPS &&
                       has_pixels(&graph->values[node->x[j]]) &&
                       channels(c, node->x[j]) == channels(c, x);
        }
        if (c->live[i] && c->added[i] >= 0)
            steps[c->root[c->added[i]]] = false;
    }
}

/* Whether the inputs of a Concat lie in another's output, in order and side by side. */
static bool side_by_side(const cr_compiler *c, const cr_node *concat)
{
    int first = c->root[concat->x[0]], at = c->at[first];
    for (int j = 0; j < concat->n_x; j++) {
        int x = c->root[concat->x[j]];
        if (c->home[x] == x || c->home[x] != c->home[first] || c->at[x] != at)
            return false;
        at += channels(c, concat->x[j]);
    }
    return true;
}

cr_status cr_values_place(cr_compiler *c, cr_error *err)
{
    const cr_graph *graph = c->graph;
    bool *steps = cr_arena_alloc(&c->arena, (size_t)graph->n_values, sizeof *steps);
    if (!steps)
        return cr_fail_memory(err, "a plan", (size_t)graph->n_values, sizeof *steps);
    for (int v = 0; v < graph->n_values; v++)
        c->home[v] = v;
    find_steps(c, steps);
    /* The last Concat first: it has the inputs of those before it, or these themselves. */
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        const cr_node *node = &graph->nodes[i];
        int y = node->y;
        if (!c->live[i] || !(node->flags & CR_OP_CONCAT) || cr_clamps(c->clamp[i]) ||
            !has_pixels(&graph->values[y]))
            continue;
        if (steps[y] && c->home[y] == y && side_by_side(c, node)) {
            int first = c->root[node->x[0]];
            c->home[y] = c->home[first];
            c->at[y] = c->at[first];
            c->in_place[i] = true;
            continue;
        }
        c->in_place[i] = true;
        for (int j = 0, at = c->at[y]; j < node->n_x; j++) {
            int x = c->root[node->x[j]];
            if (steps[x] && c->home[x] == x) {
                c->home[x] = c->home[y];
                c->at[x] = at;
            } else
                c->in_place[i] = false;
            at += channels(c, node->x[j]);
        }
    }
    return CR_OK;
}
