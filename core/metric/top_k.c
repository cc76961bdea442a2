/* Top-k intersection: how many of the map's k largest pixels lie on the object. */
#include "internal.h"

enum { MOST_PIXELS = 1 << 30 };

typedef struct top_k {
    int k;
} top_k;

static const cr_parameter parameters[] = {
    {"k", CR_PARAMETER_WHOLE, .offset = offsetof(top_k, k), .least = 1, .most = MOST_PIXELS,
     .fallback = 1000,
     .help = "the largest pixels of the image that count; all, where it has fewer"},
};

static const cr_metric_column columns[] = {
    {"top-k-intersection/share",
     CR_METRIC_F64,
     {1},
     "1",
     "of the k largest pixels of the upsampled map, of equal ones the first in raster order, the "
     "share in the ground-truth boxes; NaN where the map is empty, or there are no boxes",
     true},
};

static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    double *share = values[0];
    *share = NAN;
    if (map->n_truth == 0 || cr_loc_map_is_empty(map->map))
        return CR_OK;
    cr_loc_ranked ranked;
    CR_OR_RETURN(cr_loc_rank(map->map, CR_UPSAMPLING_BILINEAR, map->width, map->height, map->truth,
                             map->n_truth, &ranked, workspace, err));
    const size_t wanted = (size_t)((const top_k *)map->parameters)->k;
    const size_t k = wanted < ranked.n ? wanted : ranked.n;
    if (ranked.sum > 0)
        *share = (double)cr_loc_largest_inside(&ranked, k) / (double)k;
    return CR_OK;
}

typedef struct sums {
    int64_t n_images, share; /* an image without a map adds 0, as a wrong box does */
} sums;

static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *given, int column)
{
    (void)image;
    const double share = *(const double *)given->columns[column];
    return !verdict->is_swept ? NAN : verdict->has_failed || isnan(share) ? 0 : share;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    const cr_verdict verdict = cr_metric_judge(image);
    sums *all = (sums *)to;
    *value = value_of(image, &verdict, given, 0);
    if (isnan(*value))
        return NULL;
    if (*value < 0 || *value > 1)
        return "share";
    all->n_images++;
    all->share += cr_metric_fixed(*value);
    return NULL;
}

static cr_metric_value count(const int64_t *of, int column)
{
    (void)column;
    return cr_metric_mean(((const sums *)of)->share, ((const sums *)of)->n_images);
}

CR_METRIC_MEAN_OF(share, 0)

static const cr_metric_number numbers[] = {
    {"top_k_intersection", "top-k", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_share, share_of_image, -1, false},
};

static const cr_metric_sum named[] = {{"top_k_images", 0, false}};

const cr_metric cr_metric_top_k = {
    .name = "top-k-intersection",
    .summary = "how many of the map's k largest pixels lie on the object",
    .source = "Theiner et al., WACV 2022, as Quantus has it",
    .needs = CR_METRIC_NEEDS_BOXES,
    .parameters = CR_PARAMETERS(parameters),
    .columns = columns,
    .n_columns = 1,
    .numbers = numbers,
    .n_numbers = 1,
    .meanings = (const char *const[]){"Of the map's k largest pixels the share that lies inside "
                                      "the boxes, as a mean over the images."},
    .named = named,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .score = score,
    .add = add,
};
