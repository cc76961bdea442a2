/* Ablation-CAM: each channel of the layer weighs what the logit loses without it. Only what is behind the layer
 * runs again, or nothing where the logits are linear in the layer's mean. */
#include "internal.h"

#include <string.h>

enum { ZERO, BELOW };
enum { OF_LOGIT, OF_DIFFERENCE };

typedef struct ablation_cam {
    cr_map_form form;
    int baseline, weights;
} ablation_cam;

/* In the scratch: sums [C] of the channels; weights [n_slots][C]. */
typedef struct state {
    const cr_method_run *run;
    cr_real baseline, *weights;
} state;

static int n_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    (void)width;
    (void)height;
    return n_channels;
}

static size_t n_values(const cr_method_run *run)
{
    return (size_t)run->height * (size_t)run->width * (size_t)run->n_channels;
}

/* The value that a channel without effect has. */
static cr_real find_baseline(const cr_method_run *run)
{
    const ablation_cam *p = run->parameters;
    cr_real least = run->activations[0];
    for (size_t i = 1; i < n_values(run); i++)
        least = run->activations[i] < least ? run->activations[i] : least;
    return p->baseline == BELOW && least != 0 ? least - (cr_real)1e7 : 0;
}

static void fill(const void *user, int k, cr_real *to)
{
    const state *s = user;
    const size_t c = (size_t)s->run->n_channels;
    memcpy(to, s->run->activations, n_values(s->run) * sizeof *to);
    for (size_t i = (size_t)k; i < n_values(s->run); i += c)
        to[i] = s->baseline;
}

static void weigh(const state *s, int slot, int k, double loss)
{
    const cr_method_run *run = s->run;
    const ablation_cam *p = run->parameters;
    const double logit = run->logits[run->classes[slot]];
    s->weights[slot * run->n_channels + k] =
        (cr_real)(p->weights == OF_LOGIT ? loss / logit : loss);
}

static void take(const void *user, int k, const cr_real *logits)
{
    const state *s = user;
    for (int slot = 0; slot < s->run->n_slots; slot++) {
        const int32_t class = s->run->classes[slot];
        weigh(s, slot, k, (double)s->run->logits[class] - logits[class]);
    }
}

/* The losses where each is the gradient times what is taken away. */
static void weigh_linear(const state *s, double *sums)
{
    const cr_method_run *run = s->run;
    const double away = (double)s->baseline * run->height * run->width;
    cr_channel_sums(run, sums);
    for (int slot = 0; slot < run->n_slots; slot++)
        for (int k = 0; k < run->n_channels; k++)
            weigh(s, slot, k, cr_gradient(run, slot, 0)[k] * (sums[k] - away));
}

static void run(const cr_method_run *run)
{
    const size_t n_sums = (size_t)run->n_channels;
    const state s = {run, find_baseline(run), cr_behind_doubles(run, n_sums)};
    if (run->passes)
        cr_passes_run(run->passes, run->n_channels, fill, take, &s);
    else
        weigh_linear(&s, (double *)(void *)run->scratch);
    cr_weigh_apart(run, s.weights);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    return cr_reals_of_doubles((size_t)n_channels) +
           cr_scratch_of_weights(parameters, n_places, n_channels, n_slots);
}

static const char *const baselines[] = {"zero", "below", NULL};
static const char *const weights[] = {"share", "difference", NULL};

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"baseline", CR_PARAMETER_WORD, .offset = offsetof(ablation_cam, baseline), .words = baselines,
     .help = "what a channel becomes: 0, or 1e7 below the layer's least value where that is not 0"},
    {"weights", CR_PARAMETER_WORD, .offset = offsetof(ablation_cam, weights), .words = weights,
     .help = "the share of the logit that is lost, or how much"},
};

const cr_method cr_method_ablation_cam = {
    .name = "ablation-cam",
    .source = "Desai and Ramaswamy, WACV 2020, equations 4 and 6",
    .formula = "ReLU(sum_k w_k A_k), w_k = (y_c - y_c without A_k) / y_c",
    .needs = CR_NEEDS_TAIL,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .n_passes = n_passes,
    .linear = true,
    .cost = "1, and one a channel of what is behind the layer; none behind an average pooling",
    .run = run,
};
