/* The gradient at each pixel of the input, as it is or by a rule, or times the pixel; of three channels one
 * value. */
#include "internal.h"

enum { MAXIMUM, SUM, MEAN };

typedef struct saliency {
    cr_map_form form;
    bool absolute;
    int channels;
} saliency;

static cr_real reduce(const saliency *s, const cr_real *values, int n)
{
    cr_real result = 0;
    for (int c = 0; c < n; c++) {
        const cr_real v = s->absolute && values[c] < 0 ? -values[c] : values[c];
        result = c == 0 ? v : s->channels != MAXIMUM ? result + v : v > result ? v : result;
    }
    return s->channels == MEAN ? result / (cr_real)n : result;
}

static void run_gradient(const cr_method_run *run)
{
    const int n_places = run->height * run->width;
    for (int slot = 0; slot < run->n_slots; slot++)
        for (int i = 0; i < n_places; i++)
            run->maps[slot * n_places + i] =
                reduce(run->parameters, cr_gradient(run, slot, i), run->n_channels);
}

static void run_product(const cr_method_run *run)
{
    const int n_places = run->height * run->width, n = run->n_channels;
    for (int slot = 0; slot < run->n_slots; slot++)
        for (int i = 0; i < n_places; i++) {
            const cr_real *g = cr_gradient(run, slot, i), *x = run->activations + i * n;
            for (int c = 0; c < n; c++)
                run->scratch[c] = x[c] * g[c];
            run->maps[slot * n_places + i] = reduce(run->parameters, run->scratch, n);
        }
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_places;
    (void)n_slots;
    return (size_t)n_channels;
}

static const char *const channels[] = {"maximum", "sum", "mean", NULL};

#define PARAMETERS(rectifies, takes_absolute, takes)                                    \
    {                                                                                   \
        CR_FORM_PARAMETERS(rectifies, MAX),                                             \
            {"absolute", CR_PARAMETER_FLAG, .offset = offsetof(saliency, absolute),     \
             .fallback = (takes_absolute), .help = "absolute values of each channel"},  \
        {                                                                               \
            "channels", CR_PARAMETER_WORD, .offset = offsetof(saliency, channels),      \
                                           .fallback = (takes), .words = channels,      \
                                           .help = "what a pixel's three values become" \
        }                                                                               \
    }

static const cr_parameter of_gradient[] = PARAMETERS(false, true, MAXIMUM);
static const cr_parameter of_product[] = PARAMETERS(true, false, SUM);

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
