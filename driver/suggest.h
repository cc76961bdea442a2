/* suggest.h - what to ask a cluster for: ranks, memory and time. */
#ifndef CAMRANK_DRIVER_SUGGEST_H
#define CAMRANK_DRIVER_SUGGEST_H

#include "session.h"

/* One group of a model (worker/model.h). */
typedef struct cr_suggest_cost {
    double flops;   /* of one image: cr_model_cost */
    double image_s; /* seconds of one core for an image, from its file to its boxes; 0: not timed */
    int chunk;      /* images of a unit */
} cr_suggest_cost;

typedef struct cr_suggest_facts {
    int64_t n_images;
    int n_groups;
    const cr_suggest_cost *groups; /* [n_groups], at least one of them timed */
    size_t rank_bytes;             /* memory of a rank */
} cr_suggest_facts;

typedef struct cr_suggestion {
    double core_s;      /* the whole job on one core */
    int64_t n_ranks;    /* --ntasks */
    int64_t memory_mib; /* --mem-per-cpu */
    int64_t time_s;     /* --time */
} cr_suggestion;

/* The arithmetic. A group that was not timed takes its FLOPs at the mean rate of those that were.
 *   n_ranks     as many as end within half an hour, but four chunks for each, so that all end
 *               together
 *   memory_mib  a quarter more than rank_bytes, in full hundreds
 *   time_s      half as much again as the work takes (its share, and one chunk that is begun last),
 *               two minutes to start and the two of the scripts' warning, in full five minutes
 * Local. */
cr_suggestion cr_suggest(const cr_suggest_facts *facts);

/* `time_s` as Slurm writes it: HH:MM:SS, or D-HH:MM:SS. Local. */
void cr_suggest_time(int64_t time_s, char text[32]);

/* On rank 0, times the first images of a session under its models, for some ten seconds at most, and
 * prints a suggestion on standard output, and what it is from. Errors: those of cr_networks_hold;
 * CR_EINTERNAL (memory). Collective. */
cr_status cr_suggest_print(const cr_par *par, cr_session *session, cr_error *err);

#endif
