/* pick.h - one model, method and protocol of a results file, as options name them. Local. */
#ifndef CAMRANK_DRIVER_PICK_H
#define CAMRANK_DRIVER_PICK_H

#include "camrank/results.h"

#include <getopt.h>

/* What is asked for by name, NULL for what is not, and where it is in the file. */
typedef struct cr_pick {
    const char *model_name, *method_name, *protocol_name;
    int model, variant, protocol;
} cr_pick;

/* The options that name them, for a command's list; their values are not a command's own. */
enum { CR_PICK_MODEL = 1000, CR_PICK_METHOD, CR_PICK_PROTOCOL };
/* clang-format off */
#define CR_PICK_OPTIONS                                   \
    {"model", required_argument, NULL, CR_PICK_MODEL},    \
    {"method", required_argument, NULL, CR_PICK_METHOD},  \
    {"protocol", required_argument, NULL, CR_PICK_PROTOCOL}
/* clang-format on */

/* Takes `name`, the value of the option `val`, which stays argv's; false if it is none of these. */
bool cr_pick_take(cr_pick *pick, int val, const char *name);

/* Finds what is named; `path` is for messages. What is not named is the first there is, or, with
 * `single`, must be the only one, which may be of any protocol unless `by_protocol`. Errors: CR_EINPUT
 * naming what the file does not hold; CR_EUSAGE naming the option that must choose. */
cr_status cr_pick_find(const char *path, const cr_results_plan *plan, bool single, bool by_protocol,
                       cr_pick *pick, cr_error *err);

#endif
