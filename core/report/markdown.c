/* Markdown, with the notes as a quotation below the table. */
#include "internal.h"

#include <string.h>

void cr_put_markdown(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~&", *text))
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
    }
}

bool cr_sheet_put_markdown(const cr_sheet *sheet, FILE *out)
{
    fputc('|', out);
    for (int c = 0; c < sheet->n_columns; c++) {
        fputc(' ', out);
        if (sheet->columns[c].group) {
            cr_put_markdown(out, sheet->columns[c].group);
            fputc(' ', out);
        }
        fprintf(out, "%s%s |", sheet->columns[c].title, cr_sheet_arrow(&sheet->columns[c]));
    }
    fprintf(out, "\n|");
    for (int c = 0; c < sheet->n_columns; c++)
        fprintf(out, sheet->columns[c].left ? " --- |" : " ---: |");
    fputc('\n', out);
    for (int line = 0; line < sheet->n_lines; line++) {
        fputc('|', out);
        for (int c = 0; c < sheet->n_columns; c++) {
            const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
            fputc(' ', out);
            cr_put_markdown(out, cell->text);
            for (int k = 0; k < CR_SHEET_BELOW && cell->below[k]; k++) {
                fputs(k ? ", " : " (", out);
                cr_put_markdown(out, cell->below[k]);
            }
            fputs(cell->below[0] ? ")" : "", out);
            fprintf(out, " |");
        }
        fputc('\n', out);
    }
    return !sheet->failed;
}

bool cr_report_markdown(const cr_report *report, FILE *out)
{
    cr_sheet sheet;
    cr_report_make_sheet(report, cr_report_has_precision(report), &sheet);
    const bool whole = cr_sheet_put_markdown(&sheet, out);
    fputc('\n', out);
    cr_report_put_notes(report, out, "> ", cr_put_markdown);
    cr_sheet_fini(&sheet);
    return whole;
}
