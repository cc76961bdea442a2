/* Grad-CAM: a channel weighs as much as its gradient, averaged over the map. */
#include "internal.h"

#include "camrank/multiversion.h"

enum { GRADIENTS, POSITIVE, ABSOLUTE };

typedef struct grad_cam {
    cr_map_form form;
    int average; /* of what */
} grad_cam;

/* The mean over the map of positive or of absolute gradients of a slot. */
CR_MULTIVERSION
static void mean_of(bool absolute, int n_places, int c, const cr_real *g, cr_real *restrict mean)
{
    for (int k = 0; k < c; k++)
        mean[k] = 0;
    for (int i = 0; i < n_places; i++, g += c)
        for (int k = 0; k < c; k++) {
            cr_real below = absolute ? -g[k] : 0;
            mean[k] += g[k] < 0 ? below : g[k];
        }
    for (int k = 0; k < c; k++)
        mean[k] /= (cr_real)n_places;
}

static void run(const cr_method_run *run)
{
    const grad_cam *parameters = run->parameters;
    const int c = run->n_channels, n_places = run->uniform ? 1 : run->height * run->width;
    if (run->channels) {
        cr_channel_maps(run, (cr_real)(run->height * run->width));
    } else if (parameters->average == GRADIENTS) {
        cr_weigh(run, cr_mean_gradients(run, run->scratch), run->maps);
    } else {
        for (int slot = 0; slot < run->n_slots; slot++)
            mean_of(parameters->average == ABSOLUTE, n_places, c, cr_gradient(run, slot, 0),
                    run->scratch + slot * c);
        cr_weigh_apart(run, run->scratch);
    }
}

static const char *const averages[] = {"gradients", "positive", "absolute", NULL};

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"average", CR_PARAMETER_WORD, .offset = offsetof(grad_cam, average), .words = averages,
     .help = "over the map: of the gradients, of max(g, 0), or of |g|"},
};

const cr_method cr_method_grad_cam = {
    .name = "grad-cam",
    .source = "Selvaraju et al., ICCV 2017, equations 1 and 2",
    .formula = "ReLU(sum_k mean(g_k) A_k)",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = cr_scratch_of_weights,
    .run = run,
};
