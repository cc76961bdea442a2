/* The pixels of an upsampled map in the order of their values, by a radix sort. */
#include "camrank/multiversion.h"
#include "pixels.h"

#include <string.h>

/* A float from 0 on is ordered as its bits are, of which the highest is 0. The lowest of a key, which says whether
 * the pixel is inside, is none that is sorted: equal pixels stay in raster order. Few of the highest digits are
 * there, since values are from 0 to 1: it can be long, and the others short, whose places then stay in the
 * cache. */
enum { LOW_BITS = 9, TOP_BITS = 31 - 2 * LOW_BITS, N_LOW = 1 << LOW_BITS, N_TOP = 1 << TOP_BITS };

/* Neighbours often have one top digit, and to count there waits for the one before: the second half, which is counted
 * beside the first, has counts of its own. */
typedef struct counts {
    uint32_t low[N_LOW], middle[N_LOW], top[2][N_TOP];
} counts;

static uint32_t low_of(uint32_t key)
{
    return key >> 1 & (N_LOW - 1);
}

static uint32_t middle_of(uint32_t key)
{
    return key >> (1 + LOW_BITS) & (N_LOW - 1);
}

static uint32_t top_of(uint32_t key)
{
    return key >> (1 + 2 * LOW_BITS);
}

static void count_one(uint32_t key, counts *c, uint32_t *top)
{
    c->low[low_of(key)]++;
    c->middle[middle_of(key)]++;
    top[top_of(key)]++;
}

static void count(size_t n, const uint32_t *restrict keys, counts *restrict c)
{
    const size_t half = n / 2;
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < half; i++) {
        count_one(keys[i], c, c->top[0]);
        count_one(keys[half + i], c, c->top[1]);
    }
    if (n > 2 * half)
        count_one(keys[n - 1], c, c->top[0]);
}

/* Counts become the place of the first of each bucket. */
static void add_up(int n, uint32_t *begins)
{
    uint32_t begin = 0;
    for (int k = 0; k < n; k++) {
        const uint32_t n_here = begins[k];
        begins[k] = begin;
        begin += n_here;
    }
}

/* The sorted keys are in `other` then. */
static void sort(size_t n, uint32_t *restrict keys, uint32_t *restrict other, counts *restrict c)
{
    count(n, keys, c);
    for (int k = 0; k < N_TOP; k++)
        c->top[0][k] += c->top[1][k];
    add_up(N_LOW, c->low);
    add_up(N_LOW, c->middle);
    add_up(N_TOP, c->top[0]);
    for (size_t i = 0; i < n; i++)
        other[c->low[low_of(keys[i])]++] = keys[i];
    for (size_t i = 0; i < n; i++)
        keys[c->middle[middle_of(other[i])]++] = other[i];
    for (size_t i = 0; i < n; i++)
        other[c->top[0][top_of(keys[i])]++] = keys[i];
}

/* Which pixels are in a box. */
static void mark(const cr_box *truth, int n_truth, int width, int height, uint8_t *inside)
{
    memset(inside, 0, (size_t)width * (size_t)height);
    for (int i = 0; i < n_truth; i++) {
        const int first = truth[i].x0 > 0 ? truth[i].x0 : 0;
        const int end = truth[i].x1 < width ? truth[i].x1 + 1 : width;
        const int last = truth[i].y1 < height ? truth[i].y1 : height - 1;
        for (int y = truth[i].y0 > 0 ? truth[i].y0 : 0; y <= last && first < end; y++)
            memset(inside + (size_t)y * (size_t)width + first, 1, (size_t)(end - first));
    }
}

CR_MULTIVERSION
static void make_keys(size_t n, const float *values, const uint8_t *inside, uint32_t *restrict keys)
{
    for (size_t i = 0; i < n; i++) {
        const float value = values[i] > 0 ? values[i] : 0;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        keys[i] = bits << 1 | inside[i];
    }
}

enum { LANES = 16 };

/* Each lane sums up every 16th pixel; a key of 0 adds nothing. */
CR_MULTIVERSION
static void sum_up(size_t n, const uint32_t *keys, cr_loc_ranked *ranked)
{
    double sum[LANES] = {0}, sum_inside[LANES] = {0};
    uint32_t n_inside[LANES] = {0}, rest[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const uint32_t *block =
            n - i < LANES ? memcpy(rest, keys + i, (n - i) * sizeof *keys) : keys + i;
#pragma GCC unroll 1 /* else it is taken apart into single values before it is vectorised */
        for (int l = 0; l < LANES; l++) {
            const double value = (double)cr_loc_key_value(block[l]);
            sum[l] += value;
            sum_inside[l] += block[l] & 1 ? value : 0;
            n_inside[l] += block[l] & 1;
        }
    }
    for (int l = 0; l < LANES; l++) {
        ranked->sum += sum[l];
        ranked->sum_inside += sum_inside[l];
        ranked->n_inside += n_inside[l];
    }
}

static size_t count_inside(const uint32_t *keys, size_t n)
{
    size_t inside = 0;
    for (size_t i = 0; i < n; i++)
        inside += keys[i] & 1;
    return inside;
}

size_t cr_loc_largest_inside(const cr_loc_ranked *ranked, size_t k)
{
    if (k == 0)
        return 0;
    const uint32_t *keys = ranked->keys, least = keys[ranked->n - k] >> 1;
    size_t first = ranked->n - k, end = first; /* those that are equal to the least */
    while (first > 0 && keys[first - 1] >> 1 == least)
        first--;
    while (end < ranked->n && keys[end] >> 1 == least)
        end++;
    const size_t n_above = ranked->n - end;
    return count_inside(keys + end, n_above) + count_inside(keys + first, k - n_above);
}

cr_status cr_loc_rank(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      const cr_box *truth, int n_truth, cr_loc_ranked *ranked,
                      cr_loc_workspace *workspace, cr_error *err)
{
    const size_t n = (size_t)width * (size_t)height;
    cr_pixels *pixels;
    CR_OR_RETURN(cr_loc_pixels(map, upsampling, width, height, &pixels, workspace, err));
    if (n_truth == 0 && pixels->ranked.keys) {
        *ranked = (cr_loc_ranked){.n = n, .sum = pixels->ranked.sum, .keys = pixels->ranked.keys};
        return CR_OK;
    }
    pixels->ranked.keys = NULL;
    uint32_t *keys = cr_loc_room(workspace, CR_PART_RANKED, 2 * n, sizeof *keys, err);
    uint8_t *inside = cr_loc_room(workspace, CR_PART_INSIDE, n, 1, err);
    counts *c = cr_loc_room(workspace, CR_PART_COUNTS, 1, sizeof *c, err);
    if (!keys || !inside || !c)
        return CR_EINTERNAL;
    *ranked = (cr_loc_ranked){.n = n, .keys = keys + n};
    mark(truth, n_truth, width, height, inside);
    make_keys(n, pixels->values, inside, keys);
    sum_up(n, keys, ranked);
    sort(n, keys, keys + n, c);
    pixels->ranked = *ranked;
    return CR_OK;
}
