/* tile.h - the inner loops of packed.c, compiled once for each instruction set: a tile_*.c defines
 * the names below and includes this file.
 *
 *   TILE_PANEL      the cr_panel_fn that is defined here
 *   TILE_LANES      values of a vector register
 *   TILE_ROWS       rows of a tile: its 2 TILE_ROWS sums, two vectors of b and a value of a spread
 *                   over a vector are to fit the registers
 *   TILE_EACH(X)    X(1) X(2) ... X(TILE_ROWS)
 *
 * Products and sums may be contracted here and nowhere else. Each value of c is one chain of
 * multiply-adds over the depth, in its order, whatever the tile it falls into. */
#include "packed.h"

typedef cr_real vector __attribute__((vector_size(TILE_LANES * sizeof(cr_real))));
typedef cr_real loose_vector
    __attribute__((vector_size(TILE_LANES * sizeof(cr_real)), aligned(sizeof(cr_real)), may_alias));

#define TILE_INLINE static inline __attribute__((always_inline))

/* One tile; `rows` and `vectors` (1 or 2) are constants wherever this is inlined. Rows of a are
 * reached from every third one: that takes a third of the address registers. */
TILE_INLINE void tile(const int rows, const int vectors, const cr_panel *p, const cr_real *a,
                      const cr_real *b, const cr_real *start, cr_real *c)
{
    vector sum[TILE_ROWS][2];
    const cr_real *third[(TILE_ROWS + 2) / 3];
    ptrdiff_t lda = p->lda;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sum[i][v] = *(const loose_vector *)(start + i * p->start_step + v * TILE_LANES);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i += 3)
        third[i / 3] = a + i * lda;
    for (ptrdiff_t k = 0; k < p->depth; k++, b += p->width) {
        vector b0 = *(const loose_vector *)b, b1 = b0;
        if (vectors == 2)
            b1 = *(const loose_vector *)(b + TILE_LANES);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            cr_real value = third[i / 3][i % 3 * lda + k];
            sum[i][0] += b0 * value;
            if (vectors == 2)
                sum[i][1] += b1 * value;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            *(loose_vector *)(c + i * p->ldc + v * TILE_LANES) = sum[i][v];
}

/* A NaN stays NaN. The tile has just been written: this is cheaper than it looks. */
TILE_INLINE void clamp_tile(const cr_panel *p, const int width, int rows, cr_real *c)
{
    cr_real lo = p->clamp.lo, hi = p->clamp.hi;
    ptrdiff_t ldc = p->ldc;
    for (int i = 0; i < rows; i++, c += ldc)
        for (int j = 0; j < width; j++) {
            cr_real v = c[j] < lo ? lo : c[j];
            c[j] = v > hi ? hi : v;
        }
}

#define TILE_CASE(n)                              \
    case n:                                       \
        if (vectors == 2)                         \
            tile(n, 2, p, a, p->b + j, start, c); \
        else                                      \
            tile(n, 1, p, a, p->b + j, start, c); \
        break;

void TILE_PANEL(const cr_panel *p)
{
    /* Tiles of about the same height: a low one leaves the multipliers waiting. */
    int n_tiles = (p->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int t = 0; t < n_tiles; t++) {
        int first = (int)((int64_t)p->rows * t / n_tiles);
        int rows = (int)((int64_t)p->rows * (t + 1) / n_tiles) - first;
        const cr_real *a = p->a + first * p->lda;
        for (int j = 0; j < p->width; j += 2 * TILE_LANES) {
            int vectors = p->width - j < 2 * TILE_LANES ? 1 : 2;
            const cr_real *start = p->start + first * p->start_step + j;
            cr_real *c = p->c + first * p->ldc + j;
            switch (rows) {
                TILE_EACH(TILE_CASE)
            }
        }
        if (p->clamps && p->width == CR_PANEL)
            clamp_tile(p, CR_PANEL, rows, p->c + first * p->ldc);
        else if (p->clamps)
            clamp_tile(p, CR_PANEL / 2, rows, p->c + first * p->ldc);
    }
}
