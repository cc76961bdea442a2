/* Tests of ranks, and of many columns at once. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

/* Keys are ordered as the absolute differences are; their first bit, which all have, gives way to one at
 * the end that says whose value is larger. */
cr_status cr_stat_wilcoxon(const double *a, const double *b, int n, cr_stat_wilcoxon_result *result,
                           cr_error *err)
{
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
        result->z = (result->plus - mean) / sqrt(variance);
        result->p = 2 * cr_stat_normal(-fabs(result->z));
    }
    free(keys);
    return CR_OK;
}

cr_stat_test cr_stat_cochran(const uint8_t *const *columns, int k, int n)
{
    double total = 0, of_columns = 0, of_images = 0; /* sums of squares, exact below 2^53 */
    for (int c = 0; c < k; c++) {
        int64_t right = 0;
        for (int i = 0; i < n; i++)
            right += columns[c][i];
        total += (double)right;
        of_columns += (double)right * (double)right;
    }
    for (int i = 0; i < n; i++) {
        int right = 0;
        for (int c = 0; c < k; c++)
            right += columns[c][i];
        of_images += (double)right * right;
    }
    const double below = k * total - of_images;
    cr_stat_test test = {.p = 1, .df = k - 1};
    if (below > 0) {
        test.statistic = (k - 1) * (k * of_columns - total * total) / below;
        test.p = cr_stat_chi_square_tail(test.statistic, test.df);
    }
    return test;
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

cr_status cr_stat_friedman(const double *const *columns, int k, int n, double *mean_ranks,
                           cr_stat_test *test, cr_error *err)
{
    double *values = cr_alloc((size_t)k, sizeof *values), ties = 0, squares = 0;
    if (!values)
        return cr_fail_memory(err, "Friedman's test", (size_t)k, sizeof *values);
    for (int c = 0; c < k; c++)
        mean_ranks[c] = 0;
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < k; c++)
            values[c] = columns[c][i];
        ties += add_ranks(values, k, mean_ranks);
    }
    const double images = n, kinds = k;
    for (int c = 0; c < k; c++) {
        squares += mean_ranks[c] * mean_ranks[c] / 4;
        mean_ranks[c] /= 2 * images;
    }
    const double most = kinds * (kinds * kinds - 1) * images;
    *test = (cr_stat_test){.p = 1, .df = k - 1};
    if (ties < most) {
        const double plain =
            12 * squares / (kinds * images * (kinds + 1)) - 3 * images * (kinds + 1);
        test->statistic = plain / (1 - ties / most);
        test->p = cr_stat_chi_square_tail(test->statistic, test->df);
    }
    free(values);
    return CR_OK;
}

double cr_stat_nemenyi(double alpha, int k, int n)
{
    const double kinds = k;
    return cr_stat_range_quantile(alpha, k) / sqrt(2) * sqrt(kinds * (kinds + 1) / (6.0 * n));
}
