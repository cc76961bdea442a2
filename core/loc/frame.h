/* frame.h - boxes in the 224 x 224 frame of the sweep. Private to core/loc. */
#ifndef CAMRANK_LOC_FRAME_H
#define CAMRANK_LOC_FRAME_H

#include "camrank/loc.h"

#define CR_N_IOUS 3 /* 0.3, 0.5, 0.7 */

/* A box of a width x height image in the frame. */
cr_box cr_frame_box(cr_box box, int width, int height);

/* Bit k: the box has at least the kth IoU with a box of `truth`. */
uint8_t cr_frame_hits(cr_box box, const cr_box *truth, int n_truth);

#endif
