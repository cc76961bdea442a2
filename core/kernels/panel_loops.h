/* panel_loops.h - packed.c's inner loop (isa.h): a tile of c stays in registers while the depth is
 * passed over. Each value of c is one chain of multiply-adds over the depth, in its order, whatever
 * the tile it falls into. */
#include "vector.h"

#include "packed.h"

#define TILE tile
#define TILE_LANES ISA_LANES
#include "panel_tile.h"

/* The last of a panel's columns may fill half a vector. */
#if ISA_LANES > CR_PANEL_STEP
#define TILE half_tile
#define TILE_LANES CR_PANEL_STEP
#include "panel_tile.h"
#else
#define half_tile tile
#endif

#define TILE_CASE(n)                                       \
    case n:                                                \
        if (left >= 2 * ISA_LANES)                         \
            tile(n, 2, p, first, column, next, step);      \
        else if (left >= ISA_LANES)                        \
            tile(n, 1, p, first, column, next, step);      \
        else                                               \
            half_tile(n, 1, p, first, column, next, step); \
        break;

static void panel(const cr_panel *p)
{
    /* Tiles of about the same height: a low one leaves the multipliers waiting. */
    int n_tiles = (p->rows + ISA_ROWS - 1) / ISA_ROWS;
    int n_columns = (p->width + 2 * ISA_LANES - 1) / (2 * ISA_LANES);
    /* Each tile fetches its part of the next panel, `step` values at each step down the depth. */
    ptrdiff_t step = (p->width + n_tiles * n_columns - 1) / (n_tiles * n_columns);
    const cr_real *next = p->next;
    /* All rows go over the same columns of b, which stay in the first-level cache so. */
    for (int column = 0, left; (left = p->width - column) > 0;
         column += left >= 2 * ISA_LANES ? 2 * ISA_LANES : ISA_LANES)
        for (int t = 0; t < n_tiles; t++, next += step * p->runs * p->depth) {
            int first = (int)((int64_t)p->rows * t / n_tiles);
            int rows = (int)((int64_t)p->rows * (t + 1) / n_tiles) - first;
            switch (rows) {
                ISA_EACH_ROW(TILE_CASE)
            }
        }
}
