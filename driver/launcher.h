/* launcher.h - who started this process, by the environment that it left. */
#ifndef CAMRANK_DRIVER_LAUNCHER_H
#define CAMRANK_DRIVER_LAUNCHER_H

#include "camrank/base.h"
#include "camrank/par.h"

/* What the environment tells before MPI runs, which changes it. */
typedef struct cr_launch {
    int n_started;      /* processes that the launcher has started together; 0: it does not say */
    bool first;         /* no other of them prints what this one does */
    const char *name;   /* of the launcher, if it says how many */
    const char *remedy; /* where MPI does not know it */
} cr_launch;

/* Before MPI runs. Local. */
cr_launch cr_launch_read(void);

/* A launcher that MPI does not know starts runs of one rank each, as many as there were to be ranks. Errors:
 * CR_EUSAGE, where the world has one rank and the launcher says more, naming it and the remedy. Local. */
cr_status cr_launch_check(const cr_launch *launch, const cr_par *par, cr_error *err);

/* The CPUs that Slurm has given each task, or 1 where it does not say. Local. */
int cr_launcher_cpus(void);

#endif
