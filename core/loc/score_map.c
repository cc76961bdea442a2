/* A map in the 224 x 224 frame of the sweep, in 256 grey levels, as wsolevaluation makes it with
 * cv2.resize, rounding included. */
#include "score_map.h"

#include <math.h>
#include <string.h>

#include "camrank/multiversion.h"
#include "sampler.h"

/* Most map positions that make a pixel along one axis. */
#define MAX_TAPS 4

/* The map positions of a pixel and their weights, as cv2.resize has them: weights in single precision,
 * Keys' cubic of a = -3/4, no wider when it shrinks. */
typedef struct taps {
    int n, at[MAX_TAPS];
    float weight[MAX_TAPS];
} taps;

static int clamp(int i, int n)
{
    return i < 0 ? 0 : i < n ? i : n - 1;
}

/* Of pixel i, with `scale` map positions a pixel and n of them. A position beyond the edge counts as the one at the
 * edge; for columns, not for rows, cv2.resize then takes that one alone, which rounds differently. */
static void find_taps(int i, double scale, int n, cr_upsampling upsampling, bool exact_edge,
                      taps *t)
{
    if (upsampling == CR_UPSAMPLING_NEAREST) {
        t->n = 1;
        t->at[0] = clamp((int)floor((i + 0.5) * scale), n);
        t->weight[0] = 1;
        return;
    }
    float place = (float)((i + 0.5) * scale - 0.5);
    int low = (int)((double)place + 1) - 1, first = low; /* its floor: it is not below -1/2 */
    float f = place - (float)low;
    if (upsampling == CR_UPSAMPLING_BILINEAR) {
        if (exact_edge && (low < 0 || low >= n - 1))
            f = 0;
        t->n = 2;
        t->weight[0] = 1 - f;
        t->weight[1] = f;
    } else {
        const float a = -0.75f;
        t->n = 4;
        first = low - 1;
        t->weight[0] = ((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a;
        t->weight[1] = ((a + 2) * f - (a + 3)) * f * f + 1;
        t->weight[2] = ((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1;
        t->weight[3] = 1 - t->weight[0] - t->weight[1] - t->weight[2];
    }
    for (int k = 0; k < t->n; k++)
        t->at[k] = clamp(first + k, n);
}

/* Map positions a pixel, as cv2.resize rounds it. */
static double scale_of(int size, int n)
{
    return 1 / ((double)size / n);
}

/* Where a view lies in the frame, in whole pixels. */
typedef struct placement {
    int x0, y0, width, height;
} placement;

static int round_to_frame(double place, int size)
{
    return (int)lround(fmin(fmax(place * CR_FRAME / size, 0), CR_FRAME));
}

static placement place_view(const cr_region *region, int width, int height)
{
    int x0 = round_to_frame(region->x0, width), y0 = round_to_frame(region->y0, height);
    return (placement){x0, y0, round_to_frame(region->x0 + region->width, width) - x0,
                       round_to_frame(region->y0 + region->height, height) - y0};
}

/* Of the four rows at most; weights of those that are not there are not looked at. */
CR_MULTIVERSION
static void blend(int n, const double *const *row, const double *weight, int width,
                  double *restrict to)
{
    if (n <= 2)
        for (int x = 0; x < width; x++)
            to[x] += row[0][x] * weight[0] + row[1][x] * weight[1];
    else
        for (int x = 0; x < width; x++)
            to[x] += row[0][x] * weight[0] + row[1][x] * weight[1] + row[2][x] * weight[2] +
                     row[3][x] * weight[3];
}

/* Resizes a map to its place and adds it to the frame, or, where it is first, begins it.
 *   rows  [map height][CR_FRAME] scratch */
static void add_view(const cr_loc_map *map, int v, double origin, placement at,
                     cr_upsampling upsampling, bool is_first, double *rows, double *frame)
{
    const float *raw = map->maps + (size_t)v * (size_t)map->width * (size_t)map->height;
    const double scale_x = scale_of(at.width, map->width),
                 scale_y = scale_of(at.height, map->height);
    taps t;
    for (int x = 0; x < at.width; x++) {
        int from = map->views[v].flip ? at.width - 1 - x : x;
        find_taps(from, scale_x, map->width, upsampling, true, &t);
        for (int y = 0; y < map->height; y++) {
            const float *row = raw + (size_t)y * (size_t)map->width;
            double sum = 0;
            for (int k = 0; k < t.n; k++)
                sum += (row[t.at[k]] - origin) * (double)t.weight[k];
            rows[(size_t)y * CR_FRAME + (size_t)x] = sum;
        }
    }
    for (int y = 0; y < at.height; y++) {
        find_taps(y, scale_y, map->height, upsampling, false, &t);
        double *to = frame + (at.y0 + y) * CR_FRAME + at.x0;
        const double *row[MAX_TAPS];
        double weight[MAX_TAPS] = {0};
        for (int k = 0; k < MAX_TAPS; k++) {
            row[k] = rows + (size_t)t.at[k < t.n ? k : 0] * CR_FRAME;
            weight[k] = k < t.n ? (double)t.weight[k] : 0;
        }
        if (is_first)
            memset(to, 0, (size_t)at.width * sizeof *to);
        blend(t.n, row, weight, at.width, to);
    }
}

CR_MULTIVERSION
static void find_range(cr_score_map *scores)
{
    const double *values = scores->values;
    double lows[CR_FRAME], highs[CR_FRAME]; /* of the columns: one minimum must wait for itself */
    for (int x = 0; x < CR_FRAME; x++)
        lows[x] = highs[x] = values[x];
    for (int y = 1; y < CR_FRAME; y++)
        for (int x = 0; x < CR_FRAME; x++) {
            double value = values[y * CR_FRAME + x];
            lows[x] = value < lows[x] ? value : lows[x];
            highs[x] = value > highs[x] ? value : highs[x];
        }
    double low = lows[0], high = highs[0];
    for (int x = 1; x < CR_FRAME; x++) {
        low = fmin(low, lows[x]);
        high = fmax(high, highs[x]);
    }
    scores->low = low;
    scores->range = high - low;
}

CR_MULTIVERSION
static void quantise(const cr_score_map *scores, uint8_t *grey)
{
    const double *values = scores->values, low = scores->low, range = scores->range;
    if (range > 0)
        for (int i = 0; i < CR_FRAME * CR_FRAME; i++)
            grey[i] = (uint8_t)(int)((values[i] - low) / range * 255);
    else
        memset(grey, 0, CR_FRAME * CR_FRAME);
}

/* All but the grey levels. */
static cr_status fill(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      cr_score_map *scores, cr_loc_workspace *workspace, cr_error *err)
{
    cr_map_range range;
    CR_OR_RETURN(cr_map_check(map, width, height, &range, err));
    size_t pixels = CR_FRAME * CR_FRAME;
    double *frame = cr_loc_room(workspace, CR_PART_NUMBERS, pixels + (size_t)map->height * CR_FRAME,
                                sizeof *frame, err);
    if (!frame)
        return CR_EINTERNAL;
    /* The one view of the whole image is resized raw, as others do: its minimum goes in the end, and
     * rounds differently before. */
    placement first = place_view(&map->views[0].region, width, height);
    bool plain = map->n_views == 1 && first.width == CR_FRAME && first.height == CR_FRAME;
    if (!plain)
        memset(frame, 0, pixels * sizeof *frame);
    double origin = plain || map->scaling == CR_SCALING_MAX ? 0 : range.low;
    for (int v = 0; v < map->n_views; v++)
        add_view(map, v, origin, place_view(&map->views[v].region, width, height), upsampling,
                 plain, frame + pixels, frame);
    *scores = (cr_score_map){.values = frame};
    find_range(scores);
    return CR_OK;
}

cr_status cr_score_map_make(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                            cr_score_map *scores, cr_loc_workspace *workspace, cr_error *err)
{
    CR_OR_RETURN(fill(map, upsampling, width, height, scores, workspace, err));
    uint8_t *grey = cr_loc_room(workspace, CR_PART_GREY, CR_FRAME * CR_FRAME, 1, err);
    if (!grey)
        return CR_EINTERNAL;
    quantise(scores, grey);
    scores->grey = grey;
    return CR_OK;
}

/* Values from 0 to 1 in single precision, with the grey levels that they have in double precision. */
CR_MULTIVERSION
static void round_to_float(const cr_score_map *scores, float *restrict out)
{
    const double *values = scores->values, low = scores->low;
    const double range = scores->range > 0 ? scores->range : INFINITY;
    for (int i = 0; i < CR_FRAME * CR_FRAME; i++) {
        const double value = (values[i] - low) / range;
        const float nearest = (float)value;
        int32_t bits;
        memcpy(&bits, &nearest, sizeof bits);
        const int32_t next = bits + ((double)nearest > value ? -1 : 1);
        bits = (int)((double)nearest * 255) != (int)(value * 255) ? next : bits;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

cr_status cr_loc_score_map(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                           float *out, cr_loc_workspace *workspace, cr_error *err)
{
    cr_score_map scores;
    CR_OR_RETURN(fill(map, upsampling, width, height, &scores, workspace, err));
    round_to_float(&scores, out);
    return CR_OK;
}

/* The nearest beginning of a bin is the value's own or the next one's; the last one's is 1, N / N may be less. */
CR_MULTIVERSION
static void find_bins(const cr_score_map *scores, int thresholds, int32_t *restrict bins)
{
    const double *values = scores->values, low = scores->low, step = 1. / thresholds;
    const double range = scores->range > 0 ? scores->range : INFINITY;
    for (int i = 0; i < CR_FRAME * CR_FRAME; i++) {
        const double value = (values[i] - low) / range;
        const int bin = (int)(value * thresholds + 0.5);
        bins[i] = bin - ((value < bin * step) | ((bin == thresholds) & (value < 1)));
    }
}

cr_status cr_loc_score_bins(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                            int thresholds, const int32_t **bins, cr_loc_workspace *workspace,
                            cr_error *err)
{
    cr_score_map scores;
    CR_OR_RETURN(fill(map, upsampling, width, height, &scores, workspace, err));
    int32_t *room = cr_loc_room(workspace, CR_PART_GREY, CR_FRAME * CR_FRAME, sizeof *room, err);
    if (!room)
        return CR_EINTERNAL;
    find_bins(&scores, thresholds, room);
    *bins = room;
    return CR_OK;
}
