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

#define LEAST_VALUES 16

/* Whether products of pairs pay: where a row of the window has so few values that most of what they would multiply
 * is filled up with 0, as the 3x3 pixels of an image, float32 is as fast. */
static bool pays(const cr_window *win)
{
    return win->c >= LEAST_VALUES || win->s * win->c >= LEAST_VALUES;
}

/* Whether a node multiplies bfloat16, where the instruction set can. Other layers with weights are in float32 on any
 * machine, the one that makes the logits, and grouped and depthwise convolutions, whose sums are too short to make up
 * for what each product has lost: rounding what they read would spare nothing. */
static bool rounds(const cr_compiler *c, const cr_node *node)
{
    if (node->y == c->root[c->graph->logits] || !node->op->linear)
        return false;
    const cr_window win = node->op->linear(node).win;
    return win.groups == 1 && pays(&win);
}

/* What nothing rounds: the logits, integers, and what only such layers read. */
static void find_exact(const cr_compiler *c)
{
    const cr_graph *graph = c->graph;
    for (int v = 0; v < graph->n_values; v++)
        c->exact[v] = c->n_uses[v] > 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        const cr_node *node = &graph->nodes[i];
        for (int j = 0; c->live[i] && j < cr_compiler_n_inputs(c, i); j++)
            if (!node->op->linear || rounds(c, node))
                c->exact[cr_compiler_input(c, i, j)] = false;
    }
    for (int v = 0; v < graph->n_values; v++)
        c->exact[v] = c->exact[v] || graph->values[v].whole || v == c->root[graph->logits];
}

void cr_precision_choose(cr_compiler *c)
{
    const cr_graph *graph = c->graph;
    const int n_values = graph->n_values, logits = c->root[graph->logits];
    const bool half = stores_half(c);
    find_exact(c);
    for (int v = 0; v < n_values; v++) {
        c->half[v] = half && !c->wanted[v] && !c->exact[v];
        c->half_gradient[v] = half && !c->is_result[v];
    }
    c->half[graph->input] = c->half_gradient[logits] = false;
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
        if (c->net->precision == CR_BFLOAT16 && c->live[i] && rounds(c, node))
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
    size_t reals = native && c->exact[node->y]
                       ? 0
                       : converted(c->half[node->y], native, n * size_of(c, node->y));
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
