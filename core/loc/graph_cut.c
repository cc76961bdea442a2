/* Object and background by their colours: seeds from the map, a mixture of Gaussians of each, and the cut
 * of least energy, in integers so that it is exact. */
#include "graph_cut.h"

#include "colours.h"
#include "component.h"
#include "dense.h"
#include "max_flow.h"

#include <math.h>

/* Capacities are so many to a unit of energy; no pixel's costs differ by more than the second. */
#define UNIT 1000
#define MOST_COST 1000
/* Of neighbours of the same colour, as GrabCut has it. */
#define GAMMA 50

enum { UNKNOWN, OBJECT, BACKGROUND };

/* The four neighbours whose links belong to a pixel, as cr_max_flow has them. */
static const int steps[4][2] = {{1, 0}, {0, 1}, {1, 1}, {-1, 1}};

static bool is_inside(const cr_loc_picture *picture, int x, int y)
{
    return x >= 0 && x < picture->width && y < picture->height;
}

static double difference(const cr_loc_picture *picture, int x, int y, const int step[2])
{
    const uint8_t *a = picture->rgb + 3 * ((size_t)y * (size_t)picture->width + (size_t)x);
    const uint8_t *b = a + 3 * ((ptrdiff_t)step[1] * picture->width + step[0]);
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* One over twice the mean squared difference of neighbours; 0 where all are the same. */
static double find_beta(const cr_loc_picture *picture)
{
    double sum = 0, n = 0;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            for (int k = 0; k < 4; k++)
                if (is_inside(picture, x + steps[k][0], y + steps[k][1])) {
                    sum += difference(picture, x, y, steps[k]);
                    n++;
                }
    return sum > 0 ? n / (2 * sum) : 0;
}

static void link_pixels(const cr_loc_picture *picture, int32_t *links)
{
    const double beta = find_beta(picture);
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            for (int k = 0; k < 4; k++, links++) {
                if (!is_inside(picture, x + steps[k][0], y + steps[k][1])) {
                    *links = 0;
                    continue;
                }
                const double weight = exp(-beta * difference(picture, x, y, steps[k]));
                *links = (int32_t)lround(UNIT * GAMMA * weight / (k < 2 ? 1 : sqrt(2)));
            }
}

/* What each pixel is by the map: *n_object and *n_background of them are known. */
static cr_status find_seeds(const cr_protocol *protocol, const double *values, size_t n,
                            uint8_t *seeds, size_t *n_object, size_t *n_background,
                            cr_loc_workspace *workspace, cr_error *err)
{
    double high, low;
    bool above = false;
    CR_OR_RETURN(
        cr_dense_threshold(protocol, protocol->threshold, values, n, &high, workspace, err));
    CR_OR_RETURN(cr_dense_threshold(protocol, protocol->loose, values, n, &low, workspace, err));
    *n_object = *n_background = 0;
    for (size_t i = 0; i < n; i++)
        above = above || values[i] > high;
    for (size_t i = 0; i < n; i++) {
        const bool object = above ? values[i] > high : values[i] >= high;
        seeds[i] = object ? OBJECT : values[i] <= low ? BACKGROUND : UNKNOWN;
        *n_object += seeds[i] == OBJECT;
        *n_background += seeds[i] == BACKGROUND;
    }
    return CR_OK;
}

/* The colours of the pixels of one kind. `chosen` has room for them. */
static cr_status fit(const cr_loc_picture *picture, const uint8_t *seeds, int kind, uint8_t *chosen,
                     cr_colours *colours, cr_loc_workspace *workspace, cr_error *err)
{
    const size_t n = (size_t)picture->width * (size_t)picture->height;
    size_t n_chosen = 0;
    for (size_t i = 0; i < n; i++)
        if (seeds[i] == kind) {
            for (int k = 0; k < 3; k++)
                chosen[3 * n_chosen + (size_t)k] = picture->rgb[3 * i + (size_t)k];
            n_chosen++;
        }
    return cr_colours_fit(chosen, n_chosen, colours, workspace, err);
}

/* By how much being background costs more than being object, in both directions; a seed's is more than all
 * links of a pixel can carry. */
static void weigh_pixels(const cr_loc_picture *picture, const uint8_t *seeds,
                         const cr_colours *object, const cr_colours *background, int32_t *terminals)
{
    const size_t n = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pixel = picture->rgb + 3 * i;
        double cost = seeds[i] == OBJECT ? MOST_COST : -MOST_COST;
        if (seeds[i] == UNKNOWN)
            cost = cr_colours_cost(background, pixel) - cr_colours_cost(object, pixel);
        cost = fmax(-MOST_COST, fmin(MOST_COST, cost));
        terminals[i] = (int32_t)lround(UNIT * cost);
    }
}

/* The box of the largest component, in the picture. */
static cr_status find_box(const uint8_t *sides, int width, int height, int connectivity,
                          cr_box *box, cr_loc_workspace *workspace, cr_error *err)
{
    const size_t n = ((size_t)width + 1) / 2;
    cr_run *runs = cr_loc_room(workspace, CR_PART_RUNS, 2 * n, sizeof *runs, err);
    cr_components c = {
        .reach = connectivity == 8,
        .labels = cr_loc_room(workspace, CR_PART_LABELS, n * (size_t)height, sizeof *c.labels, err),
    };
    if (!runs || !c.labels)
        return CR_EINTERNAL;
    for (int y = 0; y < height; y++, sides += width) {
        cr_run *row = runs + (y % 2 ? n : 0);
        cr_components_add(&c, y, row, cr_find_runs(sides, width, 1, row));
    }
    const cr_component *largest = cr_components_largest(&c);
    if (largest)
        *box = largest->box;
    return CR_OK;
}

/* The pixels of the image of which those of the picture are made. */
static cr_box enlarge(cr_box box, const cr_loc_picture *picture, int width, int height)
{
    const int64_t x1 = ((int64_t)box.x1 + 1) * width, y1 = ((int64_t)box.y1 + 1) * height;
    return (cr_box){(int32_t)((int64_t)box.x0 * width / picture->width),
                    (int32_t)((int64_t)box.y0 * height / picture->height),
                    (int32_t)((x1 + picture->width - 1) / picture->width - 1),
                    (int32_t)((y1 + picture->height - 1) / picture->height - 1)};
}

/* The map at the size of the picture. */
static cr_status draw_map(const cr_loc_map *map, const cr_protocol *protocol, int width, int height,
                          const cr_loc_picture *picture, double **values,
                          cr_loc_workspace *workspace, cr_error *err)
{
    const double x = (double)picture->width / width, y = (double)picture->height / height;
    cr_protocol scaled = *protocol;
    cr_loc_map reduced = *map;
    cr_map_range range;
    cr_sampler s;
    cr_view *views =
        cr_loc_room(workspace, CR_PART_REDUCED, (size_t)map->n_views, sizeof *views, err);
    if (!views)
        return CR_EINTERNAL;
    for (int v = 0; v < map->n_views; v++) {
        const cr_region *r = &map->views[v].region;
        views[v] = map->views[v];
        views[v].region = (cr_region){r->x0 * x, r->y0 * y, r->width * x, r->height * y};
    }
    reduced.views = views;
    if (protocol->smooth_unit == CR_SMOOTH_UNIT_PIXEL)
        scaled.smooth *= x < y ? x : y;
    CR_OR_RETURN(cr_map_check(&reduced, picture->width, picture->height, &range, err));
    range = cr_map_scale(map, range);
    CR_OR_RETURN(cr_sampler_init(&s, &reduced, &range, protocol->upsampling, picture->width,
                                 picture->height, workspace, err));
    return cr_dense_make(&s, &scaled, values, workspace, err);
}

cr_status cr_graph_cut_box(const cr_loc_map *map, const cr_protocol *protocol, int width,
                           int height, const cr_loc_picture *picture, cr_box *box,
                           cr_loc_workspace *workspace, cr_error *err)
{
    const size_t n = (size_t)picture->width * (size_t)picture->height;
    double *values;
    size_t n_object, n_background;
    int64_t flow;
    cr_colours object, background;
    CR_OR_RETURN(draw_map(map, protocol, width, height, picture, &values, workspace, err));
    uint8_t *seeds = cr_loc_room(workspace, CR_PART_GREY, 5 * n, 1, err);
    int32_t *terminals = cr_loc_room(workspace, CR_PART_CAPACITIES, 5 * n, sizeof *terminals, err);
    if (!seeds || !terminals)
        return CR_EINTERNAL;
    uint8_t *sides = seeds + n, *chosen = seeds + 2 * n;
    int32_t *links = terminals + n;
    CR_OR_RETURN(find_seeds(protocol, values, n, seeds, &n_object, &n_background, workspace, err));
    *box = (cr_box){0, 0, width - 1, height - 1};
    if (n_object == 0 || n_background == 0)
        return CR_OK;
    CR_OR_RETURN(fit(picture, seeds, OBJECT, chosen, &object, workspace, err));
    CR_OR_RETURN(fit(picture, seeds, BACKGROUND, chosen, &background, workspace, err));
    weigh_pixels(picture, seeds, &object, &background, terminals);
    link_pixels(picture, links);
    CR_OR_RETURN(cr_max_flow(picture->width, picture->height, terminals, links, sides, &flow,
                             workspace, err));
    cr_box found = {0, 0, picture->width - 1, picture->height - 1};
    CR_OR_RETURN(find_box(sides, picture->width, picture->height, protocol->connectivity, &found,
                          workspace, err));
    *box = enlarge(found, picture, width, height);
    return CR_OK;
}
