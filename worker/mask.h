/* mask.h - the mask of an image. Local. */
#ifndef CAMRANK_WORKER_MASK_H
#define CAMRANK_WORKER_MASK_H

#include "camrank/data.h"

/* Initialise with {0}; no pixels where the image has no mask, or one of several classes
 * that has none of its own. */
typedef struct cr_mask {
    uint8_t *pixels; /* [height][width] 1 on the object, 2 where pixels do not count, else 0 */
    int width, height;
} cr_mask;

/* Reads image i's, and which pixels of it do not count: where the object is, they do. Files of objects and of
 * pixels that do not count may have any size: each is brought to CR_FRAME x CR_FRAME by the nearest pixel, which
 * is the size of such a mask. One of all classes, or from outlines, has its own size. Errors: CR_EINPUT naming the
 * file; those of cr_image_decode and cr_file_read. */
cr_status cr_mask_read(const cr_dataset *data, int i, int max_mpixels, cr_mask *mask,
                       cr_error *err);
void cr_mask_free(cr_mask *mask);

#endif
