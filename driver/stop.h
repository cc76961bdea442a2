/* stop.h - being asked to stop by a signal. Local.
 *
 * Schedulers warn with SIGUSR1 or SIGTERM, people with SIGINT. Launchers send a signal to some or
 * all ranks and repeat it: mpirun, when it is told to end, sends SIGTERM twice, a second apart, and
 * then SIGKILL. */
#ifndef CAMRANK_DRIVER_STOP_H
#define CAMRANK_DRIVER_STOP_H

#include <stdbool.h>

/* From a SIGINT or SIGTERM that comes this long after the first signal the process exits at once,
 * with the code of CR_ESTOPPED. */
#define CR_STOP_AGAIN_S 1.5

/* From now on SIGUSR1, SIGTERM and SIGINT only raise a flag. */
void cr_stop_catch(void);

/* From now on they end the process again, as a launcher wants it that ends a failed run. */
void cr_stop_release(void);

/* Whether one of them came. */
bool cr_stop_asked(void);

#endif
