/* The table of numbers: a row each, and how it is counted. */
#include "camrank/metric.h"
#include "camrank/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int cr_held_out_part(const char *id)
{
    char hex[65], first[9] = "";
    cr_sha256_hex(id, strlen(id), hex);
    memcpy(first, hex, sizeof first - 1);
    return strtoul(first, NULL, 16) % 5 != 0;
}

static double percent(int64_t part, int64_t counted)
{
    return counted > 0 ? 100.0 * (double)part / (double)counted : NAN;
}

static cr_metric_value error_of(int64_t right, int64_t counted)
{
    cr_metric_value error = {.value = percent(counted - right, counted)};
    cr_stat_wilson(counted - right, counted, 100, &error.low, &error.high);
    return error;
}

static cr_metric_value plain(double value)
{
    return (cr_metric_value){value, NAN, NAN};
}

/* The denominator of top-1 and top-5 localization: 0 where no class was given. */
static int64_t answered(const cr_tally *tally)
{
    return tally->n_images > 0 ? tally->n_localized : 0;
}

static cr_metric_value top1_cls_error(const cr_metric_counts *c)
{
    return error_of(c->tally->top1_class_right, c->tally->n_images);
}

static cr_metric_value top5_cls_error(const cr_metric_counts *c)
{
    return error_of(c->tally->top5_class_right, c->tally->n_images);
}

static cr_metric_value top1_loc_error(const cr_metric_counts *c)
{
    return error_of(c->tally->top1_loc_right, answered(c->tally));
}

static cr_metric_value top5_loc_error(const cr_metric_counts *c)
{
    return error_of(c->tally->top5_loc_right, answered(c->tally));
}

static cr_metric_value gt_known_loc_error(const cr_metric_counts *c)
{
    return error_of(c->tally->gt_known_right, c->tally->n_localized);
}

/* Over n_localized images; a failed image adds 0. */
static cr_metric_value mean_iou(const cr_metric_counts *c)
{
    const int64_t n = c->tally->n_localized;
    return plain(n > 0 ? ldexp((double)c->tally->iou_sum, -40) / (double)n : NAN);
}

/* Images of all parts, or of part 0, that are right by this bit at a level. */
static int64_t count_right(const cr_sweep *sweep, int bit, bool held_out, int level)
{
    return sweep->right[0][bit][level] + (held_out ? 0 : sweep->right[1][bit][level]);
}

int cr_metric_best_level(const cr_sweep *sweep, int bit, bool held_out)
{
    int best = 0;
    for (int level = 1; level < CR_SWEEP_LEVELS; level++)
        if (count_right(sweep, bit, held_out, level) > count_right(sweep, bit, held_out, best))
            best = level;
    return best;
}

/* The share of the images that are right by this bit at the best level. */
static double best_share(const cr_sweep *sweep, int bit)
{
    const int level = cr_metric_best_level(sweep, bit, false);
    return percent(count_right(sweep, bit, false, level), sweep->n_images[0] + sweep->n_images[1]);
}

/* The share of part 1 at the best level of part 0. */
static double held_out_share(const cr_sweep *sweep, int bit)
{
    const int level = cr_metric_best_level(sweep, bit, true);
    return sweep->n_images[0] > 0 ? percent(sweep->right[1][bit][level], sweep->n_images[1]) : NAN;
}

/* MaxBoxAcc and MaxBoxAccV2 (Choe et al., CVPR 2020, section 4.1): the share of images that are right
 * at the best level, at IoU 0.5 with the largest contour's box; and the mean over IoU 0.3, 0.5 and 0.7
 * of the share at each one's best level, with any contour's box. */
static cr_metric_value max_box_acc(const cr_metric_counts *c)
{
    return plain(best_share(c->sweep, 1));
}

static cr_metric_value max_box_acc_v2(const cr_metric_counts *c)
{
    double sum = 0;
    for (int bit = 3; bit < CR_SWEEP_BITS; bit++)
        sum += best_share(c->sweep, bit);
    return plain(sum / 3);
}

static cr_metric_value max_box_acc_held_out(const cr_metric_counts *c)
{
    return plain(held_out_share(c->sweep, 1));
}

static cr_metric_value max_box_acc_v2_held_out(const cr_metric_counts *c)
{
    double sum = 0;
    for (int bit = 3; bit < CR_SWEEP_BITS; bit++)
        sum += held_out_share(c->sweep, bit);
    return plain(sum / 3);
}

#define OF_IMAGE(key, counts, value)                        \
    static double key##_of_image(const cr_verdict *verdict) \
    {                                                       \
        return verdict->counts ? verdict->value : NAN;      \
    }
OF_IMAGE(top1_cls_error, is_classified, top1_class_right)
OF_IMAGE(top5_cls_error, is_classified, top5_class_right)
OF_IMAGE(top1_loc_error, has_prediction, top1_loc_right)
OF_IMAGE(top5_loc_error, has_prediction, top5_loc_right)
OF_IMAGE(gt_known_loc_error, is_localized, gt_known_right)
OF_IMAGE(mean_iou, is_localized, iou)

#define ERROR(key, title, of)                                                                     \
    {                                                                                             \
#key, title, "%", CR_METRIC_DOWN, 2, of, CR_METRIC_WILSON, NULL, key, key##_of_image, -1, \
            false                                                                                 \
    }
#define ACCURACY(key, title, of, below, bit, held)                                         \
    {                                                                                      \
#key, title, "%", CR_METRIC_UP, 2, of, CR_METRIC_NONE, below, key, NULL, bit, held \
    }

const cr_metric_number cr_metric_numbers[] = {
    ERROR(top1_cls_error, "top-1 cls", CR_METRIC_OF_CLASSES),
    ERROR(top5_cls_error, "top-5 cls", CR_METRIC_OF_CLASSES),
    ERROR(top1_loc_error, "top-1 loc", CR_METRIC_OF_TOP),
    ERROR(top5_loc_error, "top-5 loc", CR_METRIC_OF_TOP),
    ERROR(gt_known_loc_error, "GT-known", CR_METRIC_OF_TRUTH),
    {"mean_iou", "mean IoU", "", CR_METRIC_UP, 4, CR_METRIC_OF_TRUTH, CR_METRIC_NONE, NULL,
     mean_iou, mean_iou_of_image, -1, false},
    ACCURACY(max_box_acc, "MaxBoxAcc", CR_METRIC_OF_SWEEP_V1, NULL, 1, false),
    ACCURACY(max_box_acc_v2, "MaxBoxAccV2", CR_METRIC_OF_SWEEP_V2, NULL, -1, false),
    ACCURACY(max_box_acc_held_out, "held", CR_METRIC_OF_SWEEP_V1, "max_box_acc", 1, true),
    ACCURACY(max_box_acc_v2_held_out, "held", CR_METRIC_OF_SWEEP_V2, "max_box_acc_v2", -1, true),
};

const int cr_metric_n_numbers = (int)(sizeof cr_metric_numbers / sizeof cr_metric_numbers[0]);
_Static_assert(sizeof cr_metric_numbers / sizeof cr_metric_numbers[0] <= CR_METRIC_MAX_NUMBERS,
               "too many numbers");

int cr_metric_number_find(const char *key)
{
    for (int k = 0; k < cr_metric_n_numbers; k++)
        if (strcmp(cr_metric_numbers[k].key, key) == 0)
            return k;
    return -1;
}

void cr_metric_count(const cr_tally *tally, const cr_sweep *sweep, cr_metric_value *values)
{
    const cr_metric_counts counts = {tally, sweep};
    for (int k = 0; k < cr_metric_n_numbers; k++)
        if (sweep || cr_metric_numbers[k].of < CR_METRIC_OF_SWEEP_V1)
            values[k] = cr_metric_numbers[k].count(&counts);
}
