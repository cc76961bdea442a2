/* What a rank does to one chunk. Its images are batched alike whatever the number of ranks, and one
 * that has failed is zeros among them, so that the others get the bits they always get. */
#include "worker.h"

#include "ahead.h"
#include "ask.h"
#include "logits.h"
#include "score.h"
#include "segments.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cr_worker {
    const cr_dataset *data;
    const cr_results_plan *plan;
    cr_model *models;
    int max_mpixels;
    void *activations; /* [n_activations] bytes: of the network that runs */
    size_t n_activations;
    cr_arena arena; /* everything below that is an array */
    cr_results_rows rows;
    uint8_t *state;     /* [batch] of the images, whether they are written or not */
    int32_t *classes;   /* [batch][CR_SLOTS] that the maps stand for, */
    int32_t *explained; /* and that they are of */
    uint64_t *seeds;    /* [batch] of the images */
    float *logits;      /* [n_classes] of an image: the mean over its views */
    float **maps;       /* [largest n_variants] for cr_explainer_run */
    bool *wanted;       /* [largest n_variants] of the present chunk: the network is run for them */
    bool *kept;         /* [largest n_variants] the file has their maps, which are scored */
    struct cr_results_maps
        *read;   /* [largest n_variants] where what the file has of these is read to */
    bool *asked; /* [largest n_variants] of an image, those that metrics ask the network about */
    cr_ask *ask; /* NULL where none does */
    int32_t *
        segments; /* [largest slice][views][pixels of an input] of the present slice; NULL where none are wanted */
    cr_mask mask; /* of the present image, where a metric needs it */
    cr_loc_workspace workspace;
    cr_ahead *ahead;
    bool begun; /* the next chunk is being read */
};

static size_t largest_maps(const cr_model *models, int n_models, int variant)
{
    size_t most = 0;
    for (int m = 0; m < n_models; m++)
        if (variant < models[m].n_variants) {
            const cr_variant *v = &models[m].variants[variant];
            size_t values = (size_t)models[m].n_views * (size_t)v->width * (size_t)v->height;
            most = values > most ? values : most;
        }
    return most;
}

/* Zeroed memory of the worker's arena, or NULL once something failed. */
static void *take(cr_worker *w, size_t n, size_t item_bytes, bool *ok)
{
    void *block = cr_arena_alloc(&w->arena, n, item_bytes);
    *ok = *ok && block;
    return block;
}

/* Pixels of the inputs of a slice, where any of the models wants their segments. */
static size_t n_segments(const cr_results_plan *plan, const cr_model *models, int n_models)
{
    size_t most = 0;
    for (int m = 0; m < n_models; m++)
        if (cr_model_wants(&models[m], NULL) & CR_WANTS_SEGMENTS || cr_ask_wants_segments(plan)) {
            const cr_input_spec *input = &models[m].input;
            const size_t n = (size_t)models[m].slice * (size_t)models[m].n_views *
                             (size_t)input->width * (size_t)input->height;
            most = n > most ? n : most;
        }
    return most;
}

static void take_maps(cr_worker *w, size_t slots, size_t pixels, struct cr_results_maps *maps,
                      bool *ok)
{
    maps->state = take(w, slots / CR_SLOTS, sizeof *maps->state, ok);
    maps->reason = take(w, slots / CR_SLOTS, sizeof *maps->reason, ok);
    maps->maps = take(w, slots * pixels, sizeof(float), ok);
    *ok = *ok && cr_results_metrics_alloc(w->plan, slots / CR_SLOTS, &w->arena, maps);
}

cr_status cr_worker_new(const cr_dataset *data, const cr_results_plan *plan, cr_model *models,
                        int n_models, int batch, int max_mpixels, bool second_cpu,
                        cr_worker **result, cr_error *err)
{
    cr_status status = CR_OK;
    *result = NULL;
    cr_worker *w = cr_alloc(1, sizeof *w);
    if (!w)
        return cr_fail_memory(err, "a worker", 1, sizeof *w);
    w->data = data;
    w->plan = plan;
    w->models = models;
    w->max_mpixels = max_mpixels;
    int n_variants = 0;
    for (int m = 0; m < n_models; m++)
        n_variants = models[m].n_variants > n_variants ? models[m].n_variants : n_variants;
    size_t n = (size_t)batch, slots = n * CR_SLOTS;
    bool ok = true;
    cr_results_rows *rows = &w->rows;
    rows->state = take(w, n, sizeof *rows->state, &ok);
    rows->size = take(w, 2 * n, sizeof *rows->size, &ok);
    rows->reason = take(w, n, sizeof *rows->reason, &ok);
    rows->top_class = take(w, n * CR_TOP, sizeof *rows->top_class, &ok);
    rows->top_logit = take(w, n * CR_TOP, sizeof *rows->top_logit, &ok);
    rows->truth_logit = take(w, n, sizeof *rows->truth_logit, &ok);
    rows->log_sum = take(w, n, sizeof *rows->log_sum, &ok);
    rows->variants = take(w, (size_t)n_variants, sizeof *rows->variants, &ok);
    w->state = rows->state;
    w->maps = take(w, (size_t)n_variants, sizeof *w->maps, &ok);
    w->wanted = take(w, (size_t)n_variants, sizeof *w->wanted, &ok);
    w->kept = take(w, (size_t)n_variants, sizeof *w->kept, &ok);
    w->asked = take(w, (size_t)n_variants, sizeof *w->asked, &ok);
    w->read = take(w, (size_t)n_variants, sizeof *w->read, &ok);
    w->logits = take(w, (size_t)data->n_classes, sizeof *w->logits, &ok);
    w->classes = take(w, slots, sizeof *w->classes, &ok);
    w->explained = take(w, slots, sizeof *w->explained, &ok);
    w->seeds = take(w, n, sizeof *w->seeds, &ok);
    for (int v = 0; ok && v < n_variants; v++) {
        take_maps(w, slots, largest_maps(models, n_models, v), &rows->variants[v], &ok);
    }
    if (n_segments(plan, models, n_models) > 0)
        w->segments = take(w, n_segments(plan, models, n_models), sizeof *w->segments, &ok);
    if (!ok)
        CR_TRY(cr_fail_memory(err, "a worker's chunk", n, sizeof *rows));
    w->n_activations = cr_worker_arena_bytes(models, n_models);
    w->activations = cr_pages_alloc(w->n_activations, 1);
    if (!w->activations)
        CR_TRY(cr_fail_memory(err, "activations", w->n_activations, 1));
    CR_TRY(cr_ask_new(plan, models, n_models, data->n_classes, &w->ask, err));
    /* The present chunk may still be read where the next one is put behind it. */
    CR_TRY(cr_ahead_new(data, 2 * batch, cr_worker_ahead_bytes(models, n_models), max_mpixels,
                        second_cpu, &w->ahead, err));
    *result = w;
    w = NULL;

cleanup:
    cr_worker_free(w);
    return status;
}

void cr_worker_free(cr_worker *w)
{
    if (!w)
        return;
    cr_ahead_free(w->ahead);
    cr_ask_free(w->ask);
    cr_mask_free(&w->mask);
    cr_loc_workspace_fini(&w->workspace);
    cr_arena_free(&w->arena);
    cr_pages_free(w->activations, w->n_activations, 1);
    free(w);
}

size_t cr_worker_arena_bytes(const cr_model *models, int n_models)
{
    size_t most = 0;
    for (int m = 0; m < n_models; m++)
        most = models[m].arena_bytes > most ? models[m].arena_bytes : most;
    return most;
}

size_t cr_worker_ahead_bytes(const cr_model *models, int n_models)
{
    size_t most = 0;
    for (int m = 0; m < n_models; m++) {
        const size_t bytes = cr_model_input_bytes(&models[m]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

void cr_worker_read_ahead(cr_worker *w, int model, int first, int n)
{
    cr_ahead_put(w->ahead, &w->models[model].input, first, n);
    w->begun = true;
}

uint64_t cr_worker_seed(const char *id)
{
    char hex[65];
    cr_sha256_hex(id, strlen(id), hex);
    hex[16] = 0;
    return strtoull(hex, NULL, 16);
}

/* The file's name stands in the row; the folder would only differ from run to run. */
static void write_reason(const cr_worker *w, const char *reason, char to[CR_REASON_BYTES])
{
    size_t folder = strlen(w->data->folder);
    if (strncmp(reason, w->data->folder, folder) == 0 && reason[folder] == '/')
        reason += folder + 1;
    snprintf(to, CR_REASON_BYTES, "%s", reason);
}

static void mark_failed(cr_worker *w, int b, const char *reason)
{
    w->rows.state[b] = CR_ROW_FAILED;
    write_reason(w, reason, w->rows.reason[b]);
}

/* Values in the maps of one image: [CR_SLOTS][views][height][width]. */
static size_t maps_size(const cr_model *model, int v)
{
    const cr_variant *variant = &model->variants[v];
    return (size_t)CR_SLOTS * (size_t)model->n_views * (size_t)variant->width *
           (size_t)variant->height;
}

/* Nothing in the row of a failed variant may look like a result. */
static void blank_variant(cr_worker *w, const cr_model *model, int v, int b, const char *reason)
{
    struct cr_results_maps *maps = &w->rows.variants[v];
    size_t size = maps_size(model, v);
    maps->state[b] = CR_ROW_FAILED;
    write_reason(w, reason, maps->reason[b]);
    for (size_t i = 0; i < size; i++)
        maps->maps[(size_t)b * size + i] = NAN;
    cr_score_blank(w->plan, maps, b);
}

/* Nor in that of a failed image. */
static void blank_row(cr_worker *w, const cr_model *model, int b)
{
    cr_results_rows *rows = &w->rows;
    rows->truth_logit[b] = rows->log_sum[b] = NAN;
    for (int i = 0; i < CR_TOP; i++) {
        rows->top_class[b * CR_TOP + i] = -1;
        rows->top_logit[b * CR_TOP + i] = NAN;
    }
    for (int v = 0; v < model->n_variants; v++)
        if (w->wanted[v] || w->kept[v])
            blank_variant(w, model, v, b, rows->reason[b]);
}

/* Fills the network's inputs for image b of the chunk, the one at `place` of its slice; a failed image
 * is zeros, so that the images beside it get the bits they always get. */
static cr_status take_image(cr_worker *w, const cr_model *model, int b, int place, cr_error *err)
{
    const size_t size = cr_model_input_bytes(model) / (size_t)model->slice / sizeof(float);
    cr_net *net = cr_explainer_net(model->explainer);
    float *input = cr_net_input(net) + (size_t)place * size;
    for (int view = 0; cr_graph_n_rows(model->graph) && view < model->n_views; view++)
        cr_net_set_row(net, place * model->n_views + view, w->rows.first + b);
    const cr_status status = cr_ahead_take(w->ahead, w->rows.size + 2 * b, input, err);
    if (status != CR_OK)
        memset(input, 0, size * sizeof *input);
    return status;
}

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static void score_classes(cr_worker *w, const cr_model *model, int b)
{
    int32_t label = w->data->images[w->rows.first + b].label;
    int32_t *top = w->rows.top_class + b * CR_TOP, *classes = w->classes + b * CR_SLOTS;
    if (w->rows.state[b] == CR_ROW_DONE && !all_finite(w->logits, (size_t)w->data->n_classes))
        mark_failed(w, b, "a logit is not finite");
    cr_logits_rank(w->logits, w->data->n_classes, top);
    for (int i = 0; i < CR_TOP; i++)
        w->rows.top_logit[b * CR_TOP + i] = top[i] < 0 ? NAN : w->logits[top[i]];
    w->rows.truth_logit[b] = label < 0 ? NAN : w->logits[label];
    w->rows.log_sum[b] = cr_model_is_independent(model)
                             ? NAN
                             : (float)cr_logits_log_sum(w->logits, w->data->n_classes);
    for (int i = 0; i < CR_TOP; i++)
        classes[i] = top[i] < 0 ? 0 : top[i]; /* any valid class where there is none */
    classes[CR_SLOT_TRUTH] = label < 0 ? 0 : label;
}

/* Of which classes the maps of an image are: those that they stand for, or others, each as likely. */
static void find_explained(cr_worker *w, const cr_model *model, int b)
{
    const uint64_t n_others = (uint64_t)w->data->n_classes - 1;
    for (int k = 0; k < CR_SLOTS; k++) {
        const int32_t class = w->classes[b * CR_SLOTS + k];
        int32_t *to = &w->explained[b * CR_SLOTS + k];
        *to = class;
        if (!model->other_class || n_others == 0)
            continue;
        const uint64_t seed = cr_mix(((uint64_t)model->other_seed << 32) + (uint64_t) class);
        const int32_t other = (int32_t)((cr_mix(w->seeds[b] ^ seed) >> 32) * n_others >> 32);
        *to = other + (other >= class);
    }
}

/* The boxes of the maps of one variant, of an image that is done. */
static cr_status localize(cr_worker *w, int model_index, int v, int b, cr_error *err)
{
    const cr_model *model = &w->models[model_index];
    const cr_variant *variant = &model->variants[v];
    const struct cr_results_maps *out = &w->rows.variants[v];
    const size_t size = maps_size(model, v);
    /* Without a label there is no map of its class. */
    const bool has_truth =
        w->data->images[w->rows.first + b].label >= 0 || variant->spec.method->of_image;
    const size_t n_given = has_truth ? size : size / CR_SLOTS * CR_SLOT_TRUTH;
    cr_status status = CR_OK;
    cr_error reason;
    cr_view views[CR_MAX_VIEWS];
    const cr_score_image image = {
        .data = w->data,
        .index = w->rows.first + b,
        .width = w->rows.size[2 * b],
        .height = w->rows.size[2 * b + 1],
        .plan = w->plan,
        .max_mpixels = w->max_mpixels,
        .mask = &w->mask,
    };
    const cr_loc_map first = {
        .maps = out->maps + (size_t)b * size,
        .width = variant->width,
        .height = variant->height,
        .scaling = cr_method_form(&variant->spec.parameters)->scaling,
        .n_views = model->n_views,
        .views = views,
    };
    cr_input_views(&model->input, image.width, image.height, views);
    for (size_t i = n_given; i < size; i++)
        out->maps[(size_t)b * size + i] = NAN;
    out->state[b] = CR_ROW_DONE;
    memset(out->reason[b], 0, sizeof out->reason[b]);
    if (!all_finite(first.maps, n_given))
        blank_variant(w, model, v, b, "an activation map is not finite");
    else if (cr_results_check_maps(w->plan, w->data, model_index, v, &w->rows, b, &reason) != CR_OK)
        blank_variant(w, model, v, b, reason.message);
    else
        status = cr_score_maps(&image, &first, 0, variant->spec.method->of_image, out, b,
                               &w->workspace, &reason);
    /* An image that a protocol cannot read again, whose maps were kept. */
    if (status == CR_EINPUT)
        blank_variant(w, model, v, b, reason.message);
    else if (status != CR_OK)
        *err = reason;
    return status == CR_EINPUT ? CR_OK : status;
}

/* Scores the maps that were read of a variant; of one that has failed, the row says no more. */
static cr_status score_kept(cr_worker *w, int model, int v, int b, cr_error *err)
{
    const struct cr_results_maps *maps = &w->rows.variants[v];
    if (!maps->reason[b][0])
        return localize(w, model, v, b, err);
    maps->state[b] = CR_ROW_FAILED;
    cr_score_blank(w->plan, maps, b);
    return CR_OK;
}

/* The mask of an image that is to be scored. */
static cr_status take_mask(cr_worker *w, const cr_model *model, int b, cr_error *err)
{
    bool scores = false;
    for (int v = 0; v < model->n_variants; v++)
        scores = scores || w->wanted[v] || w->kept[v];
    cr_mask_free(&w->mask);
    return cr_score_needs_masks(w->plan) && scores && w->rows.state[b] == CR_ROW_DONE
               ? cr_mask_read(w->data, w->rows.first + b, w->max_mpixels, &w->mask, err)
               : CR_OK;
}

/* The rows of an image, from its maps. `stored`, if not NULL, has whether it has failed before, and why. */
static cr_status finish_image(cr_worker *w, int model_index, int b, const cr_results_rows *stored,
                              cr_error *err)
{
    const cr_model *model = &w->models[model_index];
    cr_results_rows *rows = &w->rows;
    if (stored && stored->state[b] == CR_ROW_FAILED)
        mark_failed(w, b, stored->reason[b]);
    CR_OR_RETURN(take_mask(w, model, b, err));
    for (int v = 0; v < model->n_variants && rows->state[b] == CR_ROW_DONE; v++)
        if (w->wanted[v])
            CR_OR_RETURN(localize(w, model_index, v, b, err));
        else if (w->kept[v])
            CR_OR_RETURN(score_kept(w, model_index, v, b, err));
    if (rows->state[b] == CR_ROW_FAILED)
        blank_row(w, model, b);
    return CR_OK;
}

/* Those of the image at `place` of its slice. */
static int32_t *segments_of(const cr_worker *w, const cr_model *model, int place)
{
    return w->segments ? w->segments + (size_t)place * (size_t)model->n_views *
                                           (size_t)model->input.width * (size_t)model->input.height
                       : NULL;
}

/* Reads them for image b, if anything that is computed of it wants them. */
static cr_status take_segments(cr_worker *w, const cr_model *model, int b, int place, cr_error *err)
{
    const bool wanted =
        (cr_model_wants(model, w->wanted) | cr_model_wants(model, w->kept)) & CR_WANTS_SEGMENTS ||
        (w->ask && cr_ask_wants_segments(w->plan));
    return wanted && w->rows.state[b] == CR_ROW_DONE
               ? cr_segments_read(w->data, w->rows.first + b, w->rows.size + 2 * b, &model->input,
                                  w->max_mpixels, segments_of(w, model, place), err)
               : CR_OK;
}

/* What metrics ask the network about the maps of an image that is finished, the one at `place` of its
 * slice. */
static cr_status ask_image(cr_worker *w, int model_index, int b, int place, cr_error *err)
{
    const cr_model *model = &w->models[model_index];
    const char *culprit = "";
    char reason[CR_REASON_BYTES];
    const cr_ask_image image = {
        .place = place,
        .classes = w->classes + b * CR_SLOTS,
        .explained = w->explained + b * CR_SLOTS,
        .has_label = w->data->images[w->rows.first + b].label >= 0,
        .segments = segments_of(w, model, place),
        .seed = w->seeds[b],
        .variants = w->rows.variants,
        .b = b,
    };
    for (int v = 0; v < model->n_variants; v++)
        w->asked[v] = (w->wanted[v] || w->kept[v]) && w->rows.variants[v].state[b] == CR_ROW_DONE;
    CR_OR_RETURN(cr_ask_image_maps(w->ask, model, &image, w->asked, &culprit, &w->workspace, err));
    snprintf(reason, sizeof reason, "a logit or a map that %s asks for is not finite", culprit);
    for (int v = 0; v < model->n_variants; v++)
        if (culprit[0] && !w->asked[v] && (w->wanted[v] || w->kept[v]) &&
            w->rows.variants[v].state[b] == CR_ROW_DONE)
            blank_variant(w, model, v, b, reason);
    return CR_OK;
}

/* Images start .. start + n - 1 of the chunk. */
static cr_status run_slice(cr_worker *w, int model_index, int start, int n,
                           const cr_results_rows *stored, cr_error *err)
{
    const cr_model *model = &w->models[model_index];
    for (int i = 0; i < n; i++) {
        const int b = start + i;
        cr_error reason = {0};
        w->seeds[b] = cr_worker_seed(cr_data_image_id(w->data, w->rows.first + b));
        w->rows.state[b] = CR_ROW_DONE;
        memset(w->rows.reason[b], 0, sizeof w->rows.reason[b]);
        const cr_status status = take_image(w, model, b, i, &reason);
        if (status == CR_EINTERNAL || status == CR_EIO) {
            *err = reason;
            return status;
        }
        if (status != CR_OK)
            mark_failed(w, b, reason.message);
        CR_OR_RETURN(take_segments(w, model, b, i, err));
    }
    cr_explainer_use_segments(model->explainer, w->segments, false);
    if (w->ask)
        cr_ask_hold_inputs(w->ask, model, n);
    cr_net_forward(cr_explainer_net(model->explainer), n * model->n_views);
    if (w->ask)
        cr_ask_hold_logits(w->ask, model, n);
    const float *logits = cr_net_logits(cr_explainer_net(model->explainer));
    const size_t n_classes = (size_t)w->data->n_classes;
    for (int i = 0; i < n; i++) {
        cr_logits_average(logits + (size_t)i * (size_t)model->n_views * n_classes, model->n_views,
                          w->data->n_classes, w->logits);
        score_classes(w, model, start + i);
    }
    for (int v = 0; v < model->n_variants; v++)
        w->maps[v] =
            w->wanted[v] ? w->rows.variants[v].maps + (size_t)start * maps_size(model, v) : NULL;
    for (int i = start; i < start + n; i++)
        find_explained(w, model, i);
    cr_explainer_run(model->explainer, n, model->n_views, w->explained + start * CR_SLOTS,
                     w->seeds + start, w->maps);
    for (int i = 0; i < n && !cr_explainer_is_abandoned(model->explainer); i++) {
        CR_OR_RETURN(finish_image(w, model_index, start + i, stored, err));
        if (w->ask && w->rows.state[start + i] == CR_ROW_DONE)
            CR_OR_RETURN(ask_image(w, model_index, start + i, i, err));
    }
    return CR_OK;
}

/* What of a chunk is missing, and whether that is everything of the group: of a row that is missing,
 * everything; else the variants that have a row that is, of which those are `kept` that have the maps of
 * all such rows. What is there of the model then stays, failures too. *runs: the network is needed. */
static bool find_wanted(cr_worker *w, const cr_model *model, int group, int n,
                        const cr_results_rows *stored, bool *runs)
{
    bool all = !stored;
    for (int b = 0; b < n && stored; b++)
        all = all || (group == 0 && stored->state[b] == CR_ROW_EMPTY);
    *runs = all;
    for (int v = 0; v < model->n_variants; v++) {
        const uint8_t *state = stored ? stored->variants[v].state : NULL;
        const bool of_group = model->group[v] == group;
        w->wanted[v] = of_group && (all || memchr(state, CR_ROW_EMPTY, (size_t)n));
        w->kept[v] = of_group && !w->wanted[v] && memchr(state, CR_ROW_KEPT, (size_t)n);
        *runs = *runs || w->wanted[v] || (w->kept[v] && w->ask);
        memset(w->rows.variants[v].state, CR_ROW_EMPTY, (size_t)n);
    }
    return all;
}

/* Everything that needs the network, of a chunk. */
static cr_status run_chunk(cr_worker *w, int model_index, const cr_results_rows *stored,
                           bool *abandoned, cr_error *err)
{
    const cr_model *model = &w->models[model_index];
    const int n = w->rows.n;
    if (!w->begun)
        cr_worker_read_ahead(w, model_index, w->rows.first, n);
    w->begun = false;
    cr_explainer_use_arena(model->explainer, w->activations);
    for (int start = 0; start < n && !*abandoned; start += model->slice) {
        const int left = n - start;
        CR_OR_RETURN(run_slice(w, model_index, start, left < model->slice ? left : model->slice,
                               stored, err));
        *abandoned = cr_explainer_is_abandoned(model->explainer);
    }
    return CR_OK;
}

/* In its place, where nothing needs it. */
static void skip_chunk(cr_worker *w, const cr_results_rows *stored, int n)
{
    if (w->begun)
        cr_ahead_skip(w->ahead, n);
    w->begun = false;
    memcpy(w->state, stored->state, (size_t)n);
}

/* What the file has of the variants that are kept. */
static cr_status read_kept(cr_worker *w, int model, cr_results *file, cr_error *err)
{
    cr_results_rows from = {.first = w->rows.first,
                            .n = w->rows.n,
                            .sees_kept = true,
                            .size = w->rows.size,
                            .variants = w->read};
    bool any = false;
    for (int v = 0; v < w->models[model].n_variants; v++) {
        const struct cr_results_maps *to = &w->rows.variants[v];
        w->read[v] = (struct cr_results_maps){0};
        if (w->kept[v])
            w->read[v] = (struct cr_results_maps){
                .state = to->state, .reason = to->reason, .maps = to->maps};
        any = any || w->kept[v];
    }
    return any ? cr_results_read(file, model, &from, err) : CR_OK;
}

cr_status cr_worker_compute(cr_worker *w, int model_index, int group, int first, int n,
                            cr_results *file, const cr_results_rows *stored,
                            const cr_results_rows **result, cr_error *err)
{
    bool runs, abandoned = false;
    cr_results_rows *rows = &w->rows;
    rows->first = first;
    rows->n = n;
    const bool all = find_wanted(w, &w->models[model_index], group, n, stored, &runs);
    const cr_results_rows *failed = all ? NULL : stored;
    *result = NULL;
    rows->state = w->state;
    CR_OR_RETURN(read_kept(w, model_index, file, err));
    if (runs) {
        CR_OR_RETURN(run_chunk(w, model_index, failed, &abandoned, err));
    } else {
        skip_chunk(w, stored, n);
        for (int b = 0; b < n; b++)
            CR_OR_RETURN(finish_image(w, model_index, b, failed, err));
    }
    if (abandoned)
        return CR_OK;
    rows->state = all && group == 0 ? w->state : NULL;
    *result = rows;
    return CR_OK;
}
