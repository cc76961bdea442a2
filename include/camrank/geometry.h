/* geometry.h - boxes, regions and scalings, the plain values that several rooms share. */
#ifndef CAMRANK_GEOMETRY_H
#define CAMRANK_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

/* A box in whole pixels of the original image, 0-based and inclusive on all four sides, as in the
 * ILSVRC devkit: its width is x1 - x0 + 1. */
typedef struct cr_box {
    int32_t x0, y0, x1, y1;
} cr_box;

/* The part of the original image that the network saw, in pixels of the original image, with pixel
 * (i, j) covering [i, i+1) x [j, j+1). The whole of a w x h image is {0, 0, w, h}. */
typedef struct cr_region {
    double x0, y0, width, height;
} cr_region;

/* One of the parts of an image that the network saw. */
typedef struct cr_view {
    cr_region region;
    bool flip; /* mirrored left to right: the first column of its map lies at the region's right */
} cr_view;

/* How a raw map becomes one that starts at 0, at its own resolution, before upsampling. */
typedef enum cr_scaling {
    CR_SCALING_MIN_MAX, /* (m - min) / (max - min): CAM */
    CR_SCALING_MAX,     /* m / max, nothing subtracted: Grad-CAM, which is >= 0 by its ReLU */
} cr_scaling;

#endif
