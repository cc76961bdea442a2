/* What a model says of itself beside its layers: who wrote it, what its classes are called, and the
 * arithmetic with constants that its pixels go through first. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Keys under which exporters put names of classes: Ultralytics' is `names`. */
static bool is_names_key(const char *key)
{
    static const char *const known[] = {"names",        "class_names", "classes",   "labels",
                                        "class_labels", "id2label",    "categories"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(key, known[i]) == 0)
            return true;
    return false;
}

cr_status cr_nn_about_read(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                           const char *name, cr_nn_about *about, cr_error *err)
{
    cr_status status = CR_OK;
    cr_onnx_model model = {0};
    *about = (cr_nn_about){.names = NULL};
    CR_TRY(cr_model_read(bytes, n_bytes, files, &model, err));
    snprintf(about->producer, sizeof about->producer, "%.79s",
             model.proto->producer_name ? model.proto->producer_name : "");
    for (size_t i = 0; i < model.proto->n_metadata_props && !about->names; i++) {
        const Onnx__StringStringEntryProto *entry = model.proto->metadata_props[i];
        if (!entry->key || !entry->value || !is_names_key(entry->key))
            continue;
        about->names = strdup(entry->value);
        if (!about->names)
            CR_TRY(cr_fail_memory(err, "names of classes", strlen(entry->value), 1));
    }

cleanup:
    if (status != CR_OK)
        cr_fail_in(err, "%s: ", name);
    cr_model_read_free(&model);
    return status;
}

void cr_nn_about_free(cr_nn_about *about)
{
    free(about->names);
    *about = (cr_nn_about){.names = NULL};
}

/* The only node that reads a value and nothing else; NULL where there is another. */
static const cr_node *only_reader(const cr_graph *graph, int value)
{
    const cr_node *found = NULL;
    for (int i = 0; i < graph->n_nodes; i++)
        for (int j = 0; j < graph->nodes[i].n_x; j++)
            if (graph->nodes[i].x[j] == value) {
                if (found || graph->nodes[i].n_x > 1)
                    return NULL;
                found = &graph->nodes[i];
            }
    return found;
}

bool cr_graph_input_arithmetic(const cr_graph *graph, double scale[CR_GRAPH_INPUT_CHANNELS],
                               double shift[CR_GRAPH_INPUT_CHANNELS])
{
    bool any = false;
    const cr_shape shape = cr_graph_input_shape(graph);
    const int n_channels = cr_shape_c(&shape);
    if (n_channels > CR_GRAPH_INPUT_CHANNELS)
        return false;
    for (int c = 0; c < CR_GRAPH_INPUT_CHANNELS; c++) {
        scale[c] = 1;
        shift[c] = 0;
    }
    for (int value = graph->input;;) {
        const cr_node *node = only_reader(graph, value);
        if (!node || !(node->flags & (CR_OP_ALIAS | CR_OP_MOVES | CR_OP_AFFINE)))
            return any;
        for (int c = 0; c < n_channels && node->flags & CR_OP_AFFINE; c++) {
            const double factor = cr_affine_scale(node, (size_t)c);
            scale[c] *= factor;
            shift[c] = shift[c] * factor + cr_affine_shift(node, (size_t)c);
            any = true;
        }
        value = node->y;
    }
}
