/* colours.h - which colours a part of a picture has: a mixture of Gaussians. Private to core/loc. */
#ifndef CAMRANK_LOC_COLOURS_H
#define CAMRANK_LOC_COLOURS_H

#include "workspace.h"

enum { CR_COLOURS = 5, CR_COLOUR_ROUNDS = 5 };

/* A Gaussian of red, green and blue, 0 to 255. */
typedef struct cr_colour {
    double weight; /* share of the pixels */
    double mean[3];
    double inverse[6]; /* of the covariance: 00, 01, 02, 11, 12, 22 */
    double scale;      /* log of weight / sqrt((2 pi)^3 |covariance|) */
} cr_colour;

typedef struct cr_colours {
    int n; /* at most CR_COLOURS; 0 of no pixel */
    cr_colour of[CR_COLOURS];
} cr_colours;

/* Fits a mixture to n pixels. It begins with one group; while there are fewer than CR_COLOURS, the group of
 * largest variance along any direction is parted at its mean across that direction (Orchard and Bouman,
 * IEEE TSP 39, 1991, as GrabCut begins), unless that variance is 0. Each group gives a Gaussian, and
 * expectation maximisation goes CR_COLOUR_ROUNDS times over these. 1 is added to the variances of
 * every covariance.
 *   pixels  [n][3], 0 to 255
 * In the part GROUPS. Errors: CR_EINTERNAL for memory. */
cr_status cr_colours_fit(const uint8_t *pixels, size_t n, cr_colours *colours,
                         cr_loc_workspace *workspace, cr_error *err);

/* The negative logarithm of the density of a colour. */
double cr_colours_cost(const cr_colours *colours, const uint8_t pixel[3]);

#endif
