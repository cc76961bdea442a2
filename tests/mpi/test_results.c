/* Without arguments: the tests. Otherwise one step for tests/judge/test_results.py:
 *   write FILE   the made-up run, whole
 *   write16 FILE part of it: one float16 map an image, failures left out
 *   die FILE     the first half of its images, not closed: rank 0 is killed by SIGKILL
 *   check FILE   opens the file and checks that every row marked done is right; prints their number
 */
#include "made_up.h"

#include <signal.h>
#include <sys/stat.h>

/* The IoU of a prediction; that of a box that does not exist is 0. */
static double iou_at(int m, int v, int p, int i, int s, int b)
{
    return box_of(v, p, i, s, b).x0 < 0 ? 0 : iou_of(m, v, p, i, s, b);
}

/* The devkit's rule once more, image by image; protocol 1 predicts both boxes of the first two classes
 * and the second one of the third. */
static cr_tally expected_tally(int m, int v, int p, bool skip_failed, int n_written)
{
    static const int slots[2][CR_TOP] = {{0, 1, 2, 3, 4}, {0, 0, 1, 1, 2}};
    static const int boxes[2][CR_TOP] = {{0, 0, 0, 0, 0}, {0, 1, 0, 1, 1}};
    const double right = p == 0 ? 0.5 : 0.7;
    cr_tally t = {.n_missing = N_IMAGES - n_written};
    for (int i = 0; i < n_written; i++) {
        const int label = i % N_CLASSES;
        if (is_failed(m, i)) {
            t.n_failed++;
            t.n_images += !skip_failed;
            t.n_localized += !skip_failed && is_counted(p, i);
            continue;
        }
        t.n_images++;
        t.n_localized += is_counted(p, i);
        bool top5_loc = false;
        for (int k = 0; k < CR_TOP; k++) {
            /* Five consecutive classes of seven: the label comes once. */
            t.top5_class_right += top_class(m, i, k) == label;
            t.top1_class_right += k == 0 && top_class(m, i, k) == label;
            if (is_counted(p, i) && top_class(m, i, slots[p][k]) == label &&
                iou_at(m, v, p, i, slots[p][k], boxes[p][k]) >= right) {
                top5_loc = true;
                t.top1_loc_right += k == 0;
            }
        }
        t.top5_loc_right += top5_loc;
        if (is_counted(p, i)) {
            const double iou = iou_at(m, v, p, i, CR_SLOT_TRUTH, 0);
            t.gt_known_right += iou >= right;
            t.iou_sum += llround(iou * 0x1p40);
        }
    }
    return t;
}

static int64_t sum_of(const int64_t *values, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

static void check_tally(const cr_tally *got, const cr_tally *wanted)
{
    CHECK_EQUAL(got->n_images, wanted->n_images);
    CHECK_EQUAL(got->n_failed, wanted->n_failed);
    CHECK_EQUAL(got->n_missing, wanted->n_missing);
    CHECK_EQUAL(got->n_localized, wanted->n_localized);
    CHECK_EQUAL(got->top1_class_right, wanted->top1_class_right);
    CHECK_EQUAL(got->top5_class_right, wanted->top5_class_right);
    CHECK_EQUAL(got->top1_loc_right, wanted->top1_loc_right);
    CHECK_EQUAL(got->top5_loc_right, wanted->top5_loc_right);
    CHECK_EQUAL(got->gt_known_right, wanted->gt_known_right);
    CHECK_EQUAL(got->iou_sum, wanted->iou_sum);
    CHECK_EQUAL(got->top1_outcomes[CR_OUTCOME_RIGHT], wanted->top1_loc_right);
    CHECK_EQUAL(got->gt_known_outcomes[CR_OUTCOME_RIGHT], wanted->gt_known_right);
    CHECK_EQUAL(sum_of(got->top1_outcomes, CR_N_OUTCOMES), wanted->n_localized);
    CHECK_EQUAL(sum_of(got->gt_known_outcomes, CR_N_OUTCOMES), wanted->n_localized);
}

static void check_sweep(const cr_sweep *got, int m, int v, bool skip_failed, int n_written)
{
    int64_t n = 0, right[CR_SWEEP_BITS] = {0};
    const int level = 77;
    for (int i = 0; i < n_written; i++) {
        if (!count_boxes(i) || (is_failed(m, i) && skip_failed))
            continue;
        n++;
        for (int bit = 0; bit < CR_SWEEP_BITS && !is_failed(m, i); bit++)
            right[bit] += (level_of(m, v, i, level) >> bit) & 1;
    }
    CHECK_EQUAL(got->n_images[0] + got->n_images[1], n);
    for (int bit = 0; bit < CR_SWEEP_BITS; bit++)
        CHECK_EQUAL(got->right[0][bit][level] + got->right[1][bit][level], right[bit]);
}

/* The sums of all models: of each variant those of the two metrics, the first under each protocol. */
typedef struct counts {
    struct {
        cr_tally tallies[N_PROTOCOLS];
        cr_sweep sweep;
    } of[N_MODELS][N_VARIANTS];
} counts;

enum { N_TALLIES = N_MODELS * N_VARIANTS * N_PROTOCOLS };

static void check_counts(const counts *c, bool skip_failed, int n_written)
{
    for (int m = 0; m < N_MODELS; m++)
        for (int v = 0; v < N_VARIANTS; v++) {
            check_sweep(&c->of[m][v].sweep, m, v, skip_failed, n_written);
            for (int p = 0; p < N_PROTOCOLS; p++) {
                const cr_tally wanted = expected_tally(m, v, p, skip_failed, n_written);
                check_tally(&c->of[m][v].tallies[p], &wanted);
            }
        }
}

/* Class by class it is the same in sum. */
static void check_classes(cr_results *results, const counts *c)
{
    cr_error err = {0};
    cr_tally *tallies = cr_alloc((size_t)N_TALLIES * N_CLASSES, sizeof *tallies);
    CHECK_OK(cr_results_tally_classes(results, tallies, &err), &err);
    for (int k = 0; k < N_TALLIES; k++) {
        const cr_tally *of = &tallies[k * N_CLASSES];
        cr_tally sum = {0};
        for (int i = 0; i < N_CLASSES * CR_TALLY_FIELDS; i++)
            ((int64_t *)&sum)[i % CR_TALLY_FIELDS] += ((const int64_t *)of)[i];
        CHECK(same_bytes(&sum, &(&c->of[0][0])[k / N_PROTOCOLS].tallies[k % N_PROTOCOLS],
                         sizeof sum));
        /* Images 2, 9 (which may be left out), 16, 23, 30. */
        CHECK(of[2].n_images + of[2].n_missing >= 4 && of[2].n_images + of[2].n_missing <= 5);
    }
    free(tallies);
}

/* Every rank tallies its slice of the images. */
static void tally_together(const cr_par *par, cr_results *results, counts *c)
{
    cr_error err = {0};
    const int first = N_IMAGES * par->rank / par->size;
    const int end = N_IMAGES * (par->rank + 1) / par->size;
    const size_t n_sums = cr_results_count_sums(cr_results_get_plan(results));
    if (!CHECK_EQUAL((int64_t)(n_sums * sizeof(int64_t)), (int64_t)sizeof c->of[0][0]))
        return;
    CHECK_OK(cr_results_tally(results, first, end - first, (int64_t *)c, &err), &err);
    CHECK_OK(cr_par_sum(par, (int64_t *)c, (int)(sizeof *c / sizeof(int64_t)), &err), &err);
}

/* Creates, writes the first n_written images, tallies, closes. */
static void write_file(const cr_par *par, const char *file, int map_slots, bool map_float16,
                       bool skip_failed, int n_written)
{
    cr_error err = {0};
    cr_results *results = create(par, file, map_slots, map_float16, skip_failed, &err);
    counts *c = cr_alloc(1, sizeof *c);
    if (!results || !c)
        return;
    write_chunks(par, results, n_written);
    CHECK_OK(cr_results_flush(results, &err), &err);
    tally_together(par, results, c);
    check_counts(c, skip_failed, n_written);
    CHECK_OK(cr_results_write_summary(results, (const int64_t *)c, &err), &err);
    CHECK_OK(cr_results_close(&results, &err), &err);
    CHECK(results == NULL);
    free(c);
}

static void results_written_by_all_ranks_are_seen_by_each_before_closing(const cr_par *par)
{
    cr_error err = {0};
    cr_results *results = create(par, file_in_folder("seen.h5"), CR_SLOTS, false, false, &err);
    if (!results)
        return;
    write_chunks(par, results, N_IMAGES);
    CHECK_OK(cr_results_flush(results, &err), &err);
    CHECK_EQUAL(check_all_rows(results), N_MODELS * N_IMAGES);
    CHECK_OK(cr_results_close(&results, &err), &err);
}

static void check_plan(const cr_results_plan *got, const cr_results_plan *wanted)
{
    CHECK_TEXT(got->job_name, wanted->job_name);
    CHECK_TEXT(got->job_text, wanted->job_text);
    CHECK_TEXT(got->overrides, wanted->overrides);
    CHECK_TEXT(got->libraries, wanted->libraries);
    if (!CHECK_EQUAL(got->n_protocols, wanted->n_protocols))
        return;
    for (int p = 0; p < wanted->n_protocols; p++) {
        const cr_protocol *a = &got->protocols[p], *b = &wanted->protocols[p];
        CHECK_TEXT(a->name, b->name);
        CHECK(a->threshold == b->threshold && a->loose == b->loose && a->iou == b->iou);
        CHECK_EQUAL(a->connectivity, b->connectivity);
        CHECK_EQUAL(a->upsampling, b->upsampling);
        CHECK_EQUAL(a->boxes, b->boxes);
        CHECK_EQUAL(a->n_boxes, b->n_boxes);
        CHECK_EQUAL(a->predictions, b->predictions);
        CHECK_EQUAL(a->exclude, b->exclude);
    }
    CHECK(got->show_protocols == wanted->show_protocols && got->show_v1 == wanted->show_v1 &&
          got->show_v2 == wanted->show_v2);
    CHECK_EQUAL(got->skip_failed, wanted->skip_failed);
    CHECK_EQUAL(got->batch, wanted->batch);
    CHECK_EQUAL(got->map_slots, wanted->map_slots);
    CHECK_EQUAL(got->map_float16, wanted->map_float16);
    if (!CHECK_EQUAL(got->n_models, wanted->n_models))
        return;
    for (int m = 0; m < wanted->n_models; m++) {
        const cr_results_model *a = &got->models[m], *b = &wanted->models[m];
        CHECK_TEXT(a->name, b->name);
        CHECK_TEXT(a->file, b->file);
        CHECK_TEXT(a->sha256, b->sha256);
        CHECK_TEXT(a->input, b->input);
        CHECK_TEXT(a->filter, b->filter);
        if (!CHECK_EQUAL(a->n_variants, b->n_variants))
            return;
        for (int v = 0; v < b->n_variants; v++) {
            CHECK_TEXT(a->variants[v].method, b->variants[v].method);
            CHECK_TEXT(a->variants[v].layer, b->variants[v].layer);
            CHECK_EQUAL(a->variants[v].layer_given, b->variants[v].layer_given);
            CHECK_EQUAL(a->variants[v].scaling, b->variants[v].scaling);
            CHECK_EQUAL(a->variants[v].map_width, b->variants[v].map_width);
            CHECK_EQUAL(a->variants[v].map_height, b->variants[v].map_height);
            CHECK_EQUAL(a->variants[v].map_slots, b->variants[v].map_slots);
        }
    }
}

static void check_data(const cr_dataset *got, const cr_dataset *wanted)
{
    CHECK_TEXT(got->folder, wanted->folder);
    CHECK_EQUAL(got->n_excluded, wanted->n_excluded);
    if (!CHECK_EQUAL(got->n_images, wanted->n_images) ||
        !CHECK_EQUAL(got->n_boxes, wanted->n_boxes) ||
        !CHECK_EQUAL(got->n_classes, wanted->n_classes))
        return;
    CHECK(same_bytes(got->boxes, wanted->boxes, (size_t)wanted->n_boxes * sizeof *got->boxes));
    for (int c = 0; c < wanted->n_classes; c++) {
        CHECK_TEXT(got->text + got->classes[c].wnid, wanted->text + wanted->classes[c].wnid);
        CHECK_TEXT(got->text + got->classes[c].name, wanted->text + wanted->classes[c].name);
        CHECK_EQUAL(got->classes[c].devkit, wanted->classes[c].devkit);
    }
    for (int i = 0; i < wanted->n_images; i++) {
        const cr_data_image *a = &got->images[i], *b = &wanted->images[i];
        CHECK_TEXT(cr_data_image_id(got, i), cr_data_image_id(wanted, i));
        CHECK_TEXT(got->text + a->file, wanted->text + b->file);
        CHECK_EQUAL(a->label, b->label);
        CHECK_EQUAL(a->first_box, b->first_box);
        CHECK_EQUAL(a->n_boxes, b->n_boxes);
        CHECK_EQUAL(a->localize, b->localize);
        CHECK(a->width == 0 && a->height == 0); /* beside models, whose rows have sizes */
    }
}

/* Closed, opened again, the plan, the image set, every row and the tallies are as given. */
static void round_trip(const cr_par *par, int map_slots, bool map_float16, bool skip_failed,
                       int n_written)
{
    const char *file = file_in_folder("round.h5");
    cr_error err = {0};
    counts *c = cr_alloc(1, sizeof *c);
    write_file(par, file, map_slots, map_float16, skip_failed, n_written);
    cr_par_barrier(par, &err);
    cr_results_plan plan = make_plan(map_slots, map_float16, skip_failed);
    cr_dataset data = make_data();
    cr_results *results = NULL;
    if (CHECK_OK(cr_results_open(file, &results, &err), &err)) {
        check_plan(cr_results_get_plan(results), &plan);
        check_data(cr_results_get_data(results), &data);
        CHECK_EQUAL(check_all_rows(results), N_MODELS * n_written);
        CHECK_OK(cr_results_tally(results, 0, N_IMAGES, (int64_t *)c, &err), &err);
        check_counts(c, skip_failed, n_written);
        check_classes(results, c);
        CHECK_EQUAL(cr_results_read(results, N_MODELS, &(cr_results_rows){0}, &err), CR_EINTERNAL);
        CHECK_EQUAL(
            cr_results_read(results, 0, &(cr_results_rows){.first = N_IMAGES, .n = 1}, &err),
            CR_EINTERNAL);
        CHECK_OK(cr_results_close(&results, &err), &err);
    }
    free(c);
    struct stat info;
    CHECK_EQUAL(stat(file, &info), 0);
    const size_t promised = cr_results_bytes(&plan, &data);
    CHECK((size_t)info.st_size <= promised && promised < (size_t)info.st_size + 300000);
    cr_results_plan_free(&plan);
    cr_data_free(&data);
    cr_par_barrier(par, &err);
}

static void results_with_all_maps_come_back_as_written(const cr_par *par)
{
    round_trip(par, CR_SLOTS, false, false, N_IMAGES);
}

static void results_with_one_float16_map_come_back_as_written(const cr_par *par)
{
    round_trip(par, 1, true, false, N_IMAGES);
}

static void results_without_maps_skipping_failures_come_back_as_written(const cr_par *par)
{
    round_trip(par, 0, false, true, N_IMAGES);
}

static void results_unfinished_count_the_missing_images(const cr_par *par)
{
    round_trip(par, CR_SLOTS, false, false, 10);
}

/* The modes for tests/judge/test_results.py. */

static const char *judged_file;

static void write_judged(const cr_par *par)
{
    write_file(par, judged_file, CR_SLOTS, false, false, N_IMAGES);
}

static void write_judged_float16(const cr_par *par)
{
    write_file(par, judged_file, 1, true, true, 30);
}

static void die(const cr_par *par)
{
    cr_error err = {0};
    cr_results *results = create(par, judged_file, CR_SLOTS, false, false, &err);
    if (!results)
        return;
    write_chunks(par, results, N_IMAGES / 2);
    cr_par_barrier(par, &err);
    if (par->rank == 0)
        raise(SIGKILL);
    cr_par_barrier(par, &err);
}

static void check_judged(const cr_par *par)
{
    (void)par;
    cr_error err = {0};
    cr_results *results = NULL;
    if (CHECK_OK(cr_results_open(judged_file, &results, &err), &err))
        printf("%d rows\n", check_all_rows(results));
    CHECK_OK(cr_results_close(&results, &err), &err);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(results_written_by_all_ranks_are_seen_by_each_before_closing),
        HARNESS_CASE(results_with_all_maps_come_back_as_written),
        HARNESS_CASE(results_with_one_float16_map_come_back_as_written),
        HARNESS_CASE(results_without_maps_skipping_failures_come_back_as_written),
        HARNESS_CASE(results_unfinished_count_the_missing_images),
    };
    const struct {
        const char *name;
        harness_case step;
    } modes[] = {{"write", HARNESS_CASE(write_judged)},
                 {"write16", HARNESS_CASE(write_judged_float16)},
                 {"die", HARNESS_CASE(die)},
                 {"check", HARNESS_CASE(check_judged)}};
    if (argc == 1)
        return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
    for (size_t i = 0; argc == 3 && i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[1], modes[i].name) == 0) {
            judged_file = argv[2];
            return harness_run(argc, argv, &modes[i].step, 1);
        }
    return 2;
}
