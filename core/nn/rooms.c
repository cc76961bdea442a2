/* The memory of a compiled graph: of each value, gradient and scratch how much it takes and when, and
 * how many images of a value there is room for. */
#include "compile.h"
#include "relevance.h"

static void use(cr_buffer *buffer, int step)
{
    if (step < buffer->first)
        buffer->first = step;
    if (step > buffer->last)
        buffer->last = step;
}

/* When node i needs memory for its pass along tangents and, if that is not linear, back from there. */
static void time_tangents(const cr_compiler *c, int i, const cr_buffers *b)
{
    const cr_node *node = &c->graph->nodes[i];
    const int s = c->step_of[i], now = c->net->n_steps + s, back = cr_compiler_end(c) - 1 - s;
    b->tangent_scratches[s] = (cr_buffer){.n_reals = node->n_scratch, .first = now, .last = now};
    use(&b->tangents[node->y], now);
    if (node->op->curve)
        use(&b->tangents[node->y], back);
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++) {
        const int x = cr_compiler_input(c, i, j);
        use(&b->tangents[x], now);
        if (node->op->curve)
            use(&b->tangents[x], back);
    }
}

static size_t size_of_inputs(const cr_compiler *c, int i)
{
    size_t size = 0;
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++)
        size += cr_shape_size(&c->graph->values[cr_compiler_input(c, i, j)].shape);
    return size;
}

/* Buffer sizes and times. Backward of step s is at end - 1 - s; results live to the end. */
static void time_buffers(cr_compiler *c)
{
    const cr_graph *graph = c->graph;
    const cr_net *net = c->net;
    const cr_buffers b = cr_compiler_buffers(c);
    const int end = cr_compiler_end(c), n_values = graph->n_values;
    const size_t images = (size_t)net->backward_images;
    /* Of a target that wants curvature, the gradients and how they change. */
    const size_t rows = images * (size_t)net->n_classes_back * (net->zeros ? 2 : 1);
    const int logits = c->root[graph->logits];
    for (int v = 0; v < n_values; v++) {
        const cr_buffer unused = {.first = end, .last = -1};
        size_t size = graph->values[v].constant ? 0 : cr_shape_size(&graph->values[v].shape);
        b.values[v] = b.gradients[v] = b.tangents[v] = unused;
        b.values[v].n_reals = cr_reals_of(size, c->half[v]) * (size_t)net->batch;
        b.gradients[v].n_reals = c->gradient[v] ? cr_reals_of(size, c->half_gradient[v]) * rows : 0;
        b.tangents[v].n_reals = size * images;
        if (c->root[v] == v && c->wanted[v])
            use(&b.values[v], end);
        if (c->is_result[v])
            use(&b.gradients[v], end);
    }
    use(&b.values[graph->input], 0);
    b.values[graph->input].whole = true;
    use(&b.gradients[logits], cr_compiler_back(c));
    for (int t = 0; t < net->n_targets; t++)
        if (c->targets[t].curvature) {
            const int root = c->root[c->targets[t].value], maker = cr_compiler_maker(c, root);
            use(&b.tangents[root], net->n_steps + (maker < 0 ? 0 : maker));
            use(&b.tangents[logits], cr_compiler_back(c));
        }
    for (int t = 0; t < net->n_targets; t++) {
        if (!c->targets[t].tail)
            continue;
        cr_tail_mark(c, t);
        for (int v = 0; v < n_values; v++)
            if (c->crosses[v])
                use(&b.values[v], end);
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!c->live[i])
            continue;
        const cr_node *node = &graph->nodes[i];
        int s = c->step_of[i], back = end - 1 - s;
        bool backs = cr_compiler_runs_back(c, i);
        b.scratches[2 * s] = (cr_buffer){.n_reals = node->n_scratch, .first = s, .last = s};
        use(&b.values[node->y], s);
        if (cr_compiler_bends(c, i))
            time_tangents(c, i, &b);
        if (backs) {
            b.scratches[2 * s + 1] =
                (cr_buffer){.n_reals = node->n_scratch, .first = back, .last = back};
            use(&b.gradients[node->y], back);
            if (net->passes_relevance)
                b.scratches[2 * s + 1].n_reals = cr_relevance_scratch(
                    node, size_of_inputs(c, i), cr_shape_size(&graph->values[node->y].shape));
            if (node->flags & CR_OP_NEEDS_Y || cr_clamps(c->clamp[i]))
                use(&b.values[node->y], end);
            if (c->is_result[node->y] && cr_clamps(c->clamp[i]))
                b.masks[s] = (cr_buffer){
                    .n_reals = b.gradients[node->y].n_reals, .first = back, .last = back};
        }
        for (int j = 0; j < cr_compiler_n_inputs(c, i); j++) {
            int x = cr_compiler_input(c, i, j);
            use(&b.values[x], s);
            if (backs && (node->flags & CR_OP_NEEDS_X || net->passes_relevance))
                use(&b.values[x], end);
            if (c->gradient[x])
                use(&b.gradients[x], back);
        }
    }
    for (cr_buffer *buffer = b.values; buffer < b.end; buffer++)
        if (buffer->last < 0)
            buffer->n_reals = 0;
}

static size_t reals_of_value(const cr_compiler *c, int root)
{
    return cr_reals_of(cr_shape_size(&c->graph->values[root].shape), c->half[root]);
}

/* What the steps cost, and from that how many images go through each at a time. */
static cr_status find_groups(cr_compiler *c, cr_error *err)
{
    const cr_graph *graph = c->graph;
    const cr_net *net = c->net;
    const int n_steps = net->n_steps;
    cr_step_load *loads = cr_arena_alloc(&c->arena, (size_t)n_steps, sizeof *loads);
    if (!loads)
        return cr_fail_memory(err, "a plan", (size_t)n_steps, sizeof *loads);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!c->live[i] || c->in_place[i])
            continue;
        const cr_node *node = &graph->nodes[i];
        cr_step_load *load = &loads[c->step_of[i]];
        size_t n_reals = reals_of_value(c, node->y);
        for (int j = 0; j < cr_compiler_n_inputs(c, i); j++)
            n_reals += reals_of_value(c, cr_compiler_input(c, i, j));
        load->activation_bytes = (double)(n_reals * sizeof(cr_real));
        load->weight_bytes = (double)(node->n_weights * sizeof(cr_real));
        load->flops = node->flops;
        const cr_native native = cr_native_of(node);
        if (native.runs) {
            load->weight_bytes = (double)(cr_native_weights(&native.forth) * sizeof(cr_real));
            load->flops /= cr_pairs_speed();
            load->pass_bytes = cr_pairs_pass_bytes(&native.forth);
        }
    }
    /* Where a value begins and ceases to cross, then the sums of that. */
    for (int v = 0; v < graph->n_values; v++) {
        const cr_buffer *value = &c->buffers[v];
        double bytes = (double)(value->n_reals / (size_t)net->batch * sizeof(cr_real));
        if (bytes > 0 && value->first + 1 < n_steps)
            loads[value->first + 1].crossing_bytes += bytes;
        if (bytes > 0 && value->last + 1 < n_steps)
            loads[value->last + 1].crossing_bytes -= bytes;
    }
    for (int s = 1; s < n_steps; s++)
        loads[s].crossing_bytes += loads[s - 1].crossing_bytes;
    return cr_segments_choose(loads, n_steps, net->batch, c->group, err);
}

/* Lets the room of a value serve, for the time that they need it, those that lie in it. */
static void share_rooms(cr_compiler *c)
{
    for (int v = 0; v < c->graph->n_values; v++) {
        cr_buffer *value = &c->buffers[v], *home = &c->buffers[c->home[v]];
        if (value == home || !value->n_reals)
            continue;
        use(home, value->first);
        use(home, value->last);
        value->n_reals = 0;
    }
}

/* Whether input j of node i is what it adds, and the memory of no other input of it: that is read
 * while the output is written. */
static bool is_only_added(const cr_compiler *c, int i, int j)
{
    const int added = c->over[cr_compiler_input(c, i, j)];
    bool only = j == c->graph->nodes[i].n_x;
    for (int k = 0; k < j; k++)
        only = only && c->over[c->home[cr_compiler_input(c, i, k)]] != added;
    return only;
}

/* Lets steps that can write their output over an input which nobody needs any more, so that what they
 * read and write is in the cache once. */
static void overwrite(cr_compiler *c)
{
    const cr_graph *graph = c->graph;
    for (int v = 0; v < graph->n_values; v++)
        c->over[v] = v;
    for (int i = 0; i < graph->n_nodes; i++) {
        const cr_node *node = &graph->nodes[i];
        cr_buffer *y = &c->buffers[node->y];
        if (!c->live[i] || !(node->flags & CR_OP_OVERWRITES) || !y->n_reals)
            continue;
        for (int j = 0; j < cr_compiler_n_inputs(c, i); j++) {
            int v = cr_compiler_input(c, i, j);
            if (node->flags & CR_OP_ADDS && !is_only_added(c, i, j))
                continue;
            cr_buffer *x = &c->buffers[c->over[v]];
            size_t size = cr_shape_size(&graph->values[v].shape);
            if (c->home[v] != v || size != cr_shape_size(&graph->values[node->y].shape) ||
                c->half[v] != c->half[node->y] || x->n_reals != y->n_reals ||
                x->whole != y->whole || x->last != c->step_of[i])
                continue;
            x->last = y->last;
            y->n_reals = 0;
            c->over[node->y] = c->over[v];
            break;
        }
    }
}

cr_status cr_rooms_find(cr_compiler *c, cr_error *err)
{
    time_buffers(c);
    cr_status status = find_groups(c, err);
    if (status != CR_OK)
        return status;
    share_rooms(c);
    cr_segments_fit(c->group, c->net->n_steps, c->net->batch, c->graph->n_values, c->buffers);
    overwrite(c);
    if (c->net->precision == CR_BFLOAT16)
        cr_precision_take_scratch(c);
    return CR_OK;
}
