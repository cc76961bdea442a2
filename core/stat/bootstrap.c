/* Resampling of images, all columns at once: a resample is how often each image was drawn, and its means
 * are products of these counts with the columns. Four resamples by four columns are added up together;
 * each sum runs over the images in their order, so that neither threads nor other columns change it. */
#include "internal.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 4 };

typedef double four __attribute__((vector_size(TILE * sizeof(double))));

typedef struct job {
    const four *panels; /* [panels of four columns][n] */
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
    bool started;
} worker;

static void count_draws(const worker *w, int resample, int lane)
{
    const int n = w->of->n;
    cr_stat_count_draws(w->of->seed, resample, n, w->drawn);
    for (int i = 0; i < n; i++)
        w->counts[i][lane] = w->drawn[i];
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
    const worker *w = argument;
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
                        sums[lane][j] / of->n;
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

cr_status cr_stat_resample(const double *const *columns, int k, int n, uint64_t seed,
                           int n_resamples, int n_threads, double *means, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_panels = ((size_t)k + TILE - 1) / TILE, images = (size_t)n;
    four *panels = cr_alloc_aligned(n_panels * images, sizeof *panels);
    worker *workers = cr_alloc((size_t)n_threads, sizeof *workers);
    if (!panels || !workers)
        CR_TRY(cr_fail_memory(err, "a bootstrap", n_panels * images, sizeof *panels));
    for (int c = 0; c < k; c++)
        for (int i = 0; i < n; i++)
            panels[(size_t)(c / TILE) * images + (size_t)i][c % TILE] = columns[c][i];
    const job of = {panels, k, n, n_resamples, n_threads, seed, means};
    CR_TRY(run_workers(&of, workers, err));

cleanup:
    free(workers);
    free(panels);
    return status;
}

/* The least share of resamples that could be told from 0. */
static double inside(double share, int n_resamples)
{
    const double least = 0.5 / n_resamples;
    return fmin(1 - least, fmax(least, share));
}

/* The jackknife's acceleration of a mean; false where all images have one difference. */
static bool accelerate(const double *a, const double *b, int n, double *mean, double *acceleration)
{
    double sum = 0, squares = 0, cubes = 0;
    bool same = true;
    for (int i = 0; i < n; i++) {
        sum += a[i] - b[i];
        same = same && a[i] - b[i] == a[0] - b[0];
    }
    *mean = same ? a[0] - b[0] : sum / n;
    for (int i = 0; i < n; i++) {
        const double apart = a[i] - b[i] - *mean;
        squares += apart * apart;
        cubes += apart * apart * apart;
    }
    *acceleration = same ? 0 : cubes / (6 * pow(squares, 1.5));
    return !same;
}

cr_status cr_stat_bca(const double *a, const double *b, int n, const double *means_a,
                      const double *means_b, int n_resamples, double *low, double *high,
                      cr_error *err)
{
    double mean, acceleration, ends[2], below = 0;
    if (!accelerate(a, b, n, &mean, &acceleration)) {
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
