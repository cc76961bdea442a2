/* CSV: a line a pair and number, in full, nothing for what does not exist. */
#include "internal.h"

#include <csv.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_row(FILE *out, const cr_compare_row *row)
{
    const char *const texts[] = {row->file, row->model, row->method, row->protocol};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        csv_fwrite(out, texts[k], strlen(texts[k]));
        fputc(',', out);
    }
}

static void put_number(FILE *out, double value)
{
    fputc(',', out);
    if (!isnan(value))
        fprintf(out, "%.17g", value);
}

static void put_counts(FILE *out, const cr_compare_metric *metric, const cr_compare_pair *pair)
{
    const int64_t counts[] = {pair->counts.both, pair->counts.only_a, pair->counts.only_b,
                              pair->counts.neither};
    for (int k = 0; k < 4; k++) {
        fputc(',', out);
        if (metric->is_rights && !isnan(pair->difference))
            fprintf(out, "%" PRId64, counts[k]);
    }
}

bool cr_compare_csv(const cr_compare *compare, FILE *out)
{
    fprintf(out,
            "file_a,model_a,method_a,protocol_a,file_b,model_b,method_b,protocol_b,metric,images,"
            "value_a,value_b,difference,low,high,both,only_a,only_b,neither,p_exact,p_mid,"
            "p_wilcoxon,p_adjusted,kappa,images_needed\n");
    for (int k = 0; k < compare->n_pairs; k++)
        for (int m = 0; m < compare->n_metrics; m++) {
            const cr_compare_metric *metric = &compare->metrics[m];
            const cr_compare_pair *pair = &metric->pairs[k];
            const double figures[] = {metric->values[pair->a], metric->values[pair->b],
                                      pair->difference, pair->low, pair->high};
            const double tests[] = {pair->p_exact,    pair->p_mid, pair->p_wilcoxon,
                                    pair->p_adjusted, pair->kappa, pair->needed};
            put_row(out, &compare->rows[pair->a]);
            put_row(out, &compare->rows[pair->b]);
            fprintf(out, "%s,%d", cr_compare_number(metric)->key, metric->n);
            for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
                put_number(out, figures[i]);
            put_counts(out, metric, pair);
            for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
                put_number(out, tests[i]);
            fputc('\n', out);
        }
    return true;
}
