/* A table of texts, and what its forms ask of it. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

void cr_sheet_init(cr_sheet *sheet, int n_columns, int n_lines)
{
    *sheet = (cr_sheet){.n_columns = n_columns, .n_lines = n_lines};
    sheet->columns = cr_arena_alloc(&sheet->arena, (size_t)n_columns, sizeof *sheet->columns);
    sheet->cells =
        cr_arena_alloc(&sheet->arena, (size_t)n_columns * (size_t)n_lines, sizeof *sheet->cells);
    sheet->meanings = cr_arena_alloc(&sheet->arena, (size_t)n_columns, sizeof *sheet->meanings);
    sheet->failed = !sheet->columns || !sheet->cells || !sheet->meanings;
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

int cr_sheet_last_of_group(const cr_sheet *sheet, int c)
{
    int last = c;
    while (sheet->columns[c].group && last + 1 < sheet->n_columns &&
           sheet->columns[last + 1].group == sheet->columns[c].group)
        last++;
    return last;
}

bool cr_sheet_has_groups(const cr_sheet *sheet)
{
    for (int c = 0; c < sheet->n_columns; c++)
        if (sheet->columns[c].group)
            return true;
    return false;
}

int cr_sheet_n_below(const cr_sheet *sheet, cr_sheet_part of, int line)
{
    int most = 0;
    for (int c = 0; c < of.end; c++)
        for (int k = most; k < CR_SHEET_BELOW && (c < sheet->n_fixed || c >= of.first); k++)
            if (sheet->cells[line * sheet->n_columns + c].below[k])
                most = k + 1;
    return most;
}

const char *cr_sheet_at(const cr_sheet_cell *cell, int below)
{
    const char *text = below == 0 ? cell->text : cell->below[below - 1];
    return text ? text : "";
}

void cr_sheet_add_below(cr_sheet_cell *cell, const char *text)
{
    for (int k = 0; k < CR_SHEET_BELOW; k++)
        if (!cell->below[k]) {
            cell->below[k] = text;
            return;
        }
}

const char *cr_sheet_arrow(const cr_sheet_column *column)
{
    return column->better > 0 ? "↑" : column->better < 0 ? "↓" : "";
}
