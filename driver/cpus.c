/* How many CPUs fall to a rank, from what each rank of the node is bound to. */
#include "cpus.h"

#include <sched.h>

cr_status cr_cpus_second(const cr_par *node, bool *second, cr_error *err)
{
    cr_status status = CR_OK;
    int64_t n_ranks[CPU_SETSIZE] = {0}; /* bound to each CPU */
    double share = 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_ZERO(&set);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        n_ranks[cpu] = CPU_ISSET(cpu, &set) != 0;
    CR_TRY(cr_par_sum(node, n_ranks, CPU_SETSIZE, err));
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            share += 1 / (double)n_ranks[cpu];
    /* Two ranks on three CPUs have not two each; three on six have, but for rounding. */
    *second = share > 2 - 1e-6;

cleanup:
    return status;
}
