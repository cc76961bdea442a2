/* What the class's probability loses where random parts of the image are hidden, beside what the map says of
 * these parts: faithfulness correlation, sensitivity-n, infidelity. What is hidden depends on the image and
 * the seed, and on nothing else. */
#include "internal.h"

#include <string.h>

enum { SMALLEST, ZERO };
enum { MOST_SAMPLES = 16384, MOST_SIZES = 64 };

/* Of all three; `part` is of two: values of a subset, how many sizes of subsets, percent of a side. */
typedef struct subsets {
    int class, samples, seed, baseline, part;
} subsets;

/* Of each changed input: the sum of the map over what is hidden, and what the probability loses. */
typedef struct loss {
    double sum, lost;
} loss;

static int n_samples(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return ((const subsets *)parameters)->samples;
}

static int n_sizes(const void *parameters)
{
    return ((const subsets *)parameters)->part;
}

static int n_samples_of_sizes(const void *parameters, int width, int height)
{
    return n_samples(parameters, width, height) * n_sizes(parameters);
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    (void)n_channels;
    return (size_t)n_samples(parameters, width, height) * sizeof(loss);
}

static size_t scratch_of_sizes(const void *parameters, int width, int height, int n_channels)
{
    return scratch(parameters, width, height, n_channels) * (size_t)n_sizes(parameters);
}

static uint64_t key_of(const cr_metric_question *q, int k)
{
    return cr_metric_key(q, ((const subsets *)q->parameters)->seed, k);
}

/* What stands for hidden values. */
static cr_real hidden_value(const cr_metric_question *q)
{
    return ((const subsets *)q->parameters)->baseline == ZERO ? 0 : cr_metric_smallest(q);
}

static void copy_input(const cr_metric_question *q, cr_real *to)
{
    memcpy(to, q->input, cr_metric_n_pixels(q) * (size_t)q->n_channels * sizeof *to);
}

static void take(const cr_metric_question *q, int k, double score)
{
    ((loss *)q->scratch)[k].lost = q->score - score;
}

/* Hides a random `size` of the image's features, all as likely: runs of `run` values. */
static void hide_subset(const cr_metric_question *q, int k, size_t size, size_t run, cr_real *to)
{
    const size_t channels = (size_t)q->n_channels, n = cr_metric_n_pixels(q) * channels / run;
    const uint64_t key = key_of(q, k);
    const cr_real hidden = hidden_value(q);
    double sum = 0;
    size_t left = size < n ? size : n;
    copy_input(q, to);
    for (size_t i = 0; i < n && left > 0; i++) {
        if (cr_metric_random(key ^ i) * (double)(n - i) >= (double)left)
            continue;
        left--;
        sum += (double)q->map[i * run / channels];
        for (size_t c = 0; c < run; c++)
            to[i * run + c] = hidden;
    }
    ((loss *)q->scratch)[k].sum = sum;
}

/* At most half of them: of all, every subset would be the same. */
static void fill_values(const cr_metric_question *q, int k, cr_real *to)
{
    const size_t part = (size_t)((const subsets *)q->parameters)->part;
    const size_t half = cr_metric_n_pixels(q) * (size_t)q->n_channels / 2;
    hide_subset(q, k, part < half ? part : half, 1, to);
}

/* From 1 pixel to 80 % of them, as steps of equal ratios. */
static size_t size_of(const cr_metric_question *q, int at)
{
    const int n = n_sizes(q->parameters);
    const double most = .8 * (double)cr_metric_n_pixels(q);
    const double size = n > 1 ? pow(most, (double)at / (n - 1)) : most;
    return size < 1 ? 1 : (size_t)llround(size);
}

static void fill_pixels(const cr_metric_question *q, int k, cr_real *to)
{
    const int samples = n_samples(q->parameters, q->width, q->height);
    hide_subset(q, k, size_of(q, k / samples), (size_t)q->n_channels, to);
}

/* A square, of all sides up to so many percent of the shorter one and of all places, each as likely. */
static void fill_square(const cr_metric_question *q, int k, cr_real *to)
{
    const subsets *by = q->parameters;
    const int shorter = q->width < q->height ? q->width : q->height;
    const int most = shorter * by->part / 100 > 1 ? shorter * by->part / 100 : 1;
    const uint64_t key = key_of(q, k);
    const cr_real hidden = hidden_value(q);
    double all = 0, sum = 0;
    for (int side = 1; side <= most; side++)
        all += (double)(q->width - side + 1) * (q->height - side + 1);
    double at = cr_metric_random(key) * all;
    int side = 1;
    for (; side < most; side++) {
        const double places = (double)(q->width - side + 1) * (q->height - side + 1);
        if (at < places)
            break;
        at -= places;
    }
    const int x = (int)(cr_metric_random(key ^ 1) * (q->width - side + 1));
    const int y = (int)(cr_metric_random(key ^ 2) * (q->height - side + 1));
    copy_input(q, to);
    for (int row = y; row < y + side; row++)
        for (int column = x; column < x + side; column++) {
            const size_t pixel = (size_t)row * (size_t)q->width + (size_t)column;
            sum += (double)q->map[pixel];
            for (size_t c = 0; c < (size_t)q->n_channels; c++)
                to[pixel * (size_t)q->n_channels + c] = hidden;
        }
    ((loss *)q->scratch)[k].sum = sum;
}

/* Pearson's; 0 where either is the same for all. */
static double correlation(const loss *of, int n)
{
    double sum = 0, lost = 0, sums = 0, losses = 0, both = 0;
    bool sum_varies = false, lost_varies = false;
    for (int i = 0; i < n; i++) {
        sum += of[i].sum / n;
        lost += of[i].lost / n;
        sum_varies = sum_varies || of[i].sum != of[0].sum;
        lost_varies = lost_varies || of[i].lost != of[0].lost;
    }
    for (int i = 0; i < n; i++) {
        sums += (of[i].sum - sum) * (of[i].sum - sum);
        losses += (of[i].lost - lost) * (of[i].lost - lost);
        both += (of[i].sum - sum) * (of[i].lost - lost);
    }
    const double value = both / sqrt(sums * losses);
    return !sum_varies || !lost_varies || isnan(value) ? 0 : fmax(-1, fmin(1, value));
}

static void end_values(const cr_metric_question *q)
{
    *(double *)q->values[0] = correlation(q->scratch, n_samples(q->parameters, 0, 0));
}

static void end_pixels(const cr_metric_question *q)
{
    const int n = n_samples(q->parameters, 0, 0);
    for (int at = 0; at < n_sizes(q->parameters); at++)
        ((double *)q->values[0])[at] = correlation((const loss *)q->scratch + at * n, n);
}

/* Squares of what the losses are above the sums times the factor that makes these least. */
static void end_square(const cr_metric_question *q)
{
    const loss *of = q->scratch;
    const int n = n_samples(q->parameters, 0, 0);
    double both = 0, squares = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        both += of[i].lost * of[i].sum;
        squares += of[i].sum * of[i].sum;
    }
    const double factor = squares > 0 ? both / squares : 0;
    for (int i = 0; i < n; i++)
        sum += (of[i].lost - factor * of[i].sum) * (of[i].lost - factor * of[i].sum);
    *(double *)q->values[0] = sum / n;
}

/* The mean of the column's n values, from `least` to 1. */
static double mean_of(const cr_metric_image *image, const cr_metric_given *given, int n)
{
    const double *of = given->columns[0];
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += of[i];
    return cr_metric_is_done(image) ? sum / n : NAN;
}

static const char *add_mean(const cr_metric_image *image, const cr_metric_given *given, int n,
                            double least, int64_t *to, double *value)
{
    const double mean = mean_of(image, given, n);
    for (int i = 0; i < n && !isnan(mean); i++) {
        *value = ((const double *)given->columns[0])[i];
        if (*value < least || *value > 1)
            return least < 0 ? "correlation" : "mean square of differences of probabilities";
    }
    cr_metric_add_value(to, mean);
    return NULL;
}

static double value_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                             const cr_metric_given *given)
{
    (void)verdict;
    return mean_of(image, given, 1);
}

static double sizes_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                             const cr_metric_given *given)
{
    (void)verdict;
    return mean_of(image, given, n_sizes(given->parameters));
}

static const char *add_values(const cr_metric_image *image, const cr_metric_given *given,
                              int64_t *to, double *value)
{
    return add_mean(image, given, 1, -1, to, value);
}

static const char *add_pixels(const cr_metric_image *image, const cr_metric_given *given,
                              int64_t *to, double *value)
{
    return add_mean(image, given, n_sizes(given->parameters), -1, to, value);
}

static const char *add_square(const cr_metric_image *image, const cr_metric_given *given,
                              int64_t *to, double *value)
{
    return add_mean(image, given, 1, 0, to, value);
}

static const char *const baselines[] = {"smallest", "zero", NULL};

#define SEEDED(n, hides)                                                                          \
    CR_METRIC_CLASS_PARAMETER,                                                                    \
        {"samples",                                                                               \
         CR_PARAMETER_WHOLE,                                                                      \
         .offset = offsetof(subsets, samples),                                                    \
         .least = 1,                                                                              \
         .most = MOST_SAMPLES,                                                                    \
         .fallback = (n),                                                                         \
         .help = "changed inputs"},                                                               \
        {"seed", CR_PARAMETER_WHOLE, .offset = offsetof(subsets, seed), .most = 2147483647,       \
         .help = "of what is hidden; another gives other values"},                                \
    {                                                                                             \
        "baseline", CR_PARAMETER_WORD, .offset = offsetof(subsets, baseline), .words = baselines, \
                                       .fallback = (hides),                                       \
                                       .help = "what hides a value: the smallest of the input,"   \
                                               " or 0, behind the normalisation"                  \
    }

static const cr_parameter of_values[] = {
    SEEDED(100, SMALLEST),
    {"subset", CR_PARAMETER_WHOLE, .offset = offsetof(subsets, part), .least = 1, .most = 1 << 28,
     .fallback = 224,
     .help = "values that are hidden together, of which a pixel has one a channel; at most "
             "half of them"},
};

static const cr_parameter of_pixels[] = {
    SEEDED(100, ZERO),
    {"sizes", CR_PARAMETER_WHOLE, .offset = offsetof(subsets, part), .least = 1, .most = MOST_SIZES,
     .fallback = 8,
     .help = "from 1 pixel to 80 % of them, as steps of equal ratios; so many samples of each"},
};

static const cr_parameter of_square[] = {
    SEEDED(200, ZERO),
    {"largest", CR_PARAMETER_WHOLE, .offset = offsetof(subsets, part), .least = 1, .most = 100,
     .fallback = 35, .help = "side of a square, in percent of the input's shorter one"},
};

static const cr_metric_column column_of_values[] = {
    {"faithfulness-correlation/correlation",
     CR_METRIC_F64,
     {1},
     "1",
     "Pearson's of what the map sums up to over hidden values and what the class's probability "
     "loses; 0 where either is the same for all; NaN where the class has no map",
     false},
};

static const cr_metric_column column_of_pixels[] = {
    {"sensitivity-n/correlations",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "Pearson's of what the map sums up to over hidden pixels and what the class's probability "
     "loses, for each number of pixels, the smallest first; 0 where either is the same for all; "
     "NaN where the class has no map",
     false},
};

static const cr_metric_column column_of_square[] = {
    {"infidelity/infidelity",
     CR_METRIC_F64,
     {1},
     "1",
     "mean square of what the class's probability loses less what the map sums up to over the "
     "hidden square times the best factor; NaN where the class has no map",
     false},
};

static const cr_metric_number number_of_values[] = {
    {"faithfulness_correlation", "faithfulness", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, cr_metric_count_value, value_of_image, -1, false},
};

static const cr_metric_number number_of_pixels[] = {
    {"sensitivity_n", "sensitivity-n", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, cr_metric_count_value, sizes_of_image, -1, false},
};

static const cr_metric_number number_of_square[] = {
    {"infidelity", "infidelity", "", CR_METRIC_DOWN, 6, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     cr_metric_count_value, value_of_image, -1, false},
};

static const cr_metric_sum named_of_values[] = {{"faithfulness_correlation_images", 0, false}};
static const cr_metric_sum named_of_pixels[] = {{"sensitivity_n_images", 0, false}};
static const cr_metric_sum named_of_square[] = {{"infidelity_images", 0, false}};

static const cr_metric_asking asking_of_values = {.n_passes = n_samples,
                                                  .scratch = scratch,
                                                  .fill = fill_values,
                                                  .take = take,
                                                  .end = end_values};
static const cr_metric_asking asking_of_pixels = {.n_passes = n_samples_of_sizes,
                                                  .scratch = scratch_of_sizes,
                                                  .fill = fill_pixels,
                                                  .take = take,
                                                  .end = end_pixels};
static const cr_metric_asking asking_of_square = {.n_passes = n_samples,
                                                  .scratch = scratch,
                                                  .fill = fill_square,
                                                  .take = take,
                                                  .end = end_square};

const cr_metric cr_metric_faithfulness_correlation = {
    .name = "faithfulness-correlation",
    .summary =
        "whether the class's probability loses more where what is hidden, at random, has more "
        "of the map",
    .source = "Bhatt et al., IJCAI 2020, definition 3, as Quantus has it",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(of_values),
    .columns = column_of_values,
    .n_columns = 1,
    .numbers = number_of_values,
    .n_numbers = 1,
    .ranges = CR_METRIC_CORRELATION,
    .meanings =
        (const char *const[]){
            "The correlation of what the map has in values that are hidden at random with what the "
            "class's probability loses, as a mean over the images."},
    .named = named_of_values,
    .n_named = 1,
    .n_sums = CR_METRIC_VALUE_SUMS,
    .asking = &asking_of_values,
    .add = add_values,
};

const cr_metric cr_metric_sensitivity_n = {
    .name = "sensitivity-n",
    .summary = "the same of hidden pixels, from one to most of them, on average",
    .source = "Ancona et al., ICLR 2018, section 4",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(of_pixels),
    .columns = column_of_pixels,
    .n_columns = 1,
    .numbers = number_of_pixels,
    .n_numbers = 1,
    .ranges = CR_METRIC_CORRELATION,
    .meanings = (const char *const[]){"The same correlation for hidden sets of one pixel up to "
                                      "most of them: a mean over the sizes, and over the images."},
    .named = named_of_pixels,
    .n_named = 1,
    .n_sums = CR_METRIC_VALUE_SUMS,
    .asking = &asking_of_pixels,
    .extent = n_sizes,
    .add = add_pixels,
};

const cr_metric cr_metric_infidelity = {
    .name = "infidelity",
    .summary =
        "how far what the class's probability loses under hidden squares is from what the map "
        "has there, times the best factor",
    .source = "Yeh et al., NeurIPS 2019, definition 2.1, squares, with the optimal scaling of its "
              "released program",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(of_square),
    .columns = column_of_square,
    .n_columns = 1,
    .numbers = number_of_square,
    .n_numbers = 1,
    .meanings =
        (const char *const[]){
            "The mean squared difference between what the class's probability loses under hidden "
            "squares and what the map has there, times the factor that fits best."},
    .named = named_of_square,
    .n_named = 1,
    .n_sums = CR_METRIC_VALUE_SUMS,
    .asking = &asking_of_square,
    .add = add_square,
};
