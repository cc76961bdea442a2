/* Where a map is largest. */
#include "sampler.h"

#include <math.h>

cr_status cr_loc_peak(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      int32_t point[2], cr_loc_workspace *workspace, cr_error *err)
{
    cr_sampler s;
    cr_map_range range;
    float most = -INFINITY;
    CR_OR_RETURN(cr_map_check(map, width, height, &range, err));
    range = cr_map_scale(map, range);
    CR_OR_RETURN(cr_sampler_init(&s, map, &range, upsampling, width, height, workspace, err));
    for (int y = 0; y < height; y++) {
        cr_sampler_line(&s, y);
        for (int x = 0; x < width; x++)
            if ((float)s.line[x] > most) {
                most = (float)s.line[x];
                point[0] = x;
                point[1] = y;
            }
    }
    return CR_OK;
}
