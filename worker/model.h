/* model.h - a network of a job: loaded, resolved for the job's methods, compiled; and what stays known
 * of it when it is unloaded. Local. */
#ifndef CAMRANK_WORKER_MODEL_H
#define CAMRANK_WORKER_MODEL_H

#include "camrank/explain.h"
#include "camrank/image.h"
#include "camrank/results.h"

#define CR_MODEL_ARITHMETIC_BYTES 80

typedef struct cr_model {
    char name[CR_NAME_BYTES];
    char sha256[65]; /* that the file's reader has found */
    cr_input_spec input;
    cr_graph *graph;  /* NULL once it is unloaded */
    char cut[200];    /* as cr_graph_cut has it */
    char chosen[200]; /* as cr_graph_chosen has it */
    bool binary;      /* as cr_graph_is_binary has it */
    char widened[40]; /* as cr_graph_widened has it */
    char arithmetic
        [CR_MODEL_ARITHMETIC_BYTES]; /* "" or what the network does with its input first, as a clause */
    cr_head head;
    int n_variants;
    cr_variant *variants; /* [n_variants] those that apply */
    /* What is computed in units of its own. Group 0: the classes, and all methods that share the
     * network's first pass. Each method that passes again is a group by itself, and each whose maps are
     * scored by metrics that ask more than a little. */
    int n_groups;
    int *group;            /* [n_variants] */
    bool asks;             /* there are such metrics */
    double *ask_passes;    /* [n_variants] of these for a map, and */
    double ask_flops;      /* their own operations */
    char not_applied[400]; /* "" or which methods do not apply, and why */
    bool *lacks;           /* [n_specs] the spec names a layer that it does not have, and so */
    char lacking[300];     /* the first of them, and why; "": there is none */
    cr_precision precision;
    bool other_class;          /* its maps are of other classes than they stand for, */
    int other_seed;            /* drawn by this */
    int n_views;               /* inputs of the network for each image */
    int slice;                 /* images that go through the network together */
    cr_explainer *explainer;   /* after cr_model_compile */
    cr_real *baselines;        /* after cr_model_use_baselines, and */
    char baselines_sha256[65]; /* of these, or "" */
    int64_t n_parameters;
    double flops;                     /* of one image, forward */
    size_t weight_bytes, arena_bytes; /* those of `explainer` */
} cr_model;

/* Reads a network of n_classes, or, of 0, any number, from the bytes of its ONNX file and of its files with external data, which must
 * stay until its weights are packed, and finds its target layers.
 *   file          for messages
 *   output        the value that is its output; "" for its own
 *   layer         for specs that name none; "" for each method's own default
 *   tokens        as cr_graph_use_tokens has them, if their height is not 0
 *   kernels       as cr_graph_use_kernel has them, one a line, applied in order
 *   precision     of its numbers
 *   random        as cr_graph_load_random has them; NULL for none
 * Errors: CR_EINPUT naming `file` for a model that cannot be read, has other input channels than the input gives, not
 * n_classes outputs, to which none of the methods, if there are any, applies or a kernel does not. *model is {0} on failure. */
cr_status cr_model_load(const uint8_t *bytes, size_t n_bytes, const cr_nn_files *files,
                        const char *name, const char *file, const cr_input_spec *input,
                        const char *output, const char *layer, const cr_tokens *tokens,
                        const char *kernels, cr_precision precision, const cr_random_layers *random,
                        const cr_method_spec *specs, int n_specs, int n_classes, cr_model *model,
                        cr_error *err);

/* Takes into account what the metrics of a plan ask of it. Errors: CR_EINPUT naming a metric that asks, where
 * the input has several views. */
cr_status cr_model_use_metrics(cr_model *model, const cr_results_plan *plan, cr_error *err);

/* Forward passes of an image in a group, as many whole ones as cost the same. */
double cr_model_passes(const cr_model *model, int group);

/* `the network begins with x * 0.0171 + -2.118`, of the first channel; "" where it does nothing of the
 * kind. The graph's weights must still be there. */
void cr_model_arithmetic(const cr_graph *graph, char text[CR_MODEL_ARITHMETIC_BYTES]);

#define CR_MODEL_NOTES 4
#define CR_MODEL_NOTE_BYTES 300

/* What was found of a network that its user should know, as `its logits are those before Softmax probs`: note
 * i of CR_MODEL_NOTES, "" where there is nothing to say. Returns text. */
const char *cr_model_note(const cr_model *model, int i, char text[CR_MODEL_NOTE_BYTES]);

/* Whether the network ends in a sigmoid of each of several classes, which do not exclude each other. */
bool cr_model_is_independent(const cr_model *model);

/* Floating-point operations of an image in a group: of all its forward passes. What dispatch, check and
 * the suggestion for Slurm all count in. */
double cr_model_cost(const cr_model *model, int group);

/* Images of a unit of a group: `batch`, or so few that they take some ten seconds of a core, at 50
 * GFLOP/s; of group 0 always `batch`. CAMRANK_TEST_UNIT_FLOPS=N sets another number, for tests. */
int cr_model_chunk(const cr_model *model, int group, int batch);

/* Bytes of the inputs of the images that go through the network together; after cr_model_compile. */
size_t cr_model_input_bytes(const cr_model *model);

/* Compiles it for as many images at a time as have `batch` views, one at least, so that memory does
 * not grow with the number of views. What is missing are its weights: cr_explainer_pack and
 * cr_explainer_use.
 * `max_activations_mb` and errors: those of cr_net_new. */
cr_status cr_model_compile(cr_model *model, int batch, int max_activations_mb, cr_error *err);

/* The explainer alone, for n_inputs at a time and maps of n_slots classes. Errors: the same. */
cr_status cr_model_explain(cr_model *model, int n_inputs, int n_slots, int max_activations_mb,
                           cr_error *err);

/* Which CR_WANTS_... its methods ask for, of those that are `wanted` [n_variants]; NULL: of all. */
unsigned cr_model_wants(const cr_model *model, const bool *wanted);

/* One image that its methods compare with: `out` [cr_model_baseline_size] is the middle of what the network sees
 * of it. Errors: those of cr_image_decode and cr_input_prepare. */
size_t cr_model_baseline_size(const cr_model *model);
cr_status cr_model_make_baseline(const cr_model *model, const uint8_t *bytes, size_t n_bytes,
                                 const char *name, int max_mpixels, cr_real *out, cr_error *err);

/* Takes n of them, one behind the other, which it frees with its explainer. */
void cr_model_use_baselines(cr_model *model, cr_real *baselines, int n);

/* Frees graph and explainer; all else stays. */
void cr_model_unload(cr_model *model);
void cr_model_free(cr_model *model);

#endif
