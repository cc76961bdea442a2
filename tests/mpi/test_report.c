/* Run at 1 rank: reports are made by one process. */
#include "harness.h"

#include "camrank/report.h"

#include <csv.h>
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
    char text[] = "\0a\0b\0c\0d_\xff\0e";
    const uint32_t names[N_IMAGES] = {1, 3, 5, 7, 11};
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
    cr_results_model model = {.name = "net_1", .n_variants = 1, .variants = &variant};
    char none[] = "";
    cr_results_plan plan = {.job_name = "a job",
                            .job_text = none,
                            .overrides = none,
                            .protocol = {.name = "cam-paper",
                                         .threshold = 0.2,
                                         .connectivity = 8,
                                         .n_boxes = 1,
                                         .exclude = true,
                                         .iou = 0.5},
                            .skip_failed = skip_failed,
                            .batch = 4,
                            .n_models = 1,
                            .models = &model};
    char path[600];
    snprintf(path, sizeof path, "%s/report.h5", harness_folder());
    cr_results *results = NULL;
    if (!CHECK_OK(cr_results_create(par, path, true, &plan, &data, &results, &err), &err))
        return NULL;

    int32_t size[N_IMAGES][2] = {{0}}, top_class[N_IMAGES][CR_TOP];
    float top_logit[N_IMAGES][CR_TOP] = {{0}}, truth_logit[N_IMAGES] = {0};
    char reason[N_IMAGES][CR_REASON_BYTES] = {"", "", "", "no \"image\", 50 % there\x1b[2J", ""};
    cr_box found[N_IMAGES][CR_SLOTS] = {{{0}}};
    double iou[N_IMAGES][CR_SLOTS];
    uint8_t state[N_IMAGES];
    memcpy(state, states, sizeof state);
    for (int i = 0; i < N_IMAGES; i++) {
        for (int k = 0; k < CR_TOP; k++)
            top_class[i][k] = best_class[i] < 0 ? -1 : (best_class[i] + 5 * k) % 6;
        for (int s = 0; s < CR_SLOTS; s++)
            iou[i][s] = truth_iou[i];
    }
    struct cr_results_maps maps = {.boxes = found[0], .iou = iou[0]};
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

static void report_failed_counted_as_wrong_gives_the_errors_done_by_hand(const cr_par *par)
{
    cr_error err = {0};
    cr_report report;
    cr_results *results = make_results(par, false, N_IMAGES);
    if (!results || !CHECK_OK(cr_report_make(results, &report, &err), &err))
        return;
    CHECK_EQUAL(report.n_images, 5);
    CHECK_EQUAL(report.n_failed, 1);
    CHECK_EQUAL(report.n_missing, 0);
    CHECK_EQUAL(report.n_failures, 1);
    CHECK_TEXT(report.failures[0].model, "net_1");
    CHECK_TEXT(report.failures[0].image, "d_\xff");
    CHECK_EQUAL(report.n_rows, 1);
    const cr_report_row *row = &report.rows[0];
    CHECK_TEXT(row->model, "net_1");
    CHECK_TEXT(row->method, "grad-cam");
    CHECK_TEXT(row->layer, "a_b/c&d");
    CHECK_TEXT(row->variant, "grad-cam@a_b/c&d");
    CHECK_TEXT(row->protocol, "cam-paper");
    CHECK_EQUAL(row->n_images, 5);
    CHECK_EQUAL(row->n_localized, 4);
    CHECK(row->top1_cls_error == 40);
    CHECK(row->top5_cls_error == 20);
    CHECK(row->top1_loc_error == 75);
    CHECK(row->top5_loc_error == 50);
    CHECK(row->gt_known_loc_error == 50);
    CHECK(row->mean_iou == 1.5 / 4);
    cr_report_free(&report);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

static void report_failed_left_out_changes_the_denominators(const cr_par *par)
{
    cr_error err = {0};
    cr_report report;
    cr_results *results = make_results(par, true, N_IMAGES);
    if (!results || !CHECK_OK(cr_report_make(results, &report, &err), &err))
        return;
    CHECK_EQUAL(report.n_failed, 1);
    CHECK_EQUAL(report.rows[0].n_images, 4);
    CHECK_EQUAL(report.rows[0].n_localized, 3);
    CHECK(report.rows[0].top1_cls_error == 25);
    CHECK(report.rows[0].mean_iou == 0.5);
    cr_report_free(&report);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

/* The text of a report in a format; the caller frees. */
static char *text_of(const cr_par *par, int n_written, cr_report_format format)
{
    cr_error err = {0};
    cr_report report;
    char *text = NULL;
    cr_results *results = make_results(par, false, n_written);
    if (results && CHECK_OK(cr_report_make(results, &report, &err), &err)) {
        CHECK_OK(cr_report_write(&report, format, &text, &err), &err);
        cr_report_free(&report);
    }
    CHECK_OK(cr_results_close(&results, &err), &err);
    return text ? text : strdup("");
}

static void text_of_a_whole_run_is_the_table_expected(const cr_par *par)
{
    char *text = text_of(par, N_IMAGES, CR_REPORT_TEXT);
    CHECK_TEXT(text,
               "a job: 5 images, protocol cam-paper (threshold 20 % of the maximum, 8-connected, "
               "IoU at least 0.5)\n"
               "Errors in %: classification over 5 images, localization over 4.\n"
               "1 image failed and is counted as wrong:\n"
               "  d_\xff (net_1): no \"image\", 50 % there?[2J\n"
               "\n"
               "model  method            top-1 cls  top-5 cls  top-1 loc  top-5 loc   GT-known   "
               "mean IoU\n"
               "net_1  grad-cam@a_b/c&d      40.00      20.00      75.00      50.00      50.00     "
               "0.3750\n");
    free(text);
}

static void text_of_an_empty_run_says_partial_and_has_no_numbers(const cr_par *par)
{
    char *text = text_of(par, 0, CR_REPORT_TEXT);
    CHECK(strstr(text, "Partial: 5 of 5 images are not computed yet") != NULL);
    CHECK(strstr(text, "over 0 images") != NULL);
    CHECK(strstr(text, "nan") == NULL && strstr(text, "        -") != NULL);
    free(text);
}

static void json_has_the_schema_other_programs_rely_on(const cr_par *par)
{
    char *text = text_of(par, N_IMAGES, CR_REPORT_JSON);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *schema = NULL, *model = NULL, *method = NULL, *layer = NULL, *protocol = NULL;
    json_int_t images = -1, failed = -1, row_images = -1;
    double numbers[6] = {0};
    CHECK_EQUAL(json_unpack(root, "{s:s, s:{s:I, s:I}}", "schema", &schema, "dataset", "images",
                            &images, "failed", &failed),
                0);
    json_t *rows = json_object_get(root, "rows");
    CHECK_EQUAL((int64_t)json_array_size(rows), 1);
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
    json_decref(root);
    free(text);
}

static void json_of_an_empty_run_has_null_for_what_was_not_counted(const cr_par *par)
{
    char *text = text_of(par, 0, CR_REPORT_JSON);
    json_t *root = json_loads(text, 0, NULL);
    json_t *row = json_array_get(json_object_get(root, "rows"), 0);
    CHECK(json_is_null(json_object_get(row, "top1_cls_error")));
    CHECK(json_is_null(json_object_get(row, "mean_iou")));
    CHECK_EQUAL(json_integer_value(json_object_get(json_object_get(root, "dataset"), "missing")),
                5);
    json_decref(root);
    free(text);
}

static void json_gives_numbers_that_read_back_exactly(const cr_par *par)
{
    (void)par;
    cr_error err = {0};
    cr_report_row row = {.model = "m", .method = "cam", .layer = "l", .protocol = "p"};
    row.top1_cls_error = 100.0 / 3;
    row.mean_iou = 0.1 + 0.2;
    cr_report report = {.job_name = "j", .n_rows = 1, .rows = &row};
    char *text = NULL;
    CHECK_OK(cr_report_write(&report, CR_REPORT_JSON, &text, &err), &err);
    json_t *root = json_loads(text ? text : "", 0, NULL);
    json_t *back = json_array_get(json_object_get(root, "rows"), 0);
    CHECK(json_real_value(json_object_get(back, "top1_cls_error")) == 100.0 / 3);
    CHECK(json_real_value(json_object_get(back, "mean_iou")) == 0.1 + 0.2);
    json_decref(root);
    free(text);
}

/* The fields of the first two lines, one after the other. */
typedef struct csv_fields {
    int n, n_lines;
    char text[32][64];
} csv_fields;

static void take_field(void *field, size_t bytes, void *into)
{
    csv_fields *fields = into;
    if (fields->n < 32 && bytes < sizeof fields->text[0])
        memcpy(fields->text[fields->n++], field, bytes);
}

static void take_line(int end, void *into)
{
    (void)end;
    ((csv_fields *)into)->n_lines++;
}

static void csv_is_read_back_field_by_field(const cr_par *par)
{
    (void)par;
    static const char *const expected[] = {"model",
                                           "method",
                                           "layer",
                                           "variant",
                                           "protocol",
                                           "images",
                                           "localized",
                                           "top1_cls_error",
                                           "top5_cls_error",
                                           "top1_loc_error",
                                           "top5_loc_error",
                                           "gt_known_loc_error",
                                           "mean_iou",
                                           "a \"b\", c",
                                           "cam",
                                           "l",
                                           "cam@l",
                                           "cam-paper",
                                           "50000",
                                           "48238",
                                           "33.333333333333336"};
    cr_error err = {0};
    cr_report_row row = {.model = "a \"b\", c",
                         .method = "cam",
                         .layer = "l",
                         .variant = "cam@l",
                         .protocol = "cam-paper",
                         .n_images = 50000,
                         .n_localized = 48238,
                         .top1_cls_error = 100.0 / 3,
                         .mean_iou = NAN};
    cr_report report = {.job_name = "j", .n_rows = 1, .rows = &row};
    char *text = NULL;
    CHECK_OK(cr_report_write(&report, CR_REPORT_CSV, &text, &err), &err);
    struct csv_parser parser;
    csv_fields fields = {0};
    csv_init(&parser, CSV_STRICT);
    const size_t bytes = text ? strlen(text) : 0;
    CHECK_EQUAL((int64_t)csv_parse(&parser, text, bytes, take_field, take_line, &fields),
                (int64_t)bytes);
    csv_fini(&parser, take_field, take_line, &fields);
    csv_free(&parser);
    CHECK_EQUAL(fields.n_lines, 2);
    CHECK_EQUAL(fields.n, 26);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        CHECK_TEXT(fields.text[i], expected[i]);
    CHECK_TEXT(fields.text[25], "");
    free(text);
}

static void markdown_and_latex_escape_what_would_be_markup(const cr_par *par)
{
    char *text = text_of(par, N_IMAGES, CR_REPORT_MARKDOWN);
    CHECK(strstr(text, "| net\\_1 | grad-cam@a\\_b/c\\&d | 40.00 | 20.00 | 75.00 | 50.00 | 50.00 | "
                       "0.3750 |\n") != NULL);
    free(text);
    text = text_of(par, N_IMAGES, CR_REPORT_LATEX);
    CHECK(strstr(text, "\nnet\\_1 & grad-cam@a\\_b/c\\&d & 40.00 & 20.00 & 75.00 & 50.00 & 50.00 & "
                       "0.3750 \\\\\n") != NULL);
    CHECK(strstr(text, "\\begin{tabular}{llrrrrrr}\n") != NULL);
    /* Everything before the table is a comment. */
    for (const char *line = text; *line && strncmp(line, "\\begin", 6) != 0;
         line = strchr(line, '\n') + 1)
        CHECK(line[0] == '%');
    free(text);
}

static void format_unknown_is_refused_with_the_known_ones(const cr_par *par)
{
    (void)par;
    cr_error err = {0};
    cr_report_format format = CR_REPORT_TEXT;
    CHECK_EQUAL(cr_report_format_find("latex", &format, &err), CR_OK);
    CHECK_EQUAL(format, CR_REPORT_LATEX);
    CHECK_EQUAL(cr_report_format_find("xml", &format, &err), CR_EUSAGE);
    CHECK(strstr(err.message, "`xml`") && strstr(err.message, "text, csv, json, markdown, latex"));
}

static void report_beside_a_paper_gives_differences_of_rows_named_alike(const cr_par *par)
{
    (void)par;
    cr_error err = {0};
    cr_report_row rows[] = {
        {.model = "VGG-16",
         .method = "grad-cam",
         .protocol = "gradcam-paper",
         .top1_loc_error = 56.0,
         .top5_loc_error = NAN},
        {.model = "VGG-16", .method = "cam", .protocol = "gradcam-paper", .top1_loc_error = 1},
    };
    const cr_report report = {.n_rows = 2, .rows = rows};
    char *text = NULL;
    if (!CHECK_OK(cr_report_paper(&report, "gradcam2017", &text, &err), &err))
        return;
    static const char *const lines[] = {
        "VGG-16            grad-cam  gradcam-paper       top-1 loc        56.00       56.51       "
        "-0.51\n",
        "VGG-16            grad-cam  gradcam-paper       top-5 loc            -       46.41        "
        "   "
        "-\n",
        "AlexNet           grad-cam  -                   top-1 loc            -       68.30        "
        "   "
        "-\n",
        "1 of the file's 2 rows are not in the paper",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        CHECK(strstr(text, lines[i]) != NULL);
    free(text);
    CHECK_EQUAL(cr_report_paper(&report, "vgg2014", &text, &err), CR_EUSAGE);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(report_failed_counted_as_wrong_gives_the_errors_done_by_hand),
        HARNESS_CASE(report_failed_left_out_changes_the_denominators),
        HARNESS_CASE(text_of_a_whole_run_is_the_table_expected),
        HARNESS_CASE(text_of_an_empty_run_says_partial_and_has_no_numbers),
        HARNESS_CASE(json_has_the_schema_other_programs_rely_on),
        HARNESS_CASE(json_of_an_empty_run_has_null_for_what_was_not_counted),
        HARNESS_CASE(json_gives_numbers_that_read_back_exactly),
        HARNESS_CASE(csv_is_read_back_field_by_field),
        HARNESS_CASE(markdown_and_latex_escape_what_would_be_markup),
        HARNESS_CASE(report_beside_a_paper_gives_differences_of_rows_named_alike),
        HARNESS_CASE(format_unknown_is_refused_with_the_known_ones),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
