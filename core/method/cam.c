/* CAM: the head's own weights, at the layer that is pooled. */
#include "internal.h"

static void run(const cr_method_run *run)
{
    if (run->channels)
        cr_channel_maps(run, 1);
    else
        cr_weigh(run, run->head, run->maps);
}

static const cr_parameter parameters[] = {CR_FORM_PARAMETERS(false, MIN_MAX)};

const cr_method cr_method_cam = {
    .name = "cam",
    .source = "Zhou et al., CVPR 2016, section 2, equation 2",
    .formula = "sum_k w_c,k A_k, w the weights behind the global pooling, no bias",
    .needs = CR_NEEDS_HEAD,
    .parameters = CR_PARAMETERS(parameters),
    .run = run,
};
