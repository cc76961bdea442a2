/* Pixels of the object's mask against the map at all thresholds at once: pixel average precision, and the best
 * intersection over union, of all pixels together and of each image. */
#include "internal.h"

#include <string.h>

enum { MOST_THRESHOLDS = 1000, MOST_BINS = MOST_THRESHOLDS + 1 }; /* the last bin is that of 1 */

typedef struct pixel_ap {
    int thresholds, upsampling;
} pixel_ap;

static int n_bins(const void *parameters)
{
    return ((const pixel_ap *)parameters)->thresholds + 1;
}

/* Of what is not on the object, on it, and of what does not count. */
typedef int32_t counts[3][MOST_BINS];

/* Counts the pixels by their bins. Neighbours are often in one bin, and to count there waits for the one before: the
 * lower half, which is counted beside the upper one, has counts of its own. */
static void count_pixels(const cr_metric_map *map, const int32_t *bins, counts *halves)
{
    enum { HALF = CR_FRAME / 2 };
    const int width = map->mask_width, height = map->mask_height;
    int32_t columns[CR_FRAME];
    for (int x = 0; x < CR_FRAME; x++)
        columns[x] = cr_frame_nearest(x, width);
    for (int y = 0; y < HALF; y++, bins += CR_FRAME) {
        const uint8_t *upper = map->mask + (size_t)cr_frame_nearest(y, height) * (size_t)width;
        const uint8_t *lower =
            map->mask + (size_t)cr_frame_nearest(y + HALF, height) * (size_t)width;
        for (int x = 0; x < CR_FRAME; x++) {
            halves[0][upper[columns[x]]][bins[x]]++;
            halves[1][lower[columns[x]]][bins[HALF * CR_FRAME + x]]++;
        }
    }
}

static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    const pixel_ap *by = map->parameters;
    const int32_t *bins;
    counts halves[2] = {{{0}}};
    if (!map->mask)
        return CR_OK;
    CR_OR_RETURN(cr_loc_score_bins(map->map,
                                   by->upsampling ? CR_UPSAMPLING_BILINEAR : CR_UPSAMPLING_BICUBIC,
                                   map->width, map->height, by->thresholds, &bins, workspace, err));
    count_pixels(map, bins, halves);
    for (int t = 0; t < n_bins(by); t++) {
        ((int32_t *)values[0])[t] = halves[0][1][t] + halves[1][1][t];
        ((int32_t *)values[1])[t] = halves[0][0][t] + halves[1][0][t];
    }
    return CR_OK;
}

typedef struct sums {
    int64_t n_images, best_iou; /* resampled */
    int64_t thresholds;         /* times n_images */
    int64_t object[MOST_BINS], other[MOST_BINS];
} sums;

/* From the highest bin down: the sum of precision times what the recall gains, and the best intersection over
 * union. NaN without a pixel of the object. The bin that is first in wsolevaluation, of 2 to 3, is empty. */
typedef struct areas {
    double precision, iou;
} areas;

static areas areas_of(const int64_t *object, const int64_t *other, int bins)
{
    areas of = {0, 0};
    int64_t all = 0, hit = 0, wrong = 0;
    for (int t = 0; t < bins; t++)
        all += object[t];
    if (all == 0)
        return (areas){NAN, NAN};
    for (int t = bins - 1; t >= 0; t--) {
        hit += object[t];
        wrong += other[t];
        if (hit + wrong == 0)
            continue;
        of.precision += (double)hit / (double)(hit + wrong) * ((double)object[t] / (double)all);
        of.iou = fmax(of.iou, (double)hit / (double)(all + wrong));
    }
    return of;
}

/* Of one image; NaN where it has no mask, or no map. */
static areas areas_of_image(const cr_metric_image *image, const cr_metric_given *given)
{
    int64_t object[MOST_BINS], other[MOST_BINS];
    const int32_t *of_object = given->columns[0], *of_other = given->columns[1];
    const int bins = n_bins(given->parameters);
    if (!cr_metric_is_done(image) || of_object[0] < 0)
        return (areas){NAN, NAN};
    for (int t = 0; t < bins; t++) {
        object[t] = of_object[t];
        other[t] = of_other[t];
    }
    return areas_of(object, other, bins);
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    const int bins = n_bins(given->parameters);
    int64_t n = 0;
    if (!cr_metric_is_done(image) || ((const int32_t *)given->columns[0])[0] == -1)
        return NULL;
    for (int k = 0; k < 2 * bins; k++) {
        *value = ((const int32_t *)given->columns[k % 2])[k / 2];
        n += (int64_t)*value;
        if (*value < 0 || n > CR_FRAME * CR_FRAME)
            return "number of pixels";
    }
    const areas of = areas_of_image(image, given);
    for (int t = 0; t < bins; t++) {
        all->object[t] += ((const int32_t *)given->columns[0])[t];
        all->other[t] += ((const int32_t *)given->columns[1])[t];
    }
    all->thresholds += bins - 1;
    all->n_images += !isnan(of.iou);
    all->best_iou += isnan(of.iou) ? 0 : cr_metric_fixed(of.iou);
    return NULL;
}

/* All bins: those beyond the thresholds are empty. */
static cr_metric_value count_pxap(const int64_t *of)
{
    const sums *all = (const sums *)of;
    return cr_metric_plain(100 * areas_of(all->object, all->other, MOST_BINS).precision);
}

static cr_metric_value count_piou(const int64_t *of)
{
    const sums *all = (const sums *)of;
    return cr_metric_plain(areas_of(all->object, all->other, MOST_BINS).iou);
}

static cr_metric_value count_mask_iou(const int64_t *of)
{
    return cr_metric_mean(((const sums *)of)->best_iou, ((const sums *)of)->n_images);
}

static double mask_iou_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                                const cr_metric_given *given)
{
    (void)verdict;
    return areas_of_image(image, given).iou;
}

static const char *const upsamplings[] = {"bicubic", "bilinear", NULL};

static const cr_parameter parameters[] = {
    {"thresholds", CR_PARAMETER_WHOLE, .offset = offsetof(pixel_ap, thresholds), .least = 1,
     .most = MOST_THRESHOLDS, .fallback = 1000,
     .help = "0, 1/N, ... of the map's range; wsolevaluation has 1000 in training, and by itself "
             "100"},
    {"upsampling", CR_PARAMETER_WORD, .offset = offsetof(pixel_ap, upsampling),
     .words = upsamplings, .help = "of the map to 224 x 224, as cv2.resize does it"},
};

static const cr_metric_column columns[] = {
    {"pixel-ap/object",
     CR_METRIC_I32,
     {CR_METRIC_EXTENT_OWN},
     "pixel of 224 x 224",
     "pixels of the object's mask whose value is at a threshold or beyond, and below the next one; "
     "the last are those of 1; -1 where the image has no mask",
     false},
    {"pixel-ap/other",
     CR_METRIC_I32,
     {CR_METRIC_EXTENT_OWN},
     "pixel of 224 x 224",
     "the same of pixels beside the object that count",
     false},
};

static const cr_metric_number numbers[] = {
    {"pxap", "PxAP", "%", CR_METRIC_UP, 2, CR_METRIC_OF_MAP, CR_METRIC_NONE, NULL, count_pxap, NULL,
     -1, false},
    {"piou", "PIoU", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_NONE, NULL, count_piou, NULL,
     -1, false},
    {"best_mask_iou", "mask IoU", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_mask_iou, mask_iou_of_image, -1, false},
};

static const char *const meanings[] = {
    "The area under precision against recall of the pixels of all images, over the thresholds of "
    "the map: pixels of the masks are to be found.",
    "The IoU of the pixels of all images with those of the masks, at the best threshold.",
    "The IoU of each image's map with its mask, at the image's own best threshold, as a mean over "
    "the images.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"pixel_ap_images", 0, false}};

const cr_metric cr_metric_pixel_ap = {
    .name = "pixel-ap",
    .summary = "how well the map's values tell the pixels of the object's mask from the others",
    .source = "Choe et al., CVPR 2020, section 4.2, as wsolevaluation has it (PxAP)",
    .needs = CR_METRIC_NEEDS_MASKS,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .meanings = meanings,
    .named = named,
    .n_named = sizeof named / sizeof named[0],
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .n_resampled = offsetof(sums, thresholds) / sizeof(int64_t),
    .score = score,
    .extent = n_bins,
    .add = add,
};
