#include "internal.h"

#include <math.h>
#include <string.h>

static uint8_t *array_of(const cr_results_rows *rows, int variant, cr_column_id column)
{
    const uint8_t *from =
        variant < 0 ? (const uint8_t *)rows : (const uint8_t *)&rows->variants[variant];
    void *array;
    memcpy(&array, from + cr_columns[column].offset, sizeof array);
    return array;
}

/* Reads or writes rows->first .. + n - 1 of a column. */
static cr_status transfer(const cr_results *results, int model, int variant, cr_column_id column,
                          const cr_results_rows *rows, bool write, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    const hid_t dataset = cr_results_group(results, model, variant)->of[column];
    void *array = array_of(rows, variant, column);
    hsize_t count[CR_MAX_RANK], whole[CR_MAX_RANK];
    hsize_t file_start[CR_MAX_RANK] = {(hsize_t)rows->first}, memory_start[CR_MAX_RANK] = {0};
    int n_dims = cr_layout_shape(
        column, plan, variant < 0 ? NULL : &plan->models[model].variants[variant], rows->n, count);
    memcpy(whole, count, sizeof whole);
    if (cr_columns[column].kind == CR_KIND_MAP) {
        /* In memory there is always room for all slots; one kept is that of the ground truth. */
        whole[1] = CR_SLOTS;
        memory_start[1] = CR_SLOTS - count[1];
    }
    hid_t type = cr_layout_memory_type(column, 0);
    hid_t file_space = H5Dget_space(dataset);
    hid_t memory_space = H5Screate_simple(n_dims, whole, NULL);
    if (type < 0 || file_space < 0 || memory_space < 0 ||
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, file_start, NULL, count, NULL) < 0 ||
        H5Sselect_hyperslab(memory_space, H5S_SELECT_SET, memory_start, NULL, count, NULL) < 0 ||
        (write ? H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, array)
               : H5Dread(dataset, type, memory_space, file_space, H5P_DEFAULT, array)) < 0) {
        cr_results_path group;
        cr_layout_group(plan, model, variant, group);
        status = cr_h5_fail(err, CR_EIO, "%s: %s/%s: rows %d to %d", results->path, group,
                            cr_columns[column].name, rows->first, rows->first + rows->n - 1);
    }
    cr_h5_close(memory_space);
    cr_h5_close(file_space);
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

cr_status cr_results_write(cr_results *results, int model, const cr_results_rows *rows,
                           cr_error *err)
{
    cr_status status = CR_OK;
    CR_TRY(check_range(results, model, rows, err));
    if (rows->n == 0)
        return CR_OK;
    for (int v = -1; v < results->plan.models[model].n_variants; v++)
        for (int column = 0; column < CR_N_COLUMNS; column++)
            if (cr_columns[column].owner == (v < 0 ? CR_OF_MODEL : CR_OF_VARIANT) &&
                cr_layout_has(column, &results->plan) && column != CR_COLUMN_DONE)
                CR_TRY(transfer(results, model, v, column, rows, true, err));
    CR_TRY(transfer(results, model, -1, CR_COLUMN_DONE, rows, true, err));

cleanup:
    return status;
}

static void blank_maps(const cr_results_variant *variant, const cr_results_rows *rows, float *maps)
{
    const size_t n = (size_t)rows->n * CR_SLOTS * cr_results_map_values(variant);
    for (size_t i = 0; i < n; i++)
        maps[i] = NAN;
}

cr_status cr_results_read(cr_results *results, int model, cr_results_rows *rows, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    CR_TRY(check_range(results, model, rows, err));
    if (rows->n == 0)
        return CR_OK;
    for (int v = -1; v < (rows->variants ? plan->models[model].n_variants : 0); v++) {
        if (v >= 0 && rows->variants[v].maps && plan->map_slots < CR_SLOTS)
            blank_maps(&plan->models[model].variants[v], rows, rows->variants[v].maps);
        for (int column = 0; column < CR_N_COLUMNS; column++)
            if (cr_columns[column].owner == (v < 0 ? CR_OF_MODEL : CR_OF_VARIANT) &&
                cr_layout_has(column, plan) && array_of(rows, v, column))
                CR_TRY(transfer(results, model, v, column, rows, false, err));
    }

cleanup:
    return status;
}
