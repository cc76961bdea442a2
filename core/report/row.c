/* Rows of a report: from counts, and class by class. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cr_report_has_outcomes(const int64_t outcomes[CR_N_OUTCOMES])
{
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        if (outcomes[k])
            return true;
    return false;
}

bool cr_report_has_models(const cr_report *report)
{
    for (int i = 0; i < report->n_rows; i++)
        if (!report->rows[i].is_baseline)
            return true;
    return false;
}

bool cr_report_has_precision(const cr_report *report)
{
    for (int i = 0; i < report->n_rows; i++)
        if (report->rows[i].precision[0] && strcmp(report->rows[i].precision, "float32") != 0)
            return true;
    return false;
}

const char *cr_report_precision(const cr_report_row *row)
{
    return row->precision[0] ? row->precision : "-";
}

void cr_report_fill(const int64_t *const *sums, cr_report_row *row)
{
    const cr_tally *tally = (const cr_tally *)sums[CR_METRIC_LOCALIZATION];
    const cr_sweep *sweep = (const cr_sweep *)sums[CR_METRIC_MAX_BOX_ACC];
    cr_metric_count(sums, row->values);
    row->n_images = tally->n_images;
    row->n_localized = tally->n_localized;
    row->n_missing = tally->n_missing;
    row->top1_empty = row->gt_known_empty = -1;
    memcpy(row->top1_outcomes, tally->top1_outcomes, sizeof row->top1_outcomes);
    memcpy(row->gt_known_outcomes, tally->gt_known_outcomes, sizeof row->gt_known_outcomes);
    if (!sweep)
        return;
    const int64_t n = row->n_swept = sweep->n_images[0] + sweep->n_images[1];
    row->n_curve = CR_SWEEP_LEVELS;
    for (int level = 0; level < CR_SWEEP_LEVELS; level++)
        row->curve[level] =
            n > 0 ? 100.0 * (double)(sweep->right[0][1][level] + sweep->right[1][1][level]) /
                        (double)n
                  : NAN;
}

void cr_report_fill_precisions(const cr_report_ap *of, cr_report_row *row)
{
    row->values[cr_metric_number_find("map_voc07")] = of->eleven_points;
    row->values[cr_metric_number_find("map")] = of->area;
}

void cr_report_fill_empty(const cr_report *report, const cr_tally *tally, cr_report_row *row)
{
    if (!report->has_empty)
        return;
    row->top1_empty = tally->n_images > 0 && tally->n_localized > 0 ? tally->top1_empty : -1;
    row->gt_known_empty = tally->n_localized > 0 ? tally->gt_known_empty : -1;
}

void cr_report_class_row(const cr_report *report, cr_report_class of, cr_report_row *row)
{
    *row = report->rows[of.row];
    const cr_tally *tally = &row->classes[of.class];
    const int64_t *sums[CR_METRIC_MAX] = {[CR_METRIC_LOCALIZATION] = (const int64_t *)tally};
    cr_report_fill(sums, row);
    cr_report_fill_empty(report, tally, row);
    if (row->precisions)
        cr_report_fill_precisions(&row->precisions[of.class], row);
}

void cr_report_free(cr_report *report)
{
    free(report->rows);
    free(report->failures);
    free(report->protocols);
    free(report->classes);
    free(report->precisions);
    free(report->lines);
    *report = (cr_report){0};
}
