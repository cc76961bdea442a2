/* What is left of a class's probability where the image is seen through its map: what it loses on average,
 * how often it gains, and how much of what it lacks. */
#include "internal.h"

enum { PAPERS, PYTORCH_GRAD_CAM };

typedef struct average_drop {
    int class, form;
} average_drop;

static const char *const forms[] = {"papers", "pytorch-grad-cam", NULL};

static const cr_parameter parameters[] = {
    CR_METRIC_CLASS_PARAMETER,
    {"form", CR_PARAMETER_WORD, .offset = offsetof(average_drop, form), .words = forms,
     .help = "a drop relative to the probability, and a gain to what it lacks of 1, as papers and "
             "torch-cam have it; or both as they are"},
};

static const cr_metric_column columns[] = {
    {"average-drop/whole",
     CR_METRIC_F64,
     {1},
     "1",
     "probability of the class for the image; NaN where the class has no map",
     false},
    {"average-drop/masked",
     CR_METRIC_F64,
     {1},
     "1",
     "for the image times its map, as the network gets it; likewise NaN",
     false},
};

static int n_passes(const void *of, int width, int height)
{
    (void)of;
    (void)width;
    (void)height;
    return 1;
}

static void fill(const cr_metric_question *q, int k, cr_real *to)
{
    (void)k;
    const size_t n = (size_t)q->height * (size_t)q->width, channels = (size_t)q->n_channels;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < channels; c++)
            to[i * channels + c] = q->input[i * channels + c] * (cr_real)q->map[i];
}

static void take(const cr_metric_question *q, int k, double score)
{
    (void)k;
    *(double *)q->values[0] = q->score;
    *(double *)q->values[1] = score;
}

typedef struct sums {
    int64_t n_images, rises, drop, gain;
} sums;

enum { DROP, RISE, GAIN };

/* What an image adds; NaN: it does not count. */
static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *given, int what)
{
    (void)verdict;
    const average_drop *by = given->parameters;
    if (!cr_metric_is_done(image))
        return NAN;
    const double whole = *(const double *)given->columns[0];
    const double masked = *(const double *)given->columns[1];
    if (isnan(whole) || isnan(masked))
        return NAN;
    if (what == RISE)
        return masked > whole;
    const double change = what == DROP ? whole - masked : masked - whole;
    const double of =
        what == DROP ? whole + 1e-7 : 1 - whole + 1e-7; /* 1e-7: as torch-cam has it */
    return change <= 0 ? 0 : by->form == PYTORCH_GRAD_CAM ? change : change / of;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    if (isnan(value_of(image, NULL, given, RISE)))
        return NULL;
    for (int k = 0; k < 2; k++) {
        *value = *(const double *)given->columns[k];
        if (*value < 0 || *value > 1)
            return "probability";
    }
    all->n_images++;
    all->rises += value_of(image, NULL, given, RISE) > 0;
    all->drop += cr_metric_fixed(value_of(image, NULL, given, DROP));
    all->gain += cr_metric_fixed(value_of(image, NULL, given, GAIN));
    return NULL;
}

static cr_metric_value count(const int64_t *of, int what)
{
    const sums *all = (const sums *)of;
    return what == RISE ? cr_metric_share(all->rises, all->n_images)
                        : cr_metric_mean(what == DROP ? all->drop : all->gain, all->n_images);
}

CR_METRIC_MEAN_OF(drop, DROP)
CR_METRIC_MEAN_OF(rise, RISE)
CR_METRIC_MEAN_OF(gain, GAIN)

static const cr_metric_number numbers[] = {
    {"average_drop", "drop", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_drop, drop_of_image, -1, false},
    {"increase_in_confidence", "increase", "%", CR_METRIC_UP, 2, CR_METRIC_OF_MAP, CR_METRIC_WILSON,
     NULL, count_rise, rise_of_image, -1, false},
    {"average_gain", "gain", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_gain, gain_of_image, -1, false},
};

static const char *const meanings[] = {
    "What share of its probability the class loses where the image is multiplied by its map, as a "
    "mean over the images; a gain counts as 0. In the form of pytorch-grad-cam: the loss itself.",
    "Images whose class becomes more probable where the image is multiplied by its map.",
    "What share of the probability that it lacks of 1 the class gains where the image is "
    "multiplied by its map, as a mean over the images; a loss counts as 0. In the form of "
    "pytorch-grad-cam: the gain itself.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"average_drop_images", 0, false}};

static const cr_metric_asking asking = {.n_passes = n_passes, .fill = fill, .take = take};

const cr_metric cr_metric_average_drop = {
    .name = "average-drop",
    .summary = "what the class's probability becomes where the image is seen through its map",
    .source = "Chattopadhyay et al., WACV 2018, section 4.1 (drop, increase); Zhang et al., CVIU "
              "2024 (gain)",
    .needs = CR_METRIC_NEEDS_LABELS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .meanings = meanings,
    .named = named,
    .n_named = sizeof named / sizeof named[0],
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .asking = &asking,
    .add = add,
};
