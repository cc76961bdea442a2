/* Says which maps a results file has, and of one that is not there why. */
#include "kept.h"

#include <math.h>

cr_status cr_kept_check(const char *path, const cr_results_plan *plan, int model, int variant,
                        int slot, const char *image, const float *map, cr_error *err)
{
    const cr_results_model *of = &plan->models[model];
    if (slot != CR_SLOT_TRUTH && !cr_results_has_network(of))
        return cr_fail(err, CR_EINPUT,
                       "%s: model %s: its maps are another program's, of the ground-truth class "
                       "alone: no class was predicted",
                       path, of->name);
    if (plan->map_slots == 0)
        return cr_fail(err, CR_EINPUT, "%s: holds no maps (heatmaps.classes of the job was none)",
                       path);
    if (slot < CR_SLOTS - plan->map_slots && !of->variants[variant].of_image)
        return cr_fail(err, CR_EINPUT,
                       "%s: holds maps of the ground-truth class alone (heatmaps.classes of the "
                       "job was truth)",
                       path);
    if (slot == CR_SLOT_TRUTH && cr_results_has_network(of) && isnan(map[0]))
        return cr_fail(
            err, CR_EINPUT,
            "%s: image %s: the ground truth has no labels, so there is no map of its class", path,
            image);
    if (!cr_results_has_network(of) && isnan(map[0]))
        return cr_fail(err, CR_EINPUT,
                       "%s: image %s: its map was not kept, for it had another size than the first",
                       path, image);
    return CR_OK;
}
