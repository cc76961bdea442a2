/* Grad-CAM: a channel weighs as much as its gradient, averaged over the map. */
#include "internal.h"

static void run(const cr_method_run *run)
{
    if (run->channels)
        cr_channel_maps(run, (cr_real)(run->height * run->width));
    else
        cr_weigh(run, cr_mean_gradients(run, run->scratch), run->maps);
}

static const cr_parameter parameters[] = {CR_FORM_PARAMETERS(true, MAX)};

const cr_method cr_method_grad_cam = {
    .name = "grad-cam",
    .source = "Selvaraju et al., ICCV 2017, equations 1 and 2",
    .formula = "ReLU(sum_k mean(g_k) A_k)",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .scratch = cr_scratch_of_weights,
    .run = run,
};
