/* Which numbers and classes a report shows, and the order of its rows and classes. */
#include "camrank/names.h"
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cr_report_takes(const char *names, const char *name)
{
    const char *at;
    if (!names)
        return true;
    while (*names) {
        const size_t length = cr_names_next(&names, &at);
        if (cr_name_is(name, at, length))
            return true;
    }
    return false;
}

/* "a, b, c", as far as there is room. */
static void list_names(const char *const *known, int n_known, char *list, size_t bytes)
{
    list[0] = 0;
    for (int i = 0; i < n_known; i++) {
        const size_t used = strlen(list);
        if (used + strlen(known[i]) + sizeof ", , ..." > bytes) {
            snprintf(list + used, bytes - used, "%s...", used ? ", " : "");
            return;
        }
        snprintf(list + used, bytes - used, "%s%s", used ? ", " : "", known[i]);
    }
}

/* Which of the known names is meant, if any. */
static cr_status find_name(const char *option, const char *at, size_t length,
                           const char *const *known, int n_known, const char **found, cr_error *err)
{
    char list[400];
    int n = 0;
    *found = NULL;
    for (int i = 0; i < n_known; i++)
        if (cr_name_is(known[i], at, length)) {
            *found = known[i];
            return CR_OK;
        }
    for (int i = 0; i < n_known; i++)
        if (cr_name_is_short_for(known[i], at, length)) {
            if (n++)
                return cr_fail(err, CR_EUSAGE, "--%s: \"%.*s\" may be %s or %s", option,
                               (int)(length < 100 ? length : 100), at, *found, known[i]);
            *found = known[i];
        }
    if (*found)
        return CR_OK;
    list_names(known, n_known, list, sizeof list);
    return cr_fail(err, CR_EINPUT, "--%s: there is no \"%.*s\" in the file, but %s", option,
                   (int)(length < 100 ? length : 100), at, list);
}

cr_status cr_report_check_names(const char *option, const char *names, const char *const *known,
                                int n_known, cr_error *err)
{
    const char *at, *found;
    while (names && *names) {
        const size_t length = cr_names_next(&names, &at);
        CR_OR_RETURN(find_name(option, at, length, known, n_known, &found, err));
    }
    return CR_OK;
}

cr_status cr_report_full_names(const char *option, const char *names, const char *const *known,
                               int n_known, char **full, cr_error *err)
{
    cr_status status = CR_OK;
    const char *at, *found;
    size_t bytes;
    *full = NULL;
    if (!names)
        return CR_OK;
    FILE *out = open_memstream(full, &bytes);
    if (!out)
        return cr_fail(err, CR_EINTERNAL, "out of memory: names");
    for (bool first = true; *names && status == CR_OK; first = false) {
        const size_t length = cr_names_next(&names, &at);
        status = find_name(option, at, length, known, n_known, &found, err);
        if (status == CR_OK)
            fprintf(out, "%s%s", first ? "" : ",", found);
    }
    if (fclose(out) != 0 && status == CR_OK)
        status = cr_fail(err, CR_EINTERNAL, "out of memory: names");
    if (status != CR_OK) {
        free(*full);
        *full = NULL;
    }
    return status;
}

/* The number with a key that is the value of an option. */
static cr_status find_number(const cr_report *report, const char *option, const char *key,
                             size_t length, int *found, cr_error *err)
{
    const char *known[CR_METRIC_MAX_NUMBERS];
    char list[CR_METRIC_MAX_NUMBERS * CR_NAME_BYTES];
    const int n = cr_metric_n_numbers();
    int k = 0, metric;
    for (int i = 0; i < n; i++)
        known[i] = cr_metric_number_at(i, NULL)->key;
    while (k < n && !cr_name_is(known[k], key, length))
        k++;
    if (k == n) {
        list_names(known, n, list, sizeof list);
        return cr_fail(err, CR_EUSAGE, "--%s: \"%.*s\" must be one of %s", option,
                       (int)(length < 100 ? length : 100), key, list);
    }
    cr_metric_number_at(k, &metric);
    if (!cr_report_has_metric(report, metric))
        return cr_fail(err, CR_EINPUT, "--%s: the file has no %s: its %s %s", option, known[k],
                       cr_metrics[metric]->always ? "images have one class each, which rules out"
                                                  : "job does not name the metric",
                       cr_metrics[metric]->name);
    if (report->classes && metric != CR_METRIC_LOCALIZATION && metric != CR_METRIC_MEAN_AP)
        return cr_fail(err, CR_EUSAGE, "--%s: %s is not counted class by class", option, known[k]);
    *found = k;
    return CR_OK;
}

static cr_status choose_columns(cr_report *report, const char *keys, cr_error *err)
{
    const char *key;
    while (keys && *keys) {
        const size_t length = cr_names_next(&keys, &key);
        int k;
        CR_OR_RETURN(find_number(report, "columns", key, length, &k, err));
        for (int i = 0; i < report->n_columns; i++)
            if (report->columns[i] == k)
                return cr_fail(err, CR_EUSAGE, "--columns: %.*s is named twice", (int)length, key);
        report->columns[report->n_columns++] = k;
    }
    return CR_OK;
}

/* What is to be put in order: the smallest value first, those without one last, else as they were. */
typedef struct item {
    double value;
    int place;
} item;

static int compare_items(const void *x, const void *y)
{
    const item *a = x, *b = y;
    if (isnan(a->value) != isnan(b->value))
        return isnan(a->value) ? 1 : -1;
    if (a->value < b->value || a->value > b->value)
        return a->value < b->value ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

/* A value of which the smallest comes first: the best, or the worst. */
static double rank_value(const cr_report_row *row, int number, bool worst_first)
{
    const bool up = cr_metric_number_at(number, NULL)->better == CR_METRIC_UP;
    return up != worst_first ? -row->values[number].value : row->values[number].value;
}

/* The rows of a variant stay together; the first counts. */
static cr_status sort_rows(cr_report *report, int number, cr_error *err)
{
    const int per = report->n_protocols, n = report->n_rows / per;
    item *items = cr_alloc((size_t)n, sizeof *items);
    cr_report_row *rows = cr_alloc((size_t)report->n_rows, sizeof *rows);
    if (!items || !rows) {
        free(items);
        free(rows);
        return cr_fail_memory(err, "the report", (size_t)report->n_rows, sizeof *rows);
    }
    for (int i = 0; i < n; i++)
        items[i] = (item){rank_value(&report->rows[i * per], number, false), i};
    qsort(items, (size_t)n, sizeof *items, compare_items);
    for (int i = 0; i < n; i++)
        memcpy(&rows[i * per], &report->rows[items[i].place * per], (size_t)per * sizeof *rows);
    free(report->rows);
    report->rows = rows;
    free(items);
    return CR_OK;
}

/* By what classes are the worst where no number is named: the first that any row has of the predicted
 * classes' boxes, of the ground-truth class's, of the classes. */
static int default_number(const cr_report *report)
{
    static const cr_metric_of order[] = {CR_METRIC_OF_TOP, CR_METRIC_OF_TRUTH,
                                         CR_METRIC_OF_CLASSES};
    for (size_t o = 0; o < sizeof order / sizeof order[0]; o++)
        for (int k = 0; k < cr_metric_n_numbers(); k++)
            for (int i = 0; i < report->n_rows && cr_metric_number_at(k, NULL)->of == order[o]; i++)
                if (report->rows[i].classes && !isnan(report->rows[i].values[k].value))
                    return k;
    return 0;
}

/* The classes of one row that have images, in their order or that of a number, at most `most`. */
static void list_row(cr_report *report, int r, int number, bool worst_first, int most, item *items)
{
    const cr_tally *classes = report->rows[r].classes;
    int n = 0;
    for (int c = 0; classes && c < report->data->n_classes; c++) {
        cr_report_row row;
        if (classes[c].n_images == 0 && classes[c].n_localized == 0)
            continue;
        cr_report_class_row(report, (cr_report_class){r, c}, &row);
        items[n++] = (item){number < 0 ? 0 : rank_value(&row, number, worst_first), c};
    }
    qsort(items, (size_t)n, sizeof *items, compare_items);
    for (int i = 0; i < n && i < most; i++)
        report->lines[report->n_lines++] = (cr_report_class){r, items[i].place};
}

static cr_status list_classes(cr_report *report, int number, int worst, cr_error *err)
{
    const size_t n_classes = (size_t)report->data->n_classes;
    item *items = cr_alloc(n_classes, sizeof *items);
    report->lines = cr_alloc((size_t)report->n_rows * n_classes, sizeof *report->lines);
    if (!items || !report->lines) {
        free(items);
        return cr_fail_memory(err, "classes", (size_t)report->n_rows * n_classes,
                              sizeof *report->lines);
    }
    if (worst > 0 && number < 0)
        number = default_number(report);
    for (int r = 0; r < report->n_rows; r++)
        list_row(report, r, number, worst > 0, worst > 0 ? worst : report->data->n_classes, items);
    report->worst = worst;
    report->worst_by = number;
    free(items);
    return CR_OK;
}

cr_status cr_report_arrange(cr_report *report, const cr_report_options *options, cr_error *err)
{
    int number = -1;
    CR_OR_RETURN(choose_columns(report, options->columns, err));
    if (options->sort)
        CR_OR_RETURN(
            find_number(report, "sort", options->sort, strlen(options->sort), &number, err));
    if (report->classes)
        CR_OR_RETURN(list_classes(report, number, options->worst, err));
    else if (number >= 0)
        CR_OR_RETURN(sort_rows(report, number, err));
    return CR_OK;
}
