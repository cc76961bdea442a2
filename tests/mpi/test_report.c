/* Run at 1 rank: reports are made by one process. */
#include "harness.h"

#include "camrank/results.h"
#include "camrank/sheet.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_IMAGES = 5, SIDE = 2 };

/* Five images of two classes. Under the only model:
 *   a  class right, box right     b  class right, box wrong     c  class second, box right
 *   d  fails                      e  not localized, class right
 */
static const uint8_t states[N_IMAGES] = {CR_ROW_DONE, CR_ROW_DONE, CR_ROW_DONE, CR_ROW_FAILED,
                                         CR_ROW_DONE};
static const int32_t best_class[N_IMAGES] = {0, 0, 1, -1, 0};
static const double truth_iou[N_IMAGES] = {0.75, 0.25, 0.5, NAN, NAN};

static cr_results *make_results(const cr_par *par, bool skip_failed, int n_written)
{
    cr_error err = {0};
    cr_data_image images[N_IMAGES];
    cr_data_class classes[6] = {{0}};
    cr_box boxes[N_IMAGES];
    char text[] = "\0a\0b\0c\0d_\xff\0e\0n01";
    const uint32_t names[N_IMAGES] = {1, 3, 5, 7, 11};
    classes[0].wnid = 13;
    for (int i = 0; i < N_IMAGES; i++) {
        images[i] = (cr_data_image){
            .id = names[i], .file = names[i], .first_box = i, .n_boxes = 1, .localize = i != 4};
        boxes[i] = (cr_box){0, 0, 9, 9};
    }
    char folder[] = "/pictures";
    cr_dataset data = {.n_images = N_IMAGES,
                       .n_boxes = N_IMAGES,
                       .n_classes = 6,
                       .images = images,
                       .boxes = boxes,
                       .classes = classes,
                       .text = text,
                       .text_bytes = sizeof text,
                       .folder = folder,
                       .n_excluded = 1};
    cr_results_variant variant = {.method = "grad-cam",
                                  .layer = "a_b/c&d",
                                  .layer_given = true,
                                  .map_width = SIDE,
                                  .map_height = SIDE,
                                  .n_views = 1};
    cr_results_model model = {.name = "net_1",
                              .sha256 = "1",
                              .filter = "pil-bilinear",
                              .n_variants = 1,
                              .variants = &variant};
    char none[] = "";
    cr_protocol protocol;
    CHECK_OK(cr_protocol_find("cam-paper", &protocol, &err), &err);
    cr_results_plan plan = {.job_name = "a job",
                            .job_text = none,
                            .overrides = none,
                            .n_protocols = 1,
                            .protocols = &protocol,
                            .show_protocols = true,
                            .show_v1 = true,
                            .show_v2 = true,
                            .skip_failed = skip_failed,
                            .batch = 4,
                            .n_models = 1,
                            .models = &model};
    char path[600];
    snprintf(path, sizeof path, "%s/report.h5", harness_folder());
    cr_results *results = NULL;
    if (!CHECK_OK(cr_results_create(par, path, true, &plan, &data, &results, &err), &err))
        return NULL;

    int32_t size[N_IMAGES][2] = {{12, 10}, {20, 10}, {12, 10}, {0, 0}, {40, 20}},
            top_class[N_IMAGES][CR_TOP];
    float top_logit[N_IMAGES][CR_TOP] = {{0}}, truth_logit[N_IMAGES] = {0};
    char reason[N_IMAGES][CR_REASON_BYTES] = {"", "", "", "no \"image\", 50 % there\x1b[2J", ""};
    cr_box found[N_IMAGES][CR_SLOTS];
    double iou[N_IMAGES][CR_SLOTS];
    uint8_t state[N_IMAGES];
    memcpy(state, states, sizeof state);
    for (int i = 0; i < N_IMAGES; i++) {
        for (int k = 0; k < CR_TOP; k++)
            top_class[i][k] = best_class[i] < 0 ? -1 : (best_class[i] + 5 * k) % 6;
        for (int s = 0; s < CR_SLOTS; s++)
            iou[i][s] = truth_iou[i];
        for (int s = 0; s < CR_SLOTS; s++)
            found[i][s] = (cr_box){0, 0, 4, 4};
    }
    uint8_t levels[N_IMAGES][CR_SWEEP_LEVELS] = {{0}};
    for (int i = 0; i < N_IMAGES; i++)
        for (int t = 0; t < CR_SWEEP_LEVELS; t++)
            levels[i][t] = i == 3 ? 0 : t == 100 + i ? 63 : i < 2 && t == 200 ? 2 + 32 : 0;
    struct cr_results_boxes boxes_found = {.boxes = found[0], .iou = iou[0]};
    struct cr_results_maps maps = {
        .state = state, .reason = reason, .levels = levels[0], .protocols = &boxes_found};
    cr_results_rows rows = {.n = n_written,
                            .state = state,
                            .size = size[0],
                            .reason = reason,
                            .top_class = top_class[0],
                            .top_logit = top_logit[0],
                            .truth_logit = truth_logit,
                            .variants = &maps};
    if (par->rank == 0)
        CHECK_OK(cr_results_write(results, 0, &rows, &err), &err);
    CHECK_OK(cr_results_flush(results, &err), &err);
    return results;
}

static double number(const cr_report_row *row, const char *key)
{
    return row->values[cr_metric_number_find(key)].value;
}

static void report_failed_counted_as_wrong_gives_the_errors_done_by_hand(const cr_par *par)
{
    cr_error err = {0};
    cr_report report;
    cr_results *results = make_results(par, false, N_IMAGES);
    if (!results ||
        !CHECK_OK(cr_results_report(results, &(cr_report_options){0}, &report, &err), &err))
        return;
    CHECK_EQUAL(report.n_images, 5);
    CHECK_EQUAL(report.n_failed, 1);
    CHECK_EQUAL(report.n_missing, 0);
    CHECK_EQUAL(report.n_failures, 1);
    CHECK_TEXT(report.failures[0].model, "net_1");
    CHECK_TEXT(report.failures[0].image, "d_\xff");
    CHECK_EQUAL(report.n_excluded, 1);
    CHECK_EQUAL(report.n_rows, 3);
    const cr_report_row *row = &report.rows[0];
    CHECK_TEXT(row->model, "net_1");
    CHECK_TEXT(row->method, "grad-cam");
    CHECK_TEXT(row->layer, "a_b/c&d");
    CHECK_TEXT(row->variant, "grad-cam@a_b/c&d");
    CHECK_TEXT(row->protocol, "cam-paper");
    CHECK_EQUAL(row->n_images, 5);
    CHECK_EQUAL(row->n_localized, 4);
    CHECK(number(row, "top1_cls_error") == 40);
    CHECK(number(row, "top5_cls_error") == 20);
    CHECK(number(row, "top1_loc_error") == 75);
    CHECK(number(row, "top5_loc_error") == 50);
    CHECK(number(row, "gt_known_loc_error") == 50);
    CHECK(number(row, "mean_iou") == 1.5 / 4);
    CHECK_TEXT(row->filter, "pil-bilinear");
    CHECK_EQUAL(row->n_excluded, 1);
    CHECK(row->threshold == 0.2 && row->iou == 0.5);
    CHECK_EQUAL(row->top1_outcomes[CR_OUTCOME_RIGHT], 1);
    CHECK_EQUAL(row->top1_outcomes[CR_OUTCOME_WRONG_CLASS], 1);
    CHECK_EQUAL(row->top1_outcomes[CR_OUTCOME_PART], 1);
    CHECK_EQUAL(row->top1_outcomes[CR_OUTCOME_FAILED], 1);
    CHECK_EQUAL(row->gt_known_outcomes[CR_OUTCOME_RIGHT], 2);
    /* All five images count: at level 200 two are right, at others one. */
    CHECK_EQUAL(row->n_swept, 5);
    CHECK(number(row, "max_box_acc") == 40);
    CHECK(number(row, "max_box_acc_v2") == (20.0 + 20 + 40) / 3);
    CHECK(row->curve[200] == 40 && row->curve[100] == 20 && row->curve[103] == 0);
    cr_report_free(&report);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

/* Truth is 10 x 10 at the corner of images of 12 x 10, 20 x 10, 12 x 10, a failed one and 40 x 20. */
static void report_has_the_baselines_done_by_hand(const cr_par *par)
{
    cr_error err = {0};
    cr_report report;
    cr_results *results = make_results(par, false, N_IMAGES);
    if (!results ||
        !CHECK_OK(cr_results_report(results, &(cr_report_options){0}, &report, &err), &err))
        return;
    const cr_report_row *whole = &report.rows[1], *center = &report.rows[2];
    CHECK_TEXT(whole->model, "baseline");
    CHECK_TEXT(whole->method, "whole-image");
    CHECK_TEXT(center->model, "baseline");
    CHECK_TEXT(center->method, "center-box");
    CHECK(whole->is_baseline && center->is_baseline);
    /* IoU 10/12, 10/20, 10/12, none: one of four is wrong. */
    CHECK_EQUAL(whole->n_localized, 4);
    CHECK(number(whole, "gt_known_loc_error") == 25);
    CHECK(fabs(number(whole, "mean_iou") - (100 / 120.0 + 0.5 + 100 / 120.0) / 4) < 1e-12);
    CHECK_EQUAL(whole->gt_known_outcomes[CR_OUTCOME_RIGHT], 3);
    CHECK_EQUAL(whole->gt_known_outcomes[CR_OUTCOME_FAILED], 1);
    CHECK_EQUAL(whole->n_images, 5);
    CHECK(isnan(number(whole, "top1_cls_error")) && isnan(number(whole, "top1_loc_error")) &&
          isnan(number(whole, "top5_loc_error")) && isnan(whole->threshold));
    /* In the frame the box of b ends at 9 * 224 / 20 = 100: 101 of 224 columns. */
    CHECK(number(whole, "max_box_acc") == 40);
    CHECK(isnan(number(center, "gt_known_loc_error")) && isnan(number(center, "mean_iou")));
    CHECK(number(center, "max_box_acc") >= 20 && number(center, "max_box_acc") <= 80);
    cr_report_free(&report);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

static void report_failed_left_out_changes_the_denominators(const cr_par *par)
{
    cr_error err = {0};
    cr_report report;
    cr_results *results = make_results(par, true, N_IMAGES);
    if (!results ||
        !CHECK_OK(cr_results_report(results, &(cr_report_options){0}, &report, &err), &err))
        return;
    CHECK_EQUAL(report.n_failed, 1);
    CHECK_EQUAL(report.rows[0].n_images, 4);
    CHECK_EQUAL(report.rows[0].n_localized, 3);
    CHECK(number(&report.rows[0], "top1_cls_error") == 25);
    CHECK(number(&report.rows[0], "mean_iou") == 0.5);
    cr_report_free(&report);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

/* A report in a format; the caller frees. */
static char *write_as(const cr_report *report, const char *name)
{
    cr_error err = {0};
    const cr_report_format *format;
    char *text = NULL;
    if (CHECK_OK(cr_report_format_find(name, &format, &err), &err))
        CHECK_OK(cr_report_write(report, format, &text, &err), &err);
    return text ? text : strdup("");
}

/* The same of the made-up file. */
static char *text_of(const cr_par *par, int n_written, const char *format)
{
    cr_error err = {0};
    cr_report report;
    char *text = NULL;
    cr_results *results = make_results(par, false, n_written);
    if (results &&
        CHECK_OK(cr_results_report(results, &(cr_report_options){0}, &report, &err), &err)) {
        text = write_as(&report, format);
        cr_report_free(&report);
    }
    CHECK_OK(cr_results_close(&results, &err), &err);
    return text ? text : strdup("");
}

static void text_of_a_whole_run_is_the_table_expected(const cr_par *par)
{
    char *text = text_of(par, N_IMAGES, "text");
    CHECK_TEXT(text,
               "a job: 5 images, resize filter pil-bilinear\n"
               "protocol cam-paper (threshold 20 % of the maximum, 8-connected, IoU at least 0.5): "
               "localization over 4 images, blacklist of 1\n"
               "Errors in %, with their 95 % intervals (Wilson); classification over 5 images.\n"
               "MaxBoxAcc in %: over 5 images, no blacklist, at the best of 255 thresholds; held: "
               "at the one best for a fifth of them, over the rest.\n"
               "at: the best threshold, a share of the maximum. Intervals of means and of "
               "MaxBoxAcc: bootstrap, 1000 resamples of the images.\n"
               "1 image failed and is counted as wrong:\n"
               "  d_\xff (net_1): no \"image\", 50 % there?[2J\n"
               "\n"
               "model     method            top-1 cls↓  top-5 cls↓  top-1 loc↓  top-5 loc↓  "
               "GT-known↓    mean IoU↑  MaxBoxAcc↑  MaxBoxAccV2↑\n"
               "net_1     grad-cam@a_b/c&d       40.00       20.00       75.00       50.00      "
               "50.00       0.3750       40.00         26.67\n"
               "                             11.8-76.9    3.6-62.4   30.1-95.4   15.0-85.0  "
               "15.0-85.0  0.125-0.667   20.0-80.0     20.0-80.0\n"
               "                                                                                   "
               "                  held 0.00     held 0.00\n"
               "                                                                                   "
               "                   at 0.784\n"
               "baseline  whole-image                -           -           -           -      "
               "25.00       0.5417       40.00         33.33\n"
               "                                                                             "
               "4.6-69.9  0.208-0.833    0.0-80.0      6.7-60.0\n"
               "                                                                                   "
               "                 held 25.00    held 25.00\n"
               "baseline  center-box                 -           -           -           -         "
               " -            -       40.00         33.33\n"
               "                                                                                   "
               "                   0.0-80.0      6.7-60.0\n"
               "                                                                                   "
               "                 held 25.00    held 16.67\n"
               "\n"
               "model     method            outcome of  right  wrong class  part  too large  "
               "shifted  merged  missed  failed\n"
               "net_1     grad-cam@a_b/c&d  top-1           1            1     1          0        "
               "0       0       0       1\n"
               "net_1     grad-cam@a_b/c&d  GT-known        2            0     1          0        "
               "0       0       0       1\n"
               "baseline  whole-image       GT-known        3            0     0          0        "
               "0       0       0       1\n");
    free(text);
}

static void text_of_an_empty_run_says_partial_and_has_no_numbers(const cr_par *par)
{
    char *text = text_of(par, 0, "text");
    CHECK(strstr(text, "Partial: the numbers are of the images computed so far: net_1 0") != NULL);
    CHECK(strstr(text, "over 0 images") != NULL);
    CHECK(strstr(text, "nan") == NULL && strstr(text, "        -") != NULL);
    free(text);
}

static void json_has_the_schema_other_programs_rely_on(const cr_par *par)
{
    char *text = text_of(par, N_IMAGES, "json");
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *schema = NULL, *model = NULL, *method = NULL, *layer = NULL, *protocol = NULL;
    json_int_t images = -1, failed = -1, row_images = -1;
    double numbers[6] = {0};
    CHECK_EQUAL(json_unpack(root, "{s:s, s:{s:I, s:I}}", "schema", &schema, "dataset", "images",
                            &images, "failed", &failed),
                0);
    json_t *rows = json_object_get(root, "rows");
    CHECK_EQUAL((int64_t)json_array_size(rows), 3);
    CHECK_EQUAL(json_unpack(json_array_get(rows, 0),
                            "{s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "model",
                            &model, "method", &method, "layer", &layer, "protocol", &protocol,
                            "images", &row_images, "top1_cls_error", &numbers[0], "top5_cls_error",
                            &numbers[1], "top1_loc_error", &numbers[2], "top5_loc_error",
                            &numbers[3], "gt_known_loc_error", &numbers[4], "mean_iou",
                            &numbers[5]),
                0);
    if (CHECK(schema && model && method && layer && protocol)) {
        CHECK_TEXT(schema, "camrank-report-1");
        CHECK_TEXT(model, "net_1");
        CHECK_TEXT(method, "grad-cam");
        CHECK_TEXT(layer, "a_b/c&d");
        CHECK_TEXT(protocol, "cam-paper");
    }
    CHECK_EQUAL(images, 5);
    CHECK_EQUAL(failed, 1);
    CHECK_EQUAL(row_images, 5);
    CHECK(numbers[0] == 40 && numbers[1] == 20 && numbers[2] == 75 && numbers[3] == 50 &&
          numbers[4] == 50 && numbers[5] == 0.375);
    const json_t *row = json_array_get(rows, 0);
    const json_t *outcomes = json_object_get(row, "outcomes");
    CHECK_EQUAL(json_integer_value(json_object_get(outcomes, "part")), 1);
    CHECK_EQUAL(json_integer_value(json_object_get(outcomes, "wrong_class")), 1);
    CHECK_EQUAL(json_integer_value(json_object_get(row, "exclude")), 1);
    CHECK_EQUAL((int64_t)json_array_size(json_object_get(row, "curve")), CR_SWEEP_LEVELS);
    CHECK(json_real_value(json_array_get(json_object_get(row, "curve"), 200)) == 40);
    CHECK(json_real_value(json_object_get(row, "max_box_acc")) == 40);
    CHECK(json_real_value(json_object_get(row, "threshold")) == 0.2);
    const json_t *baseline = json_array_get(rows, 2);
    CHECK_TEXT(json_string_value(json_object_get(baseline, "method")), "center-box");
    CHECK(json_is_null(json_object_get(baseline, "top1_cls_error")));
    CHECK(json_is_null(json_object_get(baseline, "gt_known_loc_error")));
    CHECK(json_is_null(json_object_get(baseline, "outcomes")));
    CHECK(json_is_real(json_object_get(baseline, "max_box_acc_v2")));
    json_decref(root);
    free(text);
}

static void report_by_class_has_a_line_for_each_class_with_images(const cr_par *par)
{
    cr_error err = {0};
    cr_report report;
    cr_results *results = make_results(par, false, N_IMAGES);
    if (!results ||
        !CHECK_OK(cr_results_report(results, &(cr_report_options){.by_class = true}, &report, &err),
                  &err))
        return;
    for (const cr_report_format *format = cr_report_formats; format->name; format++) {
        char *text = NULL;
        if (format->has_page) /* it has a table of classes of its own */
            continue;
        CHECK_OK(cr_report_write(&report, format, &text, &err), &err);
        int n = 0, parts = 0;
        for (const char *at = text; at && (at = strstr(at, "\\begin{tabular}")); at++)
            parts++;
        for (const char *at = text; at && (at = strstr(at, "n01")); at++)
            n++;
        CHECK_EQUAL(n, parts > 0 ? parts : 1); /* LaTeX: in each part of the table */
        free(text);
    }
    char *text = write_as(&report, "json");
    json_t *root = json_loads(text, 0, NULL);
    json_t *classes = json_object_get(root, "classes"), *class = json_array_get(classes, 0);
    CHECK_EQUAL((int64_t)json_array_size(classes), 1);
    CHECK_EQUAL(json_integer_value(json_object_get(class, "images")), 5);
    CHECK(json_real_value(json_object_get(class, "top1_loc_error")) == 75);
    json_decref(root);
    free(text);
    cr_report_free(&report);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

static void json_of_an_empty_run_has_null_for_what_was_not_counted(const cr_par *par)
{
    char *text = text_of(par, 0, "json");
    json_t *root = json_loads(text, 0, NULL);
    json_t *row = json_array_get(json_object_get(root, "rows"), 0);
    CHECK(json_is_null(json_object_get(row, "top1_cls_error")));
    CHECK(json_is_null(json_object_get(row, "mean_iou")));
    CHECK_EQUAL(json_integer_value(json_object_get(json_object_get(root, "dataset"), "missing")),
                5);
    json_decref(root);
    free(text);
}

static void markdown_and_latex_escape_what_would_be_markup(const cr_par *par)
{
    char *text = text_of(par, N_IMAGES, "markdown");
    CHECK(strstr(text,
                 "| net\\_1 | grad-cam@a\\_b/c\\&d | 40.00 (11.8-76.9) | 20.00 (3.6-62.4) | "
                 "75.00 (30.1-95.4) | 50.00 (15.0-85.0) | 50.00 (15.0-85.0) | 0.3750 (") != NULL);
    free(text);
    text = text_of(par, N_IMAGES, "latex");
    CHECK(strstr(text, "\nnet\\_1 & grad-cam@a\\_b/c\\&d & \\textbf{40.00} & \\textbf{20.00} & "
                       "\\textbf{75.00} & \\textbf{50.00} & 50.00 & 0.3750 ") != NULL);
    CHECK(strstr(text, "\n &  & {\\scriptsize 11.8--76.9} & ") != NULL);
    CHECK(strstr(text, "50 \\% there?{[}2J\\par\n") != NULL);
    free(text);
    /* Behind the end of a row, \\[ and \\* are commands of their own. */
    size_t n_bytes;
    FILE *out = open_memstream(&text, &n_bytes);
    cr_put_latex(out, "[a]*");
    fclose(out);
    CHECK_TEXT(text, "{[}a]{*}");
    free(text);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(report_failed_counted_as_wrong_gives_the_errors_done_by_hand),
        HARNESS_CASE(report_failed_left_out_changes_the_denominators),
        HARNESS_CASE(report_has_the_baselines_done_by_hand),
        HARNESS_CASE(report_by_class_has_a_line_for_each_class_with_images),
        HARNESS_CASE(text_of_a_whole_run_is_the_table_expected),
        HARNESS_CASE(text_of_an_empty_run_says_partial_and_has_no_numbers),
        HARNESS_CASE(json_has_the_schema_other_programs_rely_on),
        HARNESS_CASE(json_of_an_empty_run_has_null_for_what_was_not_counted),
        HARNESS_CASE(markdown_and_latex_escape_what_would_be_markup),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
