#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void cr_loc_workspace_fini(cr_loc_workspace *workspace)
{
    free(workspace->block);
    *workspace = (cr_loc_workspace){0};
}

/* Adds room for n items to *bytes and gives its offset; false on overflow. */
static bool add_room(size_t *bytes, size_t n, size_t item_bytes, size_t *offset)
{
    size_t room;
    *offset = *bytes;
    return cr_size_mul(n, item_bytes, &room) && room <= SIZE_MAX - 15 &&
           !__builtin_add_overflow(*bytes, (room + 15) / 16 * 16, bytes);
}

static cr_status reserve(cr_loc_workspace *workspace, size_t bytes, cr_error *err)
{
    if (workspace->block_bytes >= bytes)
        return CR_OK;
    void *block = malloc(bytes);
    if (!block)
        return cr_fail_memory(err, "localization workspace", bytes, 1);
    free(workspace->block);
    workspace->block = block;
    workspace->block_bytes = bytes;
    return CR_OK;
}

static bool size_is_good(int width, int height)
{
    return width > 0 && height > 0 && (size_t)width <= CR_LOC_MAX_PIXELS / (size_t)height;
}

static bool region_is_good(const cr_region *region)
{
    return isfinite(region->x0) && isfinite(region->y0) && region->width > 0 &&
           region->height > 0 && isfinite(region->width) && isfinite(region->height);
}

static cr_status scale_map(const float *map, size_t n, cr_scaling scaling, double *scaled,
                           cr_error *err)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(map[i]))
            return cr_fail(err, CR_EINPUT, "activation map holds a value that is not finite");
        low = fmin(low, map[i]);
        high = fmax(high, map[i]);
    }
    double origin = scaling == CR_SCALING_MIN_MAX ? low : 0;
    double range = high - origin;
    for (size_t i = 0; i < n; i++)
        scaled[i] = range > 0 ? (map[i] - origin) / range : 0;
    return CR_OK;
}

typedef struct axis_point {
    int low, high; /* map positions; -1 outside the region */
    double weight; /* of `high`; 0 to 1 */
} axis_point;

/* Where pixel `i` of the image lies along one axis of n map positions over start .. start + extent.
 */
static axis_point locate(int i, int n, double start, double extent, cr_upsampling upsampling)
{
    double centre = i + 0.5 - start;
    if (centre < 0 || centre >= extent)
        return (axis_point){-1, -1, 0};
    double place = centre * n / extent;
    if (upsampling == CR_UPSAMPLING_BILINEAR)
        place -= 0.5;
    place = fmin(fmax(place, 0), n - 1 + (upsampling == CR_UPSAMPLING_NEAREST ? 0.5 : 0));
    int low = (int)place;
    if (upsampling == CR_UPSAMPLING_NEAREST)
        return (axis_point){low, low, 0};
    return (axis_point){low, low + 1 < n ? low + 1 : low, place - low};
}

static void prepare_columns(cr_sampler *s, int width)
{
    int last_low = -2;
    s->n_segments = 0;
    for (int x = 0; x < width; x++) {
        axis_point p = locate(x, s->map_width, s->region.x0, s->region.width, s->upsampling);
        if (p.low != last_low) {
            bool inside = p.low >= 0;
            s->segments[s->n_segments++] =
                (cr_segment){x, x, inside ? p.low : s->map_width, inside ? p.high : s->map_width};
            last_low = p.low;
        }
        s->weight[x] = p.weight;
        s->segments[s->n_segments - 1].last = x;
    }
}

cr_status cr_sampler_init(cr_sampler *s, const float *map, int map_width, int map_height,
                          cr_scaling scaling, cr_upsampling upsampling, const cr_region *region,
                          int width, int height, size_t rest_bytes, cr_loc_workspace *workspace,
                          cr_error *err)
{
    if (!size_is_good(map_width, map_height) || !size_is_good(width, height))
        return cr_fail(err, CR_EINTERNAL, "map of %d x %d or image of %d x %d is out of range",
                       map_width, map_height, width, height);
    if (!region_is_good(region))
        return cr_fail(err, CR_EINTERNAL, "region of %g x %g at %g, %g is out of range",
                       region->width, region->height, region->x0, region->y0);

    size_t n = (size_t)map_width * (size_t)map_height;
    size_t bytes = 0, map_at, row_at, weight_at, segments_at, rest_at;
    if (!add_room(&bytes, n, sizeof(double), &map_at) ||
        !add_room(&bytes, (size_t)map_width + 1, sizeof(double), &row_at) ||
        !add_room(&bytes, (size_t)width, sizeof(double), &weight_at) ||
        !add_room(&bytes, cr_sampler_max_segments(map_width), sizeof(cr_segment), &segments_at) ||
        !add_room(&bytes, rest_bytes, 1, &rest_at))
        return cr_fail_memory(err, "localization workspace", rest_bytes, 1);
    cr_status status = reserve(workspace, bytes, err);
    if (status != CR_OK)
        return status;

    char *block = workspace->block;
    *s = (cr_sampler){
        .map_width = map_width,
        .map_height = map_height,
        .height = height,
        .upsampling = upsampling,
        .region = *region,
        .map = (double *)(block + map_at),
        .row = (double *)(block + row_at),
        .weight = (double *)(block + weight_at),
        .segments = (cr_segment *)(block + segments_at),
        .rest = block + rest_at,
    };
    s->row[map_width] = 0;
    prepare_columns(s, width);
    return scale_map(map, n, scaling, s->map, err);
}

void cr_sampler_row(cr_sampler *s, int y)
{
    int width = s->map_width;
    double *restrict row = s->row;
    axis_point p = locate(y, s->map_height, s->region.y0, s->region.height, s->upsampling);
    if (p.low < 0) {
        memset(row, 0, (size_t)width * sizeof *row);
        return;
    }
    const double *restrict low = s->map + (size_t)p.low * (size_t)width;
    const double *restrict high = s->map + (size_t)p.high * (size_t)width;
    for (int i = 0; i < width; i++)
        row[i] = low[i] + p.weight * (high[i] - low[i]);
}

double cr_sampler_maximum(cr_sampler *s)
{
    double maximum = -INFINITY;
    for (int y = 0; y < s->height; y++) {
        cr_sampler_row(s, y);
        for (int i = 0; i < s->n_segments; i++) {
            const cr_segment *segment = &s->segments[i];
            double first = cr_sampler_value(s, segment, segment->first);
            double last = cr_sampler_value(s, segment, segment->last);
            double larger = first > last ? first : last;
            if (larger > maximum)
                maximum = larger;
        }
    }
    return maximum;
}

cr_status cr_loc_upsample(const float *map, int map_width, int map_height, cr_scaling scaling,
                          cr_upsampling upsampling, const cr_region *region, int width, int height,
                          float *out, cr_loc_workspace *workspace, cr_error *err)
{
    cr_sampler s;
    cr_status status = cr_sampler_init(&s, map, map_width, map_height, scaling, upsampling, region,
                                       width, height, 0, workspace, err);
    if (status != CR_OK)
        return status;
    for (int y = 0; y < height; y++) {
        cr_sampler_row(&s, y);
        float *row = out + (size_t)y * (size_t)width;
        for (int i = 0; i < s.n_segments; i++)
            for (int x = s.segments[i].first; x <= s.segments[i].last; x++)
                row[x] = (float)cr_sampler_value(&s, &s.segments[i], x);
    }
    return CR_OK;
}
