/* memory.h - what the networks of a job take, and what the processes really took. */
#ifndef CAMRANK_DRIVER_MEMORY_H
#define CAMRANK_DRIVER_MEMORY_H

#include "session.h"

/* Bytes. What is measured is -1 where the system does not tell. */
typedef struct cr_memory {
    int64_t weights;     /* of the networks that are held at a time: once a node, if its ranks share
                         them */
    int64_t all_weights; /* of all networks together */
    int64_t arena;       /* activations and gradients of the largest network, of each rank */
    int64_t ahead;       /* images read ahead, at most, of each rank */
    int64_t peak_rss;    /* the largest resident set that any rank had, shared memory included */
    int64_t node_pss; /* what the ranks of the fullest node take at this moment together: each page
                         counts once, however many of them share it (PSS) */
    const char
        *why_private; /* "" or why the ranks of some node do not share weights; the session's */
} cr_memory;

/* The largest resident set that this process had, in bytes; -1 where the system does not tell. Unlike
 * getrusage's, it is not that of the program which started it. Local. */
int64_t cr_memory_peak_rss(void);

/* Collective. */
cr_status cr_memory_measure(const cr_par *par, const cr_session *session, cr_memory *memory,
                            cr_error *err);

/* One line on standard error of rank 0, and where ranks do not share weights one that says why.
 * Local. */
void cr_memory_print(const cr_par *par, const cr_memory *memory);

#endif
