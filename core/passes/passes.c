/* Further passes over a network, always of whole batches but the last. */
#include "camrank/passes.h"

#include <math.h>

void cr_passes_run(const cr_passes *passes, int n, cr_passes_fill fill, cr_passes_take take,
                   const void *user)
{
    const size_t size = (size_t)passes->height * (size_t)passes->width * 3;
    for (int first = 0; first < n; first += passes->batch) {
        const int now = n - first < passes->batch ? n - first : passes->batch;
        for (int i = 0; i < now; i++)
            fill(user, first + i, cr_net_input(passes->net) + (size_t)i * size);
        cr_net_forward(passes->net, now);
        const cr_real *logits = cr_net_logits(passes->net);
        for (int i = 0; i < now; i++)
            take(user, first + i, logits + (size_t)i * (size_t)passes->n_classes);
    }
}

double cr_score_of(cr_score score, const cr_real *logits, int n, int c)
{
    if (score == CR_SCORE_LOGIT)
        return logits[c];
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)logits[c]);
    return 1 / sum;
}

void cr_passes_hide(const cr_passes *passes, cr_real *to)
{
    const size_t n_places = (size_t)passes->height * (size_t)passes->width;
    const cr_real *from = passes->input;
    for (size_t i = 0; i < n_places; i++, from += 3, to += 3)
        for (int c = 0; c < 3; c++)
            to[c] = from[c] * passes->mask[i];
}
