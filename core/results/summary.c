/* /summary: a row a model, variant and protocol, its counts and the numbers of its metrics. */
#include "internal.h"

#include "camrank/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row of /summary is four names and, behind them, fields of 8 bytes each. Files of an earlier version have no
 * precision: they are written without, as long as they are added to. */
typedef struct summary_names {
    char model[CR_NAME_BYTES], variant[2 * CR_NAME_BYTES];
    char protocol[sizeof((cr_protocol *)0)->name];
    char precision[16];
} summary_names;

/* A count, which is one of a metric's sums, or a number. */
typedef struct field {
    const char *key;
    const cr_metric_sum *sum; /* NULL: a number */
    int metric, number;       /* in cr_metrics and cr_metric_number_at */
} field;

enum { MAX_FIELDS = CR_METRIC_MAX_NAMED + CR_METRIC_MAX_NUMBERS };

static int add_sums(int metric, field *fields, int n)
{
    for (int i = 0; i < cr_metrics[metric]->n_named; i++) {
        const cr_metric_sum *sum = &cr_metrics[metric]->named[i];
        fields[n++] = (field){sum->key, sum, metric, -1};
    }
    return n;
}

static int add_numbers(int metric, field *fields, int n)
{
    for (int k = 0, of; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *number = cr_metric_number_at(k, &of);
        if (of == metric && number->better != CR_METRIC_NEITHER && cr_metrics[of]->n_sums > 0)
            fields[n++] = (field){number->key, NULL, metric, k};
    }
    return n;
}

/* The counts and then the numbers of the metrics of every file; then those of each other one. */
static int list_fields(const cr_results_plan *plan, field fields[MAX_FIELDS])
{
    int n = 0;
    for (int m = 0; cr_metrics[m]; m++)
        n = cr_metrics[m]->always ? add_sums(m, fields, n) : n;
    for (int m = 0; cr_metrics[m]; m++)
        n = cr_metrics[m]->always ? add_numbers(m, fields, n) : n;
    for (int m = 0; cr_metrics[m]; m++)
        n = plan->metrics[m].wanted ? add_numbers(m, fields, add_sums(m, fields, n)) : n;
    return n;
}

static size_t row_bytes(const cr_results_plan *plan)
{
    field fields[MAX_FIELDS];
    return sizeof(summary_names) + (size_t)list_fields(plan, fields) * sizeof(int64_t);
}

static hid_t row_type(const cr_results_plan *plan, bool has_precision)
{
    field fields[MAX_FIELDS];
    const int n = list_fields(plan, fields);
    hid_t model = cr_h5_string(sizeof((summary_names *)0)->model, H5T_STR_NULLPAD);
    hid_t variant = cr_h5_string(sizeof((summary_names *)0)->variant, H5T_STR_NULLPAD);
    hid_t protocol = cr_h5_string(sizeof((summary_names *)0)->protocol, H5T_STR_NULLPAD);
    hid_t precision = cr_h5_string(sizeof((summary_names *)0)->precision, H5T_STR_NULLPAD);
    const size_t less = has_precision ? 0 : sizeof((summary_names *)0)->precision;
    hid_t type = H5Tcreate(H5T_COMPOUND, row_bytes(plan) - less);
    herr_t result = 0;
    result |= H5Tinsert(type, "model", HOFFSET(summary_names, model), model);
    result |= H5Tinsert(type, "variant", HOFFSET(summary_names, variant), variant);
    result |= H5Tinsert(type, "protocol", HOFFSET(summary_names, protocol), protocol);
    if (has_precision)
        result |= H5Tinsert(type, "precision", HOFFSET(summary_names, precision), precision);
    for (int i = 0; i < n; i++)
        result |= H5Tinsert(type, fields[i].key,
                            sizeof(summary_names) - less + (size_t)i * sizeof(int64_t),
                            fields[i].sum ? H5T_STD_I64LE : H5T_IEEE_F64LE);
    cr_h5_close(precision);
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
    return cr_results_count_rows(plan) * plan->n_protocols;
}

/* `sums` by metric. */
static void fill_row(const cr_results_plan *plan, int m, int v, int p, const int64_t *const *sums,
                     char *row)
{
    summary_names names = {{0}, {0}, {0}, {0}};
    cr_metric_value values[CR_METRIC_MAX_NUMBERS];
    field fields[MAX_FIELDS];
    const int n = list_fields(plan, fields);
    cr_metric_count(sums, values);
    snprintf(names.model, sizeof names.model, "%s", plan->models[m].name);
    cr_results_row_name(&plan->models[m], v, names.variant);
    snprintf(names.protocol, sizeof names.protocol, "%s", plan->protocols[p].name);
    if (cr_results_has_network(&plan->models[m]))
        snprintf(names.precision, sizeof names.precision, "%s",
                 cr_precision_names[plan->models[m].precision]);
    memcpy(row, &names, sizeof names);
    row += sizeof names;
    for (int i = 0; i < n; i++, row += sizeof(int64_t)) {
        const cr_metric_sum *sum = fields[i].sum;
        int64_t count = sum ? sums[fields[i].metric][sum->at] : 0;
        if (sum && sum->of_empty && (!plan->has_empty || plan->models[m].n_variants == 0))
            count = -1;
        if (sum)
            memcpy(row, &count, sizeof count);
        else
            memcpy(row, &values[fields[i].number].value, sizeof(double));
    }
}

cr_status cr_summary_write(cr_results *results, const int64_t *sums, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_results_plan *plan = &results->plan;
    const size_t n = (size_t)count_rows(plan);
    const size_t bytes = row_bytes(plan);
    char *rows = cr_alloc(n, bytes), *row = rows;
    hid_t type = row_type(plan, true);
    const int64_t *of[CR_METRIC_MAX];
    int at = 0;
    if (!rows) {
        status = cr_fail_memory(err, "the summary", n, bytes);
        goto cleanup;
    }
    for (int m = 0; m < plan->n_models; m++)
        for (int v = 0; v < cr_results_n_rows(&plan->models[m]); v++, at++)
            for (int p = 0; p < plan->n_protocols; p++, row += bytes) {
                cr_results_find_sums(plan, sums, at, p, of);
                fill_row(plan, m, v, p, of, row);
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
    const int n = cr_results_count_rows(plan);
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
    hid_t type = row_type(&results->plan, true), space = H5Screate_simple(1, &n, NULL);
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
    hid_t stored = -1, space = -1, properties = -1, type = row_type(&results->plan, true),
          older = row_type(&results->plan, false);
    results->summary = H5Dopen2(results->file, "/summary", H5P_DEFAULT);
    if (results->summary >= 0) {
        stored = H5Dget_type(results->summary);
        space = H5Dget_space(results->summary);
        properties = H5Dget_create_plist(results->summary);
    }
    if (type < 0 || older < 0 || stored < 0 || space < 0 || properties < 0)
        CR_TRY(cr_h5_fail(err, CR_EINPUT, "%s: /summary", results->path));
    CR_TRY(cr_h5_check_storage(properties, results->path, "/summary", err));
    if ((H5Tequal(stored, type) <= 0 && H5Tequal(stored, older) <= 0) ||
        H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &n, NULL) < 0 ||
        n != (hsize_t)count_rows(&results->plan))
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: /summary: wrong data type or shape", results->path));

cleanup:
    cr_h5_close(properties);
    cr_h5_close(space);
    cr_h5_close(stored);
    cr_h5_close(older);
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
