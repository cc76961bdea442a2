/* How concentrated a map is, whatever it lies on: Gini index, entropy, pixels that are not 0. */
#include "camrank/multiversion.h"
#include "internal.h"

static const cr_metric_column columns[] = {
    {"map-shape/sparseness",
     CR_METRIC_F64,
     {1},
     "1",
     "Gini index of the upsampled map of the ground-truth class; NaN where the map is empty",
     false},
    {"map-shape/complexity",
     CR_METRIC_F64,
     {1},
     "nat",
     "entropy of its pixels, as shares of their sum; likewise NaN",
     false},
    {"map-shape/effective",
     CR_METRIC_F64,
     {1},
     "1",
     "share of the pixels beyond 1e-5 of the largest; likewise NaN",
     false},
};

static const double most_of[] = {1, 20, 1}; /* 20: of more pixels than an image has */

/* Of a value from 0 on: finite for 0, and wrong for denormals, which weigh nothing here. With value = m 2^e, m from
 * sqrt(1/2) to sqrt(2), it is e ln 2 + 2 artanh s, s = (m - 1) / (m + 1); the series' terms to s^13 leave 5e-13. */
CR_INLINE double logarithm(float value)
{
    enum { ONE = 0x3f800000, ROOT = 0x3f3504f3 }; /* the bits of 1 and of sqrt(1/2) */
    uint32_t bits, above;
    float m;
    memcpy(&bits, &value, sizeof bits);
    above = (bits + (ONE - ROOT)) >> 23; /* e + 127 */
    bits += ONE - (above << 23);
    memcpy(&m, &bits, sizeof m);
    const double s = ((double)m - 1) / ((double)m + 1), t = s * s;
    const double series =
        1 +
        t * (1 / 3. + t * (1 / 5. + t * (1 / 7. + t * (1 / 9. + t * (1 / 11. + t * (1 / 13.))))));
    return 0x1.62e42fefa39efp-1 * ((double)(int32_t)above - 127) + 2 * s * series; /* ln 2 */
}

enum { LANES = 16 };

/* The sums over all pixels of (2 i - n - 1) value, i from 1 on in the order of values, and of value ln value; each
 * lane is of every 16th pixel. */
CR_MULTIVERSION
static void sum_up(const cr_loc_ranked *ranked, double *restrict weighted,
                   double *restrict logarithms)
{
    double weight[LANES], of_weights[LANES] = {0}, of_logarithms[LANES] = {0};
    uint32_t rest[LANES] = {0};
    for (int l = 0; l < LANES; l++)
        weight[l] = 2 * l + 1 - (double)ranked->n;
    for (size_t i = 0; i < ranked->n; i += LANES) {
        const size_t left = ranked->n - i;
        const uint32_t *keys = ranked->keys + i;
        if (left < LANES)
            keys = memcpy(rest, keys, left * sizeof *keys);
        for (int l = 0; l < LANES; l++) {
            const float value = cr_loc_key_value(keys[l]);
            of_weights[l] += weight[l] * (double)value;
            of_logarithms[l] += (double)value * logarithm(value);
            weight[l] += 2 * LANES;
        }
    }
    *weighted = *logarithms = 0;
    for (int l = 0; l < LANES; l++) {
        *weighted += of_weights[l];
        *logarithms += of_logarithms[l];
    }
}

static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    cr_loc_ranked ranked;
    double *sparseness = values[0], *complexity = values[1], *effective = values[2];
    *sparseness = *complexity = *effective = NAN;
    if (cr_loc_map_is_empty(map->map))
        return CR_OK;
    const cr_status status = cr_loc_rank(map->map, CR_UPSAMPLING_BILINEAR, map->width, map->height,
                                         NULL, 0, &ranked, workspace, err);
    if (status != CR_OK || ranked.sum <= 0)
        return status;
    const double n = (double)ranked.n;
    const double largest = (double)cr_loc_key_value(ranked.keys[ranked.n - 1]);
    double weighted, logarithms;
    sum_up(&ranked, &weighted, &logarithms);
    size_t below = 0, beyond = ranked.n - 1; /* values ascend: the first that is beyond */
    while (below < beyond) {
        const size_t middle = below + (beyond - below) / 2;
        if ((double)cr_loc_key_value(ranked.keys[middle]) / largest > 1e-5)
            beyond = middle;
        else
            below = middle + 1;
    }
    *sparseness = weighted / (n * (ranked.sum + 1e-7 * largest * n)); /* as Quantus has it */
    *complexity = fmax(log(ranked.sum) - logarithms / ranked.sum, 0);
    *effective = (n - (double)beyond) / n;
    return CR_OK;
}

typedef struct sums {
    int64_t n_images, of[3]; /* images with a map; sums of each column */
} sums;

static double value_of(const cr_metric_image *image, const cr_verdict *verdict,
                       const cr_metric_given *of, int column)
{
    (void)verdict;
    return cr_metric_is_done(image) ? *(const double *)of->columns[column] : NAN;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *of, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    for (int k = 0; k < 3; k++) {
        *value = value_of(image, NULL, of, k);
        if (*value < 0 || *value > most_of[k] ||
            isnan(*value) != isnan(value_of(image, NULL, of, 0)))
            return "measure of a map's shape";
    }
    if (isnan(value_of(image, NULL, of, 0)))
        return NULL;
    all->n_images++;
    for (int k = 0; k < 3; k++)
        all->of[k] += cr_metric_fixed(value_of(image, NULL, of, k) / most_of[k]);
    return NULL;
}

static cr_metric_value count(const int64_t *of, int column)
{
    cr_metric_value mean =
        cr_metric_mean(((const sums *)of)->of[column], ((const sums *)of)->n_images);
    mean.value *= most_of[column];
    return mean;
}

CR_METRIC_MEAN_OF(sparseness, 0)
CR_METRIC_MEAN_OF(complexity, 1)
CR_METRIC_MEAN_OF(effective, 2)

static const cr_metric_number numbers[] = {
    {"sparseness", "Gini", "", CR_METRIC_UP, 4, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_sparseness, sparseness_of_image, -1, false},
    {"complexity", "entropy", "", CR_METRIC_DOWN, 3, CR_METRIC_OF_MAP, CR_METRIC_BOOTSTRAP, NULL,
     count_complexity, complexity_of_image, -1, false},
    {"effective_complexity", "effective", "", CR_METRIC_DOWN, 4, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, count_effective, effective_of_image, -1, false},
};

static const char *const meanings[] = {
    "The Gini index of the map's values: near 1 where few pixels have nearly all of it, 0 where "
    "all have the same; a mean over the images.",
    "The entropy of the map's values as shares of their sum: the larger, the more pixels the map "
    "spreads over; a mean over the images.",
    "The share of pixels whose value is not near 0, as a mean over the images.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

static const cr_metric_sum named[] = {{"map_shape_images", 0, false}};

const cr_metric cr_metric_map_shape = {
    .name = "map-shape",
    .summary = "how concentrated the map is: Gini index, entropy, share of pixels that are not 0",
    .source = "Chalasani et al., ICML 2020 (sparseness); Bhatt et al., IJCAI 2020 (complexity); "
              "Nguyen and "
              "Martinez, arXiv 2007.07584 (effective complexity)",
    .needs = CR_METRIC_NEEDS_LABELS,
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .ranges = (const char *const[]){NULL, "from 0 on", NULL},
    .meanings = meanings,
    .named = named,
    .n_named = sizeof named / sizeof named[0],
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .score = score,
    .add = add,
};
