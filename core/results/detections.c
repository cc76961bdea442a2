/* Detections of a whole set, for average precision: the boxes of an image's first five classes, once an image,
 * whatever number of rows it has. Nothing here looks at the slot of the ground-truth class. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

typedef struct reading {
    const cr_dataset *data;
    const cr_results_plan *plan;
    int model, variant, protocol;
    const bool *kept;     /* as cr_results_detections has it */
    cr_results_rows rows; /* of all images: states, classes, logits and boxes */
    cr_detections *to;
    size_t capacity, object_capacity;
} reading;

static bool keeps(const reading *d, int row)
{
    return !d->kept || d->kept[row];
}

static cr_status read_rows(reading *d, cr_results *results, cr_arena *arena, cr_error *err)
{
    const size_t n = (size_t)d->data->n_images;
    const size_t n_boxes = CR_SLOTS * (size_t)d->plan->protocols[d->protocol].n_boxes;
    cr_results_rows *rows = &d->rows;
    struct cr_results_maps *maps =
        cr_arena_alloc(arena, (size_t)d->plan->models[d->model].n_variants, sizeof *maps);
    struct cr_results_boxes *boxes =
        cr_arena_alloc(arena, (size_t)d->plan->n_protocols, sizeof *boxes);
    *rows = (cr_results_rows){
        .n = d->data->n_images,
        .state = cr_arena_alloc(arena, n, 1),
        .top_class = cr_arena_alloc(arena, n, CR_TOP * sizeof *rows->top_class),
        .top_logit = cr_arena_alloc(arena, n, CR_TOP * sizeof *rows->top_logit),
        .log_sum = cr_arena_alloc(arena, n, sizeof *rows->log_sum),
        .variants = maps,
    };
    if (!maps || !boxes || !rows->state || !rows->top_class || !rows->top_logit || !rows->log_sum)
        return cr_fail_memory(err, "detections", n, CR_TOP * sizeof(double));
    maps[d->variant].protocols = boxes;
    maps[d->variant].state = cr_arena_alloc(arena, n, 1);
    boxes[d->protocol].boxes = cr_arena_alloc(arena, n, n_boxes * sizeof(cr_box));
    if (!maps[d->variant].state || !boxes[d->protocol].boxes)
        return cr_fail_memory(err, "detections", n, n_boxes * sizeof(cr_box));
    return cr_results_read(results, d->model, rows, err);
}

/* A box of a class in an image whose rows are first .. end - 1. One that hits a difficult object, or is of a class
 * for which the image is not localized, is none. */
static cr_status add(reading *d, int first, int end, int class, cr_box box, double score,
                     cr_error *err)
{
    const cr_protocol *protocol = &d->plan->protocols[d->protocol];
    double best = 0;
    bool is_difficult = false;
    for (int i = first; i < end; i++) {
        const cr_data_image *row = &d->data->images[i];
        if (row->label != class || !keeps(d, i))
            continue;
        if (!cr_metric_localizes(protocol, row->localize != 0))
            return CR_OK;
        for (int k = 0; k < row->n_boxes; k++) {
            const double iou = cr_iou(box, d->data->boxes[row->first_box + k]);
            if (iou > best) {
                best = iou;
                is_difficult = k >= row->n_boxes - row->n_difficult;
            }
        }
    }
    if (best >= protocol->iou && is_difficult)
        return CR_OK;
    CR_OR_RETURN(cr_reserve(&d->to->items, d->to->n, &d->capacity, sizeof *d->to->items, err));
    d->to->items[d->to->n++] = (cr_detection){score, class, d->to->n_images, best >= protocol->iou};
    return CR_OK;
}

static cr_status add_objects(reading *d, int first, int end, cr_error *err)
{
    for (int i = first; i < end; i++) {
        const cr_data_image *row = &d->data->images[i];
        const int n = row->n_boxes - row->n_difficult;
        if (!keeps(d, i) || row->label < 0 || n == 0 ||
            !cr_metric_localizes(&d->plan->protocols[d->protocol], row->localize != 0))
            continue;
        CR_OR_RETURN(cr_reserve(&d->to->objects, d->to->n_objects, &d->object_capacity,
                                sizeof *d->to->objects, err));
        d->to->objects[d->to->n_objects++] = (cr_objects){row->label, d->to->n_images, n};
    }
    return CR_OK;
}

/* An image, whose rows have the same predictions: the first that is done counts. */
static cr_status add_image(reading *d, int first, int end, cr_error *err)
{
    const cr_results_rows *rows = &d->rows;
    const struct cr_results_maps *maps = &rows->variants[d->variant];
    const cr_protocol *protocol = &d->plan->protocols[d->protocol];
    int done = -1;
    bool has_failed = false;
    for (int i = end; i-- > first;) {
        if (!keeps(d, i))
            continue;
        const bool failed = rows->state[i] == CR_ROW_FAILED || maps->state[i] == CR_ROW_FAILED;
        has_failed = has_failed || failed;
        done = !failed && rows->state[i] == CR_ROW_DONE && maps->state[i] == CR_ROW_DONE ? i : done;
    }
    d->to->counts[d->to->n_images] = done >= 0 || (has_failed && !d->plan->skip_failed);
    if (!d->to->counts[d->to->n_images])
        return CR_OK;
    CR_OR_RETURN(add_objects(d, first, end, err));
    for (int slot = 0; slot < CR_TOP && done >= 0; slot++) {
        const size_t at = (size_t)done * CR_TOP + (size_t)slot;
        const double log_sum = rows->log_sum[done];
        const cr_box box =
            maps->protocols[d->protocol]
                .boxes[((size_t)done * CR_SLOTS + (size_t)slot) * (size_t)protocol->n_boxes];
        if (rows->top_class[at] >= 0 && box.x0 >= 0)
            CR_OR_RETURN(add(d, first, end, rows->top_class[at], box,
                             (double)rows->top_logit[at] - (isnan(log_sum) ? 0 : log_sum), err));
    }
    return CR_OK;
}

static cr_status add_images(reading *d, cr_error *err)
{
    const int n = d->data->n_images;
    d->to->counts = cr_alloc((size_t)n, sizeof *d->to->counts);
    if (!d->to->counts)
        return cr_fail_memory(err, "detections", (size_t)n, sizeof *d->to->counts);
    for (int first = 0, end; first < n; first = end) {
        bool any = keeps(d, first);
        for (end = first + 1; end < n && cr_data_follows(d->data, end); end++)
            any = any || keeps(d, end);
        if (!any)
            continue;
        CR_OR_RETURN(add_image(d, first, end, err));
        d->to->n_images++;
    }
    return CR_OK;
}

cr_status cr_results_detections(cr_results *results, int model, int variant, int protocol,
                                const bool *kept, cr_detections *detections, cr_error *err)
{
    cr_status status = CR_OK;
    cr_arena arena = {0};
    reading d = {.data = cr_results_get_data(results),
                 .plan = cr_results_get_plan(results),
                 .model = model,
                 .variant = variant,
                 .protocol = protocol,
                 .kept = kept,
                 .to = detections};
    *detections = (cr_detections){.n_classes = d.data->n_classes};
    if (!d.plan->has_log_sum || !cr_results_has_network(&d.plan->models[model]) ||
        variant >= d.plan->models[model].n_variants)
        return CR_OK;
    CR_TRY(read_rows(&d, results, &arena, err));
    CR_TRY(add_images(&d, err));
    cr_detections_sort(detections);

cleanup:
    cr_arena_free(&arena);
    if (status != CR_OK)
        cr_results_detections_free(detections);
    return status;
}

void cr_results_detections_free(cr_detections *detections)
{
    free(detections->items);
    free(detections->objects);
    free(detections->counts);
    *detections = (cr_detections){0};
}
