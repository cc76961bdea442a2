/* Further passes over a network, always of whole batches but the last. */
#include "camrank/passes.h"

#include "camrank/multiversion.h"

#include <math.h>

/* All that pass are changes of one input. */
static void set_rows(const cr_passes *passes)
{
    for (int i = 0; i < passes->batch; i++)
        cr_net_set_row(passes->net, i, passes->row);
}

void cr_passes_run(const cr_passes *passes, int n, cr_passes_fill fill, cr_passes_take take,
                   const void *user)
{
    cr_net *net = passes->net;
    const int start = passes->start;
    set_rows(passes);
    for (int i = 0; start >= 0 && i < passes->batch && i < n; i++)
        cr_net_tail_set(net, start, i, passes->tail);
    cr_real *to = start < 0 ? cr_net_input(net) : cr_net_tail_input(net, start);
    for (int first = 0; first < n && !*passes->abandoned; first += passes->batch) {
        const int now = n - first < passes->batch ? n - first : passes->batch;
        for (int i = 0; i < now; i++)
            fill(user, first + i, to + (size_t)i * passes->size + passes->skip);
        if (start < 0)
            cr_net_forward(net, now);
        else
            cr_net_forward_tail(net, start, now);
        const cr_real *logits = cr_net_logits(net);
        for (int i = 0; i < now; i++)
            take(user, first + i, logits + (size_t)i * (size_t)passes->n_classes);
    }
}

void cr_passes_run_back(const cr_passes *passes, int n, cr_passes_fill fill,
                        cr_passes_take_back take, const void *user)
{
    cr_net *net = passes->net;
    const int most = cr_net_backward_images(net);
    set_rows(passes);
    for (int first = 0; first < n && !*passes->abandoned; first += passes->batch) {
        const int now = n - first < passes->batch ? n - first : passes->batch;
        for (int i = 0; i < now; i++)
            fill(user, first + i, cr_net_input(net) + (size_t)i * passes->size);
        cr_net_forward(net, now);
        for (int b = 0; b < now && !*passes->abandoned; b += most) {
            const int back = now - b < most ? now - b : most;
            cr_net_backward_ruled(net, passes->rule, b, back, passes->classes);
            for (int i = 0; i < back; i++)
                take(user, first + b + i,
                     cr_net_gradients(net, passes->target) +
                         (size_t)(i * passes->n_slots) * passes->size);
        }
    }
}

void cr_passes_run_rescaled(const cr_passes *passes, cr_passes_fill fill, cr_passes_take_back take,
                            const void *user)
{
    cr_net *net = passes->net;
    set_rows(passes);
    for (int i = 0; i < 2; i++)
        fill(user, i, cr_net_input(net) + (size_t)i * passes->size);
    cr_net_forward(net, 2);
    cr_net_backward_rescaled(net, 0, 1, passes->classes);
    take(user, 0, cr_net_gradients(net, passes->target));
}

void cr_scores(cr_score score, const cr_real *logits, int n, const int32_t *classes, int n_slots,
               double *scores)
{
    double most = logits[0], sum = 0;
    for (int i = 1; i < n; i++)
        most = fmax(most, logits[i]);
    for (int i = 0; i < n && score == CR_SCORE_PROBABILITY; i++)
        sum += exp(logits[i] - most);
    for (int slot = 0; slot < n_slots; slot++) {
        const double logit = logits[classes[slot]];
        scores[slot] = score == CR_SCORE_PROBABILITY ? exp(logit - most) / sum : logit;
    }
}

CR_MULTIVERSION
static void hide(size_t n_places, const cr_real *from, const cr_real *mask, cr_real *restrict to)
{
    for (size_t i = 0; i < n_places; i++)
        for (int c = 0; c < 3; c++)
            to[3 * i + (size_t)c] = from[3 * i + (size_t)c] * mask[i];
}

/* The same of other channels than three. */
static void hide_any(size_t n_places, size_t n_channels, const cr_real *from, const cr_real *mask,
                     cr_real *to)
{
    for (size_t i = 0; i < n_places * n_channels; i++)
        to[i] = from[i] * mask[i / n_channels];
}

void cr_passes_hide(const cr_passes *passes, cr_real *to)
{
    const size_t n_places = (size_t)passes->height * (size_t)passes->width;
    if (passes->n_channels == 3)
        hide(n_places, passes->input, passes->mask, to);
    else
        hide_any(n_places, (size_t)passes->n_channels, passes->input, passes->mask, to);
}
