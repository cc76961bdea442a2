/* Backward of every operator against central finite differences of its forward, in double.
 *
 * Each case is a small network t = 1.25 x, ..., y, whose logits are all elements of y. Every
 * element of the Jacobian dy/dt is compared, from as many gradients an image as y has elements, two
 * images at a time. Inputs are a shuffled grid: no two values and no value and 0 are closer than
 * 0.005, so that a step of 2^-15 crosses no kink of a Relu or MaxPool. Behind random weights this
 * holds by a fixed seed.
 *
 * Tolerance 1e-8 of the largest element: rounding leaves 2^-53 / 2^-15 = 4e-12 times the size of
 * the sums in y, and only Softmax has a third derivative, which leaves (2^-15)^2 / 6 = 2e-10. */
#include "onnx_builder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

_Static_assert(sizeof(cr_real) == sizeof(double), "compile with -DCR_REAL=double");

#define N_IMAGES 3
#define SCALE 1.25
#define STEP (1.0 / (1 << 15))
#define TOLERANCE 1e-8
#define MAX_LAYERS 8

typedef struct gradient_case {
    const char *name, *input;
    onnx_layer layers[MAX_LAYERS]; /* from "t" to "y" */
} gradient_case;

static gradient_case cases[] = {
    {"conv_3x3", "1,2,4,5", {{"Conv", "t w:3,2,3,3 b:3", "y", NULL}}},
    {"conv_without_bias", "1,2,4,5", {{"Conv", "t w:3,2,2,3", "y", NULL}}},
    {"conv_strided_with_asymmetric_pads",
     "1,2,5,6",
     {{"Conv", "t w:3,2,3,3 b:3", "y", "strides=2,3 pads=0,1,2,2"}}},
    {"conv_same_upper",
     "1,2,5,6",
     {{"Conv", "t w:2,2,3,2", "y", "strides=2,2 auto_pad=SAME_UPPER"}}},
    {"conv_same_lower", "1,2,5,6", {{"Conv", "t w:2,2,3,2", "y", "auto_pad=SAME_LOWER"}}},
    {"conv_dilated", "1,2,6,7", {{"Conv", "t w:2,2,3,2", "y", "dilations=2,3 pads=1,2,1,0"}}},
    {"conv_grouped", "1,4,4,4", {{"Conv", "t w:6,2,3,3 b:6", "y", "group=2 pads=1,1,1,1"}}},
    {"conv_depthwise", "1,3,5,4", {{"Conv", "t w:3,1,3,3 b:3", "y", "group=3 pads=1,1,1,1"}}},
    {"conv_depthwise_strided_dilated",
     "1,3,6,7",
     {{"Conv", "t w:3,1,2,3 b:3", "y", "group=3 strides=2,1 dilations=1,2 pads=0,1,1,2"}}},
    {"conv_depthwise_with_two_outputs_a_channel",
     "1,3,4,4",
     {{"Conv", "t w:6,1,3,3 b:6", "y", "group=3 pads=0,0,1,1"}}},
    {"conv_pointwise", "1,3,4,5", {{"Conv", "t w:4,3,1,1 b:4", "y", NULL}}},
    {"conv_pointwise_strided", "1,3,5,5", {{"Conv", "t w:4,3,1,1", "y", "strides=2,2"}}},
    {"conv_pointwise_padded", "1,3,3,4", {{"Conv", "t w:4,3,1,1 b:4", "y", "pads=1,1,1,1"}}},
    {"gemm", "1,7", {{"Gemm", "t w:7,5 b:5", "y", NULL}}},
    {"gemm_transposed_and_scaled",
     "1,7",
     {{"Gemm", "t w:5,7 b:1,5", "y", "transB=1 alpha=0.75 beta=2.5"}}},
    {"matmul", "1,7", {{"MatMul", "t w:7,5", "y", NULL}}},
    {"relu", "1,3,4,5", {{"Relu", "t", "y", NULL}}},
    {"clip_by_inputs", "1,3,4,5", {{"Clip", "t lo=-0.3 hi=0.4", "y", NULL}}},
    {"clip_with_one_bound", "1,3,4,5", {{"Clip", "t - hi=0.4", "y", NULL}}},
    {"max_pool", "1,3,4,6", {{"MaxPool", "t", "y", "kernel_shape=2,2 strides=2,2"}}},
    {"max_pool_overlapping_with_pads",
     "1,2,5,6",
     {{"MaxPool", "t", "y", "kernel_shape=3,3 strides=2,1 pads=1,0,1,1"}}},
    {"max_pool_ceil",
     "1,2,6,6",
     {{"MaxPool", "t", "y", "kernel_shape=3,3 strides=2,2 ceil_mode=1"}}},
    {"max_pool_dilated", "1,2,6,7", {{"MaxPool", "t", "y", "kernel_shape=2,3 dilations=3,2"}}},
    {"average_pool",
     "1,3,5,6",
     {{"AveragePool", "t", "y", "kernel_shape=3,2 strides=2,2 pads=1,0,1,1"}}},
    {"average_pool_counting_pads",
     "1,3,5,6",
     {{"AveragePool", "t", "y", "kernel_shape=3,2 strides=2,2 pads=1,0,1,1 count_include_pad=1"}}},
    {"average_pool_ceil",
     "1,2,6,6",
     {{"AveragePool", "t", "y", "kernel_shape=3,3 strides=2,2 ceil_mode=1"}}},
    {"average_pool_ceil_counting_pads",
     "1,2,6,6",
     {{"AveragePool", "t", "y",
       "kernel_shape=3,3 strides=2,2 pads=1,1,1,1 ceil_mode=1 count_include_pad=1"}}},
    {"global_average_pool", "1,5,3,4", {{"GlobalAveragePool", "t", "y", NULL}}},
    {"global_max_pool", "1,5,3,4", {{"GlobalMaxPool", "t", "y", NULL}}},
    {"reduce_mean", "1,5,3,4", {{"ReduceMean", "t", "y", "axes=2,3"}}},
    {"reduce_mean_dropping_dims", "1,5,3,4", {{"ReduceMean", "t", "y", "axes=-1,-2 keepdims=0"}}},
    {"batch_normalization",
     "1,4,3,3",
     {{"BatchNormalization", "t g:4 b:4 m:4 v+4", "y", "epsilon=0.01"}}},
    {"add_of_two", "1,3,2,4", {{"Relu", "t", "r", NULL}, {"Add", "t r", "y", NULL}}},
    {"add_to_itself", "1,3,2,4", {{"Add", "t t", "y", NULL}}},
    {"add_per_channel",
     "1,3,2,4",
     {{"GlobalAveragePool", "t", "g", NULL}, {"Add", "t g", "y", NULL}}},
    {"add_per_channel_first",
     "1,3,2,4",
     {{"GlobalAveragePool", "t", "g", NULL}, {"Add", "g t", "y", NULL}}},
    {"add_constant", "1,3,2,4", {{"Add", "t c:3,1,1", "y", NULL}}},
    {"mul_of_two", "1,3,2,4", {{"Relu", "t", "r", NULL}, {"Mul", "t r", "y", NULL}}},
    {"mul_by_itself", "1,3,2,4", {{"Mul", "t t", "y", NULL}}},
    {"mul_per_channel",
     "1,3,2,4",
     {{"GlobalAveragePool", "t", "g", NULL}, {"Mul", "t g", "y", NULL}}},
    {"mul_per_channel_first",
     "1,3,2,4",
     {{"GlobalMaxPool", "t", "g", NULL}, {"Mul", "g t", "y", NULL}}},
    {"mul_by_constant", "1,3,2,4", {{"Mul", "c:1,3,1,1 t", "y", NULL}}},
    {"mul_by_scalar", "1,3,2,4", {{"Mul", "t c=-0.7", "y", NULL}}},
    {"concat",
     "1,3,2,4",
     {{"Conv", "t w:2,3,1,1", "a", NULL},
      {"Relu", "t", "r", NULL},
      {"Concat", "a t r t", "y", "axis=1"}}},
    {"concat_of_vectors",
     "1,6",
     {{"Gemm", "t w:6,3", "a", NULL}, {"Concat", "t a", "y", "axis=-1"}}},
    {"flatten", "1,3,2,4", {{"Flatten", "t", "y", NULL}}},
    {"reshape", "1,3,2,4", {{"Reshape", "t s#0,2,-1,3", "y", NULL}}},
    {"reshape_to_three_dims",
     "1,3,2,4",
     {{"Reshape", "t s#1,4,6", "r", NULL}, {"Relu", "r", "y", NULL}}},
    {"pad_constant", "1,2,3,4", {{"Pad", "t p#0,0,1,0,0,0,2,1 v=0.5", "y", NULL}}},
    {"pad_cropping", "1,2,4,5", {{"Pad", "t p#0,0,-1,2,0,0,1,-2", "y", NULL}}},
    {"pad_reflect", "1,2,4,5", {{"Pad", "t p#0,0,2,3,0,0,1,2", "y", "mode=reflect"}}},
    {"pad_edge", "1,2,3,4", {{"Pad", "t p#0,0,2,1,0,0,1,3", "y", "mode=edge"}}},
    {"softmax", "1,7", {{"Softmax", "t", "s", NULL}, {"Gemm", "s w:7,4", "y", NULL}}},
    {"softmax_over_channels",
     "1,4,2,3",
     {{"Softmax", "t", "s", "axis=1"}, {"Conv", "s w:3,4,2,1", "y", NULL}}},
    {"dropout_and_identity",
     "1,3,2,4",
     {{"Dropout", "t ratio=0.5", "d", NULL},
      {"Identity", "d", "i", NULL},
      {"Relu", "i", "y", NULL}}},
    {"conv_bn_relu_fused",
     "1,2,4,4",
     {{"Conv", "t w:3,2,3,3 b:3", "c", "pads=1,1,1,1"},
      {"BatchNormalization", "c g:3 b2:3 m:3 v+3", "n", NULL},
      {"Mul", "n k:3,1,1", "s", NULL},
      {"Relu", "s", "y", NULL}}},
    {"pool_relu_fused",
     "1,2,4,4",
     {{"MaxPool", "t", "m", "kernel_shape=2,2"}, {"Clip", "m a=-0.2 b=0.6", "y", NULL}}},
    {"flatten_and_fully_connected",
     "1,3,2,4",
     {{"Flatten", "t", "f", NULL},
      {"Gemm", "f w:24,6 b:6", "h", NULL},
      {"Relu", "h", "r", NULL},
      {"Gemm", "r w2:4,6", "y", "transB=1"}}},
    {"residual_block",
     "1,3,4,4",
     {{"Conv", "t w1:3,3,3,3", "c1", "pads=1,1,1,1"},
      {"Relu", "c1", "r1", NULL},
      {"Conv", "r1 w2:3,3,3,3 b2:3", "c2", "pads=1,1,1,1"},
      {"Add", "c2 t", "a", NULL},
      {"Relu", "a", "y", NULL}}},
    {"inception_block",
     "1,3,4,4",
     {{"Conv", "t w1:2,3,1,1", "c1", NULL},
      {"Relu", "c1", "a", NULL},
      {"Conv", "t w2:2,3,3,3", "c2", "pads=1,1,1,1"},
      {"MaxPool", "t", "p", "kernel_shape=3,3 pads=1,1,1,1"},
      {"Conv", "p w3:1,3,1,1", "c3", NULL},
      {"Concat", "a c2 c3", "c", "axis=1"},
      {"Relu", "c", "y", NULL}}},
    {"gated_block",
     "1,3,4,4",
     {{"GlobalAveragePool", "t", "g", NULL},
      {"Conv", "g w1:2,3,1,1 b1:2", "s", NULL},
      {"Relu", "s", "r", NULL},
      {"Conv", "r w2:3,2,1,1 b2:3", "e", NULL},
      {"Clip", "e lo=0 hi=1", "h", NULL},
      {"Mul", "t h", "y", NULL}}},
    {"dense_block",
     "1,2,3,3",
     {{"Conv", "t w1:2,2,3,3", "c1", "pads=1,1,1,1"},
      {"Concat", "t c1", "d1", "axis=1"},
      {"BatchNormalization", "d1 g:4 b:4 m:4 v+4", "n", NULL},
      {"Relu", "n", "r", NULL},
      {"Conv", "r w2:2,4,1,1", "c2", NULL},
      {"Concat", "d1 c2", "y", "axis=1"}}},
};

/* Distinct odd multiples of 0.0051, shuffled, within about [-1, 1] for 400 values. */
static void fill_input(size_t n, double *x)
{
    uint32_t seed = 7;
    for (size_t i = 0; i < n; i++)
        x[i] = 0.0051 * (2 * (double)i - (double)n + (n % 2 ? 0 : 1)) * (n > 100 ? 1 : 3);
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = (size_t)((onnx_random(&seed) + 1) / 2 * (double)(i + 1));
        double swap = x[i];
        x[i] = x[j];
        x[j] = swap;
    }
}

static size_t shape_size(cr_shape shape)
{
    size_t n = 1;
    for (int i = 0; i < shape.n_dims; i++)
        n *= (size_t)shape.dims[i];
    return n;
}

/* logits [N_IMAGES][m] of x [N_IMAGES][n_in]. */
static void run(cr_net *net, const double *x, size_t n_in, size_t m, double *logits)
{
    memcpy(cr_net_input(net), x, N_IMAGES * n_in * sizeof *x);
    cr_net_forward(net, N_IMAGES);
    memcpy(logits, cr_net_logits(net), N_IMAGES * m * sizeof *logits);
}

/* Jacobian [N_IMAGES][m][n_in] by backward passes over two images, then one. */
static void backward(cr_net *net, size_t n_in, size_t m, double *jacobian)
{
    int32_t *classes = calloc(2 * m, sizeof *classes);
    for (size_t i = 0; i < 2 * m; i++)
        classes[i] = (int32_t)(i % m);
    assert_int_equal(cr_net_backward_images(net), 2);
    for (int first = 0; first < N_IMAGES; first += 2) {
        int n = N_IMAGES - first < 2 ? N_IMAGES - first : 2;
        cr_net_backward(net, first, n, classes);
        memcpy(jacobian + (size_t)first * m * n_in, cr_net_gradients(net, 0),
               (size_t)n * m * n_in * sizeof *jacobian);
    }
    free(classes);
}

static void backward_is_the_jacobian_of_forward(void **state)
{
    const gradient_case *test = *state;
    onnx_builder b;
    cr_graph *graph;
    cr_net *net;
    cr_error err = {0};
    onnx_begin(&b, 13, test->input);
    onnx_add(&b, "Mul", "x scale=1.25", "t", NULL);
    onnx_add_layers(&b, test->layers);
    onnx_add(&b, "Flatten", "y", "logits", NULL);
    onnx_end(&b, "logits");
    if (onnx_load(&b, &graph, &err) != CR_OK)
        fail_msg("%s", err.message);
    size_t n_in = shape_size(cr_graph_input_shape(graph)), m = (size_t)cr_graph_n_classes(graph);
    cr_net_target target = {cr_graph_find(graph, "t"), true};
    assert_int_equal(cr_net_new(graph, 2 * (int)m + 1, &target, 1, (int)m, &net, &err), CR_OK);

    double *x = calloc(N_IMAGES * n_in, sizeof *x);
    double *plus = calloc(N_IMAGES * m, sizeof *plus), *minus = calloc(N_IMAGES * m, sizeof *minus);
    double *jacobian = calloc(N_IMAGES * m * n_in, sizeof *jacobian);
    fill_input(N_IMAGES * n_in, x);
    run(net, x, n_in, m, plus);
    backward(net, n_in, m, jacobian);
    double largest = 0, worst = 0;
    for (size_t i = 0; i < n_in; i++) {
        for (int sign = 1; sign >= -1; sign -= 2) {
            for (size_t b_i = 0; b_i < N_IMAGES; b_i++)
                x[b_i * n_in + i] += sign * STEP;
            run(net, x, n_in, m, sign > 0 ? plus : minus);
            for (size_t b_i = 0; b_i < N_IMAGES; b_i++)
                x[b_i * n_in + i] -= sign * STEP;
        }
        for (size_t j = 0; j < N_IMAGES * m; j++) {
            double numeric = (plus[j] - minus[j]) / (2 * STEP) / SCALE;
            largest = fmax(largest, fabs(numeric));
            worst = fmax(worst, fabs(numeric - jacobian[j * n_in + i]));
        }
    }
    assert_true(largest > 0.01);
    if (!(worst <= TOLERANCE * largest))
        fail_msg("off by %g of %g", worst, largest);
    free(x);
    free(plus);
    free(minus);
    free(jacobian);
    cr_net_free(net);
    cr_graph_free(graph);
    onnx_fini(&b);
}

int main(void)
{
    enum { N_CASES = sizeof cases / sizeof cases[0] };
    static struct CMUnitTest tests[N_CASES];
    static char names[N_CASES][96];
    for (size_t i = 0; i < N_CASES; i++) {
        snprintf(names[i], sizeof names[i], "%s_backward_is_the_jacobian_of_forward",
                 cases[i].name);
        tests[i] = (struct CMUnitTest){names[i], backward_is_the_jacobian_of_forward, NULL, NULL,
                                       &cases[i]};
    }
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
