/* run.h - the work of a run: this rank's share of what a results file lacks, chunk by chunk. */
#ifndef CAMRANK_DRIVER_RUN_H
#define CAMRANK_DRIVER_RUN_H

#include "session.h"
#include "units.h"

typedef struct cr_run cr_run;

/* Lists what there is to do, and makes what this rank works with. `resumed`: `results` may have rows
 * that are done. Both must outlive the run. Errors: those of cr_units_list; CR_EINTERNAL (memory).
 * Collective. */
cr_status cr_run_new(const cr_par *par, cr_session *session, cr_results *results, bool resumed,
                     cr_run **run, cr_error *err);
/* May be called after any error. Local. */
void cr_run_free(cr_run *run);

/* What there is to do, on rank 0; empty on the others. Local. */
const cr_units *cr_run_units(const cr_run *run);

/* Works until all is done or a rank is asked to stop (stop.h), and lists what is left then. Errors:
 * CR_EIO where the storage fails. Collective. */
cr_status cr_run_work(cr_run *run, cr_error *err);

#endif
