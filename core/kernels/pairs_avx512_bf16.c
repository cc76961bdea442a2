/* The inner loop of convolutions of bfloat16 for CPUs with AVX512_BF16: a tile of 8 rows and 32 channels stays in
 * registers while the depth is passed over. */
#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512bf16,fma")
#pragma GCC optimize("O3")
#include "pairs_finish.h"
#include "pairs_winograd.h"

#include <string.h>

#define ROWS 8
#define PAIRS (CR_PAIRS_CHUNK / 2)
#define HALF (CR_PAIRS_CHUNK * 16) /* values of a half of a chunk */
#define AHEAD (2 * 2 * HALF)       /* values from what is multiplied to what is fetched meanwhile */

static inline __attribute__((always_inline)) __m512bh pairs_of(const cr_bfloat16 *b)
{
    return (__m512bh)_mm512_loadu_si512(b);
}

static inline __attribute__((always_inline)) __m512bh spread(const cr_bfloat16 *a)
{
    int pair;
    memcpy(&pair, a, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

/* Rows `first` and on of a tile, to c or to where `end` has it. */
static inline __attribute__((always_inline)) void rows_of_tile(const cr_pairs_tile *t, int first,
                                                               const cr_pairs_finish *end)
{
    __m512 sum[ROWS][2];
    const cr_bfloat16 *b = t->b;
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
        sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    for (int run = 0; run < t->n_runs; run++) {
        const cr_bfloat16 *a = t->a + first * t->lda + t->runs[run];
        for (int chunk = 1; chunk <= t->run_chunks; chunk++, b += 2 * HALF, a += CR_PAIRS_CHUNK) {
            const int pairs = chunk < t->run_chunks ? PAIRS : t->last_pairs;
            for (int pair = 0; pair < pairs; pair++) {
                const __m512bh b0 = pairs_of(b + pair * 32), b1 = pairs_of(b + HALF + pair * 32);
                _mm_prefetch((const char *)(b + AHEAD + pair * 32), _MM_HINT_T0);
                _mm_prefetch((const char *)(b + AHEAD + HALF + pair * 32), _MM_HINT_T0);
#pragma GCC unroll 8
                for (int i = 0; i < ROWS; i++) {
                    const __m512bh value = spread(a + i * t->lda + 2 * pair);
                    sum[i][0] = _mm512_dpbf16_ps(sum[i][0], b0, value);
                    sum[i][1] = _mm512_dpbf16_ps(sum[i][1], b1, value);
                }
            }
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++) {
        if (end && 16 * v >= end->n)
            break;
        const cr_finish_lanes lanes = end ? finish_lanes(end, 16 * v) : (cr_finish_lanes){0};
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
            if (!end)
                _mm512_storeu_ps(t->c + (first + i) * CR_PAIRS_COLUMNS + 16 * v, sum[i][v]);
            else if (first + i < t->rows)
                finish_row(end, &lanes, first + i, sum[i][v]);
    }
}

static void tile(const cr_pairs_tile *t)
{
    for (int first = 0; first < t->rows; first += ROWS)
        rows_of_tile(t, first, NULL);
}

static void tile_to(const cr_pairs_tile *t, const cr_pairs_finish *end)
{
    for (int first = 0; first < t->rows; first += ROWS)
        rows_of_tile(t, first, end);
}

const cr_pairs_loops cr_pairs_avx512_bf16 = {
    .six = &cr_six_avx512_bf16, .tile = tile, .finish = finish, .tile_to = tile_to, .turn = turn};
#endif
