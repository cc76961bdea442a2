/* The operators that we accept. */
#include "graph.h"

#include <string.h>

#define OPS(X)                                       \
    X(abs)                                           \
    X(acos)                                          \
    X(acosh)                                         \
    X(add)                                           \
    X(affine_grid)                                   \
    X(and)                                           \
    X(arg_max)                                       \
    X(arg_min)                                       \
    X(asin)                                          \
    X(asinh)                                         \
    X(atan)                                          \
    X(atanh)                                         \
    X(attention)                                     \
    X(average_pool)                                  \
    X(batch_normalization)                           \
    X(cast)                                          \
    X(cast_like)                                     \
    X(ceil)                                          \
    X(celu)                                          \
    X(center_crop_pad)                               \
    X(clip)                                          \
    X(concat)                                        \
    X(conv)                                          \
    X(conv_transpose)                                \
    X(cos)                                           \
    X(cosh)                                          \
    X(cum_sum)                                       \
    X(depth_to_space)                                \
    X(div)                                           \
    X(dropout)                                       \
    X(einsum)                                        \
    X(elu)                                           \
    X(equal)                                         \
    X(erf)                                           \
    X(exp)                                           \
    X(expand)                                        \
    X(flatten)                                       \
    X(floor)                                         \
    X(gather)                                        \
    X(gather_elements)                               \
    X(gather_nd)                                     \
    X(gelu)                                          \
    X(gemm)                                          \
    X(global_average_pool)                           \
    X(global_lp_pool)                                \
    X(global_max_pool)                               \
    X(greater)                                       \
    X(greater_or_equal)                              \
    X(grid_sample)                                   \
    X(group_normalization)                           \
    X(hard_sigmoid)                                  \
    X(hard_swish)                                    \
    X(hardmax)                                       \
    X(identity)                                      \
    X(instance_normalization)                        \
    X(is_inf)                                        \
    X(is_nan)                                        \
    X(layer_normalization)                           \
    X(leaky_relu)                                    \
    X(less)                                          \
    X(less_or_equal)                                 \
    X(log)                                           \
    X(log_softmax)                                   \
    X(lp_normalization)                              \
    X(lp_pool)                                       \
    X(lrn)                                           \
    X(matmul)                                        \
    X(max)                                           \
    X(max_pool)                                      \
    X(mean)                                          \
    X(mean_variance_normalization)                   \
    X(microsoft_attention)                           \
    X(microsoft_bias_add)                            \
    X(microsoft_bias_gelu)                           \
    X(microsoft_bias_softmax)                        \
    X(microsoft_bias_split_gelu)                     \
    X(microsoft_fast_gelu)                           \
    X(microsoft_fused_conv)                          \
    X(microsoft_fused_gemm)                          \
    X(microsoft_fused_matmul)                        \
    X(microsoft_gelu)                                \
    X(microsoft_group_norm)                          \
    X(microsoft_layer_normalization)                 \
    X(microsoft_multi_head_attention)                \
    X(microsoft_nhwc_conv)                           \
    X(microsoft_quick_gelu)                          \
    X(microsoft_simplified_layer_normalization)      \
    X(microsoft_skip_group_norm)                     \
    X(microsoft_skip_layer_normalization)            \
    X(microsoft_skip_simplified_layer_normalization) \
    X(min)                                           \
    X(mish)                                          \
    X(mod)                                           \
    X(mul)                                           \
    X(neg)                                           \
    X(not )                                          \
    X(one_hot)                                       \
    X(or)                                            \
    X(p_relu)                                        \
    X(pad)                                           \
    X(pow)                                           \
    X(reciprocal)                                    \
    X(reduce_l1)                                     \
    X(reduce_l2)                                     \
    X(reduce_log_sum)                                \
    X(reduce_log_sum_exp)                            \
    X(reduce_max)                                    \
    X(reduce_mean)                                   \
    X(reduce_min)                                    \
    X(reduce_prod)                                   \
    X(reduce_sum)                                    \
    X(reduce_sum_square)                             \
    X(relu)                                          \
    X(reshape)                                       \
    X(resize)                                        \
    X(rms_normalization)                             \
    X(rotary_embedding)                              \
    X(round)                                         \
    X(scatter)                                       \
    X(scatter_elements)                              \
    X(scatter_nd)                                    \
    X(selu)                                          \
    X(shrink)                                        \
    X(sigmoid)                                       \
    X(sign)                                          \
    X(simplified_layer_normalization)                \
    X(sin)                                           \
    X(sinh)                                          \
    X(slice)                                         \
    X(softmax)                                       \
    X(softplus)                                      \
    X(softsign)                                      \
    X(space_to_depth)                                \
    X(split)                                         \
    X(sqrt)                                          \
    X(squeeze)                                       \
    X(sub)                                           \
    X(sum)                                           \
    X(swish)                                         \
    X(tan)                                           \
    X(tanh)                                          \
    X(thresholded_relu)                              \
    X(tile)                                          \
    X(top_k)                                         \
    X(transpose)                                     \
    X(trilu)                                         \
    X(unsqueeze)                                     \
    X(upsample)                                      \
    X(where)                                         \
    X(xor)

#define OP_DECLARE(name) extern const cr_op cr_op_##name;
OPS(OP_DECLARE)

#define OP_POINTER(name) &cr_op_##name,
const cr_op *const cr_ops[] = {OPS(OP_POINTER) NULL};

const cr_op *cr_op_find(const char *type)
{
    for (int i = 0; cr_ops[i]; i++)
        if (strcmp(cr_ops[i]->type, type) == 0)
            return cr_ops[i];
    return NULL;
}
