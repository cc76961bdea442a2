/* The boxes of a protocol: classification and localization errors, GT-known, and the mean IoU. */
#include "internal.h"

static const cr_metric_column columns[] = {
    {"boxes",
     CR_METRIC_I32,
     {CR_SLOTS, CR_METRIC_EXTENT_BOXES, 4},
     "pixel of the original image",
     "[slot][box, if the protocol has several] x0, y0, x1, y1: 0-based, inclusive on all "
     "sides; -1 where there is none",
     false},
    {"iou",
     CR_METRIC_F64,
     {CR_SLOTS, CR_METRIC_EXTENT_BOXES},
     "1",
     "[slot][box, if the protocol has several] best IoU of the box with a ground-truth box "
     "of the image, whatever the class of the slot",
     true},
};

static cr_status score(const cr_metric_map *map, void *const *values, cr_loc_workspace *workspace,
                       cr_error *err)
{
    const cr_protocol *protocol = map->parameters;
    cr_box *boxes = values[0];
    double *iou = values[1];
    CR_OR_RETURN(cr_loc_boxes(map->map, protocol, map->width, map->height, map->picture, boxes,
                              workspace, err));
    for (int i = 0; i < protocol->n_boxes; i++)
        iou[i] = map->n_truth ? cr_iou_best(boxes[i], map->truth, map->n_truth) : NAN;
    return CR_OK;
}

static void add_localized(const cr_metric_image *image, const cr_verdict *verdict, cr_tally *tally)
{
    const cr_outcomes outcomes = cr_metric_outcomes(image);
    cr_prediction predictions[CR_TOP];
    cr_protocol_predictions(image->protocol, predictions);
    tally->n_localized++;
    tally->top1_loc_right += verdict->top1_loc_right;
    tally->top5_loc_right += verdict->top5_loc_right;
    tally->gt_known_right += verdict->gt_known_right;
    tally->iou_sum += cr_metric_fixed(verdict->iou);
    tally->top1_outcomes[outcomes.top1] += image->has_network;
    tally->gt_known_outcomes[outcomes.gt_known]++;
    if (!image->empty || verdict->has_failed)
        return;
    tally->top1_empty += image->has_network && image->empty[predictions[0].slot] != 0;
    tally->gt_known_empty += image->empty[CR_SLOT_TRUTH] != 0;
}

static const char *add(const cr_metric_image *image, const cr_metric_given *given, int64_t *sums,
                       double *value)
{
    cr_tally *tally = (cr_tally *)sums;
    cr_metric_image found = *image;
    found.boxes = given->columns[0];
    found.iou = given->columns[1];
    const cr_verdict verdict = cr_metric_judge(&found);
    tally->n_missing += verdict.is_missing;
    tally->n_failed += verdict.has_failed;
    tally->n_images += verdict.is_classified;
    tally->top1_class_right += verdict.top1_class_right;
    tally->top5_class_right += verdict.top5_class_right;
    if (!verdict.is_localized)
        return NULL;
    *value = verdict.iou;
    if (!(verdict.iou >= 0 && verdict.iou <= 1))
        return "IoU";
    add_localized(&found, &verdict, tally);
    return NULL;
}

static const cr_tally *tally_of(const int64_t *sums)
{
    return (const cr_tally *)sums;
}

/* The denominator of top-1 and top-5 localization: 0 where no class was given. */
static int64_t answered(const cr_tally *tally)
{
    return tally->n_images > 0 ? tally->n_localized : 0;
}

/* An error of `right` of `counted` images, of the tally `of`. */
#define ERROR_COUNT(key, right, counted)                        \
    static cr_metric_value key(const int64_t *sums)             \
    {                                                           \
        const cr_tally *of = tally_of(sums);                    \
        return cr_metric_share((counted)-of->right, (counted)); \
    }
ERROR_COUNT(top1_cls_error, top1_class_right, of->n_images)
ERROR_COUNT(top5_cls_error, top5_class_right, of->n_images)
ERROR_COUNT(top1_loc_error, top1_loc_right, answered(of))
ERROR_COUNT(top5_loc_error, top5_loc_right, answered(of))
ERROR_COUNT(gt_known_loc_error, gt_known_right, of->n_localized)

/* Over n_localized images; a failed image adds 0. */
static cr_metric_value mean_iou(const int64_t *sums)
{
    const cr_tally *of = tally_of(sums);
    return cr_metric_mean(of->iou_sum, of->n_localized);
}

#define OF_IMAGE(key, counts, value)                                                      \
    static double key##_of_image(const cr_metric_image *image, const cr_verdict *verdict, \
                                 const cr_metric_given *given)                            \
    {                                                                                     \
        (void)image;                                                                      \
        (void)given;                                                                      \
        return verdict->counts ? verdict->value : NAN;                                    \
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

static const cr_metric_number numbers[] = {
    ERROR(top1_cls_error, "top-1 cls", CR_METRIC_OF_CLASSES),
    ERROR(top5_cls_error, "top-5 cls", CR_METRIC_OF_CLASSES),
    ERROR(top1_loc_error, "top-1 loc", CR_METRIC_OF_TOP),
    ERROR(top5_loc_error, "top-5 loc", CR_METRIC_OF_TOP),
    ERROR(gt_known_loc_error, "GT-known", CR_METRIC_OF_TRUTH),
    {"mean_iou", "mean IoU", "", CR_METRIC_UP, 4, CR_METRIC_OF_TRUTH, CR_METRIC_BOOTSTRAP, NULL,
     mean_iou, mean_iou_of_image, -1, false},
};

#define SUM(key, member, of_empty)                                         \
    {                                                                      \
        key, (int)(offsetof(cr_tally, member) / sizeof(int64_t)), of_empty \
    }

static const cr_metric_sum named[] = {
    SUM("images", n_images, false),
    SUM("failed", n_failed, false),
    SUM("missing", n_missing, false),
    SUM("localized", n_localized, false),
    SUM("top1_cls_right", top1_class_right, false),
    SUM("top5_cls_right", top5_class_right, false),
    SUM("top1_loc_right", top1_loc_right, false),
    SUM("top5_loc_right", top5_loc_right, false),
    SUM("gt_known_loc_right", gt_known_right, false),
    SUM("top1_empty_maps", top1_empty, true),
    SUM("gt_known_empty_maps", gt_known_empty, true),
};

static const char *const meanings[] = {
    "Images whose first class is not the ground-truth class.",
    "Images of which none of the first five classes is the ground-truth class.",
    "Images whose first class is wrong, or whose box of it has too small an IoU with every object.",
    "Images of which none of the five predictions has both the class and a box right.",
    "Images whose box of the ground-truth class has too small an IoU with every object, whatever "
    "was predicted.",
    "The mean over the images of the best IoU of the ground-truth class's box with an object.",
};
_Static_assert(sizeof meanings / sizeof meanings[0] == sizeof numbers / sizeof numbers[0], "");

const cr_metric cr_metric_localization = {
    .name = "localization",
    .summary = "errors of classes and of boxes, under each protocol of the job",
    .source = "Russakovsky et al., IJCV 2015, section 4.2; the ILSVRC devkit's eval_clsloc.m",
    .needs = CR_METRIC_NEEDS_BOXES | CR_METRIC_NEEDS_LABELS,
    .always = true,
    .of_protocol = true,
    .of_slots = true,
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .numbers = numbers,
    .n_numbers = sizeof numbers / sizeof numbers[0],
    .meanings = meanings,
    .named = named,
    .n_named = sizeof named / sizeof named[0],
    .n_sums = CR_TALLY_FIELDS,
    .score = score,
    .add = add,
};
