/* Figures, the comparison of rows and the table of classes, as sections of the page. */
#include "internal.h"

#include "camrank/page.h"

#include <inttypes.h>
#include <math.h>

bool cr_html_put_figures(const cr_page *page, FILE *out)
{
    bool whole = true;
    fputs("<section id=\"figures\" aria-labelledby=\"figures-title\"><h2 "
          "id=\"figures-title\">Figures</h2>\n"
          "<p class=\"note\">A pointer over a mark shows its number. <code>camrank plot</code> "
          "writes each of "
          "them as PDF, SVG, PNG or CSV.</p>\n<div class=\"figures\">\n",
          out);
    for (int k = 0; cr_plot_kinds[k]; k++) {
        const cr_plot_kind *kind = cr_plot_kinds[k];
        const bool compares = kind->needs & CR_PLOT_NEEDS_COMPARE;
        cr_error err = {0};
        cr_chart chart = {0};
        if (compares && !page->plot->metric)
            continue;
        const cr_status status =
            cr_plot_make(kind, page->plot, CR_CHART_ONE_COLUMN * 1.3, &chart, &err);
        if (status == CR_OK) {
            fprintf(out, "<figure id=\"figure-%s\">", kind->name);
            cr_chart_put_svg(&chart, out);
            fputs("<figcaption>", out);
            cr_put_xml(out, kind->reading);
            fputs("</figcaption></figure>\n", out);
        } else if (status == CR_EINPUT) {
            fputs("<p class=\"note\">", out);
            cr_put_xml(out, kind->title);
            fputs(": ", out);
            cr_put_xml(out, err.message);
            fputs("</p>\n", out);
        }
        whole = whole && (status == CR_OK || status == CR_EINPUT);
        cr_chart_fini(&chart);
    }
    fputs("</div></section>\n", out);
    return whole;
}

static const char *number_text(cr_sheet *sheet, double value, int places)
{
    return isnan(value) ? "-" : cr_sheet_text(sheet, "%.*f", places, value);
}

typedef struct column {
    const char *title, *meaning;
} column;

/* An empty sheet with these columns, of which the first `n_texts` are of texts. */
static void begin_sheet(cr_sheet *sheet, const column *columns, int n, int n_texts, int n_lines)
{
    cr_sheet_init(sheet, n, n_lines);
    for (int c = 0; c < n && !sheet->failed; c++) {
        sheet->columns[c] = (cr_sheet_column){columns[c].title, NULL, c < n_texts, 0};
        sheet->meanings[c] = columns[c].meaning;
    }
}

/* Rows from best to worst, with their letters. */
static bool put_rows(const cr_compare *compare, const cr_compare_metric *metric, FILE *out)
{
    cr_sheet sheet;
    const int places = cr_metric_number_at(metric->number, NULL)->places;
    const column columns[] = {
        {"row", "The network and the method."},
        {"letters", "Rows that share a letter cannot be told apart."},
        {"value", cr_metric_number_meaning(metric->number)},
    };
    begin_sheet(&sheet, columns, 3, 2, metric->n_having);
    for (int i = 0; i < sheet.n_lines; i++) {
        const int row = metric->order[i];
        sheet.cells[3 * i].text = compare->rows[row].label;
        sheet.cells[3 * i + 1].text = metric->letters ? metric->letters[row] : "-";
        sheet.cells[3 * i + 2].text = number_text(&sheet, metric->values[row], places);
    }
    const bool whole = cr_sheet_put_html(&sheet, "row-table", "Rows, the best first.", out);
    cr_sheet_fini(&sheet);
    return whole;
}

static const char *sentence_of(cr_sheet *sheet, const cr_compare *compare,
                               const cr_compare_metric *metric, const cr_compare_pair *pair)
{
    char *words = NULL;
    size_t bytes;
    FILE *out = open_memstream(&words, &bytes);
    if (out) {
        cr_compare_put_sentence(compare, metric, pair, out);
        fclose(out);
    }
    const char *text = cr_sheet_text(sheet, "%s", words ? words : "");
    free(words);
    return text;
}

static bool put_pairs(const cr_compare *compare, const cr_compare_metric *metric, FILE *out)
{
    static const column columns[] = {
        {"A", "The first row."},
        {"B", "The second row."},
        {"in words", "What the numbers say of the two rows."},
        {"difference", "A's value minus B's, on the same images."},
        {"from", "The lower end of the difference's 95 % interval."},
        {"to", "The upper end of the difference's 95 % interval."},
        {"A only", "Images that A has right and B has wrong."},
        {"B only", "Images that B has right and A has wrong."},
        {"p", "How probable such a difference is where there is none: McNemar's test, of means "
              "Wilcoxon's, corrected by Holm over all pairs."},
    };
    enum { N = sizeof columns / sizeof *columns };
    cr_sheet sheet;
    const int places = cr_metric_number_at(metric->number, NULL)->places;
    begin_sheet(&sheet, columns, N, 3, compare->n_pairs);
    for (int p = 0; p < sheet.n_lines; p++) {
        const cr_compare_pair *pair = &metric->pairs[p];
        const char *const texts[N] = {
            compare->rows[pair->a].label,
            compare->rows[pair->b].label,
            sentence_of(&sheet, compare, metric, pair),
            number_text(&sheet, pair->difference, places),
            number_text(&sheet, pair->low, places),
            number_text(&sheet, pair->high, places),
            cr_sheet_text(&sheet, "%" PRId64, pair->counts.only_a),
            cr_sheet_text(&sheet, "%" PRId64, pair->counts.only_b),
            isnan(pair->p_adjusted) ? "-" : cr_sheet_text(&sheet, "%.2g", pair->p_adjusted)};
        for (int c = 0; c < N; c++)
            sheet.cells[N * p + c].text = texts[c];
    }
    const bool whole =
        cr_sheet_put_html(&sheet, "pair-table",
                          "Pairs: A minus B, its 95 % interval, the images that only one of them "
                          "has right, p corrected over all pairs, and what that says.",
                          out);
    cr_sheet_fini(&sheet);
    return whole;
}

bool cr_html_put_comparison(const cr_page *page, FILE *out)
{
    const cr_compare *compare = page->plot->compare;
    const cr_compare_metric *metric = page->plot->metric;
    fputs("<section id=\"comparison\" aria-labelledby=\"comparison-title\"><h2 "
          "id=\"comparison-title\">"
          "Comparison of rows</h2>\n",
          out);
    if (!compare || !metric) {
        fputs("<p class=\"note\">", out);
        cr_put_xml(out, page->no_comparison ? page->no_comparison : "There is none.");
        fputs("</p></section>\n", out);
        return true;
    }
    const cr_metric_number *number = cr_metric_number_at(metric->number, NULL);
    fprintf(
        out,
        "<p>Rows are compared under %s, image by image, on the %d images that count under all of "
        "them. Rows that share a letter cannot be told apart (p of %g, corrected over all pairs by "
        "Holm).</p>\n",
        number->title ? number->title : number->key, metric->n, compare->options.alpha);
    const bool whole = put_rows(compare, metric, out);
    const bool pairs = put_pairs(compare, metric, out);
    fputs("</section>\n", out);
    return whole && pairs;
}

/* Errors of a class under a row. */
static double error_of(const cr_tally *tally, bool of_truth)
{
    const int64_t right = of_truth ? tally->gt_known_right : tally->top1_loc_right;
    return tally->n_localized > 0 ? 100 - 100 * (double)right / (double)tally->n_localized : NAN;
}

bool cr_html_put_classes(const cr_page *page, FILE *out)
{
    const cr_plot_data *plot = page->plot;
    const cr_tally *first = plot->rows[0].of->classes;
    const int n_columns = plot->n_rows + 3;
    bool of_truth = false;
    int n_lines = 0;
    cr_sheet sheet;
    for (int r = 0; r < plot->n_rows; r++)
        of_truth = of_truth || !plot->rows[r].of->has_network;
    for (int c = 0; first && c < plot->data->n_classes; c++)
        n_lines += first[c].n_localized > 0;
    fputs("<section id=\"classes\" aria-labelledby=\"classes-title\"><h2 "
          "id=\"classes-title\">Classes</h2>\n",
          out);
    if (n_lines == 0) {
        fputs("<p class=\"note\">No class has images that count for localization.</p></section>\n",
              out);
        return true;
    }
    fprintf(out,
            "<p>%s of each class, in %%, over its images that count for localization.</p>\n"
            "<div class=\"tools\" hidden><label>Search<input type=\"search\" "
            "data-table=\"class-table\" "
            "placeholder=\"a class\"></label></div>\n",
            of_truth ? "Errors of the ground-truth class's box" : "Top-1 localization errors");
    cr_sheet_init(&sheet, n_columns, n_lines);
    cr_sheet_cell *cell = sheet.cells;
    const column columns[] = {
        {"class", "Its name in the synset list."},
        {"id", "Its wnid, the first word of its line in the synset list."},
        {"images", "Images of the class that count for localization."},
        {NULL, cr_metric_number_meaning(
                   cr_metric_number_find(of_truth ? "gt_known_loc_error" : "top1_loc_error"))},
    };
    for (int c = 0; c < sheet.n_columns; c++) {
        const column *of = &columns[c < 3 ? c : 3];
        sheet.columns[c] =
            (cr_sheet_column){of->title ? of->title : plot->rows[c - 3].label, NULL, c < 2, 0};
        sheet.meanings[c] = of->meaning;
    }
    for (int c = 0; c < plot->data->n_classes && !sheet.failed; c++) {
        if (first[c].n_localized == 0)
            continue;
        (cell++)->text = plot->data->text + plot->data->classes[c].name;
        (cell++)->text = plot->data->text + plot->data->classes[c].wnid;
        (cell++)->text = cr_sheet_text(&sheet, "%" PRId64, first[c].n_localized);
        for (int r = 0; r < plot->n_rows; r++)
            (cell++)->text =
                number_text(&sheet, error_of(&plot->rows[r].of->classes[c], of_truth), 2);
    }
    const bool whole = cr_sheet_put_html(&sheet, "class-table", "A line a class.", out);
    cr_sheet_fini(&sheet);
    fputs("</section>\n", out);
    return whole;
}
