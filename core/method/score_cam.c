/* Score-CAM: each channel of the layer weighs what the class's score is where the channel, enlarged, lets the
 * input through. IS-CAM: the mean of what it is where that is dimmed in even steps. SS-CAM: where noise is
 * added to it, which depends on the image and on nothing else. */
#include "internal.h"

#include <math.h>

enum { SOFTMAX, SCORE, INCREASE };
enum { AFTER, BEFORE };

typedef struct score_cam {
    cr_map_form form;
    int weights, score, normalize;
    bool align_corners;
    int steps;    /* of IS-CAM; else 0 */
    int samples;  /* of SS-CAM; else 0 */
    double sigma; /* of its noise */
    int seed;
} score_cam;

/* Masks of a channel. */
static int n_steps(const score_cam *p)
{
    return p->steps > 0 ? p->steps : p->samples > 0 ? p->samples : 1;
}

/* In the scratch: scores [n_slots][C + 1], of the masked inputs and of an input of zeros, and those of one
 * input [n_slots]; weights [n_slots][C]; a channel [H W]. */
typedef struct state {
    const cr_method_run *run;
    double *scores, *of_input;
    cr_real *weights, *channel;
} state;

static int n_passes(const void *parameters, int width, int height, int n_channels)
{
    const score_cam *s = parameters;
    (void)width;
    (void)height;
    return n_channels * n_steps(s) + (s->weights == INCREASE);
}

/* From 0 to 1; all 0 where there is one value only. */
static void stretch_values(cr_real *values, size_t n)
{
    cr_real low = values[0], high = values[0];
    for (size_t i = 1; i < n; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    for (size_t i = 0; i < n; i++)
        values[i] = high > low ? (values[i] - low) / (high - low) : 0;
}

static void fill(const void *user, int k, cr_real *to)
{
    const state *s = user;
    const cr_method_run *run = s->run;
    const score_cam *p = run->parameters;
    const cr_passes *passes = run->passes;
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    const size_t n_pixels = (size_t)passes->height * (size_t)passes->width;
    const int steps = n_steps(p), channel = k / steps;
    if (channel == run->n_channels) {
        for (size_t i = 0; i < passes->size; i++)
            to[i] = 0;
        return;
    }
    for (size_t i = 0; i < n_places; i++)
        s->channel[i] = run->activations[i * (size_t)run->n_channels + (size_t)channel];
    if (p->normalize == BEFORE)
        stretch_values(s->channel, n_places);
    if (p->align_corners)
        cr_passes_enlarge(passes, s->channel, run->height, run->width,
                          cr_stretch_corners(run->height, passes->height),
                          cr_stretch_corners(run->width, passes->width));
    else
        cr_passes_enlarge(passes, s->channel, run->height, run->width,
                          cr_stretch_even(run->height, passes->height),
                          cr_stretch_even(run->width, passes->width));
    if (p->normalize == AFTER)
        stretch_values(passes->mask, n_pixels);
    for (size_t i = 0; p->steps > 0 && i < n_pixels; i++)
        passes->mask[i] *= (cr_real)(k % steps + 1) / (cr_real)steps;
    const uint64_t key = cr_mix(cr_mix(run->seed ^ cr_mix((uint64_t)p->seed)) ^ (uint64_t)k);
    for (size_t i = 0; p->samples > 0 && i < n_pixels; i++)
        passes->mask[i] += (cr_real)(p->sigma * cr_gauss(key, i));
    cr_passes_hide(passes, to);
}

static void take(const void *user, int k, const cr_real *logits)
{
    const state *s = user;
    const cr_method_run *run = s->run;
    const score_cam *p = run->parameters;
    cr_scores((cr_score)p->score, logits, run->passes->n_classes, run->classes, run->n_slots,
              s->of_input);
    const int steps = n_steps(p), channel = k / steps;
    const int of = channel < run->n_channels ? steps : 1;
    for (int slot = 0; slot < run->n_slots; slot++) {
        double *score = &s->scores[slot * (run->n_channels + 1) + channel];
        *score = (k % steps ? *score : 0) + s->of_input[slot] / of;
    }
}

static void weigh(const score_cam *p, const double *scores, int c, cr_real *weights)
{
    double most = scores[0], sum = 0;
    for (int k = 1; k < c; k++)
        most = fmax(most, scores[k]);
    for (int k = 0; k < c; k++)
        sum += exp(scores[k] - most);
    for (int k = 0; k < c; k++)
        weights[k] = (cr_real)(p->weights == SOFTMAX ? exp(scores[k] - most) / sum
                               : p->weights == SCORE ? scores[k]
                                                     : scores[k] - scores[c]);
}

static void run(const cr_method_run *run)
{
    const score_cam *p = run->parameters;
    const int c = run->n_channels;
    const size_t n_scores = (size_t)run->n_slots * (size_t)(c + 1);
    state s = {.run = run, .scores = (double *)(void *)run->scratch};
    s.of_input = s.scores + n_scores;
    s.weights = cr_behind_doubles(run, n_scores + (size_t)run->n_slots);
    s.channel = s.weights + (size_t)run->n_slots * (size_t)c;
    cr_passes_run(run->passes, n_passes(p, 0, 0, c), fill, take, &s);
    for (int slot = 0; slot < run->n_slots; slot++)
        weigh(p, s.scores + slot * (c + 1), c, s.weights + slot * c);
    cr_weigh_apart(run, s.weights);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    return cr_reals_of_doubles((size_t)n_slots * (size_t)(n_channels + 2)) +
           cr_scratch_of_weights(parameters, n_places, n_channels, n_slots) + (size_t)n_places;
}

static const char *const weights[] = {"softmax", "score", "increase", NULL};
static const char *const orders[] = {"after", "before", NULL};

#define PARAMETERS                                                                               \
    CR_FORM_PARAMETERS(true, MAX),                                                               \
        {"weights", CR_PARAMETER_WORD, .offset = offsetof(score_cam, weights), .words = weights, \
         .help = "the softmax of the scores over the channels, the scores, or what they are "    \
                 "above that "                                                                   \
                 "of an input of zeros"},                                                        \
        {"score", CR_PARAMETER_WORD, .offset = offsetof(score_cam, score),                       \
         .words = cr_score_words, .help = "of the class, for the masked input"},                 \
        {"normalize", CR_PARAMETER_WORD, .offset = offsetof(score_cam, normalize),               \
         .words = orders, .help = "a mask goes from 0 to 1 after it is enlarged, or before"},    \
    {                                                                                            \
        "align_corners", CR_PARAMETER_FLAG, .offset = offsetof(score_cam, align_corners),        \
                                            .help = "of the enlarging, as PyTorch means it"      \
    }

static const cr_parameter parameters[] = {PARAMETERS};

static const cr_parameter integrated[] = {
    PARAMETERS,
    {"steps", CR_PARAMETER_WHOLE, .offset = offsetof(score_cam, steps), .least = 1, .most = 1000,
     .fallback = 10, .help = "of a mask: 1/N, 2/N, ... 1 times the channel"},
};

static const cr_parameter smoothed[] = {
    PARAMETERS,
    {"samples", CR_PARAMETER_WHOLE, .offset = offsetof(score_cam, samples), .least = 1,
     .most = 1000, .fallback = 35, .help = "noisy masks of a channel"},
    {"sigma", CR_PARAMETER_NUMBER, .offset = offsetof(score_cam, sigma), .most = 1000,
     .fallback = 2, .help = "of the noise, where a mask goes from 0 to 1"},
    {"seed", CR_PARAMETER_WHOLE, .offset = offsetof(score_cam, seed), .most = 2147483647,
     .help = "of the noise"},
};

const cr_method cr_method_score_cam = {
    .name = "score-cam",
    .source = "Wang et al., CVPR Workshops 2020, algorithm 1",
    .formula = "ReLU(sum_k w_k A_k), w_k the softmax of y_c(X M_k), M_k A_k enlarged, 0 to 1",
    .needs = CR_NEEDS_PASSES,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "1 and one a channel",
    .run = run,
};

const cr_method cr_method_is_cam = {
    .name = "is-cam",
    .source = "Naidu et al., arXiv 2010.03023, equation 4",
    .formula = "ReLU(sum_k w_k A_k), w_k the softmax of the mean over t of y_c(X t M_k)",
    .needs = CR_NEEDS_PASSES,
    .parameters = CR_PARAMETERS(integrated),
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "1 and one a channel and step",
    .run = run,
};

const cr_method cr_method_ss_cam = {
    .name = "ss-cam",
    .source = "Wang et al., arXiv 2006.14255",
    .formula = "ReLU(sum_k w_k A_k), w_k the softmax of the mean of y_c(X (M_k + noise))",
    .needs = CR_NEEDS_PASSES,
    .parameters = CR_PARAMETERS(smoothed),
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "1 and one a channel and sample",
    .run = run,
};
