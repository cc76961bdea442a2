/* cpus.h - the CPUs that a rank may use. */
#ifndef CAMRANK_DRIVER_CPUS_H
#define CAMRANK_DRIVER_CPUS_H

#include "camrank/par.h"

/* Whether this rank has two CPUs or more to itself: each CPU that it is bound to counts by the share
 * that falls to it among all ranks of the node that are bound to it. Not where the system does not
 * tell. Collective over `node`, the ranks of a node. */
cr_status cr_cpus_second(const cr_par *node, bool *second, cr_error *err);

/* Cores of this node that the run could use: those that this process, or the launcher that is its parent,
 * is bound to. 0: the system does not tell. CAMRANK_TEST_CORES=N sets another number, for tests. Local. */
int cr_cpus_cores(void);

/* CPUs that this process may use, at most 16; 1 where the system does not tell. Local. */
int cr_cpus_count(void);

#endif
