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

void cr_report_csv(const cr_report *report, FILE *out)
{
    fprintf(out, "model,method,layer,variant,protocol,images,localized");
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        fprintf(out, ",%s", cr_report_numbers[k].key);
    fputc('\n', out);
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        const char *texts[] = {row->model, row->method, row->layer, row->variant, row->protocol};
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            put_quoted(out, texts[k]);
            fputc(',', out);
        }
        fprintf(out, "%" PRId64 ",%" PRId64, row->n_images, row->n_localized);
        for (int k = 0; k < CR_REPORT_NUMBERS; k++) {
            const double value = cr_report_value(row, k);
            fputc(',', out);
            if (!isnan(value))
                fprintf(out, "%.17g", value);
        }
        fputc('\n', out);
    }
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
static json_t *row_value(const cr_report_row *row)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "model", text_value(row->model));
    failed |= json_object_set_new(object, "method", text_value(row->method));
    failed |= json_object_set_new(object, "layer", text_value(row->layer));
    failed |= json_object_set_new(object, "variant", text_value(row->variant));
    failed |= json_object_set_new(object, "protocol", text_value(row->protocol));
    failed |= json_object_set_new(object, "images", json_integer(row->n_images));
    failed |= json_object_set_new(object, "localized", json_integer(row->n_localized));
    for (int k = 0; k < CR_REPORT_NUMBERS; k++)
        failed |= json_object_set_new(object, cr_report_numbers[k].key,
                                      number_value(cr_report_value(row, k)));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *failure_value(const cr_report_failure *failure)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "model", text_value(failure->model));
    failed |= json_object_set_new(object, "image", text_value(failure->image));
    failed |= json_object_set_new(object, "reason", text_value(failure->reason));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

char *cr_report_json(const cr_report *report)
{
    json_t *root = json_object(), *dataset = json_object();
    json_t *rows = json_array(), *failures = json_array();
    int failed = 0;
    failed |= json_object_set_new(dataset, "images", json_integer(report->n_images));
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
