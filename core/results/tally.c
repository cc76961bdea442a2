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
    const cr_results *results = c->results;
    return cr_fail(err, CR_EINPUT, "%s: model %s, image %s: %g is no %s", results->path,
                   results->plan.models[c->model].name,
                   cr_data_image_id(&results->data, c->rows.first + i), value, what);
}

/* Whether the image counts for localization under a protocol. */
static bool is_localized(const cr_data_image *image, const cr_protocol *protocol)
{
    return image->n_boxes > 0 && (image->localize || !protocol->exclude);
}

/* One image's boxes under one protocol. */
typedef struct found {
    const cr_protocol *protocol;
    const cr_box *boxes;  /* [CR_SLOTS][n_boxes] */
    const double *iou;    /* the same */
    const uint8_t *empty; /* [CR_SLOTS], or NULL */
    const cr_box *truth;
    int n_truth;
} found;

/* Where a prediction's box lies in the arrays. */
static int place_of(const found *f, cr_prediction prediction)
{
    return prediction.slot * f->protocol->n_boxes + prediction.box;
}

static cr_outcome outcome_at(const found *f, int at)
{
    return f->iou[at] >= f->protocol->iou ? CR_OUTCOME_RIGHT
                                          : cr_outcome_of_box(f->boxes[at], f->truth, f->n_truth);
}

static void add_localized(const found *f, const int32_t *top_class, int32_t label, int known,
                          bool classified, cr_tally *tally)
{
    cr_prediction predictions[CR_TOP];
    const int n = cr_protocol_predictions(f->protocol, predictions);
    bool top5 = false;
    for (int k = 0; k < n; k++)
        top5 = top5 || (top_class[predictions[k].slot] == label &&
                        f->iou[place_of(f, predictions[k])] >= f->protocol->iou);
    const cr_outcome top1 = top_class[predictions[0].slot] == label
                                ? outcome_at(f, place_of(f, predictions[0]))
                                : CR_OUTCOME_WRONG_CLASS;
    const cr_outcome gt_known = outcome_at(f, known);
    tally->n_localized++;
    tally->top1_loc_right += top1 == CR_OUTCOME_RIGHT;
    tally->top5_loc_right += top5;
    tally->gt_known_right += gt_known == CR_OUTCOME_RIGHT;
    tally->iou_sum += llround(ldexp(f->iou[known], 40));
    tally->top1_empty += classified && f->empty && f->empty[predictions[0].slot] != 0;
    tally->gt_known_empty += f->empty && f->empty[CR_SLOT_TRUTH] != 0;
    tally->top1_outcomes[top1] += classified;
    tally->gt_known_outcomes[gt_known]++;
}

static void add_failed(const cr_results_plan *plan, bool classified, bool localized,
                       cr_tally *tally)
{
    tally->n_failed++;
    if (plan->skip_failed)
        return;
    tally->n_localized += localized;
    tally->top1_outcomes[CR_OUTCOME_FAILED] += localized && classified;
    tally->gt_known_outcomes[CR_OUTCOME_FAILED] += localized;
}

/* Adds image i of the slice under protocol p of the part that was read. */
static cr_status add_image(const counting *c, int p, int i, cr_tally *tally, cr_error *err)
{
    const cr_results *results = c->results;
    const cr_data_image *image = &results->data.images[c->rows.first + i];
    const cr_protocol *protocol = &results->plan.protocols[p];
    const int32_t *top_class = c->rows.top_class + (size_t)i * CR_TOP;
    const bool classified = cr_results_has_network(&results->plan.models[c->model]);
    const bool localized = is_localized(image, protocol);
    if (c->state[i] == CR_ROW_EMPTY) {
        tally->n_missing++;
        return CR_OK;
    }
    if (c->rows.state[i] == CR_ROW_FAILED) {
        tally->n_images += classified && !results->plan.skip_failed;
        add_failed(&results->plan, classified, localized, tally);
        return CR_OK;
    }
    bool class_right = false;
    for (int k = 0; k < CR_TOP; k++)
        class_right = class_right || top_class[k] == image->label;
    tally->n_images += classified;
    tally->top1_class_right += top_class[0] == image->label;
    tally->top5_class_right += class_right;
    if (c->state[i] == CR_ROW_FAILED) {
        add_failed(&results->plan, classified, localized, tally);
        return CR_OK;
    }
    if (!localized)
        return CR_OK;
    const size_t first = (size_t)i * CR_SLOTS * (size_t)protocol->n_boxes;
    const found f = {protocol,
                     c->boxes.boxes + first,
                     c->boxes.iou + first,
                     c->empty ? c->empty + i * CR_SLOTS : NULL,
                     results->data.boxes + image->first_box,
                     image->n_boxes};
    cr_prediction predictions[CR_TOP];
    cr_protocol_predictions(protocol, predictions);
    const int known = place_of(&f, (cr_prediction){CR_SLOT_TRUTH, predictions[0].box});
    if (!(f.iou[known] >= 0 && f.iou[known] <= 1))
        return bad_row(c, i, f.iou[known], "IoU", err);
    add_localized(&f, top_class, image->label, known, classified, tally);
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
    const cr_results *results = c->results;
    const uint8_t *levels = c->levels + (size_t)i * CR_SWEEP_LEVELS;
    const uint8_t state = c->state[i];
    const int part = c->held_out[i];
    if (results->data.images[c->rows.first + i].n_boxes == 0 || state == CR_ROW_EMPTY ||
        (state == CR_ROW_FAILED && results->plan.skip_failed))
        return CR_OK;
    sweep->n_images[part]++;
    for (int level = 0; level < CR_SWEEP_LEVELS && state == CR_ROW_DONE; level++) {
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
