/* Statistics of pairs where they can be counted by hand; tests/judge/test_stat.py has the others. */
#include "camrank/stat.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A sum of a few terms of size 1. */
#define ASSERT_NEAR(value, expected) assert_true(fabs((value) - (expected)) <= 1e-14)

/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (Wilson's score). */
static void wilson_gives_the_published_intervals(void **state)
{
    (void)state;
    static const struct {
        int64_t wrong, counted;
        double low, high;
    } cases[] = {{81, 263, 0.2553, 0.3662},
                 {15, 148, 0.0624, 0.1605},
                 {0, 20, 0, 0.1611},
                 {1, 29, 0.0061, 0.1718}};
    double low, high;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_stat_wilson(cases[i].wrong, cases[i].counted, 100, &low, &high);
        assert_true(fabs(low / 100 - cases[i].low) <= 0.00005);
        assert_true(fabs(high / 100 - cases[i].high) <= 0.00005);
        /* Right for wrong is the mirror image. */
        double other_low, other_high;
        cr_stat_wilson(cases[i].counted - cases[i].wrong, cases[i].counted, 100, &other_low,
                       &other_high);
        assert_true(fabs(other_high - (100 - low)) < 1e-9 && fabs(other_low - (100 - high)) < 1e-9);
    }
    cr_stat_wilson(0, 0, 100, &low, &high);
    assert_true(isnan(low) && isnan(high));
}

/* Each discordant image falls to a side like a coin: all falls of m coins are counted. */
static void mcnemar_of_few_discordant_images_counts_all_falls(void **state)
{
    (void)state;
    static const struct {
        int64_t only_a, only_b;
        double exact, mid;
    } cases[] = {
        {0, 0, 1, 1},              /* nothing speaks against equality */
        {1, 0, 1, 0.5},            /* 2 of 2 falls; less 1 of 2 */
        {0, 1, 1, 0.5},            /* */
        {1, 1, 1, 0.75},           /* 1 - (2 of 4) / 2 */
        {2, 0, 0.5, 0.25},         /* 2 of 4; less 1 of 4 */
        {2, 1, 1, 5. / 8},         /* 8 of 8; less 3 of 8 */
        {0, 3, 2. / 8, 1. / 8},    /* */
        {1, 4, 12. / 32, 7. / 32}, /* 2 (1 + 5) of 32; less 5 of 32 */
        {0, 60, 0x1p-59, 0x1p-60}, /* */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double exact, mid;
        cr_stat_mcnemar((cr_stat_counts){7, cases[i].only_a, cases[i].only_b, 5}, &exact, &mid);
        assert_true(fabs(exact - cases[i].exact) <= 1e-14 * cases[i].exact);
        assert_true(fabs(mid - cases[i].mid) <= 1e-14 * cases[i].mid);
    }
}

static void counts_of_one_image_are_its_four_cases(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const uint8_t right_a = (uint8_t)a, right_b = (uint8_t)b;
            const cr_stat_counts counts = cr_stat_count(&right_a, &right_b, 1);
            assert_int_equal(counts.both, a && b);
            assert_int_equal(counts.only_a, a && !b);
            assert_int_equal(counts.only_b, !a && b);
            assert_int_equal(counts.neither, !a && !b);
            double low, high;
            cr_stat_newcombe(counts,
                             (double)(counts.both + counts.only_a + counts.only_b + counts.neither),
                             &low, &high);
            assert_true(low >= -1 && low <= a - b && high >= a - b && high <= 1);
        }
}

/* Newcombe, Statistics in Medicine 17 (1998), pages 2635 to 2650, table III, method 10. */
static void newcombe_gives_the_published_interval(void **state)
{
    (void)state;
    double low, high;
    cr_stat_newcombe((cr_stat_counts){36, 12, 2, 0}, 50, &low, &high);
    assert_true(fabs(low - 0.0569) <= 0.00005 && fabs(high - 0.3404) <= 0.00005);
    cr_stat_newcombe((cr_stat_counts){0}, 0, &low, &high);
    assert_true(isnan(low) && isnan(high));
}

static void newcombe_of_equal_columns_holds_0_and_is_symmetric(void **state)
{
    (void)state;
    double low, high;
    for (int right = 0; right <= 20; right++) {
        cr_stat_newcombe((cr_stat_counts){right, 0, 0, 20 - right}, 20, &low, &high);
        assert_true(low <= 0 && high >= 0);
        ASSERT_NEAR(low, -high);
    }
}

static void kappa_is_1_where_columns_agree_and_none_where_all_are_right(void **state)
{
    (void)state;
    ASSERT_NEAR(cr_stat_kappa((cr_stat_counts){3, 0, 0, 2}), 1);
    ASSERT_NEAR(cr_stat_kappa((cr_stat_counts){0, 2, 2, 0}), -1);
    ASSERT_NEAR(cr_stat_kappa((cr_stat_counts){1, 1, 1, 1}), 0);
    assert_true(isnan(cr_stat_kappa((cr_stat_counts){5, 0, 0, 0})));
    assert_true(isnan(cr_stat_kappa((cr_stat_counts){0, 0, 0, 5})));
    assert_true(isnan(cr_stat_kappa((cr_stat_counts){0})));
    ASSERT_NEAR(cr_stat_kappa((cr_stat_counts){0, 1, 0, 0}), 0);
}

static void images_needed_are_none_without_a_difference(void **state)
{
    (void)state;
    assert_true(isnan(cr_stat_images_needed(0, 0.1, 0.05)));
    /* All images differ, to one side: (1.95996 + 0)^2. */
    assert_true(cr_stat_images_needed(1, 1, 0.05) == 4);
    assert_true(cr_stat_images_needed(-1, 1, 0.05) == 4);
}

static void wilcoxon_of_few_images_ranks_as_by_hand(void **state)
{
    (void)state;
    cr_stat_wilcoxon_result result;
    const double zero[4] = {0};
    /* All tied with 0. */
    assert_int_equal(cr_stat_wilcoxon(zero, zero, cr_stat_rows(4), &result, NULL), CR_OK);
    assert_true(result.p == 1 && result.z == 0 && result.plus == 0 && result.minus == 0);
    /* One image: rank 1 of 1, mean 1/2, variance 1/4. */
    assert_int_equal(cr_stat_wilcoxon((double[]){2}, zero, cr_stat_rows(1), &result, NULL), CR_OK);
    assert_true(result.plus == 1 && result.minus == 0);
    ASSERT_NEAR(result.z, 1);
    /* |d| 0 1 1 3: ranks 1 (left out), 2.5, 2.5, 4; mean 5 - 1/2, variance (180 - 6 - 3) / 24. */
    assert_int_equal(
        cr_stat_wilcoxon((double[]){-1, 0, 3, 1}, zero, cr_stat_rows(4), &result, NULL), CR_OK);
    assert_true(result.plus == 6.5 && result.minus == 2.5);
    ASSERT_NEAR(result.z, 2 / sqrt(171 / 24.));
    /* All of one size: ranks 2.5. */
    assert_int_equal(cr_stat_wilcoxon((double[]){1, 1, 1, 1}, zero, cr_stat_rows(4), &result, NULL),
                     CR_OK);
    assert_true(result.plus == 10 && result.minus == 0);
    ASSERT_NEAR(result.z, 5 / sqrt((180 - 60 / 2.) / 24));
}

static void tests_of_equal_columns_find_nothing(void **state)
{
    (void)state;
    const uint8_t right[] = {1, 0, 1, 1};
    const double value[] = {0.1, 0.5, 0.5, 0.9};
    const uint8_t *const rights[] = {right, right, right};
    const double *const values[] = {value, value, value};
    double ranks[3];
    cr_stat_test test;
    double worth;
    assert_int_equal(cr_stat_cochran(rights, 3, cr_stat_rows(4), &test, NULL), CR_OK);
    assert_true(test.statistic == 0 && test.p == 1 && test.df == 2);
    assert_int_equal(cr_stat_friedman(values, 3, cr_stat_rows(4), ranks, &worth, &test, NULL),
                     CR_OK);
    assert_true(test.statistic == 0 && test.p == 1 && ranks[0] == 2 && ranks[2] == 2);
}

/* Of two columns Q is McNemar's chi-square, (b - c)^2 / (b + c). */
static void cochran_of_two_columns_is_mcnemar(void **state)
{
    (void)state;
    const uint8_t a[] = {1, 1, 1, 0, 1, 0}, b[] = {0, 0, 0, 1, 1, 0};
    const uint8_t *const columns[] = {a, b};
    cr_stat_test test;
    assert_int_equal(cr_stat_cochran(columns, 2, cr_stat_rows(6), &test, NULL), CR_OK);
    ASSERT_NEAR(test.statistic, 1);
    ASSERT_NEAR(test.p, erfc(sqrt(0.5)));
}

static void chi_square_tail_of_few_degrees_is_elementary(void **state)
{
    (void)state;
    assert_true(cr_stat_chi_square_tail(0, 3) == 1);
    ASSERT_NEAR(cr_stat_chi_square_tail(2, 2), exp(-1));
    ASSERT_NEAR(cr_stat_chi_square_tail(4, 4), exp(-2) * 3);
    ASSERT_NEAR(cr_stat_chi_square_tail(9, 1), erfc(3 / sqrt(2)));
}

static void corrected_p_values_are_those_worked_out(void **state)
{
    (void)state;
    const double p[] = {0.04, 0.01, NAN, 0.03, 0.9};
    double adjusted[5];
    assert_int_equal(cr_stat_holm(p, 5, adjusted, NULL), CR_OK);
    ASSERT_NEAR(adjusted[1], 0.04); /* 4 of them */
    ASSERT_NEAR(adjusted[3], 0.09);
    ASSERT_NEAR(adjusted[0], 0.09); /* 0.08 is not less than the one before */
    ASSERT_NEAR(adjusted[4], 0.9);
    assert_true(isnan(adjusted[2]));
    memcpy(adjusted, p, sizeof p);
    assert_int_equal(cr_stat_benjamini_hochberg(adjusted, 5, adjusted, NULL), CR_OK);
    ASSERT_NEAR(adjusted[1], 0.04);
    ASSERT_NEAR(adjusted[3], 0.16 / 3);
    ASSERT_NEAR(adjusted[0], 0.16 / 3);
    ASSERT_NEAR(adjusted[4], 0.9);
    assert_int_equal(cr_stat_holm(p, 0, adjusted, NULL), CR_OK);
}

/* Items of which any two that differ are far apart, and what is drawn at random. */
static void groups_join_exactly_what_does_not_differ(void **state)
{
    (void)state;
    enum { N = 12 };
    uint32_t random = 1;
    for (int round = 0; round < 200; round++) {
        bool differ[N * N] = {false}, *member;
        int n_groups;
        for (int i = 0; i < N; i++)
            for (int j = i + 1; j < N; j++) {
                random = random * 1664525 + 1013904223;
                const bool apart = round < N + 1 ? j - i >= round : random >> 30 != 0;
                differ[i * N + j] = differ[j * N + i] = apart && round > 0;
            }
        assert_int_equal(cr_stat_groups(differ, N, &member, &n_groups, NULL), CR_OK);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                bool together = false;
                for (int g = 0; g < n_groups; g++)
                    together = together || (member[g * N + i] && member[g * N + j]);
                assert_true(together == !differ[i * N + j]);
            }
        if (round > 0 && round <= N)
            assert_int_equal(n_groups, N - round + 1); /* no group inside another */
        free(member);
    }
}

static void resampled_means_are_the_same_at_any_number_of_threads(void **state)
{
    (void)state;
    enum { N = 37, K = 5, R = 203 };
    static double values[K][N], means[4][K][R], alone[R];
    const double *columns[K];
    for (int c = 0; c < K; c++) {
        columns[c] = values[c];
        for (int i = 0; i < N; i++)
            values[c][i] = sin(c * N + i);
    }
    for (int threads = 1; threads <= 4; threads++)
        assert_int_equal(cr_stat_resample(columns, K, cr_stat_rows(N), 3, R, threads,
                                          means[threads - 1][0], NULL),
                         CR_OK);
    for (int threads = 2; threads <= 4; threads++)
        assert_memory_equal(means[threads - 1], means[0], sizeof means[0]);
    assert_int_equal(cr_stat_resample(columns + 4, 1, cr_stat_rows(N), 3, R, 1, alone, NULL),
                     CR_OK);
    assert_memory_equal(alone, means[0][4], sizeof alone);
    assert_int_equal(cr_stat_resample(columns + 4, 1, cr_stat_rows(N), 4, R, 1, alone, NULL),
                     CR_OK);
    assert_memory_not_equal(alone, means[0][4], sizeof alone);
}

static void intervals_of_one_image_and_of_equal_differences_are_points(void **state)
{
    (void)state;
    const double a[] = {0.5, 0.75, 1}, b[] = {0.25, 0.5, 0.75};
    const double *const columns[] = {a, b};
    double means[2][100], low, high;
    for (int n = 1; n <= 3; n++) {
        assert_int_equal(cr_stat_resample(columns, 2, cr_stat_rows(n), 0, 100, 1, means[0], NULL),
                         CR_OK);
        assert_int_equal(
            cr_stat_bca(a, b, cr_stat_rows(n), means[0], means[1], 100, &low, &high, NULL), CR_OK);
        assert_true(low == 0.25 && high == 0.25);
    }
    assert_int_equal(cr_stat_bca(a, a, cr_stat_rows(3), means[0], means[0], 100, &low, &high, NULL),
                     CR_OK);
    assert_true(low == 0 && high == 0);
}

/* One run each: drawing runs draws it again, and the interval is the percentile's over images. */
static void intervals_over_runs_hold_what_single_runs_say(void **state)
{
    (void)state;
    const int a[] = {0}, b[] = {1}, both[] = {0, 1};
    double means[2][1001], low, high;
    for (int r = 0; r < 1001; r++) {
        means[0][r] = r;
        means[1][r] = 0;
    }
    assert_int_equal(cr_stat_runs_interval((cr_stat_runs){a, 1}, (cr_stat_runs){b, 1}, means[0],
                                           1001, 0, &low, &high, NULL),
                     CR_OK);
    assert_true(low == 25 && high == 975);
    /* With both runs in a, a quarter of the resamples has b's mean alone. */
    for (int r = 0; r < 1001; r++)
        means[0][r] = 1;
    assert_int_equal(cr_stat_runs_interval((cr_stat_runs){both, 2}, (cr_stat_runs){b, 1}, means[0],
                                           1001, 0, &low, &high, NULL),
                     CR_OK);
    assert_true(low == 0 && high == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_gives_the_published_intervals),
        cmocka_unit_test(mcnemar_of_few_discordant_images_counts_all_falls),
        cmocka_unit_test(counts_of_one_image_are_its_four_cases),
        cmocka_unit_test(newcombe_gives_the_published_interval),
        cmocka_unit_test(newcombe_of_equal_columns_holds_0_and_is_symmetric),
        cmocka_unit_test(kappa_is_1_where_columns_agree_and_none_where_all_are_right),
        cmocka_unit_test(images_needed_are_none_without_a_difference),
        cmocka_unit_test(wilcoxon_of_few_images_ranks_as_by_hand),
        cmocka_unit_test(tests_of_equal_columns_find_nothing),
        cmocka_unit_test(cochran_of_two_columns_is_mcnemar),
        cmocka_unit_test(chi_square_tail_of_few_degrees_is_elementary),
        cmocka_unit_test(corrected_p_values_are_those_worked_out),
        cmocka_unit_test(groups_join_exactly_what_does_not_differ),
        cmocka_unit_test(resampled_means_are_the_same_at_any_number_of_threads),
        cmocka_unit_test(intervals_of_one_image_and_of_equal_differences_are_points),
        cmocka_unit_test(intervals_over_runs_hold_what_single_runs_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
