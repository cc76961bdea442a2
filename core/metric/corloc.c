/* CorLoc: how often the box of the ground-truth class is right, as a mean over the classes. */
#include "internal.h"

static const cr_metric_column columns[] = {
    {"corloc/iou",
     CR_METRIC_F64,
     {1},
     "1",
     "best IoU of the first box of the ground-truth class with a ground-truth box; NaN where there "
     "are no boxes",
     true},
};

enum { MOST_BOXES = 2 }; /* of a protocol */

/* The box of `localization`, under the same protocol. */
static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    cr_box boxes[MOST_BOXES] = {{0}};
    double iou[MOST_BOXES] = {0};
    CR_OR_RETURN(cr_metric_localization.score(map, (void *[]){boxes, iou}, workspace, err));
    *(double *)values[0] = iou[0];
    return CR_OK;
}

typedef struct sums {
    int64_t n_images;
    cr_metric_classes by_class;
} sums;

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *to,
                       double *value)
{
    sums *all = (sums *)to;
    const cr_verdict verdict = cr_metric_judge(image);
    if (!verdict.is_localized)
        return NULL;
    *value = verdict.has_failed ? 0 : *(const double *)given->columns[0];
    if (!(*value >= 0 && *value <= 1))
        return "IoU";
    all->n_images++;
    cr_metric_add_to_class(&all->by_class, image->label, *value >= image->protocol->iou);
    return NULL;
}

static cr_metric_value count(const int64_t *of)
{
    return cr_metric_mean_of_classes(&((const sums *)of)->by_class);
}

static const cr_metric_number numbers[] = {
    {"corloc", "CorLoc", "%", CR_METRIC_UP, 2, CR_METRIC_OF_TRUTH, CR_METRIC_BOOTSTRAP, NULL, count,
     NULL, -1, false},
};

static const cr_metric_sum named[] = {{"corloc_images", 0, false}};

const cr_metric cr_metric_corloc = {
    .name = "corloc",
    .summary = "share of a class's images whose box is right, as a mean over the classes",
    .source = "Deselaers et al., IJCV 2012, section 6.2; of weakly supervised detection",
    .needs = CR_METRIC_NEEDS_BOXES,
    .of_protocol = true,
    .columns = columns,
    .n_columns = 1,
    .numbers = numbers,
    .n_numbers = 1,
    .meanings = (const char *const[]){"Of each class the share of its images whose box is right, "
                                      "as a mean over the classes."},
    .named = named,
    .n_named = 1,
    .n_sums = sizeof(sums) / sizeof(int64_t),
    .score = score,
    .add = add,
};
