/* Kernels on single values and on rows against naive ones written here, in double. Letters as in
 * kernels.h. Gradients are compared with the derivative written down; that this is the derivative of
 * what runs forward is test_gradients.c's business. */
#include "naive.h"

#include <stdio.h>
#include <string.h>

enum { N = 2, M = 3, ROWS = 5, C = 19, SIZE = ROWS * C };

static double naive_binary(cr_binary_op op, double a, double b)
{
    return op == CR_ADD ? a + b : op == CR_SUB ? a - b : op == CR_MUL ? a * b : a / b;
}

static double naive_da(cr_binary_op op, double b)
{
    return op == CR_MUL ? b : op == CR_DIV ? 1 / b : 1;
}

static double naive_db(cr_binary_op op, double a, double b)
{
    return op == CR_ADD ? 1 : op == CR_SUB ? -1 : op == CR_MUL ? a : -a / (b * b);
}

static void check_binary(cr_binary_op op, cr_spread spread)
{
    const cr_binary p = {op, spread, ROWS, C};
    size_t b_size = spread == CR_SPREAD_NONE ? SIZE : spread == CR_SPREAD_ROWS ? C : ROWS;
    float *a = randoms(N * SIZE, 1), *b = randoms(N * b_size, 2), *y = zeros(N * SIZE, sizeof *y);
    float *dy = randoms(N * M * SIZE, 3), *da = randoms(N * M * SIZE, 4);
    float *db = randoms(N * M * b_size, 5);
    reference *want_y = zeros(N * SIZE, sizeof *want_y);
    reference *want_da = zeros(N * M * SIZE, sizeof *want_da);
    reference *want_db = zeros(N * M * b_size, sizeof *want_db);
    for (size_t i = 0; i < N * b_size; i++)
        b[i] += b[i] < 0 ? -0.5f : 0.5f; /* a divisor */
    for (size_t i = 0; i < N * M * SIZE; i++)
        add_term(&want_da[i], (double)da[i]); /* backward adds */
    for (size_t i = 0; i < N * M * b_size; i++)
        add_term(&want_db[i], (double)db[i]);
    for (size_t m = 0; m < N * M; m++)
        for (size_t i = 0; i < SIZE; i++) {
            size_t of_b = spread == CR_SPREAD_NONE ? i : spread == CR_SPREAD_ROWS ? i % C : i / C;
            double at_a = (double)a[m / M * SIZE + i], at_b = (double)b[m / M * b_size + of_b];
            double gradient = (double)dy[m * SIZE + i];
            if (m % M == 0)
                add_term(&want_y[m / M * SIZE + i], naive_binary(op, at_a, at_b));
            add_term(&want_da[m * SIZE + i], gradient * naive_da(op, at_b));
            add_term(&want_db[m * b_size + of_b], gradient * naive_db(op, at_a, at_b));
        }
    cr_binary_forward(&p, N, a, b, y);
    assert_near(y, want_y, N * SIZE, 1);
    for (int over_b = 0; over_b < (spread == CR_SPREAD_NONE ? 2 : 1); over_b++) {
        float *in_place = zeros(N * SIZE, sizeof *in_place);
        memcpy(in_place, over_b ? b : a, N * SIZE * sizeof *in_place);
        cr_binary_forward(&p, N, over_b ? a : in_place, over_b ? in_place : b, in_place);
        assert_memory_equal(in_place, y, N * SIZE * sizeof *y);
    }
    cr_binary_backward(&p, N, M, a, b, dy, da, db);
    assert_near(da, want_da, N * M * SIZE, 3);
    assert_near(db, want_db, N * M * b_size, C + 3);

    /* A gradient that nobody wants is not touched, and does not change the other one. */
    float *da_alone = randoms(N * M * SIZE, 4), *db_alone = randoms(N * M * b_size, 5);
    cr_binary_backward(&p, N, M, a, b, dy, da_alone, NULL);
    cr_binary_backward(&p, N, M, a, b, dy, NULL, db_alone);
    assert_memory_equal(da_alone, da, N * M * SIZE * sizeof *da);
    assert_memory_equal(db_alone, db, N * M * b_size * sizeof *db);
}

static void binary_kernels_match_naive_ones(void **state)
{
    for (cr_binary_op op = CR_ADD; op <= CR_DIV; op++)
        for (cr_spread spread = CR_SPREAD_NONE; spread <= CR_SPREAD_CHANNELS; spread++) {
            check_binary(op, spread);
            free_blocks(state);
        }
}

static double clamp01(double x)
{
    return fmin(fmax(x, 0), 1);
}

static double naive_unary(const cr_unary *p, double x)
{
    double alpha = (double)p->alpha, beta = (double)p->beta;
    switch (p->op) {
    case CR_SIGMOID:
        return 1 / (1 + exp(-x));
    case CR_HARD_SIGMOID:
        return clamp01(alpha * x + beta);
    case CR_HARD_SWISH:
        return x * clamp01((x + 3) / 6);
    case CR_ERF:
        return erf(x);
    case CR_SQRT:
        return sqrt(x);
    case CR_POW:
        return pow(x, alpha);
    case CR_SILU:
        return x / (1 + exp(-x));
    case CR_GELU:
        return x * erfc(-x / sqrt(2)) / 2;
    }
    return NAN;
}

/* None of these has a kink or a pole near the values used. */
static double naive_slope(const cr_unary *p, double x)
{
    double h = 1e-4;
    return (naive_unary(p, x + h) - naive_unary(p, x - h)) / (2 * h);
}

static void unary_kernels_match_naive_ones(void **state)
{
    (void)state;
    static const struct {
        cr_unary p;
        float scale, shift;
    } cases[] = {
        {{CR_SIGMOID, 0, 0, SIZE}, 10, 0},   {{CR_HARD_SIGMOID, 0.3f, 0.4f, SIZE}, 5, 0},
        {{CR_HARD_SWISH, 0, 0, SIZE}, 5, 0}, {{CR_ERF, 0, 0, SIZE}, 3, 0},
        {{CR_SQRT, 0, 0, SIZE}, 1, 1.5f},    {{CR_POW, 2, 0, SIZE}, 3, 0},
        {{CR_POW, 3, 0, SIZE}, 2, 0},        {{CR_POW, 0.5f, 0, SIZE}, 1, 1.5f},
        {{CR_POW, -1, 0, SIZE}, 1, 1.5f},    {{CR_POW, 0, 0, SIZE}, 1, 0},
        {{CR_SILU, 0, 0, SIZE}, 10, 0},      {{CR_GELU, 0, 0, SIZE}, 5, 0},
    };
    for (size_t t = 0; t < sizeof cases / sizeof cases[0]; t++) {
        const cr_unary *p = &cases[t].p;
        float x[N * SIZE], y[N * SIZE], in_place[N * SIZE], *random = randoms(N * SIZE, 1);
        float *dy = randoms(N * M * SIZE, 2), *dx = randoms(N * M * SIZE, 3);
        float *before = randoms(N * M * SIZE, 3);
        for (size_t i = 0; i < N * SIZE; i++)
            x[i] = random[i] * cases[t].scale + cases[t].shift;
        cr_unary_forward(p, N, x, y);
        cr_unary_backward(p, N, M, x, y, dy, dx);
        for (size_t i = 0; i < N * SIZE; i++) {
            /* Argument and result are rounded, the library's own functions are good to 2 ulp. */
            double want = naive_unary(p, (double)x[i]);
            double slack = 8 * EPSILON * (fabs(want) + (double)cases[t].scale);
            if (!(fabs((double)y[i] - want) <= slack))
                fail_msg("case %zu at %g: %g, not %g", t, (double)x[i], (double)y[i], want);
        }
        memcpy(in_place, x, sizeof x);
        cr_unary_forward(p, N, in_place, in_place);
        assert_memory_equal(in_place, y, sizeof y);
        for (size_t i = 0; i < N * M * SIZE; i++) {
            double at = (double)x[i / (M * SIZE) * SIZE + i % SIZE];
            double want = (double)before[i] + (double)dy[i] * naive_slope(p, at);
            /* the difference quotient has an error of h^2 = 1e-8 times the third derivative */
            if (!(fabs((double)dx[i] - want) <= 2e-6 * (1 + fabs(want))))
                fail_msg("case %zu, slope at %g: %g, not %g", t, at, (double)dx[i], want);
        }
    }
}

static void unary_kernels_keep_nan_and_saturate(void **state)
{
    (void)state;
    static const struct {
        cr_unary p;
        float least, most; /* at -infinity and at infinity */
    } cases[] = {{{CR_SIGMOID, 0, 0, 3}, 0, 1},
                 {{CR_HARD_SIGMOID, 0.2f, 0.5f, 3}, 0, 1},
                 {{CR_ERF, 0, 0, 3}, -1, 1},
                 {{CR_POW, 2, 0, 3}, INFINITY, INFINITY}};
    for (size_t t = 0; t < sizeof cases / sizeof cases[0]; t++) {
        float x[] = {-INFINITY, INFINITY, NAN}, y[3];
        cr_unary_forward(&cases[t].p, 1, x, y);
        assert_true(y[0] == cases[t].least && y[1] == cases[t].most && isnan(y[2]));
    }
}

/* The slopes that PyTorch takes where there are two. */
static void hard_functions_take_their_slope_at_a_kink_from_pytorch(void **state)
{
    (void)state;
    float x[] = {-3, 3}, y[2], dy[] = {1, 1}, swish[2] = {0}, sigmoid[2] = {0};
    const cr_unary hard_swish = {CR_HARD_SWISH, 0, 0, 2};
    const cr_unary hard_sigmoid = {CR_HARD_SIGMOID, 0.25f, 0.5f, 2};
    cr_unary_forward(&hard_swish, 1, x, y);
    cr_unary_backward(&hard_swish, 1, 1, x, y, dy, swish);
    assert_true(swish[0] == -0.5f && swish[1] == 1.5f);
    x[0] = -2, x[1] = 2;
    cr_unary_forward(&hard_sigmoid, 1, x, y);
    cr_unary_backward(&hard_sigmoid, 1, 1, x, y, dy, sigmoid);
    assert_true(sigmoid[0] == 0 && sigmoid[1] == 0);
}

static void row_mean_matches_a_naive_one(void **state)
{
    (void)state;
    float *x = randoms(SIZE, 1), *dy = randoms(ROWS, 2), *dx = randoms(SIZE, 3), y[ROWS];
    reference want[ROWS] = {0}, want_dx[SIZE] = {0};
    for (size_t i = 0; i < SIZE; i++) {
        add_term(&want[i / C], (double)x[i] / C);
        add_term(&want_dx[i], (double)dx[i]);
        add_term(&want_dx[i], (double)dy[i / C] / C);
    }
    cr_row_mean_forward(ROWS, C, x, y);
    assert_near(y, want, ROWS, C);
    cr_row_mean_backward(ROWS, C, dy, dx);
    assert_near(dx, want_dx, SIZE, 2);
}

/* y of one row; the mean and variance are those of the whole row. */
static void naive_layer_norm(const double *x, const float *scale, const float *shift, double *y)
{
    double mean = 0, variance = 0;
    for (int k = 0; k < C; k++)
        mean += x[k] / C;
    for (int k = 0; k < C; k++)
        variance += (x[k] - mean) * (x[k] - mean) / C;
    for (int k = 0; k < C; k++)
        y[k] = (x[k] - mean) / sqrt(variance + 0.25) * (double)scale[k] + (double)shift[k];
}

static void layer_norm_matches_a_naive_one(void **state)
{
    (void)state;
    float *x = randoms(N * SIZE, 1), *scale = randoms(C, 2), *shift = randoms(C, 3);
    float *dy = randoms(N * M * SIZE, 4), *dx = randoms(N * M * SIZE, 5), y[N * SIZE];
    float *before = randoms(N * M * SIZE, 5);
    cr_layer_norm_forward(N * ROWS, C, 0.25f, x, scale, shift, y);
    float *in_place = randoms(N * SIZE, 1);
    cr_layer_norm_forward(N * ROWS, C, 0.25f, in_place, scale, shift, in_place);
    assert_memory_equal(in_place, y, N * SIZE * sizeof *y);
    cr_layer_norm_backward(N, M, ROWS, C, 0.25f, x, scale, dy, dx);
    for (size_t row = 0; row < N * ROWS; row++) {
        double at[C], want[C], plus[C], minus[C], h = 1e-4;
        for (size_t k = 0; k < C; k++)
            at[k] = (double)x[row * C + k];
        naive_layer_norm(at, scale, shift, want);
        /* values of size 1, and some C roundings */
        for (size_t k = 0; k < C; k++)
            assert_true(fabs((double)y[row * C + k] - want[k]) <= 4 * C * EPSILON);
        for (size_t j = 0; j < C; j++) {
            double x_j = at[j];
            at[j] = x_j + h;
            naive_layer_norm(at, scale, shift, plus);
            at[j] = x_j - h;
            naive_layer_norm(at, scale, shift, minus);
            at[j] = x_j;
            for (size_t m = 0; m < M; m++) {
                size_t back = (row / ROWS * M + m) * SIZE + row % ROWS * C;
                double sum = (double)before[back + j];
                for (size_t k = 0; k < C; k++)
                    sum += (double)dy[back + k] * (plus[k] - minus[k]) / (2 * h);
                assert_true(fabs((double)dx[back + j] - sum) <= 1e-5);
            }
        }
    }
}

static void gather_fills_where_there_is_no_source(void **state)
{
    (void)state;
    int index[] = {2, -1, 0, 2};
    float x[] = {1, 2, 3, 4, 5, 6}, y[8], want_y[] = {3, 9, 1, 3, 6, 9, 4, 6};
    float dx[6] = {1, 1, 1, 1, 1, 1}, want_dx[] = {4, 1, 6, 8, 1, 14};
    float dy[] = {1, 2, 3, 4, 5, 6, 7, 8};
    cr_gather_forward(2, 3, 4, 1, index, 9, x, y);
    assert_memory_equal(y, want_y, sizeof want_y);
    cr_gather_backward(2, 3, 4, 1, index, dy, dx);
    assert_memory_equal(dx, want_dx, sizeof want_dx);
}

/* Runs of five, one of them filled, two from the same place. */
static void gather_of_runs_matches_one_of_single_values(void **state)
{
    (void)state;
    enum { RUN = 5, N_OUT = 4 * RUN, N_IN = 13 };
    const int first[] = {7, -1, 0, 7};
    int index[N_OUT];
    float *x = randoms(2 * N_IN, 1), *dy = randoms(2 * N_OUT, 2), y[2 * N_OUT], want_y[2 * N_OUT];
    float dx[2 * N_IN] = {0}, want_dx[2 * N_IN] = {0};
    for (int i = 0; i < N_OUT; i++)
        index[i] = first[i / RUN] < 0 ? -1 : first[i / RUN] + i % RUN;
    cr_gather_forward(2, N_IN, N_OUT, 1, index, 9, x, want_y);
    cr_gather_forward(2, N_IN, N_OUT, RUN, index, 9, x, y);
    assert_memory_equal(y, want_y, sizeof want_y);
    cr_gather_backward(2, N_IN, N_OUT, 1, index, dy, want_dx);
    cr_gather_backward(2, N_IN, N_OUT, RUN, index, dy, dx);
    assert_memory_equal(dx, want_dx, sizeof want_dx);
}

static void softmax_of_a_masked_value_is_zero(void **state)
{
    (void)state;
    float x[] = {1, -INFINITY, 1, -INFINITY}, want[] = {0.5, 0, 0.5, 0}, y[4];
    cr_softmax_forward(1, 4, x, y);
    assert_memory_equal(y, want, sizeof want);
}

static void softmax_of_a_nan_is_nan(void **state)
{
    (void)state;
    for (int at = 0; at < 19; at++) {
        float x[19] = {0}, y[19];
        x[at] = NAN;
        cr_softmax_forward(1, 19, x, y);
        for (int k = 0; k < 19; k++)
            assert_true(isnan(y[k]));
    }
}

static void softmax_of_large_values_matches_a_naive_one(void **state)
{
    (void)state;
    float *x = randoms(ROWS * C, 1), y[ROWS * C];
    for (int i = 0; i < ROWS * C; i++)
        x[i] = x[i] * 20 + 1000; /* exp(1000) overflows: the largest must be taken off first */
    cr_softmax_forward(ROWS, C, x, y);
    for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        for (int k = 0; k < C; k++)
            sum += exp((double)x[row * C + k] - 1000);
        for (int k = 0; k < C; k++) {
            double want = exp((double)x[row * C + k] - 1000) / sum;
            assert_true(fabs((double)y[row * C + k] - want) <= (C + 4) * EPSILON * want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(binary_kernels_match_naive_ones),
        TEST(unary_kernels_match_naive_ones),
        TEST(unary_kernels_keep_nan_and_saturate),
        TEST(hard_functions_take_their_slope_at_a_kink_from_pytorch),
        TEST(row_mean_matches_a_naive_one),
        TEST(layer_norm_matches_a_naive_one),
        TEST(gather_fills_where_there_is_no_source),
        TEST(gather_of_runs_matches_one_of_single_values),
        TEST(softmax_of_a_masked_value_is_zero),
        TEST(softmax_of_a_nan_is_nan),
        TEST(softmax_of_large_values_matches_a_naive_one),
    };
    return cmocka_run_group_tests_name("elementwise", tests, NULL, NULL);
}
