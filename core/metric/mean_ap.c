/* Mean average precision of the boxes of predicted classes, over all images in the order of their scores. Recalls
 * are compared as whole numbers, so that one of exactly 0.3 is at least 0.3. */
#include "internal.h"

#include <stdlib.h>

static const cr_metric_number numbers[] = {
    {.key = "map_voc07",
     .title = "mAP 11-point",
     .unit = "%",
     .better = CR_METRIC_UP,
     .places = 2,
     .of = CR_METRIC_OF_TOP,
     .bit = -1},
    {.key = "map",
     .title = "mAP",
     .unit = "%",
     .better = CR_METRIC_UP,
     .places = 2,
     .of = CR_METRIC_OF_TOP,
     .bit = -1},
};

const cr_metric cr_metric_mean_ap = {
    .name = "mean-ap",
    .summary = "mean average precision of the boxes of predicted classes, as of detectors",
    .source = "Everingham et al., IJCV 88, 2010, section 4.2; VOC devkits of 2007 and 2010",
    .needs = CR_METRIC_NEEDS_BOXES | CR_METRIC_NEEDS_LABELS | CR_METRIC_NEEDS_PAIRS,
    .always = true,
    .of_protocol = true,
    .numbers = numbers,
    .n_numbers = 2,
    .meanings =
        (const char *const[]){
            "Mean over the classes of the average precision of the first five classes' boxes: the "
            "mean of the precisions at 11 recalls, as in VOC 2007.",
            "Mean over the classes of the average precision of the first five classes' boxes: the "
            "area under precision by recall, as in VOC 2010 and later."},
};

static int compare(const void *x, const void *y)
{
    const cr_detection *a = x, *b = y;
    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    if (a->score < b->score || a->score > b->score)
        return a->score > b->score ? -1 : 1;
    return (a->image > b->image) - (a->image < b->image);
}

/* Of the n detections of one class, which has objects. From the last on, the precision at a recall is the largest
 * of this one and those that follow. */
static cr_mean_precision of_class(const cr_detection *detections, size_t n, int64_t n_objects)
{
    enum { STEPS = 10 };
    cr_mean_precision sum = {0, 0};
    int64_t n_right = 0;
    double best = 0;
    int step = STEPS;
    for (size_t i = 0; i < n; i++)
        n_right += detections[i].right;
    for (size_t i = n; i-- > 0;) {
        if (!detections[i].right)
            continue;
        const double precision = (double)n_right / (double)(i + 1);
        while (step > 0 && STEPS * n_right < step * n_objects)
            step--; /* no recall so large is left */
        best = precision > best ? precision : best;
        sum.area += best;
        for (n_right--; step > 0 && STEPS * n_right < step * n_objects; step--)
            if (STEPS * (n_right + 1) >= step * n_objects)
                sum.eleven_points += best;
    }
    sum.eleven_points += best; /* at recall 0 */
    return (cr_mean_precision){sum.eleven_points / (STEPS + 1), sum.area / (double)n_objects};
}

cr_mean_precision cr_metric_mean_precision(cr_detection *detections, size_t n,
                                           const int64_t *n_objects, int n_classes)
{
    cr_mean_precision sum = {0, 0};
    int n_counted = 0;
    size_t first = 0, end;
    qsort(detections, n, sizeof *detections, compare);
    for (int c = 0; c < n_classes; c++, first = end) {
        for (end = first; end < n && detections[end].class == c;)
            end++;
        if (n_objects[c] == 0)
            continue;
        const cr_mean_precision of = of_class(detections + first, end - first, n_objects[c]);
        sum.eleven_points += of.eleven_points;
        sum.area += of.area;
        n_counted++;
    }
    if (n_counted == 0)
        return (cr_mean_precision){NAN, NAN};
    return (cr_mean_precision){100 * sum.eleven_points / n_counted, 100 * sum.area / n_counted};
}
