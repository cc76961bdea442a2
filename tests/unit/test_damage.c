/* No damaged, cut, oversized or hostile ONNX file does harm: this program is worth most under
 * AddressSanitizer and UndefinedBehaviorSanitizer (make asan). */
#include "onnx_builder.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* All operators, so that damage reaches each of them. */
static uint8_t *sample(size_t *n_bytes)
{
    static const onnx_layer layers[] = {
        {"Pad", "x pads#0,0,1,1,0,0,1,1 fill=0.5", "p", "mode=constant"},
        {"Conv", "p w:4,3,3,3 b:4", "c", "strides=2,1 pads=0,1,1,0 dilations=1,1 group=1"},
        {"BatchNormalization", "c g:4 h:4 m:4 v+4", "n", "epsilon=0.1"},
        {"Clip", "n lo=-1.0 hi=1.0", "k", NULL},
        {"Conv", "k w2:4,1,2,2", "d", "group=4 auto_pad=SAME_LOWER"},
        {"Relu", "d", "r", NULL},
        {"MaxPool", "r", "mp", "kernel_shape=2,2 pads=1,1,0,0 ceil_mode=1"},
        {"AveragePool", "r", "ap", "kernel_shape=2,2 pads=1,1,0,0 count_include_pad=1"},
        {"Concat", "mp ap", "cat", "axis=1"},
        {"GlobalMaxPool", "cat", "gm", NULL},
        {"Mul", "gm cat", "mul", NULL},
        {"Add", "mul cat", "add", NULL},
        {"Mul", "add scale:8,1,1", "sc", NULL},
        {"Shape", "sc", "sh", NULL},
        {"Gather", "sh i#0,2,3", "hw", NULL},
        {"Slice", "hw from#1 to#3 along#0", "cut", NULL},
        {"Concat", "bc#1,2,4 cut", "groups", "axis=0"},
        {"Reshape", "sc groups", "split", NULL},
        {"Transpose", "split", "swap", "perm=0,2,1,3,4"},
        {"Reshape", "swap joined#0,8,5,9", "shuffled", NULL},
        {"Transpose", "shuffled", "last", "perm=0,2,3,1"},
        {"LayerNormalization", "last ls+8 lb:8", "ln", "axis=-1 epsilon=0.1"},
        {"ReduceMean", "ln", "lm", "axes=-1,"},
        {"Sub", "ln lm", "centred", NULL},
        {"Pow", "centred e=2", "squares", NULL},
        {"Add", "squares one=1", "positive", NULL},
        {"Sqrt", "positive", "root", NULL},
        {"Div", "centred root", "norm", NULL},
        {"Erf", "norm", "erf", NULL},
        {"HardSwish", "erf", "hs", NULL},
        {"Transpose", "hs", "first", "perm=0,3,1,2"},
        {"Sigmoid", "first", "si", NULL},
        {"HardSigmoid", "si", "hg", "alpha=0.3"},
        {"Gather", "hg at#0,2,4,6,1,3,5,7", "some", "axis=1"},
        {"Slice", "some s0#0 s8#8 s1#1", "all", NULL},
        {"Unsqueeze", "all ax#2", "wide", NULL},
        {"Squeeze", "wide az#2", "narrow", NULL},
        {"Softmax", "narrow", "so", "axis=1"},
        {"Dropout", "so", "dr", NULL},
        {"ReduceMean", "dr", "gap", "axes=2,3 keepdims=1"},
        {"Reshape", "gap shape#0,-1", "f", NULL},
        {"Gemm", "f w3:5,8 b3:5", "fc", "transB=1 alpha=0.5"},
        {"MatMul", "fc w4:5,4", "logits", NULL},
        {0},
    };
    onnx_builder b;
    onnx_begin(&b, 13, "0,3,9,8");
    onnx_add_layers(&b, layers);
    onnx_end(&b, "logits");
    uint8_t *bytes = onnx_pack(&b, n_bytes);
    onnx_fini(&b);
    return bytes;
}

/* Loads bytes of any origin; what is a small model nevertheless is compiled and run. */
static bool load_and_run(const uint8_t *bytes, size_t n_bytes)
{
    cr_graph *graph;
    cr_error err = {0};
    cr_status status = cr_graph_load(bytes, n_bytes, NULL, "m", "", 0, 0, &graph, &err);
    if (status != CR_OK) {
        assert_int_equal(status, CR_EINPUT);
        assert_null(graph);
        assert_memory_equal(err.message, "m: ", 3);
        return false;
    }
    cr_head head = cr_graph_head(graph);
    if (head.kind == CR_HEAD_GAP_LINEAR || head.kind == CR_HEAD_GMP_LINEAR) {
        size_t n = (size_t)head.n_classes * (size_t)head.n_channels;
        float *weights = malloc(n * sizeof *weights);
        assert_int_equal(cr_graph_head_weights(graph, &head, weights, &err), CR_OK);
        free(weights);
    }
    double work = 0, input = 1;
    for (int i = 0; i < 4; i++)
        input *= cr_graph_input_shape(graph).dims[i];
    for (int i = 0; i < cr_graph_n_layers(graph); i++)
        work += cr_graph_get_layer(graph, i).flops;
    int value = cr_graph_last_spatial(graph);
    cr_net_target targets[2] = {{value, true, false, false, NULL},
                                {cr_graph_find(graph, "x"), true, false, false, NULL}};
    int n_targets = value >= 0 ? 1 : 0;
    if (n_targets && targets[1].value >= 0 && cr_graph_reaches_logits(graph, targets[1].value))
        n_targets = 2;
    if (work < 1e6 && input < 1e5) {
        cr_net *net;
        int32_t classes[2] = {0};
        assert_int_equal(cr_net_new(graph, 2, targets, n_targets, 1, INT_MAX, &net, &err), CR_OK);
        void *weights = cr_alloc_aligned(cr_net_weight_bytes(net), 1);
        void *arena = cr_alloc_aligned(cr_net_arena_bytes(net), 1);
        cr_net_pack(net, weights, NULL, NULL);
        cr_net_use(net, weights);
        cr_net_use_arena(net, arena);
        memset(cr_net_input(net), 0, (size_t)input * sizeof(cr_real));
        cr_net_forward(net, 2);
        if (n_targets)
            cr_net_backward(net, 0, 2, classes);
        cr_net_free(net);
        free(weights);
        free(arena);
    }
    cr_graph_free(graph);
    return true;
}

static void file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t n_bytes;
    uint8_t *bytes = sample(&n_bytes);
    assert_true(load_and_run(bytes, n_bytes));
    int n_loaded = 0;
    for (size_t n = 0; n < n_bytes; n++) {
        /* A block of its own, so that AddressSanitizer sees a read beyond the cut. */
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, bytes, n);
        n_loaded += load_and_run(part, n);
        free(part);
    }
    /* The packer puts the graph before the operator sets: without these nothing loads. */
    assert_int_equal(n_loaded, 0);
    free(bytes);
}

static void file_with_damaged_bytes_does_no_harm(void **state)
{
    (void)state;
    size_t n_bytes;
    uint32_t seed = 5;
    uint8_t *bytes = sample(&n_bytes), *damaged = malloc(n_bytes);
    int n_loaded = 0;
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < 4 * n_bytes; i++) {
        memcpy(damaged, bytes, n_bytes);
        for (size_t j = 0; j < 1 + i % 3; j++) {
            size_t at = (size_t)((onnx_random(&seed) + 1) / 2 * (double)n_bytes);
            damaged[j ? at : i % n_bytes] =
                i % 2 ? values[i / 2 % 5] : (uint8_t)(onnx_random(&seed) * 128 + 128);
        }
        n_loaded += load_and_run(damaged, n_bytes);
    }
    assert_in_range(n_loaded, n_bytes / 10, 4 * n_bytes - n_bytes / 10);
    free(bytes);
    free(damaged);
}

static void random_bytes_are_refused(void **state)
{
    (void)state;
    uint32_t seed = 9;
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[64];
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)(onnx_random(&seed) * 128 + 128);
        assert_false(load_and_run(bytes, (size_t)i % 65));
    }
}

/* graph.node.attribute.g.node.attribute.g ...: protobuf-c would recurse until the stack ends. */
static void messages_nested_without_end_are_refused(void **state)
{
    (void)state;
    enum { DEPTH = 30000, HEADER = 6, SIZE = DEPTH * HEADER };
    static const uint8_t tags[] = {1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2}; /* node, attribute, g */
    uint8_t *bytes = calloc(SIZE, 1);
    for (size_t i = 0; i < DEPTH; i++) {
        uint8_t *header = bytes + i * HEADER;
        size_t length = SIZE - (i + 1) * HEADER;
        header[0] = i ? tags[(i - 1) % 3] : 7 << 3 | 2; /* graph */
        for (int j = 1; j < HEADER; j++, length >>= 7)
            header[j] = (uint8_t)((length & 127) | (j < HEADER - 1 ? 128 : 0));
    }
    cr_graph *graph;
    cr_error err = {0};
    assert_int_equal(cr_graph_load(bytes, SIZE, NULL, "m", "", 0, 0, &graph, &err), CR_EINPUT);
    assert_string_equal(err.message,
                        "m: is not an ONNX model, or is damaged; export it, or copy it, again");
    free(bytes);
}

static void chain_of_5000_nodes_loads_and_one_of_20000_is_refused(void **state)
{
    (void)state;
    for (int n = 5000; n <= 20000; n += 15000) {
        onnx_builder b;
        cr_graph *graph;
        cr_error err = {0};
        onnx_begin(&b, 13, "1,7");
        char from[16] = "x", to[16];
        for (int i = 0; i < n; i++) {
            snprintf(to, sizeof to, "v%d", i);
            onnx_add(&b, "Relu", from, to, NULL);
            memcpy(from, to, sizeof from);
        }
        onnx_end(&b, from);
        cr_status status = onnx_load(&b, &graph, &err);
        onnx_fini(&b);
        if (n > 5000) {
            assert_int_equal(status, CR_EINPUT);
            assert_string_equal(err.message, "m: has more than 20000 values");
            continue;
        }
        assert_int_equal(status, CR_OK);
        cr_net *net;
        assert_int_equal(cr_net_new(graph, 1, NULL, 0, 0, INT_MAX, &net, &err), CR_OK);
        /* each writes over the one before */
        assert_true(cr_net_arena_bytes(net) == 64 * sizeof(cr_real));
        onnx_give_arena(net);
        for (int i = 0; i < 7; i++)
            cr_net_input(net)[i] = (cr_real)(i - 3);
        cr_net_forward(net, 1);
        for (int i = 0; i < 7; i++)
            assert_true(cr_net_logits(net)[i] == (cr_real)(i < 3 ? 0 : i - 3));
        cr_net_free(net);
        cr_graph_free(graph);
    }
}

static void concat_of_64_inputs_loads_and_of_65_is_refused(void **state)
{
    (void)state;
    for (int n = 64; n <= 65; n++) {
        onnx_builder b;
        cr_graph *graph;
        cr_error err = {0};
        char inputs[2 * 65 + 1] = "";
        for (int i = 0; i < n; i++)
            memcpy(inputs + (size_t)i * 2, "x ", 3);
        onnx_begin(&b, 13, "1,2");
        onnx_add(&b, "Concat", inputs, "y", "axis=1");
        onnx_end(&b, "y");
        assert_int_equal(onnx_load(&b, &graph, &err), n == 64 ? CR_OK : CR_EINPUT);
        if (graph) {
            size_t n_bytes;
            uint8_t *bytes = onnx_pack(&b, &n_bytes);
            assert_true(load_and_run(bytes, n_bytes));
            free(bytes);
        }
        cr_graph_free(graph);
        onnx_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_cut_anywhere_is_refused),
        cmocka_unit_test(file_with_damaged_bytes_does_no_harm),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(messages_nested_without_end_are_refused),
        cmocka_unit_test(chain_of_5000_nodes_loads_and_one_of_20000_is_refused),
        cmocka_unit_test(concat_of_64_inputs_loads_and_of_65_is_refused),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
