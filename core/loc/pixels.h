/* pixels.h - a map upsampled to the image, kept: several metrics look at the pixels of one map, which are made
 * once. Private to core/loc. */
#ifndef CAMRANK_LOC_PIXELS_H
#define CAMRANK_LOC_PIXELS_H

#include "workspace.h"

/* Of which map, and what was made of it. Its arrays lie behind it. */
typedef struct cr_pixels {
    cr_loc_map map;
    cr_upsampling upsampling;
    int width, height;
    const float *values;  /* [height][width] as cr_loc_upsample has them */
    cr_loc_ranked ranked; /* without keys they were not ranked yet */
} cr_pixels;

/* The pixels of the map; those of the call before, if it was of the same. Keeps the parts PIXELS and PIXELS_OF of
 * the workspace in use. Errors: as cr_loc_upsample. */
cr_status cr_loc_pixels(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                        cr_pixels **pixels, cr_loc_workspace *workspace, cr_error *err);

#endif
