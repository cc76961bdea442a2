/* score_map.h - maps in the square frame of the sweep. Private to core/loc. */
#ifndef CAMRANK_LOC_SCORE_MAP_H
#define CAMRANK_LOC_SCORE_MAP_H

#include "workspace.h"

/* A map in the frame, in the workspace. */
typedef struct cr_score_map {
    const double *values; /* [CR_FRAME][CR_FRAME] */
    double low, range;    /* their minimum, and their maximum less that */
    const uint8_t *grey;  /* [CR_FRAME][CR_FRAME] (value - low) / range * 255, truncated */
} cr_score_map;

/* Keeps the parts NUMBERS and GREY of the workspace in use. The arguments are cr_loc_sweep's. */
cr_status cr_score_map_make(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                            cr_score_map *scores, cr_loc_workspace *workspace, cr_error *err);

#endif
