/* move.h - inside of nn: operators that only rearrange the elements of an image. One table says
 * where each output element comes from. */
#ifndef CAMRANK_NN_MOVE_H
#define CAMRANK_NN_MOVE_H

#include "graph.h"

typedef struct cr_move {
    size_t n_in, n_out;
    int *index; /* [n_out] into the input, or -1 */
    size_t
        run; /* elements that lie side by side in both, or are all filled: n_out is of such runs */
    cr_real fill;
} cr_move;

/* Steps in memory between neighbours along each dimension. */
void cr_move_strides(const cr_shape *shape, const int *order, size_t strides[CR_MAX_DIMS]);

/* Counts n more entries of tables; CR_EINPUT where all of a model's become too many. */
cr_status cr_move_take(cr_graph *graph, size_t n, cr_error *err);

/* params with room for the index; the output's shape must be set. cr_move_find_runs once it is filled. */
cr_status cr_move_load(cr_graph *graph, cr_node *node, const cr_value *in, cr_move **move,
                       cr_error *err);

void cr_move_find_runs(cr_move *move);

/* Where the output's element at coordinates `at` comes from; false for the fill. */
typedef bool cr_move_source(const void *context, const int *at, int *from);

/* The same, with the index filled; of an output that lies in `order`, the usual one with NULL. */
cr_status cr_move_make(cr_graph *graph, cr_node *node, const cr_value *in, const cr_shape *out,
                       const int *order, cr_move_source *source, const void *context,
                       cr_move **move, cr_error *err);

void cr_move_forward(const cr_run *run);
void cr_move_backward(const cr_run *run);

#endif
