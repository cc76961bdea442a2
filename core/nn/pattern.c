/* Functions that models make of several operators, computed as one where nobody wants the values
 * between: SiLU and HardSwish, x times a gate of x; GELU, in the orders of PyTorch and of Keras; and
 * layer normalisation as it was exported before ONNX had an operator for it. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

typedef struct patterns {
    const cr_graph *graph;
    int *n_uses; /* [n_values] by nodes, and from outside */
} patterns;

/* The node of this operator that `value` comes from, if the value has n_uses in all; else NULL. */
static const cr_node *made_by(const patterns *p, int value, const cr_op *op, int n_uses)
{
    int i = p->graph->values[value].producer;
    const cr_node *node = i < 0 ? NULL : &p->graph->nodes[i];
    return node && node->op == op && p->n_uses[value] == n_uses ? node : NULL;
}

/* The input of the affine that `value` comes from, if it has no other use; else -1. */
static int before_affine(const patterns *p, int value, double *scale, double *shift)
{
    int i = p->graph->values[value].producer;
    bool is_one =
        i >= 0 && p->n_uses[value] == 1 && cr_affine_uniform(&p->graph->nodes[i], scale, shift);
    return is_one ? p->graph->nodes[i].x[0] : -1;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fabs(b);
}

/* The factor of a product that the other one is a gate for; -1 if none is. */
static int gated(const patterns *p, const cr_node *product, cr_unary_op *op)
{
    for (int j = 0; j < 2; j++) {
        const cr_node *soft = made_by(p, product->x[j], &cr_op_sigmoid, 1);
        const cr_node *hard = made_by(p, product->x[j], &cr_op_hard_sigmoid, 1);
        const cr_unary *gate = hard ? hard->params : NULL;
        if (gate && !(near((double)gate->alpha, 1.0 / 6) && near((double)gate->beta, 0.5)))
            continue;
        *op = soft ? CR_SILU : CR_HARD_SWISH;
        if ((soft || hard) && (soft ? soft : hard)->x[0] == product->x[1 - j])
            return product->x[1 - j];
    }
    return -1;
}

/* x, if `value` is factor (1 + Erf(x / sqrt 2)); else -1. */
static int before_erf(const patterns *p, int value, double *factor)
{
    double one, scale, shift;
    int of_erf = before_affine(p, value, factor, &one);
    const cr_node *erf_node =
        of_erf < 0 || !near(one, *factor) ? NULL : made_by(p, of_erf, &cr_op_erf, 1);
    int x = erf_node ? before_affine(p, erf_node->x[0], &scale, &shift) : -1;
    return x >= 0 && near(scale, sqrt(0.5)) && shift == 0 ? x : -1;
}

/* x, if the product is factor x (1 + Erf(x / sqrt 2)); else -1. */
static int before_product(const patterns *p, const cr_node *product, double *factor)
{
    for (int j = 0; j < 2; j++) {
        double scale, shift;
        int other = product->x[1 - j], x = before_erf(p, product->x[j], factor);
        if (x < 0)
            continue;
        if (x == other)
            return x;
        if (before_affine(p, other, &scale, &shift) == x && shift == 0) {
            *factor *= scale;
            return x;
        }
    }
    return -1;
}

/* x, if the node is GELU(x); else -1. */
static int before_gelu(const patterns *p, const cr_node *node)
{
    double factor, scale, shift;
    bool halves = cr_affine_uniform(node, &scale, &shift) && shift == 0;
    const cr_node *product = halves ? made_by(p, node->x[0], &cr_op_mul, 1) : node;
    if (!product || product->op != &cr_op_mul)
        return -1;
    int x = before_product(p, product, &factor);
    return x >= 0 && near(halves ? factor * scale : factor, 0.5) ? x : -1;
}

/* x, if the quotient is (x - mean) / sqrt(mean of (x - mean)^2 + epsilon); else -1. */
static int before_layer_norm(const patterns *p, const cr_node *quotient, double *epsilon)
{
    double scale;
    int centred = quotient->x[0];
    const cr_node *root = made_by(p, quotient->x[1], &cr_op_sqrt, 1);
    int variance = root ? before_affine(p, root->x[0], &scale, epsilon) : -1;
    const cr_node *mean =
        variance < 0 || scale != 1 ? NULL : made_by(p, variance, &cr_op_row_mean, 1);
    const cr_node *square = mean ? made_by(p, mean->x[0], &cr_op_pow, 1) : NULL;
    if (!square || square->x[0] != centred || ((const cr_unary *)square->params)->alpha != 2)
        return -1;
    const cr_node *difference = made_by(p, centred, &cr_op_sub, 2);
    mean = difference ? made_by(p, difference->x[1], &cr_op_row_mean, 1) : NULL;
    return mean && mean->x[0] == difference->x[0] ? difference->x[0] : -1;
}

static cr_status replace(const patterns *p, cr_node *node, cr_arena *memory, cr_error *err)
{
    cr_unary_op op = CR_GELU;
    double epsilon;
    bool product = node->op == &cr_op_mul, quotient = node->op == &cr_op_div;
    int rows = quotient ? before_layer_norm(p, node, &epsilon) : -1;
    int x = rows >= 0 ? rows : product ? gated(p, node, &op) : -1;
    if (x < 0) {
        op = CR_GELU;
        x = before_gelu(p, node);
    }
    if (x < 0)
        return CR_OK;
    const cr_value *in = &p->graph->values[x];
    cr_node made = {
        .name = node->name, .n_inputs = 1, .n_x = 1, .y = node->y, .clamp = node->clamp};
    made.inputs = made.x = cr_arena_alloc(memory, 1, sizeof *made.x);
    if (!made.x)
        return cr_fail_memory(err, "a node", 1, sizeof *made.x);
    made.x[0] = x;
    CR_OR_RETURN(rows >= 0 ? cr_layer_norm_make(memory, &made, in, epsilon, err)
                           : cr_unary_make(memory, &made, op, cr_shape_size(&in->shape), err));
    made.type = made.op->type;
    *node = made;
    return CR_OK;
}

cr_status cr_patterns_take(cr_graph *graph, const cr_net_target *targets, int n_targets,
                           cr_arena *memory, cr_error *err)
{
    cr_status status = CR_OK;
    patterns p = {.graph = graph};
    size_t n_nodes = (size_t)graph->n_nodes;
    cr_node *nodes = cr_arena_alloc(memory, n_nodes, sizeof *nodes);
    p.n_uses = cr_alloc((size_t)graph->n_values, sizeof *p.n_uses);
    if (!nodes || !p.n_uses) {
        status = cr_fail_memory(err, "nodes", n_nodes, sizeof *nodes);
        goto cleanup;
    }
    p.n_uses[graph->logits]++;
    for (int t = 0; t < n_targets; t++)
        p.n_uses[targets[t].value]++;
    for (size_t i = 0; i < n_nodes; i++)
        for (int j = 0; j < graph->nodes[i].n_x; j++)
            p.n_uses[graph->nodes[i].x[j]]++;
    memcpy(nodes, graph->nodes, n_nodes * sizeof *nodes);
    for (size_t i = 0; i < n_nodes; i++)
        CR_TRY(replace(&p, &nodes[i], memory, err));
    graph->nodes = nodes;

cleanup:
    free(p.n_uses);
    return status;
}
