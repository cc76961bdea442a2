/* Plain text, for the screen; the only form that also tells the outcomes. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>

void cr_put_plain(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

/* Columns on the screen: bytes that continue a UTF-8 character take none. */
static int width_of(const char *text)
{
    int width = 0;
    for (; text && *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_blanks(FILE *out, int n)
{
    fprintf(out, "%*s", n > 0 ? n : 0, "");
}

static void put_padded(FILE *out, const char *text, int width, bool left)
{
    if (!left)
        put_blanks(out, width - width_of(text));
    cr_put_plain(out, text);
    if (left)
        put_blanks(out, width - width_of(text));
}

enum { GAP = 2 }; /* between columns on the screen */

/* The width of each column; the last of a group makes room for the group's title. */
static void measure(const cr_sheet *sheet, int *widths)
{
    for (int c = 0; c < sheet->n_columns; c++) {
        widths[c] = width_of(sheet->columns[c].title);
        for (int line = 0; line < sheet->n_lines; line++) {
            const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
            const int text = width_of(cell->text), below = width_of(cell->below);
            widths[c] = text > widths[c] ? text : widths[c];
            widths[c] = below > widths[c] ? below : widths[c];
        }
    }
    for (int c = 0, last; c < sheet->n_columns; c = last + 1) {
        int width = -GAP;
        last = cr_sheet_last_of_group(sheet, c);
        for (int i = c; i <= last; i++)
            width += widths[i] + GAP;
        const int title = width_of(sheet->columns[c].group);
        widths[last] += title > width ? title - width : 0;
    }
}

int cr_sheet_width(const cr_sheet *sheet)
{
    int *widths = cr_alloc((size_t)sheet->n_columns, sizeof *widths), all = -GAP;
    if (!widths)
        return 0;
    measure(sheet, widths);
    for (int c = 0; c < sheet->n_columns; c++)
        all += widths[c] + GAP;
    free(widths);
    return all;
}

static void put_plain_groups(const cr_sheet *sheet, const int *widths, FILE *out)
{
    int blanks = 0;
    for (int c = 0, last; c < sheet->n_columns; c = last + 1) {
        int width = -GAP;
        last = cr_sheet_last_of_group(sheet, c);
        for (int i = c; i <= last; i++)
            width += widths[i] + GAP;
        if (sheet->columns[c].group) {
            const int rest = width - width_of(sheet->columns[c].group);
            put_blanks(out, blanks + rest / 2);
            cr_put_plain(out, sheet->columns[c].group);
            blanks = rest - rest / 2 + GAP;
        } else {
            blanks += width + GAP;
        }
    }
    fputc('\n', out);
}

bool cr_sheet_put_text(const cr_sheet *sheet, FILE *out)
{
    int *widths = cr_alloc((size_t)sheet->n_columns, sizeof *widths);
    if (!widths)
        return false;
    measure(sheet, widths);
    if (cr_sheet_has_groups(sheet))
        put_plain_groups(sheet, widths, out);
    for (int c = 0; c < sheet->n_columns; c++) {
        put_blanks(out, c ? GAP : 0);
        put_padded(out, sheet->columns[c].title, widths[c], sheet->columns[c].left);
    }
    fputc('\n', out);
    for (int line = 0; line < sheet->n_lines; line++)
        for (int below = 0; below <= cr_sheet_has_below(sheet, line); below++) {
            for (int c = 0; c < sheet->n_columns; c++) {
                const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
                const char *text = !below ? cell->text : cell->below ? cell->below : "";
                put_blanks(out, c ? GAP : 0);
                put_padded(out, text, widths[c], sheet->columns[c].left);
            }
            fputc('\n', out);
        }
    free(widths);
    return true;
}

/* The second table: why. A line for the first prediction and one for GT-known of each row. */
static void make_outcomes(const cr_report *report, cr_sheet *sheet)
{
    int n_lines = 0;
    for (int i = 0; i < report->n_rows; i++)
        n_lines += cr_report_has_outcomes(report->rows[i].top1_outcomes) +
                   cr_report_has_outcomes(report->rows[i].gt_known_outcomes);
    const int first = 3 + (report->n_protocols > 1);
    const bool empty = report->has_empty && cr_report_has_models(report);
    cr_sheet_init(sheet, first + CR_N_OUTCOMES + empty, n_lines);
    if (sheet->failed)
        return;
    static const char *const titles[] = {"model", "method", "images by outcome", "protocol"};
    for (int c = 0; c < first; c++)
        sheet->columns[c] = (cr_sheet_column){titles[c], NULL, true};
    for (int k = 0; k < CR_N_OUTCOMES; k++)
        sheet->columns[first + k].title = cr_outcome_titles[k];
    if (empty)
        sheet->columns[first + CR_N_OUTCOMES].title = "empty map";
    cr_sheet_cell *cell = sheet->cells;
    for (int i = 0; i < report->n_rows; i++) {
        const cr_report_row *row = &report->rows[i];
        const int64_t *const outcomes[] = {row->top1_outcomes, row->gt_known_outcomes};
        for (int k = 0; k < 2; k++) {
            if (!cr_report_has_outcomes(outcomes[k]))
                continue;
            cell[0].text = row->model;
            cell[1].text = row->variant;
            cell[2].text = k ? "GT-known" : "top-1";
            if (first > 3)
                cell[3].text = row->protocol;
            cr_report_put_outcomes(sheet, cell + first, outcomes[k]);
            const int64_t n = k ? row->gt_known_empty : row->top1_empty;
            if (empty)
                cell[first + CR_N_OUTCOMES].text =
                    n < 0 ? "-" : cr_sheet_text(sheet, "%" PRId64, n);
            cell += sheet->n_columns;
        }
    }
}

bool cr_report_text(const cr_report *report, FILE *out)
{
    cr_sheet sheet, outcomes = {0};
    cr_report_make_sheet(report, &sheet);
    cr_report_put_notes(report, out, "", cr_put_plain);
    fputc('\n', out);
    bool whole = cr_sheet_put_text(&sheet, out);
    if (!report->classes && report->show_protocols)
        make_outcomes(report, &outcomes);
    if (outcomes.n_lines > 0) {
        fputc('\n', out);
        whole = cr_sheet_put_text(&outcomes, out) && whole;
    }
    whole = whole && !sheet.failed && !outcomes.failed;
    cr_sheet_fini(&outcomes);
    cr_sheet_fini(&sheet);
    return whole;
}
