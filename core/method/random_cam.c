/* Random-CAM, a control: what a map of this layer is worth whose weights know nothing of the class. The
 * weights depend on the image, the class and the channel, and on nothing else. */
#include "internal.h"

typedef struct random_cam {
    cr_map_form form;
    int seed;
} random_cam;

static void run(const cr_method_run *run)
{
    const random_cam *parameters = run->parameters;
    const uint64_t of_image = cr_mix(run->seed ^ cr_mix((uint64_t)parameters->seed));
    cr_real *weight = run->scratch;
    for (int slot = 0; slot < run->n_slots; slot++) {
        const uint64_t of_class = cr_mix(of_image ^ (uint64_t)run->classes[slot]);
        for (int k = 0; k < run->n_channels; k++) /* in 24 bits, which a float holds */
            *weight++ = (cr_real)(cr_mix(of_class ^ (uint64_t)k) >> 40) * (cr_real)0x1p-23 - 1;
    }
    cr_weigh_apart(run, run->scratch);
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"seed", CR_PARAMETER_WHOLE, .offset = offsetof(random_cam, seed), .most = 2147483647,
     .help = "of the weights; another gives other maps"},
};

const cr_method cr_method_random_cam = {
    .name = "random-cam",
    .source = "pytorch-grad-cam, RandomCAM; a control, no paper",
    .formula = "ReLU(sum_k w_k A_k), w_k uniform in -1 .. 1 for each image and class",
    .parameters = CR_PARAMETERS(parameters),
    .scratch = cr_scratch_of_weights,
    .run = run,
};
