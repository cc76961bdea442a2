/* OpenCV's COLORMAP_JET, entry for entry, computed. */
#include "camrank/image.h"

static uint8_t clipped(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void cr_jet(uint8_t value, uint8_t rgb[3])
{
    int v = 4 * value;
    int r_up = v - 382, r_down = 1148 - v;
    int g_up = v - 128, g_down = 892 - v;
    int b_up = v + 128, b_down = 638 - v;
    rgb[0] = clipped(r_up < r_down ? r_up : r_down);
    rgb[1] = clipped(g_up < g_down ? g_up : g_down);
    rgb[2] = clipped(b_up < b_down ? b_up : b_down);
    if (value == 159) /* the one entry of OpenCV's table that is off its line */
        rgb[2] = 1;
}
