/* The figures of a metric: each pair, what all rows say together, and which cannot be told apart. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *room_for(cr_compare *compare, size_t n, size_t item_bytes)
{
    return cr_arena_alloc(&compare->room->arena, n, item_bytes);
}

/* Errors are of the images that are not right. */
static void turn_round(double *low, double *high)
{
    const double least = -*high;
    *high = -*low;
    *low = least;
}

/* What p has to be below for the pair that Holm's correction looks at first. */
static double strictest(const cr_compare *compare)
{
    return compare->options.alpha / compare->n_pairs;
}

static cr_status fill_rights(const cr_compare *compare, const cr_compare_metric *metric,
                             cr_compare_pair *pair, cr_error *err)
{
    const uint8_t *a = metric->rights[pair->a], *b = metric->rights[pair->b];
    const double n = metric->n, n_images = metric->clusters.n;
    const cr_stat_sample sample = cr_stat_differences(a, b, metric->clusters);
    pair->counts = cr_stat_count(a, b, metric->n);
    const double gain = (double)sample.sum;
    const bool is_error = cr_compare_number(metric)->better == CR_METRIC_DOWN;
    pair->difference = 100 * (is_error ? 0 - gain : gain) / n; /* and never -0 */
    cr_stat_newcombe(pair->counts, cr_stat_sample_size(&sample), &pair->low, &pair->high);
    pair->low *= 100;
    pair->high *= 100;
    if (is_error)
        turn_round(&pair->low, &pair->high);
    pair->kappa = cr_stat_kappa(pair->counts);
    pair->needed = cr_stat_images_needed(gain / n_images, (double)sample.of_sums / n_images,
                                         strictest(compare));
    return cr_stat_mcnemar_clusters(a, b, metric->clusters, &pair->p_exact, &pair->p_mid, err);
}

/* The mean square, over the images, of the sum of an image's differences. */
static double mean_square(const double *a, const double *b, cr_stat_clusters clusters)
{
    double squares = 0, own = 0;
    for (int i = 0; i < clusters.n_rows; i++) {
        own += a[i] - b[i];
        if (i + 1 < clusters.n_rows &&
            cr_stat_cluster(clusters, i) == cr_stat_cluster(clusters, i + 1))
            continue;
        squares += own * own;
        own = 0;
    }
    return squares / clusters.n;
}

static cr_status fill_values(const cr_compare *compare, const cr_compare_metric *metric,
                             cr_compare_pair *pair, cr_error *err)
{
    const double *a = metric->columns[pair->a], *b = metric->columns[pair->b];
    const size_t n_resamples = (size_t)compare->options.n_resamples;
    cr_stat_wilcoxon_result test;
    const double rows_per_image = (double)metric->n / metric->clusters.n;
    pair->difference = metric->values[pair->a] - metric->values[pair->b];
    pair->needed = cr_stat_images_needed(pair->difference * rows_per_image,
                                         mean_square(a, b, metric->clusters), strictest(compare));
    CR_OR_RETURN(cr_stat_wilcoxon(a, b, metric->clusters, &test, err));
    pair->p_wilcoxon = test.p;
    if (metric->means)
        CR_OR_RETURN(cr_stat_bca(a, b, metric->clusters,
                                 metric->means + (size_t)pair->a * n_resamples,
                                 metric->means + (size_t)pair->b * n_resamples,
                                 compare->options.n_resamples, &pair->low, &pair->high, err));
    return CR_OK;
}

/* Of all images together: what there is of it are the same resamples of both. */
static cr_status fill_whole(const cr_compare *compare, const cr_compare_metric *metric,
                            cr_compare_pair *pair, cr_error *err)
{
    const int n = compare->options.n_resamples;
    pair->difference = metric->values[pair->a] - metric->values[pair->b];
    if (!metric->means)
        return CR_OK;
    const double *a = metric->means + (size_t)pair->a * (size_t)n;
    const double *b = metric->means + (size_t)pair->b * (size_t)n;
    double *differences = cr_alloc((size_t)n, sizeof *differences);
    if (!differences)
        return cr_fail_memory(err, "a bootstrap", (size_t)n, sizeof *differences);
    for (int r = 0; r < n; r++)
        differences[r] = a[r] - b[r];
    pair->p_bootstrap = cr_stat_bootstrap_test(differences, n);
    const cr_status status = cr_stat_percentiles(differences, n, &pair->low, &pair->high, err);
    free(differences);
    return status;
}

/* The k-th pair that is compared. */
static void name_pairs(const cr_compare *compare, cr_compare_pair *pairs)
{
    const int against = compare->options.against;
    int k = 0;
    for (int a = 0; a < compare->n_rows; a++)
        for (int b = against >= 0 ? against : a + 1;
             b < (against >= 0 ? against + 1 : compare->n_rows); b++)
            if (a != b)
                pairs[k++] = (cr_compare_pair){.a = a,
                                               .b = b,
                                               .difference = NAN,
                                               .low = NAN,
                                               .high = NAN,
                                               .p_exact = NAN,
                                               .p_mid = NAN,
                                               .p_wilcoxon = NAN,
                                               .p_bootstrap = NAN,
                                               .p_adjusted = NAN,
                                               .kappa = NAN,
                                               .needed = NAN};
}

static bool has_metric(const cr_compare_metric *metric, int row)
{
    return metric->rights[row] || metric->columns[row];
}

/* What a right image adds to the number, and a wrong one. */
static void fill_units(const cr_compare_metric *metric, int row, double *to)
{
    const double wrong = cr_compare_number(metric)->better == CR_METRIC_DOWN ? 100 : 0;
    for (int i = 0; i < metric->n; i++)
        to[i] = metric->rights[row][i] ? 100 - wrong : wrong;
}

/* Resampled means of all rows that have the metric. */
static cr_status resample(cr_compare *compare, cr_compare_metric *metric, cr_error *err)
{
    const size_t n_resamples = (size_t)compare->options.n_resamples, n = (size_t)metric->n;
    const size_t n_having = (size_t)metric->n_having;
    if (n_resamples == 0 || n_having < 2 || n == 0 || metric->is_whole ||
        (metric->is_rights && compare->n_variants == 0))
        return CR_OK;
    cr_status status = CR_OK;
    const double **columns = cr_alloc(n_having, sizeof *columns);
    double *means = cr_alloc(n_having * n_resamples, sizeof *means);
    double *units = metric->is_rights ? cr_alloc(n_having * n, sizeof *units) : NULL;
    metric->means = room_for(compare, (size_t)compare->n_rows * n_resamples, sizeof *metric->means);
    if (!columns || !means || !metric->means || (metric->is_rights && !units))
        CR_TRY(cr_fail_memory(err, "a bootstrap", n_having, n * sizeof *means));
    int k = 0;
    for (int r = 0; r < compare->n_rows; r++) {
        if (!has_metric(metric, r))
            continue;
        columns[k] = units ? units + (size_t)k * n : metric->columns[r];
        if (units)
            fill_units(metric, r, units + (size_t)k * n);
        k++;
    }
    CR_TRY(cr_stat_resample(columns, k, metric->clusters, CR_STAT_SEED,
                            compare->options.n_resamples, compare->options.n_threads, means, err));
    k = 0;
    for (int r = 0; r < compare->n_rows; r++)
        if (has_metric(metric, r))
            memcpy(metric->means + (size_t)r * n_resamples, means + (size_t)k++ * n_resamples,
                   n_resamples * sizeof *means);

cleanup:
    free(units);
    free(means);
    free(columns);
    return status;
}

/* Over all rows that have the metric. */
static cr_status test_all(const cr_compare *compare, cr_compare_metric *metric, cr_error *err)
{
    cr_status status = CR_OK;
    const int k = metric->n_having;
    const void **having = cr_alloc((size_t)k, sizeof *having);
    double *ranks = cr_alloc((size_t)k, sizeof *ranks), worth;
    int at = 0;
    if (!having || !ranks)
        CR_TRY(cr_fail_memory(err, "a test", (size_t)k, sizeof *ranks));
    for (int r = 0; r < compare->n_rows; r++)
        if (has_metric(metric, r))
            having[at++] = metric->is_rights ? (void *)metric->rights[r] : metric->columns[r];
    if (metric->is_rights) {
        CR_TRY(cr_stat_cochran((const uint8_t *const *)having, k, metric->clusters, &metric->test,
                               err));
    } else {
        CR_TRY(cr_stat_friedman((const double *const *)having, k, metric->clusters, ranks, &worth,
                                &metric->test, err));
        metric->nemenyi = cr_stat_nemenyi(compare->options.alpha, k, worth);
    }
    at = 0;
    for (int r = 0; r < compare->n_rows; r++)
        metric->mean_ranks[r] = !metric->is_rights && metric->columns[r] ? ranks[at++] : NAN;

cleanup:
    free(ranks);
    free(having);
    return status;
}

static cr_status adjust(const cr_compare *compare, cr_compare_metric *metric, cr_error *err)
{
    const size_t n = (size_t)compare->n_pairs;
    double *p = cr_alloc(n, sizeof *p);
    if (!p)
        return cr_fail_memory(err, "p-values", n, sizeof *p);
    for (size_t k = 0; k < n; k++)
        p[k] = cr_compare_p(metric, &metric->pairs[k]);
    const cr_status status = cr_stat_holm(p, compare->n_pairs, p, err);
    for (size_t k = 0; k < n && status == CR_OK; k++)
        metric->pairs[k].p_adjusted = p[k];
    free(p);
    return status;
}

/* Whether row a is better than b; those that lack the metric come last, equal ones as they are. */
static bool is_before(const cr_compare_metric *metric, int a, int b)
{
    const double x = metric->values[a], y = metric->values[b];
    if (isnan(x) || isnan(y))
        return !isnan(x) && isnan(y);
    return cr_compare_number(metric)->better == CR_METRIC_DOWN ? x < y : x > y;
}

static void order_rows(const cr_compare *compare, cr_compare_metric *metric)
{
    for (int r = 0; r < compare->n_rows; r++) {
        int at = r;
        for (; at > 0 && is_before(metric, r, metric->order[at - 1]); at--)
            metric->order[at] = metric->order[at - 1];
        metric->order[at] = r;
    }
}

/* a to z, then A to Z; of more groups numbers, each with a comma in front. */
static void put_letter(char *text, size_t bytes, int group, int n_groups)
{
    const size_t used = strlen(text);
    if (n_groups > 52)
        snprintf(text + used, bytes - used, "%s%d", used ? "," : "", group + 1);
    else
        snprintf(text + used, bytes - used, "%c", group < 26 ? 'a' + group : 'A' + group - 26);
}

static cr_status find_letters(cr_compare *compare, cr_compare_metric *metric, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = (size_t)metric->n_having, bytes = 1024;
    bool *differ = cr_alloc(n * n, sizeof *differ), *member = NULL;
    int *place = cr_alloc((size_t)compare->n_rows, sizeof *place), n_groups = 0;
    metric->letters = room_for(compare, (size_t)compare->n_rows, sizeof *metric->letters);
    if (!differ || !place || !metric->letters)
        CR_TRY(cr_fail_memory(err, "groups", n * n, sizeof *differ));
    for (size_t k = 0; k < n; k++)
        place[metric->order[k]] = (int)k;
    for (int k = 0; k < compare->n_pairs; k++) {
        const cr_compare_pair *pair = &metric->pairs[k];
        const size_t a = (size_t)place[pair->a], b = (size_t)place[pair->b];
        if (pair->p_adjusted < compare->options.alpha)
            differ[a * n + b] = differ[b * n + a] = true;
    }
    CR_TRY(cr_stat_groups(differ, (int)n, &member, &n_groups, err));
    for (int r = 0; r < compare->n_rows; r++)
        metric->letters[r] = "";
    for (size_t k = 0; k < n; k++) {
        char *text = room_for(compare, bytes, 1);
        if (!text)
            CR_TRY(cr_fail_memory(err, "groups", n, bytes));
        for (int g = 0; g < n_groups; g++)
            if (member[(size_t)g * n + k])
                put_letter(text, bytes, g, n_groups);
        metric->letters[metric->order[k]] = text;
    }

cleanup:
    free(member);
    free(place);
    free(differ);
    return status;
}

static cr_status fill_metric(cr_compare *compare, cr_compare_metric *metric, cr_error *err)
{
    name_pairs(compare, metric->pairs);
    order_rows(compare, metric);
    CR_OR_RETURN(resample(compare, metric, err));
    for (int k = 0; k < compare->n_pairs; k++) {
        cr_compare_pair *pair = &metric->pairs[k];
        if (isnan(metric->values[pair->a]) || isnan(metric->values[pair->b]))
            continue;
        if (metric->is_whole)
            CR_OR_RETURN(fill_whole(compare, metric, pair, err));
        else if (metric->is_rights)
            CR_OR_RETURN(fill_rights(compare, metric, pair, err));
        else
            CR_OR_RETURN(fill_values(compare, metric, pair, err));
    }
    CR_OR_RETURN(adjust(compare, metric, err));
    if (compare->n_variants > 0)
        CR_OR_RETURN(cr_compare_spread_runs(compare, metric, err));
    if (metric->n_having >= 2 && metric->n > 0 && !metric->is_whole)
        CR_OR_RETURN(test_all(compare, metric, err));
    if (compare->options.against < 0 && metric->n_having > 0 && metric->n > 0 &&
        (!metric->is_whole || metric->means))
        CR_OR_RETURN(find_letters(compare, metric, err));
    return CR_OK;
}

cr_status cr_compare_pairs(cr_compare *compare, cr_error *err)
{
    for (int m = 0; m < compare->n_metrics; m++) {
        const cr_status status = fill_metric(compare, &compare->metrics[m], err);
        if (status != CR_OK)
            return status;
    }
    return CR_OK;
}
