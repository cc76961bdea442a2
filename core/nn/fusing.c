/* Fusing: scales, shifts, sums and clamps go into the node before, where nobody wants the value
 * between. */
#include "compile.h"

/* Folds the affine node b into what is already folded into node a. */
static cr_status fold(cr_compiler *c, int a, int b, cr_error *err)
{
    const cr_node *affine = &c->graph->nodes[b];
    size_t k_n = affine->n_weights / 2;
    cr_real *weights = cr_arena_alloc(&c->net->memory, 2 * k_n, sizeof *weights);
    if (!weights)
        return cr_fail_memory(err, "folded weights", 2 * k_n, sizeof *weights);
    affine->op->pack(c->graph, affine, NULL, NULL, weights);
    cr_real *scale = weights, *shift = weights + k_n;
    for (size_t k = 0; k < k_n; k++) {
        if (c->shift[a])
            shift[k] += c->shift[a][k] * scale[k];
        if (c->scale[a])
            scale[k] *= c->scale[a][k];
    }
    c->scale[a] = scale;
    c->shift[a] = shift;
    return CR_OK;
}

/* The other term, where node b adds to the output of node a one that is there before a runs. */
static int other_term(const cr_compiler *c, int a, int b)
{
    const cr_graph *graph = c->graph;
    const cr_node *node = &graph->nodes[a], *sum = &graph->nodes[b];
    if (!(node->flags & CR_OP_ADDS) || !(sum->flags & CR_OP_ADD) || c->added[a] >= 0)
        return -1;
    int first = c->root[sum->x[0]], second = c->root[sum->x[1]];
    int other = first == node->y ? second : first;
    return graph->values[other].producer < a ? other : -1;
}

cr_status cr_fuse(cr_compiler *c, cr_error *err)
{
    const cr_graph *graph = c->graph;
    for (int a = 0; a < graph->n_nodes; a++) {
        const cr_node *node = &graph->nodes[a];
        int y = node->y;
        while (c->live[a] && !c->wanted[y] && c->n_uses[y] == 1 && !cr_clamps(c->clamp[a])) {
            int b = c->user[y];
            const cr_node *next = &graph->nodes[b];
            /* Behind an alias, what the affine calls channels may be something else here. */
            bool folds = node->flags & CR_OP_FOLDS && next->flags & CR_OP_AFFINE &&
                         node->n_folds == next->n_folds && c->added[a] < 0;
            int other = other_term(c, a, b);
            if (folds)
                CR_OR_RETURN(fold(c, a, b, err));
            else if (other >= 0)
                c->added[a] = other;
            else if (next->flags & CR_OP_CLAMP && !(node->flags & CR_OP_NEEDS_Y))
                c->clamp[a] = c->clamp[b];
            else
                break;
            c->live[b] = false;
            c->wanted[y] = c->wanted[next->y];
            c->n_uses[y] = c->n_uses[next->y];
            c->user[y] = c->user[next->y];
            for (int v = 0; v < graph->n_values; v++)
                if (c->root[v] == next->y)
                    c->root[v] = y;
        }
    }
    return CR_OK;
}
