/* The work of a run: run.h. A rank reads the next chunk's images while it computes the present one. */
#include "run.h"

#include "cpus.h"
#include "dispatch.h"
#include "launcher.h"
#include "networks.h"
#include "progress.h"
#include "stop.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

struct cr_run {
    const cr_par *par;
    cr_session *session;
    cr_results *results;
    cr_worker *worker;
    cr_arena arena;
    cr_results_rows stored; /* what a file that is resumed has of a chunk: states alone */
    bool resumed;
    cr_units units; /* rank 0 */
    cr_dispatch dispatch;
    int64_t n_images_before; /* rank 0: done in the turns before */
    cr_explainer *passing;   /* of the present unit, if methods pass again in it; else NULL */
    bool knows_next;         /* the unit after the present one is being read */
    /* Rank 0: units are given out in their order, so that those which are done are about the first: how
     * many, of how many images, and what they cost. */
    int n_passed;
    int64_t n_images_passed;
    double cost_passed;
    cr_progress progress;
    cr_status poll_status; /* of what is done between layers */
    cr_error poll_error;
};

/* Begins to read the images of the next unit, as soon as it is known. */
static cr_status read_ahead(cr_run *run, cr_error *err)
{
    int unit;
    CR_OR_RETURN(cr_dispatch_ahead(&run->dispatch, &unit, err));
    run->knows_next = unit >= 0;
    if (run->knows_next) {
        const cr_chunk next = cr_units_chunk(run->session, unit);
        cr_worker_read_ahead(run->worker, next.model, next.first, next.n);
    }
    return CR_OK;
}

static void show_progress(cr_run *run)
{
    const cr_units *units = &run->units;
    const int64_t done = run->n_images_before + run->dispatch.n_images_done;
    while (run->n_passed < units->n_units && run->n_images_passed < done) {
        const int unit = units->units[run->n_passed++];
        run->n_images_passed += cr_units_chunk(run->session, unit).n;
        run->cost_passed += cr_units_cost(run->session, unit);
    }
    cr_progress_update(&run->progress, done, units->cost > 0 ? run->cost_passed / units->cost : 0);
}

static void idle(void *context)
{
    cr_run *run = context;
    if (run->poll_status == CR_OK && cr_stop_asked())
        run->poll_status = cr_dispatch_stop(&run->dispatch, &run->poll_error);
    if (run->poll_status == CR_OK)
        run->poll_status = cr_dispatch_poll(&run->dispatch, &run->poll_error);
    /* Such a unit may be long, be it of one image: it is not waited for. */
    if (run->passing && run->dispatch.stopping)
        cr_explainer_abandon(run->passing);
    show_progress(run);
}

static void between_layers(void *context)
{
    cr_run *run = context;
    idle(run);
    if (run->poll_status == CR_OK && !run->knows_next)
        run->poll_status = read_ahead(run, &run->poll_error);
}

static cr_status do_unit(cr_run *run, int unit, int *n, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_chunk present = cr_units_chunk(run->session, unit);
    const cr_results_rows *rows;
    cr_results_rows *stored = run->resumed ? &run->stored : NULL;
    cr_explainer *explainer = run->session->models[present.model].explainer;
    *n = present.n;
    run->knows_next = false;
    run->passing = present.group > 0 ? explainer : NULL;
    cr_net_on_layer(cr_explainer_net(explainer), between_layers, run);
    if (stored) {
        stored->first = present.first;
        stored->n = present.n;
        CR_TRY(cr_results_read(run->results, present.model, stored, err));
    }
    CR_TRY(cr_worker_compute(run->worker, present.model, present.group, present.first, present.n,
                             run->results, stored, &rows, err));
    CR_TRY(cr_par_fault(run->par, err));
    if (rows)
        CR_TRY(cr_results_write(run->results, present.model, rows, err));
    else
        *n = 0;
    if (run->poll_status != CR_OK) {
        *err = run->poll_error;
        status = run->poll_status;
    }

cleanup:
    run->passing = NULL;
    return status;
}

/* This rank's share of the work. Local, but for the messages of the dispatch. */
static cr_status work(cr_run *run, cr_error *err)
{
    int n = 0;
    for (;;) {
        int unit;
        if (cr_stop_asked())
            CR_OR_RETURN(cr_dispatch_stop(&run->dispatch, err));
        CR_OR_RETURN(cr_dispatch_next(&run->dispatch, n, &unit, err));
        show_progress(run);
        if (unit < 0)
            break;
        CR_OR_RETURN(do_unit(run, unit, &n, err));
    }
    return CR_OK;
}

/* Says where the launcher gives a rank fewer CPUs than Slurm gives the task. */
static void print_cpus(const cr_par *par, bool second_cpu)
{
    const int n = cr_launcher_cpus();
    if (par->rank == 0 && n > 1 && !second_cpu)
        fprintf(
            stderr,
            "camrank: Slurm gives each task %d CPUs, but its launcher bound the ranks to fewer, "
            "which are used; all are with srun --cpus-per-task=%d, or mpirun --map-by "
            "slot:PE=%d\n",
            n, n, n);
}

cr_status cr_run_new(const cr_par *par, cr_session *session, cr_results *results, bool resumed,
                     cr_run **run, cr_error *err)
{
    cr_status status = CR_OK;
    bool second_cpu;
    cr_run *r = *run = cr_alloc(1, sizeof *r);
    if (!r)
        status = cr_fail_memory(err, "the run", 1, sizeof *r);
    CR_TRY(cr_par_agree(par, status, err));
    *r = (cr_run){.par = par, .session = session, .results = results, .resumed = resumed};
    if (par->rank == 0)
        status = cr_units_list(session, results, &r->units, err);
    CR_TRY(cr_par_agree(par, status, err));
    CR_TRY(cr_cpus_second(&session->nodes.node, &second_cpu, err));
    print_cpus(par, second_cpu);
    if (resumed)
        status = cr_units_alloc_states(session, session->job.batch, &r->arena, &r->stored, err);
    CR_TRY(cr_par_agree(par, status, err));
    status =
        cr_worker_new(&session->data, &session->plan, session->models, session->n_models,
                      session->job.batch, session->job.image_mpixels, second_cpu, &r->worker, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    return status;
}

void cr_run_free(cr_run *run)
{
    if (!run)
        return;
    cr_worker_free(run->worker);
    cr_units_free(&run->units);
    cr_arena_free(&run->arena);
    free(run);
}

const cr_units *cr_run_units(const cr_run *run)
{
    return &run->units;
}

/* The n_units at `units` (rank 0), which are all that is left of the networks of a turn, each once,
 * unless the ranks are asked to stop. Collective. */
static cr_status work_turn(cr_run *run, int turn, const int *units, int n_units, cr_error *err)
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

cr_status cr_run_work(cr_run *run, cr_error *err)
{
    cr_status status = CR_OK;
    const cr_par *par = run->par;
    const int64_t before = run->units.n_missing;
    const int *units = run->units.units;
    int64_t stop = 0;
    cr_progress_start(&run->progress, par->rank == 0 && run->session->n_models > 0, before,
                      cr_units_groups(run->session));
    for (int turn = 0; turn < run->session->n_turns && !stop; turn++) {
        int n = par->rank == 0 ? run->units.turn_units[turn] : 0;
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
        status = cr_units_list(run->session, run->results, &run->units, err);
    CR_TRY(cr_par_follow(par, status, err));
    run->progress.n_passes = before - run->units.n_missing;

cleanup:
    cr_progress_end(&run->progress, status == CR_OK);
    return status;
}
