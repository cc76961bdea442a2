/* The methods whose map is a first principal component: of the activations alone, or of what gradients
 * make of them. */
#include "internal.h"

#include "camrank/multiversion.h"

typedef struct eigen_cam {
    cr_map_form form;
    bool centre;
} eigen_cam;

static size_t n_values(int n_places, int n_channels)
{
    return (size_t)n_places * (size_t)n_channels;
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_slots;
    return cr_reals_of_doubles(n_values(n_places, n_channels) +
                               cr_principal_work(n_places, n_channels));
}

/* x = |g| A where `magnitude`, else g A. */
CR_MULTIVERSION
static void multiply(const cr_method_run *run, int slot, bool magnitude, double *restrict x)
{
    const int n_places = run->height * run->width, c = run->n_channels;
    const cr_real *a = run->activations;
    for (int i = 0; i < n_places; i++, a += c, x += c) {
        const cr_real *g = cr_gradient(run, slot, i);
        for (int k = 0; k < c; k++)
            x[k] = (double)(magnitude && g[k] < 0 ? -g[k] : g[k]) * (double)a[k];
    }
}

static void run_eigen(const cr_method_run *run)
{
    const eigen_cam *parameters = run->parameters;
    const int n_places = run->height * run->width, c = run->n_channels;
    double *x = (double *)(void *)run->scratch;
    cr_copy_activations(run, x);
    cr_principal_map(n_places, c, parameters->centre, x, x + n_values(n_places, c), run->maps);
}

static void run_slots(const cr_method_run *run, bool magnitude)
{
    const eigen_cam *parameters = run->parameters;
    const int n_places = run->height * run->width, c = run->n_channels;
    double *x = (double *)(void *)run->scratch;
    for (int slot = 0; slot < run->n_slots; slot++) {
        multiply(run, slot, magnitude, x);
        cr_principal_map(n_places, c, parameters->centre, x, x + n_values(n_places, c),
                         run->maps + slot * n_places);
    }
}

static void run_eigen_grad(const cr_method_run *run)
{
    run_slots(run, false);
}

static void run_seg_eigen(const cr_method_run *run)
{
    run_slots(run, true);
}

#define CENTRE_PARAMETER                                                          \
    {                                                                             \
        "centre", CR_PARAMETER_FLAG,                                              \
            .offset = offsetof(eigen_cam, centre), .fallback = 1,                 \
            .help = "the mean over the map is taken away from each channel first" \
    }

static const cr_parameter of_image[] = {CR_FORM_PARAMETERS(false, MIN_MAX), CENTRE_PARAMETER};
static const cr_parameter of_slots[] = {CR_FORM_PARAMETERS(true, MAX), CENTRE_PARAMETER};

const cr_method cr_method_eigen_cam = {
    .name = "eigen-cam",
    .source = "Muhammad and Yeasin, IJCNN 2020",
    .formula = "A V_1, A of places by channels, V_1 its first right singular vector",
    .of_image = true,
    .parameters = CR_PARAMETERS(of_image),
    .scratch = scratch,
    .run = run_eigen,
};

const cr_method cr_method_eigen_grad_cam = {
    .name = "eigen-grad-cam",
    .source = "pytorch-grad-cam, EigenGradCAM; no paper",
    .formula = "ReLU((g A) V_1), V_1 the first right singular vector of g A",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(of_slots),
    .scratch = scratch,
    .run = run_eigen_grad,
};

const cr_method cr_method_seg_eigen_cam = {
    .name = "seg-eigen-cam",
    .source = "Seg-Eigen-CAM, Applied Sciences 2025, as pytorch-grad-cam has it",
    .formula = "ReLU((|g| A) V_1), V_1 the first right singular vector of |g| A",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(of_slots),
    .scratch = scratch,
    .run = run_seg_eigen,
};
