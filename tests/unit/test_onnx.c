/* What the ONNX reader refuses of a model, with which words. What single operators refuse is in
 * test_operator.c, files damaged at random are in test_damage.c. */
#include "onnx_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is done to a model of input x [1, 3, 8, 8], a Conv y with weights w, a Relu, a Flatten. */
typedef struct refusal {
    const char *name;
    void (*damage)(onnx_builder *b);
    const char *message;
} refusal;

static void no_opset(onnx_builder *b)
{
    b->opset.has_version = 0;
    b->opset.version = 0;
}

static void opset_99(onnx_builder *b)
{
    b->opset.version = 99;
}

static void other_domain(onnx_builder *b)
{
    static char domain[] = "com.example";
    b->graph.node[0]->domain = domain;
}

static void no_type(onnx_builder *b)
{
    b->graph.node[0]->op_type = NULL;
}

static void set_last_type(onnx_builder *b, char *type)
{
    b->graph.node[2]->op_type = type;
}

static void quantised(onnx_builder *b)
{
    static char type[] = "QuantizeLinear";
    set_last_type(b, type);
}

static void recurrent(onnx_builder *b)
{
    static char type[] = "LSTM";
    set_last_type(b, type);
}

static void branching(onnx_builder *b)
{
    static char type[] = "If";
    set_last_type(b, type);
}

static void sequence_valued(onnx_builder *b)
{
    static char type[] = "SequenceMap";
    set_last_type(b, type);
}

static void dynamic_shape(onnx_builder *b)
{
    static char type[] = "NonZero";
    set_last_type(b, type);
}

/* The first node is refused, too, but for less. */
static void recurrent_behind_another(onnx_builder *b)
{
    no_type(b);
    recurrent(b);
}

static void recurrent_of_another_domain(onnx_builder *b)
{
    static char domain[] = "com.example";
    b->graph.node[2]->domain = domain;
    recurrent(b);
}

static void no_output_of_node(onnx_builder *b)
{
    b->graph.node[0]->n_output = 0;
}

static void empty_output_of_node(onnx_builder *b)
{
    b->graph.node[0]->output[0][0] = 0;
}

static void second_output_of_node(onnx_builder *b)
{
    static char indices[] = "indices";
    char *first = b->graph.node[0]->output[0];
    static char *outputs[2];
    outputs[0] = first;
    outputs[1] = indices;
    static char type[] = "MaxPool";
    b->graph.node[0]->op_type = type;
    b->graph.node[0]->n_input = 1;
    b->graph.node[0]->output = outputs;
    b->graph.node[0]->n_output = 2;
    b->graph.node[1]->input[0] = indices;
}

static void no_nodes(onnx_builder *b)
{
    b->graph.n_node = 0;
}

static void no_inputs(onnx_builder *b)
{
    b->graph.n_input = 0;
}

static void input_without_a_name(onnx_builder *b)
{
    b->graph.input[0]->name = NULL;
}

static void input_without_a_type(onnx_builder *b)
{
    b->graph.input[0]->type = NULL;
}

static void input_without_a_shape(onnx_builder *b)
{
    b->graph.input[0]->type->tensor_type->shape = NULL;
}

static void input_of_integers(onnx_builder *b)
{
    b->graph.input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
}

static void input_of_a_type_unknown(onnx_builder *b)
{
    b->graph.input[0]->type->tensor_type->elem_type = 1000;
}

static void two_inputs(onnx_builder *b)
{
    onnx_add_input(b, "mask", "1,3,8,8");
}

static void no_outputs(onnx_builder *b)
{
    b->graph.n_output = 0;
}

static void output_without_a_name(onnx_builder *b)
{
    b->graph.output[0]->name = NULL;
}

static void output_that_is_a_constant(onnx_builder *b)
{
    b->graph.output[0]->name = b->graph.initializer[0]->name;
}

static void external_data(onnx_builder *b)
{
    b->graph.initializer[0]->has_data_location = 1;
    b->graph.initializer[0]->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

static void tensor_without_a_name(onnx_builder *b)
{
    b->graph.initializer[0]->name = NULL;
}

static void tensor_of_doubles(onnx_builder *b)
{
    b->graph.initializer[0]->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
}

static void tensor_of_complex_numbers(onnx_builder *b)
{
    b->graph.initializer[0]->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64;
}

static void tensor_with_a_value_missing(onnx_builder *b)
{
    b->graph.initializer[0]->n_float_data--;
}

static void tensor_with_odd_raw_data(onnx_builder *b)
{
    static uint8_t raw[108 * 4 + 1];
    b->graph.initializer[0]->n_float_data = 0;
    b->graph.initializer[0]->has_raw_data = 1;
    b->graph.initializer[0]->raw_data = (ProtobufCBinaryData){sizeof raw, raw};
}

static void tensor_of_negative_size(onnx_builder *b)
{
    b->graph.initializer[0]->dims[0] = -4;
}

static void tensor_of_huge_size(onnx_builder *b)
{
    for (int i = 0; i < 4; i++)
        b->graph.initializer[0]->dims[i] = INT64_C(1) << 62;
}

static void tensor_of_eight_dims(onnx_builder *b)
{
    b->graph.initializer[0]->n_dims = 8;
}

static void tensor_without_values(onnx_builder *b)
{
    b->graph.initializer[0]->dims[2] = b->graph.initializer[0]->dims[3] = 0;
    b->graph.initializer[0]->n_float_data = 0;
}

static void attribute_without_a_value(onnx_builder *b)
{
    onnx_add_attribute(b, b->graph.node[0], "auto_pad");
}

static void attribute_without_a_name(onnx_builder *b)
{
    onnx_add_attribute(b, b->graph.node[0], "")->name = NULL;
    b->graph.node[0]->op_type = NULL;
}

static void batch_out_of_range(onnx_builder *b)
{
    b->graph.input[0]->type->tensor_type->shape->dim[0]->dim_value = INT64_MIN;
}

static void value_computed_twice(onnx_builder *b)
{
    onnx_add(b, "Relu", "x", "y", NULL);
}

static void value_not_computed(onnx_builder *b)
{
    b->graph.node[1]->input[0] = b->graph.node[1]->output[0];
}

static void set_input(onnx_builder *b, const char *dims)
{
    b->graph.n_input = 0;
    onnx_add_input(b, "x", dims);
}

static void input_of_three_dims(onnx_builder *b)
{
    set_input(b, "1,3,8");
}

static void input_with_open_channels(onnx_builder *b)
{
    set_input(b, "1,0,8,8");
    static char type[] = "Sum"; /* a Conv would tell */
    b->graph.node[0]->op_type = type;
}

static void input_of_negative_width(onnx_builder *b)
{
    set_input(b, "1,3,8,-8");
}

static void input_too_large(onnx_builder *b)
{
    set_input(b, "1,3,65536,65536");
}

static refusal refusals[] = {
    {"opset_missing", no_opset, "uses operator set 0, 7 to "},
    {"opset_too_new", opset_99, "uses operator set 99, 7 to "},
    {"domain_unknown", other_domain,
     "node y (Conv): this operator of com.example is not supported; export "},
    {"operator_missing", no_type, "node y (): this operator is not supported"},
    {"operator_quantised", quantised,
     "node logits (QuantizeLinear): the model is quantised; export the float32 model "},
    {"operator_recurrent", recurrent, "node logits (LSTM): recurrent layers are not supported"},
    {"operator_branching", branching,
     "node logits (If): control flow is not supported; export the network itself, traced"},
    {"operator_sequence_valued", sequence_valued,
     "node logits (SequenceMap): sequences are not supported; export the network itself"},
    {"operator_of_dynamic_shape", dynamic_shape,
     "node logits (NonZero): the size of its output depends on the image; export "},
    {"operator_recurrent_behind_another", recurrent_behind_another, "node logits (LSTM): "},
    {"operator_recurrent_of_another_domain", recurrent_of_another_domain,
     "node logits (LSTM): this operator of com.example is not supported; export "},
    {"output_of_node_missing", no_output_of_node, "node  (Conv): it has no output"},
    {"output_of_node_empty", empty_output_of_node, "node  (Conv): a value has no name"},
    {"second_output_of_pool", second_output_of_node,
     "node r (Relu): its input indices is not computed before it"},
    {"nodes_missing", no_nodes, "its output logits is not computed"},
    {"value_computed_twice", value_computed_twice, "node y (Relu): two values are named y"},
    {"value_computed_from_itself", value_not_computed,
     "node r (Relu): its input r is not computed before it"},
    {"inputs_missing", no_inputs, "has no input"},
    {"input_without_a_name", input_without_a_name, "has no input"},
    {"input_without_a_type", input_without_a_type, "its input x is no tensor; it must be "},
    {"input_without_a_shape", input_without_a_shape, "its input x is not [N, C, H, W]"},
    {"input_of_integers", input_of_integers, "its input x is int32; export a float32 model"},
    {"input_of_a_type_unknown", input_of_a_type_unknown, "its input x is of an unknown type; "},
    {"input_of_three_dims", input_of_three_dims, "its input x is not [N, C, H, W]"},
    {"input_with_open_channels", input_with_open_channels,
     "leaves the channels of its input x open; export with a fixed number"},
    {"input_of_negative_width", input_of_negative_width, "the input's width is out of range"},
    {"input_too_large", input_too_large, "its input has more than 1073741824 elements"},
    {"batch_out_of_range", batch_out_of_range, "its input's batch or channels are out of range"},
    {"two_inputs", two_inputs, "has several inputs (x, mask), one of which is the image; "},
    {"outputs_missing", no_outputs,
     "has 0 outputs (); name the logits with `output:` of the model, or export them alone"},
    {"output_without_a_name", output_without_a_name, "its output  is not computed"},
    {"output_that_is_a_constant", output_that_is_a_constant,
     "its output w does not depend on the image"},
    {"external_data", external_data,
     "tensor w has its data in \"\", which is no path inside the model's folder"},
    {"tensor_without_a_name", tensor_without_a_name, "a value has no name"},
    {"tensor_of_doubles", tensor_of_doubles, "tensor w holds 0 bytes, its shape needs 864"},
    {"tensor_of_complex_numbers", tensor_of_complex_numbers,
     "node y (Conv): input 2 (w) is complex64; export it as float32"},
    {"tensor_with_a_value_missing", tensor_with_a_value_missing,
     "tensor w holds 428 bytes, its shape needs 432"},
    {"tensor_with_odd_raw_data", tensor_with_odd_raw_data,
     "tensor w holds 433 bytes, its shape needs 432"},
    {"tensor_of_negative_size", tensor_of_negative_size, "tensor w has an invalid shape"},
    {"tensor_of_huge_size", tensor_of_huge_size, "tensor w has an invalid shape"},
    {"tensor_of_eight_dims", tensor_of_eight_dims, "tensor w has 8 dimensions, at most 7 "},
    {"tensor_without_values", tensor_without_values, "node y (Conv): its weights do not fit"},
    {"attribute_without_a_value", attribute_without_a_value,
     "node y (Conv): attribute auto_pad is no string"},
    {"attribute_without_a_name", attribute_without_a_name, "node y (): this operator "},
};

static void model_is_refused_by_name(void **state)
{
    const refusal *test = *state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    onnx_begin(&b, 13, "1,3,8,8");
    onnx_add(&b, "Conv", "x w:4,3,3,3 b:4", "y", "kernel_shape=3,3");
    onnx_add(&b, "Relu", "y", "r", NULL);
    onnx_add(&b, "Flatten", "r", "logits", NULL);
    onnx_end(&b, "logits");
    cr_status status = onnx_load(&b, &graph, &err);
    assert_int_equal(status, CR_OK);
    cr_graph_free(graph);
    test->damage(&b);
    assert_int_equal(onnx_load(&b, &graph, &err), CR_EINPUT);
    assert_null(graph);
    if (strncmp(err.message, "m: ", 3) != 0 ||
        strncmp(err.message + 3, test->message, strlen(test->message)) != 0)
        fail_msg("\"%s\" does not say \"%s\"", err.message, test->message);
    onnx_fini(&b);
}

static void nodes_in_any_order_are_read(void **state)
{
    (void)state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    onnx_begin(&b, 13, "1,3,8,8");
    onnx_add(&b, "Flatten", "r", "logits", NULL);
    onnx_add(&b, "Relu", "y", "r", NULL);
    onnx_add(&b, "Conv", "x w:4,3,3,3 b:4", "y", NULL);
    onnx_end(&b, "logits");
    assert_int_equal(onnx_load(&b, &graph, &err), CR_OK);
    assert_int_equal(cr_graph_n_layers(graph), 3);
    assert_string_equal(cr_graph_get_layer(graph, 0).op, "Conv");
    assert_string_equal(cr_graph_get_layer(graph, 2).op, "Flatten");
    cr_graph_free(graph);
    onnx_fini(&b);
}

static void output_that_is_a_map_is_refused(void **state)
{
    (void)state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err = {0};
    onnx_begin(&b, 13, "1,3,8,8");
    onnx_add(&b, "Relu", "x", "y", NULL);
    onnx_end(&b, "y");
    assert_int_equal(onnx_load(&b, &graph, &err), CR_EINPUT);
    assert_string_equal(err.message, "m: its output y is not one score a class");
    onnx_fini(&b);
}

static void file_that_is_no_model_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *message;
    } cases[] = {
        {"", "m: is empty, not an ONNX model"},
        {"P", "m: is not an ONNX model, or is damaged; export it, or copy it, again"},
        {"PK\3\4archive",
         "m: is not an ONNX model but a zip archive, as torch.save writes; write the "
         "model with torch.onnx.export"},
        {"\x80\2}q", "m: is not an ONNX model but a Python pickle, as torch.save wrote; write the "
                     "model with torch.onnx.export"},
        {"version https://git-lfs.github.com/spec/v1\n",
         "m: is not an ONNX model but a pointer of Git LFS; `git lfs pull` fetches the model"},
        {"<!DOCTYPE html>",
         "m: is not an ONNX model but a page of HTML or XML; download the model again"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_graph *graph;
        cr_error err = {0};
        const size_t n = strlen(cases[i].bytes);
        assert_int_equal(
            cr_graph_load((const uint8_t *)cases[i].bytes, n, NULL, "m", "", 0, 0, &graph, &err),
            CR_EINPUT);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void size_of_the_input_is_checked_against_the_models(void **state)
{
    (void)state;
    static const struct {
        const char *input, *message;
        int width, height;
    } cases[] = {
        {"1,3,8,9", "", 9, 8},
        {"1,3,8,9", "", 0, 0},
        {"1,3,0,0", "", 9, 8},
        {"1,0,0,0", "", 9, 8},
        {"1,3,8,9",
         "m: the model's input has width 9, not 8: give the size that it was exported for", 8, 8},
        {"1,3,8,9",
         "m: the model's input has height 8, not 9: give the size that it was exported for", 9, 9},
        {"1,3,0,0", "m: the model leaves the input's width open: give a size", 0, 8},
        {"1,3,0,0", "m: the input's width is out of range", 65537, 8},
        {"1,3,0,0", "m: the input's height is out of range", 8, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        onnx_builder b;
        cr_graph *graph;
        cr_error err = {0};
        size_t n_bytes;
        onnx_begin(&b, 13, cases[i].input);
        onnx_add(&b, "Conv", "x w:4,3,1,1", "c", NULL);
        onnx_add(&b, "GlobalAveragePool", "c", "y", NULL);
        onnx_end(&b, "y");
        uint8_t *bytes = onnx_pack(&b, &n_bytes);
        cr_status status = cr_graph_load(bytes, n_bytes, NULL, "m", "", cases[i].width,
                                         cases[i].height, &graph, &err);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(status, cases[i].message[0] ? CR_EINPUT : CR_OK);
        if (graph) {
            assert_int_equal(cr_graph_input_shape(graph).dims[1], 3);
            assert_int_equal(cr_graph_input_shape(graph).dims[2], 8);
            assert_int_equal(cr_graph_input_shape(graph).dims[3], 9);
        }
        cr_graph_free(graph);
        free(bytes);
        onnx_fini(&b);
    }
}

int main(void)
{
    enum { N = sizeof refusals / sizeof refusals[0] };
    static char names[N][96];
    static struct CMUnitTest cases[N];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s_is_refused_by_name", refusals[i].name);
        cases[i] =
            (struct CMUnitTest){names[i], model_is_refused_by_name, NULL, NULL, &refusals[i]};
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_in_any_order_are_read),
        cmocka_unit_test(output_that_is_a_map_is_refused),
        cmocka_unit_test(file_that_is_no_model_is_named),
        cmocka_unit_test(size_of_the_input_is_checked_against_the_models),
    };
    int failed = cmocka_run_group_tests_name("refusals", cases, NULL, NULL);
    return failed + cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
