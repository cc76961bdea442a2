/* panel_tile.h - a tile of panel_loops.h, which includes this once for vectors of each size: TILE is
 * the function's name, TILE_LANES how many values a vector has. */

/* One tile; `rows` and `vectors` (1 or 2) are constants wherever this is inlined. Rows of a are
 * reached from every third one: that takes a third of the address registers. */
ISA_INLINE void TILE(const int rows, const int vectors, const cr_panel *p, ptrdiff_t first,
                     ptrdiff_t column, const cr_real *next, ptrdiff_t next_step)
{
    typedef cr_real lanes __attribute__((vector_size(TILE_LANES * sizeof(cr_real))));
    typedef cr_real loose_lanes __attribute__((vector_size(TILE_LANES * sizeof(cr_real)),
                                               aligned(sizeof(cr_real)), may_alias));
    lanes sum[ISA_ROWS][2];
    const cr_real *b = p->b + column;
    ptrdiff_t lda = p->lda;
    if (p->bias) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sum[0][v] = *(const loose_lanes *)(p->bias + column + v * TILE_LANES);
    } else
        sum[0][0] = sum[0][1] = (lanes){0};
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
                sum[i][v] += *(const loose_lanes *)(add + i * p->add_step + v * TILE_LANES);
                /* The tile below adds what lies there, and would wait for it. */
#pragma GCC unroll 16
        for (int i = rows; i < 2 * rows; i++)
            __builtin_prefetch(add + i * p->add_step);
    }
    for (ptrdiff_t run = 0; run < p->runs; run++) {
        const cr_real *third[(ISA_ROWS + 2) / 3];
#pragma GCC unroll 16
        for (int i = 0; i < rows; i += 3)
            third[i / 3] = p->a + (first + i) * lda + run * p->run_step;
        for (ptrdiff_t k = 0; k < p->depth; k++, b += p->width, next += next_step) {
            lanes b0 = *(const loose_lanes *)b, b1 = b0;
            if (vectors == 2)
                b1 = *(const loose_lanes *)(b + TILE_LANES);
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
    const cr_clamp clamp = p->clamp;
    if (p->clamps)
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                lanes value = sum[i][v];
                clamp_values(clamp, TILE_LANES, (cr_real *)&value);
                sum[i][v] = value;
            }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            *(loose_lanes *)(c + i * p->ldc + v * TILE_LANES) = sum[i][v];
}

#undef TILE
#undef TILE_LANES
