/* One image after the other under one variant and protocol, for what compares images. */
#include "internal.h"

#include <string.h>

cr_metric_image cr_results_seen(const cr_results *results, int model, int protocol,
                                const cr_results_rows *rows, const uint8_t *state,
                                const struct cr_results_boxes *boxes, int i)
{
    const cr_data_image *image = &results->data.images[rows->first + i];
    const cr_protocol *of = &results->plan.protocols[protocol];
    const size_t first = (size_t)i * CR_SLOTS * (size_t)of->n_boxes;
    return (cr_metric_image){
        .protocol = of,
        .label = image->label,
        .localize = image->localize != 0,
        .truth = results->data.boxes + image->first_box,
        .n_truth = image->n_boxes,
        .has_network = cr_results_has_network(&results->plan.models[model]),
        .skip_failed = results->plan.skip_failed,
        .state = state[i],
        .model_state = rows->state[i],
        .top_class = rows->top_class + (size_t)i * CR_TOP,
        .boxes = boxes->boxes ? boxes->boxes + first : NULL,
        .iou = boxes->iou ? boxes->iou + first : NULL,
    };
}

cr_status cr_results_bad_row(const cr_results *results, int model, int image, double value,
                             const char *what, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "%s: model %s, image %s: %g is no %s", results->path,
                   results->plan.models[model].name, cr_data_image_id(&results->data, image), value,
                   what);
}

/* What is read of a slice. */
typedef struct slice {
    cr_results_rows rows;
    struct cr_results_maps *maps; /* of the variant, among those of the rows */
    struct cr_results_boxes boxes;
    int model, protocol;
} slice;

/* The columns of metrics that are not in every file. */
static bool alloc_further(const cr_results_plan *plan, size_t n, cr_arena *arena, slice *s)
{
    bool ok = true;
    for (int k = 0; ok && k < cr_metric_n_columns(); k++) {
        int metric;
        const cr_metric_column *column = cr_metric_column_at(k, &metric);
        if (!plan->metrics[metric].wanted)
            continue;
        void *array = cr_arena_alloc(
            arena, n, cr_results_metric_items(plan, k, s->protocol) * cr_metric_item_bytes(column));
        cr_results_metric_take(s->maps, k, s->protocol, array);
        ok = array != NULL;
    }
    return ok;
}

/* What they gave for image i of the slice. `values` has room for all of them. */
static void find_given(const cr_results_plan *plan, const slice *s, int i,
                       const void *values[CR_METRIC_MAX_COLUMNS],
                       cr_metric_given given[CR_METRIC_MAX])
{
    for (int m = 0, k = 0; cr_metrics[m]; m++) {
        const bool has = plan->metrics[m].wanted && plan->models[s->model].n_variants > 0;
        given[m] = (cr_metric_given){cr_results_metric_parameters(plan, m, s->protocol),
                                     has ? values + k : NULL};
        for (int j = 0; j < cr_metrics[m]->n_columns; j++, k++)
            if (has)
                values[k] = (const char *)cr_results_metric_array(s->maps, k, s->protocol) +
                            (size_t)i * cr_results_metric_items(plan, k, s->protocol) *
                                cr_metric_item_bytes(&cr_metrics[m]->columns[j]);
    }
}

/* Of classes alone: the rows' states are those of the maps that there are not. */
static bool alloc_classes(size_t n_protocols, cr_arena *arena, slice *s)
{
    s->maps = cr_arena_alloc(arena, 1, sizeof *s->maps);
    if (!s->maps)
        return false;
    s->maps->state = s->rows.state;
    s->maps->protocols = cr_arena_alloc(arena, n_protocols, sizeof *s->maps->protocols);
    return s->maps->protocols != NULL;
}

static cr_status alloc_slice(const cr_results *results, int variant, int parts, cr_arena *arena,
                             slice *s, cr_error *err)
{
    const cr_results_plan *plan = &results->plan;
    const size_t n = CR_RESULTS_SHARE, n_variants = (size_t)plan->models[s->model].n_variants;
    const size_t n_boxes = n * CR_SLOTS * (size_t)plan->protocols[s->protocol].n_boxes;
    s->rows.state = cr_arena_alloc(arena, n, 1);
    s->rows.top_class = cr_arena_alloc(arena, n, CR_TOP * sizeof *s->rows.top_class);
    s->rows.variants = cr_arena_alloc(arena, n_variants, sizeof *s->rows.variants);
    bool whole = s->rows.state && s->rows.top_class && s->rows.variants;
    if (whole && n_variants == 0) {
        whole = alloc_classes((size_t)plan->n_protocols, arena, s);
        return whole ? CR_OK : cr_fail_memory(err, "columns", n, sizeof *s->maps);
    }
    if (whole) {
        s->maps = &s->rows.variants[variant];
        s->maps->state = cr_arena_alloc(arena, n, 1);
        s->maps->protocols =
            cr_arena_alloc(arena, (size_t)plan->n_protocols, sizeof *s->maps->protocols);
        whole = s->maps->state && s->maps->protocols;
    }
    if (whole && parts & CR_RESULTS_LEVELS)
        whole = (s->maps->levels = cr_arena_alloc(arena, n, CR_SWEEP_LEVELS)) != NULL;
    if (whole && parts & (CR_RESULTS_IOU | CR_RESULTS_BOXES))
        whole = (s->boxes.iou = cr_arena_alloc(arena, n_boxes, sizeof *s->boxes.iou)) != NULL;
    if (whole && parts & CR_RESULTS_BOXES)
        whole = (s->boxes.boxes = cr_arena_alloc(arena, n_boxes, sizeof *s->boxes.boxes)) != NULL;
    if (whole) {
        s->maps->protocols[s->protocol] = s->boxes;
        whole = alloc_further(plan, n, arena, s);
    }
    return whole ? CR_OK : cr_fail_memory(err, "columns", n, CR_SLOTS * sizeof(cr_box));
}

static cr_status visit_slice(const cr_results *results, const slice *s, cr_results_visit *visit,
                             void *context, cr_error *err)
{
    const void *values[CR_METRIC_MAX_COLUMNS];
    cr_metric_given given[CR_METRIC_MAX];
    for (int i = 0; i < s->rows.n; i++) {
        const int image = s->rows.first + i;
        const uint8_t *levels =
            s->maps->levels ? s->maps->levels + (size_t)i * CR_SWEEP_LEVELS : NULL;
        if (s->maps->state[i] > CR_ROW_FAILED || s->rows.state[i] > CR_ROW_FAILED)
            return cr_results_bad_row(results, s->model, image, s->maps->state[i], "state", err);
        cr_metric_image seen =
            cr_results_seen(results, s->model, s->protocol, &s->rows, s->maps->state, &s->boxes, i);
        if (results->plan.models[s->model].n_variants == 0)
            seen.n_truth = 0;
        const cr_verdict verdict = cr_metric_judge(&seen);
        if (verdict.is_localized && !(verdict.iou >= 0 && verdict.iou <= 1))
            return cr_results_bad_row(results, s->model, image, verdict.iou, "IoU", err);
        const bool is_done = !verdict.is_missing && !verdict.has_failed;
        for (int level = 0; levels && is_done && level < CR_SWEEP_LEVELS; level++)
            if (levels[level] >> CR_SWEEP_BITS)
                return cr_results_bad_row(results, s->model, image, levels[level],
                                          "set of bits of a level", err);
        find_given(&results->plan, s, i, values, given);
        visit(context, image, &seen, &verdict, is_done ? levels : NULL, given);
    }
    return CR_OK;
}

cr_status cr_results_visit_images(cr_results *results, int model, int row, int protocol, int parts,
                                  cr_results_visit *visit, void *context, cr_error *err)
{
    cr_status status = CR_OK;
    const int n_images = results->data.n_images;
    slice s = {.model = model, .protocol = protocol};
    cr_arena arena = {0};
    CR_TRY(alloc_slice(results, row, parts, &arena, &s, err));
    for (; s.rows.first < n_images; s.rows.first += CR_RESULTS_SHARE) {
        const int left = n_images - s.rows.first;
        s.rows.n = left < CR_RESULTS_SHARE ? left : CR_RESULTS_SHARE;
        CR_TRY(cr_results_read(results, model, &s.rows, err));
        CR_TRY(visit_slice(results, &s, visit, context, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}
