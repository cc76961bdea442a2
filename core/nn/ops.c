/* The operators that we accept. */
#include "graph.h"

#define OPS(X)             \
    X(add)                 \
    X(average_pool)        \
    X(batch_normalization) \
    X(cast)                \
    X(clip)                \
    X(concat)              \
    X(conv)                \
    X(div)                 \
    X(dropout)             \
    X(erf)                 \
    X(flatten)             \
    X(gather)              \
    X(gemm)                \
    X(global_average_pool) \
    X(global_max_pool)     \
    X(hard_sigmoid)        \
    X(hard_swish)          \
    X(identity)            \
    X(layer_normalization) \
    X(log_softmax)         \
    X(matmul)              \
    X(max_pool)            \
    X(mul)                 \
    X(pad)                 \
    X(pow)                 \
    X(reduce_mean)         \
    X(relu)                \
    X(reshape)             \
    X(sigmoid)             \
    X(slice)               \
    X(softmax)             \
    X(split)               \
    X(sqrt)                \
    X(squeeze)             \
    X(sub)                 \
    X(transpose)           \
    X(unsqueeze)

#define OP_DECLARE(name) extern const cr_op cr_op_##name;
OPS(OP_DECLARE)

#define OP_POINTER(name) &cr_op_##name,
const cr_op *const cr_ops[] = {OPS(OP_POINTER) NULL};
