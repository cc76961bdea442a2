/* The numbers of the metric `mean-ap` for a report: of all images, class by class, and with images drawn anew. */
#include "intervals.h"

#include "camrank/stat.h"

#include <math.h>
#include <stdlib.h>

/* Where the numbers of all resamples go. */
typedef struct taking {
    const cr_detections *detections;
    size_t stride;             /* 1, or 1 + n_classes */
    cr_mean_precision *values; /* [CR_REPORT_RESAMPLES][stride]: the mean, and the classes */
} taking;

static void take(void *context, int resample, const uint16_t *counts)
{
    const taking *to = context;
    cr_mean_precision *values = to->values + (size_t)resample * to->stride;
    values[0] =
        cr_metric_mean_precision(to->detections, counts, to->stride > 1 ? values + 1 : NULL);
}

/* Value k of all resamples around the one of all images as it is. */
static cr_status fill(const taking *from, size_t k, cr_mean_precision value, cr_report_ap *to,
                      cr_error *err)
{
    cr_status status = CR_OK;
    double *values = cr_alloc(CR_REPORT_RESAMPLES, sizeof *values);
    *to = (cr_report_ap){{value.eleven_points, NAN, NAN}, {value.area, NAN, NAN}};
    if (!values)
        return cr_fail_memory(err, "intervals", CR_REPORT_RESAMPLES, sizeof *values);
    if (isnan(value.area))
        goto cleanup;
    for (int area = 0; area < 2; area++) {
        cr_metric_value *of = area ? &to->area : &to->eleven_points;
        for (size_t r = 0; r < CR_REPORT_RESAMPLES; r++) {
            const cr_mean_precision *one = &from->values[r * from->stride + k];
            values[r] = area ? one->area : one->eleven_points;
        }
        CR_TRY(cr_stat_percentiles(values, CR_REPORT_RESAMPLES, &of->low, &of->high, err));
    }

cleanup:
    free(values);
    return status;
}

cr_status cr_precisions_fill(cr_results *results, int model, int row, int protocol, int n_threads,
                             cr_report_ap *by_class, cr_report_ap *all, cr_error *err)
{
    cr_status status = CR_OK;
    cr_detections detections = {0};
    cr_mean_precision *classes = NULL, mean;
    taking to = {.detections = &detections};
    *all = (cr_report_ap){{NAN, NAN, NAN}, {NAN, NAN, NAN}};
    CR_TRY(cr_results_detections(results, model, row, protocol, NULL, &detections, err));
    const size_t n_classes = (size_t)detections.n_classes;
    to.stride = by_class ? 1 + n_classes : 1;
    to.values = cr_alloc(CR_REPORT_RESAMPLES, to.stride * sizeof *to.values);
    classes = cr_alloc(n_classes, sizeof *classes);
    if (!to.values || !classes)
        CR_TRY(cr_fail_memory(err, "intervals", CR_REPORT_RESAMPLES, to.stride * sizeof *classes));
    mean = cr_metric_mean_precision(&detections, NULL, classes);
    if (!isnan(mean.area))
        CR_TRY(cr_stat_resample_counts(detections.n_images, CR_STAT_SEED, CR_REPORT_RESAMPLES,
                                       n_threads > 1 ? n_threads : 1, take, &to, err));
    CR_TRY(fill(&to, 0, mean, all, err));
    for (size_t c = 0; by_class && c < n_classes; c++)
        CR_TRY(fill(&to, 1 + c, classes[c], &by_class[c], err));

cleanup:
    free(classes);
    free(to.values);
    cr_results_detections_free(&detections);
    return status;
}
