/* Rows of a model between memory and file, column by column as the layout has them. States are
 * written last, so that a row that is marked is whole. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool alloc_variant(const cr_results_plan *plan, const cr_results_variant *variant, size_t n,
                          bool maps, cr_arena *arena, struct cr_results_maps *to)
{
    if (maps)
        to->maps =
            cr_arena_alloc(arena, n, CR_SLOTS * cr_results_map_values(variant) * sizeof *to->maps);
    to->state = cr_arena_alloc(arena, n, sizeof *to->state);
    to->reason = cr_arena_alloc(arena, n, sizeof *to->reason);
    return (to->maps || !maps) && to->state && to->reason &&
           cr_results_metrics_alloc(plan, n, arena, to);
}

cr_status cr_results_rows_alloc(const cr_results_plan *plan, int model, int n, bool maps,
                                cr_arena *arena, cr_results_rows *rows, cr_error *err)
{
    const cr_results_model *of = &plan->models[model];
    const size_t n_rows = (size_t)n, n_variants = (size_t)of->n_variants;
    *rows = (cr_results_rows){
        .n = n,
        .state = cr_arena_alloc(arena, n_rows, sizeof *rows->state),
        .size = cr_arena_alloc(arena, n_rows, 2 * sizeof *rows->size),
        .reason = cr_arena_alloc(arena, n_rows, sizeof *rows->reason),
        .top_class = cr_arena_alloc(arena, n_rows, CR_TOP * sizeof *rows->top_class),
        .top_logit = cr_arena_alloc(arena, n_rows, CR_TOP * sizeof *rows->top_logit),
        .truth_logit = cr_arena_alloc(arena, n_rows, sizeof *rows->truth_logit),
        .log_sum = cr_arena_alloc(arena, n_rows, sizeof *rows->log_sum),
        .variants = cr_arena_alloc(arena, n_variants, sizeof *rows->variants),
    };
    bool ok = rows->state && rows->size && rows->reason && rows->top_class && rows->top_logit &&
              rows->truth_logit && rows->log_sum && rows->variants;
    for (int v = 0; ok && v < of->n_variants; v++)
        ok = alloc_variant(plan, &of->variants[v], n_rows, maps, arena, &rows->variants[v]);
    return ok ? CR_OK : cr_fail_memory(err, "rows", n_rows, sizeof(cr_box) * CR_SLOTS);
}

/* The array of a column of the group, or NULL where `rows` has none. */
static uint8_t *array_of(const cr_results_rows *rows, cr_group group, cr_column_id column)
{
    const struct cr_results_maps *maps =
        group.variant < 0 || !rows->variants ? NULL : &rows->variants[group.variant];
    const uint8_t *from = group.variant < 0    ? (const uint8_t *)rows
                          : group.protocol < 0 ? (const uint8_t *)maps
                          : maps && maps->protocols
                              ? (const uint8_t *)&maps->protocols[group.protocol]
                              : NULL;
    void *array = NULL;
    if (from)
        memcpy(&array, from + cr_column_at(column).offset, sizeof array);
    return array;
}

/* The items of a column that each of its rows keeps in the file; in memory they end a run of
 * *in_memory: of maps there is always room for all slots, and one kept is that of the ground truth. */
static size_t count_items(cr_column_id column, const hsize_t *shape, int n_dims, size_t *in_memory)
{
    size_t n = 1;
    for (int i = 1; i < n_dims; i++)
        n *= (size_t)shape[i];
    *in_memory = cr_column_at(column).kind == CR_KIND_MAP ? n / (size_t)shape[1] * CR_SLOTS : n;
    return n;
}

/* Reads or writes `shape` of a column, rows from `first` on, as they lie in the file. */
static cr_status transfer_packed(const cr_results *results, cr_group group, cr_column_id column,
                                 hid_t type, int first, const hsize_t *shape, int n_dims,
                                 bool write, void *packed, cr_error *err)
{
    cr_status status = CR_OK;
    const hid_t dataset = cr_results_group(results, group)->of[column];
    const hsize_t start[CR_MAX_RANK] = {(hsize_t)first};
    hid_t file_space = H5Dget_space(dataset);
    hid_t memory_space = H5Screate_simple(n_dims, shape, NULL);
    if (type < 0 || file_space < 0 || memory_space < 0 ||
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, shape, NULL) < 0 ||
        (write ? H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, packed)
               : H5Dread(dataset, type, memory_space, file_space, H5P_DEFAULT, packed)) < 0) {
        cr_results_path folder;
        cr_layout_group(&results->plan, group, folder);
        status = cr_h5_fail(err, CR_EIO, "%s: %s/%s: rows %d to %d", results->path, folder,
                            cr_column_at(column).name, first, first + (int)shape[0] - 1);
    }
    cr_h5_close(memory_space);
    cr_h5_close(file_space);
    return status;
}

/* Reads or writes rows->first .. + n - 1 of a column. */
static cr_status transfer(const cr_results *results, cr_group group, cr_column_id column,
                          const cr_results_rows *rows, bool write, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    const hid_t type = cr_layout_type(column, plan, 0);
    const size_t n_rows = (size_t)rows->n, item = cr_layout_item_bytes(column);
    const size_t packed_item = type < 0 ? 0 : H5Tget_size(type);
    uint8_t *array = array_of(rows, group, column), *packed = NULL;
    hsize_t shape[CR_MAX_RANK];
    size_t in_memory;
    const int n_dims = cr_layout_shape(column, plan, group, rows->n, shape);
    const size_t n = count_items(column, shape, n_dims, &in_memory);
    const bool packs = cr_layout_packs(column, plan) || n < in_memory;
    if (packs && !(packed = cr_alloc(n_rows, n * packed_item)))
        CR_TRY(cr_fail_memory(err, cr_column_at(column).name, n_rows, n * packed_item));
    for (size_t i = 0; packs && write && i < n_rows; i++)
        cr_layout_pack(column, plan, array + ((i + 1) * in_memory - n) * item, n,
                       packed + i * n * packed_item);
    CR_TRY(transfer_packed(results, group, column, type, rows->first, shape, n_dims, write,
                           packs ? packed : array, err));
    for (size_t i = 0; packs && !write && i < n_rows; i++)
        cr_layout_unpack(column, plan, packed + i * n * packed_item, n,
                         array + ((i + 1) * in_memory - n) * item);

cleanup:
    free(packed);
    cr_h5_close(type);
    return status;
}

static cr_status check_range(const cr_results *results, int model, const cr_results_rows *rows,
                             cr_error *err)
{
    if (model < 0 || model >= results->plan.n_models || rows->first < 0 || rows->n < 0 ||
        rows->n > results->data.n_images - rows->first)
        return cr_fail(err, CR_EINTERNAL, "%s: no model %d with rows %d + %d", results->path, model,
                       rows->first, rows->n);
    return CR_OK;
}

/* The slot of row b with a finite value that float16 has not, or CR_SLOTS; *value is the first. */
static int find_beyond(const cr_results_variant *variant, const float *maps, int b, float *value)
{
    const size_t n = cr_results_map_values(variant);
    for (int slot = CR_SLOTS - cr_results_kept_maps(variant); slot < CR_SLOTS; slot++) {
        const float *map = maps + ((size_t)b * CR_SLOTS + (size_t)slot) * n;
        const size_t at = cr_float16_beyond(map, n);
        if (at < n) {
            *value = map[at];
            return slot;
        }
    }
    return CR_SLOTS;
}

cr_status cr_results_check_maps(const cr_results_plan *plan, const cr_dataset *data, int model,
                                int variant, const cr_results_rows *rows, int b, cr_error *err)
{
    const cr_results_variant *of = &plan->models[model].variants[variant];
    float value;
    char name[2 * CR_NAME_BYTES];
    const int slot =
        plan->map_float16 ? find_beyond(of, rows->variants[variant].maps, b, &value) : CR_SLOTS;
    if (slot == CR_SLOTS)
        return CR_OK;
    const int32_t class = slot == CR_SLOT_TRUTH ? data->images[rows->first + b].label
                                                : rows->top_class[b * CR_TOP + slot];
    cr_results_variant_name(of, name);
    return cr_fail(err, CR_EINPUT,
                   "%g is beyond the 65504 of float16 (heatmaps.type: float32 keeps it): map of "
                   "class %.40s, %s",
                   (double)value, class < 0 ? "-" : data->text + data->classes[class].wnid, name);
}

/* Whether any of the rows of a variant were computed. */
static bool is_written(const cr_results_rows *rows, int variant)
{
    for (int b = 0; b < rows->n; b++)
        if (rows->variants[variant].state[b] != CR_ROW_EMPTY)
            return true;
    return false;
}

/* The columns of a group but that of its states. */
static cr_status write_group(cr_results *results, cr_group group, const cr_results_rows *rows,
                             cr_error *err)
{
    const bool wanted = group.variant < 0 ? rows->state != NULL : is_written(rows, group.variant);
    for (int column = 0; wanted && column < cr_n_columns(); column++)
        if (cr_column_at(column).owner == cr_group_owner(group) &&
            cr_layout_has(column, &results->plan, group) && column != CR_COLUMN_DONE &&
            column != CR_COLUMN_VARIANT_DONE)
            CR_OR_RETURN(transfer(results, group, column, rows, true, err));
    return CR_OK;
}

cr_status cr_results_write(cr_results *results, int model, const cr_results_rows *rows,
                           cr_error *err)
{
    const int n_variants = results->plan.models[model].n_variants;
    CR_OR_RETURN(check_range(results, model, rows, err));
    if (rows->n == 0)
        return CR_OK;
    for (int v = 0; v < n_variants; v++)
        for (int b = 0; b < rows->n && is_written(rows, v); b++)
            if (cr_results_check_maps(&results->plan, &results->data, model, v, rows, b, err) !=
                CR_OK)
                return err->status = CR_EINTERNAL;
    cr_group group = CR_GROUP_MODEL(model);
    do
        CR_OR_RETURN(write_group(results, group, rows, err));
    while (cr_group_next(&results->plan, &group) && group.model == model);
    for (int v = 0; v < n_variants && results->plan.has_states; v++)
        if (is_written(rows, v))
            CR_OR_RETURN(transfer(results, CR_GROUP_VARIANT(model, v), CR_COLUMN_VARIANT_DONE, rows,
                                  true, err));
    if (rows->state)
        CR_OR_RETURN(transfer(results, CR_GROUP_MODEL(model), CR_COLUMN_DONE, rows, true, err));
    return CR_OK;
}

static void blank_maps(const cr_results_variant *variant, const cr_results_rows *rows, float *maps)
{
    const size_t n = (size_t)rows->n * CR_SLOTS * cr_results_map_values(variant);
    for (size_t i = 0; i < n; i++)
        maps[i] = NAN;
}

/* A map of the image, which is kept once, is that of every slot. */
static void copy_maps(const cr_results_variant *variant, const cr_results_rows *rows, float *maps)
{
    const size_t n = cr_results_map_values(variant);
    for (int i = 0; i < rows->n; i++, maps += CR_SLOTS * n)
        for (int slot = 0; slot < CR_SLOT_TRUTH; slot++)
            memcpy(maps + (size_t)slot * n, maps + CR_SLOT_TRUTH * n, n * sizeof *maps);
}

/* Of a column that the file does not have, as there is nothing that it could say. */
static void blank_column(const cr_results_plan *plan, cr_group group, cr_column_id column,
                         const cr_results_rows *rows)
{
    void *array = array_of(rows, group, column);
    hsize_t shape[CR_MAX_RANK];
    size_t n = 1;
    if (!array)
        return;
    const int n_dims = cr_layout_shape(column, plan, group, rows->n, shape);
    for (int i = 0; i < n_dims; i++)
        n *= (size_t)shape[i];
    const cr_column_kind kind = cr_column_at(column).kind;
    if (kind == CR_KIND_F32)
        for (size_t i = 0; i < n; i++)
            ((float *)array)[i] = NAN;
    else if (kind == CR_KIND_F64)
        for (size_t i = 0; i < n; i++)
            ((double *)array)[i] = NAN;
    else
        memset(array, 0, n * cr_layout_item_bytes(column));
}

/* Rows that are not done may hold anything. */
static cr_status check_classes(const cr_results *results, int model, const cr_results_rows *rows,
                               cr_error *err)
{
    const int32_t n_classes = results->data.n_classes;
    for (int i = 0; i < rows->n; i++)
        for (int k = 0; k < CR_TOP && rows->state[i] == CR_ROW_DONE; k++) {
            const int32_t class = rows->top_class[(size_t)i * CR_TOP + (size_t)k];
            if (class < -1 || class >= n_classes)
                return cr_fail(err, CR_EINPUT, "%s: model %s, image %s: %d is no class",
                               results->path, results->plan.models[model].name,
                               cr_data_image_id(&results->data, rows->first + i), class);
        }
    return CR_OK;
}

/* The states of a variant as read, beside those of the model if these are read too. */
static void settle_states(const cr_results_plan *plan, const cr_results_rows *rows, uint8_t *state)
{
    for (int i = 0; i < rows->n; i++) {
        const bool is_kept = plan->has_states && state[i] == CR_ROW_KEPT;
        if (is_kept && rows->sees_kept)
            continue;
        if (rows->state && (!plan->has_states || rows->state[i] != CR_ROW_DONE))
            state[i] = rows->state[i];
        else if (is_kept)
            state[i] = CR_ROW_EMPTY;
    }
}

cr_status cr_results_read(cr_results *results, int model, cr_results_rows *rows, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    CR_TRY(check_range(results, model, rows, err));
    if (rows->n == 0)
        return CR_OK;
    for (int v = 0; rows->variants && v < plan->models[model].n_variants; v++)
        if (rows->variants[v].maps && plan->models[model].variants[v].map_slots < CR_SLOTS)
            blank_maps(&plan->models[model].variants[v], rows, rows->variants[v].maps);
    cr_group group = CR_GROUP_MODEL(model);
    do
        for (int column = 0; column < cr_n_columns(); column++) {
            if (cr_column_at(column).owner != cr_group_owner(group))
                continue;
            if (!cr_layout_has(column, plan, group) &&
                (column == CR_COLUMN_TRUTH_LOGIT || column == CR_COLUMN_LOG_SUM ||
                 column >= CR_COLUMN_METRICS))
                blank_column(plan, group, column, rows);
            else if (cr_layout_has(column, plan, group) && array_of(rows, group, column))
                CR_TRY(transfer(results, group, column, rows, false, err));
        }
    while (cr_group_next(plan, &group) && group.model == model);
    for (int v = 0; rows->variants && v < plan->models[model].n_variants; v++)
        if (rows->variants[v].state)
            settle_states(plan, rows, rows->variants[v].state);
    for (int v = 0; rows->variants && v < plan->models[model].n_variants; v++)
        if (rows->variants[v].reason && rows->reason && !plan->has_states)
            memcpy(rows->variants[v].reason, rows->reason, (size_t)rows->n * sizeof *rows->reason);
    for (int v = 0; rows->variants && v < plan->models[model].n_variants; v++)
        if (rows->variants[v].maps && plan->models[model].variants[v].of_image)
            copy_maps(&plan->models[model].variants[v], rows, rows->variants[v].maps);
    if (rows->state && rows->top_class)
        status = check_classes(results, model, rows, err);

cleanup:
    return status;
}

cr_status cr_results_read_states(cr_results *results, int model, int variant, uint8_t *of_model,
                                 uint8_t *of_variant, cr_error *err)
{
    const size_t n_variants = (size_t)results->plan.models[model].n_variants;
    cr_results_rows rows = {.n = results->data.n_images, .state = of_model};
    rows.variants = cr_alloc(n_variants, sizeof *rows.variants);
    if (!rows.variants)
        return cr_fail_memory(err, "variants", n_variants, sizeof *rows.variants);
    rows.variants[variant].state = of_variant;
    cr_status status = cr_results_read(results, model, &rows, err);
    free(rows.variants);
    return status;
}
