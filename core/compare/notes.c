/* What a comparison says about itself. */
#include "internal.h"

#include <math.h>

enum { FEW_ROWS = 5 };

static void put_sets(const cr_compare *compare, FILE *out, const char *prefix, cr_put_text *put)
{
    fprintf(out, "%s%d rows of ", prefix, compare->n_rows);
    for (int s = 0; s < compare->n_sets; s++) {
        fprintf(out, "%s", s ? ", " : "");
        put(out, compare->sets[s].path);
    }
    fprintf(out, ", compared on %d image%s.\n", compare->n_images,
            compare->n_images == 1 ? "" : "s");
}

static void put_left_out(const cr_compare *compare, FILE *out, const char *prefix, cr_put_text *put)
{
    bool any = false;
    for (int s = 0; s < compare->n_sets; s++)
        any = any || compare->sets[s].n_left_out > 0;
    for (int s = 0; s < compare->n_sets && any; s++) {
        fprintf(out, "%s%s", s ? ", " : prefix, s ? "" : "Left out, as not all files have them: ");
        fprintf(out, "%d of ", compare->sets[s].n_left_out);
        put(out, compare->sets[s].path);
    }
    if (any)
        fprintf(out, ".\n");
}

static void put_missing(const cr_compare *compare, FILE *out, const char *prefix, cr_put_text *put)
{
    bool any = false;
    for (int r = 0; r < compare->n_rows; r++) {
        if (compare->rows[r].n_missing == 0)
            continue;
        fprintf(out, "%s", any ? ", " : prefix);
        fprintf(out, "%s", any ? "" : "Not finished: ");
        put(out, compare->rows[r].label);
        fprintf(out, " lacks %d", compare->rows[r].n_missing);
        any = true;
    }
    if (any)
        fprintf(out, " of %d images; the figures are of those that all rows have.\n",
                compare->n_shared);
}

/* Those of most metrics, and of the others. */
static void put_counts(const cr_compare *compare, FILE *out, const char *prefix)
{
    char name[CR_COMPARE_NAME_BYTES];
    int most = 0, n_most = 0;
    for (int m = 0; m < compare->n_metrics; m++) {
        int n = 0;
        for (int other = 0; other < compare->n_metrics; other++)
            n += compare->metrics[other].n == compare->metrics[m].n;
        if (n > n_most) {
            most = m;
            n_most = n;
        }
    }
    fprintf(out, "%sImages that count: %d", prefix, compare->metrics[most].n);
    for (int m = 0; m < compare->n_metrics; m++)
        if (compare->metrics[m].n != compare->metrics[most].n) {
            cr_compare_metric_name(&compare->metrics[m], name);
            fprintf(out, "; %s %d", name, compare->metrics[m].n);
        }
    fprintf(out, ".\n");
}

static bool has_sweep(const cr_compare *compare)
{
    for (int m = 0; m < compare->n_metrics; m++) {
        const cr_metric_number *number = cr_compare_number(&compare->metrics[m]);
        if (number->bit >= 0 && !number->held_out)
            return true;
    }
    return false;
}

static bool has_whole(const cr_compare *compare)
{
    for (int m = 0; m < compare->n_metrics; m++)
        if (compare->metrics[m].is_whole)
            return true;
    return false;
}

const char *cr_compare_continued(const char *prefix)
{
    return prefix[0] == '-' ? "  " : prefix;
}

/* Where thresholds are from that are not chosen on the images that they score. */
static const char *held_from(const cr_compare *compare)
{
    return compare->n_elsewhere == 0                 ? "a fifth, scored on the rest"
           : compare->n_elsewhere == compare->n_rows ? "the job's threshold_from, scored on all"
                                                     : "a fifth, scored on the rest, or on the "
                                                       "job's threshold_from, scored on all";
}

static const char *plural(const cr_compare *compare)
{
    return compare->n_pairs == 1 ? "" : "s";
}

void cr_compare_put_notes(const cr_compare *compare, FILE *out, const char *prefix,
                          cr_put_text *put)
{
    put_sets(compare, out, prefix, put);
    put_left_out(compare, out, prefix, put);
    put_missing(compare, out, prefix, put);
    put_counts(compare, out, prefix);
    cr_compare_put_common(compare, out, prefix, put);
    fprintf(out, "%sErrors%s MaxBoxAcc%s in %%.", prefix, has_whole(compare) ? "," : " and",
            has_whole(compare) ? " and mAP" : "");
    if (compare->options.against < 0)
        fprintf(out, " Rows sharing a letter cannot be told apart (Holm, %d pair%s, alpha %g).",
                compare->n_pairs, plural(compare), compare->options.alpha);
    fputc('\n', out);
    if (has_sweep(compare))
        fprintf(
            out,
            "%sMaxBoxAcc is at each row's best threshold, chosen on the images it is scored on: "
            "optimistic\n%sfor all rows, and so are its p-values; held: chosen on %s.\n",
            prefix, cr_compare_continued(prefix), held_from(compare));
}

/* The mean ranks, the least first, of so few rows that the line is not too long. */
static void put_ranks(const cr_compare *compare, const cr_compare_metric *metric, FILE *out,
                      const char *prefix, cr_put_text *put)
{
    fprintf(out, "%sIts mean ranks differ from %.3f on (Nemenyi)", prefix, metric->nemenyi);
    double last = 0;
    for (int shown = 0; shown < metric->n_having && compare->n_rows <= FEW_ROWS; shown++) {
        double next = INFINITY;
        for (int r = 0; r < compare->n_rows; r++)
            if (metric->mean_ranks[r] > last && metric->mean_ranks[r] < next)
                next = metric->mean_ranks[r];
        for (int r = 0; r < compare->n_rows; r++)
            if (metric->mean_ranks[r] == next) {
                fprintf(out, "%s%.3f ", last == 0 ? ": " : ", ", next);
                put(out, compare->rows[r].label);
                last = next;
            }
    }
    fprintf(out, ".\n");
}

void cr_compare_put_tests(const cr_compare *compare, FILE *out, const char *prefix,
                          cr_put_text *put)
{
    for (int m = 0; m < compare->n_metrics; m++) {
        const cr_compare_metric *metric = &compare->metrics[m];
        char name[CR_COMPARE_NAME_BYTES];
        if (metric->n_having < 3 || metric->n == 0 || metric->is_whole)
            continue;
        cr_compare_metric_name(metric, name);
        fprintf(out, "%s%s, %d rows at once: %s %.2f, df %d, ", prefix, name, metric->n_having,
                metric->is_rights ? "Cochran's Q" : "Friedman", metric->test.statistic,
                metric->test.df);
        cr_compare_put_p(metric->test.p, out);
        fprintf(out, ".\n");
        if (!metric->is_rights)
            put_ranks(compare, metric, out, prefix, put);
    }
}

void cr_compare_put_heading(const cr_compare *compare, int pair, FILE *out, cr_put_text *put)
{
    const cr_compare_pair *of = &compare->metrics[0].pairs[pair];
    fprintf(out, "A: ");
    put(out, compare->rows[of->a].label);
    fprintf(out, "   B: ");
    put(out, compare->rows[of->b].label);
}

/* Some image has several rows: in a set of pairs. */
static bool is_by_image(const cr_compare *compare)
{
    for (int m = 0; m < compare->n_metrics; m++)
        if (compare->metrics[m].clusters.n < compare->metrics[m].clusters.n_rows)
            return true;
    return false;
}

void cr_compare_put_columns(const cr_compare *compare, FILE *out, const char *prefix)
{
    fprintf(out, "%sinterval: 95 %%, of the pair alone: Newcombe's of paired shares", prefix);
    if (compare->options.n_resamples > 0)
        fprintf(out, "; of mean IoU BCa bootstrap, %d resamples", compare->options.n_resamples);
    fprintf(out,
            ".\n%sonly A, only B: images that only one gets right. kappa: Cohen's, of their "
            "rights.\n"
            "%sp, mid-p: McNemar's test, exact and mid-p; of mean IoU Wilcoxon's. Holm: p "
            "corrected, %d pair%s.\n",
            prefix, prefix, compare->n_pairs, plural(compare));
    if (has_whole(compare) && compare->options.n_resamples > 0)
        fprintf(
            out,
            "%sOf mAP the interval and p are of %d resamples: percentiles, and both sides of 0.\n",
            prefix, compare->options.n_resamples);
    if (is_by_image(compare))
        fprintf(out, "%sRows of one image are not independent: intervals and tests are by image.\n",
                prefix);
}
