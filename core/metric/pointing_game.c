/* The pointing game: whether the largest value of the map lies on the object. */
#include "internal.h"

enum { MOST_SIDE = 65500 }; /* of an image, in pixels */

typedef struct pointing_game {
    int tolerance;
} pointing_game;

static const cr_parameter parameters[] = {
    {"tolerance", CR_PARAMETER_WHOLE, .offset = offsetof(pointing_game, tolerance), .least = 1,
     .most = MOST_SIDE, .fallback = 15,
     .help = "pixels of the image; a point nearer than that to the object is a hit"},
};

static const cr_metric_column columns[] = {
    {"pointing-game/point",
     CR_METRIC_I32,
     {2},
     "pixel of the original image",
     "x, y of the largest value of the ground-truth class's map, upsampled to the image; of "
     "equal ones the first in raster order; -1 where the map is empty",
     false},
};

/* An empty map points nowhere. */
static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    if (cr_loc_map_is_empty(map->map))
        return CR_OK;
    return cr_loc_peak(map->map, CR_UPSAMPLING_BILINEAR, map->width, map->height, values[0],
                       workspace, err);
}

/* What an image adds, and all do. */
typedef struct hit {
    int64_t n_images, hits, exact_hits;
} hit;

typedef struct sums {
    hit all;
    cr_metric_classes by_class;
} sums;

static bool is_point(const int32_t *point)
{
    return point[0] >= 0 && point[1] >= 0 && point[0] <= MOST_SIDE && point[1] <= MOST_SIDE;
}

/* Pixels beyond the sides of a box, 0 within. */
static int64_t beyond(int64_t at, int64_t first, int64_t last)
{
    return at < first ? first - at : at > last ? at - last : 0;
}

/* The square of the distance to the nearest pixel of any box; -1 for no point. */
static int64_t distance(const int32_t *point, const cr_metric_image *image)
{
    int64_t least = -1;
    for (int i = 0; i < image->n_truth && is_point(point); i++) {
        const int64_t x = beyond(point[0], image->truth[i].x0, image->truth[i].x1);
        const int64_t y = beyond(point[1], image->truth[i].y0, image->truth[i].y1);
        least = least < 0 || x * x + y * y < least ? x * x + y * y : least;
    }
    return least;
}

/* What an image adds. It counts as for MaxBoxAcc: with boxes, on the exclude list or not. */
static hit judge(const cr_metric_image *image, const cr_verdict *verdict,
                 const cr_metric_given *given)
{
    const pointing_game *by = given->parameters;
    const int64_t tolerance = by->tolerance;
    if (!verdict->is_swept || verdict->has_failed)
        return (hit){verdict->is_swept, 0, 0};
    const int64_t least = distance(given->columns[0], image);
    return (hit){1, least >= 0 && least < tolerance * tolerance, least == 0};
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    const cr_verdict verdict = cr_metric_judge(image);
    const hit one = judge(image, &verdict, given);
    const int32_t *point = given->columns[0];
    for (int i = 0; i < 2 && one.n_images && !verdict.has_failed && !is_point(point); i++) {
        *value = point[i];
        if (point[i] != -1)
            return "coordinate of a point";
    }
    sums *all = (sums *)to;
    all->all.n_images += one.n_images;
    all->all.hits += one.hits;
    all->all.exact_hits += one.exact_hits;
    if (one.n_images)
        cr_metric_add_to_class(&all->by_class, image->label, one.hits > 0);
    return NULL;
}

static cr_metric_value pointing_game_acc(const int64_t *of)
{
    const hit *all = &((const sums *)of)->all;
    return cr_metric_share(all->hits, all->n_images);
}

static cr_metric_value pointing_game_exact(const int64_t *of)
{
    const hit *all = &((const sums *)of)->all;
    return cr_metric_share(all->exact_hits, all->n_images);
}

static cr_metric_value pointing_game_by_class(const int64_t *of)
{
    return cr_metric_mean_of_classes(&((const sums *)of)->by_class);
}

static double hit_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                           const cr_metric_given *given)
{
    const hit one = judge(image, verdict, given);
    return one.n_images ? (double)one.hits : NAN;
}

static double exact_hit_of_image(const cr_metric_image *image, const cr_verdict *verdict,
                                 const cr_metric_given *given)
{
    const hit one = judge(image, verdict, given);
    return one.n_images ? (double)one.exact_hits : NAN;
}

static const cr_metric_number numbers[] = {
    {"pointing_game", "pointing", "%", CR_METRIC_UP, 2, CR_METRIC_OF_MAP, CR_METRIC_WILSON, NULL,
     pointing_game_acc, hit_of_image, -1, false},
    {"pointing_game_exact", "exact", "%", CR_METRIC_UP, 2, CR_METRIC_OF_MAP, CR_METRIC_WILSON, NULL,
     pointing_game_exact, exact_hit_of_image, -1, false},
    {"pointing_game_by_class", "by class", "%", CR_METRIC_UP, 2, CR_METRIC_OF_MAP,
     CR_METRIC_BOOTSTRAP, NULL, pointing_game_by_class, NULL, -1, false},
};

static const char *const meanings[] = {
    "Images whose map is largest on the object, or less than `tolerance` pixels from it.",
    "Images whose map is largest on the object.",
    "Of each class the share of images whose map is largest on the object, or less than "
    "`tolerance` pixels from it, as a mean over the classes.",
};

static const cr_metric_sum named[] = {{"pointing_game_images", 0, false}};

const cr_metric cr_metric_pointing_game = {
    .name = "pointing-game",
    .summary = "whether the largest value of the map lies on the object, or near it",
    .source = "Zhang et al., ECCV 2016, section 4.1, as TorchRay has it",
    .needs = CR_METRIC_NEEDS_BOXES,
    .parameters = {parameters, sizeof parameters / sizeof parameters[0]},
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
