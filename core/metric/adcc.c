/* ADCC: what the class's probability loses where the image is seen through its map, how like the map is that
 * of what is then seen, and how much of the image the map takes, as one number. */
#include "internal.h"

/* As average-drop has it, so that a probability of 0 has lost nothing. */
#define LEAST 1e-7

typedef struct adcc {
    int class;
} adcc;

static int n_passes(const void *parameters, int width, int height)
{
    (void)parameters;
    (void)width;
    (void)height;
    return 1;
}

static void fill(const cr_metric_question *q, int k, cr_real *to)
{
    (void)k;
    const size_t channels = (size_t)q->n_channels;
    for (size_t i = 0; i < cr_metric_n_pixels(q) * channels; i++)
        to[i] = q->input[i] * (cr_real)q->map[i / channels];
}

static double mean_of(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i];
    return sum / (double)n;
}

/* The share of the image that a map takes: what it has below 0 takes nothing. */
static double complexity(const float *map, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += map[i] > 0 ? (double)map[i] : 0;
    return sum / (double)n;
}

/* Pearson's correlation of two maps, from 0 to 1; 0 where either is the same everywhere. */
static double coherency(const float *a, const float *b, size_t n)
{
    const double mean_a = mean_of(a, n), mean_b = mean_of(b, n);
    double aa = 0, bb = 0, ab = 0;
    bool a_varies = false, b_varies = false;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i] - mean_a, y = (double)b[i] - mean_b;
        aa += x * x;
        bb += y * y;
        ab += x * y;
        a_varies = a_varies || a[i] != a[0];
        b_varies = b_varies || b[i] != b[0];
    }
    return a_varies && b_varies ? (1 + fmax(-1, fmin(1, ab / sqrt(aa * bb)))) / 2 : 0;
}

enum { WHOLE, MASKED, COHERENCY, COMPLEXITY, N_COLUMNS };

static void take_map(const cr_metric_question *q, int k, double score, const float *map)
{
    (void)k;
    *(double *)q->values[WHOLE] = q->score;
    *(double *)q->values[MASKED] = score;
    *(double *)q->values[COHERENCY] = coherency(q->map, map, cr_metric_n_pixels(q));
    *(double *)q->values[COMPLEXITY] = complexity(q->map, cr_metric_n_pixels(q));
}

enum { OF_ADCC, OF_COHERENCY, OF_COMPLEXITY, OF_DROP, N_NUMBERS };

typedef struct sums {
    int64_t of[N_NUMBERS][CR_METRIC_VALUE_SUMS];
} sums;

static double column_of(const cr_metric_given *given, int column)
{
    return *(const double *)given->columns[column];
}

static double drop_of(const cr_metric_given *given)
{
    const double whole = column_of(given, WHOLE), lost = whole - column_of(given, MASKED);
    return lost > 0 ? lost / (whole + LEAST) : 0;
}

/* The harmonic mean of what is good: 0 where one of the three is. */
static double adcc_of(const cr_metric_given *given)
{
    const double a = column_of(given, COHERENCY), b = 1 - column_of(given, COMPLEXITY);
    const double c = 1 - drop_of(given), least = fmin(a, fmin(b, c));
    return least <= 0 ? 0 : 3 / (1 / a + 1 / b + 1 / c);
}

/* NaN: the image does not count. */
static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *given, int what)
{
    (void)verdict;
    if (!cr_metric_is_done(image) || isnan(column_of(given, COHERENCY)))
        return NAN;
    return what == OF_ADCC         ? adcc_of(given)
           : what == OF_COHERENCY  ? column_of(given, COHERENCY)
           : what == OF_COMPLEXITY ? column_of(given, COMPLEXITY)
                                   : drop_of(given);
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    if (isnan(value_of(image, NULL, given, OF_ADCC)))
        return NULL;
    for (int k = 0; k < N_COLUMNS; k++) {
        *value = column_of(given, k);
        if (!(*value >= 0 && *value <= 1))
            return k <= MASKED ? "probability" : k == COHERENCY ? "coherency" : "mean of a map";
    }
    for (int k = 0; k < N_NUMBERS; k++)
        cr_metric_add_value(all->of[k], value_of(image, NULL, given, k));
    return NULL;
}

static cr_metric_value count(const int64_t *of, int what)
{
    return cr_metric_count_value(((const sums *)of)->of[what]);
}

CR_METRIC_MEAN_OF(adcc, OF_ADCC)
CR_METRIC_MEAN_OF(coherency, OF_COHERENCY)
CR_METRIC_MEAN_OF(complexity, OF_COMPLEXITY)
CR_METRIC_MEAN_OF(drop, OF_DROP)

static const cr_parameter parameters[] = {
    {"class", CR_PARAMETER_WORD, .offset = offsetof(adcc, class), .words = cr_metric_class_words,
     .fallback = CR_METRIC_CLASS_TOP1,
     .help = "whose map and probability: the ground truth's, or the first prediction's"},
};

static const cr_metric_column columns[N_COLUMNS] = {
    {"adcc/whole",
     CR_METRIC_F64,
     {1},
     "1",
     "probability of the class for the image; NaN where the class has no map",
     false},
    {"adcc/masked",
     CR_METRIC_F64,
     {1},
     "1",
     "for the image times its map, as the network gets it; likewise NaN",
     false},
    {"adcc/coherency",
     CR_METRIC_F64,
     {1},
     "1",
     "Pearson's correlation of the map and that of the image times it, plus 1, by 2; 0 where "
     "either is the same everywhere; likewise NaN",
     false},
    {"adcc/complexity",
     CR_METRIC_F64,
     {1},
     "1",
     "mean of the map, of what is below 0 as of 0; likewise NaN",
     false},
};

static const cr_metric_number numbers[N_NUMBERS] = {
    {"adcc", "ADCC", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL, count_adcc,
     adcc_of_image, -1, false},
    {"adcc_coherency", "coherency", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_coherency, coherency_of_image, -1, false},
    {"adcc_complexity", "mean of map", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_complexity, complexity_of_image, -1, false},
    {"adcc_drop", "drop of ADCC", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_drop, drop_of_image, -1, false},
};

static const char *const meanings[] = {
    "The harmonic mean of 1 less the drop, of the coherency, and of 1 less the mean of the map, as "
    "a mean over the images.",
    "How alike the map is to the map of the image multiplied by it: their correlation, brought "
    "from 0 to 1, as a mean over the images.",
    "The mean of the map's pixels, of which the largest is 1, as a mean over the images.",
    "What share of its probability the class loses where the image is multiplied by its map, as "
    "ADCC has it; a mean over the images.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"adcc_images", 0, false}};

static const cr_metric_asking asking = {.n_passes = n_passes, .fill = fill, .take_map = take_map};

const cr_metric cr_metric_adcc = {
    .name = "adcc",
    .summary = "harmonic mean of what is left of the class's probability where the image is seen "
               "through its map, of how like that map is the map of what is seen, and of how "
               "little the map takes",
    .source = "Poppi et al., CVPR Workshops 2021, as its released program has it",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = N_COLUMNS,
    .numbers = numbers,
    .n_numbers = N_NUMBERS,
    .meanings = meanings,
    .named = named,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &asking,
    .add = add,
};
