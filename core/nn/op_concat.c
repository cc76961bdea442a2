/* Concat along any axis. Forward copies what does not lie in the output already (place.c). */
#include "graph.h"

#include <string.h>

typedef struct concat {
    size_t rows; /* along the channels: H W */
    int c;       /* elements of a row of the output: its channels */
    int *parts;  /* and of each input */
} concat;

/* Elements of an input that lie behind one another in the output: those of the axis and of what lies
 * behind it in memory. */
static size_t run_of(const cr_value *value, int axis)
{
    size_t n = 1;
    for (int i = value->shape.n_dims - 1; i >= 0; i--) {
        n *= (size_t)value->shape.dims[value->order[i]];
        if (value->order[i] == axis)
            break;
    }
    return n;
}

/* Whether `in` is like the first but along the axis. */
static bool fits(const cr_shape *first, const cr_shape *in, int axis)
{
    bool same = in->n_dims == first->n_dims;
    for (int d = 0; same && d < in->n_dims; d++)
        same = d == axis || in->dims[d] == first->dims[d];
    return same;
}

/* Inputs of no element: they add nothing, and may have any shape. */
static void leave_empty_out(const cr_graph *graph, cr_node *node)
{
    int n = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        const cr_value *in = node->inputs[i] < 0 ? NULL : &graph->values[node->inputs[i]];
        if (!in || !in->constant || in->tensor.n > 0 || in->tensor.n_dims == 0)
            node->inputs[n++] = node->inputs[i];
    }
    node->n_inputs = n;
    cr_node_connect(graph, node);
}

static cr_status load(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *first = NULL, *in;
    concat *p;
    int64_t given, extent = 0;
    int axis;
    CR_OR_RETURN(cr_attribute_int(node, "axis", INT64_MAX, &given, err));
    if (!graph->computes)
        leave_empty_out(graph, node);
    first = node->n_x ? &graph->values[node->x[0]] : NULL;
    for (int i = 0; i < node->n_inputs; i++) {
        if (first && node->inputs[i] >= 0)
            CR_OR_RETURN(cr_node_of_one(graph, node, i, first->shape.n_dims, err));
        CR_OR_RETURN(cr_node_value(graph, node, i, &in, err));
    }
    first = &graph->values[node->inputs[0]];
    CR_OR_RETURN(cr_node_axis(graph, given, first->shape.n_dims, &axis, err));
    CR_OR_RETURN(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->parts = cr_arena_alloc(&graph->arena, (size_t)node->n_inputs, sizeof *p->parts);
    if (!p->parts)
        return cr_fail_memory(err, "a node", (size_t)node->n_inputs, sizeof *p->parts);
    cr_shape out = first->shape;
    for (int i = 0; i < node->n_inputs; i++) {
        CR_OR_RETURN(cr_node_value(graph, node, i, &in, err));
        if (!fits(&first->shape, &in->shape, axis))
            return cr_fail(err, CR_EINPUT, "input %d differs from the first in more than its axis",
                           i + 1);
        p->parts[i] = (int)run_of(in, axis);
        extent += in->shape.dims[axis];
    }
    if (extent > CR_MAX_ELEMENTS)
        return cr_fail(err, CR_EINPUT, "its output has more than %lld elements",
                       (long long)CR_MAX_ELEMENTS);
    out.dims[axis] = (int)extent;
    CR_OR_RETURN(cr_node_set_shape(graph, node, &out, err));
    cr_value *y = &graph->values[node->y];
    memcpy(y->order, graph->values[node->inputs[0]].order, sizeof y->order);
    p->c = (int)run_of(y, axis);
    p->rows = cr_shape_size(&out) / (size_t)p->c;
    /* Of channels alone: what looks for it means those, and so do steps. */
    if (axis == 1 && cr_value_is_usual(y) &&
        (out.n_dims == 2 || (out.n_dims == 4 && out.dims[0] == 1)))
        node->flags |= CR_OP_CONCAT | CR_OP_READS_STEPS | CR_OP_WRITES_STEPS;
    return CR_OK;
}

static void forward(const cr_run *run)
{
    const concat *p = run->node->params;
    ptrdiff_t y_step = cr_step_of(run->y_step, p->c);
    int offset = 0;
    for (int i = 0; i < run->node->n_x; offset += p->parts[i], i++) {
        size_t part = (size_t)p->parts[i], rows = (size_t)run->n * p->rows;
        ptrdiff_t x_step = cr_step_of(run->x_step[i], p->parts[i]);
        cr_real *y = run->y + offset;
        const cr_real *x = run->x[i];
        if (part == 1) /* as where the channels of pixels come together: no call for each */
            for (size_t t = 0; x != y && t < rows; t++, x += x_step, y += y_step)
                *y = *x;
        else
            for (size_t t = 0; x != y && t < rows; t++, x += x_step, y += y_step)
                memcpy(y, x, part * sizeof *x);
    }
}

static void backward(const cr_run *run)
{
    const concat *p = run->node->params;
    int offset = 0;
    for (int i = 0; i < run->node->n_x; offset += p->parts[i], i++) {
        cr_real *dx = run->dx[i];
        const cr_real *dy = run->dy + offset;
        if (!dx)
            continue;
        for (size_t t = 0; t < (size_t)run->n * (size_t)run->m * p->rows; t++, dy += p->c)
            for (int c = 0; c < p->parts[i]; c++)
                *dx++ += dy[c];
    }
}

const cr_op cr_op_concat = {.type = "Concat",
                            .min_inputs = 1,
                            .max_inputs = CR_MAX_ACTIVATIONS,
                            .flags = CR_OP_LINEAR | CR_OP_ANY_ORDER,
                            .load = load,
                            .forward = forward,
                            .backward = backward};
