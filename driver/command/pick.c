/* The options --model, --method and --protocol, and what they name in a file. What is left out must
 * be the only one, where one alone is wanted. */
#include "pick.h"
#include "camrank/names.h"
#include "camrank/near.h"

#include <stdio.h>
#include <string.h>

/* The one of n that is called `wanted`, in full or, if that is none, in short; the first of all for NULL; -1:
 * none, or *n_short, more than 1. */
static int find(const char *wanted, int n, void name_of(const void *, int, char *),
                const void *list, int *n_short)
{
    char name[2 * CR_NAME_BYTES];
    int found = -1;
    *n_short = 0;
    for (int i = 0; i < n; i++) {
        name_of(list, i, name);
        if (!wanted || strcmp(name, wanted) == 0) {
            *n_short = 0;
            return i;
        }
        if (cr_name_is_short_for(name, wanted, strlen(wanted)) && (*n_short)++ == 0)
            found = i;
    }
    return *n_short == 1 ? found : -1;
}

static void model_name(const void *plan, int i, char *name)
{
    strcpy(name, ((const cr_results_plan *)plan)->models[i].name);
}

static void variant_name(const void *model, int i, char *name)
{
    cr_results_variant_name(&((const cr_results_model *)model)->variants[i], name);
}

static void protocol_name(const void *plan, int i, char *name)
{
    strcpy(name, ((const cr_results_plan *)plan)->protocols[i].name);
}

/* One of the three, called `what` in messages, which begin with `place`. */
static cr_status pick_one(const char *place, const char *what, const char *wanted, bool single,
                          int n, void name_of(const void *, int, char *), const void *list,
                          int *found, cr_error *err)
{
    char first[2 * CR_NAME_BYTES], second[2 * CR_NAME_BYTES], names[300];
    int n_short;
    *found = find(wanted, n, name_of, list, &n_short);
    if (*found < 0 && n == 0)
        return cr_fail(err, CR_EINPUT, "%s holds no %s at all", place, what);
    if (n_short > 1)
        return cr_fail(err, CR_EUSAGE, "%s holds %d %ss that %s may stand for", place, n_short,
                       what, wanted);
    if (*found < 0) {
        cr_near near;
        size_t used = 0;
        cr_near_begin(&near, wanted);
        for (int i = 0; i < n; i++) {
            name_of(list, i, first);
            cr_near_add(&near, first, strlen(first));
            if (used < sizeof names)
                used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                         first);
        }
        return cr_fail(err, CR_EINPUT, "%s holds no %s %s%s, but %s%s", place, what, wanted,
                       cr_near_text(&near), names, used < sizeof names ? "" : "...");
    }
    if (!single || wanted || n == 1)
        return CR_OK;
    name_of(list, 0, first);
    name_of(list, 1, second);
    return cr_fail(err, CR_EUSAGE, "%s holds %d %ss (%s, %s%s): --%s must name one", place, n, what,
                   first, second, n > 2 ? ", ..." : "", what);
}

bool cr_pick_take(cr_pick *pick, int val, const char *name)
{
    const char **names[] = {&pick->model_name, &pick->method_name, &pick->protocol_name};
    if (val < CR_PICK_MODEL || val > CR_PICK_PROTOCOL)
        return false;
    *names[val - CR_PICK_MODEL] = name;
    return true;
}

cr_status cr_pick_find(const char *path, const cr_results_plan *plan, bool single, bool by_protocol,
                       cr_pick *pick, cr_error *err)
{
    char file[402], place[600];
    snprintf(file, sizeof file, "%.400s:", path);
    CR_OR_RETURN(pick_one(file, "model", pick->model_name, single, plan->n_models, model_name, plan,
                          &pick->model, err));
    const cr_results_model *model = &plan->models[pick->model];
    snprintf(place, sizeof place, "%.400s: model %s", path, model->name);
    CR_OR_RETURN(pick_one(place, "method", pick->method_name, single, model->n_variants,
                          variant_name, model, &pick->variant, err));
    return pick_one(file, "protocol", pick->protocol_name, single && by_protocol, plan->n_protocols,
                    protocol_name, plan, &pick->protocol, err);
}
