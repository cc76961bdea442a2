/* Resampling of what is a function of sums, whatever function: a resample's sums are those of its images, and
 * the sums of an image are few steps up and down when it is read from its first to its last. */
#include "internal.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Resamples that are added up together: a step's place is read once for all of them. */
enum { LANES = 32 };

/* All images together are drawn n_images times, an int, so that no count of steps by one is beyond. */
typedef int32_t lanes __attribute__((vector_size(LANES * sizeof(int32_t))));

/* A step by one, up or down, from the sum before: nearly all are. */
typedef struct unit_step {
    uint32_t image, at; /* `at` is twice the place, and 1 more for a step down */
} unit_step;

typedef struct step {
    int image, at;
    int64_t by;
} step;

struct cr_stat_sums {
    int n_images, n_sums;
    size_t n_units, unit_capacity, n_steps, step_capacity;
    unit_step *units;
    step *steps;
};

cr_stat_sums *cr_stat_sums_new(int n_images, int n_sums)
{
    cr_stat_sums *sums = cr_alloc(1, sizeof *sums);
    if (sums)
        *sums = (cr_stat_sums){.n_images = n_images, .n_sums = n_sums};
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

static cr_status add_step(cr_stat_sums *sums, int image, int at, int64_t by, cr_error *err)
{
    if (by == 1 || by == -1) {
        CR_OR_RETURN(cr_reserve(&sums->units, sums->n_units, &sums->unit_capacity,
                                sizeof *sums->units, err));
        sums->units[sums->n_units++] =
            (unit_step){(uint32_t)image, 2 * (uint32_t)at + (uint32_t)(by < 0)};
    } else {
        CR_OR_RETURN(cr_reserve(&sums->steps, sums->n_steps, &sums->step_capacity,
                                sizeof *sums->steps, err));
        sums->steps[sums->n_steps++] = (step){image, at, by};
    }
    return CR_OK;
}

cr_status cr_stat_sums_add(cr_stat_sums *sums, int image, int first, int n, const int64_t *one,
                           cr_error *err)
{
    int64_t before = 0;
    for (int k = 0; k < n; before = one[k++])
        if (one[k] != before)
            CR_OR_RETURN(add_step(sums, image, first + k, one[k] - before, err));
    if (before != 0 && first + n < sums->n_sums)
        CR_OR_RETURN(add_step(sums, image, first + n, -before, err));
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
    uint16_t *one; /* [LANES][n_images] how often each was drawn, by resample */
    lanes *drawn;  /* [n_images] the same, by image */
    lanes *totals; /* [n_sums] of steps by one */
    int64_t *rest; /* [n_sums][LANES] of others */
    int64_t *sums; /* [n_sums] of one resample */
    bool started;
} worker;

static void draw_images(const worker *w, int first, int n_lanes)
{
    const int n = w->of->of->n_images;
    int32_t *to = (int32_t *)w->drawn;
    for (int lane = 0; lane < n_lanes; lane++)
        cr_stat_count_draws(w->of->seed, first + lane, n, w->one + (size_t)lane * (size_t)n);
    for (int i = 0; i < n; i++)
        for (int lane = 0; lane < LANES; lane++)
            *to++ = w->one[(size_t)lane * (size_t)n + (size_t)i];
}

static void add_up(const worker *w)
{
    const cr_stat_sums *of = w->of->of;
    const unit_step *units = of->units;
    const lanes *restrict drawn = w->drawn;
    lanes *restrict totals = w->totals;
    const size_t n_units = of->n_units;
    memset(totals, 0, (size_t)of->n_sums * sizeof *totals);
    for (size_t k = 0; k < n_units; k++) {
        if (units[k].at & 1)
            totals[units[k].at >> 1] -= drawn[units[k].image];
        else
            totals[units[k].at >> 1] += drawn[units[k].image];
    }
    memset(w->rest, 0, (size_t)of->n_sums * LANES * sizeof *w->rest);
    for (size_t k = 0; k < of->n_steps; k++)
        for (int lane = 0; lane < LANES; lane++)
            w->rest[of->steps[k].at * LANES + lane] +=
                of->steps[k].by * drawn[of->steps[k].image][lane];
}

static void *work(void *argument)
{
    const worker *w = argument;
    const job *of = w->of;
    for (int first = w->first * LANES; first < of->n_resamples; first += of->n_threads * LANES) {
        const int left = of->n_resamples - first, n_lanes = left < LANES ? left : LANES;
        draw_images(w, first, n_lanes);
        add_up(w);
        for (int lane = 0; lane < n_lanes; lane++) {
            int64_t sum = 0;
            for (int k = 0; k < of->of->n_sums; k++)
                w->sums[k] = sum += w->totals[k][lane] + w->rest[k * LANES + lane];
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
    const size_t n_images = (size_t)sums->n_images, n_sums = (size_t)sums->n_sums;
    const job of = {sums, seed, n_resamples, n_threads, take, context};
    worker *workers = cr_alloc((size_t)n_threads, sizeof *workers);
    if (!workers)
        return cr_fail_memory(err, "a bootstrap", (size_t)n_threads, sizeof *workers);
    for (int t = 0; t < n_threads; t++) {
        workers[t] = (worker){.of = &of, .first = t};
        workers[t].one = cr_alloc(n_images, LANES * sizeof *workers[t].one);
        workers[t].drawn = cr_alloc_aligned(n_images, sizeof *workers[t].drawn);
        workers[t].totals = cr_alloc_aligned(n_sums, sizeof *workers[t].totals);
        workers[t].rest = cr_alloc(n_sums, LANES * sizeof *workers[t].rest);
        workers[t].sums = cr_alloc(n_sums, sizeof *workers[t].sums);
        if (!workers[t].one || !workers[t].drawn || !workers[t].totals || !workers[t].rest ||
            !workers[t].sums)
            CR_TRY(cr_fail_memory(err, "a bootstrap", n_images + n_sums, sizeof(lanes)));
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
        free(workers[t].totals);
        free(workers[t].rest);
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
