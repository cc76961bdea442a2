/* Constants that models make of shapes and numbers: integers, whose arithmetic has to be exact, casts,
 * ranges, tensors of one value, quantised weights. All else that does not depend on the image is
 * computed by the operators that would run: constant.c. */
#include "fold.h"

#include <stdlib.h>

#define MAX_INTS ((int64_t)1 << 24) /* of one result */

static cr_status check_inputs(const cr_folding *f, int least, cr_error *err)
{
    for (int i = 0; i < least || i < f->n_in; i++) {
        const cr_tensor *t = i < f->n_in ? f->in[i] : NULL;
        if (!t && i < least)
            return cr_fail(err, CR_EINPUT, "input %d is left out", i + 1);
        if (t && !t->ints && !t->reals)
            return cr_fail(err, CR_EINPUT, "input %d is %s; export it as float32", i + 1,
                           cr_onnx_type_name(t->data_type));
    }
    return CR_OK;
}

cr_status cr_fold_make(const cr_folding *f, cr_tensor *out, int64_t **ints, float **reals,
                       cr_error *err)
{
    const int64_t most = reals ? CR_MAX_ELEMENTS : MAX_INTS;
    out->n = 1;
    for (int d = 0; d < out->n_dims; d++) {
        if (out->dims[d] < 0 || out->dims[d] > most ||
            (out->dims[d] && out->n > most / out->dims[d]))
            return cr_fail(err, CR_EINPUT, "its result has more than %lld elements",
                           (long long)most);
        out->n *= out->dims[d];
    }
    cr_status status = cr_constant_take(f->graph, (size_t)out->n, err);
    if (status != CR_OK)
        return status;
    if (reals) {
        *reals = cr_arena_alloc(&f->graph->weights, (size_t)out->n, sizeof **reals);
        out->reals = (const uint8_t *)*reals;
        out->step = sizeof **reals;
    } else {
        *ints = cr_arena_alloc(&f->graph->weights, (size_t)out->n, sizeof **ints);
        out->ints = *ints;
    }
    return out->reals || out->ints ? CR_OK : cr_fail_memory(err, "a constant", (size_t)out->n, 8);
}

/* A result that is like `like` but for its type. */
static cr_status make_like(const cr_folding *f, const cr_tensor *like, int data_type,
                           cr_tensor *out, int64_t **ints, float **reals, cr_error *err)
{
    *out = (cr_tensor){.n_dims = like->n_dims, .data_type = data_type};
    memcpy(out->dims, like->dims, sizeof out->dims);
    return cr_fold_make(f, out, ints, cr_onnx_is_real(data_type) ? reals : NULL, err);
}

static cr_status fold_identity(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    *out = *f->in[0];
    (void)err;
    return CR_OK;
}

/* A real number as an integer: cut towards zero, at the ends of what there is. */
static int64_t to_int(double x)
{
    return isnan(x) ? 0 : x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

static cr_status cast(const cr_folding *f, const cr_tensor *in, int64_t to, cr_tensor *out,
                      cr_error *err)
{
    int64_t *ints = NULL;
    float *reals = NULL;
    if (to < 1 || to > CR_TYPE(BFLOAT16) || to == CR_TYPE(STRING) || to == CR_TYPE(COMPLEX64) ||
        to == CR_TYPE(COMPLEX128))
        return cr_fail(err, CR_EINPUT, "a cast to a type that is %s is not supported",
                       cr_onnx_type_name((int)to));
    if (cr_onnx_is_real((int)to) ? in->reals != NULL : in->ints && to != CR_TYPE(BOOL)) {
        *out = *in;
        out->data_type = (int)to;
        return CR_OK;
    }
    cr_status status = make_like(f, in, (int)to, out, &ints, &reals, err);
    for (size_t i = 0; status == CR_OK && i < (size_t)in->n; i++)
        if (reals)
            reals[i] = (float)cr_tensor_number(in, i);
        else
            ints[i] = to == CR_TYPE(BOOL) ? cr_tensor_number(in, i) != 0
                                          : to_int(cr_tensor_number(in, i));
    return status;
}

static cr_status fold_cast(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    int64_t to;
    cr_status status = cr_attribute_int(f->node, "to", 0, &to, err);
    return status == CR_OK ? cast(f, f->in[0], to, out, err) : status;
}

static cr_status fold_cast_like(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    return cast(f, f->in[0], f->in[1]->data_type, out, err);
}

/* A shape that is given as a list. */
static cr_status read_shape(const cr_tensor *list, cr_tensor *out, cr_error *err)
{
    if (!list->ints || list->n_dims != 1 || list->n > CR_MAX_DIMS)
        return cr_fail(err, CR_EINPUT, "its shape is no list of at most %d integers", CR_MAX_DIMS);
    out->n_dims = (int)list->n;
    out->n = 1;
    for (int d = 0; d < out->n_dims; d++) {
        const int64_t dim = list->ints[d];
        if (dim < 0 || dim > CR_MAX_ELEMENTS || (dim && out->n > CR_MAX_ELEMENTS / dim))
            return cr_fail(err, CR_EINPUT, "its shape is not valid");
        out->dims[d] = dim;
        out->n *= dim;
    }
    return CR_OK;
}

/* Of real numbers one is kept for all. */
static cr_status fold_constant_of_shape(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const Onnx__AttributeProto *attribute = cr_attribute_find(f->node, "value");
    cr_tensor value = {.data_type = CR_TYPE(FLOAT)};
    int64_t *ints = NULL;
    cr_status status = CR_OK;
    *out = (cr_tensor){0};
    if (attribute && attribute->t)
        CR_TRY(cr_onnx_tensor(f->graph, attribute->t, (cr_onnx_bytes){0}, &value, err));
    if (attribute && (!attribute->t || value.n != 1 || (!value.reals && !value.ints))) {
        status = cr_fail(err, CR_EINPUT, "its value is no single number");
        goto cleanup;
    }
    out->data_type = value.data_type;
    CR_TRY(read_shape(f->in[0], out, err));
    if (value.ints) {
        CR_TRY(cr_fold_make(f, out, &ints, NULL, err));
        for (int64_t i = 0; i < out->n; i++)
            ints[i] = value.ints[0];
        goto cleanup;
    }
    CR_TRY(cr_constant_take(f->graph, (size_t)out->n, err));
    out->step = 0;
    float *one = cr_arena_alloc(&f->graph->weights, 1, sizeof *one);
    out->reals = (const uint8_t *)one;
    if (!one)
        CR_TRY(cr_fail_memory(err, "a constant", 1, sizeof *one));
    *one = value.reals ? (float)cr_tensor_real(&value, 0) : 0;

cleanup:
    return status;
}

static cr_status fold_range(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *start = f->in[0], *limit = f->in[1], *delta = f->in[2];
    int64_t *ints = NULL;
    float *reals = NULL;
    if (start->n != 1 || limit->n != 1 || delta->n != 1 || cr_tensor_number(delta, 0) == 0)
        return cr_fail(err, CR_EINPUT, "its start, limit and step are no numbers");
    const double n = ceil((cr_tensor_number(limit, 0) - cr_tensor_number(start, 0)) /
                          cr_tensor_number(delta, 0));
    *out = (cr_tensor){.n_dims = 1, .data_type = start->data_type};
    out->dims[0] = n >= 1 ? to_int(n) : 0;
    cr_status status = cr_fold_make(f, out, &ints, start->reals ? &reals : NULL, err);
    for (int64_t i = 0; status == CR_OK && i < out->n; i++)
        if (reals)
            reals[i] = (float)(cr_tensor_number(start, 0) + (double)i * cr_tensor_number(delta, 0));
        else
            ints[i] = start->ints[0] + i * to_int(cr_tensor_number(delta, 0));
    return status;
}

/* A bound of a slice of n elements; a negative one counts from the end. */
static int64_t clamp_index(int64_t i, int64_t n)
{
    i += i < 0 ? n : 0;
    return i < 0 ? 0 : i > n ? n : i;
}

/* Of anything: one image is one image. */
static cr_status fold_shape(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const int id = f->n_in ? f->node->inputs[0] : -1;
    const cr_value *value = id < 0 ? NULL : &f->graph->values[id];
    int64_t start, end, *to;
    if (!value)
        return cr_fail(err, CR_EINPUT, "input 1 is left out");
    const int n = value->constant ? value->tensor.n_dims : value->shape.n_dims;
    CR_OR_RETURN(cr_attribute_int(f->node, "start", 0, &start, err));
    CR_OR_RETURN(cr_attribute_int(f->node, "end", n, &end, err));
    start = clamp_index(start, n);
    end = clamp_index(end, n);
    *out = (cr_tensor){.n_dims = 1, .data_type = CR_TYPE(INT64)};
    out->dims[0] = end > start ? end - start : 0;
    CR_OR_RETURN(cr_fold_make(f, out, &to, NULL, err));
    for (int64_t i = 0; i < out->n; i++)
        to[i] = value->constant ? value->tensor.dims[start + i] : value->shape.dims[start + i];
    return CR_OK;
}

/* The identity in the shape of a matrix, or another diagonal of it. */
static cr_status fold_eye_like(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const int id = f->n_in ? f->node->inputs[0] : -1;
    const cr_value *value = id < 0 ? NULL : &f->graph->values[id];
    int64_t own, type, diagonal, *ints = NULL;
    float *reals = NULL;
    if (!value || (value->constant ? value->tensor.n_dims : value->shape.n_dims) != 2)
        return cr_fail(err, CR_EINPUT, "its input is no matrix");
    own = value->constant ? value->tensor.data_type : value->whole ? value->whole : CR_TYPE(FLOAT);
    CR_OR_RETURN(cr_attribute_int(f->node, "dtype", own, &type, err));
    CR_OR_RETURN(cr_attribute_int(f->node, "k", 0, &diagonal, err));
    *out = (cr_tensor){.n_dims = 2, .data_type = (int)type};
    for (int d = 0; d < 2; d++)
        out->dims[d] = value->constant ? value->tensor.dims[d] : value->shape.dims[d];
    CR_OR_RETURN(cr_fold_make(f, out, &ints, cr_onnx_is_real((int)type) ? &reals : NULL, err));
    for (int64_t i = 0; i < out->n; i++) {
        const bool one = i % out->dims[1] - i / out->dims[1] == diagonal;
        if (reals)
            reals[i] = one;
        else
            ints[i] = one;
    }
    return CR_OK;
}

static cr_status fold_size(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const int id = f->n_in ? f->node->inputs[0] : -1;
    int64_t *to;
    if (id < 0)
        return cr_fail(err, CR_EINPUT, "input 1 is left out");
    const cr_value *value = &f->graph->values[id];
    *out = (cr_tensor){.data_type = CR_TYPE(INT64)};
    cr_status status = cr_fold_make(f, out, &to, NULL, err);
    if (status == CR_OK)
        *to = value->constant ? value->tensor.n : (int64_t)cr_shape_size(&value->shape);
    return status;
}

static cr_status fold_concat(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *first = f->in[0];
    int64_t given, outer = 1, inner = 1, offset = 0, *ints = NULL;
    float *reals = NULL;
    int axis;
    CR_OR_RETURN(cr_attribute_int(f->node, "axis", INT64_MAX, &given, err));
    CR_OR_RETURN(cr_node_axis(f->graph, given, first->n_dims, &axis, err));
    *out = *first;
    out->step = 0;
    out->reals = NULL;
    out->ints = NULL;
    for (int i = 1; i < f->n_in; i++) {
        const cr_tensor *t = f->in[i];
        bool fits = t && t->n_dims == first->n_dims && !t->ints == !first->ints;
        for (int d = 0; fits && d < t->n_dims; d++)
            fits = d == axis || t->dims[d] == first->dims[d];
        if (!fits)
            return cr_fail(err, CR_EINPUT, "input %d does not fit the first", i + 1);
        out->dims[axis] += t->dims[axis];
    }
    CR_OR_RETURN(cr_fold_make(f, out, &ints, first->reals ? &reals : NULL, err));
    for (int d = 0; d < out->n_dims; d++) {
        outer *= d < axis ? out->dims[d] : 1;
        inner *= d > axis ? out->dims[d] : 1;
    }
    for (int i = 0; i < f->n_in; offset += f->in[i]->dims[axis] * inner, i++) {
        const int64_t part = f->in[i]->dims[axis] * inner;
        for (int64_t j = 0; j < outer * part; j++) {
            const int64_t to = j / part * out->dims[axis] * inner + offset + j % part;
            if (reals)
                reals[to] = (float)cr_tensor_real(f->in[i], (size_t)j);
            else
                ints[to] = f->in[i]->ints[j];
        }
    }
    return CR_OK;
}

cr_status cr_fold_broadcast(const cr_tensor *const *in, int n, cr_tensor *out, cr_error *err)
{
    for (int i = 0; i < n; i++)
        out->n_dims = in[i]->n_dims > out->n_dims ? in[i]->n_dims : out->n_dims;
    for (int d = 0; d < out->n_dims; d++) {
        out->dims[d] = 1;
        for (int i = 0; i < n; i++) {
            const int own = d - (out->n_dims - in[i]->n_dims);
            const int64_t dim = own < 0 ? 1 : in[i]->dims[own];
            if (dim != 1 && out->dims[d] != 1 && dim != out->dims[d])
                return cr_fail(err, CR_EINPUT, "the shapes of its inputs do not fit");
            out->dims[d] = dim != 1 ? dim : out->dims[d];
        }
    }
    return CR_OK;
}

size_t cr_fold_spread(const cr_tensor *out, const cr_tensor *in, size_t i)
{
    size_t at = 0, step = 1;
    for (int d = out->n_dims - 1, own = in->n_dims - 1; own >= 0; d--, own--) {
        at += in->dims[own] == 1 ? 0 : i % (size_t)out->dims[d] * step;
        step *= (size_t)in->dims[own];
        i /= (size_t)out->dims[d];
    }
    return at;
}

static cr_status fold_where(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *c = f->in[0], *x = f->in[1], *y = f->in[2];
    int64_t *ints = NULL;
    float *reals = NULL;
    *out = (cr_tensor){.data_type = x->data_type};
    CR_OR_RETURN(cr_fold_broadcast(f->in, 3, out, err));
    CR_OR_RETURN(cr_fold_make(f, out, &ints, x->reals || y->reals ? &reals : NULL, err));
    for (size_t i = 0; i < (size_t)out->n; i++) {
        const cr_tensor *from = cr_tensor_number(c, cr_fold_spread(out, c, i)) != 0 ? x : y;
        const size_t at = cr_fold_spread(out, from, i);
        if (reals)
            reals[i] = (float)cr_tensor_number(from, at);
        else
            ints[i] = from->ints[at];
    }
    return CR_OK;
}

/* The elements of x, but those that the updates replace. */
static cr_status fold_scatter_nd(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *x = f->in[0], *index = f->in[1], *updates = f->in[2];
    int64_t *ints = NULL, n_slice = 1;
    float *reals = NULL;
    const int64_t depth = index->n_dims ? index->dims[index->n_dims - 1] : 0;
    if (!index->ints || depth < 1 || depth > x->n_dims || !x->ints != !updates->ints)
        return cr_fail(err, CR_EINPUT, "its indices do not fit");
    for (int64_t d = depth; d < x->n_dims; d++)
        n_slice *= x->dims[d];
    if (updates->n != index->n / depth * n_slice)
        return cr_fail(err, CR_EINPUT, "its updates do not fit its indices");
    CR_OR_RETURN(make_like(f, x, x->data_type, out, &ints, &reals, err));
    for (int64_t i = 0; i < x->n; i++)
        if (reals)
            reals[i] = (float)cr_tensor_real(x, (size_t)i);
        else
            ints[i] = x->ints[i];
    for (int64_t i = 0; i < index->n / depth; i++) {
        int64_t to = 0;
        for (int64_t d = 0; d < depth; d++) {
            const int64_t at = index->ints[i * depth + d];
            if (at < -x->dims[d] || at >= x->dims[d])
                return cr_fail(err, CR_EINPUT, "its index is out of range");
            to = to * x->dims[d] + at + (at < 0 ? x->dims[d] : 0);
        }
        for (int64_t j = 0; j < n_slice; j++)
            if (reals)
                reals[to * n_slice + j] = (float)cr_tensor_real(updates, (size_t)(i * n_slice + j));
            else
                ints[to * n_slice + j] = updates->ints[i * n_slice + j];
    }
    return CR_OK;
}

/* The places of what is not zero, [n_dims, n]. */
static cr_status fold_non_zero(const cr_folding *f, cr_tensor *out, cr_error *err)
{
    const cr_tensor *x = f->in[0];
    int64_t n = 0, *ints = NULL;
    for (int64_t i = 0; i < x->n; i++)
        n += cr_tensor_number(x, (size_t)i) != 0;
    *out = (cr_tensor){.n_dims = 2, .dims = {x->n_dims, n}, .data_type = CR_TYPE(INT64)};
    cr_status status = cr_fold_make(f, out, &ints, NULL, err);
    for (int64_t i = 0, to = 0; status == CR_OK && i < x->n; i++) {
        if (cr_tensor_number(x, (size_t)i) == 0)
            continue;
        int64_t rest = i;
        for (int d = x->n_dims - 1; d >= 0; d--) {
            ints[d * n + to] = rest % x->dims[d];
            rest /= x->dims[d];
        }
        to++;
    }
    return status;
}

static const struct {
    const char *type;
    cr_folder *fold;
    int least; /* inputs that must be there */
    bool reads_shapes;
} folders[] = {{"Cast", fold_cast, 1, false},
               {"CastLike", fold_cast_like, 2, false},
               {"Concat", fold_concat, 1, false},
               {"ConstantOfShape", fold_constant_of_shape, 1, false},
               {"DequantizeLinear", cr_fold_dequantize, 2, false},
               {"EyeLike", fold_eye_like, 1, true},
               {"Identity", fold_identity, 1, false},
               {"NonZero", fold_non_zero, 1, false},
               {"QuantizeLinear", cr_fold_quantize, 2, false},
               {"Range", fold_range, 3, false},
               {"ScatterND", fold_scatter_nd, 3, false},
               {"Shape", fold_shape, 1, true},
               {"Size", fold_size, 1, true},
               {"Where", fold_where, 3, false}};

/* ScatterND with a reduction is an operator's work. */
static bool reduces(const cr_folding *f, const char *type)
{
    return strcmp(type, "ScatterND") == 0 && cr_attribute_find(f->node, "reduction");
}

static cr_status fold(const cr_folding *f, cr_tensor *out, bool *folded, cr_error *err)
{
    const char *type = f->node->proto->op_type ? f->node->proto->op_type : "";
    *folded = !reduces(f, type);
    if (!*folded)
        return CR_OK;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strcmp(folders[i].type, type) == 0) {
            cr_status status =
                folders[i].reads_shapes ? CR_OK : check_inputs(f, folders[i].least, err);
            return status == CR_OK ? folders[i].fold(f, out, err) : status;
        }
    cr_folder *integer = cr_fold_integer(f, type);
    *folded = integer != NULL;
    return integer ? integer(f, out, err) : CR_OK;
}

cr_status cr_fold(cr_graph *graph, cr_node *node, cr_tensor *result, bool *folded, cr_error *err)
{
    const size_t n = (size_t)node->n_inputs;
    const cr_tensor **in = cr_alloc(n, sizeof *in);
    if (!in)
        return cr_fail_memory(err, "a constant", n, sizeof *in);
    for (size_t i = 0; i < n; i++)
        in[i] = node->inputs[i] < 0 ? NULL : &graph->values[node->inputs[i]].tensor;
    const cr_folding f = {.graph = graph, .node = node, .in = in, .n_in = (int)n};
    cr_status status = fold(&f, result, folded, err);
    free(in);
    return status;
}

bool cr_fold_reads_shapes(const char *type)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strcmp(folders[i].type, type) == 0)
            return folders[i].reads_shapes;
    return false;
}
