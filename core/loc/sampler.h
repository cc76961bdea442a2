/* sampler.h - a map seen at the image's resolution, without storing it there. Private to core/loc.
 *
 * W, H: width and height of the map; the image has `width` columns.
 *
 * A row of the upsampled map is made in two steps: first the W map values of that row (`row`, by
 * interpolating two map rows), then along x. The columns fall into segments that lie between the
 * same two map columns; along a segment the value is a + weight * d with constant a and d and
 * weights that do not decrease. Rounding keeps the order, so the computed values are monotone too:
 * a segment's two ends bound it, and it crosses a threshold at most once. That is why components
 * and maxima need a few values a segment instead of one a pixel, and still get what testing every
 * pixel would get. */
#ifndef CAMRANK_LOC_SAMPLER_H
#define CAMRANK_LOC_SAMPLER_H

#include "camrank/loc.h"

typedef struct cr_segment {
    int first, last; /* image columns, inclusive */
    int left, right; /* positions in `row` */
} cr_segment;

typedef struct cr_sampler {
    int map_width, map_height; /* W, H */
    int height;                /* of the image */
    cr_upsampling upsampling;
    cr_region region;
    double *map;    /* [H][W], scaled */
    double *row;    /* [W + 1]; the last is 0: outside the region */
    double *weight; /* [width] */
    int n_segments; /* in the order of x, covering all columns; at most W + 2 */
    cr_segment *segments;
    void *rest; /* what the caller asked for beyond the sampler, 16-byte aligned */
} cr_sampler;

/* Most segments of a row: the W intervals of the map, and the two sides of the region. */
static inline size_t cr_sampler_max_segments(int map_width)
{
    return (size_t)map_width + 2;
}

/* Checks the arguments, which are cr_loc_upsample's, makes room in the workspace for the sampler
 * and `rest_bytes` more, scales the map and prepares the columns. */
cr_status cr_sampler_init(cr_sampler *sampler, const float *map, int map_width, int map_height,
                          cr_scaling scaling, cr_upsampling upsampling, const cr_region *region,
                          int width, int height, size_t rest_bytes, cr_loc_workspace *workspace,
                          cr_error *err);

/* Fills sampler->row for image row y. */
void cr_sampler_row(cr_sampler *sampler, int y);

/* The upsampled value of column x, which lies in `segment`, of the current row. */
static inline double cr_sampler_value(const cr_sampler *sampler, const cr_segment *segment, int x)
{
    double a = sampler->row[segment->left];
    return a + sampler->weight[x] * (sampler->row[segment->right] - a);
}

/* The largest value of the upsampled map. */
double cr_sampler_maximum(cr_sampler *sampler);

#endif
