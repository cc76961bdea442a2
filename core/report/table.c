/* The table of all forms for people. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>

static cr_sheet_cell number_cell(cr_sheet *sheet, const char *format, double value)
{
    return (cr_sheet_cell){isnan(value) ? "-" : cr_sheet_text(sheet, format, value), NULL};
}

/* Error k of a row, with its interval. */
static cr_sheet_cell error_cell(cr_sheet *sheet, const cr_report_row *row, int k)
{
    cr_sheet_cell cell = number_cell(sheet, "%.2f", cr_report_value(row, k));
    if (!isnan(row->low[k]))
        cell.below = cr_sheet_text(sheet, "%.1f-%.1f", row->low[k], row->high[k]);
    return cell;
}

static cr_sheet_cell metric_cell(cr_sheet *sheet, double value, double held_out)
{
    cr_sheet_cell cell = number_cell(sheet, "%.2f", value);
    if (!isnan(held_out))
        cell.below = cr_sheet_text(sheet, "held %.2f", held_out);
    return cell;
}

static const char *const error_titles[CR_REPORT_ERRORS] = {"top-1 cls", "top-5 cls", "top-1 loc",
                                                           "top-5 loc", "GT-known"};

/* The main table: a line a variant. Of several protocols each has a group of columns. Baselines alone
 * have no classes. */
static void make_sheet(const cr_report *report, cr_sheet *sheet)
{
    const int n_protocols = report->n_protocols, shown = report->show_protocols ? n_protocols : 0;
    const int n_lines = report->n_rows / n_protocols;
    const int n_cls = cr_report_has_models(report) ? 2 : 0,
              first_loc = cr_report_has_models(report) ? 2 : 4;
    cr_sheet_init(sheet,
                  2 + n_cls + (CR_REPORT_ERRORS - first_loc + 1) * shown + report->show_v1 +
                      report->show_v2,
                  n_lines);
    if (sheet->failed)
        return;
    cr_sheet_column *column = sheet->columns;
    *column++ = (cr_sheet_column){"model", NULL, true};
    *column++ = (cr_sheet_column){"method", NULL, true};
    for (int k = 0; k < n_cls; k++)
        *column++ = (cr_sheet_column){error_titles[k], NULL, false};
    for (int p = 0; p < shown; p++) {
        const char *group = shown > 1 ? report->protocols[p].name : NULL;
        for (int k = first_loc; k < CR_REPORT_ERRORS; k++)
            *column++ = (cr_sheet_column){error_titles[k], group, false};
        *column++ = (cr_sheet_column){"mean IoU", group, false};
    }
    if (report->show_v1)
        *column++ = (cr_sheet_column){"MaxBoxAcc", NULL, false};
    if (report->show_v2)
        *column++ = (cr_sheet_column){"MaxBoxAccV2", NULL, false};
    for (int line = 0; line < n_lines; line++) {
        const cr_report_row *row = &report->rows[line * n_protocols];
        const cr_sweep_scores *sweep = &row->sweep;
        cr_sheet_cell *cell = sheet->cells + line * sheet->n_columns;
        (cell++)->text = row->model;
        (cell++)->text = row->variant;
        for (int k = 0; k < n_cls; k++)
            *cell++ = error_cell(sheet, row, k);
        for (int p = 0; p < shown; p++) {
            for (int k = first_loc; k < CR_REPORT_ERRORS; k++)
                *cell++ = error_cell(sheet, &row[p], k);
            *cell++ = number_cell(sheet, "%.4f", row[p].mean_iou);
        }
        if (report->show_v1)
            *cell++ = metric_cell(sheet, sweep->max_box_acc, sweep->max_box_acc_held_out);
        if (report->show_v2)
            *cell++ = metric_cell(sheet, sweep->max_box_acc_v2, sweep->max_box_acc_v2_held_out);
    }
}

void cr_report_put_outcomes(cr_sheet *sheet, cr_sheet_cell *cells, const int64_t *outcomes)
{
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        cells[k].text = cr_sheet_text(sheet, "%" PRId64, outcomes[k]);
}

/* The table of a report by class: errors, and what became of the first prediction, or, without a
 * network, of the box of the ground-truth class. */
static void make_classes(const cr_report *report, cr_sheet *sheet)
{
    static const char *const titles[] = {"model", "method", "protocol", "class", "name"};
    enum {
        N_TEXTS = 5,
        ERRORS = N_TEXTS + 2,
        OUTCOMES = ERRORS + CR_REPORT_ERRORS + 1,
        N_COLUMNS = OUTCOMES + CR_N_OUTCOMES
    };
    cr_report_row row;
    int n_lines = 0, class;
    for (int i = -1; cr_report_next_class(report, &i, &class, &row);)
        n_lines++;
    cr_sheet_init(sheet, N_COLUMNS, n_lines);
    if (sheet->failed)
        return;
    for (int c = 0; c < N_TEXTS; c++)
        sheet->columns[c] = (cr_sheet_column){titles[c], NULL, true};
    sheet->columns[N_TEXTS].title = "images";
    sheet->columns[N_TEXTS + 1].title = "localized";
    for (int k = 0; k < CR_REPORT_ERRORS; k++)
        sheet->columns[ERRORS + k].title = error_titles[k];
    sheet->columns[OUTCOMES - 1] = (cr_sheet_column){"images by outcome", NULL, true};
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        sheet->columns[OUTCOMES + k].title = cr_outcome_titles[k];
    cr_sheet_cell *cell = sheet->cells;
    for (int i = -1; cr_report_next_class(report, &i, &class, &row); cell += N_COLUMNS) {
        const cr_dataset *data = report->data;
        const cr_report_row *stored = &report->rows[i / data->n_classes];
        cell[0].text = stored->model;
        cell[1].text = stored->variant;
        cell[2].text = stored->protocol;
        cell[3].text = data->text + data->classes[class].wnid;
        cell[4].text = data->text + data->classes[class].name;
        cell[N_TEXTS].text = row.has_network ? cr_sheet_text(sheet, "%" PRId64, row.n_images) : "-";
        cell[N_TEXTS + 1].text = cr_sheet_text(sheet, "%" PRId64, row.n_localized);
        for (int k = 0; k < CR_REPORT_ERRORS; k++)
            cell[ERRORS + k] = error_cell(sheet, &row, k);
        cell[OUTCOMES - 1].text = row.has_network ? "top-1" : "GT-known";
        cr_report_put_outcomes(sheet, cell + OUTCOMES,
                               row.has_network ? row.top1_outcomes : row.gt_known_outcomes);
    }
}

void cr_report_make_sheet(const cr_report *report, cr_sheet *sheet)
{
    if (report->classes)
        make_classes(report, sheet);
    else
        make_sheet(report, sheet);
}
