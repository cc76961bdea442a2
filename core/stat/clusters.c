/* Shares and differences of rights where rows belong together. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

/* What a row adds to a square, or a product, of its cluster's sums. */
void cr_stat_sample_add(cr_stat_sample *sample, int32_t cluster, int value)
{
    if (sample->n == 0 || cluster != sample->last) {
        sample->n_clusters++;
        sample->last = cluster;
        sample->last_sum = sample->last_n = 0;
    }
    sample->of_sums += value * (2 * sample->last_sum + value);
    sample->of_products += sample->last_sum + value * (sample->last_n + 1);
    sample->of_sizes += 2 * sample->last_n + 1;
    sample->last_sum += value;
    sample->last_n++;
    sample->sum += value;
    sample->squares += value * value;
    sample->n++;
}

double cr_stat_sample_size(const cr_stat_sample *sample)
{
    const double n = (double)sample->n, clusters = (double)sample->n_clusters;
    if (sample->n == sample->n_clusters)
        return n;
    const double mean = (double)sample->sum / n;
    const double of_rows = (double)sample->squares - n * mean * mean;
    const double of_clusters = (double)sample->of_sums - 2 * mean * (double)sample->of_products +
                               mean * mean * (double)sample->of_sizes;
    const bool varies = sample->squares * sample->n > sample->sum * sample->sum;
    if (!varies || sample->n_clusters < 2)
        return clusters;
    const double effect = of_clusters / of_rows * clusters / (clusters - 1);
    return effect > 1 ? n / effect : n;
}

void cr_stat_sample_wilson(const cr_stat_sample *sample, double whole, double *low, double *high)
{
    *low = *high = NAN;
    if (sample->n > 0)
        cr_stat_wilson_of((double)sample->sum / (double)sample->n, cr_stat_sample_size(sample),
                          whole, low, high);
}

cr_stat_sample cr_stat_differences(const uint8_t *a, const uint8_t *b, cr_stat_clusters clusters)
{
    cr_stat_sample sample = {0};
    for (int i = 0; i < clusters.n_rows; i++)
        cr_stat_sample_add(&sample, cr_stat_cluster(clusters, i), a[i] - b[i]);
    return sample;
}

/* Clusters by the size of the sum of their differences. */
typedef struct sizes {
    int *n; /* [most + 1] */
    int most;
    int64_t all, gain; /* the sum of the sizes, and of the differences */
} sizes;

static cr_status count_sizes(const uint8_t *a, const uint8_t *b, cr_stat_clusters clusters,
                             sizes *of, cr_error *err)
{
    int *sums = cr_alloc((size_t)clusters.n, sizeof *sums);
    *of = (sizes){0};
    if (!sums)
        return cr_fail_memory(err, "McNemar's test", (size_t)clusters.n, sizeof *sums);
    for (int i = 0; i < clusters.n_rows; i++)
        sums[cr_stat_cluster(clusters, i)] += a[i] - b[i];
    for (int g = 0; g < clusters.n; g++) {
        of->gain += sums[g];
        of->all += abs(sums[g]);
        of->most = abs(sums[g]) > of->most ? abs(sums[g]) : of->most;
    }
    of->n = cr_alloc((size_t)of->most + 1, sizeof *of->n);
    for (int g = 0; g < clusters.n && of->n; g++)
        of->n[abs(sums[g])]++;
    free(sums);
    return of->n ? CR_OK : cr_fail_memory(err, "McNemar's test", (size_t)of->most, sizeof *of->n);
}

/* P(X = x) of X binomial of n, 1/2. */
static long double binomial(int n, int64_t x)
{
    int sign;
    if (x > n)
        return 0;
    const long double all = n, k = (long double)x;
    return expl(lgammal_r(all + 1, &sign) - lgammal_r(k + 1, &sign) -
                lgammal_r(all - k + 1, &sign) - all * logl(2));
}

cr_status cr_stat_mcnemar_clusters(const uint8_t *a, const uint8_t *b, cr_stat_clusters clusters,
                                   double *exact, double *mid, cr_error *err)
{
    sizes of;
    CR_OR_RETURN(count_sizes(a, b, clusters, &of, err));
    const int64_t less = (of.all - llabs(of.gain)) / 2; /* what speaks for the side that has less */
    if (of.most < 2) {
        cr_stat_mcnemar((cr_stat_counts){.only_a = less, .only_b = of.all - less}, exact, mid);
        free(of.n);
        return CR_OK;
    }
    /* P(the sum of the sizes that fall to one side = u), u from 0 to `less`. */
    long double *p = cr_alloc((size_t)less + 1, sizeof *p), tail = 0;
    if (!p) {
        free(of.n);
        return cr_fail_memory(err, "McNemar's test", (size_t)less, sizeof *p);
    }
    for (int64_t u = 0; u <= less; u++)
        p[u] = binomial(of.n[1], u);
    for (int size = 2; size <= of.most; size++)
        for (int k = 0; k < of.n[size]; k++)
            for (int64_t u = less; u >= 0; u--)
                p[u] = (p[u] + (u >= size ? p[u - size] : 0)) / 2;
    for (int64_t u = 0; u <= less; u++)
        tail += p[u];
    *exact = of.gain == 0 ? 1 : fmin(1, (double)(2 * tail));
    *mid = of.gain == 0 ? (double)(1 - p[less] / 2) : fmin(1, (double)(2 * tail - p[less]));
    free(p);
    free(of.n);
    return CR_OK;
}
