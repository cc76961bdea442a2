/* /summary: a row a model, variant and protocol, its counts and the numbers of its metrics. */
#include "internal.h"

#include "camrank/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The counts of a row: of a tally, by name. */
static const struct {
    const char *name;
    size_t offset; /* in cr_tally */
    bool of_empty; /* of empty maps: -1 where the file does not say */
} counts[] = {
    {"images", offsetof(cr_tally, n_images), false},
    {"failed", offsetof(cr_tally, n_failed), false},
    {"missing", offsetof(cr_tally, n_missing), false},
    {"localized", offsetof(cr_tally, n_localized), false},
    {"top1_cls_right", offsetof(cr_tally, top1_class_right), false},
    {"top5_cls_right", offsetof(cr_tally, top5_class_right), false},
    {"top1_loc_right", offsetof(cr_tally, top1_loc_right), false},
    {"top5_loc_right", offsetof(cr_tally, top5_loc_right), false},
    {"gt_known_loc_right", offsetof(cr_tally, gt_known_right), false},
    {"top1_empty_maps", offsetof(cr_tally, top1_empty), true},
    {"gt_known_empty_maps", offsetof(cr_tally, gt_known_empty), true},
};

enum { N_COUNTS = sizeof counts / sizeof counts[0] };

/* One row of /summary, of row_bytes(). */
typedef struct summary_row {
    char model[CR_NAME_BYTES], variant[2 * CR_NAME_BYTES];
    char protocol[sizeof((cr_protocol *)0)->name];
    int64_t counts[N_COUNTS];
    double numbers[]; /* those of find_numbers */
} summary_row;

/* The numbers of the plan's metrics. */
static int find_numbers(const cr_results_plan *plan, int numbers[CR_METRIC_MAX_NUMBERS])
{
    int n = 0, metric;
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        cr_metric_number_at(k, &metric);
        if (cr_results_has_metric(plan, metric))
            numbers[n++] = k;
    }
    return n;
}

static size_t row_bytes(const cr_results_plan *plan)
{
    int numbers[CR_METRIC_MAX_NUMBERS];
    return offsetof(summary_row, numbers) + (size_t)find_numbers(plan, numbers) * sizeof(double);
}

static hid_t row_type(const cr_results_plan *plan)
{
    int numbers[CR_METRIC_MAX_NUMBERS];
    const int n = find_numbers(plan, numbers);
    hid_t model = cr_h5_string(sizeof((summary_row *)0)->model, H5T_STR_NULLPAD);
    hid_t variant = cr_h5_string(sizeof((summary_row *)0)->variant, H5T_STR_NULLPAD);
    hid_t protocol = cr_h5_string(sizeof((summary_row *)0)->protocol, H5T_STR_NULLPAD);
    hid_t type = H5Tcreate(H5T_COMPOUND, row_bytes(plan));
    herr_t result = 0;
    result |= H5Tinsert(type, "model", HOFFSET(summary_row, model), model);
    result |= H5Tinsert(type, "variant", HOFFSET(summary_row, variant), variant);
    result |= H5Tinsert(type, "protocol", HOFFSET(summary_row, protocol), protocol);
    for (size_t i = 0; i < N_COUNTS; i++)
        result |= H5Tinsert(type, counts[i].name, HOFFSET(summary_row, counts[i]), H5T_STD_I64LE);
    for (int i = 0; i < n; i++)
        result |=
            H5Tinsert(type, cr_metric_number_at(numbers[i], NULL)->key,
                      offsetof(summary_row, numbers) + (size_t)i * sizeof(double), H5T_IEEE_F64LE);
    cr_h5_close(protocol);
    cr_h5_close(variant);
    cr_h5_close(model);
    if (result < 0) {
        cr_h5_close(type);
        return -1;
    }
    return type;
}

static int count_rows(const cr_results_plan *plan)
{
    return cr_results_count_variants(plan) * plan->n_protocols;
}

/* `sums` by metric. */
static void fill_row(const cr_results_plan *plan, int m, int v, int p, const int64_t *const *sums,
                     summary_row *row)
{
    cr_metric_value values[CR_METRIC_MAX_NUMBERS];
    const int64_t *tally = sums[CR_METRIC_LOCALIZATION];
    int numbers[CR_METRIC_MAX_NUMBERS];
    const int n = find_numbers(plan, numbers);
    cr_metric_count(sums, values);
    for (int i = 0; i < n; i++)
        row->numbers[i] = values[numbers[i]].value;
    for (size_t i = 0; i < N_COUNTS; i++) {
        memcpy(&row->counts[i], (const char *)tally + counts[i].offset, sizeof row->counts[i]);
        if (counts[i].of_empty && !plan->has_empty)
            row->counts[i] = -1;
    }
    snprintf(row->model, sizeof row->model, "%s", plan->models[m].name);
    cr_results_variant_name(&plan->models[m].variants[v], row->variant);
    snprintf(row->protocol, sizeof row->protocol, "%s", plan->protocols[p].name);
}

cr_status cr_summary_write(cr_results *results, const int64_t *sums, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    const size_t n = (size_t)count_rows(plan);
    const size_t bytes = row_bytes(plan);
    char *rows = cr_alloc(n, bytes), *row = rows;
    hid_t type = row_type(plan);
    const int64_t *of[CR_METRIC_MAX];
    int variant = 0;
    if (!rows) {
        status = cr_fail_memory(err, "the summary", n, bytes);
        goto cleanup;
    }
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < plan->models[m].n_variants; v++, variant++)
            for (int p = 0; p < plan->n_protocols; p++, row += bytes) {
                cr_results_find_sums(plan, sums, variant, p, of);
                fill_row(plan, m, v, p, of, (summary_row *)row);
            }
    if (type < 0 || H5Dwrite(results->summary, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) < 0)
        status = cr_h5_fail(err, CR_EIO, "%s: /summary", results->path);

cleanup:
    cr_h5_close(type);
    free(rows);
    return status;
}

/* Before the first row: nothing counted, every image missing. */
static cr_status write_blank(cr_results *results, cr_error *err)
{
    const cr_results_plan *plan = &results->plan;
    const int n = cr_results_count_variants(plan);
    const size_t n_sums = cr_results_count_sums(plan);
    int64_t *sums = cr_alloc((size_t)n, n_sums * sizeof *sums);
    if (!sums)
        return cr_fail_memory(err, "the summary", (size_t)n, n_sums * sizeof *sums);
    for (int v = 0; v < n; v++)
        for (int p = 0; p < plan->n_protocols; p++) {
            cr_tally *tally =
                (cr_tally *)(sums + cr_results_sums_at(plan, v, CR_METRIC_LOCALIZATION, p));
            tally->n_missing = results->data.n_images;
        }
    cr_status status = cr_summary_write(results, sums, err);
    free(sums);
    return status;
}

cr_status cr_summary_create(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    hsize_t n = (hsize_t)count_rows(&results->plan);
    hid_t type = row_type(&results->plan), space = H5Screate_simple(1, &n, NULL);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (type < 0 || space < 0 || properties < 0 || H5Pset_layout(properties, H5D_CONTIGUOUS) < 0 ||
        H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) < 0 ||
        H5Pset_obj_track_times(properties, false) < 0)
        CR_TRY(cr_h5_fail(err, CR_EIO, "%s: /summary", results->path));
    results->summary =
        H5Dcreate2(results->file, "/summary", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    const cr_h5_at at = {results->summary, results->path, "/summary"};
    if (results->summary < 0)
        CR_TRY(cr_h5_fail(err, CR_EIO, "%s: /summary", results->path));
    CR_TRY(
        cr_h5_put_text(at, "description",
                       "one row a model, method and protocol, in the order of the job: counts of "
                       "images, errors in percent, mean IoU of the ground-truth class's box, "
                       "MaxBoxAcc in percent; written when the run ends",
                       err));
    CR_TRY(write_blank(results, err));
    cr_h5_close(results->summary);
    results->summary = -1;

cleanup:
    cr_h5_close(properties);
    cr_h5_close(space);
    cr_h5_close(type);
    return status;
}

cr_status cr_summary_open(cr_results *results, cr_error *err)
{
    cr_status status = CR_OK;
    hsize_t n = 0;
    hid_t stored = -1, space = -1, properties = -1, type = row_type(&results->plan);
    results->summary = H5Dopen2(results->file, "/summary", H5P_DEFAULT);
    if (results->summary >= 0) {
        stored = H5Dget_type(results->summary);
        space = H5Dget_space(results->summary);
        properties = H5Dget_create_plist(results->summary);
    }
    if (type < 0 || stored < 0 || space < 0 || properties < 0)
        CR_TRY(cr_h5_fail(err, CR_EINPUT, "%s: /summary", results->path));
    CR_TRY(cr_h5_check_storage(properties, results->path, "/summary", err));
    if (H5Tequal(stored, type) <= 0 || H5Sget_simple_extent_ndims(space) != 1 ||
        H5Sget_simple_extent_dims(space, &n, NULL) < 0 || n != (hsize_t)count_rows(&results->plan))
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: /summary: wrong data type or shape", results->path));

cleanup:
    cr_h5_close(properties);
    cr_h5_close(space);
    cr_h5_close(stored);
    cr_h5_close(type);
    return status;
}

cr_status cr_results_write_summary(cr_results *results, const int64_t *sums, cr_error *err)
{
    cr_status local = CR_OK;
    if (results->par.rank == 0)
        local = cr_summary_write(results, sums, err);
    return cr_par_agree(&results->par, local, err);
}
