/* Figures: no text covers another or leaves the page, at one, three and thirty rows with names as they come, in
 * both widths; and charts are written in each format. */
#include "camrank/plot.h"
#include "camrank/stat.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_ROWS = 30, N_IMAGES = 400, N_CLASSES = 60 };

/* Everything that figures are made from, invented. */
typedef struct made_up {
    cr_report report;
    cr_report_row rows[MOST_ROWS];
    char models[MOST_ROWS][64];
    cr_protocol protocol;
    cr_tally tallies[MOST_ROWS][N_CLASSES];
    cr_dataset data;
    cr_data_image images[N_IMAGES];
    cr_data_class classes[N_CLASSES];
    char text[N_CLASSES * 64];
    cr_plot_data plot;
    cr_compare compare;
    cr_compare_row compared[MOST_ROWS];
    int order[MOST_ROWS];
    double ranks[MOST_ROWS];
} made_up;

static void make_compare(made_up *m, int n)
{
    cr_compare_metric *metric = &m->compare.metrics[0];
    m->compare = (cr_compare){.options = {.alpha = 0.05}, .n_rows = n, .rows = m->compared};
    m->compare.n_pairs = n * (n - 1) / 2;
    metric->number = cr_metric_number_find("top1_loc_error"); /* the longest title */
    metric->n = N_IMAGES;
    metric->n_having = n;
    metric->order = m->order;
    metric->mean_ranks = m->ranks;
    metric->nemenyi = cr_stat_nemenyi(0.05, n > 1 ? n : 2, N_IMAGES);
    metric->pairs = calloc((size_t)m->compare.n_pairs + 1, sizeof *metric->pairs);
    int p = 0;
    for (int a = 0; a < n; a++) {
        m->compared[a].label = m->plot.rows[a].label;
        m->order[a] = a;
        m->ranks[a] = 1 + (n - 1) * (0.3 + 0.4 * a / n); /* close to each other */
        for (int b = a + 1; b < n; b++)
            metric->pairs[p++] = (cr_compare_pair){.a = a,
                                                   .b = b,
                                                   .difference = (b - a) / 100.,
                                                   .low = (b - a) / 100. - 0.02,
                                                   .high = (b - a) / 100. + 0.02,
                                                   .p_adjusted = 0.5 / (b - a)};
    }
    m->plot.compare = &m->compare;
    m->plot.metric = m->plot.ranks = metric;
}

static made_up *make(int n)
{
    cr_error err = {0};
    size_t used = 1;
    made_up *m = calloc(1, sizeof *m);
    strcpy(m->protocol.name, "cam-paper");
    for (int c = 0; c < N_CLASSES; c++) {
        m->classes[c].name = (uint32_t)used;
        used += (size_t)sprintf(
                    m->text + used,
                    c % 7 == 0 ? "class %d, with a name that goes on and on" : "class %d", c) +
                1;
    }
    for (int i = 0; i < N_IMAGES; i++)
        m->images[i].n_boxes = 1 + i % 6;
    m->data = (cr_dataset){.n_images = N_IMAGES,
                           .n_classes = N_CLASSES,
                           .images = m->images,
                           .classes = m->classes,
                           .text = m->text};
    for (int r = 0; r < n; r++) {
        cr_report_row *row = &m->rows[r];
        snprintf(m->models[r], sizeof m->models[r],
                 r % 5 == 4 ? "a-very-long-name-of-a-model-with-its-epoch-%d" : "model-%d", r);
        *row = (cr_report_row){.model = m->models[r],
                               .method = "grad-cam",
                               .protocol = m->protocol.name,
                               .precision = "float32",
                               .has_network = true,
                               .n_images = N_IMAGES,
                               .n_localized = N_IMAGES,
                               .n_swept = N_IMAGES,
                               .iou = 0.5,
                               .classes = m->tallies[r]};
        strcpy(row->variant, "grad-cam");
        for (int k = 0; k < cr_metric_n_numbers(); k++)
            row->values[k] = (cr_metric_value){30 + 0.3 * r, 27 + 0.3 * r, 33 + 0.3 * r};
        for (int level = 0; level < CR_SWEEP_LEVELS; level++)
            row->curve[level] = 70 - 0.01 * (level - 30) * (level - 30) * (1 + 0.02 * r);
        for (int level = 0; level < CR_SWEEP_LEVELS; level++)
            row->curve[level] = fmax(0, row->curve[level]);
        for (int o = 0; o < CR_N_OUTCOMES; o++)
            row->top1_outcomes[o] = N_IMAGES / CR_N_OUTCOMES;
        for (int c = 0; c < N_CLASSES; c++)
            m->tallies[r][c] = (cr_tally){.n_localized = 100, .top1_loc_right = (c * 7 + r) % 100};
    }
    m->report =
        (cr_report){.n_protocols = 1, .protocols = &m->protocol, .n_rows = n, .rows = m->rows};
    assert_int_equal(cr_plot_data_init(&m->report, &m->data,
                                       CR_PLOT_NEEDS_IMAGES | CR_PLOT_NEEDS_SIZES, &m->plot, &err),
                     CR_OK);
    for (int i = 0; i < N_IMAGES; i++) {
        m->plot.share[i] = (i % 100) / 99.;
        for (int r = 0; r < n; r++) {
            m->plot.rows[r].iou[i] = fmod(i * 0.618 + r * 0.01, 1);
            m->plot.rows[r].right[i] = m->plot.rows[r].iou[i] >= 0.5;
            const double curve[] = {0.1, fmod(i * 0.618, 1), 0.9, NAN};
            for (int k = 0; k < CR_PLOT_N_CURVES; k++)
                assert_true(cr_plot_add_image_curve(&m->plot.rows[r].curves[k], curve, 4));
        }
    }
    make_compare(m, n);
    return m;
}

static void unmake(made_up *m)
{
    free(m->compare.metrics[0].pairs);
    cr_plot_data_free(&m->plot);
    free(m);
}

typedef struct seen {
    int n;
    struct place {
        char text[240];
        double x, y, width, height;
    } places[2000];
} seen;

static void see(void *context, const char *text, double x, double y, double width, double height)
{
    seen *s = context;
    assert_true(s->n < 2000);
    struct place *place = &s->places[s->n++];
    *place = (struct place){.x = x, .y = y, .width = width, .height = height};
    snprintf(place->text, sizeof place->text, "%s", text);
}

static void check_places(const char *kind, int n_rows, const seen *s, double width, double height)
{
    const double touch = 0.05;
    for (int i = 0; i < s->n; i++) {
        const struct place *a = &s->places[i];
        if (a->x < 0 || a->y < 0 || a->x + a->width > width || a->y + a->height > height)
            fail_msg("%s of %d rows: \"%s\" leaves the page", kind, n_rows, a->text);
        for (int k = 0; k < i; k++) {
            const struct place *b = &s->places[k];
            if (a->x < b->x + b->width - touch && b->x < a->x + a->width - touch &&
                a->y < b->y + b->height - touch && b->y < a->y + a->height - touch)
                fail_msg("%s of %d rows, %.0f points: \"%s\" covers \"%s\"", kind, n_rows, width,
                         a->text, b->text);
        }
    }
}

/* Titles are drawn whole, over as many lines as they need; only names of rows and classes may lose their middle. */
static void check_whole(const char *kind, int n_rows, const seen *s, const char *title)
{
    static char joined[sizeof s->places];
    size_t n = 0;
    for (int i = 0; i < s->n; i++)
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s", i ? " " : "",
                              s->places[i].text);
    if (title && !strstr(joined, title))
        fail_msg("%s of %d rows: \"%s\" is cut", kind, n_rows, title);
}

static void texts_never_cover_each_other(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 30};
    static const double widths[] = {CR_CHART_ONE_COLUMN, CR_CHART_TWO_COLUMNS};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t w = 0; w < 2; w++) {
            made_up *m = make(counts[c]);
            for (int k = 0; cr_plot_kinds[k]; k++) {
                const cr_plot_kind *kind = cr_plot_kinds[k];
                cr_error err = {0};
                cr_chart chart;
                const cr_status status = cr_plot_make(kind, &m->plot, widths[w], &chart, &err);
                if (counts[c] == 1 && kind->needs & CR_PLOT_NEEDS_COMPARE) {
                    assert_int_equal(status, CR_EINPUT);
                    cr_chart_fini(&chart);
                    continue;
                }
                if (status != CR_OK)
                    fail_msg("%s of %d rows: %s", kind->name, counts[c], err.message);
                seen *s = calloc(1, sizeof *s);
                const double height = cr_chart_measure(&chart, see, s);
                assert_true(s->n > 5);
                check_places(kind->name, counts[c], s, widths[w], height);
                check_whole(kind->name, counts[c], s, chart.title);
                check_whole(kind->name, counts[c], s, chart.subtitle);
                for (int p = 0; p < chart.n_panels; p++) {
                    check_whole(kind->name, counts[c], s, chart.panels[p].x.title);
                    check_whole(kind->name, counts[c], s, chart.panels[p].y.title);
                }
                for (size_t note = 0; note < chart.n_notes; note++)
                    check_whole(kind->name, counts[c], s, chart.notes[note]);
                /* For a look at them: FIGURES names a folder. */
                if (getenv("FIGURES")) {
                    char path[400];
                    const cr_chart_format *format;
                    snprintf(path, sizeof path, "%s/%s-%d-%zu.png", getenv("FIGURES"), kind->name,
                             counts[c], w + 1);
                    assert_int_equal(cr_chart_format_find(path, &format, &err), CR_OK);
                    assert_int_equal(cr_chart_write(path, format, &chart, 110, &err), CR_OK);
                }
                free(s);
                cr_chart_fini(&chart);
            }
            unmake(m);
        }
}

static void series_are_told_apart_without_colour(void **state)
{
    (void)state;
    for (int i = 0; i < MOST_ROWS; i++)
        for (int k = 0; k < i; k++) {
            const cr_chart_style a = cr_chart_series(i), b = cr_chart_series(k);
            assert_true(a.colour % 7 != b.colour % 7 || a.dash != b.dash || a.marker != b.marker);
            assert_true(i - k >= 20 || a.dash != b.dash || a.marker != b.marker);
        }
}

static void chart_is_written_in_the_format_of_its_ending(void **state)
{
    (void)state;
    static const struct {
        const char *ending, *start;
    } formats[] = {{"png", "\x89PNG"},
                   {"jpeg", "\xff\xd8\xff"},
                   {"PDF", "%PDF-"},
                   {"svg", "<?xml"},
                   {"csv", "row,threshold,error"}};
    made_up *m = make(3);
    const cr_plot_kind *kind;
    const cr_chart_format *format;
    cr_chart chart;
    cr_error err = {0};
    uint8_t *bytes;
    size_t n_bytes;
    assert_int_equal(cr_plot_kind_find("threshold", &kind, &err), CR_OK);
    assert_int_equal(cr_plot_make(kind, &m->plot, CR_CHART_ONE_COLUMN, &chart, &err), CR_OK);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char path[64];
        snprintf(path, sizeof path, "/tmp/camrank-chart-%d.%s", (int)getpid(), formats[i].ending);
        assert_int_equal(cr_chart_format_find(path, &format, &err), CR_OK);
        assert_int_equal(cr_chart_write(path, format, &chart, 100, &err), CR_OK);
        assert_int_equal(cr_file_read(path, 1 << 24, &bytes, &n_bytes, &err), CR_OK);
        assert_memory_equal(bytes, formats[i].start, strlen(formats[i].start));
        assert_true(format->kind((const char *)bytes, n_bytes));
        free(bytes);
        assert_int_equal(cr_chart_write("/dev/full", format, &chart, 100, &err), CR_EIO);
        assert_string_equal(err.message, "/dev/full: No space left on device");
        unlink(path);
    }
    assert_int_equal(cr_chart_format_find("a.gif", &format, &err), CR_EUSAGE);
    assert_int_equal(cr_plot_kind_find("pie", &kind, &err), CR_EUSAGE);
    assert_string_equal(err.message,
                        "there is no figure \"pie\", but threshold, success, iou, outcomes, "
                        "classes, size, objects, models, curves, forest, ranks");
    cr_chart_fini(&chart);
    unmake(m);
}

static void text_of_files_is_harmless_in_svg(void **state)
{
    (void)state;
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    cr_put_xml(out, "<script>&\"'\x01\xff\xc3\xa9");
    fclose(out);
    assert_string_equal(text, "&lt;script&gt;&amp;&quot;&#39; ?\xc3\xa9");
    free(text);
}

/* The fonts that cairo's text needs are found by fontconfig, which never frees its configuration. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_never_cover_each_other),
        cmocka_unit_test(series_are_told_apart_without_colour),
        cmocka_unit_test(chart_is_written_in_the_format_of_its_ending),
        cmocka_unit_test(text_of_files_is_harmless_in_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
