/* IROF: the class's probability while superpixels become the image's mean colour, those first in which its map
 * is largest on average; the area over that curve. */
#include "internal.h"

#include "camrank/passes.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SUPERPIXELS = 1024 };

/* A value is at most a probability by another, to which this is added. */
#define LEAST 1e-7
#define LARGEST 65536. /* sums are of values by it */

typedef struct irof {
    int class;
    cr_parting parting;
} irof;

/* A superpixel: the sum of the map over it, then its mean, and its pixels. */
typedef struct part {
    double value, n;
    int32_t label;
} part;

/* In the scratch. */
typedef struct state {
    double *work;
    part *parts;
    cr_real *present, *mean;
    int32_t *n, *labels;
} state;

static int extent(const void *parameters)
{
    return ((const irof *)parameters)->parting.superpixels;
}

static int n_passes(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return extent(parameters);
}

static bool wants_segments(const void *parameters)
{
    return ((const irof *)parameters)->parting.segments == CR_SEGMENTS_GIVEN;
}

static size_t n_values(const cr_metric_question *q)
{
    return cr_metric_n_pixels(q) * (size_t)q->n_channels;
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    const size_t n = (size_t)width * (size_t)height, channels = (size_t)n_channels;
    const cr_parting *parting = &((const irof *)parameters)->parting;
    return cr_parts_work(parting, n) * sizeof(double) +
           (size_t)cr_parts_most(parting, n) * sizeof(part) + (n + 1) * channels * sizeof(cr_real) +
           (n + 1) * sizeof(int32_t);
}

static state state_of(const cr_metric_question *q)
{
    const cr_parting *parting = &((const irof *)q->parameters)->parting;
    state s = {.work = q->scratch};
    s.parts = (part *)(void *)(s.work + cr_parts_work(parting, cr_metric_n_pixels(q)));
    s.present = (cr_real *)(void *)(s.parts + cr_parts_most(parting, cr_metric_n_pixels(q)));
    s.mean = s.present + n_values(q);
    s.n = (int32_t *)(void *)(s.mean + q->n_channels);
    s.labels = s.n + 1;
    return s;
}

/* Largest first; of equal ones the first. */
static int compare_parts(const void *a, const void *b)
{
    const part *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value ? 1 : -1) : x->label - y->label;
}

static void begin(const cr_metric_question *q)
{
    const irof *by = q->parameters;
    const state s = state_of(q);
    *s.n = cr_parts(&by->parting, q->input, q->height, q->width, q->n_channels, q->segments, s.work,
                    s.labels);
    memcpy(s.present, q->input, n_values(q) * sizeof *s.present);
    for (size_t c = 0; c < (size_t)q->n_channels; c++) {
        double sum = 0;
        for (size_t i = c; i < n_values(q); i += (size_t)q->n_channels)
            sum += (double)q->input[i];
        s.mean[c] = (cr_real)(sum / (double)cr_metric_n_pixels(q));
    }
    for (int k = 0; k < *s.n; k++)
        s.parts[k] = (part){.label = k};
    for (size_t i = 0; i < cr_metric_n_pixels(q); i++) {
        s.parts[s.labels[i]].value += (double)q->map[i];
        s.parts[s.labels[i]].n++;
    }
    for (int k = 0; k < *s.n; k++)
        s.parts[k].value /= s.parts[k].n;
    qsort(s.parts, (size_t)*s.n, sizeof *s.parts, compare_parts);
}

/* Behind the last superpixel nothing changes. */
static void fill(const cr_metric_question *q, int k, cr_real *to)
{
    const state s = state_of(q);
    const size_t channels = (size_t)q->n_channels;
    for (size_t i = 0; i < cr_metric_n_pixels(q) && k < *s.n; i++)
        if (s.labels[i] == s.parts[k].label)
            memcpy(s.present + i * channels, s.mean, channels * sizeof *s.mean);
    memcpy(to, s.present, n_values(q) * sizeof *to);
}

static void take(const cr_metric_question *q, int k, double score)
{
    if (k < *state_of(q).n)
        ((double *)q->values[0])[k] = score;
    *(double *)q->values[1] = q->score;
}

static int count_points(const cr_metric_image *image, const cr_metric_given *given)
{
    const double *curve = given->columns[0];
    const int most = cr_metric_is_done(image) ? extent(given->parameters) : 0;
    int n = 0;
    while (n < most && !isnan(curve[n]))
        n++;
    return n;
}

/* By the trapezoidal rule, of the share of the image's probability that is left after 0, 1, ... of them. */
static double value_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                             const cr_metric_given *given)
{
    (void)verdict;
    const double *curve = given->columns[0], whole = *(const double *)given->columns[1] + LEAST;
    const int n = count_points(image, given);
    double under = n > 0 ? .5 * (1 + curve[n - 1] / whole) : NAN;
    for (int k = 0; k + 1 < n; k++)
        under += curve[k] / whole;
    return 1 - under / n;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    const double one = value_of_image(image, NULL, given);
    for (int k = 0; k <= count_points(image, given) && !isnan(one); k++) {
        *value =
            k ? ((const double *)given->columns[0])[k - 1] : *(const double *)given->columns[1];
        if (*value < 0 || *value > 1)
            return "probability";
    }
    cr_metric_add_value(to, one / LARGEST);
    return NULL;
}

static cr_metric_value count(const int64_t *sums)
{
    cr_metric_value mean = cr_metric_count_value(sums);
    mean.value *= LARGEST;
    return mean;
}

static const cr_parameter parameters[] = {
    {"class", CR_PARAMETER_WORD, .words = cr_metric_class_words, .fallback = CR_METRIC_CLASS_TOP1,
     .help = "whose map and probability: the ground truth's, or the first prediction's"},
    {"segments", CR_PARAMETER_WORD, .offset = offsetof(irof, parting.segments),
     .words = cr_segments_words, .later = true,
     .help = "what goes: SLIC's superpixels, or what dataset.segments gives"},
    {"superpixels", CR_PARAMETER_WHOLE, .offset = offsetof(irof, parting.superpixels), .least = 2,
     .most = MOST_SUPERPIXELS, .fallback = 50,
     .help = "about how many the input is parted into, and how many at most go"},
    {"compactness", CR_PARAMETER_NUMBER, .offset = offsetof(irof, parting.compactness),
     .least = 0.01, .most = 1000, .fallback = 10,
     .help = "of superpixels: what places weigh against colours from 0 to 100"},
};

static const cr_metric_column columns[] = {
    {"irof/curve",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "probability of the class after 1, 2, ... superpixels; NaN behind the last, and where the "
     "class "
     "has no map",
     false},
    {"irof/whole",
     CR_METRIC_F64,
     {1},
     "1",
     "probability of the class for the image; likewise NaN",
     false},
};

static const cr_metric_number numbers[] = {
    {"irof", "IROF", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL, count,
     value_of_image, -1, false},
};

static const cr_metric_sum named[] = {{"irof_images", 0, false}};

static const cr_metric_asking asking = {
    .n_passes = n_passes, .scratch = scratch, .begin = begin, .fill = fill, .take = take};

const cr_metric cr_metric_irof = {
    .name = "irof",
    .summary = "the share of the class's probability that is lost on average while superpixels "
               "become the mean colour, those first where the map is largest",
    .source = "Rieger and Hansen, ICLR Workshops 2020, equation 1",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = 1,
    .ranges = (const char *const[]){"at most 1"},
    .meanings =
        (const char *const[]){"The share of its probability that the class loses while superpixels "
                              "become the mean colour, those first where the map is largest: the "
                              "area over the curve, as a mean over the images."},
    .named = named,
    .n_named = 1,
    .n_sums = CR_METRIC_VALUE_SUMS,
    .asking = &asking,
    .wants_segments = wants_segments,
    .extent = extent,
    .add = add,
};
