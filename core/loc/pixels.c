/* The upsampled map of the call before serves where the map is the same: its values, and where they lie. */
#include "pixels.h"

#include "sampler.h"

#include <string.h>

static bool is_same_view(const cr_view *a, const cr_view *b)
{
    return a->flip == b->flip && a->region.x0 == b->region.x0 && a->region.y0 == b->region.y0 &&
           a->region.width == b->region.width && a->region.height == b->region.height;
}

static size_t map_bytes(const cr_loc_map *map)
{
    return (size_t)map->n_views * (size_t)map->width * (size_t)map->height * sizeof *map->maps;
}

static bool is_same_map(const cr_loc_map *a, const cr_loc_map *b)
{
    if (a->width != b->width || a->height != b->height || a->scaling != b->scaling ||
        a->n_views != b->n_views)
        return false;
    for (int v = 0; v < a->n_views; v++)
        if (!is_same_view(&a->views[v], &b->views[v]))
            return false;
    return memcmp(a->maps, b->maps, map_bytes(a)) == 0;
}

/* Room for a map with these arrays, which are copied behind it; NULL when out of memory. */
static cr_pixels *keep_map(const cr_loc_map *map, cr_loc_workspace *workspace, cr_error *err)
{
    const size_t n_views = (size_t)map->n_views, view_bytes = n_views * sizeof *map->views;
    cr_pixels *room = cr_loc_room(workspace, CR_PART_PIXELS_OF,
                                  sizeof *room + view_bytes + map_bytes(map), 1, err);
    if (!room)
        return NULL;
    cr_view *views = (cr_view *)(room + 1);
    float *maps = (float *)(views + n_views);
    memcpy(views, map->views, view_bytes);
    memcpy(maps, map->maps, map_bytes(map));
    *room = (cr_pixels){.map = *map};
    room->map.views = views;
    room->map.maps = maps;
    return room;
}

cr_status cr_loc_pixels(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                        cr_pixels **pixels, cr_loc_workspace *workspace, cr_error *err)
{
    cr_pixels *kept = workspace->parts[CR_PART_PIXELS_OF].block;
    if (kept && kept->values && kept->upsampling == upsampling && kept->width == width &&
        kept->height == height && is_same_map(&kept->map, map)) {
        *pixels = kept;
        return CR_OK;
    }
    if (kept)
        kept->values = NULL;
    cr_map_range range;
    CR_OR_RETURN(cr_map_check(map, width, height, &range, err));
    float *values =
        cr_loc_room(workspace, CR_PART_PIXELS, (size_t)width * (size_t)height, sizeof *values, err);
    if (!values)
        return CR_EINTERNAL;
    CR_OR_RETURN(cr_loc_upsample(map, upsampling, width, height, values, workspace, err));
    kept = keep_map(map, workspace, err);
    if (!kept)
        return CR_EINTERNAL;
    kept->upsampling = upsampling;
    kept->width = width;
    kept->height = height;
    kept->values = values;
    *pixels = kept;
    return CR_OK;
}
