/* flood.h - the connected parts of a picture's foreground, or its holes, at all levels in one pass.
 * Private to core/loc.
 *
 * At level t the foreground is the pixels > t, 8-connected; the holes are the 4-connected parts of the
 * rest that do not reach the picture's edge: these are what OpenCV's findContours draws borders round.
 * Going through the levels in one direction parts only appear, grow and join, so that a union-find
 * over the pixels sorted by value gives them all: the component tree of Najman and Couprie, IEEE TIP
 * 15 (2006), walked instead of stored. Which neighbours came before a pixel, and are thus in, is known
 * beforehand (cr_levels.before), and a table says which of them may be different parts: nearly always
 * one at most. */
#ifndef CAMRANK_LOC_FLOOD_H
#define CAMRANK_LOC_FLOOD_H

#include "levels.h"

typedef enum cr_flood_kind {
    CR_FLOOD_FOREGROUND, /* levels descending from 255 */
    CR_FLOOD_HOLES,      /* levels ascending from 0 */
} cr_flood_kind;

/* Most parts that ever appear: extrema of a 4-connected picture, and the outside. */
#define CR_MAX_PARTS (CR_PIXELS / 2 + 2)

typedef struct cr_part {
    uint16_t parent;        /* itself while it is a part of its own */
    uint8_t x0, y0, x1, y1; /* its tightest box */
    bool changed;           /* it is on the list of changed parts */
    uint8_t bits;           /* the caller's; 0 at first */
    /* Of the foreground only: */
    uint16_t first; /* place of its first pixel in raster order */
    int64_t sums;   /* see cr_part_area and cr_part_is_solid */
} cr_part;

/* Two sums in one number: twice the area below CR_EULER, four times the Euler number above it. */
#define CR_EULER ((int64_t)1 << 32)

/* Twice the area between its border polygons: what its holes enclose does not count. */
static inline int cr_part_area(const cr_part *part)
{
    return (int)(part->sums & (CR_EULER - 1));
}

/* Whether it has no holes: its Euler number is 1. */
static inline bool cr_part_is_solid(const cr_part *part)
{
    return part->sums / CR_EULER == 4;
}

/* What follows from which neighbours are in; by the mask of these. */
typedef struct cr_flood_rule {
    uint8_t n_joins;  /* parts that the pixel joins, at most */
    uint8_t joins[4]; /* a neighbour in each */
    int64_t sums;     /* what the pixel adds to cr_part.sums */
} cr_flood_rule;

typedef struct cr_flood {
    const cr_levels *levels;
    cr_flood_kind kind;
    cr_flood_rule rules[256];
    uint16_t label[CR_PLACES]; /* of pixels that are in: a part, or one that was joined to it */
    int n_parts;
    cr_part parts[CR_MAX_PARTS]; /* for holes the first is the outside */
    int n_alive;
    uint16_t alive[CR_MAX_PARTS]; /* parts; after cr_flood_list only such */
    int n_changed;
    uint16_t changed[CR_MAX_PARTS]; /* new, or with another box, since the caller set this to 0 */
    int n_lost;
    uint16_t lost[CR_MAX_PARTS]; /* joined to others since the caller set this to 0 */
} cr_flood;

void cr_flood_start(cr_flood *flood, const cr_levels *levels, cr_flood_kind kind);

/* Lets in the pixels of value `grey`; values one after the other in the direction of the kind. */
void cr_flood_add(cr_flood *flood, int grey);

/* Clears `alive` of what is no part of its own any more. */
void cr_flood_list(cr_flood *flood);

/* Whether a part that was on a list is still one of its own, and not the outside. */
static inline bool cr_flood_is_part(const cr_flood *flood, int part)
{
    return flood->parts[part].parent == part && !(flood->kind == CR_FLOOD_HOLES && part == 0);
}

#endif
