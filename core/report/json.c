/* JSON, schema camrank-report-1: numbers in full, null for what does not exist. */
#include "internal.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *outcomes_value(const int64_t outcomes[CR_N_OUTCOMES])
{
    if (!cr_report_has_outcomes(outcomes))
        return json_null();
    json_t *object = json_object();
    int failed = 0;
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        failed |= json_object_set_new(object, cr_outcome_keys[k], json_integer(outcomes[k]));
    return cr_json_whole(object, failed);
}

static json_t *curve_value(const double *curve, int n)
{
    if (isnan(curve[0]))
        return json_null();
    json_t *array = json_array();
    int failed = 0;
    for (int level = 0; level < n; level++)
        failed |= json_array_append_new(array, json_real(curve[level]));
    return cr_json_whole(array, failed);
}

static json_t *count_value(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static int add_fields(const cr_report_field *fields, int n, const cr_report_row *row,
                      json_t *object)
{
    int failed = 0;
    for (int k = 0; k < n; k++)
        failed |= json_object_set_new(object, fields[k].key,
                                      cr_json_number(cr_report_value(row, &fields[k])));
    return failed;
}

/* What a row and a class have in common. */
static json_t *common_value(const cr_report *report, const cr_report_row *row, bool by_class)
{
    cr_report_field fields[CR_REPORT_MAX_FIELDS];
    int n = cr_report_fields(report, by_class, fields);
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "model", cr_json_text(row->model));
    failed |= json_object_set_new(object, "method", cr_json_text(row->method));
    failed |= json_object_set_new(object, "layer", cr_json_text(row->layer));
    failed |= json_object_set_new(object, "variant", cr_json_text(row->variant));
    failed |= json_object_set_new(object, "protocol", cr_json_text(row->protocol));
    failed |= json_object_set_new(object, "precision",
                                  row->has_network ? json_string(row->precision) : json_null());
    failed |= json_object_set_new(
        object, "images", cr_report_has_images(row) ? json_integer(row->n_images) : json_null());
    failed |= json_object_set_new(object, "localized", json_integer(row->n_localized));
    failed |= add_fields(fields, n, row, object);
    n = cr_report_late_fields(report, by_class, fields);
    failed |= add_fields(fields, n, row, object);
    failed |= json_object_set_new(object, "missing", json_integer(row->n_missing));
    failed |= json_object_set_new(object, "top1_empty_maps", count_value(row->top1_empty));
    failed |= json_object_set_new(object, "gt_known_empty_maps", count_value(row->gt_known_empty));
    failed |= json_object_set_new(object, "outcomes", outcomes_value(row->top1_outcomes));
    failed |=
        json_object_set_new(object, "gt_known_outcomes", outcomes_value(row->gt_known_outcomes));
    return cr_json_whole(object, failed);
}

static json_t *row_value(const cr_report *report, const cr_report_row *row)
{
    json_t *object = common_value(report, row, false);
    int failed = !object;
    failed |= json_object_set_new(object, "max_box_acc_images", json_integer(row->n_swept));
    failed |= json_object_set_new(object, "exclude", json_integer(row->n_excluded));
    failed |= json_object_set_new(object, "filter",
                                  row->has_network ? cr_json_text(row->filter) : json_null());
    failed |= json_object_set_new(object, "input",
                                  row->has_network ? cr_json_text(row->input) : json_null());
    failed |= json_object_set_new(object, "parameters", cr_json_number(row->parameters));
    failed |= json_object_set_new(object, "flops", cr_json_number(row->flops));
    failed |= json_object_set_new(object, "curve", curve_value(row->curve, row->n_curve));
    failed |= json_object_set_new(
        object, "curve_by", json_string(row->n_curve == CR_CENTER_BOXES ? "side" : "threshold"));
    return cr_json_whole(object, failed);
}

static json_t *class_value(const cr_report *report, int class, const cr_report_row *row)
{
    const cr_dataset *data = report->data;
    json_t *object = common_value(report, row, true);
    int failed = !object;
    failed |=
        json_object_set_new(object, "class", cr_json_text(data->text + data->classes[class].wnid));
    failed |=
        json_object_set_new(object, "name", cr_json_text(data->text + data->classes[class].name));
    return cr_json_whole(object, failed);
}

static json_t *failure_value(const cr_report_failure *failure)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "model", cr_json_text(failure->model));
    failed |= json_object_set_new(object, "image", cr_json_text(failure->image));
    failed |= json_object_set_new(object, "reason", cr_json_text(failure->reason));
    return cr_json_whole(object, failed);
}

static json_t *classes_value(const cr_report *report)
{
    json_t *array = json_array();
    int failed = 0;
    for (int i = 0; i < report->n_lines; i++) {
        cr_report_row row;
        cr_report_class_row(report, report->lines[i], &row);
        failed |= json_array_append_new(array, class_value(report, report->lines[i].class, &row));
    }
    return cr_json_whole(array, failed);
}

bool cr_report_json(const cr_report *report, FILE *out)
{
    json_t *root = json_object(), *dataset = json_object();
    json_t *rows = json_array(), *failures = json_array(), *doubts = json_array();
    char line[CR_REPORT_DOUBT_BYTES];
    int failed = 0;
    failed |= json_object_set_new(dataset, "images", json_integer(report->n_images));
    failed |= json_object_set_new(dataset, "excluded", json_integer(report->n_excluded));
    failed |= json_object_set_new(dataset, "failed", json_integer(report->n_failed));
    failed |= json_object_set_new(dataset, "missing", json_integer(report->n_missing));
    for (int i = 0; i < report->n_rows; i++)
        failed |= json_array_append_new(rows, row_value(report, &report->rows[i]));
    for (int i = 0; i < report->n_failures; i++)
        failed |= json_array_append_new(failures, failure_value(&report->failures[i]));
    failed |= json_object_set_new(root, "schema", json_string("camrank-report-1"));
    failed |= json_object_set_new(root, "job", cr_json_text(report->job_name));
    failed |= json_object_set_new(root, "dataset", dataset);
    failed |= json_object_set_new(root, "rows", rows);
    if (report->classes)
        failed |= json_object_set_new(root, "classes", classes_value(report));
    for (const char *rest = report->doubts; cr_report_next_doubt(&rest, line);)
        failed |= json_array_append_new(doubts, cr_json_text(line));
    failed |= json_object_set_new(root, "threshold_from",
                                  report->threshold_from ? cr_json_text(report->threshold_from)
                                                         : json_null());
    failed |= json_object_set_new(root, "failures", failures);
    failed |= json_object_set_new(root, "doubts", doubts);
    failed = failed || json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0;
    fputc('\n', out);
    json_decref(root);
    return !failed;
}
