/* internal.h - what the forms of a report share. */
#ifndef CAMRANK_REPORT_INTERNAL_H
#define CAMRANK_REPORT_INTERNAL_H

#include "camrank/report.h"

#include <stdio.h>

/* The numeric columns, in the order of every form. */
enum { CR_REPORT_NUMBERS = 6 };

typedef struct cr_report_number {
    const char *key;   /* in CSV and JSON */
    const char *title; /* for people */
    size_t offset;     /* in cr_report_row */
    int decimals;
} cr_report_number;

extern const cr_report_number cr_report_numbers[CR_REPORT_NUMBERS];

double cr_report_value(const cr_report_row *row, int number);

/* The rounded number for people; "-" for NaN. */
void cr_report_rounded(const cr_report_row *row, int number, char text[32]);

/* Writes lines about the set, the protocol, the denominators, failures and missing images, each
 * with `prefix` in front. `put` escapes what comes from outside. */
typedef void cr_report_put(FILE *out, const char *text);
void cr_report_notes(const cr_report *report, FILE *out, const char *prefix, cr_report_put *put);

/* One form each; to a memory stream, whose errors the caller finds. */
void cr_report_text(const cr_report *report, FILE *out);
void cr_report_csv(const cr_report *report, FILE *out);
void cr_report_markdown(const cr_report *report, FILE *out);
void cr_report_latex(const cr_report *report, FILE *out);

/* NULL when out of memory. The caller frees. */
char *cr_report_json(const cr_report *report);

#endif
