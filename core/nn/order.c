/* Which nodes of a model are read, and in which order: those that the output depends on, each behind
 * what it reads. */
#include "graph.h"

#include <stdlib.h>

enum { NEW, OPEN, DONE };

typedef struct sorting {
    const Onnx__GraphProto *proto;
    cr_arena arena;
    cr_symbols makers; /* of each value its node */
    size_t n_inputs;   /* of all nodes */
    int *stack;        /* nodes; each node puts its inputs there once */
    int n_stack;
    bool *needed;
    uint8_t *state;
} sorting;

static size_t n_outputs(const Onnx__GraphProto *proto)
{
    size_t n = 0;
    for (size_t i = 0; i < proto->n_node; i++)
        n += proto->node[i]->n_output;
    return n;
}

static void need(sorting *s, const char *name)
{
    const int node = name[0] ? cr_symbols_find(&s->makers, name) : -1;
    if (node < 0 || s->needed[node])
        return;
    s->needed[node] = true;
    s->stack[s->n_stack++] = node;
}

/* Calls visit for each name that a node reads, in its branches too: these may read values around them.
 * The depth of branches is bounded by that of the file. */
static void each_input(sorting *s, const Onnx__NodeProto *node,
                       void (*visit)(sorting *s, const char *name))
{
    for (size_t i = 0; i < node->n_input; i++)
        visit(s, node->input[i]);
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__GraphProto *branch = node->attribute[i]->g;
        for (size_t j = 0; branch && j < branch->n_node; j++)
            each_input(s, branch->node[j], visit);
        for (size_t j = 0; branch && j < branch->n_output; j++)
            if (branch->output[j]->name)
                visit(s, branch->output[j]->name);
    }
}

static void count(sorting *s, const char *name)
{
    (void)name;
    s->n_inputs++;
}

static cr_status sorting_init(sorting *s, cr_error *err)
{
    const size_t n = s->proto->n_node;
    cr_status status = cr_symbols_init(&s->makers, &s->arena, n_outputs(s->proto), err);
    if (status != CR_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        each_input(s, s->proto->node[i], count);
    s->stack = cr_arena_alloc(&s->arena, n + s->n_inputs, sizeof *s->stack);
    s->needed = cr_arena_alloc(&s->arena, n, sizeof *s->needed);
    s->state = cr_arena_alloc(&s->arena, n, sizeof *s->state);
    if (!s->stack || !s->needed || !s->state)
        return cr_fail_memory(err, "a graph", n + s->n_inputs, sizeof *s->stack);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < s->proto->node[i]->n_output; j++)
            if (s->proto->node[i]->output[j][0])
                cr_symbols_put(&s->makers, s->proto->node[i]->output[j], (int)i);
    return CR_OK;
}

/* What the output needs, and what is malformed, to be refused. */
static void find_needed(sorting *s, const char *output)
{
    need(s, output);
    for (size_t i = 0; i < s->proto->n_node; i++) {
        const Onnx__NodeProto *node = s->proto->node[i];
        bool malformed = node->n_output == 0 || !node->output[0][0];
        for (size_t j = 0; j < node->n_output; j++) /* another node makes that, too */
            malformed = malformed || (node->output[j][0] &&
                                      cr_symbols_find(&s->makers, node->output[j]) != (int)i);
        if (malformed && !s->needed[i]) {
            s->needed[i] = true;
            s->stack[s->n_stack++] = (int)i;
        }
    }
    while (s->n_stack > 0)
        each_input(s, s->proto->node[s->stack[--s->n_stack]], need);
}

static void wait_for(sorting *s, const char *name)
{
    const int node = name[0] ? cr_symbols_find(&s->makers, name) : -1;
    if (node >= 0 && s->state[node] == NEW)
        s->stack[s->n_stack++] = node;
}

/* The order of the file, but that what a node reads comes before it, if it can: what reads itself is
 * refused when it is loaded. */
static int list(sorting *s, const Onnx__NodeProto **nodes)
{
    int n = 0;
    for (size_t i = 0; i < s->proto->n_node; i++) {
        if (s->needed[i])
            s->stack[s->n_stack++] = (int)i;
        while (s->n_stack > 0) {
            const int top = s->stack[s->n_stack - 1];
            if (s->state[top] == NEW) {
                s->state[top] = OPEN;
                each_input(s, s->proto->node[top], wait_for);
                continue;
            }
            s->n_stack--;
            if (s->state[top] == OPEN)
                nodes[n++] = s->proto->node[top];
            s->state[top] = DONE;
        }
    }
    return n;
}

cr_status cr_order_nodes(const Onnx__GraphProto *proto, const char *output,
                         const Onnx__NodeProto **nodes, int *n_nodes, cr_error *err)
{
    cr_status status = CR_OK;
    sorting s = {.proto = proto};
    CR_TRY(sorting_init(&s, err));
    find_needed(&s, output);
    *n_nodes = list(&s, nodes);

cleanup:
    cr_arena_free(&s.arena);
    return status;
}
