/* job.h - the job file: YAML, read through libcyaml, checked, with its defaults filled in. Local. */
#ifndef CAMRANK_DRIVER_JOB_H
#define CAMRANK_DRIVER_JOB_H

#include "camrank/base.h"
#include "camrank/data.h"
#include "camrank/image.h"
#include "camrank/loc.h"
#include "camrank/method.h"
#include "camrank/nn.h"
#include "camrank/results.h"

#define CR_JOB_MAX_BYTES ((size_t)60000) /* what a results file can hold */

/* What is asked of a network. */
typedef struct cr_job_methods {
    int n;
    cr_method_spec *specs; /* [n]; owned */
} cr_job_methods;

typedef enum cr_job_random_order {
    CR_RANDOM_NONE,
    CR_RANDOM_CASCADING,   /* from the logits down to a layer */
    CR_RANDOM_INDEPENDENT, /* a layer alone */
} cr_job_random_order;

/* models.randomise: the networks of Adebayo et al.'s tests. */
typedef struct cr_job_random {
    cr_job_random_order layers;
    bool logit; /* and one whose maps are of other classes */
    int seed;
    int n_at;
    char (*at)[CR_NAME_BYTES]; /* [n_at] the layers; none: all; owned */
} cr_job_random;

typedef struct cr_job_model {
    char name[CR_NAME_BYTES];   /* letters, digits and . _ - ; unique */
    char *file;                 /* ready to open; owned */
    char file_given[256];       /* as the job writes it */
    char *weights;              /* the file with its weights; NULL: it has none of its own; owned */
    cr_nn_inputs inputs;        /* models.inputs: what the others than the image are; owned */
    char layer[CR_NAME_BYTES];  /* models.layer: target of methods that name none; "" = automatic */
    cr_tokens tokens;           /* models.tokens */
    char output[CR_NAME_BYTES]; /* models.output: the value that is its output; "" = its own */
    char kernels[CR_KERNELS_BYTES]; /* models.kernels, one a line */
    cr_precision precision;         /* models.precision */
    cr_job_methods methods;         /* models.methods; without specs: those of the job */
    cr_job_random randomise;        /* models.randomise: which networks cr_job_randomise adds */
    /* Of one that it has added, of which `randomised` says so in words; of others that is "". */
    cr_random_layers random; /* unless other_class */
    bool other_class;        /* maps are of other classes, which random.seed draws */
    char randomised[CR_RANDOMISED_BYTES];
    cr_input_spec input;
    char *mean_file; /* what input.mean is in, until cr_job_read_means; NULL: it is there; owned */
} cr_job_model;

/* A checked job. Paths are ready to open; everything is owned. */
typedef struct cr_job {
    char name[CR_NAME_BYTES];
    char *text;          /* the file, verbatim */
    char *overrides;     /* the --set options, one `key=value` a line, "" if none */
    cr_data_source data; /* dataset.*; images NULL for none, which a job without models may have */
    bool skip_failed;    /* dataset.failed: skip (default: wrong) */
    int n_models;
    cr_job_model *models;
    cr_job_methods methods; /* of models that have none of their own */
    int n_protocols;
    cr_protocol *protocols; /* by different names: that of `as`, or "... (modified)" where the job
                               changes a parameter of a known one */
    bool show_protocols, show_v1, show_v2; /* in tables for people, as in cr_results_plan */
    struct cr_results_metric metrics[CR_METRIC_MAX]; /* as in cr_results_plan */
    int map_slots;    /* heatmaps.classes: all (6), truth (1) or none (0); CR_KEEP_DEFAULT */
    bool map_float16; /* heatmaps.type: float16 (default float32) */
    int batch;        /* images in a chunk; 1 to 1024, default 16 */
    int activations_mb, image_mpixels; /* limits.* */
    char *threshold_from;              /* path of a results file, or NULL */
    char *output;                      /* path of the results file */
} cr_job;

/* What the job asks of one of its models. */
static inline const cr_job_methods *cr_job_methods_of(const cr_job *job, int model)
{
    const cr_job_methods *own = &job->models[model].methods;
    return own->specs ? own : &job->methods;
}

/* Parses and checks a job.
 *   text     n_bytes of YAML, the content of the file `path`
 *   path     for messages and, its folder, for relative paths in the file
 *   sets     n_sets strings `key.key=value`, applied in order over the file's values; the items of
 *            a list are numbered from 0 (models.0.name=x); the value is YAML (methods=[cam]); relative
 *            paths are to where the program runs. NULL if n_sets is 0. Setting protocol or protocols
 *            takes the other away
 *
 * Aliases and merge keys (<<) are YAML's. In a path, `~`, $NAME and ${NAME} are of the environment.
 *
 * Keys, with their defaults in parentheses; those without one must be given:
 *   name
 *   dataset: layout (the names of cr_layouts), images, ground_truth, synsets, devkit_synsets, boxes,
 *     exclude, masks (which of them a layout needs or takes says its row; none), segments, baselines (none),
 *     subset: list (none),
 *     classes (all), stride (1); limit (0: all), failed (wrong | skip: wrong)
 *   models: a list of name, file, output (the model's own), layer (automatic), tokens (automatic), kernels (automatic), precision (float32 | bfloat16: float32): a
 *     list of KERNEL and KERNEL@LAYER as cr_graph_use_kernel has them, methods (those of the job), inputs (none): a mapping of
 *     names of the network's inputs that are not the image to .npy files, randomise (nothing): a mapping, layers
 *     (none | cascading | independent: none), at (all): a list of layers, logit (false), seed (0), and
 *     input: a preset (cr_input_presets), or a mapping: preset (none), and, where one is given, over what
 *       that says, size [width, height], resize (squash | short-side), filter (pil-bilinear |
 *       pil-bicubic | pil-nearest | opencv-linear: pil-bilinear), channels (rgb | bgr | grey | rgba),
 *       range (1 | 255), mean and std, a number a channel or one for all; short_side and crop (center | ten): with
 *       short-side the first of them (center), with squash both or neither (the whole image). Where
 *       `resize` is given, short_side and crop of the preset do not count
 *     An empty list: baselines alone; then images may be none, and methods need not be given.
 *   defaults: what models have that do not say otherwise, key by key: output, layer, tokens, kernels, precision, input.
 *     An input that names a preset, or resize in it, is treated as above
 *   methods: a list of METHOD and METHOD@LAYER, the methods of method.h, or of mappings: name (the
 *     same), layer, as (the name of its row), keep (as heatmaps.classes), and the method's parameters
 *   protocol: a name, of a protocol that gives boxes (CR_PROTOCOL_LIST of loc.h) or of one over all
 *     thresholds, wsol-v1 or wsol-v2; or
 *   protocols: a list of such names, or of mappings: name, as (the name), and parameters as follow.
 *     What every run computes for wsol-v1 and wsol-v2 does not depend on them: they choose what a
 *     table for people shows (both, where neither is named). A job that names no other has the
 *     boxes of cam-paper, and a table without their errors.
 *   metrics (those that are in every file): a list of names of cr_metrics, or of mappings: name, and the
 *     metric's parameters. Those of every file need not be named
 *   threshold, loose, connectivity, upsampling, iou, threshold_of, smooth, smooth_unit (the protocol's
 *     own): of the one protocol with boxes
 *   heatmaps: classes (all | truth | none: all, but truth of maps as large as the input), type (float32 | float16: float32)
 *   threshold_from (none): a results file of the same rows on another set of images, whose best thresholds the
 *     held-out numbers take
 *   batch (16)
 *   limits: activations_mb, of what a rank takes for one network's activations, and for the maps of a
 *     chunk (CR_NET_DEFAULT_ACTIVATIONS_MB); image_mpixels (CR_IMAGE_DEFAULT_MPIXELS, at most
 *     CR_IMAGE_MAX_MPIXELS)
 *   output
 *
 * Errors: CR_EINPUT, `FILE:LINE: KEY: what is wrong`, for a key or a value that is missing,
 * unknown, given twice, of the wrong type or out of range, and for second documents;
 * CR_EUSAGE, `--set KEY=VALUE: what is wrong`, where a `sets` entry is at fault. *job is {0} on
 * failure. */
cr_status cr_job_parse(const char *text, size_t n_bytes, const char *path, const char *const *sets,
                       int n_sets, cr_job *job, cr_error *err);

/* Puts the means that input.mean_file of a model names into its input. Local. Errors: CR_EINPUT, CR_EIO naming the
 * file. */
cr_status cr_job_read_means(cr_job *job, cr_error *err);

/* Leaves of n models the K-th of N parts: from floor((K - 1) n / N) to before floor(K n / N), so that
 * the parts in order are the whole. Nothing is left out where N is 1.
 *   part, n_parts  K and N, 1 <= K <= N
 * Errors: CR_EUSAGE for a part without models. */
cr_status cr_job_take_part(cr_job *job, int part, int n_parts, cr_error *err);

/* Adds the networks that models[m].randomise asks for behind it, with the number of them as `n`.
 *   layers, n_layers  the outputs of the layers with weights of its network, in the order of execution
 *   find              the place in `layers` of one that the job names, or -1, with `user`
 * Errors: CR_EINPUT for a layer that the network has not, one without weights, and names that are taken or too
 * long; CR_EINTERNAL (memory). */
cr_status cr_job_randomise(cr_job *job, int m, const char *const *layers, int n_layers,
                           int (*find)(const void *user, const char *name), const void *user,
                           int *n, cr_error *err);

/* Leaves none of the models. */
void cr_job_drop_models(cr_job *job);

void cr_job_free(cr_job *job);

#endif
