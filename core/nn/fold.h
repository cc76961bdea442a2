/* fold.h - inside of nn: constants that are computed as such; see fold.c. */
#ifndef CAMRANK_NN_FOLD_H
#define CAMRANK_NN_FOLD_H

#include "graph.h"

#define CR_TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

typedef struct cr_folding {
    cr_graph *graph;
    cr_node *node;
    const cr_tensor *const *in; /* [n_in] NULL where an input is left out */
    int n_in;
} cr_folding;

typedef cr_status cr_folder(const cr_folding *f, cr_tensor *out, cr_error *err);

/* Exact where a double holds the value. */
static inline double cr_tensor_number(const cr_tensor *t, size_t i)
{
    return t->ints ? (double)t->ints[i] : (double)cr_tensor_real(t, i);
}

/* Memory for the elements of *out, whose shape is set, as integers or, where `reals` is not NULL, as real
 * numbers. */
cr_status cr_fold_make(const cr_folding *f, cr_tensor *out, int64_t **ints, float **reals,
                       cr_error *err);

/* The shape that n tensors have together, as ONNX broadcasts, in *out; and which element of one of them
 * element i of that takes. */
cr_status cr_fold_broadcast(const cr_tensor *const *in, int n, cr_tensor *out, cr_error *err);
size_t cr_fold_spread(const cr_tensor *out, const cr_tensor *in, size_t i);

/* fold_integer.c: what is computed of integers, and comparisons of any numbers; NULL for any other. */
cr_folder *cr_fold_integer(const cr_folding *f, const char *type);

/* fold_quantised.c: weights to and from a few bits. */
cr_folder cr_fold_quantize, cr_fold_dequantize;

#endif
