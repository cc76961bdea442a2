/* baseline.c - what boxes get that were drawn without looking at the image. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

/* The size of every image, as far as known: 0, 0 where not; -1, -1 where the image failed. */
static cr_status find_sizes(cr_results *results, int32_t *sizes, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(results);
    uint8_t *state = cr_alloc(CR_RESULTS_SHARE, 1);
    int32_t *decoded = cr_alloc(CR_RESULTS_SHARE, 2 * sizeof *decoded);
    cr_results_rows rows = {.state = state, .size = decoded};
    if (!state || !decoded)
        CR_TRY(cr_fail_memory(err, "sizes", CR_RESULTS_SHARE, 2 * sizeof *decoded));
    for (int i = 0; i < data->n_images; i++) {
        sizes[2 * i] = data->images[i].width;
        sizes[2 * i + 1] = data->images[i].height;
    }
    for (int m = 0; m < cr_results_get_plan(results)->n_models; m++)
        for (rows.first = 0; rows.first < data->n_images; rows.first += rows.n) {
            const int left = data->n_images - rows.first;
            rows.n = left < CR_RESULTS_SHARE ? left : CR_RESULTS_SHARE;
            CR_TRY(cr_results_read(results, m, &rows, err));
            for (int i = 0; i < rows.n; i++) {
                int32_t *size = &sizes[2 * (rows.first + i)];
                if (size[0] > 0 || state[i] == CR_ROW_EMPTY)
                    continue;
                const bool known = decoded[2 * i] > 0 && decoded[2 * i + 1] > 0;
                size[0] = known ? decoded[2 * i] : -1;
                size[1] = known ? decoded[2 * i + 1] : -1;
            }
        }

cleanup:
    free(decoded);
    free(state);
    return status;
}

/* The GT-known box of an image is the whole image. `size` is -1, -1 for one that failed. */
static void add_whole(const cr_dataset *data, const cr_data_image *image, const int32_t size[2],
                      const cr_protocol *protocol, cr_tally *tally)
{
    const cr_box *truth = data->boxes + image->first_box;
    const cr_box whole = {0, 0, size[0] - 1, size[1] - 1};
    if (protocol->exclude && !image->localize)
        return;
    tally->n_localized++;
    if (size[0] < 0) {
        tally->gt_known_outcomes[CR_OUTCOME_FAILED]++;
        return;
    }
    const double iou = cr_iou_best(whole, truth, image->n_boxes);
    const bool right = iou >= protocol->iou;
    tally->gt_known_right += right;
    tally->iou_sum += llround(ldexp(iou, 40));
    tally->gt_known_outcomes[right ? CR_OUTCOME_RIGHT
                                   : cr_outcome_of_box(whole, truth, image->n_boxes)]++;
}

static void add_hits(cr_sweep *sweep, int part, int level, uint8_t hits)
{
    /* One box: the largest contour's is any contour's. */
    for (int bit = 0; bit < CR_SWEEP_BITS; bit++)
        sweep->right[part][bit][level] += (hits >> (bit % 3)) & 1;
}

cr_status cr_results_baselines(cr_results *results, cr_tally *whole_tallies, cr_sweep *whole,
                               cr_sweep *center, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(results);
    const cr_results_plan *plan = cr_results_get_plan(results);
    int32_t *sizes = cr_alloc((size_t)data->n_images, 2 * sizeof *sizes);
    if (!sizes)
        CR_TRY(cr_fail_memory(err, "sizes", (size_t)data->n_images, 2 * sizeof *sizes));
    CR_TRY(find_sizes(results, sizes, err));
    for (int i = 0; i < data->n_images; i++) {
        const cr_data_image *image = &data->images[i];
        const cr_box *truth = data->boxes + image->first_box;
        const int32_t *size = &sizes[2 * i];
        if (image->n_boxes == 0 || size[0] == 0 || (size[0] < 0 && plan->skip_failed))
            continue;
        const int part = cr_held_out_part(cr_data_image_id(data, i));
        for (int p = 0; p < plan->n_protocols; p++)
            add_whole(data, image, size, &plan->protocols[p], &whole_tallies[p]);
        whole->n_images[part]++;
        center->n_images[part]++;
        if (size[0] < 0)
            continue;
        uint8_t hits, center_hits[CR_CENTER_BOXES];
        cr_loc_whole_image_hits(size[0], size[1], truth, image->n_boxes, &hits);
        cr_loc_center_hits(size[0], size[1], truth, image->n_boxes, center_hits);
        add_hits(whole, part, 0, hits);
        for (int k = 0; k < CR_CENTER_BOXES; k++)
            add_hits(center, part, k, center_hits[k]);
    }

cleanup:
    free(sizes);
    return status;
}
