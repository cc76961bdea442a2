/* Shapley-CAM: a channel's Shapley value where the target, as a function of the channels that are there,
 * is what its Taylor series says up to the second order: the gradient less half the Hessian times the
 * activations, averaged over the map. */
#include "internal.h"

#include <math.h>
#include <string.h>

enum { TARGET_REST, TARGET_LOGIT };

static const char *const targets[] = {"rest", "logit", NULL};

typedef struct shapley_cam {
    cr_map_form form;
    int target; /* of `targets` */
} shapley_cam;

/* log(sum of exp), so that exp(z - it) is the softmax. */
static double log_sum(const cr_real *logits, int n)
{
    double largest = (double)logits[0];
    for (int d = 1; d < n; d++)
        largest = fmax(largest, (double)logits[d]);
    double sum = exp((double)logits[0] - largest);
    for (int d = 1; d < n; d++)
        sum += exp((double)logits[d] - largest);
    return largest + log(sum);
}

/* The gradient of z_c + log p_c, p the softmax of z: 2 at c, less p. */
static void seed(const void *parameters, const cr_real *logits, int n_classes, int c, cr_real *seed)
{
    const shapley_cam *p = parameters;
    memset(seed, 0, (size_t)n_classes * sizeof *seed);
    seed[c] = 1;
    if (p->target == TARGET_LOGIT)
        return;
    const double whole = log_sum(logits, n_classes);
    seed[c] = 2;
    for (int d = 0; d < n_classes; d++)
        seed[d] = (cr_real)((double)seed[d] - exp((double)logits[d] - whole));
}

/* Its Hessian, -(diag(p) - p p^T), times the change. */
static void curve(const void *parameters, const cr_real *logits, const cr_real *change,
                  int n_classes, int c, cr_real *seed)
{
    (void)c;
    const shapley_cam *p = parameters;
    memset(seed, 0, (size_t)n_classes * sizeof *seed);
    if (p->target == TARGET_LOGIT)
        return;
    const double whole = log_sum(logits, n_classes);
    double mean = 0;
    for (int d = 0; d < n_classes; d++)
        mean += exp((double)logits[d] - whole) * (double)change[d];
    for (int d = 0; d < n_classes; d++)
        seed[d] = (cr_real)(exp((double)logits[d] - whole) * (mean - (double)change[d]));
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    (void)parameters;
    (void)n_places;
    return 2 * (size_t)n_slots * (size_t)n_channels;
}

static void run(const cr_method_run *run)
{
    const size_t n = (size_t)run->n_slots * (size_t)run->n_channels;
    cr_method_run second = *run;
    second.gradients = run->curvature;
    const cr_real *slopes = cr_mean_gradients(run, run->scratch);
    const cr_real *bends = cr_mean_gradients(&second, run->scratch + n);
    for (size_t i = 0; i < n; i++)
        run->scratch[i] = slopes[i] - bends[i] / 2;
    cr_weigh_apart(run, run->scratch);
}

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"target", CR_PARAMETER_WORD, .offset = offsetof(shapley_cam, target), .words = targets,
     .help = "what is explained; rest: the logit plus the logarithm of the softmax"},
};

const cr_method cr_method_shapley_cam = {
    .name = "shapley-cam",
    .source = "Cai, arXiv 2501.06261, 2025",
    .formula = "ReLU(sum_k mean(g_k - (H A)_k / 2) A_k), H the target's Hessian at the layer",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_CURVATURE,
    .parameters = CR_PARAMETERS(parameters),
    .seed = seed,
    .curve = curve,
    .scratch = scratch,
    .run = run,
};
