/* The inner loop of convolutions of bfloat16 for CPUs with AMX: 2 by 2 tiles of 16 rows and 16 channels are summed
 * up while the depth is passed over. */
#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512bf16,fma,amx-tile,amx-bf16")
#pragma GCC optimize("O3")
#include "pairs_finish.h"

#define HALF (CR_PAIRS_CHUNK * 16) /* values of a half of a chunk */
#define ROW_BYTES 64               /* of a tile */

/* Tiles 0 to 3 are sums, 4 and 5 rows of a, 6 and 7 halves of b: all of 16 rows of 64 bytes. */
static void begin(void)
{
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1,
                .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

static void tile(const cr_pairs_tile *t)
{
    const cr_bfloat16 *b = t->b;
    const size_t row = (size_t)t->lda * sizeof *t->a;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int run = 0; run < t->n_runs; run++) {
        const cr_bfloat16 *a = t->a + t->runs[run], *below = a + 16 * t->lda;
        if (t->rows > 16)
            for (int chunk = 0; chunk < t->run_chunks; chunk++, b += 2 * HALF) {
                _tile_loadd(6, b, ROW_BYTES);
                _tile_loadd(4, a + chunk * CR_PAIRS_CHUNK, row);
                _tile_dpbf16ps(0, 4, 6);
                _tile_loadd(7, b + HALF, ROW_BYTES);
                _tile_dpbf16ps(1, 4, 7);
                _tile_loadd(5, below + chunk * CR_PAIRS_CHUNK, row);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
        else
            for (int chunk = 0; chunk < t->run_chunks; chunk++, b += 2 * HALF) {
                _tile_loadd(6, b, ROW_BYTES);
                _tile_loadd(7, b + HALF, ROW_BYTES);
                _tile_loadd(4, a + chunk * CR_PAIRS_CHUNK, row);
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
            }
    }
    const size_t c_row = CR_PAIRS_COLUMNS * sizeof *t->c;
    _tile_stored(0, t->c, c_row);
    _tile_stored(1, t->c + 16, c_row);
    if (t->rows > 16) {
        _tile_stored(2, t->c + 16 * CR_PAIRS_COLUMNS, c_row);
        _tile_stored(3, t->c + 16 * CR_PAIRS_COLUMNS + 16, c_row);
    }
}

static void end(void)
{
    _tile_release();
}

const cr_pairs_loops cr_pairs_amx = {
    .begin = begin, .tile = tile, .finish = finish, .turn = turn, .end = end};
#endif
