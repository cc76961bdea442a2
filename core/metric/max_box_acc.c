/* The boxes of all thresholds: MaxBoxAcc and MaxBoxAccV2 (wsol-v1, wsol-v2). */
#include "internal.h"

static const cr_metric_column columns[] = {
    {"levels",
     CR_METRIC_U8,
     {CR_SWEEP_LEVELS},
     "",
     "[level] of the ground-truth class's map; bits 0, 1, 2: the box of the largest contour "
     "has IoU 0.3, 0.5, 0.7; bits 3, 4, 5: any contour's box",
     true},
};

static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    return map->n_truth ? cr_loc_sweep(map->map, CR_UPSAMPLING_BILINEAR, map->width, map->height,
                                       map->truth, map->n_truth, values[0], workspace, err)
                        : CR_OK;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *sums,
                       double *value)
{
    cr_sweep *sweep = (cr_sweep *)sums;
    const uint8_t *levels = given->columns[0];
    const cr_verdict verdict = cr_metric_judge(image);
    if (!verdict.is_swept)
        return NULL;
    sweep->n_images[image->part]++;
    for (int level = 0; level < CR_SWEEP_LEVELS && !verdict.has_failed; level++) {
        *value = levels[level];
        if (levels[level] >> CR_SWEEP_BITS)
            return "set of bits of a level";
        for (int bit = 0; bit < CR_SWEEP_BITS; bit++)
            sweep->right[image->part][bit][level] += (levels[level] >> bit) & 1;
    }
    return NULL;
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
    return cr_metric_percent(count_right(sweep, bit, false, level),
                             sweep->n_images[0] + sweep->n_images[1]);
}

/* The share of part 1 at the best level of part 0. */
static double held_out_share(const cr_sweep *sweep, int bit)
{
    const int level = cr_metric_best_level(sweep, bit, true);
    return sweep->n_images[0] > 0
               ? cr_metric_percent(sweep->right[1][bit][level], sweep->n_images[1])
               : NAN;
}

/* MaxBoxAcc and MaxBoxAccV2: the share of images that are right at the best level, at IoU 0.5 with the
 * largest contour's box; and the mean over IoU 0.3, 0.5 and 0.7 of the share at each one's best level,
 * with any contour's box. */
typedef double share_of(const cr_sweep *sweep, int bit);

static cr_metric_value v1(const int64_t *sums, share_of *share)
{
    return cr_metric_plain(share((const cr_sweep *)sums, 1));
}

static cr_metric_value v2(const int64_t *sums, share_of *share)
{
    double sum = 0;
    for (int bit = 3; bit < CR_SWEEP_BITS; bit++)
        sum += share((const cr_sweep *)sums, bit);
    return cr_metric_plain(sum / 3);
}

static cr_metric_value max_box_acc(const int64_t *sums)
{
    return v1(sums, best_share);
}

static cr_metric_value max_box_acc_v2(const int64_t *sums)
{
    return v2(sums, best_share);
}

static cr_metric_value max_box_acc_held_out(const int64_t *sums)
{
    return v1(sums, held_out_share);
}

static cr_metric_value max_box_acc_v2_held_out(const int64_t *sums)
{
    return v2(sums, held_out_share);
}

/* The best threshold as a protocol's: a share of the maximum, which is 255. Where no image is right, no
 * threshold is best. */
static cr_metric_value best_threshold(const int64_t *sums, int bit)
{
    const cr_sweep *sweep = (const cr_sweep *)sums;
    const int level = cr_metric_best_level(sweep, bit, false);
    return cr_metric_plain(
        count_right(sweep, bit, false, level) > 0 ? (double)level / CR_SWEEP_LEVELS : NAN);
}

#define THRESHOLD_COUNT(key, bit)                   \
    static cr_metric_value key(const int64_t *sums) \
    {                                               \
        return best_threshold(sums, bit);           \
    }
THRESHOLD_COUNT(max_box_acc_threshold, 1)
THRESHOLD_COUNT(max_box_acc_v2_threshold_30, 3)
THRESHOLD_COUNT(max_box_acc_v2_threshold_50, 4)
THRESHOLD_COUNT(max_box_acc_v2_threshold_70, 5)

#define ACCURACY(key, title, of, interval, below, bit, held)                         \
    {                                                                                \
#key, title, "%", CR_METRIC_UP, 2, of, interval, below, key, NULL, bit, held \
    }
#define THRESHOLD(key, title, of, below)                                                       \
    {                                                                                          \
#key, title, "", CR_METRIC_NEITHER, 3, of, CR_METRIC_NONE, below, key, NULL, -1, false \
    }

static const cr_metric_number numbers[] = {
    ACCURACY(max_box_acc, "MaxBoxAcc", CR_METRIC_OF_SWEEP_V1, CR_METRIC_BOOTSTRAP, NULL, 1, false),
    ACCURACY(max_box_acc_v2, "MaxBoxAccV2", CR_METRIC_OF_SWEEP_V2, CR_METRIC_BOOTSTRAP, NULL, -1,
             false),
    ACCURACY(max_box_acc_held_out, "held", CR_METRIC_OF_SWEEP_V1, CR_METRIC_NONE, "max_box_acc", 1,
             true),
    ACCURACY(max_box_acc_v2_held_out, "held", CR_METRIC_OF_SWEEP_V2, CR_METRIC_NONE,
             "max_box_acc_v2", -1, true),
    THRESHOLD(max_box_acc_threshold, "at", CR_METRIC_OF_SWEEP_V1, "max_box_acc"),
    THRESHOLD(max_box_acc_v2_threshold_30, NULL, CR_METRIC_OF_SWEEP_V2, NULL),
    THRESHOLD(max_box_acc_v2_threshold_50, NULL, CR_METRIC_OF_SWEEP_V2, NULL),
    THRESHOLD(max_box_acc_v2_threshold_70, NULL, CR_METRIC_OF_SWEEP_V2, NULL),
};

static const char *const meanings[] = {
    "Images whose largest contour's box has IoU 0.5 with an object, at the best of all thresholds.",
    "The same of any contour's box, the mean over IoU 0.3, 0.5 and 0.7, each at its best "
    "threshold.",
    "MaxBoxAcc with the threshold chosen on a fifth of the images and scored on the rest.",
    "MaxBoxAccV2 with the thresholds chosen on a fifth of the images and scored on the rest.",
    "The threshold at which MaxBoxAcc is, a share of the map's maximum.",
    "The best threshold of MaxBoxAccV2 at IoU 0.3.",
    "The best threshold of MaxBoxAccV2 at IoU 0.5.",
    "The best threshold of MaxBoxAccV2 at IoU 0.7.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

const cr_metric cr_metric_max_box_acc = {
    .name = "max-box-acc",
    .summary = "accuracy of boxes at the best of all thresholds",
    .source = "Choe et al., CVPR 2020, section 4.1",
    .needs = CR_METRIC_NEEDS_BOXES,
    .always = true,
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .meanings = meanings,
    .n_sums = CR_SWEEP_FIELDS,
    .score = score,
    .add = add,
};
