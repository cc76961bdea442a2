/* extend.c - a file with more models, methods, protocols or metrics than another has: what the other has
 * is copied, in place of being computed again. A variant is copied where it has every protocol, and every
 * metric or the maps from which it follows, as they were: not as float16. */
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

/* Whether what a variant lacks of metrics can be had from its maps; true where it lacks none. */
static bool has_all_metrics(const cr_results_plan *from, const cr_results_plan *to,
                            const cr_results_variant *variant, bool fills)
{
    for (int m = 0; cr_metrics[m]; m++) {
        if (!to->metrics[m].wanted || from->metrics[m].wanted)
            continue;
        const int needed = cr_metrics[m]->of_slots && !variant->of_image ? CR_SLOTS : 1;
        if (!fills || from->map_float16 || from->map_slots < needed)
            return false;
    }
    return true;
}

/* Makes the rows of a model of `from`, m, those of `rows`, which are of `to`: whatever is read into them
 * is where it is to be written from. Variants that are not to be copied stay CR_ROW_EMPTY. */
static cr_status map_rows(const cr_results_plan *from, int m, const cr_results_plan *to, bool fills,
                          const cr_results_rows *rows, cr_arena *arena, cr_results_rows *mapped,
                          cr_error *err)
{
    const cr_results_model *model = &from->models[m];
    const cr_results_model *wanted = &to->models[cr_plan_find_model(to, model->name)];
    const size_t n_variants = (size_t)model->n_variants, n_protocols = (size_t)from->n_protocols;
    const bool whole = from->n_protocols == to->n_protocols;
    *mapped = *rows;
    mapped->variants = cr_arena_alloc(arena, n_variants, sizeof *mapped->variants);
    struct cr_results_boxes *boxes = cr_arena_alloc(arena, n_variants * n_protocols, sizeof *boxes);
    if (!mapped->variants || !boxes)
        return cr_fail_memory(err, "variants", n_variants, sizeof *mapped->variants);
    for (int v = 0; v < model->n_variants && whole; v++) {
        if (!has_all_metrics(from, to, &model->variants[v], fills))
            continue;
        const int at = cr_plan_find_variant(wanted, &model->variants[v]);
        mapped->variants[v] = rows->variants[at];
        mapped->variants[v].protocols = boxes + (size_t)v * n_protocols;
        for (int p = 0; p < from->n_protocols; p++)
            mapped->variants[v].protocols[p] =
                rows->variants[at].protocols[cr_plan_find_protocol(to, from->protocols[p].name)];
    }
    return CR_OK;
}

static bool lacks_metrics(const cr_results_plan *from, const cr_results_plan *to)
{
    bool lacks = false;
    for (int m = 0; cr_metrics[m]; m++)
        lacks = lacks || (to->metrics[m].wanted && !from->metrics[m].wanted);
    return lacks;
}

static cr_status copy_model(cr_results *to, const cr_results_source *source, int m, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results *from = source->file;
    const bool fills = source->fill && lacks_metrics(&from->plan, &to->plan);
    const int at = cr_plan_find_model(&to->plan, from->plan.models[m].name);
    const int n_images = from->data.n_images, slice = cr_results_slice(&to->plan, at);
    cr_arena arena = {0};
    cr_results_rows rows, mapped;
    CR_TRY(cr_results_rows_alloc(&to->plan, at, slice, to->plan.map_slots > 0, &arena, &rows, err));
    CR_TRY(map_rows(&from->plan, m, &to->plan, fills, &rows, &arena, &mapped, err));
    for (int first = 0; first < n_images; first += slice) {
        rows.first = mapped.first = first;
        rows.n = mapped.n = n_images - first < slice ? n_images - first : slice;
        CR_TRY(cr_results_read(from, m, &mapped, err));
        if (fills)
            CR_TRY(source->fill(source->context, &from->plan, at, &rows, err));
        CR_TRY(cr_results_write(to, at, &rows, err));
    }

cleanup:
    cr_arena_free(&arena);
    return status;
}

cr_status cr_results_copy_rows(cr_results *to, const cr_results_source *from, cr_error *err)
{
    cr_status status = CR_OK;
    to->file = H5Fopen(to->part, H5F_ACC_RDWR, H5P_DEFAULT);
    if (to->file < 0)
        CR_TRY(cr_h5_fail(err, CR_EIO, "%s", to->path));
    CR_TRY(cr_results_open_columns(to, err));
    for (int m = 0; m < from->file->plan.n_models; m++)
        CR_TRY(copy_model(to, from, m, err));
    for (int i = 0; i < to->n_groups; i++)
        for (int column = 0; column < cr_n_columns(); column++) {
            cr_h5_close(to->groups[i].of[column]);
            to->groups[i].of[column] = -1;
        }
    if (H5Fclose(to->file) < 0)
        CR_TRY(cr_h5_fail(err, CR_EIO, "%s", to->path));
    to->file = -1;

cleanup:
    return status;
}
