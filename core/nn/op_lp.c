/* Lp norms, the p-th root of the sum of |x|^p: LpNormalization along an axis, GlobalLpPool over all places of
 * a channel, LpPool over windows, which a move lays out behind one another. */
#include "compose.h"
#include "move.h"

#include <float.h>

/* With a norm of 0 so is the result, as ONNX Runtime has it. */
#define LEAST_NORM FLT_MIN

static cr_status read_order(const cr_node *node, int64_t *p, cr_error *err)
{
    cr_status status = cr_attribute_int(node, "p", 2, p, err);
    if (status == CR_OK && (*p < 1 || *p > 65536))
        return cr_fail(err, CR_EINPUT, "attribute p is out of range");
    return status;
}

/* The norm of x over these axes, which are kept or not. */
static cr_status norm(cr_graph *graph, const cr_node *node, int x, int64_t p, const int64_t *axes,
                      int n_axes, bool keep, int *y, cr_error *err)
{
    if (p > 2) {
        CR_OR_RETURN(cr_put(graph, node, "Abs", x, &x, err));
        CR_OR_RETURN(cr_put_number(graph, node, "Pow", x, (double)p, &x, err));
    }
    CR_OR_RETURN(cr_put_reduction(graph, node,
                                  p == 1   ? "ReduceL1"
                                  : p == 2 ? "ReduceL2"
                                           : "ReduceSum",
                                  x, axes, n_axes, keep, y, err));
    if (p > 2)
        CR_OR_RETURN(cr_put_number(graph, node, "Pow", *y, 1 / (double)p, y, err));
    return CR_OK;
}

static cr_status load_normalization(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t given, p;
    int axis, y;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", -1, &given, err));
    CR_OR_RETURN(read_order(node, &p, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &axis, err));
    const int x = node->inputs[0];
    CR_OR_RETURN(norm(graph, node, x, p, &(int64_t){axis}, 1, true, &y, err));
    CR_OR_RETURN(cr_put_number(graph, node, "Max", y, (double)LEAST_NORM, &y, err));
    return cr_node_become(graph, node, "Div", (int[]){x, y}, 2, NULL, err);
}

static cr_status load_global(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t p, axes[CR_MAX_DIMS];
    int y, n = 0;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(read_order(node, &p, err));
    if (in->shape.n_dims < 3)
        return cr_fail(err, CR_EINPUT, "input 1 has %d dimensions, 3 or more are supported",
                       in->shape.n_dims);
    for (int d = 2; d < in->shape.n_dims; d++)
        axes[n++] = d;
    CR_OR_RETURN(norm(graph, node, node->inputs[0], p, axes, n, true, &y, err));
    return cr_node_become(graph, node, "Identity", &y, 1, NULL, err);
}

/* The windows of n dimensions. */
typedef struct windows {
    int n;
    cr_span spans[3];
} windows;

/* The output's last coordinate is the place in the window, in raster order. */
static bool in_window(const void *context, const int *at, int *from)
{
    const windows *w = context;
    int place = at[2 + w->n];
    from[0] = at[0];
    from[1] = at[1];
    for (int d = w->n - 1; d >= 0; d--) {
        const cr_span *s = &w->spans[d];
        from[2 + d] = at[2 + d] * s->stride - s->before + place % s->window * s->dilation;
        place /= s->window;
        if (from[2 + d] < 0 || from[2 + d] >= s->size)
            return false;
    }
    return true;
}

static cr_status load_windows(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const windows *w = node->wish;
    cr_move *move;
    cr_status status = cr_node_value(graph, node, 0, &in, err);
    if (status != CR_OK)
        return status;
    cr_shape out = in->shape;
    int64_t places = 1;
    for (int d = 0; d < w->n; d++) {
        out.dims[2 + d] = w->spans[d].out;
        places *= w->spans[d].window;
        if (places > CR_MAX_ELEMENTS)
            return cr_fail(err, CR_EINPUT, "its window is too large");
    }
    out.dims[out.n_dims++] = (int)places;
    return cr_move_make(graph, node, in, &out, NULL, in_window, w, &move, err);
}

static const cr_op windows_op = {.type = "windows",
                                 .flags = CR_OP_MOVES | CR_OP_ANY_ORDER | CR_OP_LINEAR,
                                 .load = load_windows,
                                 .forward = cr_move_forward,
                                 .backward = cr_move_backward};

static cr_status load_pool(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    windows w = {0};
    int64_t p;
    int y;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(read_order(node, &p, err));
    w.n = in->shape.n_dims - 2;
    if (w.n < 1 || w.n > 3)
        return cr_fail(err, CR_EINPUT, "input 1 has %d dimensions, 3 to 5 are supported",
                       in->shape.n_dims);
    for (int d = 0; d < w.n; d++)
        w.spans[d].size = in->shape.dims[2 + d];
    CR_OR_RETURN(cr_spans_load(graph, node, w.n, true, w.spans, err));
    CR_OR_RETURN(cr_node_insert_wish(graph, &windows_op, node->inputs[0], &w, &y, err));
    CR_OR_RETURN(norm(graph, node, y, p, &(int64_t){-1}, 1, false, &y, err));
    return cr_node_become(graph, node, "Identity", &y, 1, NULL, err);
}

#define LP_OP(symbol, name, loader)                                   \
    const cr_op symbol = {.type = name,                               \
                          .min_inputs = 1,                            \
                          .max_inputs = 1,                            \
                          .flags = CR_OP_ANY_ORDER | CR_OP_OWN_ORDER, \
                          .load = loader}

LP_OP(cr_op_global_lp_pool, "GlobalLpPool", load_global);
LP_OP(cr_op_lp_normalization, "LpNormalization", load_normalization);
LP_OP(cr_op_lp_pool, "LpPool", load_pool);
