/* The pixels of a grey picture sorted by value, and which neighbours come before each: what every
 * flood of it starts from. */
#include "levels.h"

#include "camrank/multiversion.h"

#include <stdlib.h>
#include <string.h>

const int cr_neighbour[8] = {-CR_STRIDE, -CR_STRIDE + 1, 1,  CR_STRIDE + 1,
                             CR_STRIDE,  CR_STRIDE - 1,  -1, -CR_STRIDE - 1};

/* Rows are counted and placed in bands side by side: neighbours are often equal, and one counter must
 * wait for itself. */
#define BANDS 4
#define BAND_ROWS (CR_FRAME / BANDS)

static void sort(cr_levels *levels)
{
    int next[BANDS][256] = {{0}}, n = 0;
    for (int y = 0; y < BAND_ROWS; y++)
        for (int x = 0; x < CR_FRAME; x++)
            for (int b = 0; b < BANDS; b++)
                next[b][levels->grey[cr_place(x, b * BAND_ROWS + y)]]++;
    for (int g = 255; g >= 0; g--) {
        levels->start[g] = n;
        for (int b = 0; b < BANDS; b++) {
            int count = next[b][g];
            next[b][g] = n;
            n += count;
        }
    }
    for (int y = 0; y < BAND_ROWS; y++)
        for (int x = 0; x < CR_FRAME; x++)
            for (int b = 0; b < BANDS; b++) {
                int place = cr_place(x, b * BAND_ROWS + y);
                levels->order[next[b][levels->grey[place]]++] = (uint16_t)place;
            }
}

CR_MULTIVERSION
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
