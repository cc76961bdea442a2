/* Numbers in words: p-values, names of metrics, and the sentence on a pair. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void cr_compare_p_words(double p, char words[CR_COMPARE_P_BYTES])
{
    snprintf(words, CR_COMPARE_P_BYTES, isnan(p) ? "-" : p < 0.001 ? "<0.001" : "%.4f", p);
}

void cr_compare_put_p(double p, FILE *out)
{
    char words[CR_COMPARE_P_BYTES];
    cr_compare_p_words(p, words);
    fprintf(out, "p %s", words[0] == '<' ? "< " : "= ");
    fputs(words + (words[0] == '<'), out);
}

void cr_compare_metric_name(const cr_compare_metric *metric, char name[CR_COMPARE_NAME_BYTES])
{
    const cr_metric_number *number = cr_compare_number(metric);
    const char *above = number->below
                            ? cr_metric_number_at(cr_metric_number_find(number->below), NULL)->title
                            : NULL;
    snprintf(name, CR_COMPARE_NAME_BYTES, "%s%s%s", above ? above : "", above ? ", " : "",
             number->title);
}

static const char *unit_of(const cr_compare_metric *metric)
{
    return cr_compare_number(metric)->unit[0] == '%' ? " points" : "";
}

/* "7.67 points (2.90 to 12.42)": the difference as a positive number, with its interval, which unlike the
 * verdict is not corrected for the number of pairs. */
static void put_size(const cr_compare *compare, const cr_compare_metric *metric,
                     const cr_compare_pair *pair, FILE *out)
{
    const int places = cr_compare_number(metric)->places;
    const bool turned = pair->difference < 0;
    fprintf(out, "%.*f%s", places, fabs(pair->difference), unit_of(metric));
    if (!isnan(pair->low))
        fprintf(out, " (%.*f to %.*f%s)", places, turned ? -pair->high : pair->low, places,
                turned ? -pair->low : pair->high,
                compare->n_pairs > 1 ? ", of this pair alone" : "");
}

static bool is_equal(const cr_compare_metric *metric, const cr_compare_pair *pair)
{
    if (metric->is_rights)
        return pair->counts.only_a + pair->counts.only_b == 0;
    if (metric->is_whole)
        return false;
    return memcmp(metric->columns[pair->a], metric->columns[pair->b],
                  (size_t)metric->n * sizeof(double)) == 0;
}

static void put_p(const cr_compare *compare, const cr_compare_metric *metric,
                  const cr_compare_pair *pair, FILE *out)
{
    char alone[CR_COMPARE_P_BYTES];
    cr_compare_p_words(cr_compare_p(metric, pair), alone);
    cr_compare_put_p(pair->p_adjusted, out);
    if (compare->n_pairs > 1)
        fprintf(out, " (Holm; %s alone)", alone);
}

void cr_compare_put_sentence(const cr_compare *compare, const cr_compare_metric *metric,
                             const cr_compare_pair *pair, FILE *out)
{
    char name[CR_COMPARE_NAME_BYTES];
    cr_compare_metric_name(metric, name);
    fprintf(out, "%s: ", name);
    if (isnan(pair->difference)) {
        fprintf(out, "there is nothing to compare.");
        return;
    }
    if (is_equal(metric, pair)) {
        fprintf(out, "A and B are equal on every image.");
        return;
    }
    const bool is_error = cr_compare_number(metric)->better == CR_METRIC_DOWN;
    const char *better = (pair->difference < 0) == is_error ? "A" : "B";
    if (pair->p_adjusted < compare->options.alpha) {
        fprintf(out, "%s is better by ", better);
        put_size(compare, metric, pair, out);
        fprintf(out, "; ");
        put_p(compare, metric, pair, out);
        fputc('.', out);
        return;
    }
    const bool tested = !isnan(pair->p_adjusted);
    fprintf(out, tested ? "no difference is shown; " : "not tested without a bootstrap; ");
    if (pair->difference == 0) {
        fprintf(out, "A and B have the same value");
    } else {
        fprintf(out, "%s is ahead by ", better);
        put_size(compare, metric, pair, out);
    }
    if (tested) {
        fprintf(out, ", ");
        put_p(compare, metric, pair, out);
    }
    if (pair->needed > 1e6)
        fprintf(out, "; to see it takes more than a million images (power 0.8)");
    else if (!isnan(pair->needed))
        fprintf(out, "; to see it takes %.0f images (power 0.8)", pair->needed);
    fputc('.', out);
}
