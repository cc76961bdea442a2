/* units.h - what there is to do in a run: the chunks of the image set under each group of each network
 * (worker/model.h) that the file does not have yet. A chunk is a fixed run of images, whatever the number
 * of ranks. */
#ifndef CAMRANK_DRIVER_UNITS_H
#define CAMRANK_DRIVER_UNITS_H

#include "session.h"

typedef struct cr_units {
    int *units;      /* those that are not done yet, turn by turn */
    int *turn_units; /* [n_turns] how many of them each turn has */
    int n_units;
    double cost;       /* of them all: cr_model_cost of each of their images */
    int64_t n_missing; /* images x groups that are not done yet */
    int64_t n_partial; /* those of them that lack some methods alone */
    int64_t n_kept;    /* those of them whose maps are there, and are scored without the network */
} cr_units;

typedef struct cr_chunk {
    int model, group, first, n; /* images first .. first + n - 1 under a group of a network */
} cr_chunk;

/* Groups of all networks, and units of them all. */
int cr_units_groups(const cr_session *session);
int cr_units_all(const cr_session *session);

/* What unit 0 .. cr_units_all - 1 is. */
cr_chunk cr_units_chunk(const cr_session *session, int unit);

/* cr_model_cost of all images of a unit. */
double cr_units_cost(const cr_session *session, int unit);

/* Room in `arena` for the states of n rows of any of the networks, CR_ROW_KEPT among them. Errors:
 * CR_EINTERNAL (memory). Local. */
cr_status cr_units_alloc_states(const cr_session *session, int n, cr_arena *arena,
                                cr_results_rows *rows, cr_error *err);

/* Lists, or lists anew, what is neither done nor failed in `results`: turn by turn, groups 0 of each
 * first, since a row without its classes counts as missing, and of either kind the dearest units first, as
 * cr_model_cost counts them. Rank 0. Errors: those of cr_results_read. Local. */
cr_status cr_units_list(const cr_session *session, cr_results *results, cr_units *units,
                        cr_error *err);
void cr_units_free(cr_units *units);

#endif
