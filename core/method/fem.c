/* FEM: a channel weighs as much as the share of the map in which it is unusually large. */
#include "internal.h"

#include "camrank/multiversion.h"

#include <math.h>

typedef struct fem {
    cr_map_form form;
    double k;
} fem;

/* limits [C] = mean + k standard deviations over the map, given the sums. */
CR_MULTIVERSION
static void find_limits(const cr_method_run *run, double k_deviations, double *restrict sums,
                        double *restrict limits)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    const cr_real *a = run->activations;
    for (int k = 0; k < c; k++) {
        sums[k] /= n_places;
        limits[k] = 0;
    }
    for (int i = 0; i < n_places; i++, a += c)
        for (int k = 0; k < c; k++)
            limits[k] += ((double)a[k] - sums[k]) * ((double)a[k] - sums[k]);
    for (int k = 0; k < c; k++)
        limits[k] = sums[k] + k_deviations * sqrt(limits[k] / n_places);
}

CR_MULTIVERSION
static void find_shares(const cr_method_run *run, const double *limits, cr_real *restrict shares)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    const cr_real *a = run->activations;
    for (int k = 0; k < c; k++)
        shares[k] = 0;
    for (int i = 0; i < n_places; i++, a += c)
        for (int k = 0; k < c; k++)
            shares[k] += (double)a[k] > limits[k] ? 1 : 0;
    for (int k = 0; k < c; k++)
        shares[k] /= (cr_real)n_places;
}

static void run(const cr_method_run *run)
{
    const fem *parameters = run->parameters;
    const size_t c = (size_t)run->n_channels;
    double *sums = (double *)(void *)run->scratch;
    cr_real *shares = cr_behind_doubles(run, 2 * c);
    cr_channel_sums(run, sums);
    find_limits(run, parameters->k, sums, sums + c);
    find_shares(run, sums + c, shares);
    cr_method_run one = *run;
    one.n_slots = 1;
    cr_weigh_apart(&one, shares);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)n_slots;
    return cr_reals_of_doubles(2 * (size_t)n_channels) +
           cr_scratch_of_weights(parameters, n_places, n_channels, 1);
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(false, MIN_MAX),
    {"k", CR_PARAMETER_NUMBER, .offset = offsetof(fem, k), .most = 100, .fallback = 2,
     .help = "standard deviations above the mean from which a value counts as large"},
};

const cr_method cr_method_fem = {
    .name = "fem",
    .source = "Ahmed Asif Fuad et al., IPTA 2020",
    .formula = "sum_k w_k A_k, w_k the share of the map with A_k > mean + k deviations",
    .of_image = true,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = scratch,
    .run = run,
};
