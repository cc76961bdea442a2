/* networks.h - the networks of a session, and which of them are in memory.
 *
 * All are read when the session is opened, so that what is wrong with any of them shows before
 * anything is computed. They are held, which is graph, plan and packed weights, by turns. A turn is
 * a run of networks in the order of the job: one at least, and as many as have weights within
 * CR_TURN_MB for each rank of a node. Where all fit there is one turn, and each file is read once;
 * else the files behind the first turn are read again when their turn has come.
 *
 * All ranks of a run are in the same turn, since they share the weights and since only then the memory
 * of one turn is free before that of the next is taken. At the end of a turn they wait for each other,
 * for as long as a unit takes at most. A turn for each network would cost that wait each time, which
 * is why those are held together that take no more than the ranks take anyway. */
#ifndef CAMRANK_DRIVER_NETWORKS_H
#define CAMRANK_DRIVER_NETWORKS_H

#include "session.h"

/* CAMRANK_TEST_TURN_MB=N sets another number, for tests. */
#define CR_TURN_MB 100

/* Adds to the job the networks that `randomise` of its models asks for, before any is read. Errors: those of
 * cr_model_file_open, cr_graph_load and cr_job_randomise. Collective. */
cr_status cr_networks_randomise(const cr_par *par, cr_session *session, cr_error *err);

/* Reads network `m`, whose predecessors have been read, and finds its turn. It is held then, of turns
 * behind the first without its weights. Errors: those of cr_model_file_open, cr_model_load and
 * cr_model_compile. Collective. */
cr_status cr_network_open(const cr_par *par, cr_session *session, int m, cr_error *err);

/* What is known of it stays. Local. */
void cr_network_drop(cr_session *session, int m);

/* Drops the networks of the other turns and then holds those of `turn`. Errors: as above, and
 * CR_EINPUT naming a file that is not what it was. Collective. */
cr_status cr_networks_hold(const cr_par *par, cr_session *session, int turn, cr_error *err);

/* Bytes of the weights that are held at a time, at most, where ranks are spread over nodes as they
 * are now. Local. */
int64_t cr_networks_weight_bytes(const cr_session *session);

/* The part of that which a rank has, at most, however many ranks a node has. Local. */
int64_t cr_networks_rank_bytes(const cr_session *session);

#endif
