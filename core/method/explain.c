/* Runs the methods of a network: they share its activations and, where they follow the same target
 * back, its gradients. A slot's bits do not depend on which other variants there are. */
#include "camrank/explain.h"

#include "camrank/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cr_explainer {
    const cr_graph *graph;
    cr_net *net;
    cr_head head;
    size_t n_head;           /* of head_block: 0 if the head's weights serve nobody */
    const float *head_block; /* [n_classes][n_channels] behind the net's weights */
    int n_variants, n_slots;
    cr_variant *variants;
    int *pass;        /* [n_variants] the first variant that follows the same target back */
    int32_t *classes; /* [batch][n_slots] followed in each input */
    /* Parts of the arena, in cr_reals behind the net's: gradients of one input that are the same at
     * every place, [n_sets][n_slots][largest C]; its maps; scratch; d target / d logits,
     * [images of a backward pass][n_sets][n_slots][n_classes]. */
    size_t n_rows, n_maps, n_scratch, n_seeds;
    cr_real *rows, *maps, *scratch, *seeds;
};

static bool is_linear(const cr_head *head)
{
    return head->kind == CR_HEAD_GAP_LINEAR || head->kind == CR_HEAD_GMP_LINEAR;
}

static bool needs(const cr_variant *variant, unsigned what)
{
    return variant->spec.method->needs & what;
}

/* How many gradients it takes for each slot: the second is how the first changes. */
static int n_sets(const cr_variant *variant)
{
    return needs(variant, CR_NEEDS_CURVATURE) ? 2 : 1;
}

/* Whether its gradients are made of the head's weights. */
static bool is_uniform(const cr_variant *variant)
{
    return needs(variant, CR_NEEDS_GRADIENTS) && !variant->back;
}

static bool any_back(const cr_explainer *ex)
{
    for (int v = 0; v < ex->n_variants; v++)
        if (ex->variants[v].back)
            return true;
    return false;
}

static bool any_of_head(const cr_explainer *ex)
{
    for (int v = 0; v < ex->n_variants; v++)
        if (needs(&ex->variants[v], CR_NEEDS_HEAD) || is_uniform(&ex->variants[v]))
            return is_linear(&ex->head);
    return false;
}

static bool follow_the_same(const cr_variant *a, const cr_variant *b)
{
    const cr_method *of_a = a->spec.method, *of_b = b->spec.method;
    return b->back && of_a->seed == of_b->seed && n_sets(a) == 1 && n_sets(b) == 1 &&
           (!of_a->seed ||
            memcmp(&a->spec.parameters, &b->spec.parameters, sizeof a->spec.parameters) == 0);
}

static void find_passes(cr_explainer *ex)
{
    for (int v = 0; v < ex->n_variants; v++)
        for (ex->pass[v] = 0; ex->pass[v] < v; ex->pass[v]++)
            if (ex->variants[v].back &&
                follow_the_same(&ex->variants[v], &ex->variants[ex->pass[v]]))
                break;
}

static cr_status compile(cr_explainer *ex, int batch, int max_activations_mb, cr_error *err)
{
    size_t n = (size_t)ex->n_variants;
    cr_net_target *targets = cr_alloc(n, sizeof *targets);
    if (!targets)
        return cr_fail_memory(err, "targets", n, sizeof *targets);
    for (int v = 0; v < ex->n_variants; v++)
        targets[v] = (cr_net_target){ex->variants[v].value, ex->variants[v].back,
                                     ex->variants[v].back && n_sets(&ex->variants[v]) == 2};
    cr_status status =
        cr_net_new(ex->graph, batch, targets, ex->n_variants, any_back(ex) ? ex->n_slots : 0,
                   max_activations_mb, &ex->net, err);
    free(targets);
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

/* What the methods need beside the network. */
static void plan_arena(cr_explainer *ex)
{
    const size_t n_slots = (size_t)ex->n_slots;
    for (int v = 0; v < ex->n_variants; v++) {
        const cr_variant *variant = &ex->variants[v];
        const cr_method *method = variant->spec.method;
        const int n_places = variant->width * variant->height;
        const size_t n_gradients = n_slots * (size_t)n_sets(variant);
        const size_t n_classes = (size_t)cr_graph_n_classes(ex->graph);
        grow(&ex->n_maps, whole_lines(n_slots * (size_t)n_places));
        if (is_uniform(variant) || needs(variant, CR_NEEDS_HEAD))
            grow(&ex->n_rows, whole_lines(n_gradients * (size_t)variant->n_channels));
        if (is_uniform(variant) && n_sets(variant) == 2)
            grow(&ex->n_scratch, whole_lines((size_t)variant->n_channels + n_classes));
        if (method->scratch)
            grow(&ex->n_scratch,
                 whole_lines(method->scratch(variant->spec.parameters.bytes, n_places,
                                             variant->n_channels, ex->n_slots)));
        if (needs(variant, CR_NEEDS_GRADIENTS) && (variant->back || method->seed))
            grow(&ex->n_seeds,
                 whole_lines((size_t)cr_net_backward_images(ex->net) * n_gradients * n_classes));
    }
}

/* A method's scratch is not the network's, but it is bounded alike. */
static cr_status check_scratch(const cr_explainer *ex, int max_mb, cr_error *err)
{
    for (int v = 0; v < ex->n_variants; v++) {
        const cr_variant *variant = &ex->variants[v];
        const cr_method *method = variant->spec.method;
        if (!method->scratch)
            continue;
        const size_t n =
            method->scratch(variant->spec.parameters.bytes, variant->width * variant->height,
                            variant->n_channels, ex->n_slots);
        const double mb = (double)n * sizeof(cr_real) * 1e-6;
        if (mb > max_mb)
            return cr_fail(err, CR_EINPUT,
                           "%s at %.100s takes %.0f MB, more than the limit of %d MB "
                           "(activations_mb)",
                           method->name, cr_graph_value_name(ex->graph, variant->value), ceil(mb),
                           max_mb);
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
        !(ex->pass = cr_alloc(n, sizeof *ex->pass)) ||
        !(ex->classes = cr_alloc((size_t)batch, (size_t)n_slots * sizeof *ex->classes))) {
        status = cr_fail_memory(err, "methods", n, sizeof *variants);
        goto cleanup;
    }
    ex->graph = graph;
    ex->head = *head;
    memcpy(ex->variants, variants, n * sizeof *variants);
    ex->n_variants = n_variants;
    ex->n_slots = n_slots;
    if (any_of_head(ex))
        ex->n_head = (size_t)head->n_classes * (size_t)head->n_channels;
    find_passes(ex);
    CR_TRY(check_scratch(ex, max_activations_mb, err));
    CR_TRY(compile(ex, batch, max_activations_mb, err));
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
    free(ex->pass);
    free(ex->classes);
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
    cr_status status = CR_OK;
    const size_t at = cr_net_weight_bytes(ex->net);
    const size_t n_bytes = ex->n_head * sizeof *ex->head_block;
    if (memory)
        CR_TRY(memory->take(memory->user, at, n_bytes, err));
    /* First, while the network's weights are there. */
    if (ex->n_head)
        CR_TRY(cr_graph_head_weights(ex->graph, &ex->head, (float *)((char *)block + at), err));
    CR_TRY(cr_net_pack(ex->net, block, memory, err));

cleanup:
    return status;
}

void cr_explainer_use(cr_explainer *ex, const void *block)
{
    cr_net_use(ex->net, block);
    ex->head_block = (const float *)((const char *)block + cr_net_weight_bytes(ex->net));
}

size_t cr_explainer_arena_bytes(const cr_explainer *ex)
{
    return cr_net_arena_bytes(ex->net) +
           (ex->n_rows + ex->n_maps + ex->n_scratch + ex->n_seeds) * sizeof(cr_real);
}

void cr_explainer_use_arena(cr_explainer *ex, void *arena)
{
    cr_net_use_arena(ex->net, arena);
    ex->rows = (cr_real *)((char *)arena + cr_net_arena_bytes(ex->net));
    ex->maps = ex->rows + ex->n_rows;
    ex->scratch = ex->maps + ex->n_maps;
    ex->seeds = ex->scratch + ex->n_scratch;
}

cr_net *cr_explainer_net(cr_explainer *ex)
{
    return ex->net;
}

/* d target / d logits of an input, [n_slots][n_classes], and behind it how that changes where the logits
 * do by `change`, if the variant needs it. */
static void seed_input(const cr_explainer *ex, const cr_variant *variant, int input,
                       const cr_real *change, cr_real *seeds)
{
    const cr_method *method = variant->spec.method;
    const void *parameters = variant->spec.parameters.bytes;
    const int n_classes = cr_graph_n_classes(ex->graph);
    const cr_real *logits = cr_net_logits(ex->net) + (size_t)input * (size_t)n_classes;
    const int32_t *classes = ex->classes + input * ex->n_slots;
    memset(seeds, 0, (size_t)ex->n_slots * (size_t)n_classes * sizeof *seeds);
    for (int slot = 0; slot < ex->n_slots; slot++, seeds += n_classes)
        if (method->seed)
            method->seed(parameters, logits, n_classes, classes[slot], seeds);
        else
            seeds[classes[slot]] = 1;
    for (int slot = 0; slot < ex->n_slots && n_sets(variant) == 2; slot++, seeds += n_classes)
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
static const cr_real *uniform_change(const cr_explainer *ex, int v, int input)
{
    const cr_variant *variant = &ex->variants[v];
    const int c = variant->n_channels, n_classes = cr_graph_n_classes(ex->graph);
    const int n_places = variant->width * variant->height;
    cr_real *means = ex->scratch, *change = means + c;
    if (!is_linear(&ex->head))
        return cr_net_logits(ex->net) + (size_t)input * (size_t)n_classes;
    cr_global_mean_forward(
        1, n_places, c,
        cr_net_activations(ex->net, v) + (size_t)input * (size_t)n_places * (size_t)c, means);
    cr_gemm(false, true, 1, n_classes, c, means, c, ex->head_block, c, 0, change, n_classes);
    return change;
}

/* The gradients of an input behind a global average pooling, and behind them how they change. */
static void uniform_rows(const cr_explainer *ex, int v, int input)
{
    const cr_variant *variant = &ex->variants[v];
    const int c = variant->n_channels, n_classes = cr_graph_n_classes(ex->graph);
    const int n_rows = ex->n_slots * n_sets(variant);
    const cr_real scale = (cr_real)1 / (cr_real)(variant->width * variant->height);
    const bool linear = is_linear(&ex->head);
    if (linear && !variant->spec.method->seed) {
        head_rows(ex, input, scale);
        return;
    }
    cr_real *seeds = linear ? ex->seeds : ex->rows;
    seed_input(ex, variant, input, n_sets(variant) == 2 ? uniform_change(ex, v, input) : NULL,
               seeds);
    if (linear)
        cr_gemm(false, false, n_rows, c, n_classes, seeds, n_classes, ex->head_block, c, 0,
                ex->rows, c);
    for (int i = 0; i < n_rows * c; i++)
        ex->rows[i] *= scale;
}

/* To the caller's maps of an input: view `input % n_views` of each map of its image. */
static void store(const cr_explainer *ex, const cr_variant *variant, int input, int n_views,
                  float *maps)
{
    const bool relu = cr_method_form(&variant->spec.parameters)->relu;
    const size_t n_places = (size_t)variant->width * (size_t)variant->height;
    const size_t image = (size_t)(input / n_views) * (size_t)ex->n_slots * (size_t)n_views;
    float *to = maps + (image + (size_t)(input % n_views)) * n_places;
    for (int slot = 0; slot < ex->n_slots; slot++, to += (size_t)n_views * n_places) {
        const cr_real *from =
            ex->maps + (variant->spec.method->of_image ? 0 : (size_t)slot * n_places);
        for (size_t i = 0; i < n_places; i++)
            to[i] = (float)(relu && from[i] < 0 ? 0 : from[i]);
    }
}

/* `gradients` are those of variants that went back, and behind them how they change. */
static void run_input(const cr_explainer *ex, int v, int input, int n_views, uint64_t seed,
                      const cr_real *gradients, float *maps)
{
    const cr_variant *variant = &ex->variants[v];
    const size_t size =
        (size_t)variant->width * (size_t)variant->height * (size_t)variant->n_channels;
    const int32_t *classes = ex->classes + input * ex->n_slots;
    const bool uniform = is_uniform(variant), of_head = needs(variant, CR_NEEDS_HEAD);
    const size_t n_gradients = (size_t)ex->n_slots * (uniform ? (size_t)variant->n_channels : size);
    const bool of_channels = (uniform || of_head) && !is_linear(&ex->head);
    if (uniform)
        uniform_rows(ex, v, input);
    else if (of_head && is_linear(&ex->head))
        head_rows(ex, input, 1);
    if (uniform)
        gradients = ex->rows;
    const cr_method_run run = {
        .parameters = variant->spec.parameters.bytes,
        .height = variant->height,
        .width = variant->width,
        .n_channels = variant->n_channels,
        .n_slots = ex->n_slots,
        .activations = cr_net_activations(ex->net, v) + (size_t)input * size,
        .gradients = gradients,
        .uniform = uniform,
        .curvature = n_sets(variant) == 2 ? gradients + n_gradients : NULL,
        .head = of_head && !of_channels ? ex->rows : NULL,
        .channels = of_channels ? classes : NULL,
        .classes = classes,
        .seed = seed,
        .scratch = ex->scratch,
        .maps = ex->maps,
    };
    variant->spec.method->run(&run);
    store(ex, variant, input, n_views, maps);
}

/* One pass: all variants that follow the target of variant `leader`. */
static void run_back(const cr_explainer *ex, int leader, int n, int n_views, const uint64_t *seeds,
                     float *const *maps)
{
    const int most = cr_net_backward_images(ex->net), n_classes = cr_graph_n_classes(ex->graph);
    const cr_variant *follows = &ex->variants[leader];
    const bool curved = n_sets(follows) == 2;
    const size_t n_gradients = (size_t)ex->n_slots * (size_t)n_sets(follows);
    for (int first = 0; first < n; first += most) {
        const int now = n - first < most ? n - first : most;
        const cr_real *changes = curved ? cr_net_tangent(ex->net, leader, first, now) : NULL;
        for (int i = 0; i < now; i++)
            seed_input(ex, follows, first + i, curved ? changes + i * n_classes : NULL,
                       ex->seeds + (size_t)i * n_gradients * (size_t)n_classes);
        if (curved)
            cr_net_backward_curved(ex->net, leader, first, now, ex->seeds);
        else
            cr_net_backward_seeded(ex->net, first, now, ex->seeds);
        for (int v = leader; v < ex->n_variants; v++) {
            const cr_variant *variant = &ex->variants[v];
            const size_t size = n_gradients * (size_t)variant->width * (size_t)variant->height *
                                (size_t)variant->n_channels;
            for (int i = 0; maps[v] && variant->back && ex->pass[v] == leader && i < now; i++)
                run_input(ex, v, first + i, n_views, seeds[(first + i) / n_views],
                          cr_net_gradients(ex->net, v) + (size_t)i * size, maps[v]);
        }
    }
}

/* Whether any of the variants that share a pass is. */
static bool is_wanted(const cr_explainer *ex, int leader, float *const *maps)
{
    for (int v = leader; v < ex->n_variants; v++)
        if (ex->variants[v].back && ex->pass[v] == leader && maps[v])
            return true;
    return false;
}

void cr_explainer_run(cr_explainer *ex, int n_images, int n_views, const int32_t *classes,
                      const uint64_t *seeds, float *const *maps)
{
    const int n = n_images * n_views;
    for (int b = 0; b < n; b++)
        memcpy(ex->classes + b * ex->n_slots, classes + b / n_views * ex->n_slots,
               (size_t)ex->n_slots * sizeof *classes);
    for (int v = 0; v < ex->n_variants; v++)
        for (int b = 0; maps[v] && !ex->variants[v].back && b < n; b++)
            run_input(ex, v, b, n_views, seeds[b / n_views], NULL, maps[v]);
    for (int v = 0; v < ex->n_variants; v++)
        if (ex->variants[v].back && ex->pass[v] == v && is_wanted(ex, v, maps))
            run_back(ex, v, n, n_views, seeds, maps);
}
