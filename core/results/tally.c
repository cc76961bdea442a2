/* tally.c - counting rows, a slice of images at a time. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is counted, and where to. */
typedef struct counting {
    cr_results *results;
    cr_tally *tallies; /* of the model: [variant][protocol][n_groups] */
    cr_sweep *sweeps;  /* of the model: [variant], or NULL */
    int n_groups;      /* 1, or the number of classes */
    /* The slice: model, and one variant under one protocol. */
    int model;
    cr_results_rows rows, part; /* `part` has the rows' variants alone */
    uint8_t *held_out;          /* [n] cr_held_out_part */
    struct cr_results_maps *variants;
    struct cr_results_boxes *protocols;
    struct cr_results_boxes boxes;   /* room for any protocol's */
    uint8_t *levels, *empty, *state; /* of a variant */
} counting;

static cr_status bad_row(const counting *c, int i, double value, const char *what, cr_error *err)
{
    return cr_results_bad_row(c->results, c->model, c->rows.first + i, value, what, err);
}

/* Image i of the slice under a variant and protocol p, of the part that was read. */
static cr_metric_image image_at(const counting *c, int p, int i)
{
    return cr_results_seen(c->results, c->model, p, &c->rows, c->state, &c->boxes, i);
}

static void add_localized(const counting *c, int i, const cr_metric_image *image,
                          const cr_verdict *verdict, cr_tally *tally)
{
    const cr_outcomes outcomes = cr_metric_outcomes(image);
    cr_prediction predictions[CR_TOP];
    cr_protocol_predictions(image->protocol, predictions);
    tally->n_localized++;
    tally->top1_loc_right += verdict->top1_loc_right;
    tally->top5_loc_right += verdict->top5_loc_right;
    tally->gt_known_right += verdict->gt_known_right;
    tally->iou_sum += llround(ldexp(verdict->iou, 40));
    tally->top1_outcomes[outcomes.top1] += image->has_network;
    tally->gt_known_outcomes[outcomes.gt_known]++;
    if (!c->empty || verdict->has_failed)
        return;
    const uint8_t *empty = c->empty + i * CR_SLOTS;
    tally->top1_empty += image->has_network && empty[predictions[0].slot] != 0;
    tally->gt_known_empty += empty[CR_SLOT_TRUTH] != 0;
}

/* Adds image i of the slice under protocol p of the part that was read. */
static cr_status add_image(const counting *c, int p, int i, cr_tally *tally, cr_error *err)
{
    const cr_metric_image image = image_at(c, p, i);
    const cr_verdict verdict = cr_metric_judge(&image);
    tally->n_missing += verdict.is_missing;
    tally->n_failed += verdict.has_failed;
    tally->n_images += verdict.is_classified;
    tally->top1_class_right += verdict.top1_class_right;
    tally->top5_class_right += verdict.top5_class_right;
    if (!verdict.is_localized)
        return CR_OK;
    if (!(verdict.iou >= 0 && verdict.iou <= 1))
        return bad_row(c, i, verdict.iou, "IoU", err);
    add_localized(c, i, &image, &verdict, tally);
    return CR_OK;
}

static cr_status tally_protocol(counting *c, int v, int p, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_dataset *data = &c->results->data;
    cr_tally *tallies =
        c->tallies + (size_t)(v * c->results->plan.n_protocols + p) * (size_t)c->n_groups;
    c->protocols[p] = c->boxes;
    CR_TRY(cr_results_read(c->results, c->model, &c->part, err));
    for (int i = 0; i < c->rows.n; i++) {
        const int group = c->n_groups > 1 ? data->images[c->rows.first + i].label : 0;
        CR_TRY(add_image(c, p, i, &tallies[group], err));
    }

cleanup:
    c->protocols[p] = (struct cr_results_boxes){0};
    return status;
}

static cr_status sweep_image(const counting *c, int i, cr_sweep *sweep, cr_error *err)
{
    const uint8_t *levels = c->levels + (size_t)i * CR_SWEEP_LEVELS;
    cr_metric_image image = image_at(c, 0, i);
    image.iou = NULL; /* of no protocol */
    const cr_verdict verdict = cr_metric_judge(&image);
    const int part = c->held_out[i];
    sweep->n_images[part] += verdict.is_swept;
    for (int level = 0; level < CR_SWEEP_LEVELS && verdict.is_swept && !verdict.has_failed;
         level++) {
        if (levels[level] >> CR_SWEEP_BITS)
            return bad_row(c, i, levels[level], "set of bits of a level", err);
        for (int bit = 0; bit < CR_SWEEP_BITS; bit++)
            sweep->right[part][bit][level] += (levels[level] >> bit) & 1;
    }
    return CR_OK;
}

static cr_status tally_sweep(counting *c, int v, cr_error *err)
{
    cr_status status = CR_OK;
    c->variants[v].levels = c->levels;
    CR_TRY(cr_results_read(c->results, c->model, &c->part, err));
    for (int i = 0; i < c->rows.n; i++)
        CR_TRY(sweep_image(c, i, &c->sweeps[v], err));

cleanup:
    c->variants[v].levels = NULL;
    return status;
}

static cr_status read_states(counting *c, int v, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_rows rows = c->rows;
    c->variants[v].state = c->state;
    CR_TRY(cr_results_read(
        c->results, c->model,
        &(cr_results_rows){
            .first = rows.first, .n = rows.n, .state = rows.state, .variants = c->variants},
        err));
    for (int i = 0; i < rows.n; i++)
        if (c->state[i] > CR_ROW_FAILED)
            CR_TRY(bad_row(c, i, c->state[i], "state", err));

cleanup:
    c->variants[v].state = NULL;
    return status;
}

static cr_status tally_slice(counting *c, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &c->results->plan;
    CR_TRY(cr_results_read(c->results, c->model, &c->rows, err));
    for (int i = 0; i < c->rows.n; i++) {
        if (c->rows.state[i] > CR_ROW_FAILED)
            CR_TRY(bad_row(c, i, c->rows.state[i], "state", err));
        if (c->sweeps)
            c->held_out[i] =
                (uint8_t)cr_held_out_part(cr_data_image_id(&c->results->data, c->rows.first + i));
    }
    for (int v = 0; v < plan->models[c->model].n_variants; v++) {
        CR_TRY(read_states(c, v, err));
        c->variants[v].protocols = c->protocols;
        c->variants[v].empty = c->empty;
        for (int p = 0; p < plan->n_protocols; p++)
            CR_TRY(tally_protocol(c, v, p, err));
        c->variants[v].protocols = NULL;
        c->variants[v].empty = NULL;
        if (c->sweeps)
            CR_TRY(tally_sweep(c, v, err));
    }

cleanup:
    return status;
}

static cr_status tally_model(counting *c, int first, int n, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &c->results->plan;
    const int n_variants = plan->models[c->model].n_variants;
    const size_t slice = (size_t)(n < CR_RESULTS_SHARE ? n : CR_RESULTS_SHARE);
    int n_boxes = 1;
    for (int p = 0; p < plan->n_protocols; p++)
        n_boxes = plan->protocols[p].n_boxes > n_boxes ? plan->protocols[p].n_boxes : n_boxes;
    cr_arena arena = {0};
    c->rows = (cr_results_rows){
        .state = cr_arena_alloc(&arena, slice, 1),
        .top_class = cr_arena_alloc(&arena, slice, CR_TOP * sizeof(int32_t)),
    };
    c->held_out = cr_arena_alloc(&arena, slice, 1);
    c->levels = cr_arena_alloc(&arena, slice, CR_SWEEP_LEVELS);
    c->state = cr_arena_alloc(&arena, slice, 1);
    uint8_t *empty = cr_arena_alloc(&arena, slice, CR_SLOTS);
    c->empty = plan->has_empty ? empty : NULL;
    c->variants = cr_arena_alloc(&arena, (size_t)n_variants, sizeof *c->variants);
    c->protocols = cr_arena_alloc(&arena, (size_t)plan->n_protocols, sizeof *c->protocols);
    c->boxes.boxes =
        cr_arena_alloc(&arena, slice * (size_t)n_boxes, CR_SLOTS * sizeof *c->boxes.boxes);
    c->boxes.iou = cr_arena_alloc(&arena, slice * (size_t)n_boxes, CR_SLOTS * sizeof(double));
    if (!c->rows.state || !c->rows.top_class || !c->held_out || !c->state || !c->levels || !empty ||
        !c->variants || !c->protocols || !c->boxes.boxes || !c->boxes.iou) {
        status = cr_fail_memory(err, "counting", slice, CR_SLOTS * sizeof(cr_box));
        goto cleanup;
    }
    c->part = (cr_results_rows){.variants = c->variants};
    for (int done = 0; done < n; done += c->rows.n) {
        c->part.first = c->rows.first = first + done;
        c->part.n = c->rows.n = n - done < CR_RESULTS_SHARE ? n - done : CR_RESULTS_SHARE;
        CR_TRY(tally_slice(c, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

static cr_status tally_all(cr_results *results, int first, int n, int n_groups, cr_tally *tallies,
                           cr_sweep *sweeps, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    counting c = {.results = results, .tallies = tallies, .sweeps = sweeps, .n_groups = n_groups};
    for (c.model = 0; c.model < plan->n_models; c.model++) {
        const size_t n_variants = (size_t)plan->models[c.model].n_variants;
        const size_t n_tallies = n_variants * (size_t)plan->n_protocols * (size_t)n_groups;
        memset(c.tallies, 0, n_tallies * sizeof *c.tallies);
        if (c.sweeps)
            memset(c.sweeps, 0, n_variants * sizeof *c.sweeps);
        CR_TRY(tally_model(&c, first, n, err));
        c.tallies += n_tallies;
        c.sweeps = c.sweeps ? c.sweeps + n_variants : NULL;
    }

cleanup:
    return status;
}

cr_status cr_results_tally(cr_results *results, int first, int n, cr_tally *tallies,
                           cr_sweep *sweeps, cr_error *err)
{
    return tally_all(results, first, n, 1, tallies, sweeps, err);
}

cr_status cr_results_tally_classes(cr_results *results, cr_tally *tallies, cr_error *err)
{
    return tally_all(results, 0, results->data.n_images, results->data.n_classes, tallies, NULL,
                     err);
}
