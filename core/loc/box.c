#include "component.h"
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

cr_status cr_loc_box(const float *map, int map_width, int map_height, cr_scaling scaling,
                     const cr_protocol *protocol, const cr_region *region, int width, int height,
                     cr_box *box, cr_loc_workspace *workspace, cr_error *err)
{
    /* A run begins in each segment at most, and no two runs of a row are neighbours. Sizes that are
     * no sizes are left to cr_sampler_init. */
    size_t max_runs = ((size_t)width + 1) / 2, room = 0, row_bytes;
    if (width > 0 && height > 0 && map_width > 0) {
        if (max_runs > cr_sampler_max_segments(map_width))
            max_runs = cr_sampler_max_segments(map_width);
        row_bytes = 2 * sizeof(cr_run) + (size_t)height * sizeof(cr_component);
        if (!cr_size_mul(max_runs, row_bytes, &room))
            return cr_fail_memory(err, "localization workspace", max_runs, row_bytes);
    }
    cr_sampler s;
    cr_status status =
        cr_sampler_init(&s, map, map_width, map_height, scaling, protocol->upsampling, region,
                        width, height, room, workspace, err);
    if (status != CR_OK)
        return status;

    *box = (cr_box){0, 0, width - 1, height - 1};
    double maximum = cr_sampler_maximum(&s);
    if (!(maximum > 0))
        return CR_OK;
    double threshold = protocol->threshold * maximum;
    cr_components components = {
        .reach = protocol->connectivity == 8,
        .labels = s.rest,
    };
    cr_run *runs = (cr_run *)(components.labels + max_runs * (size_t)height);
    for (int y = 0; y < height; y++) {
        cr_run *row = runs + (y % 2 ? max_runs : 0);
        cr_sampler_row(&s, y);
        cr_components_add(&components, y, row, find_runs(&s, threshold, row));
    }
    const cr_component *largest = cr_components_largest(&components);
    if (largest)
        *box = largest->box;
    return CR_OK;
}
