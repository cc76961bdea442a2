/* Plans the methods of a network: what runs is a part, a variant at one of its layers. */
#include "explainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool any_back(const cr_explainer *ex)
{
    for (int i = 0; i < ex->n_parts; i++)
        if (ex->parts[i].layer->back)
            return true;
    return false;
}

static bool any_passes(const cr_explainer *ex)
{
    for (int i = 0; i < ex->n_parts; i++)
        if (cr_part_passes(&ex->parts[i]))
            return true;
    return false;
}

static bool any_of_head(const cr_explainer *ex)
{
    for (int i = 0; i < ex->n_parts; i++)
        if (cr_part_needs(&ex->parts[i], CR_NEEDS_HEAD) || cr_part_is_uniform(&ex->parts[i]))
            return cr_head_is_linear(&ex->head);
    return false;
}

static bool follow_the_same(const cr_part *a, const cr_part *b)
{
    const cr_method *of_a = a->layer->method, *of_b = b->layer->method;
    const cr_method_parameters *parameters = &a->variant->spec.parameters;
    return cr_part_follows(b) && of_a->seed == of_b->seed && of_a->rule == of_b->rule &&
           cr_part_n_sets(a) == 1 && cr_part_n_sets(b) == 1 && of_a->relevance == of_b->relevance &&
           of_a->pools_blocks == of_b->pools_blocks &&
           ((!of_a->seed && !of_a->relevance && !of_a->pools_blocks) ||
            memcmp(parameters, &b->variant->spec.parameters, sizeof *parameters) == 0);
}

static void list_parts(cr_explainer *ex)
{
    for (int v = 0; v < ex->n_variants; v++)
        for (int k = 0; k < ex->variants[v].n_layers; k++)
            ex->parts[ex->n_parts++] = (cr_part){
                .variant = &ex->variants[v], .layer = &ex->variants[v].layers[k], .index = v};
    for (int i = 0; i < ex->n_parts; i++) {
        cr_part *p = &ex->parts[i];
        while (p->pass < i && !(cr_part_follows(p) && follow_the_same(p, &ex->parts[p->pass])))
            p->pass++;
    }
}

/* What the parts look at. */
static cr_status list_attentions(cr_explainer *ex, cr_error *err)
{
    for (int pass = 0; pass < 2; pass++) {
        int n = 0;
        for (int i = 0; i < ex->n_parts; i++) {
            cr_part *p = &ex->parts[i];
            if (!cr_part_needs(p, CR_NEEDS_ATTENTION))
                continue;
            p->first_look = n;
            p->n_looks = cr_graph_attentions(ex->graph, &p->layer->map,
                                             pass ? ex->attentions + n : NULL, pass ? 1 << 20 : 0);
            n += p->n_looks;
        }
        if (pass || n == 0)
            break;
        ex->n_attentions = n;
        ex->attentions = cr_alloc((size_t)n, sizeof *ex->attentions);
        ex->looks = cr_alloc((size_t)n, sizeof *ex->looks);
        if (!ex->attentions || !ex->looks)
            return cr_fail_memory(err, "attentions", (size_t)n, sizeof *ex->attentions);
    }
    return CR_OK;
}

/* The ends of a part's blocks, as targets from p->first_end on. */
static void list_ends(const cr_explainer *ex, const cr_part *p, int *ends, cr_net_target *targets)
{
    if (p->first_end < 0)
        return;
    cr_graph_block_ends(ex->graph, &ex->attentions[p->first_look], p->n_looks, ends);
    for (int k = 0; k < p->n_looks; k++)
        targets[p->first_end + k] =
            (cr_net_target){.value = ends[k], .gradient = true, .tail = k + 1 == p->n_looks};
}

/* Numbers the targets behind the parts': the input, if a method changes it; attentions; ends of blocks. The
 * result is how many there are of all. */
static int number_targets(cr_explainer *ex)
{
    int n = ex->attention_target = ex->n_parts + any_passes(ex);
    n += ex->n_attentions;
    for (int i = 0; i < ex->n_parts; i++) {
        cr_part *p = &ex->parts[i];
        p->first_end = cr_part_is_of_blocks(p) ? n : -1;
        n += cr_part_is_of_blocks(p) ? p->n_looks : 0;
    }
    return n;
}

static cr_status compile(cr_explainer *ex, int max_activations_mb, cr_error *err)
{
    const size_t n = (size_t)number_targets(ex);
    const int first = ex->attention_target;
    cr_net_target *targets = cr_alloc(n, sizeof *targets);
    cr_relevance *rules = cr_alloc(n, sizeof *rules);
    int *ends = cr_alloc(n, sizeof *ends);
    if (!targets || !rules || !ends) {
        free(targets);
        free(rules);
        free(ends);
        return cr_fail_memory(err, "targets", n, sizeof *targets + sizeof *rules);
    }
    bool rescales = false;
    for (int i = 0; i < ex->n_parts; i++) {
        const cr_variant_layer *layer = ex->parts[i].layer;
        const bool by_rules = cr_part_rules(ex, &ex->parts[i], &rules[i]);
        rescales = rescales || (by_rules && rules[i].rescales);
        targets[i] = (cr_net_target){.value = layer->value,
                                     .gradient = layer->back,
                                     .curvature = layer->back && cr_part_n_sets(&ex->parts[i]) == 2,
                                     .tail = cr_part_has_tail(&ex->parts[i]),
                                     .relevance = by_rules ? &rules[i] : NULL};
    }
    if (any_passes(ex))
        targets[ex->n_parts] = (cr_net_target){.value = cr_graph_input(ex->graph)};
    for (int i = 0; i < ex->n_parts; i++)
        list_ends(ex, &ex->parts[i], ends, targets);
    for (int i = 0; i < ex->n_parts; i++)
        for (int k = 0; k < ex->parts[i].n_looks; k++) {
            const int look = ex->parts[i].first_look + k;
            targets[first + look] = (cr_net_target){.value = ex->attentions[look].value,
                                                    .gradient = ex->parts[i].layer->back};
        }
    /* What is compared with a reference passes beside it. */
    const int batch = rescales && ex->batch < 2 ? 2 : ex->batch;
    cr_status status = cr_net_new(ex->graph, batch, targets, (int)n, any_back(ex) ? ex->n_slots : 0,
                                  max_activations_mb, &ex->net, err);
    free(targets);
    free(rules);
    free(ends);
    return status;
}

/* Of n cr_reals, so that what lies behind them is at a multiple of 64 bytes. */
static size_t whole_lines(size_t n)
{
    return (n + 15) / 16 * 16;
}

static void grow(size_t *most, size_t n)
{
    *most = n > *most ? n : *most;
}

/* cr_reals of scratch that a method takes. */
static size_t scratch_of(const cr_explainer *ex, const cr_part *p)
{
    const cr_method *method = p->layer->method;
    return method->scratch ? method->scratch(p->variant->spec.parameters.bytes,
                                             p->n_looks ? ex->attentions[p->first_look].n_tokens
                                                        : (int)cr_part_n_places(p),
                                             p->layer->map.n_channels, ex->n_slots)
                           : 0;
}

/* cr_reals that fusing the maps of a variant takes. */
static size_t fusing_scratch(const cr_variant *variant)
{
    size_t n = 0;
    for (int k = 0; k < variant->n_layers; k++)
        n += (size_t)variant->layers[k].map.width * (size_t)variant->layers[k].map.height;
    return n * sizeof(double) / sizeof(cr_real);
}

/* What is held for methods that pass again. */
static void plan_passes(cr_explainer *ex)
{
    const cr_shape input = cr_graph_input_shape(ex->graph);
    const size_t n_pixels = (size_t)cr_shape_h(&input) * (size_t)cr_shape_w(&input);
    const size_t n_classes = (size_t)cr_graph_n_classes(ex->graph), batch = (size_t)ex->batch;
    ex->n_held = whole_lines(batch * (cr_explainer_input_size(ex) + n_classes));
    /* A cr_between is no longer than 4 cr_reals. */
    ex->n_mask = whole_lines(n_pixels) + whole_lines((2 + 4) * (size_t)cr_shape_w(&input));
    for (int i = 0; i < ex->n_parts; i++) {
        cr_part *p = &ex->parts[i];
        if (!cr_part_passes(p))
            continue;
        p->held_size = cr_explainer_input_size(ex);
        if (p->layer->method->of_input)
            continue; /* `held` is 0, where the input is */
        p->held = ex->n_held;
        p->held_size = cr_part_has_tail(p) ? cr_net_tail_size(ex->net, i) : cr_part_room(p);
        ex->n_held += whole_lines(batch * p->held_size);
    }
}

/* What the methods need beside the network. */
static void plan_arena(cr_explainer *ex)
{
    if (any_passes(ex))
        plan_passes(ex);
    const size_t n_slots = (size_t)ex->n_slots;
    const size_t n_classes = (size_t)cr_graph_n_classes(ex->graph);
    for (int i = 0; i < ex->n_parts; i++) {
        cr_part *p = &ex->parts[i];
        const size_t n_gradients = n_slots * (size_t)cr_part_n_sets(p);
        const size_t n_channels = (size_t)p->layer->map.n_channels;
        grow(&ex->n_maps, whole_lines(n_slots * cr_part_n_places(p)));
        if (cr_part_is_uniform(p) || cr_part_needs(p, CR_NEEDS_HEAD))
            grow(&ex->n_rows, whole_lines(n_gradients * n_channels));
        if (cr_part_is_uniform(p) && cr_part_n_sets(p) == 2)
            grow(&ex->n_scratch, whole_lines(n_channels + n_classes));
        grow(&ex->n_scratch, whole_lines(scratch_of(ex, p)));
        if (cr_part_needs(p, CR_NEEDS_GRADIENTS) && (p->layer->back || p->layer->method->seed))
            grow(&ex->n_seeds,
                 whole_lines((size_t)cr_net_backward_images(ex->net) * n_gradients * n_classes));
        if (p->layer->back && cr_part_room(p) != cr_part_size(p))
            grow(&ex->n_picked, whole_lines(n_gradients * cr_part_size(p)));
        if (p->first_end >= 0)
            grow(&ex->n_ends, whole_lines(cr_net_blocks_work(ex->net, p->first_end, p->n_looks)));
        if (p->layer->method->n_seen) {
            p->seen = ex->n_seen;
            p->seen_size =
                whole_lines(p->layer->method->n_seen((int)cr_part_n_places(p), ex->n_slots));
            ex->n_seen += p->seen_size * (size_t)cr_net_backward_images(ex->net);
        }
        if (cr_part_is_fused(p)) {
            grow(&ex->n_scratch, whole_lines(fusing_scratch(p->variant)));
            p->kept = ex->n_kept;
            ex->n_kept += whole_lines((size_t)ex->batch * n_slots * cr_part_n_places(p));
        }
    }
}

/* A method's scratch is not the network's, but it is bounded alike. */
static cr_status check_scratch(const cr_explainer *ex, int max_mb, cr_error *err)
{
    for (int i = 0; i < ex->n_parts; i++) {
        const cr_part *p = &ex->parts[i];
        const double mb = (double)scratch_of(ex, p) * sizeof(cr_real) * 1e-6;
        if (mb > max_mb)
            return cr_fail(err, CR_EINPUT,
                           "%s at %.100s takes %.0f MB, more than the limit of %d MB "
                           "(activations_mb)",
                           p->layer->method->name, cr_graph_value_name(ex->graph, p->layer->value),
                           ceil(mb), max_mb);
    }
    return CR_OK;
}

cr_status cr_explainer_new(const cr_graph *graph, const cr_head *head, const cr_variant *variants,
                           int n_variants, int batch, int n_slots, int max_activations_mb,
                           cr_explainer **result, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = (size_t)n_variants;
    cr_explainer *ex = cr_alloc(1, sizeof *ex);
    *result = NULL;
    if (!ex || !(ex->variants = cr_alloc(n, sizeof *ex->variants)) ||
        !(ex->parts = cr_alloc(n, CR_MAX_LAYERS * sizeof *ex->parts)) ||
        !(ex->held_rows = cr_alloc((size_t)batch, sizeof *ex->held_rows)) ||
        !(ex->classes = cr_alloc((size_t)batch, 2 * (size_t)n_slots * sizeof *ex->classes))) {
        status = cr_fail_memory(err, "methods", n, sizeof *variants);
        goto cleanup;
    }
    ex->graph = graph;
    ex->head = *head;
    memcpy(ex->variants, variants, n * sizeof *variants);
    ex->n_variants = n_variants;
    ex->batch = batch;
    ex->n_slots = n_slots;
    cr_explainer_use_limits(ex, 4, (const double[]){0, 0, 0, 0}, (const double[]){1, 1, 1, 1});
    list_parts(ex);
    CR_TRY(list_attentions(ex, err));
    if (any_of_head(ex))
        ex->n_head = (size_t)head->n_classes * (size_t)head->n_channels;
    CR_TRY(check_scratch(ex, max_activations_mb, err));
    CR_TRY(compile(ex, max_activations_mb, err));
    plan_arena(ex);
    *result = ex;
    ex = NULL;

cleanup:
    cr_explainer_free(ex);
    return status;
}

void cr_explainer_free(cr_explainer *ex)
{
    if (!ex)
        return;
    cr_net_free(ex->net);
    free(ex->variants);
    free(ex->parts);
    free(ex->attentions);
    free(ex->looks);
    free(ex->classes);
    free(ex->held_rows);
    free(ex);
}

size_t cr_explainer_weight_bytes(const cr_explainer *ex)
{
    return cr_net_weight_bytes(ex->net) + ex->n_head * sizeof *ex->head_block;
}

uint64_t cr_explainer_weight_layout(const cr_explainer *ex)
{
    return cr_net_weight_layout(ex->net) + ex->n_head;
}

cr_status cr_explainer_pack(const cr_explainer *ex, void *block, const cr_net_memory *memory,
                            cr_error *err)
{
    const size_t at = cr_net_weight_bytes(ex->net);
    const size_t n_bytes = ex->n_head * sizeof *ex->head_block;
    if (memory)
        CR_OR_RETURN(memory->take(memory->user, at, n_bytes, err));
    /* First, while the network's weights are there. */
    if (ex->n_head)
        CR_OR_RETURN(
            cr_graph_head_weights(ex->graph, &ex->head, (float *)((char *)block + at), err));
    return cr_net_pack(ex->net, block, memory, err);
}

void cr_explainer_use(cr_explainer *ex, const void *block)
{
    cr_net_use(ex->net, block);
    ex->head_block = (const float *)((const char *)block + cr_net_weight_bytes(ex->net));
}

size_t cr_explainer_arena_bytes(const cr_explainer *ex)
{
    return cr_net_arena_bytes(ex->net) +
           (ex->n_rows + ex->n_maps + ex->n_scratch + ex->n_seeds + ex->n_held + ex->n_mask +
            ex->n_picked + ex->n_ends + ex->n_seen) *
               sizeof(cr_real) +
           ex->n_kept * sizeof *ex->kept;
}

void cr_explainer_use_arena(cr_explainer *ex, void *arena)
{
    cr_net_use_arena(ex->net, arena);
    ex->rows = (cr_real *)((char *)arena + cr_net_arena_bytes(ex->net));
    ex->maps = ex->rows + ex->n_rows;
    ex->scratch = ex->maps + ex->n_maps;
    ex->seeds = ex->scratch + ex->n_scratch;
    ex->held = ex->seeds + ex->n_seeds;
    ex->mask = ex->held + ex->n_held;
    ex->picked = ex->mask + ex->n_mask;
    ex->ends = ex->picked + ex->n_picked;
    ex->seen = ex->ends + ex->n_ends;
    ex->kept = (float *)(void *)(ex->seen + ex->n_seen);
}

void cr_explainer_use_limits(cr_explainer *ex, int n_channels, const double *black,
                             const double *white)
{
    for (int c = 0; c < 4 && c < n_channels; c++) {
        ex->black[c] = (cr_real)black[c];
        ex->white[c] = (cr_real)white[c];
    }
}

void cr_explainer_use_slots(cr_explainer *ex, int n_slots)
{
    ex->n_slots = n_slots;
    if (any_back(ex))
        cr_net_use_classes_back(ex->net, n_slots);
}

void cr_explainer_use_segments(cr_explainer *ex, const int32_t *segments, bool same)
{
    ex->segments = segments;
    ex->same_segments = same;
}

void cr_explainer_use_baselines(cr_explainer *ex, const cr_real *baselines, int n)
{
    ex->baselines = baselines;
    ex->n_baselines = n;
}

cr_net *cr_explainer_net(cr_explainer *ex)
{
    return ex->net;
}
