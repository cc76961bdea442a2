/* Parameters by a table of every kind: what is read, refused, printed and compared. */
#include "camrank/parameter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct things {
    int whole, even, word;
    bool flag;
    double number;
} things;

static const char *const words[] = {"red", "green", "blue", NULL};

static const cr_parameter rows[] = {
    {"whole", CR_PARAMETER_WHOLE, offsetof(things, whole), .least = 1, .most = 9, .fallback = 3},
    {"even", CR_PARAMETER_WHOLE, offsetof(things, even), .least = 4, .most = 8, .step = 4,
     .fallback = 8},
    {"flag", CR_PARAMETER_FLAG, offsetof(things, flag), .fallback = 1},
    {"number", CR_PARAMETER_NUMBER, offsetof(things, number), .least = -1, .most = 1.5,
     .fallback = 0.1},
    {"word", CR_PARAMETER_WORD, offsetof(things, word), .words = words, .fallback = 1},
};
static const cr_parameters table = {rows, sizeof rows / sizeof *rows};

static void reset_sets_every_fallback(void **state)
{
    (void)state;
    things of = {0};
    cr_parameters_reset(table, &of);
    assert_int_equal(of.whole, 3);
    assert_int_equal(of.even, 8);
    assert_true(of.flag);
    assert_true(of.number == 0.1);
    assert_int_equal(of.word, 1);
}

static void text_is_read_or_refused_with_its_limits(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *message; /* NULL: taken */
        double value;
    } cases[] = {
        {"whole", "9", NULL, 9},
        {"whole", "10", "10, must be 1 to 9", 0},
        {"whole", "-2", "-2, must be 1 to 9", 0},
        {"whole", "2.0", "must be a whole number, not \"2.0\"", 0},
        {"whole", "010", "must be a whole number, not \"010\"", 0},
        {"whole", "", "must be a whole number, not \"\"", 0},
        {"even", "4", NULL, 4},
        {"even", "6", "6, must be 4 or 8", 0},
        {"flag", "false", NULL, 0},
        {"flag", "no", "must be true or false, not \"no\"", 0},
        {"number", "1e-3", NULL, 1e-3},
        {"number", "1.5", NULL, 1.5},
        {"number", "1.6", "1.6, must be -1 to 1.5", 0},
        {"number", "nan", "must be a number, not \"nan\"", 0},
        {"number", "0x1", "must be a number, not \"0x1\"", 0},
        {"number", "1e999", "must be a number, not \"1e999\"", 0},
        {"number", "1.5x", "must be a number, not \"1.5x\"", 0},
        {"word", "blue", NULL, 2},
        {"word", "pink", "must be red or green or blue, not \"pink\"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        things of;
        cr_error err = {0};
        const cr_parameter *parameter = cr_parameters_find(table, cases[i].key);
        cr_parameters_reset(table, &of);
        const double before = cr_parameter_value(parameter, &of);
        const cr_status status = cr_parameter_read(parameter, &of, cases[i].text, &err);
        assert_int_equal(status, cases[i].message ? CR_EINPUT : CR_OK);
        if (cases[i].message)
            assert_string_equal(err.message, cases[i].message);
        assert_true(cr_parameter_value(parameter, &of) ==
                    (cases[i].message ? before : cases[i].value));
    }
    assert_null(cr_parameters_find(table, "colour"));
}

static void a_number_that_is_none_of_the_words_is_refused(void **state)
{
    (void)state;
    things of = {0};
    assert_int_equal(cr_parameter_set(&rows[4], &of, 3, NULL), CR_EINPUT);
    assert_int_equal(cr_parameter_set(&rows[4], &of, 1.5, NULL), CR_EINPUT);
    assert_int_equal(cr_parameter_set(&rows[2], &of, 2, NULL), CR_EINPUT);
}

static void difference_is_the_first_one_and_shows_both_values(void **state)
{
    (void)state;
    things a, b;
    char x[CR_PARAMETER_BYTES], y[CR_PARAMETER_BYTES];
    cr_parameters_reset(table, &a);
    b = a;
    assert_null(cr_parameters_difference(table, &a, &b, x, y));
    b.word = 2;
    assert_ptr_equal(cr_parameters_difference(table, &a, &b, x, y), &rows[4]);
    assert_string_equal(x, "green");
    assert_string_equal(y, "blue");
    b.number = 0.1 + 1e-15;
    assert_ptr_equal(cr_parameters_difference(table, &a, &b, x, y), &rows[3]);
    assert_string_equal(x, "0.1");
    assert_string_not_equal(y, "0.1");
    b.flag = false;
    assert_ptr_equal(cr_parameters_difference(table, &a, &b, x, y), &rows[2]);
    assert_string_equal(y, "false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_sets_every_fallback),
        cmocka_unit_test(text_is_read_or_refused_with_its_limits),
        cmocka_unit_test(a_number_that_is_none_of_the_words_is_refused),
        cmocka_unit_test(difference_is_the_first_one_and_shows_both_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
