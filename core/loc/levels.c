#include "levels.h"

#include <stdlib.h>
#include <string.h>

const int cr_neighbour[8] = {-CR_STRIDE, -CR_STRIDE + 1, 1,  CR_STRIDE + 1,
                             CR_STRIDE,  CR_STRIDE - 1,  -1, -CR_STRIDE - 1};

static void sort(cr_levels *levels)
{
    int count[256] = {0}, next[256], n = 0;
    for (int y = 0; y < CR_FRAME; y++)
        for (int x = 0; x < CR_FRAME; x++)
            count[levels->grey[cr_place(x, y)]]++;
    for (int g = 255; g >= 0; g--) {
        levels->start[g] = next[g] = n;
        n += count[g];
    }
    for (int y = 0; y < CR_FRAME; y++)
        for (int x = 0; x < CR_FRAME; x++) {
            int place = cr_place(x, y);
            levels->order[next[levels->grey[place]]++] = (uint16_t)place;
        }
}

static void compare(cr_levels *levels)
{
    for (int y = 0; y < CR_FRAME; y++) {
        const uint8_t *row = levels->grey + cr_place(0, y);
        const uint8_t *above = row - CR_STRIDE, *below = row + CR_STRIDE;
        uint8_t *restrict before = levels->before + cr_place(0, y);
        for (int x = 0; x < CR_FRAME; x++) {
            uint8_t g = row[x];
            before[x] =
                (uint8_t)((above[x] >= g) | (above[x + 1] >= g) << 1 | (row[x + 1] > g) << 2 |
                          (below[x + 1] > g) << 3 | (below[x] > g) << 4 | (below[x - 1] > g) << 5 |
                          (row[x - 1] >= g) << 6 | (above[x - 1] >= g) << 7);
        }
    }
}

void cr_levels_build(cr_levels *levels, const uint8_t *grey)
{
    memset(levels->grey, 0, sizeof levels->grey);
    for (int y = 0; y < CR_FRAME; y++)
        memcpy(levels->grey + cr_place(0, y), grey + y * CR_FRAME, CR_FRAME);
    sort(levels);
    compare(levels);
}

int cr_levels_outer_area(const cr_levels *levels, int level, int first)
{
    const uint8_t *grey = levels->grey;
    int second = 6; /* clockwise from the left neighbour, which is out, to the first that is in */
    do
        second = (second + 1) % 8;
    while (second != 6 && grey[first + cr_neighbour[second]] <= level);
    if (second == 6)
        return 0;

    int area = 0, at = first, back = second;
    for (;;) {
        int d = back; /* counter-clockwise from where we came from */
        do
            d = (d + 7) % 8;
        while (grey[at + cr_neighbour[d]] <= level);
        int next = at + cr_neighbour[d];
        area += cr_place_x(at) * cr_place_y(next) - cr_place_x(next) * cr_place_y(at);
        if (next == first && at == first + cr_neighbour[second])
            return abs(area);
        at = next;
        back = (d + 4) % 8;
    }
}
