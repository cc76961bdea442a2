/* geometry.h - boxes and regions, the plain values that data, image, loc and results share. */
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

#endif
