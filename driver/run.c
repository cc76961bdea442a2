/* camrank run: the main job. */
#include "camrank/report.h"
#include "command.h"
#include "dispatch.h"
#include "progress.h"
#include "session.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

/* What the ranks share while they work through the chunks. */
typedef struct run_state {
    const cr_par *par;
    const cr_session *session;
    cr_results *results;
    cr_worker *worker;
    cr_dispatch dispatch;
    cr_progress progress;
    cr_status poll_status; /* of answering between layers */
    cr_error poll_error;
} run_state;

static void between_layers(void *context)
{
    run_state *run = context;
    if (run->poll_status == CR_OK)
        run->poll_status = cr_dispatch_poll(&run->dispatch, &run->poll_error);
    cr_progress_update(&run->progress, run->dispatch.n_images_done);
}

static cr_status do_unit(run_state *run, int unit, int *n, cr_error *err)
{
    cr_status status = CR_OK;
    int n_images = run->session->data.n_images, batch = run->session->job.batch;
    int n_chunks = (n_images + batch - 1) / batch;
    int model = unit / n_chunks, first = unit % n_chunks * batch;
    const cr_results_rows *rows;
    *n = n_images - first < batch ? n_images - first : batch;
    CR_TRY(cr_worker_compute(run->worker, model, first, *n, &rows, err));
    CR_TRY(cr_results_write(run->results, model, rows, err));
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
        CR_TRY(cr_dispatch_next(&run->dispatch, n, &unit, err));
        cr_progress_update(&run->progress, run->dispatch.n_images_done);
        if (unit < 0)
            break;
        CR_TRY(do_unit(run, unit, &n, err));
    }

cleanup:
    return status;
}

/* Every chunk under every model, each once. Collective. */
static cr_status work_all(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *s = run->session;
    int n_chunks = (s->data.n_images + s->job.batch - 1) / s->job.batch;
    status = cr_worker_new(&s->data, &s->job.protocol, s->models, s->n_models, s->job.batch,
                           &run->worker, err);
    CR_TRY(cr_par_agree(run->par, status, err));
    for (int m = 0; m < s->n_models && run->par->rank == 0; m++)
        cr_net_on_layer(cr_cam_net(s->models[m].cam), between_layers, run);
    CR_TRY(cr_dispatch_init(&run->dispatch, run->par, n_chunks * s->n_models, err));
    cr_progress_start(&run->progress, run->par->rank == 0, (int64_t)s->data.n_images * s->n_models);
    status = work(run, err);
    cr_error finish_error = {0};
    cr_status finished =
        cr_dispatch_finish(&run->dispatch, status, between_layers, run, &finish_error);
    if (status == CR_OK && finished != CR_OK) {
        status = finished;
        *err = finish_error;
    }
    status = cr_par_agree(run->par, status, err);
    cr_progress_end(&run->progress, status == CR_OK);

cleanup:
    cr_worker_free(run->worker);
    return status;
}

/* The tallies of all images, each rank counting its share of the rows, and the summary. Collective.
 */
static cr_status reduce(run_state *run, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_session *s = run->session;
    int rank = run->par->rank, size = run->par->size, n_rows = 0;
    for (int m = 0; m < s->n_models; m++)
        n_rows += s->models[m].n_variants;
    int first = (int)((int64_t)s->data.n_images * rank / size);
    int last = (int)((int64_t)s->data.n_images * (rank + 1) / size);
    cr_tally *tallies = cr_alloc((size_t)n_rows, sizeof *tallies);
    if (!tallies)
        status = cr_fail_memory(err, "tallies", (size_t)n_rows, sizeof *tallies);
    CR_TRY(cr_par_agree(run->par, status, err));
    CR_TRY(cr_results_flush(run->results, err));
    status = cr_results_tally(run->results, first, last - first, tallies, err);
    CR_TRY(cr_par_agree(run->par, status, err));
    CR_TRY(cr_par_sum(run->par, (int64_t *)tallies, n_rows * CR_TALLY_FIELDS, err));
    CR_TRY(cr_results_write_summary(run->results, tallies, err));

cleanup:
    free(tallies);
    return status;
}

static void print_start(const cr_par *par, const cr_session *s)
{
    if (par->rank != 0)
        return;
    fprintf(stderr, "camrank: job %s, %d images, %d model%s, %d rank%s\n", s->job.name,
            s->data.n_images, s->n_models, s->n_models == 1 ? "" : "s", par->size,
            par->size == 1 ? "" : "s");
    if (s->data.n_unlisted_files)
        fprintf(stderr, "camrank: %d image files are not in the ground truth and are left out\n",
                s->data.n_unlisted_files);
    for (int m = 0; m < s->n_models; m++)
        if (s->models[m].not_applied[0])
            fprintf(stderr, "camrank: model %s goes without %s\n", s->models[m].name,
                    s->models[m].not_applied);
}

/* The table on standard output, from the finished file. Local, on rank 0. */
static cr_status print_table(const char *path, cr_error *err)
{
    cr_status status = CR_OK;
    cr_results *results = NULL;
    cr_report report = {0};
    char *text = NULL;
    CR_TRY(cr_results_open(path, &results, err));
    CR_TRY(cr_report_make(results, &report, err));
    CR_TRY(cr_report_write(&report, CR_REPORT_TEXT, &text, err));
    printf("%s\nresults: %s\n", text, path);
    status = cr_output_flush(err);

cleanup:
    free(text);
    cr_report_free(&report);
    if (results)
        cr_results_close(&results, NULL);
    return status;
}

static cr_status run_job(const cr_par *par, const cr_session_options *options, bool force,
                         cr_error *err)
{
    cr_status status = CR_OK;
    cr_session session = {0};
    run_state run = {.par = par, .session = &session};
    CR_TRY(cr_session_open(par, options, &session, err));
    CR_TRY(cr_results_create(par, session.job.output, force, &session.plan, &session.data,
                             &run.results, err));
    print_start(par, &session);
    CR_TRY(work_all(&run, err));
    CR_TRY(reduce(&run, err));
    CR_TRY(cr_results_close(&run.results, err));
    if (par->rank == 0)
        status = print_table(session.job.output, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    /* After a failed write, to close the file may hang; main ends the program at once. */
    if (run.results && status != CR_EIO)
        cr_results_close(&run.results, NULL);
    cr_session_close(&session);
    return status;
}

static cr_status run_command(const cr_par *par, int argc, char **argv, cr_error *err)
{
    cr_session_options options;
    bool force;
    cr_status status = cr_session_options_parse(argc, argv, &options, &force, err);
    if (status != CR_OK)
        return status;
    status = run_job(par, &options, force, err);
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
        "  --force            replaces an existing results file\n",
    .uses_mpi = true,
    .run = run_command};
