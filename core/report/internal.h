/* internal.h - what the forms of a report share. */
#ifndef CAMRANK_REPORT_INTERNAL_H
#define CAMRANK_REPORT_INTERNAL_H

#include "camrank/report.h"
#include "camrank/sheet.h"

#include <string.h>

/* fields.c: a number of a row for programs; those of a class, which has fewer, come first. */
typedef struct cr_report_field {
    char key[64];
    size_t offset; /* of a double in cr_report_row */
} cr_report_field;

enum { CR_REPORT_MAX_FIELDS = 3 * CR_METRIC_MAX_NUMBERS + 2 };

/* Returns how many there are. */
int cr_report_fields(const cr_report *report, bool by_class,
                     cr_report_field fields[CR_REPORT_MAX_FIELDS]);

/* Likewise what stands behind all that was there before, so that the columns of a CSV keep their places:
 * thresholds, numbers of all images together, and intervals of CR_METRIC_BOOTSTRAP; of classes average precision alone. */
int cr_report_late_fields(const cr_report *report, bool by_class,
                          cr_report_field fields[CR_REPORT_MAX_FIELDS]);

static inline double cr_report_value(const cr_report_row *row, const cr_report_field *field)
{
    double value;
    memcpy(&value, (const char *)row + field->offset, sizeof value);
    return value;
}

/* Whether the report has the metric at this place of cr_metrics. */
static inline bool cr_report_has_metric(const cr_report *report, int metric)
{
    return report->has_metric[metric] ||
           (cr_metrics[metric]->always && !(cr_metrics[metric]->needs & CR_METRIC_NEEDS_PAIRS));
}

/* The numbers that are asked for, or all: how many, and the place of each in cr_metric_number_at. */
static inline int cr_report_n_numbers(const cr_report *report)
{
    return report->n_columns > 0 ? report->n_columns : cr_metric_n_numbers();
}

static inline int cr_report_number_at(const cr_report *report, int i)
{
    return report->n_columns > 0 ? report->columns[i] : i;
}

/* Whether n_images of the row is a number of images. */
static inline bool cr_report_has_images(const cr_report_row *row)
{
    return row->has_network || row->is_baseline;
}

/* table.c: whether a table for people has a column of the number at this place: one that is asked for; of
 * those of the plan, one of which some row has a value, or may yet have. */
bool cr_report_shows(const cr_report *report, int number);

/* Whether there are rows but of baselines. */
bool cr_report_has_models(const cr_report *report);

/* Whether numbers of any row are of another precision than float32. */
bool cr_report_has_precision(const cr_report *report);

/* What people read of a row's; "-" for none. */
const char *cr_report_precision(const cr_report_row *row);

/* Whether there are any outcomes. */
bool cr_report_has_outcomes(const int64_t outcomes[CR_N_OUTCOMES]);

/* The row of a class's variant and protocol, with the class's numbers. */
void cr_report_class_row(const cr_report *report, cr_report_class of, cr_report_row *row);

#define CR_REPORT_DECLARE(name, _) bool cr_report_##name(const cr_report *report, FILE *out);
CR_REPORT_FORMATS(CR_REPORT_DECLARE, )

/* notes.c: lines about the set, the protocols, the denominators, failures and missing images, each
 * with `prefix` in front. `put` escapes what comes from outside. */
typedef void cr_put_text(FILE *out, const char *text);
/* The next line of a report's doubts, of which *rest is moved behind it; false: there is none. */
#define CR_REPORT_DOUBT_BYTES 600
bool cr_report_next_doubt(const char **rest, char line[CR_REPORT_DOUBT_BYTES]);

void cr_report_put_notes(const cr_report *report, FILE *out, const char *prefix, cr_put_text *put);

/* table.c: the table of a report, or of its classes; sheet->failed when out of memory. */
void cr_report_make_sheet(const cr_report *report, bool names_precision, cr_sheet *sheet);

/* text.c: the second table: why. A line for the first prediction and one for GT-known of each row. */
void cr_report_make_outcomes(const cr_report *report, cr_sheet *sheet);

/* text.c: the width of each column by its title and texts, as text. */
void cr_sheet_measure(const cr_sheet *sheet, int *widths);

/* A part of a table that fits its width: its columns, the fixed ones apart. */
typedef struct cr_sheet_part {
    int first, end;
} cr_sheet_part;

/* Lines of smaller texts that a line of a part has. */
int cr_sheet_n_below(const cr_sheet *sheet, cr_sheet_part of, int line);

/* As many columns from `first` on as fit beside the fixed ones, at least one, and no group in two parts that
 * fits in one. */
cr_sheet_part cr_sheet_next_part(const cr_sheet *sheet, const int *widths, int first);

/* html.c: what a page begins and ends with; and a line of a list of facts, of a value that is there. */
void cr_html_put_head(FILE *out, const char *title);
void cr_html_put_end(FILE *out);
void cr_html_put_fact(FILE *out, const char *title, const char *value);

/* html_gallery.c: a picture that opens, whose text is `alt` and then `of`; where it does; a choice of a filter; an
 * attribute data-NAME. */
void cr_html_put_picture(FILE *out, const char *alt, const char *of, const uint8_t *jpeg, size_t n);
void cr_html_put_dialog(FILE *out);
void cr_html_put_option(FILE *out, const char *value);
void cr_html_put_attribute(FILE *out, const char *name, const char *value);

/* html_figures.c, html_gallery.c: sections of the page. */
struct cr_page;
bool cr_html_put_figures(const struct cr_page *page, FILE *out);
bool cr_html_put_comparison(const struct cr_page *page, FILE *out);
bool cr_html_put_classes(const struct cr_page *page, FILE *out);
void cr_html_put_gallery(const struct cr_page *page, FILE *out);

/* A cell for each outcome. */
void cr_report_put_outcomes(cr_sheet *sheet, cr_sheet_cell *cells, const int64_t *outcomes);

#endif
