/* session.h - what a run and a check have in common: a job with its image set and its networks
 * (networks.h). */
#ifndef CAMRANK_DRIVER_SESSION_H
#define CAMRANK_DRIVER_SESSION_H

#include "camrank/data.h"
#include "camrank/par.h"
#include "camrank/results.h"
#include "driver/job/job.h"
#include "session_options.h"
#include "worker/model.h"

typedef struct cr_session {
    cr_job job;
    cr_dataset data;
    int n_models;
    cr_model *models; /* [n_models] loaded and compiled while they are held */
    cr_par_nodes nodes;
    cr_par_block *weights; /* [n_models] that the models read */
    int n_turns;
    int *turn;             /* [n_models] in which they are held; networks.h */
    char why_private[200]; /* "" or why the ranks of some node do not share weights */
    cr_results_plan plan;  /* of the results file */
} cr_session;

/* Reads everything from outside on rank 0 and shares it, so that files are read once and all ranks
 * fail or go on together. The networks of the first turn are held then. *session is {0} on failure.
 * Collective. */
cr_status cr_session_open(const cr_par *par, const cr_session_options *options, cr_session *session,
                          cr_error *err);

/* Collective, but after CR_EIO. */
void cr_session_close(cr_session *session);

/* Whether the maps of a chunk under `model`, of all its methods, are within the job's limit. Errors:
 * CR_EINPUT naming `name`. Local. */
cr_status cr_session_check_maps(const cr_session *session, const char *name,
                                const cr_results_model *model, cr_error *err);

/* One line with the versions of the libraries in use and the kernels of that precision, into `text` of n_bytes. Errors: those of
 * cr_blas_load. Local. */
cr_status cr_session_libraries(cr_precision precision, char *text, size_t n_bytes, cr_error *err);

#endif
