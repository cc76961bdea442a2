/* Intervals of a report's numbers that do not come with one: from images that are drawn anew. */
#include "intervals.h"

#include "camrank/stat.h"

#include <math.h>
#include <stdlib.h>

/* The numbers of a metric that want one. */
static bool is_resampled(int metric)
{
    for (int k = 0; k < cr_metrics[metric]->n_numbers && cr_metrics[metric]->n_sums > 0; k++)
        if (cr_metrics[metric]->numbers[k].interval == CR_METRIC_BOOTSTRAP)
            return true;
    return false;
}

cr_status cr_intervals_init(const cr_results_plan *plan, const cr_dataset *data,
                            cr_intervals *intervals, cr_error *err)
{
    const size_t n_sums = cr_results_count_sums(plan), n = (size_t)data->n_images;
    *intervals = (cr_intervals){.plan = plan, .images = cr_alloc(n, sizeof *intervals->images)};
    if (!intervals->images)
        return cr_fail_memory(err, "intervals", n, sizeof *intervals->images);
    cr_stat_clusters clusters = {data->n_images, cr_data_number_images(data, intervals->images),
                                 intervals->images};
    if (clusters.n == clusters.n_rows)
        clusters.of = NULL;
    intervals->sums = cr_stat_sums_new(clusters, (int)n_sums);
    const size_t n_shares = (size_t)plan->n_protocols * (size_t)cr_metric_n_numbers();
    if (clusters.of) {
        intervals->shares = cr_alloc(n_shares, sizeof *intervals->shares);
        if (!intervals->shares)
            return cr_fail_memory(err, "intervals", n_shares, sizeof *intervals->shares);
    }
    return intervals->sums ? CR_OK : cr_fail_memory(err, "intervals", n_sums, sizeof(int64_t));
}

void cr_intervals_fini(cr_intervals *intervals)
{
    cr_stat_sums_free(intervals->sums);
    free(intervals->shares);
    free(intervals->images);
    *intervals = (cr_intervals){0};
}

/* The sample of number k of all metrics. */
static cr_stat_sample *share_of(const cr_intervals *of, int protocol, int k)
{
    return &of->shares[protocol * cr_metric_n_numbers() + k];
}

/* A row counts for a share where it has one of its own, which is then 0 or all. */
static void see_shares(const cr_intervals *of, int metric, int protocol, int row,
                       const int64_t *sums)
{
    for (int k = 0, m; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *number = cr_metric_number_at(k, &m);
        if (m != metric || number->interval != CR_METRIC_WILSON)
            continue;
        const double value = number->count(sums).value;
        if (!isnan(value))
            cr_stat_sample_add(share_of(of, protocol, k), of->images[row], value > 0);
    }
}

void cr_intervals_see(void *context, int metric, int protocol, int image, const int64_t *sums)
{
    cr_intervals *of = context;
    if (of->shares)
        see_shares(of, metric, protocol, image, sums);
    if (of->status != CR_OK || !is_resampled(metric))
        return;
    const size_t first = cr_results_sums_at(of->plan, 0, metric, protocol);
    const int n = cr_metrics[metric]->n_resampled ? cr_metrics[metric]->n_resampled
                                                  : cr_metrics[metric]->n_sums;
    of->status = cr_stat_sums_add(of->sums, image, (int)first, n, sums, &of->err);
}

/* A number that wants an interval, and its place of cr_metric_number_at. */
typedef struct resampled {
    int place, metric;
    const cr_metric_number *number;
} resampled;

/* Where the numbers of all resamples go. */
typedef struct taking {
    const cr_results_plan *plan;
    int n_protocols, n_numbers;
    const int *protocols; /* [n_protocols] of the plan */
    double *values;       /* [n_protocols][n_numbers][CR_REPORT_RESAMPLES] */
    resampled numbers[CR_METRIC_MAX_NUMBERS];
} taking;

static void list_numbers(taking *to)
{
    const int n = cr_metric_n_numbers();
    for (int k = 0, metric; k < n; k++) {
        const cr_metric_number *number = cr_metric_number_at(k, &metric);
        if (number->interval == CR_METRIC_BOOTSTRAP && cr_metrics[metric]->n_sums > 0 &&
            cr_results_has_metric(to->plan, metric))
            to->numbers[to->n_numbers++] = (resampled){k, metric, number};
    }
}

static double *values_of(const taking *to, int p, int i)
{
    return to->values + (size_t)(p * to->n_numbers + i) * (size_t)CR_REPORT_RESAMPLES;
}

/* Those of metrics that are not under protocols once. */
static void take(void *context, int resample, const int64_t *sums)
{
    const taking *to = context;
    for (int i = 0; i < to->n_numbers; i++) {
        const resampled *of = &to->numbers[i];
        const int n = cr_metrics[of->metric]->of_protocol ? to->n_protocols : 1;
        for (int p = 0; p < n; p++)
            values_of(to, p, i)[resample] =
                of->number
                    ->count(sums + cr_results_sums_at(to->plan, 0, of->metric, to->protocols[p]))
                    .value;
    }
}

static cr_status fill(const taking *from, cr_report_row *rows, cr_error *err)
{
    for (int i = 0; i < from->n_numbers; i++) {
        const bool each = cr_metrics[from->numbers[i].metric]->of_protocol;
        for (int p = 0; p < from->n_protocols; p++) {
            cr_metric_value *value = &rows[p].values[from->numbers[i].place];
            if (!isnan(value->value))
                CR_OR_RETURN(cr_stat_percentiles(values_of(from, each ? p : 0, i),
                                                 CR_REPORT_RESAMPLES, &value->low, &value->high,
                                                 err));
        }
    }
    return CR_OK;
}

static void fill_shares(const cr_intervals *from, int n, const int *protocols, cr_report_row *rows)
{
    for (int k = 0, metric; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *number = cr_metric_number_at(k, &metric);
        for (int p = 0; p < n && number->interval == CR_METRIC_WILSON; p++) {
            cr_metric_value *value = &rows[p].values[k];
            const int protocol = cr_metrics[metric]->of_protocol ? protocols[p] : 0;
            if (!isnan(value->value))
                cr_stat_sample_wilson(share_of(from, protocol, k), 100, &value->low, &value->high);
        }
    }
}

cr_status cr_intervals_fill(const cr_intervals *intervals, const cr_report *report, int n_threads,
                            cr_report_row *rows, cr_error *err)
{
    cr_status status = CR_OK;
    int protocols[CR_MAX_PROTOCOLS];
    taking to = {
        .plan = intervals->plan, .n_protocols = report->n_protocols, .protocols = protocols};
    list_numbers(&to);
    const size_t n = (size_t)to.n_protocols * (size_t)to.n_numbers;
    to.values = cr_alloc(n, CR_REPORT_RESAMPLES * sizeof *to.values);
    if (!to.values)
        CR_TRY(cr_fail_memory(err, "intervals", n, CR_REPORT_RESAMPLES * sizeof *to.values));
    if (intervals->status != CR_OK)
        CR_TRY(cr_fail(err, intervals->status, "%s", intervals->err.message));
    for (int p = 0; p < report->n_protocols; p++)
        protocols[p] = cr_plan_find_protocol(intervals->plan, report->protocols[p].name);
    CR_TRY(cr_stat_resample_sums(intervals->sums, CR_STAT_SEED, CR_REPORT_RESAMPLES,
                                 n_threads > 1 ? n_threads : 1, take, &to, err));
    status = fill(&to, rows, err);
    if (intervals->shares)
        fill_shares(intervals, report->n_protocols, protocols, rows);

cleanup:
    free(to.values);
    return status;
}
