/* What launchers tell the processes that they start: Open MPI's mpirun, MPICH's mpiexec (Hydra), srun. */
#include "launcher.h"

#include <stdlib.h>

typedef struct launcher {
    const char *size, *rank; /* variables */
    const char *name, *remedy;
} launcher;

/* In this order: mpirun inside a Slurm job starts its daemons by srun, whose variables its ranks see. */
static const launcher launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "the mpirun of Open MPI",
     "use the mpirun or mpiexec of the MPI that camrank was built with"},
    {"PMI_SIZE", "PMI_RANK", "a launcher that speaks PMI (the mpiexec of MPICH or Intel MPI, srun)",
     "use the mpirun of the MPI that camrank was built with, or srun --mpi=pmix or --mpi=pmi2"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun",
     "use srun --mpi=pmix or --mpi=pmi2 (srun --mpi=list shows which there are), or mpirun"},
};

enum { N_LAUNCHERS = sizeof launchers / sizeof *launchers };

cr_launch cr_launch_read(void)
{
    cr_launch launch = {.first = true};
    for (int i = N_LAUNCHERS - 1; i >= 0; i--) {
        const char *size = getenv(launchers[i].size), *rank = getenv(launchers[i].rank);
        if (rank)
            launch.first = atoi(rank) == 0;
        if (size)
            launch = (cr_launch){atoi(size), launch.first, launchers[i].name, launchers[i].remedy};
    }
    if (getenv("PMIX_RANK"))
        launch.first = atoi(getenv("PMIX_RANK")) == 0;
    return launch;
}

cr_status cr_launch_check(const cr_launch *launch, const cr_par *par, cr_error *err)
{
    if (par->size > 1 || launch->n_started <= 1)
        return CR_OK;
    return cr_fail(
        err, CR_EUSAGE,
        "started %d times by %s, but MPI knows of one process each: nothing is shared out; "
        "%s",
        launch->n_started, launch->name, launch->remedy);
}

int cr_launcher_cpus(void)
{
    const char *cpus = getenv("SLURM_CPUS_PER_TASK");
    return cpus && atoi(cpus) > 1 ? atoi(cpus) : 1;
}
