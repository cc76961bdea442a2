/* LaTeX with booktabs: tabulars that fit, the best of a column in bold, and the notes below. */
#include "internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void cr_put_latex(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '\\':
            fputs("\\textbackslash{}", out);
            break;
        case '~':
            fputs("\\textasciitilde{}", out);
            break;
        case '^':
            fputs("\\textasciicircum{}", out);
            break;
        case '<':
        case '>':
        case '|':
            fprintf(out, "$%s$", *text == '|' ? "\\vert" : *text == '<' ? "<" : ">");
            break;
        case '[': /* behind the end of a line the two would be arguments of it */
        case '*':
            fprintf(out, "{%c}", *text);
            break;
        case '&':
        case '%':
        case '$':
        case '#':
        case '_':
        case '{':
        case '}':
            fputc('\\', out);
            fputc(*text, out);
            break;
        default:
            fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
        }
}

/* A number: a hyphen within a range is an en dash, as is one alone; before a digit it is a minus. */
static void put_number(const char *text, FILE *out)
{
    char one[2] = "";
    for (const char *at = text; *at; at++) {
        const bool behind = at > text && isdigit((unsigned char)at[-1]);
        const bool before = isdigit((unsigned char)at[1]);
        one[0] = *at;
        if (*at == '-' && ((behind && before) || !text[1]))
            fputs("--", out);
        else if (*at == '-' && before)
            fputs("$-$", out);
        else
            cr_put_latex(out, one);
    }
}

static void put_cell(const cr_sheet_column *column, const cr_sheet_cell *cell, int below, FILE *out)
{
    const char *text = cr_sheet_at(cell, below);
    const bool bold = below == 0 && cell->is_best;
    if (!text[0])
        return;
    fputs(bold ? "\\textbf{" : below ? "{\\scriptsize " : "", out);
    if (column->left)
        cr_put_latex(out, text);
    else
        put_number(text, out);
    fputs(bold || below ? "}" : "", out);
}

/* Whether a part has the column; *any, whether it had one before. */
static bool is_next(const cr_sheet *sheet, cr_sheet_part of, int c, bool *any, FILE *out)
{
    if (c >= sheet->n_fixed && c < of.first)
        return false;
    fputs(*any ? " & " : "", out);
    *any = true;
    return true;
}

static void put_titles(const cr_sheet *sheet, cr_sheet_part of, FILE *out)
{
    static const char *const arrows[] = {"$\\downarrow$", "", "$\\uparrow$"};
    bool any = false;
    for (int c = 0; c < of.end; c++)
        if (is_next(sheet, of, c, &any, out)) {
            cr_put_latex(out, sheet->columns[c].title);
            fputs(arrows[sheet->columns[c].better + 1], out);
        }
    fprintf(out, " \\\\\n");
}

static void put_line(const cr_sheet *sheet, cr_sheet_part of, int line, int below, FILE *out)
{
    bool any = false;
    for (int c = 0; c < of.end; c++)
        if (is_next(sheet, of, c, &any, out))
            put_cell(&sheet->columns[c], &sheet->cells[line * sheet->n_columns + c], below, out);
    fprintf(out, " \\\\\n");
}

/* Titles of groups over their columns, and a rule below each. */
static void put_groups(const cr_sheet *sheet, cr_sheet_part of, FILE *out)
{
    bool any = false;
    for (int c = 0, last; c < of.end; c = last + 1) {
        last = c < sheet->n_fixed ? c : cr_sheet_last_of_group(sheet, c);
        last = last < of.end ? last : of.end - 1;
        if (!is_next(sheet, of, c, &any, out) || !sheet->columns[c].group)
            continue;
        fprintf(out, "\\multicolumn{%d}{c}{", last - c + 1);
        cr_put_latex(out, sheet->columns[c].group);
        fputc('}', out);
    }
    fprintf(out, " \\\\\n");
    for (int c = of.first, last; c < of.end; c = last + 1) {
        last = cr_sheet_last_of_group(sheet, c);
        last = last < of.end ? last : of.end - 1;
        const int left = of.first - sheet->n_fixed; /* columns that the part leaves out */
        if (sheet->columns[c].group)
            fprintf(out, "\\cmidrule(lr){%d-%d}", c - left + 1, last - left + 1);
    }
    fputc('\n', out);
}

static bool has_groups(const cr_sheet *sheet, cr_sheet_part of)
{
    for (int c = of.first; c < of.end; c++)
        if (sheet->columns[c].group)
            return true;
    return false;
}

bool cr_sheet_is_long(const cr_sheet *sheet)
{
    const cr_sheet_part all = {sheet->n_fixed, sheet->n_columns};
    int n = 0;
    for (int line = 0; line < sheet->n_lines; line++)
        n += 1 + cr_sheet_n_below(sheet, all, line);
    return n > CR_LATEX_LINES;
}

static void put_part(const cr_sheet *sheet, cr_sheet_part of, FILE *out)
{
    const bool is_long = cr_sheet_is_long(sheet);
    const char *kind = is_long ? "longtable" : "tabular";
    fprintf(out, "\\begin{%s}{", kind);
    for (int c = 0; c < of.end; c++)
        if (c < sheet->n_fixed || c >= of.first)
            fputc(sheet->columns[c].left ? 'l' : 'r', out);
    fprintf(out, "}\n\\toprule\n");
    if (has_groups(sheet, of))
        put_groups(sheet, of, out);
    put_titles(sheet, of, out);
    fprintf(out, is_long ? "\\midrule\n\\endhead\n" : "\\midrule\n");
    for (int line = 0; line < sheet->n_lines; line++)
        for (int below = 0; below <= cr_sheet_n_below(sheet, of, line); below++)
            put_line(sheet, of, line, below, out);
    fprintf(out, "\\bottomrule\n\\end{%s}\n", kind);
}

bool cr_sheet_put_latex(const cr_sheet *sheet, FILE *out)
{
    int *widths = cr_alloc((size_t)sheet->n_columns, sizeof *widths);
    if (!widths)
        return false;
    cr_sheet_measure(sheet, widths);
    for (cr_sheet_part of = cr_sheet_next_part(sheet, widths, sheet->n_fixed);;
         of = cr_sheet_next_part(sheet, widths, of.end)) {
        if (of.first > sheet->n_fixed)
            fprintf(out, "\n\\smallskip\\noindent\n");
        put_part(sheet, of, out);
        if (of.end >= sheet->n_columns)
            break;
    }
    free(widths);
    return !sheet->failed;
}

/* The notes below the table, a line each. */
static bool put_notes(const cr_report *report, FILE *out)
{
    char *text = NULL, *rest = NULL;
    size_t bytes = 0;
    FILE *notes = open_memstream(&text, &bytes);
    if (!notes)
        return false;
    cr_report_put_notes(report, notes, "", cr_put_plain);
    const bool whole = fclose(notes) == 0;
    fprintf(out,
            "\n\\smallskip\\noindent\\begin{minipage}{\\linewidth}\\scriptsize\\raggedright\n");
    for (char *line = whole ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        cr_put_latex(out, line);
        fprintf(out, "\\par\n");
    }
    fprintf(out, "\\end{minipage}\n");
    free(text);
    return whole;
}

bool cr_report_latex(const cr_report *report, FILE *out)
{
    cr_sheet sheet;
    cr_report_make_sheet(report, cr_report_has_precision(report), &sheet);
    sheet.width = report->one_column ? CR_LATEX_COLUMN : CR_LATEX_PAGE;
    const bool is_long = cr_sheet_is_long(&sheet);
    fprintf(out, "%% \\usepackage{booktabs%s}; for %s\n", is_long ? ",longtable" : "",
            is_long              ? "pages of one column, in no float"
            : report->one_column ? "one column: table"
                                 : "the whole page: table*");
    fputs(CR_LATEX_BEGIN, out);
    const bool whole = cr_sheet_put_latex(&sheet, out) && put_notes(report, out);
    fputs(CR_LATEX_END, out);
    cr_sheet_fini(&sheet);
    return whole;
}
