/* What each operator refuses, with which words: the node is named, nothing is guessed. */
#include "onnx_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAP "1,3,8,8"
#define BATCH "2,3,8,8" /* of a fixed size: images must not be told apart */
#define LARGEST "9223372036854775807"

/* A node y of a model with input x. Beside it there are, for a map, pooled [1, 3, 7, 7], rows
 * [1, 3, 64], means [1, 3, 1, 1], one [1, 1, 1, 1] and maps [3, 3, 8, 8]. */
typedef struct refusal {
    const char *name, *x, *op, *inputs, *attributes, *message;
} refusal;

static refusal refusals[] = {
    {"operator_unknown", MAP, "Bernoulli", "x", NULL,
     "this operator is not supported; docs/onnx.md "},
    {"value_not_computed", MAP, "Relu", "z", NULL, "its input z is not computed before it"},
    {"value_computed_from_itself", MAP, "Relu", "y", NULL, "its input y is not computed before it"},
    {"conv_weights_of_other_channels", "1,5,8,8", "Conv", "x w:4,3,3,3 b:4", NULL,
     "its weights do not fit an input of 5 channels"},
    {"conv_weights_computed", MAP, "Conv", "x x", NULL,
     "input 2 (x) must be a constant of the model"},
    {"conv_weights_left_out", MAP, "Conv", "x - b:4", NULL, "its weights do not fit"},
    {"conv_image_left_out", MAP, "Conv", "- w:4,3,3,3", NULL, "input 1 is left out"},
    {"conv_with_one_input", MAP, "Conv", "x", NULL, "it has 1 inputs, 2 to 3 are supported"},
    {"conv_bias_of_other_length", MAP, "Conv", "x w:4,3,3,3 b:3", NULL, "its weights do not fit"},
    {"conv_without_groups", MAP, "Conv", "x w:4,3,3,3 b:4", "group=0", "its weights do not fit"},
    {"conv_of_negative_groups", MAP, "Conv", "x w:4,3,3,3 b:4", "group=-1",
     "its weights do not fit"},
    {"conv_of_a_fractional_group", MAP, "Conv", "x w:4,3,3,3 b:4", "group=1.0",
     "attribute group is no integer"},
    {"conv_kernel_shape_not_the_weights", MAP, "Conv", "x w:4,3,3,3 b:4", "kernel_shape=3,5",
     "attribute kernel_shape is missing or not the weights'"},
    {"conv_with_one_stride", MAP, "Conv", "x w:4,3,3,3 b:4", "strides=2",
     "attribute strides has 0 values, 2 are needed"},
    {"conv_with_zero_stride", MAP, "Conv", "x w:4,3,3,3 b:4", "strides=1,0",
     "attribute strides is out of range"},
    {"conv_with_huge_dilation", MAP, "Conv", "x w:4,3,3,3 b:4", "dilations=1," LARGEST,
     "attribute dilations is out of range"},
    {"conv_same_with_large_dilation", MAP, "Conv", "x w:4,3,3,3 b:4",
     "dilations=65536,65536 auto_pad=SAME_UPPER", "its window of 3 x 3 is larger than its input"},
    {"conv_with_negative_pads", MAP, "Conv", "x w:4,3,3,3 b:4", "pads=0,0,-1,0",
     "attribute pads is out of range"},
    {"conv_larger_than_its_input", "1,3,2,8", "Conv", "x w:4,3,3,3 b:4", NULL,
     "its window of 3 x 3 is larger than its input of 2 x 8"},
    {"conv_with_unknown_auto_pad", MAP, "Conv", "x w:4,3,3,3 b:4", "auto_pad=FULL",
     "auto_pad FULL is unknown"},
    {"conv_of_a_vector", "1,3", "Conv", "x w:4,3,3,3 b:4", NULL,
     "input 1 has 2 dimensions, only 4 are supported"},
    {"pool_without_kernel_shape", MAP, "MaxPool", "x", NULL, "attribute kernel_shape is missing"},
    {"pool_of_empty_window", MAP, "MaxPool", "x", "kernel_shape=0,2",
     "attribute kernel_shape is out of range"},
    {"mean_over_axes_that_overflow", MAP, "ReduceMean", "x", "axes=" LARGEST "," LARGEST,
     "its axis is not one of 4 dimensions"},
    {"batch_norm_in_training", MAP, "BatchNormalization", "x a:3 b:3 c:3 v+3", "training_mode=1",
     "is in training mode"},
    {"batch_norm_of_other_channels", MAP, "BatchNormalization", "x a:3 b:3 c:4 v+3", NULL,
     "input 4 must hold 3 values"},
    {"dropout_in_training", MAP, "Dropout", "x r=0.5 t=1", NULL, "is in training mode"},
    {"dropout_by_a_computed_ratio", MAP, "Dropout", "x x", NULL, "input 2 (x) must be a constant"},
    {"add_with_an_input_left_out", MAP, "Add", "x -", NULL, "input 2 is left out"},
    {"add_of_rows_and_a_map", MAP, "Add", "x rows", NULL, "the shapes of its inputs do not fit"},
    {"pow_by_three_values", MAP, "Pow", "x a:4", NULL, "the shapes of its inputs do not fit"},
    {"hard_sigmoid_of_an_integer_slope", MAP, "HardSigmoid", "x", "alpha=1",
     "attribute alpha is no float"},
    {"cast_to_strings", MAP, "Cast", "x", "to=8",
     "a cast to a type that is of strings is not supported"},
    {"cast_to_nothing", MAP, "Cast", "x", NULL, "a cast to a type that is of no type"},
    {"layer_norm_of_another_length", "1,7", "LayerNormalization", "x s:6", NULL,
     "only one scale and shift for each of its 7 elements"},
    {"matmul_of_matrices_that_do_not_fit", MAP, "MatMul", "rows rows", NULL,
     "its matrices do not fit one another"},
    {"transpose_of_the_batch", BATCH, "Transpose", "x", "perm=1,0,2,3", "its permutation is not"},
    {"transpose_to_the_same_dim_twice", MAP, "Transpose", "x", "perm=0,1,1,3",
     "its permutation is not"},
    {"transpose_out_of_range", MAP, "Transpose", "x", "perm=0,1,2,4", "its permutation is not"},
    {"transpose_of_three_dims", MAP, "Transpose", "x", "perm=0,2,1",
     "attribute perm has 3 values, 4 are needed"},
    {"squeeze_of_a_full_dim", MAP, "Squeeze", "x a#1", NULL, "dimension 1 is 3, not 1"},
    {"squeeze_of_the_batch", BATCH, "Squeeze", "x a#0", NULL, "it mixes the images of a batch"},
    {"squeeze_by_an_activation", MAP, "Squeeze", "x x", NULL, "input 2 (x) must be a constant"},
    {"unsqueeze_of_the_same_axis_twice", MAP, "Unsqueeze", "x a#2,2", NULL,
     "its axes are not valid"},
    {"unsqueeze_to_eight_dims", MAP, "Unsqueeze", "x a#1,2,3,4", NULL,
     "its output must have at most 7 dimensions"},
    {"unsqueeze_out_of_range", MAP, "Unsqueeze", "x a#" LARGEST, NULL,
     "its axis is not one of 5 dimensions"},
    {"slice_of_the_batch", BATCH, "Slice", "x s#0 e#0 a#0", NULL,
     "it takes some images of a batch"},
    {"slice_of_an_axis_twice", MAP, "Slice", "x s#0,0 e#2,2 a#2,-2", NULL,
     "its axes or steps are not supported"},
    {"slice_of_the_smallest_axis", MAP, "Slice", "x s#0 e#2 a#-" LARGEST, NULL,
     "its axes or steps are not supported"},
    {"slice_with_an_end_missing", MAP, "Slice", "x s#0,0 e#2", NULL,
     "its starts, ends, axes and steps do not fit"},
    {"slice_without_bounds", MAP, "Slice", "x", NULL,
     "its starts, ends, axes and steps do not fit"},
    {"gather_of_the_batch", BATCH, "Gather", "x i@0", NULL, "it mixes the images of a batch"},
    {"gather_out_of_range", MAP, "Gather", "x i#0,3", "axis=1", "its index is out of range"},
    {"gather_before_the_start", MAP, "Gather", "x i@-4", "axis=1", "its index is out of range"},
    {"gather_of_nothing", MAP, "Gather", "x i#", "axis=1",
     "its output would be empty or too large"},
    {"reshape_with_a_zero_that_means_zero", MAP, "Reshape", "x s#0,-1", "allowzero=1",
     "its new shape is not valid"},
    {"mul_of_other_shapes", MAP, "Mul", "x pooled", NULL, "the shapes of its inputs do not fit"},
    {"clip_with_reversed_bounds", MAP, "Clip", "x lo=1.0 hi=0.5", NULL,
     "its bounds are in the wrong order"},
    {"clip_by_a_tensor", MAP, "Clip", "x lo:3", NULL, "its bound min is no single value"},
    {"concat_of_other_sizes", MAP, "Concat", "x pooled", "axis=1",
     "input 2 differs from the first in more"},
    {"concat_of_nothing", MAP, "Concat", "", "axis=1", "it has 0 inputs"},
    {"flatten_from_axis_2", BATCH, "Flatten", "x", "axis=2", "only axis 1 is supported in a batch"},
    {"reshape_to_another_size", MAP, "Reshape", "x s#1,100", NULL,
     "its output has 100 elements, its input 192"},
    {"reshape_with_two_open_dims", MAP, "Reshape", "x s#1,-1,-1", NULL,
     "its new shape is not valid"},
    {"reshape_that_overflows", MAP, "Reshape", "x s#1,4294967296,4294967296", NULL,
     "its new shape is not valid"},
    {"reshape_across_the_batch", BATCH, "Reshape", "x s#3,64", NULL,
     "it mixes the images of a batch"},
    {"reshape_by_reals", MAP, "Reshape", "x s:2", NULL,
     "input 2 (s) is float32; export it as int64"},
    {"pad_of_the_batch", BATCH, "Pad", "x p#1,0,0,0,0,0,0,0", NULL,
     "its pads of dimension 0 are out of range"},
    {"pad_of_three_dims", MAP, "Pad", "x p#0,0,0,0,0,1", NULL,
     "its pads must be 8 constant values"},
    {"pad_that_reflects_too_much", MAP, "Pad", "x p#0,0,8,0,0,0,0,0", "mode=reflect",
     "its pads of dimension 2 are out of range"},
    {"pad_in_an_unknown_mode", MAP, "Pad", "x p#0,0,1,0,0,0,0,0", "mode=mirror",
     "mode mirror is not supported"},
    {"pad_that_leaves_nothing", MAP, "Pad", "x p#0,0,-4,0,0,0,-4,0", NULL,
     "its output would be empty"},
    {"pad_that_is_too_large", MAP, "Pad", "x p#0,0,65536,65536,0,0,0,0", NULL,
     "its output has more than 1073741824 elements"},
    {"pad_with_two_values", MAP, "Pad", "x p#0,0,1,0,0,0,0,0 v:2", NULL,
     "its value to pad with is no single value"},
    {"split_of_the_batch", BATCH, "Split", "x", "axis=0", "it mixes the images of a batch"},
    {"split_into_too_little", MAP, "Split", "x p#1,0", "axis=1", "its 1 parts do not fit"},
    {"mean_over_the_batch", BATCH, "ReduceMean", "x", NULL, "it mixes the images of a batch"},
    {"max_over_the_batch", BATCH, "ReduceMax", "x", "axes=0,", "it mixes the images of a batch"},
    {"concat_of_the_batch", BATCH, "Concat", "x x", "axis=0", "it mixes the images of a batch"},
    {"conv_of_several_maps", MAP, "Conv", "maps w:4,3,3,3", NULL,
     "input 1 has 3 maps for one image, only 1 is supported"},
    {"expand_to_another_shape", MAP, "Expand", "x s#1,2,8,8", NULL, "its shape does not fit"},
    {"tile_without_end", MAP, "Tile", "x r#1,1,1," LARGEST, NULL, "its repeats are out of range"},
    {"tile_of_three_dims", MAP, "Tile", "x r#1,1,2", NULL, "its repeats are no list of 4 integers"},
    {"where_of_other_shapes", MAP, "Where", "x rows pooled", NULL,
     "the shapes of its inputs do not fit"},
    {"instance_norm_of_other_channels", MAP, "InstanceNormalization", "x s:4 b:4", NULL,
     "its scale and shift must hold 3 values"},
    {"group_norm_of_groups_that_do_not_fit", MAP, "GroupNormalization", "x s:3 b:3", "num_groups=2",
     "its groups do not fit an input of 3 channels"},
    {"response_without_a_size", MAP, "LRN", "x", NULL, "attribute size is missing"},
    {"lp_norm_of_order_0", MAP, "LpNormalization", "x", "p=0", "attribute p is out of range"},
    {"conv_transpose_to_nothing", MAP, "ConvTranspose", "x w:3,4,2,2", "pads=9,0,9,0",
     "its output would be empty or too large"},
    {"conv_transpose_of_other_channels", MAP, "ConvTranspose", "x w:4,3,2,2", NULL,
     "its weights do not fit an input of 3 channels"},
    {"conv_transpose_of_huge_strides", MAP, "ConvTranspose", "x w:3,4,2,2", "strides=65536,1",
     "its output would be empty or too large"},
    {"conv_transpose_of_a_vector", "1,8", "ConvTranspose", "x w:3,4,2,2", NULL,
     "input 1 has 2 dimensions, 3 to 5 are supported"},
    {"top_of_more_than_there_is", MAP, "TopK", "x k#9", NULL, "it wants 9 of 8 elements"},
    {"cumulative_sum_of_two_axes", MAP, "CumSum", "x a#1,2", NULL, "input 2 is not one number"},
    {"gather_of_elements_that_are_not_there", MAP, "GatherElements", "x i#0", NULL,
     "its indices do not fit its input"},
    {"gather_of_tuples_too_long", MAP, "GatherND", "x i#0,0,0,0,0", NULL,
     "its indices do not fit its input"},
    {"gather_of_tuples_out_of_range", MAP, "GatherND", "x i#0,3", NULL,
     "its indices do not fit its input"},
    {"scatter_of_other_updates", MAP, "ScatterND", "x i#0,1 u:8", NULL,
     "its indices do not fit its input and updates"},
    {"scatter_by_mean", MAP, "ScatterND", "x i#0,1 u:8,8", "reduction=mean",
     "reduction mean is unknown"},
    {"crop_to_other_dims", MAP, "CenterCropPad", "x s#4,4", NULL,
     "its shape does not fit its axes"},
    {"samples_at_three_coordinates", MAP, "GridSample", "x g:1,2,2,3", NULL,
     "its grid has 3 coordinates, not 2"},
    {"samples_in_an_unknown_mode", MAP, "GridSample", "x g:1,2,2,2", "mode=area",
     "mode area with padding_mode zeros is not supported"},
    {"grid_of_other_matrices", MAP, "AffineGrid", "rows s#1,3,4,4", NULL,
     "only matrices of 2 x 3 for images are supported"},
    {"lp_pool_without_a_window", MAP, "LpPool", "x", NULL, "attribute kernel_shape is missing"},
    {"gelu_by_something_else", MAP, "Gelu", "x", "approximate=erf", "approximate erf is not"},
    {"resize_to_a_line_without_end", MAP, "Resize", "x - - n#1,3,1,201326591", NULL,
     "with it the model moves more than 67108864 elements"},
    {"resize_to_nothing", MAP, "Resize", "x - - n#1,3,0,8", NULL,
     "its scales or sizes are out of range"},
    {"resize_of_three_dims", MAP, "Resize", "x - - n#3,8,8", NULL,
     "its scales or sizes do not fit 4"},
    {"resize_in_an_unknown_mode", MAP, "Resize", "x - - n#1,3,9,9", "mode=lanczos",
     "mode lanczos with"},
    {"resize_of_a_region_left_out", MAP, "Resize", "x - - n#1,3,4,4",
     "mode=linear coordinate_transformation_mode=tf_crop_and_resize", "its region is left out"},
    {"resize_of_unknown_aspect", MAP, "Resize", "x - - n#1,3,4,4", "keep_aspect_ratio_policy=any",
     "keep_aspect_ratio_policy any is unknown"},
    {"einsum_of_two_dims", MAP, "Einsum", "x", "equation=ab->a",
     "its equation ab->a does not fit its inputs"},
    {"einsum_of_what_is_not_there", MAP, "Einsum", "x", "equation=abcd->abe",
     "its equation abcd->abe does not fit"},
    {"einsum_of_two_extents", MAP, "Einsum", "x", "equation=abcb->a",
     "its equation abcb->a does not fit"},
    {"einsum_of_a_diagonal_that_is_none", MAP, "Einsum", "rows", "equation=abb->ab",
     "its equation abb->ab does not fit"},
    {"einsum_of_a_letter_twice", MAP, "Einsum", "rows", "equation=abc->aac",
     "its equation abc->aac does not fit"},
    {"einsum_of_a_hyphen", MAP, "Einsum", "rows", "equation=abc-", "its equation abc- does not"},
    {"depth_to_space_of_3_channels", MAP, "DepthToSpace", "x", "blocksize=2",
     "its blocks do not fit 3"},
    {"space_to_depth_without_a_size", MAP, "SpaceToDepth", "x", NULL,
     "attribute blocksize is missing"},
    {"triangle_of_the_batch", "2,8", "Trilu", "x", NULL, "it mixes the images of a batch"},
    {"attention_of_heads_that_do_not_fit", MAP, "Attention", "rows rows rows",
     "q_num_heads=5 kv_num_heads=5", "input 1 does not fit 5 heads"},
    {"conv_of_a_sequence_with_two_strides", MAP, "Conv", "rows w:3,3,3", "strides=1,1",
     "attribute strides has 2 values"},
    {"conv_of_a_sequence_by_a_window", MAP, "Conv", "rows w:3,3,3,3", NULL,
     "its weights do not fit an input of 3"},
    {"softmax_of_the_batch", BATCH, "Softmax", "x", "axis=0", "it mixes the images of a batch"},
    {"gemm_of_a_map", MAP, "Gemm", "x w:3,4", NULL, "input 1 has 4 dimensions, only 2"},
    {"gemm_of_another_length", "1,7", "Gemm", "x w:6,4", NULL,
     "its weights do not fit an input of 7 values"},
    {"gemm_bias_of_another_length", "1,7", "Gemm", "x w:7,4 b:3", NULL,
     "its bias has 3 values, 1 or 4 are supported"},
    {"gemm_transposing_the_batch", "1,7", "Gemm", "x w:7,4", "transA=1",
     "transA would mix the images"},
    {"constant_without_tensor", "1,7", "Constant", "", "value_string=a", "it has no tensor"},
};

static void node_is_refused_by_name(void **state)
{
    const refusal *test = *state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    char message[256];
    onnx_begin(&b, 13, test->x);
    if (strcmp(test->x, MAP) == 0) {
        onnx_add(&b, "MaxPool", "x", "pooled", "kernel_shape=2,2");
        onnx_add(&b, "Reshape", "x shape#1,3,64", "rows", NULL);
        onnx_add(&b, "GlobalAveragePool", "x", "means", NULL);
        onnx_add(&b, "Slice", "means from#0 to#1 along#1", "one", NULL);
        onnx_add(&b, "Expand", "x threefold#3,3,8,8", "maps", NULL);
    }
    onnx_add(&b, test->op, test->inputs, "y", test->attributes);
    onnx_add(&b, "Flatten", "y", "logits", NULL);
    onnx_end(&b, "logits");
    assert_int_equal(onnx_load(&b, &graph, &err), CR_EINPUT);
    assert_null(graph);
    snprintf(message, sizeof message, "m: node y (%s): %s", test->op, test->message);
    if (strncmp(err.message, message, strlen(message)) != 0)
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    onnx_fini(&b);
}

int main(void)
{
    enum { N = sizeof refusals / sizeof refusals[0] };
    static char names[N][96];
    static struct CMUnitTest tests[N];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s_is_refused_by_name", refusals[i].name);
        tests[i] = (struct CMUnitTest){names[i], node_is_refused_by_name, NULL, NULL, &refusals[i]};
    }
    return cmocka_run_group_tests_name("operators", tests, NULL, NULL);
}
