/* Operators that only rearrange the elements of an image: Flatten, Reshape, Pad.
 *
 * One table says where each output element comes from; it also carries the change between ONNX's
 * order (channels first) and ours. Where the order in memory stays, the output is the input. */
#include "graph.h"

#include <limits.h>
#include <string.h>

typedef struct move {
    size_t n_in, n_out;
    int *index; /* [n_out] into the input, or -1 */
    cr_real fill;
} move;

/* Place in our memory of element i in ONNX's order. */
static size_t place(const cr_shape *shape, size_t i)
{
    if (shape->n_dims != 4)
        return i;
    size_t hw = (size_t)shape->dims[2] * (size_t)shape->dims[3];
    return i % hw * (size_t)shape->dims[1] + i / hw;
}

static cr_status load_index(cr_graph *graph, cr_node *node, const cr_shape *in, const cr_shape *out,
                            move **params, cr_error *err)
{
    cr_status status = CR_OK;
    move *p;
    CR_TRY(cr_node_set_shape(graph, node, out, err));
    CR_TRY(cr_node_params(graph, node, sizeof *p, (void **)&p, err));
    p->n_in = cr_shape_size(in);
    p->n_out = cr_shape_size(out);
    p->index = cr_arena_alloc(&graph->arena, p->n_out, sizeof *p->index);
    if (!p->index)
        status = cr_fail_memory(err, "an index", p->n_out, sizeof *p->index);
    *params = p;

cleanup:
    return status;
}

static cr_status load_same_elements(cr_graph *graph, cr_node *node, const cr_shape *in,
                                    const cr_shape *out, cr_error *err)
{
    move *p;
    if (cr_shape_size(in) != cr_shape_size(out))
        return cr_fail(err, CR_EINPUT, "its output has %zu elements, its input %zu",
                       cr_shape_size(out), cr_shape_size(in));
    cr_status status = load_index(graph, node, in, out, &p, err);
    if (status != CR_OK)
        return status;
    bool same = true;
    for (size_t i = 0; i < p->n_out; i++) {
        p->index[place(out, i)] = (int)place(in, i);
        same = same && place(out, i) == place(in, i);
    }
    if (same)
        node->flags |= CR_OP_ALIAS;
    return CR_OK;
}

static cr_status load_flatten(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    int64_t axis;
    CR_TRY(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_TRY(cr_attribute_int(node, "axis", 1, &axis, err));
    if (axis != 1 && axis != 1 - in->n_dims) {
        status = cr_fail(err, CR_EINPUT, "only axis 1 is supported");
        goto cleanup;
    }
    CR_TRY(load_same_elements(graph, node, in, &(cr_shape){2, {1, (int)cr_shape_size(in)}}, err));

cleanup:
    return status;
}

static cr_status load_reshape(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    const cr_tensor *target;
    CR_TRY(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_TRY(cr_node_ints(graph, node, 1, &target, err));
    if (!target || target->n < 2 || target->n > CR_MAX_DIMS) {
        status = cr_fail(err, CR_EINPUT, "its new shape must have 2 to %d dimensions", CR_MAX_DIMS);
        goto cleanup;
    }
    cr_shape out = {.n_dims = (int)target->n};
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < out.n_dims; i++) {
        int64_t dim = target->ints[i];
        if (dim == 0 && i < in->n_dims)
            dim = in->dims[i];
        if (i == 0 && graph->declared_batch > 1 && dim == graph->declared_batch)
            dim = 1;
        if (dim == -1 && open < 0) {
            open = i;
            continue;
        }
        if (dim < 1 || dim > CR_MAX_ELEMENTS || known > CR_MAX_ELEMENTS / dim) {
            status = cr_fail(err, CR_EINPUT, "its new shape is not valid");
            goto cleanup;
        }
        out.dims[i] = (int)dim;
        known *= dim;
    }
    if (open >= 0)
        out.dims[open] = (int)((int64_t)cr_shape_size(in) / known);
    CR_TRY(load_same_elements(graph, node, in, &out, err));

cleanup:
    return status;
}

typedef enum border { BORDER_CONSTANT, BORDER_REFLECT, BORDER_EDGE } border;

/* Input coordinate that output coordinate `at` takes, or -1. */
static int border_source(border mode, int at, int before, int size)
{
    int from = at - before;
    if (from >= 0 && from < size)
        return from;
    if (mode == BORDER_EDGE)
        return from < 0 ? 0 : size - 1;
    if (mode == BORDER_REFLECT)
        return from < 0 ? -from : 2 * (size - 1) - from;
    return -1;
}

static cr_status pad_amounts(const cr_graph *graph, const cr_node *node, int pads[8], cr_error *err)
{
    int64_t given[8];
    bool present;
    const cr_tensor *input;
    cr_status status = cr_attribute_ints(node, "pads", 8, given, &present, err);
    if (status == CR_OK)
        status = cr_node_ints(graph, node, 1, &input, err);
    if (status != CR_OK)
        return status;
    if (!present && input && input->n == 8)
        memcpy(given, input->ints, sizeof given);
    else if (!present)
        return cr_fail(err, CR_EINPUT, "its pads must be 8 constant values");
    for (int i = 0; i < 8; i++) {
        if (given[i] < -65536 || given[i] > 65536 || (i % 4 < 2 && given[i] != 0))
            return cr_fail(err, CR_EINPUT, "only height and width can be padded");
        pads[i] = (int)given[i];
    }
    return CR_OK;
}

static cr_status load_pad(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    const cr_tensor *value;
    move *p;
    const char *mode_name;
    int pads[8];
    double fill;
    border mode = BORDER_CONSTANT;
    CR_TRY(cr_node_activation(graph, node, 0, 4, &in, err));
    CR_TRY(pad_amounts(graph, node, pads, err));
    CR_TRY(cr_attribute_float(node, "value", 0, &fill, err));
    CR_TRY(cr_node_reals(graph, node, 2, &value, err));
    if (value && value->n != 1) {
        status = cr_fail(err, CR_EINPUT, "its value to pad with is no single value");
        goto cleanup;
    }
    CR_TRY(cr_attribute_string(graph, node, "mode", "constant", &mode_name, err));
    if (strcmp(mode_name, "reflect") == 0)
        mode = BORDER_REFLECT;
    else if (strcmp(mode_name, "edge") == 0)
        mode = BORDER_EDGE;
    else if (strcmp(mode_name, "constant") != 0) {
        status = cr_fail(err, CR_EINPUT, "mode %.40s is not supported", mode_name);
        goto cleanup;
    }
    int h = cr_shape_h(in), w = cr_shape_w(in), c_n = cr_shape_c(in);
    for (int i = 2; i < 4 && mode == BORDER_REFLECT; i++)
        if (pads[i] >= in->dims[i] || pads[i + 4] >= in->dims[i]) {
            status = cr_fail(err, CR_EINPUT, "it reflects more than its input has");
            goto cleanup;
        }
    cr_shape out = {4, {1, c_n, h + pads[2] + pads[6], w + pads[3] + pads[7]}};
    CR_TRY(load_index(graph, node, in, &out, &p, err));
    p->fill = value ? value->reals[0] : (cr_real)fill;
    int *index = p->index;
    for (int i = 0; i < out.dims[2]; i++)
        for (int j = 0; j < out.dims[3]; j++) {
            int y = border_source(mode, i, pads[2], h), x = border_source(mode, j, pads[3], w);
            for (int c = 0; c < c_n; c++)
                *index++ = y < 0 || x < 0 ? -1 : (y * w + x) * c_n + c;
        }

cleanup:
    return status;
}

static void forward(const cr_run *run)
{
    const move *p = run->node->params;
    cr_gather_forward(run->n, p->n_in, p->n_out, p->index, p->fill, run->x[0], run->y);
}

static void backward(const cr_run *run)
{
    const move *p = run->node->params;
    cr_gather_backward(run->n * run->m, p->n_in, p->n_out, p->index, run->dy, run->dx[0]);
}

const cr_op cr_op_flatten = {.type = "Flatten",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .flags = CR_OP_MOVES,
                             .load = load_flatten,
                             .forward = forward,
                             .backward = backward};

const cr_op cr_op_reshape = {.type = "Reshape",
                             .min_inputs = 2,
                             .max_inputs = 2,
                             .flags = CR_OP_MOVES,
                             .load = load_reshape,
                             .forward = forward,
                             .backward = backward};

const cr_op cr_op_pad = {.type = "Pad",
                         .min_inputs = 1,
                         .max_inputs = 3,
                         .flags = CR_OP_MOVES,
                         .load = load_pad,
                         .forward = forward,
                         .backward = backward};
