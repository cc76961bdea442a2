/* Which images are compared, and under which names; tests/judge/test_compare.py has the figures. */
#include "camrank/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8 };

/* An image set of images called by letters, in their order, with one box each. */
typedef struct made {
    cr_dataset data;
    cr_data_image images[MOST];
    cr_data_class classes[2];
    cr_box boxes[MOST];
    char text[32];
} made;

/* `labels` names the wnid of each image, "x" or "y"; `order` has both in the order of the classes. */
static void make(const char *ids, const char *labels, const char *order, made *m)
{
    const int n = (int)strlen(ids);
    *m = (made){.text = {0, order[0], 0, order[1], 0}, .classes = {{1, 0, 0}, {3, 0, 0}}};
    for (int i = 0; i < n; i++) {
        m->text[5 + 2 * i] = ids[i];
        m->images[i] = (cr_data_image){.id = (uint32_t)(5 + 2 * i),
                                       .label = labels[i] == order[1],
                                       .first_box = i,
                                       .n_boxes = 1,
                                       .localize = 1};
        m->boxes[i] = (cr_box){0, 0, 9, 9};
    }
    m->data = (cr_dataset){.n_images = n,
                           .n_boxes = n,
                           .n_classes = 2,
                           .images = m->images,
                           .boxes = m->boxes,
                           .classes = m->classes,
                           .text = m->text};
}

static void images_are_matched_by_id_and_labels_by_wnid(void **state)
{
    (void)state;
    made a, b, c;
    make("abcdf", "xyxyx", "xy", &a);
    make("bdef", "yyxx", "yx", &b); /* the other order of classes */
    make("adf", "xyx", "xy", &c);
    cr_compare_set sets[] = {{.path = "a", .data = &a.data},
                             {.path = "b", .data = &b.data},
                             {.path = "c", .data = &c.data}};
    int32_t *shared;
    int n;
    assert_int_equal(cr_compare_match(sets, 3, &shared, &n, NULL), CR_OK);
    assert_int_equal(n, 2);
    assert_true(shared[0] == 3 && shared[1] == 4);
    assert_memory_equal(sets[0].places, ((int32_t[]){-1, -1, -1, 0, 1}), 5 * sizeof(int32_t));
    assert_memory_equal(sets[1].places, ((int32_t[]){-1, 0, -1, 1}), 4 * sizeof(int32_t));
    assert_memory_equal(sets[2].places, ((int32_t[]){-1, 0, 1}), 3 * sizeof(int32_t));
    assert_true(sets[0].n_left_out == 3 && sets[1].n_left_out == 2 && sets[2].n_left_out == 1);
    free(shared);
    for (int s = 0; s < 3; s++)
        free(sets[s].places);
}

static void refuse(const made *a, const made *b, const char *message)
{
    cr_compare_set sets[] = {{.path = "a", .data = &a->data}, {.path = "b", .data = &b->data}};
    cr_error err = {0};
    int32_t *shared;
    int n;
    assert_int_equal(cr_compare_match(sets, 2, &shared, &n, &err), CR_EINPUT);
    assert_string_equal(err.message, message);
    free(shared);
    for (int s = 0; s < 2; s++)
        free(sets[s].places);
}

static void sets_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    made a, b;
    make("abc", "xyx", "xy", &a);
    make("def", "xyx", "xy", &b);
    refuse(&a, &b, "b: shares no image with a");
    make("bcd", "xxx", "xy", &b);
    refuse(&a, &b, "b: image b is of class x, in a of y");
    make("bcd", "yxx", "xy", &b);
    b.boxes[1].y1 = 8;
    refuse(&a, &b, "b: image c has a ground-truth box 0 0 9 8, in a 0 0 9 9");
    b.images[0].n_boxes = 2;
    refuse(&a, &b, "b: image b has 2 ground-truth boxes, in a 1");
}

/* Any two of them share one image. */
static void sets_that_share_nothing_together_are_refused(void **state)
{
    (void)state;
    made a, b, c;
    make("ab", "xx", "xy", &a);
    make("bc", "xx", "xy", &b);
    make("ac", "xx", "xy", &c);
    cr_compare_set sets[] = {{.path = "a", .data = &a.data},
                             {.path = "b", .data = &b.data},
                             {.path = "c", .data = &c.data}};
    cr_error err = {0};
    int32_t *shared;
    int n;
    assert_int_equal(cr_compare_match(sets, 3, &shared, &n, &err), CR_EINPUT);
    assert_string_equal(err.message, "c: shares no image with a and the files between");
    free(shared);
    for (int s = 0; s < 3; s++)
        free(sets[s].places);
}

/* Four images under rows that are given by the letters of each image: r right, w wrong, f failed (and
 * counted as wrong), s skipped, m missing. */
static cr_status compare_rows(const made *set, const char *const *rows, int n_rows,
                              const char *const *groups, int n_groups, cr_compare *compare,
                              int32_t shared[4], cr_error *err)
{
    static cr_compare_set sets[1];
    cr_compare_options options = {.alpha = 0.05,
                                  .against = -1,
                                  .chosen = true,
                                  .groups = groups,
                                  .n_groups = n_groups,
                                  .n_resamples = 100,
                                  .n_threads = 1};
    static const cr_metric_given given[CR_METRIC_MAX];
    cr_compare_row named[MOST];
    static const char *const models[] = {"one", "two", "three", "four"};
    sets[0] = (cr_compare_set){.path = "file", .data = &set->data};
    options.numbers[cr_metric_number_find("top1_loc_error")] = true;
    options.numbers[cr_metric_number_find("gt_known_loc_error")] = true;
    options.numbers[cr_metric_number_find("mean_iou")] = true;
    for (int r = 0; r < n_rows; r++)
        named[r] = (cr_compare_row){
            .file = "file", .model = models[r], .method = "cam", .protocol = "p", .precision = ""};
    for (int i = 0; i < 4; i++)
        shared[i] = i;
    cr_status status = cr_compare_begin(&options, sets, 1, shared, 4, named, n_rows, compare, err);
    for (int r = 0; r < n_rows && status == CR_OK; r++) {
        for (int i = 0; i < 4; i++) {
            const char what = rows[r][i];
            const bool right = what == 'r', counts = what != 's' && what != 'm';
            const cr_verdict verdict = {.is_missing = what == 'm',
                                        .has_failed = what == 'f' || what == 's',
                                        .is_localized = counts,
                                        .gt_known_right = right,
                                        .iou = right ? 0.75 : 0};
            cr_compare_add(compare, r, i, &(cr_metric_image){0}, &verdict, NULL, NULL, given);
        }
        cr_compare_row_done(compare, r, NULL);
    }
    return status == CR_OK ? cr_compare_finish(compare, err) : status;
}

static const cr_compare_metric *metric_of(const cr_compare *compare, const char *key)
{
    const int number = cr_metric_number_find(key);
    int m = 0;
    while (compare->metrics[m].number != number)
        m++;
    return &compare->metrics[m];
}

static void images_count_where_they_count_under_all_rows(void **state)
{
    (void)state;
    made set;
    cr_compare compare;
    int32_t shared[4];
    make("abcd", "xxxx", "xy", &set);
    const char *const rows[] = {"rwsr", "frrr", "wwmr"};
    assert_int_equal(compare_rows(&set, rows, 3, NULL, 0, &compare, shared, NULL), CR_OK);
    const cr_compare_metric *known = metric_of(&compare, "gt_known_loc_error");
    const cr_compare_metric *iou = metric_of(&compare, "mean_iou");
    assert_int_equal(compare.n_images, 3); /* but c, which the last row has not computed */
    assert_int_equal(compare.rows[2].n_missing, 1);
    assert_int_equal(known->n, 3);
    assert_memory_equal(known->images, ((int32_t[]){0, 1, 3}), 3 * sizeof(int32_t));
    assert_true(fabs(known->values[0] - 100 / 3.) < 1e-12 &&
                fabs(known->values[1] - 100 / 3.) < 1e-12 &&
                fabs(known->values[2] - 200 / 3.) < 1e-12);
    assert_true(iou->values[0] == 0.5 && iou->values[2] == 0.25);
    /* a: only the first; b: only the second. */
    const cr_compare_pair *pair = &known->pairs[0];
    assert_true(pair->a == 0 && pair->b == 1 && pair->counts.only_a == 1 &&
                pair->counts.only_b == 1);
    assert_true(pair->difference == 0 && !signbit(pair->difference) && pair->p_mid == 0.75);
    cr_compare_free(&compare);
}

/* The first row counts on no image that the second has computed: the others are not kept from theirs. */
static void a_row_that_counts_nowhere_lacks_the_number(void **state)
{
    (void)state;
    made set;
    cr_compare compare;
    int32_t shared[4];
    make("abcd", "xxxx", "xy", &set);
    const char *const rows[] = {"rsss", "mrrw", "wrww"};
    assert_int_equal(compare_rows(&set, rows, 3, NULL, 0, &compare, shared, NULL), CR_OK);
    const cr_compare_metric *known = metric_of(&compare, "gt_known_loc_error");
    assert_true(compare.n_images == 3 && known->n_having == 2 && known->n == 3);
    assert_true(isnan(known->values[0]) && isnan(known->pairs[0].p_adjusted));
    assert_true(known->pairs[2].counts.only_a == 1 && known->pairs[2].p_adjusted == 1);
    assert_true(known->order[2] == 0);
    assert_string_equal(known->letters[0], "");
    assert_string_equal(known->letters[1], "a");
    cr_compare_free(&compare);
}

static void rows_without_predictions_are_ordered_by_what_they_have(void **state)
{
    (void)state;
    made set;
    cr_compare compare;
    int32_t shared[4];
    make("abcd", "xxxx", "xy", &set);
    const char *const rows[] = {"wwwr", "rrrr"};
    assert_int_equal(compare_rows(&set, rows, 2, NULL, 0, &compare, shared, NULL), CR_OK);
    const cr_compare_metric *top = metric_of(&compare, "top1_loc_error");
    assert_true(top->n_having == 0 && isnan(top->values[0]) && isnan(top->pairs[0].p_adjusted) &&
                isnan(top->pairs[0].difference) && isnan(top->pairs[0].low));
    const cr_compare_metric *lead = &compare.metrics[compare.lead];
    assert_true(lead == metric_of(&compare, "gt_known_loc_error"));
    assert_true(lead->order[0] == 1 && lead->order[1] == 0);
    assert_string_equal(compare.rows[1].label, "two");
    cr_compare_free(&compare);
}

static void numbers_that_no_row_has_are_dropped_unless_they_are_asked_for(void **state)
{
    (void)state;
    made set;
    cr_compare compare;
    cr_compare_options options = {.alpha = 0.05, .against = -1, .n_threads = 1};
    const cr_compare_row rows[] = {
        {.file = "f", .model = "a", .method = "m", .protocol = "p", .precision = ""},
        {.file = "f", .model = "b", .method = "m", .protocol = "p", .precision = ""}};
    static const cr_metric_given given[CR_METRIC_MAX];
    const int32_t shared[] = {0, 1, 2, 3};
    make("abcd", "xxxx", "xy", &set);
    const cr_compare_set sets[] = {{.path = "f", .data = &set.data}};
    options.numbers[cr_metric_number_find("top1_cls_error")] = true;
    options.numbers[cr_metric_number_find("top1_loc_error")] = true;
    options.numbers[cr_metric_number_find("mean_iou")] = true;
    assert_int_equal(cr_compare_begin(&options, sets, 1, shared, 4, rows, 2, &compare, NULL),
                     CR_OK);
    const cr_verdict verdict = {.is_classified = true, .is_localized = true, .iou = 0.5};
    for (int r = 0; r < 2; r++) {
        for (int i = 0; i < 4; i++)
            cr_compare_add(&compare, r, i, &(cr_metric_image){0}, &verdict, NULL, NULL, given);
        cr_compare_row_done(&compare, r, NULL);
    }
    assert_int_equal(cr_compare_finish(&compare, NULL), CR_OK);
    assert_int_equal(compare.n_metrics, 2);
    assert_ptr_equal(metric_of(&compare, "mean_iou"), &compare.metrics[1]);
    assert_true(compare.lead < 2);
    cr_compare_free(&compare);
}

static void comparisons_of_nothing_are_refused(void **state)
{
    (void)state;
    made set;
    cr_compare compare;
    int32_t shared[4];
    cr_error err = {0};
    make("abcd", "xxxx", "xy", &set);
    const char *const missing[] = {"mrrr", "rmmm"};
    assert_int_equal(compare_rows(&set, missing, 2, NULL, 0, &compare, shared, &err), CR_EINPUT);
    assert_string_equal(err.message,
                        "file: no image is computed under all rows: two/cam lacks 3 of 4");
    cr_compare_free(&compare);
    const char *const skipped[] = {"ssss", "ssss"};
    assert_int_equal(compare_rows(&set, skipped, 2, NULL, 0, &compare, shared, &err), CR_EINPUT);
    assert_string_equal(err.message, "file: no image counts under a number that is compared");
    cr_compare_free(&compare);
    assert_int_equal(compare_rows(&set, missing, 1, NULL, 0, &compare, shared, &err), CR_EINPUT);
    assert_string_equal(err.message, "file: one row alone: nothing to compare it with");
    cr_compare_free(&compare);
    assert_int_equal(compare_rows(&set, missing, 0, NULL, 0, &compare, shared, &err), CR_EINPUT);
    assert_string_equal(err.message, "file: no row to compare");
    cr_compare_free(&compare);
}

static void runs_of_a_group_are_one_variant(void **state)
{
    (void)state;
    made set;
    cr_compare compare;
    int32_t shared[4];
    make("abcd", "xxxx", "xy", &set);
    const char *const rows[] = {"rrrr", "rrww", "rrrw", "wwww"};
    const char *const groups[] = {"t*"};
    assert_int_equal(compare_rows(&set, rows, 4, groups, 1, &compare, shared, NULL), CR_OK);
    const cr_compare_metric *known = metric_of(&compare, "gt_known_loc_error");
    assert_true(compare.n_variants == 3 && compare.n_between == 3);
    assert_string_equal(compare.variants[0].name, "one");
    assert_string_equal(compare.variants[1].name, "t*");
    assert_true(compare.variants[1].n_runs == 2 && compare.variants[1].runs[1] == 2);
    const cr_compare_spread *spread = &known->spreads[1];
    assert_true(spread->mean == 37.5 && spread->least == 25 && spread->most == 50);
    assert_true(fabs(spread->deviation - sqrt(2 * 12.5 * 12.5)) < 1e-12);
    assert_true(isnan(known->spreads[0].deviation));
    /* All images of `one` are right, none of `four`: whatever is drawn. */
    const cr_compare_between *between = &known->between[1];
    assert_true(between->a == 0 && between->b == 2 && between->difference == -100);
    assert_true(between->low == -100 && between->high == -100);
    cr_compare_free(&compare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_matched_by_id_and_labels_by_wnid),
        cmocka_unit_test(sets_that_do_not_go_together_are_refused),
        cmocka_unit_test(sets_that_share_nothing_together_are_refused),
        cmocka_unit_test(images_count_where_they_count_under_all_rows),
        cmocka_unit_test(a_row_that_counts_nowhere_lacks_the_number),
        cmocka_unit_test(rows_without_predictions_are_ordered_by_what_they_have),
        cmocka_unit_test(numbers_that_no_row_has_are_dropped_unless_they_are_asked_for),
        cmocka_unit_test(comparisons_of_nothing_are_refused),
        cmocka_unit_test(runs_of_a_group_are_one_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
