/* The numbers of a row as programs get them, one after the other: CSV and JSON. */
#include "internal.h"

#include <stdio.h>

static int add(cr_report_field *fields, int n, const char *key, const char *end, size_t offset)
{
    snprintf(fields[n].key, sizeof fields[n].key, "%s%s", key, end);
    fields[n].offset = offset;
    return n + 1;
}

static size_t offset_of(int number, size_t of)
{
    return offsetof(cr_report_row, values) + (size_t)number * sizeof(cr_metric_value) + of;
}

/* Those of classes and boxes under protocols, or the others: the numbers, then their intervals. */
static int add_numbers(const cr_report *report, cr_report_field *fields, int n, bool of_protocol)
{
    for (int interval = 0; interval < 2; interval++)
        for (int i = 0; i < cr_report_n_numbers(report); i++) {
            int metric;
            const int k = cr_report_number_at(report, i);
            const cr_metric_number *number = cr_metric_number_at(k, &metric);
            if (cr_metrics[metric]->of_protocol != of_protocol ||
                !cr_report_has_metric(report, metric))
                continue;
            if (!interval) {
                n = add(fields, n, number->key, "", offset_of(k, offsetof(cr_metric_value, value)));
            } else if (number->interval) {
                n = add(fields, n, number->key, "_low",
                        offset_of(k, offsetof(cr_metric_value, low)));
                n = add(fields, n, number->key, "_high",
                        offset_of(k, offsetof(cr_metric_value, high)));
            }
        }
    return n;
}

int cr_report_fields(const cr_report *report, bool by_class,
                     cr_report_field fields[CR_REPORT_MAX_FIELDS])
{
    int n = add_numbers(report, fields, 0, true);
    if (by_class)
        return n;
    n = add_numbers(report, fields, n, false);
    n = add(fields, n, "threshold", "", offsetof(cr_report_row, threshold));
    return add(fields, n, "iou", "", offsetof(cr_report_row, iou));
}
