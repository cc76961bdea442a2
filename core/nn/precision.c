/* The precision of a graph's nets, and what of a net in bfloat16 is stored as such: all activations and
 * gradients but what a caller writes or reads. That is float32, of values that are rounded like the others: what
 * a net computes does not depend on who asks for it. */
#include "compile.h"

void cr_graph_use_precision(cr_graph *graph, cr_precision precision)
{
    graph->precision = precision;
}

const char *const cr_precision_names[CR_N_PRECISIONS] = {"float32", "bfloat16"};

const char *cr_precision_isa(cr_precision precision)
{
    const char *isa = cr_kernels_isa();
    const bool multiplies = strcmp(isa, "avx512-bf16") == 0 || strcmp(isa, "amx") == 0;
    if (precision == CR_FLOAT32)
        return multiplies ? "avx512" : isa;
    return multiplies ? isa : "";
}

const char *cr_precision_kernels(cr_precision precision)
{
    const char *isa = cr_precision_isa(precision);
    return isa[0] ? isa : cr_precision_isa(CR_FLOAT32);
}

cr_status cr_precision_read(const char *name, cr_precision *precision, cr_error *err)
{
    for (int p = 0; p < CR_N_PRECISIONS; p++)
        if (strcmp(name, cr_precision_names[p]) == 0) {
            *precision = (cr_precision)p;
            return CR_OK;
        }
    return cr_fail(err, CR_EUSAGE, "--precision %.64s: must be float32 or bfloat16", name);
}

cr_precision cr_graph_get_precision(const cr_graph *graph)
{
    return graph->precision;
}

/* The passes of relevance and along tangents are in float32: so is then what they read. */
static bool stores_half(const cr_compiler *c)
{
    bool half = c->net->precision == CR_BFLOAT16;
    for (int t = 0; t < c->net->n_targets; t++)
        half = half && !c->targets[t].relevance && !c->targets[t].curvature;
    return half;
}

/* Weights of grouped and depthwise convolutions stay as they are: all instruction sets compute these in float32,
 * so that it costs nothing, and the few products of a sum do not make up for what each has lost. */
static bool rounds_weights(const cr_node *node)
{
    return !node->op->linear || node->op->linear(node).win.groups == 1;
}

void cr_precision_choose(cr_compiler *c)
{
    const cr_graph *graph = c->graph;
    const int n_values = graph->n_values, logits = c->root[graph->logits];
    const bool half = stores_half(c);
    for (int v = 0; v < n_values; v++) {
        c->half[v] = half && !c->wanted[v] && !graph->values[v].whole; /* words have numbers */
        c->half_gradient[v] = half && !c->is_result[v];
    }
    c->half[graph->input] = c->half[logits] = c->half_gradient[logits] = false;
    for (int t = 0; t < c->net->n_targets; t++) {
        if (!c->targets[t].tail)
            continue;
        cr_tail_mark(c, t);
        for (int v = 0; v < n_values; v++)
            c->half[v] = c->half[v] && !c->crosses[v];
    }
    /* Who shares the room of a value stores what it does. */
    for (int v = 0; v < n_values; v++)
        c->half[c->home[v]] = c->half[c->home[v]] && c->half[v];
    for (int v = 0; v < n_values; v++)
        c->half[v] = c->half[c->home[v]];
    for (int i = 0; i < graph->n_nodes; i++) {
        cr_node *node = &graph->nodes[i];
        if (c->net->precision == CR_BFLOAT16 && c->live[i] && node->y != logits &&
            rounds_weights(node))
            node->flags |= CR_OP_ROUNDS;
        if (cr_native_of(node).runs)
            node->flags |= CR_OP_OVERWRITES;
    }
}

static size_t whole_lines(size_t n)
{
    return (n + 15) / 16 * 16;
}

static size_t size_of(const cr_compiler *c, int root)
{
    return cr_shape_size(&c->graph->values[root].shape);
}

size_t cr_precision_scratch(const cr_node *node)
{
    const cr_native native = cr_native_of(node);
    return whole_lines(native.runs ? cr_native_scratch(&native) : node->n_scratch);
}

/* Room for n values that are stored in one way and computed with in another. */
static size_t converted(bool stored_half, bool native, size_t n)
{
    return stored_half == native ? 0 : whole_lines(cr_reals_of(n, native));
}

/* What the step of a node converts, as run_bfloat16.c does. */
static size_t converted_forth(const cr_compiler *c, int i)
{
    const cr_node *node = &c->graph->nodes[i];
    const size_t n = (size_t)c->group[c->step_of[i]];
    const bool native = cr_native_of(node).runs;
    const cr_pieces pieces = cr_pieces_of(c, i);
    if (pieces.rows)
        return pieces.n_reals;
    size_t reals = converted(c->half[node->y], native, n * size_of(c, node->y));
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++) {
        const int x = cr_compiler_input(c, i, j);
        reals += converted(c->half[x], native, n * size_of(c, x));
    }
    return reals;
}

static size_t converted_back(const cr_compiler *c, int i)
{
    const cr_node *node = &c->graph->nodes[i];
    const bool native = cr_native_of(node).runs;
    const size_t n = (size_t)c->net->backward_images, rows = n * (size_t)c->net->n_classes_back;
    const size_t y = size_of(c, node->y);
    size_t reals = whole_lines(rows * y) + converted(c->half[node->y], false, n * y);
    reals += native ? whole_lines(cr_reals_of(rows * y, true)) : 0;
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++) {
        const int x = cr_compiler_input(c, i, j);
        const bool added = j == node->n_x;
        reals += native ? 0 : converted(c->half[x], false, n * size_of(c, x));
        reals += converted(c->half_gradient[x], native && !added, rows * size_of(c, x));
    }
    return reals;
}

void cr_precision_take_scratch(const cr_compiler *c)
{
    const cr_buffers b = cr_compiler_buffers(c);
    for (int i = 0; i < c->graph->n_nodes; i++) {
        if (!c->live[i])
            continue;
        const cr_node *node = &c->graph->nodes[i];
        const int s = c->step_of[i], back = cr_compiler_end(c) - 1 - s;
        cr_buffer *forth = &b.scratches[2 * s], *backward = &b.scratches[2 * s + 1];
        *forth = (cr_buffer){.n_reals = cr_precision_scratch(node) + converted_forth(c, i), s, s};
        if (!cr_compiler_runs_back(c, i))
            continue;
        const size_t all = cr_precision_scratch(node) + converted_back(c, i);
        *backward = (cr_buffer){.n_reals = backward->n_reals > all ? backward->n_reals : all,
                                .first = back,
                                .last = back};
    }
}
