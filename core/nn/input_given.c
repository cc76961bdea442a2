/* Inputs of a model that are not the image, from files of the caller's: constants, which the model's nodes
 * then find as if they were its own, or a row for each image. Everything in the files is untrusted. */
#include "graph.h"

#include "camrank/npy.h"

#include <stdio.h>

#define MAX_WHOLE (1 << 24) /* that float32 has exactly, as all below it */
#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

static const Onnx__TypeProto__Tensor *tensor_of(const Onnx__ValueInfoProto *input)
{
    return input->type && input->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
               ? input->type->tensor_type
               : NULL;
}

static const Onnx__TensorShapeProto__Dimension *dim_of(const Onnx__ValueInfoProto *input, size_t i)
{
    const Onnx__TypeProto__Tensor *tensor = tensor_of(input);
    return tensor && tensor->shape && i < tensor->shape->n_dim ? tensor->shape->dim[i] : NULL;
}

static bool is_fixed(const Onnx__TensorShapeProto__Dimension *dim)
{
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
}

static const char *name_of(const Onnx__TensorShapeProto__Dimension *dim)
{
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && dim->dim_param
               ? dim->dim_param
               : "";
}

const cr_nn_file *cr_given_find(const cr_nn_files *files, const char *input)
{
    for (int i = 0; files && i < files->n; i++)
        if (files->files[i].input && strcmp(files->files[i].input, input) == 0)
            return &files->files[i];
    return NULL;
}

/* The input with the image: that for which nothing is given. */
static const Onnx__ValueInfoProto *find_image(const cr_graph *graph, const Onnx__GraphProto *proto)
{
    for (size_t i = 0; i < proto->n_input; i++)
        if (proto->input[i]->name && cr_symbols_find(&graph->names, proto->input[i]->name) < 0 &&
            !cr_given_find(graph->files, proto->input[i]->name))
            return proto->input[i];
    return NULL;
}

/* Whether the first dimension is the batch: of the size, or of the name, that it has in the image. */
static bool is_batched(const Onnx__ValueInfoProto *input, const Onnx__ValueInfoProto *image)
{
    const Onnx__TensorShapeProto__Dimension *own = dim_of(input, 0);
    const Onnx__TensorShapeProto__Dimension *batch = image ? dim_of(image, 0) : NULL;
    if (!own || !batch || is_fixed(own) != is_fixed(batch))
        return false;
    return is_fixed(own) ? own->dim_value == batch->dim_value
                         : !name_of(own)[0] || !name_of(batch)[0] ||
                               strcmp(name_of(own), name_of(batch)) == 0;
}

/* What the shape is to be: `(1, 12)`, with `?` for a side that is open. */
static void describe(const Onnx__ValueInfoProto *input, bool batched, char text[120])
{
    const Onnx__TensorShapeProto *shape = tensor_of(input)->shape;
    size_t used = 0;
    for (size_t i = 0; i < shape->n_dim && used < 100; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        used += (size_t)snprintf(text + used, 120 - used, "%s", i ? ", " : "(");
        if (i == 0 && batched)
            used += (size_t)snprintf(text + used, 120 - used, "1");
        else if (is_fixed(dim))
            used += (size_t)snprintf(text + used, 120 - used, "%lld", (long long)dim->dim_value);
        else
            used += (size_t)snprintf(text + used, 120 - used, "?");
    }
    snprintf(text + used, 120 - used, "%s", shape->n_dim ? ")" : "()");
}

static cr_status check_shape(const Onnx__ValueInfoProto *input, bool batched,
                             const cr_npy_array *array, const char *path, cr_error *err)
{
    char wanted[120];
    const Onnx__TensorShapeProto *shape = tensor_of(input)->shape;
    if (!shape)
        return CR_OK;
    bool fits = (size_t)array->n_dims == shape->n_dim;
    for (int i = 0; fits && i < array->n_dims; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        fits = (is_fixed(dim) && array->dims[i] == dim->dim_value) ||
               (i == 0 && batched ? array->dims[i] >= 1 : !is_fixed(dim));
    }
    if (fits)
        return CR_OK;
    describe(input, batched, wanted);
    return cr_fail(err, CR_EINPUT,
                   "%.300s has another shape than the model wants for all images, %s%s", path,
                   wanted, batched ? ", or with a row for each" : "");
}

static bool is_integer_type(int type)
{
    return type == TYPE(BOOL) || type == TYPE(INT8) || type == TYPE(UINT8) || type == TYPE(INT16) ||
           type == TYPE(UINT16) || type == TYPE(INT32) || type == TYPE(UINT32) ||
           type == TYPE(INT64) || type == TYPE(UINT64);
}

static cr_status check_type(int type, const cr_npy_array *array, const char *path, cr_error *err)
{
    const bool real = array->type.kind == CR_NUMBER_FLOAT;
    if (!cr_onnx_is_real(type) && !is_integer_type(type))
        return cr_fail(err, CR_EINPUT, "is %s; numbers and booleans can be given",
                       cr_onnx_type_name(type));
    if (real == cr_onnx_is_real(type) && array->is_bool == (type == TYPE(BOOL)))
        return CR_OK;
    return cr_fail(err, CR_EINPUT, "%.300s holds %s, the model wants %s: save it with .astype(...)",
                   path,
                   array->is_bool ? "booleans"
                   : real         ? "real numbers"
                                  : "integers",
                   cr_onnx_type_name(type));
}

static int64_t whole_at(const cr_npy_array *array, const uint8_t *at)
{
    uint64_t bits = 0;
    const int n = array->type.bytes;
    for (int i = 0; i < n; i++)
        bits |= (uint64_t)at[array->type.big_endian ? n - 1 - i : i] << 8 * i;
    if (array->is_bool)
        return bits != 0;
    if (array->type.kind == CR_NUMBER_UNSIGNED)
        return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    if (n < 8 && bits >> (8 * n - 1))
        bits |= ~(uint64_t)0 << 8 * n;
    return (int64_t)bits;
}

/* The values as the graph has them: float32, or int64. */
static cr_status copy_values(cr_graph *graph, const cr_npy_array *array, cr_tensor *tensor,
                             cr_error *err)
{
    const bool real = array->type.kind == CR_NUMBER_FLOAT;
    void *copy = cr_arena_alloc(&graph->weights, array->n, real ? sizeof(float) : sizeof(int64_t));
    float *reals = real ? copy : NULL;
    int64_t *ints = real ? NULL : copy;
    if (!copy)
        return cr_fail_memory(err, "an input", array->n, sizeof(int64_t));
    for (size_t i = 0; i < array->n; i++) {
        const uint8_t *at = array->values + cr_npy_array_at(array, i) * (size_t)array->type.bytes;
        if (real)
            cr_number_to_float32(array->type, at, 1, &reals[i]);
        else
            ints[i] = whole_at(array, at);
    }
    tensor->reals = (const uint8_t *)reals;
    tensor->step = sizeof(float);
    tensor->ints = ints;
    return CR_OK;
}

/* The array as an activation whose values are those of the image's row. */
static cr_status add_rows(cr_graph *graph, const char *name, int type, const cr_npy_array *array,
                          const char *path, cr_error *err)
{
    cr_rows rows = {.shape.n_dims = array->n_dims};
    cr_node node = {.type = cr_op_row.type, .op = &cr_op_row, .name = name, .wish = &rows};
    cr_real *values = cr_arena_alloc(&graph->arena, array->n, sizeof *values);
    if (!values)
        return cr_fail_memory(err, "an input", array->n, sizeof *values);
    for (int d = 0; d < array->n_dims; d++)
        rows.shape.dims[d] = d ? (int)array->dims[d] : 1;
    for (size_t i = 0; i < array->n; i++) {
        const uint8_t *at = array->values + cr_npy_array_at(array, i) * (size_t)array->type.bytes;
        const int64_t whole = cr_onnx_is_real(type) ? 0 : whole_at(array, at);
        float real = (float)whole;
        if (whole > MAX_WHOLE || whole < -MAX_WHOLE)
            return cr_fail(err, CR_EINPUT,
                           "%.300s holds %lld; with a row for each image integers are of 24 bits",
                           path, (long long)whole);
        if (cr_onnx_is_real(type))
            cr_number_to_float32(array->type, at, 1, &real);
        values[i] = (cr_real)real;
    }
    if (graph->n_rows && graph->n_rows != array->dims[0])
        return cr_fail(err, CR_EINPUT, "%.150s has %d rows, but %.150s has %d", path,
                       (int)array->dims[0], graph->rows_of, graph->n_rows);
    if (!graph->n_rows)
        snprintf(graph->rows_of, sizeof graph->rows_of, "%s", path);
    graph->n_rows = (int)array->dims[0];
    rows.values = values;
    node.name = cr_graph_text(graph, name);
    if (!node.name)
        return cr_fail_memory(err, "a name", strlen(name), 1);
    CR_OR_RETURN(cr_node_new(graph, 0, &node, err));
    CR_OR_RETURN(cr_graph_add_node(graph, &node, node.name, err));
    graph->values[node.y].whole = cr_onnx_is_real(type) ? 0 : type;
    return CR_OK;
}

static cr_status load_one(cr_graph *graph, const Onnx__ValueInfoProto *input,
                          const Onnx__ValueInfoProto *image, const cr_nn_file *file, cr_error *err)
{
    cr_npy_array array;
    int id;
    if (!tensor_of(input))
        return cr_fail(err, CR_EINPUT, "is no tensor");
    if (!file->bytes)
        return cr_fail(err, CR_EINPUT, "is given by %.300s, which has not been read",
                       file->location);
    CR_OR_RETURN(cr_npy_array_find(file->bytes, file->n_bytes, file->location, &array, err));
    CR_OR_RETURN(check_type(tensor_of(input)->elem_type, &array, file->location, err));
    CR_OR_RETURN(check_shape(input, is_batched(input, image), &array, file->location, err));
    if (array.n_dims > CR_MAX_DIMS || array.n > (size_t)CR_MAX_ELEMENTS)
        return cr_fail(err, CR_EINPUT, "%.300s is too large, or of more than %d dimensions",
                       file->location, CR_MAX_DIMS);
    if (array.n_dims > 0 && array.dims[0] > 1 && is_batched(input, image))
        return add_rows(graph, input->name, tensor_of(input)->elem_type, &array, file->location,
                        err);
    cr_tensor tensor = {
        .n_dims = array.n_dims, .n = (int64_t)array.n, .data_type = tensor_of(input)->elem_type};
    memcpy(tensor.dims, array.dims, (size_t)array.n_dims * sizeof *array.dims);
    CR_OR_RETURN(copy_values(graph, &array, &tensor, err));
    return cr_graph_add_constant(graph, input->name, &tensor, &id, err);
}

/* The model's own input of this name. */
static const Onnx__ValueInfoProto *find_input(const cr_graph *graph, const Onnx__GraphProto *proto,
                                              const char *name)
{
    for (size_t i = 0; i < proto->n_input; i++)
        if (proto->input[i]->name && strcmp(proto->input[i]->name, name) == 0 &&
            cr_symbols_find(&graph->names, name) < 0)
            return proto->input[i];
    return NULL;
}

/* Names of the inputs that something can be given for. */
static void list_names(const cr_graph *graph, const Onnx__GraphProto *proto, char text[200])
{
    size_t used = 0;
    snprintf(text, 200, "none");
    for (size_t i = 0; i < proto->n_input && used < 150; i++)
        if (proto->input[i]->name && cr_symbols_find(&graph->names, proto->input[i]->name) < 0)
            used += (size_t)snprintf(text + used, 200 - used, "%s%.60s", used ? ", " : "",
                                     proto->input[i]->name);
}

int cr_graph_n_rows(const cr_graph *graph)
{
    return graph->n_rows;
}

const char *cr_graph_rows_file(const cr_graph *graph)
{
    return graph->rows_of;
}

cr_status cr_given_load(cr_graph *graph, const Onnx__GraphProto *proto, cr_error *err)
{
    char names[200];
    const Onnx__ValueInfoProto *image = find_image(graph, proto);
    list_names(graph, proto, names);
    for (int i = 0; graph->files && i < graph->files->n; i++) {
        const cr_nn_file *file = &graph->files->files[i];
        if (!file->input)
            continue;
        const Onnx__ValueInfoProto *input = find_input(graph, proto, file->input);
        if (!input)
            return cr_fail(err, CR_EINPUT,
                           "has no input %.100s that could be given; its inputs: %s", file->input,
                           names);
        if (load_one(graph, input, image, file, err) != CR_OK)
            return cr_fail_in(err, "its input %.100s: ", file->input);
    }
    return CR_OK;
}
