/* Add, Sub, Mul, Div: of two activations, or of one and a constant, which is an affine. */
#include "graph.h"

#include <string.h>

typedef struct binary {
    cr_binary kernel;
    bool swapped; /* the operand that is spread comes first in ONNX */
} binary;

/* Whether a constant holds one value, or one for each element of the last dimension in memory. */
static bool fits_last(const cr_tensor *t, const cr_value *in)
{
    if (!t || t->n_dims > in->shape.n_dims)
        return false;
    if (t->n == 1)
        return true;
    int n = in->shape.n_dims, last = cr_value_last_dim(in);
    int axis = last - (n - t->n_dims); /* shapes are aligned at their ends */
    return axis >= 0 && axis < t->n_dims && t->dims[axis] == t->n && t->n == cr_value_last(in);
}

/* How `b` has to be spread to the shape of `a`; false if it cannot be. */
static bool find_spread(const cr_value *a, const cr_value *b, cr_binary *kernel)
{
    int n = a->shape.n_dims, n_a = (int)cr_shape_size(&a->shape);
    if (b->shape.n_dims != n || memcmp(a->order, b->order, (size_t)n * sizeof *a->order) != 0)
        return false;
    if (cr_shape_size(&b->shape) == 1) {
        *kernel = (cr_binary){kernel->op, CR_SPREAD_CHANNELS, 1, n_a};
        return true;
    }
    bool same = true, rows = true, channels = true;
    for (int i = 0; i < n; i++) {
        int ad = a->shape.dims[a->order[i]], bd = b->shape.dims[b->order[i]];
        bool last = a->order[i] == cr_value_last_dim(a);
        same = same && ad == bd;
        rows = rows && bd == (last ? ad : 1);
        channels = channels && bd == (last ? 1 : ad);
    }
    kernel->spread = same ? CR_SPREAD_NONE : rows ? CR_SPREAD_ROWS : CR_SPREAD_CHANNELS;
    kernel->c = cr_value_last(a);
    kernel->rows = n_a / kernel->c;
    return same || rows || channels;
}

static cr_status load_activations(cr_graph *graph, cr_node *node, cr_binary_op op, cr_error *err)
{
    const cr_value *a, *b;
    cr_given all;
    binary *p;
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->kernel.op = op;
    p->swapped = false;
    bool fits = node->n_x == 2;
    if (fits) {
        const bool commutes = op == CR_ADD || op == CR_MUL;
        a = &graph->values[node->x[0]];
        b = &graph->values[node->x[1]];
        fits = find_spread(a, b, &p->kernel);
        if (!fits && commutes && find_spread(b, a, &p->kernel))
            p->swapped = fits = true;
    }
    if (!fits) {
        CR_OR_RETURN(cr_node_broadcast(graph, node, &all, err));
        find_spread(&graph->values[node->x[0]], &graph->values[node->x[1]], &p->kernel);
    }
    a = &graph->values[node->x[p->swapped]];
    if (op == CR_ADD && p->kernel.spread == CR_SPREAD_NONE)
        node->flags |= CR_OP_ADD;
    node->flops = (double)cr_shape_size(&a->shape);
    return cr_node_set_like(graph, node, a, err);
}

static cr_status load_with_constant(cr_graph *graph, cr_node *node, cr_binary_op op, int constant,
                                    cr_error *err)
{
    const cr_value *in;
    const cr_tensor *t;
    cr_real *scale, *shift;
    bool first = constant == 0;
    CR_OR_RETURN(cr_node_value(graph, node, 1 - constant, &in, err));
    CR_OR_RETURN(cr_node_reals(graph, node, constant, &t, err));
    if (!fits_last(t, in) || (op == CR_DIV && first))
        return load_activations(graph, node, op, err);
    CR_OR_RETURN(cr_affine_load(graph, node, in, &scale, &shift, err));
    const int n = cr_value_last(in);
    for (int k = 0; k < n; k++) {
        cr_real value = cr_tensor_real(t, t->n == 1 ? 0 : (size_t)k);
        scale[k] = op == CR_MUL ? value : op == CR_DIV ? 1 / value : op == CR_SUB && first ? -1 : 1;
        shift[k] = op == CR_ADD || (op == CR_SUB && first) ? value : op == CR_SUB ? -value : 0;
    }
    node->n_parameters = t->n;
    return CR_OK;
}

static cr_status load_binary(cr_graph *graph, cr_node *node, cr_binary_op op, cr_error *err)
{
    if (node->n_x == 1 && node->inputs[0] >= 0 && node->inputs[1] >= 0)
        return load_with_constant(graph, node, op, node->inputs[0] == node->x[0] ? 1 : 0, err);
    return load_activations(graph, node, op, err);
}

static cr_status load_add(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_binary(graph, node, CR_ADD, err);
}

static cr_status load_sub(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_binary(graph, node, CR_SUB, err);
}

static cr_status load_mul(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_binary(graph, node, CR_MUL, err);
}

static cr_status load_div(cr_graph *graph, cr_node *node, cr_error *err)
{
    return load_binary(graph, node, CR_DIV, err);
}

static void forward(const cr_run *run)
{
    const binary *p = run->node->params;
    cr_binary_forward(&p->kernel, run->n, run->x[p->swapped], run->x[!p->swapped], run->y);
}

/* Of what is spread over all rows each piece needs the only one. */
static cr_cut cut(const cr_node *node, int first, int n)
{
    const binary *p = node->params;
    cr_cut cut = cr_cut_alike((size_t)p->kernel.rows, first, n);
    if (p->kernel.spread == CR_SPREAD_ROWS)
        cut.x_rows[!p->swapped] = cut.n[!p->swapped] = 1, cut.first[!p->swapped] = 0;
    return cut;
}

static void forward_rows(const cr_run *run, int first, int n)
{
    (void)first;
    const binary *p = run->node->params;
    cr_binary kernel = p->kernel;
    kernel.rows = n;
    cr_binary_forward(&kernel, run->n, run->x[p->swapped], run->x[!p->swapped], run->y);
}

static void backward(const cr_run *run)
{
    const binary *p = run->node->params;
    cr_binary_backward(&p->kernel, run->n, run->m, run->x[p->swapped], run->x[!p->swapped], run->dy,
                       run->dx[p->swapped], run->dx[!p->swapped]);
}

static void tangent(const cr_run *run)
{
    const binary *p = run->node->params;
    cr_binary_tangent(&p->kernel, run->n, run->x[p->swapped], run->x[!p->swapped],
                      run->tx[p->swapped], run->tx[!p->swapped], run->ty);
}

static void curve(const cr_run *run)
{
    const binary *p = run->node->params;
    cr_binary_curve(&p->kernel, run->m, run->x[p->swapped], run->x[!p->swapped],
                    run->tx[p->swapped], run->tx[!p->swapped], run->dy, run->dx[p->swapped],
                    run->dx[!p->swapped]);
}

#define BINARY_OP(symbol, name, needs, loader, bends, curves)                    \
    const cr_op symbol = {.type = name,                                          \
                          .min_inputs = 2,                                       \
                          .max_inputs = 2,                                       \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OVERWRITES | (needs), \
                          .load = loader,                                        \
                          .forward = forward,                                    \
                          .backward = backward,                                  \
                          .cut = cut,                                            \
                          .forward_rows = forward_rows,                          \
                          .tangent = bends,                                      \
                          .curve = curves}

BINARY_OP(cr_op_add, "Add", CR_OP_LINEAR, load_add, NULL, NULL);
BINARY_OP(cr_op_sub, "Sub", CR_OP_LINEAR, load_sub, NULL, NULL);
BINARY_OP(cr_op_mul, "Mul", CR_OP_NEEDS_X, load_mul, tangent, curve);
BINARY_OP(cr_op_div, "Div", CR_OP_NEEDS_X, load_div, tangent, curve);
