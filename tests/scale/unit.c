/* What a chunk of a job costs one rank, step by step, for tests/scale: prints one line of JSON a
 * model.
 *
 * usage: unit JOB.yaml -o SCRATCH.h5 [options of camrank run]
 *
 * All chunks of the job run as in driver/run.c, each after a forward pass by itself over the input
 * of the chunk before. Seconds are those of this process's CPU, so that a busy machine does not
 * change them; blocked_s is what a unit takes by the clock on top, waiting for the storage and not
 * for a CPU. They are medians over the chunks but the first; a partial chunk at the end is left out.
 * decode_s is reading, decoding and resizing, boxes_s what follows the last layer that is run, up to
 * the file. A chunk is read while the one before is computed; where that takes too short a time, the
 * forward pass in between makes blocked_s less than it is in a run. */
#include "driver/networks.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_LAYERS = 4096, MAX_CHUNKS = 1024 };

/* A chunk that is to be read ahead. */
typedef struct chunk {
    cr_worker *worker;
    int model, first, n;
} chunk;

typedef struct laps {
    const chunk *next; /* NULL: none */
    double last;
    int n;
    double s[MAX_LAYERS]; /* of each layer, the first one with all before it */
} laps;

static double cpu_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* Seconds that this thread has slept, but for a constant. */
static double asleep_s(void)
{
    struct timespec now, used;
    double ran_ns = 0, queued_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    if (!file || fscanf(file, "%lf %lf", &ran_ns, &queued_ns) != 2)
        queued_ns = 0;
    if (file)
        fclose(file);
    clock_gettime(CLOCK_MONOTONIC, &now);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)(now.tv_sec - used.tv_sec) +
           1e-9 * ((double)(now.tv_nsec - used.tv_nsec) - queued_ns);
}

static void lap(void *context)
{
    laps *l = context;
    if (l->n == 0 && l->next)
        cr_worker_read_ahead(l->next->worker, l->next->model, l->next->first, l->next->n);
    const double now = cpu_s();
    if (l->n < MAX_LAYERS)
        l->s[l->n++] = now - l->last;
    l->last = now;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n > 0 ? values[n / 2] : 0;
}

static cr_status measure_model(const cr_session *s, cr_results *results, cr_worker *worker, int m,
                               cr_error *err)
{
    cr_status status = CR_OK;
    static double unit[MAX_CHUNKS], decode[MAX_CHUNKS], forward[MAX_CHUNKS], longest[MAX_CHUNKS],
        boxes[MAX_CHUNKS], write[MAX_CHUNKS], blocked[MAX_CHUNKS];
    static laps layers, all;
    const int batch = s->job.batch;
    cr_net *net = cr_explainer_net(s->models[m].explainer);
    int n = 0, first = 0;
    for (; first + batch <= s->data.n_images && n < MAX_CHUNKS; first += batch) {
        const cr_results_rows *rows;
        layers = (laps){.last = cpu_s()};
        const double start = layers.last;
        cr_net_on_layer(net, lap, &layers);
        if (first > 0) /* before the first chunk the net has no memory */
            cr_net_forward(net, batch);
        const chunk next = {worker, m, first + batch, batch};
        const double asleep = asleep_s(), between = cpu_s();
        all =
            (laps){.next = next.first + batch <= s->data.n_images ? &next : NULL, .last = between};
        cr_net_on_layer(net, lap, &all);
        CR_TRY(cr_worker_compute(worker, m, 0, first, batch, NULL, NULL, &rows, err));
        const double computed = cpu_s();
        CR_TRY(cr_results_write(results, m, rows, err));
        const double written = cpu_s();
        if (first == 0)
            continue;
        blocked[n] = asleep_s() - asleep;
        forward[n] = between - start;
        longest[n] = 0;
        for (int i = 0; i < layers.n; i++)
            longest[n] = layers.s[i] > longest[n] ? layers.s[i] : longest[n];
        decode[n] = all.s[0] - layers.s[0];
        boxes[n] = computed - all.last;
        write[n] = written - computed;
        unit[n] = written - between;
        n++;
    }
    printf("{\"model\": \"%s\", \"batch\": %d, \"chunks\": %d, \"unit_s\": %.4f, "
           "\"decode_s\": %.4f, \"forward_s\": %.4f, \"layers\": %d, \"longest_layer_s\": %.4f, "
           "\"boxes_s\": %.4f, \"write_s\": %.5f, \"blocked_s\": %.4f}\n",
           s->models[m].name, batch, n, median(unit, n), median(decode, n), median(forward, n),
           layers.n, median(longest, n), median(boxes, n), median(write, n), median(blocked, n));
    fflush(stdout);

cleanup:
    return status;
}

static cr_status measure(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_status status = CR_OK;
    cr_session_options options;
    cr_session session = {0};
    cr_results *results = NULL;
    cr_worker *worker = NULL;
    CR_TRY(cr_session_options_parse(argc, argv, &options, err));
    CR_TRY(cr_session_open(par, &options, &session, err));
    CR_TRY(cr_results_create(par, session.job.output, true, &session.plan, &session.data, &results,
                             err));
    CR_TRY(cr_worker_new(&session.data, &session.plan, session.models, session.n_models,
                         session.job.batch, session.job.image_mpixels, false, &worker, err));
    for (int m = 0; m < session.n_models; m++) {
        CR_TRY(cr_networks_hold(par, &session, session.turn[m], err));
        CR_TRY(measure_model(&session, results, worker, m, err));
    }
    CR_TRY(cr_results_close(&results, err));

cleanup:
    cr_results_abandon(&results);
    cr_worker_free(worker);
    cr_session_close(&session);
    cr_session_options_free(&options);
    return status;
}

int main(int argc, char **argv)
{
    cr_par par;
    cr_error err = {0};
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &(int){0});
    cr_status status = cr_par_init(&par, MPI_COMM_WORLD, &err);
    if (status == CR_OK)
        status = measure(&par, argc, argv, &err);
    if (status != CR_OK)
        fprintf(stderr, "unit: %s\n", err.message);
    cr_par_fini(&par);
    MPI_Finalize();
    return cr_status_exit_code(status);
}
