/* Pixel flipping and region perturbation: the class's probability while values of the image, or square regions
 * of it, become the smallest value of all, those first at which its map is largest. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 16384, MOST_SIDE = 4096 };

/* One of the things that become the smallest value, in the order in which they do. */
typedef struct turn {
    double value; /* of the map */
    size_t place; /* of a value: channel by channel; of a region: in raster order */
} turn;

/* Largest first; of equal ones the first. */
static int compare_turns(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value ? 1 : -1) : x->place > y->place ? 1 : -1;
}

/* In the scratch: the turns; the image as it is at present; the smallest value. */
typedef struct state {
    turn *turns;
    cr_real *present, *smallest;
} state;

static size_t n_values(const cr_metric_question *q)
{
    return cr_metric_n_pixels(q) * (size_t)q->n_channels;
}

static state state_of(const cr_metric_question *q)
{
    state s = {.turns = q->scratch};
    s.present = (cr_real *)(void *)(s.turns + n_values(q));
    s.smallest = s.present + n_values(q);
    return s;
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    const size_t n = (size_t)width * (size_t)height * (size_t)n_channels;
    return n * (sizeof(turn) + sizeof(cr_real)) + sizeof(cr_real);
}

static state begin_image(const cr_metric_question *q)
{
    const state s = state_of(q);
    memcpy(s.present, q->input, n_values(q) * sizeof *s.present);
    *s.smallest = cr_metric_smallest(q);
    return s;
}

static void take(const cr_metric_question *q, int k, double score)
{
    ((double *)q->values[0])[k] = score;
}

/* Pixel flipping: every channel of a pixel is a value of its own. */

typedef struct flipping {
    int class, steps;
} flipping;

static int flipping_extent(const void *parameters)
{
    return ((const flipping *)parameters)->steps;
}

static int flipping_passes(const void *parameters, int width, int height)
{
    (void)width;
    (void)height;
    return ((const flipping *)parameters)->steps;
}

static void begin_flipping(const cr_metric_question *q)
{
    const state s = begin_image(q);
    const size_t n = cr_metric_n_pixels(q);
    for (size_t i = 0; i < n_values(q); i++)
        s.turns[i] = (turn){(double)q->map[i % n], i};
    qsort(s.turns, n_values(q), sizeof *s.turns, compare_turns);
}

/* Values that are flipped after so many steps: equal shares, rounded. */
static size_t flipped_after(const cr_metric_question *q, int k)
{
    const size_t steps = (size_t)((const flipping *)q->parameters)->steps;
    return (n_values(q) * (size_t)k + steps / 2) / steps;
}

static void fill_flipping(const cr_metric_question *q, int k, cr_real *to)
{
    const state s = state_of(q);
    const size_t n = cr_metric_n_pixels(q), channels = (size_t)q->n_channels;
    for (size_t i = flipped_after(q, k); i < flipped_after(q, k + 1); i++) {
        const size_t place = s.turns[i].place;
        s.present[place % n * channels + place / n] = *s.smallest;
    }
    memcpy(to, s.present, n_values(q) * sizeof *to);
}

/* Regions: squares, the first of which begin before the image where its sides are no multiples. */

typedef struct regions {
    int class, side, regions;
} regions;

static int regions_extent(const void *parameters)
{
    return ((const regions *)parameters)->regions;
}

/* Squares along an axis, and pixels that the first lies before the image. */
static int squares(int n, int side, int *before)
{
    const int count = (n + side - 1) / side;
    *before = (count * side - n) / 2;
    return count;
}

static int regions_passes(const void *parameters, int width, int height)
{
    const regions *by = parameters;
    int before;
    const int64_t n =
        (int64_t)squares(width, by->side, &before) * squares(height, by->side, &before);
    return n < by->regions ? (int)n : by->regions;
}

/* Where a square begins and ends in the image, along an axis. */
typedef struct span {
    int first, last;
} span;

static span span_of(int k, int n, int side)
{
    int before;
    squares(n, side, &before);
    const int first = k * side - before, last = first + side - 1;
    return (span){first < 0 ? 0 : first, last < n ? last : n - 1};
}

static void begin_regions(const cr_metric_question *q)
{
    const regions *by = q->parameters;
    const state s = begin_image(q);
    int before;
    const int wide = squares(q->width, by->side, &before);
    const int high = squares(q->height, by->side, &before);
    for (int i = 0; i < wide * high; i++) {
        const span x = span_of(i % wide, q->width, by->side);
        const span y = span_of(i / wide, q->height, by->side);
        s.turns[i] = (turn){0, (size_t)i};
        for (int row = y.first; row <= y.last; row++)
            for (int column = x.first; column <= x.last; column++)
                s.turns[i].value += (double)q->map[row * q->width + column];
    }
    qsort(s.turns, (size_t)(wide * high), sizeof *s.turns, compare_turns);
}

static void fill_regions(const cr_metric_question *q, int k, cr_real *to)
{
    const regions *by = q->parameters;
    const state s = state_of(q);
    int before;
    const int wide = squares(q->width, by->side, &before), at = (int)s.turns[k].place;
    const span x = span_of(at % wide, q->width, by->side);
    const span y = span_of(at / wide, q->height, by->side);
    const int row_values = q->width * q->n_channels;
    for (int row = y.first; row <= y.last; row++)
        for (int i = x.first * q->n_channels; i < (x.last + 1) * q->n_channels; i++)
            s.present[row * row_values + i] = *s.smallest;
    memcpy(to, s.present, n_values(q) * sizeof *to);
}

/* What both say. */

typedef struct sums {
    int64_t n_images, value;
} sums;

static int count_points(const double *curve, int extent)
{
    int n = 0;
    while (n < extent && !isnan(curve[n]))
        n++;
    return n;
}

/* By the trapezoidal rule over the points of the curve, which are 1 wide together. */
static double flipping_value(const cr_metric_image *image, const cr_verdict *verdict,
                             const cr_metric_given *given, int column)
{
    (void)verdict;
    (void)column;
    const double *curve = given->columns[0];
    const int n = flipping_extent(given->parameters);
    double sum = 0;
    if (!cr_metric_is_done(image) || count_points(curve, n) < n)
        return NAN;
    for (int k = 0; k + 1 < n; k++)
        sum += (curve[k] + curve[k + 1]) / 2;
    return n > 1 ? sum / (n - 1) : curve[0];
}

/* Samek et al., equation 12: the mean of what the probability has lost after 0, 1, ... regions. */
static double regions_value(const cr_metric_image *image, const cr_verdict *verdict,
                            const cr_metric_given *given, int column)
{
    (void)verdict;
    (void)column;
    const double *curve = given->columns[0], *whole = given->columns[1];
    const int n =
        cr_metric_is_done(image) ? count_points(curve, regions_extent(given->parameters)) : 0;
    double sum = 0;
    if (n == 0 || isnan(*whole))
        return NAN;
    for (int k = 0; k < n; k++)
        sum += *whole - curve[k];
    return sum / (n + 1);
}

/* Adds `one`, of probabilities that are checked. */
static const char *add_value(const cr_metric_given *given, int extent, double one, int64_t *to,
                             double *value)
{
    const double *curve = given->columns[0];
    sums *all = (sums *)to;
    for (int k = 0; k < extent && !isnan(one); k++) {
        *value = curve[k];
        if (*value < 0 || *value > 1)
            return "probability";
    }
    all->n_images += !isnan(one);
    all->value += isnan(one) ? 0 : cr_metric_fixed(one);
    return NULL;
}

static const char *add_flipping(const cr_metric_image *image, const cr_metric_given *given,
                                int64_t *to, double *value)
{
    return add_value(given, flipping_extent(given->parameters),
                     flipping_value(image, NULL, given, 0), to, value);
}

static const char *add_regions(const cr_metric_image *image, const cr_metric_given *given,
                               int64_t *to, double *value)
{
    const double one = regions_value(image, NULL, given, 0);
    *value = *(const double *)given->columns[1];
    if (!isnan(one) && (*value < 0 || *value > 1))
        return "probability";
    return add_value(given, regions_extent(given->parameters), one, to, value);
}

static void take_regions(const cr_metric_question *q, int k, double score)
{
    take(q, k, score);
    *(double *)q->values[1] = q->score;
}

static cr_metric_value count_value(const int64_t *of)
{
    return cr_metric_mean(((const sums *)of)->value, ((const sums *)of)->n_images);
}

static double flipping_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                                const cr_metric_given *given)
{
    return flipping_value(image, verdict, given, 0);
}

static double regions_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                               const cr_metric_given *given)
{
    return regions_value(image, verdict, given, 0);
}

static const cr_parameter flipping_parameters[] = {
    CR_METRIC_CLASS_PARAMETER,
    {"steps", CR_PARAMETER_WHOLE, .offset = offsetof(flipping, steps), .least = 1,
     .most = MOST_STEPS, .fallback = 100,
     .help = "in equal shares of the values, of which a pixel has one a channel"},
};

static const cr_parameter regions_parameters[] = {
    CR_METRIC_CLASS_PARAMETER,
    {"side", CR_PARAMETER_WHOLE, .offset = offsetof(regions, side), .least = 1, .most = MOST_SIDE,
     .fallback = 9, .help = "of a region, in pixels of the network's input"},
    {"regions", CR_PARAMETER_WHOLE, .offset = offsetof(regions, regions), .least = 1,
     .most = MOST_STEPS, .fallback = 100, .help = "so many at most, the largest first"},
};

static const cr_metric_column flipping_columns[] = {
    {"pixel-flipping/curve",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "probability of the class after 1, 2, ... steps; NaN where the class has no map",
     false},
};

static const cr_metric_column regions_columns[] = {
    {"region-perturbation/curve",
     CR_METRIC_F64,
     {CR_METRIC_EXTENT_OWN},
     "1",
     "probability of the class after 1, 2, ... regions; NaN behind the last, and where the class "
     "has no map",
     false},
    {"region-perturbation/whole",
     CR_METRIC_F64,
     {1},
     "1",
     "probability of the class for the image; likewise NaN",
     false},
};

static const cr_metric_number flipping_numbers[] = {
    {"pixel_flipping_auc", "flipping", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_value, flipping_of_image, -1, false},
};

static const cr_metric_number regions_numbers[] = {
    {"region_perturbation_aopc", "AOPC", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_value, regions_of_image, -1, false},
};

static const cr_metric_sum flipping_named[] = {{"pixel_flipping_images", 0, false}};
static const cr_metric_sum regions_named[] = {{"region_perturbation_images", 0, false}};

static const cr_metric_asking flipping_asking = {.n_passes = flipping_passes,
                                                 .scratch = scratch,
                                                 .begin = begin_flipping,
                                                 .fill = fill_flipping,
                                                 .take = take};
static const cr_metric_asking regions_asking = {.n_passes = regions_passes,
                                                .scratch = scratch,
                                                .begin = begin_regions,
                                                .fill = fill_regions,
                                                .take = take_regions};

const cr_metric cr_metric_pixel_flipping = {
    .name = "pixel-flipping",
    .summary = "the class's probability while values become the smallest of the image, those first "
               "where the map is largest",
    .source = "Bach et al., PLOS ONE 2015, as Quantus has it",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(flipping_parameters),
    .columns = flipping_columns,
    .n_columns = 1,
    .numbers = flipping_numbers,
    .n_numbers = 1,
    .meanings =
        (const char *const[]){
            "The area under the class's probability while the input's values become its smallest, "
            "those first where the map is largest; a mean over the images."},
    .named = flipping_named,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &flipping_asking,
    .extent = flipping_extent,
    .add = add_flipping,
};

const cr_metric cr_metric_region_perturbation = {
    .name = "region-perturbation",
    .summary = "what the class's probability loses on average while square regions become the "
               "smallest value, those first where the map's sum is largest",
    .source = "Samek et al., IEEE TNNLS 2017, equation 12; the regions of Quantus' Selectivity",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(regions_parameters),
    .columns = regions_columns,
    .n_columns = 2,
    .numbers = regions_numbers,
    .n_numbers = 1,
    .ranges = (const char *const[]){"-1 to 1"},
    .meanings =
        (const char *const[]){
            "What the class's probability loses, as a mean over the steps at which the regions "
            "with the most of the map become the smallest value, and over the images."},
    .named = regions_named,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &regions_asking,
    .extent = regions_extent,
    .add = add_regions,
};
