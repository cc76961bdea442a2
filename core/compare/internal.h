/* internal.h - what the files of core/compare share. */
#ifndef CAMRANK_COMPARE_INTERNAL_H
#define CAMRANK_COMPARE_INTERNAL_H

#include "camrank/compare.h"
#include "camrank/sheet.h"

/* Of a right that does not count. */
#define CR_COMPARE_NOT 2

struct cr_compare_room {
    cr_arena arena;  /* of all arrays */
    bool *missing;   /* [n_shared] under at least one row */
    int32_t *images; /* [n_images of the first set] cr_data_number_images */
    uint8_t *parts;  /* [n_shared] cr_held_out_part; NULL where no number asks */
    bool *swept;     /* [n_shared] of the row that is added */
    uint8_t *levels; /* [n_shared][CR_SWEEP_LEVELS] of that row; NULL where no number asks */
    struct cr_compare_seen *seen;         /* [n_rows][n_shared]; NULL without flips */
    struct cr_compare_likeness *likeness; /* NULL without options.alike */
};

/* What became of an image under a row, of the first prediction and of the ground-truth class. */
typedef struct cr_compare_seen {
    double iou[2];
    uint8_t outcome[2]; /* a cr_outcome */
    bool counts;
} cr_compare_seen;

/* clusters.c: which of the first set's rows are of one image; and of n of the shared ones, in their order, those
 * that `of` [n] numbers; where all are of different images `of` is not used. */
cr_status cr_compare_number_images(cr_compare *compare, cr_error *err);
cr_stat_clusters cr_compare_clusters(const cr_compare *compare, const int32_t *shared, int n,
                                     int32_t *of);

/* pairs.c: the figures of all metrics, whose columns are whole. */
cr_status cr_compare_pairs(cr_compare *compare, cr_error *err);

/* labels.c: fills `label` of each row. */
cr_status cr_compare_label(cr_compare *compare, cr_error *err);

/* The name of a variant of models called `group`, of which `row` is one: with its method and protocol, as far
 * as rows differ in them. NULL when out of memory. */
const char *cr_compare_label_group(cr_compare *compare, const char *group, int row);

/* variants.c: which rows are runs of one variant; and their figures under a metric, whose means are
 * resampled. */
cr_status cr_compare_find_variants(cr_compare *compare, cr_error *err);
cr_status cr_compare_spread_runs(cr_compare *compare, cr_compare_metric *metric, cr_error *err);

static inline const cr_metric_number *cr_compare_number(const cr_compare_metric *metric)
{
    return cr_metric_number_at(metric->number, NULL);
}

/* Whether a number of cr_metric_number_at is of all images together, and none of one. */
static inline bool cr_compare_is_whole(int number)
{
    int metric;
    cr_metric_number_at(number, &metric);
    return cr_metrics[metric]->n_sums == 0;
}

/* Whether the classes of a metric are shown. */
static inline bool cr_compare_shows_classes(const cr_compare *compare, int metric)
{
    return compare->options.by_class && !compare->metrics[metric].is_whole &&
           (compare->options.chosen || metric == compare->lead);
}

/* Whether pairs are few enough to be printed one by one. */
static inline bool cr_compare_shows_pairs(const cr_compare *compare)
{
    return compare->n_variants == 0 &&
           (compare->options.against >= 0 || compare->n_pairs <= CR_COMPARE_FEW);
}

/* The p-value of a pair that is corrected. */
static inline double cr_compare_p(const cr_compare_metric *metric, const cr_compare_pair *pair)
{
    return metric->is_rights  ? pair->p_exact
           : metric->is_whole ? pair->p_bootstrap
                              : pair->p_wilcoxon;
}

/* words.c: a p-value, "-" for NaN, also in a sentence; and what a metric is called where it stands alone. */
enum { CR_COMPARE_P_BYTES = 16, CR_COMPARE_NAME_BYTES = 64 };
void cr_compare_p_words(double p, char words[CR_COMPARE_P_BYTES]);

/* "p = 0.02", or "p <1e-300". */
void cr_compare_put_p(double p, FILE *out);
void cr_compare_metric_name(const cr_compare_metric *metric, char name[CR_COMPARE_NAME_BYTES]);

/* Texts of a sheet: a number with so many places, "-" for NaN; a p-value. */
const char *cr_compare_number_text(cr_sheet *sheet, int places, double value);
const char *cr_compare_p_text(cr_sheet *sheet, double p);

/* An empty sheet with these titles, of which the first `n_texts` are of texts; false when out of memory. */
bool cr_compare_begin_sheet(cr_sheet *sheet, const char *const *titles, int n_titles, int n_texts,
                            int n_lines);

/* table.c: all rows with their values and letters, best first; and a pair under all metrics. */
void cr_compare_make_rows(const cr_compare *compare, cr_sheet *sheet);
void cr_compare_make_pair(const cr_compare *compare, int pair, cr_sheet *sheet);

/* All variants, with mean, deviation and range; and two of them under all metrics. */
void cr_compare_make_variants(const cr_compare *compare, cr_sheet *sheet);
void cr_compare_make_between(const cr_compare *compare, int between, cr_sheet *sheet);

/* How alike the rows of all pairs are. */
void cr_compare_make_alike(const cr_compare *compare, cr_sheet *sheet);

/* detail.c: the classes of a pair, and its flips: what became of A's outcomes in B, and the images. */
void cr_compare_make_classes(const cr_compare *compare, const cr_compare_metric *metric,
                             const cr_compare_class *classes, int n, cr_sheet *sheet);
void cr_compare_make_outcomes(const cr_compare_flips *flips, cr_sheet *sheet);
void cr_compare_make_flips(const cr_compare *compare, const cr_compare_flip *list, int n,
                           cr_sheet *sheet);

/* notes.c, each line with `prefix` in front, where `put` escapes what comes from outside: what was
 * compared and left out; the tests over all rows; the line above the table of a pair, without its end;
 * what the columns of that table are. */
typedef void cr_put_text(FILE *out, const char *text);
void cr_compare_put_notes(const cr_compare *compare, FILE *out, const char *prefix,
                          cr_put_text *put);
void cr_compare_put_tests(const cr_compare *compare, FILE *out, const char *prefix,
                          cr_put_text *put);
void cr_compare_put_heading(const cr_compare *compare, int pair, FILE *out, cr_put_text *put);
/* The beginning of a line that goes on with the one before. */
const char *cr_compare_continued(const char *prefix);
void cr_compare_put_columns(const cr_compare *compare, FILE *out, const char *prefix);

/* labels.c: what all rows have in common, and their labels leave out. */
void cr_compare_put_common(const cr_compare *compare, FILE *out, const char *prefix,
                           cr_put_text *put);

#define CR_COMPARE_DECLARE(name, _) bool cr_compare_##name(const cr_compare *compare, FILE *out);
CR_COMPARE_FORMATS(CR_COMPARE_DECLARE, )

#endif
