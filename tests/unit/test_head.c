/* How the logits come from the last feature map: heads of every kind are told apart. */
#include "onnx_builder.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_LAYERS 9

typedef struct head_case {
    const char *name;
    cr_head_kind kind;
    const char *feature; /* NULL: none */
    onnx_layer layers[MAX_LAYERS];
} head_case;

/* Behind "r" [1, 6, 4, 4]. */
static head_case head_cases[] = {
    {"gap_gemm",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:7,6 b:7", "l", "transB=1 alpha=0.5"}}},
    {"gap_dropout_conv",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Dropout", "g", "d", NULL},
      {"Conv", "d w:7,6,1,1 b:7", "c", NULL},
      {"Flatten", "c", "l", NULL},
      {"Softmax", "l", "p", NULL}}},
    {"gap_matmul_add",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"ReduceMean", "r", "g", "axes=2,3 keepdims=0"},
      {"MatMul", "g w:6,7", "m", NULL},
      {"Add", "m b:7", "l", NULL}}},
    {"gap_keeping_dims_reshape_gemm",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"ReduceMean", "r", "g", "axes=2,3 keepdims=1"},
      {"Reshape", "g s#-1,6", "f", NULL},
      {"Gemm", "f w:6,7", "l", NULL}}},
    {"average_pool_of_the_whole_map",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"AveragePool", "r", "g", "kernel_shape=4,4"},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7", "l", NULL}}},
    {"average_pool_of_a_part",
     CR_HEAD_OTHER,
     NULL,
     {{"AveragePool", "r", "g", "kernel_shape=3,3 strides=2,2"},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7", "l", NULL}}},
    {"average_pool_counting_pads",
     CR_HEAD_OTHER,
     NULL,
     {{"AveragePool", "r", "g", "kernel_shape=4,4 pads=0,0,1,1 strides=2,2 count_include_pad=1"},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7", "l", NULL}}},
    {"gmp_gemm",
     CR_HEAD_GMP_LINEAR,
     "r",
     {{"GlobalMaxPool", "r", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7 b:7", "l", NULL}}},
    {"max_pool_of_the_whole_map",
     CR_HEAD_GMP_LINEAR,
     "r",
     {{"MaxPool", "r", "g", "kernel_shape=4,4"},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7 b:7", "l", NULL}}},
    {"gap_of_class_maps",
     CR_HEAD_GAP_MAPS,
     "k",
     {{"Conv", "r w:7,6,1,1", "c", NULL},
      {"Relu", "c", "k", NULL},
      {"Dropout", "k", "d", NULL},
      {"GlobalAveragePool", "d", "g", NULL},
      {"Flatten", "g", "l", NULL}}},
    {"gmp_of_class_maps",
     CR_HEAD_GMP_MAPS,
     "c",
     {{"Conv", "r w:7,6,1,1", "c", NULL},
      {"GlobalMaxPool", "c", "g", NULL},
      {"Flatten", "g", "l", NULL}}},
    {"gap_behind_other_names_of_the_map",
     CR_HEAD_GAP_LINEAR,
     "m",
     {{"Reshape", "r a#1,6,16", "v", NULL},
      {"Transpose", "v", "t", "perm=0,2,1"},
      {"Sigmoid", "t", "s", NULL},
      {"Transpose", "s", "u", "perm=0,2,1"},
      {"Reshape", "u b#1,6,4,4", "m", NULL},
      {"GlobalAveragePool", "m", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7", "l", NULL}}},
    {"gap_matmul_of_groups",
     CR_HEAD_OTHER,
     NULL,
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Reshape", "g a#1,2,3", "s", NULL},
      {"MatMul", "s w:3,4", "m", NULL},
      {"Flatten", "m", "l", NULL}}},
    {"gap_depthwise_conv",
     CR_HEAD_OTHER,
     NULL,
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Conv", "g w:6,1,2,3", "c", "group=6 pads=0,0,1,2"},
      {"Flatten", "c", "l", NULL}}},
    {"flatten_gemm",
     CR_HEAD_OTHER,
     NULL,
     {{"Flatten", "r", "f", NULL}, {"Gemm", "f w:96,7", "l", NULL}}},
    {"gap_two_layers",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,8 b:8", "h", NULL},
      {"Gemm", "h w2:8,7 b2:7", "l", "alpha=0.5"}}},
    {"gap_two_pointwise_convs",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Conv", "g w:8,6,1,1 b:8", "h", NULL},
      {"Conv", "h w2:7,8,1,1", "c", NULL},
      {"Flatten", "c", "l", NULL}}},
    {"gap_batch_norm_gemm_batch_norm",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"BatchNormalization", "f s:6 t:6 m:6 v+6", "n", NULL},
      {"Gemm", "n w:6,7", "h", NULL},
      {"BatchNormalization", "h s2:7 t2:7 m2:7 v2+7", "l", NULL}}},
    {"gap_shifted_and_scaled",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"ReduceMean", "r", "g", "axes=2,3 keepdims=0"},
      {"Sub", "g a=0.3", "d", NULL},
      {"Div", "d c=1.7", "e", NULL},
      {"Gemm", "e w:6,7", "l", NULL}}},
    {"scaled_gap_of_class_maps",
     CR_HEAD_GAP_LINEAR,
     "c",
     {{"Conv", "r w:7,6,1,1", "c", NULL},
      {"GlobalAveragePool", "c", "g", NULL},
      {"Mul", "g a=-2.5", "m", NULL},
      {"Flatten", "m", "l", NULL}}},
    {"gap_with_a_skip",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"ReduceMean", "r", "g", "axes=2,3 keepdims=0"},
      {"ReduceMean", "r", "g2", "axes=2,3 keepdims=0"},
      {"Gemm", "g2 w:6,6 b:6", "h", NULL},
      {"Add", "g h", "s", NULL},
      {"Sub", "s g", "d", NULL},
      {"Concat", "d g", "k", "axis=1"},
      {"Gemm", "k w2:12,7", "l", NULL}}},
    {"gap_gemm_slice_of_classes",
     CR_HEAD_GAP_LINEAR,
     "r",
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,9 b:9", "h", NULL},
      {"Slice", "h s#2 e#9 a#1", "l", NULL}}},
    {"gap_and_gmp",
     CR_HEAD_OTHER,
     NULL,
     {{"GlobalAveragePool", "r", "g", NULL},
      {"GlobalMaxPool", "r", "m", NULL},
      {"Concat", "g m", "k", "axis=1"},
      {"Flatten", "k", "f", NULL},
      {"Gemm", "f w:12,7", "l", NULL}}},
    {"gap_of_two_layers",
     CR_HEAD_OTHER,
     NULL,
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Conv", "r w:5,6,1,1", "c", NULL},
      {"GlobalAveragePool", "c", "m", NULL},
      {"Concat", "g m", "k", "axis=1"},
      {"Flatten", "k", "f", NULL},
      {"Gemm", "f w2:11,7", "l", NULL}}},
    {"gap_gemm_relu",
     CR_HEAD_OTHER,
     NULL,
     {{"GlobalAveragePool", "r", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w:6,7", "h", NULL},
      {"Relu", "h", "l", NULL}}},
};

/* Also by arithmetic: between two images the logits of a linear head differ by its weights times
 * the difference of the pooled map, the bias drops out. */
static void head_is_recognised(void **state)
{
    const head_case *test = *state;
    onnx_layer layers[MAX_LAYERS + 2] = {{"Conv", "x w0:6,3,1,1", "c0", NULL},
                                         {"Relu", "c0", "r", NULL}};
    memcpy(layers + 2, test->layers, sizeof test->layers);
    cr_graph *graph = onnx_graph("1,3,4,4", layers);
    cr_head head = cr_graph_head(graph);
    cr_error err;
    assert_int_equal(head.kind, test->kind);
    bool linear = head.kind == CR_HEAD_GAP_LINEAR || head.kind == CR_HEAD_GMP_LINEAR;
    assert_int_equal(head.why_not[0] != 0, head.kind == CR_HEAD_OTHER);
    if (test->feature)
        assert_string_equal(cr_graph_value_name(graph, head.feature), test->feature);
    else
        assert_int_equal(head.feature, -1);
    if (linear) {
        assert_int_equal(head.n_classes, 7);
        enum { MOST = 7 };
        const int n_channels = head.n_channels;
        assert_in_range(n_channels, 6, MOST);
        cr_net *net;
        uint32_t seed = 3;
        cr_net_target target = {head.feature, false, false, false, NULL};
        assert_int_equal(cr_net_new(graph, 2, &target, 1, 0, INT_MAX, &net, &err), CR_OK);
        onnx_give_memory(net);
        float weights[7 * MOST];
        assert_int_equal(cr_graph_head_weights(graph, &head, weights, &err), CR_OK);
        for (int i = 0; i < 2 * 3 * 16; i++)
            cr_net_input(net)[i] = (cr_real)onnx_random(&seed);
        cr_net_forward(net, 2);
        double pooled[2][MOST] = {{0}};
        for (int i = 0; i < 2 * 16 * n_channels; i++) {
            double value = (double)cr_net_activations(net, 0)[i];
            double *p = &pooled[i / 16 / n_channels][i % n_channels];
            *p = head.kind == CR_HEAD_GAP_LINEAR ? *p + value / 16 : fmax(*p, value);
        }
        for (int k = 0; k < 7; k++) {
            double want = (double)(cr_net_logits(net)[7 + k] - cr_net_logits(net)[k]);
            for (int c = 0; c < n_channels; c++)
                want -= (double)weights[k * n_channels + c] * (pooled[1][c] - pooled[0][c]);
            assert_true(fabs(want) < 1e-5);
        }
        cr_net_free(net);
    }
    cr_graph_free(graph);
}

int main(void)
{
    enum { N = sizeof head_cases / sizeof head_cases[0] };
    static char names[N][96];
    static struct CMUnitTest tests[N];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s_head_is_recognised", head_cases[i].name);
        tests[i] = (struct CMUnitTest){names[i], head_is_recognised, NULL, NULL, &head_cases[i]};
    }
    return cmocka_run_group_tests_name("heads", tests, NULL, NULL);
}
