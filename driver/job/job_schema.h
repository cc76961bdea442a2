/* job_schema.h - the job as its YAML has it, filled by libcyaml, before any check of values. Local.
 *
 * Pointers are NULL where the key is absent; optional members that are no pointers are 0, which is
 * their default. */
#ifndef CAMRANK_DRIVER_JOB_SCHEMA_H
#define CAMRANK_DRIVER_JOB_SCHEMA_H

#include "camrank/data.h"

#include "job_tree.h"

#define CR_JOB_MAX_LIST 256     /* models, methods, kernels */
#define CR_JOB_MAX_CLASSES 1000 /* dataset.subset.classes */

/* Which of the keys are given says the tree: a preset may stand for all. */
typedef struct cr_job_raw_input {
    char *preset;
    int64_t size[2];
    int resize; /* cr_resize_mode */
    int64_t *short_side;
    int *crop;    /* cr_crop */
    int filter;   /* cr_filter */
    int channels; /* cr_channels */
    double range;
    double *mean, *std;
    char *mean_file;
    unsigned n_mean, n_std;
} cr_job_raw_input;

/* Its parameters are read from the tree: job_parameter.h. */
typedef struct cr_job_raw_method {
    char *name, *layer, *as;
    char **layers;
    unsigned n_layers;
    int *keep; /* slots kept */
} cr_job_raw_method;

typedef struct cr_job_raw_tokens {
    int64_t height, width, skip;
} cr_job_raw_tokens;

typedef struct cr_job_raw_randomise {
    int layers; /* cr_job_random_order */
    int logit;  /* 1: true */
    int64_t seed;
    char **at;
    unsigned n_at;
} cr_job_raw_randomise;

typedef struct cr_job_raw_model {
    char *name, *file, *weights, *output, *layer;
    int precision; /* cr_precision */
    char **kernels;
    unsigned n_kernels;
    cr_job_raw_tokens tokens;
    cr_job_raw_randomise randomise;
    cr_job_raw_method *methods;
    unsigned n_methods;
    cr_job_raw_input input;
} cr_job_raw_model;

typedef struct cr_job_raw_subset {
    char *list;
    char **classes;
    unsigned n_classes;
    int64_t *stride;
} cr_job_raw_subset;

typedef struct cr_job_raw_dataset {
    char *layout;
    char *keys[CR_DATA_N_KEYS]; /* images: "none" where there are none */
    cr_job_raw_subset subset;
    int64_t limit;
    int failed; /* 1: skip */
} cr_job_raw_dataset;

typedef struct cr_job_raw_heatmaps {
    int *classes; /* slots kept */
    int type;     /* 1: float16 */
} cr_job_raw_heatmaps;

typedef struct cr_job_raw_limits {
    int64_t *activations_mb, *image_mpixels;
} cr_job_raw_limits;

/* The same. */
typedef struct cr_job_raw_protocol {
    char *name, *as;
} cr_job_raw_protocol;

/* The same. */
typedef struct cr_job_raw_metric {
    char *name;
} cr_job_raw_metric;

typedef struct cr_job_raw {
    char *name;
    cr_job_raw_dataset dataset;
    cr_job_raw_model defaults; /* which are in each of the models already */
    cr_job_raw_model *models;
    unsigned n_models;
    cr_job_raw_method *methods;
    unsigned n_methods;
    char *protocol;
    cr_job_raw_protocol *protocols;
    unsigned n_protocols;
    cr_job_raw_metric *metrics;
    unsigned n_metrics;
    cr_job_raw_heatmaps heatmaps;
    int64_t *batch;
    cr_job_raw_limits limits;
    char *threshold_from;
    char *output;
} cr_job_raw;

/* Where a job comes from, to say where it is wrong. */
typedef struct cr_job_source {
    const char *path;        /* of the file */
    cr_job_tree given;       /* the file, for its lines */
    cr_job_tree changed;     /* the file with `sets` applied, for its values */
    const char *const *sets; /* `key=value` */
    int n_sets;
} cr_job_source;

/* Fails at a key path. `FILE:LINE: KEY: text` and CR_EINPUT, or, where the value there comes from a
 * --set option, `--set KEY=VALUE: KEY: text` and CR_EUSAGE. */
cr_status cr_job_fail(cr_error *err, cr_job_source *source, const char *key, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

/* Whether a --set option gives the value at a key path, or one above it. */
bool cr_job_is_set(const cr_job_source *source, const char *key);

/* Loads the YAML text, which is source->changed, into *raw: keys, types, allowed words, numbers of
 * entries, lengths. *raw is NULL on failure. */
cr_status cr_job_raw_load(const char *text, size_t n_bytes, cr_job_source *source, cr_job_raw **raw,
                          cr_error *err);

void cr_job_raw_free(cr_job_raw *raw);

#endif
