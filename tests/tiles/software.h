/* software.h - the tiles of AMX that pairs_amx.c uses, in plain C, so that its convolutions are tested on CPUs that
 * have none. It is included before that file and before isa.c, which then finds tiles wherever there is AVX512_BF16.
 *
 * Shapes, sums and roundings are those of TDPBF16PS in Intel's Software Developer's Manual: sums of the even and of
 * the odd products of a row, each by fused multiply-adds, are added to one another, and then to the destination.
 * Numbers are rounded to the nearest, denormal ones are 0, before and after. */
#ifndef CAMRANK_TESTS_TILES_SOFTWARE_H
#define CAMRANK_TESTS_TILES_SOFTWARE_H

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define __builtin_cpu_supports(feature) \
    (strcmp(feature, "amx-bf16") == 0 || __builtin_cpu_supports(feature))
#define syscall(...) 0L /* isa.c asks for nothing but the permission */

typedef struct tiles {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config;
    uint8_t row[8][16][64];
} tiles;

/* Tiles 0 to 7 once they are configured. */
static tiles software_tiles;

static inline void software_loadconfig(const void *config)
{
    memset(&software_tiles, 0, sizeof software_tiles);
    memcpy(&software_tiles.config, config, sizeof software_tiles.config);
}

static inline void software_release(void)
{
    memset(&software_tiles, 0, sizeof software_tiles);
}

/* Rows of a tile; a CPU traps where there are none. */
static inline int software_rows(int t)
{
    if (software_tiles.config.palette != 1 || !software_tiles.config.rows[t])
        abort();
    return software_tiles.config.rows[t];
}

static inline void software_zero(int t)
{
    (void)software_rows(t);
    memset(software_tiles.row[t], 0, sizeof software_tiles.row[t]);
}

static inline void software_loadd(int t, const void *from, size_t step)
{
    software_zero(t);
    for (int m = 0; m < software_rows(t); m++)
        memcpy(software_tiles.row[t][m], (const char *)from + (size_t)m * step,
               software_tiles.config.row_bytes[t]);
}

static inline void software_stored(int t, void *to, size_t step)
{
    for (int m = 0; m < software_rows(t); m++)
        memcpy((char *)to + (size_t)m * step, software_tiles.row[t][m],
               software_tiles.config.row_bytes[t]);
}

/* One of the two bfloat16 in 32 bits. */
static inline float software_value(uint32_t pair, int odd)
{
    const uint32_t bits = odd ? pair & 0xffff0000 : pair << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

__attribute__((target("avx512f,fma"), optimize("O3"), noinline)) static void
software_row(int n_pairs, int n, const uint32_t *a, uint32_t b[][16], float *sum)
{
    float products[2][16] = {{0}};
    for (int k = 0; k < n_pairs; k++)
        for (int odd = 0; odd < 2; odd++)
            for (int i = 0; i < n; i++)
                products[odd][i] = __builtin_fmaf(software_value(a[k], odd),
                                                  software_value(b[k][i], odd), products[odd][i]);
    for (int i = 0; i < n; i++)
        sum[i] += products[0][i] + products[1][i];
}

static inline void software_dpbf16ps(int c, int a, int b)
{
    enum { ZEROS_FOR_DENORMALS = 0x8040, MASKED = 0x1f80 };
    const unsigned before = _mm_getcsr();
    const int n_pairs = software_tiles.config.row_bytes[a] / 4;
    const int n = software_tiles.config.row_bytes[c] / 4;
    if (software_rows(b) != n_pairs || software_rows(a) != software_rows(c) ||
        software_tiles.config.row_bytes[b] / 4 != n)
        abort();
    _mm_setcsr(MASKED | ZEROS_FOR_DENORMALS);
    for (int m = 0; m < software_rows(c); m++)
        software_row(n_pairs, n, (void *)software_tiles.row[a][m], (void *)software_tiles.row[b],
                     (void *)software_tiles.row[c][m]);
    _mm_setcsr(before);
}

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#define _tile_loadconfig software_loadconfig
#define _tile_release software_release
#define _tile_zero software_zero
#define _tile_loadd software_loadd
#define _tile_stored software_stored
#define _tile_dpbf16ps software_dpbf16ps

#endif
