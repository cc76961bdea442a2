/* JSON, schema camrank-compare-1: one object, in full, null for what does not exist. */
#include "internal.h"

#include <jansson.h>
#include <math.h>

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
    failed |= json_object_set_new(object, "missing", json_integer(row->n_missing));
    failed |= json_object_set_new(object, "values", values);
    return cr_json_whole(object, failed);
}

static int set_counts(json_t *object, const cr_compare_pair *pair)
{
    const bool exist = !isnan(pair->difference);
    const struct {
        const char *key;
        int64_t n;
    } counts[] = {{"both", pair->counts.both},
                  {"only_a", pair->counts.only_a},
                  {"only_b", pair->counts.only_b},
                  {"neither", pair->counts.neither}};
    int failed = 0;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        failed |= json_object_set_new(object, counts[k].key,
                                      exist ? json_integer(counts[k].n) : json_null());
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
        failed |= set_counts(object, pair);
    else
        failed |= json_object_set_new(object, "p_wilcoxon", cr_json_number(pair->p_wilcoxon));
    const struct {
        const char *key;
        double value;
    } figures[] = {{"difference", pair->difference},
                   {"low", pair->low},
                   {"high", pair->high},
                   {"p_exact", pair->p_exact},
                   {"p_mid", pair->p_mid},
                   {"p_adjusted", pair->p_adjusted},
                   {"kappa", pair->kappa},
                   {"images_needed", pair->needed}};
    for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++)
        failed |= json_object_set_new(object, figures[k].key, cr_json_number(figures[k].value));
    return cr_json_whole(object, failed);
}

/* All rows at once, and which cannot be told apart. */
static json_t *metric_value(const cr_compare *compare, const cr_compare_metric *metric)
{
    json_t *object = json_object(), *order = json_array();
    const bool tested = metric->n_having >= 2 && metric->n > 0;
    int failed = 0;
    failed |= json_object_set_new(object, "metric", json_string(cr_compare_number(metric)->key));
    failed |= json_object_set_new(object, "n", json_integer(metric->n));
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
    failed = failed || json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0;
    fputc('\n', out);
    json_decref(root);
    return !failed;
}
