/* Steps that multiply bfloat16: convolutions and fully connected layers, where the instruction set has products of
 * such, of the nodes that round. */
#include "net.h"

cr_native cr_native_of(const cr_node *node)
{
    if (!(node->flags & CR_OP_ROUNDS) || !node->op->linear)
        return (cr_native){.runs = false};
    const cr_linear linear = node->op->linear(node);
    return (cr_native){.runs = cr_pairs_fit(&linear.win),
                       .n = linear.n,
                       .forth = cr_pairs_forward(&linear.win),
                       .back = cr_pairs_backward(&linear.win)};
}

static size_t reals_of(size_t n)
{
    return (n * sizeof(cr_bfloat16) + sizeof(cr_real) - 1) / sizeof(cr_real);
}

size_t cr_native_weights(const cr_pairs *pairs)
{
    return reals_of(cr_pairs_weights(pairs));
}

size_t cr_native_scratch(const cr_native *native)
{
    const size_t forth = cr_pairs_scratch(&native->forth), back = cr_pairs_scratch(&native->back);
    return reals_of(forth > back ? forth : back);
}

/* The layer's weights, each output channel scaled, rounded. */
typedef struct scaled {
    const cr_node *node;
    cr_linear linear;
    const cr_real *scale; /* may be NULL */
} scaled;

static cr_real scaled_weight(const void *context, int k, int c, int t)
{
    const scaled *s = context;
    const cr_real value = s->linear.weight(s->node, k, c, t) * (s->scale ? s->scale[k] : 1);
    return cr_bfloat16_value(cr_bfloat16_tied(value, s->node->ties[k]));
}

static cr_real turned_weight(const void *context, int c, int k, int t)
{
    const cr_window *win = &((const scaled *)context)->linear.win;
    return scaled_weight(context, k, c, win->r * win->s - 1 - t);
}

void cr_native_pack(const cr_step *step, cr_real *block)
{
    const cr_native *native = &step->native;
    const cr_node *node = &step->node;
    const scaled s = {node, node->op->linear(node), step->fold_scale};
    cr_real *bias = block + native->bias_at;
    cr_pairs_pack(&native->forth, scaled_weight, &s,
                  (cr_bfloat16 *)(void *)(block + native->weights_at));
    if (step->back && !native->back.turned)
        cr_pairs_pack(&native->back, turned_weight, &s,
                      (cr_bfloat16 *)(void *)(block + native->weights_back_at));
    for (int k = 0; k < s.linear.win.k; k++)
        bias[k] = s.linear.bias(node, k) * (s.scale ? s.scale[k] : 1) +
                  (step->fold_shift ? step->fold_shift[k] : 0);
}
