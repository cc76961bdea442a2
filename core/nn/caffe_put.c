/* The nodes and tensors that stand for a Caffe layer. */
#include "caffe.h"

#include <stdio.h>

static cr_status memory_fails(const char *layer, cr_error *err)
{
    return cr_fail_memory(err, layer, 1, sizeof(cr_caffe_node));
}

/* "fc8 (Flatten 12)": no layer is named so in earnest, and two of one name are refused. */
static char *own_name(cr_caffe *c, const cr_caffe_layer *layer, const char *what)
{
    const size_t n_bytes = strlen(layer->name) + strlen(what) + 32;
    char *name = cr_arena_alloc(c->memory, n_bytes, 1);
    if (name)
        snprintf(name, n_bytes, "%s (%s %zu)", layer->name, what, c->n_nodes + c->n_tensors);
    return name;
}

cr_status cr_caffe_put(cr_caffe *c, const cr_caffe_layer *layer, const char *op,
                       const char *const *inputs, int n_inputs, const char *output,
                       cr_caffe_node **result, cr_error *err)
{
    cr_caffe_node *node = cr_arena_alloc(c->memory, 1, sizeof *node);
    char **names = cr_arena_alloc(c->memory, (size_t)n_inputs + 1, sizeof *names);
    if (!node || !names)
        return memory_fails(layer->name, err);
    onnx__node_proto__init(&node->proto);
    for (int i = 0; i < n_inputs; i++)
        names[i] = (char *)inputs[i];
    names[n_inputs] = output ? (char *)output : own_name(c, layer, op);
    if (!names[n_inputs])
        return memory_fails(layer->name, err);
    node->proto.name = output ? (char *)layer->name : names[n_inputs];
    node->proto.op_type = (char *)op;
    node->proto.n_input = (size_t)n_inputs;
    node->proto.input = names;
    node->proto.n_output = 1;
    node->proto.output = names + n_inputs;
    *c->end_of_nodes = node;
    c->end_of_nodes = &node->next;
    c->n_nodes++;
    *result = node;
    return CR_OK;
}

void cr_caffe_set_ints(cr_caffe_node *node, const char *name, const int64_t *values, int n)
{
    int64_t *copy = node->ints[node->with.proto.n_attribute];
    memcpy(copy, values, (size_t)n * sizeof *copy);
    cr_attributes_ints(&node->with, name, copy, n);
}

cr_status cr_caffe_put_one(cr_caffe *c, const cr_caffe_layer *layer, const char *op, const char *x,
                           const char *output, const char **y, cr_error *err)
{
    cr_caffe_node *node;
    const cr_status status = cr_caffe_put(c, layer, op, &x, 1, output, &node, err);
    if (status == CR_OK)
        *y = node->proto.output[0];
    return status;
}

cr_status cr_caffe_put_number(cr_caffe *c, const cr_caffe_layer *layer, const char *op,
                              const char *x, double value, const char *output, const char **y,
                              cr_error *err)
{
    cr_caffe_node *node;
    const float number = (float)value;
    const char *inputs[2] = {x};
    cr_status status = cr_caffe_put_reals(c, layer, &number, NULL, 0, &inputs[1], err);
    if (status == CR_OK)
        status = cr_caffe_put(c, layer, op, inputs, 2, output, &node, err);
    if (status == CR_OK)
        *y = node->proto.output[0];
    return status;
}

static cr_status add_tensor(cr_caffe *c, const cr_caffe_layer *layer, const int64_t *dims,
                            int n_dims, cr_caffe_tensor **result, const char **name, cr_error *err)
{
    cr_caffe_tensor *tensor = cr_arena_alloc(c->memory, 1, sizeof *tensor);
    char *own = own_name(c, layer, "blob");
    if (!tensor || !own)
        return memory_fails(layer->name, err);
    onnx__tensor_proto__init(&tensor->proto);
    tensor->proto.name = own;
    tensor->proto.has_data_type = true;
    tensor->proto.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->proto.n_dims = (size_t)n_dims;
    tensor->proto.dims = tensor->dims;
    if (n_dims)
        memcpy(tensor->dims, dims, (size_t)n_dims * sizeof *dims);
    *c->end_of_tensors = tensor;
    c->end_of_tensors = &tensor->next;
    c->n_tensors++;
    *result = tensor;
    *name = own;
    return CR_OK;
}

static void describe(const int64_t *dims, int n_dims, char text[128])
{
    int used = snprintf(text, 128, "[");
    for (int d = 0; d < n_dims && used < 100; d++)
        used +=
            snprintf(text + used, 128 - (size_t)used, "%s%lld", d ? ", " : "", (long long)dims[d]);
    snprintf(text + used, 128 - (size_t)used, "]");
}

cr_status cr_caffe_check_blob(const cr_caffe_layer *layer, int i, const int64_t *dims, int n_dims,
                              cr_error *err)
{
    char wanted[128], there[128];
    if (layer->n_blobs == 0)
        return cr_fail(
            err, CR_EINPUT,
            "the .caffemodel has no weights for a layer of this name; is it this network's?");
    if (i >= layer->n_blobs)
        return cr_fail(err, CR_EINPUT, "the .caffemodel has %d blobs for it, %d are needed",
                       layer->n_blobs, i + 1);
    /* Old files have four dimensions of all, the first of them 1. */
    const cr_caffe_blob *blob = &layer->blobs[i];
    const int64_t *a = blob->dims, *b = dims;
    int n_a = blob->n_dims, n_b = n_dims;
    for (; n_a > 0 && *a == 1; n_a--)
        a++;
    for (; n_b > 0 && *b == 1; n_b--)
        b++;
    if (n_a == n_b && (n_a == 0 || memcmp(a, b, (size_t)n_a * sizeof *a) == 0))
        return CR_OK;
    describe(dims, n_dims, wanted);
    describe(blob->dims, blob->n_dims, there);
    return cr_fail(err, CR_EINPUT, "its blob %d is %s in the .caffemodel, the network needs %s", i,
                   there, wanted);
}

double cr_caffe_blob_real(const cr_caffe_blob *blob, size_t i)
{
    return blob->raw.bytes ? (double)cr_real_at(blob->raw.bytes, i * sizeof(float))
                           : (double)blob->reals[i];
}

static cr_status put_checked(cr_caffe *c, const cr_caffe_layer *layer, int i, const int64_t *dims,
                             int n_checked, int n_dims, const char **name, cr_error *err)
{
    cr_caffe_tensor *tensor;
    cr_status status = cr_caffe_check_blob(layer, i, dims, n_checked, err);
    if (status == CR_OK)
        status = add_tensor(c, layer, dims, n_dims, &tensor, name, err);
    if (status != CR_OK)
        return status;
    const cr_caffe_blob *blob = &layer->blobs[i];
    tensor->raw = blob->raw;
    if (!blob->raw.bytes) {
        tensor->proto.n_float_data = blob->n;
        tensor->proto.float_data = (float *)blob->reals;
    }
    return CR_OK;
}

cr_status cr_caffe_put_blob(cr_caffe *c, const cr_caffe_layer *layer, int i, const int64_t *dims,
                            int n_dims, const char **name, cr_error *err)
{
    return put_checked(c, layer, i, dims, n_dims, n_dims, name, err);
}

cr_status cr_caffe_put_spread(cr_caffe *c, const cr_caffe_layer *layer, int i, const int64_t *dims,
                              int n_dims, const char **name, cr_error *err)
{
    return put_checked(c, layer, i, dims, 1, n_dims, name, err);
}

cr_status cr_caffe_put_reals(cr_caffe *c, const cr_caffe_layer *layer, const float *values,
                             const int64_t *dims, int n_dims, const char **name, cr_error *err)
{
    cr_caffe_tensor *tensor;
    size_t n = 1;
    for (int d = 0; d < n_dims; d++)
        n *= (size_t)dims[d];
    cr_status status = add_tensor(c, layer, dims, n_dims, &tensor, name, err);
    if (status != CR_OK)
        return status;
    tensor->proto.n_float_data = n;
    tensor->proto.float_data = cr_arena_alloc(c->memory, n, sizeof *values);
    if (!tensor->proto.float_data)
        return memory_fails(layer->name, err);
    memcpy(tensor->proto.float_data, values, n * sizeof *values);
    return CR_OK;
}

cr_status cr_caffe_put_ints(cr_caffe *c, const cr_caffe_layer *layer, const int64_t *values, int n,
                            const char **name, cr_error *err)
{
    cr_caffe_tensor *tensor;
    const int64_t dims[1] = {n};
    cr_status status = add_tensor(c, layer, dims, 1, &tensor, name, err);
    if (status != CR_OK)
        return status;
    tensor->proto.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    tensor->proto.n_int64_data = (size_t)n;
    tensor->proto.int64_data = cr_arena_alloc(c->memory, (size_t)n, sizeof *values);
    if (!tensor->proto.int64_data)
        return memory_fails(layer->name, err);
    memcpy(tensor->proto.int64_data, values, (size_t)n * sizeof *values);
    return CR_OK;
}

void cr_caffe_same_shape(cr_caffe_layer *layer)
{
    const char *name = layer->tops[0].name;
    layer->tops[0] = *layer->bottoms[0];
    layer->tops[0].name = name;
}

cr_status cr_caffe_axis(const cr_caffe_layer *layer, const char *key, int64_t absent, int *axis,
                        cr_error *err)
{
    int64_t value;
    const int n = layer->bottoms[0]->n_dims;
    cr_status status = cr_text_int(layer->param, key, absent, &value, err);
    if (status != CR_OK)
        return status;
    value += value < 0 ? n : 0;
    if (value < 1 || value >= n)
        return cr_fail(err, CR_EINPUT, "its %s is none of dimensions 1 to %d", key, n - 1);
    *axis = (int)value;
    return CR_OK;
}
