/* loc.h - from an activation map to a box, and from a box to a score.
 *
 * All functions are Local and allocate only through the workspace. */
#ifndef CAMRANK_LOC_H
#define CAMRANK_LOC_H

#include "camrank/base.h"
#include "camrank/geometry.h"

typedef enum cr_upsampling {
    CR_UPSAMPLING_BILINEAR, /* half-pixel centres, clamped at the edge (align_corners false) */
    CR_UPSAMPLING_NEAREST,  /* half-pixel centres */
} cr_upsampling;

/* A localization protocol: everything that turns maps into hits. */
typedef struct cr_protocol {
    char name[32];
    double threshold; /* of the maximum of the upsampled map, 0 to 1; a pixel equal to it is in */
    int connectivity; /* 4 or 8 */
    cr_upsampling upsampling;
    double iou; /* a box is right when its IoU is at least this */
} cr_protocol;

/* The named protocol; CR_EINPUT naming the known ones. `cam-paper`: Zhou et al., CVPR 2016, section
 * 3.2 (threshold 20 % of the maximum, largest connected component, tightest box). */
cr_status cr_protocol_find(const char *name, cr_protocol *protocol, cr_error *err);

/* How a raw map becomes one that starts at 0, at its own resolution, before upsampling. */
typedef enum cr_scaling {
    CR_SCALING_MIN_MAX, /* (m - min) / (max - min): CAM */
    CR_SCALING_MAX,     /* m / max, nothing subtracted: Grad-CAM, which is >= 0 by its ReLU */
} cr_scaling;

/* Largest map and largest image, in pixels. */
#define CR_LOC_MAX_PIXELS ((size_t)1 << 28)

/* Grows to the largest image seen. Initialise with {0}. Not shared between threads. */
typedef struct cr_loc_workspace {
    void *block;
    size_t block_bytes;
} cr_loc_workspace;

void cr_loc_workspace_fini(cr_loc_workspace *workspace);

/* Scales a raw map and upsamples it to the image, in double precision: pixel centre x + 0.5 lies at
 * (x + 0.5 - region->x0) * map_width / region->width - 0.5 in the map, and likewise for y.
 *   map     [map_height][map_width], raw
 *   region  what part of the width x height image the map covers, by pixel centres; elsewhere `out`
 *           is 0
 *   out     [height][width], the caller's; all 0 where the map is constant (CR_SCALING_MIN_MAX) or
 *           has no positive value (CR_SCALING_MAX)
 * Errors: CR_EINPUT for a map that is not finite; CR_EINTERNAL for memory, and for a size that is
 * not positive or beyond CR_LOC_MAX_PIXELS. */
cr_status cr_loc_upsample(const float *map, int map_width, int map_height, cr_scaling scaling,
                          cr_upsampling upsampling, const cr_region *region, int width, int height,
                          float *out, cr_loc_workspace *workspace, cr_error *err);

/* The box of a map: scaled and upsampled as above, thresholded at protocol->threshold of the
 * maximum, the connected component with most pixels (of equal ones that whose first pixel comes
 * first in raster order), its tightest box. An upsampled map without a positive value gives the
 * whole image. Compares in double precision, before the rounding to the float of cr_loc_upsample.
 * Errors: as cr_loc_upsample. */
cr_status cr_loc_box(const float *map, int map_width, int map_height, cr_scaling scaling,
                     const cr_protocol *protocol, const cr_region *region, int width, int height,
                     cr_box *box, cr_loc_workspace *workspace, cr_error *err);

/* Intersection over union of two boxes with inclusive sides (width x1 - x0 + 1), as in the ILSVRC
 * devkit's eval_clsloc.m; coordinates within +-2^30. Correctly rounded for areas below 2^52, so
 * `>= 0.5` is exact. 0 where a box is empty (x1 < x0 or y1 < y0). */
double cr_iou(cr_box a, cr_box b);

/* The largest IoU of `box` with any of n boxes; 0 for n = 0. */
double cr_iou_best(cr_box box, const cr_box *boxes, int n_boxes);

#endif
