/* Boxes as the CAM authors' released program dt_box finds them: its grey levels, clipping, overlaps
 * and ranks, step by step. */
#include "contour_boxes.h"

#include <math.h>
#include <string.h>

#include "component.h"
#include "dense.h"
#include "erode.h"
#include "sampler.h"

/* Side of the square to which the network's images are scaled, and in which crops are merged. */
#define SQUARE 256
/* Boxes end so many pixels before the far edges. */
#define MARGIN 5
/* Levels after the first. */
static const int further_levels[] = {100, 110};

/* A rectangle as OpenCV has them; clipping may make its sides negative. */
typedef struct rectangle {
    int64_t x, y, width, height;
} rectangle;

/* The three largest so far, of equal ones those found first. */
typedef struct ranking {
    int n;
    rectangle best[3];
} ranking;

static int64_t area(const rectangle *r)
{
    return r->width * r->height;
}

static void rank(ranking *ranks, rectangle r)
{
    int at = ranks->n < 3 ? ranks->n++ : 3;
    for (; at > 0 && area(&r) > area(&ranks->best[at - 1]); at--)
        if (at < 3)
            ranks->best[at] = ranks->best[at - 1];
    if (at < 3)
        ranks->best[at] = r;
}

static int64_t limit(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static rectangle clip(cr_box box, int width, int height)
{
    return (rectangle){
        .x = limit(box.x0, 0, width - MARGIN),
        .y = limit(box.y0, 0, height - MARGIN),
        .width = limit(box.x1 - box.x0 + 1, 0, width - box.x0 - MARGIN),
        .height = limit(box.y1 - box.y0 + 1, 0, height - box.y0 - MARGIN),
    };
}

static int64_t overlap(int64_t a, int64_t a_extent, int64_t b, int64_t b_extent)
{
    int64_t low = a > b ? a : b;
    int64_t high = a + a_extent < b + b_extent ? a + a_extent : b + b_extent;
    return high > low ? high - low : 0;
}

/* More than half of the larger. */
static bool big_overlap(const rectangle *a, const rectangle *b)
{
    int64_t larger = area(a) > area(b) ? area(a) : area(b);
    return overlap(a->x, a->width, b->x, b->width) * overlap(a->y, a->height, b->y, b->height) >
           larger / 2;
}

static int32_t in_image(int64_t place, int size)
{
    return (int32_t)limit(place, 0, size - 1);
}

static cr_box box_of(const rectangle *r, int width, int height)
{
    int64_t x = r->x + r->width, y = r->y + r->height;
    return (cr_box){in_image(r->x < x ? r->x : x, width), in_image(r->y < y ? r->y : y, height),
                    in_image(r->x > x ? r->x : x, width), in_image(r->y > y ? r->y : y, height)};
}

/* The places of the views in the square, in whole pixels. */
static cr_region place_in_square(const cr_region *region, int width, int height)
{
    double x0 = round(region->x0 * SQUARE / width), y0 = round(region->y0 * SQUARE / height);
    double x1 = round((region->x0 + region->width) * SQUARE / width);
    double y1 = round((region->y0 + region->height) * SQUARE / height);
    return (cr_region){x0, y0, fmax(x1 - x0, 1), fmax(y1 - y0, 1)};
}

/* Adds the absolute values of each view's map, brought to its place in the square. */
static cr_status merge_views(const cr_loc_map *map, int width, int height, float *square,
                             cr_loc_workspace *workspace, cr_error *err)
{
    memset(square, 0, SQUARE * SQUARE * sizeof *square);
    for (int v = 0; v < map->n_views; v++) {
        const cr_view view = {
            .region = place_in_square(&map->views[v].region, width, height),
            .flip = map->views[v].flip,
        };
        cr_loc_map one = *map;
        one.maps += (size_t)v * (size_t)map->width * (size_t)map->height;
        one.n_views = 1;
        one.views = &view;
        cr_sampler s;
        const cr_map_range raw = {0, 1};
        cr_status status =
            cr_sampler_init(&s, &one, &raw, CR_UPSAMPLING_BICUBIC, SQUARE, SQUARE, workspace, err);
        if (status != CR_OK)
            return status;
        for (int y = 0; y < SQUARE; y++) {
            cr_sampler_line(&s, y);
            for (int x = 0; x < SQUARE; x++)
                square[y * SQUARE + x] += (float)fabs(s.line[x]);
        }
    }
    return CR_OK;
}

static uint8_t grey_of(double value, double maximum)
{
    return (uint8_t)lround(fmax(maximum > 0 ? 255 * value / maximum : 0, 0));
}

/* The square scaled to the image, and smoothed, divided by its maximum, in grey values; all 0 without a
 * positive value. *level: the first at which it is cut. */
static cr_status draw_grey(const float *square, const cr_protocol *protocol, int width, int height,
                           uint8_t *grey, int *level, cr_loc_workspace *workspace, cr_error *err)
{
    const cr_view whole = {.region = {0, 0, width, height}};
    const cr_loc_map map = {square, SQUARE, SQUARE, CR_SCALING_MAX, 1, &whole};
    const cr_map_range raw = {0, 1};
    const size_t n = (size_t)width * (size_t)height;
    cr_sampler s;
    double *dense = NULL;
    CR_OR_RETURN(
        cr_sampler_init(&s, &map, &raw, CR_UPSAMPLING_BICUBIC, width, height, workspace, err));
    double maximum = cr_sampler_maximum(&s), threshold = protocol->threshold * maximum;
    if (cr_dense_is_needed(protocol)) {
        CR_OR_RETURN(cr_dense_make(&s, protocol, &dense, workspace, err));
        CR_OR_RETURN(cr_dense_threshold(protocol, protocol->threshold, dense, n, &threshold,
                                        workspace, err));
        maximum = dense[0];
        for (size_t i = 1; i < n; i++)
            maximum = fmax(maximum, dense[i]);
    }
    *level = dense ? grey_of(threshold, maximum) : (int)lround(255 * protocol->threshold);
    for (int y = 0; y < height; y++) {
        const double *line = dense ? dense + (size_t)y * (size_t)width : s.line;
        if (!dense)
            cr_sampler_line(&s, y);
        for (int x = 0; x < width; x++)
            grey[(size_t)y * (size_t)width + (size_t)x] = grey_of(line[x], maximum);
    }
    return CR_OK;
}

/* Ranks the clipped boxes of the parts of a mask (value 1, 8-connected), or of its holes (value 0,
 * 4-connected), whose contour lies on the pixels round them. */
static cr_status rank_contours(const uint8_t *mask, int value, int width, int height,
                               ranking *ranks, cr_loc_workspace *workspace, cr_error *err)
{
    size_t n = ((size_t)width + 1) / 2;
    cr_run *runs = cr_loc_room(workspace, CR_PART_RUNS, 2 * n, sizeof *runs, err);
    cr_components c = {
        .reach = value,
        .labels = cr_loc_room(workspace, CR_PART_LABELS, n * (size_t)height, sizeof *c.labels, err),
    };
    if (!runs || !c.labels)
        return CR_EINTERNAL;
    for (int y = 0; y < height; y++) {
        cr_run *row = runs + (y % 2 ? n : 0);
        cr_components_add(&c, y, row,
                          cr_find_runs(mask + (size_t)y * (size_t)width, width, value, row));
    }
    for (int i = 0; i < c.n_labels; i++) {
        cr_box box = c.labels[i].box;
        if (c.labels[i].parent != i)
            continue;
        if (value == 0) {
            if (box.x0 == 0 || box.y0 == 0 || box.x1 == width - 1 || box.y1 == height - 1)
                continue;
            box = (cr_box){box.x0 - 1, box.y0 - 1, box.x1 + 1, box.y1 + 1};
        }
        rank(ranks, clip(box, width, height));
    }
    return CR_OK;
}

cr_status cr_contour_boxes(const cr_loc_map *map, const cr_protocol *protocol, int width,
                           int height, cr_box *boxes, cr_loc_workspace *workspace, cr_error *err)
{
    int levels[] = {0, further_levels[0], further_levels[1]};
    size_t pixels = (size_t)width * (size_t)height;
    ranking ranks = {0};
    float *square = cr_loc_room(workspace, CR_PART_SQUARE, SQUARE * SQUARE, sizeof *square, err);
    uint8_t *grey = cr_loc_room(workspace, CR_PART_GREY, 2 * pixels, 1, err);
    if (!square || !grey)
        return CR_EINTERNAL;
    uint8_t *mask = grey + pixels;
    CR_OR_RETURN(merge_views(map, width, height, square, workspace, err));
    CR_OR_RETURN(draw_grey(square, protocol, width, height, grey, &levels[0], workspace, err));
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
        for (size_t i = 0; i < pixels; i++)
            mask[i] = grey[i] > levels[k];
        CR_OR_RETURN(cr_erode(mask, width, height, workspace, err));
        CR_OR_RETURN(rank_contours(mask, 1, width, height, &ranks, workspace, err));
        CR_OR_RETURN(rank_contours(mask, 0, width, height, &ranks, workspace, err));
    }
    int second = ranks.n > 1 && big_overlap(&ranks.best[0], &ranks.best[1]) ? 2 : 1;
    boxes[0] =
        ranks.n > 0 ? box_of(&ranks.best[0], width, height) : (cr_box){0, 0, width - 1, height - 1};
    if (protocol->n_boxes > 1)
        boxes[1] = second < ranks.n ? box_of(&ranks.best[second], width, height)
                                    : (cr_box){-1, -1, -1, -1};
    return CR_OK;
}
