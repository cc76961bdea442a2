/* From the messages of a model to a checked graph. Everything in them is untrusted. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_OPSET 7
#define MAX_OPSET 27
#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

/* "bfloat16" ends as "float16" does. */
static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || !at[n]))
            return true;
    return false;
}

/* Of weights, not of numbers that exporters write as they like. */
static void note_width(cr_graph *graph, const cr_tensor *tensor)
{
    const char *type = cr_onnx_type_name(tensor->data_type);
    const size_t used = strlen(graph->widened);
    if (tensor->data_type == FLOAT || !cr_onnx_is_real(tensor->data_type) || tensor->n_dims < 2 ||
        tensor->n < 2 || has_word(graph->widened, type))
        return;
    snprintf(graph->widened + used, sizeof graph->widened - used, "%s%s", used ? ", " : "", type);
}

static cr_status add_tensor(cr_graph *graph, const char *name, const Onnx__TensorProto *proto,
                            cr_onnx_bytes raw, cr_error *err)
{
    cr_tensor tensor;
    int id;
    cr_status status = cr_graph_add_constant(graph, name ? name : "", &(cr_tensor){0}, &id, err);
    if (status != CR_OK)
        return status;
    if (cr_onnx_tensor(graph, proto, raw, &tensor, err) != CR_OK)
        return cr_fail_in(err, "tensor %.100s ", name);
    graph->values[id].tensor = tensor;
    note_width(graph, &tensor);
    return CR_OK;
}

bool cr_onnx_is_own(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

static cr_status connect_inputs(cr_graph *graph, cr_node *node, cr_error *err)
{
    const Onnx__NodeProto *proto = node->proto;
    cr_status status = cr_node_new(graph, (int)proto->n_input, node, err);
    for (int i = 0; status == CR_OK && i < node->n_inputs; i++) {
        const char *name = proto->input[i];
        node->inputs[i] = name[0] ? cr_symbols_find(&graph->names, name) : -1;
        if (name[0] && node->inputs[i] < 0)
            return cr_fail(err, CR_EINPUT,
                           "its input %.100s is not computed before it, or is an output beside "
                           "the first that is not supported",
                           name);
    }
    cr_node_connect(graph, node);
    return status;
}

/* Of another domain than ONNX's own the name has that in front. */
static const cr_op *find_operator(const Onnx__NodeProto *proto, const char *type)
{
    char name[128];
    if (cr_onnx_is_own(proto->domain))
        return cr_op_find(type);
    snprintf(name, sizeof name, "%.60s.%.60s", proto->domain, type);
    return cr_op_find(name);
}

static cr_status check_inputs(const cr_node *node, cr_error *err)
{
    const cr_op *op = node->op;
    if (op && (node->n_inputs < op->min_inputs || node->n_inputs > op->max_inputs))
        return cr_fail(err, CR_EINPUT, "it has %d inputs, %d to %d are supported", node->n_inputs,
                       op->min_inputs, op->max_inputs);
    return CR_OK;
}

/* A node for the output `part` of one in the file, or a constant. */
static cr_status load_operator(cr_graph *graph, const Onnx__NodeProto *proto, const char *type,
                               int part, cr_error *err)
{
    cr_status status = CR_OK;
    cr_node node = {.op = find_operator(proto, type), .proto = proto, .part = part};
    cr_tensor result;
    bool is_layer;
    int id;
    node.type = node.op ? node.op->type : "";
    node.name =
        cr_graph_text(graph, proto->name && proto->name[0] ? proto->name : proto->output[0]);
    if (!node.name)
        CR_TRY(cr_fail_memory(err, "a node", 1, 1));
    if (!cr_onnx_is_own(proto->domain) && !node.op)
        return cr_fail(err, CR_EINPUT,
                       "this operator of %.60s is not supported; export with those of ONNX alone",
                       proto->domain);
    CR_TRY(connect_inputs(graph, &node, err));
    CR_TRY(check_inputs(&node, err));
    if ((node.n_x == 0 && node.n_inputs > 0) || cr_fold_reads_shapes(type)) {
        CR_TRY(cr_constant_compute(graph, &node, &result, err));
        CR_TRY(cr_graph_add_constant(graph, proto->output[part], &result, &id, err));
    } else if (!node.op)
        status = cr_fail(err, CR_EINPUT,
                         "this operator is not supported; docs/onnx.md lists those that are");
    else {
        CR_TRY(cr_random_layer(graph, &node, &is_layer, err));
        CR_TRY(cr_graph_add_node(graph, &node, proto->output[part], err));
        if (is_layer)
            graph->weighted[graph->n_weighted++] = node.y;
    }

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

/* Before any node is loaded: a node beside an LSTM would be refused for what it does to the data. What
 * depends on constants alone is computed, whatever it is. */
static cr_status check_operators(const cr_graph *graph, const Onnx__GraphProto *proto,
                                 const Onnx__NodeProto *const *nodes, int n_nodes, cr_error *err)
{
    cr_status status = CR_OK;
    cr_arena arena = {0};
    cr_symbols varies;
    size_t n = proto->n_input;
    for (int i = 0; i < n_nodes; i++)
        n += nodes[i]->n_output;
    CR_TRY(cr_symbols_init(&varies, &arena, n, err));
    for (size_t i = 0; i < proto->n_input; i++)
        if (proto->input[i]->name)
            cr_symbols_put(&varies, proto->input[i]->name,
                           !cr_given_find(graph->files, proto->input[i]->name));
    for (size_t i = 0; i < proto->n_initializer; i++)
        if (proto->initializer[i]->name &&
            cr_symbols_find(&varies, proto->initializer[i]->name) > 0)
            cr_symbols_put(&varies, proto->initializer[i]->name, 0);
    for (int i = 0; i < n_nodes; i++) {
        bool depends = false;
        for (size_t j = 0; j < nodes[i]->n_input; j++)
            depends = depends || cr_symbols_find(&varies, nodes[i]->input[j]) > 0;
        depends = depends && !cr_fold_reads_shapes(nodes[i]->op_type ? nodes[i]->op_type : "");
        for (size_t j = 0; depends && j < nodes[i]->n_output; j++)
            cr_symbols_put(&varies, nodes[i]->output[j], 1);
        const char *why_not =
            depends && cr_onnx_is_own(nodes[i]->domain) ? cr_onnx_why_not(nodes[i]) : NULL;
        if (why_not) {
            cr_fail(err, CR_EINPUT, "%s", why_not);
            status = fail_in_node(nodes[i], err);
            goto cleanup;
        }
    }

cleanup:
    cr_arena_free(&arena);
    return status;
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
        return add_tensor(graph, proto->output[0], value->t, (cr_onnx_bytes){0}, err);
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
    return add_tensor(graph, proto->output[0], &tensor, (cr_onnx_bytes){0}, err);
}

static cr_status load_node(cr_graph *graph, const Onnx__NodeProto *proto, cr_error *err);

/* The branch of an If that is taken, in its place. Only the file's depth bounds how deep these go. */
static cr_status load_branch(cr_graph *graph, const Onnx__NodeProto *proto, cr_error *err)
{
    const cr_node node = {.proto = proto};
    const int id = proto->n_input == 1 ? cr_symbols_find(&graph->names, proto->input[0]) : -1;
    const cr_tensor *condition = id < 0 ? NULL : &graph->values[id].tensor;
    if (!condition || !graph->values[id].constant || condition->n != 1 || !condition->ints)
        return cr_fail(err, CR_EINPUT, "%s", cr_onnx_why_not(proto));
    const Onnx__AttributeProto *attribute =
        cr_attribute_find(&node, condition->ints[0] ? "then_branch" : "else_branch");
    const Onnx__GraphProto *branch = attribute ? attribute->g : NULL;
    if (!branch || branch->n_output != proto->n_output)
        return cr_fail(err, CR_EINPUT, "its branch does not fit its outputs");
    for (size_t i = 0; i < branch->n_initializer; i++)
        CR_OR_RETURN(add_tensor(graph, branch->initializer[i]->name, branch->initializer[i],
                                (cr_onnx_bytes){0}, err));
    for (size_t i = 0; i < branch->n_node; i++)
        CR_OR_RETURN(load_node(graph, branch->node[i], err));
    for (size_t i = 0; i < branch->n_output; i++) {
        Onnx__NodeProto same = ONNX__NODE_PROTO__INIT;
        same.op_type = "Identity";
        same.n_input = same.n_output = 1;
        same.input = &branch->output[i]->name;
        same.output = &proto->output[i];
        if (!branch->output[i]->name)
            return cr_fail(err, CR_EINPUT, "an output of its branch has no name");
        if (proto->output[i][0])
            CR_OR_RETURN(load_operator(graph, &same, same.op_type, 0, err));
    }
    return CR_OK;
}

/* A node that makes or reads a sequence; its output, if that is a tensor, is one that is there already. */
static cr_status load_sequence(cr_graph *graph, const Onnx__NodeProto *proto, bool *is_one,
                               cr_error *err)
{
    cr_status status = CR_OK;
    int value, id;
    cr_node same = {.type = "Identity", .name = proto->output[0], .proto = proto};
    CR_TRY(cr_sequence_load(graph, proto, is_one, &value, err));
    if (value < 0)
        goto cleanup;
    if (graph->values[value].constant) {
        const cr_tensor tensor = graph->values[value].tensor;
        CR_TRY(cr_graph_add_constant(graph, proto->output[0], &tensor, &id, err));
        goto cleanup;
    }
    same.op = cr_op_find(same.type);
    same.name = cr_graph_text(graph, same.name);
    if (!same.name)
        CR_TRY(cr_fail_memory(err, "a name", 1, 1));
    CR_TRY(cr_node_new(graph, 1, &same, err));
    same.inputs[0] = value;
    cr_node_connect(graph, &same);
    CR_TRY(cr_graph_add_node(graph, &same, proto->output[0], err));

cleanup:
    return status;
}

static cr_status load_node(cr_graph *graph, const Onnx__NodeProto *proto, cr_error *err)
{
    const char *type = proto->op_type ? proto->op_type : "";
    bool of_sequence = false;
    cr_status status = proto->n_output < 1 ? cr_fail(err, CR_EINPUT, "it has no output")
                                           : load_sequence(graph, proto, &of_sequence, err);
    if (status != CR_OK || of_sequence)
        return status == CR_OK ? CR_OK : fail_in_node(proto, err);
    if (strcmp(type, "Constant") == 0)
        status = load_constant(graph, proto, err);
    else if (strcmp(type, "If") == 0)
        status = load_branch(graph, proto, err);
    else
        status = load_operator(graph, proto, type, 0, err);
    const cr_op *op = find_operator(proto, type);
    for (int part = 1; status == CR_OK && op && part < op->n_parts && part < (int)proto->n_output;
         part++)
        if (part >= op->first_part && proto->output[part][0])
            status = load_operator(graph, proto, type, part, err);
    return status == CR_OK ? CR_OK : fail_in_node(proto, err);
}

static cr_status check_opset(cr_graph *graph, const Onnx__ModelProto *model, cr_error *err)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = model->opset_import[i];
        if (cr_onnx_is_own(set->domain))
            graph->opset = set->version;
    }
    if (graph->opset < MIN_OPSET || graph->opset > MAX_OPSET)
        return cr_fail(err, CR_EINPUT,
                       "uses operator set %lld, %d to %d are supported; export with "
                       "opset_version=17 (from PyTorch 2.5 on with dynamo=False, too)",
                       (long long)graph->opset, MIN_OPSET, MAX_OPSET);
    return CR_OK;
}

/* Whether an output is declared as [N, classes]. */
static bool is_row_of_scores(const Onnx__ValueInfoProto *output)
{
    const Onnx__TensorShapeProto *shape =
        output->name && output->type &&
                output->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
            ? output->type->tensor_type->shape
            : NULL;
    return shape && shape->n_dim == 2 &&
           shape->dim[1]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
           shape->dim[1]->dim_value > 1;
}

/* The name of the output that is wanted; of several, where nothing is said, the only one that is declared
 * as [N, classes]. */
static cr_status find_output(cr_graph *graph, const Onnx__GraphProto *proto, const char *wanted,
                             const char **name, cr_error *err)
{
    const Onnx__ValueInfoProto *scores = NULL;
    int n_scores = 0;
    char names[160] = "";
    size_t used = 0;
    *name = wanted;
    if (wanted[0])
        return CR_OK;
    for (size_t i = 0; i < proto->n_output && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.40s", i ? ", " : "",
                                 proto->output[i]->name ? proto->output[i]->name : "");
    for (size_t i = 0; i < proto->n_output; i++)
        if (is_row_of_scores(proto->output[i])) {
            scores = proto->output[i];
            n_scores++;
        }
    if (proto->n_output > 1 && n_scores == 1) {
        *name = scores->name;
        snprintf(graph->chosen, sizeof graph->chosen, "%.60s, of %zu: %.100s", *name,
                 proto->n_output, names);
        return CR_OK;
    }
    if (proto->n_output != 1)
        return cr_fail(
            err, CR_EINPUT,
            "has %zu outputs (%s); name the logits with `output:` of the model, or export "
            "them alone, after .eval()",
            proto->n_output, names);
    *name = proto->output[0]->name ? proto->output[0]->name : "";
    return CR_OK;
}

/* Values and inputs of a graph and of its branches. */
static void count(const Onnx__GraphProto *proto, size_t *n_values, size_t *n_inputs)
{
    *n_values += proto->n_initializer + proto->n_input;
    for (size_t i = 0; i < proto->n_node; i++) {
        const Onnx__NodeProto *node = proto->node[i];
        *n_values += 1 + node->n_output;
        *n_inputs += node->n_input;
        for (size_t j = 0; j < node->n_attribute; j++)
            if (node->attribute[j]->g)
                count(node->attribute[j]->g, n_values, n_inputs);
    }
}

/* How many values of a model there will be is known from the file, and how many of ours, put in front of
 * its nodes, there can be with reason: nothing has to grow. */
static cr_status allocate(cr_graph *graph, const Onnx__GraphProto *proto, cr_error *err)
{
    size_t n_values = 0, n_inputs = 0;
    count(proto, &n_values, &n_inputs);
    if (n_values > CR_ONNX_MAX_VALUES || n_inputs > 4 * CR_ONNX_MAX_VALUES)
        return cr_fail(err, CR_EINPUT, "has more than %d values", CR_ONNX_MAX_VALUES);
    graph->max_values = graph->max_nodes = (int)(4 * n_values + 2 * n_inputs + 64);
    const size_t n = (size_t)graph->max_values;
    cr_status status = cr_symbols_init(&graph->names, &graph->arena, n_values, err);
    if (status != CR_OK)
        return status;
    graph->values = cr_arena_alloc(&graph->arena, n, sizeof *graph->values);
    graph->nodes = cr_arena_alloc(&graph->arena, n, sizeof *graph->nodes);
    graph->weighted = cr_arena_alloc(&graph->arena, n, sizeof *graph->weighted);
    graph->weighted_bound = cr_arena_alloc(&graph->arena, n, sizeof *graph->weighted_bound);
    return graph->values && graph->nodes && graph->weighted && graph->weighted_bound
               ? CR_OK
               : cr_fail_memory(err, "a graph", n, sizeof *graph->values);
}

static cr_status load_graph(cr_graph *graph, const cr_onnx_model *model,
                            const Onnx__GraphProto *proto, const char *output, int width,
                            int height, cr_error *err)
{
    cr_status status = CR_OK;
    int n_nodes;
    const char *output_name;
    const Onnx__NodeProto **nodes = cr_alloc(proto->n_node, sizeof *nodes);
    if (!nodes)
        CR_TRY(cr_fail_memory(err, "a graph", proto->n_node, sizeof *nodes));
    CR_TRY(find_output(graph, proto, output, &output_name, err));
    CR_TRY(allocate(graph, proto, err));
    CR_TRY(cr_order_nodes(proto, output_name, nodes, &n_nodes, err));
    CR_TRY(check_operators(graph, proto, nodes, n_nodes, err));
    for (size_t i = 0; i < proto->n_initializer; i++)
        CR_TRY(add_tensor(graph, proto->initializer[i]->name, proto->initializer[i], model->raw[i],
                          err));
    CR_TRY(cr_given_load(graph, proto, err));
    CR_TRY(cr_input_load(graph, proto, width, height, err));
    for (int i = 0; i < n_nodes; i++)
        CR_TRY(load_node(graph, nodes[i], err));
    const int value = cr_symbols_find(&graph->names, output_name);
    if (value < 0)
        CR_TRY(cr_fail(err, CR_EINPUT, "its output %.100s is not computed", output_name));
    if (graph->values[value].constant)
        CR_TRY(
            cr_fail(err, CR_EINPUT, "its output %.100s does not depend on the image", output_name));
    CR_TRY(cr_logits_find(graph, value, err));
    CR_TRY(cr_maps_find(graph, NULL, err));

cleanup:
    free(nodes);
    return status;
}

cr_status cr_graph_load(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        const char *name, const char *output, int width, int height,
                        cr_graph **graph, cr_error *err)
{
    return cr_graph_load_random(bytes, n_bytes, files, name, output, width, height, NULL, graph,
                                err);
}

cr_status cr_graph_load_random(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                               const char *name, const char *output, int width, int height,
                               const cr_random_layers *random, cr_graph **result, cr_error *err)
{
    cr_status status = CR_OK;
    cr_onnx_model model = {0};
    cr_arena inlined = {0};
    Onnx__GraphProto flat;
    cr_graph *graph = cr_alloc(1, sizeof *graph);
    *result = NULL;
    if (!graph) {
        status = cr_fail_memory(err, "a graph", 1, sizeof *graph);
        goto cleanup;
    }
    snprintf(graph->name, sizeof graph->name, "%s", name);
    graph->files = files;
    graph->random = random;
    CR_TRY(cr_model_read(bytes, n_bytes, files, &model, err));
    CR_TRY(check_opset(graph, model.proto, err));
    CR_TRY(cr_functions_inline(model.proto, &inlined, &flat, err));
    CR_TRY(load_graph(graph, &model, &flat, output, width, height, err));
    graph->files = NULL;
    graph->random = NULL;
    *result = graph;
    graph = NULL;

cleanup:
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", name);
    cr_arena_free(&inlined);
    cr_model_read_free(&model);
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
