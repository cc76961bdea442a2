/* sheet.h - a table for people: cells of text, and its forms; and values in JSON. All functions are Local. */
#ifndef CAMRANK_SHEET_H
#define CAMRANK_SHEET_H

#include "camrank/base.h"

#include <jansson.h>
#include <stdio.h>

/* A column. Columns side by side with the same `group`, a pointer, have a common title above them. */
typedef struct cr_sheet_column {
    const char *title;
    const char *group; /* NULL: none */
    bool left;         /* text, to the left; else a number, to the right */
    int better;        /* an arrow behind the title: 1 up, as more is better, -1 down; 0: none */
} cr_sheet_column;

/* A cell, and smaller texts that belong to it. */
enum { CR_SHEET_BELOW = 3 };
typedef struct cr_sheet_cell {
    const char *text, *below[CR_SHEET_BELOW]; /* `below` has NULL behind the last */
    bool is_best;                             /* of its column */
} cr_sheet_cell;

typedef struct cr_sheet {
    int n_columns, n_lines;
    int n_fixed; /* first columns that say what a line is: they begin every part of a table that is too wide */
    int width; /* characters that a line has at most, as text: what is more becomes further parts; 0: any */
    cr_sheet_column *columns; /* [n_columns] */
    const char **meanings;    /* [n_columns] a sentence on each, or NULL */
    cr_sheet_cell *cells;     /* [n_lines][n_columns] */
    cr_arena arena;           /* of all texts and arrays */
    bool failed;              /* out of memory */
} cr_sheet;

/* An empty one of this size; columns and cells are to be filled. */
void cr_sheet_init(cr_sheet *sheet, int n_columns, int n_lines);
void cr_sheet_fini(cr_sheet *sheet);

/* A text that lives as long as the sheet; "" when out of memory. */
const char *cr_sheet_text(cr_sheet *sheet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The last column of the group that column c begins. */
int cr_sheet_last_of_group(const cr_sheet *sheet, int c);

bool cr_sheet_has_groups(const cr_sheet *sheet);

/* The text of a cell, or, from `below` 1 on, the one so far below it; "" where there is none. */
const char *cr_sheet_at(const cr_sheet_cell *cell, int below);

/* Adds a text below those of a cell; one that has no room is left out. */
void cr_sheet_add_below(cr_sheet_cell *cell, const char *text);

/* The arrow of a column, for text; "" for none. */
const char *cr_sheet_arrow(const cr_sheet_column *column);

/* One text, with what would be a control character or markup made harmless. */
void cr_put_plain(FILE *out, const char *text);
void cr_put_markdown(FILE *out, const char *text);
void cr_put_latex(FILE *out, const char *text);

/* Characters of a line of the sheet as text, whatever its width; 0 when out of memory. */
int cr_sheet_width(const cr_sheet *sheet);

/* Small digits are so wide that a line of a LaTeX table has as many characters as these in a column of 237
 * points, and across both of 496, as the conferences' styles have them. */
enum { CR_LATEX_COLUMN = 48, CR_LATEX_PAGE = 105, CR_LATEX_LINES = 60 };

/* Whether a sheet has more lines than a page of LaTeX: it is then a longtable, which goes on over pages, and
 * cannot stand in a page of two columns. */
bool cr_sheet_is_long(const cr_sheet *sheet);

/* What stands before and behind the tables in LaTeX, so that they are that small. */
#define CR_LATEX_BEGIN "{\\footnotesize\\setlength{\\tabcolsep}{3pt}%\n\\noindent\n"
#define CR_LATEX_END "\\par}\n"

/* The sheet in a form. False when out of memory. */
bool cr_sheet_put_text(const cr_sheet *sheet, FILE *out);
bool cr_sheet_put_markdown(const cr_sheet *sheet, FILE *out);
bool cr_sheet_put_latex(const cr_sheet *sheet, FILE *out);

/* As a table of a page that can be sorted; `caption` says what it is, `id` is the element's. */
bool cr_sheet_put_html(const cr_sheet *sheet, const char *id, const char *caption, FILE *out);

/* A text in JSON; what is not UTF-8 becomes '?'. A number, null for NaN. New references; NULL when out of
 * memory. */
json_t *cr_json_text(const char *text);
json_t *cr_json_number(double value);

/* `value`, or, where adding to it has failed, NULL, and it is released. */
json_t *cr_json_whole(json_t *value, int failed);

/* Writes to memory what `put` writes of `of`, called `what` in messages. *text is zero-terminated and the
 * caller's (free). Errors: CR_EINTERNAL (memory). */
typedef bool cr_form_put(const void *of, FILE *out);
cr_status cr_form_write(cr_form_put *put, const void *of, const char *what, char **text,
                        cr_error *err);

#endif
