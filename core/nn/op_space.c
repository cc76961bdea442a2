/* DepthToSpace and SpaceToDepth: blocks of pixels as channels, and back; Trilu: one side of the diagonal. */
#include "move.h"

#include <stdlib.h>

typedef struct blocks {
    int size, channels; /* of the map with few of them */
    bool channel_first; /* mode CRD: a channel's blocks lie behind one another */
} blocks;

/* The channel of the map with many that has pixel (h, w) of a block of channel c. */
static int deep_channel(const blocks *b, int c, int h, int w)
{
    return b->channel_first ? (c * b->size + h) * b->size + w : (h * b->size + w) * b->channels + c;
}

static bool to_space(const void *context, const int *at, int *from)
{
    const blocks *b = context;
    from[0] = at[0];
    from[1] = deep_channel(b, at[1], at[2] % b->size, at[3] % b->size);
    from[2] = at[2] / b->size;
    from[3] = at[3] / b->size;
    return true;
}

/* The deep channel is (h size + w) channels + c. */
static bool to_depth(const void *context, const int *at, int *from)
{
    const blocks *b = context;
    const int place = at[1] / b->channels;
    from[0] = at[0];
    from[1] = at[1] % b->channels;
    from[2] = at[2] * b->size + place / b->size;
    from[3] = at[3] * b->size + place % b->size;
    return true;
}

static cr_status read_size(cr_graph *graph, cr_node *node, const cr_value **in, int *size,
                           cr_error *err)
{
    const cr_shape *shape;
    int64_t given;
    CR_OR_RETURN(cr_node_activation(graph, node, 0, 4, &shape, err));
    CR_OR_RETURN(cr_node_value(graph, node, 0, in, err));
    CR_OR_RETURN(cr_attribute_int(node, "blocksize", 0, &given, err));
    if (given < 1 || given > 65536)
        return cr_fail(err, CR_EINPUT, "attribute blocksize is missing or out of range");
    *size = (int)given;
    return CR_OK;
}

static cr_status load_to_space(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const char *mode;
    cr_move *move;
    int size;
    CR_OR_RETURN(read_size(graph, node, &in, &size, err));
    CR_OR_RETURN(cr_attribute_string(graph, node, "mode", "DCR", &mode, err));
    const int64_t c = in->shape.dims[1], area = (int64_t)size * size;
    const int64_t h = (int64_t)in->shape.dims[2] * size, w = (int64_t)in->shape.dims[3] * size;
    if (c % area || h > INT32_MAX || w > INT32_MAX)
        return cr_fail(err, CR_EINPUT, "its blocks do not fit %d channels", in->shape.dims[1]);
    const blocks b = {size, (int)(c / area), strcmp(mode, "CRD") == 0};
    const cr_shape out = {4, {1, b.channels, (int)h, (int)w}};
    return cr_move_make(graph, node, in, &out, NULL, to_space, &b, &move, err);
}

static cr_status load_to_depth(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    cr_move *move;
    int size;
    CR_OR_RETURN(read_size(graph, node, &in, &size, err));
    const int64_t c = (int64_t)in->shape.dims[1] * size * size;
    if (in->shape.dims[2] % size || in->shape.dims[3] % size || c > CR_MAX_ELEMENTS)
        return cr_fail(err, CR_EINPUT, "its blocks do not fit %d x %d pixels", in->shape.dims[2],
                       in->shape.dims[3]);
    const blocks b = {size, in->shape.dims[1], false};
    const cr_shape out = {4, {1, (int)c, in->shape.dims[2] / size, in->shape.dims[3] / size}};
    return cr_move_make(graph, node, in, &out, NULL, to_depth, &b, &move, err);
}

/* Which side of which diagonal of the last two of n dimensions stays. */
typedef struct triangle {
    int n_dims;
    bool upper;
    int64_t diagonal;
} triangle;

static bool in_triangle(const void *context, const int *at, int *from)
{
    const triangle *t = context;
    const int64_t beyond = (int64_t)at[t->n_dims - 1] - at[t->n_dims - 2] - t->diagonal;
    memcpy(from, at, (size_t)t->n_dims * sizeof *at);
    return t->upper ? beyond >= 0 : beyond <= 0;
}

static cr_status load_triangle(cr_graph *graph, cr_node *node, cr_error *err)
{
    const cr_value *in;
    const cr_tensor *k;
    cr_move *move;
    int64_t upper;
    int axis;
    CR_OR_RETURN(cr_node_value(graph, node, 0, &in, err));
    CR_OR_RETURN(cr_node_ints(graph, node, 1, &k, err));
    CR_OR_RETURN(cr_attribute_int(node, "upper", 1, &upper, err));
    const cr_shape own = in->shape;
    CR_OR_RETURN(cr_node_axis(graph, -2, own.n_dims, &axis, err));
    if (own.n_dims < 2 || (k && (k->n != 1 || llabs(k->ints[0]) > CR_MAX_ELEMENTS)))
        return cr_fail(err, CR_EINPUT, "its input is no matrix, or its diagonal out of range");
    const triangle t = {own.n_dims, upper != 0, k ? k->ints[0] : 0};
    return cr_move_make(graph, node, in, &own, in->order, in_triangle, &t, &move, err);
}

#define SPACE_OP(symbol, name, most, loader, more)                      \
    const cr_op symbol = {.type = name,                                 \
                          .min_inputs = 1,                              \
                          .max_inputs = most,                           \
                          .flags = CR_OP_MOVES | CR_OP_LINEAR | (more), \
                          .load = loader,                               \
                          .forward = cr_move_forward,                   \
                          .backward = cr_move_backward}

SPACE_OP(cr_op_depth_to_space, "DepthToSpace", 1, load_to_space, 0);
SPACE_OP(cr_op_space_to_depth, "SpaceToDepth", 1, load_to_depth, 0);
SPACE_OP(cr_op_trilu, "Trilu", 2, load_triangle, CR_OP_ANY_ORDER);
