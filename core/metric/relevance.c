/* How much of the map lies on the object: its energy, its largest pixels, and how well its values tell the
 * object's pixels from the others. */
#include "internal.h"

static const cr_metric_column columns[] = {
    {"relevance/mass",
     CR_METRIC_F64,
     {1},
     "1",
     "share of the upsampled map's sum in the ground-truth boxes; NaN where the map is empty, or "
     "there are no boxes",
     true},
    {"relevance/rank",
     CR_METRIC_F64,
     {1},
     "1",
     "of the n largest pixels, n those of the boxes and of equal ones the first in raster order, "
     "the share in the boxes; likewise NaN",
     true},
    {"relevance/auc",
     CR_METRIC_F64,
     {1},
     "1",
     "area under the ROC curve of the pixels' values for being in the boxes, ties by half; NaN "
     "where "
     "there are no boxes, or they are the whole image",
     true},
};

/* Of the pairs of a pixel inside and one outside, those of which the first is larger less those of which it is smaller:
 * as many are below a pixel as lie before the first that is equal to it. Whole numbers, and no branch. */
static int64_t lead(const cr_loc_ranked *ranked)
{
    int64_t sum = 0, before = 0, inside_before = 0, inside = 0;
    for (size_t i = 0; i < ranked->n; i++) {
        const bool is_new = i == 0 || ranked->keys[i] >> 1 != ranked->keys[i - 1] >> 1;
        const int64_t is_inside = ranked->keys[i] & 1;
        before = is_new ? (int64_t)i : before;
        inside_before = is_new ? inside : inside_before;
        sum += (before & -is_inside) - inside_before;
        inside += is_inside;
    }
    return sum;
}

static double auc(const cr_loc_ranked *ranked)
{
    const double pairs = (double)ranked->n_inside * (double)(ranked->n - ranked->n_inside);
    return pairs > 0 ? (pairs + (double)lead(ranked)) / (2 * pairs) : NAN;
}

static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    cr_loc_ranked ranked;
    double *mass = values[0], *rank = values[1], *area = values[2];
    *mass = *rank = *area = NAN;
    if (map->n_truth == 0)
        return CR_OK;
    const cr_status status = cr_loc_rank(map->map, CR_UPSAMPLING_BILINEAR, map->width, map->height,
                                         map->truth, map->n_truth, &ranked, workspace, err);
    if (status != CR_OK)
        return status;
    *area = auc(&ranked); /* a half where all are equal */
    if (cr_loc_map_is_empty(map->map) || ranked.sum <= 0)
        return CR_OK;
    *mass = ranked.sum_inside / ranked.sum;
    *rank = (double)cr_loc_largest_inside(&ranked, ranked.n_inside) / (double)ranked.n_inside;
    return CR_OK;
}

typedef struct sums {
    int64_t n_images, mass, rank; /* an image without a map adds 0, as a wrong box does */
    int64_t n_areas, area;        /* of images with pixels outside; without a map a half */
} sums;

static double given(const cr_metric_given *of, int column)
{
    return *(const double *)of->columns[column];
}

/* What an image adds to the mean of a column; NaN: it does not count. No pixel tells more of the boxes than
 * another where there is no map. */
static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *of, int column)
{
    (void)image;
    if (!verdict->is_swept)
        return NAN;
    if (verdict->has_failed)
        return column == 2 ? .5 : 0;
    return column != 2 && isnan(given(of, column)) ? 0 : given(of, column);
}

static const char *add(const cr_metric_image *image, const cr_metric_given *of, int64_t *to,
                       double *value)
{
    const cr_verdict verdict = cr_metric_judge(image);
    sums *all = (sums *)to;
    for (int k = 0; k < 3 && verdict.is_swept && !verdict.has_failed; k++)
        if (given(of, k) < 0 || given(of, k) > 1 ||
            (k == 1 && isnan(given(of, 1)) != isnan(given(of, 0)))) {
            *value = given(of, k);
            return "share";
        }
    const double mass = value_of(image, &verdict, of, 0), rank = value_of(image, &verdict, of, 1);
    const double area = value_of(image, &verdict, of, 2);
    if (!verdict.is_swept)
        return NULL;
    all->n_images++;
    all->mass += cr_metric_fixed(mass);
    all->rank += cr_metric_fixed(rank);
    all->n_areas += !isnan(area);
    all->area += isnan(area) ? 0 : cr_metric_fixed(area);
    return NULL;
}

static cr_metric_value count(const int64_t *of, int column)
{
    const sums *all = (const sums *)of;
    return column == 2 ? cr_metric_mean(all->area, all->n_areas)
                       : cr_metric_mean(column ? all->rank : all->mass, all->n_images);
}

CR_METRIC_MEAN_OF(mass, 0)
CR_METRIC_MEAN_OF(rank, 1)
CR_METRIC_MEAN_OF(area, 2)

static const cr_metric_number numbers[] = {
    {"energy_pointing_game", "energy", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP,
     NULL, count_mass, mass_of_image, -1, false},
    {"relevance_rank", "rank", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_rank, rank_of_image, -1, false},
    {"relevance_auc", "AUC", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_area, area_of_image, -1, false},
};

static const char *const meanings[] = {
    "The share of the map's sum that lies inside the boxes, as a mean over the images.",
    "Of as many of the map's largest pixels as the boxes have, the share that lies inside them, as "
    "a mean over the images.",
    "How well the map's values rank pixels inside the boxes above those outside: the area under "
    "the ROC curve, as a mean over the images; 0.5 is chance.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"relevance_images", 0, false}};

const cr_metric cr_metric_relevance = {
    .name = "relevance",
    .summary = "how much of the map lies on the object: energy, largest pixels, area under the ROC",
    .source = "Wang et al., CVPR Workshops 2020, section 4.3 (energy); Arras et al., Information "
              "Fusion 2022 "
              "(mass, rank)",
    .needs = CR_METRIC_NEEDS_BOXES,
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .meanings = meanings,
    .named = named,
    .n_named = sizeof named / sizeof named[0],
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .score = score,
    .add = add,
};
