/* Says which maps a results file has, and of one that is not there why. */
#include "kept.h"

#include <math.h>

bool cr_kept_has(const cr_results_variant *variant, int slot)
{
    return variant->map_slots > 0 && (slot >= CR_SLOTS - variant->map_slots || variant->of_image);
}

cr_status cr_kept_check(const char *path, const cr_results_plan *plan, int model, int variant,
                        int slot, const char *image, const float *map, cr_error *err)
{
    char name[2 * CR_NAME_BYTES];
    const cr_results_model *of = &plan->models[model];
    if (slot != CR_SLOT_TRUTH && !cr_results_has_network(of))
        return cr_fail(err, CR_EINPUT,
                       "%s: model %s: its maps are another program's, of the ground-truth class "
                       "alone: no class was predicted",
                       path, of->name);
    const cr_results_variant *row = &of->variants[variant];
    cr_results_variant_name(row, name);
    if (row->map_slots == 0)
        return cr_fail(
            err, CR_EINPUT,
            "%s: holds no maps of %s, %s (`keep` of the method, or heatmaps.classes, was "
            "none)",
            path, of->name, name);
    if (!cr_kept_has(row, slot))
        return cr_fail(
            err, CR_EINPUT,
            "%s: of %s, %s it holds maps of the ground-truth class alone (`keep: all` of "
            "the method keeps all)",
            path, of->name, name);
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
