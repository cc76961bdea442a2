/* pairs.h - convolutions of bfloat16: the inner loop, of each instruction set that multiplies such.
 *
 * Two values of the depth are multiplied and added at a time, and weights lie in pairs: for each 32 output
 * channels a panel, of chunks of 32 of the depth, each of two halves [16 pairs][16 channels][2]: a half is what a
 * tile of AMX holds, and a row of it a register. What a panel or a chunk has too many is 0. */
#ifndef CAMRANK_KERNELS_PAIRS_H
#define CAMRANK_KERNELS_PAIRS_H

#include "camrank/kernels.h"

#define CR_PAIRS_ROWS 32
#define CR_PAIRS_COLUMNS 32
#define CR_PAIRS_CHUNK 32

/* c [CR_PAIRS_ROWS][CR_PAIRS_COLUMNS] = a b for the first `rows`, in float32. a has n_runs runs of run_chunks
 * chunks, which begin at runs[i] from the row's place, rows lda apart; all rows can be read, though those from
 * `rows` on are anything. */
typedef struct cr_pairs_tile {
    int rows;
    int n_runs, run_chunks, last_pairs; /* pairs of a run's last chunk that are not all 0 */
    const cr_bfloat16 *a;
    ptrdiff_t lda;
    const ptrdiff_t *runs;
    const cr_bfloat16 *b; /* a panel */
    float *c;
} cr_pairs_tile;

/* y = clamp(c + bias + add), rounded, or reals, as it is, of rows of n <= CR_PAIRS_COLUMNS channels. */
typedef struct cr_pairs_finish {
    int rows, n;
    const float *c;
    const cr_real *bias;    /* may be NULL */
    const cr_bfloat16 *add; /* may be NULL; may be y */
    ptrdiff_t add_step;
    cr_clamp clamp;
    cr_bfloat16 *y;
    cr_real *reals; /* NULL, or written in place of y */
    ptrdiff_t y_step;
} cr_pairs_finish;

/* Before and after the tiles of a convolution come begin and end, which may be NULL. */
typedef struct cr_pairs_loops {
    const struct cr_six_loops *six; /* pairs_winograd.h; NULL: direct convolutions are as fast */
    void (*begin)(void);
    void (*tile)(const cr_pairs_tile *tile);
    void (*finish)(const cr_pairs_finish *finish);
    /* Both at once, for all rows of a tile, whose c is not used; NULL: one after the other. */
    void (*tile_to)(const cr_pairs_tile *tile, const cr_pairs_finish *finish);
    /* A chunk of a panel with depth and channels exchanged. */
    void (*turn)(const cr_bfloat16 *from, cr_bfloat16 *to);
    void (*end)(void);
} cr_pairs_loops;

extern const cr_pairs_loops cr_pairs_avx512_bf16, cr_pairs_amx;

/* isa.c: those of the instruction set in use; NULL: it multiplies no bfloat16. */
const cr_pairs_loops *cr_pairs_loops_used(void);

#endif
