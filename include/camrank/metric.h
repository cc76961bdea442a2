/* metric.h - the numbers of the error table, from counts. All functions are Local. */
#ifndef CAMRANK_METRIC_H
#define CAMRANK_METRIC_H

#include "camrank/results.h"

#define CR_METRIC_MAX_NUMBERS 32

/* What a number is of, which decides where it stands. */
typedef enum cr_metric_of {
    CR_METRIC_OF_CLASSES, /* the predicted classes: the same under all protocols */
    CR_METRIC_OF_TOP,     /* the predicted classes' boxes under a protocol */
    CR_METRIC_OF_TRUTH,   /* the ground-truth class's box under a protocol */
    /* All thresholds, as in wsol-v1 and wsol-v2: the same under all protocols, and of all classes. */
    CR_METRIC_OF_SWEEP_V1,
    CR_METRIC_OF_SWEEP_V2,
} cr_metric_of;

typedef enum cr_metric_better { CR_METRIC_DOWN, CR_METRIC_UP } cr_metric_better;
typedef enum cr_metric_interval { CR_METRIC_NONE, CR_METRIC_WILSON } cr_metric_interval;

/* A number, NaN where nothing was counted, and its 95 % interval, NaN where it has none. */
typedef struct cr_metric_value {
    double value, low, high;
} cr_metric_value;

/* What is counted of one variant under one protocol. */
typedef struct cr_metric_counts {
    const cr_tally *tally;
    const cr_sweep *sweep;
} cr_metric_counts;

/* A row of the table that every format of a report and /summary in the file follow. */
typedef struct cr_metric_number {
    const char *key; /* in JSON, CSV and /summary */
    const char
        *title; /* of its column for people; below another number, what stands in front of it */
    const char *unit; /* "%", or "" of a share of 1 */
    cr_metric_better better;
    int places; /* behind the point, for people */
    cr_metric_of of;
    cr_metric_interval interval;
    const char *below; /* key of the number below which people find it; NULL: in its own column */
    cr_metric_value (*count)(const cr_metric_counts *counts);
} cr_metric_number;

extern const cr_metric_number cr_metric_numbers[];
extern const int cr_metric_n_numbers; /* at most CR_METRIC_MAX_NUMBERS */

/* Index of the number with this key, -1 for none. */
int cr_metric_number_find(const char *key);

/* Counts all numbers, or, where `sweep` is NULL, those that are of no sweep, and leaves the others.
 *   values  [cr_metric_n_numbers] */
void cr_metric_count(const cr_tally *tally, const cr_sweep *sweep, cr_metric_value *values);

/* Wilson's interval of an error of `wrong` of `counted`, in percent: the shares p for which the one
 * measured is less than 1.96 standard deviations of p away (E. B. Wilson, J. Am. Stat. Assoc. 22,
 * 1927). NaN where nothing was counted. */
void cr_metric_wilson(int64_t wrong, int64_t counted, double *low, double *high);

#endif
