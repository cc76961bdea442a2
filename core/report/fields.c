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

/* What a number has for programs: its value, or, late, that of a threshold or of all images together. */
enum { VALUE, WILSON, LATE_VALUE, BOOTSTRAP };

static bool has_part(int metric, const cr_metric_number *number, int part)
{
    const bool late = number->better == CR_METRIC_NEITHER || cr_metrics[metric]->n_sums == 0;
    const bool has[] = {[VALUE] = !late,
                        [WILSON] = number->interval == CR_METRIC_WILSON,
                        [LATE_VALUE] = late,
                        [BOOTSTRAP] = number->interval == CR_METRIC_BOOTSTRAP};
    return has[part];
}

/* A part of those numbers that are under protocols, or of the others; of a metric alone, if it is not negative. */
static int add_part(const cr_report *report, cr_report_field *fields, int n, bool of_protocol,
                    int part, int only)
{
    for (int i = 0; i < cr_report_n_numbers(report); i++) {
        int metric;
        const int k = cr_report_number_at(report, i);
        const cr_metric_number *number = cr_metric_number_at(k, &metric);
        if (cr_metrics[metric]->of_protocol != of_protocol || !has_part(metric, number, part) ||
            !cr_report_has_metric(report, metric) || (only >= 0 && metric != only))
            continue;
        if (part == VALUE || part == LATE_VALUE) {
            n = add(fields, n, number->key, "", offset_of(k, offsetof(cr_metric_value, value)));
        } else {
            n = add(fields, n, number->key, "_low", offset_of(k, offsetof(cr_metric_value, low)));
            n = add(fields, n, number->key, "_high", offset_of(k, offsetof(cr_metric_value, high)));
        }
    }
    return n;
}

int cr_report_fields(const cr_report *report, bool by_class,
                     cr_report_field fields[CR_REPORT_MAX_FIELDS])
{
    const int only = by_class ? CR_METRIC_LOCALIZATION : -1;
    int n = add_part(report, fields, 0, true, VALUE, only);
    n = add_part(report, fields, n, true, WILSON, only);
    if (by_class)
        return n;
    n = add_part(report, fields, n, false, VALUE, only);
    n = add_part(report, fields, n, false, WILSON, only);
    n = add(fields, n, "threshold", "", offsetof(cr_report_row, threshold));
    return add(fields, n, "iou", "", offsetof(cr_report_row, iou));
}

int cr_report_late_fields(const cr_report *report, bool by_class,
                          cr_report_field fields[CR_REPORT_MAX_FIELDS])
{
    int n = 0;
    for (int part = LATE_VALUE; part <= BOOTSTRAP; part++)
        for (int of_protocol = 1; of_protocol >= 0; of_protocol--)
            n = add_part(report, fields, n, of_protocol, part, by_class ? CR_METRIC_MEAN_AP : -1);
    return n;
}
