/* Resampling of clusters, all columns at once: a resample is how often each cluster was drawn, and its means
 * are products of these counts with the clusters' sums, over those with their sizes. Four resamples by four
 * columns are added up together; each sum runs over the clusters in their order, so that neither threads nor
 * other columns change it. */
#include "internal.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 4 };

typedef double four __attribute__((vector_size(TILE * sizeof(double))));

typedef struct job {
    const four *panels;   /* [panels of four columns][n] sums of a cluster's rows */
    const int32_t *sizes; /* [n] its rows */
    int k, n, n_resamples, n_threads;
    uint64_t seed;
    double *means;
} job;

typedef struct worker {
    const job *of;
    int first; /* tile of resamples; then every n_threads-th */
    pthread_t thread;
    uint16_t *drawn; /* [n] of one resample */
    four *counts;    /* [n] of four */
    int64_t n_rows[TILE];
    bool started;
} worker;

static void count_draws(worker *w, int resample, int lane)
{
    const int n = w->of->n;
    cr_stat_count_draws(w->of->seed, resample, n, w->drawn);
    w->n_rows[lane] = 0;
    for (int i = 0; i < n; i++) {
        w->counts[i][lane] = w->drawn[i];
        w->n_rows[lane] += w->drawn[i] * w->of->sizes[i];
    }
}

static void add_up(const four *restrict values, const four *restrict counts, int n, four sums[TILE])
{
    four sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
    for (int i = 0; i < n; i++) {
        sum0 += values[i] * counts[i][0];
        sum1 += values[i] * counts[i][1];
        sum2 += values[i] * counts[i][2];
        sum3 += values[i] * counts[i][3];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

static void *work(void *argument)
{
    worker *w = argument;
    const job *of = w->of;
    for (int first = w->first * TILE; first < of->n_resamples; first += of->n_threads * TILE) {
        const int left = of->n_resamples - first, n_lanes = left < TILE ? left : TILE;
        for (int lane = 0; lane < n_lanes; lane++)
            count_draws(w, first + lane, lane);
        for (int c = 0; c < of->k; c += TILE) {
            four sums[TILE];
            add_up(of->panels + (size_t)(c / TILE) * (size_t)of->n, w->counts, of->n, sums);
            for (int lane = 0; lane < n_lanes; lane++)
                for (int j = 0; j < TILE && c + j < of->k; j++)
                    of->means[(size_t)(c + j) * (size_t)of->n_resamples + (size_t)(first + lane)] =
                        sums[lane][j] / (double)w->n_rows[lane];
        }
    }
    return NULL;
}

static cr_status run_workers(const job *of, worker *workers, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = (size_t)of->n;
    for (int t = 0; t < of->n_threads; t++) {
        workers[t] = (worker){.of = of, .first = t};
        workers[t].drawn = cr_alloc(n, sizeof *workers[t].drawn);
        workers[t].counts = cr_alloc_aligned(n, sizeof *workers[t].counts);
        if (!workers[t].drawn || !workers[t].counts)
            CR_TRY(cr_fail_memory(err, "a bootstrap", n, sizeof *workers[t].counts));
    }
    for (int t = 1; t < of->n_threads; t++) {
        workers[t].started = pthread_create(&workers[t].thread, NULL, work, &workers[t]) == 0;
        if (!workers[t].started)
            CR_TRY(cr_fail(err, CR_EINTERNAL, "no thread could be started for a bootstrap"));
    }
    work(&workers[0]);

cleanup:
    for (int t = 0; t < of->n_threads; t++) {
        if (workers[t].started)
            pthread_join(workers[t].thread, NULL);
        free(workers[t].counts);
        free(workers[t].drawn);
    }
    return status;
}

cr_status cr_stat_resample(const double *const *columns, int k, cr_stat_clusters clusters,
                           uint64_t seed, int n_resamples, int n_threads, double *means,
                           cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_panels = ((size_t)k + TILE - 1) / TILE, n = (size_t)clusters.n;
    four *panels = cr_alloc_aligned(n_panels * n, sizeof *panels);
    int32_t *sizes = cr_alloc(n, sizeof *sizes);
    worker *workers = cr_alloc((size_t)n_threads, sizeof *workers);
    if (!panels || !sizes || !workers)
        CR_TRY(cr_fail_memory(err, "a bootstrap", n_panels * n, sizeof *panels));
    memset(panels, 0, n_panels * n * sizeof *panels);
    for (int i = 0; i < clusters.n_rows; i++)
        sizes[cr_stat_cluster(clusters, i)]++;
    for (int c = 0; c < k; c++) {
        four *panel = panels + (size_t)(c / TILE) * n;
        for (int i = 0; i < clusters.n_rows; i++)
            panel[cr_stat_cluster(clusters, i)][c % TILE] += columns[c][i];
    }
    const job of = {panels, sizes, k, clusters.n, n_resamples, n_threads, seed, means};
    CR_TRY(run_workers(&of, workers, err));

cleanup:
    free(workers);
    free(sizes);
    free(panels);
    return status;
}

/* The least share of resamples that could be told from 0. */
static double inside(double share, int n_resamples)
{
    const double least = 0.5 / n_resamples;
    return fmin(1 - least, fmax(least, share));
}

/* The differences of a cluster's rows. */
typedef struct total {
    double sum;
    int n;
} total;

/* How much lower the mean is without a cluster, times one less than all rows: of a row that is one of its own, its
 * distance from the mean. */
static double apart(total of, double mean, int n_rows)
{
    return (of.sum - mean * of.n) * ((n_rows - 1.0) / (n_rows - of.n));
}

/* The jackknife's acceleration of a mean of n_rows, which is a ratio where clusters differ in size; 0 where no
 * cluster says anything. */
static double acceleration_of(const total *totals, int n, int n_rows, double mean)
{
    double centre = 0, squares = 0, cubes = 0;
    for (int g = 0; g < n && n < n_rows; g++) /* of rows one by one it is 0, but for rounding */
        centre += apart(totals[g], mean, n_rows) / n;
    for (int g = 0; g < n; g++) {
        const double x = apart(totals[g], mean, n_rows) - centre;
        squares += x * x;
        cubes += x * x * x;
    }
    return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

/* The mean and its acceleration; *same where all clusters have one mean. */
static cr_status accelerate(const double *a, const double *b, cr_stat_clusters clusters,
                            double *mean, double *acceleration, bool *same, cr_error *err)
{
    total *totals = cr_alloc((size_t)clusters.n, sizeof *totals);
    double sum = 0;
    if (!totals)
        return cr_fail_memory(err, "an interval", (size_t)clusters.n, sizeof *totals);
    for (int i = 0; i < clusters.n_rows; i++) {
        total *to = &totals[cr_stat_cluster(clusters, i)];
        sum += a[i] - b[i];
        to->sum += a[i] - b[i];
        to->n++;
    }
    const double first = totals[0].sum / totals[0].n;
    *same = true;
    for (int g = 1; g < clusters.n && *same; g++)
        *same = totals[g].sum / totals[g].n == first;
    *mean = *same ? first : sum / clusters.n_rows;
    *acceleration = *same ? 0 : acceleration_of(totals, clusters.n, clusters.n_rows, *mean);
    free(totals);
    return CR_OK;
}

cr_status cr_stat_bca(const double *a, const double *b, cr_stat_clusters clusters,
                      const double *means_a, const double *means_b, int n_resamples, double *low,
                      double *high, cr_error *err)
{
    double mean = NAN, acceleration = NAN, ends[2], below = 0;
    bool same = false;
    CR_OR_RETURN(accelerate(a, b, clusters, &mean, &acceleration, &same, err));
    if (same) {
        *low = *high = mean;
        return CR_OK;
    }
    uint64_t *keys = cr_alloc((size_t)n_resamples * 2, sizeof *keys);
    if (!keys)
        return cr_fail_memory(err, "an interval", (size_t)n_resamples * 2, sizeof *keys);
    for (int r = 0; r < n_resamples; r++) {
        const double difference = means_a[r] - means_b[r];
        below += difference < mean ? 1 : difference == mean ? 0.5 : 0;
        keys[r] = cr_stat_key(difference);
    }
    cr_stat_sort(keys, keys + n_resamples, n_resamples);
    const double bias = cr_stat_normal_quantile(inside(below / n_resamples, n_resamples));
    for (int end = 0; end < 2; end++) {
        const double z = bias + (end ? CR_STAT_Z : -CR_STAT_Z);
        ends[end] =
            cr_stat_quantile(keys, n_resamples, cr_stat_normal(bias + z / (1 - acceleration * z)));
    }
    *low = ends[0];
    *high = ends[1];
    free(keys);
    return CR_OK;
}

/* The mean of as many runs as there are, drawn with replacement, in one resample. */
static double mean_of_runs(cr_stat_runs of, const double *means, int n_resamples, int resample,
                           uint64_t seed, uint64_t stream)
{
    uint64_t state = cr_stat_start(seed, stream, resample);
    double sum = 0;
    for (int i = 0; i < of.n_runs; i++)
        sum +=
            means[(size_t)of.runs[cr_stat_draw(&state, (uint32_t)of.n_runs)] * (size_t)n_resamples +
                  (size_t)resample];
    return sum / of.n_runs;
}

cr_status cr_stat_runs_interval(cr_stat_runs a, cr_stat_runs b, const double *means,
                                int n_resamples, uint64_t seed, double *low, double *high,
                                cr_error *err)
{
    uint64_t *keys = cr_alloc((size_t)n_resamples * 2, sizeof *keys);
    if (!keys)
        return cr_fail_memory(err, "an interval", (size_t)n_resamples * 2, sizeof *keys);
    for (int r = 0; r < n_resamples; r++)
        keys[r] = cr_stat_key(mean_of_runs(a, means, n_resamples, r, seed, CR_STAT_RUNS_A) -
                              mean_of_runs(b, means, n_resamples, r, seed, CR_STAT_RUNS_B));
    cr_stat_sort(keys, keys + n_resamples, n_resamples);
    *low = cr_stat_quantile(keys, n_resamples, 0.025);
    *high = cr_stat_quantile(keys, n_resamples, 0.975);
    free(keys);
    return CR_OK;
}

double cr_stat_bootstrap_test(const double *differences, int n)
{
    int n_all = 0, n_below = 0, n_above = 0;
    for (int r = 0; r < n; r++) {
        n_all += !isnan(differences[r]);
        n_below += differences[r] <= 0;
        n_above += differences[r] >= 0;
    }
    const double rarer = n_below < n_above ? n_below : n_above;
    return n_all > 0 ? fmin(1, 2 * (1 + rarer) / (n_all + 1.0)) : NAN;
}
