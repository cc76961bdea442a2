/* Max-sensitivity: how far a method's map moves where the image changes as little as nobody sees. The method
 * runs again on each changed input; what is random depends on the image and the seed, and on nothing else. */
#include "internal.h"

enum { MOST_SAMPLES = 16384 };

/* A map that may be below 0 can move by any multiple of its norm. More than this counts as this, and sums are of
 * values by it. */
#define LARGEST 65536.

typedef struct sensitivity {
    int class, samples, seed;
    double radius;
} sensitivity;

/* In the scratch: the norm of the map, and of the differences from it, by that. */
typedef struct state {
    double norm, most, sum;
} state;

static int n_passes(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return ((const sensitivity *)parameters)->samples;
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    (void)width;
    (void)height;
    (void)n_channels;
    return sizeof(state);
}

/* The norm of a map less another, of which there is none where it is NULL. */
static double norm_of(const cr_metric_question *q, const float *map, const float *less)
{
    double sum = 0;
    for (size_t i = 0; i < cr_metric_n_pixels(q); i++) {
        const double value = (double)map[i] - (less ? (double)less[i] : 0);
        sum += value * value;
    }
    return sqrt(sum);
}

/* Differences from an empty map are not divided, as captum has it. */
static void begin(const cr_metric_question *q)
{
    const double norm = norm_of(q, q->map, NULL);
    *(state *)q->scratch = (state){.norm = norm > 0 ? norm : 1};
}

static void fill(const cr_metric_question *q, int k, cr_real *to)
{
    const sensitivity *by = q->parameters;
    const uint64_t key = cr_metric_key(q, by->seed, k);
    const size_t channels = (size_t)q->n_channels;
    for (size_t i = 0; i < cr_metric_n_pixels(q) * channels; i++) {
        const double range = (double)q->white[i % channels] - (double)q->black[i % channels];
        const double noise = by->radius * range * (2 * cr_metric_random(key ^ i) - 1);
        to[i] = (cr_real)((double)q->input[i] + noise);
    }
}

static void take_map(const cr_metric_question *q, int k, double score, const float *map)
{
    (void)k;
    (void)score;
    state *s = q->scratch;
    const double moved = fmin(norm_of(q, map, q->map) / s->norm, LARGEST);
    s->most = fmax(s->most, moved);
    s->sum += moved;
}

static void end(const cr_metric_question *q)
{
    const state *s = q->scratch;
    *(double *)q->values[0] = s->most;
    *(double *)q->values[1] = s->sum / n_passes(q->parameters, 0, 0);
}

enum { MOST, MEAN };

typedef struct sums {
    int64_t most[CR_METRIC_VALUE_SUMS], mean[CR_METRIC_VALUE_SUMS];
} sums;

static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *given, int column)
{
    (void)verdict;
    return cr_metric_is_done(image) ? *(const double *)given->columns[column] : NAN;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    for (int k = MOST; k <= MEAN; k++) {
        *value = value_of(image, NULL, given, k);
        if (*value < 0 || *value > LARGEST)
            return "norm of a difference of maps";
        cr_metric_add_value(k == MOST ? all->most : all->mean, *value / LARGEST);
    }
    return NULL;
}

static cr_metric_value count(const int64_t *of, int column)
{
    const sums *all = (const sums *)of;
    cr_metric_value mean = cr_metric_count_value(column == MOST ? all->most : all->mean);
    mean.value *= LARGEST;
    return mean;
}

CR_METRIC_MEAN_OF(most, MOST)
CR_METRIC_MEAN_OF(mean, MEAN)

static const cr_parameter parameters[] = {
    CR_METRIC_CLASS_PARAMETER,
    {"samples", CR_PARAMETER_WHOLE, .offset = offsetof(sensitivity, samples), .least = 1,
     .most = MOST_SAMPLES, .fallback = 10,
     .help = "changed inputs, of each of which a map is made"},
    {"seed", CR_PARAMETER_WHOLE, .offset = offsetof(sensitivity, seed), .most = 2147483647,
     .help = "of the changes; another gives other values"},
    {"radius", CR_PARAMETER_NUMBER, .offset = offsetof(sensitivity, radius), .least = 1e-9,
     .most = 1, .fallback = .02,
     .help = "how much a value changes at most, as a share of what lies between black and white"},
};

static const cr_metric_column columns[] = {
    {"max-sensitivity/max",
     CR_METRIC_F64,
     {1},
     "1",
     "of all changed inputs, the largest norm of their map less the image's, by the norm of that; "
     "NaN where the class has no map",
     false},
    {"max-sensitivity/mean", CR_METRIC_F64, {1}, "1", "the mean of these; likewise NaN", false},
};

static const cr_metric_number numbers[] = {
    {"max_sensitivity", "max-sensitivity", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, count_most, most_of_image, -1, false},
    {"avg_sensitivity", "avg-sensitivity", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, count_mean, mean_of_image, -1, false},
};

static const char *const meanings[] = {
    "How far the map moves at most under noise too weak to be seen, as a share of the map's norm; "
    "a mean over the images.",
    "How far the map moves on average under noise too weak to be seen, as a share of the map's "
    "norm; a mean over the images.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"max_sensitivity_images", 0, false}};

static const cr_metric_asking asking = {.n_passes = n_passes,
                                        .scratch = scratch,
                                        .begin = begin,
                                        .fill = fill,
                                        .take_map = take_map,
                                        .end = end};

const cr_metric cr_metric_max_sensitivity = {
    .name = "max-sensitivity",
    .summary = "how far the map moves, at most and on average, where noise too weak to be seen is "
               "added to the image",
    .source = "Yeh et al., NeurIPS 2019, definition 3.1, as captum and Quantus have it",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .meanings = meanings,
    .ranges = (const char *const[]){"from 0 on", "from 0 on"},
    .named = named,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &asking,
    .add = add,
};
