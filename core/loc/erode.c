/* The part of a mask that is far from its outside, by exact squared distances, in integers. */
#include "erode.h"

#include <math.h>

/* Distances along the columns to the nearest pixel that is out; `far` where a column has none. Whether
 * any pixel is out. */
static bool measure_columns(const uint8_t *mask, int width, int height, int32_t far,
                            int32_t *distance)
{
    bool any = false;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            ptrdiff_t i = (ptrdiff_t)y * width + x;
            int32_t above = y > 0 ? distance[i - width] : far;
            distance[i] = mask[i] ? (above < far ? above + 1 : far) : 0;
            any = any || !mask[i];
        }
    for (int y = height - 2; y >= 0; y--)
        for (int x = 0; x < width; x++) {
            ptrdiff_t i = (ptrdiff_t)y * width + x;
            if (distance[i + width] + 1 < distance[i])
                distance[i] = distance[i + width] + 1;
        }
    return any;
}

static int64_t square(int64_t n)
{
    return n * n;
}

/* One parabola of the lower envelope: the nearest pixel that is out, for columns from `from` on, is in
 * column `x`. */
typedef struct parabola {
    int32_t x, from;
} parabola;

/* The first column that is nearer, or as near, by way of column b than by way of column a < b. */
static int64_t takes_over(const int32_t *column, int a, int b)
{
    int64_t numerator = square(b) + square(column[b]) - square(a) - square(column[a]);
    int64_t denominator = 2 * ((int64_t)b - a);
    int64_t quotient = numerator / denominator;
    return quotient + (numerator % denominator > 0);
}

/* Squared distances of a row from those along its columns, by the lower envelope of parabolas
 * (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012). The largest of them. */
static int64_t measure_row(const int32_t *column, int width, parabola *envelope, int64_t *squared)
{
    int n = 0;
    int64_t most = 0;
    for (int x = 0; x < width; x++) {
        int64_t from = 0;
        while (n > 0) {
            from = takes_over(column, envelope[n - 1].x, x);
            if (from > envelope[n - 1].from)
                break;
            n--;
            from = 0;
        }
        if (from < width)
            envelope[n++] = (parabola){x, (int32_t)from};
    }
    for (int k = 0; k < n; k++) {
        int end = k + 1 < n ? envelope[k + 1].from : width;
        for (int x = envelope[k].from; x < end; x++) {
            squared[x] = square(x - envelope[k].x) + square(column[envelope[k].x]);
            most = squared[x] > most ? squared[x] : most;
        }
    }
    return most;
}

cr_status cr_erode(uint8_t *mask, int width, int height, cr_loc_workspace *workspace, cr_error *err)
{
    size_t pixels = (size_t)width * (size_t)height;
    int64_t *squared = cr_loc_room(workspace, CR_PART_SQUARES, pixels, sizeof *squared, err);
    int32_t *columns = cr_loc_room(workspace, CR_PART_DISTANCES, pixels, sizeof *columns, err);
    parabola *envelope = cr_loc_room(workspace, CR_PART_TAPS, (size_t)width, sizeof *envelope, err);
    if (!squared || !columns || !envelope)
        return CR_EINTERNAL;
    if (!measure_columns(mask, width, height, width + height, columns))
        return CR_OK;
    int64_t most = 0;
    for (int y = 0; y < height; y++) {
        ptrdiff_t row = (ptrdiff_t)y * width;
        int64_t of_row = measure_row(columns + row, width, envelope, squared + row);
        most = of_row > most ? of_row : most;
    }
    double scale = most > 0 ? 255 / sqrt((double)most) : 0;
    for (size_t i = 0; i < pixels; i++)
        mask[i] = (int)(sqrt((double)squared[i]) * scale + 0.5) > 10;
    return CR_OK;
}
