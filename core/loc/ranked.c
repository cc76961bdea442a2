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

/* Of three passes the last result is in `other`. */
static void sort(size_t n, uint32_t *keys, uint32_t *other, size_t *counts)
{
    memset(counts, 0, N_DIGITS * N_BUCKETS * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < N_DIGITS; d++)
            counts[d * N_BUCKETS + (int)(keys[i] >> d * DIGIT_BITS & (N_BUCKETS - 1))]++;
    for (int d = 0; d < N_DIGITS; d++) {
        size_t *at = counts + d * N_BUCKETS, begin = 0;
        for (int k = 0; k < N_BUCKETS; k++) {
            const size_t count = at[k];
            at[k] = begin;
            begin += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[keys[i] >> d * DIGIT_BITS & (N_BUCKETS - 1)]++] = keys[i];
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
    for (size_t i = 0; i < ranked->n; i++)
        above += raster[i] >> 1 > least;
    for (size_t i = 0, left = most - above; i < ranked->n; i++) {
        const bool is_largest = raster[i] >> 1 > least || (raster[i] >> 1 == least && left > 0);
        left -= raster[i] >> 1 == least && left > 0;
        inside += is_largest && raster[i] & 1;
    }
    return inside;
}

static bool is_inside(const cr_box *truth, int n_truth, int x, int y)
{
    for (int i = 0; i < n_truth; i++)
        if (x >= truth[i].x0 && x <= truth[i].x1 && y >= truth[i].y0 && y <= truth[i].y1)
            return true;
    return false;
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
    range = cr_map_scale(map, range);
    CR_OR_RETURN(cr_sampler_init(&s, map, &range, upsampling, width, height, workspace, err));
    uint32_t *raster = cr_loc_room(workspace, CR_PART_RANKED, 3 * n, sizeof *raster, err);
    size_t *counts =
        cr_loc_room(workspace, CR_PART_RANK_COUNTS, N_DIGITS * N_BUCKETS, sizeof *counts, err);
    if (!raster || !counts)
        return err->status;
    for (int y = 0; y < height; y++) {
        cr_sampler_line(&s, y);
        for (int x = 0; x < width; x++) {
            const float value = s.line[x] > 0 ? (float)s.line[x] : 0;
            const bool inside = is_inside(truth, n_truth, x, y);
            raster[(size_t)y * (size_t)width + (size_t)x] = key_of(value, inside);
            ranked->sum += value;
            ranked->sum_inside += inside ? value : 0;
            ranked->n_inside += inside;
        }
    }
    memcpy(raster + n, raster, n * sizeof *raster);
    sort(n, raster + n, raster + 2 * n, counts);
    ranked->keys = raster + 2 * n;
    ranked->n_largest_inside = count_largest(ranked, raster, ranked->n_inside);
    return CR_OK;
}
