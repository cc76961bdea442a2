/* LaTeX: a tabular, with the notes as comments above it. */
#include "internal.h"

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

static void put_line(const cr_sheet *sheet, int line, int below, FILE *out)
{
    for (int c = 0; c < sheet->n_columns; c++) {
        const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
        if (c)
            fprintf(out, " & ");
        if (!below) {
            cr_put_latex(out, cell->text);
        } else if (cell->below[below - 1]) {
            fprintf(out, "{\\scriptsize ");
            cr_put_latex(out, cell->below[below - 1]);
            fputc('}', out);
        }
    }
    fprintf(out, " \\\\\n");
}

bool cr_sheet_put_latex(const cr_sheet *sheet, FILE *out)
{
    fprintf(out, "\\begin{tabular}{");
    for (int c = 0; c < sheet->n_columns; c++)
        fputc(sheet->columns[c].left ? 'l' : 'r', out);
    fprintf(out, "}\n\\hline\n");
    for (int c = 0, last; cr_sheet_has_groups(sheet) && c < sheet->n_columns; c = last + 1) {
        last = cr_sheet_last_of_group(sheet, c);
        fprintf(out, "%s\\multicolumn{%d}{c}{", c ? " & " : "", last - c + 1);
        cr_put_latex(out, sheet->columns[c].group ? sheet->columns[c].group : "");
        fprintf(out, "}%s", last + 1 == sheet->n_columns ? " \\\\\n" : "");
    }
    for (int c = 0; c < sheet->n_columns; c++) {
        fprintf(out, "%s", c ? " & " : "");
        cr_put_latex(out, sheet->columns[c].title);
    }
    fprintf(out, " \\\\\n\\hline\n");
    for (int line = 0; line < sheet->n_lines; line++)
        for (int below = 0; below <= cr_sheet_n_below(sheet, line); below++)
            put_line(sheet, line, below, out);
    fprintf(out, "\\hline\n\\end{tabular}\n");
    return !sheet->failed;
}

bool cr_report_latex(const cr_report *report, FILE *out)
{
    cr_sheet sheet;
    cr_report_make_sheet(report, &sheet);
    /* As comments, so that a table can be included as it is. */
    cr_report_put_notes(report, out, "% ", cr_put_plain);
    const bool whole = cr_sheet_put_latex(&sheet, out);
    cr_sheet_fini(&sheet);
    return whole;
}
