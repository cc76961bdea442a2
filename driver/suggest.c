/* What to ask Slurm for, from a few images timed on rank 0 and what the plan takes; the arithmetic
 * is a function of its own, without timing. */
#include "suggest.h"

#include "memory.h"
#include "networks.h"
#include "progress.h"
#include "units.h"
#include "worker/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the suggestion. */
#define GOAL_S 1800.0     /* that a job should take */
#define CHUNKS_A_RANK 4   /* at least */
#define TIME_RESERVE 1.5  /* other CPU, all cores busy, slow files */
#define START_S 120.0     /* job, image set and networks are read */
#define WARNING_S 120.0   /* as slurm/camrank.sbatch has it */
#define TIME_STEP_S 300.0 /* times are whole multiples of this */
#define MEMORY_RESERVE 1.25
#define MEMORY_STEP_MIB 100.0

/* Of the timing. */
enum { TIMED_IMAGES = 4 };
#define TIMED_S 10.0 /* no model is begun after so long */
#define AGAIN_S 1.0  /* the first pass touches memory: one that was so short is repeated */

/* What the program and its libraries need beside the networks. */
#define PROGRAM_BYTES ((size_t)150 << 20)

cr_suggestion cr_suggest(const cr_suggest_facts *facts)
{
    double timed_s = 0, timed_flops = 0, all_s = 0, longest_s = 0;
    int64_t n_chunks = 0;
    for (int g = 0; g < facts->n_groups; g++)
        if (facts->groups[g].image_s > 0) {
            timed_s += facts->groups[g].image_s;
            timed_flops += facts->groups[g].flops;
        }
    for (int g = 0; g < facts->n_groups; g++) {
        const cr_suggest_cost *cost = &facts->groups[g];
        double image_s = cost->image_s;
        if (image_s <= 0 && timed_flops > 0)
            image_s = cost->flops * timed_s / timed_flops;
        all_s += image_s;
        longest_s = fmax(longest_s, image_s * cost->chunk);
        n_chunks += (facts->n_images + cost->chunk - 1) / cost->chunk;
    }
    cr_suggestion s = {.core_s = all_s * (double)facts->n_images};
    const double wanted = ceil(s.core_s / GOAL_S), most = (double)(n_chunks / CHUNKS_A_RANK);
    s.n_ranks = (int64_t)fmax(1, fmin(wanted, most));
    const double work_s = s.core_s / (double)s.n_ranks + longest_s;
    s.time_s =
        (int64_t)(ceil((START_S + TIME_RESERVE * work_s + WARNING_S) / TIME_STEP_S) * TIME_STEP_S);
    const double mib = (double)facts->rank_bytes / (1 << 20);
    s.memory_mib = (int64_t)(ceil(mib * MEMORY_RESERVE / MEMORY_STEP_MIB) * MEMORY_STEP_MIB);
    return s;
}

void cr_suggest_time(int64_t time_s, char text[32])
{
    const int64_t days = time_s / 86400, s = time_s % 86400;
    int used = days ? snprintf(text, 32, "%lld-", (long long)days) : 0;
    snprintf(text + used, (size_t)(32 - used), "%02d:%02d:%02d", (int)(s / 3600),
             (int)(s / 60 % 60), (int)(s % 60));
}

/* What rank 0 times the networks with, and what it has found. */
typedef struct timing {
    cr_worker *worker;
    int n_images, n_timed;
    double start_s;
    int n_groups;
    cr_suggest_cost *costs; /* [n_groups] of the models in turn */
} timing;

/* Seconds of an image under group 0 of model `m`. */
static cr_status time_model(cr_worker *worker, int m, int n_images, double *image_s, cr_error *err)
{
    const cr_results_rows *rows;
    double took = 0;
    for (int pass = 0; pass < 2 && took < AGAIN_S; pass++) {
        const double start = cr_now_s();
        CR_OR_RETURN(cr_worker_compute(worker, m, 0, 0, n_images, NULL, NULL, &rows, err));
        took = cr_now_s() - start;
    }
    *image_s = took / n_images;
    return CR_OK;
}

/* Of this process, which holds what a rank holds; but what was not timed may not be touched yet. */
static size_t memory_of_rank(const cr_session *s)
{
    const int64_t peak = cr_memory_peak_rss();
    const size_t bytes = PROGRAM_BYTES + cr_worker_ahead_bytes(s->models, s->n_models) +
                         cr_worker_arena_bytes(s->models, s->n_models) +
                         (size_t)cr_networks_rank_bytes(s);
    return peak > (int64_t)bytes ? (size_t)peak : bytes;
}

/* Rank 0: those of the networks in memory that there is time for. Local. */
static cr_status time_turn(cr_session *s, timing *t, cr_error *err)
{
    for (int m = 0, g = 0; m < s->n_models; g += s->models[m++].n_groups) {
        if (!s->models[m].explainer || (t->n_timed > 0 && cr_now_s() - t->start_s > TIMED_S))
            continue;
        CR_OR_RETURN(time_model(t->worker, m, t->n_images, &t->costs[g].image_s, err));
        t->n_timed++;
    }
    return CR_OK;
}

/* One turn after the other, as long as there is time. Collective. */
static cr_status time_all(const cr_par *par, cr_session *s, timing *t, cr_error *err)
{
    cr_status status = CR_OK;
    t->start_s = cr_now_s();
    for (int turn = 0; turn < s->n_turns; turn++) {
        bool late = turn > 0 && cr_now_s() - t->start_s > TIMED_S;
        CR_TRY(cr_par_spread(par, &late, sizeof late, err));
        if (late)
            break;
        CR_TRY(cr_networks_hold(par, s, turn, err));
        if (par->rank == 0)
            status = time_turn(s, t, err);
        CR_TRY(cr_par_follow(par, status, err));
    }

cleanup:
    return status;
}

/* Rank 0. Local. */
static cr_status begin(const cr_session *s, timing *t, cr_error *err)
{
    const int least = s->job.batch < TIMED_IMAGES ? s->job.batch : TIMED_IMAGES;
    t->n_images = s->data.n_images < least ? s->data.n_images : least;
    t->costs = cr_alloc((size_t)cr_units_groups(s), sizeof *t->costs);
    if (!t->costs)
        return cr_fail_memory(err, "costs", (size_t)cr_units_groups(s), sizeof *t->costs);
    for (int m = 0; m < s->n_models; m++)
        for (int g = 0; g < s->models[m].n_groups; g++)
            t->costs[t->n_groups++] = (cr_suggest_cost){
                .flops = cr_model_cost(&s->models[m], g),
                .chunk = cr_model_chunk(&s->models[m], g, s->job.batch),
            };
    return cr_worker_new(&s->data, &s->plan, s->models, s->n_models, t->n_images,
                         s->job.image_mpixels, false, &t->worker, err);
}

static void print(const cr_session *s, const timing *t)
{
    const cr_suggest_facts facts = {.n_images = s->data.n_images,
                                    .n_groups = t->n_groups,
                                    .groups = t->costs,
                                    .rank_bytes = memory_of_rank(s)};
    const cr_suggestion suggestion = cr_suggest(&facts);
    char time_text[32];
    cr_suggest_time(suggestion.time_s, time_text);
    printf(
        "\nA suggestion for Slurm, for CPUs like this one: %d image%s under %d of %d model%s%s,\n"
        "timed here on one core, make %.3g core hours for all.\n",
        t->n_images, t->n_images == 1 ? "" : "s", t->n_timed, s->n_models,
        s->n_models == 1 ? "" : "s", t->n_timed < t->n_groups ? " (the rest by its FLOPs)" : "",
        suggestion.core_s / 3600);
    printf("  #SBATCH --ntasks=%lld\n  #SBATCH --mem-per-cpu=%lldM\n  #SBATCH --time=%s\n",
           (long long)suggestion.n_ranks, (long long)suggestion.memory_mib, time_text);
}

cr_status cr_suggest_print(const cr_par *par, cr_session *s, cr_error *err)
{
    cr_status status = CR_OK;
    timing t = {0};
    if (par->rank == 0)
        status = begin(s, &t, err);
    CR_TRY(cr_par_follow(par, status, err));
    CR_TRY(time_all(par, s, &t, err));
    if (par->rank == 0)
        print(s, &t);

cleanup:
    cr_worker_free(t.worker);
    free(t.costs);
    return status;
}
