/* Which images are the same in all sets: those of one id, and they must have one ground truth. */
#include "camrank/compare.h"

#include <stdlib.h>
#include <string.h>

static const char *wnid_of(const cr_dataset *data, int i)
{
    const int32_t label = data->images[i].label;
    return label < 0 ? "no class" : data->text + data->classes[label].wnid;
}

static bool same_box(cr_box x, cr_box y)
{
    return x.x0 == y.x0 && x.y0 == y.y0 && x.x1 == y.x1 && x.y1 == y.y1;
}

/* Of image i of the first set and j of another: boxes one by one. */
static cr_status check_boxes(const cr_compare_set *first, int i, const cr_compare_set *set, int j,
                             cr_error *err)
{
    const cr_dataset *a = first->data, *b = set->data;
    const cr_data_image *one = &a->images[i], *other = &b->images[j];
    const char *id = cr_data_image_id(b, j);
    if (one->n_boxes != other->n_boxes)
        return cr_fail(err, CR_EINPUT, "%s: image %s has %d ground-truth boxes, in %s %d",
                       set->path, id, other->n_boxes, first->path, one->n_boxes);
    for (int k = 0; k < one->n_boxes; k++) {
        const cr_box x = a->boxes[one->first_box + k], y = b->boxes[other->first_box + k];
        if (!same_box(x, y))
            return cr_fail(err, CR_EINPUT,
                           "%s: image %s has a ground-truth box %d %d %d %d, in %s %d %d %d %d",
                           set->path, id, y.x0, y.y0, y.x1, y.y1, first->path, x.x0, x.y0, x.x1,
                           x.y1);
    }
    return CR_OK;
}

static cr_status check_truth(const cr_compare_set *first, int i, const cr_compare_set *set, int j,
                             cr_error *err)
{
    const cr_dataset *a = first->data, *b = set->data;
    if (strcmp(wnid_of(a, i), wnid_of(b, j)) != 0)
        return cr_fail(err, CR_EINPUT, "%s: image %s is of class %s, in %s of %s", set->path,
                       cr_data_image_id(b, j), wnid_of(b, j), first->path, wnid_of(a, i));
    return check_boxes(first, i, set, j, err);
}

/* Keeps of the first set's images those that `set` has, in `kept` [n_images of the first], and refuses a set that
 * leaves none. Both are sorted by id. */
static cr_status keep_shared(const cr_compare_set *first, const cr_compare_set *set, bool *kept,
                             cr_error *err)
{
    const cr_dataset *a = first->data, *b = set->data;
    bool any = false;
    for (int i = 0, j = 0; i < a->n_images; i++) {
        int order = 1;
        while (j < b->n_images &&
               (order = strcmp(cr_data_image_id(b, j), cr_data_image_id(a, i))) < 0)
            j++;
        kept[i] = kept[i] && j < b->n_images && order == 0;
        if (!kept[i])
            continue;
        const cr_status status = check_truth(first, i, set, j, err);
        if (status != CR_OK)
            return status;
        any = true;
    }
    if (!any)
        return cr_fail(err, CR_EINPUT, "%s: shares no image with %s%s", set->path, first->path,
                       set - first > 1 ? " and the files between" : "");
    return CR_OK;
}

static cr_status place_images(cr_compare_set *set, const cr_compare_set *first,
                              const int32_t *shared, int n_shared, cr_error *err)
{
    const cr_dataset *data = set->data;
    set->places = cr_alloc((size_t)data->n_images, sizeof *set->places);
    if (!set->places)
        return cr_fail_memory(err, "images", (size_t)data->n_images, sizeof *set->places);
    for (int i = 0, at = 0; i < data->n_images; i++) {
        const bool is_shared =
            at < n_shared &&
            strcmp(cr_data_image_id(data, i), cr_data_image_id(first->data, shared[at])) == 0;
        set->places[i] = is_shared ? at++ : -1;
    }
    set->n_left_out = data->n_images - n_shared;
    return CR_OK;
}

cr_status cr_compare_match(cr_compare_set *sets, int n, int32_t **shared, int *n_shared,
                           cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_images = (size_t)sets[0].data->n_images;
    bool *kept = cr_alloc(n_images, sizeof *kept);
    *shared = cr_alloc(n_images, sizeof **shared);
    *n_shared = 0;
    if (!kept || !*shared)
        CR_TRY(cr_fail_memory(err, "images", n_images, sizeof **shared));
    memset(kept, true, n_images * sizeof *kept);
    for (int s = 1; s < n; s++)
        CR_TRY(keep_shared(&sets[0], &sets[s], kept, err));
    for (size_t i = 0; i < n_images; i++)
        if (kept[i])
            (*shared)[(*n_shared)++] = (int32_t)i;
    for (int s = 0; s < n; s++)
        CR_TRY(place_images(&sets[s], &sets[0], *shared, *n_shared, err));

cleanup:
    free(kept);
    return status;
}
