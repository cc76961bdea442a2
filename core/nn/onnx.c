/* From the bytes of an ONNX file to a checked graph. Everything in the file is untrusted. */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_OPSET 7
#define MAX_OPSET 25
#define MAX_VALUES 20000 /* names are looked up one by one */
#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

static const char *arena_string(cr_graph *graph, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = cr_arena_alloc(&graph->arena, bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

static int find_value(const cr_graph *graph, const char *name)
{
    /* Later values hide earlier ones only in invalid models, which add_value refuses. */
    for (int i = graph->n_values - 1; i >= 0; i--)
        if (strcmp(graph->values[i].name, name) == 0)
            return i;
    return -1;
}

static cr_status add_value(cr_graph *graph, const char *name, int producer, int *id, cr_error *err)
{
    if (!name || !name[0])
        return cr_fail(err, CR_EINPUT, "a value has no name");
    if (find_value(graph, name) >= 0)
        return cr_fail(err, CR_EINPUT, "two values are named %.100s", name);
    *id = graph->n_values++;
    graph->values[*id] = (cr_value){.name = arena_string(graph, name), .producer = producer};
    return graph->values[*id].name ? CR_OK : cr_fail_memory(err, "a name", strlen(name), 1);
}

static cr_status add_constant(cr_graph *graph, const char *name, const Onnx__TensorProto *proto,
                              cr_onnx_bytes raw, cr_error *err)
{
    int id;
    cr_status status = add_value(graph, name, -1, &id, err);
    if (status != CR_OK)
        return status;
    graph->values[id].constant = true;
    if (cr_onnx_tensor(graph, proto, raw, &graph->values[id].tensor, err) != CR_OK)
        return cr_fail_in(err, "tensor %.100s ", name);
    return CR_OK;
}

/* One dimension of the input: its size, or 0 where the model leaves it open. */
static int64_t input_dim(const Onnx__TensorShapeProto *shape, size_t i)
{
    const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ? dim->dim_value
                                                                                   : 0;
}

static cr_status input_side(const char *side, int64_t model, int given, int *size, cr_error *err)
{
    if (model < 0 || model > 65536 || given < 0 || given > 65536)
        return cr_fail(err, CR_EINPUT, "the input's %s is out of range", side);
    if (!model && !given)
        return cr_fail(err, CR_EINPUT, "the model leaves the input's %s open: give a size", side);
    if (model && given && model != given)
        return cr_fail(err, CR_EINPUT, "the model's input has %s %d, not %d", side, (int)model,
                       given);
    *size = model ? (int)model : given;
    return CR_OK;
}

static cr_status load_input(cr_graph *graph, const Onnx__GraphProto *proto, int width, int height,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const Onnx__ValueInfoProto *input = NULL;
    for (size_t i = 0; i < proto->n_input; i++) {
        if (proto->input[i]->name && find_value(graph, proto->input[i]->name) >= 0)
            continue; /* an initializer, listed as input up to IR version 3 */
        if (input)
            return cr_fail(
                err, CR_EINPUT, "has several inputs (%.60s, %.60s), one image is supported",
                input->name ? input->name : "", proto->input[i]->name ? proto->input[i]->name : "");
        input = proto->input[i];
    }
    if (!input || !input->name)
        return cr_fail(err, CR_EINPUT, "has no input");
    const Onnx__TypeProto__Tensor *tensor =
        input->type && input->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
            ? input->type->tensor_type
            : NULL;
    if (!tensor)
        return cr_fail(err, CR_EINPUT, "its input %.100s is no tensor; it must be a float32 image",
                       input->name);
    if (tensor->elem_type != FLOAT)
        return cr_fail(err, CR_EINPUT, "its input %.100s is %s; export a float32 model",
                       input->name, cr_onnx_type_name(tensor->elem_type));
    if (!tensor->shape || (tensor->shape->n_dim != 4 && tensor->shape->n_dim != 2))
        return cr_fail(err, CR_EINPUT, "its input %.100s is not [N, C, H, W]", input->name);
    cr_shape shape = {.n_dims = (int)tensor->shape->n_dim, .dims = {1}};
    int64_t batch = input_dim(tensor->shape, 0), channels = input_dim(tensor->shape, 1);
    if (channels == 0)
        return cr_fail(err, CR_EINPUT,
                       "leaves the channels of its input %.100s open; export with a fixed number",
                       input->name);
    if (channels < 1 || channels > 65536 || batch < 0 || batch > 65536)
        return cr_fail(err, CR_EINPUT, "its input's batch or channels are out of range");
    graph->declared_batch = (int)batch;
    shape.dims[1] = (int)channels;
    if (shape.n_dims == 4) {
        CR_TRY(input_side("height", input_dim(tensor->shape, 2), height, &shape.dims[2], err));
        CR_TRY(input_side("width", input_dim(tensor->shape, 3), width, &shape.dims[3], err));
    }
    if (cr_shape_size(&shape) > (size_t)CR_MAX_ELEMENTS) {
        status = cr_fail(err, CR_EINPUT, "its input has more than %lld elements",
                         (long long)CR_MAX_ELEMENTS);
        goto cleanup;
    }
    CR_TRY(add_value(graph, input->name, -1, &graph->input, err));
    graph->values[graph->input].shape = shape;
    cr_usual_order(&shape, graph->values[graph->input].order);

cleanup:
    return status;
}

static bool is_onnx_domain(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

static const cr_op *find_op(const char *type)
{
    for (int i = 0; cr_ops[i]; i++)
        if (strcmp(cr_ops[i]->type, type) == 0)
            return cr_ops[i];
    return NULL;
}

static cr_status connect_inputs(cr_graph *graph, cr_node *node, cr_error *err)
{
    const Onnx__NodeProto *proto = node->proto;
    node->n_inputs = (int)proto->n_input;
    node->inputs = cr_arena_alloc(&graph->arena, proto->n_input, sizeof *node->inputs);
    node->x = cr_arena_alloc(&graph->arena, proto->n_input, sizeof *node->x);
    if (!node->inputs || !node->x)
        return cr_fail_memory(err, "a node", proto->n_input, sizeof *node->x);
    for (int i = 0; i < node->n_inputs; i++) {
        const char *name = proto->input[i];
        node->inputs[i] = -1;
        if (!name[0])
            continue;
        node->inputs[i] = find_value(graph, name);
        if (node->inputs[i] < 0)
            return cr_fail(err, CR_EINPUT, "its input %.100s is not computed before it", name);
        if (!graph->values[node->inputs[i]].constant)
            node->x[node->n_x++] = node->inputs[i];
    }
    return CR_OK;
}

static cr_status add_node(cr_graph *graph, cr_node *node, const char *output, cr_error *err)
{
    cr_status status = CR_OK;
    CR_TRY(add_value(graph, output, graph->n_nodes, &node->y, err));
    node->flags = node->op->flags;
    node->clamp = CR_NO_CLAMP;
    CR_TRY(node->op->load(graph, node, err));
    node->proto = NULL;
    graph->nodes[graph->n_nodes++] = *node;

cleanup:
    return status;
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

/* Gives an operator that needs the usual order in memory copies of inputs that have another. */
static cr_status reorder_inputs(cr_graph *graph, cr_node *node, cr_error *err)
{
    for (int i = 0, j = 0; i < node->n_inputs; i++) {
        cr_value *value = node->inputs[i] < 0 ? NULL : &graph->values[node->inputs[i]];
        if (!value || value->constant)
            continue;
        if (!cr_value_is_usual(value) && !value->reordered) {
            char name[300];
            int *input = cr_arena_alloc(&graph->arena, 1, sizeof *input);
            if (!input)
                return cr_fail_memory(err, "a node", 1, sizeof *input);
            *input = node->inputs[i];
            snprintf(name, sizeof name, "%.250s (reordered)", value->name);
            cr_node copy = {.type = cr_op_reorder.type,
                            .op = &cr_op_reorder,
                            .n_inputs = 1,
                            .inputs = input,
                            .n_x = 1,
                            .x = input};
            copy.name = arena_string(graph, name);
            if (!copy.name)
                return cr_fail_memory(err, "a node", 1, 1);
            cr_status status = add_node(graph, &copy, name, err);
            if (status != CR_OK)
                return status;
            value->reordered = copy.y;
        }
        if (value->reordered)
            node->inputs[i] = node->x[j] = value->reordered;
        j++;
    }
    return CR_OK;
}

/* A node for the output `part` of one in the file. */
static cr_status load_operator(cr_graph *graph, const Onnx__NodeProto *proto, const char *type,
                               int part, cr_error *err)
{
    cr_status status = CR_OK;
    cr_node node = {.op = find_op(type), .proto = proto, .part = part};
    node.type = node.op ? node.op->type : "";
    cr_tensor folded;
    bool is_folded;
    if (!is_onnx_domain(proto->domain))
        return cr_fail(err, CR_EINPUT,
                       "operators of %.60s are not supported; export with those of ONNX alone",
                       proto->domain);
    CR_TRY(connect_inputs(graph, &node, err));
    if (node.op && (node.n_inputs < node.op->min_inputs || node.n_inputs > node.op->max_inputs)) {
        status = cr_fail(err, CR_EINPUT, "it has %d inputs, %d to %d are supported", node.n_inputs,
                         node.op->min_inputs, node.op->max_inputs);
        goto cleanup;
    }
    CR_TRY(cr_fold(graph, &node, type, &folded, &is_folded, err));
    if (is_folded) {
        int id;
        CR_TRY(add_value(graph, proto->output[part], -1, &id, err));
        graph->values[id].constant = true;
        graph->values[id].tensor = folded;
        goto cleanup;
    }
    if (!node.op) {
        status = cr_fail(err, CR_EINPUT,
                         "this operator is not supported; docs/onnx.md lists those that are");
        goto cleanup;
    }
    node.name = arena_string(graph, proto->name && proto->name[0] ? proto->name : proto->output[0]);
    if (!node.name) {
        status = cr_fail_memory(err, "a node", 1, 1);
        goto cleanup;
    }
    if (!(node.op->flags & CR_OP_ANY_ORDER) || orders_differ(graph, &node))
        CR_TRY(reorder_inputs(graph, &node, err));
    CR_TRY(add_node(graph, &node, proto->output[part], err));

cleanup:
    return status;
}

static cr_status fail_in_node(const Onnx__NodeProto *proto, cr_error *err)
{
    const char *name = proto->name && proto->name[0] ? proto->name
                       : proto->n_output             ? proto->output[0]
                                                     : "";
    return cr_fail_in(err, "node %.100s (%.40s): ", name, proto->op_type ? proto->op_type : "");
}

/* Whether one of a node's outputs is called `name`. */
static bool makes(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_output; i++)
        if (strcmp(node->output[i], name) == 0)
            return true;
    return false;
}

static bool reads(const Onnx__NodeProto *node, const Onnx__NodeProto *from)
{
    for (size_t i = 0; i < node->n_input; i++)
        if (node->input[i][0] && makes(from, node->input[i]))
            return true;
    return false;
}

/* Marks the nodes that `output` depends on, and those that are malformed. In a valid model the second
 * round finds nothing. */
static void mark_needed(const Onnx__GraphProto *proto, const char *output, bool *needed)
{
    for (bool found = true; found;) {
        found = false;
        for (size_t i = proto->n_node; i-- > 0;) {
            const Onnx__NodeProto *node = proto->node[i];
            if (needed[i])
                continue;
            needed[i] = node->n_output == 0 || !node->output[0][0] || makes(node, output);
            for (size_t j = proto->n_node; !needed[i] && j-- > 0;)
                needed[i] = needed[j] && reads(proto->node[j], node);
            found = found || needed[i];
        }
    }
}

/* Before any node is loaded: a node beside an LSTM would be refused for what it does to the data. */
static cr_status check_operators(const Onnx__GraphProto *proto, const bool *needed, cr_error *err)
{
    for (size_t i = 0; i < proto->n_node; i++) {
        const Onnx__NodeProto *node = proto->node[i];
        if (!needed[i])
            continue;
        const char *why_not = is_onnx_domain(node->domain) ? cr_onnx_why_not(node) : NULL;
        if (why_not) {
            cr_fail(err, CR_EINPUT, "%s", why_not);
            return fail_in_node(node, err);
        }
    }
    return CR_OK;
}

/* A Constant: a tensor, or, from operator set 12, a number or a list of them. */
static cr_status load_constant(cr_graph *graph, const Onnx__NodeProto *proto, cr_error *err)
{
    const cr_node node = {.proto = proto};
    const Onnx__AttributeProto *value = cr_attribute_find(&node, "value");
    const Onnx__AttributeProto *one_int = cr_attribute_find(&node, "value_int");
    const Onnx__AttributeProto *one_float = cr_attribute_find(&node, "value_float");
    const Onnx__AttributeProto *ints = cr_attribute_find(&node, "value_ints");
    const Onnx__AttributeProto *floats = cr_attribute_find(&node, "value_floats");
    const Onnx__AttributeProto *list = ints ? ints : floats;
    int64_t n = ints ? (int64_t)ints->n_ints : floats ? (int64_t)floats->n_floats : 0;
    Onnx__TensorProto tensor = ONNX__TENSOR_PROTO__INIT;
    if (value && value->t)
        return add_constant(graph, proto->output[0], value->t, (cr_onnx_bytes){0}, err);
    if (!one_int && !one_float && !list)
        return cr_fail(err, CR_EINPUT, "it has no tensor");
    tensor.has_data_type = true;
    tensor.data_type = one_int || ints ? ONNX__TENSOR_PROTO__DATA_TYPE__INT64 : (int32_t)FLOAT;
    tensor.n_dims = list ? 1 : 0;
    tensor.dims = &n;
    if (one_int || ints) {
        tensor.n_int64_data = ints ? ints->n_ints : 1;
        tensor.int64_data = ints ? ints->ints : (int64_t *)&one_int->i;
    } else {
        tensor.n_float_data = floats ? floats->n_floats : 1;
        tensor.float_data = floats ? floats->floats : (float *)&one_float->f;
    }
    return add_constant(graph, proto->output[0], &tensor, (cr_onnx_bytes){0}, err);
}

static cr_status load_node(cr_graph *graph, const Onnx__NodeProto *proto, cr_error *err)
{
    const char *type = proto->op_type ? proto->op_type : "";
    cr_status status;
    if (proto->n_output < 1)
        status = cr_fail(err, CR_EINPUT, "it has no output");
    else if (strcmp(type, "Constant") == 0)
        status = load_constant(graph, proto, err);
    else
        status = load_operator(graph, proto, type, 0, err);
    const int n_parts = strcmp(type, "Split") == 0 ? (int)proto->n_output : 1;
    for (int part = 1; status == CR_OK && part < n_parts; part++)
        if (proto->output[part][0])
            status = load_operator(graph, proto, type, part, err);
    return status == CR_OK ? CR_OK : fail_in_node(proto, err);
}

static cr_status check_opset(cr_graph *graph, const Onnx__ModelProto *model, cr_error *err)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = model->opset_import[i];
        if (is_onnx_domain(set->domain))
            graph->opset = set->version;
    }
    if (graph->opset < MIN_OPSET || graph->opset > MAX_OPSET)
        return cr_fail(err, CR_EINPUT,
                       "uses operator set %lld, %d to %d are supported; export with "
                       "opset_version=18 (from PyTorch 2.5 on with dynamo=False, too)",
                       (long long)graph->opset, MIN_OPSET, MAX_OPSET);
    return CR_OK;
}

/* The name of the output that is wanted. */
static cr_status find_output(const Onnx__GraphProto *proto, const char *wanted, const char **name,
                             cr_error *err)
{
    char names[160] = "";
    size_t used = 0;
    *name = wanted;
    if (wanted[0])
        return CR_OK;
    for (size_t i = 0; i < proto->n_output && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.40s", i ? ", " : "",
                                 proto->output[i]->name ? proto->output[i]->name : "");
    if (proto->n_output != 1)
        return cr_fail(
            err, CR_EINPUT,
            "has %zu outputs (%s); name the logits with `output:` of the model, or export "
            "them alone, after .eval()",
            proto->n_output, names);
    *name = proto->output[0]->name ? proto->output[0]->name : "";
    return CR_OK;
}

/* How many values and nodes there will be is known from the file, so nothing has to grow. */
static cr_status allocate(cr_graph *graph, const Onnx__GraphProto *proto, cr_error *err)
{
    size_t n_nodes = proto->n_node;
    for (size_t i = 0; i < proto->n_node; i++)
        /* Each input may have to be reordered, and each output of a Split is a node. */
        n_nodes += proto->node[i]->n_input + proto->node[i]->n_output;
    size_t n_values = proto->n_initializer + proto->n_input + n_nodes;
    if (n_values > MAX_VALUES)
        return cr_fail(err, CR_EINPUT, "has more than %d values", MAX_VALUES);
    graph->values = cr_arena_alloc(&graph->arena, n_values, sizeof *graph->values);
    graph->nodes = cr_arena_alloc(&graph->arena, n_nodes, sizeof *graph->nodes);
    return graph->values && graph->nodes
               ? CR_OK
               : cr_fail_memory(err, "a graph", n_values, sizeof *graph->values);
}

cr_status cr_graph_load(const uint8_t *bytes, size_t n_bytes, const cr_onnx_files *files,
                        const char *name, const char *output, int width, int height,
                        cr_graph **result, cr_error *err)
{
    cr_status status = CR_OK;
    cr_onnx_model model = {0};
    bool *needed = NULL;
    cr_graph *graph = cr_alloc(1, sizeof *graph);
    *result = NULL;
    if (!graph) {
        status = cr_fail_memory(err, "a graph", 1, sizeof *graph);
        goto cleanup;
    }
    snprintf(graph->name, sizeof graph->name, "%s", name);
    graph->files = files;
    CR_TRY(cr_onnx_unpack(bytes, n_bytes, &model, err));
    const Onnx__GraphProto *proto = model.proto->graph;
    CR_TRY(check_opset(graph, model.proto, err));
    const char *output_name;
    CR_TRY(find_output(proto, output, &output_name, err));
    needed = cr_alloc(proto->n_node, sizeof *needed);
    if (!needed)
        CR_TRY(cr_fail_memory(err, "a graph", proto->n_node, sizeof *needed));
    mark_needed(proto, output_name, needed);
    CR_TRY(check_operators(proto, needed, err));
    CR_TRY(allocate(graph, proto, err));
    for (size_t i = 0; i < proto->n_initializer; i++)
        CR_TRY(add_constant(graph, proto->initializer[i]->name, proto->initializer[i], model.raw[i],
                            err));
    CR_TRY(load_input(graph, proto, width, height, err));
    for (size_t i = 0; i < proto->n_node; i++)
        if (needed[i])
            CR_TRY(load_node(graph, proto->node[i], err));
    const int value = find_value(graph, output_name);
    if (value < 0 || graph->values[value].constant)
        CR_TRY(cr_fail(err, CR_EINPUT, "its output %.100s is not computed", output_name));
    CR_TRY(cr_logits_find(graph, value, err));
    graph->files = NULL;
    *result = graph;
    graph = NULL;

cleanup:
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", name);
    free(needed);
    cr_onnx_unpack_free(&model);
    cr_graph_free(graph);
    return status;
}

void cr_graph_free(cr_graph *graph)
{
    if (!graph)
        return;
    cr_arena_free(&graph->weights);
    cr_arena_free(&graph->arena);
    free(graph);
}
