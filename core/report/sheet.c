#include "sheet.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cr_sheet_init(cr_sheet *sheet, int n_columns, int n_lines)
{
    *sheet = (cr_sheet){.n_columns = n_columns, .n_lines = n_lines};
    sheet->columns = cr_arena_alloc(&sheet->arena, (size_t)n_columns, sizeof *sheet->columns);
    sheet->cells =
        cr_arena_alloc(&sheet->arena, (size_t)n_columns * (size_t)n_lines, sizeof *sheet->cells);
    sheet->failed = !sheet->columns || !sheet->cells;
    if (sheet->failed)
        sheet->n_columns = sheet->n_lines = 0;
    for (int i = 0; i < sheet->n_columns * sheet->n_lines; i++)
        sheet->cells[i].text = "";
}

void cr_sheet_fini(cr_sheet *sheet)
{
    cr_arena_free(&sheet->arena);
    *sheet = (cr_sheet){0};
}

const char *cr_sheet_text(cr_sheet *sheet, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = cr_arena_alloc(&sheet->arena, (size_t)n + 1, 1);
    if (!text) {
        sheet->failed = true;
        return "";
    }
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void cr_put_plain(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

void cr_put_markdown(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~&", *text))
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
    }
}

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

/* The last column of the group that column c begins. */
static int last_of_group(const cr_sheet *sheet, int c)
{
    int last = c;
    while (sheet->columns[c].group && last + 1 < sheet->n_columns &&
           sheet->columns[last + 1].group == sheet->columns[c].group)
        last++;
    return last;
}

static bool has_groups(const cr_sheet *sheet)
{
    for (int c = 0; c < sheet->n_columns; c++)
        if (sheet->columns[c].group)
            return true;
    return false;
}

static bool has_below(const cr_sheet *sheet, int line)
{
    for (int c = 0; c < sheet->n_columns; c++)
        if (sheet->cells[line * sheet->n_columns + c].below)
            return true;
    return false;
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
        last = last_of_group(sheet, c);
        for (int i = c; i <= last; i++)
            width += widths[i] + GAP;
        const int title = width_of(sheet->columns[c].group);
        widths[last] += title > width ? title - width : 0;
    }
}

static void put_plain_groups(const cr_sheet *sheet, const int *widths, FILE *out)
{
    int blanks = 0;
    for (int c = 0, last; c < sheet->n_columns; c = last + 1) {
        int width = -GAP;
        last = last_of_group(sheet, c);
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

void cr_sheet_put_plain(const cr_sheet *sheet, FILE *out)
{
    int *widths = cr_alloc((size_t)sheet->n_columns, sizeof *widths);
    if (!widths)
        return;
    measure(sheet, widths);
    if (has_groups(sheet))
        put_plain_groups(sheet, widths, out);
    for (int c = 0; c < sheet->n_columns; c++) {
        put_blanks(out, c ? GAP : 0);
        put_padded(out, sheet->columns[c].title, widths[c], sheet->columns[c].left);
    }
    fputc('\n', out);
    for (int line = 0; line < sheet->n_lines; line++)
        for (int below = 0; below <= has_below(sheet, line); below++) {
            for (int c = 0; c < sheet->n_columns; c++) {
                const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
                const char *text = !below ? cell->text : cell->below ? cell->below : "";
                put_blanks(out, c ? GAP : 0);
                put_padded(out, text, widths[c], sheet->columns[c].left);
            }
            fputc('\n', out);
        }
    free(widths);
}

void cr_sheet_put_markdown(const cr_sheet *sheet, FILE *out)
{
    fputc('|', out);
    for (int c = 0; c < sheet->n_columns; c++) {
        fputc(' ', out);
        if (sheet->columns[c].group) {
            cr_put_markdown(out, sheet->columns[c].group);
            fputc(' ', out);
        }
        fprintf(out, "%s |", sheet->columns[c].title);
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
            if (cell->below) {
                fprintf(out, " (");
                cr_put_markdown(out, cell->below);
                fputc(')', out);
            }
            fprintf(out, " |");
        }
        fputc('\n', out);
    }
}

static void put_latex_line(const cr_sheet *sheet, int line, bool below, FILE *out)
{
    for (int c = 0; c < sheet->n_columns; c++) {
        const cr_sheet_cell *cell = &sheet->cells[line * sheet->n_columns + c];
        if (c)
            fprintf(out, " & ");
        if (!below) {
            cr_put_latex(out, cell->text);
        } else if (cell->below) {
            fprintf(out, "{\\scriptsize ");
            cr_put_latex(out, cell->below);
            fputc('}', out);
        }
    }
    fprintf(out, " \\\\\n");
}

void cr_sheet_put_latex(const cr_sheet *sheet, FILE *out)
{
    fprintf(out, "\\begin{tabular}{");
    for (int c = 0; c < sheet->n_columns; c++)
        fputc(sheet->columns[c].left ? 'l' : 'r', out);
    fprintf(out, "}\n\\hline\n");
    for (int c = 0, last; has_groups(sheet) && c < sheet->n_columns; c = last + 1) {
        last = last_of_group(sheet, c);
        fprintf(out, "%s\\multicolumn{%d}{c}{", c ? " & " : "", last - c + 1);
        cr_put_latex(out, sheet->columns[c].group ? sheet->columns[c].group : "");
        fprintf(out, "}%s", last + 1 == sheet->n_columns ? " \\\\\n" : "");
    }
    for (int c = 0; c < sheet->n_columns; c++)
        fprintf(out, "%s%s", c ? " & " : "", sheet->columns[c].title);
    fprintf(out, " \\\\\n\\hline\n");
    for (int line = 0; line < sheet->n_lines; line++)
        for (int below = 0; below <= has_below(sheet, line); below++)
            put_latex_line(sheet, line, below, out);
    fprintf(out, "\\hline\n\\end{tabular}\n");
}
