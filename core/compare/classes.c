/* A pair class by class. An image has one row of a class at most: within a class rows are independent. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

/* Images of a metric ordered by class; of one class they keep their order. */
typedef struct sorted {
    int *starts; /* [n_classes + 1] */
    int *items;  /* [n] of the metric's columns */
} sorted;

static int class_of(const cr_compare *compare, const cr_compare_metric *metric, int item)
{
    return compare->sets[0].data->images[compare->shared[metric->images[item]]].label;
}

static bool sort_images(const cr_compare *compare, const cr_compare_metric *metric, sorted *by)
{
    const int n_classes = compare->sets[0].data->n_classes;
    by->starts = cr_alloc((size_t)n_classes + 2, sizeof *by->starts);
    by->items = cr_alloc((size_t)metric->n, sizeof *by->items);
    if (!by->starts || !by->items)
        return false;
    for (int i = 0; i < metric->n; i++)
        by->starts[class_of(compare, metric, i) + 2]++;
    for (int c = 2; c < n_classes + 2; c++)
        by->starts[c] += by->starts[c - 1];
    for (int i = 0; i < metric->n; i++)
        by->items[by->starts[class_of(compare, metric, i) + 1]++] = i;
    return true;
}

/* The images of one class, side by side. */
typedef struct columns {
    uint8_t *rights[2];
    double *values[2];
} columns;

static bool alloc_columns(const cr_compare_metric *metric, columns *of)
{
    const size_t n = (size_t)metric->n;
    for (int k = 0; k < 2; k++) {
        of->rights[k] = cr_alloc(n, sizeof *of->rights[k]);
        of->values[k] = cr_alloc(n, sizeof *of->values[k]);
    }
    return of->rights[0] && of->rights[1] && of->values[0] && of->values[1];
}

static void fill_rights(const cr_compare_metric *metric, const columns *of, cr_compare_class *to)
{
    const bool is_error = cr_compare_number(metric)->better == CR_METRIC_DOWN;
    const double share = 100.0 / to->n;
    to->counts = cr_stat_count(of->rights[0], of->rights[1], to->n);
    const double a = (double)(to->counts.both + to->counts.only_a);
    const double b = (double)(to->counts.both + to->counts.only_b);
    to->value_a = share * (is_error ? to->n - a : a);
    to->value_b = share * (is_error ? to->n - b : b);
    to->difference = share * (is_error ? b - a : a - b);
    cr_stat_mcnemar(to->counts, &to->p_exact, &to->p_mid);
    to->p_wilcoxon = NAN;
}

static cr_status fill_values(const columns *of, cr_compare_class *to, cr_error *err)
{
    cr_stat_wilcoxon_result test;
    const cr_status status =
        cr_stat_wilcoxon(of->values[0], of->values[1], cr_stat_rows(to->n), &test, err);
    for (int i = 0; i < to->n; i++) {
        to->value_a += of->values[0][i] / to->n;
        to->value_b += of->values[1][i] / to->n;
    }
    to->difference = to->value_a - to->value_b;
    to->p_wilcoxon = test.p;
    to->p_exact = to->p_mid = NAN;
    return status;
}

static cr_status fill_class(const cr_compare_metric *metric, const cr_compare_pair *pair,
                            const int *items, columns *of, cr_compare_class *to, cr_error *err)
{
    const int rows[] = {pair->a, pair->b};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < to->n; i++) {
            if (metric->is_rights)
                of->rights[k][i] = metric->rights[rows[k]][items[i]];
            else
                of->values[k][i] = metric->columns[rows[k]][items[i]];
        }
    if (!metric->is_rights)
        return fill_values(of, to, err);
    fill_rights(metric, of, to);
    return CR_OK;
}

static cr_status adjust(const cr_compare_metric *metric, cr_compare_class *classes, int n,
                        cr_error *err)
{
    double *p = cr_alloc((size_t)n, sizeof *p);
    if (!p)
        return cr_fail_memory(err, "p-values", (size_t)n, sizeof *p);
    for (int c = 0; c < n; c++)
        p[c] = metric->is_rights ? classes[c].p_exact : classes[c].p_wilcoxon;
    const cr_status status = cr_stat_benjamini_hochberg(p, n, p, err);
    for (int c = 0; c < n && status == CR_OK; c++)
        classes[c].p_adjusted = p[c];
    free(p);
    return status;
}

static int by_difference(const void *one, const void *other)
{
    const cr_compare_class *a = one, *b = other;
    const int order = (a->difference > b->difference) - (a->difference < b->difference);
    return order ? order : (a->class > b->class) - (a->class < b->class);
}

cr_status cr_compare_classes(const cr_compare *compare, const cr_compare_metric *metric,
                             const cr_compare_pair *pair, cr_compare_class **classes, int *n,
                             cr_error *err)
{
    cr_status status = CR_OK;
    const int n_classes = compare->sets[0].data->n_classes;
    sorted by = {0};
    columns of = {.rights = {NULL}};
    *n = 0;
    *classes = cr_alloc((size_t)n_classes, sizeof **classes);
    if (!*classes || !sort_images(compare, metric, &by) || !alloc_columns(metric, &of))
        CR_TRY(cr_fail_memory(err, "classes", (size_t)n_classes, sizeof **classes));
    for (int c = 0; c < n_classes && !isnan(pair->difference); c++) {
        cr_compare_class *to = &(*classes)[*n];
        *to = (cr_compare_class){.class = c, .n = by.starts[c + 1] - by.starts[c]};
        if (to->n == 0)
            continue;
        CR_TRY(fill_class(metric, pair, by.items + by.starts[c], &of, to, err));
        ++*n;
    }
    CR_TRY(adjust(metric, *classes, *n, err));
    qsort(*classes, (size_t)*n, sizeof **classes, by_difference);

cleanup:
    for (int k = 0; k < 2; k++) {
        free(of.rights[k]);
        free(of.values[k]);
    }
    free(by.items);
    free(by.starts);
    if (status != CR_OK) {
        free(*classes);
        *classes = NULL;
        *n = 0;
    }
    return status;
}
