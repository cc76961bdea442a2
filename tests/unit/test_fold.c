/* Shape arithmetic, which is computed when a model is loaded: right where it is accepted, seen in
 * the shape that a Reshape gets from it, and refused by name where it is not. */
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
#define LISTS_ONLY "computing constants is supported for lists of int64 only"
#define ONE_PART "only a part of a list, in steps of 1, can be computed"

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
};

static fold_case refused[] = {
    {"shape_of_a_constant", "input 1 must depend on the image", {{"Shape", "c#1,2", "s", NULL}}},
    {"shape_of_nothing", "input 1 must depend on the image", {{"Shape", "", "s", NULL}}},
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
    {"gather_of_a_number", LISTS_ONLY, {{"Gather", "c@3 i@0", "s", NULL}}},
    {"gather_along_axis_1", LISTS_ONLY, {{"Gather", "h i@0", "s", "axis=1"}}},
    {"gather_of_reals", LISTS_ONLY, {{"Gather", "w:3 i@0", "s", NULL}}},
    {"gather_by_reals", LISTS_ONLY, {{"Gather", "h i=0", "s", NULL}}},
    {"gather_with_its_index_left_out", LISTS_ONLY, {{"Gather", "h -", "s", NULL}}},
    {"gather_without_an_index", "it has 1 inputs, 2 to 2", {{"Gather", "h", "s", NULL}}},
    {"unsqueeze_of_a_list", LISTS_ONLY, {{"Unsqueeze", "l#4 a#0", "s", NULL}}},
    {"unsqueeze_to_axis_1", LISTS_ONLY, {{"Unsqueeze", "c@4 a#1", "s", NULL}}},
    {"unsqueeze_to_two_axes", LISTS_ONLY, {{"Unsqueeze", "c@4 a#0,1", "s", NULL}}},
    {"unsqueeze_without_axes", LISTS_ONLY, {{"Unsqueeze", "c@4", "s", NULL}}},
    {"unsqueeze_to_no_axes", LISTS_ONLY, {{"Unsqueeze", "c@4 a#", "s", NULL}}},
    {"squeeze_of_a_number", LISTS_ONLY, {{"Squeeze", "c@4 a#0", "s", NULL}}},
    {"squeeze_of_two", LISTS_ONLY, {{"Squeeze", "l#4,4 a#0", "s", NULL}}},
    {"squeeze_of_an_empty_list", LISTS_ONLY, {{"Squeeze", "l# a#0", "s", NULL}}},
    {"concat_of_numbers", LISTS_ONLY, {{"Concat", "c@4 d@5", "s", "axis=0"}}},
    {"concat_along_axis_1", LISTS_ONLY, {{"Concat", "h h", "s", "axis=1"}}},
    {"concat_without_an_axis", LISTS_ONLY, {{"Concat", "h h", "s", NULL}}},
    {"concat_of_reals", LISTS_ONLY, {{"Concat", "h w:2", "s", "axis=0"}}},
    {"concat_with_an_input_left_out", LISTS_ONLY, {{"Concat", "h -", "s", "axis=0"}}},
    {"concat_of_nothing", "it has 0 inputs, 1 to 64", {{"Concat", "", "s", "axis=0"}}},
    {"concat_of_nine",
     "it has 9 inputs, constants of at most 8 are computed",
     {{"Concat", "h h h h h h h h h", "s", "axis=0"}}},
    {"concat_that_grows_without_end",
     "its result has more than 65536 elements",
     {{"Concat", "h h h h h h h h", "a", "axis=0"},
      {"Concat", "a a a a a a a a", "b", "axis=0"},
      {"Concat", "b b b b b b b b", "c", "axis=0"},
      {"Concat", "c c c c c c c c", "d", "axis=0"},
      {"Concat", "d d d d d d d d", "s", "axis=0"}}},
    {"concat_to_nothing",
     "its new shape must have 2 to 6 dimensions",
     {{"Concat", "e# f#", "t", "axis=0"}, {"Reshape", "x t", "s", NULL}}},
    {"cast_to_float", LISTS_ONLY, {{"Cast", "h", "s", "to=1"}}},
    {"cast_of_reals", LISTS_ONLY, {{"Cast", "w:2", "s", "to=7"}}},
    {"cast_to_nothing", LISTS_ONLY, {{"Cast", "h", "s", NULL}}},
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
    {"add_of_other_lengths", LISTS_ONLY, {{"Add", "h b#1,2", "s", NULL}}},
    {"add_of_an_empty_list", LISTS_ONLY, {{"Add", "b@1 e#", "s", NULL}}},
    {"add_of_a_matrix", LISTS_ONLY, {{"Add", "h w:4,4", "s", NULL}}},
    {"add_with_an_input_left_out", LISTS_ONLY, {{"Add", "h -", "s", NULL}}},
    {"slice_in_steps_of_2", ONE_PART, {{"Slice", "h f#0 t#4 a#0 p#2", "s", NULL}}},
    {"slice_backwards", ONE_PART, {{"Slice", "h f#4 t#0 a#0 p#-1", "s", NULL}}},
    {"slice_along_axis_1", ONE_PART, {{"Slice", "h f#0 t#4 a#1", "s", NULL}}},
    {"slice_with_its_end_left_out", ONE_PART, {{"Slice", "h f#0 - a#0", "s", NULL}}},
    {"slice_by_two_bounds", LISTS_ONLY, {{"Slice", "h f#0,1 t#4,2", "s", NULL}}},
    {"slice_by_reals", LISTS_ONLY, {{"Slice", "h f=0 t#4", "s", NULL}}},
    {"slice_of_a_number", LISTS_ONLY, {{"Slice", "c@7 f#0 t#1", "s", NULL}}},
    {"slice_by_attributes", LISTS_ONLY, {{"Slice", "h", "s", "starts=0, ends=2,"}}},
    {"slice_of_six_inputs",
     "it has 6 inputs, 1 to 5",
     {{"Slice", "h f#0 t#4 a#0 p#1 q#1", "s", NULL}}},
    {"identity_of_two", "it has 2 inputs, 1 to 1", {{"Identity", "h h", "s", NULL}}},
    {"identity_of_nothing", "its input is left out", {{"Identity", "-", "s", NULL}}},
    {"relu_of_a_constant",
     "it depends on no image; export with constant folding",
     {{"Relu", "w:3", "s", NULL}}},
    {"unknown_operator_of_a_constant",
     "it depends on no image; export with constant folding",
     {{"Trilu", "w:3", "s", NULL}}},
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
