/* DeepLIFT: how far each pixel's difference from a reference carries the logit away from the reference's. */
#include "internal.h"

typedef struct deep_lift {
    cr_map_form form;
    cr_channel_form channels;
    cr_baseline baseline;
} deep_lift;

/* In the scratch: the reference, [H W C]; room to make it; what becomes of the channels of a pixel. */
static double *reference_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static size_t n_values(const cr_method_run *run)
{
    return (size_t)run->height * (size_t)run->width * (size_t)run->n_channels;
}

static void fill(const void *user, int k, cr_real *to)
{
    const cr_method_run *run = user;
    for (size_t i = 0; i < n_values(run); i++)
        to[i] = k ? (cr_real)reference_of(run)[i] : run->passes->input[i];
}

static void take(const void *user, int k, const cr_real *multipliers)
{
    const cr_method_run *run = user;
    const deep_lift *p = run->parameters;
    const int n_places = run->height * run->width, n = run->n_channels;
    cr_real *values = cr_behind_doubles(run, 2 * n_values(run));
    (void)k;
    for (int i = 0; i < run->n_slots * n_places; i++, multipliers += n) {
        const cr_real *x = run->passes->input + i % n_places * n;
        const double *reference = reference_of(run) + i % n_places * n;
        for (int c = 0; c < n; c++)
            values[c] = (x[c] - (cr_real)reference[c]) * multipliers[c];
        run->maps[i] = cr_reduce_channels(&p->channels, values, n);
    }
}

static void run_deep_lift(const cr_method_run *run)
{
    const deep_lift *p = run->parameters;
    cr_fill_baseline(run, &p->baseline, reference_of(run), reference_of(run) + n_values(run));
    cr_passes_run_rescaled(run->passes, fill, take, run);
}

static void rules(const void *parameters, cr_relevance *rules)
{
    (void)parameters;
    rules->rescales = true;
}

static int n_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    (void)width;
    (void)height;
    (void)n_channels;
    return 1;
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    const size_t n = (size_t)n_places * (size_t)n_channels;
    (void)parameters;
    (void)n_slots;
    return cr_reals_of_doubles(2 * n) + (size_t)n_channels;
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    CR_CHANNEL_PARAMETERS(deep_lift, false, SUM),
    CR_BASELINE_PARAMETERS(deep_lift, .later = false),
};

const cr_method cr_method_deep_lift = {
    .name = "deep-lift",
    .source = "Shrikumar et al., ICML 2017, section 3.5.1 (rescale rule)",
    .formula = "ReLU(sum_c (X_c - B_c) m_c), m the slope between X and B through each layer",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(parameters),
    .relevance = rules,
    .scratch = scratch,
    .n_passes = n_passes,
    .cost = "3, two of them together with a backward pass",
    .run = run_deep_lift,
};
