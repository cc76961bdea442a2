/* levels.h - a picture of 224 x 224 grey values, prepared for walking through all its levels. Private
 * to core/loc.
 *
 * A pixel's place is (y + 1) * 256 + x + 1: that in a picture with a margin of zeros all round, whose
 * places fit 16 bits. */
#ifndef CAMRANK_LOC_LEVELS_H
#define CAMRANK_LOC_LEVELS_H

#include "camrank/loc.h"

#define CR_STRIDE 256
#define CR_PLACES ((CR_FRAME + 2) * CR_STRIDE)
#define CR_PIXELS (CR_FRAME * CR_FRAME)

static inline int cr_place(int x, int y)
{
    return (y + 1) * CR_STRIDE + x + 1;
}

static inline int cr_place_x(int place)
{
    return place % CR_STRIDE - 1;
}

static inline int cr_place_y(int place)
{
    return place / CR_STRIDE - 1;
}

/* The eight neighbours, clockwise from the one above: differences of places. */
extern const int cr_neighbour[8];

typedef struct cr_levels {
    uint8_t grey[CR_PLACES];
    /* The pixels by descending grey value, equal ones in raster order: value g has order[start[g]] to
     * order[start[g - 1] - 1]. */
    uint16_t order[CR_PIXELS];
    int start[256];
    uint8_t before[CR_PLACES]; /* bit d: neighbour d comes before the pixel in that order. Pixels of
                                  value 0 have bits for the margin too */
} cr_levels;

/* grey is [CR_FRAME][CR_FRAME]. */
void cr_levels_build(cr_levels *levels, const uint8_t *grey);

/* Twice the area of the polygon through the centres of the outer border of a component of the pixels
 * > level, followed as OpenCV's findContours does (Suzuki and Abe, CVGIP 30, 1985). `first` is the
 * component's first pixel in raster order. */
int cr_levels_outer_area(const cr_levels *levels, int level, int first);

#endif
