/* erode.h - a mask without its margins. Private to core/loc. */
#ifndef CAMRANK_LOC_ERODE_H
#define CAMRANK_LOC_ERODE_H

#include "workspace.h"

/* Keeps of a mask what is far from its outside, relative to its thickest part, as dt_box does (dt.c of
 * the CAM authors): the Euclidean distances to the nearest pixel that is out, scaled to 255 for the
 * largest and rounded, must exceed 10. A mask without a pixel that is out stays as it is.
 *   mask  [height][width], 0 or 1; in place
 * Keeps the parts DISTANCES and TAPS of the workspace in use. Errors: CR_EINTERNAL for memory. */
cr_status cr_erode(uint8_t *mask, int width, int height, cr_loc_workspace *workspace,
                   cr_error *err);

#endif
