/* Caffe's layers that compute a value from those at its place, or from weighted ones around it. Formulas are
 * those of the layers' public descriptions. */
#include "caffe.h"

#include <math.h>

#define PUT(...) CR_TRY(cr_caffe_put(c, l, __VA_ARGS__, err))

enum { H = 2 }; /* the dimension; width is the next */

/* Numbers of height and width, `NAME_h` and `NAME_w` or else `repeated`, once or twice. */
static cr_status read_pair(const cr_text *param, const char *repeated, const char *h, const char *w,
                           int64_t least, int64_t pair[2], cr_error *err)
{
    cr_status status = CR_OK;
    int n;
    int64_t values[2];
    CR_TRY(cr_text_ints(param, repeated, 2, values, &n, err));
    if (n > 0) {
        pair[0] = values[0];
        pair[1] = values[n - 1];
    }
    CR_TRY(cr_text_int(param, h, pair[0], &pair[0], err));
    CR_TRY(cr_text_int(param, w, pair[1], &pair[1], err));
    for (int d = 0; d < 2; d++)
        if (pair[d] < least || pair[d] > 65536)
            CR_TRY(cr_fail(err, CR_EINPUT, "its %s is missing or out of range", repeated));

cleanup:
    return status;
}

static cr_status check_map(const cr_caffe_layer *l, cr_error *err)
{
    return l->bottoms[0]->n_dims == 4
               ? CR_OK
               : cr_fail(err, CR_EINPUT, "its bottom has %d dimensions, only 4 are supported",
                         l->bottoms[0]->n_dims);
}

static cr_status put_convolution_as(cr_caffe *c, cr_caffe_layer *l, bool transposed, cr_error *err)
{
    cr_status status = CR_OK;
    int64_t n_outputs, groups, kernel[2] = {0}, stride[2] = {1, 1}, pad[2] = {0}, step[2] = {1, 1};
    bool bias;
    int n_inputs = 2, axis;
    const char *inputs[3];
    cr_caffe_node *node;
    cr_caffe_value *top = &l->tops[0];
    CR_TRY(check_map(l, err));
    const cr_caffe_value *bottom = l->bottoms[0];
    CR_TRY(cr_caffe_axis(l, "axis", 1, &axis, err));
    if (axis != 1)
        CR_TRY(cr_fail(err, CR_EINPUT, "its axis must be 1"));
    CR_TRY(cr_text_int(l->param, "num_output", 0, &n_outputs, err));
    CR_TRY(cr_text_int(l->param, "group", 1, &groups, err));
    CR_TRY(cr_text_bool(l->param, "bias_term", true, &bias, err));
    CR_TRY(read_pair(l->param, "kernel_size", "kernel_h", "kernel_w", 1, kernel, err));
    CR_TRY(read_pair(l->param, "stride", "stride_h", "stride_w", 1, stride, err));
    CR_TRY(read_pair(l->param, "pad", "pad_h", "pad_w", 0, pad, err));
    CR_TRY(read_pair(l->param, "dilation", "", "", 1, step, err));
    if (n_outputs < 1 || groups < 1 || n_outputs % groups || bottom->dims[1] % groups)
        CR_TRY(cr_fail(err, CR_EINPUT, "its num_output or group does not fit %lld channels",
                       (long long)bottom->dims[1]));
    const int64_t from = transposed ? bottom->dims[1] : n_outputs;
    const int64_t to = (transposed ? n_outputs : bottom->dims[1]) / groups;
    inputs[0] = bottom->name;
    CR_TRY(cr_caffe_put_blob(c, l, 0, (int64_t[]){from, to, kernel[0], kernel[1]}, 4, &inputs[1],
                             err));
    if (bias)
        CR_TRY(cr_caffe_put_blob(c, l, 1, &n_outputs, 1, &inputs[n_inputs++], err));
    PUT(transposed ? "ConvTranspose" : "Conv", inputs, n_inputs, top->name, &node);
    cr_caffe_set_ints(node, "kernel_shape", kernel, 2);
    cr_caffe_set_ints(node, "strides", stride, 2);
    cr_caffe_set_ints(node, "dilations", step, 2);
    cr_caffe_set_ints(node, "pads", (int64_t[]){pad[0], pad[1], pad[0], pad[1]}, 4);
    cr_attributes_int(&node->with, "group", groups);
    cr_caffe_same_shape(l);
    top->dims[1] = n_outputs;
    for (int d = 0; d < 2; d++) {
        const int64_t reach = step[d] * (kernel[d] - 1) + 1, size = bottom->dims[H + d];
        const int64_t room = size + 2 * pad[d] - reach;
        top->dims[H + d] = transposed ? stride[d] * (size - 1) + reach - 2 * pad[d]
                           : room < 0 ? 0
                                      : room / stride[d] + 1;
    }

cleanup:
    return status;
}

static cr_status put_convolution(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    return put_convolution_as(c, l, false, err);
}

static cr_status put_deconvolution(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    return put_convolution_as(c, l, true, err);
}

static cr_status put_inner_product(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    int64_t n_outputs, n = 1;
    bool bias, transpose;
    int axis, n_inputs = 2;
    const cr_caffe_value *bottom = l->bottoms[0];
    const char *inputs[3] = {bottom->name};
    cr_caffe_node *node;
    CR_TRY(cr_caffe_axis(l, "axis", 1, &axis, err));
    if (axis != 1)
        CR_TRY(cr_fail(err, CR_EINPUT, "its axis must be 1"));
    CR_TRY(cr_text_int(l->param, "num_output", 0, &n_outputs, err));
    CR_TRY(cr_text_bool(l->param, "bias_term", true, &bias, err));
    CR_TRY(cr_text_bool(l->param, "transpose", false, &transpose, err));
    for (int d = 1; d < bottom->n_dims; d++)
        n *= bottom->dims[d];
    if (n_outputs < 1)
        CR_TRY(cr_fail(err, CR_EINPUT, "its num_output is missing or out of range"));
    if (bottom->n_dims != 2)
        CR_TRY(cr_caffe_put_one(c, l, "Flatten", bottom->name, NULL, &inputs[0], err));
    const int64_t dims[] = {transpose ? n : n_outputs, transpose ? n_outputs : n};
    CR_TRY(cr_caffe_put_blob(c, l, 0, dims, 2, &inputs[1], err));
    if (bias)
        CR_TRY(cr_caffe_put_blob(c, l, 1, &n_outputs, 1, &inputs[n_inputs++], err));
    PUT("Gemm", inputs, n_inputs, l->tops[0].name, &node);
    cr_attributes_int(&node->with, "transB", !transpose);
    l->tops[0].n_dims = 2;
    l->tops[0].dims[0] = 1;
    l->tops[0].dims[1] = n_outputs;

cleanup:
    return status;
}

/* What has the bottom's shape and needs no attribute. */
static cr_status put_plain(cr_caffe *c, cr_caffe_layer *l, const char *op, cr_error *err)
{
    const char *y;
    cr_caffe_same_shape(l);
    return cr_caffe_put_one(c, l, op, l->bottoms[0]->name, l->tops[0].name, &y, err);
}

#define PLAIN(layer, op)                                                        \
    static cr_status put_##layer(cr_caffe *c, cr_caffe_layer *l, cr_error *err) \
    {                                                                           \
        return put_plain(c, l, op, err);                                        \
    }
PLAIN(sigmoid, "Sigmoid")
PLAIN(tanh, "Tanh")
PLAIN(abs, "Abs")
PLAIN(bnll, "Softplus")
PLAIN(dropout, "Dropout")

/* A function with one attribute. */
static cr_status put_with(cr_caffe *c, cr_caffe_layer *l, const char *op, double alpha,
                          cr_error *err)
{
    cr_caffe_node *node;
    cr_caffe_same_shape(l);
    const cr_status status =
        cr_caffe_put(c, l, op, &l->bottoms[0]->name, 1, l->tops[0].name, &node, err);
    if (status == CR_OK)
        cr_attributes_float(&node->with, "alpha", alpha);
    return status;
}

static cr_status put_relu(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    double slope;
    cr_status status = cr_text_real(l->param, "negative_slope", 0, &slope, err);
    if (status != CR_OK)
        return status;
    return slope != 0 ? put_with(c, l, "LeakyRelu", slope, err) : put_plain(c, l, "Relu", err);
}

static cr_status put_elu(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    double alpha;
    cr_status status = cr_text_real(l->param, "alpha", 1, &alpha, err);
    return status == CR_OK ? put_with(c, l, "Elu", alpha, err) : status;
}

/* One number for each channel, to be spread over what is behind it. */
static int channel_dims(const cr_caffe_layer *l, int64_t dims[CR_MAX_DIMS])
{
    const int n = l->bottoms[0]->n_dims - 1;
    dims[0] = l->bottoms[0]->dims[1];
    for (int d = 1; d < n; d++)
        dims[d] = 1;
    return n;
}

static cr_status put_prelu(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    bool shared;
    int64_t dims[CR_MAX_DIMS];
    const char *inputs[2] = {l->bottoms[0]->name};
    cr_caffe_node *node;
    const int n_dims = channel_dims(l, dims);
    CR_TRY(cr_text_bool(l->param, "channel_shared", false, &shared, err));
    if (shared)
        dims[0] = 1;
    CR_TRY(cr_caffe_put_spread(c, l, 0, dims, n_dims, &inputs[1], err));
    PUT("PRelu", inputs, 2, l->tops[0].name, &node);
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

/* (x - mean / factor) / sqrt(variance / factor + eps). */
static cr_status put_batch_norm(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    const int64_t n = l->bottoms[0]->dims[1], one = 1;
    bool global;
    double eps;
    cr_caffe_node *node;
    const char *inputs[5] = {l->bottoms[0]->name};
    float *values = cr_arena_alloc(c->memory, (size_t)n, sizeof *values);
    if (!values)
        CR_TRY(cr_fail_memory(err, l->name, (size_t)n, sizeof *values));
    CR_TRY(cr_text_bool(l->param, "use_global_stats", true, &global, err));
    CR_TRY(cr_text_real(l->param, "eps", 1e-5, &eps, err));
    if (!global)
        CR_TRY(cr_fail(err, CR_EINPUT,
                       "use_global_stats is false: it would mix the images of a batch"));
    CR_TRY(cr_caffe_check_blob(l, 0, &n, 1, err));
    CR_TRY(cr_caffe_check_blob(l, 1, &n, 1, err));
    CR_TRY(cr_caffe_check_blob(l, 2, &one, 1, err));
    const double factor = cr_caffe_blob_real(&l->blobs[2], 0), by = factor == 0 ? 0 : 1 / factor;
    for (int i = 0; i < 4; i++) { /* scale 1, shift 0, mean, variance */
        for (int64_t k = 0; k < n; k++)
            values[k] = i < 2 ? (float)(i == 0)
                              : (float)(by * cr_caffe_blob_real(&l->blobs[i - 2], (size_t)k));
        CR_TRY(cr_caffe_put_reals(c, l, values, &n, 1, &inputs[i + 1], err));
    }
    PUT("BatchNormalization", inputs, 5, l->tops[0].name, &node);
    cr_attributes_float(&node->with, "epsilon", eps);
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

/* A learned blob [C] as [C, 1, 1]. */
static cr_status put_channels(cr_caffe *c, const cr_caffe_layer *l, int i, const char **name,
                              cr_error *err)
{
    int64_t dims[CR_MAX_DIMS];
    const int n_dims = channel_dims(l, dims);
    return cr_caffe_put_spread(c, l, i, dims, n_dims, name, err);
}

static cr_status check_channels(const cr_caffe_layer *l, cr_error *err)
{
    int64_t n_axes;
    int axis;
    cr_status status = cr_caffe_axis(l, "axis", 1, &axis, err);
    if (status == CR_OK)
        status = cr_text_int(l->param, "num_axes", 1, &n_axes, err);
    if (status == CR_OK && (axis != 1 || n_axes != 1))
        return cr_fail(err, CR_EINPUT, "only axis 1 with num_axes 1 is supported");
    return status;
}

static cr_status put_scale(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    bool bias;
    const char *inputs[2] = {l->bottoms[0]->name}, *scaled, *top = l->tops[0].name;
    cr_caffe_node *node;
    CR_TRY(check_channels(l, err));
    CR_TRY(cr_text_bool(l->param, "bias_term", false, &bias, err));
    CR_TRY(put_channels(c, l, 0, &inputs[1], err));
    PUT("Mul", inputs, 2, bias ? NULL : top, &node);
    scaled = node->proto.output[0];
    if (bias) {
        inputs[0] = scaled;
        CR_TRY(put_channels(c, l, 1, &inputs[1], err));
        PUT("Add", inputs, 2, top, &node);
    }
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

static cr_status put_bias(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    const char *inputs[2] = {l->bottoms[0]->name};
    cr_caffe_node *node;
    CR_TRY(check_channels(l, err));
    CR_TRY(put_channels(c, l, 0, &inputs[1], err));
    PUT("Add", inputs, 2, l->tops[0].name, &node);
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

/* x * scale + shift where these are not 1 and 0; the layer's top is what comes of it if `last`. */
static cr_status put_affine(cr_caffe *c, cr_caffe_layer *l, double scale, double shift, bool last,
                            const char **y, cr_error *err)
{
    cr_status status = CR_OK;
    const char *top = last ? l->tops[0].name : NULL;
    *y = l->bottoms[0]->name;
    if (scale != 1)
        CR_TRY(cr_caffe_put_number(c, l, "Mul", *y, scale, shift == 0 ? top : NULL, y, err));
    if (shift != 0)
        CR_TRY(cr_caffe_put_number(c, l, "Add", *y, shift, top, y, err));
    if (scale == 1 && shift == 0 && last)
        CR_TRY(cr_caffe_put_one(c, l, "Identity", *y, top, y, err));

cleanup:
    return status;
}

/* (shift + scale x)^power. */
static cr_status put_power(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    double power, scale, shift;
    const char *y;
    CR_TRY(cr_text_real(l->param, "power", 1, &power, err));
    CR_TRY(cr_text_real(l->param, "scale", 1, &scale, err));
    CR_TRY(cr_text_real(l->param, "shift", 0, &shift, err));
    CR_TRY(put_affine(c, l, scale, shift, power == 1, &y, err));
    if (power != 1)
        CR_TRY(cr_caffe_put_number(c, l, "Pow", y, power, l->tops[0].name, &y, err));
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

/* base^(shift + scale x), and log_base(shift + scale x); a base of -1 is e. */
static cr_status read_base(const cr_caffe_layer *l, double *base, double *scale, double *shift,
                           cr_error *err)
{
    cr_status status = CR_OK;
    CR_TRY(cr_text_real(l->param, "base", -1, base, err));
    CR_TRY(cr_text_real(l->param, "scale", 1, scale, err));
    CR_TRY(cr_text_real(l->param, "shift", 0, shift, err));
    if (*base != -1 && (*base <= 0 || *base == 1))
        CR_TRY(cr_fail(err, CR_EINPUT, "its base must be positive and not 1"));
    *base = *base == -1 ? 1 : log(*base);

cleanup:
    return status;
}

static cr_status put_exp(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    double base, scale, shift;
    const char *y;
    CR_TRY(read_base(l, &base, &scale, &shift, err));
    CR_TRY(put_affine(c, l, base * scale, base * shift, false, &y, err));
    CR_TRY(cr_caffe_put_one(c, l, "Exp", y, l->tops[0].name, &y, err));
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

static cr_status put_log(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_status status = CR_OK;
    double base, scale, shift;
    const char *y, *top = l->tops[0].name;
    CR_TRY(read_base(l, &base, &scale, &shift, err));
    CR_TRY(put_affine(c, l, scale, shift, false, &y, err));
    CR_TRY(cr_caffe_put_one(c, l, "Log", y, base == 1 ? top : NULL, &y, err));
    if (base != 1)
        CR_TRY(cr_caffe_put_number(c, l, "Mul", y, 1 / base, top, &y, err));
    cr_caffe_same_shape(l);

cleanup:
    return status;
}

static cr_status put_softmax(cr_caffe *c, cr_caffe_layer *l, cr_error *err)
{
    cr_caffe_node *node;
    int axis;
    cr_status status = cr_caffe_axis(l, "axis", 1, &axis, err);
    if (status == CR_OK)
        status =
            cr_caffe_put(c, l, "Softmax", &l->bottoms[0]->name, 1, l->tops[0].name, &node, err);
    if (status == CR_OK)
        cr_attributes_int(&node->with, "axis", axis);
    cr_caffe_same_shape(l);
    return status;
}

const cr_caffe_kind cr_caffe_layers[] = {
    {"AbsVal", NULL, 1, 1, put_abs},
    {"BatchNorm", "batch_norm_param", 1, 1, put_batch_norm},
    {"Bias", "bias_param", 1, 1, put_bias},
    {"BNLL", NULL, 1, 1, put_bnll},
    {"Convolution", "convolution_param", 1, 1, put_convolution},
    {"Deconvolution", "convolution_param", 1, 1, put_deconvolution},
    {"Dropout", NULL, 1, 1, put_dropout},
    {"ELU", "elu_param", 1, 1, put_elu},
    {"Exp", "exp_param", 1, 1, put_exp},
    {"InnerProduct", "inner_product_param", 1, 1, put_inner_product},
    {"Log", "log_param", 1, 1, put_log},
    {"Power", "power_param", 1, 1, put_power},
    {"PReLU", "prelu_param", 1, 1, put_prelu},
    {"ReLU", "relu_param", 1, 1, put_relu},
    {"Scale", "scale_param", 1, 1, put_scale},
    {"Sigmoid", NULL, 1, 1, put_sigmoid},
    {"Softmax", "softmax_param", 1, 1, put_softmax},
    {"TanH", NULL, 1, 1, put_tanh},
    {NULL, NULL, 0, 0, NULL},
};
