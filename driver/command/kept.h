/* kept.h - which maps a results file holds. Local. */
#ifndef CAMRANK_DRIVER_KEPT_H
#define CAMRANK_DRIVER_KEPT_H

#include "camrank/results.h"

/* Whether maps of the slot are kept. */
bool cr_kept_has(const cr_results_variant *variant, int slot);

/* Whether `map`, read from slot `slot` of an image that is done, was kept. CR_EINPUT, beginning with
 * `path`, says what is not there and why. */
cr_status cr_kept_check(const char *path, const cr_results_plan *plan, int model, int variant,
                        int slot, const char *image, const float *map, cr_error *err);

#endif
