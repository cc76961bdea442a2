/* contour_boxes.h - boxes as the CAM authors' released program dt_box finds them. Private to core/loc.
 */
#ifndef CAMRANK_LOC_CONTOUR_BOXES_H
#define CAMRANK_LOC_CONTOUR_BOXES_H

#include "workspace.h"

/* The rule CR_BOX_CONTOURS. The arguments are cr_loc_boxes'. */
cr_status cr_contour_boxes(const cr_loc_map *map, const cr_protocol *protocol, int width,
                           int height, cr_box *boxes, cr_loc_workspace *workspace, cr_error *err);

#endif
