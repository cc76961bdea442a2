/* How many CPUs fall to a rank, from what each rank of the node is bound to. */
#include "cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

cr_status cr_cpus_second(const cr_par *node, bool *second, cr_error *err)
{
    int64_t n_ranks[CPU_SETSIZE] = {0}; /* bound to each CPU */
    double share = 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_ZERO(&set);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        n_ranks[cpu] = CPU_ISSET(cpu, &set) != 0;
    CR_OR_RETURN(cr_par_sum(node, n_ranks, CPU_SETSIZE, err));
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            share += 1 / (double)n_ranks[cpu];
    /* Two ranks on three CPUs have not two each; three on six have, but for rounding. */
    *second = share > 2 - 1e-6;
    return CR_OK;
}

static int count_bound(pid_t process)
{
    cpu_set_t set;
    return sched_getaffinity(process, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

/* CPUs of a core: the siblings of the first, as `0-1`, `0,32` or `0`. */
static int threads_a_core(void)
{
    int a = 0, b = 0, n = 1;
    char between = 0;
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "re");
    if (!file)
        return 1;
    const int read = fscanf(file, "%6d%c%6d", &a, &between, &b);
    if (read == 3 && between == '-' && b > a)
        n = b - a + 1;
    else if (read == 3 && between == ',')
        n = 2;
    fclose(file);
    return n;
}

int cr_cpus_cores(void)
{
    const char *given = getenv("CAMRANK_TEST_CORES");
    const int own = count_bound(0), parent = count_bound(getppid());
    const int cpus = own > parent ? own : parent;
    return given ? atoi(given) : cpus > 1 ? cpus / threads_a_core() : cpus;
}

int cr_cpus_count(void)
{
    enum { MOST = 16 };
    const int n = count_bound(0);
    return n < 1 ? 1 : n > MOST ? MOST : n;
}
