/* data.c - the forms for programs: CSV and JSON, numbers in full. */
#include "internal.h"

#include <csv.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_quoted(FILE *out, const char *text)
{
    csv_fwrite(out, text, strlen(text));
}

static void put_texts(FILE *out, const cr_report_row *row)
{
    const char *const texts[] = {row->model, row->method, row->layer, row->variant, row->protocol};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        put_quoted(out, texts[k]);
        fputc(',', out);
    }
}

static void put_number(FILE *out, double value)
{
    fputc(',', out);
    if (!isnan(value))
        fprintf(out, "%.17g", value);
}

/* Nothing where there are none: 0 would say that they were counted. */
static void put_outcomes(FILE *out, const int64_t outcomes[CR_N_OUTCOMES])
{
    for (int k = 0; k < CR_N_OUTCOMES; k++) {
        fputc(',', out);
        if (cr_report_has_outcomes(outcomes))
            fprintf(out, "%" PRId64, outcomes[k]);
    }
}

static void put_outcome_keys(FILE *out)
{
    static const char *const prefixes[] = {"outcome", "gt_known_outcome"};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < CR_N_OUTCOMES; k++)
            fprintf(out, ",%s_%s", prefixes[i], cr_outcome_keys[k]);
    fprintf(out, ",top1_empty_maps,gt_known_empty_maps,missing\n");
}

/* What outcomes and the counts behind them are, to the end of the line. */
static void put_ends(FILE *out, const cr_report_row *row)
{
    put_outcomes(out, row->top1_outcomes);
    put_outcomes(out, row->gt_known_outcomes);
    const int64_t empty[] = {row->top1_empty, row->gt_known_empty};
    for (int k = 0; k < 2; k++) {
        fputc(',', out);
        if (empty[k] >= 0)
            fprintf(out, "%" PRId64, empty[k]);
    }
    fprintf(out, ",%" PRId64 "\n", row->n_missing);
}

static void put_counts(FILE *out, const cr_report_row *row)
{
    if (cr_report_has_images(row))
        fprintf(out, "%" PRId64, row->n_images);
    fprintf(out, ",%" PRId64, row->n_localized);
}

static void put_rows(const cr_report *report, FILE *out)
{
    fprintf(out, "model,method,layer,variant,protocol,images,localized");
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        fprintf(out, ",%s", cr_report_numbers[k].key);
    fprintf(out, ",max_box_acc_images,exclude,filter");
    put_outcome_keys(out);
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        put_texts(out, row);
        put_counts(out, row);
        for (int k = 0; k < CR_REPORT_NUMBERS; k++)
            put_number(out, cr_report_value(row, k));
        fprintf(out, ",%" PRId64 ",%" PRId64 ",", row->n_swept, row->n_excluded);
        put_quoted(out, row->filter);
        put_ends(out, row);
    }
}

static void put_classes(const cr_report *report, FILE *out)
{
    cr_report_row row;
    int class;
    fprintf(out, "model,method,layer,variant,protocol,class,name,images,localized");
    for (int k = 0; k < CR_REPORT_CLASS_NUMBERS; k++)
        fprintf(out, ",%s", cr_report_numbers[k].key);
    put_outcome_keys(out);
    for (int i = -1; cr_report_next_class(report, &i, &class, &row);) {
        const cr_dataset *data = report->data;
        put_texts(out, &row);
        put_quoted(out, data->text + data->classes[class].wnid);
        fputc(',', out);
        put_quoted(out, data->text + data->classes[class].name);
        fputc(',', out);
        put_counts(out, &row);
        for (int k = 0; k < CR_REPORT_CLASS_NUMBERS; k++)
            put_number(out, cr_report_value(&row, k));
        put_ends(out, &row);
    }
}

bool cr_report_csv(const cr_report *report, FILE *out)
{
    if (report->classes)
        put_classes(report, out);
    else
        put_rows(report, out);
    return true;
}

/* Names of files need not be UTF-8, JSON must be. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *ascii = strdup(text);
    if (!ascii)
        return NULL;
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

static json_t *number_value(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

/* json_object_set_new and json_array_append_new take NULL for a failure, and own what they get. */
static json_t *checked(json_t *value, int failed)
{
    if (!failed)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *outcomes_value(const int64_t outcomes[CR_N_OUTCOMES])
{
    if (!cr_report_has_outcomes(outcomes))
        return json_null();
    json_t *object = json_object();
    int failed = 0;
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        failed |= json_object_set_new(object, cr_outcome_keys[k], json_integer(outcomes[k]));
    return checked(object, failed);
}

static json_t *curve_value(const double curve[CR_SWEEP_LEVELS])
{
    if (isnan(curve[0]))
        return json_null();
    json_t *array = json_array();
    int failed = 0;
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        failed |= json_array_append_new(array, json_real(curve[level]));
    return checked(array, failed);
}

static json_t *count_value(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

/* What a row and a class have in common. */
static json_t *common_value(const cr_report_row *row, int n_numbers)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "model", text_value(row->model));
    failed |= json_object_set_new(object, "method", text_value(row->method));
    failed |= json_object_set_new(object, "layer", text_value(row->layer));
    failed |= json_object_set_new(object, "variant", text_value(row->variant));
    failed |= json_object_set_new(object, "protocol", text_value(row->protocol));
    failed |= json_object_set_new(
        object, "images", cr_report_has_images(row) ? json_integer(row->n_images) : json_null());
    failed |= json_object_set_new(object, "localized", json_integer(row->n_localized));
    for (int k = 0; k < n_numbers; k++)
        failed |= json_object_set_new(object, cr_report_numbers[k].key,
                                      number_value(cr_report_value(row, k)));
    failed |= json_object_set_new(object, "missing", json_integer(row->n_missing));
    failed |= json_object_set_new(object, "top1_empty_maps", count_value(row->top1_empty));
    failed |= json_object_set_new(object, "gt_known_empty_maps", count_value(row->gt_known_empty));
    failed |= json_object_set_new(object, "outcomes", outcomes_value(row->top1_outcomes));
    failed |=
        json_object_set_new(object, "gt_known_outcomes", outcomes_value(row->gt_known_outcomes));
    return checked(object, failed);
}

static json_t *row_value(const cr_report_row *row)
{
    json_t *object = common_value(row, CR_REPORT_NUMBERS);
    int failed = !object;
    failed |= json_object_set_new(object, "max_box_acc_images", json_integer(row->n_swept));
    failed |= json_object_set_new(object, "exclude", json_integer(row->n_excluded));
    failed |= json_object_set_new(object, "filter",
                                  row->has_network ? text_value(row->filter) : json_null());
    failed |= json_object_set_new(object, "curve", curve_value(row->curve));
    return checked(object, failed);
}

static json_t *class_value(const cr_dataset *data, int class, const cr_report_row *row)
{
    json_t *object = common_value(row, CR_REPORT_CLASS_NUMBERS);
    int failed = !object;
    failed |=
        json_object_set_new(object, "class", text_value(data->text + data->classes[class].wnid));
    failed |=
        json_object_set_new(object, "name", text_value(data->text + data->classes[class].name));
    return checked(object, failed);
}

static json_t *failure_value(const cr_report_failure *failure)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "model", text_value(failure->model));
    failed |= json_object_set_new(object, "image", text_value(failure->image));
    failed |= json_object_set_new(object, "reason", text_value(failure->reason));
    return checked(object, failed);
}

static json_t *classes_value(const cr_report *report)
{
    json_t *array = json_array();
    cr_report_row row;
    int failed = 0, class;
    for (int i = -1; cr_report_next_class(report, &i, &class, &row);)
        failed |= json_array_append_new(array, class_value(report->data, class, &row));
    return checked(array, failed);
}

char *cr_report_json(const cr_report *report)
{
    json_t *root = json_object(), *dataset = json_object();
    json_t *rows = json_array(), *failures = json_array();
    int failed = 0;
    failed |= json_object_set_new(dataset, "images", json_integer(report->n_images));
    failed |= json_object_set_new(dataset, "excluded", json_integer(report->n_excluded));
    failed |= json_object_set_new(dataset, "failed", json_integer(report->n_failed));
    failed |= json_object_set_new(dataset, "missing", json_integer(report->n_missing));
    for (int i = 0; i < report->n_rows; i++)
        failed |= json_array_append_new(rows, row_value(&report->rows[i]));
    for (int i = 0; i < report->n_failures; i++)
        failed |= json_array_append_new(failures, failure_value(&report->failures[i]));
    failed |= json_object_set_new(root, "schema", json_string("camrank-report-1"));
    failed |= json_object_set_new(root, "job", text_value(report->job_name));
    failed |= json_object_set_new(root, "dataset", dataset);
    failed |= json_object_set_new(root, "rows", rows);
    if (report->classes)
        failed |= json_object_set_new(root, "classes", classes_value(report));
    failed |= json_object_set_new(root, "failures", failures);
    char *text = failed ? NULL : json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(root);
    /* It ends like every text file; json_dumps uses malloc unless told otherwise. */
    char *whole = text ? realloc(text, strlen(text) + 2) : NULL;
    if (!whole) {
        free(text);
        return NULL;
    }
    strcat(whole, "\n");
    return whole;
}
