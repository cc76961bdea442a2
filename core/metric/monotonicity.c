/* Monotonicity: whether the class's probability only rises while pixels come, those last where its map is
 * largest; and whether it changes more where the pixels that go are those where the map is larger. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { ZERO, SMALLEST };
enum { MOST_STEPS = 1024 };

typedef struct monotonicity {
    int class, steps, baseline;
} monotonicity;

static int n_steps(const void *parameters)
{
    return ((const monotonicity *)parameters)->steps;
}

static int n_points(const void *parameters)
{
    return n_steps(parameters) + 1;
}

static int passes_of_curve(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return n_points(parameters);
}

static int passes_of_steps(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return n_steps(parameters);
}

/* In the scratch: pixels, those where the map is smallest first; of each step, the sum of the map over its
 * pixels, the change of the probability, and ranks. */
typedef struct state {
    uint64_t *order;
    double *sums, *changes, *ranks;
} state;

static state state_of(const cr_metric_question *q)
{
    state s = {.order = q->scratch};
    s.sums = (double *)(void *)(s.order + cr_metric_n_pixels(q));
    s.changes = s.sums + n_steps(q->parameters);
    s.ranks = s.changes + n_steps(q->parameters);
    return s;
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    (void)n_channels;
    return (size_t)width * (size_t)height * sizeof(uint64_t) +
           4 * (size_t)n_steps(parameters) * sizeof(double);
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of equal pixels the first in raster order first. A float from 0 on is ordered as its bits are. */
static void begin(const cr_metric_question *q)
{
    const state s = state_of(q);
    for (size_t i = 0; i < cr_metric_n_pixels(q); i++) {
        uint32_t bits;
        const float value = q->map[i] > 0 ? q->map[i] : 0;
        memcpy(&bits, &value, sizeof bits);
        s.order[i] = (uint64_t)bits << 32 | i;
    }
    qsort(s.order, cr_metric_n_pixels(q), sizeof *s.order, compare_keys);
    for (size_t i = 0; i < cr_metric_n_pixels(q); i++)
        s.order[i] = (uint32_t)s.order[i];
}

/* Pixels of the first k steps: equal shares, rounded. */
static size_t pixels_of(const cr_metric_question *q, int k)
{
    const size_t steps = (size_t)n_steps(q->parameters);
    return (cr_metric_n_pixels(q) * (size_t)k + steps / 2) / steps;
}

static cr_real hidden_value(const cr_metric_question *q)
{
    return ((const monotonicity *)q->parameters)->baseline == ZERO ? 0 : cr_metric_smallest(q);
}

/* The image without the pixels `from` to `to` of the order. */
static void hide(const cr_metric_question *q, size_t from, size_t to, cr_real *image)
{
    const size_t channels = (size_t)q->n_channels;
    const cr_real hidden = hidden_value(q);
    memcpy(image, q->input, cr_metric_n_pixels(q) * channels * sizeof *image);
    for (size_t i = from; i < to; i++)
        for (size_t c = 0; c < channels; c++)
            image[state_of(q).order[i] * channels + c] = hidden;
}

static void fill_curve(const cr_metric_question *q, int k, cr_real *to)
{
    hide(q, pixels_of(q, k), cr_metric_n_pixels(q), to);
}

static void take_curve(const cr_metric_question *q, int k, double score)
{
    ((double *)q->values[0])[k] = score;
}

static void fill_step(const cr_metric_question *q, int k, cr_real *to)
{
    const state s = state_of(q);
    hide(q, pixels_of(q, k), pixels_of(q, k + 1), to);
    s.sums[k] = 0;
    for (size_t i = pixels_of(q, k); i < pixels_of(q, k + 1); i++)
        s.sums[k] += (double)q->map[s.order[i]];
}

static void take_step(const cr_metric_question *q, int k, double score)
{
    state_of(q).changes[k] = (q->score - score) * (q->score - score);
}

/* Ranks less their mean, of equal values the mean rank. */
static void rank(const double *values, int n, double *ranks)
{
    for (int i = 0; i < n; i++) {
        int below = 0, same = 0;
        for (int j = 0; j < n; j++) {
            below += values[j] < values[i];
            same += values[j] == values[i];
        }
        ranks[i] = below + (same - 1) / 2. - (n - 1) / 2.;
    }
}

/* Spearman's; 0 where either is the same for all. */
static void end_steps(const cr_metric_question *q)
{
    const state s = state_of(q);
    const int n = n_steps(q->parameters);
    double *other = s.ranks + n, both = 0, sums = 0, changes = 0;
    rank(s.sums, n, s.ranks);
    rank(s.changes, n, other);
    for (int i = 0; i < n; i++) {
        both += s.ranks[i] * other[i];
        sums += s.ranks[i] * s.ranks[i];
        changes += other[i] * other[i];
    }
    *(double *)q->values[0] =
        sums > 0 && changes > 0 ? fmax(-1, fmin(1, both / sqrt(sums * changes))) : 0;
}

/* The share of the steps of the curve at which it does not fall. */
static double share_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                             const cr_metric_given *given)
{
    (void)verdict;
    const double *curve = given->columns[0];
    const int n = n_steps(given->parameters);
    int rises = 0;
    bool is_there = cr_metric_is_done(image);
    for (int k = 0; k <= n; k++)
        is_there = is_there && !isnan(curve[k]);
    for (int k = 0; k < n; k++)
        rises += curve[k + 1] >= curve[k];
    return is_there ? (double)rises / n : NAN;
}

static double all_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                           const cr_metric_given *given)
{
    const double share = share_of_image(image, verdict, given);
    return isnan(share) ? NAN : share >= 1;
}

static double correlation_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                                   const cr_metric_given *given)
{
    (void)verdict;
    return cr_metric_is_done(image) ? *(const double *)given->columns[0] : NAN;
}

/* Sums of the curve: those of the share, and images at which it never falls. */
enum { N_ALL = CR_METRIC_VALUE_SUMS, CURVE_SUMS };

static const char *add_curve(const cr_metric_image *image, const cr_metric_given *given,
                             int64_t *to, double *value)
{
    const double share = share_of_image(image, NULL, given);
    for (int k = 0; k < n_points(given->parameters) && !isnan(share); k++) {
        *value = ((const double *)given->columns[0])[k];
        if (*value < 0 || *value > 1)
            return "probability";
    }
    cr_metric_add_value(to, share);
    to[N_ALL] += share >= 1;
    return NULL;
}

static const char *add_correlation(const cr_metric_image *image, const cr_metric_given *given,
                                   int64_t *to, double *value)
{
    *value = correlation_of_image(image, NULL, given);
    if (*value < -1 || *value > 1)
        return "correlation";
    cr_metric_add_value(to, *value);
    return NULL;
}

static cr_metric_value count_all(const int64_t *sums)
{
    return cr_metric_share(sums[N_ALL], sums[0]);
}

static const char *const baselines[] = {"zero", "smallest", NULL};

static const cr_parameter parameters[] = {
    CR_METRIC_CLASS_PARAMETER,
    {"steps", CR_PARAMETER_WHOLE, .offset = offsetof(monotonicity, steps), .least = 2,
     .most = MOST_STEPS, .fallback = 32, .help = "of equally many pixels, rounded"},
    {"baseline", CR_PARAMETER_WORD, .offset = offsetof(monotonicity, baseline), .words = baselines,
     .help = "what stands for a pixel that is not there: 0, behind the normalisation, or the "
             "smallest value of the input"},
};

static const cr_metric_column columns_of_curve[] = {
    {"monotonicity/curve",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "probability of the class after 0, 1, ... steps; NaN where the class has no map",
     false},
};

static const cr_metric_column columns_of_steps[] = {
    {"monotonicity-correlation/correlation",
     CR_METRIC_F64,
     {1},
     "1",
     "Spearman's of what the map sums up to over the pixels of a step and the square of what the "
     "class's probability changes by without them; 0 where either is the same for all; NaN where "
     "the class has no map",
     false},
};

static const cr_metric_number numbers_of_curve[] = {
    {"monotonicity", "monotone", "%", CR_METRIC_UP, 2, CR_METRIC_OF_MAP, CR_METRIC_WILSON, NULL,
     count_all, all_of_image, -1, false},
    {"monotone_steps", "monotone steps", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, cr_metric_count_value, share_of_image, -1, false},
};

static const cr_metric_number numbers_of_steps[] = {
    {"monotonicity_correlation", "monotonicity", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, cr_metric_count_value, correlation_of_image, -1, false},
};

static const char *const meanings_of_curve[] = {
    "Images whose class's probability never falls while pixels come, those last where the map is "
    "largest.",
    "The share of the steps at which the class's probability does not fall, as a mean over the "
    "images.",
};

static const cr_metric_sum named_of_curve[] = {{"monotonicity_images", 0, false}};
static const cr_metric_sum named_of_steps[] = {{"monotonicity_correlation_images", 0, false}};

static const cr_metric_asking asking_of_curve = {.n_passes = passes_of_curve,
                                                 .scratch = scratch,
                                                 .begin = begin,
                                                 .fill = fill_curve,
                                                 .take = take_curve};
static const cr_metric_asking asking_of_steps = {.n_passes = passes_of_steps,
                                                 .scratch = scratch,
                                                 .begin = begin,
                                                 .fill = fill_step,
                                                 .take = take_step,
                                                 .end = end_steps};

const cr_metric cr_metric_monotonicity = {
    .name = "monotonicity",
    .summary = "whether the class's probability only rises while pixels come, those last where the "
               "map is largest",
    .source = "Arya et al., arXiv 1909.03012, section 5.2, as AIX360 has it",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns_of_curve,
    .n_columns = 1,
    .numbers = numbers_of_curve,
    .n_numbers = 2,
    .meanings = meanings_of_curve,
    .named = named_of_curve,
    .n_named = 1,
    .n_sums = CURVE_SUMS,
    .asking = &asking_of_curve,
    .extent = n_points,
    .add = add_curve,
};

const cr_metric cr_metric_monotonicity_correlation = {
    .name = "monotonicity-correlation",
    .summary = "whether the class's probability changes more without those pixels where the map is "
               "larger",
    .source = "Nguyen and Martinez, arXiv 2007.07584, section 4.2",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns_of_steps,
    .n_columns = 1,
    .numbers = numbers_of_steps,
    .n_numbers = 1,
    .ranges = CR_METRIC_CORRELATION,
    .meanings =
        (const char *const[]){
            "The rank correlation of what the map has in a step's pixels with how much the class's "
            "probability changes without them, as a mean over the images."},
    .named = named_of_steps,
    .n_named = 1,
    .n_sums = CR_METRIC_VALUE_SUMS,
    .asking = &asking_of_steps,
    .add = add_correlation,
};
