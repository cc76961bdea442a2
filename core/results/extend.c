/* extend.c - a file with more models, methods, protocols or metrics than another has: what the other
 * has is copied, in place of being computed again. A variant is copied where it has every protocol and metric;
 * else its maps are, where all of them are kept as they were computed, to be scored by the run. */
#include "internal.h"

#include <string.h>

enum {
    BUFFER_BYTES = 256 << 10, /* of rows copied at a time, unless one is larger: fits a cache */
    MAX_SLICE = 4096,         /* images copied at a time */
};

int cr_results_slice(const cr_results_plan *plan, int model)
{
    const cr_results_model *of = &plan->models[model];
    size_t image_bytes = CR_REASON_BYTES;
    for (int v = 0; v < of->n_variants; v++)
        image_bytes += CR_REASON_BYTES + CR_SWEEP_LEVELS +
                       CR_SLOTS * sizeof(float) * cr_results_map_values(&of->variants[v]);
    for (int p = 0; p < plan->n_protocols; p++)
        image_bytes += (size_t)of->n_variants * CR_SLOTS * (sizeof(cr_box) + sizeof(double)) *
                       (size_t)plan->protocols[p].n_boxes;
    const size_t fit = BUFFER_BYTES / image_bytes;
    return fit < 1 ? 1 : fit > MAX_SLICE ? MAX_SLICE : (int)fit;
}

/* Whether every value that `to` has of a variant is in a file of `from`. */
static bool has_all_values(const cr_results_plan *from, const cr_results_plan *to)
{
    bool has = from->n_protocols == to->n_protocols;
    for (int m = 0; cr_metrics[m]; m++)
        has = has && (cr_results_has_metric(from, m) || !cr_results_has_metric(to, m));
    return has;
}

/* Whether all maps of a variant are in the file, bit by bit. */
static bool keeps_maps(const cr_results_plan *plan, const cr_results_variant *variant)
{
    return !plan->map_float16 &&
           cr_results_kept_maps(variant) == (variant->of_image ? 1 : CR_SLOTS);
}

/* Makes the rows of a model of `from`, m, those of `rows`, which are of `to`: whatever is read into them
 * is where it is to be written from. Variants that are not to be copied stay CR_ROW_EMPTY. */
static cr_status map_rows(const cr_results_plan *from, int m, const cr_results_plan *to,
                          const cr_results_rows *rows, cr_arena *arena, cr_results_rows *mapped,
                          cr_error *err)
{
    const cr_results_model *model = &from->models[m];
    const cr_results_model *wanted = &to->models[cr_plan_find_model(to, model->name)];
    const size_t n_variants = (size_t)model->n_variants, n_protocols = (size_t)from->n_protocols;
    const bool whole = has_all_values(from, to);
    *mapped = *rows;
    mapped->sees_kept = true;
    mapped->variants = cr_arena_alloc(arena, n_variants, sizeof *mapped->variants);
    struct cr_results_boxes *boxes = cr_arena_alloc(arena, n_variants * n_protocols, sizeof *boxes);
    if (!mapped->variants || !boxes)
        return cr_fail_memory(err, "variants", n_variants, sizeof *mapped->variants);
    for (int v = 0; v < model->n_variants; v++) {
        const struct cr_results_maps *of =
            &rows->variants[cr_plan_find_variant(wanted, &model->variants[v])];
        if (!whole && keeps_maps(from, &model->variants[v]))
            mapped->variants[v] = (struct cr_results_maps){
                .state = of->state, .reason = of->reason, .maps = of->maps};
        if (!whole)
            continue;
        mapped->variants[v] = *of;
        mapped->variants[v].protocols = boxes + (size_t)v * n_protocols;
        for (int p = 0; p < from->n_protocols; p++)
            mapped->variants[v].protocols[p] =
                of->protocols[cr_plan_find_protocol(to, from->protocols[p].name)];
    }
    return CR_OK;
}

/* Of rows whose maps are there, the values are to be found. */
static void mark_kept(uint8_t *state, int n)
{
    for (int b = 0; b < n && state; b++)
        if (state[b] != CR_ROW_EMPTY)
            state[b] = CR_ROW_KEPT;
}

static cr_status copy_model(cr_results *to, cr_results *from, int m, cr_error *err)
{
    cr_status status = CR_OK;
    const int at = cr_plan_find_model(&to->plan, from->plan.models[m].name);
    const int n_images = from->data.n_images, slice = cr_results_slice(&to->plan, at);
    const bool whole = has_all_values(&from->plan, &to->plan);
    cr_arena arena = {0};
    cr_results_rows rows, mapped;
    CR_TRY(cr_results_rows_alloc(&to->plan, at, slice, cr_results_keeps_maps(&to->plan.models[at]),
                                 &arena, &rows, err));
    CR_TRY(map_rows(&from->plan, m, &to->plan, &rows, &arena, &mapped, err));
    for (int first = 0; first < n_images; first += slice) {
        rows.first = mapped.first = first;
        rows.n = mapped.n = n_images - first < slice ? n_images - first : slice;
        CR_TRY(cr_results_read(from, m, &mapped, err));
        for (int v = 0; v < from->plan.models[m].n_variants && !whole; v++)
            mark_kept(mapped.variants[v].state, mapped.n);
        CR_TRY(cr_results_write(to, at, &rows, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

cr_status cr_results_copy_rows(cr_results *to, cr_results *from, cr_error *err)
{
    to->file = H5Fopen(to->part, H5F_ACC_RDWR, H5P_DEFAULT);
    if (to->file < 0)
        return cr_h5_fail(err, CR_EIO, "%s", to->path);
    CR_OR_RETURN(cr_results_open_columns(to, err));
    for (int m = 0; m < from->plan.n_models; m++)
        CR_OR_RETURN(copy_model(to, from, m, err));
    for (int i = 0; i < to->n_groups; i++)
        for (int column = 0; column < cr_n_columns(); column++) {
            cr_h5_close(to->groups[i].of[column]);
            to->groups[i].of[column] = -1;
        }
    if (H5Fclose(to->file) < 0)
        return cr_h5_fail(err, CR_EIO, "%s", to->path);
    to->file = -1;
    return CR_OK;
}
