/* baseline.c - what boxes get that were drawn without looking at the image. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

const char *const cr_baseline_names[] = {
    [CR_BASELINE_WHOLE] = "whole-image", [CR_BASELINE_CENTER] = "center-box"};

bool cr_results_has_baselines(const cr_results *results)
{
    const cr_results_plan *plan = &results->plan;
    bool any = plan->n_models == 0;
    for (int m = 0; m < plan->n_models; m++)
        any = any || plan->models[m].n_variants > 0;
    return any && !plan->no_boxes && results->data.n_boxes > 0;
}

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

/* An image whose box of the ground-truth class, and of any, is the whole image. */
typedef struct whole_image {
    cr_box boxes[CR_SLOTS];
    double iou[CR_SLOTS];
    cr_protocol one_box;
    cr_metric_image image; /* under `one_box` */
} whole_image;

/* `size` is -1, -1 for one that failed. */
static void make_whole(const cr_metric_image *image, const int32_t size[2],
                       const cr_protocol *protocol, whole_image *to)
{
    to->one_box = *protocol;
    to->image = *image;
    to->one_box.n_boxes = 1;
    to->one_box.predictions = CR_PREDICT_PLAIN;
    to->image.protocol = &to->one_box;
    for (int slot = 0; slot < CR_SLOTS; slot++) {
        to->boxes[slot] = (cr_box){0, 0, size[0] - 1, size[1] - 1};
        to->iou[slot] = cr_iou_best(to->boxes[slot], image->truth, image->n_truth);
    }
}

static void add_whole(const cr_metric_image *image, const int32_t size[2],
                      const cr_results_plan *plan, int p, const seeing *by, cr_tally *tally)
{
    whole_image seen;
    make_whole(image, size, &plan->protocols[p], &seen);
    add(&seen.image, CR_METRIC_LOCALIZATION, p, (const void *[]){seen.boxes, seen.iou}, by, tally);
}

/* One box a level, the largest contour's and any contour's: `hits` [n] are bits 0, 1, 2. */
static void make_levels(const uint8_t *hits, int n, uint8_t levels[CR_SWEEP_LEVELS])
{
    memset(levels, 0, CR_SWEEP_LEVELS);
    for (int level = 0; level < n; level++)
        levels[level] = (uint8_t)(hits[level] | hits[level] << 3);
}

static void add_levels(const cr_metric_image *image, const uint8_t *hits, int n, const seeing *by,
                       cr_sweep *sweep)
{
    uint8_t levels[CR_SWEEP_LEVELS];
    make_levels(hits, n, levels);
    add(image, CR_METRIC_MAX_BOX_ACC, 0, (const void *[]){levels}, by, sweep);
}

static const int32_t no_class[CR_TOP] = {-1, -1, -1, -1, -1};

/* Image i, of this size, with what the whole image (one level) and centred squares hit. */
static cr_metric_image see_image(const cr_results *results, int i, const int32_t size[2],
                                 uint8_t *hits, uint8_t center_hits[CR_CENTER_BOXES])
{
    const cr_data_image *of = &results->data.images[i];
    const uint8_t state = size[0] < 0 ? CR_ROW_FAILED : size[0] == 0 ? CR_ROW_EMPTY : CR_ROW_DONE;
    const cr_metric_image image = {
        .protocol = results->plan.protocols,
        .label = of->label,
        .localize = of->localize != 0,
        .truth = results->data.boxes + of->first_box,
        .n_truth = of->n_boxes,
        .skip_failed = results->plan.skip_failed,
        .state = state,
        .model_state = state,
        .top_class = no_class,
        .part = cr_held_out_part(cr_data_image_id(&results->data, i),
                                 cr_data_image_bytes(&results->data, i)),
    };
    *hits = 0;
    memset(center_hits, 0, CR_CENTER_BOXES);
    if (state == CR_ROW_DONE) {
        cr_loc_whole_image_hits(size[0], size[1], image.truth, image.n_truth, hits);
        cr_loc_center_hits(size[0], size[1], image.truth, image.n_truth, center_hits);
    }
    return image;
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
    for (int i = 0; i < data->n_images; i++) {
        const int32_t *size = &sizes[2 * i];
        uint8_t hits, center_hits[CR_CENTER_BOXES];
        if (size[0] == 0)
            continue;
        const cr_metric_image image = see_image(results, i, size, &hits, center_hits);
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

/* What a centred square has of an image is its best side alone. */
static void visit_center(const cr_metric_image *image, int i, const uint8_t *levels,
                         cr_results_visit *visit, void *context, const cr_metric_given *given)
{
    cr_verdict verdict = cr_metric_judge(image);
    verdict.is_localized = verdict.has_prediction = false;
    visit(context, i, image, &verdict, levels, given);
}

cr_status cr_results_visit_baseline(cr_results *results, int baseline, int protocol,
                                    cr_results_visit *visit, void *context, cr_error *err)
{
    cr_status status = CR_OK;
    const int n = results->data.n_images;
    const cr_metric_given given[CR_METRIC_MAX] = {{NULL, NULL}};
    int32_t *sizes = cr_alloc((size_t)n, 2 * sizeof *sizes);
    if (!sizes)
        CR_TRY(cr_fail_memory(err, "sizes", (size_t)n, 2 * sizeof *sizes));
    CR_TRY(find_sizes(results, sizes, err));
    for (int i = 0; i < n; i++) {
        uint8_t hits, center_hits[CR_CENTER_BOXES], levels[CR_SWEEP_LEVELS];
        const cr_metric_image image = see_image(results, i, &sizes[2 * i], &hits, center_hits);
        if (baseline == CR_BASELINE_CENTER) {
            make_levels(center_hits, CR_CENTER_BOXES, levels);
            visit_center(&image, i, levels, visit, context, given);
            continue;
        }
        whole_image seen;
        make_whole(&image, &sizes[2 * i], &results->plan.protocols[protocol], &seen);
        seen.image.boxes = seen.boxes;
        seen.image.iou = seen.iou;
        make_levels(&hits, 1, levels);
        const cr_verdict verdict = cr_metric_judge(&seen.image);
        visit(context, i, &seen.image, &verdict, levels, given);
    }

cleanup:
    free(sizes);
    return status;
}
