/* Which method works where. */
#include "camrank/cam.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool rectifies;
} methods[] = {
    [CR_METHOD_CAM] = {"cam", false},
    [CR_METHOD_GRAD_CAM] = {"grad-cam", true},
};

cr_status cr_method_find(const char *name, cr_method *method, cr_error *err)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0) {
            *method = (cr_method)i;
            return CR_OK;
        }
    return cr_fail(err, CR_EINPUT, "unknown method \"%.60s\"; there are cam and grad-cam", name);
}

const char *cr_method_name(cr_method method)
{
    return methods[method].name;
}

bool cr_method_rectifies(cr_method method)
{
    return methods[method].rectifies;
}

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

cr_status cr_cam_resolve(const cr_graph *graph, const cr_head *head, cr_method method,
                         const char *layer, cr_cam_variant *variant, cr_error *err)
{
    *variant = (cr_cam_variant){.method = method, .value = -1};
    int value = method == CR_METHOD_CAM ? head->feature : cr_graph_last_spatial(graph);
    if (layer[0]) {
        cr_status status = find_layer(graph, layer, &value, err);
        if (status != CR_OK)
            return status;
    }
    if (method == CR_METHOD_CAM && head->kind == CR_HEAD_OTHER)
        snprintf(variant->why_not, sizeof variant->why_not, "%s", head->why_not);
    else if (method == CR_METHOD_CAM && !is_feature(head, value))
        snprintf(variant->why_not, sizeof variant->why_not,
                 "CAM is defined at the layer that is pooled, which is \"%.100s\"",
                 cr_graph_value_name(graph, head->feature));
    else if (value < 0)
        snprintf(variant->why_not, sizeof variant->why_not, "it has no layer with H x W > 1");
    if (variant->why_not[0])
        return CR_OK;
    cr_shape shape = cr_graph_value_shape(graph, value);
    variant->value = value;
    variant->width = cr_shape_w(&shape);
    variant->height = cr_shape_h(&shape);
    bool averaged = head->kind == CR_HEAD_GAP_LINEAR || head->kind == CR_HEAD_GAP_MAPS;
    variant->gradient = method == CR_METHOD_GRAD_CAM && !(averaged && is_feature(head, value));
    return CR_OK;
}
