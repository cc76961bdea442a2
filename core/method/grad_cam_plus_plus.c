/* Grad-CAM++: positive gradients, each with a weight of its own; and Refine-CAM, which multiplies its maps
 * over several layers. The paper of Grad-CAM++ follows exp(logit) back,
 * whose second and third derivatives are g^2 and g^3 times itself where the network is piecewise linear;
 * that factor scales the map only, and is left out here as in the programs that others use. */
#include "internal.h"

#include "camrank/multiversion.h"

enum { QUOTIENT, SQUARE };

typedef struct plus_plus {
    cr_map_form form;
    int alpha;
    double epsilon;
} plus_plus;

/* Adds `times` alpha ReLU(g) of a place to the weights. In double precision: the third power of a
 * gradient behind a pooling is beyond the least float. */
CR_MULTIVERSION
static void add_quotients(int c, const cr_real *g, const double *sums, double epsilon, double times,
                          double *restrict weights)
{
    for (int k = 0; k < c; k++) {
        double slope = (double)g[k], square = slope * slope;
        double below = square * (2 + sums[k] * slope) + epsilon;
        double above = below != 0 ? square : 0;
        double alpha = above / (below != 0 ? below : 1);
        weights[k] += times * alpha * (slope < 0 ? 0 : slope);
    }
}

CR_MULTIVERSION
static void add_cubes(int c, const cr_real *g, double times, double *restrict weights)
{
    for (int k = 0; k < c; k++) {
        double slope = g[k] < 0 ? 0 : (double)g[k];
        weights[k] += times * slope * slope * slope;
    }
}

static void run(const cr_method_run *run)
{
    const plus_plus *parameters = run->parameters;
    const int c = run->n_channels, n_places = run->height * run->width;
    const int n_different = run->uniform ? 1 : n_places;
    double *sums = (double *)(void *)run->scratch, *of_slot = sums + c;
    cr_real *weights = cr_behind_doubles(run, 2 * (size_t)c);
    cr_channel_sums(run, sums);
    for (int slot = 0; slot < run->n_slots; slot++) {
        for (int k = 0; k < c; k++)
            of_slot[k] = 0;
        for (int i = 0; i < n_different; i++) {
            const cr_real *g = cr_gradient(run, slot, i);
            const double times = run->uniform ? n_places : 1;
            if (parameters->alpha == SQUARE)
                add_cubes(c, g, times, of_slot);
            else
                add_quotients(c, g, sums, parameters->epsilon, times, of_slot);
        }
        for (int k = 0; k < c; k++)
            weights[slot * c + k] = (cr_real)of_slot[k];
    }
    cr_weigh_apart(run, weights);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    return cr_reals_of_doubles(2 * (size_t)n_channels) +
           cr_scratch_of_weights(parameters, n_places, n_channels, n_slots);
}

static const char *const alphas[] = {"quotient", "square", NULL};

#define WEIGHT_PARAMETERS                                                                     \
    {"alpha", CR_PARAMETER_WORD, .offset = offsetof(plus_plus, alpha), .words = alphas,       \
     .help = "the paper's quotient, or g^2 alone, as torch-cam computes it"},                 \
    {                                                                                         \
        "epsilon", CR_PARAMETER_NUMBER, .offset = offsetof(plus_plus, epsilon), .most = 1,    \
                                        .help = "added to the quotient's denominator; where " \
                                                "that is 0, alpha is 0"                       \
    }

static const cr_parameter parameters[] = {CR_FORM_PARAMETERS(true, MAX), WEIGHT_PARAMETERS};
static const cr_parameter of_layers[] = {CR_FORM_PARAMETERS(true, MIN_MAX), WEIGHT_PARAMETERS};

const cr_method cr_method_grad_cam_plus_plus = {
    .name = "grad-cam++",
    .source = "Chattopadhay et al., WACV 2018, equations 5, 10 and 19",
    .formula =
        "ReLU(sum_k w_k A_k), w_k = sum a ReLU(g_k), a = g_k^2 / (2 g_k^2 + (sum A_k) g_k^3)",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .run = run,
};

const cr_method cr_method_refine_cam = {
    .name = "refine-cam",
    .source = "Domeniconi et al., arXiv 2605.14641",
    .formula = "the product over several layers of the maps of grad-cam++, each scaled and resized",
    .needs = CR_NEEDS_GRADIENTS,
    .of_layers = true,
    .parameters = CR_PARAMETERS(of_layers),
    .scratch = scratch,
    .run = run,
};
