/* Functions of two activations element by element: one row each. Where chooses between two, Sum, Mean,
 * Max and Min of several are chains of them. */
#include "move.h"

typedef struct pair {
    cr_pair_op op;
    size_t n;
} pair;

static cr_status load_row(cr_graph *graph, cr_node *node, cr_pair_op op, cr_error *err)
{
    cr_given all;
    pair *p;
    CR_OR_RETURN(cr_node_broadcast(graph, node, &all, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    CR_OR_RETURN(cr_node_set_like(graph, node, &graph->values[node->inputs[0]], err));
    p->op = op;
    p->n = cr_shape_size(&all.shape);
    node->flops = 4.0 * (double)p->n;
    return CR_OK;
}

static void forward(const cr_run *run)
{
    const pair *p = run->node->params;
    cr_pair_forward(p->op, (size_t)run->n * p->n, run->x[0], run->x[1], run->y);
}

static void backward(const cr_run *run)
{
    const pair *p = run->node->params;
    cr_pair_backward(p->op, run->n, run->m, p->n, run->x[0], run->x[1], run->dy, run->dx[0],
                     run->dx[1]);
}

static void tangent(const cr_run *run)
{
    const pair *p = run->node->params;
    cr_pair_tangent(p->op, (size_t)run->n * p->n, run->x[0], run->x[1], run->tx[0], run->tx[1],
                    run->ty);
}

static void curve(const cr_run *run)
{
    const pair *p = run->node->params;
    cr_pair_curve(p->op, run->m, p->n, run->x[0], run->x[1], run->tx[0], run->tx[1], run->dy,
                  run->dx[0], run->dx[1]);
}

#define OP(symbol, name, most, loader)                                                \
    const cr_op symbol = {.type = name,                                               \
                          .min_inputs = most == 2 ? 2 : 1,                            \
                          .max_inputs = most,                                         \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER | CR_OP_NEEDS_X, \
                          .load = loader,                                             \
                          .forward = forward,                                         \
                          .backward = backward,                                       \
                          .tangent = tangent,                                         \
                          .curve = curve}

#define ROW(symbol, name, op)                                                     \
    static cr_status load_##symbol(cr_graph *graph, cr_node *node, cr_error *err) \
    {                                                                             \
        return load_row(graph, node, op, err);                                    \
    }                                                                             \
    OP(cr_op_##symbol, name, 2, load_##symbol)

ROW(and, "And", CR_PAIR_AND);
ROW(equal, "Equal", CR_PAIR_EQUAL);
ROW(greater, "Greater", CR_PAIR_GREATER);
ROW(greater_or_equal, "GreaterOrEqual", CR_PAIR_GREATER_EQUAL);
ROW(less, "Less", CR_PAIR_LESS);
ROW(less_or_equal, "LessOrEqual", CR_PAIR_LESS_EQUAL);
ROW(or, "Or", CR_PAIR_OR);
ROW(p_relu, "PRelu", CR_PAIR_PRELU);
ROW(xor, "Xor", CR_PAIR_XOR);

static OP(power_op, "Pow", 2, NULL);

cr_status cr_pow_load_pair(cr_graph *graph, cr_node *node, cr_error *err)
{
    node->op = &power_op;
    node->flags = power_op.flags;
    return load_row(graph, node, CR_PAIR_POW, err);
}

static cr_status load_mod(cr_graph *graph, cr_node *node, cr_error *err)
{
    int64_t as_c;
    cr_status status = cr_attribute_int(node, "fmod", 0, &as_c, err);
    return status == CR_OK ? load_row(graph, node, as_c ? CR_PAIR_FMOD : CR_PAIR_MOD, err) : status;
}

OP(cr_op_mod, "Mod", 2, load_mod);

/* All inputs but the last joined by an operator of two; *joined is what there is of them. */
static cr_status join_all_but_last(cr_graph *graph, cr_node *node, const char *type, int *joined,
                                   cr_error *err)
{
    *joined = node->inputs[0];
    for (int i = 1; i < node->n_inputs - 1; i++) {
        const int both[] = {*joined, node->inputs[i]};
        CR_OR_RETURN(cr_node_insert(graph, node, type, both, 2, NULL, joined, err));
    }
    return CR_OK;
}

/* An operator of any number of inputs as a chain of one of two. */
static cr_status load_chain(cr_graph *graph, cr_node *node, const char *type, cr_error *err)
{
    const int n = node->n_inputs;
    int joined;
    for (int i = 0; i < n; i++)
        if (node->inputs[i] < 0)
            return cr_fail(err, CR_EINPUT, "input %d is left out", i + 1);
    CR_OR_RETURN(join_all_but_last(graph, node, type, &joined, err));
    const int both[] = {joined, node->inputs[n - 1]};
    return cr_node_become(graph, node, n == 1 ? "Identity" : type, both, n == 1 ? 1 : 2, NULL, err);
}

static cr_status load_sum(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_chain(graph, node, "Add", err);
}

static cr_status load_mean(cr_graph *graph, cr_node *node, cr_error *err)
{
    int sum[2];
    CR_OR_RETURN(
        cr_node_insert(graph, node, "Sum", node->inputs, node->n_inputs, NULL, &sum[0], err));
    CR_OR_RETURN(cr_graph_add_real(graph, 1.0 / node->n_inputs, &sum[1], err));
    return cr_node_become(graph, node, "Mul", sum, 2, NULL, err);
}

static cr_status load_max(cr_graph *graph, cr_node *node, cr_error *err)
{
    return node->n_inputs == 2 ? load_row(graph, node, CR_PAIR_MAX, err)
                               : load_chain(graph, node, "Max", err);
}

static cr_status load_min(cr_graph *graph, cr_node *node, cr_error *err)
{
    return node->n_inputs == 2 ? load_row(graph, node, CR_PAIR_MIN, err)
                               : load_chain(graph, node, "Min", err);
}

OP(cr_op_max, "Max", CR_MAX_ACTIVATIONS, load_max);
OP(cr_op_mean, "Mean", CR_MAX_ACTIVATIONS, load_mean);
OP(cr_op_min, "Min", CR_MAX_ACTIVATIONS, load_min);
OP(cr_op_sum, "Sum", CR_MAX_ACTIVATIONS, load_sum);

/* params: the number of elements. */
static cr_status load_where(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_given all;
    size_t *n;
    CR_OR_RETURN(cr_node_broadcast(graph, node, &all, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *n, (void **)&n, err));
    CR_OR_RETURN(cr_node_set_like(graph, node, &graph->values[node->inputs[0]], err));
    *n = cr_shape_size(&all.shape);
    node->flops = (double)*n;
    return CR_OK;
}

static void where_forward(const cr_run *run)
{
    const size_t *n = run->node->params;
    cr_choose_forward((size_t)run->n * *n, run->x[0], run->x[1], run->x[2], run->y);
}

static void where_backward(const cr_run *run)
{
    const size_t *n = run->node->params;
    cr_choose_backward(run->n, run->m, *n, run->x[0], run->dy, run->dx[1], run->dx[2]);
}

static void where_tangent(const cr_run *run)
{
    const size_t *n = run->node->params;
    cr_choose_forward((size_t)run->n * *n, run->x[0], run->tx[1], run->tx[2], run->ty);
}

const cr_op cr_op_where = {.type = "Where",
                           .min_inputs = 3,
                           .max_inputs = 3,
                           .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER | CR_OP_NEEDS_X,
                           .load = load_where,
                           .forward = where_forward,
                           .backward = where_backward,
                           .tangent = where_tangent};
