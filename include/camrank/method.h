/* method.h - the methods that make activation maps: what each needs, its parameters, and how it runs.
 *
 * A_k is channel k of the target layer (H x W places), y_c the logit of class c, g_k = d y_c / d A_k.
 * A method is one file of core/method and one row of its table; nothing outside that room compares
 * names of methods. All functions are Local. */
#ifndef CAMRANK_METHOD_H
#define CAMRANK_METHOD_H

#include "camrank/base.h"
#include "camrank/geometry.h"
#include "camrank/kernels.h"
#include "camrank/parameter.h"
#include "camrank/passes.h"

enum {
    CR_NEEDS_GRADIENTS = 1, /* of a target with respect to the activations */
    CR_NEEDS_HEAD = 2, /* the layer that is pooled, and logits that are linear in the pooling */
    CR_NEEDS_CURVATURE = 4,  /* and how the gradients change along the activations */
    CR_NEEDS_PASSES = 8,     /* the network's logits for changed inputs */
    CR_NEEDS_TAIL = 16,      /* the network's logits for changed activations */
    CR_NEEDS_ATTENTION = 32, /* the weights of all attentions among its map's tokens */
};

/* What a job has to give beside the images. */
enum {
    CR_WANTS_SEGMENTS = 1,  /* a segmentation of each */
    CR_WANTS_BASELINES = 2, /* other images, which inputs are compared with */
};

/* What becomes of the values that a method's formula gives. Every method's parameters begin with it. */
typedef struct cr_map_form {
    bool relu;          /* values below 0 become 0 */
    cr_scaling scaling; /* of a map before it is upsampled */
} cr_map_form;

/* How the maps of several layers become one. Each is scaled as its form says, goes through the tanh
 * and is interpolated bilinearly, pixel centres at half. */
typedef struct cr_fusion {
    enum { CR_FUSE_MAXIMUM, CR_FUSE_MEAN, CR_FUSE_PRODUCT } fuse; /* place by place */
    enum {
        CR_FUSE_AT_LARGEST,
        CR_FUSE_AT_INPUT
    } at;         /* as large as the largest layer, or the input */
    double gamma; /* tanh(gamma m) of the scaled map m; 0: m itself */
} cr_fusion;

/* Of a cr_fusion. */
extern const cr_parameters cr_fusion_parameters;

enum { CR_MAX_LAYERS = 8 };

/* Names of so many layers, joined by '+'. */
#define CR_LAYERS_BYTES (CR_MAX_LAYERS * CR_NAME_BYTES)

#define CR_METHOD_PARAMETER_BYTES 72

/* Of any method: a struct of its own, which begins with a cr_map_form. */
typedef struct cr_method_parameters {
    _Alignas(double) unsigned char bytes[CR_METHOD_PARAMETER_BYTES];
} cr_method_parameters;

/* An attention: weights of all heads, and, of CR_NEEDS_GRADIENTS, their gradients for each slot. */
typedef struct cr_look {
    const cr_attention *attention;
    const cr_real *weights, *gradients; /* [size], [n_slots][size] */
} cr_look;

/* What a method gets for one input of the network. */
typedef struct cr_method_run {
    const void *parameters;
    int height, width, n_channels; /* of the layer */
    int n_slots;
    const cr_real *activations; /* [H W][C] */
    const cr_real *logits;      /* [n_classes] of the input */
    /* Of CR_NEEDS_GRADIENTS, the target of each slot: [n_slots][H W][C], or, where it is the same at
     * every place (behind a global average pooling), `uniform` and [n_slots][C]. */
    const cr_real *gradients;
    bool uniform;
    /* Of CR_NEEDS_CURVATURE, the target's Hessian with respect to the activations times these: shaped
     * like `gradients`. */
    const cr_real *curvature;
    /* Of CR_NEEDS_HEAD, the weights from the pooled channels to the logit: [n_slots][C]; NULL where the
     * network pools one map for each class. */
    const cr_real *head;
    /* [n_slots] where the network pools one map for each class: the channel of the slot's class. In
     * `uniform` gradients of a logit it alone is not 0. Else NULL. */
    const int32_t *channels;
    const int32_t *classes; /* [n_slots] */
    /* Of CR_NEEDS_PASSES and CR_NEEDS_TAIL, but for `linear` methods where the gradients are uniform;
     * the arrays above stay while it runs. */
    const cr_passes *passes;
    int n_looks; /* of CR_NEEDS_ATTENTION, in the order of execution */
    const cr_look *looks;
    cr_real *seen; /* what the method keeps of the input while gradients are followed back */
    const cr_real *black, *white; /* as values of the input, [n_channels] */
    /* What a method asks for by `wants`: [H W] of the input, segments 0, 1, ...; and n_baselines inputs. */
    const int32_t *segments;
    const cr_real *baselines;
    int n_baselines;
    uint64_t seed;    /* of the image, the same in every run */
    cr_real *scratch; /* as many as the method's `scratch` says, at a multiple of 64 bytes */
    cr_real *maps;    /* [n_slots][H W], or [H W] of a method whose maps are of the image */
} cr_method_run;

struct cr_layer_map;

/* Of how many methods one can be made. */
#define CR_MAX_FACTORS 2

typedef struct cr_method {
    const char *name;
    const char *source;  /* paper, equation */
    const char *formula; /* one line */
    unsigned needs;      /* CR_NEEDS_... */
    bool of_image;       /* one map an image, whatever the class */
    bool of_layers;      /* the product of maps at several layers, which must be named */
    bool of_input;       /* its layer is the network's input, and no other */
    bool from_input;     /* that is its layer where a job names none */
    cr_parameters parameters;
    cr_rule rule; /* by which the gradients are followed back */
    /* Of CR_NEEDS_PASSES, the rule that its parameters ask for. NULL: `rule`. */
    cr_rule (*rule_of)(const void *parameters);
    /* Of CR_NEEDS_ATTENTION, the gradients in a block are those of what the head says of the block's end, or
     * where this is true of the mean of its tokens, by cr_net_backward_blocks. NULL: of the logits. */
    bool (*pools_blocks)(const void *parameters);
    /* In the place of gradients it gets the relevance by these rules, but for the input's limits, which are
     * those of black and white. NULL: gradients. */
    void (*relevance)(const void *parameters, cr_relevance *rules);
    /* The gradient, with respect to the n_classes logits of one input, of the target that is followed
     * back for class c. NULL: the logit of c, 1 at c. */
    void (*seed)(const void *parameters, const cr_real *logits, int n_classes, int c,
                 cr_real *seed);
    /* How that changes where the logits change by `change`, [n_classes]: the target's second derivatives
     * with respect to the logits, times it. Of CR_NEEDS_CURVATURE only. */
    void (*curve)(const void *parameters, const cr_real *logits, const cr_real *change,
                  int n_classes, int c, cr_real *seed);
    /* Which CR_WANTS_... its parameters ask for. NULL: none. */
    unsigned (*wants)(const void *parameters);
    /* Of CR_NEEDS_ATTENTION: the block that the parameters name, from 1 on; 0: none. NULL: they cannot. */
    int (*block)(const void *parameters);
    /* cr_reals of scratch; NULL: none. Of CR_NEEDS_ATTENTION n_places are the tokens. */
    size_t (*scratch)(const void *parameters, int n_places, int n_channels, int n_slots);
    /* Of CR_NEEDS_PASSES and CR_NEEDS_TAIL: how many changes, of a layer of width x height. */
    int (*n_passes)(const void *parameters, int width, int height, int n_channels);
    /* Of a method whose backward pass is its own and no gradient's: what it costs, in forward passes over what
     * depends on the layer. It then runs apart from methods that share one. */
    double (*n_passes_back)(const void *parameters, int n_slots);
    /* Of CR_NEEDS_TAIL: where the logits are linear in the layer's mean it takes gradients, and no pass. */
    bool linear;
    const char *cost; /* that in words */
    /* Of a method that looks at each bias (cr_net_on_bias) while its gradients are followed back: cr_reals
     * that it keeps of an input in run->seen, 0 at first; and what it does with a layer of the input. Of
     * `run` only what does not depend on the pass is there. */
    size_t (*n_seen)(int n_places, int n_slots);
    void (*see)(const cr_method_run *run, const cr_net_bias *layer);
    /* Writes the maps before the ReLU. A map that cannot be computed is not finite. */
    void (*run)(const cr_method_run *run);
    /* Of a method that is made of others' maps, in place of `run`: these, none of the table, which get its
     * parameters; the first is at its layer, the second at the network's input. `join` makes of their maps
     * of a class its own, as large as the input. */
    const struct cr_method *factors[CR_MAX_FACTORS];
    void (*join)(const void *parameters, const struct cr_layer_map *maps, int width, int height,
                 float *out);
} cr_method;

/* All of them, in the order in which they are listed; NULL behind the last. */
extern const cr_method *const cr_methods[];

/* Two of them: what is shown where nobody names a method, since it works at any layer; and the one that is
 * defined by a head that pools, where there is such a head. */
extern const cr_method *const cr_method_default, *const cr_method_of_head;

/* The method with this name; NULL. */
const cr_method *cr_method_find(const char *name);

/* The names, as `cam, grad-cam, ...`. */
const char *cr_method_names(void);

enum { CR_KEEP_DEFAULT = -1 };

/* What a job asks of every network: a method, its parameters, where, and what is kept of it. */
typedef struct cr_method_spec {
    const cr_method *method;
    cr_method_parameters parameters;
    int n_layers;                              /* 0: each network's default */
    char layers[CR_MAX_LAYERS][CR_NAME_BYTES]; /* [n_layers] by their names */
    cr_fusion fusion;                          /* of several layers */
    int map_slots; /* the file keeps maps of so many classes; CR_KEEP_DEFAULT: nothing is said */
    char as[CR_NAME_BYTES]; /* the row's name; "": METHOD, or METHOD@LAYERS where such are given */
} cr_method_spec;

/* The method at its default layer with the fallbacks of all its parameters. */
cr_method_spec cr_method_plain(const cr_method *method);

/* The names of its layers, joined by '+'; "" where there are none. */
void cr_method_layers(const cr_method_spec *spec, char text[CR_LAYERS_BYTES]);

/* How the maps of several layers are fused where nothing is said. */
cr_fusion cr_fusion_plain(const cr_method *method);

/* By which rule a row follows gradients back. */
static inline cr_rule cr_method_rule(const cr_method *method, const cr_method_parameters *of)
{
    return method->rule_of ? method->rule_of(of->bytes) : method->rule;
}

/* What a row asks for by its method's `wants`. */
static inline unsigned cr_method_wants(const cr_method *method, const cr_method_parameters *of)
{
    return method->wants ? method->wants(of->bytes) : 0;
}

static inline const cr_map_form *cr_method_form(const cr_method_parameters *parameters)
{
    return (const cr_map_form *)(const void *)parameters->bytes;
}

#endif
