/* Slice, Split and Gather take part of their input, Pad puts a border around it. */
#include "compose.h"
#include "move.h"

#include <stdlib.h>
#include <string.h>

typedef enum border { BORDER_CONSTANT, BORDER_REFLECT, BORDER_EDGE, BORDER_WRAP } border;

/* Which index of the input each index of the output takes along one dimension; -1: none. */
typedef struct cut {
    cr_shape out; /* before `drop` is taken away */
    int *source[CR_MAX_DIMS];
    int drop; /* a dimension of extent 1 that the output does not have, or -1 */
} cut;

/* The output, whose dimensions lie in memory as those of the input do; its strides along the dimensions of
 * c->out. */
static cr_status set_output(cr_graph *graph, cr_node *node, const cr_value *in, const cut *c,
                            size_t *strides, cr_error *err)
{
    cr_shape shape = {0};
    for (int d = 0; d < c->out.n_dims; d++)
        if (d != c->drop)
            shape.dims[shape.n_dims++] = c->out.dims[d];
    cr_status status = cr_node_set_shape(graph, node, &shape, err);
    if (status != CR_OK)
        return status;
    size_t steps[CR_MAX_DIMS];
    int *order = graph->values[node->y].order;
    for (int k = 0, at = 0; k < c->out.n_dims; k++)
        if (in->order[k] != c->drop)
            order[at++] = in->order[k] - (c->drop >= 0 && in->order[k] > c->drop);
    cr_move_strides(&shape, order, steps);
    for (int d = 0, at = 0; d < c->out.n_dims; d++)
        strides[d] = d == c->drop ? 0 : steps[at++];
    return CR_OK;
}

static cr_status load_cut(cr_graph *graph, cr_node *node, const cut *c, cr_move **params,
                          cr_error *err)
{
    const cr_value *in;
    cr_move *p;
    size_t from[CR_MAX_DIMS], to[CR_MAX_DIMS];
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(set_output(graph, node, in, c, to, err));
    CR_OR_RETURN(cr_move_load(graph, node, in, &p, err));
    cr_move_strides(&in->shape, in->order, from);
    for (size_t i = 0; i < p->n_out; i++) {
        size_t rest = i, source = 0, target = 0;
        bool outside = false;
        for (int d = c->out.n_dims - 1; d >= 0; d--) {
            size_t at = rest % (size_t)c->out.dims[d];
            rest /= (size_t)c->out.dims[d];
            int taken = c->source[d] ? c->source[d][at] : (int)at;
            outside = outside || taken < 0;
            source += outside ? 0 : (size_t)taken * from[d];
            target += at * to[d];
        }
        p->index[target] = outside ? -1 : (int)source;
    }
    cr_move_find_runs(p);
    *params = p;
    return CR_OK;
}

/* Room for the sources along dimension d, of the output's extent. */
static cr_status new_source(cr_graph *graph, cut *c, int d, int64_t extent, cr_error *err)
{
    if (extent < (graph->computes ? 0 : 1) || extent > CR_MAX_ELEMENTS)
        return cr_fail(err, CR_EINPUT, "its output would be empty or too large");
    c->out.dims[d] = (int)extent;
    c->source[d] = cr_arena_alloc(&graph->arena, (size_t)extent, sizeof *c->source[d]);
    return c->source[d] ? CR_OK : cr_fail_memory(err, "an index", (size_t)extent, sizeof(int));
}

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
    if (mode == BORDER_WRAP)
        return ((from % size) + size) % size;
    return -1;
}

static cr_status pad_mode(cr_graph *graph, const cr_node *node, border *mode, cr_error *err)
{
    const char *name;
    cr_status status = cr_attribute_string(graph, node, "mode", "constant", &name, err);
    if (status != CR_OK)
        return status;
    if (strcmp(name, "reflect") == 0)
        *mode = BORDER_REFLECT;
    else if (strcmp(name, "edge") == 0)
        *mode = BORDER_EDGE;
    else if (strcmp(name, "wrap") == 0)
        *mode = BORDER_WRAP;
    else if (strcmp(name, "constant") == 0)
        *mode = BORDER_CONSTANT;
    else
        return cr_fail(err, CR_EINPUT, "mode %.40s is not supported", name);
    return CR_OK;
}

/* The pads as an input, of all n dimensions or, from operator set 18, of some. */
static cr_status input_pads(const cr_tensor *input, const cr_tensor *axes, int n, int64_t *pads,
                            cr_error *err)
{
    const int64_t n_axes = axes ? axes->n : n;
    bool seen[CR_MAX_DIMS] = {false};
    if (!input || n_axes > n || input->n != 2 * n_axes)
        return cr_fail(err, CR_EINPUT, "its pads must be %d constant values", 2 * (int)n_axes);
    for (int64_t i = 0; i < n_axes; i++) {
        int64_t axis = axes ? axes->ints[i] : i;
        axis += axis < 0 ? n : 0;
        if (axis < 0 || axis >= n || seen[axis])
            return cr_fail(err, CR_EINPUT, "its axes are not valid");
        seen[axis] = true;
        pads[axis] = input->ints[i];
        pads[axis + n] = input->ints[i + n_axes];
    }
    return CR_OK;
}

static cr_status load_pad(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *in;
    const cr_tensor *value, *input, *axes;
    cr_move *p;
    int64_t pads[2 * CR_MAX_DIMS] = {0};
    bool present;
    double fill;
    border mode = BORDER_CONSTANT;
    cut c = {.drop = -1};
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 0, &in, err));
    c.out = *in;
    int n = in->n_dims;
    CR_OR_RETURN(cr_attribute_ints(node, "pads", 2 * n, pads, &present, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &input, err));
    CR_OR_RETURN(cr_attribute_float(node, "value", 0, &fill, err));
    CR_OR_RETURN(cr_node_reals(graph, node, 2, &value, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 3, &axes, err));
    CR_OR_RETURN(pad_mode(graph, node, &mode, err));
    if (value && value->n != 1)
        return cr_fail(err, CR_EINPUT, "its value to pad with is no single value");
    if (!present)
        CR_OR_RETURN(input_pads(input, axes, n, pads, err));
    for (int d = 0; d < n; d++) {
        int64_t before = pads[d], after = pads[d + n];
        int64_t most = mode == BORDER_REFLECT ? in->dims[d] - 1 : 65536;
        if (before < -65536 || after < -65536 || before > most || after > most ||
            (d == 0 && (before || after) && graph->declared_batch > 1))
            return cr_fail(err, CR_EINPUT, "its pads of dimension %d are out of range", d);
        if (!before && !after)
            continue;
        CR_OR_RETURN(new_source(graph, &c, d, in->dims[d] + before + after, err));
        for (int i = 0; i < c.out.dims[d]; i++)
            c.source[d][i] = border_source(mode, i, (int)before, in->dims[d]);
    }
    CR_OR_RETURN(load_cut(graph, node, &c, &p, err));
    p->fill = value ? cr_tensor_real(value, 0) : (cr_real)fill;
    return CR_OK;
}

/* A Gather by indices of several dimensions is one by their list, and a Reshape. */
static cr_status load_gather_of_many(cr_graph *graph, cr_node *node, const cr_shape *in, int axis,
                                     const cr_tensor *index, cr_error *err)
{
    cr_tensor list = *index;
    cr_attributes along = {0};
    int64_t shape[2 * CR_MAX_DIMS];
    int n = 0, ids[2];
    if (in->n_dims - 1 + index->n_dims > CR_MAX_DIMS)
        return cr_fail(err, CR_EINPUT, "its output must have at most %d dimensions", CR_MAX_DIMS);
    for (int d = 0; d < in->n_dims; d++)
        if (d != axis)
            shape[n++] = in->dims[d];
        else
            for (int i = 0; i < index->n_dims; i++)
                shape[n++] = index->dims[i];
    list.n_dims = 1;
    list.dims[0] = list.n;
    cr_attributes_int(&along, "axis", axis);
    ids[0] = node->inputs[0];
    CR_OR_RETURN(cr_graph_add_constant(graph, NULL, &list, &ids[1], err));
    CR_OR_RETURN(
        cr_node_insert(graph, node, "Gather", ids, 2, cr_attributes_proto(&along), &ids[0], err));
    CR_OR_RETURN(cr_graph_add_ints(graph, shape, n, &ids[1], err));
    return cr_node_become(graph, node, "Reshape", ids, 2, NULL, err);
}

static cr_status load_gather(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *in;
    const cr_tensor *index;
    cr_move *p;
    int64_t given_axis;
    int axis;
    cut c = {.drop = -1};
    if (node->inputs[0] >= 0 && graph->values[node->inputs[0]].constant && node->inputs[1] >= 0 &&
        !graph->values[node->inputs[1]].constant) {
        node->op = &cr_op_look_up;
        node->flags = node->op->flags;
        return node->op->load(graph, node, err);
    }
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &index, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", 0, &given_axis, err));
    CR_OR_RETURN(cr_node_axis(graph, given_axis, in->n_dims, &axis, err));
    if (!index)
        return cr_fail(err, CR_EINPUT, "its index is left out");
    if (index->n_dims > 1)
        return load_gather_of_many(graph, node, in, axis, index, err);
    c.out = *in;
    CR_OR_RETURN(new_source(graph, &c, axis, index->n, err));
    for (int64_t i = 0; i < index->n; i++) {
        int64_t at = index->ints[i] + (index->ints[i] < 0 ? in->dims[axis] : 0);
        if (at < 0 || at >= in->dims[axis])
            return cr_fail(err, CR_EINPUT, "its index is out of range");
        c.source[axis][i] = (int)at;
    }
    c.drop = index->n_dims == 0 ? axis : -1;
    return load_cut(graph, node, &c, &p, err);
}

/* Where a slice of `size` elements begins or ends; a negative bound counts from the end. */
static int64_t slice_bound(int64_t bound, int64_t size, int64_t step)
{
    const int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
    bound += bound < 0 ? size : 0;
    return bound < least ? least : bound > most ? most : bound;
}

static cr_status load_slice(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_shape *in;
    cr_move *p;
    const int64_t *starts, *ends, *axes, *steps;
    int64_t n, n_ends, n_axes, n_steps;
    cut c = {.drop = -1};
    bool empty = false;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_OR_RETURN(cr_node_list(graph, node, 1, "starts", &starts, &n, err));
    CR_OR_RETURN(cr_node_list(graph, node, 2, "ends", &ends, &n_ends, err));
    CR_OR_RETURN(cr_node_list(graph, node, 3, "axes", &axes, &n_axes, err));
    CR_OR_RETURN(cr_node_list(graph, node, 4, "steps", &steps, &n_steps, err));
    if (n < 1 || n > in->n_dims || n_ends != n || (axes && n_axes != n) || (steps && n_steps != n))
        return cr_fail(err, CR_EINPUT, "its starts, ends, axes and steps do not fit");
    c.out = *in;
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = axes ? axes[i] : i, step = steps ? steps[i] : 1;
        axis += axis < 0 ? in->n_dims : 0;
        if (axis < 0 || axis >= in->n_dims || step == 0 || c.source[axis])
            return cr_fail(err, CR_EINPUT, "its axes or steps are not supported");
        /* Images are not told apart: all of them or nothing. */
        if (axis == 0 && graph->declared_batch > 1 &&
            (starts[i] != 0 || ends[i] < graph->declared_batch || step != 1))
            return cr_fail(err, CR_EINPUT, "it takes some images of a batch only");
        const int64_t size = in->dims[axis];
        int64_t from = slice_bound(starts[i], size, step), to = slice_bound(ends[i], size, step);
        step = step > size ? size + 1 : step < -size ? -size - 1 : step;
        const int64_t reach = step > 0 ? to - from : from - to;
        const int64_t extent = reach > 0 ? (reach - 1) / (step > 0 ? step : -step) + 1 : 0;
        empty = empty || (extent == 0 && !graph->computes);
        CR_OR_RETURN(new_source(graph, &c, (int)axis, extent ? extent : !graph->computes, err));
        for (int j = 0; j < c.out.dims[axis]; j++)
            c.source[axis][j] = (int)(from + j * step);
        c.out.dims[axis] = (int)extent;
    }
    if (empty) {
        cr_graph_make_empty(graph, node, &c.out);
        return CR_OK;
    }
    return load_cut(graph, node, &c, &p, err);
}

/* The extents of the n parts of a Split: as they are listed, or equal ones, of which from operator set 18
 * the last may be smaller. */
static cr_status split_sizes(const cr_graph *graph, const cr_node *node, int64_t extent, int64_t n,
                             int64_t *sizes, cr_error *err)
{
    cr_status status = CR_OK;
    const int64_t *listed;
    int64_t n_listed, n_equal, left = extent;
    CR_TRY(cr_node_list(graph, node, 1, "split", &listed, &n_listed, err));
    CR_TRY(cr_attribute_int(node, "num_outputs", n, &n_equal, err));
    const int64_t equal = (extent + n - 1) / n;
    bool fits = (listed ? n_listed : n_equal) == n;
    for (int64_t i = 0; fits && i < n; i++) {
        sizes[i] = listed ? listed[i] : equal < left ? equal : left;
        fits = sizes[i] >= (graph->computes ? 0 : 1) && sizes[i] <= left;
        left -= sizes[i];
    }
    if (!fits || left != 0 || (!listed && graph->opset < 18 && extent % n != 0))
        status = cr_fail(err, CR_EINPUT, "its %lld parts do not fit %lld elements", (long long)n,
                         (long long)extent);

cleanup:
    return status;
}

static cr_status load_split(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_shape *in;
    cr_move *p;
    int64_t given_axis, from = 0, *sizes = NULL;
    int axis;
    const size_t n = node->proto->n_output;
    cut c = {.drop = -1};
    CR_TRY(cr_node_activation(graph, node, 0, 0, &in, err));
    CR_TRY(cr_attribute_int(node, "axis", 0, &given_axis, err));
    CR_TRY(cr_node_axis(graph, given_axis, in->n_dims, &axis, err));
    sizes = cr_alloc(n, sizeof *sizes);
    if (!sizes)
        CR_TRY(cr_fail_memory(err, "the parts", n, sizeof *sizes));
    CR_TRY(split_sizes(graph, node, in->dims[axis], (int64_t)n, sizes, err));
    for (int i = 0; i < node->part; i++)
        from += sizes[i];
    c.out = *in;
    CR_TRY(new_source(graph, &c, axis, sizes[node->part], err));
    for (int j = 0; j < c.out.dims[axis]; j++)
        c.source[axis][j] = (int)from + j;
    CR_TRY(load_cut(graph, node, &c, &p, err));

cleanup:
    free(sizes);
    return status;
}

#define CUT_OP(symbol, name, least, most, loader)                                \
    const cr_op symbol = {.type = name,                                          \
                          .min_inputs = least,                                   \
                          .max_inputs = most,                                    \
                          .flags = CR_OP_MOVES | CR_OP_LINEAR | CR_OP_ANY_ORDER, \
                          .load = loader,                                        \
                          .forward = cr_move_forward,                            \
                          .backward = cr_move_backward}

CUT_OP(cr_op_pad, "Pad", 1, 4, load_pad);
CUT_OP(cr_op_gather, "Gather", 2, 2, load_gather);

const cr_op cr_op_split = {.type = "Split",
                           .min_inputs = 1,
                           .max_inputs = 2,
                           .n_parts = CR_ONNX_MAX_VALUES,
                           .flags = CR_OP_MOVES | CR_OP_LINEAR | CR_OP_ANY_ORDER,
                           .load = load_split,
                           .forward = cr_move_forward,
                           .backward = cr_move_backward};
CUT_OP(cr_op_slice, "Slice", 1, 5, load_slice);
