/* Which method works where. */
#include "camrank/explain.h"

#include <stdio.h>

static cr_status find_layer(const cr_graph *graph, const char *layer, int *value, cr_error *err)
{
    *value = cr_graph_find(graph, layer);
    if (*value < 0)
        return cr_fail(err, CR_EINPUT,
                       "no layer is named \"%.100s\"; `camrank inspect --layers` lists them",
                       layer);
    if (!cr_graph_is_map(graph, *value))
        return cr_fail(err, CR_EINPUT,
                       "layer \"%.100s\" is no map of channels, height and width; `camrank inspect "
                       "--layers` lists those that are",
                       layer);
    if (!cr_graph_reaches_logits(graph, *value))
        return cr_fail(err, CR_EINPUT, "the logits do not depend on layer \"%.100s\"", layer);
    return CR_OK;
}

/* What the graph itself calls the layer that enters the pooling may stand behind an alias. */
static bool is_feature(const cr_head *head, int value)
{
    return head->kind != CR_HEAD_OTHER && value == head->feature;
}

cr_status cr_variant_resolve(const cr_graph *graph, const cr_head *head, const cr_method_spec *spec,
                             const char *layer, cr_variant *variant, cr_error *err)
{
    const bool of_head = spec->method->needs & CR_NEEDS_HEAD;
    int value = of_head ? head->feature : cr_graph_last_spatial(graph);
    *variant = (cr_variant){.spec = *spec, .value = -1};
    if (spec->layer[0] || of_head)
        layer = spec->layer;
    if (layer[0]) {
        cr_status status = find_layer(graph, layer, &value, err);
        if (status != CR_OK)
            return status;
    }
    if (of_head && head->kind == CR_HEAD_OTHER)
        snprintf(variant->why_not, sizeof variant->why_not, "%s", head->why_not);
    else if (of_head && !is_feature(head, value))
        snprintf(variant->why_not, sizeof variant->why_not,
                 "it is defined at the layer that is pooled, which is \"%.100s\"",
                 cr_graph_value_name(graph, head->feature));
    else if (value < 0)
        snprintf(variant->why_not, sizeof variant->why_not, "it has no layer with H x W > 1");
    bool averaged = head->kind == CR_HEAD_GAP_LINEAR || head->kind == CR_HEAD_GAP_MAPS;
    bool back = spec->method->needs & CR_NEEDS_GRADIENTS && !(averaged && is_feature(head, value));
    const char *uncurved = NULL;
    if (!variant->why_not[0] && back && spec->method->needs & CR_NEEDS_CURVATURE)
        uncurved = cr_graph_uncurved(graph, value);
    if (uncurved)
        snprintf(variant->why_not, sizeof variant->why_not, "its Hessian is not known for %.60s",
                 uncurved);
    if (variant->why_not[0])
        return CR_OK;
    cr_shape shape = cr_graph_value_shape(graph, value);
    variant->value = value;
    variant->width = cr_shape_w(&shape);
    variant->height = cr_shape_h(&shape);
    variant->n_channels = cr_shape_c(&shape);
    variant->back = back;
    return CR_OK;
}
