#include "onnx_builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than the reader takes, for tests of its limits. */
#define MAX_ITEMS 20100
#define MAX_NUMBERS 64

static void *make(onnx_builder *b, size_t n, size_t item_bytes)
{
    void *block = cr_arena_alloc(&b->arena, n, item_bytes);
    if (!block)
        abort();
    return block;
}

static char *text(onnx_builder *b, const char *from, size_t length)
{
    char *copy = make(b, length + 1, 1);
    memcpy(copy, from, length);
    return copy;
}

double onnx_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 11) / (1 << 20) - 1;
}

/* Numbers separated by commas; returns how many. */
static size_t numbers(const char *list, int64_t *values)
{
    size_t n = 0;
    while (*list && n < MAX_NUMBERS) {
        char *end;
        values[n++] = strtoll(list, &end, 10);
        list = *end == ',' ? end + 1 : "";
    }
    return n;
}

Onnx__TensorProto *onnx_add_tensor(onnx_builder *b, const char *name, const char *dims)
{
    Onnx__TensorProto *tensor = make(b, 1, sizeof *tensor);
    onnx__tensor_proto__init(tensor);
    tensor->name = text(b, name, strlen(name));
    tensor->dims = make(b, MAX_NUMBERS, sizeof *tensor->dims);
    tensor->n_dims = numbers(dims, tensor->dims);
    tensor->has_data_type = 1;
    tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    b->graph.initializer[b->graph.n_initializer++] = tensor;
    return tensor;
}

static void add_reals(onnx_builder *b, const char *name, const char *dims, double scale,
                      double shift)
{
    Onnx__TensorProto *tensor = onnx_add_tensor(b, name, dims);
    size_t n = 1;
    for (size_t i = 0; i < tensor->n_dims; i++)
        n *= (size_t)tensor->dims[i];
    tensor->n_float_data = n;
    tensor->float_data = make(b, n, sizeof *tensor->float_data);
    for (size_t i = 0; i < n; i++)
        tensor->float_data[i] = (float)(scale * onnx_random(&b->seed) + shift);
}

static void add_ints(onnx_builder *b, const char *name, const char *list, size_t n_dims)
{
    Onnx__TensorProto *tensor = onnx_add_tensor(b, name, "");
    tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    tensor->int64_data = make(b, MAX_NUMBERS, sizeof *tensor->int64_data);
    tensor->n_int64_data = numbers(list, tensor->int64_data);
    tensor->n_dims = n_dims;
    tensor->dims[0] = (int64_t)tensor->n_int64_data;
}

/* One input of a node; constants are made on the way. Returns its name. */
static char *read_input(onnx_builder *b, const char *token, size_t length)
{
    size_t n_name = strcspn(token, ":+=#@ ");
    if (n_name > length)
        n_name = length;
    char *name = text(b, token, n_name), kind = n_name < length ? token[n_name] : 0;
    char *rest = kind ? text(b, token + n_name + 1, length - n_name - 1) : NULL;
    if (kind == ':')
        add_reals(b, name, rest, 1, 0);
    else if (kind == '+')
        add_reals(b, name, rest, 0.5, 1);
    else if (kind == '=')
        add_reals(b, name, "", 0, strtod(rest, NULL));
    else if (kind == '#')
        add_ints(b, name, rest, 1);
    else if (kind == '@')
        add_ints(b, name, rest, 0);
    return strcmp(name, "-") == 0 ? text(b, "", 0) : name;
}

Onnx__AttributeProto *onnx_add_attribute(onnx_builder *b, Onnx__NodeProto *node, const char *name)
{
    Onnx__AttributeProto *attribute = make(b, 1, sizeof *attribute);
    onnx__attribute_proto__init(attribute);
    attribute->name = text(b, name, strlen(name));
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

static void read_attribute(onnx_builder *b, Onnx__NodeProto *node, const char *token, size_t length)
{
    char *name = text(b, token, length), *value = strchr(name, '=');
    *value++ = 0;
    Onnx__AttributeProto *attribute = onnx_add_attribute(b, node, name);
    if (strchr(value, ',')) {
        attribute->ints = make(b, MAX_NUMBERS, sizeof *attribute->ints);
        attribute->n_ints = numbers(value, attribute->ints);
    } else if (strchr(value, '.')) {
        attribute->has_f = 1;
        attribute->f = strtof(value, NULL);
    } else if (strspn(value, "-0123456789")) {
        attribute->has_i = 1;
        attribute->i = strtoll(value, NULL, 10);
    } else {
        attribute->has_s = 1;
        attribute->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)value};
    }
}

Onnx__NodeProto *onnx_add(onnx_builder *b, const char *op, const char *inputs, const char *output,
                          const char *attributes)
{
    Onnx__NodeProto *node = make(b, 1, sizeof *node);
    onnx__node_proto__init(node);
    node->op_type = text(b, op, strlen(op));
    node->input = make(b, strlen(inputs) + 1, sizeof *node->input);
    node->output = make(b, 1, sizeof *node->output);
    node->output[node->n_output++] = text(b, output, strlen(output));
    node->attribute = make(b, MAX_NUMBERS, sizeof *node->attribute);
    for (const char *at = inputs; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        node->input[node->n_input++] = read_input(b, at, length);
        at += length;
    }
    for (const char *at = attributes ? attributes : ""; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        read_attribute(b, node, at, length);
        at += length;
    }
    b->graph.node[b->graph.n_node++] = node;
    return node;
}

void onnx_add_layers(onnx_builder *b, const onnx_layer *layers)
{
    for (; layers->op; layers++)
        onnx_add(b, layers->op, layers->inputs, layers->output, layers->attributes);
}

static Onnx__ValueInfoProto *make_value(onnx_builder *b, const char *name, const char *dims)
{
    Onnx__ValueInfoProto *value = make(b, 1, sizeof *value);
    Onnx__TypeProto *type = make(b, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = make(b, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = make(b, 1, sizeof *shape);
    int64_t sizes[MAX_NUMBERS];
    onnx__value_info_proto__init(value);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    value->name = text(b, name, strlen(name));
    value->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    shape->n_dim = numbers(dims, sizes);
    shape->dim = make(b, shape->n_dim, sizeof *shape->dim);
    for (size_t i = 0; i < shape->n_dim; i++) {
        Onnx__TensorShapeProto__Dimension *dim = shape->dim[i] = make(b, 1, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        dim->value_case = sizes[i] ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
                                   : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        if (sizes[i])
            dim->dim_value = sizes[i];
        else
            dim->dim_param = text(b, "n", 1);
    }
    return value;
}

void onnx_add_input(onnx_builder *b, const char *name, const char *dims)
{
    b->graph.input[b->graph.n_input++] = make_value(b, name, dims);
}

void onnx_begin(onnx_builder *b, int64_t opset, const char *input_dims)
{
    *b = (onnx_builder){.seed = 1};
    onnx__model_proto__init(&b->model);
    onnx__graph_proto__init(&b->graph);
    onnx__operator_set_id_proto__init(&b->opset);
    b->model.has_ir_version = 1;
    b->model.ir_version = 7;
    b->opset.has_version = 1;
    b->opset.version = opset;
    b->model.n_opset_import = 1;
    b->graph.node = make(b, MAX_ITEMS, sizeof *b->graph.node);
    b->graph.initializer = make(b, MAX_ITEMS, sizeof *b->graph.initializer);
    b->graph.input = make(b, MAX_NUMBERS, sizeof *b->graph.input);
    b->graph.output = make(b, 1, sizeof *b->graph.output);
    onnx_add_input(b, "x", input_dims);
}

void onnx_end(onnx_builder *b, const char *output)
{
    b->graph.output[0] = make_value(b, output, "0");
    b->graph.n_output = 1;
}

uint8_t *onnx_pack(const onnx_builder *b, size_t *n_bytes)
{
    /* The builder may have been moved since it began: these two lead into it. */
    Onnx__ModelProto model = b->model;
    Onnx__OperatorSetIdProto *opset = (Onnx__OperatorSetIdProto *)&b->opset;
    model.graph = (Onnx__GraphProto *)&b->graph;
    model.opset_import = &opset;
    *n_bytes = onnx__model_proto__get_packed_size(&model);
    uint8_t *bytes = malloc(*n_bytes);
    if (!bytes)
        abort();
    onnx__model_proto__pack(&model, bytes);
    return bytes;
}

/* Blocks that a graph or a net reads until it is freed, each by itself so that AddressSanitizer sees
 * its ends; they stay until the program ends. */
static void keep(void *block)
{
    static struct kept {
        struct kept *next;
        void *block;
    } * all;
    struct kept *one = malloc(sizeof *one);
    if (!one)
        abort();
    *one = (struct kept){all, block};
    all = one;
}

cr_status onnx_load(const onnx_builder *b, cr_graph **graph, cr_error *err)
{
    size_t n_bytes;
    uint8_t *bytes = onnx_pack(b, &n_bytes);
    cr_status status = cr_graph_load(bytes, n_bytes, NULL, "m", "", 0, 0, graph, err);
    keep(bytes);
    return status;
}

void onnx_give_arena(cr_net *net)
{
    const size_t n = cr_net_arena_bytes(net) / sizeof(cr_real);
    cr_real *arena = cr_alloc_aligned(n, sizeof *arena);
    if (!arena)
        abort();
    keep(arena);
    for (size_t i = 0; i < n; i++)
        arena[i] = NAN;
    cr_net_use_arena(net, arena);
}

void onnx_give_memory(cr_net *net)
{
    void *block = cr_alloc_aligned(cr_net_weight_bytes(net), 1);
    if (!block)
        abort();
    keep(block);
    cr_net_pack(net, block, NULL, NULL);
    cr_net_use(net, block);
    onnx_give_arena(net);
}

cr_graph *onnx_graph(const char *input_dims, const onnx_layer *layers)
{
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    onnx_begin(&b, 13, input_dims);
    onnx_add_layers(&b, layers);
    onnx_end(&b, b.graph.node[b.graph.n_node - 1]->output[0]);
    if (onnx_load(&b, &graph, &err) != CR_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    onnx_fini(&b);
    return graph;
}

void onnx_fini(onnx_builder *b)
{
    cr_arena_free(&b->arena);
}
