/* Operators that others are made of, with their attributes and constants. */
#include "compose.h"

static Onnx__AttributeProto *add(cr_attributes *a, const char *name)
{
    const size_t i = a->proto.n_attribute;
    if (i == 0)
        a->proto = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    a->made[i] = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
    a->made[i].name = (char *)name;
    a->proto.n_attribute = i + 1;
    return &a->made[i];
}

void cr_attributes_int(cr_attributes *a, const char *name, int64_t value)
{
    Onnx__AttributeProto *own = add(a, name);
    own->has_i = true;
    own->i = value;
}

void cr_attributes_float(cr_attributes *a, const char *name, double value)
{
    Onnx__AttributeProto *own = add(a, name);
    own->has_f = true;
    own->f = (float)value;
}

void cr_attributes_ints(cr_attributes *a, const char *name, const int64_t *values, int n)
{
    Onnx__AttributeProto *own = add(a, name);
    own->n_ints = (size_t)n;
    own->ints = (int64_t *)values;
}

void cr_attributes_string(cr_attributes *a, const char *name, const char *text)
{
    Onnx__AttributeProto *own = add(a, name);
    own->has_s = true;
    own->s = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

const Onnx__NodeProto *cr_attributes_proto(cr_attributes *a)
{
    for (size_t i = 0; i < a->proto.n_attribute; i++)
        a->list[i] = &a->made[i];
    a->proto.attribute = a->list;
    return a->proto.n_attribute ? &a->proto : NULL;
}

cr_status cr_put(cr_graph *graph, const cr_node *node, const char *type, int x, int *y,
                 cr_error *err)
{
    return cr_node_insert(graph, node, type, &x, 1, NULL, y, err);
}

cr_status cr_put_pair(cr_graph *graph, const cr_node *node, const char *type, int a, int b, int *y,
                      cr_error *err)
{
    return cr_node_insert(graph, node, type, (int[]){a, b}, 2, NULL, y, err);
}

cr_status cr_put_ints(cr_graph *graph, const cr_node *node, const char *type, int x,
                      const int64_t *ints, int n, int *y, cr_error *err)
{
    int id;
    cr_status status = cr_graph_add_ints(graph, ints, n, &id, err);
    return status == CR_OK ? cr_put_pair(graph, node, type, x, id, y, err) : status;
}

cr_status cr_put_number(cr_graph *graph, const cr_node *node, const char *type, int x,
                        double number, int *y, cr_error *err)
{
    int id;
    cr_status status = cr_graph_add_real(graph, number, &id, err);
    return status == CR_OK ? cr_put_pair(graph, node, type, x, id, y, err) : status;
}

cr_status cr_put_with(cr_graph *graph, const cr_node *node, const char *type, int x,
                      cr_attributes *with, int *y, cr_error *err)
{
    return cr_node_insert(graph, node, type, &x, 1, cr_attributes_proto(with), y, err);
}

cr_status cr_put_transpose(cr_graph *graph, const cr_node *node, int x, const int64_t *perm, int n,
                           int *y, cr_error *err)
{
    cr_attributes with = {0};
    cr_attributes_ints(&with, "perm", perm, n);
    return cr_put_with(graph, node, "Transpose", x, &with, y, err);
}

cr_status cr_put_reduction(cr_graph *graph, const cr_node *node, const char *type, int x,
                           const int64_t *axes, int n_axes, bool keep, int *y, cr_error *err)
{
    cr_attributes with = {0};
    int ids[2] = {x, 0};
    cr_attributes_int(&with, "keepdims", keep);
    cr_status status = cr_graph_add_ints(graph, axes, n_axes, &ids[1], err);
    return status == CR_OK
               ? cr_node_insert(graph, node, type, ids, 2, cr_attributes_proto(&with), y, err)
               : status;
}

cr_status cr_put_softmax(cr_graph *graph, const cr_node *node, int x, int *y, cr_error *err)
{
    cr_attributes with = {0};
    cr_attributes_int(&with, "axis", -1);
    return cr_put_with(graph, node, "Softmax", x, &with, y, err);
}

cr_status cr_put_reals(cr_graph *graph, int n_dims, const int64_t *dims, float **values, int *id,
                       cr_error *err)
{
    cr_tensor tensor = {.n_dims = n_dims,
                        .n = 1,
                        .data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                        .step = sizeof **values};
    for (int d = 0; d < n_dims; d++) {
        tensor.dims[d] = dims[d];
        if (dims[d] > CR_MAX_ELEMENTS || tensor.n > CR_MAX_ELEMENTS / (dims[d] ? dims[d] : 1))
            return cr_fail(err, CR_EINPUT, "a constant that it needs is too large");
        tensor.n *= dims[d];
    }
    cr_status status = cr_constant_take(graph, (size_t)tensor.n, err);
    if (status != CR_OK)
        return status;
    *values = cr_arena_alloc(&graph->weights, (size_t)tensor.n, sizeof **values);
    tensor.reals = (const uint8_t *)*values;
    return *values ? cr_graph_add_constant(graph, NULL, &tensor, id, err)
                   : cr_fail_memory(err, "a constant", (size_t)tensor.n, sizeof **values);
}
