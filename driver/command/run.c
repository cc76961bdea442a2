/* camrank run: the main job. */
#include "driver/run.h"
#include "command.h"
#include "driver/cpus.h"
#include "driver/guard.h"
#include "driver/memory.h"
#include "driver/progress.h"
#include "driver/reduce.h"
#include "driver/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ranks are the parallelism: where most cores of the node would idle, says how to use them. */
static void print_idle(const cr_session *s)
{
    const int n_ranks = s->nodes.node.size, n_cores = cr_cpus_cores(), n_units = cr_units_all(s);
    const int wanted = n_cores < n_units ? n_cores : n_units;
    if (s->nodes.n_nodes > 1 || n_cores - n_ranks <= n_ranks || wanted <= n_ranks)
        return;
    fprintf(stderr,
            "camrank: %d of %d cores here have nothing to do: mpirun -n %d camrank run ... takes "
            "them\n",
            n_cores - n_ranks, n_cores, wanted);
}

static void print_start(const cr_par *par, const cr_session *s)
{
    if (par->rank != 0)
        return;
    fprintf(stderr, "camrank: job %s, %d images", s->job.name, s->data.n_images);
    const int n_groups = cr_units_groups(s), n_again = n_groups - s->n_models;
    if (n_groups > 1 && n_again == 0)
        fprintf(stderr, " x %d models", s->n_models);
    else if (n_groups > 1)
        fprintf(stderr, " x (%d model%s + %d method%s with passes of their own)", s->n_models,
                s->n_models == 1 ? "" : "s", n_again, n_again == 1 ? "" : "s");
    else
        fprintf(stderr, ", %d model%s", s->n_models, s->n_models == 1 ? "" : "s");
    if (n_groups > 1)
        fprintf(stderr, " = %lld passes", (long long)s->data.n_images * n_groups);
    fprintf(stderr, ", %d rank%s\n", par->size, par->size == 1 ? "" : "s");
    print_idle(s);
    if (s->data.n_unlisted_files)
        fprintf(stderr,
                "camrank: %d image files are not in the ground truth and are left out: %s\n",
                s->data.n_unlisted_files, s->data.unlisted);
    char note[CR_MODEL_NOTE_BYTES];
    for (int i = 0; i < CR_MODEL_NOTES; i++)
        for (int m = 0; m < s->n_models; m++)
            if (cr_model_note(&s->models[m], i, note)[0])
                fprintf(stderr, "camrank: model %s: %s\n", s->models[m].name, note);
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

/* The command that goes on with this run, or words to that effect. Within a Slurm job, which has a script that
 * starts ranks its own way, it is camrank's part of it. */
static void describe_resume(const cr_par *par, int argc, char **argv, char *line, size_t n_bytes)
{
    bool fits = true;
    if (par->size > 1 && !getenv("SLURM_JOB_ID"))
        snprintf(line, n_bytes, "mpirun -n %d camrank", par->size);
    else
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
static cr_status check_stopped(const cr_par *par, const cr_session *session, const cr_units *units,
                               int argc, char **argv, cr_error *err)
{
    char line[320];
    const int64_t n_rows = (int64_t)session->data.n_images * cr_units_groups(session);
    int64_t n_missing = par->rank == 0 ? units->n_missing : 0;
    cr_status status = cr_par_sum(par, &n_missing, 1, err);
    if (status != CR_OK || n_missing == 0)
        return status;
    describe_resume(par, argc, argv, line, sizeof line);
    return cr_fail(err, CR_ESTOPPED, "stopped with %lld of %lld %s done; to go on: %s",
                   (long long)(n_rows - n_missing), (long long)n_rows,
                   cr_progress_unit(cr_units_groups(session)), line);
}

static void print_resumed(const cr_session *session, const cr_results *results,
                          const cr_units *units)
{
    const cr_results_plan *plan = cr_results_get_plan(results);
    const int64_t n_rows = (int64_t)session->data.n_images * cr_units_groups(session);
    fprintf(stderr, "camrank: %lld of %lld %s are done already",
            (long long)(n_rows - units->n_missing), (long long)n_rows,
            cr_progress_unit(cr_units_groups(session)));
    if (units->n_partial)
        fprintf(stderr, ", and %lld but for some methods", (long long)units->n_partial);
    if (units->n_kept)
        fprintf(stderr, "; of %lld the maps that the file keeps are scored, without the network",
                (long long)units->n_kept);
    fputc('\n', stderr);
    if (strcmp(plan->libraries, session->plan.libraries) != 0)
        fprintf(stderr,
                "camrank: they were computed with %s; now it is %s: last digits may differ\n",
                plan->libraries, session->plan.libraries);
}

static cr_status run_job(const cr_par *par, const cr_session_options *options, int argc,
                         char **argv, cr_error *err)
{
    cr_status status = CR_OK;
    cr_session session = {0};
    cr_results *results = NULL;
    cr_run *run = NULL;
    bool resumed = false;
    cr_memory memory;
    CR_TRY(cr_session_open(par, options, &session, err));
    if (options->resume)
        CR_TRY(cr_results_resume(par, session.job.output, &session.plan, &session.data, &results,
                                 &resumed, err));
    else
        CR_TRY(cr_results_create(par, session.job.output, options->force, &session.plan,
                                 &session.data, &results, err));
    cr_print_unlocked(par, results, session.job.output);
    print_start(par, &session);
    CR_TRY(cr_run_new(par, &session, results, resumed, &run, err));
    if (resumed && par->rank == 0)
        print_resumed(&session, results, cr_run_units(run));
    CR_TRY(cr_run_work(run, err));
    CR_TRY(cr_memory_measure(par, &session, &memory, err));
    if (session.n_models > 0)
        cr_memory_print(par, &memory);
    CR_TRY(check_stopped(par, &session, cr_run_units(run), argc, argv, err));
    CR_TRY(cr_guard_results(par, results, &session, err));
    CR_TRY(cr_reduce(par, results, err));
    CR_TRY(cr_results_close(&results, err));
    if (par->rank == 0)
        status = cr_print_outcome(session.job.output, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    /* After a failed write, to close the file may hang; main ends the program at once. */
    if (status == CR_EIO)
        cr_results_abandon(&results);
    else if (results)
        cr_results_close(&results, NULL);
    cr_run_free(run);
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
