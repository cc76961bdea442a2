/* ROAD: the class's probability where pixels are replaced by what those around them say, the most relevant
 * first, and the least. */
#include "internal.h"

#include "impute.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PERCENTILES = 99 };

typedef struct road {
    int class, percentiles, seed;
    double noise;
} road;

static int n_passes(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return 2 * ((const road *)parameters)->percentiles;
}

static int extent(const void *parameters)
{
    return ((const road *)parameters)->percentiles;
}

/* In the scratch: the map's values in ascending order, which pixels are kept, and what imputing takes. */
typedef struct state {
    void *imputing;
    float *sorted;
    bool *keeps;
} state;

static state state_of(const cr_metric_question *q)
{
    state s = {.imputing = q->scratch};
    s.sorted = (float *)(void *)((char *)q->scratch + cr_impute_bytes(q->width, q->height));
    s.keeps = (bool *)(s.sorted + (size_t)q->height * (size_t)q->width);
    return s;
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    (void)n_channels;
    return cr_impute_bytes(width, height) +
           (size_t)width * (size_t)height * (sizeof(float) + sizeof(bool));
}

static double work(const void *parameters, int width, int height)
{
    return n_passes(parameters, width, height) * cr_impute_work(width, height);
}

static int compare_values(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void begin(const cr_metric_question *q)
{
    const size_t n = (size_t)q->height * (size_t)q->width;
    const state s = state_of(q);
    memcpy(s.sorted, q->map, n * sizeof *s.sorted);
    qsort(s.sorted, n, sizeof *s.sorted, compare_values);
}

/* The value of place i of the map's, or of 1 less the map's, in ascending order. */
static float sorted_at(const state *s, size_t n, size_t i, bool least_first)
{
    return least_first ? 1 - s->sorted[n - 1 - i] : s->sorted[i];
}

/* As numpy.percentile has it, between two values linearly, and as a comparison with floats rounds it. */
static float percentile(const state *s, size_t n, double share, bool least_first)
{
    const double at = (double)(n - 1) * share;
    const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    const double a = (double)sorted_at(s, n, low, least_first), t = at - (double)low;
    const double b = (double)sorted_at(s, n, high, least_first);
    return (float)(t < .5 ? a + (b - a) * t : b - (b - a) * (1 - t));
}

/* A sample of the standard normal distribution, by Box and Muller. */
static double normal(uint64_t key)
{
    const double u = (double)((cr_mix(key) >> 11) + 1) * 0x1p-53;
    const double v = (double)(cr_mix(~key) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

static void add_noise(const cr_metric_question *q, const bool *keeps, int k, cr_real *to)
{
    const road *by = q->parameters;
    const uint64_t key = cr_metric_key(q, by->seed, k);
    const size_t channels = (size_t)q->n_channels;
    for (size_t i = 0; i < (size_t)q->height * (size_t)q->width * channels; i++)
        if (!keeps[i / channels])
            to[i] += (cr_real)(by->noise * normal(cr_mix(key ^ i)));
}

/* Shares 1 / (n + 1), ... of the pixels are kept, the most relevant of which go first; then the least. */
static void fill(const cr_metric_question *q, int k, cr_real *to)
{
    const road *by = q->parameters;
    const size_t n = (size_t)q->height * (size_t)q->width;
    const state s = state_of(q);
    const bool least_first = k >= by->percentiles;
    const double kept = 100. * (k % by->percentiles + 1) / (by->percentiles + 1);
    const float bound = percentile(&s, n, kept / 100, least_first);
    for (size_t i = 0; i < n; i++)
        s.keeps[i] = (least_first ? 1 - q->map[i] : q->map[i]) < bound;
    memcpy(to, q->input, n * (size_t)q->n_channels * sizeof *to);
    cr_impute(q->width, q->height, q->n_channels, s.keeps, to, s.imputing);
    if (by->noise > 0)
        add_noise(q, s.keeps, k, to);
}

static void take(const cr_metric_question *q, int k, double score)
{
    const int n = ((const road *)q->parameters)->percentiles;
    double *of = q->values[k / n];
    of[k % n] = score;
}

static const cr_metric_column columns[] = {
    {"road/most-relevant-first",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "probability of the class where so many of n + 1 parts of the pixels are kept, 1 to n, those "
     "where the map is smallest; NaN where the class has no map",
     false},
    {"road/least-relevant-first",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "the same of those where it is largest",
     false},
};

typedef struct sums {
    int64_t n_images, most, least;
} sums;

enum { MOST, LEAST, COMBINED };

static double mean_of(const cr_metric_given *given, int column)
{
    const int n = ((const road *)given->parameters)->percentiles;
    const double *of = given->columns[column];
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += of[i];
    return sum / n;
}

static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *given, int what)
{
    (void)verdict;
    if (!cr_metric_is_done(image))
        return NAN;
    return what == COMBINED ? (mean_of(given, LEAST) - mean_of(given, MOST)) / 2
                            : mean_of(given, what);
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    const double most = value_of(image, NULL, given, MOST);
    const double least = value_of(image, NULL, given, LEAST);
    if (isnan(most) || isnan(least))
        return NULL;
    for (int k = 0; k < 2 * ((const road *)given->parameters)->percentiles; k++) {
        *value = ((const double *)given->columns[k % 2])[k / 2];
        if (*value < 0 || *value > 1)
            return "probability";
    }
    all->n_images++;
    all->most += cr_metric_fixed(most);
    all->least += cr_metric_fixed(least);
    return NULL;
}

static cr_metric_value count(const int64_t *of, int what)
{
    const sums *all = (const sums *)of;
    cr_metric_value mean = cr_metric_mean(what == MOST    ? all->most
                                          : what == LEAST ? all->least
                                                          : all->least - all->most,
                                          all->n_images);
    mean.value /= what == COMBINED ? 2 : 1;
    return mean;
}

CR_METRIC_MEAN_OF(combined, COMBINED)
CR_METRIC_MEAN_OF(most, MOST)
CR_METRIC_MEAN_OF(least, LEAST)

static const cr_parameter parameters[] = {
    CR_METRIC_CLASS_PARAMETER,
    {"percentiles", CR_PARAMETER_WHOLE, .offset = offsetof(road, percentiles), .least = 1,
     .most = MOST_PERCENTILES, .fallback = 4,
     .help = "n, which keep 1/(n + 1), ... n/(n + 1) of the pixels: 20, 40, 60 and 80 %"},
    {"noise", CR_PARAMETER_NUMBER, .offset = offsetof(road, noise), .most = 1e6,
     .help = "standard deviation of what is added to pixels that are imputed, in units of the "
             "network's input; as released 0.01"},
    {"seed", CR_PARAMETER_WHOLE, .offset = offsetof(road, seed), .most = 2147483647,
     .help = "of the noise; another gives other values"},
};

static const cr_metric_number numbers[] = {
    {"road_combined", "ROAD", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_combined, combined_of_image, -1, false},
    {"road_most_relevant_first", "MoRF", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, count_most, most_of_image, -1, false},
    {"road_least_relevant_first", "LeRF", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, count_least, least_of_image, -1, false},
};

static const char *const meanings[] = {
    "Half the difference between the two that follow: the class's probability where the least "
    "relevant pixels are imputed, less that where the most relevant ones are.",
    "The class's probability where the most relevant pixels are imputed from their neighbours, as "
    "a mean over the shares and the images.",
    "The class's probability where the least relevant pixels are imputed from their neighbours, as "
    "a mean over the shares and the images.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"road_images", 0, false}};

static const cr_metric_asking asking = {.n_passes = n_passes,
                                        .scratch = scratch,
                                        .work = work,
                                        .begin = begin,
                                        .fill = fill,
                                        .take = take};

const cr_metric cr_metric_road = {
    .name = "road",
    .summary = "the class's probability where pixels are imputed from those around them, the most "
               "and the least relevant first",
    .source = "Rong et al., ICML 2022, section 4, as pytorch-grad-cam has it",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .ranges = (const char *const[]){"-0.5 to 0.5", NULL, NULL},
    .meanings = meanings,
    .named = named,
    .n_named = sizeof named / sizeof named[0],
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &asking,
    .extent = extent,
    .add = add,
};
