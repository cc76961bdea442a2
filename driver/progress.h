/* progress.h - how far a run is, on standard error of rank 0: a bar on a terminal, also on that of an
 * mpirun on the same node, which hands the bytes on; a line every 30 s in a log file. Local. */
#ifndef CAMRANK_DRIVER_PROGRESS_H
#define CAMRANK_DRIVER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cr_progress {
    bool shown, terminal;
    int width; /* of the terminal, in columns; 0: not known */
    int n_groups;
    int64_t n_passes, done; /* images x groups of models */
    double share,
        share_s; /* of the work, in what it costs, and the seconds after which it was done */
    double started_s, printed_s;
} cr_progress;

/* Seconds of a steady clock. */
double cr_now_s(void);

/* The unit of what is counted: an image in the one group of one model (worker/model.h) is an image, a
 * pass where there are several. */
const char *cr_progress_unit(int n_groups);

void cr_progress_start(cr_progress *progress, bool shown, int64_t n_passes, int n_groups);
/* `done` passes so far, which are `share` of the work, from 0 to 1; prints at most as often as is useful. */
void cr_progress_update(cr_progress *progress, int64_t done, double share);
/* Takes the bar away; the last line of a run that was finished: how many passes in how long. */
void cr_progress_end(cr_progress *progress, bool finished);

#endif
