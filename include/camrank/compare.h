/* compare.h - rows of results files against each other, image by image: which is better, and is it true.
 * All functions are Local; nothing here knows the file.
 *
 * A row is a model's variant under a protocol. Rows are compared on the images that all of them share and
 * have computed, and under each number of the error table on those of these that count under all rows
 * that have the number (cr_metric_judge): so every pair, and every test over all rows, is of the same
 * images. A row lacks a number where no image counts, as that of predictions without a network. */
#ifndef CAMRANK_COMPARE_H
#define CAMRANK_COMPARE_H

#include "camrank/data.h"
#include "camrank/metric.h"
#include "camrank/new_file.h"
#include "camrank/stat.h"

#include <stdio.h>

enum { CR_COMPARE_MAX_ROWS = 256 };

/* --- Which images are the same ------------------------------------------------------------------ */

/* The image set of one file. */
typedef struct cr_compare_set {
    const char *path; /* for messages, and the `file` of its rows */
    const cr_dataset *data;
    int32_t *places; /* [n_images of the set] which of the shared images each is, -1: none; owned */
    int n_left_out;  /* images that not all sets have */
} cr_compare_set;

/* Matches images by id, and fills `places` and `n_left_out` of n >= 1 sets. `*shared` is [*n_shared]: the
 * shared images by their index in sets[0], in its order; owned by the caller (free), as `places` are.
 * Errors: CR_EINPUT where no image is shared, and naming the first shared image that has another label
 * (by wnid) or other ground-truth boxes in two sets; CR_EINTERNAL (memory). */
cr_status cr_compare_match(cr_compare_set *sets, int n, int32_t **shared, int *n_shared,
                           cr_error *err);

/* --- A comparison ------------------------------------------------------------------------------- */

typedef struct cr_compare_options {
    double alpha; /* a difference counts below this p, corrected */
    int against;  /* the row that all others are compared with; -1: all with all */
    bool numbers[CR_METRIC_MAX_NUMBERS]; /* which of cr_metric_number_at; others than those that
                                            cr_compare_has are passed over */
    bool chosen;   /* by the user: classes are of all of them, else of the lead alone */
    bool by_class; /* forms have each pair class by class */
    bool alike;    /* and how alike maps, boxes and classes of each pair are */
    int n_flips;   /* and the images that changed most, so many for better and for worse; 0: none */
    /* [n_groups] patterns as the shell has them, each of rows that are runs of one variant; the caller's */
    const char *const *groups;
    int n_groups;
    int n_resamples; /* of the bootstrap; 0: none */
    int n_threads;   /* that resample */
} cr_compare_options;

/* Whether images can be compared by this number of cr_metric_number_at. */
bool cr_compare_has(int number);

typedef struct cr_compare_row {
    const char *file, *model, *method, *protocol; /* the caller's */
    const char *precision;                        /* of the network's numbers; "" for none */
    bool has_network;                             /* classes were predicted */
    const char *label; /* for people: as short as tells it from the others */
    int n_missing;     /* shared images that are not computed under it */
} cr_compare_row;

/* Two rows under one number. What does not exist is NaN: all but `a` and `b` where a row lacks the
 * number, or no image counts. */
typedef struct cr_compare_pair {
    int a, b;
    cr_stat_counts counts; /* of rights */
    double difference;     /* a's value minus b's, in the number's unit */
    double low,
        high; /* its 95 % interval: cr_stat_newcombe, cr_stat_bca of values, or cr_stat_percentiles */
    double p_exact, p_mid; /* cr_stat_mcnemar, of rights */
    double p_wilcoxon;     /* of values */
    double p_bootstrap;    /* cr_stat_bootstrap_test, of a number of all images together */
    double
        p_adjusted; /* that which exists of these but p_mid, by cr_stat_holm over the number's pairs */
    double kappa;  /* of rights */
    double needed; /* cr_stat_images_needed to see such a difference at alpha / n_pairs */
} cr_compare_pair;

/* Runs of one variant: of several trainings, or checkpoints. */
typedef struct cr_compare_variant {
    const char *name;
    int *runs; /* [n_runs] rows */
    int n_runs;
} cr_compare_variant;

/* A variant's values under a metric. NaN where a run lacks it; the deviation (n - 1) of one run. */
typedef struct cr_compare_spread {
    double mean, deviation, least, most;
} cr_compare_spread;

/* Two variants: the difference of their means, and its 95 % interval over images and runs together
 * (cr_stat_runs_interval), NaN without a bootstrap. */
typedef struct cr_compare_between {
    int a, b;
    double difference, low, high;
} cr_compare_between;

/* One number. */
typedef struct cr_compare_metric {
    int number;      /* of cr_metric_number_at */
    bool is_rights;  /* one image is right or wrong; else it has a value */
    bool is_whole;   /* but for these: a number of all images together, as mean average precision */
    int n;           /* images that count */
    int32_t *images; /* [n] of the shared images; not of a whole number, as the next three */
    cr_stat_clusters clusters; /* which of these n are pairs of one image */
    uint8_t **rights;          /* [n_rows][n], NULL for a row that lacks the number */
    double **columns;          /* the same of values */
    double *values; /* [n_rows] as the error table has them; NaN for a row that lacks it */
    int *order;     /* [n_rows] rows from best to worst, those that lack it last */
    int n_having;   /* rows that have it */
    /* Over all rows that have it, where these are at least two and it is no whole number: cr_stat_cochran, or cr_stat_friedman
     * with the mean ranks [n_rows] and Nemenyi's critical difference of two of them. */
    cr_stat_test test;
    double *mean_ranks;
    double nemenyi;
    /* [n_rows][n_resamples] of values and whole numbers, and of rights where there are variants; NULL without a
     * bootstrap. */
    double *means;
    cr_compare_pair *pairs; /* [n_pairs] in the order of a, then b */
    /* [n_rows]; NULL where pairs are against one row, and of a whole number without a bootstrap. Rows that share one
     * cannot be told apart. */
    const char **letters;
    cr_compare_spread *spreads;  /* [n_variants] */
    cr_compare_between *between; /* [n_between] */
} cr_compare_metric;

/* How alike two rows are: what can be said of an image under both, and its mean over images. */
typedef enum cr_alike_of {
    CR_ALIKE_CLASS,       /* the first class is the same */
    CR_ALIKE_TOP5,        /* the first five are, in any order */
    CR_ALIKE_BOX,         /* boxes of the ground-truth class have IoU > 0.9 */
    CR_ALIKE_IOU,         /* their IoU */
    CR_ALIKE_CORRELATION, /* of the maps: cr_stat_correlation of values, */
    CR_ALIKE_RANKS,       /* and of ranks, */
    CR_ALIKE_SSIM,        /* and cr_stat_ssim */
    CR_N_ALIKE
} cr_alike_of;

typedef struct cr_alike_number {
    const char *key, *title;
    bool is_share; /* of images, in %; else a mean */
    int places;
} cr_alike_number;
extern const cr_alike_number cr_alike_numbers[CR_N_ALIKE];

/* A pair under one of them. NaN where it is of no image. */
typedef struct cr_compare_alike {
    int n;                   /* images of which it can be said */
    double value, low, high; /* 95 %: cr_stat_wilson of shares, else cr_stat_bca */
} cr_compare_alike;

/* An image under a row. */
typedef struct cr_compare_sight {
    const float *map;         /* at the resolution of cr_compare_begin_alike; NULL: none */
    const cr_box *box;        /* of the ground-truth class; NULL: none */
    const int32_t *top_class; /* [CR_TOP]; NULL: no classes were predicted */
} cr_compare_sight;

typedef struct cr_compare {
    cr_compare_options options;
    const cr_compare_set *sets; /* the caller's, as is what they refer to */
    int n_sets;
    const int32_t *shared;
    int n_shared;
    int n_images; /* shared, and computed under all rows */
    int n_rows;
    cr_compare_row *rows;
    int n_metrics;
    cr_compare_metric metrics[CR_METRIC_MAX_NUMBERS];
    int lead; /* the metric by which rows are ordered: the first of predicted boxes that rows have, else
                 the first that they have */
    int n_pairs;
    /* With options.groups: in the order of their first rows; a row that no group takes is a variant. */
    cr_compare_variant *variants;
    int n_variants, n_between;
    cr_compare_alike *alike;                   /* with options.alike: [n_pairs][CR_N_ALIKE] */
    int n_elsewhere;                           /* rows whose thresholds another set chose */
    bool needs_iou, needs_boxes, needs_levels; /* what cr_compare_add has to be given */
    bool needs_whole;             /* and whether cr_compare_set_whole is to be called */
    struct cr_compare_room *room; /* memory of its own */
} cr_compare;

/* Begins a comparison of 2 to CR_COMPARE_MAX_ROWS rows, of which `rows` has file to has_network. A
 * group without a / is of models, and rows of each method and protocol are a variant of their own; else it
 * is of MODEL/METHOD/PROTOCOL. FILE: may stand in front. Errors: CR_EINPUT for more rows, or fewer, and for a
 * group that no row belongs to; CR_EUSAGE where no number is wanted, a whole one with by_class, or two groups take one row;
 * CR_EINTERNAL (memory).
 * cr_compare_free releases it, also after an error. */
cr_status cr_compare_begin(const cr_compare_options *options, const cr_compare_set *sets,
                           int n_sets, const int32_t *shared, int n_shared,
                           const cr_compare_row *rows, int n_rows, cr_compare *compare,
                           cr_error *err);

/* Takes one shared image under a row: its verdict, where boxes are needed and it is localized its outcomes,
 * else NULL, and `seen`, `levels` and `given` as cr_results_visit has them. */
void cr_compare_add(cr_compare *compare, int row, int image, const cr_metric_image *seen,
                    const cr_verdict *verdict, const cr_outcomes *outcomes, const uint8_t *levels,
                    const cr_metric_given *given);

/* Ends a row of which all shared images were added. `chosen`: what chose its thresholds, all in part 0, in place of
 * the shared images of part 0; NULL where nothing did. */
void cr_compare_row_done(cr_compare *compare, int row, const cr_sweep *chosen);

/* Gives a metric that is a whole number, after the last row: of n images, those that count under all rows that have
 * it, each row's value, [n_rows], NaN for a row that lacks it. Its `means` are the caller's to fill, where they are not
 * NULL: the same number of these images drawn anew, the same for all rows. */
void cr_compare_set_whole(cr_compare_metric *metric, int n_rows, int n, const double *values);

/* After the last row: all figures. Errors: CR_EINPUT where no image is computed under all rows, or none counts;
 * CR_EINTERNAL (memory). */
cr_status cr_compare_finish(cr_compare *compare, cr_error *err);

void cr_compare_free(cr_compare *compare);

/* Then, with options.alike, all images that are computed under all rows: maps are width x height. Begins it.
 * Errors: CR_EINPUT for more pairs than that can be done for; CR_EINTERNAL (memory). */
cr_status cr_compare_begin_alike(cr_compare *compare, int width, int height, cr_error *err);

/* Whether an image is one of them. */
bool cr_compare_is_computed(const cr_compare *compare, int image);

/* Adds the next image, as it is under each row, [n_rows]. Errors: CR_EINTERNAL (memory). */
cr_status cr_compare_add_alike(cr_compare *compare, const cr_compare_sight *sights, cr_error *err);

/* After the last. Errors: CR_EINTERNAL (memory). */
cr_status cr_compare_end_alike(cr_compare *compare, cr_error *err);

/* A sentence in plain words on a pair under a metric: which is better by how much, how sure, and how many
 * images it would take to see it. It has no line end. */
void cr_compare_put_sentence(const cr_compare *compare, const cr_compare_metric *metric,
                             const cr_compare_pair *pair, FILE *out);

/* --- A pair in detail --------------------------------------------------------------------------- */

/* A pair under a metric, of the images of one ground-truth class. `p_adjusted` is
 * cr_stat_benjamini_hochberg over the classes; what does not exist is NaN. */
typedef struct cr_compare_class {
    int class, n; /* of the first set's classes; images that count, at least 1 */
    double value_a, value_b, difference;
    cr_stat_counts counts;
    double p_exact, p_mid, p_wilcoxon, p_adjusted;
} cr_compare_class;

/* The classes that have images, by the difference, of equal ones by class. *classes is the caller's (free);
 * none where a row lacks the metric. Errors: CR_EINTERNAL (memory). */
cr_status cr_compare_classes(const cr_compare *compare, const cr_compare_metric *metric,
                             const cr_compare_pair *pair, cr_compare_class **classes, int *n,
                             cr_error *err);

/* An image that changed from row a to row b. */
typedef struct cr_compare_flip {
    int image; /* of the shared images */
    cr_outcome a, b;
    double iou_a, iou_b;
} cr_compare_flip;

/* What became of the images of a pair: of the first prediction, whose IoU is that of its box, or 0 where its
 * class is wrong; or, where the lead is of the ground-truth class or a row has no predictions, of that
 * class's box (`of_truth`). Images are those that count for localization under all rows. */
typedef struct cr_compare_flips {
    bool of_truth;
    int n;
    int64_t table[CR_N_OUTCOMES][CR_N_OUTCOMES]; /* [outcome under a][outcome under b] */
    /* Those whose IoU grew most, and shrank most, at most options.n_flips each; of equal ones the first. */
    int n_better, n_worse;
    cr_compare_flip *better, *worse; /* owned: cr_compare_flips_free */
} cr_compare_flips;

/* Where options.n_flips > 0. Errors: CR_EINTERNAL (memory); *flips is then {0}. */
cr_status cr_compare_find_flips(const cr_compare *compare, int a, int b, cr_compare_flips *flips,
                                cr_error *err);
void cr_compare_flips_free(cr_compare_flips *flips);

/* --- Its forms ---------------------------------------------------------------------------------- */

/* The formats, the default first: each is a file of core/compare and a row here. */
#define CR_COMPARE_FORMATS(X, between) \
    X(text, )                          \
    X(csv, between)                    \
    X(json, between)                   \
    X(markdown, between)               \
    X(latex, between)
#define CR_COMPARE_FORMAT_NAME(name, before) before #name
#define CR_COMPARE_FORMAT_NAMES(between) CR_COMPARE_FORMATS(CR_COMPARE_FORMAT_NAME, between)

typedef struct cr_compare_format {
    const char *name;
    bool (*write)(const cr_compare *compare, FILE *out); /* as cr_report_format */
    cr_file_kind *kind; /* whether a file begins as one that is written in it */
} cr_compare_format;

/* The format of this name; CR_EUSAGE naming all. */
cr_status cr_compare_format_find(const char *name, const cr_compare_format **format, cr_error *err);

/* For people (text, Markdown, LaTeX) a table of all rows, best first, and, where the pairs are at most
 * CR_COMPARE_FEW or against one row, a table of each pair; for programs all pairs in full: CSV a line a
 * pair and number, JSON of schema camrank-compare-1 (docs/comparing-reference.md). *text is zero-terminated and the
 * caller's (free). Errors: CR_EINTERNAL (memory). */
enum { CR_COMPARE_FEW = 10 };
/* CSV has, in place of the pairs, with `by_class` a line a class, with `n_flips` a line an image, with groups
 * a line of two variants. With groups the forms for people have no tables of pairs of rows. */
cr_status cr_compare_write(const cr_compare *compare, const cr_compare_format *format, char **text,
                           cr_error *err);

#endif
