/* GatherElements and GatherND by constant indices, CenterCropPad: each element's source is worked out when
 * the model is loaded. */
#include "move.h"

/* An index counted from the end where it is negative; -1 where there is none. */
static int index_at(const cr_tensor *index, size_t i, int extent)
{
    const int64_t at = index->ints[i] + (index->ints[i] < 0 ? extent : 0);
    return at < 0 || at >= extent ? -1 : (int)at;
}

static cr_status read_index(cr_graph *graph, cr_node *node, const cr_value **in,
                            const cr_tensor **index, cr_error *err)
{
    CR_OR_RETURN(cr_node_value(graph, node, 0, in, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, index, err));
    if (!*index || (*index)->n_dims < 1)
        return cr_fail(err, CR_EINPUT, "its indices are left out, or no list");
    return CR_OK;
}

/* GatherElements: the index replaces the coordinate along the axis. */
typedef struct elements {
    const cr_tensor *index;
    int axis, extent;
} elements;

static bool element_source(const void *context, const int *at, int *from)
{
    const elements *e = context;
    size_t i = 0;
    for (int d = 0; d < e->index->n_dims; d++) {
        i = i * (size_t)e->index->dims[d] + (size_t)at[d];
        from[d] = at[d];
    }
    from[e->axis] = index_at(e->index, i, e->extent);
    return true;
}

static cr_status load_elements(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    cr_move *move;
    elements e;
    int64_t given;
    cr_shape out = {0};
    CR_OR_RETURN(read_index(graph, node, &in, &e.index, err));
    CR_OR_RETURN(cr_attribute_int(node, "axis", 0, &given, err));
    CR_OR_RETURN(cr_node_axis(graph, given, in->shape.n_dims, &e.axis, err));
    e.extent = in->shape.dims[e.axis];
    bool fits = e.index->n_dims == in->shape.n_dims;
    for (int d = 0; fits && d < in->shape.n_dims; d++)
        fits = d == e.axis || e.index->dims[d] <= in->shape.dims[d];
    for (int64_t i = 0; fits && i < e.index->n; i++)
        fits = index_at(e.index, (size_t)i, e.extent) >= 0;
    if (!fits)
        return cr_fail(err, CR_EINPUT, "its indices do not fit its input");
    out.n_dims = e.index->n_dims;
    for (int d = 0; d < out.n_dims; d++)
        out.dims[d] = (int)e.index->dims[d];
    return cr_move_make(graph, node, in, &out, NULL, element_source, &e, &move, err);
}

/* GatherND: of the output's dimensions the first are those of the index but its last, `batch` of which are
 * the input's, too; each index names `depth` coordinates behind these. */
typedef struct tuples {
    const cr_tensor *index;
    const cr_shape *in;
    int batch, depth;
} tuples;

static bool tuple_source(const void *context, const int *at, int *from)
{
    const tuples *t = context;
    const int n = t->index->n_dims - 1;
    size_t i = 0;
    for (int d = 0; d < n; d++)
        i = i * (size_t)t->index->dims[d] + (size_t)at[d];
    for (int d = 0; d < t->batch; d++)
        from[d] = at[d];
    for (int d = 0; d < t->depth; d++)
        from[t->batch + d] =
            index_at(t->index, i * (size_t)t->depth + (size_t)d, t->in->dims[t->batch + d]);
    for (int d = t->batch + t->depth; d < t->in->n_dims; d++)
        from[d] = at[n + d - t->batch - t->depth];
    return true;
}

static bool tuples_fit(const tuples *t)
{
    const cr_tensor *index = t->index;
    bool fits = t->depth >= 1 && t->batch + t->depth <= t->in->n_dims && t->batch < index->n_dims &&
                index->n_dims - 1 + t->in->n_dims - t->batch - t->depth <= CR_MAX_DIMS;
    for (int d = 0; fits && d < t->batch; d++)
        fits = index->dims[d] == t->in->dims[d];
    for (int64_t i = 0; fits && i < index->n; i++)
        fits = index_at(index, (size_t)i, t->in->dims[t->batch + i % t->depth]) >= 0;
    return fits;
}

static cr_status load_tuples(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    cr_move *move;
    int64_t batch;
    tuples t;
    cr_shape out = {0};
    CR_OR_RETURN(read_index(graph, node, &in, &t.index, err));
    CR_OR_RETURN(cr_attribute_int(node, "batch_dims", 0, &batch, err));
    const int64_t depth = t.index->dims[t.index->n_dims - 1];
    t.in = &in->shape;
    t.batch = batch < 0 || batch > CR_MAX_DIMS ? CR_MAX_DIMS : (int)batch;
    t.depth = depth > CR_MAX_DIMS ? CR_MAX_DIMS + 1 : (int)depth;
    if (!tuples_fit(&t))
        return cr_fail(err, CR_EINPUT, "its indices do not fit its input");
    for (int d = 0; d < t.index->n_dims - 1; d++)
        out.dims[out.n_dims++] = (int)t.index->dims[d];
    for (int d = t.batch + t.depth; d < in->shape.n_dims; d++)
        out.dims[out.n_dims++] = in->shape.dims[d];
    return cr_move_make(graph, node, in, &out, NULL, tuple_source, &t, &move, err);
}

/* CenterCropPad: how far in front of the input the output begins, along each dimension. */
typedef struct centre {
    const cr_shape *in;
    int before[CR_MAX_DIMS];
} centre;

static bool centre_source(const void *context, const int *at, int *from)
{
    const centre *c = context;
    bool inside = true;
    for (int d = 0; d < c->in->n_dims; d++) {
        from[d] = at[d] - c->before[d];
        inside = inside && from[d] >= 0 && from[d] < c->in->dims[d];
    }
    return inside;
}

static cr_status load_centre(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const cr_tensor *sizes;
    cr_move *move;
    CR_OR_RETURN(read_index(graph, node, &in, &sizes, err));
    const Onnx__AttributeProto *axes = cr_attribute_find(node, "axes");
    const int64_t n = axes ? (int64_t)axes->n_ints : in->shape.n_dims;
    cr_shape out = in->shape;
    centre c = {.in = &in->shape};
    if (sizes->n != n || n > in->shape.n_dims)
        return cr_fail(err, CR_EINPUT, "its shape does not fit its axes");
    for (int i = 0; i < (int)n; i++) {
        int d;
        CR_OR_RETURN(cr_node_axis(graph, axes ? axes->ints[i] : i, in->shape.n_dims, &d, err));
        if (sizes->ints[i] < 1 || sizes->ints[i] > CR_MAX_ELEMENTS)
            return cr_fail(err, CR_EINPUT, "its shape is out of range");
        const int more = (int)sizes->ints[i] - in->shape.dims[d];
        out.dims[d] = (int)sizes->ints[i];
        c.before[d] = more < 0 ? -(-more / 2) : more / 2;
    }
    return cr_move_make(graph, node, in, &out, NULL, centre_source, &c, &move, err);
}

#define PICK_OP(symbol, name, loader)                                            \
    const cr_op symbol = {.type = name,                                          \
                          .min_inputs = 2,                                       \
                          .max_inputs = 2,                                       \
                          .flags = CR_OP_MOVES | CR_OP_ANY_ORDER | CR_OP_LINEAR, \
                          .load = loader,                                        \
                          .forward = cr_move_forward,                            \
                          .backward = cr_move_backward}

PICK_OP(cr_op_center_crop_pad, "CenterCropPad", load_centre);
PICK_OP(cr_op_gather_elements, "GatherElements", load_elements);
PICK_OP(cr_op_gather_nd, "GatherND", load_tuples);
