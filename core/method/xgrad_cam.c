/* XGrad-CAM: the average of a channel's gradients, in which each place counts as much as its activation.
 */
#include "internal.h"

#include "camrank/multiversion.h"

typedef struct xgrad_cam {
    cr_map_form form;
    double epsilon;
} xgrad_cam;

CR_MULTIVERSION
static void weigh(int n_places, int c, const cr_real *g, const cr_real *a, const double *sums,
                  double epsilon, double *restrict of_slot, cr_real *restrict weights)
{
    for (int k = 0; k < c; k++)
        of_slot[k] = 0;
    for (int i = 0; i < n_places; i++, g += c, a += c)
        for (int k = 0; k < c; k++)
            of_slot[k] += (double)g[k] * (double)a[k];
    for (int k = 0; k < c; k++) {
        double below = sums[k] + epsilon, above = below != 0 ? of_slot[k] : 0;
        weights[k] = (cr_real)(above / (below != 0 ? below : 1));
    }
}

/* The same where the gradients of a channel are all one. */
CR_MULTIVERSION
static void weigh_uniform(int c, const cr_real *g, const double *sums, double epsilon,
                          cr_real *restrict weights)
{
    for (int k = 0; k < c; k++) {
        double below = sums[k] + epsilon, above = below != 0 ? (double)g[k] * sums[k] : 0;
        weights[k] = (cr_real)(above / (below != 0 ? below : 1));
    }
}

static void run(const cr_method_run *run)
{
    const xgrad_cam *parameters = run->parameters;
    const int c = run->n_channels, n_places = run->height * run->width;
    double *sums = (double *)(void *)run->scratch, *of_slot = sums + c;
    cr_real *weights = cr_behind_doubles(run, 2 * (size_t)c);
    cr_channel_sums(run, sums);
    for (int slot = 0; slot < run->n_slots; slot++) {
        const cr_real *g = cr_gradient(run, slot, 0);
        if (run->uniform)
            weigh_uniform(c, g, sums, parameters->epsilon, weights + slot * c);
        else
            weigh(n_places, c, g, run->activations, sums, parameters->epsilon, of_slot,
                  weights + slot * c);
    }
    cr_weigh_apart(run, weights);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    return cr_reals_of_doubles(2 * (size_t)n_channels) +
           cr_scratch_of_weights(parameters, n_places, n_channels, n_slots);
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"epsilon", CR_PARAMETER_NUMBER, .offset = offsetof(xgrad_cam, epsilon), .most = 1,
     .help = "added to sum A_k; where the two are 0, so is the channel's weight"},
};

const cr_method cr_method_xgrad_cam = {
    .name = "xgrad-cam",
    .source = "Fu et al., BMVC 2020",
    .formula = "ReLU(sum_k w_k A_k), w_k = sum(g_k A_k) / sum A_k",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .run = run,
};
