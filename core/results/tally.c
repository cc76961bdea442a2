/* tally.c - counting rows, a slice of images at a time: what counts, and how, says each metric. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* What is counted, and where to. */
typedef struct counting {
    cr_results *results;
    int64_t *sums;      /* as cr_results_tally has them; or NULL: */
    cr_tally *by_class; /* of `localization`: [row][protocol][n_classes] */
    int only; /* the one row of the model that is counted, as if it were the first; -1: all */
    /* What sees the sums of each image alone, made in `one`; or NULL. */
    cr_results_visit_sums *visit;
    void *context;
    int64_t *one; /* as many as the longest sums of a metric */
    /* The slice: model, the place of its first row among all, and what is read of one. */
    int model, first_row;
    cr_results_rows rows, part; /* `part` has the rows' variants alone */
    int *held_out;              /* [n] cr_held_out_part */
    struct cr_results_maps *variants;
    struct cr_results_boxes *protocols;
    void *columns[CR_METRIC_MAX_COLUMNS]; /* room for each, under any protocol */
    uint8_t *empty, *state;
} counting;

/* Where the metric counts image i of the slice. */
static int64_t *place_of(const counting *c, int v, int m, int p, int i)
{
    const cr_results_plan *plan = &c->results->plan;
    if (c->by_class) {
        const cr_dataset *data = &c->results->data;
        const size_t group = (size_t)((c->first_row + v) * plan->n_protocols + p);
        return (int64_t *)&c->by_class[group * (size_t)data->n_classes +
                                       (size_t)data->images[c->rows.first + i].label];
    }
    return c->sums + cr_results_sums_at(plan, c->first_row + v, m, p);
}

/* Image i of the slice with what the metric has of it, which was read. */
static cr_status add_image(const counting *c, int v, int m, int p, int i, cr_error *err)
{
    const cr_results_plan *plan = &c->results->plan;
    const cr_metric *metric = cr_metrics[m];
    const struct cr_results_boxes none = {0};
    const void *values[CR_METRIC_MAX_COLUMNS];
    cr_metric_image image = cr_results_seen(c->results, c->model, p, &c->rows, c->state, &none, i);
    double value = 0;
    for (int j = 0; j < metric->n_columns; j++) {
        const int k = cr_metric_first_column(m) + j;
        const size_t bytes =
            cr_results_metric_items(plan, k, p) * cr_metric_item_bytes(&metric->columns[j]);
        values[j] = (const char *)c->columns[k] + (size_t)i * bytes;
    }
    image.empty = c->empty ? c->empty + (size_t)i * CR_SLOTS : NULL;
    image.part = c->held_out[i];
    if (plan->models[c->model].n_variants == 0)
        image.n_truth = 0;
    const cr_metric_given given = {cr_results_metric_parameters(plan, m, p), values};
    const char *wanted = metric->add(&image, &given, place_of(c, v, m, p, i), &value);
    if (wanted)
        return cr_results_bad_row(c->results, c->model, c->rows.first + i, value, wanted, err);
    if (c->visit) {
        memset(c->one, 0, (size_t)metric->n_sums * sizeof *c->one);
        metric->add(&image, &given, c->one, &value);
        c->visit(c->context, m, p, c->rows.first + i, c->one);
    }
    return CR_OK;
}

/* Lets the metric's columns be read, or no longer. */
static void take_columns(counting *c, int v, int m, int p, bool read)
{
    const int first = cr_metric_first_column(m);
    for (int k = first; k < first + cr_metrics[m]->n_columns; k++)
        cr_results_metric_take(&c->variants[v], k, p, read ? c->columns[k] : NULL);
}

static cr_status tally_metric(counting *c, int v, int m, int p, cr_error *err)
{
    cr_status status = CR_OK;
    take_columns(c, v, m, p, true);
    CR_TRY(cr_results_read(c->results, c->model, &c->part, err));
    for (int i = 0; i < c->rows.n; i++)
        if (!c->by_class || c->results->data.images[c->rows.first + i].label >= 0)
            CR_TRY(add_image(c, v, m, p, i, err));

cleanup:
    take_columns(c, v, m, p, false);
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
            CR_TRY(cr_results_bad_row(c->results, c->model, rows.first + i, c->state[i], "state",
                                      err));

cleanup:
    c->variants[v].state = NULL;
    return status;
}

static bool is_counted(const counting *c, int metric)
{
    return c->by_class
               ? metric == CR_METRIC_LOCALIZATION
               : cr_results_has_metric(&c->results->plan, metric) && cr_metrics[metric]->n_sums > 0;
}

static cr_status tally_variant(counting *c, int v, cr_error *err)
{
    cr_status status = CR_OK;
    CR_TRY(read_states(c, v, err));
    c->variants[v].protocols = c->protocols;
    c->variants[v].empty = c->empty;
    for (int m = 0; cr_metrics[m]; m++) {
        const int n = cr_metrics[m]->of_protocol ? c->results->plan.n_protocols : 1;
        for (int p = 0; p < n && is_counted(c, m); p++)
            CR_TRY(tally_metric(c, v, m, p, err));
    }

cleanup:
    c->variants[v].protocols = NULL;
    c->variants[v].empty = NULL;
    return status;
}

/* Of a model without variants, whose images have no boxes then. */
static cr_status tally_classes(counting *c, cr_error *err)
{
    memcpy(c->state, c->rows.state, (size_t)c->rows.n);
    for (int p = 0; p < c->results->plan.n_protocols; p++)
        for (int i = 0; i < c->rows.n; i++)
            if (!c->by_class || c->results->data.images[c->rows.first + i].label >= 0)
                CR_OR_RETURN(add_image(c, 0, CR_METRIC_LOCALIZATION, p, i, err));
    return CR_OK;
}

static cr_status tally_slice(counting *c, cr_error *err)
{
    CR_OR_RETURN(cr_results_read(c->results, c->model, &c->rows, err));
    for (int i = 0; i < c->rows.n; i++) {
        if (c->rows.state[i] > CR_ROW_FAILED)
            CR_OR_RETURN(cr_results_bad_row(c->results, c->model, c->rows.first + i,
                                            c->rows.state[i], "state", err));
        if (!c->by_class)
            c->held_out[i] =
                cr_held_out_part(cr_data_image_id(&c->results->data, c->rows.first + i),
                                 cr_data_image_bytes(&c->results->data, c->rows.first + i));
    }
    const int n_variants = c->results->plan.models[c->model].n_variants;
    for (int v = 0; v < n_variants; v++)
        if (c->only < 0 || c->only == v)
            CR_OR_RETURN(tally_variant(c, v, err));
    return n_variants == 0 ? tally_classes(c, err) : CR_OK;
}

/* Room for a slice of every column. */
static bool alloc_columns(counting *c, size_t slice, cr_arena *arena)
{
    const cr_results_plan *plan = &c->results->plan;
    bool ok = true;
    for (int k = 0; ok && k < cr_metric_n_columns(); k++) {
        int metric;
        const cr_metric_column *column = cr_metric_column_at(k, &metric);
        size_t most = 0;
        for (int p = 0; p < plan->n_protocols; p++) {
            const size_t items = cr_results_metric_items(plan, k, p);
            most = items > most ? items : most;
        }
        if (is_counted(c, metric)) {
            c->columns[k] = cr_arena_alloc(arena, slice, most * cr_metric_item_bytes(column));
            ok = c->columns[k] != NULL;
        }
    }
    return ok;
}

static cr_status tally_model(counting *c, int first, int n, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &c->results->plan;
    const int n_variants = plan->models[c->model].n_variants;
    const size_t slice = (size_t)(n < CR_RESULTS_SHARE ? n : CR_RESULTS_SHARE);
    cr_arena arena = {0};
    c->rows = (cr_results_rows){
        .state = cr_arena_alloc(&arena, slice, 1),
        .top_class = cr_arena_alloc(&arena, slice, CR_TOP * sizeof(int32_t)),
    };
    c->held_out = cr_arena_alloc(&arena, slice, sizeof *c->held_out);
    c->state = cr_arena_alloc(&arena, slice, 1);
    uint8_t *empty = cr_arena_alloc(&arena, slice, CR_SLOTS);
    c->empty = plan->has_empty ? empty : NULL;
    c->variants = cr_arena_alloc(&arena, (size_t)n_variants, sizeof *c->variants);
    c->protocols = cr_arena_alloc(&arena, (size_t)plan->n_protocols, sizeof *c->protocols);
    if (!c->rows.state || !c->rows.top_class || !c->held_out || !c->state || !empty ||
        !c->variants || !c->protocols || !alloc_columns(c, slice, &arena)) {
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

static cr_status tally_all(counting *c, int first, int n, cr_error *err)
{
    for (c->model = 0; c->model < c->results->plan.n_models; c->model++) {
        CR_OR_RETURN(tally_model(c, first, n, err));
        c->first_row += cr_results_n_rows(&c->results->plan.models[c->model]);
    }
    return CR_OK;
}

cr_status cr_results_tally(cr_results *results, int first, int n, int64_t *sums, cr_error *err)
{
    const cr_results_plan *plan = &results->plan;
    counting c = {.results = results, .sums = sums, .only = -1};
    memset(sums, 0,
           (size_t)cr_results_count_rows(plan) * cr_results_count_sums(plan) * sizeof *sums);
    return tally_all(&c, first, n, err);
}

cr_status cr_results_tally_row(cr_results *results, int model, int row, int64_t *sums,
                               cr_results_visit_sums *visit, void *context, cr_error *err)
{
    counting c = {.results = results,
                  .sums = sums,
                  .only = row,
                  .model = model,
                  .first_row = -row,
                  .visit = visit,
                  .context = context,
                  .one = cr_alloc(cr_metric_most_sums(), sizeof *c.one)};
    if (!c.one)
        return cr_fail_memory(err, "counting", cr_metric_most_sums(), sizeof *c.one);
    memset(sums, 0, cr_results_count_sums(&results->plan) * sizeof *sums);
    const cr_status status = tally_model(&c, 0, results->data.n_images, err);
    free(c.one);
    return status;
}

cr_status cr_results_tally_classes(cr_results *results, cr_tally *tallies, cr_error *err)
{
    const cr_results_plan *plan = &results->plan;
    counting c = {.results = results, .by_class = tallies, .only = -1};
    const size_t n_groups = (size_t)cr_results_count_rows(plan) * (size_t)plan->n_protocols;
    memset(tallies, 0, n_groups * (size_t)results->data.n_classes * sizeof *tallies);
    return tally_all(&c, 0, results->data.n_images, err);
}
