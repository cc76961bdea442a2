/* The tensors of an ONNX model, wherever their data lie: in fields of their own, as raw bytes of the
 * model's file, or in files beside it. */
#include "reader.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name
#define MAX_FILES 4096
#define MAX_LOCATION_BYTES 1024

/* Bytes of one element in raw data, of the types that are read; else 0. */
static size_t element_bytes(const Onnx__TensorProto *proto)
{
    switch (proto->data_type) {
    case TYPE(BOOL):
    case TYPE(INT8):
    case TYPE(UINT8):
        return 1;
    case TYPE(INT16):
    case TYPE(UINT16):
    case TYPE(FLOAT16):
    case TYPE(BFLOAT16):
        return 2;
    case TYPE(INT32):
    case TYPE(UINT32):
    case TYPE(FLOAT):
        return 4;
    case TYPE(INT64):
    case TYPE(UINT64):
    case TYPE(DOUBLE):
        return 8;
    default:
        return 0;
    }
}

bool cr_onnx_is_real(int data_type)
{
    return data_type == TYPE(FLOAT) || data_type == TYPE(DOUBLE) || data_type == TYPE(FLOAT16) ||
           data_type == TYPE(BFLOAT16);
}

static cr_status read_shape(const Onnx__TensorProto *proto, cr_tensor *tensor, cr_error *err)
{
    if (proto->n_dims > CR_MAX_DIMS)
        return cr_fail(err, CR_EINPUT, "has %zu dimensions, at most %d are supported",
                       proto->n_dims, CR_MAX_DIMS);
    *tensor = (cr_tensor){.n_dims = (int)proto->n_dims, .n = 1, .data_type = proto->data_type};
    for (size_t i = 0; i < proto->n_dims; i++) {
        int64_t dim = proto->dims[i];
        if (dim < 0 || dim > CR_MAX_ELEMENTS || (dim && tensor->n > CR_MAX_ELEMENTS / dim))
            return cr_fail(err, CR_EINPUT, "has an invalid shape");
        tensor->dims[i] = dim;
        tensor->n *= dim;
    }
    return CR_OK;
}

/* Where in which file a tensor's data are. */
typedef struct place {
    const char *location;
    size_t offset;
} place;

static bool is_external(const Onnx__TensorProto *proto)
{
    return proto->n_external_data ||
           proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* A relative path, in text, to something inside the folder that it starts from. */
static bool stays_inside(const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n > MAX_LOCATION_BYTES || path[0] == '/' || path[n - 1] == '/')
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return false;
    }
    return true;
}

/* The value of a key of external_data; "" where there is none. */
static const char *external_value(const Onnx__TensorProto *proto, const char *key)
{
    const char *value = "";
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        if (entry->key && strcmp(entry->key, key) == 0)
            value = entry->value ? entry->value : "";
    }
    return value;
}

/* A number of bytes in digits; 0 where it is not given. False if it is anything else, or too large.
 */
static bool read_bytes(const char *text, size_t *n_bytes)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *n_bytes = (size_t)value;
    return strspn(text, "0123456789") == strlen(text) && !*end && errno == 0 &&
           value <= CR_ONNX_MAX_DATA_BYTES;
}

/* n_bytes are what the shape needs. */
static cr_status find_place(const Onnx__TensorProto *proto, size_t n_bytes, place *at,
                            cr_error *err)
{
    const char *length = external_value(proto, "length");
    size_t held;
    at->location = external_value(proto, "location");
    if (!stays_inside(at->location))
        return cr_fail(err, CR_EINPUT,
                       "has its data in \"%.100s\", which is no path inside the model's folder",
                       at->location);
    if (!read_bytes(external_value(proto, "offset"), &at->offset) || !read_bytes(length, &held) ||
        at->offset + n_bytes > CR_ONNX_MAX_DATA_BYTES)
        return cr_fail(err, CR_EINPUT, "has its data at an invalid place in %.100s", at->location);
    if (length[0] && held != n_bytes)
        return cr_fail(err, CR_EINPUT, "holds %zu bytes, its shape needs %zu", held, n_bytes);
    return CR_OK;
}

static cr_nn_file *find_file(const cr_nn_files *files, const char *location)
{
    for (int i = 0; files && i < files->n; i++)
        if (!files->files[i].whole && strcmp(files->files[i].location, location) == 0)
            return &files->files[i];
    return NULL;
}

/* The bytes of a tensor in the files that the caller has read. */
static cr_status read_external(const cr_nn_files *files, const Onnx__TensorProto *proto,
                               size_t n_bytes, cr_onnx_bytes *data, cr_error *err)
{
    place at;
    cr_status status = find_place(proto, n_bytes, &at, err);
    if (status != CR_OK)
        return status;
    const cr_nn_file *file = find_file(files, at.location);
    if (!file || !file->bytes || file->n_bytes < at.offset + n_bytes)
        return cr_fail(err, CR_EINPUT, "has its data in %.100s, which has not been read",
                       at.location);
    *data = (cr_onnx_bytes){file->bytes + at.offset, n_bytes};
    return CR_OK;
}

/* A copy that lives as long as the weights. */
static void *keep(cr_graph *graph, const void *data, size_t n_bytes)
{
    void *copy = cr_arena_alloc(&graph->weights, n_bytes, 1);
    return copy && n_bytes ? memcpy(copy, data, n_bytes) : copy;
}

/* IEEE 754 half precision: 1 sign, 5 exponent and 10 fraction bits. */
static float from_half(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const float size = exponent == 31  ? fraction ? NAN : INFINITY
                       : exponent == 0 ? ldexpf((float)fraction, -24)
                                       : ldexpf((float)(fraction + 1024), exponent - 25);
    return half & 0x8000 ? -size : size;
}

#define AT(type) \
    type value;  \
    memcpy(&value, at, sizeof value)

static float read_real(int data_type, const uint8_t *at)
{
    if (data_type == TYPE(DOUBLE)) {
        AT(double);
        return (float)value;
    }
    AT(uint16_t);
    if (data_type == TYPE(FLOAT16))
        return from_half(value);
    const uint32_t bits = (uint32_t)value << 16; /* bfloat16: the upper half of a float */
    float real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

static int64_t read_int(int data_type, const uint8_t *at)
{
    switch (data_type) {
    case TYPE(BOOL):
        return *at != 0;
    case TYPE(UINT8):
        return *at;
    case TYPE(INT8): {
        AT(int8_t);
        return value;
    }
    case TYPE(INT16): {
        AT(int16_t);
        return value;
    }
    case TYPE(UINT16): {
        AT(uint16_t);
        return value;
    }
    case TYPE(INT32): {
        AT(int32_t);
        return value;
    }
    case TYPE(UINT32): {
        AT(uint32_t);
        return value;
    }
    case TYPE(UINT64): {
        AT(uint64_t);
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
    }
    default: {
        AT(int64_t);
        return value;
    }
    }
}

/* Converts n elements that lie `step` bytes apart; on machines of this byte order the value of an
 * element comes first in a field that is wider. */
static cr_status convert(cr_graph *graph, const uint8_t *bytes, size_t step, cr_tensor *tensor,
                         cr_error *err)
{
    const size_t n = (size_t)tensor->n;
    if (cr_onnx_is_real(tensor->data_type)) {
        float *reals = cr_arena_alloc(&graph->weights, n, sizeof *reals);
        tensor->reals = (uint8_t *)reals;
        tensor->step = sizeof *reals;
        for (size_t i = 0; reals && i < n; i++)
            reals[i] = read_real(tensor->data_type, bytes + i * step);
    } else {
        int64_t *ints = cr_arena_alloc(&graph->weights, n, sizeof *ints);
        tensor->ints = ints;
        for (size_t i = 0; ints && i < n; i++)
            ints[i] = read_int(tensor->data_type, bytes + i * step);
    }
    return tensor->reals || tensor->ints ? CR_OK
                                         : cr_fail_memory(err, "a tensor", n, sizeof(int64_t));
}

/* The field that holds the elements of a tensor without raw data, and the bytes of one there. */
static cr_onnx_bytes typed_field(const Onnx__TensorProto *proto, size_t *step)
{
    *step = 8;
    switch (proto->data_type) {
    case TYPE(DOUBLE):
        return (cr_onnx_bytes){(uint8_t *)proto->double_data, proto->n_double_data * 8};
    case TYPE(INT64):
        return (cr_onnx_bytes){(uint8_t *)proto->int64_data, proto->n_int64_data * 8};
    case TYPE(UINT32):
    case TYPE(UINT64):
        return (cr_onnx_bytes){(uint8_t *)proto->uint64_data, proto->n_uint64_data * 8};
    case TYPE(FLOAT):
        *step = 4;
        return (cr_onnx_bytes){(uint8_t *)proto->float_data, proto->n_float_data * 4};
    default:
        *step = 4;
        return (cr_onnx_bytes){(uint8_t *)proto->int32_data, proto->n_int32_data * 4};
    }
}

cr_status cr_onnx_tensor(cr_graph *graph, const Onnx__TensorProto *proto, cr_onnx_bytes raw,
                         cr_tensor *tensor, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t item = element_bytes(proto);
    size_t step = item;
    /* Raw bytes inside the unpacked message and the other fields end with it. */
    bool stays = raw.bytes != NULL;
    *tensor = (cr_tensor){.data_type = proto->data_type};
    if (item == 0)
        return CR_OK; /* refused by name where it is used */
    CR_TRY(read_shape(proto, tensor, err));
    if (is_external(proto)) {
        CR_TRY(read_external(graph->files, proto, (size_t)tensor->n * item, &raw, err));
        stays = true;
    } else if (!stays && proto->has_raw_data)
        raw = (cr_onnx_bytes){proto->raw_data.data, proto->raw_data.len};
    else if (!stays)
        raw = typed_field(proto, &step);
    if (raw.n_bytes != (size_t)tensor->n * step) {
        status = cr_fail(err, CR_EINPUT, "holds %zu bytes, its shape needs %zu", raw.n_bytes,
                         (size_t)tensor->n * step);
        goto cleanup;
    }
    if (proto->data_type != TYPE(FLOAT)) {
        CR_TRY(convert(graph, raw.bytes, step, tensor, err));
        goto cleanup;
    }
    tensor->step = sizeof(float);
    tensor->reals = stays ? raw.bytes : keep(graph, raw.bytes, raw.n_bytes);
    if (!tensor->reals)
        status = cr_fail_memory(err, "a tensor", raw.n_bytes, 1);

cleanup:
    return status;
}

/* Adds the file of a tensor to the list, or lengthens its part that is used. */
static cr_status list_file(cr_nn_files *files, const Onnx__TensorProto *proto, cr_error *err)
{
    cr_status status = CR_OK;
    cr_tensor shape;
    place at;
    if (!is_external(proto) || element_bytes(proto) == 0)
        return CR_OK;
    CR_TRY(read_shape(proto, &shape, err));
    const size_t n_bytes = (size_t)shape.n * element_bytes(proto);
    CR_TRY(find_place(proto, n_bytes, &at, err));
    cr_nn_file *file = find_file(files, at.location);
    if (!file) {
        if (files->n == MAX_FILES) {
            status = cr_fail(err, CR_EINPUT, "is one of more than %d files with data", MAX_FILES);
            goto cleanup;
        }
        file = &files->files[files->n];
        file->location = strdup(at.location);
        if (!file->location) {
            status = cr_fail_memory(err, "a path", strlen(at.location), 1);
            goto cleanup;
        }
        files->n++;
    }
    if (at.offset + n_bytes > file->n_bytes)
        file->n_bytes = at.offset + n_bytes;

cleanup:
    if (status != CR_OK)
        cr_fail_in(err, "tensor %.100s ", proto->name ? proto->name : "");
    return status;
}

static cr_status list_files(cr_nn_files *files, const Onnx__GraphProto *graph, cr_error *err)
{
    cr_status status = CR_OK;
    size_t total = 0;
    for (size_t i = 0; i < graph->n_initializer; i++)
        CR_TRY(list_file(files, graph->initializer[i], err));
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t j = 0; j < graph->node[i]->n_attribute; j++)
            if (graph->node[i]->attribute[j]->t)
                CR_TRY(list_file(files, graph->node[i]->attribute[j]->t, err));
    for (int i = 0; i < files->n; i++)
        total += files->files[i].n_bytes; /* each below 2^36 */
    if (total > CR_ONNX_MAX_DATA_BYTES)
        status = cr_fail(err, CR_EINPUT, "has %zu bytes of data in other files, at most %zu fit",
                         total, CR_ONNX_MAX_DATA_BYTES);

cleanup:
    return status;
}

cr_status cr_onnx_list_files(const uint8_t *bytes, size_t n_bytes, cr_nn_files *files,
                             cr_error *err)
{
    cr_status status = CR_OK;
    cr_onnx_model model;
    *files = (cr_nn_files){.files = cr_alloc(MAX_FILES, sizeof *files->files)};
    CR_TRY(cr_model_read(bytes, n_bytes, NULL, &model, err));
    if (!files->files) {
        status = cr_fail_memory(err, "a list of files", MAX_FILES, sizeof *files->files);
        goto cleanup;
    }
    CR_TRY(list_files(files, model.proto->graph, err));

cleanup:
    cr_model_read_free(&model);
    return status;
}
