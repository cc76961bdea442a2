/* Functions inside a model: each call is replaced by the nodes of the body, whose values get names of
 * their own. Bodies may call others; depth and number of what comes of them are bounded. */
#include "graph.h"

#include <stdio.h>

#define MAX_DEPTH 16

typedef struct inlining {
    const Onnx__ModelProto *model;
    cr_arena *memory;
    Onnx__NodeProto **nodes;
    size_t n_nodes, n_calls, n_names; /* so far */
} inlining;

/* What the names of a body mean where it is called. */
typedef struct call {
    const Onnx__FunctionProto *function;
    const Onnx__NodeProto *node;
    char prefix[32];
    int depth;
} call;

static const Onnx__FunctionProto *find(const inlining *in, const Onnx__NodeProto *node)
{
    const char *domain = node->domain ? node->domain : "";
    for (size_t i = 0; i < in->model->n_functions; i++) {
        const Onnx__FunctionProto *f = in->model->functions[i];
        if (f->name && node->op_type && strcmp(f->name, node->op_type) == 0 &&
            strcmp(f->domain ? f->domain : "", domain) == 0)
            return f;
    }
    return NULL;
}

/* The name outside of one inside; NULL without memory. */
static char *outer_name(inlining *in, const call *c, char *name)
{
    if (!c || !name[0])
        return name;
    for (size_t i = 0; i < c->function->n_input; i++)
        if (strcmp(c->function->input[i], name) == 0)
            return i < c->node->n_input ? c->node->input[i] : "";
    for (size_t i = 0; i < c->function->n_output; i++)
        if (strcmp(c->function->output[i], name) == 0 && i < c->node->n_output &&
            c->node->output[i][0])
            return c->node->output[i];
    const size_t bytes = strlen(c->prefix) + strlen(name) + 1;
    char *copy = cr_arena_alloc(in->memory, bytes, 1);
    if (copy)
        snprintf(copy, bytes, "%s%s", c->prefix, name);
    return copy;
}

/* Names of a node of the body as they are outside; false without memory. */
static bool outer_names(inlining *in, const call *c, char **names, size_t n, char ***outer)
{
    *outer = cr_arena_alloc(in->memory, n, sizeof **outer);
    bool ok = *outer != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = ((*outer)[i] = outer_name(in, c, names[i])) != NULL;
    return ok;
}

/* The attributes of a node of the body: those that refer to an attribute of the call get its value, or
 * are left out where it has none. */
static bool outer_attributes(inlining *in, const call *c, const Onnx__NodeProto *from,
                             Onnx__NodeProto *to)
{
    to->n_attribute = 0;
    to->attribute = cr_arena_alloc(in->memory, from->n_attribute, sizeof *to->attribute);
    for (size_t i = 0; to->attribute && i < from->n_attribute; i++) {
        Onnx__AttributeProto *own = from->attribute[i];
        if (!own->ref_attr_name || !own->ref_attr_name[0]) {
            to->attribute[to->n_attribute++] = own;
            continue;
        }
        const cr_node node = {.proto = c->node};
        const Onnx__AttributeProto *given = cr_attribute_find(&node, own->ref_attr_name);
        Onnx__AttributeProto *copy = cr_arena_alloc(in->memory, 1, sizeof *copy);
        if (!copy)
            return false;
        if (!given)
            continue;
        *copy = *given;
        copy->name = own->name;
        to->attribute[to->n_attribute++] = copy;
    }
    return to->attribute != NULL;
}

static cr_status add_nodes(inlining *in, Onnx__NodeProto *const *nodes, size_t n, const call *c,
                           cr_error *err);

static cr_status add_node(inlining *in, Onnx__NodeProto *node, const call *c, cr_error *err)
{
    const Onnx__FunctionProto *function = find(in, node);
    const int depth = c ? c->depth + 1 : 1;
    if (c) {
        in->n_names += node->n_input + node->n_output + node->n_attribute;
        if (in->n_names > 8 * CR_ONNX_MAX_VALUES)
            return cr_fail(err, CR_EINPUT, "its functions have too many values");
        Onnx__NodeProto *outer = cr_arena_alloc(in->memory, 1, sizeof *outer);
        if (!outer)
            return cr_fail_memory(err, "a node", 1, sizeof *outer);
        *outer = *node;
        if (!outer_names(in, c, node->input, node->n_input, &outer->input) ||
            !outer_names(in, c, node->output, node->n_output, &outer->output) ||
            !outer_attributes(in, c, node, outer))
            return cr_fail_memory(err, "a node", node->n_input, sizeof(char *));
        outer->name = NULL; /* that of its output: the body's is the same at each call */
        node = outer;
    }
    if (!function) {
        if (in->n_nodes == CR_ONNX_MAX_VALUES)
            return cr_fail(err, CR_EINPUT, "has more than %d values", CR_ONNX_MAX_VALUES);
        in->nodes[in->n_nodes++] = node;
        return CR_OK;
    }
    if (depth > MAX_DEPTH || in->n_calls == CR_ONNX_MAX_VALUES)
        return cr_fail(err, CR_EINPUT, "its function %.100s is called too often, or by itself",
                       function->name);
    call inner = {.function = function, .node = node, .depth = depth};
    snprintf(inner.prefix, sizeof inner.prefix, "f%zu/", in->n_calls++);
    return add_nodes(in, function->node, function->n_node, &inner, err);
}

static cr_status add_nodes(inlining *in, Onnx__NodeProto *const *nodes, size_t n, const call *c,
                           cr_error *err)
{
    for (size_t i = 0; i < n; i++)
        CR_OR_RETURN(add_node(in, nodes[i], c, err));
    return CR_OK;
}

cr_status cr_functions_inline(const Onnx__ModelProto *model, cr_arena *memory,
                              Onnx__GraphProto *graph, cr_error *err)
{
    *graph = *model->graph;
    if (model->n_functions == 0)
        return CR_OK;
    inlining in = {.model = model, .memory = memory};
    in.nodes = cr_arena_alloc(memory, CR_ONNX_MAX_VALUES, sizeof *in.nodes);
    if (!in.nodes)
        return cr_fail_memory(err, "nodes", CR_ONNX_MAX_VALUES, sizeof *in.nodes);
    cr_status status = add_nodes(&in, graph->node, graph->n_node, NULL, err);
    graph->node = in.nodes;
    graph->n_node = in.n_nodes;
    return status;
}
