/* The tables of a pair's classes and of its images, for people. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>

static void fill_class(cr_sheet *sheet, cr_sheet_cell *cell, const cr_compare *compare,
                       const cr_compare_metric *metric, const cr_compare_class *of)
{
    const cr_dataset *data = compare->sets[0].data;
    const int places = cr_compare_number(metric)->places;
    const bool rights = metric->is_rights;
    (cell++)->text = data->text + data->classes[of->class].wnid;
    (cell++)->text = data->text + data->classes[of->class].name;
    (cell++)->text = cr_sheet_text(sheet, "%d", of->n);
    (cell++)->text = cr_compare_number_text(sheet, places, of->value_a);
    (cell++)->text = cr_compare_number_text(sheet, places, of->value_b);
    (cell++)->text = cr_compare_number_text(sheet, places, of->difference);
    (cell++)->text = rights ? cr_sheet_text(sheet, "%" PRId64, of->counts.only_a) : "-";
    (cell++)->text = rights ? cr_sheet_text(sheet, "%" PRId64, of->counts.only_b) : "-";
    (cell++)->text = cr_compare_p_text(sheet, rights ? of->p_exact : of->p_wilcoxon);
    (cell++)->text = cr_compare_p_text(sheet, of->p_mid);
    cell->text = cr_compare_p_text(sheet, of->p_adjusted);
}

void cr_compare_make_classes(const cr_compare *compare, const cr_compare_metric *metric,
                             const cr_compare_class *classes, int n, cr_sheet *sheet)
{
    static const char *const titles[] = {"class",  "name",   "images", "A",     "B", "A - B",
                                         "only A", "only B", "p",      "mid-p", "BH"};
    enum { N = sizeof titles / sizeof titles[0] };
    if (!cr_compare_begin_sheet(sheet, titles, N, 2, n))
        return;
    for (int c = 0; c < n; c++)
        fill_class(sheet, sheet->cells + c * N, compare, metric, &classes[c]);
}

/* Outcomes that neither row has are left out. */
void cr_compare_make_outcomes(const cr_compare_flips *flips, cr_sheet *sheet)
{
    int shown[CR_N_OUTCOMES], n = 0;
    const char *titles[1 + CR_N_OUTCOMES] = {"A \\ B"};
    for (int k = 0; k < CR_N_OUTCOMES; k++) {
        int64_t images = 0;
        for (int other = 0; other < CR_N_OUTCOMES; other++)
            images += flips->table[k][other] + flips->table[other][k];
        if (images > 0) {
            titles[1 + n] = cr_outcome_titles[k];
            shown[n++] = k;
        }
    }
    if (!cr_compare_begin_sheet(sheet, titles, 1 + n, 1, n))
        return;
    for (int a = 0; a < n; a++) {
        cr_sheet_cell *cell = sheet->cells + a * (1 + n);
        cell->text = cr_outcome_titles[shown[a]];
        for (int b = 0; b < n; b++)
            cell[1 + b].text = cr_sheet_text(sheet, "%" PRId64, flips->table[shown[a]][shown[b]]);
    }
}

void cr_compare_make_flips(const cr_compare *compare, const cr_compare_flip *list, int n,
                           cr_sheet *sheet)
{
    static const char *const titles[] = {"image", "in A", "in B", "IoU in A", "in B"};
    enum { N = sizeof titles / sizeof titles[0] };
    if (!cr_compare_begin_sheet(sheet, titles, N, 3, n))
        return;
    for (int i = 0; i < n; i++) {
        cr_sheet_cell *cell = sheet->cells + i * N;
        cell[0].text = cr_data_image_id(compare->sets[0].data, compare->shared[list[i].image]);
        cell[1].text = cr_outcome_titles[list[i].a];
        cell[2].text = cr_outcome_titles[list[i].b];
        cell[3].text = cr_compare_number_text(sheet, 4, list[i].iou_a);
        cell[4].text = cr_compare_number_text(sheet, 4, list[i].iou_b);
    }
}
