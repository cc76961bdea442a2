#include "score.h"

#include <math.h>
#include <string.h>

void cr_score_blank(const cr_protocol *protocols, int n_protocols,
                    const struct cr_results_maps *out, int b)
{
    memset(out->empty + (size_t)b * CR_SLOTS, 0, CR_SLOTS);
    memset(out->levels + (size_t)b * CR_SWEEP_LEVELS, 0, CR_SWEEP_LEVELS);
    for (int p = 0; p < n_protocols; p++) {
        const int n = CR_SLOTS * protocols[p].n_boxes;
        for (int i = b * n; i < (b + 1) * n; i++) {
            out->protocols[p].boxes[i] = (cr_box){-1, -1, -1, -1};
            out->protocols[p].iou[i] = NAN;
        }
    }
}

/* The boxes of one map under every protocol, and how well they agree with the ground truth. */
static cr_status find_boxes(const cr_score_image *image, const cr_loc_map *map, int row,
                            const struct cr_results_maps *out, cr_loc_workspace *workspace,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const cr_data_image *of = &image->data->images[image->index];
    const cr_box *truth = image->data->boxes + of->first_box;
    for (int p = 0; p < image->n_protocols; p++) {
        const int n = image->protocols[p].n_boxes;
        cr_box *boxes = out->protocols[p].boxes + row * n;
        CR_TRY(cr_loc_boxes(map, &image->protocols[p], image->width, image->height, boxes,
                            workspace, err));
        for (int i = 0; i < n; i++)
            out->protocols[p].iou[row * n + i] =
                of->n_boxes ? cr_iou_best(boxes[i], truth, of->n_boxes) : NAN;
    }

cleanup:
    return status;
}

/* What a map is worth that is the same as that of another slot. */
static void copy_slot(const cr_score_image *image, int from, int to,
                      const struct cr_results_maps *out, int b)
{
    out->empty[b * CR_SLOTS + to] = out->empty[b * CR_SLOTS + from];
    for (int p = 0; p < image->n_protocols; p++) {
        const int n = image->protocols[p].n_boxes;
        const int source = (b * CR_SLOTS + from) * n, target = (b * CR_SLOTS + to) * n;
        for (int i = 0; i < n; i++) {
            out->protocols[p].boxes[target + i] = out->protocols[p].boxes[source + i];
            out->protocols[p].iou[target + i] = out->protocols[p].iou[source + i];
        }
    }
}

cr_status cr_score_maps(const cr_score_image *image, const cr_loc_map *first, int first_slot,
                        bool same, const struct cr_results_maps *out, int b,
                        cr_loc_workspace *workspace, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_data_image *of = &image->data->images[image->index];
    const size_t values = (size_t)first->n_views * (size_t)first->width * (size_t)first->height;
    cr_loc_map map = *first;
    cr_score_blank(image->protocols, image->n_protocols, out, b);
    for (int slot = first_slot; slot < CR_SLOTS; slot++) {
        map.maps = first->maps + (size_t)(slot - first_slot) * values;
        if (same && slot > first_slot) {
            copy_slot(image, first_slot, slot, out, b);
            continue;
        }
        out->empty[b * CR_SLOTS + slot] = cr_loc_map_is_empty(&map);
        CR_TRY(find_boxes(image, &map, b * CR_SLOTS + slot, out, workspace, err));
    }
    /* The last map was that of the ground-truth class. */
    if (of->n_boxes)
        CR_TRY(cr_loc_sweep(&map, CR_UPSAMPLING_BILINEAR, image->width, image->height,
                            image->data->boxes + of->first_box, of->n_boxes,
                            out->levels + (size_t)b * CR_SWEEP_LEVELS, workspace, err));

cleanup:
    return status;
}
