/* panel_loops.h - packed.c's inner loop (isa.h): a tile of c stays in registers while the depth is
 * passed over. Each value of c is one chain of multiply-adds over the depth, in its order, whatever
 * the tile it falls into. */
#include "vector.h"

#include "packed.h"

/* One tile; `rows` and `vectors` (1 or 2) are constants wherever this is inlined. Rows of a are
 * reached from every third one: that takes a third of the address registers. */
ISA_INLINE void tile(const int rows, const int vectors, const cr_panel *p, ptrdiff_t first,
                     ptrdiff_t column, const cr_real *next, ptrdiff_t next_step)
{
    vector sum[ISA_ROWS][2];
    const cr_real *b = p->b + column;
    ptrdiff_t lda = p->lda;
    if (p->bias) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sum[0][v] = *(const loose_vector *)(p->bias + column + v * ISA_LANES);
    } else
        sum[0][0] = sum[0][1] = (vector){0};
#pragma GCC unroll 16
    for (int i = 1; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sum[i][v] = sum[0][v];
    if (p->add) {
        const cr_real *add = p->add + first * p->add_step + column;
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                sum[i][v] += *(const loose_vector *)(add + i * p->add_step + v * ISA_LANES);
    }
    for (ptrdiff_t run = 0; run < p->runs; run++) {
        const cr_real *third[(ISA_ROWS + 2) / 3];
#pragma GCC unroll 16
        for (int i = 0; i < rows; i += 3)
            third[i / 3] = p->a + (first + i) * lda + run * p->run_step;
        for (ptrdiff_t k = 0; k < p->depth; k++, b += p->width, next += next_step) {
            vector b0 = *(const loose_vector *)b, b1 = b0;
            if (vectors == 2)
                b1 = *(const loose_vector *)(b + ISA_LANES);
            __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                cr_real value = third[i / 3][i % 3 * lda + k];
                sum[i][0] += b0 * value;
                if (vectors == 2)
                    sum[i][1] += b1 * value;
            }
        }
    }
    cr_real *c = p->c + first * p->ldc + column;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            *(loose_vector *)(c + i * p->ldc + v * ISA_LANES) = sum[i][v];
}

#define TILE_CASE(n)                                  \
    case n:                                           \
        if (vectors == 2)                             \
            tile(n, 2, p, first, column, next, step); \
        else                                          \
            tile(n, 1, p, first, column, next, step); \
        break;

static void panel(const cr_panel *p)
{
    /* Tiles of about the same height: a low one leaves the multipliers waiting. */
    int n_tiles = (p->rows + ISA_ROWS - 1) / ISA_ROWS;
    /* Each tile fetches its part of the next panel, `step` values at each step down the depth. */
    ptrdiff_t step = (p->width + n_tiles - 1) / n_tiles;
    for (int t = 0; t < n_tiles; t++) {
        int first = (int)((int64_t)p->rows * t / n_tiles);
        int rows = (int)((int64_t)p->rows * (t + 1) / n_tiles) - first;
        const cr_real *next = p->next + t * step * p->runs * p->depth;
        for (int column = 0; column < p->width; column += 2 * ISA_LANES) {
            int vectors = p->width - column < 2 * ISA_LANES ? 1 : 2;
            switch (rows) {
                ISA_EACH_ROW(TILE_CASE)
            }
        }
        cr_real *c = p->c + first * p->ldc;
        for (int i = 0; p->clamps && i < rows; i++, c += p->ldc)
            if (p->width == CR_PANEL)
                clamp_values(p->clamp, CR_PANEL, c);
            else
                clamp_values(p->clamp, CR_PANEL / 2, c);
    }
}
