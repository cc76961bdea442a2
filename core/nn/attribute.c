/* Attributes and inputs of a node, read with every check that untrusted input needs. */
#include "graph.h"

#include <string.h>

const Onnx__AttributeProto *cr_attribute_find(const cr_node *node, const char *name)
{
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        if (node->proto->attribute[i]->name && strcmp(node->proto->attribute[i]->name, name) == 0)
            return node->proto->attribute[i];
    return NULL;
}

cr_status cr_attribute_int(const cr_node *node, const char *name, int64_t absent, int64_t *value,
                           cr_error *err)
{
    const Onnx__AttributeProto *attribute = cr_attribute_find(node, name);
    if (attribute && !attribute->has_i)
        return cr_fail(err, CR_EINPUT, "attribute %s is no integer", name);
    *value = attribute ? attribute->i : absent;
    return CR_OK;
}

cr_status cr_attribute_float(const cr_node *node, const char *name, double absent, double *value,
                             cr_error *err)
{
    const Onnx__AttributeProto *attribute = cr_attribute_find(node, name);
    if (attribute && !attribute->has_f)
        return cr_fail(err, CR_EINPUT, "attribute %s is no float", name);
    *value = attribute ? (double)attribute->f : absent;
    return CR_OK;
}

cr_status cr_attribute_string(cr_graph *graph, const cr_node *node, const char *name,
                              const char *absent, const char **value, cr_error *err)
{
    const Onnx__AttributeProto *attribute = cr_attribute_find(node, name);
    *value = absent;
    if (!attribute)
        return CR_OK;
    if (!attribute->has_s)
        return cr_fail(err, CR_EINPUT, "attribute %s is no string", name);
    char *copy = cr_arena_alloc(&graph->arena, attribute->s.len + 1, 1);
    if (!copy)
        return cr_fail_memory(err, name, attribute->s.len, 1);
    if (attribute->s.len)
        memcpy(copy, attribute->s.data, attribute->s.len);
    *value = copy;
    return CR_OK;
}

cr_status cr_attribute_ints(const cr_node *node, const char *name, int n, int64_t *values,
                            bool *present, cr_error *err)
{
    const Onnx__AttributeProto *attribute = cr_attribute_find(node, name);
    *present = attribute != NULL;
    if (!attribute)
        return CR_OK;
    if (attribute->n_ints != (size_t)n)
        return cr_fail(err, CR_EINPUT, "attribute %s has %zu values, %d are needed", name,
                       attribute->n_ints, n);
    memcpy(values, attribute->ints, (size_t)n * sizeof *values);
    return CR_OK;
}

static const cr_value *input_value(const cr_graph *graph, const cr_node *node, int i)
{
    return i < node->n_inputs && node->inputs[i] >= 0 ? &graph->values[node->inputs[i]] : NULL;
}

bool cr_node_has_dims(const cr_graph *graph, const cr_node *node, int i, int n_dims)
{
    const cr_value *value = input_value(graph, node, i);
    return value && (value->constant ? value->tensor.n_dims : value->shape.n_dims) == n_dims;
}

cr_status cr_node_value(cr_graph *graph, cr_node *node, int i, const cr_value **value,
                        cr_error *err)
{
    *value = input_value(graph, node, i);
    if (!*value)
        return cr_fail(err, CR_EINPUT, "input %d is left out", i + 1);
    if ((*value)->constant) {
        cr_status status = cr_node_give(graph, node, i, NULL, err);
        if (status != CR_OK)
            return status;
        *value = input_value(graph, node, i);
    }
    return CR_OK;
}

cr_status cr_node_axis(const cr_graph *graph, int64_t axis, int n, int *dim, cr_error *err)
{
    axis += axis < 0 ? n : 0;
    if (axis < 0 || axis >= n)
        return cr_fail(err, CR_EINPUT, "its axis is not one of %d dimensions", n);
    if (axis == 0 && graph->declared_batch > 1)
        return cr_fail(err, CR_EINPUT,
                       "it mixes the images of a batch; export with a batch of 1 or a dynamic one");
    *dim = (int)axis;
    return CR_OK;
}

cr_status cr_node_list(const cr_graph *graph, const cr_node *node, int i, const char *name,
                       const int64_t **values, int64_t *n, cr_error *err)
{
    const cr_tensor *tensor;
    const Onnx__AttributeProto *attribute = cr_attribute_find(node, name);
    cr_status status = cr_node_ints(graph, node, i, &tensor, err);
    if (status != CR_OK)
        return status;
    *values = tensor ? tensor->ints : attribute ? attribute->ints : NULL;
    *n = tensor ? tensor->n : attribute ? (int64_t)attribute->n_ints : 0;
    return CR_OK;
}

cr_status cr_node_activation(cr_graph *graph, cr_node *node, int i, int n_dims,
                             const cr_shape **shape, cr_error *err)
{
    const cr_value *value;
    cr_status status = cr_node_value(graph, node, i, &value, err);
    if (status != CR_OK)
        return status;
    if (n_dims && value->shape.n_dims != n_dims)
        return cr_fail(err, CR_EINPUT, "input %d has %d dimensions, only %d are supported", i + 1,
                       value->shape.n_dims, n_dims);
    if (n_dims == 4 && value->shape.dims[0] != 1)
        return cr_fail(err, CR_EINPUT, "input %d has %d maps for one image, only 1 is supported",
                       i + 1, value->shape.dims[0]);
    *shape = &value->shape;
    return CR_OK;
}

static cr_status constant(const cr_graph *graph, const cr_node *node, int i,
                          const cr_tensor **tensor, cr_error *err)
{
    const cr_value *value = input_value(graph, node, i);
    if (value && !value->constant)
        return cr_fail(err, CR_EINPUT, "input %d (%s) must be a constant of the model", i + 1,
                       value->name);
    *tensor = value ? &value->tensor : NULL;
    return CR_OK;
}

static cr_status fail_type(const cr_graph *graph, const cr_node *node, int i, const char *wanted,
                           cr_error *err)
{
    const cr_value *value = input_value(graph, node, i);
    const cr_tensor *tensor = &value->tensor;
    return cr_fail(err, CR_EINPUT, "input %d (%.60s) is %s; export it as %s", i + 1, value->name,
                   cr_onnx_type_name(tensor->data_type), wanted);
}

/* A constant of integers as one of reals. */
static cr_status convert(cr_graph *graph, const cr_tensor **tensor, cr_error *err)
{
    const cr_tensor *from = *tensor;
    cr_tensor *to = cr_arena_alloc(&graph->arena, 1, sizeof *to);
    float *reals = cr_arena_alloc(&graph->weights, (size_t)from->n, sizeof *reals);
    if (!to || !reals)
        return cr_fail_memory(err, "a constant", (size_t)from->n, sizeof *reals);
    for (int64_t i = 0; i < from->n; i++)
        reals[i] = (float)from->ints[i];
    *to = *from;
    to->ints = NULL;
    to->reals = (const uint8_t *)reals;
    to->step = sizeof *reals;
    *tensor = to;
    return CR_OK;
}

cr_status cr_node_reals(cr_graph *graph, const cr_node *node, int i, const cr_tensor **tensor,
                        cr_error *err)
{
    cr_status status = constant(graph, node, i, tensor, err);
    if (status == CR_OK && *tensor && !(*tensor)->reals && !(*tensor)->ints)
        return fail_type(graph, node, i, "float32", err);
    if (status == CR_OK && *tensor && (*tensor)->ints)
        return convert(graph, tensor, err);
    return status;
}

cr_status cr_node_ints(const cr_graph *graph, const cr_node *node, int i, const cr_tensor **tensor,
                       cr_error *err)
{
    cr_status status = constant(graph, node, i, tensor, err);
    if (status == CR_OK && *tensor && !(*tensor)->ints)
        return fail_type(graph, node, i, "int64", err);
    return status;
}

cr_status cr_node_set_shape(cr_graph *graph, cr_node *node, const cr_shape *shape, cr_error *err)
{
    int64_t n = 1;
    for (int i = 0; i < shape->n_dims; i++) {
        if (shape->dims[i] < (graph->computes ? 0 : 1))
            return cr_fail(err, CR_EINPUT, "its output would be empty (dimension %d is %d)", i,
                           shape->dims[i]);
        n *= shape->dims[i];
        if (n > CR_MAX_ELEMENTS)
            return cr_fail(err, CR_EINPUT, "its output has more than %lld elements",
                           (long long)CR_MAX_ELEMENTS);
    }
    if (graph->declared_batch > 1 && (shape->n_dims == 0 || shape->dims[0] != 1))
        return cr_fail(err, CR_EINPUT,
                       "it mixes the images of a batch; export with a batch of 1 or a dynamic one");
    graph->values[node->y].shape = *shape;
    cr_usual_order(shape, graph->values[node->y].order);
    return CR_OK;
}

void cr_usual_order(const cr_shape *shape, int order[CR_MAX_DIMS])
{
    for (int i = 0; i < shape->n_dims; i++)
        order[i] = shape->n_dims == 4 && i > 0 ? (i < 3 ? i + 1 : 1) : i;
}

bool cr_value_is_usual(const cr_value *value)
{
    int usual[CR_MAX_DIMS];
    cr_usual_order(&value->shape, usual);
    return memcmp(usual, value->order, (size_t)value->shape.n_dims * sizeof *usual) == 0;
}

bool cr_same_memory(const cr_shape *shape, const int *a, const int *b)
{
    int i = 0, j = 0;
    for (;;) {
        while (i < shape->n_dims && shape->dims[a[i]] == 1)
            i++;
        while (j < shape->n_dims && shape->dims[b[j]] == 1)
            j++;
        if (i == shape->n_dims || j == shape->n_dims)
            return i == j;
        if (a[i++] != b[j++])
            return false;
    }
}

int cr_value_last_dim(const cr_value *value)
{
    for (int i = value->shape.n_dims - 1; i > 0; i--)
        if (value->shape.dims[value->order[i]] > 1)
            return value->order[i];
    return value->shape.n_dims ? value->order[value->shape.n_dims - 1] : 0;
}

cr_status cr_node_set_like(cr_graph *graph, cr_node *node, const cr_value *input, cr_error *err)
{
    cr_status status = cr_node_set_shape(graph, node, &input->shape, err);
    memcpy(graph->values[node->y].order, input->order, sizeof input->order);
    return status;
}

cr_status cr_node_params(cr_graph *graph, cr_node *node, size_t bytes, void **params, cr_error *err)
{
    *params = node->params = cr_arena_alloc(&graph->arena, 1, bytes);
    return *params ? CR_OK : cr_fail_memory(err, "a node", 1, bytes);
}
