/* Insertion and deletion: the class's probability while the image's pixels come back, or go, those first at
 * which its map is largest; the area under that curve. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { RISE, TORCH_CAM };
enum { BLURRED, ZERO };
enum { BLUR = 11, MOST_STEPS = 4096 };

typedef struct insertion {
    int class, steps, step, form, start;
} insertion;

/* Pixels of a step, and how many there are, of so many pixels. */
static size_t step_of(const insertion *by, size_t n_pixels)
{
    const size_t steps = (size_t)by->steps;
    return by->step > 0 ? (size_t)by->step : (n_pixels + steps - 1) / steps;
}

static int count_steps(const insertion *by, size_t n_pixels)
{
    const size_t step = step_of(by, n_pixels), n = (n_pixels + step - 1) / step;
    return n < (size_t)by->steps ? (int)n : by->steps;
}

static int n_passes(const void *parameters, int width, int height)
{
    return count_steps(parameters, (size_t)width * (size_t)height) + 1;
}

static int extent(const void *parameters)
{
    return ((const insertion *)parameters)->steps + 1;
}

/* In the scratch: places of the pixels, in the order in which they are changed; the image as it is at
 * present, and as it is in the end. */
typedef struct state {
    uint64_t *order;
    cr_real *present, *coming;
} state;

static size_t n_values(const cr_metric_question *q)
{
    return (size_t)q->height * (size_t)q->width * (size_t)q->n_channels;
}

static state state_of(const cr_metric_question *q)
{
    state s = {.order = q->scratch};
    s.present = (cr_real *)(void *)(s.order + (size_t)q->height * (size_t)q->width);
    s.coming = s.present + n_values(q);
    return s;
}

static size_t scratch(const void *parameters, int width, int height, int n_channels)
{
    (void)parameters;
    const size_t n = (size_t)width * (size_t)height;
    return n * (sizeof(uint64_t) + 2 * (size_t)n_channels * sizeof(cr_real));
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Largest first. Of equal ones the last in raster order first, as RISE has it, or the first. A float from 0
 * on is ordered as its bits are. */
static void sort_pixels(const cr_metric_question *q, uint64_t *keys)
{
    const insertion *by = q->parameters;
    const size_t n = (size_t)q->height * (size_t)q->width;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        const float value = q->map[i] > 0 ? q->map[i] : 0;
        memcpy(&bits, &value, sizeof bits);
        keys[i] = (uint64_t)(uint32_t)~bits << 32 | (by->form == RISE ? n - 1 - i : i);
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0; i < n; i++) {
        const size_t place = (uint32_t)keys[i];
        keys[i] = by->form == RISE ? n - 1 - place : place;
    }
}

/* One axis of RISE's blur: 11 values of a Gaussian of sigma 5, cut at 4 sigma, that scipy.ndimage's
 * gaussian_filter makes of an impulse, mirrored at the ends of the 11. */
static void make_kernel(double kernel[BLUR])
{
    double weights[2 * 20 + 1], sum = 0;
    for (int i = -20; i <= 20; i++)
        sum += weights[i + 20] = exp(-.5 * i * i / 25.);
    for (int i = 0; i < BLUR; i++) {
        kernel[i] = 0;
        for (int j = -20; j <= 20; j++) {
            const int at = ((i + j) % (2 * BLUR) + 2 * BLUR) % (2 * BLUR);
            if ((at < BLUR ? at : 2 * BLUR - 1 - at) == BLUR / 2)
                kernel[i] += weights[j + 20] / sum;
        }
    }
}

/* Along one axis, of n places that are `stride` apart; beyond the ends is 0. */
static void blur_axis(const double kernel[BLUR], const cr_real *from, int n, size_t stride,
                      cr_real *to)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int j = 0; j < BLUR; j++)
            if (i + j - BLUR / 2 >= 0 && i + j - BLUR / 2 < n)
                sum += kernel[j] * (double)from[(size_t)(i + j - BLUR / 2) * stride];
        to[(size_t)i * stride] = (cr_real)sum;
    }
}

static void blur(const cr_metric_question *q, cr_real *rows, cr_real *to)
{
    double kernel[BLUR];
    const size_t channels = (size_t)q->n_channels, width = (size_t)q->width;
    make_kernel(kernel);
    for (size_t y = 0; y < (size_t)q->height; y++)
        for (size_t c = 0; c < channels; c++)
            blur_axis(kernel, q->input + y * width * channels + c, q->width, channels,
                      rows + y * width * channels + c);
    for (size_t i = 0; i < width * channels; i++)
        blur_axis(kernel, rows + i, q->height, width * channels, to + i);
}

/* What the image becomes, or comes from, and the image. */
static void begin(const cr_metric_question *q, bool inserts)
{
    const state s = state_of(q);
    cr_real *image = inserts ? s.coming : s.present, *other = inserts ? s.present : s.coming;
    sort_pixels(q, s.order);
    if (((const insertion *)q->parameters)->start == BLURRED)
        blur(q, image, other);
    else
        memset(other, 0, n_values(q) * sizeof *other);
    memcpy(image, q->input, n_values(q) * sizeof *image);
}

static void begin_insertion(const cr_metric_question *q)
{
    begin(q, true);
}

static void begin_deletion(const cr_metric_question *q)
{
    begin(q, false);
}

/* Pixels that have come after so many steps. */
static size_t come_after(const cr_metric_question *q, int k)
{
    const size_t n = (size_t)q->height * (size_t)q->width;
    const size_t come = (size_t)k * step_of(q->parameters, n);
    return k == count_steps(q->parameters, n) || come > n ? n : come;
}

static void fill(const cr_metric_question *q, int k, cr_real *to)
{
    const state s = state_of(q);
    const size_t channels = (size_t)q->n_channels;
    for (size_t i = k > 0 ? come_after(q, k - 1) : 0; i < come_after(q, k); i++)
        memcpy(s.present + s.order[i] * channels, s.coming + s.order[i] * channels,
               channels * sizeof *to);
    memcpy(to, s.present, n_values(q) * sizeof *to);
}

static void take(const cr_metric_question *q, int k, double score)
{
    double *curve = q->values[1];
    curve[k] = score;
}

/* By the trapezoidal rule: over the steps, or over the share of the pixels, of which the last step may have
 * fewer. */
static void end(const cr_metric_question *q)
{
    const insertion *by = q->parameters;
    const size_t n = (size_t)q->height * (size_t)q->width;
    const int steps = count_steps(by, n);
    const double *curve = q->values[1];
    double *area = q->values[0];
    *area = 0;
    for (int k = 0; k < steps; k++) {
        const double share = by->form == RISE
                                 ? 1. / steps
                                 : (double)(come_after(q, k + 1) - come_after(q, k)) / (double)n;
        *area += share * (curve[k] + curve[k + 1]) / 2;
    }
}

typedef struct sums {
    int64_t n_images, area;
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
    *value = value_of(image, NULL, given, 0);
    if (isnan(*value))
        return NULL;
    if (*value < 0 || *value > 1 + 1e-9) /* a mean of probabilities, rounded */
        return "area under a curve of probabilities";
    all->n_images++;
    all->area += cr_metric_fixed(*value);
    return NULL;
}

static cr_metric_value count(const int64_t *of, int column)
{
    (void)column;
    return cr_metric_mean(((const sums *)of)->area, ((const sums *)of)->n_images);
}

CR_METRIC_MEAN_OF(area, 0)

static const char *const forms[] = {"rise", "torch-cam", NULL};
static const char *const starts[] = {"blurred", "zero", NULL};

#define PARAMETERS(begins)                                                                         \
    {                                                                                              \
        CR_METRIC_CLASS_PARAMETER,                                                                 \
            {"steps",                                                                              \
             CR_PARAMETER_WHOLE,                                                                   \
             .offset = offsetof(insertion, steps),                                                 \
             .least = 1,                                                                           \
             .most = MOST_STEPS,                                                                   \
             .fallback = 224,                                                                      \
             .help = "the curve has one point more; of equally many pixels, but for the last"},    \
            {"step", CR_PARAMETER_WHOLE, .offset = offsetof(insertion, step), .most = 1 << 28,     \
             .help = "pixels of a step, of which there are then at most so many, and the last "    \
                     "has the rest; 0: as many as make so many steps"},                            \
            {"form", CR_PARAMETER_WORD, .offset = offsetof(insertion, form), .words = forms,       \
             .help = "of equal pixels the last in raster order first, and the area over the "      \
                     "steps; or the first, and over the pixels"},                                  \
        {                                                                                          \
            "baseline", CR_PARAMETER_WORD, .offset = offsetof(insertion, start), .words = starts,  \
                                           .fallback = (begins),                                   \
                                           .help = "the image without pixels: Gaussian, 11 x 11, " \
                                                   "sigma 5; or zeros, behind the normalisation"   \
        }                                                                                          \
    }

static const cr_parameter of_insertion[] = PARAMETERS(BLURRED);
static const cr_parameter of_deletion[] = PARAMETERS(ZERO);

#define COLUMNS(name)                                                                        \
    {                                                                                        \
        {name "/auc",                                                                        \
         CR_METRIC_F64,                                                                      \
         {1},                                                                                \
         "1",                                                                                \
         "area under the curve, of 1 by 1; NaN where the class has no map",                  \
         false},                                                                             \
        {                                                                                    \
            name "/curve", CR_METRIC_F64, {CR_METRIC_EXTENT_OWN}, "1",                       \
                "probability of the class after 0, 1, ... steps; NaN behind the last", false \
        }                                                                                    \
    }

static const cr_metric_column columns_of_insertion[] = COLUMNS("insertion");
static const cr_metric_column columns_of_deletion[] = COLUMNS("deletion");

static const cr_metric_number number_of_insertion[] = {
    {"insertion_auc", "insertion", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_area, area_of_image, -1, false},
};
static const cr_metric_number number_of_deletion[] = {
    {"deletion_auc", "deletion", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_area, area_of_image, -1, false},
};

static const cr_metric_sum named_of_insertion[] = {{"insertion_images", 0, false}};
static const cr_metric_sum named_of_deletion[] = {{"deletion_images", 0, false}};

static const cr_metric_asking asking_of_insertion = {.n_passes = n_passes,
                                                     .scratch = scratch,
                                                     .begin = begin_insertion,
                                                     .fill = fill,
                                                     .take = take,
                                                     .end = end};
static const cr_metric_asking asking_of_deletion = {.n_passes = n_passes,
                                                    .scratch = scratch,
                                                    .begin = begin_deletion,
                                                    .fill = fill,
                                                    .take = take,
                                                    .end = end};

const cr_metric cr_metric_insertion = {
    .name = "insertion",
    .summary = "the class's probability while pixels come, those first where the map is largest",
    .source = "Petsiuk et al., BMVC 2018, section 4.2",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(of_insertion),
    .columns = columns_of_insertion,
    .n_columns = 2,
    .numbers = number_of_insertion,
    .n_numbers = 1,
    .meanings =
        (const char *const[]){"The area under the class's probability while pixels come, those "
                              "first where the map is largest; a mean over the images."},
    .named = named_of_insertion,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &asking_of_insertion,
    .extent = extent,
    .add = add,
};

const cr_metric cr_metric_deletion = {
    .name = "deletion",
    .summary = "the class's probability while pixels go, those first where the map is largest",
    .source = "Petsiuk et al., BMVC 2018, section 4.2",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(of_deletion),
    .columns = columns_of_deletion,
    .n_columns = 2,
    .numbers = number_of_deletion,
    .n_numbers = 1,
    .meanings =
        (const char *const[]){"The area under the class's probability while pixels go, those first "
                              "where the map is largest; a mean over the images."},
    .named = named_of_deletion,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &asking_of_deletion,
    .extent = extent,
    .add = add,
};
