/* Runs the methods of a network: they share its activations and, where they follow the same target
 * back, its gradients. A slot's bits do not depend on which other variants there are. */
#include "explainer.h"

#include "camrank/blas.h"

#include <string.h>

/* d target / d logits of an input, [n_slots][n_classes], and behind it how that changes where the logits
 * do by `change`, if the variant needs it. */
static void seed_input(const cr_explainer *ex, const cr_part *p, int input, const cr_real *change,
                       cr_real *seeds)
{
    const cr_method *method = p->layer->method;
    const void *parameters = p->variant->spec.parameters.bytes;
    const int n_classes = cr_graph_n_classes(ex->graph);
    const cr_real *logits = cr_net_logits(ex->net) + (size_t)input * (size_t)n_classes;
    const int32_t *classes = ex->classes + input * ex->n_slots;
    memset(seeds, 0, (size_t)ex->n_slots * (size_t)n_classes * sizeof *seeds);
    for (int slot = 0; slot < ex->n_slots; slot++, seeds += n_classes)
        if (method->seed)
            method->seed(parameters, logits, n_classes, classes[slot], seeds);
        else
            seeds[classes[slot]] = 1;
    for (int slot = 0; slot < ex->n_slots && cr_part_n_sets(p) == 2; slot++, seeds += n_classes)
        method->curve(parameters, logits, change, n_classes, classes[slot], seeds);
}

/* Rows of the head's weights times `scale`: those of the classes of an input. */
static void head_rows(const cr_explainer *ex, int input, cr_real scale)
{
    const int32_t *classes = ex->classes + input * ex->n_slots;
    const int c = ex->head.n_channels;
    for (int slot = 0; slot < ex->n_slots; slot++) {
        const float *from = ex->head_block + (size_t)classes[slot] * (size_t)c;
        for (int k = 0; k < c; k++)
            ex->rows[slot * c + k] = from[k] * scale;
    }
}

/* How the logits of an input change along activations that are averaged: they are what they change by,
 * but for the biases. */
static const cr_real *uniform_change(const cr_explainer *ex, int i, int input)
{
    const cr_part *p = &ex->parts[i];
    const int c = p->layer->map.n_channels, n_classes = cr_graph_n_classes(ex->graph);
    const int n_places = (int)cr_part_n_places(p);
    cr_real *means = ex->scratch, *change = means + c;
    if (!cr_head_is_linear(&ex->head))
        return cr_net_logits(ex->net) + (size_t)input * (size_t)n_classes;
    cr_global_mean_forward(
        1, n_places, c,
        cr_net_activations(ex->net, i) + (size_t)input * (size_t)n_places * (size_t)c, means);
    cr_gemm(false, true, 1, n_classes, c, means, c, ex->head_block, c, 0, change, n_classes);
    return change;
}

/* The gradients of an input behind a global average pooling, and behind them how they change. */
static void uniform_rows(const cr_explainer *ex, int i, int input)
{
    const cr_part *p = &ex->parts[i];
    const int c = p->layer->map.n_channels, n_classes = cr_graph_n_classes(ex->graph);
    const int n_rows = ex->n_slots * cr_part_n_sets(p);
    const cr_real scale = (cr_real)1 / (cr_real)cr_part_n_places(p);
    const bool linear = cr_head_is_linear(&ex->head);
    if (linear && !p->layer->method->seed) {
        head_rows(ex, input, scale);
        return;
    }
    cr_real *seeds = linear ? ex->seeds : ex->rows;
    seed_input(ex, p, input, cr_part_n_sets(p) == 2 ? uniform_change(ex, i, input) : NULL, seeds);
    if (linear)
        cr_gemm(false, false, n_rows, c, n_classes, seeds, n_classes, ex->head_block, c, 0,
                ex->rows, c);
    for (int k = 0; k < n_rows * c; k++)
        ex->rows[k] *= scale;
}

/* Where a part's maps go; NULL where they are not wanted. */
static float *maps_of(const cr_explainer *ex, const cr_part *p, float *const *maps)
{
    float *of_caller = maps[p->index];
    return cr_part_is_fused(p) && of_caller ? ex->kept + p->kept : of_caller;
}

/* Of one input: view `input % n_views` of each map of its image. */
static void store(const cr_explainer *ex, const cr_part *p, int input, int n_views, float *maps)
{
    const bool relu = cr_method_form(&p->variant->spec.parameters)->relu;
    const size_t n_places = cr_part_n_places(p);
    const size_t image = (size_t)(input / n_views) * (size_t)ex->n_slots * (size_t)n_views;
    float *to = maps + (image + (size_t)(input % n_views)) * n_places;
    for (int slot = 0; slot < ex->n_slots; slot++, to += (size_t)n_views * n_places) {
        const cr_real *from = ex->maps + (p->layer->method->of_image ? 0 : (size_t)slot * n_places);
        for (size_t i = 0; i < n_places; i++)
            to[i] = (float)(relu && from[i] < 0 ? 0 : from[i]);
    }
}

/* What the first pass gave of part i, [places][C] of one input: there still, or held while others run. */
static const cr_real *activations_of(const cr_explainer *ex, int i, int input)
{
    const cr_part *p = &ex->parts[i];
    return cr_part_skip(p) +
           (cr_part_passes(p) ? ex->held + p->held + (size_t)input * p->held_size
                              : cr_net_activations(ex->net, i) + (size_t)input * cr_part_room(p));
}

/* The logits of the first pass, likewise. */
static cr_real *held_logits(const cr_explainer *ex)
{
    return ex->held + (size_t)ex->batch * cr_explainer_input_size(ex);
}

static const cr_real *logits_of(const cr_explainer *ex, int i, int input)
{
    const cr_real *of_all =
        cr_part_passes(&ex->parts[i]) ? held_logits(ex) : cr_net_logits(ex->net);
    return of_all + (size_t)input * (size_t)cr_graph_n_classes(ex->graph);
}

cr_passes cr_explainer_passes(const cr_explainer *ex, const cr_real *input, int row)
{
    const cr_shape shape = cr_graph_input_shape(ex->graph);
    return (cr_passes){
        .net = ex->net,
        .abandoned = &ex->abandoned,
        .batch = ex->batch,
        .height = cr_shape_h(&shape),
        .width = cr_shape_w(&shape),
        .n_channels = cr_shape_c(&shape),
        .n_classes = cr_graph_n_classes(ex->graph),
        .input = input,
        .row = row,
        .size = cr_explainer_input_size(ex),
        .start = -1,
    };
}

/* The net for further passes of part i over an input that is held. */
static cr_passes passes_of(const cr_explainer *ex, int i, int input)
{
    const cr_part *p = &ex->parts[i];
    cr_passes passes = cr_explainer_passes(
        ex, ex->held + (size_t)input * cr_explainer_input_size(ex), ex->held_rows[input]);
    const size_t n_pixels = (size_t)passes.height * (size_t)passes.width;
    passes.mask = ex->mask;
    passes.target = i;
    passes.rule = cr_method_rule(p->layer->method, &p->variant->spec.parameters);
    passes.n_slots = ex->n_slots;
    passes.classes = ex->classes + ex->batch * ex->n_slots;
    if (cr_part_has_tail(p)) {
        passes.size = cr_part_room(p);
        passes.skip = cr_part_skip(p);
        passes.start = i;
        passes.tail = activations_of(ex, i, input) - passes.skip;
    }
    passes.rows = ex->mask + n_pixels;
    passes.taps = (cr_between *)(void *)(passes.rows + 2 * passes.width);
    return passes;
}

/* Holds what the first pass of n inputs gave, before another pass ends it. */
static void hold(const cr_explainer *ex, size_t n)
{
    memcpy(ex->held, cr_net_activations(ex->net, ex->n_parts),
           n * cr_explainer_input_size(ex) * sizeof *ex->held);
    memcpy(held_logits(ex), cr_net_logits(ex->net),
           n * (size_t)cr_graph_n_classes(ex->graph) * sizeof *ex->held);
    for (size_t b = 0; b < n; b++)
        ex->held_rows[b] = cr_net_row(ex->net, (int)b);
    for (int i = 0; i < ex->n_parts; i++) {
        const cr_part *p = &ex->parts[i];
        for (size_t b = 0; cr_part_has_tail(p) && b < n; b++)
            cr_net_tail_get(ex->net, i, (int)b, ex->held + p->held + b * p->held_size);
        if (p->held && !cr_part_has_tail(p))
            memcpy(ex->held + p->held, cr_net_activations(ex->net, i),
                   n * p->held_size * sizeof *ex->held);
    }
}

/* The segments of an input, where they are given. */
static const int32_t *segments_of(const cr_explainer *ex, int input)
{
    const cr_shape shape = cr_graph_input_shape(ex->graph);
    const size_t n = (size_t)cr_shape_h(&shape) * (size_t)cr_shape_w(&shape);
    return ex->segments ? ex->segments + (ex->same_segments ? 0 : (size_t)input * n) : NULL;
}

/* What a method knows of an input before any pass. */
static cr_method_run run_of(const cr_explainer *ex, const cr_part *p, int input, uint64_t seed)
{
    return (cr_method_run){
        .parameters = p->variant->spec.parameters.bytes,
        .height = p->layer->map.height,
        .width = p->layer->map.width,
        .n_channels = p->layer->map.n_channels,
        .n_slots = ex->n_slots,
        .classes = ex->classes + input * ex->n_slots,
        .black = ex->black,
        .white = ex->white,
        .segments = segments_of(ex, input),
        .baselines = ex->baselines,
        .n_baselines = ex->n_baselines,
        .seed = seed,
        .scratch = ex->scratch,
        .maps = ex->maps,
    };
}

static cr_real *seen_of(const cr_explainer *ex, const cr_part *p, int b)
{
    return ex->seen + p->seen + (size_t)b * p->seen_size;
}

/* The attentions of an input, number b of a backward pass; -1: of none. */
static const cr_look *looks_of(const cr_explainer *ex, const cr_part *p, int input, int b)
{
    for (int k = 0; k < p->n_looks; k++) {
        const cr_attention *attention = &ex->attentions[p->first_look + k];
        const int target = ex->attention_target + p->first_look + k;
        ex->looks[k] = (cr_look){
            .attention = attention,
            .weights = cr_net_activations(ex->net, target) + (size_t)input * attention->size,
            .gradients = b < 0 ? NULL
                               : cr_net_gradients(ex->net, target) +
                                     (size_t)(b * ex->n_slots) * attention->size};
    }
    return ex->looks;
}

/* `gradients` are those of parts that went back, where the input is number b, and behind them how they change. */
static void run_input(const cr_explainer *ex, int i, int input, int n_views, uint64_t seed,
                      const cr_real *gradients, int b, float *maps)
{
    const cr_part *p = &ex->parts[i];
    const cr_variant_layer *layer = p->layer;
    const size_t size = cr_part_size(p);
    const int32_t *classes = ex->classes + input * ex->n_slots;
    const bool uniform = cr_part_is_uniform(p), of_head = cr_part_needs(p, CR_NEEDS_HEAD);
    const size_t n_gradients =
        (size_t)ex->n_slots * (uniform ? (size_t)layer->map.n_channels : size);
    const bool of_channels = (uniform || of_head) && !cr_head_is_linear(&ex->head);
    if (uniform)
        uniform_rows(ex, i, input);
    else if (of_head && cr_head_is_linear(&ex->head))
        head_rows(ex, input, 1);
    if (uniform)
        gradients = ex->rows;
    for (int k = 0; cr_part_passes(p) && k < ex->batch; k++)
        memcpy(ex->classes + (ex->batch + k) * ex->n_slots, classes,
               (size_t)ex->n_slots * sizeof *classes);
    const cr_passes passes = cr_part_passes(p) ? passes_of(ex, i, input) : (cr_passes){0};
    cr_method_run run = run_of(ex, p, input, seed);
    run.activations = activations_of(ex, i, input);
    run.logits = logits_of(ex, i, input);
    run.gradients = gradients;
    run.uniform = uniform;
    run.curvature = cr_part_n_sets(p) == 2 ? gradients + n_gradients : NULL;
    run.head = of_head && !of_channels ? ex->rows : NULL;
    run.channels = of_channels ? classes : NULL;
    run.passes = cr_part_passes(p) ? &passes : NULL;
    run.seen = b < 0 ? NULL : seen_of(ex, p, b);
    run.n_looks = p->n_looks;
    run.looks = looks_of(ex, p, input, b);
    p->layer->method->run(&run);
    store(ex, p, input, n_views, maps);
}

/* The map alone of an input's gradients at the layer of a part. */
static const cr_real *pick(const cr_explainer *ex, const cr_part *p, const cr_real *gradients)
{
    const size_t size = cr_part_size(p), room = cr_part_room(p);
    const size_t n = (size_t)ex->n_slots * (size_t)cr_part_n_sets(p);
    if (size == room)
        return gradients;
    for (size_t i = 0; i < n; i++)
        memcpy(ex->picked + i * size, gradients + i * room + cr_part_skip(p),
               size * sizeof *gradients);
    return ex->picked;
}

/* Parts that see a backward pass, for inputs `first` on. */
typedef struct watch {
    const cr_explainer *ex;
    int leader, first;
    float *const *maps;
} watch;

static bool is_watched(const watch *w, int i)
{
    const cr_part *p = &w->ex->parts[i];
    return p->layer->method->see && cr_part_follows(p) && p->pass == w->leader &&
           maps_of(w->ex, p, w->maps);
}

static void see(void *user, const cr_net_bias *bias)
{
    const watch *w = user;
    const size_t size = (size_t)bias->height * (size_t)bias->width * (size_t)bias->n_channels;
    for (int i = w->leader; i < w->ex->n_parts; i++)
        for (int b = 0; is_watched(w, i) && b < bias->n; b++) {
            const cr_part *p = &w->ex->parts[i];
            cr_method_run run = run_of(w->ex, p, w->first + b, 0);
            cr_net_bias one = *bias;
            run.seen = seen_of(w->ex, p, b);
            one.n = 1;
            one.gradients += (size_t)(b * bias->m) * size;
            p->layer->method->see(&run, &one);
        }
}

/* Whether any part does. */
static bool begin_to_see(const watch *w)
{
    bool any = false;
    for (int i = w->leader; i < w->ex->n_parts; i++) {
        const cr_part *p = &w->ex->parts[i];
        if (!is_watched(w, i))
            continue;
        any = true;
        memset(seen_of(w->ex, p, 0), 0,
               p->seen_size * (size_t)cr_net_backward_images(w->ex->net) * sizeof(cr_real));
    }
    return any;
}

/* The gradients of each block by itself, for one input. */
static void run_blocks(const cr_explainer *ex, const cr_part *p, int input)
{
    cr_net_backward_blocks(ex->net, p->first_end, p->n_looks,
                           ex->attentions[p->first_look].n_tokens,
                           p->layer->method->pools_blocks(p->variant->spec.parameters.bytes), input,
                           ex->classes + input * ex->n_slots, ex->ends);
}

/* One pass: all parts that follow the target of part `leader`. */
static void run_back(const cr_explainer *ex, int leader, int n, int n_views, const uint64_t *seeds,
                     float *const *maps)
{
    const cr_part *follows = &ex->parts[leader];
    const bool of_blocks = cr_part_is_of_blocks(follows);
    const int most = of_blocks ? 1 : cr_net_backward_images(ex->net);
    const int n_classes = cr_graph_n_classes(ex->graph);
    const bool curved = cr_part_n_sets(follows) == 2;
    cr_relevance rules;
    const bool relevant = cr_part_rules(ex, follows, &rules);
    const size_t n_gradients = (size_t)ex->n_slots * (size_t)cr_part_n_sets(follows);
    for (int first = 0; first < n; first += most) {
        const int now = n - first < most ? n - first : most;
        const cr_real *changes = curved ? cr_net_tangent(ex->net, leader, first, now) : NULL;
        for (int b = 0; b < now; b++)
            seed_input(ex, follows, first + b, curved ? changes + b * n_classes : NULL,
                       ex->seeds + (size_t)b * n_gradients * (size_t)n_classes);
        watch w = {ex, leader, first, maps};
        cr_net_on_bias(ex->net, begin_to_see(&w) ? see : NULL, &w);
        if (of_blocks)
            run_blocks(ex, follows, first);
        else if (relevant)
            cr_net_backward_relevance(ex->net, &rules, first, now, ex->seeds);
        else if (curved)
            cr_net_backward_curved(ex->net, leader, first, now, ex->seeds);
        else
            cr_net_backward_seeded(ex->net, follows->layer->method->rule, first, now, ex->seeds);
        for (int i = leader; i < ex->n_parts; i++) {
            const cr_part *p = &ex->parts[i];
            const size_t size = n_gradients * cr_part_room(p);
            float *to = maps_of(ex, p, maps);
            for (int b = 0; to && cr_part_follows(p) && p->pass == leader && b < now; b++)
                run_input(ex, i, first + b, n_views, seeds[(first + b) / n_views],
                          pick(ex, p, cr_net_gradients(ex->net, i) + (size_t)b * size), b, to);
        }
    }
    cr_net_on_bias(ex->net, NULL, NULL);
}

/* Whether any of the parts that share a pass is. */
static bool is_wanted(const cr_explainer *ex, int leader, float *const *maps)
{
    for (int i = leader; i < ex->n_parts; i++)
        if (cr_part_follows(&ex->parts[i]) && ex->parts[i].pass == leader &&
            maps_of(ex, &ex->parts[i], maps))
            return true;
    return false;
}

/* The n maps of a variant, whose first part is `first`, from those at its layers. */
static void fuse(const cr_explainer *ex, const cr_part *first, size_t n, float *to)
{
    const cr_variant *variant = first->variant;
    const cr_method_spec *spec = &variant->spec;
    const int width = variant->width, height = variant->height;
    cr_layer_map maps[CR_MAX_LAYERS];
    for (size_t m = 0; m < n; m++) {
        for (int k = 0; k < variant->n_layers; k++)
            maps[k] = (cr_layer_map){ex->kept + first[k].kept + m * cr_part_n_places(&first[k]),
                                     first[k].layer->map.width, first[k].layer->map.height};
        float *out = to + m * (size_t)width * (size_t)height;
        if (spec->method->join)
            spec->method->join(spec->parameters.bytes, maps, width, height, out);
        else
            cr_fuse_maps(&spec->fusion, cr_method_form(&spec->parameters)->scaling, maps,
                         variant->n_layers, (double *)(void *)ex->scratch, width, height, out);
    }
}

/* The parts that go back nowhere: those that pass again, or all others. */
static void run_parts(const cr_explainer *ex, int n, int n_views, const uint64_t *seeds,
                      float *const *maps, bool passing)
{
    for (int i = 0; i < ex->n_parts; i++) {
        const cr_part *p = &ex->parts[i];
        float *to = maps_of(ex, p, maps);
        for (int b = 0; to && !cr_part_follows(p) && cr_part_passes(p) == passing && b < n; b++)
            run_input(ex, i, b, n_views, seeds[b / n_views], NULL, -1, to);
    }
}

/* Whether any map that is wanted needs further passes. */
static bool passes_again(const cr_explainer *ex, float *const *maps)
{
    for (int i = 0; i < ex->n_parts; i++)
        if (cr_part_passes(&ex->parts[i]) && maps[ex->parts[i].index])
            return true;
    return false;
}

void cr_explainer_run(cr_explainer *ex, int n_images, int n_views, const int32_t *classes,
                      const uint64_t *seeds, float *const *maps)
{
    const int n = n_images * n_views;
    ex->abandoned = false;
    for (int b = 0; b < n; b++)
        memcpy(ex->classes + b * ex->n_slots, classes + b / n_views * ex->n_slots,
               (size_t)ex->n_slots * sizeof *classes);
    run_parts(ex, n, n_views, seeds, maps, false);
    for (int i = 0; i < ex->n_parts; i++)
        if (cr_part_follows(&ex->parts[i]) && ex->parts[i].pass == i && is_wanted(ex, i, maps))
            run_back(ex, i, n, n_views, seeds, maps);
    if (passes_again(ex, maps)) {
        hold(ex, (size_t)n);
        run_parts(ex, n, n_views, seeds, maps, true);
    }
    for (int i = 0; i < ex->n_parts; i += ex->parts[i].variant->n_layers)
        if (cr_part_is_fused(&ex->parts[i]) && maps[ex->parts[i].index])
            fuse(ex, &ex->parts[i], (size_t)n * (size_t)ex->n_slots, maps[ex->parts[i].index]);
}

void cr_explainer_abandon(cr_explainer *ex)
{
    ex->abandoned = true;
}

bool cr_explainer_is_abandoned(const cr_explainer *ex)
{
    return ex->abandoned;
}
