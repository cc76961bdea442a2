/* dispatch.h - handing out the chunks of a run.
 *
 * A unit is one chunk under one model. Rank 0 gives units out on demand.
 *
 * Among few ranks it works, too, and answers whoever waits between two layers of its network. Every
 * other rank asks for its next unit when it starts one, so that the answer is there before it is
 * needed, and the unit's images can be read meanwhile. From CR_DISPATCH_DRIVES_FROM ranks on rank 0
 * only drives, and answers come at once: ranks ask ahead as long as there are
 * CR_DISPATCH_PLENTY units left for each, and then when they need one, so that no slow rank holds a
 * second one when the others have run out. docs/scaling.md has the reasons in figures.
 *
 * Any rank may end the work early, because it has failed or has been told to stop. Rank 0 learns it
 * between two layers, and then tells the others, who finish the unit they are at. */
#ifndef CAMRANK_DRIVER_DISPATCH_H
#define CAMRANK_DRIVER_DISPATCH_H

#include "camrank/par.h"

/* CAMRANK_TEST_DRIVES_FROM=N sets another number, for tests. */
#define CR_DISPATCH_DRIVES_FROM 512

/* So many that a slow rank with two of the dearest units is not what all wait for at the end. */
#define CR_DISPATCH_PLENTY 16

typedef struct cr_dispatch {
    const cr_par *par;
    const int *units;       /* rank 0: [n_units] what there is to do; the caller's */
    int n_units, next_unit; /* rank 0 */
    bool reversed;          /* last unit first: CAMRANK_TEST_ORDER=reverse */
    bool drives;            /* rank 0 does not work */
    bool stopping;          /* nothing more is begun */
    bool told;              /* rank 0: the others have been told whether to stop, which happens
                               once; others: rank 0 has been told to stop */
    int n_ended;            /* rank 0: ranks that ask for nothing any more */
    int64_t n_images_done;  /* rank 0: images finished by all ranks, as far as it has heard */
    int n_unreported;       /* others: images finished that rank 0 has not heard of */
    int ahead;              /* the unit after the present one; -1: none, -2: not known */
    int granted[2];         /* others: what the receive under way writes to */
    bool waiting;           /* others: it is under way */
    int ordered; /* others: whether to stop; what the receive of rank 0's word writes to */
    MPI_Request receive, order;
} cr_dispatch;

/* The order in which kinds of units are best given out: the dearest first, so that what is left for
 * the end is short; of equal ones the first.
 *   costs  [n] of a unit, in any measure
 *   order  [n] indices into costs */
void cr_dispatch_order(const double *costs, int n, int *order);

/* `units` and `n_units` count on rank 0 alone; `units` must outlive the dispatch. Collective. */
cr_status cr_dispatch_init(cr_dispatch *d, const cr_par *par, const int *units, int n_units,
                           cr_error *err);

/* The next unit of this rank, or -1 when there is none, on rank 0 also when it only drives; it is
 * not asked again then. `images_done` is what this rank has
 * finished since its last call. Local on rank 0; on the others it may wait for rank 0. */
cr_status cr_dispatch_next(cr_dispatch *d, int images_done, int *unit, cr_error *err);

/* The unit that cr_dispatch_next is going to give, unless the work is stopped before; -1: none, or not
 * known yet. Local. */
cr_status cr_dispatch_ahead(cr_dispatch *d, int *unit, cr_error *err);

/* No rank begins another unit. May be called again. Local. */
cr_status cr_dispatch_stop(cr_dispatch *d, cr_error *err);

/* Answers the ranks that wait; on ranks other than 0, hears whether rank 0 has said to stop. Local. */
cr_status cr_dispatch_poll(cr_dispatch *d, cr_error *err);

/* Ends the dispatch: a rank that failed (`local` is not CR_OK) makes the others stop after the unit
 * they are at. `idle`, if not NULL, is called on rank 0 while it waits. Collective; each rank calls
 * it once, after cr_dispatch_next gave -1 or after a failure. */
cr_status cr_dispatch_finish(cr_dispatch *d, cr_status local, void (*idle)(void *context),
                             void *context, cr_error *err);

#endif
