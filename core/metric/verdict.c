/* What of one image counts, and whether it is right: the only place that decides it. */
#include "camrank/metric.h"

static int place_of(const cr_metric_image *image, cr_prediction prediction)
{
    return prediction.slot * image->protocol->n_boxes + prediction.box;
}

/* Where the box of the ground-truth class lies that GT-known takes: of two the one that top-1 takes. */
static int truth_place(const cr_metric_image *image, const cr_prediction *first)
{
    return place_of(image, (cr_prediction){CR_SLOT_TRUTH, first->box});
}

bool cr_metric_localizes(const cr_protocol *protocol, bool localize)
{
    return localize || !protocol->exclude;
}

bool cr_metric_hits(const cr_protocol *protocol, int32_t label, int32_t class, double iou)
{
    return class == label && iou >= protocol->iou;
}

/* Of the right class. */
static bool is_right(const cr_metric_image *image, int at)
{
    return cr_metric_hits(image->protocol, image->label, image->label, image->iou[at]);
}

static void judge_boxes(const cr_metric_image *image, cr_verdict *verdict)
{
    cr_prediction predictions[CR_TOP];
    const int n = cr_protocol_predictions(image->protocol, predictions);
    const int known = truth_place(image, predictions);
    for (int k = n - 1; k >= 0; k--) {
        verdict->top1_loc_right =
            cr_metric_hits(image->protocol, image->label, image->top_class[predictions[k].slot],
                           image->iou[place_of(image, predictions[k])]);
        verdict->top5_loc_right = verdict->top5_loc_right || verdict->top1_loc_right;
    }
    if (image->top_class[predictions[0].slot] == image->label)
        verdict->top1_iou = image->iou[place_of(image, predictions[0])];
    verdict->gt_known_right = is_right(image, known);
    verdict->iou = image->iou[known];
}

cr_verdict cr_metric_judge(const cr_metric_image *image)
{
    cr_verdict verdict = {.is_missing = image->state == CR_ROW_EMPTY};
    if (verdict.is_missing)
        return verdict;
    verdict.has_failed = image->state == CR_ROW_FAILED;
    const bool is_left_out = image->skip_failed && verdict.has_failed;
    const bool has_classes = image->model_state != CR_ROW_FAILED;
    const bool has_boxes = image->n_truth > 0, has_label = image->label >= 0;
    verdict.is_classified = has_label && image->has_network && (has_classes || !image->skip_failed);
    verdict.is_localized =
        has_boxes && cr_metric_localizes(image->protocol, image->localize) && !is_left_out;
    verdict.has_prediction = verdict.is_localized && image->has_network;
    verdict.is_swept = has_boxes && !is_left_out;
    for (int k = 0; has_label && has_classes && k < CR_TOP; k++)
        verdict.top5_class_right = verdict.top5_class_right || image->top_class[k] == image->label;
    verdict.top1_class_right = has_label && has_classes && image->top_class[0] == image->label;
    if (verdict.is_localized && !verdict.has_failed && image->iou)
        judge_boxes(image, &verdict);
    return verdict;
}

static cr_outcome outcome_at(const cr_metric_image *image, int at)
{
    return is_right(image, at) ? CR_OUTCOME_RIGHT
                               : cr_outcome_of_box(image->boxes[at], image->truth, image->n_truth);
}

cr_outcomes cr_metric_outcomes(const cr_metric_image *image)
{
    cr_outcomes outcomes = {CR_OUTCOME_FAILED, CR_OUTCOME_FAILED};
    if (image->state == CR_ROW_FAILED)
        return outcomes;
    cr_prediction predictions[CR_TOP];
    cr_protocol_predictions(image->protocol, predictions);
    outcomes.top1 = image->top_class[predictions[0].slot] == image->label
                        ? outcome_at(image, place_of(image, predictions[0]))
                        : CR_OUTCOME_WRONG_CLASS;
    outcomes.gt_known = outcome_at(image, truth_place(image, predictions));
    return outcomes;
}
