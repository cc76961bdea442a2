/* Values and nodes put into a graph: those of the model's file, and those of ours that stand in front
 * of them - copies in another order, constants as activations, parts of composed operators. */
#include "graph.h"

#include <stdio.h>

const char *cr_graph_text(cr_graph *graph, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = cr_arena_alloc(&graph->arena, bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* One of ours, that the model's nodes cannot ask for. */
static cr_status add_unlisted(cr_graph *graph, const char *name, int *id, cr_error *err)
{
    if (graph->n_values == graph->max_values)
        return cr_fail(err, CR_EINPUT, "the model becomes more than %d values", graph->max_values);
    *id = graph->n_values++;
    graph->values[*id] = (cr_value){.name = cr_graph_text(graph, name), .producer = -1};
    return graph->values[*id].name ? CR_OK : cr_fail_memory(err, "a name", strlen(name), 1);
}

cr_status cr_graph_add_value(cr_graph *graph, const char *name, int *id, cr_error *err)
{
    if (!name || !name[0])
        return cr_fail(err, CR_EINPUT, "a value has no name");
    if (cr_symbols_find(&graph->names, name) >= 0)
        return cr_fail(err, CR_EINPUT, "two values are named %.100s", name);
    cr_status status = add_unlisted(graph, name, id, err);
    if (status == CR_OK)
        cr_symbols_put(&graph->names, graph->values[*id].name, *id);
    return status;
}

cr_status cr_graph_add_constant(cr_graph *graph, const char *name, const cr_tensor *tensor, int *id,
                                cr_error *err)
{
    cr_status status = name ? cr_graph_add_value(graph, name, id, err)
                            : add_unlisted(graph, "a constant", id, err);
    if (status != CR_OK)
        return status;
    graph->values[*id].constant = true;
    graph->values[*id].tensor = *tensor;
    return CR_OK;
}

cr_status cr_graph_add_ints(cr_graph *graph, const int64_t *values, int n, int *id, cr_error *err)
{
    int64_t *copy = cr_arena_alloc(&graph->arena, (size_t)n, sizeof *copy);
    if (!copy)
        return cr_fail_memory(err, "a list", (size_t)n, sizeof *copy);
    memcpy(copy, values, (size_t)n * sizeof *copy);
    return cr_graph_add_constant(graph, NULL,
                                 &(cr_tensor){.n_dims = 1,
                                              .dims = {n},
                                              .n = n,
                                              .data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
                                              .ints = copy},
                                 id, err);
}

cr_status cr_graph_add_real(cr_graph *graph, double value, int *id, cr_error *err)
{
    float *copy = cr_arena_alloc(&graph->arena, 1, sizeof *copy);
    if (!copy)
        return cr_fail_memory(err, "a number", 1, sizeof *copy);
    *copy = (float)value;
    return cr_graph_add_constant(graph, NULL,
                                 &(cr_tensor){.n = 1,
                                              .data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                                              .step = sizeof *copy,
                                              .reals = (const uint8_t *)copy},
                                 id, err);
}

void cr_node_connect(const cr_graph *graph, cr_node *node)
{
    node->n_x = 0;
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && !graph->values[node->inputs[i]].constant)
            node->x[node->n_x++] = node->inputs[i];
}

cr_status cr_node_new(cr_graph *graph, int n_inputs, cr_node *node, cr_error *err)
{
    node->n_inputs = n_inputs;
    node->inputs = cr_arena_alloc(&graph->arena, (size_t)n_inputs, sizeof *node->inputs);
    node->x = cr_arena_alloc(&graph->arena, (size_t)n_inputs, sizeof *node->x);
    return node->inputs && node->x
               ? CR_OK
               : cr_fail_memory(err, "a node", (size_t)n_inputs, sizeof *node->x);
}

static bool orders_differ(const cr_graph *graph, const cr_node *node)
{
    for (int j = 1; j < node->n_x; j++) {
        const cr_value *a = &graph->values[node->x[0]], *b = &graph->values[node->x[j]];
        if (memcmp(a->order, b->order, sizeof a->order) != 0)
            return true;
    }
    return false;
}

/* A node of ours that reads one input of another. */
static cr_status add_copy(cr_graph *graph, int input, const cr_op *op, const char *what,
                          const void *wish, int *y, cr_error *err)
{
    char name[300];
    cr_node copy = {.type = op->type, .op = op, .wish = wish};
    snprintf(name, sizeof name, "%.250s (%s)", graph->values[input].name, what);
    CR_OR_RETURN(cr_node_new(graph, 1, &copy, err));
    copy.inputs[0] = input;
    cr_node_connect(graph, &copy);
    copy.name = cr_graph_text(graph, name);
    if (!copy.name)
        return cr_fail_memory(err, "a name", strlen(name), 1);
    CR_OR_RETURN(cr_graph_add_node(graph, &copy, NULL, err));
    *y = copy.y;
    return CR_OK;
}

cr_status cr_node_insert_wish(cr_graph *graph, const cr_op *op, int x, const void *wish, int *y,
                              cr_error *err)
{
    return add_copy(graph, x, op, op->type, wish, y, err);
}

static void set_input(const cr_graph *graph, cr_node *node, int i, int value)
{
    node->inputs[i] = value;
    cr_node_connect(graph, node);
}

cr_status cr_node_usual(cr_graph *graph, cr_node *node, int i, cr_error *err)
{
    cr_value *value = &graph->values[node->inputs[i]];
    if (!cr_value_is_usual(value) && !value->reordered) {
        cr_status status = add_copy(graph, node->inputs[i], &cr_op_reorder, "reordered", NULL,
                                    &value->reordered, err);
        if (status != CR_OK)
            return status;
    }
    if (value->reordered)
        set_input(graph, node, i, value->reordered);
    return CR_OK;
}

cr_status cr_node_arrange(cr_graph *graph, cr_node *node, int i, const int *order, cr_error *err)
{
    int y;
    const cr_value *value = &graph->values[node->inputs[i]];
    if (memcmp(value->order, order, (size_t)value->shape.n_dims * sizeof *order) == 0)
        return CR_OK;
    cr_status status =
        add_copy(graph, node->inputs[i], &cr_op_reorder, "reordered", order, &y, err);
    if (status == CR_OK)
        set_input(graph, node, i, y);
    return status;
}

/* Whether n rows of a constant are all the same. */
static bool repeats(const cr_tensor *tensor, int64_t n)
{
    const size_t row = (size_t)(tensor->n / n), step = tensor->step;
    for (int64_t i = 1; step && i < n; i++) /* of reals, one of which may stand for all */
        if (memcmp(tensor->reals, tensor->reals + (size_t)i * row * step, row * step) != 0)
            return false;
    for (int64_t i = 1; tensor->ints && i < n; i++)
        if (memcmp(tensor->ints, tensor->ints + (size_t)i * row, row * sizeof *tensor->ints) != 0)
            return false;
    return tensor->reals || tensor->ints;
}

cr_status cr_node_of_one(cr_graph *graph, cr_node *node, int i, int n_dims, cr_error *err)
{
    const int batch = graph->declared_batch;
    const cr_value *value = &graph->values[node->inputs[i]];
    if (batch < 2 || !value->constant || value->tensor.n_dims != n_dims ||
        value->tensor.dims[0] != batch || !repeats(&value->tensor, batch))
        return CR_OK;
    cr_tensor one = value->tensor;
    one.dims[0] = 1;
    one.n /= batch;
    return cr_graph_add_constant(graph, NULL, &one, &node->inputs[i], err);
}

cr_status cr_node_give(cr_graph *graph, cr_node *node, int i, const cr_given *as, cr_error *err)
{
    cr_value *value = &graph->values[node->inputs[i]];
    const bool own = !as && !graph->computes;
    cr_given itself = {.shape.n_dims = value->tensor.n_dims};
    int y = own ? value->given : 0;
    if (!as) {
        for (int d = 0; d < itself.shape.n_dims; d++)
            itself.shape.dims[d] = (int)value->tensor.dims[d];
        cr_usual_order(&itself.shape, itself.order);
        as = &itself;
    }
    if (!y)
        CR_OR_RETURN(add_copy(graph, node->inputs[i], &cr_op_given, "given", as, &y, err));
    value->given = own ? y : value->given;
    set_input(graph, node, i, y);
    return CR_OK;
}

cr_status cr_node_spread(cr_graph *graph, cr_node *node, int i, const cr_given *to, cr_error *err)
{
    int y;
    cr_status status = add_copy(graph, node->inputs[i], &cr_op_spread, "spread", to, &y, err);
    if (status == CR_OK)
        set_input(graph, node, i, y);
    return status;
}

/* Gives an operator that needs the usual order in memory copies of inputs that have another. */
static cr_status arrange_inputs(cr_graph *graph, cr_node *node, cr_error *err)
{
    if (node->op->flags & CR_OP_OWN_ORDER ||
        (node->op->flags & CR_OP_ANY_ORDER && !orders_differ(graph, node)))
        return CR_OK;
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && !graph->values[node->inputs[i]].constant)
            CR_OR_RETURN(cr_node_usual(graph, node, i, err));
    return CR_OK;
}

cr_status cr_graph_add_node(cr_graph *graph, cr_node *node, const char *output, cr_error *err)
{
    int whole;
    CR_OR_RETURN(arrange_inputs(graph, node, err));
    CR_OR_RETURN(output ? cr_graph_add_value(graph, output, &node->y, err)
                        : add_unlisted(graph, node->name, &node->y, err));
    node->flags = node->op->flags;
    node->clamp = CR_NO_CLAMP;
    CR_OR_RETURN(cr_node_whole(graph, node, &whole, err));
    CR_OR_RETURN(node->op->load(graph, node, err));
    if (graph->values[node->y].constant)
        return CR_OK;
    graph->values[node->y].whole = whole;
    if (graph->n_nodes == graph->max_nodes)
        return cr_fail(err, CR_EINPUT, "the model becomes more than %d nodes", graph->max_nodes);
    node->proto = NULL;
    node->wish = NULL;
    graph->values[node->y].producer = graph->n_nodes; /* load may have put others in front of it */
    graph->nodes[graph->n_nodes++] = *node;
    return CR_OK;
}

void cr_graph_make_empty(cr_graph *graph, const cr_node *node, const cr_shape *shape)
{
    static const float nothing;
    cr_value *y = &graph->values[node->y];
    y->constant = true;
    y->tensor = (cr_tensor){.n_dims = shape->n_dims,
                            .data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                            .step = sizeof nothing,
                            .reals = (const uint8_t *)&nothing};
    for (int d = 0; d < shape->n_dims; d++)
        y->tensor.dims[d] = shape->dims[d];
}

cr_status cr_node_insert(cr_graph *graph, const cr_node *owner, const char *type, const int *inputs,
                         int n_inputs, const Onnx__NodeProto *proto, int *y, cr_error *err)
{
    static const Onnx__NodeProto plain = ONNX__NODE_PROTO__INIT;
    char name[300];
    cr_node node = {.op = cr_op_find(type), .proto = proto ? proto : &plain};
    node.type = node.op->type;
    snprintf(name, sizeof name, "%.250s (%s)", owner->name, type);
    CR_OR_RETURN(cr_node_new(graph, n_inputs, &node, err));
    memcpy(node.inputs, inputs, (size_t)n_inputs * sizeof *inputs);
    cr_node_connect(graph, &node);
    node.name = cr_graph_text(graph, name);
    if (!node.name)
        return cr_fail_memory(err, "a name", strlen(name), 1);
    CR_OR_RETURN(cr_graph_add_node(graph, &node, NULL, err));
    *y = node.y;
    return CR_OK;
}

cr_status cr_node_become(cr_graph *graph, cr_node *node, const char *type, const int *inputs,
                         int n_inputs, const Onnx__NodeProto *proto, cr_error *err)
{
    static const Onnx__NodeProto plain = ONNX__NODE_PROTO__INIT;
    node->op = cr_op_find(type);
    node->proto = proto ? proto : &plain;
    node->flags = node->op->flags;
    CR_OR_RETURN(cr_node_new(graph, n_inputs, node, err));
    memcpy(node->inputs, inputs, (size_t)n_inputs * sizeof *inputs);
    cr_node_connect(graph, node);
    CR_OR_RETURN(arrange_inputs(graph, node, err));
    return node->op->load(graph, node, err);
}
