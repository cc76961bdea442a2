/* Where a map is largest. */
#include "pixels.h"

#include "camrank/multiversion.h"

#include <math.h>

enum { LANES = 16 };

CR_MULTIVERSION
static void find_largest(int n, const float *values, float *restrict largest)
{
    float most[LANES];
    for (int l = 0; l < LANES; l++)
        most[l] = -INFINITY;
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            most[l] = values[i + l] > most[l] ? values[i + l] : most[l];
    for (; i < n; i++)
        most[0] = values[i] > most[0] ? values[i] : most[0];
    *largest = most[0];
    for (int l = 1; l < LANES; l++)
        *largest = most[l] > *largest ? most[l] : *largest;
}

cr_status cr_loc_peak(const cr_loc_map *map, cr_upsampling upsampling, int width, int height,
                      int32_t point[2], cr_loc_workspace *workspace, cr_error *err)
{
    cr_pixels *pixels;
    float most = -INFINITY;
    CR_OR_RETURN(cr_loc_pixels(map, upsampling, width, height, &pixels, workspace, err));
    const float *row = pixels->values;
    for (int y = 0; y < height; y++, row += width) {
        float largest;
        find_largest(width, row, &largest);
        if (largest > most) {
            most = largest;
            point[0] = 0;
            point[1] = y;
            while (row[point[0]] < largest)
                point[0]++;
        }
    }
    return CR_OK;
}
