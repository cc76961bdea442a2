/* The weights of a compiled network, folded and in the order of its kernels: one block, that its
 * caller provides. */
#include "net.h"

size_t cr_net_weight_bytes(const cr_net *net)
{
    return net->n_weights * sizeof(cr_real);
}

/* FNV-1a, 64 bits, a word at a time. */
static void mix(uint64_t *hash, uint64_t word)
{
    *hash = (*hash ^ word) * UINT64_C(1099511628211);
}

uint64_t cr_net_weight_layout(const cr_net *net)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *name = cr_kernels_isa(); *name; name++)
        mix(&hash, (uint64_t)*name);
    mix(&hash, sizeof(cr_real));
    for (int s = 0; s < net->n_steps; s++) {
        const cr_node *node = &net->steps[s].node;
        const cr_conv *conv = node->op->conv ? node->op->conv(node) : NULL;
        for (const char *name = conv ? conv->way->name : ""; *name; name++)
            mix(&hash, (uint64_t)*name);
        mix(&hash, net->steps[s].weights_at);
        mix(&hash, net->steps[s].back ? net->steps[s].weights_back_at : 0);
    }
    mix(&hash, net->n_weights);
    return hash;
}

void cr_net_pack(const cr_net *net, void *block)
{
    for (int s = 0; s < net->n_steps; s++) {
        const cr_step *step = &net->steps[s];
        const cr_node *node = &step->node;
        if (node->n_weights)
            node->op->pack(net->graph, node, step->fold_scale, step->fold_shift,
                           (cr_real *)block + step->weights_at);
        if (step->back && node->n_weights_back)
            node->op->pack_back(node, step->fold_scale, (cr_real *)block + step->weights_back_at);
    }
}

void cr_net_use(cr_net *net, const void *block)
{
    for (int s = 0; s < net->n_steps; s++) {
        cr_step *step = &net->steps[s];
        step->weights = (const cr_real *)block + step->weights_at;
        step->weights_back = step->back ? (const cr_real *)block + step->weights_back_at : NULL;
    }
}
