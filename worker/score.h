/* score.h - from the maps of an image to the values of the metrics in its row. Local. */
#ifndef CAMRANK_WORKER_SCORE_H
#define CAMRANK_WORKER_SCORE_H

#include "mask.h"

#include "camrank/data.h"
#include "camrank/results.h"

/* One image, and what it is scored by. */
typedef struct cr_score_image {
    const cr_dataset *data;
    int index;                   /* of the image in `data` */
    int width, height;           /* of the original image */
    const cr_results_plan *plan; /* its metrics, and protocols */
    const cr_mask *mask;         /* of a plan with a metric that needs it; else without pixels */
    int max_mpixels;             /* as for cr_image_decode, where a protocol looks at the image */
} cr_score_image;

/* Scores the maps of slots first_slot .. CR_SLOTS - 1 under one variant, by metrics that do not ask the
 * network: what the others say stays blank.
 *   first  the map of first_slot; those of the other slots follow it in memory
 *   same   they are all the same map, of the image
 *   out    which maps are empty, and the columns of the plan's metrics, are filled at row b; those of
 *          slots before first_slot, and of the ground-truth class where there is none, as
 *          cr_score_blank does
 * The image is read again where a protocol looks at its colours.
 * Errors: those of cr_loc_boxes; CR_EINPUT, naming it, for an image that is none or is not as large as
 * that; CR_EIO where the storage fails. */
cr_status cr_score_maps(const cr_score_image *image, const cr_loc_map *first, int first_slot,
                        bool same, const struct cr_results_maps *out, int b,
                        cr_loc_workspace *workspace, cr_error *err);

/* Whether any metric of the plan needs masks. */
bool cr_score_needs_masks(const cr_results_plan *plan);

/* Where the values of a metric that is not under protocols, and of one slot, lie in row b: `at` [n_columns]. */
void cr_score_find_values(const cr_results_plan *plan, const struct cr_results_maps *out,
                          int metric, int b, void **at);

/* Row b of an image without maps: nothing in it may look like a result. */
void cr_score_blank(const cr_results_plan *plan, const struct cr_results_maps *out, int b);

#endif
