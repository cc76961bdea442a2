/* ask.h - metrics that ask the network again: for the maps of an image, in passes that they share. Local. */
#ifndef CAMRANK_WORKER_ASK_H
#define CAMRANK_WORKER_ASK_H

#include "model.h"

#include "camrank/data.h"

typedef struct cr_ask cr_ask;

/* The passes of the plan's metrics for one map of a network's input under a variant, as many whole ones as cost
 * the same, and other operations. */
double cr_ask_passes(const cr_results_plan *plan, const cr_input_spec *input,
                     const cr_variant *variant);
double cr_ask_work(const cr_results_plan *plan, const cr_input_spec *input);

/* Whether any of the plan's metrics asks. */
bool cr_ask_any(const cr_results_plan *plan);

/* Whether any wants segmentations that are given. */
bool cr_ask_wants_segments(const cr_results_plan *plan);

/* Room for these compiled models. *ask is NULL where no metric of the plan asks. `plan` must outlive it.
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_ask_new(const cr_results_plan *plan, const cr_model *models, int n_models,
                     int n_classes, cr_ask **ask, cr_error *err);
void cr_ask_free(cr_ask *ask);

/* Holds the n inputs that the network has, before it runs; then their logits, before it runs again. */
void cr_ask_hold_inputs(cr_ask *ask, const cr_model *model, int n);
void cr_ask_hold_logits(cr_ask *ask, const cr_model *model, int n);

/* An image whose maps are scored, and where its values go. */
typedef struct cr_ask_image {
    int place;                /* of its input among those that are held */
    const int32_t *classes;   /* [CR_SLOTS] that its maps stand for, */
    const int32_t *explained; /* and that they are of */
    bool has_label;           /* it has a map of the ground-truth class */
    const int32_t *segments;  /* of its input, where anything wants them */
    uint64_t seed;
    const struct cr_results_maps *variants; /* [n_variants] */
    int b;                                  /* its row of these */
} cr_ask_image;

/* Fills the columns of the metrics that ask, of the variants that are wanted.
 *   wanted  [n_variants]; false afterwards where a logit or a map for a changed input was not finite: the
 *           metric is in `*culprit`
 * The values are none where the explainer was told to abandon them. Errors: those of cr_loc_upsample. */
cr_status cr_ask_image_maps(cr_ask *ask, const cr_model *model, const cr_ask_image *image,
                            bool *wanted, const char **culprit, cr_loc_workspace *workspace,
                            cr_error *err);

#endif
