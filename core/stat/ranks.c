/* Tests of ranks, and of many columns at once. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

/* The place of the first of n sorted keys that is not below `key`. */
static int find_key(const uint64_t *keys, int n, uint64_t key)
{
    int low = 0;
    while (low < n) {
        const int middle = low + (n - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

/* z of clusters, from the sorted keys of all rows. */
static double z_of_clusters(const double *a, const double *b, cr_stat_clusters clusters,
                            const uint64_t *keys)
{
    double sum = 0, squares = 0, own = 0;
    for (int i = 0; i < clusters.n_rows; i++) {
        const double difference = a[i] - b[i];
        const uint64_t key = cr_stat_key(fabs(difference)) << 1;
        const double rank =
            (1 + find_key(keys, clusters.n_rows, key) + find_key(keys, clusters.n_rows, key + 2)) /
            2.0;
        own += difference > 0 ? rank : difference < 0 ? -rank : 0;
        if (i + 1 < clusters.n_rows && clusters.of[i + 1] == clusters.of[i])
            continue;
        sum += own;
        squares += own * own;
        own = 0;
    }
    return squares > 0 ? sum / sqrt(squares) : 0;
}

/* Keys are ordered as the absolute differences are; their first bit, which all have, gives way to one at
 * the end that says whose value is larger. */
cr_status cr_stat_wilcoxon(const double *a, const double *b, cr_stat_clusters clusters,
                           cr_stat_wilcoxon_result *result, cr_error *err)
{
    const int n = clusters.n_rows;
    uint64_t *keys = cr_alloc((size_t)n * 2, sizeof *keys);
    *result = (cr_stat_wilcoxon_result){.p = 1};
    if (!keys)
        return cr_fail_memory(err, "a signed-rank test", (size_t)n * 2, sizeof *keys);
    for (int i = 0; i < n; i++) {
        const double difference = a[i] - b[i];
        keys[i] = cr_stat_key(fabs(difference)) << 1 | (difference > 0);
    }
    cr_stat_sort(keys, keys + n, n);
    const uint64_t zero = cr_stat_key(0) << 1;
    int n_zero = 0;
    while (n_zero < n && keys[n_zero] == zero)
        n_zero++;
    double ties = 0;
    for (int i = n_zero, end; i < n; i = end) {
        for (end = i; end < n && keys[end] >> 1 == keys[i] >> 1;)
            end++;
        const double tied = end - i, rank = (i + 1 + end) / 2.0;
        ties += tied * (tied * tied - 1);
        for (int j = i; j < end; j++)
            *(keys[j] & 1 ? &result->plus : &result->minus) += rank;
    }
    if (n_zero < n) {
        const double all = n, out = n_zero;
        const double mean = all * (all + 1) / 4 - out * (out + 1) / 4;
        const double variance =
            (all * (all + 1) * (2 * all + 1) - out * (out + 1) * (2 * out + 1) - ties / 2) / 24;
        result->z = clusters.n < n ? z_of_clusters(a, b, clusters, keys)
                                   : (result->plus - mean) / sqrt(variance);
        result->p = 2 * cr_stat_normal(-fabs(result->z));
    }
    free(keys);
    return CR_OK;
}

/* Sums of squares over the columns: of all rows, and, of each cluster, of what it adds and of its sum. Exact below
 * 2^53. */
typedef struct rights_squares {
    double of_columns, of_parts, of_clusters;
    double total;
} rights_squares;

/* Ends a cluster, whose rights by column are `own`. */
static void end_cluster(int k, double *own, double *all, rights_squares *to)
{
    double sum = 0;
    for (int c = 0; c < k; c++) {
        sum += own[c];
        all[c] += own[c];
        to->of_parts += own[c] * own[c];
        own[c] = 0;
    }
    to->total += sum;
    to->of_clusters += sum * sum;
}

static bool ends_cluster(cr_stat_clusters clusters, int row)
{
    return row + 1 == clusters.n_rows ||
           cr_stat_cluster(clusters, row) != cr_stat_cluster(clusters, row + 1);
}

cr_status cr_stat_cochran(const uint8_t *const *columns, int k, cr_stat_clusters clusters,
                          cr_stat_test *test, cr_error *err)
{
    double *own = cr_alloc(2 * (size_t)k, sizeof *own), *all = own + k;
    rights_squares of = {0};
    *test = (cr_stat_test){.p = 1, .df = k - 1};
    if (!own)
        return cr_fail_memory(err, "Cochran's test", (size_t)k, sizeof *own);
    for (int i = 0; i < clusters.n_rows; i++) {
        for (int c = 0; c < k; c++)
            own[c] += columns[c][i];
        if (ends_cluster(clusters, i))
            end_cluster(k, own, all, &of);
    }
    for (int c = 0; c < k; c++)
        of.of_columns += all[c] * all[c];
    const double below = k * of.of_parts - of.of_clusters;
    if (below > 0) {
        test->statistic = (k - 1) * (k * of.of_columns - of.total * of.total) / below;
        test->p = cr_stat_chi_square_tail(test->statistic, test->df);
    }
    free(own);
    return CR_OK;
}

/* Adds twice the rank of each of k values to `sums`; returns the sum of t^3 - t over its ties. */
static double add_ranks(const double *values, int k, double *sums)
{
    double ties = 0;
    for (int c = 0; c < k; c++) {
        int larger = 0, same = 0;
        for (int other = 0; other < k; other++) {
            larger += values[other] > values[c];
            same += values[other] == values[c];
        }
        sums[c] += 2 * larger + same + 1;
        ties += (double)same * same - 1; /* of each of the t that are tied */
    }
    return ties;
}

/* The sum of the squares by which k sums of twice the ranks of n rows are apart from their mean. */
static double apart_from_mean(const double *sums, int k, double n)
{
    double squares = 0;
    for (int c = 0; c < k; c++)
        squares += (sums[c] - n * (k + 1)) * (sums[c] - n * (k + 1));
    return squares;
}

/* Adds twice the ranks of all rows to `sums`, and returns what is tied; *of_clusters is how far clusters' sums are
 * apart. `room` is [2 k]. */
static double rank_rows(const double *const *columns, int k, cr_stat_clusters clusters,
                        double *room, double *sums, double *of_clusters)
{
    double *values = room, *own = room + k, ties = 0;
    int n = 0;
    for (int i = 0; i < clusters.n_rows; i++) {
        for (int c = 0; c < k; c++)
            values[c] = columns[c][i];
        ties += add_ranks(values, k, own);
        n++;
        if (!ends_cluster(clusters, i))
            continue;
        *of_clusters += apart_from_mean(own, k, n);
        for (int c = 0; c < k; c++) {
            sums[c] += own[c];
            own[c] = 0;
        }
        n = 0;
    }
    return ties;
}

cr_status cr_stat_friedman(const double *const *columns, int k, cr_stat_clusters clusters,
                           double *mean_ranks, double *worth, cr_stat_test *test, cr_error *err)
{
    const double rows = clusters.n_rows, kinds = k;
    double *room = cr_alloc(2 * (size_t)k, sizeof *room), squares = 0, of_clusters = 0;
    if (!room)
        return cr_fail_memory(err, "Friedman's test", (size_t)k, sizeof *room);
    for (int c = 0; c < k; c++)
        mean_ranks[c] = 0;
    const double ties = rank_rows(columns, k, clusters, room, mean_ranks, &of_clusters);
    const double apart = apart_from_mean(mean_ranks, k, rows);
    for (int c = 0; c < k; c++) {
        squares += mean_ranks[c] * mean_ranks[c] / 4;
        mean_ranks[c] /= 2 * rows;
    }
    const double most = kinds * (kinds * kinds - 1) * rows;
    *test = (cr_stat_test){.p = 1, .df = k - 1};
    *worth = rows;
    if (ties < most && of_clusters > 0) {
        const double plain = 12 * squares / (kinds * rows * (kinds + 1)) - 3 * rows * (kinds + 1);
        test->statistic = plain / (1 - ties / most);
        if (clusters.n < clusters.n_rows) {
            test->statistic = (kinds - 1) * apart / of_clusters;
            *worth = rows * (most - ties) / 3 / of_clusters;
        }
        test->p = cr_stat_chi_square_tail(test->statistic, test->df);
    }
    free(room);
    return CR_OK;
}

double cr_stat_nemenyi(double alpha, int k, double n)
{
    const double kinds = k;
    return cr_stat_range_quantile(alpha, k) / sqrt(2) * sqrt(kinds * (kinds + 1) / (6.0 * n));
}
