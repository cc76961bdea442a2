/* LIME and Kernel SHAP: how much each superpixel of the input adds to the class's score, by a linear model of
 * the scores of inputs of which random superpixels are hidden. What is hidden depends on the image and on
 * nothing else, so that it is the same in every run. */
#include "internal.h"
#include "linear_fit.h"

#include <math.h>

enum { MEAN, BASELINE };
enum { OF_SEGMENTS, OF_INPUT };
enum { MOST_SUPERPIXELS = 250 };

/* Of LIME; Kernel SHAP has some of them. */
typedef struct lime {
    cr_map_form form;
    cr_parting parting;
    int samples;
    double kernel_width, ridge, baseline;
    int hide, distance, score, seed;
} lime;

_Static_assert(sizeof(lime) <= CR_METHOD_PARAMETER_BYTES, "parameters fit");

/* What superpixels are, and what became of them; all but the first two in the scratch. */
typedef struct state {
    const cr_method_run *run;
    int n; /* superpixels */
    cr_fit *fit;
    bool by_shapley;
    double *scores,
        *first; /* [n_slots] of a changed input; of Kernel SHAP's that is hidden as a whole */
    double *coefficients; /* [n_slots][n] */
    double *hidden;       /* [n][3] the colour of a superpixel that is not seen */
    double *squares; /* [n][3] sums of squares of what is seen, of it by what is hidden, of that */
    double *work;
    int32_t *labels; /* [H W] */
    uint8_t *seen;   /* [n] */
} state;

static int n_samples(const void *parameters, int width, int height, int n_channels)
{
    (void)width;
    (void)height;
    (void)n_channels;
    return ((const lime *)parameters)->samples;
}

static int n_samples_and_none(const void *parameters, int width, int height, int n_channels)
{
    return 1 + n_samples(parameters, width, height, n_channels);
}

static unsigned wants(const void *parameters)
{
    const lime *p = parameters;
    return p->parting.segments == CR_SEGMENTS_GIVEN ? CR_WANTS_SEGMENTS : 0;
}

static size_t n_doubles(const lime *p, size_t n_places, int n_channels, int n_slots)
{
    const int most = cr_parts_most(&p->parting, n_places);
    return (size_t)n_slots * (size_t)(2 + most) + (size_t)(n_channels + 3) * (size_t)most +
           cr_fit_room(most, n_slots) + cr_parts_work(&p->parting, n_places);
}

static size_t scratch(const void *parameters, int n_places, int n_channels, int n_slots)
{
    const size_t places = (size_t)n_places;
    const size_t bytes = places * sizeof(int32_t) + places;
    return cr_reals_of_doubles(n_doubles(parameters, places, n_channels, n_slots)) +
           (bytes + sizeof(cr_real) - 1) / sizeof(cr_real);
}

static uint64_t key_of(const cr_method_run *run, int k)
{
    const lime *p = run->parameters;
    return cr_mix(cr_mix(run->seed ^ cr_mix((uint64_t)p->seed)) ^ (uint64_t)k);
}

static double share_of(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* So many of n, of which n - 1 weigh as many as 1 does: 1 / (size (n - size)). */
static int draw_size(int n, double at)
{
    double sum = 0;
    for (int size = 1; size < n; size++)
        sum += 1. / ((double)size * (n - size));
    int size = 1;
    for (double below = 0; size < n - 1; size++) {
        below += 1. / ((double)size * (n - size)) / sum;
        if (at < below)
            break;
    }
    return size;
}

/* Which superpixels sample k sees. */
static void draw(const state *s, int k)
{
    const uint64_t key = key_of(s->run, k);
    int left = s->by_shapley && k > 0 && s->n > 1
                   ? draw_size(s->n, share_of(cr_mix(key ^ (uint64_t)s->n)))
                   : 0;
    for (int i = 0; i < s->n; i++) {
        const uint64_t bits = cr_mix(key ^ (uint64_t)i);
        s->seen[i] = s->by_shapley ? share_of(bits) * (s->n - i) < left : (uint8_t)(bits >> 63);
        left -= s->by_shapley && s->seen[i];
    }
}

static void fill(const void *user, int k, cr_real *to)
{
    const state *s = user;
    const cr_real *input = s->run->passes->input;
    const size_t n_places = (size_t)s->run->height * (size_t)s->run->width;
    const size_t n = (size_t)s->run->passes->n_channels;
    draw(s, k);
    for (size_t i = 0; i < n_places; i++) {
        const int32_t label = s->labels[i];
        for (size_t c = 0; c < n; c++)
            to[n * i + c] =
                s->seen[label] ? input[n * i + c] : (cr_real)s->hidden[n * (size_t)label + c];
    }
}

/* One less the cosine between the input and what is seen of it. */
static double distance_of(const state *s)
{
    const lime *p = s->run->parameters;
    double both = 0, whole = 0, seen = 0;
    for (int i = 0; i < s->n; i++) {
        const double one[3] = {1, 0, 0};
        const double *squares = p->distance == OF_INPUT ? &s->squares[3 * i] : one;
        whole += squares[0];
        both += s->seen[i] ? squares[0] : squares[1];
        seen += s->seen[i] ? squares[0] : squares[2];
    }
    return seen > 0 && whole > 0 ? 1 - both / sqrt(whole * seen) : 1;
}

static void take(const void *user, int k, const cr_real *logits)
{
    const state *s = user;
    const cr_method_run *run = s->run;
    const lime *p = run->parameters;
    cr_scores((cr_score)p->score, logits, run->passes->n_classes, run->classes, run->n_slots,
              s->scores);
    draw(s, k);
    const double away = distance_of(s) / p->kernel_width;
    cr_fit_add(s->fit, s->seen, exp(-away * away / 2), s->scores);
}

/* Sample 0 sees nothing; the others are how far they are above it. */
static void take_shapley(const void *user, int k, const cr_real *logits)
{
    const state *s = user;
    const cr_method_run *run = s->run;
    const lime *p = run->parameters;
    double *to = k ? s->scores : s->first;
    cr_scores((cr_score)p->score, logits, run->passes->n_classes, run->classes, run->n_slots, to);
    if (k == 0)
        return;
    for (int slot = 0; slot < run->n_slots; slot++)
        to[slot] -= s->first[slot];
    draw(s, k);
    cr_fit_add(s->fit, s->seen, 1, to);
}

/* Superpixels, and what each becomes where it is hidden. */
static void part_input(state *s)
{
    const cr_method_run *run = s->run;
    const lime *p = run->parameters;
    const cr_real *input = run->passes->input;
    const int n_places = run->height * run->width, n = run->passes->n_channels;
    s->n =
        cr_parts(&p->parting, input, run->height, run->width, n, run->segments, s->work, s->labels);
    for (int i = 0; i < n * s->n; i++)
        s->hidden[i] = p->hide == MEAN ? 0 : p->baseline;
    for (int i = 0; i < s->n; i++)
        s->squares[i] = 0; /* first the pixels of each */
    for (int i = 0; i < n_places && p->hide == MEAN; i++) {
        s->squares[s->labels[i]]++;
        for (int c = 0; c < n; c++)
            s->hidden[n * s->labels[i] + c] += (double)input[n * i + c];
    }
    for (int i = 0; i < n * s->n && p->hide == MEAN; i++)
        s->hidden[i] /= s->squares[i / n];
    for (int i = 0; i < 3 * s->n; i++)
        s->squares[i] = 0;
    for (int i = 0; i < n * n_places; i++) {
        const int label = s->labels[i / n];
        const double seen = (double)input[i], hidden = s->hidden[n * label + i % n];
        s->squares[3 * label] += seen * seen;
        s->squares[3 * label + 1] += seen * hidden;
        s->squares[3 * label + 2] += hidden * hidden;
    }
}

/* The coefficients of each slot; false where they are not to be had. */
static bool explain(state *s)
{
    const cr_method_run *run = s->run;
    const lime *p = run->parameters;
    cr_scores((cr_score)p->score, run->logits, run->passes->n_classes, run->classes, run->n_slots,
              s->scores);
    if (!s->by_shapley) {
        for (int i = 0; i < s->n; i++)
            s->seen[i] = 1;
        cr_fit_add(s->fit, s->seen, 1, s->scores);
        cr_passes_run(run->passes, p->samples, fill, take, s);
        return cr_fit_ridge(s->fit, p->ridge, s->coefficients);
    }
    cr_passes_run(run->passes, p->samples + 1, fill, take_shapley, s);
    cr_scores((cr_score)p->score, run->logits, run->passes->n_classes, run->classes, run->n_slots,
              s->scores);
    for (int slot = 0; slot < run->n_slots; slot++)
        s->scores[slot] -= s->first[slot];
    return cr_fit_with_sums(s->fit, s->scores, s->coefficients);
}

static void run_method(const cr_method_run *run, bool by_shapley)
{
    const lime *p = run->parameters;
    const size_t n_places = (size_t)run->height * (size_t)run->width;
    const size_t most = (size_t)cr_parts_most(&p->parting, n_places);
    cr_fit fit;
    state s = {.run = run, .fit = &fit, .by_shapley = by_shapley};
    s.scores = (double *)(void *)run->scratch;
    s.first = s.scores + run->n_slots;
    s.hidden = s.first + run->n_slots;
    s.squares = s.hidden + (size_t)run->passes->n_channels * most;
    s.coefficients = s.squares + 3 * most;
    s.work = s.coefficients + (size_t)run->n_slots * most;
    s.labels = (int32_t *)(void *)cr_behind_doubles(
        run, n_doubles(p, n_places, run->passes->n_channels, run->n_slots));
    s.seen = (uint8_t *)(s.labels + n_places);
    part_input(&s);
    cr_fit_begin(&fit, s.n, run->n_slots, s.work + cr_parts_work(&p->parting, n_places));
    const bool found = explain(&s);
    for (int slot = 0; slot < run->n_slots; slot++)
        for (size_t i = 0; i < n_places; i++)
            run->maps[(size_t)slot * n_places + i] =
                found ? (cr_real)s.coefficients[slot * s.n + s.labels[i]] : (cr_real)NAN;
}

static void run_lime(const cr_method_run *run)
{
    run_method(run, false);
}

static void run_shapley(const cr_method_run *run)
{
    run_method(run, true);
}

static const char *const hides[] = {"mean", "baseline", NULL};
static const char *const distances[] = {"segments", "input", NULL};

#define AT(member) .offset = offsetof(lime, member)

#define PARAMETERS                                                                               \
    CR_FORM_PARAMETERS(true, MAX),                                                               \
        {"segments",                                                                             \
         CR_PARAMETER_WORD,                                                                      \
         AT(parting.segments),                                                                   \
         .words = cr_segments_words,                                                             \
         .later = true,                                                                          \
         .help = "what is hidden: SLIC's superpixels, or what dataset.segments gives"},          \
        {"superpixels",                                                                          \
         CR_PARAMETER_WHOLE,                                                                     \
         AT(parting.superpixels),                                                                \
         .least = 2,                                                                             \
         .most = MOST_SUPERPIXELS,                                                               \
         .fallback = 50,                                                                         \
         .help = "about how many the input is parted into"},                                     \
        {"compactness",                                                                          \
         CR_PARAMETER_NUMBER,                                                                    \
         AT(parting.compactness),                                                                \
         .least = 0.01,                                                                          \
         .most = 1000,                                                                           \
         .fallback = 10,                                                                         \
         .help = "of superpixels: what places weigh against colours from 0 to 100"},             \
        {"samples",                                                                              \
         CR_PARAMETER_WHOLE,                                                                     \
         AT(samples),                                                                            \
         .least = 1,                                                                             \
         .most = 1000000,                                                                        \
         .fallback = 1000,                                                                       \
         .help = "inputs of which random superpixels are hidden"},                               \
        {"hide", CR_PARAMETER_WORD, AT(hide), .words = hides,                                    \
         .help = "what hides a superpixel: its mean colour, or the baseline"},                   \
        {"baseline",    CR_PARAMETER_NUMBER, AT(baseline),                                       \
         .least = -1e6, .most = 1e6,         .help = "that, as a value of the network's input"}, \
        {"score",                                                                                \
         CR_PARAMETER_WORD,                                                                      \
         AT(score),                                                                              \
         .fallback = CR_SCORE_PROBABILITY,                                                       \
         .words = cr_score_words,                                                                \
         .help = "of the class, that is explained"},                                             \
    {                                                                                            \
        "seed", CR_PARAMETER_WHOLE, AT(seed), .most = 2147483647, .help = "of what is hidden"    \
    }

static const cr_parameter parameters[] = {
    PARAMETERS,
    {"kernel_width", CR_PARAMETER_NUMBER, AT(kernel_width), .least = 1e-3, .most = 1e6,
     .fallback = .25, .help = "a sample weighs exp(-d^2 / (2 width^2)), d its distance"},
    {"distance", CR_PARAMETER_WORD, AT(distance), .words = distances,
     .help = "d is one less the cosine: of which superpixels are seen, or of the input"},
    {"ridge", CR_PARAMETER_NUMBER, AT(ridge), .most = 1e6, .fallback = 1,
     .help = "what the squares of the coefficients weigh; 0: least squares"},
};

static const cr_parameter of_shapley[] = {PARAMETERS};

const cr_method cr_method_lime = {
    .name = "lime",
    .source = "Ribeiro et al., KDD 2016, equation 1 and section 3.4",
    .formula = "w_s at the pixels of superpixel s: p(X without others) = b + sum_s w_s z_s, ridge",
    .needs = CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(parameters),
    .wants = wants,
    .scratch = scratch,
    .n_passes = n_samples,
    .cost = "1 and one a sample",
    .run = run_lime,
};

const cr_method cr_method_kernel_shap = {
    .name = "kernel-shap",
    .source = "Lundberg and Lee, NIPS 2017, theorem 2",
    .formula = "the same, z of Shapley's kernel, sum_s w_s = p(X) - p(X hidden), b = p(X hidden)",
    .needs = CR_NEEDS_PASSES,
    .of_input = true,
    .parameters = CR_PARAMETERS(of_shapley),
    .wants = wants,
    .scratch = scratch,
    .n_passes = n_samples_and_none,
    .cost = "2 and one a sample",
    .run = run_shapley,
};
