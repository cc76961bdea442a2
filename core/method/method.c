/* The table of methods, and what holds for all of them. */
#include "internal.h"

#include "camrank/multiversion.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const cr_method *const cr_methods[] = {
    &cr_method_cam,
    &cr_method_grad_cam,
    &cr_method_grad_cam_plus_plus,
    &cr_method_xgrad_cam,
    &cr_method_hires_cam,
    &cr_method_layer_cam,
    &cr_method_grad_cam_elementwise,
    &cr_method_finer_cam,
    &cr_method_refine_cam,
    &cr_method_eigen_cam,
    &cr_method_eigen_grad_cam,
    &cr_method_seg_eigen_cam,
    &cr_method_kpca_cam,
    &cr_method_fem,
    &cr_method_shapley_cam,
    &cr_method_saliency,
    &cr_method_input_x_gradient,
    &cr_method_guided_backprop,
    &cr_method_deconvnet,
    &cr_method_guided_grad_cam,
    &cr_method_full_grad,
    &cr_method_lrp,
    &cr_method_raw_attention,
    &cr_method_attention_rollout,
    &cr_method_attention_relevance,
    &cr_method_legrad,
    &cr_method_ts_cam,
    &cr_method_integrated_gradients,
    &cr_method_smooth_grad,
    &cr_method_var_grad,
    &cr_method_expected_gradients,
    &cr_method_gradient_shap,
    &cr_method_deep_lift,
    &cr_method_score_cam,
    &cr_method_ablation_cam,
    &cr_method_recipro_cam,
    &cr_method_is_cam,
    &cr_method_ss_cam,
    &cr_method_occlusion,
    &cr_method_rise,
    &cr_method_lime,
    &cr_method_kernel_shap,
    &cr_method_random_cam,
    NULL,
};

const char *const cr_scaling_words[] = {"min-max", "max", NULL};
const char *const cr_score_words[] = {"logit", "probability", NULL};

const cr_method *const cr_method_default = &cr_method_grad_cam;
const cr_method *const cr_method_of_head = &cr_method_cam;

const cr_method *cr_method_find(const char *name)
{
    for (const cr_method *const *method = cr_methods; *method; method++)
        if (strcmp((*method)->name, name) == 0)
            return *method;
    return NULL;
}

const char *cr_method_names(void)
{
    static char names[2048];
    size_t n = 0;
    for (const cr_method *const *method = cr_methods; *method && n < sizeof names; method++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", (*method)->name);
    return names;
}

cr_method_spec cr_method_plain(const cr_method *method)
{
    cr_method_spec spec = {.method = method, .map_slots = CR_KEEP_DEFAULT};
    cr_parameters_reset(method->parameters, spec.parameters.bytes);
    spec.fusion = cr_fusion_plain(method);
    return spec;
}

void cr_method_layers(const cr_method_spec *spec, char text[CR_LAYERS_BYTES])
{
    size_t n = 0;
    text[0] = 0;
    for (int i = 0; i < spec->n_layers; i++)
        n += (size_t)snprintf(text + n, CR_LAYERS_BYTES - n, "%s%s", i ? "+" : "", spec->layers[i]);
}

double cr_gauss(uint64_t key, uint64_t i)
{
    const double turn = 2 * 3.14159265358979323846;
    const double u = (double)((cr_mix(key ^ 2 * i) >> 11) + 1) * 0x1p-53;
    const double v = (double)(cr_mix(key ^ (2 * i + 1)) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(turn * v);
}

void cr_weigh(const cr_method_run *run, const cr_real *weights, cr_real *maps)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    cr_gemm(false, true, run->n_slots, n_places, c, weights, c, run->activations, c, 0, maps,
            n_places);
}

const cr_real *cr_mean_gradients(const cr_method_run *run, cr_real *means)
{
    if (run->uniform)
        return run->gradients;
    cr_global_mean_forward(run->n_slots, run->height * run->width, run->n_channels, run->gradients,
                           means);
    return means;
}

void cr_channel_maps(const cr_method_run *run, cr_real divisor)
{
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    const size_t c = (size_t)run->n_channels;
    cr_real *map = run->maps;
    for (int slot = 0; slot < run->n_slots; slot++)
        for (size_t i = 0; i < n_places; i++)
            *map++ = run->activations[i * c + (size_t)run->channels[slot]] / divisor;
}

CR_MULTIVERSION
void cr_channel_sums(const cr_method_run *run, double *restrict sums)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    const cr_real *a = run->activations;
    for (int k = 0; k < c; k++)
        sums[k] = 0;
    for (int i = 0; i < n_places; i++, a += c)
        for (int k = 0; k < c; k++)
            sums[k] += (double)a[k];
}

size_t cr_scratch_of_weights(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_places;
    return (size_t)n_slots * (size_t)n_channels;
}
