/* The tables for people. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *cr_compare_number_text(cr_sheet *sheet, int places, double value)
{
    return isnan(value) ? "-" : cr_sheet_text(sheet, "%.*f", places, value);
}

const char *cr_compare_p_text(cr_sheet *sheet, double p)
{
    char words[CR_COMPARE_P_BYTES];
    cr_compare_p_words(p, words);
    return cr_sheet_text(sheet, "%s", words);
}

bool cr_compare_begin_sheet(cr_sheet *sheet, const char *const *titles, int n_titles, int n_texts,
                            int n_lines)
{
    cr_sheet_init(sheet, n_titles, n_lines);
    for (int c = 0; c < n_titles && !sheet->failed; c++)
        sheet->columns[c] = (cr_sheet_column){titles[c], NULL, c < n_texts, 0};
    return !sheet->failed;
}

static int widest_letters(const cr_compare *compare, const cr_compare_metric *metric)
{
    size_t width = 0;
    for (int r = 0; r < compare->n_rows && metric->letters; r++) {
        const size_t of = strlen(metric->letters[r]);
        width = of > width ? of : width;
    }
    return (int)width;
}

/* Numbers with one decimal point below the other: letters are filled up behind. */
static const char *value_text(cr_sheet *sheet, const cr_compare_metric *metric, int row, int width)
{
    const int places = cr_compare_number(metric)->places;
    if (width == 0)
        return cr_compare_number_text(sheet, places, metric->values[row]);
    if (isnan(metric->values[row]))
        return cr_sheet_text(sheet, "- %*s", width, "");
    return cr_sheet_text(sheet, "%.*f %-*s", places, metric->values[row], width,
                         metric->letters[row]);
}

void cr_compare_make_rows(const cr_compare *compare, cr_sheet *sheet)
{
    const int *order = compare->metrics[compare->lead].order, n = compare->n_metrics;
    cr_sheet_init(sheet, 1 + n, compare->n_rows);
    if (sheet->failed)
        return;
    sheet->columns[0] = (cr_sheet_column){"row", NULL, true, 0};
    for (int m = 0; m < n; m++)
        sheet->columns[1 + m].title = cr_compare_number(&compare->metrics[m])->title;
    for (int r = 0; r < compare->n_rows; r++)
        sheet->cells[r * (1 + n)].text = compare->rows[order[r]].label;
    for (int m = 0; m < n; m++) {
        const cr_compare_metric *metric = &compare->metrics[m];
        const int width = widest_letters(compare, metric);
        for (int r = 0; r < compare->n_rows; r++)
            sheet->cells[r * (1 + n) + 1 + m].text = value_text(sheet, metric, order[r], width);
    }
}

static const char *interval_text(cr_sheet *sheet, int places, double low, double high)
{
    return isnan(low) ? "-" : cr_sheet_text(sheet, "%.*f, %.*f", places, low, places, high);
}

static void fill_line(cr_sheet *sheet, cr_sheet_cell *cell, const cr_compare_metric *metric,
                      const cr_compare_pair *pair)
{
    const int places = cr_compare_number(metric)->places;
    const bool counted = metric->is_rights && !isnan(pair->difference);
    (cell++)->text = cr_compare_number(metric)->title;
    (cell++)->text = cr_compare_number_text(sheet, places, metric->values[pair->a]);
    (cell++)->text = cr_compare_number_text(sheet, places, metric->values[pair->b]);
    (cell++)->text = cr_compare_number_text(sheet, places, pair->difference);
    (cell++)->text = interval_text(sheet, places, pair->low, pair->high);
    (cell++)->text = counted ? cr_sheet_text(sheet, "%" PRId64, pair->counts.only_a) : "-";
    (cell++)->text = counted ? cr_sheet_text(sheet, "%" PRId64, pair->counts.only_b) : "-";
    (cell++)->text = cr_compare_p_text(sheet, cr_compare_p(metric, pair));
    (cell++)->text = cr_compare_p_text(sheet, pair->p_mid);
    (cell++)->text = cr_compare_p_text(sheet, pair->p_adjusted);
    cell->text = cr_compare_number_text(sheet, 2, pair->kappa);
}

void cr_compare_make_pair(const cr_compare *compare, int pair, cr_sheet *sheet)
{
    static const char *const titles[] = {"number", "A", "B",     "A - B", "interval", "only A",
                                         "only B", "p", "mid-p", "Holm",  "kappa"};
    enum { N = sizeof titles / sizeof titles[0] };
    if (!cr_compare_begin_sheet(sheet, titles, N, 1, compare->n_metrics))
        return;
    for (int m = 0; m < compare->n_metrics; m++)
        fill_line(sheet, sheet->cells + m * N, &compare->metrics[m],
                  &compare->metrics[m].pairs[pair]);
}

/* "28.50 (0.71)", below it "28.00-29.00". */
static cr_sheet_cell spread_cell(cr_sheet *sheet, const cr_compare_metric *metric, int variant)
{
    const int places = cr_compare_number(metric)->places;
    const cr_compare_spread *of = &metric->spreads[variant];
    cr_sheet_cell cell = {.text = "-"};
    if (isnan(of->mean))
        return cell;
    if (isnan(of->deviation)) {
        cell.text = cr_compare_number_text(sheet, places, of->mean);
        return cell;
    }
    cell.text = cr_sheet_text(sheet, "%.*f (%.*f)", places, of->mean, places, of->deviation);
    cr_sheet_add_below(&cell,
                       cr_sheet_text(sheet, "%.*f-%.*f", places, of->least, places, of->most));
    return cell;
}

void cr_compare_make_variants(const cr_compare *compare, cr_sheet *sheet)
{
    const int n = 2 + compare->n_metrics;
    cr_sheet_init(sheet, n, compare->n_variants);
    if (sheet->failed)
        return;
    sheet->columns[0] = (cr_sheet_column){"variant", NULL, true, 0};
    sheet->columns[1].title = "runs";
    for (int m = 0; m < compare->n_metrics; m++)
        sheet->columns[2 + m].title = cr_compare_number(&compare->metrics[m])->title;
    for (int v = 0; v < compare->n_variants; v++) {
        cr_sheet_cell *cell = sheet->cells + v * n;
        cell[0].text = compare->variants[v].name;
        cell[1].text = cr_sheet_text(sheet, "%d", compare->variants[v].n_runs);
        for (int m = 0; m < compare->n_metrics; m++)
            cell[2 + m] = spread_cell(sheet, &compare->metrics[m], v);
    }
}

void cr_compare_make_between(const cr_compare *compare, int between, cr_sheet *sheet)
{
    static const char *const titles[] = {"number", "A", "B", "A - B", "interval"};
    enum { N = sizeof titles / sizeof titles[0] };
    if (!cr_compare_begin_sheet(sheet, titles, N, 1, compare->n_metrics))
        return;
    for (int m = 0; m < compare->n_metrics; m++) {
        const cr_compare_metric *metric = &compare->metrics[m];
        const cr_compare_between *of = &metric->between[between];
        const int places = cr_compare_number(metric)->places;
        cr_sheet_cell *cell = sheet->cells + m * N;
        cell[0].text = cr_compare_number(metric)->title;
        cell[1].text = cr_compare_number_text(sheet, places, metric->spreads[of->a].mean);
        cell[2].text = cr_compare_number_text(sheet, places, metric->spreads[of->b].mean);
        cell[3].text = cr_compare_number_text(sheet, places, of->difference);
        cell[4].text = interval_text(sheet, places, of->low, of->high);
    }
}
