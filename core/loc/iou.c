/* IoU with inclusive sides, as in the devkit: areas in 64 bits, so that no box overflows. */
#include "camrank/loc.h"

/* Pixels from a to b, both included; 0 if there are none. */
static uint64_t span(int32_t a, int32_t b)
{
    return b < a ? 0 : (uint64_t)((int64_t)b - a + 1);
}

static uint64_t area(cr_box box)
{
    return span(box.x0, box.x1) * span(box.y0, box.y1);
}

double cr_iou(cr_box a, cr_box b)
{
    cr_box both = {
        a.x0 > b.x0 ? a.x0 : b.x0,
        a.y0 > b.y0 ? a.y0 : b.y0,
        a.x1 < b.x1 ? a.x1 : b.x1,
        a.y1 < b.y1 ? a.y1 : b.y1,
    };
    uint64_t shared = area(both);
    return shared ? (double)shared / (double)(area(a) + area(b) - shared) : 0;
}

double cr_iou_best(cr_box box, const cr_box *boxes, int n_boxes)
{
    double best = 0;
    for (int i = 0; i < n_boxes; i++) {
        double iou = cr_iou(box, boxes[i]);
        if (iou > best)
            best = iou;
    }
    return best;
}
