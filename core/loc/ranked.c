/* The pixels of an upsampled map in the order of their values, by a radix sort. */
#include "sampler.h"
#include "workspace.h"

#include <string.h>

enum { DIGIT_BITS = 11, N_DIGITS = 3, N_BUCKETS = 1 << DIGIT_BITS };

/* A float from 0 on is ordered as its bits are; the lowest bit of a key says whether the pixel is inside. */
static uint32_t key_of(float value, bool inside)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits << 1 | inside;
}

static float value_of(uint32_t key)
{
    float value;
    key >>= 1;
    memcpy(&value, &key, sizeof value);
    return value;
}

float cr_loc_ranked_value(const cr_loc_ranked *ranked, size_t i)
{
    return value_of(ranked->keys[i]);
}

static uint32_t digit_of(uint32_t key, int d)
{
    return key >> d * DIGIT_BITS & (N_BUCKETS - 1);
}

/* Of three passes the last result is in `other`. Neighbours are often in one bucket, and to count there
 * waits for the one before: every second pixel has counts of its own. */
static void sort(size_t n, uint32_t *keys, uint32_t *other, uint32_t *counts)
{
    uint32_t *odd = counts + N_DIGITS * N_BUCKETS;
    memset(counts, 0, 2 * N_DIGITS * N_BUCKETS * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        for (uint32_t d = 0; d < N_DIGITS; d++)
            (i & 1 ? odd : counts)[d * N_BUCKETS + digit_of(keys[i], (int)d)]++;
    for (int d = 0; d < N_DIGITS; d++) {
        uint32_t *at = counts + d * N_BUCKETS, begin = 0;
        for (int k = 0; k < N_BUCKETS; k++) {
            const uint32_t count = at[k] + odd[d * N_BUCKETS + k];
            at[k] = begin;
            begin += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[digit_of(keys[i], d)]++] = keys[i];
        uint32_t *swap = keys;
        keys = other;
        other = swap;
    }
}

/* Of the `most` largest pixels, of equal ones the first in raster order, those inside. */
static size_t count_largest(const cr_loc_ranked *ranked, const uint32_t *raster, size_t most)
{
    if (most == 0)
        return 0;
    const uint32_t least = ranked->keys[ranked->n - most] >> 1;
    size_t above = 0, inside = 0;
    for (size_t i = 0; i < ranked->n; i++) {
        above += raster[i] >> 1 > least;
        inside += raster[i] >> 1 > least && raster[i] & 1;
    }
    for (size_t i = 0, left = most - above; left > 0; i++)
        if (raster[i] >> 1 == least) {
            inside += raster[i] & 1;
            left--;
        }
    return inside;
}

/* Which pixels of a row are in a box. */
static void mark_row(const cr_box *truth, int n_truth, int y, int width, uint8_t *inside)
{
    memset(inside, 0, (size_t)width);
    for (int i = 0; i < n_truth; i++) {
        const int first = truth[i].x0 > 0 ? truth[i].x0 : 0;
        const int end = truth[i].x1 < width ? truth[i].x1 + 1 : width;
        if (y >= truth[i].y0 && y <= truth[i].y1 && first < end)
            memset(inside + first, 1, (size_t)(end - first));
    }
}

/* What was ranked last, of a map of one view: its pixels are in the workspace still. */
typedef struct last {
    cr_upsampling upsampling;
    int width, height;
    cr_loc_map map; /* its arrays are not looked at */
    cr_view view;
    cr_loc_ranked ranked; /* without keys there was none */
    float values[];       /* [height][width] of the map */
} last;

static bool is_same_view(const cr_view *a, const cr_view *b)
{
    return a->flip == b->flip && a->region.x0 == b->region.x0 && a->region.y0 == b->region.y0 &&
           a->region.width == b->region.width && a->region.height == b->region.height;
}

static size_t map_bytes(const cr_loc_map *map)
{
    return (size_t)map->width * (size_t)map->height * sizeof *map->maps;
}

static bool is_last(const last *l, const cr_loc_map *map, cr_upsampling upsampling, int width,
                    int height)
{
    return l->ranked.keys && l->upsampling == upsampling && l->width == width &&
           l->height == height && l->map.width == map->width && l->map.height == map->height &&
           l->map.scaling == map->scaling && map->n_views == 1 &&
           is_same_view(&l->view, &map->views[0]) &&
           memcmp(l->values, map->maps, map_bytes(map)) == 0;
}

static last *room_of_last(cr_loc_workspace *workspace, size_t n_bytes, cr_error *err)
{
    const void *before = workspace->parts[CR_PART_RANKED_LAST].block;
    last *room = cr_loc_room(workspace, CR_PART_RANKED_LAST, sizeof(last) + n_bytes, 1, err);
    if (room && room != before)
        room->ranked.keys = NULL;
    return room;
}

/* The pixels as keys in raster order, and their sums. */
static void take_pixels(cr_sampler *s, const cr_box *truth, int n_truth, uint8_t *inside,
                        uint32_t *raster, cr_loc_ranked *ranked)
{
    for (int y = 0; y < s->height; y++) {
        cr_sampler_line(s, y);
        mark_row(truth, n_truth, y, s->width, inside);
        for (int x = 0; x < s->width; x++) {
            const float value = s->line[x] > 0 ? (float)s->line[x] : 0;
            *raster++ = key_of(value, inside[x]);
            ranked->sum += value;
            ranked->sum_inside += inside[x] ? value : 0;
            ranked->n_inside += inside[x];
        }
    }
}

cr_status cr_loc_rank(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      const cr_box *truth, int n_truth, cr_loc_ranked *ranked,
                      cr_loc_workspace *workspace, cr_error *err)
{
    cr_sampler s;
    cr_map_range range;
    const size_t n = (size_t)width * (size_t)height;
    *ranked = (cr_loc_ranked){.n = n};
    CR_OR_RETURN(cr_map_check(map, width, height, &range, err));
    last *before = room_of_last(workspace, map_bytes(map), err);
    if (!before)
        return err->status;
    if (n_truth == 0 && is_last(before, map, upsampling, width, height)) {
        ranked->sum = before->ranked.sum;
        ranked->keys = before->ranked.keys;
        return CR_OK;
    }
    before->ranked.keys = NULL;
    range = cr_map_scale(map, range);
    CR_OR_RETURN(cr_sampler_init(&s, map, &range, upsampling, width, height, workspace, err));
    uint32_t *raster =
        cr_loc_room(workspace, CR_PART_RANKED, 3 * n + (size_t)width / 4 + 1, sizeof *raster, err);
    uint32_t *counts =
        cr_loc_room(workspace, CR_PART_RANK_COUNTS, 2 * N_DIGITS * N_BUCKETS, sizeof *counts, err);
    if (!raster || !counts)
        return err->status;
    take_pixels(&s, truth, n_truth, (uint8_t *)(raster + 3 * n), raster, ranked);
    memcpy(raster + n, raster, n * sizeof *raster);
    sort(n, raster + n, raster + 2 * n, counts);
    ranked->keys = raster + 2 * n;
    ranked->n_largest_inside = count_largest(ranked, raster, ranked->n_inside);
    if (map->n_views == 1) {
        *before = (last){upsampling, width, height, *map, map->views[0], *ranked};
        memcpy(before->values, map->maps, map_bytes(map));
    }
    return CR_OK;
}
