/* camrank run: the main job. */
#include "command.h"
#include "cpus.h"
#include "dispatch.h"
#include "guard.h"
#include "launcher.h"
#include "memory.h"
#include "networks.h"
#include "progress.h"
#include "reduce.h"
#include "session.h"
#include "stop.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the ranks share while they work through the chunks. */
typedef struct run_state {
    const cr_par *par;
    cr_session *session;
    cr_results *results;
    cr_worker *worker;
    cr_arena arena;
    cr_results_rows stored; /* what a file that is resumed has of a chunk: states alone */
    bool resumed;
    int n_chunks;
    int *units;        /* rank 0: those that are not done yet, turn by turn */
    int *turn_units;   /* rank 0: [n_turns] how many of them each turn has */
    int64_t n_missing; /* rank 0: images x models not done yet, when last counted */
    int64_t n_partial; /* rank 0: those of them that lack some methods alone */
    cr_dispatch dispatch;
    int64_t n_images_before; /* rank 0: done in the turns before */
    bool knows_next;         /* the unit after the present one is being read */
    cr_progress progress;
    cr_status poll_status; /* of what is done between layers */
    cr_error poll_error;
} run_state;

typedef struct chunk {
    int model, first, n;
} chunk;

static chunk chunk_of(const run_state *run, int unit)
{
    const int n_images = run->session->data.n_images, batch = run->session->job.batch;
    const int first = unit % run->n_chunks * batch;
    return (chunk){unit / run->n_chunks, first,
                   n_images - first < batch ? n_images - first : batch};
}

/* Begins to read the images of the next unit, as soon as it is known. */
static cr_status read_ahead(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    int unit;
    CR_TRY(cr_dispatch_ahead(&run->dispatch, &unit, err));
    run->knows_next = unit >= 0;
    if (run->knows_next) {
        const chunk next = chunk_of(run, unit);
        cr_worker_read_ahead(run->worker, next.model, next.first, next.n);
    }

cleanup:
    return status;
}

static void show_progress(run_state *run)
{
    cr_progress_update(&run->progress, run->n_images_before + run->dispatch.n_images_done);
}

static void idle(void *context)
{
    run_state *run = context;
    if (run->poll_status == CR_OK && cr_stop_asked())
        run->poll_status = cr_dispatch_stop(&run->dispatch, &run->poll_error);
    if (run->poll_status == CR_OK)
        run->poll_status = cr_dispatch_poll(&run->dispatch, &run->poll_error);
    show_progress(run);
}

static void between_layers(void *context)
{
    run_state *run = context;
    idle(run);
    if (run->poll_status == CR_OK && !run->knows_next)
        run->poll_status = read_ahead(run, &run->poll_error);
}

/* Room for the states of n rows of any model. */
static cr_status alloc_states(const cr_session *s, int n, cr_arena *arena, cr_results_rows *rows,
                              cr_error *err)
{
    int n_variants = 0;
    for (int m = 0; m < s->n_models; m++)
        n_variants = s->models[m].n_variants > n_variants ? s->models[m].n_variants : n_variants;
    *rows = (cr_results_rows){
        .n = n,
        .state = cr_arena_alloc(arena, (size_t)n, sizeof *rows->state),
        .reason = cr_arena_alloc(arena, (size_t)n, sizeof *rows->reason),
        .variants = cr_arena_alloc(arena, (size_t)n_variants, sizeof *rows->variants),
    };
    bool ok = rows->state && rows->reason && rows->variants;
    for (int v = 0; ok && v < n_variants; v++)
        ok = (rows->variants[v].state = cr_arena_alloc(arena, (size_t)n, 1)) != NULL;
    return ok ? CR_OK : cr_fail_memory(err, "rows", (size_t)n, CR_REASON_BYTES);
}

/* Whether anything of row i is missing: of the model, or of one of its variants. */
static bool is_missing(const cr_results_rows *rows, int n_variants, int i)
{
    bool missing = rows->state[i] == CR_ROW_EMPTY;
    for (int v = 0; v < n_variants; v++)
        missing = missing || rows->variants[v].state[i] == CR_ROW_EMPTY;
    return missing;
}

/* Rank 0: the units of a model with rows that are neither done nor failed, behind the n_units that are
 * listed already; counts these rows. `rows` is for work. Local. */
static cr_status list_model(run_state *run, int m, cr_results_rows *rows, int *n_units,
                            cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *s = run->session;
    CR_TRY(cr_results_read(run->results, m, rows, err));
    int listed = -1;
    for (int i = 0; i < rows->n; i++) {
        if (!is_missing(rows, s->models[m].n_variants, i))
            continue;
        run->n_missing++;
        run->n_partial += rows->state[i] != CR_ROW_EMPTY;
        if (i / s->job.batch != listed) {
            listed = i / s->job.batch;
            run->units[(*n_units)++] = m * run->n_chunks + listed;
        }
    }

cleanup:
    return status;
}

/* Rank 0: lists what there is to do, turn by turn, the dearest networks of each first: arithmetic
 * stands for time, as only the order counts. Local. */
static cr_status list_units(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *s = run->session;
    int n_units = 0;
    cr_arena arena = {0};
    cr_results_rows rows;
    double *costs = cr_alloc((size_t)s->n_models, sizeof *costs);
    int *order = cr_alloc((size_t)s->n_models, sizeof *order);
    run->n_missing = run->n_partial = 0;
    CR_TRY(alloc_states(s, s->data.n_images, &arena, &rows, err));
    if (!costs || !order)
        CR_TRY(cr_fail_memory(err, "models", (size_t)s->n_models, sizeof *costs));
    for (int m = 0; m < s->n_models; m++)
        costs[m] = s->models[m].flops;
    cr_dispatch_order(costs, s->n_models, order);
    for (int turn = 0; turn < s->n_turns; turn++) {
        const int before = n_units;
        for (int k = 0; k < s->n_models; k++)
            if (s->turn[order[k]] == turn)
                CR_TRY(list_model(run, order[k], &rows, &n_units, err));
        run->turn_units[turn] = n_units - before;
    }

cleanup:
    free(order);
    free(costs);
    cr_arena_free(&arena);
    return status;
}

static cr_status do_unit(run_state *run, int unit, int *n, cr_error *err)
{
    cr_status status = CR_OK;
    const chunk present = chunk_of(run, unit);
    const cr_results_rows *rows;
    cr_results_rows *stored = run->resumed ? &run->stored : NULL;
    *n = present.n;
    run->knows_next = false;
    cr_net_on_layer(cr_explainer_net(run->session->models[present.model].explainer), between_layers,
                    run);
    if (stored) {
        stored->first = present.first;
        stored->n = present.n;
        CR_TRY(cr_results_read(run->results, present.model, stored, err));
    }
    CR_TRY(cr_worker_compute(run->worker, present.model, present.first, present.n, stored, &rows,
                             err));
    CR_TRY(cr_par_fault(run->par, err));
    CR_TRY(cr_results_write(run->results, present.model, rows, err));
    if (run->poll_status != CR_OK) {
        *err = run->poll_error;
        status = run->poll_status;
    }

cleanup:
    return status;
}

/* This rank's share of the work. Local, but for the messages of the dispatch. */
static cr_status work(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    int n = 0;
    for (;;) {
        int unit;
        if (cr_stop_asked())
            CR_TRY(cr_dispatch_stop(&run->dispatch, err));
        CR_TRY(cr_dispatch_next(&run->dispatch, n, &unit, err));
        show_progress(run);
        if (unit < 0)
            break;
        CR_TRY(do_unit(run, unit, &n, err));
    }

cleanup:
    return status;
}

/* What there is to do. Collective. */
static cr_status prepare(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *s = run->session;
    run->n_chunks = (s->data.n_images + s->job.batch - 1) / s->job.batch;
    const size_t n_units = (size_t)run->n_chunks * (size_t)s->n_models;
    if (run->par->rank == 0) {
        run->units = cr_alloc(n_units, sizeof *run->units);
        run->turn_units = cr_alloc((size_t)s->n_turns, sizeof *run->turn_units);
        status = run->units && run->turn_units
                     ? list_units(run, err)
                     : cr_fail_memory(err, "chunks", n_units, sizeof *run->units);
    }
    CR_TRY(cr_par_agree(run->par, status, err));
    bool second_cpu;
    CR_TRY(cr_cpus_second(&s->nodes.node, &second_cpu, err));
    if (run->par->rank == 0 && cr_launcher_cpus() > 1 && !second_cpu)
        fprintf(
            stderr,
            "camrank: Slurm gives each task %d CPUs, but its launcher bound the ranks to fewer, "
            "which are used; all are with srun --cpus-per-task=%d, or mpirun --map-by "
            "slot:PE=%d\n",
            cr_launcher_cpus(), cr_launcher_cpus(), cr_launcher_cpus());
    if (run->resumed)
        status = alloc_states(s, s->job.batch, &run->arena, &run->stored, err);
    CR_TRY(cr_par_agree(run->par, status, err));
    status = cr_worker_new(&s->data, &s->plan, s->models, s->n_models, s->job.batch,
                           s->job.image_mpixels, second_cpu, &run->worker, err);
    CR_TRY(cr_par_agree(run->par, status, err));

cleanup:
    return status;
}

/* The n_units at `units` (rank 0), which are all that is left of the networks of a turn, each once,
 * unless the ranks are asked to stop. Collective. */
static cr_status work_turn(run_state *run, int turn, const int *units, int n_units, cr_error *err)
{
    cr_status status = CR_OK;
    CR_TRY(cr_networks_hold(run->par, run->session, turn, err));
    CR_TRY(cr_dispatch_init(&run->dispatch, run->par, units, n_units, err));
    status = work(run, err);
    cr_error finish_error = {0};
    cr_status finished = cr_dispatch_finish(&run->dispatch, status, idle, run, &finish_error);
    if (status == CR_OK && finished != CR_OK) {
        status = finished;
        *err = finish_error;
    }
    CR_TRY(cr_par_agree(run->par, status, err));
    run->n_images_before += run->dispatch.n_images_done;
    run->dispatch.n_images_done = 0;

cleanup:
    return status;
}

/* Turn by turn what is listed, and then lists what is left. Collective. */
static cr_status work_all(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_par *par = run->par;
    const int64_t before = run->n_missing;
    const int *units = run->units;
    int64_t stop = 0;
    cr_progress_start(&run->progress, par->rank == 0 && run->session->n_models > 0, before,
                      run->session->n_models);
    for (int turn = 0; turn < run->session->n_turns && !stop; turn++) {
        int n = par->rank == 0 ? run->turn_units[turn] : 0;
        CR_TRY(cr_par_spread(par, &n, sizeof n, err));
        if (n == 0)
            continue;
        CR_TRY(work_turn(run, turn, units, n, err));
        units = par->rank == 0 ? units + n : NULL;
        stop = cr_stop_asked();
        CR_TRY(cr_par_max(par, &stop, 1, err));
    }
    CR_TRY(cr_results_flush(run->results, err));
    if (par->rank == 0)
        status = list_units(run, err);
    CR_TRY(cr_par_follow(par, status, err));
    run->progress.n_passes = before - run->n_missing;

cleanup:
    cr_progress_end(&run->progress, status == CR_OK);
    return status;
}

static void print_start(const cr_par *par, const cr_session *s)
{
    if (par->rank != 0)
        return;
    fprintf(stderr, "camrank: job %s, %d images", s->job.name, s->data.n_images);
    if (s->n_models > 1)
        fprintf(stderr, " x %d models = %lld passes", s->n_models,
                (long long)s->data.n_images * s->n_models);
    else
        fprintf(stderr, ", %d model%s", s->n_models, s->n_models == 1 ? "" : "s");
    fprintf(stderr, ", %d rank%s\n", par->size, par->size == 1 ? "" : "s");
    if (s->data.n_unlisted_files)
        fprintf(stderr,
                "camrank: %d image files are not in the ground truth and are left out: %s\n",
                s->data.n_unlisted_files, s->data.unlisted);
    for (int m = 0; m < s->n_models; m++)
        if (s->models[m].cut[0])
            fprintf(stderr, "camrank: model %s: its logits are those before %s\n",
                    s->models[m].name, s->models[m].cut);
    for (int m = 0; m < s->n_models; m++)
        if (s->models[m].not_applied[0])
            fprintf(stderr, "camrank: model %s goes without %s\n", s->models[m].name,
                    s->models[m].not_applied);
}

/* Appends a word to a command line, quoted for a shell where that is needed. False where there is no
 * room. */
static bool add_word(char *line, size_t n_bytes, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=,:+%@";
    const bool quote = !word[0] || strspn(word, plain) != strlen(word);
    const size_t used = strlen(line);
    if (strchr(word, '\''))
        return false;
    const char *mark = quote ? "'" : "";
    return snprintf(line + used, n_bytes - used, " %s%s%s", mark, word, mark) <
           (int)(n_bytes - used);
}

/* The command that goes on with this run, or words to that effect. */
static void describe_resume(int argc, char **argv, char *line, size_t n_bytes)
{
    bool fits = true;
    snprintf(line, n_bytes, "camrank");
    for (int i = 0; i < argc; i++)
        /* As getopt_long, which takes beginnings of names. */
        if (!(strlen(argv[i]) > 2 && (strncmp("--force", argv[i], strlen(argv[i])) == 0 ||
                                      strncmp("--resume", argv[i], strlen(argv[i])) == 0)))
            fits = fits && add_word(line, n_bytes, argv[i]);
    fits = fits && add_word(line, n_bytes, "--resume");
    if (!fits)
        snprintf(line, n_bytes, "the same command with --resume");
}

/* CR_ESTOPPED on all ranks if there are chunks left. Collective. */
static cr_status check_stopped(const run_state *run, int argc, char **argv, cr_error *err)
{
    char line[320];
    const int64_t n_rows = (int64_t)run->session->data.n_images * run->session->n_models;
    int64_t n_missing = run->par->rank == 0 ? run->n_missing : 0;
    cr_status status = cr_par_sum(run->par, &n_missing, 1, err);
    if (status != CR_OK || n_missing == 0)
        return status;
    describe_resume(argc, argv, line, sizeof line);
    return cr_fail(err, CR_ESTOPPED, "stopped with %lld of %lld %s done; to go on: %s",
                   (long long)(n_rows - n_missing), (long long)n_rows,
                   cr_progress_unit(run->session->n_models), line);
}

static void print_resumed(const run_state *run)
{
    const cr_results_plan *plan = cr_results_get_plan(run->results);
    const int64_t n_rows = (int64_t)run->session->data.n_images * run->session->n_models;
    if (run->par->rank != 0)
        return;
    fprintf(stderr, "camrank: %lld of %lld %s are done already",
            (long long)(n_rows - run->n_missing), (long long)n_rows,
            cr_progress_unit(run->session->n_models));
    if (run->n_partial)
        fprintf(stderr, ", and %lld but for some methods", (long long)run->n_partial);
    fputc('\n', stderr);
    if (strcmp(plan->libraries, run->session->plan.libraries) != 0)
        fprintf(stderr,
                "camrank: they were computed with %s; now it is %s: last digits may differ\n",
                plan->libraries, run->session->plan.libraries);
}

static cr_status run_job(const cr_par *par, const cr_session_options *options, int argc,
                         char **argv, cr_error *err)
{
    cr_status status = CR_OK;
    cr_session session = {0};
    run_state run = {.par = par, .session = &session};
    cr_memory memory;
    CR_TRY(cr_session_open(par, options, &session, err));
    if (options->resume)
        CR_TRY(cr_results_resume(par, session.job.output, &session.plan, &session.data,
                                 &run.results, &run.resumed, err));
    else
        CR_TRY(cr_results_create(par, session.job.output, options->force, &session.plan,
                                 &session.data, &run.results, err));
    cr_print_unlocked(par, run.results, session.job.output);
    print_start(par, &session);
    CR_TRY(prepare(&run, err));
    if (run.resumed)
        print_resumed(&run);
    CR_TRY(work_all(&run, err));
    CR_TRY(cr_memory_measure(par, &session, &memory, err));
    if (session.n_models > 0)
        cr_memory_print(par, &memory);
    CR_TRY(check_stopped(&run, argc, argv, err));
    CR_TRY(cr_guard_results(par, run.results, err));
    CR_TRY(cr_reduce(par, run.results, err));
    CR_TRY(cr_results_close(&run.results, err));
    if (par->rank == 0)
        status = cr_print_outcome(session.job.output, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    /* After a failed write, to close the file may hang; main ends the program at once. */
    if (status == CR_EIO)
        cr_results_abandon(&run.results);
    else if (run.results)
        cr_results_close(&run.results, NULL);
    cr_worker_free(run.worker);
    free(run.units);
    free(run.turn_units);
    cr_arena_free(&run.arena);
    cr_session_close(&session);
    return status;
}

static cr_status run_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_session_options options;
    cr_status status = cr_session_options_parse(argc, argv, &options, err);
    if (status != CR_OK)
        return status;
    cr_stop_catch();
    status = run_job(par, &options, argc, argv, err);
    if (status != CR_OK && status != CR_ESTOPPED)
        cr_stop_release();
    cr_session_options_free(&options);
    return status;
}

const cr_command cr_command_run = {
    .name = "run",
    .summary = "runs a job, under mpirun or srun or alone, and prints its error table",
    .help =
        "usage: camrank run JOB.yaml [options]\n\n"
        "Runs the networks of a job over its image set, writes one HDF5 file (docs/format.md)\n"
        "and prints the error table. Under mpirun or srun the images are shared out over the\n"
        "ranks; the results are the same bits for any number of them.\n\n" CR_SESSION_OPTIONS_HELP
        "  --force            replaces an existing results file\n"
        "  --resume           continues one that was stopped or killed, or that lacks methods,\n"
        "                     networks or protocols which the job has; starts one if there is "
        "none\n\n"
        "SIGUSR1, SIGTERM or SIGINT to any rank: all finish the chunk they are at, and exit with "
        "75.\n",
    .uses_mpi = true,
    .run = run_command};
