/* Which method works where. */
#include "camrank/explain.h"
#include "camrank/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cr_status find_layer(const cr_graph *graph, const char *layer, int *value, cr_error *err)
{
    *value = cr_graph_find(graph, layer);
    if (*value < 0) {
        cr_near near;
        cr_near_begin(&near, layer);
        for (int i = 0; i < cr_graph_n_layers(graph); i++) {
            const char *name = cr_graph_get_layer(graph, i).output;
            cr_near_add(&near, name, strlen(name));
        }
        return cr_fail(err, CR_EINPUT,
                       "no layer is named \"%.60s\"%s; `camrank inspect --layers` lists them",
                       layer, cr_near_text(&near));
    }
    if (!cr_graph_map(graph, *value).height)
        return cr_fail(err, CR_EINPUT,
                       "layer \"%.100s\" is no map of channels, height and width; `camrank inspect "
                       "--layers` lists those that are",
                       layer);
    if (!cr_graph_reaches_logits(graph, *value))
        return cr_fail(err, CR_EINPUT, "the logits do not depend on layer \"%.100s\"", layer);
    return CR_OK;
}

/* The layer that enters the pooling may have several names. */
static bool is_feature(const cr_graph *graph, const cr_head *head, int value)
{
    if (head->kind == CR_HEAD_OTHER || value < 0)
        return false;
    const cr_map a = cr_graph_map(graph, value), b = cr_graph_map(graph, head->feature);
    return value == head->feature ||
           (cr_graph_same_memory(graph, value) == cr_graph_same_memory(graph, head->feature) &&
            a.height && memcmp(&a, &b, sizeof a) == 0);
}

/* Why a method of relevance does not apply, if so. */
static void set_irrelevant(const cr_graph *graph, const cr_method *method, int value,
                           cr_variant *variant)
{
    cr_relevance rules = {0};
    if (variant->why_not[0] || !method->relevance)
        return;
    method->relevance(variant->spec.parameters.bytes, &rules);
    const char *op = cr_graph_irrelevant(graph, value, &rules);
    if (op)
        snprintf(variant->why_not, sizeof variant->why_not, "no rule passes %s through %.60s",
                 rules.rescales ? "multipliers" : "relevance", op);
    else if (rules.has_first && rules.first == CR_RELEVANCE_Z_BOX &&
             !cr_graph_first_reads_input(graph))
        snprintf(variant->why_not, sizeof variant->why_not,
                 "z-box wants a first layer that reads the input itself");
}

static bool ends_blocks(const cr_graph *graph, const cr_map *map, int n)
{
    cr_attention *attentions = cr_alloc((size_t)n, sizeof *attentions);
    int *ends = cr_alloc((size_t)n, sizeof *ends);
    bool all = attentions && ends;
    if (all) {
        cr_graph_attentions(graph, map, attentions, n);
        all = cr_graph_block_ends(graph, attentions, n, ends);
    }
    free(attentions);
    free(ends);
    return all;
}

/* Why a method of attention does not apply to a map, if so. */
static void set_unattended(const cr_graph *graph, const cr_method *method, const cr_map *map,
                           cr_variant *variant)
{
    if (!(method->needs & CR_NEEDS_ATTENTION))
        return;
    const int n = cr_graph_attentions(graph, map, NULL, 0);
    const int block = method->block ? method->block(variant->spec.parameters.bytes) : 0;
    if (n == 0)
        snprintf(variant->why_not, sizeof variant->why_not,
                 "the network has no attention among the places of its map");
    else if (block > n)
        snprintf(variant->why_not, sizeof variant->why_not,
                 "it has %d blocks of attention, and no block %d", n, block);
    else if (method->pools_blocks && !ends_blocks(graph, map, n))
        snprintf(variant->why_not, sizeof variant->why_not,
                 "its blocks of attention do not end in a sum of tokens that alone is read behind");
}

/* At one layer, or why not. */
static void resolve_layer(const cr_graph *graph, const cr_head *head, const cr_method *method,
                          int value, cr_variant *variant)
{
    const bool of_head = method->needs & CR_NEEDS_HEAD;
    if (of_head && head->kind == CR_HEAD_OTHER)
        snprintf(variant->why_not, sizeof variant->why_not, "%s", head->why_not);
    else if (of_head && !is_feature(graph, head, value))
        snprintf(variant->why_not, sizeof variant->why_not,
                 "it is defined at the layer that is pooled, which is \"%.100s\"",
                 cr_graph_value_name(graph, head->feature));
    else if (cr_method_rule(method, &variant->spec.parameters) != CR_RULE_PLAIN &&
             !cr_graph_rectifies(graph))
        snprintf(variant->why_not, sizeof variant->why_not, "the network has no ReLU");
    else if (method->of_input && value != cr_graph_input(graph))
        snprintf(variant->why_not, sizeof variant->why_not, "its layer is the input");
    else if (value < 0)
        snprintf(variant->why_not, sizeof variant->why_not, "it has no layer with H x W > 1");
    const bool averaged = !method->relevance && !(method->needs & CR_NEEDS_ATTENTION) &&
                          is_feature(graph, head, value) &&
                          (head->kind == CR_HEAD_GAP_LINEAR || head->kind == CR_HEAD_GAP_MAPS);
    const bool back = method->needs & CR_NEEDS_GRADIENTS && !averaged;
    const char *uncurved = NULL;
    if (!variant->why_not[0] && back && method->needs & CR_NEEDS_CURVATURE)
        uncurved = cr_graph_uncurved(graph, value);
    set_irrelevant(graph, method, value, variant);
    if (uncurved)
        snprintf(variant->why_not, sizeof variant->why_not, "its Hessian is not known for %.60s",
                 uncurved);
    if (variant->why_not[0])
        return;
    /* A layer that is pooled may be of one place. */
    const cr_shape shape = cr_graph_value_shape(graph, value);
    cr_map map = cr_graph_map(graph, value);
    if (!map.height)
        map = (cr_map){cr_shape_h(&shape), cr_shape_w(&shape), cr_shape_c(&shape), 0,
                       cr_shape_h(&shape) * cr_shape_w(&shape)};
    set_unattended(graph, method, &map, variant);
    if (variant->why_not[0])
        return;
    variant->layers[variant->n_layers++] = (cr_variant_layer){
        .method = method,
        .value = value,
        .back = back,
        .averaged = averaged,
        .behind = cr_graph_share_behind(graph, value),
        .map = map,
    };
}

/* As large as its one layer, or as the spec's fusion says. */
static void set_size(const cr_graph *graph, cr_variant *variant)
{
    const cr_shape input = cr_graph_input_shape(graph);
    const bool at_input = variant->spec.method->join ||
                          (variant->n_layers > 1 && variant->spec.fusion.at == CR_FUSE_AT_INPUT);
    variant->width = at_input ? cr_shape_w(&input) : 0;
    variant->height = at_input ? cr_shape_h(&input) : 0;
    for (int i = 0; i < variant->n_layers && !at_input; i++) {
        const cr_variant_layer *layer = &variant->layers[i];
        variant->width = layer->map.width > variant->width ? layer->map.width : variant->width;
        variant->height = layer->map.height > variant->height ? layer->map.height : variant->height;
    }
}

bool cr_variant_has_tail(const cr_method *method, const cr_variant_layer *layer)
{
    return method->needs & CR_NEEDS_TAIL && !(method->linear && layer->averaged);
}

double cr_variant_passes(const cr_variant *variant, int n_slots)
{
    const cr_method *method = variant->spec.method;
    const bool of_gradients = method->needs & CR_NEEDS_PASSES && method->needs & CR_NEEDS_GRADIENTS;
    double passes = 0;
    for (int k = 0; method->n_passes_back && k < variant->n_layers; k++)
        passes += variant->layers[k].behind *
                  method->n_passes_back(variant->spec.parameters.bytes, n_slots);
    for (int k = 0; method->n_passes && k < variant->n_layers; k++) {
        const cr_variant_layer *layer = &variant->layers[k];
        const double share = of_gradients                         ? 1 + n_slots
                             : method->needs & CR_NEEDS_PASSES    ? 1
                             : cr_variant_has_tail(method, layer) ? layer->behind
                                                                  : 0;
        passes += share * method->n_passes(variant->spec.parameters.bytes, layer->map.width,
                                           layer->map.height, layer->map.n_channels);
    }
    return passes;
}

double cr_variant_passes_anew(const cr_variant *variant)
{
    const double again = cr_variant_passes(variant, 1);
    double back = 0;
    for (int k = 0; again == 0 && k < variant->n_layers; k++)
        if (variant->layers[k].back && variant->layers[k].behind > back)
            back = variant->layers[k].behind;
    return 1 + again + back;
}

/* The layer that a spec without one takes. */
static cr_status find_default(const cr_graph *graph, const cr_head *head, const cr_method *method,
                              const char *layer, int *value, cr_error *err)
{
    const bool of_head = method->needs & CR_NEEDS_HEAD;
    *value = of_head                                  ? head->feature
             : method->of_input || method->from_input ? cr_graph_input(graph)
                                                      : cr_graph_last_spatial(graph);
    return of_head || method->of_input || method->from_input || !layer[0]
               ? CR_OK
               : find_layer(graph, layer, value, err);
}

cr_status cr_variant_resolve(const cr_graph *graph, const cr_head *head, const cr_method_spec *spec,
                             const char *layer, cr_variant *variant, cr_error *err)
{
    const cr_method *method = spec->method;
    int values[CR_MAX_LAYERS];
    cr_error fault;
    const int n = spec->n_layers ? spec->n_layers : 1;
    *variant = (cr_variant){.spec = *spec};
    if (spec->n_layers == 0)
        CR_OR_RETURN(find_default(graph, head, method, layer, &values[0], err));
    for (int i = 0; i < spec->n_layers && !variant->lacks_layer; i++)
        if (find_layer(graph, spec->layers[i], &values[i], &fault) != CR_OK) {
            snprintf(variant->why_not, sizeof variant->why_not, "%.199s", fault.message);
            variant->lacks_layer = true;
        }
    if (method->join && spec->n_layers > 1)
        snprintf(variant->why_not, sizeof variant->why_not, "it takes one layer");
    for (int i = 0; i < n && !variant->why_not[0]; i++)
        resolve_layer(graph, head, method->join ? method->factors[0] : method, values[i], variant);
    if (method->join && !variant->why_not[0])
        resolve_layer(graph, head, method->factors[1], cr_graph_input(graph), variant);
    if (variant->why_not[0])
        variant->n_layers = 0;
    set_size(graph, variant);
    return CR_OK;
}
