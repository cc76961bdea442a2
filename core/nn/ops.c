/* The operators that we accept. */
#include "graph.h"

#define OPS(X)             \
    X(add)                 \
    X(average_pool)        \
    X(batch_normalization) \
    X(clip)                \
    X(concat)              \
    X(conv)                \
    X(dropout)             \
    X(flatten)             \
    X(gemm)                \
    X(global_average_pool) \
    X(global_max_pool)     \
    X(identity)            \
    X(matmul)              \
    X(max_pool)            \
    X(mul)                 \
    X(pad)                 \
    X(reduce_mean)         \
    X(relu)                \
    X(reshape)             \
    X(softmax)

#define OP_DECLARE(name) extern const cr_op cr_op_##name;
OPS(OP_DECLARE)

#define OP_POINTER(name) &cr_op_##name,
const cr_op *const cr_ops[] = {OPS(OP_POINTER) NULL};
