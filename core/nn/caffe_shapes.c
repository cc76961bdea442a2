/* Caffe's layers that look at several places or several bottoms, or change shapes. Formulas are those of the
 * layers' public descriptions. */
#include "caffe.h"

#define PUT(...) CR_TRY(cr_caffe_put(c, l, __VA_ARGS__, err))
#define MOST 64

/* Sizes are rounded up, and a window that would start in the padding behind the map is left out; an average counts
 * the padding up to where it ends. */
static cr_status put_windows(cr_caffe *c, cr_caffe_layer *l, bool average, const int64_t kernel[2],
                             const int64_t stride[2], const int64_t pad[2], bool ceil,
                             const char *x, const char *output, const char **y, cr_error *err)
{
    cr_caffe_node *node;
    cr_status status =
        cr_caffe_put(c, l, average ? "AveragePool" : "MaxPool", &x, 1, output, &node, err);
    if (status != CR_OK)
        return status;
    cr_caffe_set_ints(node, "kernel_shape", kernel, 2);
    cr_caffe_set_ints(node, "strides", stride, 2);
    cr_caffe_set_ints(node, "pads", (int64_t[]){pad[0], pad[1], pad[0], pad[1]}, 4);
    cr_attributes_int(&node->with, "ceil_mode", ceil);
    if (average)
        cr_attributes_int(&node->with, "count_include_pad", 1);
    *y = node->proto.output[0];
    return CR_OK;
}

static cr_status read_pair(const cr_text *param, const char *both, const char *h, const char *w,
                           int64_t absent, int64_t pair[2], cr_error *err)
{
    cr_status status = CR_OK;
    CR_TRY(cr_text_int(param, both, absent, &pair[0], err));
    pair[1] = pair[0];
    CR_TRY(cr_text_int(param, h, pair[0], &pair[0], err));
    CR_TRY(cr_text_int(param, w, pair[1], &pair[1], err));
    for (int d = 0; d < 2; d++)
        if (pair[d] < absent || pair[d] > 65536)
            CR_TRY(cr_fail(err, CR_EINPUT, "its %s is missing or out of range", both));

cleanup:
    return status;
}

static cr_status put_pooling(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    bool global;
    const char *how, *round, *y, *top = l->tops[0].name;
    int64_t kernel[2], stride[2], pad[2];
    const cr_caffe_value *bottom = l->bottoms[0];
    CR_TRY(cr_text_string(l->param, "pool", "MAX", &how, err));
    CR_TRY(cr_text_string(l->param, "round_mode", "CEIL", &round, err));
    CR_TRY(cr_text_bool(l->param, "global_pooling", false, &global, err));
    const bool average = strcmp(how, "AVE") == 0 || strcmp(how, "1") == 0;
    const bool ceil = strcmp(round, "FLOOR") != 0 && strcmp(round, "1") != 0;
    if (!average && strcmp(how, "MAX") != 0 && strcmp(how, "0") != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "pool: %.40s is not supported, MAX and AVE are", how));
    if (bottom->n_dims != 4)
        CR_TRY(cr_fail(err, CR_EINPUT, "its bottom has %d dimensions, only 4 are supported",
                       bottom->n_dims));
    cr_caffe_same_shape(l);
    if (global) {
        l->tops[0].dims[2] = l->tops[0].dims[3] = 1;
        CR_TRY(cr_caffe_put_one(c, l, average ? "GlobalAveragePool" : "GlobalMaxPool", bottom->name,
                                top, &y, err));
        goto cleanup;
    }
    CR_TRY(read_pair(l->param, "kernel_size", "kernel_h", "kernel_w", 0, kernel, err));
    CR_TRY(read_pair(l->param, "stride", "stride_h", "stride_w", 1, stride, err));
    CR_TRY(read_pair(l->param, "pad", "pad_h", "pad_w", 0, pad, err));
    for (int d = 0; d < 2; d++) {
        const int64_t size = bottom->dims[2 + d], room = size + 2 * pad[d] - kernel[d];
        if (kernel[d] < 1 || room < 0 || pad[d] >= kernel[d])
            CR_TRY(cr_fail(err, CR_EINPUT, "its kernel_size or pad does not fit a map of %lld",
                           (long long)size));
        int64_t out = (room + (ceil ? stride[d] - 1 : 0)) / stride[d] + 1;
        if ((out - 1) * stride[d] >= size + pad[d]) {
            if (!pad[0] && !pad[1])
                CR_TRY(cr_fail(err, CR_EINPUT,
                               "its last window lies outside the map, where Caffe pools nothing"));
            out--;
        }
        l->tops[0].dims[2 + d] = out;
    }
    CR_TRY(put_windows(c, l, average, kernel, stride, pad, ceil, bottom->name, top, &y, err));

cleanup:
    return status;
}

/* x / (1 + alpha mean(x^2))^beta, the mean of a square around each place, where the padding counts as 0. */
static cr_status put_within(cr_caffe *c, cr_caffe_layer *l, int64_t size, double alpha, double beta,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const int64_t kernel[2] = {size, size}, stride[2] = {1, 1}, pad[2] = {size / 2, size / 2};
    const char *x = l->bottoms[0]->name, *y;
    cr_caffe_node *node;
    PUT("Mul", (const char *[]){x, x}, 2, NULL, &node);
    CR_TRY(
        put_windows(c, l, true, kernel, stride, pad, false, node->proto.output[0], NULL, &y, err));
    CR_TRY(cr_caffe_put_number(c, l, "Mul", y, alpha, NULL, &y, err));
    CR_TRY(cr_caffe_put_number(c, l, "Add", y, 1, NULL, &y, err));
    CR_TRY(cr_caffe_put_number(c, l, "Pow", y, -beta, NULL, &y, err));
    PUT("Mul", (const char *[]){x, y}, 2, l->tops[0].name, &node);

cleanup:
    return status;
}

/* Across channels x / (k + alpha / size sum(x^2))^beta. */
static cr_status put_lrn(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    int64_t size;
    double alpha, beta, k;
    const char *region;
    cr_caffe_node *node;
    CR_TRY(cr_text_int(l->param, "local_size", 5, &size, err));
    CR_TRY(cr_text_real(l->param, "alpha", 1, &alpha, err));
    CR_TRY(cr_text_real(l->param, "beta", 0.75, &beta, err));
    CR_TRY(cr_text_real(l->param, "k", 1, &k, err));
    CR_TRY(cr_text_string(l->param, "norm_region", "ACROSS_CHANNELS", &region, err));
    if (size < 1 || size > 65535 || size % 2 == 0 || l->bottoms[0]->n_dims != 4)
        CR_TRY(cr_fail(err, CR_EINPUT, "its local_size must be odd, and its bottom a map"));
    cr_caffe_same_shape(l);
    if (strcmp(region, "WITHIN_CHANNEL") == 0 || strcmp(region, "1") == 0) {
        CR_TRY(put_within(c, l, size, alpha, beta, err));
        goto cleanup;
    }
    if (strcmp(region, "ACROSS_CHANNELS") != 0 && strcmp(region, "0") != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "norm_region: %.40s is unknown", region));
    PUT("LRN", &l->bottoms[0]->name, 1, l->tops[0].name, &node);
    cr_attributes_int(&node->with, "size", size);
    cr_attributes_float(&node->with, "alpha", alpha);
    cr_attributes_float(&node->with, "beta", beta);
    cr_attributes_float(&node->with, "bias", k);

cleanup:
    return status;
}

static cr_status put_concat(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    int axis;
    const char *names[MOST];
    cr_caffe_node *node;
    CR_TRY(cr_caffe_axis(l, cr_text_get(l->param, "concat_dim") ? "concat_dim" : "axis", 1, &axis,
                         err));
    cr_caffe_same_shape(l);
    l->tops[0].dims[axis] = 0;
    for (int i = 0; i < l->n_bottoms; i++) {
        const cr_caffe_value *bottom = l->bottoms[i];
        names[i] = bottom->name;
        for (int d = 0; d < l->tops[0].n_dims; d++)
            if (bottom->n_dims != l->tops[0].n_dims ||
                (d != axis && bottom->dims[d] != l->tops[0].dims[d]))
                CR_TRY(cr_fail(err, CR_EINPUT, "the shapes of its bottoms do not fit"));
        l->tops[0].dims[axis] += bottom->dims[axis];
    }
    PUT("Concat", names, l->n_bottoms, l->tops[0].name, &node);
    cr_attributes_int(&node->with, "axis", axis);

cleanup:
    return status;
}

static cr_status put_eltwise(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    const char *how, *names[MOST], *top = l->tops[0].name;
    int n_coeffs = 0;
    cr_caffe_node *node;
    CR_TRY(cr_text_string(l->param, "operation", "SUM", &how, err));
    const bool sum = strcmp(how, "SUM") == 0 || strcmp(how, "1") == 0;
    const bool product = strcmp(how, "PROD") == 0 || strcmp(how, "0") == 0;
    if (!sum && !product && strcmp(how, "MAX") != 0 && strcmp(how, "2") != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "operation: %.40s is unknown", how));
    const cr_text *coeff = l->param ? cr_text_next(l->param->first, "coeff") : NULL;
    for (const cr_text *f = coeff; f; f = cr_text_next(f->next, "coeff"))
        n_coeffs++;
    if (l->n_bottoms < 2 || (n_coeffs && (n_coeffs != l->n_bottoms || !sum)))
        CR_TRY(cr_fail(err, CR_EINPUT, "it has %d bottoms and %d coeff", l->n_bottoms, n_coeffs));
    for (int i = 0; i < l->n_bottoms; i++) {
        const cr_caffe_value *bottom = l->bottoms[i];
        names[i] = bottom->name;
        if (bottom->n_dims != l->bottoms[0]->n_dims ||
            memcmp(bottom->dims, l->bottoms[0]->dims,
                   (size_t)bottom->n_dims * sizeof *bottom->dims) != 0)
            CR_TRY(cr_fail(err, CR_EINPUT, "the shapes of its bottoms differ"));
        if (coeff) {
            double factor;
            cr_text one = *coeff; /* a message of this field alone */
            one.next = NULL;
            CR_TRY(cr_text_real(&(cr_text){.first = &one}, "coeff", 1, &factor, err));
            if (factor != 1)
                CR_TRY(cr_caffe_put_number(c, l, "Mul", names[i], factor, NULL, &names[i], err));
            coeff = cr_text_next(coeff->next, "coeff");
        }
    }
    for (int i = 1; i < l->n_bottoms; i++) {
        PUT(sum       ? "Add"
            : product ? "Mul"
                      : "Max",
            (const char *[]){names[i - 1], names[i]}, 2, i + 1 < l->n_bottoms ? NULL : top, &node);
        names[i] = node->proto.output[0];
    }
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

static cr_status put_split(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    const char *y;
    cr_status status = CR_OK;
    for (int i = 0; i < l->n_tops; i++) {
        const char *name = l->tops[i].name;
        CR_TRY(cr_caffe_put_one(c, l, "Identity", l->bottoms[0]->name, name, &y, err));
        l->tops[i] = *l->bottoms[0];
        l->tops[i].name = name;
    }

cleanup:
    return status;
}

/* Parts along an axis that end at slice_point, or are of one size. */
static cr_status put_slice(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    int axis, n_points;
    int64_t points[MOST], from = 0;
    cr_caffe_node *node;
    CR_TRY(
        cr_caffe_axis(l, cr_text_get(l->param, "slice_dim") ? "slice_dim" : "axis", 1, &axis, err));
    CR_TRY(cr_text_ints(l->param, "slice_point", MOST - 1, points, &n_points, err));
    const int64_t size = l->bottoms[0]->dims[axis];
    if (n_points ? n_points != l->n_tops - 1 : size % l->n_tops != 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "its slice_point do not fit its %d tops", l->n_tops));
    points[l->n_tops - 1] = size;
    for (int i = 0; i < l->n_tops; i++) {
        const char *name = l->tops[i].name, *inputs[4] = {l->bottoms[0]->name};
        const int64_t to = n_points ? points[i] : size / l->n_tops * (i + 1), along = axis;
        if (to <= from || to > size)
            CR_TRY(cr_fail(err, CR_EINPUT, "its slice_point do not rise within %lld",
                           (long long)size));
        CR_TRY(cr_caffe_put_ints(c, l, &from, 1, &inputs[1], err));
        CR_TRY(cr_caffe_put_ints(c, l, &to, 1, &inputs[2], err));
        CR_TRY(cr_caffe_put_ints(c, l, &along, 1, &inputs[3], err));
        PUT("Slice", inputs, 4, name, &node);
        l->tops[i] = *l->bottoms[0];
        l->tops[i].name = name;
        l->tops[i].dims[axis] = to - from;
        from = to;
    }

cleanup:
    return status;
}

static cr_status put_shape(cr_caffe *c, cr_caffe_layer *l, const int64_t *dims, int n_dims,
                           cr_error *err)
{
    cr_status status = CR_OK;
    const char *inputs[2] = {l->bottoms[0]->name};
    cr_caffe_node *node;
    CR_TRY(cr_caffe_put_ints(c, l, dims, n_dims, &inputs[1], err));
    PUT("Reshape", inputs, 2, l->tops[0].name, &node);
    l->tops[0].n_dims = n_dims;
    memcpy(l->tops[0].dims, dims, (size_t)n_dims * sizeof *dims);

cleanup:
    return status;
}

static cr_status put_flatten(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    int axis, last, n_dims = 0;
    int64_t dims[CR_MAX_DIMS];
    const char *y;
    const cr_caffe_value *bottom = l->bottoms[0];
    CR_TRY(cr_caffe_axis(l, "axis", 1, &axis, err));
    CR_TRY(cr_caffe_axis(l, "end_axis", -1, &last, err));
    if (last < axis)
        CR_TRY(cr_fail(err, CR_EINPUT, "its end_axis is before its axis"));
    for (int d = 0; d < bottom->n_dims; d++)
        if (d > axis && d <= last)
            dims[n_dims - 1] *= bottom->dims[d];
        else
            dims[n_dims++] = bottom->dims[d];
    if (axis != 1 || last != bottom->n_dims - 1) {
        CR_TRY(put_shape(c, l, dims, n_dims, err));
        goto cleanup;
    }
    CR_TRY(cr_caffe_put_one(c, l, "Flatten", bottom->name, l->tops[0].name, &y, err));
    l->tops[0].n_dims = n_dims;
    memcpy(l->tops[0].dims, dims, (size_t)n_dims * sizeof *dims);

cleanup:
    return status;
}

/* `shape` stands for the dimensions from axis on, num_axes of them; 0 keeps one, -1 is what is left. */
static cr_status put_reshape(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    int64_t shape[CR_MAX_DIMS], dims[CR_MAX_DIMS], axis, n_axes, known = 1, size = 1;
    int n_shape, n_dims = 0, open = -1;
    const cr_caffe_value *bottom = l->bottoms[0];
    CR_TRY(cr_text_ints(cr_text_get(l->param, "shape"), "dim", CR_MAX_DIMS, shape, &n_shape, err));
    CR_TRY(cr_text_int(l->param, "axis", 0, &axis, err));
    CR_TRY(cr_text_int(l->param, "num_axes", -1, &n_axes, err));
    axis += axis < 0 ? bottom->n_dims + 1 : 0;
    const int64_t end = n_axes < 0 ? bottom->n_dims : axis + n_axes;
    if (axis < 0 || axis > bottom->n_dims || end > bottom->n_dims ||
        bottom->n_dims - (end - axis) + n_shape > CR_MAX_DIMS)
        CR_TRY(cr_fail(err, CR_EINPUT, "its axis or num_axes does not fit its bottom"));
    for (int d = 0; d < axis; d++)
        dims[n_dims++] = bottom->dims[d];
    for (int i = 0; i < n_shape; i++) {
        if (shape[i] < -1 || (shape[i] == 0 && axis + i >= bottom->n_dims) ||
            (shape[i] == -1 && open >= 0))
            CR_TRY(cr_fail(err, CR_EINPUT, "its shape is none of its bottom"));
        open = shape[i] == -1 ? n_dims : open;
        dims[n_dims++] = shape[i] == 0 ? bottom->dims[axis + i] : shape[i];
    }
    for (int64_t d = end; d < bottom->n_dims; d++)
        dims[n_dims++] = bottom->dims[d];
    for (int d = 0; d < bottom->n_dims; d++)
        size *= bottom->dims[d];
    /* A shape that names the batch of the file is that of one image here. */
    if (n_shape > 0 && axis == 0 && shape[0] > 0)
        dims[0] = 1;
    for (int d = 0; d < n_dims; d++)
        if (d != open && __builtin_mul_overflow(known, dims[d], &known))
            CR_TRY(cr_fail(err, CR_EINPUT, "its shape is too large"));
    if (n_dims == 0 || known < 1 || size % known || (open < 0 && size != known))
        CR_TRY(cr_fail(err, CR_EINPUT, "its shape has not the %lld elements of its bottom",
                       (long long)size));
    if (open >= 0)
        dims[open] = size / known;
    CR_TRY(put_shape(c, l, dims, n_dims, err));

cleanup:
    return status;
}

const cr_caffe_kind cr_caffe_shapes[] = {
    {"Concat", "concat_param", MOST, 1, put_concat},
    {"Eltwise", "eltwise_param", MOST, 1, put_eltwise},
    {"Flatten", "flatten_param", 1, 1, put_flatten},
    {"LRN", "lrn_param", 1, 1, put_lrn},
    {"Pooling", "pooling_param", 1, 1, put_pooling},
    {"Reshape", "reshape_param", 1, 1, put_reshape},
    {"Slice", "slice_param", 1, MOST, put_slice},
    {"Split", NULL, 1, MOST, put_split},
    {NULL, NULL, 0, 0, NULL},
};
