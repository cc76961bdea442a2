/* Compiling a graph: folding and fusing, then memory.
 *
 * Values that share memory (behind an Identity, a Flatten that moves nothing, a fused ReLU) have
 * one root. Scales, shifts, sums and clamps go into the node before where nobody wants the value
 * between. Inputs of a Concat lie in its output where that can be.
 * Then every root, every gradient and every scratch is a buffer with a time of use, and one arena
 * holds them all; segment.c says how many images of a value it has room for. */
#include "compile.h"
#include "relevance.h"

#include "camrank/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static cr_status compiler_init(cr_compiler *c, cr_error *err)
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
    c->tangent = cr_arena_alloc(arena, n_values, sizeof *c->tangent);
    c->behind = cr_arena_alloc(arena, n_values, sizeof *c->behind);
    c->crosses = cr_arena_alloc(arena, n_values, sizeof *c->crosses);
    c->home = cr_arena_alloc(arena, n_values, sizeof *c->home);
    c->at = cr_arena_alloc(arena, n_values, sizeof *c->at);
    c->in_place = cr_arena_alloc(arena, n_nodes, sizeof *c->in_place);
    c->over = cr_arena_alloc(arena, n_values, sizeof *c->over);
    c->half = cr_arena_alloc(arena, n_values, sizeof *c->half);
    c->half_gradient = cr_arena_alloc(arena, n_values, sizeof *c->half_gradient);
    c->exact = cr_arena_alloc(arena, n_values, sizeof *c->exact);
    c->step_of = cr_arena_alloc(arena, n_nodes, sizeof *c->step_of);
    c->group = cr_arena_alloc(arena, n_nodes, sizeof *c->group);
    c->buffers = cr_arena_alloc(arena, 3 * n_values + 4 * n_nodes, sizeof *c->buffers);
    if (!c->live || !c->scale || !c->shift || !c->clamp || !c->added || !c->root || !c->wanted ||
        !c->n_uses || !c->user || !c->gradient || !c->is_result || !c->tangent || !c->behind ||
        !c->crosses || !c->home || !c->at || !c->in_place || !c->over || !c->half ||
        !c->half_gradient || !c->exact || !c->step_of || !c->group || !c->buffers)
        return cr_fail_memory(err, "a plan", n_values, sizeof *c->buffers);
    return CR_OK;
}

/* Which nodes run, and who shares memory with whom. */
static void find_roots(cr_compiler *c)
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

/* Gradients are computed for all that lies between a target and the logits, and nothing else; tangents
 * likewise. */
static void find_gradients(cr_compiler *c)
{
    const cr_graph *graph = c->graph;
    for (int t = 0; t < c->net->n_targets; t++) {
        const int root = c->root[c->targets[t].value];
        if (c->targets[t].gradient)
            c->gradient[root] = c->is_result[root] = true;
        if (c->targets[t].curvature)
            c->tangent[root] = true;
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const int y = graph->nodes[i].y;
        c->gradient[y] = c->gradient[y] || (c->live[i] && cr_compiler_runs_back(c, i));
        c->tangent[y] = c->tangent[y] || (c->live[i] && cr_compiler_bends(c, i));
    }
}

/* What a linear step adds to a tangent, where any target wants curvature. */
static cr_status make_zeros(cr_compiler *c, cr_error *err)
{
    int most = 0;
    for (int t = 0; t < c->net->n_targets; t++)
        most = c->targets[t].curvature ? 1 : most;
    for (int i = 0; i < c->graph->n_nodes; i++)
        if (c->live[i] && cr_compiler_bends(c, i) && c->graph->nodes[i].n_folds > most)
            most = c->graph->nodes[i].n_folds;
    c->net->zeros = most ? cr_arena_alloc(&c->net->memory, (size_t)most, sizeof(cr_real)) : NULL;
    return most && !c->net->zeros ? cr_fail_memory(err, "zeros", (size_t)most, sizeof(cr_real))
                                  : CR_OK;
}

/* Whether relevance is wanted, and what it takes. */
static cr_status prepare_relevance(cr_compiler *c, cr_error *err)
{
    int most = 0;
    for (int t = 0; t < c->net->n_targets; t++)
        c->net->passes_relevance = c->net->passes_relevance || c->targets[t].relevance;
    for (int i = 0; i < c->graph->n_nodes; i++)
        most = c->graph->nodes[i].n_folds > most ? c->graph->nodes[i].n_folds : most;
    if (!c->net->passes_relevance || most == 0)
        return CR_OK;
    c->net->no_bias = cr_arena_alloc(&c->net->memory, (size_t)most, sizeof(cr_real));
    return c->net->no_bias ? CR_OK : cr_fail_memory(err, "zeros", (size_t)most, sizeof(cr_real));
}

static size_t place_of(const cr_buffer *buffer)
{
    return buffer->n_reals ? buffer->offset : CR_NOWHERE;
}

/* In elements of what is stored there. */
static size_t place_as(const cr_buffer *buffer, bool half)
{
    const size_t place = place_of(buffer);
    return half && place != CR_NOWHERE ? place * (sizeof(cr_real) / sizeof(cr_bfloat16)) : place;
}

/* As cr_run has it: of a root that lies in another, the channels of that one. */
ptrdiff_t cr_compiler_pixel_step(const cr_compiler *c, int root)
{
    int home = c->home[root];
    return home == root ? 0 : cr_shape_c(&c->graph->values[home].shape);
}

/* From image to image of the batch, as cr_step has it. */
size_t cr_compiler_image_stride(const cr_compiler *c, int root)
{
    int home = c->home[root];
    const size_t size = cr_shape_size(&c->graph->values[home].shape);
    return c->buffers[home].whole ? size : 0;
}

/* Elements of a root that lie side by side. */
static size_t row_of(const cr_compiler *c, int root)
{
    const cr_shape *shape = &c->graph->values[root].shape;
    return cr_compiler_pixel_step(c, root) ? (size_t)cr_shape_c(shape) : cr_shape_size(shape);
}

size_t cr_compiler_place(const cr_compiler *c, int root)
{
    const size_t home = place_as(&c->buffers[c->home[root]], c->half[root]);
    return home == CR_NOWHERE ? CR_NOWHERE : home + (size_t)c->at[root];
}

/* A place in the block of weights. */
static size_t take_weights(cr_net *net, size_t n)
{
    size_t at = net->n_weights;
    net->n_weights += (n + 15) / 16 * 16;
    return at;
}

/* The parts of a step's weights that the rules of any target want. */
static void take_parts(const cr_compiler *c, cr_step *step)
{
    unsigned wanted = 0;
    for (int t = 0; step->back && t < c->net->n_targets; t++)
        if (c->targets[t].relevance)
            wanted |= cr_relevance_weights(c->targets[t].relevance, &step->node, step->first);
    for (int part = 0; part < CR_N_WEIGHT_PARTS; part++)
        step->parts_at[part] = wanted >> part & 1
                                   ? take_weights(c->net, cr_relevance_n_weights(&step->node))
                                   : CR_NOWHERE;
}

/* Weights of bfloat16, in the place of the others unless passes in float32 want these, too. */
static void take_native(cr_net *net, cr_step *step)
{
    cr_native *native = &step->native;
    native->weights_at = take_weights(net, cr_native_weights(&native->forth));
    native->bias_at = take_weights(net, (size_t)native->forth.win.k);
    if (step->back)
        native->weights_back_at = take_weights(net, cr_native_weights(&native->back));
    if (!net->zeros && !net->passes_relevance)
        step->node.n_weights = step->node.n_weights_back = 0;
}

static cr_status make_step(cr_compiler *c, int i, cr_step *step, cr_error *err)
{
    const cr_graph *graph = c->graph;
    cr_net *net = c->net;
    const cr_node *node = &graph->nodes[i];
    const cr_buffers b = cr_compiler_buffers(c);
    int s = c->step_of[i];
    size_t n_x = (size_t)cr_compiler_n_inputs(c, i);
    step->node = *node;
    step->node.clamp = c->clamp[i];
    step->node.n_x = (int)n_x;
    step->adds = c->added[i] >= 0;
    step->in_place = c->in_place[i];
    step->x = cr_arena_alloc(&net->memory, n_x, sizeof *step->x);
    step->x_size = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_size);
    step->x_step = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_step);
    step->x_stride = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_stride);
    step->dx = cr_arena_alloc(&net->memory, n_x, sizeof *step->dx);
    step->dx_first = cr_arena_alloc(&net->memory, n_x, sizeof *step->dx_first);
    step->maker = cr_arena_alloc(&net->memory, n_x, sizeof *step->maker);
    step->tx = cr_arena_alloc(&net->memory, n_x, sizeof *step->tx);
    step->x_half = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_half);
    step->dx_half = cr_arena_alloc(&net->memory, n_x, sizeof *step->dx_half);
    step->x_row = cr_arena_alloc(&net->memory, n_x, sizeof *step->x_row);
    if (!step->x || !step->x_size || !step->x_step || !step->x_stride || !step->dx ||
        !step->dx_first || !step->maker || !step->tx || !step->x_half || !step->dx_half ||
        !step->x_row)
        return cr_fail_memory(err, "a step", n_x, sizeof *step->x);
    step->y = cr_compiler_place(c, node->y);
    step->y_step = cr_compiler_pixel_step(c, node->y);
    step->y_size = cr_shape_size(&graph->values[node->y].shape);
    step->y_stride = cr_compiler_image_stride(c, node->y);
    step->group = c->group[s];
    step->scratch = place_of(&b.scratches[2 * s]);
    step->scratch_back = place_of(&b.scratches[2 * s + 1]);
    step->scratch_tangent = place_of(&b.tangent_scratches[s]);
    step->dy = place_as(&b.gradients[node->y], c->half_gradient[node->y]);
    step->y_half = c->half[node->y];
    step->dy_half = c->half_gradient[node->y];
    step->y_row = row_of(c, node->y);
    step->y_exact = c->exact[node->y];
    step->native = cr_native_of(node);
    step->pieces = cr_pieces_of(c, i);
    step->converts = cr_precision_scratch(node);
    step->dy_masked = place_of(&b.masks[s]);
    step->ty = place_of(&b.tangents[node->y]);
    step->back = cr_compiler_runs_back(c, i);
    step->bends = cr_compiler_bends(c, i);
    for (int j = 0; j < cr_compiler_n_inputs(c, i); j++) {
        int x = cr_compiler_input(c, i, j);
        step->x[j] = cr_compiler_place(c, x);
        step->x_step[j] = cr_compiler_pixel_step(c, x);
        step->x_size[j] = cr_shape_size(&graph->values[x].shape);
        step->x_stride[j] = cr_compiler_image_stride(c, x);
        step->dx[j] = place_as(&b.gradients[x], c->half_gradient[x]);
        step->x_half[j] = c->half[x];
        step->dx_half[j] = c->half_gradient[x];
        step->x_row[j] = row_of(c, x);
        step->dx_first[j] = b.gradients[x].first == cr_compiler_end(c) - 1 - s;
        step->maker[j] = cr_compiler_maker(c, x);
        step->tx[j] = place_of(&b.tangents[x]);
    }
    if (node->flags & CR_OP_ROUNDS) {
        step->node.ties = cr_arena_alloc(&net->memory, (size_t)node->n_folds, sizeof(int));
        if (!step->node.ties)
            return cr_fail_memory(err, "a step", (size_t)node->n_folds, sizeof(int));
    }
    step->first = i == cr_first_with_weights(graph);
    step->fold_scale = c->scale[i];
    step->fold_shift = c->shift[i];
    if (step->native.runs)
        take_native(net, step);
    step->weights_at = take_weights(net, step->node.n_weights);
    if (step->back)
        step->weights_back_at = take_weights(net, step->node.n_weights_back);
    take_parts(c, step);
    return CR_OK;
}

static cr_status check_size(const cr_net *net, int max_mb, cr_error *err)
{
    const double mb = (double)net->n_activations * sizeof(cr_real) * 1e-6;
    if (mb <= max_mb)
        return CR_OK;
    return cr_fail(err, CR_EINPUT,
                   "%s: its activations take %.0f MB for %d input%s at a time, more than the limit "
                   "of %d MB (activations_mb)",
                   net->graph->name, ceil(mb), net->batch, net->batch == 1 ? "" : "s", max_mb);
}

static cr_status build(cr_compiler *c, int max_mb, cr_error *err)
{
    const cr_graph *graph = c->graph;
    cr_net *net = c->net;
    for (int i = 0; i < graph->n_nodes; i++)
        if (c->live[i])
            c->step_of[i] = net->n_steps++;
    CR_OR_RETURN(cr_rooms_find(c, err));
    const cr_buffers b = cr_compiler_buffers(c);
    CR_OR_RETURN(cr_buffers_place(c->buffers, (int)(b.end - c->buffers), &net->n_activations, err));
    for (int v = 0; v < graph->n_values; v++)
        c->buffers[v] = c->buffers[c->over[v]];
    CR_OR_RETURN(check_size(net, max_mb, err));
    net->steps = cr_arena_alloc(&net->memory, (size_t)net->n_steps, sizeof *net->steps);
    size_t n_targets = (size_t)net->n_targets;
    net->rows = cr_arena_alloc(&net->memory, (size_t)net->batch, sizeof *net->rows);
    net->target_activations = cr_arena_alloc(&net->memory, n_targets, sizeof(size_t));
    net->target_gradients = cr_arena_alloc(&net->memory, n_targets, sizeof(size_t));
    net->target_tangents = cr_arena_alloc(&net->memory, n_targets, sizeof(size_t));
    net->target_sizes = cr_arena_alloc(&net->memory, n_targets, sizeof(size_t));
    net->target_steps = cr_arena_alloc(&net->memory, n_targets, sizeof(int));
    net->target_exact = cr_arena_alloc(&net->memory, n_targets, sizeof(bool));
    net->tails = cr_arena_alloc(&net->memory, n_targets, sizeof *net->tails);
    if (!net->steps || !net->rows || !net->target_activations || !net->target_gradients ||
        !net->target_tangents || !net->target_sizes || !net->target_steps || !net->target_exact ||
        !net->tails)
        return cr_fail_memory(err, "steps", (size_t)net->n_steps, sizeof *net->steps);
    for (int i = 0; i < graph->n_nodes; i++)
        if (c->live[i])
            CR_OR_RETURN(make_step(c, i, &net->steps[c->step_of[i]], err));
    int logits = c->root[graph->logits];
    net->input = cr_compiler_place(c, graph->input);
    net->input_exact = c->exact[graph->input];
    net->input_size = cr_shape_size(&graph->values[graph->input].shape);
    net->logits = cr_compiler_place(c, logits);
    net->logits_gradient = place_of(&b.gradients[logits]);
    net->logits_tangent = place_of(&b.tangents[logits]);
    for (int t = 0; t < net->n_targets; t++) {
        int root = c->root[c->targets[t].value];
        net->target_activations[t] = cr_compiler_place(c, root);
        net->target_gradients[t] =
            c->targets[t].gradient ? place_of(&b.gradients[root]) : CR_NOWHERE;
        net->target_tangents[t] = place_of(&b.tangents[root]);
        net->target_sizes[t] = cr_shape_size(&graph->values[root].shape);
        net->target_exact[t] = c->exact[root];
        net->target_steps[t] = cr_compiler_maker(c, root);
        if (c->targets[t].tail)
            CR_OR_RETURN(cr_tail_make(c, t, &net->tails[t], err));
    }
    return CR_OK;
}

cr_status cr_net_new(const cr_graph *graph, int batch, const cr_net_target *targets, int n_targets,
                     int n_classes_back, int max_activations_mb, cr_net **result, cr_error *err)
{
    cr_status status = CR_OK;
    cr_graph own = *graph; /* patterns change its nodes */
    cr_compiler c = {.graph = &own, .targets = targets};
    cr_net *net = c.net = cr_alloc(1, sizeof *net);
    *result = NULL;
    if (!net) {
        status = cr_fail_memory(err, "a net", 1, sizeof *net);
        goto cleanup;
    }
    CR_TRY(cr_blas_load(err));
    net->graph = graph;
    net->precision = graph->precision;
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
    for (int t = 0; t < n_targets; t++) {
        const char *op = targets[t].curvature ? cr_graph_uncurved(graph, targets[t].value) : NULL;
        if (op) {
            status = cr_fail(err, CR_EINPUT, "%s: the second derivative of %s is not known",
                             graph->name, op);
            goto cleanup;
        }
    }
    for (int t = 0; t < n_targets; t++) {
        const char *op = targets[t].relevance
                             ? cr_graph_irrelevant(graph, targets[t].value, targets[t].relevance)
                             : NULL;
        if (op) {
            status =
                cr_fail(err, CR_EINPUT, "%s: no rule passes relevance through %s", graph->name, op);
            goto cleanup;
        }
    }
    CR_TRY(cr_patterns_take(&own, targets, n_targets, &net->memory, err));
    CR_TRY(compiler_init(&c, err));
    find_roots(&c);
    CR_TRY(cr_fuse(&c, err));
    find_gradients(&c);
    CR_TRY(make_zeros(&c, err));
    CR_TRY(prepare_relevance(&c, err));
    CR_TRY(cr_values_place(&c, err));
    cr_precision_choose(&c);
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
    free(net);
}
