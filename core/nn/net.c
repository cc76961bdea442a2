/* Compiling a graph: folding and fusing, then memory.
 *
 * Values that share memory (behind an Identity, a Flatten that moves nothing, a fused ReLU) have
 * one root. Scales, shifts, sums and clamps go into the node before where nobody wants the value
 * between.
 * Then every root, every gradient and every scratch is a buffer with a time of use, and one arena
 * holds them all; segment.c says how many images of a value it has room for. */
#include "net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct compiler {
    const cr_graph *graph;
    cr_net *net;
    const cr_net_target *targets;
    bool *live;         /* [n_nodes] the logits depend on it, and it runs */
    cr_real **scale;    /* [n_nodes] folded into the weights, NULL if none */
    cr_real **shift;    /* [n_nodes] */
    cr_clamp *clamp;    /* [n_nodes] */
    int *added;         /* [n_nodes] value of a sum that was fused into the node, or -1 */
    int *root;          /* [n_values] */
    bool *wanted;       /* [n_values] by root: logits and targets */
    int *n_uses;        /* [n_values] by root: by live nodes */
    int *user;          /* [n_values] by root: the last of them */
    bool *gradient;     /* [n_values] by root: its gradient is computed */
    bool *is_result;    /* [n_values] by root: its gradient is a target's */
    int *step_of;       /* [n_nodes] */
    int *group;         /* [n_steps] */
    cr_buffer *buffers; /* [2 n_values + 3 n_steps]: values, gradients, scratches, masks */
    cr_arena arena;
} compiler;

static cr_status compiler_init(compiler *c, cr_error *err)
{
    size_t n_values = (size_t)c->graph->n_values, n_nodes = (size_t)c->graph->n_nodes;
    cr_arena *arena = &c->arena;
    c->live = cr_arena_alloc(arena, n_nodes, sizeof *c->live);
    c->scale = cr_arena_alloc(arena, n_nodes, sizeof *c->scale);
    c->shift = cr_arena_alloc(arena, n_nodes, sizeof *c->shift);
    c->clamp = cr_arena_alloc(arena, n_nodes, sizeof *c->clamp);
    c->added = cr_arena_alloc(arena, n_nodes, sizeof *c->added);
    c->root = cr_arena_alloc(arena, n_values, sizeof *c->root);
    c->wanted = cr_arena_alloc(arena, n_values, sizeof *c->wanted);
    c->n_uses = cr_arena_alloc(arena, n_values, sizeof *c->n_uses);
    c->user = cr_arena_alloc(arena, n_values, sizeof *c->user);
    c->gradient = cr_arena_alloc(arena, n_values, sizeof *c->gradient);
    c->is_result = cr_arena_alloc(arena, n_values, sizeof *c->is_result);
    c->step_of = cr_arena_alloc(arena, n_nodes, sizeof *c->step_of);
    c->group = cr_arena_alloc(arena, n_nodes, sizeof *c->group);
    c->buffers = cr_arena_alloc(arena, 2 * n_values + 3 * n_nodes, sizeof *c->buffers);
    if (!c->live || !c->scale || !c->shift || !c->clamp || !c->added || !c->root || !c->wanted ||
        !c->n_uses || !c->user || !c->gradient || !c->is_result || !c->step_of || !c->group ||
        !c->buffers)
        return cr_fail_memory(err, "a plan", n_values, sizeof *c->buffers);
    return CR_OK;
}

/* Which nodes run, and who shares memory with whom. */
static void find_roots(compiler *c)
{
    const cr_graph *graph = c->graph;
    for (int v = 0; v < graph->n_values; v++)
        c->root[v] = v;
    for (int i = 0; i < graph->n_nodes; i++) {
        const cr_node *node = &graph->nodes[i];
        c->clamp[i] = node->clamp;
        c->added[i] = -1;
        if (node->flags & CR_OP_ALIAS)
            c->root[node->y] = c->root[node->x[0]];
    }
    c->wanted[c->root[graph->logits]] = true;
    for (int t = 0; t < c->net->n_targets; t++)
        c->wanted[c->root[c->targets[t].value]] = true;
    /* Targets reach the logits, so that what the logits need is all that runs. */
    bool *needed = c->gradient; /* borrowed: cleared below */
    needed[c->root[graph->logits]] = true;
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        const cr_node *node = &graph->nodes[i];
        if (node->flags & CR_OP_ALIAS || !needed[node->y])
            continue;
        c->live[i] = true;
        for (int j = 0; j < node->n_x; j++) {
            int x = c->root[node->x[j]];
            needed[x] = true;
            if (c->n_uses[x]++ == 0)
                c->user[x] = i;
        }
    }
    memset(needed, 0, (size_t)graph->n_values * sizeof *needed);
}

/* Folds the affine node b into what is already folded into node a. */
static cr_status fold(compiler *c, int a, int b, cr_error *err)
{
    const cr_node *affine = &c->graph->nodes[b];
    size_t k_n = affine->n_weights / 2;
    cr_real *weights = cr_arena_alloc(&c->net->memory, 2 * k_n, sizeof *weights);
    if (!weights)
        return cr_fail_memory(err, "folded weights", 2 * k_n, sizeof *weights);
    affine->op->pack(c->graph, affine, NULL, NULL, weights);
    cr_real *scale = weights, *shift = weights + k_n;
    for (size_t k = 0; k < k_n; k++) {
        if (c->shift[a])
            shift[k] += c->shift[a][k] * scale[k];
        if (c->scale[a])
            scale[k] *= c->scale[a][k];
    }
    c->scale[a] = scale;
    c->shift[a] = shift;
    return CR_OK;
}

/* The inputs of a live node: its activations, by root, then what was fused into it. */
static int n_inputs(const compiler *c, int i)
{
    return c->graph->nodes[i].n_x + (c->added[i] >= 0);
}

static int input(const compiler *c, int i, int j)
{
    const cr_node *node = &c->graph->nodes[i];
    return c->root[j < node->n_x ? node->x[j] : c->added[i]];
}

/* The other term, where node b adds to the output of node a one that is there before a runs. */
static int other_term(const compiler *c, int a, int b)
{
    const cr_graph *graph = c->graph;
    const cr_node *node = &graph->nodes[a], *sum = &graph->nodes[b];
    if (!(node->flags & CR_OP_ADDS) || !(sum->flags & CR_OP_ADD) || c->added[a] >= 0)
        return -1;
    int first = c->root[sum->x[0]], second = c->root[sum->x[1]];
    int other = first == node->y ? second : first;
    return graph->values[other].producer < a ? other : -1;
}

/* Takes into each node the affines, then the sum and then the clamp that follow it. */
static cr_status fuse(compiler *c, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_graph *graph = c->graph;
    for (int a = 0; a < graph->n_nodes; a++) {
        const cr_node *node = &graph->nodes[a];
        int y = node->y;
        while (c->live[a] && !c->wanted[y] && c->n_uses[y] == 1 && !cr_clamps(c->clamp[a])) {
            int b = c->user[y];
            const cr_node *next = &graph->nodes[b];
            /* Behind an alias, what the affine calls channels may be something else here. */
            bool folds = node->flags & CR_OP_FOLDS && next->flags & CR_OP_AFFINE &&
                         node->n_folds == next->n_folds && c->added[a] < 0;
            int other = other_term(c, a, b);
            if (folds)
                CR_TRY(fold(c, a, b, err));
            else if (other >= 0)
                c->added[a] = other;
            else if (next->flags & CR_OP_CLAMP && !(node->flags & CR_OP_NEEDS_Y))
                c->clamp[a] = c->clamp[b];
            else
                break;
            c->live[b] = false;
            c->wanted[y] = c->wanted[next->y];
            c->n_uses[y] = c->n_uses[next->y];
            c->user[y] = c->user[next->y];
            for (int v = 0; v < graph->n_values; v++)
                if (c->root[v] == next->y)
                    c->root[v] = y;
        }
    }

cleanup:
    return status;
}

static bool runs_back(const compiler *c, int i)
{
    for (int j = 0; j < n_inputs(c, i); j++)
        if (c->gradient[input(c, i, j)])
            return true;
    return false;
}

/* Gradients are computed for all that lies between a target and the logits, and nothing else. */
static void find_gradients(compiler *c)
{
    const cr_graph *graph = c->graph;
    for (int t = 0; t < c->net->n_targets; t++)
        if (c->targets[t].gradient) {
            int root = c->root[c->targets[t].value];
            c->gradient[root] = c->is_result[root] = true;
        }
    for (int i = 0; i < graph->n_nodes; i++)
        if (c->live[i] && runs_back(c, i))
            c->gradient[graph->nodes[i].y] = true;
}

static void use(cr_buffer *buffer, int step)
{
    if (step < buffer->first)
        buffer->first = step;
    if (step > buffer->last)
        buffer->last = step;
}

/* Buffer sizes and times. Backward of step s is at 2 n_steps - 1 - s; results live to the end. */
static void time_buffers(compiler *c)
{
    const cr_graph *graph = c->graph;
    const cr_net *net = c->net;
    int end = 2 * net->n_steps, n_values = graph->n_values;
    size_t rows = (size_t)net->backward_images * (size_t)net->n_classes_back;
    cr_buffer *values = c->buffers, *gradients = values + n_values;
    cr_buffer *scratches = gradients + n_values, *masks = scratches + 2 * net->n_steps;
    for (int v = 0; v < n_values; v++) {
        size_t size = graph->values[v].constant ? 0 : cr_shape_size(&graph->values[v].shape);
        values[v] = (cr_buffer){.n_reals = size * (size_t)net->batch, .first = end, .last = -1};
        gradients[v] =
            (cr_buffer){.n_reals = c->gradient[v] ? size * rows : 0, .first = end, .last = -1};
        if (c->root[v] == v && c->wanted[v])
            use(&values[v], end);
        if (c->is_result[v])
            use(&gradients[v], end);
    }
    use(&values[graph->input], 0);
    values[graph->input].whole = true;
    use(&gradients[c->root[graph->logits]], net->n_steps);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!c->live[i])
            continue;
        const cr_node *node = &graph->nodes[i];
        int s = c->step_of[i], back = end - 1 - s;
        bool backs = runs_back(c, i);
        scratches[2 * s] = (cr_buffer){.n_reals = node->n_scratch, .first = s, .last = s};
        use(&values[node->y], s);
        if (backs) {
            scratches[2 * s + 1] =
                (cr_buffer){.n_reals = node->n_scratch, .first = back, .last = back};
            use(&gradients[node->y], back);
            if (node->flags & CR_OP_NEEDS_Y || cr_clamps(c->clamp[i]))
                use(&values[node->y], end);
            if (c->is_result[node->y] && cr_clamps(c->clamp[i]))
                masks[s] =
                    (cr_buffer){.n_reals = gradients[node->y].n_reals, .first = back, .last = back};
        }
        for (int j = 0; j < n_inputs(c, i); j++) {
            int x = input(c, i, j);
            use(&values[x], s);
            if (backs && node->flags & CR_OP_NEEDS_X)
                use(&values[x], end);
            if (c->gradient[x])
                use(&gradients[x], back);
        }
    }
    for (int v = 0; v < n_values; v++) {
        if (values[v].last < 0)
            values[v].n_reals = 0;
        if (gradients[v].last < 0)
            gradients[v].n_reals = 0;
    }
}

/* What the steps cost, and from that how many images go through each at a time. */
static cr_status find_groups(compiler *c, cr_error *err)
{
    const cr_graph *graph = c->graph;
    const cr_net *net = c->net;
    const int n_steps = net->n_steps;
    cr_step_load *loads = cr_arena_alloc(&c->arena, (size_t)n_steps, sizeof *loads);
    if (!loads)
        return cr_fail_memory(err, "a plan", (size_t)n_steps, sizeof *loads);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!c->live[i])
            continue;
        const cr_node *node = &graph->nodes[i];
        cr_step_load *load = &loads[c->step_of[i]];
        size_t n_reals = cr_shape_size(&graph->values[node->y].shape);
        for (int j = 0; j < n_inputs(c, i); j++)
            n_reals += cr_shape_size(&graph->values[input(c, i, j)].shape);
        load->activation_bytes = (double)(n_reals * sizeof(cr_real));
        load->weight_bytes = (double)(node->n_weights * sizeof(cr_real));
        load->flops = node->flops;
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

static cr_real *place_of(const compiler *c, const cr_buffer *buffer)
{
    return buffer->n_reals ? c->net->activations + buffer->offset : NULL;
}

/* A place in the block of weights. */
static size_t take_weights(cr_net *net, size_t n)
{
    size_t at = net->n_weights;
    net->n_weights += (n + 15) / 16 * 16;
    return at;
}

static cr_status make_step(compiler *c, int i, cr_step *step, cr_error *err)
{
    const cr_graph *graph = c->graph;
    cr_net *net = c->net;
    const cr_node *node = &graph->nodes[i];
    cr_buffer *values = c->buffers, *gradients = values + graph->n_values;
    cr_buffer *scratches = gradients + graph->n_values, *masks = scratches + 2 * net->n_steps;
    int s = c->step_of[i];
    size_t n_x = (size_t)n_inputs(c, i);
    step->node = *node;
    step->node.clamp = c->clamp[i];
    step->node.n_x = (int)n_x;
    step->adds = c->added[i] >= 0;
    step->x = cr_arena_alloc(&net->memory, n_x, sizeof *step->x);
    step->x_size = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_size);
    step->x_stride = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_stride);
    step->dx = cr_arena_alloc(&net->memory, n_x, sizeof *step->dx);
    step->dx_first = cr_arena_alloc(&net->memory, n_x, sizeof *step->dx_first);
    if (!step->x || !step->x_size || !step->x_stride || !step->dx || !step->dx_first)
        return cr_fail_memory(err, "a step", n_x, sizeof *step->x);
    step->y = place_of(c, &values[node->y]);
    step->y_size = cr_shape_size(&graph->values[node->y].shape);
    step->y_stride = values[node->y].whole ? step->y_size : 0;
    step->group = c->group[s];
    step->scratch = place_of(c, &scratches[2 * s]);
    step->scratch_back = place_of(c, &scratches[2 * s + 1]);
    step->dy = place_of(c, &gradients[node->y]);
    step->dy_masked = place_of(c, &masks[s]);
    step->back = runs_back(c, i);
    for (int j = 0; j < n_inputs(c, i); j++) {
        int x = input(c, i, j);
        step->x[j] = place_of(c, &values[x]);
        step->x_size[j] = cr_shape_size(&graph->values[x].shape);
        step->x_stride[j] = values[x].whole ? step->x_size[j] : 0;
        step->dx[j] = place_of(c, &gradients[x]);
        step->dx_first[j] = gradients[x].first == 2 * net->n_steps - 1 - s;
    }
    step->fold_scale = c->scale[i];
    step->fold_shift = c->shift[i];
    step->weights_at = take_weights(net, node->n_weights);
    if (step->back)
        step->weights_back_at = take_weights(net, node->n_weights_back);
    return CR_OK;
}

static cr_status check_size(const cr_net *net, int max_mb, cr_error *err)
{
    const double mb = (double)net->n_activations * sizeof *net->activations * 1e-6;
    if (mb <= max_mb)
        return CR_OK;
    return cr_fail(err, CR_EINPUT,
                   "%s: its activations take %.0f MB for %d input%s at a time, more than the limit "
                   "of %d MB (activations_mb)",
                   net->graph->name, ceil(mb), net->batch, net->batch == 1 ? "" : "s", max_mb);
}

static cr_status build(compiler *c, int max_mb, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_graph *graph = c->graph;
    cr_net *net = c->net;
    for (int i = 0; i < graph->n_nodes; i++)
        if (c->live[i])
            c->step_of[i] = net->n_steps++;
    time_buffers(c);
    CR_TRY(find_groups(c, err));
    cr_segments_fit(c->group, net->n_steps, net->batch, graph->n_values, c->buffers);
    CR_TRY(cr_buffers_place(c->buffers, 2 * graph->n_values + 3 * net->n_steps, &net->n_activations,
                            err));
    CR_TRY(check_size(net, max_mb, err));
    net->steps = cr_arena_alloc(&net->memory, (size_t)net->n_steps, sizeof *net->steps);
    net->activations = cr_pages_alloc(net->n_activations, sizeof *net->activations);
    size_t n_targets = (size_t)net->n_targets;
    net->target_activations = cr_arena_alloc(&net->memory, n_targets, sizeof(cr_real *));
    net->target_gradients = cr_arena_alloc(&net->memory, n_targets, sizeof(cr_real *));
    if (!net->steps || !net->activations || !net->target_activations || !net->target_gradients) {
        status = cr_fail_memory(err, graph->name, net->n_activations, sizeof(cr_real));
        goto cleanup;
    }
    for (int i = 0; i < graph->n_nodes; i++)
        if (c->live[i])
            CR_TRY(make_step(c, i, &net->steps[c->step_of[i]], err));
    const cr_buffer *gradients = c->buffers + graph->n_values;
    int logits = c->root[graph->logits];
    net->input = place_of(c, &c->buffers[graph->input]);
    net->logits = place_of(c, &c->buffers[logits]);
    net->logits_gradient = place_of(c, &gradients[logits]);
    for (int t = 0; t < net->n_targets; t++) {
        int root = c->root[c->targets[t].value];
        net->target_activations[t] = place_of(c, &c->buffers[root]);
        if (c->targets[t].gradient)
            net->target_gradients[t] = place_of(c, &gradients[root]);
    }

cleanup:
    return status;
}

cr_status cr_net_new(const cr_graph *graph, int batch, const cr_net_target *targets, int n_targets,
                     int n_classes_back, int max_activations_mb, cr_net **result, cr_error *err)
{
    cr_status status = CR_OK;
    compiler c = {.graph = graph, .targets = targets};
    cr_net *net = c.net = cr_alloc(1, sizeof *net);
    *result = NULL;
    if (!net) {
        status = cr_fail_memory(err, "a net", 1, sizeof *net);
        goto cleanup;
    }
    net->graph = graph;
    net->batch = batch;
    net->n_targets = n_targets;
    net->n_classes = cr_graph_n_classes(graph);
    net->n_classes_back = n_classes_back;
    /* So that gradients take about as much memory as activations. */
    net->backward_images = n_classes_back && batch > n_classes_back ? batch / n_classes_back : 1;
    for (int t = 0; t < n_targets; t++)
        if (!cr_graph_reaches_logits(graph, targets[t].value)) {
            status = cr_fail(err, CR_EINPUT, "%s: the logits do not depend on layer %.100s",
                             graph->name, graph->values[targets[t].value].name);
            goto cleanup;
        }
    CR_TRY(compiler_init(&c, err));
    find_roots(&c);
    CR_TRY(fuse(&c, err));
    find_gradients(&c);
    CR_TRY(build(&c, max_activations_mb, err));
    *result = net;
    net = NULL;

cleanup:
    cr_arena_free(&c.arena);
    cr_net_free(net);
    return status;
}

void cr_net_free(cr_net *net)
{
    if (!net)
        return;
    cr_arena_free(&net->memory);
    cr_pages_free(net->activations, net->n_activations, sizeof *net->activations);
    free(net);
}
