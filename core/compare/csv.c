/* CSV: a line a pair and number, or class, or image, in full; nothing for what does not exist. */
#include "internal.h"

#include <csv.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_text(FILE *out, const char *text)
{
    csv_fwrite(out, text, strlen(text));
    fputc(',', out);
}

static void put_row(FILE *out, const cr_compare_row *row)
{
    put_text(out, row->file);
    put_text(out, row->model);
    put_text(out, row->method);
    put_text(out, row->protocol);
    put_text(out, row->precision);
}

static void put_number(FILE *out, double value)
{
    fputc(',', out);
    if (!isnan(value))
        fprintf(out, "%.17g", value);
}

/* Nothing where there are none. */
static void put_counts(FILE *out, bool exist, cr_stat_counts of)
{
    const int64_t counts[] = {of.both, of.only_a, of.only_b, of.neither};
    for (int k = 0; k < 4; k++) {
        fputc(',', out);
        if (exist)
            fprintf(out, "%" PRId64, counts[k]);
    }
}

#define PAIR_KEYS                                                                        \
    "file_a,model_a,method_a,protocol_a,precision_a,file_b,model_b,method_b,protocol_b," \
    "precision_b"

static void put_pair(const cr_compare *compare, int pair, FILE *out)
{
    const cr_compare_pair *of = &compare->metrics[0].pairs[pair];
    put_row(out, &compare->rows[of->a]);
    put_row(out, &compare->rows[of->b]);
}

static void put_pairs(const cr_compare *compare, FILE *out)
{
    fprintf(out, PAIR_KEYS ",metric,images,value_a,value_b,difference,low,high,both,only_a,only_b,"
                           "neither,p_exact,p_mid,p_wilcoxon,p_adjusted,kappa,images_needed,"
                           "p_bootstrap\n");
    for (int k = 0; k < compare->n_pairs; k++)
        for (int m = 0; m < compare->n_metrics; m++) {
            const cr_compare_metric *metric = &compare->metrics[m];
            const cr_compare_pair *pair = &metric->pairs[k];
            const double figures[] = {metric->values[pair->a], metric->values[pair->b],
                                      pair->difference, pair->low, pair->high};
            const double tests[] = {pair->p_exact, pair->p_mid,  pair->p_wilcoxon, pair->p_adjusted,
                                    pair->kappa,   pair->needed, pair->p_bootstrap};
            put_pair(compare, k, out);
            fprintf(out, "%s,%d", cr_compare_number(metric)->key, metric->n);
            for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
                put_number(out, figures[i]);
            put_counts(out, metric->is_rights && !isnan(pair->difference), pair->counts);
            for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
                put_number(out, tests[i]);
            fputc('\n', out);
        }
}

static bool put_classes_of(const cr_compare *compare, int k, int m, FILE *out)
{
    const cr_compare_metric *metric = &compare->metrics[m];
    const cr_dataset *data = compare->sets[0].data;
    cr_compare_class *classes;
    int n;
    if (cr_compare_classes(compare, metric, &metric->pairs[k], &classes, &n, NULL) != CR_OK)
        return false;
    for (int c = 0; c < n; c++) {
        const cr_compare_class *of = &classes[c];
        const double figures[] = {of->value_a, of->value_b, of->difference};
        const double tests[] = {of->p_exact, of->p_mid, of->p_wilcoxon, of->p_adjusted};
        put_pair(compare, k, out);
        fprintf(out, "%s,", cr_compare_number(metric)->key);
        put_text(out, data->text + data->classes[of->class].wnid);
        put_text(out, data->text + data->classes[of->class].name);
        fprintf(out, "%d", of->n);
        for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
            put_number(out, figures[i]);
        put_counts(out, metric->is_rights, of->counts);
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
            put_number(out, tests[i]);
        fputc('\n', out);
    }
    free(classes);
    return true;
}

static bool put_classes(const cr_compare *compare, FILE *out)
{
    bool whole = true;
    fprintf(out,
            PAIR_KEYS ",metric,class,name,images,value_a,value_b,difference,both,only_a,only_b,"
                      "neither,p_exact,p_mid,p_wilcoxon,p_adjusted\n");
    for (int k = 0; k < compare->n_pairs && whole; k++)
        for (int m = 0; m < compare->n_metrics && whole; m++)
            if (cr_compare_shows_classes(compare, m))
                whole = put_classes_of(compare, k, m, out);
    return whole;
}

static void put_list(const cr_compare *compare, int k, const cr_compare_flips *flips, bool better,
                     FILE *out)
{
    const cr_compare_flip *list = better ? flips->better : flips->worse;
    for (int i = 0; i < (better ? flips->n_better : flips->n_worse); i++) {
        put_pair(compare, k, out);
        fprintf(out, "%s,%s,", flips->of_truth ? "gt_known" : "top1", better ? "better" : "worse");
        put_text(out, cr_data_image_id(compare->sets[0].data, compare->shared[list[i].image]));
        fprintf(out, "%s,%s,%.17g,%.17g\n", cr_outcome_keys[list[i].a], cr_outcome_keys[list[i].b],
                list[i].iou_a, list[i].iou_b);
    }
}

static bool put_flips(const cr_compare *compare, FILE *out)
{
    fprintf(out, PAIR_KEYS ",of,change,image,outcome_a,outcome_b,iou_a,iou_b\n");
    for (int k = 0; k < compare->n_pairs; k++) {
        const cr_compare_pair *pair = &compare->metrics[0].pairs[k];
        cr_compare_flips flips;
        if (cr_compare_find_flips(compare, pair->a, pair->b, &flips, NULL) != CR_OK)
            return false;
        put_list(compare, k, &flips, true, out);
        put_list(compare, k, &flips, false, out);
        cr_compare_flips_free(&flips);
    }
    return true;
}

static void put_alike(const cr_compare *compare, FILE *out)
{
    fprintf(out, PAIR_KEYS ",alike,images,value,low,high\n");
    for (int k = 0; k < compare->n_pairs; k++)
        for (int i = 0; i < CR_N_ALIKE; i++) {
            const cr_compare_alike *of = &compare->alike[k * CR_N_ALIKE + i];
            put_pair(compare, k, out);
            fprintf(out, "%s,%d", cr_alike_numbers[i].key, of->n);
            put_number(out, of->value);
            put_number(out, of->low);
            put_number(out, of->high);
            fputc('\n', out);
        }
}

static void put_spread(FILE *out, const cr_compare_spread *of)
{
    put_number(out, of->mean);
    put_number(out, of->deviation);
    put_number(out, of->least);
    put_number(out, of->most);
}

static void put_between(const cr_compare *compare, FILE *out)
{
    fprintf(out,
            "variant_a,runs_a,variant_b,runs_b,metric,images,mean_a,deviation_a,least_a,most_a,"
            "mean_b,deviation_b,least_b,most_b,difference,low,high\n");
    for (int k = 0; k < compare->n_between; k++)
        for (int m = 0; m < compare->n_metrics; m++) {
            const cr_compare_metric *metric = &compare->metrics[m];
            const cr_compare_between *of = &metric->between[k];
            put_text(out, compare->variants[of->a].name);
            fprintf(out, "%d,", compare->variants[of->a].n_runs);
            put_text(out, compare->variants[of->b].name);
            fprintf(out, "%d,%s,%d", compare->variants[of->b].n_runs,
                    cr_compare_number(metric)->key, metric->n);
            put_spread(out, &metric->spreads[of->a]);
            put_spread(out, &metric->spreads[of->b]);
            put_number(out, of->difference);
            put_number(out, of->low);
            put_number(out, of->high);
            fputc('\n', out);
        }
}

bool cr_compare_csv(const cr_compare *compare, FILE *out)
{
    if (compare->options.by_class)
        return put_classes(compare, out);
    if (compare->options.n_flips > 0)
        return put_flips(compare, out);
    if (compare->alike)
        put_alike(compare, out);
    else if (compare->n_variants > 0)
        put_between(compare, out);
    else
        put_pairs(compare, out);
    return true;
}
