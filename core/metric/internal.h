/* internal.h - what the files of core/metric share: the metrics' rows, and numbers from counts. */
#ifndef CAMRANK_METRIC_INTERNAL_H
#define CAMRANK_METRIC_INTERNAL_H

#include "camrank/metric.h"

#include <math.h>

extern const cr_metric cr_metric_localization, cr_metric_max_box_acc, cr_metric_mean_ap,
    cr_metric_pointing_game, cr_metric_relevance, cr_metric_map_shape, cr_metric_average_drop,
    cr_metric_insertion, cr_metric_deletion, cr_metric_road, cr_metric_pixel_flipping,
    cr_metric_region_perturbation, cr_metric_pixel_ap, cr_metric_faithfulness_correlation,
    cr_metric_sensitivity_n, cr_metric_infidelity, cr_metric_corloc, cr_metric_irof,
    cr_metric_monotonicity, cr_metric_monotonicity_correlation, cr_metric_max_sensitivity,
    cr_metric_adcc, cr_metric_top_k;

static inline double cr_metric_percent(int64_t part, int64_t counted)
{
    return counted > 0 ? 100.0 * (double)part / (double)counted : NAN;
}

/* The functions of a number that is the mean of a column, count_NAME and NAME_of_image, from the source's own
 * `count`, of the metric's sums, and `value_of`, which says what an image adds. */
#define CR_METRIC_MEAN_OF(name, column)                                                    \
    static cr_metric_value count_##name(const int64_t *added)                              \
    {                                                                                      \
        return count(added, column);                                                       \
    }                                                                                      \
    static double name##_of_image(const cr_metric_image *image, const cr_verdict *verdict, \
                                  const cr_metric_given *given)                            \
    {                                                                                      \
        return value_of(image, verdict, given, column);                                    \
    }

/* The parameter `class` of a metric that asks the network, whose struct of parameters has it first. */
extern const char *const cr_metric_class_words[];
#define CR_METRIC_CLASS_PARAMETER                                                  \
    {                                                                              \
        "class", CR_PARAMETER_WORD,                                                \
            .words = cr_metric_class_words,                                        \
            .help = "whose map and probability: the ground truth's, or the first " \
                    "prediction's"                                                 \
    }

/* For the ranges of a metric whose one number is a correlation. */
#define CR_METRIC_CORRELATION \
    (const char *const[])     \
    {                         \
        "-1 to 1"             \
    }

/* The pixels of the network's input, and the smallest value of these. */
static inline size_t cr_metric_n_pixels(const cr_metric_question *q)
{
    return (size_t)q->height * (size_t)q->width;
}
static inline cr_real cr_metric_smallest(const cr_metric_question *q)
{
    cr_real smallest = q->input[0];
    for (size_t i = 1; i < cr_metric_n_pixels(q) * (size_t)q->n_channels; i++)
        smallest = q->input[i] < smallest ? q->input[i] : smallest;
    return smallest;
}

/* What is random about changed input k of an image, and a number of it, from 0 on, below 1. */
static inline uint64_t cr_metric_key(const cr_metric_question *q, int seed, int k)
{
    return cr_mix(cr_mix(q->seed ^ cr_mix((uint64_t)seed)) ^ (uint64_t)k);
}
static inline double cr_metric_random(uint64_t key)
{
    return (double)(cr_mix(key) >> 11) * 0x1p-53;
}

/* Whether an image has what a metric gives for a map. */
static inline bool cr_metric_is_done(const cr_metric_image *image)
{
    return image->state == CR_ROW_DONE && image->model_state == CR_ROW_DONE;
}

/* A number without an interval. */
static inline cr_metric_value cr_metric_plain(double value)
{
    return (cr_metric_value){value, NAN, NAN};
}

/* A value from -1 to 1 as a multiple of 2^-40, and the mean of n of these, NaN of none. */
static inline int64_t cr_metric_fixed(double value)
{
    return llround(ldexp(value, 40));
}

static inline cr_metric_value cr_metric_mean(int64_t sum, int64_t n)
{
    return cr_metric_plain(n > 0 ? ldexp((double)sum, -40) / (double)n : NAN);
}

/* Sums of a metric that has one value an image: images, and their values' sum. A value is from -1 to 1; NaN:
 * the image does not count. */
enum { CR_METRIC_VALUE_SUMS = 2 };
static inline void cr_metric_add_value(int64_t *sums, double value)
{
    sums[0] += !isnan(value);
    sums[1] += isnan(value) ? 0 : cr_metric_fixed(value);
}
static inline cr_metric_value cr_metric_count_value(const int64_t *sums)
{
    return cr_metric_mean(sums[1], sums[0]);
}

/* The share of `part` in percent, with Wilson's interval. */
cr_metric_value cr_metric_share(int64_t part, int64_t counted);

/* Sums of what is right by class: of the first so many classes. */
enum { CR_METRIC_CLASSES = 1024 };
typedef struct cr_metric_classes {
    int64_t n[CR_METRIC_CLASSES], right[CR_METRIC_CLASSES], n_beyond;
} cr_metric_classes;

/* Adds an image; of none without a label. */
void cr_metric_add_to_class(cr_metric_classes *classes, int32_t label, bool right);

/* The mean, in percent, of the shares of the classes that have an image; NaN where one is of a class beyond. */
cr_metric_value cr_metric_mean_of_classes(const cr_metric_classes *classes);

#endif
