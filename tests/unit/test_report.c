/* The numbers of the error table and the formats of a report, from rows made by hand: what needs neither
 * MPI nor HDF5. Reports of files are in tests/mpi/test_report.c. */
#include "camrank/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <csv.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_number(cr_report_row *row, const char *key, double value)
{
    row->values[cr_metric_number_find(key)].value = value;
}

/* A report in a format; the caller frees. */
static char *write_as(const cr_report *report, const char *name)
{
    cr_error err = {0};
    const cr_report_format *format;
    char *text = NULL;
    assert_int_equal(cr_report_format_find(name, &format, &err), CR_OK);
    assert_int_equal(cr_report_write(report, format, &text, &err), CR_OK);
    return text;
}

/* Whether `text` stands in `in`, with nothing of a word or a number at either end. */
static bool stands_in(const char *in, const char *text)
{
    const char *word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    for (const char *at = strstr(in, text); at; at = strstr(at + 1, text))
        if ((at == in || !strchr(word, at[-1])) && !strchr(word, at[strlen(text)]))
            return true;
    return false;
}

/* The page says of each number what it is. */
static void every_number_has_a_meaning_of_its_own(void **state)
{
    (void)state;
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *number = cr_metric_number_at(k, NULL);
        const char *meaning = cr_metric_number_meaning(k);
        if (!meaning || strlen(meaning) < 20 || meaning[strlen(meaning) - 1] != '.')
            fail_msg("%s: its metric's `meanings` has no sentence on it", number->key);
        for (int other = 0; other < k; other++)
            if (strcmp(meaning, cr_metric_number_meaning(other)) == 0)
                fail_msg("%s and %s have the same meaning", number->key,
                         cr_metric_number_at(other, NULL)->key);
    }
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        assert_true(strlen(cr_outcome_meanings[k]) > 20);
}

/* The fields of the first two lines, one after the other. */
typedef struct csv_fields {
    int n, n_lines;
    char text[256][64];
} csv_fields;

static void take_field(void *field, size_t bytes, void *into)
{
    csv_fields *fields = into;
    if (fields->n < 256 && bytes < sizeof fields->text[0])
        memcpy(fields->text[fields->n++], field, bytes);
}

static void take_line(int end, void *into)
{
    (void)end;
    ((csv_fields *)into)->n_lines++;
}

static void outcome_of_a_box_is_the_first_that_holds(void **state)
{
    (void)state;
    const cr_box truth[] = {{0, 0, 9, 9}, {20, 0, 29, 9}};
    static const struct {
        cr_box box;
        cr_outcome outcome;
    } cases[] = {
        {{0, 0, 29, 9}, CR_OUTCOME_MERGED},
        {{5, 0, 24, 9}, CR_OUTCOME_MERGED},  /* exactly half of each */
        {{6, 0, 25, 9}, CR_OUTCOME_SHIFTED}, /* 40 and 60 of 100, of 200 */
        {{2, 2, 4, 4}, CR_OUTCOME_PART},
        {{4, 0, 11, 9}, CR_OUTCOME_PART},    /* 60 of its 80 */
        {{4, 0, 12, 9}, CR_OUTCOME_SHIFTED}, /* 60 of its 90 */
        {{0, 0, 14, 19}, CR_OUTCOME_TOO_LARGE},
        {{10, 10, 19, 19}, CR_OUTCOME_MISSED}, /* corner to corner */
        {{9, 9, 18, 18}, CR_OUTCOME_SHIFTED},  /* one pixel */
        {{-1, -1, -1, -1}, CR_OUTCOME_MISSED},
        {{INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX}, CR_OUTCOME_MERGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(cr_outcome_of_box(cases[i].box, truth, 2), cases[i].outcome);
}

/* The table itself: keys are found, and what stands below a number names one. */
static void numbers_are_told_apart_by_their_keys(void **state)
{
    (void)state;
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *n = cr_metric_number_at(k, NULL);
        assert_int_equal(cr_metric_number_find(n->key), k);
        assert_true(!n->below || cr_metric_number_find(n->below) >= 0);
        assert_true(strcmp(n->unit, "%") == 0 || strcmp(n->unit, "") == 0);
    }
    assert_int_equal(cr_metric_number_find("top1"), -1);
}

/* A row of the table keeps to what the file, the job and the sums take for granted. */
static void metrics_of_the_table_fit_where_they_go(void **state)
{
    (void)state;
    cr_protocol protocol;
    bool further = false;
    assert_true(cr_metric_n_numbers() <= CR_METRIC_MAX_NUMBERS);
    assert_true(cr_metric_n_columns() <= CR_METRIC_MAX_COLUMNS);
    for (int m = 0; cr_metrics[m]; m++) {
        const cr_metric *of = cr_metrics[m];
        const size_t length = strlen(of->name);
        assert_int_equal(cr_metric_find(of->name), m);
        assert_true(cr_protocol_find(of->name, &protocol, NULL) != CR_OK);
        assert_true(length < CR_NAME_BYTES && of->summary && of->source);
        assert_true(of->n_numbers > 0 && (of->n_sums > 0) == (of->add != NULL));
        assert_true((of->score != NULL) + (of->asking != NULL) == (of->n_sums > 0));
        assert_false(further && of->always); /* those of every file come first */
        further = further || !of->always;
        for (int i = 0; i < of->parameters.n; i++)
            assert_true(of->parameters.items[i].offset <= CR_METRIC_PARAMETER_BYTES - 8);
        assert_true(!of->asking || (strcmp(of->parameters.items[0].key, "class") == 0 &&
                                    of->parameters.items[0].offset == 0));
        for (int i = 0; i < of->n_named; i++)
            assert_true(of->named[i].at >= 0 && of->named[i].at < of->n_sums);
        for (int j = 0; j < of->n_columns; j++) {
            const cr_metric_column *column = &of->columns[j];
            assert_true(column->description[0] != 0);
            assert_true(!of->of_slots || column->extents[0] == CR_SLOTS);
            assert_true(column->extents[0] != CR_METRIC_EXTENT_OWN || of->extent);
            assert_true(of->always || (strncmp(column->name, of->name, length) == 0 &&
                                       column->name[length] == '/'));
        }
    }
}

/* Numbers with a bootstrap do not look at sums that it leaves out. */
static void resampled_numbers_are_of_the_sums_that_are_drawn(void **state)
{
    (void)state;
    int n_checked = 0;
    for (int k = 0, m; k < cr_metric_n_numbers(); k++) {
        const cr_metric_number *number = cr_metric_number_at(k, &m);
        const int drawn = cr_metrics[m]->n_resampled, n = cr_metrics[m]->n_sums;
        if (drawn == 0 || number->interval != CR_METRIC_BOOTSTRAP)
            continue;
        assert_true(drawn < n);
        int64_t *sums = calloc((size_t)n, sizeof *sums);
        assert_non_null(sums);
        for (int i = 0; i < drawn; i++)
            sums[i] = i + 1;
        const double value = number->count(sums).value;
        for (int i = drawn; i < n; i++)
            sums[i] = i + 1;
        assert_true(number->count(sums).value == value);
        free(sums);
        n_checked++;
    }
    assert_true(n_checked > 0);
}

/* No two numbers of the row are printed alike. */
static void every_number_is_in_every_format(void **state)
{
    (void)state;
    char names[] = "\0n01\0one";
    cr_data_class class = {.wnid = 1, .name = 5};
    const cr_dataset data = {.n_classes = 1, .classes = &class, .text = names};
    cr_protocol protocol = {.name = "p"};
    cr_report_row row = {.model = "m",
                         .method = "cam",
                         .layer = "l",
                         .variant = "cam",
                         .protocol = "p",
                         .filter = "f",
                         .input = "",
                         .precision = "float32",
                         .has_network = true};
    for (int k = 0; k < cr_metric_n_numbers(); k++) {
        const double value = 11 + 3 * k + 0.03125 * (1 + 2 * k); /* never whole */
        row.values[k] = (cr_metric_value){value, NAN, NAN};
        if (cr_metric_number_at(k, NULL)->interval != CR_METRIC_NONE)
            row.values[k] = (cr_metric_value){value, value - 1.265625, value + 1.265625};
    }
    cr_report report = {.job_name = "j",
                        .n_rows = 1,
                        .rows = &row,
                        .n_protocols = 1,
                        .protocols = &protocol,
                        .show_protocols = true,
                        .show_v1 = true,
                        .show_v2 = true,
                        .data = &data};
    for (int m = 0; cr_metrics[m]; m++)
        report.has_metric[m] = true;
    for (const cr_report_format *format = cr_report_formats; format->name; format++) {
        char *text = write_as(&report, format->name), wanted[64];
        const bool full = strcmp(format->name, "csv") == 0 || strcmp(format->name, "json") == 0;
        for (int k = 0; k < cr_metric_n_numbers(); k++) {
            const cr_metric_number *n = cr_metric_number_at(k, NULL);
            const cr_metric_value *of = &row.values[k];
            if (!full && !n->title)
                continue;
            assert_true(stands_in(text, full ? n->key : n->title));
            if (full)
                snprintf(wanted, sizeof wanted, "%.17g", of->value);
            else
                snprintf(wanted, sizeof wanted, "%s%s%.*f", n->below ? n->title : "",
                         n->below ? " " : "", n->places, of->value);
            assert_true(stands_in(text, wanted));
            if (isnan(of->low))
                continue;
            if (full)
                snprintf(wanted, sizeof wanted, "%.17g", of->low);
            else
                snprintf(wanted, sizeof wanted, "%.*f%s%.*f", n->places - 1, of->low,
                         strcmp(format->name, "latex") == 0 ? "--" : "-", n->places - 1, of->high);
            assert_true(stands_in(text, wanted));
        }
        free(text);
    }
}

static void json_gives_numbers_that_read_back_exactly(void **state)
{
    (void)state;
    cr_report_row row = {
        .model = "m", .method = "cam", .layer = "l", .protocol = "p", .precision = ""};
    set_number(&row, "top1_cls_error", 100.0 / 3);
    set_number(&row, "mean_iou", 0.1 + 0.2);
    row.filter = row.input = "f";
    cr_report report = {.job_name = "j", .n_rows = 1, .rows = &row};
    char *text = write_as(&report, "json");
    json_t *root = json_loads(text, 0, NULL);
    json_t *back = json_array_get(json_object_get(root, "rows"), 0);
    assert_true(json_real_value(json_object_get(back, "top1_cls_error")) == 100.0 / 3);
    assert_true(json_real_value(json_object_get(back, "mean_iou")) == 0.1 + 0.2);
    json_decref(root);
    free(text);
}

static void csv_is_read_back_field_by_field(void **state)
{
    (void)state;
    /* As the header names them, from the first. */
    static const struct {
        const char *key, *value;
    } expected[] = {{"model", "a \"b\", c"},
                    {"method", "cam"},
                    {"layer", "l"},
                    {"variant", "cam@l"},
                    {"protocol", "cam-paper"},
                    {"images", "50000"},
                    {"localized", "48238"},
                    {"top1_cls_error", "33.333333333333336"},
                    {"top5_cls_error", "0"},
                    {"top1_loc_error", "0"},
                    {"top5_loc_error", "0"},
                    {"gt_known_loc_error", "0"},
                    {"mean_iou", ""}};
    cr_report_row row = {.model = "a \"b\", c",
                         .method = "cam",
                         .layer = "l",
                         .variant = "cam@l",
                         .protocol = "cam-paper",
                         .has_network = true,
                         .n_images = 50000,
                         .n_localized = 48238,
                         .filter = "pil-bilinear",
                         .input = "2x3, squash, pil-bilinear",
                         .precision = "bfloat16",
                         .parameters = 25e6,
                         .flops = NAN};
    set_number(&row, "top1_cls_error", 100.0 / 3);
    set_number(&row, "mean_iou", NAN);
    cr_report report = {.job_name = "j", .n_rows = 1, .rows = &row};
    char *text = write_as(&report, "csv");
    struct csv_parser parser;
    csv_fields fields = {0};
    csv_init(&parser, CSV_STRICT);
    const size_t bytes = strlen(text);
    assert_int_equal((int64_t)csv_parse(&parser, text, bytes, take_field, take_line, &fields),
                     (int64_t)bytes);
    csv_fini(&parser, take_field, take_line, &fields);
    csv_free(&parser);
    assert_int_equal(fields.n_lines, 2);
    assert_int_equal(fields.n % 2, 0);
    const int n = fields.n / 2;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_string_equal(fields.text[i], expected[i].key);
        assert_string_equal(fields.text[(size_t)n + i], expected[i].value);
    }
    int at = 0;
    while (at < n && strcmp(fields.text[at], "missing") != 0)
        at++;
    assert_string_equal(fields.text[at - 3], "gt_known_outcome_failed");
    assert_string_equal(fields.text[n + at - 3], "");
    assert_string_equal(fields.text[n + at], "0");
    assert_string_equal(fields.text[at + 1], "max_box_acc_threshold");
    free(text);
}

static void format_unknown_is_refused_with_the_known_ones(void **state)
{
    (void)state;
    cr_error err = {0};
    const cr_report_format *format = NULL;
    assert_int_equal(cr_report_format_find("latex", &format, &err), CR_OK);
    assert_string_equal(format->name, "latex");
    assert_int_equal(cr_report_format_find("xml", &format, &err), CR_EUSAGE);
    assert_true(strstr(err.message, "`xml`") &&
                strstr(err.message, "text, csv, json, markdown, latex"));
}

static void report_beside_a_paper_gives_differences_of_rows_named_alike(void **state)
{
    (void)state;
    cr_error err = {0};
    cr_report_row rows[] = {
        {.model = "VGG-16",
         .method = "grad-cam",
         .variant = "grad-cam@relu5_3",
         .protocol = "gradcam-paper",
         .precision = "float32"},
        {.model = "VGG-16",
         .method = "cam",
         .variant = "cam",
         .protocol = "gradcam-paper",
         .precision = "float32"},
        {.model = "VGG-16",
         .method = "grad-cam",
         .variant = "grad-cam (modified)",
         .protocol = "gradcam-paper",
         .precision = "float32"},
    };
    const double errors[] = {56, 1, 1};
    for (int i = 0; i < 3; i++)
        set_number(&rows[i], "top1_loc_error", errors[i]);
    set_number(&rows[0], "top5_loc_error", NAN);
    const cr_report report = {.n_rows = 3, .rows = rows};
    char *text = NULL;
    assert_int_equal(cr_report_paper(&report, "gradcam2017", &text, &err), CR_OK);
    static const char *const lines[] = {
        "VGG-16            grad-cam  gradcam-paper       top-1 loc        56.00       56.51       "
        "-0.51\n",
        "VGG-16            grad-cam  gradcam-paper       top-5 loc            -       46.41        "
        "   "
        "-\n",
        "AlexNet           grad-cam  -                   top-1 loc            -       68.30        "
        "   "
        "-\n",
        "2 of the file's 3 rows are not in the paper",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_true(strstr(text, lines[i]) != NULL);
    free(text);
    assert_int_equal(cr_report_paper(&report, "vgg2014", &text, &err), CR_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_a_meaning_of_its_own),
        cmocka_unit_test(outcome_of_a_box_is_the_first_that_holds),
        cmocka_unit_test(numbers_are_told_apart_by_their_keys),
        cmocka_unit_test(metrics_of_the_table_fit_where_they_go),
        cmocka_unit_test(resampled_numbers_are_of_the_sums_that_are_drawn),
        cmocka_unit_test(every_number_is_in_every_format),
        cmocka_unit_test(json_gives_numbers_that_read_back_exactly),
        cmocka_unit_test(csv_is_read_back_field_by_field),
        cmocka_unit_test(format_unknown_is_refused_with_the_known_ones),
        cmocka_unit_test(report_beside_a_paper_gives_differences_of_rows_named_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
