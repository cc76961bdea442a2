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
     .interval = CR_METRIC_BOOTSTRAP,
     .bit = -1},
    {.key = "map",
     .title = "mAP",
     .unit = "%",
     .better = CR_METRIC_UP,
     .places = 2,
     .of = CR_METRIC_OF_TOP,
     .interval = CR_METRIC_BOOTSTRAP,
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

static int compare_objects(const void *x, const void *y)
{
    const cr_objects *a = x, *b = y;
    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    return (a->image > b->image) - (a->image < b->image);
}

void cr_detections_sort(cr_detections *detections)
{
    qsort(detections->items, detections->n, sizeof *detections->items, compare);
    qsort(detections->objects, detections->n_objects, sizeof *detections->objects, compare_objects);
}

static int64_t times(const uint16_t *counts, int image)
{
    return counts ? counts[image] : 1;
}

/* Of the n detections of one class, which has objects. From the last on, the precision at a recall is the largest
 * of this one and those that follow; of the copies of one that is right, which are neighbours, it is that of the
 * last. */
static cr_mean_precision of_class(const cr_detection *detections, size_t n, const uint16_t *counts,
                                  int64_t n_objects)
{
    enum { STEPS = 10 };
    cr_mean_precision sum = {0, 0};
    int64_t n_right = 0, n_all = 0;
    double best = 0;
    int step = STEPS;
    for (size_t i = 0; i < n; i++) {
        const int64_t copies = times(counts, detections[i].image);
        n_all += copies;
        n_right += detections[i].right ? copies : 0;
    }
    for (size_t i = n; i-- > 0;) {
        const int64_t copies = times(counts, detections[i].image);
        if (detections[i].right && copies > 0) {
            const double precision = (double)n_right / (double)n_all;
            while (step > 0 && STEPS * n_right < step * n_objects)
                step--; /* no recall so large is left */
            best = precision > best ? precision : best;
            sum.area += (double)copies * best;
            for (n_right -= copies; step > 0 && STEPS * n_right < step * n_objects; step--)
                sum.eleven_points += best;
        }
        n_all -= copies;
    }
    sum.eleven_points += best; /* at recall 0 */
    return (cr_mean_precision){100 * sum.eleven_points / (STEPS + 1),
                               100 * sum.area / (double)n_objects};
}

/* The next class's part of the arrays. */
typedef struct part {
    size_t first, n, first_object;
    int64_t n_objects;
} part;

static part next_part(const cr_detections *of, const uint16_t *counts, int class, part last)
{
    part next = {.first = last.first + last.n, .first_object = last.first_object};
    while (next.first + next.n < of->n && of->items[next.first + next.n].class == class)
        next.n++;
    for (; next.first_object < of->n_objects && of->objects[next.first_object].class == class;
         next.first_object++)
        next.n_objects +=
            of->objects[next.first_object].n * times(counts, of->objects[next.first_object].image);
    return next;
}

cr_mean_precision cr_metric_mean_precision(const cr_detections *detections, const uint16_t *counts,
                                           cr_mean_precision *by_class)
{
    cr_mean_precision sum = {0, 0};
    part at = {0};
    int n_counted = 0;
    for (int c = 0; c < detections->n_classes; c++) {
        cr_mean_precision of = {NAN, NAN};
        at = next_part(detections, counts, c, at);
        if (at.n_objects > 0) {
            of = of_class(detections->items + at.first, at.n, counts, at.n_objects);
            sum.eleven_points += of.eleven_points;
            sum.area += of.area;
            n_counted++;
        }
        if (by_class)
            by_class[c] = of;
    }
    if (n_counted == 0)
        return (cr_mean_precision){NAN, NAN};
    return (cr_mean_precision){sum.eleven_points / n_counted, sum.area / n_counted};
}
