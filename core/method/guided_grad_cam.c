/* Guided Grad-CAM: Grad-CAM's map, enlarged to the input, times guided backpropagation's. Since the first is
 * nowhere negative, it does not matter that the channels have become one before. */
#include "internal.h"

enum { BILINEAR, NEAREST };

typedef struct guided_grad_cam {
    cr_map_form form;
    cr_channel_form channels;
    int enlarge;
} guided_grad_cam;

static void run_at_layer(const cr_method_run *run)
{
    const size_t n = (size_t)run->n_slots * (size_t)run->height * (size_t)run->width;
    const cr_method_spec plain = cr_method_plain(&cr_method_grad_cam);
    cr_method_run of_plain = *run;
    of_plain.parameters = plain.parameters.bytes;
    cr_method_grad_cam.run(&of_plain);
    for (size_t i = 0; i < n; i++)
        run->maps[i] = cr_positive(run->maps[i]);
}

static void run_at_input(const cr_method_run *run)
{
    cr_run_saliency(run, &((const guided_grad_cam *)run->parameters)->channels);
}

/* Of a map that is enlarged to width x height. */
static double enlarged(const cr_layer_map *map, bool nearest, int x, int y, int width, int height)
{
    const float *m = map->map;
    if (nearest)
        return (double)m[y * map->height / height * map->width + x * map->width / width];
    const cr_map_place of_x = cr_find_map_place(x, map->width, width, false);
    const cr_map_place of_y = cr_find_map_place(y, map->height, height, false);
    const float *top = m + of_y.low * map->width, *bottom = m + of_y.high * map->width;
    const double corners[4] = {top[of_x.low], top[of_x.high], bottom[of_x.low], bottom[of_x.high]};
    return cr_mix_corners(corners, of_x.weight, of_y.weight);
}

static void join(const void *parameters, const cr_layer_map *maps, int width, int height,
                 float *out)
{
    const bool nearest = ((const guided_grad_cam *)parameters)->enlarge == NEAREST;
    for (int y = 0, i = 0; y < height; y++)
        for (int x = 0; x < width; x++, i++)
            out[i] =
                (float)(enlarged(&maps[0], nearest, x, y, width, height) * (double)maps[1].map[i]);
}

static const cr_method at_layer = {
    .name = "guided-grad-cam",
    .needs = CR_NEEDS_GRADIENTS,
    .scratch = cr_scratch_of_weights,
    .run = run_at_layer,
};

static const cr_method at_input = {
    .name = "guided-grad-cam",
    .needs = CR_NEEDS_GRADIENTS,
    .of_input = true,
    .rule = CR_RULE_GUIDED,
    .run = run_at_input,
};

static const char *const words[] = {"bilinear", "nearest", NULL};

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(false, MAX),
    CR_CHANNEL_PARAMETERS(guided_grad_cam, true, MAXIMUM),
    {"enlarge", CR_PARAMETER_WORD, .offset = offsetof(guided_grad_cam, enlarge), .words = words,
     .help = "how the layer's map becomes as large as the input"},
};

const cr_method cr_method_guided_grad_cam = {
    .name = "guided-grad-cam",
    .source = "Selvaraju et al., ICCV 2017, section 3.2",
    .formula = "max_c |g_c| of guided-backprop, times grad-cam's map, enlarged",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .cost = "1, a shared backward pass and one of its own",
    .factors = {&at_layer, &at_input},
    .join = join,
};
