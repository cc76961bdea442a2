/* Functions of single values: Sigmoid, HardSigmoid, HardSwish, Erf, Sqrt, Pow by a constant; those
 * that models are made of several operators for. */
#include "graph.h"

static cr_status load_unary(cr_graph *graph, cr_node *node, cr_unary_op op, cr_unary **params,
                            cr_error *err)
{
    const cr_value *in;
    cr_unary *p;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->op = op;
    p->n = cr_shape_size(&in->shape);
    node->flops = 4.0 * (double)p->n;
    CR_OR_RETURN(cr_node_set_like(graph, node, in, err));
    *params = p;
    return CR_OK;
}

static cr_status load_sigmoid(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_unary(graph, node, CR_SIGMOID, &(cr_unary *){NULL}, err);
}

static cr_status load_hard_swish(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_unary(graph, node, CR_HARD_SWISH, &(cr_unary *){NULL}, err);
}

static cr_status load_erf(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_unary(graph, node, CR_ERF, &(cr_unary *){NULL}, err);
}

static cr_status load_sqrt(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_unary(graph, node, CR_SQRT, &(cr_unary *){NULL}, err);
}

static cr_status load_hard_sigmoid(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_unary *p;
    double alpha, beta;
    CR_OR_RETURN(cr_attribute_float(node, "alpha", 0.2, &alpha, err));
    CR_OR_RETURN(cr_attribute_float(node, "beta", 0.5, &beta, err));
    CR_OR_RETURN(load_unary(graph, node, CR_HARD_SIGMOID, &p, err));
    p->alpha = (cr_real)alpha;
    p->beta = (cr_real)beta;
    return CR_OK;
}

static cr_status load_pow(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_tensor *exponent;
    cr_unary *p;
    const int of = node->inputs[1], base = node->inputs[0];
    if (of < 0 || base < 0 || !graph->values[of].constant || graph->values[base].constant ||
        graph->values[of].tensor.n != 1 || graph->values[of].tensor.n_dims > 1)
        return cr_pow_load_pair(graph, node, err);
    CR_OR_RETURN(cr_node_reals(graph, node, 1, &exponent, err));
    CR_OR_RETURN(load_unary(graph, node, CR_POW, &p, err));
    p->alpha = cr_tensor_real(exponent, 0);
    return CR_OK;
}

static void forward(const cr_run *run)
{
    cr_unary_forward(run->node->params, run->n, run->x[0], run->y);
}

static cr_cut cut(const cr_node *node, int first, int n)
{
    return cr_cut_alike(((const cr_unary *)node->params)->n, first, n);
}

static void forward_rows(const cr_run *run, int first, int n)
{
    (void)first;
    cr_unary p = *(const cr_unary *)run->node->params;
    p.n = (size_t)n;
    cr_unary_forward(&p, run->n, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    cr_unary_backward(run->node->params, run->n, run->m, run->x[0], run->y, run->dy, run->dx[0]);
}

static void tangent(const cr_run *run)
{
    cr_unary_tangent(run->node->params, run->n, run->x[0], run->y, run->tx[0], run->ty);
}

static void curve(const cr_run *run)
{
    cr_unary_curve(run->node->params, run->m, run->x[0], run->y, run->tx[0], run->dy, run->dx[0]);
}

#define UNARY_OP(symbol, name, n_inputs, needs, loader)                          \
    const cr_op symbol = {.type = name,                                          \
                          .min_inputs = n_inputs,                                \
                          .max_inputs = n_inputs,                                \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OVERWRITES | (needs), \
                          .load = loader,                                        \
                          .forward = forward,                                    \
                          .backward = backward,                                  \
                          .cut = cut,                                            \
                          .forward_rows = forward_rows,                          \
                          .tangent = tangent,                                    \
                          .curve = curve}

UNARY_OP(cr_op_sigmoid, "Sigmoid", 1, CR_OP_NEEDS_Y | CR_OP_ACTIVATES, load_sigmoid);
UNARY_OP(cr_op_hard_sigmoid, "HardSigmoid", 1, CR_OP_NEEDS_Y | CR_OP_ACTIVATES, load_hard_sigmoid);
UNARY_OP(cr_op_hard_swish, "HardSwish", 1, CR_OP_NEEDS_X | CR_OP_ACTIVATES, load_hard_swish);
UNARY_OP(cr_op_erf, "Erf", 1, CR_OP_NEEDS_X, load_erf);
UNARY_OP(cr_op_sqrt, "Sqrt", 1, CR_OP_NEEDS_Y, load_sqrt);
UNARY_OP(cr_op_pow, "Pow", 2, CR_OP_NEEDS_X, load_pow);
static UNARY_OP(silu_op, "SiLU", 1, CR_OP_NEEDS_X | CR_OP_ACTIVATES, NULL);
static UNARY_OP(gelu_op, "GELU", 1, CR_OP_NEEDS_X | CR_OP_ACTIVATES, NULL);

cr_status cr_unary_make(cr_arena *memory, cr_node *node, cr_unary_op op, size_t n, cr_error *err)
{
    cr_unary *p = cr_arena_alloc(memory, 1, sizeof *p);
    if (!p)
        return cr_fail_memory(err, "a function", 1, sizeof *p);
    p->op = op;
    p->n = n;
    node->params = p;
    node->op = op == CR_SILU ? &silu_op : op == CR_GELU ? &gelu_op : &cr_op_hard_swish;
    node->flags = node->op->flags;
    node->flops = 4.0 * (double)n;
    return CR_OK;
}
