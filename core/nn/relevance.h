/* relevance.h - inside of nn: layer-wise relevance propagation, a pass back that is not the gradient's. */
#ifndef CAMRANK_NN_RELEVANCE_H
#define CAMRANK_NN_RELEVANCE_H

#include "net.h"

/* How a node passes relevance on. */
typedef enum cr_passing {
    CR_PASSES_NOTHING,    /* no rule is known */
    CR_PASSES_BY_WEIGHTS, /* as the rule for its kind says */
    CR_PASSES_BY_PARTS,   /* in proportion to what each input adds to the output */
    CR_PASSES_AS_IT_IS,   /* of each element to the same one */
    CR_PASSES_BACK,       /* as a gradient: to where the element comes from */
} cr_passing;

cr_passing cr_node_passing(const cr_node *node);

/* graph.c: the node; -1. */
int cr_first_with_weights(const cr_graph *graph);

/* The weights that a node's rule multiplies by, a bit for each cr_part_of_weights; 0: none. */
unsigned cr_relevance_weights(const cr_relevance *rules, const cr_node *node, bool first);

/* cr_reals of the weights of one part, and of scratch for a step. */
size_t cr_relevance_n_weights(const cr_node *node);
size_t cr_relevance_scratch(const cr_node *node, size_t all_x, size_t y);

/* Writes one part of a node's weights, folded, and its biases behind. */
void cr_relevance_pack(const cr_node *node, cr_part_of_weights part, const cr_real *scale,
                       const cr_real *shift, cr_real *weights);

/* Of n cr_reals, so that what lies behind them is at a multiple of 64 bytes. */
static inline size_t cr_whole_lines(size_t n)
{
    return (n + 15) / 16 * 16;
}

/* rescale.c: whether multipliers are known to go through a node; and the step of one image, `reference` images
 * behind it the other. */
bool cr_node_rescales(const cr_node *node);
void cr_step_rescale(const cr_step *step, const cr_run *run, int reference);

/* Adds to run->dx what of the relevance run->dy belongs to each x; run->dy is before the clamp's mask. */
void cr_step_relevance(const cr_net *net, const cr_step *step, const cr_relevance *rules,
                       const cr_run *run);

#endif
