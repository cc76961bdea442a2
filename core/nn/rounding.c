/* How the weights of a layer in bfloat16 are rounded. */
#include "graph.h"

void cr_node_find_ties(const cr_node *node, const cr_real *scale)
{
    const cr_linear linear = node->op->linear(node);
    const cr_window *win = &linear.win;
    for (int k = 0; k < win->k; k++) {
        cr_ties ties = {.error = 0};
        for (int c = 0; c < win->c; c++)
            for (int t = 0; t < win->r * win->s; t++)
                cr_ties_add(&ties, linear.weight(node, k, c, t) * (scale ? scale[k] : 1));
        node->ties[k] = cr_ties_find(&ties);
    }
}
