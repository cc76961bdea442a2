/* Boxes scaled to the 224 x 224 frame, by truncation as in wsolevaluation, and which of its three
 * IoUs they reach; the two baselines among them. */
#include "frame.h"

#include <string.h>

cr_box cr_frame_box(cr_box box, int width, int height)
{
    return (cr_box){
        (int32_t)(box.x0 * (double)CR_FRAME / width),
        (int32_t)(box.y0 * (double)CR_FRAME / height),
        (int32_t)(box.x1 * (double)CR_FRAME / width),
        (int32_t)(box.y1 * (double)CR_FRAME / height),
    };
}

uint8_t cr_frame_hits(cr_box box, const cr_box *truth, int n_truth)
{
    uint8_t hits = 0;
    for (int i = 0; i < n_truth; i++) {
        double iou = cr_iou(box, truth[i]);
        hits = (uint8_t)(hits | (iou >= 0.3) | (iou >= 0.5) << 1 | (iou >= 0.7) << 2);
    }
    return hits;
}

void cr_loc_whole_image_hits(int width, int height, const cr_box *truth, int n_truth, uint8_t *hits)
{
    const cr_box whole = {0, 0, CR_FRAME - 1, CR_FRAME - 1};
    *hits = 0;
    for (int i = 0; i < n_truth; i++) {
        cr_box box = cr_frame_box(truth[i], width, height);
        *hits |= cr_frame_hits(whole, &box, 1);
    }
}

void cr_loc_center_hits(int width, int height, const cr_box *truth, int n_truth,
                        uint8_t hits[CR_CENTER_BOXES])
{
    memset(hits, 0, CR_CENTER_BOXES);
    for (int i = 0; i < n_truth; i++) {
        cr_box box = cr_frame_box(truth[i], width, height);
        for (int k = 0; k < CR_CENTER_BOXES; k++) {
            int near = CR_FRAME / 2 - 2 * (k + 1), far = CR_FRAME / 2 + 2 * (k + 1);
            if (far > CR_FRAME - 1)
                far = CR_FRAME - 1;
            hits[k] |= cr_frame_hits((cr_box){near, near, far, far}, &box, 1);
        }
    }
}
