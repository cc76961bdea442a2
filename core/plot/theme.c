/* The colours and lines of all charts. */
#include "canvas.h"

/* Okabe and Ito, Color Universal Design, 2008, without black, and with a grey in place of yellow, which
 * does not show on white. */
static const double series[][3] = {
    {0.000, 0.447, 0.698}, {0.835, 0.369, 0.000}, {0.000, 0.620, 0.451}, {0.800, 0.475, 0.655},
    {0.902, 0.624, 0.000}, {0.337, 0.706, 0.914}, {0.400, 0.400, 0.400},
};
enum { N_SERIES = sizeof series / sizeof *series };

/* The same colours and yellow, so that each is lighter or darker than its neighbours. */
static const double parts[][3] = {
    {0.000, 0.447, 0.698}, {0.902, 0.624, 0.000}, {0.000, 0.620, 0.451}, {0.941, 0.894, 0.259},
    {0.835, 0.369, 0.000}, {0.337, 0.706, 0.914}, {0.478, 0.243, 0.396}, {0.700, 0.700, 0.700},
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static const double ink[3] = {0.13, 0.13, 0.13}, muted[3] = {0.36, 0.36, 0.36},
                    grid[3] = {0.87, 0.87, 0.87}, paper[3] = {1, 1, 1};

const double *cr_theme_colour(int colour)
{
    if (colour >= CR_COLOUR_SERIES && colour < CR_COLOUR_PARTS)
        return series[colour % N_SERIES];
    if (colour >= CR_COLOUR_PARTS && colour < CR_COLOUR_INK)
        return parts[(colour - CR_COLOUR_PARTS) % N_PARTS];
    return colour == CR_COLOUR_MUTED  ? muted
           : colour == CR_COLOUR_GRID ? grid
           : colour == CR_COLOUR_INK  ? ink
                                      : paper;
}

const double *cr_theme_dash(int dash, int *n)
{
    static const double dashes[CR_DASHES][4] = {{0}, {4, 2}, {1, 1.6}, {5, 1.6, 1, 1.6}};
    static const int lengths[CR_DASHES] = {0, 2, 2, 4};
    *n = lengths[dash % CR_DASHES];
    return dashes[dash % CR_DASHES];
}

/* 7 colours, 4 dashes and 5 markers: no two of 140 series are alike. */
cr_chart_style cr_chart_series(int i)
{
    return (cr_chart_style){.colour = CR_COLOUR_SERIES + i, .dash = i % CR_DASHES, .marker = i % 5};
}
