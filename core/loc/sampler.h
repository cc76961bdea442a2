/* sampler.h - maps seen at the resolution of the image, without storing them there. Private to
 * core/loc.
 *
 * W, H: width and height of a map; `width`, `height`: of the image.
 *
 * A row of an upsampled map is made in two steps: first the W map values of that row (`row`, by
 * combining map rows), then along x. For one bilinear or nearest view, the image columns fall into
 * segments that lie between the same two map columns; along a segment the value is a + weight * d with
 * constant a and d and weights that do not decrease. Rounding keeps the order, so the computed values
 * are monotone too: a segment's two ends bound it, and it crosses a threshold at most once. That is
 * why components and maxima then need a few values a segment instead of one a pixel, and still get
 * what testing every pixel would get. */
#ifndef CAMRANK_LOC_SAMPLER_H
#define CAMRANK_LOC_SAMPLER_H

#include "axis.h"
#include "workspace.h"

typedef struct cr_segment {
    int first, last; /* image columns, inclusive */
    int left, right; /* positions in `row` */
} cr_segment;

typedef struct cr_map_range {
    double low, high;
} cr_map_range;

/* One view. */
typedef struct cr_sampled_view {
    cr_axis x, y;
    double *map;   /* [H][W], scaled, and mirrored back */
    int first;     /* image column; the first that the view covers */
    int n_columns; /* that it covers */
    cr_tap *taps;  /* [n_columns][max_taps] */
    int *n_taps;   /* [n_columns] */
    int max_taps;
} cr_sampled_view;

typedef struct cr_sampler {
    int map_width, map_height; /* W, H */
    int width, height;         /* of the image */
    double *row;               /* [W + 1]; the last is 0: outside the region */
    double *line;              /* [width], filled by cr_sampler_line */
    int n_views;
    cr_sampled_view *views;
    cr_tap *row_taps; /* of the current row of a view */
    int n_segments;   /* in the order of x, covering all columns; 0: there are none */
    cr_segment *segments;
    double *weight; /* [width] */
} cr_sampler;

/* Most segments of a row: the W intervals of the map, and the two sides of the region. */
static inline size_t cr_sampler_max_segments(int map_width)
{
    return (size_t)map_width + 2;
}

/* Checks a map and the size of the image, as cr_loc_upsample does, and finds the lowest and the highest
 * value of all its views. */
cr_status cr_map_check(const cr_loc_map *map, int width, int height, cr_map_range *range,
                       cr_error *err);

/* What becomes 0 and 1 by the map's scaling. */
cr_map_range cr_map_scale(const cr_loc_map *map, cr_map_range range);

/* Scales checked maps, scale->low to 0 and scale->high to 1 (all to 0 where these are the wrong way
 * round or equal), and prepares the columns. Keeps the parts VIEWS, NUMBERS, TAPS and COLUMNS of the
 * workspace in use. Errors: CR_EINTERNAL for memory. */
cr_status cr_sampler_init(cr_sampler *sampler, const cr_loc_map *map, const cr_map_range *scale,
                          cr_upsampling upsampling, int width, int height,
                          cr_loc_workspace *workspace, cr_error *err);

/* Fills sampler->row for image row y. For a sampler with segments. */
void cr_sampler_row(cr_sampler *sampler, int y);

/* The upsampled value of column x, which lies in `segment`, of the current row. */
static inline double cr_sampler_value(const cr_sampler *sampler, const cr_segment *segment, int x)
{
    double a = sampler->row[segment->left];
    return a + sampler->weight[x] * (sampler->row[segment->right] - a);
}

/* Fills sampler->line for image row y, whether there are segments or not. */
void cr_sampler_line(cr_sampler *sampler, int y);

/* The largest value of the upsampled map. */
double cr_sampler_maximum(cr_sampler *sampler);

#endif
