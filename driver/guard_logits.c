/* Statistics of a model's logits that give away pixels in another scale; the bounds are measured
 * (guard.h). */
#include "guard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE 256
#define MIN_IMAGES 100

#define MAX_GAP 50.0
#define MIN_SPREAD 0.15 /* of the gap */
#define MIN_SHARE 0.25
#define MIN_SHARE_TIMES 5.0 /* the share of the commonest label */
#define ALIKE_SHARE_TIMES 1.5
#define MIN_CLASSES 10 /* for the gap: else the fifth class is the last, or none */

typedef struct statistics {
    double n, mean, squares, gap_sum; /* squares: sum of squared deviations from the mean */
    int64_t *answers, *labels;        /* [n_classes] */
    double n_labels;                  /* 0: what is usual among the labels is not known */
} statistics;

/* The first logit less the last of the five that there is. */
static double gap_of(const int32_t *top_class, const float *top_logit)
{
    int last = CR_TOP - 1;
    while (last > 0 && top_class[last] < 0)
        last--;
    return (double)top_logit[0] - (double)top_logit[last];
}

static void add_image(statistics *s, const int32_t *top_class, const float *top_logit,
                      int32_t label)
{
    const double deviation = (double)top_logit[0] - s->mean; /* Welford, Technometrics 4, 1962 */
    s->n++;
    s->mean += deviation / s->n;
    s->squares += deviation * ((double)top_logit[0] - s->mean);
    s->gap_sum += gap_of(top_class, top_logit);
    s->answers[top_class[0]]++;
    if (label >= 0)
        s->labels[label]++;
    s->n_labels += label >= 0;
}

static cr_status read_model(cr_results *results, int model, statistics *s, cr_error *err)
{
    const cr_dataset *data = cr_results_get_data(results);
    uint8_t state[SLICE];
    int32_t top_class[SLICE][CR_TOP];
    float top_logit[SLICE][CR_TOP];
    cr_results_rows rows = {.state = state, .top_class = top_class[0], .top_logit = top_logit[0]};
    for (; rows.first < data->n_images; rows.first += rows.n) {
        const int left = data->n_images - rows.first;
        rows.n = left < SLICE ? left : SLICE;
        CR_OR_RETURN(cr_results_read(results, model, &rows, err));
        for (int i = 0; i < rows.n; i++)
            if (state[i] == CR_ROW_DONE && top_class[i][0] >= 0)
                add_image(s, top_class[i], top_logit[i], data->images[rows.first + i].label);
    }
    return CR_OK;
}

static double largest_share(const int64_t *counts, int n_classes, double n)
{
    int64_t most = 0;
    for (int c = 0; c < n_classes; c++)
        most = counts[c] > most ? counts[c] : most;
    return (double)most / n;
}

static void find_odd(const statistics *s, int n_classes, char why[CR_GUARD_TEXT])
{
    if (s->n < MIN_IMAGES)
        return;
    const double gap = s->gap_sum / s->n, spread = sqrt(s->squares / s->n);
    const double share = largest_share(s->answers, n_classes, s->n);
    const double labels = s->n_labels > 0 ? largest_share(s->labels, n_classes, s->n) : 1;
    if (gap > MAX_GAP && n_classes >= MIN_CLASSES)
        snprintf(why, CR_GUARD_TEXT, "its logits are far apart (the fifth is %.0f below the first)",
                 gap);
    else if (spread < MIN_SPREAD * gap && share >= ALIKE_SHARE_TIMES * labels)
        snprintf(
            why, CR_GUARD_TEXT,
            "its logits hardly differ between images (the first by %.2g; the fifth is %.2g below)",
            spread, gap);
    else if (share >= MIN_SHARE && share >= MIN_SHARE_TIMES * labels)
        snprintf(why, CR_GUARD_TEXT, "it gives %.0f %% of the images the same class", 100 * share);
}

cr_status cr_guard_logits(cr_results *results, int model, char why[CR_GUARD_TEXT], cr_error *err)
{
    cr_status status = CR_OK;
    const int n_classes = cr_results_get_data(results)->n_classes;
    statistics s = {.answers = cr_alloc((size_t)n_classes, sizeof *s.answers),
                    .labels = cr_alloc((size_t)n_classes, sizeof *s.labels)};
    why[0] = 0;
    if (!s.answers || !s.labels)
        CR_TRY(cr_fail_memory(err, "counting", (size_t)n_classes, sizeof *s.answers));
    CR_TRY(read_model(results, model, &s, err));
    find_odd(&s, n_classes, why);

cleanup:
    free(s.answers);
    free(s.labels);
    return status;
}
