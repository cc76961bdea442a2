/* Means of the gradients at changed inputs: along a straight path from a baseline (integrated gradients), with
 * noise (SmoothGrad, VarGrad), or at random places on paths from random baselines (expected gradients,
 * GradientSHAP). Sums are in double precision, in the order of the changes. */
#include "internal.h"

#include <math.h>

enum { RIGHT, MIDDLE, TRAPEZOID, GAUSS_LEGENDRE };
enum { GRADIENT, INPUT_X_GRADIENT, INTEGRATED_GRADIENTS, GUIDED_BACKPROP, DECONVNET };
enum { MEAN, SQUARE, VARIANCE };
enum { CONSTANT, GREY, NOISE, IMAGES };

typedef struct integrated {
    cr_map_form form;
    cr_channel_form channels;
    int steps, rule;
    cr_baseline baseline;
} integrated;

typedef struct smooth {
    cr_map_form form;
    cr_channel_form channels;
    int samples, seed, of, moment;
    double sigma;
    int steps; /* of INTEGRATED_GRADIENTS, and */
    cr_baseline baseline;
} smooth;

_Static_assert(sizeof(smooth) <= CR_METHOD_PARAMETER_BYTES, "parameters fit");

typedef struct expected {
    cr_map_form form;
    cr_channel_form channels;
    int samples, seed, baselines;
    double baseline, sigma;
} expected;

static size_t n_values(const cr_method_run *run)
{
    return (size_t)run->height * (size_t)run->width * (size_t)run->n_channels;
}

static size_t n_sums(const cr_method_run *run)
{
    return (size_t)run->n_slots * n_values(run);
}

/* In the scratch: the sums of gradients and of their squares, [n_slots][H W C] each; a changed input. */
static double *sums_of(const cr_method_run *run)
{
    return (double *)(void *)run->scratch;
}

static cr_real *input_of(const cr_method_run *run)
{
    return cr_behind_doubles(run, 2 * n_sums(run));
}

static void begin(const cr_method_run *run)
{
    for (size_t i = 0; i < 2 * n_sums(run); i++)
        sums_of(run)[i] = 0;
}

/* The maps of values [n_slots][H W C]. */
static void end(const cr_method_run *run, const cr_channel_form *form, const double *values)
{
    const int n_places = run->height * run->width, n = run->n_channels;
    for (int i = 0; i < run->n_slots * n_places; i++, values += n) {
        for (int c = 0; c < n; c++)
            input_of(run)[c] = (cr_real)values[c];
        run->maps[i] = cr_reduce_channels(form, input_of(run), n);
    }
}

/* Where on the way from 0 to 1, and with which weight, node k of n lies. The Gauss-Legendre node is the k-th
 * root of the Legendre polynomial of degree n, by Newton's method. */
static void find_node(int rule, int n, int k, double *at, double *weight)
{
    const double pi = 3.14159265358979323846;
    *weight = 1. / n;
    if (rule == TRAPEZOID && n > 1) {
        *at = k / (n - 1.);
        *weight = (k == 0 || k == n - 1 ? .5 : 1) / (n - 1.);
        return;
    }
    *at = rule == RIGHT ? (k + 1.) / n : (k + .5) / n;
    if (rule != GAUSS_LEGENDRE)
        return;
    double x = cos(pi * (n - k - .25) / (n + .5)), slope = 1;
    for (int i = 0; i < 100; i++) {
        double p = 1, before = 0;
        for (int j = 1; j <= n; j++) {
            const double next = ((2 * j - 1) * x * p - (j - 1) * before) / j;
            before = p;
            p = next;
        }
        slope = n * (x * p - before) / (x * x - 1);
        const double step = p / slope;
        x -= step;
        if (fabs(step) < 1e-15)
            break;
    }
    *at = (1 + x) / 2;
    *weight = 1 / ((1 - x * x) * slope * slope);
}

static int integrated_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)width;
    (void)height;
    (void)n_channels;
    return ((const integrated *)parameters)->steps;
}

/* Of integrated gradients, which needs no squares: where these would be. */
static double *baseline_values(const cr_method_run *run)
{
    return sums_of(run) + n_sums(run);
}

static void fill_path(const void *user, int k, cr_real *to)
{
    const cr_method_run *run = user;
    const integrated *p = run->parameters;
    double at, weight;
    find_node(p->rule, p->steps, k, &at, &weight);
    const double *baseline = baseline_values(run);
    for (size_t i = 0; i < n_values(run); i++)
        to[i] = (cr_real)(baseline[i] + at * (run->passes->input[i] - baseline[i]));
}

static void take_path(const void *user, int k, const cr_real *gradients)
{
    const cr_method_run *run = user;
    const integrated *p = run->parameters;
    double at, weight;
    find_node(p->rule, p->steps, k, &at, &weight);
    for (size_t i = 0; i < n_sums(run); i++)
        sums_of(run)[i] += weight * gradients[i];
}

static void run_integrated(const cr_method_run *run)
{
    const integrated *p = run->parameters;
    double *sums = sums_of(run);
    const double *baseline = baseline_values(run);
    cr_fill_baseline(run, &p->baseline, baseline_values(run), sums);
    for (size_t i = 0; i < n_sums(run); i++)
        sums[i] = 0;
    cr_passes_run_back(run->passes, p->steps, fill_path, take_path, run);
    for (size_t i = 0; i < n_sums(run); i++)
        sums[i] *= run->passes->input[i % n_values(run)] - baseline[i % n_values(run)];
    end(run, &p->channels, sums);
}

/* Passes of a noisy input. */
static int steps_of(const smooth *p)
{
    return p->of == INTEGRATED_GRADIENTS ? p->steps : 1;
}

static int smooth_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)width;
    (void)height;
    (void)n_channels;
    const smooth *p = parameters;
    return p->samples * steps_of(p);
}

static cr_rule smooth_rule(const void *parameters)
{
    const int of = ((const smooth *)parameters)->of;
    return of == GUIDED_BACKPROP ? CR_RULE_GUIDED
           : of == DECONVNET     ? CR_RULE_DECONV
                                 : CR_RULE_PLAIN;
}

static double input_range(const cr_method_run *run)
{
    const cr_real *input = run->passes->input;
    double least = input[0], most = input[0];
    for (size_t i = 1; i < n_values(run); i++) {
        least = fmin(least, input[i]);
        most = fmax(most, input[i]);
    }
    return most - least;
}

/* Of the random numbers of sample k of an image. */
static uint64_t key_of(const cr_method_run *run, int seed, int k)
{
    const uint64_t of_image = cr_mix(run->seed ^ cr_mix((uint64_t)seed));
    return cr_mix(of_image ^ (uint64_t)k);
}

/* Number i of them, from 0 up to 1. */
static double uniform(uint64_t key, size_t i)
{
    return (double)(cr_mix(key ^ i) >> 11) * 0x1p-53;
}

/* Behind the changed input, of INTEGRATED_GRADIENTS: sums along the path of a sample, [n_slots][H W C], and where
 * all paths begin, [H W C]. */
static double *path_of(const cr_method_run *run)
{
    return (double *)(void *)(input_of(run) + (n_values(run) + 15) / 16 * 16);
}

static double *start_of(const cr_method_run *run)
{
    return path_of(run) + n_sums(run);
}

/* The noise of a sample is in shares of the input's range. */
static void fill_sample(const cr_method_run *run, int sample, cr_real *to)
{
    const smooth *p = run->parameters;
    const double range = input_range(run);
    const uint64_t key = key_of(run, p->seed, sample);
    for (size_t i = 0; i < n_values(run); i++)
        to[i] = (cr_real)(run->passes->input[i] + p->sigma * range * cr_gauss(key, i));
}

static void fill_noisy(const void *user, int k, cr_real *to)
{
    const cr_method_run *run = user;
    const smooth *p = run->parameters;
    const int steps = steps_of(p);
    fill_sample(run, k / steps, to);
    if (p->of != INTEGRATED_GRADIENTS)
        return;
    const double *start = start_of(run), at = (k % steps + 1.) / steps;
    for (size_t i = 0; i < n_values(run); i++)
        to[i] = (cr_real)(start[i] + at * (to[i] - start[i]));
}

/* One step on the path of a sample; true at its end. */
static bool end_path(const cr_method_run *run, int k, const cr_real *gradients)
{
    const int steps = steps_of(run->parameters);
    double *sums = path_of(run);
    for (size_t i = 0; i < n_sums(run); i++)
        sums[i] = (k % steps ? sums[i] : 0) + gradients[i] / (double)steps;
    return (k + 1) % steps == 0;
}

static void take_noisy(const void *user, int k, const cr_real *gradients)
{
    const cr_method_run *run = user;
    const smooth *p = run->parameters;
    const bool of_path = p->of == INTEGRATED_GRADIENTS;
    double *sums = sums_of(run), *squares = sums + n_sums(run);
    if (of_path && !end_path(run, k, gradients))
        return;
    if (of_path || p->of == INPUT_X_GRADIENT)
        fill_sample(run, k / steps_of(p), input_of(run));
    for (size_t i = 0; i < n_sums(run); i++) {
        const size_t pixel = i % n_values(run);
        const double factor = of_path ? input_of(run)[pixel] - start_of(run)[pixel]
                              : p->of == INPUT_X_GRADIENT ? input_of(run)[pixel]
                                                          : 1;
        const double value = (of_path ? path_of(run)[i] : (double)gradients[i]) * factor;
        sums[i] += value;
        squares[i] += value * value;
    }
}

static void run_smooth(const cr_method_run *run)
{
    const smooth *p = run->parameters;
    double *sums = sums_of(run), *squares = sums + n_sums(run);
    if (p->of == INTEGRATED_GRADIENTS)
        cr_fill_baseline(run, &p->baseline, start_of(run), path_of(run));
    begin(run);
    cr_passes_run_back(run->passes, p->samples * steps_of(p), fill_noisy, take_noisy, run);
    for (size_t i = 0; i < n_sums(run); i++) {
        const double mean = sums[i] / p->samples, square = squares[i] / p->samples;
        sums[i] = p->moment == MEAN ? mean : p->moment == SQUARE ? square : square - mean * mean;
    }
    end(run, &p->channels, sums);
}

static int expected_passes(const void *parameters, int width, int height, int n_channels)
{
    (void)width;
    (void)height;
    (void)n_channels;
    return ((const expected *)parameters)->samples;
}

static unsigned wants(const void *parameters)
{
    return ((const expected *)parameters)->baselines == IMAGES ? CR_WANTS_BASELINES : 0;
}

/* Element i of the baseline of a sample, by the sample's other random numbers: the first is where on the path, the
 * second the grey, or which image. */
static double baseline_of(const cr_method_run *run, uint64_t key, size_t i)
{
    const expected *p = run->parameters;
    const size_t c = i % (size_t)run->n_channels;
    if (p->baselines == CONSTANT)
        return p->baseline;
    const double share = uniform(key, p->baselines == NOISE ? 2 + i : 1);
    if (p->baselines == IMAGES)
        return run->baselines[(size_t)(share * run->n_baselines) * n_values(run) + i];
    return (double)run->black[c] + share * ((double)run->white[c] - (double)run->black[c]);
}

/* What sample k, the input with noise, is more than its baseline; and the place between the two. */
static void fill_between(const cr_method_run *run, int k, cr_real *differences, cr_real *to)
{
    const expected *p = run->parameters;
    const double range = p->sigma > 0 ? input_range(run) : 0;
    const uint64_t key = key_of(run, p->seed, k), other = cr_mix(key);
    const double at = uniform(other, 0);
    for (size_t i = 0; i < n_values(run); i++) {
        const double noise = p->sigma > 0 ? p->sigma * range * cr_gauss(key, i) : 0;
        const double baseline = baseline_of(run, other, i);
        const double difference = run->passes->input[i] + noise - baseline;
        if (differences)
            differences[i] = (cr_real)difference;
        if (to)
            to[i] = (cr_real)(baseline + at * difference);
    }
}

static void fill_expected(const void *user, int k, cr_real *to)
{
    fill_between(user, k, NULL, to);
}

static void take_expected(const void *user, int k, const cr_real *gradients)
{
    const cr_method_run *run = user;
    const size_t n = n_values(run);
    fill_between(run, k, input_of(run), NULL);
    for (size_t i = 0; i < n_sums(run); i++)
        sums_of(run)[i] += (double)gradients[i] * (double)input_of(run)[i % n];
}

static void run_expected(const cr_method_run *run)
{
    const expected *p = run->parameters;
    double *sums = sums_of(run);
    begin(run);
    cr_passes_run_back(run->passes, p->samples, fill_expected, take_expected, run);
    for (size_t i = 0; i < n_sums(run); i++)
        sums[i] /= p->samples;
    end(run, &p->channels, sums);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    const size_t n = (size_t)n_places * (size_t)n_channels;
    (void)parameters;
    return cr_reals_of_doubles(2 * (size_t)n_slots * n) + n;
}

static size_t smooth_scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    const size_t n = (size_t)n_places * (size_t)n_channels;
    const bool of_path = ((const smooth *)parameters)->of == INTEGRATED_GRADIENTS;
    return scratch(parameters, n_places, n_channels, n_slots) + 16 +
           (of_path ? cr_reals_of_doubles(((size_t)n_slots + 1) * n) : 0);
}

static const char *const rules[] = {"right", "middle", "trapezoid", "gauss-legendre", NULL};
static const char *const kinds[] = {"gradient",        "input-x-gradient", "integrated-gradients",
                                    "guided-backprop", "deconvnet",        NULL};
static const char *const moments[] = {"mean", "square", "variance", NULL};

static const cr_parameter of_path[] = {
    CR_FORM_PARAMETERS(true, MAX),
    CR_CHANNEL_PARAMETERS(integrated, false, SUM),
    {"steps", CR_PARAMETER_WHOLE, .offset = offsetof(integrated, steps), .least = 1, .most = 10000,
     .fallback = 50, .help = "gradients along the path"},
    {"rule", CR_PARAMETER_WORD, .offset = offsetof(integrated, rule), .words = rules,
     .help = "where on the path they are, and with which weights"},
    CR_BASELINE_PARAMETERS(integrated, .later = false),
};

#define NOISE_PARAMETERS(takes)                                                           \
    CR_FORM_PARAMETERS(false, MAX), CR_CHANNEL_PARAMETERS(smooth, true, MAXIMUM),         \
        {"samples",                                                                       \
         CR_PARAMETER_WHOLE,                                                              \
         .offset = offsetof(smooth, samples),                                             \
         .least = 1,                                                                      \
         .most = 10000,                                                                   \
         .fallback = 50,                                                                  \
         .help = "noisy inputs"},                                                         \
        {"sigma",                                                                         \
         CR_PARAMETER_NUMBER,                                                             \
         .offset = offsetof(smooth, sigma),                                               \
         .most = 10,                                                                      \
         .fallback = .15,                                                                 \
         .help = "deviation of the noise, as a share of the input's range"},              \
        {"of", CR_PARAMETER_WORD, .offset = offsetof(smooth, of), .words = kinds,         \
         .help = "what is averaged"},                                                     \
        {"steps",                                                                         \
         CR_PARAMETER_WHOLE,                                                              \
         .offset = offsetof(smooth, steps),                                               \
         .least = 1,                                                                      \
         .most = 1000,                                                                    \
         .fallback = 10,                                                                  \
         .later = true,                                                                   \
         .help = "of integrated-gradients: gradients along each path"},                   \
        CR_BASELINE_PARAMETERS(smooth, .later = true),                                    \
        {"moment",                                                                        \
         CR_PARAMETER_WORD,                                                               \
         .offset = offsetof(smooth, moment),                                              \
         .fallback = (takes),                                                             \
         .words = moments,                                                                \
         .help = "of what is averaged over the samples"},                                 \
    {                                                                                     \
        "seed", CR_PARAMETER_WHOLE, .offset = offsetof(smooth, seed), .most = 2147483647, \
                                    .help = "of the noise; another gives other maps"      \
    }

static const char *const sets[] = {"constant", "grey", "noise", "images", NULL};

#define EXPECTED_PARAMETERS(takes)                                                            \
    CR_FORM_PARAMETERS(true, MAX), CR_CHANNEL_PARAMETERS(expected, false, SUM),               \
        {"samples",                                                                           \
         CR_PARAMETER_WHOLE,                                                                  \
         .offset = offsetof(expected, samples),                                               \
         .least = 1,                                                                          \
         .most = 10000,                                                                       \
         .fallback = 50,                                                                      \
         .help = "places on paths, each from a baseline of its own"},                         \
        {"baselines",                                                                         \
         CR_PARAMETER_WORD,                                                                   \
         .offset = offsetof(expected, baselines),                                             \
         .fallback = (takes),                                                                 \
         .words = sets,                                                                       \
         .help = "one value, a random grey, pixels at random, or images: dataset.baselines"}, \
        {"baseline",                                                                          \
         CR_PARAMETER_NUMBER,                                                                 \
         .offset = offsetof(expected, baseline),                                              \
         .least = -1e6,                                                                       \
         .most = 1e6,                                                                         \
         .help = "the one value, as a value of the network's input"},                         \
    {                                                                                         \
        "seed", CR_PARAMETER_WHOLE, .offset = offsetof(expected, seed), .most = 2147483647,   \
                                    .help = "of the random numbers; another gives other maps" \
    }

static const cr_parameter of_expected[] = {EXPECTED_PARAMETERS(NOISE)};
static const cr_parameter of_shap[] = {
    EXPECTED_PARAMETERS(CONSTANT),
    {"sigma", CR_PARAMETER_NUMBER, .offset = offsetof(expected, sigma), .most = 10,
     .help = "deviation of the noise on the input, as a share of its range"},
};
static const cr_parameter of_mean[] = {NOISE_PARAMETERS(MEAN)};
static const cr_parameter of_variance[] = {NOISE_PARAMETERS(VARIANCE)};

const cr_method cr_method_integrated_gradients = {
    .name = "integrated-gradients",
    .source = "Sundararajan et al., ICML 2017, equations 1 and 3",
    .formula = "ReLU(sum_c (X_c - B_c) mean_t g_c(B + t (X - B)))",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(of_path),
    .scratch = scratch,
    .n_passes = integrated_passes,
    .cost = "1 and one a step, each with a backward pass",
    .run = run_integrated,
};

const cr_method cr_method_smooth_grad = {
    .name = "smooth-grad",
    .source = "Smilkov et al., arXiv 1706.03825, section 3",
    .formula = "max_c |mean of g_c(X + noise)|",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_PASSES,
    .of_input = true,
    .rule_of = smooth_rule,
    .parameters = CR_PARAMETERS(of_mean),
    .scratch = smooth_scratch,
    .n_passes = smooth_passes,
    .cost = "1 and one a sample, each with a backward pass",
    .run = run_smooth,
};

const cr_method cr_method_var_grad = {
    .name = "var-grad",
    .source = "Adebayo et al., ICLR Workshops 2018, arXiv 1810.03307",
    .formula = "max_c variance of g_c(X + noise)",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_PASSES,
    .of_input = true,
    .rule_of = smooth_rule,
    .parameters = CR_PARAMETERS(of_variance),
    .scratch = smooth_scratch,
    .n_passes = smooth_passes,
    .cost = "1 and one a sample, each with a backward pass",
    .run = run_smooth,
};

const cr_method cr_method_expected_gradients = {
    .name = "expected-gradients",
    .source = "Erion et al., Nature Machine Intelligence 3, 2021, equation 4",
    .formula = "ReLU(sum_c mean of (X_c - B_c) g_c(B + t (X - B))), t and B at random",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(of_expected),
    .wants = wants,
    .scratch = scratch,
    .n_passes = expected_passes,
    .cost = "1 and one a sample, each with a backward pass",
    .run = run_expected,
};

const cr_method cr_method_gradient_shap = {
    .name = "gradient-shap",
    .source = "Lundberg and Lee, NeurIPS 2017, as captum's GradientShap",
    .formula = "the same of X + noise in place of X, from one baseline",
    .needs = CR_NEEDS_GRADIENTS | CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(of_shap),
    .wants = wants,
    .scratch = scratch,
    .n_passes = expected_passes,
    .cost = "1 and one a sample, each with a backward pass",
    .run = run_expected,
};
