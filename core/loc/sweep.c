/* MaxBoxAcc's hits at all 255 thresholds: the foreground once from the top level down, and, where
 * there are holes, these from the bottom up; each level as OpenCV's findContours would list it. */
#include <string.h>

#include "flood.h"
#include "frame.h"
#include "score_map.h"

/* Everything that a sweep needs besides the score map. */
typedef struct sweep {
    cr_levels levels;
    cr_flood flood;
    int n_truth;
    cr_box truth[]; /* [n_truth] in the frame */
} sweep;

/* A contour's box as wsolevaluation has it: the far sides are one pixel beyond, inside the frame. A
 * hole's contour lies on the pixels round it. */
static cr_box contour_box(const cr_part *part, cr_flood_kind kind)
{
    int out = kind == CR_FLOOD_HOLES;
    int x1 = part->x1 + out + 1, y1 = part->y1 + out + 1;
    return (cr_box){part->x0 - out, part->y0 - out, x1 < CR_FRAME ? x1 : CR_FRAME - 1,
                    y1 < CR_FRAME ? y1 : CR_FRAME - 1};
}

/* The part whose outer border encloses the largest area, of equal ones that which OpenCV lists first:
 * the one that begins last. An outer border encloses all that lies inside, so holes' borders and parts
 * in holes never win. -1 where there is none. */
static int find_largest(cr_flood *flood, int level)
{
    cr_flood_list(flood);
    int least = -1; /* twice the area that some part has at least */
    for (int i = 0; i < flood->n_alive; i++) {
        const cr_part *part = &flood->parts[flood->alive[i]];
        least = cr_part_area(part) > least ? cr_part_area(part) : least;
    }
    int best = -1, best_area = -1;
    bool best_known = true;
    for (int i = 0; i < flood->n_alive; i++) {
        int id = flood->alive[i];
        const cr_part *part = &flood->parts[id];
        bool solid = cr_part_is_solid(part);
        int most = solid ? cr_part_area(part) : 2 * (part->x1 - part->x0) * (part->y1 - part->y0);
        if (most < least)
            continue;
        if (best < 0) { /* perhaps the only one: then its area is not needed */
            best = id;
            best_area = cr_part_area(part);
            best_known = solid;
            continue;
        }
        if (!best_known)
            best_area = cr_levels_outer_area(flood->levels, level, flood->parts[best].first);
        best_known = true;
        int area =
            solid ? cr_part_area(part) : cr_levels_outer_area(flood->levels, level, part->first);
        if (area > best_area || (area == best_area && part->first > flood->parts[best].first)) {
            best = id;
            best_area = area;
        }
    }
    return best;
}

/* Keeps the number of parts with each hit, and the bits that any has. */
static uint8_t count_hits(sweep *s, int n_with[CR_N_IOUS])
{
    cr_flood *flood = &s->flood;
    for (int i = 0; i < flood->n_lost; i++)
        for (int k = 0; k < CR_N_IOUS; k++)
            n_with[k] -= flood->parts[flood->lost[i]].bits >> k & 1;
    for (int i = 0; i < flood->n_changed; i++) {
        cr_part *part = &flood->parts[flood->changed[i]];
        part->changed = false;
        if (!cr_flood_is_part(flood, flood->changed[i]))
            continue;
        uint8_t was = part->bits;
        part->bits = cr_frame_hits(contour_box(part, flood->kind), s->truth, s->n_truth);
        for (int k = 0; k < CR_N_IOUS; k++)
            n_with[k] += (part->bits >> k & 1) - (was >> k & 1);
    }
    flood->n_lost = flood->n_changed = 0;
    uint8_t any = 0;
    for (int k = 0; k < CR_N_IOUS; k++)
        any = (uint8_t)(any | (n_with[k] > 0) << k);
    return any;
}

static bool has_holes(const cr_flood *flood)
{
    bool solid = true;
    for (int i = 0; i < flood->n_alive && solid; i++)
        solid = cr_part_is_solid(&flood->parts[flood->alive[i]]);
    return !solid;
}

/* Gives the highest level that has holes, -1 where none has. */
static int sweep_foreground(sweep *s, uint8_t *hits)
{
    int highest = -1;
    int n_with[CR_N_IOUS] = {0};
    cr_flood *flood = &s->flood;
    const uint8_t none = cr_frame_hits((cr_box){0, 0, 0, 0}, s->truth, s->n_truth);
    cr_flood_start(flood, &s->levels, CR_FLOOD_FOREGROUND);
    for (int level = CR_SWEEP_LEVELS - 1; level >= 0; level--) {
        cr_flood_add(flood, level + 1);
        uint8_t any = count_hits(s, n_with);
        int largest = find_largest(flood, level);
        hits[level] = largest < 0 ? (uint8_t)(none | none << CR_N_IOUS)
                                  : (uint8_t)(flood->parts[largest].bits | any << CR_N_IOUS);
        if (highest < 0 && has_holes(flood))
            highest = level;
    }
    return highest;
}

static void sweep_holes(sweep *s, int highest, uint8_t *hits)
{
    int n_with[CR_N_IOUS] = {0};
    cr_flood_start(&s->flood, &s->levels, CR_FLOOD_HOLES);
    for (int level = 0; level <= highest; level++) {
        cr_flood_add(&s->flood, level);
        hits[level] = (uint8_t)(hits[level] | count_hits(s, n_with) << CR_N_IOUS);
    }
}

static cr_status prepare(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                         int n_truth, sweep **result, cr_loc_workspace *workspace, cr_error *err)
{
    cr_score_map scores;
    cr_status status = cr_score_map_make(map, upsampling, width, height, &scores, workspace, err);
    if (status != CR_OK)
        return status;
    sweep *s = cr_loc_room(workspace, CR_PART_LEVELS,
                           sizeof *s + (size_t)n_truth * sizeof *s->truth, 1, err);
    if (!s)
        return CR_EINTERNAL;
    cr_levels_build(&s->levels, scores.grey);
    s->n_truth = n_truth;
    *result = s;
    return CR_OK;
}

cr_status cr_loc_sweep(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                       const cr_box *truth, int n_truth, uint8_t hits[CR_SWEEP_LEVELS],
                       cr_loc_workspace *workspace, cr_error *err)
{
    sweep *s;
    cr_status status = prepare(map, upsampling, width, height, n_truth, &s, workspace, err);
    if (status != CR_OK)
        return status;
    for (int i = 0; i < n_truth; i++)
        s->truth[i] = cr_frame_box(truth[i], width, height);
    sweep_holes(s, sweep_foreground(s, hits), hits);
    return CR_OK;
}

cr_status cr_loc_contours(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                          int level, cr_box *boxes, int max_boxes, int *n_boxes,
                          cr_loc_workspace *workspace, cr_error *err)
{
    sweep *s;
    cr_status status = prepare(map, upsampling, width, height, 0, &s, workspace, err);
    if (status != CR_OK)
        return status;
    int n = 0, largest;
    cr_flood *flood = &s->flood;
    cr_flood_start(flood, &s->levels, CR_FLOOD_FOREGROUND);
    for (int g = 255; g > level; g--)
        cr_flood_add(flood, g);
    largest = find_largest(flood, level);
    for (int i = 0; i < flood->n_alive; i++, n++)
        if (n < max_boxes)
            boxes[n] = contour_box(&flood->parts[flood->alive[i]], flood->kind);
    for (int i = 0; i < flood->n_alive && i < max_boxes; i++)
        if (flood->alive[i] == largest) {
            cr_box swap = boxes[0];
            boxes[0] = boxes[i];
            boxes[i] = swap;
        }
    if (largest < 0 && n++ < max_boxes)
        boxes[0] = (cr_box){0, 0, 0, 0};
    cr_flood_start(flood, &s->levels, CR_FLOOD_HOLES);
    for (int g = 0; g <= level; g++)
        cr_flood_add(flood, g);
    cr_flood_list(flood);
    for (int i = 0; i < flood->n_alive; i++, n++)
        if (n < max_boxes)
            boxes[n] = contour_box(&flood->parts[flood->alive[i]], flood->kind);
    *n_boxes = n;
    return CR_OK;
}
