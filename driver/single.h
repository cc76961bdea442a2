/* single.h - one network that explains single images, without a job, an image set or a results file. All
 * functions are Local. */
#ifndef CAMRANK_DRIVER_SINGLE_H
#define CAMRANK_DRIVER_SINGLE_H

#include "camrank/loc.h"
#include "class_names.h"
#include "input_guess.h"
#include "job/job.h"
#include "model_file.h"
#include "worker/model.h"

/* What is asked for, as on the command line: `methods` and `input` are YAML, as in a job. */
typedef struct cr_single_request {
    const char *model;   /* path */
    const char *weights; /* the file with them; "": there is none */
    cr_nn_inputs inputs; /* that are not the image; the caller's */
    const char *output;  /* "": the model's own */
    int width, height;   /* 0: the model's own */
    cr_precision precision;
    const char *input;   /* over the guess; NULL: nothing */
    const char *methods; /* a list */
    const char *synsets; /* path of the names of classes; NULL: the model's own */
} cr_single_request;

typedef struct cr_single {
    cr_input_guess guess;
    bool guessed; /* the input is it, but for what the request says */
    cr_model model;
    cr_class_names names;
    bool independent; /* the network ends in a sigmoid: its classes do not exclude each other */
    /* Private. */
    void *weights, *arena;
    size_t n_weights, n_arena;
    cr_job job;
    float *logits;    /* [n_classes] */
    float **values;   /* [n_variants] each [n_views][height][width] */
    cr_loc_map *maps; /* [n_variants] */
    bool *is_finite;  /* [n_variants] */
} cr_single;

/* Errors: CR_EUSAGE naming --method or --input; those of cr_model_load and cr_class_names_read. *single is
 * {0} on failure. */
cr_status cr_single_open(const cr_single_request *request, cr_single *single, cr_error *err);
void cr_single_close(cr_single *single);

/* What the network makes of one image. */
typedef struct cr_single_result {
    int32_t top_class[CR_TOP]; /* -1 where there are fewer classes */
    double probability
        [CR_TOP];  /* of each: softmax of all logits, or, of independent classes, its sigmoid */
    int explained; /* the class whose maps these are */
    cr_view views[CR_MAX_VIEWS]; /* [model.n_views] in the image */
    const cr_loc_map *maps; /* [model.n_variants], valid as long as this and until the next image */
    const bool *is_finite;  /* [model.n_variants] the map is one */
} cr_single_result;

/* Explains the class `class`, or, of -1, the first. `name` is for messages. Errors: CR_EINPUT naming it for
 * a logit that is not finite; CR_EINTERNAL (memory). */
cr_status cr_single_run(cr_single *single, const cr_image *image, const char *name, int class,
                        cr_single_result *result, cr_error *err);

#endif
