/* axis.h - which map positions, with which weights, make a pixel along one axis. Private to core/loc.
 */
#ifndef CAMRANK_LOC_AXIS_H
#define CAMRANK_LOC_AXIS_H

#include "camrank/loc.h"

/* n map positions over start .. start + extent of the image, in pixels. */
typedef struct cr_axis {
    int n;
    double start, extent;
    cr_upsampling upsampling;
} cr_axis;

typedef struct cr_tap {
    int at;
    double weight;
} cr_tap;

/* For bilinear and nearest: the value is low + weight * (high - low). */
typedef struct cr_axis_point {
    int low, high; /* map positions; -1 outside */
    double weight; /* of `high`; 0 to 1 */
} cr_axis_point;

cr_axis_point cr_axis_locate(const cr_axis *axis, int i);

/* Whether the centre of pixel i lies on the axis. */
bool cr_axis_covers(const cr_axis *axis, int i);

/* Most taps of a pixel. */
size_t cr_axis_max_taps(const cr_axis *axis);

/* The taps of pixel i, which sum to 1 within rounding; their number, 0 outside. */
int cr_axis_taps(const cr_axis *axis, int i, cr_tap *taps);

#endif
