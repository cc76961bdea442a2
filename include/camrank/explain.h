/* explain.h - maps of several methods, at several layers and for several classes, from one forward pass
 * of a network and one backward pass for each target that is followed back.
 *
 * A class's logit is one such target; methods that follow it share its pass. Behind a global average
 * pooling the gradient is the head's weights / (H W) everywhere, and no backward pass is run. A method
 * that needs curvature has a pass of its own, of twice as many gradients, behind one along a tangent.
 * Everything is Local. */
#ifndef CAMRANK_EXPLAIN_H
#define CAMRANK_EXPLAIN_H

#include "camrank/method.h"
#include "camrank/nn.h"

/* A target layer of a method. */
typedef struct cr_variant_layer {
    const cr_method
        *method;   /* that runs there: the variant's, or one of those that it is made of */
    int value;     /* of the graph */
    bool back;     /* a backward pass is needed */
    bool averaged; /* the logits are linear in its mean over the places */
    double behind; /* share of the network's operations that depends on it */
    cr_map map;    /* how it is one; a method's map is as large */
} cr_variant_layer;

/* A method at a layer of a graph, or at several, whose maps become one. */
typedef struct cr_variant {
    cr_method_spec spec;
    int n_layers; /* 0 where the method does not apply */
    cr_variant_layer layers[CR_MAX_LAYERS];
    int width, height; /* of a map */
    char why_not[200]; /* "" or why the method does not apply to this network */
    bool lacks_layer;  /* that: the spec names a layer which the network does not have as a map */
} cr_variant;

/* Whether any of its layers needs a backward pass. */
static inline bool cr_variant_goes_back(const cr_variant *variant)
{
    bool back = false;
    for (int i = 0; i < variant->n_layers; i++)
        back = back || variant->layers[i].back;
    return back;
}

/* Further passes over a network for each input, as many whole ones as cost the same: a
 * backward pass for each of n_slots classes counts as one. 0: none is run. */
double cr_variant_passes(const cr_variant *variant, int n_slots);

/* Passes for the map of one class of another input, the forward pass among them, in the same measure. */
double cr_variant_passes_anew(const cr_variant *variant);

/* Whether further passes of a method begin at one of its layers. */
bool cr_variant_has_tail(const cr_method *method, const cr_variant_layer *layer);

/* Finds where a method works in a graph. Where the spec names no layer it is `layer`, or, of "", the
 * default (cr_graph_last_spatial). A method of the head has its one layer,
 * the pooled one, and only the spec can say otherwise.
 * Errors: CR_EINPUT for a `layer` that is unknown or has no spatial extent. That a method does not apply
 * to a network, or names such a layer itself, is no error: see why_not. */
cr_status cr_variant_resolve(const cr_graph *graph, const cr_head *head, const cr_method_spec *spec,
                             const char *layer, cr_variant *variant, cr_error *err);

typedef struct cr_explainer cr_explainer;

/* Compiles a graph for these variants, all of which apply, for at most `batch` inputs at a time and
 * maps of n_slots classes of each. `graph` must outlive it; `head` and `variants` are copied. Its
 * weights and its arena are missing yet. `max_activations_mb` and errors: those of cr_net_new; it bounds the scratch
 * of a method, too. */
cr_status cr_explainer_new(const cr_graph *graph, const cr_head *head, const cr_variant *variants,
                           int n_variants, int batch, int n_slots, int max_activations_mb,
                           cr_explainer **explainer, cr_error *err);
void cr_explainer_free(cr_explainer *explainer);

/* As those of nn.h: the network's weights and, where they serve, those of its head. */
size_t cr_explainer_weight_bytes(const cr_explainer *explainer);
uint64_t cr_explainer_weight_layout(const cr_explainer *explainer);
cr_status cr_explainer_pack(const cr_explainer *explainer, void *block, const cr_net_memory *memory,
                            cr_error *err);
void cr_explainer_use(cr_explainer *explainer, const void *block);

/* As those of nn.h: for the network's activations and what the maps are made in. */
size_t cr_explainer_arena_bytes(const cr_explainer *explainer);
void cr_explainer_use_arena(cr_explainer *explainer, void *arena);

/* What black and white are as values of the input, each of its channels: for methods that want its limits.
 * Without it, 0 and 1. */
void cr_explainer_use_limits(cr_explainer *explainer, int n_channels, const double *black,
                             const double *white);

/* The runs that follow are of n_slots classes, from 1 to those that it was compiled for. */
void cr_explainer_use_slots(cr_explainer *explainer, int n_slots);

/* Segments of the inputs of the next runs, [batch][height][width] of the network's input, or, where they are the same
 * of all, [height][width]: 0, 1, ... below CR_MAX_SEGMENTS; for methods that want them. The caller's. */
void cr_explainer_use_segments(cr_explainer *explainer, const int32_t *segments, bool same);

/* The n inputs that methods which want baselines compare with, [n] of the network's input. The caller's. */
void cr_explainer_use_baselines(cr_explainer *explainer, const cr_real *baselines, int n);

/* The compiled network: fill its input and run cr_net_forward before cr_explainer_run. */
cr_net *cr_explainer_net(cr_explainer *explainer);

/* Further passes for one of its inputs, `input` as cr_net_input has it, and its row as cr_net_set_row has it, for
 * what does not make maps; they end with those of cr_explainer_run. `mask` and what is beside it is NULL. */
cr_passes cr_explainer_passes(const cr_explainer *explainer, const cr_real *input, int row);

/* The maps of the last forward pass, whose inputs were n_views views of each of n_images images, one
 * image's behind the other; n_images * n_views is at most the batch. A gradient follows a view's own
 * logits, 1 / n_views of which are in the mean over the views.
 *   classes  [n_images][n_slots]
 *   seeds    [n_images] as cr_method_run.seed
 *   maps     [n_variants] arrays [n_images][n_slots][n_views][height][width], the caller's, or NULL
 *            where they are not wanted; of a map of the image all slots have a copy */
void cr_explainer_run(cr_explainer *explainer, int n_images, int n_views, const int32_t *classes,
                      const uint64_t *seeds, float *const *maps);

/* Ends the present cr_explainer_run, or what asks for passes behind it, at the next of the further passes:
 * for the callback of cr_net_on_layer. */
void cr_explainer_abandon(cr_explainer *explainer);

/* Whether that happened in the last run, so that its maps are none. */
bool cr_explainer_is_abandoned(const cr_explainer *explainer);

#endif
