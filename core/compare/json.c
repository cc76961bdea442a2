/* JSON, schema camrank-compare-1: one object, in full, null for what does not exist. */
#include "internal.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *row_value(const cr_compare *compare, int r)
{
    const cr_compare_row *row = &compare->rows[r];
    json_t *object = json_object(), *values = json_object();
    int failed = 0;
    for (int m = 0; m < compare->n_metrics; m++) {
        const cr_compare_metric *metric = &compare->metrics[m];
        failed |= json_object_set_new(values, cr_compare_number(metric)->key,
                                      cr_json_number(metric->values[r]));
    }
    failed |= json_object_set_new(object, "file", cr_json_text(row->file));
    failed |= json_object_set_new(object, "model", cr_json_text(row->model));
    failed |= json_object_set_new(object, "method", cr_json_text(row->method));
    failed |= json_object_set_new(object, "protocol", cr_json_text(row->protocol));
    failed |= json_object_set_new(object, "precision",
                                  row->has_network ? json_string(row->precision) : json_null());
    failed |= json_object_set_new(object, "missing", json_integer(row->n_missing));
    failed |= json_object_set_new(object, "values", values);
    return cr_json_whole(object, failed);
}

/* null where they do not exist. */
static int set_counts(json_t *object, bool exist, cr_stat_counts of)
{
    const struct {
        const char *key;
        int64_t n;
    } counts[] = {
        {"both", of.both}, {"only_a", of.only_a}, {"only_b", of.only_b}, {"neither", of.neither}};
    int failed = 0;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        failed |= json_object_set_new(object, counts[k].key,
                                      exist ? json_integer(counts[k].n) : json_null());
    return failed;
}

/* A figure and its key. */
typedef struct figure {
    const char *key;
    double value;
} figure;

static int set_figures(json_t *object, const figure *figures, size_t n)
{
    int failed = 0;
    for (size_t k = 0; k < n; k++)
        failed |= json_object_set_new(object, figures[k].key, cr_json_number(figures[k].value));
    return failed;
}

static json_t *pair_value(const cr_compare_metric *metric, const cr_compare_pair *pair)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "a", json_integer(pair->a));
    failed |= json_object_set_new(object, "b", json_integer(pair->b));
    failed |= json_object_set_new(object, "metric", json_string(cr_compare_number(metric)->key));
    failed |= json_object_set_new(object, "n", json_integer(metric->n));
    if (metric->is_rights)
        failed |= set_counts(object, !isnan(pair->difference), pair->counts);
    else if (metric->is_whole)
        failed |= json_object_set_new(object, "p_bootstrap", cr_json_number(pair->p_bootstrap));
    else
        failed |= json_object_set_new(object, "p_wilcoxon", cr_json_number(pair->p_wilcoxon));
    const figure figures[] = {{"difference", pair->difference},
                              {"low", pair->low},
                              {"high", pair->high},
                              {"p_exact", pair->p_exact},
                              {"p_mid", pair->p_mid},
                              {"p_adjusted", pair->p_adjusted},
                              {"kappa", pair->kappa},
                              {"images_needed", pair->needed}};
    failed |= set_figures(object, figures, sizeof figures / sizeof figures[0]);
    return cr_json_whole(object, failed);
}

/* All rows at once, and which cannot be told apart. */
static json_t *metric_value(const cr_compare *compare, const cr_compare_metric *metric)
{
    json_t *object = json_object(), *order = json_array();
    const bool tested = metric->n_having >= 2 && metric->n > 0 && !metric->is_whole;
    int failed = 0;
    failed |= json_object_set_new(object, "metric", json_string(cr_compare_number(metric)->key));
    failed |= json_object_set_new(object, "n", json_integer(metric->n));
    if (!metric->is_whole)
        failed |= json_object_set_new(object, metric->is_rights ? "cochran_q" : "friedman",
                                      tested ? json_real(metric->test.statistic) : json_null());
    failed |=
        json_object_set_new(object, "df", tested ? json_integer(metric->test.df) : json_null());
    failed |= json_object_set_new(object, "p", tested ? json_real(metric->test.p) : json_null());
    for (int r = 0; r < compare->n_rows; r++)
        failed |= json_array_append_new(order, json_integer(metric->order[r]));
    failed |= json_object_set_new(object, "order", order);
    if (!metric->is_rights && tested) {
        json_t *ranks = json_array();
        for (int r = 0; r < compare->n_rows; r++)
            failed |= json_array_append_new(ranks, cr_json_number(metric->mean_ranks[r]));
        failed |= json_object_set_new(object, "mean_ranks", ranks);
        failed |= json_object_set_new(object, "nemenyi", json_real(metric->nemenyi));
    }
    if (metric->letters) {
        json_t *letters = json_array();
        for (int r = 0; r < compare->n_rows; r++)
            failed |= json_array_append_new(letters, json_string(metric->letters[r]));
        failed |= json_object_set_new(object, "letters", letters);
    }
    return cr_json_whole(object, failed);
}

static json_t *class_value(const cr_compare *compare, const cr_compare_metric *metric,
                           const cr_compare_pair *pair, const cr_compare_class *of)
{
    const cr_dataset *data = compare->sets[0].data;
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "a", json_integer(pair->a));
    failed |= json_object_set_new(object, "b", json_integer(pair->b));
    failed |= json_object_set_new(object, "metric", json_string(cr_compare_number(metric)->key));
    failed |= json_object_set_new(object, "class",
                                  cr_json_text(data->text + data->classes[of->class].wnid));
    failed |= json_object_set_new(object, "name",
                                  cr_json_text(data->text + data->classes[of->class].name));
    failed |= json_object_set_new(object, "n", json_integer(of->n));
    if (metric->is_rights)
        failed |= set_counts(object, true, of->counts);
    else
        failed |= json_object_set_new(object, "p_wilcoxon", cr_json_number(of->p_wilcoxon));
    const figure figures[] = {{"value_a", of->value_a},       {"value_b", of->value_b},
                              {"difference", of->difference}, {"p_exact", of->p_exact},
                              {"p_mid", of->p_mid},           {"p_adjusted", of->p_adjusted}};
    failed |= set_figures(object, figures, sizeof figures / sizeof figures[0]);
    return cr_json_whole(object, failed);
}

static int add_classes(json_t *array, const cr_compare *compare, int m, int k)
{
    const cr_compare_metric *metric = &compare->metrics[m];
    const cr_compare_pair *pair = &metric->pairs[k];
    cr_compare_class *classes;
    int n, failed = 0;
    if (cr_compare_classes(compare, metric, pair, &classes, &n, NULL) != CR_OK)
        return -1;
    for (int c = 0; c < n; c++)
        failed |= json_array_append_new(array, class_value(compare, metric, pair, &classes[c]));
    free(classes);
    return failed;
}

static json_t *flip_list(const cr_compare *compare, const cr_compare_flip *list, int n)
{
    json_t *array = json_array();
    int failed = 0;
    for (int i = 0; i < n; i++) {
        const char *id = cr_data_image_id(compare->sets[0].data, compare->shared[list[i].image]);
        json_t *object = json_object();
        failed |= json_object_set_new(object, "image", cr_json_text(id));
        failed |= json_object_set_new(object, "a", json_string(cr_outcome_keys[list[i].a]));
        failed |= json_object_set_new(object, "b", json_string(cr_outcome_keys[list[i].b]));
        failed |= json_object_set_new(object, "iou_a", json_real(list[i].iou_a));
        failed |= json_object_set_new(object, "iou_b", json_real(list[i].iou_b));
        failed |= json_array_append_new(array, object);
    }
    return cr_json_whole(array, failed);
}

/* From outcomes of a to outcomes of b. */
static json_t *outcomes_value(const cr_compare_flips *flips)
{
    json_t *object = json_object();
    int failed = 0;
    for (int a = 0; a < CR_N_OUTCOMES; a++) {
        json_t *to = json_object();
        for (int b = 0; b < CR_N_OUTCOMES; b++)
            failed |= json_object_set_new(to, cr_outcome_keys[b], json_integer(flips->table[a][b]));
        failed |= json_object_set_new(object, cr_outcome_keys[a], to);
    }
    return cr_json_whole(object, failed);
}

static json_t *flips_value(const cr_compare *compare, int k)
{
    const cr_compare_pair *pair = &compare->metrics[0].pairs[k];
    cr_compare_flips flips;
    if (cr_compare_find_flips(compare, pair->a, pair->b, &flips, NULL) != CR_OK)
        return NULL;
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "a", json_integer(pair->a));
    failed |= json_object_set_new(object, "b", json_integer(pair->b));
    failed |= json_object_set_new(object, "of", json_string(flips.of_truth ? "gt_known" : "top1"));
    failed |= json_object_set_new(object, "n", json_integer(flips.n));
    failed |= json_object_set_new(object, "outcomes", outcomes_value(&flips));
    failed |=
        json_object_set_new(object, "better", flip_list(compare, flips.better, flips.n_better));
    failed |= json_object_set_new(object, "worse", flip_list(compare, flips.worse, flips.n_worse));
    cr_compare_flips_free(&flips);
    return cr_json_whole(object, failed);
}

static json_t *alike_value(const cr_compare *compare, int k, int i)
{
    const cr_compare_pair *pair = &compare->metrics[0].pairs[k];
    const cr_compare_alike *of = &compare->alike[k * CR_N_ALIKE + i];
    const figure figures[] = {{"value", of->value}, {"low", of->low}, {"high", of->high}};
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "a", json_integer(pair->a));
    failed |= json_object_set_new(object, "b", json_integer(pair->b));
    failed |= json_object_set_new(object, "alike", json_string(cr_alike_numbers[i].key));
    failed |= json_object_set_new(object, "n", json_integer(of->n));
    failed |= set_figures(object, figures, sizeof figures / sizeof figures[0]);
    return cr_json_whole(object, failed);
}

static int set_alike(json_t *root, const cr_compare *compare)
{
    json_t *array = json_array();
    int failed = 0;
    for (int k = 0; k < compare->n_pairs; k++)
        for (int i = 0; i < CR_N_ALIKE; i++)
            failed |= json_array_append_new(array, alike_value(compare, k, i));
    failed |= json_object_set_new(root, "alike", array);
    return failed;
}

/* What was asked for of each pair. */
static int set_details(json_t *root, const cr_compare *compare)
{
    json_t *classes = json_array(), *flips = json_array();
    int failed = 0;
    for (int k = 0; k < compare->n_pairs; k++) {
        for (int m = 0; m < compare->n_metrics; m++)
            if (cr_compare_shows_classes(compare, m))
                failed |= add_classes(classes, compare, m, k);
        if (compare->options.n_flips > 0)
            failed |= json_array_append_new(flips, flips_value(compare, k));
    }
    if (compare->options.by_class)
        failed |= json_object_set(root, "classes", classes);
    if (compare->options.n_flips > 0)
        failed |= json_object_set(root, "flips", flips);
    json_decref(classes);
    json_decref(flips);
    return failed;
}

static json_t *variant_value(const cr_compare *compare, int v)
{
    const cr_compare_variant *variant = &compare->variants[v];
    json_t *object = json_object(), *runs = json_array(), *values = json_object();
    int failed = 0;
    for (int i = 0; i < variant->n_runs; i++)
        failed |= json_array_append_new(runs, json_integer(variant->runs[i]));
    for (int m = 0; m < compare->n_metrics; m++) {
        const cr_compare_metric *metric = &compare->metrics[m];
        const cr_compare_spread *of = &metric->spreads[v];
        const figure figures[] = {{"mean", of->mean},
                                  {"deviation", of->deviation},
                                  {"least", of->least},
                                  {"most", of->most}};
        json_t *spread = json_object();
        failed |= set_figures(spread, figures, sizeof figures / sizeof figures[0]);
        failed |= json_object_set_new(values, cr_compare_number(metric)->key, spread);
    }
    failed |= json_object_set_new(object, "name", cr_json_text(variant->name));
    failed |= json_object_set_new(object, "rows", runs);
    failed |= json_object_set_new(object, "values", values);
    return cr_json_whole(object, failed);
}

static json_t *between_value(const cr_compare_metric *metric, const cr_compare_between *of)
{
    const figure figures[] = {{"difference", of->difference}, {"low", of->low}, {"high", of->high}};
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "a", json_integer(of->a));
    failed |= json_object_set_new(object, "b", json_integer(of->b));
    failed |= json_object_set_new(object, "metric", json_string(cr_compare_number(metric)->key));
    failed |= json_object_set_new(object, "n", json_integer(metric->n));
    failed |= set_figures(object, figures, sizeof figures / sizeof figures[0]);
    return cr_json_whole(object, failed);
}

static int set_variants(json_t *root, const cr_compare *compare)
{
    json_t *variants = json_array(), *pairs = json_array();
    int failed = 0;
    for (int v = 0; v < compare->n_variants; v++)
        failed |= json_array_append_new(variants, variant_value(compare, v));
    for (int k = 0; k < compare->n_between; k++)
        for (int m = 0; m < compare->n_metrics; m++)
            failed |= json_array_append_new(
                pairs, between_value(&compare->metrics[m], &compare->metrics[m].between[k]));
    failed |= json_object_set_new(root, "variants", variants);
    failed |= json_object_set_new(root, "variant_pairs", pairs);
    return failed;
}

static json_t *file_value(const cr_compare_set *set)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "file", cr_json_text(set->path));
    failed |= json_object_set_new(object, "images", json_integer(set->data->n_images));
    failed |= json_object_set_new(object, "left_out", json_integer(set->n_left_out));
    return cr_json_whole(object, failed);
}

bool cr_compare_json(const cr_compare *compare, FILE *out)
{
    json_t *root = json_object(), *files = json_array(), *rows = json_array();
    json_t *pairs = json_array(), *metrics = json_array();
    const int against = compare->options.against;
    int failed = 0;
    for (int s = 0; s < compare->n_sets; s++)
        failed |= json_array_append_new(files, file_value(&compare->sets[s]));
    for (int r = 0; r < compare->n_rows; r++)
        failed |= json_array_append_new(rows, row_value(compare, r));
    for (int k = 0; k < compare->n_pairs; k++)
        for (int m = 0; m < compare->n_metrics; m++)
            failed |= json_array_append_new(
                pairs, pair_value(&compare->metrics[m], &compare->metrics[m].pairs[k]));
    for (int m = 0; m < compare->n_metrics; m++)
        failed |= json_array_append_new(metrics, metric_value(compare, &compare->metrics[m]));
    failed |= json_object_set_new(root, "schema", json_string("camrank-compare-1"));
    failed |= json_object_set_new(root, "images", json_integer(compare->n_images));
    failed |= json_object_set_new(root, "alpha", json_real(compare->options.alpha));
    failed |=
        json_object_set_new(root, "against", against < 0 ? json_null() : json_integer(against));
    failed |= json_object_set_new(root, "files", files);
    failed |= json_object_set_new(root, "rows", rows);
    failed |= json_object_set_new(root, "metrics", metrics);
    failed |= json_object_set_new(root, "pairs", pairs);
    failed |= set_details(root, compare);
    if (compare->alike)
        failed |= set_alike(root, compare);
    if (compare->n_variants > 0)
        failed |= set_variants(root, compare);
    failed = failed || json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0;
    fputc('\n', out);
    json_decref(root);
    return !failed;
}
