/* Shape arithmetic and other constants, which are computed when a model is loaded: right where they are
 * accepted, seen in the shape that a Reshape gets from them, and refused by name where they are not. */
#include "onnx_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_LAYERS 8
#define LARGEST "9223372036854775807"
#define SMALLEST "-9223372036854775808"

/* From x [1, 4, 6, 8] and its shape, the list h = 1, 4, 6, 8, to the list s. */
typedef struct fold_case {
    const char *name;
    const char *want; /* the shape of x reshaped to s, or why s is refused */
    onnx_layer layers[MAX_LAYERS];
} fold_case;

static fold_case accepted[] = {
    {"shape", "1,4,6,8", {{"Identity", "h", "s", NULL}}},
    {"part_of_shape",
     "1,4,6,8",
     {{"Shape", "x", "t", "start=1 end=-1"}, {"Concat", "one#1 t e#8", "s", "axis=0"}}},
    {"shape_from_beyond_its_end",
     "1,192",
     {{"Shape", "x", "t", "start=9 end=" LARGEST}, {"Concat", "t o#1,-1 t", "s", "axis=-1"}}},
    {"gather_of_one_index",
     "1,4,48",
     {{"Gather", "h i@1", "c", NULL},
      {"Unsqueeze", "c a#0", "u", NULL},
      {"Concat", "one#1 u m#-1", "s", "axis=0"}}},
    {"gather_of_negative_indices", "1,8,6,4", {{"Gather", "h i#0,-1,-2,1", "s", "axis=-1"}}},
    {"gather_of_no_index",
     "1,192",
     {{"Gather", "h i#", "t", NULL}, {"Concat", "t o#1,192", "s", "axis=0"}}},
    {"squeeze_and_unsqueeze_by_attributes",
     "1,4,48",
     {{"Slice", "h f#1 t#2 a#0", "l", NULL},
      {"Squeeze", "l", "c", "axes=0,"},
      {"Unsqueeze", "c", "u", "axes=-1,"},
      {"Concat", "one#1 u m#-1", "s", "axis=0"}}},
    {"squeeze_without_axes",
     "1,4,48",
     {{"Squeeze", "l#4", "c", NULL},
      {"Unsqueeze", "c a#0", "u", NULL},
      {"Concat", "one#1 u m#-1", "s", "axis=0"}}},
    {"cast", "1,4,6,8", {{"Cast", "h", "s", "to=7"}}},
    {"slice_from_the_end",
     "1,4,6,8",
     {{"Slice", "h f#-3 t#" LARGEST " a#-1 p#1", "t3", NULL},
      {"Concat", "one#1 t3", "s", "axis=0"}}},
    {"slice_of_nothing",
     "1,192",
     {{"Slice", "h f#3 t#1", "e", NULL}, {"Concat", "o#1 e m#-1", "s", "axis=0"}}},
    {"slice_with_bounds_beyond_the_list",
     "1,4,6,8",
     {{"Slice", "h f#" SMALLEST " t#" LARGEST, "s", NULL}}},
    {"add", "1,12,16", {{"Add", "a#-5,6,10 b#6,6,6", "s", NULL}}},
    {"sub_of_a_number", "1,12,16", {{"Sub", "a#3,14,18 b@2", "s", NULL}}},
    {"sub_from_a_list_of_one", "1,12,16", {{"Sub", "a#18 b#17,6,2", "s", NULL}}},
    {"mul", "1,12,16", {{"Mul", "a@2 b#6,8", "t", NULL}, {"Concat", "o#1 t", "s", "axis=0"}}},
    {"div", "1,12,16", {{"Div", "a#3,25,33 b#2", "s", NULL}}},
    {"div_of_negatives_cuts_towards_zero",
     "1,3,64",
     {{"Div", "a#-7 b#2", "q", NULL},
      {"Mul", "q n@-1", "t", NULL},
      {"Concat", "o#1 t m#-1", "s", "axis=0"}}},
    {"arithmetic_of_numbers",
     "1,12,16",
     {{"Gather", "h i@2", "c", NULL},
      {"Mul", "c d@2", "n", NULL},
      {"Unsqueeze", "n a#0", "u", NULL},
      {"Concat", "o#1 u m#-1", "s", "axis=0"}}},
    {"gather_of_a_matrix",
     "1,4,6,8",
     {{"Reshape", "h m#2,2", "q", NULL},
      {"Gather", "q i@0", "u", "axis=1"},
      {"Gather", "q j@1", "v", "axis=1"},
      {"Concat", "u v", "w", "axis=0"},
      {"Gather", "w k#0,2,1,3", "s", NULL}}},
    {"unsqueeze_of_a_list",
     "1,4,6,8",
     {{"Unsqueeze", "h a#0", "u", NULL}, {"Squeeze", "u b#0", "s", NULL}}},
    {"concat_of_nine",
     "1,192",
     {{"Concat", "e# f# g# h2# i# j# k# l# h", "t", "axis=0"},
      {"Slice", "t f0#0 t0#1", "one", NULL},
      {"Concat", "one m#-1", "s", "axis=0"}}},
    {"cast_of_reals",
     "1,4,6,8",
     {{"Cast", "h", "v", "to=1"}, {"Floor", "v", "q", NULL}, {"Cast", "q", "s", "to=7"}}},
    {"slice_in_steps_of_2",
     "1,6,32",
     {{"Slice", "h f#0 t#4 a#0 p#2", "t2", NULL}, {"Concat", "t2 m#-1", "s", "axis=0"}}},
    {"slice_backwards",
     "1,8,6,4",
     {{"Slice", "h f#3 t#0 a#0 p#-1", "b", NULL}, {"Concat", "one#1 b", "s", "axis=0"}}},
    {"range",
     "1,2,3,32",
     {{"Range", "f@1 t@4 d@1", "l", NULL}, {"Concat", "l m#-1", "s", "axis=0"}}},
    {"constant_of_shape",
     "1,1,192",
     {{"ConstantOfShape", "n#3", "z", NULL},
      {"Cast", "z", "c", "to=7"},
      {"Add", "c o#1", "q", NULL},
      {"Mul", "q t#1,1,192", "s", NULL}}},
    {"choice", "1,4,6,8", {{"Less", "h l@5", "c", NULL}, {"Where", "c h d#9,9,6,8", "s", NULL}}},
    {"product_of_dimensions",
     "1,192",
     {{"ReduceProd", "h", "n", "keepdims=1"}, {"Concat", "o#1 n", "s", "axis=0"}}},
    {"maximum_and_minimum",
     "1,4,6,8",
     {{"Max", "h b#0,3,6,5", "q", NULL}, {"Min", "q c#1,99,7,8", "s", NULL}}},
    {"remainder_has_the_sign_of_the_divisor",
     "1,4,6,8",
     {{"Mod", "a#-5,-2,13,8 b#6,6,7,9", "s", NULL}}},
    {"size", "192", {{"Size", "x", "n", NULL}, {"Unsqueeze", "n a#0", "s", NULL}}},
    {"shape_of_a_constant", "1,192", {{"Shape", "c:1,192", "s", NULL}}},
    {"scattered",
     "1,4,6,8",
     {{"Unsqueeze", "p#1,2 a#1", "i", NULL}, {"ScatterND", "o#1,9,9,8 i u#4,6", "s", NULL}}},
};

static fold_case refused[] = {
    {"shape_of_nothing", "input 1 is left out", {{"Shape", "", "s", NULL}}},
    {"shape_from_a_fraction", "attribute start is no integer", {{"Shape", "x", "s", "start=1.0"}}},
    {"gather_past_the_end", "its index is out of range", {{"Gather", "h i@4", "s", NULL}}},
    {"gather_before_the_start", "its index is out of range", {{"Gather", "h i#0,-5", "s", NULL}}},
    {"gather_of_the_largest_index",
     "its index is out of range",
     {{"Gather", "h i@" LARGEST, "s", NULL}}},
    {"gather_of_the_smallest_index",
     "its index is out of range",
     {{"Gather", "h i@" SMALLEST, "s", NULL}}},
    {"gather_of_an_empty_list", "its index is out of range", {{"Gather", "e# i@0", "s", NULL}}},
    {"gather_of_a_number",
     "its axis is not one of 0 dimensions",
     {{"Gather", "c@3 i@0", "s", NULL}}},
    {"gather_along_axis_1",
     "its axis is not one of 1 dimensions",
     {{"Gather", "h i@0", "s", "axis=1"}}},
    {"gather_by_reals", "input 2 (i) is float32", {{"Gather", "h i=0", "s", NULL}}},
    {"gather_with_its_index_left_out", "its index is left out", {{"Gather", "h -", "s", NULL}}},
    {"gather_without_an_index", "it has 1 inputs, 2 to 2", {{"Gather", "h", "s", NULL}}},
    {"unsqueeze_to_axis_1",
     "its axis is not one of 1 dimensions",
     {{"Unsqueeze", "c@4 a#1", "s", NULL}}},
    {"unsqueeze_without_axes", "its output must have at most", {{"Unsqueeze", "c@4", "s", NULL}}},
    {"squeeze_of_a_number", "its axis is not one of 0", {{"Squeeze", "c@4 a#0", "s", NULL}}},
    {"squeeze_of_two", "dimension 0 is 2, not 1", {{"Squeeze", "l#4,4 a#0", "s", NULL}}},
    {"concat_of_numbers", "its axis is not one of 0", {{"Concat", "c@4 d@5", "s", "axis=0"}}},
    {"concat_along_axis_1", "its axis is not one of 1", {{"Concat", "h h", "s", "axis=1"}}},
    {"concat_without_an_axis", "its axis is not one of 1", {{"Concat", "h h", "s", NULL}}},
    {"concat_of_reals", "input 2 does not fit the first", {{"Concat", "h w:2", "s", "axis=0"}}},
    {"concat_with_an_input_left_out",
     "input 2 does not fit the first",
     {{"Concat", "h -", "s", "axis=0"}}},
    {"concat_of_nothing", "it has 0 inputs, 1 to 64", {{"Concat", "", "s", "axis=0"}}},
    {"concat_that_grows_without_end",
     "its result has more than 16777216 elements",
     {{"Expand", "h n#1048576,4", "a", NULL}, {"Concat", "a a a a a a a a a", "s", "axis=0"}}},
    {"expand_that_grows_without_end",
     "with it the model moves more than 67108864 elements",
     {{"Expand", "h n#134217728,4", "s", NULL}}},
    {"range_without_end",
     "its result has more than 16777216 elements",
     {{"Range", "f@0 t@" LARGEST " d@1", "s", NULL}}},
    {"range_in_no_steps", "its start, limit and step are no", {{"Range", "f@0 t@4 d@0", "s", 0}}},
    {"constant_of_a_negative_shape",
     "its shape is not valid",
     {{"ConstantOfShape", "n#-1", "s", NULL}}},
    {"constant_of_a_huge_shape",
     "its shape is not valid",
     {{"ConstantOfShape", "n#65536,65536", "s", NULL}}},
    {"cast_to_nothing", "a cast to a type that is of no type", {{"Cast", "h", "s", NULL}}},
    {"add_that_overflows",
     "its result is out of range",
     {{"Add", "a#1," LARGEST " b@1", "s", NULL}}},
    {"sub_that_overflows",
     "its result is out of range",
     {{"Sub", "a#" SMALLEST " b@1", "s", NULL}}},
    {"mul_that_overflows",
     "its result is out of range",
     {{"Mul", "a#4294967296 b#4294967296", "s", NULL}}},
    {"div_by_zero", "its result is out of range", {{"Div", "h b#1,1,0,1", "s", NULL}}},
    {"div_that_overflows",
     "its result is out of range",
     {{"Div", "a#" SMALLEST " b#-1", "s", NULL}}},
    {"neg_that_overflows", "its result is out of range", {{"Neg", "a#" SMALLEST, "s", NULL}}},
    {"product_that_overflows",
     "its result is out of range",
     {{"ReduceProd", "a#4294967296,4294967296", "s", NULL}}},
    {"add_of_other_lengths",
     "the shapes of its inputs do not fit",
     {{"Add", "h b#1,2", "s", NULL}}},
    {"add_with_an_input_left_out", "input 2 is left out", {{"Add", "h -", "s", NULL}}},
    {"scatter_out_of_range",
     "its index is out of range",
     {{"Unsqueeze", "p#4 a#1", "i", NULL}, {"ScatterND", "h i u#6", "s", NULL}}},
    {"slice_along_axis_1",
     "its axes or steps are not supported",
     {{"Slice", "h f#0 t#4 a#1", "s", NULL}}},
    {"slice_in_no_steps",
     "its axes or steps are not supported",
     {{"Slice", "h f#0 t#4 a#0 p#0", "s", NULL}}},
    {"slice_with_its_end_left_out",
     "its starts, ends, axes and steps do not fit",
     {{"Slice", "h f#0 - a#0", "s", NULL}}},
    {"slice_by_two_bounds",
     "its starts, ends, axes and steps do not fit",
     {{"Slice", "h f#0,1 t#4,2", "s", NULL}}},
    {"slice_by_reals", "input 2 (f) is float32", {{"Slice", "h f=0 t#4", "s", NULL}}},
    {"slice_of_six_inputs",
     "it has 6 inputs, 1 to 5",
     {{"Slice", "h f#0 t#4 a#0 p#1 q#1", "s", NULL}}},
    {"identity_of_two", "it has 2 inputs, 1 to 1", {{"Identity", "h h", "s", NULL}}},
    {"identity_of_nothing", "input 1 is left out", {{"Identity", "-", "s", NULL}}},
    {"unknown_operator_of_a_constant",
     "this operator is not supported",
     {{"Bernoulli", "w:3", "s", NULL}}},
};

static void build(onnx_builder *b, const fold_case *test)
{
    onnx_begin(b, 15, "1,4,6,8");
    onnx_add(b, "Shape", "x", "h", NULL);
    onnx_add_layers(b, test->layers);
    onnx_add(b, "Reshape", "x s", "r", NULL);
    onnx_add(b, "Flatten", "r", "logits", NULL);
    onnx_end(b, "logits");
}

static void list_is_computed(void **state)
{
    const fold_case *test = *state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    char got[64] = "";
    build(&b, test);
    if (onnx_load(&b, &graph, &err) != CR_OK)
        fail_msg("%s", err.message);
    cr_shape shape = cr_graph_value_shape(graph, cr_graph_find(graph, "r"));
    for (int i = 0; i < shape.n_dims; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i ? "," : "", shape.dims[i]);
    assert_string_equal(got, test->want);
    assert_int_equal(cr_graph_n_layers(graph), 2); /* nothing of the arithmetic is left */
    cr_graph_free(graph);
    onnx_fini(&b);
}

static void list_is_refused_by_name(void **state)
{
    const fold_case *test = *state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    char message[256];
    build(&b, test);
    assert_int_equal(onnx_load(&b, &graph, &err), CR_EINPUT);
    assert_null(graph);
    const onnx_layer *last = test->layers;
    while (strcmp(last->output, "s") != 0)
        last++;
    snprintf(message, sizeof message, "m: node s (%s): %s", last->op, test->want);
    if (strncmp(err.message, message, strlen(message)) != 0)
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    onnx_fini(&b);
}

int main(void)
{
    enum {
        N_ACCEPTED = sizeof accepted / sizeof accepted[0],
        N_REFUSED = sizeof refused / sizeof refused[0],
        N = N_ACCEPTED + N_REFUSED
    };
    static char names[N][96];
    static struct CMUnitTest tests[N];
    for (int i = 0; i < N; i++) {
        bool is_accepted = i < N_ACCEPTED;
        fold_case *test = is_accepted ? &accepted[i] : &refused[i - N_ACCEPTED];
        snprintf(names[i], sizeof names[i], "%s_%s", test->name,
                 is_accepted ? "is_computed" : "is_refused_by_name");
        tests[i] = (struct CMUnitTest){
            names[i], is_accepted ? list_is_computed : list_is_refused_by_name, NULL, NULL, test};
    }
    return cmocka_run_group_tests_name("folding", tests, NULL, NULL);
}
