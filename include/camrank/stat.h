/* stat.h - statistics of pairs: two or more columns over the same images, as plain arrays. All
 * functions are Local; nothing here knows files, models or metrics.
 *
 * A column of rights is [n] of 0 and 1, a column of values [n] finite doubles. Item i of all columns is
 * the same image: that is what makes them pairs. n >= 1 unless something else is said. Shares and
 * differences are of 1, not of 100. A figure that does not exist is NaN; nothing divides by 0. */
#ifndef CAMRANK_STAT_H
#define CAMRANK_STAT_H

#include "camrank/base.h"

/* Which rows belong together. Rows of one image are not independent of each other, so what is drawn anew,
 * or changes sides in a test, is all rows of an image together: a cluster. Where every row is one of its own
 * all functions give the same bits as without clusters. */
typedef struct cr_stat_clusters {
    int n_rows, n; /* rows, and clusters: at most as many, each with a row at least */
    const int32_t
        *of; /* [n_rows] the cluster of each row: 0 of the first, and of each other that of the row
                          before, or the next; NULL: row i is cluster i. The caller's */
} cr_stat_clusters;

/* n rows, each of which is a cluster. */
static inline cr_stat_clusters cr_stat_rows(int n)
{
    return (cr_stat_clusters){n, n, NULL};
}

static inline int cr_stat_cluster(cr_stat_clusters clusters, int row)
{
    return clusters.of ? clusters.of[row] : row;
}

/* --- Distributions ------------------------------------------------------------------------------ */

/* P(Z <= z) of the standard normal distribution, to the last bits in both tails, and its inverse:
 * -INFINITY at 0, INFINITY at 1. */
double cr_stat_normal(double z);
double cr_stat_normal_quantile(double p);

/* P(X >= x) of chi-square with df >= 1 degrees of freedom: the finite sums of whole degrees. */
double cr_stat_chi_square_tail(double x, int df);

/* The value that the range of k >= 2 standard normal variables exceeds with probability alpha (0 to 1,
 * both excluded): the studentized range at infinite degrees of freedom. To about 1e-12. */
double cr_stat_range_quantile(double alpha, int k);

/* --- Two columns of rights ---------------------------------------------------------------------- */

typedef struct cr_stat_counts {
    int64_t both, only_a, only_b, neither;
} cr_stat_counts;

cr_stat_counts cr_stat_count(const uint8_t *a, const uint8_t *b, int n);

/* McNemar's test: two-sided p of only_a against only_b, each discordant image of which falls to either
 * side with probability 1/2.
 *   exact  min(1, 2 P(X <= the smaller)), X binomial (McNemar, Psychometrika 12, 1947)
 *   mid    exact - P(X = the smaller); where both sides are equal 1 - P(X = it) / 2 (Fagerland et al.,
 *          BMC Med. Res. Methodol. 13:91, 2013). Without a discordant image the formula gives 0.5,
 *          though nothing speaks against equality: it is 1 here. */
void cr_stat_mcnemar(cr_stat_counts counts, double *exact, double *mid);

/* Wilson's 95 % interval of `part` of `counted`, times `whole`: the shares p for which the one measured
 * is less than 1.96 standard deviations of p away (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927). NaN
 * where nothing was counted. */
void cr_stat_wilson(int64_t part, int64_t counted, double whole, double *low, double *high);

/* Values of rows that are shares or differences of such: 1, 0 or -1. Starts as {0}. */
typedef struct cr_stat_sample {
    int64_t n, n_clusters;
    int64_t sum, squares;                   /* of rows */
    int64_t of_sums, of_products, of_sizes; /* over clusters: sum^2, sum * rows, rows^2 */
    int64_t last_sum, last_n;               /* of the last cluster, so far */
    int32_t last;
} cr_stat_sample;

/* Adds a row; those of one cluster one behind the other. */
void cr_stat_sample_add(cr_stat_sample *sample, int32_t cluster, int value);

/* How many independent rows say as much of the mean as these do: n over the design effect, which is the variance of
 * the mean over clusters (a ratio's, by linearization, times clusters / (clusters - 1)) over that of as many
 * independent rows (Kish, Survey Sampling, 1965, section 8.2). At most n, as the standards of the US National Center
 * for Health Statistics have it (Parker et al., Vital Health Stat. 2(175), 2017); where all rows have one value, which
 * says nothing of their correlation, as many as clusters; n where no cluster has two rows. */
double cr_stat_sample_size(const cr_stat_sample *sample);

/* Wilson's interval of a share, the mean of a sample of 1 and 0, times `whole`, with cr_stat_sample_size in the place
 * of the number counted (Franco et al., J. Surv. Stat. Methodol. 7, 2019). NaN of an empty one. */
void cr_stat_sample_wilson(const cr_stat_sample *sample, double whole, double *low, double *high);

/* The differences a - b of two columns of rights. */
cr_stat_sample cr_stat_differences(const uint8_t *a, const uint8_t *b, cr_stat_clusters clusters);

/* McNemar's test of clusters. Where neither column is better, all differences of a cluster could as well be the
 * other way round: `exact` is the probability that the sum of the differences is as far from 0 as it is, or farther,
 * when those of each cluster change sides together with probability 1/2 (Fisher's test by randomization, of whole
 * clusters; its approximation by a normal distribution is the test of Yang et al., Biom. J. 52, 2010). `mid`
 * counts the sum as it is by half. Where no cluster has a difference beyond 1 these are cr_stat_mcnemar's. Errors:
 * CR_EINTERNAL (memory). */
cr_status cr_stat_mcnemar_clusters(const uint8_t *a, const uint8_t *b, cr_stat_clusters clusters,
                                   double *exact, double *mid, cr_error *err);

/* Pointwise mutual information of a and b, of which `both` of n have both, in bits: log2(P(a, b) / (P(a) P(b)))
 * (Church and Hanks, Comput. Linguist. 16, 1990). Its 95 % interval is Wilson's of the share of b among those
 * that have a, over the share of b among all, which is taken as it is. -infinity where nothing has both; NaN
 * where nothing has one of them. */
void cr_stat_mutual(int64_t both, int64_t a, int64_t b, int64_t n, double *value, double *low,
                    double *high);

/* 95 % interval of (share of a) - (share of b): Wilson's intervals, squared and added, with the
 * correlation of the columns corrected by n/2 where it is positive (Newcombe, Stat. Med. 17, 1998,
 * pages 2635 to 2650, method 10). NaN without images.
 *   n  what the rows are worth: cr_stat_sample_size of their differences, or, where they are independent, their
 *      number. The counts are scaled to it. */
void cr_stat_newcombe(cr_stat_counts counts, double n, double *low, double *high);

/* Cohen's kappa of the two columns (Educ. Psychol. Meas. 20, 1960); NaN where both are right on all
 * images, or on none. */
double cr_stat_kappa(cr_stat_counts counts);

/* How many images a paired comparison needs to see a difference of this size at level alpha with power
 * 0.8, two-sided, where a difference of one image has this mean square: (z_(1 - alpha/2) sqrt(s) +
 * z_0.8 sqrt(s - d^2))^2 / d^2. Of rights s is the share of discordant images, and it is Connor's size
 * of McNemar's test (Biometrics 43, 1987, equation 4). Of clusters both are of the sum of a cluster's differences. Rounded up; NaN where the difference is 0. */
double cr_stat_images_needed(double difference, double mean_square, double alpha);

/* --- Two columns of values ---------------------------------------------------------------------- */

typedef struct cr_stat_wilcoxon_result {
    double plus, minus; /* sums of the ranks of the images where a is larger, and smaller */
    double z, p;        /* two-sided, normal approximation without continuity correction */
} cr_stat_wilcoxon_result;

/* Wilcoxon's signed-rank test. Where clusters have several rows, ranks are those of rows, and it is the sum of a
 * cluster's signed ranks that changes its sign by chance: z is the sum of these sums over the root of that of their
 * squares (Rosner, Glynn and Lee, Biometrics 62, 2006). Equal absolute differences share their mean rank, and the variance is
 * corrected for them; differences of 0 are ranked, and then left out (Pratt, J. Am. Stat. Assoc. 54,
 * 1959). p is 1 where no image differs. Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_wilcoxon(const double *a, const double *b, cr_stat_clusters clusters,
                           cr_stat_wilcoxon_result *result, cr_error *err);

/* --- More than two columns ---------------------------------------------------------------------- */

typedef struct cr_stat_test {
    double statistic, p;
    int df;
} cr_stat_test;

/* Both tests over all columns ask how far apart the columns' sums would be if in each row, or, where clusters have
 * several, in all rows of a cluster together, the columns were in any order: the variance is that of the clusters'
 * sums. */

/* Cochran's Q: do k >= 2 columns of rights have the same share? (Biometrika 37, 1950.) 0 and p = 1 where
 * all columns agree on every cluster. Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_cochran(const uint8_t *const *columns, int k, cr_stat_clusters clusters,
                          cr_stat_test *test, cr_error *err);

/* Friedman's test of k >= 2 columns of values, corrected for ties (Conover, Practical Nonparametric
 * Statistics, 3rd edition, section 5.8, equation 3). 0 and p = 1 where all are tied everywhere.
 *   mean_ranks  [k], the caller's: over the rows, rank 1 the largest value, ties the mean of theirs
 *   worth       how many independent rows have mean ranks as sure as these: n_rows where no cluster has two
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_friedman(const double *const *columns, int k, cr_stat_clusters clusters,
                           double *mean_ranks, double *worth, cr_stat_test *test, cr_error *err);

/* Nemenyi's critical difference of two mean ranks at level alpha: q / sqrt(2) sqrt(k (k + 1) / (6 n)), q
 * of cr_stat_range_quantile, n of independent rows (Demsar, JMLR 7, 2006, section 3.2.2). */
double cr_stat_nemenyi(double alpha, int k, double n);

/* --- How alike two pictures are ----------------------------------------------------------------- */

/* Pearson's correlation of n >= 1 values, -1 to 1; of ranks it is Spearman's. NaN where either is constant. */
double cr_stat_correlation(const double *a, const double *b, size_t n);

/* Ranks of n values, from 1, equal ones the mean of theirs. Errors: CR_EINTERNAL (memory).
 *   ranks  [n], the caller's */
cr_status cr_stat_ranks(const float *values, int n, double *ranks, cr_error *err);

/* Structural similarity (Wang et al., IEEE Trans. Image Process. 13, 2004, equation 13) of two pictures,
 * [height][width], as scikit-image has it: the mean over all windows of 7 x 7 that lie inside, sample variances,
 * K1 = 0.01, K2 = 0.03, the range that of both together. NaN where that is 0, or a side below 7. Errors:
 * CR_EINTERNAL (memory). */
cr_status cr_stat_ssim(const float *a, const float *b, int width, int height, double *ssim,
                       cr_error *err);

/* --- Many p-values ------------------------------------------------------------------------------ */

/* p-values [n >= 0] corrected for being n, in the same order, at most 1; `adjusted` may be `p`. NaN stays
 * NaN and counts for none. Holm (Scand. J. Stat. 6, 1979) keeps the chance of one false difference
 * among all below alpha; Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995) the expected share of
 * false ones among those found. Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_holm(const double *p, int n, double *adjusted, cr_error *err);
cr_status cr_stat_benjamini_hochberg(const double *p, int n, double *adjusted, cr_error *err);

/* Groups of items that cannot be told apart, for n >= 1 items in their order: two items have a group in
 * common if and only if `differ` does not part them, and each item has one (a compact letter display, by
 * covering the pairs greedily with cliques; Gramm et al., J. Comput. Biol. 14, 2007).
 *   differ    [n][n], symmetric
 *   member    *member is [*n_groups][n], the caller's (free); groups are ordered by their first item
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_groups(const bool *differ, int n, bool **member, int *n_groups, cr_error *err);

/* --- Bootstrap ---------------------------------------------------------------------------------- */

/* Resamples where nobody says how many, and the seed of all bootstraps of the program. */
enum { CR_STAT_RESAMPLES = 10000, CR_STAT_SEED = 17 };

/* How often resample r draws each of n clusters, n times with replacement: counts [n]. The numbers are those of
 * a SplitMix64 generator of its own, started from (seed, r). All of the program's bootstraps draw by this: what
 * has the same clusters and seed has the same resamples. (That one of them is drawn 65536 times does not happen:
 * n of at least so many are drawn, each with a probability of 1 / n.) */
void cr_stat_count_draws(uint64_t seed, int resample, int n, uint16_t *counts);

/* Means of k columns of values over the rows of clusters drawn with replacement, the same clusters for all
 * columns, n_resamples times (Davison and Hinkley, Bootstrap Methods and their Application, section 3.8,
 * strategy 1). A resample has as many clusters, but not as many rows: its mean is the ratio of two
 * sums. The same bits at any number of threads, and for a column whatever others stand beside it.
 *   columns  [k][n_rows]
 *   means    [k][n_resamples], the caller's
 * Errors: CR_EINTERNAL (memory, or no thread). */
cr_status cr_stat_resample(const double *const *columns, int k, cr_stat_clusters clusters,
                           uint64_t seed, int n_resamples, int n_threads, double *means,
                           cr_error *err);

/* 95 % interval of mean(a) - mean(b), from their resampled means: BCa (Efron, J. Am. Stat. Assoc. 82,
 * 1987; Efron and Tibshirani, An Introduction to the Bootstrap, section 14.3), acceleration from the
 * jackknife, which leaves out a cluster at a time. Resamples equal to the difference itself count by half for the bias; quantiles are
 * interpolated linearly. Where the mean difference is the same in all clusters, both ends are that.
 *   a, b              [n_rows]
 *   means_a, means_b  [n_resamples] of cr_stat_resample, of one seed and these clusters
 * Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_bca(const double *a, const double *b, cr_stat_clusters clusters,
                      const double *means_a, const double *means_b, int n_resamples, double *low,
                      double *high, cr_error *err);

/* Two variants, each of several runs (columns).
 *   runs     [n_runs] of the k columns of `means`
 *   means    [k][n_resamples] of cr_stat_resample
 * In each resample the runs are drawn anew as well, as many as there are, from a generator started from
 * (seed, r): the percentile interval of mean(a's runs) - mean(b's runs) over images and runs together.
 * Errors: CR_EINTERNAL (memory). */
typedef struct cr_stat_runs {
    const int *runs;
    int n_runs;
} cr_stat_runs;
cr_status cr_stat_runs_interval(cr_stat_runs a, cr_stat_runs b, const double *means,
                                int n_resamples, uint64_t seed, double *low, double *high,
                                cr_error *err);

/* What is a function of sums of integers over rows, such as a share at the best of many thresholds: the
 * sums that each row adds, kept as the steps between neighbours, of which there should be few. */
typedef struct cr_stat_sums cr_stat_sums;

/* For n_sums sums over the rows of clusters, whose `of` has to stay. NULL when out of memory. The caller's: cr_stat_sums_free, which takes
 * NULL. */
cr_stat_sums *cr_stat_sums_new(cr_stat_clusters clusters, int n_sums);
void cr_stat_sums_free(cr_stat_sums *sums);

/* Adds to sums first .. first + n - 1 what a row adds, `one` [n]. Errors: CR_EINTERNAL (memory). */
cr_status cr_stat_sums_add(cr_stat_sums *sums, int row, int first, int n, const int64_t *one,
                           cr_error *err);

/* Draws clusters n_resamples times, the same as cr_stat_resample with this seed, and hands the sums of each
 * resample, [n_sums], to `take`: from n_threads threads, each resample once, in no order. Integers make them
 * the same at any number of threads. Errors: CR_EINTERNAL (memory, or no thread). */
typedef void cr_stat_take_sums(void *context, int resample, const int64_t *sums);
cr_status cr_stat_resample_sums(const cr_stat_sums *sums, uint64_t seed, int n_resamples,
                                int n_threads, cr_stat_take_sums *take, void *context,
                                cr_error *err);

/* The same draws, of what is a function of all images: hands how often each was drawn in a resample, counts
 * [n_images], to `take`, likewise. Errors: the same. */
typedef void cr_stat_take_counts(void *context, int resample, const uint16_t *counts);
cr_status cr_stat_resample_counts(int n_images, uint64_t seed, int n_resamples, int n_threads,
                                  cr_stat_take_counts *take, void *context, cr_error *err);

/* The 95 % percentile interval (Efron and Tibshirani, section 13.3): the quantiles 0.025 and 0.975 of n values,
 * without those that are NaN, as numpy.quantile interpolates them. NaN where there are none. Errors:
 * CR_EINTERNAL (memory). */
cr_status cr_stat_percentiles(const double *values, int n, double *low, double *high,
                              cr_error *err);

/* The two-sided p-value of a difference of 0, by n resampled differences, without those that are NaN: twice the share
 * of them on the rarer side of 0, or at it, both counted with one more (Davison and Hinkley, section 4.2.3), at most 1.
 * NaN where there are none. */
double cr_stat_bootstrap_test(const double *differences, int n);

#endif
