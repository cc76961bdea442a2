/* What nn.h promises of a graph and of a compiled net. The arithmetic itself is compared with
 * PyTorch in tests/judge/test_torch.py, gradients with finite differences in test_gradients.c, and
 * heads are in test_head.c, what the reader refuses is in test_onnx.c. */
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

#define MAX_LAYERS 16
#define MAX_TARGETS 32

typedef struct network {
    const char *name, *input;
    onnx_layer layers[MAX_LAYERS]; /* the last one makes the output */
} network;

static cr_net *compile(const cr_graph *graph, int batch, const cr_net_target *targets, int n,
                       int n_classes_back)
{
    cr_net *net;
    cr_error err = {0};
    if (cr_net_new(graph, batch, targets, n, n_classes_back, INT_MAX, &net, &err) != CR_OK)
        fail_msg("%s", err.message);
    onnx_give_memory(net);
    return net;
}

static size_t size_of(cr_shape shape)
{
    size_t n = 1;
    for (int i = 0; i < shape.n_dims; i++)
        n *= (size_t)shape.dims[i];
    return n;
}

static void fill_input(const cr_graph *graph, cr_net *net, int n)
{
    uint32_t seed = 3;
    size_t size = (size_t)n * size_of(cr_graph_input_shape(graph));
    for (size_t i = 0; i < size; i++)
        cr_net_input(net)[i] = (cr_real)onnx_random(&seed);
}

static void assert_close(const cr_real *a, const cr_real *b, size_t n, double tolerance)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)b[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)(a[i] - b[i])) <= tolerance * largest))
            fail_msg("element %zu: %g, not %g", i, (double)a[i], (double)b[i]);
}

static void assert_shape(const cr_graph *graph, const char *value, const char *want)
{
    char got[64] = "";
    int id = cr_graph_find(graph, value);
    assert_true(id >= 0);
    cr_shape shape = cr_graph_value_shape(graph, id);
    for (int i = 0; i < shape.n_dims; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i ? "," : "", shape.dims[i]);
    assert_string_equal(got, want);
}

static void shapes_are_those_of_onnx(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        onnx_layer layer;
        const char *shape;
    } cases[] = {
        {"0,3,11,8", {"Conv", "x w:4,3,3,2", "y", "strides=2,3 pads=0,1,1,2"}, "1,4,5,4"},
        {"1,3,11,8", {"Conv", "x w:4,3,3,2", "y", "dilations=3,2"}, "1,4,5,6"},
        {"1,3,11,8", {"Conv", "x w:4,3,3,3", "y", "strides=2,3 auto_pad=SAME_LOWER"}, "1,4,6,3"},
        {"1,3,11,8", {"Conv", "x w:4,3,3,3", "y", "auto_pad=VALID pads=1,1,1,1"}, "1,4,9,6"},
        {"1,3,12,8", {"MaxPool", "x", "y", "kernel_shape=3,3 strides=2,2"}, "1,3,5,3"},
        {"1,3,12,8", {"MaxPool", "x", "y", "kernel_shape=3,3 strides=2,2 ceil_mode=1"}, "1,3,6,4"},
        /* the window that would start in the padding behind the input is left out */
        {"1,3,5,5",
         {"MaxPool", "x", "y", "kernel_shape=2,2 strides=2,2 pads=1,1,1,1 ceil_mode=1"},
         "1,3,3,3"},
        {"1,3,4,4",
         {"AveragePool", "x", "y", "kernel_shape=1,1 strides=3,3 pads=0,0,1,1 ceil_mode=1"},
         "1,3,2,2"},
        {"1,3,12,8", {"GlobalMaxPool", "x", "y", NULL}, "1,3,1,1"},
        {"1,3,12,8", {"ReduceMean", "x", "y", "axes=3,2 keepdims=0"}, "1,3"},
        {"1,3,12,8", {"ReduceMean", "x", "y", "axes=-2,-1"}, "1,3,1,1"},
        {"1,3,12,8", {"Flatten", "x", "y", NULL}, "1,288"},
        {"1,3,12,8", {"Reshape", "x s#0,-1,4", "y", NULL}, "1,72,4"},
        {"4,3,12,8", {"Reshape", "x s#4,-1", "y", NULL}, "1,288"},
        {"1,3,12,8", {"Pad", "x p#0,0,1,-2,0,0,2,3", "y", NULL}, "1,3,15,9"},
        {"1,3,12,8", {"Concat", "x x x", "y", "axis=-3"}, "1,9,12,8"},
        {"1,7", {"Gemm", "x w:5,7", "y", "transB=1"}, "1,5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_graph *graph = onnx_graph(cases[i].input,
                                     (onnx_layer[]){cases[i].layer, {"Flatten", "y", "z", 0}, {0}});
        assert_shape(graph, "y", cases[i].shape);
        cr_graph_free(graph);
    }
}

static network networks[] = {
    {"conv_bn_relu",
     "1,3,9,8",
     {{"Conv", "x w1:5,3,3,3 b1:5", "c1", "pads=1,1,1,1 strides=2,2"},
      {"BatchNormalization", "c1 g+5 b:5 m:5 v+5", "n1", NULL},
      {"Mul", "n1 k1:5,1,1", "m1", NULL},
      {"Relu", "m1", "r1", NULL},
      {"Conv", "r1 w2:5,1,3,3", "c2", "group=5 pads=1,1,1,1"},
      {"Mul", "c2 k:5,1,1", "m2", NULL},
      {"Add", "a:1,5,1,1 m2", "a2", NULL},
      {"Clip", "a2 lo=-0.5 hi=0.75", "h2", NULL},
      {"Identity", "h2", "i2", NULL},
      {"GlobalAveragePool", "i2", "gap", NULL},
      {"Flatten", "gap", "f", NULL},
      {"Gemm", "f w3:5,7 b3:7", "logits", NULL}}},
    {"residual",
     "1,3,8,8",
     {{"Conv", "x w0:4,3,3,3 b0:4", "c0", "pads=1,1,1,1"},
      {"Relu", "c0", "r0", NULL},
      {"Conv", "r0 w1:4,4,3,3", "c1", "pads=1,1,1,1"},
      {"BatchNormalization", "c1 s1+4 t1:4 m1:4 v1+4", "n1", NULL},
      {"Add", "n1 r0", "a1", NULL},
      {"Relu", "a1", "r1", NULL},
      {"MaxPool", "r1", "p1", "kernel_shape=2,2 strides=2,2"},
      {"Relu", "p1", "r2", NULL},
      {"Concat", "r2 p1", "cat", "axis=1"},
      {"Relu", "cat", "r3", NULL},
      {"Flatten", "r3", "f", NULL},
      {"Gemm", "f w2:128,9", "g", NULL},
      {"Add", "g b2:9", "fc", NULL},
      {"Relu", "fc", "r4", NULL},
      {"MatMul", "r4 w3:9,7", "logits", NULL}}},
    /* Over what a convolution adds; not where it reads that, too, or is depthwise. */
    {"residuals_written_over",
     "1,4,8,8",
     {{"Conv", "x w0:40,4,3,3 b0:40", "c0", "pads=1,1,1,1"},
      {"Conv", "c0 w1:3,40,1,1", "c1", NULL},
      {"Conv", "c1 w2:40,3,3,3", "c2", "pads=1,1,1,1"},
      {"Add", "c2 c0", "a2", NULL},
      {"Relu", "a2", "r2", NULL},
      {"Conv", "r2 w3:40,1,3,3", "c3", "pads=1,1,1,1 group=40"},
      {"Conv", "c3 w4:40,40,3,3", "c4", "pads=1,1,1,1"},
      {"Add", "r2 c4", "a4", NULL},
      {"Conv", "a4 w5:40,40,1,1", "c5", NULL},
      {"Add", "a4 c5", "a5", NULL},
      {"Conv", "a5 w6:40,1,3,3", "c6", "pads=1,1,1,1 group=40"},
      {"Add", "a5 c6", "a6", NULL},
      {"Flatten", "a6", "f", NULL},
      {"Gemm", "f w8:2560,5", "logits", NULL}}},
    {"clamp_of_a_clamp",
     "1,2,4,4",
     {{"Clip", "x", "open", NULL},
      {"Clip", "open - hi=0.5", "c1", NULL},
      {"Relu", "c1", "c2", NULL},
      {"Softmax", "c2", "s", "axis=1"},
      {"Clip", "s least=0.2 most=0.52", "r", NULL},
      {"Conv", "r w:5,2,4,4", "c", NULL},
      {"Flatten", "c", "logits", NULL}}},
    {"value_of_two_users",
     "1,3,6,6",
     {{"Conv", "x w:4,3,3,3 b:4", "c", NULL},
      {"MaxPool", "c", "p", "kernel_shape=2,2"},
      {"Relu", "c", "r", NULL},
      {"MaxPool", "r", "q", "kernel_shape=2,2"},
      {"Add", "p q", "a", NULL},
      {"GlobalAveragePool", "a", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Identity", "w2:4,5", "shared", NULL},
      {"Gemm", "f shared", "logits", NULL}}},
    /* What one operator calls channels are the pixels of the other: nothing may be folded. */
    {"affine_of_pixels_behind_flatten",
     "1,3,4,4",
     {{"Conv", "x w:1,3,1,1 b:1", "c", NULL},
      {"Flatten", "c", "f", NULL},
      {"Mul", "f k:16", "m", NULL},
      {"Gemm", "m w2:16,5", "logits", NULL}}},
    /* The last dimension in memory has 2 elements, the convolution 6 channels, and so has dim 1. */
    {"affine_of_part_of_the_channels",
     "1,2,6,2",
     {{"Conv", "x w:6,2,1,1 b:6", "c", NULL},
      {"Reshape", "c s#0,3,2,6,2", "r", NULL},
      {"Transpose", "r", "p", "perm=0,3,1,2,4"},
      {"Mul", "p k:2,1", "m", NULL},
      {"Flatten", "m", "f", NULL},
      {"Gemm", "f w2:72,5", "logits", NULL}}},
    {"affine_and_clamp_behind_transpose",
     "1,2,4,3",
     {{"Conv", "x w:4,2,1,1 b:4", "c", NULL},
      {"Transpose", "c", "p", "perm=0,2,3,1"},
      {"Mul", "p k:4", "m", NULL},
      {"Add", "j:1,1,1,4 m", "a", NULL},
      {"Relu", "a", "r", NULL},
      {"MatMul", "r w1:4,3", "q", NULL},
      {"Sub", "q h:3", "u", NULL},
      {"Transpose", "u", "v", "perm=0,3,1,2"},
      {"GlobalAveragePool", "v", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w2:3,5", "logits", NULL}}},
    {"scalar_affine_behind_reshape",
     "1,3,4,4",
     {{"Conv", "x w:6,3,4,4 b:6", "c", NULL},
      {"Reshape", "c s#1,1,6,1", "r", NULL},
      {"Mul", "r k=0.5", "m", NULL},
      {"Flatten", "m", "logits", NULL}}},
    {"dense_block",
     "1,3,6,7",
     {{"Conv", "x w0:8,3,3,3 b0:8", "c0", "pads=1,1,1,1"},
      {"Relu", "c0", "r0", NULL},
      {"Concat", "r0", "d0", "axis=1"},
      {"BatchNormalization", "d0 s1+8 t1:8 m1:8 v1+8", "n1", NULL},
      {"Relu", "n1", "r1", NULL},
      {"Conv", "r1 w1:4,8,3,3", "f1", "pads=1,1,1,1"},
      {"Concat", "r0 f1", "d1", "axis=1"},
      {"Conv", "d1 w2:5,12,1,1", "f2", NULL},
      {"Concat", "r0 f1 f2", "d2", "axis=1"},
      {"MaxPool", "d2", "f3", "kernel_shape=3,3 pads=1,1,1,1"},
      {"Concat", "r0 f1 f2 f3", "d3", "axis=1"},
      {"GlobalAveragePool", "d3", "g", NULL},
      {"Flatten", "g", "f", NULL},
      {"Gemm", "f w4:34,5", "logits", NULL}}},
    {"parts_with_other_readers",
     "1,3,6,7",
     {{"Conv", "x w0:16,3,3,3 b0:16", "a", "pads=1,1,1,1"},
      {"Conv", "a w1:16,1,3,3", "b", "pads=1,1,1,1 group=16"},
      {"Concat", "a b", "i", "axis=1"},
      {"Conv", "b w2:16,4,3,3", "c", "pads=1,1,1,1 group=4"},
      {"Conv", "c w3:16,16,3,3", "d", "pads=1,1,1,1"},
      {"Relu", "d", "r", NULL},
      {"Concat", "i c r c", "j", "axis=1"},
      {"Conv", "x w5:4,3,3,3", "m", "pads=1,1,1,1"},
      {"Conv", "j w4:4,80,1,1", "k", NULL},
      {"Add", "k m", "s", NULL},
      {"Concat", "m s", "t", "axis=1"},
      {"Concat", "t s", "v", "axis=1"},
      {"Relu", "v", "u", NULL},
      {"Flatten", "u", "f", NULL},
      {"Gemm", "f w6:504,5", "logits", NULL}}},
    {"gates",
     "1,3,4,4",
     {{"Conv", "x w:8,3,3,3 b:8", "c", "pads=1,1,1,1"},
      {"Sigmoid", "c", "s", NULL},
      {"Mul", "c s", "silu", NULL},
      {"GlobalAveragePool", "silu", "g", NULL},
      {"Sigmoid", "g", "e", NULL},
      {"Mul", "e silu", "excited", NULL},
      {"HardSigmoid", "excited", "h", "alpha=0.16666667"},
      {"Mul", "h excited", "swish", NULL},
      {"Mul", "swish k:8,1,1", "m", NULL},
      {"Add", "m c", "sum", NULL},
      {"GlobalAveragePool", "sum", "p", NULL},
      {"Flatten", "p", "logits", NULL}}},
    {"gelu_of_pytorch",
     "1,3,4,4",
     {{"Conv", "x w:8,3,3,3 b:8", "c", NULL},
      {"Div", "c d=1.4142135", "v", NULL},
      {"Erf", "v", "e", NULL},
      {"Add", "e one=1", "o", NULL},
      {"Mul", "c o", "m", NULL},
      {"Mul", "m half=0.5", "gelu", NULL},
      {"Flatten", "gelu", "logits", NULL}}},
    {"gelu_of_keras",
     "1,3,4,4",
     {{"Conv", "x w:8,3,3,3 b:8", "c", NULL},
      {"Mul", "c d=0.70710678", "v", NULL},
      {"Erf", "v", "e", NULL},
      {"Add", "one=1 e", "o", NULL},
      {"Mul", "half=0.5 c", "h", NULL},
      {"Mul", "h o", "gelu", NULL},
      {"Flatten", "gelu", "logits", NULL}}},
    {"layer_norm_in_parts",
     "1,3,4,4",
     {{"Conv", "x w:19,3,3,3 b:19", "c", NULL},
      {"Transpose", "c", "n", "perm=0,2,3,1"},
      {"ReduceMean", "n", "m", "axes=-1,"},
      {"Sub", "n m", "d", NULL},
      {"Pow", "d two=2", "p", NULL},
      {"ReduceMean", "p", "v", "axes=-1,"},
      {"Add", "v epsilon=0.001", "a", NULL},
      {"Sqrt", "a", "q", NULL},
      {"Div", "d q", "r", NULL},
      {"Mul", "r scale+19", "z", NULL},
      {"Add", "z shift:19", "norm", NULL},
      {"Transpose", "norm", "u", "perm=0,3,1,2"},
      {"Relu", "u", "t", NULL},
      {"GlobalAveragePool", "t", "g", NULL},
      {"Flatten", "g", "logits", NULL}}},
};
enum { N_NETWORKS = sizeof networks / sizeof networks[0], BATCH = 8, N_BACK = 2, N_IMAGES = 3 };

static const int32_t back_classes[N_IMAGES * N_BACK] = {0, 4, 3, 1, 2, 2};

/* Forward and backward of a graph with these targets; gradients are collected for all images. */
typedef struct results {
    cr_net *net;
    cr_real *gradients[MAX_TARGETS]; /* [N_IMAGES][N_BACK][size] */
} results;

static results run(const cr_graph *graph, const cr_net_target *targets, int n_targets)
{
    results r = {.net = compile(graph, BATCH, targets, n_targets, N_BACK)};
    fill_input(graph, r.net, N_IMAGES);
    cr_net_forward(r.net, N_IMAGES);
    int most = cr_net_backward_images(r.net);
    assert_in_range(most, 2, BATCH);
    for (int t = 0; t < n_targets; t++) {
        size_t size = N_BACK * size_of(cr_graph_value_shape(graph, targets[t].value));
        r.gradients[t] = calloc(N_IMAGES * size, sizeof(cr_real));
    }
    /* Two images, then one: the second call must find what the forward pass left. */
    for (int first = 0; first < N_IMAGES; first += 2) {
        int n = N_IMAGES - first < 2 ? N_IMAGES - first : 2;
        cr_net_backward(r.net, first, n, back_classes + first * N_BACK);
        for (int t = 0; t < n_targets; t++) {
            size_t size = N_BACK * size_of(cr_graph_value_shape(graph, targets[t].value));
            memcpy(r.gradients[t] + (size_t)first * size, cr_net_gradients(r.net, t),
                   (size_t)n * size * sizeof(cr_real));
        }
    }
    return r;
}

static void results_free(results *r)
{
    for (int t = 0; t < MAX_TARGETS; t++)
        free(r->gradients[t]);
    cr_net_free(r->net);
}

/* With every value a target nothing is fused. Folding changes the rounding: float32 has 6e-8, these
 * networks add up to some hundred terms in a sum, hence 1e-5 of the largest. */
static void targets_change_neither_logits_nor_each_other(void **state)
{
    const network *n = *state;
    cr_graph *graph = onnx_graph(n->input, n->layers);
    cr_net_target all[MAX_TARGETS];
    int n_all = 0;
    for (int i = 0; i < cr_graph_n_layers(graph); i++)
        all[n_all++] =
            (cr_net_target){cr_graph_get_layer(graph, i).value, true, false, false, NULL};
    all[n_all++] = (cr_net_target){cr_graph_find(graph, "x"), true, false, false, NULL};
    results unfused = run(graph, all, n_all);
    size_t n_logits = N_IMAGES * (size_t)cr_graph_n_classes(graph);

    cr_net *plain = compile(graph, BATCH, NULL, 0, 0);
    fill_input(graph, plain, N_IMAGES);
    cr_net_forward(plain, N_IMAGES);
    assert_close(cr_net_logits(plain), cr_net_logits(unfused.net), n_logits, 1e-5);
    assert_true(cr_net_arena_bytes(plain) < cr_net_arena_bytes(unfused.net));
    cr_net_free(plain);

    for (int t = 0; t < n_all; t++) {
        results alone = run(graph, &all[t], 1);
        size_t size = N_IMAGES * size_of(cr_graph_value_shape(graph, all[t].value));
        assert_close(cr_net_logits(alone.net), cr_net_logits(unfused.net), n_logits, 1e-5);
        assert_close(cr_net_activations(alone.net, 0), cr_net_activations(unfused.net, t), size,
                     1e-5);
        assert_close(alone.gradients[0], unfused.gradients[t], N_BACK * size, 1e-5);
        results_free(&alone);
    }
    /* An upstream and a downstream target, of which only one wants a gradient. */
    for (int wants = 0; wants < 2; wants++) {
        cr_net_target pair[2] = {all[0], all[n_all / 2]};
        pair[!wants].gradient = false;
        cr_net *net = compile(graph, BATCH, pair, 2, N_BACK);
        fill_input(graph, net, N_IMAGES);
        cr_net_forward(net, N_IMAGES);
        cr_net_backward(net, 1, 2, back_classes + N_BACK);
        int t = wants ? n_all / 2 : 0;
        size_t size = N_BACK * size_of(cr_graph_value_shape(graph, all[t].value));
        assert_close(cr_net_gradients(net, wants), unfused.gradients[t] + size, 2 * size, 1e-5);
        assert_null(cr_net_gradients(net, !wants));
        cr_net_free(net);
    }
    results_free(&unfused);
    cr_graph_free(graph);
}

/* The operators of a compiled net, in order. */
static void assert_steps(const char *network_name, const char *target, const char *want)
{
    char got[256] = "";
    const network *n = networks;
    while (strcmp(n->name, network_name) != 0)
        n++;
    cr_graph *graph = onnx_graph(n->input, n->layers);
    cr_net_target t = {.value = target ? cr_graph_find(graph, target) : 0};
    cr_net *net = compile(graph, 1, &t, target != NULL, 0);
    for (int i = 0; i < cr_net_n_layers(net); i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "",
                 cr_net_get_layer(net, i).op);
    assert_string_equal(got, want);
    cr_net_free(net);
    cr_graph_free(graph);
}

static void patterns_are_one_step_unless_a_value_between_is_wanted(void **state)
{
    (void)state;
    assert_steps("gates", NULL,
                 "Conv SiLU GlobalAveragePool Sigmoid Mul HardSwish Mul Add GlobalAveragePool");
    assert_steps("gates", "s",
                 "Conv Sigmoid Mul GlobalAveragePool Sigmoid Mul HardSwish Mul Add "
                 "GlobalAveragePool");
    assert_steps("gates", "silu",
                 "Conv SiLU GlobalAveragePool Sigmoid Mul HardSwish Mul Add GlobalAveragePool");
    assert_steps("gelu_of_pytorch", NULL, "Conv GELU Flatten");
    assert_steps("gelu_of_pytorch", "m", "Conv Div Erf Add Mul Mul Flatten");
    assert_steps("gelu_of_keras", NULL, "Conv GELU Flatten");
    assert_steps("gelu_of_keras", "e", "Conv Mul Erf Add Mul Mul Flatten");
    assert_steps("layer_norm_in_parts", NULL, "Conv LayerNormalization GlobalAveragePool");
    assert_steps("layer_norm_in_parts", "q",
                 "Conv ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul GlobalAveragePool");
}

/* Formulas that only look like the patterns. */
static void near_misses_of_patterns_are_left_alone(void **state)
{
    (void)state;
    static const struct {
        onnx_layer layers[MAX_LAYERS];
        int n_steps;
    } cases[] = {
        {{{"Sigmoid", "x", "s", NULL}, {"Add", "x s", "y", NULL}}, 2},
        {{{"Sigmoid", "x", "s", NULL}, {"Sqrt", "s", "r", NULL}, {"Mul", "x r", "y", NULL}}, 3},
        {{{"Sigmoid", "x", "s", NULL}, {"Mul", "x s", "m", NULL}, {"Add", "m s", "y", NULL}}, 3},
        {{{"HardSigmoid", "x", "s", NULL}, {"Mul", "x s", "y", NULL}}, 2},
        {{{"Erf", "x", "e", NULL},
          {"Add", "e one=1", "o", NULL},
          {"Mul", "x o", "m", NULL},
          {"Mul", "m half=0.5", "y", NULL}},
         4},
        {{{"Mul", "x d=0.70710678", "v", NULL},
          {"Erf", "v", "e", NULL},
          {"Add", "e one=1", "o", NULL},
          {"Mul", "x o", "y", NULL}},
         4},
        {{{"ReduceMean", "x", "m", "axes=-1,"},
          {"Sub", "x m", "d", NULL},
          {"Pow", "d three=3", "p", NULL},
          {"ReduceMean", "p", "v", "axes=-1,"},
          {"Add", "v epsilon=0.1", "a", NULL},
          {"Sqrt", "a", "q", NULL},
          {"Div", "d q", "y", NULL}},
         7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_graph *graph = onnx_graph("1,6", cases[i].layers);
        cr_net *net = compile(graph, 1, NULL, 0, 0);
        assert_int_equal(cr_net_n_layers(net), cases[i].n_steps);
        cr_net_free(net);
        cr_graph_free(graph);
    }
}

static void forward_of_part_of_a_batch_is_that_of_the_whole(void **state)
{
    const network *n = *state;
    cr_graph *graph = onnx_graph(n->input, n->layers);
    cr_net *net = compile(graph, BATCH, NULL, 0, 0);
    size_t n_logits = BATCH * (size_t)cr_graph_n_classes(graph);
    cr_real *whole = calloc(n_logits, sizeof *whole);
    fill_input(graph, net, BATCH);
    cr_net_forward(net, BATCH);
    memcpy(whole, cr_net_logits(net), n_logits * sizeof *whole);
    fill_input(graph, net, BATCH);
    cr_net_forward(net, BATCH);
    assert_memory_equal(cr_net_logits(net), whole, n_logits * sizeof *whole);
    for (int part = 1; part < BATCH; part++) {
        fill_input(graph, net, BATCH);
        cr_net_forward(net, part);
        assert_close(cr_net_logits(net), whole, (size_t)part * n_logits / BATCH, 1e-5);
    }
    free(whole);
    cr_net_free(net);
    cr_graph_free(graph);
}

/* logit_k = sum_c w[c][k] mean_c(relu(conv)): at the Relu's output the gradient is w / (H W) also
 * where the Relu is 0, at its input it is 0 there. */
static void gradient_behind_a_relu_is_not_masked_and_before_it_is(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph("1,3,4,4", (onnx_layer[]){{"Conv", "x w:5,3,3,3 b:5", "c", NULL},
                                                           {"Relu", "c", "r", NULL},
                                                           {"GlobalAveragePool", "r", "g", NULL},
                                                           {"Conv", "g w2:7,5,1,1", "l", NULL},
                                                           {"Flatten", "l", "logits", NULL},
                                                           {0}});
    cr_net_target targets[] = {{cr_graph_find(graph, "r"), true, false, false, NULL},
                               {cr_graph_find(graph, "c"), true, false, false, NULL}};
    cr_head head = cr_graph_head(graph);
    float weights[7][5];
    assert_int_equal(head.kind, CR_HEAD_GAP_LINEAR);
    assert_int_equal(cr_graph_head_weights(graph, &head, weights[0], NULL), CR_OK);
    results both = run(graph, targets, 2), behind = run(graph, targets, 1);
    const cr_real *before = cr_net_activations(both.net, 1);
    int n_zero = 0;
    for (size_t i = 0; i < N_IMAGES * N_BACK * 4 * 5; i++) {
        size_t row = i / 20, channel = i % 5;
        cr_real want = weights[back_classes[row]][channel] / 4;
        cr_real x = before[row / N_BACK * 20 + i % 20];
        assert_true(fabsf(both.gradients[0][i] - want) < 1e-6f);
        assert_true(fabsf(behind.gradients[0][i] - want) < 1e-6f);
        assert_true(both.gradients[1][i] == (x > 0 ? both.gradients[0][i] : 0));
        n_zero += x <= 0;
    }
    assert_in_range(n_zero, 1, 119);
    results_free(&both);
    results_free(&behind);
    cr_graph_free(graph);
}

static void target_that_is_the_logits_has_the_unit_vectors_as_gradient(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph(
        "1,6", (onnx_layer[]){{"Gemm", "x w:6,5", "g", NULL}, {"Relu", "g", "logits", NULL}, {0}});
    cr_net_target targets[] = {{cr_graph_find(graph, "logits"), true, false, false, NULL},
                               {cr_graph_find(graph, "x"), true, false, false, NULL}};
    results r = run(graph, targets, 2);
    for (int i = 0; i < N_IMAGES * N_BACK * 5; i++)
        assert_true(r.gradients[0][i] == (i % 5 == back_classes[i / 5]));
    results_free(&r);
    cr_graph_free(graph);
}

static void softmax_at_the_end_is_cut(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph(
        "1,6",
        (onnx_layer[]){{"Gemm", "x w:6,5 b:5", "g", NULL}, {"Softmax", "g", "prob", NULL}, {0}});
    cr_graph *without = onnx_graph("1,6", (onnx_layer[]){{"Gemm", "x w:6,5 b:5", "g", NULL}, {0}});
    cr_net *net = compile(graph, 2, NULL, 0, 0), *other = compile(without, 2, NULL, 0, 0);
    fill_input(graph, net, 2);
    fill_input(graph, other, 2);
    cr_net_forward(net, 2);
    cr_net_forward(other, 2);
    assert_memory_equal(cr_net_logits(net), cr_net_logits(other), 10 * sizeof(cr_real));
    assert_false(cr_graph_reaches_logits(graph, cr_graph_find(graph, "prob")));
    cr_net_free(net);
    cr_net_free(other);
    cr_graph_free(graph);
    cr_graph_free(without);
}

/* Targets lie alone, and what a sum reads, what appears twice and what a clamp would change. */
static void concat_copies_only_what_its_producer_cannot_write_there(void **state)
{
    (void)state;
    static const struct {
        const char *network, *target, *in_place, *copies;
    } cases[] = {
        {"dense_block", "n1", "d0 d1 d2 d3 ", ""},
        {"dense_block", "d3", "d0 d1 d2 d3 ", ""},
        {"dense_block", "d1", "d0 d2 d3 ", "d1 "},
        {"dense_block", "r0", "", "d0 d1 d2 d3 "},
        {"parts_with_other_readers", "logits", "i ", "j t v "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char in_place[32] = "", copies[32] = "";
        const network *n = networks;
        while (strcmp(n->name, cases[i].network) != 0)
            n++;
        cr_graph *graph = onnx_graph(n->input, n->layers);
        cr_net_target target = {cr_graph_find(graph, cases[i].target), false, false, false, NULL};
        cr_net *net = compile(graph, BATCH, &target, 1, 0);
        for (int s = 0; s < cr_net_n_layers(net); s++) {
            cr_net_layer layer = cr_net_get_layer(net, s);
            char *list = layer.in_place ? in_place : copies;
            if (strcmp(layer.op, "Concat") == 0)
                strcat(strcat(list, layer.output), " ");
        }
        assert_string_equal(in_place, cases[i].in_place);
        assert_string_equal(copies, cases[i].copies);
        cr_net_free(net);
        cr_graph_free(graph);
    }
}

static void count_layer(void *count)
{
    ++*(int *)count;
}

static void net_beyond_the_limit_of_activations_is_refused(void **state)
{
    (void)state;
    /* Of 4 MB an image. */
    cr_graph *graph =
        onnx_graph("1,1,1000,1000", (onnx_layer[]){{"Add", "x x", "s", NULL},
                                                   {"GlobalAveragePool", "s", "g", NULL},
                                                   {"Flatten", "g", "logits", NULL},
                                                   {0}});
    cr_error err = {0};
    char expected[200];
    cr_net *net = compile(graph, 4, NULL, 0, 0);
    const int mb = (int)((cr_net_arena_bytes(net) + 999999) / 1000000);
    assert_true(mb >= 16);
    cr_net_free(net);
    assert_int_equal(cr_net_new(graph, 4, NULL, 0, 0, mb, &net, &err), CR_OK);
    cr_net_free(net);
    assert_int_equal(cr_net_new(graph, 4, NULL, 0, 0, mb - 1, &net, &err), CR_EINPUT);
    snprintf(expected, sizeof expected,
             "m: its activations take %d MB for 4 inputs at a time, more than the limit of %d MB "
             "(activations_mb)",
             mb, mb - 1);
    assert_string_equal(err.message, expected);
    assert_null(net);
    cr_graph_free(graph);
}

static void unused_branch_does_not_run_and_is_no_target(void **state)
{
    (void)state;
    cr_graph *graph = onnx_graph("1,3,4,4", (onnx_layer[]){{"Relu", "x", "r", NULL},
                                                           {"Conv", "r aux_w:9,3,3,3", "aux", NULL},
                                                           {"GlobalAveragePool", "r", "g", NULL},
                                                           {"Flatten", "g", "logits", NULL},
                                                           {"Softmax", "logits", "p", NULL},
                                                           {0}});
    cr_net_target target = {cr_graph_find(graph, "p"), false, false, false, NULL};
    cr_error err;
    cr_net *net;
    assert_int_equal(cr_graph_find(graph, "aux"), -1);
    assert_int_equal(cr_net_new(graph, 1, &target, 1, 0, INT_MAX, &net, &err), CR_EINPUT);
    assert_string_equal(err.message, "m: the logits do not depend on layer p");
    assert_null(net);
    int n_layers = 0;
    net = compile(graph, 1, NULL, 0, 0);
    assert_int_equal(cr_net_weight_bytes(net), 0);
    cr_net_on_layer(net, count_layer, &n_layers);
    fill_input(graph, net, 1);
    cr_net_forward(net, 1);
    assert_int_equal(n_layers, 2); /* the flatten moves nothing */
    assert_string_equal(cr_graph_value_name(graph, cr_graph_last_spatial(graph)), "r");
    cr_net_free(net);
    cr_graph_free(graph);
}

static cr_graph *two_convolutions(void)
{
    return onnx_graph("1,16,9,9",
                      (onnx_layer[]){{"Conv", "x w:16,16,3,3 b:16", "one", "pads=1,1,1,1"},
                                     {"Conv", "one w2:20,16,3,3 b2:20", "two", NULL},
                                     {"GlobalAveragePool", "two", "pooled", NULL},
                                     {"Flatten", "pooled", "logits", NULL},
                                     {0}});
}

static void convolutions_go_the_way_that_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *kernels[3];
        const char *one, *two;
    } cases[] = {
        {{"winograd"}, "winograd", "winograd"},
        {{"winograd", "gather"}, "gather", "gather"},
        {{"winograd", "direct@two"}, "winograd", "direct"},
        {{"gather", "direct@one"}, "direct", "gather"},
        {{"direct@one", "gather"}, "gather", "gather"},
        {{"winograd", "depthwise"}, "winograd", "winograd"}, /* fits neither */
    };
    enum { N_CASES = sizeof cases / sizeof cases[0] };
    uint64_t layouts[N_CASES];
    cr_real first[20];
    cr_error err;
    for (size_t i = 0; i < N_CASES; i++) {
        cr_graph *graph = two_convolutions();
        for (int k = 0; k < 3 && cases[i].kernels[k]; k++)
            assert_int_equal(cr_graph_use_kernel(graph, cases[i].kernels[k], &err), CR_OK);
        cr_net *net = compile(graph, 1, NULL, 0, 0);
        assert_string_equal(cr_net_get_layer(net, 0).conv->way->name, cases[i].one);
        assert_string_equal(cr_net_get_layer(net, 1).conv->way->name, cases[i].two);
        layouts[i] = cr_net_weight_layout(net);
        fill_input(graph, net, 1);
        cr_net_forward(net, 1);
        if (i == 0)
            memcpy(first, cr_net_logits(net), sizeof first);
        assert_close(cr_net_logits(net), first, 20, 1e-5);
        cr_net_free(net);
        cr_graph_free(graph);
    }
    /* Weights are shared between processes by this number: only the same plan has it. */
    for (size_t i = 0; i < N_CASES; i++)
        for (size_t j = 0; j < i; j++) {
            bool same =
                strcmp(cases[i].one, cases[j].one) == 0 && strcmp(cases[i].two, cases[j].two) == 0;
            assert_true((layouts[i] == layouts[j]) == same);
        }
}

enum { WIDTH = 512, N_GIVEN_WEIGHTS = 2 };

typedef struct taken {
    uint8_t *covered; /* [bytes of the block], counts */
    int n_given, fails_at;
} taken;

static cr_status take(void *user, size_t at, size_t n_bytes, cr_error *err)
{
    taken *t = user;
    for (size_t i = 0; i < n_bytes; i++)
        t->covered[at + i]++;
    return t->fails_at-- == 0 ? cr_fail(err, CR_EIO, "no more") : CR_OK;
}

static void spoil(void *user, const void *bytes, size_t n_bytes)
{
    ((taken *)user)->n_given++;
    memset((void *)(uintptr_t)bytes, 0xff, n_bytes);
}

/* The second matrix is that of two layers. */
static void weights_can_be_packed_while_those_of_the_model_go(void **state)
{
    (void)state;
    cr_real kept[WIDTH];
    for (int gives = 0; gives < 3; gives++) {
        cr_graph *graph =
            onnx_graph("1,3,2,2", (onnx_layer[]){{"Flatten", "x", "f0", NULL},
                                                 {"Gemm", "f0 w0:512,12 b:512", "f1", "transB=1"},
                                                 {"Gemm", "f1 w:512,512", "f2", "transB=1"},
                                                 {"Relu", "f2", "r", NULL},
                                                 {"Gemm", "r w", "f3", "transB=1"},
                                                 {"Gemm", "f3 v:512,512", "logits", "transB=1"},
                                                 {0}});
        cr_net *net;
        cr_error err;
        assert_int_equal(cr_net_new(graph, 1, NULL, 0, 0, INT_MAX, &net, &err), CR_OK);
        const size_t n_bytes = cr_net_weight_bytes(net);
        taken t = {calloc(n_bytes, 1), 0, gives == 2 ? 3 : -1};
        void *block = cr_alloc_aligned(n_bytes, 1);
        const cr_net_memory memory = {take, spoil, &t};
        assert_int_equal(cr_net_pack(net, block, gives ? &memory : NULL, &err),
                         gives == 2 ? CR_EIO : CR_OK);
        cr_net_use(net, block);
        onnx_give_arena(net);
        if (gives < 2) {
            fill_input(graph, net, 1);
            cr_net_forward(net, 1);
            if (gives == 0)
                memcpy(kept, cr_net_logits(net), sizeof kept);
            assert_memory_equal(kept, cr_net_logits(net), sizeof kept);
        }
        for (size_t i = 0; gives == 1 && i < n_bytes; i++)
            assert_true(t.covered[i] == 1 || (t.covered[i] == 0 && !((uint8_t *)block)[i]));
        assert_int_equal(t.n_given, gives == 1 ? N_GIVEN_WEIGHTS : 0);
        cr_net_free(net);
        cr_graph_free(graph);
        free(t.covered);
        free(block);
    }
}

static void kernel_that_does_not_exist_or_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kernel, *message;
    } cases[] = {
        {"fft", "no kernel of convolutions is named \"fft\": there are depthwise, grouped, "
                "winograd, direct, pointwise, gather"},
        {"", "no kernel of convolutions is named \"\": there are depthwise, grouped, winograd, "
             "direct, pointwise, gather"},
        {"gather@three", "no convolution is named \"three\""},
        {"gather@pooled", "no convolution is named \"pooled\""},
        {"gather@x", "no convolution is named \"x\""},
        {"gather@", "no convolution is named \"\""},
        {"pointwise@two", "the kernel pointwise does not fit the convolution \"two\""},
    };
    cr_graph *graph = two_convolutions();
    cr_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cr_graph_use_kernel(graph, cases[i].kernel, &err), CR_EINPUT);
        assert_string_equal(err.message, cases[i].message);
    }
    cr_graph_free(graph);
}

static void default_layer_is_the_last_spatial_that_is_no_pooling_and_no_move(void **state)
{
    (void)state;
    cr_graph *graph =
        onnx_graph("1,3,9,9", (onnx_layer[]){{"Conv", "x w:4,3,3,3", "c", NULL},
                                             {"Relu", "c", "r", NULL},
                                             {"Dropout", "r", "d", NULL},
                                             {"Pad", "d a#0,0,1,1,0,0,1,1", "p", NULL},
                                             {"MaxPool", "p", "m", "kernel_shape=2,2 strides=2,2"},
                                             {"Flatten", "m", "f", NULL},
                                             {"Gemm", "f w2:64,5", "logits", NULL},
                                             {0}});
    assert_string_equal(cr_graph_value_name(graph, cr_graph_last_spatial(graph)), "r");
    cr_graph_free(graph);
    graph = onnx_graph("1,7", (onnx_layer[]){{"Gemm", "x w:7,5", "logits", NULL}, {0}});
    assert_int_equal(cr_graph_last_spatial(graph), -1);
    cr_graph_free(graph);
}

static void find_knows_values_and_nodes_but_no_constants(void **state)
{
    (void)state;
    onnx_builder b;
    cr_graph *graph;
    cr_error err;
    onnx_begin(&b, 13, "1,7");
    char name[] = "fc";
    onnx_add(&b, "Gemm", "x w:7,5", "logits", NULL)->name = name;
    onnx_end(&b, "logits");
    assert_int_equal(onnx_load(&b, &graph, &err), CR_OK);
    assert_int_equal(cr_graph_find(graph, "fc"), cr_graph_find(graph, "logits"));
    assert_int_equal(cr_graph_find(graph, "w"), -1);
    assert_int_equal(cr_graph_find(graph, ""), -1);
    cr_graph_layer layer = cr_graph_get_layer(graph, 0);
    assert_string_equal(layer.op, "Gemm");
    assert_int_equal(layer.n_parameters, 35);
    assert_true(layer.flops == 70 && layer.map.height == 0);
    cr_graph_free(graph);
    onnx_fini(&b);
}

int main(void)
{
    enum { N = 2 * N_NETWORKS };
    static char names[N][96];
    static struct CMUnitTest cases[N];
    for (int i = 0; i < N; i++) {
        network *test = &networks[i % N_NETWORKS];
        bool part = i >= N_NETWORKS;
        snprintf(names[i], sizeof names[i], "%s_%s", test->name,
                 part ? "forward_of_part_of_a_batch_is_that_of_the_whole"
                      : "targets_change_neither_logits_nor_each_other");
        cases[i] = (struct CMUnitTest){names[i],
                                       part ? forward_of_part_of_a_batch_is_that_of_the_whole
                                            : targets_change_neither_logits_nor_each_other,
                                       NULL, NULL, test};
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_those_of_onnx),
        cmocka_unit_test(gradient_behind_a_relu_is_not_masked_and_before_it_is),
        cmocka_unit_test(target_that_is_the_logits_has_the_unit_vectors_as_gradient),
        cmocka_unit_test(softmax_at_the_end_is_cut),
        cmocka_unit_test(concat_copies_only_what_its_producer_cannot_write_there),
        cmocka_unit_test(net_beyond_the_limit_of_activations_is_refused),
        cmocka_unit_test(patterns_are_one_step_unless_a_value_between_is_wanted),
        cmocka_unit_test(near_misses_of_patterns_are_left_alone),
        cmocka_unit_test(unused_branch_does_not_run_and_is_no_target),
        cmocka_unit_test(convolutions_go_the_way_that_is_asked_for),
        cmocka_unit_test(weights_can_be_packed_while_those_of_the_model_go),
        cmocka_unit_test(kernel_that_does_not_exist_or_fit_is_refused),
        cmocka_unit_test(default_layer_is_the_last_spatial_that_is_no_pooling_and_no_move),
        cmocka_unit_test(find_knows_values_and_nodes_but_no_constants),
    };
    int failed = cmocka_run_group_tests_name("networks", cases, NULL, NULL);
    return failed + cmocka_run_group_tests_name("nn", tests, NULL, NULL);
}
