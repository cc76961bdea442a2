/* Backward of every operator against central finite differences of its forward, in double.
 *
 * Each case is a small network t = 1.25 x, ..., y, whose logits are all elements of y. Every
 * element of the Jacobian dy/dt is compared, from as many gradients an image as y has elements, two
 * images at a time. Inputs are a shuffled grid: no two values and no value and 0 are closer than
 * 0.005, so that a step of 2^-15 crosses no kink of a Relu or MaxPool. Behind random weights this
 * holds by a fixed seed.
 *
 * Tolerance 1e-8 of the largest element: rounding leaves 2^-53 / 2^-15 = 4e-12 times the size of
 * the sums in y, and a third derivative leaves (2^-15)^2 / 6 = 2e-10 of itself. */
#include "gradient_cases.h"

#include <limits.h>
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
    assert_in_range(cr_net_backward_images(net), 2, N_IMAGES);
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
    onnx_begin(&b, 17, test->input);
    onnx_add(&b, "Mul", "x scale=1.25", "t", NULL);
    onnx_add_layers(&b, test->layers);
    /* A sum, so that no operator is cut off as one that makes probabilities. */
    onnx_add(&b, "Add", "y y", "sum", NULL);
    onnx_add(&b, "Flatten", "sum", "logits", NULL);
    onnx_end(&b, "logits");
    if (onnx_load(&b, &graph, &err) != CR_OK)
        fail_msg("%s", err.message);
    size_t n_in = shape_size(cr_graph_input_shape(graph)), m = (size_t)cr_graph_n_classes(graph);
    cr_net_target target = {cr_graph_find(graph, "t"), true};
    assert_int_equal(cr_net_new(graph, 2 * (int)m + 1, &target, 1, (int)m, INT_MAX, &net, &err),
                     CR_OK);
    onnx_give_memory(net);

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
