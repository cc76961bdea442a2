/* Backward of every operator against central finite differences of its forward, and curvature against
 * those of backward, in double.
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

/* The network of a case. */
static cr_graph *load(const gradient_case *test, onnx_builder *b)
{
    cr_graph *graph;
    cr_error err = {0};
    onnx_begin(b, 17, test->input);
    onnx_add(b, "Mul", "x scale=1.25", "t", NULL);
    onnx_add_layers(b, test->layers);
    /* A sum, so that no operator is cut off as one that makes probabilities. */
    onnx_add(b, "Add", "y y", "sum", NULL);
    onnx_add(b, "Flatten", "sum", "logits", NULL);
    onnx_end(b, "logits");
    if (onnx_load(b, &graph, &err) != CR_OK)
        fail_msg("%s", err.message);
    return graph;
}

static void backward_is_the_jacobian_of_forward(void **state)
{
    onnx_builder b;
    cr_net *net;
    cr_error err = {0};
    cr_graph *graph = load(*state, &b);
    size_t n_in = shape_size(cr_graph_input_shape(graph)), m = (size_t)cr_graph_n_classes(graph);
    cr_net_target target = {cr_graph_find(graph, "t"), true, false, false, NULL};
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

/* The functions of the logits z that have a curvature: the second is their sum with random weights, the
 * first has the squares of the logits besides, whose second derivative is 1. */
enum { N_FUNCTIONS = 2 };

/* Their gradients at z [m], or, with `change` [m], how these change along it: [N_FUNCTIONS][m]. */
static void seed(const double *z, const double *change, size_t m, double *seeds)
{
    uint32_t random = 3;
    for (size_t j = 0; j < m; j++) {
        double weight = onnx_random(&random);
        seeds[j] = change ? change[j] : weight + z[j];
        seeds[m + j] = change ? 0 : weight;
    }
}

/* The gradients of the functions with respect to target 0 of N_IMAGES images x, [N_IMAGES][N_FUNCTIONS]
 * [n_in]. */
static void slopes(cr_net *net, const double *x, size_t n_in, size_t m, double *gradients)
{
    double *seeds = calloc(N_FUNCTIONS * m, sizeof *seeds);
    double *logits = calloc(N_IMAGES * m, sizeof *logits);
    run(net, x, n_in, m, logits);
    for (size_t i = 0; i < N_IMAGES; i++) {
        seed(logits + i * m, NULL, m, seeds);
        cr_net_backward_seeded(net, CR_RULE_PLAIN, (int)i, 1, seeds);
        memcpy(gradients + i * N_FUNCTIONS * n_in, cr_net_gradients(net, 0),
               N_FUNCTIONS * n_in * sizeof *gradients);
    }
    free(seeds);
    free(logits);
}

/* Of target t: [N_IMAGES][2][N_FUNCTIONS][n_in], the gradients and how they change. */
static void curvature(cr_net *net, int t, const double *x, size_t n_in, size_t m, double *products)
{
    double *seeds = calloc(2 * 2 * N_FUNCTIONS * m, sizeof *seeds);
    double *logits = calloc(N_IMAGES * m, sizeof *logits);
    run(net, x, n_in, m, logits);
    assert_int_equal(cr_net_backward_images(net), 2);
    for (int first = 0; first < N_IMAGES; first += 2) {
        const int n = N_IMAGES - first < 2 ? N_IMAGES - first : 2;
        const double *change = cr_net_tangent(net, t, first, n);
        for (int i = 0; i < n; i++) {
            const double *z = logits + (size_t)(first + i) * m;
            seed(z, NULL, m, seeds + (size_t)(2 * i) * N_FUNCTIONS * m);
            seed(z, change + (size_t)i * m, m, seeds + (size_t)(2 * i + 1) * N_FUNCTIONS * m);
        }
        cr_net_backward_curved(net, t, first, n, seeds);
        memcpy(products + (size_t)first * 2 * N_FUNCTIONS * n_in, cr_net_gradients(net, t),
               (size_t)n * 2 * N_FUNCTIONS * n_in * sizeof *products);
    }
    free(seeds);
    free(logits);
}

/* Along t itself a step is one of x in proportion. */
static void curvature_is_the_change_of_backward(void **state)
{
    onnx_builder b;
    cr_net *net;
    cr_error err = {0};
    cr_graph *graph = load(*state, &b);
    size_t n_in = shape_size(cr_graph_input_shape(graph)), m = (size_t)cr_graph_n_classes(graph);
    const size_t n_all = N_IMAGES * N_FUNCTIONS * n_in;
    assert_null(cr_graph_uncurved(graph, cr_graph_find(graph, "t")));
    const cr_net_target targets[] = {{cr_graph_find(graph, "t"), true, true, false, NULL},
                                     {cr_graph_find(graph, "x"), true, true, false, NULL}};
    double *x = calloc(N_IMAGES * n_in, sizeof *x), *moved = calloc(N_IMAGES * n_in, sizeof *x);
    double *plain = calloc(n_all, sizeof *x), *plus = calloc(n_all, sizeof *x);
    double *minus = calloc(n_all, sizeof *x), *products = calloc(2 * n_all, sizeof *x);
    double largest = 0, worst = 0;
    fill_input(N_IMAGES * n_in, x);
    for (int n_targets = 1; n_targets <= 2; n_targets++) {
        assert_int_equal(cr_net_new(graph, 2 * N_FUNCTIONS + 1, targets, n_targets, N_FUNCTIONS,
                                    INT_MAX, &net, &err),
                         CR_OK);
        onnx_give_memory(net);
        for (size_t i = 0; i < N_IMAGES * n_in; i++)
            moved[i] = x[i] * (1 + STEP);
        slopes(net, moved, n_in, m, plus);
        for (size_t i = 0; i < N_IMAGES * n_in; i++)
            moved[i] = x[i] * (1 - STEP);
        slopes(net, moved, n_in, m, minus);
        slopes(net, x, n_in, m, plain);
        for (int t = 0; t < n_targets; t++) {
            const double of_x = t == 0 ? 1 : SCALE; /* d/dx is SCALE d/dt, x d/dx is t d/dt */
            curvature(net, t, x, n_in, m, products);
            for (size_t i = 0; i < n_all; i++) {
                const size_t image = i / (N_FUNCTIONS * n_in), at = i % (N_FUNCTIONS * n_in);
                const double *of_image = products + 2 * image * N_FUNCTIONS * n_in;
                double numeric = of_x * (plus[i] - minus[i]) / (2 * STEP);
                largest = fmax(largest, fabs(numeric));
                worst = fmax(worst, fabs(numeric - of_image[N_FUNCTIONS * n_in + at]));
                assert_true(t > 0 || of_image[at] == plain[i]);
            }
        }
        cr_net_free(net);
    }
    assert_true(largest > 0.01);
    if (!(worst <= TOLERANCE * largest))
        fail_msg("off by %g of %g", worst, largest);
    free(x);
    free(moved);
    free(plain);
    free(plus);
    free(minus);
    free(products);
    cr_graph_free(graph);
    onnx_fini(&b);
}

/* Every case twice. */
int main(void)
{
    enum { N_CASES = sizeof cases / sizeof cases[0] };
    static const struct {
        const char *name;
        CMUnitTestFunction test;
    } of_case[] = {{"backward_is_the_jacobian_of_forward", backward_is_the_jacobian_of_forward},
                   {"curvature_is_the_change_of_backward", curvature_is_the_change_of_backward}};
    static struct CMUnitTest tests[2 * N_CASES];
    static char names[2 * N_CASES][96];
    for (size_t i = 0; i < 2 * N_CASES; i++) {
        snprintf(names[i], sizeof names[i], "%s_%s", cases[i / 2].name, of_case[i % 2].name);
        tests[i] = (struct CMUnitTest){names[i], of_case[i % 2].test, NULL, NULL, &cases[i / 2]};
    }
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
