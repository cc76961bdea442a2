/* Maps at the resolution of the image, a row at a time. All values are checked, and the maps
 * scaled, before the first; maximum, components and whole rows are of the same values. */
#include "sampler.h"

#include "camrank/multiversion.h"

#include <math.h>
#include <string.h>

static bool size_is_good(int width, int height)
{
    return width > 0 && height > 0 && (size_t)width <= CR_LOC_MAX_PIXELS / (size_t)height;
}

/* Regions of less than a thousandth of a pixel are refused, so that no count here overflows. */
static bool region_is_good(const cr_region *region)
{
    return isfinite(region->x0) && isfinite(region->y0) && region->width >= 1e-3 &&
           region->height >= 1e-3 && isfinite(region->width) && isfinite(region->height);
}

cr_status cr_map_check(const cr_loc_map *map, int width, int height, cr_map_range *range,
                       cr_error *err)
{
    if (!size_is_good(map->width, map->height) || !size_is_good(width, height))
        return cr_fail(err, CR_EINTERNAL, "map of %d x %d or image of %d x %d is out of range",
                       map->width, map->height, width, height);
    size_t pixels = (size_t)map->width * (size_t)map->height;
    if (map->n_views < 1 || (size_t)map->n_views > CR_LOC_MAX_PIXELS / pixels)
        return cr_fail(err, CR_EINTERNAL, "%d views of %d x %d are out of range", map->n_views,
                       map->width, map->height);
    for (int v = 0; v < map->n_views; v++) {
        const cr_region *region = &map->views[v].region;
        if (!region_is_good(region))
            return cr_fail(err, CR_EINTERNAL, "region of %g x %g at %g, %g is out of range",
                           region->width, region->height, region->x0, region->y0);
    }
    *range = (cr_map_range){INFINITY, -INFINITY};
    for (size_t i = 0; i < pixels * (size_t)map->n_views; i++) {
        if (!isfinite(map->maps[i]))
            return cr_fail(err, CR_EINPUT, "activation map holds a value that is not finite");
        range->low = fmin(range->low, map->maps[i]);
        range->high = fmax(range->high, map->maps[i]);
    }
    return CR_OK;
}

cr_map_range cr_map_scale(const cr_loc_map *map, cr_map_range range)
{
    if (map->scaling == CR_SCALING_MAX)
        range.low = 0;
    return range;
}

static void scale_maps(cr_sampler *s, const cr_loc_map *map, const cr_map_range *scale)
{
    size_t width = (size_t)map->width, pixels = width * (size_t)map->height;
    double extent = scale->high - scale->low;
    for (int v = 0; v < map->n_views; v++) {
        const float *raw = map->maps + (size_t)v * pixels;
        bool flip = map->views[v].flip;
        for (size_t i = 0; i < pixels; i++) {
            size_t x = i % width, to = flip ? i - x + (width - 1 - x) : i;
            s->views[v].map[to] = extent > 0 ? (raw[i] - scale->low) / extent : 0;
        }
    }
}

static void prepare_segments(cr_sampler *s)
{
    int last_low = -2;
    for (int x = 0; x < s->width; x++) {
        cr_axis_point p = cr_axis_locate(&s->views[0].x, x);
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

/* The arrays of a sampler without segments: tables of the columns that each view covers. */
static cr_status prepare_taps(cr_sampler *s, cr_loc_workspace *workspace, cr_error *err)
{
    size_t n_taps = 0, n_columns = 0, max_row_taps = 0;
    for (int i = 0; i < s->n_views; i++) {
        cr_sampled_view *v = &s->views[i];
        for (int x = 0; x < s->width; x++)
            if (cr_axis_covers(&v->x, x) && v->n_columns++ == 0)
                v->first = x;
        size_t most = cr_axis_max_taps(&v->x), most_y = cr_axis_max_taps(&v->y), room;
        v->max_taps = (int)most;
        if (!cr_size_mul(most, (size_t)v->n_columns, &room) || room > CR_LOC_MAX_PIXELS)
            return cr_fail_memory(err, "localization workspace", most, (size_t)v->n_columns);
        n_taps += room;
        n_columns += (size_t)v->n_columns;
        max_row_taps = most_y > max_row_taps ? most_y : max_row_taps;
    }
    cr_tap *taps = cr_loc_room(workspace, CR_PART_TAPS, n_taps + max_row_taps, sizeof *taps, err);
    int *counts = cr_loc_room(workspace, CR_PART_COLUMNS, n_columns, sizeof *counts, err);
    if (!taps || !counts)
        return CR_EINTERNAL;
    s->row_taps = taps;
    taps += max_row_taps;
    for (int i = 0; i < s->n_views; i++) {
        cr_sampled_view *v = &s->views[i];
        v->taps = taps;
        v->n_taps = counts;
        for (int k = 0; k < v->n_columns; k++)
            v->n_taps[k] =
                cr_axis_taps(&v->x, v->first + k, taps + (size_t)k * (size_t)v->max_taps);
        taps += (size_t)v->n_columns * (size_t)v->max_taps;
        counts += v->n_columns;
    }
    return CR_OK;
}

cr_status cr_sampler_init(cr_sampler *s, const cr_loc_map *map, const cr_map_range *scale,
                          cr_upsampling upsampling, int width, int height,
                          cr_loc_workspace *workspace, cr_error *err)
{
    cr_status status = CR_OK;
    *s = (cr_sampler){
        .map_width = map->width,
        .map_height = map->height,
        .width = width,
        .height = height,
        .n_views = map->n_views,
    };
    size_t n_views = (size_t)map->n_views, map_width = (size_t)map->width;
    size_t pixels = map_width * (size_t)map->height;
    s->views = cr_loc_room(workspace, CR_PART_VIEWS, n_views, sizeof *s->views, err);
    double *numbers =
        cr_loc_room(workspace, CR_PART_NUMBERS,
                    n_views * pixels + map_width + 1 + 2 * (size_t)width, sizeof *numbers, err);
    if (!s->views || !numbers)
        return CR_EINTERNAL;
    s->row = numbers + n_views * pixels;
    s->row[map_width] = 0;
    s->line = s->row + map_width + 1;
    s->weight = s->line + width;
    for (size_t v = 0; v < n_views; v++) {
        const cr_region *r = &map->views[v].region;
        s->views[v] = (cr_sampled_view){
            .x = {map->width, r->x0, r->width, upsampling},
            .y = {map->height, r->y0, r->height, upsampling},
            .map = numbers + v * pixels,
        };
    }
    if (n_views > 1 || upsampling == CR_UPSAMPLING_BICUBIC) {
        status = prepare_taps(s, workspace, err);
    } else {
        s->segments = cr_loc_room(workspace, CR_PART_COLUMNS, cr_sampler_max_segments(map->width),
                                  sizeof *s->segments, err);
        if (!s->segments)
            return CR_EINTERNAL;
        prepare_segments(s);
    }
    scale_maps(s, map, scale);
    return status;
}

void cr_sampler_row(cr_sampler *s, int y)
{
    int width = s->map_width;
    double *restrict row = s->row;
    cr_axis_point p = cr_axis_locate(&s->views[0].y, y);
    if (p.low < 0) {
        memset(row, 0, (size_t)width * sizeof *row);
        return;
    }
    const double *restrict low = s->views[0].map + (size_t)p.low * (size_t)width;
    const double *restrict high = s->views[0].map + (size_t)p.high * (size_t)width;
    for (int i = 0; i < width; i++)
        row[i] = low[i] + p.weight * (high[i] - low[i]);
}

static void add_view(cr_sampler *s, const cr_sampled_view *v, int y)
{
    int width = s->map_width, n = cr_axis_taps(&v->y, y, s->row_taps);
    double *restrict row = s->row;
    if (n == 0)
        return;
    memset(row, 0, (size_t)width * sizeof *row);
    for (int t = 0; t < n; t++) {
        const double *restrict from = v->map + (size_t)s->row_taps[t].at * (size_t)width;
        double weight = s->row_taps[t].weight;
        for (int i = 0; i < width; i++)
            row[i] += weight * from[i];
    }
    for (int k = 0; k < v->n_columns; k++) {
        const cr_tap *taps = v->taps + (size_t)k * (size_t)v->max_taps;
        double sum = 0;
        for (int t = 0; t < v->n_taps[k]; t++)
            sum += taps[t].weight * row[taps[t].at];
        s->line[v->first + k] += sum;
    }
}

/* Values of a row as cr_sampler_value has them. */
CR_MULTIVERSION
static void fill_segments(int n, const cr_segment *segments, const double *row,
                          const double *weight, double *restrict line)
{
    for (int i = 0; i < n; i++) {
        const double a = row[segments[i].left], step = row[segments[i].right] - a;
        for (int x = segments[i].first; x <= segments[i].last; x++)
            line[x] = a + weight[x] * step;
    }
}

void cr_sampler_line(cr_sampler *s, int y)
{
    if (s->n_segments == 0) {
        memset(s->line, 0, (size_t)s->width * sizeof *s->line);
        for (int v = 0; v < s->n_views; v++)
            add_view(s, &s->views[v], y);
        return;
    }
    cr_sampler_row(s, y);
    fill_segments(s->n_segments, s->segments, s->row, s->weight, s->line);
}

double cr_sampler_maximum(cr_sampler *s)
{
    double maximum = -INFINITY;
    for (int y = 0; y < s->height; y++) {
        if (s->n_segments == 0) {
            cr_sampler_line(s, y);
            for (int x = 0; x < s->width; x++)
                maximum = s->line[x] > maximum ? s->line[x] : maximum;
            continue;
        }
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

CR_MULTIVERSION
static void round_line(int n, const double *line, float *restrict out)
{
    for (int x = 0; x < n; x++)
        out[x] = (float)line[x];
}

cr_status cr_loc_upsample(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                          float *out, cr_loc_workspace *workspace, cr_error *err)
{
    cr_sampler s;
    cr_map_range range;
    CR_OR_RETURN(cr_map_check(map, width, height, &range, err));
    range = cr_map_scale(map, range);
    CR_OR_RETURN(cr_sampler_init(&s, map, &range, upsampling, width, height, workspace, err));
    for (int y = 0; y < height; y++) {
        cr_sampler_line(&s, y);
        round_line(width, s.line, out + (size_t)y * (size_t)width);
    }
    return CR_OK;
}
