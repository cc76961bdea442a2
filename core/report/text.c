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

/* The end of what fits a width: bytes, at the end of a character. */
static int bytes_of(const char *text, int width)
{
    int n = 0;
    while (text[n] && width >= 0) {
        width -= ((unsigned char)text[n] & 0xc0) != 0x80;
        n += width >= 0;
    }
    return n;
}

/* A text that is too wide loses its middle: names of one family differ at the end. */
static void put_cut(FILE *out, const char *text, int width)
{
    const int all = width_of(text), last = (width - 1) / 2;
    if (all <= width) {
        cr_put_plain(out, text);
        return;
    }
    for (int i = 0, n = bytes_of(text, width - 1 - last); i < n; i++)
        fputc((unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i], out);
    fputs("…", out);
    cr_put_plain(out, text + bytes_of(text, all - last));
}

/* Blanks are owed until something follows them, so that no line ends with one. */
static void put_padded(FILE *out, const char *text, int width, bool left, int *owed)
{
    const int rest = width - width_of(text) > 0 ? width - width_of(text) : 0;
    if (width_of(text) == 0) {
        *owed += width;
        return;
    }
    put_blanks(out, *owed + (left ? 0 : rest));
    put_cut(out, text, width);
    *owed = left ? rest : 0;
}

enum { GAP = 2 }; /* between columns on the screen */

void cr_sheet_measure(const cr_sheet *sheet, int *widths)
{
    for (int c = 0; c < sheet->n_columns; c++) {
        widths[c] =
            width_of(sheet->columns[c].title) + width_of(cr_sheet_arrow(&sheet->columns[c]));
        for (int line = 0; line < sheet->n_lines; line++) {
            const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
            for (int below = 0; below <= CR_SHEET_BELOW; below++) {
                const int width = width_of(cr_sheet_at(cell, below));
                widths[c] = width > widths[c] ? width : widths[c];
            }
        }
    }
}

/* Columns first .. end - 1 with the gaps between them. */
static int width_of_columns(const int *widths, int first, int end)
{
    int width = -GAP;
    for (int c = first; c < end; c++)
        width += widths[c] + GAP;
    return width > 0 ? width : 0;
}

/* The last column of a group within a part, which is made wide enough for the title. */
static int fit_group(const cr_sheet *sheet, int c, int end, int *widths)
{
    int last = cr_sheet_last_of_group(sheet, c);
    last = last < end ? last : end - 1;
    const int width = width_of_columns(widths, c, last + 1);
    const int title = width_of(sheet->columns[c].group);
    widths[last] += title > width ? title - width : 0;
    return last;
}

static void fit_groups(const cr_sheet *sheet, cr_sheet_part of, int *widths)
{
    for (int c = of.first; c < of.end;)
        c = fit_group(sheet, c, of.end, widths) + 1;
}

/* Of the fixed columns the widest is cut, and again, until they leave room for others. */
static void cut_fixed(const cr_sheet *sheet, int *widths)
{
    enum { LEAST = 5 };
    while (sheet->width > 0 && width_of_columns(widths, 0, sheet->n_fixed) > sheet->width * 3 / 5) {
        int widest = 0;
        for (int c = 1; c < sheet->n_fixed; c++)
            widest = widths[c] > widths[widest] ? c : widest;
        if (widths[widest] <= LEAST)
            return;
        widths[widest]--;
    }
}

/* Whether a column goes on with the group of the one before. */
static bool is_within_group(const cr_sheet *sheet, int c)
{
    return sheet->columns[c].group && sheet->columns[c].group == sheet->columns[c - 1].group;
}

cr_sheet_part cr_sheet_next_part(const cr_sheet *sheet, const int *widths, int first)
{
    int width = width_of_columns(widths, 0, sheet->n_fixed), end = first;
    while (end < sheet->n_columns) {
        width += widths[end] + GAP;
        if (sheet->width > 0 && width > sheet->width && end > first)
            break;
        end++;
    }
    int start = end;
    while (start > first && start < sheet->n_columns && is_within_group(sheet, start))
        start--;
    return (cr_sheet_part){first, start > first ? start : end};
}

int cr_sheet_width(const cr_sheet *sheet)
{
    int *widths = cr_alloc((size_t)sheet->n_columns, sizeof *widths);
    if (!widths)
        return 0;
    cr_sheet_measure(sheet, widths);
    fit_groups(sheet, (cr_sheet_part){0, sheet->n_columns}, widths);
    const int all = width_of_columns(widths, 0, sheet->n_columns);
    free(widths);
    return all;
}

static void put_groups(const cr_sheet *sheet, cr_sheet_part of, const int *widths, FILE *out)
{
    int blanks = sheet->n_fixed > 0 ? width_of_columns(widths, 0, sheet->n_fixed) + GAP : 0;
    for (int c = of.first, last; c < of.end; c = last + 1) {
        last = cr_sheet_last_of_group(sheet, c);
        last = last < of.end ? last : of.end - 1;
        const int width = width_of_columns(widths, c, last + 1);
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

static void put_title(const cr_sheet_column *column, int width, int *owed, FILE *out)
{
    const char *arrow = cr_sheet_arrow(column);
    const int room = width - width_of(arrow), title = width_of(column->title);
    put_padded(out, column->title, column->left && title < room ? title : room, column->left, owed);
    put_padded(out, arrow, width_of(arrow), true, owed);
    *owed += column->left && title < room ? room - title : 0;
}

/* One line of a part: titles, for line -1, or cells, or what stands so far below them. */
static void put_line(const cr_sheet *sheet, cr_sheet_part of, const int *widths, int line,
                     int below, FILE *out)
{
    int owed = -GAP;
    for (int c = 0; c < of.end; c++) {
        const cr_sheet_column *column = &sheet->columns[c];
        if (c >= sheet->n_fixed && c < of.first)
            continue;
        owed += GAP;
        if (line < 0)
            put_title(column, widths[c], &owed, out);
        else
            put_padded(out, cr_sheet_at(&sheet->cells[line * sheet->n_columns + c], below),
                       widths[c], column->left, &owed);
    }
    fputc('\n', out);
}

bool cr_sheet_put_text(const cr_sheet *sheet, FILE *out)
{
    int *widths = cr_alloc((size_t)sheet->n_columns, sizeof *widths);
    if (!widths)
        return false;
    cr_sheet_measure(sheet, widths);
    cut_fixed(sheet, widths);
    for (cr_sheet_part of = cr_sheet_next_part(sheet, widths, sheet->n_fixed);;
         of = cr_sheet_next_part(sheet, widths, of.end)) {
        fit_groups(sheet, of, widths);
        if (of.first > sheet->n_fixed)
            fputc('\n', out);
        if (cr_sheet_has_groups(sheet))
            put_groups(sheet, of, widths, out);
        put_line(sheet, of, widths, -1, 0, out);
        for (int line = 0; line < sheet->n_lines; line++)
            for (int below = 0; below <= cr_sheet_n_below(sheet, of, line); below++)
                put_line(sheet, of, widths, line, below, out);
        if (of.end >= sheet->n_columns)
            break;
    }
    free(widths);
    return true;
}

void cr_report_make_outcomes(const cr_report *report, cr_sheet *sheet)
{
    int n_lines = 0;
    for (int i = 0; i < report->n_rows; i++)
        n_lines += cr_report_has_outcomes(report->rows[i].top1_outcomes) +
                   cr_report_has_outcomes(report->rows[i].gt_known_outcomes);
    const bool protocols = report->n_protocols > 1, precisions = cr_report_has_precision(report);
    const int first = 3 + protocols + precisions;
    const bool empty = report->has_empty && cr_report_has_models(report);
    cr_sheet_init(sheet, first + CR_N_OUTCOMES + empty, n_lines);
    if (sheet->failed)
        return;
    sheet->n_fixed = first;
    sheet->width = report->width;
    static const char *const titles[] = {"model", "method", "outcome of", "protocol", "precision"};
    static const char *const meanings[] = {
        "The network, by its name in the job; baseline is none.",
        "The method that makes the map; behind @ its layer.",
        "Of the first prediction and its box, or of the ground-truth class's box.",
        "How boxes come from maps, and when they are right.",
        "The numbers in which the network is computed."};
    for (int c = 0; c < first; c++) {
        const int k = c < 3 || protocols ? c : 4;
        sheet->columns[c] = (cr_sheet_column){titles[k], NULL, true, 0};
        sheet->meanings[c] = meanings[k];
    }
    for (int k = 0; k < CR_N_OUTCOMES; k++) {
        sheet->columns[first + k].title = cr_outcome_titles[k];
        sheet->meanings[first + k] = cr_outcome_meanings[k];
    }
    if (empty) {
        sheet->columns[first + CR_N_OUTCOMES].title = "empty map";
        sheet->meanings[first + CR_N_OUTCOMES] =
            "Images whose map is 0 everywhere; their box is the whole image.";
    }
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
            if (protocols)
                cell[3].text = row->protocol;
            if (precisions)
                cell[first - 1].text = cr_report_precision(row);
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
    cr_report_make_sheet(report, cr_report_has_precision(report), &sheet);
    sheet.width = report->width;
    cr_report_put_notes(report, out, "", cr_put_plain);
    fputc('\n', out);
    bool whole = cr_sheet_put_text(&sheet, out);
    if (!report->classes && report->show_protocols && report->n_columns == 0)
        cr_report_make_outcomes(report, &outcomes);
    if (outcomes.n_lines > 0) {
        fputc('\n', out);
        whole = cr_sheet_put_text(&outcomes, out) && whole;
    }
    whole = whole && !sheet.failed && !outcomes.failed;
    cr_sheet_fini(&outcomes);
    cr_sheet_fini(&sheet);
    return whole;
}
