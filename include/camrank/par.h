/* par.h - the ranks of a run: agreeing, broadcasting, summing; memory that a node's ranks share.
 *
 * Ranks agree before every collective call on all that can have failed locally; that is what keeps
 * a failure of one rank from becoming a hang of all.
 *
 * To test that, CAMRANK_FAULT=SITE:RANK[:CODE[:NTH]] in the environment makes a rank fail where it
 * otherwise would not: with exit code CODE (5) when it comes to SITE, the function that calls
 * cr_par_agree, cr_par_follow or cr_par_fault, for the NTH time (1). */
#ifndef CAMRANK_PAR_H
#define CAMRANK_PAR_H

#include "camrank/base.h"

#include <mpi.h>

typedef struct cr_par {
    MPI_Comm comm; /* our own duplicate, with MPI_ERRORS_RETURN */
    int rank, size;
} cr_par;

/* Duplicates `comm` (its error handler becomes MPI_ERRORS_RETURN). Collective over `comm`. */
cr_status cr_par_init(cr_par *par, MPI_Comm comm, cr_error *err);

/* Frees the duplicate; *par may be {0}, and becomes it. Collective. */
void cr_par_fini(cr_par *par);

/* This process by itself, where MPI has not been started: what is collective is local then. */
cr_par cr_par_alone(void);

/* Turns the result of an MPI call into a status: CR_EIO with MPI's own text. Local. */
cr_status cr_par_check(int mpi_result, const char *call, cr_error *err);

/* The largest status of all ranks, returned on every rank. Where it is not CR_OK, `err` becomes on
 * every rank the record of the lowest rank that has it, with "rank R: " in front where only some of
 * the ranks failed. Collective. */
#define cr_par_agree(par, local, err) cr_par_agree_at(par, local, err, __func__)
cr_status cr_par_agree_at(const cr_par *par, cr_status local, cr_error *err, const char *site);

/* The status of rank 0, returned on every rank, and its record where it is not CR_OK: for what rank 0
 * alone does for all. `local` of the other ranks is not looked at. Collective. */
#define cr_par_follow(par, local, err) cr_par_follow_at(par, local, err, __func__)
cr_status cr_par_follow_at(const cr_par *par, cr_status local, cr_error *err, const char *site);

/* CR_OK, or the failure that CAMRANK_FAULT asks for here, where ranks can fail between two
 * agreements. Local. */
#define cr_par_fault(par, err) cr_par_fault_at(par, __func__, err)
cr_status cr_par_fault_at(const cr_par *par, const char *site, cr_error *err);

/* Whether CAMRANK_FAULT, where it is set, has its form. Local. Errors: CR_EUSAGE. */
cr_status cr_par_check_fault(cr_error *err);

/* Gives n_bytes of rank 0, a number that all ranks know, to all. Collective. */
cr_status cr_par_spread(const cr_par *par, void *bytes, size_t n_bytes, cr_error *err);

/* Makes *bytes, *n_bytes of rank 0 known to all. On the other ranks *bytes is allocated, one zero
 * byte behind it, and owned by the caller (free). Fails on all ranks or on none. Collective. */
cr_status cr_par_share(const cr_par *par, uint8_t **bytes, size_t *n_bytes, cr_error *err);

/* Element-wise sum over the ranks, in place, the result on every rank. Integers only: a sum of
 * floating-point numbers would depend on the number of ranks. Collective. */
cr_status cr_par_sum(const cr_par *par, int64_t *values, int n_values, cr_error *err);

/* Element-wise maximum over the ranks, in place, the result on every rank. Collective. */
cr_status cr_par_max(const cr_par *par, int64_t *values, int n_values, cr_error *err);

/* This rank's part of n things, first .. last - 1, in whole runs of `grain` but for the end: the parts
 * of all ranks are every thing once, and no more than n / grain + 1 ranks have any. Local. */
void cr_par_part(const cr_par *par, int n, int grain, int *first, int *last);

/* Waits for all ranks. Collective. */
cr_status cr_par_barrier(const cr_par *par, cr_error *err);

/* The ranks of a run by node. */
typedef struct cr_par_nodes {
    cr_par node;    /* the ranks of this rank's node; its rank 0 leads the node */
    cr_par leaders; /* on the leaders: these, the run's rank 0 first; elsewhere {MPI_COMM_NULL} */
    int n_nodes;
} cr_par_nodes;

/* Whether CAMRANK_NODE_RANKS, where it is set, is a number of ranks. Local. Errors: CR_EUSAGE. */
cr_status cr_par_check_nodes(cr_error *err);

/* Ranks that MPI says can share memory are a node. The environment variable CAMRANK_NODE_RANKS=N cuts
 * nodes into parts of N ranks that share nothing, for tests. Collective. */
cr_status cr_par_nodes_init(cr_par_nodes *nodes, const cr_par *par, cr_error *err);

/* *nodes may be {0}. Collective. */
void cr_par_nodes_fini(cr_par_nodes *nodes);

/* Memory that is written once and then read by all ranks. */
typedef struct cr_par_block {
    void *bytes; /* zeroed, at a multiple of 64 */
    size_t n_bytes;
    bool shared; /* it is the node's, else this rank's own */
    bool
        writes; /* this rank has to write it: the leader of a node that shares it, every rank of one
                    that does not; others must not, and cannot */
    int fd;     /* of what is shared, on the rank that writes it */
    char why_private[200]; /* "" or why some node of several ranks does not share it */
} cr_par_block;

/* Makes one block a node, in memory that its ranks share. Where that cannot be had, or where n_bytes
 * or `layout`, which stands for what is going to be written, differ between the ranks of a node, each
 * of them gets a block of its own. What is written is read by the others after they next agree.
 * Memory is taken by cr_par_block_reserve, before bytes are written. It goes when the last rank has
 * freed the block or ended, however it ended. Fails on all ranks or on none: CR_EINTERNAL (memory).
 * Collective over the run, `par`. */
cr_status cr_par_block_new(const cr_par *par, const cr_par_nodes *nodes, size_t n_bytes,
                           uint64_t layout, cr_par_block *block, cr_error *err);

/* Takes the memory of n_bytes from byte `at` on: to write them cannot fail. On a rank that writes.
 * Errors: CR_EINTERNAL (memory). Local. */
cr_status cr_par_block_reserve(cr_par_block *block, size_t at, size_t n_bytes, cr_error *err);

/* Gives back the memory of n_bytes that nobody will read again, as far as they are whole pages of the
 * block; bytes outside of it are left alone. On a rank that writes. Local. */
void cr_par_block_discard(cr_par_block *block, const void *bytes, size_t n_bytes);

/* Gives what rank 0 has written to all who have to write it, once over the network to each node.
 * n_bytes are the same on all ranks. Collective over the run. */
cr_status cr_par_block_share(const cr_par *par, const cr_par_nodes *nodes, cr_par_block *block,
                             cr_error *err);

/* The block of a rank that failed may be {0}. Local. */
void cr_par_block_free(cr_par_block *block);

#endif
