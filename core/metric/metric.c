/* The table of metrics, and their numbers and columns as one list each. */
#include "internal.h"

#include "camrank/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cr_metric *const cr_metrics[] = {
    [CR_METRIC_LOCALIZATION] = &cr_metric_localization,
    [CR_METRIC_MAX_BOX_ACC] = &cr_metric_max_box_acc,
    [CR_METRIC_MEAN_AP] = &cr_metric_mean_ap,
    &cr_metric_pointing_game,
    &cr_metric_relevance,
    &cr_metric_map_shape,
    &cr_metric_average_drop,
    &cr_metric_insertion,
    &cr_metric_deletion,
    &cr_metric_road,
    &cr_metric_pixel_flipping,
    &cr_metric_region_perturbation,
    &cr_metric_pixel_ap,
    &cr_metric_faithfulness_correlation,
    &cr_metric_sensitivity_n,
    &cr_metric_infidelity,
    &cr_metric_irof,
    &cr_metric_monotonicity,
    &cr_metric_monotonicity_correlation,
    &cr_metric_corloc,
    &cr_metric_max_sensitivity,
    &cr_metric_adcc,
    &cr_metric_top_k,
    NULL,
};

_Static_assert(sizeof cr_metrics / sizeof cr_metrics[0] <= CR_METRIC_MAX + 1, "too many metrics");

const char *const cr_metric_class_words[] = {"truth", "top1", NULL};

int cr_held_out_part(const char *id, size_t n)
{
    char hex[65], first[9] = "";
    cr_sha256_hex(id, n, hex);
    memcpy(first, hex, sizeof first - 1);
    return strtoul(first, NULL, 16) % 5 != 0;
}

cr_metric_value cr_metric_share(int64_t part, int64_t counted)
{
    cr_metric_value share = {.value = cr_metric_percent(part, counted)};
    cr_stat_wilson(part, counted, 100, &share.low, &share.high);
    return share;
}

void cr_metric_add_to_class(cr_metric_classes *classes, int32_t label, bool right)
{
    if (label < 0)
        return;
    if (label >= CR_METRIC_CLASSES) {
        classes->n_beyond++;
        return;
    }
    classes->n[label]++;
    classes->right[label] += right;
}

cr_metric_value cr_metric_mean_of_classes(const cr_metric_classes *classes)
{
    double sum = 0;
    int n = 0;
    for (int c = 0; c < CR_METRIC_CLASSES; c++)
        if (classes->n[c] > 0) {
            sum += cr_metric_percent(classes->right[c], classes->n[c]);
            n++;
        }
    return cr_metric_plain(n > 0 && classes->n_beyond == 0 ? sum / n : NAN);
}

int cr_metric_find(const char *name)
{
    for (int m = 0; cr_metrics[m]; m++)
        if (strcmp(cr_metrics[m]->name, name) == 0)
            return m;
    return -1;
}

const char *cr_metric_names(void)
{
    static char names[CR_METRIC_MAX * CR_NAME_BYTES];
    size_t n = 0;
    for (int m = 0; cr_metrics[m] && n < sizeof names; m++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", m ? ", " : "",
                              cr_metrics[m]->name);
    return names;
}

size_t cr_metric_most_sums(void)
{
    int most = 0;
    for (int m = 0; cr_metrics[m]; m++)
        most = cr_metrics[m]->n_sums > most ? cr_metrics[m]->n_sums : most;
    return (size_t)most;
}

int cr_metric_n_numbers(void)
{
    int n = 0;
    for (int m = 0; cr_metrics[m]; m++)
        n += cr_metrics[m]->n_numbers;
    return n;
}

const cr_metric_number *cr_metric_number_at(int k, int *metric)
{
    int m = 0;
    for (; k >= cr_metrics[m]->n_numbers; m++)
        k -= cr_metrics[m]->n_numbers;
    if (metric)
        *metric = m;
    return &cr_metrics[m]->numbers[k];
}

const char *cr_metric_number_meaning(int k)
{
    int metric;
    const cr_metric_number *number = cr_metric_number_at(k, &metric);
    const cr_metric *of = cr_metrics[metric];
    return of->meanings ? of->meanings[number - of->numbers] : NULL;
}

int cr_metric_number_find(const char *key)
{
    for (int k = 0; k < cr_metric_n_numbers(); k++)
        if (strcmp(cr_metric_number_at(k, NULL)->key, key) == 0)
            return k;
    return -1;
}

int cr_metric_n_columns(void)
{
    int n = 0;
    for (int m = 0; cr_metrics[m]; m++)
        n += cr_metrics[m]->n_columns;
    return n;
}

int cr_metric_first_column(int metric)
{
    int n = 0;
    for (int m = 0; m < metric; m++)
        n += cr_metrics[m]->n_columns;
    return n;
}

const cr_metric_column *cr_metric_column_at(int k, int *metric)
{
    int m = 0;
    for (; k >= cr_metrics[m]->n_columns; m++)
        k -= cr_metrics[m]->n_columns;
    if (metric)
        *metric = m;
    return &cr_metrics[m]->columns[k];
}

void cr_metric_count(const int64_t *const *sums, cr_metric_value *values)
{
    for (int m = 0; cr_metrics[m]; m++)
        for (int k = 0; k < cr_metrics[m]->n_numbers; k++, values++)
            *values = sums[m] && cr_metrics[m]->n_sums > 0
                          ? cr_metrics[m]->numbers[k].count(sums[m])
                          : cr_metric_plain(NAN);
}
