/* The gradient at each pixel of the input, as it is or by a rule, or times the pixel; of three channels one
 * value. */
#include "internal.h"

typedef struct saliency {
    cr_map_form form;
    cr_channel_form channels;
} saliency;

cr_real cr_reduce_channels(const cr_channel_form *form, const cr_real *values, int n)
{
    cr_real result = 0;
    for (int c = 0; c < n; c++) {
        const cr_real v = form->absolute && values[c] < 0 ? -values[c] : values[c];
        const bool adds = form->channels != CR_CHANNELS_MAXIMUM;
        result = c == 0 ? v : adds ? result + v : v > result ? v : result;
    }
    return form->channels == CR_CHANNELS_MEAN ? result / (cr_real)n : result;
}

const char *const cr_channel_words[] = {"maximum", "sum", "mean", NULL};

static const cr_channel_form *form_of(const cr_method_run *run)
{
    return &((const saliency *)run->parameters)->channels;
}

void cr_run_saliency(const cr_method_run *run, const cr_channel_form *form)
{
    const int n_places = run->height * run->width;
    for (int slot = 0; slot < run->n_slots; slot++)
        for (int i = 0; i < n_places; i++)
            run->maps[slot * n_places + i] =
                cr_reduce_channels(form, cr_gradient(run, slot, i), run->n_channels);
}

static void run_gradient(const cr_method_run *run)
{
    cr_run_saliency(run, form_of(run));
}

static void run_product(const cr_method_run *run)
{
    const int n_places = run->height * run->width, n = run->n_channels;
    for (int slot = 0; slot < run->n_slots; slot++)
        for (int i = 0; i < n_places; i++) {
            const cr_real *g = cr_gradient(run, slot, i), *x = run->activations + i * n;
            for (int c = 0; c < n; c++)
                run->scratch[c] = x[c] * g[c];
            run->maps[slot * n_places + i] = cr_reduce_channels(form_of(run), run->scratch, n);
        }
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_places;
    (void)n_slots;
    return (size_t)n_channels;
}

static const cr_parameter of_gradient[] = {CR_FORM_PARAMETERS(false, MAX),
                                           CR_CHANNEL_PARAMETERS(saliency, true, MAXIMUM)};
static const cr_parameter of_product[] = {CR_FORM_PARAMETERS(true, MAX),
                                          CR_CHANNEL_PARAMETERS(saliency, false, SUM)};

const cr_method cr_method_saliency = {
    .name = "saliency",
    .source = "Simonyan et al., ICLR Workshops 2014, section 3.1",
    .formula = "max_c |g_c|",
    .needs = CR_NEEDS_GRADIENTS,
    .of_input = true,
    .parameters = CR_PARAMETERS(of_gradient),
    .run = run_gradient,
};

const cr_method cr_method_input_x_gradient = {
    .name = "input-x-gradient",
    .source = "Shrikumar et al., arXiv 1605.01713",
    .formula = "ReLU(sum_c g_c X_c)",
    .needs = CR_NEEDS_GRADIENTS,
    .of_input = true,
    .parameters = CR_PARAMETERS(of_product),
    .scratch = scratch,
    .run = run_product,
};

const cr_method cr_method_guided_backprop = {
    .name = "guided-backprop",
    .source = "Springenberg et al., ICLR Workshops 2015, section 3.4",
    .formula = "max_c |g_c|, g kept at a ReLU where it and the ReLU's input are positive",
    .needs = CR_NEEDS_GRADIENTS,
    .of_input = true,
    .rule = CR_RULE_GUIDED,
    .parameters = CR_PARAMETERS(of_gradient),
    .run = run_gradient,
};

const cr_method cr_method_deconvnet = {
    .name = "deconvnet",
    .source = "Zeiler and Fergus, ECCV 2014, section 2.1",
    .formula = "max_c |g_c|, g kept at a ReLU where it is positive",
    .needs = CR_NEEDS_GRADIENTS,
    .of_input = true,
    .rule = CR_RULE_DECONV,
    .parameters = CR_PARAMETERS(of_gradient),
    .run = run_gradient,
};
