/* Resampling of what is a function of all images, whatever function: it gets how often each was drawn. */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct job {
    int n, n_resamples, n_threads;
    uint64_t seed;
    cr_stat_take_counts *take;
    void *context;
} job;

typedef struct worker {
    const job *of;
    int first; /* resample; then every n_threads-th */
    pthread_t thread;
    uint16_t *drawn; /* [n] */
    bool started;
} worker;

static void *work(void *argument)
{
    const worker *w = argument;
    const job *of = w->of;
    for (int r = w->first; r < of->n_resamples; r += of->n_threads) {
        cr_stat_count_draws(of->seed, r, of->n, w->drawn);
        of->take(of->context, r, w->drawn);
    }
    return NULL;
}

cr_status cr_stat_resample_counts(int n_images, uint64_t seed, int n_resamples, int n_threads,
                                  cr_stat_take_counts *take, void *context, cr_error *err)
{
    cr_status status = CR_OK;
    const size_t n = (size_t)n_images;
    const job of = {n_images, n_resamples, n_threads, seed, take, context};
    worker *workers = cr_alloc((size_t)n_threads, sizeof *workers);
    if (!workers)
        return cr_fail_memory(err, "a bootstrap", (size_t)n_threads, sizeof *workers);
    for (int t = 0; t < n_threads; t++) {
        workers[t] = (worker){.of = &of, .first = t, .drawn = cr_alloc(n, sizeof(uint16_t))};
        if (!workers[t].drawn)
            CR_TRY(cr_fail_memory(err, "a bootstrap", n, sizeof(uint16_t)));
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
        free(workers[t].drawn);
    }
    free(workers);
    return status;
}
