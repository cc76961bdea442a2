/* The boxes of a protocol at its threshold: runs of pixels above it, row by row, joined to
 * components. A threshold is crossed where testing every pixel would cross it. */
#include "component.h"
#include "contour_boxes.h"
#include "dense.h"
#include "graph_cut.h"
#include "sampler.h"

/* The last column of first .. last that is on the same side of the threshold as `first`; the two
 * ends are on different sides. */
static int crossing(const cr_sampler *s, const cr_segment *segment, double threshold)
{
    int same = segment->first, other = segment->last;
    bool in = cr_sampler_value(s, segment, same) >= threshold;
    while (other - same > 1) {
        int middle = same + (other - same) / 2;
        if ((cr_sampler_value(s, segment, middle) >= threshold) == in)
            same = middle;
        else
            other = middle;
    }
    return same;
}

/* The runs of the current row; their number. */
static int find_runs(const cr_sampler *s, double threshold, cr_run *runs)
{
    int n = 0;
    bool open = false; /* the last run reaches the end of the segment before */
    for (int i = 0; i < s->n_segments; i++) {
        const cr_segment *segment = &s->segments[i];
        bool first_in = cr_sampler_value(s, segment, segment->first) >= threshold;
        bool last_in = cr_sampler_value(s, segment, segment->last) >= threshold;
        int from = segment->first, to = segment->last;
        if (first_in != last_in) {
            int edge = crossing(s, segment, threshold);
            if (first_in)
                to = edge;
            else
                from = edge + 1;
        }
        if (first_in || last_in) {
            if (open && first_in)
                runs[n - 1].x1 = to;
            else
                runs[n++] = (cr_run){from, to, -1};
        }
        open = last_in;
    }
    return n;
}

/* The same of the values themselves. */
static int find_runs_by_pixel(const double *line, int width, double threshold, cr_run *runs)
{
    int n = 0;
    bool open = false;
    for (int x = 0; x < width; x++) {
        bool in = line[x] >= threshold;
        if (in && open)
            runs[n - 1].x1 = x;
        else if (in)
            runs[n++] = (cr_run){x, x, -1};
        open = in;
    }
    return n;
}

/* Runs that a row can have: no two are neighbours, and one at most begins in each segment. */
static size_t max_runs(const cr_sampler *s)
{
    size_t most = ((size_t)s->width + 1) / 2;
    return s->n_segments > 0 && (size_t)s->n_segments < most ? (size_t)s->n_segments : most;
}

/* `dense` is the whole map, where that is not what the sampler gives; else NULL. */
static cr_status find_largest(cr_sampler *s, const double *dense, double threshold,
                              int connectivity, cr_box *box, cr_loc_workspace *workspace,
                              cr_error *err)
{
    const size_t n = dense ? ((size_t)s->width + 1) / 2 : max_runs(s);
    cr_run *runs = cr_loc_room(workspace, CR_PART_RUNS, 2 * n, sizeof *runs, err);
    cr_components components = {
        .reach = connectivity == 8,
        .labels = cr_loc_room(workspace, CR_PART_LABELS, n * (size_t)s->height,
                              sizeof *components.labels, err),
    };
    if (!runs || !components.labels)
        return CR_EINTERNAL;
    for (int y = 0; y < s->height; y++) {
        cr_run *row = runs + (y % 2 ? n : 0);
        int n_runs;
        if (dense) {
            n_runs =
                find_runs_by_pixel(dense + (size_t)y * (size_t)s->width, s->width, threshold, row);
        } else if (s->n_segments > 0) {
            cr_sampler_row(s, y);
            n_runs = find_runs(s, threshold, row);
        } else {
            cr_sampler_line(s, y);
            n_runs = find_runs_by_pixel(s->line, s->width, threshold, row);
        }
        cr_components_add(&components, y, row, n_runs);
    }
    const cr_component *largest = cr_components_largest(&components);
    if (largest)
        *box = largest->box;
    return CR_OK;
}

bool cr_loc_map_is_empty(const cr_loc_map *map)
{
    const size_t n = (size_t)map->n_views * (size_t)map->width * (size_t)map->height;
    const float nothing = map->scaling == CR_SCALING_MAX ? 0 : map->maps[0];
    for (size_t i = 0; i < n; i++)
        if (map->scaling == CR_SCALING_MAX ? map->maps[i] > nothing : map->maps[i] != nothing)
            return false;
    return true;
}

cr_status cr_loc_boxes(const cr_loc_map *map, const cr_protocol *protocol, int width, int height,
                       const cr_loc_picture *picture, cr_box *boxes, cr_loc_workspace *workspace,
                       cr_error *err)
{
    cr_sampler s;
    cr_map_range range;
    CR_OR_RETURN(cr_map_check(map, width, height, &range, err));
    if (protocol->boxes == CR_BOX_CONTOURS)
        return cr_contour_boxes(map, protocol, width, height, boxes, workspace, err);
    if (protocol->boxes == CR_BOX_GRAPH_CUT && !cr_loc_map_is_empty(map))
        return cr_graph_cut_box(map, protocol, width, height, picture, boxes, workspace, err);
    range = cr_map_scale(map, range);
    CR_OR_RETURN(
        cr_sampler_init(&s, map, &range, protocol->upsampling, width, height, workspace, err));
    const double shares[] = {protocol->threshold, protocol->loose};
    const double maximum = cr_sampler_maximum(&s);
    double *dense = NULL;
    if (maximum > 0 && cr_dense_is_needed(protocol))
        CR_OR_RETURN(cr_dense_make(&s, protocol, &dense, workspace, err));
    for (int i = 0; i < protocol->n_boxes; i++) {
        double threshold = shares[i] * maximum;
        boxes[i] = (cr_box){0, 0, width - 1, height - 1};
        if (dense)
            CR_OR_RETURN(cr_dense_threshold(protocol, shares[i], dense,
                                            (size_t)width * (size_t)height, &threshold, workspace,
                                            err));
        if (maximum > 0)
            CR_OR_RETURN(find_largest(&s, dense, threshold, protocol->connectivity, &boxes[i],
                                      workspace, err));
    }
    return CR_OK;
}
