/* Resampling of what is a function of sums, whatever function: a resample's sums are those of its rows, and
 * the sums of a row are few steps up and down when it is read from its first to its last. */
#include "internal.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Resamples that are added up together: a step's place is read once for all of them. */
enum { LANES = 32 };

/* What so many rows that follow each other add to a sum in a resample is below 32768: each adds its count at
 * most twice, and that they are drawn four times as often as they should be does not happen. Rows of one cluster
 * are drawn together: that all of them are drawn 32 times does not happen either. */
enum { BLOCK = 4096, BLOCK_OF_CLUSTERS = 512 };

typedef int16_t lanes __attribute__((vector_size(LANES * sizeof(int16_t))));

/* A step by one, up or down, from the sum before: nearly all are. */
typedef struct unit_step {
    uint32_t row, at; /* `at` is twice the place, and 1 more for a step down */
} unit_step;

typedef struct step {
    int row, at;
    int64_t by;
} step;

struct cr_stat_sums {
    cr_stat_clusters clusters;
    int n_sums;
    size_t n_units, unit_capacity, n_steps, step_capacity;
    unit_step *units;
    step *steps;
};

cr_stat_sums *cr_stat_sums_new(cr_stat_clusters clusters, int n_sums)
{
    cr_stat_sums *sums = cr_alloc(1, sizeof *sums);
    if (sums)
        *sums = (cr_stat_sums){.clusters = clusters, .n_sums = n_sums};
    return sums;
}

void cr_stat_sums_free(cr_stat_sums *sums)
{
    if (!sums)
        return;
    free(sums->units);
    free(sums->steps);
    free(sums);
}

static cr_status add_step(cr_stat_sums *sums, int row, int at, int64_t by, cr_error *err)
{
    if (by == 1 || by == -1) {
        CR_OR_RETURN(cr_reserve(&sums->units, sums->n_units, &sums->unit_capacity,
                                sizeof *sums->units, err));
        sums->units[sums->n_units++] =
            (unit_step){(uint32_t)row, 2 * (uint32_t)at + (uint32_t)(by < 0)};
    } else {
        CR_OR_RETURN(cr_reserve(&sums->steps, sums->n_steps, &sums->step_capacity,
                                sizeof *sums->steps, err));
        sums->steps[sums->n_steps++] = (step){row, at, by};
    }
    return CR_OK;
}

cr_status cr_stat_sums_add(cr_stat_sums *sums, int row, int first, int n, const int64_t *one,
                           cr_error *err)
{
    int64_t before = 0;
    for (int k = 0; k < n; before = one[k++])
        if (one[k] != before)
            CR_OR_RETURN(add_step(sums, row, first + k, one[k] - before, err));
    if (before != 0 && first + n < sums->n_sums)
        CR_OR_RETURN(add_step(sums, row, first + n, -before, err));
    return CR_OK;
}

typedef struct job {
    const cr_stat_sums *of;
    uint64_t seed;
    int n_resamples, n_threads;
    cr_stat_take_sums *take;
    void *context;
} job;

typedef struct worker {
    const job *of;
    int first; /* group of resamples; then every n_threads-th */
    pthread_t thread;
    uint16_t *one;   /* [LANES][n clusters] how often each was drawn, by resample */
    lanes *drawn;    /* [n_rows] the same, by row */
    lanes *block;    /* [n_sums] of a block of rows */
    int64_t *totals; /* [n_sums][LANES] */
    int64_t *sums;   /* [n_sums] of one resample */
    bool started;
} worker;

static void draw_clusters(const worker *w, int first, int n_lanes)
{
    const cr_stat_clusters clusters = w->of->of->clusters;
    const size_t n = (size_t)clusters.n;
    int16_t *to = (int16_t *)w->drawn;
    for (int lane = 0; lane < n_lanes; lane++)
        cr_stat_count_draws(w->of->seed, first + lane, clusters.n, w->one + (size_t)lane * n);
    for (int i = 0; i < clusters.n_rows; i++) {
        const uint16_t *from = w->one + cr_stat_cluster(clusters, i);
        for (size_t lane = 0; lane < LANES; lane++)
            *to++ = (int16_t)from[lane * n];
    }
}

/* Adds steps by one, from step k on as far as they are of the block of its row; returns the next. */
static size_t add_block(const worker *w, size_t k)
{
    const cr_stat_sums *of = w->of->of;
    const unit_step *units = of->units;
    const uint32_t first = units[k].row;
    const uint32_t n = of->clusters.of ? BLOCK_OF_CLUSTERS : BLOCK;
    const lanes *restrict drawn = w->drawn;
    lanes *restrict block = w->block;
    memset(block, 0, (size_t)of->n_sums * sizeof *block);
    for (; k < of->n_units && units[k].row - first < n; k++) {
        if (units[k].at & 1)
            block[units[k].at >> 1] -= drawn[units[k].row];
        else
            block[units[k].at >> 1] += drawn[units[k].row];
    }
    const int16_t *from = (const int16_t *)block;
    for (size_t i = 0; i < (size_t)of->n_sums * LANES; i++)
        w->totals[i] += from[i];
    return k;
}

static void add_up(const worker *w)
{
    const cr_stat_sums *of = w->of->of;
    const int16_t *drawn = (const int16_t *)w->drawn;
    memset(w->totals, 0, (size_t)of->n_sums * LANES * sizeof *w->totals);
    for (size_t k = 0; k < of->n_units;)
        k = add_block(w, k);
    for (size_t k = 0; k < of->n_steps; k++) {
        const step *by = &of->steps[k];
        for (size_t lane = 0; lane < LANES; lane++)
            w->totals[(size_t)by->at * LANES + lane] +=
                by->by * drawn[(size_t)by->row * LANES + lane];
    }
}

static void *work(void *argument)
{
    const worker *w = argument;
    const job *of = w->of;
    for (int first = w->first * LANES; first < of->n_resamples; first += of->n_threads * LANES) {
        const int left = of->n_resamples - first, n_lanes = left < LANES ? left : LANES;
        draw_clusters(w, first, n_lanes);
        add_up(w);
        for (int lane = 0; lane < n_lanes; lane++) {
            int64_t sum = 0;
            for (int k = 0; k < of->of->n_sums; k++)
                w->sums[k] = sum += w->totals[k * LANES + lane];
            of->take(of->context, first + lane, w->sums);
        }
    }
    return NULL;
}

cr_status cr_stat_resample_sums(const cr_stat_sums *sums, uint64_t seed, int n_resamples,
                                int n_threads, cr_stat_take_sums *take, void *context,
                                cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n_rows = (size_t)sums->clusters.n_rows, n_sums = (size_t)sums->n_sums;
    const job of = {sums, seed, n_resamples, n_threads, take, context};
    worker *workers = cr_alloc((size_t)n_threads, sizeof *workers);
    if (!workers)
        return cr_fail_memory(err, "a bootstrap", (size_t)n_threads, sizeof *workers);
    for (int t = 0; t < n_threads; t++) {
        workers[t] = (worker){.of = &of, .first = t};
        workers[t].one = cr_alloc((size_t)sums->clusters.n, LANES * sizeof *workers[t].one);
        workers[t].drawn = cr_alloc_aligned(n_rows, sizeof *workers[t].drawn);
        workers[t].block = cr_alloc_aligned(n_sums, sizeof *workers[t].block);
        workers[t].totals = cr_alloc(n_sums, LANES * sizeof *workers[t].totals);
        workers[t].sums = cr_alloc(n_sums, sizeof *workers[t].sums);
        if (!workers[t].one || !workers[t].drawn || !workers[t].block || !workers[t].totals ||
            !workers[t].sums)
            CR_TRY(cr_fail_memory(err, "a bootstrap", n_rows + n_sums, sizeof(lanes)));
    }
    for (int t = 1; t < n_threads; t++) {
        workers[t].started = pthread_create(&workers[t].thread, NULL, work, &workers[t]) == 0;
        if (!workers[t].started)
            CR_TRY(cr_fail(err, CR_EINTERNAL, "no thread could be started for a bootstrap"));
    }
    work(&workers[0]);

cleanup:
    for (int t = 0; t < n_threads; t++) {
        if (workers[t].started)
            pthread_join(workers[t].thread, NULL);
        free(workers[t].one);
        free(workers[t].drawn);
        free(workers[t].block);
        free(workers[t].totals);
        free(workers[t].sums);
    }
    free(workers);
    return status;
}

cr_status cr_stat_percentiles(const double *values, int n, double *low, double *high, cr_error *err)
{
    int there = 0;
    uint64_t *keys = cr_alloc((size_t)n * 2, sizeof *keys);
    if (!keys)
        return cr_fail_memory(err, "an interval", (size_t)n * 2, sizeof *keys);
    for (int r = 0; r < n; r++)
        if (!isnan(values[r]))
            keys[there++] = cr_stat_key(values[r]);
    cr_stat_sort(keys, keys + n, there);
    *low = there > 0 ? cr_stat_quantile(keys, there, 0.025) : NAN;
    *high = there > 0 ? cr_stat_quantile(keys, there, 0.975) : NAN;
    free(keys);
    return CR_OK;
}
