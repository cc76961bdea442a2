/* CSV: numbers in full, nothing for what does not exist. */
#include "internal.h"

#include <csv.h>
#include <inttypes.h>
#include <math.h>
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

/* What makes the model's results doubtful: lines of the report that begin "model NAME: ", "; " between them. */
static void put_doubts(const cr_report *report, FILE *out, const cr_report_row *row)
{
    char line[CR_REPORT_DOUBT_BYTES], start[CR_NAME_BYTES + 16], texts[2 * sizeof line] = "";
    const size_t n = (size_t)snprintf(start, sizeof start, "model %s: ", row->model);
    for (const char *rest = report->doubts; cr_report_next_doubt(&rest, line);)
        if (strncmp(line, start, n) == 0) {
            const size_t used = strlen(texts);
            snprintf(texts + used, sizeof texts - used, "%s%s", used ? "; " : "", line + n);
        }
    fputc(',', out);
    if (texts[0])
        put_quoted(out, texts);
}

/* What stands first of a row, first of a class, and last of both. */
enum { OF_ROW, OF_CLASS, LATE_OF_ROW, LATE_OF_CLASS };

static int list_fields(const cr_report *report, int which,
                       cr_report_field fields[CR_REPORT_MAX_FIELDS])
{
    return which >= LATE_OF_ROW ? cr_report_late_fields(report, which == LATE_OF_CLASS, fields)
                                : cr_report_fields(report, which == OF_CLASS, fields);
}

static void put_keys(const cr_report *report, FILE *out, int which)
{
    cr_report_field fields[CR_REPORT_MAX_FIELDS];
    const int n = list_fields(report, which, fields);
    for (int k = 0; k < n; k++)
        fprintf(out, ",%s", fields[k].key);
}

static void put_number(FILE *out, double value)
{
    fputc(',', out);
    if (!isnan(value))
        fprintf(out, "%.17g", value);
}

static void put_numbers(const cr_report *report, FILE *out, const cr_report_row *row, int which)
{
    cr_report_field fields[CR_REPORT_MAX_FIELDS];
    const int n = list_fields(report, which, fields);
    for (int k = 0; k < n; k++)
        put_number(out, cr_report_value(row, &fields[k]));
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
    fprintf(out, ",top1_empty_maps,gt_known_empty_maps,missing");
}

/* What outcomes and the counts behind them are. */
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
    fprintf(out, ",%" PRId64, row->n_missing);
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
    put_keys(report, out, OF_ROW);
    fprintf(out, ",max_box_acc_images,exclude,filter");
    put_outcome_keys(out);
    put_keys(report, out, LATE_OF_ROW);
    fprintf(out, ",input,precision,parameters,flops,doubts\n");
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        put_texts(out, row);
        put_counts(out, row);
        put_numbers(report, out, row, OF_ROW);
        fprintf(out, ",%" PRId64 ",%" PRId64 ",", row->n_swept, row->n_excluded);
        put_quoted(out, row->filter);
        put_ends(out, row);
        put_numbers(report, out, row, LATE_OF_ROW);
        fputc(',', out);
        put_quoted(out, row->input);
        fputc(',', out);
        put_quoted(out, row->precision);
        put_number(out, row->parameters);
        put_number(out, row->flops);
        put_doubts(report, out, row);
        fputc('\n', out);
    }
}

static void put_classes(const cr_report *report, FILE *out)
{
    fprintf(out, "model,method,layer,variant,protocol,class,name,images,localized");
    put_keys(report, out, OF_CLASS);
    put_outcome_keys(out);
    fprintf(out, ",precision,doubts");
    put_keys(report, out, LATE_OF_CLASS);
    fprintf(out, "\n");
    for (int i = 0; i < report->n_lines; i++) {
        const cr_dataset *data = report->data;
        const int class = report->lines[i].class;
        cr_report_row row;
        cr_report_class_row(report, report->lines[i], &row);
        put_texts(out, &row);
        put_quoted(out, data->text + data->classes[class].wnid);
        fputc(',', out);
        put_quoted(out, data->text + data->classes[class].name);
        fputc(',', out);
        put_counts(out, &row);
        put_numbers(report, out, &row, OF_CLASS);
        put_ends(out, &row);
        fputc(',', out);
        put_quoted(out, row.precision);
        put_doubts(report, out, &row);
        put_numbers(report, out, &row, LATE_OF_CLASS);
        fputc('\n', out);
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
