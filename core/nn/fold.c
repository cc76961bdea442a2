/* What models compute of shapes - Shape, Gather, Unsqueeze, Concat and the like on a few integers -
 * is computed when the model is loaded. */
#include "graph.h"

#include <string.h>

#define MAX_INTS 65536 /* of a list; a shape has a few */

typedef struct folding {
    cr_graph *graph;
    const cr_node *node;
    const cr_tensor *in[8]; /* NULL where an input is left out */
    int n_in;
} folding;

typedef cr_status folder(const folding *f, cr_tensor *out, cr_error *err);

/* An integer tensor of n elements, to be filled. */
static cr_status new_ints(const folding *f, int n_dims, int64_t n, cr_tensor *out, int64_t **ints,
                          cr_error *err)
{
    if (n > MAX_INTS)
        return cr_fail(err, CR_EINPUT, "its result has more than %d elements", MAX_INTS);
    *ints = cr_arena_alloc(&f->graph->weights, (size_t)n, sizeof **ints);
    if (!*ints)
        return cr_fail_memory(err, "a shape", (size_t)n, sizeof **ints);
    *out = (cr_tensor){.n_dims = n_dims, .dims = {n}, .n = n, .ints = *ints};
    return CR_OK;
}

static cr_status fold_identity(const folding *f, cr_tensor *out, cr_error *err)
{
    if (!f->in[0])
        return cr_fail(err, CR_EINPUT, "its input is left out");
    *out = *f->in[0];
    return CR_OK;
}

/* A few integers in one dimension, or one in none. */
static const cr_tensor *ints(const folding *f, int i)
{
    const cr_tensor *t = i < f->n_in ? f->in[i] : NULL;
    return t && t->ints && t->n_dims <= 1 ? t : NULL;
}

static cr_status not_ints(cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "computing constants is supported for lists of int64 only");
}

/* Along a list there is one axis only. */
static bool is_only_axis(int64_t axis)
{
    return axis == 0 || axis == -1;
}

static cr_status fold_gather(const folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *from = ints(f, 0), *index = ints(f, 1);
    int64_t axis, *to;
    cr_status status = cr_attribute_int(f->node, "axis", 0, &axis, err);
    if (status != CR_OK)
        return status;
    if (!from || !index || from->n_dims != 1 || !is_only_axis(axis))
        return not_ints(err);
    status = new_ints(f, index->n_dims, index->n, out, &to, err);
    for (int64_t i = 0; status == CR_OK && i < index->n; i++) {
        int64_t at = index->ints[i] + (index->ints[i] < 0 ? from->n : 0);
        if (at < 0 || at >= from->n)
            return cr_fail(err, CR_EINPUT, "its index is out of range");
        to[i] = from->ints[at];
    }
    return status;
}

/* Unsqueeze of a single number, Squeeze of a list of one: no others are lists or numbers. The axes
 * are an attribute or, from opset 13, an input; Squeeze can do without. */
static cr_status fold_rank(const folding *f, int n_dims, bool needs_axes, cr_tensor *out,
                           cr_error *err)
{
    const cr_tensor *from = ints(f, 0), *input = ints(f, 1);
    const Onnx__AttributeProto *attribute = cr_attribute_find(f->node, "axes");
    size_t n_axes = attribute ? attribute->n_ints : input ? (size_t)input->n : 0;
    const int64_t *axes = attribute ? attribute->ints : input ? input->ints : NULL;
    if (!from || from->n != 1 || from->n_dims != n_dims || n_axes > 1 ||
        (n_axes ? !is_only_axis(axes[0]) : needs_axes))
        return not_ints(err);
    *out = *from;
    out->n_dims = 1 - n_dims;
    out->dims[0] = 1;
    return CR_OK;
}

static cr_status fold_unsqueeze(const folding *f, cr_tensor *out, cr_error *err)
{
    return fold_rank(f, 0, true, out, err);
}

static cr_status fold_squeeze(const folding *f, cr_tensor *out, cr_error *err)
{
    return fold_rank(f, 1, false, out, err);
}

static cr_status fold_concat(const folding *f, cr_tensor *out, cr_error *err)
{
    int64_t axis, n = 0, *to;
    cr_status status = cr_attribute_int(f->node, "axis", INT64_MAX, &axis, err);
    if (status != CR_OK)
        return status;
    for (int i = 0; i < f->n_in; i++) {
        if (!ints(f, i) || f->in[i]->n_dims != 1 || !is_only_axis(axis))
            return not_ints(err);
        n += f->in[i]->n;
    }
    status = new_ints(f, 1, n, out, &to, err);
    for (int i = 0; status == CR_OK && i < f->n_in; i++)
        for (int64_t j = 0; j < f->in[i]->n; j++)
            *to++ = f->in[i]->ints[j];
    return status;
}

static cr_status fold_cast(const folding *f, cr_tensor *out, cr_error *err)
{
    int64_t to;
    cr_status status = cr_attribute_int(f->node, "to", 0, &to, err);
    if (status != CR_OK)
        return status;
    if (!ints(f, 0) || to != ONNX__TENSOR_PROTO__DATA_TYPE__INT64)
        return not_ints(err);
    return fold_identity(f, out, err);
}

/* Element i of a list that may be a single number for all. */
static int64_t spread(const cr_tensor *t, int64_t i)
{
    return t->ints[t->n == 1 ? 0 : i];
}

static cr_status fold_arithmetic(const folding *f, const char *type, cr_tensor *out, cr_error *err)
{
    const cr_tensor *a = ints(f, 0), *b = ints(f, 1);
    int64_t *to;
    if (!a || !b || a->n < 1 || b->n < 1 || (a->n != b->n && a->n != 1 && b->n != 1))
        return not_ints(err);
    int n_dims = a->n_dims > b->n_dims ? a->n_dims : b->n_dims;
    cr_status status = new_ints(f, n_dims, a->n > b->n ? a->n : b->n, out, &to, err);
    for (int64_t i = 0; status == CR_OK && i < out->n; i++) {
        int64_t x = spread(a, i), y = spread(b, i);
        bool overflows = type[0] == 'A'   ? __builtin_add_overflow(x, y, &to[i])
                         : type[0] == 'S' ? __builtin_sub_overflow(x, y, &to[i])
                         : type[0] == 'M' ? __builtin_mul_overflow(x, y, &to[i])
                                          : y == 0 || (y == -1 && x == INT64_MIN);
        if (overflows)
            return cr_fail(err, CR_EINPUT, "its result is out of range");
        if (type[0] == 'D')
            to[i] = x / y;
    }
    return status;
}

/* A bound of a slice of n elements; a negative one counts from the end. */
static int64_t clamp_index(int64_t i, int64_t n)
{
    i += i < 0 ? n : 0;
    return i < 0 ? 0 : i > n ? n : i;
}

static cr_status fold_slice(const folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *from = ints(f, 0);
    int64_t given[4] = {0, 0, 0, 1}, *to; /* start, end, axis, step */
    if (!from || from->n_dims != 1 || f->n_in < 3)
        return not_ints(err);
    for (int i = 1; i < f->n_in; i++) {
        const cr_tensor *t = ints(f, i);
        if (f->in[i] && (!t || t->n != 1))
            return not_ints(err);
        if (t)
            given[i - 1] = t->ints[0];
    }
    if (!f->in[1] || !f->in[2] || !is_only_axis(given[2]) || given[3] != 1)
        return cr_fail(err, CR_EINPUT, "only a part of a list, in steps of 1, can be computed");
    int64_t bounds[2] = {given[0], given[1]};
    for (int i = 0; i < 2; i++)
        bounds[i] = clamp_index(bounds[i], from->n);
    int64_t n = bounds[1] > bounds[0] ? bounds[1] - bounds[0] : 0;
    cr_status status = new_ints(f, 1, n, out, &to, err);
    for (int64_t i = 0; status == CR_OK && i < n; i++)
        to[i] = from->ints[bounds[0] + i];
    return status;
}

/* The shape of an activation: one image is one image. */
static cr_status fold_shape(const folding *f, cr_tensor *out, cr_error *err)
{
    const cr_value *value;
    int64_t start, end, *to;
    cr_status status = CR_OK;
    CR_TRY(cr_node_value(f->graph, f->node, 0, &value, err));
    int n = value->shape.n_dims;
    CR_TRY(cr_attribute_int(f->node, "start", 0, &start, err));
    CR_TRY(cr_attribute_int(f->node, "end", n, &end, err));
    start = clamp_index(start, n);
    end = clamp_index(end, n);
    CR_TRY(new_ints(f, 1, end > start ? end - start : 0, out, &to, err));
    for (int64_t i = 0; i < out->n; i++)
        to[i] = value->shape.dims[start + i];

cleanup:
    return status;
}

static const struct {
    const char *type;
    folder *fold;
} folders[] = {{"Identity", fold_identity}, {"Gather", fold_gather}, {"Unsqueeze", fold_unsqueeze},
               {"Squeeze", fold_squeeze},   {"Concat", fold_concat}, {"Cast", fold_cast},
               {"Slice", fold_slice},       {"Shape", fold_shape}};

cr_status cr_fold(cr_graph *graph, const cr_node *node, const char *type, cr_tensor *result,
                  bool *folded, cr_error *err)
{
    folding f = {.graph = graph, .node = node, .n_in = node->n_inputs};
    *folded = strcmp(type, "Shape") == 0 || (node->n_x == 0 && node->n_inputs > 0);
    if (!*folded)
        return CR_OK;
    const int most = sizeof f.in / sizeof f.in[0];
    if (f.n_in > most)
        return cr_fail(err, CR_EINPUT, "it has %d inputs, constants of at most %d are computed",
                       f.n_in, most);
    for (int i = 0; i < f.n_in; i++)
        f.in[i] = node->inputs[i] < 0 ? NULL : &graph->values[node->inputs[i]].tensor;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (strcmp(folders[i].type, type) == 0)
            return folders[i].fold(&f, result, err);
    if (strcmp(type, "Add") == 0 || strcmp(type, "Sub") == 0 || strcmp(type, "Mul") == 0 ||
        strcmp(type, "Div") == 0)
        return fold_arithmetic(&f, type, result, err);
    return cr_fail(err, CR_EINPUT, "it depends on no image; export with constant folding");
}
