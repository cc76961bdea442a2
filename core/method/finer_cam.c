/* Finer-CAM: Grad-CAM of what sets a class apart from those whose logits are nearest to its own. */
#include "internal.h"

#include <math.h>

enum { UNIFORM, SOFTMAX };
enum { MOST = 32 }; /* classes that are compared with */

typedef struct finer_cam {
    cr_map_form form;
    int weights, n;
    double gamma, epsilon;
} finer_cam;

/* The (at most) n classes other than c whose logits are nearest to its own, nearest first; of two that
 * are as near, the lower. */
static int find_nearest(const cr_real *logits, int n_classes, int c, int n, int nearest[MOST])
{
    int found = 0;
    for (int d = 0; d < n_classes; d++) {
        double distance = fabs((double)logits[d] - (double)logits[c]);
        int at = found;
        if (d == c)
            continue;
        while (at > 0 && distance < fabs((double)logits[nearest[at - 1]] - (double)logits[c]))
            at--;
        if (at == n)
            continue;
        for (int i = found < n ? found : n - 1; i > at; i--)
            nearest[i] = nearest[i - 1];
        nearest[at] = d;
        found += found < n;
    }
    return found;
}

static double largest_of(const cr_real *logits, int n_classes)
{
    double largest = (double)logits[0];
    for (int d = 1; d < n_classes; d++)
        largest = (double)logits[d] > largest ? (double)logits[d] : largest;
    return largest;
}

/* The gradient of T = sum_d p_d (y_c - gamma y_d) / (sum_d p_d + epsilon), p the softmax of all logits,
 * d the nearest classes. With P = sum_d p_d, q_d = p_d / P, s = P / (P + epsilon) and the differences
 * v_d = y_c - gamma y_d, whose mean is V = sum_d q_d v_d:
 *
 *   dT/dy_j = s [j = c] + s q_j (v_j - gamma - s V) [j one of d] - s (1 - s) V p_j
 *
 * q and s need no P that could be 0. */
static void seed_softmax(const finer_cam *parameters, const cr_real *logits, int n_classes, int c,
                         int n, const int *nearest, cr_real *seed)
{
    const double top = largest_of(logits, n_classes), gamma = parameters->gamma;
    double all = 0, chosen = 0, mean = 0, q[MOST], top_chosen = (double)logits[nearest[0]];
    for (int i = 1; i < n; i++)
        top_chosen = fmax(top_chosen, (double)logits[nearest[i]]);
    for (int j = 0; j < n_classes; j++)
        all += exp((double)logits[j] - top);
    for (int i = 0; i < n; i++)
        chosen += q[i] = exp((double)logits[nearest[i]] - top_chosen);
    for (int i = 0; i < n; i++) {
        q[i] /= chosen;
        mean += q[i] * ((double)logits[c] - gamma * (double)logits[nearest[i]]);
    }
    const double p = chosen * exp(top_chosen - top) / all;
    const double s = parameters->epsilon > 0 ? p / (p + parameters->epsilon) : 1;
    for (int j = 0; j < n_classes; j++)
        seed[j] = (cr_real)(-s * (1 - s) * mean * exp((double)logits[j] - top) / all);
    for (int i = 0; i < n; i++) {
        const double v = (double)logits[c] - gamma * (double)logits[nearest[i]];
        seed[nearest[i]] += (cr_real)(s * q[i] * (v - gamma - s * mean));
    }
    seed[c] += (cr_real)s;
}

static void seed(const void *of, const cr_real *logits, int n_classes, int c, cr_real *seed)
{
    const finer_cam *parameters = of;
    int nearest[MOST];
    const int n = find_nearest(logits, n_classes, c, parameters->n, nearest);
    if (n && parameters->weights == SOFTMAX) {
        seed_softmax(parameters, logits, n_classes, c, n, nearest, seed);
        return;
    }
    seed[c] = 1;
    for (int i = 0; i < n; i++)
        seed[nearest[i]] = (cr_real)(-parameters->gamma / n);
}

static void run(const cr_method_run *run)
{
    cr_weigh_apart(run, cr_mean_gradients(run, run->scratch));
}

static const char *const weights[] = {"uniform", "softmax", NULL};

static const cr_parameter parameters[] = {
    CR_FORM_PARAMETERS(true, MAX),
    {"weights", CR_PARAMETER_WORD, .offset = offsetof(finer_cam, weights), .words = weights,
     .help = "of the classes compared with: all the same, or their softmax, followed back too"},
    {"n", CR_PARAMETER_WHOLE, .offset = offsetof(finer_cam, n), .least = 1, .most = MOST,
     .fallback = 3, .help = "classes compared with, those with the nearest logits"},
    {"gamma", CR_PARAMETER_NUMBER, .offset = offsetof(finer_cam, gamma), .most = 10,
     .fallback = 0.6, .help = "how much of their logits is taken away"},
    {"epsilon", CR_PARAMETER_NUMBER, .offset = offsetof(finer_cam, epsilon), .most = 1,
     .help = "added to the sum that softmax weights are divided by"},
};

const cr_method cr_method_finer_cam = {
    .name = "finer-cam",
    .source = "Zhang et al., CVPR 2025",
    .formula =
        "Grad-CAM of y_c - gamma mean_d y_d, d the n classes whose logits are nearest to y_c",
    .needs = CR_NEEDS_GRADIENTS,
    .parameters = CR_PARAMETERS(parameters),
    .seed = seed,
    .scratch = cr_scratch_of_weights,
    .run = run,
};
