/* baseline.c - what boxes get that were drawn without looking at the image. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

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

/* Who sees what an image adds to a baseline. */
typedef struct seeing {
    cr_results_visit_sums *visit;
    void *context;
    int64_t *one; /* [cr_metric_most_sums] */
    int image;
} seeing;

/* Adds an image to the sums of a metric, which judges it as it does a map's. */
static void add(const cr_metric_image *image, int metric, int protocol, const void *const *columns,
                const seeing *by, void *sums)
{
    const cr_metric_given given = {.columns = columns};
    double value; /* ours are what they should be */
    cr_metrics[metric]->add(image, &given, sums, &value);
    memset(by->one, 0, (size_t)cr_metrics[metric]->n_sums * sizeof *by->one);
    cr_metrics[metric]->add(image, &given, by->one, &value);
    by->visit(by->context, metric, protocol, by->image, by->one);
}

/* The box of the ground-truth class is the whole image. `size` is -1, -1 for one that failed. */
static void add_whole(const cr_metric_image *image, const int32_t size[2],
                      const cr_results_plan *plan, int p, const seeing *by, cr_tally *tally)
{
    cr_box boxes[CR_SLOTS];
    double iou[CR_SLOTS];
    cr_protocol one_box = plan->protocols[p];
    cr_metric_image seen = *image;
    one_box.n_boxes = 1;
    one_box.predictions = CR_PREDICT_PLAIN;
    seen.protocol = &one_box;
    for (int slot = 0; slot < CR_SLOTS; slot++) {
        boxes[slot] = (cr_box){0, 0, size[0] - 1, size[1] - 1};
        iou[slot] = cr_iou_best(boxes[slot], image->truth, image->n_truth);
    }
    add(&seen, CR_METRIC_LOCALIZATION, p, (const void *[]){boxes, iou}, by, tally);
}

/* One box a level, the largest contour's and any contour's: `hits` [n] are bits 0, 1, 2. */
static void add_levels(const cr_metric_image *image, const uint8_t *hits, int n, const seeing *by,
                       cr_sweep *sweep)
{
    uint8_t levels[CR_SWEEP_LEVELS] = {0};
    for (int level = 0; level < n; level++)
        levels[level] = (uint8_t)(hits[level] | hits[level] << 3);
    add(image, CR_METRIC_MAX_BOX_ACC, 0, (const void *[]){levels}, by, sweep);
}

cr_status cr_results_baselines(cr_results *results, cr_tally *whole_tallies, cr_sweep *whole,
                               cr_sweep *center, cr_results_visit_sums *visit,
                               void *const contexts[2], cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = cr_results_get_data(results);
    const cr_results_plan *plan = cr_results_get_plan(results);
    int32_t *sizes = cr_alloc((size_t)data->n_images, 2 * sizeof *sizes);
    int64_t *one = cr_alloc(cr_metric_most_sums(), sizeof *one);
    if (!sizes || !one)
        CR_TRY(cr_fail_memory(err, "sizes", (size_t)data->n_images, 2 * sizeof *sizes));
    CR_TRY(find_sizes(results, sizes, err));
    const int32_t no_class[CR_TOP] = {-1, -1, -1, -1, -1};
    for (int i = 0; i < data->n_images; i++) {
        const cr_data_image *of = &data->images[i];
        const int32_t *size = &sizes[2 * i];
        const uint8_t state = size[0] < 0 ? CR_ROW_FAILED : CR_ROW_DONE;
        if (size[0] == 0)
            continue;
        const cr_metric_image image = {
            .protocol = plan->protocols,
            .label = of->label,
            .localize = of->localize != 0,
            .truth = data->boxes + of->first_box,
            .n_truth = of->n_boxes,
            .skip_failed = plan->skip_failed,
            .state = state,
            .model_state = state,
            .top_class = no_class,
            .part = cr_held_out_part(cr_data_image_id(data, i)),
        };
        uint8_t hits = 0, center_hits[CR_CENTER_BOXES] = {0};
        if (state == CR_ROW_DONE) {
            cr_loc_whole_image_hits(size[0], size[1], image.truth, image.n_truth, &hits);
            cr_loc_center_hits(size[0], size[1], image.truth, image.n_truth, center_hits);
        }
        for (int p = 0; p < plan->n_protocols; p++)
            add_whole(&image, size, plan, p, &(seeing){visit, contexts[0], one, i},
                      &whole_tallies[p]);
        add_levels(&image, &hits, 1, &(seeing){visit, contexts[0], one, i}, whole);
        add_levels(&image, center_hits, CR_CENTER_BOXES, &(seeing){visit, contexts[1], one, i},
                   center);
    }

cleanup:
    free(one);
    free(sizes);
    return status;
}
