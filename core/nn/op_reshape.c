/* Flatten, Reshape, Squeeze, Unsqueeze, Transpose: other names for the same elements.
 *
 * A Transpose never moves anything: it changes the order in which the dimensions lie in memory. A
 * Reshape moves nothing where each dimension it splits or joins lies together in memory; else it
 * copies into the usual order. */
#include "move.h"

#include <string.h>

/* Where logical element i, in ONNX's order, lies. */
static size_t place(const cr_shape *shape, const size_t *strides, size_t i)
{
    size_t at = 0;
    for (int d = shape->n_dims - 1; d >= 0; d--) {
        at += i % (size_t)shape->dims[d] * strides[d];
        i /= (size_t)shape->dims[d];
    }
    return at;
}

/* Has what lies side by side in memory stay so, if that is the last dimension: [1, H, W, C] is no map of
 * the usual order. */
static void keep_last(const cr_value *in, cr_value *out)
{
    const int last = in->shape.n_dims - 1, last_out = out->shape.n_dims - 1;
    if (last >= 0 && last_out >= 0 && in->order[last] == last &&
        in->shape.dims[last] == out->shape.dims[last_out] && in->shape.dims[last] > 1)
        for (int d = 0; d <= last_out; d++)
            out->order[d] = d;
}

/* A copy into the order of the output. */
static cr_status load_copy(cr_graph *graph, cr_node *node, const cr_value *in, cr_error *err)
{
    cr_move *p;
    const cr_value *out = &graph->values[node->y];
    size_t from[CR_MAX_DIMS], to[CR_MAX_DIMS];
    cr_status status = cr_move_load(graph, node, in, &p, err);
    if (status != CR_OK)
        return status;
    cr_move_strides(&in->shape, in->order, from);
    cr_move_strides(&out->shape, out->order, to);
    for (size_t i = 0; i < p->n_out; i++)
        p->index[place(&out->shape, to, i)] = (int)place(&in->shape, from, i);
    cr_move_find_runs(p);
    return CR_OK;
}

/* Dimensions of the input that are joined, and of the output into which they are split. */
typedef struct group {
    int in, n_in, out, n_out;
} group;

/* The smallest groups of neighbouring dimensions of equal size. */
static int find_groups(const cr_shape *in, const cr_shape *out, group *groups)
{
    int n = 0, i = 0, o = 0;
    for (; i < in->n_dims || o < out->n_dims; n++) {
        group g = {i, 0, o, 0};
        int64_t size_in = 1, size_out = 1;
        do {
            if (i < in->n_dims && (o == out->n_dims || g.n_in == 0 || size_in < size_out)) {
                size_in *= in->dims[i++];
                g.n_in++;
            } else {
                size_out *= out->dims[o++];
                g.n_out++;
            }
        } while (size_in != size_out || (g.n_out == 0 && o < out->n_dims));
        groups[n] = g;
    }
    return n;
}

/* The order of the output in which nothing has to move; false if there is none. */
static bool find_order(const cr_value *in, const cr_shape *out, int order[CR_MAX_DIMS])
{
    group groups[2 * CR_MAX_DIMS];
    int n_groups = find_groups(&in->shape, out, groups), at = 0;
    bool placed[2 * CR_MAX_DIMS] = {false};
    for (int i = 0; i < in->shape.n_dims;) {
        int g = 0;
        while (g < n_groups &&
               (in->order[i] < groups[g].in || in->order[i] >= groups[g].in + groups[g].n_in))
            g++;
        /* the dimensions of a group must lie side by side, in their own order */
        for (int j = 0; j < groups[g].n_in; j++, i++)
            if (i >= in->shape.n_dims || in->order[i] != groups[g].in + j)
                return false;
        for (int j = 0; j < groups[g].n_out; j++)
            order[at++] = groups[g].out + j;
        placed[g] = true;
    }
    /* groups without input dimensions are ones that the output adds */
    for (int g = 0; g < n_groups; g++)
        for (int j = 0; !placed[g] && j < groups[g].n_out; j++)
            order[at++] = groups[g].out + j;
    return true;
}

static void set_order(cr_graph *graph, cr_node *node, const int *order)
{
    memmove(graph->values[node->y].order, order, CR_MAX_DIMS * sizeof *order);
    node->flags |= CR_OP_ALIAS;
}

static cr_status load_same_elements(cr_graph *graph, cr_node *node, const cr_shape *out,
                                    cr_error *err)
{
    const cr_value *in;
    int order[CR_MAX_DIMS] = {0};
    cr_status status = cr_node_value(graph, node, 0, &in, err);
    if (status != CR_OK)
        return status;
    status = cr_node_set_shape(graph, node, out, err);
    if (status != CR_OK)
        return status;
    if (cr_shape_size(&in->shape) != cr_shape_size(out))
        return cr_fail(err, CR_EINPUT, "its output has %zu elements, its input %zu",
                       cr_shape_size(out), cr_shape_size(&in->shape));
    if (cr_shape_size(out) == 0) { /* of constants alone */
        node->flags |= CR_OP_ALIAS;
        return CR_OK;
    }
    if (!find_order(in, out, order)) {
        keep_last(in, &graph->values[node->y]);
        return load_copy(graph, node, in, err);
    }
    const cr_value *usual = &graph->values[node->y];
    set_order(graph, node, cr_same_memory(out, usual->order, order) ? usual->order : order);
    return CR_OK;
}

static cr_status load_flatten(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t axis;
    cr_shape out = {2, {1, 1}};
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", 1, &axis, err));
    const int n = in->shape.n_dims;
    axis += axis < 0 ? n : 0;
    if (axis < 0 || axis > n || (axis != 1 && graph->declared_batch > 1))
        return cr_fail(err, CR_EINPUT, "only axis 1 is supported in a batch of fixed size");
    for (int i = 0; i < n; i++)
        out.dims[i >= axis] *= in->shape.dims[i];
    return load_same_elements(graph, node, &out, err);
}

static cr_status load_reshape(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_value *in;
    const cr_tensor *target;
    int64_t allow_zero; /* from opset 14: a 0 is no dimension to copy */
    CR_TRY(cr_node_value(graph, node, 0, &in, err));
    CR_TRY(cr_attribute_int(node, "allowzero", 0, &allow_zero, err));
    CR_TRY(cr_node_ints(graph, node, 1, &target, err));
    if (!target || target->n > CR_MAX_DIMS) {
        status =
            cr_fail(err, CR_EINPUT, "its new shape must have at most %d dimensions", CR_MAX_DIMS);
        goto cleanup;
    }
    cr_shape out = {.n_dims = (int)target->n};
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < out.n_dims; i++) {
        int64_t dim = target->ints[i];
        if (dim == 0 && !allow_zero && i < in->shape.n_dims)
            dim = in->shape.dims[i];
        if (i == 0 && graph->declared_batch > 1 && dim == graph->declared_batch)
            dim = 1;
        if (dim == -1 && open < 0) {
            open = i;
            continue;
        }
        if (dim < (graph->computes ? 0 : 1) || dim > CR_MAX_ELEMENTS ||
            (dim && known > CR_MAX_ELEMENTS / dim)) {
            status = cr_fail(err, CR_EINPUT, "its new shape is not valid");
            goto cleanup;
        }
        out.dims[i] = (int)dim;
        known *= dim;
    }
    if (open >= 0)
        out.dims[open] = known ? (int)((int64_t)cr_shape_size(&in->shape) / known) : 0;
    CR_TRY(load_same_elements(graph, node, &out, err));

cleanup:
    return status;
}

/* The axes of Squeeze and Unsqueeze, an attribute or, from opset 13, an input, as a set; *n says how
 * many. */
static cr_status load_axes(const cr_graph *graph, const cr_node *node, int n_dims,
                           bool axes[CR_MAX_DIMS], int64_t *n, cr_error *err)
{
    const int64_t *from;
    cr_status status = cr_node_list(graph, node, 1, "axes", &from, n, err);
    for (int64_t i = 0; status == CR_OK && i < *n; i++) {
        int axis;
        status = cr_node_axis(graph, from[i], n_dims, &axis, err);
        if (status == CR_OK && axes[axis])
            status = cr_fail(err, CR_EINPUT, "its axes are not valid");
        if (status == CR_OK)
            axes[axis] = true;
    }
    return status;
}

static cr_status load_squeeze(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    bool axes[CR_MAX_DIMS] = {false};
    cr_shape out = {0};
    int64_t n_axes;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(load_axes(graph, node, in->shape.n_dims, axes, &n_axes, err));
    if (!n_axes && graph->declared_batch > 1)
        return cr_fail(err, CR_EINPUT, "its axes are missing");
    for (int i = 0; i < in->shape.n_dims; i++) {
        if (axes[i] && in->shape.dims[i] != 1)
            return cr_fail(err, CR_EINPUT, "dimension %d is %d, not 1", i, in->shape.dims[i]);
        if (n_axes ? !axes[i] : in->shape.dims[i] != 1)
            out.dims[out.n_dims++] = in->shape.dims[i];
    }
    return load_same_elements(graph, node, &out, err);
}

static cr_status load_unsqueeze(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const int64_t *list;
    int64_t n_new;
    bool axes[CR_MAX_DIMS] = {false};
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_list(graph, node, 1, "axes", &list, &n_new, err));
    if (n_new < 1 || n_new > CR_MAX_DIMS - in->shape.n_dims)
        return cr_fail(err, CR_EINPUT, "its output must have at most %d dimensions", CR_MAX_DIMS);
    cr_shape out = {.n_dims = in->shape.n_dims + (int)n_new};
    CR_OR_RETURN(load_axes(graph, node, out.n_dims, axes, &n_new, err));
    for (int i = 0, from = 0; i < out.n_dims; i++)
        out.dims[i] = axes[i] ? 1 : in->shape.dims[from++];
    return load_same_elements(graph, node, &out, err);
}

static cr_status load_transpose(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    int64_t perm[CR_MAX_DIMS];
    bool present;
    int order[CR_MAX_DIMS] = {0}, to[CR_MAX_DIMS];
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    int n = in->shape.n_dims;
    CR_OR_RETURN(cr_attribute_ints(node, "perm", n, perm, &present, err));
    cr_shape out = {.n_dims = n};
    for (int i = 0; i < n; i++)
        to[i] = -1;
    for (int i = 0; i < n; i++) {
        perm[i] = present ? perm[i] : n - 1 - i;
        if (perm[i] < 0 || perm[i] >= n || to[perm[i]] >= 0 ||
            (i == 0 && perm[0] && graph->declared_batch > 1))
            return cr_fail(err, CR_EINPUT, "its permutation is not valid, or moves the batch");
        to[perm[i]] = i;
        out.dims[i] = in->shape.dims[perm[i]];
    }
    for (int i = 0; i < n; i++)
        order[i] = to[in->order[i]];
    CR_OR_RETURN(cr_node_set_shape(graph, node, &out, err));
    set_order(graph, node, order);
    return CR_OK;
}

static cr_status load_reorder(cr_graph *graph, cr_node *node, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_value *in;
    CR_TRY(cr_node_value(graph, node, 0, &in, err));
    CR_TRY(cr_node_set_shape(graph, node, &in->shape, err));
    if (node->wish) {
        int *order = graph->values[node->y].order;
        memcpy(order, node->wish, (size_t)in->shape.n_dims * sizeof *order);
        if (cr_same_memory(&in->shape, in->order, order)) {
            node->flags |= CR_OP_ALIAS;
            goto cleanup;
        }
    }
    CR_TRY(load_copy(graph, node, in, err));

cleanup:
    return status;
}

#define RESHAPE_OP(symbol, name, most_inputs, loader)                            \
    const cr_op symbol = {.type = name,                                          \
                          .min_inputs = 1,                                       \
                          .max_inputs = most_inputs,                             \
                          .flags = CR_OP_MOVES | CR_OP_ANY_ORDER | CR_OP_LINEAR, \
                          .load = loader,                                        \
                          .forward = cr_move_forward,                            \
                          .backward = cr_move_backward}

RESHAPE_OP(cr_op_flatten, "Flatten", 1, load_flatten);
RESHAPE_OP(cr_op_reshape, "Reshape", 2, load_reshape);
RESHAPE_OP(cr_op_squeeze, "Squeeze", 2, load_squeeze);
RESHAPE_OP(cr_op_unsqueeze, "Unsqueeze", 2, load_unsqueeze);
RESHAPE_OP(cr_op_transpose, "Transpose", 1, load_transpose);
RESHAPE_OP(cr_op_reorder, "reorder", 1, load_reorder);
